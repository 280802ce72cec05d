/* SPDX-License-Identifier: MIT
 *
 * hark/select.h - wait for the first of many.
 *
 * Each case is made by value: hark_case c[] = { hark_on_event(&stop), hark_on_fd(fd, POLLIN),
 * hark_on_time(hark_now() + HARK_S(1)) }. Exactly one case has an effect, the others leave no
 * trace.
 */
#ifndef HARK_SELECT_H
#define HARK_SELECT_H

#include <hark/chan.h>
#include <hark/event.h>
#include <hark/flag.h>
#include <hark/future.h>
#include <hark/group.h>
#include <hark/limiter.h>
#include <hark/lock.h>
#include <hark/queue.h>
#include <hark/sem.h>

HARK_BEGIN

typedef struct hark_case {
    /* private */
    union {
        struct hark_waiter waiter;
        struct hark_timer timer;
    } in;
    void *item;                         /* what it gives, or the place for what it gets */
    struct hark_waiter second;          /* a descriptor's other direction */
    const struct hark__case_kind *kind; /* what it is and how to wait for it */
    void *object;
    int64_t number; /* a task, a deadline, a descriptor */
    int events;
    int order; /* in which those that may be ready are asked */
    int result;
} hark_case;

HARK_API hark_case hark_on_event(hark_event *e); /* e is set */
HARK_API hark_case hark_on_flag(hark_flag *f);   /* f is set */
/* f was set since that hark_flag_generation: see hark_flag_wait_since. */
HARK_API hark_case hark_on_flag_since(hark_flag *f, uint64_t generation);
HARK_API hark_case hark_on_future(hark_future *f); /* f is ready; fetch it with hark_future_wait */
HARK_API hark_case hark_on_acquire(hark_lock *l);  /* l is the caller's from now on */
HARK_API hark_case hark_on_sem(hark_sem *s);       /* a permit is there: it is taken */
HARK_API hark_case hark_on_limiter(hark_limiter *l); /* a token is free: it is borrowed */
HARK_API hark_case hark_on_task(hark_task t);        /* t has ended, or is gone already */
HARK_API hark_case hark_on_fd(int fd, short events); /* POLLIN, POLLOUT or both; see hark_wait_fd */
HARK_API hark_case hark_on_time(int64_t deadline);   /* hark_now() has reached the deadline */

/* c takes *item, or gives one: when it happens, as hark_chan_send and hark_chan_recv. The item is
 * moved by then; one channel may be in several cases, and no select sends to itself. */
HARK_API hark_case hark_on_send(hark_chan *c, const void *item);
HARK_API hark_case hark_on_recv(hark_chan *c, void *item);
/* As hark_queue_put and hark_queue_get. */
HARK_API hark_case hark_on_put(hark_queue *q, const void *item);
HARK_API hark_case hark_on_get(hark_queue *q, void *item);

/* hark_select - wait until one of the n cases can happen, and let exactly that one happen. The same
 * array may be used again.
 *
 * Fair: when several are ready, each has the same chance. Blocks: a checkpoint.
 * Returns the case's index (see hark_case_result); -ECANCELED (none happened). Or what any case is
 * refused for, though others may be ready: -EINVAL (no case, NULL, an unmade case, a NULL
 * primitive, bad events, a generation to come); -EBADF (a negative descriptor); -EDEADLK (a lock
 * that the caller holds; its own end); -EBUSY (two cases for one direction of a descriptor);
 * -ENOTSUP outside a task; -EXDEV. Only where it would wait: -EBUSY (another task waits for that
 * descriptor already); -EDEADLK (nothing but locks, and all their holders wait for the caller: see
 * hark_lock_acquire); -ENOMEM. Source: Go's select. */
HARK_API int hark_select(hark_case *cases, int n);

/* hark_try_select - as hark_select, but -EAGAIN where it would wait. */
HARK_API int hark_try_select(hark_case *cases, int n);

/* hark_case_result - of the case that happened: 0, or why not: -EBADF (a descriptor that is not
 * open any more), the code of a future that failed, -EOWNERDEAD (a lock whose holder has ended),
 * what a send, recv, put or get would have said of a channel that is closed or a queue that is shut
 * down (or, unbounded, without memory). The select that returned the case has recorded the words:
 * see hark_error_last. */
HARK_API int hark_case_result(const hark_case *c);

HARK_END
#endif
