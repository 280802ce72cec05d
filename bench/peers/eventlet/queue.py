# SPDX-License-Identifier: MIT
import eventlet
from eventlet.queue import PriorityQueue, Queue
from common import say, timed, word

KINDS = {"bounded": lambda: Queue(64), "unbounded": Queue, "priority": lambda: PriorityQueue(64)}
kind = word("bounded")
there, back = KINDS[kind](), KINDS[kind]()


def pairs(n):
    item = 1
    for _ in range(n):
        there.put(item)
        item = there.get()
        item += 1 + (item & 7)


def trips(n):
    for _ in range(n):
        there.put(0)
        back.get()


def echo():
    while True:
        back.put(there.get())


def items(n):
    for _ in range(n):
        back.get()


def producer():
    while True:
        back.put(0)


for i in range(32):
    there.put(i)
say("ns_alone", timed(pairs))
while not there.empty():
    there.get()
eventlet.spawn(echo)
say("ns_per_hand_over", timed(trips) / 2)
if kind == "bounded":
    eventlet.spawn(producer)
    say("ns_per_item", timed(items))
