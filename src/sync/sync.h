/* SPDX-License-Identifier: MIT
 *
 * sync.h - the door of the room `sync`: nothing but the public headers. What its files share among
 * themselves stands here too.
 */
#ifndef HARK_SYNC_SYNC_H
#define HARK_SYNC_SYNC_H

#include <hark/event.h>
#include <hark/flag.h>
#include <hark/future.h>
#include <hark/select.h>
#include <hark/watch.h>

struct hark__text;

/* A waiter that has something to give, or a place for what it gets: a blocking send or get, and a case
 * of a select (hark_case begins like this). Whoever wakes it has moved the item before. */
struct hark__offer {
    struct hark_waiter waiter;
    void *item;
};

/* For the kind of a wait by hark__offer_wait (offer.h). */
void hark__offer_leave(struct hark__task *task);
void hark__offer_chosen(struct hark__task *task, struct hark_waiter *waiter, int result);
void hark__offer_stands(const struct hark__task *task, struct hark__audit *audit);
const struct hark_waiter *hark__offer_of(const struct hark__task *task); /* a parked one's */

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
