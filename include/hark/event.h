/* SPDX-License-Identifier: MIT
 *
 * hark/event.h - set once, for ever.
 *
 * Tasks wait until somebody sets the event; from then on nobody waits any more. There is no clear:
 * to start over, use another event, or a flag (hark/flag.h).
 */
#ifndef HARK_EVENT_H
#define HARK_EVENT_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_event {
    /* private */
    struct hark_waitlist waiters;
    bool set;
} hark_event;
/* clang-format off */
#define HARK_EVENT_INIT {{NULL, 0, 0}, false}
/* clang-format on */

/* hark_event_init - make it unset, unbound, with nobody waiting. All zero, and HARK_EVENT_INIT, do
 * the same.
 *
 * Returns 0; -EINVAL (NULL). Never blocks; any thread that nobody races. */
HARK_API int hark_event_init(hark_event *e);

/* hark_event_is_set - no more than the state; false for NULL. */
HARK_API bool hark_event_is_set(const hark_event *e);

/* hark_event_set - wake all who wait, in the order in which they came. Setting twice is fine and
 * does nothing.
 *
 * A waiter that was woken stays woken: cancelling it afterwards shows at its next checkpoint. Never
 * yields, never blocks. Thread: the loop's own, in a task or a callback; an event that no task has
 * used may be set anywhere. Returns 0; -EINVAL (NULL); -EXDEV (it belongs to another loop). Source:
 * trio.Event, anyio.Event. */
HARK_API int hark_event_set(hark_event *e);

/* hark_event_wait - wait until it is set; at once if it is.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (also when it is set already, in a cancelled scope);
 * -EINVAL (NULL); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_event_wait(hark_event *e);

/* hark_event_statistics - how many tasks wait now. */
HARK_API hark_stats hark_event_statistics(const hark_event *e);

HARK_END
#endif
