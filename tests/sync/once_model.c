/* SPDX-License-Identifier: MIT
 *
 * once_model.c - hark_once in every order: first and later callers, failures, cancels (W19).
 *
 * Rules    1  At most one function runs at a time, none after one has succeeded, and it succeeds at
 *             most once: whatever fault there is.
 *          2  Whoever got a result got the one that succeeded.
 */
#include <hark.h>

#include "stage.h"

static hark_once once;
static int running, tried, succeeded, result, told, cut, failed, failures;

static int waiting(void)
{
    return hark_once_statistics(&once).tasks_waiting;
}

/* The first `count` tries fail. */
static void begin(int count)
{
    MUST(hark_once_init(&once) == 0);
    running = tried = succeeded = result = told = cut = failed = 0;
    failures = count;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0 && running == 0);
    MUST(hark_once_is_done(&once) == (succeeded == 1));
    return rc;
}

static int attempt(void *number)
{
    MUST(running == 0 && succeeded == 0);
    running++;
    tried++;
    int rc = hark_sleep(1);
    running--;
    if (rc) {
        return rc;
    }
    if (failures > 0) {
        failures--;
        return -EIO;
    }
    succeeded++;
    return result = (int)(intptr_t)number;
}

static int call(void *number)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_done = hark_once_is_done(&once);
    int rc = hark_once_run(&once, attempt, number);

    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(was_cancelled || !was_done || rc == result);
    MUST(rc < 0 || (succeeded == 1 && rc == result));
    MUST(rc >= 0 || rc == -EIO || rc == -ECANCELED);
    MUST(waiting() == 0 || !hark_once_is_done(&once));
    told += rc >= 0;
    failed += rc == -EIO;
    cut += rc == -ECANCELED;
    return rc == -ECANCELED ? rc : 0;
}

static int call_later(void *number)
{
    nap();
    return call(number);
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    return 0;
}

/* Finds: two who run it; one who waits and is not told; a result of one who did not run. */
MODEL(once_three_call, .yields = 1)
{
    begin(0);
    go(call_later, (void *)1);
    go(call_later, (void *)2);
    go(call_later, (void *)3);
    int rc = end();
    WANT(tried == 1 && told == 3);
    return rc;
}

/* Finds: a failure after which nobody tries, or two do; one that is told to those who only
 * waited. */
MODEL(once_fails_and_the_next_tries, .yields = 1)
{
    begin(1);
    go(call, (void *)1);
    go(call_later, (void *)2);
    go(call_later, (void *)3);
    int rc = end();
    WANT(tried == 2 && failed == 1 && told == 2);
    return rc;
}

/* Finds: a runner that is cancelled, and those who wait for it for ever; a turn that goes under
 * with the one it was given to. */
MODEL(once_against_cancel, .yields = 1)
{
    begin(1);
    go(call, (void *)1);
    first = go(call, (void *)2);
    go(call_later, (void *)3);
    go(cancel_first, NULL);
    int rc = end();
    WANT(cut <= 1 && failed == 1 && told + cut == 2);
    return rc;
}

static int call_impatiently(void *number)
{
    int64_t rc = hark_within(2, call(number));
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* Finds: a deadline in the instant in which the turn, or the result, is handed over. */
MODEL(once_against_deadline, .yields = 1)
{
    begin(1);
    go(call_impatiently, (void *)1);
    go(call_impatiently, (void *)2);
    go(call_impatiently, (void *)3);
    int rc = end();
    WANT(told + failed + cut == 3);
    return rc;
}
