# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say, size

stopped = False


async def other():
    while not stopped:
        await asyncio.sleep(0)


async def yields(n):
    for _ in range(n):
        await asyncio.sleep(0)


async def main():
    global stopped
    n = size(1000)
    tasks = [asyncio.create_task(other()) for _ in range(n - 1)]
    await asyncio.sleep(0)
    say("ns_per_yield", await ns(yields) / n)
    stopped = True
    await asyncio.gather(*tasks)


asyncio.run(main())
