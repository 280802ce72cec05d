/* SPDX-License-Identifier: MIT
 *
 * ring_test.c - rings of holders through other waits than a lock's own: selects, locks of readers
 * and writers, conditions.
 *
 * Idea     Each of some tasks takes one thing and then wants another, in an order that the test
 *          gives. Whoever closes a ring hears it; whoever has another way to go on never does.
 * Not here Rings of locks alone: lock_test.c.
 */
#include "scene.h"

static hark_lock lock, other, third;
static hark_rwlock shared;
static hark_event event;

static void keep(hark_lock *l)
{
    CHECK_EQ(hark_lock_acquire(l), 0);
}

static void give(hark_lock *l)
{
    CHECK_EQ(hark_lock_release(l), 0);
}

/* Of one that holds `other` and now waits for `lock`. */
static int wants_lock(void *arg)
{
    (void)arg;
    keep(&other);
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s", outcome(rc));
    if (rc == 0) {
        give(&lock);
    }
    give(&other);
    return 0;
}

static int selects(hark_case *cases, int n)
{
    const int i = hark_select(cases, n);
    return i < 0 ? i : hark_case_result(&cases[i]);
}

/* ---- selects that close one ------------------------------------------------------------------ */

INSIDE(ring_closed_by_a_select_of_one)
{
    keep(&lock);
    hark_go(&group, wants_lock, NULL);
    hark_settle();
    hark_case c = hark_on_acquire(&other);
    CHECK_MISUSE(selects(&c, 1), -EDEADLK, "hark_select: a ring: the lock is held by task");
    CHECK_HAS(hark_error_last(), "\"wants_lock\", which waits for task 1 \"");
    CHECK_EQ(hark_lock_statistics(&other).tasks_waiting, 0);
    give(&lock);
    hark_settle();
    CHECK_LOG("ok");
}

INSIDE(ring_a_select_with_another_way_is_none)
{
    keep(&lock);
    hark_go(&group, wants_lock, NULL);
    hark_settle();
    hark_case cases[] = {hark_on_acquire(&other), hark_on_time(hark_now() + 5)};
    CHECK_EQ(hark_select(cases, 2), 1);
    hark_case free[] = {hark_on_acquire(&other), hark_on_acquire(&third)};
    CHECK_EQ(hark_select(free, 2), 1);
    give(&third), give(&lock);
    hark_settle();
    CHECK_LOG("ok");
}

static int keeps_third(void *arg)
{
    (void)arg;
    keep(&third);
    hark_sleep(10);
    give(&third);
    return 0;
}

INSIDE(ring_a_select_of_a_lock_whose_holder_only_sleeps_is_none)
{
    keep(&lock);
    hark_go(&group, wants_lock, NULL);
    hark_go(&group, keeps_third, NULL);
    hark_yield();
    hark_case cases[] = {hark_on_acquire(&other), hark_on_acquire(&third)};
    CHECK_EQ(hark_select(cases, 2), 1);
    give(&third), give(&lock);
    hark_settle();
    CHECK_LOG("ok");
}

static int wants_lock_with_third(void *arg)
{
    (void)arg;
    keep(&third);
    keep(&lock);
    give(&lock), give(&third);
    return 0;
}

INSIDE(ring_of_a_select_all_of_whose_holders_wait_for_it)
{
    keep(&lock);
    hark_go(&group, wants_lock, NULL);
    hark_go(&group, wants_lock_with_third, NULL);
    hark_settle();
    hark_case cases[] = {hark_on_acquire(&other), hark_on_acquire(&third)};
    CHECK_MISUSE(selects(cases, 2), -EDEADLK, "a ring");
    CHECK_EQ(hark_within(5, selects(cases, 2)), -ETIMEDOUT);
    give(&lock);
    hark_settle();
    CHECK_LOG("ok");
}

/* ---- through a select that waits ------------------------------------------------------------- */

static int wants_either(void *arg)
{
    (void)arg;
    keep(&lock);
    hark_case cases[] = {hark_on_acquire(&other), hark_on_acquire(&third)};
    const int i = hark_select(cases, 2);
    kit_log("%d", i);
    if (i >= 0) {
        give(i == 0 ? &other : &third);
    }
    give(&lock);
    return 0;
}

INSIDE(ring_through_a_select_whose_every_lock_is_ones_own)
{
    keep(&other), keep(&third);
    hark_go(&group, wants_either, NULL);
    hark_settle();
    CHECK_MISUSE(hark_lock_acquire(&lock), -EDEADLK, "\"wants_either\", which waits for several");
    give(&third);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_LOG("1");
    give(&lock), give(&other);
}

INSIDE(ring_through_a_select_that_another_may_end_is_none)
{
    hark_go(&group, keeps_third, NULL);
    keep(&other);
    hark_yield();
    hark_go(&group, wants_either, NULL);
    hark_yield();
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_LOG("1");
    give(&lock), give(&other);
}

static int wants_other_or_event(void *arg)
{
    (void)arg;
    keep(&lock);
    hark_case cases[] = {hark_on_acquire(&other), hark_on_event(&event)};
    CHECK_EQ(hark_select(cases, 2), 1);
    give(&lock);
    return 0;
}

static void set_event(void *arg)
{
    (void)arg;
    hark_event_set(&event);
}

INSIDE(ring_through_a_select_with_an_event_is_none)
{
    hark_watch watch;
    keep(&other);
    hark_go(&group, wants_other_or_event, NULL);
    hark_settle();
    CHECK_EQ(hark_call_soon(&watch, set_event, NULL), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    give(&lock), give(&other);
}

static hark_scope brief;

/* Under a deadline, which is taken away later. */
static int wants_either_briefly(void *unused)
{
    CHECK_EQ(hark_scope_open(&brief, HARK_S(1)), 0);
    keep(&lock);
    hark_case cases[] = {hark_on_acquire(&other), hark_on_acquire(&third)};
    const int rc = hark_select(cases, 2);
    (void)unused;
    give(&lock);
    return (int)hark_scope_close(&brief, rc);
}

static int wants_lock_with_both(void *unused)
{
    (void)unused;
    keep(&other), keep(&third);
    hark_yield();
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s", outcome(rc));
    give(&lock), give(&third), give(&other);
    return 0;
}

static int wants_lock_too(void *unused)
{
    (void)unused;
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s", outcome(rc));
    return rc;
}

INSIDE(ring_of_others_does_not_catch_who_comes_later)
{
    hark_go(&group, wants_lock_with_both, NULL);
    const hark_task first = hark_go(&group, wants_either_briefly, NULL);
    hark_settle();
    CHECK_EQ(hark_scope_set_deadline(&brief, HARK_FOREVER), 0);
    const hark_task late = hark_go(&group, wants_lock_too, NULL);
    hark_settle();
    CHECK_EQ(hark_lock_statistics(&lock).tasks_waiting, 2);
    hark_task_cancel(late);
    hark_settle();
    CHECK_LOG("cancelled");
    hark_task_cancel(first);
    hark_settle();
    CHECK_LOG("ok");
}

/* ---- more than is remembered ----------------------------------------------------------------- */

enum { MANY = 40 };

static hark_lock locks[MANY + 2];

static int wants_the_next(void *arg)
{
    const int i = (int)(intptr_t)arg;
    keep(&locks[i]);
    const int rc = hark_lock_acquire(&locks[i + 1]);
    CHECK_EQ(rc, 0);
    give(&locks[i + 1]), give(&locks[i]);
    return 0;
}

static int wants_the_next_two(void *arg)
{
    const int i = (int)(intptr_t)arg;
    keep(&locks[i]);
    hark_case cases[] = {hark_on_acquire(&locks[i + 1]), hark_on_acquire(&locks[i + 2])};
    const int which = hark_select(cases, 2);
    CHECK_GE(which, 0);
    give(&locks[i + 1 + which]), give(&locks[i]);
    return 0;
}

/* From the far end, so that each finds the next one held. */
static void build(hark_fn *fn)
{
    keep(&locks[MANY]), keep(&locks[MANY + 1]);
    for (int i = MANY - 1; i >= 0; i--) {
        hark_go(&group, fn, (void *)(intptr_t)i);
        hark_settle();
    }
}

static void take_down(void)
{
    give(&locks[MANY]), give(&locks[MANY + 1]);
    hark_settle();
}

INSIDE(ring_of_many_is_seen)
{
    build(wants_the_next);
    CHECK_MISUSE(hark_lock_acquire(&locks[0]), -EDEADLK, "a ring");
    take_down();
}

INSIDE(ring_of_many_selects_is_not_seen_and_does_no_harm)
{
    build(wants_the_next_two);
    CHECK_EQ(hark_within(5, hark_lock_acquire(&locks[0])), -ETIMEDOUT);
    CHECK_MISUSE(hark_lock_acquire(&locks[MANY - 8]), -EDEADLK, "which waits for several");
    take_down();
}

/* ---- readers and writers --------------------------------------------------------------------- */

static int wants_lock_while_writing(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_rwlock_write(&shared), 0);
    const int rc = hark_lock_acquire(&lock);
    kit_log("%s", outcome(rc));
    if (rc == 0) {
        give(&lock);
    }
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    return 0;
}

INSIDE(ring_closed_by_who_waits_for_a_writer)
{
    keep(&lock);
    hark_go(&group, wants_lock_while_writing, NULL);
    hark_settle();
    CHECK_MISUSE(hark_rwlock_read(&shared), -EDEADLK, "hark_rwlock_read: a ring");
    CHECK_MISUSE(hark_rwlock_write(&shared), -EDEADLK, "hark_rwlock_write: a ring");
    CHECK_EQ(hark_within(5, hark_rwlock_write(&shared)), -ETIMEDOUT);
    CHECK_EQ(hark_rwlock_statistics(&shared).tasks_waiting, 0);
    give(&lock);
    hark_settle();
    CHECK_LOG("ok");
}

static int reads_with_lock(void *arg)
{
    (void)arg;
    keep(&lock);
    const int rc = hark_rwlock_read(&shared);
    kit_log("%s", outcome(rc));
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    give(&lock);
    return 0;
}

INSIDE(ring_closed_by_a_writer)
{
    CHECK_EQ(hark_rwlock_write(&shared), 0);
    hark_go(&group, reads_with_lock, NULL);
    hark_settle();
    CHECK_MISUSE(hark_lock_acquire(&lock), -EDEADLK, "\"reads_with_lock\", which waits for task 1");
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    hark_settle();
    CHECK_LOG("ok");
}

static int reads_and_sleeps(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_rwlock_read(&shared), 0);
    hark_sleep(5);
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    return 0;
}

static int writes_with_lock(void *arg)
{
    (void)arg;
    keep(&lock);
    CHECK_EQ(hark_rwlock_write(&shared), 0);
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    give(&lock);
    return 0;
}

/* Of readers it is not known who they are, and any of them may release. */
INSIDE(ring_while_others_read_is_none)
{
    CHECK_EQ(hark_rwlock_read(&shared), 0);
    hark_go(&group, reads_and_sleeps, NULL);
    hark_go(&group, writes_with_lock, NULL);
    hark_yield();
    CHECK_EQ(hark_rwlock_release(&shared), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    give(&lock);
}
