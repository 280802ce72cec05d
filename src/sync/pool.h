/* SPDX-License-Identifier: MIT
 *
 * pool.h - for the files of this room that run things in a pool: pool.c, map.c, pile.c.
 */
#ifndef HARK_SYNC_POOL_H
#define HARK_SYNC_POOL_H

#include <hark/pool.h>

#include "core/core.h"
#include "sync/sync.h"

/* Who gets the result, if not the pool. */
struct hark__job_kind {
    void (*begun)(void *where, hark_task id); /* it has its place, and has not run yet. May be NULL */
    void (*ended)(void *where, int result);
};

/* What is to be done. It is copied into the task that does it. */
struct hark__job {
    hark_pool *pool;
    hark_fn *fn;
    void *arg;
    const struct hark__job_kind *kind; /* NULL: a task as any, whose failure is the pool's */
    void *where;
};
_Static_assert(sizeof(struct hark__job) <= TASK_BYTES, "a job is kept in its task's record");

/* Is the pool open, is there a function? 0 or -errno. */
int hark__pool_check(hark_pool *p, hark_fn *fn, const char *call);

/* hark_pool_go of a job that was checked; -ENOMEM records no words. */
hark_task hark__pool_go(const struct hark__job *job, const char *site, const char *call);
int hark__pool_no_memory(const char *call); /* the pool may be gone by then */

/* Here and now, inline; the caller's id. The pool cannot be closed meanwhile. */
hark_task hark__pool_run(const struct hark__job *job);

#endif
