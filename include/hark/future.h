/* SPDX-License-Identifier: MIT
 *
 * hark/future.h - an event that carries a value or a failure.
 *
 * It is sent or failed once; everybody who waits, then or later, gets the same. Reset makes it
 * pending again.
 */
#ifndef HARK_FUTURE_H
#define HARK_FUTURE_H

#include <hark/base.h>
#include <hark/group.h>

HARK_BEGIN

typedef struct hark_future {
    /* private */
    struct hark_waitlist waiters;
    void *value; /* when sent */
    int code;    /* when failed: < 0 */
    bool ready;
    bool looked_at; /* somebody has seen the failure */
    uint64_t words; /* serial of the failure's words, among the loop's recent ones */
} hark_future;
/* clang-format off */
#define HARK_FUTURE_INIT {{NULL, 0, 0}, NULL, 0, false, false, 0}
/* clang-format on */

/* hark_future_init - make it pending, unbound, with nobody waiting. All zero, and HARK_FUTURE_INIT,
 * do the same. Returns 0; -EINVAL (NULL). */
HARK_API int hark_future_init(hark_future *f);

/* hark_future_ready - sent or failed? false for NULL. */
HARK_API bool hark_future_ready(const hark_future *f);

/* hark_future_send - give it its value and wake all who wait, in order. Never yields.
 *
 * Thread: the loop's own; a future that no task has used may be sent anywhere.
 * Returns 0; -EALREADY (sent or failed already: the first value stays); -EINVAL (NULL); -EXDEV.
 * Source: eventlet's event.Event.send. */
HARK_API int hark_future_send(hark_future *f, void *value);

/* hark_future_fail - let it fail with `code`, < 0 and not -ECANCELED, and words (format may be
 * NULL). Every waiter gets the code, and the words while they are recent.
 *
 * Never yields. Returns 0; -EALREADY; -EINVAL (NULL, or such a code); -EXDEV. Source: eventlet's
 * send_exception. */
HARK_API int hark_future_fail(hark_future *f, int code, const char *format, ...) HARK_PRINTF(3, 4);

/* hark_future_reset - make it pending again.
 *
 * A failure that nobody had looked at is reported on stderr. Never yields. Returns 0; -EBUSY (tasks
 * wait for it); -EINVAL (NULL, or it was not ready); -EXDEV. Source: eventlet's reset. */
HARK_API int hark_future_reset(hark_future *f);

/* hark_future_wait - wait until it is ready; *value (may be NULL) gets the value. Any number of
 * times, by any number of tasks.
 *
 * Cancelling a waiter does nothing to the future. Blocks: a checkpoint.
 * Returns 0; the failure's code, and its words in hark_error_last(); -ECANCELED; -EINVAL (NULL);
 * -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_future_wait(hark_future *f, void **value);

/* hark_go_future - as hark_go; fn's result r >= 0 is sent to f as (void *)(intptr_t)r. A failure
 * fails f, and is then none of the group's; a task that ends cancelled fails it with -EOWNERDEAD.
 *
 * f must outlive the task. Errors besides hark_go's: -EINVAL (f is NULL or ready). Source:
 * asyncio.create_task, eventlet.spawn. */
HARK_API hark_task hark_go_future(hark_group *g, hark_future *f, hark_fn *fn, void *arg);
HARK_API hark_task hark_go_future_at(const char *site, hark_group *g, hark_future *f, hark_fn *fn,
                                     void *arg);
#define hark_go_future(...) hark_go_future_at(HARK_SITE(2, __VA_ARGS__), __VA_ARGS__)

/* hark_wait_all - wait until the n futures at f are all ready.
 *
 * Blocks: a checkpoint. Returns 0; the first failure by index; -ECANCELED (what is waited for goes
 * on); -EINVAL (NULL among them, n < 0); -ENOTSUP; -EXDEV. Source: asyncio.gather. */
HARK_API int hark_wait_all(hark_future *const *f, int n);

HARK_END
#endif
