/* SPDX-License-Identifier: MIT
 *
 * hark/thread.h - blocking functions in threads, and how other threads, and signal handlers, reach
 * a loop.
 *
 *     in the loop:    to = hark_loop_hold(hark_loop_self()); start the thread with it
 *     in the thread:  hark_loop_post(to, &node, on_news, &news); ... hark_loop_drop(to);
 *
 * Everything else of a loop belongs to its own thread: a callback that was posted sets the event,
 * sends the future or puts the item.
 */
#ifndef HARK_THREAD_H
#define HARK_THREAD_H

#include <hark/base.h>
#include <hark/limiter.h>
#include <hark/loop.h>
#include <hark/watch.h>

HARK_BEGIN

/* hark_loop_hold - a thread that will post to the loop must hold it: the pointer then stays valid,
 * also after the loop has ended, until hark_loop_drop.
 *
 * While a loop is held it is never called deadlocked, and its virtual clock waits. Call it in the
 * loop's own thread, on behalf of the thread to be, or where it is held already.
 * Returns the loop; NULL: no memory or descriptor for its post box, or loop is NULL; the words say
 * which. Does not block. */
HARK_API hark_loop *hark_loop_hold(hark_loop *loop);

/* hark_loop_drop - the hold is given back: once for each hold, in any thread. NULL is fine. */
HARK_API void hark_loop_drop(hark_loop *loop);

/* hark_loop_post - run fn(arg) in the loop, outside any task.
 *
 * From any thread that holds the loop, the loop's own thread, and any signal handler (of a held
 * loop). What was accepted will run, even if the loop is about to end, once, and in the order of
 * accepting. The node `w` belongs to the loop until fn begins; there it may be posted again.
 * hark_unwatch, in the loop, takes it back.
 *
 * Never blocks, locks or allocates, and records no words. Returns 0; -EALREADY (w is posted or
 * armed still, or was armed when its loop ended: then make it zero first); -ESHUTDOWN (the loop has
 * ended; w is free); -EINVAL (NULL); -ENOMEM (nobody holds the loop and it has no post box).
 * Source: asyncio's call_soon_threadsafe, Trio's run_sync_soon. */
HARK_API int hark_loop_post(hark_loop *loop, hark_watch *w, hark_callback *fn, void *arg);

/* hark_loop_call - run fn(arg) as a task of the loop, and wait for its result.
 *
 * From a thread, which blocks, or a task of another loop, which waits while its own loop goes on;
 * in both cases hold `loop` meanwhile. From a task it is a checkpoint first; once accepted it is
 * waited for, cancelled or not. The words of fn's failure come along. Returns what fn returned;
 * -EOWNERDEAD if it was cancelled there; -ESHUTDOWN (the loop has ended); -EDEADLK (from the loop
 * itself); -ECANCELED (nothing ran); -ENOMEM, -EMFILE; -EINVAL; -ENOTSUP in a callback. Source:
 * anyio.from_thread.run, Trio's from_thread.run, run_coroutine_threadsafe. */
HARK_API int hark_loop_call(hark_loop *loop, hark_fn *fn, void *arg);

/* How hark_thread_call_with calls. All zero, but for `size`, is the default. */
typedef struct hark_thread_options {
    size_t size; /* sizeof(hark_thread_options) */
    /* How many run at once; NULL: the loop's own, 40. A token is kept until the thread is done, so
     * this limiter must live as long. */
    hark_limiter *limit;
    bool abandon; /* a cancelled caller leaves at once, and fn runs on alone */
    /* Bytes of *arg that are copied for fn: needed to abandon when arg is the caller's memory. 0:
     * arg itself is passed. */
    size_t copy;
    /* Of a call that is cancelled: called when fn has ended, in its thread, or at once if it never
     * began, also because the scope was cancelled before or while it waited for the limiter; with
     * the argument that fn has. So whoever is cancelled need not care for it any more; after any
     * other result it is the caller's. */
    void (*drop)(void *arg);
    /* What the thread is called meanwhile, for the system's tools: 15 bytes of it. NULL:
     * "hark-calls". */
    const char *name;
    /* For functions that take a few microseconds: how long, in ns, the loop awaits the answer awake,
     * and the thread the next call, before they sleep; 100 us at most. 0: 20 us, for what costs is
     * the way into sleep and out of it. Negative: not at all. The loop runs whatever else is ready
     * meanwhile. While it does not pay it is tried once in 64 calls, and never where there is one
     * processor only. */
    int64_t spin;
} hark_thread_options;

/* hark_thread_call - run fn(arg) in a worker thread and wait for its result; the loop goes on.
 *
 * For what blocks and cannot be told not to: a library, a long computation. fn runs with all
 * signals blocked and without a loop; it may hark_loop_post and hark_loop_call to one that is held.
 * In a cancelled scope it never starts; once it has, it is waited for, and the cancellation shows
 * at the next checkpoint; hark_thread_cancelled tells fn. The words of its failure come along. The
 * task's locals stay with the task: what fn needs is passed in arg. From within such a function the
 * call is made at once, in the same thread, whatever the options say; but not from a task of a loop
 * that it runs.
 *
 * Blocks: a checkpoint, and while too many such calls run. Returns what fn returned; -ECANCELED (it
 * never began); -ENOMEM (no memory or thread), -EMFILE (no descriptor for the loop's post box); -EOWNERDEAD (fn has ended its thread, by
 * pthread_exit, instead of returning); -EINVAL; -ENOTSUP outside a task. Source:
 * trio.to_thread.run_sync, anyio.to_thread.run_sync, asyncio.to_thread. */
HARK_API int hark_thread_call(hark_fn *fn, void *arg);

/* hark_thread_call_with - the same with options (NULL: the default). An abandoned call says
 * -ECANCELED, whether fn has begun or not. */
HARK_API int hark_thread_call_with(const hark_thread_options *options, hark_fn *fn, void *arg);

/* hark_thread_cancelled - in a function that hark_thread_call runs: has the caller been cancelled?
 * So a long computation can stop early. Also after it was abandoned.
 *
 * Never blocks. Returns 1; 0; -ENOTSUP in any other thread (in a task: hark_checkpoint). Source:
 * trio.from_thread.check_cancelled. */
HARK_API int hark_thread_cancelled(void);

/* hark_thread_limiter - what limits the calls of this thread's loop that name no limiter of their
 * own: 40 at once, hark_limiter_resize changes it. Returns NULL with words where there is no
 * loop. */
HARK_API hark_limiter *hark_thread_limiter(void);

/* hark_threads_end - let the process's worker threads end: those that are idle at once, those at
 * work when they are done. Waits for it, `timeout` nanoseconds at most (HARK_FOREVER: without
 * limit).
 *
 * Not needed before the program ends: an idle thread ends by itself after a second. It is for a
 * program that unloads a library, forks, or counts its threads. When it has returned 0 none of them
 * runs the program's code any more. New calls start new threads.
 * Blocks the calling thread, so call it outside hark_run. Returns 0; -ETIMEDOUT (some are still at
 * work); -EDEADLK in a worker thread. Source: Trio's wait_all_threads_completed, eventlet's
 * tpool.killall. */
HARK_API int hark_threads_end(int64_t timeout);

/* The functions behind the macros below; `site` is a HARK_SITE. */
HARK_API int hark_loop_call_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg);
HARK_API int hark_thread_call_at(const char *site, const hark_thread_options *options, hark_fn *fn,
                                 void *arg);

/* The same calls, which also note where they stand, for reports. */
#define hark_loop_call(...)        hark_loop_call_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)
#define hark_thread_call(...)      hark_thread_call_at(HARK_SITE(0, __VA_ARGS__), NULL, __VA_ARGS__)
#define hark_thread_call_with(...) hark_thread_call_at(HARK_SITE(1, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
