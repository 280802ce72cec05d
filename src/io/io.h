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
#include <hark/name.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "core/core.h"
#include "sync/sync.h"
#include "thread/thread.h"

static inline uint8_t hark__io_bit(int direction)
{
    return direction == FD_IN ? POLLIN : POLLOUT;
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

/* Would a read find nothing, for certain? Then it need not be made before the hub has news. A write
 * always tries: a pipe that has no room for many bytes may still have some for a few. */
static inline bool hark__io_waits_first(const struct hark__fd *entry, uint8_t bit)
{
    return entry->drained & entry->armed & bit && !entry->hung_up;
}

/* The running task waits for news of one direction. 0 (look again); -EBADF, -EBUSY, -ECANCELED. */
int hark__io_wait(const char *call, struct hark__fd *entry, int direction);
int hark__io_waited(const char *call, struct hark__fd *entry, int direction, uint32_t generation,
                    int result);

/* The same without a frame of its own: of many connections, each one's stack is cold. */
static inline int hark__io_wait_here(const char *call, struct hark__fd *entry, int direction)
{
    uint8_t bit = hark__io_bit(direction);
    uint32_t generation = entry->generation;
    int result = hark__enter_task(call); /* rule I4 */

    if (unlikely(result)) {
        return result;
    }
    entry->held |= bit;
    entry->drained |= hark__here->hub->class->lasts ? bit & POLLIN : 0;
    result = hark__fd_park(entry, direction);
    if (unlikely(result < 0 || entry->generation != generation)) {
        return hark__io_waited(call, entry, direction, generation, result);
    }
    entry->held &= (uint8_t)~bit;
    return 0;
}

bool hark__io_nonblocking(int fd); /* as its flag says; it may change at any time */

/* What is ready now of `events`, by poll(2): 0: nothing; -EBADF. */
int hark__io_poll(int fd, short events);

/* ---- any.c ---------------------------------------------------------------------------------- */

/* A place where a task waits for one descriptor, or in one list, among several. */
struct hark__io_place {
    struct hark_waiter waiter;  /* first: the address is the place's */
    struct hark__fd *entry;     /* NULL: none here */
    struct hark_waitlist *list; /* ... but this, unless it is NULL, too */
    int direction;
    uint32_t generation;
    bool stands;
};

/* Wait for news of any of them, or until the deadline: the index, -ETIMEDOUT, -ECANCELED, -EBADF,
 * -EBUSY (*which, may be NULL, says of which). Afterwards nobody stands anywhere. */
int hark__io_wait_any(const char *call, struct hark__io_place *places, int count, int64_t deadline,
                      int *which);

/* ---- name.c --------------------------------------------------------------------------------- */

struct hark__io_names {
    int count, room;
    hark_address first[]; /* in the resolver's order */
};

#define HARK__IO_ADDRESS_TEXT 64

/* What host and port stand for. host NULL or "": every local address (for listeners). */
int hark__io_resolve(struct hark__io_names **ret, const char *call, const char *host,
                     const char *port);
struct hark__io_names *hark__io_names_new(int room);    /* none yet; NULL: no memory */
void hark__io_names_free(struct hark__io_names *names); /* NULL is fine */

struct hark__io_question {
    const char *call, *host, *port; /* host NULL or "": every local address; port: never NULL */
    int family;                     /* AF_UNSPEC: both */
    bool numeric, system;           /* as in hark_resolve_options */
};

/* Begin to look up: *names, which are complete; or *lookup, which is under way. A negative code and
 * words: neither. May wait. */
struct hark__lookup;
int hark__io_ask(struct hark__io_names **names, struct hark__lookup **lookup,
                 const struct hark__io_question *question);

/* ---- lookup.c: what the loop's own resolver is asked ---------------------------------------- */

enum { WANTS_V4 = 1, WANTS_V6 = 2 };
#define HARK__LOOKUP_ROOM 64

struct hark__lookup {
    hark_lookup public; /* first: the resolver knows this address */
    struct hark_resolver *by;
    struct hark_waitlist news; /* who is told of each answer: one task */
    int pending;               /* WANTS_...: what is not answered yet; 0: it is over */
    int port;
    int64_t first_at; /* when the first address came */
    struct hark__io_names *names;
    int code; /* why there are not more; 0: nothing failed */
    char words[160];
    const char *host; /* as it was asked for: a copy */
    size_t size;      /* of it all */
    char bytes[];
};

struct hark_resolver *hark__io_resolver(void); /* this loop's; NULL: none */
/* 0; -EOPNOTSUPP: the C library is to be asked; otherwise it was said why. */
int hark__lookup_open(struct hark__lookup **ret, const struct hark__io_question *question, int port);
int hark__lookup_wait(struct hark__lookup *lookup, const char *call); /* its end: 0, -ECANCELED */
/* Says why it has found nothing, or no more. */
int hark__lookup_failed(const struct hark__lookup *lookup, const struct hark__io_question *question);
void hark__lookup_close(struct hark__lookup *lookup); /* forgotten, if it is not over; NULL is fine */

/* ---- address.c ------------------------------------------------------------------------------ */

int hark__io_local_port(const char *call, int fd); /* that it is bound to */
int hark__io_port(const char *port); /* 0..65535; -1: no number; -2: too large a one */
void hark__io_set_port(hark_address *address, int port);
/* A number, with its scope perhaps: 1; 0: it is none; -ENODEV: of no interface of ours. */
int hark__io_number(hark_address *address, const char *host);
int hark__io_every_address(hark_address all[2], int family);               /* how many */
bool hark__io_copy_address(hark_address *to, const struct sockaddr *from); /* internet? */
const char *hark__io_address_text(const hark_address *address, char *text);
#define HARK__IO_ORDERED 64                        /* those after the first so many stay behind */
void hark__io_order(struct hark__io_names *names); /* the best first: RFC 6724 */

/* ---- operation.c ---------------------------------------------------------------------------- */

/* Something that the hub or a worker does; it may lie on the task's stack. */
struct hark__io_operation {
    struct hark__operation op;
    /* What only a worker does (op.work is HARK__WORKS): as a system call, -1 and errno. */
    ssize_t (*own)(struct hark__operation *op);
    struct stat *status; /* HARK__STATX: where a worker puts it */
    bool is_stat;        /* ... and it did */
    /* private */
    hark__thread_job job;
    hark__task *task; /* who waits; NULL: nobody just now */
    bool done;
};

/* Do it, and wait for its end; what: "the file x", for reports. 0: op.result says what came of it;
 * -ECANCELED there: it was cancelled, and nothing was done. Else it was not even tried, with words:
 * -ENOMEM. No checkpoint of its own. */
int hark__io_operate(struct hark__io_operation *o, const char *what, const char *call);
/* ... with an open descriptor, which keeps its number meanwhile. */
int hark__io_operate_on(struct hark__fd *entry, struct hark__io_operation *o, const char *call);
void hark__io_status(struct stat *to, const struct statx *from);

/* ---- socket.c ------------------------------------------------------------------------------- */

int hark__io_socket(int domain, int kind); /* a fresh stream socket: non-blocking, close-on-exec */
int hark__io_datagram(int domain);         /* the same for datagrams */
void hark__io_discard(int fd);             /* drop and close it; the caller has better words */
int hark__io_accept_now(const char *call, int fd); /* as hark_accept; nobody is there: -EAGAIN */
int hark__io_connect_begin(int fd, const struct sockaddr *address,
                           socklen_t length); /* 0, -EINPROGRESS, -errno */
int hark__io_connect(const char *call, int fd, const struct sockaddr *address, socklen_t length);
int hark__io_connect_end(int fd); /* after news: 0, -EINPROGRESS (not yet), -errno */

#endif
