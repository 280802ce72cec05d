/* SPDX-License-Identifier: MIT
 *
 * hark/testing.h - try a piece of a program under every order of events. Not part of hark.h.
 *
 * A scenario is a function that runs as the main task of a loop: two to four tasks, a few
 * primitives, some HARK_TEST_CHECK. hark_explore runs it again and again, each time in another
 * order: which ready task runs next, whether a call that need not wait lets others run, which of
 * several ready cases a select takes, when timers fire, when a descriptor's news arrive, when
 * another thread gets its word in. A small scenario is searched completely; of a large one the
 * orders are drawn at random. The first failure is made as short as it gets, told step by step, and
 * can be replayed.
 *
 * Time is virtual, descriptors of hark_test_pair live in memory, and nothing sleeps: a schedule of
 * fifty steps takes some ten microseconds. What a scenario does must depend on nothing else: no
 * real clock, no threads, no random numbers but hark_test_choose.
 */
#ifndef HARK_TESTING_H
#define HARK_TESTING_H

#include <hark/base.h>

HARK_BEGIN

enum hark_strategy {
    HARK_EXPLORE_ALL,    /* depth first, until every order was tried */
    HARK_EXPLORE_PCT,    /* random priorities with a few changes: finds bugs of small depth soon */
    HARK_EXPLORE_RANDOM, /* each choice drawn evenly */
};

/* What else may happen, once a schedule, at each of the places in turn. Bits. */
enum hark_fault {
    HARK_FAULT_CANCEL = 1 << 0, /* at each step, each task in turn is cancelled */
    HARK_FAULT_STOP = 1 << 1,   /* at each step the whole run is */
    HARK_FAULT_MEMORY = 1 << 2, /* each allocation in turn fails: once, and from there on */
    HARK_FAULT_SYSTEM = 1 << 3, /* each system call fails with each error that it is known for;
                                 * reads and writes move one byte; calls are interrupted */
    HARK_FAULT_ALL = 15,
};

/* All zero, but for `size` and `main`, is: every order, at most a million. */
typedef struct hark_exploration {
    size_t size;      /* sizeof(hark_exploration) */
    const char *name; /* for the words */
    hark_fn *main;    /* the scenario: main(arg) must return 0 */
    void *arg;
    enum hark_strategy strategy;
    uint64_t schedules; /* at most so many; 0: a million */
    uint64_t seed;      /* of PCT and RANDOM */
    int depth;          /* of PCT; 0: 3 */
    int steps;          /* a schedule that takes more never ends; 0: 10,000 */
    int yields;      /* ALL: so many calls a schedule that need not wait may let others run; 0: any
                         * number, < 0: none */
    bool patient;    /* time goes on only when nothing else can happen */
    bool pieces;     /* a read or write on a hark_test_pair may move just one byte */
    unsigned faults; /* HARK_FAULT_...: besides the orders. ALL: in the plainest order; PCT and
                         * RANDOM: in each of `schedules` orders (0: one) */
    const char *hub; /* NULL: the simulated one; a real one for faults only */
    const char *replay; /* a trace: only this one schedule, told on stderr */
    bool quiet;         /* tell nothing on stderr */
} hark_exploration;

typedef struct hark_explored {
    uint64_t schedules; /* tried */
    uint64_t steps;     /* all of them together */
    uint64_t faults;    /* schedules with a fault, of these */
    int64_t took;       /* ns */
    bool complete;      /* every order within the bounds was tried */
    bool failed;
    char words[256];  /* what failed */
    char trace[1024]; /* to be replayed; empty: too long, but the seed will lead there again */
} hark_explored;

/* hark_explore - try the scenario in many orders; stop at the first that fails.
 *
 * A schedule fails when a HARK_TEST_CHECK is false, main returns anything but 0, nothing can go on
 * though main has not ended, it takes too many steps or one that runs for 20 seconds, hark_audit()
 * finds something, something is left behind (a task, a timer, memory of hark's, a descriptor of
 * hark_test_pair), or the process dies. Then the trace is shortened, and stderr gets the story. It
 * runs in forked children, which say nothing on stdout and stderr while they search; so a crash is
 * a failure like any other. To replay a trace in this process, under a debugger, set
 * HARK_TEST_FORK=0, and stop in hark_test_failed or in abort.
 *
 * Returns 0: no failure; 1: one was found; -EINVAL (bad options; a trace that does not fit; more
 * than 65,536 places for a kind of fault), -EBUSY (inside a running loop), -EAGAIN, -ENOMEM (no
 * process). *result may be NULL. One thread at a time. Source: CHESS, loom and shuttle. */
HARK_API int hark_explore(const hark_exploration *options, hark_explored *result);

/* HARK_TEST_CHECK - must be true. In an exploration a false one ends the schedule as failed;
 * anywhere else it prints and aborts. */
#define HARK_TEST_CHECK(expr) ((expr) ? (void)0 : hark_test_failed(__FILE__, __LINE__, "%s", #expr))
HARK_API void hark_test_failed(const char *file, int line, const char *format, ...) HARK_PRINTF(3, 4);

/* hark_test_choose - a number from 0 to n - 1, every one of which is tried. 0 outside an
 * exploration. */
HARK_API int hark_test_choose(int n);

/* hark_test_disturbed - has a fault (HARK_FAULT_...) been put into this schedule, or may one still
 * be? Then calls may also answer -ECANCELED, -ENOMEM and so on, and a scenario checks less. */
HARK_API bool hark_test_disturbed(void);

/* hark_test_note - a line for the story. printf-like. */
HARK_API void hark_test_note(const char *format, ...) HARK_PRINTF(1, 2);

/* hark_test_outside - fn(arg) will be called once, between any two steps from now on, as if by
 * another thread: it may call what other threads may. Not called any more when main has ended.
 * Returns 0; -ENOTSUP outside an exploration; -ENOSPC (more than 16 are pending). */
HARK_API int hark_test_outside(hark_callback *fn, void *arg);

/* hark_test_pair - two connected stream descriptors in memory, each with room for `room` bytes on
 * the way (0: 64, at most 4096). hark_read, hark_write, hark_wait_fd, hark_close and the like take
 * them; the kernel does not know them. Numbers are reused at once, lowest first. On a real hub
 * (hark_exploration.hub) it is hark_socketpair.
 * Returns 0; -EINVAL (NULL, a wrong room); -ENOTSUP outside an exploration; -EMFILE. */
HARK_API int hark_test_pair(int fds[2], int room);

/* hark_audit - walk through all that the calling thread's loop holds, and check every rule that its
 * parts have: lists, waiters, timers, scopes, groups, descriptors; and that nobody waits for what
 * is there already.
 *
 * Returns 0; -EUCLEAN: the words say which rule is broken, and by whom (a bug of hark's, or memory
 * written over); -ENOTSUP without a loop. Does not block. */
HARK_API int hark_audit(void);

HARK_END
#endif
