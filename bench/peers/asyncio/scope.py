# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say

if not hasattr(asyncio, "timeout"):
    print("skip asyncio.timeout is there from Python 3.11 on")
    raise SystemExit(77)


async def main():
    e = asyncio.Event()
    e.set()

    async def calls(n):
        for _ in range(n):
            await e.wait()

    async def scopes(n):
        for _ in range(n):
            async with asyncio.timeout(None):
                await e.wait()

    async def deadlines(n):
        for _ in range(n):
            async with asyncio.timeout(1):
                await e.wait()

    say("ns_call", await ns(calls))
    say("ns_scope", await ns(scopes))
    say("ns_scope_deadline", await ns(deadlines))


asyncio.run(main())
