/* SPDX-License-Identifier: MIT
 *
 * group.c - tasks live in groups: spawning into one, failing in one, waiting for all.
 *
 * Idea     A group is a scope with children. Closing waits until the last child has ended; a
 *          failure cancels the scope, so the others end soon. No task outlives the block that
 *          started it, and no failure is lost.
 *
 *          hark_start is a small group of its own, nested in the caller, with one child: until the
 *          child calls hark_started, it stands under the caller's scopes and its failure is the
 *          caller's; then it moves to the group that it was meant for. The caller waits until the
 *          small group is empty, which both do.
 *
 * Rules    G1  A group is closed only when `children` is 0: living children and pending starts are
 *              counted.
 *          G2  -ECANCELED is no failure. Failures beat cancellation; the first one is the result;
 *              the codes of the first 8 are kept.
 *          G3  A failure cancels the group as the group's own doing (ABORTED), so that it is told
 *              apart from hark_group_cancel and from scopes around.
 *          G4  Closing is no checkpoint: it waits also in a cancelled scope, for children must not
 *              be left behind.
 *          G5  A pending start is cancelled with its target group, so that neither waits for the
 *              other for ever.
 * Sources  Trio's nurseries, AnyIO's and asyncio's task groups (TG and ST of tests/LEDGER.md).
 */
#include "core/core.h"

struct hark__start {
    hark_group nest;
    hark_group *target;
    struct hark__start *next; /* in target->starting */
    struct hark__start *next_cancelled;
    int value;
    bool said;  /* hark_started was called ... */
    bool moved; /* ... and the child is the target's now */
};

/* ---- waiting for children, and what the audit asks ------------------------------------------- */

/* Whose last child will wake the task; NULL: nobody's. */
static const hark_group *closed_by(const hark__task *task)
{
    for (const struct hark_level *level = task->level; !(level->flags & LEVEL_BASE);
         level = level->outer) {
        if (level->flags & LEVEL_GROUP && ((const hark_group *)level)->closer == task) {
            return (const hark_group *)level;
        }
    }
    return NULL;
}

static bool is_empty(const hark__task *task)
{
    const hark_group *group = closed_by(task);
    return group && group->children == 0;
}

static void stands_in_group(const hark__task *task, struct hark__audit *audit)
{
    if (!closed_by(task)) {
        hark__audit_broken(audit, "G1", task, "waits for children, but is no group's closer");
    }
}

static int close_emptied(hark__task *self, int code);

static const struct hark__wait_kind close_kind = {
    .what = "its children", .there = is_empty, .stands = stands_in_group, .after = close_emptied};
/* The same for who goes on behind the wait. */
static const struct hark__wait_kind children_kind = {
    .what = "its children", .there = is_empty, .stands = stands_in_group};
static const struct hark__wait_kind start_kind = {
    .what = "a task that it starts", .there = is_empty, .stands = stands_in_group};

bool hark__group_waits(const hark__task *task)
{
    return task->wait == &close_kind || task->wait == &children_kind || task->wait == &start_kind;
}

const hark_group *hark__start_nest(const struct hark__start *start)
{
    return &start->nest;
}

const hark_group *hark__start_target(const struct hark__start *start)
{
    return start->target;
}

const struct hark__start *hark__start_next(const struct hark__start *start)
{
    return start->next;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void begin(hark_group *group, hark_loop *loop, uint32_t class)
{
    hark__scope_begin(&group->scope, loop->running, LEVEL_GROUP);
    group->first = group->closer = NULL;
    group->starting = NULL;
    group->stack_class = class;
    group->children = group->failure_count = group->notes = 0;
}

/* Whoever opens it may not, or something is to be cleaned up before. */
static __attribute__((noinline)) int open_slowly(hark_group *group)
{
    static const char call[] = "hark_group_open";
    hark_loop *loop = hark__here;

    if (!group) {
        return hark__fail(-EINVAL, call, "the group is NULL");
    }
    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, call, "a group is opened by a task, and there is none here");
    }
    hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
    if (hark__level_is_open(loop, &group->scope.level)) {
        return hark__fail(-EALREADY, call,
                          "this group is open already; close it first, or use another");
    }
    begin(group, loop, loop->stack_class);
    return 0;
}

int hark_group_open(hark_group *group)
{
    hark_loop *loop = hark__here;

    if (unlikely(!group || !loop || !loop->running || loop->running->level->flags & LEVEL_WITHIN ||
                 hark__tools_doubt || hark__level_open(&group->scope.level))) {
        return open_slowly(group);
    }
    begin(group, loop, loop->stack_class);
    return 0;
}

int hark_group_stack(hark_group *group, size_t bytes)
{
    static const char call[] = "hark_group_stack";
    int class, error = hark__group_check(group, call);

    if (error) {
        return error;
    }
    class = bytes ? hark__stack_class(bytes) : (int)hark__here->stack_class;
    if (class < 0) {
        return hark__fail(-EINVAL, call,
                          "a stack of %lu bytes; it takes 16 KiB to 8 MiB (0: the loop's default)",
                          (unsigned long)bytes);
    }
    group->stack_class = (uint32_t) class;
    return 0;
}

/* ---- children -------------------------------------------------------------------------------- */

/* Cancel all that is inside; the walk finds what is still starting for it (rule G5). */
static void cancel(hark_group *group, uint32_t flags)
{
    hark_loop *loop = hark__here;

    if (!(group->scope.level.flags & LEVEL_CANCELLED)) {
        group->scope.level.flags |= flags;
        hark__lint_scope_cancelled(loop, &group->scope, 0);
        hark__level_refresh(loop, &group->scope.level);
    }
}

void hark__group_cancel_starts(hark_loop *loop, hark_group *group)
{
    struct hark__start *first = planted(start_outlives_its_target) ? NULL : group->starting;

    for (struct hark__start *start = first; start; start = start->next) {
        if (!(start->nest.scope.level.flags & LEVEL_CANCELLED)) {
            start->nest.scope.level.flags |= LEVEL_CANCELLED;
            hark__lint_scope_cancelled(loop, &start->nest.scope, 0);
            start->next_cancelled = loop->cancelled_starts;
            loop->cancelled_starts = start;
        }
    }
}

struct hark_level *hark__group_next_start(hark_loop *loop)
{
    struct hark__start *start = loop->cancelled_starts;

    if (!start) {
        return NULL;
    }
    loop->cancelled_starts = planted(nested_start_is_not_walked) ? NULL : start->next_cancelled;
    return &start->nest.scope.level;
}

static void note_failure(hark_group *group, int code, const struct hark__failure *failure)
{
    if (group->failure_count == 0) {
        group->words =
            failure && failure->code == code ? hark__words_keep(hark__here, failure, NULL) : 0;
    }
    if (group->failure_count < HARK_FAILURES_KEPT) {
        group->failures[group->failure_count] = code;
    }
    group->failure_count++;
    group->failures[0] = planted(last_failure_wins) ? code : group->failures[0];
    if (!planted(failure_does_not_cancel)) {
        cancel(group, LEVEL_CANCELLED | LEVEL_ABORTED);
    }
}

void hark__group_told(hark_group *group, int result, const struct hark__failure *failure)
{
    if (result == -ECANCELED) {
        group->notes |= NOTE_CHILD_CANCELLED;
    } else if (result < 0) {
        note_failure(group, result, failure);
    }
}

void hark__group_child_ended(hark_group *group, hark__task *task, int result)
{
    if (result < 0) {
        hark__group_told(group, result, hark__failure_of(task));
    }
    hark__group_unlink(hark__here, group, task);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void unlink_start(hark_group *target, const struct hark__start *start)
{
    struct hark__start **link = &target->starting;

    while (*link != start) {
        link = &(*link)->next;
    }
    *link = start->next;
}

/* The small group is empty: the child has moved on, or has ended without a word. */
static hark_task start_result(const struct hark__start *start, hark_task id, const char *call)
{
    const hark_group *nest = &start->nest;
    struct hark__words *words = hark__words_find(hark__here, nest->words);

    if (start->moved) {
        return id;
    }
    if (nest->failure_count) {
        if (words) {
            hark__failure_adopt(&words->failure);
        }
        if (planted(start_failure_goes_to_the_group)) {
            note_failure(start->target, nest->failures[0], NULL);
        }
        return nest->failures[0];
    }
    if (nest->notes & NOTE_CHILD_CANCELLED && nest->scope.level.outer->flags & LEVEL_REACHED) {
        return -ECANCELED;
    }
    if (start->said && !(nest->notes & NOTE_CHILD_CANCELLED)) {
        return id; /* it has ended well, and never noticed that its starter was cancelled */
    }
    bool group_ended_it =
        nest->notes & NOTE_CHILD_CANCELLED && start->target->scope.level.flags & LEVEL_REACHED;
    return hark__fail(
        -EINVAL, call, "%s",
        start->said ? "the task was ready when its starter had been cancelled, and has ended with it"
        : group_ended_it ? "the group was cancelled before the task had called hark_started"
                         : "the task ended without having called hark_started");
}

static hark_task start_child(struct hark__start *start, hark_fn *fn, void *arg, const char *site,
                             const char *call)
{
    hark_loop *loop = hark__here;
    hark_group *target = start->target;
    struct hark__extra *extra = hark__alloc(sizeof *extra);
    hark_task id = extra ? hark__task_go(&start->nest, fn, arg, 0, site, call)
                         : hark__fail(-ENOMEM, call, "no memory for another task");

    if (id < 0) {
        hark__free(extra, sizeof *extra);
        return id;
    }
    hark__task *child = hark__task_find(loop, id);
    child->extra = extra;
    extra->start = start;
    child->flags |= TASK_STARTING;
    start->next = target->starting;
    target->starting = start;
    target->children += planted(pending_start_is_not_counted) ? 0 : 1;
    if (target->scope.level.flags & LEVEL_REACHED) {
        start->nest.scope.level.flags |= LEVEL_CANCELLED;
        hark__lint_scope_cancelled(loop, &start->nest.scope, 0);
        hark__level_refresh(loop, &start->nest.scope.level);
    }
    start->nest.closer = loop->running;
    hark__park(&start_kind);
    unlink_start(target, start);
    if (!planted(pending_start_is_not_counted)) {
        hark__group_uncount(loop, target);
    }
    return start_result(start, id, call);
}

hark_task hark_start_at(const char *site, hark_group *group, hark_fn *fn, void *arg, int *started)
{
    static const char call[] = "hark_start";

    if (group && !hark__loop_here()) {
        return hark__no_task(call);
    }
    int error = hark__group_check(group, call);
    if (error) {
        return error;
    }
    hark_loop *loop = hark__here; /* roused by now, if it was at rest */
    if (!loop->running) {
        return hark__no_task(call);
    }
    hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
    struct hark__start start = {.target = group};
    begin(&start.nest, loop, group->stack_class);
    hark_task id = start_child(&start, fn, arg, site, call);
    hark__scope_end(&start.nest.scope);
    if (id > 0 && started) {
        *started = start.value;
    }
    return id;
}

hark_task(hark_start)(hark_group *group, hark_fn *fn, void *arg, int *started)
{
    return hark_start_at("a call of hark_start\0"
                         "0task",
                         group, fn, arg, started);
}

/* Move the running task, with all that is inside it, from the small group to its own. */
static void move_child(struct hark__start *start, hark__task *task)
{
    hark_group *target = start->target;

    task->extra->start = NULL;
    start->moved = true;
    hark__group_unlink(hark__here, &start->nest, task);
    hark__group_link(target, task);
    task->base.outer = &target->scope.level;
    if (!planted(started_forgets_the_new_group)) {
        hark__level_refresh(hark__here, &task->base);
    }
}

int hark_started(int value)
{
    static const char call[] = "hark_started";
    hark_loop *loop = hark__here;
    hark__task *task = loop ? loop->running : NULL;

    if (!task) {
        return hark__fail(-ENOTSUP, call, "there is no task here");
    }
    if (!(task->flags & TASK_STARTING)) {
        return hark__fail(
            -EINVAL, call,
            "this task was spawned by hark_go; only one that hark_start spawned can say that it has started");
    }
    struct hark__start *start = task->extra->start;
    if (!start || start->said) {
        return hark__fail(-EALREADY, call, "this task has said so already");
    }
    start->said = true;
    start->value = value;
    const struct hark_level *starter = start->nest.scope.level.outer;
    if (starter->flags & LEVEL_REACHED && !(start->target->scope.level.flags & LEVEL_REACHED)) {
        return 0; /* the starter was cancelled: it takes the task with it */
    }
    move_child(start, task);
    return 0;
}

/* ---- ending ---------------------------------------------------------------------------------- */

int hark_group_cancel(hark_group *group)
{
    int error = hark__group_check(group, "hark_group_cancel");

    if (error) {
        return error;
    }
    group->scope.canceller = hark_self();
    cancel(group, LEVEL_CANCELLED);
    group->scope.level.flags &= ~(uint32_t)LEVEL_ABORTED;
    return 0;
}

/* What the body and the children make together (rule G2). */
static int verdict(hark_loop *loop, hark_group *group)
{
    const struct hark_level *level = &group->scope.level;
    int rc = group->failures[0];
    bool cut_short = rc == -ECANCELED || group->notes & NOTE_CHILD_CANCELLED;
    struct hark__words *words;

    if (group->failure_count) {
        if ((words = hark__words_find(loop, group->words))) {
            hark__failure_adopt(&words->failure);
        }
        return rc;
    }
    if (cut_short && level->outer->flags & LEVEL_REACHED) {
        return -ECANCELED;
    }
    if (rc == -ECANCELED && level->flags & LEVEL_CANCELLED && !(level->flags & LEVEL_ABORTED)) {
        return 0;
    }
    return rc;
}

/* As long as nobody has failed, the place of the first failure holds the body's result. */
static void note_body(hark_group *group, int rc)
{
    if (!group->failure_count) {
        group->failures[0] = rc;
    }
    if (rc == -ECANCELED) {
        cancel(group, LEVEL_CANCELLED | LEVEL_ABORTED);
    } else if (rc < 0) {
        note_failure(group, rc, hark__failure_of(hark__here->running));
    }
}

static void wait_for_children(hark_group *group, hark_loop *loop)
{
    while (group->children) {
        group->closer = loop->running;
        hark__park(&children_kind);
    }
}

/* What was left open inside is cancelled, and goes on without this group around it. */
static int close_misnested(hark_group *group, hark_loop *loop)
{
    hark__scope_cancel_inside(loop, &group->scope);
    cancel(group, LEVEL_CANCELLED);
    /* Each by itself: a walk turns back at one that was reached before. */
    for (struct hark_level *level = group->scope.level.inner; level; level = level->inner) {
        hark__level_refresh(loop, level);
    }
    if (!group->children) {
        hark__give_way();
    }
    if (!planted(misnested_group_leaves_children)) {
        wait_for_children(group, loop);
    }
    hark__scope_take_out(loop, &group->scope);
    return hark__fail(
        -EINVAL, "hark_group_close",
        "closed out of order: a scope or group opened inside it was still open, and was cancelled. Close the innermost first; inside hark_within, open the group, too");
}

/* There may be a child again, which came after the last one had ended. */
static __attribute__((noinline)) int conclude(hark_group *group, hark_loop *loop)
{
    if (!planted(closes_over_a_late_child)) {
        wait_for_children(group, loop);
    }
    int result = verdict(loop, group);
    if (unlikely(group->notes & NOTE_FUTURE_FAILED)) {
        hark__words_report_unseen(loop, group);
    }
    hark__scope_end(&group->scope);
    return result;
}

/* What closing still does when the wait is over. */
static int close_emptied(hark__task *self, int code)
{
    hark_group *group = (hark_group *)self->level; /* for nothing was opened meanwhile */

    (void)code;
    if (unlikely(group->children || group->failure_count || group->notes || group->failures[0] < 0)) {
        return conclude(group, hark__here);
    }
    hark__scope_end(&group->scope);
    return group->failures[0];
}

static inline int close_when_empty(hark_group *group, hark__task *self)
{
    group->closer = self;
    return hark__park(&close_kind);
}

/* Whoever closes it may not, or it is not the innermost, or its body has ended badly, or nobody is in
 * it. */
static __attribute__((noinline)) int close_slowly(hark_group *group, int rc)
{
    static const char call[] = "hark_group_close";
    int error = hark__group_check(group, call);

    if (error) {
        return error;
    }
    hark_loop *loop = hark__here; /* roused by now, if it was at rest */
    if (!loop->running) {
        return hark__no_task(call);
    }
    if (group->scope.task != loop->running) {
        return hark__fail(-EPERM, call, "only the task that opened a group may close it");
    }
    if (unlikely(loop->running->level != &group->scope.level)) {
        hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
        if (!hark__level_is_open(loop, &group->scope.level)) {
            return hark__fail(-EINVAL, call, "this group is not open: it is a copy of one that is");
        }
        if (loop->running->level != &group->scope.level) {
            return close_misnested(group, loop);
        }
    }
    note_body(group, rc);
    if (group->children) {
        return close_when_empty(group, loop->running);
    }
    hark__give_way();
    return conclude(group, loop);
}

int hark_group_close(hark_group *group, int rc)
{
    const hark_loop *loop = hark__here;
    hark__task *self = loop ? loop->running : NULL;

    if (unlikely(!self || (hark_group *)self->level != group || rc < 0 || !group->children ||
                 group->failure_count)) {
        return close_slowly(group, rc);
    }
    group->failures[0] = rc;
    return close_when_empty(group, self);
}

int hark_group_failures(const hark_group *group, int *codes, int max)
{
    if (!group || max < 0 || (max > 0 && !codes)) {
        return hark__fail(-EINVAL, "hark_group_failures",
                          "the group or the array is NULL, or max is negative");
    }
    for (int i = 0; i < max && i < HARK_FAILURES_KEPT && i < (int)group->failure_count; i++) {
        codes[i] = group->failures[i];
    }
    return (int)group->failure_count;
}
