/* SPDX-License-Identifier: MIT
 *
 * child.c - the end of a child process; hark/child.h has the promises.
 *
 * Idea     A child that somebody waits for has one record in the loop, with the list of those who
 *          wait. Its end is seen by a descriptor of it (pidfd_open), which the hub watches like
 *          any other; where there is none, each SIGCHLD makes us look. Whoever looks and finds
 *          that it has ended reaps it and tells all of the list: in one go, so that no status is
 *          taken and told to nobody.
 * Rules    D1  The record is there as long as somebody waits; that of a process (process.c)
 *              until it is reaped. It is watched only while somebody waits: a child that nobody
 *              waits for keeps no loop from seeing a deadlock.
 *          D2  Only waitid for this one pid is ever called: no other child is touched.
 *          D3  The place for the status is filled before the waiter is woken (see
 *              sync/sync.h), and a process knows it before that.
 *          D4  Each who waits holds the loop: the virtual clock stands still, and no deadlock is
 *              reported. But while a process is asked to end (`loose`) its grace may be virtual.
 *          D5  The list of records is the process's, and has a lock; a record is its loop's
 *              thread's alone. A forked process has no children: it forgets the list.
 * Not here Making children, and ending them: spawn.c, process.c.
 */
#include <hark/child.h>
#include <sys/wait.h>

#include "io/child.h"

static struct hark__child *children; /* of all loops */
static pthread_mutex_t children_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t children_once = PTHREAD_ONCE_INIT;

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
static int ask(pid_t pid, int options, int *status)
{
    siginfo_t info;
    int rc;

    do {
        info = (siginfo_t){.si_code = CLD_EXITED};
        rc = hark__sys.waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | options);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return -errno;
    }
    *status = status_of(&info);
    return info.si_pid == pid;
}

/* The number of a group is nobody else's as long as its leader is not reaped. */
static int ask_and_sweep(const struct hark__child *child, int *status)
{
    if (child->sweeps && ask(child->pid, WNOWAIT, status) > 0) {
        hark__sys.kill(-child->pid, SIGKILL);
    }
    return ask(child->pid, 0, status);
}

bool hark__child_is_ours(const struct hark__child *child)
{
    int status;
    return ask(child->pid, WNOWAIT, &status) >= 0;
}

/* ---- records --------------------------------------------------------------------------------- */

struct hark__child *hark__child_new(hark_process *p)
{
    struct hark__child *child = hark__alloc(sizeof *child);

    if (child) {
        child->fd = -1;
        child->process = p;
    }
    return child;
}

void hark__child_free(struct hark__child *child)
{
    hark__free(child, sizeof *child);
}

static void before_fork(void)
{
    pthread_mutex_lock(&children_lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&children_lock);
}

static void after_fork_in_child(void)
{
    children = NULL;
    pthread_mutex_unlock(&children_lock);
}

static void tell_of_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Has it a descriptor now? Without, it is asked for again when somebody waits. */
static bool open_descriptor(hark_loop *loop, struct hark__child *child)
{
    if (child->fd < 0 && (child->fd = hark__sys.pidfd_open(child->pid, 0)) >= 0) {
        hark__fd_fresh(loop, child->fd, FD_OTHER);
        hark__fd_own(loop, child->fd);
    }
    return child->fd >= 0;
}

void hark__child_born(hark_loop *loop, struct hark__child *child, pid_t pid)
{
    child->pid = pid;
    child->waiters.loop = loop->id;
    if (child->process) {
        open_descriptor(loop, child);
    }
    pthread_once(&children_once, tell_of_forks);
    pthread_mutex_lock(&children_lock);
    child->next = children;
    children = child;
    pthread_mutex_unlock(&children_lock);
}

static struct hark__child *find(const hark_loop *loop, pid_t pid)
{
    struct hark__child *child;

    pthread_mutex_lock(&children_lock);
    child = children;
    while (child && (child->pid != pid || child->waiters.loop != loop->id)) {
        child = child->next;
    }
    pthread_mutex_unlock(&children_lock);
    return child;
}

static void unlist(const struct hark__child *child)
{
    struct hark__child **link = &children;

    pthread_mutex_lock(&children_lock);
    while (*link && *link != child) {
        link = &(*link)->next;
    }
    *link = *link ? child->next : NULL;
    pthread_mutex_unlock(&children_lock);
}

/* Nobody waits any more. */
static void turn_away(struct hark__child *child)
{
    enum hark__child_news how = child->how;

    child->how = NEWS_NONE;
    if (how == NEWS_DESCRIPTOR) {
        hark_unwatch(&child->watch);
    } else if (how == NEWS_SIGNAL) {
        hark_signal_close(&child->signal);
        if (child->soon.state != WATCH_IDLE) {
            hark_unwatch(&child->soon);
        }
    }
}

static void end(struct hark__child *child)
{
    turn_away(child);
    unlist(child);
    if (child->fd >= 0) {
        hark_close(child->fd);
    }
    hark__child_free(child);
}

static void hold(hark_loop *loop, const struct hark__child *child, int change)
{
    loop->holds += child->loose ? 0u : (unsigned)change;
}

void hark__child_loosen(struct hark__child *child, bool loose)
{
    hark_loop *loop = hark__here;
    int count = (int)child->waiters.count;

    hold(loop, child, -count);
    child->loose += loose ? 1 : -1;
    hold(loop, child, count);
}

/* Everybody; then there is no record any more. */
static void tell(hark_loop *loop, struct hark__child *child, int result, int status)
{
    struct hark_waiter *waiter;

    child->told = true;
    if (child->process && !planted(process_is_not_told)) {
        hark__process_told(child->process, result, status);
    }
    while ((waiter = child->waiters.first)) {
        int *place = hark__offer_item(waiter);
        if (place && !result && !planted(child_status_is_not_told)) {
            *place = status;
        }
        hold(loop, child, -1);
        hark__wake(waiter, result);
        if (planted(child_tells_one) && child->waiters.first) {
            hold(loop, child, -(int)child->waiters.count);
            return;
        }
    }
    end(child);
}

void hark__child_leave(hark_loop *loop, struct hark_waiter *waiter)
{
    struct hark__child *child = container_of(waiter->list, struct hark__child, waiters);

    hold(loop, child, -1);
    hark__list_remove(waiter);
    if (planted(child_is_reaped_for_nobody) && !child->told) {
        int status;
        ask(child->pid, 0, &status);
    }
    if (child->waiters.first || child->told) {
        return;
    }
    if (child->process) {
        turn_away(child);
    } else {
        end(child);
    }
}

bool hark__child_look(struct hark__child *child)
{
    int status, rc = ask_and_sweep(child, &status);

    if (rc) {
        tell(hark__here, child, rc < 0 ? rc : 0, status);
    }
    return rc != 0;
}

static void look(void *arg)
{
    hark__child_look(arg);
}

/* Has it ended? Then it is reaped, and the others who wait are told, too. */
static bool reap(pid_t pid, int *result, int *status)
{
    struct hark__child *child = find(hark__here, pid);
    int rc = child ? ask_and_sweep(child, status) : ask(pid, 0, status);

    *result = rc < 0 ? rc : 0;
    if (rc && child) {
        tell(hark__here, child, *result, *status);
    }
    return rc != 0;
}

/* ---- being told ------------------------------------------------------------------------------ */

static bool watch_descriptor(hark_loop *loop, struct hark__child *child, const char *call)
{
    if (!open_descriptor(loop, child)) {
        return false;
    }
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
static int watch_signal(struct hark__child *child)
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

/* From now on we are told of its end. */
static int turn_to(hark_loop *loop, struct hark__child *child, const char *call)
{
    if (child->how != NEWS_NONE) {
        return 0;
    }
    if (watch_descriptor(loop, child, call)) {
        child->how = NEWS_DESCRIPTOR;
        return 0;
    }
    int error = watch_signal(child);
    if (!error) {
        child->how = NEWS_SIGNAL;
    }
    return error;
}

/* Somebody is about to wait for it. */
static int attend(struct hark__child **ret, hark_loop *loop, pid_t pid, const char *call)
{
    struct hark__child *child = *ret = find(loop, pid);

    if (child) {
        return turn_to(loop, child, call);
    }
    child = *ret = hark__child_new(NULL);
    if (!child) {
        return hark__fail(-ENOMEM, call, "no memory to wait for child %d", (int)pid);
    }
    hark__child_born(loop, child, pid);
    int error = turn_to(loop, child, call);
    if (error) {
        end(child);
    }
    return error;
}

static void stand(hark_loop *loop, struct hark__child *child, struct hark_waiter *waiter)
{
    hark__list_add(&child->waiters, waiter);
    hold(loop, child, 1);
}

int hark__child_join(hark_loop *loop, struct hark__child *child, struct hark_waiter *waiter)
{
    int error = turn_to(loop, child, "hark_select");

    if (!error) {
        stand(loop, child, waiter);
    }
    return error;
}

/* ---- one task that waits --------------------------------------------------------------------- */

static const struct hark__child *child_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, const struct hark__child, waiters);
}

static void leave_child(hark__task *task)
{
    hark__child_leave(hark__here, &task->in.waiter);
}

static void describe(const hark__task *task, struct hark__text *text)
{
    const struct hark__child *child = task->in.waiter.list ? child_of(task) : NULL;

    if (child) {
        hark__text_put(text, " %d", (int)child->pid);
    }
    if (child && child->process) {
        hark__text_put(text, " (%s)", child->process->name);
    }
}

static void stands(const hark__task *task, struct hark__audit *audit)
{
    hark__stands_in_list(task, audit);
    if (!child_of(task)->loose) {
        hark__audit_hold(audit);
    }
}

static const struct hark__wait_kind child_kind = {
    .what = "the end of child process",
    .leave = leave_child,
    .describe = describe,
    .stands = stands,
};

static const struct hark__wait_kind killed_kind = {
    .what = "the end of killed child process",
    .describe = describe,
    .stands = stands,
};

static int wait_for(struct hark__child *child, int *status, const struct hark__wait_kind *kind)
{
    hold(hark__here, child, 1);
    return hark__offer_wait(&child->waiters, status, kind);
}

int hark__child_wait(struct hark__child *child, int *status, const char *call)
{
    int error = turn_to(hark__here, child, call);
    return error ? error : wait_for(child, status, &child_kind);
}

int hark__child_outlive(struct hark__child *child, const char *call)
{
    int error = turn_to(hark__here, child, call);
    return error ? error : wait_for(child, NULL, &killed_kind);
}

static int check_pid(pid_t pid, const char *call)
{
    return pid > 0 ? 0
                   : hark__fail(-EINVAL, call, "%d is no child; wait for one by its pid", (int)pid);
}

int hark__child_lost(int error, pid_t pid, const char *call)
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
    struct hark__child *child;

    if (rc || (rc = check_pid(pid, call))) {
        return rc;
    }
    if (reap(pid, &rc, &ended)) {
        if (rc == 0 && status) {
            *status = ended;
        }
        return rc ? hark__child_lost(rc, pid, call) : hark__pass();
    }
    if ((rc = attend(&child, hark__here, pid, call))) {
        return rc;
    }
    rc = wait_for(child, status, &child_kind);
    return rc && rc != -ECANCELED ? hark__child_lost(rc, pid, call) : rc;
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
    struct hark__child *child;
    int error = attend(&child, loop, (pid_t)c->number, "hark_select");

    if (!error) {
        stand(loop, child, &c->in.waiter);
    }
    return error;
}

static void leave_case(hark_loop *loop, hark_case *c)
{
    if (c->in.waiter.list) {
        hark__child_leave(loop, &c->in.waiter);
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
    const struct hark__child *child =
        container_of(c->in.waiter.list, const struct hark__child, waiters);

    hark__audit_waiter(audit, task, &c->in.waiter);
    if (!child->loose) {
        hark__audit_hold(audit);
    }
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    hark__text_put(text, " %d", (int)c->number);
}

static void explain_case(hark_case *c, const char *call)
{
    hark__child_lost(c->result, (pid_t)c->number, call);
}

static const struct hark__case_kind on_child = {
    .what = "the end of child process",
    .check = check_case,
    .look = hark__look_at_one,
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
