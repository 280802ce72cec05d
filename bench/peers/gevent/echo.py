# SPDX-License-Identifier: MIT
import gevent.server
from common import say


def serve(s, address):
    while data := s.recv(4096):
        s.sendall(data)


server = gevent.server.StreamServer(("127.0.0.1", 0), serve, backlog=4096)
server.start()
say("port", server.server_port, "-")
server.serve_forever()
