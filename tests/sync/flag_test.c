/* SPDX-License-Identifier: MIT
 *
 * flag_test.c - hark_flag: set and cleared at will.
 *
 * The EV entries of events that can be cleared: who was released stays released, who comes after a
 * clear waits for the next set, and a newcomer runs when its turn in the queue comes.
 */
#include "../sync/scene.h"

static hark_flag flag;

static int waiting(void)
{
    return hark_flag_statistics(&flag).tasks_waiting;
}

static int waiter(void *name)
{
    const int rc = hark_flag_wait(&flag);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

/* ---- set, clear, wait ------------------------------------------------------------------------ */

TEST(flag_is_clear_when_all_zero_initialised_or_inited)
{
    static hark_flag zero;
    hark_flag constant = HARK_FLAG_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_flag_init(&inited), 0);
    CHECK(!hark_flag_is_set(&zero));
    CHECK(!hark_flag_is_set(&constant));
    CHECK(!hark_flag_is_set(&inited));
}

INSIDE(flag_EV_06_XX_01_set_and_clear_repeat_at_will)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_flag_set(&flag), 0);
        CHECK(hark_flag_is_set(&flag));
        CHECK_EQ(hark_flag_wait(&flag), 0);
        CHECK_EQ(hark_flag_clear(&flag), 0);
        CHECK(!hark_flag_is_set(&flag));
    }
}

INSIDE(flag_EV_02_waiters_go_on_in_the_order_in_which_they_came)
{
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    hark_flag_set(&flag);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a:ok b:ok c:ok");
}

INSIDE(flag_EV_07_XX_03_set_then_clear_still_releases_the_waiter)
{
    go_waiter("a");
    hark_settle();
    hark_flag_set(&flag), hark_flag_clear(&flag);
    CHECK(!hark_flag_is_set(&flag));
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a:ok");
}

INSIDE(flag_EV_08_who_comes_after_the_clear_waits_for_the_next_set)
{
    go_waiter("old");
    hark_settle();
    hark_flag_set(&flag), hark_flag_clear(&flag);
    go_waiter("new");
    hark_settle();
    CHECK_LOG("old:ok");
    CHECK_EQ(waiting(), 1);
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("new:ok");
}

INSIDE(flag_EV_09_XX_02_setting_a_set_flag_or_clearing_a_clear_one_is_fine)
{
    CHECK_SILENT(hark_flag_clear(&flag), 0);
    CHECK_SILENT(hark_flag_set(&flag), 0);
    CHECK_SILENT(hark_flag_set(&flag), 0);
    CHECK(hark_flag_is_set(&flag));
}

INSIDE(flag_EV_16_statistics_count_who_waits_now)
{
    go_waiter("a"), go_waiter("b");
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_flag_clear(&flag);
    CHECK_EQ(waiting(), 2);
    hark_flag_set(&flag);
    CHECK_EQ(waiting(), 0);
}

INSIDE(flag_XX_04_a_set_flag_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    hark_flag_set(&flag);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_flag_wait(&flag), 0);
    CHECK_LOG("");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_flag_wait(&flag), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    hark_settle();
    CHECK_LOG("other");
}

INSIDE(flag_XX_06_a_newcomer_that_runs_first_sees_the_flag_first)
{
    go_waiter("1"), go_waiter("2");
    hark_settle();
    go_waiter("3");
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("3:ok 1:ok 2:ok");
}

INSIDE(flag_XX_06_a_newcomer_spawned_after_the_set_does_not_overtake)
{
    go_waiter("1"), go_waiter("2");
    hark_settle();
    hark_flag_set(&flag);
    go_waiter("3");
    hark_settle();
    CHECK_LOG("1:ok 2:ok 3:ok");
}

INSIDE(flag_XX_06_a_newcomer_cleared_away_before_it_runs_waits)
{
    go_waiter("1");
    hark_settle();
    go_waiter("2");
    hark_flag_set(&flag), hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("1:ok");
    CHECK_EQ(waiting(), 1);
    hark_flag_set(&flag);
}

/* Each round wakes who waits; a waiter that comes back in the same turn waits for the next. */
static int wait_three_times(void *name)
{
    for (int i = 1; i <= 3; i++) {
        if (hark_flag_wait(&flag) == 0) {
            kit_log("%s%d", (const char *)name, i);
        }
    }
    return 0;
}

INSIDE(flag_pulsed_it_wakes_each_waiter_exactly_once)
{
    hark_go(&group, wait_three_times, "a");
    hark_go(&group, wait_three_times, "b");
    for (int i = 0; i < 3; i++) {
        hark_settle();
        CHECK_EQ(waiting(), 2);
        hark_flag_set(&flag), hark_flag_clear(&flag);
        hark_flag_set(&flag), hark_flag_clear(&flag);
    }
    hark_settle();
    CHECK_LOG("a1 b1 a2 b2 a3 b3");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(flag_EV_05_a_cancelled_waiter_leaves_nothing_behind)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 1);
    hark_settle();
    CHECK_LOG("a:cancelled");
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("b:ok");
}

INSIDE(flag_EV_10_XX_07_set_then_cancel_in_one_turn_the_wake_wins)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_flag_set(&flag);
    hark_task_cancel(a);
    hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("a:ok");
}

INSIDE(flag_cancel_then_set_in_one_turn_the_cancellation_wins)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("a:cancelled b:ok");
}

INSIDE(flag_wait_under_a_deadline_times_out_on_time)
{
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_MS(3), hark_flag_wait(&flag)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(3));
    CHECK_EQ(waiting(), 0);
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_flag_set(&flag), -EXDEV, "hark_flag_set");
    CHECK_MISUSE(hark_flag_clear(&flag), -EXDEV, "hark_flag_clear");
    CHECK_MISUSE(hark_flag_wait(&flag), -EXDEV, "hark_flag_wait");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_flag_set(&flag), -EXDEV, "hark_flag_set");
    CHECK_MISUSE(hark_flag_clear(&flag), -EXDEV, "hark_flag_clear");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(flag_EV_21_EV_49_XX_40_other_threads_and_loops_are_refused)
{
    go_waiter("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK(!hark_flag_is_set(&flag));
    CHECK_EQ(waiting(), 1);
    hark_flag_set(&flag);
    in_thread(use_from_elsewhere, NULL);
    CHECK(hark_flag_is_set(&flag));
}

static int wait_for_it(void *arg)
{
    (void)arg;
    return hark_flag_wait(&flag);
}

TEST(flag_EV_17_EV_18_set_without_a_loop_then_used_by_two_loops_in_turn)
{
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(hark_flag_clear(&flag), 0);
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
}

INSIDE(flag_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_flag_init(NULL), -EINVAL, "hark_flag_init");
    CHECK_MISUSE(hark_flag_set(NULL), -EINVAL, "hark_flag_set");
    CHECK_MISUSE(hark_flag_clear(NULL), -EINVAL, "hark_flag_clear");
    CHECK_MISUSE(hark_flag_wait(NULL), -EINVAL, "hark_flag_wait");
    CHECK(!hark_flag_is_set(NULL));
    CHECK_EQ(hark_flag_statistics(NULL).tasks_waiting, 0);
}

TEST(flag_misuse_waiting_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_flag_wait(&flag), -ENOTSUP, "hark_flag_wait");
    CHECK_EQ(waiting(), 0);
}

static void wait_in_a_callback(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_flag_wait(&flag), -ENOTSUP, "hark_flag_wait");
    hark_flag_set(&flag);
}

INSIDE(flag_misuse_waiting_in_a_callback_is_refused_and_setting_is_not)
{
    hark_watch watch = {0};
    hark_call_soon(&watch, wait_in_a_callback, NULL);
    CHECK_EQ(hark_flag_wait(&flag), 0);
}

/* ---- generations ----------------------------------------------------------------------------- */

static int hear_since(void *generation)
{
    const int rc = hark_flag_wait_since(&flag, (uint64_t)(uintptr_t)generation);
    kit_log("%d:%s", (int)(intptr_t)generation, outcome(rc));
    return rc;
}

INSIDE(flag_generation_counts_every_set)
{
    CHECK_EQ(hark_flag_generation(NULL), 0);
    CHECK_EQ(hark_flag_generation(&flag), 0);
    hark_flag_clear(&flag);
    CHECK_EQ(hark_flag_generation(&flag), 0);
    hark_flag_set(&flag), hark_flag_set(&flag);
    CHECK_EQ(hark_flag_generation(&flag), 2);
    CHECK(hark_flag_is_set(&flag));
    hark_flag_clear(&flag), hark_flag_clear(&flag);
    CHECK_EQ(hark_flag_generation(&flag), 2);
    hark_flag_set(&flag);
    CHECK_EQ(hark_flag_generation(&flag), 3);
    hark_flag_init(&flag);
    CHECK_EQ(hark_flag_generation(&flag), 0);
    CHECK_LE(sizeof flag, 32);
}

INSIDE(flag_since_returns_at_once_after_a_set_that_was_cleared)
{
    const uint64_t seen = hark_flag_generation(&flag);
    hark_flag_set(&flag), hark_flag_clear(&flag);
    CHECK_EQ(hark_flag_wait_since(&flag, seen), 0);
    CHECK_EQ(hark_flag_wait_since(&flag, seen), 0);
    CHECK_EQ(hark_within(1, hark_flag_wait_since(&flag, hark_flag_generation(&flag))), -ETIMEDOUT);
    CHECK_EQ(waiting(), 0);
}

INSIDE(flag_since_waits_though_it_is_set)
{
    hark_flag_set(&flag);
    hark_go(&group, hear_since, (void *)1);
    hark_go(&group, hear_since, (void *)0);
    hark_settle();
    CHECK_LOG("0:ok");
    CHECK_EQ(waiting(), 1);
    hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("");
    hark_flag_set(&flag);
    CHECK_EQ(waiting(), 0);
    hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("1:ok");
}

INSIDE(flag_since_hears_of_a_set_of_a_set_flag)
{
    hark_flag_set(&flag);
    hark_go(&group, hear_since, (void *)1);
    hark_settle();
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("1:ok");
}

INSIDE(flag_since_cancelled_leaves_no_trace)
{
    const hark_task task = hark_go(&group, hear_since, (void *)0);
    hark_go(&group, hear_since, (void *)0);
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_task_cancel(task);
    CHECK_EQ(waiting(), 1);
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("0:cancelled 0:ok");
    hark_scope scope;
    hark_scope_open(&scope, 0);
    CHECK_EQ(hark_flag_wait_since(&flag, 0), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
}

INSIDE(flag_since_misuse)
{
    CHECK_MISUSE(hark_flag_wait_since(NULL, 0), -EINVAL, "flag is NULL");
    CHECK_MISUSE(hark_flag_wait_since(&flag, 1), -EINVAL, "0 times so far, not 1");
    hark_case c = hark_on_flag_since(&flag, 1);
    CHECK_MISUSE(hark_select(&c, 1), -EINVAL, "hark_select: the flag was set 0 times");
    c = hark_on_flag_since(NULL, 0);
    CHECK_MISUSE(hark_select(&c, 1), -EINVAL, "NULL");
}

TEST(flag_since_outside_any_task)
{
    CHECK_MISUSE(hark_flag_wait_since(&flag, 0), -ENOTSUP, "hark_flag_wait_since");
}

static int select_since(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_flag_since(&flag, 1), hark_on_time(hark_now() + 5)};
    const int i = hark_select(cases, 2);
    kit_log("%d", i);
    return i < 0 ? i : 0;
}

INSIDE(flag_since_as_a_case)
{
    hark_flag_set(&flag);
    select_since(NULL);
    CHECK_LOG("1");
    hark_go(&group, select_since, NULL);
    hark_settle();
    CHECK_EQ(waiting(), 1);
    hark_flag_set(&flag), hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("0");
    select_since(NULL);
    CHECK_LOG("0");
}

INSIDE(flag_since_in_a_dump)
{
    char text[4096] = "";
    const hark_task task = hark_go(&group, hear_since, (void *)0);
    hark_settle();
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_dump(out);
    fclose(out);
    CHECK_HAS(text, "waits for a flag at 0x");
    CHECK_HAS(text, "to be set again (0 times so far)");
    hark_task_cancel(task);
    hark_settle();
    CHECK_LOG("0:cancelled");
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static int sets; /* how often it has been set */
static hark_task actors[3];

static int actor(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        const uint64_t what = draw(&state) % 8;
        if (what == 0) {
            hark_flag_set(&flag);
            sets++;
        } else if (what == 1) {
            hark_flag_clear(&flag);
        } else if (what == 2) {
            hark_sleep(HARK_MS(draw(&state) % 3));
        } else if (what == 3) {
            hark_task_cancel(actors[draw(&state) % 3]);
        } else {
            const int before = sets;
            const bool was_set = hark_flag_is_set(&flag);
            const int64_t rc = hark_within(HARK_MS(draw(&state) % 4), hark_flag_wait(&flag));
            CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
            CHECK(rc != 0 || was_set || sets > before);
        }
    }
    return 0;
}

static int act(void *arg)
{
    (void)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        actors[i] = hark_go(&g, actor, NULL);
    }
    for (int i = 0; i < 6; i++) {
        hark_settle();
        CHECK(!hark_flag_is_set(&flag) || waiting() == 0);
        hark_sleep(HARK_MS(1));
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(waiting(), 0);
    return 0;
}

TEST(flag_nobody_waits_for_a_set_flag_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_flag_init(&flag);
        sets = 0;
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
