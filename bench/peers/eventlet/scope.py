# SPDX-License-Identifier: MIT
import eventlet
from eventlet.event import Event
from common import say, timed

e = Event()
e.send()


def calls(n):
    for _ in range(n):
        e.wait()


def scopes(n):
    for _ in range(n):
        with eventlet.Timeout(None):
            e.wait()


def deadlines(n):
    for _ in range(n):
        with eventlet.Timeout(1):
            e.wait()


say("ns_call", timed(calls))
say("ns_scope", timed(scopes))
say("ns_scope_deadline", timed(deadlines))
