# SPDX-License-Identifier: MIT
import asyncio
from common import size, wait_together

tasks = []


async def main():
    parties = size(1)
    barrier = asyncio.Barrier(parties)
    spawn = lambda f: tasks.append(asyncio.create_task(f()))
    await wait_together(barrier.wait, spawn, parties)


asyncio.run(main())
