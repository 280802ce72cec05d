/* SPDX-License-Identifier: MIT
 *
 * stack_test.c - how large a task's stack is, what happens when it is too small, and the other
 * options of a run.
 *
 * Idea     Sizes are proved by using them: a frame of two thirds of the stack is written in full.
 *          An overflow ends the process, so each word of its report is a test of its own.
 * Rules    1  Recursion writes to every frame and uses it after the call, so that no compiler turns
 *             it into a loop.
 * Not here The pools of stacks and their guards (tests/fiber).
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

static int run_on_stacks_of(size_t size, hark_fn *fn, void *arg)
{
    const hark_options options = {.size = sizeof(options), .stack_size = size};
    return hark_run_with(&options, fn, arg);
}

static int returns_0(void *arg)
{
    (void)arg;
    return 0;
}

/* Uses at least `bytes` of stack, and returns 0 when they all kept what was written. */
static __attribute__((noinline)) int use_stack(size_t bytes)
{
    volatile unsigned char frame[1024];
    for (size_t i = 0; i < sizeof(frame); i++) {
        frame[i] = (unsigned char)(bytes + i);
    }
    const int rest = bytes > sizeof(frame) ? use_stack(bytes - sizeof(frame)) : 0;
    for (size_t i = 0; i < sizeof(frame); i++) {
        if (frame[i] != (unsigned char)(bytes + i)) {
            return -EPROTO;
        }
    }
    return rest;
}

static int uses_two_thirds(void *size)
{
    return use_stack(*(const size_t *)size * 2 / 3 / (size_t)kit_slow());
}

/* ---- sizes ----------------------------------------------------------------------------------- */

TEST_TASK(stack_of_a_group_can_be_of_every_size_from_16_kib_to_8_mib)
{
    for (size_t size = 16 << 10; size <= 8 << 20; size *= 2) {
        hark_group g;
        hark_group_open(&g);
        CHECK_EQ(hark_group_stack(&g, size), 0);
        for (int i = 0; i < 3; i++) {
            CHECK_GT(hark_go(&g, uses_two_thirds, &size), 0);
        }
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    return 0;
}

TEST(stack_of_a_run_can_be_of_every_size_from_16_kib_to_8_mib)
{
    for (size_t size = 16 << 10; size <= 8 << 20; size *= 2) {
        CHECK_EQ(run_on_stacks_of(size, uses_two_thirds, &size), 0);
    }
}

static int spawns_one_that_uses_two_thirds(void *size)
{
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, uses_two_thirds, size);
    return hark_group_close(&g, 0);
}

TEST(stack_of_a_run_holds_for_its_groups_too)
{
    size_t size = 1 << 20;
    CHECK_EQ(run_on_stacks_of(size, spawns_one_that_uses_two_thirds, &size), 0);
}

TEST_TASK(stack_sizes_are_rounded_up_to_a_power_of_two)
{
    size_t given = (128 << 10) + 1, expected = 256 << 10;
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_stack(&g, given), 0);
    CHECK_GT(hark_go(&g, uses_two_thirds, &expected), 0);
    return hark_group_close(&g, 0);
}

TEST_TASK(stack_size_0_of_a_group_is_the_loops_default_again)
{
    size_t small = 64 << 10, large = 1 << 20;
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_stack(&g, large), 0);
    CHECK_GT(hark_go(&g, uses_two_thirds, &large), 0);
    CHECK_EQ(hark_group_stack(&g, 0), 0);
    CHECK_GT(hark_go(&g, uses_two_thirds, &small), 0);
    return hark_group_close(&g, 0);
}

TEST_TASK(stack_sizes_of_a_group_that_are_out_of_range_are_refused_and_change_nothing)
{
    static const size_t bad[] = {1, 5, 4096, (16 << 10) - 1, (8 << 20) + 1, SIZE_MAX / 2, SIZE_MAX};
    size_t size = 1 << 20;
    hark_group g;
    hark_group_open(&g);
    CHECK_EQ(hark_group_stack(&g, size), 0);
    for (int i = 0; i < 7; i++) {
        CHECK_EQ(hark_group_stack(&g, bad[i]), -EINVAL);
        CHECK_HAS(hark_error_last(), "hark_group_stack");
    }
    CHECK_GT(hark_go(&g, uses_two_thirds, &size), 0);
    return hark_group_close(&g, 0);
}

TEST(stack_size_of_5_bytes_in_the_options_is_refused)
{
    static const size_t bad[] = {1, 5, 4096, (16 << 10) - 1, (8 << 20) + 1, SIZE_MAX / 2, SIZE_MAX};
    for (int i = 0; i < 7; i++) {
        CHECK_EQ(run_on_stacks_of(bad[i], returns_0, NULL), -EINVAL);
        CHECK_HAS(hark_error_last(), "hark_run");
        CHECK_HAS(hark_error_last(), "stack");
    }
    CHECK_EQ(run_on_stacks_of(16 << 10, returns_0, NULL), 0);
}

/* Tasks on stacks of several sizes, alive at once, and again after the first have ended. */
TEST_TASK(stacks_of_all_sizes_are_used_side_by_side_and_again)
{
    static size_t sizes[10];
    for (int i = 0; i < 10; i++) {
        sizes[i] = (size_t)(16 << 10) << i;
    }
    for (int round = 0; round < 3; round++) {
        hark_group g;
        hark_group_open(&g);
        for (int i = 0; i < 10; i++) {
            CHECK_EQ(hark_group_stack(&g, sizes[i]), 0);
            CHECK_GT(hark_go(&g, uses_two_thirds, &sizes[i]), 0);
        }
        CHECK_EQ(hark_group_close(&g, 0), 0);
    }
    return 0;
}

/* ---- overflow -------------------------------------------------------------------------------- */

#define PLACE \
    "quarry.c:42\0" \
    "0digs_deep" /* as HARK_SITE writes it: here the line is known */

static int digs_deep(void *arg)
{
    (void)arg;
    return use_stack(SIZE_MAX / 2);
}

static int digs_deep_under_a_name(void *arg)
{
    hark_task_name("digger %d", 7);
    return digs_deep(arg);
}

typedef struct quarry {
    hark_fn *fn;
    size_t stack;
} quarry;

static int opens_a_quarry(void *arg)
{
    const quarry *q = arg;
    hark_group g;
    hark_group_open(&g);
    hark_group_stack(&g, q->stack);
    hark_go_at(PLACE, &g, q->fn, NULL);
    return hark_group_close(&g, 0);
}

static void overflow(hark_fn *fn, size_t stack)
{
    quarry q = {fn, stack};
    RUN_VIRTUAL(opens_a_quarry, &q);
}

TEST_DIES(stack_overflow_kills_by_sigsegv_and_says_what_it_is, SIGSEGV, "stack overflow")
{
    overflow(digs_deep, 0);
}

TEST_DIES(stack_overflow_names_the_function, SIGSEGV, "digs_deep")
{
    overflow(digs_deep, 0);
}

TEST_DIES(stack_overflow_names_the_task, SIGSEGV, "digger 7")
{
    overflow(digs_deep_under_a_name, 0);
}

TEST_DIES(stack_overflow_names_the_spawn_site, SIGSEGV, "quarry.c:42")
{
    overflow(digs_deep, 0);
}

TEST_DIES(stack_overflow_names_the_default_size, SIGSEGV, "64 KiB")
{
    overflow(digs_deep, 0);
}

TEST_DIES(stack_overflow_names_the_size_of_the_smallest, SIGSEGV, "16 KiB")
{
    overflow(digs_deep, 16 << 10);
}

TEST_DIES(stack_overflow_names_the_size_of_the_largest, SIGSEGV, "8192 KiB")
{
    overflow(digs_deep, 8 << 20);
}

TEST_DIES(stack_overflow_says_what_to_do, SIGSEGV, "hark_group_stack")
{
    overflow(digs_deep, 0);
}

TEST_DIES(stack_overflow_of_main_is_reported_too, SIGSEGV, "stack overflow")
{
    RUN_VIRTUAL(digs_deep, NULL);
}

/* One frame that is larger than the stack must not step over the guard. */
static int has_a_huge_frame(void *arg)
{
    volatile unsigned char frame[1 << 20];
    (void)arg;
    for (size_t i = sizeof(frame); i > 0; i--) {
        frame[i - 1] = (unsigned char)i;
    }
    return frame[77] == 0;
}

TEST_DIES(stack_overflow_by_one_huge_frame_is_caught, SIGSEGV, "stack overflow")
{
    overflow(has_a_huge_frame, 0);
}

static int reads_nowhere(void *arg)
{
    return *(volatile int *)arg;
}

static void dies_of_a_wild_pointer(void)
{
    int *volatile nowhere = (int *)64;
    RUN_VIRTUAL(reads_nowhere, nowhere);
}

static void tells_it_was_asked(int signo)
{
    (void)signo;
    static const char text[] = "the program's own handler\n";
    if (write(2, text, sizeof(text) - 1) < 0) {
        _exit(1);
    }
    signal(SIGSEGV, SIG_DFL); /* the faulty read is tried again, and ends the process */
}

TEST_DIES(stack_other_segmentation_faults_go_to_the_handler_that_was_there, SIGSEGV,
          "the program's own handler")
{
    signal(SIGSEGV, tells_it_was_asked);
    dies_of_a_wild_pointer();
}

/* ---- the other options ----------------------------------------------------------------------- */

TEST(run_returns_what_main_returned)
{
    CHECK_EQ(hark_run(returns_0, NULL), 0);
    CHECK_EQ(hark_run_with(NULL, returns_0, NULL), 0);
}

TEST(run_with_an_unknown_hub_is_refused)
{
    static const char *const names[] = {"kqueue", "EPOLL", "epoll ", "uringepoll"};
    for (int i = 0; i < 4; i++) {
        const hark_options options = {.size = sizeof(options), .hub = names[i]};
        CHECK_EQ(hark_run_with(&options, returns_0, NULL), -EINVAL);
        CHECK_HAS(hark_error_last(), "hark_run");
        CHECK_HAS(hark_error_last(), names[i]);
    }
}

TEST(run_with_an_unknown_hub_in_the_environment_is_refused)
{
    setenv("HARK_HUB", "kqueue", 1);
    CHECK_EQ(hark_run(returns_0, NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "kqueue");
    const hark_options options = {.size = sizeof(options), .hub = "poll"};
    CHECK_EQ(hark_run_with(&options, returns_0, NULL), 0); /* the option counts more */
}

TEST(run_with_each_known_hub_works_or_says_why_not)
{
    static const char *const names[] = {"uring", "epoll", "poll", "select"};
    for (int i = 0; i < 4; i++) {
        const hark_options options = {.size = sizeof(options), .hub = names[i]};
        const int rc = hark_run_with(&options, returns_0, NULL);
        CHECK(rc == 0 || (rc == -EOPNOTSUPP && strlen(hark_error_last()) > 0));
        CHECK(i == 0 || rc == 0);
    }
}

TEST(run_with_a_wrong_size_of_options_or_no_main_is_refused)
{
    const hark_options none = {0}, large = {.size = sizeof(large) * 1000}, tiny = {.size = 1};
    CHECK_EQ(hark_run_with(&none, returns_0, NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_run");
    CHECK_EQ(hark_run_with(&large, returns_0, NULL), -EINVAL);
    CHECK_EQ(hark_run_with(&tiny, returns_0, NULL), -EINVAL);
    CHECK_EQ(hark_run_with(NULL, NULL, NULL), -EINVAL);
    CHECK_EQ(hark_run(NULL, NULL), -EINVAL);
    CHECK_EQ(hark_run(returns_0, NULL), 0);
}

TEST_TASK(run_inside_a_running_loop_is_busy_and_the_loop_goes_on)
{
    CHECK_EQ(hark_run(returns_0, NULL), -EBUSY);
    CHECK_HAS(hark_error_last(), "hark_run");
    CHECK_EQ(RUN_VIRTUAL(returns_0, NULL), -EBUSY);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    return 0;
}

static int tells_now(void *now)
{
    *(int64_t *)now = hark_now();
    CHECK_EQ(hark_sleep(HARK_S(3600)), 0);
    CHECK_EQ(hark_now() - *(int64_t *)now, HARK_S(3600));
    return 0;
}

TEST(run_with_a_virtual_clock_jumps_and_without_does_not)
{
    int64_t now = 0;
    const int64_t start = kit_clock();
    CHECK_EQ(RUN_VIRTUAL(tells_now, &now), 0);
    CHECK_LT(kit_clock() - start, HARK_S(5));
    const int64_t before = hark_now(), real = kit_clock();
    CHECK_LE(before, real);
    CHECK_LT(real - before, HARK_S(1));
}

typedef struct letters {
    char text[9];
    int length;
} letters;

static letters written;

static int writes_letter(void *letter)
{
    written.text[written.length++] = (char)(intptr_t)letter;
    return 0;
}

static int spawns_letters(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    for (intptr_t c = 'a'; c <= 'h'; c++) {
        hark_go(&g, writes_letter, (void *)c);
    }
    return hark_group_close(&g, 0);
}

static letters order_of_seed(uint64_t seed)
{
    const hark_options options = {.size = sizeof(options), .virtual_clock = true, .seed = seed};
    written = (letters){0};
    CHECK_EQ(hark_run_with(&options, spawns_letters, NULL), 0);
    CHECK_EQ(written.length, 8);
    return written;
}

TEST(run_with_a_seed_draws_an_order_and_the_same_seed_draws_it_again)
{
    int different = 0;
    CHECK_STR(order_of_seed(0).text, "abcdefgh");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const letters first = order_of_seed(seed), again = order_of_seed(seed);
        CHECK_STR(again.text, first.text);
        different += strcmp(first.text, "abcdefgh") != 0;
    }
    CHECK_GE(different, 15);
}
