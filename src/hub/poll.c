/* SPDX-License-Identifier: MIT
 *
 * poll.c - the hub over poll(2): needs no descriptor, no registration and no special kernel.
 *
 * The array that poll(2) takes is kept ready between calls. A descriptor keeps its place in it
 * from its first arming until it is disarmed; while nothing is armed its number stands there
 * negated, which the kernel skips. So arming again, which a hub that forgets needs for each wait,
 * is two stores.
 *
 * Rules    L1  slot.mark is the place in the array + 1, 0: none; places are dense.
 *          L2  What is reported is forgotten; after POLLERR, POLLHUP or POLLNVAL everything is,
 *              since those are levels that would be reported for ever.
 *          L3  Each search for ready entries starts behind the last one reported: when more are
 *              ready than fit, those at the tail come next.
 *          L4  A descriptor closed behind our back is reported once, as POLLNVAL.
 *          L5  Whether a descriptor can be waited for is asked when it, or its token, is new.
 */
#include "hub/private.h"

#include <errno.h>

typedef struct poll_hub {
    hark__hub base;
    hark__slots slots;
    struct pollfd *entries;
    int count, room;
    int next; /* where the next search begins */
} poll_hub;

static int poll_open(hark__hub **ret)
{
    poll_hub *hub = hark__alloc(sizeof *hub);
    if (!hub)
        return hark__hub_refuse(ENOMEM, "poll: ENOMEM: no memory for a hub");
    hub->base.class = &hark__hub_poll;
    *ret = &hub->base;
    return 0;
}

static size_t entries_size(int room)
{
    return (size_t)room * sizeof(struct pollfd);
}

static void poll_close(hark__hub *base)
{
    poll_hub *hub = (poll_hub *)base;
    hark__free(hub->entries, entries_size(hub->room));
    hark__slots_free(&hub->slots);
    hark__free(hub, sizeof *hub);
}

static int append(poll_hub *hub, hark__slot *slot)
{
    if (hub->count == hub->room) {
        int room = hub->room ? hub->room * 2 : 64;
        void *entries = hark__realloc(hub->entries, entries_size(hub->room), entries_size(room));
        if (!entries)
            return -ENOMEM;
        hub->entries = entries;
        hub->room = room;
    }
    slot->mark = (uint32_t)++hub->count;
    return 0;
}

/* The entry says what the slot says. */
static void place(poll_hub *hub, const hark__slot *slot, int fd)
{
    struct pollfd *entry = &hub->entries[slot->mark - 1];
    entry->fd = slot->armed ? fd : ~fd;
    entry->events = (short)slot->armed;
    entry->revents = 0;
}

static int poll_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    poll_hub *hub = (poll_hub *)base;
    if (fd < 0)
        return -EBADF;
    hark__slot *slot = hark__slots_make(&hub->slots, fd);
    if (!slot)
        return -ENOMEM;
    if (!slot->mark || slot->token != token) {
        int rc = hark__hub_check(fd);
        if (!rc && !slot->mark)
            rc = append(hub, slot);
        if (rc)
            return rc;
        slot->armed = 0;
        slot->token = token;
    }
    slot->armed |= (uint32_t)(events & HARK__ASKABLE);
    place(hub, slot, fd);
    return 0;
}

/* The last entry moves into the gap. */
static int poll_disarm(hark__hub *base, int fd, uint64_t token)
{
    poll_hub *hub = (poll_hub *)base;
    hark__slot *slot = hark__slots_find(&hub->slots, fd);
    if (!slot || !slot->mark || slot->token != token)
        return 0;
    struct pollfd *gap = &hub->entries[slot->mark - 1];
    struct pollfd *last = &hub->entries[--hub->count];
    *gap = *last;
    hub->slots.at[gap->fd < 0 ? ~gap->fd : gap->fd].mark = slot->mark;
    slot->mark = 0;
    slot->armed = 0;
    return 0;
}

static void report(poll_hub *hub, struct pollfd *entry, struct hark__report *to)
{
    hark__slot *slot = &hub->slots.at[entry->fd];
    int fd = entry->fd;
    to->token = slot->token;
    to->events = entry->revents & 0xFFFF;
    slot->armed &= to->events & HARK__FINAL ? 0 : ~(uint32_t)to->events;
    place(hub, slot, fd);
}

static int collect(poll_hub *hub, int ready, struct hark__report *reports, int max)
{
    int told = 0;
    int i = hub->next < hub->count ? hub->next : 0;
    if (ready > max)
        ready = max;
    for (int left = hub->count; left && told < ready; left--) {
        struct pollfd *entry = &hub->entries[i];
        if (++i == hub->count)
            i = 0;
        if (entry->fd >= 0 && entry->revents)
            report(hub, entry, &reports[told++]);
    }
    hub->next = i;
    return told;
}

static int poll_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    poll_hub *hub = (poll_hub *)base;
    struct timespec span = hark__hub_span(timeout < 0 ? 0 : timeout);
    int ready = hark__sys.ppoll(hub->entries, (nfds_t)hub->count, timeout < 0 ? NULL : &span, NULL);
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    return collect(hub, ready, reports, max);
}

static int poll_fd(hark__hub *base)
{
    (void)base;
    return -EOPNOTSUPP;
}

const struct hark__hub_class hark__hub_poll = {
    .name = "poll",
    .lasts = false,
    .open = poll_open,
    .close = poll_close,
    .arm = poll_arm,
    .disarm = poll_disarm,
    .poll = poll_poll,
    .fd = poll_fd,
};
