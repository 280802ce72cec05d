/* SPDX-License-Identifier: MIT
 *
 * gate.h - operations whose instructions are counted, in a world that is the same each time.
 *
 * An operation is a function that sets a stage and hands a loop to gate_count. Under callgrind that
 * runs the loop three times, for `each` operations, for as many again and for twice as many, with a
 * mark before, between and after: whatever does not belong to an operation (starting, setting the
 * stage, the loop around) is in the second and in the third count alike, and their difference is
 * `each` operations and nothing else.
 *
 * Rules
 *   1  Time is simulated (gate_now): an operation takes GATE_TURN, a look at the clock GATE_LOOK, a
 *      system call GATE_CALL. A wait for a timer ends at once, and the time has passed. So the loop
 *      under test looks around as often as in earnest, and equally often each time.
 *   2  One operation, one process: nobody finds what another has left behind.
 *   3  Other threads are played by gate_outside, which is called when the loop falls asleep.
 *   4  What the library reckons from the processor's ticks is either held (gate_hold_ticks) or not
 *      used at all.
 *   5  `each` is so large that what happens every now and then (the hub is asked once in 50 us) is
 *      counted as often as it does.
 *
 * The operations of the limit (limit.c) use this file, too: nothing here knows hark.
 */
#ifndef HARK_BENCH_GATE_H
#define HARK_BENCH_GATE_H

#include "../bench.h"
#include <errno.h>
#include <stdbool.h>

#define GATE_TURN 20
#define GATE_LOOK 25
#define GATE_CALL 300

typedef struct gate_operation {
    const char *name, *what; /* what one operation is */
    long each;
    void (*fn)(void); /* sets the stage, calls gate_count */
} gate_operation;

/* Ends with a row of NULL. */
extern const gate_operation *const gate_tables[];

/* What the library asked of the world so far. */
typedef struct gate_asked {
    int64_t calls, looks, memory; /* of the system, at the clock, for memory */
} gate_asked;

extern gate_asked gate_asked_now;
extern int64_t gate_now; /* ns */
extern void (*gate_outside)(void);

/* `n` times what follows, of which each is `k` operations. */
#define GATE_EACH(n, k) for (long left_ = (n) / (k); left_--; gate_now += GATE_TURN * (k))

/* A call that must succeed; the gate's own test sees to it. Only a helper is ever cancelled. */
#ifdef GATE_CHECKED
#define GATE_DO(call) \
    do { \
        int64_t result_ = (int64_t)(call); \
        bench_must(result_ >= 0 || result_ == -ECANCELED, #call); \
    } while (0)
#else
#define GATE_DO(call) ((void)(call))
#endif

/* From now on the processor's ticks stand still: a library that goes by them between two looks at the
 * clock need not look again. Without this it looks each time, for ticks cannot be simulated. */
void gate_hold_ticks(void);

void gate_count(bench_body *body, void *arg);
int gate_run(void (*fn)(void)); /* in a loop, if there is one */

#endif
