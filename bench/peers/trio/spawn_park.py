# SPDX-License-Identifier: MIT
import time
import trio
import trio.testing
from common import LARGE, Memory, say, size


async def main():
    n = size(1000000, most=LARGE)
    for key in "ns_cold", "ns_warm":
        memory = Memory()
        e = trio.Event()
        start = time.perf_counter_ns()
        async with trio.open_nursery() as nursery:
            for _ in range(n):
                nursery.start_soon(e.wait)
            await trio.testing.wait_all_tasks_blocked()
            say(key, (time.perf_counter_ns() - start) / n)
            if key == "ns_cold":
                memory.say(n)
            e.set()


trio.run(main)
