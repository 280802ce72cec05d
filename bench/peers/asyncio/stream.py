# SPDX-License-Identifier: MIT
"""Its streams always read ahead: a read is a copy, and no system call."""
import asyncio
import socket
from common import ns, say

LINE, LINES = 40, 800
TEXT = (b"x" * (LINE - 1) + b"\n") * LINES


async def main():
    near, far = socket.socketpair()
    reader, _ = await asyncio.open_connection(sock=near)
    _, writer = await asyncio.open_connection(sock=far)

    async def lines(n):
        for _ in range(n):
            writer.write(TEXT)
            for _ in range(LINES):
                await reader.readline()

    async def reads(n):
        for _ in range(n):
            writer.write(TEXT)
            for _ in range(LINES):
                await reader.readexactly(LINE)

    say("ns_per_line", await ns(lines) / LINES)
    say("ns_per_read", await ns(reads) / LINES)


asyncio.run(main())
