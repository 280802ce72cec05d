/* SPDX-License-Identifier: MIT
 *
 * timers.c - the limit of `timers`: a structure of timers and nothing around it, `timers clock N`.
 *
 *     clock   a wheel; each timeout counts from now, so the clock is read to arm. This one counts
 *     wheel   a wheel; timeouts count from when the clock was last read, and may be too short
 *     heap    a heap with four children a node, as `wheel` has it with the clock
 *
 * A wheel fires what is due once a tick, about a millisecond; the heap at each one's own instant.
 */
#include "heap.h"
#include "wheel.h"

#define HOT 5000000l

struct way {
    const char *name;
    void (*arm)(long i, uint64_t timeout);
    void (*cancel)(long i);
    long (*sleep_and_fire)(void); /* how many */
    bench_body *hot;
};

static struct wheel wheel;
static struct wheel_timer *wheeled;
static struct heap heap;
static struct heap_timer *heaped;
static long count, fired;
static int64_t first_deadline, now;

/* ---- wheels -------------------------------------------------------------------------------- */

static void fire_wheeled(struct wheel_timer *t)
{
    (void)t;
    fired++;
}

static inline __attribute__((always_inline)) void arm_now(struct wheel_timer *t, uint64_t timeout)
{
    t->fire = fire_wheeled;
    wheel_arm(&wheel, t, wheel_now() + timeout);
}

static inline __attribute__((always_inline)) void arm_then(struct wheel_timer *t, uint64_t timeout)
{
    t->fire = fire_wheeled;
    wheel_arm(&wheel, t, now + timeout);
}

static void clock_arm(long i, uint64_t timeout)
{
    arm_now(&wheeled[i], timeout);
}

static void clock_hot(long n, void *arg)
{
    (void)arg;
    while (n--) {
        arm_now(&wheeled[0], 1000000000);
        __asm__ volatile("" ::: "memory");
        wheel_cancel(&wheeled[0]);
    }
}

static void wheel_arm_one(long i, uint64_t timeout)
{
    arm_then(&wheeled[i], timeout);
}

static void wheel_hot(long n, void *arg)
{
    (void)arg;
    while (n--) {
        arm_then(&wheeled[0], 1000000000);
        __asm__ volatile("" ::: "memory");
        wheel_cancel(&wheeled[0]);
    }
}

static void wheel_cancel_one(long i)
{
    wheel_cancel(&wheeled[i]);
}

static long wheel_sleep_and_fire(void)
{
    return wheel_advance(&wheel, wheel_sleep(&wheel));
}

/* ---- heap ---------------------------------------------------------------------------------- */

static void fire_heaped(struct heap_timer *t)
{
    (void)t;
    fired++;
}

static void heap_arm_one(long i, uint64_t timeout)
{
    heaped[i].fire = fire_heaped;
    heap_arm(&heap, &heaped[i], now + timeout);
}

static void heap_cancel_one(long i)
{
    heap_cancel(&heap, &heaped[i]);
}

static void heap_hot(long n, void *arg)
{
    (void)arg;
    while (n--) {
        heap_arm_one(0, 1000000000);
        __asm__ volatile("" ::: "memory");
        heap_cancel_one(0);
    }
}

static long heap_sleep_and_fire(void)
{
    int64_t next = heap.nodes[0].deadline;
    struct timespec then = {next / 1000000000, next % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    return heap_advance(&heap, bench_now());
}

static const struct way ways[] = {
    {"clock", clock_arm, wheel_cancel_one, wheel_sleep_and_fire, clock_hot},
    {"wheel", wheel_arm_one, wheel_cancel_one, wheel_sleep_and_fire, wheel_hot},
    {"heap", heap_arm_one, heap_cancel_one, heap_sleep_and_fire, heap_hot},
};

/* ---- the question -------------------------------------------------------------------------- */

static void arm(const struct way *way, long which, long i)
{
    if (i % 1024 == 0)
        now = wheel_clock_read();
    way->arm(which, first_deadline + bench_mix(i) % 1000000000 - now);
}

static void *touched(size_t bytes)
{
    void *p = malloc(bytes);
    bench_must(p != NULL, "malloc");
    return memset(p, 1, bytes);
}

static void answer_arm(const struct way *way, long n)
{
    static double each[1000];
    int times = n < 10000 ? 1000 : 1;
    for (int t = 0; t < times; t++) {
        for (long i = 0; t > 0 && i < n; i++)
            way->cancel(i);
        int64_t start = times > 1 ? bench_now() : bench_cpu();
        for (long i = 0; i < n; i++)
            arm(way, i, i);
        each[t] = (double)((times > 1 ? bench_now() : bench_cpu()) - start) / n;
    }
    bench_say("ns_arm", bench_median(each, times), "ns");
}

static void answer_rearm(const struct way *way, long n)
{
    long times = n < 10000 ? 10000 : n;
    int64_t cpu = bench_cpu();
    for (long i = 0; i < times; i++) {
        long any = bench_mix(n + i) % n;
        way->cancel(any);
        arm(way, any, i);
    }
    bench_say("ns_rearm", (double)(bench_cpu() - cpu) / times, "ns");
}

static void answer(const struct way *way, long n)
{
    bench_memory before = bench_memory_now();
    if (strcmp(way->name, "heap") == 0)
        heaped = (struct heap_timer *)touched(n * sizeof *heaped);
    else
        wheeled = (struct wheel_timer *)touched(n * sizeof *wheeled);
    wheel_clock_init();
    wheel_init(&wheel, wheel_clock_read());
    first_deadline = bench_now() + 200000000 + 2000 * n;
    answer_arm(way, n);
    if (n >= 10000) /* of few, pages are too coarse a measure */
        bench_say("bytes_per_timer", bench_memory_grown(before) / n, "B");
    answer_rearm(way, n);
    bench_must(bench_now() < first_deadline, "arming in time");
    int64_t cpu = bench_cpu();
    while (count < n)
        count += way->sleep_and_fire();
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - first_deadline - 1e9) / 1e6, "ms");
    bench_must(fired == n, "firing all");
    bench_say("ns_arm_cancel", bench_ns(way->hot, HOT, NULL), "ns");
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, argv[1]) == 0) {
            answer(&ways[i], bench_size(argc, argv, 2, 1000000));
            return 0;
        }
    fprintf(stderr, "usage: %s clock N | wheel N | heap N\n", argv[0]);
    return 2;
}
