/* SPDX-License-Identifier: MIT
 *
 * limiter_test.c - hark_limiter: tokens that are borrowed, and whose number changes.
 *
 * The CL entries and what was learnt from others' bugs (BG-17, BG-18, BG-19, BG-25): what was
 * lent to a waiter is out, a cancelled waiter borrows nothing, and resizing lends exactly what is
 * free.
 *
 * Not here CL-03 and CL-04 (borrowers by name: here they are counted), CL-19 (thread calls).
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_limiter limiter;

static int waiting(void)
{
    return hark_limiter_statistics(&limiter).tasks_waiting;
}

static int borrower(void *name)
{
    const int rc = hark_limiter_acquire(&limiter);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_borrower(const char *name)
{
    return hark_go(&group, borrower, (void *)name);
}

static void begin(int tokens)
{
    CHECK_EQ(hark_limiter_init(&limiter, tokens), 0);
}

static void resize(int tokens)
{
    CHECK_EQ(hark_limiter_resize(&limiter, tokens), 0);
}

/* All that is out comes back; nobody may be waiting. */
static void release_all(void)
{
    while (hark_limiter_borrowed(&limiter) > 0) {
        CHECK_EQ(hark_limiter_release(&limiter), 0);
    }
}

#define CHECK_COUNTS(out, free, wait) \
    do { \
        CHECK_EQ(hark_limiter_borrowed(&limiter), (out)); \
        CHECK_EQ(hark_limiter_available(&limiter), (free)); \
        CHECK_EQ(waiting(), (wait)); \
    } while (0)

/* ---- how many there are ---------------------------------------------------------------------- */

TEST(limiter_CL_01_init_wants_0_or_more)
{
    static hark_limiter zero;
    hark_limiter constant = HARK_LIMITER_INIT(3);
    CHECK_EQ(hark_limiter_try(&zero), -EAGAIN);
    CHECK_EQ(hark_limiter_available(&constant), 3);
    begin(0);
    CHECK_COUNTS(0, 0, 0);
    begin(2);
    CHECK_MISUSE(hark_limiter_init(&limiter, -1), -EINVAL, "hark_limiter_init");
    CHECK_MISUSE(hark_limiter_resize(&limiter, -1), -EINVAL, "hark_limiter_resize");
    CHECK_COUNTS(0, 2, 0);
}

INSIDE(limiter_CL_02_CL_15_the_numbers_and_a_release_of_none)
{
    begin(3);
    CHECK_MISUSE(hark_limiter_release(&limiter), -EPERM, "hark_limiter_release");
    CHECK_COUNTS(0, 3, 0);
    CHECK_EQ(hark_limiter_acquire(&limiter), 0);
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    CHECK_COUNTS(2, 1, 0);
    CHECK_EQ(hark_limiter_release(&limiter), 0);
    CHECK_EQ(hark_limiter_release(&limiter), 0);
    CHECK_MISUSE(hark_limiter_release(&limiter), -EPERM, "hark_limiter_release");
    CHECK_COUNTS(0, 3, 0);
}

INSIDE(limiter_CL_16_trying_in_vain_has_no_effect_and_does_not_yield)
{
    begin(1);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    CHECK_SILENT(hark_limiter_try(&limiter), -EAGAIN);
    CHECK_COUNTS(1, 0, 0);
    CHECK_LOG("");
    hark_settle();
}

TEST(limiter_CL_09_as_many_as_an_int_counts_is_no_limit)
{
    begin(INT_MAX);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_limiter_try(&limiter), 0);
    }
    CHECK_COUNTS(1000, INT_MAX - 1000, 0);
    resize(0);
    CHECK_COUNTS(1000, -1000, 0);
}

INSIDE(limiter_CL_21_XX_04_acquiring_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    begin(1);
    hark_go(&group, say, "other");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_limiter_acquire(&limiter), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_COUNTS(0, 1, 0);
    CHECK_EQ(hark_limiter_acquire(&limiter), 0);
    CHECK_LOG("");
    hark_settle();
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

INSIDE(limiter_CL_05_CL_14_BG_18_what_was_lent_to_a_waiter_is_out)
{
    begin(2);
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    go_borrower("3");
    hark_settle();
    CHECK_COUNTS(2, 0, 1);
    hark_limiter_release(&limiter);
    CHECK_COUNTS(2, 0, 0);
    CHECK_SILENT(hark_limiter_try(&limiter), -EAGAIN);
    hark_settle();
    CHECK_LOG("3:ok");
}

INSIDE(limiter_CL_11_first_come_first_served)
{
    begin(0);
    go_borrower("0"), go_borrower("1"), go_borrower("2");
    hark_settle();
    resize(1);
    hark_settle();
    hark_limiter_release(&limiter), hark_limiter_release(&limiter);
    hark_settle();
    CHECK_LOG("0:ok 1:ok 2:ok");
}

static int inside, most;

static int work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_limiter_acquire(&limiter), 0);
        inside++;
        most = inside > most ? inside : most;
        hark_sleep(HARK_MS(1));
        inside--;
        CHECK_EQ(hark_limiter_release(&limiter), 0);
    }
    return 0;
}

INSIDE(limiter_CL_12_one_token_lets_one_in)
{
    begin(1);
    hark_go(&group, work, NULL), hark_go(&group, work, NULL), hark_go(&group, work, NULL);
    hark_sleep(HARK_MS(30));
    CHECK_EQ(most, 1);
    CHECK_COUNTS(0, 1, 0);
}

/* ---- resizing -------------------------------------------------------------------------------- */

INSIDE(limiter_CL_08_resizing_with_waiters_down_to_none_and_up_again)
{
    begin(5);
    resize(0);
    for (int i = 0; i < 5; i++) {
        go_borrower("a");
    }
    hark_settle();
    CHECK_COUNTS(0, 0, 5);
    resize(5);
    CHECK_COUNTS(5, 0, 0);
    hark_settle();
    CHECK_LOG("a:ok a:ok a:ok a:ok a:ok");
    go_borrower("sixth");
    hark_settle();
    CHECK_COUNTS(5, 0, 1);
    for (int i = 0; i < 5; i++) {
        hark_limiter_release(&limiter);
    }
    CHECK_COUNTS(1, 4, 0);
    hark_settle();
    CHECK_LOG("sixth:ok");
    resize(0);
    CHECK_COUNTS(1, -1, 0);
    CHECK_SILENT(hark_limiter_try(&limiter), -EAGAIN);
    go_borrower("b");
    hark_settle();
    hark_limiter_release(&limiter);
    CHECK_COUNTS(0, 0, 1);
    resize(1);
    CHECK_COUNTS(1, 0, 0);
    hark_settle();
    CHECK_LOG("b:ok");
}

INSIDE(limiter_CL_10_BG_19_more_tokens_go_to_waiters_first_then_to_whoever_comes)
{
    begin(1);
    hark_limiter_acquire(&limiter);
    go_borrower("1"), go_borrower("2");
    hark_settle();
    resize(4);
    CHECK_COUNTS(3, 1, 0);
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    CHECK_SILENT(hark_limiter_try(&limiter), -EAGAIN);
    hark_settle();
    CHECK_LOG("1:ok 2:ok");
}

INSIDE(limiter_CL_20_BG_19_XX_39_while_too_many_are_out_growing_wakes_only_as_many_as_are_free)
{
    begin(4);
    for (int i = 0; i < 4; i++) {
        hark_limiter_acquire(&limiter);
    }
    resize(1);
    go_borrower("1"), go_borrower("2"), go_borrower("3");
    hark_settle();
    resize(3);
    CHECK_COUNTS(4, -1, 3);
    resize(5);
    CHECK_COUNTS(5, 0, 2);
    hark_settle();
    CHECK_LOG("1:ok");
    resize(100);
    CHECK_COUNTS(7, 93, 0);
    hark_settle();
    CHECK_LOG("2:ok 3:ok");
}

INSIDE(limiter_a_shrink_takes_nothing_and_what_comes_back_is_kept)
{
    begin(3);
    for (int i = 0; i < 3; i++) {
        hark_limiter_acquire(&limiter);
    }
    go_borrower("1");
    hark_settle();
    resize(1);
    CHECK_COUNTS(3, -2, 1);
    hark_limiter_release(&limiter), hark_limiter_release(&limiter);
    CHECK_COUNTS(1, 0, 1);
    hark_limiter_release(&limiter);
    CHECK_COUNTS(1, 0, 0);
    hark_settle();
    CHECK_LOG("1:ok");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(limiter_CL_07_BG_25_a_cancelled_waiter_leaves_nothing_behind)
{
    begin(1);
    hark_limiter_acquire(&limiter);
    const hark_task task = go_borrower("1");
    hark_settle();
    CHECK_EQ(hark_within(HARK_MS(1), hark_limiter_acquire(&limiter)), -ETIMEDOUT);
    hark_task_cancel(task);
    CHECK_COUNTS(1, 0, 0);
    hark_settle();
    hark_limiter_release(&limiter);
    CHECK_COUNTS(0, 1, 0);
    CHECK_LOG("1:cancelled");
}

INSIDE(limiter_CL_13_BG_17_the_first_is_cancelled_and_the_second_gets_in)
{
    begin(1);
    hark_limiter_acquire(&limiter);
    const hark_task first = go_borrower("1");
    go_borrower("2");
    hark_settle();
    hark_task_cancel(first);
    hark_limiter_release(&limiter);
    hark_settle();
    CHECK_LOG("1:cancelled 2:ok");
    CHECK_COUNTS(1, 0, 0);
}

static int borrow_look_and_return(void *name)
{
    const int rc = hark_limiter_acquire(&limiter);
    kit_log("%s:%s,%s", (const char *)name, outcome(rc), outcome(hark_checkpoint()));
    return rc ? rc : hark_limiter_release(&limiter);
}

INSIDE(limiter_CL_18_BG_17_BG_15_lent_and_then_cancelled_the_token_is_kept_and_comes_back)
{
    begin(1);
    hark_limiter_acquire(&limiter);
    const hark_task first = hark_go(&group, borrow_look_and_return, "1");
    go_borrower("2");
    hark_settle();
    hark_limiter_release(&limiter);
    hark_task_cancel(first);
    CHECK_COUNTS(1, 0, 1);
    hark_settle();
    CHECK_LOG("1:ok,cancelled 2:ok");
    CHECK_COUNTS(1, 0, 0);
    release_all();
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_limiter_acquire(&limiter), -EXDEV, "hark_limiter_acquire");
    CHECK_MISUSE(hark_limiter_try(&limiter), -EXDEV, "hark_limiter_try");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_limiter_try(&limiter), -EXDEV, "hark_limiter_try");
    CHECK_MISUSE(hark_limiter_release(&limiter), -EXDEV, "hark_limiter_release");
    CHECK_MISUSE(hark_limiter_resize(&limiter, 9), -EXDEV, "hark_limiter_resize");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(limiter_XX_40_other_threads_and_loops_are_refused)
{
    begin(1);
    hark_limiter_acquire(&limiter);
    go_borrower("1");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_COUNTS(1, 0, 1);
    hark_limiter_release(&limiter);
}

static int borrow_one(void *arg)
{
    (void)arg;
    return hark_limiter_acquire(&limiter);
}

TEST(limiter_CL_17_is_usable_and_resizable_before_any_loop)
{
    resize(2);
    CHECK_EQ(hark_limiter_try(&limiter), 0);
    CHECK_EQ(RUN_VIRTUAL(borrow_one, NULL), 0);
    CHECK_COUNTS(2, 0, 0);
    CHECK_EQ(hark_limiter_release(&limiter), 0);
    CHECK_EQ(RUN_VIRTUAL(borrow_one, NULL), 0);
}

INSIDE(limiter_a_lost_wakeup_is_seen_by_the_audit)
{
    begin(0);
    go_borrower("a");
    hark_settle();
    CHECK_EQ(hark_audit(), 0);
    limiter.tokens = 1;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: a token of a limiter");
    limiter.tokens = 0;
    CHECK_EQ(hark_audit(), 0);
    resize(1);
}

INSIDE(limiter_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_limiter_init(NULL, 1), -EINVAL, "hark_limiter_init");
    CHECK_MISUSE(hark_limiter_acquire(NULL), -EINVAL, "hark_limiter_acquire");
    CHECK_MISUSE(hark_limiter_try(NULL), -EINVAL, "hark_limiter_try");
    CHECK_MISUSE(hark_limiter_release(NULL), -EINVAL, "hark_limiter_release");
    CHECK_MISUSE(hark_limiter_resize(NULL, 1), -EINVAL, "hark_limiter_resize");
    CHECK_EQ(hark_limiter_available(NULL), 0);
    CHECK_EQ(hark_limiter_borrowed(NULL), 0);
    CHECK_EQ(hark_limiter_statistics(NULL).tasks_waiting, 0);
}

TEST(limiter_misuse_waiting_outside_any_task_is_refused)
{
    begin(1);
    CHECK_MISUSE(hark_limiter_acquire(&limiter), -ENOTSUP, "hark_limiter_acquire");
    CHECK_COUNTS(0, 1, 0);
}

static int wait_in_vain(void *arg)
{
    (void)arg;
    begin(0);
    return hark_limiter_acquire(&limiter);
}

TEST(limiter_the_report_of_a_deadlock_tells_the_numbers)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(wait_in_vain, NULL);
    const char *words = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(words, "(0 of 0 are borrowed)");
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static hark_limiter second;

static int select_either(void *name)
{
    hark_case cases[] = {hark_on_limiter(&limiter), hark_on_limiter(&second)};
    const int index = hark_select(cases, 2);
    kit_log("%s:%d", (const char *)name, index);
    return index < 0 ? index : 0;
}

INSIDE(limiter_select_borrows_one_token_of_one_of_them)
{
    begin(0);
    hark_limiter_init(&second, 0);
    const hark_task a = hark_go(&group, select_either, "a");
    hark_go(&group, select_either, "b");
    hark_settle();
    CHECK_COUNTS(0, 0, 2);
    CHECK_EQ(hark_limiter_statistics(&second).tasks_waiting, 2);
    hark_task_cancel(a);
    resize(1);
    CHECK_COUNTS(1, 0, 0);
    CHECK_EQ(hark_limiter_statistics(&second).tasks_waiting, 0);
    hark_settle();
    CHECK_LOG("a:-125 b:0");
    hark_limiter_resize(&second, 1);
    select_either("c");
    CHECK_LOG("c:1");
    hark_case cases[] = {hark_on_limiter(&limiter), hark_on_limiter(&second)};
    CHECK_SILENT(hark_try_select(cases, 2), -EAGAIN);
    CHECK_EQ(hark_limiter_release(&second), 0);
    CHECK_EQ(hark_try_select(cases, 2), 1);
    hark_case null = hark_on_limiter(NULL);
    CHECK_MISUSE(hark_select(&null, 1), -EINVAL, "NULL");
    CHECK_EQ(hark_limiter_release(&second), 0);
    release_all();
}

INSIDE(limiter_select_stands_in_the_queue)
{
    begin(0);
    go_borrower("1");
    hark_settle();
    hark_limiter_init(&second, 0);
    hark_go(&group, select_either, "2");
    hark_settle();
    go_borrower("3");
    hark_settle();
    resize(2);
    hark_settle();
    CHECK_LOG("1:ok 2:0");
    resize(3);
    hark_settle();
    CHECK_LOG("3:ok");
    release_all();
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static int tokens;
static hark_task actors[3];

static int actor(void *arg)
{
    (void)arg;
    for (int i = 0; i < 12; i++) {
        const uint64_t what = draw(&state) % 8;
        if (what < 2) {
            const int expected = hark_limiter_borrowed(&limiter) > 0 ? 0 : -EPERM;
            CHECK_EQ(hark_limiter_release(&limiter), expected);
        } else if (what == 2) {
            hark_limiter_try(&limiter);
        } else if (what == 3) {
            hark_task_cancel(actors[draw(&state) % 3]);
        } else if (what == 4) {
            tokens = (int)(draw(&state) % 4);
            CHECK_EQ(hark_limiter_resize(&limiter, tokens), 0);
        } else {
            const int64_t patience = HARK_MS(draw(&state) % 4);
            const int64_t rc = hark_within(patience, hark_limiter_acquire(&limiter));
            CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
        }
        CHECK(waiting() == 0 || hark_limiter_available(&limiter) <= 0);
        CHECK_EQ(hark_limiter_available(&limiter), tokens - hark_limiter_borrowed(&limiter));
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
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(waiting(), 0);
    return 0;
}

TEST(limiter_nobody_waits_for_a_free_token_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(tokens = 2);
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
