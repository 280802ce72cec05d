/* SPDX-License-Identifier: MIT
 *
 * latch_test.c - hark_latch: a count that goes down once, and those who wait for its end.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_latch latch;

static int waiting(void)
{
    return hark_latch_statistics(&latch).tasks_waiting;
}

static void begin(int count)
{
    CHECK_EQ(hark_latch_init(&latch, count), 0);
}

static int waiter(void *name)
{
    const int rc = hark_latch_wait(&latch);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

TEST(latch_counts_from_0_or_more)
{
    static hark_latch zero;
    hark_latch constant = HARK_LATCH_INIT(3);
    CHECK_EQ(hark_latch_count(&zero), 0);
    CHECK_EQ(hark_latch_count(&constant), 3);
    begin(2);
    CHECK_MISUSE(hark_latch_init(&latch, -1), -EINVAL, "hark_latch_init");
    CHECK_EQ(hark_latch_count(&latch), 2);
}

INSIDE(latch_opens_at_0_and_wakes_all_in_the_order_in_which_they_came)
{
    begin(3);
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    CHECK_EQ(waiting(), 3);
    CHECK_EQ(hark_latch_count_down(&latch, 2), 0);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(hark_latch_count(&latch), 1);
    CHECK_EQ(hark_latch_count_down(&latch, 1), 0);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a:ok b:ok c:ok");
}

INSIDE(latch_that_is_open_stays_open_and_does_not_yield)
{
    begin(1);
    CHECK_EQ(hark_latch_count_down(&latch, 1), 0);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_latch_wait(&latch), 0);
    CHECK_EQ(hark_latch_wait(&latch), 0);
    CHECK_LOG("");
    hark_settle();
}

INSIDE(latch_counting_none_is_fine_and_below_0_is_refused)
{
    begin(2);
    go_waiter("a");
    hark_settle();
    CHECK_SILENT(hark_latch_count_down(&latch, 0), 0);
    CHECK_MISUSE(hark_latch_count_down(&latch, 3), -EINVAL, "3 down from 2");
    CHECK_MISUSE(hark_latch_count_down(&latch, -1), -EINVAL, "hark_latch_count_down");
    CHECK_EQ(hark_latch_count(&latch), 2);
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_latch_count_down(&latch, 2), 0);
    CHECK_MISUSE(hark_latch_count_down(&latch, 1), -EINVAL, "1 down from 0");
    CHECK_SILENT(hark_latch_count_down(&latch, 0), 0);
    hark_settle();
    CHECK_LOG("a:ok");
}

INSIDE(latch_a_cancelled_waiter_leaves_nothing_behind)
{
    begin(1);
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 1);
    hark_latch_count_down(&latch, 1);
    hark_settle();
    CHECK_LOG("a:cancelled b:ok");
}

INSIDE(latch_XX_07_opened_and_then_cancelled_the_wake_wins)
{
    begin(1);
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_latch_count_down(&latch, 1);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:ok");
}

INSIDE(latch_XX_04_waiting_at_an_open_one_is_a_checkpoint)
{
    hark_scope scope;
    begin(0);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_latch_wait(&latch), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_latch_wait(&latch), 0);
}

INSIDE(latch_wait_under_a_deadline_times_out_on_time)
{
    const int64_t start = hark_now();
    begin(1);
    CHECK_EQ(hark_within(HARK_MS(3), hark_latch_wait(&latch)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(3));
    CHECK_EQ(waiting(), 0);
}

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_latch_wait(&latch), -EXDEV, "hark_latch_wait");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_latch_count_down(&latch, 1), -EXDEV, "hark_latch_count_down");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(latch_XX_40_other_threads_and_loops_are_refused)
{
    begin(1);
    go_waiter("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(hark_latch_count(&latch), 1);
    hark_latch_count_down(&latch, 1);
}

static int wait_for_it(void *arg)
{
    (void)arg;
    return hark_latch_wait(&latch);
}

TEST(latch_counted_down_without_a_loop_then_used_by_two_in_turn)
{
    begin(2);
    CHECK_EQ(hark_latch_count_down(&latch, 2), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
}

TEST(latch_the_report_of_a_deadlock_tells_how_many_are_left)
{
    begin(7);
    capture_begin();
    const int rc = RUN_VIRTUAL(wait_for_it, NULL);
    const char *words = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(words, "(7 to go)");
}

INSIDE(latch_a_lost_wakeup_is_seen_by_the_audit)
{
    begin(1);
    go_waiter("a");
    hark_settle();
    CHECK_EQ(hark_audit(), 0);
    latch.count = 0;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: a latch");
    latch.count = 1;
    CHECK_EQ(hark_audit(), 0);
    hark_latch_count_down(&latch, 1);
}

INSIDE(latch_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_latch_init(NULL, 1), -EINVAL, "hark_latch_init");
    CHECK_MISUSE(hark_latch_count_down(NULL, 1), -EINVAL, "hark_latch_count_down");
    CHECK_MISUSE(hark_latch_wait(NULL), -EINVAL, "hark_latch_wait");
    CHECK_EQ(hark_latch_count(NULL), 0);
    CHECK_EQ(hark_latch_statistics(NULL).tasks_waiting, 0);
}

TEST(latch_misuse_waiting_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_latch_wait(&latch), -ENOTSUP, "hark_latch_wait");
}
