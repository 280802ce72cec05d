# SPDX-License-Identifier: MIT
import asyncio
import time
from common import Memory, mix, ns, say, size


async def main():
    n, fired = size(1000000), 0
    some = min(n, 100000)  # of them are cancelled and armed anew
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def fire():
        nonlocal fired
        fired += 1
        if fired == n:
            done.set()

    async def pairs(n):
        for _ in range(n):
            loop.call_later(1, fire).cancel()

    pair = await ns(pairs)
    say("ns_arm_cancel", pair)
    when = [mix(i) % 1000000000 / 1e9 for i in range(n + some)]
    handles = [None] * n
    memory = Memory()
    first = loop.time() + 0.1 + 3e-9 * pair * n  # all are armed by then
    cpu = time.process_time_ns()
    for i in range(n):
        handles[i] = loop.call_at(first + when[i], fire)
    say("ns_arm", (time.process_time_ns() - cpu) / n)
    say("bytes_per_timer", sum(memory.each(n)), "B")
    cpu = time.process_time_ns()
    for i in range(some):
        at = mix(i) % n
        handles[at].cancel()
        handles[at] = loop.call_at(first + when[n + i], fire)
    say("ns_rearm", (time.process_time_ns() - cpu) / some)
    if loop.time() > first:
        return  # the machine is too busy: they would all fire at once
    cpu = time.process_time_ns()
    await done.wait()
    say("ns_fire", (time.process_time_ns() - cpu) / n)
    say("late_ms", (loop.time() - first - 1) * 1000, "ms")


asyncio.run(main())
