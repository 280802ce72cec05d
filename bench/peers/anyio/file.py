# SPDX-License-Identifier: MIT
import os
import tempfile
import anyio
from common import backend, mix, ns, say

SIZE, PIECE, PAGE = 64 << 20, 64 << 10, 4096


async def main(name):
    async with await anyio.open_file(name, "rb", buffering=0) as f:

        async def in_pieces(n):
            for _ in range(n):
                if not await f.read(PIECE):
                    await f.seek(0)

        async def all_over(n):
            for i in range(n):
                await f.seek(mix(i) % (SIZE // PAGE) * PAGE)
                await f.read(PAGE)

        async def names(n):
            for _ in range(n):
                async with await anyio.open_file(name, "rb", buffering=0):
                    await anyio.Path(name).stat()

        say("ns_64k", await ns(in_pieces))
        say("ns_4k", await ns(all_over))
        say("ns_open", await ns(names))


with tempfile.NamedTemporaryFile() as file:
    for _ in range(SIZE // PIECE):
        os.write(file.fileno(), bytes(PIECE))
    anyio.run(main, file.name, backend=backend)
