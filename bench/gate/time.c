/* SPDX-License-Identifier: MIT
 *
 * gate/time.c - operations of scopes, deadlines, timers and sleeps.
 */
#include "gate.h"
#include <hark.h>

#define MANY 1000

static hark_event is_set;
static hark_group group;
static bool stopped;

static void scopes(long n, void *timeout)
{
    GATE_EACH(n, 1)
    {
        hark_scope s;
        GATE_DO(hark_scope_open(&s, *(int64_t *)timeout));
        GATE_DO(hark_scope_close(&s, hark_event_wait(&is_set)));
    }
}

static void count_scopes(int64_t timeout)
{
    hark_event_set(&is_set);
    gate_count(scopes, &timeout);
}

static void scope(void)
{
    count_scopes(HARK_FOREVER);
}

static void scope_clock(void)
{
    count_scopes(HARK_S(1));
}

static void scope_deadline(void)
{
    gate_hold_ticks();
    count_scopes(HARK_S(1));
}

static void withins(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_within(HARK_S(1), hark_event_wait(&is_set)));
    }
}

static void within(void)
{
    gate_hold_ticks();
    hark_event_set(&is_set);
    gate_count(withins, NULL);
}

/* ---- around a call that waits --------------------------------------------------------------- */

static hark_flag there, back;

static int ponger(void *arg)
{
    (void)arg;
    while (hark_flag_wait(&there) == 0) {
        GATE_DO(hark_flag_clear(&there));
        GATE_DO(hark_flag_set(&back));
    }
    return 0;
}

static void pings(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        hark_scope s;
        GATE_DO(hark_flag_set(&there));
        GATE_DO(hark_scope_open(&s, HARK_S(1)));
        GATE_DO(hark_scope_close(&s, hark_flag_wait(&back)));
        GATE_DO(hark_flag_clear(&back));
    }
}

static void scope_deadline_waits(void)
{
    gate_hold_ticks();
    hark_group_open(&group);
    hark_go(&group, ponger, NULL);
    hark_yield();
    gate_count(pings, NULL);
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

/* ---- timers --------------------------------------------------------------------------------- */

static hark_watch watches[MANY];

static void nobody(void *arg)
{
    (void)arg;
}

static void arms(long n, void *w)
{
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_call_later(HARK_S(1), w, nobody, NULL));
        GATE_DO(hark_unwatch(w));
    }
}

static void timer_clock(void)
{
    gate_count(arms, &watches[0]);
}

static void timer(void)
{
    gate_hold_ticks();
    gate_count(arms, &watches[0]);
}

static int64_t some_time(long i)
{
    return HARK_MS(1) + (int64_t)(bench_mix((uint64_t)i) % (uint64_t)HARK_S(1));
}

/* The others are anywhere within a second, and each is armed anew in its turn. */
static void rearms(long n, void *arg)
{
    static long i;
    (void)arg;
    GATE_EACH(n, 1)
    {
        hark_watch *w = &watches[i % MANY];
        GATE_DO(hark_unwatch(w));
        GATE_DO(hark_call_later(some_time(i++), w, nobody, NULL));
    }
}

static void timer_1000(void)
{
    gate_hold_ticks();
    for (long i = 0; i < MANY; i++)
        hark_call_later(some_time(i), &watches[i], nobody, NULL);
    gate_count(rearms, NULL);
}

static void soons(long n, void *w)
{
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_call_soon(w, nobody, NULL));
        GATE_DO(hark_yield());
    }
}

static void call_soon(void)
{
    gate_count(soons, &watches[0]);
}

/* ---- sleeping ------------------------------------------------------------------------------- */

static void sleeps(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_sleep(HARK_MS(1)));
    }
}

static void sleep_alone(void)
{
    gate_count(sleeps, NULL);
}

static long slept, to_sleep;
static hark_flag all_have;

static int sleeper(void *arg)
{
    long i = (intptr_t)arg;
    while (!stopped && hark_sleep(some_time(i)) == 0) {
        i += MANY;
        if (++slept == to_sleep)
            GATE_DO(hark_flag_set(&all_have));
    }
    return 0;
}

static void many_sleeps(long n, void *arg)
{
    (void)arg;
    slept = 0;
    to_sleep = n;
    hark_flag_clear(&all_have);
    hark_flag_wait(&all_have);
}

static void sleep_1000(void)
{
    hark_group_open(&group);
    for (intptr_t i = 0; i < MANY; i++)
        GATE_DO(hark_go(&group, sleeper, (void *)i));
    hark_yield();
    gate_count(many_sleeps, NULL);
    stopped = true;
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

const gate_operation gate_time[] = {
    {"scope", "a scope around a call that does not wait", 4000, scope},
    {"scope_deadline", "the same with a deadline", 4000, scope_deadline},
    {"scope_clock", "the same, and the clock is looked at each time", 4000, scope_clock},
    {"scope_deadline_waits", "a deadline around one of a round trip's two waits", 2000,
     scope_deadline_waits},
    {"within", "hark_within around a call that does not wait", 4000, within},
    {"timer", "a timer, armed and taken back", 4000, timer},
    {"timer_clock", "the same, and the clock is looked at each time", 4000, timer_clock},
    {"timer_1000", "one of 1,000 timers, taken back and armed anew", 4000, timer_1000},
    {"call_soon", "a callback for the next turn, and the turn", 4000, call_soon},
    {"sleep", "one task sleeps", 2000, sleep_alone},
    {"sleep_1000", "a sleep of one of 1,000 tasks", 10000, sleep_1000},
    {NULL, NULL, 0, NULL},
};
