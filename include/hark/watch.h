/* SPDX-License-Identifier: MIT
 *
 * hark/watch.h - a callback in a node that the caller owns: for what needs no task.
 *
 * A watch is all zero before its first use, at most 64 bytes, and must stay where it is while
 * armed. Its callback runs in the loop, outside any task: it may set events, send futures, spawn
 * into groups and arm watches, this one too, but not block (-ENOTSUP).
 */
#ifndef HARK_WATCH_H
#define HARK_WATCH_H

#include <hark/base.h>
#include <hark/future.h>
#include <hark/event.h>

HARK_BEGIN

typedef struct hark_watch {
    /* private */
    union {
        /* Armed on an event, a future or a descriptor, or about to run. */
        struct hark_waiter waiter;
        struct hark_timer timer; /* armed for an instant */
        struct hark_watch *next; /* in a loop's post box */
    } in;
    hark_callback *fn;
    void *arg;
    uint32_t state;
    int32_t fd;    /* of a reader or writer */
    uint32_t loop; /* id of the loop that it is armed in */
    uint32_t spare;
} hark_watch;
/* clang-format off */
#define HARK_WATCH_INIT {{{NULL, NULL, NULL, 0}}, NULL, NULL, 0, 0, 0, 0}
/* clang-format on */

/* hark_event_watch - call fn(arg) once, in the turn in which a waiter of e would have gone on; soon
 * if e is set already.
 *
 * Never blocks. Thread: the loop's own. Returns 0; -EALREADY (w is armed); -EINVAL (NULL); -ENOMEM;
 * -EXDEV. Source: asyncio.Future.add_done_callback. */
HARK_API int hark_event_watch(hark_event *e, hark_watch *w, hark_callback *fn, void *arg);

/* hark_future_watch - as hark_event_watch, when f is sent or failed. Callbacks are called in the
 * order of arming, among the tasks that wait. */
HARK_API int hark_future_watch(hark_future *f, hark_watch *w, hark_callback *fn, void *arg);

/* hark_call_soon - call fn(arg) in the next turn, in the order of asking. Errors as
 * hark_event_watch. Source: asyncio's call_soon. */
HARK_API int hark_call_soon(hark_watch *w, hark_callback *fn, void *arg);

/* hark_call_later - call fn(arg) when `timeout` nanoseconds have passed; <= 0: as soon as the loop
 * looks at its timers. Errors as hark_event_watch. */
HARK_API int hark_call_later(int64_t timeout, hark_watch *w, hark_callback *fn, void *arg);

/* hark_call_at - call fn(arg) when hark_now() has reached `deadline`. Errors as
 * hark_event_watch. */
HARK_API int hark_call_at(int64_t deadline, hark_watch *w, hark_callback *fn, void *arg);

/* hark_unwatch - it will not run any more. Never blocks. Thread: the loop's own.
 *
 * Returns 0; -ESRCH (it ran already, or is not armed); -EINVAL (NULL); -EXDEV. */
HARK_API int hark_unwatch(hark_watch *w);

/* Futures, one after another as they get ready. */
typedef struct hark_completion {
    /* private */
    struct hark_waitlist waiters;
    hark_future *const *futures;
    hark_watch *nodes;
    int count, taken;
    /* A list through the nodes, by index + 1, of those that are ready and not yet taken. */
    int head, tail;
} hark_completion;

/* hark_completion_init - watch the n futures at f, with the n nodes (all zero before); both must
 * outlive c's use. The loop's own thread.
 *
 * A future that is ready already comes first, in the order of the array. Returns 0; -EINVAL;
 * -EALREADY (a node is armed); -ENOMEM; -EXDEV. Source: asyncio.as_completed. */
HARK_API int hark_completion_init(hark_completion *c, hark_future *const *f, hark_watch *nodes,
                                  int n);

/* hark_completion_next - the index of the next future to be ready, in the order of completion; then
 * -ENODATA.
 *
 * Stopping early: hark_unwatch the nodes that are still armed before the futures or nodes go.
 * Blocks: a checkpoint. Returns an index; -ENODATA; -ECANCELED; -EINVAL (NULL); -ENOTSUP;
 * -EXDEV. */
HARK_API int hark_completion_next(hark_completion *c);

HARK_END
#endif
