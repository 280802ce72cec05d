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

/* 0 also where SIGCHLD is ignored, or a handler was faster: the board knows. */
static int status_of(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

bool hark__explorer_is_real(const hark_exploration *options)
{
    return options->hub && strcmp(options->hub, "sim") != 0;
}

void hark__await(const hark_exploration *options, struct hark__board *board, pid_t child)
{
    int status = status_of(child), signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    char *words = board->result.words;
    size_t size = sizeof board->result.words;
    bool is_real = hark__explorer_is_real(options);

    bound(board);
    if (signo == SIGALRM) {
        board->hung = true;
        snprintf(words, size, "a step does not end: it has run for %d seconds%s",
                 HARK__STEP_SECONDS, is_real ? ", or nothing has come for as long" : "");
    } else if (signo) {
        snprintf(words, size, "the process died: %s", strsignal(signo));
    } else if (board->state == BOARD_BUSY) {
        snprintf(words, size, "the process ended itself, with status %d", WEXITSTATUS(status));
    }
    if (signo || board->state == BOARD_BUSY) {
        board->state = BOARD_FAILED;
    }
}

/* One child does one job; 0: it has come to an end, of whatever kind. What was counted in the
 * search stays as it was. */
static int run_child(const hark_exploration *options, struct hark__board *board, enum hark__job job)
{
    hark_explored counted = board->result;

    board->state = BOARD_BUSY;
    board->story_used = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        hark__explorer_guard();
        if (job != JOB_TELL || options->quiet) {
            say_nothing();
        }
        hark__explorer_work(options, board, job);
    }
    if (child < 0) {
        return hark__fail(-errno, "hark_explore", "no process: %s", strerror(errno));
    }
    hark__await(options, board, child);
    if (job != JOB_SEARCH) {
        if (!board->refused || options->replay) {
            memcpy(counted.words, board->result.words, sizeof counted.words);
        }
        board->result = counted;
    }
    return 0;
}

static bool fails_again(const hark_exploration *options, struct hark__board *board)
{
    return run_child(options, board, JOB_REPLAY) == 0 && board->state == BOARD_FAILED;
}

/* ---- telling --------------------------------------------------------------------------------- */

static const char *name_of(const hark_exploration *options)
{
    return options->name ? options->name : "the scenario";
}

static void tell(const hark_exploration *options, const struct hark__board *board)
{
    bool failed = board->state == BOARD_FAILED && !board->refused;

    fprintf(stderr, "hark: %s %s this schedule:\n%.*s", name_of(options),
            failed           ? "fails in"
            : board->refused ? "does not fit"
                             : "does not fail in",
            (int)board->story_used, board->story);
    if (failed) {
        fprintf(stderr, "hark: %s\nhark: to replay it: %s\n", board->result.words,
                *board->result.trace ? board->result.trace : "its trace is too long to be written");
    } else if (board->result.failed) {
        fprintf(stderr,
                "hark: but when it was searched, it did: %s\n"
                "hark: so it depends on more than its schedule\n",
                board->result.words);
    }
}

static void write_trace(struct hark__board *board)
{
    hark__trace_write(&board->trace, board->result.trace, sizeof board->result.trace);
}

/* The story of the board's trace. */
static int tell_story(const hark_exploration *options, struct hark__board *board)
{
    int error = run_child(options, board, JOB_TELL);

    write_trace(board);
    if (!error && !options->quiet) {
        tell(options, board);
    }
    return error;
}

/* ---- the two things to do -------------------------------------------------------------------- */

static int search(const hark_exploration *options, struct hark__board *board)
{
    int64_t began = hark__clock();
    int error = run_child(options, board, JOB_SEARCH);

    board->result.took = hark__clock() - began;
    if (error || board->state != BOARD_FAILED || board->refused) {
        return error;
    }
    if (!board->hung) { /* each attempt would take as long */
        hark__shrink(options, board, fails_again);
    }
    board->result.failed = true;
    write_trace(board);
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
    write_trace(replayed_on);
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
    if ((error = tell_story(options, board))) {
        return error;
    }
    board->result.failed = board->state == BOARD_FAILED && !board->refused;
    return board->result.failed;
}

/* ---- the call -------------------------------------------------------------------------------- */

static bool is_a_hub(const char *name)
{
    static const char *const names[] = {"sim", "uring", "epoll", "poll", "select"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
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
    if (hark__explorer_is_real(options) && !options->faults && !options->replay) {
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
    if (board->refused && !board->result.failed) {
        found = hark__fail(-EINVAL, call, "%s", board->result.words);
    }
    if (result) {
        *result = board->result;
    }
    hark__sys.munmap(board, sizeof *board);
    return found;
}
