# SPDX-License-Identifier: MIT
import gevent
from common import say, timed

pool = gevent.get_hub().threadpool


def nothing():
    pass


def calls(n):
    for _ in range(n):
        pool.apply(nothing)


say("ns_thread_call", timed(calls))
