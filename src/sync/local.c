/* SPDX-License-Identifier: MIT
 *
 * local.c - values bound to a task and all that it starts; hark/local.h has the promises.
 *
 * Idea     A binding is one more level on the way from a task outwards (core/cancel.c), of the shape
 *          of a scope and with a key and a value behind it. Children hang below the groups of the
 *          task that spawned them, so the way outwards is also the way to what they may see, and
 *          whoever sees a binding has ended before its frame is gone.
 *
 *              child's base -> group -> binding of k -> scope -> binding of k -> parent's base -> ...
 *                                       ^ this one is found
 *
 * Rules    K1  The innermost binding of a key on the way outwards is the one that is seen.
 *          K2  A binding is no scope: it has no deadline, no shield, and is never cancelled itself.
 *          K3  Unbinding out of order does what closing a scope out of order does (rule O4).
 * Not here Values by key in a table of the task: they would have to be copied at each spawn. Values
 *          for a worker thread: it may outlive the task's wait for it.
 * Sources  Java's scoped values; contextvars for what they are good for.
 */
#include <hark/local.h>

#include "core/core.h"

_Static_assert(offsetof(hark_binding, place) == 0, "a binding is a level of a scope's shape");

void *hark_local_get(const hark_local *key)
{
    const hark_loop *loop = hark__here;
    const struct hark_level *level = loop && loop->running ? loop->running->level : NULL;
    void *found = key ? key->value : NULL;

    for (; level; level = level->outer) {
        if (level->flags & LEVEL_BINDING && ((const hark_binding *)level)->key == key) {
            found = ((const hark_binding *)level)->value;
            if (!planted(local_outermost_wins)) {
                break;
            }
        }
        if (planted(local_ends_with_its_task) && level->flags & LEVEL_BASE) {
            break;
        }
    }
    return found;
}

int hark_local_bind(hark_binding *b, const hark_local *key, void *value)
{
    static const char call[] = "hark_local_bind";
    hark_loop *loop = hark__here;

    if (!b || !key) {
        return hark__fail(-EINVAL, call, "the %s is NULL", b ? "key" : "binding");
    }
    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, call, "a value is bound by a task, and there is none here");
    }
    if (unlikely(loop->running->level->flags & LEVEL_WITHIN)) {
        hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
    }
    if (hark__level_is_open(loop, &b->place.level)) {
        return hark__fail(-EALREADY, call,
                          "this binding is bound already; unbind it first, or use another");
    }
    hark__scope_begin(&b->place, loop->running, LEVEL_BINDING);
    b->key = key;
    b->value = value;
    return 0;
}

/* As check_close of a scope: the one misuse that is silent is unbinding again, now in its place, what
 * was unbound out of order. */
static int check_unbind(const hark_loop *loop, hark_binding *b, const char *call)
{
    if (!b) {
        return hark__fail(-EINVAL, call, "the binding is NULL");
    }
    if (!loop) {
        return hark__fail(
            -EXDEV, call,
            "a value is unbound by the task that bound it, and there is no loop in this thread");
    }
    struct hark_level *level = &b->place.level;
    if (hark__level_open(level)) {
        return hark__fail(-EPERM, call, "only the task that bound a value may unbind it");
    }
    bool mine = loop->running && loop->running == b->place.task;
    if (level->flags & LEVEL_MISNESTED && mine && loop->running->level == level->outer) {
        level->flags &= ~(uint32_t)LEVEL_MISNESTED;
        return 0;
    }
    return hark__fail(-EINVAL, call,
                      "this binding is not bound: it was unbound already, or never bound");
}

/* What stands inside goes on without the value. */
static int unbind_misnested(hark_loop *loop, hark_binding *b, const char *call)
{
    int count = hark__scope_cancel_inside(loop, &b->place);

    hark__scope_take_out(loop, &b->place);
    return hark__fail(
        -EINVAL, call,
        "unbound out of order: %d scope(s), group(s) or binding(s) opened inside it were still open; scopes and groups were cancelled. Close the innermost first",
        count);
}

int hark_local_unbind(hark_binding *b)
{
    static const char call[] = "hark_local_unbind";
    hark_loop *loop = hark__here;

    if (unlikely(!b || !loop || !hark__level_open(&b->place.level) || b->place.task != loop->running)) {
        return check_unbind(hark__loop_here(), b, call);
    }
    if (unlikely(loop->running->level != &b->place.level)) {
        hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
        if (!hark__level_is_open(loop, &b->place.level)) {
            return hark__fail(-EINVAL, call,
                              "this binding is not bound: it is a copy of one that is");
        }
        if (loop->running->level != &b->place.level) {
            return unbind_misnested(loop, b, call);
        }
    }
    hark__scope_end(&b->place);
    return 0;
}
