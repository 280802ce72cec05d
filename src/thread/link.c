/* SPDX-License-Identifier: MIT
 *
 * link.c - items from loop to loop; hark/link.h has the promises.
 *
 * Idea     A hark_chan under a lock, with crowds (meet.h) for its lists. Whoever comes does at
 *          once, under the lock, all that its coming makes possible, for the one other whom it
 *          meets, too; that one is answered when the lock is free again.
 * Rules    Y1  Nobody waits to receive while there is an item, nor to send while there is a place
 *              or a receiver that waits.
 *          Y2  Nobody waits on a side without an open end, nor for a side without one.
 *          Y3  After its answer a call does not look at the link again: it may be freed by then.
 * Not here Who waits, and how: meet.c.
 */
#include <hark/link.h>
#include <hark/time.h>
#include <string.h>

#include "thread/meet.h"

/* ---- words ----------------------------------------------------------------------------------- */

static int check(const hark_link *l, const char *call)
{
    if (!l) {
        return hark__fail(-EINVAL, call, "the link is NULL");
    }
    return l->size ? 0
                   : hark__fail(-EINVAL, call,
                                "the link was not initialised, or was freed: see hark_link_init");
}

static int check_item(const hark_link *l, const void *item, const char *call)
{
    int error = check(l, call);

    if (error || item) {
        return error;
    }
    return hark__fail(-EINVAL, call, "the item is NULL; it needs %u bytes", l->size);
}

/* Why it did not happen, in words. */
static int explain(int code, const char *call)
{
    switch (code) {
    case -EPIPE:
        return hark__fail(code, call, "no receiver of the link is open any more: not sent");
    case -ENODATA:
        return hark__fail(code, call,
                          "no sender of the link is open any more, and nothing is left in it");
    case -EBADF:
        return hark__fail(
            code, call,
            "this side of the link is closed: each hark_link_close_... closes one end, and hark_link_add_... opens one only while another is open");
    default: return code;
    }
}

/* ---- items, under the lock ------------------------------------------------------------------- */

static unsigned char *at(const hark_link *l, size_t index)
{
    return l->buffer + (index < l->capacity ? index : index - l->capacity) * l->size;
}

static void append(hark_link *l, const void *item)
{
    memcpy(at(l, (size_t)l->first + l->used), item, l->size);
    l->used++;
}

static void take_oldest(hark_link *l, void *place)
{
    memcpy(place, at(l, l->first), l->size);
    l->first = l->first + 1 < l->capacity ? l->first + 1 : 0;
    l->used--;
}

/* 0: sent, *met (or NULL) is to be answered. -EAGAIN: it would have to wait. */
static int send_now(hark_link *l, void *item, struct hark__party **met)
{
    if (!l->open_senders || !l->open_receivers) {
        return l->open_senders ? -EPIPE : -EBADF;
    }
    if ((*met = hark__crowd_take(&l->receivers, 0))) {
        memcpy((*met)->item, item, l->size);
        return 0;
    }
    if (l->used < l->capacity) {
        append(l, item);
        return 0;
    }
    return -EAGAIN;
}

static int recv_now(hark_link *l, void *place, struct hark__party **met)
{
    if (!l->open_receivers) {
        return -EBADF;
    }
    if (l->used) {
        take_oldest(l, place);
        if (!planted(link_place_is_given_to_nobody) && (*met = hark__crowd_take(&l->senders, 0))) {
            append(l, (*met)->item);
        }
        return 0;
    }
    if ((*met = hark__crowd_take(&l->senders, 0))) {
        memcpy(place, (*met)->item, l->size);
        return 0;
    }
    return l->open_senders ? -EAGAIN : -ENODATA;
}

/* ---- sending and receiving ------------------------------------------------------------------- */

struct way {
    const char *call, *what;
    int (*now)(hark_link *l, void *item, struct hark__party **met);
    struct hark_crowd *(*crowd)(hark_link *l);
};

static struct hark_crowd *senders_of(hark_link *l)
{
    return &l->senders;
}

static struct hark_crowd *receivers_of(hark_link *l)
{
    return &l->receivers;
}

static const struct way sending = {"hark_link_send", "a link to take an item", send_now, senders_of};
static const struct way receiving = {"hark_link_recv", "an item of a link", recv_now, receivers_of};

static int pass(hark_link *l, void *item, const struct way *way)
{
    int error = check_item(l, item, way->call);
    struct hark__party *met = NULL;

    if (error || (error = hark__party_enter(way->call))) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    error = way->now(l, item, &met);
    if (error == -EAGAIN) {
        struct hark__party self = {.item = item, .what = way->what, .where = l};
        return explain(hark__party_wait(&self, way->crowd(l), &l->lock, HARK_FOREVER), way->call);
    }
    pthread_mutex_unlock(&l->lock);
    if (met) {
        hark__party_answer(met);
    }
    if (error) {
        return explain(error, way->call);
    }
    return hark__here && hark__here->runs ? hark__pass() : 0;
}

int hark_link_send(hark_link *l, const void *item)
{
    return pass(l, (void *)item, &sending);
}

int hark_link_recv(hark_link *l, void *item)
{
    return pass(l, item, &receiving);
}

static int try_pass(hark_link *l, void *item, const struct way *way, const char *call)
{
    int error = check_item(l, item, call);
    struct hark__party *met = NULL;

    if (error) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    error = way->now(l, item, &met);
    pthread_mutex_unlock(&l->lock);
    if (met) {
        hark__party_answer(met);
    }
    return explain(error, call);
}

int hark_link_try_send(hark_link *l, const void *item)
{
    return try_pass(l, (void *)item, &sending, "hark_link_try_send");
}

int hark_link_try_recv(hark_link *l, void *item)
{
    return try_pass(l, item, &receiving, "hark_link_try_recv");
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Under the lock. */
static int add_end(int32_t *ends)
{
    if (!*ends || *ends == INT32_MAX) {
        return *ends ? -EOVERFLOW : -EBADF;
    }
    ++*ends;
    return 0;
}

static int add(hark_link *l, bool sender, const char *call)
{
    int error = check(l, call);

    if (error) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    error = add_end(sender ? &l->open_senders : &l->open_receivers);
    pthread_mutex_unlock(&l->lock);
    return error == -EOVERFLOW ? hark__fail(error, call, "%d ends are open already", INT32_MAX)
                               : explain(error, call);
}

int hark_link_add_sender(hark_link *l)
{
    return add(l, true, "hark_link_add_sender");
}

int hark_link_add_receiver(hark_link *l)
{
    return add(l, false, "hark_link_add_receiver");
}

int hark_link_close_sender(hark_link *l)
{
    static const char call[] = "hark_link_close_sender";
    struct hark__party *receivers = NULL, *senders = NULL;
    int error = check(l, call);

    if (error) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    error = l->open_senders ? 0 : -EBADF;
    if (!error && --l->open_senders == 0) {
        receivers = hark__crowd_take_all(&l->receivers, -ENODATA);
        senders = hark__crowd_take_all(&l->senders, -EBADF);
    }
    pthread_mutex_unlock(&l->lock);
    hark__party_answer_all(receivers);
    hark__party_answer_all(senders);
    return explain(error, call);
}

int hark_link_close_receiver(hark_link *l)
{
    static const char call[] = "hark_link_close_receiver";
    struct hark__party *receivers = NULL, *senders = NULL;
    int error = check(l, call);

    if (error) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    error = l->open_receivers ? 0 : -EBADF;
    if (!error && --l->open_receivers == 0) {
        l->first = l->used = 0;
        if (!planted(link_close_forgets_senders)) {
            senders = hark__crowd_take_all(&l->senders, -EPIPE);
        }
        receivers = hark__crowd_take_all(&l->receivers, -EBADF);
    }
    pthread_mutex_unlock(&l->lock);
    hark__party_answer_all(senders);
    hark__party_answer_all(receivers);
    return explain(error, call);
}

/* ---- from init to free ----------------------------------------------------------------------- */

int hark_link_init(hark_link *l, size_t size, size_t capacity)
{
    static const char call[] = "hark_link_init";
    unsigned char *buffer = NULL;
    ptrdiff_t bytes;

    if (!l || !size) {
        return hark__fail(-EINVAL, call, l ? "items of 0 bytes" : "the link is NULL");
    }
    if (size > UINT32_MAX || capacity > UINT32_MAX || __builtin_mul_overflow(size, capacity, &bytes)) {
        return hark__fail(-EINVAL, call, "%zu items of %zu bytes are more than a link can have",
                          capacity, size);
    }
    if (capacity && !(buffer = hark__alloc((size_t)bytes))) {
        return hark__fail(-ENOMEM, call, "no memory for %zu items of %zu bytes", capacity, size);
    }
    *l = (hark_link){.lock = PTHREAD_MUTEX_INITIALIZER,
                     .buffer = buffer,
                     .size = (uint32_t)size,
                     .capacity = (uint32_t)capacity,
                     .open_senders = 1,
                     .open_receivers = 1};
    return 0;
}

int hark_link_free(hark_link *l)
{
    static const char call[] = "hark_link_free";
    int error = check(l, call);

    if (error) {
        return error;
    }
    pthread_mutex_lock(&l->lock);
    uint32_t senders = l->senders.count, receivers = l->receivers.count;
    pthread_mutex_unlock(&l->lock);
    if (senders || receivers) {
        return hark__fail(-EBUSY, call,
                          "%u still wait to send and %u to receive; close both sides first",
                          senders, receivers);
    }
    hark__free(l->buffer, (size_t)l->size * l->capacity);
    *l = (hark_link){.size = 0};
    return 0;
}

hark_link_stats hark_link_statistics(hark_link *l)
{
    hark_link_stats stats = {0};

    if (!l || !l->size) {
        return stats;
    }
    pthread_mutex_lock(&l->lock);
    stats = (hark_link_stats){.used = l->used,
                              .capacity = l->capacity,
                              .senders = l->open_senders,
                              .receivers = l->open_receivers,
                              .waiting_send = (int)l->senders.count,
                              .waiting_recv = (int)l->receivers.count};
    pthread_mutex_unlock(&l->lock);
    return stats;
}
