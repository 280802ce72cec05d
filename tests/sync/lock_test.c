/* SPDX-License-Identifier: MIT
 *
 * lock_test.c - hark_lock: one task at a time.
 *
 * The LK entries: hand-over in order, nobody barges in, who is cancelled leaves no trace, the
 * holder is known and so is its end, and rings of holders are told at once.
 */
#include "../core/scarce.h"
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_lock lock, other;

static int waiting(void)
{
    return hark_lock_statistics(&lock).tasks_waiting;
}

/* Takes it, says so, lets others run, gives it back. */
static int visitor(void *name)
{
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    if (rc == 0) {
        CHECK_EQ(hark_lock_owner(&lock), hark_self());
        hark_yield();
        CHECK_EQ(hark_lock_release(&lock), 0);
    }
    return rc == -ECANCELED ? rc : 0;
}

static hark_task go_visitor(const char *name)
{
    return hark_go(&group, visitor, (void *)name);
}

/* Takes it and ends. */
static int taker(void *name)
{
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc == -ECANCELED ? rc : 0;
}

/* ---- free, taken, handed over ---------------------------------------------------------------- */

TEST(lock_LK_29_is_free_when_all_zero_initialised_or_inited_without_a_loop)
{
    static hark_lock zero;
    hark_lock constant = HARK_LOCK_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_lock_init(&inited), 0);
    CHECK(!hark_lock_locked(&zero) && !hark_lock_locked(&constant) && !hark_lock_locked(&inited));
    CHECK_EQ(hark_lock_owner(&inited), 0);
    CHECK_LE(sizeof(hark_lock), 64);
}

INSIDE(lock_LK_10_taken_and_released_it_is_free)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK(hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_owner(&lock), 0);
}

INSIDE(lock_LK_01_waiters_get_it_one_at_a_time_in_the_order_in_which_they_came)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    go_visitor("1"), go_visitor("2");
    hark_settle();
    CHECK_LOG("");
    go_visitor("3");
    hark_settle();
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("1:ok");
    hark_settle();
    CHECK_LOG("2:ok 3:ok");
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(lock_LK_08_LK_09_LK_15_XX_12_release_makes_the_first_waiter_the_holder_at_once)
{
    hark_lock_acquire(&lock);
    const hark_task first = go_visitor("1");
    go_visitor("2");
    hark_settle();
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_lock_owner(&lock), first);
    CHECK(hark_lock_locked(&lock));
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_lock_try(&lock), -EAGAIN); /* nobody barges in */
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "hark_lock_release");
    CHECK_EQ(hark_lock_owner(&lock), first);
    CHECK_EQ(hark_lock_acquire(&lock), 0); /* behind the second */
    CHECK_LOG("1:ok 2:ok");
    CHECK_EQ(hark_lock_release(&lock), 0);
}

INSIDE(lock_LK_13_LK_21_try_does_not_wait)
{
    CHECK_EQ(hark_lock_try(&lock), 0);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    go_visitor("1");
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_SILENT(hark_lock_try(&lock), -EAGAIN);
    hark_settle();
    CHECK_LOG("1:ok");
    CHECK_EQ(hark_lock_try(&lock), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

INSIDE(lock_LK_14_LK_28_statistics_and_owner)
{
    hark_scope scope;
    CHECK_EQ(waiting(), 0);
    hark_lock_acquire(&lock);
    CHECK_EQ(waiting(), 0);
    const hark_task a = go_visitor("a"), b = go_visitor("b");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_task_cancel(a), hark_task_cancel(b);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_lock_release(&lock), 0); /* also when cancelled */
    hark_scope_close(&scope, 0);
    CHECK(!hark_lock_locked(&lock));
    hark_settle();
    CHECK_LOG("a:cancelled b:cancelled");
}

static int inside, total;

static int worker(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_lock_acquire(&lock), 0);
        CHECK_EQ(++inside, 1);
        hark_yield(), hark_yield();
        total++;
        CHECK_EQ(--inside, 0);
        CHECK_EQ(hark_lock_release(&lock), 0);
    }
    return 0;
}

INSIDE(lock_LK_19_LK_31_never_two_inside)
{
    for (int i = 0; i < 5; i++) {
        hark_go(&group, worker, NULL);
    }
    hark_settle();
    CHECK_EQ(total, 50);
}

INSIDE(lock_LK_22_LK_23_XX_13_a_free_lock_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    hark_go(&group, say, "other");
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_lock_acquire(&lock), -ECANCELED);
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_try(&lock), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_scope_close(&scope, -ECANCELED);
    hark_settle();
    CHECK_LOG("other");
}

INSIDE(lock_LK_30_the_holder_goes_first)
{
    hark_lock_acquire(&lock);
    go_visitor("2");
    hark_settle();
    CHECK_EQ(waiting(), 1);
    kit_log("1");
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("1 2:ok");
    CHECK(!hark_lock_locked(&lock));
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(lock_LK_02_LK_27_BG_16_a_cancelled_waiter_is_gone_at_once)
{
    hark_lock_acquire(&lock);
    const hark_task a = go_visitor("a");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 0);
    hark_lock_release(&lock);
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_acquire(&lock), 0); /* it has not unwound yet */
    CHECK_LOG("");
    hark_settle();
    CHECK_LOG("a:cancelled");
    hark_lock_release(&lock);
}

INSIDE(lock_LK_04_LK_05_BG_01_BG_02_cancel_then_release_gives_it_to_the_next)
{
    hark_lock_acquire(&lock);
    const hark_task a = go_visitor("a"), b = go_visitor("b");
    go_visitor("c");
    hark_settle();
    hark_task_cancel(a), hark_lock_release(&lock);
    CHECK_EQ(hark_lock_owner(&lock), b);
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a:cancelled b:ok");
    hark_settle();
    CHECK_LOG("c:ok");
}

INSIDE(lock_LK_24_XX_07_release_then_cancel_the_hand_over_is_kept)
{
    hark_lock_acquire(&lock);
    const hark_task a = go_visitor("a");
    hark_settle();
    hark_lock_release(&lock), hark_task_cancel(a);
    CHECK_EQ(hark_lock_owner(&lock), a);
    hark_settle();
    CHECK_LOG("a:ok");
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(lock_LK_25_BG_15_cancelled_after_it_got_it_its_release_serves_the_next)
{
    const hark_task a = go_visitor("a");
    go_visitor("b");
    hark_yield();
    CHECK_EQ(hark_lock_owner(&lock), a);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:ok b:ok");
    CHECK(!hark_lock_locked(&lock));
}

static int sleep_inside(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    const int rc = hark_sleep(HARK_S(1));
    CHECK_EQ(hark_lock_release(&lock), 0);
    return rc;
}

INSIDE(lock_LK_33_a_cancelled_holder_releases_on_its_way_out)
{
    const hark_task a = hark_go(&group, sleep_inside, NULL);
    go_visitor("b");
    hark_yield();
    hark_task_cancel(a);
    hark_yield(), hark_yield();
    CHECK_LOG("b:ok");
}

INSIDE(lock_acquire_under_a_deadline_times_out_on_time)
{
    const int64_t start = hark_now();
    hark_go(&group, sleep_inside, NULL);
    hark_yield();
    CHECK_EQ(hark_within(HARK_MS(3), hark_lock_acquire(&lock)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(3));
    CHECK_EQ(waiting(), 0);
}

/* ---- a holder that ends ---------------------------------------------------------------------- */

INSIDE(lock_LK_16_BG_26_XX_11_newcomers_hear_of_a_dead_holder_until_init)
{
    char words[32];
    const hark_task dead = hark_go(&group, taker, "x");
    hark_settle();
    CHECK_LOG("x:ok");
    snprintf(words, sizeof(words), "task %d held it", (int)dead);
    CHECK_MISUSE(hark_lock_acquire(&lock), -EOWNERDEAD, words);
    CHECK_MISUSE(hark_lock_try(&lock), -EOWNERDEAD, words);
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "hark_lock_release");
    CHECK_EQ(hark_lock_owner(&lock), dead);
    CHECK(hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_init(&lock), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

static int told_in_words(void *name)
{
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    CHECK_HAS(hark_error_last(), "hark_lock_acquire: task 2 \"linger_and_end\" held it");
    return 0;
}

static int linger_and_end(void *name)
{
    taker(name);
    return hark_yield();
}

INSIDE(lock_LK_17_who_waits_is_woken_by_the_holders_end)
{
    hark_go(&group, linger_and_end, "a");
    hark_go(&group, told_in_words, "b");
    hark_go(&group, told_in_words, "c");
    hark_settle();
    CHECK_LOG("a:ok b:EOWNERDEAD c:EOWNERDEAD");
    CHECK_EQ(waiting(), 0);
}

static int take_when_told(void *flag)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_flag_wait(flag), 0);
    return 0;
}

INSIDE(lock_LK_18_hearing_of_the_end_follows_the_holder)
{
    hark_flag go_home = {0};
    hark_lock_acquire(&lock);
    hark_go(&group, take_when_told, &go_home);
    go_visitor("b"), go_visitor("c");
    hark_settle();
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(waiting(), 2);
    hark_flag_set(&go_home);
    hark_settle();
    CHECK_LOG("b:EOWNERDEAD c:EOWNERDEAD");
}

static int holds_for_a_while(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    hark_yield();
    CHECK_EQ(hark_lock_release(&lock), 0);
    return 0;
}

INSIDE(lock_LK_18_after_release_a_holders_end_means_nothing)
{
    hark_go(&group, holds_for_a_while, NULL);
    go_visitor("b"), go_visitor("c");
    hark_settle();
    CHECK_LOG("b:ok c:ok");
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(hark_audit(), 0);
}

INSIDE(lock_LK_26_BG_14_a_waiter_that_is_cancelled_and_ends_is_never_the_holder)
{
    hark_lock_acquire(&lock);
    const hark_task a = hark_go(&group, taker, "a");
    hark_settle();
    hark_task_cancel(a);
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("a:cancelled");
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

static int take_and_end(void *arg)
{
    (void)arg;
    return hark_lock_acquire(&lock);
}

TEST(lock_LK_16_a_holder_of_a_loop_that_is_gone_is_dead_in_the_next)
{
    CHECK_EQ(RUN_VIRTUAL(take_and_end, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(take_and_end, NULL), -EOWNERDEAD);
    hark_lock_init(&lock);
    CHECK_EQ(RUN_VIRTUAL(take_and_end, NULL), 0);
}

/* ---- deadlocks ------------------------------------------------------------------------------- */

INSIDE(lock_LK_07_LK_11_taking_it_twice_is_refused)
{
    hark_lock_acquire(&lock);
    CHECK_MISUSE(hark_lock_acquire(&lock), -EDEADLK, "hark_lock_acquire: the caller holds");
    CHECK_MISUSE(hark_lock_try(&lock), -EDEADLK, "hark_lock_try: the caller holds");
    hark_case again = hark_on_acquire(&lock);
    CHECK_MISUSE(hark_select(&again, 1), -EDEADLK, "hark_select: the caller holds");
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

struct pair {
    hark_lock *first, *second;
    int64_t timeout;
};

static int two_locks(void *arg)
{
    const struct pair *pair = arg;
    hark_task_name("%s", pair->first == &lock ? "adam" : "eve");
    CHECK_EQ(hark_lock_acquire(pair->first), 0);
    hark_yield();
    const int64_t rc = hark_within(pair->timeout, hark_lock_acquire(pair->second));
    kit_log("%s", outcome(rc));
    if (rc == -EDEADLK) {
        CHECK_HAS(hark_error_last(), "\"adam\", which waits for");
        CHECK_HAS(hark_error_last(), "\"eve\"");
    }
    if (rc == 0) {
        hark_lock_release(pair->second);
    }
    CHECK_EQ(hark_lock_release(pair->first), 0);
    return 0;
}

INSIDE(lock_a_ring_of_two_is_told_to_whoever_would_close_it)
{
    hark_go_with(&group, two_locks, (struct pair){&lock, &other, HARK_FOREVER});
    hark_go_with(&group, two_locks, (struct pair){&other, &lock, HARK_FOREVER});
    hark_settle();
    CHECK_LOG("EDEADLK ok");
}

INSIDE(lock_a_ring_with_a_deadline_in_it_is_none)
{
    hark_go_with(&group, two_locks, (struct pair){&lock, &other, HARK_MS(1)});
    hark_go_with(&group, two_locks, (struct pair){&other, &lock, HARK_FOREVER});
    hark_sleep(HARK_MS(5));
    CHECK_LOG("timeout ok");
    hark_go_with(&group, two_locks, (struct pair){&lock, &other, HARK_FOREVER});
    hark_go_with(&group, two_locks, (struct pair){&other, &lock, HARK_MS(1)});
    hark_sleep(HARK_MS(5));
    CHECK_LOG("timeout ok");
}

static int shielded_from_it(void *arg)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    const int rc = two_locks(arg);
    return (int)hark_scope_close(&scope, rc);
}

/* The deadline is outside the shield: it would not break the ring. */
static int two_under_a_deadline(void *arg)
{
    (void)arg;
    hark_group inner;
    hark_group_open(&inner);
    hark_go_with(&inner, shielded_from_it, (struct pair){&lock, &other, HARK_FOREVER});
    hark_go_with(&inner, shielded_from_it, (struct pair){&other, &lock, HARK_FOREVER});
    return hark_group_close(&inner, 0);
}

INSIDE(lock_a_deadline_outside_a_shield_does_not_count)
{
    CHECK_EQ(hark_within(HARK_S(1), two_under_a_deadline(NULL)), 0);
    CHECK_LOG("EDEADLK ok");
}

static hark_lock ring[4];

static int ring_member(void *arg)
{
    const int i = (int)(intptr_t)arg;
    CHECK_EQ(hark_lock_acquire(&ring[i]), 0);
    hark_yield();
    const int rc = hark_lock_acquire(&ring[(i + 1) % 4]);
    kit_log("%d:%s", i, outcome(rc));
    if (rc == 0) {
        hark_lock_release(&ring[(i + 1) % 4]);
    }
    hark_lock_release(&ring[i]);
    return 0;
}

INSIDE(lock_a_ring_of_four_is_told_to_the_last)
{
    for (int i = 0; i < 4; i++) {
        hark_go(&group, ring_member, (void *)(intptr_t)i);
    }
    hark_settle();
    CHECK_LOG("3:EDEADLK 2:ok 1:ok 0:ok");
}

static int sleep_with_the_other(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&other), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_lock_release(&other), 0);
    return 0;
}

static int want_both(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_lock_acquire(&other), 0);
    hark_lock_release(&other), hark_lock_release(&lock);
    return 0;
}

INSIDE(lock_a_chain_that_ends_with_a_sleeper_is_no_ring)
{
    hark_lock_acquire(&ring[0]);
    hark_go(&group, sleep_with_the_other, NULL);
    hark_go(&group, want_both, NULL);
    hark_yield();
    CHECK_EQ(hark_lock_acquire(&lock), 0); /* of one that waits for one that sleeps */
    hark_lock_release(&lock), hark_lock_release(&ring[0]);
}

/* ---- select ---------------------------------------------------------------------------------- */

static int selects(void *name)
{
    hark_case cases[2] = {hark_on_acquire(&lock), hark_on_acquire(&other)};
    const int index = hark_select(cases, 2);
    kit_log("%s:%d", (const char *)name, index);
    if (index < 0) {
        return index;
    }
    const int rc = hark_case_result(&cases[index]);
    hark_lock *const mine = index == 0 ? &lock : &other;
    if (rc == 0) {
        CHECK_EQ(hark_lock_owner(mine), hark_self());
        CHECK_EQ(hark_lock_release(mine), 0);
    } else {
        kit_log("%s", outcome(rc));
        CHECK_HAS(hark_error_last(), "hark_select: task");
    }
    return 0;
}

INSIDE(lock_on_acquire_takes_one_that_is_free)
{
    hark_case cases[2] = {hark_on_acquire(&lock), hark_on_acquire(&other)};
    const int index = hark_select(cases, 2);
    CHECK(index == 0 || index == 1);
    CHECK_EQ(hark_lock_locked(&lock) + hark_lock_locked(&other), 1);
    CHECK_EQ(hark_lock_release(index == 0 ? &lock : &other), 0);
    CHECK_EQ(hark_try_select(cases, 1), 0);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
}

INSIDE(lock_on_acquire_is_handed_over_like_any_waiter_and_the_other_case_leaves)
{
    hark_lock_acquire(&lock), hark_lock_acquire(&other);
    const hark_task chooser = hark_go(&group, selects, "s");
    go_visitor("v");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_lock_owner(&lock), chooser);
    CHECK_EQ(hark_lock_statistics(&other).tasks_waiting, 0);
    CHECK_EQ(hark_lock_release(&other), 0);
    CHECK(!hark_lock_locked(&other));
    hark_settle();
    CHECK_LOG("s:0 v:ok");
}

INSIDE(lock_on_acquire_does_not_barge_and_leaves_no_trace_when_cancelled)
{
    hark_lock_acquire(&lock), hark_lock_acquire(&other);
    go_visitor("v");
    const hark_task chooser = hark_go(&group, selects, "s");
    hark_settle();
    hark_case mine = hark_on_acquire(&lock);
    hark_lock_release(&lock);
    CHECK_EQ(hark_try_select(&mine, 1), -EAGAIN);
    CHECK_EQ(waiting(), 1);
    hark_task_cancel(chooser);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("v:ok s:-125");
    hark_lock_release(&other);
}

INSIDE(lock_on_acquire_the_same_lock_twice_happens_once)
{
    hark_case cases[2] = {hark_on_acquire(&lock), hark_on_acquire(&lock)};
    hark_go(&group, holds_for_a_while, NULL);
    hark_yield();
    go_visitor("v");
    const int index = hark_select(cases, 2);
    CHECK(index >= 0);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_audit(), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_settle();
    CHECK_LOG("v:ok");
}

INSIDE(lock_on_acquire_hears_of_the_holders_end)
{
    hark_flag go_home = {0};
    hark_lock_acquire(&other);
    hark_go(&group, take_when_told, &go_home);
    hark_yield();
    hark_go(&group, selects, "s");
    hark_settle();
    hark_flag_set(&go_home);
    hark_settle();
    CHECK_LOG("s:0 EOWNERDEAD");
    hark_go(&group, selects, "t");
    hark_settle();
    CHECK_LOG("t:0 EOWNERDEAD");
    CHECK_EQ(hark_lock_release(&other), 0);
}

/* ---- loops, misuse, reports ------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    hark_case mine = hark_on_acquire(&lock);
    (void)arg;
    CHECK_MISUSE(hark_lock_acquire(&lock), -EXDEV, "hark_lock_acquire");
    CHECK_MISUSE(hark_lock_try(&lock), -EXDEV, "hark_lock_try");
    CHECK_MISUSE(hark_lock_release(&lock), -EXDEV, "hark_lock_release");
    CHECK_MISUSE(hark_select(&mine, 1), -EXDEV, "hark_select");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_lock_release(&lock), -EXDEV, "hark_lock_release");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(lock_LK_32_XX_40_other_threads_and_loops_are_refused)
{
    hark_lock_acquire(&lock);
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    hark_lock_release(&lock);
    in_thread(use_from_elsewhere, NULL);
    CHECK(!hark_lock_locked(&lock));
}

static int releases_what_it_does_not_hold(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "holds this lock");
    return 0;
}

INSIDE(lock_LK_06_LK_12_XX_10_only_the_holder_releases)
{
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "nobody holds");
    hark_lock_acquire(&lock);
    hark_go(&group, releases_what_it_does_not_hold, NULL);
    hark_settle();
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
}

TEST(lock_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_lock_acquire(&lock), -ENOTSUP, "hark_lock_acquire");
    CHECK_MISUSE(hark_lock_try(&lock), -ENOTSUP, "hark_lock_try");
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "hark_lock_release");
    CHECK(!hark_lock_locked(&lock));
}

static void try_in_a_callback(void *arg)
{
    hark_case mine = hark_on_acquire(&lock);
    CHECK_MISUSE(hark_lock_try(&lock), -ENOTSUP, "hark_lock_try");
    CHECK_MISUSE(hark_try_select(&mine, 1), -ENOTSUP, "hark_try_select");
    hark_event_set(arg);
}

INSIDE(lock_misuse_a_callback_cannot_hold_it)
{
    hark_watch watch = {0};
    hark_event done = {0};
    hark_call_soon(&watch, try_in_a_callback, &done);
    CHECK_EQ(hark_event_wait(&done), 0);
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(lock_misuse_NULL_has_a_code_and_words)
{
    hark_case none = hark_on_acquire(NULL);
    CHECK_MISUSE(hark_lock_init(NULL), -EINVAL, "hark_lock_init");
    CHECK_MISUSE(hark_lock_acquire(NULL), -EINVAL, "hark_lock_acquire");
    CHECK_MISUSE(hark_lock_try(NULL), -EINVAL, "hark_lock_try");
    CHECK_MISUSE(hark_lock_release(NULL), -EINVAL, "hark_lock_release");
    CHECK_MISUSE(hark_select(&none, 1), -EINVAL, "hark_select");
    CHECK_EQ(hark_lock_owner(NULL), 0);
    CHECK(!hark_lock_locked(NULL));
    CHECK_EQ(hark_lock_statistics(NULL).tasks_waiting, 0);
}

INSIDE(lock_a_dump_says_who_holds_it)
{
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_task_name("holder");
    hark_lock_acquire(&lock);
    go_visitor("a");
    hark_settle();
    hark_dump(out);
    fclose(out);
    CHECK_HAS(text, "waits for a lock at 0x");
    CHECK_HAS(text, ", held by task 1 \"holder\"");
    hark_lock_release(&lock);
}

static int hold_and_stop(void *arg)
{
    (void)arg;
    hark_lock_acquire(&lock);
    hark_event never = {0};
    return hark_event_wait(&never);
}

static int deadlocked(void *arg)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, hold_and_stop, arg);
    hark_yield();
    return hark_group_close(&g, hark_lock_acquire(&lock));
}

TEST(lock_a_deadlock_is_reported_with_the_holders_name)
{
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlocked, NULL), -EDEADLK);
    CHECK_HAS(capture_end(), "held by task 2 \"hold_and_stop\"");
}

/* ---- without memory -------------------------------------------------------------------------- */

static int refused_for_want_of_memory(void *arg)
{
    hark_case mine = hark_on_acquire(&lock);
    (void)arg;
    lack_memory(-1); /* for itself */
    CHECK_EQ(hark_lock_acquire(&lock), -ENOMEM);
    CHECK(lacked());
    lack_memory(-1);
    CHECK_EQ(hark_select(&mine, 1), -ENOMEM);
    CHECK(lacked());
    hark_fail(-EIO, "now it has what it needs itself");
    lack_memory(1); /* for the holder */
    CHECK_EQ(hark_lock_acquire(&lock), -ENOMEM);
    CHECK(lacked());
    CHECK_HAS(hark_error_last(), "hark_lock_acquire: no memory");
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_audit(), 0);
    return 0;
}

INSIDE(lock_nomem_who_cannot_be_told_of_the_holders_end_does_not_wait)
{
    hark_go(&group, holds_for_a_while, NULL);
    hark_go(&group, refused_for_want_of_memory, NULL);
    hark_settle();
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

INSIDE(lock_nomem_a_release_needs_none)
{
    hark_lock_acquire(&lock);
    go_visitor("a"), go_visitor("b"), go_visitor("c");
    hark_settle();
    lack_memory(-1);
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_settle();
    CHECK(!lacked());
    CHECK_LOG("a:ok b:ok c:ok");
}

static int told_without_memory(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), -EOWNERDEAD);
    return 0;
}

INSIDE(lock_nomem_the_holders_end_is_told_if_not_in_words)
{
    hark_flag go_home = {0};
    hark_go(&group, take_when_told, &go_home);
    hark_go(&group, told_without_memory, NULL);
    hark_settle();
    hark_flag_set(&go_home);
    lack_memory(-1);
    hark_settle();
    CHECK(lacked());
}

static int takes_what_serves(void *arg)
{
    hark_case mine = hark_on_acquire(&lock);
    (void)arg;
    lack_memory(-1);
    CHECK_EQ(hark_lock_acquire(&lock), -ENOMEM);
    CHECK_EQ(hark_lock_try(&lock), -ENOMEM);
    CHECK_EQ(hark_select(&mine, 1), -ENOMEM);
    CHECK(lacked());
    CHECK(!hark_lock_locked(&lock));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(i == 0   ? hark_lock_acquire(&lock)
                 : i == 1 ? hark_lock_try(&lock)
                          : hark_select(&mine, 1),
                 0);
        CHECK_EQ(hark_lock_owner(&lock), hark_self());
        CHECK_EQ(hark_lock_release(&lock), 0);
    }
    return 0;
}

INSIDE(lock_nomem_one_that_serves_conditions_is_taken_with_what_they_will_need)
{
    hark_cond cond = {0};
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_within(HARK_MS(1), hark_cond_wait(&cond, &lock)), -ETIMEDOUT);
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_go(&group, takes_what_serves, NULL);
    hark_settle();
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static hark_task actors[4];
static hark_lock locks[2];
static hark_task holders[2];

static void use(int i)
{
    CHECK_EQ(holders[i], 0);
    holders[i] = hark_self();
    CHECK_EQ(hark_lock_owner(&locks[i]), hark_self());
    if (draw(&state) % 2) {
        hark_sleep(draw(&state) % 3);
    }
    holders[i] = 0;
    CHECK_EQ(hark_lock_release(&locks[i]), 0);
}

static int actor(void *arg)
{
    (void)arg;
    for (int step = 0; step < 10; step++) {
        const uint64_t what = draw(&state) % 8;
        const int i = (int)(draw(&state) % 2);
        if (what == 0) {
            hark_sleep(draw(&state) % 3);
        } else if (what == 1) {
            hark_task_cancel(actors[draw(&state) % 4]);
        } else if (what == 2) {
            if (hark_lock_try(&locks[i]) == 0) {
                use(i);
            }
        } else if (what == 3) {
            hark_case cases[2] = {hark_on_acquire(&locks[0]), hark_on_acquire(&locks[1])};
            const int index = hark_select(cases, 2);
            CHECK(index >= 0 || index == -ECANCELED);
            if (index >= 0) {
                use(index);
            }
        } else {
            const int64_t rc = hark_within(draw(&state) % 4, hark_lock_acquire(&locks[i]));
            CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
            if (rc == 0) {
                use(i);
            }
        }
    }
    return 0;
}

static int act(void *arg)
{
    (void)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 4; i++) {
        actors[i] = hark_go(&g, actor, NULL);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    for (int i = 0; i < 2; i++) {
        CHECK(!hark_lock_locked(&locks[i]));
        CHECK_EQ(hark_lock_statistics(&locks[i]).tasks_waiting, 0);
    }
    return 0;
}

TEST(lock_never_two_inside_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_lock_init(&locks[0]), hark_lock_init(&locks[1]);
        holders[0] = holders[1] = 0;
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
