# SPDX-License-Identifier: MIT
import asyncio
import statistics
import time
from common import BATCHES, say, size


async def main():
    n = size(1000)
    events = 1000 // n if n < 1000 else 1
    whole, within = [], []
    for _ in range(1 if n > 30000 else BATCHES):
        e = [asyncio.Event() for _ in range(events)]
        tasks = [asyncio.create_task(e[i // n].wait()) for i in range(n * events)]
        await asyncio.sleep(0)
        start = time.perf_counter_ns()
        for one in e:
            one.set()
        middle = time.perf_counter_ns()
        for t in tasks:
            await t
        whole.append((time.perf_counter_ns() - start) / (n * events))
        within.append((middle - start) / (n * events))
    say("ns_per_task", statistics.median(whole))
    say("ns_in_set", statistics.median(within))


asyncio.run(main())
