# SPDX-License-Identifier: MIT
import anyio
from common import backend, ns, say


async def main():
    limiter = anyio.CapacityLimiter(1)

    async def borrows(n):
        for _ in range(n):
            await limiter.acquire()
            limiter.release()

    say("ns_limiter", await ns(borrows))


anyio.run(main, backend=backend)
