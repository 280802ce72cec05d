/* SPDX-License-Identifier: MIT
 *
 * child_test.c - the end of children: waiting for them (PR-.. of
 * tests/LEDGER.md), and the known bugs of others (BG-..) that belong there.
 *
 * Rules    1  Children are real, and end when they are told to: each reads from a pipe, and ends
 *             with the byte that comes, or when there is no writer any more.
 *          2  BOTH_WAYS runs a test twice: with descriptors of processes, and as under a kernel or a
 *             sandbox that has none.
 */
#include "../sync/scene.h"
#include "base/sys.h"
#include "core/core.h"

#include <hark/child.h>
#include <hark/testing.h>
#include <sys/wait.h>

static int refused;

static int refuse_pidfd(pid_t pid, unsigned flags)
{
    (void)pid;
    (void)flags;
    errno = refused;
    return -1;
}

static void without_pidfd(int error)
{
    refused = error;
    hark__sys.pidfd_open = refuse_pidfd;
}

#define BOTH_WAYS(name) \
    static void both_##name(void); \
    INSIDE_BY(TEST_ON_HUBS, RUN, name) \
    { \
        both_##name(); \
    } \
    INSIDE_BY(TEST_ON_HUBS, RUN, name##_by_sigchld) \
    { \
        without_pidfd(ENOSYS); \
        both_##name(); \
    } \
    static void both_##name(void)

/* ---- children -------------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int fd; /* what is written here ends it */
};

static void live(int fd)
{
    unsigned char code = 0;

    signal(SIGUSR1, SIG_DFL);
    while (read(fd, &code, 1) < 0) {}
    _exit(code);
}

static struct child born(void)
{
    int fds[2];

    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    fflush(NULL);
    const pid_t pid = fork();
    CHECK_GE(pid, 0);
    if (pid == 0) {
        close(fds[1]);
        live(fds[0]);
    }
    close(fds[0]);
    return (struct child){pid, fds[1]};
}

static void end_with(struct child child, unsigned char code)
{
    CHECK_EQ(write(child.fd, &code, 1), 1);
    close(child.fd);
}

/* Until the kernel knows of its end, without reaping it. */
static void await_zombie(pid_t pid)
{
    siginfo_t info;

    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static int wait_and_say(void *child)
{
    int status = -1;
    const int rc = hark_child_wait(((const struct child *)child)->pid, &status);

    kit_log("%s:%x", outcome(rc), (unsigned)status);
    return rc == -ECHILD || rc == -ECANCELED ? 0 : rc;
}

/* ---- waiting --------------------------------------------------------------------------------- */

BOTH_WAYS(child_PR_01_the_status_is_what_waitpid_says)
{
    int status = -1;
    struct child child = born();

    end_with(child, 7);
    CHECK_EQ(hark_child_wait(child.pid, &status), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(is_gone(child.pid));
    child = born();
    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    kill(child.pid, SIGTERM);
    while (hark__here->holds) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("ok:f"); /* killed by SIGTERM */
    close(child.fd);
    child = born();
    end_with(child, 0);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
}

BOTH_WAYS(child_that_is_a_zombie_already_is_reaped_at_once)
{
    int status = -1;
    const struct child child = born();

    end_with(child, 3);
    await_zombie(child.pid);
    CHECK_EQ(hark_child_wait(child.pid, &status), 0);
    CHECK_EQ(WEXITSTATUS(status), 3);
    CHECK(is_gone(child.pid));
}

BOTH_WAYS(child_PR_03_a_cancelled_wait_leaves_the_child)
{
    int status = -1;
    const struct child child = born();

    CHECK_EQ(hark_within(HARK_MS(1), hark_child_wait(child.pid, &status)), -ETIMEDOUT);
    CHECK_EQ(hark__here->holds, 0);
    CHECK_EQ(hark__here->signals, 0);
    end_with(child, 5);
    await_zombie(child.pid);
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_child_wait(child.pid, &status), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(status, -1);
    CHECK_EQ(hark_child_wait(child.pid, &status), 0);
    CHECK_EQ(WEXITSTATUS(status), 5);
}

BOTH_WAYS(child_PR_05_all_who_wait_are_told)
{
    struct child child = born();

    for (int i = 0; i < 3; i++) {
        CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark__here->holds, 3);
    end_with(child, 1);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok:100 ok:100 ok:100");
}

/* A grandchild holds the pipe of the child open. */
BOTH_WAYS(child_PR_06_ends_with_the_process_not_with_its_pipes)
{
    int fds[2], status;
    char byte;

    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            close(fds[1]);
            while (read(fds[0], &byte, 1) < 0) {}
        }
        _exit(0);
    }
    CHECK_EQ(hark_child_wait(pid, &status), 0);
    CHECK_EQ(status, 0);
    close(fds[0]);
    close(fds[1]);
}

BOTH_WAYS(child_PR_09_who_left_is_not_told)
{
    struct child child = born();
    const hark_task leaving = hark_go(&group, wait_and_say, &child);

    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_task_cancel(leaving), 0);
    CHECK_EQ(hark_yield(), 0);
    end_with(child, 0);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("cancelled:ffffffff ok:0");
}

/* The kernel reaps it then: the wait is not for ever, and the status is lost, which is told. */
INSIDE_BY(TEST_ON_HUBS, RUN, child_PR_10_an_ignored_SIGCHLD_does_not_hang_the_wait)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int status = -1;

    CHECK_EQ(sigaction(SIGCHLD, &ignore, NULL), 0);
    const struct child child = born();
    CHECK_EQ(hark_within(HARK_MS(1), hark_child_wait(child.pid, &status)), -ETIMEDOUT);
    end_with(child, 1);
    CHECK_MISUSE(hark_child_wait(child.pid, &status), -ECHILD, "SIGCHLD is ignored");
    CHECK_EQ(status, -1);
}

/* We hear SIGCHLD ourselves meanwhile, so it is not ignored. */
INSIDE_BY(TEST_ON_HUBS, RUN, child_PR_15_without_pidfd_an_ignored_SIGCHLD_is_heard)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction after;
    struct child child = born();

    CHECK_EQ(sigaction(SIGCHLD, &ignore, NULL), 0);
    without_pidfd(EPERM);
    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    end_with(child, 1);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok:100");
    CHECK_EQ(sigaction(SIGCHLD, NULL, &after), 0);
    CHECK(after.sa_handler == SIG_IGN);
}

/* One waits; the child ends; another looks, and takes the status with it: the first is told. */
BOTH_WAYS(child_PR_12_who_looks_takes_nobodys_wakeup)
{
    struct child child = born();
    int status = -1;
    hark_case c = hark_on_child(child.pid, &status);

    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_try_select(&c, 1), -EAGAIN);
    end_with(child, 2);
    await_zombie(child.pid);
    CHECK_EQ(hark_try_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), 0);
    CHECK_EQ(WEXITSTATUS(status), 2);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok:200");
    CHECK_EQ(hark_try_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), -ECHILD);
}

BOTH_WAYS(child_that_somebody_else_reaps_is_lost_and_told)
{
    struct child child = born();

    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    end_with(child, 2);
    CHECK_EQ(waitpid(child.pid, NULL, 0), child.pid);
    while (hark__here->holds) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("ECHILD:ffffffff");
}

BOTH_WAYS(child_misuse_has_a_code_and_words)
{
    int status = -1;
    hark_case c = hark_on_child(0, &status);

    CHECK_MISUSE(hark_child_wait(0, &status), -EINVAL, "0 is no child");
    CHECK_MISUSE(hark_child_wait(-1, &status), -EINVAL, "hark_child_wait");
    CHECK_MISUSE(hark_child_wait(getpid(), &status), -ECHILD, "no child of this process");
    CHECK_MISUSE(hark_child_wait(1, &status), -ECHILD, "no child of this process");
    CHECK_MISUSE(hark_select(&c, 1), -EINVAL, "hark_select");
    c = hark_on_child(getpid(), &status);
    CHECK_EQ(hark_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), -ECHILD);
    CHECK_HAS(hark_error_last(), "no child of this process");
    CHECK_EQ(status, -1);
}

TEST(child_misuse_outside_a_task)
{
    CHECK_MISUSE(hark_child_wait(1, NULL), -ENOTSUP, "outside any task");
}

INSIDE(child_without_any_way_to_hear_of_it)
{
    const struct child child = born();

    CHECK_EQ(hark_cancel_on(SIGCHLD), 0);
    without_pidfd(EMFILE);
    CHECK_EQ(hark_child_wait(child.pid, NULL), -EBUSY);
    CHECK_HAS(hark_error_last(), "signal 17 is taken already, by this run");
    hark_case c = hark_on_child(child.pid, NULL);
    CHECK_MISUSE(hark_select(&c, 1), -EBUSY, "signal 17 is taken already, by this run");
    CHECK_EQ(hark__here->holds, 0);
    close(child.fd);
    CHECK_EQ(waitpid(child.pid, NULL, 0), child.pid);
}

/* ---- select ---------------------------------------------------------------------------------- */

static bool is_zombie(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

BOTH_WAYS(child_select_reaps_only_if_its_case_happens)
{
    int status[2], happened[2] = {0, 0};

    for (int i = 0; i < 20; i++) {
        const struct child child = born();
        hark_case c[] = {hark_on_child(child.pid, &status[0]),
                         hark_on_time(hark_now() + HARK_US(10))};
        status[0] = -1;
        CHECK_EQ(hark_select(c, 2), 1);
        CHECK_EQ(hark__here->holds, 0);
        end_with(child, 4);
        await_zombie(child.pid);
        c[1] = hark_on_time(0);
        const int which = hark_select(c, 2); /* both are ready */
        happened[which]++;
        CHECK_EQ(is_zombie(child.pid), which == 1);
        CHECK_EQ(status[0], which == 1 ? -1 : 0x400);
        if (which == 1) {
            CHECK_EQ(hark_child_wait(child.pid, &status[1]), 0);
            CHECK_EQ(status[1], 0x400);
        }
    }
    CHECK(happened[0] && happened[1]);
}

static hark_event stop;

static int select_one_of_two(void *both)
{
    const struct child *child = both;
    int status[2] = {-1, -1};
    hark_case c[] = {hark_on_child(child[0].pid, &status[0]), hark_on_event(&stop),
                     hark_on_child(child[1].pid, &status[1]), hark_on_child(child[0].pid, NULL)};
    const int which = hark_select(c, 4);

    kit_log("%d:%x:%x", which == 3 ? 0 : which, which == 3 ? 0x900 : (unsigned)status[0],
            (unsigned)status[1]);
    return 0;
}

BOTH_WAYS(child_select_leaves_no_trace_of_the_others)
{
    struct child both[] = {born(), born()};

    CHECK_GT(hark_go(&group, select_one_of_two, both), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark__here->holds, 3);
    end_with(both[0], 9);
    while (hark__here->holds) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("0:900:ffffffff");
    CHECK_GT(hark_go(&group, select_one_of_two, (struct child[]){both[1], both[1]}), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_event_set(&stop), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("1:ffffffff:ffffffff");
    CHECK_EQ(hark__here->holds, 0);
    end_with(both[1], 0);
    CHECK_EQ(hark_child_wait(both[1].pid, NULL), 0);
}

/* ---- what else lives in the loop ------------------------------------------------------------- */

/* Nothing else could ever happen: it is no deadlock. */
INSIDE_BY(TEST_ON_HUBS, RUN, child_is_something_to_wait_for)
{
    const struct child child = born();

    end_with(child, 0);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
}

static void *end_from_a_thread(void *child)
{
    end_with(*(struct child *)child, 0);
    return NULL;
}

static int sleep_long(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_S(3600)), 0);
    kit_log("slept");
    return 0;
}

INSIDE_BY(TEST_ON_HUBS, RUN_VIRTUAL, child_holds_the_virtual_clock)
{
    struct child child = born();
    const int64_t from = hark_now();
    pthread_t thread;

    CHECK_GT(hark_go(&group, sleep_long, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(pthread_create(&thread, NULL, end_from_a_thread, &child), 0);
    CHECK_EQ(hark_child_wait(child.pid, NULL), 0);
    CHECK_EQ(hark_now(), from);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_LOG("");
}

BOTH_WAYS(child_dump_names_the_process)
{
    char text[4096] = "", expected[64];
    struct child child = born();
    FILE *out = fmemopen(text, sizeof text, "w");

    CHECK_GT(hark_go(&group, wait_and_say, &child), 0);
    CHECK_EQ(hark_yield(), 0);
    hark_dump(out);
    fclose(out);
    snprintf(expected, sizeof expected, "waits for the end of child process %d", (int)child.pid);
    CHECK_HAS(text, expected);
    CHECK_EQ(hark_audit(), 0);
    end_with(child, 0);
}

/* Two loops: one of them reaps it, and the other is told that it is gone. */
static struct child shared;
static atomic_int reaped, late;

static int wait_for_shared(void *arg)
{
    const int rc = hark_child_wait(shared.pid, NULL);

    (void)arg;
    CHECK(rc == 0 || rc == -ECHILD);
    atomic_fetch_add(rc ? &late : &reaped, 1);
    return 0;
}

static void *wait_in_a_loop(void *arg)
{
    CHECK_EQ(hark_run(wait_for_shared, arg), 0);
    return NULL;
}

TEST_ON_HUBS(child_of_two_loops_one_reaps_it)
{
    pthread_t threads[2];

    shared = born();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_in_a_loop, NULL), 0);
    }
    end_with(shared, 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(atomic_load(&reaped), 1);
    CHECK_EQ(atomic_load(&late), 1);
}

/* ---- many ------------------------------------------------------------------------------------ */

enum { MANY = 300, BESIDE = 10 };

/* As in the field: short children, waited for, timed out, killed, waited for again. */
static int raise_one(void *number)
{
    const int i = (int)(intptr_t)number;

    for (int round = 0; round < MANY / BESIDE / kit_slow(); round++) {
        const struct child child = born();
        const int code = (i + round) % 3;
        int status = -1;

        if (code == 0) {
            kill(child.pid, SIGKILL);
        } else if (code == 1) {
            end_with(child, (unsigned char)i);
        }
        const int64_t rc = hark_within(HARK_US(50), hark_child_wait(child.pid, &status));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (code == 2) {
            CHECK_EQ(rc, -ETIMEDOUT);
            end_with(child, (unsigned char)i);
        }
        if (rc) {
            CHECK_EQ(hark_child_wait(child.pid, &status), 0);
        }
        CHECK_EQ(status, code ? i << 8 : SIGKILL);
        CHECK(is_gone(child.pid));
        if (code == 0) {
            close(child.fd);
        }
    }
    return 0;
}

BOTH_WAYS(child_BG_119_many_short_children_leave_no_zombie)
{
    for (int i = 0; i < BESIDE; i++) {
        CHECK_GT(hark_go(&group, raise_one, (void *)(intptr_t)i), 0);
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    CHECK_EQ(hark__here->holds, 0);
    CHECK_EQ(hark__here->signals, 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

/* Whatever call fails: an answer, nothing held, and the child can be waited for. */
static struct hark__sys true_sys;

static int fail_pidfd_at(pid_t pid, unsigned flags)
{
    if (refused) {
        errno = refused;
        return -1;
    }
    return true_sys.pidfd_open(pid, flags);
}

INSIDE_BY(TEST_ON_HUBS, RUN, child_whatever_refuses_a_descriptor_SIGCHLD_is_there)
{
    const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM};

    true_sys = hark__sys;
    hark__sys.pidfd_open = fail_pidfd_at;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const struct child child = born();
        int status = -1;
        refused = errors[i];
        CHECK_EQ(hark_within(HARK_US(10), hark_child_wait(child.pid, &status)), -ETIMEDOUT);
        end_with(child, (unsigned char)i);
        CHECK_EQ(hark_child_wait(child.pid, &status), 0);
        CHECK_EQ(status, (int)i << 8);
    }
}
