# SPDX-License-Identifier: MIT
import time
import eventlet
from common import LARGE, say, size, timed


def nothing():
    pass


def batch(n):
    start = time.perf_counter_ns()
    tasks = [eventlet.spawn(nothing) for _ in range(n)]
    for t in tasks:
        t.wait()
    return (time.perf_counter_ns() - start) / n


def serial(n):
    for _ in range(n):
        eventlet.spawn(nothing).wait()


n = size(1000000, most=LARGE)
say("ns_batch_cold", batch(n))
say("ns_batch_warm", batch(n))
say("ns_serial", timed(serial))
