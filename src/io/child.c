/* SPDX-License-Identifier: MIT
 *
 * child.c - the end of a child process; hark/child.h has the promises.
 *
 * Idea     A child that somebody waits for has one record in the loop, with the list of those who
 *          wait. Its end is seen by a descriptor of it (pidfd_open), which the hub watches like any
 *          other; where there is none, each SIGCHLD makes us look. Whoever looks and finds that it
 *          has ended reaps it and tells all of the list: in one go, so that no status is taken and
 *          told to nobody.
 * Rules    D1  The record is there as long as somebody waits.
 *          D2  Only waitid for this one pid is ever called: no other child is touched.
 *          D3  The place for the status is filled before the waiter is woken (see
 *              sync/sync.h).
 *          D4  Each who waits holds the loop: the virtual clock stands still, and no deadlock is
 *              reported.
 * Not here Making children, and ending them.
 */
#include <hark/child.h>
#include <hark/signal.h>
#include <sys/wait.h>

#include "io/io.h"

struct child {
    struct child *next;
    pid_t pid;
    int fd;                       /* -1: SIGCHLD tells */
    bool told;                    /* it is being told: who tells ends it */
    struct hark_waitlist waiters; /* offers: the item is the place for the status */
    hark_watch watch;             /* of the descriptor, or of the signal */
    hark_watch soon;
    hark_signal signal;
};

/* Those of this thread's loops. */
static __thread struct child *children;

/* ---- asking the kernel ----------------------------------------------------------------------- */

/* As waitpid says it. */
static int status_of(const siginfo_t *info)
{
    int value = info->si_status;

    return info->si_code == CLD_EXITED   ? W_EXITCODE(value, 0)
           : info->si_code == CLD_DUMPED ? W_EXITCODE(0, value) | WCOREFLAG
                                         : W_EXITCODE(0, value);
}

/* 1: it has ended; 0: it has not; -ECHILD: no child of ours. */
static int ask(pid_t pid, int *status)
{
    siginfo_t info;
    int rc;

    do {
        info = (siginfo_t){.si_code = CLD_EXITED};
        rc = hark__sys.waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return -errno;
    }
    *status = status_of(&info);
    return info.si_pid == pid;
}

/* ---- records --------------------------------------------------------------------------------- */

static struct child *find(const hark_loop *loop, pid_t pid)
{
    struct child *child = children;

    while (child && (child->pid != pid || child->waiters.loop != loop->id)) {
        child = child->next;
    }
    return child;
}

static void end(struct child *child)
{
    struct child **link = &children;

    while (*link != child) {
        link = &(*link)->next;
    }
    *link = child->next;
    if (child->fd >= 0) {
        hark_close(child->fd);
    } else {
        hark_signal_close(&child->signal);
        if (child->soon.state != WATCH_IDLE) {
            hark_unwatch(&child->soon);
        }
    }
    hark__free(child, sizeof *child);
}

/* Everybody; then there is no record any more. */
static void tell(hark_loop *loop, struct child *child, int result, int status)
{
    struct hark_waiter *waiter;

    child->told = true;
    while ((waiter = child->waiters.first)) {
        int *place = hark__offer_item(waiter);
        if (place && !result && !planted(child_status_is_not_told)) {
            *place = status;
        }
        loop->holds--;
        hark__wake(waiter, result);
        if (planted(child_tells_one) && child->waiters.first) {
            loop->holds -= child->waiters.count;
            return;
        }
    }
    end(child);
}

static void leave(hark_loop *loop, struct hark_waiter *waiter)
{
    struct child *child = container_of(waiter->list, struct child, waiters);

    loop->holds--;
    hark__list_remove(waiter);
    if (planted(child_is_reaped_for_nobody) && !child->told) {
        int status;
        ask(child->pid, &status);
    }
    if (!child->waiters.first && !child->told) {
        end(child);
    }
}

static void look(void *arg)
{
    struct child *child = arg;
    int status, rc = ask(child->pid, &status);

    if (rc) {
        tell(hark__here, child, rc < 0 ? rc : 0, status);
    }
}

/* Has it ended? Then it is reaped, and the others who wait are told, too. */
static bool reap(pid_t pid, int *result, int *status)
{
    int rc = ask(pid, status);
    struct child *child = rc ? find(hark__here, pid) : NULL;

    *result = rc < 0 ? rc : 0;
    if (child) {
        tell(hark__here, child, *result, *status);
    }
    return rc != 0;
}

/* ---- being told ------------------------------------------------------------------------------ */

static bool watch_descriptor(hark_loop *loop, struct child *child, const char *call)
{
    child->fd = hark__sys.pidfd_open(child->pid, 0);
    if (child->fd < 0) {
        return false;
    }
    hark__fd_fresh(loop, child->fd, FD_OTHER);
    if (hark__watch_arm(loop, &child->watch, look, child, WATCH_LISTED | WATCH_READER, call) == 0) {
        if (hark__fd_watch(loop, child->fd, FD_IN, &child->watch) == 0) {
            return true;
        }
        child->watch.state = WATCH_IDLE;
        hark__loop_unpromise(loop);
    }
    hark_close(child->fd);
    child->fd = -1;
    return false;
}

/* It may have ended before we heard of anything: so there is one look in any case. */
static int watch_signal(struct child *child)
{
    int error = hark_signal_open(&child->signal, SIGCHLD);

    if (error) {
        return error;
    }
    if ((error = hark_signal_watch(&child->signal, &child->watch, look, child)) ||
        (error = hark_call_soon(&child->soon, look, child))) {
        hark_signal_close(&child->signal);
    }
    return error;
}

static int attend(struct child **ret, hark_loop *loop, pid_t pid, const char *call)
{
    struct child *child = *ret = find(loop, pid);

    if (child) {
        return 0;
    }
    child = hark__alloc(sizeof *child);
    if (!child) {
        return hark__fail(-ENOMEM, call, "no memory to wait for child %d", (int)pid);
    }
    child->pid = pid;
    child->waiters.loop = loop->id;
    int error = watch_descriptor(loop, child, call) ? 0 : watch_signal(child);
    if (error) {
        hark__free(child, sizeof *child);
        return error;
    }
    child->next = children;
    *ret = children = child;
    return 0;
}

static void stand(hark_loop *loop, struct child *child, struct hark_waiter *waiter)
{
    hark__list_add(&child->waiters, waiter);
    loop->holds++;
}

/* ---- one task that waits --------------------------------------------------------------------- */

static const struct child *child_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, const struct child, waiters);
}

static void leave_child(hark__task *task)
{
    leave(hark__here, &task->in.waiter);
}

static void describe(const hark__task *task, struct hark__text *text)
{
    if (task->in.waiter.list) {
        hark__text_put(text, " %d", (int)child_of(task)->pid);
    }
}

static void stands(const hark__task *task, struct hark__audit *audit)
{
    hark__stands_in_list(task, audit);
    hark__audit_hold(audit);
}

static const struct hark__wait_kind child_kind = {
    .what = "the end of child process",
    .leave = leave_child,
    .describe = describe,
    .stands = stands,
};

static int check_pid(pid_t pid, const char *call)
{
    return pid > 0 ? 0
                   : hark__fail(-EINVAL, call, "%d is no child; wait for one by its pid", (int)pid);
}

static int lost(int error, pid_t pid, const char *call)
{
    return hark__fail(
        error, call,
        "%d is no child of this process; or it was, and somebody else has reaped it, or SIGCHLD is ignored",
        (int)pid);
}

int hark_child_wait(pid_t pid, int *status)
{
    static const char call[] = "hark_child_wait";
    int rc = hark__enter_task(call), ended;
    struct child *child;

    if (rc || (rc = check_pid(pid, call))) {
        return rc;
    }
    if (reap(pid, &rc, &ended)) {
        if (rc == 0 && status) {
            *status = ended;
        }
        return rc ? lost(rc, pid, call) : hark__pass();
    }
    hark_loop *loop = hark__here;
    if ((rc = attend(&child, loop, pid, call))) {
        return rc;
    }
    loop->holds++;
    rc = hark__offer_wait(&child->waiters, status, &child_kind);
    return rc && rc != -ECANCELED ? lost(rc, pid, call) : rc;
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static int check_case(hark_case *c, const char *call)
{
    return check_pid((pid_t)c->number, call);
}

static bool reap_if_ended(hark_case *c)
{
    int status;

    if (!reap((pid_t)c->number, &c->result, &status)) {
        return false;
    }
    if (c->result == 0 && c->item) {
        *(int *)c->item = status;
    }
    return true;
}

static int join_case(hark_loop *loop, hark_case *c)
{
    struct child *child;
    int error = attend(&child, loop, (pid_t)c->number, "hark_select");

    if (!error) {
        stand(loop, child, &c->in.waiter);
    }
    return error;
}

static void leave_case(hark_loop *loop, hark_case *c)
{
    if (c->in.waiter.list) {
        leave(loop, &c->in.waiter);
    }
}

/* That it has ended is no wake-up lost: the kernel's news of it may be on their way. */
static bool case_is_there(hark_case *c)
{
    (void)c;
    return false;
}

static void case_stands(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__audit_waiter(audit, task, &c->in.waiter);
    hark__audit_hold(audit);
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    hark__text_put(text, " %d", (int)c->number);
}

static void explain_case(hark_case *c, const char *call)
{
    lost(c->result, (pid_t)c->number, call);
}

static const struct hark__case_kind on_child = {
    .what = "the end of child process",
    .check = check_case,
    .ready = reap_if_ended,
    .join = join_case,
    .leave = leave_case,
    .there = case_is_there,
    .stands = case_stands,
    .describe = describe_case,
    .explain = explain_case,
};

hark_case hark_on_child(pid_t pid, int *status)
{
    return (hark_case){.kind = &on_child, .item = status, .number = pid};
}
