# SPDX-License-Identifier: MIT
import sys

sys.path.append(sys.path.pop(0))  # this file's name must not hide the library's queue

import eventlet
from eventlet.queue import PriorityQueue, Queue
from common import ns, say

KINDS = {"bounded": lambda: Queue(64), "unbounded": Queue, "priority": lambda: PriorityQueue(64)}
kind = sys.argv[1] if len(sys.argv) > 1 else "bounded"
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
say("ns_alone", ns(50000, pairs), "ns")
while not there.empty():
    there.get()
eventlet.spawn(echo)
say("ns_per_hand_over", ns(10000, trips) / 2, "ns")
if kind == "bounded":
    eventlet.spawn(producer)
    say("ns_per_item", ns(20000, items), "ns")
