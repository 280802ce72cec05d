/* SPDX-License-Identifier: MIT
 *
 * sem_model.c - semaphores in every order: acquire, release, try, cancel, deadlines, newcomers.
 *
 * Idea     A book beside the semaphore: permits that are out and permits that there are, and who
 *          stood in the line before whom. Whoever has a permit gives it back, whatever happens,
 *          so in the end all must be there again.
 *
 * Rules    1  At every instant: value + those out + those given to somebody who has not run yet is
 *             what there is. And whoever waits waits for nothing that is there.
 *          2  Those who wait are served in the order in which they came, cancelled ones left out.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

static hark_sem sem;
static int all, out, most, served, cut;

static int waiting(void)
{
    return hark_sem_statistics(&sem).tasks_waiting;
}

static void begin(int value, int max)
{
    MUST(hark_sem_init(&sem, value, max) == 0);
    all = value;
    out = most = served = cut = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0);
    MUST(out == 0 && hark_sem_value(&sem) == all);
    return rc;
}

static void look(void)
{
    MUST(hark_sem_value(&sem) == 0 || waiting() == 0);
    MUST(hark_sem_value(&sem) + out <= all);
}

static void give(void)
{
    out--;
    MUST(hark_sem_release(&sem) == 0);
    look();
}

static void got(void)
{
    out++;
    served++;
    most = out > most ? out : most;
    MUST(out <= all);
    look();
}

static int take(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    int before = hark_sem_value(&sem), rc = hark_sem_acquire(&sem);

    MUST(rc == 0 || rc == -ECANCELED);
    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(was_cancelled || before == 0 || rc == 0);
    if (rc == 0) {
        got();
    }
    cut += rc != 0;
    return rc;
}

static int work(void *unused)
{
    (void)unused;
    int rc = take();
    if (rc == 0) {
        hark_sleep(1);
        give();
    }
    return rc;
}

static int work_later(void *unused)
{
    nap();
    return work(unused);
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    look();
    return 0;
}

/* Finds: two who have the one permit; a permit that is lost; one who waits for what is there. */
MODEL(sem_three_want_one, .yields = 1)
{
    begin(1, 1);
    go(work_later, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    int rc = end();
    WANT(served == 3 && most == 1);
    return rc;
}

/* Finds: a third who gets in, or two who are never in together. */
MODEL(sem_three_want_two, .yields = 1)
{
    begin(2, 2);
    go(work, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    int rc = end();
    WANT(served == 3 && most >= 1 && most <= 2);
    return rc;
}

/* Finds: a permit that goes under with the one who was cancelled while it was given to it, or while
 * it stood in the line; a cancelled one that gets it all the same. */
MODEL(sem_hand_over_against_cancel, .yields = 1)
{
    begin(1, 1);
    go(work, NULL);
    first = go(work, NULL);
    go(work_later, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(served + cut == 3 && cut <= 1);
    return rc;
}

/* ---- the order ------------------------------------------------------------------------------- */

static int places; /* in the line: given out so far */

/* Stands in the line unless a permit is there. */
static int stand(void *later)
{
    if (later) {
        nap();
    }
    bool waits = hark_sem_value(&sem) == 0 && hark_checkpoint() == 0;
    int place = waits ? ++places : 0, rc = take();

    if (rc == 0 && waits) {
        MUST(waiting() <= places - place); /* nobody who came before still waits */
    }
    return rc;
}

static int give_three(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        nap();
        all++;
        MUST(hark_sem_release(&sem) == 0);
        look();
    }
    return 0;
}

static int end_all_taken(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0 && hark_sem_value(&sem) + out == all);
    return rc;
}

/* Finds: one who overtakes, a newcomer who takes what was given to another. */
MODEL(sem_first_come_first_served, .yields = 1)
{
    begin(0, 0);
    places = 0;
    go(stand, NULL);
    go(stand, NULL);
    go(stand, &sem);
    go(give_three, NULL);
    int rc = end_all_taken();
    WANT(served == 3);
    return rc;
}

/* ---- newcomers ------------------------------------------------------------------------------- */

static int tries, hits;

static int barge(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        int before = hark_sem_value(&sem), rc = hark_sem_try(&sem);
        MUST(rc == (before > 0 ? 0 : -EAGAIN));
        tries++;
        if (rc == 0) {
            hits++;
            got();
            hark_yield();
            give();
        }
        nap();
    }
    return 0;
}

/* Finds: a try that takes what was released to a waiter; a waiter that finds nothing. */
MODEL(sem_nobody_barges, .yields = 1)
{
    begin(1, 1);
    tries = hits = 0;
    go(work, NULL);
    go(work_later, NULL);
    go(barge, NULL);
    int rc = end();
    WANT(served == 2 + hits && tries == 2);
    return rc;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int timeouts;

static int take_impatiently(void *unused)
{
    (void)unused;
    int64_t deadline = hark_now() + 2;
    int64_t rc = hark_within(2, take());

    MUST(rc != -ETIMEDOUT || hark_now() >= deadline);
    if (rc == 0) {
        hark_sleep(2);
        give();
    }
    timeouts += rc == -ETIMEDOUT;
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* Finds: a permit that is lost between a release and a deadline of the same instant. */
MODEL(sem_release_against_deadline, .yields = 1)
{
    begin(1, 1);
    timeouts = 0;
    go(take_impatiently, NULL);
    go(take_impatiently, NULL);
    go(take_impatiently, NULL);
    int rc = end();
    WANT(served + timeouts == 3);
    return rc;
}

/* ---- who selects ----------------------------------------------------------------------------- */

static hark_sem second;
static int second_all;

static int select_work(void *unused)
{
    (void)unused;
    hark_case cases[] = {hark_on_sem(&sem), hark_on_sem(&second)};

    int index = hark_select(cases, 2);
    MUST(index == 0 || index == 1 || index == -ECANCELED);
    if (index < 0) {
        cut++;
        return index;
    }
    MUST(hark_case_result(&cases[index]) == 0);
    served++;
    hark_sleep(1);
    MUST(hark_sem_release(index ? &second : &sem) == 0);
    return 0;
}

/* Finds: a select that takes both, or none; a permit that is given to a case that has left. */
MODEL(sem_select_against_acquire_and_cancel, .yields = -1)
{
    begin(1, 1);
    second_all = 1;
    MUST(hark_sem_init(&second, 1, 1) == 0);
    first = go(select_work, NULL);
    go(select_work, NULL);
    go(work, NULL);
    go(cancel_first, NULL);
    int rc = end();
    MUST(hark_sem_value(&second) == second_all);
    MUST(hark_sem_statistics(&second).tasks_waiting == 0);
    WANT(served + cut == 3);
    return rc;
}
