# SPDX-License-Identifier: MIT
import gevent
from gevent.lock import RLock
from common import take_turns_plainly

take_turns_plainly(RLock(), gevent.spawn, lambda: gevent.sleep(0), step_aside=True)
