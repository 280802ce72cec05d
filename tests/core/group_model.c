/* SPDX-License-Identifier: MIT
 *
 * group_model.c - groups: failing, cancelling, spawning and closing, in every order.
 *
 * Idea     A group's result depends on who failed first, and on whether a scope around was
 *          cancelled before it closed. The models write that down in the step in which it happens:
 *          a task that fails says so right before it returns, for nothing comes between.
 * Rules    1  What a child counts down it counts down on every way out: a group that closes while
 *             one of its children has not is caught.
 *          2  In WANT nothing is done, only looked at: it is not evaluated under a fault.
 * Not here hark_start (start_model.c).
 */
#include "model.h"

static hark_group around, group;
static hark_scope outer;
static hark_event event, other, never;
static struct {
    int failures[4], failed;
    int spawned, ended; /* children of `group` */
    bool cancelled;     /* by an actor */
    bool closed, given, reached;
    bool told[4]; /* who was cancelled */
    hark_task victim;
    int result;
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    hark_event_init(&event);
    hark_event_init(&other);
    hark_event_init(&never);
    MUST(hark_group_open(&around) == 0);
}

/* Any number of steps long: time goes on between any two of them. */
static int linger(void)
{
    return hark_sleep(1 + hark_test_choose(3));
}

static int fail(int code)
{
    s.failures[s.failed++] = code;
    s.ended++;
    return code;
}

static int end(int rc)
{
    MUST(!s.closed);
    s.ended++;
    return rc;
}

static hark_task spawn(hark_fn *fn, void *arg)
{
    const hark_task id = hark_go(&group, fn, arg);

    s.spawned += id > 0;
    MUST(id > 0 || s.closed || hark_test_disturbed());
    return id;
}

/* A task beside the group; if there is no memory for it, its work is done here and now. */
static void beside(hark_fn *fn)
{
    if (hark_go(&around, fn, NULL) < 0) {
        WANT(false);
        fn(NULL);
    }
}

static void close_group(int rc)
{
    s.result = hark_group_close(&group, rc);
    s.closed = true;
    MUST(s.ended == s.spawned);
    MUST(hark_group_failures(&group, NULL, 0) == s.failed);
    MUST(hark_group_cancel(&group) == -EINVAL);
}

static int finish(int result)
{
    const int rc = hark_group_close(&around, 0);
    return result < 0 && hark_test_disturbed() ? result : rc;
}

static int outer_canceller(void *unused)
{
    (void)unused;
    linger();
    s.cancelled = hark_scope_cancel(&outer) == 0;
    return 0;
}

static int group_canceller(void *unused)
{
    (void)unused;
    linger();
    s.cancelled = hark_group_cancel(&group) == 0;
    return 0;
}

static int setter(void *unused)
{
    (void)unused;
    linger();
    s.given = hark_event_statistics(&event).tasks_waiting > 0;
    hark_event_set(&event);
    linger();
    hark_event_set(&other);
    return 0;
}

/* ---- failure, cancellation from outside, spawning -------------------------------------------- */

static int late_child(void *unused)
{
    const bool reached = s.failed || s.cancelled;
    const int rc = hark_checkpoint();

    (void)unused;
    MUST(!reached || rc == -ECANCELED);
    WANT(reached == (rc == -ECANCELED));
    return end(rc ? rc : hark_event_wait(&never));
}

static int spawner(void *unused)
{
    (void)unused;
    spawn(late_child, NULL);
    const int rc = hark_sleep(1);
    if (rc == 0) {
        spawn(late_child, NULL);
    }
    return end(rc);
}

static int failing_child(void *unused)
{
    (void)unused;
    const int rc = linger();
    return rc ? end(rc) : fail(-EIO);
}

/* Would find: a child spawned late that is not reached, a failure that cancels nobody, a group that
 * closes too early or never, a cancellation that hides a failure. */
MODEL(group_failure_against_cancel_against_spawn)
{
    begin();
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    beside(outer_canceller);
    MUST(hark_group_open(&group) == 0);
    spawn(failing_child, NULL);
    spawn(spawner, NULL);
    close_group(0);
    MUST(s.failed ? s.result == -EIO : s.result == 0 || s.result == -ECANCELED);
    WANT(s.failed || (s.cancelled && s.result == -ECANCELED));
    const int64_t result = hark_scope_close(&outer, s.result);
    WANT(result == (s.failed ? -EIO : 0));
    WANT(hark_checkpoint() == 0);
    return finish(result == -EIO ? 0 : (int)result);
}

/* ---- spawning against closing ---------------------------------------------------------------- */

static int brief(void *unused)
{
    (void)unused;
    return end(linger());
}

static int parent(void *unused)
{
    (void)unused;
    linger();
    MUST(spawn(brief, NULL) > 0 || hark_test_disturbed());
    return end(0);
}

static int stranger(void *unused)
{
    (void)unused;
    linger();
    const bool was_closed = s.closed;
    const hark_task id = spawn(brief, NULL);
    MUST(!was_closed || id == -EINVAL);
    return 0;
}

/* Would find: a group that closes over a child which was spawned between the end of the last one
 * and the closer's turn. */
MODEL(group_spawn_against_close)
{
    begin();
    MUST(hark_group_open(&group) == 0);
    spawn(parent, NULL);
    beside(stranger);
    close_group(0);
    WANT(s.result == 0);
    WANT(s.ended >= 2);
    return finish(s.result);
}

/* ---- several failures ------------------------------------------------------------------------ */

static int stubborn(void *code)
{
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(linger() == 0);
    hark_scope_close(&scope, 0);
    return fail(-(int)(intptr_t)code);
}

/* Would find: a result that is not the first failure, failures that are lost or out of order. */
MODEL(group_failures_keep_their_order)
{
    int codes[4] = {0, 0, 0, 0};

    begin();
    MUST(hark_group_open(&group) == 0);
    spawn(stubborn, (void *)EIO);
    spawn(stubborn, (void *)EPIPE);
    const int rc = linger();
    if (rc == 0 && hark_test_choose(2)) {
        s.failures[s.failed++] = -ENOSPC;
        close_group(-ENOSPC);
    } else {
        close_group(rc);
    }
    MUST(hark_group_failures(&group, codes, 4) == s.failed);
    for (int i = 0; i < s.failed; i++) {
        MUST(codes[i] == s.failures[i]);
    }
    MUST(s.failed == 0 || s.result == s.failures[0]);
    MUST(s.failed > 0 || s.result == rc);
    WANT(s.failed >= 2);
    return finish(s.failed ? 0 : s.result);
}

/* ---- a child cancelled by name --------------------------------------------------------------- */

static int victim(void *unused)
{
    (void)unused;
    const int rc = hark_event_wait(&event);
    MUST(!s.given || rc == 0);
    s.told[0] = rc == -ECANCELED;
    s.victim = -s.victim;
    return end(rc);
}

static int bystander(void *unused)
{
    (void)unused;
    s.told[1] = hark_event_wait(&other) == -ECANCELED;
    return end(0);
}

static int child_canceller(void *unused)
{
    const hark_task id = s.victim;

    (void)unused;
    const int rc = hark_task_cancel(id > 0 ? id : -id);
    MUST(rc == (id > 0 ? 0 : -ESRCH));
    linger();
    hark_task_cancel(id > 0 ? id : -id);
    return 0;
}

/* Would find: a cancelled child that makes its group fail, or its sibling end; a wake-up that is
 * taken back; an end that is reported to nobody. */
MODEL(group_child_cancelled_against_its_end)
{
    begin();
    MUST(hark_group_open(&group) == 0);
    const hark_task id = spawn(victim, NULL);
    s.victim = id > 0 ? id : 0;
    spawn(bystander, NULL);
    beside(setter);
    if (s.victim) {
        beside(child_canceller);
    }
    close_group(0);
    MUST(s.result == 0 || hark_test_disturbed());
    WANT(!s.told[1]);
    MUST(!s.victim || (s.victim == -id && hark_task_cancel(id) == -ESRCH));
    return finish(s.result);
}

/* ---- nested ---------------------------------------------------------------------------------- */

static int shielded_child(void *unused)
{
    hark_scope scope;

    (void)unused;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_event_wait(&event) == 0);
    hark_scope_close(&scope, 0);
    const int rc = hark_checkpoint();
    WANT(rc == (s.cancelled ? -ECANCELED : 0));
    s.told[0] = true;
    return rc;
}

static int open_child(void *unused)
{
    (void)unused;
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    s.told[1] = true;
    return rc;
}

/* Waits in a scope inside its own group. */
static int nester(void *unused)
{
    hark_group inside;
    hark_scope scope;

    (void)unused;
    MUST(hark_group_open(&inside) == 0);
    const bool first = hark_go(&inside, shielded_child, NULL) > 0;
    const bool second = hark_go(&inside, open_child, NULL) > 0;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    WANT(s.cancelled);
    MUST(hark_scope_close(&scope, rc) == rc);
    const int result = hark_group_close(&inside, rc);
    MUST(s.told[0] == first && s.told[1] == second);
    MUST(result == -ECANCELED || hark_test_disturbed());
    return end(result);
}

/* Would find: a cancellation that misses a grandchild, or the body of an inner group, or does not
 * stop at a shield; a group that closes over its shielded child. */
MODEL(group_cancel_reaches_all_but_the_shielded, .patient = true)
{
    begin();
    MUST(hark_group_open(&group) == 0);
    spawn(nester, NULL);
    beside(group_canceller);
    beside(setter);
    close_group(0);
    WANT(s.result == 0 && s.cancelled);
    WANT(s.told[0] && s.told[1]);
    return finish(s.result);
}

/* ---- closed out of order --------------------------------------------------------------------- */

static int slow_child(void *unused)
{
    hark_scope scope;

    (void)unused;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_sleep(1) == 0);
    hark_scope_close(&scope, 0);
    return end(hark_event_wait(&never));
}

/* A scope and a group inside it are still open: its children are awaited all the same, and the rest
 * can be closed. Would find: a child that outlives its group, a chain that is broken. */
MODEL(group_closed_out_of_order)
{
    hark_scope scope;
    hark_group inside;

    begin();
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    beside(outer_canceller);
    MUST(hark_group_open(&group) == 0);
    spawn(slow_child, NULL);
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    MUST(hark_group_open(&inside) == 0);
    const bool waits = hark_go(&inside, open_child, NULL) > 0;
    WANT(waits);
    const bool early = hark_test_choose(2) && hark_sleep(1) == 0;
    MUST(hark_group_close(&group, 0) == -EINVAL);
    s.closed = true;
    MUST(s.ended == s.spawned);
    MUST(hark_go(&group, open_child, NULL) == -EINVAL);
    MUST(hark_checkpoint() == -ECANCELED);
    const int result = hark_group_close(&inside, -ECANCELED);
    MUST(result == -ECANCELED);
    MUST(s.told[1] == waits);
    const bool from_outside = s.cancelled;
    const int64_t rc = hark_scope_close(&scope, result);
    WANT(rc == (from_outside ? -ECANCELED : 0));
    WANT(!early || rc == 0 || from_outside);
    WANT(hark_checkpoint() == rc);
    const int64_t last = hark_scope_close(&outer, rc);
    WANT(last == 0 && hark_checkpoint() == 0);
    return finish((int)last);
}

/* ---- cancelling the group against failing in it ---------------------------------------------- */

/* Would find: a body that is not told of a failure or a cancel, a group's own cancel that passes
 * for a failure, or the other way round. */
MODEL(group_cancel_against_failure)
{
    hark_scope scope;

    begin();
    MUST(hark_group_open(&group) == 0);
    spawn(failing_child, NULL);
    spawn(late_child, NULL);
    beside(group_canceller);
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    const int rc = hark_event_wait(&never);
    MUST(rc == -ECANCELED);
    WANT(s.cancelled || s.failed);
    MUST(hark_scope_close(&scope, rc) == rc);
    close_group(rc);
    MUST(!s.failed || s.result == -EIO);
    WANT(s.failed || s.result == 0);
    WANT(hark_checkpoint() == 0);
    return finish(s.failed ? 0 : s.result);
}

/* ---- closing what is empty ------------------------------------------------------------------- */

static int passer_by(void *place)
{
    *(bool *)place = true;
    linger();
    hark_scope_cancel(&outer);
    return 0;
}

/* Closing lets all run that were ready, also in a cancelled scope. Would find: a group without
 * children that closes at once, or that hears of the cancellation. */
MODEL(group_empty_close_gives_way)
{
    hark_group empty;
    bool ready[2] = {false, false};

    begin();
    MUST(hark_scope_open(&outer, HARK_FOREVER) == 0);
    for (int i = 0; i < 2; i++) {
        ready[i] = hark_go(&around, passer_by, &s.told[i]) < 0;
        WANT(!ready[i]);
    }
    for (int i = 0; i < 2; i++) {
        const int rc = hark_checkpoint();
        MUST(hark_group_open(&empty) == 0);
        const int result = hark_group_close(&empty, 0);
        MUST(result == 0);
        MUST((s.told[0] || ready[0]) && (s.told[1] || ready[1]));
        MUST(rc == 0 || hark_checkpoint() == -ECANCELED);
        linger();
    }
    const int64_t result = hark_scope_close(&outer, hark_checkpoint());
    WANT(result == 0);
    return finish((int)result);
}
