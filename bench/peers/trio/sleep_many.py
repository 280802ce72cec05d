# SPDX-License-Identifier: MIT
import sys
import time
import trio
import trio.testing
from common import mix, say, size

first = 0.0


async def sleeper(gate, i):
    await gate.wait()
    await trio.sleep_until(first + mix(i) % 1000000000 / 1e9)


async def main():
    global first
    n = size(1000000, most=20000)
    gate = trio.Event()
    async with trio.open_nursery() as nursery:
        for i in range(n):
            nursery.start_soon(sleeper, gate, i)
        await trio.testing.wait_all_tasks_blocked()
        first = trio.current_time() + 0.1 + n * 150e-6  # arming takes no longer here
        cpu = time.process_time_ns()
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        say("ns_arm", (time.process_time_ns() - cpu) / n)
        if trio.current_time() > first:
            sys.exit()  # the machine is too busy: they would all fire at once
        cpu = time.process_time_ns()
    say("ns_fire", (time.process_time_ns() - cpu) / n)
    say("late_ms", (trio.current_time() - first - 1) * 1000, "ms")


trio.run(main)
