# SPDX-License-Identifier: MIT
import time
import trio
from common import LARGE, ns, say, size


async def nothing():
    pass


async def batch(n):
    start = time.perf_counter_ns()
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(nothing)
    return (time.perf_counter_ns() - start) / n


async def serial(n):
    for _ in range(n):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nothing)


async def main():
    n = size(1000000)
    say("ns_batch_cold", await batch(n))
    if n <= LARGE:
        say("ns_batch_warm", await batch(n))
    say("ns_serial", await ns(serial))


trio.run(main)
