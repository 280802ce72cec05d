# SPDX-License-Identifier: MIT
"""The server sends head and page one after the other, and Nagle's algorithm would hold the page
back: so its socket is made with TCP_NODELAY, which its connections inherit."""
import gevent.pywsgi
from gevent import socket
from common import say

PAGE = b"a page of sixty-four bytes, for everyone who asks for it: hello\n"


def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]


listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.bind(("127.0.0.1", 0))
listener.listen(4096)
server = gevent.pywsgi.WSGIServer(listener, page, log=None)
server.start()
say("port", server.server_port, "-")
server.serve_forever()
