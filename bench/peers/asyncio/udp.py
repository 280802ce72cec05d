# SPDX-License-Identifier: MIT
"""Through the loop's own calls for sockets, which asyncio has from Python 3.11 on: its transports
allocate 256 KiB for each datagram. uvloop has only transports, and they do not."""
import asyncio
import socket
from common import ns, peer, say

BATCH, SIZE = 32, 64
data = bytes(SIZE)


class Taker(asyncio.DatagramProtocol):
    left = 0

    def datagram_received(self, data, address):
        self.left -= 1
        if self.left == 0:
            self.all.set_result(None)


async def with_transports(loop):
    to, taker = await loop.create_datagram_endpoint(Taker, local_addr=("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=to.get_extra_info("sockname")
    )

    async def batches(n):
        for _ in range(n):
            taker.left, taker.all = BATCH, loop.create_future()
            for _ in range(BATCH):
                sender.sendto(data)
            await taker.all

    return batches


async def with_sockets(loop):
    to, sender = (socket.socket(type=socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2))
    to.bind(("127.0.0.1", 0))
    sender.connect(to.getsockname())
    taken = bytearray(SIZE)

    async def batches(n):
        for _ in range(n):
            for _ in range(BATCH):
                await loop.sock_sendall(sender, data)
            for _ in range(BATCH):
                await loop.sock_recvfrom_into(to, taken)

    return batches


async def main():
    loop = asyncio.get_running_loop()
    plain = peer == "asyncio" and hasattr(loop, "sock_recvfrom_into")
    batches = await (with_sockets(loop) if plain else with_transports(loop))
    say("ns_one_by_one", await ns(batches) / BATCH)


asyncio.run(main())
