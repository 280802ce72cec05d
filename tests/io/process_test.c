/* SPDX-License-Identifier: MIT
 *
 * process_test.c - other programs as children: making them, talking to them, their ends (PR-.. of
 * tests/LEDGER.md), what breaks there (P, N, F of the failure modes), and the known bugs of
 * others (BG-..) that belong there.
 *
 * Rules    1  Children are real programs that every system has: sh, cat, sleep, true, yes, head.
 *          2  BOTH_WAYS runs a test twice: with descriptors of processes, and as under a kernel
 *             or a sandbox that has none.
 *          3  A child that is to be in some state says so through a pipe: nobody guesses.
 *          4  Each test ends with no child left, dead or alive.
 * Not here Every way in which a child can be made: spawn_test.c. Every order: process_model.c.
 */
#include "child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* ---- talking and waiting --------------------------------------------------------------------- */

BOTH_WAYS(process_PR_01_pipes_an_exit_code_and_signals)
{
    hark_process p;
    char word[4];
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE, .err = HARK_PIPE),
       "read line; echo $line; echo oh >&2; exit 7");
    CHECK_GT(p.pid, 0);
    CHECK_EQ(hark_write_full(p.in, "abc\n", 4, NULL), 0);
    CHECK_EQ(hark_read_full(p.out, word, 4, NULL), 0);
    CHECK(memcmp(word, "abc\n", 4) == 0);
    CHECK_EQ(hark_read_full(p.err, word, 3, NULL), 0);
    CHECK(memcmp(word, "oh\n", 3) == 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 7 << 8);
    CHECK_EQ(hark_process_close(&p), 0);
    for (int i = 0; i < 3; i++) {
        const int signals[] = {SIGTERM, SIGKILL, SIGUSR1};
        sh(&p, NULL, "exec sleep 60");
        CHECK_EQ(hark_process_signal(&p, signals[i]), 0);
        CHECK_EQ(hark_process_wait(&p, &status), 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        CHECK_EQ(hark_process_close(&p), 0);
    }
}

BOTH_WAYS(process_PR_01_communicate)
{
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;
    hark_process p;
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE, .err = HARK_PIPE), "cat; echo over >&2; exit 3");
    CHECK_EQ(hark_process_communicate(&p, "to and fro", 10, &out, &err), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 3 << 8);
    CHECK_STR(out.data, "to and fro");
    CHECK_STR(err.data, "over\n");
    CHECK_EQ(p.in, -1);
    CHECK_EQ(hark_process_close(&p), 0);
    hark_output_free(&out);
    hark_output_free(&err);
    CHECK(out.data == NULL && out.size == 0);
}

static hark_process *given_up;

static int close_and_free(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_process_close(given_up), 0);
    mprotect(given_up, 4096, PROT_NONE);
    return 0;
}

/* It has ended, so closing does not wait; who talks has tasks that have not begun. */
BOTH_WAYS(process_closed_and_freed_while_somebody_begins_to_talk)
{
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;

    given_up = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sh(given_up, HOW(.in = HARK_PIPE, .out = HARK_PIPE, .err = HARK_PIPE), "sleep 1000 & echo $!");
    CHECK_EQ(hark_process_wait(given_up, NULL), 0);
    CHECK_GT(hark_go(&group, close_and_free, NULL), 0);
    CHECK_EQ(hark_process_communicate(given_up, "x", 1, &out, &err), -EBADF);
    CHECK_GT(out.size, 0);
    kill(atoi(out.data), SIGKILL);
    hark_output_free(&out);
    hark_output_free(&err);
    munmap(given_up, 4096);
}

static struct hark__sys kept;

/* There is always some more, as on a busy machine. */
static int poll_for_more(struct pollfd *fds, nfds_t count, int timeout)
{
    return kept.poll(fds, count, timeout ? timeout : 100);
}

/* Somebody in the background has its output, too, and writes for ever. */
INSIDE_BY(TEST, RUN, process_run_cut_short_does_not_wait_for_strangers)
{
    const char *const argv[] = {"sh", "-c", "timeout 10 yes & exec sleep 100", NULL};
    hark_output out = HARK_OUTPUT_INIT;
    const hark_process_options how = {.size = sizeof how, .output = &out};
    const int64_t before = hark_now();

    out.max = 100;
    kept = hark__sys;
    hark__sys.poll = poll_for_more;
    CHECK_EQ(hark_within(HARK_MS(200), hark_process_run(&how, argv, NULL)), -ETIMEDOUT);
    hark__sys = kept;
    CHECK_LT(hark_now() - before, HARK_S(5));
    hark_output_free(&out);
}

BOTH_WAYS(process_PR_02_a_child_that_does_not_listen)
{
    const size_t size = 1 << 20;
    char *input = calloc(1, size);
    hark_process p;

    sh(&p, HOW(.in = HARK_PIPE), "exec true");
    CHECK_EQ(hark_process_communicate(&p, input, size, NULL, NULL), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, HOW(.in = HARK_PIPE), "exec true");
    CHECK_EQ(hark_write_full(p.in, input, size, NULL), -EPIPE);
    CHECK_EQ(hark_process_wait(&p, NULL), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    free(input);
}

BOTH_WAYS(process_PR_03_a_cancelled_wait_leaves_the_child)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE), "read line; exit 5");
    CHECK_EQ(hark_within(HARK_MS(1), hark_process_wait(&p, &status)), -ETIMEDOUT);
    CHECK_EQ(hark__here->holds, 0);
    CHECK_EQ(hark_process_ended(&p), 0);
    CHECK_EQ(hark_write_full(p.in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 5 << 8);
    CHECK_EQ(hark_process_close(&p), 0);
}

BOTH_WAYS(process_PR_03_a_cancelled_open_runs_nothing)
{
    hark_process p;
    hark_scope scope;

    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_process_open(&p, NULL, ARGV("true")), -ECANCELED);
    CHECK_EQ(hark_process_close(&p), -EINVAL);
    CHECK_SILENT(hark_process_run(NULL, ARGV("true"), NULL), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
}

BOTH_WAYS(process_PR_04_close_kills_a_running_child_only)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.out = HARK_PIPE), "trap '' TERM INT HUP; echo; exec sleep 60");
    await_byte(p.out);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(p.out, -1);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGKILL);
    sh(&p, NULL, "exit 4");
    await_zombie(p.pid);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 4 << 8);
    CHECK_EQ(hark_process_ended(&p), 1);
}

static hark_process shared;

static int wait_for_shared(void *arg)
{
    int status = -1;
    const int rc = hark_process_wait(&shared, &status);

    (void)arg;
    kit_log("%s:%x", outcome(rc), (unsigned)status);
    return rc == -ECANCELED || rc == -ECHILD ? 0 : rc;
}

BOTH_WAYS(process_PR_05_all_who_wait_are_told)
{
    sh(&shared, HOW(.in = HARK_PIPE), "read line; exit 1");
    for (int i = 0; i < 5; i++) {
        CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark__here->holds, 5);
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_process_wait(&shared, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("ok:100 ok:100 ok:100 ok:100 ok:100");
    CHECK_EQ(hark_process_close(&shared), 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

/* P7, BG-120: a grandchild keeps the pipes. */
BOTH_WAYS(process_PR_06_ends_with_the_process_not_with_its_pipes)
{
    hark_process p;
    char word[5];
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE), "exec 3<&0; cat <&3 & echo left");
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(hark_read_full(p.out, word, 5, NULL), 0);
    CHECK(memcmp(word, "left\n", 5) == 0);
    CHECK_EQ(hark_write_full(p.in, "x", 1, NULL), 0);
    await_byte(p.out);
    CHECK_EQ(hark_process_close(&p), 0); /* which is the grandchild's end of file */
}

BOTH_WAYS(process_PR_09_who_left_is_not_told)
{
    sh(&shared, HOW(.in = HARK_PIPE), "read line");
    const hark_task leaving = hark_go(&group, wait_for_shared, NULL);
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_task_cancel(leaving), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_process_wait(&shared, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("cancelled:ffffffff ok:0");
    CHECK_EQ(hark_process_close(&shared), 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

BOTH_WAYS(process_PR_11_its_end_is_seen_without_waiting)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE), "read line; exit 6");
    CHECK_EQ(hark_process_ended(&p), 0);
    CHECK_EQ(hark_write_full(p.in, "\n", 1, NULL), 0);
    await_zombie(p.pid);
    CHECK_EQ(hark_process_ended(&p), 1);
    CHECK_EQ(hark_process_ended(&p), 1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_process_wait(&p, &status), 0);
        CHECK_EQ(status, 6 << 8);
    }
    CHECK_EQ(hark_process_close(&p), 0);
}

/* One waits; the child ends; another looks, and takes the status with it: the first is told. */
BOTH_WAYS(process_PR_12_who_looks_takes_nobodys_wakeup)
{
    int status = -1;

    sh(&shared, HOW(.in = HARK_PIPE), "read line; exit 2");
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    await_zombie(shared.pid);
    CHECK_EQ(hark_process_ended(&shared), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok:200");
    CHECK_EQ(hark_process_close(&shared), 0);
    /* and by its number, which anybody may wait for: the process knows it all the same */
    sh(&shared, HOW(.in = HARK_PIPE), "read line; exit 9");
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_child_wait(shared.pid, &status), 0);
    CHECK_EQ(status, 9 << 8);
    CHECK_EQ(hark_process_signal(&shared, SIGTERM), -ESRCH);
    CHECK_EQ(hark_process_wait(&shared, &status), 0);
    CHECK_EQ(status, 9 << 8);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok:900");
    CHECK_EQ(hark_process_close(&shared), 0);
}

/* ---- whose status is lost -------------------------------------------------------------------- */

INSIDE_BY(TEST_ON_HUBS, RUN, process_PR_10_PR_15_an_ignored_SIGCHLD_does_not_hang_the_wait)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
    hark_process p;
    int status = -1;

    CHECK_EQ(sigaction(SIGCHLD, &ignore, NULL), 0);
    sh(&p, HOW(.in = HARK_PIPE), "read line");
    CHECK_EQ(hark_within(HARK_MS(1), hark_process_wait(&p, &status)), -ETIMEDOUT);
    CHECK_EQ(hark_write_full(p.in, "\n", 1, NULL), 0);
    CHECK_MISUSE(hark_process_wait(&p, &status), -ECHILD, "SIGCHLD is ignored");
    CHECK_MISUSE(hark_process_wait(&p, &status), -ECHILD, "SIGCHLD is ignored");
    CHECK_EQ(status, -1);
    CHECK_EQ(hark_process_ended(&p), 1);
    CHECK_EQ(hark_process_signal(&p, SIGTERM), -ESRCH);
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, NULL, "exec sleep 60");
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(hark_process_run(NULL, ARGV("true"), &status), -ECHILD);
    CHECK_EQ(sigaction(SIGCHLD, &usual, NULL), 0);
}

BOTH_WAYS(process_P4_somebody_else_reaps_it)
{
    hark_process p;
    int status = -1;
    hark_case c[] = {hark_on_process(&p)};

    sh(&shared, HOW(.in = HARK_PIPE), "read line; exit 2");
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    CHECK_EQ(waitpid(-1, NULL, 0), shared.pid);
    CHECK_EQ(hark_process_wait(&shared, &status), -ECHILD);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("ECHILD:ffffffff");
    CHECK_EQ(status, -1);
    CHECK_EQ(hark_process_end(&shared), 0);
    CHECK_EQ(hark_process_close(&shared), 0);
    sh(&p, NULL, "exit 2");
    CHECK_EQ(waitpid(-1, NULL, 0), p.pid);
    c[0] = hark_on_process(&p);
    CHECK_MISUSE(hark_select(c, 1), 0, "somebody else has reaped it");
    CHECK_EQ(hark_case_result(c), -ECHILD);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

/* P3: its number may be anybody's by now. Here it is ours: nobody may be hit. */
BOTH_WAYS(process_P3_a_number_that_was_reaped_is_not_signalled)
{
    hark_process p;
    struct hark__sys before = hark__sys;

    sh(&p, NULL, "exit 0");
    CHECK_EQ(waitpid(p.pid, NULL, 0), p.pid);
    hark__sys.kill = no_kill;
    hark__sys.pidfd_send_signal = no_pidfd_send_signal;
    CHECK_MISUSE(hark_process_signal(&p, SIGKILL), -ESRCH, "has ended");
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    hark__sys.kill = before.kill;
    hark__sys.pidfd_send_signal = before.pidfd_send_signal;
}

/* ---- select, other tasks --------------------------------------------------------------------- */

BOTH_WAYS(process_select_of_several)
{
    hark_process p[2];
    int status = -1;

    sh(&p[0], HOW(.in = HARK_PIPE), "read line");
    sh(&p[1], HOW(.in = HARK_PIPE), "read line; exit 8");
    hark_case c[] = {hark_on_process(&p[0]), hark_on_process(&p[1]), hark_on_time(0)};
    CHECK_EQ(hark_select(c, 3), 2);
    CHECK_EQ(hark_try_select(c, 2), -EAGAIN);
    CHECK_EQ(hark_write_full(p[1].in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_select(c, 2), 1);
    CHECK_EQ(hark_case_result(&c[1]), 0);
    CHECK_EQ(hark__here->holds, 0);
    CHECK_EQ(hark_try_select(c, 2), 1);
    CHECK_EQ(hark_process_wait(&p[1], &status), 0);
    CHECK_EQ(status, 8 << 8);
    CHECK_EQ(hark_process_close(&p[0]), 0);
    CHECK_EQ(hark_process_close(&p[1]), 0);
}

BOTH_WAYS(process_PR_19_waiting_holds_nobody_up)
{
    hark_output out = HARK_OUTPUT_INIT;
    hark_process p;

    CHECK_GT(hark_go(&group, tick, NULL), 0);
    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE), "cat; sleep 0.02");
    int before = ticks.count;
    CHECK_EQ(hark_within(HARK_MS(1), hark_process_wait(&p, NULL)), -ETIMEDOUT);
    CHECK_GT(ticks.count, before);
    before = ticks.count;
    CHECK_EQ(hark_process_communicate(&p, "x", 1, &out, NULL), 0);
    CHECK_GT(ticks.count, before + 1);
    before = ticks.count;
    CHECK_EQ(hark_process_wait(&p, NULL), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_STR(out.data, "x");
    hark_output_free(&out);
    ticks.stop = true;
}

/* ---- ending ---------------------------------------------------------------------------------- */

BOTH_WAYS(process_P8_asked_then_killed)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.out = HARK_PIPE), "trap 'echo bye; exit 3' TERM; echo; while :; do sleep 0.01; done");
    await_byte(p.out);
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 3 << 8);
    await_byte(p.out); /* its pipes are open still: "bye" */
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, HOW(.out = HARK_PIPE, .grace = HARK_MS(5)), "trap '' TERM; echo; exec sleep 60");
    await_byte(p.out);
    CHECK_EQ(hark_process_end(&p), 1);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGKILL);
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, HOW(.end_signal = SIGINT), "exec sleep 60");
    CHECK_EQ(hark_process_signal(&p, SIGSTOP), 0); /* it is continued, so that it can end */
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGINT);
    CHECK_EQ(hark_process_close(&p), 0);
}

/* The grace is virtual time; the rest is the kernel's. */
INSIDE_BY(TEST_ON_HUBS, RUN_VIRTUAL, process_P8_a_virtual_grace)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.out = HARK_PIPE, .grace = HARK_S(3600)), "trap '' TERM; echo; exec sleep 600");
    CHECK_EQ(hark_wait_fd(p.out, POLLIN), POLLIN);
    const int64_t from = hark_now();
    CHECK_EQ(hark_process_end(&p), 1);
    CHECK_EQ(hark_now() - from, HARK_S(3600));
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGKILL);
    CHECK_EQ(hark_process_close(&p), 0);
}

static int forbidden_kill(pid_t pid, int signo)
{
    (void)pid;
    (void)signo;
    errno = EPERM;
    return -1;
}

static int forbidden_pidfd_send_signal(int fd, int signo, siginfo_t *info, unsigned flags)
{
    (void)info;
    (void)flags;
    return forbidden_kill(fd, signo);
}

/* As with one that runs as somebody else. */
BOTH_WAYS(process_that_may_not_be_killed)
{
    const struct hark__sys before = hark__sys;
    hark_process p;
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE), "read line; exit 4");
    const int in = p.in;
    hark__sys.kill = forbidden_kill;
    hark__sys.pidfd_send_signal = forbidden_pidfd_send_signal;
    CHECK_MISUSE(hark_process_signal(&p, SIGTERM), -EPERM, "Operation not permitted");
    CHECK_MISUSE(hark_process_end(&p), -EPERM, "may not be killed");
    p.in = -1;
    CHECK_MISUSE(hark_process_close(&p), -EPERM, "may not be killed");
    CHECK_EQ(hark_process_ended(&p), 0);
    CHECK_EQ(hark_write_full(in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 4 << 8);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(hark_close(in), 0);
    /* a run that is cancelled waits for its child all the same */
    CHECK_EQ(hark_within(HARK_MS(1), hark_process_run(NULL, ARGV("sleep", "0.05"), &status)),
             -ETIMEDOUT);
    CHECK_EQ(status, 0);
    hark__sys.kill = before.kill;
    hark__sys.pidfd_send_signal = before.pidfd_send_signal;
}

/* All at once in a cancelled scope: close and end wait all the same. */
BOTH_WAYS(process_PR_17_leaving_under_a_cancellation_leaves_nothing)
{
    hark_process p;
    hark_scope scope;
    char byte;
    int status = -1;

    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE), "exec cat");
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_process_wait(&p, &status), -ECANCELED);
    const int in = p.in, out = p.out;
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK(is_gone(p.pid));
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(p.in, -1);
    CHECK_EQ(p.out, -1);
    CHECK_EQ(hark_write(in, "x", 1), -EBADF);
    CHECK_EQ(hark_read(out, &byte, 1), -EBADF);
    CHECK_EQ(hark_process_communicate(&p, "x", 1, NULL, NULL), -EINVAL);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGKILL);
}

static int read_shared(void *arg)
{
    char byte;
    (void)arg;
    kit_log("%s", outcome(hark_read(shared.out, &byte, 1)));
    return 0;
}

BOTH_WAYS(process_PR_18_close_while_a_pipe_is_full_or_read)
{
    sh(&shared, HOW(.out = HARK_PIPE, .err = HARK_TO_OUT), "exec yes");
    CHECK_EQ(hark_wait_fd(shared.out, POLLIN), POLLIN);
    CHECK_EQ(hark_process_close(&shared), 0);
    sh(&shared, HOW(.out = HARK_PIPE), "exec sleep 60");
    CHECK_GT(hark_go(&group, read_shared, NULL), 0);
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_process_close(&shared), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("EBADF ok:9");
    CHECK_EQ(hark_group_open(&group), 0);
}

/* The leader and what it has started; each holds the pipe open. */
BOTH_WAYS(process_of_a_group_ends_with_all_of_it)
{
    for (int i = 0; i < 4; i++) {
        hark_process p;
        char byte;
        sh(&p, HOW(.group = i < 2, .session = i >= 2, .out = HARK_PIPE),
           "trap '' TERM; (sleep 60) & trap 'exit 0' TERM; echo; wait");
        await_byte(p.out);
        const int out = p.out;
        if (i % 2) {
            p.out = -1;
            CHECK_EQ(hark_process_close(&p), 0);
        } else {
            CHECK_EQ(hark_process_end(&p), 0);
        }
        CHECK_EQ(hark_read(out, &byte, 1), 0); /* the grandchild has gone, too */
        p.out = out;
        CHECK_EQ(hark_process_close(&p), 0);
    }
}

/* ---- one call -------------------------------------------------------------------------------- */

BOTH_WAYS(process_PR_13_run_captures_what_is_asked_for)
{
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;
    int status = -1;

    CHECK_EQ(hark_process_run(NULL, ARGV("true"), &status), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(hark_process_run(HOW(.input = "once\n", .input_size = 5, .output = &out), ARGV("cat"),
                              NULL),
             0);
    CHECK_EQ(hark_process_run(HOW(.in = HARK_NULL, .output = &out), ARGV("cat"), NULL), 0);
    CHECK_EQ(hark_process_run(HOW(.output = &out, .err = HARK_TO_OUT),
                              ARGV("sh", "-c", "echo twice >&2"), NULL),
             0);
    CHECK_STR(out.data, "once\ntwice\n");
    hark_output_free(&out);
    CHECK_EQ(hark_process_run(HOW(.output = &out, .errors = &err),
                              ARGV("sh", "-c", "echo 1; echo 2 >&2; exit 5"), &status),
             0);
    CHECK_EQ(status, 5 << 8);
    CHECK_STR(out.data, "1\n");
    CHECK_STR(err.data, "2\n");
    hark_output_free(&out);
    hark_output_free(&err);
    out.max = 3;
    CHECK_EQ(hark_process_run(HOW(.output = &out), ARGV("echo", "12345"), NULL), 0);
    CHECK_STR(out.data, "123");
    CHECK_EQ(out.lost, 3);
    hark_output_free(&out);
    CHECK_EQ(out.max, 3);
    CHECK_EQ(hark_process_run(HOW(.input = "x", .input_size = 1), ARGV("true"), NULL), 0);
}

BOTH_WAYS(process_PR_13_check_makes_a_failure_of_it)
{
    hark_output out = HARK_OUTPUT_INIT;
    int status = -1;

    CHECK_EQ(hark_process_run(HOW(.check = true), ARGV("true"), NULL), 0);
    CHECK_MISUSE(hark_process_run(HOW(.check = true), ARGV("false"), &status), -EREMOTEIO,
                 "hark_process_run: \"false\" exited with 1");
    CHECK_EQ(status, 1 << 8);
    CHECK_MISUSE(hark_process_run(HOW(.check = true, .output = &out, .err = HARK_TO_OUT),
                                  ARGV("sh", "-c", "echo all is lost >&2; kill -9 $$"), &status),
                 -EREMOTEIO, "\"sh\" was ended by signal 9: all is lost");
    CHECK_EQ(status, 9);
    hark_output_free(&out);
}

BOTH_WAYS(process_PR_13_options_that_make_no_sense)
{
    hark_output out = HARK_OUTPUT_INIT;
    hark_process p;

    CHECK_MISUSE(hark_process_run(HOW(.out = HARK_PIPE), ARGV("true"), NULL), -EINVAL,
                 "pipe of its out");
    CHECK_MISUSE(hark_process_run(HOW(.in = HARK_PIPE), ARGV("true"), NULL), -EINVAL,
                 "pipe of its in");
    CHECK_MISUSE(hark_process_run(HOW(.out = HARK_NULL, .output = &out), ARGV("true"), NULL),
                 -EINVAL, "something else");
    CHECK_MISUSE(hark_process_run(HOW(.input_size = 1), ARGV("true"), NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_process_open(&p, HOW(.check = true), ARGV("true")), -EINVAL,
                 "hark_process_run");
    CHECK_MISUSE(hark_process_open(&p, HOW(.in = HARK_TO_OUT), ARGV("true")), -EINVAL, "only err");
    CHECK_MISUSE(hark_process_open(&p, HOW(.out = -9), ARGV("true")), -EINVAL, "out");
    CHECK_MISUSE(hark_process_open(&p, HOW(.grace = -1), ARGV("true")), -EINVAL, "grace");
    CHECK_MISUSE(hark_process_open(&p, HOW(.end_signal = 99), ARGV("true")), -EINVAL, "no signal");
    CHECK_MISUSE(hark_process_open(&p, HOW(.fd_count = 1), ARGV("true")), -EINVAL, "NULL");
    CHECK_MISUSE(hark_process_open(&p, &(hark_process_options){.group = true}, ARGV("true")),
                 -EINVAL, "options.size");
    CHECK_MISUSE(hark_process_open(&p, NULL, NULL), -EINVAL, "argv[0] is NULL");
    CHECK_MISUSE(hark_process_open(&p, NULL, ARGV("")), -EINVAL, "argv[0] is empty");
    CHECK_MISUSE(hark_process_open(NULL, NULL, ARGV("true")), -EINVAL, "is NULL");
    CHECK_MISUSE(hark_process_wait(&p, NULL), -EINVAL, "never opened");
    CHECK_MISUSE(hark_process_ended(NULL), -EINVAL, "is NULL");
    CHECK_MISUSE(hark_process_signal(&p, SIGTERM), -EINVAL, "never opened");
    CHECK_MISUSE(hark_process_end(&p), -EINVAL, "never opened");
    CHECK_MISUSE(hark_process_close(&p), -EINVAL, "never opened");
    CHECK_MISUSE(hark_process_communicate(&p, NULL, 0, NULL, NULL), -EINVAL, "never opened");
    sh(&p, NULL, "exec sleep 60");
    CHECK_MISUSE(hark_process_signal(&p, 99), -EINVAL, "signal 99");
    CHECK_MISUSE(hark_process_communicate(&p, NULL, 0, &out, NULL), -EINVAL, "no pipe for its out");
    CHECK_MISUSE(hark_process_communicate(&p, NULL, 1, NULL, NULL), -EINVAL, "no pipe for its in");
    CHECK_EQ(hark_process_close(&p), 0);
}

static hark_output heard;

static int communicate(void *arg)
{
    const int rc = hark_process_communicate(&shared, "x\n", 2, &heard, arg);
    kit_log("%s", outcome(rc));
    return rc == -EBUSY ? 0 : rc;
}

BOTH_WAYS(process_communicate_cut_short_keeps_what_it_has_read)
{
    sh(&shared, HOW(.in = HARK_PIPE, .out = HARK_PIPE), "echo part; exec sleep 60");
    const hark_task task = hark_go(&group, communicate, NULL);
    CHECK_GT(task, 0);
    while (heard.size < 5) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("cancelled");
    CHECK_STR(heard.data, "part\n");
    CHECK_EQ(hark_process_close(&shared), 0);
    hark_output_free(&heard);
}

BOTH_WAYS(process_communicate_is_for_one_at_a_time)
{
    char byte;

    sh(&shared, HOW(.in = HARK_PIPE, .out = HARK_PIPE), "read line; sleep 60");
    CHECK_GT(hark_go(&group, read_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_GT(hark_go(&group, communicate, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBUSY");
    CHECK_EQ(hark_process_close(&shared), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("EBADF");
    CHECK_EQ(hark_read(0, &byte, 0), 0);
    hark_output_free(&heard);
    CHECK_EQ(hark_group_open(&group), 0);
}

/* ---- cancelled runs -------------------------------------------------------------------------- */

struct cut {
    hark_scope scope;
    const hark_output *out;
};

static int cut_when_heard(void *arg)
{
    struct cut *cut = arg;

    while (!cut->out->size) {
        CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    }
    return hark_scope_cancel(&cut->scope);
}

/* It is cancelled once it has said something: then it has set its traps. */
static int run_cut_short(const hark_process_options *how, const char *const argv[], int *status)
{
    struct cut cut = {.out = how->output};

    CHECK_EQ(hark_scope_open(&cut.scope, HARK_FOREVER), 0);
    CHECK_GT(hark_go(&group, cut_when_heard, &cut), 0);
    const int rc = hark_process_run(how, argv, status);
    CHECK_EQ(hark_scope_close(&cut.scope, rc), 0);
    return rc;
}

BOTH_WAYS(process_PR_14_a_cancelled_run_ends_its_child)
{
    hark_output out = HARK_OUTPUT_INIT;
    int status = -1;

    CHECK_EQ(hark_within(HARK_MS(1), hark_process_run(NULL, ARGV("sleep", "60"), &status)),
             -ETIMEDOUT);
    CHECK_EQ(status, SIGTERM);
    CHECK_EQ(run_cut_short(HOW(.output = &out),
                           ARGV("sh", "-c",
                                "trap 'echo late; exit 3' TERM; echo early; "
                                "while :; do sleep 0.01; done"),
                           &status),
             -ECANCELED);
    CHECK_EQ(status, 3 << 8);
    CHECK_STR(out.data, "early\nlate\n");
    hark_output_free(&out);
}

/* A child that has too much to say to end at once: it is read until then. */
BOTH_WAYS(process_PR_14_what_it_says_at_its_end_is_read)
{
    hark_output out = HARK_OUTPUT_INIT;
    int status = -1;

    CHECK_EQ(run_cut_short(HOW(.output = &out),
                           ARGV("sh", "-c",
                                "trap 'yes | head -c 300000; exit 3' TERM; echo; "
                                "while :; do sleep 0.01; done"),
                           &status),
             -ECANCELED);
    CHECK_EQ(status, 3 << 8);
    CHECK_EQ(out.size, 300001);
    hark_output_free(&out);
}

BOTH_WAYS(process_PR_14_who_does_not_listen_is_killed_and_told)
{
    hark_output out = HARK_OUTPUT_INIT;
    int status = -1;

    capture_begin();
    CHECK_EQ(run_cut_short(HOW(.grace = HARK_MS(5), .output = &out),
                           ARGV("sh", "-c", "trap '' TERM; echo hm; exec sleep 60"), &status),
             -ECANCELED);
    CHECK_HAS(capture_end(), "did not end when it was asked to, and was killed");
    CHECK_EQ(status, SIGKILL);
    CHECK_STR(out.data, "hm\n");
    hark_output_free(&out);
}

static int say_goodbye(hark_process *p, void *word)
{
    kit_log("%s", (const char *)word);
    return hark_write_full(p->in, "bye\n", 4, NULL);
}

static int refuse(hark_process *p, void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "no way to tell %d", (int)p->pid);
}

static int sleep_over_it(hark_process *p, void *arg)
{
    (void)p;
    (void)arg;
    return hark_sleep(HARK_S(60));
}

BOTH_WAYS(process_PR_14_an_end_of_ones_own)
{
    hark_process p;
    int status = -1;

    sh(&p, HOW(.in = HARK_PIPE, .end = say_goodbye, .end_arg = "so long"), "read line; exit 3");
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, 3 << 8);
    CHECK_LOG("so long");
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, HOW(.end = refuse), "exec sleep 60");
    CHECK_EQ(hark_process_end(&p), 1);
    CHECK_EQ(hark_process_close(&p), 0);
    sh(&p, HOW(.end = sleep_over_it, .grace = HARK_MS(2)), "exec sleep 60");
    CHECK_EQ(hark_process_end(&p), 1);
    CHECK_EQ(hark_process_close(&p), 0);
}

static int run_and_check(void *arg)
{
    return hark_process_run(HOW(.check = true), arg, NULL);
}

static int run_long(void *arg)
{
    int status = -1;
    const int rc = hark_process_run(HOW(.out = HARK_NULL), arg, &status);
    kit_log("%s:%x", outcome(rc), (unsigned)status);
    return rc;
}

BOTH_WAYS(process_PR_16_a_failure_in_the_background_fails_the_group)
{
    CHECK_GT(hark_go(&group, run_long, (void *)(uintptr_t)ARGV("yes")), 0);
    CHECK_GT(hark_go(&group, run_and_check, (void *)(uintptr_t)ARGV("false")), 0);
    CHECK_EQ(hark_group_close(&group, 0), -EREMOTEIO);
    CHECK_HAS(hark_error_last(), "\"false\" exited with 1");
    CHECK_LOG("cancelled:f");
    CHECK_EQ(hark_group_open(&group), 0);
}

/* ---- a lot of it ----------------------------------------------------------------------------- */

BOTH_WAYS(process_P6_ten_MiB_both_ways)
{
    const size_t size = (10u << 20) / (size_t)kit_slow();
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;
    unsigned char *input = malloc(size);

    put_bytes(input, 0, size);
    CHECK_EQ(hark_process_run(HOW(.input = input, .input_size = size, .output = &out,
                                  .errors = &err, .check = true),
                              ARGV("bash", "-c", "tee /dev/stderr"), NULL),
             0);
    CHECK_EQ(out.size, size);
    CHECK_EQ(err.size, size);
    check_bytes((unsigned char *)out.data, 0, size);
    check_bytes((unsigned char *)err.data, 0, size);
    hark_output_free(&out);
    hark_output_free(&err);
    free(input);
}

enum { MANY = 200, BESIDE = 10 };

/* As in the field: short children, waited for, timed out, killed, ended, closed. */
static int raise_one(void *number)
{
    const int i = (int)(intptr_t)number;
    const int statuses[] = {0, SIGUSR1, SIGTERM, SIGKILL};

    for (int round = 0; round < MANY / BESIDE / kit_slow(); round++) {
        const int code = (i + round) % 4;
        hark_process p;
        int status = -1;

        CHECK_EQ(hark_process_open(&p, HOW(.in = HARK_PIPE, .grace = HARK_S(60)),
                                   code ? ARGV("cat") : ARGV("true")),
                 0);
        if (code == 1) {
            CHECK_EQ(hark_process_signal(&p, SIGUSR1), 0);
        }
        const int64_t rc = hark_within(HARK_US(50), hark_process_wait(&p, &status));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        CHECK_EQ(code == 2 ? hark_process_end(&p) : code == 3 ? hark_process_close(&p) : 0, 0);
        CHECK_EQ(hark_process_wait(&p, &status), 0);
        CHECK_EQ(status, statuses[code]);
        CHECK_EQ(hark_process_close(&p), 0);
        CHECK(is_gone(p.pid));
    }
    return 0;
}

/* P2: many have ended before they are waited for. */
BOTH_WAYS(process_P2_BG_119_many_short_children_leave_no_zombie)
{
    for (int i = 0; i < BESIDE; i++) {
        CHECK_GT(hark_go(&group, raise_one, (void *)(intptr_t)i), 0);
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark__here->holds, 0);
    CHECK_EQ(hark__here->signals, 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

static int run_true(void *arg)
{
    (void)arg;
    for (int i = 0; i < 250 / kit_slow(); i++) {
        CHECK_EQ(hark_process_run(HOW(.check = true), ARGV("true"), NULL), 0);
    }
    return 0;
}

INSIDE_BY(TEST_ON_HUBS, RUN, process_P2_a_thousand_in_a_row)
{
    for (int i = 0; i < 4; i++) {
        CHECK_GT(hark_go(&group, run_true, NULL), 0);
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK(no_children());
    CHECK_EQ(hark_group_open(&group), 0);
}

/* ---- in between ------------------------------------------------------------------------------ */

/* Nobody waits for it: a child is no reason why a deadlock should not be seen. */
static int deadlock(void *arg)
{
    hark_event never = HARK_EVENT_INIT;
    hark_process p;

    (void)arg;
    sh(&p, NULL, "exec sleep 60");
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_process_close(&p), 0); /* though nothing may be waited for any more */
    CHECK(is_gone(p.pid));
    return -ECANCELED;
}

TEST_ON_HUBS(process_that_nobody_waits_for_hides_no_deadlock)
{
    capture_begin();
    CHECK_EQ(hark_run(deadlock, NULL), -EDEADLK);
    CHECK_HAS(capture_end(), "waits for an event");
}

static int end_shared(void *arg)
{
    (void)arg;
    kit_log("%s", hark_process_end(&shared) ? "killed" : "ended");
    return 0;
}

/* Two end it, one waits, one closes it; then all of them are done. */
BOTH_WAYS(process_is_ended_by_several_at_once)
{
    sh(&shared, HOW(.out = HARK_PIPE), "trap '' TERM; echo; exec sleep 60");
    await_byte(shared.out);
    for (int i = 0; i < 2; i++) {
        CHECK_GT(hark_go(&group, end_shared, NULL), 0);
    }
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_audit(), 0);
    CHECK_EQ(hark_process_close(&shared), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("ended ended ok:9");
    CHECK_EQ(hark_group_open(&group), 0);
}

BOTH_WAYS(process_dump_names_it)
{
    char text[4096] = "", expected[96];
    FILE *out = fmemopen(text, sizeof text, "w");

    sh(&shared, NULL, "exec sleep 60");
    CHECK_GT(hark_go(&group, wait_for_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    hark_dump(out);
    fclose(out);
    snprintf(expected, sizeof expected, "waits for the end of child process %d (sh)",
             (int)shared.pid);
    CHECK_HAS(text, expected);
    CHECK_EQ(hark_audit(), 0);
    CHECK_EQ(hark_process_close(&shared), 0);
}

static int touch_shared(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_process_wait(&shared, NULL), -EXDEV, "loop");
    CHECK_MISUSE(hark_process_close(&shared), -EXDEV, "loop");
    CHECK_MISUSE(hark_process_signal(&shared, SIGKILL), -EXDEV, "loop");
    return 0;
}

static void *touch_in_a_loop(void *arg)
{
    CHECK_EQ(hark_process_ended(&shared), -EXDEV);
    CHECK_EQ(hark_run(touch_shared, arg), 0);
    return NULL;
}

BOTH_WAYS(process_belongs_to_one_loop)
{
    sh(&shared, NULL, "exec sleep 60");
    in_thread(touch_in_a_loop, NULL);
    CHECK_EQ(hark_process_close(&shared), 0);
}

static int open_shared(void *arg)
{
    (void)arg;
    sh(&shared, HOW(.in = HARK_PIPE), "read line; exit 3");
    return 0;
}

static int close_shared(void *arg)
{
    int status = -1;

    (void)arg;
    CHECK_EQ(hark_write_full(shared.in, "\n", 1, NULL), 0);
    CHECK_EQ(hark_process_wait(&shared, &status), 0);
    CHECK_EQ(status, 3 << 8);
    return hark_process_close(&shared);
}

/* Whoever keeps it beyond its loop may go on with it in the next one. */
TEST_ON_HUBS(process_outlives_its_loop)
{
    CHECK_EQ(hark_run(open_shared, NULL), 0);
    CHECK_MISUSE(hark_process_wait(&shared, NULL), -ENOTSUP, "outside any task");
    CHECK_MISUSE(hark_process_close(&shared), -ENOTSUP, "outside any task");
    CHECK_EQ(hark_run(close_shared, NULL), 0);
    CHECK(no_children());
}

static int run_true_once(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_process_run(HOW(.check = true), ARGV("true"), NULL), 0);
    CHECK_EQ(hark_process_signal(&shared, SIGKILL), -ESRCH); /* it is the parent's */
    return hark_process_close(&shared);
}

/* A forked process has no children: it neither waits for its parent's nor ends them. */
TEST_ON_HUBS(process_P16_of_a_parent_is_none_of_its_forks)
{
    int status = -1;

    CHECK_EQ(hark_run(open_shared, NULL), 0);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(hark_run(run_true_once, NULL) != 0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(hark_run(close_shared, NULL), 0);
    CHECK(no_children());
}

/* A sandbox whose kernel refuses what newer programs ask for. */
static void refuse_call(long number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};

    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        SKIP("this kernel has no filters for system calls");
    }
}

static int end_in_the_sandbox(void *unused)
{
    hark_process p;
    int status = -1;

    (void)unused;
    sh(&p, NULL, "exec sleep 60");
    CHECK_EQ(hark_process_end(&p), 0);
    CHECK_EQ(hark_process_wait(&p, &status), 0);
    CHECK_EQ(status, SIGTERM);
    return hark_process_close(&p);
}

TEST_ON_HUBS(process_P5_in_a_sandbox_without_pidfd_send_signal_and_pidfd_open)
{
    refuse_call(SYS_pidfd_send_signal);
    CHECK_EQ(hark_run(end_in_the_sandbox, NULL), 0);
    refuse_call(SYS_pidfd_open);
    CHECK_EQ(hark_run(end_in_the_sandbox, NULL), 0);
    CHECK(no_children());
}

/* P11, without descriptors of processes: this thread never gets a signal, another one does. */
static void *wait_for_the_end(void *fd)
{
    struct pollfd poll_one = {.fd = *(int *)fd, .events = POLLIN};

    while (poll(&poll_one, 1, -1) < 0) {} /* the handler runs meanwhile */
    return NULL;
}

INSIDE_BY(TEST_ON_HUBS, RUN, process_P11_SIGCHLD_comes_to_a_thread_that_is_not_ours)
{
    pthread_t thread;
    sigset_t set;
    int fds[2];

    without_pidfd(ENOSYS);
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(pthread_create(&thread, NULL, wait_for_the_end, &fds[0]), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(hark_process_run(HOW(.check = true), ARGV("true"), NULL), 0);
    close(fds[1]);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close(fds[0]);
}

static int run_three(void *arg)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_process_run(arg, ARGV("true"), NULL), 0);
    }
    return 0;
}

static void other_handler(int signo)
{
    (void)signo;
}

TEST_ON_HUBS(process_P12_the_programs_own_dispositions_come_back)
{
    const struct sigaction own = {.sa_handler = other_handler};
    struct sigaction after;

    CHECK_EQ(sigaction(SIGCHLD, &own, NULL), 0);
    CHECK_EQ(sigaction(SIGPIPE, &own, NULL), 0);
    for (int way = 0; way < 2; way++) {
        CHECK_EQ(hark_run(run_three, NULL), 0);
        CHECK_EQ(sigaction(SIGCHLD, NULL, &after), 0);
        CHECK(after.sa_handler == other_handler);
        CHECK_EQ(sigaction(SIGPIPE, NULL, &after), 0);
        CHECK(after.sa_handler == other_handler);
        without_pidfd(EPERM);
    }
}

/* SIGCHLD is taken, and there is no descriptor: whoever waits is told so; who ends it looks. */
INSIDE(process_ends_though_nobody_can_tell)
{
    hark_process p;

#ifdef HARK__FORCE_UCONTEXT
    SKIP("ucontext has a signal mask for each task");
#endif
    CHECK_EQ(hark_cancel_on(SIGCHLD), 0);
    without_pidfd(EMFILE);
    /* the children that end meanwhile must not cancel the run */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    sh(&p, NULL, "exec sleep 60");
    CHECK_MISUSE(hark_process_wait(&p, NULL), -EBUSY, "taken already");
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK(is_gone(p.pid));
    sh(&p, HOW(.out = HARK_PIPE), "trap '' TERM; echo; exec sleep 60");
    CHECK_EQ(hark_wait_fd(p.out, POLLIN), POLLIN);
    CHECK_EQ(hark_process_end(&p), 1);
    CHECK(is_gone(p.pid));
    CHECK_EQ(hark_process_close(&p), 0);
}
