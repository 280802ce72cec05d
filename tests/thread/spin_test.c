/* SPDX-License-Identifier: MIT
 *
 * spin_test.c - what another thread will soon post is awaited awake: the end of a call of a thread
 * (hark_thread_options.spin), the answer of another loop, the next call into this one.
 *
 * Idea     The clock is the test's: it stands, or goes on by a step whenever it is read. So a loop
 *          that awaits an answer awake does so for as long as the function wants, or for a number
 *          of looks that can be counted, and no test depends on a time. Which processor somebody
 *          is on is the test's, too.
 *          Each poll of the hub while such a call is under way is counted: those that do not wait
 *          (the loop is awake), and those that do (it sleeps).
 */
#include "../sync/scene.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "core/core.h"

#define SPAN HARK_US(100) /* the most */

static struct {
    int (*read)(clockid_t clock, struct timespec *time);
    pthread_t loop;
    _Atomic int64_t step; /* < 0: the real clock */
    _Atomic int64_t now;
    atomic_int reads; /* by the thread that took the clock */
    int processors, loops, workers;
} world;

static struct {
    const struct hark__hub_class *class;
    struct hark__hub_class ours;
    int awake, asleep, most; /* most: during one call, the last of them asleep */
    void (*sleeps)(void);
} polls;

static bool in_loop(void)
{
    return pthread_equal(pthread_self(), world.loop) != 0;
}

static int our_clock(clockid_t clock, struct timespec *time)
{
    if (world.step < 0 || clock != CLOCK_MONOTONIC) {
        return world.read(clock, time);
    }
    int64_t now = atomic_fetch_add(&world.now, in_loop() ? world.step : 0);
    atomic_fetch_add(&world.reads, in_loop());
    *time = (struct timespec){.tv_sec = now / HARK_S(1), .tv_nsec = now % HARK_S(1)};
    return 0;
}

static int our_processor(void)
{
    return in_loop() ? world.loops : world.workers;
}

static int our_processors(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    memset(set, 0, size);
    for (int i = 0; i < world.processors; i++) {
        CPU_SET((size_t)i, set);
    }
    return 0;
}

static int our_poll(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    hark_loop *loop = hark__here;

    if (loop->spins && loop->head == loop->tail) {
        polls.awake += timeout == 0;
        polls.asleep += timeout != 0;
        CHECK_LE(++polls.most, world.step > 0 ? SPAN / world.step + 1 : INT_MAX);
        if (timeout && polls.sleeps) {
            polls.sleeps();
        }
    }
    return polls.class->poll(hub, timeout, reports, max);
}

/* The step: how far the clock goes on when this thread reads it. */
static void take_clock(int64_t step)
{
    world.loop = pthread_self();
    world.read = hark__sys.clock_gettime;
    world.now = hark__clock();
    world.step = step;
    world.processors = 2;
    world.workers = 1;
    hark__sys.clock_gettime = our_clock;
    hark__sys.sched_getcpu = our_processor;
    hark__sys.sched_getaffinity = our_processors;
}

/* In the loop. */
static void take_over(int64_t step)
{
    take_clock(step);
    polls.class = hark__here->hub->class;
    polls.ours = *polls.class;
    polls.ours.poll = our_poll;
    hark__here->hub->class = &polls.ours;
}

static void give_back(void)
{
    CHECK_EQ(hark__here->spins, 0);
    hark__here->hub->class = polls.class;
    world.step = -1;
}

static int call(hark_fn *fn, void *arg)
{
    hark_thread_options options = {.size = sizeof options, .spin = SPAN};

    polls.most = 0;
    return hark_thread_call_with(&options, fn, arg);
}

static int say_seven(void *arg)
{
    (void)arg;
    return 7;
}

/* ---- it pays --------------------------------------------------------------------------------- */

static atomic_int wakes;

static ssize_t (*real_write)(int fd, const void *buffer, size_t size);

static ssize_t count_write(int fd, const void *buffer, size_t size)
{
    wakes++;
    return real_write(fd, buffer, size);
}

static int call_often(void *arg)
{
    (void)arg;
    CHECK(hark_loop_hold(hark_loop_self())); /* the post box is there */
    take_over(0);
    real_write = hark__sys.write;
    hark__sys.write = count_write;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(call(say_seven, NULL), 7);
    }
    hark__sys.write = real_write;
    CHECK_GE(polls.awake, 100);
    CHECK_EQ(polls.asleep, 0);
    CHECK_EQ(wakes, 0);
    give_back();
    hark_loop_drop(hark_loop_self());
    return 0;
}

TEST_ON_HUBS(spin_awaits_the_answer_awake)
{
    CHECK_EQ(RUN(call_often, NULL), 0);
}

static int call_asleep(void *arg)
{
    hark_thread_options options = {.size = sizeof options, .spin = -1};

    (void)arg;
    take_over(0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_thread_call_with(&options, say_seven, NULL), 7);
    }
    CHECK_EQ(polls.awake, 0);
    give_back();
    return 0;
}

TEST_ON_HUBS(spin_is_not_for_who_declines_it)
{
    CHECK_EQ(RUN(call_asleep, NULL), 0);
}

/* ---- what else there is to do goes on -------------------------------------------------------- */

static atomic_int done;
static int ends[2];

static int until_done(void *arg)
{
    while (!atomic_load(&done)) {
        sched_yield();
    }
    return *(int *)arg;
}

static int read_one(void *arg)
{
    char byte;
    CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
    CHECK_EQ(polls.asleep, 0);
    atomic_store(&done, 1);
    return *(int *)arg;
}

static int write_and_wait(void *arg)
{
    CHECK_EQ(write(ends[1], "x", 1), 1);
    return until_done(arg);
}

INSIDE_BY(TEST_ON_HUBS, RUN, spin_looks_at_descriptors_meanwhile)
{
    int seven = 7;

    CHECK_EQ(hark_pipe(ends), 0);
    take_over(0);
    CHECK_GT(hark_go(&group, read_one, &seven), 0);
    CHECK_EQ(call(write_and_wait, &seven), 7);
    CHECK_GT(polls.awake, 0);
    CHECK_EQ(polls.asleep, 0);
    give_back();
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

static int sleep_a_little(void *arg)
{
    CHECK_EQ(hark_sleep(SPAN / 10), 0);
    CHECK_EQ(polls.asleep, 0);
    atomic_store(&done, 1);
    return *(int *)arg;
}

INSIDE_BY(TEST_ON_HUBS, RUN, spin_looks_at_timers_meanwhile)
{
    int seven = 7;

    take_over(100);
    CHECK_GT(hark_go(&group, sleep_a_little, &seven), 0);
    CHECK_EQ(call(until_done, &seven), 7);
    CHECK_GT(polls.awake, 0);
    give_back();
}

/* ---- it does not pay ------------------------------------------------------------------------- */

static sem_t asleep;

static void say_it_sleeps(void)
{
    sem_post(&asleep);
}

static int until_it_sleeps(void *arg)
{
    (void)arg;
    while (sem_wait(&asleep)) {}
    return 7;
}

/* Of 200 calls the loop spins in numbers 1, 3, 7, 15, 31, 63, 127 and 191: each time in vain lets
 * twice as many pass, and one; 63 at most. */
static int call_in_vain(void *arg)
{
    int spun = 0;

    (void)arg;
    take_over(1000);
    polls.sleeps = say_it_sleeps;
    CHECK_EQ(sem_init(&asleep, 0, 0), 0);
    for (int i = 1; i <= 200; i++) {
        int before = polls.asleep;
        if (hark__here->luck.pass) {
            CHECK_EQ(call(say_seven, NULL), 7);
            CHECK_EQ(polls.asleep, before);
            continue;
        }
        CHECK_EQ(call(until_it_sleeps, NULL), 7);
        CHECK_GE(polls.asleep, before + 1);
        spun++;
    }
    CHECK_EQ(spun, 8);
    CHECK_LE(polls.awake, 8 * SPAN / 1000);
    give_back();
    return 0;
}

TEST_ON_HUBS(spin_in_vain_ends_and_is_soon_given_up)
{
    CHECK_EQ(RUN(call_in_vain, NULL), 0);
}

/* As long as nobody says how long. */
static int call_plainly(void *arg)
{
    (void)arg;
    take_over(1000);
    polls.sleeps = say_it_sleeps;
    CHECK_EQ(sem_init(&asleep, 0, 0), 0);
    CHECK_EQ(hark_thread_call(until_it_sleeps, NULL), 7);
    CHECK_GE(polls.awake, 10);
    CHECK_LE(polls.awake, HARK_US(20) / 1000);
    give_back();
    return 0;
}

TEST_ON_HUBS(spin_takes_20_us_unless_told)
{
    CHECK_EQ(RUN(call_plainly, NULL), 0);
}

static int call_and_idle(void *arg)
{
    (void)arg;
    take_over(0);
    CHECK_EQ(call(say_seven, NULL), 7);
    int before = polls.awake + polls.asleep;
    world.step = -1; /* the worker's spin ends, too */
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(polls.awake + polls.asleep, before); /* no call is under way */
    give_back();
    return 0;
}

TEST_ON_HUBS(spin_ends_with_the_call)
{
    CHECK_EQ(RUN(call_and_idle, NULL), 0);
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
}

/* ---- where it is not done -------------------------------------------------------------------- */

static int call_where_it_cannot_pay(void *arg)
{
    bool one_processor = *(bool *)arg;

    take_over(0);
    world.processors = one_processor ? 1 : 2;
    world.workers = one_processor ? 1 : 0; /* with two: the worker was seen on ours */
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(call(say_seven, NULL), 7);
        if (i == 0 && !one_processor) {
            polls.awake = 0; /* nobody had been seen yet */
        }
    }
    CHECK_EQ(polls.awake, 0);
    give_back();
    return 0;
}

TEST_ON_HUBS(spin_takes_two_processors)
{
    bool one = true;
    CHECK_EQ(RUN(call_where_it_cannot_pay, &one), 0);
}

TEST_ON_HUBS(spin_takes_a_worker_on_another_processor)
{
    bool one = false;
    CHECK_EQ(RUN(call_where_it_cannot_pay, &one), 0);
}

/* ---- who leaves ------------------------------------------------------------------------------ */

static int seven = 7;

static int leave_it(void *arg)
{
    hark_thread_options options = {.size = sizeof options, .spin = SPAN, .abandon = true};

    (void)arg;
    CHECK_EQ(hark_thread_call_with(&options, until_done, &seven), -ECANCELED);
    CHECK_EQ(hark__here->spins, 0);
    atomic_store(&done, 1);
    return 0;
}

/* A task that waits awake is cancelled: then nothing is awaited awake any more. */
static void cancel_awake(hark_fn *waits)
{
    CHECK_EQ(hark_group_open(&group), 0);
    take_over(0);
    const hark_task task = hark_go(&group, waits, NULL);
    CHECK_GT(task, 0);
    while (!hark__here->spins) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark__here->spins, 0);
}

static int abandon_it(void *arg)
{
    (void)arg;
    cancel_awake(leave_it);
    CHECK_EQ(atomic_load(&done), 1);
    give_back();
    return hark_group_close(&group, 0);
}

TEST_ON_HUBS(spin_ends_when_its_call_is_abandoned)
{
    CHECK_EQ(RUN(abandon_it, NULL), 0);
    CHECK_EQ(hark_threads_end(HARK_FOREVER), 0);
}

static hark_promise promise = HARK_PROMISE_INIT;

static int wait_for_promise(void *arg)
{
    (void)arg;
    return hark_promise_wait(&promise, NULL);
}

static int cancel_who_waits(void *arg)
{
    (void)arg;
    cancel_awake(wait_for_promise);
    give_back();
    return hark_group_close(&group, 0);
}

TEST_ON_HUBS(spin_ends_when_its_wait_is_cancelled)
{
    CHECK_EQ(RUN(cancel_who_waits, NULL), 0);
}

static int send_promise(void *arg)
{
    (void)arg;
    return hark_promise_send(&promise, NULL);
}

static int wait_in_virtual_time(void *arg)
{
    (void)arg;
    world.loop = pthread_self();
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, wait_for_promise, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark__here->spins, 0);
    CHECK_GT(hark_go(&group, send_promise, NULL), 0);
    return hark_group_close(&group, 0);
}

TEST(spin_is_not_done_in_virtual_time)
{
    CHECK_EQ(RUN_VIRTUAL(wait_in_virtual_time, NULL), 0);
}

/* ---- between loops, and from threads into loops ---------------------------------------------- */

/* The clock stands for both sides: nobody who is awake falls asleep, so nobody has to be woken. */
static void stand_still(void)
{
    take_clock(0);
    real_write = hark__sys.write;
    hark__sys.write = count_write;
}

static void go_on(void)
{
    hark__sys.write = real_write;
    world.step = -1;
}

TEST_ON_HUBS(spin_portal_calls_wake_nobody)
{
    hark_portal portal;

    stand_still();
    CHECK_EQ(hark_portal_open(&portal, NULL), 0);
    CHECK_EQ(hark_portal_call(&portal, say_seven, NULL), 7); /* it is up, and awake from now on */
    wakes = world.reads = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_portal_call(&portal, say_seven, NULL), 7);
    }
    CHECK_EQ(wakes, 0);
    CHECK_GE(world.reads, 20); /* the caller is awake, too */
    CHECK_EQ(hark_portal_close(&portal, false), 0);
    go_on();
}

static hark_link line;

static int meet(void *arg)
{
    int item = 0;

    for (int i = 0; i < *(int *)arg; i++) {
        CHECK_EQ(hark_worker() ? hark_link_recv(&line, &item) : hark_link_send(&line, &item), 0);
    }
    return 0;
}

TEST_ON_HUBS(spin_loops_that_meet_wake_nobody)
{
    int times = 30;

    stand_still();
    CHECK_EQ(hark_link_init(&line, sizeof(int), 0), 0);
    CHECK_EQ(hark_run_workers(NULL, 2, meet, &times), 0);
    CHECK_EQ(wakes, 0);
    CHECK_EQ(hark_link_free(&line), 0);
    go_on();
}
