/* SPDX-License-Identifier: MIT
 *
 * misuse_test.c - every wrong use of groups, scopes and tasks has a code and words.
 *
 * Idea     A refusal is checked in three steps: the code, words that name the call, and then the
 *          same object is used rightly to its end, which shows that nothing had changed.
 * Rules    1  No test relies on what the words say beyond the name of the call.
 *          2  A foreign thread is a plain pthread without a loop, and one with a loop of its own.
 * Not here Events, flags, futures (tests/sync); options of a run (stack_test.c).
 */
#include "kit.h"

#include <pthread.h>

/* ---- helpers --------------------------------------------------------------------------------- */

#define TEST_TASK(name) \
    static int in_##name(void *arg); \
    TEST(name) \
    { \
        CHECK_EQ(RUN_VIRTUAL(in_##name, NULL), 0); \
    } \
    static int in_##name(void *arg __attribute__((unused)))

/* The code, and words of its own: those of an earlier failure must not pass for them. */
#define REFUSED(call, code, name) \
    do { \
        hark_fail(-EPROTO, "the words of another failure"); \
        CHECK_EQ((call), (code)); \
        CHECK_HAS(hark_error_last(), (name)); \
    } while (0)

static hark_event never;

static int parks(void *arg)
{
    (void)arg;
    return hark_event_wait(&never);
}

static int returns_0(void *arg)
{
    (void)arg;
    return 0;
}

static int counts(void *counter)
{
    ++*(int *)counter;
    return 0;
}

/* ---- NULL ------------------------------------------------------------------------------------ */

TEST_TASK(misuse_null_scopes)
{
    REFUSED(hark_scope_open(NULL, 0), -EINVAL, "hark_scope_open");
    REFUSED(hark_scope_cancel(NULL), -EINVAL, "hark_scope_cancel");
    REFUSED(hark_scope_close(NULL, 0), -EINVAL, "hark_scope_close");
    REFUSED(hark_scope_close(NULL, -ECANCELED), -EINVAL, "hark_scope_close");
    REFUSED(hark_scope_shield(NULL, true), -EINVAL, "hark_scope_shield");
    REFUSED(hark_scope_set_deadline(NULL, 0), -EINVAL, "hark_scope_set_deadline");
    CHECK(!hark_scope_cancelled(NULL));
    CHECK(!hark_scope_caught(NULL));
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

TEST_TASK(misuse_null_groups)
{
    int code = 0;
    REFUSED(hark_group_open(NULL), -EINVAL, "hark_group_open");
    REFUSED(hark_group_stack(NULL, 0), -EINVAL, "hark_group_stack");
    REFUSED(hark_go(NULL, returns_0, NULL), -EINVAL, "hark_go");
    REFUSED(hark_go_copy(NULL, returns_0, &code, sizeof(code)), -EINVAL, "hark_go");
    REFUSED(hark_start(NULL, returns_0, NULL, NULL), -EINVAL, "hark_start");
    REFUSED(hark_group_cancel(NULL), -EINVAL, "hark_group_cancel");
    REFUSED(hark_group_close(NULL, 0), -EINVAL, "hark_group_close");
    REFUSED(hark_group_failures(NULL, &code, 1), -EINVAL, "hark_group_failures");
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    return 0;
}

TEST_TASK(misuse_null_functions_and_a_negative_max)
{
    hark_group g;
    int code = 0, counter = 0;
    hark_group_open(&g);
    REFUSED(hark_go_at("a.c:1\0"
                       "0f",
                       &g, NULL, NULL),
            -EINVAL, "hark_go");
    REFUSED(hark_go_copy_at("a.c:1\0"
                            "0f",
                            &g, NULL, &code, sizeof(code)),
            -EINVAL, "hark_go");
    REFUSED(hark_start_at("a.c:1\0"
                          "0f",
                          &g, NULL, NULL, NULL),
            -EINVAL, "hark_start");
    REFUSED(hark_group_failures(&g, &code, -1), -EINVAL, "hark_group_failures");
    CHECK_GT(hark_go(&g, counts, &counter), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

/* ---- never opened, or closed ----------------------------------------------------------------- */

static void refuse_every_use_of_scope(hark_scope *s)
{
    REFUSED(hark_scope_cancel(s), -EINVAL, "hark_scope_cancel");
    REFUSED(hark_scope_shield(s, true), -EINVAL, "hark_scope_shield");
    REFUSED(hark_scope_set_deadline(s, 0), -EINVAL, "hark_scope_set_deadline");
    REFUSED(hark_scope_close(s, 0), -EINVAL, "hark_scope_close");
    REFUSED(hark_scope_close(s, -ECANCELED), -EINVAL, "hark_scope_close");
}

static void refuse_every_use_of_group(hark_group *g)
{
    int counter = 0;
    REFUSED(hark_go(g, counts, &counter), -EINVAL, "hark_go");
    REFUSED(hark_go_copy(g, counts, &counter, 4), -EINVAL, "hark_go");
    REFUSED(hark_start(g, counts, &counter, NULL), -EINVAL, "hark_start");
    REFUSED(hark_group_stack(g, 0), -EINVAL, "hark_group_stack");
    REFUSED(hark_group_cancel(g), -EINVAL, "hark_group_cancel");
    REFUSED(hark_group_close(g, 0), -EINVAL, "hark_group_close");
    REFUSED(hark_group_close(g, -EIO), -EINVAL, "hark_group_close");
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(counter, 0);
}

TEST_TASK(misuse_a_scope_that_was_never_opened)
{
    hark_scope s = {0};
    refuse_every_use_of_scope(&s);
    CHECK(!hark_scope_cancelled(&s));
    CHECK(!hark_scope_caught(&s));
    CHECK_EQ(hark_scope_open(&s, HARK_MS(1)), 0);
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(1))), -ETIMEDOUT);
    return 0;
}

TEST_TASK(misuse_a_scope_that_is_closed)
{
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    refuse_every_use_of_scope(&s);
    CHECK(hark_scope_caught(&s));
    CHECK(hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_open(&s, HARK_FOREVER), 0);
    CHECK(!hark_scope_cancelled(&s));
    CHECK_EQ(hark_scope_close(&s, 3), 3);
    return 0;
}

TEST_TASK(misuse_a_group_that_was_never_opened)
{
    hark_group g = {0};
    int counter = 0;
    refuse_every_use_of_group(&g);
    CHECK_EQ(hark_group_failures(&g, NULL, 0), 0);
    CHECK_EQ(hark_group_open(&g), 0);
    hark_go(&g, counts, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

TEST_TASK(misuse_a_group_that_is_closed)
{
    hark_group g;
    int counter = 0, code = 0;
    hark_group_open(&g);
    CHECK_EQ(hark_group_close(&g, -EIO), -EIO);
    refuse_every_use_of_group(&g);
    CHECK_EQ(hark_group_failures(&g, &code, 1), 1);
    CHECK_EQ(code, -EIO);
    CHECK_EQ(hark_group_open(&g), 0);
    hark_go(&g, counts, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    return 0;
}

/* ---- open already ---------------------------------------------------------------------------- */

TEST_TASK(misuse_opening_what_is_open_already)
{
    hark_scope s, inner;
    hark_group g;
    int counter = 0;
    hark_scope_open(&s, HARK_S(5));
    REFUSED(hark_scope_open(&s, HARK_MS(1)), -EALREADY, "hark_scope_open");
    hark_group_open(&g);
    hark_go(&g, counts, &counter);
    REFUSED(hark_group_open(&g), -EALREADY, "hark_group_open");
    hark_scope_open(&inner, HARK_FOREVER);
    REFUSED(hark_scope_open(&s, HARK_MS(1)), -EALREADY, "hark_scope_open");
    REFUSED(hark_group_open(&g), -EALREADY, "hark_group_open");
    CHECK_EQ(hark_effective_deadline(), hark_now() + HARK_S(5));
    CHECK_EQ(hark_scope_close(&inner, 0), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&s, hark_sleep(HARK_S(9))), -ETIMEDOUT);
    return 0;
}

static int opens_the_same_group(void *group)
{
    REFUSED(hark_group_open(group), -EALREADY, "hark_group_open");
    return 0;
}

TEST_TASK(misuse_opening_a_group_that_another_task_has_open)
{
    hark_group around, g;
    int counter = 0;
    hark_group_open(&around);
    hark_group_open(&g);
    hark_go(&g, counts, &counter);
    const hark_task t = hark_go(&around, opens_the_same_group, &g);
    CHECK_EQ(hark_task_wait(t), 0);
    hark_go(&g, counts, &counter);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(counter, 2);
    return hark_group_close(&around, 0);
}

TEST_TASK(misuse_opening_a_scope_that_is_open_20_levels_further_out)
{
    enum { MANY = 40 };
    hark_scope s[MANY];
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_scope_open(&s[i], HARK_FOREVER), 0);
    }
    for (int i = 0; i < MANY; i++) {
        REFUSED(hark_scope_open(&s[i], HARK_FOREVER), -EALREADY, "hark_scope_open");
    }
    for (int i = MANY - 1; i >= 0; i--) {
        CHECK_EQ(hark_scope_close(&s[i], 0), 0);
    }
    return 0;
}

/* ---- in the wrong order ---------------------------------------------------------------------- */

TEST_TASK(misuse_closing_a_scope_around_an_open_scope)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_MS(1));
    hark_scope_open(&inner, HARK_FOREVER);
    REFUSED(hark_scope_close(&outer, 0), -EINVAL, "hark_scope_close");
    refuse_every_use_of_scope(&outer);
    CHECK_EQ(hark_sleep(HARK_S(1)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&inner, -ECANCELED), 0);
    CHECK(hark_scope_caught(&inner));
    CHECK_EQ(hark_sleep(HARK_S(1)), 0); /* the deadline of the outer one has gone with it */
    return 0;
}

TEST_TASK(misuse_closing_a_group_around_an_open_scope)
{
    hark_group g;
    hark_scope s;
    int counter = 0;
    hark_group_open(&g);
    hark_go(&g, counts, &counter);
    hark_scope_open(&s, HARK_FOREVER);
    REFUSED(hark_group_close(&g, 0), -EINVAL, "hark_group_close");
    CHECK_EQ(counter, 1);
    REFUSED(hark_go(&g, counts, &counter), -EINVAL, "hark_go");
    CHECK_EQ(hark_scope_close(&s, hark_checkpoint()), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

TEST_TASK(misuse_closing_a_scope_around_an_open_group)
{
    hark_group g;
    hark_scope s;
    hark_scope_open(&s, HARK_FOREVER);
    hark_group_open(&g);
    hark_go(&g, parks, NULL);
    REFUSED(hark_scope_close(&s, 0), -EINVAL, "hark_scope_close");
    CHECK_EQ(hark_group_close(&g, hark_checkpoint()), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    return 0;
}

TEST_TASK(misuse_closing_a_group_around_an_open_group)
{
    hark_group outer, inner;
    int counter = 0;
    hark_group_open(&outer);
    hark_go(&outer, counts, &counter);
    hark_group_open(&inner);
    hark_go(&inner, parks, NULL);
    REFUSED(hark_group_close(&outer, 0), -EINVAL, "hark_group_close");
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_group_close(&inner, hark_checkpoint()), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

/* ---- by another task ------------------------------------------------------------------------- */

typedef struct property {
    hark_scope scope;
    hark_group group;
} property;

static int closes_anothers(void *arg)
{
    property *p = arg;
    hark_scope own;
    hark_scope_open(&own, HARK_FOREVER);
    REFUSED(hark_scope_close(&p->scope, 0), -EPERM, "hark_scope_close");
    REFUSED(hark_scope_close(&p->scope, -ECANCELED), -EPERM, "hark_scope_close");
    REFUSED(hark_group_close(&p->group, 0), -EPERM, "hark_group_close");
    REFUSED(hark_group_close(&p->group, -EIO), -EPERM, "hark_group_close");
    CHECK_EQ(hark_yield(), 0);
    return (int)hark_scope_close(&own, 0);
}

TEST_TASK(misuse_closing_what_another_task_has_opened)
{
    hark_group around;
    property p;
    int counter = 0;
    hark_group_open(&around);
    hark_scope_open(&p.scope, HARK_MS(20));
    hark_group_open(&p.group);
    const hark_task t = hark_go(&around, closes_anothers, &p);
    const hark_task child = hark_go(&p.group, closes_anothers, &p);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(hark_task_wait(child), -ESRCH);
    CHECK_EQ(hark_checkpoint(), 0);
    hark_go(&p.group, counts, &counter);
    CHECK_EQ(hark_group_close(&p.group, 0), 0);
    CHECK_EQ(hark_group_failures(&p.group, NULL, 0), 0);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&p.scope, hark_sleep(HARK_S(1))), -ETIMEDOUT);
    return hark_group_close(&around, 0);
}

/* ---- from another thread --------------------------------------------------------------------- */

static void refuse_foreign(property *p)
{
    int counter = 0;
    REFUSED(hark_scope_cancel(&p->scope), -EXDEV, "hark_scope_cancel");
    REFUSED(hark_scope_shield(&p->scope, true), -EXDEV, "hark_scope_shield");
    REFUSED(hark_scope_set_deadline(&p->scope, 0), -EXDEV, "hark_scope_set_deadline");
    REFUSED(hark_go(&p->group, counts, &counter), -EXDEV, "hark_go");
    REFUSED(hark_go_copy(&p->group, counts, &counter, 4), -EXDEV, "hark_go");
    REFUSED(hark_group_cancel(&p->group), -EXDEV, "hark_group_cancel");
    CHECK_LT(hark_start(&p->group, counts, &counter, NULL), 0);
    const int64_t scope_rc = hark_scope_close(&p->scope, 0);
    CHECK(scope_rc == -EXDEV || scope_rc == -EPERM);
    CHECK_HAS(hark_error_last(), "hark_scope_close");
    const int group_rc = hark_group_close(&p->group, 0);
    CHECK(group_rc == -EXDEV || group_rc == -EPERM);
    CHECK_HAS(hark_error_last(), "hark_group_close");
    CHECK_EQ(counter, 0);
}

static void *bare_thread(void *arg)
{
    refuse_foreign(arg);
    return NULL;
}

static int foreign_task(void *arg)
{
    refuse_foreign(arg);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    return 0;
}

static void *thread_with_a_loop(void *arg)
{
    CHECK_EQ(RUN_VIRTUAL(foreign_task, arg), 0);
    return NULL;
}

static void check_foreign(void *(*thread_main)(void *))
{
    property p;
    pthread_t thread;
    int counter = 0;
    hark_scope_open(&p.scope, HARK_MS(20));
    hark_group_open(&p.group);
    CHECK_EQ(pthread_create(&thread, NULL, thread_main, &p), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    hark_go(&p.group, counts, &counter);
    CHECK_EQ(hark_group_close(&p.group, 0), 0);
    CHECK_EQ(counter, 1);
    CHECK_EQ(hark_scope_close(&p.scope, hark_sleep(HARK_S(1))), -ETIMEDOUT);
}

TEST_TASK(misuse_from_a_thread_without_a_loop)
{
    check_foreign(bare_thread);
    return 0;
}

TEST_TASK(misuse_from_a_thread_with_a_loop_of_its_own)
{
    check_foreign(thread_with_a_loop);
    return 0;
}

static void *cancels_a_task(void *task)
{
    REFUSED(hark_task_cancel(*(hark_task *)task), -ESRCH, "hark_task_cancel");
    return NULL;
}

TEST_TASK(misuse_cancelling_a_task_of_another_loop)
{
    pthread_t thread;
    hark_task me = hark_self();
    CHECK_EQ(pthread_create(&thread, NULL, cancels_a_task, &me), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

/* ---- outside a task -------------------------------------------------------------------------- */

TEST(misuse_outside_a_task)
{
    hark_scope s = {0};
    hark_group g = {0};
    REFUSED(hark_scope_open(&s, 0), -ENOTSUP, "hark_scope_open");
    REFUSED(hark_group_open(&g), -ENOTSUP, "hark_group_open");
    REFUSED(hark_sleep(HARK_S(1)), -ENOTSUP, "hark_sleep");
    REFUSED(hark_sleep(0), -ENOTSUP, "hark_sleep");
    REFUSED(hark_sleep_until(0), -ENOTSUP, "hark_sleep_until");
    REFUSED(hark_yield(), -ENOTSUP, "hark_yield");
    REFUSED(hark_checkpoint(), -ENOTSUP, "hark_checkpoint");
    REFUSED(hark_settle(), -ENOTSUP, "hark_settle");
    REFUSED(hark_started(0), -ENOTSUP, "hark_started");
    REFUSED(hark_task_wait(1), -ENOTSUP, "hark_task_wait");
    REFUSED(hark_task_name("x"), -ENOTSUP, "hark_task_name");
    REFUSED(hark_task_cancel(1), -ESRCH, "hark_task_cancel");
    CHECK_EQ(hark_self(), 0);
    CHECK_EQ(RUN_VIRTUAL(returns_0, NULL), 0);
}

TEST(misuse_null_is_null_outside_a_task_too)
{
    CHECK_LT(hark_scope_open(NULL, 0), 0);
    CHECK_LT(hark_group_open(NULL), 0);
    CHECK_LT(hark_go(NULL, returns_0, NULL), 0);
    CHECK_LT(hark_group_close(NULL, 0), 0);
    CHECK_LT(hark_scope_close(NULL, 0), 0);
    CHECK_LT(hark_start(NULL, returns_0, NULL, NULL), 0);
    CHECK_GT(strlen(hark_error_last()), 0);
}

/* A callback runs in the loop but in no task. */
typedef struct callback_misuse {
    hark_group group;
    int ran;
} callback_misuse;

static void misuses_in_a_callback(void *arg)
{
    callback_misuse *m = arg;
    hark_scope s = {0};
    hark_group g = {0};
    REFUSED(hark_scope_open(&s, 0), -ENOTSUP, "hark_scope_open");
    REFUSED(hark_group_open(&g), -ENOTSUP, "hark_group_open");
    REFUSED(hark_sleep(1), -ENOTSUP, "hark_sleep");
    REFUSED(hark_yield(), -ENOTSUP, "hark_yield");
    REFUSED(hark_checkpoint(), -ENOTSUP, "hark_checkpoint");
    REFUSED(hark_start(&m->group, returns_0, NULL, NULL), -ENOTSUP, "hark_start");
    REFUSED(hark_task_wait(1), -ENOTSUP, "hark_task_wait");
    CHECK_EQ(hark_self(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
    CHECK_GT(hark_go(&m->group, counts, &m->ran), 0);
    m->ran++;
}

TEST_TASK(misuse_blocking_calls_in_a_callback_which_may_spawn)
{
    callback_misuse m = {.ran = 0};
    hark_watch w = {0};
    hark_group_open(&m.group);
    CHECK_EQ(hark_call_soon(&w, misuses_in_a_callback, &m), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_group_close(&m.group, 0), 0);
    CHECK_EQ(m.ran, 2);
    return 0;
}

static hark_group left_from_a_run;

static int uses_a_group_of_another_run(void *arg)
{
    (void)arg;
    refuse_every_use_of_group(&left_from_a_run);
    return 0;
}

static int opens_and_closes_it(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&left_from_a_run), 0);
    return hark_group_close(&left_from_a_run, 0);
}

TEST(misuse_a_group_that_was_closed_in_an_earlier_run)
{
    CHECK_EQ(RUN_VIRTUAL(opens_and_closes_it, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(uses_a_group_of_another_run, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(opens_and_closes_it, NULL), 0);
}

/* -ECANCELED is an answer, not a failure: it leaves the words of the last one alone. */
TEST_TASK(misuse_words_are_kept_through_cancellations)
{
    hark_scope s;
    REFUSED(hark_scope_cancel(NULL), -EINVAL, "hark_scope_cancel");
    hark_scope_open(&s, HARK_FOREVER);
    hark_scope_cancel(&s);
    CHECK_EQ(hark_sleep(1), -ECANCELED);
    CHECK_EQ(hark_scope_close(&s, -ECANCELED), 0);
    CHECK_HAS(hark_error_last(), "hark_scope_cancel");
    return 0;
}

static int misuses_once(void *arg)
{
    (void)arg;
    CHECK_STR(hark_error_last(), "");
    REFUSED(hark_group_cancel(NULL), -EINVAL, "hark_group_cancel");
    CHECK_EQ(hark_yield(), 0);
    CHECK_HAS(hark_error_last(), "hark_group_cancel");
    return 0;
}

TEST_TASK(misuse_words_belong_to_the_task_that_failed)
{
    hark_group g;
    hark_group_open(&g);
    REFUSED(hark_scope_cancel(NULL), -EINVAL, "hark_scope_cancel");
    hark_go(&g, misuses_once, NULL);
    hark_go(&g, misuses_once, NULL);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_HAS(hark_error_last(), "hark_scope_cancel");
    return 0;
}
