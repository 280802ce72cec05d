/* SPDX-License-Identifier: MIT
 *
 * group_test.c - groups: who is waited for, who is cancelled, and what close returns.
 *
 * Idea     One short test a promise (TG-.. of tests/LEDGER.md),
 *          and one matrix of every child, body and canceller against an oracle that was written
 *          from the words of hark_group_close alone.
 * Rules    1  A promise that does not depend on the order of ready tasks is run for many seeds.
 *          2  Time is virtual: a test that takes "an hour" takes none.
 * Not here hark_start (start_test.c), trees and storms (cancel_test.c), misuse (misuse_test.c).
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

static int fails_when_cut(void *code)
{
    return hark_event_wait(&never) == -ECANCELED ? (int)(intptr_t)code : 0;
}

static int sleeps(void *ms)
{
    return hark_sleep(HARK_MS((intptr_t)ms));
}

static int counts(void *counter)
{
    ++*(int *)counter;
    return 0;
}

/* Counts once when it begins, and once more when it was not cancelled. */
static int counts_twice(void *counter)
{
    ++*(int *)counter;
    const int rc = hark_yield();
    if (rc == 0) {
        ++*(int *)counter;
    }
    return rc;
}

/* Counts how many were cancelled. */
static int counts_when_cut(void *counter)
{
    const int rc = hark_event_wait(&never);
    *(int *)counter += rc == -ECANCELED;
    return rc;
}

/* Waits until all others are blocked, though the scopes around may be cancelled. */
static void settle_shielded(void)
{
    hark_scope shield;
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
}

static void check_failures(const hark_group *g, int n, const int *expected)
{
    int codes[HARK_FAILURES_KEPT] = {0};
    CHECK_EQ(hark_group_failures(g, codes, HARK_FAILURES_KEPT), n);
    for (int i = 0; i < n && i < HARK_FAILURES_KEPT; i++) {
        CHECK_EQ(codes[i], expected[i]);
    }
}
#define CHECK_FAILURES(g, ...) \
    check_failures((g), (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

/* ---- the matrix ------------------------------------------------------------------------------ */

typedef enum { GIVES_0, GIVES_5, GIVES_EIO, GIVES_ECANCELED, HONEST, FAILS_WHEN_CUT, KINDS } kind;
typedef enum { PARKED, READY, NEW, ENDED, STATES } state;
typedef enum { NOBODY, GROUP, OUTER, OUTER_DEADLINE, SIBLING_FAILS, CANCELLERS } canceller;
typedef enum { BEFORE_CLOSE, DURING_CLOSE, MOMENTS } moment;
static const int body_results[] = {0, 7, -EPIPE, -ECANCELED};
enum { RESULTS = 4 };

typedef struct row {
    kind kind;
    state state;
    canceller who;
    moment when;
    int rc;
    hark_event go;
    hark_scope outer;
    hark_group group;
    bool open, cut;
} row;

typedef struct verdict {
    int result, other_result; /* two where the contract leaves a choice, else twice the same */
    int scope_result;         /* of closing the outer scope with `result` */
    bool cut, any_order;
    int count, failures[4];
} verdict;

static int child_result(const row *r, bool cut)
{
    switch (r->kind) {
    case GIVES_5: return 5;
    case GIVES_EIO: return -EIO;
    case GIVES_ECANCELED: return -ECANCELED;
    case HONEST: return cut ? -ECANCELED : 0;
    case FAILS_WHEN_CUT: return cut ? -EDOM : 0;
    default: return 0;
    }
}

static void add_failure(verdict *v, int code)
{
    if (code < 0 && code != -ECANCELED) {
        v->failures[v->count++] = code;
    }
}

static void expect_failures(const row *r, verdict *v, bool took, int child)
{
    const int sibling = took && r->who == SIBLING_FAILS ? -EPROTO : 0;
    const bool body_last = r->who == SIBLING_FAILS && r->state != NEW && r->when == BEFORE_CLOSE;
    if (r->state == ENDED) {
        add_failure(v, child);
    }
    add_failure(v, sibling);
    if (r->state != ENDED && body_last) {
        add_failure(v, child);
    }
    add_failure(v, r->rc);
    if (r->state != ENDED && !body_last) {
        add_failure(v, child);
    }
    v->any_order = sibling && r->state == READY;
}

/* What hark_group_close must return, from its words alone. */
static verdict expect(const row *r)
{
    verdict v = {0};
    const bool waits = r->state == PARKED || r->state == NEW;
    const bool took = r->who != NOBODY && (r->when == BEFORE_CLOSE || (waits && r->rc >= 0));
    v.cut = waits && (took || r->rc < 0);
    const int child = child_result(r, v.cut);
    expect_failures(r, &v, took, child);
    const bool outer = took && (r->who == OUTER || r->who == OUTER_DEADLINE);
    if (v.count > 0) {
        v.result = v.failures[0];
    } else if (outer && (r->rc == -ECANCELED || child == -ECANCELED)) {
        v.result = -ECANCELED;
    } else if (took && r->who == GROUP && r->rc == -ECANCELED) {
        v.result = 0;
    } else {
        v.result = r->rc;
    }
    v.other_result = v.result;
    if (v.count == 0 && outer && child == -ECANCELED && !v.cut) {
        v.other_result = r->rc; /* it said -ECANCELED, but nobody had cut it short */
    }
    v.scope_result = !outer ? -ECANCELED : r->who == OUTER ? 0 : -ETIMEDOUT;
    return v;
}

static int row_child(void *arg)
{
    row *r = arg;
    if (r->state != ENDED) {
        r->cut = hark_event_wait(&r->go) == -ECANCELED;
    }
    return child_result(r, r->cut);
}

static void row_cancel(row *r)
{
    switch (r->who) {
    case GROUP: CHECK_EQ(hark_group_cancel(&r->group), 0); break;
    case OUTER: CHECK_EQ(hark_scope_cancel(&r->outer), 0); break;
    case OUTER_DEADLINE: CHECK_EQ(hark_scope_set_deadline(&r->outer, hark_now() - 1), 0); break;
    case SIBLING_FAILS: CHECK_GT(hark_go(&r->group, returns, INT(-EPROTO)), 0); break;
    default: break;
    }
}

/* Cancels while the body waits in close, and later lets go who still waits. */
static int row_helper(void *arg)
{
    row *r = arg;
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    if (r->open && r->when == DURING_CLOSE) {
        row_cancel(r);
    }
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    CHECK_EQ(hark_event_set(&r->go), 0);
    return 0;
}

static void row_prepare(row *r)
{
    if (r->state != NEW) {
        CHECK_GT(hark_go(&r->group, row_child, r), 0);
        settle_shielded();
    }
    const bool before = r->when == BEFORE_CLOSE;
    if (before && r->who == SIBLING_FAILS) {
        row_cancel(r);
    }
    if (r->state == READY) {
        CHECK_EQ(hark_event_set(&r->go), 0);
    }
    if (before && r->who == SIBLING_FAILS) {
        settle_shielded();
    }
    if (r->state == NEW) {
        CHECK_GT(hark_go(&r->group, row_child, r), 0);
    }
    if (before && r->who != SIBLING_FAILS) {
        row_cancel(r);
    }
}

static bool same_failures(const verdict *v, const int *codes, bool seeded)
{
    bool straight = true, swapped = v->any_order && seeded && v->count >= 2;
    for (int i = 0; i < v->count; i++) {
        straight = straight && codes[i] == v->failures[i];
        swapped = swapped && codes[i] == v->failures[i < 2 ? 1 - i : i];
    }
    return straight || swapped;
}

static void row_check(const row *r, int result, int64_t scope_result, bool seeded)
{
    const verdict v = expect(r);
    int codes[HARK_FAILURES_KEPT] = {0};
    const int n = hark_group_failures(&r->group, codes, HARK_FAILURES_KEPT);
    const int64_t from_scope = result == -ECANCELED ? v.scope_result : result;
    const bool right_result =
        n > 0 ? result == codes[0] : result == v.result || result == v.other_result;
    const bool right =
        right_result && n == v.count && same_failures(&v, codes, seeded) && r->cut == v.cut;
    if (!right || scope_result != from_scope) {
        kit_fail(__FILE__, __LINE__,
                 "child %d state %d canceller %d moment %d rc %d: result %d (expected %d), %d "
                 "failures: %d %d %d (expected %d: %d %d %d), cut %d (%d), scope %d (%d)",
                 r->kind, r->state, r->who, r->when, r->rc, result, v.result, n, codes[0], codes[1],
                 codes[2], v.count, v.failures[0], v.failures[1], v.failures[2], r->cut, v.cut,
                 (int)scope_result, (int)from_scope);
    }
}

static void row_run(row *r, bool seeded)
{
    hark_group helpers;
    CHECK_EQ(hark_group_open(&helpers), 0);
    CHECK_GT(hark_go(&helpers, row_helper, r), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_open(&r->outer, HARK_FOREVER), 0);
    CHECK_EQ(hark_group_open(&r->group), 0);
    r->open = true;
    row_prepare(r);
    const int result = hark_group_close(&r->group, r->rc);
    r->open = false;
    row_check(r, result, hark_scope_close(&r->outer, result), seeded);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    CHECK_EQ(hark_group_close(&helpers, 0), 0);
}

static void run_matrix(bool seeded)
{
    const int all = KINDS * STATES * CANCELLERS * MOMENTS * RESULTS;
    for (int i = 0; i < all; i++) {
        row r = {.kind = (kind)(i % KINDS),
                 .state = (state)(i / KINDS % STATES),
                 .who = (canceller)(i / KINDS / STATES % CANCELLERS),
                 .when = (moment)(i / KINDS / STATES / CANCELLERS % MOMENTS),
                 .rc = body_results[i / KINDS / STATES / CANCELLERS / MOMENTS]};
        row_run(&r, seeded);
    }
}

static int matrix(void *arg)
{
    run_matrix(arg != NULL);
    return 0;
}

TEST_TIMEOUT(group_close_says_what_its_words_promise_in_every_case, 30)
{
    CHECK_EQ(RUN_VIRTUAL(matrix, NULL), 0);
}

TEST_TIMEOUT(group_close_says_so_in_every_order_of_ready_tasks, 120)
{
    const int last = 200 / kit_slow();
    for (int seed = 1; seed <= last; seed++) {
        const hark_options options = {
            .size = sizeof(options), .virtual_clock = true, .seed = (uint64_t)seed};
        printf("%d ", seed);
        CHECK_EQ(hark_run_with(&options, matrix, INT(1)), 0);
    }
}

/* ---- failures -------------------------------------------------------------------------------- */

TEST_SEEDS(group_TG_01_one_failure_of_a_child_is_the_result)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_GT(hark_go(&g, returns, INT(-EIO)), 0);
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_FAILURES(&g, -EIO);
    return 0;
}

TEST_TASK(group_TG_01_one_failure_of_the_body_is_the_result)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    CHECK_FAILURES(&g, -EIO);
    return 0;
}

TEST_TASK(group_TG_02_two_children_that_fail_are_both_listed_the_first_is_the_result)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    hark_go(&g, returns, INT(-EPIPE));
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_FAILURES(&g, -EIO, -EPIPE);
    return 0;
}

TEST_TASK(group_TG_02_a_failure_of_the_body_and_one_of_a_child_are_both_listed)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_group_close(&g, -EPIPE), -EPIPE);
    CHECK_FAILURES(&g, -EPIPE, -EIO);
    return 0;
}

TEST_SEEDS(group_TG_03_a_childs_failure_cancels_the_bodys_sleep)
{
    hark_group g;
    const int64_t before = hark_now();
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    const int rc = hark_sleep(HARK_S(3600));
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_group_close(&g, rc), -EIO);
    CHECK_EQ(hark_now(), before);
    return 0;
}

static int yields_until_cut(void *cut)
{
    int rc;
    while ((rc = hark_yield()) == 0) {}
    *(int *)cut = rc;
    return rc;
}

TEST_SEEDS(group_TG_04_a_childs_failure_cancels_a_sibling_that_loops)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go(&g, yields_until_cut, &cut);
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(cut, -ECANCELED);
    return 0;
}

TEST(group_TG_04_a_failure_that_leaves_main_is_the_runs_result)
{
    CHECK_EQ(RUN_VIRTUAL(returns, INT(-EIO)), -EIO);
    CHECK_EQ(RUN_VIRTUAL(returns, INT(5)), 5);
}

typedef struct adder {
    hark_group *group;
    int *counter;
} adder;

static int adds_a_sibling(void *arg)
{
    const adder *a = arg;
    CHECK_EQ(hark_settle(), 0); /* the opener waits in close now */
    CHECK_GT(hark_go(a->group, counts, a->counter), 0);
    return 0;
}

TEST_SEEDS(group_TG_05_a_child_may_add_siblings_while_the_opener_waits_in_close)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    CHECK_GT(hark_go_with(&g, adds_a_sibling, (adder){&g, &counter}), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

TEST_TASK(group_TG_05_after_close_nothing_can_be_spawned)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_go(&g, counts, &counter), -EINVAL);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(counter, 0);
    return 0;
}

TEST_TASK(group_TG_06_leaving_an_empty_group_lets_others_run_but_is_no_checkpoint)
{
    hark_group around, g;
    hark_scope s;
    int counter = 0;
    hark_group_open(&around);
    hark_go(&around, counts, &counter);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK(!hark_scope_caught(&s));
    return hark_group_close(&around, 0);
}

TEST_SEEDS(group_TG_06_a_child_without_a_checkpoint_sees_no_cancellation)
{
    hark_scope s;
    hark_group g;
    int counter = 0;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    hark_group_open(&g);
    hark_go(&g, counts, &counter);
    CHECK_EQ(hark_group_close(&g, 3), 3);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&s, 3), 3);
    return 0;
}

TEST_TASK(group_TG_06_a_bodys_failure_in_a_cancelled_scope_is_that_failure_only)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    CHECK_FAILURES(&g, -EIO);
    CHECK_EQ(hark_scope_close(&s, -EIO), -EIO);
    return 0;
}

static int cleans_up_slowly(void *arg)
{
    hark_scope s;
    const int rc = hark_event_wait(&never);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    CHECK_EQ(hark_sleep(HARK_MS(50)), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    ++*(int *)arg;
    return rc;
}

TEST_SEEDS(group_TG_07_close_is_not_interrupted_it_waits_for_the_cleanup_of_children)
{
    hark_scope s;
    hark_group g;
    int cleaned = 0;
    const int64_t start = hark_now();
    hark_scope_open(&s, HARK_MS(10));
    hark_group_open(&g);
    hark_go(&g, cleans_up_slowly, &cleaned);
    CHECK_EQ(hark_group_close(&g, 0), -ECANCELED);
    CHECK_EQ(cleaned, 1);
    CHECK_EQ(hark_now() - start, HARK_MS(60));
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

static int ignores_the_cut(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    return 0;
}

TEST_SEEDS(group_TG_07_close_invents_no_cancellation_that_nobody_reported)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(10));
    hark_group_open(&g);
    hark_go(&g, ignores_the_cut, NULL);
    CHECK_EQ(hark_group_close(&g, 4), 4);
    CHECK(hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, 4), 4);
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_TASK(group_TG_12_spawning_no_function_is_refused)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_go_at("nowhere.c:1\0"
                        "0nothing",
                        &g, NULL, NULL),
             -EINVAL);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return 0;
}

TEST_TASK(group_TG_13_a_closed_group_takes_neither_go_nor_start)
{
    hark_group g;
    int counter = 0, started = 77;
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    CHECK_EQ(hark_go(&g, counts, &counter), -EINVAL);
    CHECK_EQ(hark_start(&g, counts, &counter, &started), -EINVAL);
    CHECK_EQ(counter, 0);
    CHECK_EQ(started, 77);
    CHECK_FAILURES(&g, -EIO);
    return 0;
}

TEST_TASK(group_TG_13_opening_an_open_group_is_refused_and_it_stays_usable)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    hark_go(&g, counts, &counter);
    CHECK_EQ(hark_group_open(&g), -EALREADY);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return 0;
}

TEST_SEEDS(group_TG_14_close_waits_for_all_children_and_theirs)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    for (int i = 0; i < 20; i++) {
        hark_go(&g, counts_twice, &counter);
        hark_go_with(&g, adds_a_sibling, (adder){&g, &counter});
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 60);
    return 0;
}

TEST_SEEDS(group_TG_15_a_body_that_fails_cancels_the_children)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    for (int i = 0; i < 5; i++) {
        hark_go(&g, counts_when_cut, &cut);
    }
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    CHECK_EQ(cut, 5);
    CHECK_FAILURES(&g, -EIO);
    return 0;
}

TEST_SEEDS(group_TG_15_a_child_that_fails_cancels_siblings_and_the_waiting_opener_goes_on)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    for (int i = 0; i < 5; i++) {
        hark_go(&g, counts_when_cut, &cut);
    }
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(cut, 5);
    return 0;
}

TEST_SEEDS(group_TG_16_a_failure_while_being_cancelled_is_listed_behind_its_cause)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, fails_when_cut, INT(-EPIPE));
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_FAILURES(&g, -EIO, -EPIPE);
    return 0;
}

TEST_SEEDS(group_TG_16_a_child_that_fails_while_cancelled_by_the_bodys_failure_comes_second)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, fails_when_cut, INT(-EPIPE));
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    CHECK_FAILURES(&g, -EIO, -EPIPE);
    return 0;
}

TEST_SEEDS(group_TG_17_cancel_right_after_go_a_child_runs_to_its_first_checkpoint_and_no_further)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

TEST_TASK(group_TG_17_opening_a_group_in_a_cancelled_scope_is_no_checkpoint)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, 0);
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return 0;
}

typedef struct target {
    hark_group *group;
    int64_t after;
} target;

static int cancels_group_later(void *arg)
{
    const target *t = arg;
    CHECK_EQ(hark_sleep(t->after), 0);
    CHECK_EQ(hark_group_cancel(t->group), 0);
    return 0;
}

TEST_SEEDS(group_TG_18_cancelled_while_the_opener_waits_in_close_the_waiting_goes_on_to_the_end)
{
    hark_group around, g;
    int cleaned = 0;
    const int64_t start = hark_now();
    hark_group_open(&around);
    hark_go_with(&around, cancels_group_later, (target){&g, HARK_MS(10)});
    hark_group_open(&g);
    hark_go(&g, cleans_up_slowly, &cleaned);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cleaned, 1);
    CHECK_EQ(hark_now() - start, HARK_MS(60));
    return hark_group_close(&around, 0);
}

TEST_SEEDS(group_TG_20_only_cancellations_inside_are_one_cancellation_outside)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    hark_go(&g, parks, NULL);
    CHECK_EQ(hark_group_close(&g, hark_sleep(HARK_S(1))), -ECANCELED);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_TASK(group_TG_21_close_lets_siblings_run_at_least_once_even_without_children)
{
    hark_group around, g;
    int counter = 0;
    hark_group_open(&around);
    for (int i = 0; i < 3; i++) {
        hark_go(&around, counts, &counter);
    }
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 3);
    return hark_group_close(&around, 0);
}

TEST_SEEDS(group_TG_24_a_task_can_be_cancelled_and_waited_for_the_group_is_unaffected)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, counts_when_cut, &cut);
    hark_go(&g, sleeps, INT(100));
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(cut, 1);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    return 0;
}

TEST_SEEDS(group_TG_24_waiting_for_a_task_that_fails_does_not_replace_the_groups_failure)
{
    hark_group around, g;
    hark_group_open(&around);
    hark_group_open(&g);
    const hark_task t = hark_go(&g, returns, INT(-EIO));
    hark_task_wait(t);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(hark_checkpoint(), 0);
    return hark_group_close(&around, 0);
}

TEST_SEEDS(group_TG_25_a_child_belongs_to_the_group_not_to_the_task_that_spawned_it)
{
    hark_group g;
    hark_scope s;
    int counter = 0;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s); /* around the spawning, not around the group */
    hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 2);
    return 0;
}

TEST_TASK(group_TG_28_a_task_does_not_run_before_go_returns)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    for (int i = 0; i < 100; i++) {
        CHECK_GT(hark_go(&g, counts, &counter), 0);
        CHECK_EQ(counter, 0);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 100);
    return 0;
}

static int writes_42(void *arg)
{
    *(int *)arg = 42;
    return 0;
}

TEST_SEEDS(group_TG_29_what_children_wrote_is_there_after_close_and_late_additions_are_fine)
{
    hark_group g;
    int a = 0, b = 0;
    hark_group_open(&g);
    hark_go(&g, writes_42, &a);
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    hark_go(&g, writes_42, &b);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(a, 42);
    CHECK_EQ(b, 42);
    return 0;
}

TEST_SEEDS(group_TG_30_cancelling_one_child_is_no_failure_and_the_others_go_on)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, parks, NULL);
    hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(t), 0);
    hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 4);
    return 0;
}

TEST_SEEDS(group_TG_30_a_child_cancelled_alone_is_not_taken_for_cut_short_by_a_later_outer_cancel)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    const hark_task t = hark_go(&g, parks, NULL);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_group_close(&g, 6), 6);
    CHECK_EQ(hark_scope_close(&s, 6), 6);
    return 0;
}

TEST_SEEDS(group_TG_31_a_childs_failure_cancels_the_others_and_only_real_failures_are_listed)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, &cut);
    hark_go(&g, counts_when_cut, &cut);
    hark_go(&g, returns, INT(-EIO));
    const int rc = hark_event_wait(&never);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_group_close(&g, rc), -EIO);
    CHECK_FAILURES(&g, -EIO);
    CHECK_EQ(cut, 2);
    return 0;
}

TEST_SEEDS(group_TG_32_cancelling_the_opener_in_close_reaches_all_children)
{
    hark_scope s;
    hark_group g;
    int cut = 0;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&g);
    for (int i = 0; i < 5; i++) {
        hark_go(&g, counts_when_cut, &cut);
    }
    CHECK_EQ(hark_group_close(&g, 0), -ECANCELED);
    CHECK_EQ(cut, 5);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_SEEDS(group_TG_32_cancelling_the_opener_in_the_body_reaches_all_children)
{
    hark_scope s;
    hark_group g;
    int cut = 0;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&g);
    for (int i = 0; i < 5; i++) {
        hark_go(&g, counts_when_cut, &cut);
    }
    CHECK_EQ(hark_group_close(&g, hark_event_wait(&never)), -ECANCELED);
    CHECK_EQ(cut, 5);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_SEEDS(group_TG_33_children_that_fail_while_cancelled_win_over_the_cancellation)
{
    hark_scope s;
    hark_group outer, inner;
    hark_scope_open(&s, HARK_MS(1));
    hark_group_open(&outer);
    hark_go(&outer, fails_when_cut, INT(-EIO));
    hark_group_open(&inner);
    hark_go(&inner, fails_when_cut, INT(-EPIPE));
    const int rc = hark_group_close(&inner, hark_event_wait(&never));
    CHECK_EQ(rc, -EPIPE);
    const int result = hark_group_close(&outer, rc);
    CHECK(result == -EIO || result == -EPIPE);
    CHECK_EQ(hark_group_failures(&outer, NULL, 0), 2);
    CHECK_EQ(hark_scope_close(&s, result), result);
    return 0;
}

TEST_SEEDS(group_TG_34_the_bodys_failure_at_once_or_later_is_the_result)
{
    for (int64_t delay = 0; delay <= HARK_MS(2); delay += HARK_MS(1)) {
        hark_group g;
        int cut = 0;
        hark_group_open(&g);
        hark_go(&g, counts_when_cut, &cut);
        CHECK_EQ(hark_sleep(delay), 0);
        CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
        CHECK_EQ(cut, 1);
    }
    return 0;
}

TEST_SEEDS(group_TG_35_a_failure_in_the_outer_group_unwinds_the_inner_one_without_failures)
{
    hark_group outer, inner;
    hark_group_open(&outer);
    hark_go(&outer, returns, INT(-EIO));
    hark_group_open(&inner);
    hark_go(&inner, parks, NULL);
    const int rc = hark_group_close(&inner, hark_event_wait(&never));
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_group_failures(&inner, NULL, 0), 0);
    CHECK_EQ(hark_group_close(&outer, rc), -EIO);
    CHECK_FAILURES(&outer, -EIO);
    return 0;
}

TEST_SEEDS(group_TG_35_a_failure_in_the_inner_group_passes_through_the_outer_one)
{
    hark_group outer, inner;
    int cut = 0;
    hark_group_open(&outer);
    hark_go(&outer, counts_when_cut, &cut);
    hark_group_open(&inner);
    hark_go(&inner, returns, INT(-EIO));
    const int rc = hark_group_close(&inner, hark_event_wait(&never));
    CHECK_EQ(rc, -EIO);
    CHECK_EQ(cut, 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_group_close(&outer, rc), -EIO);
    CHECK_FAILURES(&outer, -EIO);
    CHECK_EQ(cut, 1);
    return 0;
}

static int fails_later(void *arg)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    hark_scope_close(&s, 0);
    return (int)(intptr_t)arg;
}

TEST_SEEDS(group_TG_36_a_child_that_fails_while_the_body_handles_its_cancellation_wins)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(10));
    hark_group_open(&g);
    hark_go(&g, fails_later, INT(-EIO));
    const int rc = hark_event_wait(&never);
    CHECK_EQ(rc, -ECANCELED);
    hark_scope shield;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    CHECK_EQ(hark_sleep(HARK_MS(50)), 0); /* the child fails meanwhile: that waits outside too */
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    CHECK_FAILURES(&g, -EIO);
    CHECK_EQ(hark_group_close(&g, rc), -EIO);
    CHECK_EQ(hark_scope_close(&s, -EIO), -EIO);
    return 0;
}

TEST_SEEDS(group_TG_37_a_body_that_turns_its_cancellation_into_a_failure_fails)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_MS(10));
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -EDOM), -EDOM);
    CHECK_FAILURES(&g, -EDOM);
    CHECK_EQ(hark_scope_close(&s, -EDOM), -EDOM);
    return 0;
}

TEST_SEEDS(group_TG_38_a_childs_failure_and_what_the_body_makes_of_it_are_both_listed)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -EDOM), -EIO);
    CHECK_FAILURES(&g, -EIO, -EDOM);
    return 0;
}

TEST_SEEDS(group_TG_41_a_failed_group_still_takes_tasks_which_run_to_their_first_checkpoint)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    settle_shielded();
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_GT(hark_go(&g, counts_twice, &counter), 0);
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(counter, 1);
    return 0;
}

TEST_TASK(group_TG_42_each_misuse_has_its_code)
{
    hark_group zero = {0}, g;
    CHECK_EQ(hark_group_close(&zero, 0), -EINVAL);
    CHECK_EQ(hark_group_cancel(&zero), -EINVAL);
    CHECK_EQ(hark_go(&zero, parks, NULL), -EINVAL);
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_EQ(hark_group_open(&g), -EALREADY);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), -EINVAL);
    CHECK_EQ(hark_group_cancel(&g), -EINVAL);
    return 0;
}

TEST_SEEDS(group_TG_43_a_crash_and_a_body_that_fails_on_its_way_out_are_two_failures)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    const int64_t rc = hark_within(HARK_S(1), hark_event_wait(&never));
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -EPROTO), -EIO);
    CHECK_FAILURES(&g, -EIO, -EPROTO);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_SEEDS(group_TG_44_after_a_handled_failure_nothing_is_cancelled_any_more)
{
    hark_group g;
    for (int i = 0; i < 3; i++) {
        hark_group_open(&g);
        hark_go(&g, returns, INT(-EIO));
        CHECK_EQ(hark_group_close(&g, hark_event_wait(&never)), -EIO);
        CHECK_EQ(hark_checkpoint(), 0);
        CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
        CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    }
    return 0;
}

TEST_SEEDS(group_TG_45_children_of_inner_and_outer_fail_in_one_turn_the_outer_cancel_stays_pending)
{
    hark_group outer, inner;
    hark_group_open(&outer);
    hark_group_open(&inner);
    hark_go(&outer, returns, INT(-EIO));
    hark_go(&inner, returns, INT(-EPIPE));
    settle_shielded();
    CHECK_EQ(hark_group_close(&inner, hark_checkpoint()), -EPIPE);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_group_close(&outer, -ECANCELED), -EIO);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_SEEDS(group_TG_46_a_failure_and_an_outer_cancel_in_one_turn_failure_now_cancel_next)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    hark_scope_cancel(&s);
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK(hark_scope_caught(&s));
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

static int spawns_a_failing_sibling(void *arg)
{
    const adder *a = arg;
    CHECK_GT(hark_go(a->group, returns, INT(-EIO)), 0);
    return counts_when_cut(a->counter);
}

TEST_SEEDS(group_TG_47_a_child_that_spawns_a_failing_sibling_first_of_all_is_cancelled_itself)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go_with(&g, spawns_a_failing_sibling, (adder){&g, &cut});
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(cut, 1);
    return 0;
}

TEST_SEEDS(group_TG_48_a_child_that_fails_at_once_leaves_no_cancellation_behind)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    return 0;
}

static int cancels_its_group_first(void *arg)
{
    const adder *a = arg;
    CHECK_EQ(hark_group_cancel(a->group), 0);
    return counts_when_cut(a->counter);
}

TEST_SEEDS(group_TG_49_a_child_that_cancels_the_group_before_it_ever_waits_is_cancelled_too)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go_with(&g, cancels_its_group_first, (adder){&g, &cut});
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 1);
    return 0;
}

TEST_SEEDS(group_TG_50_cancel_ends_body_and_children_and_close_is_clean)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, &cut);
    hark_go_with(&g, cancels_its_group_first, (adder){&g, &cut});
    const int rc = hark_event_wait(&never);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_group_close(&g, rc), 0);
    CHECK_EQ(cut, 2);
    return 0;
}

TEST_SEEDS(group_TG_50_a_failure_beside_cancel_is_still_the_result)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, fails_when_cut, INT(-EIO));
    hark_group_cancel(&g);
    CHECK_EQ(hark_group_close(&g, -ECANCELED), -EIO);
    return 0;
}

/* The outer cancel comes before the group's, or after it, in the same turn or one turn later. */
TEST_SEEDS(group_TG_50_cancel_does_not_swallow_an_outer_cancel)
{
    for (int variant = 0; variant < 4; variant++) {
        hark_scope s;
        hark_group g;
        const bool outer_first = variant & 1, turn_between = variant & 2;
        hark_scope_open(&s, HARK_FOREVER);
        hark_group_open(&g);
        hark_go(&g, parks, NULL);
        if (outer_first) {
            hark_scope_cancel(&s);
        } else {
            hark_group_cancel(&g);
        }
        if (turn_between) {
            settle_shielded();
        }
        if (outer_first) {
            hark_group_cancel(&g);
        } else {
            hark_scope_cancel(&s);
        }
        CHECK_EQ(hark_group_close(&g, hark_checkpoint()), -ECANCELED);
        CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
        CHECK(hark_scope_caught(&s));
    }
    return 0;
}

TEST_SEEDS(group_TG_50_after_close_cancel_is_refused)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, 9), 9);
    CHECK_EQ(hark_group_cancel(&g), -EINVAL);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_SEEDS(group_TG_51_a_child_cancelled_before_its_first_run_still_runs_to_its_first_checkpoint)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

static int logs_number(void *arg)
{
    kit_log("%d", (int)(intptr_t)arg);
    return 0;
}

TEST_TASK(group_TG_52_children_first_run_in_the_order_of_spawning)
{
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 5; i++) {
        hark_go(&g, logs_number, INT(i));
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("0 1 2 3 4");
    return 0;
}

/* ---- the rest of the promises ---------------------------------------------------------------- */

TEST_TASK(group_failures_counts_all_keeps_eight_and_survives_close)
{
    hark_group g;
    int codes[12];
    hark_group_open(&g);
    for (int i = 1; i <= 12; i++) {
        hark_go(&g, returns, INT(-i));
    }
    CHECK_EQ(hark_group_close(&g, 0), -1);
    memset(codes, 0x55, sizeof(codes));
    CHECK_EQ(hark_group_failures(&g, codes, 12), 12);
    for (int i = 0; i < HARK_FAILURES_KEPT; i++) {
        CHECK_EQ(codes[i], -1 - i);
    }
    CHECK_EQ(codes[HARK_FAILURES_KEPT], 0x55555555);
    memset(codes, 0x55, sizeof(codes));
    CHECK_EQ(hark_group_failures(&g, codes, 2), 12);
    CHECK_EQ(codes[1], -2);
    CHECK_EQ(codes[2], 0x55555555);
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_EQ(hark_group_failures(&g, codes, 2), 0);
    return hark_group_close(&g, 0);
}

TEST_TASK(group_failures_can_be_asked_while_the_group_is_open)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns, INT(-EIO));
    settle_shielded();
    CHECK_FAILURES(&g, -EIO);
    CHECK_EQ(hark_group_close(&g, 0), -EIO);
    return 0;
}

/* Told while the body waits in close. */
static int looks_at_failures(void *g)
{
    int codes[HARK_FAILURES_KEPT] = {42};
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_group_failures(g, codes, HARK_FAILURES_KEPT), 0);
    CHECK_EQ(codes[0], 42);
    return -EIO;
}

TEST_SEEDS(group_close_keeps_the_bodys_result_until_a_child_fails_and_it_is_no_failure)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, sleeps, INT(2));
    CHECK_EQ(hark_group_close(&g, 7), 7);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    hark_group_open(&g);
    hark_go(&g, looks_at_failures, &g);
    CHECK_EQ(hark_group_close(&g, 7), -EIO);
    CHECK_FAILURES(&g, -EIO);
    hark_group_open(&g); /* the failure comes first */
    hark_go(&g, returns, INT(-EIO));
    hark_go(&g, cleans_up_slowly, &(int){0});
    CHECK_EQ(hark_settle(), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, 7), -EIO);
    CHECK_FAILURES(&g, -EIO);
    return 0;
}

static hark_group relay;
static hark_task runner;

/* Who waits for a task's end is told before its group: the next one comes in between. */
static int passes_it_on(void *times)
{
    for (int i = 0; i < *(int *)times; i++) {
        CHECK_EQ(hark_task_wait(runner), 0);
        runner = hark_go(&relay, returns, INT(0));
        CHECK(runner > 0);
    }
    return 0;
}

TEST_TASK(group_close_waits_for_thousands_of_late_children_on_the_same_stack)
{
    hark_group around;
    int times = 20000;
    hark_group_open(&around);
    hark_group_open(&relay);
    runner = hark_go(&relay, sleeps, INT(1));
    hark_go(&around, passes_it_on, &times);
    CHECK_EQ(hark_group_close(&relay, 5), 5);
    CHECK_EQ(hark_task_wait(runner), -ESRCH);
    return hark_group_close(&around, 0);
}

TEST_TASK(group_open_does_not_mind_what_the_memory_held)
{
    hark_group g;
    for (int byte = 0; byte < 256; byte += 51) {
        memset(&g, byte, sizeof(g));
        CHECK_EQ(hark_group_open(&g), 0);
        CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
        hark_go(&g, returns, INT(1));
        CHECK_EQ(hark_group_close(&g, 6), 6);
    }
    return 0;
}

TEST_TASK(group_cancel_twice_is_fine)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, hark_checkpoint()), 0);
    return 0;
}

TEST_SEEDS(group_of_another_task_can_be_cancelled_and_spawned_into)
{
    hark_group around, g;
    int counter = 0;
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    hark_go_with(&around, cancels_group_later, (target){&g, HARK_MS(5)});
    hark_go_with(&around, adds_a_sibling, (adder){&g, &counter});
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return hark_group_close(&around, 0);
}

static int opens_many(void *arg)
{
    const int n = (int)(intptr_t)arg;
    hark_group *g = calloc((size_t)n, sizeof(*g));
    int cut = 0;
    for (int i = 0; i < n; i++) {
        CHECK_EQ(hark_group_open(&g[i]), 0);
        CHECK_GT(hark_go(&g[i], counts_when_cut, &cut), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&g[0]), 0);
    for (int i = n - 1; i > 0; i--) {
        CHECK_EQ(hark_group_close(&g[i], hark_checkpoint()), -ECANCELED);
    }
    CHECK_EQ(hark_group_close(&g[0], -ECANCELED), 0);
    CHECK_EQ(cut, n);
    CHECK_EQ(hark_checkpoint(), 0);
    free(g);
    return 0;
}

TEST_SEEDS(group_200_nested_groups_are_cancelled_by_the_outermost)
{
    return opens_many(INT(200));
}

TEST_SEEDS(group_200_nested_groups_pass_a_failure_out_of_the_innermost)
{
    static hark_group g[200];
    int cut = 0, rc = 0;
    for (int i = 0; i < 200; i++) {
        hark_group_open(&g[i]);
        hark_go(&g[i], counts_when_cut, &cut);
    }
    hark_go(&g[199], returns, INT(-EIO));
    rc = hark_event_wait(&never);
    for (int i = 199; i >= 0; i--) {
        rc = hark_group_close(&g[i], rc);
        CHECK_EQ(rc, -EIO);
        CHECK_EQ(cut, 200 - i);
    }
    return 0;
}

/* ---- closing out of order, with a cancelled scope and a shield in between -------------------- */

static hark_task deep_child;

static int waits_for_the_deep_child(void *arg)
{
    hark_scope shield;
    (void)arg;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    CHECK_EQ(hark_task_wait(deep_child), 0);
    return (int)hark_scope_close(&shield, 0);
}

static int waits_for_ever(void *arg)
{
    hark_event nobody_sets_it = HARK_EVENT_INIT;
    (void)arg;
    return hark_event_wait(&nobody_sets_it);
}

static int closes_around_a_shield(void *arg)
{
    hark_group outer, inner;
    hark_scope cancelled, shield;
    (void)arg;
    hark_group_open(&outer);
    hark_scope_open(&cancelled, HARK_FOREVER);
    hark_scope_cancel(&cancelled);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_group_open(&inner);
    deep_child = hark_go(&inner, waits_for_ever, NULL);
    hark_go(&outer, waits_for_the_deep_child, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_close(&outer, 0), -EINVAL);
    hark_group_close(&inner, 0);
    hark_scope_close(&shield, 0);
    hark_scope_close(&cancelled, 0);
    return 0;
}

/* All that is inside is cancelled at once, and not only when the outer one's children have ended:
 * one of these waits for a task of the innermost group. */
TEST(group_closed_out_of_order_cancels_what_a_cancelled_scope_and_a_shield_hide)
{
    CHECK_EQ(RUN_VIRTUAL(closes_around_a_shield, NULL), 0);
}
