/* SPDX-License-Identifier: MIT
 *
 * sim.c - the simulated hub: a test says which descriptors are ready, and nothing ever sleeps.
 *
 * Descriptors are just numbers, no kernel is asked, so a schedule replays exactly. It is a lasting
 * hub, as the real ones that matter are: readiness is a state that the test sets and clears, and
 * what is reported are its edges.
 *
 * Rules    M1  Becoming ready while armed, or being armed while ready, is one edge: one report to
 *              come. Edges of one descriptor that were not yet polled are one report.
 *          M2  Reports come in the order of their descriptors' first unreported edge.
 *          M3  What becomes unready before it was polled is not reported.
 *          M4  Any number >= 0 is a descriptor; all of them can be waited for.
 *
 * The queue of edges is threaded through the slots by number, so reporting needs no memory.
 */
#include "hub/private.h"

#include <errno.h>
#include <string.h>

typedef struct sim_state {
    uint32_t ready;
    uint32_t edges; /* to be reported */
    int next;       /* in the queue: the number that follows, -1: last */
    bool queued;
} sim_state;

typedef struct sim_hub {
    hark__hub base;
    hark__slots slots;
    sim_state *states;
    int count;
    int first, last; /* of the queue; -1: empty */
    int64_t slept;
} sim_hub;

static int sim_open(hark__hub **ret)
{
    sim_hub *hub = hark__alloc(sizeof *hub);
    if (!hub)
        return hark__hub_refuse(ENOMEM, "sim: ENOMEM: no memory for a hub");
    hub->base.class = &hark__hub_sim;
    hub->first = hub->last = -1;
    *ret = &hub->base;
    return 0;
}

static void sim_close(hark__hub *base)
{
    sim_hub *hub = (sim_hub *)base;
    hark__slots_free(&hub->slots);
    hark__free(hub->states, (size_t)hub->count * sizeof *hub->states);
    hark__free(hub, sizeof *hub);
}

static sim_state *state_make(sim_hub *hub, int fd)
{
    if (!hark__slots_make(&hub->slots, fd))
        return NULL;
    if (fd < hub->count)
        return &hub->states[fd];
    size_t old = (size_t)hub->count * sizeof(sim_state);
    size_t size = (size_t)hub->slots.count * sizeof(sim_state);
    sim_state *states = hark__realloc(hub->states, old, size);
    if (!states)
        return NULL;
    memset((char *)states + old, 0, size - old);
    hub->states = states;
    hub->count = hub->slots.count;
    return &states[fd];
}

static void enqueue(sim_hub *hub, int fd)
{
    sim_state *state = &hub->states[fd];
    if (state->queued || !state->edges)
        return;
    state->queued = true;
    state->next = -1;
    if (hub->last < 0)
        hub->first = fd;
    else
        hub->states[hub->last].next = fd;
    hub->last = fd;
}

static int dequeue(sim_hub *hub)
{
    int fd = hub->first;
    if (fd < 0)
        return -1;
    hub->first = hub->states[fd].next;
    if (hub->first < 0)
        hub->last = -1;
    hub->states[fd].queued = false;
    return fd;
}

static int sim_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    sim_hub *hub = (sim_hub *)base;
    if (fd < 0)
        return -EBADF;
    sim_state *state = state_make(hub, fd);
    if (!state)
        return -ENOMEM;
    hark__slot *slot = &hub->slots.at[fd];
    slot->token = token;
    slot->armed = POLLIN | POLLOUT | POLLRDHUP | HARK__FINAL | (events & POLLPRI);
    state->edges |= state->ready & slot->armed;
    enqueue(hub, fd);
    return 0;
}

static int sim_disarm(hark__hub *base, int fd, uint64_t token)
{
    sim_hub *hub = (sim_hub *)base;
    hark__slot *slot = hark__slots_find(&hub->slots, fd);
    if (slot && slot->armed && slot->token == token) {
        slot->armed = 0;
        hub->states[fd].edges = 0;
    }
    return 0;
}

static int sim_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    sim_hub *hub = (sim_hub *)base;
    int told = 0;
    while (told < max) {
        int fd = dequeue(hub);
        if (fd < 0)
            break;
        uint32_t edges = hub->states[fd].edges;
        hub->states[fd].edges = 0;
        if (!edges)
            continue;
        reports[told].token = hub->slots.at[fd].token;
        reports[told++].events = (int)edges;
    }
    if (!told && timeout > 0)
        hub->slept += timeout;
    return told;
}

static int sim_fd(const hark__hub *base)
{
    (void)base;
    return -1;
}

/* A test that runs out of memory here has nothing left to test: the number was armed before, or
 * will be found not ready. */
void hark__sim_ready(hark__hub *base, int fd, int events)
{
    sim_hub *hub = (sim_hub *)base;
    sim_state *state = fd < 0 ? NULL : state_make(hub, fd);
    if (!state)
        return;
    state->ready |= (uint32_t)events;
    state->edges |= (uint32_t)events & hub->slots.at[fd].armed;
    enqueue(hub, fd);
}

void hark__sim_unready(hark__hub *base, int fd, int events)
{
    sim_hub *hub = (sim_hub *)base;
    if (fd < 0 || fd >= hub->count)
        return;
    hub->states[fd].ready &= ~(uint32_t)events;
    hub->states[fd].edges &= ~(uint32_t)events;
}

int64_t hark__sim_slept(const hark__hub *base)
{
    return ((const sim_hub *)base)->slept;
}

const struct hark__hub_class hark__hub_sim = {
    .name = "sim",
    .lasts = true,
    .open = sim_open,
    .close = sim_close,
    .arm = sim_arm,
    .disarm = sim_disarm,
    .poll = sim_poll,
    .fd = sim_fd,
};
