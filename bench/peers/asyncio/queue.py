# SPDX-License-Identifier: MIT
import sys

sys.path.append(sys.path.pop(0))  # this file's name must not hide the library's queue

import asyncio
from common import ns, say

KINDS = {
    "bounded": lambda: asyncio.Queue(64),
    "unbounded": asyncio.Queue,
    "priority": lambda: asyncio.PriorityQueue(64),
}


async def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "bounded"
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
    say("ns_alone", await ns(50000, pairs), "ns")
    while not there.empty():
        await there.get()
    tasks = [asyncio.create_task(echo())]
    say("ns_per_hand_over", await ns(20000, trips) / 2, "ns")
    if kind == "bounded":
        tasks.append(asyncio.create_task(producer()))
        say("ns_per_item", await ns(20000, items), "ns")
    for t in tasks:
        t.cancel()


asyncio.run(main())
