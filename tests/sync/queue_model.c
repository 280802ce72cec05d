/* SPDX-License-Identifier: MIT
 *
 * queue_model.c - queues in every order: put, get, newcomers, cancels, joining, shutting down,
 * select.
 *
 * Idea     As in chan_model.c, calls are numbered as they come and an item is the number of the put
 *          that brought it: in a first-in-first-out queue, of the gets that got something each
 *          later call got a later item. In the other orders only "once, and what was put in" is
 *          asked here; which one comes first is queue_test.c's, in one task.
 *
 * Rules    1  The ledger holds whatever fault there is; who gets something at all only
 *             undisturbed.
 *          2  What a get has taken out is done at once, or later by the same task.
 */
#include <hark.h>
#include <string.h>

#include "core/core.h"
#include "stage.h"

enum { CALLS = 16 };

static hark_queue queue;
static bool will_close; /* when all is quiet */
static hark_order order;
static int put_calls, get_calls; /* so far */
static bool in[CALLS], out[CALLS];
static int item_of[CALLS]; /* by get; -1: nothing */
static int put_count, got_count, done_count, cut, ended, joined, dropped;

static int backwards(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

static void begin(size_t max, hark_order which)
{
    memset(in, 0, sizeof in);
    memset(out, 0, sizeof out);
    memset(item_of, -1, sizeof item_of);
    put_calls = get_calls = put_count = got_count = done_count = cut = ended = joined = dropped = 0;
    will_close = false;
    order = which;
    MUST(hark_queue_init(&queue, sizeof(int), max, order, backwards) == 0 || hark_test_disturbed());
    open_stage();
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static int noted_put(int item, int64_t rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -EPIPE || rc == -EAGAIN || rc == -ENOMEM ||
         rc == -EINVAL);
    WANT(rc != -ENOMEM && rc != -EINVAL);
    if (rc == 0) {
        MUST(!in[item]);
        in[item] = true;
        put_count++;
    }
    cut += rc == -ECANCELED;
    ended += rc == -EPIPE;
    return rc == -ECANCELED ? (int)rc : 0;
}

static int noted_get(int call, int item, int64_t rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -EPIPE || rc == -EAGAIN ||
         rc == -ENOMEM || rc == -EINVAL);
    WANT(rc != -ENOMEM && rc != -EINVAL);
    MUST((rc == 0) == (item >= 0));
    if (rc == 0) {
        MUST(item < put_calls && !out[item]);
        out[item] = true;
        item_of[call] = item;
        got_count++;
    }
    cut += rc == -ECANCELED || rc == -ETIMEDOUT;
    ended += rc == -EPIPE;
    return rc == -ECANCELED ? (int)rc : 0;
}

static int put(void)
{
    int item = put_calls++;
    return noted_put(item, hark_queue_put(&queue, &item));
}

static int get(void)
{
    int call = get_calls++, item = -1;
    int rc = hark_queue_get(&queue, &item);
    return noted_get(call, item, rc);
}

/* Those who try are not counted in `ended`. */
static void try_put(void)
{
    int item = put_calls++, before = ended;
    noted_put(item, hark_queue_try_put(&queue, &item));
    ended = before;
}

static void try_get(void)
{
    int call = get_calls++, item = -1, before = ended;
    int rc = hark_queue_try_get(&queue, &item);
    noted_get(call, item, rc);
    ended = before;
}

static void done(void)
{
    done_count++;
    MUST(hark_queue_task_done(&queue) == 0);
}

/* Whoever waits when all is quiet is sent home: what a cancelled task would have brought never
 * comes. Then nobody is left; what is in is taken out now. */
static int end(void)
{
    int rc, last = -1;

    if (will_close) {
        hark_sleep(99);
        hark_queue_shutdown(&queue, true);
    }
    rc = hark_group_close(&group, 0);

    MUST(queue.getters.count + queue.putters.count + queue.joiners.count == 0);
    while (hark_queue_len(&queue)) {
        try_get();
    }
    for (int i = 0; i < put_calls; i++) {
        dropped += in[i] && !out[i];
        MUST(in[i] || !out[i]);
    }
    for (int i = 0; i < get_calls && order == HARK_FIFO; i++) {
        MUST(item_of[i] < 0 || item_of[i] > last);
        last = item_of[i] < 0 ? last : item_of[i];
    }
    if (queue.size) {
        MUST((int)queue.unfinished == put_count - done_count - dropped);
        MUST(hark_queue_free(&queue) == 0);
    }
    return rc;
}

/* ---- putting and getting --------------------------------------------------------------------- */

static int putter(void *unused)
{
    (void)unused;
    nap_up_to(2);
    return put();
}

static int getter(void *unused)
{
    (void)unused;
    nap_up_to(2);
    return get();
}

static int putter_of_two(void *unused)
{
    int rc;
    (void)unused;
    nap_up_to(1);
    rc = put();
    return rc ? rc : put();
}

static int getter_of_two(void *unused)
{
    int rc;
    (void)unused;
    nap_up_to(1);
    rc = get();
    return rc ? rc : get();
}

static void two_and_two(size_t max, hark_order which)
{
    begin(max, which);
    go(putter_of_two, NULL);
    go(putter_of_two, NULL);
    go(getter_of_two, NULL);
    go(getter_of_two, NULL);
    will_close = true;
}

/* Finds: a place or an item that nobody gets; an item that overtakes. */
MODEL(queue_through_one_place, .yields = 1, .patient = true)
{
    two_and_two(1, HARK_FIFO);
    int rc = end();
    WANT(put_count == got_count + dropped && put_count + got_count + ended <= 8);
    return rc;
}

/* Finds: in the other stores, an item that is lost, or comes twice. */
MODEL(queue_through_two_places_of_another_order, .yields = 1, .patient = true)
{
    two_and_two(2, hark_test_choose(2) ? HARK_LIFO : HARK_PRIORITY);
    int rc = end();
    WANT(put_count == got_count + dropped && put_count + got_count + ended <= 8);
    return rc;
}

/* Finds: a ring that is torn where it grows; without memory, a put that has half happened. */
MODEL(queue_that_grows, .yields = 1, .patient = true)
{
    begin(0, hark_test_choose(2) ? HARK_FIFO : HARK_PRIORITY);
    try_put();
    try_get();
    for (int i = 0; i < 9; i++) {
        try_put();
    }
    go(putter, NULL);
    go(getter_of_two, NULL);
    go(getter, NULL);
    int rc = end();
    WANT(put_count == 11 && got_count == 11 && dropped == 0);
    return rc;
}

/* ---- newcomers ------------------------------------------------------------------------------- */

static int newcomer(void *unused)
{
    (void)unused;
    nap_up_to(2);
    try_get();
    try_put();
    return 0;
}

/* Finds: a try that takes what was given to a waiter, or the place that a waiting item has got. */
MODEL(queue_newcomers_do_not_barge, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    go(putter_of_two, NULL);
    go(getter, NULL);
    go(newcomer, NULL);
    go(newcomer, NULL);
    will_close = true;
    int rc = end();
    WANT(put_count == got_count + dropped);
    return rc;
}

/* ---- cancels --------------------------------------------------------------------------------- */

static int cancel_first(void *unused)
{
    (void)unused;
    nap_up_to(2);
    hark_task_cancel(first);
    return 0;
}

static int give_one(void *unused)
{
    (void)unused;
    nap_up_to(2);
    try_put();
    return 0;
}

/* Finds: an item that goes with the cancelled one it was given to; one that is given to whom the
 * cancel has taken out. */
MODEL(queue_getter_cancelled_around_its_item, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    first = go(getter, NULL);
    go(getter, NULL);
    go(give_one, NULL);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    WANT(put_count == got_count + dropped && cut <= 1);
    return rc;
}

/* Finds: an item of a cancelled put that is in; one that is in and was called cancelled. */
MODEL(queue_putter_cancelled_around_its_place, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    first = go(putter_of_two, NULL);
    go(putter, NULL);
    go(getter, NULL);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    WANT(put_count == got_count + dropped && cut <= 1);
    return rc;
}

static int hurried_getter(void *unused)
{
    (void)unused;
    int call = get_calls++, item = -1;
    int64_t rc = hark_within(1, hark_queue_get(&queue, &item));
    return noted_get(call, item, rc);
}

/* Finds: an item that comes with a time-out; one that is lost to it. */
MODEL(queue_get_against_deadline)
{
    begin(0, HARK_FIFO);
    go(hurried_getter, NULL);
    go(hurried_getter, NULL);
    go(give_one, NULL);
    int rc = end();
    WANT(put_count == 1 && got_count == 1);
    return rc;
}

/* ---- joining --------------------------------------------------------------------------------- */

static int joiner(void *unused)
{
    (void)unused;
    nap_up_to(2);
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_done = !queue.unfinished;
    int before = done_count, rc = hark_queue_join(&queue);
    MUST(rc == 0 || rc == -ECANCELED || rc == -EINVAL);
    MUST(rc != 0 || was_done || done_count > before || queue.ended);
    joined += rc == 0;
    cut += rc == -ECANCELED && !was_cancelled;
    return rc == -ECANCELED ? rc : 0;
}

static int worker(void *unused)
{
    int call = get_calls, rc;
    (void)unused;
    for (rc = get(); rc == 0 && item_of[call] >= 0; rc = get()) {
        nap_up_to(1);
        done();
        call = get_calls;
    }
    return rc;
}

/* Finds: a join that ends too early, or never; a joiner that is woken and looks again. */
MODEL(queue_join_against_done_and_put, .yields = 1, .patient = true)
{
    begin(0, HARK_FIFO);
    try_put();
    first = go(joiner, NULL);
    go(joiner, NULL);
    go(worker, NULL);
    go(give_one, NULL);
    will_close = true;
    int rc = end();
    WANT(joined == 2);
    return rc;
}

/* Finds: a cancelled joiner that is woken, or one that takes the other's wake-up with it. */
MODEL(queue_joiner_cancelled, .yields = 1, .patient = true)
{
    begin(0, HARK_FIFO);
    try_put();
    first = go(joiner, NULL);
    go(joiner, NULL);
    go(worker, NULL);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    WANT(joined >= 1 && joined + cut <= 2);
    return rc;
}

/* ---- shutting down --------------------------------------------------------------------------- */

static int shut_down(void *immediate)
{
    nap_up_to(2);
    hark_queue_shutdown(&queue, immediate != NULL);
    return 0;
}

/* Finds: somebody who waits on a queue that is shut down; an item that was dropped and is taken
 * out; a join that waits for what was dropped. */
MODEL(queue_shut_down_under_those_who_wait, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    go(putter_of_two, NULL);
    go(getter, NULL);
    go(shut_down, NULL);
    int rc = end();
    WANT(dropped == 0 && put_count == got_count && put_count + ended >= 1);
    return rc;
}

MODEL(queue_shut_down_at_once, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    go(putter_of_two, NULL);
    go(worker, NULL);
    go(joiner, NULL);
    go(shut_down, &queue);
    int rc = end();
    WANT(dropped <= 1 && joined == 1);
    return rc;
}

/* ---- select ---------------------------------------------------------------------------------- */

static hark_queue other;
static int from_other;

static int select_two_queues(void *unused)
{
    int call, mine = -1, theirs = -1, index;

    (void)unused;
    nap_up_to(1);
    call = get_calls++;
    hark_case cases[2] = {hark_on_get(&queue, &mine), hark_on_get(&other, &theirs)};
    index = hark_select(cases, 2);
    MUST((mine >= 0) + (theirs >= 0) == (index >= 0 && !hark_case_result(&cases[index])));
    if (index == 1) {
        from_other += theirs >= 0;
        ended += theirs < 0;
        return 0;
    }
    return noted_get(call, mine, index < 0 ? index : hark_case_result(&cases[0]));
}

static int give_other(void *given)
{
    nap_up_to(2);
    *(int *)given += hark_queue_try_put(&other, &(int){1}) == 0;
    return 0;
}

/* Finds: a select that takes an item from each; one that loses the item when it is cancelled; a
 * case that stays where another one has happened and gets the next item. */
MODEL(queue_select_takes_from_one_of_two, .yields = 1, .patient = true)
{
    int given = 0, left;

    begin(0, HARK_FIFO);
    from_other = 0;
    MUST(hark_queue_init(&other, sizeof(int), 0, HARK_LIFO, NULL) == 0);
    first = go(select_two_queues, NULL);
    go(give_one, NULL);
    go(give_other, &given);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    left = (int)hark_queue_len(&other);
    MUST(given == from_other + left);
    WANT(put_count == got_count + dropped && from_other + cut + ended <= 1);
    MUST(hark_queue_free(&other) == 0);
    return rc;
}

static int select_put(void *unused)
{
    int item, index;

    (void)unused;
    nap_up_to(1);
    item = put_calls++;
    hark_case cases[2] = {hark_on_put(&queue, &item), hark_on_time(hark_now() + 2)};
    index = hark_select(cases, 2);
    return index == 1 ? 0 : noted_put(item, index < 0 ? index : hark_case_result(&cases[0]));
}

/* Finds: an item that is in though time was up; one that never was, though the case happened. */
MODEL(queue_select_puts_or_gives_up, .yields = 1, .patient = true)
{
    begin(1, HARK_FIFO);
    go(select_put, NULL);
    go(select_put, NULL);
    go(newcomer, NULL);
    int rc = end();
    WANT(put_count == got_count + dropped);
    return rc;
}
