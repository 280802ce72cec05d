/* SPDX-License-Identifier: MIT
 *
 * hark/rwlock.h - many who read, or one who writes.
 *
 * First come, first served: once a writer waits, readers that come later wait behind it, so that
 * neither side starves the other; readers that stand next to each other go on together. Readers are
 * counted, not known. So a task that reads must not ask to read again before it has released: if a
 * writer has come in between, it would wait for itself.
 */
#ifndef HARK_RWLOCK_H
#define HARK_RWLOCK_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_rwlock {
    /* private */
    struct hark_waitlist waiters;
    int64_t state;          /* the task that writes; or how many read, negative; 0: free */
    struct hark_waiter end; /* while somebody waits: for the end of the writer */
} hark_rwlock;
/* clang-format off */
#define HARK_RWLOCK_INIT {{NULL, 0, 0}, 0, {NULL, NULL, NULL, 0}}
/* clang-format on */

/* hark_rwlock_init - make it free, unbound, with nobody waiting. All zero, and HARK_RWLOCK_INIT, do
 * the same. Returns 0; -EINVAL (NULL). */
HARK_API int hark_rwlock_init(hark_rwlock *l);

/* hark_rwlock_read - wait until the caller may read; at once if nobody writes or waits to.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED; -EDEADLK (the caller writes; or it would wait for
 * ever, because who writes waits for a lock whose holder waits for ... the caller: see
 * hark_lock_acquire); -EOWNERDEAD (a writer has ended without releasing it; so until it is
 * initialised anew); -ENOMEM (no memory to be told of the writer's end); -EINVAL (NULL); -ENOTSUP
 * outside a task; -EXDEV. */
HARK_API int hark_rwlock_read(hark_rwlock *l);

/* hark_rwlock_write - wait until the caller may write, alone.
 *
 * Blocks: a checkpoint. Returns as hark_rwlock_read. */
HARK_API int hark_rwlock_write(hark_rwlock *l);

/* hark_rwlock_try_read - as hark_rwlock_read, but -EAGAIN where it would wait: while somebody writes
 * or waits. Not a checkpoint; never refused for a ring. */
HARK_API int hark_rwlock_try_read(hark_rwlock *l);

/* hark_rwlock_try_write - as hark_rwlock_write, but -EAGAIN where it would wait. Not a checkpoint;
 * never refused for a ring. */
HARK_API int hark_rwlock_try_write(hark_rwlock *l);

/* hark_rwlock_release - the caller does not read, or write, any more. The last one lets go on who
 * has waited longest. Never yields; also in a cancelled scope.
 *
 * Returns 0; -EPERM (somebody else writes, or nobody reads or writes); -EINVAL (NULL); -EXDEV. */
HARK_API int hark_rwlock_release(hark_rwlock *l);

/* hark_rwlock_statistics - how many tasks wait now, to read or to write. */
HARK_API hark_stats hark_rwlock_statistics(const hark_rwlock *l);

HARK_END
#endif
