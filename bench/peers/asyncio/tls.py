# SPDX-License-Identifier: MIT
import asyncio
import socket
from common import ns, say, tls_contexts

RECORD = 16384
serving, asking = tls_contexts()
data = bytes(RECORD)


async def shake():
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    reader = asyncio.StreamReader()
    make = lambda: asyncio.StreamReaderProtocol(reader)
    (server, _), (_, client) = await asyncio.gather(
        loop.connect_accepted_socket(make, far, ssl=serving),
        asyncio.open_connection(sock=near, ssl=asking, server_hostname="localhost"),
    )
    return reader, server, client


async def handshakes(n):
    for _ in range(n):
        reader, server, client = await shake()
        client.close()
        server.close()


async def main():
    say("handshake", await ns(handshakes) / 1000, "us")
    reader, server, client = await shake()

    async def pour(n):
        for _ in range(n):
            client.write(data)
            await client.drain()

    async def records(n):
        task = asyncio.create_task(pour(n))
        for _ in range(n):
            await reader.readexactly(RECORD)
        await task

    say("throughput", RECORD / await ns(records) * 1e9 / (1 << 20), "MiB/s")
    client.close()
    server.close()


asyncio.run(main())
