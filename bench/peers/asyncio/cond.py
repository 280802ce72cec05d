# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say, size


async def main():
    changed, count = asyncio.Condition(), size(1)

    async def calls(n):
        for _ in range(n):
            changed.notify(1)

    async def turns(n):
        for _ in range(n):
            changed.notify(1)
            await changed.wait()

    async def other():
        async with changed:
            await changed.wait()
            while True:
                await turns(1)

    if count == 1:
        async with changed:
            say("ns_alone", await ns(100000, calls), "ns")
        return
    tasks = [asyncio.create_task(other()) for _ in range(1, count)]
    await asyncio.sleep(0)
    async with changed:
        say("ns_per_turn", await ns(10000 // count, turns) / count, "ns")
    for t in tasks:
        t.cancel()


asyncio.run(main())
