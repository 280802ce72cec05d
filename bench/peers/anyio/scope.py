# SPDX-License-Identifier: MIT
import anyio
from common import backend, ns, say


async def main():
    e = anyio.Event()
    e.set()

    async def calls(n):
        for _ in range(n):
            await e.wait()

    async def scopes(n):
        for _ in range(n):
            with anyio.CancelScope():
                await e.wait()

    async def deadlines(n):
        for _ in range(n):
            with anyio.move_on_after(1):
                await e.wait()

    say("ns_call", await ns(calls))
    say("ns_scope", await ns(scopes))
    say("ns_scope_deadline", await ns(deadlines))


anyio.run(main, backend=backend)
