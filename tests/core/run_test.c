/* SPDX-License-Identifier: MIT
 *
 * run_test.c - a loop in this thread: its result, its options, its end, and when nothing can run.
 */
#include "../sync/scene.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include "core/core.h"

#include <sys/wait.h>

static hark_event event;

static int give(void *arg)
{
    return *(int *)arg;
}

/* ---- results --------------------------------------------------------------------------------- */

TEST(run_LP_07_returns_what_main_returned)
{
    static const int results[] = {0, 7, INT_MAX, -1, -EPROTO};
    for (int i = 0; i < 5; i++) {
        int result = results[i];
        CHECK_EQ(RUN(give, &result), results[i]);
        CHECK_EQ(RUN_VIRTUAL(give, &result), results[i]);
        CHECK_EQ(hark_run_with(NULL, give, &result), results[i]);
    }
}

TEST(run_two_hundred_times_over)
{
    int result = 3;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(RUN(give, &result), 3);
    }
}

static void *run_in_a_thread(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(RUN(give, arg), 5);
    }
    return NULL;
}

TEST(run_BG_112_eight_threads_start_their_loops_at_once)
{
    pthread_t threads[8];
    int result = 5;
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, run_in_a_thread, &result), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
}

INSIDE(run_LL_14_LP_07_in_a_running_loop_is_busy)
{
    CHECK_MISUSE(hark_run(nothing, NULL), -EBUSY, "hark_run");
    CHECK_MISUSE(hark_run_with(NULL, nothing, NULL), -EBUSY, "hark_run");
    CHECK_EQ(hark_yield(), 0);
}

TEST(run_LL_13_outside_a_loop_calls_of_tasks_are_refused)
{
    hark_group g;
    hark_scope s;
    memset(&g, 0, sizeof(g)), memset(&s, 0, sizeof(s));
    CHECK_EQ(hark_self(), 0);
    CHECK_MISUSE(hark_group_open(&g), -ENOTSUP, "hark_group_open");
    CHECK_MISUSE(hark_scope_open(&s, 1), -ENOTSUP, "hark_scope_open");
    CHECK_MISUSE(hark_task_name("x"), -ENOTSUP, "hark_task_name");
    CHECK_MISUSE(hark_task_wait(1), -ENOTSUP, "hark_task_wait");
    CHECK_MISUSE(hark_started(1), -ENOTSUP, "hark_started");
    CHECK_MISUSE(hark_within(1, hark_yield()), -ENOTSUP, "hark_within");
}

static int look_at_sigpipe(void *arg)
{
    struct sigaction now;
    (void)arg;
    CHECK_EQ(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_IGN);
    return 0;
}

TEST(run_ignores_SIGPIPE_meanwhile_and_puts_it_back)
{
    struct sigaction now;
    signal(SIGPIPE, SIG_DFL);
    CHECK_EQ(RUN(look_at_sigpipe, NULL), 0);
    CHECK_EQ(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
}

/* ---- options --------------------------------------------------------------------------------- */

TEST_ON_HUBS(run_on_the_hub_of_the_environment)
{
    int result = 1;
    CHECK_EQ(RUN(give, &result), 1);
}

TEST(run_misuse_of_options_has_a_code_and_words)
{
    int result = 0;
    hark_options o = {.size = sizeof(o), .hub = "kqueue"};
    CHECK_MISUSE(hark_run_with(&o, give, &result), -EINVAL, "kqueue");
    o = (hark_options){.size = sizeof(o), .stack_size = 5};
    CHECK_MISUSE(hark_run_with(&o, give, &result), -EINVAL, "5");
    o = (hark_options){.size = sizeof(o), .stack_size = (size_t)64 << 20};
    CHECK_MISUSE(hark_run_with(&o, give, &result), -EINVAL, "hark_run");
    o = (hark_options){.size = 3};
    CHECK_MISUSE(hark_run_with(&o, give, &result), -EINVAL, "hark_run");
    CHECK_MISUSE(hark_run(NULL, NULL), -EINVAL, "hark_run");
    CHECK_EQ(RUN(give, &result), 0);
}

TEST(run_misuse_an_unknown_hub_of_the_environment_is_refused)
{
    int result = 0;
    setenv("HARK_HUB", "carousel", 1);
    CHECK_MISUSE(RUN(give, &result), -EINVAL, "carousel");
    unsetenv("HARK_HUB");
    CHECK_EQ(RUN(give, &result), 0);
}

TEST(run_with_the_hub_of_the_options_whatever_the_environment_says)
{
    int result = 2;
    const hark_options o = {.size = sizeof(o), .hub = "poll"};
    setenv("HARK_HUB", "carousel", 1);
    CHECK_EQ(hark_run_with(&o, give, &result), 2);
}

static int use_some_stack(void *arg)
{
    char bytes[4096];
    memset(bytes, 1, sizeof(bytes));
    return bytes[*(int *)arg];
}

TEST(run_with_stacks_from_16_KiB_to_8_MiB)
{
    int at = 100;
    for (size_t size = 16u << 10; size <= 8u << 20; size *= 2) {
        const hark_options o = {.size = sizeof(o), .stack_size = size};
        CHECK_EQ(hark_run_with(&o, use_some_stack, &at), 1);
        const hark_options between = {.size = sizeof(o), .stack_size = size - 1000};
        CHECK_EQ(hark_run_with(&between, use_some_stack, &at), size == 16u << 10 ? -EINVAL : 1);
    }
}

static int be_slow(void *arg)
{
    (void)arg;
    hark_task_name("slow one");
    for (const int64_t start = kit_clock(); kit_clock() - start < HARK_MS(30);) {}
    return hark_yield();
}

TEST(run_slow_step_reports_a_task_that_keeps_the_loop)
{
    const hark_options o = {.size = sizeof(o), .slow_step = HARK_MS(5)};
    capture_begin();
    const int rc = hark_run_with(&o, be_slow, NULL);
    const char *text = capture_end();
    CHECK_EQ(rc, 0);
    CHECK_HAS(text, "slow one");
}

/* ---- when nothing can ever run again --------------------------------------------------------- */

static int seen[4]; /* what each waiting task of the deadlock was told */
static char sites[2][32];

static int wait_in_vain(void *arg)
{
    (void)arg;
    hark_task_name("vain waiter");
    seen[0] = hark_event_wait(&event);
    return seen[0];
}

static int wait_in_vain_shielded(void *arg)
{
    hark_scope scope;
    hark_flag flag = HARK_FLAG_INIT;
    (void)arg;
    hark_task_name("shielded waiter");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_shield(&scope, true);
    seen[1] = hark_flag_wait(&flag);
    return (int)hark_scope_close(&scope, seen[1]);
}

static int open_a_deadlock(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    snprintf(sites[0], sizeof(sites[0]), "run_test.c:%d", __LINE__ + 1);
    hark_go(&g, wait_in_vain, NULL);
    snprintf(sites[1], sizeof(sites[1]), "run_test.c:%d", __LINE__ + 1);
    hark_go(&g, wait_in_vain_shielded, NULL);
    seen[2] = hark_event_wait(&event);
    seen[3] = 1; /* main cleaned up */
    hark_group_close(&g, seen[2]);
    return 0;
}

TEST(run_deadlocked_names_who_waits_for_what_cancels_all_and_returns_EDEADLK)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(open_a_deadlock, NULL);
    const char *text = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_EQ(seen[0], -ECANCELED);
    CHECK_EQ(seen[1], -ECANCELED);
    CHECK_EQ(seen[2], -ECANCELED);
    CHECK_EQ(seen[3], 1);
    CHECK_HAS(text, "vain waiter");
    CHECK_HAS(text, "shielded waiter");
    CHECK_HAS(text, sites[0]);
    CHECK_HAS(text, sites[1]);
    CHECK_HAS(text, "event");
    CHECK_HAS(text, "flag");
}

TEST_ON_HUBS(run_deadlocked_is_found_on_every_hub_with_the_real_clock)
{
    capture_begin();
    const int rc = RUN(open_a_deadlock, NULL);
    const char *text = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(text, "vain waiter");
}

static int select_in_vain(void *arg)
{
    hark_future future = HARK_FUTURE_INIT;
    hark_watch watch = {0};
    (void)arg;
    hark_event_watch(&event, &watch, say_callback, "x");
    hark_case cases[] = {hark_on_event(&event), hark_on_future(&future)};
    const int rc = hark_select(cases, 2);
    hark_unwatch(&watch);
    return rc;
}

TEST(run_deadlocked_in_a_select_with_a_watch_that_nothing_can_call)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(select_in_vain, NULL);
    capture_end();
    CHECK_EQ(rc, -EDEADLK);
}

TEST(run_after_a_deadlock_is_as_any_other)
{
    int result = 4;
    capture_begin();
    const int rc = RUN_VIRTUAL(open_a_deadlock, NULL);
    capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_EQ(RUN_VIRTUAL(give, &result), 4);
}

/* ---- no false alarms ------------------------------------------------------------------------- */

static void set_it(void *arg)
{
    (void)arg;
    hark_event_set(&event);
}

INSIDE_REAL(run_is_not_deadlocked_while_a_timer_runs)
{
    hark_watch watch = {0};
    hark_call_later(HARK_MS(2), &watch, set_it, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
}

INSIDE_REAL(run_is_not_deadlocked_while_a_callback_is_ready)
{
    hark_watch watch = {0};
    hark_call_soon(&watch, set_it, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
}

INSIDE_REAL(run_is_not_deadlocked_while_a_deadline_runs)
{
    CHECK_EQ(hark_within(HARK_MS(2), hark_event_wait(&event)), -ETIMEDOUT);
}

static int sleep_and_set(void *arg)
{
    (void)arg;
    hark_sleep(HARK_MS(2));
    return hark_event_set(&event);
}

INSIDE_REAL(run_is_not_deadlocked_while_a_task_sleeps)
{
    hark_go(&group, sleep_and_set, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
}

static int settle_and_set(void *arg)
{
    (void)arg;
    hark_settle();
    return hark_event_set(&event);
}

INSIDE(run_is_not_deadlocked_while_a_task_settles)
{
    hark_go(&group, settle_and_set, NULL);
    CHECK_EQ(hark_event_wait(&event), 0);
}

static int ends[2];

static void *write_a_byte(void *arg)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL); /* the loop should be in its poll; nothing depends on it */
    CHECK_EQ(write(ends[1], "x", 1), 1);
    return arg;
}

INSIDE_BY(TEST_ON_HUBS, RUN, run_is_not_deadlocked_while_a_descriptor_is_waited_for)
{
    pthread_t thread;
    CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    CHECK_EQ(pthread_create(&thread, NULL, write_a_byte, NULL), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN) & POLLIN, POLLIN);
    pthread_join(thread, NULL);
    hark_close(ends[0]), hark_close(ends[1]);
}

/* ---- signals --------------------------------------------------------------------------------- */

static int wait_for_the_signal(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    const int rc = hark_event_wait(&event);
    kit_log("%s", outcome(rc));
    return 3;
}

TEST_ON_HUBS(run_LP_24_cancel_on_a_signal_cancels_the_whole_run)
{
    struct sigaction now;
    CHECK_EQ(RUN(wait_for_the_signal, NULL), 3);
    CHECK_LOG("cancelled");
    CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
}

static int raise_twice(void *arg)
{
    const struct timespec pause = {.tv_sec = 5};
    (void)arg;
    hark_cancel_on(SIGUSR1);
    fprintf(stderr, "once and twice\n");
    raise(SIGUSR1);
    raise(SIGUSR1);
    nanosleep(&pause, NULL);
    return 0;
}

TEST_DIES(run_LP_24_cancel_on_a_second_signal_has_its_default_action, SIGUSR1, "once and twice")
{
    RUN(raise_twice, NULL);
}

INSIDE(run_cancel_on_misuse_has_a_code_and_words)
{
    CHECK_MISUSE(hark_cancel_on(SIGKILL), -EINVAL, "hark_cancel_on");
    CHECK_MISUSE(hark_cancel_on(0), -EINVAL, "hark_cancel_on");
}

TEST(run_cancel_on_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_cancel_on(SIGUSR1), -ENOTSUP, "hark_cancel_on");
}

/* ---- depth ----------------------------------------------------------------------------------- */

enum { DEEP = 5000 };

INSIDE(run_LL_22_5000_nested_scopes_are_cancelled_from_outside)
{
    hark_scope *scopes = calloc(DEEP, sizeof(*scopes));
    CHECK(scopes != NULL);
    for (int i = 0; i < DEEP; i++) {
        CHECK_EQ(hark_scope_open(&scopes[i], HARK_FOREVER), 0);
    }
    CHECK_EQ(hark_yield(), 0);
    hark_scope_cancel(&scopes[0]);
    int64_t rc = hark_event_wait(&event);
    CHECK_EQ(rc, -ECANCELED);
    for (int i = DEEP - 1; i >= 0; i--) {
        rc = hark_scope_close(&scopes[i], rc);
        CHECK_EQ(rc, i ? -ECANCELED : 0);
    }
    free(scopes);
}

static int fail(void *arg)
{
    (void)arg;
    return -EPROTO;
}

INSIDE(run_LL_20_nested_groups_are_left_in_order_when_an_inner_one_fails)
{
    hark_group outer, inner;
    hark_group_open(&outer);
    hark_group_open(&inner);
    hark_go(&inner, fail, NULL);
    CHECK_EQ(hark_group_close(&inner, 0), -EPROTO);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_group_close(&outer, 0), 0);
    CHECK_EQ(hark_yield(), 0);
}

static int ended_cancelled;

static int dig(void *arg)
{
    const int depth = *(int *)arg;
    hark_group g;
    int rc = 0;
    hark_group_open(&g);
    if (depth < DEEP) {
        const int next = depth + 1;
        hark_go_copy(&g, dig, &next, sizeof(next));
    } else {
        rc = hark_event_wait(&event);
    }
    rc = hark_group_close(&g, rc);
    ended_cancelled += rc == -ECANCELED;
    return rc;
}

INSIDE(run_LL_22_a_chain_of_5000_groups_is_cancelled_from_outside)
{
    int depth = 1;
    const hark_task t = hark_go(&group, dig, &depth);
    hark_settle();
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, 1);
    CHECK_EQ(hark_task_cancel(t), 0);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_EQ(ended_cancelled, DEEP);
}

/* ---- deadlocks, again ------------------------------------------------------------------------ */

static int waits_in_a_shield_of_a_cancelled_scope(void *arg)
{
    hark_event nothing = HARK_EVENT_INIT;
    hark_scope outer, inner;
    (void)arg;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_cancel(&outer);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_shield(&inner, true);
    CHECK_EQ(hark_event_wait(&nothing), -ECANCELED);
    hark_scope_close(&inner, -ECANCELED);
    return (int)hark_scope_close(&outer, -ECANCELED);
}

TEST(run_deadlock_inside_a_shield_of_a_cancelled_scope_ends_too)
{
    CHECK_EQ(hark_run(waits_in_a_shield_of_a_cancelled_scope, NULL), -EDEADLK);
}

static int says_deadlock(void *arg)
{
    (void)arg;
    return hark_fail(-EDEADLK, "of my own making");
}

TEST(run_whose_main_returns_EDEADLK_says_mains_words)
{
    CHECK_EQ(hark_run(says_deadlock, NULL), -EDEADLK);
    CHECK_STR(hark_error_last(), "of my own making");
}

static int cancels_itself(void *arg)
{
    (void)arg;
    hark_task_cancel(hark_self());
    return hark_sleep(HARK_S(1));
}

TEST(run_returns_what_main_returned_also_when_it_cancelled_itself)
{
    CHECK_EQ(hark_run(cancels_itself, NULL), -ECANCELED);
}

static int gives_way(void *arg)
{
    (void)arg;
    return hark_yield();
}

static int waits_in_a_forked_child(void *arg)
{
    (void)arg;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        const bool alone = hark_sleep(1) == -ENOTSUP && hark_self() == 0;
        _exit(alone && hark_run(gives_way, NULL) == 0 ? 0 : 1);
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    return hark_sleep(HARK_MS(1));
}

TEST(run_LP_26_a_forked_child_has_no_loop_and_may_run_its_own)
{
    if (kit_slow() > 1) {
        SKIP("threads and forks are not for every sanitizer");
    }
    CHECK_EQ(hark_run(waits_in_a_forked_child, NULL), 0);
}

/* ---- a poll without memory ------------------------------------------------------------------- */

static int lacking;
static int (*real_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

static int ppoll_lacking(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                         const sigset_t *mask)
{
    if (lacking-- > 0) {
        errno = ENOMEM;
        return -1;
    }
    return real_ppoll(fds, count, timeout, mask);
}

static int sleeps_a_little(void *arg)
{
    (void)arg;
    return hark_sleep(HARK_MS(1));
}

TEST(run_outlives_a_poll_without_memory)
{
    hark_options options = {.size = sizeof options, .hub = "poll"};
    real_ppoll = hark__sys.ppoll;
    hark__sys.ppoll = ppoll_lacking;
    lacking = 1;
    CHECK_EQ(hark_run_with(&options, sleeps_a_little, NULL), 0);
    CHECK_LE(lacking, 0);
}

/* ---- seeds and signals ------------------------------------------------------------------------- */

static int counts_its_run(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int yields_to_those_who_are_ready(void *arg)
{
    hark_group g;
    int runs = 0;
    (void)arg;
    hark_group_open(&g);
    for (int i = 1; i <= 5; i++) {
        hark_go(&g, counts_its_run, &runs);
        hark_go(&g, counts_its_run, &runs);
        CHECK_EQ(hark_yield(), 0);
        CHECK_EQ(runs, 2 * i);
    }
    return hark_group_close(&g, 0);
}

TEST(run_XX_36_a_yield_lets_all_who_are_ready_run_whatever_the_seed)
{
    for (uint64_t seed = 0; seed <= 200; seed++) {
        CHECK_EQ(run_seeded(seed, yields_to_those_who_are_ready, NULL), 0);
    }
}

static int sleeps_while_a_signal_may_come(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR2), 0);
    return hark_sleep(HARK_S(3600));
}

TEST(run_TM_02_a_signal_that_may_come_does_not_hold_the_virtual_clock)
{
    CHECK_EQ(RUN_VIRTUAL(sleeps_while_a_signal_may_come, NULL), 0);
}
