/* SPDX-License-Identifier: MIT
 *
 * retry_model.c - hark_retry in every order: success, failure, cancel, at any of its tries and
 * sleeps.
 *
 * Rules    1  There are never more tries than allowed, and none after a success or a cancel.
 *          2  What is returned is what the last try returned, or -ECANCELED.
 */
#include <hark.h>

#include "stage.h"

static int tried, last;
static bool over; /* a try has succeeded, or was cancelled */
static hark_flag flag;

/* The flag is what it needs. */
static int attempt(void *unused)
{
    (void)unused;
    MUST(!over);
    MUST(hark_checkpoint() == 0);
    tried++;
    int rc = hark_sleep(1);
    last = rc ? rc : hark_flag_is_set(&flag) ? 0 : -EIO;
    over = last != -EIO;
    return last;
}

static int persist(void *tries)
{
    const hark_backoff how = {.tries = (int)(intptr_t)tries, .first = 2, .most = 3};
    int rc = hark_retry(&how, attempt, NULL);

    MUST(rc == 0 || rc == -EIO || rc == -ECANCELED);
    MUST(rc == last || rc == -ECANCELED);
    MUST(tried <= (int)(intptr_t)tries);
    MUST(rc != -EIO || tried == (int)(intptr_t)tries);
    over = true;
    return rc == -EIO ? 0 : rc;
}

static int set_later(void *unused)
{
    (void)unused;
    sleep_up_to(3);
    return hark_flag_set(&flag);
}

static int cancel_first(void *unused)
{
    (void)unused;
    sleep_up_to(4);
    hark_task_cancel(first);
    return 0;
}

static void begin(void)
{
    tried = last = 0;
    over = false;
    MUST(hark_flag_init(&flag) == 0);
    open_stage();
}

/* Finds: a try too many, or one after a success. */
MODEL(retry_until_it_succeeds, .yields = -1)
{
    begin();
    go(persist, (void *)3);
    go(set_later, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(tried >= 1 && (last == 0 || tried == 3));
    return rc;
}

/* Finds: a cancel that ends a sleep, or a try, and not all of it. */
MODEL(retry_against_cancel, .yields = -1)
{
    begin();
    first = go(persist, (void *)3);
    go(set_later, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(tried <= 3);
    return rc;
}
