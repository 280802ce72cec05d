# SPDX-License-Identifier: MIT
"""Its channel has no slots; where there are some a queue does the same."""
import gevent
from gevent.queue import Channel, Queue
from common import number, say, timed, word

slots = number(word("1"))
c = Queue(slots) if slots else Channel()


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
task = gevent.spawn(sender)
say("ns_per_item", timed(items))
