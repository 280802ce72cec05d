# SPDX-License-Identifier: MIT
import eventlet
from common import say, size, timed

n = size(1000)


def other():
    while True:
        eventlet.sleep(0)


def yields(n):
    for _ in range(n):
        eventlet.sleep(0)


others = [eventlet.spawn(other) for _ in range(n - 1)]
eventlet.sleep(0)
say("ns_per_yield", timed(yields) / n)
