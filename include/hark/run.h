/* SPDX-License-Identifier: MIT
 *
 * hark/run.h - a loop in this thread, until its tasks have ended.
 */
#ifndef HARK_RUN_H
#define HARK_RUN_H

#include <hark/base.h>

HARK_BEGIN

/* How a loop behaves. All zero, but for `size`, is the default. */
typedef struct hark_options {
    size_t size; /* sizeof(hark_options): lets the struct grow */
    /* "uring", "epoll", "poll", "select"; NULL: $HARK_HUB, else the best that this kernel
     * allows. */
    const char *hub;
    /* Bytes of address space per task, 16 KiB to 8 MiB, rounded up to a power of two; 0: 64 KiB. */
    size_t stack_size;
    /* Nanoseconds: report a task that keeps the loop longer than this; 0: off. */
    int64_t slow_step;
    /* Not 0: ready tasks run in an order drawn from it, and any blocking call may yield. */
    uint64_t seed;
    /* When nothing is ready and a poll found nothing, time jumps to the next deadline. */
    bool virtual_clock;
} hark_options;

/* hark_run - run `main(arg)` as the first task of a new loop, until it and all that it started have
 * ended.
 *
 * When nothing can ever run again (nothing ready, no timer, no descriptor, signal, thread or held
 * loop that could wake a task), the report of who waits for whom is printed on stderr, every task
 * is cancelled, shields or not, and the result is -EDEADLK. SIGPIPE is ignored meanwhile.
 *
 * Returns what main returned; -EDEADLK as said; -EBUSY inside a running loop (a thread has one at a
 * time); -ENOMEM; and what hark_run_with can say of $HARK_HUB. Blocks the calling thread. Any
 * thread. Source: trio.run, asyncio.run. */
HARK_API int hark_run(hark_fn *main, void *arg);

/* hark_run_with - as hark_run, with options (NULL: the defaults).
 *
 * Errors besides: -EINVAL (an unknown hub's name, a stack size out of range, a wrong `size`, a NULL
 * main), -EOPNOTSUPP (a known hub that this kernel or build refuses; the words say which call said
 * no). */
HARK_API int hark_run_with(const hark_options *options, hark_fn *main, void *arg);

/* hark_cancel_on - from now on the signal `signo` cancels the whole run, as if a scope around main
 * had been cancelled; a second one has its default action.
 *
 * Call it in a task, usually main. The earlier disposition comes back when the run ends: in a loop
 * of hark_loop_new, when all that the signal has cancelled has ended, or the loop is freed.
 * Returns 0; -EINVAL (not a signal that can be caught); -ENOTSUP outside a task; -EBUSY (this
 * loop, or another one that is no worker of the same run, has it). */
HARK_API int hark_cancel_on(int signo);

/* hark_after_fork - in a child that was forked while a loop lived: let go of what it has inherited
 * of its parent's loops. The parent's loops go on as if nothing had happened.
 *
 * A forked child has no task and no loop. It may call hark_run or hark_loop_new at once, _exit or
 * an exec; its signals have the dispositions from before the loops. But it still holds the parent's
 * ring, epoll and the like until it ends: this closes them. Call it first thing in the child,
 * before it closes descriptors by number. A hark_loop of the parent's is gone then (hold it no
 * longer: see hark_loop_drop). The task or callback that forked must not return in the child: that
 * stops the child (SIGABRT) with an explanation. Descriptors of the program stay open in both, and
 * shared.
 *
 * vfork and posix_spawn need nothing of this. Returns 0, also where nothing was inherited. Does not
 * block. Any thread, in or outside a loop of the child's own. Source: libuv's uv_loop_fork. */
HARK_API int hark_after_fork(void);

/* The function behind the macros below; `site` is a HARK_SITE. */
HARK_API int hark_run_at(const char *site, const hark_options *options, hark_fn *main, void *arg);

/* The same calls, which also note where they stand, for reports. */
#define hark_run(...)      hark_run_at(HARK_SITE(0, __VA_ARGS__), NULL, __VA_ARGS__)
#define hark_run_with(...) hark_run_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
