/* SPDX-License-Identifier: MIT
 *
 * future.c - an event that carries a value or a failure; hark/future.h has the promises.
 *
 * Idea     An event with a pointer or a code beside it. A failure's words are kept by the loop, by
 *          serial (core/error.c), and given to whoever waits while they are recent.
 * Rules    U1  Nobody waits for a future that is ready; it is sent or failed once, until it is
 *              reset.
 *          U2  Cancelling a waiter does nothing to the future.
 *          U3  A failure that nobody has looked at is told on stderr when the future is reset, or
 *              when the group of its hark_go_future closes.
 *          U4  A waiter gets what it was woken with, even if the future is reset and sent anew
 *              before it runs.
 */
#include "core/core.h"
#include "sync/sync.h"

static bool is_ready(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_future, waiters)->ready;
}

static const struct hark__wait_kind future_kind = {
    .what = "a future",
    .leave = hark__leave_list,
    .there = is_ready,
    .stands = hark__stands_in_list,
};

int hark_future_init(hark_future *f)
{
    if (!f) {
        return hark__fail(-EINVAL, "hark_future_init", "the future is NULL");
    }
    *f = (hark_future)HARK_FUTURE_INIT;
    return 0;
}

bool hark_future_ready(const hark_future *f)
{
    return f && f->ready;
}

/* May the future be given its value or failure now? */
static int check_pending(hark_future *f, const char *call)
{
    int error = f ? hark__touch(&f->waiters, call) : hark__fail(-EINVAL, call, "the future is NULL");

    if (!error && f->ready && !planted(future_second_wins)) {
        error =
            hark__fail(-EALREADY, call,
                       "this future was %s already; the first one stays. Reset it, or use another",
                       f->code ? "failed" : "sent");
    }
    return error;
}

/* What a waiter was given stays its own, whatever becomes of the future before it runs (U4): it is
 * put into its waiter, which has no neighbours any more. */
static void complete(hark_future *f, void *value, int code)
{
    struct hark_waiter *waiter;

    f->value = value;
    f->code = code;
    f->ready = true;
    f->looked_at = code && f->waiters.count;
    while ((waiter = f->waiters.first)) {
        uintptr_t owner = waiter->owner;
        hark__list_remove(waiter);
        if ((owner & OWNER_KIND) == OWNER_TASK) {
            waiter->next = value;
            waiter->prev = (struct hark_waiter *)(uintptr_t)f->words;
        } else if ((owner & OWNER_KIND) == OWNER_CASE) {
            container_of(waiter, hark_case, in.waiter)->number = (int64_t)f->words;
        }
        hark__wake_owner(hark__here, owner, waiter, code);
    }
}

int hark_future_send(hark_future *f, void *value)
{
    int error = check_pending(f, "hark_future_send");

    if (!error) {
        f->words = 0;
        complete(f, value, 0);
    }
    return error;
}

int hark_future_fail(hark_future *f, int code, const char *format, ...)
{
    static const char call[] = "hark_future_fail";
    struct hark__failure failure;
    va_list arguments;
    int error = check_pending(f, call);

    if (error) {
        return error;
    }
    if (code >= 0 || code == -ECANCELED) {
        return hark__fail(
            -EINVAL, call,
            "%d is no failure; give a negative code other than -ECANCELED, which means the waiter's own scopes",
            code);
    }
    hark__failure_fill(&failure, code, __builtin_frame_address(0));
    va_start(arguments, format);
    hark__failure_say(&failure, format, arguments);
    va_end(arguments);
    f->words = hark__loop_here() ? hark__words_keep(hark__here, &failure, NULL) : 0;
    complete(f, NULL, code);
    return 0;
}

/* A failure is passed on, with its words while they are recent. From then on it need not be told on
 * stderr. */
static int pass_failure(int code, uint64_t serial, const char *call)
{
    struct hark__words *words = hark__words_find(hark__here, serial);

    if (!words) {
        return hark__fail(code, call, "the future had failed; its words are gone");
    }
    words->looked_at = true;
    hark__failure_adopt(&words->failure);
    return code;
}

int hark_future_reset(hark_future *f)
{
    static const char call[] = "hark_future_reset";
    int error = f ? hark__touch(&f->waiters, call) : hark__fail(-EINVAL, call, "the future is NULL");
    struct hark__words *words;

    if (error) {
        return error;
    }
    if (f->waiters.count && !planted(future_reset_under_waiters)) {
        return hark__fail(-EBUSY, call, "%u still wait for it", f->waiters.count);
    }
    if (!f->ready) {
        return hark__fail(-EINVAL, call,
                          "this future was neither sent nor failed: there is nothing to reset");
    }
    if (f->code && !f->looked_at) {
        words = hark__words_find(hark__here, f->words);
        if (hark__lint_on(LINT_FUTURE)) {
            hark__report_line(
                NULL,
                "a future that failed with %d (%s) was reset, and nobody had looked at it [lint: future]",
                f->code, words ? words->failure.words : "its words are gone");
        }
        if (words) {
            words->looked_at = true;
        }
    }
    f->ready = false;
    f->value = NULL;
    f->code = 0;
    return 0;
}

/* Of a future that is ready. */
static int outcome(hark_future *f, void **value, const char *call)
{
    if (f->code) {
        f->looked_at = true;
        return pass_failure(f->code, f->words, call);
    }
    if (value) {
        *value = f->value;
    }
    return 0;
}

int hark_future_wait(hark_future *f, void **value)
{
    static const char call[] = "hark_future_wait";
    int error = f ? hark__enter(&f->waiters, call) : hark__fail(-EINVAL, call, "the future is NULL");

    if (error) {
        return error;
    }
    if (f->ready) {
        error = outcome(f, value, call);
        hark__pass();
        return error;
    }
    error = hark__wait(&f->waiters, &future_kind);
    if (error == -ECANCELED) {
        return error;
    }
    const struct hark_waiter *given = &hark__here->running->in.waiter;
    if (error) {
        return pass_failure(error, (uintptr_t)given->prev, call);
    }
    if (value) {
        *value = planted(future_is_read_late) ? f->value : (void *)given->next;
    }
    return 0;
}

int hark_future_watch(hark_future *f, hark_watch *watch, hark_callback *fn, void *arg)
{
    static const char call[] = "hark_future_watch";

    return f ? hark__watch_list(&f->waiters, f->ready, watch, fn, arg, 0, call)
             : hark__fail(-EINVAL, call, "the future is NULL");
}

/* Its code and where its words are, as they were when it was ready (U4): later it may be reset. */
static int await_one(hark_future *f, uint64_t *serial, const char *call)
{
    int error = f->ready ? 0 : hark__enter(&f->waiters, call);

    if (error) {
        return error;
    }
    if (f->ready) {
        *serial = f->words;
        error = f->code ? outcome(f, NULL, call) : 0;
        hark__pass();
        return error;
    }
    error = hark__wait(&f->waiters, &future_kind);
    *serial = (uintptr_t)hark__here->running->in.waiter.prev;
    return error && error != -ECANCELED ? pass_failure(error, *serial, call) : error;
}

int hark_wait_all(hark_future *const *f, int n)
{
    static const char call[] = "hark_wait_all";
    uint64_t serial = 0, first_serial = 0;
    int error, first = 0;

    for (int i = 0; i < n && f; i++) {
        if (!f[i]) {
            return hark__fail(-EINVAL, call, "future %d is NULL", i);
        }
    }
    if (n < 0 || (n > 0 && !f)) {
        return hark__fail(-EINVAL, call, "the array is NULL, or n is negative");
    }
    if ((error = hark__enter_task(call))) {
        return error;
    }
    for (int i = 0; i < n; i++) {
        if ((error = hark__touch(&f[i]->waiters, call))) {
            return error;
        }
    }
    for (int i = 0; i < n; i++) {
        if ((error = await_one(f[i], &serial, call)) == -ECANCELED) {
            return error;
        }
        if (error && !first) {
            first = error;
            first_serial = serial;
        }
    }
    return first ? pass_failure(first, first_serial, call) : 0;
}

/* ---- as a case of a select: its number is where the words are -------------------------------- */

static bool is_there(hark_case *c)
{
    return hark_future_ready(c->object);
}

static bool take_outcome(hark_case *c)
{
    hark_future *f = c->object;

    if (!f->ready) {
        return false;
    }
    c->result = f->code;
    c->number = (int64_t)f->words;
    f->looked_at = f->looked_at || f->code;
    return true;
}

/* The future itself may be gone by now (U4). */
static void explain_case(hark_case *c, const char *call)
{
    pass_failure(c->result, (uint64_t)c->number, call);
}

static bool is_idle(const hark_case *c)
{
    return !((const hark_future *)c->object)->ready;
}

static hark_case *look_at(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, hark__case_is_sound, is_idle);
}

static const struct hark__case_kind on_future = {
    .what = "a future",
    .check = hark__case_check_list,
    .look = look_at,
    .ready = take_outcome,
    .there = is_there,
    .stands = hark__case_stands_in_list,
    .explain = explain_case,
};

_Static_assert(offsetof(hark_future, waiters) == 0, "a case's object is its list");

hark_case hark_on_future(hark_future *f)
{
    return (hark_case){.kind = &on_future, .object = f};
}

/* ---- a task whose result is a future --------------------------------------------------------- */

struct job {
    hark_fn *fn;
    void *arg;
    hark_future *future;
};

static void fail_from_task(hark_future *f, int code)
{
    hark__task *task = hark__here->running;
    hark_group *group = (hark_group *)task->base.outer;
    const struct hark__failure *mine = hark__failure_of(task);
    struct hark__failure failure;

    if (code == -ECANCELED) {
        code = -EOWNERDEAD;
        mine = NULL;
    }
    if (mine && mine->code == code) {
        failure = *mine;
    } else {
        hark__failure_fill(&failure, code, __builtin_frame_address(0));
        snprintf(failure.words, sizeof failure.words, "%s",
                 code == -EOWNERDEAD ? "the task was cancelled before it had a result"
                                     : "the task failed");
        failure.by_user = false;
    }
    f->words = hark__words_keep(hark__here, &failure, group);
    group->notes |= NOTE_FUTURE_FAILED;
    complete(f, NULL, code);
    if (code == -EOWNERDEAD) { /* whoever cancels the rest need not look at them */
        f->looked_at = hark__words_find(hark__here, f->words)->looked_at = true;
    }
}

static int run_job(void *pointer)
{
    const struct job *job = pointer;
    int result = hark__call(job->fn, job->arg);

    if (job->future->ready) {
        /* Somebody else has sent it: the failure must not be lost. */
        return result < 0 && result != -ECANCELED ? result : 0;
    }
    if (result >= 0) {
        hark_future_send(job->future, (void *)(intptr_t)result);
    } else {
        fail_from_task(job->future, result);
    }
    return result == -ECANCELED ? result : 0;
}

hark_task hark_go_future_at(const char *site, hark_group *g, hark_future *f, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_go_future";
    struct job job = {fn, arg, f};
    int error;

    if (!f || !fn) {
        return hark__fail(-EINVAL, call, "the %s is NULL", f ? "task's function" : "future");
    }
    if (f->ready) {
        return hark__fail(-EINVAL, call, "this future is ready already; reset it, or use another");
    }
    if (hark__loop_here() && (error = hark__touch(&f->waiters, call))) {
        return error;
    }
    return hark_go_copy_at(site, g, run_job, &job, sizeof job);
}

hark_task(hark_go_future)(hark_group *g, hark_future *f, hark_fn *fn, void *arg)
{
    return hark_go_future_at("a call of hark_go_future\0"
                             "0task",
                             g, f, fn, arg);
}
