/* SPDX-License-Identifier: MIT
 *
 * libuv: readable. A descriptor that it did not open is watched by a uv_poll.
 */
#include "../../bench.h"
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#define CALLS 200000l

static struct watched {
    uv_poll_t poll;
    int fd;
} * watched;
static uv_loop_t *loop;
static long count, left;

static void read_it(uv_poll_t *p, int status, int events)
{
    uint64_t value;
    (void)events;
    bench_must(status == 0, "uv_poll");
    bench_must(read(((struct watched *)p)->fd, &value, sizeof value) == sizeof value, "read");
    left--;
}

static void watch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++)
        bench_must(uv_poll_start(&w->poll, UV_READABLE, read_it) == 0, "uv_poll_start");
    uv_run(loop, UV_RUN_NOWAIT);
}

static void unwatch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++)
        bench_must(uv_poll_stop(&w->poll) == 0, "uv_poll_stop");
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
        for (struct watched *w = watched; w < watched + count; w++)
            bench_must(write(w->fd, &one, sizeof one) == sizeof one, "write");
        for (left = count; left > 0;)
            uv_run(loop, UV_RUN_ONCE);
    }
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1);
    bench_descriptors(count + 64);
    loop = uv_default_loop();
    long calls = CALLS / count * count;
    bench_memory before = bench_memory_now();
    watched = calloc(count, sizeof *watched);
    bench_must(watched != NULL, "calloc");
    for (struct watched *w = watched; w < watched + count; w++) {
        bench_must((w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0, "eventfd");
        bench_must(uv_poll_init(loop, &w->poll, w->fd) == 0, "uv_poll_init");
    }
    watch_all();
    if (count >= 1000)
        bench_say("bytes_per_watcher", bench_memory_grown(before) / count, "B");
    bench_say("ns_ready", bench_ns(write_and_read, calls, NULL), "ns");
    unwatch_all();
    bench_say("ns_watch_unwatch", bench_ns(watch_and_unwatch, calls, NULL), "ns");
    return 0;
}
