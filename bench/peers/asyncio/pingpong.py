# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say

stopped = False


async def other(ping, pong):
    await ping.wait()
    while not stopped:
        ping.clear()
        pong.set()
        await ping.wait()


async def main():
    global stopped
    ping, pong = asyncio.Event(), asyncio.Event()

    async def pings(n):
        for _ in range(n):
            ping.set()
            await pong.wait()
            pong.clear()

    task = asyncio.create_task(other(ping, pong))
    say("ns_per_round_trip", await ns(30000, pings), "ns")
    stopped = True
    ping.set()
    await task


asyncio.run(main())
