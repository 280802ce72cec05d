# SPDX-License-Identifier: MIT
import socket
import trio
from common import ns, say, tls_contexts

RECORD = 16384
serving, asking = tls_contexts()
data = bytes(RECORD)


async def shake():
    near, far = (trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in socket.socketpair())
    server = trio.SSLStream(far, serving, server_side=True)
    client = trio.SSLStream(near, asking, server_hostname="localhost")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.do_handshake()
    return server, client


async def handshakes(n):
    for _ in range(n):
        server, client = await shake()
        await trio.aclose_forcefully(client)
        await trio.aclose_forcefully(server)


async def main():
    say("handshake", await ns(handshakes) / 1000, "us")
    server, client = await shake()

    async def pour(n):
        for _ in range(n):
            await client.send_all(data)

    async def records(n):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pour, n)
            left = n * RECORD
            while left > 0:
                left -= len(await server.receive_some(RECORD))

    say("throughput", RECORD / await ns(records) * 1e9 / (1 << 20), "MiB/s")


trio.run(main)
