# SPDX-License-Identifier: MIT
import gevent
from gevent.event import Event
from common import say, timed

e = Event()
e.set()


def calls(n):
    for _ in range(n):
        e.wait()


def scopes(n):
    for _ in range(n):
        with gevent.Timeout(None):
            e.wait()


def deadlines(n):
    for _ in range(n):
        with gevent.Timeout(1):
            e.wait()


say("ns_call", timed(calls))
say("ns_scope", timed(scopes))
say("ns_scope_deadline", timed(deadlines))
