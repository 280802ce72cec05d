# SPDX-License-Identifier: MIT
"""Its event cannot be cleared: each leg makes a new one, as its users do."""
import eventlet
from eventlet.event import Event
from common import say, timed

ping = pong = Event()


def other():
    global ping
    while True:
        ping.wait()
        ping = Event()
        pong.send()


def pings(n):
    global pong
    for _ in range(n):
        pong = Event()
        ping.send()
        pong.wait()


ping = Event()
eventlet.spawn(other)
say("ns_per_round_trip", timed(pings))
