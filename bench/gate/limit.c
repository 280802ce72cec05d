/* SPDX-License-Identifier: MIT
 *
 * gate/limit.c - the same operations by the guarded limit (bench/limits): the least number of
 * instructions that can be called a safe answer. It passes no judgement; it stands beside.
 *
 * Names are those of hark's operations. What the limit has no answer to (descriptors, futures,
 * cancelling, posts) is not here.
 */
#define GUARDED 1
#include "../limits/tasks.h"
#include "gate.h"

#define MANY 1000

/* ---- giving way, beginning, ending ---------------------------------------------------------- */

static void yields(long n, void *tasks)
{
    GATE_EACH(n, *(long *)tasks)
    {
        yield();
    }
}

static void yield_among(long tasks)
{
    loop_open(tasks);
    for (long i = 1; i < tasks; i++)
        spawn(yielder, NULL);
    gate_count(yields, &tasks);
}

static void gate_yield_2(void)
{
    yield_among(2);
}

static void gate_yield_1000(void)
{
    yield_among(MANY);
}

static void joins(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        expect(1);
        spawn_in(&flock, nothing, NULL);
        join_all();
    }
}

static void gate_spawn_join(void)
{
    loop_open(1);
    gate_count(joins, NULL);
}

static void batches(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, MANY)
    {
        expect(MANY);
        for (int i = 0; i < MANY; i++)
            spawn_in(&flock, nothing, NULL);
        join_all();
    }
}

static void gate_spawn_batch(void)
{
    loop_open(MANY);
    gate_count(batches, NULL);
}

static void gatherings(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, MANY)
    {
        expect(MANY);
        for (int i = 0; i < MANY; i++)
            spawn_in(&flock, waiter, &gate);
        yield();
        event_set(&gate);
        join_all();
        gate.set = 0;
    }
}

static void gate_spawn_wait(void)
{
    loop_open(MANY);
    gate_count(gatherings, NULL);
}

/* ---- events --------------------------------------------------------------------------------- */

static void round_trips(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        event_set(&ping);
        event_wait(&pong);
        pong.set = 0;
    }
}

static void gate_pingpong(void)
{
    loop_open(2);
    spawn(ponger, NULL);
    yield();
    gate_count(round_trips, NULL);
}

static void waits_of_set(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        event_wait(&is_set);
    }
}

static void gate_is_set(void)
{
    loop_open(1);
    gate_count(waits_of_set, NULL);
}

static event doors[2];

static void goes_through_doors(void *arg)
{
    (void)arg;
    for (int i = 0;; i++)
        event_wait(&doors[i & 1]);
}

static void openings(long n, void *waiters)
{
    static int i;
    GATE_EACH(n, *(long *)waiters)
    {
        doors[(i + 1) & 1].set = 0;
        event_set(&doors[i & 1]);
        yield();
        i++;
    }
}

static void open_doors(long waiters)
{
    loop_open(waiters);
    for (long i = 0; i < waiters; i++)
        spawn(goes_through_doors, NULL);
    yield();
    gate_count(openings, &waiters);
}

static void gate_set_1(void)
{
    open_doors(1);
}

static void gate_set_1000(void)
{
    open_doors(MANY);
}

/* ---- what is taken, and items --------------------------------------------------------------- */

#define TAKEN(what, thing) \
    static void what##_gate_pairs(long n, void *arg) \
    { \
        (void)arg; \
        GATE_EACH(n, 1) \
        { \
            what##_acquire(&thing); \
            what##_release(&thing); \
        } \
    } \
    static void what##_gate_turns(long n, void *arg) \
    { \
        (void)arg; \
        GATE_EACH(n, 2) \
        { \
            what##_release(&thing); \
            what##_acquire(&thing); \
        } \
    } \
    static void gate_##what##_alone(void) \
    { \
        loop_open(1); \
        gate_count(what##_gate_pairs, NULL); \
    } \
    static void gate_##what##_turn(void) \
    { \
        loop_open(2); \
        what##_acquire(&thing); \
        spawn_all(what##_other, 1); \
        gate_count(what##_gate_turns, NULL); \
    }

TAKEN(lock, the_lock)
TAKEN(sem, the_sem)

static void pairs(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    GATE_EACH(n, 1)
    {
        chan_send(&there, &item);
        chan_recv(&there, &item);
    }
}

static void items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    GATE_EACH(n, 1)
    {
        chan_recv(&back, &item);
    }
}

static void gate_chan_alone(void)
{
    loop_open(1);
    there.slots = SLOTS;
    gate_count(pairs, NULL);
}

static void from_sender(uint32_t slots)
{
    loop_open(1);
    back.slots = slots;
    spawn(chan_sender, NULL);
    yield();
    gate_count(items, NULL);
}

static void gate_chan_64(void)
{
    from_sender(64);
}

static void gate_rendezvous(void)
{
    from_sender(0);
}

/* ---- scopes, timers ------------------------------------------------------------------------- */

/* The scopes of bench/limits do their own counting; the time does not matter to them. */
static void gate_scope(void)
{
    loop_open(1);
    gate_count(scopes, NULL);
}

static void gate_scope_deadline(void)
{
    loop_open(1);
    gate_count(deadline_scopes, NULL);
}

static void arms(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        struct wheel_timer t;
        wheel_arm(&clockwork, &t, (uint64_t)gate_now + 1000000000);
        __asm__ volatile("" ::"r"(&t) : "memory");
        wheel_cancel(&t);
    }
}

static void gate_timer(void)
{
    wheel_init(&clockwork, (uint64_t)gate_now);
    gate_count(arms, NULL);
}

int gate_run(void (*fn)(void))
{
    fn();
    return 0;
}

static const gate_operation operations[] = {
    {"yield_2", "", 4000, gate_yield_2},
    {"yield_1000", "", 10000, gate_yield_1000},
    {"spawn_join", "", 2000, gate_spawn_join},
    {"spawn_batch", "", 4000, gate_spawn_batch},
    {"spawn_wait", "", 4000, gate_spawn_wait},
    {"event_pingpong", "", 2000, gate_pingpong},
    {"flag_pingpong", "", 2000, gate_pingpong},
    {"event_is_set", "", 4000, gate_is_set},
    {"event_set_1", "", 2000, gate_set_1},
    {"event_set_1000", "", 10000, gate_set_1000},
    {"lock_alone", "", 4000, gate_lock_alone},
    {"lock_turn", "", 4000, gate_lock_turn},
    {"sem_alone", "", 4000, gate_sem_alone},
    {"sem_turn", "", 4000, gate_sem_turn},
    {"chan_alone", "", 4000, gate_chan_alone},
    {"chan_64", "", 6400, gate_chan_64},
    {"chan_rendezvous", "", 4000, gate_rendezvous},
    {"scope", "", 4000, gate_scope},
    {"scope_deadline", "", 4000, gate_scope_deadline},
    {"timer", "", 4000, gate_timer},
    {NULL, NULL, 0, NULL},
};
const gate_operation *const gate_tables[] = {operations, NULL};
