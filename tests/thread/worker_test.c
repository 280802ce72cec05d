/* SPDX-License-Identifier: MIT
 *
 * worker_test.c - the life of worker threads: cancellation that they can see, names, functions that
 * end their thread, calls within calls, idle threads, crowded lanes, and the end of it all.
 *
 * Every test of this file is also a test for ThreadSanitizer. Threads wait for what they need, by
 * semaphores; none sleeps to give time.
 */
#include "../sync/scene.h"

#include "thread/thread.h"

#include <sched.h>
#include <semaphore.h>

static sem_t go, came;
static atomic_int ran, dropped, told;

static void reset(void)
{
    sem_init(&go, 0, 0);
    sem_init(&came, 0, 0);
}

static void wait_for(sem_t *what)
{
    while (sem_wait(what)) {}
}

/* ---- is the caller cancelled? ---------------------------------------------------------------- */

static int work_until_cancelled(void *arg)
{
    sem_post(&came);
    while (hark_thread_cancelled() == 0) {
        sched_yield();
    }
    CHECK_EQ(hark_thread_cancelled(), 1);
    atomic_fetch_add(&told, 1);
    return arg ? *(int *)arg : 3;
}

static int not_cancelled(void *arg)
{
    (void)arg;
    return hark_thread_cancelled();
}

static int call_it(void *arg)
{
    CHECK_EQ(hark_thread_call(not_cancelled, NULL), 0);
    const int rc = hark_thread_call(work_until_cancelled, arg);
    kit_log("%d", rc);
    CHECK_EQ(hark_checkpoint(), -ECANCELED); /* it shows at the next checkpoint */
    return rc;
}

INSIDE_BY(TEST_ON_HUBS, RUN, thread_TH_12_a_function_sees_that_its_caller_is_cancelled)
{
    reset();
    const hark_task task = hark_go(&group, call_it, NULL);
    while (sem_trywait(&came)) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("3");
}

/* What the right scope has caused it absorbs. */
INSIDE_REAL(thread_TH_12_a_deadline_is_seen_too_and_its_scope_absorbs_it)
{
    hark_scope scope;
    reset();
    CHECK_EQ(hark_scope_open(&scope, HARK_MS(1)), 0);
    CHECK_EQ(hark_thread_call(work_until_cancelled, NULL), 3);
    CHECK_EQ(hark_sleep(HARK_S(1000)), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
}

static void note_drop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&dropped, 1);
}

static int abandon_it(void *arg)
{
    const hark_thread_options options = {.size = sizeof(options), .abandon = true, .drop = note_drop};
    return hark_thread_call_with(&options, work_until_cancelled, arg);
}

static int abandon_and_wait(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    const hark_task task = hark_go(&group, abandon_it, NULL);
    CHECK_EQ(hark_yield(), 0);
    wait_for(&came);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    while (!atomic_load(&dropped)) { /* it ends because it has seen so */
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(atomic_load(&told), 1);
    return hark_group_close(&group, 0);
}

/* Behind `drop` the thread still gives back its token, and the loop. */
TEST(thread_TH_12_a_function_sees_that_it_was_abandoned)
{
    reset();
    CHECK_EQ(RUN(abandon_and_wait, NULL), 0);
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
}

static void *ask_in_foreign_thread(void *arg)
{
    CHECK_MISUSE(hark_thread_cancelled(), -ENOTSUP, "hark_thread_cancelled");
    return arg;
}

INSIDE(thread_TH_12_elsewhere_the_question_is_refused)
{
    in_thread(ask_in_foreign_thread, NULL);
    CHECK_MISUSE(hark_thread_cancelled(), -ENOTSUP, "hark_thread_cancelled");
}

/* The native call goes on, its caller does not. */
INSIDE_REAL(thread_TH_22_a_deadline_ends_the_wait_and_the_call_continues)
{
    reset();
    CHECK_EQ(hark_within(HARK_MS(1), abandon_it(NULL)), -ETIMEDOUT);
    while (!atomic_load(&dropped)) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_LE(atomic_load(&told), 1);
}

/* ---- names ----------------------------------------------------------------------------------- */

static int tell_name(void *arg)
{
    CHECK_EQ(pthread_getname_np(pthread_self(), arg, 16), 0);
    return 0;
}

INSIDE_ON_HUBS(thread_TH_10_a_call_names_its_thread_and_the_name_goes_again)
{
    const hark_thread_options options = {.size = sizeof(options), .name = "compressor of pictures"};
    char name[16];
    CHECK_EQ(hark_thread_call_with(&options, tell_name, name), 0);
    CHECK_STR(name, "compressor of p");
    CHECK_EQ(hark_thread_call(tell_name, name), 0);
    CHECK_STR(name, "hark-calls");
    CHECK_EQ(hark__thread_count(), 1); /* it was the same one */
}

/* ---- functions that do not return ------------------------------------------------------------ */

static int end_thread(void *arg)
{
    atomic_fetch_add(&ran, 1);
    pthread_exit(arg);
}

static int cancel_thread(void *arg)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    for (;;) {
        pthread_testcancel();
    }
    return *(int *)arg;
}

static int one = 1;

static int return_arg(void *arg)
{
    return *(int *)arg;
}

INSIDE_ON_HUBS(thread_TH_13_H12_a_function_that_ends_its_thread_is_an_error_and_not_a_hang)
{
#ifdef __SANITIZE_ADDRESS__
    SKIP("the sanitizer does not see which frames pthread_exit has left");
#endif
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_thread_call(end_thread, NULL), -EOWNERDEAD);
        CHECK_HAS(hark_error_last(), "ended its thread");
        CHECK_EQ(hark_thread_call(cancel_thread, NULL), -EOWNERDEAD);
        CHECK_EQ(hark_thread_call(return_arg, &one), 1);
    }
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
    CHECK_EQ(hark__thread_count(), 0);
}

static int ask_to_be_cancelled(void *arg)
{
    CHECK_EQ(pthread_cancel(pthread_self()), 0); /* it does not allow it, so nothing happens */
    return *(int *)arg;
}

INSIDE(thread_H12_a_worker_that_is_cancelled_from_outside_goes_on)
{
    CHECK_EQ(hark_thread_call(ask_to_be_cancelled, &one), 1);
    CHECK_EQ(hark_thread_call(return_arg, &one), 1);
}

static int end_while_abandoned(void *arg)
{
    sem_post(&came);
    wait_for(&go);
    pthread_exit(arg);
}

static int abandon_the_ending(void *arg)
{
    const hark_thread_options options = {.size = sizeof(options), .abandon = true, .drop = note_drop};
    return hark_thread_call_with(&options, end_while_abandoned, arg);
}

INSIDE_REAL(thread_TH_13_an_abandoned_function_that_ends_its_thread_is_dropped)
{
    reset();
    const hark_task task = hark_go(&group, abandon_the_ending, NULL);
    CHECK_EQ(hark_yield(), 0);
    wait_for(&came);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    sem_post(&go);
    while (!atomic_load(&dropped)) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
}

/* ---- calls within calls ---------------------------------------------------------------------- */

static int call_again(void *arg)
{
    const pthread_t self = pthread_self();
    const hark_thread_options options = {
        .size = sizeof(options), .abandon = true, .copy = sizeof(int)};
    CHECK_EQ(hark_thread_call(return_arg, arg), *(int *)arg);
    CHECK_EQ(hark_thread_call_with(&options, return_arg, arg), *(int *)arg);
    CHECK(pthread_equal(self, pthread_self()));
    return hark_thread_cancelled();
}

INSIDE_REAL(thread_TH_25_a_call_from_within_a_call_runs_at_once)
{
    hark_limiter *limit = hark_thread_limiter();
    CHECK(limit);
    CHECK_EQ(hark_limiter_available(limit), 40);
    CHECK_EQ(hark_limiter_resize(limit, 1), 0); /* with one it would wait for itself */
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_thread_call(call_again, &one), 0);
    }
    CHECK_EQ(hark_limiter_borrowed(limit), 0);
}

static sem_t may_go_on;

static int waits_for_go_on(void *unused)
{
    (void)unused;
    while (sem_wait(&may_go_on)) {}
    return 0;
}

static int lets_it_go_on(void *unused)
{
    (void)unused;
    return sem_post(&may_go_on);
}

static int calls_beside_another_task(void *unused)
{
    hark_group tasks;
    (void)unused;
    CHECK_EQ(hark_group_open(&tasks), 0);
    CHECK_GT(hark_go(&tasks, lets_it_go_on, NULL), 0);
    CHECK_EQ(hark_thread_call(waits_for_go_on, NULL), 0);
    return hark_group_close(&tasks, 0);
}

static int runs_a_loop(void *unused)
{
    (void)unused;
    return hark_run(calls_beside_another_task, NULL);
}

INSIDE_REAL(thread_call_in_a_loop_that_a_call_runs_lets_its_other_tasks_go_on)
{
    CHECK_EQ(sem_init(&may_go_on, 0, 0), 0);
    CHECK_EQ(hark_thread_call(runs_a_loop, NULL), 0);
    CHECK_EQ(sem_destroy(&may_go_on), 0);
}

TEST(thread_limiter_is_a_loops)
{
    CHECK_PTR(hark_thread_limiter(), NULL);
    CHECK_HAS(hark_error_last(), "hark_thread_limiter");
}

/* ---- their end ------------------------------------------------------------------------------- */

static sem_t has_begun;

static int begins_and_waits(void *unused)
{
    (void)unused;
    sem_post(&has_begun);
    while (sem_wait(&may_go_on)) {}
    return 0;
}

static int calls_one_that_waits(void *unused)
{
    (void)unused;
    return hark_thread_call(begins_and_waits, NULL);
}

TEST(thread_TH_20_one_at_work_ends_when_it_is_done_though_nobody_waits_for_it_any_more)
{
    hark_portal portal;
    hark_portal_task task;
    CHECK_EQ(sem_init(&has_begun, 0, 0), 0);
    CHECK_EQ(sem_init(&may_go_on, 0, 0), 0);
    CHECK_EQ(hark_portal_open(&portal, NULL), 0);
    CHECK_EQ(hark_portal_go(&portal, &task, calls_one_that_waits, NULL), 0);
    while (sem_wait(&has_begun)) {}
    CHECK_EQ(hark_threads_end(0), -ETIMEDOUT);
    sem_post(&may_go_on);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    const int64_t until = hark_now() + HARK_MS(800); /* an idle one would stay for a second */
    while (hark__thread_count() > 0 && hark_now() < until) {
        sched_yield();
    }
    CHECK_EQ(hark__thread_count(), 0);
}

TEST(thread_TH_20_idle_threads_are_told_to_end)
{
    CHECK_EQ(hark_threads_end(0), 0); /* there are none */
    for (int i = 0; i < 3; i++) {
        hark_fn *fn = main_thread_TH_25_a_call_from_within_a_call_runs_at_once;
        CHECK_EQ(RUN(fn, NULL), 0);
        CHECK_GT(hark__thread_count(), 0);
        CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
        CHECK_EQ(hark__thread_count(), 0);
    }
}

static int leave_one_behind(void *arg)
{
    const int64_t rc = hark_within(HARK_MS(1), abandon_it(arg));
    CHECK_EQ(rc, -ETIMEDOUT);
    return 0;
}

static int end_threads(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_threads_end(0), -EDEADLK, "hark_threads_end");
    return 0;
}

static int block(void *arg)
{
    sem_post(&came);
    wait_for(&go);
    return arg != NULL;
}

static int abandon_block(void *arg)
{
    const hark_thread_options options = {.size = sizeof(options), .abandon = true, .drop = note_drop};
    hark_group g;
    CHECK_EQ(hark_thread_call(end_threads, arg), 0);
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_thread_call_with(&options, block, arg)), -ETIMEDOUT);
    return hark_group_close(&g, 0);
}

TEST(thread_TH_20_who_is_at_work_is_waited_for_as_long_as_asked)
{
    reset();
    CHECK_EQ(RUN(leave_one_behind, NULL), 0);
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
    CHECK_EQ(RUN(abandon_block, NULL), 0);
    wait_for(&came);
    CHECK_MISUSE(hark_threads_end(HARK_MS(2)), -ETIMEDOUT, "1 worker");
    CHECK_MISUSE(hark_threads_end(INT64_MIN), -ETIMEDOUT, "1 worker");
    sem_post(&go);
    CHECK_EQ(hark_threads_end(HARK_FOREVER - 1), 0);
    CHECK_GE(atomic_load(&dropped), 1);
}

static int give_results(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_GT(hark_go(&g, (hark_fn *)arg, &one), 0);
    }
    return hark_group_close(&g, 0);
}

static int call_once(void *arg)
{
    CHECK_EQ(hark_thread_call(return_arg, arg), 1);
    atomic_fetch_add(&ran, 1);
    return 0;
}

static void *end_again_and_again(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
    }
    return NULL;
}

/* Threads are told to end at any moment; every result comes. */
TEST_TIMEOUT(thread_TH_23_TH_16_BG_123_ending_races_with_calls, 30)
{
    static atomic_int over;
    pthread_t thread;
    const int times = 1000 / kit_slow();
    CHECK_EQ(pthread_create(&thread, NULL, end_again_and_again, &over), 0);
    for (int i = 0; i < times; i++) {
        CHECK_EQ(RUN(give_results, (void *)call_once), 0);
    }
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
    CHECK_EQ(atomic_load(&ran), 4 * times);
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
}

/* Loops come and go; workers that are about to end are never given anything. */
TEST(thread_TH_14_BG_111_many_runs_one_after_the_other)
{
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(RUN(call_once, &one), 0);
    }
    CHECK_LE(hark__thread_count(), 2);
    CHECK_EQ(hark_threads_end(HARK_S(2)), 0);
}

/* ---- nothing is kept ------------------------------------------------------------------------- */

static int fail(void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "no luck");
}

INSIDE(thread_TH_27_failures_do_not_pile_up)
{
    CHECK_EQ(hark_thread_call(fail, NULL), -EPROTO);
    const size_t before = hark__alloc_live();
    for (int i = 0; i < 1000 / kit_slow(); i++) {
        CHECK_EQ(hark_thread_call(fail, NULL), -EPROTO);
    }
    CHECK_EQ(hark__alloc_live(), before);
}

/* ---- crowded lanes --------------------------------------------------------------------------- */

struct job {
    hark__thread_job job;
};

static void block_job(hark__thread_job *job)
{
    (void)job;
    sem_post(&came);
    wait_for(&go);
}

static void note_job(hark__thread_job *job)
{
    (void)job;
    atomic_fetch_add(&ran, 1);
}

static int block_name(void *arg)
{
    hark__thread_job job = {.fn = block_job, .what = "a name server that does not answer"};
    (void)arg;
    return hark__thread_run(&job, HARK__THREAD_NAMES, "test");
}

static int block_call(void *arg)
{
    return hark_thread_call(block, arg);
}

enum { CROWD = 80 };

INSIDE_REAL(thread_H4_blocked_names_and_calls_hold_up_nothing_else)
{
    hark__thread_job job = {.fn = note_job, .what = "a file"};
    reset();
    for (int i = 0; i < CROWD; i++) {
        CHECK_GT(hark_go(&group, block_name, NULL), 0);
        CHECK_GT(hark_go(&group, block_call, NULL), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    for (int i = 0; i < 64 + 40; i++) { /* as many as their lane, or limiter, lets in */
        wait_for(&came);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark__thread_run(&job, HARK__THREAD_FILES, "test"), 0);
    }
    CHECK_EQ(atomic_load(&ran), 10);
    CHECK_LE(hark__thread_count(), 64 + 40 + 16);
    for (int i = 0; i < 2 * CROWD; i++) {
        sem_post(&go);
    }
}

/* ---- destructors of a thread's own data ------------------------------------------------------ */

static pthread_key_t key;
static hark_loop *gone;

static void at_end_of_thread(void *arg)
{
    static hark_watch watch;
    (void)arg;
    CHECK_EQ(hark_self(), 0);
    CHECK_PTR(hark_loop_self(), NULL);
    CHECK_EQ(hark_loop_post(gone, &watch, note_drop, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_fail(-EIO, "late"), -EIO);
    CHECK_STR(hark_error_last(), "late");
    hark_loop_drop(gone);
    atomic_fetch_add(&ran, 1);
}

static int hold_the_loop(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_setspecific(key, &key), 0);
    gone = hark_loop_hold(hark_loop_self());
    return gone ? 0 : -ENOMEM;
}

static void *run_a_loop(void *arg)
{
    CHECK_EQ(RUN(hold_the_loop, NULL), 0);
    return arg;
}

TEST_ON_HUBS(thread_H11_destructors_of_a_thread_run_after_its_loop)
{
    CHECK_EQ(pthread_key_create(&key, at_end_of_thread), 0);
    in_thread(run_a_loop, NULL);
    CHECK_EQ(atomic_load(&ran), 1);
    CHECK_EQ(pthread_key_delete(key), 0);
}

/* ---- calls into a loop that is about to end -------------------------------------------------- */

static int sleep_there(void *arg)
{
    sem_post(&came);
    const int rc = hark_sleep(HARK_MS(2));
    return rc ? rc : *(int *)arg;
}

static void *call_while_it_ends(void *arg)
{
    CHECK_EQ(hark_loop_call(gone, sleep_there, &one), 1);
    hark_loop_drop(gone);
    return arg;
}

static pthread_t caller;

static int end_while_called(void *arg)
{
    (void)arg;
    gone = hark_loop_hold(hark_loop_self());
    CHECK_EQ(pthread_create(&caller, NULL, call_while_it_ends, NULL), 0);
    while (sem_trywait(&came)) {
        CHECK_EQ(hark_yield(), 0);
    }
    return 0; /* what was called is a task of the loop, and is waited for */
}

TEST_ON_HUBS(loop_call_PT_04_BG_113_what_was_called_is_waited_for_when_main_has_ended)
{
    reset();
    CHECK_EQ(RUN(end_while_called, NULL), 0);
    pthread_join(caller, NULL);
}

static int own_words(void *arg)
{
    (void)arg;
    return hark_fail(-EIO, "said in the loop");
}

static int words_of_both(void *arg)
{
    hark_fail(-EPROTO, "said in the thread");
    CHECK_EQ(hark_loop_call(arg, return_arg, &one), 1);
    CHECK_STR(hark_error_last(), "said in the thread"); /* a success brings no words */
    CHECK_EQ(hark_loop_call(arg, own_words, NULL), -EIO);
    CHECK_STR(hark_error_last(), "said in the loop");
    return 0;
}

INSIDE(loop_call_PT_23_a_worker_uses_a_loop_that_it_was_told)
{
    hark_loop *loop = hark_loop_hold(hark_loop_self());
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_thread_call(words_of_both, loop), 0);
    }
    CHECK_EQ(hark__thread_count(), 1); /* and is itself used again */
    hark_loop_drop(loop);
}

/* ---- a bell that cannot be rung any louder --------------------------------------------------- */

static int bell;
static int (*real_eventfd)(unsigned value, int flags);

static int note_bell(unsigned value, int flags)
{
    return bell = real_eventfd(value, flags);
}

static void set_event(void *arg)
{
    CHECK_EQ(hark_event_set(arg), 0);
}

static void *ring_and_post(void *arg)
{
    static hark_watch watch;
    const uint64_t most = UINT64_MAX - 1, one_more = 1;
    do { /* the loop may have been woken, and have read it in between */
        if (write(bell, &most, sizeof most) < 0) {
            CHECK_EQ(errno, EAGAIN);
        }
    } while (write(bell, &one_more, sizeof one_more) >= 0);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(hark_loop_post(gone, &watch, set_event, arg), 0);
    hark_loop_drop(gone);
    return NULL;
}

INSIDE_BY(TEST_ON_HUBS, RUN, post_H10_a_full_counter_wakes_the_loop_all_the_same)
{
    static hark_event event;
    pthread_t thread;
    real_eventfd = hark__sys.eventfd;
    hark__sys.eventfd = note_bell;
    gone = hark_loop_hold(hark_loop_self());
    hark__sys.eventfd = real_eventfd;
    CHECK(gone);
    CHECK_EQ(pthread_create(&thread, NULL, ring_and_post, &event), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
    pthread_join(thread, NULL);
}
