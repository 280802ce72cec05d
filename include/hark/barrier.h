/* SPDX-License-Identifier: MIT
 *
 * hark/barrier.h - tasks that wait for one another, round after round.
 *
 * The round is over in the instant in which the last party comes: all are released at once, and
 * whoever calls from then on is the first of the next round, even before those released have run.
 * So there is no time between two rounds, and a reset or an abort concerns only those who wait in
 * the round that is filling: a party that was released has passed.
 */
#ifndef HARK_BARRIER_H
#define HARK_BARRIER_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_barrier {
    /* private */
    struct hark_waitlist waiters;
    int parties;
    bool broken;
} hark_barrier;
/* clang-format off */
#define HARK_BARRIER_INIT(parties) {{NULL, 0, 0}, (parties), false}
/* clang-format on */

/* hark_barrier_init - for so many parties, whole, unbound, with nobody waiting. HARK_BARRIER_INIT(
 * parties) does the same for a static one; all zero has no parties, and waiting at it is misuse.
 * Returns 0; -EINVAL (NULL, fewer than one party). Source: asyncio.Barrier. */
HARK_API int hark_barrier_init(hark_barrier *b, int parties);

/* hark_barrier_wait - wait until `parties` tasks have come, this one included.
 *
 * A party that is cancelled while the round fills leaves, and the round needs another.
 *
 * Blocks: a checkpoint. Returns this party's index in its round, 0 to parties - 1, each once: in
 * the order in which they came, those who left not counted, so the last is parties - 1; -EPIPE (the
 * barrier was aborted or reset while this task waited, or is broken: then at once, until it is
 * reset); -ECANCELED; -EINVAL (NULL, no parties); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_barrier_wait(hark_barrier *b);

/* hark_barrier_waiting - how many wait in the round that is filling; 0 for NULL. */
HARK_API int hark_barrier_waiting(const hark_barrier *b);

/* hark_barrier_broken - was it aborted, and not reset since? false for NULL. */
HARK_API bool hark_barrier_broken(const hark_barrier *b);

/* hark_barrier_abort - break it: who waits gets -EPIPE now, who comes gets it at once. For a party
 * that fails and will never come. Never yields, never blocks.
 *
 * Thread: the loop's own; a barrier that no task has used may be aborted anywhere. Returns 0;
 * -EINVAL (NULL); -EXDEV. Source: asyncio.Barrier.abort. */
HARK_API int hark_barrier_abort(hark_barrier *b);

/* hark_barrier_reset - whole again, with nobody waiting: who waits gets -EPIPE now, and may wait
 * again at once. Never yields, never blocks.
 *
 * Thread: the loop's own; a barrier that no task has used may be reset anywhere. Returns 0; -EINVAL
 * (NULL); -EXDEV. Source: asyncio.Barrier.reset. */
HARK_API int hark_barrier_reset(hark_barrier *b);

HARK_END
#endif
