# SPDX-License-Identifier: MIT
import trio
from common import ns, number, say, word


async def main():
    slots = number(word("1"))
    send, receive = trio.open_memory_channel(slots)

    async def pairs(n):
        for _ in range(n):
            await send.send(1)
            await receive.receive()

    async def items(n):
        for _ in range(n):
            await receive.receive()

    async def sender():
        while True:
            await send.send(1)

    if slots > 0:
        say("ns_alone", await ns(pairs))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender)
        say("ns_per_item", await ns(items))
        nursery.cancel_scope.cancel()


trio.run(main)
