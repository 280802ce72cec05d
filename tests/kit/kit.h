/* SPDX-License-Identifier: MIT
 *
 * kit.h - what a test is written with.
 *
 * Why      A test of a runtime hangs, leaks and crashes when it finds something. So every test is a
 *          process of its own, with a time limit, and what it holds at its end is counted.
 * Idea     TEST(name) { body } puts a record into a linker section; the runner (kit.c) finds all
 *          records of the program, forks for each, and reads exit status and output.
 * Rules    1  A body runs outside any loop, in a fresh process, with stdout and stderr captured.
 *          2  A failing check prints file:line and both values and ends the process at once, from
 *             any task or thread; nothing after it runs, so it may stand on any stack.
 *          3  When the body has returned, descriptors, hark's heap bytes and mappings, and living
 *             tasks must be what they were before it.
 *          4  Randomness comes from kit_seed() only; a failure prints how to replay it.
 *          5  No fixed ports (listen on "0", ask hark_tcp_port), no sleeping to give others time
 *             (hark_settle, or a virtual clock).
 * Names    <noun>_<behaviour id if any>_<sentence>; the room is the folder of the file.
 */
#ifndef HARK_TESTS_KIT_H
#define HARK_TESTS_KIT_H

#include <errno.h>
#include <hark.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- declaring tests ----------------------------------------------------------------------------
 *
 * TEST            runs once.
 * TEST_TIMEOUT    the same with its own limit in seconds (the default is 10; five times as much
 *                 under sanitizers and emulators, ten times under valgrind).
 * TEST_ON_HUBS    runs once a hub, as name@uring, name@epoll, ...: HARK_HUB is set for it. A hub
 *                 that this kernel or build refuses is a skipped test.
 * TEST_DIES       must die of that signal, and what it printed must contain the text.
 * TEST_HIDDEN     runs only when asked for by its exact name: food for the kit's own tests.
 */
#define TEST(name)                          KIT_TEST(name, 0, 0, 0, NULL)
#define TEST_TIMEOUT(name, seconds)         KIT_TEST(name, 0, seconds, 0, NULL)
#define TEST_ON_HUBS(name)                  KIT_TEST(name, KIT_ON_HUBS, 0, 0, NULL)
#define TEST_ON_HUBS_TIMEOUT(name, secs)    KIT_TEST(name, KIT_ON_HUBS, secs, 0, NULL)
#define TEST_DIES(name, signo, text)        KIT_TEST(name, 0, 0, signo, text)
#define TEST_HIDDEN(name)                   KIT_TEST(name, KIT_HIDDEN, 0, 0, NULL)
#define TEST_HIDDEN_TIMEOUT(name, secs)     KIT_TEST(name, KIT_HIDDEN, secs, 0, NULL)
#define TEST_HIDDEN_DIES(name, signo, text) KIT_TEST(name, KIT_HIDDEN, 0, signo, text)

/* ---- checks -------------------------------------------------------------------------------------
 * The first value is what came out, the second what should have.
 */
#define CHECK(expr) ((expr) ? (void)0 : kit_fail(__FILE__, __LINE__, "CHECK(%s) is false", #expr))

#define CHECK_EQ(a, b)              KIT_COMPARE(#a, #b, KIT_EQ, a, b)
#define CHECK_NE(a, b)              KIT_COMPARE(#a, #b, KIT_NE, a, b)
#define CHECK_LT(a, b)              KIT_COMPARE(#a, #b, KIT_LT, a, b)
#define CHECK_LE(a, b)              KIT_COMPARE(#a, #b, KIT_LE, a, b)
#define CHECK_GT(a, b)              KIT_COMPARE(#a, #b, KIT_GT, a, b)
#define CHECK_GE(a, b)              KIT_COMPARE(#a, #b, KIT_GE, a, b)
#define CHECK_STR(actual, expected) kit_check_str(__FILE__, __LINE__, #actual, (actual), (expected))
#define CHECK_HAS(haystack, needle) \
    kit_check_has(__FILE__, __LINE__, #haystack, (haystack), (needle))
#define CHECK_PTR(a, b)     kit_check_ptr(__FILE__, __LINE__, #a, #b, (a), (b))
#define CHECK_LOG(expected) kit_check_log(__FILE__, __LINE__, (expected))
#define SKIP(why)           kit_skip("%s", (why))

/* ---- loops, the log, seeds, time ------------------------------------------------------------- */
#define RUN(fn, arg)         hark_run((fn), (arg))
#define RUN_VIRTUAL(fn, arg) kit_run_virtual((fn), (arg))

int kit_run_virtual(hark_fn *fn, void *arg);

/* Appends one word to the test's log; CHECK_LOG compares all words, single spaces between them, and
 * empties the log. Any task, any thread. */
void kit_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* This test's seed: the same for the same base seed and name. */
uint64_t kit_seed(void);

/* Real CLOCK_MONOTONIC in nanoseconds, whatever hark's clock does. */
int64_t kit_clock(void);

/* 1, or by how much this build is slower (sanitizers, valgrind, emulators): to shrink a load by. */
int kit_slow(void);

/* For hark__memory.allocate (base/sys.h): there is none. */
void *kit_no_memory(size_t size);

/* The runner, as main() calls it; returns the exit status. The kit's own tests call it too. */
int kit_main(int argc, char **argv);

/* ---- private below: what the macros expand to ------------------------------------------------ */

typedef enum kit_op { KIT_EQ, KIT_NE, KIT_LT, KIT_LE, KIT_GT, KIT_GE } kit_op;
enum { KIT_ON_HUBS = 1, KIT_HIDDEN = 2 };

typedef struct kit_test {
    const char *name;
    const char *file; /* its folder is the room */
    void (*body)(void);
    int flags;
    int seconds;      /* 0: the default limit */
    int signo;        /* 0, or the signal it must die of */
    const char *text; /* what it must print before it dies */
} kit_test;

/* The section holds pointers: records themselves could be padded or surrounded by a sanitizer. */
#define KIT_TEST(name, flags, seconds, signo, text) \
    static void kit_body_##name(void); \
    static const kit_test kit_test_##name = {#name,     __FILE__, kit_body_##name, (flags), \
                                             (seconds), (signo),  (text)}; \
    __attribute__((used, section("kit_tests"))) static const kit_test *const kit_entry_##name = \
        &kit_test_##name; \
    static void kit_body_##name(void)

#define KIT_COMPARE(a_text, b_text, op, a, b) \
    kit_check_int(__FILE__, __LINE__, a_text, b_text, op, (long long)(a), (long long)(b))

_Noreturn void kit_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void kit_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kit_check_int(const char *file, int line, const char *a_text, const char *b_text, kit_op op,
                   long long a, long long b);
void kit_check_str(const char *file, int line, const char *text, const char *a, const char *b);
void kit_check_has(const char *file, int line, const char *text, const char *a, const char *b);
void kit_check_ptr(const char *file, int line, const char *a_text, const char *b_text,
                   const void *a, const void *b);
void kit_check_log(const char *file, int line, const char *expected);

/* Between kit.c (the runner) and check.c (what runs in the test's process). */
typedef struct kit_page {
    atomic_int finished; /* the body returned and the leak counts were right */
    char skipped[256];   /* why, when the exit status says "skipped" */
} kit_page;
enum { KIT_EXIT_SKIP = 77 };
_Noreturn void kit_child_run(const kit_test *test, const char *hub, uint64_t seed, kit_page *page);

#endif
