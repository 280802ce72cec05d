# SPDX-License-Identifier: MIT
import time
import gevent
from common import LARGE, say, size, timed


def nothing():
    pass


def batch(n):
    start = time.perf_counter_ns()
    tasks = [gevent.spawn(nothing) for _ in range(n)]
    gevent.joinall(tasks)
    return (time.perf_counter_ns() - start) / n


def serial(n):
    for _ in range(n):
        gevent.spawn(nothing).join()


n = size(1000000, most=LARGE)
say("ns_batch_cold", batch(n))
say("ns_batch_warm", batch(n))
say("ns_serial", timed(serial))
