/* SPDX-License-Identifier: MIT
 *
 * fork_test.c - a child that is forked while its parent takes a signal, or gives it back.
 *
 * Method   In the program it is another thread that forks, between any two instructions. Here it is
 *          the call that changes the disposition, just before and just after the change and before it
 *          has told what was there: a child cannot see the difference.
 */
#include "kit.h"

#include <hark.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"

static int (*change)(int signo, const struct sigaction *action, struct sigaction *old);
static bool was_cancelled;
static int children;

static void handle_before(int signo)
{
    (void)signo;
}

static void handle_later(int signo)
{
    (void)signo;
}

static void install(void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

static void (*installed(void))(int)
{
    struct sigaction action;

    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    return action.sa_handler;
}

static void (*expected)(int);

static int change_and_fork(int signo, const struct sigaction *action, struct sigaction *old);

static void fork_and_look(void)
{
    int status = -1;

    fflush(NULL);
    hark__sys.sigaction = change; /* what the child puts back is not our business */
    const pid_t child = fork();
    if (child == 0) {
        _exit(installed() == expected ? 0 : 1);
    }
    hark__sys.sigaction = change_and_fork;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    children++;
}

static int change_and_fork(int signo, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction before;

    if (signo != SIGUSR1 || !action) {
        return change(signo, action, old);
    }
    fork_and_look();
    const int rc = change(signo, action, &before);
    fork_and_look();
    if (old) {
        *old = before;
    }
    return rc;
}

static int hear(void *arg)
{
    hark_signal signal = HARK_SIGNAL_INIT;

    (void)arg;
    CHECK_EQ(hark_signal_open(&signal, SIGUSR1), 0);
    CHECK_EQ(hark_signal_close(&signal), 0);
    return 0;
}

static int be_cancelled(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    was_cancelled = true;
    return 0;
}

static int dump(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    return 0;
}

static void each_child_has_it_back(hark_fn *fn)
{
    void (*const handlers[])(int) = {handle_before, SIG_IGN, SIG_DFL, handle_later};

    change = hark__sys.sigaction;
    hark__sys.sigaction = change_and_fork;
    for (int i = 0; i < 4; i++) {
        expected = handlers[i];
        install(expected);
        children = 0;
        CHECK_EQ(hark_run(fn, NULL), 0);
        CHECK_EQ(children, 4);
        CHECK(installed() == expected);
    }
    hark__sys.sigaction = change;
}

#define NO_FORKS() SKIP("threads and forks are not for every sanitizer")

TEST(fork_while_a_signal_is_taken_to_be_heard)
{
    if (kit_slow() > 1) {
        NO_FORKS();
    }
    each_child_has_it_back(hear);
}

TEST(fork_while_a_signal_is_taken_to_cancel)
{
    if (kit_slow() > 1) {
        NO_FORKS();
    }
    each_child_has_it_back(be_cancelled);
    CHECK(was_cancelled);
}

TEST(fork_while_a_signal_is_taken_to_dump)
{
    if (kit_slow() > 1) {
        NO_FORKS();
    }
    each_child_has_it_back(dump);
}
