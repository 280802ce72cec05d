/* SPDX-License-Identifier: MIT
 *
 * local_test.c - values bound to a task and all that it starts.
 *
 * Idea     Each test binds in one place and looks from others: further in, further out, in children,
 *          in those that were started elsewhere, in none.
 * Not here Every order of binding, spawning and cancelling: local_model.c.
 */
#include <hark.h>
#include <hark/local.h>

#include "scene.h"

#include <setjmp.h>

static hark_local color = HARK_LOCAL_INIT("none"), shape;
static hark_binding binding, other;

static const char *seen(void)
{
    return hark_local_get(&color);
}

static void bind_it(hark_binding *b, const char *value)
{
    CHECK_EQ(hark_local_bind(b, &color, (void *)value), 0);
}

static int look(void *name)
{
    kit_log("%s:%s", (const char *)name, seen());
    return 0;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

INSIDE(local_the_default_where_nothing_is_bound)
{
    CHECK_STR(seen(), "none");
    CHECK(hark_local_get(&shape) == NULL);
    CHECK(hark_local_get(NULL) == NULL);
}

INSIDE(local_the_innermost_wins_and_comes_back)
{
    hark_binding inner;
    bind_it(&binding, "red");
    CHECK_STR(seen(), "red");
    bind_it(&inner, "blue");
    CHECK_STR(seen(), "blue");
    CHECK_EQ(hark_local_unbind(&inner), 0);
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_STR(seen(), "none");
}

INSIDE(local_keys_do_not_meet)
{
    bind_it(&binding, "red");
    CHECK_EQ(hark_local_bind(&other, &shape, NULL), 0);
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_local_unbind(&other), 0);
    CHECK_EQ(hark_local_bind(&other, &color, NULL), 0);
    CHECK(seen() == NULL);
    CHECK_EQ(hark_local_unbind(&other), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
}

INSIDE(local_is_seen_through_scopes)
{
    hark_scope scope;
    bind_it(&binding, "red");
    CHECK_EQ(hark_scope_open(&scope, HARK_MS(1)), 0);
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_within(HARK_MS(1), strcmp(seen(), "red")), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
}

/* What a wait inside finds bound is what it was, whatever others bind meanwhile. */
static int bind_and_wait(void *value)
{
    hark_binding b;
    bind_it(&b, value);
    hark_yield();
    look(value);
    CHECK_EQ(hark_local_unbind(&b), 0);
    look("out");
    return 0;
}

INSIDE(local_LL_21_tasks_side_by_side_do_not_see_each_others)
{
    hark_go(&group, bind_and_wait, "a");
    hark_go(&group, bind_and_wait, "b");
    hark_settle();
    CHECK_LOG("a:a out:none b:b out:none");
    CHECK_STR(seen(), "none");
}

/* ---- children -------------------------------------------------------------------------------- */

static int spawn_two(void *depth)
{
    const intptr_t left = (intptr_t)depth;
    hark_group inner;
    look(left ? "child" : "leaf");
    if (left) {
        CHECK_EQ(hark_group_open(&inner), 0);
        hark_go(&inner, spawn_two, (void *)(left - 1));
        CHECK_EQ(hark_group_close(&inner, 0), 0);
    }
    return 0;
}

INSIDE(local_is_seen_by_children_and_theirs)
{
    hark_group inner;
    bind_it(&binding, "red");
    CHECK_EQ(hark_group_open(&inner), 0);
    hark_go(&inner, spawn_two, (void *)2);
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("child:red child:red leaf:red");
}

INSIDE(local_a_child_binds_for_itself_and_its_own)
{
    hark_group inner;
    bind_it(&binding, "red");
    CHECK_EQ(hark_group_open(&inner), 0);
    hark_go(&inner, bind_and_wait, "blue");
    hark_settle();
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("blue:blue out:red");
}

/* It hangs in the group, and the group stands outside the binding. */
INSIDE(local_bound_after_the_group_was_opened_is_not_its_tasks)
{
    bind_it(&binding, "red");
    hark_go(&group, look, "child");
    hark_settle();
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("child:none");
}

static hark_group *target;

static int spawn_elsewhere(void *name)
{
    bind_it(&other, "blue");
    hark_go(target, look, name);
    CHECK_EQ(hark_local_unbind(&other), 0);
    return 0;
}

INSIDE(local_is_of_the_place_where_a_task_hangs_not_of_who_spawned_it)
{
    hark_group inner;
    bind_it(&binding, "red");
    CHECK_EQ(hark_group_open(&inner), 0);
    target = &inner;
    hark_go(&group, spawn_elsewhere, "child");
    hark_settle();
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("child:red");
}

static int starts(void *arg)
{
    (void)arg;
    hark_group own;
    CHECK_EQ(hark_group_open(&own), 0);
    hark_go(&own, look, "grandchild");
    hark_yield();
    look("before");
    hark_started(0);
    look("after");
    hark_go(&own, look, "grandchild");
    return hark_group_close(&own, 0);
}

INSIDE(local_of_a_started_task_is_its_starters_first_and_then_its_groups)
{
    hark_group inner;
    hark_binding starters;
    bind_it(&binding, "group's");
    CHECK_EQ(hark_group_open(&inner), 0);
    bind_it(&starters, "starter's");
    CHECK_GT(hark_start(&inner, starts, NULL, NULL), 0);
    CHECK_EQ(hark_local_unbind(&starters), 0);
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("grandchild:starter's before:starter's after:group's grandchild:group's");
}

/* ---- where there is no task ------------------------------------------------------------------ */

static void look_outside(void *name)
{
    look(name);
    CHECK_MISUSE(hark_local_bind(&other, &color, NULL), -ENOTSUP, "bound by a task");
    CHECK_MISUSE(hark_local_unbind(&other), -EINVAL, "never bound");
}

INSIDE(local_callbacks_see_the_default)
{
    hark_watch watch;
    bind_it(&binding, "red");
    CHECK_EQ(hark_call_soon(&watch, look_outside, "callback"), 0);
    hark_settle();
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_LOG("callback:none");
}

TEST(local_outside_any_loop)
{
    CHECK_STR(seen(), "none");
    CHECK_MISUSE(hark_local_bind(&binding, &color, NULL), -ENOTSUP, "hark_local_bind");
    CHECK_MISUSE(hark_local_unbind(&binding), -EXDEV, "hark_local_unbind");
    CHECK_MISUSE(hark_local_bind(NULL, &color, NULL), -EINVAL, "binding is NULL");
    CHECK_MISUSE(hark_local_unbind(NULL), -EINVAL, "binding is NULL");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(local_binds_and_unbinds_in_a_cancelled_scope)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    bind_it(&binding, "red");
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
}

static int waits_bound(void *event)
{
    hark_binding b;
    bind_it(&b, "red");
    const int rc = hark_event_wait(event);
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_local_unbind(&b), 0);
    kit_log("%s", outcome(rc));
    return rc;
}

INSIDE(local_a_cancellation_passes_through)
{
    hark_event never = HARK_EVENT_INIT;
    const hark_task task = hark_go(&group, waits_bound, &never);
    hark_settle();
    CHECK_EQ(hark_task_cancel(task), 0);
    hark_settle();
    CHECK_LOG("cancelled");
}

INSIDE(local_deadlines_are_seen_through)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_MS(1)), 0);
    bind_it(&binding, "red");
    CHECK_EQ(hark_effective_deadline(), hark_now() + HARK_MS(1));
    const int rc = hark_sleep(HARK_S(1));
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_EQ(hark_scope_close(&scope, rc), -ETIMEDOUT);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static int unbinds(void *arg)
{
    CHECK_MISUSE(hark_local_unbind(arg), -EPERM, "only the task that bound");
    return 0;
}

INSIDE(local_misuse_has_words)
{
    CHECK_MISUSE(hark_local_bind(&binding, NULL, NULL), -EINVAL, "key is NULL");
    CHECK_MISUSE(hark_local_unbind(&binding), -EINVAL, "never bound");
    bind_it(&binding, "red");
    CHECK_MISUSE(hark_local_bind(&binding, &color, NULL), -EALREADY, "bound already");
    CHECK_STR(seen(), "red");
    hark_go(&group, unbinds, &binding);
    hark_settle();
    hark_binding copy = binding;
    CHECK_MISUSE(hark_local_unbind(&copy), -EINVAL, "copy");
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_MISUSE(hark_local_unbind(&binding), -EINVAL, "unbound already");
}

static int unbinds_what_is_not_bound(void *arg)
{
    CHECK_MISUSE(hark_local_unbind(arg), -EINVAL, "unbound already");
    return 0;
}

/* The scopes inside are cancelled, as they are when a scope is closed out of order; bound values stay
 * bound. */
INSIDE(local_unbound_out_of_order)
{
    hark_scope scope;
    hark_binding inner;
    bind_it(&binding, "red");
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_local_bind(&inner, &shape, "round"), 0);
    CHECK_MISUSE(hark_local_unbind(&binding), -EINVAL, "unbound out of order");
    CHECK_MISUSE(hark_local_unbind(&binding), -EINVAL, "unbound already"); /* not in its place */
    hark_go(&group, unbinds_what_is_not_bound, &binding);
    hark_settle();
    CHECK_STR(seen(), "none");
    CHECK_STR(hark_local_get(&shape), "round");
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_local_unbind(&inner), 0);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
    CHECK_SILENT(hark_local_unbind(&binding), 0);
    CHECK_MISUSE(hark_local_unbind(&binding), -EINVAL, "not bound");
    CHECK_EQ(hark_checkpoint(), 0);
}

INSIDE(local_left_bound_inside_a_scope_that_is_closed)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    bind_it(&binding, "red");
    CHECK_MISUSE(hark_scope_close(&scope, 0), -EINVAL, "closed out of order");
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_SILENT(hark_scope_close(&scope, 0), 0);
    CHECK_STR(seen(), "none");
}

static jmp_buf landing;

static int leaves(void)
{
    longjmp(landing, 1);
}

static void leave_a_within(void)
{
    if (setjmp(landing) == 0) {
        hark_within(HARK_S(1), leaves());
    }
}

/* What was left inside by a longjmp is not what is innermost. */
INSIDE(local_binds_and_unbinds_after_a_longjmp_out_of_a_within)
{
    leave_a_within();
    bind_it(&binding, "red");
    leave_a_within();
    CHECK_EQ(hark_local_unbind(&binding), 0);
    CHECK_STR(seen(), "none");
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
}

static int returns_bound(void *arg)
{
    (void)arg;
    bind_it(&binding, "red");
    return 0;
}

TEST_DIES(local_returning_with_a_value_bound, SIGABRT, "returned with a value still bound")
{
    RUN_VIRTUAL(returns_bound, NULL);
}

/* What stood in it before does not matter. */
INSIDE(local_any_bytes_may_be_bound)
{
    memset(&binding, 0x5a, sizeof binding);
    bind_it(&binding, "red");
    CHECK_STR(seen(), "red");
    CHECK_EQ(hark_local_unbind(&binding), 0);
}
