# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say, word

KINDS = {
    "bounded": lambda: asyncio.Queue(64),
    "unbounded": asyncio.Queue,
    "priority": lambda: asyncio.PriorityQueue(64),
}


async def main():
    kind = word("bounded")
    there, back = KINDS[kind](), KINDS[kind]()

    async def pairs(n):
        item = 1
        for _ in range(n):
            await there.put(item)
            item = await there.get()
            item += 1 + (item & 7)

    async def trips(n):
        for _ in range(n):
            await there.put(0)
            await back.get()

    async def echo():
        while True:
            await back.put(await there.get())

    async def items(n):
        for _ in range(n):
            await back.get()

    async def producer():
        while True:
            await back.put(0)

    for i in range(32):
        await there.put(i)
    say("ns_alone", await ns(pairs))
    while not there.empty():
        await there.get()
    tasks = [asyncio.create_task(echo())]
    say("ns_per_hand_over", await ns(trips) / 2)
    if kind == "bounded":
        tasks.append(asyncio.create_task(producer()))
        say("ns_per_item", await ns(items))
    for t in tasks:
        t.cancel()


asyncio.run(main())
