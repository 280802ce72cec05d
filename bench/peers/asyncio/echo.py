# SPDX-License-Identifier: MIT
"""With a protocol, the fastest way. asyncio allocates 256 KiB for each message unless the protocol
brings its own buffer; uvloop has one."""
import asyncio
from common import peer, say


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = memoryview(bytearray(4096))

    def get_buffer(self, hint):
        return self.buffer

    def buffer_updated(self, count):
        self.transport.write(bytes(self.buffer[:count]))


async def main():
    make = Echo if peer == "uvloop" else BufferedEcho
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, backlog=4096)
    say("port", server.sockets[0].getsockname()[1], "-")
    await server.serve_forever()


asyncio.run(main())
