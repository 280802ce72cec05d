/* SPDX-License-Identifier: MIT
 *
 * timeout_test.c - deadlines in the flow of time, and hark_within.
 *
 * Idea     One short test a promise (TO-.. of tests/LEDGER.md),
 *          then every way out of a hark_within: by its end, by return, goto, break and longjmp.
 * Rules    1  Time is virtual, so instants are compared exactly; where the loop must be busy past a
 *             deadline the clock is the real one, and only "not before" is checked.
 *          2  After each way out the same three questions: no deadline is left, a later sleep is
 *             not cut short, the task may end.
 * Not here Which of several scopes catches (scope_test.c).
 */
#include "kit.h"

#include <poll.h>
#include <setjmp.h>

/* ---- helpers --------------------------------------------------------------------------------- */

#define TEST_TASK(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN_VIRTUAL(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define TEST_TASK_REAL_TIME(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define TEST_SEEDS(name) \
    static int in_##name(void *arg); \
    TEST_TIMEOUT(name, 60) \
    { \
        run_seeds(in_##name); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define INT(n) ((void *)(intptr_t)(n))

/* In the usual order, and in those drawn from 1..200; the last number printed is at fault. */
static void run_seeds(hark_fn *fn)
{
    const int last = 200 / kit_slow();
    for (int seed = 0; seed <= last; seed++) {
        const hark_options options = {
            .size = sizeof(options), .virtual_clock = true, .seed = (uint64_t)seed};
        printf("%d ", seed);
        CHECK_EQ(hark_run_with(&options, fn, NULL), 0);
    }
}

static hark_event never;

static int parks(void *arg)
{
    (void)arg;
    return hark_event_wait(&never);
}

static int fails_when_cut(void *code)
{
    return hark_event_wait(&never) == -ECANCELED ? (int)(intptr_t)code : 0;
}

typedef struct order {
    hark_scope *scope;
    int64_t after, deadline;
} order;

static int cancels(void *arg)
{
    const order *o = arg;
    CHECK_EQ(hark_sleep(o->after), 0);
    CHECK_EQ(hark_scope_cancel(o->scope), 0);
    return 0;
}

static int moves(void *arg)
{
    const order *o = arg;
    CHECK_EQ(hark_sleep(o->after), 0);
    CHECK_EQ(hark_scope_set_deadline(o->scope, o->deadline), 0);
    return 0;
}

/* Keeps the loop until the real clock has passed an instant. */
static void be_busy_until(int64_t instant)
{
    while (kit_clock() <= instant) {}
}

/* What must hold in a task that has left its last scope, however it did. */
static void check_no_deadline_is_left(void)
{
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    CHECK_EQ(hark_checkpoint(), 0);
    const int64_t before = hark_now();
    CHECK_EQ(hark_sleep(HARK_S(10)), 0);
    CHECK_EQ(hark_now() - before, HARK_S(10));
}

/* ---- TO -------------------------------------------------------------------------------------- */

TEST_TASK(timeout_TO_01_the_scope_that_timed_out_says_so_and_caught)
{
    hark_scope s;
    const int64_t start = hark_now();
    hark_scope_open(&s, HARK_MS(10));
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(1))), -ETIMEDOUT);
    CHECK(hark_scope_caught(&s));
    CHECK_EQ(hark_now() - start, HARK_MS(10));
    return 0;
}

TEST_TASK(timeout_TO_01_sleep_0_and_negative_sleeps_are_checkpoints_that_take_no_time)
{
    static const int64_t durations[] = {0, -1, -HARK_S(1), INT64_MIN};
    hark_scope s;
    const int64_t start = hark_now();
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_sleep(durations[i]), 0);
        hark_scope_open(&s, HARK_FOREVER);
        hark_scope_cancel(&s);
        CHECK_EQ(hark_sleep(durations[i]), -ECANCELED);
        CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    }
    CHECK_EQ(hark_sleep_until(start - HARK_S(1)), 0);
    CHECK_EQ(hark_now(), start);
    return 0;
}

TEST_SEEDS(timeout_TO_02_a_shielded_timeout_ignores_outer_cancels_and_keeps_its_own_deadline)
{
    hark_scope outer, inner;
    const int64_t start = hark_now();
    hark_scope_open(&outer, HARK_MS(1));
    hark_scope_open(&inner, HARK_MS(10));
    hark_scope_shield(&inner, true);
    CHECK_EQ(hark_scope_close(&inner, hark_sleep(HARK_S(1))), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(10));
    CHECK_EQ(hark_scope_close(&outer, hark_checkpoint()), -ETIMEDOUT);
    return 0;
}

TEST_TASK(timeout_TO_03_at_once_or_delayed_cancelled_and_caught)
{
    static const int64_t timeouts[] = {-1, 0, 1, HARK_MS(1)};
    hark_scope s;
    for (int i = 0; i < 4; i++) {
        hark_scope_open(&s, timeouts[i]);
        CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
        CHECK(hark_scope_cancelled(&s));
        CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
        CHECK(hark_scope_cancelled(&s));
        CHECK(hark_scope_caught(&s));
    }
    return 0;
}

TEST_TASK(timeout_TO_04_an_explicit_cancel_before_the_deadline_is_no_timeout)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(10));
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(1))), 0);
    CHECK(hark_scope_caught(&s));
    return 0;
}

TEST_TASK_REAL_TIME(timeout_TO_04_nor_when_the_loop_is_busy_past_the_deadline_after_the_cancel)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(1));
    hark_scope_cancel(&s);
    be_busy_until(kit_clock() + HARK_MS(3));
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(100))), 0);
    CHECK(hark_scope_caught(&s));
    return 0;
}

TEST_TASK(timeout_TO_05_forever_is_no_deadline)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    CHECK_EQ(hark_sleep(HARK_S(86400 * 50)), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return 0;
}

TEST_TASK(timeout_TO_07_a_deadline_moved_out_in_time_does_not_come)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(100));
    hark_scope_set_deadline(&s, hark_effective_deadline() + HARK_MS(300));
    CHECK_EQ(hark_sleep(HARK_MS(200)), 0);
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_MS(300))), -ETIMEDOUT);
    return 0;
}

TEST_SEEDS(timeout_TO_07_a_deadline_can_be_moved_by_another_task_while_the_owner_waits)
{
    static const int64_t to[] = {HARK_MS(5), HARK_MS(50), HARK_MS(2), HARK_MS(-5), INT64_MIN / 2};
    static const int64_t ends[] = {HARK_MS(5), HARK_MS(50), HARK_MS(2), HARK_MS(2), HARK_MS(2)};
    for (int i = 0; i < 5; i++) {
        hark_group g;
        hark_scope s;
        const int64_t start = hark_now();
        hark_group_open(&g);
        hark_scope_open(&s, HARK_MS(10));
        hark_go_with(&g, moves, (order){&s, HARK_MS(2), start + to[i]});
        CHECK_EQ(hark_scope_close(&s, hark_event_wait(&never)), -ETIMEDOUT);
        CHECK_EQ(hark_now() - start, ends[i]);
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    return 0;
}

TEST_SEEDS(timeout_TO_07_a_deadline_moved_to_forever_while_the_owner_waits_never_comes)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_MS(10));
    hark_go_with(&g, moves, (order){&s, HARK_MS(2), HARK_FOREVER});
    CHECK_EQ(hark_sleep(HARK_S(3600)), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(timeout_TO_08_a_timeout_after_a_cancelled_group_works)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    hark_group_cancel(&g);
    CHECK_EQ(hark_group_close(&g, hark_checkpoint()), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_sleep(HARK_S(1))), -ETIMEDOUT);
    return 0;
}

TEST_SEEDS(timeout_TO_09_around_a_group_whose_body_and_child_are_both_cut_there_is_one_timeout)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    const int rc = hark_group_close(&g, hark_event_wait(&never));
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, rc), -ETIMEDOUT);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(timeout_TO_10_a_timeout_of_0_shows_at_the_first_checkpoint_not_before)
{
    hark_scope s;
    hark_scope_open(&s, 0);
    CHECK_EQ(hark_scope_close(&s, 5), 5);
    CHECK(!hark_scope_caught(&s));
    hark_scope_open(&s, 0);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_TASK(timeout_TO_11_expired_or_not_can_be_asked_for)
{
    hark_scope s;
    const int64_t start = hark_now();
    hark_scope_open(&s, HARK_MS(5));
    CHECK_EQ(hark_effective_deadline(), start + HARK_MS(5));
    CHECK_EQ(hark_sleep(HARK_MS(4)), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_sleep(HARK_MS(4)), -ECANCELED);
    CHECK(hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_TASK(timeout_TO_12_two_at_the_same_instant_the_outermost_catches_both_have_expired)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_MS(10));
    hark_scope_open(&inner, HARK_MS(10));
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
    CHECK(hark_scope_cancelled(&outer));
    CHECK(hark_scope_cancelled(&inner));
    CHECK(!hark_scope_caught(&inner));
    return 0;
}

TEST_TASK(timeout_TO_13_0_or_negative_fires_at_the_first_yield_even_a_sleep_of_0)
{
    CHECK_EQ(hark_within(0, hark_sleep(0)), -ETIMEDOUT);
    CHECK_EQ(hark_within(-HARK_S(1), hark_sleep(0)), -ETIMEDOUT);
    CHECK_EQ(hark_within(INT64_MIN, hark_yield()), -ETIMEDOUT);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(timeout_TO_14_other_failures_pass_unchanged)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(1));
    CHECK_EQ(hark_scope_close(&s, -EIO), -EIO);
    CHECK(!hark_scope_cancelled(&s));
    hark_scope_open(&s, HARK_MS(1));
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -EIO), -EIO);
    CHECK(hark_scope_cancelled(&s));
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_SEEDS(timeout_TO_15_an_outer_cancel_inside_is_a_cancellation_not_a_timeout)
{
    hark_group g;
    hark_scope outer, inner;
    hark_group_open(&g);
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_S(10));
    hark_go_with(&g, cancels, (order){&outer, HARK_MS(1), 0});
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ECANCELED);
    CHECK(!hark_scope_cancelled(&inner));
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

/* The timer first or the cancel first, at one instant: the outer cancel wins. */
TEST_SEEDS(timeout_BG_51_a_timeout_and_an_outer_cancel_in_one_turn_the_outer_wins)
{
    for (int timer_first = 0; timer_first < 2; timer_first++) {
        hark_group g;
        hark_scope outer, inner;
        hark_group_open(&g);
        hark_scope_open(&outer, HARK_FOREVER);
        if (timer_first) {
            hark_scope_open(&inner, HARK_MS(1));
        }
        hark_go_with(&g, cancels, (order){&outer, HARK_MS(1), 0});
        if (!timer_first) {
            CHECK_EQ(hark_yield(), 0);
            hark_scope_open(&inner, HARK_MS(1));
        }
        const int64_t rc = hark_scope_close(&inner, hark_event_wait(&never));
        CHECK(rc == -ECANCELED || rc == -ETIMEDOUT); /* by who ran first; never 0, never lost */
        const int64_t at_outer = hark_scope_close(&outer, rc == -ECANCELED ? rc : hark_sleep(1));
        CHECK_EQ(at_outer, 0);
        CHECK(hark_scope_caught(&outer));
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    return 0;
}

TEST_TASK(timeout_TO_16_after_a_timeout_the_task_is_not_cancelled)
{
    CHECK_EQ(hark_within(HARK_MS(1), hark_event_wait(&never)), -ETIMEDOUT);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK_REAL_TIME(timeout_TO_17_both_deadlines_passed_while_the_loop_was_busy)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_MS(2));
    hark_scope_open(&inner, HARK_MS(1));
    be_busy_until(kit_clock() + HARK_MS(4));
    CHECK_EQ(hark_scope_close(&inner, hark_sleep(HARK_S(100))), -ECANCELED);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
    CHECK(hark_scope_cancelled(&inner));
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

/* A retry loop in a scope whose time is over ends: it sees a cancellation, not a timeout. */
TEST_TASK(timeout_TO_17_a_retry_loop_ends_with_the_scope_around_it)
{
    hark_scope s;
    int tries = 0;
    int64_t rc;
    hark_scope_open(&s, HARK_MS(10));
    do {
        tries++;
        rc = hark_within(HARK_MS(3), hark_event_wait(&never));
    } while (rc == -ETIMEDOUT);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(tries, 4);
    CHECK_EQ(hark_scope_close(&s, rc), -ETIMEDOUT);
    return 0;
}

TEST_SEEDS(timeout_TO_18_rescheduled_to_never_a_later_cancel_is_a_cancellation)
{
    hark_group g;
    hark_scope outer, s;
    hark_group_open(&g);
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&s, HARK_MS(1));
    hark_scope_set_deadline(&s, hark_now() + HARK_MS(20));
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    hark_scope_set_deadline(&s, HARK_FOREVER);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    hark_go_with(&g, cancels, (order){&outer, HARK_MS(100), 0});
    CHECK_EQ(hark_scope_close(&s, hark_event_wait(&never)), -ECANCELED);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

TEST_TASK(timeout_TO_19_a_deadline_of_a_scope_that_is_not_open_can_not_be_moved)
{
    hark_scope s = {0};
    CHECK_EQ(hark_scope_set_deadline(&s, hark_now()), -EINVAL);
    CHECK_EQ(hark_scope_open(&s, HARK_MS(1)), 0);
    CHECK_EQ(hark_scope_open(&s, HARK_MS(1)), -EALREADY);
    CHECK_EQ(hark_scope_close(&s, hark_event_wait(&never)), -ETIMEDOUT);
    CHECK_EQ(hark_scope_set_deadline(&s, HARK_FOREVER), -EINVAL);
    CHECK_EQ(hark_scope_close(&s, 0), -EINVAL);
    return 0;
}

TEST_SEEDS(timeout_TO_20_after_a_swallowed_cancel_new_timeouts_and_cancels_work)
{
    hark_group g;
    hark_scope first, second;
    hark_group_open(&g);
    hark_scope_open(&first, HARK_FOREVER);
    hark_scope_cancel(&first);
    CHECK_EQ(hark_scope_close(&first, hark_event_wait(&never)), 0);
    CHECK_EQ(hark_within(0, hark_sleep(HARK_S(1))), -ETIMEDOUT);
    hark_scope_open(&second, HARK_S(1));
    hark_go_with(&g, cancels, (order){&second, 0, 0});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_scope_close(&second, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(timeout_TO_21_a_child_that_fails_while_the_timeout_cancels_it_is_the_result)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&g);
    hark_go(&g, fails_when_cut, INT(-EIO));
    const int rc = hark_group_close(&g, hark_event_wait(&never));
    CHECK_EQ(rc, -EIO);
    CHECK_EQ(hark_scope_close(&s, rc), -EIO);
    CHECK(hark_scope_cancelled(&s));
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_TASK(timeout_TO_23_a_timeout_of_0_does_not_swallow_a_cancel_that_is_pending)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_within(0, hark_sleep(HARK_S(1))), -ECANCELED);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK(hark_scope_caught(&s));
    return 0;
}

TEST_TASK(timeout_TO_24_leaving_the_block_drops_the_timer)
{
    CHECK_EQ(hark_within(HARK_S(1), 5), 5);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(timeout_TO_25_a_timeout_called_off_inside_does_not_come)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(1));
    hark_scope_set_deadline(&s, HARK_FOREVER);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return 0;
}

TEST_TASK(timeout_TO_26_of_two_nested_the_shorter_one_fires_and_the_other_is_still_pending)
{
    hark_scope outer, inner;
    const int64_t start = hark_now();
    hark_scope_open(&outer, HARK_MS(10));
    hark_scope_open(&inner, HARK_MS(1));
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ETIMEDOUT);
    CHECK_EQ(hark_effective_deadline(), start + HARK_MS(10));
    CHECK(!hark_scope_cancelled(&outer));
    hark_scope_open(&inner, HARK_MS(100));
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ECANCELED);
    CHECK(!hark_scope_cancelled(&inner));
    CHECK_EQ(hark_now() - start, HARK_MS(10));
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
    return 0;
}

/* A call of a library: it has a timeout of its own, and a value instead of it. */
static int64_t receive_or_77(int64_t timeout)
{
    const int64_t rc = hark_within(timeout, hark_event_wait(&never));
    return rc == -ETIMEDOUT ? 77 : rc;
}

TEST_TASK(timeout_TO_27_a_call_takes_only_its_own_timer_for_its_timeout)
{
    CHECK_EQ(hark_within(HARK_MS(10), receive_or_77(HARK_MS(1))), 77);
    CHECK_EQ(hark_within(HARK_MS(1), receive_or_77(HARK_MS(10))), -ETIMEDOUT);
    check_no_deadline_is_left();
    return 0;
}

static int waits_on_pipe(void *fd)
{
    return hark_wait_fd((int)(intptr_t)fd, POLLIN);
}

static int pipe_in_loop(void *arg)
{
    int fds[2];
    char byte = 0;
    (void)arg;
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(fds[0], &byte, 1)), -ETIMEDOUT);
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, waits_on_pipe, INT(fds[0])); /* -EBUSY if the first wait were still there */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(fds[1], "x", 1), 1);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_read(fds[0], &byte, 1), 1);
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    return 0;
}

TEST_ON_HUBS(timeout_TO_29_a_descriptor_whose_wait_timed_out_is_free_again)
{
    CHECK_EQ(RUN(pipe_in_loop, NULL), 0);
}

static int short_sleeps(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        const int64_t start = kit_clock();
        CHECK_EQ(hark_sleep(HARK_US(10)), 0);
        CHECK_GE(kit_clock() - start, HARK_US(10));
    }
    return 0;
}

TEST_ON_HUBS(timeout_TO_31_a_short_sleep_never_ends_early)
{
    CHECK_EQ(RUN(short_sleeps, NULL), 0);
}

/* ---- ties ------------------------------------------------------------------------------------ */

typedef struct nap {
    int number;
    int64_t length;
} nap;

static int naps(void *arg)
{
    const nap *n = arg;
    CHECK_EQ(hark_sleep(n->length), 0);
    kit_log("%d", n->number);
    return 0;
}

TEST_TASK(timeout_XX_33_equal_deadlines_come_in_the_order_of_arming)
{
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 6; i++) {
        hark_go_with(&g, naps, (nap){i, HARK_MS(5)});
    }
    hark_go_with(&g, naps, (nap){6, HARK_MS(4)});
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("6 0 1 2 3 4 5");
    return 0;
}

TEST_TASK(timeout_C8_a_deadline_and_the_end_of_a_sleep_at_one_instant_go_by_the_order_of_arming)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(5));
    const int64_t rc = hark_scope_close(&s, hark_sleep(HARK_MS(5)));
    for (int i = 0; i < 5; i++) {
        hark_scope_open(&s, HARK_MS(5));
        CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_MS(5))), rc); /* one rule, always the same */
    }
    CHECK(rc == 0 || rc == -ETIMEDOUT);
    return 0;
}

/* ---- hark_within: its value ------------------------------------------------------------------ */

TEST_TASK(within_passes_the_calls_value)
{
    static const int64_t values[] = {0, 1, 42, -1, -EIO, INT64_MAX, INT64_MIN, 1LL << 40};
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(hark_within(HARK_S(1), values[i]), values[i]);
    }
    CHECK_EQ(hark_within(HARK_FOREVER, hark_sleep(HARK_S(5))), 0);
    CHECK_EQ(hark_within(HARK_S(1), -ETIMEDOUT), -ETIMEDOUT);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_makes_a_call_that_comes_too_late_return_etimedout)
{
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_S(2), hark_event_wait(&never)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_S(2));
    CHECK_EQ(hark_within(HARK_S(2), hark_sleep(HARK_S(1))), 0);
    CHECK_EQ(hark_now() - start, HARK_S(3));
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_a_cancelled_scope_passes_the_cancellation)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_within(HARK_S(1), hark_event_wait(&never)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    return 0;
}

static int64_t inner_within(int64_t timeout, int64_t sleep)
{
    return hark_within(timeout, hark_sleep(sleep));
}

TEST_TASK(within_nested_the_shorter_one_decides)
{
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_MS(5), inner_within(HARK_MS(1), HARK_S(1))), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(1));
    CHECK_EQ(hark_within(HARK_MS(1), inner_within(HARK_MS(5), HARK_S(1))), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(2));
    CHECK_EQ(hark_within(HARK_MS(5), inner_within(HARK_MS(5), HARK_MS(1))), 0);
    check_no_deadline_is_left();
    return 0;
}

static int64_t deep_within(int depth)
{
    if (depth == 0) {
        return hark_event_wait(&never);
    }
    return hark_within(HARK_S(depth), deep_within(depth - 1));
}

TEST_TASK(within_50_deep_the_innermost_fires_first)
{
    const int64_t start = hark_now();
    CHECK_EQ(deep_within(50), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_S(1));
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_evaluates_the_call_once_and_the_timeout_once)
{
    int calls = 0, timeouts = 0;
    CHECK_EQ(hark_within((timeouts++, HARK_S(1)), (calls++, hark_yield())), 0);
    CHECK_EQ(calls, 1);
    CHECK_EQ(timeouts, 1);
    return 0;
}

TEST(within_outside_a_task_is_refused_without_making_the_call)
{
    int calls = 0;
    CHECK_EQ(hark_within(HARK_S(1), calls++), -ENOTSUP);
    CHECK_EQ(calls, 0);
    CHECK_GT(strlen(hark_error_last()), 0);
}

/* ---- hark_within: ways out ------------------------------------------------------------------- */

static int64_t leaves_by_return(void)
{
    hark_within(HARK_MS(1), ({
                    return 5;
                    0;
                }));
    return 6;
}

TEST_TASK(within_left_by_return)
{
    CHECK_EQ(leaves_by_return(), 5);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_goto)
{
    hark_within(HARK_MS(1), ({
                    goto out;
                    0;
                }));
    CHECK(!"reached");
out:
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_break_and_continue)
{
    int turns = 0;
    for (int i = 0; i < 10; i++) {
        hark_within(HARK_MS(1), ({
                        if (i < 5) {
                            turns++;
                            continue;
                        }
                        break;
                        0;
                    }));
        CHECK(!"reached");
    }
    CHECK_EQ(turns, 5);
    check_no_deadline_is_left();
    return 0;
}

static jmp_buf landing;

static int64_t leaps(void)
{
    longjmp(landing, 1);
}

static int64_t leaps_after_a_sleep(void)
{
    CHECK_EQ(hark_sleep(HARK_US(1)), 0);
    longjmp(landing, 1);
}

static __attribute__((noinline)) void leap_out_of_within(void)
{
    hark_within(HARK_MS(1), leaps());
    CHECK(!"reached");
}

static __attribute__((noinline)) void leap_out_of_three(void)
{
    hark_within(HARK_MS(3), inner_within(HARK_MS(1), 0));
    hark_within(HARK_MS(3), (leap_out_of_within(), 0));
    CHECK(!"reached");
}

static __attribute__((noinline)) void leap_after_a_sleep(void)
{
    hark_within(HARK_MS(1), leaps_after_a_sleep());
    CHECK(!"reached");
}

TEST_TASK(within_left_by_longjmp)
{
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_from_a_frame_of_the_same_function)
{
    if (setjmp(landing) == 0) {
        hark_within(HARK_MS(1), leaps());
    }
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_several_left_by_one_longjmp)
{
    if (setjmp(landing) == 0) {
        leap_out_of_three();
    }
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_when_the_timer_was_armed_already)
{
    if (setjmp(landing) == 0) {
        leap_after_a_sleep();
    }
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_a_thousand_times)
{
    volatile int times = 0;
    setjmp(landing);
    if (++times <= 1000) {
        leap_out_of_within();
    }
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_a_scope_around_it_can_still_be_closed)
{
    hark_scope s;
    CHECK_EQ(hark_scope_open(&s, HARK_S(60)), 0);
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    CHECK_EQ(hark_scope_close(&s, 4), 4);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_a_group_around_it_can_still_be_closed)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    hark_go_with(&g, naps, (nap){1, HARK_MS(50)});
    if (setjmp(landing) == 0) {
        leap_after_a_sleep();
    }
    CHECK_EQ(hark_group_close(&g, 4), 4);
    CHECK_LOG("1");
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_the_next_within_works)
{
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_S(2), hark_event_wait(&never)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_S(2));
    check_no_deadline_is_left();
    return 0;
}

static int never_started(void *arg)
{
    (void)arg;
    const int rc = hark_sleep(HARK_S(1));
    return rc < 0 ? rc : hark_started(0);
}

TEST_TASK(within_left_by_longjmp_a_start_afterwards_is_not_cut_short)
{
    hark_group g;
    hark_group_open(&g);
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    CHECK_GT(hark_start(&g, never_started, NULL, NULL), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    check_no_deadline_is_left();
    return 0;
}

TEST_TASK(within_left_by_longjmp_a_group_closed_afterwards_is_not_cut_short)
{
    hark_group g;
    hark_group_open(&g);
    hark_go_with(&g, naps, (nap){1, HARK_S(5)});
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    CHECK_EQ(hark_group_close(&g, hark_checkpoint()), 0);
    CHECK_LOG("1");
    return 0;
}

#if defined(__x86_64__) /* elsewhere a return address need not lie where the abandoned place ends */
/* The abandoned frame's bytes are as they were, in a buffer that nobody has written to yet. */
static __attribute__((noinline)) int sleeps_below_a_buffer(int64_t timeout)
{
    char buffer[4000];
    __asm__ volatile("" : : "r"(buffer) : "memory");
    return hark_sleep(timeout);
}

TEST_TASK(within_left_by_longjmp_a_wait_in_a_deeper_frame_is_not_cut_short)
{
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    CHECK_EQ(sleeps_below_a_buffer(HARK_S(1)), 0);
    check_no_deadline_is_left();
    return 0;
}
#endif /* __x86_64__ */

static int child_leaps(void *arg)
{
    (void)arg;
    if (setjmp(landing) == 0) {
        leap_out_of_within();
    }
    return 0;
}

TEST_SEEDS(within_left_by_longjmp_and_nothing_done_afterwards_the_task_may_end)
{
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 10; i++) {
        CHECK_GT(hark_go(&g, child_leaps, NULL), 0);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    check_no_deadline_is_left();
    return 0;
}

static int child_leaves_by_return(void *arg)
{
    (void)arg;
    hark_within(HARK_MS(1), ({
                    return hark_yield();
                    0;
                }));
    return -EPROTO;
}

TEST_SEEDS(within_left_by_return_out_of_the_tasks_body)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_GT(hark_go(&g, child_leaves_by_return, NULL), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return 0;
}

TEST_TASK(within_while_its_scope_is_live_effective_deadline_tells_it)
{
    const int64_t expected = hark_now() + HARK_S(2);
    CHECK_EQ(hark_within(HARK_S(2), hark_effective_deadline()), expected);
    CHECK_EQ(hark_within(0, hark_effective_deadline()), INT64_MIN);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

/* ---- busy loops and timers ------------------------------------------------------------------- */

static int yields_until(void *done)
{
    int64_t turns = 0;
    while (!*(bool *)done) {
        CHECK_EQ(hark_yield(), 0);
        turns++;
    }
    return turns > 0 ? 0 : -EPROTO;
}

static int two_yield(void *arg)
{
    hark_group g;
    bool done = false;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, yields_until, &done);
    hark_go(&g, yields_until, &done);
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    CHECK_EQ(hark_within(HARK_MS(5), hark_event_wait(&never)), -ETIMEDOUT);
    done = true;
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(timeout_BG_96_two_yielding_tasks_do_not_starve_timers)
{
    CHECK_EQ(RUN(two_yield, NULL), 0);
}
