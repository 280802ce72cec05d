/* SPDX-License-Identifier: MIT
 *
 * epoll.c - the hub over epoll: each descriptor is registered once, for both directions, and the
 * kernel tells of edges from then on.
 *
 * A wait costs no system call of its own: an epoll_ctl a wait would add a twentieth to each
 * message of an echo server. What the caller does not wait for just now is reported all the same;
 * it is one comparison to ignore it.
 *
 * Rules    E1  Registered is IN, OUT, RDHUP, PRI and ET. Arming what is
 *              registered already modifies it, upon which the kernel looks again and reports what
 *              is ready now.
 *          E2  The kernel hands back number and generation, not the token: reports of a file that
 *              lives on after its descriptor was closed (epoll cannot remove those) are dropped
 *              here.
 *          E3  The kernel's ready list is a queue: what did not fit into a batch comes first next
 *              time.
 *          E4  Nanoseconds by epoll_pwait2 (Linux 5.11); where that is missing or forbidden,
 *              milliseconds, rounded up, from the first refusal on.
 *          E5  The batch lies in the hub, for poll may be called on a task's small stack.
 */
#include "hub/private.h"

#include <errno.h>
#include <limits.h>

enum { BATCH = 256 };

typedef struct epoll_hub {
    hark__hub base;
    int epoll;
    bool coarse; /* there is no epoll_pwait2 */
    hark__slots slots;
    struct epoll_event events[BATCH];
} epoll_hub;

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                   EPOLLHUP == POLLHUP && EPOLLPRI == POLLPRI && EPOLLRDHUP == POLLRDHUP,
               "epoll's events are poll's");

static const hark__refusal refusals[] = {
    {EMFILE, "epoll_create1: EMFILE: this process has no descriptor left; raise RLIMIT_NOFILE"},
    {ENFILE, "epoll_create1: ENFILE: the system has no descriptor left; raise fs.file-max"},
    {ENOMEM, "epoll_create1: ENOMEM: no memory for a hub"},
    {EPERM, "epoll_create1: EPERM: a seccomp filter forbids it; use the hub \"poll\""},
    {EACCES, "epoll_create1: EACCES: a security policy forbids it; use the hub \"poll\""},
    {ENOSYS, "epoll_create1: ENOSYS: this kernel has no epoll; use the hub \"poll\""},
    {0, "epoll_create1 failed; use the hub \"poll\""},
};

static int epoll_open(hark__hub **ret)
{
    epoll_hub *hub = hark__alloc(sizeof *hub);
    if (!hub)
        return hark__hub_refuse_by(ENOMEM, refusals);
    hub->base.class = &hark__hub_epoll;
    hub->epoll = hark__sys.epoll_create1(EPOLL_CLOEXEC);
    if (hub->epoll < 0) {
        int error = errno;
        hark__free(hub, sizeof *hub);
        return hark__hub_refuse_by(error, refusals);
    }
    *ret = &hub->base;
    return 0;
}

static void epoll_close(hark__hub *base)
{
    epoll_hub *hub = (epoll_hub *)base;
    hark__sys.close(hub->epoll);
    hark__slots_free(&hub->slots);
    hark__free(hub, sizeof *hub);
}

/* The registrations are the parent's. */
static void epoll_abandon(hark__hub *base, bool whole)
{
    whole ? epoll_close(base) : (void)hark__sys.close(((epoll_hub *)base)->epoll);
}

/* ENOSPC is the limit on registrations of this user (fs.epoll.max_user_watches). */
static int control(epoll_hub *hub, int fd, struct epoll_event *event)
{
    int rc = hark__sys.epoll_ctl(hub->epoll, EPOLL_CTL_ADD, fd, event);
    hub->base.fresh = rc == 0;
    if (rc < 0 && errno == EEXIST)
        rc = hark__sys.epoll_ctl(hub->epoll, EPOLL_CTL_MOD, fd, event);
    if (rc == 0)
        return 0;
    return errno == ENOSPC ? -ENOMEM : -errno;
}

static int epoll_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    epoll_hub *hub = (epoll_hub *)base;
    (void)events; /* all of them */
    if (fd < 0)
        return -EBADF;
    hark__slot *slot = hark__slots_make(&hub->slots, fd);
    if (!slot)
        return -ENOMEM;
    uint32_t wanted = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;
    slot->mark++;
    struct epoll_event event = {.events = wanted | EPOLLET, .data.u64 = hark__slot_key(slot, fd)};
    int rc = control(hub, fd, &event);
    slot->armed = rc == 0 ? wanted : 0;
    slot->token = token;
    return rc;
}

/* EBADF and ENOENT: closed behind our back, and perhaps reused. What is left of it is dropped by
 * E2. */
static int epoll_disarm(hark__hub *base, int fd, uint64_t token)
{
    epoll_hub *hub = (epoll_hub *)base;
    hark__slot *slot = hark__slots_find(&hub->slots, fd);
    if (!slot || !slot->armed || slot->token != token)
        return 0;
    slot->armed = 0;
    struct epoll_event ignored = {.events = 0};
    if (hark__sys.epoll_ctl(hub->epoll, EPOLL_CTL_DEL, fd, &ignored) == 0)
        return 0;
    return errno == EBADF || errno == ENOENT ? 0 : -errno;
}

static int milliseconds(int64_t timeout)
{
    if (timeout < 0)
        return -1;
    int64_t whole = timeout / 1000000 + (timeout % 1000000 != 0);
    return whole > INT_MAX ? INT_MAX : (int)whole;
}

static int wait_fine(epoll_hub *hub, int64_t timeout, int max)
{
    struct timespec span = hark__hub_span(timeout);
    return hark__sys.epoll_pwait2(hub->epoll, hub->events, max, &span, NULL);
}

/* Some sandboxes answer EPERM to any call that they do not know. */
static int wait_events(epoll_hub *hub, int64_t timeout, int max)
{
    if (timeout > 0 && !hub->coarse) {
        int count = wait_fine(hub, timeout, max);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        hub->coarse = true;
    }
    return hark__sys.epoll_wait(hub->epoll, hub->events, max, milliseconds(timeout));
}

static int epoll_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    epoll_hub *hub = (epoll_hub *)base;
    int count = wait_events(hub, timeout, max < BATCH ? max : BATCH);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    int told = 0;
    for (int i = 0; i < count; i++) {
        hark__slot *slot = hark__slots_match(&hub->slots, hub->events[i].data.u64);
        if (!slot)
            continue;
        reports[told].token = slot->token;
        reports[told++].events = (int)hub->events[i].events;
    }
    return told;
}

static int epoll_fd(hark__hub *base)
{
    return ((epoll_hub *)base)->epoll;
}

const struct hark__hub_class hark__hub_epoll = {
    .name = "epoll",
    .lasts = true,
    .open = epoll_open,
    .close = epoll_close,
    .abandon = epoll_abandon,
    .arm = epoll_arm,
    .disarm = epoll_disarm,
    .poll = epoll_poll,
    .fd = epoll_fd,
};
