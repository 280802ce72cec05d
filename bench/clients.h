/* SPDX-License-Identifier: MIT
 *
 * clients.h - what the two answers to `workers` share: the sockets that several loops listen on,
 * one each, and the clients, a process of their own, with a poll over all connections.
 *
 * On a machine with two processors the clients take one of them, and two loops cannot answer twice
 * as much as one.
 */
#ifndef HARK_BENCH_CLIENTS_H
#define HARK_BENCH_CLIENTS_H

#include "serve.h"
#include <poll.h>
#include <sys/wait.h>

#define CLIENTS_COUNT   64
#define CLIENTS_SECONDS 1.0

static long clients_ask(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct pollfd fds[CLIENTS_COUNT];
    char message[SERVE_MESSAGE] = {0};
    long answers = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < CLIENTS_COUNT; i++) {
        fds[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
        bench_must(connect(fds[i].fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        bench_must(send(fds[i].fd, message, sizeof message, 0) == sizeof message, "send");
    }
    for (int64_t end = bench_now() + (int64_t)(CLIENTS_SECONDS * 1e9); bench_now() < end;) {
        poll(fds, CLIENTS_COUNT, 100);
        for (int i = 0; i < CLIENTS_COUNT; i++) {
            if (fds[i].revents && recv(fds[i].fd, message, sizeof message, 0) > 0) {
                answers++;
                bench_must(send(fds[i].fd, message, sizeof message, 0) == sizeof message, "send");
            }
        }
    }
    return answers;
}

/* How many answers they got. */
static long clients_answered(int port)
{
    int pipes[2];
    long answers = 0;
    bench_must(pipe(pipes) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        answers = clients_ask(port);
        _exit(write(pipes[1], &answers, sizeof answers) != sizeof answers);
    }
    bench_must(read(pipes[0], &answers, sizeof answers) == sizeof answers, "read");
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    return answers;
}

static int clients_listen_one(int port, int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_must(listen(fd, 4096) == 0, "listen");
    return fd;
}

/* One socket for each loop, all on one port: the kernel deals out the connections. */
static int clients_listen(int *fds, int count, int flags)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int port = 0;
    for (int i = 0; i < count; i++) {
        fds[i] = clients_listen_one(port, flags);
        bench_must(getsockname(fds[i], (struct sockaddr *)&address, &length) == 0, "getsockname");
        port = ntohs(address.sin_port);
    }
    return port;
}

#endif
