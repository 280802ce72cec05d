# SPDX-License-Identifier: MIT
import time
import gevent
from gevent.event import Event
from common import LARGE, Memory, say, size

n = size(1000000, most=LARGE)
for key in "ns_cold", "ns_warm":
    memory = Memory()
    e = Event()
    start = time.perf_counter_ns()
    tasks = [gevent.spawn(e.wait) for _ in range(n)]
    gevent.sleep(0)
    say(key, (time.perf_counter_ns() - start) / n)
    if key == "ns_cold":
        memory.say(n)
    e.set()
    gevent.joinall(tasks)
