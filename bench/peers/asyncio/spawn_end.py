# SPDX-License-Identifier: MIT
import asyncio
import time
from common import LARGE, ns, say, size


async def nothing():
    pass


async def batch(n):
    start = time.perf_counter_ns()
    tasks = [asyncio.create_task(nothing()) for _ in range(n)]
    for t in tasks:
        await t
    return (time.perf_counter_ns() - start) / n


async def serial(n):
    for _ in range(n):
        await asyncio.create_task(nothing())


async def main():
    n = size(1000000)
    say("ns_batch_cold", await batch(n))
    if n <= LARGE:
        say("ns_batch_warm", await batch(n))
    say("ns_serial", await ns(serial))


asyncio.run(main())
