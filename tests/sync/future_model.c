/* SPDX-License-Identifier: MIT
 *
 * future_model.c - futures in every order: send, fail, reset, wait, cancel, deadlines, tasks whose
 * result they are, and waiting for all of several.
 *
 * Idea     Who completes a future writes into a book which round that was; each wait notes the
 *          round in which it began to stand, and must get what completed that very round: its
 *          value, or its code and its words.
 *
 * Rules    1  A wait that ends otherwise than by -ECANCELED has got what its round was completed
 *             with, whatever fault there is.
 *          2  Who completes does so even when it is cancelled itself.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

#define ROUNDS 4

static hark_future future;
static int rounds;           /* completed until now */
static int outcomes[ROUNDS]; /* the value, > 0, or the code */
static int got, cut;

/* Of `first`: does it stand there, since which round, and how must it end? */
static struct {
    bool stands;
    int number;
    enum { OPEN, MUST_GET, MUST_BE_CUT } due;
} book;

static void begin(void)
{
    memset(&future, 0, sizeof future);
    memset(outcomes, 0, sizeof outcomes);
    rounds = got = cut = 0;
    memset(&book, 0, sizeof book);
    open_stage();
}

static bool complete(int outcome)
{
    bool was_ready = hark_future_ready(&future);
    int rc = outcome > 0 ? hark_future_send(&future, (void *)(intptr_t)outcome)
                         : hark_future_fail(&future, outcome, "round %d", rounds);

    MUST(rc == (was_ready ? -EALREADY : 0));
    MUST(hark_future_ready(&future));
    if (rc == 0) {
        MUST(rounds < ROUNDS);
        outcomes[rounds++] = outcome;
    }
    return rc == 0;
}

/* What round `number` was completed with: is it this? The words of -ENOMEM are not waited for. */
static bool is_outcome(int number, int rc, const void *value)
{
    char words[24];

    if (number >= rounds || rc != (outcomes[number] > 0 ? 0 : outcomes[number])) {
        return false;
    }
    snprintf(words, sizeof words, "round %d", number);
    return rc == 0 ? (int)(intptr_t)value == outcomes[number]
                   : hark_test_disturbed() || strstr(hark_error_last(), words) != NULL;
}

static int listen_once(void)
{
    static char untouched;
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_ready = hark_future_ready(&future);
    int number = was_ready ? rounds - 1 : rounds;
    bool is_first = hark_self() == first;
    void *value = &untouched;

    if (is_first) {
        book.stands = !was_cancelled && !was_ready;
        book.number = number;
    }
    int rc = hark_future_wait(&future, &value);
    if (is_first) {
        book.stands = false;
        WANT(book.due == OPEN || (book.due == MUST_BE_CUT) == (rc == -ECANCELED));
    }

    if (was_cancelled) {
        MUST(rc == -ECANCELED);
    }
    MUST(rc == 0 || value == &untouched);
    MUST(rc == -ECANCELED || is_outcome(number, rc, value));
    got += rc != -ECANCELED;
    cut += rc == -ECANCELED;
    return rc == -ECANCELED ? rc : 0;
}

static int hear(void *unused)
{
    (void)unused;
    return listen_once();
}

static int hear_later(void *unused)
{
    (void)unused;
    stroll();
    return listen_once();
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    bool was_ready = hark_future_ready(&future);
    if (book.stands) {
        book.due = rounds > book.number ? MUST_GET : MUST_BE_CUT;
    }
    hark_task_cancel(first);
    MUST(hark_future_ready(&future) == was_ready); /* it is the waiter's cancel, not the future's */
    return 0;
}

/* ---- one outcome ----------------------------------------------------------------------------- */

static int completions;

static int complete_later(void *outcome)
{
    stroll();
    completions += complete((int)(intptr_t)outcome);
    return 0;
}

/* Finds: two who complete it and both are told that they did; a waiter that gets the second's. */
MODEL(future_sent_against_failed)
{
    begin();
    completions = 0;
    go(hear, NULL);
    go(hear_later, NULL);
    go(complete_later, (void *)7);
    go(complete_later, (void *)-EIO);
    int rc = hark_group_close(&group, 0);
    WANT(completions == 1 && got == 2 && cut == 0);
    return rc;
}

/* Finds: a waiter that its cancel leaves in the list, or that hears it after it was given the
 * value; a cancel that ends the future for the others. */
MODEL(future_cancel_leaves_it_alone)
{
    begin();
    completions = 0;
    first = go(hear, NULL);
    go(hear_later, NULL);
    go(complete_later, (void *)7);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(completions == 1 && got + cut == 2 && cut <= 1);
    return rc;
}

/* ---- reset and completed anew ---------------------------------------------------------------- */

/* Nobody stands there when it is ready. */
static void reset(void)
{
    MUST(hark_future_ready(&future));
    MUST(hark_future_reset(&future) == 0);
    MUST(!hark_future_ready(&future));
}

static int complete_thrice(void *unused)
{
    (void)unused;
    stroll();
    complete(7);
    reset();
    complete(8);
    hark_yield();
    reset();
    complete(9);
    return 0;
}

/* Finds: a woken waiter that reads what the future holds by then. */
MODEL(future_resent_before_the_woken_run)
{
    begin();
    go(hear, NULL);
    go(hear_later, NULL);
    go(hear, NULL);
    go(complete_thrice, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(got == 3);
    return rc;
}

static int fail_then_send(void *unused)
{
    (void)unused;
    stroll();
    complete(-EIO);
    /* Looked at, so that nothing need be reported when it is reset. */
    if (hark_future_wait(&future, NULL) == -EIO) {
        reset();
        complete(hark_test_choose(2) ? 8 : -EPIPE);
    }
    return 0;
}

/* Finds: a code or words that are read late; the words of another failure. */
MODEL(future_failed_then_completed_anew)
{
    begin();
    first = go(hear, NULL);
    go(hear_later, NULL);
    go(fail_then_send, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(got + cut == 2 && cut <= 1);
    return rc;
}

static int standing;

static int hear_counted(void *unused)
{
    (void)unused;
    bool stands = hark_checkpoint() == 0 && !hark_future_ready(&future);
    int number = rounds;
    standing += stands;
    int rc = listen_once();
    if (stands && rounds == number) {
        standing--; /* cancelled: nobody has released it */
    }
    return rc;
}

static void complete_and_release(int outcome)
{
    if (complete(outcome)) {
        standing = 0;
    }
}

static int complete_twice(void *unused)
{
    (void)unused;
    stroll();
    complete_and_release(7);
    hark_yield();
    complete_and_release(8);
    return 0;
}

/* Who resets it sees to it that it is completed again. */
static int reset_later(void *unused)
{
    (void)unused;
    stroll();
    bool was_ready = hark_future_ready(&future);
    int rc = hark_future_reset(&future);
    MUST(was_ready ? rc == 0 : rc == -EINVAL || rc == -EBUSY);
    WANT(was_ready || (rc == -EBUSY) == (standing > 0));
    MUST(!hark_future_ready(&future));
    if (rc == 0) {
        hark_yield();
        complete_and_release(9);
    }
    return 0;
}

/* Finds: a reset under those who wait; one that forgets that it was ready; a value that stays. */
MODEL(future_reset_against_wait_and_send)
{
    begin();
    standing = 0;
    go(hear_counted, NULL);
    go(hear_counted, NULL);
    go(reset_later, NULL);
    go(complete_twice, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(got == 2);
    return rc;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int timeouts;

static int hear_impatiently(void *unused)
{
    int64_t deadline = hark_now() + HARK_MS(1), rc = hark_within(HARK_MS(1), listen_once());

    (void)unused;
    MUST(rc != -ETIMEDOUT || hark_now() >= deadline);
    timeouts += rc == -ETIMEDOUT;
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* Completed, reset and completed again in one instant, which may be the deadline. */
static int complete_in_time(void *unused)
{
    (void)unused;
    hark_sleep(HARK_MS(1 + hark_test_choose(2)));
    complete(7);
    reset();
    complete(8);
    return 0;
}

/* Finds: a deadline that takes back what was given in its instant; a value of another round. */
MODEL(future_completed_against_deadline)
{
    begin();
    timeouts = 0;
    go(hear_impatiently, NULL);
    go(hear_impatiently, NULL);
    go(complete_in_time, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(got + timeouts == 2 && cut == timeouts);
    return rc;
}

/* ---- the result of a task -------------------------------------------------------------------- */

static hark_future *result_of; /* the task's */
static int task_rc;            /* what it has returned; 1: not yet */

static int work(void *unused)
{
    (void)unused;
    int rc = hark_yield();
    if (rc == 0) {
        rc = hark_test_choose(2) ? 7 : hark_fail(-EPIPE, "the work");
    }
    return task_rc = rc;
}

static int hear_result(void *unused)
{
    (void)unused;
    void *value = NULL;
    int rc = hark_future_wait(result_of, &value);
    if (rc == -ECANCELED) {
        cut++;
        return rc;
    }
    got++;
    MUST(task_rc != 1);
    MUST(rc == (task_rc == -ECANCELED ? -EOWNERDEAD : task_rc < 0 ? task_rc : 0));
    MUST(rc || (intptr_t)value == task_rc);
    MUST(rc != -EPIPE || hark_test_disturbed() || strstr(hark_error_last(), "the work"));
    return 0;
}

/* Finds: a task whose end leaves the waiters of its result behind, when it was cancelled or has
 * failed; a failure that is also the group's; a result before there is one. */
MODEL(future_of_a_task_against_cancel)
{
    begin();
    task_rc = 1;
    result_of = &future;
    first = hark_go_future(&group, &future, work, NULL);
    WANT(first > 0);
    if (first > 0) {
        go(hear_result, NULL);
        go(hear_result, NULL);
        go(cancel_first, NULL);
    }
    int rc = hark_group_close(&group, 0);
    WANT(got == 2 && cut == 0);
    MUST(hark_future_ready(&future) == (first > 0));
    return rc;
}

/* ---- all of several -------------------------------------------------------------------------- */

static hark_future three[3];
static hark_future *const all[3] = {&three[0], &three[1], &three[2]};

static int complete_one(void *number)
{
    int i = (int)(intptr_t)number;

    stroll();
    MUST((i ? hark_future_fail(&three[i], -EIO - i, "number %d", i)
            : hark_future_send(&three[i], NULL)) == 0);
    return 0;
}

static int wait_for_all(void *unused)
{
    (void)unused;
    int rc = hark_wait_all(all, 3);
    if (rc == -ECANCELED) {
        cut++;
        return rc;
    }
    got++;
    for (int i = 0; i < 3; i++) {
        MUST(hark_future_ready(&three[i]));
    }
    MUST(rc == -EIO - 1); /* the first by index, not in time */
    WANT(strstr(hark_error_last(), "number 1") != NULL);
    return 0;
}

/* Finds: one that comes back before all are ready, or never; with another failure than the first by
 * index; a cancelled one that still stands somewhere. */
MODEL(future_wait_all_in_any_order, .yields = 1)
{
    begin();
    memset(three, 0, sizeof three);
    first = go(wait_for_all, NULL);
    for (intptr_t i = 0; i < 3; i++) {
        if (go(complete_one, (void *)i) < 0) {
            break;
        }
    }
    if (hark_test_choose(2)) {
        go(cancel_first, NULL);
    }
    int rc = hark_group_close(&group, 0);
    WANT(got + cut == 1);
    return rc;
}

/* ---- watches --------------------------------------------------------------------------------- */

static hark_watch watch;
static int called, seen_round;

/* Armed anew while it is ready, it is called soon; and no more after that. */
static void note(void *unused)
{
    (void)unused;
    MUST(rounds > 0);
    if (++called == 1) {
        seen_round = rounds;
        MUST(hark_future_watch(&future, &watch, note, NULL) == 0 || hark_test_disturbed());
    }
}

/* Finds: a watch that is called twice for one outcome, or never; that cannot be armed from
 * within. */
MODEL(future_watch_armed_from_within, .yields = 1)
{
    begin();
    called = 0;
    watch = (hark_watch)HARK_WATCH_INIT;
    int armed = hark_future_watch(&future, &watch, note, NULL);
    WANT(armed == 0);
    go(hear_later, NULL);
    go(hear, NULL);
    go(complete_thrice, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(called <= 2);
    for (int i = 0; i < 4 && armed == 0 && called < 2; i++) {
        hark_yield();
    }
    if (hark_unwatch(&watch) == 0) {
        called++; /* its turn had not come */
    }
    WANT(called == 2 && got == 2);
    return rc;
}
