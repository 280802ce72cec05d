# SPDX-License-Identifier: MIT
import gevent
from gevent import subprocess
from common import say, timed

SIDE = 8


def run(n):
    for _ in range(n):
        subprocess.call(["/bin/true"])


def run_beside(n):
    tasks = [gevent.spawn(run, n) for _ in range(SIDE)]
    gevent.joinall(tasks)


say("ns_alone", timed(run))
say("ns_beside", timed(run_beside) / SIDE)
