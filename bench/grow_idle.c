/* SPDX-License-Identifier: MIT
 *
 * grow_idle.c - N tasks wait, N timers are armed for later than this program
 * lives, and there is no work: what does one second of that cost?
 *
 * Processor time and switches of the process are counted over a sleep of the
 * main task; one timer, that of the sleep, fires, and one system call waits for
 * it. Nothing else should happen.
 */
#include "bench.h"
#include <hark.h>
#include <sys/resource.h>

static hark_event gate;

static int waiter(void *arg)
{
    return hark_event_wait(arg);
}

static void never(void *arg)
{
    (void)arg;
    bench_must(0, "not firing before its time");
}

static long switches(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

static void idle_second(void)
{
    long before = switches();
    int64_t cpu = bench_cpu();
    hark_sleep(HARK_S(1));
    bench_say("us_idle", (double)(bench_cpu() - cpu) / 1000, "us");
    bench_say("switches", (double)(switches() - before), "-");
}

static int measure(void *arg)
{
    long n = *(long *)arg;
    hark_group g;
    hark_watch *timers = calloc((size_t)n, sizeof *timers);
    bench_must(timers != NULL, "calloc");
    hark_group_open(&g);
    for (long i = 0; i < n; i++) {
        int64_t later = HARK_S(3600) + (int64_t)(bench_mix((uint64_t)i) % 3600000000000);
        bench_must(hark_go(&g, waiter, &gate) > 0, "hark_go");
        bench_must(hark_call_later(later, &timers[i], never, NULL) == 0, "hark_call_later");
    }
    hark_yield();
    bench_must(hark_event_statistics(&gate).tasks_waiting == n, "parking all tasks");
    idle_second();
    for (long i = 0; i < n; i++)
        hark_unwatch(&timers[i]);
    hark_event_set(&gate);
    bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    free(timers);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
