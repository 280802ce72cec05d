/* SPDX-License-Identifier: MIT
 *
 * cancel.c - what a cancellation reaches.
 *
 * Idea     Scopes, groups and tasks form one tree of levels. A level is reached when it was
 *          cancelled itself, or when the level around it is reached and no shield of its own keeps
 *          that out. Each level keeps that one bit, so that a checkpoint reads a word and nothing
 *          more. Whenever something changes (a cancel, a deadline, a shield, a task that moves),
 *          the bit is carried down to all levels inside.
 *
 *              root - main's base - scope - group -+- (the opener's next scope ...)
 *                                                  +- child's base - scope ...
 *                                                  +- child's base
 *
 * Rules    C1  level REACHED == CANCELLED or (not SHIELD and outer is REACHED); after a deadlock
 *              shields do not count.
 *          C2  A task is parked cancellably only while its innermost level is not reached: the
 *              moment the bit appears there, the task leaves its wait with -ECANCELED. Waits that
 *              must not be cut short do not notice.
 *          C3  Carrying down is a walk without recursion and without memory: children of a group
 *              first, then the opener's inner level; the way back up is read from the tree itself.
 * Not here Which code a scope makes of it at its end: scope.c.
 */
#include "core/core.h"

hark__task *hark__level_task(const struct hark_level *level)
{
    if (level->flags & LEVEL_BASE) {
        return container_of(level, hark__task, base);
    }
    return ((const hark_scope *)level)->task;
}

static bool is_reached(const hark_loop *loop, const struct hark_level *level)
{
    if (level->flags & LEVEL_CANCELLED || loop->cancelled_all) {
        return true;
    }
    bool shielded = level->flags & LEVEL_SHIELD && !planted(shield_is_ignored);
    return !shielded && level->outer && level->outer->flags & LEVEL_REACHED;
}

/* The innermost level of a task is reached: if the task waits, it does so no longer. */
static void deliver(hark_loop *loop, hark__task *task)
{
    if (planted(cancel_takes_a_wakeup_back) && task->state == TASK_READY) {
        task->result = -ECANCELED;
    }
    if (planted(woken_twice) && task->state == TASK_READY) {
        hark__ready(loop, task, -ECANCELED);
    }
    if (task->state == TASK_PARKED && task->wait->leave) {
        task->wait->leave(task);
        hark__ready(loop, task, -ECANCELED);
    }
}

/* Set the bit as rule C1 says. Does anything inside need to know? */
static bool update(hark_loop *loop, struct hark_level *level)
{
    uint32_t bit = is_reached(loop, level) ? LEVEL_REACHED : 0;

    if ((level->flags & LEVEL_REACHED) == bit) {
        return false;
    }
    level->flags ^= LEVEL_REACHED;
    if (bit && level->flags & LEVEL_GROUP) {
        hark__group_cancel_starts(loop, (hark_group *)level);
    }
    if (bit && !level->inner && !(level->flags & LEVEL_ROOT)) {
        deliver(loop, hark__level_task(level));
    }
    return true;
}

static struct hark_level *first_child(const struct hark_level *level)
{
    return level->flags & LEVEL_GROUP && ((const hark_group *)level)->first
               ? &((const hark_group *)level)->first->base
               : NULL;
}

/* The next level after all that is inside `level` has been seen, without leaving `top`; NULL: that
 * was all. */
static struct hark_level *after(const struct hark_level *level, const struct hark_level *top)
{
    while (level != top) {
        struct hark_level *outer = level->outer;
        if (level->flags & LEVEL_BASE && outer->flags & LEVEL_GROUP) {
            hark__task *next = container_of(level, hark__task, base)->next;
            if (next != ((hark_group *)outer)->first) {
                return &next->base;
            }
            if (outer->inner && !planted(walk_skips_the_opener)) {
                return outer->inner;
            }
        }
        level = outer;
    }
    return NULL;
}

static struct hark_level *first_inside(const struct hark_level *level)
{
    struct hark_level *child = first_child(level);
    return child ? child : level->inner;
}

struct hark_level *hark__level_walk(const struct hark_level *level, const struct hark_level *top)
{
    struct hark_level *inside = first_inside(level);
    return inside ? inside : after(level, top);
}

/* What is still starting for a group that was reached stands elsewhere in the tree: it is noted by
 * the walk, and walked when that is done. */
void hark__level_refresh(hark_loop *loop, struct hark_level *top)
{
    while (top) {
        for (struct hark_level *level = top; level;) {
            struct hark_level *inside = update(loop, level) ? first_inside(level) : NULL;
            level = inside ? inside : after(level, top);
        }
        top = hark__group_next_start(loop);
    }
}

/* After a deadlock no shield keeps anything out: every level of the task is looked at, also those
 * inside one that was reached before, where a walk would turn back. */
static void update_all(hark_loop *loop, hark__task *task)
{
    for (struct hark_level *level = &task->base; level; level = level->inner) {
        update(loop, level);
    }
}

/* The root has no list of what is inside it but main: so it is done record by record. */
void hark__cancel_all(hark_loop *loop, bool shields_too)
{
    hark__task *task = NULL;

    loop->root.flags |= LEVEL_CANCELLED;
    loop->cancelled_at = hark__lint_cancelled(loop, 0);
    loop->cancelled_all = loop->cancelled_all || shields_too;
    update(loop, &loop->root);
    while ((task = hark__roster_next(loop->roster, task))) {
        if (shields_too) {
            update_all(loop, task);
        } else if (task->base.outer == &loop->root) {
            hark__level_refresh(loop, &task->base);
        }
    }
    hark__level_refresh(loop, hark__group_next_start(loop));
}
