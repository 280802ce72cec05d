/* SPDX-License-Identifier: MIT
 *
 * limiter_model.c - limiters in every order: borrow, return, try, resize, cancel.
 *
 * Idea     A book beside the limiter: who has a token, and how many there are. A token that was
 *          lent to somebody who has not run yet is out in the limiter's book and not yet in ours.
 *
 * Rules    1  At every instant: nobody waits while a token is free, and available is what there is
 *             less what is out.
 *          2  In the end all have come back, whatever fault there is.
 */
#include <hark.h>

#include "stage.h"

static hark_limiter limiter;
static int tokens, out, most, served, cut;

static int waiting(void)
{
    return hark_limiter_statistics(&limiter).tasks_waiting;
}

static void look(void)
{
    int borrowed = hark_limiter_borrowed(&limiter);

    MUST(hark_limiter_available(&limiter) == tokens - borrowed);
    MUST(waiting() == 0 || tokens <= borrowed);
    MUST(out <= borrowed);
}

static void begin(int count)
{
    tokens = count;
    MUST(hark_limiter_init(&limiter, tokens) == 0);
    out = most = served = cut = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    look();
    MUST(waiting() == 0 && out == 0 && hark_limiter_borrowed(&limiter) == 0);
    return rc;
}

static void got(void)
{
    out++;
    served++;
    most = out > most ? out : most;
    look();
}

static void give_back(void)
{
    int waited = waiting(), lent = waited && hark_limiter_borrowed(&limiter) <= tokens;

    out--;
    MUST(hark_limiter_release(&limiter) == 0);
    MUST(waiting() == waited - lent);
    look();
}

static int borrow(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    bool was_free = hark_limiter_available(&limiter) > 0;
    int rc = hark_limiter_acquire(&limiter);

    MUST(rc == 0 || rc == -ECANCELED);
    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(was_cancelled || !was_free || rc == 0);
    if (rc == 0) {
        got();
    }
    cut += rc != 0;
    return rc;
}

static int work(void *unused)
{
    (void)unused;
    int rc = borrow();
    if (rc == 0) {
        hark_sleep(1);
        give_back();
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

static void resize(int count)
{
    int free_before = count - hark_limiter_borrowed(&limiter), waited = waiting();
    int lent = free_before <= 0 ? 0 : free_before < waited ? free_before : waited;

    tokens = count;
    MUST(hark_limiter_resize(&limiter, count) == 0);
    MUST(waiting() == waited - lent);
    look();
}

/* Finds: two who have the one token; a token that is lost. */
MODEL(limiter_three_want_one, .yields = 1)
{
    begin(1);
    go(work_later, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    int rc = end();
    WANT(served == 3 && most == 1);
    return rc;
}

/* Finds: a token that goes under with the one who was cancelled while it was lent to it. */
MODEL(limiter_hand_over_against_cancel, .yields = 1)
{
    begin(1);
    go(work, NULL);
    first = go(work, NULL);
    go(work_later, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(served + cut == 3 && cut <= 1);
    return rc;
}

static int barge(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        bool was_free = hark_limiter_available(&limiter) > 0;
        int rc = hark_limiter_try(&limiter);
        MUST(rc == (was_free ? 0 : -EAGAIN));
        if (rc == 0) {
            got();
            hark_yield();
            give_back();
        }
        nap();
    }
    return 0;
}

/* Finds: a try that borrows what was lent to a waiter. */
MODEL(limiter_nobody_barges, .yields = 1)
{
    begin(1);
    go(work, NULL);
    go(work_later, NULL);
    go(barge, NULL);
    int rc = end();
    WANT(served >= 2 && most == 1);
    return rc;
}

static int shrink_then_grow(void *unused)
{
    (void)unused;
    resize(0);
    nap();
    resize(1);
    nap();
    resize(3);
    return 0;
}

/* Finds: growing that wakes too many while too many are out, or too few; a token that comes back
 * after a shrink, and is lent again. */
MODEL(limiter_resized_under_borrowers, .yields = 1, .patient = true)
{
    begin(2);
    go(work, NULL);
    go(work, NULL);
    go(work, NULL);
    go(shrink_then_grow, NULL);
    int rc = end();
    WANT(served == 3);
    return rc;
}

static int open_up(void *unused)
{
    (void)unused;
    nap();
    resize(2);
    return 0;
}

/* Finds: a token that is lost between growing and cancelling in one turn; growing by two that wakes
 * one. */
MODEL(limiter_grown_against_cancel, .yields = -1)
{
    begin(0);
    first = go(work, NULL);
    go(work, NULL);
    go(open_up, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(served + cut == 2 && cut <= 1);
    return rc;
}

/* ---- who selects ----------------------------------------------------------------------------- */

static hark_limiter second;

static int select_work(void *unused)
{
    (void)unused;
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    hark_case cases[] = {hark_on_limiter(&limiter), hark_on_limiter(&second)};
    int index = hark_select(cases, 2);

    MUST(index == 0 || index == 1 || index == -ECANCELED);
    MUST(!was_cancelled || index == -ECANCELED);
    if (index == 0) {
        got();
        hark_sleep(1);
        give_back();
    } else if (index == 1) {
        served++;
        MUST(hark_limiter_borrowed(&second) == 1);
        hark_sleep(1);
        MUST(hark_limiter_release(&second) == 0);
    }
    cut += index < 0;
    return index < 0 ? index : 0;
}

/* Finds: a select that borrows from both, or none; a token that is lent to a case that has left. */
MODEL(limiter_select_against_acquire_and_cancel, .yields = -1)
{
    begin(1);
    MUST(hark_limiter_init(&second, 1) == 0);
    first = go(select_work, NULL);
    go(select_work, NULL);
    go(work, NULL);
    go(cancel_first, NULL);
    int rc = end();
    MUST(hark_limiter_borrowed(&second) == 0 && hark_limiter_statistics(&second).tasks_waiting == 0);
    WANT(served + cut == 3);
    return rc;
}
