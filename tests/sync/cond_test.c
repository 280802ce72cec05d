/* SPDX-License-Identifier: MIT
 *
 * cond_test.c - hark_cond: wait until what a lock guards has changed.
 *
 * The CO entries: a notify goes to one who waits and is kept; whoever returns from a wait holds the
 * lock; nobody returns 0 without a notify.
 */
#include "../core/scarce.h"
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_lock lock, other;
static hark_cond cond;
static hark_flag gate;

static int waiting(void)
{
    return hark_cond_statistics(&cond).tasks_waiting;
}

static int queued(void)
{
    return hark_lock_statistics(&lock).tasks_waiting;
}

/* Waits once; whatever comes out, it holds the lock then. */
static int waiter(void *name)
{
    int rc = hark_lock_acquire(&lock);
    CHECK_EQ(rc, 0);
    rc = hark_cond_wait(&cond, &lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
    return rc;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

static int notify(int n)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    const int count = hark_cond_notify(&cond, n);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return count;
}

/* ---- notifying ------------------------------------------------------------------------------- */

TEST(cond_has_nobody_when_all_zero_initialised_or_inited)
{
    static hark_cond zero;
    hark_cond constant = HARK_COND_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_cond_init(&inited), 0);
    CHECK_EQ(hark_cond_statistics(&zero).tasks_waiting, 0);
    CHECK_EQ(hark_cond_statistics(&constant).tasks_waiting, 0);
    CHECK_EQ(hark_cond_statistics(&inited).tasks_waiting, 0);
    CHECK_LE(sizeof(hark_cond), 64);
}

INSIDE(cond_CO_01_CO_17_a_notified_waiter_goes_on_when_the_lock_comes_to_it)
{
    go_waiter("1"), go_waiter("2"), go_waiter("3");
    hark_settle();
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(waiting(), 3);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(queued(), 1);
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK(hark_lock_locked(&lock)); /* handed over already */
    hark_settle();
    CHECK_LOG("1:ok");
    CHECK_EQ(notify(2), 2);
    hark_settle();
    CHECK_LOG("2:ok 3:ok");
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(cond_CO_02_notify_counts_and_too_many_do_no_harm)
{
    go_waiter("1"), go_waiter("2"), go_waiter("3");
    hark_settle();
    CHECK_EQ(notify(0), 0);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(notify(1), 1);
    hark_settle();
    CHECK_LOG("1:ok");
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    CHECK_EQ(hark_cond_notify(&cond, 2048), 1);
    CHECK_EQ(hark_cond_notify(&cond, 2048), 0);
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("2:ok 3:ok");
}

INSIDE(cond_CO_03_notify_all_in_order_and_not_kept_for_later)
{
    CHECK_EQ(hark_cond_notify_all(&cond), 0);
    go_waiter("1"), go_waiter("2"), go_waiter("3");
    hark_settle();
    CHECK_LOG("");
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_cond_notify_all(&cond), 3);
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("1:ok 2:ok 3:ok");
}

static int touches_unheld(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_cond_wait(&cond, &lock), -EPERM, "hark_cond_wait");
    CHECK_MISUSE(hark_cond_notify(&cond, 1), -EPERM, "hark_cond_notify");
    CHECK_MISUSE(hark_cond_notify_all(&cond), -EPERM, "hark_cond_notify_all");
    return 0;
}

INSIDE(cond_CO_04_CO_16_CO_22_XX_14_only_the_holder_waits_and_notifies)
{
    CHECK_MISUSE(hark_cond_wait(&cond, &lock), -EPERM, "hark_cond_wait");
    CHECK_SILENT(hark_cond_notify(&cond, 1), 0); /* nobody waits */
    go_waiter("1");
    hark_settle();
    touches_unheld(NULL);
    hark_lock_acquire(&lock);
    hark_go(&group, touches_unheld, NULL);
    hark_settle();
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(hark_cond_notify_all(&cond), 1);
    hark_lock_release(&lock);
}

static int number;

static int wait_for_number(void *arg)
{
    int rounds = 0, rc = 0;
    hark_lock_acquire(&lock);
    for (; number != (int)(intptr_t)arg && rc == 0; rounds++) {
        rc = hark_cond_wait(&cond, &lock);
    }
    kit_log("%d", rounds);
    hark_lock_release(&lock);
    return rc;
}

INSIDE(cond_CO_05_CO_23_a_loop_waits_until_what_it_needs_is_there)
{
    hark_go(&group, wait_for_number, (void *)2);
    hark_settle();
    for (number = 1; number <= 2; number++) {
        hark_lock_acquire(&lock);
        CHECK_EQ(hark_cond_notify_all(&cond), 1);
        hark_lock_release(&lock);
        hark_settle();
        if (number == 2) {
            break;
        }
        CHECK_LOG("");
    }
    CHECK_LOG("2");
    number = 3;
    wait_for_number((void *)3);
    CHECK_LOG("0");
}

INSIDE(cond_CO_24_statistics_count_who_is_not_yet_notified)
{
    go_waiter("1"), go_waiter("2");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(notify(1), 1);
    CHECK_EQ(waiting(), 1);
    hark_settle();
    CHECK_EQ(notify(1), 1);
    CHECK_EQ(waiting(), 0);
}

INSIDE(cond_CO_15_CO_26_a_lock_may_serve_two_conditions)
{
    hark_cond second = {0};
    go_waiter("1");
    hark_settle();
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_cond_notify_all(&second), 0);
    CHECK_EQ(hark_cond_notify_all(&cond), 1);
    CHECK_EQ(hark_within(HARK_MS(1), hark_cond_wait(&second, &lock)), -ETIMEDOUT);
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    hark_lock_release(&lock);
    CHECK_LOG("1:ok");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(cond_CO_06_CO_19_BG_08_cancelled_it_holds_the_lock)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a:cancelled");
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(cond_CO_19_cancelled_it_waits_for_the_lock_however_long)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_lock_acquire(&lock);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(queued(), 1);
    hark_task_cancel(a);
    CHECK_EQ(queued(), 1);
    hark_lock_release(&lock);
    CHECK_EQ(hark_lock_owner(&lock), a);
    hark_settle();
    CHECK_LOG("a:cancelled");
}

INSIDE(cond_CO_07_CO_08_CO_20_XX_15_a_notify_that_was_given_is_kept)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(queued(), 1);
    hark_lock_release(&lock);
    CHECK_EQ(hark_lock_owner(&lock), a);
    hark_settle();
    CHECK_LOG("a:ok");
    CHECK_EQ(waiting(), 1);
    CHECK_EQ(notify(1), 1);
}

INSIDE(cond_CO_21_CO_25_BG_20_a_notify_skips_who_was_cancelled_before)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_lock_acquire(&lock);
    hark_task_cancel(a);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    hark_lock_release(&lock);
    hark_settle();
    CHECK_LOG("b:ok a:cancelled");
}

/* Two consume; one notify, and its receiver is cancelled in the same turn. */
static int consume(void *name)
{
    int rc = 0;
    hark_lock_acquire(&lock);
    while (number == 0 && rc == 0) {
        rc = hark_cond_wait(&cond, &lock);
    }
    if (rc == 0) {
        number = 0;
        hark_cond_notify_all(&cond);
    }
    kit_log("%s:%s", (const char *)name, outcome(rc));
    hark_lock_release(&lock);
    return rc;
}

static void one_is_consumed(bool cancel_first)
{
    const hark_task a = hark_go(&group, consume, "a");
    const hark_task b = hark_go(&group, consume, "b");
    hark_settle();
    hark_lock_acquire(&lock);
    if (cancel_first) {
        hark_task_cancel(a);
    }
    number = 1;
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    if (!cancel_first) {
        hark_task_cancel(a);
    }
    while (number) {
        CHECK_EQ(hark_within(HARK_MS(10), hark_cond_wait(&cond, &lock)), 0);
    }
    hark_lock_release(&lock);
    hark_task_cancel(b);
    hark_settle();
}

INSIDE(cond_CO_11_CO_12_CO_13_BG_07_no_notify_is_lost_to_a_cancelled_consumer)
{
    one_is_consumed(false);
    CHECK_LOG("a:ok b:cancelled");
    one_is_consumed(true);
    CHECK_LOG("b:ok a:cancelled");
}

INSIDE(cond_cancelled_at_entry_the_lock_is_not_given_up)
{
    hark_scope scope;
    hark_lock_acquire(&lock);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_cond_wait(&cond, &lock), -ECANCELED);
    CHECK_LOG("");
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
    hark_scope_close(&scope, -ECANCELED);
}

INSIDE(cond_CO_14_BG_09_a_deadline_inside_the_lock_returns_holding_it)
{
    hark_lock_acquire(&lock);
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_MS(5), hark_cond_wait(&cond, &lock)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(5));
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
}

static int sleep_inside(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return 0;
}

INSIDE(cond_BG_09_a_deadline_while_another_holds_it_returns_when_the_lock_is_there)
{
    hark_lock_acquire(&lock);
    hark_go(&group, sleep_inside, NULL);
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_MS(5), hark_cond_wait(&cond, &lock)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(20));
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
}

/* ---- a lock that dies ------------------------------------------------------------------------ */

static int waits_for_the_dead(void *name)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    const int rc = hark_cond_wait(&cond, &lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    CHECK_HAS(hark_error_last(), "hark_cond_wait: task");
    CHECK_MISUSE(hark_lock_release(&lock), -EPERM, "holds this lock");
    return 0;
}

static int notifies_and_ends(void *n)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    hark_cond_notify(&cond, (int)(intptr_t)n);
    hark_flag_wait(&gate);
    return 0;
}

INSIDE(cond_notified_and_the_notifier_dies_with_the_lock)
{
    hark_go(&group, waits_for_the_dead, "a");
    hark_settle();
    hark_go(&group, notifies_and_ends, (void *)1);
    hark_settle();
    CHECK_LOG("");
    hark_flag_set(&gate);
    hark_settle();
    CHECK_LOG("a:EOWNERDEAD");
}

INSIDE(cond_cancelled_while_the_lock_is_dead_or_dies)
{
    const hark_task a = hark_go(&group, waits_for_the_dead, "a");
    const hark_task b = hark_go(&group, waits_for_the_dead, "b");
    hark_settle();
    hark_go(&group, notifies_and_ends, (void *)0);
    hark_settle();
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("");
    hark_flag_set(&gate);
    hark_settle();
    CHECK_LOG("a:EOWNERDEAD");
    CHECK_EQ(waiting(), 1);
    hark_task_cancel(b);
    hark_settle();
    CHECK_LOG("b:EOWNERDEAD");
}

/* Nobody can notify any more: who tries tells them so. */
INSIDE(cond_a_notify_tells_of_the_dead_lock)
{
    hark_go(&group, waits_for_the_dead, "a");
    hark_go(&group, waits_for_the_dead, "b");
    hark_settle();
    hark_flag_set(&gate);
    hark_go(&group, notifies_and_ends, (void *)0);
    hark_settle();
    CHECK_LOG("");
    CHECK_MISUSE(hark_cond_notify(&cond, 1), -EOWNERDEAD, "hark_cond_notify: task 4");
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a:EOWNERDEAD b:EOWNERDEAD");
    CHECK_EQ(hark_cond_notify_all(&cond), 0);
}

INSIDE(cond_a_notify_by_another_than_the_living_holder_tells_nobody)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    CHECK_MISUSE(hark_cond_notify_all(&cond), -EPERM, "does not hold");
    CHECK_EQ(waiting(), 1);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:cancelled");
}

INSIDE(cond_a_lock_initialised_anew_serves_those_who_still_wait)
{
    go_waiter("a"), go_waiter("b");
    hark_settle();
    hark_flag_set(&gate);
    hark_go(&group, notifies_and_ends, (void *)0);
    hark_settle();
    CHECK_EQ(hark_lock_acquire(&lock), -EOWNERDEAD);
    CHECK_EQ(hark_lock_init(&lock), 0);
    CHECK_EQ(notify(2), 2);
    hark_settle();
    CHECK_LOG("a:ok b:ok");
}

static int keeps_it_without_memory(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    lack_memory(-1);
    CHECK_EQ(hark_cond_wait(&cond, &lock), -ENOMEM);
    CHECK(lacked());
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
    return 0;
}

INSIDE(cond_nomem_the_lock_is_not_given_up)
{
    hark_go(&group, keeps_it_without_memory, NULL);
    hark_settle();
    CHECK(!hark_lock_locked(&lock));
}

INSIDE(cond_nomem_a_notify_and_a_cancel_need_none)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_lock_acquire(&lock);
    lack_memory(-1);
    hark_task_cancel(a);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    hark_yield();
    CHECK_EQ(hark_audit(), 0);
    hark_lock_release(&lock);
    hark_settle();
    CHECK(!lacked());
    CHECK_LOG("b:ok a:cancelled");
}

/* ---- rings ----------------------------------------------------------------------------------- */

static int holds_other_and_waits(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&other), 0);
    waiter("a");
    CHECK_EQ(hark_lock_release(&other), 0);
    return 0;
}

INSIDE(cond_a_notified_waiter_that_holds_what_its_notifier_asks_for_is_a_ring)
{
    hark_go(&group, holds_other_and_waits, NULL);
    hark_settle();
    hark_lock_acquire(&lock);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    CHECK_MISUSE(hark_lock_acquire(&other), -EDEADLK, "\"holds_other_and_waits\"");
    hark_lock_release(&lock);
    CHECK_EQ(hark_lock_acquire(&other), 0);
    CHECK_LOG("a:ok");
    CHECK_EQ(hark_lock_release(&other), 0);
}

/* ---- misuse, reports ------------------------------------------------------------------------- */

INSIDE(cond_misuse_two_locks_with_one_condition)
{
    go_waiter("a");
    hark_settle();
    hark_lock_acquire(&other);
    CHECK_MISUSE(hark_cond_wait(&cond, &other), -EINVAL, "another lock");
    CHECK_EQ(hark_lock_owner(&other), hark_self());
    CHECK_MISUSE(hark_cond_notify(&cond, 1), -EPERM, "hark_cond_notify");
    CHECK_EQ(notify(1), 1);
    hark_settle();
    CHECK_EQ(hark_within(HARK_MS(1), hark_cond_wait(&cond, &other)), -ETIMEDOUT); /* now it may */
    CHECK_EQ(hark_lock_release(&other), 0);
}

INSIDE(cond_misuse_NULL_and_negative_counts)
{
    hark_lock_acquire(&lock);
    CHECK_MISUSE(hark_cond_init(NULL), -EINVAL, "hark_cond_init");
    CHECK_MISUSE(hark_cond_wait(NULL, &lock), -EINVAL, "hark_cond_wait: the condition");
    CHECK_MISUSE(hark_cond_wait(&cond, NULL), -EINVAL, "hark_cond_wait: the lock");
    CHECK_MISUSE(hark_cond_notify(NULL, 1), -EINVAL, "hark_cond_notify");
    CHECK_MISUSE(hark_cond_notify(&cond, -1), -EINVAL, "hark_cond_notify");
    CHECK_MISUSE(hark_cond_notify_all(NULL), -EINVAL, "hark_cond_notify_all");
    CHECK_EQ(hark_cond_statistics(NULL).tasks_waiting, 0);
    hark_lock_release(&lock);
}

static int use_from_a_loop(void *arg)
{
    hark_lock mine = {0};
    (void)arg;
    hark_lock_acquire(&mine);
    CHECK_MISUSE(hark_cond_wait(&cond, &mine), -EXDEV, "hark_cond_wait");
    CHECK_MISUSE(hark_cond_notify(&cond, 1), -EXDEV, "hark_cond_notify");
    hark_lock_release(&mine);
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_cond_notify(&cond, 1), -EXDEV, "hark_cond_notify");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(cond_XX_40_other_threads_and_loops_are_refused)
{
    go_waiter("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(notify(1), 1);
}

TEST(cond_misuse_waiting_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_cond_wait(&cond, &lock), -ENOTSUP, "hark_cond_wait");
    CHECK_EQ(hark_cond_notify(&cond, 1), 0);
}

INSIDE(cond_CO_27_a_dump_says_who_holds_the_lock)
{
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_task_name("holder");
    go_waiter("a"), go_waiter("b");
    hark_settle();
    hark_lock_acquire(&lock);
    hark_cond_notify(&cond, 1);
    hark_dump(out);
    fclose(out);
    CHECK_HAS(text, "waits for a condition at 0x");
    CHECK_HAS(text, ", with a lock held by task 1 \"holder\"");
    CHECK_HAS(text, "waits for a lock, to go on after a condition, at 0x");
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    hark_lock_release(&lock);
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static hark_task actors[4];
static int given, kept, all;

static int actor(void *arg)
{
    (void)arg;
    for (int step = 0; step < 12; step++) {
        const uint64_t what = draw(&state) % 6;
        if (what == 0) {
            hark_sleep(draw(&state) % 3);
        } else if (what == 1) {
            hark_task_cancel(actors[draw(&state) % 4]);
        } else if (hark_lock_acquire(&lock) == 0) {
            if (what == 2) {
                given += hark_cond_notify(&cond, (int)(draw(&state) % 3));
            } else {
                const bool lost = hark_checkpoint() != 0;
                const int64_t rc = hark_within(1 + draw(&state) % 3, hark_cond_wait(&cond, &lock));
                CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
                CHECK(rc != 0 || !lost);
                kept += rc == 0;
            }
            CHECK_EQ(hark_lock_owner(&lock), hark_self());
            CHECK_EQ(hark_lock_release(&lock), 0);
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
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(waiting() + queued(), 0);
    return 0;
}

TEST(cond_notifies_given_are_notifies_kept_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_lock_init(&lock), hark_cond_init(&cond);
        given = kept = 0;
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
        CHECK_EQ(given, kept);
        all += given;
    }
    CHECK_GT(all, 100); /* it has been tried */
}
