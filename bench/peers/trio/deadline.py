# SPDX-License-Identifier: MIT
import trio
from common import ns, say

ping = pong = trio.Event()
timed = False


async def wait_for(e):
    if timed:
        with trio.fail_after(1):
            await e.wait()
    else:
        await e.wait()


async def other():
    global ping
    while True:
        await wait_for(ping)
        ping = trio.Event()
        pong.set()


async def pings(n):
    global pong
    for _ in range(n):
        pong = trio.Event()
        ping.set()
        await wait_for(pong)


async def main():
    global timed
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        plain = await ns(pings)
        timed = True
        under = await ns(pings)
        say("ns_per_round_trip", under)
        say("ns_per_deadline", (under - plain) / 2)
        nursery.cancel_scope.cancel()


trio.run(main)
