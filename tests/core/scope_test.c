/* SPDX-License-Identifier: MIT
 *
 * scope_test.c - scopes: what is cancelled, what a shield keeps out, and which scope catches.
 *
 * Idea     One short test a promise (CS-.. of tests/LEDGER.md),
 *          and one matrix of three nested scopes: every order of cancels and deadlines, every
 *          shield, every result, against an oracle written from the words of hark_scope_close.
 * Rules    1  A promise that does not depend on the order of ready tasks is run for many seeds.
 *          2  Time is virtual.
 * Not here Deadlines in the flow of time and hark_within (timeout_test.c), misuse (misuse_test.c).
 */
#include "kit.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include "core/core.h"

#include <malloc.h>

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

static int counts_when_cut(void *counter)
{
    const int rc = hark_event_wait(&never);
    *(int *)counter += rc == -ECANCELED;
    return rc;
}

/* What another task does to a scope, `after` so long. */
typedef enum { CANCEL, SHIELD, UNSHIELD, MOVE_DEADLINE } deed;
typedef struct order {
    hark_scope *scope;
    int64_t after;
    deed deed;
    int64_t deadline;
} order;

static int obeys(void *arg)
{
    const order *o = arg;
    CHECK_EQ(hark_sleep(o->after), 0);
    switch (o->deed) {
    case CANCEL: CHECK_EQ(hark_scope_cancel(o->scope), 0); break;
    case SHIELD:
    case UNSHIELD: CHECK_EQ(hark_scope_shield(o->scope, o->deed == SHIELD), 0); break;
    case MOVE_DEADLINE: CHECK_EQ(hark_scope_set_deadline(o->scope, o->deadline), 0); break;
    }
    return 0;
}

/* ---- the matrix ------------------------------------------------------------------------------ */

enum { ROOT, OUTER, INNER, LEVELS };
typedef enum {
    OWN_CANCEL,
    OWN_DEADLINE,
    OUTER_CANCEL,
    OUTER_DEADLINE,
    ROOT_CANCEL,
    STROKES
} stroke;
typedef enum { NO_SHIELD, INNER_SHIELD, OUTER_SHIELD, SHIELDS } shield_kind;
static const int results[] = {0, 3, -EIO, -ECANCELED};

typedef struct model {
    bool cancelled[LEVELS], by_deadline[LEVELS], shielded[LEVELS], caught[LEVELS];
    int open; /* how many levels are */
} model;

static const int level_of[STROKES] = {INNER, INNER, OUTER, OUTER, ROOT};

static void model_strike(model *m, stroke s)
{
    const int level = level_of[s];
    if (!m->cancelled[level]) {
        m->cancelled[level] = true;
        m->by_deadline[level] = s == OWN_DEADLINE || s == OUTER_DEADLINE;
    }
}

/* Does a cancelled scope outside of `level` reach it, past all shields, its own included? */
static bool model_reached(const model *m, int level)
{
    for (int i = level; i > 0 && !m->shielded[i]; i--) {
        if (m->cancelled[i - 1]) {
            return true;
        }
    }
    return false;
}

static int model_close(model *m, int rc)
{
    const int level = --m->open;
    if (rc != -ECANCELED || model_reached(m, level) || !m->cancelled[level]) {
        return rc;
    }
    m->caught[level] = true;
    return m->by_deadline[level] ? -ETIMEDOUT : 0;
}

static void strike(hark_scope *scopes, stroke s)
{
    hark_scope *scope = &scopes[level_of[s]];
    const bool by_deadline = s == OWN_DEADLINE || s == OUTER_DEADLINE;
    const int rc =
        by_deadline ? hark_scope_set_deadline(scope, hark_now() - 1) : hark_scope_cancel(scope);
    CHECK_EQ(rc, 0);
}

static void shield_model_and_scope(model *m, hark_scope *scopes, shield_kind s)
{
    if (s != NO_SHIELD) {
        const int level = s == INNER_SHIELD ? INNER : OUTER;
        m->shielded[level] = true;
        CHECK_EQ(hark_scope_shield(&scopes[level], true), 0);
    }
}

static void check_pending(const model *m, const char *row)
{
    const int innermost = m->open - 1;
    const bool pending = innermost >= 0 && (m->cancelled[innermost] || model_reached(m, innermost));
    if (hark_checkpoint() != (pending ? -ECANCELED : 0) ||
        hark_effective_deadline() != (pending ? INT64_MIN : HARK_FOREVER)) {
        kit_fail(__FILE__, __LINE__, "%s: %d open, pending should be %d, checkpoint says %d", row,
                 m->open, pending, hark_checkpoint());
    }
}

static void scopes_row(const stroke *strokes, int n, shield_kind sh, bool shield_first, int rc)
{
    model m = {.open = LEVELS};
    hark_scope scopes[LEVELS];
    char row[80];
    snprintf(row, sizeof(row), "strokes %d:%d%d%d%d%d shield %d first %d rc %d", n, strokes[0],
             strokes[1], strokes[2], strokes[3], strokes[4], sh, shield_first, rc);
    for (int i = 0; i < LEVELS; i++) {
        CHECK_EQ(hark_scope_open(&scopes[i], HARK_FOREVER), 0);
    }
    if (shield_first) {
        shield_model_and_scope(&m, scopes, sh);
    }
    for (int i = 0; i < n; i++) {
        model_strike(&m, strokes[i]);
        strike(scopes, strokes[i]);
    }
    if (!shield_first) {
        shield_model_and_scope(&m, scopes, sh);
    }
    for (int level = INNER; level >= ROOT; level--) {
        check_pending(&m, row);
        const int expected = model_close(&m, rc);
        rc = (int)hark_scope_close(&scopes[level], rc);
        if (rc != expected || hark_scope_caught(&scopes[level]) != m.caught[level] ||
            hark_scope_cancelled(&scopes[level]) != m.cancelled[level]) {
            kit_fail(__FILE__, __LINE__, "%s: closing level %d gives %d, expected %d (caught %d)",
                     row, level, rc, expected, m.caught[level]);
        }
    }
    check_pending(&m, row);
}

/* Every sequence without repetition of 0 to 5 strokes, counted in base 6 (0: ends here). */
static bool sequence(int number, stroke *strokes, int *n)
{
    unsigned used = 0;
    for (*n = 0; number > 0; number /= STROKES + 1) {
        const int digit = number % (STROKES + 1);
        if (digit == 0 || used & 1u << digit) {
            return false;
        }
        used |= 1u << digit;
        strokes[(*n)++] = (stroke)(digit - 1);
    }
    return true;
}

static int scopes_matrix(void *arg)
{
    int rows = 0;
    for (int number = 0; number < 6 * 6 * 6 * 6 * 6; number++) {
        stroke strokes[STROKES] = {0};
        int n;
        if (!sequence(number, strokes, &n)) {
            continue;
        }
        for (int i = 0; i < SHIELDS * 2 * 4; i++, rows++) {
            scopes_row(strokes, n, (shield_kind)(i % SHIELDS), i / SHIELDS % 2,
                       results[i / SHIELDS / 2]);
        }
    }
    *(int *)arg = rows;
    return 0;
}

TEST(scope_close_catches_what_its_words_promise_in_every_case)
{
    int rows = 0;
    CHECK_EQ(RUN_VIRTUAL(scopes_matrix, &rows), 0);
    CHECK_EQ(rows, (1 + 5 + 20 + 60 + 120 + 120) * 24);
}

/* ---- CS: cancelling -------------------------------------------------------------------------- */

TEST_SEEDS(scope_CS_01_cancel_twice_is_once_and_every_checkpoint_says_so)
{
    hark_scope s;
    const int64_t start = hark_now();
    hark_scope_open(&s, HARK_FOREVER);
    CHECK_EQ(hark_scope_cancel(&s), 0);
    CHECK_EQ(hark_scope_cancel(&s), 0);
    CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK_EQ(hark_now(), start);
    return 0;
}

static int counts_twice(void *counter)
{
    ++*(int *)counter;
    const int rc = hark_yield();
    *(int *)counter += rc == 0;
    return rc;
}

TEST_SEEDS(scope_CS_02_a_task_spawned_into_a_cancelled_group_runs_to_its_first_checkpoint)
{
    hark_scope s;
    hark_group g;
    int counter = 0;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    hark_group_open(&g);
    CHECK_GT(hark_go(&g, counts_twice, &counter), 0);
    CHECK_EQ(hark_group_close(&g, 0), -ECANCELED);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    return 0;
}

TEST_SEEDS(scope_CS_03_a_shield_keeps_the_outer_cancel_out_but_not_its_own)
{
    hark_scope outer, inner, within;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_cancel(&outer);
    CHECK_EQ(hark_yield(), -ECANCELED);
    hark_scope_shield(&inner, true);
    CHECK_EQ(hark_yield(), 0);
    hark_scope_open(&within, HARK_FOREVER);
    hark_scope_cancel(&within);
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&within, -ECANCELED), 0);
    CHECK_EQ(hark_yield(), 0);
    hark_scope_shield(&inner, false);
    CHECK_EQ(hark_yield(), -ECANCELED);
    hark_scope_shield(&inner, true);
    hark_scope_cancel(&inner);
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&inner, -ECANCELED), 0);
    CHECK(hark_scope_caught(&inner));
    CHECK_EQ(hark_scope_close(&outer, hark_checkpoint()), 0);
    CHECK(hark_scope_caught(&outer));
    return 0;
}

static int opens_a_group_of_leaves(void *counter)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, counter);
    hark_go(&g, counts_when_cut, counter);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(scope_CS_04_cancelling_a_group_reaches_grandchildren)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go(&g, opens_a_group_of_leaves, &cut);
    hark_go(&g, opens_a_group_of_leaves, &cut);
    CHECK_EQ(hark_settle(), 0);
    hark_group_cancel(&g);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 4);
    return 0;
}

TEST_SEEDS(scope_CS_05_taking_a_shield_away_wakes_who_sleeps_behind_it)
{
    hark_group g;
    hark_scope outer, inner;
    const int64_t start = hark_now();
    hark_group_open(&g);
    hark_scope_open(&outer, HARK_MS(5));
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_shield(&inner, true);
    hark_go_with(&g, obeys, (order){&inner, HARK_MS(20), UNSHIELD, 0});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_now() - start, HARK_MS(20));
    CHECK_EQ(hark_scope_close(&inner, -ECANCELED), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
    return hark_group_close(&g, 0);
}

TEST_TASK(scope_CS_06_a_deadline_moved_into_the_past_cancels_and_stays)
{
    hark_scope s;
    hark_scope_open(&s, HARK_S(10));
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    CHECK_EQ(hark_scope_set_deadline(&s, hark_now() - HARK_S(1)), 0);
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_scope_set_deadline(&s, HARK_FOREVER), 0);
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_TASK(scope_CS_06_a_scope_left_before_its_deadline_never_becomes_cancelled)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(10));
    CHECK_EQ(hark_scope_close(&s, 8), 8);
    CHECK_EQ(hark_sleep(HARK_MS(100)), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_TASK(scope_CS_08_a_shield_set_while_an_outer_cancel_propagates_does_not_make_inner_catch)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_cancel(&outer);
    const int rc = hark_event_wait(&never);
    hark_scope_shield(&inner, true);
    CHECK_EQ(hark_scope_close(&inner, rc), -ECANCELED);
    CHECK(!hark_scope_caught(&inner));
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    CHECK(hark_scope_caught(&outer));
    return 0;
}

TEST_TASK(scope_CS_09_a_cancel_right_after_open_shows_at_the_first_checkpoint)
{
    hark_scope s;
    int ran = 0;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    ran++; /* no checkpoint yet */
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK_EQ(ran, 1);
    return 0;
}

TEST_TASK(scope_CS_09_a_scope_that_is_not_open_takes_neither_cancel_nor_shield)
{
    hark_scope s = {0};
    CHECK_EQ(hark_scope_cancel(&s), -EINVAL);
    CHECK_EQ(hark_scope_shield(&s, true), -EINVAL);
    CHECK_EQ(hark_scope_open(&s, HARK_FOREVER), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return 0;
}

TEST_TASK(scope_CS_10_an_open_scope_can_not_be_opened_again_a_closed_one_can)
{
    hark_scope s, other;
    hark_scope_open(&s, HARK_FOREVER);
    CHECK_EQ(hark_scope_open(&s, HARK_FOREVER), -EALREADY);
    hark_scope_open(&other, HARK_FOREVER);
    CHECK_EQ(hark_scope_open(&s, 0), -EALREADY);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_scope_close(&other, 0), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_scope_cancel(&s), -EINVAL);
    CHECK_EQ(hark_scope_open(&s, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_close(&s, 2), 2);
    return 0;
}

static int opens_the_same(void *scope)
{
    CHECK_EQ(hark_scope_open(scope, HARK_FOREVER), -EALREADY);
    return hark_checkpoint();
}

TEST_TASK(scope_CS_10_two_tasks_can_not_open_one_scope)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    const hark_task t = hark_go(&g, opens_the_same, &s);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return hark_group_close(&g, 0);
}

TEST_TASK(scope_CS_11_a_cancelled_scope_never_becomes_uncancelled)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(1));
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_sleep(HARK_MS(2)), -ECANCELED);
    CHECK(hark_scope_cancelled(&s));
    hark_scope_set_deadline(&s, hark_now() + HARK_S(100));
    CHECK(hark_scope_cancelled(&s));
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    CHECK(hark_scope_cancelled(&s));
    return 0;
}

TEST_TASK(scope_CS_11_cancelled_is_true_once_the_deadline_has_passed_even_behind_a_shield)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_MS(1));
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_shield(&inner, true);
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    CHECK(hark_scope_cancelled(&outer));
    CHECK(!hark_scope_cancelled(&inner));
    CHECK_EQ(hark_scope_close(&inner, 0), 0);
    CHECK_EQ(hark_scope_close(&outer, hark_checkpoint()), -ETIMEDOUT);
    return 0;
}

/* ---- CS: out of order ------------------------------------------------------------------------ */

TEST_TASK(scope_CS_12_closing_the_outer_first_is_refused_and_cancels_the_inner)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    CHECK_EQ(hark_scope_close(&outer, 5), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_scope_close");
    CHECK(hark_scope_cancelled(&inner));
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, 5), -EINVAL); /* closed by now */
    CHECK_EQ(hark_scope_close(&inner, hark_checkpoint()), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

TEST_SEEDS(scope_CS_13_tasks_inside_what_was_skipped_are_cancelled)
{
    hark_scope s;
    hark_group g;
    int cut = 0;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, &cut);
    hark_go(&g, opens_a_group_of_leaves, &cut);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_close(&s, 0), -EINVAL);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -ECANCELED), 0);
    CHECK_EQ(cut, 3);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    return 0;
}

TEST_SEEDS(scope_CS_13_a_group_closed_before_what_is_open_inside_waits_and_is_closed)
{
    hark_group g, inside;
    hark_scope s;
    int counter = 0, cut = 0;
    hark_group_open(&g);
    hark_go(&g, counts_twice, &counter);
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&inside);
    hark_go(&inside, counts_when_cut, &cut);
    CHECK_EQ(hark_group_close(&g, 0), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_group_close");
    CHECK_GE(counter, 1);
    CHECK_EQ(hark_go(&g, parks, NULL), -EINVAL);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    const int rc = hark_group_close(&inside, -ECANCELED);
    CHECK_EQ(cut, 1);
    CHECK_EQ(hark_scope_close(&s, rc), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

static int closes_another_tasks(void *scope)
{
    CHECK_EQ(hark_scope_close(scope, 0), -EPERM);
    CHECK_HAS(hark_error_last(), "hark_scope_close");
    return hark_checkpoint();
}

TEST_SEEDS(scope_CS_14_another_task_can_not_close_a_scope_and_nothing_happens_to_it)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_S(1));
    const hark_task t = hark_go(&g, closes_another_tasks, &s);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(2))), -ETIMEDOUT);
    return hark_group_close(&g, 0);
}

static int leaves_a_scope_open(void *arg)
{
    static hark_scope s;
    (void)arg;
    hark_task_name("forgetful");
    return hark_scope_open(&s, HARK_FOREVER);
}

static int leaves_a_group_open(void *arg)
{
    static hark_group g;
    (void)arg;
    hark_task_name("forgetful");
    return hark_group_open(&g);
}

static int spawns(void *arg)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, *(hark_fn **)arg, NULL);
    return hark_group_close(&g, 0);
}

static void run_forgetful(hark_fn *fn, bool as_child)
{
    if (as_child) {
        RUN_VIRTUAL(spawns, &fn);
    } else {
        RUN_VIRTUAL(fn, NULL);
    }
}

TEST_DIES(scope_CS_15_returning_with_a_scope_open_stops_the_process, SIGABRT, "still open")
{
    run_forgetful(leaves_a_scope_open, true);
}

TEST_DIES(scope_CS_15_the_explanation_of_an_open_scope_names_the_task, SIGABRT, "forgetful")
{
    run_forgetful(leaves_a_scope_open, true);
}

TEST_DIES(scope_CS_15_main_that_returns_with_a_scope_open_stops_the_process, SIGABRT, "still open")
{
    run_forgetful(leaves_a_scope_open, false);
}

TEST_DIES(scope_CS_15_returning_with_a_group_open_stops_the_process, SIGABRT, "still open")
{
    run_forgetful(leaves_a_group_open, true);
}

TEST_DIES(scope_CS_15_the_explanation_of_an_open_group_names_the_task, SIGABRT, "forgetful")
{
    run_forgetful(leaves_a_group_open, true);
}

TEST_DIES(scope_CS_15_main_that_returns_with_a_group_open_stops_the_process, SIGABRT, "still open")
{
    run_forgetful(leaves_a_group_open, false);
}

TEST_TASK(scope_CS_16_three_scopes_closed_in_the_wrong_order_leave_a_working_task)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        hark_scope s[3];
        for (int j = 0; j < 3; j++) {
            CHECK_EQ(hark_scope_open(&s[j], HARK_FOREVER), 0);
        }
        int left = 7; /* a bit for each that is open */
        for (int j = 0; j < 3; j++) {
            const int k = orders[i][j];
            const bool innermost = left >> k == 1;
            CHECK_EQ(hark_scope_close(&s[k], 0), innermost ? 0 : -EINVAL);
            left &= ~(1 << k);
        }
        CHECK_EQ(hark_checkpoint(), 0);
        CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

/* Opens and closes at random; the model is a stack from which any element may be taken. */
TEST_TASK(scope_BG_73_random_orders_of_opening_and_closing_never_corrupt_the_task)
{
    enum { MANY = 16 };
    hark_scope s[MANY];
    int stack[MANY], depth = 0;
    bool open[MANY] = {false};
    uint64_t random = kit_seed() | 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const int i = (int)(random >> 33) % MANY;
        if (!open[i]) {
            CHECK_EQ(hark_scope_open(&s[i], HARK_FOREVER), 0);
            stack[depth++] = i;
            open[i] = true;
            continue;
        }
        const bool innermost = stack[depth - 1] == i;
        CHECK_EQ(hark_scope_close(&s[i], 0), innermost ? 0 : -EINVAL);
        int at = 0;
        while (stack[at] != i) {
            at++;
        }
        memmove(&stack[at], &stack[at + 1], (size_t)(--depth - at) * sizeof(int));
        open[i] = false;
        for (int j = at; j < depth; j++) {
            CHECK(hark_scope_cancelled(&s[stack[j]]));
        }
    }
    while (depth > 0) {
        CHECK_EQ(hark_scope_close(&s[stack[--depth]], 0), 0);
    }
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

/* ---- CS: what passes ------------------------------------------------------------------------- */

static int fails_when_cut(void *code)
{
    return hark_event_wait(&never) == -ECANCELED ? (int)(intptr_t)code : 0;
}

TEST_SEEDS(scope_CS_17_a_failure_among_cancellations_passes_through_the_cancelled_scope)
{
    hark_scope s;
    hark_group g;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        hark_go(&g, parks, NULL);
    }
    hark_go(&g, fails_when_cut, INT(-EIO));
    CHECK_EQ(hark_settle(), 0);
    hark_scope_cancel(&s);
    const int rc = hark_group_close(&g, 0);
    CHECK_EQ(rc, -EIO);
    CHECK_EQ(hark_scope_close(&s, rc), -EIO);
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_SEEDS(scope_CS_18_cancellations_only_vanish_in_the_scope_also_through_nested_groups)
{
    hark_scope s;
    hark_group outer, inner;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&outer);
    hark_go(&outer, parks, NULL);
    hark_group_open(&inner);
    hark_go(&inner, parks, NULL);
    CHECK_EQ(hark_settle(), 0);
    hark_scope_cancel(&s);
    int rc = hark_group_close(&inner, 0);
    CHECK_EQ(rc, -ECANCELED);
    rc = hark_group_close(&outer, rc);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, rc), 0);
    CHECK(hark_scope_caught(&s));
    return 0;
}

TEST_SEEDS(scope_CS_18_a_failure_in_the_inner_of_two_groups_comes_out_of_both)
{
    hark_scope s;
    hark_group outer, inner;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&outer);
    hark_go(&outer, parks, NULL);
    hark_group_open(&inner);
    hark_go(&inner, fails_when_cut, INT(-EIO));
    CHECK_EQ(hark_settle(), 0);
    hark_scope_cancel(&s);
    int rc = hark_group_close(&inner, 0);
    rc = hark_group_close(&outer, rc);
    CHECK_EQ(hark_scope_close(&s, rc), -EIO);
    return 0;
}

TEST_TASK(scope_CS_19_effective_deadline_is_the_nearest_that_applies_here)
{
    hark_scope a, b, c;
    const int64_t now = hark_now();
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    hark_scope_open(&a, HARK_S(10));
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(10));
    hark_scope_open(&b, HARK_S(5));
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(5));
    hark_scope_open(&c, HARK_S(20));
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(5));
    hark_scope_set_deadline(&b, now + HARK_S(30));
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(10));
    hark_scope_set_deadline(&a, HARK_FOREVER);
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(20));
    hark_scope_set_deadline(&a, now + HARK_S(1));
    hark_scope_shield(&c, true);
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(20));
    hark_scope_shield(&c, false);
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(1));
    hark_scope_shield(&b, true);
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(20));
    hark_scope_cancel(&a);
    CHECK_EQ(hark_effective_deadline(), now + HARK_S(20));
    hark_scope_shield(&b, false);
    CHECK_EQ(hark_effective_deadline(), INT64_MIN);
    hark_scope_shield(&c, true);
    hark_scope_cancel(&c);
    CHECK_EQ(hark_effective_deadline(), INT64_MIN);
    CHECK_EQ(hark_scope_close(&c, 0), 0);
    CHECK_EQ(hark_effective_deadline(), INT64_MIN);
    CHECK_EQ(hark_scope_close(&b, 0), 0);
    CHECK_EQ(hark_scope_close(&a, 0), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

static int tells_deadline(void *deadline)
{
    *(int64_t *)deadline = hark_effective_deadline();
    return 0;
}

TEST_SEEDS(scope_CS_19_children_have_the_deadlines_around_their_group)
{
    hark_scope s, inside;
    hark_group g;
    int64_t seen = 0;
    const int64_t now = hark_now();
    hark_scope_open(&s, HARK_S(3));
    hark_group_open(&g);
    hark_scope_open(&inside, HARK_S(1)); /* around the body only */
    hark_go(&g, tells_deadline, &seen);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_scope_close(&inside, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(seen, now + HARK_S(3));
    return (int)hark_scope_close(&s, 0);
}

TEST(scope_CS_19_outside_a_task_there_is_no_deadline)
{
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
}

TEST_TASK(scope_CS_20_a_timeout_counts_from_opening_and_a_negative_one_is_over_at_once)
{
    static const int64_t past[] = {0, -1, -HARK_S(5), INT64_MIN};
    hark_scope s;
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    hark_scope_open(&s, HARK_S(1));
    CHECK_EQ(hark_effective_deadline(), hark_now() + HARK_S(1));
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_scope_open(&s, past[i]), 0);
        CHECK_EQ(hark_checkpoint(), -ECANCELED);
        CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    }
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_TASK(scope_CS_20_a_huge_timeout_saturates)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER - 1);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    return 0;
}

TEST_TASK(scope_CS_21_the_first_reason_is_kept)
{
    hark_scope s;
    hark_scope_open(&s, HARK_MS(1));
    hark_scope_cancel(&s);
    hark_scope_set_deadline(&s, hark_now() - 1);
    CHECK_EQ(hark_scope_close(&s, hark_checkpoint()), 0);
    hark_scope_open(&s, 0);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    hark_scope_open(&s, HARK_MS(1));
    CHECK_EQ(hark_sleep(HARK_MS(2)), -ECANCELED);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    return 0;
}

TEST_TASK(scope_CS_22_a_misuse_in_a_cancelled_scope_is_not_masked)
{
    hark_scope s;
    hark_group zero = {0};
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, hark_group_cancel(&zero)), -EINVAL);
    CHECK(!hark_scope_caught(&s));
    CHECK_HAS(hark_error_last(), "hark_group_cancel");
    return 0;
}

TEST_TASK(scope_CS_23_moving_a_deadline_very_often_takes_no_memory_and_it_comes_once)
{
    hark_scope s;
    hark_scope_open(&s, HARK_S(1));
    CHECK_EQ(hark_sleep(1), 0);
    const int64_t now = hark_now();
    const size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 100000; i++) {
        CHECK_EQ(hark_scope_set_deadline(&s, now + HARK_S(1) + i % 7), 0);
    }
    CHECK_LE(mallinfo2().uordblks, before + 4096);
    CHECK_EQ(hark_scope_set_deadline(&s, now + HARK_MS(5)), 0);
    CHECK_EQ(hark_sleep(HARK_S(10)), -ECANCELED);
    CHECK_EQ(hark_now(), now + HARK_MS(5));
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    CHECK_EQ(hark_sleep(HARK_S(10)), 0);
    return 0;
}

TEST_SEEDS(scope_CS_24_cancellation_is_a_state_and_two_groups_in_a_row_can_be_cancelled)
{
    for (int i = 0; i < 2; i++) {
        hark_group g;
        hark_group_open(&g);
        hark_go(&g, parks, NULL);
        hark_group_cancel(&g);
        CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
        CHECK_EQ(hark_event_wait(&never), -ECANCELED);
        CHECK_EQ(hark_group_close(&g, -ECANCELED), 0);
        CHECK_EQ(hark_checkpoint(), 0);
    }
    return 0;
}

TEST_TASK(scope_CS_25_cancelled_without_a_checkpoint_afterwards_is_cancelled_but_not_caught)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK(hark_scope_cancelled(&s));
    CHECK(!hark_scope_caught(&s));
    return 0;
}

TEST_SEEDS(scope_CS_26_cancelling_the_group_from_inside_a_shield_shows_outside_the_shield_only)
{
    hark_group g;
    hark_scope shield;
    hark_group_open(&g);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_group_cancel(&g);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    CHECK_EQ(hark_effective_deadline(), INT64_MIN);
    CHECK_EQ(hark_sleep(HARK_MS(1)), -ECANCELED);
    CHECK_EQ(hark_sleep(HARK_MS(1)), -ECANCELED);
    CHECK_EQ(hark_group_close(&g, -ECANCELED), 0);
    return 0;
}

TEST_SEEDS(scope_CS_27_a_shielded_scope_can_be_cancelled_itself)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    hark_go_with(&g, obeys, (order){&s, HARK_MS(1), CANCEL, 0});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK(hark_scope_caught(&s));
    return hark_group_close(&g, 0);
}

/* Both outer scopes are cancelled inside the shield; the checkpoint is in the middle or outer. */
TEST_SEEDS(scope_CS_29_delivery_goes_on_after_a_shield)
{
    for (int in_outer = 0; in_outer < 2; in_outer++) {
        hark_scope outer, middle, shield;
        hark_scope_open(&outer, HARK_FOREVER);
        hark_scope_open(&middle, HARK_FOREVER);
        hark_scope_open(&shield, HARK_FOREVER);
        hark_scope_shield(&shield, true);
        hark_scope_cancel(&outer);
        hark_scope_cancel(&middle);
        CHECK_EQ(hark_yield(), 0);
        CHECK_EQ(hark_scope_close(&shield, 0), 0);
        const int rc = in_outer ? 0 : hark_yield();
        CHECK_EQ(rc, in_outer ? 0 : -ECANCELED);
        CHECK_EQ(hark_scope_close(&middle, rc), rc);
        CHECK_EQ(hark_yield(), -ECANCELED);
        CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
        CHECK(hark_scope_caught(&outer));
        CHECK(!hark_scope_caught(&middle));
    }
    return 0;
}

TEST_TASK(scope_CS_30_outer_cancelled_while_inners_own_cancel_propagates_the_outer_catches)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_cancel(&inner);
    const int rc = hark_event_wait(&never);
    hark_scope_cancel(&outer);
    CHECK_EQ(hark_scope_close(&inner, rc), -ECANCELED);
    CHECK(!hark_scope_caught(&inner));
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    CHECK(hark_scope_caught(&outer));
    return 0;
}

TEST_TASK(scope_CS_31_the_same_with_inner_shielded_the_inner_catches)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_shield(&inner, true);
    hark_scope_cancel(&inner);
    const int rc = hark_event_wait(&never);
    hark_scope_cancel(&outer);
    CHECK_EQ(hark_scope_close(&inner, rc), 0);
    CHECK(hark_scope_caught(&inner));
    CHECK_EQ(hark_scope_close(&outer, 0), 0);
    CHECK(!hark_scope_caught(&outer));
    return 0;
}

TEST_TASK(scope_CS_32_in_a_cancelled_outer_scope_a_nested_cancelled_one_does_not_catch)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_cancel(&outer);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_cancel(&inner);
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    return 0;
}

TEST_SEEDS(scope_CS_33_a_body_behind_a_shield_does_not_keep_the_cancel_from_the_children)
{
    hark_scope s, shield;
    hark_group g;
    int cut = 0;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, &cut);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    CHECK_EQ(hark_settle(), 0);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(cut, 1);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    return 0;
}

TEST_SEEDS(scope_CS_34_a_shield_can_be_set_and_taken_away_while_tasks_wait_behind_it)
{
    hark_group g;
    hark_scope outer, inner;
    const int64_t start = hark_now();
    hark_group_open(&g);
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_go_with(&g, obeys, (order){&inner, HARK_MS(1), SHIELD, 0});
    hark_go_with(&g, obeys, (order){&outer, HARK_MS(2), CANCEL, 0});
    hark_go_with(&g, obeys, (order){&inner, HARK_MS(3), UNSHIELD, 0});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_now() - start, HARK_MS(3));
    CHECK_EQ(hark_scope_close(&inner, -ECANCELED), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outer, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(scope_CS_34_a_shielded_groups_children_are_kept_from_an_outer_cancel)
{
    hark_scope outer, shield;
    hark_group g;
    int counter = 0;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_group_open(&g);
    hark_scope_cancel(&outer);
    hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 2);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    CHECK_EQ(hark_scope_close(&outer, hark_checkpoint()), 0);
    return 0;
}

static int returns_at_once(void *arg)
{
    (void)arg;
    return 0;
}

TEST_SEEDS(scope_CS_35_cancelling_when_all_children_have_ended_makes_no_stray_failure)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, returns_at_once, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    return 0;
}

TEST_TASK(scope_CS_36_an_inner_timeout_then_an_outer_cancel_without_a_checkpoint_nothing_escapes)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&inner, HARK_MS(1));
    CHECK_EQ(hark_scope_close(&inner, hark_event_wait(&never)), -ETIMEDOUT);
    hark_scope_cancel(&outer);
    CHECK_EQ(hark_scope_close(&outer, 0), 0);
    CHECK(!hark_scope_caught(&outer));
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_SEEDS(scope_CS_40_any_task_of_the_loop_may_cancel_shield_and_move_the_deadline)
{
    hark_group g;
    hark_scope s;
    const int64_t now = hark_now();
    hark_group_open(&g);
    hark_scope_open(&s, HARK_FOREVER);
    hark_go_with(&g, obeys, (order){&s, 0, SHIELD, 0});
    hark_go_with(&g, obeys, (order){&s, 0, MOVE_DEADLINE, now + HARK_MS(7)});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_now() - now, HARK_MS(7));
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), -ETIMEDOUT);
    hark_scope_open(&s, HARK_FOREVER);
    hark_go_with(&g, obeys, (order){&s, 0, CANCEL, 0});
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    return hark_group_close(&g, 0);
}

/* The scope's memory is the caller's again as soon as it is closed, its deadline included. */
TEST_TASK(scope_CS_42_nothing_refers_to_a_closed_scope)
{
    for (int i = 0; i < 100; i++) {
        hark_scope *s = malloc(sizeof(*s));
        hark_scope_open(s, HARK_MS(1 + i % 3));
        const int rc = i % 2 ? hark_sleep(HARK_MS(5)) : hark_yield();
        CHECK_EQ(hark_scope_close(s, rc), i % 2 ? -ETIMEDOUT : 0);
        memset(s, 0xA5, sizeof(*s));
        free(s);
    }
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    return 0;
}

TEST_TASK(scope_open_does_not_mind_what_the_memory_held)
{
    hark_scope s;
    for (int byte = 0; byte < 256; byte += 51) {
        memset(&s, byte, sizeof(s));
        CHECK_EQ(hark_scope_open(&s, HARK_FOREVER), 0);
        CHECK(!hark_scope_cancelled(&s));
        CHECK_EQ(hark_scope_close(&s, 0), 0);
        CHECK(!hark_scope_caught(&s));
    }
    return 0;
}

TEST_TASK(scope_close_passes_any_result_that_is_not_a_cancellation)
{
    static const int64_t values[] = {0, 1, INT64_MAX, -1, -ETIMEDOUT, -EIO, INT64_MIN, 1LL << 40};
    hark_scope s;
    for (int i = 0; i < 8; i++) {
        hark_scope_open(&s, HARK_FOREVER);
        hark_scope_cancel(&s);
        CHECK_EQ(hark_scope_close(&s, values[i]), values[i]);
    }
    return 0;
}

TEST_TASK(scope_5000_nested_are_cancelled_by_the_outermost_which_catches)
{
    enum { MANY = 5000 };
    hark_scope *s = calloc(MANY, sizeof(*s));
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_scope_open(&s[i], HARK_S(MANY - i)), 0);
    }
    CHECK_EQ(hark_effective_deadline(), hark_now() + HARK_S(1));
    CHECK_EQ(hark_scope_cancel(&s[0]), 0);
    int64_t rc = hark_event_wait(&never);
    CHECK_EQ(rc, -ECANCELED);
    for (int i = MANY - 1; i > 0; i--) {
        rc = hark_scope_close(&s[i], rc);
        CHECK_EQ(rc, -ECANCELED);
    }
    CHECK_EQ(hark_scope_close(&s[0], rc), 0);
    CHECK(hark_scope_caught(&s[0]));
    free(s);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_TASK(scope_5000_nested_time_out_one_after_another_from_the_inside)
{
    enum { MANY = 5000 };
    hark_scope *s = calloc(MANY, sizeof(*s));
    const int64_t start = hark_now();
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_scope_open(&s[i], HARK_MS(MANY - i)), 0);
    }
    for (int i = MANY - 1; i >= 0; i--) {
        CHECK_EQ(hark_scope_close(&s[i], hark_event_wait(&never)), -ETIMEDOUT);
        CHECK_EQ(hark_now() - start, HARK_MS(MANY - i));
    }
    free(s);
    return 0;
}

TEST_TASK(scope_closing_the_outermost_of_5000_cancels_all_the_others)
{
    enum { MANY = 5000 };
    hark_scope *s = calloc(MANY, sizeof(*s));
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_scope_open(&s[i], HARK_FOREVER), 0);
    }
    CHECK_EQ(hark_scope_close(&s[0], 0), -EINVAL);
    for (int i = 1; i < MANY; i++) {
        CHECK(hark_scope_cancelled(&s[i]));
    }
    for (int i = MANY - 1; i > 0; i--) {
        CHECK_EQ(hark_scope_close(&s[i], 0), 0);
    }
    free(s);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

/* ---- copies ---------------------------------------------------------------------------------- */

TEST_TASK(scope_a_copy_of_an_open_one_can_not_be_closed)
{
    hark_scope s, inner, copy;
    hark_group g, copied;
    hark_scope_open(&s, HARK_S(1));
    hark_scope_open(&inner, HARK_FOREVER);
    copy = s;
    CHECK_EQ(hark_scope_close(&copy, 0), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_scope_close");
    CHECK(!hark_scope_cancelled(&inner));
    CHECK_EQ(hark_scope_close(&inner, 0), 0);
    hark_group_open(&g);
    copied = g;
    CHECK_EQ(hark_group_close(&copied, 0), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_group_close");
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_scope_close(&s, 3), 3);
    return 0;
}

/* ---- asked from another loop ----------------------------------------------------------------- */

static hark_scope foreign;
static sem_t foreign_open, foreign_asked;

static int owns_a_scope(void *arg)
{
    (void)arg;
    hark_scope_open(&foreign, HARK_MS(1));
    int64_t end = kit_clock() + HARK_MS(2);
    while (kit_clock() < end) {}
    sem_post(&foreign_open); /* its deadline has passed, and its loop has not looked yet */
    sem_wait(&foreign_asked);
    CHECK_EQ(foreign.level.flags & LEVEL_CANCELLED, 0);
    return (int)hark_scope_close(&foreign, 0);
}

static void *runs_the_owner(void *arg)
{
    CHECK_EQ(hark_run(owns_a_scope, NULL), 0);
    return arg;
}

static int asks_from_afar(void *arg)
{
    (void)arg;
    sem_wait(&foreign_open);
    CHECK_EQ(hark_scope_cancelled(&foreign), false);
    sem_post(&foreign_asked);
    return 0;
}

TEST(scope_cancelled_asked_from_another_loop_changes_nothing)
{
    pthread_t thread;
    sem_init(&foreign_open, 0, 0);
    sem_init(&foreign_asked, 0, 0);
    pthread_create(&thread, NULL, runs_the_owner, NULL);
    CHECK_EQ(RUN(asks_from_afar, NULL), 0);
    pthread_join(thread, NULL);
}
