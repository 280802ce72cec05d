/* SPDX-License-Identifier: MIT
 *
 * event_model.c - events in every order: set, wait, cancel, deadlines, watches, other threads.
 *
 * Idea     One book for all models: who sets counts how many stood there, who cancels counts how
 *          many that took away, and who waits tells how it ended. What was given is what was got:
 *
 *              released == stood    who stood there when it was set hears 0, whatever comes then;
 *                                   and nobody else who had to wait does
 *              cut == left          who hears -ECANCELED had not been released
 *
 * Rules    1  The first holds whatever fault there is; the second only undisturbed, for faults
 *             cancel without writing it down.
 *          2  Who sets does so even when it is cancelled itself: else others would wait for ever.
 * Not here Order among tasks that are woken: in a search any of them may be next, so that is for
 *          event_test.c. Callbacks keep their order.
 */
#include <hark.h>
#include <string.h>

#include "core/core.h"
#include "stage.h"

static hark_event event;
static hark_task second;
static int stood, released, left, cut, passed;

static int waiting(void)
{
    return hark_event_statistics(&event).tasks_waiting;
}

static void begin(void)
{
    memset(&event, 0, sizeof event);
    second = 0;
    stood = released = left = cut = passed = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(released == stood);
    WANT(cut == left);
    MUST(waiting() == 0);
    return rc;
}

static int listen_once(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_set = hark_event_is_set(&event);
    int rc = hark_event_wait(&event);

    MUST(rc == (was_cancelled ? -ECANCELED : was_set ? 0 : rc));
    MUST(rc == 0 || rc == -ECANCELED);
    MUST(rc != 0 || hark_event_is_set(&event));
    passed += rc == 0 && was_set;
    released += rc == 0 && !was_set;
    cut += rc != 0 && !was_cancelled;
    return rc;
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

static void set(void)
{
    stood += hark_event_is_set(&event) ? 0 : waiting();
    MUST(hark_event_set(&event) == 0);
    MUST(hark_event_is_set(&event) && waiting() == 0);
}

static int set_later(void *unused)
{
    (void)unused;
    stroll();
    set();
    return 0;
}

/* `victim` may be gone, or not there at all. */
static void cancel(hark_task victim)
{
    int before = waiting();

    hark_task_cancel(victim);
    left += before - waiting();
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    cancel(first);
    return 0;
}

/* Finds: a set that misses one of them; one set twice that gives what it has not. */
MODEL(event_reaches_all_who_wait)
{
    begin();
    go(hear, NULL);
    go(hear_later, NULL);
    go(set_later, NULL);
    go(set_later, NULL);
    int rc = end();
    WANT(released + passed == 2);
    return rc;
}

/* Finds: a cancelled waiter that stays in the list; a set that stops at, or skips behind, one that
 * was cancelled; a wake-up that a later cancel takes back. */
MODEL(event_set_against_cancel_of_one)
{
    begin();
    first = go(hear, NULL);
    go(hear, NULL);
    go(hear_later, NULL);
    go(set_later, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(released + passed + cut >= 2 && cut <= 1);
    return rc;
}

/* Nobody runs in between: who acts first decides for each of the waiters. */
static int set_and_cancel(void *unused)
{
    bool set_first = hark_test_choose(2);
    hark_task victim = hark_test_choose(2) ? first : second;

    (void)unused;
    stroll();
    if (set_first) {
        set();
    }
    cancel(victim);
    set();
    return 0;
}

/* Finds: a cancel that takes a wake-up back in the turn it was given; a task made ready twice. */
MODEL(event_set_and_cancel_in_one_turn)
{
    begin();
    first = go(hear, NULL);
    second = go(hear_later, NULL);
    go(hear, NULL);
    go(set_and_cancel, NULL);
    return end();
}

/* ---- deadlines ------------------------------------------------------------------------------- */

#define SHORT HARK_MS(1)
#define LONG  HARK_MS(2)

static int timeouts;

/* Impatient first: it stands there again in the same frame that it has just left. */
static int hear_impatiently(void *unused)
{
    int64_t deadline = hark_now() + SHORT;
    int64_t rc = hark_within(SHORT, listen_once());

    (void)unused;
    if (rc == -ETIMEDOUT) {
        MUST(hark_now() >= deadline);
        timeouts++;
        rc = listen_once();
    }
    MUST(rc == 0 || rc == -ECANCELED || rc == -ENOMEM);
    return (int)rc;
}

static int set_in_time(void *unused)
{
    (void)unused;
    int64_t until = hark_now() + (hark_test_choose(2) ? LONG : SHORT);
    MUST(hark_sleep_until(until) != 0 || hark_now() >= until);
    set();
    return 0;
}

/* Finds: a deadline that is not armed or stays armed, a waiter that its deadline leaves in the
 * list, a wake-up that the deadline takes back. */
MODEL(event_set_against_deadline)
{
    begin();
    timeouts = 0;
    go(hear_impatiently, NULL);
    go(hear_impatiently, NULL);
    go(set_in_time, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(released == stood);
    WANT(cut == timeouts && released + passed == 2);
    return rc;
}

/* ---- a scope around the wait ----------------------------------------------------------------- */

static hark_scope scope;

static int hear_in_scope(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    int rc = listen_once();
    bool asked = hark_scope_cancelled(&scope);
    int64_t verdict = hark_scope_close(&scope, rc);
    MUST(rc != 0 || (verdict == 0 && !hark_scope_caught(&scope)));
    WANT(verdict == 0 && hark_scope_caught(&scope) == (rc != 0));
    WANT(rc == 0 || asked);
    rc = listen_once();
    WANT(rc == 0);
    return 0;
}

static int cancel_scope(void *unused)
{
    (void)unused;
    stroll();
    int before = waiting();
    hark_scope_cancel(&scope); /* -EINVAL: not yet, or no longer, open */
    left += before - waiting();
    return 0;
}

/* Finds: a scope's cancel that is still felt outside of it, or not inside; a cancel that comes too
 * late and counts. */
MODEL(event_scope_cancelled_against_set)
{
    memset(&scope, 0, sizeof scope);
    begin();
    go(hear_in_scope, NULL);
    go(hear, NULL);
    go(set_later, NULL);
    go(cancel_scope, NULL);
    return end();
}

/* ---- watches --------------------------------------------------------------------------------- */

static hark_watch watch, other_watch;
static int called, other_called;

static void note(void *counter)
{
    MUST(hark_event_is_set(&event) && hark_self() == 0);
    ++*(int *)counter;
}

static int take_back(void *unused)
{
    (void)unused;
    stroll();
    int before = called, rc = hark_unwatch(&watch);
    MUST(rc == 0 || (rc == -ESRCH && before == 1));
    hark_yield();
    hark_yield();
    MUST(called == before && before == (rc ? 1 : 0));
    return 0;
}

/* Finds: a callback that runs though it was taken back, or twice, or not; one that is taken out
 * along with it. */
MODEL(event_watch_against_unwatch, .yields = 2)
{
    watch = other_watch = (hark_watch)HARK_WATCH_INIT;
    called = other_called = 0;
    begin();
    int armed = hark_event_watch(&event, &watch, note, &called);
    int other_armed = hark_event_watch(&event, &other_watch, note, &other_called);
    WANT(armed == 0 && other_armed == 0);
    go(hear, NULL);
    if (armed == 0) {
        go(take_back, NULL);
    }
    go(set_later, NULL);
    int rc = end();
    hark_unwatch(&watch);
    if (hark_unwatch(&other_watch) == 0) {
        other_called++; /* it had not been its turn yet */
    }
    WANT(other_called == 1);
    return rc;
}

/* ---- watches in order ------------------------------------------------------------------------ */

static hark_watch three[3];
static int order[3], ordered;
static int three_armed[4], three_count; /* as they were armed */

static void note_order(void *which)
{
    MUST(ordered < 3);
    order[ordered++] = (int)(intptr_t)which;
}

static int arm(void *which)
{
    int i = (int)(intptr_t)which, rc;

    stroll();
    rc = hark_event_watch(&event, &three[i], note_order, which);
    MUST(rc == 0 || rc == -ENOMEM);
    WANT(rc == 0);
    three_armed[rc ? 3 : three_count++] = i;
    return 0;
}

/* Finds: a set that calls the last one first, or misses it; one armed late that comes too early. */
MODEL(event_watches_are_called_in_order)
{
    memset(three, 0, sizeof three);
    ordered = three_count = 0;
    begin();
    for (intptr_t i = 0; i < 3; i++) {
        go(arm, (void *)i);
    }
    go(set_later, NULL);
    int rc = end();
    for (int i = 0; i < 4 && ordered < three_count; i++) {
        hark_yield();
    }
    for (int i = 0; i < ordered; i++) {
        MUST(order[i] == three_armed[i]);
    }
    for (int i = ordered; i < three_count; i++) {
        MUST(hark_unwatch(&three[three_armed[i]]) == 0); /* cancelled, we cannot await it */
    }
    WANT(ordered == 3);
    return rc;
}

/* ---- gone and used again --------------------------------------------------------------------- */

static int use_anew(void *unused)
{
    (void)unused;
    stroll();
    cancel(first);
    cancel(second);
    MUST(waiting() == 0);
    memset(&event, 0xa5, sizeof event); /* nobody stands there: it may go */
    MUST(hark_event_init(&event) == 0);
    go(hear, NULL);
    stroll();
    set();
    return 0;
}

/* Finds: whoever was cancelled and is still known to what it waited for. */
MODEL(event_memory_is_free_after_cancel)
{
    begin();
    first = go(hear, NULL);
    second = go(hear_later, NULL);
    go(use_anew, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(waiting() == 0);
    return rc;
}

/* ---- another thread -------------------------------------------------------------------------- */

static hark_loop *loop;
static hark_watch posts[2];
static int post_count;
static int post_order[2];

static void arrive(void *number)
{
    MUST(post_count < 2);
    post_order[post_count++] = (int)(intptr_t)number;
    if (post_count == 2) {
        set();
    }
}

static void post(void *number)
{
    MUST(waiting() == 0 || hark_event_set(&event) == -EXDEV); /* not from here: it is the loop's */
    hark__inbox_post(loop->inbox, &posts[(intptr_t)number]);
}

/* One thread posts both, the second after the first. */
static void post_both(void *unused)
{
    (void)unused;
    post((void *)0);
    post((void *)1);
}

/* Finds: a post that is lost, or runs twice, or before one that came earlier; a set that does not
 * reach who waits when it comes from no task. */
MODEL(event_set_by_a_post)
{
    begin();
    loop = hark__here;
    post_count = 0;
    for (intptr_t i = 0; i < 2; i++) {
        posts[i] = (hark_watch){.fn = arrive, .arg = (void *)i};
    }
    int error = hark__inbox_open(loop);
    WANT(error == 0);
    if (error || hark_test_outside(post_both, NULL)) {
        set();
    }
    go(hear, NULL);
    go(hear_later, NULL);
    int rc = end();
    WANT(released + passed == 2);
    WANT(post_count == 2 && post_order[0] == 0 && post_order[1] == 1);
    return error ? error : rc;
}
