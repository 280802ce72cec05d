/* SPDX-License-Identifier: MIT
 *
 * report.c - what hark prints by itself: the task tree, the deadlock, the overflow, the fatal
 * misuse.
 *
 * Idea     All are built from a few sentences about one task, in a buffer on the stack, with
 *          nothing that allocates or locks, so that a signal handler can speak them too. In
 *          ordinary context tasks are printed as the tree that they are; in a signal handler, where
 *          a list may be half changed, record by record.
 * Rules    Q1  Reports go to stderr as whole lines, each beginning with "hark:" or standing under
 *              one that does.
 *          Q2  A report never changes what it reports on.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/core.h"
#include <hark/dump.h>

#define LINES        2048 /* bytes written at once */
#define INDENT_MOST  20
#define FRAMES_SHOWN 16
#define TRACES_SHOWN 32 /* tasks of a tree */
#define LEVELS_SHOWN 32 /* around a task that crashes */

static const char *state_words(const hark__task *task)
{
    switch (task->state) {
    case TASK_NEW: return "has not run yet";
    case TASK_READY: return "is ready";
    case TASK_RUNNING: return "is running";
    case TASK_ENDED: return "has ended";
    default: return NULL;
    }
}

/* 0: no task, or nobody knows. */
static hark_task canceller_of(const struct hark_level *level)
{
    if (level->flags & LEVEL_ROOT) {
        return 0;
    }
    if (level->flags & LEVEL_BASE) {
        const hark__task *task = hark__level_task(level);
        return task->extra ? task->extra->canceller : 0;
    }
    return ((const hark_scope *)level)->canceller;
}

/* Who asked for it: the innermost level that was cancelled itself says. */
static void put_canceller(const hark__task *task, struct hark__text *text)
{
    const struct hark_level *level = task->level;

    while (level->outer && !(level->flags & LEVEL_CANCELLED)) {
        level = level->outer;
    }
    hark__text_put(text, "; it is cancelled");
    if (level->flags & LEVEL_TIMED_OUT) {
        hark__text_put(text, " by a deadline");
    } else if (level->flags & LEVEL_ABORTED) {
        hark__text_put(text, " by a failure in its group");
    } else if (canceller_of(level)) {
        hark__text_put(text, " by task %u", (uint32_t)canceller_of(level));
    }
}

/* Told by a signal's handler: it is out of its list already, and not yet ready. */
static bool goes_on(const hark__task *task)
{
    return task->wait->stands == hark__stands_in_list && !task->in.waiter.list;
}

static void put_state(hark_loop *loop, const hark__task *task, struct hark__text *text)
{
    const char *state = state_words(task);

    if (state) {
        hark__text_put(text, "%s", state);
    } else {
        hark__text_put(text, "waits for %s", task->wait->what);
        bool told = !goes_on(task);
        if (task->wait->leave == hark__leave_list && !task->wait->says_where && told) {
            hark__text_put(text, " at %p", (void *)task->in.waiter.list);
        }
        if (task->wait->describe && told) {
            task->wait->describe(task, text);
        }
        if (loop->millis != task->base.mark) {
            hark__text_put(text, " (");
            hark__text_duration(text, (int64_t)(loop->millis - task->base.mark) * 1000000);
            hark__text_put(text, " so far)");
        }
    }
    if (task->level->flags & LEVEL_REACHED) {
        put_canceller(task, text);
    }
}

static void put_task(hark_loop *loop, const hark__task *task, int depth, struct hark__text *text)
{
    for (int i = 0; i < depth && i < INDENT_MOST; i++) {
        hark__text_put(text, "  ");
    }
    hark__task_words(task, text);
    hark__text_put(text, ": ");
    put_state(loop, task, text);
    hark__text_put(text, "\n");
}

static int depth_of(const struct hark_level *level)
{
    int depth = 0;

    for (level = level->outer; level && !(level->flags & LEVEL_ROOT); level = level->outer) {
        depth += (level->flags & LEVEL_BASE) != 0;
    }
    return depth;
}

static void put_trace(const hark__task *task, int depth, struct hark__text *text)
{
    void *frames[FRAMES_SHOWN];

    hark__frames_put(text, frames, hark__task_frames(task, frames, FRAMES_SHOWN),
                     3 + (depth < INDENT_MOST ? depth : INDENT_MOST));
}

/* Every task below main, parents first; the first `traces` with their calls. */
static void put_tree(hark_loop *loop, int traces, struct hark__text *text)
{
    const hark__task *main = hark__roster_next(loop->roster, NULL);

    while (main && main->base.outer != &loop->root) {
        main = hark__roster_next(loop->roster, main);
    }
    for (const struct hark_level *level = main ? &main->base : NULL; level;
         level = hark__level_walk(level, &main->base)) {
        if (level->flags & LEVEL_BASE) {
            int depth = depth_of(level);
            put_task(loop, hark__level_task(level), 1 + depth, text);
            if (traces-- > 0) {
                put_trace(hark__level_task(level), depth, text);
            }
        }
    }
}

void hark__report_tree(hark_loop *loop, struct hark__text *text)
{
    put_tree(loop, 0, text);
}

/* The same without trusting any list: for signal handlers. */
static void put_records(hark_loop *loop, struct hark__text *text)
{
    const hark__task *task = NULL;

    while ((task = hark__roster_next(loop->roster, task))) {
        put_task(loop, task, 1, text);
    }
}

void hark_dump(FILE *out)
{
    hark_loop *loop = hark__loop_here();
    struct hark__text text;
    char bytes[LINES];

    if (!out) {
        return;
    }
    hark__text_to_file(&text, out, bytes, sizeof bytes);
    if (!loop) {
        hark__text_put(&text, "hark: no loop runs in this thread\n");
    } else {
        hark__text_put(&text, "hark: %u task%s, hub %s\n", loop->tasks, loop->tasks == 1 ? "" : "s",
                       loop->hub->class->name);
        hark__report_tree(loop, &text);
    }
    hark__text_flush(&text);
}

/* Where the interrupted task is: what keeps a loop that is stuck. In code without frame pointers the
 * register may hold anything. */
static void put_running(hark_loop *loop, const void *ucontext, struct hark__text *text)
{
    const hark__task *task = loop->running;
    void *frames[FRAMES_SHOWN], *frame;
    int count = 1;

    if (!task) {
        return;
    }
    hark__context_frame(ucontext, &frames[0], &frame);
    const hark__stack *stack = hark__stack_find(frame);
    if (stack && stack->owner == task) {
        count += hark__frames_of(frames + 1, FRAMES_SHOWN - 1, frame, stack);
    }
    hark__text_put(text, "hark: now runs ");
    hark__task_title(task, text);
    hark__text_put(text, ", here:\n");
    hark__frames_put(text, frames, count, 1);
}

void hark__report_from_signal(hark_loop *loop, const void *ucontext)
{
    struct hark__text text;
    char bytes[LINES];

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: %u task%s, hub %s\n", loop->tasks, loop->tasks == 1 ? "" : "s",
                   loop->hub->class->name);
    put_records(loop, &text);
    put_running(loop, ucontext, &text);
    hark__text_flush(&text);
}

/* "task 2 "a" waits for task 3 "b", which waits for task 2 "a"". */
static void put_ring(const hark__task *ring, struct hark__text *text)
{
    const hark__task *task = ring;

    hark__text_put(text, "hark: a ring: ");
    hark__task_title(task, text);
    hark__text_put(text, " waits for ");
    for (task = hark__task_awaited(task); task != ring; task = hark__task_awaited(task)) {
        hark__task_title(task, text);
        hark__text_put(text, ", which waits for ");
    }
    hark__task_title(task, text);
    hark__text_put(text, "\n");
}

void hark__report_deadlock(hark_loop *loop)
{
    const hark__task *ring = hark__ring_find(loop);
    struct hark__text text;
    char bytes[LINES];

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(
        &text,
        "hark: deadlock: nothing can ever run again (nothing is ready, and no timer, descriptor, signal or thread could wake anybody)\n");
    if (ring) {
        put_ring(ring, &text);
    }
    hark__text_put(&text, "hark: who waits for what%s:\n",
                   loop->tasks > TRACES_SHOWN ? " (the first 32 with their calls)" : "");
    put_tree(loop, TRACES_SHOWN, &text);
    hark__text_put(&text, "hark: every task is cancelled now, and the run ends with -EDEADLK\n");
    hark__text_flush(&text);
}

void hark__report_lint(hark_loop *loop, const hark__task *task, const char *lint,
                       const char *format, ...)
{
    struct hark__text text;
    char bytes[LINES];
    va_list arguments;

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: ");
    hark__task_words(task, &text);
    hark__text_put(&text, ": ");
    va_start(arguments, format);
    hark__text_vput(&text, format, arguments);
    va_end(arguments);
    hark__text_put(&text, "; it ");
    put_state(loop, task, &text);
    hark__text_put(&text, " [lint: %s]\n", lint);
    put_trace(task, -2, &text);
    hark__text_flush(&text);
}

/* ---- things that stop the process ------------------------------------------------------------ */

void hark__report_overflow(const hark__stack *stack, const void *address, void *context)
{
    const hark__task *task = stack->owner;
    unsigned long size = (unsigned long)hark__stack_size(stack->class);
    void *frames[FRAMES_SHOWN], *pc, *frame;
    struct hark__text text;
    char bytes[LINES];

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: stack overflow in ");
    if (task) {
        hark__task_words(task, &text);
    } else {
        hark__text_put(&text, "a task that has ended");
    }
    hark__text_put(
        &text,
        ": its stack has %lu KiB, and the guard below it was touched at %p. Give it more: hark_group_stack(&group, %lu) before hark_go, or hark_options.stack_size for all tasks; or make its frames smaller.\n",
        size / 1024, (void *)(uintptr_t)address, 4 * size);
    hark__context_frame(context, &pc, &frame);
    frames[0] = pc;
    hark__frames_put(&text, frames, 1 + hark__frames_of(frames + 1, FRAMES_SHOWN - 1, frame, stack),
                     1);
    hark__text_flush(&text);
}

/* A level, as the task sees it that stands inside; what it looks like is all that can be trusted. */
static void put_level(const struct hark_level *level, struct hark__text *text)
{
    const char *noun = level->flags & LEVEL_GROUP    ? "a group"
                       : level->flags & LEVEL_WITHIN ? "a deadline of hark_within"
                                                     : "a scope";

    hark__text_put(text, "%s%s%s%s", noun, level->flags & LEVEL_SHIELD ? ", shielded" : "",
                   level->flags & LEVEL_TIMED_OUT   ? ", whose deadline has passed"
                   : level->flags & LEVEL_CANCELLED ? ", cancelled"
                                                    : "",
                   level->flags & LEVEL_REACHED && !(level->flags & LEVEL_CANCELLED)
                       ? ", reached by a cancellation"
                       : "");
}

/* "a scope, shielded; inside a group of task 1 "program"". */
static void put_way(const hark__task *task, struct hark__text *text)
{
    const struct hark_level *level = task->level;

    const char *before = "";

    for (int i = 0; i < LEVELS_SHOWN && level && !(level->flags & LEVEL_ROOT); i++) {
        if (!(level->flags & (LEVEL_BASE | LEVEL_BINDING))) {
            hark__text_put(text, "%s", before);
            before = "; inside ";
            put_level(level, text);
            if (hark__level_task(level) != task) {
                hark__text_put(text, " of ");
                hark__task_title(hark__level_task(level), text);
            }
        }
        level = level->outer;
    }
}

static const char *signal_name(int signo)
{
    switch (signo) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    default: return "a signal";
    }
}

/* After a crash anything may be broken, and a fault here ends the process at once: so what is
 * surest is said first, and written before the next is tried. */
void hark__report_crash(const hark__stack *stack, const siginfo_t *info, const void *context)
{
    const hark__task *task = stack->owner;
    void *frames[FRAMES_SHOWN], *frame;
    struct hark__text text;
    char bytes[LINES];

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: crash: %s", signal_name(info->si_signo));
    if (info->si_code != SI_KERNEL && (info->si_signo == SIGSEGV || info->si_signo == SIGBUS)) {
        hark__text_put(&text, " at the address %p", info->si_addr);
    }
    hark__text_put(&text, " in ");
    hark__task_words(task, &text);
    hark__text_put(&text, "; it was here:\n");
    hark__text_flush(&text);
    hark__context_frame(context, &frames[0], &frame);
    hark__frames_put(&text, frames, 1 + hark__frames_of(frames + 1, FRAMES_SHOWN - 1, frame, stack),
                     1);
    hark__text_flush(&text);
    if (task->level != &task->base || task->base.outer->flags & LEVEL_GROUP) {
        hark__text_put(&text, "hark: it was inside ");
        put_way(task, &text);
        hark__text_put(&text, "\n");
    }
    hark__text_flush(&text);
}

_Noreturn void hark__report_death(hark__task *task, const char *format, ...)
{
    struct hark__text text;
    char bytes[LINES];
    va_list arguments;

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: ");
    if (task) {
        hark__task_words(task, &text);
        hark__text_put(&text, ": it ");
    }
    va_start(arguments, format);
    hark__text_vput(&text, format, arguments);
    va_end(arguments);
    hark__text_put(&text, "\nhark: going on would corrupt memory, so the process stops here\n");
    hark__text_flush(&text);
    abort();
}

void hark__report_line(const hark__task *task, const char *format, ...)
{
    struct hark__text text;
    char bytes[512];
    va_list arguments;

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: ");
    if (task) {
        hark__task_words(task, &text);
        hark__text_put(&text, ": ");
    }
    va_start(arguments, format);
    hark__text_vput(&text, format, arguments);
    va_end(arguments);
    hark__text_put(&text, "\n");
    hark__text_flush(&text);
}

void hark__report_where(const hark__task *task)
{
    struct hark__text text;
    char bytes[LINES];

    hark__text_to_fd(&text, STDERR_FILENO, bytes, sizeof bytes);
    hark__text_put(&text, "hark: it gave way here:\n");
    put_trace(task, -2, &text);
    hark__text_flush(&text);
}
