/* SPDX-License-Identifier: MIT
 *
 * loop_test.c - a loop in the program's own hands: stepped by a host, run until stopped, freed.
 */
#include "../sync/scene.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

static hark_event event;
static hark_watch watch, watch2, watch3;
static hark_loop *loop;
static int ran, hundred = 100;

static void count(void *arg)
{
    ran += arg ? *(int *)arg : 1;
}

static void stop(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_loop_stop(hark_loop_self()), 0);
}

static int wait_for_event(void *arg)
{
    int rc = hark_event_wait(arg);
    ran++;
    return rc;
}

static int give(void *arg)
{
    return *(int *)arg;
}

static hark_loop *make(bool virtual_clock)
{
    const hark_options options = {.size = sizeof(options), .virtual_clock = virtual_clock};
    hark_loop *made = hark_loop_new(&options);
    CHECK(made);
    return made;
}

/* Does the loop ask its host for a step within `timeout` ms? */
static int asks(const hark_loop *of, int timeout)
{
    struct pollfd host = {.fd = hark_loop_fd(of), .events = POLLIN};
    CHECK_GE(host.fd, 0);
    return poll(&host, 1, timeout);
}

/* As a host does: steps while the descriptor says so. */
static int host(const hark_loop *of, int timeout)
{
    int steps = 0;
    while (asks(of, timeout)) {
        CHECK_EQ(hark_loop_step(loop, 0), 0);
        CHECK_LT(++steps, 20);
    }
    return steps;
}

#define HAS_DESCRIPTOR() \
    if (!strcmp(getenv("HARK_HUB"), "poll") || !strcmp(getenv("HARK_HUB"), "select")) \
    SKIP("this hub has no descriptor")

/* ---- run until, run for ever ----------------------------------------------------------------- */

TEST(loop_LP_07_run_until_gives_the_tasks_result)
{
    int results[] = {0, 7, -EPROTO};
    loop = make(true);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_loop_run_until(loop, give, &results[i]), results[i]);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int fail_in_words(void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "the peer spoke in %s", "riddles");
}

TEST(loop_LP_07_the_words_of_a_failure_come_with_it)
{
    loop = make(true);
    CHECK_EQ(hark_loop_run_until(loop, fail_in_words, NULL), -EPROTO);
    CHECK_HAS(hark_error_last(), "the peer spoke in riddles");
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int call_all_again(void *arg)
{
    int zero = 0;
    (void)arg;
    CHECK_MISUSE(hark_loop_run_until(loop, give, &zero), -EBUSY, "hark_loop_run_until");
    CHECK_MISUSE(hark_loop_run_forever(loop), -EBUSY, "hark_loop_run_forever");
    CHECK_MISUSE(hark_loop_step(loop, 0), -EBUSY, "hark_loop_step");
    CHECK_MISUSE(hark_loop_free(loop), -EBUSY, "hark_loop_free");
    CHECK_MISUSE(hark_run(give, &zero), -EBUSY, "hark_run");
    CHECK(!hark_loop_new(NULL));
    CHECK_HAS(hark_error_last(), "hark_loop_new");
    CHECK_PTR(hark_loop_self(), loop);
    return 0;
}

TEST(loop_LP_07_LP_09_what_runs_cannot_be_run_or_freed_again)
{
    loop = make(true);
    CHECK_EQ(hark_loop_run_until(loop, call_all_again, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int try_another(void *arg)
{
    CHECK_MISUSE(hark_loop_step(arg, 0), -EBUSY, "hark_loop_step");
    return 0;
}

TEST(loop_LP_07_of_one_thread_one_loop_runs_at_a_time)
{
    hark_loop *other = make(true);
    loop = make(true);
    CHECK_EQ(hark_loop_run_until(loop, try_another, other), 0);
    CHECK_EQ(RUN(try_another, other), 0);
    CHECK_EQ(hark_loop_free(other), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int stop_and_wait(void *arg)
{
    CHECK_EQ(hark_loop_stop(hark_loop_self()), 0);
    CHECK_EQ(hark_event_wait(arg), 0);
    ran++;
    return 5;
}

TEST(loop_LP_07_stopped_early_the_task_goes_on_in_the_next_run)
{
    loop = make(true);
    CHECK_MISUSE(hark_loop_run_until(loop, stop_and_wait, &event), -EINTR, "hark_loop_run_until");
    CHECK_EQ(ran, 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_loop_run_until(loop, wait_for_event, &event), 0);
    CHECK_EQ(ran, 2);
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST(loop_LP_08_stopped_before_it_runs_it_makes_one_pass)
{
    loop = make(false);
    CHECK_EQ(hark_call_soon(&watch, count, NULL), 0);
    CHECK_EQ(hark_call_later(HARK_S(3600), &watch2, count, NULL), 0);
    CHECK_EQ(hark_loop_stop(loop), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void stop_and_arm_another(void *arg)
{
    stop(arg);
    CHECK_EQ(hark_call_soon(&watch3, count, &hundred), 0);
}

TEST(loop_LP_08_LP_01_a_stop_lets_run_what_was_ready)
{
    loop = make(true);
    CHECK_EQ(hark_call_soon(&watch, stop_and_arm_another, NULL), 0);
    CHECK_EQ(hark_call_soon(&watch2, count, NULL), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_EQ(ran, 1); /* the one that was armed after the stop comes in the next run */
    CHECK_EQ(hark_loop_stop(loop), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_EQ(ran, 101);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int yield_for_ever(void *arg)
{
    (void)arg;
    while (!hark_yield()) {
        ran++;
    }
    return 0;
}

TEST(loop_LP_08_a_stop_is_heard_among_tasks_that_never_rest)
{
    loop = make(false);
    for (int i = 0; i < 5; i++) {
        CHECK_GT(hark_loop_go(loop, yield_for_ever, NULL), 0);
    }
    CHECK_EQ(hark_call_later(HARK_MS(1), &watch, stop, NULL), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_GT(ran, 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void *stop_from_a_thread(void *arg)
{
    CHECK_EQ(hark_loop_stop(arg), 0);
    CHECK_EQ(hark_loop_stop(arg), 0); /* twice is once, or a pass of the next run */
    return NULL;
}

TEST_ON_HUBS(loop_LP_10_a_stop_from_another_thread_wakes_a_sleeping_loop)
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        loop = make(false);
        CHECK_EQ(pthread_create(&thread, NULL, stop_from_a_thread, loop), 0);
        CHECK_EQ(hark_loop_run_forever(loop), 0);
        pthread_join(thread, NULL);
        CHECK_EQ(hark_loop_free(loop), 0);
    }
}

TEST(loop_run_forever_tells_a_deadlock_and_may_be_used_again)
{
    int seven = 7;
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    CHECK_MISUSE(hark_loop_run_forever(loop), -EDEADLK, "hark_loop_run_forever");
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_loop_run_until(loop, give, &seven), 7);
    CHECK_MISUSE(hark_loop_run_until(loop, wait_for_event, &event), -EDEADLK, "hark_loop_run_until");
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    CHECK_EQ(hark_loop_step(loop, HARK_FOREVER), 0); /* it begins */
    CHECK_MISUSE(hark_loop_step(loop, HARK_FOREVER), -EDEADLK, "hark_loop_step");
    CHECK_EQ(hark_loop_run_until(loop, give, &seven), 7);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int cancel_on_signal(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    return hark_sleep(HARK_FOREVER);
}

TEST_ON_HUBS(loop_a_signal_that_cancels_the_run_ends_run_forever)
{
    int seven = 7;
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, cancel_on_signal, NULL), 0);
    CHECK_EQ(hark_loop_run_forever(loop), -ECANCELED);
    CHECK_EQ(hark_loop_run_until(loop, give, &seven), 7);
    CHECK_EQ(hark_loop_free(loop), 0);
}

/* ---- stepping -------------------------------------------------------------------------------- */

TEST_ON_HUBS(loop_IO_11_what_the_host_sets_between_steps_wakes_tasks)
{
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    CHECK_EQ(asks(loop, 0), 1);
    host(loop, 0);
    CHECK_EQ(ran, 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(asks(loop, 0), 1);
    host(loop, 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(asks(loop, 0), 0); /* and is silent again */
    CHECK_EQ(hark_loop_free(loop), 0);
}

static hark_scope scope;

static int sleep_in_scope(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_scope_open(&scope, HARK_S(3600)), 0);
    int64_t rc = hark_scope_close(&scope, hark_sleep(HARK_FOREVER));
    ran++;
    return rc == -ETIMEDOUT ? 0 : -EPROTO;
}

TEST_ON_HUBS(loop_IO_11_a_deadline_moved_by_the_host_takes_effect)
{
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, sleep_in_scope, NULL), 0);
    host(loop, 0);
    CHECK_EQ(hark_scope_set_deadline(&scope, hark_now() + HARK_MS(5)), 0);
    while (!ran) {
        CHECK_EQ(asks(loop, 5000), 1);
        CHECK_EQ(hark_loop_step(loop, 0), 0);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int tick(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        int rc = hark_sleep(HARK_MS(2));
        if (rc) {
            return rc;
        }
        ran++;
    }
    return 0;
}

TEST_ON_HUBS(loop_timers_make_its_descriptor_readable)
{
    int times = 5;
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, tick, &times), 0);
    while (ran < times) {
        CHECK_EQ(asks(loop, 5000), 1);
        CHECK_EQ(hark_loop_step(loop, 0), 0);
    }
    host(loop, 0);
    CHECK_EQ(asks(loop, 20), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int pipes[2];

static int read_a_byte(void *arg)
{
    char byte;
    (void)arg;
    CHECK_EQ(hark_read(pipes[0], &byte, 1), 1);
    ran++;
    return 0;
}

TEST_ON_HUBS(loop_descriptors_make_its_descriptor_readable)
{
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_EQ(hark_pipe(pipes), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_GT(hark_loop_go(loop, read_a_byte, NULL), 0);
        host(loop, 0);
        CHECK_EQ(ran, i);
        CHECK_EQ(write(pipes[1], "x", 1), 1);
        CHECK_EQ(asks(loop, 5000), 1);
        host(loop, 0);
        CHECK_EQ(ran, i + 1);
    }
    hark_close(pipes[0]), hark_close(pipes[1]);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int resolve(void *arg)
{
    (void)arg;
    int fd = hark_tcp_listen("localhost", "0", 1); /* a worker thread resolves the name */
    CHECK_GE(fd, 0);
    ran++;
    return hark_close(fd);
}

TEST_ON_HUBS(loop_a_worker_thread_makes_its_descriptor_readable)
{
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, resolve, NULL), 0);
    while (!ran) {
        CHECK_EQ(asks(loop, 8000), 1);
        CHECK_EQ(hark_loop_step(loop, 0), 0);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST_ON_HUBS(loop_step_waits_no_longer_than_it_was_told)
{
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    int64_t began = kit_clock();
    CHECK_EQ(hark_loop_step(loop, HARK_MS(20)), 0);
    CHECK_GE(kit_clock() - began, HARK_MS(1)); /* it may come back early, but it does wait */
    CHECK_EQ(hark_loop_step(loop, -5), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(ran, 1); /* cancelled, and waited for */
}

TEST(loop_step_moves_a_virtual_clock_by_its_timeout_at_most)
{
    int times = 3;
    loop = make(true);
    int64_t began = hark_now();
    CHECK_GT(hark_loop_go(loop, tick, &times), 0);
    CHECK_EQ(hark_loop_step(loop, HARK_MS(1)), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_now(), began);
    CHECK_EQ(hark_loop_step(loop, HARK_MS(1)), 0);
    CHECK_EQ(hark_now(), began + HARK_MS(1));
    CHECK_EQ(ran, 0);
    CHECK_EQ(hark_loop_step(loop, HARK_FOREVER), 0);
    CHECK_EQ(hark_now(), began + HARK_MS(2));
    CHECK_EQ(ran, 1);
    CHECK_MISUSE(hark_loop_fd(loop), -EOPNOTSUPP, "hark_loop_fd");
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST_ON_HUBS(loop_two_in_one_thread_the_last_stepped_one_is_current)
{
    static hark_event first, second;
    hark_loop *other;
    HAS_DESCRIPTOR();
    other = make(false);
    loop = make(false);
    CHECK_PTR(hark_loop_self(), loop);
    CHECK_GT(hark_loop_go(other, wait_for_event, &second), 0);
    CHECK_EQ(asks(other, 0), 1); /* though it is not the current one */
    CHECK_GT(hark_loop_go(loop, wait_for_event, &first), 0);
    host(loop, 0);
    CHECK_EQ(hark_loop_step(other, 0), 0);
    CHECK_PTR(hark_loop_self(), other);
    CHECK_MISUSE(hark_event_set(&first), -EXDEV, "hark_event_set");
    CHECK_EQ(hark_event_set(&second), 0);
    CHECK_EQ(asks(other, 0), 1);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_event_set(&first), 0);
    CHECK_EQ(hark_loop_free(other), 0);
    host(loop, 0);
    CHECK_EQ(ran, 2);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_PTR(hark_loop_self(), NULL);
}

TEST_ON_HUBS(loop_a_run_beside_a_resting_loop_leaves_it_as_it_was)
{
    int five = 5;
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    host(loop, 0);
    CHECK_EQ(RUN(give, &five), 5);
    CHECK_PTR(hark_loop_self(), loop);
    CHECK_EQ(hark_event_set(&event), 0);
    host(loop, 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST_ON_HUBS(loop_BG_90_a_resting_loop_with_a_cancelled_task_asks_for_nothing)
{
    static hark_group g;
    HAS_DESCRIPTOR();
    loop = make(false);
    CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
    CHECK_GT(hark_task_cancel(hark_loop_go(loop, wait_for_event, &event)), -1);
    CHECK_LE(host(loop, 0), 4);
    CHECK_EQ(ran, 1);
    CHECK_EQ(asks(loop, 20), 0);
    CHECK_MISUSE(hark_group_open(&g), -ENOTSUP, "hark_group_open");
    CHECK_EQ(hark_loop_free(loop), 0);
}

/* ---- its end, and misuse --------------------------------------------------------------------- */

static int clean_up_slowly(void *arg)
{
    hark_scope shield;
    CHECK_EQ(hark_event_wait(arg), -ECANCELED);
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_sleep(HARK_MS(3)), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    ran++;
    return 0;
}

TEST(loop_LP_23_free_cancels_what_lives_and_waits_for_it)
{
    loop = make(false);
    for (int i = 0; i < 3; i++) {
        CHECK_GT(hark_loop_go(loop, clean_up_slowly, &event), 0);
    }
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(ran, 3);
    CHECK_EQ(hark_event_set(&event), 0); /* free for another loop */
}

TEST(loop_a_task_of_no_group_that_fails_is_told_on_stderr)
{
    int zero = 0;
    loop = make(true);
    FILE *err = tmpfile();
    char line[512] = "";
    int saved = dup(2);
    dup2(fileno(err), 2);
    CHECK_GT(hark_loop_go(loop, fail_in_words, NULL), 0);
    CHECK_EQ(hark_loop_run_until(loop, give, &zero), 0);
    dup2(saved, 2);
    close(saved);
    rewind(err);
    CHECK_GT(fread(line, 1, sizeof line - 1, err), 0);
    CHECK_HAS(line, "fail_in_words");
    CHECK_HAS(line, "loop_test.c");
    CHECK_HAS(line, "EPROTO: the peer spoke in riddles");
    fclose(err);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void *use_from_a_thread(void *arg)
{
    int zero = 0;
    CHECK_MISUSE(hark_loop_step(arg, 0), -EXDEV, "hark_loop_step");
    CHECK_MISUSE(hark_loop_run_forever(arg), -EXDEV, "hark_loop_run_forever");
    CHECK_MISUSE(hark_loop_run_until(arg, give, &zero), -EXDEV, "hark_loop_run_until");
    CHECK_MISUSE(hark_loop_go(arg, give, &zero), -EXDEV, "hark_loop_go");
    CHECK_MISUSE(hark_loop_free(arg), -EXDEV, "hark_loop_free");
    CHECK_PTR(hark_loop_self(), NULL);
    return NULL;
}

TEST(loop_XX_40_LP_12_another_thread_is_refused)
{
    pthread_t thread;
    loop = make(true);
    CHECK_EQ(pthread_create(&thread, NULL, use_from_a_thread, loop), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST(loop_LP_09_after_it_was_freed_every_call_says_so)
{
    int zero = 0;
    loop = make(true);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_MISUSE(hark_loop_free(loop), -ESHUTDOWN, "hark_loop_free");
    CHECK_MISUSE(hark_loop_step(loop, 0), -ESHUTDOWN, "hark_loop_step");
    CHECK_MISUSE(hark_loop_go(loop, give, &zero), -ESHUTDOWN, "hark_loop_go");
    CHECK_MISUSE(hark_loop_stop(loop), -ESHUTDOWN, "hark_loop_stop");
    CHECK_MISUSE(hark_loop_fd(loop), -ESHUTDOWN, "hark_loop_fd");
    CHECK_MISUSE(hark_call_soon(&watch, count, NULL), -EXDEV, "hark_call_soon");
}

static int stop_a_run(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_loop_stop(hark_loop_self()), -ENOTSUP, "hark_loop_stop");
    CHECK_MISUSE(hark_loop_fd(hark_loop_self()), -EOPNOTSUPP, "hark_loop_fd");
    return 0;
}

TEST(loop_wrong_arguments_are_refused_in_words)
{
    const hark_options wrong = {.size = sizeof(wrong), .hub = "abacus"};
    loop = make(true);
    CHECK_MISUSE(hark_loop_step(NULL, 0), -EINVAL, "hark_loop_step");
    CHECK_MISUSE(hark_loop_stop(NULL), -EINVAL, "hark_loop_stop");
    CHECK_MISUSE(hark_loop_go(loop, NULL, NULL), -EINVAL, "hark_loop_go");
    CHECK_MISUSE(hark_loop_run_until(loop, NULL, NULL), -EINVAL, "hark_loop_run_until");
    CHECK(!hark_loop_new(&wrong));
    CHECK_EQ(errno, EINVAL);
    CHECK_HAS(hark_error_last(), "abacus");
    CHECK_EQ(RUN(stop_a_run, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int detach(void *arg)
{
    CHECK_GT(hark_loop_go(hark_loop_self(), wait_for_event, arg), 0);
    CHECK_EQ(hark_yield(), 0);
    return hark_event_set(arg);
}

TEST(loop_a_run_waits_for_tasks_of_no_group_too)
{
    CHECK_EQ(RUN(detach, &event), 0);
    CHECK_EQ(ran, 1);
}

TEST(loop_LP_20_a_hundred_loops_leave_no_descriptor)
{
    for (int i = 0; i < 100; i++) {
        int zero = 0;
        loop = make(false);
        CHECK_GT(hark_loop_go(loop, wait_for_event, &event), 0);
        CHECK_EQ(hark_loop_run_until(loop, give, &zero), 0);
        CHECK_EQ(hark_loop_free(loop), 0);
    }
}

static void be_called(void *arg)
{
    (void)arg;
    ran++;
}

TEST(loop_LP_16_a_reader_without_a_loop_or_a_descriptor_is_refused)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    loop = make(false);
    CHECK_MISUSE(hark_add_reader(-1, &watch, be_called, NULL), -EBADF, "hark_add_reader");
    CHECK_EQ(hark_add_reader(fds[0], &watch, be_called, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_MISUSE(hark_add_reader(fds[0], &watch, be_called, NULL), -EXDEV, "hark_add_reader");
    CHECK_MISUSE(hark_unwatch(&watch), -ESRCH, "hark_unwatch"); /* it went with its loop */
    CHECK_EQ(ran, 0);
    close(fds[0]), close(fds[1]);
}

static int read_for_ever(void *arg)
{
    char byte;
    (void)arg;
    return (int)hark_read(pipes[0], &byte, 1);
}

static void cancel_task(void *arg)
{
    CHECK_EQ(hark_task_cancel(*(hark_task *)arg), 0);
}

/* Nothing else ever ends the poll: if the cancellation did not, the test's time limit would. */
TEST_ON_HUBS(loop_LP_19_a_cancellation_of_who_waits_for_a_descriptor_is_prompt)
{
    hark_task task;
    loop = make(false);
    CHECK_EQ(hark_pipe(pipes), 0);
    CHECK_GT(task = hark_loop_go(loop, read_for_ever, NULL), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_call_soon(&watch, cancel_task, &task), 0);
    CHECK_EQ(hark_loop_step(loop, HARK_FOREVER), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_MISUSE(hark_task_cancel(task), -ESRCH, "hark_task_cancel");
    CHECK_EQ(hark_loop_free(loop), 0);
    close(pipes[0]), close(pipes[1]);
}
