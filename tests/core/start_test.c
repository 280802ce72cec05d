/* SPDX-License-Identifier: MIT
 *
 * start_test.c - hark_start and hark_started: a child is somebody else's until it says it is ready.
 *
 * Idea     One short test a promise (ST-.. of tests/LEDGER.md). Until hark_started the child belongs
 *          to its starter, from then on to the group: each test cancels or fails on one side of
 *          that moment and looks at the other side.
 * Rules    1  A promise that does not depend on the order of ready tasks is run for many seeds.
 *          2  Time is virtual.
 * Not here What else groups promise (group_test.c).
 */
#include "kit.h"

/* ---- helpers --------------------------------------------------------------------------------- */

#define TEST_TASK(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN_VIRTUAL(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define TEST_SEEDS(name) \
    static int in_##name(void *arg); \
    TEST_TIMEOUT(name, 60) \
    { \
        run_seeds(in_##name); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define INT(n) ((void *)(intptr_t)(n))

/* In the usual order, and in those drawn from 1..200; the last number printed is at fault. */
static void run_seeds(hark_fn *fn)
{
    const int last = 200 / kit_slow();
    for (int seed = 0; seed <= last; seed++) {
        const hark_options options = {
            .size = sizeof(options), .virtual_clock = true, .seed = (uint64_t)seed};
        printf("%d ", seed);
        CHECK_EQ(hark_run_with(&options, fn, NULL), 0);
    }
}

static hark_event never;

static int parks(void *arg)
{
    (void)arg;
    return hark_event_wait(&never);
}

static int returns(void *code)
{
    return (int)(intptr_t)code;
}

static int counts_when_cut(void *counter)
{
    const int rc = hark_event_wait(&never);
    *(int *)counter += rc == -ECANCELED;
    return rc;
}

/* A service: gets ready, says so, serves, and ends with a result. */
typedef struct service {
    int64_t getting_ready, serving; /* < 0: not at all, and no checkpoint either */
    int value, result;
    hark_task self;
    int started; /* what hark_started returned; 1: not called */
    int cut_before, cut_after;
} service;

static int serves(void *arg)
{
    service *s = arg;
    s->self = hark_self();
    s->started = 1;
    if (s->getting_ready >= 0) {
        s->cut_before = hark_sleep(s->getting_ready);
        if (s->cut_before < 0) {
            return s->cut_before;
        }
    }
    s->started = hark_started(s->value);
    if (s->serving >= 0) {
        s->cut_after = hark_sleep(s->serving);
        if (s->cut_after < 0) {
            return s->cut_after;
        }
    }
    return s->result;
}

/* Another task that starts a service, from a scope of its own, in some group. */
typedef struct starter {
    hark_group *group;
    hark_fn *fn;
    void *arg;
    int64_t after, timeout;
    hark_task started;
    int64_t closed; /* what closing the starter's scope returned */
    int value;
} starter;

static int starts(void *arg)
{
    starter *s = arg;
    hark_scope scope;
    CHECK_EQ(hark_sleep(s->after), 0);
    CHECK_EQ(hark_scope_open(&scope, s->timeout), 0);
    s->started = hark_start(s->group, s->fn, s->arg, &s->value);
    s->closed = hark_scope_close(&scope, s->started);
    return 0;
}

static void settle_shielded(void)
{
    hark_scope shield;
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
}

/* ---- ST -------------------------------------------------------------------------------------- */

TEST_SEEDS(start_ST_01_returns_when_the_child_is_ready_with_its_value_and_the_group_keeps_it)
{
    hark_group g;
    service s = {.getting_ready = HARK_S(2), .serving = HARK_S(3), .value = 42};
    const int64_t begin = hark_now();
    int value = 0;
    hark_group_open(&g);
    const hark_task t = hark_start(&g, serves, &s, &value);
    CHECK_GT(t, 0);
    CHECK_EQ(t, s.self);
    CHECK_EQ(value, 42);
    CHECK_EQ(hark_now() - begin, HARK_S(2));
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_now() - begin, HARK_S(5));
    return 0;
}

TEST_SEEDS(start_ST_01_the_value_may_be_of_no_interest)
{
    hark_group g;
    service s = {.value = 42};
    hark_group_open(&g);
    CHECK_GT(hark_start(&g, serves, &s, NULL), 0);
    return hark_group_close(&g, 0);
}

static int says_it_twice(void *arg)
{
    CHECK_EQ(hark_started(1), 0);
    CHECK_EQ(hark_started(2), -EALREADY);
    *(bool *)arg = strstr(hark_error_last(), "hark_started") != NULL;
    return 0;
}

TEST_SEEDS(start_ST_02_saying_started_twice_is_refused_in_the_child)
{
    hark_group g;
    bool words = false;
    int value = 0;
    hark_group_open(&g);
    CHECK_GT(hark_start(&g, says_it_twice, &words, &value), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(value, 1);
    CHECK(words);
    return 0;
}

TEST_SEEDS(start_ST_03_a_failure_before_started_is_the_starters_and_none_of_the_groups)
{
    hark_group g;
    int value = 77, cut = 0;
    hark_group_open(&g);
    const hark_task sibling = hark_go(&g, counts_when_cut, &cut);
    CHECK_EQ(hark_start(&g, returns, INT(-EIO), &value), -EIO);
    CHECK_EQ(value, 77);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(cut, 0);
    CHECK_EQ(hark_task_cancel(sibling), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    return 0;
}

TEST_SEEDS(start_ST_03_a_failure_after_started_is_the_groups)
{
    hark_group g;
    service s = {.getting_ready = -1, .serving = HARK_S(1), .result = -EIO};
    hark_group_open(&g);
    CHECK_GT(hark_start(&g, serves, &s, NULL), 0);
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -ECANCELED), -EIO);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 1);
    return 0;
}

TEST_SEEDS(start_ST_04_a_child_that_ends_without_saying_started_is_a_misuse)
{
    static const int results[] = {0, 5};
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_start(&g, returns, INT(results[i]), NULL), -EINVAL);
        CHECK_HAS(hark_error_last(), "hark_started");
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return 0;
}

TEST_SEEDS(start_ST_06_in_a_cancelled_scope_the_child_runs_to_its_first_checkpoint)
{
    hark_group g;
    hark_scope s;
    service child = {.getting_ready = HARK_S(1)};
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    const hark_task t = hark_start(&g, serves, &child, NULL);
    CHECK_EQ(t, -ECANCELED);
    CHECK_GT(child.self, 0);
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, t), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    return 0;
}

TEST_SEEDS(start_ST_06_in_a_cancelled_scope_started_is_accepted_but_the_child_stays_the_callers)
{
    hark_group g;
    hark_scope s;
    service child = {.getting_ready = -1, .serving = HARK_S(1), .value = 3};
    int value = 77;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_start(&g, serves, &child, &value), -ECANCELED);
    CHECK_EQ(value, 77);
    CHECK_EQ(child.started, 0);
    CHECK_EQ(child.cut_after, -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(start_ST_06_a_child_that_never_checkpoints_and_returns_was_started_after_all)
{
    hark_group g;
    hark_scope s;
    service child = {.getting_ready = -1, .serving = -1, .value = 3};
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_GT(hark_start(&g, serves, &child, NULL), 0);
    CHECK_EQ(child.started, 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(start_ST_06_a_failure_after_the_started_that_came_too_late_is_still_the_starters)
{
    hark_group g;
    hark_scope s;
    service child = {.getting_ready = -1, .serving = -1, .result = -EIO};
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_start(&g, serves, &child, NULL), -EIO);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    return 0;
}

TEST_SEEDS(start_ST_06_in_a_cancelled_scope_a_failure_is_still_told)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_start(&g, returns, INT(-EIO), NULL), -EIO);
    CHECK_EQ(hark_start(&g, returns, INT(0), NULL), -EINVAL);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return hark_group_close(&g, 0);
}

static int sets_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

TEST_TASK(start_ST_07_into_a_closed_group_is_refused_and_the_child_does_not_run)
{
    hark_group g;
    bool ran = false;
    hark_group_open(&g);
    hark_group_close(&g, 0);
    CHECK_EQ(hark_start(&g, sets_flag, &ran, NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_start");
    CHECK_EQ(hark_yield(), 0);
    CHECK(!ran);
    return 0;
}

TEST_SEEDS(start_ST_08_a_pending_start_keeps_the_group_open)
{
    hark_group around, g;
    service a = {.getting_ready = HARK_S(2), .serving = HARK_S(3)}, b = a;
    starter first = {.group = &g, .fn = serves, .arg = &a, .timeout = HARK_FOREVER};
    starter second = {
        .group = &g, .fn = serves, .arg = &b, .after = HARK_S(1), .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&around, starts, &first);
    hark_go(&around, starts, &second);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_now() - begin, HARK_S(6));
    CHECK_GT(first.started, 0);
    CHECK_GT(second.started, 0);
    return hark_group_close(&around, 0);
}

static int fails_after_3s(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_S(3)), 0);
    return -EIO;
}

TEST_SEEDS(start_ST_08_also_when_the_child_fails_before_it_is_ready)
{
    hark_group around, g;
    starter s = {.group = &g, .fn = fails_after_3s, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&around, starts, &s);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_now() - begin, HARK_S(3));
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(s.started, -EIO);
    return 0;
}

/* Has a sleeping grandchild; says started right before, or right after, the group is cancelled. */
typedef struct parent {
    hark_group *target;
    bool cancel_first;
    int cut;
} parent;

static int has_a_child(void *arg)
{
    parent *p = arg;
    hark_group own;
    hark_group_open(&own);
    hark_go(&own, counts_when_cut, &p->cut);
    CHECK_EQ(hark_settle(), 0);
    if (p->cancel_first) {
        CHECK_EQ(hark_group_cancel(p->target), 0);
    }
    CHECK_EQ(hark_started(0), 0);
    if (!p->cancel_first) {
        CHECK_EQ(hark_group_cancel(p->target), 0);
    }
    return hark_group_close(&own, 0);
}

TEST_SEEDS(start_ST_09_sleeping_grandchildren_are_cancelled_with_the_group_they_moved_to)
{
    for (int i = 0; i < 2; i++) {
        hark_group around, g;
        parent p = {.target = &g, .cancel_first = i == 0};
        starter s = {.group = &g, .fn = has_a_child, .arg = &p, .timeout = HARK_FOREVER};
        hark_group_open(&around);
        hark_group_open(&g);
        hark_go(&around, starts, &s); /* not a task of the cancelled group */
        const int rc = hark_event_wait(&never);
        CHECK_EQ(rc, -ECANCELED);
        CHECK_EQ(hark_group_close(&g, rc), 0);
        CHECK_EQ(p.cut, 1);
        CHECK_EQ(hark_group_close(&around, 0), 0);
        CHECK_GT(s.started, 0);
    }
    return 0;
}

TEST_SEEDS(start_ST_10_cancelling_the_target_group_cancels_a_child_that_is_not_ready_yet)
{
    hark_group around, g;
    service child = {.getting_ready = HARK_S(3600)};
    starter s = {.group = &g, .fn = serves, .arg = &child, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&around, starts, &s);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(s.started, -EINVAL); /* not by the starter's scopes: it ended without hark_started */
    CHECK_EQ(hark_now(), begin);
    return 0;
}

static int starts_and_hears_why(void *g)
{
    service child = {.getting_ready = HARK_S(3600)};

    CHECK_EQ(hark_start(g, serves, &child, NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "the group was cancelled");
    return 0;
}

TEST_SEEDS(start_says_that_its_group_was_cancelled)
{
    hark_group around, g;
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&around, starts_and_hears_why, &g);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return hark_group_close(&around, 0);
}

TEST_SEEDS(start_ST_10_into_a_group_cancelled_already_the_child_runs_to_its_first_checkpoint)
{
    hark_group around, g;
    service child = {.getting_ready = HARK_S(3600)};
    starter s = {.group = &g, .fn = serves, .arg = &child, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_group_open(&g);
    hark_group_cancel(&g);
    hark_go(&around, starts, &s);
    settle_shielded();
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(s.started, -EINVAL);
    CHECK_EQ(hark_now(), begin);
    return 0;
}

TEST_SEEDS(start_ST_10_cancelling_a_scope_around_the_target_group_cancels_a_child_not_ready_yet)
{
    hark_group around, g;
    hark_scope scope;
    service child = {.getting_ready = HARK_S(3600)};
    starter s = {.group = &g, .fn = serves, .arg = &child, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_scope_open(&scope, HARK_S(1));
    hark_group_open(&g);
    hark_go(&around, starts, &s);
    CHECK_EQ(hark_settle(), 0);
    const int rc = hark_group_close(&g, hark_event_wait(&never));
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_now() - begin, HARK_S(1));
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, rc), -ETIMEDOUT);
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(s.started, -EINVAL);
    return 0;
}

static int is_ready_when_told(void *cut)
{
    hark_scope shield;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    CHECK_EQ(hark_sleep(HARK_S(2)), 0);
    CHECK_EQ(hark_started(0), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    *(int *)cut = hark_sleep(HARK_S(3600));
    return *(int *)cut;
}

TEST_SEEDS(start_ST_10_a_child_that_moves_to_a_group_in_a_cancelled_scope_is_cancelled_there)
{
    hark_group around, g;
    hark_scope scope;
    int cut = 0;
    starter s = {.group = &g, .fn = is_ready_when_told, .arg = &cut, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_scope_open(&scope, HARK_S(1));
    hark_group_open(&g);
    hark_go(&around, starts, &s);
    CHECK_EQ(hark_settle(), 0);
    const int rc = hark_group_close(&g, 0);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, rc), -ETIMEDOUT);
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(cut, -ECANCELED);
    CHECK_GT(s.started, 0);
    CHECK_EQ(hark_now() - begin, HARK_S(2));
    return 0;
}

static int starts_then_works_in_a_shield(void *arg)
{
    hark_scope s;
    (void)arg;
    CHECK_EQ(hark_started(0), 0);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    CHECK_EQ(hark_sleep(HARK_S(60)), 0);
    return (int)hark_scope_close(&s, 0);
}

/* When the group is cancelled as well, the child moves there and its starter need not wait. */
TEST_SEEDS(start_ST_10_a_child_in_a_shield_does_not_hold_its_starter_if_both_are_cancelled)
{
    hark_group around, g;
    hark_scope s;
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    hark_group_cancel(&g);
    CHECK_GT(hark_start(&g, starts_then_works_in_a_shield, NULL, NULL), 0);
    CHECK_EQ(hark_now(), begin);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_now() - begin, HARK_S(60));
    return hark_group_close(&around, 0);
}

TEST_SEEDS(start_ST_10_a_cancelled_starter_waits_for_a_child_in_a_shield_and_both_go_on)
{
    hark_group g;
    hark_scope s;
    const int64_t begin = hark_now();
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_GT(hark_start(&g, starts_then_works_in_a_shield, NULL, NULL), 0);
    CHECK_EQ(hark_now() - begin, HARK_S(60));
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(start_ST_11_cancelling_a_pending_start_ends_the_child_before_it_is_ready)
{
    hark_group g;
    service child = {.getting_ready = HARK_S(10)};
    const int64_t begin = hark_now();
    hark_group_open(&g);
    CHECK_EQ(hark_within(HARK_S(1), hark_start(&g, serves, &child, NULL)), -ETIMEDOUT);
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(child.started, 1);
    CHECK_EQ(hark_now() - begin, HARK_S(1));
    CHECK_EQ(hark_checkpoint(), 0);
    return hark_group_close(&g, 0);
}

static int fails_when_cut(void *code)
{
    return hark_event_wait(&never) == -ECANCELED ? (int)(intptr_t)code : 0;
}

TEST_SEEDS(start_ST_11_a_child_that_fails_while_cancelled_tells_its_failure)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_within(HARK_S(1), hark_start(&g, fails_when_cut, INT(-EIO), NULL)), -EIO);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(start_ST_12_cancelling_only_the_scope_around_start_leaves_the_group_alone)
{
    hark_group g;
    int cut = 0;
    service child = {.getting_ready = HARK_S(10)};
    hark_group_open(&g);
    const hark_task sibling = hark_go(&g, counts_when_cut, &cut);
    CHECK_EQ(hark_within(HARK_S(1), hark_start(&g, serves, &child, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    CHECK_EQ(cut, 0);
    CHECK_EQ(hark_task_cancel(sibling), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 1);
    return 0;
}

static int gets_ready_in_a_shield(void *arg)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    CHECK_EQ(hark_sleep(HARK_S(5)), 0);
    hark_scope_close(&s, 0);
    ++*(int *)arg;
    const int rc = hark_sleep(HARK_S(5));
    *(int *)arg += rc == 0;
    return rc;
}

TEST_SEEDS(start_ST_13_a_shield_during_start_protects_the_child_until_it_is_taken_away)
{
    hark_group g;
    int reached = 0;
    const int64_t begin = hark_now();
    hark_group_open(&g);
    CHECK_EQ(hark_within(HARK_S(1), hark_start(&g, gets_ready_in_a_shield, &reached, NULL)),
             -ETIMEDOUT);
    CHECK_EQ(reached, 1);
    CHECK_EQ(hark_now() - begin, HARK_S(5));
    return hark_group_close(&g, 0);
}

typedef struct victim {
    hark_scope *scope;
    int started;
} victim;

static int cancels_its_starter_and_says_started(void *arg)
{
    victim *v = arg;
    CHECK_EQ(hark_scope_cancel(v->scope), 0);
    v->started = hark_started(0);
    return 0;
}

TEST_SEEDS(start_ST_14_started_does_not_complain_when_the_starter_was_cancelled_meanwhile)
{
    hark_group g;
    hark_scope s;
    victim v = {&s, 1};
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    CHECK_GT(hark_start(&g, cancels_its_starter_and_says_started, &v, NULL), 0);
    CHECK_EQ(v.started, 0);
    CHECK_EQ(hark_scope_close(&s, hark_checkpoint()), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(start_ST_15_started_may_be_said_before_the_first_checkpoint_and_the_task_be_cancelled)
{
    hark_group g;
    service child = {.getting_ready = -1, .serving = HARK_S(3600), .value = 9};
    int value = 0;
    hark_group_open(&g);
    const hark_task t = hark_start(&g, serves, &child, &value);
    CHECK_EQ(t, child.self);
    CHECK_EQ(value, 9);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(child.cut_after, -ECANCELED);
    return 0;
}

TEST_SEEDS(start_ST_15_a_child_may_be_over_before_start_returns)
{
    hark_group g;
    service child = {.getting_ready = -1, .serving = -1, .value = 9};
    int value = 0;
    hark_group_open(&g);
    const hark_task t = hark_start(&g, serves, &child, &value);
    CHECK_GT(t, 0);
    CHECK_EQ(value, 9);
    settle_shielded();
    CHECK_EQ(hark_task_wait(t), -ESRCH);
    return hark_group_close(&g, 0);
}

TEST_TASK(start_ST_17_no_function_is_refused)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_start_at("nowhere.c:1\0"
                           "0nothing",
                           &g, NULL, NULL, NULL),
             -EINVAL);
    return hark_group_close(&g, 0);
}

/* ---- who may say it -------------------------------------------------------------------------- */

static int says_started(void *result)
{
    *(int *)result = hark_started(1);
    return 0;
}

TEST_TASK(started_by_a_task_that_was_not_started_is_a_misuse)
{
    hark_group g;
    int result = 0;
    hark_group_open(&g);
    hark_go(&g, says_started, &result);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(result, -EINVAL);
    CHECK_EQ(hark_started(0), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_started");
    return 0;
}

TEST(started_outside_a_task_is_refused)
{
    CHECK_EQ(hark_started(0), -ENOTSUP);
    CHECK_HAS(hark_error_last(), "hark_started");
}

TEST(start_outside_a_task_is_refused)
{
    hark_group g = {0};
    CHECK_LT(hark_start(&g, parks, NULL, NULL), 0);
    CHECK_HAS(hark_error_last(), "hark_start");
}

typedef struct order_of_cancel {
    hark_scope *scope;
    int turns;
} order_of_cancel;

/* Both orders of {started, cancel} in one turn, and with a turn between. */
static int says_started_after_turns(void *arg)
{
    const int *turns = arg;
    for (int i = 0; i < *turns; i++) {
        if (hark_yield() < 0) {
            return -ECANCELED;
        }
    }
    CHECK_EQ(hark_started(6), 0);
    return hark_event_wait(&never);
}

static int cancels_after_turns(void *arg)
{
    const order_of_cancel *o = arg;
    for (int i = 0; i < o->turns; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_scope_cancel(o->scope), 0);
    return 0;
}

TEST_SEEDS(start_races_with_a_cancel_and_is_either_ready_or_cancelled_never_both)
{
    for (int i = 0; i < 16; i++) {
        hark_group around, g;
        hark_scope s;
        int turns = i % 4, value = 0;
        hark_group_open(&around);
        hark_group_open(&g);
        hark_scope_open(&s, HARK_FOREVER);
        hark_go_with(&around, cancels_after_turns, (order_of_cancel){&s, i / 4});
        const hark_task t = hark_start(&g, says_started_after_turns, &turns, &value);
        CHECK_EQ(value, t > 0 ? 6 : 0);
        if (t > 0) {
            settle_shielded();
            CHECK_EQ(hark_task_cancel(t), 0); /* the scope's cancel does not reach it */
        } else {
            CHECK_EQ(t, -ECANCELED);
        }
        hark_scope_close(&s, 0);
        CHECK_EQ(hark_group_close(&g, 0), 0);
        CHECK_EQ(hark_group_close(&around, 0), 0);
    }
    return 0;
}

/* The target group is reached by a cancellation from outside it, not by hark_group_cancel. */
TEST_SEEDS(start_ST_10_a_scope_around_the_target_group_cancels_a_child_that_is_not_ready_yet)
{
    hark_group around, g;
    hark_scope s;
    service child = {.getting_ready = HARK_S(3600)};
    starter starts_it = {.group = &g, .fn = serves, .arg = &child, .timeout = HARK_FOREVER};
    const int64_t begin = hark_now();
    hark_group_open(&around);
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    hark_go(&around, starts, &starts_it);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_cancel(&s), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(child.cut_before, -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_group_close(&around, 0), 0);
    CHECK_EQ(starts_it.started, -EINVAL);
    CHECK_EQ(hark_now(), begin);
    return 0;
}

/* ---- a task that is ready while its group is out of reach ------------------------------------ */

typedef struct late_shield {
    hark_group target;
    hark_scope around, between;
    hark_event go_on;
    int value, result;
    hark_task started;
} late_shield;

static int gets_ready_late_in_a_shield(void *arg)
{
    late_shield *l = arg;
    hark_scope shield;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_event_wait(&l->go_on);
    CHECK_EQ(hark_started(5), 0);
    hark_scope_close(&shield, 0);
    return l->result;
}

static int starts_it_late(void *arg)
{
    late_shield *l = arg;
    l->started = hark_start(&l->target, gets_ready_late_in_a_shield, l, &l->value);
    return 0;
}

static int opens_the_target(void *arg)
{
    late_shield *l = arg;
    hark_scope shield;
    hark_scope_open(&l->around, HARK_FOREVER);
    hark_scope_open(&l->between, HARK_FOREVER);
    hark_group_open(&l->target);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_event_wait(&l->go_on);
    hark_scope_close(&shield, 0);
    CHECK_EQ(hark_group_close(&l->target, 0), l->result);
    hark_scope_close(&l->between, 0);
    hark_scope_close(&l->around, 0);
    return 0;
}

/* The group is cancelled from outside while the start is pending, and out of reach again when the
 * task is ready: its starter was never cancelled, so it becomes the group's, failure and all. */
TEST_TASK(start_a_task_moves_to_its_group_though_that_was_cancelled_for_a_while)
{
    for (int result = -EIO; result <= 0; result += EIO) {
        late_shield l = {.result = result};
        hark_group stage;
        hark_group_open(&stage);
        hark_go(&stage, opens_the_target, &l);
        CHECK_EQ(hark_settle(), 0);
        hark_go(&stage, starts_it_late, &l);
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(hark_scope_cancel(&l.around), 0);
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(hark_scope_shield(&l.between, true), 0);
        hark_event_set(&l.go_on);
        CHECK_EQ(hark_group_close(&stage, 0), 0);
        CHECK_GT(l.started, 0);
        CHECK_EQ(l.value, 5);
    }
    return 0;
}

static int says_started_and_ends(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_started(7), 0);
    return 0;
}

TEST_TASK(start_of_a_cancelled_starter_gives_the_value_of_a_task_that_never_noticed)
{
    hark_group g;
    hark_scope s;
    int value = 0;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_GT(hark_start(&g, says_started_and_ends, NULL, &value), 0);
    CHECK_EQ(value, 7);
    hark_scope_close(&s, 0);
    return hark_group_close(&g, 0);
}
