/* SPDX-License-Identifier: MIT
 *
 * audit.c - every rule of the loop that can be checked from its state, in one walk: tasks, levels,
 * groups. What they stand in (the ring, lists, the wheel, descriptors) is audit_lists.c's.
 *
 * Why      A bug in a runtime shows long after it happened, and somewhere else: a waiter left
 *          behind today is a crash next week. Walking everything after each step finds it in the
 *          step that made it. So the explorer does that, and a program that doubts may.
 * Idea     The roster leads to all tasks; a task leads to its levels, these to groups and children;
 *          how it waits (hark__wait_kind.stands) leads to its places. Whatever links two things is
 *          checked at both ends where they meet. Nothing is marked to find what stands in no place
 *          or in two: what tasks show is counted, what the places hold is counted, and with each
 *          link right the two can differ only if something is there twice, or missing. (One mark is
 *          needed, for the ring; see audit_lists.c.)
 *
 *          A broken rule is said by the number that it has in its file's essay: P park.c, K
 *          watch.c, L loop.c, T task.c, R roster.c, C cancel.c, O scope.c, G group.c, N time.c, F
 *          interest.c, W wheel.h, E error.c.
 * Rules    H1  The audit changes nothing that anybody reads, allocates nothing, and asks the kernel
 *              nothing but, at rest, whether descriptors are ready.
 *          H2  It is right between any two instructions of a program, not of the library: in a
 *              task, in a callback, between two steps.
 *          H3  No pointer into a record is followed before the roster owns it. What else a
 *              pointer leads to must be trusted.
 *          H4  "Lost wake-up": what a task waits for is there. Known at once where tasks or
 *              callbacks would bring it; where the world does (descriptors, time), only at rest.
 * Not here Lists that only watches stand in, and watches for HARK_FOREVER: nothing leads there.
 *          What time of arrival alone could tell (order in lists, W2).
 * Cost     Linear: some 150 ns for a loop and 30 to 100 ns for each task, plus a look at each
 *          record that was ever used. At rest one poll(2) for each descriptor waited for.
 */
#include "core/audit.h"
#include <hark/testing.h>

/* ---- in words -------------------------------------------------------------------------------- */

void hark__audit_loop_broken(struct hark__audit *audit, const char *format, ...)
{
    va_list arguments;

    if (audit->broken++ == 0) {
        va_start(arguments, format);
        hark__text_vput(audit->text, format, arguments);
        va_end(arguments);
    }
}

void hark__audit_broken(struct hark__audit *audit, const char *rule, const hark__task *task,
                        const char *format, ...)
{
    va_list arguments;

    if (audit->broken++ == 0) {
        hark__text_put(audit->text, "%s: ", rule);
        hark__task_title(task, audit->text);
        hark__text_put(audit->text, " ");
        va_start(arguments, format);
        hark__text_vput(audit->text, format, arguments);
        va_end(arguments);
    }
}

bool hark__audit_is_task(const struct hark__audit *audit, const void *pointer)
{
    return hark__roster_owns(audit->loop->roster, pointer) &&
           ((const hark__task *)pointer)->state != TASK_FREE;
}

/* ---- levels ---------------------------------------------------------------------------------- */

static void check_reached(struct hark__audit *audit, const struct hark_level *level,
                          const hark__task *task)
{
    bool from_outside =
        !(level->flags & LEVEL_SHIELD) && level->outer && level->outer->flags & LEVEL_REACHED;
    bool reached = level->flags & LEVEL_CANCELLED || audit->loop->cancelled_all || from_outside;

    if (reached == !(level->flags & LEVEL_REACHED)) {
        const char *what = reached ? "is reached by a cancellation and does not know"
                                   : "says that a cancellation reaches it, and none does";
        if (task) {
            hark__audit_broken(audit, "C1", task, "has a %s that %s",
                               level->flags & LEVEL_BASE    ? "base"
                               : level->flags & LEVEL_GROUP ? "group"
                                                            : "scope",
                               what);
        } else {
            hark__audit_loop_broken(audit, "C1: the run %s", what);
        }
    }
}

static void check_deadline(struct hark__audit *audit, const hark_scope *scope)
{
    bool cancelled = scope->level.flags & LEVEL_CANCELLED;
    int64_t deadline = cancelled ? HARK_FOREVER : scope->deadline;

    if (hark__timer_armed(&scope->timer) != (deadline != HARK_FOREVER)) {
        hark__audit_broken(audit, "O3", scope->task, "has a scope %s, and its timer is %s",
                           cancelled                         ? "that is cancelled"
                           : scope->deadline == HARK_FOREVER ? "without a deadline"
                                                             : "with a deadline",
                           hark__timer_armed(&scope->timer) ? "armed" : "not armed");
        return;
    }
    if (hark__timer_armed(&scope->timer) && hark__scope_of_timer(&scope->timer) != scope) {
        hark__audit_broken(audit, "O3", scope->task, "has a scope whose timer does something else");
    }
    hark__audit_timer(audit, scope->task, &scope->timer, deadline);
}

static void check_scope(struct hark__audit *audit, const hark_scope *scope, const hark__task *task)
{
    uint32_t flags = scope->level.flags;

    if (scope->task != task) {
        hark__audit_broken(audit, "O4", task, "stands in a scope that another task has opened");
        return;
    }
    if (flags & LEVEL_WITHIN ? !scope->level.mark : scope->level.mark != audit->loop->id) {
        hark__audit_broken(audit, "O4", task, "stands in a scope of another loop");
    }
    if (flags & LEVEL_TIMED_OUT && !(flags & LEVEL_CANCELLED)) {
        hark__audit_broken(audit, "O2", task, "has a scope that timed out and is not cancelled");
    }
    if (flags & LEVEL_BINDING &&
        (flags & (LEVEL_CANCELLED | LEVEL_SHIELD) || scope->deadline != HARK_FOREVER)) {
        hark__audit_broken(audit, "K2", task, "has a bound value that is cancelled, or may be");
    }
    if (flags & LEVEL_ABORTED && (!(flags & LEVEL_GROUP) || !(flags & LEVEL_CANCELLED))) {
        hark__audit_broken(audit, "G3", task, "has a scope that failed and is not cancelled");
    }
    check_deadline(audit, scope);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static uint32_t count_children(struct hark__audit *audit, const hark_group *group)
{
    const hark__task *child = group->first;
    uint32_t count = 0;

    if (!child) {
        return 0;
    }
    do {
        if (!hark__audit_is_task(audit, child) || child->base.outer != &group->scope.level) {
            hark__audit_broken(audit, "G1", group->scope.task,
                               "has a group with a child that is not its own");
            return count;
        }
        if (!hark__audit_is_task(audit, child->next) || child->next->prev != child) {
            hark__audit_broken(audit, "G1", child, "is not linked with its siblings");
            return count;
        }
        child = child->next;
    } while (++count <= group->children && child != group->first);
    return count;
}

static uint32_t count_starts(struct hark__audit *audit, const hark_group *group)
{
    uint32_t count = 0;

    for (const struct hark__start *start = group->starting; start && count <= group->children;
         start = hark__start_next(start), count++) {
        const hark_group *nest = hark__start_nest(start);
        if (hark__start_target(start) != group || !hark__audit_is_task(audit, nest->scope.task) ||
            !hark__level_open(&nest->scope.level)) {
            hark__audit_broken(audit, "G5", group->scope.task,
                               "has a group with a start that is not for it");
        } else if (group->scope.level.flags & LEVEL_REACHED &&
                   !(nest->scope.level.flags & LEVEL_CANCELLED)) {
            hark__audit_broken(audit, "G5", nest->scope.task,
                               "starts a task for a group that is cancelled, and goes on with it");
        }
    }
    return count;
}

static void check_closer(struct hark__audit *audit, const hark_group *group)
{
    const hark__task *closer = group->closer;

    if (closer && (closer != group->scope.task || closer->state != TASK_PARKED ||
                   !hark__group_waits(closer))) {
        hark__audit_broken(audit, "G1", group->scope.task,
                           "has a group whose closer does not wait for its children");
    }
}

static void check_group(struct hark__audit *audit, const hark_group *group)
{
    uint32_t children = count_children(audit, group), starts = count_starts(audit, group);

    audit->children += children;
    if (children + starts != group->children) {
        hark__audit_broken(audit, "G1", group->scope.task,
                           "has a group of %u children, but %u stand there and %u are starting",
                           group->children, children, starts);
    }
    check_closer(audit, group);
}

/* ---- from a task outwards -------------------------------------------------------------------- */

static bool check_level(struct hark__audit *audit, const struct hark_level *level,
                        const struct hark_level *inner, const hark__task *task)
{
    if (!hark__level_open(level)) {
        hark__audit_broken(audit, "O4", task, "stands in a scope that is closed");
        return false;
    }
    if (level->inner != inner) {
        hark__audit_broken(audit, "C3", task, "has levels that do not lead inwards again");
        return false;
    }
    if (!level->outer) {
        hark__audit_broken(audit, "C3", task, "has a level with nothing around it");
        return false;
    }
    check_reached(audit, level, task);
    return true;
}

/* The inner links end a chain that goes round: the second visit comes from somewhere else. */
static void check_levels(struct hark__audit *audit, const hark__task *task)
{
    const struct hark_level *level = task->level, *inner = NULL;

    for (; level && check_level(audit, level, inner, task); inner = level, level = level->outer) {
        if (level->flags & (LEVEL_BASE | LEVEL_ROOT)) {
            if (level != &task->base) {
                hark__audit_broken(audit, "C3", task, "does not find its own base outwards");
            }
            return;
        }
        check_scope(audit, (const hark_scope *)level, task);
        if (level->flags & LEVEL_GROUP) {
            check_group(audit, (const hark_group *)level);
        }
    }
    if (!level) {
        hark__audit_broken(audit, "C3", task, "has no level");
    }
}

/* Where the base hangs; that it is also found there is counted. */
static void check_parent(struct hark__audit *audit, const hark__task *task)
{
    const struct hark_level *outer = task->base.outer;
    const struct hark__extra *extra = task->extra;

    if (outer == &audit->loop->root) {
        audit->rooted++;
    } else if (!outer || !(outer->flags & LEVEL_GROUP) || !hark__level_open(outer)) {
        hark__audit_broken(audit, "G1", task, "belongs to a group that is not open");
    }
    if (extra && extra->start && outer != &hark__start_nest(extra->start)->scope.level) {
        hark__audit_broken(audit, "G5", task, "is starting, but not below its starter");
    }
    if (extra && extra->start && !(task->flags & TASK_STARTING)) {
        hark__audit_broken(audit, "G5", task, "is starting, but nobody started it");
    }
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Is it known here and now whether what it waits for is there (rule H4)? */
static bool can_tell(const struct hark__audit *audit, const struct hark__wait_kind *kind)
{
    bool by_us = kind->leave == hark__leave_list || !kind->leave;
    return kind->there && (audit->at_rest || by_us);
}

static void check_parked(struct hark__audit *audit, const hark__task *task)
{
    const struct hark__wait_kind *kind = task->wait;
    int before = audit->broken;

    if (!kind) {
        hark__audit_broken(audit, "P1", task, "is parked, and does not say what for");
        return;
    }
    if (kind->leave && task->level && task->level->flags & LEVEL_REACHED) {
        hark__audit_broken(audit, "C2", task, "waits for %s, though a cancellation reaches it",
                           kind->what);
    }
    if (kind->stands) {
        kind->stands(task, audit);
    }
    if (audit->broken == before && can_tell(audit, kind) && kind->there(task)) {
        hark__audit_broken(audit, "lost wake-up", task, "waits for what is there: %s", kind->what);
    }
}

void hark__audit_hold(struct hark__audit *audit)
{
    audit->holds++;
}

/* A program may have gone to a stack of its own to wait there: of that we know nothing. */
static void check_stack(struct hark__audit *audit, const hark__task *task)
{
    const hark__stack *stack = audit->broken ? NULL : hark__stack_find(task->sp);

    if (!stack) {
        return;
    }
    if (stack->owner != task) {
        hark__audit_broken(audit, "T3", task, "would go on on a stack that is not its own");
    } else if (!hark__stack_intact(stack)) {
        hark__audit_broken(audit, "T2", task, "has overflowed its stack");
    }
}

static void check_queued(struct hark__audit *audit, const hark__task *task)
{
    if (!hark__audit_in_ring(audit, task)) {
        hark__audit_broken(audit, "P1", task, "is %s and stands nowhere in the ring",
                           task->state == TASK_NEW ? "new" : "ready");
    }
}

static void check_state(struct hark__audit *audit, const hark__task *task)
{
    switch (task->state) {
    case TASK_NEW: check_queued(audit, task); return;
    case TASK_READY:
        check_queued(audit, task);
        check_stack(audit, task);
        return;
    case TASK_PARKED:
        check_parked(audit, task);
        check_stack(audit, task);
        return;
    case TASK_RUNNING:
        if (task != audit->loop->running) {
            hark__audit_broken(audit, "P1", task, "is running, but the loop runs another or none");
        }
        return;
    default: hark__audit_broken(audit, "T3", task, "is in state %d, where none stays", task->state);
    }
}

static void check_task(struct hark__audit *audit, const hark__task *task)
{
    check_state(audit, task);
    check_levels(audit, task);
    check_parent(audit, task);
    if (task->extra) {
        audit->joined += (uint32_t)hark__tasks_in(&task->extra->joiners);
        hark__audit_root_list(audit, &task->extra->joiners, "wait for a task's end");
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void check_words(struct hark__audit *audit)
{
    const hark_loop *loop = audit->loop;

    for (uint32_t i = 0; i < LOOP_WORDS && loop->words_next > 1; i++) {
        uint64_t serial = loop->words[i].serial;
        if (serial && (serial % LOOP_WORDS != i || serial >= loop->words_next ||
                       serial + LOOP_WORDS < loop->words_next)) {
            hark__audit_loop_broken(audit, "E: the words of failure %lu stand in a wrong place",
                                    (unsigned long)serial);
        }
    }
}

static void check_loop(struct hark__audit *audit)
{
    hark_loop *loop = audit->loop;

    if ((loop->root.flags & (LEVEL_ROOT | LEVEL_STATE)) != (LEVEL_ROOT | LEVEL_OPEN) ||
        loop->root.outer || loop->root.inner) {
        hark__audit_loop_broken(audit, "C3: the root is not what it was");
    }
    check_reached(audit, &loop->root, NULL);
    if (loop->cancelled_starts) {
        hark__audit_loop_broken(audit, "G5: a start was noted as cancelled, and nobody was told");
    }
    if (loop->running &&
        (!hark__audit_is_task(audit, loop->running) || loop->running->state != TASK_RUNNING)) {
        hark__audit_loop_broken(audit, "P1: what the loop runs is no running task");
    }
    if (!hark__withins_are_sane(loop)) {
        hark__audit_loop_broken(audit, "O5: a scope of hark_within is free, and in use");
    }
    hark__audit_root_list(audit, &loop->settlers, "settle");
    check_words(audit);
}

static void check_roster(struct hark__audit *audit)
{
    const char *words = hark__roster_check(audit->loop->roster, &audit->living);

    if (words) {
        hark__audit_loop_broken(audit, "%s", words);
    }
    if (audit->living != audit->loop->tasks) {
        hark__audit_loop_broken(audit, "T1: %u tasks live, and the loop counts %u", audit->living,
                                audit->loop->tasks);
    }
    audit->promises += audit->living;
}

static void compare(struct hark__audit *audit, uint32_t shown, uint32_t found, const char *words)
{
    if (shown != found) {
        hark__audit_loop_broken(audit, "%s (%u, %u)", words, shown, found);
    }
}

/* Each of these was right link by link: so what differs is there twice, or missing. */
static void check_sums(struct hark__audit *audit)
{
    const hark_loop *loop = audit->loop;

    compare(audit, audit->living, audit->children + audit->rooted,
            "G1: living tasks, and those that are found in groups");
    compare(audit, loop->main != 0, hark__roster_find(loop->roster, loop->main) != NULL,
            "G1: main that lives, and its record");
    compare(audit, audit->waiters, audit->listed, "P1: waiters, and those that lists hold");
    compare(audit, audit->joiners, audit->joined,
            "T3: who waits for a task's end, and those whom living tasks will tell");
    compare(audit, audit->timers, audit->wheeled,
            "W: timers that somebody owns, and those in the wheel");
    compare(audit, audit->fd_waiters, audit->fd_listed,
            "F1: who waits for descriptors, and those whom descriptors know");
    compare(audit, audit->fd_queued, audit->fd_ran,
            "K1: readers and writers in the ring, and those that are queued");
    if (audit->holds > loop->holds) {
        hark__audit_loop_broken(audit, "thread W3: %u wait for threads, and the loop knows of %u",
                                audit->holds, loop->holds);
    }
    if (audit->promises > loop->promised) {
        hark__audit_loop_broken(audit, "L1: %u may become ready, and only %u places are promised",
                                audit->promises, loop->promised);
    }
}

int hark__audit(hark_loop *loop, bool at_rest, struct hark__text *text)
{
    struct hark__audit audit = {.loop = loop, .text = text, .at_rest = at_rest};
    hark__task *task = NULL;

    check_roster(&audit);
    hark__audit_ring(&audit);
    check_loop(&audit);
    while ((task = hark__roster_next(loop->roster, task))) {
        check_task(&audit, task);
    }
    hark__audit_fds(&audit);
    hark__audit_wheel(&audit);
    if (!audit.broken) { /* else a walk may have stopped early */
        check_sums(&audit);
    }
    return audit.broken;
}

int hark_audit(void)
{
    static const char call[] = "hark_audit";
    hark_loop *loop = hark__loop_here();
    struct hark__text text;
    char words[160];

    if (!loop) {
        return hark__fail(-ENOTSUP, call, "there is no loop in this thread");
    }
    hark__text_to_string(&text, words, sizeof words);
    int broken = hark__audit(loop, false, &text);
    return broken ? hark__fail(-EUCLEAN, call, "%s; %d broken in all", words, broken) : 0;
}
