# SPDX-License-Identifier: MIT
import asyncio
import time
from common import LARGE, mix, say, size

first = 0.0


async def sleeper(gate, i):
    await gate.wait()
    await asyncio.sleep(first + mix(i) % 1000000000 / 1e9 - time.monotonic())


async def main():
    global first
    n = size(1000000, most=LARGE)
    gate = asyncio.Event()
    tasks = [asyncio.create_task(sleeper(gate, i)) for i in range(n)]
    await asyncio.sleep(0)
    first = time.monotonic() + 0.1 + n * 20e-6  # arming takes no longer here
    cpu = time.process_time_ns()
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    say("ns_arm", (time.process_time_ns() - cpu) / n)
    if time.monotonic() > first:
        return  # the machine is too busy: they would all fire at once
    cpu = time.process_time_ns()
    for t in tasks:
        await t
    say("ns_fire", (time.process_time_ns() - cpu) / n)
    say("late_ms", (time.monotonic() - first - 1) * 1000, "ms")


asyncio.run(main())
