/* SPDX-License-Identifier: MIT
 *
 * pile_test.c - hark_pile: results in the order of the spawns, while work goes on.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

#include "../core/scarce.h"

static hark_pool pool;
static hark_pile pile;
static hark_event gate;

static void begin(int size, int ahead)
{
    CHECK_EQ(hark_pool_open(&pool, size), 0);
    CHECK_EQ(hark_pile_init(&pile, &pool, ahead), 0);
}

static void end(void)
{
    CHECK_EQ(hark_audit(), 0);
    CHECK_EQ(hark_pool_close(&pool, 0), 0);
    CHECK_EQ(hark_pile_outstanding(&pile), 0);
    CHECK_EQ(hark_pile_free(&pile), 0);
}

static int next(hark_pile *p)
{
    int result = INT_MIN;
    CHECK_EQ(hark_pile_next(p, &result), 0);
    return result;
}

#define CHECK_NEXT(result) CHECK_EQ(next(&pile), (result))
#define CHECK_NO_MORE()    CHECK_MISUSE(hark_pile_next(&pile, NULL), -ENODATA, "hark_pile_next")

/* Takes so many instants, and is the result. */
static int work(void *instants)
{
    const int rc = hark_sleep((intptr_t)instants);
    return rc ? rc : (int)(intptr_t)instants;
}

static int wait_gate(void *result)
{
    const int rc = hark_event_wait(&gate);
    return rc ? rc : (int)(intptr_t)result;
}

static int fails(void *code)
{
    hark_yield();
    return -(int)(intptr_t)code;
}

static void *number(intptr_t n)
{
    return (void *)n;
}

static hark_task go(intptr_t instants)
{
    return hark_pile_go(&pile, work, number(instants));
}

/* ---- the order ------------------------------------------------------------------------------- */

INSIDE(pile_GP_01_GP_08_results_come_in_the_order_of_the_spawns)
{
    begin(4, 0);
    for (int i = 0; i < 10; i++) {
        CHECK_GT(go(10 - i), 0);
    }
    CHECK_EQ(hark_pile_outstanding(&pile), 10);
    for (int i = 0; i < 10; i++) {
        CHECK_NEXT(10 - i);
    }
    CHECK_NO_MORE();
    end();
}

INSIDE(pile_GP_08_an_empty_one_ends_at_once)
{
    begin(1, 0);
    CHECK_NO_MORE();
    end();
}

INSIDE(pile_a_failure_is_a_result_and_none_of_the_pools)
{
    begin(2, 0);
    hark_pile_go(&pile, fails, number(EIO));
    go(3);
    hark_pile_go(&pile, fails, number(EPROTO));
    CHECK_NEXT(-EIO);
    CHECK_NEXT(3);
    CHECK_NEXT(-EPROTO);
    end();
}

static int spawn_inside(void *unused)
{
    (void)unused;
    CHECK_EQ(go(1), hark_self());
    CHECK_EQ(hark_pile_go(&pile, fails, number(EIO)), hark_self());
    return 100;
}

INSIDE(pile_GP_03_spawned_from_inside_of_a_full_pool)
{
    begin(1, 0);
    hark_pile_go(&pile, spawn_inside, NULL);
    CHECK_NEXT(100);
    CHECK_NEXT(1);
    CHECK_NEXT(-EIO);
    end();
}

static uint64_t dice;

static int random_item(void *n)
{
    hark_sleep((int64_t)(draw(&dice) % 7));
    return draw(&dice) % 3 ? (int)(intptr_t)n : -(int)(intptr_t)n;
}

enum { MANY = 500, AHEAD = 7 };
static bool all_gone;

static int produce(void *unused)
{
    (void)unused;
    for (int i = 1; i <= MANY; i++) {
        CHECK_GT(hark_pile_go(&pile, random_item, number(i)), 0);
        CHECK_LE(hark_pile_outstanding(&pile), AHEAD);
    }
    all_gone = true;
    return 0;
}

INSIDE(pile_GP_10_in_order_under_random_delays_and_no_further_ahead)
{
    int result, expected = 1, rc;
    dice = kit_seed();
    begin(4, AHEAD);
    hark_go(&group, produce, NULL);
    hark_yield();
    while ((rc = hark_pile_next(&pile, &result)) == 0 || !all_gone) {
        if (rc == 0) {
            CHECK_EQ(abs(result), expected++);
        } else {
            hark_sleep(1);
        }
    }
    CHECK_EQ(expected, MANY + 1);
    end();
}

/* ---- spawning -------------------------------------------------------------------------------- */

INSIDE(pile_GP_12_a_spawn_that_times_out_leaves_no_hole)
{
    begin(1, 0);
    hark_pile_go(&pile, wait_gate, number(1));
    CHECK_EQ(hark_within(5, go(2)), -ETIMEDOUT);
    CHECK_EQ(hark_pile_outstanding(&pile), 1);
    hark_event_set(&gate);
    CHECK_GT(go(3), 0);
    CHECK_NEXT(1);
    CHECK_NEXT(3);
    CHECK_NO_MORE();
    end();
}

INSIDE(pile_GP_12_nor_one_that_waits_for_room)
{
    begin(9, 1);
    go(1);
    CHECK_EQ(hark_within(5, go(2)), -ETIMEDOUT);
    CHECK_NEXT(1);
    CHECK_GT(go(3), 0);
    CHECK_NEXT(3);
    end();
}

static int go_later(void *n)
{
    const hark_task id = go((intptr_t)n);
    kit_log("%d:%s", (int)(intptr_t)n, id > 0 ? "spawned" : outcome(id));
    return 0;
}

INSIDE(pile_room_goes_to_who_waits_first)
{
    begin(9, 1);
    go(1);
    hark_go(&group, go_later, number(2));
    hark_go(&group, go_later, number(3));
    hark_settle();
    CHECK_LOG("");
    CHECK_NEXT(1);
    CHECK_NEXT(2);
    CHECK_NEXT(3);
    CHECK_NO_MORE();
    CHECK_LOG("2:spawned 3:spawned");
    end();
}

INSIDE(pile_without_memory_there_is_no_hole)
{
    begin(1, 2);
    go(1);
    hark_fail(-EIO, "so that there is memory for the words");
    lack_memory(1);
    CHECK_MISUSE(go(2), -ENOMEM, "hark_pile_go");
    CHECK(lacked());
    CHECK_GT(go(3), 0);
    CHECK_NEXT(1);
    CHECK_NEXT(3);
    end();
}

static hark_pile second;

static int fill_second(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) {
        CHECK_GT(hark_pile_go(&second, work, number(10 - i)), 0);
    }
    return 0;
}

INSIDE(pile_GP_13_two_share_a_pool)
{
    begin(2, 0);
    hark_pile_init(&second, &pool, 0);
    hark_go(&group, fill_second, NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_GT(go(i), 0);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_NEXT(i);
        CHECK_EQ(next(&second), 10 - i);
    }
    CHECK_EQ(hark_pile_free(&second), 0);
    end();
}

/* ---- taking ---------------------------------------------------------------------------------- */

static int taker(void *name)
{
    int result = 0;
    const int rc = hark_pile_next(&pile, &result);
    rc ? kit_log("%s:%s", (const char *)name, outcome(rc))
       : kit_log("%s:%d", (const char *)name, result);
    return 0;
}

INSIDE(pile_takers_are_served_in_their_order)
{
    begin(3, 0);
    go(30);
    go(10);
    go(20);
    hark_go(&group, taker, "a");
    hark_go(&group, taker, "b");
    hark_go(&group, taker, "c");
    hark_go(&group, taker, "d");
    hark_settle();
    CHECK_LOG("d:ENODATA");
    hark_sleep(25);
    CHECK_LOG("");
    hark_sleep(25);
    CHECK_LOG("a:30 b:10 c:20");
    end();
}

INSIDE(pile_a_taker_that_is_cancelled_takes_none)
{
    begin(1, 0);
    go(5);
    CHECK_EQ(hark_within(2, hark_pile_next(&pile, NULL)), -ETIMEDOUT);
    hark_scope scope;
    hark_scope_open(&scope, 0);
    CHECK_EQ(hark_pile_next(&pile, NULL), -ECANCELED);
    CHECK_EQ(go(1), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_NEXT(5);
    end();
}

INSIDE(pile_P35_1_a_result_that_was_given_is_kept)
{
    begin(1, 0);
    hark_pile_go(&pile, wait_gate, number(4));
    const hark_task a = hark_go(&group, taker, "a");
    hark_settle();
    hark_event_set(&gate);
    hark_yield();
    CHECK_EQ(hark_pile_outstanding(&pile), 0);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:4");
    end();
}

INSIDE(pile_GP_17_nothing_is_kept_of_what_was_taken)
{
    begin(2, 0);
    const size_t before = hark__alloc_live();
    for (int i = 0; i < 1000; i++) {
        go(0);
        CHECK_NEXT(0);
    }
    CHECK_EQ(hark__alloc_live(), before);
    end();
}

INSIDE(pile_GP_17_closing_the_pool_waits_for_the_pile)
{
    begin(2, 0);
    go(5);
    go(3);
    CHECK_EQ(hark_pool_close(&pool, 0), 0);
    CHECK_NEXT(5);
    CHECK_NEXT(3);
    CHECK_NO_MORE();
    CHECK_MISUSE(go(1), -EINVAL, "not open");
    CHECK_EQ(hark_pile_free(&pile), 0);
}

INSIDE(pile_of_a_cancelled_pool)
{
    begin(1, 0);
    hark_pile_go(&pile, wait_gate, NULL);
    hark_group_cancel(hark_pool_group(&pool));
    CHECK_EQ(hark_pool_close(&pool, -ECANCELED), 0);
    CHECK_NEXT(-ECANCELED);
    CHECK_EQ(hark_pile_free(&pile), 0);
}

INSIDE(pile_a_taker_waits_for_who_is_about_to_spawn)
{
    begin(1, 0);
    hark_pool_go(&pool, wait_gate, NULL);
    const hark_task goer = hark_go(&group, go_later, number(2));
    hark_settle();
    hark_go(&group, taker, "a");
    hark_go(&group, taker, "b");
    hark_settle();
    CHECK_LOG("b:ENODATA");
    hark_task_cancel(goer);
    hark_settle();
    CHECK_LOG("2:cancelled a:ENODATA");
    hark_go(&group, go_later, number(3));
    hark_settle();
    hark_go(&group, taker, "c");
    hark_settle();
    hark_event_set(&gate);
    hark_sleep(5);
    CHECK_LOG("3:spawned c:3");
    end();
}

/* ---- freeing, wrong use ---------------------------------------------------------------------- */

INSIDE(pile_free_drops_what_was_not_taken)
{
    begin(2, 2);
    go(1);
    go(1);
    CHECK_MISUSE(hark_pile_free(&pile), -EBUSY, "hark_pile_free");
    hark_sleep(2);
    CHECK_EQ(hark_pile_free(&pile), 0);
    CHECK_EQ(hark_pile_outstanding(&pile), 0);
    CHECK_GT(go(2), 0); /* as initialised */
    CHECK_NEXT(2);
    end();
}

INSIDE(pile_free_while_somebody_waits)
{
    begin(9, 1);
    go(1);
    hark_go(&group, go_later, number(2));
    hark_sleep(2);
    CHECK_MISUSE(hark_pile_free(&pile), -EBUSY, "hark_pile_free");
    CHECK_NEXT(1);
    CHECK_NEXT(2);
    hark_pile_go(&pile, wait_gate, number(3));
    hark_go(&group, taker, "a");
    hark_settle();
    CHECK_MISUSE(hark_pile_free(&pile), -EBUSY, "hark_pile_free");
    hark_event_set(&gate);
    hark_settle();
    CHECK_LOG("2:spawned a:3");
    end();
}

INSIDE(pile_misuse)
{
    static hark_pile zero;
    CHECK_MISUSE(hark_pile_init(NULL, &pool, 1), -EINVAL, "hark_pile_init");
    CHECK_MISUSE(hark_pile_init(&pile, NULL, 1), -EINVAL, "hark_pile_init");
    CHECK_MISUSE(hark_pile_init(&pile, &pool, -1), -EINVAL, "hark_pile_init");
    CHECK_MISUSE(hark_pile_go(NULL, nothing, NULL), -EINVAL, "hark_pile_go");
    CHECK_MISUSE(hark_pile_go(&zero, nothing, NULL), -EINVAL, "hark_pile_go");
    CHECK_MISUSE(hark_pile_next(NULL, NULL), -EINVAL, "hark_pile_next");
    CHECK_MISUSE(hark_pile_free(NULL), -EINVAL, "hark_pile_free");
    CHECK_EQ(hark_pile_outstanding(NULL), 0);
    CHECK_MISUSE(hark_pile_next(&zero, NULL), -ENODATA, "hark_pile_next");
    begin(1, 0);
    CHECK_MISUSE(hark_pile_go(&pile, NULL, NULL), -EINVAL, "hark_pile_go");
    CHECK_NO_MORE();
    end();
    CHECK_MISUSE(go(1), -EINVAL, "not open");
}

TEST(pile_misuse_outside_a_task)
{
    CHECK_EQ(hark_pile_init(&pile, &pool, 0), 0);
    CHECK_MISUSE(go(1), -ENOTSUP, "hark_pile_go");
    CHECK_MISUSE(hark_pile_next(&pile, NULL), -ENOTSUP, "hark_pile_next");
    CHECK_EQ(hark_pile_free(&pile), 0);
}

static int use_it_here(void *unused)
{
    (void)unused;
    CHECK_MISUSE(go(1), -EXDEV, "hark_pile_go");
    CHECK_MISUSE(hark_pile_next(&pile, NULL), -EXDEV, "hark_pile_next");
    CHECK_MISUSE(hark_pile_free(&pile), -EXDEV, "hark_pile_free");
    return 0;
}

static void *in_another_loop(void *unused)
{
    CHECK_EQ(hark_run(use_it_here, unused), 0);
    return NULL;
}

INSIDE(pile_XX_40_of_another_loop)
{
    begin(1, 0);
    CHECK_NO_MORE();
    in_thread(in_another_loop, NULL);
    end();
}

INSIDE(pile_XX_40_of_the_loop_that_spawned_first)
{
    begin(1, 0);
    CHECK_GT(go(1), 0);
    in_thread(in_another_loop, NULL);
    CHECK_NEXT(1);
    end();
}

static int deadlocked(void *ahead)
{
    hark_pool two;
    CHECK_EQ(hark_pool_open(&two, 2), 0);
    hark_pile_init(&pile, &two, ahead ? 1 : 0);
    hark_pile_go(&pile, wait_gate, NULL);
    const int64_t rc = ahead ? hark_pile_go(&pile, nothing, NULL) : hark_pile_next(&pile, NULL);
    CHECK_EQ(hark_pool_close(&two, (int)rc), -ECANCELED);
    CHECK_EQ(hark_pile_free(&pile), 0);
    return (int)rc;
}

TEST(pile_the_report_of_a_deadlock_tells_what_is_waited_for)
{
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlocked, NULL), -EDEADLK);
    const char *text = capture_end();
    CHECK_HAS(text, "the next result of a pile");
    CHECK_HAS(text, " (1 outstanding, the oldest is made by task 2 \"wait_gate\")");
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlocked, &pile), -EDEADLK);
    CHECK_HAS(capture_end(), "(1 of 1 results are not taken)");
}

INSIDE(pile_by_a_pointer_to_the_function)
{
    hark_task (*by_pointer)(hark_pile *, hark_fn *, void *) = hark_pile_go;
    begin(1, 0);
    CHECK_GT(by_pointer(&pile, work, number(1)), 0);
    CHECK_NEXT(1);
    end();
}
