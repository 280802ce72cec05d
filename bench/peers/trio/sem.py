# SPDX-License-Identifier: MIT
import trio
import trio.testing
from common import ns, say, size


async def main():
    permit, count = trio.Semaphore(1), size(1)

    async def pairs(n):
        for _ in range(n):
            await permit.acquire()
            permit.release()

    async def turns(n):
        for _ in range(n):
            permit.release()
            await permit.acquire()

    async def other():
        await permit.acquire()
        while True:
            await turns(1)

    if count == 1:
        say("ns_alone", await ns(20000, pairs), "ns")
        return
    await permit.acquire()
    async with trio.open_nursery() as nursery:
        for _ in range(1, count):
            nursery.start_soon(other)
        await trio.testing.wait_all_tasks_blocked()
        say("ns_per_hand_over", await ns(20000 // count, turns) / count, "ns")
        nursery.cancel_scope.cancel()


trio.run(main)
