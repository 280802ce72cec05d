# SPDX-License-Identifier: MIT
"""It reads no lines."""
import socket
import trio
from common import ns, say

LINE, LINES = 40, 800
TEXT = b"x" * LINE * LINES


async def main():
    near, far = (trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in socket.socketpair())

    async def reads(n):
        for _ in range(n):
            await far.send_all(TEXT)
            for _ in range(LINES):
                await near.receive_some(LINE)

    say("ns_per_read", await ns(reads) / LINES)


trio.run(main)
