/* SPDX-License-Identifier: MIT
 *
 * readable.c - N descriptors, each watched by a callback and not by a task.
 *
 * What is it to watch one and to stop, when the loop has looked at all of them in between and found
 * nothing? What is it when one becomes readable: all are written to, and each one's callback reads
 * its own? And what memory does a watched one take: the caller's watch, and what the library needs
 * beside it (the kernel's memory is not seen)?
 */
#include "bench.h"
#include <hark.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CALLS 200000l

static struct watched {
    hark_watch watch;
    int fd;
} * watched;
static long count, left;
static hark_flag all_read;

static void read_it(void *arg)
{
    uint64_t value;
    bench_must(read(((struct watched *)arg)->fd, &value, sizeof value) == sizeof value, "read");
    if (--left == 0)
        hark_flag_set(&all_read);
}

static void watch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++)
        bench_must(hark_add_reader(w->fd, &w->watch, read_it, w) == 0, "hark_add_reader");
    hark_settle();
}

static void unwatch_all(void)
{
    for (struct watched *w = watched; w < watched + count; w++)
        bench_must(hark_unwatch(&w->watch) == 0, "hark_unwatch");
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
        hark_flag_clear(&all_read);
        for (struct watched *w = watched; w < watched + count; w++)
            bench_must(write(w->fd, &one, sizeof one) == sizeof one, "write");
        hark_flag_wait(&all_read);
    }
}

static int measure(void *arg)
{
    long calls = CALLS / count * count;
    (void)arg;
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

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1);
    bench_descriptors(count + 64);
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
