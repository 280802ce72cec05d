# SPDX-License-Identifier: MIT
from gevent import socket
from common import say, timed

BATCH, SIZE = 32, 64
to = socket.socket(type=socket.SOCK_DGRAM)
to.bind(("127.0.0.1", 0))
sender = socket.socket(type=socket.SOCK_DGRAM)
sender.connect(to.getsockname())
data = bytes(SIZE)


def batches(n):
    for _ in range(n):
        for _ in range(BATCH):
            sender.send(data)
        for _ in range(BATCH):
            to.recvfrom(SIZE)


say("ns_one_by_one", timed(batches) / BATCH)
