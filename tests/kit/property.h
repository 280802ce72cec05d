/* SPDX-License-Identifier: MIT
 *
 * property.h - random programs over a primitive, and what must be true of each.
 *
 *     PROPERTY(sem, "what it finds") { ... }     see tests/sync/property_model.c
 *
 * Idea     Some players, tasks of one group, do some operations each: they wait, with and without a
 *          deadline, try, release, cancel one another. Which ones is chosen by hark_test_choose,
 *          all of it before the first one runs, in places that are always the same. So a program
 *          is the first part of a schedule's trace: the explorer draws it, replays it from its
 *          trace, and, since choice 0 is "nothing" everywhere, makes it short like any other: an
 *          operation less is a choice less. There is no second mechanism.
 * Rules    1  What a primitive is made of stands in one `struct property`: its verbs, what waits,
 *             what it must hold at rest. All that is said of every primitive stands in property.c.
 *          2  A verb keeps its own books and checks them with MUST as soon as it has returned. It
 *             makes one call of the primitive, or none where that would be misuse: SKIPPED.
 *          3  A verb that waits says in which line it stands: a bit. Whoever is served has nobody
 *             before him in his line.
 *          4  What a player holds it gives back when it goes home, cancelled or not.
 */
#ifndef HARK_TESTS_PROPERTY_H
#define HARK_TESTS_PROPERTY_H

#include <hark.h>

#include "model.h"

enum { PLAYERS = 4, OPERATIONS = 4, ITEMS = 64, SKIPPED = INT_MIN };

struct hark__task;

struct player {
    int which, has; /* has: how much it holds, of whatever it is */
    int last;       /* the last item that it was given */
    int slot;       /* of the primitive's own */
    unsigned lines; /* it stands in; set from its verb, and the verb may say it better */
    /* The driver's. */
    struct hark__task *task;
    hark_task id;
    hark_scope scope;
    bool open, told, home; /* its scope; its task was cancelled; it has ended */
    int ticket;            /* of the present call; 0: in none */
    bool waits;            /* ... which may wait */
};

struct verb {
    const char *name;
    int (*call)(struct player *me, int number); /* number: 0 to 3; < 0: it was not served */
    bool waits;                                 /* a checkpoint */
    unsigned lines;
};

struct property {
    const char *name;
    const struct verb *verbs;         /* a nameless one ends them */
    int variants;                     /* capacities and the like */
    int (*begin)(int variant);        /* 0 or -ENOMEM */
    void (*leave)(struct player *me); /* NULL: nothing is ever held */
    int (*waiting)(void);             /* what the statistics say */
    void (*rest)(void);               /* nothing moves: what must be true then? NULL: no more */
    void (*end)(void);                /* all are at home, and what there was is put away */
    bool many;                        /* one task may stand in several lists */
};

int property_play(const struct property *property);

/* How many operations the program of a trace has, and how many choices the trace in all. */
int property_operations(const char *trace);

#define PROPERTY(which) \
    MODEL(property_##which, .strategy = HARK_EXPLORE_RANDOM, .schedules = 5000, .seed = 1) \
    { \
        return property_play(&property_of_##which); \
    }

/* ---- items: each is got once, if it was sent, and never if it was not -------------------------- */

int property_item_offered(void);           /* a new one's number; -1: no more */
void property_item_sent(int item, int rc); /* what the call that offered it has said */
void property_item_got(struct player *me, int item, bool in_order);
void property_items_dropped(int count); /* of those that were in */
void property_items_end(int left);      /* ... at the end, so many are still in */

#endif
