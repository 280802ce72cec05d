# SPDX-License-Identifier: MIT
import eventlet
from eventlet.semaphore import Semaphore
from common import ns, say, size

permit, count = Semaphore(1), size(1)


def pairs(n):
    for _ in range(n):
        permit.acquire()
        permit.release()


def turns(n):
    for _ in range(n):
        permit.release()
        permit.acquire()


def other():
    permit.acquire()
    while True:
        turns(1)


if count == 1:
    say("ns_alone", ns(100000, pairs), "ns")
else:
    permit.acquire()
    for _ in range(1, count):
        eventlet.spawn(other)
    eventlet.sleep(0)
    say("ns_per_hand_over", ns(20000 // count, turns) / count, "ns")
