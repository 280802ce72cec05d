# SPDX-License-Identifier: MIT
import eventlet
from eventlet.event import Event
from common import say, timed

ping, pong = Event(), None
timed_waits = False


def wait_for(e):
    if timed_waits:
        with eventlet.Timeout(1):
            e.wait()
    else:
        e.wait()


def other():
    global ping
    while True:
        wait_for(ping)
        ping = Event()
        pong.send()


def pings(n):
    global pong
    for _ in range(n):
        pong = Event()
        ping.send()
        wait_for(pong)


task = eventlet.spawn(other)
plain = timed(pings)
timed_waits = True
under = timed(pings)
say("ns_per_round_trip", under)
say("ns_per_deadline", (under - plain) / 2)
