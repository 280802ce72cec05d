/* SPDX-License-Identifier: MIT
 *
 * settle_test.c - hark_settle: let everybody go as far as they can.
 */
#include "../sync/scene.h"

static hark_event event;

static int busy(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    kit_log("busy");
    return 0;
}

static int settler(void *name)
{
    const int rc = hark_settle();
    kit_log("%s%s%s", (const char *)name, rc ? ":" : "", rc ? outcome(rc) : "");
    return rc;
}

INSIDE(settle_TM_04_returns_when_all_others_are_blocked)
{
    int steps = 100;
    hark_go(&group, busy, &steps);
    CHECK_EQ(hark_settle(), 0);
    kit_log("settled");
    CHECK_LOG("busy settled");
}

INSIDE(settle_TM_04_returns_when_there_is_nobody_else)
{
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_settle(), 0);
}

static int wake_and_settle(void *arg)
{
    (void)arg;
    hark_settle();
    kit_log("one");
    hark_yield();
    hark_yield();
    kit_log("later");
    return 0;
}

INSIDE(settle_TM_04_several_settlers_do_not_wait_for_one_another_and_wake_together)
{
    int steps = 10;
    hark_go(&group, wake_and_settle, NULL);
    hark_go(&group, settler, "two");
    hark_go(&group, settler, "three");
    hark_go(&group, busy, &steps);
    hark_task_wait(hark_go(&group, settler, "four"));
    CHECK_LOG("busy one two three four");
    hark_settle();
    CHECK_LOG("later");
}

static int wait_for_it(void *arg)
{
    (void)arg;
    const int rc = hark_event_wait(&event);
    int steps = 20;
    return rc ? rc : busy(&steps);
}

INSIDE(settle_follows_a_chain_of_wakes_to_its_end)
{
    hark_go(&group, wait_for_it, NULL);
    hark_settle();
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("busy");
}

static int sleep_ten(void *arg)
{
    (void)arg;
    hark_sleep(HARK_S(10));
    kit_log("slept");
    return 0;
}

INSIDE(settle_TM_04_does_not_wait_for_timers)
{
    hark_watch watch = {0};
    const int64_t start = hark_now();
    hark_go(&group, sleep_ten, NULL);
    hark_call_later(HARK_S(5), &watch, say_callback, "called");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_now(), start);
    CHECK_LOG("");
    hark_sleep(HARK_S(11));
    CHECK_LOG("called slept");
}

INSIDE_REAL(settle_TM_04_does_not_wait_for_timers_of_the_real_clock)
{
    hark_watch watch = {0};
    hark_call_later(HARK_S(1000), &watch, say_callback, "called");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_unwatch(&watch), 0);
}

INSIDE(settle_TM_03_a_sleep_does_not_end_before_a_settle)
{
    hark_go(&group, sleep_ten, NULL);
    hark_go(&group, settler, "settled");
    hark_sleep(HARK_S(10));
    hark_settle();
    CHECK_LOG("settled slept");
}

static int calls;

static void call_again(void *watch)
{
    if (++calls < 50) {
        hark_call_soon(watch, call_again, watch);
    }
}

INSIDE(settle_waits_for_callbacks_that_are_ready)
{
    hark_watch watch = {0};
    hark_call_soon(&watch, call_again, &watch);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(calls, 50);
}

static int ends[2];

static int echo_a_byte(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN) & POLLIN, POLLIN);
    kit_log("byte");
    return 0;
}

INSIDE_ON_HUBS(settle_sees_a_descriptor_that_is_ready)
{
    CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    hark_go(&group, echo_a_byte, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("byte");
    hark_close(ends[0]), hark_close(ends[1]);
}

static hark_scope settler_scope;
static bool stop;

static int settle_in_a_scope(void *arg)
{
    (void)arg;
    hark_scope_open(&settler_scope, HARK_FOREVER);
    const int rc = hark_settle();
    kit_log("%s", outcome(rc));
    stop = true;
    hark_scope_close(&settler_scope, rc);
    return 0;
}

static int never_rest(void *arg)
{
    (void)arg;
    for (int i = 0; !stop; i++) {
        if (i == 100) {
            hark_scope_cancel(&settler_scope);
        }
        hark_yield();
    }
    return 0;
}

INSIDE(settle_TM_04_can_be_cancelled)
{
    hark_go(&group, never_rest, NULL);
    hark_task_wait(hark_go(&group, settle_in_a_scope, NULL));
    CHECK_LOG("cancelled");
}

INSIDE(settle_TM_04_waits_until_a_cancelled_task_has_come_to_rest)
{
    const hark_task t = hark_go(&group, wait_for_it, NULL);
    hark_settle();
    hark_task_cancel(t);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_wait(t), -ESRCH);
}

static int settle_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_settle(), 0);
    }
    return 0;
}

INSIDE(settle_two_that_settle_again_and_again_both_get_on)
{
    hark_go(&group, settle_often, NULL);
    hark_go(&group, settle_often, NULL);
    CHECK_EQ(settle_often(NULL), 0);
}

TEST(settle_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_settle(), -ENOTSUP, "hark_settle");
}
