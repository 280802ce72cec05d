/* SPDX-License-Identifier: MIT
 *
 * hark/thread.h - how other threads, and signal handlers, reach a loop.
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
 * Never blocks, locks or allocates, and records no words. Returns 0; -EALREADY (w is posted or armed
 * still); -ESHUTDOWN (the loop has ended; w is free); -EINVAL (NULL); -ENOMEM (nobody holds the loop
 * and it has no post box). Source: asyncio's call_soon_threadsafe, Trio's run_sync_soon. */
HARK_API int hark_loop_post(hark_loop *loop, hark_watch *w, hark_callback *fn, void *arg);

HARK_END
#endif
