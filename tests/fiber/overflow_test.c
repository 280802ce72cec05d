/* SPDX-License-Identifier: MIT
 *
 * overflow_test.c - a touch of a guard is reported by name; every other fault goes where it would
 * have.
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "fiber/tools.h"
#include "fibers.h"

static hark__stacks *pool;
static place here;
static place there;

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(9);
    }
}

static void report(const hark__stack *stack, const void *address, void *context)
{
    void *pc;
    void *frame;
    void *addresses[32];
    char line[200];
    hark__context_frame(context, &pc, &frame);
    int n = hark__frames(addresses, 32, frame, stack->low, stack->top);
    const char *at = address;
    bool in_guard = at < stack->low && at >= stack->low - 16384;
    snprintf(line, sizeof(line), "overflow of %s, %s, %s frames\n", (const char *)stack->owner,
             in_guard ? "in the guard" : "elsewhere", n > 2 || !frame ? "many" : "few");
    say(line);
}

static void begin(uint32_t class, void (*fn)(void *))
{
    pool = pool_new();
    if (strcmp(hark__guard_method(), "canary") == 0) {
        SKIP("canaries only");
    }
    CHECK_EQ(hark__overflow_open(report), 0);
    place_here(&here);
    stack_new(pool, class, "a neighbour");
    there = (place){.stack = stack_new(pool, class, "the culprit")};
    stack_new(pool, class, "another neighbour");
    place_begin(&here, &there, fn, NULL);
}

/* ---- overflows ----------------------------------------------------------------------------- */

static void touch_guard(void *arg)
{
    (void)arg;
    place_arrived(&there);
    *(volatile char *)(there.stack->low - 8) = 1;
}

TEST_DIES(overflow_a_touch_of_the_guard_is_reported_with_its_owner, SIGSEGV,
          "overflow of the culprit, in the guard")
{
    begin(2, touch_guard);
}

TEST_DIES(overflow_in_the_largest_class_too, SIGSEGV, "overflow of the culprit, in the guard")
{
    begin(HARK__STACK_CLASSES - 1, touch_guard);
}

NOINLINE static int recurse(int depth)
{
    volatile char frame[200];
    frame[depth % 200] = (char)depth;
    int below = depth < INT_MAX ? recurse(depth + 1) : 0;
    return below + frame[depth % 200];
}

static void recurse_for_ever(void *arg)
{
    (void)arg;
    place_arrived(&there);
    recurse(0);
}

TEST_DIES(overflow_by_recursion_is_reported_with_its_frames, SIGSEGV,
          "overflow of the culprit, in the guard, many frames")
{
    begin(2, recurse_for_ever);
}

NOINLINE static void one_big_frame(void)
{
    volatile char frame[100 << 10];
    for (size_t i = sizeof(frame); i > 0; i--) {
        frame[i - 1] = 1;
    }
}

static void call_big_frame(void *arg)
{
    (void)arg;
    place_arrived(&there);
    one_big_frame();
}

TEST_DIES(overflow_by_one_frame_larger_than_the_stack, SIGSEGV,
          "overflow of the culprit, in the guard")
{
    begin(2, call_big_frame);
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* No fault of the program's: the kernel cannot put down the frame of a handler. */
static void raise_near_the_end(void *arg)
{
    (void)arg;
    place_arrived(&there);
    struct sigaction action = {.sa_handler = on_alarm};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    pid_t self = getpid();
    char *sp = there.stack->low + 256;
#if defined(__x86_64__)
    register long number __asm__("rax") = 62; /* kill */
    register long pid __asm__("rdi") = self;
    register long signo __asm__("rsi") = SIGUSR1;
    __asm__ volatile("mov %3, %%rsp\n\tsyscall\n\tud2"
                     : "+r"(number)
                     : "r"(pid), "r"(signo), "r"(sp)
                     : "rcx", "r11", "memory");
#else
    (void)self, (void)sp;
    touch_guard(NULL);
#endif
}

TEST_DIES(overflow_by_a_signal_frame_is_reported, SIGSEGV, "overflow of the culprit")
{
    if (hark__tools_valgrind()) {
        SKIP("valgrind puts signal frames down itself");
    }
    begin(2, raise_near_the_end);
}

static void *overflow_on_a_thread(void *arg)
{
    (void)arg;
    begin(2, recurse_for_ever);
    return NULL;
}

TEST_DIES(overflow_is_reported_on_another_thread, SIGSEGV, "overflow of the culprit")
{
    pthread_t thread;
    CHECK_EQ(hark__overflow_open(report), 0);
    CHECK_EQ(pthread_create(&thread, NULL, overflow_on_a_thread, NULL), 0);
    pthread_join(thread, NULL);
}

static void trim_then_touch(void *arg)
{
    (void)arg;
    place_arrived(&there);
    hark__stack *stacks[200];
    for (int i = 0; i < 200; i++) {
        stacks[i] = stack_new(pool, 2, "filler");
    }
    for (int i = 0; i < 200; i++) {
        hark__stacks_give(pool, stacks[i]);
    }
    while (hark__stacks_trim(pool)) {}
    for (int i = 0; i < 200; i++) {
        stacks[i] = stack_new(pool, 2, "the last one");
    }
    *(volatile char *)(stacks[199]->low - 1) = 1;
}

TEST_DIES(overflow_of_a_trimmed_stack_is_reported, SIGSEGV, "overflow of the last one")
{
    begin(2, trim_then_touch);
}

/* ---- other faults -------------------------------------------------------------------------- */

static char *page;

static void own_fault(void)
{
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    *(volatile char *)page = 1;
}

static sigjmp_buf back;
static void *seen_address;
static int seen_signo;
static bool seen_blocked;

static void with_info(int signo, siginfo_t *info, void *context)
{
    sigset_t mask;
    (void)context;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    seen_blocked =
        sigismember(&mask, SIGUSR2) && sigismember(&mask, signo) && !sigismember(&mask, SIGTERM);
    seen_signo = signo;
    seen_address = info->si_addr;
    siglongjmp(back, 1);
}

static void plain(int signo)
{
    seen_signo = signo;
    siglongjmp(back, 1);
}

static void fault_goes_to(struct sigaction *action)
{
    if (hark__tools_valgrind()) {
        SKIP("valgrind would count the fault as an error");
    }
    for (volatile int i = 0; i < 3; i++) {
        CHECK_EQ(sigaction(SIGSEGV, action, NULL), 0);
        CHECK_EQ(hark__overflow_open(report), 0);
        seen_signo = 0;
        if (sigsetjmp(back, 1) == 0) {
            own_fault();
        }
        CHECK_EQ(seen_signo, SIGSEGV);
        munmap(page, 4096);
        hark__overflow_close();
    }
    signal(SIGSEGV, SIG_DFL);
}

TEST(overflow_leaves_other_faults_to_the_earlier_handler_with_info)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = with_info;
    sigaddset(&action.sa_mask, SIGUSR2);
    fault_goes_to(&action);
    CHECK_PTR(seen_address, page);
    CHECK(seen_blocked);
}

TEST(overflow_leaves_other_faults_to_the_earlier_plain_handler)
{
    struct sigaction action = {.sa_handler = plain};
    fault_goes_to(&action);
}

TEST_DIES(overflow_leaves_other_faults_to_the_default_action, SIGSEGV, "")
{
    signal(SIGSEGV, SIG_DFL);
    CHECK_EQ(hark__overflow_open(report), 0);
    own_fault();
    say("went on");
    _exit(0);
}

TEST_DIES(overflow_a_fault_cannot_be_ignored, SIGSEGV, "")
{
    signal(SIGSEGV, SIG_IGN);
    CHECK_EQ(hark__overflow_open(report), 0);
    own_fault();
    _exit(0);
}

TEST(overflow_a_sent_signal_that_was_ignored_is_ignored)
{
    signal(SIGSEGV, SIG_IGN);
    CHECK_EQ(hark__overflow_open(report), 0);
    CHECK_EQ(raise(SIGSEGV), 0);
    CHECK_EQ(kill(getpid(), SIGSEGV), 0);
    hark__overflow_close();
    signal(SIGSEGV, SIG_DFL);
}

TEST_DIES(overflow_a_sent_signal_takes_the_default_action, SIGSEGV, "")
{
    signal(SIGSEGV, SIG_DFL);
    CHECK_EQ(hark__overflow_open(report), 0);
    raise(SIGSEGV);
    _exit(0);
}

TEST_DIES(overflow_a_guard_without_an_owner_is_a_plain_fault, SIGSEGV, "")
{
    signal(SIGSEGV, SIG_DFL);
    pool = pool_new();
    CHECK_EQ(hark__overflow_open(report), 0);
    hark__stack *stack = stack_new(pool, 2, "nobody");
    if (strcmp(hark__guard_method(), "canary") == 0) {
        SKIP("canaries only");
    }
    hark__stacks_give(pool, stack);
    *(volatile char *)(stack->low - 1) = 1;
    _exit(0);
}

/* ---- opening and closing ------------------------------------------------------------------- */

/* The C library sets a flag of its own (SA_RESTORER) when it sets an action. */
static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_handler == b->sa_handler && ((a->sa_flags ^ b->sa_flags) & ~0x04000000) == 0;
}

TEST(overflow_close_puts_everything_back)
{
    struct sigaction before[2];
    struct sigaction after[2];
    stack_t stack_before;
    stack_t stack_after;
    sigaction(SIGSEGV, NULL, &before[0]);
    sigaction(SIGBUS, NULL, &before[1]);
    sigaltstack(NULL, &stack_before);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark__overflow_open(report), 0);
    }
    sigaction(SIGSEGV, NULL, &after[0]);
    CHECK(!same_action(&before[0], &after[0]));
    CHECK(after[0].sa_flags & SA_ONSTACK);
    sigaltstack(NULL, &stack_after);
    CHECK(!(stack_after.ss_flags & SS_DISABLE));
    for (int i = 0; i < 3; i++) {
        hark__overflow_close();
    }
    sigaction(SIGSEGV, NULL, &after[0]);
    sigaction(SIGBUS, NULL, &after[1]);
    sigaltstack(NULL, &stack_after);
    CHECK(same_action(&before[0], &after[0]));
    CHECK(same_action(&before[1], &after[1]));
    CHECK_EQ(stack_after.ss_flags, stack_before.ss_flags);
}

TEST(overflow_close_leaves_a_later_handler_alone)
{
    struct sigaction after;
    CHECK_EQ(hark__overflow_open(report), 0);
    signal(SIGSEGV, plain);
    hark__overflow_close();
    sigaction(SIGSEGV, NULL, &after);
    CHECK(after.sa_handler == plain);
    signal(SIGSEGV, SIG_DFL);
}

static int no_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    (void)signo, (void)action, (void)old;
    errno = EINVAL;
    return -1;
}

static int no_sigaltstack(const stack_t *stack, stack_t *old)
{
    (void)stack, (void)old;
    errno = EPERM;
    return -1;
}

TEST(overflow_open_fails_cleanly)
{
    struct sigaction before;
    struct sigaction after;
    struct hark__sys real = hark__sys;
    sigaction(SIGSEGV, NULL, &before);
    hark__sys.sigaction = no_sigaction;
    CHECK_EQ(hark__overflow_open(report), -EINVAL);
    hark__sys = real;
    hark__sys.sigaltstack = no_sigaltstack;
    CHECK_EQ(hark__overflow_open(report), -EPERM);
    hark__sys = real;
    sigaction(SIGSEGV, NULL, &after);
    CHECK(same_action(&before, &after));
    CHECK_EQ(hark__overflow_open(report), 0);
    hark__overflow_close();
}
