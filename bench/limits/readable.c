/* SPDX-License-Identifier: MIT
 *
 * readable.c - the limit of `readable`: raw epoll, level-triggered, with the callback's place as
 * the event's data. Its memory is a function, an argument and a descriptor each.
 *
 * Who is no longer watched stays with epoll until an event comes that nobody wants. Who is watched
 * again is modified: one call, which also tells whether the descriptor has been closed meanwhile,
 * and its number is another one's; a runtime cannot do without knowing that.
 */
#include "../bench.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CALLS  200000l
#define EVENTS 512

static struct watched {
    void (*fn)(void *arg);
    void *arg;
    int fd, wanted;
} * watched;
static long count, left;
static int poller;

static void read_it(void *arg)
{
    uint64_t value;
    bench_must(read(((struct watched *)arg)->fd, &value, sizeof value) == sizeof value, "read");
    left--;
}

static int look(int timeout)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, timeout);
    for (int i = 0; i < n; i++) {
        struct watched *w = events[i].data.ptr;
        if (w->wanted)
            w->fn(w->arg);
        else
            bench_must(epoll_ctl(poller, EPOLL_CTL_DEL, w->fd, NULL) == 0, "epoll_ctl");
    }
    return n;
}

static void watch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
        w->fn = read_it;
        w->arg = w;
        w->wanted = 1;
        bench_must(epoll_ctl(poller, EPOLL_CTL_MOD, w->fd, &event) == 0 ||
                       epoll_ctl(poller, EPOLL_CTL_ADD, w->fd, &event) == 0,
                   "epoll_ctl");
    }
    bench_must(look(0) == 0, "nothing to read");
}

static void unwatch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++)
        w->wanted = 0;
}

static void watch_and_unwatch(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= count) {
        watch_all();
        unwatch_all();
    }
}

static void write_and_read(long n, void *arg)
{
    const uint64_t one = 1;
    (void)arg;
    for (; n > 0; n -= count) {
        left = count;
        for (struct watched *w = watched; w < watched + count; w++)
            bench_must(write(w->fd, &one, sizeof one) == sizeof one, "write");
        while (left)
            look(-1);
    }
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1);
    bench_descriptors(count + 64);
    long calls = CALLS / count * count;
    poller = epoll_create1(EPOLL_CLOEXEC);
    bench_memory before = bench_memory_now();
    watched = calloc(count, sizeof *watched);
    bench_must(watched != NULL, "calloc");
    for (long i = 0; i < count; i++)
        bench_must((watched[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0, "eventfd");
    watch_all();
    if (count >= 8000) /* of few, pages are too coarse a measure */
        bench_say("bytes_per_watcher", bench_memory_grown(before) / count, "B");
    bench_say("ns_ready", bench_ns(write_and_read, calls, NULL), "ns");
    unwatch_all();
    bench_say("ns_watch_unwatch", bench_ns(watch_and_unwatch, calls, NULL), "ns");
    return 0;
}
