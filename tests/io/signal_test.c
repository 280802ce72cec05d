/* SPDX-License-Identifier: MIT
 *
 * signal_test.c - signals as something to wait for: SG-.. of tests/LEDGER.md, and the known bugs of
 * others that belong there.
 *
 * Rules    1  Signals are real: raised here, sent by other threads, or to the process.
 *          2  Where the order of two matters, hark_settle has seen the first one told.
 */
#include "../sync/scene.h"
#include "core/core.h"

#include <pthread.h>
#include <sys/wait.h>

#define ON_HUBS(name) INSIDE_BY(TEST_ON_HUBS, RUN, name)

static hark_signal first, second;

/* ---- who stood there before ------------------------------------------------------------------ */

static volatile sig_atomic_t host_heard;

static void host(int signo)
{
    host_heard += signo;
}

static void install(int signo, void (*handler)(int))
{
    const struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(signo, &action, NULL), 0);
}

static void (*installed(int signo))(int)
{
    struct sigaction action;
    CHECK_EQ(sigaction(signo, NULL, &action), 0);
    return action.sa_handler;
}

static int wait_and_say(void *name)
{
    const int rc = hark_signal_wait(&first);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc == -ENODATA ? 0 : rc;
}

static void say_signal(void *name)
{
    CHECK_EQ(hark_self(), 0);
    kit_log("%s", (const char *)name);
}

/* ---- the promises ---------------------------------------------------------------------------- */

ON_HUBS(signal_SG_01_misuse_has_a_code_and_words)
{
    hark_watch watch = HARK_WATCH_INIT;
    hark_case c = hark_on_signal(&first);

    CHECK_MISUSE(hark_signal_open(NULL, SIGUSR1), -EINVAL, "hark_signal_open");
    CHECK_MISUSE(hark_signal_open(&first, 0), -EINVAL, "0 is not a signal");
    CHECK_MISUSE(hark_signal_open(&first, NSIG), -EINVAL, "is not a signal");
    CHECK_MISUSE(hark_signal_open(&first, -1), -EINVAL, "is not a signal");
    CHECK_MISUSE(hark_signal_open(&first, SIGKILL), -EINVAL, "can be caught");
    CHECK_MISUSE(hark_signal_open(&first, SIGSTOP), -EINVAL, "can be caught");
    const int traps[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
        CHECK_MISUSE(hark_signal_open(&first, traps[i]), -EINVAL, "an instruction has failed");
    }
    CHECK_MISUSE(hark_signal_wait(&first), -EINVAL, "not open");
    CHECK_MISUSE(hark_signal_wait(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_signal_close(&first), -EINVAL, "not open");
    CHECK_MISUSE(hark_signal_watch(&first, &watch, say_signal, "x"), -EINVAL, "not open");
    CHECK_MISUSE(hark_select(&c, 1), -EINVAL, "not open");
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR1), -EALREADY, "open already");
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR2), -EALREADY, "for signal 10");
    CHECK_MISUSE(hark_signal_watch(&first, NULL, say_signal, "x"), -EINVAL, "hark_signal_watch");
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL && installed(SIGUSR2) == SIG_DFL);
    CHECK_EQ(hark__here->signals, 0);
}

TEST(signal_SG_01_without_a_loop_nothing_is_opened)
{
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR1), -ENOTSUP, "no loop");
    CHECK(installed(SIGUSR1) == SIG_DFL);
}

ON_HUBS(signal_SG_01_a_callback_is_called_in_the_loop_each_time)
{
    hark_watch watch = HARK_WATCH_INIT;

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_watch(&first, &watch, say_signal, "usr1"), 0);
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        CHECK_EQ(hark_settle(), 0);
    }
    CHECK_LOG("usr1 usr1 usr1");
    CHECK_EQ(hark_signal_watch(&first, &watch, say_signal, "again"), -EBUSY);
    CHECK_EQ(hark_unwatch(&watch), 0);
    CHECK_EQ(hark_unwatch(&watch), -ESRCH);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL);
    CHECK_EQ(hark__here->signals, 0);
}

/* To the process, from a thread that is not the loop's. ThreadSanitizer keeps an asynchronous signal
 * until the fiber that it came upon makes a call, which may be never: there the thread takes it. */
static void send_from_outside(int signo)
{
    if (kit_slow() > 1) {
        raise(signo);
    } else {
        kill(getpid(), signo);
    }
}

static void *kill_soon(void *signo)
{
    while (!hark__loop_alive(1)) {
        sched_yield();
    }
    send_from_outside((int)(intptr_t)signo);
    return NULL;
}

/* The loop sleeps, or is about to: there is nothing else to wake it. */
ON_HUBS(signal_SG_02_a_signal_wakes_the_hub)
{
    pthread_t thread;

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(pthread_create(&thread, NULL, kill_soon, (void *)SIGUSR1), 0);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

static struct hark__sys true_sys;

static int refuse_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    if (action) {
        errno = EINVAL;
        return -1;
    }
    return true_sys.sigaction(signo, action, old);
}

INSIDE(signal_SG_03_a_refused_handler_leaves_nothing_behind)
{
    true_sys = hark__sys;
    hark__sys.sigaction = refuse_sigaction;
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR1), -EINVAL, "can be caught");
    CHECK_MISUSE(hark_cancel_on(SIGUSR1), -EINVAL, "can be caught");
    CHECK_MISUSE(hark_dump_on(SIGUSR1), -EINVAL, "can be caught");
    hark__sys.sigaction = true_sys.sigaction;
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

static hark_watch own_watch;

static void close_itself(void *name)
{
    say_signal(name);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark_unwatch(&own_watch), -ESRCH);
    memset(&own_watch, 0xff, sizeof own_watch);
    memset(&first, 0, sizeof first);
}

ON_HUBS(signal_SG_03_a_callback_may_close_its_signal_and_free_both)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR1), 0);
    CHECK_EQ(hark_signal_watch(&first, &own_watch, close_itself, "closed"), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&second), 0);
    CHECK_LOG("closed");
    CHECK_EQ(hark_signal_close(&second), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL);
}

static int opens_and_forgets(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGHUP), 0);
    raise(SIGUSR1);
    return hark_signal_wait(&first);
}

static int finds_it_closed(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_signal_wait(&first), -ENODATA, "signal 10 was closed");
    CHECK_EQ(hark_signal_open(&second, SIGHUP), 0);
    return hark_signal_close(&second);
}

TEST_ON_HUBS(signal_SG_03_the_end_of_a_loop_closes_all)
{
    install(SIGHUP, SIG_IGN);
    CHECK_EQ(RUN(opens_and_forgets, NULL), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL && installed(SIGHUP) == SIG_IGN);
    CHECK_EQ(RUN(finds_it_closed, NULL), 0);
}

ON_HUBS(signal_SG_04_what_comes_before_the_wait_is_kept_and_told_once)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_signal_wait(&first), 0);
    hark_case c = hark_on_signal(&first);
    CHECK_SILENT(hark_try_select(&c, 1), -EAGAIN);
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_try_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL);
    CHECK_MISUSE(hark_signal_wait(&first), -ENODATA, "signal 10 was closed");
    CHECK_EQ(hark_signal_close(&first), -ENODATA);
    CHECK_EQ(hark_signal_watch(&first, &own_watch, say_signal, "x"), -ENODATA);
    CHECK_EQ(hark_select(&c, 1), 0);
    CHECK_EQ(hark_case_result(&c), -ENODATA);
}

ON_HUBS(signal_SG_05_each_of_several_sees_every_occurrence)
{
    hark_signal third;

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    memset(&third, 0x55, sizeof third); /* needs no init */
    CHECK_EQ(hark_signal_open(&third, SIGUSR1), 0);
    CHECK_EQ(hark_signal_wait(&second), 0);
    hark_case c[] = {hark_on_signal(&first), hark_on_signal(&second), hark_on_signal(&third)};
    CHECK_EQ(hark_try_select(c, 3), -EAGAIN); /* the third came too late for it */
    CHECK_EQ(hark_signal_close(&first), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&third), 0);
    CHECK_EQ(hark_signal_wait(&second), 0);
    CHECK_EQ(hark_signal_close(&second), 0);
    CHECK(installed(SIGUSR1) != SIG_DFL);
    CHECK_EQ(hark_signal_close(&third), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL);
}

static int hears_in_its_loop(void *arg)
{
    hark_signal mine;
    (void)arg;
    CHECK_EQ(hark_signal_open(&mine, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&mine), 0);
    CHECK_EQ(hark_signal_wait(&first), -EXDEV);
    CHECK_EQ(hark_signal_close(&first), -EXDEV);
    return hark_signal_close(&mine);
}

static void *runs_a_loop(void *fn)
{
    CHECK_EQ(hark_run((hark_fn *)fn, NULL), 0);
    return NULL;
}

/* Others know one thread that may; here any loop may, beside others (SG-12, BG-118). */
ON_HUBS(signal_SG_06_any_loop_in_any_thread_may_hear)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    in_thread(runs_a_loop, (void *)hears_in_its_loop);
    CHECK_EQ(hark_signal_wait(&first), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == SIG_DFL);
}

ON_HUBS(signal_SG_07_of_several_who_wait_the_first_gets_it)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "a"), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "b"), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark__here->signals, 2);
    CHECK_MISUSE(hark_signal_watch(&first, &own_watch, say_signal, "x"), -EBUSY, "a task waits");
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:ok");
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("b:ok");
    CHECK_EQ(hark_signal_watch(&first, &own_watch, say_signal, "x"), 0);
    CHECK_MISUSE(hark_signal_wait(&first), -EBUSY, "a callback waits");
    hark_case c = hark_on_signal(&first);
    CHECK_MISUSE(hark_select(&c, 1), -EBUSY, "a callback waits");
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark__here->signals, 0);
}

ON_HUBS(signal_SG_08_two_that_are_always_pending_have_the_same_chance)
{
    int told[2] = {0, 0};

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR2), 0);
    for (int i = 0; i < 200; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        CHECK_EQ(hark_settle(), 0);
        hark_case c[] = {hark_on_signal(&first), hark_on_signal(&second)};
        told[hark_select(c, 2)]++;
    }
    CHECK(told[0] > 50 && told[1] > 50);
    hark_signal *both[] = {&first, &second};
    for (int i = 0; i < 2; i++) { /* one of them may be pending still */
        hark_case c = hark_on_signal(both[i]);
        hark_try_select(&c, 1);
        CHECK_EQ(hark_signal_close(both[i]), 0);
    }
}

ON_HUBS(signal_SG_09_what_nobody_has_taken_goes_to_who_stood_there_before)
{
    install(SIGUSR1, host);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1); /* not even told to the loop yet */
    CHECK_EQ(host_heard, 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(host_heard, SIGUSR1);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1); /* told, and pending */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(host_heard, 2 * SIGUSR1);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(host_heard, 2 * SIGUSR1);
    CHECK(installed(SIGUSR1) == host);
}

ON_HUBS(signal_SG_09_what_one_of_them_has_taken_is_not_raised_again)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&second), 0);
    CHECK_EQ(hark_signal_close(&second), 0);
    CHECK_EQ(hark_signal_close(&first), 0); /* or this process were gone */
}

ON_HUBS(signal_SG_09_ignored_signals_stay_ignored)
{
    install(SIGUSR1, SIG_IGN);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == SIG_IGN);
}

static int leaves_one_untaken(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_signal_open(&first, SIGTERM), 0);
    fprintf(stderr, "raised\n");
    raise(SIGTERM);
    return 0;
}

TEST_DIES(signal_SG_09_what_comes_as_the_run_ends_is_not_lost, SIGTERM, "raised")
{
    RUN(leaves_one_untaken, NULL);
}

static int say_rest(void *name)
{
    hark_signal *s = strcmp(name, "usr1") ? &second : &first;
    CHECK_EQ(hark_signal_wait(s), 0);
    kit_log("%s", (const char *)name);
    return 0;
}

ON_HUBS(signal_SG_10_what_comes_in_order_is_told_in_order)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR2), 0);
    CHECK_GT(hark_go(&group, say_rest, "usr2"), 0);
    CHECK_GT(hark_go(&group, say_rest, "usr1"), 0);
    CHECK_EQ(hark_yield(), 0);
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("usr1 usr2");
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark_signal_close(&second), 0);
}

ON_HUBS(signal_SG_10_a_cancellation_ends_the_wait_and_takes_nothing)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_signal_wait(&first)), -ETIMEDOUT);
    CHECK_EQ(hark__here->signals, 0);
    raise(SIGUSR1);
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_signal_wait(&first), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* The flood: posts by another thread, among them one signal. */

enum { FLOOD = 100000 };

static struct {
    struct hark__inbox *inbox;
    hark_watch *posts;
    int count, ran;
} flood;

static void count_one(void *arg)
{
    (void)arg;
    flood.ran++;
}

static void *post_many(void *signo)
{
    for (int i = 0; i < flood.count; i++) {
        flood.posts[i].fn = count_one;
        hark__inbox_post(flood.inbox, &flood.posts[i]);
        if (i == flood.count / 2) {
            send_from_outside((int)(intptr_t)signo);
        }
    }
    return NULL;
}

ON_HUBS(signal_BG_115_a_flood_of_posts_hides_no_signal)
{
    pthread_t thread;

    CHECK_EQ(hark_signal_open(&first, SIGCHLD), 0);
    flood.count = FLOOD / kit_slow();
    flood.posts = calloc((size_t)flood.count, sizeof *flood.posts);
    CHECK(flood.posts != NULL);
    flood.inbox = hark__here->inbox;
    CHECK_EQ(pthread_create(&thread, NULL, post_many, (void *)SIGCHLD), 0);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(flood.ran, flood.count);
    free(flood.posts);
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* A pending signal is told though nothing else comes that would wake the loop. */
ON_HUBS(signal_BG_100_a_pending_signal_is_told_without_other_news)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR2), 0);
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        CHECK_EQ(hark_signal_wait(&first), 0);
        CHECK_EQ(hark_signal_wait(&second), 0);
    }
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark_signal_close(&second), 0);
}

/* ---- whose signal it is ---------------------------------------------------------------------- */

ON_HUBS(signal_SG_12_a_handler_that_came_later_is_left_alone)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    install(SIGUSR1, host);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK(installed(SIGUSR1) == host);
}

static int takes_all(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&first, SIGUSR2), 0);
    CHECK_EQ(hark_dump_on(SIGHUP), 0);
    return 0;
}

TEST_ON_HUBS(signal_SG_13_an_ordinary_run_leaves_handlers_as_it_found_them)
{
    install(SIGUSR1, host);
    install(SIGUSR2, host);
    install(SIGHUP, host);
    CHECK_EQ(RUN(takes_all, NULL), 0);
    CHECK(installed(SIGUSR1) == host && installed(SIGUSR2) == host && installed(SIGHUP) == host);
    CHECK_EQ(host_heard, 0);
}

static int is_cancelled_once(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    return 0;
}

TEST_ON_HUBS(signal_SG_13_who_cancelled_a_run_has_its_handler_back)
{
    install(SIGUSR1, host);
    CHECK_EQ(RUN(is_cancelled_once, NULL), 0);
    CHECK(installed(SIGUSR1) == host);
}

ON_HUBS(signal_one_signal_has_one_use_at_a_time)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_MISUSE(hark_cancel_on(SIGUSR1), -EBUSY, "signal 10 is taken already, by this run");
    CHECK_MISUSE(hark_dump_on(SIGUSR1), -EBUSY, "signal 10 is taken already, by this run");
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR1), -EBUSY, "by this run");
    CHECK_EQ(hark_dump_on(SIGUSR2), 0);
    CHECK_MISUSE(hark_signal_open(&first, SIGUSR2), -EBUSY, "by this run");
    CHECK_MISUSE(hark_cancel_on(SIGSEGV), -EINVAL, "an instruction has failed");
}

/* ---- deadlocks ------------------------------------------------------------------------------- */

static int waits_for_nobody(void *arg)
{
    hark_event never = HARK_EVENT_INIT;
    (void)arg;
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    return hark_signal_close(&first);
}

/* Nobody waits for the signal, so it can wake nobody. */
TEST_ON_HUBS(signal_that_is_only_open_hides_no_deadlock)
{
    capture_begin();
    const int rc = RUN(waits_for_nobody, NULL);
    capture_end();
    CHECK_EQ(rc, -EDEADLK);
}

static hark_event woken;

static void set_woken(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_event_set(&woken), 0);
}

ON_HUBS(signal_a_callback_may_wake_the_last_task)
{
    pthread_t thread;

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_watch(&first, &own_watch, set_woken, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, kill_soon, (void *)SIGUSR1), 0);
    CHECK_EQ(hark_event_wait(&woken), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

ON_HUBS(signal_a_select_may_wait_for_nothing_but_a_signal)
{
    pthread_t thread;
    hark_event never = HARK_EVENT_INIT;
    hark_case c[] = {hark_on_event(&never), hark_on_signal(&first)};

    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(pthread_create(&thread, NULL, kill_soon, (void *)SIGUSR1), 0);
    CHECK_EQ(hark_select(c, 2), 1);
    CHECK_EQ(hark__here->signals, 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* ---- closing, watching ----------------------------------------------------------------------- */

static int select_and_say(void *arg)
{
    hark_case c[] = {hark_on_signal(&first), hark_on_time(HARK_FOREVER)};
    (void)arg;
    CHECK_EQ(hark_select(c, 2), 0);
    kit_log("select:%s", outcome(hark_case_result(&c[0])));
    CHECK_HAS(hark_error_last(), "hark_select: signal ");
    CHECK_HAS(hark_error_last(), " was closed");
    return 0;
}

ON_HUBS(signal_close_tells_who_waits)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "a"), 0);
    CHECK_GT(hark_go(&group, select_and_say, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark__here->signals, 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:ENODATA select:ENODATA");
}

static int select_twice_and_say(void *arg)
{
    hark_case c[] = {hark_on_signal(&first), hark_on_signal(&first)};
    (void)arg;
    const int index = hark_select(c, 2);
    CHECK_GE(index, 0);
    kit_log("select:%s", outcome(hark_case_result(&c[index])));
    CHECK_HAS(hark_error_last(), "hark_select: signal 1 was closed");
    return 0;
}

/* Nor is it looked at by who is told of its end: it may be gone. */
ON_HUBS(signal_a_select_that_waits_twice_is_counted_out_once)
{
    CHECK_EQ(hark_signal_open(&first, SIGHUP), 0);
    CHECK_GT(hark_go(&group, select_twice_and_say, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark__here->signals, 2);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(hark__here->signals, 0);
    memset(&first, 0, sizeof first);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("select:ENODATA");
}

/* What was given to a task is its own: the close comes too late for it. */
ON_HUBS(signal_given_before_the_close_is_kept)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "a"), 0);
    CHECK_EQ(hark_yield(), 0);
    raise(SIGUSR1);
    hark__loop_look(hark__here);
    CHECK_EQ(hark_signal_close(&first), 0);
    memset(&first, 0, sizeof first);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:ok");
}

ON_HUBS(signal_a_callback_hears_what_came_before_it_was_armed)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_signal_watch(&first, &own_watch, say_signal, "late"), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("late");
    CHECK_EQ(hark_unwatch(&own_watch), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_watch(&first, &own_watch, say_signal, "no"), 0);
    CHECK_EQ(hark_unwatch(&own_watch), 0); /* it was not told, so the signal is there still */
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* Closed while the news of it are on the way, and opened again: those are not the new one's. */
ON_HUBS(signal_opened_again_hears_nothing_old)
{
    install(SIGUSR1, host);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(host_heard, SIGUSR1);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_settle(), 0);
    hark_case c = hark_on_signal(&first);
    CHECK_EQ(hark_try_select(&c, 1), -EAGAIN);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
    CHECK_EQ(host_heard, SIGUSR1);
}

ON_HUBS(signal_dump_names_the_signal)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    CHECK_EQ(hark_signal_open(&first, SIGHUP), 0);
    CHECK_GT(hark_go(&group, wait_and_say, "a"), 0);
    CHECK_GT(hark_go(&group, select_and_say, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    hark_dump(out);
    fclose(out);
    CHECK_HAS(text, "waits for signal 1, SIGHUP");
    CHECK_HAS(text, "waits for the first of: signal 1, SIGHUP");
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* Else the close raises the second one again, which ends the process. */
ON_HUBS(signal_wait_takes_all_that_came_before_it)
{
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_settle(), 0); /* the loop has heard of it */
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}

/* ---- threads, forks -------------------------------------------------------------------------- */

enum { HAMMERS = 3, BLOWS = 2000 };

static atomic_int hammers;
static pthread_t targets[HAMMERS + 1];

/* To the loop's own thread, and to the others of its kind. */
static void *hammer(void *index)
{
    const pthread_t other = kit_slow() > 1 ? pthread_self() : targets[HAMMERS];

    for (int i = 0; i < BLOWS / kit_slow(); i++) {
        pthread_kill(i % 2 ? other : pthread_self(), SIGUSR1);
    }
    atomic_fetch_sub(&hammers, 1);
    pthread_kill(other, SIGUSR2);
    return index;
}

static int hears_until_usr2(void *count)
{
    hark_case c[] = {hark_on_signal(&first), hark_on_signal(&second)};

    while (hark_select(c, 2) == 0 || atomic_load(&hammers)) {
        ++*(int *)count;
    }
    return 0;
}

/* The last occurrence is never lost, wherever its handler ran. */
ON_HUBS(signal_handlers_may_run_in_any_thread)
{
    int count = 0;

    targets[HAMMERS] = pthread_self();
    atomic_store(&hammers, HAMMERS);
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    CHECK_EQ(hark_signal_open(&second, SIGUSR2), 0);
    for (int i = 0; i < HAMMERS; i++) {
        CHECK_EQ(pthread_create(&targets[i], NULL, hammer, NULL), 0);
    }
    CHECK_EQ(hears_until_usr2(&count), 0);
    for (int i = 0; i < HAMMERS; i++) {
        CHECK_EQ(pthread_join(targets[i], NULL), 0);
    }
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    hark_signal_close(&first);
    hark_case c = hark_on_signal(&second);
    hark_settle();
    hark_try_select(&c, 1);
    CHECK_EQ(hark_signal_close(&second), 0);
}

static void *opens_and_closes(void *arg)
{
    CHECK_EQ(hark_run((hark_fn *)arg, NULL), 0);
    return NULL;
}

static int open_wait_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200 / kit_slow(); i++) {
        hark_signal mine;
        CHECK_EQ(hark_signal_open(&mine, SIGUSR1), 0);
        pthread_kill(pthread_self(), SIGUSR1);
        CHECK_EQ(hark_signal_wait(&mine), 0);
        CHECK_EQ(hark_signal_close(&mine), 0);
    }
    return 0;
}

/* Lists and dispositions change under the handlers of other threads. What is raised again at the
 * last close, when two close at once, is ignored. */
TEST_ON_HUBS(signal_SG_12_loops_open_and_close_beside_one_another)
{
    pthread_t threads[HAMMERS];

    install(SIGUSR1, SIG_IGN);
    for (int i = 0; i < HAMMERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, opens_and_closes, (void *)open_wait_close), 0);
    }
    for (int i = 0; i < HAMMERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK(installed(SIGUSR1) == SIG_IGN);
}

ON_HUBS(signal_a_forked_child_has_its_signals_back)
{
    int status = -1;

    if (kit_slow() > 1) {
        SKIP("threads and forks are not for every sanitizer");
    }
    CHECK_EQ(hark_signal_open(&first, SIGUSR1), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        _exit(installed(SIGUSR1) == SIG_DFL ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&first), 0);
    CHECK_EQ(hark_signal_close(&first), 0);
}
