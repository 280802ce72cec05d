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

    async def pings(n):
        for _ in range(n):
            ping.set()
            await wait_for(pong)
            pong.clear()

    task = asyncio.create_task(other(ping, pong))
    plain = await ns(pings)
    timed = True
    under = await ns(pings)
    say("ns_per_round_trip", under)
    say("ns_per_deadline", (under - plain) / 2)
    stopped = True
    ping.set()
    await task


asyncio.run(main())
