# SPDX-License-Identifier: MIT
import sys
import time
import gevent
from gevent.event import Event
from common import LARGE, mix, say, size

n, gate, first = size(1000000, most=LARGE), Event(), 0.0


def sleeper(i):
    gate.wait()
    gevent.sleep(first + mix(i) % 1000000000 / 1e9 - time.monotonic())


tasks = [gevent.spawn(sleeper, i) for i in range(n)]
gevent.sleep(0)
first = time.monotonic() + 0.1 + n * 100e-6  # arming takes no longer here
cpu = time.process_time_ns()
gate.set()
gevent.sleep(0.001)  # all have armed when this one wakes
say("ns_arm", (time.process_time_ns() - cpu) / n)
if time.monotonic() > first:
    sys.exit()  # the machine is too busy: they would all fire at once
cpu = time.process_time_ns()
gevent.joinall(tasks)
say("ns_fire", (time.process_time_ns() - cpu) / n)
say("late_ms", (time.monotonic() - first - 1) * 1000, "ms")
