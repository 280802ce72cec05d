/* SPDX-License-Identifier: MIT
 *
 * sync.h - the door of the room `sync`: its public headers, and what its files share. Other rooms
 * take from here what makes a primitive of theirs one like ours: io waits for a child with the place
 * for its status in hand, and has a case of a select.
 */
#ifndef HARK_SYNC_SYNC_H
#define HARK_SYNC_SYNC_H

#include <hark/event.h>
#include <hark/flag.h>
#include <hark/future.h>
#include <hark/select.h>
#include <hark/watch.h>
#include <string.h>

#include "core/core.h"

/* ---- waiting with something in one's hands ---------------------------------------------------
 *
 * Whoever waits to send has an item, whoever waits to receive has a place for one. It is moved by
 * whoever wakes, before the waiter is woken: the two are one act. A task has it on its stack, but in
 * no frame (hark__hands_of), so that the call can end with the wait, in a tail call; a case of a
 * select, beside its waiter. A channel need not know which of them it meets.
 */

/* Stand at the end of the list, and park. */
static inline __attribute__((always_inline)) int hark__offer_wait(struct hark_waitlist *list,
                                                                  void *item,
                                                                  const struct hark__wait_kind *kind)
{
    *hark__hands_of(hark__here->running, __builtin_frame_address(0)) = item;
    return hark__wait(list, kind);
}

/* Of a task that waits so, or of a case. */
static inline void *hark__offer_item(const struct hark_waiter *waiter)
{
    if (likely((waiter->owner & OWNER_KIND) == OWNER_TASK)) {
        const hark__task *task = hark__owner_of(waiter);
        return *hark__hands_of(task, task->sp);
    }
    return container_of(waiter, hark_case, in.waiter)->item;
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

/* A primitive belongs to the loop of the list that it begins with; another list of it follows. */
static inline void hark__follow(struct hark_waitlist *list, const struct hark_waitlist *first)
{
    if (unlikely(list->loop != first->loop)) {
        *list = (struct hark_waitlist){.loop = first->loop};
    }
}

/* ---- cases of a select ----------------------------------------------------------------------- */

/* What a case of a select is: one constant for each kind, in its primitive's file. */
struct hark__case_kind {
    const char *what;                             /* "an event": for reports */
    int (*check)(hark_case *c, const char *call); /* may it be waited for here? 0 or -errno */
    /* It happens now: with its effect, and c->result. */
    bool (*ready)(hark_case *c);
    int (*join)(struct hark_loop *loop, hark_case *c);
    void (*leave)(struct hark_loop *loop, hark_case *c);
    /* For the audit, of a case that waits: could it happen? Without an effect. NULL: `ready` has
     * none, so it can be asked. */
    bool (*there)(hark_case *c);
    void (*stands)(const struct hark__task *task, const hark_case *c, struct hark__audit *audit);
    /* More words for reports; NULL: where its object is. */
    void (*describe)(const hark_case *c, struct hark__text *text);
    /* Words for its result, which is a failure; NULL: they are recorded by then. */
    void (*explain)(hark_case *c, const char *call);
    /* Who alone can make it happen; NULL: nobody in particular. */
    const struct hark__task *(*holder)(const hark_case *c);
    bool confirm; /* being woken is but a hint: ask `ready` */
};

/* For those that wait in the list that their object begins with. */
int hark__case_check_list(hark_case *c, const char *call);
int hark__case_join_list(struct hark_loop *loop, hark_case *c);
void hark__case_leave_list(struct hark_loop *loop, hark_case *c);
void hark__case_stands_in_list(const struct hark__task *task, const hark_case *c,
                               struct hark__audit *audit);

/* May one wait for a set since then? 0 or -EINVAL. */
int hark__flag_check_since(const hark_flag *f, uint64_t generation, const char *call);

/* Arm a watch on a list of waiters; it runs soon if `ready`. */
int hark__watch_list(struct hark_waitlist *list, bool ready, hark_watch *watch, hark_callback *fn,
                     void *arg, unsigned state, const char *call);

#endif
