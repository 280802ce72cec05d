/* SPDX-License-Identifier: MIT
 *
 * portal_test.c - a loop in a thread of its own, and those who call into it.
 *
 * Every test of this file is also a test for ThreadSanitizer. Threads wait for what they need, by
 * semaphores; none sleeps to give time.
 */
#include "../sync/scene.h"

#include "base/sys.h"
#include "thread/thread.h"

#include <dirent.h>
#include <sched.h>
#include <semaphore.h>

static hark_portal portal;
static sem_t came;
static atomic_int ran, cancelled, ended;
static hark_promise gate = HARK_PROMISE_INIT;

static void setup(void)
{
    sem_init(&came, 0, 0);
    CHECK_EQ(hark_portal_open(&portal, NULL), 0);
}

static void wait_for(sem_t *what)
{
    while (sem_wait(what)) {}
}

static int double_it(void *arg)
{
    CHECK_GT(hark_self(), 0);
    const int rc = hark_yield();
    return rc ? rc : 2 * *(int *)arg;
}

static int fail_in_words(void *arg)
{
    (void)arg;
    return hark_fail(-EPROTO, "the disk sang %s", "out of tune");
}

static int wait_long(void *arg)
{
    if (arg) {
        sem_post(arg);
    }
    const int rc = hark_sleep(HARK_S(1000));
    atomic_fetch_add(&cancelled, rc == -ECANCELED);
    return rc;
}

static int wait_for_gate(void *arg)
{
    (void)arg;
    sem_post(&came);
    const int rc = hark_promise_wait(&gate, NULL);
    atomic_fetch_add(&ended, 1);
    return rc ? rc : 5;
}

static int open_gate(void *arg)
{
    (void)arg;
    return hark_promise_send(&gate, NULL);
}

/* ---- calls ----------------------------------------------------------------------------------- */

TEST_ON_HUBS(portal_PT_13_a_call_gives_the_result_and_the_words)
{
    int seven = 7;
    setup();
    CHECK_EQ(hark_portal_call(&portal, double_it, &seven), 14);
    CHECK_EQ((hark_portal_call)(&portal, double_it, &seven), 14);
    CHECK_EQ(hark_portal_call(&portal, fail_in_words, NULL), -EPROTO);
    CHECK_STR(hark_error_last(), "the disk sang out of tune");
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    CHECK_EQ(hark_portal_open(&portal, NULL), 0); /* again */
    CHECK_EQ(hark_portal_call(&portal, double_it, &seven), 14);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int name_of_thread(void *arg)
{
    char name[16];
    (void)arg;
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK_STR(name, "hark-portal");
    return 0;
}

static int call_in(void *arg)
{
    CHECK_MISUSE(hark_portal_call(&portal, double_it, arg), -EDEADLK, "hark_portal_call");
    CHECK_MISUSE(hark_portal_close(&portal, false), -EDEADLK, "hark_portal_close");
    return 1;
}

TEST(portal_PT_02_a_call_from_its_own_thread_is_refused)
{
    int seven = 7;
    setup();
    CHECK_EQ(hark_portal_call(&portal, call_in, &seven), 1);
    CHECK_EQ(hark_portal_call(&portal, name_of_thread, NULL), 0);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int cancel_myself(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    return hark_sleep(HARK_S(1000));
}

/* A failure, and a cancellation, are their callers' business only. */
TEST(portal_PT_20_who_fails_or_is_cancelled_harms_nobody)
{
    hark_portal_task other;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &other, wait_for_gate, NULL), 0);
    CHECK_EQ(hark_portal_call(&portal, fail_in_words, NULL), -EPROTO);
    CHECK_EQ(hark_portal_call(&portal, cancel_myself, NULL), -EOWNERDEAD);
    CHECK_EQ(hark_portal_wait(&other, 0), -ETIMEDOUT);
    CHECK_EQ(hark_portal_call(&portal, open_gate, NULL), 0);
    CHECK_EQ(hark_portal_wait(&other, HARK_FOREVER), 5);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int call_from_task(void *arg)
{
    return hark_portal_call(&portal, arg ? double_it : wait_long, arg ? arg : (void *)&came);
}

static int tick(void *arg)
{
    do {
        atomic_fetch_add((atomic_int *)arg, 1);
    } while (!hark_yield());
    return 0;
}

static int call_beside_others(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_GT(hark_go(&g, tick, &ran), 0);
    const int rc = call_from_task(arg);
    CHECK_EQ(hark_group_cancel(&g), 0);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    return rc;
}

TEST_ON_HUBS(portal_PT_24_from_a_task_of_another_loop_only_the_task_waits)
{
    int seven = 7;
    setup();
    CHECK_EQ(RUN(call_beside_others, &seven), 14);
    CHECK_GT(atomic_load(&ran), 0);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

/* It is waited for: what the caller has given it lies on the caller's stack. */
INSIDE_REAL(portal_a_cancelled_caller_cancels_what_it_has_called)
{
    setup();
    const hark_task task = hark_go(&group, call_from_task, NULL);
    CHECK_EQ(hark_yield(), 0);
    wait_for(&came);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_EQ(atomic_load(&cancelled), 1);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

TEST_ON_HUBS(portal_PT_13_a_task_goes_on_by_itself)
{
    hark_portal_task task;
    setup();
    CHECK_EQ((hark_portal_go)(&portal, &task, wait_for_gate, NULL), 0);
    wait_for(&came);
    CHECK_EQ(hark_portal_wait(&task, 0), -ETIMEDOUT);
    CHECK_EQ(hark_portal_wait(&task, HARK_MS(1)), -ETIMEDOUT);
    CHECK_EQ(hark_portal_call(&portal, open_gate, NULL), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), 5);
    CHECK_EQ(hark_portal_wait(&task, 0), 5);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    CHECK_EQ(hark_portal_wait(&task, 0), 5);
}

static int go_from_inside(void *arg)
{
    static int half = 21;
    return hark_portal_go(&portal, arg, double_it, &half);
}

/* Before it begins: the loop is held up until it was cancelled. */
static int hold_up(void *arg)
{
    (void)arg;
    sem_post(&came);
    wait_for(arg);
    return 0;
}

static int cancel_from_inside(void *arg)
{
    return hark_portal_cancel(&portal, arg);
}

static void *cancel_in_thread(void *arg)
{
    CHECK_EQ(hark_portal_cancel(&portal, arg), 0);
    return NULL;
}

TEST(portal_PT_16_a_task_is_cancelled_before_it_begins)
{
    static hark_portal_task task, holder;
    static sem_t go_on;
    pthread_t thread;
    setup();
    sem_init(&go_on, 0, 0);
    CHECK_EQ(hark_portal_go(&portal, &holder, hold_up, &go_on), 0);
    wait_for(&came);
    CHECK_EQ(hark_portal_go(&portal, &task, wait_long, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, cancel_in_thread, &task), 0);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), -EOWNERDEAD);
    CHECK_HAS(hark_error_last(), "cancelled");
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int go_and_cancel(void *arg)
{
    CHECK_EQ(hark_portal_go(&portal, arg, wait_long, NULL), 0);
    return cancel_from_inside(arg); /* its post is still in the box */
}

TEST(portal_PT_16_a_task_is_cancelled_from_inside_before_it_begins)
{
    static hark_portal_task task;
    setup();
    CHECK_EQ(hark_portal_call(&portal, go_and_cancel, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), -EOWNERDEAD);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

TEST_ON_HUBS(portal_PT_16_a_task_is_cancelled_while_it_runs_and_later)
{
    hark_portal_task task;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_long, &came), 0);
    wait_for(&came);
    CHECK_EQ(hark_portal_cancel(&portal, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), -EOWNERDEAD);
    CHECK_EQ(hark_portal_cancel(&portal, &task), 0); /* nothing is left to be cancelled */
    CHECK_EQ(atomic_load(&cancelled), 1);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    CHECK_EQ(hark_portal_cancel(&portal, &task), 0);
}

static void *close_in_thread(void *arg)
{
    CHECK_EQ(hark_portal_close(&portal, arg != NULL), 0);
    sem_post(&came);
    return NULL;
}

static void wait_until_closing(void)
{
    hark_portal_task none;
    int rc;
    while ((rc = hark_portal_go(&portal, &none, nothing, NULL)) == 0) {
        rc = hark_portal_wait(&none, HARK_FOREVER);
        CHECK(rc == 0 || rc == -ESHUTDOWN);
    }
    CHECK_EQ(rc, -ESHUTDOWN);
}

TEST(portal_PT_16_a_task_is_cancelled_while_the_portal_is_closing)
{
    hark_portal_task task;
    pthread_t thread;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_long, &came), 0);
    wait_for(&came);
    CHECK_EQ(pthread_create(&thread, NULL, close_in_thread, NULL), 0);
    wait_until_closing();
    CHECK_EQ(sem_trywait(&came), -1);
    CHECK_EQ(hark_portal_cancel(&portal, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), -EOWNERDEAD);
    pthread_join(thread, NULL);
}

/* ---- closing --------------------------------------------------------------------------------- */

TEST_ON_HUBS(portal_PT_14_closing_waits_for_what_runs)
{
    hark_portal_task task;
    pthread_t thread;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_for_gate, NULL), 0);
    wait_for(&came);
    CHECK_EQ(pthread_create(&thread, NULL, close_in_thread, NULL), 0);
    CHECK_EQ(hark_portal_wait(&task, 0), -ETIMEDOUT);
    CHECK_EQ(atomic_load(&ended), 0);
    wait_until_closing();
    CHECK_EQ(open_gate(NULL), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_portal_wait(&task, 0), 5);
}

TEST_ON_HUBS(portal_PT_14_closing_with_cancel_ends_what_runs)
{
    hark_portal_task tasks[5];
    setup();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_portal_go(&portal, &tasks[i], wait_long, NULL), 0);
    }
    CHECK_EQ(hark_portal_close(&portal, true), 0);
    CHECK_EQ(atomic_load(&cancelled), 5);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_portal_wait(&tasks[i], 0), -EOWNERDEAD);
    }
}

TEST(portal_PT_15_a_closed_portal_refuses)
{
    hark_portal_task task;
    int seven = 7;
    setup();
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    CHECK_MISUSE(hark_portal_call(&portal, double_it, &seven), -ESHUTDOWN, "hark_portal_call");
    CHECK_MISUSE(hark_portal_go(&portal, &task, double_it, &seven), -ESHUTDOWN, "hark_portal_go");
    CHECK_MISUSE(hark_portal_start(&portal, &task, double_it, &seven, NULL), -ESHUTDOWN,
                 "hark_portal_start");
    CHECK_MISUSE(hark_portal_close(&portal, false), -ESHUTDOWN, "hark_portal_close");
}

static void *wait_in_thread(void *arg)
{
    CHECK_EQ(hark_portal_wait(arg, HARK_FOREVER), -EOWNERDEAD);
    return NULL;
}

TEST(portal_PT_17_closing_wakes_threads_that_wait_for_its_tasks)
{
    static hark_portal_task task;
    pthread_t threads[3];
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_long, &came), 0);
    wait_for(&came);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_in_thread, &task), 0);
    }
    CHECK_EQ(hark_portal_close(&portal, true), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

static atomic_int refused;

static void *call_until_refused(void *arg)
{
    for (int i = 0;; i++) {
        const int rc = hark_portal_call(&portal, double_it, &i);
        CHECK(rc == 2 * i || rc == -ESHUTDOWN || rc == -EOWNERDEAD);
        if (rc == -ESHUTDOWN) {
            atomic_fetch_add(&refused, 1);
            return arg;
        }
    }
}

TEST_ON_HUBS(portal_PT_15_BG_110_calls_race_with_closing)
{
    pthread_t threads[3];
    int zero = 0;
    for (int round = 0; round < 30 / kit_slow() + 2; round++) {
        CHECK_EQ(hark_portal_open(&portal, NULL), 0);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(pthread_create(&threads[i], NULL, call_until_refused, NULL), 0);
        }
        CHECK_EQ(hark_portal_call(&portal, double_it, &zero), 0);
        CHECK_EQ(hark_portal_close(&portal, round % 2), 0);
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK_EQ(atomic_exchange(&refused, 0), 3);
    }
}

/* Cancelled, by a thread, at any moment of its life. */
TEST(portal_BG_110_cancelling_races_with_the_end)
{
    int two = 2;
    setup();
    for (int i = 0; i < 300 / kit_slow() + 2; i++) {
        hark_portal_task task;
        CHECK_EQ(hark_portal_go(&portal, &task, double_it, &two), 0);
        for (int wait = 0; wait < i % 7; wait++) {
            sched_yield();
        }
        CHECK_EQ(hark_portal_cancel(&portal, &task), 0);
        const int rc = hark_portal_wait(&task, HARK_FOREVER);
        CHECK(rc == 4 || rc == -EOWNERDEAD);
    }
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int close_from_task(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_GT(hark_go(&g, tick, &ran), 0);
    CHECK_EQ(hark_portal_close(&portal, arg != NULL), 0);
    CHECK_EQ(hark_group_cancel(&g), 0);
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(portal_is_closed_by_a_task_and_only_that_waits)
{
    hark_portal_task task;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_long, &came), 0);
    wait_for(&came);
    CHECK_EQ(RUN(close_from_task, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, 0), -EOWNERDEAD);
}

static int wait_for_nobody(void *arg)
{
    return hark_event_wait(arg);
}

/* While it is open, somebody may come; when it closes, nobody will. */
TEST(portal_what_can_never_go_on_is_told_when_it_closes)
{
    static hark_event never;
    hark_portal_task task;
    setup();
    CHECK_EQ(hark_portal_go(&portal, &task, wait_for_nobody, &never), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_MS(5)), -ETIMEDOUT);
    capture_begin();
    const int rc = hark_portal_close(&portal, false);
    const char *report = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(report, "an event");
    CHECK_EQ(hark_portal_wait(&task, 0), -EOWNERDEAD);
}

/* ---- starting -------------------------------------------------------------------------------- */

static int start_and_wait(void *arg)
{
    CHECK_EQ(hark_started(*(int *)arg), 0);
    return wait_long(NULL);
}

static int start_and_fail(void *arg)
{
    CHECK_EQ(hark_started(*(int *)arg), 0);
    return hark_fail(-EIO, "failed after it had started");
}

TEST_ON_HUBS(portal_PT_18_PT_19_a_task_is_started_and_used)
{
    hark_portal_task task, other;
    int value = 0, seven = 7;
    setup();
    CHECK_EQ(hark_portal_start(&portal, &task, start_and_wait, &seven, &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(hark_portal_wait(&task, 0), -ETIMEDOUT);
    CHECK_EQ((hark_portal_start)(&portal, &other, start_and_fail, &seven, NULL), 0);
    CHECK_EQ(hark_portal_wait(&other, HARK_FOREVER), -EIO);
    CHECK_STR(hark_error_last(), "failed after it had started");
    CHECK_EQ(hark_portal_cancel(&portal, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), -EOWNERDEAD);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

TEST(portal_PT_18_what_fails_before_it_has_started_is_told_at_once)
{
    hark_portal_task task;
    int value = -1, seven = 7;
    setup();
    CHECK_EQ(hark_portal_start(&portal, &task, fail_in_words, NULL, &value), -EPROTO);
    CHECK_STR(hark_error_last(), "the disk sang out of tune");
    CHECK_EQ(hark_portal_start(&portal, &task, double_it, &seven, &value), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_started");
    CHECK_EQ(value, -1);
    CHECK_EQ(hark_portal_call(&portal, double_it, &seven), 14);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static void *start_in_thread(void *arg)
{
    int value = -1;
    const int rc = hark_portal_start(&portal, arg, wait_long, &came, &value);
    CHECK(rc == -EOWNERDEAD || rc == -EINVAL);
    return NULL;
}

TEST(portal_PT_18_closing_with_cancel_ends_what_is_starting)
{
    static hark_portal_task task;
    pthread_t thread;
    setup();
    CHECK_EQ(pthread_create(&thread, NULL, start_in_thread, &task), 0);
    wait_for(&came);
    CHECK_EQ(hark_portal_close(&portal, true), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(atomic_load(&cancelled), 1);
}

/* ---- one for all ----------------------------------------------------------------------------- */

/* By their name: a sanitizer has threads of its own. */
static int portal_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[300], name[16] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (file) {
            count += fgets(name, sizeof name, file) && strcmp(name, "hark-portal\n") == 0;
            fclose(file);
        }
    }
    closedir(folder);
    return count;
}

/* A thread that was joined may stand in /proc for a moment longer. */
static void wait_until_all_are_gone(void)
{
    while (portal_threads()) {
        sched_yield();
    }
}

static int64_t id_of_thread(void)
{
    return (int64_t)(uintptr_t)pthread_self();
}

static int tell_thread(void *arg)
{
    *(int64_t *)arg = id_of_thread();
    return 0;
}

static hark_portal_shared shared = HARK_PORTAL_SHARED_INIT;

static void *use_shared(void *arg)
{
    hark_portal *p = hark_portal_enter(&shared, NULL);
    CHECK(p);
    CHECK_EQ(hark_portal_call(p, tell_thread, arg), 0);
    CHECK_EQ(hark_portal_leave(&shared), 0);
    return NULL;
}

TEST(portal_PT_22_who_comes_meanwhile_shares_it)
{
    int64_t first = 0, others[4] = {0};
    pthread_t threads[4];
    hark_portal *p = hark_portal_enter(&shared, NULL);
    CHECK(p);
    CHECK_EQ(hark_portal_call(p, tell_thread, &first), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, use_shared, &others[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQ(others[i], first);
    }
    CHECK_EQ(portal_threads(), 1);
    CHECK_EQ(hark_portal_leave(&shared), 0);
    wait_until_all_are_gone();
    use_shared(&first); /* the next one opens it again */
    wait_until_all_are_gone();
    CHECK_MISUSE(hark_portal_leave(&shared), -EPERM, "hark_portal_leave");
}

static int rests_shortly(void *arg)
{
    (void)arg;
    return hark_sleep(HARK_MS(1));
}

static int leaves_shared(void *arg)
{
    (void)arg;
    return hark_portal_leave(&shared);
}

/* Else the second one would hold up the thread in which the first one waits for the close. */
INSIDE_REAL(portal_who_enters_while_the_last_one_leaves_opens_another)
{
    static hark_portal_task task;
    hark_portal *p = hark_portal_enter(&shared, NULL);
    CHECK(p);
    CHECK_EQ(hark_portal_go(p, &task, rests_shortly, NULL), 0);
    CHECK_GT(hark_go(&group, leaves_shared, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    p = hark_portal_enter(&shared, NULL);
    CHECK(p);
    CHECK_EQ(hark_portal_call(p, rests_shortly, NULL), 0);
    CHECK_EQ(hark_portal_leave(&shared), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), 0);
    wait_until_all_are_gone();
}

static void leaves_in_callback(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_portal_leave(&shared), -ENOTSUP, "hark_portal_leave");
}

INSIDE_REAL(portal_who_may_not_wait_for_the_close_has_not_left)
{
    hark_watch watch = {0};
    CHECK(hark_portal_enter(&shared, NULL));
    CHECK_EQ(hark_call_soon(&watch, leaves_in_callback, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(portal_threads(), 1);
    CHECK_EQ(hark_portal_leave(&shared), 0);
    wait_until_all_are_gone();
}

/* ---- what cannot be had, misuse -------------------------------------------------------------- */

static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *arg)
{
    (void)thread;
    (void)attributes;
    (void)fn;
    (void)arg;
    return EAGAIN;
}

TEST(portal_H5_without_a_thread_there_is_none)
{
    hark__sys.thread_start = no_thread;
    CHECK_MISUSE(hark_portal_open(&portal, NULL), -EAGAIN, "hark_portal_open");
    CHECK_PTR(hark_portal_enter(&shared, NULL), NULL);
    CHECK_EQ(errno, EAGAIN);
    hark__sys.thread_start = pthread_create;
}

static atomic_int allocations;
static int fails_at;
static void *(*allocate)(size_t size);

static void *allocate_or_not(size_t size)
{
    return atomic_fetch_add(&allocations, 1) == fails_at ? NULL : allocate(size);
}

/* What begins is waited for; what does not says so; and in the end everything is given back. */
TEST(portal_whatever_allocation_fails)
{
    allocate = hark__memory.allocate;
    hark__memory.allocate = allocate_or_not;
    for (fails_at = 0;; fails_at++) {
        hark_portal_task task;
        int two = 2;
        atomic_store(&allocations, 0);
        int rc = hark_portal_open(&portal, NULL);
        CHECK(rc == 0 || rc == -ENOMEM);
        if (rc == 0) {
            CHECK_EQ(hark_portal_go(&portal, &task, double_it, &two), 0);
            rc = hark_portal_call(&portal, double_it, &two);
            CHECK(rc == 4 || rc == -ENOMEM);
            hark_portal_cancel(&portal, &task);
            rc = hark_portal_wait(&task, HARK_FOREVER);
            CHECK(rc == 4 || rc == -ENOMEM || rc == -EOWNERDEAD);
            rc = hark_portal_start(&portal, &task, start_and_wait, &two, NULL);
            CHECK(rc == 0 || rc == -ENOMEM);
            CHECK_EQ(hark_portal_close(&portal, true), 0);
        }
        if (atomic_load(&allocations) <= fails_at) {
            break;
        }
    }
    hark__memory.allocate = allocate;
    CHECK_GE(fails_at, 10);
}

TEST(portal_bad_input_is_refused_in_words)
{
    const hark_options unknown = {.size = sizeof(unknown), .hub = "mud"};
    hark_portal_task task;
    CHECK_MISUSE(hark_portal_open(NULL, NULL), -EINVAL, "hark_portal_open");
    CHECK_MISUSE(hark_portal_open(&portal, &unknown), -EINVAL, "mud");
    CHECK_MISUSE(hark_portal_close(&portal, false), -ESHUTDOWN, "hark_portal_close");
    setup();
    CHECK_MISUSE(hark_portal_call(NULL, nothing, NULL), -EINVAL, "hark_portal_call");
    CHECK_MISUSE(hark_portal_call(&portal, NULL, NULL), -EINVAL, "hark_portal_call");
    CHECK_MISUSE(hark_portal_go(NULL, &task, nothing, NULL), -EINVAL, "hark_portal_go");
    CHECK_MISUSE(hark_portal_go(&portal, NULL, nothing, NULL), -EINVAL, "hark_portal_go");
    CHECK_MISUSE(hark_portal_go(&portal, &task, NULL, NULL), -EINVAL, "hark_portal_go");
    CHECK_MISUSE(hark_portal_start(&portal, &task, NULL, NULL, NULL), -EINVAL, "hark_portal_start");
    CHECK_MISUSE(hark_portal_wait(NULL, 0), -EINVAL, "hark_portal_wait");
    CHECK_MISUSE(hark_portal_cancel(NULL, &task), -EINVAL, "hark_portal_cancel");
    CHECK_MISUSE(hark_portal_cancel(&portal, NULL), -EINVAL, "hark_portal_cancel");
    CHECK_MISUSE(hark_portal_close(NULL, false), -EINVAL, "hark_portal_close");
    CHECK_MISUSE(hark_portal_leave(NULL), -EINVAL, "hark_portal_leave");
    CHECK_PTR(hark_portal_enter(NULL, NULL), NULL);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static void use_in_callback(void *arg)
{
    CHECK_MISUSE(hark_portal_call(&portal, nothing, NULL), -ENOTSUP, "hark_portal_call");
    CHECK_MISUSE(hark_portal_close(&portal, false), -ENOTSUP, "hark_portal_close");
    CHECK_EQ(hark_portal_go(&portal, arg, nothing, NULL), 0);
}

INSIDE_REAL(portal_a_callback_may_spawn_but_not_wait)
{
    static hark_portal_task task;
    hark_watch watch = {0};
    setup();
    CHECK_EQ(hark_call_soon(&watch, use_in_callback, &task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), 0);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

TEST(portal_a_task_spawns_through_its_own_portal)
{
    static hark_portal_task task;
    setup();
    CHECK_EQ(hark_portal_call(&portal, go_from_inside, &task), 0);
    CHECK_EQ(hark_portal_wait(&task, HARK_FOREVER), 42);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int give_seven(void *arg)
{
    (void)arg;
    return 7;
}

/* Who overlooks the refusal must hear it from the task: not what the task was before, nor nothing
 * for ever. */
TEST(portal_PT_15_what_was_refused_has_failed)
{
    hark_portal p;
    hark_portal_task used, fresh = {0};

    CHECK_EQ(hark_portal_open(&p, NULL), 0);
    CHECK_EQ(hark_portal_go(&p, &used, give_seven, NULL), 0);
    CHECK_EQ(hark_portal_wait(&used, HARK_FOREVER), 7);
    CHECK_EQ(hark_portal_close(&p, false), 0);
    CHECK_MISUSE(hark_portal_wait(&fresh, HARK_MS(1)), -EINVAL, "never spawned");
    CHECK_MISUSE(hark_portal_cancel(&p, &fresh), -EINVAL, "never spawned");
    CHECK_EQ(hark_portal_go(&p, &used, give_seven, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_portal_wait(&used, HARK_MS(1)), -ESHUTDOWN);
    CHECK_EQ(hark_portal_go(&p, &fresh, give_seven, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_portal_wait(&fresh, HARK_MS(1)), -ESHUTDOWN);
}
