/* SPDX-License-Identifier: MIT
 *
 * ring.c - tasks that wait for each other.
 *
 * Idea     Who waits for a lock waits for its holder. Each kind of waiting that one task alone can
 *          end says so by `holder`; a select over nothing but locks says as many as it has. A caller
 *          that is about to wait for a holder follows them: it closes a ring if every way comes back
 *          to the caller, or to one that was seen before.
 * Rules    N1  There is no false alarm: whoever does something else, has a deadline, or may be woken
 *              by more than holders, ends the search.
 *          N2  The way is bounded, for a ring that a deadline was to break may have lost it since. Of
 *              waits with more than one way a few are remembered; a knot of more is not seen.
 * Not here Rings of other waits: of who reads nothing is known, and a semaphore has no holder. The
 *          wait of a condition's waiter for its lock is followed, but never refused: it is to come
 *          back with the lock. All these end with the run's report of who waits for whom.
 */
#include "sync/lock.h"

#define SEEN_MOST 16

static bool has_deadline(const hark__task *task)
{
    if (task->state == TASK_PARKED && !task->wait->leave) {
        return false; /* it cannot be cancelled */
    }
    for (const struct hark_level *level = task->level; !(level->flags & LEVEL_ROOT);
         level = level->outer) {
        bool is_scope = !(level->flags & LEVEL_BASE);
        if (is_scope && hark__timer_armed(&((const hark_scope *)level)->timer)) {
            return true;
        }
        if (level->flags & LEVEL_SHIELD) {
            break;
        }
    }
    return false;
}

/* NULL: there are not so many; or, for the first, it does not wait for holders. */
static const hark__task *way(const hark__task *task, int which)
{
    bool waits = task->state == TASK_PARKED && task->wait->holder;
    return waits ? task->wait->holder(task, which) : NULL;
}

/* As long as there is but one way: where it ends. Self, one with several ways, or NULL: somebody who
 * may go on. */
static const hark__task *follow(const hark__task *self, const hark__task *task)
{
    uint32_t left = hark__here->tasks;

    while (task != self) {
        const hark__task *next = way(task, 0);
        if (!next || has_deadline(task) || left-- == 0) {
            return NULL;
        }
        if (way(task, 1)) {
            return task;
        }
        task = next;
    }
    return self;
}

/* Those with several ways that were met. */
struct met {
    const hark__task *tasks[SEEN_MOST];
    int count;
    bool self;
};

/* False: it is no ring, or too large a one. */
static bool meet(struct met *met, const hark__task *self, const hark__task *task)
{
    task = follow(self, task);
    if (!task || task == self) {
        met->self = met->self || task;
        return task;
    }
    for (int i = 0; i < met->count; i++) {
        if (met->tasks[i] == task) {
            return true;
        }
    }
    if (met->count == SEEN_MOST) {
        return false;
    }
    met->tasks[met->count++] = task;
    return true;
}

bool hark__ring_closes(const hark__task *self, const hark__task *holder)
{
    struct met met = {.count = 0};
    const hark__task *next;

    if (!meet(&met, self, holder)) {
        return false;
    }
    for (int i = 0; i < met.count; i++) {
        for (int which = 0; (next = way(met.tasks[i], which)); which++) {
            if (!meet(&met, self, next)) {
                return false;
            }
        }
    }
    return met.self && !has_deadline(self);
}

int hark__ring_fail(const hark__task *self, const hark__task *holder, const char *call)
{
    struct hark__text text;
    char words[160];

    hark__text_to_string(&text, words, sizeof words);
    for (; holder != self && !way(holder, 1); holder = way(holder, 0)) {
        hark__task_title(holder, &text);
        hark__text_put(&text, ", which waits for ");
    }
    hark__task_title(holder, &text);
    if (holder != self) {
        hark__text_put(&text, ", which waits for several, and they all wait for ");
        hark__task_title(self, &text);
    }
    return hark__fail(-EDEADLK, call, "a ring: the lock is held by %s", words);
}
