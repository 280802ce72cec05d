# SPDX-License-Identifier: MIT
import anyio
from anyio.lowlevel import checkpoint
from common import backend, ns, say, size


async def other():
    while True:
        await checkpoint()


async def yields(n):
    for _ in range(n):
        await checkpoint()


async def main():
    n = size(1000)
    async with anyio.create_task_group() as group:
        for _ in range(n - 1):
            group.start_soon(other)
        say("ns_per_yield", await ns(yields) / n)
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
