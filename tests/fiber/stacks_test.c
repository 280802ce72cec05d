/* SPDX-License-Identifier: MIT
 *
 * stacks_test.c - the pool of stacks: classes, reservations, guards, and memory that goes back.
 */
#include "base/sys.h"
#include "fibers.h"

enum { USUAL = 2, DONTNEED = MADV_DONTNEED, GUARD_ADVICE = 102 };

/* ---- helpers ------------------------------------------------------------------------------- */

static int mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int lines = 0;
    CHECK(file != NULL);
    for (int c; (c = fgetc(file)) != EOF;) {
        lines += c == '\n';
    }
    fclose(file);
    return lines;
}

static char *slot(const hark__stack *stack)
{
    return (char *)(stack + 1) - hark__stack_size(stack->class);
}

/* Of a stack of the usual class; its header is not read, for that would make it resident. */
static size_t resident(const hark__stack *stack)
{
    unsigned char pages[HARK__STACK_USUAL / 4096];
    size_t size = HARK__STACK_USUAL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = 0;
    if (mincore((char *)(stack + 1) - size, size, pages) != 0) {
        SKIP("mincore does not work here");
    }
    for (size_t i = 0; i < size / page; i++) {
        count += pages[i] & 1;
    }
    return count * page;
}

/* The kernel may not read it: nor may we. */
static bool forbidden(const void *address)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    ssize_t n = write(fds[1], address, 1);
    int error = errno;
    close(fds[0]);
    close(fds[1]);
    return n == -1 && error == EFAULT;
}

static bool guarded(const hark__stack *stack)
{
    return forbidden(stack->low - 1) && forbidden(slot(stack)) && !forbidden(stack->low);
}

static void need_advice(void)
{
    if (strcmp(hark__guard_method(), "MADV_GUARD_INSTALL") != 0) {
        SKIP("this system has no MADV_GUARD_INSTALL");
    }
}

static hark__stack **many(hark__stacks *pool, uint32_t class, int count)
{
    hark__stack **stacks = calloc((size_t)count, sizeof(*stacks));
    CHECK(stacks != NULL);
    for (int i = 0; i < count; i++) {
        stacks[i] = stack_new(pool, class, &stacks[i]);
    }
    return stacks;
}

static void give_all(hark__stacks *pool, hark__stack **stacks, int count)
{
    for (int i = 0; i < count; i++) {
        hark__stacks_give(pool, stacks[i]);
    }
    free(stacks);
}

/* ---- classes and shape --------------------------------------------------------------------- */

TEST(stacks_classes_begin_and_end_where_they_should)
{
    CHECK_EQ(hark__stack_class(HARK__STACK_LEAST - 1), -EINVAL);
    CHECK_EQ(hark__stack_class(0), -EINVAL);
    CHECK_EQ(hark__stack_class(5), -EINVAL);
    CHECK_EQ(hark__stack_class(HARK__STACK_MOST + 1), -EINVAL);
    CHECK_EQ(hark__stack_class(SIZE_MAX), -EINVAL);
    CHECK_EQ(hark__stack_class(HARK__STACK_LEAST), 0);
    CHECK_EQ(hark__stack_class(HARK__STACK_USUAL), USUAL);
    for (int i = 1; i < HARK__STACK_CLASSES; i++) {
        size_t size = hark__stack_size((uint32_t)i);
        CHECK_EQ(hark__stack_class(size), i);
        CHECK_EQ(hark__stack_class(size - 1), i);
        CHECK_EQ(hark__stack_class(size / 2 + 1), i);
    }
    CHECK_EQ(hark__stack_size(HARK__STACK_CLASSES - 1), HARK__STACK_MOST);
}

TEST(stacks_of_every_class_have_their_shape)
{
    hark__stacks *pool = pool_new();
    for (uint32_t which = 0; which < HARK__STACK_CLASSES; which++) {
        hark__stack *stack = stack_new(pool, which, pool);
        size_t guard = (size_t)(stack->low - slot(stack));
        CHECK_EQ((uintptr_t)slot(stack) % hark__stack_size(which), 0);
        CHECK_EQ((uintptr_t)stack->top % 16, 0);
        CHECK_LE(stack->top, (char *)stack);
        CHECK_GE(stack->top, (char *)stack - 1024);
        CHECK_GE(guard, which >= 6 ? 16384 : 4096);
        CHECK_EQ(stack->class, which);
        CHECK_PTR(stack->owner, pool);
        CHECK_PTR(hark__stack_at(stack->low, which), stack);
        CHECK_PTR(hark__stack_at(stack->top - 1, which), stack);
        CHECK_EQ(hark__stack_used(stack, stack->top - 512), 512);
        CHECK_EQ(hark__stack_used(stack, stack->top), 0);
        CHECK_EQ(hark__stack_used(stack, stack->low - 1), 0);
        memset(stack->low, 0x5a, (size_t)(stack->top - stack->low));
        CHECK(hark__stack_intact(stack));
        hark__stacks_give(pool, stack);
    }
    hark__stacks_close(pool);
}

TEST(stacks_tops_have_sixteen_colours)
{
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, 64);
    int seen[16] = {0};
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(stacks[i]->index, i);
        size_t colour = (size_t)((char *)stacks[i] - stacks[i]->top);
        CHECK_EQ(colour % 64, 0);
        CHECK_LT(colour / 64, 16);
        seen[colour / 64]++;
    }
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(seen[i], 4);
    }
    give_all(pool, stacks, 64);
    hark__stacks_close(pool);
}

/* ---- reservations -------------------------------------------------------------------------- */

TEST(stacks_are_reused_hottest_first)
{
    hark__stacks *pool = pool_new();
    hark__stack *a = stack_new(pool, USUAL, pool);
    hark__stack *b = stack_new(pool, USUAL, pool);
    CHECK(a != b);
    hark__stacks_give(pool, a);
    hark__stacks_give(pool, b);
    CHECK(a->owner == NULL && b->owner == NULL);
    CHECK_PTR(stack_new(pool, USUAL, pool), b);
    CHECK_PTR(stack_new(pool, USUAL, pool), a);
    hark__stacks_give(pool, b);
    hark__stacks_give(pool, a);
    hark__stacks_close(pool);
}

static void *no_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static size_t most;

static void *small_mmap(void *address, size_t length, int protection, int flags, int fd, off_t at)
{
    if (length > most) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return real_mmap(address, length, protection, flags, fd, at);
}

TEST(stacks_reserve_fails_cleanly_without_address_space)
{
    hark__stacks *pool = pool_new();
    real_mmap = hark__sys.mmap;
    hark__sys.mmap = no_mmap;
    CHECK_EQ(hark__stacks_reserve(pool, USUAL), -ENOMEM);
    CHECK_EQ(hark__stacks_reserve(pool, USUAL), -ENOMEM);
    hark__sys.mmap = real_mmap;
    CHECK_EQ(hark__stacks_reserve(pool, USUAL), 0);
    hark__sys.mmap = no_mmap;
    int reserved = 1;
    while (hark__stacks_reserve(pool, USUAL) == 0) {
        reserved++;
    }
    /* What was promised is there, whatever mmap says now. */
    hark__stack **stacks = calloc((size_t)reserved, sizeof(*stacks));
    for (int i = 0; i < reserved; i++) {
        stacks[i] = hark__stacks_take(pool, USUAL, pool);
        stacks[i]->low[0] = 1;
    }
    hark__sys.mmap = real_mmap;
    give_all(pool, stacks, reserved);
    hark__stacks_close(pool);
}

TEST(stacks_reserve_takes_less_where_little_is_to_be_had)
{
    hark__stacks *pool = pool_new();
    real_mmap = hark__sys.mmap;
    most = 3 * HARK__STACK_USUAL;
    hark__sys.mmap = small_mmap;
    hark__stack **stacks = many(pool, USUAL, 100);
    hark__sys.mmap = real_mmap;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(stacks[i]->index, i);
        stacks[i]->low[0] = 1;
    }
    give_all(pool, stacks, 100);
    hark__stacks_close(pool);
}

static int countdown;
static void *(*real_allocate)(size_t);
static void *(*real_resize)(void *, size_t);

static void *failing_allocate(size_t size)
{
    return countdown-- == 0 ? NULL : real_allocate(size);
}

static void *failing_resize(void *old, size_t size)
{
    return countdown-- == 0 ? NULL : real_resize(old, size);
}

TEST(stacks_survive_a_failure_of_each_allocation)
{
    real_allocate = hark__memory.allocate;
    real_resize = hark__memory.resize;
    hark__memory.allocate = failing_allocate;
    hark__memory.resize = failing_resize;
    int failures = 0;
    for (int k = 0; k < 20; k++) {
        hark__stacks *pool;
        countdown = k;
        int rc = hark__stacks_open(&pool);
        if (rc == 0) {
            for (int i = 0; i < 100 && rc == 0; i++) {
                rc = hark__stacks_reserve(pool, USUAL);
            }
            hark__stacks_close(pool);
        }
        failures += rc == -ENOMEM;
        CHECK(rc == 0 || rc == -ENOMEM);
    }
    hark__memory.allocate = real_allocate;
    hark__memory.resize = real_resize;
    CHECK_GT(failures, 2);
    CHECK_LT(failures, 20);
}

TEST(stacks_unreserve_gives_the_promise_back)
{
    hark__stacks *pool = pool_new();
    size_t before = 0;
    for (int i = 0; i < 100 * 1000; i++) {
        CHECK_EQ(hark__stacks_reserve(pool, USUAL), 0);
        hark__stacks_unreserve(pool, USUAL);
        before = before ? before : hark__map_live();
    }
    CHECK_EQ(hark__map_live(), before);
    hark__stacks_close(pool);
}

TEST(stacks_model_of_random_use)
{
    enum { MOST = 300 };
    hark__stacks *pool = pool_new();
    hark__stack *taken[MOST];
    int count = 0;
    uint64_t random = kit_seed() | 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned dice = (unsigned)(random >> 33);
        if (dice % 997 == 0) {
            hark__stacks_trim(pool);
        } else if (dice % 2 && count < MOST) {
            hark__stack *stack = stack_new(pool, dice / 2 % 3, &taken[count]);
            CHECK_EQ(stack->class, dice / 2 % 3);
            CHECK(stack->low && stack->top > stack->low);
            *(uint64_t *)stack->low = (uintptr_t)stack;
            taken[count++] = stack;
        } else if (count) {
            int j = (int)(dice / 2 % (unsigned)count);
            CHECK_EQ(*(uint64_t *)taken[j]->low, (uintptr_t)taken[j]); /* nobody else has it */
            hark__stacks_give(pool, taken[j]);
            taken[j] = taken[--count];
        }
    }
    while (count) {
        hark__stacks_give(pool, taken[--count]);
    }
    hark__stacks_close(pool);
}

/* ---- guards -------------------------------------------------------------------------------- */

TEST_TIMEOUT(stacks_a_hundred_thousand_guards_need_no_mappings, 60)
{
    need_advice();
    int count = 100 * 1000 / kit_slow();
    hark__stacks *pool = pool_new();
    int before = mappings();
    int others = hark__tools_on ? 200 : 0; /* a sanitizer's own */
    hark__stack **stacks = many(pool, USUAL, count);
    CHECK_LE(mappings() - before, 40 + others);
    for (int i = 0; i < count; i += 997) {
        CHECK(guarded(stacks[i]));
    }
    CHECK(guarded(stacks[count - 1]));
    give_all(pool, stacks, count);
    hark__stacks_close(pool);
    CHECK_LE(mappings(), before + 2 + others);
}

TEST(stacks_guard_survives_reuse_and_trim)
{
    hark__stacks *pool = pool_new();
    if (strcmp(hark__guard_method(), "canary") == 0) {
        SKIP("canaries only");
    }
    hark__stack **stacks = many(pool, USUAL, 200);
    give_all(pool, stacks, 200);
    stacks = many(pool, USUAL, 200);
    for (int i = 0; i < 200; i++) {
        CHECK(guarded(stacks[i]));
    }
    give_all(pool, stacks, 200);
    while (hark__stacks_trim(pool)) {}
    stacks = many(pool, USUAL, 200);
    for (int i = 0; i < 200; i++) {
        CHECK(guarded(stacks[i]));
        CHECK(hark__stack_intact(stacks[i]));
    }
    give_all(pool, stacks, 200);
    hark__stacks_close(pool);
}

static ssize_t no_process_madvise(const struct iovec *ranges, size_t count, int advice)
{
    (void)ranges, (void)count, (void)advice;
    errno = ENOSYS;
    return -1;
}

static int no_guard_madvise(void *address, size_t length, int advice)
{
    if (advice == GUARD_ADVICE) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

static int ignoring_madvise(void *address, size_t length, int advice)
{
    return advice == GUARD_ADVICE ? 0 : madvise(address, length, advice);
}

static int no_mprotect(void *address, size_t length, int protection)
{
    (void)address, (void)length, (void)protection;
    errno = ENOMEM;
    return -1;
}

static void check_method(const char *method, int count)
{
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, count);
    CHECK_STR(hark__guard_method(), method);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(guarded(stacks[i]), strcmp(method, "canary") != 0);
        CHECK(hark__stack_intact(stacks[i]));
    }
    give_all(pool, stacks, count);
    hark__stacks_close(pool);
}

TEST(stacks_guards_one_call_each_without_process_madvise)
{
    unsetenv("HARK_GUARD");
    need_advice();
    hark__sys.process_madvise = no_process_madvise;
    check_method("MADV_GUARD_INSTALL", 300);
}

TEST(stacks_guards_probe_without_process_madvise)
{
    unsetenv("HARK_GUARD");
    hark__sys.process_madvise = no_process_madvise;
    need_advice();
    check_method("MADV_GUARD_INSTALL", 300);
}

TEST(stacks_guards_fall_back_to_mprotect)
{
    unsetenv("HARK_GUARD");
    hark__sys.process_madvise = no_process_madvise;
    hark__sys.madvise = no_guard_madvise;
    check_method("mprotect", 300);
}

TEST(stacks_guards_do_not_believe_an_emulator_that_ignores_advice)
{
    unsetenv("HARK_GUARD");
    hark__sys.process_madvise = no_process_madvise;
    hark__sys.madvise = ignoring_madvise;
    check_method("mprotect", 100);
}

TEST(stacks_guards_fall_back_to_canaries)
{
    unsetenv("HARK_GUARD");
    hark__sys.process_madvise = no_process_madvise;
    hark__sys.madvise = no_guard_madvise;
    hark__sys.mprotect = no_mprotect;
    check_method("canary", 100);
}

TEST(stacks_guard_method_can_be_wished_for)
{
    setenv("HARK_GUARD", "mprotect", 1);
    check_method("mprotect", 50);
}

TEST(stacks_a_canary_notices_an_overflow)
{
    setenv("HARK_GUARD", "canary", 1);
    hark__stacks *pool = pool_new();
    hark__stack *stack = stack_new(pool, USUAL, pool);
    CHECK(hark__stack_intact(stack));
    CHECK_LE(resident(stack), 8192); /* looking costs no page of its own */
    memset(stack->low, 1, 100);
    CHECK(hark__stack_intact(stack));
    stack->low[-8] = 1;
    CHECK(!hark__stack_intact(stack));
    stack->low[-8] = 0;
    slot(stack)[0] = 1;
    CHECK(!hark__stack_intact(stack));
    hark__stacks_give(pool, stack);
    hark__stacks_close(pool);
}

static int max_map_count(void)
{
    int most_maps = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (!file || fscanf(file, "%d", &most_maps) != 1) {
        SKIP("no /proc/sys/vm/max_map_count");
    }
    fclose(file);
    return most_maps;
}

/* The program must still be able to map things when all mprotect guards are there. */
TEST_TIMEOUT(stacks_mprotect_guards_leave_mappings_for_others, 60)
{
    int most_maps = max_map_count();
    if (kit_slow() > 1 || most_maps > 100 * 1000) {
        SKIP("too many mappings to make here");
    }
    setenv("HARK_GUARD", "mprotect", 1);
    hark__stacks *pool = pool_new();
    int count = most_maps / 2 + 1000;
    hark__stack **stacks = many(pool, 0, count);
    CHECK(guarded(stacks[count / 4]));
    CHECK(!guarded(stacks[count - 1]));
    CHECK_STR(hark__guard_method(), "canary");
    CHECK_LT(mappings(), most_maps - 4000);
    hark__stacks *other = pool_new();
    hark__stack *late = stack_new(other, USUAL, other);
    CHECK(!guarded(late));
    hark__stacks_give(other, late);
    hark__stacks_close(other);
    give_all(pool, stacks, count);
    hark__stacks_close(pool);
    other = pool_new();
    late = stack_new(other, USUAL, other);
    CHECK(guarded(late)); /* the mappings were given back, and counted */
    hark__stacks_give(other, late);
    hark__stacks_close(other);
}

/* ---- memory -------------------------------------------------------------------------------- */

TEST(stacks_a_parked_task_costs_one_page)
{
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, 100);
    for (int i = 0; i < 100; i++) {
        stacks[i]->top[-1000] = 1;
        CHECK_LE(resident(stacks[i]), (size_t)sysconf(_SC_PAGESIZE));
    }
    give_all(pool, stacks, 100);
    hark__stacks_close(pool);
}

TEST(stacks_memory_returns_after_a_peak)
{
    enum { PEAK = 2000 };
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, PEAK);
    hark__stack **seen = calloc(PEAK, sizeof(*seen));
    for (int i = 0; i < PEAK; i++) {
        memset(stacks[i]->top - 8192, 1, 8192);
        seen[i] = stacks[i];
    }
    give_all(pool, stacks, PEAK);
    size_t held = 0;
    for (int i = 0; i < PEAK; i++) {
        held += resident(seen[i]);
    }
    CHECK_GE(held, PEAK * 8192u);
    int calls = 0;
    while (held > 100 * 16384 && calls < 100) {
        /* In the meantime a few are in use. */
        hark__stack **some = many(pool, USUAL, 10);
        give_all(pool, some, 10);
        hark__stacks_trim(pool);
        calls++;
        held = 0;
        for (int i = 0; i < PEAK; i++) {
            held += resident(seen[i]);
        }
    }
    while (hark__stacks_trim(pool)) {}
    held = 0;
    for (int i = 0; i < PEAK; i++) {
        held += resident(seen[i]);
    }
    CHECK_LE(held, 100 * 16384);
    CHECK_GT(calls, 3); /* little by little */
    CHECK_LT(calls, 100);
    free(seen);
    hark__stacks_close(pool);
}

TEST(stacks_in_use_keep_their_memory_when_others_are_trimmed)
{
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, 500);
    for (int i = 0; i < 500; i++) {
        memset(stacks[i]->low, 7, 100);
    }
    for (int i = 0; i < 400; i++) {
        hark__stacks_give(pool, stacks[i]);
    }
    while (hark__stacks_trim(pool)) {}
    for (int i = 400; i < 500; i++) {
        CHECK_EQ(stacks[i]->low[99], 7);
        CHECK_PTR(stacks[i]->owner, &stacks[i]);
        hark__stacks_give(pool, stacks[i]);
    }
    free(stacks);
    hark__stacks_close(pool);
}

TEST(stacks_trimmed_ones_are_whole_again_when_taken)
{
    hark__stacks *pool = pool_new();
    hark__stack **stacks = many(pool, USUAL, 300);
    give_all(pool, stacks, 300);
    while (hark__stacks_trim(pool)) {}
    stacks = many(pool, USUAL, 300);
    uint64_t indices = 0;
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(stacks[i]->class, USUAL);
        CHECK_PTR(stacks[i]->owner, &stacks[i]);
        CHECK(stacks[i]->low > slot(stacks[i]) && stacks[i]->top <= (char *)stacks[i]);
        indices += stacks[i]->index;
    }
    CHECK_EQ(indices, 299 * 300 / 2);
    give_all(pool, stacks, 300);
    hark__stacks_close(pool);
}
