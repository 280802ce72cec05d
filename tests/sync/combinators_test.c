/* SPDX-License-Identifier: MIT
 *
 * combinators_test.c - waiting for all, for the first, for a while: what other systems have calls
 * for, said with futures, groups, scopes, completions and selects.
 *
 * Idea     The promises WT-.. of tests/LEDGER.md. gather is hark_go_future and hark_wait_all; wait(FIRST)
 *          is a select over futures or a completion; wait_for is a scope with a deadline; shield is
 *          waiting for the future of a task that hangs outside. Where hark answers differently, the
 *          test's name says what it does.
 * Not here Handles that gather returns and that are cancelled (a group is), arguments of a wrong type.
 */
#include "scene.h"

enum { N = 3 };

static hark_future futures[N];
static hark_future *const all[N] = {futures, futures + 1, futures + 2};
static hark_event never;

/* A task that sleeps, and ends with a result. */
struct job {
    const char *name;
    int64_t time;
    int result;
};

static int work(void *arg)
{
    const struct job *job = arg;
    const int rc = hark_sleep(job->time);
    kit_log("%s:%s", job->name, outcome(rc ? rc : job->result < 0 ? job->result : 0));
    return rc ? rc : job->result < 0 ? hark_fail(job->result, "job %s", job->name) : job->result;
}

static struct job jobs[N] = {{"a", 2, 10}, {"b", 3, 20}, {"c", 1, 30}};

static void go_all(hark_group *g)
{
    for (int i = 0; i < N; i++) {
        CHECK_GT(hark_go_future(g, &futures[i], work, &jobs[i]), 0);
    }
}

static intptr_t value_of(int i)
{
    void *value = NULL;
    CHECK_EQ(hark_future_wait(&futures[i], &value), 0);
    return (intptr_t)value;
}

static int64_t began;

static int64_t passed(void)
{
    return hark_now() - began;
}

/* ---- wait for all: WT-01 to WT-07 ------------------------------------------------------------ */

INSIDE(combinators_WT_01_WT_16_all_and_again_at_once_values_in_the_order_of_the_array)
{
    began = hark_now();
    go_all(&group);
    CHECK_EQ(hark_wait_all(all, N), 0);
    CHECK_EQ(passed(), 3);
    CHECK_LOG("c:ok a:ok b:ok");
    CHECK_EQ(hark_wait_all(all, N), 0);
    CHECK_EQ(passed(), 3);
    CHECK(value_of(0) == 10 && value_of(1) == 20 && value_of(2) == 30);
}

INSIDE(combinators_WT_02_WT_23_none_twice_and_wrong_ones)
{
    hark_future *twice[] = {futures, futures + 1, futures}, *hole[] = {futures, NULL};
    CHECK_EQ(hark_wait_all(NULL, 0), 0);
    CHECK_EQ(hark_wait_all(all, 0), 0);
    CHECK_MISUSE(hark_wait_all(all, -1), -EINVAL, "negative");
    CHECK_MISUSE(hark_wait_all(NULL, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_wait_all(hole, 2), -EINVAL, "future 1 is NULL");
    CHECK_EQ(futures[0].waiters.count, 0);
    CHECK_MISUSE(hark_select(NULL, 0), -EINVAL, "no case");
    hark_go_future(&group, &futures[0], work, &jobs[0]);
    hark_go_future(&group, &futures[1], work, &jobs[1]);
    CHECK_EQ(hark_wait_all(twice, 3), 0);
    CHECK_LOG("a:ok b:ok");
}

static int take_foreign(void *f)
{
    hark_future *const both[] = {futures, f};
    CHECK_MISUSE(hark_wait_all(both, 2), -EXDEV, "belongs to loop");
    CHECK_EQ(futures[0].waiters.count, 0);
    return 0;
}

static void *run_elsewhere(void *f)
{
    CHECK_EQ(RUN_VIRTUAL(take_foreign, f), 0);
    return NULL;
}

INSIDE(combinators_WT_23_futures_of_two_loops)
{
    hark_future here = HARK_FUTURE_INIT;
    CHECK_EQ(hark_within(1, hark_future_wait(&here, NULL)), -ETIMEDOUT);
    in_thread(run_elsewhere, &here);
}

/* Which of them is ready now, and who else by then. */
static int select_futures(void)
{
    hark_case cases[] = {hark_on_future(all[0]), hark_on_future(all[1]), hark_on_future(all[2])};
    return hark_select(cases, N);
}

INSIDE(combinators_WT_03_the_first_and_what_has_got_ready_meanwhile)
{
    go_all(&group);
    CHECK_EQ(select_futures(), 2);
    CHECK(!hark_future_ready(&futures[0]) && !hark_future_ready(&futures[1]));
    CHECK_EQ(hark_wait_all(all, N), 0);
    hark_future_reset(&futures[0]), hark_future_reset(&futures[1]), hark_future_reset(&futures[2]);
    hark_future_send(&futures[1], NULL);
    hark_future_send(&futures[0], NULL);
    const int first = select_futures();
    CHECK(first == 0 || first == 1);
    CHECK(hark_future_ready(&futures[0]) && hark_future_ready(&futures[1]));
    CHECK_LOG("c:ok a:ok b:ok");
}

/* Until the first failure: its index, or -ENODATA. A task that was cancelled is none. */
static int first_failure(void)
{
    static hark_watch nodes[N];
    hark_completion completion;
    int i;
    memset(nodes, 0, sizeof(nodes));
    CHECK_EQ(hark_completion_init(&completion, all, nodes, N), 0);
    while ((i = hark_completion_next(&completion)) >= 0) {
        const int rc = hark_future_wait(all[i], NULL);
        if (rc < 0 && rc != -EOWNERDEAD) {
            break;
        }
    }
    for (int k = 0; k < N; k++) {
        hark_unwatch(&nodes[k]);
    }
    return i;
}

INSIDE(combinators_WT_04_WT_17_the_first_failure_ends_the_wait_and_the_others_go_on)
{
    struct job fails = {"f", 2, -EPROTO}, cancelled = {"x", 1, 0}, last = {"l", 3, 7};
    began = hark_now();
    hark_go_future(&group, &futures[0], work, &fails);
    const hark_task task = hark_go_future(&group, &futures[1], work, &cancelled);
    hark_go_future(&group, &futures[2], work, &last);
    hark_yield();
    hark_task_cancel(task);
    CHECK_EQ(first_failure(), 0);
    CHECK_EQ(passed(), 2);
    CHECK_MISUSE(hark_future_wait(&futures[0], NULL), -EPROTO, "job f");
    CHECK_EQ(value_of(2), 7);
    CHECK_LOG("x:cancelled f:EPROTO l:ok");
}

/* Others ignore what fails later; hark tells it once, unless somebody looks. */
static int fail_twice(void *look)
{
    struct job early = {"e", 1, -EPROTO}, late = {"l", 2, -EIO};
    hark_group own;
    CHECK_EQ(hark_group_open(&own), 0);
    hark_future_init(&futures[0]), hark_future_init(&futures[1]), hark_future_init(&futures[2]);
    hark_future_send(&futures[2], NULL);
    hark_go_future(&own, &futures[0], work, &early);
    hark_go_future(&own, &futures[1], work, &late);
    CHECK_EQ(first_failure(), 0);
    hark_sleep(5);
    if (look) {
        CHECK_EQ(hark_future_wait(&futures[1], NULL), -EIO);
    }
    return hark_group_close(&own, 0);
}

INSIDE(combinators_WT_17_WT_26_what_fails_later_is_told_once_unless_it_is_looked_at)
{
    capture_begin();
    CHECK_EQ(fail_twice(NULL), 0);
    const char *told = capture_end();
    CHECK_HAS(told, "job l");
    CHECK(strstr(strstr(told, "job l") + 1, "job l") == NULL && !strstr(told, "job e"));
    capture_begin();
    CHECK_EQ(fail_twice(futures), 0);
    CHECK_STR(capture_end(), "");
    CHECK_LOG("e:EPROTO l:EIO e:EPROTO l:EIO");
}

INSIDE(combinators_WT_05_WT_18_all_waits_for_all_though_one_has_failed)
{
    struct job fails = {"f", 1, -EPROTO};
    began = hark_now();
    hark_go_future(&group, &futures[0], work, &jobs[0]);
    hark_go_future(&group, &futures[1], work, &fails);
    const hark_task task = hark_go_future(&group, &futures[2], work, &jobs[2]);
    hark_yield();
    hark_task_cancel(task);
    CHECK_MISUSE(hark_wait_all(all, N), -EPROTO, "job f");
    CHECK_EQ(passed(), 2);
    CHECK_EQ(value_of(0), 10);
    CHECK_EQ(hark_future_wait(&futures[1], NULL), -EPROTO);
    CHECK_EQ(hark_future_wait(&futures[2], NULL), -EOWNERDEAD);
    CHECK_LOG("c:cancelled f:EPROTO a:ok");
}

INSIDE(combinators_WT_06_a_deadline_cancels_nothing_and_who_ends_with_it_is_done)
{
    go_all(&group);
    hark_settle();
    CHECK_EQ(hark_within(2, hark_wait_all(all, N)), -ETIMEDOUT);
    CHECK(hark_future_ready(&futures[0]) && hark_future_ready(&futures[2]));
    CHECK(!hark_future_ready(&futures[1]));
    CHECK_EQ(hark_wait_all(all, N), 0);
    CHECK_LOG("c:ok a:ok b:ok");
}

static int waits_for_all(void *arg)
{
    (void)arg;
    const int rc = hark_wait_all(all, N);
    kit_log("all:%s", outcome(rc));
    return rc;
}

INSIDE(combinators_WT_07_WT_22_who_is_cancelled_hears_it_and_the_awaited_go_on)
{
    go_all(&group);
    const hark_task waiter = hark_go(&group, waits_for_all, NULL);
    hark_settle();
    hark_task_cancel(waiter);
    hark_task_wait(waiter);
    CHECK_LOG("all:cancelled");
    CHECK_EQ(hark_wait_all(all, N), 0);
    CHECK_LOG("c:ok a:ok b:ok");
}

/* ---- wait for a while: WT-08 to WT-15 -------------------------------------------------------- */

/* Ends this much later when it is cancelled, with this result; 1: with the cancellation. */
struct stubborn {
    int64_t later;
    int result;
};

static int be_stubborn(struct stubborn how)
{
    const int rc = hark_event_wait(&never);
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    hark_sleep(how.later);
    hark_scope_close(&scope, 0);
    return how.result == 1 ? rc : how.result;
}

INSIDE(combinators_WT_08_WT_10_a_deadline_is_over_when_what_it_has_cancelled_is)
{
    began = hark_now();
    CHECK_EQ(hark_within(5, be_stubborn((struct stubborn){0, 1})), -ETIMEDOUT);
    CHECK_EQ(passed(), 5);
    CHECK_EQ(hark_within(5, be_stubborn((struct stubborn){200, 1})), -ETIMEDOUT);
    CHECK_EQ(passed(), 210);
}

static int stubborn_child(void *arg)
{
    return be_stubborn(*(struct stubborn *)arg);
}

/* A task that is waited for under a deadline: of a group of its own. */
static int wait_for_child(struct stubborn *how)
{
    hark_group own;
    CHECK_EQ(hark_group_open(&own), 0);
    hark_go(&own, stubborn_child, how);
    return hark_group_close(&own, 0);
}

INSIDE(combinators_WT_08_WT_10_so_is_that_of_a_task)
{
    struct stubborn how = {200, 1};
    began = hark_now();
    CHECK_EQ(hark_within(5, wait_for_child(&how)), -ETIMEDOUT);
    CHECK_EQ(passed(), 205);
}

static void set_never(void *arg)
{
    (void)arg;
    hark_event_set(&never);
}

INSIDE(combinators_WT_08_without_a_deadline_it_waits_for_ever)
{
    hark_watch watch;
    began = hark_now();
    CHECK_EQ(hark_call_later(HARK_S(86400), &watch, set_never, NULL), 0);
    CHECK_EQ(hark_within(HARK_FOREVER, hark_event_wait(&never)), 0);
    CHECK_EQ(passed(), HARK_S(86400));
}

/* Not as others, who give the result of what is done: a scope that is over says so at every
 * checkpoint, and who wants what is there now asks for it. */
INSIDE(combinators_WT_09_no_time_at_all_is_over_at_the_first_checkpoint)
{
    void *value = NULL;
    hark_future_send(&futures[0], &never);
    CHECK_EQ(hark_within(0, hark_future_wait(&futures[0], &value)), -ETIMEDOUT);
    CHECK_EQ(hark_within(-1, hark_future_wait(&futures[0], &value)), -ETIMEDOUT);
    CHECK(value == NULL);
    hark_case c = hark_on_future(&futures[0]);
    CHECK_EQ(hark_try_select(&c, 1), 0);
    struct stubborn how = {7, 1};
    began = hark_now();
    CHECK_EQ(hark_within(0, wait_for_child(&how)), -ETIMEDOUT);
    CHECK_EQ(passed(), 7); /* it is cancelled, and awaited */
}

INSIDE(combinators_WT_11_WT_12_who_ends_otherwise_when_cancelled_has_its_result)
{
    CHECK_EQ(hark_within(5, be_stubborn((struct stubborn){1, 42})), 42);
    CHECK_EQ(hark_within(5, be_stubborn((struct stubborn){1, -EPROTO})), -EPROTO);
    struct stubborn fails = {1, -EIO}, ends = {1, 0};
    CHECK_EQ(hark_within(5, wait_for_child(&fails)), -EIO);
    CHECK_EQ(hark_within(5, wait_for_child(&ends)), 0);
}

static int child_says(void *arg)
{
    (void)arg;
    const int rc = hark_event_wait(&never);
    kit_log("child:%s", outcome(rc));
    return rc;
}

static int with_a_child(void)
{
    hark_group own;
    hark_group_open(&own);
    hark_go(&own, child_says, NULL);
    return hark_group_close(&own, 0);
}

static int waits_for_a_child_in_time(void *arg)
{
    (void)arg;
    const int64_t rc = hark_within(HARK_S(1), with_a_child());
    kit_log("parent:%s", outcome(rc));
    return (int)rc;
}

INSIDE(combinators_WT_13_cancelling_who_waits_for_a_while_cancels_what_it_waits_for)
{
    const hark_task parent = hark_go(&group, waits_for_a_child_in_time, NULL);
    hark_settle();
    hark_task_cancel(parent);
    hark_task_wait(parent);
    CHECK_LOG("child:cancelled parent:cancelled");
}

static int waits_in_time(void *arg)
{
    (void)arg;
    const int64_t rc = hark_within(HARK_S(1), hark_future_wait(&futures[0], NULL));
    kit_log("%s", outcome(rc));
    kit_log("%s", outcome(hark_checkpoint()));
    return (int)rc;
}

/* What was given is kept, and the cancellation shows at the next checkpoint. */
INSIDE(combinators_WT_14_done_and_cancelled_in_one_turn)
{
    const hark_task task = hark_go(&group, waits_in_time, NULL);
    hark_settle();
    hark_future_send(&futures[0], NULL);
    hark_task_cancel(task);
    hark_task_wait(task);
    CHECK_LOG("ok cancelled");
    CHECK(hark_future_ready(&futures[0]));
}

INSIDE(combinators_WT_15_WT_25_what_hangs_outside_goes_on)
{
    hark_go_future(&group, &futures[0], work, &jobs[0]);
    CHECK_EQ(hark_within(0, hark_future_wait(&futures[0], NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_within(1, hark_future_wait(&futures[0], NULL)), -ETIMEDOUT);
    CHECK_LOG("");
    CHECK_EQ(hark_within(HARK_FOREVER, hark_future_wait(&futures[0], NULL)), 0);
    CHECK_LOG("a:ok");
    CHECK_EQ(value_of(0), 10);
}

/* ---- gather: WT-19 to WT-23 ------------------------------------------------------------------ */

INSIDE(combinators_WT_19_WT_25_the_end_of_a_cancelled_task_is_a_failure_and_not_ones_own)
{
    const hark_task task = hark_go_future(&group, &futures[0], work, &jobs[0]);
    hark_yield();
    hark_task_cancel(task);
    CHECK_EQ(hark_wait_all(all, 1), -EOWNERDEAD);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_LOG("a:cancelled");
}

static hark_group gathered;

static int gather(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&gathered), 0);
    go_all(&gathered);
    const int rc = hark_wait_all(all, N);
    kit_log("gather:%s", outcome(rc));
    return hark_group_close(&gathered, rc);
}

INSIDE(combinators_WT_20_cancelling_a_gather_cancels_all)
{
    const hark_task task = hark_go(&group, gather, NULL);
    hark_settle();
    CHECK_EQ(hark_group_cancel(&gathered), 0);
    CHECK_EQ(hark_group_cancel(&gathered), 0);
    hark_task_wait(task);
    CHECK_LOG("gather:cancelled a:cancelled b:cancelled c:cancelled");
    hark_future_reset(&futures[0]), hark_future_reset(&futures[1]), hark_future_reset(&futures[2]);
    const hark_task again = hark_go(&group, gather, NULL);
    hark_settle();
    CHECK_EQ(hark_task_cancel(again), 0);
    hark_task_wait(again);
    CHECK_LOG("gather:cancelled a:cancelled b:cancelled c:cancelled");
}

/* All were ready when it came. */
INSIDE(combinators_WT_21_a_cancellation_after_the_last_is_too_late)
{
    const hark_task waiter = hark_go(&group, waits_for_all, NULL);
    hark_settle();
    hark_future_send(&futures[0], NULL), hark_future_send(&futures[2], NULL);
    hark_future_send(&futures[1], NULL);
    hark_task_cancel(waiter);
    hark_task_wait(waiter);
    CHECK_LOG("all:ok");
    for (int i = 0; i < N; i++) {
        hark_future_reset(&futures[i]);
    }
    const hark_task early = hark_go(&group, waits_for_all, NULL);
    hark_settle();
    hark_future_send(&futures[0], NULL), hark_future_send(&futures[2], NULL);
    hark_task_cancel(early);
    hark_task_wait(early);
    CHECK_LOG("all:cancelled");
}

/* ---- shields: WT-26 to WT-29 ----------------------------------------------------------------- */

static int waits_shielded(void *arg)
{
    hark_scope scope;
    (void)arg;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    const int rc = hark_wait_all(all, N);
    kit_log("inside:%s", outcome(rc));
    const int64_t closed = hark_scope_close(&scope, rc);
    kit_log("after:%s", outcome(hark_checkpoint()));
    return (int)closed;
}

INSIDE(combinators_WT_27_a_shield_around_a_gather)
{
    go_all(&group);
    const hark_task task = hark_go(&group, waits_shielded, NULL);
    hark_settle();
    hark_task_cancel(task);
    hark_task_wait(task);
    CHECK_LOG("c:ok a:ok b:ok inside:ok after:cancelled");
}

INSIDE(combinators_WT_28_waits_that_are_cut_short_leave_nothing_behind)
{
    for (int i = 0; i < 10000; i++) {
        CHECK_EQ(hark_within(1, hark_future_wait(&futures[0], NULL)), -ETIMEDOUT);
        CHECK_EQ(futures[0].waiters.count, 0);
        hark_case cases[] = {hark_on_future(&futures[0]), hark_on_time(hark_now() + 1)};
        CHECK_EQ(hark_select(cases, 2), 1);
        CHECK_EQ(futures[0].waiters.count, 0);
    }
}

INSIDE(combinators_WT_29_a_sleep_of_nothing_lets_the_others_run_once)
{
    hark_watch watches[2];
    hark_call_soon(&watches[0], say_callback, "one");
    hark_go(&group, say, "task");
    CHECK_EQ(hark_sleep(0), 0);
    CHECK_LOG("one task");
    hark_call_soon(&watches[1], say_callback, "two");
    began = hark_now();
    CHECK_EQ(hark_sleep(-5), 0);
    CHECK_LOG("two");
    CHECK_EQ(passed(), 0);
}

/* ---- staggered starts: WT-30 ----------------------------------------------------------------- */

/* The next one starts when the one before has failed, or after a delay; the first that succeeds
 * wins, and the others are cancelled. The winner's index, or -ENODATA. */
static int stagger(struct job *attempts, int n, int64_t delay)
{
    hark_group own;
    int started = 0, winner = -ENODATA, failed = 0;
    bool out[N] = {false};
    CHECK_EQ(hark_group_open(&own), 0);
    for (int i = 0; i < n; i++) {
        hark_future_init(&futures[i]);
    }
    while (winner < 0 && failed < n) {
        if (started < n) {
            hark_go_future(&own, &futures[started], work, &attempts[started]);
            started++;
        }
        hark_case cases[N + 1];
        int which[N + 1], count = 0;
        for (int i = 0; i < started; i++) {
            if (!out[i]) {
                which[count] = i;
                cases[count++] = hark_on_future(&futures[i]);
            }
        }
        which[count] = -1;
        cases[count++] = hark_on_time(started < n ? hark_now() + delay : HARK_FOREVER);
        const int first = hark_select(cases, count);
        if (first < 0) {
            winner = first;
            break;
        }
        const int index = which[first];
        if (index >= 0 && hark_case_result(&cases[first]) == 0) {
            winner = index;
        } else if (index >= 0) {
            out[index] = true;
            failed++;
        }
    }
    hark_group_cancel(&own);
    const int rc = hark_group_close(&own, 0);
    return rc ? rc : winner;
}

INSIDE(combinators_WT_30_staggered_starts)
{
    struct job slow[] = {{"a", 10, 1}, {"b", 2, 1}, {"c", 9, 1}};
    struct job failing[] = {{"a", 1, -EIO}, {"b", 1, -EPROTO}, {"c", 1, -EPIPE}};
    struct job late[] = {{"a", 1, -EIO}, {"b", 1, 1}};
    began = hark_now();
    CHECK_EQ(stagger(slow, 3, 5), 1);
    CHECK_EQ(passed(), 7);
    CHECK_LOG("b:ok a:cancelled");
    CHECK_EQ(stagger(failing, 3, 5), -ENODATA);
    CHECK_EQ(passed(), 10);
    CHECK_LOG("a:EIO b:EPROTO c:EPIPE");
    CHECK_EQ(stagger(late, 2, 5), 1);
    CHECK_LOG("a:EIO b:ok");
    CHECK_EQ(stagger(NULL, 0, 5), -ENODATA);
}

INSIDE(combinators_WT_30_several_at_once_have_one_winner)
{
    struct job ties[] = {{"a", 10, 1}, {"b", 5, 1}};
    const int winner = stagger(ties, 2, 5);
    CHECK(winner == 0 || winner == 1);
    CHECK_LOG("a:ok b:ok");
}

static int staggers(void *arg)
{
    struct job slow[] = {{"a", 10, 1}, {"b", 10, 1}};
    (void)arg;
    return stagger(slow, 2, 1);
}

INSIDE(combinators_WT_30_cancelled_from_outside_all_are)
{
    const hark_task task = hark_go(&group, staggers, NULL);
    hark_sleep(3);
    hark_task_cancel(task);
    hark_task_wait(task);
    CHECK_LOG("a:cancelled b:cancelled");
}

/* ---- over a group: WT-31, WT-32 -------------------------------------------------------------- */

INSIDE(combinators_WT_31_a_failure_in_a_group_cancels_the_siblings)
{
    struct job fails = {"f", 2, -EPROTO};
    hark_group own;
    hark_group_open(&own);
    hark_go(&own, work, &jobs[1]);
    hark_go(&own, work, &fails);
    hark_go(&own, work, &jobs[2]);
    CHECK_MISUSE(hark_group_close(&own, 0), -EPROTO, "job f");
    CHECK_LOG("c:ok f:EPROTO b:cancelled");
}

INSIDE(combinators_WT_32_one_after_another_as_they_end_and_no_more)
{
    hark_watch nodes[N] = {0};
    hark_completion completion;
    hark_group own;
    hark_group_open(&own);
    go_all(&own);
    CHECK_EQ(hark_completion_init(&completion, all, nodes, N), 0);
    CHECK_EQ(hark_completion_next(&completion), 2);
    CHECK_EQ(hark_completion_next(&completion), 0);
    hark_group_cancel(&own); /* leaving early */
    hark_unwatch(&nodes[1]);
    CHECK_EQ(hark_group_close(&own, 0), 0);
    CHECK_LOG("c:ok a:ok b:cancelled");
    CHECK_EQ(hark_completion_init(&completion, all, nodes, 0), 0);
    CHECK_EQ(hark_completion_next(&completion), -ENODATA);
}
