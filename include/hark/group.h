/* SPDX-License-Identifier: MIT
 *
 * hark/group.h - tasks live in groups.
 *
 * A group is opened by a task, and closing it waits for every task spawned into it: no task
 * outlives the block that started it. The first failure, of the body or of a child, cancels all the
 * others and is what close returns. A group lives on the opener's stack (or wherever the opener
 * keeps it) and needs no initialisation before it is opened.
 */
#ifndef HARK_GROUP_H
#define HARK_GROUP_H

#include <hark/base.h>
#include <hark/scope.h>

HARK_BEGIN

#define HARK_FAILURES_KEPT 8

typedef struct hark_group {
    /* private */
    hark_scope scope;          /* the group is a scope around its body and its children */
    struct hark__task *first;  /* living children, in the order of their spawning: a ring */
    struct hark__task *closer; /* the opener, while it waits in close */
    uint32_t children;         /* living, and those still starting (hark_start) */
    uint32_t stack_class;      /* for the tasks spawned from now on */
    /* As long as there is none, while it closes, the first place holds the body's result. */
    uint32_t failure_count;
    uint32_t notes; /* what else has happened to its children */
    int failures[HARK_FAILURES_KEPT];
    uint64_t words;               /* serial of the first failure's words */
    struct hark__start *starting; /* pending hark_start calls */
} hark_group;

/* hark_group_open - open a group in the calling task; what it held before does not matter.
 *
 * Every open group must be closed by the same task, innermost first, before the task's body
 * returns. Never blocks. Returns 0; -EINVAL (NULL); -EALREADY (open already); -ENOTSUP outside a
 * task. Source: trio.open_nursery, anyio.create_task_group. */
HARK_API int hark_group_open(hark_group *g);

/* hark_group_stack - the tasks spawned into g from now on get `bytes` of stack (16 KiB to 8 MiB,
 * rounded up to a power of two; 0: the loop's default).
 *
 * Never blocks. Returns 0; -EINVAL (NULL, not open, out of range). */
HARK_API int hark_group_stack(hark_group *g, size_t bytes);

/* hark_go - spawn: `fn(arg)` will run as a task of g, soon.
 *
 * It does not run before this returns; new and woken tasks share one first-come-first-served queue.
 * Any task of the loop may spawn into an open group, also while its opener waits in close as long
 * as a child lives. Into a cancelled group too: the task runs to its first checkpoint, so that it
 * can release what it was given. Never blocks. Returns the task's id; -EINVAL (NULL, not open);
 * -ENOMEM; -EXDEV (a group of another loop, or no loop here). Source: trio's start_soon. */
HARK_API hark_task hark_go(hark_group *g, hark_fn *fn, void *arg);

/* hark_go_copy - as hark_go; the `size` bytes at `arg` are copied into the task, and fn gets a
 * pointer to the copy, aligned to 16 bytes, which lives as long as the task.
 *
 * Errors besides: -EINVAL when size is more than a quarter of the stack. hark_go_with takes the
 * value itself: hark_go_with(&g, worker, (struct job){ &ready, i }). */
HARK_API hark_task hark_go_copy(hark_group *g, hark_fn *fn, const void *arg, size_t size);
#define hark_go_with(g, fn, ...) \
    hark_go_copy_at(HARK_SITE(0, fn), (g), (fn), &(__VA_ARGS__), sizeof(__VA_ARGS__))

/* hark_start - spawn `fn(arg)` and wait until it calls hark_started; *started (may be NULL) gets
 * the value that it passed.
 *
 * Until then the child belongs to the caller: cancelling the caller's scopes, or the group, cancels
 * it, and a failure is returned here and is none of the group's. From hark_started on it is the
 * group's. A start that is pending keeps the group open. Blocks: waits for the child, cancelled or
 * not. Returns the task's id; the child's failure; -EINVAL when it ended without calling
 * hark_started (or NULL, not open); -ECANCELED when the child ended so because the caller's scopes
 * were cancelled; -ENOMEM; -ENOTSUP outside a task. Source: trio's nursery.start. */
HARK_API hark_task hark_start(hark_group *g, hark_fn *fn, void *arg, int *started);

/* hark_started - by a task that hark_start spawned: I am ready; `value` goes to the starter. Never
 * blocks. If the starter was cancelled by then (and the group was not), the task stays with it and
 * is cancelled with it.
 *
 * Returns 0; -EALREADY (said already); -EINVAL (this task was not spawned by hark_start); -ENOTSUP
 * outside a task. */
HARK_API int hark_started(int value);

/* hark_group_cancel - cancel the group's body and all its children, and theirs. Any task of the
 * loop may. Never blocks.
 *
 * Returns 0 (also when cancelled already); -EINVAL (NULL, not open); -EXDEV from another loop or
 * thread. */
HARK_API int hark_group_cancel(hark_group *g);

/* hark_group_close - wait until every child has ended, then say how it went. `rc` is the body's
 * result.
 *
 * A negative rc cancels the children that still live. Lets the other ready tasks run at least once.
 * It waits even in a cancelled scope, for children must not be left behind; the cancellation
 * reaches them. Blocks, but is no checkpoint. Only the opener may, innermost first. Returns the
 * first failure (of the body or of a child; -ECANCELED is none); else -ECANCELED when a scope
 * around the group cut the body or a child short; else 0 when hark_group_cancel did and rc is
 * -ECANCELED; else rc. -EINVAL: NULL, not open, or not the innermost (then what was left open
 * inside is cancelled, and the group is closed all the same); -EPERM: not the opener; -ENOTSUP
 * outside a task. */
HARK_API int hark_group_close(hark_group *g, int rc);

/* hark_group_failures - how many failures there were; the first `max` of them (8 are kept), in
 * order, go to codes.
 *
 * Also after close, until g is opened again. Never blocks. Returns the count; -EINVAL (NULL, or a
 * negative max). */
HARK_API int hark_group_failures(const hark_group *g, int *codes, int max);

/* hark_self - the calling task's id; 0 outside a task. */
HARK_API hark_task hark_self(void);

/* hark_task_wait - wait until task t has ended. Its result is its group's business.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED; -ESRCH (it is gone already, or never was); -EDEADLK
 * (it is the caller); -ENOTSUP outside a task. */
HARK_API int hark_task_wait(hark_task t);

/* hark_task_cancel - cancel the scope that every task has around its body. The task then ends
 * without counting as a failure of its group. Never blocks.
 *
 * Returns 0 (also when cancelled already); -ESRCH (gone, or of another loop). */
HARK_API int hark_task_cancel(hark_task t);

/* hark_task_name - name the calling task, for reports. printf-like; cut at 63 bytes.
 *
 * Without it a task is called by its function's name. Returns 0; -ENOMEM; -ENOTSUP outside a
 * task. */
HARK_API int hark_task_name(const char *format, ...) HARK_PRINTF(1, 2);

/* The functions behind the macros below; `site` is a HARK_SITE. */
HARK_API hark_task hark_go_at(const char *site, hark_group *g, hark_fn *fn, void *arg);
HARK_API hark_task hark_go_copy_at(const char *site, hark_group *g, hark_fn *fn, const void *arg,
                                   size_t size);
HARK_API hark_task hark_start_at(const char *site, hark_group *g, hark_fn *fn, void *arg,
                                 int *started);

/* The same calls, which also note where they stand: every report can name the line that spawned a
 * task, and the function that it runs. */
#define hark_go(...)      hark_go_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_go_copy(...) hark_go_copy_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_start(...)   hark_start_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
