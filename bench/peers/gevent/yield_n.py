# SPDX-License-Identifier: MIT
import gevent
from common import say, size, timed

n = size(1000)


def other():
    while True:
        gevent.sleep(0)


def yields(n):
    for _ in range(n):
        gevent.sleep(0)


others = [gevent.spawn(other) for _ in range(n - 1)]
gevent.sleep(0)
say("ns_per_yield", timed(yields) / n)
