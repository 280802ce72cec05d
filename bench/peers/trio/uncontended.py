# SPDX-License-Identifier: MIT
import trio
from common import ns, say


async def main():
    limiter = trio.CapacityLimiter(1)

    async def borrows(n):
        for _ in range(n):
            await limiter.acquire()
            limiter.release()

    say("ns_limiter", await ns(borrows))


trio.run(main)
