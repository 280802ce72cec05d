# SPDX-License-Identifier: MIT
"""It has no channel; a bounded queue does the same, with a slot or more."""
import asyncio
import sys
from common import ns, say


async def main():
    slots = int(sys.argv[1])
    if slots == 0:
        sys.exit("its queue without room is one without bounds")
    c = asyncio.Queue(slots)

    async def pairs(n):
        for _ in range(n):
            await c.put(1)
            await c.get()

    async def items(n):
        for _ in range(n):
            await c.get()

    async def sender():
        while True:
            await c.put(1)

    say("ns_alone", await ns(50000, pairs), "ns")
    task = asyncio.create_task(sender())
    say("ns_per_item", await ns(20000, items), "ns")
    task.cancel()


asyncio.run(main())
