/* SPDX-License-Identifier: MIT
 *
 * task_test.c - tasks: identity, arguments, waiting for one, cancelling one, their names.
 *
 * Idea     One short test a promise; TA-.. of tests/LEDGER.md where an asyncio promise has a meaning
 *          when cancellation is a state of a scope (a task's own scope, here).
 * Rules    1  A promise that does not depend on the order of ready tasks is run for many seeds.
 *          2  Time is virtual.
 * Not here Groups (group_test.c), stacks and options of a run (stack_test.c).
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

static int counts_twice(void *counter)
{
    ++*(int *)counter;
    const int rc = hark_yield();
    *(int *)counter += rc == 0;
    return rc;
}

/* ---- TA: cancelling one task ----------------------------------------------------------------- */

TEST_SEEDS(task_TA_01_cancel_of_a_living_task_is_accepted_of_an_ended_one_refused)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, counts_when_cut, &cut);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(hark_task_cancel(t), -ESRCH);
    CHECK_EQ(cut, 1);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(task_TA_02_cancelled_before_its_first_run_it_still_runs_to_its_first_checkpoint)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, counts_twice, &counter);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(counter, 1);
    return hark_group_close(&g, 0);
}

static int cancels_itself_and_yields(void *counter)
{
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    ++*(int *)counter;
    CHECK_EQ(hark_yield(), -ECANCELED);
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    ++*(int *)counter;
    return -ECANCELED;
}

TEST_SEEDS(task_TA_03_a_task_that_cancels_itself_is_cut_at_its_next_checkpoint)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    hark_go(&g, cancels_itself_and_yields, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 2);
    return 0;
}

static int cancels_itself_and_returns(void *code)
{
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    return (int)(intptr_t)code;
}

TEST_SEEDS(task_TA_04_a_task_that_cancels_itself_and_returns_is_no_failure_unless_it_fails)
{
    static const int codes[] = {0, 42, -ECANCELED, -EIO};
    for (int i = 0; i < 4; i++) {
        hark_group g;
        hark_group_open(&g);
        hark_go(&g, cancels_itself_and_returns, INT(codes[i]));
        CHECK_EQ(hark_group_close(&g, 0), codes[i] == -EIO ? -EIO : 0);
    }
    return 0;
}

static int goes_on_after_the_cut(void *counter)
{
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    hark_scope shield;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    hark_scope_close(&shield, 0);
    ++*(int *)counter;
    return 42;
}

TEST_SEEDS(task_TA_05_a_task_may_ignore_its_cancellation_and_end_normally)
{
    hark_group g;
    int counter = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, goes_on_after_the_cut, &counter);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(t);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

static int waits_for_task(void *task)
{
    return hark_task_wait(*(hark_task *)task);
}

TEST_SEEDS(task_TA_09_cancelling_who_waits_never_cancels_what_is_waited_for)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_task worker = hark_go(&g, counts_when_cut, &cut);
    const hark_task waiter = hark_go(&g, waits_for_task, &worker);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(waiter), 0);
    CHECK_EQ(hark_task_wait(waiter), 0);
    CHECK_EQ(cut, 0);
    CHECK_EQ(hark_task_cancel(worker), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 1);
    return 0;
}

static int has_two_children(void *counter)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, counts_when_cut, counter);
    hark_go(&g, counts_when_cut, counter);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(task_TA_10_cancelling_a_task_reaches_the_groups_it_has_opened)
{
    hark_group g;
    int cut = 0, other = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, has_two_children, &cut);
    const hark_task sibling = hark_go(&g, has_two_children, &other);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(cut, 2);
    CHECK_EQ(other, 0);
    CHECK_EQ(hark_task_cancel(sibling), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(other, 2);
    return 0;
}

static int cancels_itself_and_has_children(void *counter)
{
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    return has_two_children(counter);
}

TEST_SEEDS(task_TA_11_a_task_that_cancels_itself_and_then_waits_for_children_cancels_them)
{
    hark_group g;
    int cut = 0;
    hark_group_open(&g);
    hark_go(&g, cancels_itself_and_has_children, &cut);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(cut, 2);
    return 0;
}

static int sleeps_an_hour(void *arg)
{
    (void)arg;
    return hark_sleep(HARK_S(3600));
}

TEST_SEEDS(task_TA_12_cancelling_a_sleeper_drops_its_timer)
{
    hark_group g;
    const int64_t start = hark_now();
    hark_group_open(&g);
    const hark_task t = hark_go(&g, sleeps_an_hour, NULL);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(t);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_now(), start);
    CHECK_EQ(hark_sleep(HARK_S(7200)), 0);
    return 0;
}

TEST_TASK(task_TA_15_waiting_for_oneself_is_refused)
{
    CHECK_EQ(hark_task_wait(hark_self()), -EDEADLK);
    CHECK_HAS(hark_error_last(), "hark_task_wait");
    return 0;
}

static int knows_itself(void *own)
{
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_self(), *(hark_task *)own);
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

TEST_SEEDS(task_TA_16_self_is_right_in_tasks_that_take_turns)
{
    hark_group g;
    hark_task own[3];
    const hark_task me = hark_self();
    CHECK_GT(me, 0);
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        own[i] = hark_go(&g, knows_itself, &own[i]);
        CHECK_NE(own[i], me);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_self(), me);
    return 0;
}

TEST(task_TA_16_outside_a_task_self_is_0)
{
    CHECK_EQ(hark_self(), 0);
}

typedef struct lap {
    int number, laps;
} lap;

static int logs_laps(void *arg)
{
    const lap *l = arg;
    for (int i = 0; i < l->laps; i++) {
        kit_log("%d", l->number);
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

TEST_TASK(task_TA_20_tasks_start_in_the_order_of_spawning_and_a_yield_is_one_turn)
{
    hark_group g;
    hark_group_open(&g);
    for (int i = 1; i <= 3; i++) {
        hark_go_with(&g, logs_laps, (lap){i, 3});
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("1 2 3 1 2 3 1 2 3");
    return 0;
}

static int waits_for_event(void *arg)
{
    hark_event *e = arg;
    const int first = hark_event_wait(e);
    const int second = hark_event_wait(&never);
    kit_log("%s %s", first == 0 ? "woken" : "cut", second == -ECANCELED ? "cut" : "woken");
    return second;
}

TEST_SEEDS(task_TA_22_a_task_that_was_woken_and_then_cancelled_in_one_turn_got_what_it_waited_for)
{
    hark_group g;
    hark_event e = HARK_EVENT_INIT;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, waits_for_event, &e);
    CHECK_EQ(hark_settle(), 0);
    hark_event_set(&e);
    hark_task_cancel(t);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("woken cut");
    return 0;
}

TEST_SEEDS(task_TA_22_a_task_that_was_cancelled_and_then_woken_in_one_turn_did_not)
{
    hark_group g;
    hark_event e = HARK_EVENT_INIT;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, waits_for_event, &e);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(t);
    hark_event_set(&e);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("cut cut");
    return 0;
}

/* ---- waiting for a task ---------------------------------------------------------------------- */

TEST_SEEDS(task_wait_is_over_when_it_has_ended_whatever_its_result)
{
    static const int results[] = {0, 5, -ECANCELED};
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        const hark_task t = hark_go(&g, returns, INT(results[i]));
        CHECK_EQ(hark_task_wait(t), 0);
    }
    return hark_group_close(&g, 0);
}

TEST_TASK(task_wait_for_one_that_is_gone_or_never_was_is_esrch)
{
    hark_group g;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, returns, INT(0));
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(hark_task_wait(t), -ESRCH);
    CHECK_EQ(hark_task_wait(0), -ESRCH);
    CHECK_EQ(hark_task_wait(-1), -ESRCH);
    CHECK_EQ(hark_task_wait(INT64_MAX), -ESRCH);
    CHECK_EQ(hark_task_wait(INT64_MIN), -ESRCH);
    CHECK_EQ(hark_task_cancel(t), -ESRCH);
    CHECK_EQ(hark_task_cancel(0), -ESRCH);
    CHECK_EQ(hark_task_cancel(-1), -ESRCH);
    CHECK_EQ(hark_task_cancel(INT64_MAX), -ESRCH);
    return 0;
}

typedef struct queuer {
    hark_task task;
    int number;
} queuer;

static int waits_and_logs(void *arg)
{
    const queuer *q = arg;
    CHECK_EQ(hark_task_wait(q->task), 0);
    kit_log("%d", q->number);
    return 0;
}

TEST_TASK(task_wait_several_waiters_go_on_in_the_order_in_which_they_came)
{
    hark_group g;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, sleeps_an_hour, NULL);
    for (int i = 0; i < 4; i++) {
        hark_go_with(&g, waits_and_logs, (queuer){t, i});
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_LOG("0 1 2 3");
    return 0;
}

TEST_SEEDS(task_wait_is_a_checkpoint_and_a_waiter_that_left_is_forgotten)
{
    hark_group g;
    hark_scope s;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, sleeps_an_hour, NULL);
    CHECK_EQ(hark_within(HARK_S(1), hark_task_wait(t)), -ETIMEDOUT);
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_task_wait(t), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, 0), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    return hark_group_close(&g, 0);
}

TEST_SEEDS(task_wait_does_not_need_to_be_in_the_tasks_group)
{
    hark_group a, b;
    hark_group_open(&a);
    hark_task t = hark_go(&a, sleeps_an_hour, NULL);
    hark_group_open(&b);
    hark_go(&b, waits_for_task, &t);
    CHECK_EQ(hark_group_close(&b, 0), 0);
    CHECK_EQ(hark_task_wait(t), -ESRCH);
    return hark_group_close(&a, 0);
}

/* ---- ids ------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const hark_task x = *(const hark_task *)a, y = *(const hark_task *)b;
    return (x > y) - (x < y);
}

static void check_distinct(hark_task *ids, int n)
{
    qsort(ids, (size_t)n, sizeof(*ids), compare_ids);
    for (int i = 0; i < n; i++) {
        CHECK_GT(ids[i], 0);
        CHECK_GT((int)ids[i], 0);
        CHECK(i == 0 || ids[i] != ids[i - 1]);
    }
}

TEST_TASK(task_ids_are_positive_also_as_int_and_never_reused)
{
    enum { WAVES = 200, EACH = 100 };
    hark_task *ids = calloc(WAVES * EACH, sizeof(*ids));
    for (int wave = 0; wave < WAVES; wave++) {
        hark_group g;
        hark_group_open(&g);
        for (int i = 0; i < EACH; i++) {
            ids[wave * EACH + i] = hark_go(&g, returns, INT(0));
        }
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    check_distinct(ids, WAVES * EACH);
    free(ids);
    return 0;
}

static int tells_self(void *id)
{
    *(hark_task *)id = hark_self();
    return 0;
}

TEST(task_ids_are_not_reused_by_the_next_loop_of_the_process)
{
    hark_task ids[50];
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(RUN_VIRTUAL(tells_self, &ids[i]), 0);
    }
    check_distinct(ids, 50);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void fill(unsigned char *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(size * 31 + i * 7);
    }
}

static uint32_t size_wanted; /* of the parcel that is being unpacked */
static int parcels;

static int unpacks(void *arg)
{
    static unsigned char expected[1 << 13];
    const uint32_t size = size_wanted;
    CHECK_EQ((uintptr_t)arg % 16, 0);
    fill(expected, size);
    CHECK_EQ(memcmp(arg, expected, size), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(memcmp(arg, expected, size), 0);
    memset(arg, 0, size); /* it is the task's own */
    parcels++;
    return 0;
}

static hark_task send_parcel(hark_group *g, uint32_t size)
{
    static unsigned char bytes[1 << 13];
    fill(bytes, size);
    const hark_task t = hark_go_copy(g, unpacks, bytes, size);
    memset(bytes, 0xFF, sizeof(bytes)); /* the caller's copy is the caller's again */
    return t;
}

TEST_TASK(task_go_copy_of_1_to_4096_bytes_arrives_whole_aligned_and_private)
{
    for (uint32_t size = 1; size <= 4096; size++) {
        hark_group g;
        hark_group_open(&g);
        size_wanted = size;
        CHECK_GT(send_parcel(&g, size), 0);
        CHECK_GT(send_parcel(&g, size), 0);
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    CHECK_EQ(parcels, 2 * 4096);
    return 0;
}

/* A quarter of the stack, and one byte more, for each size of stack. */
TEST_TASK(task_go_copy_of_more_than_a_quarter_of_the_stack_is_refused)
{
    static unsigned char bytes[(2 << 20) + 1];
    for (size_t stack = 16 << 10; stack <= 8 << 20; stack *= 2) {
        hark_group g;
        hark_group_open(&g);
        CHECK_EQ(hark_group_stack(&g, stack), 0);
        CHECK_EQ(hark_go_copy(&g, returns, bytes, stack / 4 + 1), -EINVAL);
        CHECK_HAS(hark_error_last(), "hark_go");
        CHECK_EQ(hark_go_copy(&g, returns, bytes, SIZE_MAX), -EINVAL);
        CHECK_GT(hark_go_copy(&g, parks, bytes, stack / 4), 0);
        CHECK_EQ(hark_group_cancel(&g), 0);
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    return 0;
}

typedef struct job {
    int *sum;
    int amount;
} job;

static int adds(void *arg)
{
    const job *j = arg;
    *j->sum += j->amount;
    return 0;
}

TEST_SEEDS(task_go_with_takes_a_value)
{
    hark_group g;
    int sum = 0;
    hark_group_open(&g);
    for (int i = 1; i <= 10; i++) {
        hark_go_with(&g, adds, (job){&sum, i});
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(sum, 55);
    return 0;
}

TEST_SEEDS(task_go_passes_the_pointer_itself)
{
    hark_group g;
    hark_task id = 0;
    hark_group_open(&g);
    const hark_task t = hark_go(&g, tells_self, &id);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(id, t);
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static char *dump_text(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    hark_dump(out);
    fclose(out);
    return text;
}

static int is_named(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_task_name("reader of %s %d", "socket", 7), 0);
    return hark_event_wait(&never);
}

static int is_named_at_length(void *arg)
{
    char name[201];
    (void)arg;
    memset(name, 'n', 200);
    name[200] = '\0';
    CHECK_EQ(hark_task_name("%s", name), 0);
    return hark_event_wait(&never);
}

TEST_TASK(task_name_shows_in_reports_and_without_one_the_functions_name)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, is_named, NULL);
    hark_go(&g, parks, NULL);
    CHECK_EQ(hark_settle(), 0);
    char *text = dump_text();
    CHECK_HAS(text, "reader of socket 7");
    CHECK_HAS(text, "parks");
    CHECK_HAS(text, "task_test.c:");
    free(text);
    hark_group_cancel(&g);
    return hark_group_close(&g, 0);
}

TEST_TASK(task_name_is_cut_at_63_bytes)
{
    char expected[65];
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, is_named_at_length, NULL);
    CHECK_EQ(hark_settle(), 0);
    char *text = dump_text();
    memset(expected, 'n', 64);
    expected[64] = '\0';
    CHECK(!strstr(text, expected));
    CHECK_HAS(text, expected + 1);
    free(text);
    hark_group_cancel(&g);
    return hark_group_close(&g, 0);
}

TEST_TASK(task_name_can_be_changed_many_times)
{
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_task_name("step %d", i), 0);
    }
    char *text = dump_text();
    CHECK_HAS(text, "step 999");
    CHECK(!strstr(text, "step 998"));
    free(text);
    return 0;
}
