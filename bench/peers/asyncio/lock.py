# SPDX-License-Identifier: MIT
import asyncio
from common import take_turns

tasks = []


async def main():
    spawn = lambda f: tasks.append(asyncio.create_task(f()))
    await take_turns(asyncio.Lock(), spawn, lambda: asyncio.sleep(0))


asyncio.run(main())
