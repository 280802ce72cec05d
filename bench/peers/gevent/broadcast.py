# SPDX-License-Identifier: MIT
import statistics
import time
import gevent
from gevent.event import Event
from common import BATCHES, LARGE, say, size

n = size(1000, most=LARGE)
events = 1000 // n if n < 1000 else 1
whole, within = [], []
for _ in range(1 if n > 30000 else BATCHES):
    e = [Event() for _ in range(events)]
    tasks = [gevent.spawn(e[i // n].wait) for i in range(n * events)]
    gevent.sleep(0)
    start = time.perf_counter_ns()
    for one in e:
        one.set()
    middle = time.perf_counter_ns()
    gevent.joinall(tasks)
    whole.append((time.perf_counter_ns() - start) / (n * events))
    within.append((middle - start) / (n * events))
say("ns_per_task", statistics.median(whole))
say("ns_in_set", statistics.median(within))
