# SPDX-License-Identifier: MIT
import anyio
from anyio.abc import SocketAttribute
from common import backend, ns, say

BATCH, SIZE = 32, 64


async def main():
    to = await anyio.create_udp_socket(local_host="127.0.0.1")
    port = to.extra(SocketAttribute.local_port)
    sender = await anyio.create_connected_udp_socket("127.0.0.1", port)
    data = bytes(SIZE)

    async def batches(n):
        for _ in range(n):
            for _ in range(BATCH):
                await sender.send(data)
            for _ in range(BATCH):
                await to.receive()

    say("ns_one_by_one", await ns(batches) / BATCH)


anyio.run(main, backend=backend)
