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
 *          M2  Reports come in the order of their descriptors' first unreported edge, unless an
 *              explorer picks another (HARK__CHOOSE_REPORT).
 *          M3  What becomes unready before it was polled is not reported.
 *          M4  Any number >= 0 is a descriptor; all of them can be waited for, but those that were
 *              forgotten (-EBADF) until they become ready again: the number has a new owner then.
 *          M5  In the queue is who has an unreported edge, and nobody else.
 *          M6  Operations are taken only if the test asked for that, and end when it says so.
 *
 * The queue of edges is threaded through the states by number, so reporting needs no memory. The
 * states stand in pages: descriptors in memory have large numbers, which must not cost a table of
 * all the numbers below them.
 */
#include "hub/private.h"

#include <errno.h>
#include <string.h>

enum { PAGE = 64 };

typedef struct sim_state {
    uint64_t token;
    uint32_t armed; /* 0: not armed */
    uint32_t ready;
    uint32_t edges;     /* to be reported */
    int next, previous; /* in the queue, by number; -1: none */
    bool gone;          /* forgotten, and not ready since */
} sim_state;

typedef struct sim_hub {
    hark__hub base;
    sim_state **pages;
    uint32_t room;    /* pages */
    int first, last;  /* of the queue; -1: empty */
    uint32_t waiting; /* in the queue */
    uint64_t random;  /* the state for picking: 0, for a hub has no seed of its own */
    int64_t slept;
    struct hark__operation *operations; /* in the order of their coming */
    bool operates;
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
    for (uint32_t page = 0; page < hub->room; page++)
        hark__free(hub->pages[page], PAGE * sizeof(sim_state));
    hark__free(hub->pages, hub->room * sizeof *hub->pages);
    hark__free(hub, sizeof *hub);
}

/* ---- states ---------------------------------------------------------------------------------- */

static sim_state *state_find(const sim_hub *hub, int fd)
{
    uint32_t page = (uint32_t)fd / PAGE;
    return fd >= 0 && page < hub->room && hub->pages[page] ? &hub->pages[page][fd % PAGE] : NULL;
}

static bool add_room(sim_hub *hub, uint32_t page)
{
    uint32_t room = hub->room ? hub->room : 4;
    while (room <= page)
        room *= 2;
    sim_state **pages = hark__alloc(room * sizeof *pages);
    if (!pages)
        return false;
    if (hub->room)
        memcpy(pages, hub->pages, hub->room * sizeof *pages);
    hark__free(hub->pages, hub->room * sizeof *pages);
    hub->pages = pages;
    hub->room = room;
    return true;
}

/* NULL: no memory, or no number. */
static sim_state *state_make(sim_hub *hub, int fd)
{
    sim_state *state = state_find(hub, fd);
    uint32_t page = (uint32_t)fd / PAGE;
    if (state || fd < 0)
        return state;
    if (page >= hub->room && !add_room(hub, page))
        return NULL;
    hub->pages[page] = hark__alloc(PAGE * sizeof(sim_state));
    return state_find(hub, fd);
}

/* ---- the queue of edges ---------------------------------------------------------------------- */

static void append(sim_hub *hub, int fd, sim_state *state)
{
    state->next = -1;
    state->previous = hub->last;
    *(hub->last < 0 ? &hub->first : &state_find(hub, hub->last)->next) = fd;
    hub->last = fd;
    hub->waiting++;
}

static void take_out(sim_hub *hub, const sim_state *state)
{
    *(state->previous < 0 ? &hub->first : &state_find(hub, state->previous)->next) = state->next;
    *(state->next < 0 ? &hub->last : &state_find(hub, state->next)->previous) = state->previous;
    hub->waiting--;
}

/* Rule M5. */
static void set_edges(sim_hub *hub, int fd, sim_state *state, uint32_t edges)
{
    bool waits = state->edges != 0;
    state->edges = edges;
    if (edges && !waits)
        append(hub, fd, state);
    else if (!edges && waits)
        take_out(hub, state);
}

/* Rule M2. */
static int pick_report(sim_hub *hub)
{
    uint32_t place = 0;
    if (hub->waiting > 1)
        place = hark__choices.pick(&hub->random, HARK__CHOOSE_REPORT, hub->waiting);
    int fd = hub->first;
    for (; place > 0; place--)
        fd = state_find(hub, fd)->next;
    return fd;
}

/* ---- the contract ---------------------------------------------------------------------------- */

static int sim_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    sim_hub *hub = (sim_hub *)base;
    if (fd < 0)
        return -EBADF;
    sim_state *state = state_make(hub, fd);
    if (!state)
        return -ENOMEM;
    if (state->gone)
        return -EBADF;
    state->token = token;
    state->armed = POLLIN | POLLOUT | POLLRDHUP | HARK__FINAL | (events & POLLPRI);
    set_edges(hub, fd, state, state->edges | (state->ready & state->armed));
    return 0;
}

static int sim_disarm(hark__hub *base, int fd, uint64_t token)
{
    sim_hub *hub = (sim_hub *)base;
    sim_state *state = state_find(hub, fd);
    if (state && state->armed && state->token == token) {
        state->armed = 0;
        set_edges(hub, fd, state, 0);
    }
    return 0;
}

static int sim_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    sim_hub *hub = (sim_hub *)base;
    int told = 0;
    while (told < max && hub->waiting) {
        int fd = pick_report(hub);
        sim_state *state = state_find(hub, fd);
        reports[told].token = state->token;
        reports[told++].events = (int)state->edges;
        set_edges(hub, fd, state, 0);
    }
    if (!told && timeout > 0)
        hub->slept += timeout;
    return told;
}

static int sim_fd(hark__hub *base)
{
    (void)base;
    return -EOPNOTSUPP;
}

static int sim_submit(hark__hub *base, struct hark__operation *op)
{
    sim_hub *hub = (sim_hub *)base;
    if (!hub->operates)
        return -EOPNOTSUPP;
    op->cancelled = false;
    hark__operation_add(&hub->operations, op);
    return 0;
}

static void sim_cancel(hark__hub *base, struct hark__operation *op)
{
    (void)base;
    op->cancelled = true;
}

/* ---- what the test does ---------------------------------------------------------------------- */

/* Without memory this is not noted. It does no harm: the number is not armed, and whoever arms it
 * has just looked and found it not ready. */
void hark__sim_ready(hark__hub *base, int fd, int events)
{
    sim_hub *hub = (sim_hub *)base;
    sim_state *state = state_make(hub, fd);
    if (!state)
        return;
    state->gone = false;
    state->ready |= (uint32_t)events;
    set_edges(hub, fd, state, state->edges | ((uint32_t)events & state->armed));
}

void hark__sim_unready(hark__hub *base, int fd, int events)
{
    sim_hub *hub = (sim_hub *)base;
    sim_state *state = state_find(hub, fd);
    if (!state)
        return;
    state->ready &= ~(uint32_t)events;
    set_edges(hub, fd, state, state->edges & ~(uint32_t)events);
}

void hark__sim_forget(hark__hub *base, int fd)
{
    sim_hub *hub = (sim_hub *)base;
    sim_state *state = state_find(hub, fd);
    if (!state)
        return;
    state->gone = true;
    state->armed = state->ready = 0;
    set_edges(hub, fd, state, 0);
}

bool hark__sim_pending(const hark__hub *base)
{
    return ((const sim_hub *)base)->waiting > 0 || base->ended;
}

void hark__sim_operate(hark__hub *base)
{
    ((sim_hub *)base)->operates = true;
}

struct hark__operation *hark__sim_operation(hark__hub *base, bool *cancelled)
{
    struct hark__operation *op = ((sim_hub *)base)->operations;
    *cancelled = op && op->cancelled;
    return op;
}

void hark__sim_end(hark__hub *base, struct hark__operation *op, int result)
{
    hark__operation_remove(&((sim_hub *)base)->operations, op);
    hark__operation_end(base, op, result);
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
    .submit = sim_submit,
    .cancel = sim_cancel,
};
