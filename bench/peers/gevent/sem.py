# SPDX-License-Identifier: MIT
import gevent
from gevent.lock import Semaphore
from common import take_turns_plainly

take_turns_plainly(Semaphore(1), gevent.spawn, lambda: gevent.sleep(0), step_aside=True)
