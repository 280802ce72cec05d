# SPDX-License-Identifier: MIT
import time
import trio
from common import ns, say, size


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
    say("ns_batch_cold", await batch(n), "ns")
    say("ns_batch_warm", await batch(n), "ns")
    say("ns_serial", await ns(5000, serial), "ns")


trio.run(main)
