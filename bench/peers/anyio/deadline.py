# SPDX-License-Identifier: MIT
import anyio
from common import backend, ns, say

ping = pong = None
timed = False


async def wait_for(e):
    if timed:
        with anyio.fail_after(1):
            await e.wait()
    else:
        await e.wait()


async def other():
    global ping
    while True:
        await wait_for(ping)
        ping = anyio.Event()
        pong.set()


async def pings(n):
    global pong
    for _ in range(n):
        pong = anyio.Event()
        ping.set()
        await wait_for(pong)


async def main():
    global ping, timed
    ping = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(other)
        plain = await ns(pings)
        timed = True
        under = await ns(pings)
        say("ns_per_round_trip", under)
        say("ns_per_deadline", (under - plain) / 2)
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
