# SPDX-License-Identifier: MIT
from eventlet import tpool
from common import say, timed


def nothing():
    pass


def calls(n):
    for _ in range(n):
        tpool.execute(nothing)


say("ns_thread_call", timed(calls))
