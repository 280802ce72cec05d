/* SPDX-License-Identifier: MIT
 *
 * hark/retry.h - try again, later each time.
 *
 * For what fails now and may succeed soon: a server that starts, a line that is busy. Between
 * two tries the task sleeps, up to twice as long each time, so that what is overloaded gets air;
 * and how long is drawn by lot, so that many who failed together do not come back together.
 *
 * There is no timeout here. A scope around the call covers all tries and the sleeps between
 * them; a scope inside `fn`, each try.
 */
#ifndef HARK_RETRY_H
#define HARK_RETRY_H

#include <hark/base.h>

HARK_BEGIN

/* How to try again. All zero is the default, and so is each field that is zero. */
typedef struct hark_backoff {
    /* At most so many, the first one included; 0: 5; INT_MAX: as good as no limit. */
    int tries;
    int64_t first; /* ns: the longest sleep before the second try; it doubles; 0: 100 ms */
    int64_t most;  /* ns: no sleep is longer; 0: 10 s */
    bool steady;   /* sleep the longest each time: nothing is drawn */
    /* Is this code worth another try? NULL: every one is but those of misuse (-EINVAL, -EPERM,
     * -EBADF, -EXDEV, -ENOTSUP). It is not asked about -ECANCELED. */
    bool (*again)(int code, void *arg);
} hark_backoff;

/* hark_retry - call fn(arg), here in this task, until it returns 0 or more, or a code that is
 * not worth another try, or has been tried often enough.
 *
 * The sleep before try n + 1 is drawn evenly from 0 to first * 2^(n - 1), or to `most` if that
 * is less ("full jitter"). With a seed (hark_options.seed) it is drawn from that; with a virtual
 * clock it is the same in each run; an explorer (hark/testing.h) tries the longest sleep and
 * none. -ECANCELED always ends it, also that of a sleep: a deadline around it cuts it short.
 *
 * Blocks: a checkpoint, before the first try and at each sleep. how: NULL: the default. Returns
 * what fn returned last; after the last of several tries hark_error_last() says how many there
 * were, in how long, and what was said last (fn's -EAGAIN: no words, as ever); -ECANCELED;
 * -EINVAL (no fn; a negative number in *how); -ENOTSUP outside a task. Source: the exponential
 * backoff of networks; tokio-retry, Python's tenacity. */
HARK_API int hark_retry(const hark_backoff *how, hark_fn *fn, void *arg);

HARK_END
#endif
