/* SPDX-License-Identifier: MIT
 *
 * queue.c - work to be done, in one of three orders; hark/queue.h has the promises.
 *
 * Idea     As a channel (chan.c), with a store that is a ring, a stack or a heap, and a count of
 *          what is not done. A get takes the next item and lets the first waiting put's in, so that
 *          the order of the store and the order of those who wait are two different things.
 *
 *          The heap is one of arrivals: equals come out as they came in. Each item's arrival number
 *          stands in a second array, not before the item, so that `compare` gets items that are
 *          aligned as in an array of their own.
 * Rules    Q1  Nobody waits to get while there is an item, nor to put while there is a place or
 *              somebody who waits to get. So a newcomer that finds what it needs passes by nobody.
 *          Q2  Getters and putters never wait at the same time: a queue is not both empty and full.
 *              So a select that would put and get here never waits, and cannot meet itself.
 *          Q3  After a shutdown nobody waits to put or to get; nobody joins what is done.
 *          Q4  unfinished counts what was put in and not done; what is handed over directly was put
 *              in, too.
 *          Q5  After its wake-up a call does not look at the queue again.
 */
#include <hark/queue.h>
#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

#define ROOM_AT_FIRST 8 /* items of an unbounded queue */

_Static_assert(offsetof(hark_queue, getters) == 0, "what a queue is bound by");

/* ---- may it be used here? -------------------------------------------------------------------- */

static inline int check(const hark_queue *q, const char *call)
{
    if (!q) {
        return hark__fail(-EINVAL, call, "the queue is NULL");
    }
    return q->size ? 0
                   : hark__fail(-EINVAL, call,
                                "the queue was not initialised, or was freed: see hark_queue_init");
}

static inline int check_item(const hark_queue *q, const void *item, const char *call)
{
    int error = check(q, call);

    if (error || item) {
        return error;
    }
    return hark__fail(-EINVAL, call, "the item is NULL; it needs %zu bytes", q->size);
}

static int touch(hark_queue *q, const char *call)
{
    int error = check(q, call);

    if (error || (error = hark__touch(&q->getters, call))) {
        return error;
    }
    hark__follow(&q->putters, &q->getters);
    hark__follow(&q->joiners, &q->getters);
    return 0;
}

/* Why it did not happen, in words. */
static __attribute__((noinline)) int explain(int code, const char *call)
{
    switch (code) {
    case -EPIPE: return hark__fail(code, call, "the queue is shut down");
    case -ENOMEM:
        return hark__fail(code, call, "no memory for one more item; give the queue a max");
    default: return code;
    }
}

/* ---- the store ------------------------------------------------------------------------------- */

static inline void *item_at(const hark_queue *q, size_t index)
{
    return q->items + index * q->size;
}

static inline void move(const hark_queue *q, void *to, const void *from)
{
    hark__item_move(to, from, q->size);
}

static void move_inside(hark_queue *q, size_t to, size_t from)
{
    move(q, item_at(q, to), item_at(q, from));
    q->numbers[to] = q->numbers[from];
}

/* Does the item in this place come before that one, which is number `number`? */
static bool comes_before(const hark_queue *q, size_t place, const void *item, uint64_t number)
{
    int order = q->compare(item_at(q, place), item);

    return order < 0 || (order == 0 && q->numbers[place] < number);
}

/* The gap goes up to where the new one belongs; it came last of all. */
static void heap_put(hark_queue *q, const void *item)
{
    size_t gap = q->used, parent;
    uint64_t number = q->arrivals++;

    while (gap > 0 && !comes_before(q, parent = (gap - 1) / 2, item, number)) {
        move_inside(q, gap, parent);
        gap = parent;
    }
    move(q, item_at(q, gap), item);
    q->numbers[gap] = number;
}

/* The first has gone: its gap goes down to where the last one belongs. */
static void heap_close_gap(hark_queue *q)
{
    size_t last = q->used, gap = 0, child;

    while ((child = 2 * gap + 1) < last) {
        if (child + 1 < last && comes_before(q, child + 1, item_at(q, child), q->numbers[child])) {
            child++;
        }
        if (!comes_before(q, child, item_at(q, last), q->numbers[last])) {
            break;
        }
        move_inside(q, gap, child);
        gap = child;
    }
    move_inside(q, gap, last);
}

/* There is room for it. */
static void store(hark_queue *q, const void *item)
{
    size_t index;

    if (q->order == HARK_PRIORITY) {
        heap_put(q, item);
    } else {
        index = q->first + q->used;
        move(q, item_at(q, index < q->room ? index : index - q->room), item);
    }
    q->used++;
}

static void take_next(hark_queue *q, void *place)
{
    q->used--;
    if (q->order == HARK_FIFO) {
        move(q, place, item_at(q, q->first));
        q->first = q->first + 1 < q->room ? q->first + 1 : 0;
    } else if (q->order == HARK_LIFO) {
        move(q, place, item_at(q, q->used));
    } else {
        move(q, place, item_at(q, 0));
        heap_close_gap(q);
    }
}

/* Of so many: the items, and behind them, aligned, their numbers. SIZE_MAX: too much. */
static size_t bytes_for(const hark_queue *q, size_t room, size_t *numbers)
{
    size_t items, all;

    *numbers = 0;
    if (__builtin_mul_overflow(q->size, room, &items) || items > PTRDIFF_MAX) {
        return SIZE_MAX;
    }
    if (q->order != HARK_PRIORITY) {
        return items;
    }
    *numbers = (items + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    if (__builtin_mul_overflow(sizeof(uint64_t), room, &all) ||
        __builtin_add_overflow(all, *numbers, &all) || all > PTRDIFF_MAX) {
        return SIZE_MAX;
    }
    return all;
}

static void release(hark_queue *q)
{
    size_t numbers;

    hark__free(q->items, bytes_for(q, q->room, &numbers));
}

/* Its ring begins at its beginning then. 0, or -ENOMEM and nothing has changed. */
static int make_room(hark_queue *q, size_t room)
{
    size_t numbers, bytes = bytes_for(q, room, &numbers);
    unsigned char *items = bytes == SIZE_MAX ? NULL : hark__alloc(bytes);
    size_t straight = q->room - q->first < q->used ? q->room - q->first : q->used;

    if (!items) {
        return -ENOMEM;
    }
    if (q->used) {
        straight = planted(queue_ring_is_torn) ? q->used : straight;
        memcpy(items, item_at(q, planted(queue_ring_is_torn) ? 0 : q->first), straight * q->size);
        memcpy(items + straight * q->size, q->items, (q->used - straight) * q->size);
    }
    if (numbers && q->used) {
        memcpy(items + numbers, q->numbers, q->used * sizeof(uint64_t));
    }
    release(q);
    q->items = items;
    q->numbers = numbers ? (uint64_t *)(void *)(items + numbers) : NULL;
    q->room = room;
    q->first = 0;
    return 0;
}

/* ---- putting and getting, if it need not wait ------------------------------------------------ */

static inline bool is_full(const hark_queue *q)
{
    return q->max && q->used == q->max;
}

/* 0: put in. -EAGAIN: it would have to wait. Else without words, so far. */
static int put_now(hark_queue *q, const void *item)
{
    struct hark_waiter *getter = q->getters.first;

    if (unlikely(q->ended)) {
        return -EPIPE;
    }
    if (getter && planted(queue_item_is_left_to_be_fetched)) {
        store(q, item); /* the getter will fetch it, if nobody comes first */
        q->unfinished++;
        take_next(q, hark__offer_item(getter));
        q->used++;
        hark__wake(getter, 0);
        return 0;
    }
    if (getter) {
        q->unfinished += !planted(queue_direct_item_is_not_counted);
        move(q, hark__offer_item(getter), item);
        hark__wake(getter, 0);
        return 0;
    }
    if (is_full(q)) {
        return -EAGAIN;
    }
    if (unlikely(q->used == q->room) && make_room(q, q->room ? 2 * q->room : ROOM_AT_FIRST)) {
        return -ENOMEM;
    }
    q->unfinished++;
    store(q, item);
    return 0;
}

static int get_now(hark_queue *q, void *place)
{
    struct hark_waiter *putter = q->putters.first;

    if (!q->used) {
        return q->ended ? -EPIPE : -EAGAIN;
    }
    take_next(q, place);
    if (putter) {
        q->unfinished++;
        store(q, hark__offer_item(putter));
        hark__wake(putter, 0);
    }
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* For the audit, of who stands there: Q1 or Q3 is broken. */
static bool may_put(const hark_queue *q)
{
    return q->ended || !is_full(q);
}

static bool may_get(const hark_queue *q)
{
    return q->ended || q->used;
}

static const hark_queue *put_into(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_queue, putters);
}

static const hark_queue *got_from(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_queue, getters);
}

static const hark_queue *joined(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_queue, joiners);
}

static bool place_is_there(const hark__task *task)
{
    return may_put(put_into(task));
}

static bool item_is_there(const hark__task *task)
{
    return may_get(got_from(task));
}

static bool all_is_done(const hark__task *task)
{
    return !joined(task)->unfinished;
}

static void describe_place(const hark__task *task, struct hark__text *text)
{
    const hark_queue *q = put_into(task);
    hark__text_put(text, " at %p (%zu of %zu taken)", (const void *)q, q->used, q->max);
}

static void describe_item(const hark__task *task, struct hark__text *text)
{
    const hark_queue *q = got_from(task);
    hark__text_put(text, " at %p (put so far and not done: %zu)", (const void *)q, q->unfinished);
}

static void describe_rest(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " (not done: %zu, of them %zu not taken out)", joined(task)->unfinished,
                   joined(task)->used);
}

static int after_put(hark__task *self, int code)
{
    (void)self;
    return explain(code, "hark_queue_put");
}

static const struct hark__wait_kind put_kind = {
    .after = after_put,
    .what = "a place in a queue",
    .leave = hark__leave_list,
    .describe = describe_place,
    .says_where = true,
    .there = place_is_there,
    .stands = hark__stands_in_list,
};

static int after_get(hark__task *self, int code)
{
    (void)self;
    return explain(code, "hark_queue_get");
}

static const struct hark__wait_kind get_kind = {
    .after = after_get,
    .what = "an item of a queue",
    .leave = hark__leave_list,
    .describe = describe_item,
    .says_where = true,
    .there = item_is_there,
    .stands = hark__stands_in_list,
};

static const struct hark__wait_kind join_kind = {
    .what = "all items of a queue to be done",
    .leave = hark__leave_list,
    .describe = describe_rest,
    .there = all_is_done,
    .stands = hark__stands_in_list,
};

/* ---- the calls ------------------------------------------------------------------------------- */

int hark_queue_put(hark_queue *q, const void *item)
{
    static const char call[] = "hark_queue_put";
    int error = check_item(q, item, call);

    if (error || (error = hark__enter(&q->getters, call))) {
        return error;
    }
    hark__follow(&q->putters, &q->getters);
    error = put_now(q, item);
    if (likely(!error)) {
        return hark__pass();
    }
    return likely(error == -EAGAIN) ? hark__offer_wait(&q->putters, (void *)item, &put_kind)
                                    : explain(error, call);
}

int hark_queue_get(hark_queue *q, void *item)
{
    static const char call[] = "hark_queue_get";
    int error = check_item(q, item, call);

    if (error || (error = hark__enter(&q->getters, call))) {
        return error;
    }
    hark__follow(&q->putters, &q->getters);
    error = get_now(q, item);
    if (likely(!error)) {
        return hark__pass();
    }
    return likely(error == -EAGAIN) ? hark__offer_wait(&q->getters, item, &get_kind)
                                    : explain(error, call);
}

int hark_queue_try_put(hark_queue *q, const void *item)
{
    static const char call[] = "hark_queue_try_put";
    int error = check_item(q, item, call);

    if (error || (error = touch(q, call))) {
        return error;
    }
    error = put_now(q, item);
    return likely(!error) ? 0 : explain(error, call);
}

int hark_queue_try_get(hark_queue *q, void *item)
{
    static const char call[] = "hark_queue_try_get";
    int error = check_item(q, item, call);

    if (error || (error = touch(q, call))) {
        return error;
    }
    error = get_now(q, item);
    return likely(!error) ? 0 : explain(error, call);
}

static void count_done(hark_queue *q, size_t count)
{
    q->unfinished -= count;
    if (!q->unfinished) {
        if (planted(queue_done_wakes_one_joiner) && q->joiners.first) {
            hark__wake(q->joiners.first, 0);
            return;
        }
        hark__wake_all(&q->joiners);
    }
}

int hark_queue_task_done(hark_queue *q)
{
    static const char call[] = "hark_queue_task_done";
    int error = touch(q, call);

    if (error) {
        return error;
    }
    if (!q->unfinished) {
        return hark__fail(-EINVAL, call,
                          "all that was put in is done already; call it once for each item");
    }
    count_done(q, 1);
    return 0;
}

int hark_queue_join(hark_queue *q)
{
    static const char call[] = "hark_queue_join";
    int error = check(q, call);

    if (error || (error = hark__enter(&q->getters, call))) {
        return error;
    }
    hark__follow(&q->joiners, &q->getters);
    return q->unfinished ? hark__wait(&q->joiners, &join_kind) : hark__pass();
}

int hark_queue_shutdown(hark_queue *q, bool immediate)
{
    int error = touch(q, "hark_queue_shutdown");

    if (error) {
        return error;
    }
    q->ended = true;
    if (immediate) {
        size_t dropped = q->used < q->unfinished ? q->used : q->unfinished;
        q->used = q->first = 0;
        count_done(q, planted(queue_dropped_is_not_done) ? 0 : dropped);
    }
    hark__wake_everyone(&q->getters, -EPIPE);
    if (!planted(queue_shutdown_forgets_putters)) {
        hark__wake_everyone(&q->putters, -EPIPE);
    }
    return 0;
}

size_t hark_queue_len(const hark_queue *q)
{
    return q ? q->used : 0;
}

hark_queue_stats hark_queue_statistics(const hark_queue *q)
{
    return q ? (hark_queue_stats){.used = q->used,
                                  .max = q->max,
                                  .unfinished = q->unfinished,
                                  .waiting_put = hark__tasks_in(&q->putters),
                                  .waiting_get = hark__tasks_in(&q->getters),
                                  .waiting_join = hark__tasks_in(&q->joiners),
                                  .shut_down = q->ended}
             : (hark_queue_stats){0};
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static int check_case(hark_case *k, const char *call)
{
    int error = check_item(k->object, k->item, call);

    return error ? error : touch(k->object, call);
}

static bool put_is_due(hark_case *k)
{
    return may_put(k->object);
}

static bool get_is_due(hark_case *k)
{
    return may_get(k->object);
}

static bool put_ready(hark_case *k)
{
    k->result = put_now(k->object, k->item);
    return k->result != -EAGAIN;
}

static bool get_ready(hark_case *k)
{
    k->result = get_now(k->object, k->item);
    return k->result != -EAGAIN;
}

static bool is_sound(const hark_case *k, uint32_t loop)
{
    const hark_queue *q = k->object;

    return q && k->item && q->size && q->getters.loop == loop && q->putters.loop == loop;
}

static bool put_is_idle(const hark_case *k)
{
    const hark_queue *q = k->object;

    return is_full(q) && !q->getters.first && !q->ended;
}

static bool get_is_idle(const hark_case *k)
{
    const hark_queue *q = k->object;

    return !q->used && !q->ended;
}

static hark_case *look_at_puts(hark_case *k, struct hark__look *look)
{
    return hark__look_at_row(k, look, is_sound, put_is_idle);
}

static hark_case *look_at_gets(hark_case *k, struct hark__look *look)
{
    return hark__look_at_row(k, look, is_sound, get_is_idle);
}

static void explain_case(hark_case *k, const char *call)
{
    explain(k->result, call);
}

static const struct hark__case_kind on_put = {
    .what = "a place in a queue",
    .check = check_case,
    .look = look_at_puts,
    .ready = put_ready,
    .list = offsetof(hark_queue, putters),
    .there = put_is_due,
    .stands = hark__case_stands_in_list,
    .explain = explain_case,
};
static const struct hark__case_kind on_get = {
    .what = "an item of a queue",
    .check = check_case,
    .look = look_at_gets,
    .ready = get_ready,
    .list = offsetof(hark_queue, getters),
    .there = get_is_due,
    .stands = hark__case_stands_in_list,
    .explain = explain_case,
};

hark_case hark_on_put(hark_queue *q, const void *item)
{
    return (hark_case){.kind = &on_put, .object = q, .item = (void *)item};
}

hark_case hark_on_get(hark_queue *q, void *item)
{
    return (hark_case){.kind = &on_get, .object = q, .item = item};
}

/* ---- from init to free ----------------------------------------------------------------------- */

static int check_init(const hark_queue *q, size_t size, hark_order order,
                      int (*compare)(const void *, const void *), const char *call)
{
    if (!q || !size) {
        return hark__fail(-EINVAL, call, q ? "items of 0 bytes" : "the queue is NULL");
    }
    if (order != HARK_FIFO && order != HARK_LIFO && order != HARK_PRIORITY) {
        return hark__fail(-EINVAL, call, "there is no order %d", (int)order);
    }
    if (order == HARK_PRIORITY && !compare) {
        return hark__fail(-EINVAL, call, "HARK_PRIORITY without `compare`");
    }
    return 0;
}

int hark_queue_init(hark_queue *q, size_t size, size_t max, hark_order order,
                    int (*compare)(const void *, const void *))
{
    static const char call[] = "hark_queue_init";
    int error = check_init(q, size, order, compare, call);
    size_t unused;

    if (error) {
        return error;
    }
    hark_queue made = {.compare = compare, .size = size, .max = max, .order = (uint8_t)order};
    if (bytes_for(&made, max ? max : 1, &unused) == SIZE_MAX) {
        return hark__fail(-EINVAL, call, "%zu items of %zu bytes are more than there are addresses",
                          max, size);
    }
    if (max && make_room(&made, max)) {
        return hark__fail(-ENOMEM, call, "no memory for %zu items of %zu bytes", max, size);
    }
    *q = made;
    return 0;
}

int hark_queue_free(hark_queue *q)
{
    static const char call[] = "hark_queue_free";
    int error = touch(q, call);

    if (error) {
        return error;
    }
    if (q->getters.count || q->putters.count || q->joiners.count) {
        return hark__fail(
            -EBUSY, call,
            "%u still wait to get, %u to put and %u for all to be done; shut it down first",
            q->getters.count, q->putters.count, q->joiners.count);
    }
    release(q);
    *q = (hark_queue){0};
    return 0;
}
