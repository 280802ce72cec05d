/* SPDX-License-Identifier: MIT
 *
 * scope_model.c - cancel scopes and their deadlines, in every order.
 *
 * Idea     What a scope answers depends on what had reached it, and when. So each model keeps its
 *          own account of that in plain variables, written in the same step as the call that they
 *          describe, and compares.
 * Rules    1  Instants are small numbers of nanoseconds: the clock is virtual.
 *          2  Whoever others wait for does its work also when it was cancelled.
 *          3  In WANT nothing is done, only looked at: it is not evaluated under a fault.
 * Not here What a cancellation of a group does (group_model.c), of a task (task_model.c).
 */
#include "model.h"

static hark_group group;
static hark_scope outer, inner;
static hark_event event, never;
static struct {
    bool cancelled, inner_cancelled; /* by the actors, of the outer and the inner scope */
    bool open;                       /* the shield was taken down, and is not up again */
    bool hit;                        /* a cancellation could get in */
    bool given;                      /* the event found somebody who waited */
    int64_t from, deadline, late;    /* instants */
    int64_t at;                      /* when the event was set, or the scope cancelled */
    int acted, waited;               /* results */
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.from = hark_now();
    s.at = HARK_FOREVER;
    s.acted = s.waited = 1;
    hark_event_init(&event);
    hark_event_init(&never);
    MUST(hark_group_open(&group) == 0);
}

/* One task more; if there is no memory for it, its work is done here and now. */
static void go(hark_fn *fn)
{
    if (hark_go(&group, fn, NULL) < 0) {
        WANT(false);
        fn(NULL);
    }
}

/* Any number of steps long: time goes on between any two of them. */
static int linger(void)
{
    return hark_sleep(1 + hark_test_choose(3));
}

static void set_event(void)
{
    s.given = s.given || hark_event_statistics(&event).tasks_waiting > 0;
    s.at = hark_now();
    hark_event_set(&event);
}

static int setter_at(void *unused)
{
    (void)unused;
    hark_sleep_until(s.late);
    if (hark_test_choose(2)) {
        linger();
    }
    set_event();
    return 0;
}

static int closed(int64_t result)
{
    const int rc = hark_group_close(&group, 0);
    return result < 0 && hark_test_disturbed() ? (int)result : rc;
}

/* ---- deadline, completion, shield ------------------------------------------------------------ */

/* Would find: a shield that lets a deadline in; a body that ended well made a time-out. */
MODEL(scope_deadline_completion_shield)
{
    begin();
    s.late = s.from + 5 + 5 * hark_test_choose(3);
    go(setter_at);
    const int64_t opened = hark_now();
    MUST(hark_scope_open(&outer, 10) == 0);
    MUST(hark_scope_open(&inner, HARK_FOREVER) == 0);
    const int early = hark_checkpoint();
    hark_scope_shield(&inner, true);
    MUST(linger() == 0);
    MUST(hark_event_wait(&event) == 0);
    MUST(hark_event_is_set(&event));
    MUST(hark_scope_close(&inner, early) == early);
    MUST(!hark_scope_caught(&inner));

    const int rc = hark_checkpoint();
    const bool passed = hark_now() >= opened + 10;
    WANT(rc == 0 || passed);
    MUST(hark_scope_cancelled(&outer) == passed);
    const int64_t result = hark_scope_close(&outer, rc);
    WANT(result == (rc ? -ETIMEDOUT : 0));
    MUST(hark_scope_caught(&outer) == (result == -ETIMEDOUT));
    WANT(hark_checkpoint() == 0);
    return closed(result);
}

/* Would find: a cancellation that takes a wake-up back; a deadline that is early, or lost. */
MODEL(scope_deadline_against_wakeup)
{
    begin();
    s.late = s.from + 5 + 5 * hark_test_choose(3);
    go(setter_at);
    MUST(hark_scope_open(&outer, 10) == 0);
    const int rc = hark_event_wait(&event);
    MUST(rc == 0 || rc == -ECANCELED);
    WANT(rc == 0 || hark_now() >= s.from + 10);
    MUST(!s.given || rc == 0);
    WANT(s.given == (rc == 0));
    WANT(s.at >= s.from + 10 || rc == 0);
    WANT(s.late != s.from + 15 || rc != 0);
    const int64_t result = hark_scope_close(&outer, rc);
    MUST(rc != 0 || result == 0);
    WANT(rc == 0 || result == -ETIMEDOUT);
    WANT(hark_checkpoint() == 0);
    return closed(result);
}

/* ---- moving a deadline ----------------------------------------------------------------------- */

/* To 5, 10, 20, into the past, or for ever and then 20 again. */
static int mover(void *unused)
{
    static const int64_t to[] = {5, 10, 20, -1, 0};
    const int which = hark_test_choose(5);

    (void)unused;
    linger();
    if (hark_scope_cancelled(&outer)) {
        MUST(hark_now() >= s.deadline);
        return 0;
    }
    if (which == 4) {
        s.acted = hark_scope_set_deadline(&outer, HARK_FOREVER);
        MUST(s.acted == 0 || s.acted == -EINVAL);
        WANT(s.acted == 0);
        s.deadline = HARK_FOREVER;
        linger();
    }
    s.deadline = s.from + (to[which] ? to[which] : 20);
    s.acted = hark_scope_set_deadline(&outer, s.deadline);
    MUST(s.acted == 0 || s.acted == -EINVAL);
    WANT(s.acted == 0);
    MUST(hark_now() < s.deadline || hark_event_statistics(&never).tasks_waiting == 0);
    MUST(s.acted || hark_scope_cancelled(&outer) == (hark_now() >= s.deadline));
    return 0;
}

/* Would find: a deadline set anew that is not armed, or the old one left standing. */
MODEL(scope_deadline_moved)
{
    begin();
    s.deadline = s.from + 10;
    MUST(hark_scope_open(&outer, 10) == 0);
    go(mover);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    WANT(hark_scope_cancelled(&outer));
    WANT(s.deadline != HARK_FOREVER && hark_now() >= s.deadline);
    const int64_t result = hark_scope_close(&outer, rc);
    WANT(result == -ETIMEDOUT && hark_scope_caught(&outer));
    return closed(result);
}

/* ---- the first reason ------------------------------------------------------------------------ */

static int canceller_at(void *unused)
{
    (void)unused;
    int rc = hark_sleep_until(s.late);
    if (rc == 0 && hark_test_choose(2)) {
        rc = linger();
    }
    if (rc == 0) {
        s.at = hark_now();
        s.acted = hark_scope_cancel(&outer);
        hark_scope_cancel(&outer);
    }
    return 0;
}

/* Would find: a deadline that makes an earlier cancel a time-out, or a cancel that hides one. */
MODEL(scope_cancel_against_deadline)
{
    begin();
    const int when = hark_test_choose(3);
    s.late = s.from + 5 + 5 * when;
    go(canceller_at);
    MUST(hark_scope_open(&outer, 10) == 0);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    const int64_t result = hark_scope_close(&outer, rc);
    WANT(result == 0 || result == -ETIMEDOUT);
    MUST(result != -ETIMEDOUT || hark_now() >= s.from + 10);
    WANT(s.at >= s.from + 10 || result == 0);
    WANT(when != 2 || result == -ETIMEDOUT);
    WANT(s.acted == 0 || result == -ETIMEDOUT);
    MUST(hark_scope_caught(&outer) == (result != -ECANCELED));
    WANT(hark_checkpoint() == 0);
    return closed(result);
}

/* Two deadlines, one inside the other. Would find: the inner scope catching what came from the
 * outer one, or the outer one what it has not caused. */
MODEL(scope_deadline_in_deadline)
{
    begin();
    const int64_t first = 5 + 5 * hark_test_choose(3);
    s.late = s.from + 7;
    go(setter_at);
    MUST(hark_scope_open(&outer, 10) == 0);
    MUST(hark_scope_open(&inner, first) == 0);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    const int64_t inside = hark_scope_close(&inner, rc);
    const int rest = hark_checkpoint();
    MUST(inside == -ETIMEDOUT || inside == -ECANCELED);
    MUST(inside != -ETIMEDOUT || hark_now() >= s.from + first);
    MUST(hark_scope_caught(&inner) == (inside == -ETIMEDOUT));
    MUST((inside == -ECANCELED) == (rest == -ECANCELED));
    WANT(rest == 0 || hark_now() >= s.from + 10);
    WANT(first != 15 || inside == -ECANCELED);
    const int64_t result = hark_scope_close(&outer, rest);
    WANT(result == (rest ? -ETIMEDOUT : 0));
    return closed(result);
}

/* ---- who catches ----------------------------------------------------------------------------- */

static int outer_canceller(void *unused)
{
    (void)unused;
    linger();
    s.acted = hark_scope_cancel(&outer);
    s.cancelled = s.acted == 0;
    return 0;
}

static int inner_canceller(void *unused)
{
    (void)unused;
    linger();
    s.inner_cancelled = hark_scope_cancel(&inner) == 0;
    return 0;
}

static void shielded_pause(void)
{
    hark_scope scope;

    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    MUST(linger() == 0);
    hark_scope_close(&scope, 0);
}

/* The inner scope catches unless the outer one was cancelled before it closes, or it keeps that
 * out. Would find: a scope that catches what came from outside. */
MODEL(scope_inner_against_outer_cancel)
{
    begin();
    const bool shielded = hark_test_choose(2);
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    MUST(hark_scope_open(&inner, HARK_FOREVER) == 0);
    hark_scope_shield(&inner, shielded);
    go(outer_canceller);
    go(inner_canceller);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    MUST(!shielded || s.inner_cancelled);
    shielded_pause();
    WANT(shielded ? s.inner_cancelled : s.inner_cancelled || s.cancelled);
    const bool from_outside = s.cancelled && !shielded;
    const int64_t inside = hark_scope_close(&inner, rc);
    MUST(inside == 0 || inside == -ECANCELED);
    WANT(inside == (from_outside ? -ECANCELED : 0));
    MUST(hark_scope_caught(&inner) == (inside == 0));
    const int rest = hark_checkpoint();
    MUST(inside == 0 || rest == -ECANCELED);
    WANT(rest == (s.cancelled ? -ECANCELED : 0));
    const int64_t result = hark_scope_close(&outer, rest);
    WANT(result == 0 && hark_scope_caught(&outer) == (rest != 0));
    WANT(hark_checkpoint() == 0);
    return closed(result);
}

/* ---- shields that go down -------------------------------------------------------------------- */

static int shield_canceller(void *unused)
{
    outer_canceller(unused);
    s.hit = s.hit || s.open;
    return 0;
}

static int unshielder(void *unused)
{
    (void)unused;
    linger();
    s.open = true;
    s.hit = s.hit || s.cancelled;
    hark_scope_shield(&inner, false);
    linger();
    s.open = false;
    hark_scope_shield(&inner, true);
    linger();
    set_event();
    return 0;
}

/* Would find: a shield that goes down and does not let in what waits outside; one that comes too
 * late and takes back what was let in. */
MODEL(scope_unshield_while_cancelled)
{
    begin();
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    MUST(hark_scope_open(&inner, HARK_FOREVER) == 0);
    hark_scope_shield(&inner, true);
    go(shield_canceller);
    go(unshielder);
    const int rc = hark_event_wait(&event);
    MUST(rc == 0 || rc == -ECANCELED);
    WANT((rc == -ECANCELED) == s.hit);
    MUST(!s.given || rc == 0);
    WANT(hark_checkpoint() == (s.open && s.cancelled ? -ECANCELED : 0));
    const int64_t inside = hark_scope_close(&inner, rc);
    MUST(inside == rc && !hark_scope_caught(&inner));
    const int rest = hark_checkpoint();
    WANT(rest == (s.cancelled ? -ECANCELED : 0));
    const int64_t result = hark_scope_close(&outer, rest);
    WANT(result == 0);
    return closed(result);
}

/* ---- cleaning up ----------------------------------------------------------------------------- */

/* Cancelled, it cleans up with 10 ns for that. */
static int cleaner(void *unused)
{
    hark_scope scope;

    (void)unused;
    s.waited = hark_event_wait(&never);
    MUST(s.waited == -ECANCELED);
    const int64_t until = hark_now() + 10;
    MUST(hark_scope_open(&scope, 10) == 0);
    hark_scope_shield(&scope, true);
    const bool was_set = hark_event_is_set(&event);
    const int rc = hark_event_wait(&event);
    MUST(rc == (was_set || s.given ? 0 : -ECANCELED));
    MUST(rc == 0 || hark_now() >= until);
    MUST(hark_scope_close(&scope, rc) == (rc ? -ETIMEDOUT : 0));
    MUST(hark_checkpoint() == -ECANCELED);
    MUST(hark_yield() == -ECANCELED);
    s.hit = true;
    return s.waited;
}

/* Would find: a shielded scope whose own deadline does not count, or that ends the cancellation
 * around it. */
MODEL(scope_cleanup_in_a_shield)
{
    begin();
    s.late = s.from + 5 + 5 * hark_test_choose(3);
    go(setter_at);
    const bool cleans = hark_go(&group, cleaner, NULL) > 0;
    WANT(cleans);
    linger();
    hark_group_cancel(&group);
    const int rc = hark_checkpoint();
    MUST(rc == -ECANCELED);
    const int result = hark_group_close(&group, rc);
    MUST(s.hit == cleans);
    WANT(result == 0);
    return result;
}

/* ---- closing out of order -------------------------------------------------------------------- */

static int sleeper(void *unused)
{
    (void)unused;
    s.waited = hark_event_wait(&never);
    return s.waited;
}

/* What was opened inside is cancelled, and can be closed; closing again in place is silent. Would
 * find: a chain that is broken, a child left behind, a cancellation that stays. */
MODEL(scope_closed_out_of_order)
{
    hark_group inside;

    begin();
    MUST(hark_scope_open(&outer, 10) == 0);
    MUST(hark_group_open(&inside) == 0);
    MUST(hark_scope_open(&inner, 10) == 0);
    go(outer_canceller);
    const bool sleeps = hark_go(&inside, sleeper, NULL) > 0;
    WANT(sleeps);
    linger();
    const bool before = s.acted <= 0;
    MUST(hark_scope_close(&outer, 7) == -EINVAL);
    MUST(hark_scope_cancelled(&inner));
    MUST(hark_checkpoint() == -ECANCELED);
    shielded_pause();
    /* The group around is cancelled, too. */
    MUST(hark_scope_close(&inner, -ECANCELED) == -ECANCELED);
    MUST(hark_checkpoint() == -ECANCELED);
    const int result = hark_group_close(&inside, -ECANCELED);
    WANT(result == 0);
    MUST(s.waited == (sleeps ? -ECANCELED : 1));
    MUST(hark_scope_close(&outer, 7) == 7);
    MUST(hark_scope_close(&outer, 7) == -EINVAL);
    WANT(hark_checkpoint() == 0);
    WANT(!before || s.acted == 0);
    const int rc = closed(result);
    WANT(s.acted == (s.cancelled ? 0 : -EINVAL));
    return rc;
}

/* ---- hark_within ----------------------------------------------------------------------------- */

/* Would find: a scope of hark_within that catches what came from outside, is not given back, or
 * makes a time-out of what has happened. */
MODEL(within_against_completion_against_cancel)
{
    begin();
    s.late = s.from + 5 + 5 * hark_test_choose(3);
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    go(setter_at);
    go(outer_canceller);
    const bool was_set = hark_event_is_set(&event);
    const int64_t rc = hark_within(10, hark_event_wait(&event));
    const bool cancelled = s.cancelled;
    MUST(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || hark_test_disturbed());
    MUST(!s.given || rc == 0);
    WANT((rc == 0) == (s.given || was_set));
    WANT(rc != -ECANCELED || cancelled);
    MUST(rc != -ETIMEDOUT || (!cancelled && hark_now() >= s.from + 10));
    WANT(hark_checkpoint() == (cancelled ? -ECANCELED : 0));
    const int64_t result = hark_scope_close(&outer, rc);
    WANT(result == (rc == -ECANCELED ? 0 : rc));
    return closed(result == -ETIMEDOUT ? 0 : result);
}

/* One inside the other, and one left by a jump. */
static int64_t two_calls(void)
{
    const int64_t rc = hark_within(5, hark_event_wait(&never));
    MUST(rc != 0);
    WANT(rc == -ETIMEDOUT || (rc == -ECANCELED && hark_now() >= s.from + 10));
    if (rc == -ETIMEDOUT) {
        return hark_event_wait(&event);
    }
    return rc;
}

static int64_t left_by_return(void)
{
    return hark_within(3, ({
                           if (hark_event_is_set(&event)) {
                               return 1;
                           }
                           0;
                       }));
}

/* Would find: a scope of hark_within that outlives its call, or times its own caller out. */
MODEL(within_in_within)
{
    begin();
    s.late = s.from + 5 + 5 * hark_test_choose(3);
    go(setter_at);
    const int64_t rc = hark_within(10, two_calls());
    MUST(rc <= 0);
    WANT(rc == 0 || rc == -ETIMEDOUT);
    WANT(rc == 0 || hark_now() >= s.from + 10);
    MUST(!s.given || rc == 0);
    const int64_t left = left_by_return();
    MUST(left == (hark_event_is_set(&event) ? 1 : 0) || hark_test_disturbed());
    const int slept = hark_sleep(20);
    WANT(slept == 0);
    WANT(hark_effective_deadline() == HARK_FOREVER);
    return closed(rc == -ETIMEDOUT ? 0 : rc);
}
