/* SPDX-License-Identifier: MIT
 *
 * barrier.c - parties that wait for one another; hark/barrier.h has the promises.
 *
 * Idea     The list of waiters is the round that is filling, and nothing else is kept of it: a
 *          party's index is its place in the list when the last one comes. So one that leaves
 *          leaves no gap and no index twice, and there is no state between two rounds in which
 *          something could go wrong.
 * Rules    J7  Fewer wait than there are parties, and nobody waits at a broken barrier.
 *          J8  Who was released has passed: no reset, abort or cancellation takes it back.
 */
#include <hark/barrier.h>

#include "core/core.h"
#include "sync/sync.h"

static const hark_barrier *barrier_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_barrier, waiters);
}

static bool should_be_over(const hark__task *task)
{
    const hark_barrier *b = barrier_of(task);
    return b->broken || hark_barrier_waiting(b) >= b->parties;
}

static void describe_round(const hark__task *task, struct hark__text *text)
{
    const hark_barrier *b = barrier_of(task);
    hark__text_put(text, " (%d of %d are there)", hark_barrier_waiting(b), b->parties);
}

static int after_round(hark__task *self, int code)
{
    (void)self;
    return code == -EPIPE ? hark__fail(code, "hark_barrier_wait",
                                       "the barrier was aborted or reset while this task waited")
                          : code;
}

static const struct hark__wait_kind barrier_kind = {
    .after = after_round,
    .what = "the others at a barrier",
    .leave = hark__leave_list,
    .describe = describe_round,
    .there = should_be_over,
    .stands = hark__stands_in_list,
};

static int is_null(const char *call)
{
    return hark__fail(-EINVAL, call, "the barrier is NULL");
}

static int check(hark_barrier *b, const char *call)
{
    return b ? hark__touch(&b->waiters, call) : is_null(call);
}

static int check_parties(int parties, const char *call)
{
    return parties > 0 ? 0
                       : hark__fail(-EINVAL, call,
                                    "a barrier for %d parties; init it for at least one", parties);
}

int hark_barrier_init(hark_barrier *b, int parties)
{
    static const char call[] = "hark_barrier_init";
    int error = b ? check_parties(parties, call) : is_null(call);

    if (!error) {
        *b = (hark_barrier)HARK_BARRIER_INIT(parties);
    }
    return error;
}

/* The last party is here: the round is over. Its index. */
static int release_round(hark_barrier *b)
{
    int index = 0;

    while (b->waiters.first) {
        hark__wake(b->waiters.first, index++);
        if (planted(barrier_releases_one)) {
            break;
        }
    }
    return index;
}

int hark_barrier_wait(hark_barrier *b)
{
    static const char call[] = "hark_barrier_wait";
    int error = b ? hark__enter(&b->waiters, call) : is_null(call);

    if (error || (error = check_parties(b->parties, call))) {
        return error;
    }
    if (b->broken && !planted(barrier_broken_lets_in)) {
        return hark__fail(-EPIPE, call,
                          "the barrier was aborted; hark_barrier_reset makes it whole again");
    }
    if (hark_barrier_waiting(b) < b->parties - 1) {
        if (planted(barrier_index_is_of_arrival)) {
            int came = hark_barrier_waiting(b), rc = hark__wait(&b->waiters, &barrier_kind);
            return rc >= 0 ? came : rc;
        }
        return hark__wait(&b->waiters, &barrier_kind);
    }
    int index = release_round(b);
    hark__pass();
    return index;
}

int hark_barrier_waiting(const hark_barrier *b)
{
    return b ? (int)b->waiters.count : 0; /* only tasks stand there */
}

bool hark_barrier_broken(const hark_barrier *b)
{
    return b && b->broken;
}

int hark_barrier_abort(hark_barrier *b)
{
    int error = check(b, "hark_barrier_abort");

    if (!error) {
        b->broken = true;
        hark__wake_everyone(&b->waiters, -EPIPE);
    }
    return error;
}

int hark_barrier_reset(hark_barrier *b)
{
    int error = check(b, "hark_barrier_reset");

    if (!error) {
        b->broken = false;
        if (!planted(barrier_reset_forgets_who_waits)) {
            hark__wake_everyone(&b->waiters, -EPIPE);
        }
    }
    return error;
}
