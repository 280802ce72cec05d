/* SPDX-License-Identifier: MIT
 *
 * hark/portal.h - a loop for a program whose main thread is not hark's: it runs in a thread of its
 * own, and any thread calls into it.
 *
 *     hark_portal portal;
 *     hark_portal_task job;
 *     hark_portal_open(&portal, NULL);
 *     rc = hark_portal_call(&portal, fetch, &url);    // this thread waits, the loop goes on
 *     hark_portal_go(&portal, &job, watch_it, NULL);  // goes on by itself
 *     hark_portal_cancel(&portal, &job);
 *     rc = hark_portal_wait(&job, HARK_FOREVER);
 *     hark_portal_close(&portal, false);
 *
 * All calls may be made by any thread, and by tasks of other loops, of which then only the task
 * waits. Every task of a portal is one of its group, but none is cancelled because another one
 * fails: a failure is told to who waits for it.
 */
#ifndef HARK_PORTAL_H
#define HARK_PORTAL_H

#include <hark/base.h>
#include <hark/promise.h>
#include <hark/run.h>
#include <hark/watch.h>

HARK_BEGIN

typedef struct hark_portal {
    /* private */
    pthread_mutex_t lock;
    struct hark__portal *in; /* NULL: closed */
} hark_portal;

/* What was spawned through a portal; the caller's memory, until it has been waited for. */
typedef struct hark_portal_task {
    /* private */
    hark_watch post;
    hark_promise result;
    struct hark__portal *in;
    const char *site;
    hark_fn *fn;
    void *arg;
    hark_task id; /* in the portal's loop; 0: not begun yet */
    bool begun, cancelled;
} hark_portal_task;

/* hark_portal_open - start a thread with a loop that runs until hark_portal_close. What *p held
 * before does not matter. The thread is born with the caller's signal mask.
 *
 * Blocks the thread for the moment that it takes. Returns 0; -EINVAL (NULL); -EAGAIN, -ENOMEM (no
 * thread, no memory); what hark_run_with says of the options. Source:
 * anyio.from_thread.start_blocking_portal. */
HARK_API int hark_portal_open(hark_portal *p, const hark_options *options);

/* hark_portal_call - run fn(arg) as a task there, and wait for its result.
 *
 * Blocks: in a task of another loop a checkpoint; if that is cancelled while it waits, the task
 * there is cancelled too, and waited for. The words of fn's failure come along (127 bytes of them).
 * Returns what fn returned; -EOWNERDEAD if it was cancelled there; -ECANCELED; -ESHUTDOWN (the
 * portal is closed, or is closing); -EDEADLK (from the portal's own thread: spawn a task instead);
 * -ENOMEM; -EINVAL; -ENOTSUP in a callback. Source: BlockingPortal.call. */
HARK_API int hark_portal_call(hark_portal *p, hark_fn *fn, void *arg);

/* hark_portal_go - spawn fn(arg) there. *t is overwritten; it must stay where it is until
 * hark_portal_wait has told its end.
 *
 * Never blocks. Any thread, the portal's own too. Returns 0: it will run, or t fails; -ESHUTDOWN
 * (and t has failed with it, for who waits all the same); -EINVAL. Source: BlockingPortal.start_task_soon. */
HARK_API int hark_portal_go(hark_portal *p, hark_portal_task *t, hark_fn *fn, void *arg);

/* hark_portal_start - as hark_portal_go, and wait until fn has called hark_started; *started (may
 * be NULL) gets its value.
 *
 * From then on as hark_portal_go. If it fails before, that is the result, and there is nothing to
 * be waited for. Blocks. Returns 0; fn's failure; -EINVAL when it ended without calling
 * hark_started (or NULL); else as hark_portal_call. Source: BlockingPortal.start_task. */
HARK_API int hark_portal_start(hark_portal *p, hark_portal_task *t, hark_fn *fn, void *arg,
                               int *started);

/* hark_portal_wait - wait for its result, `timeout` nanoseconds at most (HARK_FOREVER: without
 * limit; 0 or less: only look). Any number of threads and tasks may wait, and may come later; the
 * portal may be closed by then.
 *
 * Blocks: in a task a checkpoint. Returns what fn returned; -EOWNERDEAD (it was cancelled there);
 * -ESHUTDOWN (the portal closed before it began); -ETIMEDOUT; -ECANCELED (the waiter was); -EINVAL
 * (NULL; all zero: never spawned); -ENOMEM, -EMFILE (to wait, a loop needs a post box); -ENOTSUP in
 * a callback. */
HARK_API int hark_portal_wait(hark_portal_task *t, int64_t timeout);

/* hark_portal_cancel - cancel the task: before it begins, while it runs (its next blocking call
 * says -ECANCELED), also while the portal is closing; when it has ended, nothing.
 *
 * When it has returned, the loop has been told. Waits for the loop, not for the task's end. Returns
 * 0; -ECANCELED (in a task that was cancelled itself); -ENOMEM; -EINVAL; -ENOTSUP in a callback of
 * another loop. */
HARK_API int hark_portal_cancel(hark_portal *p, hark_portal_task *t);

/* hark_portal_close - let the portal end: nothing new is let in; what runs is waited for, or
 * cancelled and waited for (`cancel`). The thread has ended when it returns, and p may be opened
 * again.
 *
 * Blocks; no checkpoint, in a task of another loop only that waits. Returns 0; -ESHUTDOWN (closed
 * already, or being closed); -EDEADLK (from the portal's own thread; or its tasks could never have
 * gone on: the report on stderr says who waited for what); -ECANCELED (hark_cancel_on's signal had
 * ended it); -EINVAL; -ENOTSUP in a callback. Source: BlockingPortal.stop. */
HARK_API int hark_portal_close(hark_portal *p, bool cancel);

/* One portal for all who need one just now: the first to come opens it, the last to leave closes
 * it. All zero is unused. */
typedef struct hark_portal_shared {
    /* private */
    pthread_mutex_t lock;
    int users;
    hark_portal portal;
} hark_portal_shared;
/* clang-format off */
#define HARK_PORTAL_SHARED_INIT {PTHREAD_MUTEX_INITIALIZER, 0, {PTHREAD_MUTEX_INITIALIZER, NULL}}
/* clang-format on */

/* hark_portal_enter - the shared portal, open; to be left again by hark_portal_leave. Blocks the
 * thread while it is opened; never while one is closed: who comes meanwhile opens another. `options`
 * counts for who opens it.
 *
 * Returns NULL with words when it cannot be opened; errno is what hark_portal_open would have
 * returned, made positive. Source: anyio.from_thread.BlockingPortalProvider. */
HARK_API hark_portal *hark_portal_enter(hark_portal_shared *s, const hark_options *options);

/* hark_portal_leave - one user less; the last one closes it, and waits for what runs there. Returns
 * 0; -EPERM (nobody has entered); -EINVAL; as the last one what hark_portal_close does (-EDEADLK
 * in the portal's own thread, -ENOTSUP: it is still entered). */
HARK_API int hark_portal_leave(hark_portal_shared *s);

/* The functions behind the macros below; `site` is a HARK_SITE. */
HARK_API int hark_portal_call_at(const char *site, hark_portal *p, hark_fn *fn, void *arg);
HARK_API int hark_portal_go_at(const char *site, hark_portal *p, hark_portal_task *t, hark_fn *fn,
                               void *arg);
HARK_API int hark_portal_start_at(const char *site, hark_portal *p, hark_portal_task *t,
                                  hark_fn *fn, void *arg, int *started);

/* The same calls, which also note where they stand, for reports. */
#define hark_portal_call(...)  hark_portal_call_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_portal_go(...)    hark_portal_go_at(HARK_SITE(2, __VA_ARGS__), __VA_ARGS__)
#define hark_portal_start(...) hark_portal_start_at(HARK_SITE(2, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
