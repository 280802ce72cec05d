/* SPDX-License-Identifier: MIT
 *
 * wake_test.c - the law of the wake-up, shown on everything that can be waited for.
 *
 * A wake-up belongs to the waiter it was given to, and a later cancellation does not take it away;
 * a cancelled waiter is out of the line at once; each waiter goes on exactly once, in the order of
 * arrival. Every test runs through the table of kinds: event, flag, future, task, select.
 */
#include "../sync/scene.h"

static hark_event event, inner_event;
static hark_flag flag;
static hark_future future;
static hark_task awaited;

/* ---- kinds ----------------------------------------------------------------------------------- */

static int linger(void *arg)
{
    (void)arg;
    return hark_event_wait(&inner_event);
}

static int event_wait(void)
{
    return hark_event_wait(&event);
}

static void event_wake(void)
{
    CHECK_EQ(hark_event_set(&event), 0);
}

static int event_count(void)
{
    return hark_event_statistics(&event).tasks_waiting;
}

static int flag_wait(void)
{
    return hark_flag_wait(&flag);
}

static void flag_wake(void)
{
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(hark_flag_clear(&flag), 0);
}

static int flag_count(void)
{
    return hark_flag_statistics(&flag).tasks_waiting;
}

static int future_wait(void)
{
    return hark_future_wait(&future, NULL);
}

static void future_wake(void)
{
    CHECK_EQ(hark_future_send(&future, NULL), 0);
}

static int task_wait(void)
{
    return hark_task_wait(awaited);
}

/* The task ends in its own turn, before anybody else's: only then are its waiters woken. */
static void task_wake(void)
{
    hark_event_set(&inner_event);
    CHECK_EQ(hark_yield(), 0);
}

static int select_wait(void)
{
    hark_case cases[] = {hark_on_future(&future), hark_on_event(&event)};
    const int i = hark_select(cases, 2);
    return i == 1 ? 0 : i;
}

typedef struct kind {
    const char *name;
    int (*wait)(void);
    void (*wake)(void);
    int (*count)(void); /* NULL: no statistics */
    bool deferred;      /* wake lets the loop turn once */
} kind;

static const kind kinds[] = {
    {"event", event_wait, event_wake, event_count, false},
    {"flag", flag_wait, flag_wake, flag_count, false},
    {"future", future_wait, future_wake, NULL, false},
    {"task", task_wait, task_wake, NULL, true},
    {"select", select_wait, event_wake, event_count, false},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const kind *now_testing;
static int resumed; /* how many waits have returned */

static int waiter(void *name)
{
    const int rc = now_testing->wait();
    resumed++;
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

static void check_count(int expected)
{
    if (now_testing->count) {
        CHECK_EQ(now_testing->count(), expected);
    }
}

/* Runs `scene` once a kind, all primitives fresh, and compares the log. */
static void on_each_kind(void (*scene)(void), const char *log)
{
    for (int i = 0; i < KINDS; i++) {
        char expected[1024];
        now_testing = &kinds[i];
        hark_event_init(&event), hark_event_init(&inner_event);
        hark_flag_init(&flag), hark_future_init(&future);
        awaited = hark_go(&group, linger, NULL);
        resumed = 0;
        hark_settle();
        kit_log("%s", now_testing->name);
        scene();
        hark_settle();
        snprintf(expected, sizeof(expected), "%s %s", now_testing->name, log);
        CHECK_LOG(expected);
        check_count(0);
        hark_event_set(&inner_event);
        hark_settle();
    }
}

/* ---- who comes first wins -------------------------------------------------------------------- */

static void wake_then_cancel(void)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    check_count(1);
    now_testing->wake();
    check_count(0);
    hark_task_cancel(a);
    check_count(0);
}

INSIDE(wake_then_cancel_in_one_turn_the_wake_wins)
{
    on_each_kind(wake_then_cancel, "a:ok");
}

static void cancel_then_wake(void)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    check_count(1);
    hark_task_cancel(a);
    check_count(0);
    now_testing->wake();
}

INSIDE(wake_after_cancel_in_one_turn_the_cancellation_wins)
{
    on_each_kind(cancel_then_wake, "a:cancelled");
}

static void wake_turn_cancel(void)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    now_testing->wake();
    hark_yield();
    hark_task_cancel(a);
}

INSIDE(wake_then_cancel_a_turn_later_the_wake_wins)
{
    on_each_kind(wake_turn_cancel, "a:ok");
}

static void cancel_turn_wake(void)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_task_cancel(a);
    hark_yield();
    now_testing->wake();
}

INSIDE(wake_a_turn_after_cancel_the_cancellation_wins)
{
    on_each_kind(cancel_turn_wake, "a:cancelled");
}

static void cancel_and_wake_often(void)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_task_cancel(a);
    hark_task_cancel(a);
    now_testing->wake();
    hark_task_cancel(a);
    hark_settle();
    CHECK_EQ(resumed, 2);
}

INSIDE(wake_each_waiter_goes_on_exactly_once)
{
    on_each_kind(cancel_and_wake_often, "a:cancelled b:ok");
}

static hark_scope scopes[2];

static int wait_in_two_scopes(void *name)
{
    hark_scope_open(&scopes[0], HARK_FOREVER);
    hark_scope_open(&scopes[1], HARK_FOREVER);
    int64_t rc = waiter(name);
    rc = hark_scope_close(&scopes[1], rc);
    return (int)hark_scope_close(&scopes[0], rc);
}

static void cancel_both_scopes(void)
{
    hark_go(&group, wait_in_two_scopes, "a");
    hark_settle();
    hark_scope_cancel(&scopes[1]);
    hark_scope_cancel(&scopes[0]);
    hark_settle();
    CHECK_EQ(resumed, 1);
}

INSIDE(wake_LL_05_two_cancellations_are_one_return)
{
    on_each_kind(cancel_both_scopes, "a:cancelled");
}

/* Closing a group is a wait that no cancellation ends: its child must be waited for. */
static int wait_under_a_shield(void *arg)
{
    hark_scope scope;
    (void)arg;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    const int rc = hark_event_wait(&event);
    return (int)hark_scope_close(&scope, rc);
}

static int close_a_group(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, wait_under_a_shield, NULL);
    kit_log("sleep");
    kit_log("woke:%s", outcome(hark_group_close(&g, 0)));
    const int rc = hark_checkpoint();
    kit_log("%s", outcome(rc));
    return rc;
}

INSIDE(wake_LL_02_a_wait_that_cannot_be_cancelled_goes_on_and_the_next_checkpoint_tells)
{
    const hark_task t = hark_go(&group, close_a_group, NULL);
    hark_settle();
    hark_task_cancel(t);
    hark_settle();
    CHECK_LOG("sleep");
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("woke:ok cancelled");
}

/* ---- the line -------------------------------------------------------------------------------- */

static void wake_three(void)
{
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    check_count(3);
    now_testing->wake();
    check_count(0);
}

INSIDE(wake_PL_01_all_leave_the_line_at_once_and_go_on_in_order)
{
    on_each_kind(wake_three, "a:ok b:ok c:ok");
}

static void cancel_the_second(void)
{
    go_waiter("a");
    const hark_task b = go_waiter("b");
    go_waiter("c");
    hark_settle();
    hark_task_cancel(b);
    check_count(2);
    hark_settle();
    now_testing->wake();
}

INSIDE(wake_PL_02_a_cancelled_one_leaves_alone_and_the_others_are_woken)
{
    on_each_kind(cancel_the_second, "b:cancelled a:ok c:ok");
}

static void wake_nobody(void)
{
    now_testing->wake();
    check_count(0);
    kit_log("nobody");
}

INSIDE(wake_PL_01_of_an_empty_line_does_nothing)
{
    on_each_kind(wake_nobody, "nobody");
}

static void a_hundred(void)
{
    static char names[100][16];
    hark_task tasks[100];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        tasks[i] = go_waiter(names[i]);
    }
    hark_settle();
    for (int i = 0; i < 100; i += 3) {
        hark_task_cancel(tasks[i]);
    }
    check_count(66);
    hark_settle();
    CHECK_EQ(resumed, 34);
    now_testing->wake();
    hark_settle();
    CHECK_EQ(resumed, 100);
}

INSIDE(wake_is_first_come_first_served_among_100_with_every_third_cancelled)
{
    char log[2048] = "";
    for (int cancelled = 1; cancelled >= 0; cancelled--) {
        for (int i = 0; i < 100; i++) {
            if ((i % 3 == 0) == cancelled) {
                const size_t n = strlen(log);
                snprintf(log + n, sizeof(log) - n, "%s%d:%s", n ? " " : "", i,
                         cancelled ? "cancelled" : "ok");
            }
        }
    }
    on_each_kind(a_hundred, log);
}

static void wake_while_others_are_cancelled(void)
{
    const hark_task a = go_waiter("a"), b = go_waiter("b");
    go_waiter("c");
    hark_settle();
    hark_task_cancel(b);
    now_testing->wake();
    hark_task_cancel(a);
    hark_settle();
    CHECK_EQ(resumed, 3);
}

INSIDE(wake_some_cancelled_before_and_some_after_in_one_turn)
{
    on_each_kind(wake_while_others_are_cancelled, "b:cancelled a:ok c:ok");
}

/* ---- the waker ------------------------------------------------------------------------------- */

static int wake_in_a_cancelled_scope(void *arg)
{
    hark_scope scope;
    (void)arg;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_flag_set(&flag), 0);
    CHECK_EQ(hark_future_send(&future, NULL), 0);
    hark_scope_close(&scope, -ECANCELED);
    return 0;
}

INSIDE(wake_by_a_cancelled_task_counts)
{
    for (int i = 0; i < 3; i++) {
        now_testing = &kinds[i];
        go_waiter(now_testing->name);
        hark_settle();
    }
    hark_go(&group, wake_in_a_cancelled_scope, NULL);
    hark_settle();
    CHECK_LOG("event:ok flag:ok future:ok");
}

static int wake_when_cancelled(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    now_testing->wake();
    return 0;
}

INSIDE(wake_given_in_the_cleanup_of_a_cancelled_task_counts)
{
    now_testing = &kinds[0];
    go_waiter("a");
    const hark_task t = hark_go(&group, wake_when_cancelled, NULL);
    hark_settle();
    hark_task_cancel(t);
    hark_settle();
    CHECK_LOG("a:ok");
}

static void wake_callback(void *arg)
{
    (void)arg;
    now_testing->wake();
}

INSIDE(wake_by_a_callback_or_a_timer_counts)
{
    hark_watch watch = {0};
    for (int i = 0; i < 2; i++) {
        now_testing = &kinds[1];
        go_waiter("a");
        hark_settle();
        if (i == 0) {
            hark_call_soon(&watch, wake_callback, NULL);
        } else {
            hark_call_later(HARK_MS(1), &watch, wake_callback, NULL);
        }
        CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
        CHECK_LOG("a:ok");
    }
}

/* ---- stale wakes ----------------------------------------------------------------------------- */

/* Left the first line by cancellation, stands in a second one. */
static int wait_here_then_there(void *arg)
{
    (void)arg;
    hark_scope_open(&scopes[0], HARK_FOREVER);
    const int64_t rc = hark_scope_close(&scopes[0], hark_event_wait(&event));
    kit_log("here:%s", hark_scope_caught(&scopes[0]) ? "cancelled" : outcome(rc));
    kit_log("there:%s", outcome(hark_flag_wait(&flag)));
    return 0;
}

INSIDE(wake_EV_41_BG_31_of_a_line_that_was_left_does_not_end_a_later_wait)
{
    hark_go(&group, wait_here_then_there, NULL);
    hark_settle();
    hark_scope_cancel(&scopes[0]);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("here:cancelled");
    CHECK_EQ(hark_flag_statistics(&flag).tasks_waiting, 1);
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("there:ok");
}

static int wait_then_sleep(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_within(HARK_MS(5), hark_event_wait(&event)), 0);
    const int64_t start = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(50)), 0);
    CHECK_EQ(hark_now() - start, HARK_MS(50));
    kit_log("slept");
    return 0;
}

INSIDE(wake_leaves_no_deadline_behind_that_could_end_a_later_sleep)
{
    hark_go(&group, wait_then_sleep, NULL);
    hark_settle();
    hark_event_set(&event);
    hark_sleep(HARK_MS(60));
    CHECK_LOG("slept");
}

/* ---- wake against deadline ------------------------------------------------------------------- */

static int sleep_and_set(void *arg)
{
    hark_sleep(*(int64_t *)arg);
    return hark_event_set(&event);
}

static int64_t answer;

static int wait_two_ms(void *arg)
{
    (void)arg;
    answer = hark_within(HARK_MS(2), hark_event_wait(&event));
    return 0;
}

static int race_the_deadline(int64_t setter_sleeps, bool setter_first)
{
    hark_group g;
    hark_event_init(&event);
    hark_group_open(&g);
    if (setter_first) {
        hark_go(&g, sleep_and_set, &setter_sleeps);
    }
    hark_go(&g, wait_two_ms, NULL);
    if (!setter_first) {
        hark_go(&g, sleep_and_set, &setter_sleeps);
    }
    const int rc = hark_group_close(&g, 0);
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, 0);
    CHECK(hark_event_is_set(&event));
    return rc;
}

INSIDE(wake_before_the_deadline_wins_and_after_it_loses)
{
    for (int first = 0; first < 2; first++) {
        race_the_deadline(HARK_MS(2) - 1, first);
        CHECK_EQ(answer, 0);
        race_the_deadline(HARK_MS(2) + 1, first);
        CHECK_EQ(answer, -ETIMEDOUT);
    }
}

/* In one instant either may come first; the waiter's answer is one of the two and final. */
INSIDE(wake_at_the_deadline_itself_is_one_or_the_other)
{
    for (int first = 0; first < 2; first++) {
        CHECK_EQ(race_the_deadline(HARK_MS(2), first), 0);
        CHECK(answer == 0 || answer == -ETIMEDOUT);
    }
}

/* ---- newcomers ------------------------------------------------------------------------------- */

static int pass_the_flag(void *name)
{
    const int rc = hark_flag_wait(&flag);
    hark_flag_clear(&flag);
    kit_log("%s", (const char *)name);
    return rc;
}

INSIDE(wake_XX_06_a_newcomer_that_runs_first_takes_nothing_from_who_was_woken)
{
    hark_go(&group, pass_the_flag, "1");
    hark_go(&group, pass_the_flag, "2");
    hark_settle();
    hark_go(&group, pass_the_flag, "3");
    hark_flag_set(&flag);
    hark_settle();
    CHECK_LOG("3 1 2");
}

static bool stop;

static int come_anew_for_ever(void *arg)
{
    (void)arg;
    while (!stop) {
        hark_flag_wait(&flag);
    }
    return 0;
}

INSIDE(wake_BG_36_an_old_waiter_is_served_whatever_newcomers_do)
{
    now_testing = &kinds[1];
    go_waiter("old");
    for (int i = 0; i < 10; i++) {
        hark_go(&group, come_anew_for_ever, NULL);
    }
    hark_settle();
    hark_flag_set(&flag), hark_flag_clear(&flag);
    hark_settle();
    CHECK_LOG("old:ok");
    stop = true;
    hark_flag_set(&flag);
}

/* ---- when the waker dies --------------------------------------------------------------------- */

static int wait_for_the_future(void *name)
{
    kit_log("%s:%s", (const char *)name, outcome(hark_future_wait(&future, NULL)));
    return 0;
}

INSIDE(wake_PL_06_who_waits_for_the_future_of_a_cancelled_task_gets_EOWNERDEAD)
{
    const hark_task owner = hark_go_future(&group, &future, linger, NULL);
    hark_go(&group, wait_for_the_future, "a");
    hark_go(&group, wait_for_the_future, "b");
    hark_settle();
    hark_task_cancel(owner);
    hark_settle();
    CHECK_LOG("a:EOWNERDEAD b:EOWNERDEAD");
}

static int ping_pong(void *arg)
{
    hark_flag *const flags = arg;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_flag_wait(&flags[0]), 0);
        hark_flag_clear(&flags[0]);
        hark_flag_set(&flags[1]);
    }
    return 0;
}

INSIDE(wake_LL_01_two_tasks_wake_each_other_in_turn)
{
    hark_flag flags[2] = {HARK_FLAG_INIT, HARK_FLAG_INIT};
    const hark_task t = hark_go(&group, ping_pong, flags);
    for (int i = 0; i < 100; i++) {
        hark_flag_set(&flags[0]);
        CHECK_EQ(hark_flag_wait(&flags[1]), 0);
        hark_flag_clear(&flags[1]);
    }
    hark_settle();
    CHECK_EQ(hark_task_wait(t), -ESRCH);
}

/* ---- hark_task_wait -------------------------------------------------------------------------- */

INSIDE(wake_XX_38_waiting_for_a_task_never_cancels_it)
{
    awaited = hark_go(&group, linger, NULL);
    CHECK_EQ(hark_within(HARK_MS(1), hark_task_wait(awaited)), -ETIMEDOUT);
    hark_event_set(&inner_event);
    CHECK_EQ(hark_task_wait(awaited), 0);
}

INSIDE(wake_misuse_waiting_for_oneself_or_for_nobody_has_a_code_and_words)
{
    CHECK_MISUSE(hark_task_wait(hark_self()), -EDEADLK, "hark_task_wait");
    CHECK_MISUSE(hark_task_wait(0), -ESRCH, "hark_task_wait");
    CHECK_MISUSE(hark_task_wait(-1), -ESRCH, "hark_task_wait");
    CHECK_MISUSE(hark_task_wait(INT64_MAX), -ESRCH, "hark_task_wait");
}
