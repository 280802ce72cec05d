/* SPDX-License-Identifier: MIT
 *
 * testing.h - the door of the room `testing`: the explorer, which runs a scenario under every
 * order.
 *
 * Who does what:
 *
 *     explore.c   hark_explore: the parent process; forks, judges, tells
 *     run.c       in the child: runs one schedule after the other; what scenarios may call
 *     order.c     what is chosen where there is a choice, and which schedule comes next
 *     sweep.c     in the child: the same scenario with one fault at each place in turn
 *     shrink.c    in the parent: makes a failing schedule as short as it gets
 *     trace.c     a schedule as a short text, and back
 *     story.c     a schedule in words
 *     memory.c    descriptors that live in memory; fault.c: calls that fail
 *
 * Words. A schedule is one run of the scenario; its trace is the list of what was chosen wherever
 * there was more than one way. The board is memory that parent and child share: what the child
 * writes there survives whatever becomes of it.
 */
#ifndef HARK_TESTING_TESTING_H
#define HARK_TESTING_TESTING_H

#include <hark/testing.h>

#include "core/core.h"
#include "testing/fault.h"

#define HARK__PATH_MOST    16384 /* choices in one schedule */
#define HARK__STORY_BYTES  (32 * 1024)
#define HARK__OUTSIDE_MOST 16
#define HARK__STEP_SECONDS 20 /* no step takes that long */

/* ---- a schedule ------------------------------------------------------------------------------ */

struct hark__chosen {
    uint16_t taken, count; /* taken: 0 .. count - 1 */
    uint8_t what;          /* an enum hark__choice */
};

struct hark__trace {
    struct hark__fault fault;
    uint32_t length;
    struct hark__chosen path[HARK__PATH_MOST];
};

/* The text: a digit a choice, without the zeroes at its end; empty if it does not fit. */
void hark__trace_write(const struct hark__trace *trace, char *text, size_t size);
int hark__trace_read(struct hark__trace *trace, const char *text); /* 0, -EINVAL */
uint32_t hark__trace_significant(const struct hark__trace *trace); /* without zeroes at the end */

/* ---- what parent and child share ------------------------------------------------------------- */

enum hark__board_state { BOARD_BUSY, BOARD_DONE, BOARD_FAILED };

struct hark__board {
    enum hark__board_state state;
    bool hung;    /* a step did not end */
    bool refused; /* what was asked for cannot be done: words say why */
    hark_explored result;
    struct hark__trace trace; /* of the present schedule */
    uint32_t story_used;
    char story[HARK__STORY_BYTES];
};

enum hark__job {
    JOB_SEARCH, /* all that the options ask for */
    JOB_REPLAY, /* the board's trace; ways that there are not any more are bent to those that are */
    JOB_TELL,   /* ... in words, and nothing is bent: then it is another scenario's */
};

/* ---- explore.c ------------------------------------------------------------------------------- */

bool hark__explorer_is_real(const hark_exploration *options); /* the hub is a kernel's */
/* Waits for its end, and puts on the board what became of it. */
void hark__await(const hark_exploration *options, struct hark__board *board, pid_t child);

/* ---- order.c --------------------------------------------------------------------------------- */

void hark__order_open(const hark_exploration *options, struct hark__trace *trace, bool replays);
void hark__order_begin(void);              /* of each schedule */
void hark__order_draw_from(uint64_t seed); /* ... what it has to draw */
uint32_t hark__order_pick(enum hark__choice what, uint32_t count);
bool hark__order_next(void);  /* prepare the next schedule; false: there is none */
void hark__order_again(void); /* ... or the same one once more */
bool hark__order_fresh(void); /* has this schedule left the way of the one before? */

/* ---- run.c ----------------------------------------------------------------------------------- */

/* What the child knows. One in a process. */
struct hark__explorer {
    const hark_exploration *options;
    struct hark__board *board;
    bool active;  /* a schedule is being run: choices are asked for */
    bool telling; /* ... in words */
    bool real_hub;
    bool sweeping;  /* faults count their places */
    bool disturbed; /* one of them is put in */
    bool in_place;  /* no child process: somebody may look on, for hours */
    pid_t process;
    int (*clock)(clockid_t clock, struct timespec *time); /* the real one */
    time_t alarm_at;                                      /* when the alarm was set */
    uint32_t steps, steps_most;
    hark_task conductor; /* our own task; 0: none */
    hark_task running;   /* whose step it is, for the story; 0: nobody's */
    uint32_t outside_count;
    struct {
        hark_callback *fn;
        void *arg;
    } outside[HARK__OUTSIDE_MOST];
    int result;     /* main's */
    char said[160]; /* ... and its words, if it has failed */
};
extern struct hark__explorer hark__explorer;

/* Leaves the child process; tests that measure themselves put something in front. */
extern void (*hark__explorer_leave)(int status);

_Noreturn void hark__explorer_work(const hark_exploration *options, struct hark__board *board,
                                   enum hark__job job);
_Noreturn void hark__explorer_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The given trace does not lead through this scenario. */
#define hark__explorer_misfit(how, ...) \
    (hark__explorer.board->refused = true, \
     hark__explorer_fail(how ": it is another scenario's, or this one has changed", ##__VA_ARGS__))
_Noreturn void hark__explorer_end(void); /* done; or failed, if the board says so */
void hark__explorer_guard(void);         /* first of all in each process that was forked */
void hark__explorer_run_cold(void);      /* the scenario as the main task of a loop of its own */

/* ---- sweep.c --------------------------------------------------------------------------------- */

void hark__sweep(void);
void hark__sweep_between(hark_loop *loop); /* a place for cancelling and stopping */
void hark__sweep_replay(void);             /* the one of the board's trace */

/* ---- shrink.c -------------------------------------------------------------------------------- */

/* Does the board's trace fail? Runs it in a child; the trace is then as it was really run. */
typedef bool hark__fails(const hark_exploration *options, struct hark__board *board);
void hark__shrink(const hark_exploration *options, struct hark__board *board, hark__fails *fails);

/* ---- story.c --------------------------------------------------------------------------------- */

/* Nothing is put while the schedule is not told. */
void hark__story_put(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *hark__story_title(const hark__task *task);      /* until the next one */
void hark__story_time(const hark_loop *loop, int64_t next); /* goes on to there */
void hark__story_step(uintptr_t entry);                     /* is about to run */
void hark__story_stepped(void);                             /* what became of whom ran last */
void hark__story_waiting(void);                             /* who waits for what */

#endif
