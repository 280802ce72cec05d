/* SPDX-License-Identifier: MIT
 *
 * words_test.c - what errors, dumps and reports say where little is known: addresses without a
 * name, codes without a name, words that are long gone, trees that are deep or half way changed.
 */
#include "kit.h"

#include <fcntl.h>
#include <hark/testing.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/core.h"

enum { UNKNOWN = 5000 }; /* no errno */

static hark_group group;
static char dumped[1 << 16];

/* What hark_dump says now. */
static const char *dump(void)
{
    memset(dumped, 0, sizeof(dumped));
    FILE *file = fmemopen(dumped, sizeof(dumped), "w");
    CHECK(file);
    hark_dump(file);
    fclose(file);
    return dumped;
}

static struct {
    int before, memory;
} captured;

static void capture_begin(void)
{
    captured.before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    captured.memory = memfd_create("stderr", MFD_CLOEXEC);
    CHECK_EQ(dup2(captured.memory, STDERR_FILENO), STDERR_FILENO);
}

static const char *capture_end(void)
{
    CHECK_EQ(dup2(captured.before, STDERR_FILENO), STDERR_FILENO);
    const ssize_t n = pread(captured.memory, dumped, sizeof(dumped) - 1, 0);
    dumped[n > 0 ? n : 0] = '\0';
    close(captured.memory);
    close(captured.before);
    return dumped;
}

/* ---- traces ---------------------------------------------------------------------------------- */

/* Not static: the program exports it, so that it has a name. */
__attribute__((noinline)) int words_test_named_function(void);
__attribute__((noinline)) int words_test_named_function(void)
{
    hark_fail(-EIO, "from a function with a name");
    return kit_slow(); /* no tail call */
}

static int traces(void *arg)
{
    (void)arg;
    words_test_named_function();
    CHECK_HAS(hark_error_trace(), "EIO raised in task 1 ");
    CHECK_HAS(hark_error_trace(), "words_test_named_function+0x");
    CHECK_EQ(hark_fail(-UNKNOWN, "odd"), -UNKNOWN);
    CHECK_HAS(hark_error_trace(), "an error raised in task 1 ");
    hark__failure_here()->frames[0] = dumped; /* data of the program: no function is near */
    CHECK_HAS(hark_error_trace(), "\n  #0 hark-tests+0x");
    hark__failure_here()->frames[0] = (void *)16; /* in no object at all */
    CHECK_HAS(hark_error_trace(), "\n  #0 0x10");
    return 0;
}

TEST(words_a_trace_names_functions_else_objects_else_addresses)
{
    CHECK_EQ(RUN_VIRTUAL(traces, NULL), 0);
}

static int traces_by_bare_name(void *arg)
{
    (void)arg;
    hark_fail(-EIO, "anything");
    hark__failure_here()->frames[0] = dumped;
    CHECK_HAS(hark_error_trace(), "\n  #0 hark-tests+0x");
    return 0;
}

TEST(words_a_program_called_without_a_folder_is_named_all_the_same)
{
    char *name = program_invocation_name, *bare = program_invocation_short_name;
    memmove(name, bare, strlen(bare) + 1); /* the loader keeps this very argv[0] */
    CHECK_EQ(RUN_VIRTUAL(traces_by_bare_name, NULL), 0);
}

TEST(words_a_failure_outside_any_task_has_a_trace_too)
{
    CHECK_EQ(hark_fail(-EIO, "no loop here"), -EIO);
    CHECK_STR(hark_error_trace(), "EIO raised in a thread without a task");
}

/* ---- words that travel ----------------------------------------------------------------------- */

static int fails_with_words(void *arg)
{
    (void)arg;
    return hark_fail(-EIO, "the disk is on fire");
}

static int fails_otherwise(void *arg)
{
    (void)arg;
    hark_fail(-EIO, "the disk is on fire");
    return -EPIPE;
}

static int reads_words_of_children(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, fails_with_words, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), -EIO);
    CHECK_STR(hark_error_last(), "the disk is on fire");

    hark_fail(-EINVAL, "old words");
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, fails_otherwise, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), -EPIPE);
    CHECK_STR(hark_error_last(), "old words");

    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_start(&group, fails_with_words, NULL, NULL), -EIO);
    CHECK_STR(hark_error_last(), "the disk is on fire");
    return hark_group_close(&group, 0);
}

TEST(words_of_a_child_reach_its_opener_and_only_with_their_own_code)
{
    CHECK_EQ(RUN_VIRTUAL(reads_words_of_children, NULL), 0);
}

/* ---- dumps ----------------------------------------------------------------------------------- */

static int cancelled_by(void *arg)
{
    hark_scope scope;
    (void)arg;
    CHECK_EQ(hark_scope_open(&scope, 0), 0);
    CHECK_HAS(dump(), "is running; it is cancelled by a deadline\n");
    CHECK_EQ(hark_scope_close(&scope, 0), 0);

    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    hark_scope_cancel(&scope);
    CHECK_HAS(dump(), "is running; it is cancelled by task 1\n");
    scope.canceller = 0; /* a callback did it */
    CHECK_HAS(dump(), "is running; it is cancelled\n");
    CHECK_EQ(hark_scope_close(&scope, 0), 0);

    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, fails_with_words, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_HAS(dump(), "is running; it is cancelled by a failure in its group\n");
    CHECK_EQ(hark_group_close(&group, 0), -EIO);

    hark_task_cancel(hark_self());
    CHECK_HAS(dump(), "is running; it is cancelled\n");
    return 0;
}

TEST(words_a_dump_says_who_cancelled_a_task)
{
    CHECK_EQ(RUN_VIRTUAL(cancelled_by, NULL), 0);
}

static void dump_in_callback(void *arg)
{
    (void)arg;
    CHECK_HAS(dump(), ": waits for time to pass, for ever");
}

static int sleeps_for_ever(void *arg)
{
    hark_watch watch = {0};
    (void)arg;
    CHECK_EQ(hark_call_soon(&watch, dump_in_callback, NULL), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_sleep(HARK_FOREVER)), -ETIMEDOUT);
    return 0;
}

TEST(words_a_dump_says_that_a_sleep_has_no_end)
{
    CHECK_EQ(RUN_VIRTUAL(sleeps_for_ever, NULL), 0);
    hark_dump(NULL); /* nowhere: nothing */
}

static int waits_to_write(void *arg)
{
    return hark_wait_fd(*(int *)arg, POLLOUT);
}

static int dumps_a_writer(void *arg)
{
    int fds[2];
    char bytes[4096] = {0};
    (void)arg;
    CHECK_EQ(hark_socketpair(fds), 0);
    while (write(fds[0], bytes, sizeof(bytes)) > 0) {}
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, waits_to_write, &fds[0]), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_HAS(dump(), " to be writable");
    hark_group_cancel(&group);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark_close(fds[0]) | hark_close(fds[1]), 0);
    return 0;
}

TEST(words_a_dump_says_what_a_descriptor_shall_be)
{
    CHECK_EQ(RUN(dumps_a_writer, NULL), 0);
}

enum { DEEP = 24 };

static int goes_deeper(void *arg)
{
    const int left = *(int *)arg - 1;
    hark_group mine;
    if (left == 0) {
        dump();
        return 0;
    }
    CHECK_EQ(hark_group_open(&mine), 0);
    CHECK_GT(hark_go_copy(&mine, goes_deeper, &left, sizeof(left)), 0);
    return hark_group_close(&mine, 0);
}

TEST(words_a_dump_indents_no_deeper_than_twenty)
{
    char indented[2 * DEEP + 16];
    int depth = DEEP;
    CHECK_EQ(RUN_VIRTUAL(goes_deeper, &depth), 0);
    for (int task = 1; task <= DEEP; task++) {
        const int indent = 2 * (task < 20 ? task : 20);
        snprintf(indented, sizeof(indented), "\n%*stask %d ", indent, "", task);
        CHECK_HAS(dumped, indented);
    }
}

static int says_nothing(void *arg)
{
    (void)arg;
    CHECK_HAS(dump(), "task 2 \"only\", spawned at a site:");
    return 0;
}

static int spawns_from_an_odd_site(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go_at("a site\0"
                        "3only",
                        &group, says_nothing, NULL),
             0);
    return hark_group_close(&group, 0);
}

TEST(words_a_spawn_site_with_too_few_arguments_is_read_to_its_end)
{
    CHECK_EQ(RUN_VIRTUAL(spawns_from_an_odd_site, NULL), 0);
}

static int waits_for_event(void *event)
{
    return hark_event_wait(event);
}

/* A signal may come while a level or a list is being changed: what it finds is told, and the fields
 * that are not there are left out. */
static int dumps_half_way(void *arg)
{
    hark_event event = HARK_EVENT_INIT;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    const hark_task id = hark_go(&group, waits_for_event, &event);
    CHECK_EQ(hark_yield(), 0);
    hark__task *task = hark__task_find(hark__here, id);
    CHECK_HAS(dump(), "waits for an event at 0x");
    task->in.waiter.list = NULL;
    CHECK_HAS(dump(), "waits for an event\n");
    task->in.waiter.list = &event.waiters;
    task->base.flags |= LEVEL_REACHED;
    CHECK_HAS(dump(), "; it is cancelled\n");
    task->base.flags &= ~(uint32_t)LEVEL_REACHED;
    hark_event_set(&event);
    return hark_group_close(&group, 0);
}

TEST(words_a_dump_of_a_tree_that_is_being_changed_tells_what_is_there)
{
    CHECK_EQ(RUN_VIRTUAL(dumps_half_way, NULL), 0);
}

static int raises(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    capture_begin();
    raise(SIGUSR1);
    CHECK_HAS(capture_end(), "hark: 1 task, hub ");
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, fails_with_words, NULL), 0);
    CHECK_EQ(hark_yield(), 0); /* a record that is free again is none of the tasks */
    capture_begin();
    raise(SIGUSR1);
    CHECK_HAS(capture_end(), "hark: 1 task, hub ");
    CHECK(!strstr(dumped, "task 2"));
    CHECK_EQ(hark_group_close(&group, 0), -EIO);
    return 0;
}

TEST(words_a_dump_on_a_signal_tells_of_the_living_only)
{
    CHECK_EQ(RUN_VIRTUAL(raises, NULL), 0);
}

static void *(*real_allocate)(size_t);
static int dumped_early;

static void *allocate_and_dump(size_t size)
{
    if (hark__here && hark__here->tasks == 0) {
        CHECK_HAS(dump(), "hark: 0 tasks, hub ");
        dumped_early++;
    }
    return real_allocate(size);
}

static int ends(void *arg)
{
    (void)arg;
    return 0;
}

TEST(words_a_dump_before_there_is_a_task_tells_of_none)
{
    real_allocate = hark__memory.allocate;
    hark__memory.allocate = allocate_and_dump;
    CHECK_EQ(RUN_VIRTUAL(ends, NULL), 0);
    CHECK_GT(dumped_early, 0);
}

/* ---- overflow -------------------------------------------------------------------------------- */

static void put_pc(ucontext_t *context, void *pc)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)pc;
#else
    context->uc_mcontext.pc = (uintptr_t)pc;
#endif
}

/* Not from a real overflow: there the program counter is always in some function. */
static int reports_overflow(void *arg)
{
    ucontext_t context;
    (void)arg;
    hark__stack *stack =
        hark__stack_at(__builtin_frame_address(0), hark__here->running->flags & TASK_CLASS);
    CHECK_EQ(getcontext(&context), 0);
    put_pc(&context, (void *)words_test_named_function);
    capture_begin();
    hark__report_overflow(stack, stack->low - 8, &context);
    CHECK_HAS(capture_end(), "words_test_named_function+0x0 (");
    CHECK_HAS(dumped, "hark: stack overflow in task 1 ");

    put_pc(&context, (void *)16);
    void *owner = stack->owner;
    stack->owner = NULL;
    capture_begin();
    hark__report_overflow(stack, stack->low - 8, &context);
    stack->owner = owner;
    CHECK_HAS(capture_end(), "hark: stack overflow in a task that has ended: ");
    CHECK_HAS(dumped, "#0 0x10\n");
    return 0;
}

TEST(words_an_overflow_at_an_unknown_place_is_told_by_address)
{
    CHECK_EQ(RUN_VIRTUAL(reports_overflow, NULL), 0);
}

static int writes_into_its_canary(void *arg)
{
    (void)arg;
    hark__stack *stack =
        hark__stack_at(__builtin_frame_address(0), hark__here->running->flags & TASK_CLASS);
    *(volatile char *)(stack->low - 8) = 1;
    return 0;
}

TEST_DIES(words_an_overflow_that_only_the_canary_saw_is_told_at_the_tasks_end, SIGABRT,
          "it has overflowed its stack of 65536 bytes")
{
    setenv("HARK_GUARD", "canary", 1);
    RUN_VIRTUAL(writes_into_its_canary, NULL);
}

/* ---- stories --------------------------------------------------------------------------------- */

static int ends_behind_the_closer(void *arg)
{
    (void)arg;
    hark_yield();
    return 0;
}

static int closes_and_fails(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, ends_behind_the_closer, NULL);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    HARK_TEST_CHECK(arg != NULL);
    return 0;
}

/* What wakes it is a matter between the group and its closer. */
TEST(words_of_a_story_say_that_nobody_cuts_a_wait_for_children_short)
{
    const hark_exploration options = {.size = sizeof(options), .main = closes_and_fails};
    capture_begin();
    const int failures = hark_explore(&options, NULL);
    CHECK_HAS(capture_end(), "goes on: its wait for its children has ended with 0\n");
    CHECK_EQ(failures, 1);
}
