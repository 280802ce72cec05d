/* SPDX-License-Identifier: MIT
 *
 * once_test.c - hark_once: done once, by whoever comes first (reliability W19).
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_once once;
static int runs;

static int waiting(void)
{
    return hark_once_statistics(&once).tasks_waiting;
}

/* What there is to do: it takes a moment, and ends as it is told to. */
static int work(void *result)
{
    runs++;
    const int rc = hark_sleep(HARK_MS(1));
    return rc ? rc : (int)(intptr_t)result;
}

struct caller {
    const char *name;
    int result;
};

static int call(void *arg)
{
    const struct caller *caller = arg;
    const int rc = hark_once_run(&once, work, (void *)(intptr_t)caller->result);
    if (rc > 0) {
        kit_log("%s:%d", caller->name, rc);
    } else {
        kit_log("%s:%s", caller->name, outcome(rc));
    }
    return rc == -EIO ? 0 : rc;
}

static hark_task go_caller(const char *name, int result)
{
    return hark_go_with(&group, call, (struct caller){name, result});
}

TEST(once_is_not_done_when_all_zero_initialised_or_inited)
{
    static hark_once zero;
    hark_once constant = HARK_ONCE_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_once_init(&inited), 0);
    CHECK(!hark_once_is_done(&zero));
    CHECK(!hark_once_is_done(&constant));
    CHECK(!hark_once_is_done(&inited));
}

INSIDE(once_the_first_runs_it_and_the_others_wait_for_its_result)
{
    go_caller("a", 5), go_caller("b", 6), go_caller("c", 7);
    hark_settle();
    CHECK_EQ(waiting(), 2);
    CHECK(!hark_once_is_done(&once));
    hark_sleep(HARK_MS(2));
    CHECK_LOG("a:5 b:5 c:5");
    CHECK_EQ(runs, 1);
    CHECK_EQ(waiting(), 0);
    CHECK(hark_once_is_done(&once));
    CHECK_EQ(hark_once_run(&once, work, NULL), 5);
    CHECK_EQ(runs, 1);
}

INSIDE(once_0_is_a_result_too)
{
    CHECK_EQ(hark_once_run(&once, nothing, NULL), 0);
    CHECK_EQ(hark_once_run(&once, work, NULL), 0);
    CHECK_EQ(runs, 0);
}

INSIDE(once_W19_if_it_fails_the_one_who_waits_longest_tries)
{
    go_caller("a", -EIO), go_caller("b", -EIO), go_caller("c", 7), go_caller("d", 8);
    hark_sleep(HARK_MS(10));
    CHECK_LOG("a:EIO b:EIO c:7 d:7");
    CHECK_EQ(runs, 3);
}

INSIDE(once_W19_if_it_fails_and_nobody_waits_the_next_who_comes_tries)
{
    CHECK_EQ(hark_once_run(&once, work, (void *)(intptr_t)-EIO), -EIO);
    CHECK(!hark_once_is_done(&once));
    CHECK_EQ(hark_once_run(&once, work, (void *)3), 3);
    CHECK_EQ(runs, 2);
}

INSIDE(once_W19_if_it_is_cancelled_the_next_tries)
{
    const hark_task a = go_caller("a", 5);
    go_caller("b", 6);
    hark_settle();
    hark_task_cancel(a);
    hark_sleep(HARK_MS(5));
    CHECK_LOG("a:cancelled b:6");
    CHECK_EQ(runs, 2);
}

INSIDE(once_a_waiter_that_is_cancelled_just_leaves)
{
    go_caller("a", 5);
    const hark_task b = go_caller("b", 6);
    go_caller("c", 7);
    hark_settle();
    hark_task_cancel(b);
    CHECK_EQ(waiting(), 1);
    hark_sleep(HARK_MS(5));
    CHECK_LOG("b:cancelled a:5 c:5");
    CHECK_EQ(runs, 1);
}

static int fail_and_tell(void *arg)
{
    (void)arg;
    hark_yield();
    return -EIO;
}

static int fail_first(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_once_run(&once, fail_and_tell, NULL), -EIO);
    /* b was given the turn and has not run yet: a newcomer does not try before it. */
    CHECK_EQ(hark_once_run(&once, work, (void *)9), 6);
    kit_log("a");
    return 0;
}

INSIDE(once_the_turn_is_handed_over_and_nobody_barges)
{
    hark_go(&group, fail_first, NULL);
    go_caller("b", 6);
    hark_sleep(HARK_MS(5));
    CHECK_LOG("b:6 a");
    CHECK_EQ(runs, 1);
}

static hark_task victim;

static int fail_and_cancel(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_once_run(&once, fail_and_tell, NULL), -EIO);
    return hark_task_cancel(victim);
}

/* Given the turn and cancelled before it runs: it has its turn, its function hears of the
 * cancellation, and the next one tries. */
INSIDE(once_XX_07_given_the_turn_and_then_cancelled_it_passes_it_on)
{
    hark_go(&group, fail_and_cancel, NULL);
    victim = go_caller("b", 6);
    go_caller("c", 7);
    hark_sleep(HARK_MS(5));
    CHECK_LOG("b:cancelled c:7");
    CHECK_EQ(runs, 2);
}

/* ---- recursion ------------------------------------------------------------------------------- */

static int recurse(void *arg)
{
    CHECK_MISUSE(hark_once_run(&once, work, arg), -EDEADLK, "hark_once_run");
    return 4;
}

INSIDE(once_called_from_inside_its_own_function_is_refused)
{
    CHECK_EQ(hark_once_run(&once, recurse, NULL), 4);
    CHECK_EQ(hark_once_run(&once, work, NULL), 4);
    CHECK_EQ(runs, 0);
}

static hark_once inner;

static int run_inner(void *arg)
{
    return hark_once_run(&inner, work, arg);
}

INSIDE(once_inside_another_once_is_fine)
{
    CHECK_EQ(hark_once_run(&once, run_inner, (void *)2), 2);
    CHECK(hark_once_is_done(&inner));
}

/* ---- checkpoints, loops, misuse -------------------------------------------------------------- */

INSIDE(once_XX_04_it_is_a_checkpoint_before_and_after)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_once_run(&once, nothing, NULL), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK(!hark_once_is_done(&once));
    CHECK_EQ(hark_once_run(&once, nothing, NULL), 0);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_once_run(&once, nothing, NULL), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
}

INSIDE(once_wait_under_a_deadline_times_out_on_time)
{
    go_caller("a", 5);
    hark_yield();
    CHECK_EQ(hark_within(100, hark_once_run(&once, work, NULL)), -ETIMEDOUT);
    CHECK_EQ(waiting(), 0);
    hark_sleep(HARK_MS(2));
    CHECK_LOG("a:5");
}

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_once_run(&once, nothing, NULL), -EXDEV, "hark_once_run");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(once_XX_40_other_loops_are_refused)
{
    go_caller("a", 5);
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK(!hark_once_is_done(&once));
}

static int run_it(void *result)
{
    return hark_once_run(&once, work, result);
}

TEST(once_done_in_one_loop_is_done_in_the_next)
{
    CHECK_EQ(RUN_VIRTUAL(run_it, (void *)3), 3);
    CHECK_EQ(RUN_VIRTUAL(run_it, (void *)4), 3);
    CHECK_EQ(runs, 1);
}

static int never(void *arg)
{
    hark_event *event = arg;
    return hark_event_wait(event);
}

static int run_never(void *event)
{
    return hark_once_run(&once, never, event);
}

static int two_run_never(void *arg)
{
    hark_event event = HARK_EVENT_INIT;
    (void)arg;
    hark_group_open(&group);
    hark_go(&group, run_never, &event);
    hark_go(&group, run_never, &event);
    return hark_group_close(&group, 0);
}

TEST(once_the_report_of_a_deadlock_names_who_runs_it)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(two_run_never, NULL);
    const char *words = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(words, "waits for a once");
    CHECK_HAS(words, "run by task");
    CHECK(!hark_once_is_done(&once));
}

INSIDE(once_a_lost_wakeup_is_seen_by_the_audit)
{
    go_caller("a", 1), go_caller("b", 2);
    hark_settle();
    CHECK_EQ(hark_audit(), 0);
    const hark_task runner = once.runner;
    once.runner = 0;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: a once");
    once.runner = runner;
    CHECK_EQ(hark_audit(), 0);
    once.done = true;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: a once");
    once.done = false;
    CHECK_EQ(hark_audit(), 0);
}

/* A report may come in the middle of a hand-over, by a signal. */
INSIDE(once_a_report_while_nobody_runs_it_names_nobody)
{
    go_caller("a", 1), go_caller("b", 2);
    hark_settle();
    const hark_task runner = once.runner;
    once.runner = 0;
    capture_begin();
    hark_dump(stderr);
    const char *words = capture_end();
    once.runner = runner;
    CHECK_HAS(words, "waits for a once");
    CHECK(!strstr(words, "run by"));
}

INSIDE(once_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_once_init(NULL), -EINVAL, "hark_once_init");
    CHECK_MISUSE(hark_once_run(NULL, nothing, NULL), -EINVAL, "hark_once_run");
    CHECK_MISUSE(hark_once_run(&once, NULL, NULL), -EINVAL, "hark_once_run");
    CHECK(!hark_once_is_done(NULL));
    CHECK(!hark_once_is_done(&once));
    CHECK_EQ(hark_once_statistics(NULL).tasks_waiting, 0);
}

TEST(once_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_once_run(&once, nothing, NULL), -ENOTSUP, "hark_once_run");
    CHECK(!hark_once_is_done(&once));
}
