/* SPDX-License-Identifier: MIT
 *
 * hark/local.h - values that a task and all that it starts can see.
 *
 * A value is bound to a key for as long as some code of one task runs, and is seen by that code, by
 * what it calls, and by every task of the groups opened inside: a request's id, say, that no call
 * on the way should have to hand on. Nothing is allocated and nothing copied: the binding lives in
 * the caller's frame, and those who see it end before it does. A value is never changed, only bound
 * anew further inside; so what a task binds is not seen by those around it.
 *
 *     static hark_local request = HARK_LOCAL_INIT(NULL);
 *
 *     hark_binding b;
 *     hark_local_bind(&b, &request, r);
 *     int rc = serve();                   here hark_local_get(&request) is r, in all of its tasks
 *     hark_local_unbind(&b);
 *
 * A task sees what is bound where it hangs: where its group was opened, not where it was spawned.
 * So what is bound after a group was opened is not seen by the group's tasks: bind first. A task of
 * hark_start hangs with its starter until it calls hark_started, and then with its group.
 */
#ifndef HARK_LOCAL_H
#define HARK_LOCAL_H

#include <hark/base.h>
#include <hark/scope.h>

HARK_BEGIN

/* A key: its address is what counts, so let it be static. */
typedef struct hark_local {
    /* private */
    void *value; /* where nothing is bound to it */
} hark_local;
/* clang-format off */
#define HARK_LOCAL_INIT(value) {(value)}
/* clang-format on */

typedef struct hark_binding {
    /* private */
    hark_scope place; /* on the way outwards, beside scopes and groups */
    const hark_local *key;
    void *value;
} hark_binding;

/* hark_local_get - what was bound to the key last, seen from the calling task outwards; the key's
 * default where nothing was, and outside any task. NULL for a key that is NULL.
 *
 * Never blocks. Costs a step for each scope, group and task on the way outwards to the binding: a
 * dozen or so; keep the value where that is too many. A thread that works for a task is none: ask
 * before. Source: contextvars' get, Java's ScopedValue. */
HARK_API void *hark_local_get(const hark_local *key);

/* hark_local_bind - from here on until b is unbound the key has this value, for the calling task and
 * all groups opened inside. What b held before does not matter; the value may be anything, also
 * NULL.
 *
 * Never blocks, never fails for want of memory; also in a cancelled scope. Returns 0; -EINVAL
 * (NULL); -EALREADY (b is bound already); -ENOTSUP outside a task. Source: ScopedValue.where. */
HARK_API int hark_local_bind(hark_binding *b, const hark_local *key, void *value);

/* hark_local_unbind - the key has again the value that it had before. Only the task that bound it
 * may, innermost first, on every way out of the body.
 *
 * Never blocks; also in a cancelled scope. Returns 0; -EINVAL (NULL; not bound; not the innermost:
 * then it is unbound all the same, scopes and groups that are open inside are cancelled, and
 * unbinding it again in its proper place is silent); -EPERM (another task's); -EXDEV (no loop). */
HARK_API int hark_local_unbind(hark_binding *b);

HARK_END
#endif
