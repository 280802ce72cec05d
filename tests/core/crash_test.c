/* SPDX-License-Identifier: MIT
 *
 * crash_test.c - a task that dies of a fault is named, and dies as it would have; who has words of
 * its own for that keeps them.
 *
 * Functions that must be named are not static: the loader knows exported ones only.
 */
#include "../sync/scene.h"

#include "core/core.h"
#include <sys/prctl.h>
#include <sys/wait.h>

#define NAMED __attribute__((noinline))

/* ---- faults -------------------------------------------------------------------------------------- */

static int *volatile nowhere;
#if defined(__x86_64__)
static int *volatile outside_all = (int *)0x8000000000000000u;
#else
static int *volatile outside_all = (int *)8;
#endif
static volatile int zero;

/* As long as a function has no frame yet, or calls no other and needs none, its caller is not seen. */
#define CALL_ANOTHER() (zero = kit_slow())

static void read_nowhere(void)
{
    CALL_ANOTHER();
    zero = *nowhere;
    CALL_ANOTHER();
}

/* No address of a user's: the kernel names none. */
static void read_outside_all(void)
{
    CALL_ANOTHER();
    zero = *outside_all;
    CALL_ANOTHER();
}

static void read_behind_a_file(void)
{
    CALL_ANOTHER();
    const int fd = memfd_create("empty", MFD_CLOEXEC);
    const volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    zero = page[0];
    CALL_ANOTHER();
}

static void trap(void)
{
    CALL_ANOTHER();
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    __asm__ volatile("udf #0");
#endif
    CALL_ANOTHER();
}

static void divide(void)
{
    CALL_ANOTHER();
#if defined(__x86_64__)
    __asm__ volatile("xor %%ecx, %%ecx\n\tidiv %%ecx" ::: "eax", "ecx", "edx");
#else
    trap();
#endif
    CALL_ANOTHER();
}

static void (*volatile fault)(void);

int crash_test_falls(void *arg);
NAMED int crash_test_falls(void *arg)
{
    hark_scope scope;
    (void)arg;
    hark_task_name("doomed");
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    fault();
    return (int)hark_scope_close(&scope, 0) + kit_slow() - kit_slow();
}

static int main_falls(void *arg)
{
    (void)arg;
    hark_task_name("parent");
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, crash_test_falls, NULL), 0);
    return hark_group_close(&group, 0);
}

/* ---- a process that falls ------------------------------------------------------------------------ */

static char said[8192];

/* How it has ended; what it said is in `said`. */
static int run_in_child(void (*body)(void))
{
    int out[2], status = -1;
    size_t used = 0;
    ssize_t size;

    if (kit_slow() > 1) {
        SKIP("a sanitizer has these signals");
    }
    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        prctl(PR_SET_DUMPABLE, 0);
        body();
        _exit(0);
    }
    close(out[1]);
    while ((size = read(out[0], said + used, sizeof said - 1 - used)) > 0) {
        used += (size_t)size;
    }
    said[used] = '\0';
    close(out[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void run_it(void)
{
    hark_run(main_falls, NULL);
}

static void check_crash(void (*how)(void), int signo, const char *words)
{
    fault = how;
    const int status = run_in_child(run_it);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), signo);
    CHECK_HAS(said, words);
    CHECK_HAS(said, " in task 2 \"doomed\", spawned at ");
    CHECK_HAS(said, "hark: it was inside a scope, shielded; inside a group of task 1 \"parent\"\n");
#if defined(__x86_64__) || defined(__aarch64__)
    CHECK_HAS(said, " crash_test_falls+0x");
#endif
    CHECK_PTR(strstr(strstr(said, "hark: crash") + 1, "hark: crash"), NULL);
}

TEST(crash_of_a_task_is_told_with_its_scopes_and_calls)
{
    check_crash(read_nowhere, SIGSEGV, "hark: crash: SIGSEGV at the address 0x0 in ");
}

TEST(crash_by_an_address_that_is_none)
{
#if defined(__x86_64__)
    check_crash(read_outside_all, SIGSEGV, "hark: crash: SIGSEGV in ");
#else
    check_crash(read_outside_all, SIGSEGV, "hark: crash: SIGSEGV at the address ");
#endif
}

#if defined(__x86_64__)
static uintptr_t nonsense;

static void read_nowhere_without_frames(void)
{
    __asm__ volatile("mov %0, %%rbp\n\tmov (%1), %%eax" ::"r"(nonsense), "r"(nowhere) : "rax");
}

/* The report is whole, though the way outwards is lost. */
TEST(crash_of_code_without_frame_pointers)
{
    for (int i = 0; i < 4; i++) {
        nonsense = (uintptr_t[]){0, 1, 4096, UINTPTR_MAX & ~(uintptr_t)7}[i];
        fault = read_nowhere_without_frames;
        const int status = run_in_child(run_it);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(WTERMSIG(status), SIGSEGV);
        CHECK_HAS(said, "\n  #0 ");
        CHECK_HAS(said, "hark: it was inside a scope, shielded; inside a group of task 1 ");
    }
}
#endif

TEST(crash_behind_the_end_of_a_file)
{
    check_crash(read_behind_a_file, SIGBUS, "hark: crash: SIGBUS at the address 0x");
}

TEST(crash_by_an_instruction_that_is_none)
{
    check_crash(trap, SIGILL, "hark: crash: SIGILL in ");
}

TEST(crash_by_a_division)
{
#if defined(__x86_64__)
    check_crash(divide, SIGFPE, "hark: crash: SIGFPE in ");
#else
    SKIP("here a division by zero is 0");
#endif
}

/* ---- whoever has other words --------------------------------------------------------------------- */

static void own_handler(int signo)
{
    (void)signo;
    _exit(42);
}

static void run_with_own_handlers(void)
{
    const struct sigaction action = {.sa_handler = own_handler, .sa_flags = SA_ONSTACK};
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(sigaction((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL}[i], &action, NULL), 0);
    }
    run_it();
}

static void check_own(void (*how)(void))
{
    fault = how;
    const int status = run_in_child(run_with_own_handlers);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
    CHECK_STR(said, "");
}

TEST(crash_is_the_programs_own_matter_when_it_has_a_handler)
{
    check_own(read_nowhere);
    check_own(read_behind_a_file);
    check_own(trap);
    check_own(divide);
}

static void check_sent(int signo)
{
    const int status = run_in_child(run_it);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), signo);
    CHECK_STR(said, "");
}

static void send_segv(void)
{
    raise(SIGSEGV);
}

static void send_fpe(void)
{
    kill(getpid(), SIGFPE);
}

TEST(crash_is_not_told_when_somebody_sent_the_signal)
{
    fault = send_segv;
    check_sent(SIGSEGV);
    fault = send_fpe;
    check_sent(SIGFPE);
}

static int falls_in_a_callback(void *arg)
{
    static hark_watch watch;
    CHECK_EQ(hark_call_soon(&watch, (hark_callback *)(void (*)(void))fault, arg), 0);
    return hark_yield();
}

static void run_callback(void)
{
    hark_run(falls_in_a_callback, NULL);
}

TEST(crash_outside_any_task_is_as_without_hark)
{
    fault = read_nowhere;
    const int status = run_in_child(run_callback);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGSEGV);
    CHECK_STR(said, "");
}

static int sees_handlers(void *arg)
{
    struct sigaction has;
    (void)arg;
    CHECK_EQ(sigaction(SIGFPE, NULL, &has), 0);
    return has.sa_handler == own_handler;
}

TEST(crash_handlers_come_and_go_with_the_loops)
{
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    const struct sigaction action = {.sa_handler = own_handler};
    struct sigaction had[4], has;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(sigaction(signals[i], NULL, &had[i]), 0);
    }
    CHECK_EQ(hark_run(sees_handlers, NULL), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(sigaction(signals[i], NULL, &has), 0);
        CHECK(had[i].sa_handler == has.sa_handler);
    }
    CHECK_EQ(sigaction(SIGFPE, &action, NULL), 0);
    CHECK_EQ(hark_run(sees_handlers, NULL), 1);
    CHECK_EQ(sigaction(SIGFPE, NULL, &has), 0);
    CHECK(has.sa_handler == own_handler);
}
