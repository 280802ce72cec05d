# SPDX-License-Identifier: MIT
import trio
from common import take_turns


async def main():
    await take_turns(trio.Lock())


trio.run(main)
