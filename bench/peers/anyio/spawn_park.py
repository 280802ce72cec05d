# SPDX-License-Identifier: MIT
import time
import anyio
from anyio.lowlevel import checkpoint
from common import LARGE, Memory, backend, say, size


async def main():
    n = size(1000000, most=LARGE)
    for key in "ns_cold", "ns_warm":
        memory = Memory()
        e = anyio.Event()
        start = time.perf_counter_ns()
        async with anyio.create_task_group() as group:
            for _ in range(n):
                group.start_soon(e.wait)
            await checkpoint()
            await checkpoint()
            say(key, (time.perf_counter_ns() - start) / n)
            if key == "ns_cold":
                memory.say(n)
            e.set()


anyio.run(main, backend=backend)
