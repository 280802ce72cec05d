# SPDX-License-Identifier: MIT
"""Each thread posts a thousand callbacks and waits until all of them have run, and so on."""
import threading
import time
import trio
from common import say

POSTS, ROUNDS = 1000, 20


def nothing():
    pass


def post(token):
    ran = threading.Semaphore(0)
    for _ in range(ROUNDS):
        for _ in range(POSTS - 1):
            token.run_sync_soon(nothing)
        token.run_sync_soon(ran.release)  # they run in order
        ran.acquire()


async def posted(count):
    token = trio.lowlevel.current_trio_token()
    start = time.perf_counter_ns()
    threads = [threading.Thread(target=post, args=(token,)) for _ in range(count)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        await trio.sleep(0.001)
    return (time.perf_counter_ns() - start) / (count * ROUNDS * POSTS)


async def main():
    say("ns_per_post_1", await posted(1))
    say("ns_per_post_4", await posted(4))


trio.run(main)
