/* SPDX-License-Identifier: MIT
 *
 * hark/workers.h - several processors: a loop a thread, and the same main task in each.
 *
 *     static int server(void *arg)
 *     {
 *         int listener = hark_tcp_listen("0.0.0.0", "8080", 0);  // each its own: SO_REUSEPORT
 *         ...
 *     }
 *     int main(void) { return hark_run_workers(NULL, 0, server, NULL) < 0; }
 *
 * Loops share nothing: a task stays in the loop that it was spawned in, and a primitive belongs to
 * one loop. What crosses them:
 *
 *     hark_link, hark_promise          items and results (hark/link.h, hark/promise.h)
 *     hark_loop_call(hark_worker_loop(i), ...), hark_loop_post        calls
 *
 * Connections reach the loops in two ways. Each worker listens, and the kernel deals connections
 * out; or one worker accepts, hark_forget()s the descriptor and sends it through a hark_link that
 * all receive from: whoever waits longest gets the next one. With port "0" only the second way has
 * one port; or worker 0 listens on "0", tells its port by a hark_promise, and the others listen
 * there.
 */
#ifndef HARK_WORKERS_H
#define HARK_WORKERS_H

#include <hark/base.h>
#include <hark/loop.h>
#include <hark/run.h>

HARK_BEGIN

/* hark_run_workers - run `main(arg)` as the first task of each of `threads` new loops, a thread
 * each, until all have ended. The calling thread is worker 0.
 *
 * threads 0: as many as there are processors that this thread may use. If one main fails, or one
 * loop is deadlocked, all the others are cancelled, as if a scope around each main had been: the
 * first failure is the result, and its words come along. A signal that one of them, or each, has
 * asked for (hark_cancel_on) cancels all of them at once. Either all loops begin or no main runs.
 *
 * The other threads are born with the caller's signal mask and the system's usual stack, and
 * pthread_cancel does nothing to them; no processor is chosen for them: a main may pin its own
 * thread. A loop is called deadlocked if nothing outside it could wake its tasks: waiting for
 * another loop by a link, a promise or a call is not.
 *
 * Returns 0; the first failure (-ECANCELED: a signal has cut it short); -EDEADLK as said; -EBUSY
 * inside a running loop (so runs of workers do not nest); -EINVAL (main is NULL; threads is
 * negative or above 1024); -EAGAIN, -ENOMEM (no thread, no memory: nothing ran); what hark_run_with
 * says. Blocks the calling thread. Any thread. Source: gunicorn's workers, as threads; Go's
 * GOMAXPROCS. */
HARK_API int hark_run_workers(const hark_options *options, int threads, hark_fn *main, void *arg);

/* hark_worker - this loop's index among the workers, 0 to n-1; 0 outside a run of workers.
 * Anywhere, never blocks. */
HARK_API int hark_worker(void);

/* hark_worker_count - how many workers there are in the run that this loop belongs to; outside
 * 1. */
HARK_API int hark_worker_count(void);

/* hark_worker_loop - the loop of worker `index` of the same run, to call or post to.
 *
 * It stays valid until hark_run_workers returns, also when its main has ended: then it refuses with
 * -ESHUTDOWN. It is not held by this: as long as nobody holds it, it may end, or be found
 * deadlocked. Never blocks. Returns NULL with words: no such worker, or not in a worker's loop. */
HARK_API hark_loop *hark_worker_loop(int index);

/* What a loop is about just now. */
typedef struct hark_loop_stats {
    size_t tasks;       /* living */
    size_t ready;       /* tasks and callbacks that are about to run */
    size_t timers;      /* armed: sleeps, deadlines, callbacks */
    size_t descriptors; /* tasks and watches that wait for one */
    size_t threads;     /* calls under way in threads and other loops */
    size_t holds;       /* hark_loop_hold, not yet dropped */
} hark_loop_stats;

/* hark_loop_statistics - what the loop is about. In the loop's own thread, running or resting; from
 * another one ask by hark_loop_call. All zero for NULL, in another thread, and when it has
 * ended. */
HARK_API hark_loop_stats hark_loop_statistics(const hark_loop *loop);

/* The function behind the macro below; `site` is a HARK_SITE. */
HARK_API int hark_run_workers_at(const char *site, const hark_options *options, int threads,
                                 hark_fn *main, void *arg);

/* The same call, which also notes where it stands, for reports. */
#define hark_run_workers(...) hark_run_workers_at(HARK_SITE(2, __VA_ARGS__), __VA_ARGS__)

HARK_END
#endif
