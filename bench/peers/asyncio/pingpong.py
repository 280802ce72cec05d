# SPDX-License-Identifier: MIT
import asyncio
from common import ns, say

stopped = False
question = reply = None


async def other(ping, pong):
    await ping.wait()
    while not stopped:
        ping.clear()
        pong.set()
        await ping.wait()


async def replier(loop):
    global question
    while value := await question:
        question = loop.create_future()
        reply.set_result(value)


async def main():
    global question, stopped
    ping, pong = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def pings(n):
        for _ in range(n):
            ping.set()
            await pong.wait()
            pong.clear()

    async def questions(n):
        global reply
        for i in range(n):
            reply = loop.create_future()
            question.set_result(1)
            await reply

    task = asyncio.create_task(other(ping, pong))
    say("ns_per_round_trip", await ns(pings))
    stopped = True
    ping.set()
    await task
    question = loop.create_future()
    task = asyncio.create_task(replier(loop))
    say("ns_per_future_round_trip", await ns(questions))
    question.set_result(None)
    await task


asyncio.run(main())
