/* SPDX-License-Identifier: MIT
 *
 * map_model.c - hark_map in every order: items that end out of order, fail, are cut short.
 *
 * Idea     Each item writes down how it ended, on the line that the map will write its result on. The
 *          two must be the same, whatever happens; and what never began must say so.
 */
#include <hark.h>

#include "stage.h"

enum { ITEMS = 3, UNKNOWN = -EUCLEAN };
static int items[ITEMS], results[ITEMS], truth[ITEMS];
static int at_work, most, limit, answer;

static void begin(int at_most)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i] = i;
        results[i] = UNKNOWN;
        truth[i] = -ECANCELED; /* unless it begins */
    }
    at_work = most = 0;
    limit = at_most;
    answer = UNKNOWN;
    open_stage();
}

static int finish(int i, int rc)
{
    at_work--;
    truth[i] = rc;
    return rc;
}

static int work(void *item)
{
    const int i = *(int *)item;

    at_work++;
    most = at_work > most ? at_work : most;
    int rc = hark_sleep(1 + hark_test_choose(2));
    return finish(i, rc ? rc : 10 * i);
}

/* The first fails. */
static int work_or_fail(void *item)
{
    const int i = *(int *)item, rc = work(item);
    return rc || i ? rc : (truth[i] = -EIO);
}

static int map(void *fn)
{
    bool short_of_one = false;

    answer = hark_map(limit, *(hark_fn **)fn, items, sizeof *items, ITEMS, results);
    MUST(answer == 0 || answer == -ECANCELED);
    MUST(at_work == 0 && most <= limit);
    for (int i = 0; i < ITEMS; i++) {
        MUST(results[i] == truth[i]);
        short_of_one = short_of_one || results[i] == -ECANCELED;
    }
    MUST(answer == 0 || short_of_one);
    return answer;
}

static hark_fn *const work_fn = work, *const fail_fn = work_or_fail;

static int cancel_first(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    hark_task_cancel(first);
    return 0;
}

/* Finds: a result in the wrong place; more at a time than the limit. */
MODEL(map_three_by_two, .yields = 1)
{
    begin(2);
    go(map, (void *)&work_fn);
    int rc = hark_group_close(&group, 0);
    WANT(answer == 0 && most == 2 && results[2] == 20);
    return rc;
}

/* Finds: a failure that stops the others. */
MODEL(map_with_a_failing_item, .yields = 1)
{
    begin(2);
    go(map, (void *)&fail_fn);
    int rc = hark_group_close(&group, 0);
    WANT(answer == 0 && results[0] == -EIO && results[1] == 10 && results[2] == 20);
    return rc;
}

/* Finds: an item that was never begun and says nothing, or is begun after the map has returned; a map
 * that was cut short and does not say so. */
MODEL(map_against_cancel, .yields = 1)
{
    begin(1 + hark_test_choose(2));
    first = go(map, (void *)&work_fn);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(answer == 0 || answer == -ECANCELED);
    WANT((answer == 0) == (results[2] == 20 && results[1] == 10 && results[0] == 0));
    return rc;
}
