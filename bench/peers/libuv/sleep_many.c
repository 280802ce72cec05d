/* SPDX-License-Identifier: MIT
 *
 * libuv: sleep_many. Timers with callbacks, in its unit, the millisecond.
 */
#include "../../bench.h"
#include <uv.h>

static long fired;

static void fire(uv_timer_t *t)
{
    (void)t;
    fired++;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *t = malloc(n * sizeof *t);
    bench_must(t != NULL, "malloc");
    for (long i = 0; i < n; i++)
        uv_timer_init(loop, &t[i]);
    uv_update_time(loop);
    int64_t start = bench_now(), cpu = bench_cpu(), lead = 100 + n / 500;
    for (long i = 0; i < n; i++)
        uv_timer_start(&t[i], fire, lead + bench_mix(i) % 1000000000 / 1000000, 0);
    bench_say("ns_arm_watch", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    uv_run(loop, UV_RUN_DEFAULT);
    bench_must(fired == n, "firing all");
    bench_say("ns_fire_watch", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - start - lead * 1e6 - 1e9) / 1e6, "ms");
    return 0;
}
