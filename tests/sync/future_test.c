/* SPDX-License-Identifier: MIT
 *
 * future_test.c - hark_future: an event that carries a value or a failure.
 *
 * The EV entries of value-carrying events, the FU entries, hark_go_future, hark_wait_all.
 * Callbacks on futures are in watch_test.c, completion in completion_test.c.
 */
#include "../sync/scene.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

static hark_future future;
static int one, two; /* things whose addresses are sent */

static int waiter(void *name)
{
    void *value = NULL;
    const int rc = hark_future_wait(&future, &value);
    kit_log("%s:%s", (const char *)name, rc ? outcome(rc) : value == &one ? "one" : "two");
    return rc == -ECANCELED ? rc : 0;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

static int send_one(void *arg)
{
    (void)arg;
    return hark_future_send(&future, &one);
}

/* ---- values ---------------------------------------------------------------------------------- */

TEST(future_FU_01_is_pending_when_all_zero_initialised_or_inited)
{
    static hark_future zero;
    hark_future constant = HARK_FUTURE_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_future_init(&inited), 0);
    CHECK(!hark_future_ready(&zero));
    CHECK(!hark_future_ready(&constant));
    CHECK(!hark_future_ready(&inited));
}

INSIDE(future_EV_30_another_task_sends_and_later_waits_get_the_same)
{
    void *value = NULL;
    hark_go(&group, send_one, NULL);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, &one);
    value = NULL;
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, &one);
    CHECK_EQ(hark_future_wait(&future, NULL), 0);
}

INSIDE(future_EV_31_FU_20_every_waiter_gets_the_value_in_order)
{
    go_waiter("a"), go_waiter("b"), go_waiter("c"), go_waiter("d"), go_waiter("e");
    hark_settle();
    CHECK_EQ(hark_future_send(&future, &one), 0);
    hark_settle();
    CHECK_LOG("a:one b:one c:one d:one e:one");
}

INSIDE(future_EV_33_FU_03_FU_15_a_second_send_is_refused_and_the_first_value_stays)
{
    void *value = NULL;
    CHECK_EQ(hark_future_send(&future, &one), 0);
    CHECK_MISUSE(hark_future_send(&future, &two), -EALREADY, "hark_future_send");
    CHECK_MISUSE(hark_future_fail(&future, -EPROTO, "no"), -EALREADY, "hark_future_fail");
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, &one);
}

INSIDE(future_XX_02_sending_to_a_failed_one_is_refused_and_the_failure_stays)
{
    CHECK_EQ(hark_future_fail(&future, -EPROTO, "first"), 0);
    CHECK_MISUSE(hark_future_send(&future, &two), -EALREADY, "hark_future_send");
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
}

INSIDE(future_EV_34_reset_before_it_was_sent_is_refused)
{
    CHECK_MISUSE(hark_future_reset(&future), -EINVAL, "hark_future_reset");
    CHECK(!hark_future_ready(&future));
    CHECK_EQ(hark_future_send(&future, &one), 0);
}

INSIDE(future_EV_35_XX_01_after_reset_a_new_value_and_the_old_one_is_gone)
{
    void *value = NULL;
    hark_future_send(&future, &one);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_EQ(hark_future_reset(&future), 0);
    CHECK(!hark_future_ready(&future));
    CHECK_EQ(hark_future_send(&future, &two), 0);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, &two);
}

INSIDE(future_a_NULL_value_is_a_value)
{
    void *value = &one;
    CHECK_EQ(hark_future_send(&future, NULL), 0);
    CHECK(hark_future_ready(&future));
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, NULL);
}

INSIDE(future_EV_42_send_never_switches)
{
    go_waiter("a");
    hark_settle();
    hark_future_send(&future, &one);
    kit_log("sent");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("sent a:one");
}

INSIDE(future_EV_44_XX_05_waiters_wake_in_the_order_in_which_they_came)
{
    char names[20][16];
    char expected[256] = "";
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        go_waiter(names[i]);
        snprintf(expected + strlen(expected), 16, "%s%d:one", i ? " " : "", i);
    }
    hark_settle();
    hark_future_send(&future, &one);
    hark_settle();
    CHECK_LOG(expected);
}

INSIDE(future_FU_10_XX_04_waiting_for_a_ready_one_yields_not)
{
    hark_future_send(&future, &one);
    hark_go(&group, say, "other");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_future_wait(&future, NULL), 0);
    }
    CHECK_LOG("");
    hark_settle();
    CHECK_LOG("other");
}

INSIDE(future_XX_04_waiting_for_a_ready_one_in_a_cancelled_scope_is_cancelled)
{
    hark_scope scope;
    void *value = &two;
    hark_future_send(&future, &one);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_future_wait(&future, &value), -ECANCELED);
    CHECK_PTR(value, &two);
    hark_scope_close(&scope, -ECANCELED);
}

static int consumer(void *arg)
{
    (void)arg;
    kit_log("c1");
    hark_future_wait(&future, NULL);
    kit_log("c2");
    return 0;
}

static int producer(void *arg)
{
    (void)arg;
    kit_log("p");
    return hark_future_send(&future, &one);
}

INSIDE(future_EV_46_consumer_and_producer_of_one_group)
{
    hark_go(&group, consumer, NULL);
    hark_go(&group, producer, NULL);
    hark_settle();
    CHECK_LOG("c1 p c2");
}

/* ---- asking without waiting ------------------------------------------------------------------ */

INSIDE(future_EV_45_FU_19_a_pending_one_can_be_asked_without_waiting)
{
    hark_case on = hark_on_future(&future);
    CHECK(!hark_future_ready(&future));
    CHECK_SILENT(hark_try_select(&on, 1), -EAGAIN);
    CHECK_EQ(hark_within(0, hark_future_wait(&future, NULL)), -ETIMEDOUT);
    hark_future_send(&future, &one);
    CHECK(hark_future_ready(&future));
    CHECK_EQ(hark_try_select(&on, 1), 0);
}

INSIDE(future_FU_22_select_tells_that_it_is_ready_and_does_not_fail_with_it)
{
    hark_case on = hark_on_future(&future);
    hark_future_fail(&future, -EPROTO, "the failure");
    CHECK(hark_future_ready(&future));
    CHECK_EQ(hark_select(&on, 1), 0);
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
}

/* ---- failures -------------------------------------------------------------------------------- */

INSIDE(future_EV_37_FU_16_a_waiter_gets_the_code_and_the_words)
{
    CHECK_EQ(hark_future_fail(&future, -EPROTO, "bad version %d", 7), 0);
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    CHECK_HAS(hark_error_last(), "bad version 7");
}

static int expect_words(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_future_wait(&future, NULL), -ENOSPC);
    CHECK_HAS(hark_error_last(), "disk three is full");
    kit_log("told");
    return 0;
}

INSIDE(future_EV_37_each_of_the_blocked_waiters_gets_the_words)
{
    hark_go(&group, expect_words, NULL);
    hark_go(&group, expect_words, NULL);
    hark_settle();
    hark_future_fail(&future, -ENOSPC, "disk %s is full", "three");
    hark_settle();
    CHECK_LOG("told told");
}

INSIDE(future_EV_38_every_wait_gets_the_failure)
{
    hark_future_fail(&future, -EPROTO, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    }
}

INSIDE(future_a_failed_wait_leaves_the_value_alone)
{
    void *value = &two;
    hark_future_fail(&future, -EPROTO, NULL);
    CHECK_EQ(hark_future_wait(&future, &value), -EPROTO);
    CHECK_PTR(value, &two);
}

INSIDE(future_EV_36_after_reset_the_old_failure_does_not_surface)
{
    hark_future_fail(&future, -EPROTO, "old");
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    CHECK_EQ(hark_future_reset(&future), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_future_wait(&future, NULL)), -ETIMEDOUT);
}

INSIDE(future_FU_02_FU_12_FU_17_codes_that_are_no_failures_are_refused)
{
    CHECK_MISUSE(hark_future_fail(&future, 0, "x"), -EINVAL, "hark_future_fail");
    CHECK_MISUSE(hark_future_fail(&future, 5, "x"), -EINVAL, "hark_future_fail");
    CHECK_MISUSE(hark_future_fail(&future, -ECANCELED, "x"), -EINVAL, "hark_future_fail");
    CHECK(!hark_future_ready(&future));
}

static void late_send(void *arg)
{
    (void)arg;
    kit_log("%s", outcome(hark_future_send(&future, &two)));
}

INSIDE(future_FU_04_a_timer_that_sends_too_late_is_refused_and_harms_nothing)
{
    hark_watch watch = {0};
    void *value = NULL;
    hark_call_later(HARK_MS(2), &watch, late_send, NULL);
    hark_future_send(&future, &one);
    CHECK_EQ(hark_sleep(HARK_MS(3)), 0);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_PTR(value, &one);
    CHECK_LOG("EALREADY");
}

INSIDE(future_FU_11_XX_41_an_unseen_failure_is_reported_when_it_is_reset)
{
    hark_future_fail(&future, -EPROTO, "nobody saw me");
    capture_begin();
    const int rc = hark_future_reset(&future);
    const char *text = capture_end();
    CHECK_EQ(rc, 0);
    CHECK_HAS(text, "nobody saw me");
}

INSIDE(future_FU_11_a_seen_failure_and_a_value_are_not_reported)
{
    hark_future_fail(&future, -EPROTO, "seen");
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    capture_begin();
    hark_future_reset(&future);
    hark_future_send(&future, &one);
    hark_future_reset(&future);
    CHECK_STR(capture_end(), "");
}

/* ---- cancelling and deadlines ---------------------------------------------------------------- */

static void send_callback(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_future_send(&future, &one), 0);
}

INSIDE(future_EV_39_sent_within_the_deadline)
{
    hark_watch watch = {0};
    const int64_t start = hark_now();
    hark_call_later(HARK_MS(5), &watch, send_callback, NULL);
    CHECK_EQ(hark_within(HARK_MS(10), hark_future_wait(&future, NULL)), 0);
    CHECK_EQ(hark_now() - start, HARK_MS(5));
}

INSIDE(future_EV_40_the_deadline_passes_and_a_late_send_is_fine)
{
    hark_watch watch = {0};
    const int64_t start = hark_now();
    hark_call_later(HARK_MS(10), &watch, send_callback, NULL);
    CHECK_EQ(hark_within(HARK_MS(5), hark_future_wait(&future, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(5));
    hark_sleep(HARK_MS(6));
    CHECK(hark_future_ready(&future));
}

INSIDE(future_EV_43_who_left_before_the_send_is_not_woken_by_it)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    hark_future_send(&future, &one);
    hark_settle();
    CHECK_LOG("a:cancelled b:one");
}

INSIDE(future_XX_07_who_was_sent_to_before_the_cancel_has_the_value)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_future_send(&future, &one);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:one");
}

INSIDE(future_FU_21_a_cancelled_waiter_leaves_the_future_and_the_others_alone)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    hark_settle();
    CHECK(!hark_future_ready(&future));
    CHECK_EQ(hark_future_send(&future, &one), 0);
    hark_settle();
    CHECK_LOG("a:cancelled b:one");
}

INSIDE(future_reset_while_tasks_wait_is_busy)
{
    go_waiter("a");
    hark_settle();
    CHECK_MISUSE(hark_future_reset(&future), -EBUSY, "hark_future_reset");
    hark_future_send(&future, &one);
    hark_settle();
    CHECK_LOG("a:one");
}

INSIDE(future_a_woken_waiter_has_its_value_though_it_is_reset_before_it_runs)
{
    go_waiter("a");
    hark_settle();
    hark_future_send(&future, &one);
    const int rc = hark_future_reset(&future);
    CHECK(rc == 0 || rc == -EBUSY);
    if (rc == 0) {
        hark_future_send(&future, &two);
    }
    hark_settle();
    CHECK_LOG("a:one");
}

/* ---- hark_go_future -------------------------------------------------------------------------- */

static int give(void *arg)
{
    return *(int *)arg;
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    hark_event never = HARK_EVENT_INIT;
    return hark_event_wait(&never);
}

static int fail_in_words(void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "no such verb: %s", "GOT");
}

INSIDE(future_of_a_task_is_sent_its_result)
{
    void *value = NULL;
    int result = 42;
    CHECK_GT(hark_go_future(&group, &future, give, &result), 0);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_EQ((intptr_t)value, 42);
}

INSIDE(future_of_a_failed_task_fails_with_its_words_and_the_group_does_not)
{
    hark_group g;
    hark_group_open(&g);
    hark_go_future(&g, &future, fail_in_words, NULL);
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    CHECK_HAS(hark_error_last(), "no such verb: GOT");
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
}

INSIDE(future_of_a_cancelled_task_fails_with_EOWNERDEAD)
{
    const hark_task t = hark_go_future(&group, &future, wait_for_ever, NULL);
    hark_settle();
    hark_task_cancel(t);
    CHECK_EQ(hark_future_wait(&future, NULL), -EOWNERDEAD);
}

INSIDE(future_FU_18_cancelling_a_task_that_has_ended_leaves_its_value)
{
    void *value = NULL;
    int result = 7;
    const hark_task t = hark_go_future(&group, &future, give, &result);
    hark_settle();
    CHECK_EQ(hark_task_cancel(t), -ESRCH);
    CHECK_EQ(hark_future_wait(&future, &value), 0);
    CHECK_EQ((intptr_t)value, 7);
}

INSIDE(future_XX_42_XX_38_cancelling_the_waiter_does_not_cancel_the_task_behind_it)
{
    const hark_task t = hark_go_future(&group, &future, wait_for_ever, NULL);
    CHECK_EQ(hark_within(HARK_MS(1), hark_future_wait(&future, NULL)), -ETIMEDOUT);
    CHECK(!hark_future_ready(&future));
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_future_wait(&future, NULL), -EOWNERDEAD);
}

INSIDE(future_FU_11_XX_41_an_unseen_failure_of_a_task_is_reported_when_its_group_closes)
{
    hark_group g;
    hark_group_open(&g);
    hark_go_future(&g, &future, fail_in_words, NULL);
    capture_begin();
    const int rc = hark_group_close(&g, 0);
    const char *text = capture_end();
    CHECK_EQ(rc, 0);
    CHECK_HAS(text, "no such verb: GOT");
}

INSIDE(future_FU_11_a_seen_failure_of_a_task_is_not_reported_when_its_group_closes)
{
    hark_group g;
    hark_group_open(&g);
    hark_go_future(&g, &future, fail_in_words, NULL);
    CHECK_EQ(hark_future_wait(&future, NULL), -EPROTO);
    capture_begin();
    hark_group_close(&g, 0);
    CHECK_STR(capture_end(), "");
}

INSIDE(future_misuse_spawning_into_a_ready_one_is_refused)
{
    hark_future_send(&future, &one);
    CHECK_MISUSE(hark_go_future(&group, &future, nothing, NULL), -EINVAL, "hark_go_future");
    CHECK_MISUSE(hark_go_future(&group, NULL, nothing, NULL), -EINVAL, "hark_go_future");
    CHECK_MISUSE(hark_go_future(NULL, &future, nothing, NULL), -EINVAL, "hark_go_future");
}

/* ---- hark_wait_all --------------------------------------------------------------------------- */

static hark_future trio[3];
static hark_future *const all[3] = {&trio[0], &trio[1], &trio[2]};

static int wait_for_all(void *arg)
{
    (void)arg;
    kit_log("all:%s", outcome(hark_wait_all(all, 3)));
    return 0;
}

INSIDE(future_wait_all_returns_when_the_last_one_is_ready)
{
    hark_go(&group, wait_for_all, NULL);
    const int order[3] = {2, 0, 1};
    for (int i = 0; i < 3; i++) {
        hark_settle();
        CHECK_LOG("");
        hark_future_send(&trio[order[i]], NULL);
    }
    hark_settle();
    CHECK_LOG("all:ok");
}

INSIDE(future_wait_all_returns_the_first_failure_by_index_after_all_are_ready)
{
    hark_go(&group, wait_for_all, NULL);
    hark_settle();
    hark_future_fail(&trio[2], -EPROTO, NULL);
    hark_settle();
    CHECK_LOG("");
    hark_future_fail(&trio[1], -ENOSPC, "full");
    hark_future_send(&trio[0], NULL);
    hark_settle();
    CHECK_LOG("all:ENOSPC");
}

INSIDE(future_wait_all_waits_for_the_others_when_the_one_it_waits_for_fails)
{
    hark_go(&group, wait_for_all, NULL);
    hark_settle();
    hark_future_fail(&trio[0], -EPROTO, "zero");
    hark_settle();
    CHECK_LOG("");
    hark_future_send(&trio[2], NULL);
    hark_settle();
    CHECK_LOG("");
    hark_future_fail(&trio[1], -ENOSPC, "one");
    hark_settle();
    CHECK_LOG("all:EPROTO");
}

INSIDE(future_wait_all_of_none_or_of_ready_ones_returns_at_once)
{
    for (int i = 0; i < 3; i++) {
        hark_future_send(&trio[i], NULL);
    }
    hark_go(&group, say, "other");
    CHECK_EQ(hark_wait_all(all, 3), 0);
    CHECK_EQ(hark_wait_all(all, 0), 0);
    CHECK_LOG("");
}

static bool other_ran;

static int note_that_it_ran(void *arg)
{
    (void)arg;
    other_ran = true;
    return 0;
}

INSIDE(future_XX_04_a_task_that_finds_them_always_ready_yields_at_last)
{
    for (int i = 0; i < 3; i++) {
        hark_future_send(&trio[i], NULL);
    }
    for (int both = 0; both < 2; both++) {
        other_ran = false;
        hark_go(&group, note_that_it_ran, NULL);
        for (int i = 0; i < 100000 && !other_ran; i++) {
            CHECK_EQ(both ? hark_wait_all(all, 3) : hark_future_wait(&trio[0], NULL), 0);
        }
        CHECK(other_ran);
    }
}

INSIDE(future_XX_38_wait_all_cancelled_leaves_the_futures_alone)
{
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_all(all, 3)), -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        CHECK(!hark_future_ready(&trio[i]));
        CHECK_EQ(hark_future_send(&trio[i], NULL), 0);
        CHECK_EQ(hark_future_reset(&trio[i]), 0);
    }
}

INSIDE(future_wait_all_misuse_has_a_code_and_words)
{
    hark_future *const holed[2] = {&trio[0], NULL};
    CHECK_MISUSE(hark_wait_all(holed, 2), -EINVAL, "hark_wait_all");
    CHECK_MISUSE(hark_wait_all(all, -1), -EINVAL, "hark_wait_all");
    CHECK_MISUSE(hark_wait_all(NULL, 1), -EINVAL, "hark_wait_all");
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_future_send(&future, &two), -EXDEV, "hark_future_send");
    CHECK_MISUSE(hark_future_fail(&future, -EPROTO, "x"), -EXDEV, "hark_future_fail");
    CHECK_MISUSE(hark_future_wait(&future, NULL), -EXDEV, "hark_future_wait");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_future_send(&future, &two), -EXDEV, "hark_future_send");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(future_EV_49_XX_40_other_threads_and_loops_are_refused)
{
    go_waiter("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK(!hark_future_ready(&future));
    hark_future_send(&future, &one);
    hark_settle();
    CHECK_LOG("a:one");
}

static int wait_for_it(void *arg)
{
    (void)arg;
    return hark_future_wait(&future, NULL);
}

TEST(future_EV_17_sent_without_a_loop_it_is_ready_in_two_loops_in_turn)
{
    CHECK_EQ(hark_future_send(&future, &one), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_for_it, NULL), 0);
}

INSIDE(future_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_future_init(NULL), -EINVAL, "hark_future_init");
    CHECK_MISUSE(hark_future_send(NULL, &one), -EINVAL, "hark_future_send");
    CHECK_MISUSE(hark_future_fail(NULL, -EPROTO, "x"), -EINVAL, "hark_future_fail");
    CHECK_MISUSE(hark_future_reset(NULL), -EINVAL, "hark_future_reset");
    CHECK_MISUSE(hark_future_wait(NULL, NULL), -EINVAL, "hark_future_wait");
    CHECK(!hark_future_ready(NULL));
}

TEST(future_misuse_waiting_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_future_wait(&future, NULL), -ENOTSUP, "hark_future_wait");
    CHECK_MISUSE(hark_wait_all(all, 3), -ENOTSUP, "hark_wait_all");
    CHECK(!hark_future_ready(&future));
}

static void wait_in_a_callback(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_future_wait(&future, NULL), -ENOTSUP, "hark_future_wait");
    hark_future_send(&future, &one);
}

INSIDE(future_misuse_waiting_in_a_callback_is_refused_and_sending_is_not)
{
    hark_watch watch = {0};
    hark_call_soon(&watch, wait_in_a_callback, NULL);
    CHECK_EQ(hark_future_wait(&future, NULL), 0);
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static intptr_t generation; /* the value of the current or next send */
static hark_task actors[3];
static int blocked; /* actors that are in hark_future_wait */

static void wait_somehow(void)
{
    void *value = NULL;
    const intptr_t oldest = generation - (hark_future_ready(&future) ? 1 : 0);
    blocked++;
    const int64_t rc = hark_within(HARK_MS(draw(&state) % 4), hark_future_wait(&future, &value));
    blocked--;
    CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED || rc == -EPROTO);
    CHECK(rc != 0 || ((intptr_t)value >= oldest && (intptr_t)value < generation));
}

static int actor(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        const uint64_t what = draw(&state) % 8;
        if (what == 0) {
            generation += hark_future_send(&future, (void *)generation) == 0;
        } else if (what == 1) {
            generation += hark_future_fail(&future, -EPROTO, NULL) == 0;
        } else if (what == 2) {
            const bool ready = hark_future_ready(&future);
            const int rc = hark_future_reset(&future);
            CHECK(rc == 0 ? ready : rc == -EINVAL || rc == -EBUSY);
        } else if (what == 3) {
            hark_task_cancel(actors[draw(&state) % 3]);
        } else if (what == 4) {
            hark_sleep(HARK_MS(draw(&state) % 3));
        } else {
            wait_somehow();
        }
    }
    return 0;
}

static int act(void *arg)
{
    (void)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        actors[i] = hark_go(&g, actor, NULL);
    }
    for (int i = 0; i < 6; i++) {
        hark_settle();
        CHECK(!hark_future_ready(&future) || blocked == 0);
        hark_sleep(HARK_MS(1));
    }
    return hark_group_close(&g, 0);
}

TEST(future_nobody_waits_for_a_ready_one_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_future_init(&future);
        generation = 1;
        state = seed * 15485863;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}

/* ---- failed, and reset before all are ready -------------------------------------------------- */

static hark_future reset_soon, another;

static int waits_for_all(void *arg)
{
    hark_future *const both[] = {&reset_soon, &another};
    (void)arg;
    CHECK_EQ(hark_wait_all(both, 2), -EPIPE);
    CHECK_HAS(hark_error_last(), "broken");
    return 0;
}

static int fails_and_resets(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, waits_for_all, NULL);
    hark_settle();
    CHECK_EQ(hark_future_fail(&reset_soon, -EPIPE, "broken"), 0);
    CHECK_EQ(hark_future_reset(&reset_soon), 0);
    hark_settle();
    CHECK_EQ(hark_future_send(&another, NULL), 0);
    return hark_group_close(&g, 0);
}

TEST(future_U4_wait_all_keeps_the_failure_of_one_that_is_reset)
{
    CHECK_EQ(RUN(fails_and_resets, NULL), 0);
}
