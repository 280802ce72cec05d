# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say, size


async def main():
    parties = size(1)
    barrier = asyncio.Barrier(parties)

    async def rounds(n):
        for _ in range(n):
            await barrier.wait()

    async def other():
        while True:
            await barrier.wait()

    tasks = [asyncio.create_task(other()) for _ in range(1, parties)]
    key = "ns_per_party" if parties > 1 else "ns_alone"
    say(key, await ns(10000 // parties, rounds) / parties, "ns")
    for t in tasks:
        t.cancel()


asyncio.run(main())
