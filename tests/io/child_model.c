/* SPDX-License-Identifier: MIT
 *
 * child_model.c - the end of a child in every order, against waits, cancels and selects.
 *
 * Idea     No child is made: the model is the kernel. Its child lives, ends between any two steps
 *          (hark_test_outside), with a SIGCHLD that is raised for it, and is reaped once at most.
 *          There are no descriptors of processes, for the simulated hub would not hear of them.
 * Rules    1  It is reaped if and only if somebody was told its status.
 *          2  What was posted has been told when a model ends, as in signal_model.c.
 */
#include <hark/child.h>
#include <string.h>

#include "base/sys.h"
#include "stage.h"

enum { PID = 4711, STATUS = 7 << 8 };

static enum { LIVES, ZOMBIE, GONE } state;
static struct hark__sys kernel;
static int told, cut, lost;
static hark_event event;

static int model_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    MUST(type == P_PID && id == PID && options & WEXITED && options & WNOHANG);
    if (state == GONE) {
        errno = ECHILD;
        return -1;
    }
    if (state == ZOMBIE) {
        info->si_pid = PID;
        info->si_code = CLD_EXITED;
        info->si_status = STATUS >> 8;
        state = GONE;
    }
    return 0;
}

static int model_pidfd_open(pid_t pid, unsigned flags)
{
    MUST(pid == PID && flags == 0);
    errno = ENOSYS;
    return -1;
}

static void begin(void)
{
    state = LIVES;
    told = cut = lost = 0;
    hark_event_init(&event);
    kernel = hark__sys;
    hark__sys.waitid = model_waitid;
    hark__sys.pidfd_open = model_pidfd_open;
    open_stage();
}

static int end(void)
{
    const int rc = hark_group_close(&group, 0);
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_settle() == 0);
    hark_scope_close(&scope, 0);
    hark__sys.waitid = kernel.waitid;
    hark__sys.pidfd_open = kernel.pidfd_open;
    MUST((told > 0) == (state == GONE));
    return rc;
}

static void end_child(void *unused)
{
    (void)unused;
    state = ZOMBIE;
    raise(SIGCHLD);
}

static int note(int rc, int status)
{
    MUST(rc != 0 || status == STATUS);
    MUST(rc == 0 || status == -1);
    told += rc == 0;
    cut += rc == -ECANCELED;
    lost += rc == -ECHILD;
    return rc == -ECHILD ? 0 : rc;
}

static int wait_now(void *unused)
{
    int status = -1, rc = hark_child_wait(PID, &status);

    (void)unused;
    return note(rc, status);
}

static int wait_later(void *unused)
{
    stroll();
    return wait_now(unused);
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

/* Finds: a cancelled wait that has reaped it, or that leaves something behind. */
MODEL(child_end_against_cancel, .yields = 1)
{
    begin();
    first = go(wait_later, NULL);
    go(cancel_first, NULL);
    MUST(hark_test_outside(end_child, NULL) == 0);
    const int rc = end();
    WANT(told + cut == 1);
    return rc;
}

/* Finds: a second waiter that is not told, or told of nothing; one who comes when it is gone hears
 * that. */
MODEL(child_two_wait_and_one_is_cancelled, .yields = 1)
{
    begin();
    first = go(wait_now, NULL);
    go(wait_later, NULL);
    go(cancel_first, NULL);
    MUST(hark_test_outside(end_child, NULL) == 0);
    const int rc = end();
    WANT(told + cut + lost == 2 && (told || cut == 2));
    return rc;
}

MODEL(child_all_are_told, .yields = 1)
{
    begin();
    go(wait_now, NULL);
    go(wait_now, NULL);
    MUST(hark_test_outside(end_child, NULL) == 0);
    const int rc = end();
    WANT(told + lost == 2 && told >= 1);
    return rc;
}

static int select_child_or_event(void *unused)
{
    int status = -1;
    hark_case c[] = {hark_on_event(&event), hark_on_child(PID, &status)};
    const int which = hark_select(c, 2);

    (void)unused;
    MUST(which == 1 || status == -1);
    return which == 1 ? note(hark_case_result(&c[1]), status) : which < 0 ? which : 0;
}

static int set_event(void *unused)
{
    (void)unused;
    stroll();
    return hark_event_set(&event);
}

/* Finds: a case that did not happen, and has reaped it all the same. */
MODEL(child_select_against_event, .yields = 1)
{
    begin();
    go(select_child_or_event, NULL);
    go(set_event, NULL);
    MUST(hark_test_outside(end_child, NULL) == 0);
    return end();
}
