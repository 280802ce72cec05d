/* SPDX-License-Identifier: MIT
 *
 * thread.h - the door of the room `thread`: what the kernel offers only as a blocking call runs in
 * a worker thread, and one task waits for it.
 *
 * A job is a struct that its owner fills and embeds in a larger one, which holds what fn needs and
 * what it answers. fn runs in a worker, with every signal blocked and no loop: it must not touch
 * the loop, nor anything that others change meanwhile.
 *
 * Rules    T1  A job belongs to its task until hark__thread_run is called, and again once that has
 *              returned anything but -ECANCELED.
 *          T2  A job with `drop` can be abandoned: its cancelled task leaves at once, and from then
 *              on the job belongs to the room. When fn has ended, or will never begin, drop is
 *              called, once, in a worker or in the loop. Without `drop` no cancellation is noticed,
 *              and the job may lie on the task's stack.
 *          T3  A worker never touches a job that was given back, nor a loop that may have ended.
 *          T4  A function that ends its thread instead of returning (pthread_exit) ends its job,
 *              too.
 */
#ifndef HARK_THREAD_THREAD_H
#define HARK_THREAD_THREAD_H

#include <semaphore.h>

#include "core/core.h"

typedef struct hark__thread_job hark__thread_job;

struct hark__thread_job {
    void (*fn)(hark__thread_job *job);   /* in a worker */
    void (*drop)(hark__thread_job *job); /* the job was abandoned; NULL: it cannot be */
    const char *what;                    /* "the name example.org": for reports */
    /* How long, in ns, the loop awaits its end awake, and the worker the next job; 0: not at all.
     * Only while that pays, and there is more than one processor. */
    int64_t spin;
    /* private */
    hark__thread_job *next;
    struct hark__inbox *inbox;
    hark__task *task; /* who waits; NULL: nobody just now */
    hark_watch news;
    int processor; /* that the loop was on when it asked, then the worker; -1: no matter */
    uint8_t state;
    bool delivered;
    bool spun;             /* the loop awaits it awake */
    bool cut_short;        /* fn has ended its thread: it did not return */
    atomic_bool cancelled; /* the task was, while it waited; stays so when it was abandoned */
};

/* Lanes, so that name servers that do not answer never hold up files, and what the program calls
 * holds up neither. */
enum hark__thread_lane {
    HARK__THREAD_FILES,
    HARK__THREAD_NAMES,
    HARK__THREAD_CALLS,
    HARK__THREAD_LANES
};

/* hark__thread_run - run job->fn in a worker and wait for its end. No checkpoint of its own.
 *
 * Returns 0; -ECANCELED (abandoned: the job is no longer the caller's); -ENOMEM, -EMFILE: fn never
 * ran, and the words (call's) say why. */
int hark__thread_run(hark__thread_job *job, enum hark__thread_lane lane, const char *call);

/* ---- waiting awake: what it costs to fall asleep and be woken is saved where that pays ---------- */

#define HARK__SPIN_USUAL HARK_US(20) /* what the way into sleep and out of it may cost */

/* Another thread will post something to this loop, which awaits it awake for `span` ns at most, if
 * that pays: true. Then, as soon as it has come, _end; or _leave when it is not awaited any more. */
bool hark__spin_begin(hark_loop *loop, int64_t span);
void hark__spin_end(hark_loop *loop, bool begun);
void hark__spin_leave(hark_loop *loop, bool begun);
void hark__spin_visited(hark_loop *loop); /* somebody has called into it, and may do so again */
/* By a thread without a loop, before it waits for it. */
void hark__spin_for(sem_t *done);

int hark__processors(void); /* that this thread may use */

/* Is this loop one of several of hark_run_workers? Then listeners share their ports. */
bool hark__workers_many(void);

const char *hark__thread_lane_name(void); /* in a worker: its thread's usual name; else NULL */

int hark__thread_count(void); /* workers of the process that live: for tests */

#endif
