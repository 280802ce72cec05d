# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say

stopped = False


async def other():
    while not stopped:
        await asyncio.sleep(0)


async def yields(n):
    for _ in range(n):
        await asyncio.sleep(0)


async def main():
    global stopped
    task = asyncio.create_task(other())
    say("ns_per_yield", await ns(yields) / 2)
    stopped = True
    await task


asyncio.run(main())
