/* SPDX-License-Identifier: MIT
 *
 * task_model.c - tasks by their ids: waiting for their end, cancelling them, in every order.
 *
 * Idea     A task notes its end right before it returns, so whoever looks afterwards knows what
 *          hark_task_wait and hark_task_cancel must say: an id means one task, and after its end
 *          none.
 * Rules    1  In WANT nothing is done, only looked at.
 */
#include "model.h"

static hark_group group;
static hark_event event, never;
static struct {
    hark_task first, second, joiners[2];
    bool began, ended, cancelled, waiting[2];
    int joined[2], heard, second_heard;
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.joined[0] = s.joined[1] = s.heard = s.second_heard = 1;
    hark_event_init(&event);
    hark_event_init(&never);
    MUST(hark_group_open(&group) == 0);
}

/* Any number of steps long: time goes on between any two of them. */
static int linger(void)
{
    return hark_sleep(1 + hark_test_choose(2));
}

static hark_task go(hark_fn *fn, void *arg)
{
    const hark_task id = hark_go(&group, fn, arg);

    MUST(id > 0 || hark_test_disturbed());
    return id > 0 ? id : 0;
}

/* If there is no memory for it, its work is done here and now. */
static void act(hark_fn *fn)
{
    if (!go(fn, NULL)) {
        fn(NULL);
    }
}

static int setter(void *unused)
{
    (void)unused;
    linger();
    hark_event_set(&event);
    return 0;
}

static int first(void *unused)
{
    (void)unused;
    s.began = true;
    s.heard = hark_event_wait(&event);
    s.ended = true;
    return s.heard;
}

static int first_canceller(void *unused)
{
    (void)unused;
    hark_sleep(1);
    if (s.first) {
        const bool gone = s.ended;
        const int rc = hark_task_cancel(s.first);
        MUST(rc == (gone ? -ESRCH : 0));
        s.cancelled = rc == 0;
    }
    return 0;
}

/* ---- waiting for an end ---------------------------------------------------------------------- */

static int joiner(void *which)
{
    const int i = (int)(intptr_t)which;
    const bool gone = s.ended;

    s.waiting[i] = true;
    const int rc = hark_task_wait(s.first);
    s.joined[i] = rc;
    MUST(rc == 0 || rc == -ECANCELED || rc == -ESRCH || hark_test_disturbed());
    MUST(rc == -ECANCELED || s.ended || hark_test_disturbed());
    WANT(!gone || rc == -ESRCH || rc == -ECANCELED);
    WANT(gone || rc != -ESRCH);
    return rc == -ECANCELED ? rc : 0;
}

static int joiner_canceller(void *unused)
{
    (void)unused;
    hark_sleep(1);
    if (s.joiners[0]) {
        const bool waits = s.waiting[0] && s.joined[0] == 1 && !s.ended;
        const int rc = hark_task_cancel(s.joiners[0]);
        MUST(rc == (s.joined[0] == 1 ? 0 : -ESRCH));
        if (waits) {
            s.second_heard = -ECANCELED;
        }
    }
    return 0;
}

/* Would find: an end that is told to nobody (after a cancel, say), a joiner that is left behind, or
 * that is told too early. */
MODEL(task_wait_against_end_against_cancel, .patient = true)
{
    begin();
    s.first = go(first, NULL);
    if (s.first) {
        s.joiners[0] = go(joiner, (void *)0);
        s.joiners[1] = go(joiner, (void *)1);
        act(joiner_canceller);
    }
    act(setter);
    if (hark_test_choose(2)) {
        act(first_canceller);
    }
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    WANT(s.ended && s.joined[0] != 1 && s.joined[1] != 1);
    WANT(s.joined[1] != -ECANCELED);
    WANT(s.second_heard != -ECANCELED || s.joined[0] == -ECANCELED);
    WANT(s.heard == 0 || s.cancelled);
    MUST(!s.first || hark_task_wait(s.first) != 0);
    return rc;
}

/* ---- an id means one task -------------------------------------------------------------------- */

static int second(void *unused)
{
    (void)unused;
    s.second_heard = hark_event_wait(&event);
    return 0;
}

static int brief(void *unused)
{
    (void)unused;
    s.heard = linger();
    s.ended = true;
    return s.heard;
}

/* The second task has the first one's record. Would find: an id that means both of them. */
MODEL(task_record_used_again)
{
    begin();
    s.first = go(brief, NULL);
    act(first_canceller);
    if (s.first) {
        const int rc = hark_task_wait(s.first);
        WANT(rc == 0);
        MUST(s.ended || rc == -ECANCELED || rc == -ENOMEM);
    }
    s.second = go(second, NULL);
    MUST(!s.second || s.second != s.first);
    act(first_canceller);
    if (s.first && s.ended) {
        MUST(hark_task_cancel(s.first) == -ESRCH);
        const int rc = hark_task_wait(s.first);
        MUST(rc == -ESRCH || (rc == -ECANCELED && hark_test_disturbed()));
    }
    act(setter);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0 && s.second_heard == 0);
    MUST(!s.second || s.second_heard != 1);
    return rc;
}

/* ---- before it first runs -------------------------------------------------------------------- */

static int unready(void *copy)
{
    const int *value = copy;

    MUST(*value == 41 && (uintptr_t)copy % 16 == 0);
    s.began = true;
    const bool told = s.cancelled;
    s.heard = hark_checkpoint();
    MUST(!told || s.heard == -ECANCELED);
    WANT(told == (s.heard == -ECANCELED));
    const int rc = hark_event_wait(&event);
    MUST(s.heard == 0 || rc == -ECANCELED);
    s.ended = true;
    return rc;
}

static int hasty_canceller(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        if (s.first) {
            const bool gone = s.ended;
            const int rc = hark_task_cancel(s.first);
            MUST(rc == (gone ? -ESRCH : 0));
            s.cancelled = s.cancelled || rc == 0;
        }
        hark_sleep(1);
    }
    return 0;
}

/* A task that is cancelled before it runs, runs to its first checkpoint. Would find: one that does
 * not, or that is not told; a copy that is not the task's own. */
MODEL(task_cancelled_before_it_runs)
{
    begin();
    int value = 41;
    act(hasty_canceller);
    const hark_task id = hark_go_copy(&group, unready, &value, sizeof value);
    WANT(id > 0);
    s.first = id > 0 ? id : 0;
    value = 0;
    act(hasty_canceller);
    hark_yield();
    setter(NULL);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    MUST(id < 0 || (s.began && s.ended));
    return rc;
}

/* ---- being woken against being cancelled ----------------------------------------------------- */

static int waker(void *unused)
{
    (void)unused;
    linger();
    if (hark_event_statistics(&event).tasks_waiting == 1) {
        s.waiting[0] = true; /* and now has its turn */
    }
    hark_event_set(&event);
    if (hark_test_choose(2) && s.first && hark_task_cancel(s.first) == 0) {
        s.cancelled = true;
    }
    return 0;
}

static int woken(void *unused)
{
    (void)unused;
    const bool was_set = hark_event_is_set(&event);
    const bool told = s.cancelled;
    s.heard = hark_event_wait(&event);
    MUST(!s.waiting[0] || s.heard == 0);
    WANT(s.heard == 0 || s.cancelled);
    WANT(was_set && !told ? s.heard == 0 : true);
    const int rc = hark_checkpoint();
    MUST(!s.cancelled || rc == -ECANCELED);
    WANT(s.cancelled == (rc == -ECANCELED));
    const int later = hark_sleep(1);
    MUST(rc == 0 || later == -ECANCELED);
    s.ended = true;
    return rc;
}

/* Would find: a wake-up taken back by a later cancel, a task made ready twice, a cancellation that
 * is forgotten by the next checkpoint. */
MODEL(task_woken_against_cancelled)
{
    begin();
    s.first = go(woken, NULL);
    act(waker);
    act(first_canceller);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    MUST(!s.first || s.ended);
    return rc;
}
