# SPDX-License-Identifier: MIT
"""What the Python programs share, as bench.h does it."""
import statistics
import sys
import time

BATCHES = 5


def say(key, value, unit):
    print(f"{key} {value:.6g} {unit}", flush=True)


def size(otherwise):
    return int(sys.argv[1]) if len(sys.argv) > 1 else otherwise


def ns(n, body):
    """Nanoseconds for one of the n things that body(n) does."""
    each = []
    body(n // 10 + 1)
    for _ in range(BATCHES):
        start = time.perf_counter_ns()
        body(n)
        each.append((time.perf_counter_ns() - start) / n)
    return statistics.median(each)
