/* SPDX-License-Identifier: MIT
 *
 * trace_test.c - where tasks are: the calls on their stacks, and the rings that they wait in.
 *
 * Functions that must be named are not static: the loader knows exported ones only.
 */
#include "../sync/scene.h"

#include "core/core.h"

#include <sys/stat.h>
#include <sys/time.h>

#define NAMED __attribute__((noinline))

static hark_event event;

/* ---- the calls of a task ----------------------------------------------------------------------- */

int trace_test_waits(hark_event *e);
NAMED int trace_test_waits(hark_event *e)
{
    return hark_event_wait(e) + kit_slow(); /* no tail call */
}

int trace_test_calls(void *arg);
NAMED int trace_test_calls(void *arg)
{
    (void)arg;
    trace_test_waits(&event);
    return kit_slow() - kit_slow();
}

/* The calls of a task, as text. */
static const char *calls_of(hark_task id)
{
    static char text[2048];
    struct hark__text to;
    void *frames[16];
    const hark__task *task = hark__task_find(hark__here, id);
    CHECK(task);
    hark__text_to_string(&to, text, sizeof(text));
    hark__frames_put(&to, frames, hark__task_frames(task, frames, 16), 0);
    return text;
}

static void check_calls(hark_task id)
{
#if defined(HARK__FORCE_UCONTEXT)
    (void)id;
#else
    const char *text = calls_of(id);
    const char *inner = strstr(text, "trace_test_waits+0x"),
               *outer = strstr(text, "trace_test_calls+0x");
    CHECK(inner);
    CHECK(outer);
    CHECK(inner < outer);
    CHECK(!strchr(strchr(outer, '\n') + 1, '\n')); /* it is the last: nothing of hark's below */
#endif
}

INSIDE(trace_of_a_parked_task_shows_the_programs_own_calls)
{
    const hark_task first = hark_go(&group, trace_test_calls, NULL);
    const hark_task second = hark_go(&group, trace_test_calls, NULL);
    CHECK_STR(calls_of(first), ""); /* it has not begun */
    CHECK_EQ(hark_settle(), 0);
    check_calls(first);  /* switched to another task */
    check_calls(second); /* switched to the loop */
    hark_event_set(&event);
    check_calls(first);                   /* ready */
    CHECK_STR(calls_of(hark_self()), ""); /* it runs */
}

INSIDE(trace_of_a_task_with_an_argument_of_its_own_shows_the_programs_own_calls)
{
    const hark_task task = hark_go_with(&group, trace_test_calls, (int[2]){1, 2});
    CHECK_EQ(hark_settle(), 0);
    check_calls(task);
    hark_event_set(&event);
}

static int inside_a_careful_loop(void *arg)
{
    hark_group tasks;
    (void)arg;
    CHECK_EQ(hark_group_open(&tasks), 0);
    const hark_task task = hark_go(&tasks, trace_test_calls, NULL);
    CHECK_EQ(hark_settle(), 0);
    check_calls(task);
    hark_event_set(&event);
    return hark_group_close(&tasks, 0);
}

TEST(trace_of_a_parked_task_in_a_loop_that_chooses_its_order)
{
    CHECK_EQ(run_seeded(kit_seed() | 1, inside_a_careful_loop, NULL), 0);
}

/* ---- rings -------------------------------------------------------------------------------------- */

static hark_task ring[3];

static int wait_for_next(void *arg)
{
    const int i = (int)(intptr_t)arg;
    hark_task_name("ring %d", i);
    return hark_task_wait(ring[(i + 1) % 3]);
}

static int wait_beside(void *arg)
{
    (void)arg;
    return hark_task_wait(ring[0]);
}

static int make_a_ring(void *arg)
{
    hark_group tasks;
    (void)arg;
    CHECK_EQ(hark_group_open(&tasks), 0);
    hark_go(&tasks, wait_beside, NULL); /* it waits for the ring, and is not of it */
    for (intptr_t i = 0; i < 3; i++) {
        ring[i] = hark_go(&tasks, wait_for_next, (void *)i);
    }
    hark_go(&tasks, trace_test_calls, NULL);
    return hark_group_close(&tasks, 0);
}

TEST(trace_a_deadlocks_report_begins_with_the_ring_and_shows_where_tasks_wait)
{
    capture_begin();
    const int rc = hark_run(make_a_ring, NULL);
    const char *text = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    const char *said = strstr(text, "hark: a ring: task "), *tree = strstr(text, "hark: who waits");
    CHECK(said);
    CHECK(tree > said);
    CHECK_HAS(text, "\"ring 0\"");
    CHECK_HAS(text, ", which waits for task ");
    CHECK(!memmem(said, (size_t)(strchr(said, '\n') - said), "wait_beside", 11));
#if !defined(HARK__FORCE_UCONTEXT)
    CHECK_HAS(tree, " trace_test_waits+0x");
    CHECK_HAS(tree, " trace_test_calls+0x");
#endif
}

static int without_a_ring(void *arg)
{
    (void)arg;
    return hark_event_wait(&event);
}

TEST(trace_a_deadlock_without_a_ring_names_none)
{
    capture_begin();
    CHECK_EQ(hark_run(without_a_ring, NULL), -EDEADLK);
    const char *text = capture_end();
    CHECK(!strstr(text, "a ring"));
    CHECK_HAS(text, "hark: who waits for what:\n");
}

static int many(void *arg)
{
    hark_group tasks;
    (void)arg;
    CHECK_EQ(hark_group_open(&tasks), 0);
    for (int i = 0; i < 100; i++) {
        hark_go(&tasks, without_a_ring, NULL);
    }
    return hark_group_close(&tasks, 0);
}

TEST(trace_a_deadlock_of_many_shows_the_calls_of_the_first_only)
{
    int count = 0;
    capture_begin();
    CHECK_EQ(hark_run(many, NULL), -EDEADLK);
    const char *text = capture_end();
    CHECK_HAS(text, "(the first 32 with their calls)");
    for (const char *at = text; (at = strstr(at, "#0 ")); at++) {
        count++;
    }
    CHECK_LE(count, 32);
}

/* ---- a loop that is stuck ------------------------------------------------------------------------ */

int trace_test_keeps_the_loop(void);
NAMED int trace_test_keeps_the_loop(void)
{
    const struct itimerval soon = {.it_value.tv_usec = 5000};
    struct stat written;
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
    do {
        for (volatile int i = 0; i < 1000000; i++) {}
        CHECK_EQ(fstat(STDERR_FILENO, &written), 0);
    } while (!written.st_size);
    return kit_slow() - kit_slow();
}

static int stuck(void *arg)
{
    (void)arg;
    hark_task_name("stuck one");
    CHECK_EQ(hark_dump_on(SIGALRM), 0);
    return trace_test_keeps_the_loop() + kit_slow() - kit_slow();
}

TEST(trace_a_dump_by_signal_shows_what_keeps_the_loop)
{
    capture_begin();
    CHECK_EQ(hark_run(stuck, NULL), 0);
    const char *text = capture_end();
    CHECK_HAS(text, "hark: now runs task 1 \"stuck one\", here:\n");
#if defined(__x86_64__) || defined(__aarch64__)
    CHECK_HAS(text, " trace_test_keeps_the_loop+0x");
#endif
}

int trace_test_gives_way(void);
NAMED int trace_test_gives_way(void)
{
    for (const int64_t start = kit_clock(); kit_clock() - start < HARK_MS(20);) {}
    return hark_sleep(HARK_MS(1)) + kit_slow() - kit_slow();
}

static int slow(void *arg)
{
    (void)arg;
    return trace_test_gives_way() + kit_slow() - kit_slow();
}

TEST(trace_of_a_slow_step_shows_where_it_gave_way)
{
    const hark_options options = {.size = sizeof(options), .slow_step = HARK_MS(5)};
    capture_begin();
    CHECK_EQ(hark_run_with(&options, slow, NULL), 0);
    const char *text = capture_end();
    CHECK_HAS(text, "hark: it gave way here:\n");
#if !defined(HARK__FORCE_UCONTEXT)
    CHECK_HAS(text, "trace_test_gives_way+0x");
#endif
}

/* ---- code without frame pointers ------------------------------------------------------------------ */

#if defined(__x86_64__)
/* Calls fn as code would that uses the frame pointer for something else. */
static void call_with(uintptr_t frame, void (*fn)(void))
{
    __asm__ volatile("mov %%rbp, %%rbx\n\t"
                     "mov %%rsp, %%r12\n\t"
                     "sub $128, %%rsp\n\t"
                     "and $-16, %%rsp\n\t"
                     "mov %%rax, %%rbp\n\t"
                     "call *%%rdx\n\t"
                     "mov %%r12, %%rsp\n\t"
                     "mov %%rbx, %%rbp"
                     : "+a"(frame), "+d"(fn)
                     :
                     : "rbx", "r12", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void fail_and_wait(void)
{
    hark_fail(-EIO, "no paper");
    CHECK_HAS(hark_error_trace(), "EIO raised in task ");
    CHECK_EQ(trace_test_waits(&event), kit_slow());
}

static const uintptr_t *nonsense;

static int is_without_frames(void *arg)
{
    uintptr_t own[4] = {0};
    const uintptr_t frame = nonsense[(intptr_t)arg];
    own[0] = (uintptr_t)own; /* a frame that leads to itself */
    own[1] = (uintptr_t)is_without_frames;
    call_with(frame ? frame : (uintptr_t)own, fail_and_wait);
    return own[1] != (uintptr_t)is_without_frames;
}

INSIDE(trace_of_code_without_frame_pointers_ends_and_stays_on_the_stack)
{
    const hark__stack *stack = hark__stack_at(&stack, hark__here->running->flags & TASK_CLASS);
    static uintptr_t elsewhere[2];
    const uintptr_t frames[] = {
        0,                         /* its own */
        1,                         /* of no alignment */
        4096,                      /* nowhere */
        (uintptr_t)stack->low,     /* another task's, and never written */
        (uintptr_t)stack->low - 8, /* in its guard */
        (uintptr_t)stack - 8,      /* half on it */
        (uintptr_t)elsewhere,      /* no stack */
        UINTPTR_MAX & ~(uintptr_t)7,
        0x8000000000000000u,
    };
    hark_task tasks[sizeof(frames) / sizeof(frames[0])];
    const intptr_t size = sizeof(frames) / sizeof(frames[0]);
    nonsense = frames;
    for (intptr_t i = 0; i < size; i++) {
        tasks[i] = hark_go(&group, is_without_frames, (void *)i);
        CHECK_GT(tasks[i], 0);
    }
    CHECK_EQ(hark_settle(), 0);
    for (intptr_t i = 0; i < size; i++) {
        const char *text = calls_of(tasks[i]);
        CHECK_HAS(text, "#0 ");
        CHECK_PTR(strstr(text, "#15 "), NULL); /* it has come to an end */
    }
    hark_event_set(&event);
}
#endif
