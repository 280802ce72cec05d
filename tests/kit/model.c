/* SPDX-License-Identifier: MIT
 *
 * model.c - runs the models: as tests, and for `./dev explore`.
 *
 * As a test a model must not fail, and in the long mode (KIT_PROOF=1) its search must be complete; then
 * orders beyond its bounds are drawn at random.
 * For people it prints a line a model: how many schedules, how long, whether that was all.
 */
#include "model.h"

#include <stdarg.h>

extern const kit_model *const __start_kit_models[] __attribute__((weak)), *const __stop_kit_models[]
    __attribute__((weak));

const kit_model *kit_model_at(size_t index)
{
    return index < (size_t)(__stop_kit_models - __start_kit_models) ? __start_kit_models[index]
                                                                    : NULL;
}

void kit_report(const char *format, ...)
{
    const char *path = getenv("KIT_REPORT");
    FILE *file = path ? fopen(path, "ae") : NULL;
    va_list arguments;

    if (file) {
        va_start(arguments, format);
        vfprintf(file, format, arguments);
        va_end(arguments);
        fclose(file);
    }
}

/* ---- as tests ---------------------------------------------------------------------------------- */

static bool is_long(void)
{
    const char *proof = getenv("KIT_PROOF");
    return proof && strcmp(proof, "1") == 0;
}

/* Models are one thread's, also where they speak of another: there is no race to see. */
#ifdef __SANITIZE_THREAD__
#define LOOKS_FOR_RACES true
#else
#define LOOKS_FOR_RACES false
#endif

/* Orders that the bounds have kept out of the search, drawn from the test's seed. */
static void draw_beyond_the_bounds(const kit_model *model)
{
    for (int strategy = HARK_EXPLORE_PCT; strategy <= HARK_EXPLORE_RANDOM; strategy++) {
        hark_exploration exploration = model->exploration;
        exploration.strategy = (enum hark_strategy)strategy;
        exploration.schedules = strategy == HARK_EXPLORE_PCT ? KIT_MODEL_PCT : KIT_MODEL_RANDOM;
        exploration.seed = kit_seed();
        CHECK_EQ(hark_explore(&exploration, NULL), 0);
    }
}

void kit_model_search(const kit_model *model)
{
    hark_exploration exploration = model->exploration;
    hark_explored result;
    uint64_t most = (uint64_t)(KIT_MODEL_SHORT / kit_slow());

    if (LOOKS_FOR_RACES) {
        SKIP("one thread alone: there is no race to see");
    }
    if (!is_long() && (!exploration.schedules || exploration.schedules > most)) {
        exploration.schedules = most;
    }
    exploration.faults = 0;
    CHECK_EQ(hark_explore(&exploration, &result), 0);
    CHECK(result.complete || !is_long() || exploration.strategy != HARK_EXPLORE_ALL);
    printf("%" PRIu64 " schedules%s\n", result.schedules, result.complete ? ", all" : "");
    if (is_long()) {
        draw_beyond_the_bounds(model);
    }
}

void kit_model_torture(const kit_model *model)
{
    hark_exploration exploration = model->exploration;
    hark_explored result;

    if (LOOKS_FOR_RACES) {
        SKIP("one thread alone: there is no race to see");
    }
    exploration.schedules = 1;
    exploration.faults = HARK_FAULT_ALL;
    CHECK_EQ(hark_explore(&exploration, &result), 0);
    CHECK_GT(result.faults, 0);
    printf("%" PRIu64 " faults\n", result.faults);
    if (is_long()) {
        exploration.strategy = HARK_EXPLORE_RANDOM;
        exploration.schedules = 5;
        exploration.seed = kit_seed();
        CHECK_EQ(hark_explore(&exploration, NULL), 0);
    }
}

/* ---- for people -------------------------------------------------------------------------------- */

typedef struct request {
    hark_exploration asked; /* what stands here goes before what the model says */
    bool strategy_asked;
    char **names;
    int name_count;
} request;

static _Noreturn void usage(void)
{
    fputs("usage: explore [MODEL...] [--seed N] [--random | --pct] [--depth N] [--schedules N]\n"
          "               [--faults] [--replay TRACE]\n"
          "Without a model: all of them. A model's name may be cut short.\n",
          stderr);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    const unsigned long long value = text ? strtoull(text, &end, 0) : 0;

    if (!text || end == text || *end) {
        usage();
    }
    return value;
}

static request parse(int argc, char **argv)
{
    request r = {.names = argv};

    for (int i = 0; i < argc; i++) {
        char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (argv[i][0] != '-') {
            r.names[r.name_count++] = argv[i];
        } else if (strcmp(argv[i], "--seed") == 0) {
            r.asked.seed = number(next);
            i++;
        } else if (strcmp(argv[i], "--schedules") == 0) {
            r.asked.schedules = number(next);
            i++;
        } else if (strcmp(argv[i], "--depth") == 0) {
            r.asked.depth = (int)number(next);
            i++;
        } else if (strcmp(argv[i], "--replay") == 0 && next) {
            r.asked.replay = next;
            i++;
        } else if (strcmp(argv[i], "--faults") == 0) {
            r.asked.faults = HARK_FAULT_ALL;
        } else if (strcmp(argv[i], "--random") == 0 || strcmp(argv[i], "--pct") == 0) {
            r.strategy_asked = true;
            r.asked.strategy = argv[i][2] == 'p' ? HARK_EXPLORE_PCT : HARK_EXPLORE_RANDOM;
        } else {
            usage();
        }
    }
    if (r.asked.seed && !r.strategy_asked) {
        r.strategy_asked = true;
        r.asked.strategy = HARK_EXPLORE_RANDOM;
    }
    return r;
}

static bool is_asked_for(const request *r, const kit_model *model)
{
    for (int i = 0; i < r->name_count; i++) {
        if (strncmp(model->exploration.name, r->names[i], strlen(r->names[i])) == 0) {
            return true;
        }
    }
    return r->name_count == 0;
}

/* Orders that are drawn are many, and each has its faults: those of the first must do. */
static int explore_orders_then_faults(hark_exploration *e, hark_explored *result)
{
    const unsigned faults = e->faults;
    hark_explored orders;

    e->faults = 0;
    const int found = hark_explore(e, &orders);
    *result = orders;
    if (found) {
        return found;
    }
    e->faults = faults;
    e->schedules = 1;
    const int found_by_faults = hark_explore(e, result);
    result->schedules += orders.schedules - 1;
    result->took += orders.took;
    return found_by_faults;
}

/* True: it did not fail. */
static bool explore(const request *r, const kit_model *model)
{
    hark_exploration e = model->exploration;
    hark_explored result;

    e.strategy = r->strategy_asked ? r->asked.strategy : e.strategy;
    e.schedules = r->asked.schedules ? r->asked.schedules : e.schedules;
    e.seed = r->asked.seed ? r->asked.seed : e.seed;
    e.depth = r->asked.depth ? r->asked.depth : e.depth;
    e.faults = r->asked.faults;
    e.replay = r->asked.replay;
    const bool apart = e.faults && e.strategy != HARK_EXPLORE_ALL && !r->asked.schedules && !e.replay;
    const int found = apart ? explore_orders_then_faults(&e, &result) : hark_explore(&e, &result);
    if (found < 0) {
        fprintf(stderr, "%s: %s\n", e.name, hark_error_last());
        return false;
    }
    if (!e.replay) {
        const double seconds = (double)result.took / 1e9;
        printf("%-52s %10" PRIu64 " schedules %s %9" PRIu64 " faults %8.2f s %9.0f /s%s\n", e.name,
               result.schedules - result.faults, result.complete ? "all " : "some", result.faults,
               seconds, (double)result.schedules / seconds, found ? "  FAILED" : "");
        fflush(stdout);
    }
    return found == 0;
}

int kit_explore_main(int argc, char **argv)
{
    const request r = parse(argc, argv);
    int passed = 0, failed = 0;
    const kit_model *model;

    for (size_t i = 0; (model = kit_model_at(i)); i++) {
        if (is_asked_for(&r, model)) {
            *(explore(&r, model) ? &passed : &failed) += 1;
        }
    }
    if (passed + failed == 0) {
        fputs("there is no such model\n", stderr);
        return 2;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
