/* SPDX-License-Identifier: MIT
 *
 * hark/broadcast.h - every subscriber sees every value, or is told how many it has missed.
 *
 * The last values are kept in a ring that the caller owns. Sending never waits: when the ring is
 * full the oldest value makes room, and a subscriber that had not seen it yet is told so with the
 * next one it gets. A subscriber is no more than a place in the row of values: it begins with the
 * first value sent after it subscribed, and needs no end.
 *
 *     static int buffer[16];
 *     static hark_broadcast prices = HARK_BROADCAST_INIT(buffer, sizeof(int), 16);
 */
#ifndef HARK_BROADCAST_H
#define HARK_BROADCAST_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_broadcast {
    /* private */
    struct hark_waitlist waiters;
    void *buffer;
    size_t size, capacity;
    uint64_t sent; /* how many, ever: the number of the next one */
    size_t at;     /* its place */
    bool closed;
} hark_broadcast;
/* clang-format off */
#define HARK_BROADCAST_INIT(buffer, size, capacity) \
    {{NULL, 0, 0}, (buffer), (size), (capacity), 0, 0, false}
/* clang-format on */

typedef struct hark_subscriber {
    /* private */
    hark_broadcast *broadcast;
    uint64_t next; /* number of the value that it has not seen yet */
} hark_subscriber;

/* hark_broadcast_init - values of `size` bytes, of which the last `capacity` are kept in `buffer`,
 * which has room for them and stays the caller's. HARK_BROADCAST_INIT(buffer, size, capacity) does
 * the same for a static one. Returns 0; -EINVAL (NULL, a size or capacity of 0, or too large).
 * Source: tokio's sync::broadcast. */
HARK_API int hark_broadcast_init(hark_broadcast *b, void *buffer, size_t size, size_t capacity);

/* hark_broadcast_subscribe - make *s a subscriber: it sees what is sent from now on. One subscriber
 * may be used by several tasks, which then share its values; copied, it is another one at the same
 * place. Returns 0; -EINVAL (NULL, not initialised); -EXDEV. */
HARK_API int hark_broadcast_subscribe(hark_broadcast *b, hark_subscriber *s);

/* hark_broadcast_send - all subscribers will see a copy of *item; those that wait have it when this
 * returns. Never yields, never blocks; without subscribers too.
 *
 * Thread: the loop's own; one that no task has used may be sent to anywhere. Returns 0; -EPIPE (it
 * was closed); -EINVAL (NULL, not initialised); -EXDEV. */
HARK_API int hark_broadcast_send(hark_broadcast *b, const void *item);

/* hark_broadcast_recv - the next value, into *item; wait for it if there is none.
 *
 * Blocks: a checkpoint. Returns how many values this subscriber has missed before this one, 0 as
 * long as it keeps up (INT_MAX: that many or more); -ENODATA (closed, and all was seen); -ECANCELED
 * (nothing was taken); -EINVAL (NULL, not subscribed); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_broadcast_recv(hark_subscriber *s, void *item);

/* hark_broadcast_try_recv - as hark_broadcast_recv, but -EAGAIN where that would wait, and no
 * checkpoint. */
HARK_API int hark_broadcast_try_recv(hark_subscriber *s, void *item);

/* hark_broadcast_close - nothing more will be sent: who waits gets -ENODATA now, the others when
 * they have seen what is kept. Again: no effect. Thread: as hark_broadcast_send. Returns 0; -EINVAL
 * (NULL); -EXDEV. */
HARK_API int hark_broadcast_close(hark_broadcast *b);

/* hark_broadcast_statistics - how many tasks wait now. */
HARK_API hark_stats hark_broadcast_statistics(const hark_broadcast *b);

HARK_END
#endif
