# SPDX-License-Identifier: MIT
import trio
from common import take_turns


async def main():
    async with trio.open_nursery() as nursery:
        await take_turns(trio.Semaphore(1), nursery.start_soon, trio.lowlevel.checkpoint)
        nursery.cancel_scope.cancel()


trio.run(main)
