/* SPDX-License-Identifier: MIT
 *
 * hub.h - the door of the room `hub`: what tells a loop that descriptors are ready.
 *
 * A hub takes descriptors with an opaque token and gives back batches of (token, events). It knows
 * no tasks: core turns tokens into wake-ups. Five hubs stand behind one small contract: uring,
 * epoll, poll, select, and sim, which is moved by hand.
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
 */
#ifndef HARK_HUB_HUB_H
#define HARK_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hark__hub hark__hub;

struct hark__report {
    uint64_t token;
    int events; /* POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP */
};

struct hark__hub_class {
    const char *name;
    bool lasts;
    /* 0, -EOPNOTSUPP (refused; hark__hub_refusal() says by what), -ENOMEM, -EMFILE. */
    int (*open)(hark__hub **ret);
    void (*close)(hark__hub *);
    /* 0, -EPERM, -EBADF, -ENOMEM, -EMFILE (select: a number too large). */
    int (*arm)(hark__hub *, int fd, int events, uint64_t token);
    int (*disarm)(hark__hub *, int fd, uint64_t token);
    /* How many, or -errno. */
    int (*poll)(hark__hub *, int64_t timeout, struct hark__report *reports, int max);
    /* Readable when poll has something; -EOPNOTSUPP: it has none. Ask once, early: what was
     * reported may be reported again; -EMFILE, -ENFILE, -ENOMEM. */
    int (*fd)(hark__hub *);
};

struct hark__hub {
    const struct hark__hub_class *class;
};

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

#endif
