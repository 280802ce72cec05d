/* SPDX-License-Identifier: MIT
 *
 * explore.c - hark_explore, in the parent process: it forks who searches, and judges what comes
 * back.
 *
 * Idea     A scenario may crash, hang or corrupt memory: that is what it is run for. So it runs in
 *          a child, which leaves on a shared board what it is doing; if it dies, the board tells
 *          the schedule that killed it. A failing schedule is run again, each time in a new child:
 *          to make it short (shrink.c), and at last to tell it.
 * Rules    1  The result is filled in whatever happens to the child.
 *          2  Children say nothing on stdout and stderr, but for the one whose schedule is told.
 *          3  With HARK_TEST_FORK=0 a replay runs in this process, and ends it: by abort() where
 *             it fails, told before, and without an alarm: for debuggers.
 * Not here What the child does: run.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/testing.h"

/* ---- children -------------------------------------------------------------------------------- */

static void say_nothing(void)
{
    int nowhere = hark__sys.open("/dev/null", O_RDWR | O_CLOEXEC, 0);

    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
}

/* What the program does with its signals and children is its own business; ours must end: when a
 * step hangs, and when nobody waits for it any more. */
static void become_a_child(bool silent)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t alarms;

    hark__explorer_guard();
    hark__sys.sigaction(SIGALRM, &usual, NULL);
    hark__sys.sigaction(SIGCHLD, &usual, NULL); /* it has children itself */
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    if (silent) {
        say_nothing();
    }
}

/* Whoever writes over everything may have written over the board: it is read by loops. */
static void bound(struct hark__board *board)
{
    if (board->trace.length > HARK__PATH_MOST) {
        board->trace.length = HARK__PATH_MOST;
    }
    if (board->story_used > sizeof board->story) {
        board->story_used = sizeof board->story;
    }
    board->result.words[sizeof board->result.words - 1] = 0;
}

static void judge(struct hark__board *board, int status)
{
    char *words = board->result.words;

    bound(board);
    if (WIFSIGNALED(status)) {
        int signo = WTERMSIG(status);
        snprintf(words, sizeof board->result.words,
                 signo == SIGALRM ? HARK__STEP_HANGS : "the process died: %s", strsignal(signo));
        board->hung = signo == SIGALRM;
        board->state = BOARD_FAILED;
    } else if (board->state == BOARD_BUSY) {
        snprintf(words, sizeof board->result.words, "the process ended itself, with status %d",
                 WEXITSTATUS(status));
        board->state = BOARD_FAILED;
    }
}

/* One child does one job; 0: it has come to an end, of whatever kind. */
static int run_child(const hark_exploration *options, struct hark__board *board, enum hark__job job,
                     bool silent)
{
    int status;

    board->state = BOARD_BUSY;
    board->story_used = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        become_a_child(silent);
        hark__explorer_work(options, board, job);
    }
    if (child < 0) {
        return hark__fail(-errno, "hark_explore", "no process: %s", strerror(errno));
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) { /* SIGCHLD is ignored, or a handler was faster: the board says it */
            status = 0;
            break;
        }
    }
    judge(board, status);
    return 0;
}

static bool fails_again(const hark_exploration *options, struct hark__board *board)
{
    return run_child(options, board, JOB_REPLAY, true) == 0 && board->state == BOARD_FAILED;
}

/* ---- telling --------------------------------------------------------------------------------- */

static const char *name_of(const hark_exploration *options)
{
    return options->name ? options->name : "the scenario";
}

static void tell(const hark_exploration *options, const struct hark__board *board)
{
    bool failed = board->state == BOARD_FAILED;

    fprintf(stderr, "hark: %s %s in this schedule:\n%.*s", name_of(options),
            failed ? "fails" : "does not fail", (int)board->story_used, board->story);
    if (failed) {
        fprintf(stderr, "hark: %s\nhark: to replay it: %s\n", board->result.words,
                *board->result.trace ? board->result.trace : "its trace is too long to be written");
    } else if (board->result.failed) {
        fprintf(
            stderr,
            "hark: but when it was searched, it did: %s\nhark: so it depends on more than its schedule\n",
            board->result.words);
    }
}

/* The story of the board's trace. What was counted stays as it was. */
static void tell_story(const hark_exploration *options, struct hark__board *board)
{
    hark_explored counted = board->result;

    if (run_child(options, board, JOB_TELL, options->quiet) == 0 && board->state == BOARD_FAILED) {
        memcpy(counted.words, board->result.words, sizeof counted.words);
    }
    board->result = counted;
    hark__trace_write(&board->trace, board->result.trace, sizeof board->result.trace);
    if (!options->quiet) {
        tell(options, board);
    }
}

/* ---- the two things to do -------------------------------------------------------------------- */

static int search(const hark_exploration *options, struct hark__board *board)
{
    int64_t began = hark__clock();
    int error = run_child(options, board, JOB_SEARCH, true);

    board->result.took = hark__clock() - began;
    if (error || board->state != BOARD_FAILED) {
        return error;
    }
    hark_explored counted = board->result;
    if (!board->hung) { /* each attempt would take as long */
        hark__shrink(options, board, fails_again);
    }
    memcpy(counted.words, board->result.words, sizeof counted.words);
    board->result = counted;
    board->state = BOARD_FAILED;
    board->result.failed = true;
    hark__trace_write(&board->trace, board->result.trace, sizeof board->result.trace);
    if (!options->quiet) {
        tell_story(options, board);
    }
    return 1;
}

/* Rule 3. */
static const hark_exploration *replayed;
static struct hark__board *replayed_on;

static void tell_and_abort(int status)
{
    hark__trace_write(&replayed_on->trace, replayed_on->result.trace,
                      sizeof replayed_on->result.trace);
    tell(replayed, replayed_on);
    if (status) {
        abort(); /* where it failed */
    }
    _exit(0);
}

static _Noreturn void replay_here(const hark_exploration *options, struct hark__board *board)
{
    replayed = options;
    replayed_on = board;
    hark__explorer.in_place = true;
    hark__explorer_leave = tell_and_abort;
    hark__explorer_work(options, board, JOB_TELL);
    abort(); /* it does not come back */
}

static int replay(const hark_exploration *options, struct hark__board *board)
{
    const char *forks = getenv("HARK_TEST_FORK");
    int error = hark__trace_read(&board->trace, options->replay);

    if (error) {
        return hark__fail(error, "hark_explore", "\"%s\" is no trace; one looks like 00201",
                          options->replay);
    }
    if (forks && strcmp(forks, "0") == 0) {
        replay_here(options, board);
    }
    tell_story(options, board);
    if (board->misfit) {
        return hark__fail(-EINVAL, "hark_explore", "%s", board->result.words);
    }
    board->result.failed = board->state == BOARD_FAILED;
    return board->result.failed;
}

/* ---- the call -------------------------------------------------------------------------------- */

static bool is_a_hub(const char *name)
{
    static const char *const names[] = {"sim", "uring", "epoll", "poll", "select"};
    bool found = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found = found || strcmp(name, names[i]) == 0;
    }
    return found;
}

static int check(const hark_exploration *options, const char *call)
{
    if (!options || options->size != sizeof *options || !options->main) {
        return hark__fail(-EINVAL, call, "%s",
                          !options         ? "the options are NULL"
                          : !options->main ? "main is NULL"
                                           : "options.size is not sizeof(hark_exploration)");
    }
    if (options->strategy > HARK_EXPLORE_RANDOM || options->faults & ~(unsigned)HARK_FAULT_ALL) {
        return hark__fail(-EINVAL, call, "there is no such strategy, or no such fault");
    }
    if (options->hub && !is_a_hub(options->hub)) {
        return hark__fail(-EINVAL, call, "there is no hub called \"%s\"", options->hub);
    }
    if (options->hub && strcmp(options->hub, "sim") && !options->faults && !options->replay) {
        return hark__fail(
            -EINVAL, call,
            "orders are searched on the simulated hub only; on \"%s\" there can be faults",
            options->hub);
    }
    if (hark__here) {
        return hark__fail(-EBUSY, call, "this thread has a running loop; explore outside of it");
    }
    return 0;
}

int hark_explore(const hark_exploration *options, hark_explored *result)
{
    static const char call[] = "hark_explore";
    int found = check(options, call);

    if (found) {
        return found;
    }
    struct hark__board *board = hark__sys.mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
                                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        return hark__fail(-ENOMEM, call, "no memory for the board");
    }
    found = options->replay ? replay(options, board) : search(options, board);
    if (result) {
        *result = board->result;
    }
    hark__sys.munmap(board, sizeof *board);
    return found;
}
