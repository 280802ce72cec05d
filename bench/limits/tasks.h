/* SPDX-License-Identifier: MIT
 *
 * limits/tasks.h - the questions about tasks, answered by limits/fiber.h; those about what they
 * share stand in limits/sync.h.
 *
 * Each answer does what the program of the same name in bench/ does, step by step, and prints the
 * same keys. bare.c and guarded.c make a program of it: `guarded broadcast 1000`.
 */
#ifndef HARK_LIMITS_TASKS_H
#define HARK_LIMITS_TASKS_H

#include "fiber.h"
#include "sync.h"
#include "wheel.h"

static int stopped;
static event gate;

/* ---- switch, yield_n ----------------------------------------------------------------------- */

static void yielder(void *arg)
{
    (void)arg;
    while (!stopped)
        yield();
}

static void yield_many(long n, void *arg)
{
    (void)arg;
    while (n--)
        yield();
}

static void answer_yield(long n)
{
    loop_open(n);
    for (long i = 1; i < n; i++)
        spawn(yielder, NULL);
    yield();
    long turns = OPERATIONS / n > 10 ? OPERATIONS / n : 10;
    bench_say("ns_per_yield", bench_ns(yield_many, turns, NULL) / n, "ns");
}

/* ---- pingpong, deadline -------------------------------------------------------------------- */

static event ping, pong;
static struct wheel clockwork;

static void ponger(void *arg)
{
    (void)arg;
    for (;;) {
        event_wait(&ping);
        ping.set = 0;
        event_set(&pong);
    }
}

static void pings(long n, void *arg)
{
    (void)arg;
    while (n--) {
        event_set(&ping);
        event_wait(&pong);
        pong.set = 0;
    }
}

/* A future is an event with a value; whoever has it makes it new. */
static event inquiry, reply;
static void *asked, *replied;

static void replier(void *arg)
{
    (void)arg;
    for (;;) {
        event_wait(&inquiry);
        inquiry.set = 0;
        replied = asked;
        event_set(&reply);
    }
}

static void questions(long n, void *arg)
{
    while (n--) {
        asked = arg;
        event_set(&inquiry);
        event_wait(&reply);
        bench_must(replied == arg, "the reply");
        reply.set = 0;
    }
}

static void too_late(struct wheel_timer *t)
{
    (void)t;
    abort(); /* the deadlines here are never met */
}

/* A timeout that is never too short counts from now; bare counts from when the turn began. */
static inline void deadline_arm(struct wheel_timer *t)
{
    t->fire = too_late;
    wheel_arm(&clockwork, t, (GUARDED ? wheel_now() : clockwork.tick << WHEEL_TICK) + 1000000000);
}

static void deadline_ponger(void *arg)
{
    (void)arg;
    for (;;) {
        struct wheel_timer t;
        deadline_arm(&t);
        event_wait(&ping);
        wheel_cancel(&t);
        ping.set = 0;
        event_set(&pong);
    }
}

static void deadline_pings(long n, void *arg)
{
    (void)arg;
    while (n--) {
        struct wheel_timer t;
        event_set(&ping);
        deadline_arm(&t);
        event_wait(&pong);
        wheel_cancel(&t);
        pong.set = 0;
    }
}

static void answer_pingpong(void)
{
    loop_open(2);
    spawn(ponger, NULL);
    yield();
    bench_say("ns_per_round_trip", bench_ns(pings, OPERATIONS / 2, NULL), "ns");
    spawn(replier, NULL); /* the other one sleeps on */
    double ns = bench_ns(questions, OPERATIONS / 2, &inquiry);
    bench_say("ns_per_future_round_trip", ns, "ns");
}

static void answer_deadline(void)
{
    loop_open(2);
    wheel_clock_init();
    wheel_init(&clockwork, wheel_now());
    spawn(ponger, NULL);
    yield();
    double plain = bench_ns(pings, OPERATIONS / 2, NULL);
    spawn(deadline_ponger, NULL); /* the other one sleeps on, for it is no longer pinged */
    ping.first = NULL;
    yield();
    double timed = bench_ns(deadline_pings, OPERATIONS / 2, NULL);
    bench_say("ns_per_round_trip", timed, "ns");
    bench_say("ns_per_deadline", (timed - plain) / 2, "ns");
}

/* ---- broadcast ----------------------------------------------------------------------------- */

static group flock; /* of the question's tasks */

#if GUARDED
static inline void expect(long tasks)
{
    (void)tasks;
    group_open(&flock);
}

static inline int all_have_ended(void)
{
    return flock.first == NULL;
}

static inline void one_more_ended(void)
{
}

static inline void join_all(void)
{
    group_close(&flock, 0);
}
#else
/* They are counted, and the last one wakes who waits for all. */
static event all_ended;
static long ended, expected;

static inline void expect(long tasks)
{
    expected = tasks;
}

static inline int all_have_ended(void)
{
    return all_ended.set;
}

static inline void one_more_ended(void)
{
    if (++ended == expected)
        event_set(&all_ended);
}

static inline void join_all(void)
{
    event_wait(&all_ended);
    all_ended.set = 0;
    ended = 0;
}
#endif

static void waiter(void *arg)
{
    event_wait((event *)arg);
    one_more_ended();
}

/* Several events when there are few waiters: a clock read costs more than a wake. */
static void answer_broadcast(long n)
{
    long events = n < 1000 ? 1000 / n : 1, tasks = n * events;
    int rounds = tasks > 300000 ? 1 : BENCH_BATCHES;
    double each[BENCH_BATCHES], set[BENCH_BATCHES];
    event *e = (event *)calloc(events, sizeof *e);
    loop_open(tasks);
    for (int r = -1; r < rounds; r++) { /* the first only warms up */
        memset(e, 0, events * sizeof *e);
        expect(tasks);
        for (long i = 0; i < tasks; i++)
            spawn_in(&flock, waiter, &e[i / n]);
        yield();
        int64_t start = bench_now();
        for (long i = 0; i < events; i++)
            event_set(&e[i]);
        int64_t middle = bench_now();
        join_all();
        if (r >= 0) {
            each[r] = (double)(bench_now() - start) / tasks;
            set[r] = (double)(middle - start) / tasks;
        }
    }
    bench_say("ns_per_task", bench_median(each, rounds), "ns");
    bench_say("ns_in_set", bench_median(set, rounds), "ns");
}

/* ---- spawn_end, spawn_park ----------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg;
    one_more_ended();
}

static void spawn_joins(long n, void *arg)
{
    (void)arg;
    while (n--) {
        expect(1);
        spawn_in(&flock, nothing, NULL);
        join_all();
    }
}

static double spawn_batch(long n)
{
    int64_t start = bench_now();
    expect(n);
    for (long i = 0; i < n; i++)
        spawn_in(&flock, nothing, NULL);
    join_all();
    return (double)(bench_now() - start) / n;
}

static void answer_spawn_end(long n)
{
    double warm[BENCH_BATCHES];
    loop_open(n);
    bench_say("ns_batch_cold", spawn_batch(n), "ns");
    for (int i = 0; i < BENCH_BATCHES; i++)
        warm[i] = spawn_batch(n);
    bench_say("ns_batch_warm", bench_median(warm, BENCH_BATCHES), "ns");
    bench_say("ns_serial", bench_ns(spawn_joins, OPERATIONS / 5, NULL), "ns");
}

static double spawn_and_park(long n)
{
    int64_t start = bench_now();
    expect(n);
    for (long i = 0; i < n; i++)
        spawn_in(&flock, waiter, &gate);
    yield();
    return (double)(bench_now() - start) / n;
}

static void answer_spawn_park(long n)
{
    bench_memory before = bench_memory_now();
    loop_open(n);
    bench_say("ns_cold", spawn_and_park(n), "ns");
    bench_memory_say(before, n);
    event_set(&gate);
    join_all();
    gate.set = 0;
    bench_say("ns_warm", spawn_and_park(n), "ns");
}

/* ---- scope --------------------------------------------------------------------------------- */

#if GUARDED
static event is_set = {NULL, NULL, 1};

static void calls(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory())
        event_wait(&is_set);
}

static void scopes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        span s;
        span_open(&s, UINT64_MAX, 0);
        span_close(&s, event_wait(&is_set));
    }
}

/* The deadline is reckoned, and a timer armed, by whoever waits in there: nobody does. But the
 * counter is read here, for that is when the time begins. */
static void deadline_scopes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        span s;
        span_open(&s, 1000000000, wheel_cycles());
        span_close(&s, event_wait(&is_set));
    }
}

static void answer_scope(void)
{
    loop_open(1);
    bench_say("ns_call", bench_ns(calls, OPERATIONS, NULL), "ns");
    bench_say("ns_scope", bench_ns(scopes, OPERATIONS, NULL), "ns");
    bench_say("ns_scope_deadline", bench_ns(deadline_scopes, OPERATIONS, NULL), "ns");
    bench_say("ns_within", bench_ns(deadline_scopes, OPERATIONS, NULL), "ns");
}
#else
static void answer_scope(void)
{
    bench_skip("without cancellation there is no scope");
}
#endif

/* ---- sleep_many ---------------------------------------------------------------------------- */

/* On the stack of who sleeps. */
struct sleeper {
    struct wheel_timer timer; /* first: a timer is its sleeper */
    task *who;
};
static int64_t first_deadline;

static void wake_sleeper(struct wheel_timer *t)
{
    ready(((struct sleeper *)t)->who);
}

static void sleeper(void *arg)
{
    event_wait(&gate);
    if (checkpoint())
        return;
    struct sleeper s = {{NULL, NULL, 0, wake_sleeper}, loop.self};
    wheel_arm(&clockwork, &s.timer, first_deadline + bench_mix((uintptr_t)arg) % 1000000000);
    park();
    one_more_ended();
}

/* Again and again: sleep, look at the clock, let those run that are due. */
static void sleep_until_all_ended(void)
{
    while (!all_have_ended())
        if (wheel_advance(&clockwork, wheel_sleep(&clockwork)))
            yield();
}

static void answer_sleep_many(long n)
{
    loop_open(n);
    expect(n);
    for (long i = 0; i < n; i++)
        spawn_in(&flock, sleeper, (void *)i);
    yield();
    int64_t cpu = bench_cpu(), start = bench_now();
    first_deadline = start + 100000000 + 2000 * n;
    wheel_init(&clockwork, start);
    event_set(&gate);
    yield();
    bench_say("ns_arm", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    sleep_until_all_ended();
    join_all();
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - first_deadline - 1e9) / 1e6, "ms");
}

/* ---- which question ------------------------------------------------------------------------ */

BENCH_UNUSED static int answer(int argc, char **argv)
{
    const char *question = argc > 1 ? argv[1] : "";
    if (strcmp(question, "switch") == 0)
        answer_yield(2);
    else if (strcmp(question, "yield_n") == 0)
        answer_yield(bench_size(argc, argv, 2, 1000));
    else if (strcmp(question, "pingpong") == 0)
        answer_pingpong();
    else if (strcmp(question, "deadline") == 0)
        answer_deadline();
    else if (strcmp(question, "broadcast") == 0)
        answer_broadcast(bench_size(argc, argv, 2, 1000));
    else if (strcmp(question, "spawn_end") == 0)
        answer_spawn_end(bench_size(argc, argv, 2, 1000000));
    else if (strcmp(question, "spawn_park") == 0)
        answer_spawn_park(bench_size(argc, argv, 2, 1000000));
    else if (strcmp(question, "scope") == 0)
        answer_scope();
    else if (strcmp(question, "sleep_many") == 0)
        answer_sleep_many(bench_size(argc, argv, 2, 1000000));
    else if (!answer_sync(question, argc, argv)) {
        fprintf(stderr,
                "usage: %s switch | yield_n N | pingpong | deadline | broadcast N | "
                "spawn_end N | spawn_park N | scope | sleep_many N | lock N | sem N | chan N | "
                "queue KIND | select N | cond N | barrier N | uncontended\n",
                argv[0]);
        return 2;
    }
    if (GUARDED && loop.refused)
        fprintf(stderr, "this kernel has no MADV_GUARD_INSTALL: measured without guards\n");
    return 0;
}

#endif
