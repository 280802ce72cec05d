# SPDX-License-Identifier: MIT
import anyio
from anyio.lowlevel import checkpoint
from common import backend, take_turns


async def main():
    async with anyio.create_task_group() as group:
        await take_turns(anyio.Lock(), group.start_soon, checkpoint)
        group.cancel_scope.cancel()


anyio.run(main, backend=backend)
