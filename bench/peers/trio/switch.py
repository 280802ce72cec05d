# SPDX-License-Identifier: MIT
import trio
from common import ns, say

stopped = False


async def other():
    while not stopped:
        await trio.lowlevel.checkpoint()


async def yields(n):
    for _ in range(n):
        await trio.lowlevel.checkpoint()


async def main():
    global stopped
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        say("ns_per_yield", await ns(20000, yields) / 2, "ns")
        stopped = True


trio.run(main)
