/* SPDX-License-Identifier: MIT
 *
 * trace.c - where a task is: the calls that led there; and whom it waits for.
 *
 * Idea     A parked task's stack begins at the place where it was switched away from; from there
 *          frame pointers lead to its first frame, where the walk ends. What a place is called is
 *          asked of the loader, which knows exported functions only (programs that are linked with
 *          -rdynamic export theirs). For all places the file and the address in it are given, from
 *          which `hark frames` and addr2line find function and line.
 * Rules    K1  Nothing here allocates, or locks (but for what the loader does), so reports may walk
 *              the stacks of a loop that is at rest, or whose thread they interrupt.
 *          K2  Most calls of hark end in a tail call, so the first place is usually the program's
 *              own; those that do not are part of the trace.
 */
#include <dlfcn.h>
#include <string.h>

#include "core/core.h"

/* No function of ours that a task begins with is longer. */
#define FIRST_MOST 4096

static bool is_in(const void *address, void (*function)(void))
{
    uintptr_t at = (uintptr_t)address, from = (uintptr_t)function;
    return at > from && at < from + FIRST_MOST;
}

/* Without the two or three calls that every stack begins with: they are hark's, and say nothing. */
static int program_only(void *const *frames, int count)
{
    int own = count;

    own -= own > 0 && is_in(frames[own - 1], hark__first_frame());
    own -= own > 0 && is_in(frames[own - 1], (void (*)(void))hark__task_main);
    own -= own > 0 && is_in(frames[own - 1], (void (*)(void))hark__task_call_with_copy);
    return own;
}

int hark__frames_of(void **frames, int max, const void *frame, const hark__stack *stack)
{
    return program_only(frames, hark__frames(frames, max, frame, stack->low, stack));
}

int hark__task_frames(const hark__task *task, void **frames, int max)
{
    if (task->state != TASK_PARKED && task->state != TASK_READY) {
        return 0; /* it runs, or has not run yet */
    }
    const hark__stack *stack = hark__stack_at(task->sp, task->flags & TASK_CLASS);
    return program_only(frames, hark__saved_frames(frames, max, task->sp, stack->low, stack));
}

void hark__frame_put(struct hark__text *text, const void *address, bool paths)
{
    Dl_info info;
    const char *path = dladdr(address, &info) && info.dli_fname ? info.dli_fname : NULL;
    unsigned long at = path ? (unsigned long)((const char *)address - (char *)info.dli_fbase) : 0;

    if (!path) {
        hark__text_put(text, "%p", (void *)(uintptr_t)address);
        return;
    }
    if (info.dli_sname) {
        hark__text_put(text, "%s+0x%lx", info.dli_sname,
                       (unsigned long)((const char *)address - (char *)info.dli_saddr));
    }
    if (paths) {
        hark__text_put(text, info.dli_sname ? " (%s+0x%lx)" : "%s+0x%lx", path, at);
    } else if (!info.dli_sname) {
        const char *slash = strrchr(path, '/');
        hark__text_put(text, "%s+0x%lx", slash ? slash + 1 : path, at);
    }
}

void hark__frames_put(struct hark__text *text, void *const *frames, int count, int indent)
{
    for (int i = 0; i < count; i++) {
        for (int blanks = 0; blanks < indent; blanks++) {
            hark__text_put(text, "  ");
        }
        hark__text_put(text, "#%d ", i);
        hark__frame_put(text, frames[i], true);
        hark__text_put(text, "\n");
    }
}

/* ---- rings ----------------------------------------------------------------------------------- */

const hark__task *hark__task_awaited(const hark__task *task)
{
    if (task->state != TASK_PARKED) {
        return NULL;
    }
    return task->wait->holder ? task->wait->holder(task, 0) : hark__task_joined(task);
}

#define RING_STEPS (1 << 20)

/* Brent's search: the hare goes on, the tortoise jumps to it at each power of two. */
static const hark__task *ring_from(const hark__task *task, int *left)
{
    const hark__task *tortoise = task, *hare = hark__task_awaited(task);

    for (int power = 1, steps = 1; hare && hare != tortoise; steps++) {
        if (--*left <= 0) {
            return NULL;
        }
        if (steps == power) {
            tortoise = hare;
            power *= 2;
            steps = 0;
        }
        hare = hark__task_awaited(hare);
    }
    return hare;
}

const hark__task *hark__ring_find(hark_loop *loop)
{
    const hark__task *task = NULL, *ring = NULL;
    int left = RING_STEPS;

    while (!ring && left > 0 && (task = hark__roster_next(loop->roster, task))) {
        ring = ring_from(task, &left);
    }
    return ring;
}
