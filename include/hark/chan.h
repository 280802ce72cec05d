/* SPDX-License-Identifier: MIT
 *
 * hark/chan.h - items from task to task, through an object with two counted ends.
 *
 * A send copies an item in, a receive copies the oldest one out. With capacity 0 the two meet: a
 * send returns when a receiver has its item. First come, first served on both sides, and what is
 * given is handed over directly: a send that finds a receiver waiting writes into its place, a
 * receive from a full channel lets the first waiting sender's item in. "Cancelled" means not sent,
 * or nothing received; what was given to a waiter is kept, even if it is cancelled before it runs.
 *
 * Each side counts its open ends, one at first: whoever may send (receive) has one, gives others
 * theirs with hark_chan_add_sender, and closes its own when it has done. When no sender is left,
 * receivers take what is there and then hear -ENODATA; when no receiver is left, what is there is
 * dropped and senders hear -EPIPE; whoever uses a side that is closed itself hears -EBADF.
 */
#ifndef HARK_CHAN_H
#define HARK_CHAN_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_chan {
    /* private */
    struct hark_waitlist receivers, senders; /* who waits to receive, to send */
    unsigned char *buffer;                   /* a ring of `capacity` items; NULL: none */
    uint32_t size, capacity;
    uint32_t first, used;
    int32_t open_senders, open_receivers;
} hark_chan;

/* hark_chan_init - for items of `size` bytes each, `capacity` of which may be on their way; 0: a
 * send waits for its receiver. One end is open on each side. The buffer is allocated here, and
 * freed by hark_chan_free; nothing else allocates.
 *
 * Returns 0; -EINVAL (NULL; a size of 0; a size or capacity above UINT32_MAX, or more bytes than
 * there are addresses, as a negative number would be: an unbounded one is a hark_queue); -ENOMEM.
 * Source: trio.open_memory_channel. */
HARK_API int hark_chan_init(hark_chan *c, size_t size, size_t capacity);

/* hark_chan_send - give *item to the first receiver that waits, or put it behind the others; wait
 * while there is no place.
 *
 * Blocks: a checkpoint. *item is read before it returns, never later. Returns 0: sent; -ECANCELED:
 * not sent; -EPIPE (no receiver is left, also while waiting: not sent); -EBADF (all senders are
 * closed, also while waiting: not sent); -EINVAL (NULL, not initialised or freed); -ENOTSUP outside
 * a task; -EXDEV. Source: Trio's send. */
HARK_API int hark_chan_send(hark_chan *c, const void *item);

/* hark_chan_recv - the oldest item goes to *item; wait while there is none.
 *
 * Blocks: a checkpoint. *item is written once, when an item is received; only then. Returns 0;
 * -ECANCELED: nothing received; -ENODATA (no sender is left and nothing is there, also while
 * waiting); -EBADF (all receivers are closed, also while waiting); -EINVAL, -ENOTSUP, -EXDEV as
 * hark_chan_send. Source: Trio's receive. */
HARK_API int hark_chan_recv(hark_chan *c, void *item);

/* hark_chan_try_send - as hark_chan_send, but -EAGAIN where it would wait. Never blocks, is no
 * checkpoint. Thread: the loop's own, a callback, too. Source: send_nowait. */
HARK_API int hark_chan_try_send(hark_chan *c, const void *item);

/* hark_chan_try_recv - as hark_chan_recv, but -EAGAIN where it would wait. Never blocks, is no
 * checkpoint. Source: receive_nowait. */
HARK_API int hark_chan_try_recv(hark_chan *c, void *item);

/* hark_chan_add_sender - one more open end to send. Returns 0; -EBADF (none is left: what is closed
 * stays closed); -EOVERFLOW; -EINVAL; -EXDEV. Source: MemorySendChannel.clone. */
HARK_API int hark_chan_add_sender(hark_chan *c);

/* hark_chan_add_receiver - one more open end to receive. Errors as hark_chan_add_sender. */
HARK_API int hark_chan_add_receiver(hark_chan *c);

/* hark_chan_close_sender - one end to send less. With the last one, receivers that wait hear
 * -ENODATA, and senders that still do (with a closed end) -EBADF. What is in the buffer stays to be
 * received. Never blocks.
 *
 * Returns 0; -EBADF (none is open); -EINVAL; -EXDEV. */
HARK_API int hark_chan_close_sender(hark_chan *c);

/* hark_chan_close_receiver - one end to receive less. With the last one, what is in the buffer is
 * dropped, senders that wait hear -EPIPE, and receivers that still do -EBADF. Never blocks. Errors
 * as hark_chan_close_sender. */
HARK_API int hark_chan_close_receiver(hark_chan *c);

/* hark_chan_free - give the buffer back; what is in it is dropped. The channel may be initialised
 * again. Returns 0; -EBUSY while tasks wait; -EINVAL (NULL, not initialised or freed already);
 * -EXDEV. */
HARK_API int hark_chan_free(hark_chan *c);

/* What is in a channel, who may use it and who waits. */
typedef struct hark_chan_stats {
    size_t used, capacity;
    int senders, receivers; /* open ends */
    int waiting_send, waiting_recv;
} hark_chan_stats;

/* hark_chan_statistics - what is in the buffer, how many ends are open, how many tasks wait. All
 * zero for NULL. */
HARK_API hark_chan_stats hark_chan_statistics(const hark_chan *c);

HARK_END
#endif
