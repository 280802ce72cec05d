# SPDX-License-Identifier: MIT
import trio
from common import ns, say, timed


def nothing():
    pass


async def calls(n):
    for _ in range(n):
        await trio.to_thread.run_sync(nothing)


def portal_calls(n):
    for _ in range(n):
        trio.from_thread.run_sync(nothing)


async def main():
    say("ns_thread_call", await ns(calls))
    say("ns_portal_call", await trio.to_thread.run_sync(timed, portal_calls))


trio.run(main)
