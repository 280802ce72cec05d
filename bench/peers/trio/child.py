# SPDX-License-Identifier: MIT
import trio
from common import ns, say

SIDE = 8


async def run(n):
    for _ in range(n):
        await trio.run_process(["/bin/true"])


async def run_beside(n):
    async with trio.open_nursery() as nursery:
        for _ in range(SIDE):
            nursery.start_soon(run, n)


async def main():
    say("ns_alone", await ns(run))
    say("ns_beside", await ns(run_beside) / SIDE)


trio.run(main)
