/* SPDX-License-Identifier: MIT
 *
 * cancel_test.c - cancellation at scale, and against those who will not listen.
 *
 * Idea     Trees of very many tasks are cancelled at once (a recursion over them would overflow the
 *          stack, a search per task would never end); tasks that ignore their cancellation, or
 *          whose waits are always over at once, must not keep the others from running.
 * Rules    1  "Does not starve" is counted in turns of the greedy task, never measured in seconds.
 *          2  Sizes shrink under sanitizers, to which a stack is as dear as a thread.
 * Not here Which scope catches (scope_test.c), what close returns (group_test.c).
 */
#include "kit.h"

#include <sys/resource.h>

/* ---- helpers --------------------------------------------------------------------------------- */

#define TEST_TASK(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN_VIRTUAL(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

#define TEST_TASK_REAL_TIME(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

static hark_event never;

static int counts_when_cut(void *counter)
{
    const int rc = hark_event_wait(&never);
    *(int *)counter += rc == -ECANCELED;
    return rc;
}

static int run_on_small_stacks(hark_fn *fn, void *arg)
{
    const hark_options options = {
        .size = sizeof(options), .virtual_clock = true, .stack_size = 16 << 10};
    return hark_run_with(&options, fn, arg);
}

/* ThreadSanitizer follows 8,000 stacks at most. */
static int so_many(int n)
{
    return kit_slow() > 1 ? n / 50 : n;
}

/* ---- trees ----------------------------------------------------------------------------------- */

typedef struct tree {
    int width, depth; /* children a node, levels below it */
    int *cut;
} tree;

static int grows(void *arg)
{
    const tree *t = arg;
    hark_group g;
    if (t->depth == 0) {
        return counts_when_cut(t->cut);
    }
    hark_group_open(&g);
    for (int i = 0; i < t->width; i++) {
        CHECK_GT(hark_go_with(&g, grows, (tree){t->width, t->depth - 1, t->cut}), 0);
    }
    return hark_group_close(&g, 0);
}

static int cancels_a_tree(void *arg)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_GT(hark_go_copy(&g, grows, arg, sizeof(tree)), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

static void check_tree(int width, int depth, int leaves)
{
    int cut = 0;
    tree t = {width, depth, &cut};
    CHECK_EQ(run_on_small_stacks(cancels_a_tree, &t), 0);
    CHECK_EQ(cut, leaves);
}

TEST_TIMEOUT(cancel_a_tree_of_100000_tasks_that_is_one_group, 60)
{
    check_tree(so_many(100000), 1, so_many(100000));
}

TEST_TIMEOUT(cancel_a_tree_of_100000_tasks_that_is_a_chain, 60)
{
    check_tree(1, so_many(100000), 1);
}

TEST_TIMEOUT(cancel_a_tree_of_100000_tasks_that_is_binary, 60)
{
    const int depth = kit_slow() > 1 ? 10 : 16;
    check_tree(2, depth, 1 << depth);
}

static int cancels_before_the_tree_has_grown(void *arg)
{
    hark_group g;
    hark_group_open(&g);
    CHECK_GT(hark_go_copy(&g, grows, arg, sizeof(tree)), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return 0;
}

TEST_TIMEOUT(cancel_reaches_a_tree_that_is_still_to_grow, 60)
{
    const int depth = kit_slow() > 1 ? 10 : 14;
    int cut = 0;
    tree t = {2, depth, &cut};
    CHECK_EQ(run_on_small_stacks(cancels_before_the_tree_has_grown, &t), 0);
    CHECK_EQ(cut, 1 << depth);
}

/* Nested groups of one task, with a child in each, so that levels and tasks alternate. */
static int opens_groups(void *arg)
{
    enum { MANY = 2000 };
    int *cut = arg;
    hark_group *g = calloc(MANY, sizeof(*g));
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_group_open(&g[i]), 0);
        CHECK_GT(hark_go(&g[i], counts_when_cut, cut), 0);
    }
    int rc = hark_event_wait(&never);
    for (int i = MANY - 1; i >= 0; i--) {
        rc = hark_group_close(&g[i], rc);
    }
    free(g);
    return rc;
}

TEST_TASK(cancel_a_task_with_2000_nested_groups)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, opens_groups, &cut);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 2000);
    return 0;
}

/* Cancelling and uncancelling (a shield) a tree very often does not lose the state. */
TEST_TASK(cancel_C15_a_storm_of_shields_over_a_cancelled_tree)
{
    hark_scope outer, shield;
    hark_group g;
    int cut = 0;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_group_open(&g);
    for (int i = 0; i < 20; i++) {
        hark_go(&g, counts_when_cut, &cut);
    }
    CHECK_EQ(hark_settle(), 0);
    hark_scope_cancel(&outer);
    for (int i = 0; i < 100000; i++) {
        CHECK_EQ(hark_scope_shield(&shield, true), 0);
        CHECK_EQ(hark_checkpoint(), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(cut, 0);
    for (int i = 0; i < 100000; i++) {
        CHECK_EQ(hark_scope_shield(&shield, i % 2), 0);
        CHECK_EQ(hark_checkpoint(), i % 2 ? 0 : -ECANCELED);
    }
    const int rc = hark_group_close(&g, 0); /* all were woken while it was not shielded */
    CHECK(rc == 0 || rc == -ECANCELED);
    CHECK_EQ(cut, 20);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    CHECK_EQ(hark_scope_close(&outer, 0), 0);
    return 0;
}

/* ---- who does not listen --------------------------------------------------------------------- */

enum { PATIENCE = 100000 }; /* turns that a greedy task may take until the others have had theirs */

typedef struct greedy {
    int turns, others; /* of the task itself; how often the others ran meanwhile */
    bool done;
} greedy;

static int runs_a_hundred_times(void *arg)
{
    greedy *g = arg;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_yield(), 0);
        g->others++;
    }
    g->done = true;
    return 0;
}

static int ignores_its_cancellation(void *arg)
{
    greedy *g = arg;
    hark_task_name("stubborn");
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    while (!g->done && g->turns < PATIENCE) {
        CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
        g->turns++;
    }
    return -ECANCELED;
}

static int ignores_its_cancelled_waits(void *arg)
{
    greedy *g = arg;
    hark_event set = HARK_EVENT_INIT;
    hark_event_set(&set);
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    while (!g->done && g->turns < PATIENCE) {
        CHECK_EQ(hark_event_wait(g->turns % 2 ? &set : &never), -ECANCELED);
        g->turns++;
    }
    return -ECANCELED;
}

static int waits_for_what_is_ready(void *arg)
{
    greedy *g = arg;
    hark_event set = HARK_EVENT_INIT;
    hark_event_set(&set);
    while (!g->done && g->turns < PATIENCE) {
        CHECK_EQ(hark_event_wait(&set), 0);
        g->turns++;
    }
    return 0;
}

static void check_not_starved(hark_fn *greedy_fn)
{
    hark_group g;
    greedy state = {0};
    hark_group_open(&g);
    hark_go(&g, greedy_fn, &state);
    hark_go(&g, runs_a_hundred_times, &state);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(state.others, 100);
    CHECK_GT(state.turns, 100);
    CHECK_LT(state.turns, PATIENCE);
}

TEST_TASK(cancel_a_task_that_ignores_it_for_ever_does_not_starve_others)
{
    check_not_starved(ignores_its_cancellation);
    return 0;
}

TEST_TASK(cancel_a_task_that_ignores_its_cut_waits_does_not_starve_others)
{
    check_not_starved(ignores_its_cancelled_waits);
    return 0;
}

TEST_TASK(cancel_a_task_whose_waits_are_always_over_at_once_does_not_starve_others)
{
    check_not_starved(waits_for_what_is_ready);
    return 0;
}

static int ignores_until_a_timer(void *arg)
{
    greedy *g = arg;
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    while (!g->done) {
        CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    }
    return -ECANCELED;
}

static int is_ready_until_a_timer(void *arg)
{
    greedy *g = arg;
    hark_event set = HARK_EVENT_INIT;
    hark_event_set(&set);
    while (!g->done) {
        CHECK_EQ(hark_event_wait(&set), 0);
    }
    return 0;
}

static int greedy_against_timer(void *arg)
{
    hark_group g;
    greedy state = {0};
    hark_group_open(&g);
    hark_go(&g, *(hark_fn **)arg, &state);
    CHECK_EQ(hark_sleep(HARK_MS(3)), 0);
    state.done = true;
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(cancel_a_task_that_ignores_it_does_not_starve_timers)
{
    hark_fn *fn = ignores_until_a_timer;
    CHECK_EQ(RUN(greedy_against_timer, &fn), 0);
}

TEST_ON_HUBS(cancel_a_task_whose_waits_are_always_over_at_once_does_not_starve_timers)
{
    hark_fn *fn = is_ready_until_a_timer;
    CHECK_EQ(RUN(greedy_against_timer, &fn), 0);
}

static int run_stubborn(void *arg)
{
    (void)arg;
    check_not_starved(ignores_its_cancellation);
    return 0;
}

/* What fn writes to descriptor 2. */
static void stderr_of(hark_fn *fn, char *text, size_t size)
{
    FILE *file = tmpfile();
    const int saved = dup(2);
    CHECK(file && saved >= 0);
    fflush(stderr);
    dup2(fileno(file), 2);
    const int rc = RUN_VIRTUAL(fn, NULL);
    fflush(stderr);
    dup2(saved, 2);
    const ssize_t n = pread(fileno(file), text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    fclose(file);
    close(saved);
    CHECK_EQ(rc, 0);
}

TEST(cancel_a_task_that_ignores_it_for_ever_is_reported)
{
    static char text[1 << 16];
    stderr_of(run_stubborn, text, sizeof(text));
    CHECK_HAS(text, "stubborn");
    CHECK_LT(strlen(text), 4096); /* reported, not shouted */
}

/* ---- idle is idle ---------------------------------------------------------------------------- */

static int sleeps_in_a_shield(void *arg)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_shield(&s, true);
    CHECK_EQ(hark_sleep(HARK_MS(200)), 0);
    return (int)hark_scope_close(&s, arg ? 0 : -ECANCELED);
}

static int64_t cpu_used(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return HARK_S(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           HARK_US(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

TEST_TASK_REAL_TIME(cancel_BG_90_a_cancelled_scope_with_a_shielded_sleeper_burns_no_cpu)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, sleeps_in_a_shield, NULL);
    CHECK_EQ(hark_settle(), 0);
    hark_group_cancel(&g);
    const int64_t before = cpu_used();
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LT(cpu_used() - before, HARK_MS(40) * kit_slow());
    return 0;
}

/* ---- any order ------------------------------------------------------------------------------- */

/* Random deeds on a small tree; whatever happens, closing waits for all, nothing is left over. */
typedef struct chaos {
    uint64_t random;
    hark_group *groups[4];
    hark_task tasks[64];
    int spawned, begun, ended;
} chaos;

static uint32_t draw(chaos *c, uint32_t below)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(c->random >> 33) % below;
}

static int is_chaotic(void *arg);

static void do_something(chaos *c)
{
    hark_group *g = c->groups[draw(c, 4)];
    switch (draw(c, 6)) {
    case 0:
        if (g && c->spawned < 64) {
            const hark_task t = hark_go(g, is_chaotic, c);
            if (t > 0) {
                c->tasks[c->spawned++] = t;
            }
        }
        break;
    case 1:
        if (c->spawned > 0) {
            hark_task_cancel(c->tasks[draw(c, (uint32_t)c->spawned)]);
        }
        break;
    case 2:
        if (g && draw(c, 8) == 0) {
            hark_group_cancel(g);
        }
        break;
    case 3: hark_within(HARK_MS(draw(c, 3)), hark_sleep(HARK_MS(draw(c, 3)))); break;
    case 4:
        if (c->spawned > 0) {
            hark_within(HARK_MS(5), hark_task_wait(c->tasks[draw(c, (uint32_t)c->spawned)]));
        }
        break;
    default: hark_yield();
    }
}

static int is_chaotic(void *arg)
{
    chaos *c = arg;
    c->begun++;
    for (uint32_t i = draw(c, 10); i > 0; i--) {
        do_something(c);
    }
    c->ended++;
    return draw(c, 20) == 0 ? -EIO : 0;
}

static int chaotic_tree(void *arg)
{
    chaos *c = arg;
    hark_group groups[4];
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_group_open(&groups[i]), 0);
        c->groups[i] = &groups[i];
        const hark_task t = hark_go(&groups[i], is_chaotic, c);
        CHECK_GT(t, 0);
        c->tasks[c->spawned++] = t;
    }
    for (int i = 0; i < 20; i++) {
        do_something(c);
    }
    for (int i = 3; i >= 0; i--) {
        const int rc = hark_group_close(&groups[i], 0);
        c->groups[i] = NULL;
        CHECK(rc == 0 || rc == -EIO || rc == -ECANCELED);
    }
    CHECK_EQ(c->begun, c->spawned);
    CHECK_EQ(c->ended, c->spawned);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

TEST_TIMEOUT(cancel_random_deeds_on_a_tree_leave_nothing_over_in_any_order, 60)
{
    for (int seed = 0; seed <= 1000 / kit_slow(); seed++) {
        chaos c = {.random = kit_seed() + (uint64_t)seed};
        const hark_options options = {
            .size = sizeof(options), .virtual_clock = true, .seed = (uint64_t)seed};
        printf("%d ", seed);
        CHECK_EQ(hark_run_with(&options, chaotic_tree, &c), 0);
    }
}
