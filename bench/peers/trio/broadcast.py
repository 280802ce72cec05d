# SPDX-License-Identifier: MIT
import statistics
import time
import trio
import trio.testing
from common import BATCHES, LARGE, say, size


async def main():
    n = size(1000, most=LARGE)
    events = 1000 // n if n < 1000 else 1
    whole, within = [], []
    for _ in range(1 if n > 30000 else BATCHES):
        e = [trio.Event() for _ in range(events)]
        async with trio.open_nursery() as nursery:
            for i in range(n * events):
                nursery.start_soon(e[i // n].wait)
            await trio.testing.wait_all_tasks_blocked()
            start = time.perf_counter_ns()
            for one in e:
                one.set()
            middle = time.perf_counter_ns()
        whole.append((time.perf_counter_ns() - start) / (n * events))
        within.append((middle - start) / (n * events))
    say("ns_per_task", statistics.median(whole))
    say("ns_in_set", statistics.median(within))


trio.run(main)
