# SPDX-License-Identifier: MIT
"""Each thread posts a thousand callbacks and waits until all of them have run, and so on."""
import asyncio
import threading
import time
from common import say

POSTS, ROUNDS = 1000, 20


def post(loop):
    ran = threading.Semaphore(0)
    for _ in range(ROUNDS):
        for _ in range(POSTS - 1):
            loop.call_soon_threadsafe(nothing)
        loop.call_soon_threadsafe(ran.release)  # they run in order
        ran.acquire()


def nothing():
    pass


async def posted(count):
    loop = asyncio.get_running_loop()
    start = time.perf_counter_ns()
    threads = [threading.Thread(target=post, args=(loop,)) for _ in range(count)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        await asyncio.sleep(0.001)
    return (time.perf_counter_ns() - start) / (count * ROUNDS * POSTS)


async def main():
    say("ns_per_post_1", await posted(1))
    say("ns_per_post_4", await posted(4))


asyncio.run(main())
