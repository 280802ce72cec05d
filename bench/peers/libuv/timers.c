/* SPDX-License-Identifier: MIT
 *
 * libuv: timers. They go by the millisecond, and from when the turn of the loop began: so the
 * loop's time is brought up to date now and then.
 */
#include "../../bench.h"
#include <uv.h>

static uv_loop_t *loop;
static uint64_t first; /* a deadline, by the loop's clock */
static long left;

static void fire(uv_timer_t *t)
{
    (void)t;
    left--;
}

static void arm(uv_timer_t *t, long i)
{
    if (i % 1024 == 0)
        uv_update_time(loop);
    uint64_t deadline = first + bench_mix((uint64_t)i) % 1000000000 / 1000000;
    bench_must(uv_timer_start(t, fire, deadline - uv_now(loop), 0) == 0, "uv_timer_start");
}

static void arm_and_cancel(long n, void *t)
{
    while (n--) {
        uv_timer_start(t, fire, 1000, 0);
        uv_timer_stop(t);
    }
}

int main(int argc, char **argv)
{
    long n = left = bench_size(argc, argv, 1, 1000000);
    loop = uv_default_loop();
    bench_memory before = bench_memory_now();
    uv_timer_t *t = malloc(n * sizeof *t);
    bench_must(t != NULL, "malloc");
    for (long i = 0; i < n; i++)
        uv_timer_init(loop, &t[i]);
    uv_update_time(loop);
    first = uv_now(loop) + 100 + n / 250;
    int64_t cpu = bench_cpu();
    for (long i = 0; i < n; i++)
        arm(&t[i], i);
    bench_say("ns_arm", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("bytes_per_timer", bench_memory_grown(before) / n, "B");
    cpu = bench_cpu();
    for (long i = 0; i < n; i++)
        arm(&t[bench_mix(n + i) % n], i);
    bench_say("ns_rearm", (double)(bench_cpu() - cpu) / n, "ns");
    uv_update_time(loop);
    bench_must(uv_now(loop) < first, "arming in time");
    cpu = bench_cpu();
    uv_run(loop, UV_RUN_DEFAULT);
    bench_must(left == 0, "firing all");
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    uv_update_time(loop);
    bench_say("late_ms", (double)uv_now(loop) - first - 999, "ms");
    bench_say("ns_arm_cancel", bench_ns(arm_and_cancel, 2000000, t), "ns");
    return 0;
}
