/* SPDX-License-Identifier: MIT
 *
 * serve.h - how every echo server in C begins: a socket on a free port of this machine, told to the
 * driver. TCP_NODELAY is set where it is inherited from, so no server pays for it per connection.
 */
#ifndef HARK_BENCH_SERVE_H
#define HARK_BENCH_SERVE_H

#include "bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVE_MESSAGE 64
#define SERVE_BUFFER  4096

BENCH_UNUSED static void serve_port(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    bench_must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    bench_say_port(ntohs(address.sin_port));
}

/* flags: SOCK_NONBLOCK or 0. */
BENCH_UNUSED static int serve_listen(int flags)
{
    struct sockaddr_in address = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_must(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_must(listen(fd, 4096) == 0, "listen");
    return fd;
}

#endif
