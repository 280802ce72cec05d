/* SPDX-License-Identifier: MIT
 *
 * map_test.c - hark_map: one call for each item, ordered results, so many at a time.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

#include "base/sys.h"

enum { MANY = 50 };
static int items[MANY], results[MANY];
static int at_work, most, begun;
static hark_event never;

static void begin(int n)
{
    for (int i = 0; i < n; i++) {
        items[i] = i;
        results[i] = -EUCLEAN;
    }
    at_work = most = begun = 0;
}

/* 10 times the item, after as many instants as it says. */
static int work(void *item)
{
    begun++;
    at_work++;
    most = at_work > most ? at_work : most;
    const int rc = hark_sleep(*(int *)item);
    at_work--;
    return rc ? rc : 10 * *(int *)item;
}

static int fail_odd(void *item)
{
    hark_yield();
    return *(int *)item % 2 ? hark_fail(-EIO, "item %d is odd", *(int *)item) : *(int *)item;
}

static int park(void *item)
{
    begun++;
    return *(int *)item == 0 ? 7 : hark_event_wait(&never);
}

static bool refuse_odd(void)
{
    static int count;
    return ++count % 2;
}

static bool refuse_all(void)
{
    return true;
}

/* ---- what comes out -------------------------------------------------------------------------- */

INSIDE(map_GP_08_results_stand_where_their_items_do)
{
    begin(10);
    for (int i = 0; i < 10; i++) {
        items[i] = 10 - i; /* the last is done first */
    }
    CHECK_EQ(hark_map(4, work, items, sizeof *items, 10, results), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(results[i], 10 * (10 - i));
    }
    CHECK_EQ(most, 4);
    CHECK_EQ(at_work, 0);
}

INSIDE(map_GP_08_none_ends_at_once)
{
    CHECK_EQ(hark_map(1, work, items, sizeof *items, 0, results), 0);
    CHECK_EQ(hark_map(1, work, NULL, sizeof *items, 0, NULL), 0);
    CHECK_EQ(begun, 0);
}

INSIDE(map_GP_08_a_failing_item_is_in_its_place_and_stops_nothing)
{
    begin(9);
    CHECK_EQ(hark_map(3, fail_odd, items, sizeof *items, 9, results), 0);
    for (int i = 0; i < 9; i++) {
        CHECK_EQ(results[i], i % 2 ? -EIO : i);
    }
}

INSIDE(map_the_results_may_be_of_no_interest)
{
    begin(9);
    CHECK_EQ(hark_map(2, work, items, sizeof *items, 9, NULL), 0);
    CHECK_EQ(begun, 9);
}

static int count(void *counter)
{
    return ++*(int *)counter;
}

INSIDE(map_with_a_size_of_0_each_gets_the_same)
{
    int counter = 0;
    begin(5);
    CHECK_EQ(hark_map(1, count, &counter, 0, 5, results), 0);
    CHECK_EQ(counter, 5);
    CHECK_EQ(results[4], 5);
    CHECK_EQ(hark_map(1, nothing, NULL, 0, 5, results), 0);
}

static uint64_t dice;

static int random_item(void *item)
{
    at_work++;
    most = at_work > most ? at_work : most;
    hark_sleep((int64_t)(draw(&dice) % 7));
    at_work--;
    return *(int *)item % 3 ? *(int *)item : -EIO - *(int *)item;
}

INSIDE(map_GP_10_in_order_under_random_delays_and_failures)
{
    dice = kit_seed();
    for (int limit = 1; limit < MANY + 10; limit += 1 + limit / 2) {
        begin(MANY);
        CHECK_EQ(hark_map(limit, random_item, items, sizeof *items, MANY, results), 0);
        for (int i = 0; i < MANY; i++) {
            CHECK_EQ(results[i], i % 3 ? i : -EIO - i);
        }
        CHECK_LE(most, limit);
    }
}

/* Every item is a task of its own, and all may be parked: memory is for `limit` of them, not for n. */
INSIDE(map_GP_10_no_more_tasks_than_the_limit)
{
    static int zero[1];
    begin(1);
    CHECK_EQ(hark_map(5, random_item, zero, 0, 100000, NULL), 0);
    CHECK_EQ(most, 5);
}

static int map_inside(void *item)
{
    int inner[4] = {0};
    CHECK_EQ(hark_map(1, work, items, sizeof *items, 4, inner), 0);
    CHECK_EQ(inner[3], 30);
    return *(int *)item;
}

INSIDE(map_inside_of_a_map)
{
    int outer[3] = {-1, -1, -1};
    begin(4);
    CHECK_EQ(hark_map(2, map_inside, items, sizeof *items, 3, outer), 0);
    CHECK_EQ(outer[2], 2);
}

/* ---- cut short ------------------------------------------------------------------------------- */

INSIDE(map_cut_short_what_was_never_begun_says_so)
{
    begin(6);
    CHECK_EQ(hark_within(5, hark_map(2, park, items, sizeof *items, 6, results)), -ETIMEDOUT);
    CHECK_EQ(results[0], 7);
    for (int i = 1; i < 6; i++) {
        CHECK_EQ(results[i], -ECANCELED);
    }
    CHECK_EQ(begun, 3);
}

INSIDE(map_cut_short_at_its_last_items)
{
    begin(3);
    CHECK_EQ(hark_within(5, hark_map(3, park, items, sizeof *items, 3, results)), -ETIMEDOUT);
    CHECK_EQ(results[0], 7);
    CHECK_EQ(results[2], -ECANCELED);
}

static int cut_short(void *unused)
{
    (void)unused;
    hark_scope scope;
    hark_scope_open(&scope, 0);
    CHECK_EQ(hark_map(2, park, items, sizeof *items, 4, results), -ECANCELED);
    CHECK_EQ(hark_map(2, park, items, sizeof *items, 0, results), -ECANCELED);
    return (int)hark_scope_close(&scope, 0);
}

INSIDE(map_in_a_cancelled_scope_begins_nothing)
{
    begin(4);
    cut_short(NULL);
    CHECK_EQ(begun, 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(results[i], -ECANCELED);
    }
}

static int cancel_self(void *item)
{
    hark_task_cancel(hark_self());
    const int rc = hark_checkpoint();
    return *(int *)item == 1 ? rc : 0;
}

INSIDE(map_an_item_that_is_cancelled_by_itself_is_not_the_map)
{
    begin(3);
    CHECK_EQ(hark_map(2, cancel_self, items, sizeof *items, 3, results), 0);
    CHECK_EQ(results[0], 0);
    CHECK_EQ(results[1], -ECANCELED);
    CHECK_EQ(results[2], 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

INSIDE(map_without_memory_now_and_then)
{
    begin(20);
    hark__choices.refuse = refuse_odd;
    CHECK_EQ(hark_map(4, work, items, sizeof *items, 20, results), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(results[i], 10 * i);
    }
    CHECK_LE(most, 4);
}

INSIDE(map_without_any_memory_does_it_all_inline)
{
    begin(5);
    hark__choices.refuse = refuse_all;
    CHECK_EQ(hark_map(4, work, items, sizeof *items, 5, results), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(results[i], 10 * i);
    }
    CHECK_EQ(most, 1);
    CHECK_EQ(hark_within(5, hark_map(2, park, items, sizeof *items, 2, results)), -ETIMEDOUT);
    CHECK_EQ(results[0], 7);
    CHECK_EQ(results[1], -ECANCELED);
}

/* ---- wrong use ------------------------------------------------------------------------------- */

TEST(map_misuse_outside_a_task)
{
    CHECK_MISUSE(hark_map(1, nothing, items, sizeof *items, 1, results), -ENOTSUP, "hark_map");
}

INSIDE(map_misuse)
{
    begin(1);
    CHECK_MISUSE(hark_map(1, NULL, items, sizeof *items, 1, results), -EINVAL, "hark_map");
    CHECK_MISUSE(hark_map(1, nothing, NULL, sizeof *items, 1, results), -EINVAL, "hark_map");
    CHECK_MISUSE(hark_map(0, nothing, items, sizeof *items, 1, results), -EINVAL, "hark_map");
    CHECK_MISUSE(hark_map(-1, nothing, items, sizeof *items, 0, results), -EINVAL, "hark_map");
    CHECK_EQ(results[0], -EUCLEAN);
}

INSIDE(map_by_a_pointer_to_the_function)
{
    int (*by_pointer)(int, hark_fn *, void *, size_t, size_t, int *) = hark_map;
    begin(2);
    CHECK_EQ(by_pointer(1, work, items, sizeof *items, 2, results), 0);
    CHECK_EQ(results[1], 10);
}
