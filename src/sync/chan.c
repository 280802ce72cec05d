/* SPDX-License-Identifier: MIT
 *
 * chan.c - items from task to task, through two counted ends; hark/chan.h has the promises.
 *
 * Idea     A ring of items and two lists of offers (sync.h). Whoever comes does at once all that
 *          its coming makes possible, for the others too, and so nobody is ever woken to look for
 *          himself:
 *
 *              send    to the first receiver that waits; else into the ring; else wait
 *              recv    from the ring, and the first sender that waits moves in; else from that
 *                      sender; else wait
 * Rules    M1  Nobody waits to receive while there is an item, nor to send while there is a place
 *              or a receiver that waits. So a newcomer that finds what it needs passes by nobody.
 *          M2  The two lists hold waiters at the same time only if all of them are the cases of one
 *              select: two tasks would have met. And it does not meet itself: only who runs meets.
 *          M3  Nobody waits on a side without an open end, nor for a side without one.
 *          M4  After its wake-up a call does not look at the channel again: it may be closed,
 *              initialised anew or freed by then.
 * Not here Priorities, joining and shutting down: queue.c.
 */
#include <hark/chan.h>
#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

_Static_assert(sizeof(hark_chan) <= 64, "a cache line");
_Static_assert(offsetof(hark_chan, receivers) == 0, "what a channel is bound by");

/* ---- may it be used here? -------------------------------------------------------------------- */

static inline int check(const hark_chan *c, const char *call)
{
    if (!c) {
        return hark__fail(-EINVAL, call, "the channel is NULL");
    }
    return c->size ? 0
                   : hark__fail(-EINVAL, call,
                                "the channel was not initialised, or was freed: see hark_chan_init");
}

static inline int check_item(const hark_chan *c, const void *item, const char *call)
{
    int error = check(c, call);

    if (error || item) {
        return error;
    }
    return hark__fail(-EINVAL, call, "the item is NULL; it needs %u bytes", c->size);
}

static int touch(hark_chan *c, const char *call)
{
    int error = check(c, call);

    if (error || (error = hark__touch(&c->receivers, call))) {
        return error;
    }
    hark__follow(&c->senders, &c->receivers);
    return 0;
}

/* Why it did not happen, in words. */
static __attribute__((noinline)) int explain(int code, const char *call)
{
    switch (code) {
    case -EPIPE:
        return hark__fail(code, call, "no receiver of the channel is open any more: not sent");
    case -ENODATA:
        return hark__fail(code, call,
                          "no sender of the channel is open any more, and nothing is left in it");
    case -EBADF:
        return hark__fail(
            code, call,
            "this side of the channel is closed: each hark_chan_close_... closes one end, and hark_chan_add_... opens one only while another is open");
    default: return code;
    }
}

/* ---- items ----------------------------------------------------------------------------------- */

static inline void move(const hark_chan *c, void *to, const void *from)
{
    hark__item_move(to, from, c->size);
}

static inline unsigned char *at(const hark_chan *c, size_t index)
{
    return c->buffer + (index < c->capacity ? index : index - c->capacity) * c->size;
}

static inline void append(hark_chan *c, const void *item)
{
    move(c, at(c, (size_t)c->first + c->used), item);
    c->used++;
}

static inline void take_oldest(hark_chan *c, void *place)
{
    move(c, place, at(c, c->first));
    c->first = c->first + 1 < c->capacity ? c->first + 1 : 0;
    c->used--;
}

/* 0: sent. -EAGAIN: it would have to wait. Else without words, so far. */
static int send_now(hark_chan *c, const void *item)
{
    struct hark_waiter *receiver =
        planted(chan_waiters_are_not_met) && c->capacity ? NULL : c->receivers.first;

    if (unlikely(!c->open_senders || !c->open_receivers)) {
        return c->open_senders ? -EPIPE : -EBADF;
    }
    if (receiver) {
        move(c, hark__offer_item(receiver), item);
        hark__wake(receiver, 0);
        return 0;
    }
    if (c->used < c->capacity) {
        append(c, item);
        return 0;
    }
    return -EAGAIN;
}

static int recv_now(hark_chan *c, void *place)
{
    struct hark_waiter *sender = c->senders.first;

    if (unlikely(!c->open_receivers)) {
        return -EBADF;
    }
    if (c->used) {
        take_oldest(c, place);
        if (sender && !planted(chan_place_is_given_to_nobody)) {
            sender = planted(chan_last_sender_moves_in) ? sender->prev : sender;
            if (!planted(chan_sender_is_woken_without_its_item)) {
                append(c, hark__offer_item(sender));
            }
            hark__wake(sender, 0);
        }
        return 0;
    }
    if (sender) {
        move(c, place, hark__offer_item(sender));
        if (planted(chan_met_sender_goes_on_waiting)) {
            return 0;
        }
        hark__wake(sender, 0);
        return 0;
    }
    return c->open_senders ? -EAGAIN : -ENODATA;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Does anybody stand there but the task that this waiter belongs to? (M2) */
static bool meets(const struct hark_waitlist *list, const struct hark_waiter *waiter)
{
    const struct hark_waiter *other = list->first;

    for (uint32_t i = 0; i < list->count; i++, other = other->next) {
        if (other->owner != waiter->owner) {
            return true;
        }
    }
    return false;
}

/* For the audit, of who stands there: M1 or M3 is broken. */
static bool may_send(const hark_chan *c, const struct hark_waiter *waiter)
{
    return c->used < c->capacity || !c->open_senders || !c->open_receivers ||
           meets(&c->receivers, waiter);
}

static bool may_receive(const hark_chan *c, const struct hark_waiter *waiter)
{
    return c->used || !c->open_senders || !c->open_receivers || meets(&c->senders, waiter);
}

static const hark_chan *sent_through(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_chan, senders);
}

static const hark_chan *received_through(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_chan, receivers);
}

static bool place_is_there(const hark__task *task)
{
    return may_send(sent_through(task), &task->in.waiter);
}

static bool item_is_there(const hark__task *task)
{
    return may_receive(received_through(task), &task->in.waiter);
}

static void describe_place(const hark__task *task, struct hark__text *text)
{
    const hark_chan *c = sent_through(task);
    hark__text_put(text, " at %p (%u of %u taken, open receivers: %d)", (const void *)c, c->used,
                   c->capacity, c->open_receivers);
}

static void describe_item(const hark__task *task, struct hark__text *text)
{
    const hark_chan *c = received_through(task);
    hark__text_put(text, " at %p (open senders: %d)", (const void *)c, c->open_senders);
}

static int after_send(hark__task *self, int code)
{
    (void)self;
    return explain(code, "hark_chan_send");
}

static const struct hark__wait_kind send_kind = {
    .after = after_send,
    .what = "a channel to take an item",
    .leave = hark__leave_list,
    .describe = describe_place,
    .says_where = true,
    .there = place_is_there,
    .stands = hark__stands_in_list,
};

static int after_recv(hark__task *self, int code)
{
    (void)self;
    return explain(code, "hark_chan_recv");
}

static const struct hark__wait_kind recv_kind = {
    .after = after_recv,
    .what = "an item of a channel",
    .leave = hark__leave_list,
    .describe = describe_item,
    .says_where = true,
    .there = item_is_there,
    .stands = hark__stands_in_list,
};

/* ---- sending and receiving ------------------------------------------------------------------- */

static inline __attribute__((always_inline)) int send_one(hark_chan *c, const void *item)
{
    int error = send_now(c, item);

    if (likely(!error)) {
        return hark__pass();
    }
    return likely(error == -EAGAIN) ? hark__offer_wait(&c->senders, (void *)item, &send_kind)
                                    : explain(error, "hark_chan_send");
}

static __attribute__((noinline)) int send_slow(hark_chan *c, const void *item)
{
    static const char call[] = "hark_chan_send";
    int error = check_item(c, item, call);

    if (error || (error = hark__enter(&c->receivers, call))) {
        return error;
    }
    hark__follow(&c->senders, &c->receivers);
    return send_one(c, item);
}

static inline bool may_enter(const hark_chan *c, const void *item)
{
    return likely(c && item && c->size && hark__may_enter(&c->receivers) &&
                  c->senders.loop == c->receivers.loop);
}

int hark_chan_send(hark_chan *c, const void *item)
{
    return may_enter(c, item) ? send_one(c, item) : send_slow(c, item);
}

static inline __attribute__((always_inline)) int recv_one(hark_chan *c, void *item)
{
    int error = recv_now(c, item);

    if (likely(!error)) {
        return hark__pass();
    }
    return likely(error == -EAGAIN) ? hark__offer_wait(&c->receivers, item, &recv_kind)
                                    : explain(error, "hark_chan_recv");
}

static __attribute__((noinline)) int recv_slow(hark_chan *c, void *item)
{
    static const char call[] = "hark_chan_recv";
    int error = check_item(c, item, call);

    if (error || (error = hark__enter(&c->receivers, call))) {
        return error;
    }
    hark__follow(&c->senders, &c->receivers);
    return recv_one(c, item);
}

int hark_chan_recv(hark_chan *c, void *item)
{
    return may_enter(c, item) ? recv_one(c, item) : recv_slow(c, item);
}

int hark_chan_try_send(hark_chan *c, const void *item)
{
    static const char call[] = "hark_chan_try_send";
    int error = check_item(c, item, call);

    if (error || (error = touch(c, call))) {
        return error;
    }
    error = send_now(c, item);
    return likely(!error) ? 0 : explain(error, call);
}

int hark_chan_try_recv(hark_chan *c, void *item)
{
    static const char call[] = "hark_chan_try_recv";
    int error = check_item(c, item, call);

    if (error || (error = touch(c, call))) {
        return error;
    }
    error = recv_now(c, item);
    return likely(!error) ? 0 : explain(error, call);
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static int check_case(hark_case *k, const char *call)
{
    int error = check_item(k->object, k->item, call);

    return error ? error : touch(k->object, call);
}

static bool send_is_due(hark_case *k)
{
    return may_send(k->object, &k->in.waiter);
}

static bool recv_is_due(hark_case *k)
{
    return may_receive(k->object, &k->in.waiter);
}

static bool send_ready(hark_case *k)
{
    k->result = send_now(k->object, k->item);
    return k->result != -EAGAIN;
}

static bool recv_ready(hark_case *k)
{
    k->result = recv_now(k->object, k->item);
    return k->result != -EAGAIN;
}

/* Bound: then it was initialised, too. */
static bool is_sound(const hark_case *k, uint32_t loop)
{
    const hark_chan *c = k->object;

    return likely(c && k->item && c->receivers.loop == loop && c->senders.loop == loop);
}

static bool send_is_idle(const hark_case *k)
{
    const hark_chan *c = k->object;

    return likely(c->used == c->capacity && !c->receivers.first && c->open_senders &&
                  c->open_receivers);
}

/* A select may have many of these: no more branches than need be. */
static bool recv_is_idle(const hark_case *k)
{
    const hark_chan *c = k->object;
    const void *sender = planted(chan_select_passes_over_a_sender) ? NULL : c->senders.first;

    return likely(!(c->used | (uintptr_t)sender) && c->open_senders && c->open_receivers);
}

static hark_case *look_at_sends(hark_case *k, struct hark__look *look)
{
    return hark__look_at_row(k, look, is_sound, send_is_idle);
}

static hark_case *look_at_recvs(hark_case *k, struct hark__look *look)
{
    return hark__look_at_row(k, look, is_sound, recv_is_idle);
}

static void explain_case(hark_case *k, const char *call)
{
    explain(k->result, call);
}

static const struct hark__case_kind on_send = {
    .what = "a channel to take an item",
    .check = check_case,
    .look = look_at_sends,
    .ready = send_ready,
    .list = offsetof(hark_chan, senders),
    .there = send_is_due,
    .stands = hark__case_stands_in_list,
    .explain = explain_case,
};
static const struct hark__case_kind on_recv = {
    .what = "an item of a channel",
    .check = check_case,
    .look = look_at_recvs,
    .ready = recv_ready,
    .list = offsetof(hark_chan, receivers),
    .there = recv_is_due,
    .stands = hark__case_stands_in_list,
    .explain = explain_case,
};

hark_case hark_on_send(hark_chan *c, const void *item)
{
    return (hark_case){.kind = &on_send, .object = c, .item = (void *)item};
}

hark_case hark_on_recv(hark_chan *c, void *item)
{
    return (hark_case){.kind = &on_recv, .object = c, .item = item};
}

/* ---- ends ------------------------------------------------------------------------------------ */

static int add_end(int32_t *ends, const char *call)
{
    if (!*ends) {
        return explain(-EBADF, call);
    }
    if (*ends == INT32_MAX) {
        return hark__fail(-EOVERFLOW, call, "%d ends are open already", *ends);
    }
    ++*ends;
    return 0;
}

int hark_chan_add_sender(hark_chan *c)
{
    static const char call[] = "hark_chan_add_sender";
    int error = touch(c, call);

    return error ? error : add_end(&c->open_senders, call);
}

int hark_chan_add_receiver(hark_chan *c)
{
    static const char call[] = "hark_chan_add_receiver";
    int error = touch(c, call);

    return error ? error : add_end(&c->open_receivers, call);
}

int hark_chan_close_sender(hark_chan *c)
{
    static const char call[] = "hark_chan_close_sender";
    int error = touch(c, call);

    if (error || !c->open_senders) {
        return error ? error : explain(-EBADF, call);
    }
    c->open_senders = planted(chan_one_end_closes_all) ? 0 : c->open_senders - 1;
    if (c->open_senders == 0) {
        if (planted(chan_end_drops_what_is_buffered)) {
            c->first = c->used = 0;
        }
        hark__wake_everyone(&c->receivers, -ENODATA);
        hark__wake_everyone(&c->senders, -EBADF);
    }
    return 0;
}

int hark_chan_close_receiver(hark_chan *c)
{
    static const char call[] = "hark_chan_close_receiver";
    int error = touch(c, call);

    if (error || !c->open_receivers) {
        return error ? error : explain(-EBADF, call);
    }
    if (--c->open_receivers == 0) {
        c->first = c->used = 0;
        if (!planted(chan_close_forgets_senders)) {
            hark__wake_everyone(&c->senders, -EPIPE);
        }
        hark__wake_everyone(&c->receivers, -EBADF);
    }
    return 0;
}

/* ---- from init to free ----------------------------------------------------------------------- */

int hark_chan_init(hark_chan *c, size_t size, size_t capacity)
{
    static const char call[] = "hark_chan_init";
    unsigned char *buffer = NULL;
    ptrdiff_t bytes;

    if (!c || !size) {
        return hark__fail(-EINVAL, call, c ? "items of 0 bytes" : "the channel is NULL");
    }
    if (size > UINT32_MAX || capacity > UINT32_MAX || __builtin_mul_overflow(size, capacity, &bytes)) {
        return hark__fail(
            -EINVAL, call,
            "%zu items of %zu bytes are more than a channel can have; for any number of them use an unbounded hark_queue",
            capacity, size);
    }
    if (capacity && !(buffer = hark__alloc((size_t)bytes))) {
        return hark__fail(-ENOMEM, call, "no memory for %zu items of %zu bytes", capacity, size);
    }
    *c = (hark_chan){.buffer = buffer,
                     .size = (uint32_t)size,
                     .capacity = (uint32_t)capacity,
                     .open_senders = 1,
                     .open_receivers = 1};
    return 0;
}

int hark_chan_free(hark_chan *c)
{
    static const char call[] = "hark_chan_free";
    int error = touch(c, call);

    if (error) {
        return error;
    }
    if (c->senders.count || c->receivers.count) {
        return hark__fail(-EBUSY, call,
                          "%u still wait to send and %u to receive; close both sides first",
                          c->senders.count, c->receivers.count);
    }
    hark__free(c->buffer, (size_t)c->size * c->capacity);
    *c = (hark_chan){0};
    return 0;
}

hark_chan_stats hark_chan_statistics(const hark_chan *c)
{
    if (!c) {
        return (hark_chan_stats){0};
    }
    return (hark_chan_stats){c->used,
                             c->capacity,
                             c->open_senders,
                             c->open_receivers,
                             hark__tasks_in(&c->senders),
                             hark__tasks_in(&c->receivers)};
}
