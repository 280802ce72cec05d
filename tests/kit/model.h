/* SPDX-License-Identifier: MIT
 *
 * model.h - a scenario that is tried in every order, and with every fault.
 *
 *     MODEL(event_set_against_cancel, .yields = 2)
 *     {
 *         ... the main task of a loop on the simulated hub, with a virtual clock ...
 *         MUST(order == expected);        true in every schedule, whatever fault there is
 *         WANT(rc == 0);                  true unless a fault was put in
 *         return rc;                      0, or a negative code that a fault has caused
 *     }
 *
 * Each makes two tests: model_<name> tries all orders and wants the search to be complete,
 * torture_<name> cancels every task at every step, stops the run at every step, and lets every
 * allocation and every system call fail.
 *
 * Rules    1  A model is small: two to four tasks, a handful of steps each. Statics are set at its
 *             beginning: they are what the schedule before has left.
 *          2  Every call may answer -ECANCELED or -ENOMEM: a model goes on cleaning up, and checks
 *             with WANT what only holds undisturbed. (Then what stands in WANT is not even run.)
 *          3  In ./dev test a model gets some ten thousand schedules; in ./dev check (KIT_PROOF=1) all,
 *             and beyond its bounds 100,000 by PCT at depth 3 and 20,000 drawn evenly.
 *          4  ./dev explore NAME runs one, with its figures.
 */
#ifndef HARK_TESTS_MODEL_H
#define HARK_TESTS_MODEL_H

#include <hark/testing.h>

#include "kit.h"

#define MUST(expr) HARK_TEST_CHECK(expr)
#define WANT(expr) (hark_test_disturbed() ? (void)0 : HARK_TEST_CHECK(expr))

/* The options are fields of hark_exploration. */
#define MODEL(model, ...) \
    static int kit_model_main_##model(void *arg); \
    static const kit_model kit_model_##model = {__FILE__, \
                                                {.size = sizeof(hark_exploration), \
                                                 .name = #model, \
                                                 .main = kit_model_main_##model, \
                                                 __VA_ARGS__}}; \
    __attribute__((used, \
                   section("kit_models"))) static const kit_model *const kit_model_entry_##model = \
        &kit_model_##model; \
    TEST_TIMEOUT(model_##model, KIT_MODEL_SECONDS) \
    { \
        kit_model_search(&kit_model_##model); \
    } \
    TEST_TIMEOUT(torture_##model, KIT_MODEL_SECONDS) \
    { \
        kit_model_torture(&kit_model_##model); \
    } \
    static int kit_model_main_##model(__attribute__((unused)) void *arg)

enum { KIT_MODEL_SECONDS = 240, KIT_MODEL_SHORT = 10000 };
enum { KIT_MODEL_PCT = 100000, KIT_MODEL_RANDOM = 20000 }; /* rule 3: beyond the bounds */

typedef struct kit_model {
    const char *file;
    hark_exploration exploration;
} kit_model;

void kit_model_search(const kit_model *model);
void kit_model_torture(const kit_model *model);

/* A line for whoever asked for it: into the file $KIT_REPORT (a passing test prints nothing). */
void kit_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Every model of the program; NULL ends them. */
const kit_model *kit_model_at(size_t index);

/* hark-tests --explore [MODEL...] [--seed N] [--random|--pct] [--schedules N] [--faults] [--replay T] */
int kit_explore_main(int argc, char **argv);

#endif
