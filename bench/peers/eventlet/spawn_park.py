# SPDX-License-Identifier: MIT
import time
import eventlet
from eventlet.event import Event
from common import LARGE, Memory, say, size

n = size(1000000, most=LARGE)
for key in "ns_cold", "ns_warm":
    memory = Memory()
    e = Event()
    start = time.perf_counter_ns()
    tasks = [eventlet.spawn(e.wait) for _ in range(n)]
    eventlet.sleep(0)
    say(key, (time.perf_counter_ns() - start) / n)
    if key == "ns_cold":
        memory.say(n)
    e.send()
    for t in tasks:
        t.wait()
