/* SPDX-License-Identifier: MIT
 *
 * hark/scope.h - cancellation and deadlines.
 *
 * A scope is opened and closed around some calls of one task. Cancelling it, or its deadline, makes
 * every blocking call inside return -ECANCELED, again and again, until the scope is closed:
 * cancellation is a state, not an event that can be missed. It reaches groups opened inside and all
 * their tasks. Closing the scope turns its own -ECANCELED into -ETIMEDOUT or 0; what others caused
 * passes on outwards.
 */
#ifndef HARK_SCOPE_H
#define HARK_SCOPE_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_scope {
    /* private */
    struct hark_level level;
    struct hark__task *task; /* who opened it */
    struct hark_timer timer; /* its deadline, once armed; of a cancelled one: when that was */
    int64_t deadline;        /* HARK_FOREVER: none */
    int64_t canceller;       /* the task that cancelled it; 0: none, or the deadline */
} hark_scope;

/* hark_scope_open - open a scope in the calling task; what it held before does not matter.
 *
 * timeout: nanoseconds until it is cancelled by its deadline; HARK_FOREVER: no deadline; <= 0: at
 * once, which the first checkpoint inside notices. Never blocks. Returns 0; -EINVAL (NULL);
 * -EALREADY (open already); -ENOTSUP outside a task. Source: trio.CancelScope, move_on_after. */
HARK_API int hark_scope_open(hark_scope *s, int64_t timeout);

/* hark_scope_cancel - cancel what runs inside. Idempotent; the first reason is kept. Any task of
 * the loop may. Never blocks.
 *
 * Returns 0; -EINVAL (NULL, not open); -EXDEV (another loop's or thread's). */
HARK_API int hark_scope_cancel(hark_scope *s);

/* hark_scope_close - close the scope; rc is the result of what ran inside.
 *
 * -ECANCELED that this very scope caused becomes -ETIMEDOUT (its deadline came first) or 0
 * (hark_scope_cancel; see hark_scope_caught). Any other rc passes unchanged, and so does -ECANCELED
 * while a cancelled outer scope still reaches here, with no shield (this scope's own included) in
 * between: the outermost one catches. Only the opener may, innermost first. Never blocks. Returns
 * as said. -EINVAL: NULL, not open, or not the innermost; in the last case the scopes inside are
 * cancelled and may be closed later as usual, and this one is closed: closing it again in its
 * proper place is silent. -EPERM: not the opener. */
HARK_API int64_t hark_scope_close(hark_scope *s, int64_t rc);

/* hark_scope_shield - while on, outer cancellations and deadlines wait outside. Any task of the
 * loop may. Never blocks.
 *
 * Switching it off lets a pending outer cancellation in at once. Returns 0; -EINVAL (NULL, not
 * open); -EXDEV. Source: trio's CancelScope.shield. */
HARK_API int hark_scope_shield(hark_scope *s, bool on);

/* hark_scope_set_deadline - move the deadline to an instant of hark_now(); HARK_FOREVER: none; a
 * past one cancels at once. A scope that is cancelled already stays so.
 *
 * Any task of the loop may. Never blocks. Returns 0; -EINVAL (NULL, not open); -EXDEV. */
HARK_API int hark_scope_set_deadline(hark_scope *s, int64_t deadline);

/* hark_scope_cancelled - was cancelling asked for, or has the deadline of the open scope passed?
 * Once true it stays so. */
HARK_API bool hark_scope_cancelled(const hark_scope *s);

/* hark_scope_caught - after close: was it this scope's own cancellation that ended the body? */
HARK_API bool hark_scope_caught(const hark_scope *s);

/* hark_effective_deadline - the nearest deadline that applies to the calling task here; INT64_MIN
 * once cancelled; HARK_FOREVER if there is none, and outside a task. */
HARK_API int64_t hark_effective_deadline(void);

/* hark_within - make one call under a deadline: hark_within(HARK_S(2), hark_event_wait(&e)).
 *
 * Its value is the call's result (as an int64_t), or -ETIMEDOUT. Leaving the call by return, goto or longjmp is
 * safe: the scope is kept by the loop, not in the frame, and is dropped as soon as its place on the
 * stack is found to be gone. Besides the call's own errors: -ENOMEM, without having made the call;
 * -ENOTSUP outside a task. */
#define hark_within(timeout, call) \
    __extension__({ \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wvla\"") \
            _Pragma("GCC diagnostic ignored \"-Wshadow\"") \
                uint64_t hark_place_[hark__within_words()]; \
        struct hark__within hark_within_ \
            __attribute__((cleanup(hark__within_leave))) = {NULL, hark_place_}; \
        int64_t hark_result_ = hark__within_open(&hark_within_, (timeout)); \
        _Pragma("GCC diagnostic pop") hark_result_ == 0 ? hark__within_close(&hark_within_, (call)) \
                                                        : hark_result_; \
    })

/* Behind hark_within. The place is an array of variable length, so that it lies below all that
 * stood on the stack before: after a longjmp, even within one function, the stack pointer is above
 * it. */
struct hark__within {
    hark_scope *scope;
    uint64_t *place;
};
HARK_API size_t hark__within_words(void) __attribute__((const));
HARK_API int hark__within_open(struct hark__within *w, int64_t timeout);
HARK_API int64_t hark__within_close(struct hark__within *w, int64_t rc);
HARK_API void hark__within_leave(struct hark__within *w);

HARK_END
#endif
