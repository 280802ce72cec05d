/* SPDX-License-Identifier: MIT
 *
 * local_model.c - values bound by tasks that come and go in every order.
 *
 * Idea     Everybody knows what it must see: its own binding, or else that of the place where it
 *          hangs. They look at every turn, while others bind, unbind, end and are cancelled.
 * Rules    1  What is seen holds whatever fault there is: binding needs no memory, and is not
 *             cancelled.
 *          2  Who has bound unbinds on every way out.
 */
#include <hark.h>
#include <hark/local.h>

#include "stage.h"

static hark_local key = HARK_LOCAL_INIT(NULL);
static char outer, inner, own;

static void sees(const void *value)
{
    MUST(hark_local_get(&key) == value);
}

static void bind_it(hark_binding *b, void *value)
{
    MUST(hark_local_bind(b, &key, value) == 0);
    sees(value);
}

static void unbind(hark_binding *b, const void *before)
{
    MUST(hark_local_unbind(b) == 0);
    sees(before);
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    return 0;
}

/* ---- side by side and below each other ------------------------------------------------------- */

static int look(void *value)
{
    sees(value);
    nap();
    sees(value);
    return 0;
}

static int bind_for_ones_own(void *value)
{
    hark_binding b;
    hark_group mine;

    sees(&outer);
    bind_it(&b, value);
    MUST(hark_group_open(&mine) == 0);
    WANT(hark_go(&mine, look, value) > 0);
    nap();
    sees(value);
    int rc = hark_group_close(&mine, 0);
    unbind(&b, &outer);
    return rc;
}

/* Finds: a child that sees what its parent or sibling binds later, or nothing; a look-up that ends
 * at its task, or does not end at the innermost. */
MODEL(local_each_sees_what_is_bound_where_it_hangs)
{
    hark_binding around, later;

    bind_it(&around, &outer);
    open_stage();
    first = go(bind_for_ones_own, &inner);
    go(cancel_first, NULL);
    bind_it(&later, &own);
    nap();
    unbind(&later, &outer);
    int rc = hark_group_close(&group, 0);
    unbind(&around, NULL);
    return rc;
}

/* ---- a task that moves ----------------------------------------------------------------------- */

static int move(void *unused)
{
    (void)unused;
    sees(&own);
    nap();
    sees(&own);
    bool stays = hark_checkpoint() == -ECANCELED;
    hark_started(0);
    stays = stays && hark_local_get(&key) == &own; /* unless the group was cancelled, too */
    sees(stays ? &own : &outer);
    nap();
    sees(stays ? &own : &outer);
    return 0;
}

static int start(void *unused)
{
    hark_binding b;

    (void)unused;
    bind_it(&b, &own);
    hark_task task = hark_start(&group, move, NULL, NULL);
    unbind(&b, &outer);
    WANT(task > 0 || task == -ECANCELED || task == -EINVAL);
    return task == -ECANCELED ? -ECANCELED : 0;
}

/* Finds: a task that goes on looking into the frame of who has started it. */
MODEL(local_started_task_sees_what_is_bound_around_its_group)
{
    hark_binding around;

    bind_it(&around, &outer);
    open_stage();
    first = go(start, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    unbind(&around, NULL);
    return rc;
}

/* ---- out of order ---------------------------------------------------------------------------- */

static int unbind_out_of_order(void *unused)
{
    hark_binding b, c;
    hark_scope scope;

    (void)unused;
    bind_it(&b, &inner);
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    bind_it(&c, &own);
    nap();
    MUST(hark_local_unbind(&b) == -EINVAL);
    sees(&own);
    MUST(hark_checkpoint() == -ECANCELED);
    unbind(&c, &outer);
    int rc = (int)hark_scope_close(&scope, hark_sleep(1));
    MUST(rc == 0 || rc == -ECANCELED);
    MUST(hark_local_unbind(&b) == 0); /* again, in its place */
    sees(&outer);
    return rc;
}

/* What is bound inside a scope that is closed goes on without it, and uncancelled. */
static int close_around_a_binding(void *unused)
{
    hark_binding b;
    hark_scope scope;

    (void)unused;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    bind_it(&b, &inner);
    nap();
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    MUST(hark_scope_close(&scope, 0) == -EINVAL);
    sees(&inner);
    MUST((hark_checkpoint() == -ECANCELED) == was_cancelled);
    unbind(&b, &outer);
    MUST(hark_scope_close(&scope, 0) == 0); /* again, in its place */
    return hark_sleep(1);
}

/* Finds: a binding that is left in the chain, or is cancelled with the scopes around it. */
MODEL(local_unbound_out_of_order_against_cancel)
{
    hark_binding around;

    bind_it(&around, &outer);
    open_stage();
    first = go(unbind_out_of_order, NULL);
    go(cancel_first, NULL);
    go(close_around_a_binding, NULL);
    int rc = hark_group_close(&group, 0);
    unbind(&around, NULL);
    return rc;
}
