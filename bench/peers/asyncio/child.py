# SPDX-License-Identifier: MIT
import asyncio
from common import ns, peer, say

SIDE = 8


async def run(n):
    for _ in range(n):
        process = await asyncio.create_subprocess_exec("/bin/true")
        await process.wait()


async def run_beside(n):
    await asyncio.gather(*(run(n) for _ in range(SIDE)))


async def main():
    say("ns_alone", await ns(run))
    say("ns_beside", await ns(run_beside) / SIDE)


if peer == "asyncio" and hasattr(asyncio, "PidfdChildWatcher"):
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())  # no thread a child
asyncio.run(main())
