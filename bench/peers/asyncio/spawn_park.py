# SPDX-License-Identifier: MIT
import asyncio
import time
from common import LARGE, Memory, say, size


async def main():
    n = size(1000000)
    for key in ("ns_cold", "ns_warm") if n <= LARGE else ("ns_cold",):
        memory = Memory()
        e = asyncio.Event()
        start = time.perf_counter_ns()
        tasks = [asyncio.create_task(e.wait()) for _ in range(n)]
        await asyncio.sleep(0)
        say(key, (time.perf_counter_ns() - start) / n)
        if key == "ns_cold":
            memory.say(n)
        e.set()
        for t in tasks:
            await t


asyncio.run(main())
