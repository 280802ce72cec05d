/* SPDX-License-Identifier: MIT
 *
 * limiter.c - tokens that are borrowed; hark/limiter.h has the promises.
 *
 * Idea     Two numbers, how many there are and how many are out. Whatever changes one of them lends
 *          what is free then to those who wait, so who waits is never asked to look again.
 * Rules    J4  Nobody waits while a token is free.
 *          J5  A token that was lent to a waiter is out from then on, though the waiter has not run
 *              yet.
 *          J6  Nothing is lent while as many are out as there are, or more.
 * Not here Permits without a known number: sem.c.
 */
#include <hark/limiter.h>

#include "core/core.h"
#include "sync/sync.h"

static bool has_free_token(const hark__task *task)
{
    return hark_limiter_available(container_of(task->in.waiter.list, hark_limiter, waiters)) > 0;
}

static void describe_borrowed(const hark__task *task, struct hark__text *text)
{
    const hark_limiter *l = container_of(task->in.waiter.list, hark_limiter, waiters);
    hark__text_put(text, " (%d of %d are borrowed)", l->borrowed, l->tokens);
}

static const struct hark__wait_kind limiter_kind = {
    .what = "a token of a limiter",
    .leave = hark__leave_list,
    .describe = describe_borrowed,
    .there = has_free_token,
    .stands = hark__stands_in_list,
};

static int is_null(const char *call)
{
    return hark__fail(-EINVAL, call, "the limiter is NULL");
}

static int check(hark_limiter *l, const char *call)
{
    return l ? hark__touch(&l->waiters, call) : is_null(call);
}

static int check_tokens(int tokens, const char *call)
{
    return tokens >= 0
               ? 0
               : hark__fail(-EINVAL, call, "%d tokens; give 0 or more (INT_MAX: no limit)", tokens);
}

/* Rule J4, after either number has changed. */
static void lend(hark_limiter *l)
{
    while (l->waiters.first && l->borrowed < l->tokens + planted(limiter_lends_one_too_many)) {
        l->borrowed += !planted(limiter_lent_is_not_out);
        hark__wake(l->waiters.first, 0);
    }
}

int hark_limiter_init(hark_limiter *l, int tokens)
{
    static const char call[] = "hark_limiter_init";
    int error = l ? check_tokens(tokens, call) : is_null(call);

    if (!error) {
        *l = (hark_limiter)HARK_LIMITER_INIT(tokens);
    }
    return error;
}

int hark_limiter_acquire(hark_limiter *l)
{
    static const char call[] = "hark_limiter_acquire";
    int error = l ? hark__enter(&l->waiters, call) : is_null(call);

    if (error) {
        return error;
    }
    if (l->borrowed < l->tokens) {
        l->borrowed++;
        return hark__pass();
    }
    return hark__wait(&l->waiters, &limiter_kind);
}

int hark_limiter_try(hark_limiter *l)
{
    int error = check(l, "hark_limiter_try");

    if (error || l->borrowed >= l->tokens) {
        return error ? error : -EAGAIN;
    }
    l->borrowed++;
    return 0;
}

int hark_limiter_release(hark_limiter *l)
{
    static const char call[] = "hark_limiter_release";
    int error = check(l, call);

    if (error) {
        return error;
    }
    if (l->borrowed == 0) {
        return hark__fail(-EPERM, call,
                          "no token is borrowed; release only what was acquired, and only once");
    }
    l->borrowed--;
    lend(l);
    return 0;
}

int hark_limiter_resize(hark_limiter *l, int tokens)
{
    static const char call[] = "hark_limiter_resize";
    int error = check(l, call);

    if (error || (error = check_tokens(tokens, call))) {
        return error;
    }
    int more = tokens - l->tokens;
    l->tokens = tokens;
    while (planted(limiter_grows_by_the_difference) && more-- > 0 && l->waiters.first) {
        l->borrowed++;
        hark__wake(l->waiters.first, 0);
    }
    if (!planted(limiter_growing_wakes_nobody)) {
        lend(l);
    }
    return 0;
}

int hark_limiter_available(const hark_limiter *l)
{
    return l ? l->tokens - l->borrowed : 0;
}

int hark_limiter_borrowed(const hark_limiter *l)
{
    return l ? l->borrowed : 0;
}

hark_stats hark_limiter_statistics(const hark_limiter *l)
{
    return (hark_stats){l ? hark__tasks_in(&l->waiters) : 0};
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static bool token_is_free(hark_case *c)
{
    return hark_limiter_available(c->object) > 0;
}

/* Where there is a free token nobody queues (J4). */
static bool borrow_if_free(hark_case *c)
{
    hark_limiter *l = c->object;

    if (!token_is_free(c)) {
        return false;
    }
    l->borrowed += !planted(limiter_select_borrows_none);
    return true;
}

static bool is_idle(const hark_case *c)
{
    return !token_is_free((hark_case *)c);
}

static hark_case *look_at(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, hark__case_is_sound, is_idle);
}

static const struct hark__case_kind on_limiter = {
    .what = "a token of a limiter",
    .check = hark__case_check_list,
    .look = look_at,
    .ready = borrow_if_free,
    .there = token_is_free,
    .stands = hark__case_stands_in_list,
};

_Static_assert(offsetof(hark_limiter, waiters) == 0, "a case's object is its list");

hark_case hark_on_limiter(hark_limiter *l)
{
    return (hark_case){.kind = &on_limiter, .object = l};
}
