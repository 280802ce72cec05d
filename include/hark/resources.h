/* SPDX-License-Identifier: MIT
 *
 * hark/resources.h - a pool of resources: made when somebody needs one, used again, never too
 * many.
 *
 * For what is dear to make and serves one at a time: a connection, a file, a large buffer. Who
 * needs one gets it, an idle one or a new one, and puts it back when it is done, or discards it
 * when it is broken. There are never more of them than the pool may have; who comes when all are
 * in use waits, first come, first served, and what is put back goes straight to the first who
 * waits.
 *
 * An item is a pointer that the pool only carries; NULL is as good as any. The pool knows which
 * items are in use, and who has got each. What is put back by another task than the one that has
 * got it, or by a callback, is put back all the same; what is not in use cannot be put back.
 */
#ifndef HARK_RESOURCES_H
#define HARK_RESOURCES_H

#include <hark/base.h>
#include <hark/queue.h>

HARK_BEGIN

/* Make one: 0 or more with *item set, or -errno. It runs in the task that wants to get one,
 * under its scopes, and may block. Making and destroying may use this pool. */
typedef int hark_resource_create(void *arg, void **item);

/* End one. It runs in whoever put it back, discarded it, resized or freed the pool, and may
 * block if that is a task. */
typedef void hark_resource_destroy(void *arg, void *item);

typedef struct hark_resources {
    /* private; more than a cache line: it knows what is in use, and by whom */
    struct hark_waitlist waiters;
    hark_resource_create *create;
    hark_resource_destroy *destroy;
    void *arg;
    /* `room` of them, and behind them as many pointers: the idle ones. */
    struct hark__resource *used;
    int max, room, in_use, idle;
    int oldest;   /* of the idle ones, a ring */
    int changing; /* being made or destroyed */
    bool newest_first;
} hark_resources;

/* What hark_resources_statistics returns. */
typedef struct hark_resources_stats {
    int max;      /* how many there may be */
    int in_use;   /* got and not put back, those included that were just given to a waiter */
    int idle;     /* to be had at once */
    int changing; /* being made, or about to be by one who was given the place, or destroyed */
    int waiting;  /* tasks that wait for one */
} hark_resources_stats;

/* hark_resources_init - a pool of at most `max`, with none as yet. 0: none for now, see
 * hark_resources_resize.
 *
 * order: which idle one is used next: HARK_FIFO, that which has been idle longest, so that all
 * are kept warm; HARK_LIFO, that which was put back last, so that few are hot and the others may
 * rest. destroy: NULL, if nothing is to be done.
 *
 * Memory for `max` items is allocated here, 24 bytes for each, so that putting back cannot fail
 * for want of it. The pool is unbound. Returns 0; -EINVAL (NULL; a negative `max`; no such
 * order); -ENOMEM. Source: eventlet.pools.Pool. */
HARK_API int hark_resources_init(hark_resources *r, int max, hark_order order,
                                 hark_resource_create *create, hark_resource_destroy *destroy,
                                 void *arg);

/* hark_resources_get - *item is one that nobody else has: an idle one; else, while there are
 * fewer than the pool may have, a new one; else the first that is put back, behind those who
 * came before.
 *
 * Those that are being made or destroyed count, so there are never too many. If making one
 * fails, or is cancelled, its place goes to the first who waits, who tries in turn.
 *
 * Blocks: a checkpoint. *item is written when there is one, never later. Returns 0; what
 * `create` failed with, whose words stay; -ECANCELED (none was got); -EINVAL (NULL, not
 * initialised or freed); -ENOTSUP outside a task; -EXDEV. Source: eventlet.pools.Pool.get. */
HARK_API int hark_resources_get(hark_resources *r, void **item);

/* hark_resources_try_get - as hark_resources_get, if one is idle. It makes none, for that may
 * block: -EAGAIN then, also while there might be more. Never yields, never blocks; is no
 * checkpoint. */
HARK_API int hark_resources_try_get(hark_resources *r, void **item);

/* hark_resources_put - it is not needed any more: the first waiter gets it, or it is idle. While
 * there are more than the pool may have since it was made smaller, it is destroyed.
 *
 * Never yields; blocks only if `destroy` does. Takes time in proportion to how many are in use,
 * which is how it is told that an item is put back twice. Thread: the loop's own. Returns 0;
 * -EPERM (such an item is not in use: put back or discarded already, or not of this pool);
 * -EINVAL; -EXDEV. Source: eventlet.pools.Pool.put. */
HARK_API int hark_resources_put(hark_resources *r, void *item);

/* hark_resources_discard - it is broken: it is destroyed, and then the first waiter has its
 * place, and makes a new one. Otherwise as hark_resources_put. */
HARK_API int hark_resources_discard(hark_resources *r, void *item);

/* hark_resources_resize - there may be `max` from now on. As many waiters as there are new
 * places make theirs; of too many, the idle ones are destroyed, the oldest first, and those in
 * use when they are put back.
 *
 * Never yields; blocks only if `destroy` does. Memory for more than there ever were is
 * allocated; it is never made less. Thread: the loop's own; a pool that no task has used may be
 * resized anywhere. Returns 0; -ENOMEM (nothing has changed); -EINVAL (also a negative `max`);
 * -EXDEV. Source: eventlet.pools.Pool.resize. */
HARK_API int hark_resources_resize(hark_resources *r, int max);

/* hark_resources_statistics - how many there are now; all 0 for NULL. */
HARK_API hark_resources_stats hark_resources_statistics(const hark_resources *r);

/* hark_resources_free - destroy the idle ones, oldest first, and give the memory back. The pool
 * may be initialised again. Blocks only if `destroy` does. Returns 0; -EBUSY while one is in
 * use, being made or waited for: nothing has changed; -EINVAL (NULL, not initialised or freed
 * already); -EXDEV. */
HARK_API int hark_resources_free(hark_resources *r);

HARK_END
#endif
