# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say

if not hasattr(asyncio, "timeout"):
    print("skip asyncio.timeout is there from Python 3.11 on")
    raise SystemExit(77)
stopped = timed = False


async def wait_for(e):
    if timed:
        async with asyncio.timeout(1):
            await e.wait()
    else:
        await e.wait()


async def other(ping, pong):
    await wait_for(ping)
    while not stopped:
        ping.clear()
        pong.set()
        await wait_for(ping)


async def main():
    global stopped, timed
    ping, pong = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def pings(n):
        for _ in range(n):
            ping.set()
            await wait_for(pong)
            pong.clear()

    async def timers(n):
        for _ in range(n):
            loop.call_later(1, print).cancel()

    task = asyncio.create_task(other(ping, pong))
    plain = await ns(20000, pings)
    timed = True
    under = await ns(20000, pings)
    say("ns_per_round_trip", under, "ns")
    say("ns_per_deadline", (under - plain) / 2, "ns")
    say("ns_per_watch", await ns(50000, timers), "ns")
    stopped = True
    ping.set()
    await task


asyncio.run(main())
