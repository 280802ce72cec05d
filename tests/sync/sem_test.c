/* SPDX-License-Identifier: MIT
 *
 * sem_test.c - hark_sem: permits.
 *
 * The SE entries and what was learnt from others' bugs (BG): a permit goes from hand to hand, so
 * that the value is what a newcomer could take, a cancelled waiter takes none, and one that was
 * given is kept.
 *
 * Not here SE-25 and SE-27 (types and timeouts of another language), SE-28 and SE-29 (a release
 *          that blocks: above max it is -EOVERFLOW), SE-30's balance and SE-31 (nobody looks
 * again).
 */
#include "../sync/scene.h"

#include <hark/testing.h>

#include "core/core.h"

static hark_sem sem;

static int waiting(void)
{
    return hark_sem_statistics(&sem).tasks_waiting;
}

/* Takes a permit and keeps it. */
static int taker(void *name)
{
    const int rc = hark_sem_acquire(&sem);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_taker(const char *name)
{
    return hark_go(&group, taker, (void *)name);
}

static void begin(int value, int max)
{
    CHECK_EQ(hark_sem_init(&sem, value, max), 0);
}

/* ---- how many there are ---------------------------------------------------------------------- */

TEST(sem_SE_01_SE_14_init_wants_0_or_more_and_not_above_the_maximum)
{
    static hark_sem zero;
    hark_sem constant = HARK_SEM_INIT(3, 5);
    CHECK_EQ(hark_sem_value(&zero), 0);
    CHECK_EQ(hark_sem_value(&constant), 3);
    begin(0, 0);
    CHECK_SILENT(hark_sem_try(&sem), -EAGAIN);
    begin(2, 2);
    CHECK_MISUSE(hark_sem_init(&sem, -1, 0), -EINVAL, "hark_sem_init");
    CHECK_MISUSE(hark_sem_init(&sem, 0, -1), -EINVAL, "hark_sem_init");
    CHECK_MISUSE(hark_sem_init(&sem, 3, 2), -EINVAL, "3 permits of at most 2");
    CHECK_EQ(hark_sem_value(&sem), 2);
}

INSIDE(sem_SE_02_SE_15_released_permits_belong_to_the_waiters_and_never_show)
{
    begin(3, 0);
    CHECK_EQ(hark_sem_acquire(&sem), 0);
    CHECK_EQ(hark_sem_acquire(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
    go_taker("1"), go_taker("2"), go_taker("3");
    hark_settle();
    CHECK_LOG("1:ok");
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(hark_sem_value(&sem), 0);
    go_taker("4");
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 0);
    CHECK_SILENT(hark_sem_try(&sem), -EAGAIN);
    hark_settle();
    CHECK_LOG("2:ok 3:ok");
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_sem_value(&sem), 0);
    hark_sem_release(&sem);
}

INSIDE(sem_SE_12_SE_14_without_a_maximum_more_may_be_released_than_were_taken)
{
    begin(1, 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 2);
}

INSIDE(sem_SE_12_SE_16_SE_17_XX_16_above_the_maximum_is_refused)
{
    begin(1, 2);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_MISUSE(hark_sem_release(&sem), -EOVERFLOW, "hark_sem_release");
    CHECK_EQ(hark_sem_value(&sem), 2);
    CHECK_EQ(hark_sem_acquire(&sem), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
}

TEST(sem_W11_the_count_never_overflows)
{
    begin(INT_MAX, 0);
    CHECK_MISUSE(hark_sem_release(&sem), -EOVERFLOW, "hark_sem_release");
    CHECK_EQ(hark_sem_value(&sem), INT_MAX);
    begin(INT_MAX - 1, INT_MAX);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_release(&sem), -EOVERFLOW);
}

INSIDE(sem_SE_11_SE_13_SE_22_XX_17_value_and_statistics_tell_who_could_take_and_who_waits)
{
    begin(1, 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
    hark_sem_acquire(&sem);
    go_taker("a"), go_taker("b");
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_sem_release(&sem);
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_sem_value(&sem), 0);
    hark_sem_release(&sem);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_sem_release(&sem), 0); /* nobody waits, though two have not run yet */
    CHECK_EQ(hark_sem_value(&sem), 1);
}

INSIDE(sem_SE_23_trying_in_vain_does_not_yield)
{
    begin(0, 0);
    hark_go(&group, say, "other");
    CHECK_SILENT(hark_sem_try(&sem), -EAGAIN);
    CHECK_LOG("");
    hark_settle();
}

INSIDE(sem_SE_24_waiting_under_a_deadline_times_out_on_time_and_leaves)
{
    const int64_t start = hark_now();
    begin(0, 0);
    CHECK_EQ(hark_within(HARK_MS(100), hark_sem_acquire(&sem)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(100));
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
}

INSIDE(sem_SE_18_XX_04_an_acquire_that_need_not_wait_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    begin(1, 0);
    hark_go(&group, say, "other");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_sem_acquire(&sem), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(hark_sem_acquire(&sem), 0);
    CHECK_LOG("");
    hark_settle();
}

static int take_and_give(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000 && !hark_checkpoint(); i++) {
        hark_sem_acquire(&sem);
        hark_sem_release(&sem);
    }
    kit_log("done");
    return 0;
}

INSIDE(sem_BG_95_whoever_takes_and_gives_for_ever_lets_others_run)
{
    begin(1, 1);
    hark_go(&group, take_and_give, NULL);
    hark_go(&group, say, "other");
    hark_settle();
    CHECK_LOG("other done");
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

static int three_steps(void *name)
{
    for (int i = 1; i <= 2; i++) {
        hark_sem_acquire(&sem);
        kit_log("%s_%d", (const char *)name, i);
        hark_sleep(HARK_MS(1));
        hark_sem_release(&sem);
    }
    return 0;
}

INSIDE(sem_SE_07_first_come_first_served)
{
    begin(1, 0);
    hark_go(&group, three_steps, "1");
    hark_go(&group, three_steps, "2");
    hark_go(&group, three_steps, "3");
    hark_sleep(HARK_MS(10));
    CHECK_LOG("1_1 2_1 3_1 1_2 2_2 3_2");
    CHECK_EQ(hark_sem_value(&sem), 1);
}

INSIDE(sem_SE_26_BG_27_BG_36_who_releases_and_acquires_again_stands_behind_the_waiter)
{
    begin(1, 1);
    CHECK_EQ(hark_sem_acquire(&sem), 0);
    go_taker("patient");
    hark_settle();
    hark_sem_release(&sem);
    CHECK_SILENT(hark_sem_try(&sem), -EAGAIN);
    CHECK_EQ(hark_within(HARK_MS(1), hark_sem_acquire(&sem)), -ETIMEDOUT);
    CHECK_LOG("patient:ok");
}

/* What is released beyond those who wait is free, and taking it takes nothing from them. */
INSIDE(sem_SE_10_BG_06_spare_permits_may_be_taken_before_the_woken_have_run)
{
    begin(0, 0);
    go_taker("1");
    hark_settle();
    hark_sem_release(&sem), hark_sem_release(&sem), hark_sem_release(&sem);
    CHECK_EQ(hark_sem_value(&sem), 2);
    go_taker("2"), go_taker("3"), go_taker("4");
    hark_settle();
    CHECK_LOG("1:ok 2:ok 3:ok");
    CHECK_EQ(waiting(), 1);
    hark_sem_release(&sem);
    hark_settle();
    CHECK_LOG("4:ok");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(sem_SE_03_SE_09_a_cancelled_waiter_takes_no_permit)
{
    begin(0, 0);
    const hark_task first = go_taker("1");
    go_taker("2"), go_taker("3");
    hark_settle();
    hark_task_cancel(first);
    CHECK_EQ(waiting(), 2);
    hark_settle();
    hark_sem_release(&sem), hark_sem_release(&sem);
    hark_settle();
    CHECK_LOG("1:cancelled 2:ok 3:ok");
    CHECK_EQ(hark_sem_value(&sem), 0);
}

INSIDE(sem_SE_05_BG_04_cancel_then_release_in_one_turn_reaches_the_next)
{
    begin(0, 1);
    const hark_task first = go_taker("1");
    go_taker("2");
    hark_settle();
    hark_task_cancel(first);
    hark_sem_release(&sem);
    hark_settle();
    CHECK_LOG("1:cancelled 2:ok");
    CHECK_EQ(hark_sem_value(&sem), 0);
}

INSIDE(sem_SE_19_SE_21_BG_16_cancelled_and_not_yet_run_it_is_in_nobodys_way)
{
    begin(1, 1);
    hark_sem_acquire(&sem);
    const hark_task task = go_taker("1");
    hark_settle();
    hark_task_cancel(task);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(hark_sem_try(&sem), 0);
    hark_settle();
    CHECK_LOG("1:cancelled");
}

/* The one who was given a permit has it, hears of its cancellation later, and gives it back. */
static int take_look_and_give(void *name)
{
    const int rc = hark_sem_acquire(&sem);
    kit_log("%s:%s,%s", (const char *)name, outcome(rc), outcome(hark_checkpoint()));
    return rc ? rc : hark_sem_release(&sem);
}

INSIDE(sem_SE_06_SE_20_XX_07_BG_05_release_then_cancel_in_one_turn_the_permit_is_kept)
{
    begin(0, 1);
    const hark_task task = hark_go(&group, take_look_and_give, "1");
    hark_settle();
    hark_sem_release(&sem);
    hark_task_cancel(task);
    CHECK_EQ(hark_sem_value(&sem), 0);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("1:ok,cancelled");
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(hark_sem_try(&sem), 0);
}

INSIDE(sem_BG_05_W9_two_given_and_cancelled_two_go_on)
{
    begin(0, 0);
    const hark_task first = hark_go(&group, take_look_and_give, "1");
    const hark_task second = hark_go(&group, take_look_and_give, "2");
    go_taker("3"), go_taker("4");
    hark_settle();
    hark_sem_release(&sem), hark_sem_release(&sem);
    hark_task_cancel(first), hark_task_cancel(second);
    CHECK_EQ(waiting(), 2);
    hark_settle();
    CHECK_LOG("1:ok,cancelled 2:ok,cancelled 3:ok 4:ok");
    CHECK_EQ(hark_sem_value(&sem), 0);
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static hark_sem other;

static int select_either(void *name)
{
    hark_case cases[] = {hark_on_sem(&sem), hark_on_sem(&other)};
    const int index = hark_select(cases, 2);
    kit_log("%s:%d", (const char *)name, index);
    return index == -ECANCELED ? index : hark_case_result(&cases[index]);
}

INSIDE(sem_select_takes_one_permit_of_one_of_them)
{
    begin(0, 0);
    hark_sem_init(&other, 0, 1);
    hark_go(&group, select_either, "a");
    hark_settle();
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_sem_release(&other), 0);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(hark_sem_value(&other), 0);
    hark_settle();
    CHECK_LOG("a:1");
    hark_go(&group, select_either, "b");
    hark_settle();
    CHECK_LOG("b:0");
    CHECK_EQ(hark_sem_value(&sem), 0);
}

INSIDE(sem_select_stands_in_line_and_does_not_barge)
{
    hark_case c = hark_on_sem(&sem);
    begin(0, 0);
    hark_sem_init(&other, 0, 0);
    go_taker("1");
    hark_settle();
    hark_go(&group, select_either, "2");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_sem_release(&sem);
    CHECK_SILENT(hark_try_select(&c, 1), -EAGAIN);
    hark_settle();
    CHECK_LOG("1:ok");
    hark_sem_release(&sem);
    hark_settle();
    CHECK_LOG("2:0");
    hark_sem_release(&sem);
    CHECK_EQ(hark_try_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), 0);
    CHECK_EQ(hark_sem_value(&sem), 0);
}

INSIDE(sem_select_of_the_same_one_twice_takes_one)
{
    hark_case cases[] = {hark_on_sem(&sem), hark_on_sem(&sem)};
    begin(3, 0);
    CHECK_GE(hark_select(cases, 2), 0);
    CHECK_EQ(hark_sem_value(&sem), 2);
    begin(0, 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_select(cases, 2)), -ETIMEDOUT);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_sem_value(&sem), 0);
}

INSIDE(sem_select_that_is_cancelled_takes_none)
{
    begin(0, 0);
    hark_sem_init(&other, 0, 0);
    const hark_task task = hark_go(&group, select_either, "a");
    hark_settle();
    hark_task_cancel(task);
    hark_sem_release(&sem), hark_sem_release(&other);
    hark_settle();
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(hark_sem_value(&other), 1);
    kit_log("-");
    CHECK_LOG("a:-125 -");
}

/* The audit asks a case that waits whether it could go on; it takes nothing by that. */
INSIDE(sem_select_a_lost_wakeup_is_seen_by_the_audit_and_nothing_is_taken)
{
    struct hark__text text;
    char words[160];
    begin(0, 0);
    hark_sem_init(&other, 0, 0);
    hark_go(&group, select_either, "a");
    hark_settle();
    sem.value = 1; /* as if a release had forgotten who waits */
    hark__text_to_string(&text, words, sizeof words);
    CHECK_EQ(hark__audit(hark__here, true, &text), 1);
    CHECK_HAS(words, "waits for what is there");
    CHECK_EQ(hark_sem_value(&sem), 1);
    hark_sem_release(&other);
    hark_settle();
    CHECK_LOG("a:1");
    CHECK_EQ(hark_sem_value(&sem), 1);
}

INSIDE(sem_select_NULL_is_misuse)
{
    hark_case c = hark_on_sem(NULL);
    CHECK_MISUSE(hark_select(&c, 1), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_try_select(&c, 1), -EINVAL, "hark_try_select");
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    hark_case c = hark_on_sem(&sem);
    (void)arg;
    CHECK_MISUSE(hark_sem_acquire(&sem), -EXDEV, "hark_sem_acquire");
    CHECK_MISUSE(hark_sem_try(&sem), -EXDEV, "hark_sem_try");
    CHECK_MISUSE(hark_sem_release(&sem), -EXDEV, "hark_sem_release");
    CHECK_MISUSE(hark_select(&c, 1), -EXDEV, "hark_select");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_sem_try(&sem), -EXDEV, "hark_sem_try");
    CHECK_MISUSE(hark_sem_release(&sem), -EXDEV, "hark_sem_release");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(sem_XX_40_other_threads_and_loops_are_refused)
{
    begin(1, 0);
    hark_sem_acquire(&sem);
    go_taker("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(hark_sem_value(&sem), 0);
    CHECK_EQ(waiting(), 1);
    hark_sem_release(&sem);
}

static int take_one(void *arg)
{
    (void)arg;
    return hark_sem_acquire(&sem);
}

TEST(sem_is_usable_before_any_loop_and_by_two_in_turn)
{
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(hark_sem_release(&sem), 0);
    CHECK_EQ(RUN_VIRTUAL(take_one, NULL), 0);
    CHECK_EQ(hark_sem_value(&sem), 1);
    CHECK_EQ(RUN_VIRTUAL(take_one, NULL), 0);
    CHECK_EQ(hark_sem_try(&sem), -EAGAIN);
}

INSIDE(sem_a_lost_wakeup_is_seen_by_the_audit)
{
    begin(0, 0);
    go_taker("a");
    hark_settle();
    CHECK_EQ(hark_audit(), 0);
    sem.value = 1;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: a permit of a semaphore");
    sem.value = 0;
    CHECK_EQ(hark_audit(), 0);
    hark_sem_release(&sem);
}

INSIDE(sem_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_sem_init(NULL, 1, 1), -EINVAL, "hark_sem_init");
    CHECK_MISUSE(hark_sem_acquire(NULL), -EINVAL, "hark_sem_acquire");
    CHECK_MISUSE(hark_sem_try(NULL), -EINVAL, "hark_sem_try");
    CHECK_MISUSE(hark_sem_release(NULL), -EINVAL, "hark_sem_release");
    CHECK_EQ(hark_sem_value(NULL), 0);
    CHECK_EQ(hark_sem_statistics(NULL).tasks_waiting, 0);
}

TEST(sem_misuse_waiting_outside_any_task_is_refused)
{
    begin(1, 0);
    CHECK_MISUSE(hark_sem_acquire(&sem), -ENOTSUP, "hark_sem_acquire");
    CHECK_EQ(hark_sem_try(&sem), 0);
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static int released, taken;
static hark_task actors[3];

static int actor(void *arg)
{
    (void)arg;
    for (int i = 0; i < 12; i++) {
        const uint64_t what = draw(&state) % 8;
        if (what < 2) {
            CHECK_EQ(hark_sem_release(&sem), 0);
            released++;
        } else if (what == 2) {
            taken += hark_sem_try(&sem) == 0;
        } else if (what == 3) {
            hark_task_cancel(actors[draw(&state) % 3]);
        } else if (what == 4) {
            hark_sleep(HARK_MS(draw(&state) % 3));
        } else {
            const int64_t rc = hark_within(HARK_MS(draw(&state) % 4), hark_sem_acquire(&sem));
            CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
            taken += rc == 0;
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
        CHECK(hark_sem_value(&sem) == 0 || waiting() == 0);
        CHECK_EQ(hark_sem_value(&sem), 2 + released - taken);
        hark_sleep(HARK_MS(1));
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_sem_value(&sem), 2 + released - taken);
    CHECK_EQ(waiting(), 0);
    return 0;
}

TEST(sem_BG_05_no_permit_is_lost_or_made_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(2, 0);
        released = taken = 0;
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
