# SPDX-License-Identifier: MIT
import eventlet
from common import say


def serve(s, address):
    while data := s.recv(4096):
        s.sendall(data)


listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
say("port", listener.getsockname()[1], "-")
eventlet.serve(listener, serve, concurrency=4096)
