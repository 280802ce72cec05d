/* SPDX-License-Identifier: MIT
 *
 * portal.c - a loop in a thread of its own, for whoever calls into it; hark/portal.h has the
 * promises.
 *
 * Idea     The thread's main task opens a group and waits to be told to close. What is spawned is
 *          posted, begins in that group, and tells its end by a promise inside its own struct.
 *
 *              go --post--> begin: hark_go(group) --> fn --> promise: who waits goes on
 *              close --post--> closes: the group is closed --> the run ends --> joined
 *
 * Rules    J1  What was accepted either runs or fails with -ESHUTDOWN; in both cases its promise is
 *              kept, and after that nobody here touches its struct.
 *          J2  Posts come in order: who was let in before a close has begun before it.
 *          J3  The portal's inside is freed by the last who knows of it: the portal, its thread,
 *              what has not ended, and calls under way. So a call may come at the same time as a
 *              close.
 *          J4  A failure is none of the group's: it cancels nobody.
 * Not here Promises (promise.c); calls into any loop (into.c).
 */
#include <hark/error.h>
#include <hark/event.h>
#include <hark/loop.h>
#include <hark/portal.h>
#include <hark/thread.h>
#include <semaphore.h>
#include <string.h>

#include "thread/meet.h"

struct hark__portal {
    atomic_int refs;
    bool closing; /* under the portal's lock */
    hark_loop *loop;
    pthread_t thread;
    const hark_options *options;
    sem_t opened;
    int result; /* of the run, when it is over */
    struct hark__failure failure;
    hark_promise ended;
    hark_watch close;
    bool cancels; /* the close that was posted */
    /* In the loop. */
    bool is_open, closes, cancelled; /* the last: by who closes it */
    hark_event told;
    hark_group group;
};

/* ---- who knows of it ------------------------------------------------------------------------- */

static void unref(struct hark__portal *in)
{
    if (atomic_fetch_sub(&in->refs, 1) == 1) {
        if (in->loop) {
            hark__loop_unref(in->loop);
        }
        sem_destroy(&in->opened);
        hark__free(in, sizeof *in);
    }
}

static struct hark__portal *ref(hark_portal *p, bool also_closing)
{
    pthread_mutex_lock(&p->lock);
    struct hark__portal *in = p->in;
    if (in && in->closing && !also_closing) {
        in = NULL;
    }
    if (in) {
        atomic_fetch_add(&in->refs, 1);
    }
    pthread_mutex_unlock(&p->lock);
    return in;
}

static bool is_of_this_thread(const struct hark__portal *in)
{
    return pthread_equal(in->loop->thread, pthread_self()) != 0;
}

static int is_null(const char *call, const char *what)
{
    return hark__fail(-EINVAL, call, "the %s is NULL", what);
}

static int is_unused(const char *call)
{
    return hark__fail(-EINVAL, call, "the portal task was never spawned");
}

static int is_closed(const char *call)
{
    return hark__fail(-ESHUTDOWN, call, "the portal is closed, or is closing");
}

/* ---- in the loop ----------------------------------------------------------------------------- */

/* Rule J1: t's memory may be gone when its promise is kept. */
static void finish(hark_portal_task *t, int result)
{
    struct hark__portal *in = t->in;

    if (result >= 0) {
        hark_promise_send(&t->result, (void *)(intptr_t)result);
    } else if (result == -ECANCELED) {
        hark__promise_fail_with(&t->result, -EOWNERDEAD, "the task was cancelled, in its portal");
    } else {
        const struct hark__failure *said = hark__failure_here();
        hark__promise_fail_with(&t->result, result, said->code == result ? said->words : "");
    }
    unref(in);
}

static int run(void *arg)
{
    hark_portal_task *t = arg;
    int result = hark__call(t->fn, t->arg);

    finish(t, result);
    return planted(portal_failure_cancels_the_others) ? result : 0; /* rule J4 */
}

static void begin(void *arg)
{
    hark_portal_task *t = arg;
    struct hark__portal *in = t->in;

    hark__spin_visited(hark__here);
    if (in->closes) {
        finish(t, is_closed("hark_portal_go"));
        return;
    }
    hark_task id = hark_go_at(t->site, &in->group, run, t);
    if (id < 0) {
        finish(t, (int)id);
        return;
    }
    t->id = id;
    if (t->cancelled && !planted(portal_cancel_before_its_start_is_lost)) {
        hark_task_cancel(id);
    }
}

static void close_came(void *arg)
{
    struct hark__portal *in = arg;

    in->closes = true;
    in->cancelled = in->cancels;
    if (in->cancelled) {
        hark_group_cancel(&in->group);
    }
    hark_event_set(&in->told);
}

static int portal_main(void *arg)
{
    struct hark__portal *in = arg;
    hark_loop *loop = hark_loop_hold(hark__here); /* until the close */

    if (!loop) {
        return -ENOMEM;
    }
    atomic_fetch_add(&loop->refs, 1); /* rule J3 */
    in->loop = loop;
    in->is_open = true;
    int error = hark_group_open(&in->group);
    sem_post(&in->opened);
    error = error ? error : hark_event_wait(&in->told);
    in->closes = true;
    return hark_group_close(&in->group, in->cancelled ? 0 : error);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *serve(void *arg)
{
    struct hark__portal *in = arg;
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* a loop would be left behind */
    pthread_setname_np(pthread_self(), "hark-portal");
    in->result = hark_run_with(in->options, portal_main, in);
    const struct hark__failure *said = hark__failure_here();
    if (in->result < 0 && said->code == in->result) {
        in->failure = *said;
    }
    if (!in->is_open) {
        sem_post(&in->opened);
    }
    hark_promise_send(&in->ended, NULL);
    unref(in);
    return NULL;
}

/* The end of a portal's thread, and what it has said. */
static int join(struct hark__portal *in)
{
    hark__sys.thread_join(in->thread, NULL);
    int result = in->result;
    if (result < 0 && in->failure.code == result) {
        hark__failure_adopt(&in->failure);
    }
    return result;
}

/* ---- open and close -------------------------------------------------------------------------- */

int hark_portal_open(hark_portal *p, const hark_options *options)
{
    static const char call[] = "hark_portal_open";

    if (!p) {
        return is_null(call, "portal");
    }
    *p = (hark_portal){.lock = PTHREAD_MUTEX_INITIALIZER};
    struct hark__portal *in = hark__alloc(sizeof *in);
    if (!in) {
        return hark__fail(-ENOMEM, call, "no memory for a portal");
    }
    in->refs = 2;
    in->options = options;
    sem_init(&in->opened, 0, 0);
    int error = hark__sys.thread_start(&in->thread, NULL, serve, in);
    if (error) {
        in->refs = 1;
        unref(in);
        return hark__fail(-error, call, "no thread could be started: %s", strerrordesc_np(error));
    }
    while (sem_wait(&in->opened)) {}
    if (!in->is_open) {
        error = join(in);
        unref(in);
        return error;
    }
    p->in = in;
    return 0;
}

/* May this thread wait for its end? */
static int check_closer(const struct hark__portal *in, const char *call)
{
    if (hark__here && hark__here->runs && !hark__here->running) {
        return hark__no_task(call);
    }
    return is_of_this_thread(in)
               ? hark__fail(-EDEADLK, call,
                            "this is the portal's own thread, which would wait for itself")
               : 0;
}

/* Only who closes it may go on: 0. */
static int begin_close(hark_portal *p, struct hark__portal **ret, const char *call)
{
    pthread_mutex_lock(&p->lock);
    struct hark__portal *in = p->in;
    int error = !in || in->closing ? is_closed(call) : check_closer(in, call);
    if (!error) {
        in->closing = true;
    }
    pthread_mutex_unlock(&p->lock);
    *ret = in;
    return error;
}

/* In a task, only the task waits. Without memory for that, the thread does, in `join`, and when the
 * loop is no more: in a forked child nobody would ever tell. */
static void wait_for_end(struct hark__portal *in)
{
    hark_scope scope;

    if (hark__here && hark__here->runs && hark__loop_alive(in->loop->id) &&
        !hark_scope_open(&scope, HARK_FOREVER)) {
        hark_scope_shield(&scope, true);
        hark_promise_wait(&in->ended, NULL);
        hark_scope_close(&scope, 0);
    }
}

int hark_portal_close(hark_portal *p, bool cancel)
{
    static const char call[] = "hark_portal_close";
    struct hark__portal *in;
    int error;

    if (!p) {
        return is_null(call, "portal");
    }
    if ((error = begin_close(p, &in, call))) {
        return error;
    }
    in->cancels = cancel;
    hark_loop_post(in->loop, &in->close, close_came, in); /* or it has ended already */
    hark_loop_drop(in->loop);                             /* what can never go on is found */
    wait_for_end(in);
    error = join(in);
    pthread_mutex_lock(&p->lock);
    p->in = NULL; /* not before: what still runs may be cancelled until then */
    pthread_mutex_unlock(&p->lock);
    unref(in);
    return error;
}

/* ---- spawning -------------------------------------------------------------------------------- */

static void fill(hark_portal_task *t, struct hark__portal *in, hark_fn *fn, void *arg,
                 const char *site)
{
    *t = (hark_portal_task){.in = in, .fn = fn, .arg = arg, .site = site};
    hark_promise_init(&t->result);
}

static int check(const hark_portal *p, const hark_portal_task *t, hark_fn *fn, const char *call)
{
    return !p    ? is_null(call, "portal")
           : !t  ? is_null(call, "portal task")
           : !fn ? hark__no_function(call)
                 : 0;
}

/* `in` is held, and that is what t holds from now on; NULL: closed. 0: accepted (rule J1). In any
 * case what *t was is gone; refused, it has failed: who waits for it all the same must not hear of
 * what it was before, or wait for ever. */
static int go(const char *site, struct hark__portal *in, hark_portal_task *t, hark_fn *fn,
              void *arg, const char *call)
{
    fill(t, in, fn, arg, site);
    if (in && !hark_loop_post(in->loop, &t->post, begin, t)) {
        return 0;
    }
    if (in) {
        unref(in);
    }
    hark__promise_fail_with(&t->result, -ESHUTDOWN, "the portal was closed before it began");
    return is_closed(call);
}

int hark_portal_go_at(const char *site, hark_portal *p, hark_portal_task *t, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_portal_go";
    int error = check(p, t, fn, call);

    return error ? error : go(site, ref(p, false), t, fn, arg, call);
}

int hark_portal_wait(hark_portal_task *t, int64_t timeout)
{
    static const char call[] = "hark_portal_wait";
    void *value;

    if (!t || !t->fn) {
        return t ? is_unused(call) : is_null(call, "portal task");
    }
    int error = hark_promise_wait_for(&t->result, timeout, &value);
    return error ? error : (int)(intptr_t)value;
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* In the loop. One that has not begun yet is told when it does. */
static int cancel_there(void *arg)
{
    hark_portal_task *t = arg;

    t->cancelled = true;
    if (t->id) {
        hark_task_cancel(t->id);
    }
    return 0;
}

int hark_portal_cancel(hark_portal *p, hark_portal_task *t)
{
    static const char call[] = "hark_portal_cancel";

    if (!p || !t) {
        return is_null(call, p ? "portal task" : "portal");
    }
    if (!t->fn) {
        return is_unused(call);
    }
    struct hark__portal *in = ref(p, true);
    if (!in) {
        return 0; /* then all have ended */
    }
    int error = is_of_this_thread(in) ? cancel_there(t) : hark_loop_call(in->loop, cancel_there, t);
    unref(in);
    return error == -ESHUTDOWN ? 0 : error;
}

/* ---- calling --------------------------------------------------------------------------------- */

/* Before something is spawned that lies on the caller's stack: from then on waiting cannot fail. 0:
 * *ret is held. */
static int enter(hark_portal *p, struct hark__portal **ret, const char *call)
{
    struct hark__portal *in = *ret = ref(p, false);

    if (!in) {
        return is_closed(call);
    }
    int error = is_of_this_thread(in)
                    ? hark__fail(-EDEADLK, call,
                                 "this is the portal's own thread, which would wait for itself; "
                                 "spawn a task with hark_go instead")
                    : hark__party_enter(call);
    if (error) {
        unref(in);
    }
    return error;
}

/* It was cancelled while it waited: so is what it waits for. */
static int cancelled_caller(hark_portal *p, hark_portal_task *t)
{
    hark_scope scope;

    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    hark_portal_cancel(p, t);
    int result = hark_portal_wait(t, HARK_FOREVER);
    hark_scope_close(&scope, 0);
    return result == -EOWNERDEAD ? -ECANCELED : result;
}

static int call_there(const char *site, hark_portal *p, hark_fn *fn, void *arg, const char *call)
{
    struct hark__portal *in;
    hark_portal_task t;
    void *value;
    int error = enter(p, &in, call);

    if (error || (error = go(site, in, &t, fn, arg, call))) {
        return error;
    }
    error = hark_promise_wait(&t.result, &value);
    return error == -ECANCELED ? cancelled_caller(p, &t) : error ? error : (int)(intptr_t)value;
}

int hark_portal_call_at(const char *site, hark_portal *p, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_portal_call";

    if (!p || !fn) {
        return p ? hark__no_function(call) : is_null(call, "portal");
    }
    return call_there(site, p, fn, arg, call);
}

/* ---- starting -------------------------------------------------------------------------------- */

struct start {
    hark_portal_task *t;
    int value;
};

/* Until it has started, its failure is told to who starts it. */
static int run_started(void *arg)
{
    hark_portal_task *t = arg;
    const struct hark__extra *extra = hark__here->running->extra;

    t->begun = true;
    int result = hark__call(t->fn, t->arg);
    bool started = !extra->start;
    finish(t, result);
    return started ? 0 : result;
}

/* A task of the portal, which waits for the start. */
static int start_there(void *arg)
{
    struct start *start = arg;
    hark_portal_task *t = start->t;
    hark_task id = hark_start_at(t->site, &t->in->group, run_started, t, &start->value);

    if (id < 0 && !t->begun) {
        finish(t, (int)id);
    }
    t->id = id > 0 ? id : 0;
    return id < 0 ? (int)id : 0;
}

int hark_portal_start_at(const char *site, hark_portal *p, hark_portal_task *t, hark_fn *fn,
                         void *arg, int *started)
{
    static const char call[] = "hark_portal_start";
    struct start start = {.t = t};
    struct hark__portal *in;
    int error = check(p, t, fn, call);

    if (error || (error = enter(p, &in, call))) {
        return error;
    }
    fill(t, in, fn, arg, site);
    atomic_fetch_add(&in->refs, 1); /* t's, until it has ended */
    error = call_there(site, p, start_there, &start, call);
    if (error && !t->begun && !hark_promise_ready(&t->result)) {
        unref(in); /* start_there has never run */
    }
    unref(in);
    if (!error && started) {
        *started = start.value;
    }
    return error;
}

/* ---- one for all ----------------------------------------------------------------------------- */

hark_portal *hark_portal_enter(hark_portal_shared *s, const hark_options *options)
{
    int error;

    if (!s) {
        errno = -is_null("hark_portal_enter", "shared portal");
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    error = s->users ? 0 : hark_portal_open(&s->portal, options);
    s->users += !error;
    pthread_mutex_unlock(&s->lock);
    errno = error ? -error : errno;
    return error ? NULL : &s->portal;
}

/* Under the shared lock: closing takes its time, so the last one takes the inside along to do it.
 * Who comes meanwhile opens another. */
static int take_along(hark_portal *p, hark_portal *last, const char *call)
{
    pthread_mutex_lock(&p->lock);
    int error = p->in ? check_closer(p->in, call) : 0;
    if (!error) {
        last->in = p->in;
        p->in = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    return error;
}

int hark_portal_leave(hark_portal_shared *s)
{
    static const char call[] = "hark_portal_leave";
    hark_portal last = {.lock = PTHREAD_MUTEX_INITIALIZER};

    if (!s) {
        return is_null(call, "shared portal");
    }
    pthread_mutex_lock(&s->lock);
    int error = !s->users       ? hark__fail(-EPERM, call, "nobody has entered it")
                : s->users == 1 ? take_along(&s->portal, &last, call)
                                : 0;
    bool stays = error || --s->users;
    pthread_mutex_unlock(&s->lock);
    return stays ? error : hark_portal_close(&last, false);
}

/* The calls that note no place: for those who take their address. */
int(hark_portal_call)(hark_portal *p, hark_fn *fn, void *arg)
{
    return hark_portal_call_at("a call of hark_portal_call\0"
                               "0task",
                               p, fn, arg);
}

int(hark_portal_go)(hark_portal *p, hark_portal_task *t, hark_fn *fn, void *arg)
{
    return hark_portal_go_at("a call of hark_portal_go\0"
                             "0task",
                             p, t, fn, arg);
}

int(hark_portal_start)(hark_portal *p, hark_portal_task *t, hark_fn *fn, void *arg, int *started)
{
    return hark_portal_start_at("a call of hark_portal_start\0"
                                "0task",
                                p, t, fn, arg, started);
}
