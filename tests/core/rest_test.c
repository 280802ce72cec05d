/* SPDX-License-Identifier: MIT
 *
 * rest_test.c - how a loop in the program's own hands comes to rest, to a stop and to its end:
 * nothing is left undone, and nothing is done that was not asked for.
 */
#include "../sync/scene.h"

#include "core/core.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static hark_loop *loop, *other;
static hark_watch watch, reader;
static hark_event event;
static hark_group group;
static int ran, ended, stopped, number;

static hark_loop *make(uint64_t seed)
{
    const hark_options options = {.size = sizeof(options), .seed = seed};
    hark_loop *made = hark_loop_new(&options);
    CHECK(made);
    ran = ended = stopped = 0;
    event = (hark_event)HARK_EVENT_INIT;
    return made;
}

/* As a host does: steps while the descriptor says so. */
static void host(int timeout)
{
    struct pollfd wait = {.fd = hark_loop_fd(loop), .events = POLLIN};
    for (int steps = 0; poll(&wait, 1, timeout); steps++) {
        CHECK_EQ(hark_loop_step(loop, 0), 0);
        CHECK_LT(steps, 20);
    }
}

#define HAS_DESCRIPTOR() \
    if (!strcmp(getenv("HARK_HUB"), "poll") || !strcmp(getenv("HARK_HUB"), "select")) \
    SKIP("this hub has no descriptor")

/* ---- at rest --------------------------------------------------------------------------------- */

static int settle(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_settle(), 0);
    ended++;
    return 0;
}

TEST_ON_HUBS(rest_who_settles_goes_on_without_other_news)
{
    HAS_DESCRIPTOR();
    loop = make(0);
    CHECK_GT(hark_loop_go(loop, settle, NULL), 0);
    host(100);
    CHECK_EQ(ended, 1);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void count(void *arg)
{
    uint64_t value;
    (void)arg;
    CHECK_EQ(read(number, &value, sizeof(value)), (ssize_t)sizeof(value));
    ran++;
}

static void arm(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_add_reader(number, &reader, count, NULL), 0);
}

static int post_at_the_end_of_a_step(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    CHECK_EQ(hark_loop_post(loop, &watch, arm, NULL), 0);
    return 0;
}

/* What is armed by the last callback before the rest has reached the kernel. */
TEST_ON_HUBS(rest_what_is_armed_last_is_heard_at_once)
{
    uint64_t one = 1;
    HAS_DESCRIPTOR();
    loop = make(0);
    CHECK_GE(number = eventfd(0, EFD_NONBLOCK), 0);
    CHECK_GT(hark_loop_go(loop, post_at_the_end_of_a_step, NULL), 0);
    host(40);
    struct pollfd wait = {.fd = hark_loop_fd(loop), .events = POLLIN};
    CHECK_EQ(write(number, &one, sizeof(one)), (ssize_t)sizeof(one));
    CHECK_EQ(poll(&wait, 1, 20), 1);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_unwatch(&reader), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    close(number);
}

static int fails;

static int set_or_fail(int fd, int flags, const struct itimerspec *time, struct itimerspec *old)
{
    (void)fd, (void)flags, (void)time, (void)old;
    errno = ENOMEM;
    return fails-- > 0 ? -1 : timerfd_settime(fd, flags, time, old);
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    ended++;
    return 0;
}

TEST_ON_HUBS(rest_an_alarm_that_could_not_be_set_is_set_again)
{
    HAS_DESCRIPTOR();
    fails = 1;
    hark__sys.timerfd_settime = set_or_fail;
    loop = make(0);
    CHECK_GT(hark_loop_go(loop, sleep_a_little, NULL), 0);
    host(200);
    CHECK_EQ(ended, 1);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int hold_a_group_open(void *arg)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_event_wait(arg), 0);
    return hark_group_close(&group, 0);
}

TEST(rest_the_host_may_not_close_a_tasks_group_or_wait_for_a_start)
{
    loop = make(0);
    CHECK_GT(hark_loop_go(loop, hold_a_group_open, &event), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_MISUSE(hark_group_close(&group, 0), -ENOTSUP, "hark_group_close");
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_MISUSE(hark_start(&group, nothing, NULL, NULL), -ENOTSUP, "hark_start");
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST(rest_freeing_a_loop_leaves_the_one_stepped_last_current)
{
    other = make(0);
    loop = make(0);
    CHECK_EQ(hark_loop_step(other, 0), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(hark_loop_free(other), 0);
    CHECK_PTR(hark_loop_self(), loop);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_PTR(hark_loop_self(), NULL);
}

/* ---- to a stop ------------------------------------------------------------------------------- */

static int yield_for_ever(void *arg)
{
    int rc;
    (void)arg;
    while (!(rc = hark_yield())) {
        ran += stopped;
    }
    return rc;
}

static int stop_later(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    stopped = 1;
    return hark_loop_stop(loop);
}

TEST(rest_a_stop_and_a_step_run_what_was_ready_and_no_more)
{
    loop = make(0);
    CHECK_GT(hark_loop_go(loop, yield_for_ever, NULL), 0);
    CHECK_GT(hark_loop_go(loop, stop_later, NULL), 0);
    CHECK_EQ(hark_loop_run_forever(loop), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_EQ(ran, 2);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int end(void *arg)
{
    (void)arg;
    ended++;
    return 0;
}

static int go_and_stop(void *arg)
{
    (void)arg;
    CHECK_GT(hark_loop_go(loop, end, NULL), 0);
    stopped = 1;
    return hark_loop_stop(loop);
}

static int go_after_the_stop(void *arg)
{
    (void)arg;
    for (int i = 0; i < 6 && stopped; i++) {
        CHECK_GT(hark_loop_go(loop, nothing, NULL), 0);
    }
    return 0;
}

TEST(rest_a_stop_lets_run_what_was_ready_with_any_seed)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        loop = make(seed);
        CHECK_GT(hark_loop_go(loop, go_and_stop, NULL), 0);
        CHECK_GT(hark_loop_go(loop, go_after_the_stop, NULL), 0);
        CHECK_EQ(hark_loop_run_forever(loop), 0);
        CHECK_EQ(ended, 1);
        CHECK_EQ(hark_loop_free(loop), 0);
    }
}

/* ---- to its end ------------------------------------------------------------------------------ */

static int stop_while_cleaning_up(void *arg)
{
    hark_scope scope;
    int rc = hark_event_wait(arg);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_loop_stop(loop), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    ended++;
    return rc;
}

static int cancel_the_run(void *arg)
{
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    return hark_event_wait(arg);
}

static int look(void *arg)
{
    (void)arg;
    return hark_checkpoint();
}

TEST(rest_a_stop_does_not_cut_the_end_of_a_cancelled_run_short)
{
    loop = make(0);
    CHECK_GT(hark_loop_go(loop, stop_while_cleaning_up, &event), 0);
    CHECK_EQ(hark_loop_run_until(loop, cancel_the_run, &event), -ECANCELED);
    CHECK_EQ(ended, 1);
    CHECK_EQ(hark_loop_run_until(loop, look, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void go_and_stop_at_the_end(void *arg)
{
    CHECK_GT(hark_loop_go(loop, stop_while_cleaning_up, arg), 0);
    CHECK_EQ(hark_loop_stop(loop), 0);
}

TEST(rest_the_next_run_may_ask_for_the_same_signal)
{
    struct sigaction present;
    loop = make(0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_loop_run_until(loop, cancel_the_run, &event), -ECANCELED);
        CHECK_EQ(sigaction(SIGUSR1, NULL, &present), 0);
        CHECK(present.sa_handler == SIG_DFL);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST(rest_a_stop_does_not_cut_a_free_short)
{
    loop = make(0);
    CHECK_EQ(hark_loop_post(loop, &watch, go_and_stop_at_the_end, &event), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(ended, 1);
}

static int fail_in_words(void *arg)
{
    return arg ? hark_fail(-EIO, "the first one's words") : -EIO;
}

TEST(rest_the_words_of_an_earlier_run_are_not_told_again)
{
    loop = make(0);
    CHECK_EQ(hark_loop_run_until(loop, fail_in_words, loop), -EIO);
    CHECK_EQ(hark_loop_fd(NULL), -EINVAL);
    CHECK_EQ(hark_loop_run_until(loop, fail_in_words, NULL), -EIO);
    CHECK(!strstr(hark_error_last(), "the first one's words"));
    CHECK_EQ(hark_loop_free(loop), 0);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int call_the_resting_one(void *arg)
{
    CHECK_MISUSE(hark_loop_call(arg, nothing, NULL), -EDEADLK, "hark_loop_call");
    return 0;
}

TEST(rest_a_call_into_any_loop_of_this_thread_would_wait_for_itself)
{
    loop = make(0);
    other = make(0);
    CHECK_EQ(call_the_resting_one(loop), 0);
    CHECK_EQ(RUN(call_the_resting_one, loop), 0);
    CHECK_EQ(hark_loop_free(other), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int sleep_and_give(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    return 7;
}

static int call_at_the_end(void *arg)
{
    hark_scope scope;
    (void)arg;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_loop_call(other, sleep_and_give, NULL), 7);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    ended++;
    return 0;
}

static void go_at_the_end(void *arg)
{
    (void)arg;
    CHECK_GT(hark_loop_go(loop, call_at_the_end, NULL), 0);
}

static void *run_other(void *arg)
{
    const hark_options options = {.size = sizeof(options)};
    other = hark_loop_hold(hark_loop_new(&options));
    sem_post(arg);
    CHECK_EQ(hark_loop_run_forever(other), 0);
    CHECK_EQ(hark_loop_free(other), 0);
    return NULL;
}

/* Nobody can hold a loop that is closing, and yet it is no deadlock. */
TEST_ON_HUBS(rest_a_loop_that_is_closing_waits_for_its_calls)
{
    pthread_t thread;
    sem_t ready;
    sem_init(&ready, 0, 0);
    CHECK_EQ(pthread_create(&thread, NULL, run_other, &ready), 0);
    while (sem_wait(&ready)) {}
    loop = make(0);
    CHECK_EQ(hark_loop_post(loop, &watch, go_at_the_end, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(ended, 1);
    CHECK_EQ(hark_loop_stop(other), 0);
    hark_loop_drop(other);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}
