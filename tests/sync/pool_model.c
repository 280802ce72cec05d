/* SPDX-License-Identifier: MIT
 *
 * pool_model.c - pools in every order: spawning, ending, failing, cancel, deadlines, sizes, inline.
 *
 * Idea     A book beside the pool: who was entered, who is at work, who has ended. The pool is opened
 *          around the stage, so that all spawners are gone before it is closed; where closing is what
 *          is looked at, it is opened inside.
 *
 * Rules    1  What was spawned ends, and what was not spawned never runs.
 *          2  No more are at work than there are places; what runs inline is not counted.
 *          3  Places are given in the order in which those stood who wait.
 */
#include <hark.h>

#include "stage.h"

static hark_pool pool;
static int size, at_work, entered, began, ended, cut, failed, refused;

static void reset(int places)
{
    size = places;
    at_work = entered = began = ended = cut = failed = refused = 0;
}

static void begin(int places)
{
    reset(places);
    MUST(hark_pool_open(&pool, places) == 0);
    open_stage();
}

static int close_pool(int rc)
{
    rc = hark_pool_close(&pool, rc);
    MUST(at_work == 0 && ended == entered && began == entered);
    MUST(hark_pool_running(&pool) == 0 && hark_pool_waiting(&pool) == 0);
    return rc;
}

static int end(void)
{
    return close_pool(hark_group_close(&group, 0));
}

static void look(void)
{
    MUST(hark_pool_waiting(&pool) == 0 || hark_pool_running(&pool) >= size);
    MUST(at_work <= hark_pool_running(&pool));
}

static int work(void *unused)
{
    (void)unused;
    began++;
    at_work++;
    MUST(at_work <= size);
    look();
    int rc = hark_sleep(1);
    at_work--;
    ended++;
    return rc;
}

/* Spawns fn; 0 or why not. */
static int spawn(hark_fn *fn, void *arg)
{
    bool was_cancelled = hark_effective_deadline() == INT64_MIN;
    hark_task id = hark_pool_go(&pool, fn, arg);

    MUST(id > 0 || id == -ECANCELED || id == -ENOMEM);
    MUST(!was_cancelled || id == -ECANCELED);
    entered += id > 0;
    cut += id == -ECANCELED;
    return id < 0 ? (int)id : 0;
}

static int spawn_one(void *unused)
{
    return spawn(work, unused);
}

static int spawn_later(void *unused)
{
    nap();
    return spawn(work, unused);
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    return 0;
}

/* Finds: two in one place; a place that is lost; one who waits for a place that is there. */
MODEL(pool_three_want_one_place, .yields = -1)
{
    begin(1);
    go(spawn_one, NULL);
    go(spawn_later, NULL);
    go(spawn_later, NULL);
    int rc = end();
    WANT(entered == 3);
    return rc;
}

/* Finds: the same, when places come back at the same time. */
MODEL(pool_three_want_two_places, .yields = -1)
{
    begin(2);
    go(spawn_one, NULL);
    go(spawn_later, NULL);
    go(spawn_one, NULL);
    int rc = end();
    WANT(entered == 3);
    return rc;
}

/* Finds: a spawn that was cancelled and runs all the same; a place that goes under with it. */
MODEL(pool_hand_over_against_cancel, .yields = -1)
{
    begin(1);
    go(spawn_one, NULL);
    first = go(spawn_one, NULL);
    go(spawn_one, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(entered + cut == 3 && cut <= 1);
    return rc;
}

static int cancel_child(void *unused)
{
    hark_task id = hark_pool_go(&pool, work, unused);

    entered += id > 0;
    nap();
    if (id > 0) {
        hark_task_cancel(id);
    }
    return 0;
}

/* Finds: a task that is cancelled, before it has run or later, and does not give its place back. */
MODEL(pool_task_cancelled_in_its_place, .yields = -1)
{
    begin(1);
    go(cancel_child, NULL);
    go(spawn_later, NULL);
    go(spawn_one, NULL);
    int rc = end();
    WANT(entered == 3);
    return rc;
}

/* ---- the order ------------------------------------------------------------------------------- */

static int line, served; /* places in the line: given out, and begun */

static int work_in_line(void *place)
{
    began++;
    if (place) {
        MUST((intptr_t)place > served);
        WANT((intptr_t)place == served + 1); /* else who was cancelled in between was not served */
        served = (int)(intptr_t)place;
    }
    ended++;
    return 0;
}

/* Stands in the line unless there is a place. */
static int stand(void *later)
{
    if (later) {
        nap();
    }
    bool waits = hark_pool_running(&pool) >= size && hark_effective_deadline() != INT64_MIN;
    return spawn(work_in_line, (void *)(intptr_t)(waits ? ++line : 0));
}

/* Finds: one who overtakes; a newcomer who takes what was handed over. */
MODEL(pool_first_come_first_served, .yields = -1)
{
    begin(1);
    line = served = 0;
    spawn(work, NULL);
    go(stand, NULL);
    go(stand, NULL);
    go(stand, &pool);
    int rc = hark_group_close(&group, 0);
    rc = close_pool(rc);
    WANT(entered == 4 && served == line);
    return rc;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void resize(int places)
{
    size = places;
    MUST(hark_pool_resize(&pool, places) == 0);
    look();
}

static int work_in_any(void *unused)
{
    (void)unused;
    began++;
    at_work++;
    look();
    int rc = hark_sleep(1);
    at_work--;
    ended++;
    return rc;
}

static int spawn_any(void *unused)
{
    nap();
    return spawn(work_in_any, unused);
}

static int resizer(void *unused)
{
    (void)unused;
    nap();
    resize(0);
    nap();
    resize(2);
    return 0;
}

/* Finds: places that come without anybody being told, or are given beyond the size. */
MODEL(pool_resized_under_tasks, .yields = -1)
{
    begin(1);
    spawn(work_in_any, NULL);
    go(spawn_any, NULL);
    go(resizer, NULL);
    int rc = hark_group_close(&group, 0);
    resize(2);
    rc = close_pool(rc);
    WANT(entered == 2);
    return rc;
}

static int grow(void *unused)
{
    (void)unused;
    nap();
    resize(1);
    return 0;
}

/* Finds: a place that is given to one who was cancelled in the same turn. */
MODEL(pool_grown_against_cancel, .yields = -1)
{
    begin(0);
    first = go(spawn_one, NULL);
    go(spawn_one, NULL);
    go(cancel_first, NULL);
    go(grow, NULL);
    int rc = hark_group_close(&group, 0);
    rc = close_pool(rc);
    WANT(entered + cut == 2 && cut <= 1);
    return rc;
}

/* ---- failures -------------------------------------------------------------------------------- */

static int fail(void *unused)
{
    (void)unused;
    began++;
    nap();
    failed++;
    ended++;
    return -EIO;
}

static int spawn_failing(void *unused)
{
    nap();
    return spawn(fail, unused);
}

/* Finds: a place that is lost with a failure; a failure that is lost; one who waits for ever for a
 * place in a pool that has failed. */
MODEL(pool_failure_against_spawns, .yields = -1)
{
    begin(1);
    go(spawn_one, NULL);
    go(spawn_failing, NULL);
    go(spawn_later, NULL);
    int rc = end();
    WANT(entered + cut == 3 && failed == 1); /* the stage is in the pool's scope */
    MUST(rc == -EIO || rc == -ENOMEM || failed == 0); /* a spawn may fail first */
    return rc == -EIO ? 0 : rc;
}

/* ---- inside ---------------------------------------------------------------------------------- */

static int below(void *fn)
{
    hark_task id = hark_pool_go(&pool, *(hark_fn **)fn, NULL);
    MUST(id > 0 || id == -ECANCELED || id == -ENOMEM);
    entered += id > 0;
    return id < 0 ? (int)id : 0;
}

/* Opens a group with a task that spawns fn into the pool. */
static int with_group(void *fn)
{
    hark_group inner;

    began++;
    int rc = hark_group_open(&inner);
    hark_task id = hark_go(&inner, below, fn);
    rc = hark_group_close(&inner, rc ? rc : id < 0 ? (int)id : 0);
    ended++;
    return rc;
}

static int quick(void *unused)
{
    (void)unused;
    began++;
    int rc = hark_sleep(1);
    ended++;
    return rc;
}

static hark_fn *const quick_below = quick, *const fail_below = fail;

static int spawn_group(void *fn)
{
    nap();
    return spawn(with_group, fn);
}

/* Finds: a task that waits for a place which only its own parent could give it. */
MODEL(pool_spawned_into_from_below, .yields = -1)
{
    begin(1);
    go(spawn_group, (void *)&quick_below);
    go(spawn_group, (void *)&quick_below);
    int rc = end();
    WANT(entered == 4);
    return rc;
}

/* Finds: an inline failure that does not fail the pool, or not the others in it. */
MODEL(pool_inline_failure_against_spawns, .yields = -1)
{
    begin(1);
    go(spawn_group, (void *)&fail_below);
    go(spawn_one, NULL);
    int rc = end();
    WANT(failed == 1);
    MUST(rc == -EIO || rc == -ENOMEM || failed == 0); /* a spawn may fail first */
    return rc == -EIO ? 0 : rc;
}

/* ---- closing --------------------------------------------------------------------------------- */

static int spawn_if_open(void *unused)
{
    nap();
    hark_task id = hark_pool_go(&pool, quick, unused);
    MUST(id > 0 || id == -ECANCELED || id == -ENOMEM || id == -EINVAL);
    entered += id > 0;
    refused += id == -EINVAL;
    return id == -EINVAL || id > 0 ? 0 : (int)id;
}

static int shrink(void *unused)
{
    (void)unused;
    nap();
    hark_pool_resize(&pool, 0); /* it may be closed */
    return 0;
}

/* Finds: a pool that closes over a task, or over one who waits; one who is turned away though a
 * place comes. */
MODEL(pool_closed_against_spawns, .yields = -1)
{
    reset(1);
    open_stage();
    MUST(hark_pool_open(&pool, 1) == 0);
    spawn(quick, NULL);
    go(spawn_if_open, NULL);
    nap();
    int rc = close_pool(0), refused_then = refused;
    MUST(hark_group_close(&group, 0) == 0 || hark_test_disturbed());
    WANT(entered + refused == 2 && refused_then <= refused);
    return rc;
}

/* Finds: one who waits for ever for a place in a pool that is no more. */
MODEL(pool_shrunk_and_closed_on_who_waits, .yields = -1)
{
    reset(1);
    open_stage();
    MUST(hark_pool_open(&pool, 1) == 0);
    spawn(quick, NULL);
    go(spawn_if_open, NULL);
    go(shrink, NULL);
    int rc = close_pool(0);
    MUST(hark_group_close(&group, 0) == 0 || hark_test_disturbed());
    WANT(entered + refused == 2);
    return rc;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int timeouts;

static int work_long(void *unused)
{
    (void)unused;
    began++;
    at_work++;
    MUST(at_work <= size);
    int rc = hark_sleep(2);
    at_work--;
    ended++;
    return rc;
}

static int spawn_impatiently(void *unused)
{
    int64_t id = hark_within(2, hark_pool_go(&pool, work_long, unused));

    MUST(id > 0 || id == -ETIMEDOUT || id == -ECANCELED || id == -ENOMEM);
    entered += id > 0;
    timeouts += id == -ETIMEDOUT;
    return id > 0 || id == -ETIMEDOUT ? 0 : (int)id;
}

/* Finds: a place that is lost between an end and a deadline of the same instant. */
MODEL(pool_end_against_deadline, .yields = -1)
{
    begin(1);
    timeouts = 0;
    go(spawn_impatiently, NULL);
    go(spawn_impatiently, NULL);
    go(spawn_impatiently, NULL);
    int rc = end();
    WANT(entered + timeouts == 3);
    return rc;
}
