# SPDX-License-Identifier: MIT
import trio
import trio.testing
from common import ns, say, size


async def main():
    lock, count = trio.Lock(), size(1)

    async def pairs(n):
        for _ in range(n):
            await lock.acquire()
            lock.release()

    async def turns(n):
        for _ in range(n):
            lock.release()
            await lock.acquire()

    async def other():
        await lock.acquire()
        while True:
            await turns(1)

    if count == 1:
        say("ns_alone", await ns(20000, pairs), "ns")
        return
    await lock.acquire()
    async with trio.open_nursery() as nursery:
        for _ in range(1, count):
            nursery.start_soon(other)
        await trio.testing.wait_all_tasks_blocked()
        say("ns_per_hand_over", await ns(20000 // count, turns) / count, "ns")
        nursery.cancel_scope.cancel()


trio.run(main)
