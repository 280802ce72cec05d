/* SPDX-License-Identifier: MIT
 *
 * hark/pool.h - many things to do, and only so many at a time.
 *
 * A pool is a group (hark/group.h) with a limit: whoever spawns into it waits while it is full. It is
 * opened and closed as a group, and its first failure cancels the rest and is what close returns.
 * hark_map does one thing for each item of an array, and keeps every result. A pile hands out results
 * in the order of the spawns while the work goes on.
 */
#ifndef HARK_POOL_H
#define HARK_POOL_H

#include <hark/base.h>
#include <hark/group.h>

HARK_BEGIN

typedef struct hark_pool {
    /* private; more than a cache line: it is a group, too */
    struct hark_waitlist spawners;
    hark_group group;
    int size, running;
} hark_pool;

/* hark_pool_open - open a pool of `size` places in the calling task; what it held before does not
 * matter. 0: nothing starts until it is made larger; INT_MAX: as good as no limit.
 *
 * It must be closed by the same task, as a group must. Never blocks. Returns 0; -EINVAL (NULL, a
 * negative size); -EALREADY (open already); -ENOTSUP outside a task. Source: eventlet.GreenPool. */
HARK_API int hark_pool_open(hark_pool *p, int size);

/* hark_pool_go - spawn `fn(arg)` into p, when there is a place; wait for one behind those who came
 * before. The task has its place until it has ended, failed or was cancelled; then the first who
 * waits has it.
 *
 * Any task of the loop may, also while the pool's opener waits in close: a task that waits for its
 * place when the last one ends gets it first. A task of the pool itself, and any task in a group or
 * pool that such a task has opened, would wait for itself: if the pool is full, it runs fn at once,
 * inline, on its own stack and under its own scopes; what fn then returns counts for the pool as a
 * child's result does. Into a cancelled pool, too: the task runs to its first checkpoint.
 *
 * Blocks: a checkpoint. The new task does not run before this returns; but if this had to wait, both
 * are ready together. Returns the task's id, or if fn was run inline, the caller's own; -ECANCELED
 * (nothing was spawned, or run); -ENOMEM (the place goes to the next who waits); -EINVAL (NULL, not
 * open, or closed while this waited: that happens only to a pool without any place left); -ENOTSUP
 * outside a task; -EXDEV. Source: eventlet's GreenPool.spawn. */
HARK_API hark_task hark_pool_go(hark_pool *p, hark_fn *fn, void *arg);

/* hark_pool_resize - there are `size` places from now on. As many who wait as there are new places
 * have theirs in this call; of too many tasks none is stopped, but their places are not given again.
 *
 * Any task of the loop may, and a callback. Never blocks. Returns 0; -EINVAL (NULL, not open, a
 * negative size); -EXDEV. Source: eventlet's GreenPool.resize. */
HARK_API int hark_pool_resize(hark_pool *p, int size);

/* hark_pool_running - how many tasks have a place, those included that have not run yet. What is run
 * inline has none of its own. 0 for NULL, and when it is closed. */
HARK_API int hark_pool_running(const hark_pool *p);

/* hark_pool_waiting - how many tasks wait in hark_pool_go; 0 for NULL. */
HARK_API int hark_pool_waiting(const hark_pool *p);

/* hark_pool_group - the group that the pool is: for hark_group_cancel, hark_group_stack and
 * hark_group_failures. hark_go spawns into it beside the limit. Close the pool, not the group. NULL
 * for NULL. */
HARK_API hark_group *hark_pool_group(hark_pool *p);

/* hark_pool_close - as hark_group_close: wait until all that was spawned has ended, then say how it
 * went. `rc` is the body's result.
 *
 * Whoever waits for a place still gets it, as long as places come back. If there is none left in which
 * anybody could end, because the pool was made smaller, they are turned away with -EINVAL. Blocks, but
 * is no checkpoint. Returns as hark_group_close; -EPERM (not the opener: a task of the pool itself would
 * wait for its own end). Source: eventlet's GreenPool.waitall. */
HARK_API int hark_pool_close(hark_pool *p, int rc);

/* hark_map - call fn for each of the n items of `size` bytes at `items`, each in a task of its own, at
 * most `limit` of them at a time; wait for all.
 *
 * results[i] is what fn returned for item i. A failure is in its place, and stops nothing. Items that
 * were never begun because the caller was cancelled have -ECANCELED. `results` may be NULL. With a
 * size of 0 each call gets `items` itself.
 *
 * Memory is needed for the tasks that run at the same time, and no more. It is never missing: without
 * memory for a task the caller waits for one that runs, and when none does, runs fn inline.
 *
 * Blocks: a checkpoint. Returns 0, whatever the results are; -ECANCELED: it was cut short; the tasks
 * that ran were cancelled, and have ended; -EINVAL (fn or the items are NULL, a limit below 1);
 * -ENOTSUP outside a task. Source: eventlet's GreenPool.imap. */
HARK_API int hark_map(int limit, hark_fn *fn, void *items, size_t size, size_t n, int *results);

/* What was spawned into a pool, and whose results are taken one by one in that order. */
typedef struct hark_pile {
    /* private */
    struct hark_waitlist takers, goers;
    hark_pool *pool;
    struct hark__ticket *last; /* spawned and not taken: a ring, the oldest comes after the last */
    int ahead, room, count;    /* the most; taken up by goers and tickets; tickets */
} hark_pile;

/* hark_pile_init - a pile of what is spawned by it into `pool`. Several may share a pool, with one
 * another and with others; it need not be open yet.
 *
 * ahead: the most results that are not taken yet, those included that are still being made. Then
 * hark_pile_go waits, so whoever takes must be another task, or take in between. 0: no limit; memory
 * for 32 bytes each, until they are taken. Never blocks. Returns 0; -EINVAL (NULL, a negative
 * `ahead`). Source: eventlet.GreenPile. */
HARK_API int hark_pile_init(hark_pile *p, hark_pool *pool, int ahead);

/* hark_pile_go - as hark_pool_go; fn's result is kept for hark_pile_next. A failure is a result as any
 * other, and none of the pool's.
 *
 * Blocks: a checkpoint. Returns as hark_pool_go; whatever the failure, nothing is missing in the row.
 * -EINVAL also when `p` was not initialised. */
HARK_API hark_task hark_pile_go(hark_pile *p, hark_fn *fn, void *arg);

/* hark_pile_next - the result of the oldest spawn whose result was not taken yet; wait for it. When
 * several tasks take, the first who comes has the oldest.
 *
 * It stays to be had when the pool is closed. Blocks: a checkpoint. Returns 0, and fn's result in
 * *result (may be NULL); -ENODATA: nothing is left but what will go to those who came before, and
 * nobody is about to spawn; -ECANCELED (none was taken); -EINVAL (NULL); -ENOTSUP outside a task;
 * -EXDEV. */
HARK_API int hark_pile_next(hark_pile *p, int *result);

/* hark_pile_outstanding - how many were spawned and their results not taken; 0 for NULL. */
HARK_API int hark_pile_outstanding(const hark_pile *p);

/* hark_pile_free - drop what was not taken. The pile is as initialised. Never blocks.
 *
 * Returns 0; -EBUSY while a task of it runs, or a task waits in it: nothing has changed; -EINVAL
 * (NULL); -EXDEV. */
HARK_API int hark_pile_free(hark_pile *p);

/* The functions behind the macros below; `site` is a HARK_SITE. */
HARK_API hark_task hark_pool_go_at(const char *site, hark_pool *p, hark_fn *fn, void *arg);
HARK_API int hark_map_at(const char *site, int limit, hark_fn *fn, void *items, size_t size,
                         size_t n, int *results);
HARK_API hark_task hark_pile_go_at(const char *site, hark_pile *p, hark_fn *fn, void *arg);

/* The same calls, which also note where they stand, as hark_go does. */
#define hark_pool_go(...) hark_pool_go_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_map(...)     hark_map_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_pile_go(...) hark_pile_go_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
