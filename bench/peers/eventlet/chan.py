# SPDX-License-Identifier: MIT
"""It has no channel; a queue does the same, and one for 0 items is a rendezvous."""
import eventlet
from eventlet.queue import LightQueue
from common import number, say, timed, word

slots = number(word("1"))
c = LightQueue(slots)


def pairs(n):
    for _ in range(n):
        c.put(1)
        c.get()


def items(n):
    for _ in range(n):
        c.get()


def sender():
    while True:
        c.put(1)


if slots > 0:
    say("ns_alone", timed(pairs))
eventlet.spawn(sender)
say("ns_per_item", timed(items))
