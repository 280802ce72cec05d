/* SPDX-License-Identifier: MIT
 *
 * http_epoll.c - the least that serves HTTP with epoll: one wait for many, one recv for what came,
 * one send for all the answers that it asks for.
 *
 * Level-triggered, so no recv is needed that ends in EAGAIN. As long as requests come whole, they
 * are looked at where they were received; only the beginning of one that came in pieces is kept,
 * and moved to the front of the connection's memory. Who sends so many requests, and reads so few
 * of the answers, that a send falls short is let go of: here that is an error, not a case.
 */
#include "../http.h"
#include <sys/epoll.h>

#define AT_ONCE 32 /* answers in one send */

struct connection {
    int fd;
    size_t used;
    char bytes[HTTP_MOST];
};

static char answers[AT_ONCE * HTTP_ANSWER_SIZE];

static void welcome(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = malloc(sizeof *c);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    bench_must(c != NULL, "malloc");
    c->fd = fd;
    c->used = 0;
    bench_must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void let_go(struct connection *c)
{
    close(c->fd);
    free(c);
}

static int give(const struct connection *c, int count)
{
    ssize_t size = (ssize_t)count * HTTP_ANSWER_SIZE;
    return count == 0 || send(c->fd, answers, size, MSG_NOSIGNAL) == size;
}

/* Answer all requests that are whole; keep what is left. 0: something is wrong. */
static int answer(struct connection *c)
{
    char *at = c->bytes, *end = c->bytes + c->used, *blank;
    int count = 0;
    while ((blank = memmem(at, end - at, HTTP_END, 4))) {
        if (!http_is_get(at, blank - at))
            return 0;
        at = blank + 4;
        if (++count == AT_ONCE) {
            if (!give(c, count))
                return 0;
            count = 0;
        }
    }
    c->used = end - at;
    if (c->used > 0 && at != c->bytes)
        memmove(c->bytes, at, c->used);
    return c->used < HTTP_MOST && give(c, count);
}

static void on_readable(struct connection *c)
{
    ssize_t n = recv(c->fd, c->bytes + c->used, HTTP_MOST - c->used, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        let_go(c);
        return;
    }
    c->used += n;
    if (!answer(c))
        let_go(c);
}

int main(void)
{
    struct epoll_event events[512], e = {.events = EPOLLIN};
    int listener = serve_listen(SOCK_NONBLOCK), epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < AT_ONCE; i++)
        memcpy(answers + i * HTTP_ANSWER_SIZE, HTTP_ANSWER, HTTP_ANSWER_SIZE);
    bench_must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) == 0, "epoll_ctl");
    serve_port(listener);
    for (;;) {
        int n = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr) /* the listener */
                welcome(epoll, listener);
            else
                on_readable(events[i].data.ptr);
        }
    }
}
