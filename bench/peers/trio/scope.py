# SPDX-License-Identifier: MIT
import trio
from common import ns, say


async def main():
    e = trio.Event()
    e.set()

    async def calls(n):
        for _ in range(n):
            await e.wait()

    async def scopes(n):
        for _ in range(n):
            with trio.CancelScope():
                await e.wait()

    async def deadlines(n):
        for _ in range(n):
            with trio.move_on_after(1):
                await e.wait()

    say("ns_call", await ns(calls))
    say("ns_scope", await ns(scopes))
    say("ns_scope_deadline", await ns(deadlines))


trio.run(main)
