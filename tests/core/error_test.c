/* SPDX-License-Identifier: MIT
 *
 * error_test.c - failures in words: hark_fail, hark_error_last, hark_error_trace.
 *
 * Words are kept per task, across switches, and per thread outside tasks. That each call of the
 * library names itself in its words is tested beside the call (CHECK_MISUSE).
 */
#include "../sync/scene.h"
#include "base/sys.h"

static hark_event event;

/* ---- recording ------------------------------------------------------------------------------- */

INSIDE(error_fail_returns_the_code_and_keeps_the_words)
{
    CHECK_EQ(hark_fail(-EPROTO, "bad version %d of %s", 3, "x"), -EPROTO);
    CHECK_HAS(hark_error_last(), "bad version 3 of x");
}

static int expect_no_words(void *arg)
{
    (void)arg;
    CHECK_STR(hark_error_last(), "");
    CHECK_STR(hark_error_trace(), "");
    return 0;
}

INSIDE(error_a_new_task_has_no_words)
{
    hark_fail(-EPROTO, "the spawner's");
    hark_go(&group, expect_no_words, NULL);
    hark_settle();
    CHECK_HAS(hark_error_last(), "the spawner's");
}

static int fail_and_end(void *arg)
{
    (void)arg;
    hark_fail(-EPROTO, "of a task that is gone");
    return 0;
}

INSIDE(error_a_new_task_does_not_inherit_the_words_of_one_that_is_gone)
{
    for (int i = 0; i < 10; i++) {
        hark_go(&group, fail_and_end, NULL);
        hark_settle();
        hark_go(&group, expect_no_words, NULL);
        hark_settle();
    }
}

INSIDE(error_the_latest_failure_is_told)
{
    hark_fail(-EPROTO, "first");
    hark_fail(-EIO, "second");
    CHECK_HAS(hark_error_last(), "second");
    CHECK(!strstr(hark_error_last(), "first"));
}

INSIDE(error_success_does_not_erase_the_words)
{
    hark_fail(-EPROTO, "still there");
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_HAS(hark_error_last(), "still there");
}

INSIDE(error_EAGAIN_and_ECANCELED_record_none)
{
    CHECK_SILENT(hark_fail(-EAGAIN, "unheard"), -EAGAIN);
    CHECK_SILENT(hark_fail(-ECANCELED, "unheard"), -ECANCELED);
}

INSIDE(error_words_are_cut_at_191_bytes)
{
    char text[400];
    memset(text, 'w', sizeof(text));
    text[399] = '\0';
    CHECK_EQ(hark_fail(-EPROTO, "%s", text), -EPROTO);
    const char *words = hark_error_last();
    CHECK_GE(strspn(strchr(words, 'w'), "w"), 150);
    CHECK_LE(strspn(strchr(words, 'w'), "w"), 191);
}

/* ---- whose they are -------------------------------------------------------------------------- */

static int fail_and_switch(void *arg)
{
    const int number = *(int *)arg;
    char words[32];
    snprintf(words, sizeof(words), "failure of number %d.", number);
    hark_fail(-EPROTO, "%s", words);
    for (int i = 0; i < 3; i++) {
        hark_yield();
        CHECK_HAS(hark_error_last(), words);
    }
    return 0;
}

INSIDE(error_EV_47_each_of_100_tasks_keeps_its_own_words_across_switches)
{
    for (int i = 0; i < 100; i++) {
        hark_go_copy(&group, fail_and_switch, &i, sizeof(i));
    }
}

static int fail_and_wait(void *arg)
{
    (void)arg;
    hark_fail(-EPROTO, "mine alone");
    const int rc = hark_event_wait(&event);
    CHECK_HAS(hark_error_last(), "mine alone");
    return rc;
}

INSIDE(error_EV_48_the_words_of_a_task_that_blocks_are_not_seen_by_who_runs_next)
{
    hark_go(&group, fail_and_wait, NULL);
    hark_go(&group, expect_no_words, NULL);
    hark_settle();
    hark_event_set(&event);
}

static void *fail_in_a_thread(void *arg)
{
    CHECK_STR(hark_error_last(), "");
    CHECK_EQ(hark_fail(-EIO, "the thread's"), -EIO);
    CHECK_HAS(hark_error_last(), "the thread's");
    return arg;
}

TEST(error_outside_tasks_words_are_kept_per_thread)
{
    CHECK_STR(hark_error_last(), "");
    hark_fail(-EPROTO, "the main thread's");
    in_thread(fail_in_a_thread, NULL);
    CHECK_HAS(hark_error_last(), "the main thread's");
}

static int fail_inside(void *arg)
{
    (void)arg;
    CHECK_STR(hark_error_last(), "");
    return hark_fail(-EPROTO, "inside the run");
}

TEST(error_outside_tasks_words_are_not_those_of_a_task)
{
    hark_fail(-EIO, "before the run");
    CHECK_EQ(RUN(fail_inside, NULL), -EPROTO);
    CHECK(strcmp(hark_error_last(), "") != 0);
}

/* ---- the trace ------------------------------------------------------------------------------- */

static int fail_by_name(void *arg)
{
    (void)arg;
    hark_task_name("tracer %d", 5);
    hark_fail(-EPROTO, "traced");
    CHECK_HAS(hark_error_trace(), "tracer 5");
    CHECK_HAS(hark_error_trace(), "error_test.c:");
    kit_log("%s", strchr(strstr(hark_error_trace(), "error_test.c:"), ':') ? "site" : "none");
    return 0;
}

INSIDE(error_trace_names_the_task_and_its_spawn_site)
{
    hark_go(&group, fail_by_name, NULL);
    hark_settle();
    CHECK_LOG("site");
}

static char spawn_site[32];

static int fail_with_site(void *arg)
{
    (void)arg;
    hark_fail(-EPROTO, "traced");
    CHECK_HAS(hark_error_trace(), spawn_site);
    CHECK_HAS(hark_error_trace(), "fail_with_site");
    return 0;
}

INSIDE(error_trace_names_the_very_line_of_the_spawn)
{
    snprintf(spawn_site, sizeof(spawn_site), "error_test.c:%d", __LINE__ + 1);
    hark_go(&group, fail_with_site, NULL);
}

INSIDE(error_trace_has_frames_one_a_line)
{
    int lines = 0;
    hark_fail(-EPROTO, "traced");
    for (const char *p = hark_error_trace(); *p; p++) {
        lines += *p == '\n';
    }
    CHECK_GE(lines, 1);
    CHECK_LE(lines, 12);
}

TEST(error_trace_is_empty_when_nothing_has_failed)
{
    CHECK_STR(hark_error_trace(), "");
}

INSIDE(error_words_say_which_task_it_happened_to)
{
    hark_task_name("unlucky");
    CHECK_EQ(hark_event_wait(NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "unlucky");
}

INSIDE(error_ten_thousand_failures_leave_the_last)
{
    for (int i = 0; i < 10000; i++) {
        hark_fail(-EPROTO, "number %d.", i);
    }
    CHECK_HAS(hark_error_last(), "number 9999.");
}

/* A thread makes room for the sentence when it first asks. */
TEST(error_without_memory_the_words_stand_for_the_whole)
{
    const struct hark__memory real = hark__memory;

    hark__memory.allocate = kit_no_memory;
    CHECK_STR(hark_error_last(), "");
    CHECK_STR(hark_error_trace(), "");
    hark_fail(-EPROTO, "odd");
    CHECK_STR(hark_error_last(), "odd");
    CHECK_STR(hark_error_trace(), "odd");
    hark__memory = real;
    CHECK_STR(hark_error_last(), "odd");
    CHECK_HAS(hark_error_trace(), "EPROTO raised in a thread without a task");
}
