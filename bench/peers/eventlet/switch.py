# SPDX-License-Identifier: MIT
import eventlet
from common import say, timed


def other():
    while True:
        eventlet.sleep(0)


def yields(n):
    for _ in range(n):
        eventlet.sleep(0)


task = eventlet.spawn(other)
say("ns_per_yield", timed(yields) / 2)
