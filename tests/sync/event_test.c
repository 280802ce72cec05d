/* SPDX-License-Identifier: MIT
 *
 * event_test.c - hark_event: set once, for ever.
 *
 * The EV entries of one-shot events, what several systems answer differently (XX), misuse, and
 * two loads: a random search over schedules, and a million waiters.
 */
#include "../sync/scene.h"

static hark_event event;

static int waiting(void)
{
    return hark_event_statistics(&event).tasks_waiting;
}

static int waiter(void *name)
{
    const int rc = hark_event_wait(&event);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

static hark_task go_waiter(const char *name)
{
    return hark_go(&group, waiter, (void *)name);
}

/* ---- setting and waiting --------------------------------------------------------------------- */

TEST(event_is_unset_when_all_zero_initialised_or_inited)
{
    static hark_event zero;
    hark_event constant = HARK_EVENT_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_event_init(&inited), 0);
    CHECK(!hark_event_is_set(&zero));
    CHECK(!hark_event_is_set(&constant));
    CHECK(!hark_event_is_set(&inited));
    CHECK_EQ(hark_event_statistics(&inited).tasks_waiting, 0);
}

TEST(event_inited_again_is_unset_again)
{
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_event_init(&event), 0);
    CHECK(!hark_event_is_set(&event));
}

static int set_it(void *arg)
{
    (void)arg;
    CHECK(!hark_event_is_set(&event));
    return hark_event_set(&event);
}

INSIDE(event_EV_22_a_child_sets_it_and_the_host_goes_on)
{
    hark_go(&group, set_it, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK(hark_event_is_set(&event));
}

INSIDE(event_EV_02_waiters_go_on_in_the_order_in_which_they_came)
{
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a:ok b:ok c:ok");
}

INSIDE(event_EV_02_callbacks_among_the_waiting_tasks_keep_their_place)
{
    static hark_watch d, e, g;
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    CHECK_EQ(hark_event_watch(&event, &d, say_callback, "d"), 0);
    CHECK_EQ(hark_event_watch(&event, &e, say_callback, "e"), 0);
    go_waiter("f");
    hark_settle();
    CHECK_EQ(hark_event_watch(&event, &g, say_callback, "g"), 0);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a:ok b:ok c:ok d e f:ok g");
}

INSIDE(event_EV_02_one_callback_behind_the_waiting_tasks_is_called_and_they_go_on_once)
{
    static hark_watch d;
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    CHECK_EQ(hark_event_watch(&event, &d, say_callback, "d"), 0);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a:ok b:ok c:ok d");
    CHECK_EQ(waiting(), 0);
}

INSIDE(event_EV_02_all_go_on_in_the_turn_after_the_set)
{
    go_waiter("a"), go_waiter("b"), go_waiter("c");
    hark_settle();
    hark_event_set(&event);
    CHECK_LOG("");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a:ok b:ok c:ok");
}

INSIDE(event_EV_03_waiting_for_a_set_event_goes_on_without_yielding)
{
    hark_event_set(&event);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_event_wait(&event), 0);
    kit_log("me");
    hark_settle();
    CHECK_LOG("me other");
}

static bool other_ran;

static int note_that_it_ran(void *arg)
{
    (void)arg;
    other_ran = true;
    return 0;
}

INSIDE(event_EV_04_a_task_that_finds_it_always_set_yields_at_last)
{
    hark_event_set(&event);
    hark_go(&group, note_that_it_ran, NULL);
    for (int i = 0; i < 100000 && !other_ran; i++) {
        CHECK_EQ(hark_event_wait(&event), 0);
    }
    CHECK(other_ran);
}

INSIDE(event_EV_23_waiting_for_a_set_event_in_a_cancelled_scope_is_cancelled)
{
    hark_scope scope;
    hark_event_set(&event);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_event_wait(&event), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
}

INSIDE(event_EV_09_setting_it_again_changes_nothing)
{
    go_waiter("a");
    hark_settle();
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    hark_settle();
    CHECK_EQ(hark_event_set(&event), 0);
    hark_settle();
    CHECK_LOG("a:ok");
    CHECK(hark_event_is_set(&event));
}

INSIDE(event_XX_02_a_second_set_is_no_misuse)
{
    CHECK_SILENT(hark_event_set(&event), 0);
    CHECK_SILENT(hark_event_set(&event), 0);
}

INSIDE(event_set_never_yields)
{
    go_waiter("a");
    hark_go(&group, say, "ready");
    hark_event_set(&event);
    kit_log("set");
    hark_settle();
    CHECK_LOG("set a:ok ready");
}

INSIDE(event_EV_14_two_sleepers_are_counted_and_both_wake)
{
    go_waiter("a"), go_waiter("b");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a:ok b:ok");
    CHECK_EQ(waiting(), 0);
}

INSIDE(event_EV_16_statistics_count_who_waits_now)
{
    CHECK_EQ(waiting(), 0);
    go_waiter("a");
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_EQ(waiting(), 1);
    go_waiter("b");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_event_set(&event);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a:ok b:ok");
}

static hark_event new_event;

INSIDE(event_EV_20_XX_01_another_event_takes_over_and_old_waiters_stay_with_the_old_one)
{
    hark_event *current = &event;
    go_waiter("old");
    hark_settle();
    current = &new_event;
    hark_event_set(current);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(waiting(), 1);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("old:ok");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(event_EV_05_a_cancelled_waiter_leaves_nothing_behind)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    CHECK_EQ(hark_task_cancel(a), 0);
    hark_settle();
    CHECK_LOG("a:cancelled");
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_event_set(&event), 0);
}

INSIDE(event_EV_10_XX_07_set_then_cancel_in_one_turn_the_wake_wins)
{
    const hark_task a = go_waiter("a");
    go_waiter("b");
    hark_settle();
    hark_event_set(&event);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:ok b:ok");
    CHECK(hark_event_is_set(&event));
}

static hark_scope host_scope;

static int set_then_cancel_the_host(void *arg)
{
    (void)arg;
    hark_event_set(&event);
    return hark_scope_cancel(&host_scope);
}

INSIDE(event_EV_11_set_before_cancel_the_wait_returns_and_the_next_checkpoint_is_cancelled)
{
    hark_scope_open(&host_scope, HARK_FOREVER);
    hark_go(&group, set_then_cancel_the_host, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&host_scope, -ECANCELED), 0);
    CHECK(hark_scope_caught(&host_scope));
}

static int start_and_wait(void *name)
{
    kit_log("%s:starts", (const char *)name);
    return waiter(name);
}

INSIDE(event_EV_12_cancelled_before_its_first_run_it_starts_and_its_wait_is_cancelled)
{
    hark_group inner;
    hark_group_open(&inner);
    hark_go(&inner, start_and_wait, "a");
    hark_group_cancel(&inner);
    hark_event_set(&event);
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_LOG("a:starts a:cancelled");
}

INSIDE(event_EV_13_a_later_cancel_cannot_call_a_woken_waiter_back)
{
    const hark_task a = go_waiter("a");
    hark_settle();
    hark_event_set(&event);
    CHECK_EQ(waiting(), 0);
    hark_task_cancel(a);
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a:ok");
}

INSIDE(event_XX_08_cancellation_stays_until_the_scope_is_closed)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_event_wait(&event), -ECANCELED);
    }
    CHECK_EQ(waiting(), 0);
    hark_scope_close(&scope, -ECANCELED);
    hark_event_set(&event);
    CHECK_EQ(hark_event_wait(&event), 0);
}

INSIDE(event_wait_under_a_deadline_times_out_on_time)
{
    const int64_t start = hark_now();
    CHECK_EQ(hark_within(HARK_MS(7), hark_event_wait(&event)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(7));
    CHECK_EQ(waiting(), 0);
}

/* ---- which loop it belongs to ---------------------------------------------------------------- */

static int wait_for_it(void *arg)
{
    (void)arg;
    return hark_event_wait(&event);
}

TEST(event_EV_17_it_can_be_made_asked_and_set_without_a_loop)
{
    CHECK_EQ(hark_event_init(&event), 0);
    CHECK(!hark_event_is_set(&event));
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(RUN(wait_for_it, NULL), 0);
}

static int bind_it(void *arg)
{
    (void)arg;
    return (int)hark_within(0, hark_event_wait(&event)) == -ETIMEDOUT ? 0 : -EPROTO;
}

static int set_and_wait(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_event_set(&event), 0);
    return hark_event_wait(&event);
}

TEST(event_EV_18_when_its_loop_is_gone_another_one_may_use_it)
{
    CHECK_EQ(RUN_VIRTUAL(bind_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(bind_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(set_and_wait, NULL), 0);
}

static void *set_from_a_thread(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_event_set(&event), -EXDEV, "hark_event_set");
    return NULL;
}

INSIDE(event_EV_21_setting_a_bound_one_from_a_bare_thread_is_refused)
{
    go_waiter("a");
    hark_settle();
    in_thread(set_from_a_thread, NULL);
    hark_settle();
    CHECK_LOG("");
    CHECK(!hark_event_is_set(&event));
    CHECK_EQ(waiting(), 1);
    hark_event_set(&event);
}

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_event_set(&event), -EXDEV, "hark_event_set");
    CHECK_MISUSE(hark_event_wait(&event), -EXDEV, "hark_event_wait");
    return 0;
}

static void *use_from_another_loop(void *arg)
{
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(event_EV_49_XX_40_a_task_of_another_loop_is_refused)
{
    go_waiter("a");
    hark_settle();
    in_thread(use_from_another_loop, NULL);
    CHECK(!hark_event_is_set(&event));
    CHECK_EQ(waiting(), 1);
    hark_event_set(&event);
}

INSIDE(event_XX_40_another_loop_is_refused_even_when_it_is_set)
{
    hark_event_set(&event);
    CHECK_EQ(hark_event_wait(&event), 0);
    in_thread(use_from_another_loop, NULL);
    CHECK(hark_event_is_set(&event));
}

/* ---- misuse ---------------------------------------------------------------------------------- */

INSIDE(event_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_event_init(NULL), -EINVAL, "hark_event_init");
    CHECK_MISUSE(hark_event_set(NULL), -EINVAL, "hark_event_set");
    CHECK_MISUSE(hark_event_wait(NULL), -EINVAL, "hark_event_wait");
    CHECK(!hark_event_is_set(NULL));
    CHECK_EQ(hark_event_statistics(NULL).tasks_waiting, 0);
}

TEST(event_misuse_waiting_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_event_wait(&event), -ENOTSUP, "hark_event_wait");
    hark_event_set(&event);
    CHECK_MISUSE(hark_event_wait(&event), -ENOTSUP, "hark_event_wait");
}

static void wait_in_a_callback(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_event_wait(&event), -ENOTSUP, "hark_event_wait");
    CHECK_EQ(hark_event_set(&event), 0);
}

INSIDE(event_misuse_waiting_in_a_callback_is_refused_and_setting_is_not)
{
    hark_watch watch = {0};
    CHECK_EQ(hark_call_soon(&watch, wait_in_a_callback, NULL), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
}

INSIDE(event_a_cancelled_wait_records_no_words)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_event_wait(&event), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static hark_event pair[2];
static hark_scope actor_scope[3];
static bool actor_open[3];
static uint64_t actor_state;

/* Waits for one of the two, under a deadline or without one. Whatever ends it says the truth. */
static void wait_somehow(int self, hark_event *e)
{
    hark_scope_open(&actor_scope[self], draw(&actor_state) % 2 ? HARK_MS(1) : HARK_MS(50));
    actor_open[self] = true;
    const int rc = hark_event_wait(e);
    actor_open[self] = false;
    const int64_t end = hark_scope_close(&actor_scope[self], rc);
    CHECK(rc == 0 ? hark_event_is_set(e) : rc == -ECANCELED);
    CHECK(end == 0 || end == -ETIMEDOUT);
}

static int actor(void *number)
{
    const int self = *(int *)number;
    for (int i = 0; i < 8; i++) {
        hark_event *e = &pair[draw(&actor_state) % 2];
        const int other = (int)(draw(&actor_state) % 3);
        switch (draw(&actor_state) % 6) {
        case 0: hark_event_set(e); break;
        case 1:
            if (actor_open[other]) {
                hark_scope_cancel(&actor_scope[other]);
            }
            break;
        case 2: hark_sleep(HARK_MS(draw(&actor_state) % 3)); break;
        default: wait_somehow(self, e);
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
        hark_go_copy(&g, actor, &i, sizeof(i));
    }
    for (int i = 0; i < 5; i++) {
        hark_settle();
        for (int k = 0; k < 2; k++) {
            const int left = hark_event_statistics(&pair[k]).tasks_waiting;
            CHECK(!hark_event_is_set(&pair[k]) || left == 0);
        }
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_event_statistics(&pair[0]).tasks_waiting, 0);
    CHECK_EQ(hark_event_statistics(&pair[1]).tasks_waiting, 0);
    return 0;
}

TEST(event_nobody_waits_for_a_set_event_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_event_init(&pair[0]), hark_event_init(&pair[1]);
        memset(actor_open, 0, sizeof(actor_open));
        actor_state = seed * 7919;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}

/* ---- a million ------------------------------------------------------------------------------- */

static int gone_on;

static int wait_and_count(void *arg)
{
    (void)arg;
    gone_on += hark_event_wait(&event) == 0;
    return 0;
}

static int a_million(void *arg)
{
    const int n = *(const int *)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < n; i++) {
        CHECK_GT(hark_go(&g, wait_and_count, NULL), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(waiting(), n);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(gone_on, 0);
    return hark_group_close(&g, 0);
}

/* MiB that can be had without swapping; 0: the kernel does not say. */
static long memory_available(void)
{
    char line[128];
    long kib = 0;
    FILE *in = fopen("/proc/meminfo", "r");
    while (in && fgets(line, sizeof(line), in) && sscanf(line, "MemAvailable: %ld", &kib) != 1) {}
    if (in) {
        fclose(in);
    }
    return kib / 1024;
}

/* Each parked task keeps one page: 4 GiB, and as much again is left to others. */
TEST_TIMEOUT(event_a_million_tasks_wait_and_all_go_on, 60)
{
    int n = kit_slow() > 1 ? 20000 / kit_slow() : 1000000;
    if (n == 1000000 && memory_available() < 8192) {
        SKIP("less than 8 GiB of memory are free for a million stacks");
    }
    CHECK_EQ(RUN(a_million, &n), 0);
    CHECK_EQ(gone_on, n);
}
