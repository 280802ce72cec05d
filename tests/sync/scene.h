/* SPDX-License-Identifier: MIT
 *
 * scene.h - what the tests of events, and of all that surrounds them, have in common.
 *
 * Idea     Nearly every such test is the body of a loop's main task, with some tasks beside it that
 *          wait and tell how it ended. INSIDE(name) { body } is that: the body runs in a loop with
 *          a virtual clock, in the open group `group`, which is closed after it and must say 0.
 *          Each test has a process of its own, so whatever is static is fresh.
 * Rules    1  hark_settle, yields and the virtual clock order things; nothing sleeps to give time.
 *          2  CHECK_MISUSE wants the code and new words that name the call; CHECK_SILENT wants the
 *             code and no new words.
 * Not here Anything that only one file needs.
 */
#ifndef HARK_TESTS_SCENE_H
#define HARK_TESTS_SCENE_H

#include "kit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

#define SCENE_MAYBE __attribute__((unused)) static

SCENE_MAYBE hark_group group;

/* ---- loops ----------------------------------------------------------------------------------- */

#define INSIDE_BY(declare, run, name) \
    static void inside_##name(void); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        CHECK_EQ(hark_group_open(&group), 0); \
        inside_##name(); \
        return hark_group_close(&group, 0); \
    } \
    declare(name) \
    { \
        CHECK_EQ(run(main_##name, NULL), 0); \
    } \
    static void inside_##name(void)

#define INSIDE(name)         INSIDE_BY(TEST, RUN_VIRTUAL, name)
#define INSIDE_ON_HUBS(name) INSIDE_BY(TEST_ON_HUBS, RUN_VIRTUAL, name)
#define INSIDE_REAL(name)    INSIDE_BY(TEST, RUN, name) /* with the real clock */

/* One run whose schedule is drawn from `seed`. */
SCENE_MAYBE int run_seeded(uint64_t seed, hark_fn *fn, void *arg)
{
    const hark_options options = {.size = sizeof(options), .seed = seed, .virtual_clock = true};
    return hark_run_with(&options, fn, arg);
}

/* A small generator for what a test itself draws: xorshift, never 0. */
SCENE_MAYBE uint64_t draw(uint64_t *state)
{
    *state = *state ? *state : 0x9e3779b97f4a7c15u;
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- tasks and threads ----------------------------------------------------------------------- */

/* How a call ended, in a word for the log. */
SCENE_MAYBE const char *outcome(int64_t rc)
{
    return rc == 0            ? "ok"
           : rc == -ECANCELED ? "cancelled"
           : rc == -ETIMEDOUT ? "timeout"
           : rc < 0           ? strerrorname_np((int)-rc)
                              : "?";
}

/* A task that says its name and ends. */
SCENE_MAYBE int say(void *name)
{
    kit_log("%s", (const char *)name);
    return 0;
}

SCENE_MAYBE int nothing(void *arg)
{
    (void)arg;
    return 0;
}

SCENE_MAYBE void say_callback(void *name)
{
    kit_log("%s", (const char *)name);
}

/* Runs fn in a thread of its own and waits for it, holding up the loop meanwhile. */
SCENE_MAYBE void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, fn, arg), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- words ----------------------------------------------------------------------------------- */

#define CHECK_MISUSE(call, code, word) \
    do { \
        hark_fail(-EIO, "old words"); \
        CHECK_EQ((call), (code)); \
        CHECK(strcmp(hark_error_last(), "old words") != 0); \
        CHECK_HAS(hark_error_last(), (word)); \
    } while (0)

#define CHECK_SILENT(call, code) \
    do { \
        hark_fail(-EIO, "old words"); \
        CHECK_EQ((call), (code)); \
        CHECK_STR(hark_error_last(), "old words"); \
    } while (0)

/* ---- what is written to stderr --------------------------------------------------------------- */

static struct {
    int memory, before;
    char text[1 << 16];
} captured __attribute__((unused));

SCENE_MAYBE void capture_begin(void)
{
    fflush(stderr);
    captured.before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    captured.memory = memfd_create("stderr", MFD_CLOEXEC);
    CHECK(captured.before >= 0 && captured.memory >= 0);
    CHECK_EQ(dup2(captured.memory, STDERR_FILENO), STDERR_FILENO);
}

/* Puts stderr back and returns what was written since capture_begin. */
SCENE_MAYBE const char *capture_end(void)
{
    fflush(stderr);
    CHECK_EQ(dup2(captured.before, STDERR_FILENO), STDERR_FILENO);
    const ssize_t n = pread(captured.memory, captured.text, sizeof(captured.text) - 1, 0);
    CHECK_GE(n, 0);
    captured.text[n] = '\0';
    close(captured.memory);
    close(captured.before);
    return captured.text;
}

#endif
