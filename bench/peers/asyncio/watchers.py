# SPDX-License-Identifier: MIT
import asyncio
import statistics
import time
from common import BATCHES, LARGE, Memory, say, size


async def main():
    n = size(1000)
    events = 1000 // n if n < 1000 else 1
    loop = asyncio.get_running_loop()
    armed, called = [], []
    left = 0
    all_called = None

    def call(_):
        nonlocal left
        left -= 1
        if left == 0:
            all_called.set_result(None)

    for r in range(2 if n > LARGE else BATCHES):
        memory = Memory()
        e = [loop.create_future() for _ in range(events)]
        left, all_called = n * events, loop.create_future()
        start = time.perf_counter_ns()
        for i in range(n * events):
            e[i // n].add_done_callback(call)
        armed.append((time.perf_counter_ns() - start) / (n * events))
        if r == 0 and n >= 10000:  # of few, pages are too coarse a measure
            say("bytes_per_watcher", sum(memory.each(n)), "B")
        start = time.perf_counter_ns()
        for one in e:
            one.set_result(None)
        await all_called
        called.append((time.perf_counter_ns() - start) / (n * events))
    say("ns_watch", statistics.median(armed))
    say("ns_per_call", statistics.median(called))


asyncio.run(main())
