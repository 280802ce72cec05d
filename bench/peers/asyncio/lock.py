# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say, size


async def main():
    lock, count = asyncio.Lock(), size(1)

    async def pairs(n):
        for _ in range(n):
            await lock.acquire()
            lock.release()

    async def turns(n):
        for _ in range(n):
            lock.release()
            await lock.acquire()

    async def other():
        await lock.acquire()
        while True:
            await turns(1)

    if count == 1:
        say("ns_alone", await ns(100000, pairs), "ns")
        return
    await lock.acquire()
    tasks = [asyncio.create_task(other()) for _ in range(1, count)]
    await asyncio.sleep(0)
    say("ns_per_hand_over", await ns(30000 // count, turns) / count, "ns")
    for t in tasks:
        t.cancel()


asyncio.run(main())
