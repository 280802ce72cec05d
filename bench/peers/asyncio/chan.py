# SPDX-License-Identifier: MIT
"""It has no channel; a bounded queue does the same, with a slot or more."""
import asyncio
from common import ns, number, say, skip, word


async def main():
    slots = number(word("1"))
    if slots == 0:
        skip("its queue without room is one without bounds")
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

    say("ns_alone", await ns(pairs))
    task = asyncio.create_task(sender())
    say("ns_per_item", await ns(items))
    task.cancel()


asyncio.run(main())
