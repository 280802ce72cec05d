# SPDX-License-Identifier: MIT
import asyncio
import time
from common import ns, say, size


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
    say("ns_batch_cold", await batch(n), "ns")
    say("ns_batch_warm", await batch(n), "ns")
    say("ns_serial", await ns(30000, serial), "ns")


asyncio.run(main())
