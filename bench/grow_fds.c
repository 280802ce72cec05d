/* SPDX-License-Identifier: MIT
 *
 * grow_fds.c - N descriptors are open and idle, a task reads each; now one
 * becomes readable, and then any other: does that grow with the number of those
 * that are idle? And does closing one, for which another is opened?
 *
 * The task that measures writes to one, in no order, and parks; the reader has
 * read, wakes it, and reads again. Or it closes one; the reader learns it,
 * opens another, and reads that. With hubs that hand all descriptors to the
 * kernel each time (poll, select) it must grow; so the time is limited, not the
 * number of times.
 *
 * What it takes each of them to begin is counted as processor time until a
 * while after: waits that have lasted a moment may be looked at once more.
 */
#include "bench.h"
#include <hark.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define A_WHILE  HARK_MS(300)
#define BATCH_NS (bench_short() ? 20000000 : 60000000)

static int *fds;
static long count, turn, left;
static hark_flag done;

static int open_one(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bench_must(fd >= 0, "eventfd");
    return fd;
}

/* select(2) knows 1,024. */
static int reader(void *arg)
{
    int *fd = arg;
    for (;;) {
        uint64_t value;
        ssize_t n = hark_read(*fd, &value, sizeof value);
        if (n == -ECANCELED)
            return 0;
        if (n == -EBADF)
            *fd = open_one();
        else if (n != sizeof value)
            bench_skip(hark_error_last());
        left--;
        hark_flag_set(&done);
    }
}

static int *any(void)
{
    return &fds[bench_mix((uint64_t)turn++) % (uint64_t)count];
}

static void wait_done(void)
{
    hark_flag_wait(&done);
    hark_flag_clear(&done);
    bench_must(left == 0, "going on with one");
}

static void one_readable(void)
{
    const uint64_t value = 1;
    left++;
    bench_must(write(*any(), &value, sizeof value) == sizeof value, "write");
    wait_done();
}

static void one_replaced(void)
{
    left++;
    bench_must(hark_close(*any()) == 0, "hark_close");
    wait_done();
    hark_yield(); /* the other one waits now */
}

static double batch(void (*one)(void))
{
    int64_t start = bench_now(), now = start;
    long n = 0;
    for (; now - start < BATCH_NS; now = bench_now())
        for (int i = 0; i < 8; i++, n++)
            one();
    return (double)(now - start) / (double)n;
}

static double batches(void (*one)(void))
{
    double each[BENCH_BATCHES];
    batch(one);
    for (int i = 0; i < BENCH_BATCHES; i++)
        each[i] = batch(one);
    return bench_median(each, BENCH_BATCHES);
}

static int measure(void *arg)
{
    hark_group g;
    (void)arg;
    int64_t cpu = bench_cpu();
    hark_group_open(&g);
    for (long i = 0; i < count; i++)
        bench_must(hark_go(&g, reader, &fds[i]) > 0, "hark_go");
    hark_sleep(A_WHILE);
    bench_say("ns_begin", (double)(bench_cpu() - cpu) / (double)count, "ns");
    bench_say("ns_per_wake", batches(one_readable), "ns");
    bench_say("ns_per_replacing", batches(one_replaced), "ns");
    hark_group_cancel(&g);
    return hark_group_close(&g, 0);
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1000);
    bench_descriptors(count + 64);
    fds = calloc((size_t)count, sizeof *fds);
    bench_must(fds != NULL, "calloc");
    for (long i = 0; i < count; i++)
        fds[i] = open_one();
    int rc = hark_run(measure, NULL);
    if (rc == -EOPNOTSUPP || rc == -EINVAL) /* the hub in $HARK_HUB, or as many on it */
        bench_skip(hark_error_last());
    bench_must(rc == 0, hark_error_last());
    return 0;
}
