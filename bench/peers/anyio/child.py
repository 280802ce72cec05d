# SPDX-License-Identifier: MIT
import anyio
from common import backend, ns, say

SIDE = 8


async def run(n):
    for _ in range(n):
        await anyio.run_process(["/bin/true"])


async def run_beside(n):
    async with anyio.create_task_group() as group:
        for _ in range(SIDE):
            group.start_soon(run, n)


async def main():
    say("ns_alone", await ns(run))
    say("ns_beside", await ns(run_beside) / SIDE)


anyio.run(main, backend=backend)
