/* SPDX-License-Identifier: MIT
 *
 * signal_model.c - signals in every order: an occurrence against waits, cancels, closes, callbacks.
 *
 * Idea     The handler is the real one, and runs where the signal is raised: between any two steps,
 *          as in another thread (hark_test_outside), or in a task. What stood there before us
 *          counts, too: so each occurrence is found again, with a task, or there.
 * Rules    1  Of one occurrence: who took it, and whoever handled it before, are one together.
 *          2  Who waits for an occurrence that comes is told: or nothing could go on.
 *          3  What was posted has been told when a model ends: the next schedule has the same box.
 */
#include <hark.h>
#include <signal.h>
#include <string.h>

#include "stage.h"

static hark_signal heard, other;
static hark_event event;
static hark_watch watch;
static int raised, taken, called, open;
static volatile sig_atomic_t before; /* what came to whoever handled it before us */

static void handle_before(int signo)
{
    (void)signo;
    before++;
}

/* 0, or why it could not be opened. */
static int begin(hark_signal *also)
{
    const struct sigaction action = {.sa_handler = handle_before};

    sigaction(SIGUSR1, &action, NULL);
    raised = taken = called = 0;
    before = 0;
    memset(&watch, 0, sizeof watch);
    hark_event_init(&event);
    int rc = hark_signal_open(&heard, SIGUSR1);
    WANT(rc == 0);
    if (rc == 0 && also && (rc = hark_signal_open(also, SIGUSR1))) {
        hark_signal_close(&heard);
    }
    WANT(rc == 0);
    open = rc == 0;
    if (rc == 0) {
        open_stage();
    }
    return rc;
}

static void close_it(void)
{
    if (open) {
        open = false;
        MUST(hark_signal_close(&heard) == 0);
    }
}

/* Rule 3. */
static void empty_the_box(void)
{
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_settle() == 0);
    hark_scope_close(&scope, 0);
}

static int end(void)
{
    struct sigaction after;
    const int rc = hark_group_close(&group, 0);

    close_it();
    empty_the_box();
    MUST(sigaction(SIGUSR1, NULL, &after) == 0 && after.sa_handler == handle_before);
    return rc;
}

/* Rule 1. */
static int end_of_one(void)
{
    const int rc = end();

    MUST(taken + before == raised);
    return rc;
}

static void raise_it(void *unused)
{
    (void)unused;
    raised++;
    raise(SIGUSR1);
}

static void raise_two(void *unused)
{
    raise_it(unused);
    hark_test_outside(raise_it, NULL);
}

static int raise_in_task(void *unused)
{
    stroll();
    raise_it(unused);
    return 0;
}

static int wait_for(hark_signal *s)
{
    const bool was_cancelled = hark_checkpoint() == -ECANCELED;
    const int rc = hark_signal_wait(s);

    MUST(rc == 0 || rc == -ECANCELED || rc == -ENODATA);
    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(rc || taken < raised);
    taken += rc == 0;
    return rc == -ENODATA ? 0 : rc;
}

static int wait_later(void *unused)
{
    (void)unused;
    stroll();
    return wait_for(&heard);
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

/* ---- one occurrence -------------------------------------------------------------------------- */

/* Finds: one that came before the wait and is lost; one that a cancelled task takes with it, or that
 * is given twice. */
MODEL(signal_against_wait_and_cancel, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    first = go(wait_later, NULL);
    go(cancel_first, NULL);
    MUST(hark_test_outside(raise_it, NULL) == 0);
    return end_of_one();
}

/* Two wait, and one of them is cancelled: the other is told, unless the first was. It ends, for what
 * nobody came for is raised a second time by who closes. */
static int wait_and_close(void *unused)
{
    const int rc = wait_for(&heard);

    (void)unused;
    close_it();
    return rc;
}

MODEL(signal_two_wait_and_one_is_cancelled, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    first = go(wait_and_close, NULL);
    go(wait_and_close, NULL);
    go(cancel_first, NULL);
    MUST(hark_test_outside(raise_it, NULL) == 0);
    return end_of_one();
}

static int close_later(void *unused)
{
    (void)unused;
    stroll();
    close_it();
    return 0;
}

/* Finds: a close that loses what is on its way, or leaves somebody waiting. */
MODEL(signal_against_close, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    go(wait_later, NULL);
    go(close_later, NULL);
    go(raise_in_task, NULL);
    return end_of_one();
}

static int close_and_open_again(void *unused)
{
    (void)unused;
    stroll();
    close_it();
    hark_yield();
    const int rc = hark_signal_open(&heard, SIGUSR1);
    WANT(rc == 0);
    open = rc == 0;
    hark_yield();
    close_it();
    return rc;
}

/* Finds: news that were on their way to one that was closed, and reach the next. */
MODEL(signal_closed_and_opened_again, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    go(wait_later, NULL);
    go(close_and_open_again, NULL);
    go(raise_in_task, NULL);
    return end_of_one();
}

/* ---- two of them ----------------------------------------------------------------------------- */

static int told;

static int wait_for_heard(void *unused)
{
    const int rc = hark_signal_wait(&heard);

    (void)unused;
    MUST(rc || raised);
    told += rc == 0;
    return rc;
}

static int wait_for_other(void *unused)
{
    stroll();
    const int rc = hark_signal_wait(&other);
    (void)unused;
    MUST(rc || raised);
    told += rc == 0;
    return rc;
}

/* Finds: an occurrence that only one of them sees. */
MODEL(signal_reaches_all_that_are_open, .yields = 1)
{
    int rc = begin(&other);

    if (rc) {
        return rc;
    }
    told = 0;
    go(wait_for_heard, NULL);
    go(wait_for_other, NULL);
    MUST(hark_test_outside(raise_it, NULL) == 0);
    rc = hark_group_close(&group, 0);
    WANT(told == 2);
    MUST(hark_signal_close(&other) == 0);
    close_it();
    empty_the_box();
    MUST(told ? before == 0 : before == raised);
    return rc;
}

/* ---- many occurrences ------------------------------------------------------------------------ */

static int wait_until_all_came(void *unused)
{
    int rc;

    (void)unused;
    do {
        rc = hark_signal_wait(&heard);
        taken += rc == 0;
    } while (rc == 0 && raised < 2);
    return rc;
}

/* Finds: the second of two that is lost while the first is being told. */
MODEL(signal_two_may_be_told_as_one, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    go(wait_until_all_came, NULL);
    MUST(hark_test_outside(raise_two, NULL) == 0);
    rc = end();
    MUST(taken <= raised && taken + before <= 2);
    WANT(taken >= 1);
    return rc;
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void note_call(void *unused)
{
    (void)unused;
    MUST(hark_self() == 0);
    called++;
    taken++;
}

static int unwatch_then_wait(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_unwatch(&watch) == 0);
    stroll();
    return called ? 0 : wait_for(&heard);
}

/* Finds: an occurrence that a callback was to be told of, and that is lost when it is taken back. */
MODEL(signal_callback_against_unwatch, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    rc = hark_signal_watch(&heard, &watch, note_call, NULL);
    WANT(rc == 0);
    if (rc == 0 && go(unwatch_then_wait, NULL) < 0) {
        MUST(hark_unwatch(&watch) == 0);
    }
    MUST(hark_test_outside(raise_it, NULL) == 0);
    const int closed = end_of_one();
    return closed ? closed : rc;
}

static void call_and_close(void *unused)
{
    note_call(unused);
    close_it();
    memset(&watch, 0x55, sizeof watch);
    hark_event_set(&event);
}

static int wait_for_event(void *unused)
{
    (void)unused;
    return hark_event_wait(&event);
}

/* Finds: a callback that is touched after it has ended itself. */
MODEL(signal_callback_closes_its_signal, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    go(wait_for_event, NULL);
    MUST(hark_test_outside(raise_two, NULL) == 0);
    hark_yield();
    rc = hark_signal_watch(&heard, &watch, call_and_close, NULL);
    WANT(rc == 0);
    if (rc) {
        hark_group_cancel(&group);
    }
    const int closed = end();
    MUST(called <= 1 && called + before <= raised + 1);
    return closed ? closed : rc;
}

/* ---- select ---------------------------------------------------------------------------------- */

static int set_event(void *unused)
{
    (void)unused;
    stroll();
    return hark_event_set(&event);
}

static int select_both(void *unused)
{
    hark_case c[] = {hark_on_signal(&heard), hark_on_event(&event)};
    int seen[2] = {0, 0};

    (void)unused;
    while (!seen[0] || !seen[1]) {
        const int which = hark_select(c, seen[1] ? 1 : 2);
        if (which < 0) {
            return which;
        }
        MUST(hark_case_result(&c[which]) == 0);
        seen[which]++;
        taken += which == 0;
    }
    return 0;
}

/* Finds: an occurrence that goes with a case that did not happen; a case that stays where it
 * waited. */
MODEL(signal_in_a_select, .yields = 1)
{
    int rc = begin(NULL);

    if (rc) {
        return rc;
    }
    go(select_both, NULL);
    go(set_event, NULL);
    MUST(hark_test_outside(raise_it, NULL) == 0);
    return end_of_one();
}
