/* SPDX-License-Identifier: MIT
 *
 * libuv: deadline. It has no tasks; a timer started and stopped is what it can answer.
 */
#include "../../bench.h"
#include <uv.h>

static void never(uv_timer_t *t)
{
    (void)t;
}

static void timers(long n, void *arg)
{
    while (n--) {
        uv_timer_start(arg, never, 1000, 0);
        uv_timer_stop(arg);
    }
}

int main(void)
{
    uv_timer_t t;
    uv_timer_init(uv_default_loop(), &t);
    bench_say("ns_per_watch", bench_ns(timers, 2000000, &t), "ns");
    return 0;
}
