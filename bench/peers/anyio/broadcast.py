# SPDX-License-Identifier: MIT
import statistics
import time
import anyio
from anyio.lowlevel import checkpoint
from common import BATCHES, LARGE, backend, say, size


async def main():
    n = size(1000, most=LARGE)
    events = 1000 // n if n < 1000 else 1
    whole, within = [], []
    for _ in range(1 if n > 30000 else BATCHES):
        e = [anyio.Event() for _ in range(events)]
        async with anyio.create_task_group() as group:
            for i in range(n * events):
                group.start_soon(e[i // n].wait)
            await checkpoint()
            await checkpoint()
            start = time.perf_counter_ns()
            for one in e:
                one.set()
            middle = time.perf_counter_ns()
        whole.append((time.perf_counter_ns() - start) / (n * events))
        within.append((middle - start) / (n * events))
    say("ns_per_task", statistics.median(whole))
    say("ns_in_set", statistics.median(within))


anyio.run(main, backend=backend)
