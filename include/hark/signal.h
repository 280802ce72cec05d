/* SPDX-License-Identifier: MIT
 *
 * hark/signal.h - signals as something to wait for.
 *
 * From hark_signal_open to hark_signal_close no occurrence of the signal is lost; several that come
 * before anybody looks may be told as one. Any number may be open for one signal, in any loops of
 * the process, and each of them is told of every occurrence. What was installed before comes back
 * when the last one is closed.
 *
 *     hark_signal hup;
 *     hark_signal_open(&hup, SIGHUP);
 *     while (hark_signal_wait(&hup) == 0)
 *         reload();
 *     hark_signal_close(&hup);
 *
 * A signal that every thread has blocked never comes. hark_cancel_on and hark_dump_on want theirs
 * for themselves.
 */
#ifndef HARK_SIGNAL_H
#define HARK_SIGNAL_H

#include <hark/base.h>
#include <hark/select.h>
#include <hark/watch.h>

HARK_BEGIN

typedef struct hark_signal {
    /* private */
    struct hark_waitlist waiters;
    struct hark__ear *ear;    /* NULL: closed */
    struct hark_signal *next; /* of the same signal in the same loop */
    uint32_t came, taken;     /* the latest occurrence that it was told of; that was taken */
    int signo;                /* 0: never opened */
} hark_signal;
/* clang-format off */
#define HARK_SIGNAL_INIT {{NULL, 0, 0}, NULL, NULL, 0, 0, 0}
/* clang-format on */

/* hark_signal_open - hear of the signal `signo` from now on. It must stay where it is until it is
 * closed; the end of its loop closes it.
 *
 * Thread: the loop's own. Allocates. Returns 0; -EINVAL (NULL; not a signal that can be caught; one
 * that a failing instruction brings, as SIGSEGV); -EALREADY (it is open); -EBUSY (hark_cancel_on or
 * hark_dump_on has the signal, in whatever loop); -ENOTSUP without a loop; -ENOMEM, -EMFILE and the
 * like (for a loop's post box). Source: trio.open_signal_receiver. */
HARK_API int hark_signal_open(hark_signal *s, int signo);

/* hark_signal_wait - wait for the next occurrence, or take the one that came since the last. Of
 * several tasks the first to come gets it; for both to hear of it, open two.
 *
 * Blocks: a checkpoint. Returns 0; -ENODATA (closed, also meanwhile); -ECANCELED (nothing was
 * taken); -EBUSY (a callback waits for it); -EINVAL (NULL, never opened); -ENOTSUP outside a task;
 * -EXDEV. */
HARK_API int hark_signal_wait(hark_signal *s);

/* hark_signal_watch - call fn(arg) after each occurrence, in the loop, outside any task, until
 * hark_unwatch(w) or the close; also for one that came before and was not taken. The callback may
 * do both of these, and free s and w then.
 *
 * Thread: the loop's own. Returns 0; -EBUSY (a task waits for it, or another callback: open one
 * more); -ENODATA (closed); -EALREADY (w is armed); -EINVAL (NULL, never opened); -ENOMEM; -EXDEV.
 * Source: asyncio's add_signal_handler. */
HARK_API int hark_signal_watch(hark_signal *s, hark_watch *w, hark_callback *fn, void *arg);

/* hark_signal_close - hear no more. Who waits gets -ENODATA, a callback is not called any more.
 *
 * When no other is open for that signal in the process, what was installed before it comes back,
 * unless somebody has installed something else meanwhile; and if the latest occurrence has been
 * taken by nobody it is raised once more, in this thread, for whoever handles it now: it may end
 * the process. Never blocks. Thread: the loop's own. Returns 0; -ENODATA (closed already); -EINVAL
 * (NULL, never opened); -EXDEV. */
HARK_API int hark_signal_close(hark_signal *s);

/* hark_on_signal - a case of hark_select: as hark_signal_wait. Its result is 0, or -ENODATA when s
 * is closed. */
HARK_API hark_case hark_on_signal(hark_signal *s);

HARK_END
#endif
