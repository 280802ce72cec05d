/* SPDX-License-Identifier: MIT
 *
 * start_model.c - hark_start and hark_started under cancellation and failure, in every order.
 *
 * Idea     Until it has started, a task is its starter's; from then on its group's. What it said
 *          and how it ended, it writes down itself, in the same step; from that follows what the
 *          starter must hear.
 *
 *              around -+- starter ----- (nest) - child, until hark_started
 *                      +- actors
 *              group --+- child, afterwards
 *
 * Rules    1  `group` is opened and closed by main; the starter is a task of `around`.
 *          2  In WANT nothing is done, only looked at.
 */
#include "model.h"

static hark_group around, group;
static hark_event event, never;
static struct {
    bool starter_cancelled, group_cancelled, child_cancelled; /* by actors */
    bool began, said, moved, ended, over, closed, group_shielded;
    bool noticed; /* the child heard of a cancellation before it said so */
    int result;   /* of the child */
    int value;    /* what the starter got */
    hark_task starter, child, got;
    int grandchild; /* what it heard */
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.got = s.grandchild = 1;
    hark_event_init(&event);
    hark_event_init(&never);
    MUST(hark_group_open(&around) == 0);
    MUST(hark_group_open(&group) == 0);
}

/* Any number of steps long: time goes on between any two of them. */
static int linger(void)
{
    return hark_sleep(1 + hark_test_choose(2));
}

/* If there is no memory for it, all give up: somebody may wait for what it would have done. */
static hark_task beside(hark_fn *fn)
{
    const hark_task id = hark_go(&around, fn, NULL);

    if (id < 0) {
        WANT(false);
        hark_group_cancel(&around);
        hark_group_cancel(&group);
    }
    return id;
}

static int close_group(void)
{
    const int rc = hark_group_close(&group, 0);

    s.closed = true;
    MUST(!s.began || s.ended);
    return rc;
}

static int finish(int result)
{
    const int rc = hark_group_close(&around, 0);
    return result < 0 && hark_test_disturbed() ? result : rc;
}

static int end(int rc)
{
    MUST(!s.closed);
    s.ended = true;
    s.result = rc;
    return rc;
}

static int say(void)
{
    const int rc = hark_started(7);

    MUST(rc == 0 && hark_started(8) == -EALREADY);
    s.said = true;
    return rc;
}

static int starting_child(void *unused)
{
    (void)unused;
    s.began = true;
    s.child = hark_self();
    const int rc = linger();
    s.noticed = rc != 0;
    if (rc) {
        return end(rc);
    }
    say();
    return end(hark_event_wait(&never));
}

/* What the starter must hear. */
static void check_start(void)
{
    if (s.got > 0) {
        MUST(s.said && s.got == s.child && s.value == 7);
        return;
    }
    MUST(!s.began || s.ended);
    MUST(s.got == -ECANCELED || s.got == -EINVAL || s.result == s.got || hark_test_disturbed());
    MUST(s.got != -EINVAL || !s.began || !s.said || s.result == -ECANCELED);
}

static int starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, starting_child, NULL, &s.value);
    s.over = true;
    check_start();
    return 0;
}

static int starter_canceller(void *unused)
{
    (void)unused;
    linger();
    s.starter_cancelled = s.starter > 0 && hark_task_cancel(s.starter) == 0;
    return 0;
}

static int group_canceller(void *unused)
{
    (void)unused;
    linger();
    s.group_cancelled = hark_group_cancel(&group) == 0;
    return 0;
}

static int child_canceller(void *unused)
{
    (void)unused;
    linger();
    if (s.child) {
        const int rc = hark_task_cancel(s.child);
        s.child_cancelled = rc == 0;
        MUST(rc == (s.ended ? -ESRCH : 0));
    }
    return 0;
}

/* ---- who is cancelled ------------------------------------------------------------------------ */

/* Would find: a child that is lost between its starter and its group, a start that answers while
 * its child lives on unseen, a value that does not arrive. */
MODEL(start_against_cancel_of_the_starter)
{
    begin();
    s.starter = beside(starter);
    beside(starter_canceller);
    hark_sleep(4);
    hark_group_cancel(&group);
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over && s.ended && s.result == -ECANCELED);
    WANT(s.got > 0 || s.got == (s.starter_cancelled ? -ECANCELED : -EINVAL));
    return rc;
}

/* The pending start holds the group open. Would find: a group that closes over it, a child that
 * waits on though the group is cancelled. */
MODEL(start_against_cancel_of_the_group)
{
    begin();
    s.starter = beside(starter);
    beside(group_canceller);
    linger();
    int rc = close_group();
    MUST(!s.began || s.ended);
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over && (!s.began || s.result == -ECANCELED));
    WANT(s.got > 0 || s.got == -EINVAL);
    WANT(s.got > 0 || s.group_cancelled || !s.began);
    return rc;
}

/* Would find: a child's own cancellation that is taken for its starter's, or for a failure of the
 * group. */
MODEL(start_against_cancel_of_the_child)
{
    begin();
    s.starter = beside(starter);
    beside(child_canceller);
    hark_sleep(4);
    if (!s.child_cancelled) {
        hark_group_cancel(&group);
    }
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over);
    WANT(s.got > 0 || s.got == -EINVAL);
    return rc;
}

/* ---- waiting for ever before it has started -------------------------------------------------- */

static int stuck_child(void *unused)
{
    (void)unused;
    s.began = true;
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    if (hark_test_choose(2)) {
        say(); /* all the same */
    }
    return end(rc);
}

static int stuck_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, stuck_child, NULL, &s.value);
    s.over = true;
    MUST(s.got <= 0 || (s.said && s.value == 7));
    MUST(s.got > 0 || !s.began || s.ended);
    return 0;
}

/* Would find: a start that outlives its group, both waiting for each other; a group that closes
 * before. */
MODEL(start_stuck_against_both_cancels)
{
    begin();
    s.starter = beside(stuck_starter);
    beside(group_canceller);
    beside(starter_canceller);
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over);
    WANT(s.got > 0 ? s.group_cancelled : s.got == -EINVAL || s.got == -ECANCELED);
    WANT(s.got != -ECANCELED || s.starter_cancelled);
    return rc;
}

static struct {
    hark_task got[2];
    int began, ended, result[2];
} two;

static int one_of_two(void *which)
{
    const int i = (int)(intptr_t)which;

    two.began++;
    const int rc = i == 0 && hark_test_choose(2) ? linger() : hark_event_wait(&never);
    two.result[i] = rc == 0 ? hark_started(i) : rc;
    const int later = rc == 0 ? hark_event_wait(&never) : rc;
    MUST(later == -ECANCELED && !s.closed);
    two.ended++;
    return later;
}

static int starter_of_two(void *which)
{
    const int i = (int)(intptr_t)which;
    int value = -1;

    two.got[i] = hark_start(&group, one_of_two, which, &value);
    MUST(two.got[i] < 0 || (value == i && two.result[i] == 0));
    return 0;
}

/* Two starts are pending for one group. Would find: a cancellation that reaches only one of them. */
MODEL(start_two_against_cancel_of_the_group)
{
    begin();
    memset(&two, 0, sizeof two);
    two.result[0] = two.result[1] = 1;
    for (int i = 0; i < 2; i++) {
        const bool starts = hark_go(&around, starter_of_two, (void *)(intptr_t)i) > 0;
        WANT(starts);
    }
    beside(group_canceller);
    const int rc = close_group();
    MUST(two.ended == two.began);
    WANT(rc == 0);
    const int result = finish(rc);
    WANT(two.ended == two.began);
    WANT(two.got[1] == -EINVAL && (two.got[0] > 0 || two.got[0] == -EINVAL));
    return result;
}

/* ---- a shield around the start --------------------------------------------------------------- */

static int shielded_child(void *unused)
{
    hark_scope scope;

    (void)unused;
    s.began = true;
    s.child = hark_self();
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(linger() == 0);
    s.moved = !s.starter_cancelled || s.group_cancelled;
    say();
    MUST(linger() == 0);
    MUST(hark_scope_close(&scope, 0) == 0);
    const int rc = hark_checkpoint();
    WANT(rc == (s.group_cancelled || (s.starter_cancelled && !s.moved) ? -ECANCELED : 0));
    return end(rc);
}

static int shielded_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, shielded_child, NULL, &s.value);
    s.over = true;
    MUST(s.got != -ECANCELED || s.result == -ECANCELED);
    MUST(s.got <= 0 || s.said);
    return 0;
}

/* Would find: a start that cuts its child's shield, or a child that moves although its starter is
 * cancelled, or that escapes both. */
MODEL(start_in_a_shield_against_both_cancels)
{
    begin();
    s.starter = beside(shielded_starter);
    beside(starter_canceller);
    if (hark_test_choose(2)) {
        beside(group_canceller);
    }
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over && s.said);
    WANT(s.got > 0 ? s.moved || s.result == 0 : s.got == -ECANCELED && !s.moved);
    return rc;
}

/* ---- a shield around the group --------------------------------------------------------------- */

static hark_scope outer, inner;

static int outer_canceller(void *unused)
{
    (void)unused;
    linger();
    s.group_cancelled = hark_scope_cancel(&outer) == 0;
    return 0;
}

static int shielder(void *unused)
{
    (void)unused;
    linger();
    s.group_shielded = hark_scope_shield(&inner, true) == 0;
    return 0;
}

static int late_child(void *unused)
{
    hark_scope scope;

    (void)unused;
    s.began = true;
    s.child = hark_self();
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_sleep(1) == 0);
    say();
    MUST(hark_scope_close(&scope, 0) == 0);
    const int rc = hark_checkpoint();
    WANT(rc == (s.group_cancelled && !s.group_shielded ? -ECANCELED : 0));
    return end(rc);
}

static int late_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, late_child, NULL, &s.value);
    s.over = true;
    WANT(s.got == s.child && s.value == 7);
    return 0;
}

/* The group is cancelled from outside, which cancels the pending start, too; then a shield goes up
 * around the group. The child that has moved there is under the group's scopes and nothing else.
 * Would find: a task that has started but still hears of what was before. */
MODEL(start_into_a_group_that_gets_a_shield)
{
    memset(&s, 0, sizeof s);
    s.got = s.grandchild = 1;
    hark_event_init(&event);
    hark_event_init(&never);
    MUST(hark_group_open(&around) == 0);
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    MUST(hark_scope_open(&inner, HARK_FOREVER) == 0);
    MUST(hark_group_open(&group) == 0);
    beside(late_starter);
    beside(outer_canceller);
    beside(shielder);
    const int rc = close_group();
    const int64_t inside = hark_scope_close(&inner, rc);
    MUST(inside == rc);
    const int64_t result = hark_scope_close(&outer, inside);
    WANT(result == 0);
    return finish((int)result);
}

/* ---- starts inside starts -------------------------------------------------------------------- */

static int inner_result; /* what the outer child's own start said */

static int innermost(void *unused)
{
    (void)unused;
    const int rc = linger();
    s.grandchild = rc;
    if (rc == 0 || hark_test_choose(2)) {
        MUST(hark_started(9) == 0);
        s.grandchild = hark_event_wait(&never);
    }
    MUST(!s.closed && s.grandchild == -ECANCELED);
    return s.grandchild;
}

/* Starts a task for the same group before it has started itself. */
static int middle(void *unused)
{
    int value = 0;

    (void)unused;
    s.began = true;
    const hark_task id = hark_start(&group, innermost, NULL, &value);
    inner_result = id > 0 ? 0 : (int)id;
    MUST(id < 0 || value == 9);
    MUST(id > 0 || s.grandchild != 1 || hark_test_disturbed());
    if (id < 0) {
        return end(id == -EINVAL || id == -ENOMEM ? -ECANCELED : (int)id);
    }
    say();
    return end(hark_event_wait(&never));
}

static int outermost(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, middle, NULL, &s.value);
    s.over = true;
    MUST(s.got <= 0 || (s.said && s.value == 7));
    MUST(s.got > 0 || !s.began || s.ended);
    return 0;
}

/* One start waits inside another, both for the same group. Would find: a cancellation of the group,
 * or of the starter, that loses its way through pending starts. */
MODEL(start_in_start_against_both_cancels)
{
    begin();
    inner_result = 1;
    s.starter = beside(outermost);
    beside(starter_canceller);
    beside(group_canceller);
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over && (s.group_cancelled || s.starter_cancelled));
    WANT(!s.began || inner_result == 0 || inner_result == -ECANCELED || inner_result == -EINVAL);
    WANT(inner_result != -ECANCELED || s.starter_cancelled || s.group_cancelled);
    return rc;
}

static int inside_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, starting_child, NULL, &s.value);
    s.over = true;
    check_start();
    return s.got < 0 ? (int)s.got : 0;
}

static int failing(void *unused)
{
    (void)unused;
    const int rc = linger();
    s.moved = rc == 0; /* it fails */
    if (rc) {
        hark_group_cancel(&group);
    }
    return rc ? rc : -EIO;
}

/* The starter and one that fails are the group's own children. Would find: a group that waits for a
 * start which waits for the group. */
MODEL(start_from_inside_against_failure)
{
    begin();
    const hark_task id = hark_go(&group, inside_starter, NULL);
    const bool fails = hark_go(&group, failing, NULL) > 0;
    WANT(id > 0 && fails);
    if (!fails) {
        hark_group_cancel(&group);
    }
    int result = close_group();
    MUST(id < 0 || s.over);
    MUST(result != -EIO || s.moved);
    WANT(result == -EIO || (result == -EINVAL && s.got == -EINVAL));
    WANT(s.got > 0 || s.got == -ECANCELED || s.got == -EINVAL);
    const int rc = finish(result);
    return rc == -EIO || result == -EIO ? 0 : rc;
}

/* ---- failing --------------------------------------------------------------------------------- */

enum ending { FAILS_BEFORE, FAILS_AFTER, ENDS_SILENTLY, ENDS_AFTER, ENDINGS };

static int ending_child(void *ending)
{
    const enum ending how = (enum ending)(intptr_t)ending;

    s.began = true;
    s.child = hark_self();
    const int rc = linger();
    if (rc) {
        return end(rc);
    }
    if (how == FAILS_BEFORE || how == ENDS_SILENTLY) {
        return end(how == FAILS_BEFORE ? -EIO : 0);
    }
    say();
    if (hark_test_choose(2)) {
        hark_yield();
    }
    return end(how == FAILS_AFTER ? -EIO : 0);
}

static int sibling(void *unused)
{
    (void)unused;
    s.grandchild = hark_event_wait(&event);
    return 0;
}

static enum ending ending;

static int ending_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, ending_child, (void *)(intptr_t)ending, &s.value);
    s.over = true;
    MUST(s.got <= 0 || (s.said && s.value == 7));
    return 0;
}

static int setter(void *unused)
{
    (void)unused;
    linger();
    linger();
    hark_event_set(&event);
    return 0;
}

/* A failure before hark_started is the starter's alone, one after it the group's alone. Would find:
 * a failure that goes to both, or to neither. */
MODEL(start_against_failure)
{
    begin();
    ending = (enum ending)hark_test_choose(ENDINGS);
    const bool waits = hark_go(&group, sibling, NULL) > 0;
    WANT(waits);
    s.starter = beside(ending_starter);
    beside(setter);
    const int result = close_group();
    const int rc = finish(result);
    const bool fails_later = ending == FAILS_AFTER && s.said;
    MUST(s.said || result == 0 || result == -ECANCELED || hark_test_disturbed());
    WANT(result == (fails_later ? -EIO : 0));
    MUST(result != -EIO || fails_later);
    WANT(s.grandchild == 0 || fails_later);
    WANT(s.got > 0 ? s.said : s.got == (ending == FAILS_BEFORE ? -EIO : -EINVAL) || !s.began);
    return rc == -EIO || result == -EIO ? 0 : rc;
}

/* It says that it has started, and ends well without having heard that its starter was cancelled.
 * Would find: an end that is taken for a cancellation, a value that is lost on this way. */
MODEL(start_ends_well_against_cancel_of_the_starter)
{
    begin();
    ending = ENDS_AFTER;
    s.starter = beside(ending_starter);
    beside(starter_canceller);
    const int result = close_group();
    const int rc = finish(result);
    WANT(result == 0);
    WANT(s.got > 0 ? s.said && s.result == 0 : s.got == -ECANCELED && s.result == -ECANCELED);
    return rc;
}

/* ---- what has grown below the child ---------------------------------------------------------- */

static int grandchild(void *unused)
{
    (void)unused;
    s.grandchild = hark_event_wait(&event);
    return s.grandchild;
}

static int family(void *unused)
{
    hark_group own;

    (void)unused;
    s.began = true;
    s.child = hark_self();
    MUST(hark_group_open(&own) == 0);
    const bool waits = hark_go(&own, grandchild, NULL) > 0;
    WANT(waits);
    const int rc = linger();
    if (rc == 0) {
        s.moved = !s.starter_cancelled || s.group_cancelled;
        say();
    }
    const int result = hark_group_close(&own, rc);
    MUST(s.grandchild != 1 || !waits);
    return end(result);
}

static int family_starter(void *unused)
{
    (void)unused;
    s.value = 1;
    s.got = hark_start(&group, family, NULL, &s.value);
    s.over = true;
    MUST(s.got <= 0 || s.said);
    return 0;
}

/* Two actors: the starter is cancelled, and the group or not; then the event is set. The grandchild
 * stands under the group as soon as the child has started. Would find: a move that leaves the
 * grandchildren behind, under the starter or under nobody. */
MODEL(start_moves_the_grandchildren, .patient = true)
{
    begin();
    s.starter = beside(family_starter);
    beside(starter_canceller);
    const bool cancels = hark_test_choose(2);
    if (cancels) {
        beside(group_canceller);
    }
    beside(setter);
    int rc = close_group();
    WANT(rc == 0);
    rc = finish(rc);
    WANT(s.over);
    WANT(!s.moved || s.group_cancelled || s.grandchild == 0);
    WANT(s.grandchild != -ECANCELED || s.group_cancelled || (s.starter_cancelled && !s.moved));
    return rc;
}
