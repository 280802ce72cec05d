/* SPDX-License-Identifier: MIT
 *
 * process_model.c - processes in every order: waits, ends, closes and cancels against a child
 * that ends when it likes.
 *
 * Idea     No child is made: the model is the kernel, as in child_model.c, and also starts it,
 *          and gets its signals. A signal that ends it does so later, between any two steps;
 *          SIGTERM only if it listens.
 * Rules    1  Once it is reaped, no signal is sent to its number any more.
 *          2  When whoever opened it is done with it, it is reaped.
 *          3  Who waits is told the one status, or was cancelled.
 *          4  Where a fault was put in, a kill is at once: without memory the library looks for
 *             its end now and then, and the plainest order would let time go on for ever instead.
 */
#include <hark/child.h>
#include <hark/process.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "stage.h"

enum { PID = 4711, OWN = 7 << 8 };

static enum { UNBORN, LIVES, ZOMBIE, GONE } state;
static struct hark__sys kernel;
static hark_process process;
static bool opened, listens, dies;
static int status, told, cut, lost;
enum { MOST = 256 };
static bool is_ours[MOST + 1]; /* opened by what is tried, and open */
static int ours;

static void die_of(int how)
{
    if (state == LIVES) {
        state = ZOMBIE;
        status = how;
        raise(SIGCHLD);
    }
}

static void end_by_itself(void *unused)
{
    (void)unused;
    die_of(OWN);
}

static void end_by_kill(void *unused)
{
    (void)unused;
    die_of(SIGKILL);
}

static void end_by_term(void *unused)
{
    (void)unused;
    die_of(SIGTERM);
}

static int model_spawn(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const *argv,
                       char *const *environment)
{
    MUST(program && actions && attributes && argv[0] == program && environment);
    MUST(state == UNBORN);
    if (hark_test_choose(2)) {
        return ENOENT;
    }
    state = LIVES;
    *pid = PID;
    return 0;
}

static int model_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    MUST(type == P_PID && id == PID && options & WEXITED && options & WNOHANG);
    if (state == GONE) {
        errno = ECHILD;
        return -1;
    }
    if (state == ZOMBIE) {
        info->si_pid = PID;
        info->si_code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
        info->si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        state = options & WNOWAIT ? ZOMBIE : GONE;
    }
    return 0;
}

static int model_kill(pid_t pid, int signo)
{
    MUST(pid == PID);
    MUST(state == LIVES || state == ZOMBIE); /* rule 1 */
    if (signo == SIGKILL && hark_test_disturbed()) {
        die_of(SIGKILL); /* rule 4 */
    } else if (signo == SIGKILL && !dies) {
        dies = true;
        MUST(hark_test_outside(end_by_kill, NULL) == 0);
    } else if (signo == SIGTERM && listens) {
        MUST(hark_test_outside(end_by_term, NULL) == 0);
    }
    return 0;
}

static int model_pidfd_open(pid_t pid, unsigned flags)
{
    MUST(pid == PID && flags == 0);
    errno = ENOSYS;
    return -1;
}

static int note_open(int fd)
{
    ours += fd >= 0;
    is_ours[fd >= 0 && fd < MOST ? fd : MOST] = true;
    return fd;
}

static int model_pipe2(int ends[2], int flags)
{
    const int rc = kernel.pipe2(ends, flags);

    if (rc == 0) {
        note_open(ends[0]);
        note_open(ends[1]);
    }
    return rc;
}

static int model_open(const char *path, int flags, mode_t mode)
{
    return note_open(kernel.open(path, flags, mode));
}

static int model_close(int fd)
{
    if (fd >= 0 && fd < MOST && is_ours[fd]) {
        is_ours[fd] = false;
        ours--;
    }
    return kernel.close(fd);
}

static void begin_kernel(void)
{
    state = UNBORN;
    opened = listens = dies = false;
    status = told = cut = lost = ours = 0;
    memset(is_ours, 0, sizeof is_ours);
    kernel = hark__sys;
    hark__sys.posix_spawnp = model_spawn;
    hark__sys.waitid = model_waitid;
    hark__sys.kill = model_kill;
    hark__sys.pidfd_open = model_pidfd_open;
}

/* What was posted is told: the next schedule has the same box. */
static void end_kernel(void)
{
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_settle() == 0);
    hark_scope_close(&scope, 0);
    hark__sys.posix_spawnp = kernel.posix_spawnp;
    hark__sys.waitid = kernel.waitid;
    hark__sys.kill = kernel.kill;
    hark__sys.pidfd_open = kernel.pidfd_open;
    MUST(state == UNBORN || state == GONE); /* rule 2 */
}

static const char *const argv[] = {"program", NULL};

/* Is it open? */
static bool begin(bool it_listens)
{
    const hark_process_options how = {.size = sizeof how, .grace = 3};

    begin_kernel();
    listens = it_listens;
    const int rc = hark_process_open(&process, &how, argv);
    opened = rc == 0;
    MUST(opened == (state == LIVES));
    WANT(opened || rc == -ENOENT);
    open_stage();
    return opened;
}

static int end(void)
{
    const int rc = hark_group_close(&group, 0);
    int says = -1;

    if (opened) {
        MUST(hark_process_close(&process) == 0);
        MUST(hark_process_close(&process) == 0);
        MUST(hark_process_ended(&process) == 1);
        MUST(hark_process_signal(&process, SIGTERM) == -ESRCH);
        if (hark_process_wait(&process, &says) == 0) {
            MUST(says == status);
        }
    }
    end_kernel();
    return rc;
}

static int note(int rc, int says)
{
    MUST(rc == 0 ? says == status && state == GONE : says == -1);
    told += rc == 0;
    cut += rc == -ECANCELED;
    lost += rc == -ECHILD;
    return rc == -ECHILD ? 0 : rc;
}

static int wait_now(void *unused)
{
    int says = -1, rc = hark_process_wait(&process, &says);

    (void)unused;
    return note(rc, says);
}

static int wait_by_number(void *unused)
{
    int says = -1, rc = hark_child_wait(PID, &says);

    (void)unused;
    return note(rc, says);
}

static int wait_later(void *unused)
{
    stroll();
    return wait_now(unused);
}

static int select_it(void *unused)
{
    hark_case c[] = {hark_on_process(&process), hark_on_time(hark_now() + 2)};
    const int which = hark_select(c, 2);

    (void)unused;
    MUST(which != 0 || (hark_case_result(c) == 0 && hark_process_ended(&process) == 1));
    return which < 0 ? which : 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

static int close_it(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_process_close(&process) == 0);
    MUST(state == GONE);
    return 0;
}

static int end_it(void *unused)
{
    int rc;

    (void)unused;
    stroll();
    rc = hark_process_end(&process);
    MUST(rc == 0 || rc == 1);
    MUST(state == GONE);
    return 0;
}

static int signal_it(void *unused)
{
    (void)unused;
    stroll();
    const int rc = hark_process_signal(&process, SIGUSR1);
    MUST(rc == (state == GONE ? -ESRCH : 0));
    return 0;
}

/* Finds: a close that leaves it, a waiter that nobody tells. */
MODEL(process_wait_against_close, .yields = 1)
{
    if (begin(false)) {
        first = go(wait_now, NULL);
        go(close_it, NULL);
        go(cancel_first, NULL);
        MUST(hark_test_outside(end_by_itself, NULL) == 0);
    }
    const int rc = end();
    WANT(!opened || told + cut == 1);
    return rc;
}

/* Finds: a grace that never ends, a child that was asked and is forgotten, a clock that stands. */
MODEL(process_end_against_wait, .yields = 1)
{
    if (begin(hark_test_choose(2))) {
        go(wait_later, NULL);
        go(end_it, NULL);
    }
    const int rc = end();
    WANT(!opened || told == 1);
    return rc;
}

MODEL(process_end_is_never_cut_short, .yields = 1)
{
    if (begin(hark_test_choose(2))) {
        first = go(end_it, NULL);
        go(cancel_first, NULL);
    }
    return end();
}

MODEL(process_close_is_never_cut_short, .yields = 1)
{
    if (begin(false)) {
        first = go(close_it, NULL);
        go(cancel_first, NULL);
        MUST(hark_test_outside(end_by_itself, NULL) == 0);
    }
    return end();
}

MODEL(process_ended_by_two, .yields = 1)
{
    if (begin(false)) {
        go(end_it, NULL);
        go(close_it, NULL);
    }
    return end();
}

MODEL(process_select_against_close, .yields = 1)
{
    if (begin(false)) {
        go(close_it, NULL);
        go(select_it, NULL);
    }
    return end();
}

/* Finds: a process that does not know that its child was reaped by its number. */
MODEL(process_signal_against_its_number, .yields = 1)
{
    if (begin(false)) {
        go(wait_by_number, NULL);
        go(signal_it, NULL);
        MUST(hark_test_outside(end_by_itself, NULL) == 0);
    }
    const int rc = end();
    WANT(!opened || told == 1);
    return rc;
}

static void reap_it(void *unused)
{
    (void)unused;
    if (state == ZOMBIE || state == LIVES) {
        state = GONE;
        raise(SIGCHLD);
    }
}

/* Finds: a signal for a number that is anybody's by now. */
MODEL(process_signal_against_a_stranger, .yields = 1)
{
    if (begin(false)) {
        go(wait_now, NULL);
        go(signal_it, NULL);
        MUST(hark_test_outside(reap_it, NULL) == 0);
    }
    const int rc = end();
    WANT(!opened || lost == 1);
    return rc;
}

static int run_it(void *unused)
{
    const hark_process_options how = {.size = sizeof how, .grace = 3};
    int says = -1, rc = hark_process_run(&how, argv, &says);

    (void)unused;
    MUST(state == UNBORN || state == GONE);
    MUST(state == GONE ? says == status : says == -1);
    MUST(rc != 0 || status == OWN || hark_test_disturbed());
    return rc == -ENOENT ? 0 : rc;
}

MODEL(process_run_against_cancel, .yields = 1)
{
    begin_kernel();
    open_stage();
    listens = hark_test_choose(2);
    first = go(run_it, NULL);
    go(cancel_first, NULL);
    MUST(hark_test_outside(end_by_itself, NULL) == 0);
    const int rc = hark_group_close(&group, 0);
    end_kernel();
    return rc;
}

/* Finds: a pipe of a child that was never born. */
MODEL(process_pipes_of_a_child_that_cannot_be_run)
{
    const hark_process_options how = {
        .size = sizeof how, .in = HARK_PIPE, .out = HARK_PIPE, .err = HARK_NULL};

    begin_kernel();
    hark__sys.pipe2 = model_pipe2;
    hark__sys.open = model_open;
    hark__sys.close = model_close;
    const int rc = hark_process_open(&process, &how, argv);
    if (rc == 0) {
        MUST(process.in >= 0 && process.out >= 0 && process.err == -1);
        MUST(hark_process_close(&process) == 0);
    }
    hark__sys.pipe2 = kernel.pipe2;
    hark__sys.open = kernel.open;
    hark__sys.close = kernel.close;
    MUST(process.in == -1 && process.out == -1 && ours == 0);
    end_kernel();
    return rc == -ENOENT ? 0 : rc;
}
