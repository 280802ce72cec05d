/* SPDX-License-Identifier: MIT
 *
 * lint.c - what is told unasked: the table of lints, and those that look by themselves.
 *
 * Idea     Most lints stand where the thing happens and only ask here whether they may speak. Two
 *          look for what does not happen: a task that was cancelled long ago and goes on (late), and
 *          a shield that keeps a cancellation out for long (shield). From a cancellation on, as long
 *          as somebody is cancelled, the loop looks at all its tasks once a second. Each base (for
 *          late) and each shield counts, in four bits of its flags, the looks in a row that have
 *          found it so; the eleventh tells.
 * Why      Looks are counted, and not only clocks compared, because a clock goes on when the loop
 *          does not: after a SIGSTOP, a debugger or a step of a minute everybody would be late. And
 *          a task that was spawned into a group cancelled long ago is new.
 * Rules    N1  Between two looks is a second at least, so eleven are ten seconds at least.
 *          N2  What was cancelled since the previous look begins at one, whatever it was before:
 *              else many short cancellations would look like a long one.
 *          N3  Who was told is not told again: the count stays at its end, until the level is gone.
 *          N4  No timer, no task, no memory: a loop with lints ends, sleeps and deadlocks as one
 *              without them. In virtual time there are no seconds, and nothing is told.
 *          N5  Who waits for tasks of its own is not late: they are.
 * Not here The words of late and shield (report.c), the marks on stacks (fiber/depth.c).
 */
#include <hark/lint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

#define LOOK_EVERY 1000000000
#define LOOKS_MOST 11  /* rule N1 */
#define LOOKS_TOLD 15  /* rule N3 */
#define SITES      256 /* of which stacks were told */

/* ---- which are on ---------------------------------------------------------------------------- */

static const char *const names[LINTS] = {
    [LINT_IGNORED] = "ignored", [LINT_LATE] = "late",     [LINT_SHIELD] = "shield",
    [LINT_STACK] = "stack",     [LINT_FUTURE] = "future", [LINT_DESCRIPTOR] = "descriptor",
};

#define ALL_NAMES "ignored, late, shield, stack, future and descriptor"

atomic_uint hark__lints = ((1u << LINTS) - 1) & ~(1u << LINT_STACK);

static bool is_set(const char *name, size_t length, bool on)
{
    for (int i = 0; i < LINTS; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            on ? atomic_fetch_or(&hark__lints, 1u << i) : atomic_fetch_and(&hark__lints, ~(1u << i));
            return true;
        }
    }
    return false;
}

/* One word of $HARK_LINT. */
static void set_by_word(const char *word, size_t length)
{
    bool off = *word == '-';

    if (!is_set(word + off, length - off, !off)) {
        char unknown[32];
        size_t kept = length - off < sizeof unknown ? length - off : sizeof unknown - 1;
        memcpy(unknown, word + off, kept);
        unknown[kept] = 0;
        hark__report_line(NULL, "HARK_LINT: there is no lint \"%s\"; there are " ALL_NAMES, unknown);
    }
}

static void read_environment(void)
{
    static const char between[] = ", \t\n";
    const char *text = getenv("HARK_LINT");

    for (text = text ? text + strspn(text, between) : ""; *text; text += strspn(text, between)) {
        size_t length = strcspn(text, between);
        set_by_word(text, length);
        text += length;
    }
}

void hark__lints_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
}

int hark_lint(const char *name, bool on)
{
    hark__lints_open(); /* the program has the last word */
    if (!name || !is_set(name, strlen(name), on)) {
        return hark__fail(-EINVAL, "hark_lint", "there is no lint \"%s\"; there are " ALL_NAMES,
                          name ? name : "NULL");
    }
    return 0;
}

/* ---- when something was cancelled ------------------------------------------------------------ */

static bool anybody_looks(const hark_loop *loop)
{
    return !loop->virtual_clock && (hark__lint_on(LINT_LATE) || hark__lint_on(LINT_SHIELD));
}

int64_t hark__lint_cancelled(hark_loop *loop, int64_t now)
{
    if (!anybody_looks(loop)) {
        return 0;
    }
    now = now ? now : loop->polled; /* a little early: no clock is read for this */
    if (loop->look_at == HARK_FOREVER) {
        loop->looked = now;
        loop->look_at = now + LOOK_EVERY;
    }
    return now;
}

/* Rule O3 (scope.c): its timer is not armed any more, so there is room in it. */
void hark__lint_scope_cancelled(hark_loop *loop, hark_scope *scope, int64_t now)
{
    if (scope->level.flags & LEVEL_CANCELLED && !hark__timer_armed(&scope->timer)) {
        scope->timer.deadline = hark__lint_cancelled(loop, now);
    }
}

static int64_t cancelled_at(const hark_loop *loop, const struct hark_level *level)
{
    if (level->flags & LEVEL_ROOT) {
        return loop->cancelled_at;
    }
    if (level->flags & LEVEL_BASE) {
        const hark__task *task = hark__level_task(level);
        return task->extra ? task->extra->cancelled : 0;
    }
    return ((const hark_scope *)level)->timer.deadline;
}

/* Since when the first cancellation reaches this level; 0: not known. */
static int64_t reached_since(const hark_loop *loop, const struct hark_level *level)
{
    int64_t since = 0;

    for (; level; level = level->flags & LEVEL_SHIELD ? NULL : level->outer) {
        int64_t at = level->flags & LEVEL_CANCELLED ? cancelled_at(loop, level) : 0;
        since = at && (!since || at < since) ? at : since;
    }
    return since;
}

/* ---- looking --------------------------------------------------------------------------------- */

static uint32_t looks_at(const struct hark_level *level)
{
    return (level->flags & LEVEL_LOOKS) / LEVEL_LOOK;
}

static void set_looks(struct hark_level *level, uint32_t looks)
{
    level->flags = (level->flags & ~(uint32_t)LEVEL_LOOKS) | looks * LEVEL_LOOK;
}

static bool is_told(const struct hark_level *level)
{
    return looks_at(level) == LOOKS_TOLD;
}

/* It is found so once more. Is it time to tell? */
static bool found_again(const hark_loop *loop, struct hark_level *level, int64_t since)
{
    uint32_t looks = since >= loop->looked ? 1 : looks_at(level) + 1;

    set_looks(level, looks < LOOKS_MOST ? looks : LOOKS_TOLD);
    return looks >= LOOKS_MOST;
}

/* Seconds; when nobody knows, what the looks say. */
static long seconds(const hark_loop *loop, int64_t since)
{
    return since ? (long)((loop->polled - since) / 1000000000) : LOOKS_MOST - 1;
}

static void look_at_shield(hark_loop *loop, const hark__task *task, struct hark_level *level)
{
    int64_t since = reached_since(loop, level->outer);

    if (found_again(loop, level, since)) {
        hark__report_lint(
            loop, task, "shield",
            "has been in a shielded scope for at least %d s while a cancellation waits outside, for %ld s now",
            LOOKS_MOST - 1, seconds(loop, since));
    }
}

static void look_at_late(hark_loop *loop, hark__task *task)
{
    int64_t since = reached_since(loop, task->level);
    bool whole = task->base.flags & LEVEL_REACHED;

    if (found_again(loop, &task->base, since)) {
        hark__report_lint(loop, task, "late",
                          whole ? "was cancelled %ld s ago and has not ended"
                                : "is in a scope that was cancelled %ld s ago and has not left it",
                          seconds(loop, since));
    }
}

/* Is there anybody yet to be told of? */
static bool look_at_shields(hark_loop *loop, hark__task *task)
{
    bool any = false;

    for (struct hark_level *level = task->level; !(level->flags & LEVEL_BASE); level = level->outer) {
        bool keeps_out = level->flags & LEVEL_SHIELD && level->outer->flags & LEVEL_REACHED;
        if (is_told(level) || !hark__lint_on(LINT_SHIELD)) {
            continue;
        }
        if (keeps_out && !(level->flags & LEVEL_REACHED)) {
            look_at_shield(loop, task, level);
            any = true;
        } else {
            set_looks(level, 0);
        }
    }
    return any;
}

static bool look_at_task(hark_loop *loop, hark__task *task)
{
    if (is_told(&task->base) || !hark__lint_on(LINT_LATE)) {
        return false;
    }
    if (!(task->level->flags & LEVEL_REACHED) || task->state == TASK_NEW) {
        set_looks(&task->base, 0);
        return (task->level->flags | task->base.flags) & LEVEL_REACHED;
    }
    if (task->state != TASK_PARKED || !hark__group_waits(task)) { /* rule N5 */
        look_at_late(loop, task);
    }
    return true;
}

void hark__lint_look(hark_loop *loop)
{
    hark__task *task = NULL;
    bool any = false;

    while (anybody_looks(loop) && (task = hark__roster_next(loop->roster, task))) {
        any |= look_at_shields(loop, task);
        any |= look_at_task(loop, task);
    }
    loop->looked = loop->polled;
    loop->look_at = any ? loop->polled + LOOK_EVERY : HARK_FOREVER;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

/* Was it told of before? When there is no more room, yes. */
static bool site_is_new(const char *site)
{
    static _Atomic(const char *) told[SITES];

    for (int i = 0; i < SITES; i++) {
        const char *there = NULL;
        if (atomic_compare_exchange_strong(&told[i], &there, site)) {
            return true;
        }
        if (there == site) {
            return false;
        }
    }
    return false;
}

void hark__lint_stack(const hark__task *task, hark__stack *stack)
{
    unsigned long depth = (unsigned long)hark__stack_depth(stack);
    unsigned long size = (unsigned long)hark__stack_size(stack->class);
    char advice[160];

    if (!depth || !hark__lint_on(LINT_STACK) || !site_is_new(task->site)) {
        return;
    }
    snprintf(advice, sizeof advice,
             size < HARK__STACK_MOST
                 ? "give it more: hark_group_stack(&group, %lu) before hark_go, or hark_options.stack_size for all tasks"
                 : "make its frames smaller: there is no larger stack than its %lu bytes",
             size < HARK__STACK_MOST ? 2 * size : size);
    hark__report_line(task, "has used at least %lu KiB of its stack of %lu KiB; %s [lint: stack]",
                      depth / 1024, size / 1024, advice);
}
