/* SPDX-License-Identifier: MIT
 *
 * host.h - hark inside another library's main loop: the same promises, whoever the host is.
 *
 * Idea     A host is four calls: watch a descriptor, call me later, run until told, stop. The
 *          scenarios below are written against them; each host's file fills them in and says
 *          IN_HOST(name) for every scenario once.
 *
 *              host waits for hark_loop_fd --readable--> hark_loop_step(loop, 0) --> waits again
 *
 * Rules    1  Nothing but the descriptor ever makes the host step, but for the first step: what is
 *              not told by it is a failure of the test, by its time limit.
 *          2  The host's own timers and descriptors go on beside hark's: each scenario that stays
 *             long enough looks at that.
 *          3  A host that goes round for nothing is a failure: steps are counted.
 */
#ifndef HARK_TESTS_FOREIGN_HOST_H
#define HARK_TESTS_FOREIGN_HOST_H

#include "../sync/scene.h"

/* What a test of hark needs of a main loop. */
struct host {
    void (*open)(void);
    void (*watch)(int fd, void (*fn)(void)); /* level: as long as it is readable; the last one */
    void (*later)(int milliseconds, void (*fn)(void)); /* once */
    void (*run)(void);                                 /* until stop */
    void (*stop)(void);
    void (*close)(void);
};

static const struct host *host;
static hark_loop *loop;
static int steps, living, ticks;

/* ---- what all scenarios share ---------------------------------------------------------------- */

static void step(void)
{
    steps++;
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    if (!living) {
        host->stop();
    }
}

static int ended(int rc)
{
    living--;
    return rc;
}

static void go(hark_fn *fn, void *arg)
{
    CHECK_GT(hark_loop_go(loop, fn, arg), 0);
    living++;
}

static bool has_descriptor(void)
{
    return strcmp(getenv("HARK_HUB"), "poll") != 0 && strcmp(getenv("HARK_HUB"), "select") != 0;
}

static void begin(const struct host *which)
{
    if (!has_descriptor()) {
        SKIP("this hub has no descriptor for a host");
    }
    host = which;
    host->open();
    loop = hark_loop_new(NULL);
    CHECK(loop);
    CHECK_GE(hark_loop_fd(loop), 0);
    host->watch(hark_loop_fd(loop), step);
}

/* Until all tasks have ended. */
static void run(void)
{
    step();
    if (living) {
        host->run();
    }
    CHECK_EQ(living, 0);
}

static void end(void)
{
    CHECK_EQ(hark_loop_free(loop), 0);
    host->close();
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void host_ticks(void)
{
    ticks++;
    if (living) {
        host->later(2, host_ticks);
    }
}

static int sleeper(void *arg)
{
    const int64_t from = kit_clock(), span = HARK_MS((intptr_t)arg);
    CHECK_EQ(hark_sleep(span), 0);
    CHECK_GE(kit_clock() - from, span);
    kit_log("%d", (int)(intptr_t)arg);
    return ended(0);
}

static void timers_go_by_the_descriptor(void)
{
    go(sleeper, (void *)30);
    go(sleeper, (void *)10);
    go(sleeper, (void *)20);
    host->later(2, host_ticks);
    run();
    CHECK_LOG("10 20 30");
    CHECK_GE(ticks, 2);
    CHECK_LT(steps, 30);
}

/* ---- the host's code wakes tasks -------------------------------------------------------------- */

static hark_event pressed;
static hark_scope deadline;

static void press(void)
{
    CHECK_EQ(hark_event_set(&pressed), 0);
}

static int wait_for_press(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_event_wait(&pressed), 0);
    return ended(0);
}

static void IO_11_the_hosts_code_wakes_a_task(void)
{
    go(wait_for_press, NULL);
    go(wait_for_press, NULL);
    host->later(5, press);
    run();
    CHECK_LT(steps, 10);
}

static void hurry(void)
{
    CHECK_EQ(hark_scope_set_deadline(&deadline, hark_now() + HARK_MS(1)), 0);
}

static int sleep_until_hurried(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_scope_open(&deadline, HARK_S(3600)), 0);
    CHECK_EQ(hark_scope_close(&deadline, hark_sleep(HARK_FOREVER)), -ETIMEDOUT);
    return ended(0);
}

static void IO_11_the_host_moves_a_deadline(void)
{
    go(sleep_until_hurried, NULL);
    host->later(5, hurry);
    run();
    CHECK_LT(steps, 10);
}

static hark_watch soon;
static bool called;

static void on_soon(void *arg)
{
    (void)arg;
    called = true;
    host->stop();
}

static void call_soon(void)
{
    CHECK_EQ(hark_call_soon(&soon, on_soon, NULL), 0);
}

static void a_callback_that_the_host_arms_runs(void)
{
    living = 1; /* nothing lives, and the host goes on all the same */
    step();
    host->later(2, call_soon);
    host->run();
    CHECK(called);
}

static int start_another(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    return ended(0);
}

static void spawn_from_the_host(void)
{
    go(start_another, NULL);
    living--; /* it was counted before it could begin */
}

static void the_host_spawns_a_task(void)
{
    living = 1;
    step();
    host->later(2, spawn_from_the_host);
    host->run();
    CHECK_EQ(living, 0);
}

/* ---- descriptors ------------------------------------------------------------------------------ */

static int ends[2];

static void write_a_byte(void)
{
    CHECK_EQ(write(ends[1], "x", 1), 1);
}

static int read_a_byte(void *arg)
{
    char byte;
    (void)arg;
    CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    return ended(0);
}

/* What a step has armed must be with the kernel before the host sleeps. */
static void what_is_armed_in_a_step_is_heard(void)
{
    CHECK_EQ(hark_socketpair(ends), 0);
    go(read_a_byte, NULL);
    host->later(5, write_a_byte);
    run();
    CHECK_LT(steps, 10);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

enum { MESSAGES = 200 };

static int echo(void *arg)
{
    char bytes[64];
    (void)arg;
    for (ssize_t got; (got = hark_read(ends[1], bytes, sizeof(bytes))) > 0;) {
        CHECK_EQ(hark_write_full(ends[1], bytes, (size_t)got, NULL), 0);
    }
    CHECK_EQ(hark_close(ends[1]), 0);
    return ended(0);
}

static int talk(void *arg)
{
    (void)arg;
    for (int i = 0; i < MESSAGES || ticks == 0; i++) {
        int number = -1;
        CHECK_EQ(hark_write_full(ends[0], &i, sizeof(i), NULL), 0);
        CHECK_EQ(hark_read_full(ends[0], &number, sizeof(number), NULL), 0);
        CHECK_EQ(number, i);
        if (i % 50 == 0) {
            CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
        }
    }
    CHECK_EQ(hark_close(ends[0]), 0);
    return ended(0);
}

static void a_conversation_goes_on_beside_the_hosts_timers(void)
{
    CHECK_EQ(hark_socketpair(ends), 0);
    go(echo, NULL);
    go(talk, NULL);
    host->later(1, host_ticks);
    run(); /* some hosts read a clock that moves 250 times a second: the talk lasts until they have */
}

/* ---- threads ---------------------------------------------------------------------------------- */

static int twice(void *arg)
{
    return 2 * (int)(intptr_t)arg;
}

static int call_a_thread(void *arg)
{
    CHECK_EQ(hark_thread_call(twice, arg), 2 * (int)(intptr_t)arg);
    return ended(0);
}

static void threads_answer_while_the_host_sleeps(void)
{
    for (intptr_t i = 1; i <= 8; i++) {
        go(call_a_thread, (void *)i);
    }
    run();
}

static void *post_from_a_thread(void *held)
{
    static hark_watch node;
    CHECK_EQ(hark_loop_post(held, &node, on_soon, NULL), 0);
    hark_loop_drop(held);
    return NULL;
}

static void a_post_wakes_the_host(void)
{
    pthread_t thread;
    living = 1;
    step();
    CHECK_EQ(pthread_create(&thread, NULL, post_from_a_thread, hark_loop_hold(loop)), 0);
    host->run();
    CHECK(called);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- rest and end ------------------------------------------------------------------------------ */

static void host_stops(void)
{
    host->stop();
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    return ended(0);
}

static void at_rest_the_host_sleeps(void)
{
    go(wait_for_ever, NULL);
    step();
    host->later(30, host_stops);
    host->run();
    CHECK_LE(steps, 4);
}

static void what_lives_at_the_end_is_cancelled(void)
{
    go(wait_for_ever, NULL);
    go(wait_for_ever, NULL);
    step();
    CHECK_EQ(living, 2);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(living, 0);
    loop = hark_loop_new(NULL);
    CHECK(loop);
}

#define IN_HOST_ONE(name, scenario) \
    TEST_ON_HUBS(name##_##scenario) \
    { \
        begin(&name); \
        scenario(); \
        end(); \
    }

#define IN_HOST(name) \
    IN_HOST_ONE(name, timers_go_by_the_descriptor) \
    IN_HOST_ONE(name, IO_11_the_hosts_code_wakes_a_task) \
    IN_HOST_ONE(name, IO_11_the_host_moves_a_deadline) \
    IN_HOST_ONE(name, a_callback_that_the_host_arms_runs) \
    IN_HOST_ONE(name, the_host_spawns_a_task) \
    IN_HOST_ONE(name, what_is_armed_in_a_step_is_heard) \
    IN_HOST_ONE(name, a_conversation_goes_on_beside_the_hosts_timers) \
    IN_HOST_ONE(name, threads_answer_while_the_host_sleeps) \
    IN_HOST_ONE(name, a_post_wakes_the_host) \
    IN_HOST_ONE(name, at_rest_the_host_sleeps) \
    IN_HOST_ONE(name, what_lives_at_the_end_is_cancelled)

#endif
