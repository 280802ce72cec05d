# SPDX-License-Identifier: MIT
import trio
from common import ns, say


async def other():
    while True:
        await trio.lowlevel.checkpoint()


async def yields(n):
    for _ in range(n):
        await trio.lowlevel.checkpoint()


async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        say("ns_per_yield", await ns(yields) / 2)
        nursery.cancel_scope.cancel()


trio.run(main)
