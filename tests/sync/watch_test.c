/* SPDX-License-Identifier: MIT
 *
 * watch_test.c - callbacks in caller-owned nodes: on events and futures, soon, later, at.
 *
 * The LP entries of call_soon, call_later and call_at, the FU entries of done-callbacks, and what
 * may be done in a callback: arming, unwatching, setting, spawning; never waiting.
 */
#include "../sync/scene.h"

static hark_event event;
static hark_future future;
static hark_watch a, b, c, d;

_Static_assert(sizeof(hark_watch) <= 64, "a watch has at most 64 bytes");

static int waiter(void *name)
{
    const int rc = hark_event_wait(&event);
    kit_log("%s", (const char *)name);
    return rc;
}

/* ---- call_soon ------------------------------------------------------------------------------- */

INSIDE(watch_LP_01_call_soon_is_first_come_first_served)
{
    CHECK_EQ(hark_call_soon(&a, say_callback, "a"), 0);
    CHECK_EQ(hark_call_soon(&b, say_callback, "b"), 0);
    CHECK_EQ(hark_call_soon(&c, say_callback, "c"), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a b c");
}

static void say_and_call_soon(void *arg)
{
    kit_log("first");
    CHECK_EQ(hark_call_soon(arg, say_callback, "next"), 0);
}

INSIDE(watch_LP_01_what_a_callback_asks_for_runs_in_the_next_turn)
{
    hark_call_soon(&a, say_and_call_soon, &b);
    hark_call_soon(&c, say_callback, "second");
    hark_go(&group, say, "task");
    hark_settle();
    CHECK_LOG("first second task next");
}

INSIDE(watch_LP_01_callbacks_and_tasks_share_one_queue)
{
    hark_go(&group, say, "1");
    hark_call_soon(&a, say_callback, "2");
    hark_go(&group, say, "3");
    hark_call_soon(&b, say_callback, "4");
    hark_settle();
    CHECK_LOG("1 2 3 4");
}

INSIDE(watch_LP_05_unwatched_it_never_runs_and_again_is_ESRCH)
{
    hark_call_soon(&a, say_callback, "a");
    hark_call_soon(&b, say_callback, "b");
    CHECK_EQ(hark_unwatch(&a), 0);
    CHECK_MISUSE(hark_unwatch(&a), -ESRCH, "hark_unwatch");
    hark_settle();
    CHECK_LOG("b");
    CHECK_MISUSE(hark_unwatch(&b), -ESRCH, "hark_unwatch");
}

static int rounds;

static void arm_itself_again(void *arg)
{
    if (++rounds < 3) {
        CHECK_EQ(hark_call_soon(arg, arm_itself_again, arg), 0);
    }
}

INSIDE(watch_may_be_armed_again_in_its_own_callback)
{
    hark_call_soon(&a, arm_itself_again, &a);
    hark_settle();
    CHECK_EQ(rounds, 3);
}

/* ---- timers ---------------------------------------------------------------------------------- */

INSIDE(watch_LP_02_call_later_runs_in_order_of_time)
{
    hark_call_later(HARK_MS(30), &c, say_callback, "c");
    hark_call_later(HARK_MS(10), &a, say_callback, "a");
    hark_call_later(HARK_MS(20), &b, say_callback, "b");
    hark_sleep(HARK_MS(29));
    CHECK_LOG("a b");
    hark_sleep(HARK_MS(2));
    CHECK_LOG("c");
}

INSIDE(watch_LP_02_XX_32_negative_delays_are_over_at_once_in_arming_order)
{
    const int64_t start = hark_now();
    CHECK_EQ(hark_call_later(-1, &a, say_callback, "a"), 0);
    CHECK_EQ(hark_call_later(INT64_MIN, &b, say_callback, "b"), 0);
    CHECK_EQ(hark_call_later(0, &c, say_callback, "c"), 0);
    CHECK_LOG("");
    hark_sleep(1);
    CHECK_LOG("a b c");
    CHECK_EQ(hark_now() - start, 1);
}

INSIDE(watch_LP_03_XX_33_ties_run_in_arming_order)
{
    const int64_t deadline = hark_now() + HARK_MS(5);
    hark_call_at(deadline, &c, say_callback, "1");
    hark_call_later(HARK_MS(5), &a, say_callback, "2");
    hark_call_at(deadline, &b, say_callback, "3");
    hark_sleep(HARK_MS(6));
    CHECK_LOG("1 2 3");
}

static int64_t ran_at;

static void note_the_time(void *arg)
{
    (void)arg;
    ran_at = hark_now();
    hark_event_set(&event);
}

INSIDE(watch_call_at_runs_at_its_instant)
{
    const int64_t start = hark_now();
    hark_call_at(start + HARK_MS(5), &a, note_the_time, NULL);
    hark_sleep(HARK_S(1));
    CHECK_EQ(ran_at - start, HARK_MS(5));
}

INSIDE(watch_call_at_a_past_instant_runs_soon_and_not_inline)
{
    CHECK_EQ(hark_call_at(INT64_MIN, &a, say_callback, "a"), 0);
    CHECK_LOG("");
    hark_sleep(1);
    CHECK_LOG("a");
}

INSIDE(watch_LP_33_huge_delays_do_not_overflow)
{
    CHECK_EQ(hark_call_later(HARK_FOREVER - 1, &a, say_callback, "a"), 0);
    CHECK_EQ(hark_call_later(HARK_FOREVER, &b, say_callback, "b"), 0);
    CHECK_EQ(hark_call_at(HARK_FOREVER, &c, say_callback, "c"), 0);
    hark_sleep(HARK_S(3600));
    CHECK_LOG("");
    CHECK_EQ(hark_unwatch(&a), 0);
    CHECK_EQ(hark_unwatch(&b), 0);
    CHECK_EQ(hark_unwatch(&c), 0);
}

static int64_t armed_at;

static void work_then_call_later(void *arg)
{
    (void)arg;
    for (const int64_t start = kit_clock(); kit_clock() - start < HARK_MS(5);) {}
    armed_at = kit_clock();
    hark_call_later(HARK_MS(2), &b, note_the_time, NULL);
}

INSIDE_REAL(watch_LP_33_the_clock_goes_on_during_a_long_callback)
{
    hark_call_soon(&a, work_then_call_later, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_GE(ran_at - armed_at, HARK_MS(2));
}

INSIDE(watch_LP_33_call_later_zero_is_a_timer_that_can_be_unwatched)
{
    hark_call_later(0, &a, say_callback, "a");
    CHECK_EQ(hark_unwatch(&a), 0);
    hark_sleep(1);
    CHECK_LOG("");
}

INSIDE(watch_LP_04_many_timers_come_and_go_and_the_rest_stays_in_order)
{
    static hark_watch many[10000];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 10000; i++) {
            CHECK_EQ(hark_call_later(HARK_MS(i % 100 + 1), &many[i], say_callback, "x"), 0);
        }
        for (int i = 0; i < 10000; i++) {
            CHECK_EQ(hark_unwatch(&many[i]), 0);
        }
    }
    hark_call_later(HARK_MS(2), &b, say_callback, "b");
    hark_call_later(HARK_MS(1), &a, say_callback, "a");
    hark_sleep(HARK_MS(200));
    CHECK_LOG("a b");
}

static void unwatch_another(void *other)
{
    kit_log("%s", outcome(hark_unwatch(other)));
}

INSIDE(watch_BG_125_a_timer_may_unwatch_another_that_is_due_at_the_same_instant)
{
    const int64_t deadline = hark_now() + HARK_MS(1);
    hark_call_at(deadline, &a, say_callback, "a");
    hark_call_at(deadline, &b, unwatch_another, &c);
    hark_call_at(deadline, &c, say_callback, "c");
    hark_call_at(deadline, &d, say_callback, "d");
    hark_sleep(HARK_MS(2));
    CHECK_LOG("a ok d");
}

INSIDE(watch_BG_125_a_timer_that_unwatches_itself_has_run_already)
{
    hark_call_later(HARK_MS(1), &a, unwatch_another, &a);
    hark_sleep(HARK_MS(2));
    CHECK_LOG("ESRCH");
}

static void tick(void *arg)
{
    if (++rounds < 5) {
        CHECK_EQ(hark_call_later(HARK_MS(10), arg, tick, arg), 0);
    } else {
        ran_at = hark_now();
    }
}

INSIDE(watch_armed_again_in_its_callback_makes_a_ticker)
{
    const int64_t start = hark_now();
    hark_call_later(HARK_MS(10), &a, tick, &a);
    hark_sleep(HARK_S(1));
    CHECK_EQ(rounds, 5);
    CHECK_EQ(ran_at - start, HARK_MS(50));
}

/* ---- on futures ------------------------------------------------------------------------------ */

INSIDE(watch_FU_05_callbacks_of_a_future_run_once_in_order_and_never_inline)
{
    CHECK_EQ(hark_future_watch(&future, &a, say_callback, "a"), 0);
    CHECK_EQ(hark_future_watch(&future, &b, say_callback, "b"), 0);
    hark_settle();
    CHECK_LOG("");
    hark_future_send(&future, NULL);
    CHECK_LOG("");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a b");
    hark_settle();
    CHECK_LOG("");
}

INSIDE(watch_FU_05_a_failure_calls_them_too)
{
    hark_future_watch(&future, &a, say_callback, "a");
    hark_future_fail(&future, -EPROTO, NULL);
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    hark_settle();
    CHECK_LOG("a");
}

INSIDE(watch_FU_06_the_same_callback_in_two_watches_runs_twice)
{
    hark_future_watch(&future, &a, say_callback, "x");
    hark_future_watch(&future, &b, say_callback, "x");
    hark_future_send(&future, NULL);
    hark_settle();
    CHECK_LOG("x x");
    CHECK_EQ(hark_unwatch(&a), -ESRCH);
}

INSIDE(watch_FU_07_any_of_three_may_be_removed_and_the_others_run)
{
    hark_watch *const all[3] = {&a, &b, &c};
    static const char *const logs[3] = {"b c", "a c", "a b"};
    for (int i = 0; i < 3; i++) {
        hark_future f = HARK_FUTURE_INIT;
        hark_future_watch(&f, &a, say_callback, "a");
        hark_future_watch(&f, &b, say_callback, "b");
        hark_future_watch(&f, &c, say_callback, "c");
        CHECK_EQ(hark_unwatch(all[i]), 0);
        hark_future_send(&f, NULL);
        hark_settle();
        CHECK_LOG(logs[i]);
    }
}

INSIDE(watch_FU_08_a_callback_may_unwatch_the_next_one_that_is_due)
{
    hark_future_watch(&future, &a, unwatch_another, &b);
    hark_future_watch(&future, &b, say_callback, "b");
    hark_future_watch(&future, &c, say_callback, "c");
    hark_future_send(&future, NULL);
    hark_settle();
    CHECK_LOG("ok c");
}

INSIDE(watch_FU_09_on_a_ready_future_it_runs_in_the_next_turn_and_not_inline)
{
    hark_future_send(&future, NULL);
    CHECK_EQ(hark_future_watch(&future, &a, say_callback, "a"), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a");
}

INSIDE(watch_on_a_future_that_is_unwatched_leaves_no_trace)
{
    hark_future_watch(&future, &a, say_callback, "a");
    CHECK_EQ(hark_unwatch(&a), 0);
    hark_future_send(&future, NULL);
    CHECK_EQ(hark_future_reset(&future), 0);
    hark_settle();
    CHECK_LOG("");
}

/* ---- on events ------------------------------------------------------------------------------- */

INSIDE(watch_on_an_event_runs_in_its_place_among_the_waiters)
{
    hark_go(&group, waiter, "first");
    hark_settle();
    CHECK_EQ(hark_event_watch(&event, &a, say_callback, "second"), 0);
    hark_go(&group, waiter, "third");
    hark_settle();
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("first second third");
}

INSIDE(watch_on_an_event_is_no_waiting_task)
{
    hark_event_watch(&event, &a, say_callback, "a");
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, 0);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a");
}

INSIDE(watch_on_a_set_event_runs_soon_and_not_inline)
{
    hark_event_set(&event);
    hark_event_watch(&event, &a, say_callback, "a");
    CHECK_LOG("");
    hark_settle();
    CHECK_LOG("a");
}

INSIDE(watch_woken_by_a_set_may_still_be_unwatched)
{
    hark_event_watch(&event, &a, say_callback, "a");
    hark_event_set(&event);
    CHECK_EQ(hark_unwatch(&a), 0);
    hark_settle();
    CHECK_LOG("");
}

/* ---- what a callback may do ------------------------------------------------------------------ */

static int tell_that_it_runs(void *arg)
{
    (void)arg;
    kit_log("spawned");
    return 0;
}

static void do_what_is_allowed(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_self(), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_future_send(&future, NULL), 0);
    CHECK_GT(hark_go(&group, tell_that_it_runs, NULL), 0);
    CHECK_EQ(hark_call_soon(&b, say_callback, "armed"), 0);
}

INSIDE(watch_callback_runs_outside_any_task_and_may_set_send_spawn_and_arm)
{
    hark_call_soon(&a, do_what_is_allowed, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_EQ(hark_future_wait(&future, NULL), 0);
    hark_settle();
    CHECK_LOG("spawned armed");
}

static void do_what_is_not(void *arg)
{
    hark_case on = hark_on_event(&event);
    hark_scope scope;
    (void)arg;
    CHECK_MISUSE(hark_event_wait(&event), -ENOTSUP, "hark_event_wait");
    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "hark_sleep");
    CHECK_MISUSE(hark_yield(), -ENOTSUP, "hark_yield");
    CHECK_MISUSE(hark_checkpoint(), -ENOTSUP, "hark_checkpoint");
    CHECK_MISUSE(hark_settle(), -ENOTSUP, "hark_settle");
    CHECK_MISUSE(hark_select(&on, 1), -ENOTSUP, "hark_select");
    CHECK_MISUSE(hark_scope_open(&scope, 1), -ENOTSUP, "hark_scope_open");
    CHECK_MISUSE(hark_run(nothing, NULL), -EBUSY, "hark_run");
    kit_log("refused");
}

INSIDE(watch_misuse_waiting_in_a_callback_is_refused)
{
    hark_call_soon(&a, do_what_is_not, NULL);
    hark_call_later(1, &b, do_what_is_not, NULL);
    hark_event_watch(&event, &c, do_what_is_not, NULL);
    hark_event_set(&event);
    hark_sleep(2);
    CHECK_LOG("refused refused refused");
}

/* ---- the end of the loop --------------------------------------------------------------------- */

static int arm_and_end(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_call_later(HARK_S(100), &a, say_callback, "a"), 0);
    CHECK_EQ(hark_event_watch(&event, &b, say_callback, "b"), 0);
    CHECK_EQ(hark_call_soon(&c, say_callback, "c"), 0);
    return 0;
}

TEST(watch_armed_when_its_loop_ends_never_runs_and_may_be_armed_again)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(RUN_VIRTUAL(arm_and_end, NULL), 0);
    }
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_unwatch(&a), -ESRCH);
    CHECK_EQ(hark_unwatch(&b), -ESRCH);
    CHECK_LOG("");
}

/* ---- misuse ---------------------------------------------------------------------------------- */

INSIDE(watch_misuse_arming_an_armed_one_is_refused_and_the_first_arming_stays)
{
    hark_event_watch(&event, &a, say_callback, "a");
    CHECK_MISUSE(hark_event_watch(&event, &a, say_callback, "x"), -EALREADY, "hark_event_watch");
    CHECK_MISUSE(hark_future_watch(&future, &a, say_callback, "x"), -EALREADY, "hark_future_watch");
    CHECK_MISUSE(hark_call_soon(&a, say_callback, "x"), -EALREADY, "hark_call_soon");
    CHECK_MISUSE(hark_call_later(1, &a, say_callback, "x"), -EALREADY, "hark_call_later");
    CHECK_MISUSE(hark_call_at(1, &a, say_callback, "x"), -EALREADY, "hark_call_at");
    hark_event_set(&event);
    CHECK_MISUSE(hark_call_soon(&a, say_callback, "x"), -EALREADY, "hark_call_soon");
    hark_settle();
    CHECK_LOG("a");
    CHECK_EQ(hark_call_soon(&a, say_callback, "again"), 0);
    hark_settle();
    CHECK_LOG("again");
}

INSIDE(watch_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_event_watch(NULL, &a, say_callback, "x"), -EINVAL, "hark_event_watch");
    CHECK_MISUSE(hark_event_watch(&event, NULL, say_callback, "x"), -EINVAL, "hark_event_watch");
    CHECK_MISUSE(hark_event_watch(&event, &a, NULL, "x"), -EINVAL, "hark_event_watch");
    CHECK_MISUSE(hark_future_watch(NULL, &a, say_callback, "x"), -EINVAL, "hark_future_watch");
    CHECK_MISUSE(hark_call_soon(NULL, say_callback, "x"), -EINVAL, "hark_call_soon");
    CHECK_MISUSE(hark_call_soon(&a, NULL, "x"), -EINVAL, "hark_call_soon");
    CHECK_MISUSE(hark_call_later(1, NULL, say_callback, "x"), -EINVAL, "hark_call_later");
    CHECK_MISUSE(hark_call_at(1, &a, NULL, "x"), -EINVAL, "hark_call_at");
    CHECK_MISUSE(hark_unwatch(NULL), -EINVAL, "hark_unwatch");
    CHECK_EQ(hark_unwatch(&a), -ESRCH);
}

TEST(watch_misuse_outside_any_loop_is_refused)
{
    CHECK_MISUSE(hark_call_soon(&a, say_callback, "x"), -EXDEV, "hark_call_soon");
    CHECK_MISUSE(hark_call_later(1, &a, say_callback, "x"), -EXDEV, "hark_call_later");
    CHECK_MISUSE(hark_event_watch(&event, &a, say_callback, "x"), -EXDEV, "hark_event_watch");
}

static void *watch_from_a_thread(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_event_watch(&event, &b, say_callback, "x"), -EXDEV, "hark_event_watch");
    CHECK_MISUSE(hark_unwatch(&a), -EXDEV, "hark_unwatch");
    return NULL;
}

INSIDE(watch_XX_40_another_thread_is_refused)
{
    hark_event_watch(&event, &a, say_callback, "a");
    in_thread(watch_from_a_thread, NULL);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a");
}

/* ---- callbacks that never end ---------------------------------------------------------------- */

static hark_watch spinning;
static bool stop_spinning;

static void spin_again(void *arg)
{
    if (!stop_spinning) {
        CHECK_EQ(hark_call_soon(&spinning, spin_again, arg), 0);
    }
}

static int reads_one_byte(void *arg)
{
    char byte;
    return hark_read(*(int *)arg, &byte, 1) == 1 ? 0 : -EIO;
}

static int main_spins(void *arg)
{
    hark_group g;
    int ends[2];
    (void)arg;
    CHECK_EQ(hark_pipe(ends), 0);
    hark_group_open(&g);
    hark_go(&g, reads_one_byte, &ends[0]);
    CHECK_EQ(hark_settle(), 0);
    hark_call_soon(&spinning, spin_again, NULL);
    CHECK_EQ(hark_sleep(HARK_MS(2)), 0); /* a timer is served ... */
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_group_close(&g, 0), 0); /* ... and a descriptor */
    stop_spinning = true;
    hark_close(ends[0]);
    return hark_close(ends[1]);
}

TEST_ON_HUBS(watch_RS_08_a_callback_that_calls_itself_again_starves_nobody)
{
    CHECK_EQ(RUN(main_spins, NULL), 0);
}

/* ---- unwatching what a seed has moved -------------------------------------------------------- */

static int calls;

static void count_call(void *arg)
{
    (void)arg;
    calls++;
}

static int unwatches_some_of_many(void *arg)
{
    hark_watch watches[20] = {0};
    uint64_t state = *(uint64_t *)arg;
    int left = 20;
    calls = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_call_soon(&watches[i], count_call, NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        if (draw(&state) % 3 == 0) {
            left -= hark_unwatch(&watches[draw(&state) % 20]) == 0;
        }
        if (draw(&state) % 4 == 0) {
            hark_yield();
        }
    }
    hark_settle();
    CHECK_EQ(calls, left);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_unwatch(&watches[i]), -ESRCH);
    }
    return 0;
}

TEST(watch_unwatched_under_any_seed_is_taken_out_and_no_other)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        CHECK_EQ(run_seeded(seed, unwatches_some_of_many, &seed), 0);
    }
}
