/* SPDX-License-Identifier: MIT
 *
 * broadcast.c - every subscriber sees every value; hark/broadcast.h has the promises.
 *
 * Idea     Values have numbers, 0, 1, 2, ...; the one of number n stands in the ring at n modulo
 *          its capacity, and a subscriber is the number of the next value that it wants. So
 *          nothing is kept for each subscriber, there is no list of them, and one that was
 *          forgotten costs nothing.
 * Rules    U1  Nobody waits while there is a value that its subscriber has not seen, or when it is
 *               closed.
 *          U2  Whoever waits is given the value by the send itself, and its subscriber has seen it
 *               from then on: of several tasks of one subscriber only the first gets it.
 *          U3  What a subscriber sees or is told to have missed is, together, every number once.
 */
#include <hark/broadcast.h>
#include <limits.h>
#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

/* What who waits has in its hands. */
struct listener {
    void *place; /* for the value */
    hark_subscriber *subscriber;
};

static const hark_subscriber *subscriber_of(const hark__task *task)
{
    return ((const struct listener *)hark__offer_item(&task->in.waiter))->subscriber;
}

static bool could_go_on(const hark__task *task)
{
    const hark_subscriber *s = subscriber_of(task);
    return s->next < s->broadcast->sent || s->broadcast->closed;
}

static const struct hark__wait_kind broadcast_kind = {
    .what = "the next value of a broadcast",
    .leave = hark__leave_list,
    .there = could_go_on,
    .stands = hark__stands_in_list,
};

static int check_shape(const void *buffer, size_t size, size_t capacity, const char *call)
{
    if (!buffer || !size || !capacity || size > SIZE_MAX / capacity) {
        return hark__fail(-EINVAL, call,
                          "%zu values of %zu bytes, or no buffer; init it with room for one",
                          capacity, size);
    }
    return 0;
}

static int check(hark_broadcast *b, const char *call)
{
    int error = b ? check_shape(b->buffer, b->size, b->capacity, call)
                  : hark__fail(-EINVAL, call, "the broadcast is NULL");

    return error ? error : hark__touch(&b->waiters, call);
}

int hark_broadcast_init(hark_broadcast *b, void *buffer, size_t size, size_t capacity)
{
    static const char call[] = "hark_broadcast_init";
    int error = b ? check_shape(buffer, size, capacity, call)
                  : hark__fail(-EINVAL, call, "the broadcast is NULL");

    if (!error) {
        *b = (hark_broadcast)HARK_BROADCAST_INIT(buffer, size, capacity);
    }
    return error;
}

int hark_broadcast_subscribe(hark_broadcast *b, hark_subscriber *s)
{
    static const char call[] = "hark_broadcast_subscribe";
    int error = s ? check(b, call) : hark__fail(-EINVAL, call, "the subscriber is NULL");

    if (!error) {
        *s = (hark_subscriber){b, b->sent};
    }
    return error;
}

/* Of a value that is still there, or about to be: without a division. */
static void *slot(const hark_broadcast *b, uint64_t number)
{
    size_t back = (size_t)(b->sent - number), at = b->at;

    return (char *)b->buffer + (at >= back ? at - back : at + b->capacity - back) * b->size;
}

/* Rule U2. What was just sent is the newest value. */
static void give_to_waiters(hark_broadcast *b, const void *item)
{
    struct hark_waiter *waiter = b->waiters.first;

    for (uint32_t left = b->waiters.count; left > 0; left--) {
        struct hark_waiter *next = waiter->next;
        struct listener *listener = hark__offer_item(waiter);
        if (listener->subscriber->next < b->sent || planted(broadcast_gives_to_both)) {
            listener->subscriber->next = b->sent - planted(broadcast_given_is_not_seen);
            hark__item_move(listener->place, item, b->size);
            hark__wake(waiter, 0);
        }
        waiter = next;
    }
}

int hark_broadcast_send(hark_broadcast *b, const void *item)
{
    static const char call[] = "hark_broadcast_send";
    int error = item ? check(b, call) : hark__fail(-EINVAL, call, "the item is NULL");

    if (error) {
        return error;
    }
    if (b->closed) {
        return hark__fail(-EPIPE, call, "the broadcast was closed; nothing can be sent any more");
    }
    hark__item_move(slot(b, b->sent), item, b->size);
    b->sent++;
    b->at = b->at + 1 < b->capacity ? b->at + 1 : 0;
    give_to_waiters(b, item);
    return 0;
}

int hark_broadcast_close(hark_broadcast *b)
{
    static const char call[] = "hark_broadcast_close";
    int error =
        b ? hark__touch(&b->waiters, call) : hark__fail(-EINVAL, call, "the broadcast is NULL");

    if (!error) {
        b->closed = true;
        hark__wake_everyone(&b->waiters, -ENODATA);
    }
    return error;
}

/* There is one that it has not seen: how many it has missed before. */
static int take(hark_subscriber *s, void *item)
{
    const hark_broadcast *b = s->broadcast;
    uint64_t oldest = b->sent > b->capacity ? b->sent - b->capacity : 0;
    uint64_t missed = s->next < oldest ? oldest - s->next : 0;

    s->next += planted(broadcast_lag_is_not_counted) ? 0 : missed;
    hark__item_move(item, slot(b, s->next++), b->size);
    return missed < INT_MAX ? (int)missed : INT_MAX;
}

static int wait_for_next(hark_subscriber *s, void *item)
{
    struct listener listener = {item, s};

    return hark__offer_wait(&s->broadcast->waiters, &listener, &broadcast_kind);
}

static int check_subscriber(const hark_subscriber *s, const void *item, const char *call)
{
    return s && s->broadcast && item
               ? 0
               : hark__fail(-EINVAL, call, "not subscribed, or the place for the value is NULL");
}

static int no_more(const char *call)
{
    return hark__fail(-ENODATA, call, "the broadcast was closed, and all was seen");
}

int hark_broadcast_recv(hark_subscriber *s, void *item)
{
    static const char call[] = "hark_broadcast_recv";
    int rc = check_subscriber(s, item, call);

    if (rc || (rc = hark__enter(&s->broadcast->waiters, call))) {
        return rc;
    }
    if (s->next < s->broadcast->sent) {
        rc = take(s, item);
        hark__pass();
        return rc;
    }
    rc = s->broadcast->closed ? -ENODATA : wait_for_next(s, item);
    return rc == -ENODATA ? no_more(call) : rc;
}

int hark_broadcast_try_recv(hark_subscriber *s, void *item)
{
    static const char call[] = "hark_broadcast_try_recv";
    int error = check_subscriber(s, item, call);

    if (error || (error = hark__touch(&s->broadcast->waiters, call))) {
        return error;
    }
    if (s->next < s->broadcast->sent) {
        return take(s, item);
    }
    return s->broadcast->closed ? no_more(call) : -EAGAIN;
}

hark_stats hark_broadcast_statistics(const hark_broadcast *b)
{
    return (hark_stats){b ? hark__tasks_in(&b->waiters) : 0};
}
