/* SPDX-License-Identifier: MIT
 *
 * pile_model.c - piles in every order: spawning, ending, taking, cancelling on both sides.
 *
 * Idea     Every item knows its number in the order in which it was entered, and that is its result.
 *          So what is taken must be 1, 2, 3, however the items end. Of several takers the first has
 *          the oldest, but another may run before it: then each number must come once.
 * Rules    1  A spawn that failed has no number; so there is no hole in what is taken.
 *          2  At the end all that was spawned and not taken is still there, in order.
 */
#include <hark.h>

#include "stage.h"

static hark_pool pool;
static hark_pile pile;
static int entered, taken, cut, none;
static unsigned seen; /* bits */
static bool several;  /* takers */

static void begin(int places, int ahead)
{
    entered = taken = cut = none = 0;
    seen = several = 0;
    MUST(hark_pool_open(&pool, places) == 0);
    MUST(hark_pile_init(&pile, &pool, ahead) == 0);
    open_stage();
}

static void got(int result)
{
    taken++;
    if (result != -ECANCELED) {
        MUST(result > 0 && !(seen & 1u << result));
        MUST(several || result == taken);
        seen |= 1u << result;
    }
}

static int end(void)
{
    int rc = hark_pool_close(&pool, hark_group_close(&group, 0)), left = 0;

    MUST(hark_pile_outstanding(&pile) == entered - taken);
    while (taken < entered && hark_pile_next(&pile, &left) == 0) {
        got(left);
    }
    WANT(taken == entered);
    MUST(hark_pile_free(&pile) == 0);
    return rc;
}

/* The number is drawn when the first step is made, and that is the order only with one place; else it
 * comes with the argument. */
static int item(void *number)
{
    int rc = hark_sleep(1 + hark_test_choose(2));
    return rc ? rc : (int)(intptr_t)number;
}

static int item_in_turn(void *counter)
{
    int number = ++*(int *)counter, rc = hark_sleep(1);
    return rc ? rc : number;
}

static int count(hark_task id)
{
    MUST(id > 0 || id == -ECANCELED || id == -ENOMEM);
    entered += id > 0;
    cut += id == -ECANCELED;
    return id < 0 ? (int)id : 0;
}

static int in_turn; /* items that have begun: the order of the spawns, for there is one place */

static int go_one(void *unused)
{
    (void)unused;
    return count(hark_pile_go(&pile, item_in_turn, &in_turn));
}

/* By one task: their numbers are known. */
static int most; /* to be spawned */

static int go_all(void *unused)
{
    (void)unused;
    int rc = 0;
    for (int i = 0; i < most && rc == 0; i++) {
        rc = count(hark_pile_go(&pile, item, (void *)(intptr_t)(entered + 1)));
    }
    return rc;
}

static int take_one(void *unused)
{
    (void)unused;
    int result = 0, rc = hark_pile_next(&pile, &result);

    MUST(rc == 0 || rc == -ENODATA || rc == -ECANCELED);
    if (rc == 0) {
        got(result);
    }
    none += rc == -ENODATA;
    cut += rc == -ECANCELED;
    return rc == -ECANCELED ? rc : 0;
}

static int take_three(void *unused)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = take_one(unused);
    }
    return rc;
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap();
    hark_task_cancel(first);
    return 0;
}

/* Finds: results in the order of the ends; a taker that is not told. */
MODEL(pile_three_by_two, .yields = -1)
{
    most = 3;
    begin(2, 0);
    go_all(NULL);
    go(take_three, NULL);
    int rc = end();
    WANT(entered == 3 && none == 0);
    return rc;
}

/* Finds: room that is not given back; a taker that waits for nothing. */
MODEL(pile_one_ahead, .yields = -1)
{
    most = 2;
    begin(2, 1);
    go(go_all, NULL);
    take_one(NULL);
    take_one(NULL);
    for (int i = 0; i < 9 && taken < 2 && hark_sleep(2) == 0; i++) {
        take_one(NULL);
    }
    if (taken < 2) {
        hark_group_cancel(&group);
    }
    int rc = end();
    WANT(entered == 2);
    return rc;
}

/* Finds: a result that goes under with a taker that is cancelled, or is given to two. */
MODEL(pile_takers_against_cancel, .yields = -1)
{
    in_turn = 0;
    begin(2, 0);
    several = true;
    first = go(take_one, NULL);
    go(take_one, NULL);
    go(cancel_first, NULL);
    go_one(NULL);
    go_one(NULL);
    return end();
}

/* Finds: a hole where a spawn was cancelled; room or a place that is lost with it; a taker that waits
 * for the result of a spawn that was none. */
MODEL(pile_spawn_against_cancel, .yields = -1)
{
    in_turn = 0;
    begin(1, 0);
    several = true;
    go(go_one, NULL);
    first = go(go_one, NULL);
    go(cancel_first, NULL);
    go(take_one, NULL);
    go(take_one, NULL);
    int rc = end();
    WANT(entered + cut == 2);
    return rc;
}

/* Finds: the same, when what is waited for is room. */
MODEL(pile_room_against_cancel, .yields = -1)
{
    in_turn = 0;
    begin(1, 1);
    go_one(NULL);
    first = go(go_one, NULL);
    go(cancel_first, NULL);
    go(go_one, NULL);
    take_one(NULL);
    take_one(NULL);
    take_one(NULL);
    if (hark_test_disturbed()) {
        hark_group_cancel(&group);
    }
    for (int i = 0; i < 9 && taken < entered + 1 && hark_pile_outstanding(&pile); i++) {
        take_one(NULL);
    }
    hark_group_cancel(&group);
    return end();
}
