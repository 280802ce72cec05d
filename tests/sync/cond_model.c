/* SPDX-License-Identifier: MIT
 *
 * cond_model.c - conditions in every order: wait, notify, cancel, deadlines, a notifier that ends.
 *
 * Idea     Whoever notifies adds up what it was told it had reached, and whoever returns 0 from a
 *          wait counts itself: the sums must be equal. And whoever returns holds the lock, alone.
 *
 * Rules    1  given == kept, and `inside`, hold whatever fault there is.
 *          2  Who notifies does so even when it is cancelled; if it cannot even take the lock, it
 *             sends all home.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

static hark_lock lock;
static hark_cond cond;
static int inside, given, kept, cut, told, late, home;
static bool dead;

static int waiting(void)
{
    return hark_cond_statistics(&cond).tasks_waiting;
}

static void begin(void)
{
    memset(&lock, 0, sizeof lock);
    memset(&cond, 0, sizeof cond);
    inside = given = kept = cut = told = late = home = 0;
    dead = false;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(given == kept + (dead ? told : 0));
    MUST(waiting() == 0 && inside == 0 && hark_lock_statistics(&lock).tasks_waiting == 0);
    MUST(dead || !hark_lock_locked(&lock));
    return rc;
}

static void enter(void)
{
    MUST(!dead && inside++ == 0 && hark_lock_owner(&lock) == hark_self());
}

static void leave(void)
{
    inside--;
    MUST(hark_lock_release(&lock) == 0);
}

/* In, even if cancelled; else everybody goes home. */
static bool surely_entered(void)
{
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0 && hark_scope_shield(&scope, true) == 0);
    int rc = hark_lock_acquire(&lock);
    hark_scope_close(&scope, rc);
    if (rc) {
        MUST(rc == -EOWNERDEAD || hark_test_disturbed());
        hark_group_cancel(&group);
        return false;
    }
    enter();
    return true;
}

/* Holding the lock before; after it, too, unless it is dead. */
static int wait_inside(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED;

    inside--;
    int rc = hark_cond_wait(&cond, &lock);
    if (rc == -EOWNERDEAD) {
        MUST(dead && hark_lock_owner(&lock) != hark_self());
        told++;
        return rc;
    }
    enter();
    MUST(rc == 0 || rc == -ECANCELED || hark_test_disturbed());
    MUST(rc != 0 || !was_cancelled);
    kept += rc == 0;
    cut += rc == -ECANCELED && !was_cancelled;
    return rc;
}

static int wait_and_go(void)
{
    int rc = hark_lock_acquire(&lock);

    if (rc) {
        return rc == -EOWNERDEAD ? 0 : rc;
    }
    enter();
    rc = wait_inside();
    if (rc == -EOWNERDEAD) {
        return 0;
    }
    sleep_up_to(1);
    leave();
    return rc;
}

static int wait_once(void *unused)
{
    (void)unused;
    int rc = wait_and_go();
    home++;
    return rc;
}

static void notify(int n)
{
    int before = waiting(), count = hark_cond_notify(&cond, n);

    MUST(count == (n < before ? n : before) && waiting() == before - count);
    given += count;
}

/* One, and later all who stand there, until all have gone home. */
static int notify_until_done(void *expected)
{
    for (int rounds = 0; home < (int)(intptr_t)expected; rounds++) {
        hark_sleep(1 + hark_test_choose(rounds < 1 ? 2 : 1));
        if (!surely_entered()) {
            return 0;
        }
        notify(rounds < 1 ? 1 : 3);
        sleep_up_to(rounds < 1);
        leave();
        if (hark_test_disturbed() && rounds > 6) {
            hark_group_cancel(&group);
            return 0;
        }
    }
    return 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    hark_task_cancel(first);
    return 0;
}

/* ---- notifying ------------------------------------------------------------------------------- */

/* Finds: a notify that reaches nobody, or two; a waiter that goes on without the lock. */
MODEL(cond_notify_reaches_who_waits, .yields = 1)
{
    begin();
    go(wait_once, NULL);
    go(wait_once, NULL);
    go(notify_until_done, (void *)2);
    int rc = end();
    WANT(kept == 2);
    return rc;
}

static int visit(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    int rc = hark_lock_acquire(&lock);
    if (rc == 0) {
        enter();
        sleep_up_to(1);
        leave();
    }
    return rc == -EOWNERDEAD ? 0 : rc;
}

/* Finds: a window between notify and the lock's queue, in which a newcomer comes in. */
MODEL(cond_notify_against_newcomer, .yields = 1, .patient = true)
{
    begin();
    go(wait_once, NULL);
    go(visit, NULL);
    go(notify_until_done, (void *)1);
    int rc = end();
    WANT(kept == 1);
    return rc;
}

/* ---- cancels and deadlines ------------------------------------------------------------------- */

/* Finds: a notify that is lost to a cancelled waiter, or that it gets without keeping it; a wait
 * that is cancelled and returns without the lock. */
MODEL(cond_notify_against_cancel, .yields = 1, .patient = true)
{
    begin();
    first = go(wait_once, NULL);
    go(wait_once, NULL);
    go(notify_until_done, (void *)2);
    go(cancel_first, NULL);
    int rc = end();
    WANT(kept + cut <= 2 && kept >= 1);
    return rc;
}

static int wait_impatiently(void *unused)
{
    (void)unused;
    int rc = hark_lock_acquire(&lock);

    if (rc) {
        return rc;
    }
    enter();
    int64_t deadline = hark_now() + 2, outcome = hark_within(2, wait_inside());
    MUST(outcome != -ETIMEDOUT || hark_now() >= deadline);
    late += outcome == -ETIMEDOUT;
    leave();
    return outcome == -ETIMEDOUT ? 0 : (int)outcome;
}

static int notify_in_time(void *unused)
{
    (void)unused;
    hark_sleep(1 + hark_test_choose(2));
    if (surely_entered()) {
        notify(1);
        sleep_up_to(1);
        leave();
    }
    return 0;
}

/* Finds: a deadline that takes back a notify of the same instant, or wakes without the lock. */
MODEL(cond_notify_against_deadline)
{
    begin();
    go(wait_impatiently, NULL);
    go(wait_impatiently, NULL);
    go(notify_in_time, NULL);
    int rc = end();
    WANT(kept + late == 2 && cut == late);
    return rc;
}

/* ---- a lock that dies ------------------------------------------------------------------------ */

static int notify_and_end(void *unused)
{
    (void)unused;
    hark_sleep(1 + hark_test_choose(2));
    if (surely_entered()) {
        notify(1);
        sleep_up_to(1);
        inside--;
        dead = true;
    }
    return 0;
}

/* Finds: a notified waiter that is not told of its notifier's end; one that is cancelled, and goes
 * on with a lock that is dead. */
MODEL(cond_notifier_ends_holding_the_lock, .yields = 1, .patient = true)
{
    begin();
    first = go(wait_once, NULL);
    go(visit, NULL);
    go(notify_and_end, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(waiting() == 0 && inside == 0 && hark_lock_statistics(&lock).tasks_waiting == 0);
    WANT(dead && kept == 0 && told <= 1);
    return rc;
}

/* Whatever became of the lock, who waits hears of it. */
static int tell_the_rest(void *unused)
{
    hark_scope scope;

    (void)unused;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0 && hark_scope_shield(&scope, true) == 0);
    hark_sleep(3 + hark_test_choose(2));
    int rc = hark_lock_acquire(&lock), waited = waiting();
    hark_scope_close(&scope, rc);
    if (rc == -EOWNERDEAD) {
        MUST(dead && hark_cond_notify_all(&cond) == (waited ? -EOWNERDEAD : 0));
        MUST(waiting() == 0);
    } else if (rc == 0) {
        enter();
        notify(2);
        leave();
    } else {
        hark_group_cancel(&group);
    }
    return 0;
}

/* Finds: a waiter that nobody can notify any more, and nobody wakes. */
MODEL(cond_lock_dies_and_a_third_notifies, .yields = 1, .patient = true)
{
    begin();
    first = go(wait_once, NULL);
    go(wait_once, NULL);
    go(notify_and_end, NULL);
    go(tell_the_rest, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(waiting() == 0 && inside == 0 && hark_lock_statistics(&lock).tasks_waiting == 0);
    WANT(dead && kept == 0);
    return rc;
}
