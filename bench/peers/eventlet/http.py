# SPDX-License-Identifier: MIT
import eventlet
import eventlet.wsgi
from common import say

PAGE = b"a page of sixty-four bytes, for everyone who asks for it: hello\n"


def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]


listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
say("port", listener.getsockname()[1], "-")
eventlet.wsgi.server(listener, page, log_output=False)
