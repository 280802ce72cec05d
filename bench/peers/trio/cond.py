# SPDX-License-Identifier: MIT
import trio
import trio.testing
from common import ns, say, size


async def main():
    changed, count = trio.Condition(), size(1)

    async def calls(n):
        for _ in range(n):
            changed.notify(1)

    async def turns(n):
        for _ in range(n):
            changed.notify(1)
            await changed.wait()

    async def other():
        async with changed:
            await changed.wait()
            while True:
                await turns(1)

    if count == 1:
        async with changed:
            say("ns_alone", await ns(100000, calls), "ns")
        return
    async with trio.open_nursery() as nursery:
        for _ in range(1, count):
            nursery.start_soon(other)
        await trio.testing.wait_all_tasks_blocked()
        async with changed:
            say("ns_per_turn", await ns(10000 // count, turns) / count, "ns")
        nursery.cancel_scope.cancel()


trio.run(main)
