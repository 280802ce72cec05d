/* SPDX-License-Identifier: MIT
 *
 * hark/loop.h - a loop in the program's own hands: stepped from another event loop, or run until it
 * is told to stop.
 *
 * hark_run is what most programs need. These calls are for a program that has a main loop already
 * (GLib, libuv, a game's frames): it makes a hark loop, watches one descriptor, and calls
 * hark_loop_step when that is readable.
 *
 *     hark_loop *loop = hark_loop_new(NULL);
 *     hark_loop_go(loop, worker, &job);
 *     struct pollfd host = {.fd = hark_loop_fd(loop), .events = POLLIN};
 *     hark_loop_step(loop, 0);
 *     while (poll(&host, 1, -1) >= 0) {
 *         hark_loop_step(loop, 0);
 *     }
 *
 * A loop belongs to the thread that made it; if that ends first, the loop is freed then, and a line
 * on stderr says so. Between two steps it rests, and is still this thread's
 * loop (of several, the one stepped last): the host's callbacks may set events, arm watches, cancel
 * groups, and the descriptor becomes readable if that gives the loop something to do.
 *
 * Every call says: -EINVAL for NULL, -ESHUTDOWN for a loop that was freed, -EXDEV in another
 * thread, -EBUSY while a loop of this thread runs (from inside a task or callback, or of a
 * hark_run), unless its own words say otherwise.
 */
#ifndef HARK_LOOP_H
#define HARK_LOOP_H

#include <hark/base.h>
#include <hark/run.h>

HARK_BEGIN

typedef struct hark_loop hark_loop;

/* hark_loop_new - a loop that rests until it is stepped or run. `options` may be NULL.
 *
 * While it lives SIGPIPE is ignored, as in hark_run. Free it with hark_loop_free.
 * Returns NULL when it cannot be had: hark_error_last() says why, errno is what hark_run_with would
 * have returned, made positive. Does not block. Source: asyncio.new_event_loop. */
HARK_API hark_loop *hark_loop_new(const hark_options *options);

/* hark_loop_self - the calling thread's loop, running or resting; NULL if it has none. Anywhere. */
HARK_API hark_loop *hark_loop_self(void);

/* hark_loop_fd - a descriptor for a foreign event loop: readable (POLLIN) when hark_loop_step has
 * something to do, also when a timer is due, or another thread or the host's own code woke a task.
 *
 * Only wait for it; do not read or close it. It is the same for the loop's life.
 * Returns it, or -EOPNOTSUPP: the hubs "poll" and "select" have none, nor has a virtual clock. */
HARK_API int hark_loop_fd(const hark_loop *loop);

/* hark_loop_step - let the loop look at the world once and run what is ready then.
 *
 * If nothing is ready it waits for the world, `timeout` nanoseconds at most (0 or less: it does not
 * wait; HARK_FOREVER: without limit); it may come back earlier with nothing done. Under a virtual
 * clock time goes on by at most `timeout`.
 * Returns 0; or -EDEADLK when it was asked to wait for ever though tasks live and nothing could
 * wake them: then they have been reported, cancelled and waited for, as in hark_run, and the loop
 * may be used again. Blocks the thread as said. Source: Trio's guest mode, libuv's
 * uv_run(UV_RUN_ONCE). */
HARK_API int hark_loop_step(hark_loop *loop, int64_t timeout);

/* hark_loop_go - spawn `fn(arg)` as a task of the loop, in no group: it begins at the next step.
 *
 * If it fails (but for -ECANCELED), a line on stderr says so, for nobody else is told.
 * Returns the task's id; -EINVAL, -ENOMEM. Allowed while the loop runs, too: from its own tasks and
 * callbacks. Does not block. Source: loop.create_task. */
HARK_API hark_task hark_loop_go(hark_loop *loop, hark_fn *fn, void *arg);

/* hark_loop_run_forever - run the loop in this thread until hark_loop_stop.
 *
 * Returns 0 when it was stopped; tasks that live go on when it runs again. -EDEADLK when tasks live
 * and nothing could ever wake them (all were cancelled and have ended; with no tasks it just waits
 * for hark_loop_stop); -ECANCELED when hark_cancel_on's signal has ended all tasks. Blocks the
 * thread. Source: loop.run_forever. */
HARK_API int hark_loop_run_forever(hark_loop *loop);

/* hark_loop_run_until - run the loop in this thread until a new task `fn(arg)` has ended; other
 * tasks of the loop go on meanwhile, and when it runs again.
 *
 * Returns what fn returned; -EDEADLK as hark_run; -EINTR when hark_loop_stop came first: fn's task
 * goes on when the loop runs again. Blocks the thread. Source: loop.run_until_complete. */
HARK_API int hark_loop_run_until(hark_loop *loop, hark_fn *fn, void *arg);

/* hark_loop_stop - hark_loop_run_forever or _until returns when what is ready now has run.
 *
 * Before a run: the next one looks at the world once, runs what is ready, and returns. Any thread
 * (in another one, hold the loop alive meanwhile), but no signal handler.
 * Returns 0; -ENOTSUP for a loop of hark_run, which runs until its tasks have ended. Does not
 * block. Source: loop.stop. */
HARK_API int hark_loop_stop(hark_loop *loop);

/* hark_loop_free - cancel what lives in the loop, wait for its end, and free the loop.
 *
 * Callbacks that are still armed will not run. If it was the loop stepped last, the thread has none
 * until another is stepped. Blocks the thread while tasks clean up.
 * Returns 0; the loop is as it was after any error. Source: loop.close, after asyncio.run's
 * cancelling of what is left. */
HARK_API int hark_loop_free(hark_loop *loop);

/* The functions behind the macros below; `site` is a HARK_SITE. */
HARK_API hark_task hark_loop_go_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg);
HARK_API int hark_loop_run_until_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg);

/* The same calls, which also note where they stand, for reports. */
#define hark_loop_go(...)        hark_loop_go_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_loop_run_until(...) hark_loop_run_until_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
