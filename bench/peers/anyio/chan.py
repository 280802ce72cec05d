# SPDX-License-Identifier: MIT
import anyio
from common import backend, ns, number, say, word


async def main():
    slots = number(word("1"))
    send, receive = anyio.create_memory_object_stream(slots)

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
    async with anyio.create_task_group() as group:
        group.start_soon(sender)
        say("ns_per_item", await ns(items))
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
