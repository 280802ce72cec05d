# SPDX-License-Identifier: MIT
import trio
from common import say


async def serve(stream):
    async for data in stream:
        await stream.send_all(data)


async def main():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    say("port", listeners[0].socket.getsockname()[1], "-")
    await trio.serve_listeners(serve, listeners)


trio.run(main)
