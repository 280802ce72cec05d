/* SPDX-License-Identifier: MIT
 *
 * timers.c - a wheel of timers and nothing that waits for them: what arming, cancelling and firing
 * costs when firing only counts. `timers deadline`, `timers sleep_many N`.
 */
#include "wheel.h"

static struct wheel wheel;
static long fired;

static void count(struct wheel_timer *t)
{
    (void)t;
    fired++;
}

static void arm_and_cancel(long n, void *arg)
{
    struct wheel_timer *t = arg;
    uint64_t now = wheel_cycles();
    for (long i = 0; i < n; i++) {
        wheel_arm(&wheel, t, now + (1u << 30) + i);
        wheel_cancel(t);
        __asm__ volatile("" ::"r"(t) : "memory");
    }
}

static void answer_deadline(void)
{
    struct wheel_timer t;
    wheel_init(&wheel, wheel_cycles());
    bench_say("ns_per_watch", bench_ns(arm_and_cancel, 5000000, &t), "ns");
}

static void answer_sleep_many(long n)
{
    struct wheel_timer *t = calloc(n, sizeof *t);
    bench_must(t != NULL, "calloc");
    memset(t, 1, n * sizeof *t); /* the pages are the caller's affair, as everywhere */
    int64_t start = bench_now(), first = start + 100000000 + 2000 * n, cpu = bench_cpu();
    wheel_init(&wheel, start);
    for (long i = 0; i < n; i++)
        wheel_arm(&wheel, &t[i], first + bench_mix(i) % 1000000000);
    bench_say("ns_arm_watch", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    while (fired < n) {
        struct timespec tick = {0, 1 << WHEEL_TICK};
        nanosleep(&tick, NULL);
        wheel_advance(&wheel, bench_now(), count);
    }
    bench_say("ns_fire_watch", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - first - 1e9) / 1e6, "ms");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "deadline") == 0)
        answer_deadline();
    else if (argc > 1 && strcmp(argv[1], "sleep_many") == 0)
        answer_sleep_many(bench_size(argc, argv, 2, 1000000));
    else {
        fprintf(stderr, "usage: %s deadline | sleep_many N\n", argv[0]);
        return 2;
    }
    return 0;
}
