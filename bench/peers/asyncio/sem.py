# SPDX-License-Identifier: MIT
import asyncio
from common import take_turns


async def main():
    await take_turns(asyncio.Semaphore(1))


asyncio.run(main())
