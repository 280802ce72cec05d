/* SPDX-License-Identifier: MIT
 *
 * evented_test.c - what programs of eventlet's kind rely on: the HB and GT entries.
 *
 * Its timers that die with their thread are scopes here, its other timers watches; a green thread
 * with a result is hark_go_future, a link is hark_future_watch, a kill is hark_task_cancel.
 */
#include "../sync/scene.h"

#include "core/core.h"

#include <sys/timerfd.h>

/* ---- timers ----------------------------------------------------------------------------------- */

INSIDE(evented_HB_01_cancelled_timers_are_gone_at_once)
{
    static hark_watch timers[2000];
    const uint64_t before = hark__here->wheel.count;
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(hark_call_later(HARK_S(i), &timers[i], say_callback, "never"), 0);
    }
    CHECK_EQ(hark__here->wheel.count, before + 2000);
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(hark_unwatch(&timers[i]), 0);
    }
    CHECK_EQ(hark__here->wheel.count, before);
    CHECK_EQ(hark_sleep(HARK_S(3000)), 0);
    CHECK_LOG("");
}

static hark_watch outlives;

static int arm_both(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_call_later(HARK_S(2), &outlives, say_callback, "watch"), 0);
    CHECK_EQ(hark_within(HARK_S(1), hark_yield()), 0);
    return 0;
}

INSIDE(evented_HB_02_GT_07_a_scopes_timer_dies_with_its_task_and_a_watch_lives_on)
{
    const hark_task task = hark_go(&group, arm_both, NULL);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_EQ(hark__here->wheel.count, 1);
    CHECK_EQ(hark_sleep(HARK_S(3)), 0);
    CHECK_LOG("watch");
}

static int spawn_and_end(void *arg)
{
    (void)arg;
    CHECK_GT(hark_go(&group, say, "child"), 0);
    return 0;
}

INSIDE(evented_HB_03_what_a_dying_task_spawns_runs)
{
    CHECK_GT(hark_go(&group, spawn_and_end, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("child");
}

INSIDE(evented_HB_06_earlier_timers_fire_first_and_ties_as_they_were_armed)
{
    static hark_watch w[4];
    CHECK_EQ(hark_call_later(HARK_MS(20), &w[0], say_callback, "late"), 0);
    CHECK_EQ(hark_call_later(HARK_MS(10), &w[1], say_callback, "first"), 0);
    CHECK_EQ(hark_call_later(HARK_MS(10), &w[2], say_callback, "second"), 0);
    CHECK_EQ(hark_call_later(HARK_MS(10), &w[3], say_callback, "third"), 0);
    CHECK_EQ(hark_sleep(HARK_MS(30)), 0);
    CHECK_LOG("first second third late");
}

/* ---- the hub ---------------------------------------------------------------------------------- */

INSIDE_ON_HUBS(evented_HB_14_a_bad_descriptor_is_refused_every_time)
{
    for (int i = 0; i < 3; i++) {
        hark_case cases[] = {hark_on_fd(-1, POLLIN), hark_on_time(hark_now() + HARK_S(1))};
        CHECK_EQ(hark_wait_fd(-1, POLLIN), -EBADF);
        CHECK_EQ(hark_select(cases, 2) == 0 ? hark_case_result(&cases[0]) : -EBADF, -EBADF);
    }
}

static hark_watch hub_watch;

static void block_in_the_hub(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(0), -ENOTSUP);
    CHECK_EQ(hark_yield(), -ENOTSUP);
    CHECK_EQ(hark_wait_fd(STDERR_FILENO, POLLOUT), -ENOTSUP);
    kit_log("refused");
}

INSIDE(evented_HB_15_nothing_blocks_in_a_callback)
{
    CHECK_EQ(hark_call_soon(&hub_watch, block_in_the_hub, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("refused");
}

static void stop_the_loop(void *loop)
{
    CHECK_EQ(hark_loop_stop(loop), 0);
}

TEST(evented_HB_16_a_callback_stops_a_loop_that_has_timers)
{
    static hark_watch far, near;
    hark_loop *loop = hark_loop_new(NULL);
    CHECK(loop);
    CHECK_EQ(hark_call_later(HARK_S(3600), &far, say_callback, "never"), 0);
    CHECK_EQ(hark_call_later(HARK_MS(1), &near, stop_the_loop, loop), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_LOG("");
}

static int polls;
static const struct hark__hub_class *real;
static struct hark__hub_class counting;

static int counted_poll(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    polls++;
    return real->poll(hub, timeout, reports, max);
}

static int sleep_short(void *arg)
{
    (void)arg;
    real = hark__here->hub->class;
    counting = *real;
    counting.poll = counted_poll;
    hark__here->hub->class = &counting;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_sleep(HARK_US(300)), 0);
    }
    hark__here->hub->class = real;
    return 0;
}

TEST_ON_HUBS(evented_HB_21_short_sleeps_do_not_spin)
{
    CHECK_EQ(hark_run(sleep_short, NULL), 0);
    CHECK_LE(polls, 20 * 4);
}

static void *run_in_a_thread(void *result)
{
    *(int *)result = hark_run(nothing, NULL);
    return NULL;
}

static int beside_another_thread(void *arg)
{
    int result = -1;
    (void)arg;
    in_thread(run_in_a_thread, &result); /* its loop runs while this one is in the middle of a step */
    CHECK_EQ(result, 0);
    return hark_yield();
}

TEST_ON_HUBS(evented_HB_22_each_thread_has_a_hub_of_its_own)
{
    CHECK_EQ(hark_run(beside_another_thread, NULL), 0);
}

/* ---- green threads ---------------------------------------------------------------------------- */

static hark_future future;

static int seven(void *arg)
{
    (void)arg;
    kit_log("runs");
    return 7;
}

INSIDE(evented_GT_01_a_spawned_task_runs_later_and_its_result_can_be_waited_for)
{
    void *value = NULL;
    CHECK_GT(hark_go_future(&group, &future, seven, NULL), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_EQ((intptr_t)value, 7);
    CHECK_LOG("runs");
}

static int sleep_long(void *arg)
{
    (void)arg;
    const int rc = hark_sleep(HARK_S(100));
    kit_log("%s", outcome(rc));
    return rc;
}

INSIDE(evented_GT_04_a_sleeping_task_is_cancelled_out_of_its_sleep)
{
    const hark_task task = hark_go(&group, sleep_long, NULL);
    CHECK_EQ(hark_settle(), 0);
    const int64_t before = hark_now();
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_EQ(hark_now(), before);
    CHECK_EQ(hark_task_cancel(task), -ESRCH);
    CHECK_LOG("cancelled");
}

INSIDE(evented_GT_05_a_cancellation_before_the_start_reaches_the_target_only)
{
    const hark_task task = hark_go_future(&group, &future, sleep_long, NULL);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_future_wait(&future, NULL), -EOWNERDEAD);
    CHECK_LOG("cancelled");
}

static void spawn_in_callback(void *arg)
{
    CHECK_GT(hark_go(&group, say, arg), 0);
}

INSIDE(evented_GT_06_a_later_start_can_be_taken_back_until_it_has_happened)
{
    static hark_watch first, second;
    CHECK_EQ(hark_call_later(HARK_S(1), &first, spawn_in_callback, "first"), 0);
    CHECK_EQ(hark_call_later(HARK_S(1), &second, spawn_in_callback, "second"), 0);
    CHECK_EQ(hark_unwatch(&first), 0);
    CHECK_EQ(hark_sleep(HARK_S(2)), 0);
    CHECK_EQ(hark_unwatch(&second), -ESRCH);
    CHECK_LOG("second");
}

static int wait_and_say(void *arg)
{
    CHECK_EQ(hark_future_wait(&future, NULL), 0);
    kit_log("%s", (const char *)arg);
    return 0;
}

static int seven_later(void *arg)
{
    return hark_yield() ? -EIO : seven(arg);
}

INSIDE(evented_GT_08_a_link_is_called_before_those_who_wait_later)
{
    static hark_watch link;
    CHECK_GT(hark_go_future(&group, &future, seven_later, NULL), 0);
    CHECK_EQ(hark_future_watch(&future, &link, say_callback, "link"), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "waiter"), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("runs link waiter");
}

static hark_watch again;
static int calls;

static void link_again(void *arg)
{
    (void)arg;
    if (calls++ == 0) {
        CHECK_EQ(hark_future_watch(&future, &again, link_again, NULL), 0);
    }
}

INSIDE(evented_GT_09_GT_10_a_link_after_the_end_is_called_and_may_link_once_more)
{
    CHECK_EQ(hark_future_send(&future, NULL), 0);
    CHECK_EQ(hark_future_watch(&future, &again, link_again, NULL), 0);
    CHECK_EQ(calls, 0); /* not inside of the call */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(calls, 2);
}

static int fail_at_once(void *arg)
{
    (void)arg;
    return hark_fail(-EIO, "it broke");
}

INSIDE(evented_GT_11_unlinking_says_whether_it_was_linked_and_links_hear_of_failures)
{
    static hark_future broken, killed;
    static hark_watch taken, of_broken, of_killed;
    CHECK_GT(hark_go_future(&group, &broken, fail_at_once, NULL), 0);
    const hark_task task = hark_go_future(&group, &killed, sleep_long, NULL);
    CHECK_EQ(hark_future_watch(&broken, &taken, say_callback, "taken"), 0);
    CHECK_EQ(hark_future_watch(&broken, &of_broken, say_callback, "broken"), 0);
    CHECK_EQ(hark_future_watch(&killed, &of_killed, say_callback, "killed"), 0);
    CHECK_EQ(hark_unwatch(&taken), 0);
    CHECK_EQ(hark_unwatch(&taken), -ESRCH);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("cancelled broken killed");
    CHECK_EQ(hark_future_wait(&broken, NULL), -EIO);
    CHECK_EQ(hark_future_wait(&killed, NULL), -EOWNERDEAD);
}

static hark_future unseen;

static int with_one_that_fails(void *arg)
{
    hark_group inner;
    (void)arg;
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_GT(hark_go_future(&inner, &unseen, fail_at_once, NULL), 0);
    CHECK_GT(hark_go(&inner, say, "sibling"), 0);
    return hark_group_close(&inner, 0);
}

INSIDE(evented_GT_12_a_result_can_be_waited_for_by_many_and_an_unseen_failure_is_told)
{
    void *value = NULL;
    CHECK_GT(hark_go_future(&group, &future, seven, NULL), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "a"), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "b"), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_EQ((intptr_t)value, 7);
    CHECK_LOG("runs a b");
    capture_begin();
    const int rc = with_one_that_fails(NULL);
    CHECK_HAS(capture_end(), "it broke");
    CHECK_EQ(rc, 0);
    CHECK_LOG("sibling");
}
