/* SPDX-License-Identifier: MIT
 *
 * latch_model.c - latches in every order: counting down, waiting, cancel, deadlines.
 *
 * Rules    1  Nobody waits at an open latch, and nobody passes one that is not open.
 *          2  Who stood there when it opened has passed, even if it is cancelled before it runs.
 */
#include <hark.h>

#include "stage.h"

static hark_latch latch;
static int stood, released, passed, left, cut;

static int waiting(void)
{
    return hark_latch_statistics(&latch).tasks_waiting;
}

static void begin(int count)
{
    MUST(hark_latch_init(&latch, count) == 0);
    stood = released = passed = left = cut = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0 && released == stood);
    WANT(cut == left);
    return rc;
}

static int wait(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_open = hark_latch_count(&latch) == 0;
    int rc = hark_latch_wait(&latch);

    MUST(rc == (was_cancelled ? -ECANCELED : was_open ? 0 : rc));
    MUST(rc == -ECANCELED || (rc == 0 && hark_latch_count(&latch) == 0));
    passed += rc == 0 && was_open;
    released += rc == 0 && !was_open;
    cut += rc != 0 && !was_cancelled;
    return rc;
}

static int wait_now(void *unused)
{
    (void)unused;
    return wait();
}

static int wait_later(void *unused)
{
    (void)unused;
    stroll();
    return wait();
}

static int count_one(void *unused)
{
    (void)unused;
    stroll();
    int before = hark_latch_count(&latch), stand = waiting();
    MUST(hark_latch_count_down(&latch, 1) == 0);
    MUST(hark_latch_count(&latch) == before - 1);
    MUST(waiting() == (before == 1 ? 0 : stand));
    stood += before == 1 ? stand : 0;
    return 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    int before = waiting();
    hark_task_cancel(first);
    left += before - waiting();
    return 0;
}

/* Finds: a waiter that is not woken, or too early; one who comes late and waits for ever. */
MODEL(latch_two_count_and_two_wait, .yields = 1)
{
    begin(2);
    go(wait_now, NULL);
    go(wait_later, NULL);
    go(count_one, NULL);
    go(count_one, NULL);
    int rc = end();
    WANT(released + passed == 2);
    return rc;
}

/* Finds: a cancel that takes a wake-up back, or takes the wake-up of another. */
MODEL(latch_against_cancel, .yields = 1)
{
    begin(1);
    first = go(wait_now, NULL);
    go(wait_later, NULL);
    go(count_one, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(released + passed + cut >= 1 && cut <= 1);
    return rc;
}

static int timeouts;

static int wait_impatiently(void *unused)
{
    int64_t deadline = hark_now() + HARK_MS(1), rc = hark_within(HARK_MS(1), wait());

    (void)unused;
    MUST(rc != -ETIMEDOUT || hark_now() >= deadline);
    timeouts += rc == -ETIMEDOUT;
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

static int count_in_time(void *unused)
{
    hark_sleep(HARK_MS(1 + hark_test_choose(2)));
    return count_one(unused);
}

/* Finds: a deadline that takes back what was given in the same instant. */
MODEL(latch_against_deadline, .yields = 1)
{
    begin(1);
    timeouts = 0;
    go(wait_impatiently, NULL);
    go(wait_impatiently, NULL);
    go(count_in_time, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(released == stood && waiting() == 0);
    WANT(timeouts + released + passed == 2);
    return rc;
}
