/* SPDX-License-Identifier: MIT
 *
 * idle_test.c - what a loop does when it has nothing to do, and when its hub or its clock fail it.
 *
 * Idea     The hub's own `poll` is replaced in the running loop (poll_by): the replacement sees how
 *          long the loop would sleep, and moves the clock by that instead of sleeping.
 */
#include "scarce.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>

#include "core/core.h"

enum { TRIM = 100000000 };

static hark_group group;
static const struct hark__hub_class *real;

/* Has its stack while the others have theirs. */
static int gives_way(void *arg)
{
    (void)arg;
    return hark_yield();
}

static struct hark__hub_class mine;

/* The loop's hub, with another `poll`; NULL: its own again. */
static void poll_by(int (*poll)(hark__hub *, int64_t, struct hark__report *, int))
{
    hark__hub *hub = hark__here->hub;
    real = real ? real : hub->class;
    mine = *real;
    mine.poll = poll;
    hub->class = poll ? &mine : real;
}

/* ---- a hub that fails ------------------------------------------------------------------------ */

static struct {
    int left, fd;
} tries;

static int try_again_later(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    const uint64_t one = 1;
    if (tries.left > 0) {
        tries.left--;
        return -EAGAIN;
    }
    CHECK_EQ(write(tries.fd, &one, sizeof(one)), 8);
    return real->poll(hub, timeout, reports, max);
}

static int sleeps_through(void *arg)
{
    (void)arg;
    tries.left = 3;
    tries.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    poll_by(try_again_later);
    CHECK_EQ(hark_wait_fd(tries.fd, POLLIN), POLLIN);
    poll_by(NULL);
    CHECK_EQ(tries.left, 0);
    return hark_close(tries.fd);
}

TEST_ON_HUBS(idle_a_hub_that_cannot_just_now_is_asked_again)
{
    CHECK_EQ(RUN(sleeps_through, NULL), 0);
}

static int is_broken(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    (void)hub;
    (void)timeout;
    (void)reports;
    (void)max;
    return -EBADF;
}

static int sleeps_on_a_broken_hub(void *arg)
{
    (void)arg;
    poll_by(is_broken);
    return hark_sleep(HARK_MS(1));
}

TEST_DIES(idle_a_hub_that_cannot_at_all_ends_the_process, SIGABRT, "cannot wait any more: Bad file")
{
    RUN(sleeps_on_a_broken_hub, NULL);
}

/* ---- a post box that the hub has forgotten --------------------------------------------------- */

static struct {
    hark_watch first, second;
    hark_event done;
    int refusals, looks; /* looks: without sleeping, for fear of missing a post */
} post;

static void say(void *word)
{
    kit_log("%s", (const char *)word);
}

static void say_and_end(void *word)
{
    say(word);
    hark_event_set(&post.done);
}

static int refuse_to_arm(hark__hub *hub, int fd, int events, uint64_t token)
{
    return post.refusals-- > 0 ? -ENOMEM : real->arm(hub, fd, events, token);
}

/* Posts the first, then the second one while the loop is asleep. */
static int post_when_asleep(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    static int posted;
    hark_watch *const watches[] = {&post.first, &post.second};
    if (timeout != 0) {
        CHECK_LT(posted, 2);
        hark__inbox_post(hark__here->inbox, watches[posted++]);
    } else if (posted == 1) {
        post.looks++;
    }
    return real->poll(hub, timeout, reports, max);
}

static int is_posted_to(void *arg)
{
    (void)arg;
    CHECK_EQ(hark__inbox_open(hark__here), 0);
    hark__here->holds++; /* a thread would post */
    post.first = (hark_watch){.fn = say, .arg = "first"};
    post.second = (hark_watch){.fn = say_and_end, .arg = "second"};
    post.refusals = 3;
    poll_by(post_when_asleep);
    mine.arm = refuse_to_arm;
    CHECK_EQ(hark_event_wait(&post.done), 0);
    if (!real->lasts) {
        CHECK_LT(post.refusals, 0);
        CHECK_GE(post.looks, 2);
    }
    poll_by(NULL);
    hark__here->holds--;
    return 0;
}

TEST_ON_HUBS(idle_a_loop_does_not_sleep_until_the_hub_watches_its_post_box_again)
{
    CHECK_EQ(RUN(is_posted_to, NULL), 0);
    CHECK_LOG("first second");
}

/* ---- a clock that stands still --------------------------------------------------------------- */

static struct timespec frozen;

static int stand_still(clockid_t clock, struct timespec *time)
{
    (void)clock;
    *time = frozen;
    return 0;
}

static int gives_way_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        CHECK_EQ(hark_yield(), 0);
        CHECK_LE(hark__here->look_at_head - hark__here->head, 256);
    }
    return 0;
}

static int gives_way_in_no_time(void *arg)
{
    int (*clock)(clockid_t, struct timespec *) = hark__sys.clock_gettime;
    (void)arg;
    CHECK_EQ(clock(CLOCK_MONOTONIC, &frozen), 0);
    frozen.tv_sec += 1;
    hark__sys.clock_gettime = stand_still;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, gives_way_often, NULL), 0);
    CHECK_EQ(gives_way_often(NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_GT(hark__here->steps_given, 1);
    hark__sys.clock_gettime = clock;
    return 0;
}

TEST(idle_a_clock_that_stands_still_stops_nobody)
{
    CHECK_EQ(RUN(gives_way_in_no_time, NULL), 0);
}

/* ---- timers: one by one, and in batches ------------------------------------------------------ */

enum { TIMERS = 10000 };

static struct {
    hark_watch watches[TIMERS];
    int64_t began, every, late; /* `late`: the latest one's delay */
    int fired, sleeps;
} clockwork;

static int64_t frozen_now(void)
{
    return (int64_t)frozen.tv_sec * 1000000000 + frozen.tv_nsec;
}

/* Sleeping is moving the clock, and nothing else moves it. */
static int jump_ahead(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    if (timeout > 0) {
        const int64_t then = frozen_now() + timeout;
        frozen = (struct timespec){then / 1000000000, then % 1000000000};
        clockwork.sleeps++;
    }
    return real->poll(hub, 0, reports, max);
}

static void fires_in_order(void *arg)
{
    const int i = (int)((hark_watch *)arg - clockwork.watches);
    const int64_t late = frozen_now() - (clockwork.began + i * clockwork.every);
    CHECK_EQ(i, clockwork.fired);
    CHECK_GE(late, 0);
    clockwork.late = late > clockwork.late ? late : clockwork.late;
    clockwork.fired++;
}

static int waits_for_timers(void *arg)
{
    int (*clock)(clockid_t, struct timespec *) = hark__sys.clock_gettime;
    (void)arg;
    CHECK_EQ(clock(CLOCK_MONOTONIC, &frozen), 0);
    frozen.tv_sec += 1;
    hark__sys.clock_gettime = stand_still;
    poll_by(jump_ahead);
    clockwork.began = frozen_now() + HARK_MS(1);
    for (int i = 0; i < TIMERS; i++) {
        hark_watch *w = &clockwork.watches[i];
        CHECK_EQ(hark_call_at(clockwork.began + i * clockwork.every, w, fires_in_order, w), 0);
    }
    CHECK_EQ(hark_sleep_until(clockwork.began + TIMERS * clockwork.every + HARK_MS(1)), 0);
    CHECK_EQ(clockwork.fired, TIMERS);
    poll_by(NULL);
    hark__sys.clock_gettime = clock;
    return 0;
}

TEST(idle_sparse_timers_fire_each_at_its_instant)
{
    clockwork.every = HARK_US(50);
    CHECK_EQ(RUN(waits_for_timers, NULL), 0);
    CHECK_EQ(clockwork.late, 0);
    CHECK_GE(clockwork.sleeps, TIMERS);
}

TEST(idle_denser_timers_are_50_us_late_at_most)
{
    clockwork.every = HARK_US(20);
    CHECK_EQ(RUN(waits_for_timers, NULL), 0);
    CHECK_GT(clockwork.late, 0);
    CHECK_LT(clockwork.late, HARK_US(50));
    CHECK_LE(clockwork.sleeps, TIMERS / 2 + 10);
}

TEST(idle_dense_timers_are_served_in_batches_500_us_late_at_most)
{
    clockwork.every = HARK_US(1);
    CHECK_EQ(RUN(waits_for_timers, NULL), 0);
    CHECK_LT(clockwork.late, HARK_US(500));
    CHECK_LE(clockwork.sleeps, TIMERS / 500 + 10);
}

/* ---- memory that is given back --------------------------------------------------------------- */

static struct {
    int64_t timeouts[256];
    int count;
} slept;

static int skip_the_sleep(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    if (timeout != 0) {
        CHECK_LT(slept.count, 256);
        slept.timeouts[slept.count++] = timeout;
        if (timeout < 0) {
            raise(SIGUSR1);
        } else {
            clock_ahead(timeout);
        }
    }
    return real->poll(hub, 0, reports, max);
}

/* Leaves many unused stacks behind. */
static void run_many(void)
{
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < 2000; i++) {
        CHECK_GT(hark_go(&group, gives_way, NULL), 0);
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    clock_ahead(TRIM);
    CHECK_EQ(hark_sleep(1), 0); /* the loop looks at the clock */
    slept.count = 0;
}

static int sleeps_after_work(void *arg)
{
    (void)arg;
    poll_by(skip_the_sleep);

    run_many();
    CHECK_EQ(hark_sleep(HARK_S(60)), 0);
    CHECK_GT(slept.count, 3);
    for (int i = 0; i < slept.count - 1; i++) {
        CHECK_LE(slept.timeouts[i], TRIM);
    }
    CHECK_GT(slept.timeouts[slept.count - 1], TRIM); /* nothing is left to give back */

    run_many();
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0); /* shorter than until the next trimming */
    CHECK_EQ(slept.count, 1);
    CHECK_LE(slept.timeouts[0], HARK_MS(20));

    run_many();
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    CHECK_GT(slept.count, 3);
    CHECK_EQ(slept.timeouts[0], TRIM); /* not for ever: there is more to give back */
    CHECK_LT(slept.timeouts[slept.count - 1], 0);
    poll_by(NULL);
    return 0;
}

TEST(idle_a_loop_gives_unused_stacks_back_bit_by_bit_and_then_sleeps_long)
{
    CHECK_EQ(RUN(sleeps_after_work, NULL), 0);
}

/* ---- a virtual clock waits for threads ------------------------------------------------------- */

static sem_t loop_sleeps;

static int look_up_slowly(const char *host, const char *port, const struct addrinfo *hints,
                          struct addrinfo **list)
{
    (void)host;
    (void)port;
    (void)hints;
    (void)list;
    while (sem_wait(&loop_sleeps) < 0) {}
    return EAI_FAIL;
}

static int tell_when_idle(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    if (timeout != 0) {
        CHECK_LT(timeout, 0); /* for the thread; the timer's time is not the thread's */
        kit_log("idle-at-%d", (int)hark_now());
        sem_post(&loop_sleeps);
    }
    return real->poll(hub, timeout, reports, max);
}

static int sleeps_a_bit(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    kit_log("slept");
    return 0;
}

static int looks_up_and_sleeps(void *arg)
{
    (void)arg;
    poll_by(tell_when_idle);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, sleeps_a_bit, NULL), 0);
    CHECK_LT(hark_tcp_connect("a.name", "1"), 0);
    kit_log("looked-up");
    CHECK_EQ(hark_group_close(&group, 0), 0);
    poll_by(NULL);
    return 0;
}

TEST(idle_a_virtual_clock_stands_still_while_a_thread_is_at_work)
{
    CHECK_EQ(sem_init(&loop_sleeps, 0, 0), 0);
    hark__sys.getaddrinfo = look_up_slowly;
    CHECK_EQ(RUN_VIRTUAL(looks_up_and_sleeps, NULL), 0);
    CHECK_LOG("idle-at-0 looked-up slept");
}

/* ---- steps that take long -------------------------------------------------------------------- */

static void is_slow(void *arg)
{
    (void)arg;
    clock_ahead(HARK_MS(30));
}

static int is_slow_and_ends(void *arg)
{
    is_slow(arg);
    return 0;
}

static int is_slow_itself(void *arg)
{
    hark_watch watch = {0};
    is_slow(arg);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_call_soon(&watch, is_slow, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, is_slow_and_ends, NULL), 0);
    return hark_group_close(&group, 0);
}

TEST(idle_who_keeps_the_loop_from_it_is_named)
{
    static char text[8192];
    const hark_options options = {.size = sizeof(options), .slow_step = HARK_MS(20)};
    const int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    const int memory = memfd_create("stderr", MFD_CLOEXEC);
    CHECK_EQ(dup2(memory, STDERR_FILENO), STDERR_FILENO);
    const int rc = hark_run_with(&options, is_slow_itself, NULL);
    CHECK_EQ(dup2(before, STDERR_FILENO), STDERR_FILENO);
    CHECK_EQ(rc, 0);
    CHECK_GT(pread(memory, text, sizeof(text) - 1, 0), 0);
    CHECK_HAS(text, ": this task kept the loop for ");
    CHECK_HAS(text, "hark: a callback kept the loop for ");
    CHECK_HAS(text, "hark: a task that has ended kept the loop for ");
    close(before);
    close(memory);
}

/* ---- loops that end in another order --------------------------------------------------------- */

static struct {
    sem_t began;
    int fd;
} younger;

static int outlives(void *arg)
{
    (void)arg;
    sem_post(&younger.began);
    return hark_wait_fd(younger.fd, POLLIN) == POLLIN ? 0 : -EIO;
}

static void *runs_longer(void *arg)
{
    CHECK_EQ(hark_run(outlives, NULL), 0);
    return arg;
}

static int begins_a_younger_one(void *thread)
{
    CHECK_EQ(pthread_create(thread, NULL, runs_longer, NULL), 0);
    while (sem_wait(&younger.began) < 0) {}
    CHECK_EQ(hark__census_count(), 2);
    return 0;
}

TEST(idle_an_older_loop_may_end_before_a_younger_one)
{
    pthread_t thread;
    const uint64_t one = 1;
    younger.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK_EQ(sem_init(&younger.began, 0, 0), 0);
    CHECK_EQ(RUN(begins_a_younger_one, &thread), 0);
    CHECK_EQ(hark__census_count(), 1);
    CHECK_EQ(write(younger.fd, &one, sizeof(one)), 8);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark__census_count(), 0);
    close(younger.fd);
}
