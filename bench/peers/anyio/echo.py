# SPDX-License-Identifier: MIT
import anyio
from anyio.abc import SocketAttribute
from common import backend, say


async def serve(stream):
    async with stream:
        async for data in stream:
            await stream.send(data)


async def main():
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=4096)
    say("port", listener.extra(SocketAttribute.local_port), "-")
    await listener.serve(serve)


anyio.run(main, backend=backend)
