/* SPDX-License-Identifier: MIT
 *
 * offer.h - for the files of this room that wait with something in their hands; see offer.c.
 *
 * Why here A function that has put a task to sleep returns to where the predictor of returns does not
 *          expect it, some 5 ns each time. This one needs its frame and so cannot end in a tail call;
 *          inlined it has no return of its own.
 */
#ifndef HARK_SYNC_OFFER_H
#define HARK_SYNC_OFFER_H

#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

/* Stand at the end of the list, and park. The kind's leave, chosen and stands are those of sync.h. */
static inline __attribute__((always_inline)) int hark__offer_wait(struct hark_waitlist *list,
                                                                  void *item,
                                                                  const struct hark__wait_kind *kind)
{
    hark__task *self = hark__here->running;
    struct hark__offer offer = {.waiter.owner = (uintptr_t)self | OWNER_CASE, .item = item};

    hark__list_add(list, &offer.waiter);
    self->in.waiter.next = &offer.waiter;
    return hark__park(kind);
}

static inline void *hark__offer_item(struct hark_waiter *waiter)
{
    return container_of(waiter, struct hark__offer, waiter)->item;
}

/* Pointers and numbers without a call. */
static inline void hark__item_move(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        memcpy(to, &word, sizeof word);
    } else {
        memmove(to, from, size);
    }
}

#endif
