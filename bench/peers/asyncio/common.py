# SPDX-License-Identifier: MIT
"""What the Python programs share, as bench.h does it."""
import asyncio
import statistics
import sys
import time

BATCHES = 5


def say(key, value, unit):
    print(f"{key} {value:.6g} {unit}", flush=True)


def size(otherwise):
    return int(sys.argv[1]) if len(sys.argv) > 1 else otherwise


async def ns(n, body):
    """Nanoseconds for one of the n things that body(n) does."""
    each = []
    await body(n // 10 + 1)
    for _ in range(BATCHES):
        start = time.perf_counter_ns()
        await body(n)
        each.append((time.perf_counter_ns() - start) / n)
    return statistics.median(each)


def status(field):
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Memory:
    def __init__(self):
        self.rss, self.tables = status("VmRSS"), status("VmPTE")

    def say(self, tasks):
        rss, tables = status("VmRSS") - self.rss, status("VmPTE") - self.tables
        say("rss_per_task", rss / tasks, "B")
        say("tables_per_task", tables / tasks, "B")
        say("bytes_per_task", (rss + tables) / tasks, "B")


def mix(x):
    mask = (1 << 64) - 1
    x = ((x ^ (x >> 31)) * 0x7FB5D329728EA185) & mask
    x = ((x ^ (x >> 27)) * 0x81DADEF4BC2DD44D) & mask
    return x ^ (x >> 33)


async def take_turns(thing):
    """As turns.h: what do taking and giving back cost alone, and what is it to hand over?"""
    count = size(1)

    async def pairs(n):
        for _ in range(n):
            await thing.acquire()
            thing.release()

    async def turns(n):
        for _ in range(n):
            thing.release()
            await thing.acquire()

    async def other():
        await thing.acquire()
        while True:
            await turns(1)

    if count == 1:
        say("ns_alone", await ns(100000, pairs), "ns")
        return
    await thing.acquire()
    tasks = [asyncio.create_task(other()) for _ in range(1, count)]
    await asyncio.sleep(0)
    say("ns_per_hand_over", await ns(30000 // count, turns) / count, "ns")
    for t in tasks:
        t.cancel()
