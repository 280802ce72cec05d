/* SPDX-License-Identifier: MIT
 *
 * pile.c - results in the order of the spawns; hark/pool.h has the promises.
 *
 * Idea     Every spawn has a ticket. It is put at the end of the row when its task has its place in the
 *          pool, not before: so a spawn that fails, or is cancelled while it waits, has never been in
 *          the row. The task writes its result on the ticket. When the oldest has one it is given to the
 *          first taker, and the ticket is gone; its room goes to who waits to spawn.
 *
 *          Who is about to spawn counts for takers as a ticket that will come. If it does not, the last
 *          taker is told that there is nothing for it.
 * Rules    J18 Nobody waits to take while the oldest has its result; nobody waits to spawn while there
 *              is room.
 *          J19 There are never more takers than tickets and goers.
 *          J20 room = tickets + goers that have room and no ticket yet.
 */
#include "sync/pool.h"

struct hark__ticket {
    struct hark__ticket *next;
    hark_pile *pile;
    hark_task task;
    int result;
    bool done;
};

static struct hark__ticket *oldest(const hark_pile *p)
{
    return p->last ? p->last->next : NULL;
}

static bool has_result(const hark_pile *p)
{
    return p->last && oldest(p)->done;
}

static bool has_room(const hark_pile *p)
{
    return p->ahead == 0 || p->room < p->ahead;
}

/* Tickets that there are, or will be. */
static uint32_t expected(const hark_pile *p)
{
    return (uint32_t)p->room + p->goers.count;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static const hark_pile *taken_from(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_pile, takers);
}

static const hark_pile *gone_into(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_pile, goers);
}

static bool could_take(const hark__task *task)
{
    const hark_pile *p = taken_from(task);
    return has_result(p) || p->takers.count > expected(p);
}

static bool could_go(const hark__task *task)
{
    return has_room(gone_into(task));
}

static void describe_oldest(const hark__task *task, struct hark__text *text)
{
    const hark_pile *p = taken_from(task);
    const hark__task *worker = p->last ? hark__task_find(hark__here, oldest(p)->task) : NULL;

    hark__text_put(text, " (%d outstanding", p->count);
    if (worker) {
        hark__text_put(text, ", the oldest is made by ");
        hark__task_title(worker, text);
    }
    hark__text_put(text, ")");
}

static void describe_room(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " (%d of %d results are not taken)", gone_into(task)->room,
                   gone_into(task)->ahead);
}

static int no_more(void)
{
    return hark__fail(-ENODATA, "hark_pile_next",
                      "nothing is outstanding: all that was spawned was taken");
}

static int after_taking(hark__task *self, int code)
{
    (void)self;
    return code == -ENODATA ? no_more() : code;
}

static const struct hark__wait_kind take_kind = {
    .after = after_taking,
    .what = "the next result of a pile",
    .leave = hark__leave_list,
    .describe = describe_oldest,
    .says_where = true,
    .there = could_take,
    .stands = hark__stands_in_list,
};

/* ---- the row --------------------------------------------------------------------------------- */

/* Rule J19, when one less will come. */
static void dismiss(hark_pile *p)
{
    if (p->takers.count > expected(p) && !planted(pile_waits_for_a_spawn_that_was_none)) {
        hark__wake(p->takers.first->prev, -ENODATA);
    }
}

static void leave_room(hark__task *task)
{
    hark_pile *p = container_of(task->in.waiter.list, hark_pile, goers);

    hark__leave_list(task);
    dismiss(p);
}

static const struct hark__wait_kind room_kind = {
    .what = "room in a pile",
    .leave = leave_room,
    .describe = describe_room,
    .there = could_go,
    .stands = hark__stands_in_list,
};

static void give_room(hark_pile *p)
{
    p->room--;
    if (p->goers.first && has_room(p) && !planted(pile_room_is_given_to_nobody)) {
        p->room++;
        hark__wake(p->goers.first, 0);
    }
    dismiss(p);
}

/* The oldest leaves. */
static void take(hark_pile *p, int *result)
{
    struct hark__ticket *ticket = oldest(p);

    if (result) {
        *result = ticket->result;
    }
    p->last->next = ticket->next;
    p->last = --p->count ? p->last : NULL;
    hark__free(ticket, sizeof *ticket);
    give_room(p);
}

static void append(void *pointer, hark_task id)
{
    struct hark__ticket *ticket = pointer, **last = &ticket->pile->last;

    ticket->task = id;
    ticket->next = *last ? (*last)->next : ticket;
    if (*last) {
        (*last)->next = ticket;
    }
    *last = planted(pile_newest_first) && *last ? *last : ticket;
    ticket->pile->count++;
}

/* Rule J18. */
static void finish(void *pointer, int result)
{
    struct hark__ticket *ticket = pointer;
    hark_pile *p = ticket->pile;

    ticket->result = result;
    ticket->done = true;
    while (p->takers.first && has_result(p)) {
        struct hark_waiter *taker = p->takers.first;
        int *place = hark__offer_item(taker);
        hark__wake(taker, 0);
        take(p, place);
        if (planted(pile_tells_one_taker)) {
            return;
        }
    }
}

static const struct hark__job_kind ticket_kind = {.begun = append, .ended = finish};

/* ---- the calls ------------------------------------------------------------------------------- */

static int is_null(const char *call)
{
    return hark__fail(-EINVAL, call, "the pile is NULL");
}

int hark_pile_init(hark_pile *p, hark_pool *pool, int ahead)
{
    static const char call[] = "hark_pile_init";

    if (!p || !pool || ahead < 0) {
        return hark__fail(-EINVAL, call,
                          p && pool ? "fewer than 0 results ahead (0: no limit)"
                                    : "the pile or its pool is NULL");
    }
    *p = (hark_pile){.pool = pool, .ahead = ahead};
    return 0;
}

/* Its room is taken already; the pool may have been closed while it waited for that. */
static hark_task go(hark_pile *p, hark_fn *fn, void *arg, const char *site, const char *call)
{
    struct hark__ticket *ticket = hark__alloc(sizeof *ticket);
    const struct hark__job job = {p->pool, fn, arg, &ticket_kind, ticket};
    int error = ticket ? hark__pool_check(p->pool, fn, call) : -ENOMEM;

    if (ticket) {
        ticket->pile = p;
        ticket->done = false;
    }
    hark_task id = error ? error : hark__pool_go(&job, site, call);
    if (id < 0) {
        hark__free(ticket, sizeof *ticket);
        if (!(planted(pile_cancelled_go_keeps_its_room) && id == -ECANCELED)) {
            give_room(p);
        }
    }
    return id == -ENOMEM ? hark__pool_no_memory(call) : id;
}

hark_task hark_pile_go_at(const char *site, hark_pile *p, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_pile_go";
    int error = p ? hark__pool_check(p->pool, fn, call) : is_null(call);

    if (error || (error = hark__enter(&p->takers, call))) {
        return error;
    }
    hark__follow(&p->goers, &p->takers);
    if (has_room(p)) {
        p->room++;
        return go(p, fn, arg, site, call);
    }
    error = hark__wait(&p->goers, &room_kind);
    return error ? error : go(p, fn, arg, site, call);
}

hark_task(hark_pile_go)(hark_pile *p, hark_fn *fn, void *arg)
{
    return hark_pile_go_at("a call of hark_pile_go\0"
                           "0task",
                           p, fn, arg);
}

int hark_pile_next(hark_pile *p, int *result)
{
    static const char call[] = "hark_pile_next";
    int error = p ? hark__enter(&p->takers, call) : is_null(call);

    if (error) {
        return error;
    }
    hark__follow(&p->goers, &p->takers);
    if (has_result(p)) {
        take(p, result);
        return hark__pass();
    }
    if (p->takers.count == expected(p)) {
        return no_more();
    }
    return hark__offer_wait(&p->takers, result, &take_kind);
}

int hark_pile_outstanding(const hark_pile *p)
{
    return p ? p->count : 0;
}

static bool is_busy(const hark_pile *p)
{
    const struct hark__ticket *ticket = p->last;
    bool busy = p->room != p->count || p->takers.first || p->goers.first;

    for (int i = 0; i < p->count; i++, ticket = ticket->next) {
        busy = busy || !ticket->done;
    }
    return busy;
}

int hark_pile_free(hark_pile *p)
{
    static const char call[] = "hark_pile_free";
    int error = p ? hark__touch(&p->takers, call) : is_null(call);

    if (error) {
        return error;
    }
    hark__follow(&p->goers, &p->takers);
    if (is_busy(p)) {
        return hark__fail(
            -EBUSY, call,
            "tasks of the pile still run, or wait in it; take their results, or close the pool first");
    }
    while (p->count) {
        take(p, NULL);
    }
    return 0;
}
