# SPDX-License-Identifier: MIT
"""run.py PEER PROGRAM [ARGUMENT...] - runs a peer's program: with common.py at hand, without the
program's folder in the way of imports (there is a queue.py), and, where programs are shared by
peers, with what makes the difference."""
import runpy
import sys
import warnings

import common

common.peer = sys.argv[1]
del sys.argv[:2]
warnings.simplefilter("ignore")  # of peers about one another
if common.peer == "anyio_trio":
    common.backend = "trio"
if common.peer == "uvloop":
    import uvloop

    uvloop.install()
runpy.run_path(sys.argv[0], run_name="__main__")
