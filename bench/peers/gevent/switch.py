# SPDX-License-Identifier: MIT
import gevent
from common import say, timed


def other():
    while True:
        gevent.sleep(0)


def yields(n):
    for _ in range(n):
        gevent.sleep(0)


task = gevent.spawn(other)
say("ns_per_yield", timed(yields) / 2)
