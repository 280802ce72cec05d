/* SPDX-License-Identifier: MIT
 *
 * hark/promise.h - a value or a failure that crosses loops and threads: a hark_future that any of
 * them may send, and wait for.
 *
 * It is sent or failed once; everybody who waits, then or later, gets the same. A task waits as a
 * task, a thread without a running loop blocks. All zero is a promise that is pending.
 *
 *     static hark_promise port;                      // of a run of workers
 *     worker 0:   hark_promise_send(&port, (void *)(intptr_t)hark_tcp_port(listener));
 *     others:     hark_promise_wait(&port, &value);
 *
 * A loop whose task waits for a promise is never called deadlocked, and its virtual clock stands
 * still, for somebody outside may send it.
 */
#ifndef HARK_PROMISE_H
#define HARK_PROMISE_H

#include <hark/base.h>
#include <hark/link.h>

HARK_BEGIN

#define HARK_PROMISE_WORDS 128 /* bytes that are kept of a failure's words */

typedef struct hark_promise {
    /* private */
    pthread_mutex_t lock;
    struct hark_crowd waiters;
    void *value; /* when sent */
    int code;    /* when failed: < 0 */
    bool ready;
    char words[HARK_PROMISE_WORDS];
} hark_promise;
/* clang-format off */
#define HARK_PROMISE_INIT {PTHREAD_MUTEX_INITIALIZER, {NULL, NULL, 0}, NULL, 0, false, {0}}
/* clang-format on */

/* hark_promise_init - make it pending, with nobody waiting. All zero, and HARK_PROMISE_INIT, do the
 * same. Returns 0; -EINVAL (NULL). */
HARK_API int hark_promise_init(hark_promise *p);

/* hark_promise_ready - sent or failed? false for NULL. Any thread; never blocks. */
HARK_API bool hark_promise_ready(hark_promise *p);

/* hark_promise_send - give it its value and wake all who wait, in order.
 *
 * Never blocks; any thread, callbacks too, but no signal handler. What the sender did before is
 * seen by who has waited. p is not touched any more once somebody can know of it, so who has waited
 * may free it. Returns 0; -EALREADY (sent or failed already: the first one stays); -EINVAL (NULL).
 * Source: concurrent.futures.Future.set_result. */
HARK_API int hark_promise_send(hark_promise *p, void *value);

/* hark_promise_fail - let it fail with `code`, < 0 and not -ECANCELED, and words (format may be
 * NULL; cut at 127 bytes). Else as hark_promise_send; -EINVAL also for such a code. */
HARK_API int hark_promise_fail(hark_promise *p, int code, const char *format, ...) HARK_PRINTF(3, 4);

/* hark_promise_wait - wait until it is ready; *value (may be NULL) gets the value. Any number of
 * times, by any number of tasks and threads.
 *
 * Blocks: in a task a checkpoint. Returns 0; the failure's code, and its words in
 * hark_error_last(); -ECANCELED; -EINVAL (NULL); -ENOMEM, -EMFILE (to wait, a loop needs a post
 * box); -ENOTSUP in a callback. */
HARK_API int hark_promise_wait(hark_promise *p, void **value);

/* hark_promise_wait_for - the same for `timeout` nanoseconds at most: -ETIMEDOUT. 0 or less: only
 * look. For threads, which have no scopes; in a task it is as a scope around hark_promise_wait. */
HARK_API int hark_promise_wait_for(hark_promise *p, int64_t timeout, void **value);

/* hark_promise_reset - make it pending again. Any thread. Returns 0; -EBUSY (somebody waits);
 * -EINVAL (NULL, or it was not ready). */
HARK_API int hark_promise_reset(hark_promise *p);

HARK_END
#endif
