# SPDX-License-Identifier: MIT
"""Its event cannot be cleared: each leg makes a new one, as its users do."""
import anyio
from common import backend, ns, say

ping = pong = None


async def other():
    global ping
    while True:
        await ping.wait()
        ping = anyio.Event()
        pong.set()


async def pings(n):
    global pong
    for _ in range(n):
        pong = anyio.Event()
        ping.set()
        await pong.wait()


async def main():
    global ping
    ping = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(other)
        say("ns_per_round_trip", await ns(pings))
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
