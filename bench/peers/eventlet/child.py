# SPDX-License-Identifier: MIT
import eventlet
from eventlet.green import subprocess
from common import say, timed

SIDE = 8


def run(n):
    for _ in range(n):
        subprocess.call(["/bin/true"])


def run_beside(n):
    tasks = [eventlet.spawn(run, n) for _ in range(SIDE)]
    for t in tasks:
        t.wait()


say("ns_alone", timed(run))
say("ns_beside", timed(run_beside) / SIDE)
