# SPDX-License-Identifier: MIT
import asyncio
import concurrent.futures
from common import ns, say, timed


def nothing():
    pass


def portal_calls(loop):
    def calls(n):
        for _ in range(n):
            answer = concurrent.futures.Future()
            loop.call_soon_threadsafe(answer.set_result, None)
            answer.result()

    say("ns_portal_call", timed(calls))


async def main():
    loop = asyncio.get_running_loop()

    async def calls(n):
        for _ in range(n):
            await loop.run_in_executor(None, nothing)

    say("ns_thread_call", await ns(calls))
    await loop.run_in_executor(None, portal_calls, loop)


asyncio.run(main())
