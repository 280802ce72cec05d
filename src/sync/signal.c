/* SPDX-License-Identifier: MIT
 *
 * signal.c - signals as something to wait for; hark/signal.h has the promises.
 *
 * Idea     Occurrences have numbers. A hark_signal remembers the latest that it was told of, and
 *          the latest that was taken from it: when these differ, one is pending. Those of a loop
 *          for one signal share an ear (core/signal.c), through which they are told.
 * Rules    S1  Nobody waits while an occurrence is pending, but for a callback that will be called
 *               soon.
 *          S2  One occurrence is given to one waiter of each hark_signal; a task that was given it
 *               keeps it.
 *          S3  Tasks and callbacks do not mix: a callback stands in the list alone, and stays
 *               there while it is called; so what it is not told of is still pending.
 *          S4  loop->signals counts who waits: a loop in which somebody waits for a signal is not
 *               deadlocked.
 */
#include <hark/signal.h>
#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

static bool is_pending(const hark_signal *s)
{
    return s->came != s->taken;
}

/* All that came, also what the loop has not heard of yet: a close would raise it again. */
static void take(hark_signal *s)
{
    s->taken = s->came = hark__ear_came(s->ear);
    hark__ear_taken(s->ear, s->came);
}

static const hark_signal *signal_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_signal, waiters);
}

static bool is_there(const hark__task *task)
{
    return is_pending(signal_of(task));
}

static void put_signal(const hark_signal *s, struct hark__text *text)
{
    const char *name = sigabbrev_np(s->signo);

    hark__text_put(text, " %d%s%s", s->signo, name ? ", SIG" : "", name ? name : "");
}

static void describe(const hark__task *task, struct hark__text *text)
{
    put_signal(signal_of(task), text);
}

static void leave(hark__task *task)
{
    hark__here->signals--;
    hark__leave_list(task);
}

static const struct hark__wait_kind signal_kind = {
    .what = "signal",
    .leave = leave,
    .describe = describe,
    .there = is_there,
    .stands = hark__stands_in_list,
};

/* ---- giving ---------------------------------------------------------------------------------- */

static bool is_watch(const struct hark_waiter *waiter)
{
    return waiter && (waiter->owner & OWNER_KIND) == OWNER_WATCH;
}

/* Rule S2. Last of all the callback: s may be gone then. */
static void give(hark_signal *s)
{
    struct hark_waiter *waiter = s->waiters.first;

    if (!planted(signal_is_given_twice)) {
        take(s);
    }
    if (is_watch(waiter)) {
        hark_watch *watch = hark__owner_of(waiter);
        hark__call_back(watch->fn, watch->arg);
    } else {
        hark__here->signals--;
        hark__wake(waiter, 0);
    }
}

static hark_signal *next_to_give(const struct hark__ear *ear)
{
    hark_signal *s = ear->loop->heard;

    while (s && !(s->ear == ear && is_pending(s) && s->waiters.first)) {
        s = s->next;
    }
    return s;
}

/* Callbacks may open and close any of them. */
static void hear(struct hark__ear *ear)
{
    uint32_t came = hark__ear_came(ear);
    hark_signal *s;

    for (s = ear->loop->heard; s; s = s->next) {
        s->came = s->ear == ear ? came : s->came;
        s->taken = planted(signal_before_the_wait_is_lost) && !s->waiters.first ? s->came : s->taken;
    }
    while ((s = next_to_give(ear))) {
        give(s);
        if (planted(signal_reaches_one)) {
            return;
        }
    }
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* NULL in it: it is not open here. What it holds is not looked at, for it may hold anything. */
static hark_signal **link_to(hark_loop *loop, const hark_signal *s)
{
    hark_signal **link = &loop->heard;

    while (*link && *link != s) {
        link = &(*link)->next;
    }
    return link;
}

int hark_signal_open(hark_signal *s, int signo)
{
    static const char call[] = "hark_signal_open";
    hark_loop *loop = hark__loop_here();
    struct hark__ear *ear;

    if (!s) {
        return hark__fail(-EINVAL, call, "the signal is NULL");
    }
    if (!loop) {
        return hark__fail(-ENOTSUP, call, "there is no loop in this thread");
    }
    if (*link_to(loop, s)) {
        return hark__fail(-EALREADY, call, "it is open already, for signal %d", s->signo);
    }
    int error = hark__ear_open(&ear, loop, signo, hear, call);
    if (error) {
        return error;
    }
    uint32_t came = hark__ear_came(ear), taken = came - planted(signal_hears_what_came_before);
    *s = (hark_signal){{NULL, 0, loop->id}, ear, loop->heard, came, taken, signo};
    loop->heard = s;
    return 0;
}

/* Was it ever opened, and may it be used here? Where the list is bound anew, its loop is gone, and
 * has closed it. */
static int check(hark_signal *s, const char *call, bool waits)
{
    if (!s || !s->signo) {
        return hark__fail(-EINVAL, call, "the signal is %s", s ? "not open" : "NULL");
    }
    uint32_t loop = s->waiters.loop;
    int error = waits ? hark__enter(&s->waiters, call) : hark__touch(&s->waiters, call);
    if (!error && s->waiters.loop != loop) {
        s->ear = NULL;
    }
    return error;
}

static int closed(int signo, const char *call)
{
    return hark__fail(-ENODATA, call, "signal %d was closed", signo);
}

int hark_signal_close(hark_signal *s)
{
    static const char call[] = "hark_signal_close";
    int error = check(s, call, false);

    if (error || !s->ear) {
        return error ? error : closed(s->signo, call);
    }
    hark_loop *loop = hark__here;
    struct hark__ear *ear = s->ear;
    s->ear = NULL;
    *link_to(loop, s) = s->next;
    if (is_watch(s->waiters.first)) {
        hark_unwatch(hark__owner_of(s->waiters.first));
    }
    while (s->waiters.first && !planted(signal_close_forgets_who_waits)) {
        loop->signals--; /* one at a time: a select may stand here twice, and takes the other out */
        hark__wake(s->waiters.first, -ENODATA);
    }
    hark__ear_close(ear);
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int busy(const hark_signal *s, const char *call)
{
    return hark__fail(-EBUSY, call, "%s waits for this one already; open another for signal %d",
                      is_watch(s->waiters.first) ? "a callback" : "a task", s->signo);
}

int hark_signal_wait(hark_signal *s)
{
    static const char call[] = "hark_signal_wait";
    int rc = check(s, call, true);

    if (rc || !s->ear) {
        return rc ? rc : closed(s->signo, call);
    }
    if (is_watch(s->waiters.first)) {
        return busy(s, call);
    }
    if (is_pending(s)) {
        take(s);
        return hark__pass();
    }
    int signo = s->signo;
    hark__here->signals++;
    rc = hark__wait(&s->waiters, &signal_kind);
    return rc == -ENODATA ? closed(signo, call) : rc;
}

int hark_signal_watch(hark_signal *s, hark_watch *w, hark_callback *fn, void *arg)
{
    static const char call[] = "hark_signal_watch";
    int error = check(s, call, false);

    if (error || !s->ear) {
        return error ? error : closed(s->signo, call);
    }
    if (s->waiters.first) {
        return busy(s, call);
    }
    error = hark__watch_arm(hark__here, w, fn, arg, WATCH_LISTED | WATCH_SIGNAL, call);
    if (error) {
        return error;
    }
    hark__list_add(&s->waiters, &w->in.waiter);
    hark__here->signals++;
    if (is_pending(s)) {
        hark__ear_again(s->ear);
    }
    return 0;
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static int check_case(hark_case *c, const char *call)
{
    hark_signal *s = c->object;
    int error = check(s, call, false);

    if (error) {
        return error;
    }
    c->number = s->signo; /* for the words: it may be gone by then */
    return s->ear && is_watch(s->waiters.first) ? busy(s, call) : 0;
}

static bool take_if_there(hark_case *c)
{
    hark_signal *s = c->object;

    if (s->ear && !is_pending(s)) {
        return false;
    }
    if (s->ear) {
        take(s);
    } else {
        c->result = -ENODATA;
    }
    return true;
}

static int join_case(hark_loop *loop, hark_case *c)
{
    loop->signals++;
    return hark__case_join_list(loop, c);
}

/* Who gives it something takes it out of the count with the list. */
static void leave_case(hark_loop *loop, hark_case *c)
{
    loop->signals -= c->in.waiter.list != NULL;
    hark__case_leave_list(loop, c);
}

static bool case_is_there(hark_case *c)
{
    return is_pending(c->object);
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    put_signal(c->object, text);
}

static void explain_case(hark_case *c, const char *call)
{
    closed((int)c->number, call);
}

static const struct hark__case_kind on_signal = {
    .what = "signal",
    .check = check_case,
    .look = hark__look_at_one,
    .ready = take_if_there,
    .join = join_case,
    .leave = leave_case,
    .there = case_is_there,
    .stands = hark__case_stands_in_list,
    .describe = describe_case,
    .explain = explain_case,
};

_Static_assert(offsetof(hark_signal, waiters) == 0, "a case's object is its list");

hark_case hark_on_signal(hark_signal *s)
{
    return (hark_case){.kind = &on_signal, .object = s};
}
