/* SPDX-License-Identifier: MIT
 *
 * call_test.c - blocking functions in threads, and calls into loops from threads and other loops.
 *
 * Threads wait for what they need, by semaphores; none sleeps to give time.
 */
#include "../sync/scene.h"

#include "core/core.h"

#include <pthread.h>
#include <semaphore.h>

static hark_loop *loop;
static sem_t go, came;
static atomic_int running, most, ran, dropped;

static void reset(void)
{
    sem_init(&go, 0, 0);
    sem_init(&came, 0, 0);
}

static void wait_for(sem_t *what)
{
    while (sem_wait(what)) {}
}

/* ---- into a thread --------------------------------------------------------------------------- */

static int give(void *arg)
{
    CHECK_EQ(hark_self(), 0);
    CHECK_PTR(hark_loop_self(), NULL);
    atomic_fetch_add(&ran, 1);
    return *(int *)arg;
}

INSIDE_ON_HUBS(thread_call_LP_13_LP_32_gives_the_result)
{
    int results[] = {0, 7, INT_MAX, -EPROTO};
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_thread_call(give, &results[i]), results[i]);
    }
}

static int fail_in_words(void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "the disk sang %s", "out of tune");
}

INSIDE(thread_call_LP_32_brings_the_words_of_a_failure)
{
    CHECK_EQ(hark_thread_call(fail_in_words, NULL), -EPROTO);
    CHECK_HAS(hark_error_last(), "the disk sang out of tune");
}

INSIDE(thread_call_TH_02_in_a_cancelled_scope_never_begins)
{
    hark_scope scope;
    int zero = 0;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_thread_call(give, &zero), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(atomic_load(&ran), 0);
}

static int wait_to_go(void *arg)
{
    int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) {}
    sem_post(&came);
    wait_for(&go);
    atomic_fetch_sub(&running, 1);
    return arg ? *(int *)arg : 0;
}

static int call_and_wait(void *arg)
{
    return hark_thread_call(wait_to_go, arg);
}

INSIDE_REAL(thread_call_TH_03_H6_that_is_cancelled_meanwhile_is_waited_for)
{
    static int five = 5;
    hark_future result = HARK_FUTURE_INIT;
    void *value;
    reset();
    hark_task task = hark_go_future(&group, &result, call_and_wait, &five);
    hark_yield();
    wait_for(&came);
    CHECK_EQ(hark_task_cancel(task), 0);
    hark_yield();
    CHECK(!hark_future_ready(&result));
    sem_post(&go);
    CHECK_EQ(hark_future_wait(&result, &value), 0);
    CHECK_EQ((intptr_t)value, 5);
}

static int call_limited(void *arg)
{
    const hark_thread_options options = {.size = sizeof(options), .limit = arg};
    return hark_thread_call_with(&options, wait_to_go, NULL);
}

INSIDE_REAL(thread_call_TH_07_TH_21_runs_as_many_at_once_as_its_limiter_says)
{
    static hark_limiter three = HARK_LIMITER_INIT(3);
    reset();
    for (int i = 0; i < 10; i++) {
        CHECK_GT(hark_go(&group, call_limited, &three), 0);
    }
    hark_yield();
    for (int i = 0; i < 3; i++) {
        wait_for(&came);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_LE(hark_limiter_borrowed(&three), 3);
        sem_post(&go);
        while (i < 7 && sem_trywait(&came)) { /* whoever gets the token; it needs the loop */
            hark_sleep(HARK_US(100));
        }
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(atomic_load(&most), 3);
    CHECK_EQ(hark_limiter_borrowed(&three), 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

static void note_drop(void *arg)
{
    CHECK_EQ(*(int *)arg, 77);
    atomic_fetch_add(&dropped, 1);
}

static hark_limiter one = HARK_LIMITER_INIT(1);

static int abandon(void *arg)
{
    const hark_thread_options options = {.size = sizeof(options),
                                         .limit = &one,
                                         .abandon = true,
                                         .copy = sizeof(int),
                                         .drop = note_drop};
    int mine = 77; /* gone when the thread still runs: it has a copy */
    (void)arg;
    return hark_thread_call_with(&options, wait_to_go, &mine);
}

INSIDE_REAL(thread_call_TH_06_abandoned_keeps_its_token_until_the_thread_is_done)
{
    reset();
    hark_task task = hark_go(&group, abandon, NULL);
    hark_yield();
    wait_for(&came);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_EQ(hark_limiter_borrowed(&one), 1);
    CHECK_EQ(atomic_load(&dropped), 0);
    sem_post(&go);
    CHECK_EQ(hark_limiter_acquire(&one), 0); /* it comes back by a post */
    CHECK_EQ(atomic_load(&dropped), 1);
    CHECK_EQ(hark_limiter_release(&one), 0);
}

/* Who allocates what fn gets, and lets `drop` free it, must not have to guess. */
INSIDE_REAL(thread_call_H6_what_was_cancelled_before_it_began_is_dropped_too)
{
    static hark_limiter taken = HARK_LIMITER_INIT(1);
    const hark_thread_options options = {
        .size = sizeof(options), .limit = &taken, .abandon = true, .drop = note_drop};
    hark_scope scope;
    int mine = 77;
    reset();
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_thread_call_with(&options, give, &mine), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(atomic_load(&dropped), 1);

    CHECK_EQ(hark_limiter_acquire(&taken), 0); /* so it has to wait there */
    CHECK_EQ(hark_within(HARK_MS(1), hark_thread_call_with(&options, give, &mine)), -ETIMEDOUT);
    CHECK_EQ(atomic_load(&dropped), 2);
    CHECK_EQ(hark_limiter_release(&taken), 0);

    CHECK_EQ(hark_thread_call_with(&options, give, &mine), 77);
    CHECK_EQ(atomic_load(&dropped), 2); /* not cancelled: it is the caller's */
    CHECK_EQ(atomic_load(&ran), 1);
}

static int abandon_and_end(void *arg)
{
    hark_group g;
    (void)arg;
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_GT(hark_go(&g, abandon, NULL), 0);
    hark_yield();
    wait_for(&came);
    CHECK_EQ(hark_group_cancel(&g), 0);
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(thread_call_TH_15_an_abandoned_thread_outlives_its_loop)
{
    reset();
    CHECK_EQ(RUN(abandon_and_end, NULL), 0);
    CHECK_EQ(atomic_load(&dropped), 0);
    sem_post(&go);
    while (!atomic_load(&dropped)) {
        usleep(100);
    }
    while (hark__alloc_live()) { /* until it has left the loop's memory, too */
        usleep(100);
    }
}

INSIDE(thread_call_bad_arguments_are_refused_in_words)
{
    hark_thread_options options = {.size = 3};
    int zero = 0;
    CHECK_MISUSE(hark_thread_call(NULL, NULL), -EINVAL, "hark_thread_call");
    CHECK_MISUSE(hark_thread_call_with(&options, give, &zero), -EINVAL, "options.size");
    options = (hark_thread_options){.size = sizeof(options), .copy = 4};
    CHECK_MISUSE(hark_thread_call_with(&options, give, NULL), -EINVAL, "4 bytes");
    options = (hark_thread_options){.size = sizeof(options), .drop = note_drop};
    CHECK_MISUSE(hark_thread_call_with(&options, give, &zero), -EINVAL, "abandoned");
    CHECK_EQ(hark_thread_call_with(NULL, give, &zero), 0);
}

TEST(thread_call_H7_outside_a_task_is_refused)
{
    int zero = 0;
    CHECK_MISUSE(hark_thread_call(give, &zero), -ENOTSUP, "hark_thread_call");
}

/* ---- into a loop ----------------------------------------------------------------------------- */

static int add_one(void *arg)
{
    CHECK_GT(hark_self(), 0);
    CHECK_EQ(hark_yield(), 0);
    return *(int *)arg + 1;
}

static int call_back(void *arg)
{
    int result = hark_loop_call(loop, add_one, arg);
    CHECK_EQ(hark_loop_call(loop, fail_in_words, NULL), -EPROTO);
    CHECK_HAS(hark_error_last(), "the disk sang out of tune");
    return result;
}

INSIDE_ON_HUBS(loop_call_LP_31_PT_01_PT_10_from_a_worker_thread_back_into_the_loop)
{
    int seven = 7;
    loop = hark_loop_hold(hark_loop_self());
    CHECK_EQ(hark_thread_call(call_back, &seven), 8);
    hark_loop_drop(loop);
}

static int wait_cancelled(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    return hark_sleep(HARK_S(1));
}

static int call_cancelled(void *arg)
{
    return hark_loop_call(loop, wait_cancelled, arg);
}

INSIDE(loop_call_LP_31_of_a_task_that_is_cancelled_there_says_so)
{
    loop = hark_loop_hold(hark_loop_self());
    CHECK_EQ(hark_thread_call(call_cancelled, NULL), -EOWNERDEAD);
    CHECK_HAS(hark_error_last(), "cancelled");
    hark_loop_drop(loop);
}

INSIDE(loop_call_PT_02_PT_03_into_ones_own_loop_or_none_is_refused)
{
    int zero = 0;
    CHECK_MISUSE(hark_loop_call(hark_loop_self(), add_one, &zero), -EDEADLK, "hark_loop_call");
    CHECK_MISUSE(hark_loop_call(NULL, add_one, &zero), -EINVAL, "hark_loop_call");
}

static int hold_only(void *arg)
{
    (void)arg;
    loop = hark_loop_hold(hark_loop_self());
    return 0;
}

TEST(loop_call_PT_05_H3_into_a_loop_that_has_ended_is_refused)
{
    int zero = 0;
    CHECK_EQ(RUN(hold_only, NULL), 0);
    CHECK_MISUSE(hark_loop_call(loop, add_one, &zero), -ESHUTDOWN, "hark_loop_call");
    hark_loop_drop(loop);
}

/* ---- from a task of another loop ------------------------------------------------------------- */

static hark_event finished;

static int serve_until_told(void *arg)
{
    (void)arg;
    loop = hark_loop_hold(hark_loop_self());
    sem_post(&came);
    return hark_event_wait(&finished);
}

static void *run_server(void *arg)
{
    CHECK_EQ(RUN(serve_until_told, arg), 0);
    return NULL;
}

static int finish(void *arg)
{
    (void)arg;
    return hark_event_set(&finished);
}

static int tick(void *arg)
{
    while (!hark_yield()) {
        atomic_fetch_add((atomic_int *)arg, 1);
    }
    return 0;
}

static int call_often(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        CHECK_EQ(hark_loop_call(loop, add_one, &i), i + 1);
    }
    return 0;
}

static int call_the_server(void *arg)
{
    static atomic_int ticks;
    hark_group g, callers;
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_GT(hark_go(&g, tick, &ticks), 0);
    CHECK_EQ(hark_group_open(&callers), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_GT(hark_go(&callers, call_often, arg), 0);
    }
    CHECK_EQ(hark_group_close(&callers, 0), 0);
    CHECK_GT(atomic_load(&ticks), 0); /* only the callers waited */
    CHECK_EQ(hark_loop_call(loop, finish, NULL), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(loop_call_PT_24_from_a_task_of_another_loop_only_the_task_waits)
{
    pthread_t thread;
    int times = 500 / kit_slow();
    reset();
    CHECK_EQ(pthread_create(&thread, NULL, run_server, NULL), 0);
    wait_for(&came);
    CHECK_EQ(RUN(call_the_server, &times), 0);
    pthread_join(thread, NULL);
    hark_loop_drop(loop);
}

static int call_late(void *arg)
{
    int zero = 0;
    atomic_int *refused = arg;
    for (;;) {
        int rc = hark_loop_call(loop, add_one, &zero);
        CHECK(rc == 1 || rc == -ESHUTDOWN);
        if (rc != 1) {
            atomic_fetch_add(refused, 1);
            return 0;
        }
    }
}

static void *call_until_refused(void *arg)
{
    CHECK_EQ(call_late(arg), 0);
    hark_loop_drop(loop);
    return NULL;
}

static int end_under_calls(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_sleep(HARK_US(50)), 0);
    }
    return 0;
}

static pthread_t callers[3];
static atomic_int refused;

static int start_callers(void *arg)
{
    loop = hark_loop_self();
    for (int i = 0; i < 3; i++) {
        CHECK_PTR(hark_loop_hold(loop), loop);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_create(&callers[i], NULL, call_until_refused, arg), 0);
    }
    return end_under_calls(NULL);
}

TEST_ON_HUBS(loop_call_BG_113_every_call_is_answered_though_the_loop_is_closing)
{
    for (int round = 0; round < 30 / kit_slow() + 1; round++) {
        CHECK_EQ(RUN(start_callers, &refused), 0);
        for (int i = 0; i < 3; i++) {
            pthread_join(callers[i], NULL);
        }
        CHECK_EQ(atomic_exchange(&refused, 0), 3);
    }
}
