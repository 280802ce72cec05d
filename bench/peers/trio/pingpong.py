# SPDX-License-Identifier: MIT
"""Its event cannot be cleared: each leg makes a new one, as its users do."""
import trio
from common import ns, say

ping = pong = trio.Event()


async def other():
    global ping
    while True:
        await ping.wait()
        ping = trio.Event()
        pong.set()


async def pings(n):
    global pong
    for _ in range(n):
        pong = trio.Event()
        ping.set()
        await pong.wait()


async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        say("ns_per_round_trip", await ns(pings))
        nursery.cancel_scope.cancel()


trio.run(main)
