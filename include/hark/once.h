/* SPDX-License-Identifier: MIT
 *
 * hark/once.h - what must be done once, by whoever comes first.
 *
 * The first caller runs the function, which may block, and the others wait for its end; all get its
 * result. If it fails, or is cancelled, it was not done: the one whose function it was hears why,
 * and the next caller, the one who waits longest first, tries with its own.
 */
#ifndef HARK_ONCE_H
#define HARK_ONCE_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_once {
    /* private */
    struct hark_waitlist waiters;
    hark_task runner; /* who tries now; 0: nobody */
    int result;
    bool done;
} hark_once;
/* clang-format off */
#define HARK_ONCE_INIT {{NULL, 0, 0}, 0, 0, false}
/* clang-format on */

/* hark_once_init - not done, unbound, with nobody waiting. All zero, and HARK_ONCE_INIT, do the
 * same. Returns 0; -EINVAL (NULL). */
HARK_API int hark_once_init(hark_once *o);

/* hark_once_run - see to it that fn(arg), or the function of another caller, has run and succeeded.
 *
 * At once if it has. If nobody is at it, fn runs here, in the calling task; else this waits for the
 * one who is, and takes over if that fails. A cancelled caller that waits just leaves.
 *
 * Blocks: a checkpoint, also when it is done. Returns what the function that succeeded returned,
 * 0 or more; the caller's own fn's code, if that ran and failed; -EDEADLK (from inside fn: this
 * task runs it already); -ECANCELED; -EINVAL (NULL); -ENOTSUP outside a task; -EXDEV. Source:
 * Go's sync.Once and tokio's OnceCell. */
HARK_API int hark_once_run(hark_once *o, hark_fn *fn, void *arg);

/* hark_once_is_done - has a function succeeded? false for NULL. */
HARK_API bool hark_once_is_done(const hark_once *o);

/* hark_once_statistics - how many tasks wait now; the one whose function runs does not. */
HARK_API hark_stats hark_once_statistics(const hark_once *o);

HARK_END
#endif
