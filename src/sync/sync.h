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

/* A look at all cases of a select: may they be waited for, and which may be ready? */
struct hark__look {
    hark_case *cases, *end;
    const char *call;
    uint32_t loop; /* its id */
    int error;
    int asked; /* how many are not idle; which, is in the `order` of the first so many cases */
};

/* What a case of a select is: one constant for each kind, in its primitive's file. */
struct hark__case_kind {
    const char *what;                             /* "an event": for reports */
    int (*check)(hark_case *c, const char *call); /* may it be waited for here? 0 or -errno */
    /* Look at c, and perhaps at those of the same kind that follow (hark__look_at_row). The next
     * one that is to be looked at; NULL: look->error. */
    hark_case *(*look)(hark_case *c, struct hark__look *look);
    /* It happens now: with its effect, and c->result. */
    bool (*ready)(hark_case *c);
    size_t list; /* where in its object the list is that it waits in */
    int (*join)(struct hark_loop *loop, hark_case *c); /* NULL: it stands in that list, that is all */
    void (*leave)(struct hark_loop *loop, hark_case *c); /* NULL: the same, if it stands there */
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

/* Of one case: it is checked, and is to be asked. */
hark_case *hark__look_at_one(hark_case *c, struct hark__look *look);

static inline void hark__look_ask(struct hark__look *look, hark_case *c)
{
    c->result = 0;
    look->cases[look->asked++].order = (int)(c - look->cases);
}

/* A kind's `look`. `sound`: `check` would find nothing wrong, and have nothing to do. `idle`, of one
 * that is sound: `ready` would find it not ready. */
static inline __attribute__((always_inline)) hark_case *hark__look_at_row(
    hark_case *c, struct hark__look *look, bool (*sound)(const hark_case *c, uint32_t loop),
    bool (*idle)(const hark_case *c))
{
    const struct hark__case_kind *kind = c->kind;
    const hark_case *end = look->end;
    uint32_t loop = look->loop;

    for (; c < end && c->kind == kind; c++) {
        if (unlikely(!sound(c, loop))) {
            return hark__look_at_one(c, look);
        }
        if (likely(idle(c))) {
            c->result = 0;
        } else {
            hark__look_ask(look, c);
        }
    }
    return c;
}

/* Of a primitive that begins with its list, for hark__case_check_list. */
static inline bool hark__case_is_sound(const hark_case *c, uint32_t loop)
{
    const struct hark_waitlist *list = c->object;

    return list && list->loop == loop;
}

/* May one wait for a set since then? 0 or -EINVAL. */
int hark__flag_check_since(const hark_flag *f, uint64_t generation, const char *call);

/* Arm a watch on a list of waiters; it runs soon if `ready`. */
int hark__watch_list(struct hark_waitlist *list, bool ready, hark_watch *watch, hark_callback *fn,
                     void *arg, unsigned state, const char *call);

#endif
