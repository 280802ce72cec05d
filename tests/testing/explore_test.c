/* SPDX-License-Identifier: MIT
 *
 * explore_test.c - the explorer itself: it tries all orders and no others, finds each kind of failure,
 * makes it short, and tells it so that it can be replayed.
 */
#include <hark/testing.h>
#include <sys/wait.h>

#include "kit.h"

static hark_explored result;

static int explore_with(hark_exploration options)
{
    options.size = sizeof options;
    options.quiet = true;
    memset(&result, 0, sizeof result);
    return hark_explore(&options, &result);
}

#define EXPLORE(...) explore_with((hark_exploration){__VA_ARGS__})

/* ---- how many orders there are --------------------------------------------------------------- */

static int rounds;

static int sleep_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        hark_sleep(HARK_MS(1));
    }
    return 0;
}

static int yield_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        hark_yield();
    }
    return 0;
}

static hark_fn *body;

static int run_three(void *unused)
{
    hark_group group;

    (void)unused;
    hark_group_open(&group);
    for (int i = 0; i < 3; i++) {
        hark_go(&group, body, NULL);
    }
    return hark_group_close(&group, 0);
}

/* Three tasks that are ready at once run in any of 3! orders, and again after each sleep. */
TEST(explore_all_tries_every_order_once)
{
    body = sleep_some;
    for (rounds = 0; rounds < 5; rounds++) {
        uint64_t orders = 6;
        for (int i = 0; i < rounds; i++) {
            orders *= 6;
        }
        CHECK_EQ(EXPLORE(.main = run_three, .patient = true), 0);
        CHECK_EQ(result.schedules, orders);
        CHECK(result.complete);
    }
}

/* Who yields lets those run that were ready then: that is a promise, so they keep their order. */
TEST(explore_all_keeps_the_order_of_those_who_yield)
{
    body = yield_some;
    for (rounds = 0; rounds < 5; rounds++) {
        CHECK_EQ(EXPLORE(.main = run_three), 0);
        CHECK_EQ(result.schedules, 6);
    }
}

TEST(explore_all_stops_at_its_bound_and_says_so)
{
    body = sleep_some;
    rounds = 2;
    CHECK_EQ(EXPLORE(.main = run_three, .schedules = 100), 0);
    CHECK_EQ(result.schedules, 100);
    CHECK(!result.complete);
}

static hark_event always;

static int pass_twice(void *unused)
{
    (void)unused;
    hark_event_wait(&always);
    hark_event_wait(&always);
    return 0;
}

static int run_passing(void *unused)
{
    hark_group group;

    (void)unused;
    hark_event_init(&always);
    hark_event_set(&always);
    hark_group_open(&group);
    hark_go(&group, pass_twice, NULL);
    return hark_group_close(&group, 0);
}

/* Two calls that need not wait: 2^2 ways; with at most one yield 3; with none 1. */
TEST(explore_yields_bounds_calls_that_need_not_wait)
{
    CHECK_EQ(EXPLORE(.main = run_passing), 0);
    CHECK_EQ(result.schedules, 4);
    CHECK_EQ(EXPLORE(.main = run_passing, .yields = 1), 0);
    CHECK_EQ(result.schedules, 3);
    CHECK_EQ(EXPLORE(.main = run_passing, .yields = -1), 0);
    CHECK_EQ(result.schedules, 1);
}

static int choose_two(void *unused)
{
    (void)unused;
    const int first = hark_test_choose(3), second = hark_test_choose(4);
    return first == 2 && second == 3 ? -EIO : 0;
}

TEST(explore_choose_gives_every_number)
{
    CHECK_EQ(EXPLORE(.main = choose_two), 1);
    CHECK_EQ(result.schedules, 12); /* the last of them */
    CHECK_STR(result.trace, "23");
}

TEST(explore_choose_is_0_outside)
{
    CHECK_EQ(hark_test_choose(5), 0);
    CHECK(!hark_test_disturbed());
    hark_test_note("nobody hears this");
}

/* ---- time and the outside -------------------------------------------------------------------- */

static bool late;

static int sleep_and_look(void *unused)
{
    (void)unused;
    const int64_t due = hark_now() + HARK_MS(5);
    hark_sleep_until(due);
    late = late || hark_now() > due;
    return hark_now() >= due ? 0 : -ETIME;
}

static int two_sleepers(void *unused)
{
    hark_group group;

    (void)unused;
    late = false;
    hark_group_open(&group);
    hark_go(&group, sleep_and_look, NULL);
    hark_sleep(HARK_MS(5) + 1);
    const int rc = hark_group_close(&group, 0);
    return rc ? rc : late ? -ETIME : 0;
}

TEST(explore_time_may_pass_while_tasks_are_ready)
{
    CHECK_EQ(EXPLORE(.main = two_sleepers), 1);
    CHECK_HAS(result.words, "main has returned");
}

TEST(explore_patient_time_passes_only_when_nothing_is_ready)
{
    CHECK_EQ(EXPLORE(.main = two_sleepers, .patient = true), 0);
    CHECK(result.complete);
}

static int acts, seen;

static void act(void *unused)
{
    (void)unused;
    HARK_TEST_CHECK(hark_self() == 0);
    acts++;
}

static int meet_another_thread(void *unused)
{
    (void)unused;
    acts = 0;
    HARK_TEST_CHECK(hark_test_outside(act, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        hark_yield();
    }
    HARK_TEST_CHECK(acts <= 1);
    return acts == seen ? -EIO : 0;
}

TEST(explore_outside_may_act_at_any_moment_or_never)
{
    for (seen = 0; seen <= 1; seen++) {
        CHECK_EQ(EXPLORE(.main = meet_another_thread), 1);
    }
    seen = 2;
    CHECK_EQ(EXPLORE(.main = meet_another_thread), 0);
    CHECK_EQ(result.schedules, 4); /* before one of three yields, or not in time */
}

static int fill_the_outside(void *unused)
{
    int rc = 0, count = 0;

    (void)unused;
    while ((rc = hark_test_outside(act, NULL)) == 0) {
        count++;
    }
    HARK_TEST_CHECK(count == 16 && rc == -ENOSPC);
    HARK_TEST_CHECK(hark_test_outside(NULL, NULL) == -EINVAL);
    return 0;
}

TEST(explore_outside_has_room_for_16)
{
    CHECK_EQ(EXPLORE(.main = fill_the_outside, .schedules = 1), 0);
    CHECK_EQ(hark_test_outside(act, NULL), -ENOTSUP);
    int fds[2];
    CHECK_EQ(hark_test_pair(fds, 0), -ENOTSUP);
}

/* ---- every kind of failure is found ---------------------------------------------------------- */

static hark_flag flag;

static int wait_for_ever(void *unused)
{
    (void)unused;
    hark_flag_init(&flag);
    return hark_flag_wait(&flag);
}

TEST(explore_finds_who_waits_for_what_never_comes)
{
    CHECK_EQ(EXPLORE(.main = wait_for_ever), 1);
    CHECK_HAS(result.words, "nothing can go on");
}

static int crash_in_one_order(void *unused)
{
    (void)unused;
    if (hark_test_choose(3) == 2) {
        raise(SIGSEGV);
    }
    return 0;
}

TEST(explore_finds_a_crash)
{
    CHECK_EQ(EXPLORE(.main = crash_in_one_order), 1);
    CHECK_HAS(result.words, "the process"); /* sanitizers make an exit of it */
    CHECK_STR(result.trace, "2");
}

static int leave_the_process(void *unused)
{
    (void)unused;
    _exit(7);
    return 0;
}

TEST(explore_finds_an_exit)
{
    CHECK_EQ(EXPLORE(.main = leave_the_process), 1);
    CHECK_HAS(result.words, "status 7");
}

static int fork_and_come_back(void *checks)
{
    pid_t child = fork();

    if (child == 0) {
        HARK_TEST_CHECK(!checks);
        return 0;
    }
    waitpid(child, NULL, 0);
    return hark_test_choose(2);
}

TEST(explore_finds_a_forked_process_that_comes_back)
{
    CHECK_EQ(EXPLORE(.main = fork_and_come_back), 1);
    CHECK_HAS(result.words, "came back");
    CHECK_EQ(result.schedules, 1);
}

TEST(explore_finds_what_fails_in_a_forked_process)
{
    CHECK_EQ(EXPLORE(.main = fork_and_come_back, .arg = &result), 1);
    CHECK_HAS(result.words, "it is not true that !checks");
}

static int write_really(void *fd)
{
    hark_sleep(HARK_MS(1));
    return hark_write((int)(intptr_t)fd, "x", 1) == 1 ? 0 : -EIO;
}

static int read_really(void *unused)
{
    hark_group group;
    char byte;
    int fds[2];

    (void)unused;
    hark_socketpair(fds);
    hark_group_open(&group);
    hark_go(&group, write_really, (void *)(intptr_t)fds[1]);
    hark_read(fds[0], &byte, 1);
    hark_close(fds[0]);
    hark_close(fds[1]);
    return hark_group_close(&group, 0);
}

TEST(explore_says_that_the_simulated_hub_hears_of_no_real_descriptor)
{
    CHECK_EQ(EXPLORE(.main = read_really), 1);
    CHECK_HAS(result.words, "is the kernel's");
    CHECK_EQ(EXPLORE(.main = wait_for_ever), 1);
    CHECK_HAS(result.words, "nothing can go on");
}

static int yield_without_end(void *unused)
{
    (void)unused;
    while (hark_yield() == 0) {}
    return 0;
}

TEST(explore_finds_what_does_not_end)
{
    CHECK_EQ(EXPLORE(.main = yield_without_end, .steps = 500), 1);
    CHECK_HAS(result.words, "does not end");
}

static hark_watch left;

static void nothing_happens(void *unused)
{
    (void)unused;
}

static int leave_a_watch(void *unused)
{
    (void)unused;
    memset(&left, 0, sizeof left);
    return hark_call_later(HARK_S(1), &left, nothing_happens, NULL);
}

static int set_it(void *event)
{
    return hark_event_set(event);
}

static int hang_in_one_order(void *unused)
{
    (void)unused;
    while (hark_test_choose(2)) {
        for (volatile int i = 1; i;) {}
    }
    return 0;
}

TEST_TIMEOUT(explore_finds_a_step_that_does_not_end, 120)
{
    CHECK_EQ(EXPLORE(.main = hang_in_one_order), 1);
    CHECK_HAS(result.words, "a step does not end");
    CHECK_STR(result.trace, "1");
}

static int open_and_forget(void *unused)
{
    int fds[2];

    (void)unused;
    if (hark_socketpair(fds) == 0) {
        if (hark_sleep(HARK_MS(1))) {
            return -ECANCELED; /* both are forgotten */
        }
        hark_close(fds[0]);
        hark_close(fds[1]);
    }
    return 0;
}

TEST(explore_faults_find_a_real_descriptor_that_is_left_open)
{
    CHECK_EQ(EXPLORE(.main = open_and_forget, .faults = HARK_FAULT_STOP, .hub = "epoll"), 1);
    CHECK_HAS(result.words, "descriptors were open before");
}

static int spawn_and_believe(void *unused)
{
    hark_event done = HARK_EVENT_INIT;
    hark_group group;

    (void)unused;
    if (hark_group_open(&group)) {
        return -ENOMEM;
    }
    hark_go(&group, set_it, &done); /* may fail: then nobody sets it */
    return hark_group_close(&group, hark_event_wait(&done));
}

TEST(explore_memory_faults_let_spawns_fail)
{
    CHECK_EQ(EXPLORE(.main = spawn_and_believe), 0);
    CHECK_EQ(EXPLORE(.main = spawn_and_believe, .faults = HARK_FAULT_MEMORY), 1);
    CHECK_HAS(result.words, "nothing can go on");
}

static int write_then_sleep(void *fd)
{
    return hark_write((int)(intptr_t)fd, "x", 1) == 1 ? 0 : -EIO;
}

static int patience(void *unused)
{
    int fds[2];
    char byte;
    hark_group group;

    (void)unused;
    HARK_TEST_CHECK(hark_test_pair(fds, 0) == 0);
    hark_group_open(&group);
    hark_go(&group, write_then_sleep, (void *)(intptr_t)fds[0]);
    const int64_t n = hark_within(HARK_MS(1), hark_read(fds[1], &byte, 1));
    hark_group_close(&group, 0);
    hark_close(fds[0]);
    hark_close(fds[1]);
    return n == 1 ? 0 : -ETIME;
}

TEST(explore_patient_time_does_not_overtake_a_descriptor_that_is_readable)
{
    CHECK_EQ(EXPLORE(.main = patience), 1);
    CHECK_EQ(EXPLORE(.main = patience, .patient = true), 0);
}

TEST(explore_finds_a_watch_that_is_left_armed)
{
    CHECK_EQ(EXPLORE(.main = leave_a_watch), 1);
    CHECK_HAS(result.words, "1 watch is left armed");
}

static int leave_a_descriptor(void *unused)
{
    int fds[2];

    (void)unused;
    HARK_TEST_CHECK(hark_test_pair(fds, 0) == 0);
    return hark_close(fds[0]);
}

TEST(explore_finds_a_descriptor_that_is_left_open)
{
    CHECK_EQ(EXPLORE(.main = leave_a_descriptor), 1);
    CHECK_HAS(result.words, "is left open");
}

static int remember(void *unused)
{
    static int runs;

    (void)unused;
    return runs++ ? hark_test_choose(3) : hark_test_choose(2);
}

TEST(explore_tells_a_scenario_that_depends_on_the_run_before)
{
    CHECK_EQ(EXPLORE(.main = remember), 1);
    CHECK_HAS(result.words, "took another way");
}


static int set_behind_its_back(void *pointer)
{
    hark_flag *f = pointer;

    hark_yield();
    f->state |= 1; /* as if a wake-up had been lost */
    return 0;
}

static int lose_a_wakeup(void *unused)
{
    hark_group group;

    (void)unused;
    hark_flag_init(&flag);
    hark_group_open(&group);
    hark_go(&group, set_behind_its_back, &flag);
    return hark_group_close(&group, hark_flag_wait(&flag));
}

TEST(explore_audits_for_lost_wakeups)
{
    CHECK_EQ(EXPLORE(.main = lose_a_wakeup), 1);
    CHECK_HAS(result.words, "the audit");
    CHECK_HAS(result.words, "a flag");
}

/* ---- a bug that needs an order --------------------------------------------------------------- */

static int order[4], ordered;

static int take_a_place(void *number)
{
    hark_yield();
    order[ordered++] = (int)(intptr_t)number;
    hark_yield();
    return 0;
}

static int four_in_a_row(void *unused)
{
    hark_group group;

    (void)unused;
    ordered = 0;
    hark_group_open(&group);
    for (intptr_t i = 0; i < 4; i++) {
        hark_go(&group, take_a_place, (void *)i);
    }
    const int rc = hark_group_close(&group, 0);
    HARK_TEST_CHECK(order[0] != 3 || order[1] != 1);
    return rc;
}

static void check_the_find(void)
{
    hark_exploration options = {
        .size = sizeof options, .main = four_in_a_row, .replay = result.trace, .quiet = true};
    hark_explored again;

    CHECK_HAS(result.words, "order[0] != 3");
    CHECK_LE(strlen(result.trace), 8); /* two choices that are not 0 */
    CHECK_EQ(hark_explore(&options, &again), 1);
    CHECK_STR(again.words, result.words);
    CHECK_STR(again.trace, result.trace);
}

TEST(explore_all_finds_a_bug_and_shortens_it)
{
    CHECK_EQ(EXPLORE(.main = four_in_a_row), 1);
    check_the_find();
}

TEST(explore_pct_finds_it_soon)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        CHECK_EQ(EXPLORE(.main = four_in_a_row, .strategy = HARK_EXPLORE_PCT, .seed = seed,
                         .schedules = 2000),
                 1);
        check_the_find();
    }
}

TEST(explore_random_finds_it_and_is_the_same_for_a_seed)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        CHECK_EQ(EXPLORE(.main = four_in_a_row, .strategy = HARK_EXPLORE_RANDOM, .seed = seed), 1);
        const uint64_t schedules = result.schedules;
        CHECK_EQ(EXPLORE(.main = four_in_a_row, .strategy = HARK_EXPLORE_RANDOM, .seed = seed), 1);
        CHECK_EQ(result.schedules, schedules);
        check_the_find();
    }
}

TEST(explore_a_good_trace_of_a_good_scenario_does_not_fail)
{
    hark_exploration options = {
        .size = sizeof options, .main = run_three, .replay = "2110", .quiet = true};

    body = sleep_some;
    rounds = 1;
    CHECK_EQ(hark_explore(&options, NULL), 0);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static int neglected(void *unused)
{
    (void)unused;
    return hark_sleep(HARK_MS(1));
}

/* It forgets that its child may have been cancelled. */
static int careless(void *unused)
{
    hark_future done = HARK_FUTURE_INIT;
    hark_group group;
    void *value;

    (void)unused;
    hark_group_open(&group);
    hark_go_future(&group, &done, neglected, NULL);
    HARK_TEST_CHECK(hark_future_wait(&done, &value) == 0);
    return hark_group_close(&group, 0);
}

TEST(explore_faults_cancel_every_task_at_every_step)
{
    CHECK_EQ(EXPLORE(.main = careless), 0);
    CHECK_EQ(EXPLORE(.main = careless, .faults = HARK_FAULT_CANCEL), 1);
    CHECK_HAS(result.trace, "!c");
    CHECK_EQ(EXPLORE(.main = careless, .faults = HARK_FAULT_STOP), 1);
    CHECK_HAS(result.trace, "!s");
}

TEST(explore_faults_in_drawn_orders_can_be_replayed)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        hark_exploration options = {.size = sizeof options, .main = careless, .quiet = true};
        hark_explored again;

        CHECK_EQ(EXPLORE(.main = careless, .strategy = HARK_EXPLORE_RANDOM, .seed = seed,
                         .schedules = 3, .faults = HARK_FAULT_CANCEL),
                 1);
        options.replay = result.trace;
        CHECK_EQ(hark_explore(&options, &again), 1);
        CHECK_STR(again.words, result.words);
    }
}

static int write_two_read_two(void *unused)
{
    int fds[2];
    char bytes[2];

    (void)unused;
    HARK_TEST_CHECK(hark_test_pair(fds, 8) == 0);
    HARK_TEST_CHECK(hark_write(fds[0], "ab", 2) == 2);
    const ssize_t n = hark_read(fds[1], bytes, 2);
    hark_close(fds[0]);
    hark_close(fds[1]);
    return n == 2 ? 0 : -EIO;
}

TEST(explore_pieces_move_one_byte_at_a_time)
{
    CHECK_EQ(EXPLORE(.main = write_two_read_two), 0);
    CHECK(result.complete);
    CHECK_EQ(EXPLORE(.main = write_two_read_two, .pieces = true), 1);
}

static int careful(void *unused)
{
    hark_group group;

    (void)unused;
    int rc = hark_group_open(&group);
    if (rc) {
        return rc;
    }
    hark_task child = hark_go(&group, neglected, NULL);
    return hark_group_close(&group, child < 0 ? (int)child : 0);
}

TEST(explore_faults_of_a_careful_scenario_all_pass)
{
    CHECK_EQ(EXPLORE(.main = careful, .faults = HARK_FAULT_ALL), 0);
    CHECK_GT(result.faults, 10);
    CHECK_EQ(EXPLORE(.main = careful, .faults = HARK_FAULT_ALL, .hub = "poll"), 0);
    CHECK_GT(result.faults, 10);
}

static int exchange(void *unused)
{
    int fds[2], rc = hark_test_pair(fds, 0);
    char byte;

    (void)unused;
    if (rc) {
        return rc;
    }
    rc = (int)hark_write(fds[0], "x", 1);
    if (rc > 0) {
        rc = (int)hark_read(fds[1], &byte, 1);
    }
    hark_close(fds[0]);
    hark_close(fds[1]);
    return rc > 0 ? 0 : rc;
}

TEST(explore_faults_of_a_pair_on_any_hub)
{
    static const char *const hubs[] = {"sim", "poll", "epoll"};

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(EXPLORE(.main = exchange, .faults = HARK_FAULT_ALL, .hub = hubs[i]), 0);
        CHECK_GT(result.faults, 10);
    }
}

static int make_many_calls(void *unused)
{
    int fds[2];

    (void)unused;
    for (int i = 0; i < 25000 && hark_socketpair(fds) == 0; i++) {
        hark_close(fds[0]);
        hark_close(fds[1]);
    }
    return 0;
}

TEST(explore_refuses_to_sweep_a_part_only)
{
    CHECK_EQ(EXPLORE(.main = make_many_calls, .faults = HARK_FAULT_SYSTEM, .hub = "poll"), -EINVAL);
    CHECK(!result.failed);
    CHECK_HAS(hark_error_last(), "65536 are the most");
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static int explore_inside(void *unused)
{
    (void)unused;
    return EXPLORE(.main = run_three);
}

TEST(explore_misuse_is_told)
{
    hark_exploration options = {.size = sizeof options, .main = run_three, .quiet = true};

    CHECK_EQ(hark_explore(NULL, NULL), -EINVAL);
    CHECK_EQ(EXPLORE(.main = NULL), -EINVAL);
    CHECK_EQ(EXPLORE(.main = run_three, .faults = 1u << 20), -EINVAL);
    CHECK_EQ(EXPLORE(.main = run_three, .strategy = (enum hark_strategy)9), -EINVAL);
    CHECK_EQ(EXPLORE(.main = run_three, .hub = "epoll"), -EINVAL);
    CHECK_HAS(hark_error_last(), "simulated");
    CHECK_EQ(EXPLORE(.main = run_three, .replay = "00x!"), -EINVAL);
    CHECK_EQ(EXPLORE(.main = run_three, .replay = "00*"), -EINVAL);
    CHECK_HAS(hark_error_last(), "is no trace");
    CHECK_EQ(EXPLORE(.main = run_three, .replay = "1"), -EINVAL);
    CHECK_HAS(hark_error_last(), "more than the 0 choices");
    body = sleep_some;
    CHECK_EQ(EXPLORE(.main = run_three, .replay = "9"), -EINVAL);
    CHECK_HAS(hark_error_last(), "choice 0 of the trace is 9");
    CHECK_EQ(EXPLORE(.main = run_three, .replay = "0!c9999.0"), -EINVAL);
    CHECK_HAS(hark_error_last(), "has found no place");
    CHECK_EQ(EXPLORE(.main = run_three, .hub = "nonsense"), -EINVAL);
    options.size = 12;
    CHECK_EQ(hark_explore(&options, NULL), -EINVAL);
    CHECK_EQ(RUN(explore_inside, NULL), -EBUSY);
}

TEST_DIES(explore_check_aborts_outside, SIGABRT, "it is not true that 1 == 2")
{
    HARK_TEST_CHECK(1 == 2);
}
