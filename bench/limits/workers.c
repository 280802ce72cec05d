/* SPDX-License-Identifier: MIT
 *
 * workers.c - the limit of `workers`: two threads, each a loop that can sleep in epoll only.
 *
 * With no room an item is given and its taking is told back. With room for 64 there is a ring that
 * one writes and the other reads, each its own index; who waits for room is woken when half of it
 * is free. The echo is that of echo_epoll.c, once and twice.
 */
#include "../clients.h"
#include "side.h"
#include <pthread.h>

#define ITEMS 200000l
#define ROOM  64u

static side sender, receiver;
static long last;

/* ---- items --------------------------------------------------------------------------------- */

static long place;

static void send_met(long item)
{
    place = item;
    side_give(&receiver);
    side_take(&sender);
}

static long recv_met(void)
{
    side_take(&receiver);
    long item = place;
    side_give(&sender);
    return item;
}

static struct {
    long items[ROOM];
    _Alignas(64) atomic_uint written;
    _Alignas(64) atomic_uint read;
    _Alignas(64) atomic_int full, empty; /* somebody sleeps for it */
} ring;

static void send_buffered(long item)
{
    unsigned at = atomic_load_explicit(&ring.written, memory_order_relaxed);
    while (at - atomic_load_explicit(&ring.read, memory_order_acquire) == ROOM) {
        atomic_store(&ring.full, 1);
        if (at - atomic_load(&ring.read) < ROOM && atomic_exchange(&ring.full, 0))
            break;
        side_take(&sender);
    }
    ring.items[at % ROOM] = item;
    atomic_store(&ring.written, at + 1);
    if (atomic_load(&ring.empty) && atomic_exchange(&ring.empty, 0))
        side_give(&receiver);
}

static long recv_buffered(void)
{
    unsigned at = atomic_load_explicit(&ring.read, memory_order_relaxed);
    while (at == atomic_load_explicit(&ring.written, memory_order_acquire)) {
        atomic_store(&ring.empty, 1);
        if (at != atomic_load(&ring.written) && atomic_exchange(&ring.empty, 0))
            break;
        side_take(&receiver);
    }
    long item = ring.items[at % ROOM];
    atomic_store(&ring.read, at + 1);
    if (atomic_load(&ring.full) &&
        atomic_load_explicit(&ring.written, memory_order_relaxed) - (at + 1) <= ROOM / 2 &&
        atomic_exchange(&ring.full, 0))
        side_give(&sender);
    return item;
}

static void *receive_met(void *arg)
{
    for (long i = 0; i < ITEMS; i++)
        last = recv_met();
    return arg;
}

static void *receive_buffered(void *arg)
{
    for (long i = 0; i < ITEMS; i++)
        last = recv_buffered();
    return arg;
}

static void measure_items(const char *key, void *(*receive)(void *), void (*send_one)(long))
{
    pthread_t thread;
    side_open(&sender, 1);
    side_open(&receiver, 1);
    bench_must(pthread_create(&thread, NULL, receive, NULL) == 0, "pthread_create");
    int64_t begun = bench_now();
    for (long i = 0; i < ITEMS; i++)
        send_one(i);
    double ns = (double)(bench_now() - begun) / ITEMS;
    pthread_join(thread, NULL);
    bench_must(last == ITEMS - 1, "all items");
    bench_say(key, ns, "ns");
}

/* ---- echo ---------------------------------------------------------------------------------- */

static int listeners[2];

static void echo(int fd)
{
    char buffer[SERVE_BUFFER];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || send(fd, buffer, n, MSG_NOSIGNAL) != n)
        close(fd);
}

static void *serve(void *arg)
{
    int listener = *(int *)arg, poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[512], e = {.events = EPOLLIN, .data.fd = listener};
    bench_must(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) == 0, "epoll_ctl");
    for (;;) {
        int n = epoll_wait(poller, events, 512, -1);
        if (n < 0 && errno != EINTR)
            return arg;
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                echo(events[i].data.fd);
                continue;
            }
            e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (e.data.fd >= 0)
                bench_must(epoll_ctl(poller, EPOLL_CTL_ADD, e.data.fd, &e) == 0, "epoll_ctl");
        }
    }
}

/* The loops of one measurement have nothing to do in the next one: their clients are gone. */
static void measure_echo(const char *key, int loops)
{
    pthread_t thread;
    int port = clients_listen(listeners, loops, SOCK_NONBLOCK);
    for (int i = 0; i < loops; i++)
        bench_must(pthread_create(&thread, NULL, serve, &listeners[i]) == 0, "pthread_create");
    bench_say(key, clients_answered(port) / CLIENTS_SECONDS, "/s");
}

int main(void)
{
    measure_items("ns_per_item_met", receive_met, send_met);
    measure_items("ns_per_item_buffered", receive_buffered, send_buffered);
    measure_echo("answers_1_loop", 1);
    measure_echo("answers_2_loops", 2);
    return 0;
}
