/* SPDX-License-Identifier: MIT
 *
 * workers_test.c - several loops as one run: who runs what, failures, cancellation, and what cannot
 * be had.
 *
 * Every test of this file is also a test for ThreadSanitizer. A worker that is to be cancelled
 * sleeps for long; nobody sleeps to give time.
 */
#include "../sync/scene.h"

#include "core/core.h"

#include <sched.h>
#include <sys/socket.h>

enum { WORKERS = 4 };

static atomic_int ran, cancelled, seen[64];
static hark_promise told = HARK_PROMISE_INIT;
static hark_link line;

/* ---- who runs what --------------------------------------------------------------------------- */

static int note_worker(void *arg)
{
    CHECK_PTR(arg, &ran);
    CHECK_EQ(hark_worker_count(), WORKERS);
    CHECK_GT(hark_self(), 0);
    CHECK_PTR(hark_worker_loop(hark_worker()), hark_loop_self());
    atomic_fetch_add(&seen[hark_worker()], 1);
    atomic_fetch_add(&ran, 1);
    if (hark_worker() > 0) {
        char name[16], expected[16];
        snprintf(expected, sizeof expected, "hark-worker-%d", hark_worker());
        CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
        CHECK_STR(name, expected);
    }
    return hark_sleep(HARK_US(10));
}

TEST_ON_HUBS(workers_each_runs_main_once_in_a_loop_of_its_own)
{
    CHECK_EQ(hark_run_workers(NULL, WORKERS, note_worker, &ran), 0);
    CHECK_EQ(atomic_load(&ran), WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(atomic_load(&seen[i]), 1);
    }
    CHECK_EQ(hark_worker(), 0);
    CHECK_EQ(hark_worker_count(), 1);
    CHECK_PTR(hark_loop_self(), NULL);
}

static pthread_t caller;

static int is_the_caller(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_equal(pthread_self(), caller) != 0, hark_worker() == 0);
    return 0;
}

TEST(workers_the_calling_thread_is_worker_0)
{
    caller = pthread_self();
    CHECK_EQ(hark_run_workers(NULL, 3, is_the_caller, NULL), 0);
    CHECK_EQ(hark_run_workers(NULL, 1, is_the_caller, NULL), 0);
}

static int count_workers(void *arg)
{
    atomic_store((atomic_int *)arg, hark_worker_count());
    return 0;
}

TEST(workers_0_is_one_a_processor)
{
    cpu_set_t usable;
    CHECK_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
    CHECK_EQ(hark_run_workers(NULL, 0, count_workers, &ran), 0);
    CHECK_EQ(atomic_load(&ran), CPU_COUNT(&usable));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &usable)) {
            CPU_ZERO(&usable);
            CPU_SET(cpu, &usable);
        }
    }
    CHECK_EQ(sched_setaffinity(0, sizeof usable, &usable), 0);
    CHECK_EQ(hark_run_workers(NULL, 0, count_workers, &ran), 0);
    CHECK_EQ(atomic_load(&ran), 1);
}

static int positive(void *arg)
{
    (void)arg;
    return 7;
}

TEST(workers_a_result_above_0_is_no_failure_and_not_told)
{
    CHECK_EQ(hark_run_workers(NULL, 2, positive, NULL), 0);
}

/* ---- failures -------------------------------------------------------------------------------- */

static int sleep_long(void)
{
    const int rc = hark_sleep(HARK_S(1000));
    CHECK_EQ(rc, -ECANCELED);
    atomic_fetch_add(&cancelled, 1);
    return rc;
}

static int one_fails(void *arg)
{
    if (hark_worker() != *(int *)arg) {
        return sleep_long();
    }
    return hark_fail(-EPROTO, "worker %d has no disk", hark_worker());
}

TEST_ON_HUBS(workers_the_first_failure_cancels_the_rest_and_is_the_result)
{
    for (int i = 0; i < WORKERS; i++) {
        char words[64];
        snprintf(words, sizeof words, "worker %d has no disk", i);
        CHECK_EQ(hark_run_workers(NULL, WORKERS, one_fails, &i), -EPROTO);
        CHECK_STR(hark_error_last(), words);
        CHECK_EQ(atomic_exchange(&cancelled, 0), WORKERS - 1);
    }
}

/* Who is cancelled fails while it cleans up: that is not the first. */
static int fails_second(void *arg)
{
    (void)arg;
    if (hark_worker() == 1) {
        return -EPROTO;
    }
    hark_sleep(HARK_S(1000));
    return -EIO;
}

TEST(workers_a_failure_while_cleaning_up_is_not_the_result)
{
    CHECK_EQ(hark_run_workers(NULL, 3, fails_second, NULL), -EPROTO);
}

static int fail_at_once(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
    return -EPROTO - hark_worker();
}

TEST(workers_all_fail_at_the_same_time_and_one_is_told)
{
    for (int i = 0; i < 50 / kit_slow() + 1; i++) {
        const int rc = hark_run_workers(NULL, WORKERS, fail_at_once, NULL);
        CHECK(rc <= -EPROTO && rc > -EPROTO - WORKERS);
    }
}

static int one_is_stuck(void *arg)
{
    static hark_event never;
    (void)arg;
    return hark_worker() == 1 ? hark_event_wait(&never) : sleep_long();
}

TEST_ON_HUBS(workers_a_deadlock_in_one_loop_ends_all)
{
    capture_begin();
    const int rc = hark_run_workers(NULL, 3, one_is_stuck, NULL);
    const char *report = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(report, "an event");
    CHECK_HAS(hark_error_last(), "worker 1");
    CHECK_EQ(atomic_load(&cancelled), 2);
}

/* A task that outlives main, in no group, never ends. */
static int wait_for_ever(void *arg)
{
    return hark_event_wait(arg);
}

static int leaves_one_stuck(void *arg)
{
    static hark_event never;
    (void)arg;
    if (hark_worker() == 0) {
        return sleep_long();
    }
    return hark_loop_go(hark_loop_self(), wait_for_ever, &never) > 0 ? 0 : -ENOMEM;
}

TEST(workers_a_deadlock_of_what_main_has_left_ends_all)
{
    capture_begin();
    const int rc = hark_run_workers(NULL, 2, leaves_one_stuck, NULL);
    capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_EQ(atomic_load(&cancelled), 1);
}

static int cancel_by_signal(void *arg)
{
    const bool answers = *(bool *)arg;
    if (hark_worker() == 1) {
        CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
        CHECK_EQ(hark_promise_send(&told, NULL), 0);
    } else if (hark_worker() == 0) {
        CHECK_EQ(hark_promise_wait(&told, NULL), 0);
        CHECK_EQ(raise(SIGUSR1), 0);
    }
    const int rc = sleep_long();
    return answers ? rc : 0;
}

TEST_ON_HUBS(workers_a_signal_that_cancels_one_run_ends_all)
{
    bool answers = true;
    CHECK_EQ(hark_run_workers(NULL, 3, cancel_by_signal, &answers), -ECANCELED);
    CHECK_EQ(hark_promise_reset(&told), 0);
    answers = false;
    CHECK_EQ(hark_run_workers(NULL, 3, cancel_by_signal, &answers), 0);
    CHECK_EQ(atomic_load(&cancelled), 6);
}

static atomic_int asked;

static int each_asks(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    CHECK_EQ(hark_cancel_on(SIGUSR1), -EBUSY);
    if (atomic_fetch_add(&asked, 1) == 2) {
        CHECK_EQ(raise(SIGUSR1), 0); /* the last one */
    }
    return sleep_long();
}

TEST_ON_HUBS(workers_each_may_ask_that_a_signal_cancels_the_run)
{
    CHECK_EQ(hark_run_workers(NULL, 3, each_asks, NULL), -ECANCELED);
    CHECK_EQ(atomic_load(&cancelled), 3);
}

static int cleans_up_with_the_others(void *arg)
{
    hark_scope scope;
    (void)arg;
    if (hark_worker() == 1) {
        CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
        CHECK_EQ(raise(SIGUSR1), 0);
        sleep_long();
        CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
        CHECK_EQ(hark_scope_shield(&scope, true), 0);
        CHECK_EQ(hark_promise_wait(&told, NULL), 0); /* it goes on though the others have to end first */
        return (int)hark_scope_close(&scope, -ECANCELED);
    }
    sleep_long();
    if (hark_worker() == 0) {
        CHECK_EQ(hark_promise_send(&told, NULL), 0);
    }
    return -ECANCELED;
}

TEST_ON_HUBS(workers_a_signal_reaches_all_at_once_though_one_takes_its_time)
{
    CHECK_EQ(hark_run_workers(NULL, 3, cleans_up_with_the_others, NULL), -ECANCELED);
    CHECK_EQ(atomic_load(&cancelled), 3);
}

static int cancel_own_thread(void *arg)
{
    (void)arg;
    if (hark_worker() > 0) {
        CHECK_EQ(pthread_cancel(pthread_self()), 0);
    }
    const int rc = hark_sleep(HARK_US(10)); /* many a cancellation point */
    atomic_fetch_add(&ran, 1);
    return rc;
}

TEST_ON_HUBS(workers_H12_a_thread_that_is_cancelled_goes_on)
{
    CHECK_EQ(hark_run_workers(NULL, 3, cancel_own_thread, NULL), 0);
    CHECK_EQ(atomic_load(&ran), 3);
}

/* ---- what cannot be had ---------------------------------------------------------------------- */

static int nest(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_run_workers(NULL, 2, nest, NULL), -EBUSY, "hark_run_workers");
    return 0;
}

TEST(workers_bad_input_is_refused_in_words)
{
    const hark_options wrong = {.size = 3}, unknown = {.size = sizeof(unknown), .hub = "mud"};
    CHECK_MISUSE(hark_run_workers(NULL, 2, NULL, NULL), -EINVAL, "main is NULL");
    CHECK_MISUSE(hark_run_workers(NULL, -1, nest, NULL), -EINVAL, "-1 threads");
    CHECK_MISUSE(hark_run_workers(NULL, 1025, nest, NULL), -EINVAL, "1025 threads");
    CHECK_MISUSE(hark_run_workers(&wrong, 2, note_worker, NULL), -EINVAL, "options.size");
    CHECK_MISUSE(hark_run_workers(&unknown, 2, note_worker, NULL), -EINVAL, "mud");
    CHECK_EQ(atomic_load(&ran), 0);
    CHECK_EQ(hark_run_workers(NULL, 2, nest, NULL), 0);
    CHECK_EQ(hark_run(nest, NULL), 0);
    CHECK_PTR(hark_worker_loop(0), NULL);
    CHECK_HAS(hark_error_last(), "hark_worker_loop");
}

static int ask_for_loops(void *arg)
{
    (void)arg;
    CHECK_PTR(hark_worker_loop(-1), NULL);
    CHECK_PTR(hark_worker_loop(2), NULL);
    CHECK_HAS(hark_error_last(), "no worker 2 among 2");
    return 0;
}

TEST(workers_there_is_no_loop_of_a_worker_that_is_none)
{
    CHECK_EQ(hark_run_workers(NULL, 2, ask_for_loops, NULL), 0);
}

static atomic_int threads_left;

static int too_few_threads(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                           void *arg)
{
    return atomic_fetch_sub(&threads_left, 1) > 0 ? pthread_create(thread, attributes, fn, arg)
                                                  : EAGAIN;
}

static int count_run(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
    return 0;
}

TEST(workers_H5_without_a_thread_no_main_runs)
{
    hark__sys.thread_start = too_few_threads;
    for (int i = 0; i < 3; i++) {
        atomic_store(&threads_left, i);
        CHECK_MISUSE(hark_run_workers(NULL, WORKERS, count_run, NULL), -EAGAIN, "no thread");
    }
    CHECK_EQ(atomic_load(&ran), 0);
    atomic_store(&threads_left, 3);
    CHECK_EQ(hark_run_workers(NULL, WORKERS, count_run, NULL), 0);
    CHECK_EQ(atomic_load(&ran), WORKERS);
    hark__sys.thread_start = pthread_create;
}

static atomic_int allocations;
static int fails_at;
static void *(*allocate)(size_t size);

static void *allocate_or_not(size_t size)
{
    return atomic_fetch_add(&allocations, 1) == fails_at ? NULL : allocate(size);
}

/* What fails after they have begun to run is the mains' own business. */
TEST(workers_whatever_allocation_fails_either_all_run_or_none)
{
    int refused = 0, rc;

    allocate = hark__memory.allocate;
    hark__memory.allocate = allocate_or_not;
    for (fails_at = 0;; fails_at++) {
        atomic_store(&allocations, 0);
        atomic_store(&ran, 0);
        rc = hark_run_workers(NULL, 3, count_run, NULL);
        CHECK(rc == 0 || rc == -ENOMEM);
        CHECK_EQ(atomic_load(&ran), rc ? 0 : 3);
        refused += rc != 0;
        if (atomic_load(&allocations) <= fails_at) {
            break;
        }
    }
    hark__memory.allocate = allocate;
    CHECK_GE(refused, 10);
}

static atomic_int boxes_left;
static int (*real_eventfd)(unsigned value, int flags);

static int too_few_boxes(unsigned value, int flags)
{
    if (atomic_fetch_sub(&boxes_left, 1) > 0) {
        return real_eventfd(value, flags);
    }
    errno = EMFILE;
    return -1;
}

TEST(workers_without_a_descriptor_no_main_runs)
{
    real_eventfd = hark__sys.eventfd;
    hark__sys.eventfd = too_few_boxes;
    for (int i = 0; i < 3; i++) {
        atomic_store(&boxes_left, i);
        CHECK_MISUSE(hark_run_workers(NULL, 3, count_run, NULL), -EMFILE, "post box");
    }
    CHECK_EQ(atomic_load(&ran), 0);
    hark__sys.eventfd = real_eventfd;
}

/* ---- from loop to loop ----------------------------------------------------------------------- */

static int who(void *arg)
{
    (void)arg;
    return 100 + hark_worker();
}

static int call_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < WORKERS; i++) {
        if (i != hark_worker()) {
            const int rc = hark_loop_call(hark_worker_loop(i), who, NULL);
            CHECK(rc == 100 + i || rc == -ESHUTDOWN); /* it may have ended before */
            atomic_fetch_add(&seen[0], rc > 0);
        }
    }
    return 0;
}

TEST_ON_HUBS(workers_call_one_another)
{
    CHECK_EQ(hark_run_workers(NULL, WORKERS, call_all, NULL), 0);
    CHECK_GT(atomic_load(&seen[0]), 0);
}

static int call_the_ended(void *arg)
{
    (void)arg;
    if (hark_worker() == 1) {
        return 0;
    }
    int rc;
    while ((rc = hark_loop_call(hark_worker_loop(1), who, NULL)) == 101) {}
    CHECK_EQ(rc, -ESHUTDOWN);
    return 0;
}

TEST(workers_a_loop_that_has_ended_refuses_calls)
{
    CHECK_EQ(hark_run_workers(NULL, 2, call_the_ended, NULL), 0);
}

/* ---- one listener, dealt out ----------------------------------------------------------------- */

enum { CONNECTIONS = 40 };

static int serve(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char byte;
    while (hark_read(fd, &byte, 1) == 1) {
        CHECK_EQ(hark_write(fd, &byte, 1), 1);
    }
    return hark_close(fd);
}

static int deal(void *arg)
{
    const int listener = *(int *)arg;
    while (hark_link_statistics(&line).waiting_recv < 3) { /* so each gets one of the first three */
        CHECK_EQ(hark_yield(), 0);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        const int fd = hark_accept(listener, NULL, NULL);
        CHECK_GE(fd, 0);
        CHECK_EQ(hark_forget(fd), 0);
        CHECK_EQ(hark_link_send(&line, &fd), 0);
    }
    return hark_link_close_sender(&line);
}

static int connect_all(void *arg)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        const int fd = hark_tcp_connect("127.0.0.1", arg);
        char byte = (char)i;
        CHECK_GE(fd, 0);
        CHECK_EQ(hark_write(fd, &byte, 1), 1);
        CHECK_EQ(hark_read(fd, &byte, 1), 1);
        CHECK_EQ(byte, (char)i);
        CHECK_EQ(hark_close(fd), 0);
    }
    return 0;
}

static int serve_dealt(void *arg)
{
    hark_group g;
    int fd, rc, listener = -1;
    char port[16];
    (void)arg;
    CHECK_EQ(hark_group_open(&g), 0);
    if (hark_worker() == 0) {
        listener = hark_tcp_listen("127.0.0.1", "0", 16);
        CHECK_GE(listener, 0);
        snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
        CHECK_GT(hark_go(&g, deal, &listener), 0);
        CHECK_GT(hark_go(&g, connect_all, port), 0);
    }
    while ((rc = hark_link_recv(&line, &fd)) == 0) {
        atomic_fetch_add(&seen[hark_worker()], 1);
        CHECK_GT(hark_go(&g, serve, (void *)(intptr_t)fd), 0);
    }
    CHECK_EQ(rc, -ENODATA);
    rc = hark_group_close(&g, 0);
    return listener >= 0 ? hark_close(listener) : rc;
}

TEST_ON_HUBS(workers_one_accepts_and_all_serve_in_turn)
{
    CHECK_EQ(hark_link_init(&line, sizeof(int), 0), 0);
    CHECK_EQ(hark_run_workers(NULL, 3, serve_dealt, NULL), 0);
    CHECK_EQ(hark_link_free(&line), 0);
    int served = 0;
    for (int i = 0; i < 3; i++) {
        served += atomic_load(&seen[i]);
        CHECK_GT(atomic_load(&seen[i]), 0);
    }
    CHECK_EQ(served, CONNECTIONS);
}

/* ---- each its own listener, on one port ------------------------------------------------------ */

static int listen_on_one_port(void *arg)
{
    const int first = hark_worker() == 0 ? hark_tcp_listen("127.0.0.1", "0", 16) : -1;
    void *port = NULL;
    char text[16];
    int on = 0;
    socklen_t length = sizeof on;
    (void)arg;
    if (hark_worker() == 0) {
        CHECK_GE(first, 0);
        CHECK_EQ(hark_promise_send(&told, (void *)(intptr_t)hark_tcp_port(first)), 0);
    }
    CHECK_EQ(hark_promise_wait(&told, &port), 0);
    snprintf(text, sizeof text, "%d", (int)(intptr_t)port);
    const int listener = first >= 0 ? first : hark_tcp_listen("127.0.0.1", text, 16);
    CHECK_GE(listener, 0);
    CHECK_EQ(hark_tcp_port(listener), (int)(intptr_t)port);
    CHECK_EQ(getsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, &length), 0);
    CHECK(on);
    atomic_fetch_add(&ran, 1);
    while (atomic_load(&ran) < 3) { /* all at the same time */
        CHECK_EQ(hark_yield(), 0);
    }
    return hark_close(listener);
}

TEST_ON_HUBS(workers_all_listen_on_one_port)
{
    CHECK_EQ(hark_run_workers(NULL, 3, listen_on_one_port, NULL), 0);
}

static int listen_alone(void *arg)
{
    const int listener = hark_tcp_listen("127.0.0.1", "0", 16);
    int on = 0;
    socklen_t length = sizeof on;
    (void)arg;
    CHECK_GE(listener, 0);
    CHECK_EQ(getsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, &length), 0);
    CHECK(!on);
    return hark_close(listener);
}

TEST(workers_one_alone_shares_no_port)
{
    CHECK_EQ(hark_run_workers(NULL, 1, listen_alone, NULL), 0);
    CHECK_EQ(hark_run(listen_alone, NULL), 0);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void tell_nothing(void *arg)
{
    (void)arg;
}

static int look_from_afar(void *arg)
{
    (void)arg;
    const hark_loop_stats stats = hark_loop_statistics(hark_loop_self());
    return (int)stats.tasks;
}

INSIDE_REAL(statistics_of_a_loop)
{
    hark_loop *loop = hark_loop_self();
    hark_watch watch = {0};
    hark_loop_stats stats = hark_loop_statistics(loop);
    CHECK_EQ(stats.tasks, 1);
    CHECK_EQ(stats.ready, 0);
    CHECK_EQ(stats.holds, 0);
    CHECK_GT(hark_go(&group, nothing, NULL), 0);
    CHECK_EQ(hark_call_later(HARK_S(1000), &watch, tell_nothing, NULL), 0);
    CHECK_PTR(hark_loop_hold(loop), loop);
    stats = hark_loop_statistics(loop);
    CHECK_EQ(stats.tasks, 2);
    CHECK_EQ(stats.ready, 1);
    CHECK_EQ(stats.timers, 1);
    CHECK_EQ(stats.holds, 1);
    hark_loop_drop(loop);
    CHECK_EQ(hark_unwatch(&watch), 0);
    CHECK_EQ(hark_loop_statistics(NULL).tasks, 0);
}

static void *look_in_thread(void *arg)
{
    CHECK_EQ(hark_loop_statistics(arg).tasks, 0); /* not its own */
    CHECK_EQ(hark_loop_call(arg, look_from_afar, NULL), 2);
    hark_loop_drop(arg);
    return NULL;
}

INSIDE_REAL(statistics_are_asked_for_by_a_call)
{
    pthread_t thread;
    hark_loop *loop = hark_loop_hold(hark_loop_self());
    CHECK_EQ(pthread_create(&thread, NULL, look_in_thread, loop), 0);
    while (hark_loop_statistics(loop).holds) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    pthread_join(thread, NULL);
}
