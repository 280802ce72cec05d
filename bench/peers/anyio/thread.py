# SPDX-License-Identifier: MIT
import anyio
import anyio.from_thread
import anyio.to_thread
from common import backend, ns, say, timed


def nothing():
    pass


async def calls(n):
    for _ in range(n):
        await anyio.to_thread.run_sync(nothing)


def portal_calls(n):
    for _ in range(n):
        anyio.from_thread.run_sync(nothing)


async def main():
    say("ns_thread_call", await ns(calls))
    say("ns_portal_call", await anyio.to_thread.run_sync(timed, portal_calls))


anyio.run(main, backend=backend)
