/* SPDX-License-Identifier: MIT
 *
 * resources_model.c - pools of resources in every order: get, put, discard, fail, resize, cancel.
 *
 * Idea     A book beside the pool: which resources live, and who has each. Making one and
 *          destroying one may take a step.
 * Rules    1  At no instant there live more than there may be; none is had by two.
 *          2  Nobody waits while one is idle or could be made.
 *          3  In the end all are back, and freeing the pool leaves none, whatever fault there is.
 */
#include <hark.h>

#include "stage.h"

enum { ITEMS = 8 };

static hark_resources pool;
static int max, living, most, served, refused, cut, failures, next;
static bool had[ITEMS];
static bool slow; /* making and destroying one takes a step */

static hark_resources_stats now(void)
{
    return hark_resources_statistics(&pool);
}

static void look(void)
{
    hark_resources_stats at = now();

    MUST(at.waiting == 0 || (at.idle == 0 && at.in_use + at.changing >= max));
    MUST(living >= at.in_use + at.idle && living <= at.in_use + at.idle + at.changing);
}

static int create(void *unused, void **item)
{
    (void)unused;
    int rc = 0;

    living++;
    most = living > most ? living : most;
    MUST(living <= max);
    if (slow) {
        rc = hark_sleep(1);
    }
    if (rc == 0 && failures > 0) {
        failures--;
        rc = -EIO;
    }
    if (rc) {
        living--;
        return rc;
    }
    MUST(next < ITEMS);
    *item = &had[next++];
    return 0;
}

static void destroy(void *unused, void *item)
{
    (void)unused;
    MUST(!*(bool *)item);
    if (slow) {
        hark_sleep(1);
    }
    living--;
}

static int begin(int count, int failing)
{
    max = count;
    failures = failing;
    living = most = served = refused = cut = next = 0;
    slow = false;
    for (int i = 0; i < ITEMS; i++) {
        had[i] = false;
    }
    int rc = hark_resources_init(&pool, count, HARK_FIFO, create, destroy, NULL);
    WANT(rc == 0);
    return rc;
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    look();
    MUST(now().waiting == 0 && now().in_use == 0 && now().changing == 0 && now().idle == living);
    MUST(hark_resources_free(&pool) == 0 && living == 0);
    return rc;
}

static int get(bool **item)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    int rc = hark_resources_get(&pool, (void **)item);

    MUST(rc == 0 || rc == -ECANCELED || rc == -EIO);
    MUST(!was_cancelled || rc == -ECANCELED);
    if (rc == 0) {
        MUST(!**item);
        **item = true;
    }
    served += rc == 0;
    refused += rc == -EIO;
    cut += rc == -ECANCELED;
    look();
    return rc;
}

static int use(bool discards)
{
    bool *item;
    int rc = get(&item);

    if (rc == 0) {
        hark_sleep(1);
        *item = false;
        MUST((discards ? hark_resources_discard : hark_resources_put)(&pool, item) == 0);
        look();
    }
    return rc == -EIO ? 0 : rc;
}

static int work(void *unused)
{
    (void)unused;
    return use(false);
}

static int work_later(void *unused)
{
    nap();
    return work(unused);
}

static int break_one(void *unused)
{
    (void)unused;
    return use(true);
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    look();
    return 0;
}

/* Finds: two who have the one; one that is lost; too many. */
MODEL(resources_three_want_one, .yields = 1)
{
    int rc = begin(1, 0);
    if (rc) {
        return rc;
    }
    open_stage();
    go(work_later, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    rc = end();
    WANT(served == 3 && most == 1 && next == 1);
    return rc;
}

/* Finds: too many while they are being made. */
MODEL(resources_made_slowly, .yields = -1)
{
    int rc = begin(2, 0);
    if (rc) {
        return rc;
    }
    slow = true;
    open_stage();
    go(work, NULL);
    go(work, NULL);
    go(work_later, NULL);
    rc = end();
    WANT(served == 3 && most <= 2);
    return rc;
}

/* Finds: a failure that leaves who waits where it is, or takes a place with it; a place that two
 * take. */
MODEL(resources_failure_lets_the_next_try, .yields = 1)
{
    int rc = begin(1, 1);
    if (rc) {
        return rc;
    }
    slow = true;
    open_stage();
    go(work, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    rc = end();
    WANT(served == 2 && refused == 1 && most == 1);
    return rc;
}

/* Finds: a place that goes under with the one who was cancelled while it made one, or was about
 * to. */
MODEL(resources_making_against_cancel, .yields = 1)
{
    int rc = begin(1, 0);
    if (rc) {
        return rc;
    }
    slow = true;
    open_stage();
    first = go(work, NULL);
    go(work_later, NULL);
    go(cancel_first, NULL);
    rc = end();
    WANT(served + cut == 2 && cut <= 1 && most == 1);
    return rc;
}

/* Finds: an item, or a broken one's place, that goes under with the one who was cancelled when
 * it was given to it. */
MODEL(resources_hand_over_against_cancel, .yields = 1)
{
    int rc = begin(1, 0);
    if (rc) {
        return rc;
    }
    open_stage();
    go(break_one, NULL);
    first = go(work, NULL);
    go(work_later, NULL);
    go(cancel_first, NULL);
    rc = end();
    WANT(served + cut == 3 && cut <= 1 && most == 1);
    return rc;
}

/* Finds: a discarded one whose place is given before it is gone, or to nobody. */
MODEL(resources_discarded_slowly, .yields = 1)
{
    int rc = begin(1, 0);
    if (rc) {
        return rc;
    }
    slow = true;
    open_stage();
    go(break_one, NULL);
    go(break_one, NULL);
    go(work_later, NULL);
    rc = end();
    WANT(served == 3 && most == 1);
    return rc;
}

static int barge(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        bool *item, was_idle = now().idle > 0;
        int rc = hark_resources_try_get(&pool, (void **)&item);
        MUST(rc == (was_idle ? 0 : -EAGAIN));
        if (rc == 0) {
            MUST(!*item);
            *item = true;
            hark_yield();
            *item = false;
            MUST(hark_resources_put(&pool, item) == 0);
            look();
        }
        nap();
    }
    return 0;
}

/* Finds: a try that takes what was given to a waiter. */
MODEL(resources_nobody_barges, .yields = 1)
{
    int rc = begin(1, 0);
    if (rc) {
        return rc;
    }
    open_stage();
    go(work, NULL);
    go(work_later, NULL);
    go(barge, NULL);
    rc = end();
    WANT(served == 2 && most == 1);
    return rc;
}

static void resize(int count)
{
    int before = max;

    /* Those that there are may stay for a while, but no new one is made. */
    max = count > before ? count : before;
    int rc = hark_resources_resize(&pool, count);
    WANT(rc == 0);
    max = rc ? before : count;
    look();
}

static int shrink_then_grow(void *unused)
{
    (void)unused;
    resize(1);
    MUST(now().idle + now().in_use <= 2);
    nap();
    resize(3);
    return 0;
}

static int stay_few(void *unused)
{
    (void)unused;
    nap();
    resize(1);
    return 0;
}

/* Finds: a pool that stays larger than it may be; a waiter that is forgotten when it grows. */
MODEL(resources_resized_under_users, .yields = -1, .patient = true)
{
    int rc = begin(2, 0);
    if (rc) {
        return rc;
    }
    open_stage();
    go(work, NULL);
    go(work_later, NULL);
    go(work_later, NULL);
    go(shrink_then_grow, NULL);
    rc = end();
    WANT(served == 3 && most <= 3);
    return rc;
}

/* Finds: one put back into a pool that has become too small for it. */
MODEL(resources_shrunk_under_users, .yields = 1)
{
    int rc = begin(2, 0);
    if (rc) {
        return rc;
    }
    open_stage();
    go(work, NULL);
    go(work, NULL);
    go(stay_few, NULL);
    rc = hark_group_close(&group, 0);
    WANT(served == 2 && now().idle == 1);
    MUST(hark_resources_free(&pool) == 0 && living == 0);
    return rc;
}
