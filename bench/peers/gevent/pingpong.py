# SPDX-License-Identifier: MIT
import gevent
from gevent.event import AsyncResult, Event
from common import say, timed

ping, pong = Event(), Event()
question = AsyncResult()
reply = None


def other():
    while True:
        ping.wait()
        ping.clear()
        pong.set()


def pings(n):
    for _ in range(n):
        ping.set()
        pong.wait()
        pong.clear()


def replier():
    global question
    while True:
        value = question.get()
        question = AsyncResult()
        reply.set(value)


def questions(n):
    global reply
    for _ in range(n):
        reply = AsyncResult()
        question.set(1)
        reply.get()


tasks = [gevent.spawn(other), gevent.spawn(replier)]
say("ns_per_round_trip", timed(pings))
say("ns_per_future_round_trip", timed(questions))
