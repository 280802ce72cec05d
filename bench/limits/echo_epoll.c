/* SPDX-License-Identifier: MIT
 *
 * echo_epoll.c - the least that echoes with epoll: one wait for many, one recv and one send each.
 *
 * Level-triggered, so no recv is needed that ends in EAGAIN, and no epoll_ctl after the accept. A
 * message is far smaller than a socket's buffer, so a short send is an error here, not a case.
 */
#include "../serve.h"
#include <sys/epoll.h>

static void welcome(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    bench_must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void echo(int fd)
{
    char buffer[SERVE_BUFFER];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || send(fd, buffer, n, MSG_NOSIGNAL) != n)
        close(fd);
}

int main(void)
{
    struct epoll_event events[512], e = {.events = EPOLLIN};
    int listener = serve_listen(SOCK_NONBLOCK), epoll = epoll_create1(EPOLL_CLOEXEC);
    e.data.fd = listener;
    bench_must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) == 0, "epoll_ctl");
    serve_port(listener);
    for (;;) {
        int n = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                welcome(epoll, listener);
            else
                echo(events[i].data.fd);
        }
    }
}
