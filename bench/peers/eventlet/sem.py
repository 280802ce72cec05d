# SPDX-License-Identifier: MIT
import eventlet
from eventlet.semaphore import Semaphore
from common import take_turns_plainly

take_turns_plainly(Semaphore(1), eventlet.spawn, lambda: eventlet.sleep(0), step_aside=False)
