/* SPDX-License-Identifier: MIT
 *
 * planted_test.c - the search must find each of the bugs of base/planted.h within its budget.
 *
 * Why      A search that is too small, an audit that has a blind spot, a model whose checks cannot
 *          fail: all of these look like success. Here they look like failure.
 * Idea     One test a bug: the bug is woken, the model that is said to find it is searched, and that
 *          must fail within so many schedules. Where a bug lies below what a model can order (the
 *          atomics of the post box, real threads) a test of the kit must fail instead.
 *          A finder is proposed by `KIT_REPORT=FILE hark-planted planted_propose`.
 * Rules    1  Every bug of the list has a finder: one without is a test that fails.
 *          2  Asleep, the finder must not fail: else it would find anything.
 *          3  A test reports what was needed: ./dev ledger reads it.
 */
#include <sys/wait.h>

#include "base/planted.h"
#include "model.h"

enum hark__planted_bug hark__planted;

struct finder {
    enum hark__planted_bug bug;
    const char *model;  /* or a test, as its name stands in the kit */
    uint64_t schedules; /* the budget; 0: its torture */
};

#define FINDER(bug, model, schedules) {HARK__PLANTED_##bug, model, schedules},
#define IN_TORTURE                    0
#define BY_TEST                       UINT64_MAX

static const struct finder finders[] = {
#include "finders.h"
};

#define NAME_OF(bug, words) [HARK__PLANTED_##bug] = #bug,
static const char *const names[] = {HARK__PLANTED_BUGS(NAME_OF)};

static const struct finder *finder_of(enum hark__planted_bug bug)
{
    for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
        if (finders[i].bug == bug) {
            return &finders[i];
        }
    }
    return NULL;
}

/* ---- by a model ------------------------------------------------------------------------------ */

static const kit_model *model_called(const char *name)
{
    const kit_model *model;

    for (size_t i = 0; (model = kit_model_at(i)); i++) {
        if (strcmp(model->exploration.name, name) == 0) {
            return model;
        }
    }
    return NULL;
}

static int search(const struct finder *finder, const kit_model *model, hark_explored *result)
{
    hark_exploration exploration = model->exploration;

    exploration.quiet = true;
    exploration.schedules = finder->schedules ? finder->schedules : 1;
    exploration.faults = finder->schedules ? 0 : HARK_FAULT_ALL;
    return hark_explore(&exploration, result);
}

static void must_be_found(const struct finder *finder, const kit_model *model)
{
    hark_explored result;

    hark__planted = HARK__PLANTED_NONE;
    CHECK_EQ(search(finder, model, &result), 0);
    hark__planted = finder->bug;
    CHECK_EQ(search(finder, model, &result), 1);
    kit_report("%s by %s%s after %" PRIu64 " schedules, %.2f ms: %s\n", names[finder->bug],
               finder->model, finder->schedules ? "" : " (faults)", result.schedules,
               (double)result.took / 1e6, result.words);
}

/* ---- by a test ------------------------------------------------------------------------------- */

extern const kit_test *const __start_kit_tests[], *const __stop_kit_tests[];

static const kit_test *test_called(const char *name)
{
    for (const kit_test *const *test = __start_kit_tests; test < __stop_kit_tests; test++) {
        if (strcmp((*test)->name, name) == 0) {
            return *test;
        }
    }
    return NULL;
}

static bool fails(const kit_test *test, enum hark__planted_bug bug)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        hark__planted = bug;
        alarm(20); /* a hang is a failure, too */
        test->body();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status != 0;
}

static void test_must_find(const struct finder *finder, const kit_test *test)
{
    const int64_t began = kit_clock();

    CHECK(!fails(test, HARK__PLANTED_NONE));
    CHECK(fails(test, finder->bug));
    kit_report("%s by the test %s, %.2f ms\n", names[finder->bug], finder->model,
               (double)(kit_clock() - began) / 1e6);
}

/* ---- looking for finders --------------------------------------------------------------------- */

/* The model that finds the bug soonest; its torture, if no model's orders do. */
static void propose(enum hark__planted_bug bug)
{
    struct finder best = {bug, "nothing", UINT64_MAX};
    const kit_model *model;

    hark__planted = bug;
    for (int torture = 0; torture <= 1 && best.schedules == UINT64_MAX; torture++) {
        for (size_t i = 0; (model = kit_model_at(i)); i++) {
            const struct finder finder = {bug, model->exploration.name, torture ? IN_TORTURE : 20000};
            hark_explored result;
            if (search(&finder, model, &result) == 1 && result.schedules < best.schedules) {
                best.model = finder.model;
                best.schedules = torture ? IN_TORTURE : result.schedules;
            }
        }
    }
    const bool by_orders = best.schedules && best.schedules != UINT64_MAX;
    kit_report("FINDER(%s, \"%s\", %" PRIu64 ")\n", names[bug], best.model,
               by_orders ? best.schedules / 500 * 1000 + 1000 : best.schedules);
}

/* For whoever plants a bug: KIT_REPORT=FILE hark-planted planted_propose */
TEST_HIDDEN_TIMEOUT(planted_propose, 3000)
{
#define PROPOSE(bug, words) propose(HARK__PLANTED_##bug);
    HARK__PLANTED_BUGS(PROPOSE)
#undef PROPOSE
}

/* ---- one test a bug -------------------------------------------------------------------------- */

static void try_bug(enum hark__planted_bug bug)
{
    const struct finder *finder = finder_of(bug);

    CHECK(finder != NULL);
    const kit_model *model = model_called(finder->model);
    const kit_test *test = test_called(finder->model);
    CHECK(model != NULL || test != NULL);
    if (model) {
        must_be_found(finder, model);
    } else {
        test_must_find(finder, test);
    }
}

#define TEST_BUG(bug, words) \
    TEST_TIMEOUT(planted_##bug, 120) \
    { \
        try_bug(HARK__PLANTED_##bug); \
    }
HARK__PLANTED_BUGS(TEST_BUG)
