/* SPDX-License-Identifier: MIT
 *
 * time_test.c - instants, sleeps and timers: never early, in order, without overflow.
 *
 * The TM entries of the virtual clock, XX-32 and XX-33, LP-33. What timers do to callbacks is in
 * watch_test.c.
 */
#include "../sync/scene.h"

static int64_t start; /* when the scene began */

static int sleeper(void *arg)
{
    const int64_t timeout = *(int64_t *)arg;
    CHECK_EQ(hark_sleep(timeout), 0);
    CHECK_EQ(hark_now() - start, timeout);
    return 0;
}

/* ---- the real clock -------------------------------------------------------------------------- */

TEST(time_outside_a_loop_now_is_the_monotonic_clock)
{
    const int64_t before = kit_clock(), now = hark_now();
    CHECK_GE(now, before);
    CHECK_LE(now, kit_clock());
}

INSIDE_REAL(time_sleep_is_never_early)
{
    static const int64_t timeouts[] = {
        1, 999, HARK_US(1), HARK_US(50), HARK_US(999), HARK_MS(1), HARK_US(1001), HARK_US(2500)};
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        const int64_t real = kit_clock(), now = hark_now();
        CHECK_EQ(hark_sleep(timeouts[i]), 0);
        CHECK_GE(hark_now() - now, timeouts[i]);
        CHECK_GE(kit_clock() - real, timeouts[i]);
    }
}

INSIDE_REAL(time_sleep_until_is_never_early)
{
    for (int i = 0; i < 20; i++) {
        const int64_t deadline = hark_now() + HARK_US(37 * i);
        CHECK_EQ(hark_sleep_until(deadline), 0);
        CHECK_GE(hark_now(), deadline);
    }
}

INSIDE_REAL(time_never_goes_back)
{
    int64_t last = hark_now();
    for (int i = 0; i < 2000; i++) {
        const int64_t now = hark_now();
        CHECK_GE(now, last);
        last = now;
        hark_yield();
    }
}

static bool over;

static void end_it(void *arg)
{
    (void)arg;
    over = true;
}

static int yield_until_it_is_over(void *arg)
{
    (void)arg;
    while (!over) {
        hark_yield();
    }
    return 0;
}

INSIDE_REAL(time_LL_17_BG_96_a_timer_fires_among_1000_tasks_that_yield_for_ever)
{
    hark_watch watch = {0};
    for (int i = 0; i < 1000; i++) {
        hark_go(&group, yield_until_it_is_over, NULL);
    }
    hark_call_later(HARK_MS(3), &watch, end_it, NULL);
    hark_settle();
    CHECK(over);
}

/* ---- the virtual clock ----------------------------------------------------------------------- */

INSIDE(time_TM_02_long_sleeps_cost_nothing_and_land_exactly)
{
    const int64_t real = kit_clock();
    start = hark_now();
    for (int i = 0; i <= 90; i++) {
        const int64_t before = hark_now();
        CHECK_EQ(hark_sleep(HARK_S(i)), 0);
        CHECK_EQ(hark_now() - before, HARK_S(i));
    }
    CHECK_LT(kit_clock() - real, HARK_S(1) * kit_slow());
}

INSIDE(time_TM_02_many_sleepers_land_exactly)
{
    static int64_t timeouts[91];
    start = hark_now();
    for (int i = 1; i <= 90; i++) {
        timeouts[i] = HARK_S(91 - i);
        hark_go(&group, sleeper, &timeouts[i]);
    }
}

INSIDE(time_virtual_stands_still_while_tasks_run)
{
    start = hark_now();
    for (int i = 0; i < 1000; i++) {
        hark_yield();
    }
    CHECK_EQ(hark_now(), start);
}

static int say_settled(void *arg)
{
    (void)arg;
    hark_settle();
    kit_log("settled");
    return 0;
}

static int sleep_and_say(void *name)
{
    hark_sleep(HARK_S(10));
    kit_log("%s", (const char *)name);
    return 0;
}

INSIDE(time_TM_03_settling_comes_before_the_jump)
{
    hark_go(&group, sleep_and_say, "slept");
    hark_go(&group, say_settled, NULL);
    hark_sleep(HARK_S(20));
    CHECK_LOG("settled slept");
}

/* ---- limits ---------------------------------------------------------------------------------- */

INSIDE(time_XX_32_sleeps_of_zero_or_less_only_yield)
{
    static const int64_t timeouts[] = {0, -1, -HARK_S(5), INT64_MIN};
    start = hark_now();
    for (int i = 0; i < 4; i++) {
        hark_go(&group, say, "other");
        CHECK_EQ(hark_sleep(timeouts[i]), 0);
        CHECK_LOG("other");
    }
    CHECK_EQ(hark_now(), start);
}

INSIDE(time_TM_12_sleep_until_a_past_instant_only_yields)
{
    const int64_t deadlines[] = {hark_now(), hark_now() - 1, 0, INT64_MIN};
    start = hark_now();
    for (int i = 0; i < 4; i++) {
        hark_go(&group, say, "other");
        CHECK_EQ(hark_sleep_until(deadlines[i]), 0);
        CHECK_LOG("other");
    }
    CHECK_EQ(hark_now(), start);
}

INSIDE(time_TM_12_sleep_until_a_past_instant_is_still_a_checkpoint)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_sleep_until(INT64_MIN), -ECANCELED);
    CHECK_EQ(hark_sleep(0), -ECANCELED);
    CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
}

INSIDE(time_LP_33_sleeps_near_for_ever_do_not_overflow)
{
    static const int64_t timeouts[] = {HARK_FOREVER, HARK_FOREVER - 1, HARK_FOREVER / 2};
    for (int i = 0; i < 3; i++) {
        start = hark_now();
        CHECK_EQ(hark_within(HARK_S(1), hark_sleep(timeouts[i])), -ETIMEDOUT);
        CHECK_EQ(hark_within(HARK_S(1), hark_sleep_until(timeouts[i])), -ETIMEDOUT);
        CHECK_EQ(hark_now() - start, HARK_S(2));
    }
}

INSIDE(time_LP_33_scopes_near_for_ever_do_not_overflow)
{
    static const int64_t timeouts[] = {HARK_FOREVER, HARK_FOREVER - 1};
    hark_scope scope;
    for (int i = 0; i < 2; i++) {
        hark_scope_open(&scope, timeouts[i]);
        CHECK_EQ(hark_sleep(HARK_S(1)), 0);
        CHECK_GT(hark_effective_deadline(), hark_now());
        CHECK(!hark_scope_cancelled(&scope));
        CHECK_EQ(hark_scope_close(&scope, 0), 0);
    }
    hark_scope_open(&scope, INT64_MIN);
    CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int sleep_until_and_say(void *name)
{
    CHECK_EQ(hark_sleep_until(start + HARK_MS(10)), 0);
    kit_log("%s", (const char *)name);
    return 0;
}

INSIDE(time_XX_33_ties_wake_in_arming_order)
{
    hark_watch watch = {0};
    start = hark_now();
    hark_go(&group, sleep_until_and_say, "1");
    hark_go(&group, sleep_until_and_say, "2");
    hark_settle();
    hark_call_at(start + HARK_MS(10), &watch, say_callback, "3");
    hark_go(&group, sleep_until_and_say, "4");
    hark_sleep(HARK_MS(11));
    CHECK_LOG("1 2 3 4");
}

enum { MANY = 10000 };
static struct timed {
    hark_watch watch;
    int64_t deadline;
} timers[MANY];
static int fired;
static const struct timed *last_fired;

static void check_order(void *arg)
{
    const struct timed *const t = arg;
    CHECK_EQ(hark_now(), t->deadline);
    if (last_fired) {
        CHECK_GE(t->deadline, last_fired->deadline);
        CHECK(t->deadline > last_fired->deadline || t > last_fired);
    }
    last_fired = t;
    fired++;
}

static void arm_many(int64_t range, int n)
{
    uint64_t state = kit_seed();
    start = hark_now();
    for (int i = 0; i < n; i++) {
        timers[i].deadline = start + 1 + (int64_t)(draw(&state) % (uint64_t)range);
        CHECK_EQ(hark_call_at(timers[i].deadline, &timers[i].watch, check_order, &timers[i]), 0);
    }
}

INSIDE(time_10000_random_deadlines_fire_in_order)
{
    arm_many(HARK_S(3600), MANY);
    hark_sleep(HARK_S(3600) + 1);
    CHECK_EQ(fired, MANY);
}

INSIDE(time_10000_deadlines_with_many_ties_fire_in_arming_order)
{
    arm_many(100, MANY);
    hark_sleep(101);
    CHECK_EQ(fired, MANY);
}

INSIDE(time_deadlines_from_nanoseconds_to_centuries_fire_in_order)
{
    for (int i = 0; i < 60; i++) {
        timers[i].deadline = hark_now() + ((int64_t)1 << i);
        hark_call_at(timers[i].deadline, &timers[i].watch, check_order, &timers[i]);
    }
    for (int i = 0; i < 60; i++) {
        hark_sleep_until(timers[i].deadline);
        hark_yield();
        CHECK_EQ(fired, i + 1);
    }
}

INSIDE(time_unwatching_every_other_of_10000_leaves_the_rest_in_order)
{
    arm_many(HARK_S(10), MANY);
    for (int i = 0; i < MANY; i += 2) {
        CHECK_EQ(hark_unwatch(&timers[i].watch), 0);
    }
    hark_sleep(HARK_S(10) + 1);
    CHECK_EQ(fired, MANY / 2);
}

static int sleep_a_random_while(void *arg)
{
    CHECK_EQ(hark_sleep_until(((struct timed *)arg)->deadline), 0);
    check_order(arg);
    return 0;
}

INSIDE(time_1000_tasks_wake_in_the_order_of_their_deadlines)
{
    uint64_t state = kit_seed();
    start = hark_now();
    for (int i = 0; i < 1000; i++) {
        timers[i].deadline = start + 1 + (int64_t)(draw(&state) % (uint64_t)HARK_MS(1));
        hark_go(&group, sleep_a_random_while, &timers[i]);
    }
    hark_sleep(HARK_MS(2));
    CHECK_EQ(fired, 1000);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static int sleep_long(void *arg)
{
    (void)arg;
    const int rc = hark_sleep(HARK_S(100));
    kit_log("%s", outcome(rc));
    return rc;
}

INSIDE(time_a_cancelled_sleep_ends_at_once)
{
    start = hark_now();
    const hark_task t = hark_go(&group, sleep_long, NULL);
    hark_settle();
    hark_task_cancel(t);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(hark_now(), start);
    CHECK_LOG("cancelled");
}

INSIDE(time_XX_08_a_timed_out_scope_goes_on_cancelling_until_closed)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_MS(1));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_sleep(HARK_MS(2)), -ECANCELED);
    }
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
    CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
}

static int64_t sleep_long_within(int64_t timeout)
{
    return hark_within(timeout, hark_sleep(HARK_S(20)));
}

INSIDE(time_the_nearest_of_nested_deadlines_counts)
{
    start = hark_now();
    CHECK_EQ(hark_within(HARK_S(9), sleep_long_within(HARK_S(1))), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_S(1));
    CHECK_EQ(hark_within(HARK_S(1), sleep_long_within(HARK_S(9))), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_S(2));
}

TEST(time_misuse_sleeping_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "hark_sleep");
    CHECK_MISUSE(hark_sleep(0), -ENOTSUP, "hark_sleep");
    CHECK_MISUSE(hark_sleep_until(1), -ENOTSUP, "hark_sleep_until");
}
