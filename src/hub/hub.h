/* SPDX-License-Identifier: MIT
 *
 * hub.h - the door of the room `hub`: what tells a loop that descriptors are ready.
 *
 * A hub takes descriptors with an opaque token and gives back batches of (token, events). It knows
 * no tasks: core turns tokens into wake-ups. Five hubs stand behind one small contract: uring,
 * epoll, poll, select, and sim, which is moved by hand.
 *
 * Beside readiness some hubs take whole operations, for what is never "not ready", only slow: files
 * and names of files. An operation is a struct of its owner's; the hub keeps the pointer until the
 * operation has ended.
 *
 * Rules    H1  arm(fd, events, token): once one of the events is ready, now or later, poll reports
 *              it. A report may be spurious, never missing.
 *          H2  A lasting hub (`lasts`) goes on reporting: it is armed once a descriptor, for both
 *              directions, and reports again whenever something new arrives (edges). Any other hub
 *              forgets an event when it reports it; arming again adds to what is armed.
 *          H3  POLLERR and POLLHUP are reported whatever was armed.
 *          H4  After disarm(fd) no report of it comes any more, not even one that the kernel had
 *              ready; the token's generation (core's business) is a second lock on that door.
 *          H5  poll's timeout is in nanoseconds, < 0: for ever; it is rounded up for the kernel,
 *              never down. EINTR is 0 reports.
 *          H6  A descriptor that cannot be waited for (a regular file): -EPERM.
 *          H7  submit(op): from 0 on, op and all that it points to belong to the hub, until poll
 *              has put it into `ended`. That happens exactly once, whatever is cancelled. Anything
 *              else: the hub has not taken it, and somebody else must do it.
 *          H8  cancel(op), of an operation that has not ended, is a wish: it may end with
 *              -ECANCELED, having done nothing, or as if nobody had asked.
 *          H9  close waits for what the hub still has: afterwards nobody writes into a buffer. What
 *              ended that way is told to nobody.
 */
#ifndef HARK_HUB_HUB_H
#define HARK_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hark__hub hark__hub;

struct hark__report {
    uint64_t token;
    int events; /* POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP */
};

/* What an operation does; the names are the system calls'. */
enum hark__work {
    HARK__READ,  /* at an offset */
    HARK__WRITE, /* at an offset */
    HARK__FSYNC,
    HARK__FDATASYNC,
    HARK__OPEN,
    HARK__STATX, /* of a path, relative to fd */
    HARK__UNLINK,
    HARK__RMDIR,
    HARK__RENAME,
    HARK__MKDIR,
    HARK__LINK,
    HARK__SYMLINK,
    HARK__WORKS, /* those that a hub may know */
};

struct hark__operation {
    uint8_t work;
    int fd, flags;
    uint32_t mode;
    const char *path, *second;
    void *buffer; /* HARK__STATX: a struct statx */
    size_t size;
    int64_t offset;
    int result; /* when it has ended: as the kernel says it, -errno */
    void (*ended)(struct hark__operation *op);
    struct hark__operation *next, *prev; /* the hub's */
    bool cancelled;                      /* the hub's: somebody has asked for that */
};

struct hark__hub_class {
    const char *name;
    bool lasts;
    /* 0, -EOPNOTSUPP (refused; hark__hub_refusal() says by what), -ENOMEM, -EMFILE. */
    int (*open)(hark__hub **ret);
    void (*close)(hark__hub *);
    /* In a child that was forked: its descriptors and mappings go, and nothing that the parent
     * shares is told of it. `whole`: its memory too, else that may be in the middle of a change.
     * NULL: it has nothing but memory, and close will do. */
    void (*abandon)(hark__hub *, bool whole);
    /* 0, -EPERM, -EBADF, -ENOMEM, -EMFILE (select: a number too large). */
    int (*arm)(hark__hub *, int fd, int events, uint64_t token);
    int (*disarm)(hark__hub *, int fd, uint64_t token);
    /* How many, or -errno. */
    int (*poll)(hark__hub *, int64_t timeout, struct hark__report *reports, int max);
    /* Readable when poll has something; -EOPNOTSUPP: it has none. Ask once, early: what was
     * reported may be reported again; -EMFILE, -ENFILE, -ENOMEM. */
    int (*fd)(hark__hub *);
    /* 0 (rule H7); -EOPNOTSUPP (not by this kernel), -EAGAIN (not now). NULL: it takes none. */
    int (*submit)(hark__hub *, struct hark__operation *op);
    void (*cancel)(hark__hub *, struct hark__operation *op);
};

struct hark__hub {
    const struct hark__hub_class *class;
    struct hark__operation *ended, *ended_last; /* in order; taken by hark__hub_tell */
    bool repeats; /* it may report again what it has reported: after some were lost */
    bool fresh; /* the last arm was of a descriptor that the kernel did not know yet, or not any more:
                 * then it was closed meanwhile. Only epoll hears of it */
};

/* After a poll: call `ended` of each operation that has ended. It belongs to its owner again. */
void hark__hub_tell(hark__hub *);

/* Open the hub called `name`; NULL: $HARK_HUB, else the best one that this kernel allows. With
 * $HARK_HUB or a name other than "uring", no io_uring call is made at all. -EINVAL: unknown;
 * -EOPNOTSUPP: known, but refused by this kernel or build. */
int hark__hub_open(hark__hub **ret, const char *name);
/* Why the last open of this thread was refused: "io_uring_setup: EPERM ...". */
const char *hark__hub_refusal(void);

extern const struct hark__hub_class hark__hub_epoll, hark__hub_poll, hark__hub_select, hark__hub_sim;
#ifdef HARK_HAVE_LIBURING
extern const struct hark__hub_class hark__hub_uring;
#endif

/* The simulated hub: descriptors are just numbers, ready when the test says so. poll never sleeps,
 * and says how long it would have. */
void hark__sim_ready(hark__hub *, int fd, int events); /* becomes ready: an edge */
void hark__sim_unready(hark__hub *, int fd, int events);
/* It is closed: no registration and no readiness is left, and arm says -EBADF until the number is
 * said to be ready again (for no events, perhaps). */
void hark__sim_forget(hark__hub *, int fd);
bool hark__sim_pending(const hark__hub *);  /* would the next poll report anything? */
int64_t hark__sim_slept(const hark__hub *); /* total of the timeouts that found nothing */

/* From now on it takes operations, and keeps them until the test ends them. */
void hark__sim_operate(hark__hub *);
/* The oldest that has not ended; *cancelled: has somebody asked for that? NULL: there is none. */
struct hark__operation *hark__sim_operation(hark__hub *, bool *cancelled);
void hark__sim_end(hark__hub *, struct hark__operation *op, int result); /* told by the next poll */

#endif
