/* SPDX-License-Identifier: MIT
 *
 * limits/wheel.h - a hierarchical timing wheel, 4 x 256, the cheapest known way to arm and cancel.
 *
 * A timer hangs in the slot of the highest byte in which its tick differs from the present one, and
 * falls one level each time that byte comes round: each timer is touched at most four times. Within
 * a slot the order is that of arming, so equal ticks fire in order; a tick is 2^20 units long, so
 * what a wheel saves is also exactness: timers fire in batches, up to two ticks late. hark fires
 * each at its own instant; the price of that shows beside this.
 */
#ifndef HARK_LIMITS_WHEEL_H
#define HARK_LIMITS_WHEEL_H

#include "../bench.h"

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256
#define WHEEL_TICK   20 /* log2 of a tick, in the clock's units */

struct wheel_timer {
    struct wheel_timer *next, *prev;
    uint64_t deadline;
    void (*fire)(struct wheel_timer *);
};

struct wheel {
    uint64_t tick;
    struct wheel_timer slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* The processor's own counter: cheaper than any clock of the kernel. */
static inline uint64_t wheel_cycles(void)
{
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t now;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#else
    return (uint64_t)bench_now();
#endif
}

/* ---- a clock ------------------------------------------------------------------------------- */

/* The kernel's clock, carried on by the processor's counter since it was last read: never behind
 * it, so a timeout that is reckoned from it is never too short. */
static struct {
    uint64_t cycles, rate; /* ns a cycle, times 2^32 */
    int64_t ns;
} wheel_clock;

/* After each sleep, so that a rate which is a little wrong does no harm. */
BENCH_UNUSED static int64_t wheel_clock_read(void)
{
    wheel_clock.cycles = wheel_cycles();
    return wheel_clock.ns = bench_now();
}

BENCH_UNUSED static void wheel_clock_init(void)
{
    int64_t ns = wheel_clock_read();
    uint64_t cycles = wheel_clock.cycles;
    while (wheel_clock_read() < ns + 5000000) {}
    double rate = (double)(wheel_clock.ns - ns) / (double)(wheel_clock.cycles - cycles);
    wheel_clock.rate = (uint64_t)(rate * 4294967296.0);
}

static inline uint64_t wheel_now(void)
{
    return wheel_clock.ns + ((wheel_cycles() - wheel_clock.cycles) * wheel_clock.rate >> 32) + 1;
}

/* ---- the wheel ----------------------------------------------------------------------------- */

BENCH_UNUSED static void wheel_init(struct wheel *w, uint64_t now)
{
    w->tick = now >> WHEEL_TICK;
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int i = 0; i < WHEEL_SLOTS; i++)
            w->slots[level][i].next = w->slots[level][i].prev = &w->slots[level][i];
}

/* Its `fire` is set. */
static inline void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t deadline)
{
    uint64_t tick = deadline >> WHEEL_TICK;
    tick = tick > w->tick ? tick : w->tick + 1;
    uint64_t differs = tick ^ w->tick;
    int level = (63 - __builtin_clzll(differs)) / 8;
    level = level < WHEEL_LEVELS ? level : WHEEL_LEVELS - 1;
    struct wheel_timer *slot = &w->slots[level][tick >> (8 * level) & (WHEEL_SLOTS - 1)];
    t->deadline = deadline;
    t->next = slot;
    t->prev = slot->prev;
    slot->prev->next = t;
    slot->prev = t;
}

static inline void wheel_cancel(struct wheel_timer *t)
{
    t->prev->next = t->next;
    t->next->prev = t->prev;
}

/* Empties one slot of a higher level into those below. */
static inline void wheel_fall(struct wheel *w, int level)
{
    struct wheel_timer *slot = &w->slots[level][w->tick >> (8 * level) & (WHEEL_SLOTS - 1)];
    struct wheel_timer *t = slot->next;
    slot->next = slot->prev = slot;
    while (t != slot) {
        struct wheel_timer *next = t->next;
        __builtin_prefetch(next->next, 1);
        if (t->deadline >> WHEEL_TICK <= w->tick) { /* due in this very tick */
            struct wheel_timer *now = &w->slots[0][w->tick & (WHEEL_SLOTS - 1)];
            t->next = now;
            t->prev = now->prev;
            now->prev->next = t;
            now->prev = t;
        } else {
            wheel_arm(w, t, t->deadline);
        }
        t = next;
    }
}

/* Fires all that is due by `now`, never early: a tick's timers fire when it is over. How many. */
BENCH_UNUSED static long wheel_advance(struct wheel *w, uint64_t now)
{
    long fired = 0;
    while (w->tick + 1 < now >> WHEEL_TICK) {
        w->tick++;
        for (int level = WHEEL_LEVELS - 1; level > 0; level--)
            if ((w->tick & ((1ull << (8 * level)) - 1)) == 0)
                wheel_fall(w, level);
        struct wheel_timer *slot = &w->slots[0][w->tick & (WHEEL_SLOTS - 1)];
        struct wheel_timer *t = slot->next;
        slot->next = slot->prev = slot;
        while (t != slot) {
            struct wheel_timer *next = t->next;
            __builtin_prefetch(next->next, 1);
            t->next = NULL;
            t->fire(t);
            fired++;
            t = next;
        }
    }
    return fired;
}

/* Sleeps until something may be due: a timer, or a slot that has to fall. What time it is then. */
BENCH_UNUSED static int64_t wheel_sleep(const struct wheel *w)
{
    uint64_t next = w->tick + 1, fall = (w->tick | (WHEEL_SLOTS - 1)) + 1;
    for (const struct wheel_timer *slot; next < fall; next++)
        if (slot = &w->slots[0][next & (WHEEL_SLOTS - 1)], slot->next != slot)
            break;
    int64_t when = (int64_t)((next + 1) << WHEEL_TICK);
    struct timespec then = {when / 1000000000, when % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    return wheel_clock_read();
}

#endif
