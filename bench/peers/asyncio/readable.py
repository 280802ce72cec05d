# SPDX-License-Identifier: MIT
import asyncio
import os
from common import Memory, ns, say, size

ONE = (1).to_bytes(8, "little")


async def main():
    loop, count = asyncio.get_running_loop(), size(1)
    fds = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(count)]
    left, all_read = 0, None

    def read_it(fd):
        nonlocal left
        os.read(fd, 8)
        left -= 1
        if left == 0:
            all_read.set_result(None)

    def watch_all():
        for fd in fds:
            loop.add_reader(fd, read_it, fd)

    def unwatch_all():
        for fd in fds:
            loop.remove_reader(fd)

    async def watch_and_unwatch(n):
        for _ in range(n):
            watch_all()
            await asyncio.sleep(0)
            unwatch_all()

    async def write_and_read(n):
        nonlocal left, all_read
        for _ in range(n):
            left, all_read = count, loop.create_future()
            for fd in fds:
                os.write(fd, ONE)
            await all_read

    memory = Memory()
    watch_all()
    if count >= 8000:  # of few, pages are too coarse a measure
        say("bytes_per_watcher", sum(memory.each(count)), "B")
    say("ns_ready", await ns(write_and_read) / count)
    unwatch_all()
    say("ns_watch_unwatch", await ns(watch_and_unwatch) / count)


asyncio.run(main())
