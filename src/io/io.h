/* SPDX-License-Identifier: MIT
 *
 * io.h - the door of the room `io`: what its files share.
 *
 * Every call here has the same shape: a checkpoint, the entry of the descriptor (and what kind it
 * is), then "try, and if there is nothing wait" until something moved.
 *
 * Rules    I1  Cancelled means that nothing moved: a checkpoint comes first, and between a system
 *              call that moved something and the return there is none.
 *          I2  Whoever waited looks at the entry's generation: the number may belong to another
 *              file by now.
 *          I3  One task a direction, from its first wait to its end: also while it has been woken
 *              and has not run yet (hark__fd.held).
 *          I4  Before each wait there is a checkpoint: whoever was woken in vain may have been
 *              cancelled before its turn came, and nobody would tell it again.
 *          I5  A descriptor that we make is announced (hark__fd_fresh) before anybody can use it.
 */
#ifndef HARK_IO_IO_H
#define HARK_IO_IO_H

#include <hark/io.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "core/core.h"
#include "sync/sync.h"
#include "thread/thread.h"

static inline uint8_t hark__io_bit(int direction)
{
    return direction == FD_IN ? POLLIN : POLLOUT;
}

/* A checkpoint: 0, -ECANCELED, -ENOTSUP. */
static inline int hark__io_enter(const char *call)
{
    hark_loop *loop = hark__here;

    if (likely(loop && loop->running &&
               !(loop->running->level->flags & (LEVEL_REACHED | LEVEL_WITHIN)))) {
        return 0;
    }
    return hark__enter_slow(NULL, call);
}

/* ---- fd.c ----------------------------------------------------------------------------------- */

int hark__io_fail(const char *call, int fd, int error); /* words for a descriptor's error; `error` */
int hark__io_gone(const char *call, int fd);            /* -EBADF: it left while a task waited */
int hark__io_open(const char *call, int fd);            /* is it open? 0, -EBADF */
int hark__io_entry_slow(struct hark__fd **ret, const char *call, int fd);
int hark__io_busy(const char *call, struct hark__fd *entry, int direction); /* 0, -EBUSY */

/* The entry of an open descriptor whose kind is known: 0, -EBADF, -ENOMEM. */
static inline int hark__io_entry(struct hark__fd **ret, const char *call, int fd)
{
    struct hark__fd *entry = hark__fd_peek(hark__here, fd);

    if (likely(entry && entry->known)) {
        *ret = entry;
        return 0;
    }
    return hark__io_entry_slow(ret, call, fd);
}

/* A worker thread that used the descriptor is done; `workers` counts them. */
void hark__io_worked(struct hark__fd *entry);

/* Would a call find nothing, for certain? Then it need not be made before the hub has news. */
static inline bool hark__io_waits_first(const struct hark__fd *entry, uint8_t bit)
{
    return entry->drained & entry->armed & bit && !entry->hung_up;
}

/* The running task waits for news of one direction. 0 (look again); -EBADF, -EBUSY, -ECANCELED. */
int hark__io_wait(const char *call, struct hark__fd *entry, int direction);

bool hark__io_nonblocking(int fd); /* as its flag says; it may change at any time */

/* What is ready now of `events`, by poll(2): 0: nothing; -EBADF. */
int hark__io_poll(int fd, short events);

/* ---- any.c ---------------------------------------------------------------------------------- */

/* A place where a task waits for one descriptor among several. */
struct hark__io_place {
    struct hark_waiter waiter; /* first: the address is the place's */
    struct hark__fd *entry;    /* NULL: none here */
    int direction;
    uint32_t generation;
    bool stands;
};

/* Wait for news of any of them, or until the deadline: the index, -ETIMEDOUT, -ECANCELED, -EBADF,
 * -EBUSY (*which, may be NULL, says of which). Afterwards nobody stands anywhere. */
int hark__io_wait_any(const char *call, struct hark__io_place *places, int count, int64_t deadline,
                      int *which);

/* ---- name.c --------------------------------------------------------------------------------- */

struct hark__io_address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
};

struct hark__io_names {
    int count;
    struct hark__io_address first[]; /* in the resolver's order */
};

#define HARK__IO_ADDRESS_TEXT 64

/* What host and port stand for. host NULL or "": every local address (for listeners). */
int hark__io_resolve(struct hark__io_names **ret, const char *call, const char *host,
                     const char *port);
void hark__io_names_free(struct hark__io_names *names); /* NULL is fine */
const char *hark__io_address_text(const struct hark__io_address *address, char *text);

/* ---- socket.c ------------------------------------------------------------------------------- */

int hark__io_socket(int domain, int kind); /* a fresh stream socket: non-blocking, close-on-exec */
void hark__io_discard(int fd);             /* drop and close it; the caller has better words */
int hark__io_connect_begin(int fd, const struct sockaddr *address,
                           socklen_t length); /* 0, -EINPROGRESS, -errno */
int hark__io_connect(const char *call, int fd, const struct sockaddr *address, socklen_t length);
int hark__io_connect_end(int fd); /* after news: 0, -EINPROGRESS (not yet), -errno */

#endif
