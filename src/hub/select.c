/* SPDX-License-Identifier: MIT
 *
 * select.c - the hub over select(2): the last resort, and a fifth opinion for the tests.
 *
 * select can say "something" about a descriptor but not what: a hang-up is readable, an error is
 * both. So what select found ready is asked for its exact events with one poll(2) that does not
 * wait; if that call is not to be had, select's own answer is reported, which may be spurious but
 * is never missing.
 *
 * Rules    T1  Numbers from FD_SETSIZE (1024) on do not fit: -EMFILE, and words. Nothing else is
 *              refused for its size.
 *          T2  What is reported is forgotten, as in poll.c (L2); descriptors are looked at in a
 *              circle, as there (L3).
 *          T3  EBADF means that a descriptor was closed behind our back: each armed one is tried
 *              with fcntl, and the closed ones are reported as POLLNVAL and forgotten, so that the
 *              others go on.
 *          T4  Interest in a hang-up (RDHUP) is interest in reading, which is where select shows
 *              it.
 *
 * Known limit: a hang-up alone, of a descriptor armed for writing only and not writable, is not
 * seen before it becomes writable or fails; select has no set for it.
 */
#include "hub/private.h"

#include <errno.h>
#include <fcntl.h>

enum { BATCH = 64 };

typedef struct select_hub {
    hark__hub base;
    hark__slots slots;
    fd_set in, out, bad;                   /* armed */
    fd_set ready_in, ready_out, ready_bad; /* select's answer */
    int count;                             /* 1 + the largest armed number */
    int next;                              /* where the next search begins */
    struct pollfd found[BATCH];
} select_hub;

static int select_open(hark__hub **ret)
{
    select_hub *hub = hark__alloc(sizeof *hub); /* zeroed: empty sets */
    if (!hub)
        return hark__hub_refuse(ENOMEM, "select: ENOMEM: no memory for a hub");
    hub->base.class = &hark__hub_select;
    *ret = &hub->base;
    return 0;
}

static void select_close(hark__hub *base)
{
    select_hub *hub = (select_hub *)base;
    hark__slots_free(&hub->slots);
    hark__free(hub, sizeof *hub);
}

static void put(fd_set *set, int fd, bool member)
{
    if (member)
        FD_SET(fd, set);
    else
        FD_CLR(fd, set);
}

/* The sets say what the slot says. */
static void place(select_hub *hub, hark__slot *slot, int fd, uint32_t armed)
{
    slot->armed = armed;
    put(&hub->in, fd, armed & (POLLIN | POLLRDHUP));
    put(&hub->out, fd, armed & POLLOUT);
    put(&hub->bad, fd, armed & POLLPRI);
    if (armed && fd >= hub->count)
        hub->count = fd + 1;
    while (hub->count && !hub->slots.at[hub->count - 1].armed)
        hub->count--;
}

static int select_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    select_hub *hub = (select_hub *)base;
    if (fd < 0)
        return -EBADF;
    if (fd >= FD_SETSIZE)
        return hark__hub_refuse(EMFILE, "select: the descriptor's number is not below FD_SETSIZE "
                                        "(1024); use the hub \"poll\" or \"epoll\"");
    hark__slot *slot = hark__slots_make(&hub->slots, fd);
    if (!slot)
        return -ENOMEM;
    uint32_t armed = slot->armed;
    if (!slot->mark || slot->token != token) {
        int rc = hark__hub_check(fd);
        if (rc)
            return rc;
        slot->mark = 1;
        armed = 0;
    }
    slot->token = token;
    place(hub, slot, fd, armed | (uint32_t)(events & HARK__ASKABLE));
    return 0;
}

static int select_disarm(hark__hub *base, int fd, uint64_t token)
{
    select_hub *hub = (select_hub *)base;
    hark__slot *slot = hark__slots_find(&hub->slots, fd);
    if (slot && slot->mark && slot->token == token) {
        slot->mark = 0;
        place(hub, slot, fd, 0);
    }
    return 0;
}

static int wait_sets(select_hub *hub, int64_t timeout)
{
    struct timespec span = hark__hub_span(timeout < 0 ? 0 : timeout);
    hub->ready_in = hub->in;
    hub->ready_out = hub->out;
    hub->ready_bad = hub->bad;
    return hark__sys.pselect(hub->count, &hub->ready_in, &hub->ready_out, &hub->ready_bad,
                             timeout < 0 ? NULL : &span, NULL);
}

static void tell(select_hub *hub, int fd, int events, struct hark__report *to)
{
    hark__slot *slot = &hub->slots.at[fd];
    to->token = slot->token;
    to->events = events;
    place(hub, slot, fd, events & HARK__FINAL ? 0 : slot->armed & ~(uint32_t)events);
}

/* Select's answer in poll's bits, and of those only what is armed. */
static short select_events(const select_hub *hub, int fd)
{
    int events = FD_ISSET(fd, &hub->ready_in) ? POLLIN | POLLRDHUP : 0;
    events |= FD_ISSET(fd, &hub->ready_out) ? POLLOUT : 0;
    events |= FD_ISSET(fd, &hub->ready_bad) ? POLLPRI : 0;
    return (short)(events & (int)hub->slots.at[fd].armed);
}

/* The next ready descriptors from hub->next on, in a circle. revents holds select's answer until
 * poll(2) replaces it. */
static int find(select_hub *hub, int max)
{
    int count = 0;
    int fd = hub->next < hub->count ? hub->next : 0;
    for (int left = hub->count; left && count < max; left--) {
        short events = hub->slots.at[fd].armed ? select_events(hub, fd) : 0;
        if (events)
            hub->found[count++] = (struct pollfd){fd, (short)hub->slots.at[fd].armed, events};
        if (++fd == hub->count)
            fd = 0;
    }
    hub->next = fd;
    return count;
}

static int collect(select_hub *hub, struct hark__report *reports, int max)
{
    int count = find(hub, max < BATCH ? max : BATCH);
    short coarse[BATCH];
    for (int i = 0; i < count; i++)
        coarse[i] = hub->found[i].revents;
    bool exact = hark__sys.poll(hub->found, (nfds_t)count, 0) >= 0;
    for (int i = 0; i < count; i++) {
        int events = exact ? hub->found[i].revents : 0;
        tell(hub, hub->found[i].fd, events ? events : coarse[i], &reports[i]);
    }
    return count;
}

static int collect_closed(select_hub *hub, struct hark__report *reports, int max)
{
    int told = 0;
    for (int fd = 0; fd < hub->count && told < max; fd++) {
        if (!hub->slots.at[fd].armed)
            continue;
        if (hark__sys.fcntl_int(fd, F_GETFD, 0) < 0 && errno == EBADF)
            tell(hub, fd, POLLNVAL, &reports[told++]);
    }
    return told;
}

static int select_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    select_hub *hub = (select_hub *)base;
    int ready = wait_sets(hub, timeout);
    if (ready > 0)
        return collect(hub, reports, max);
    if (ready == 0 || errno == EINTR)
        return 0;
    return errno == EBADF ? collect_closed(hub, reports, max) : -errno;
}

static int select_fd(hark__hub *base)
{
    (void)base;
    return -EOPNOTSUPP;
}

const struct hark__hub_class hark__hub_select = {
    .name = "select",
    .lasts = false,
    .open = select_open,
    .close = select_close,
    .arm = select_arm,
    .disarm = select_disarm,
    .poll = select_poll,
    .fd = select_fd,
};
