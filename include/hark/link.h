/* SPDX-License-Identifier: MIT
 *
 * hark/link.h - items from loop to loop, and to and from threads without one: a hark_chan that
 * crosses them.
 *
 * Everything is as with hark_chan, and any task of any loop and any thread may send and receive: a
 * task waits as a task, a thread without a running loop blocks. First come, first served, whoever
 * it is; what is given is handed over directly, and a wake-up that was given is kept: cancelled
 * means that nothing was sent or received.
 *
 * A loop whose task waits at a link is never called deadlocked, and its virtual clock stands still,
 * for somebody outside may come. Inside one loop a hark_chan is the better one, and ten times as
 * fast.
 */
#ifndef HARK_LINK_H
#define HARK_LINK_H

#include <hark/base.h>
#include <pthread.h>

HARK_BEGIN

/* Who waits, of whatever loop or thread, in the order in which they came. */
struct hark_crowd {
    struct hark__party *first, *last;
    uint32_t count;
};

typedef struct hark_link {
    /* private */
    pthread_mutex_t lock;
    struct hark_crowd receivers, senders;
    unsigned char *buffer; /* a ring of `capacity` items; NULL: none */
    uint32_t size, capacity;
    uint32_t first, used;
    int32_t open_senders, open_receivers;
} hark_link;

/* hark_link_init - for items of `size` bytes each, `capacity` of which may be on their way; 0: a
 * send waits for its receiver. One end is open on each side. The buffer is allocated here, and
 * freed by hark_link_free.
 *
 * Anywhere, before others know of it. Never blocks. Returns 0; -EINVAL (NULL; a size of 0; a size
 * or capacity above UINT32_MAX, or more bytes than there are addresses); -ENOMEM. */
HARK_API int hark_link_init(hark_link *l, size_t size, size_t capacity);

/* hark_link_send - give *item to the first receiver that waits, or put it behind the others; wait
 * while there is no place.
 *
 * Blocks: in a task a checkpoint. *item is read before it returns, never later. Returns 0: sent;
 * -ECANCELED: not sent; -EPIPE (no receiver is left, also while waiting); -EBADF (all senders are
 * closed, also while waiting); -EINVAL (NULL, not initialised or freed); -ENOMEM, -EMFILE (to wait,
 * a loop needs a post box); -ENOTSUP in a callback. Any thread. Source: queue.Queue.put, crossed
 * with Trio's send. */
HARK_API int hark_link_send(hark_link *l, const void *item);

/* hark_link_recv - the oldest item goes to *item; wait while there is none.
 *
 * Blocks: in a task a checkpoint. *item is written once, when an item is received; only then.
 * Returns 0; -ECANCELED: nothing received; -ENODATA (no sender is left and nothing is there, also
 * while waiting); -EBADF (all receivers are closed, also while waiting); else as hark_link_send. */
HARK_API int hark_link_recv(hark_link *l, void *item);

/* hark_link_try_send, hark_link_try_recv - the same, but -EAGAIN where they would wait. Never
 * block; any thread, callbacks too, but no signal handler. */
HARK_API int hark_link_try_send(hark_link *l, const void *item);
HARK_API int hark_link_try_recv(hark_link *l, void *item);

/* hark_link_add_sender, _add_receiver - one more open end. Never block; any thread. Return 0;
 * -EBADF (none is left: what is closed stays closed); -EOVERFLOW; -EINVAL. */
HARK_API int hark_link_add_sender(hark_link *l);
HARK_API int hark_link_add_receiver(hark_link *l);

/* hark_link_close_sender - one end to send less. With the last one, receivers that wait hear
 * -ENODATA, and senders that still do -EBADF; what is in the buffer stays to be received.
 *
 * Never blocks; any thread. Returns 0; -EBADF (none is open); -EINVAL. */
HARK_API int hark_link_close_sender(hark_link *l);

/* hark_link_close_receiver - one end to receive less. With the last one, what is in the buffer is
 * dropped, senders that wait hear -EPIPE, and receivers that still do -EBADF. Else as
 * hark_link_close_sender. */
HARK_API int hark_link_close_receiver(hark_link *l);

/* hark_link_free - give the buffer back; what is in it is dropped. Nobody else may use the link any
 * more. Returns 0; -EBUSY while somebody waits; -EINVAL (NULL, not initialised or freed
 * already). */
HARK_API int hark_link_free(hark_link *l);

/* What is in a link, who may use it and who waits: tasks and threads. */
typedef struct hark_link_stats {
    size_t used, capacity;
    int senders, receivers; /* open ends */
    int waiting_send, waiting_recv;
} hark_link_stats;

/* hark_link_statistics - as it was just now. All zero for NULL. Any thread. */
HARK_API hark_link_stats hark_link_statistics(hark_link *l);

HARK_END
#endif
