/* SPDX-License-Identifier: MIT
 *
 * resources.c - what is dear to make, and used again; hark/resources.h has the promises.
 *
 * Idea     What is limited are places. A place holds an item in use, an idle one, or one that is
 *          being made or destroyed:
 *
 *              free --make--> changing --> in use <--> idle
 *                    <------- changing <------'----------'
 *
 *          Two things can be handed over: an item, and a free place, whose new owner then makes
 *          the item itself, in its own task and under its own scopes. So a failure is told to
 *          one who asked, and only the place goes on to the next.
 *
 *          Items in use stand in a table with who has got them. It is searched by every put;
 *          that is what tells a second put of the same item, which would give one connection to
 *          two tasks.
 * Rules    I5  No place is given while in use, idle and changing are `max` or more. They are
 *              more only after the pool was made smaller.
 *          I6  Nobody waits while an item is idle or a place is free.
 *          I7  in_use + idle + changing <= room at all times, so that what is got can be put
 *              back.
 *          I8  The program's functions are called when all is in order: an item that they make
 *              or destroy is in no table and its place is `changing`.
 *          I9  Whoever was given a place uses it, even if it was cancelled meanwhile: its
 *              `create` will hear of that, or succeed.
 * Not here A case of a select: to make an item takes more than one step, and may fail.
 */
#include <hark/resources.h>
#include <string.h>

#include "core/core.h"
#include "sync/lock.h"
#include "sync/sync.h"

enum { YOUR_PLACE = -EINPROGRESS }; /* what a waiter is woken with that must make its item */

#define NAMES 4 /* of who has one, in reports */

struct hark__resource {
    void *item;
    hark_task user; /* who has got it; 0: a callback */
};

/* ---- may it be used here? -------------------------------------------------------------------- */

static int check(const hark_resources *r, const char *call)
{
    if (!r) {
        return hark__fail(-EINVAL, call, "the pool is NULL");
    }
    return r->create
               ? 0
               : hark__fail(-EINVAL, call,
                            "the pool was not initialised, or was freed: see hark_resources_init");
}

static int touch(hark_resources *r, const char *call)
{
    int error = check(r, call);

    return error ? error : hark__touch(&r->waiters, call);
}

static int check_place(const hark_resources *r, void *const *item, const char *call)
{
    int error = check(r, call);

    return error || item ? error : hark__fail(-EINVAL, call, "no place for the item: NULL");
}

static int check_max(int max, const char *call)
{
    return max >= 0 ? 0 : hark__fail(-EINVAL, call, "a pool of %d; give 0 or more", max);
}

/* ---- the tables ------------------------------------------------------------------------------ */

static int total(const hark_resources *r)
{
    return r->in_use + r->idle + (planted(resources_being_made_do_not_count) ? 0 : r->changing);
}

static bool has_place(const hark_resources *r)
{
    return total(r) < r->max;
}

static void **slot(const hark_resources *r, int number)
{
    void **slots = (void **)(r->used + r->room);
    int place = r->oldest + number;

    return &slots[place < r->room ? place : place - r->room];
}

static size_t bytes_for(int room)
{
    return (size_t)room * (sizeof(struct hark__resource) + sizeof(void *));
}

static void keep(hark_resources *r, void *item)
{
    *slot(r, r->idle++) = item;
}

static void *take_oldest(hark_resources *r)
{
    void *item = *slot(r, 0);

    r->idle--;
    r->oldest = r->oldest + 1 < r->room ? r->oldest + 1 : 0;
    return item;
}

static void *take_idle(hark_resources *r)
{
    return r->newest_first ? *slot(r, --r->idle) : take_oldest(r);
}

static void lend(hark_resources *r, void *item, hark_task user)
{
    r->used[r->in_use++] = (struct hark__resource){item, user};
}

/* NULL: no such item is in use. Who got one last mostly puts it back first. */
static struct hark__resource *find(const hark_resources *r, const void *item)
{
    for (int i = r->in_use - 1; i >= 0; i--) {
        if (r->used[i].item == item) {
            return &r->used[i];
        }
    }
    return NULL;
}

static void give_back(hark_resources *r, struct hark__resource *used)
{
    *used = r->used[--r->in_use];
}

/* 0, or -ENOMEM and nothing has changed. */
static int make_room(hark_resources *r, int room)
{
    struct hark__resource *used;
    hark_resources bigger = *r;

    if (room <= r->room) {
        return 0;
    }
    used = (size_t)room <= PTRDIFF_MAX / bytes_for(1) ? hark__alloc(bytes_for(room)) : NULL;
    if (!used) {
        return -ENOMEM;
    }
    if (r->used) {
        memcpy(used, r->used, (size_t)r->in_use * sizeof *used);
    }
    bigger.used = used;
    bigger.room = room;
    bigger.oldest = 0;
    for (int i = 0; i < r->idle; i++) {
        *slot(&bigger, i) = *slot(r, i);
    }
    const hark_resources old = *r;
    *r = bigger; /* first: a signal's handler may read it */
    hark__free(old.used, bytes_for(old.room));
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static const hark_resources *awaited(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_resources, waiters);
}

static bool could_go_on(const hark__task *task)
{
    return awaited(task)->idle || has_place(awaited(task));
}

static void put_user(hark_task user, struct hark__text *text)
{
    if (!user) {
        hark__text_put(text, "a callback");
        return;
    }
    hark__holder_put(user, text);
    if (!hark__task_find(hark__here, user)) {
        hark__text_put(text, ", which has ended");
    }
}

static void describe_users(const hark__task *task, struct hark__text *text)
{
    const hark_resources *r = awaited(task);
    int shown = r->in_use < NAMES ? r->in_use : NAMES;

    hark__text_put(text, " at %p (%d in use of at most %d", (const void *)r, r->in_use, r->max);
    if (r->changing) {
        hark__text_put(text, ", %d being made or destroyed", r->changing);
    }
    for (int i = 0; i < shown; i++) {
        hark__text_put(text, i ? "; " : "; got by ");
        put_user(r->used[i].user, text);
    }
    hark__text_put(text, shown < r->in_use ? "; and others)" : ")");
}

static const struct hark__wait_kind get_kind = {
    .what = "a resource of a pool",
    .leave = hark__leave_list,
    .describe = describe_users,
    .says_where = true,
    .there = could_go_on,
    .stands = hark__stands_in_list,
};

/* ---- handing over ---------------------------------------------------------------------------- */

static void hand_over_item(hark_resources *r, void *item)
{
    struct hark_waiter *first = r->waiters.first;

    *(void **)hark__offer_item(first) = item;
    lend(r, item, ((const hark__task *)hark__owner_of(first))->id);
    hark__wake(first, 0);
}

/* Rule I6, when places may have become free. */
static void hand_over_places(hark_resources *r)
{
    while (r->waiters.first && has_place(r)) {
        r->changing += !planted(resources_place_is_free_for_others);
        hark__wake(r->waiters.first, YOUR_PLACE);
    }
}

/* Its place is `changing` already. */
static void end(hark_resources *r, void *item)
{
    if (r->destroy) {
        r->destroy(r->arg, item);
    }
    r->changing--;
    if (!planted(resources_discarded_place_is_given_to_nobody)) {
        hand_over_places(r);
    }
}

/* By a task that has a place. */
static int make(hark_resources *r, void **item)
{
    void *made = NULL;
    int rc = r->create(r->arg, &made);

    if (rc < 0) {
        r->changing -= !(planted(resources_cancelled_making_keeps_its_place) && rc == -ECANCELED);
        if (!planted(resources_failure_wakes_nobody)) {
            hand_over_places(r);
        }
        return rc;
    }
    r->changing--;
    lend(r, made, hark_self());
    *item = made;
    return hark__pass();
}

/* ---- the calls ------------------------------------------------------------------------------- */

int hark_resources_get(hark_resources *r, void **item)
{
    static const char call[] = "hark_resources_get";
    int rc = check_place(r, item, call);

    if (rc || (rc = hark__enter(&r->waiters, call))) {
        return rc;
    }
    if (r->idle) {
        *item = take_idle(r);
        lend(r, *item, hark_self());
        return hark__pass();
    }
    if (!has_place(r)) {
        rc = hark__offer_wait(&r->waiters, item, &get_kind);
        return rc == YOUR_PLACE ? make(r, item) : rc;
    }
    r->changing++;
    return make(r, item);
}

int hark_resources_try_get(hark_resources *r, void **item)
{
    static const char call[] = "hark_resources_try_get";
    int error = check_place(r, item, call);

    if (error || (error = touch(r, call))) {
        return error;
    }
    if (!r->idle) {
        return -EAGAIN;
    }
    *item = take_idle(r);
    lend(r, *item, hark_self());
    return 0;
}

/* Out of use, by whoever returns it; 0 or -errno. */
static int take_back(hark_resources *r, void *item, const char *call)
{
    int error = touch(r, call);
    struct hark__resource *used = error ? NULL : find(r, item);

    if (used) {
        give_back(r, used);
        return 0;
    }
    return error
               ? error
               : hark__fail(-EPERM, call,
                            "%p is not in use (%d others are): put back what was got, and only once",
                            item, r->in_use);
}

int hark_resources_put(hark_resources *r, void *item)
{
    int error = take_back(r, item, "hark_resources_put");

    if (error) {
        return error;
    }
    if (total(r) >= r->max && !planted(resources_shrunk_keeps_what_is_put)) {
        r->changing++;
        end(r, item);
    } else if (r->waiters.first && !planted(resources_put_is_left_to_be_fetched)) {
        hand_over_item(r, item);
    } else {
        keep(r, item);
    }
    return 0;
}

int hark_resources_discard(hark_resources *r, void *item)
{
    int error = take_back(r, item, "hark_resources_discard");

    if (error) {
        return error;
    }
    r->changing++;
    end(r, item);
    return 0;
}

int hark_resources_resize(hark_resources *r, int max)
{
    static const char call[] = "hark_resources_resize";
    int error = touch(r, call);

    if (error || (error = check_max(max, call))) {
        return error;
    }
    if (make_room(r, max)) {
        return hark__fail(-ENOMEM, call, "no memory for a pool of %d", max);
    }
    r->max = max;
    hand_over_places(r);
    /* While one is being destroyed, anything may happen. */
    while (r->idle && total(r) > r->max) {
        void *item = take_oldest(r);
        r->changing++;
        end(r, item);
    }
    return 0;
}

hark_resources_stats hark_resources_statistics(const hark_resources *r)
{
    if (!r) {
        return (hark_resources_stats){0};
    }
    return (hark_resources_stats){r->max, r->in_use, r->idle, r->changing,
                                  hark__tasks_in(&r->waiters)};
}

/* ---- from init to free ----------------------------------------------------------------------- */

int hark_resources_init(hark_resources *r, int max, hark_order order, hark_resource_create *create,
                        hark_resource_destroy *destroy, void *arg)
{
    static const char call[] = "hark_resources_init";
    int error = check_max(max, call);

    if (error) {
        return error;
    }
    if (!r || !create) {
        return hark__fail(-EINVAL, call, "the pool or its `create` is NULL");
    }
    if (order != HARK_FIFO && order != HARK_LIFO) {
        return hark__fail(-EINVAL, call, "idle ones in order %d; give HARK_FIFO or HARK_LIFO",
                          (int)order);
    }
    hark_resources made = {.create = create, .destroy = destroy, .arg = arg, .max = max};
    made.newest_first = order == HARK_LIFO;
    if (make_room(&made, max)) {
        return hark__fail(-ENOMEM, call, "no memory for a pool of %d", max);
    }
    *r = made;
    return 0;
}

static int busy(const hark_resources *r, const char *call)
{
    struct hark__text text;
    char user[128] = "nobody";

    hark__text_to_string(&text, user, sizeof user);
    if (r->in_use) {
        put_user(r->used[0].user, &text);
    }
    return hark__fail(-EBUSY, call, "%d in use (got by %s), %d being made or destroyed, %u waiting",
                      r->in_use, user, r->changing, r->waiters.count);
}

int hark_resources_free(hark_resources *r)
{
    static const char call[] = "hark_resources_free";
    int error = touch(r, call);

    if (error) {
        return error;
    }
    if (r->in_use || r->changing || r->waiters.count) {
        return busy(r, call);
    }
    /* Nobody can use it any more when the first is destroyed. */
    hark_resources old = *r;
    *r = (hark_resources){0};
    while (old.idle) {
        void *item = take_oldest(&old);
        if (old.destroy) {
            old.destroy(old.arg, item);
        }
    }
    hark__free(old.used, bytes_for(old.room));
    return 0;
}
