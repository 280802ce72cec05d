/* SPDX-License-Identifier: MIT
 *
 * promise.c - a value or a failure that crosses loops and threads; hark/promise.h has the promises.
 *
 * Idea     A hark_future under a lock, with a crowd (meet.h) for its list, and its words inside.
 * Rules    O1  Nobody waits for a promise that is ready; it is sent or failed once, until it is
 *              reset.
 *          O2  A waiter gets what it was answered with, on its own stack, whatever becomes of the
 *              promise before it runs: the first one to know may free it.
 */
#include <hark/error.h>
#include <hark/promise.h>
#include <hark/scope.h>
#include <hark/time.h>
#include <stdarg.h>
#include <string.h>

#include "thread/meet.h"

/* What a waiter is answered with. */
struct outcome {
    void *value;
    int code;
    char words[HARK_PROMISE_WORDS];
};

int hark_promise_init(hark_promise *p)
{
    if (!p) {
        return hark__fail(-EINVAL, "hark_promise_init", "the promise is NULL");
    }
    *p = (hark_promise)HARK_PROMISE_INIT;
    return 0;
}

bool hark_promise_ready(hark_promise *p)
{
    if (!p) {
        return false;
    }
    pthread_mutex_lock(&p->lock);
    bool ready = p->ready;
    pthread_mutex_unlock(&p->lock);
    return ready;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Under the lock. */
static void tell(hark_promise *p, struct outcome *outcome)
{
    outcome->value = p->value;
    outcome->code = p->code;
    memcpy(outcome->words, p->words, sizeof p->words);
}

static int complete(hark_promise *p, void *value, int code, const char *words, const char *call)
{
    struct hark__party *waiters = NULL;

    pthread_mutex_lock(&p->lock);
    bool late = p->ready && !planted(promise_second_wins), failed = p->code != 0;
    if (!late) {
        p->ready = true;
        p->value = value;
        p->code = code;
        memcpy(p->words, words, strlen(words) + 1);
        waiters = hark__crowd_take_all(&p->waiters, 0);
        for (struct hark__party *party = waiters; party; party = party->next) {
            tell(p, party->item);
        }
    }
    pthread_mutex_unlock(&p->lock); /* rule O2: p may be gone from here on */
    if (late) {
        return hark__fail(-EALREADY, call,
                          "this promise was %s already; the first one stays. Reset it, or use another",
                          failed ? "failed" : "sent");
    }
    if (waiters && planted(promise_wakes_one)) {
        waiters->next = NULL;
    }
    hark__party_answer_all(waiters);
    return 0;
}

int hark_promise_send(hark_promise *p, void *value)
{
    static const char call[] = "hark_promise_send";

    return p ? complete(p, value, 0, "", call) : hark__fail(-EINVAL, call, "the promise is NULL");
}

int hark__promise_fail_with(hark_promise *p, int code, const char *words)
{
    char cut[HARK_PROMISE_WORDS];

    snprintf(cut, sizeof cut, "%s", words);
    return complete(p, NULL, code, cut, "hark_promise_fail");
}

int hark_promise_fail(hark_promise *p, int code, const char *format, ...)
{
    static const char call[] = "hark_promise_fail";
    char words[HARK_PROMISE_WORDS] = "";
    va_list arguments;

    if (!p) {
        return hark__fail(-EINVAL, call, "the promise is NULL");
    }
    if (code >= 0 || code == -ECANCELED) {
        return hark__fail(
            -EINVAL, call,
            "%d is no failure; give a negative code other than -ECANCELED, which means the waiter's own scopes",
            code);
    }
    if (format) {
        va_start(arguments, format);
        vsnprintf(words, sizeof words, format, arguments);
        va_end(arguments);
    }
    return complete(p, NULL, code, words, call);
}

/* ---- waiting --------------------------------------------------------------------------------- */

#define ONLY_LOOK INT64_MIN /* as `until` */

static int wait_until(hark_promise *p, int64_t until, struct outcome *outcome, const char *call)
{
    int error = p ? hark__party_enter(call) : hark__fail(-EINVAL, call, "the promise is NULL");

    if (error) {
        return error;
    }
    pthread_mutex_lock(&p->lock);
    if (!p->ready && until == ONLY_LOOK) { /* reset since the caller has looked */
        pthread_mutex_unlock(&p->lock);
        return -ETIMEDOUT;
    }
    if (!p->ready) {
        struct hark__party self = {.item = outcome, .what = "a promise", .where = p};
        return hark__party_wait(&self, &p->waiters, &p->lock, until);
    }
    tell(p, outcome);
    pthread_mutex_unlock(&p->lock);
    if (hark__here && hark__here->runs) {
        hark__pass();
    }
    return 0;
}

/* Of one that is ready. */
static int result_of(const struct outcome *outcome, void **value)
{
    if (outcome->code) {
        return hark_fail(outcome->code, "%s", outcome->words);
    }
    if (value) {
        *value = outcome->value;
    }
    return 0;
}

int hark_promise_wait(hark_promise *p, void **value)
{
    struct outcome outcome;
    int error = wait_until(p, HARK_FOREVER, &outcome, "hark_promise_wait");

    return error ? error : result_of(&outcome, value);
}

static int wait_in_scope(hark_promise *p, int64_t timeout, struct outcome *outcome, const char *call)
{
    hark_scope scope;
    int error = hark_scope_open(&scope, timeout);

    return error ? error : (int)hark_scope_close(&scope, wait_until(p, HARK_FOREVER, outcome, call));
}

static int64_t clock_in(int64_t timeout)
{
    int64_t now = hark__clock();

    return timeout <= 0 ? now : timeout > HARK_FOREVER - now ? HARK_FOREVER : now + timeout;
}

int hark_promise_wait_for(hark_promise *p, int64_t timeout, void **value)
{
    static const char call[] = "hark_promise_wait_for";
    bool in_task = hark__here && hark__here->runs && hark__here->running;
    struct outcome outcome;
    int error = !p ? hark__fail(-EINVAL, call, "the promise is NULL")
                : timeout <= 0 && hark_promise_ready(p) ? wait_until(p, ONLY_LOOK, &outcome, call)
                : in_task                               ? wait_in_scope(p, timeout, &outcome, call)
                          : wait_until(p, clock_in(timeout), &outcome, call);

    return error ? error : result_of(&outcome, value);
}

int hark_promise_reset(hark_promise *p)
{
    static const char call[] = "hark_promise_reset";

    if (!p) {
        return hark__fail(-EINVAL, call, "the promise is NULL");
    }
    pthread_mutex_lock(&p->lock);
    int error = p->waiters.count ? -EBUSY : p->ready ? 0 : -EINVAL;
    if (!error) {
        p->ready = false;
        p->value = NULL;
        p->code = 0;
        p->words[0] = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return error == -EBUSY ? hark__fail(error, call, "somebody still waits for it")
           : error
               ? hark__fail(error, call,
                            "this promise was neither sent nor failed: there is nothing to reset")
               : 0;
}
