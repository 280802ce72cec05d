# SPDX-License-Identifier: MIT
import gevent
from gevent.event import Event
from common import say, timed

ping, pong = Event(), Event()
timed_waits = False


def wait_for(e):
    if timed_waits:
        with gevent.Timeout(1):
            e.wait()
    else:
        e.wait()


def other():
    while True:
        wait_for(ping)
        ping.clear()
        pong.set()


def pings(n):
    for _ in range(n):
        ping.set()
        wait_for(pong)
        pong.clear()


task = gevent.spawn(other)
plain = timed(pings)
timed_waits = True
under = timed(pings)
say("ns_per_round_trip", under)
say("ns_per_deadline", (under - plain) / 2)
