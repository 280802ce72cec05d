# SPDX-License-Identifier: MIT
import trio
from common import ns, say, size


async def other():
    while True:
        await trio.lowlevel.checkpoint()


async def yields(n):
    for _ in range(n):
        await trio.lowlevel.checkpoint()


async def main():
    n = size(1000)
    async with trio.open_nursery() as nursery:
        for _ in range(n - 1):
            nursery.start_soon(other)
        say("ns_per_yield", await ns(yields) / n)
        nursery.cancel_scope.cancel()


trio.run(main)
