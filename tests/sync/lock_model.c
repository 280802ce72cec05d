/* SPDX-License-Identifier: MIT
 *
 * lock_model.c - locks in every order: acquire, try, release, select, cancel, deadlines, holders
 * that end.
 *
 * Idea     Whoever asks draws a number, in the same step in which it takes the lock or stands in
 *          the queue; whoever gets it must have a higher one than whoever had it before. Two
 *          inside, a wrong order, somebody who barges in: all are seen on the spot. A waiter that
 *          is forgotten ends as a deadlock.
 *
 * Rules    1  inside, the order and the holder hold whatever fault there is.
 *          2  Who holds the lock releases it even when it is cancelled, unless its part is to end.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

static hark_lock locks[2];
#define lock (locks[0])
static int inside, drawn, last; /* the numbers */
static int got, cut, left, told, late;
static bool dead;

static int waiting(void)
{
    return hark_lock_statistics(&lock).tasks_waiting;
}

static void begin(void)
{
    memset(locks, 0, sizeof locks);
    inside = drawn = last = got = cut = left = told = late = 0;
    dead = false;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0 && inside == 0);
    MUST(dead || !hark_lock_locked(&lock));
    WANT(cut == left);
    return rc;
}

static void enter(int number)
{
    MUST(!dead && number > last && inside++ == 0);
    MUST(hark_lock_owner(&lock) == hark_self());
    last = number;
    got++;
}

static void leave(void)
{
    MUST(--inside == 0 || !"two were inside");
    MUST(hark_lock_release(&lock) == 0);
    MUST(hark_lock_owner(&lock) != hark_self());
}

/* 0: the caller is inside. */
static int ask(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_dead = dead;
    int number = ++drawn, rc = hark_lock_acquire(&lock);

    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(was_cancelled || !was_dead || rc == -EOWNERDEAD);
    MUST(rc == 0 || rc == -ECANCELED || (rc == -EOWNERDEAD && dead) || hark_test_disturbed());
    if (rc == 0) {
        enter(number);
    }
    cut += rc == -ECANCELED && !was_cancelled;
    told += rc == -EOWNERDEAD;
    return rc;
}

static int visit(void *unused)
{
    (void)unused;
    sleep_up_to(1);
    int rc = ask();
    if (rc == 0) {
        sleep_up_to(1);
        leave();
    }
    return rc == -EOWNERDEAD ? 0 : rc;
}

static int cancel_first(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    int before = waiting();
    hark_task_cancel(first);
    left += before - waiting();
    return 0;
}

/* ---- in order -------------------------------------------------------------------------------- */

/* Finds: a lock that is handed to the wrong one or to nobody, two inside, barging. */
MODEL(lock_first_come_first_served, .yields = 1)
{
    begin();
    go(visit, NULL);
    go(visit, NULL);
    go(visit, NULL);
    int rc = end();
    WANT(got == 3);
    return rc;
}

static int visit_twice(void *unused)
{
    int rc = visit(unused);
    return rc ? rc : visit(unused);
}

/* Finds: one that releases and asks again, and gets in before those who wait. */
MODEL(lock_released_and_asked_for_again, .yields = -1)
{
    begin();
    go(visit_twice, NULL);
    go(visit_twice, NULL);
    int rc = end();
    WANT(got == 4);
    return rc;
}

/* Nobody who tries gets past those who wait: enter() sees it by the number. */
static int try_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        sleep_up_to(1);
        bool queue = waiting() > 0;
        int number = ++drawn, rc = hark_lock_try(&lock);
        MUST(rc == 0 || rc == -EAGAIN);
        MUST(rc == 0 || hark_lock_locked(&lock));
        MUST(rc != 0 || !queue);
        if (rc == 0) {
            enter(number);
            sleep_up_to(1);
            leave();
        }
    }
    return 0;
}

/* Finds: a try that takes what was handed to another. */
MODEL(lock_try_against_waiters, .yields = 1, .patient = true)
{
    begin();
    go(visit, NULL);
    go(visit, NULL);
    go(try_twice, NULL);
    int rc = end();
    WANT(got >= 2);
    return rc;
}

/* ---- cancels and deadlines ------------------------------------------------------------------- */

/* Finds: a cancelled waiter that is handed the lock, or whose hand-over is lost; the same while it
 * is the holder already. */
MODEL(lock_release_against_cancel, .yields = 1, .patient = true)
{
    begin();
    first = go(visit, NULL);
    go(visit, NULL);
    go(visit, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(got >= 2 && cut <= 1);
    return rc;
}

static int visit_and_linger(void *unused)
{
    int rc = visit(unused);
    hark_sleep(4);
    return rc;
}

static int come_later(void *unused)
{
    (void)unused;
    hark_sleep(2);
    int rc = ask();
    if (rc == 0) {
        sleep_up_to(1);
        leave();
    }
    return rc;
}

/* Finds: what a lock leaves with its holder while somebody waits, left there when nobody does. */
MODEL(lock_cancel_empties_the_queue, .yields = -1, .patient = true)
{
    begin();
    go(visit_and_linger, NULL);
    first = go(visit, NULL);
    go(cancel_first, NULL);
    go(come_later, NULL);
    go(come_later, NULL);
    int rc = end();
    WANT(got >= 3 && cut <= 1);
    return rc;
}

static int visit_impatiently(void *unused)
{
    (void)unused;
    int64_t rc = hark_within(2, ask());
    MUST(rc != 0 || hark_lock_owner(&lock) == hark_self());
    late += rc == -ETIMEDOUT;
    if (rc == 0) {
        hark_sleep(1 + hark_test_choose(2));
        leave();
    }
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* Finds: a deadline that takes back what was handed over in the same instant, or a release that
 * reaches whom the deadline has taken out. */
MODEL(lock_release_against_deadline)
{
    begin();
    go(visit_impatiently, NULL);
    go(visit_impatiently, NULL);
    go(visit_impatiently, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(waiting() == 0 && inside == 0 && !hark_lock_locked(&lock));
    WANT(got + late == 3 && cut == late);
    return rc;
}

/* ---- holders that end ------------------------------------------------------------------------ */

static int visit_and_end(void *unused)
{
    (void)unused;
    sleep_up_to(1);
    int rc = ask();
    if (rc == 0) {
        sleep_up_to(1);
        inside--;
        dead = true;
    }
    return rc == -EOWNERDEAD ? 0 : rc;
}

/* Finds: a waiter that is not told, one that is told too soon or instead of being handed it, a
 * newcomer that waits for the dead. */
MODEL(lock_holder_ends, .yields = 1)
{
    begin();
    go(visit_and_end, NULL);
    go(visit, NULL);
    go(visit, NULL);
    int rc = end();
    WANT(dead && got + told == 3);
    return rc;
}

/* Finds: the same when the hand-over, a cancel and the end come together: the word of the end must
 * follow the holder. */
MODEL(lock_holder_ends_against_cancel, .yields = 1, .patient = true)
{
    begin();
    first = go(visit, NULL);
    go(visit_and_end, NULL);
    go(visit, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(dead && got + told + cut >= 2);
    return rc;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static int refused;

static int take_both(void *which)
{
    int i = (int)(intptr_t)which;
    int rc = hark_lock_acquire(&locks[i]);

    if (rc) {
        return rc;
    }
    sleep_up_to(1);
    rc = hark_lock_acquire(&locks[1 - i]);
    MUST(rc == 0 || rc == -ECANCELED || rc == -EDEADLK || hark_test_disturbed());
    if (rc == 0) {
        MUST(hark_lock_owner(&locks[0]) == hark_self());
        MUST(hark_lock_owner(&locks[1]) == hark_self());
        MUST(hark_lock_release(&locks[1 - i]) == 0);
    }
    refused += rc == -EDEADLK;
    MUST(hark_lock_release(&locks[i]) == 0);
    return rc == -EDEADLK ? 0 : rc;
}

/* Finds: a ring that nobody is told of (a deadlock), or one that is none. */
MODEL(lock_two_in_either_order, .yields = 1)
{
    begin();
    refused = 0;
    go(take_both, (void *)0);
    go(take_both, (void *)1);
    go(visit, NULL);
    int rc = end();
    WANT(refused <= 1 && got == 1);
    MUST(!hark_lock_locked(&locks[1]));
    return rc;
}

/* ---- select ---------------------------------------------------------------------------------- */

static int holder_of[2];

static void use(int i)
{
    MUST(holder_of[i]++ == 0 && hark_lock_owner(&locks[i]) == hark_self());
    sleep_up_to(1);
    holder_of[i]--;
    MUST(hark_lock_release(&locks[i]) == 0);
    got++;
}

static int hold_one(void *which)
{
    int i = (int)(intptr_t)which;

    sleep_up_to(1);
    int rc = hark_lock_acquire(&locks[i]);
    if (rc == 0) {
        use(i);
    }
    return rc;
}

static int choose_one(void *unused)
{
    (void)unused;
    sleep_up_to(1);
    hark_case cases[2] = {hark_on_acquire(&locks[0]), hark_on_acquire(&locks[1])};
    int index = hark_select(cases, 2);

    MUST(index >= 0 || index == -ECANCELED || hark_test_disturbed());
    if (index >= 0) {
        MUST(hark_case_result(&cases[index]) == 0);
        MUST(hark_lock_owner(&locks[1 - index]) != hark_self());
        use(index);
    }
    return index < 0 ? index : 0;
}

/* Finds: a select that gets both, or leaves a case in the other queue; one that is handed a lock
 * and is not its holder. */
MODEL(lock_select_of_two, .yields = 1, .patient = true)
{
    begin();
    memset(holder_of, 0, sizeof holder_of);
    go(hold_one, (void *)0);
    go(hold_one, (void *)1);
    go(choose_one, NULL);
    int rc = end();
    WANT(got == 3);
    MUST(!hark_lock_locked(&locks[1]));
    return rc;
}

/* Finds: a cancelled select that keeps what it was handed, or was handed it all the same. */
MODEL(lock_select_against_cancel, .yields = 1, .patient = true)
{
    begin();
    memset(holder_of, 0, sizeof holder_of);
    go(hold_one, (void *)0);
    go(hold_one, (void *)1);
    first = go(choose_one, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(!hark_lock_locked(&locks[0]) && !hark_lock_locked(&locks[1]) && waiting() == 0);
    WANT(got >= 2);
    return rc;
}
