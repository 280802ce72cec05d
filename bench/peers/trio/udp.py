# SPDX-License-Identifier: MIT
import socket
import trio
from common import ns, say

BATCH, SIZE = 32, 64


async def main():
    to = trio.socket.socket(type=socket.SOCK_DGRAM)
    await to.bind(("127.0.0.1", 0))
    sender = trio.socket.socket(type=socket.SOCK_DGRAM)
    await sender.connect(to.getsockname())
    data = bytes(SIZE)

    async def batches(n):
        for _ in range(n):
            for _ in range(BATCH):
                await sender.send(data)
            for _ in range(BATCH):
                await to.recvfrom(SIZE)

    say("ns_one_by_one", await ns(batches) / BATCH)


trio.run(main)
