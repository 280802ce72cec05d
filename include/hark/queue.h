/* SPDX-License-Identifier: MIT
 *
 * hark/queue.h - work to be done: first in first out, last in first out, or by priority.
 *
 * A put copies an item in, a get copies one out; each put is to be answered by one
 * hark_queue_task_done, which hark_queue_join waits for. First come, first served among those who
 * wait to put and among those who wait to get, and what is given is handed over directly. Whoever
 * waits to put is in no order yet: its item enters the queue when a place gets free.
 */
#ifndef HARK_QUEUE_H
#define HARK_QUEUE_H

#include <hark/base.h>

HARK_BEGIN

/* Which item is the next one. */
typedef enum hark_order {
    HARK_FIFO,
    HARK_LIFO,
    HARK_PRIORITY /* the smallest first, equals in the order of arrival */
} hark_order;

/* A queue of items of one size. */
typedef struct hark_queue {
    /* private; more than a cache line: three kinds of waiters, and a heap that is stable */
    struct hark_waitlist getters, putters, joiners;
    unsigned char *items; /* `room` of them: a ring, a stack or a heap */
    uint64_t *numbers;    /* of a heap: which arrival each was; behind the items */
    int (*compare)(const void *, const void *);
    size_t size, max;
    size_t room, used, first;
    size_t unfinished;
    uint64_t arrivals;
    uint8_t order;
    bool ended;
} hark_queue;

/* hark_queue_init - for items of `size` bytes each, at most `max` at a time; 0: any number. With a
 * max all memory is allocated here, and nothing else can fail for want of it; without one it grows
 * with what is put in, and is kept until hark_queue_free.
 *
 * compare: for HARK_PRIORITY, as qsort's; it must not block, nor use this queue. Else it is not
 * used.
 *
 * Returns 0; -EINVAL (NULL; a size of 0; no such order; no `compare`; more bytes than there are
 * addresses); -ENOMEM. Source: asyncio.Queue, LifoQueue, PriorityQueue. */
HARK_API int hark_queue_init(hark_queue *q, size_t size, size_t max, hark_order order,
                             int (*compare)(const void *, const void *));

/* hark_queue_put - put *item in; wait while the queue is full.
 *
 * Blocks: a checkpoint. *item is read before it returns, never later. Returns 0; -ECANCELED: not
 * put in; -EPIPE (shut down, also while waiting: not put in); -ENOMEM (unbounded only: not put in);
 * -EINVAL (NULL, not initialised or freed); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_queue_put(hark_queue *q, const void *item);

/* hark_queue_get - take the next item out, into *item; wait while there is none.
 *
 * Blocks: a checkpoint. *item is written once, when there is one for it. Returns 0; -ECANCELED:
 * nothing taken; -EPIPE (shut down and empty, also while waiting); -EINVAL, -ENOTSUP, -EXDEV as
 * hark_queue_put. */
HARK_API int hark_queue_get(hark_queue *q, void *item);

/* hark_queue_try_put - as hark_queue_put, but -EAGAIN where it would wait. Never blocks, is no
 * checkpoint. Source: put_nowait. */
HARK_API int hark_queue_try_put(hark_queue *q, const void *item);

/* hark_queue_try_get - as hark_queue_get, but -EAGAIN where it would wait. Never blocks, is no
 * checkpoint. Source: get_nowait. */
HARK_API int hark_queue_try_get(hark_queue *q, void *item);

/* hark_queue_task_done - one of the items that were put in is done. With the last one, all who join
 * go on. Never blocks. Returns 0; -EINVAL (more often than put; NULL); -EXDEV. */
HARK_API int hark_queue_task_done(hark_queue *q);

/* hark_queue_join - wait until every item that was put in is done; at once if none is left to do.
 * Items of those who still wait to put do not count yet.
 *
 * Blocks: a checkpoint. Returns 0, also when more were put in between the waking and the running;
 * -ECANCELED; -EINVAL; -ENOTSUP; -EXDEV. */
HARK_API int hark_queue_join(hark_queue *q);

/* hark_queue_shutdown - no more puts: whoever waits to put or to get hears -EPIPE. What is in can
 * still be taken out, and must be done for a join; `immediate`: it is dropped and counts as done.
 * May be repeated; an immediate one may follow. Never blocks. Returns 0; -EINVAL; -EXDEV. */
HARK_API int hark_queue_shutdown(hark_queue *q, bool immediate);

/* hark_queue_len - how many are in, without those who wait to put; 0 for NULL. */
HARK_API size_t hark_queue_len(const hark_queue *q);

/* What is in a queue and who waits. */
typedef struct hark_queue_stats {
    size_t used, max;  /* max 0: any number */
    size_t unfinished; /* put in and not done yet; with what was got, more than used */
    int waiting_put, waiting_get, waiting_join;
    bool shut_down;
} hark_queue_stats;

/* hark_queue_statistics - what is in, what is to be done, how many tasks wait, and whether it is
 * shut down. All zero for NULL. */
HARK_API hark_queue_stats hark_queue_statistics(const hark_queue *q);

/* hark_queue_free - give the memory back; what is in is dropped. The queue may be initialised
 * again. Returns 0; -EBUSY while tasks wait, to join, too; -EINVAL (NULL, not initialised or freed
 * already); -EXDEV. */
HARK_API int hark_queue_free(hark_queue *q);

HARK_END
#endif
