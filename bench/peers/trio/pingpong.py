# SPDX-License-Identifier: MIT
"""Its event cannot be cleared: each leg makes a new one, as its users do."""
import trio
from common import ns, say

ping = pong = None
stopped = False


async def other():
    global ping
    while True:
        await ping.wait()
        if stopped:
            return
        ping = trio.Event()
        pong.set()


async def pings(n):
    global pong
    for _ in range(n):
        pong = trio.Event()
        ping.set()
        await pong.wait()


async def main():
    global ping, stopped
    ping = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        say("ns_per_round_trip", await ns(10000, pings), "ns")
        stopped = True
        ping.set()


trio.run(main)
