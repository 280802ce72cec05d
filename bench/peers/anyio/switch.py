# SPDX-License-Identifier: MIT
import anyio
from anyio.lowlevel import checkpoint
from common import backend, ns, say


async def other():
    while True:
        await checkpoint()


async def yields(n):
    for _ in range(n):
        await checkpoint()


async def main():
    async with anyio.create_task_group() as group:
        group.start_soon(other)
        say("ns_per_yield", await ns(yields) / 2)
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
