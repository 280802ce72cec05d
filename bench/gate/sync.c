/* SPDX-License-Identifier: MIT
 *
 * gate/sync.c - operations of what tasks wait for: alone, where nobody has to wait, and from task
 * to task.
 */
#include "gate.h"
#include <hark.h>

#define MANY 1000

static bool stopped;
static hark_group group;

/* As many helpers as said, each of which comes to its first wait before this returns. */
static void with_helpers(hark_fn *helper, int count, bench_body *body, void *arg)
{
    hark_group_open(&group);
    for (int i = 0; i < count; i++)
        GATE_DO(hark_go(&group, helper, arg));
    hark_yield();
    gate_count(body, arg);
    stopped = true;
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

/* ---- event, flag, future -------------------------------------------------------------------- */

static hark_event there, back, gates[2];

static int event_ponger(void *arg)
{
    (void)arg;
    while (hark_event_wait(&there) == 0) {
        hark_event_init(&there);
        GATE_DO(hark_event_set(&back));
    }
    return 0;
}

static void event_pings(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_event_set(&there));
        GATE_DO(hark_event_wait(&back));
        hark_event_init(&back);
    }
}

static void event_pingpong(void)
{
    with_helpers(event_ponger, 1, event_pings, NULL);
}

static void waits_of_set(long n, void *e)
{
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_event_wait(e));
    }
}

static void event_is_set(void)
{
    hark_event_set(&there);
    gate_count(waits_of_set, &there);
}

/* All wait at one gate; when that opens they go on to the other one. */
static int goes_through_gates(void *arg)
{
    (void)arg;
    for (int i = 0; !stopped && hark_event_wait(&gates[i & 1]) == 0; i++)
        ;
    return 0;
}

static void openings(long n, void *waiters)
{
    static int i;
    GATE_EACH(n, *(long *)waiters)
    {
        hark_event_init(&gates[(i + 1) & 1]);
        GATE_DO(hark_event_set(&gates[i & 1]));
        GATE_DO(hark_yield());
        i++;
    }
}

static void event_set_1(void)
{
    long waiters = 1;
    with_helpers(goes_through_gates, 1, openings, &waiters);
}

static void event_set_1000(void)
{
    long waiters = MANY;
    with_helpers(goes_through_gates, MANY, openings, &waiters);
}

static hark_flag flag_there, flag_back;

static int flag_ponger(void *arg)
{
    (void)arg;
    while (hark_flag_wait(&flag_there) == 0) {
        GATE_DO(hark_flag_clear(&flag_there));
        GATE_DO(hark_flag_set(&flag_back));
    }
    return 0;
}

static void flag_pings(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_flag_set(&flag_there));
        GATE_DO(hark_flag_wait(&flag_back));
        GATE_DO(hark_flag_clear(&flag_back));
    }
}

static void flag_pingpong(void)
{
    with_helpers(flag_ponger, 1, flag_pings, NULL);
}

static hark_future question, reply;

static int replier(void *arg)
{
    void *value;
    (void)arg;
    while (hark_future_wait(&question, &value) == 0) {
        GATE_DO(hark_future_reset(&question));
        GATE_DO(hark_future_send(&reply, value));
    }
    return 0;
}

static void questions(long n, void *arg)
{
    void *value;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_future_send(&question, arg));
        GATE_DO(hark_future_wait(&reply, &value));
        GATE_DO(hark_future_reset(&reply));
    }
}

static void future_pingpong(void)
{
    with_helpers(replier, 1, questions, NULL);
}

/* ---- what is taken and given back ----------------------------------------------------------- */

static hark_lock lock = HARK_LOCK_INIT;
static hark_sem sem = HARK_SEM_INIT(1, 1);
static hark_rwlock rwlock = HARK_RWLOCK_INIT;
static hark_limiter limiter = HARK_LIMITER_INIT(1);
static hark_cond cond = HARK_COND_INIT;

/* Alone; and in turns, two tasks, of which one always waits for what the other has. */
#define TAKEN(what, take, give) \
    static void what##_pairs(long n, void *arg) \
    { \
        (void)arg; \
        GATE_EACH(n, 1) \
        { \
            GATE_DO(take); \
            GATE_DO(give); \
        } \
    } \
    static void what##_turns(long n, void *arg) \
    { \
        (void)arg; \
        GATE_EACH(n, 2) \
        { \
            GATE_DO(give); \
            GATE_DO(take); \
        } \
    } \
    static int what##_other(void *arg) \
    { \
        (void)arg; \
        while (take == 0 && !stopped) \
            GATE_DO(give); \
        return 0; \
    } \
    static void what##_alone(void) \
    { \
        gate_count(what##_pairs, NULL); \
    } \
    static void what##_turn(void) \
    { \
        take; \
        with_helpers(what##_other, 1, what##_turns, NULL); \
    }

TAKEN(lock, hark_lock_acquire(&lock), hark_lock_release(&lock))
TAKEN(sem, hark_sem_acquire(&sem), hark_sem_release(&sem))
TAKEN(write, hark_rwlock_write(&rwlock), hark_rwlock_release(&rwlock))
TAKEN(limiter, hark_limiter_acquire(&limiter), hark_limiter_release(&limiter))

static void reads(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_rwlock_read(&rwlock));
        GATE_DO(hark_rwlock_release(&rwlock));
    }
}

static void read_alone(void)
{
    gate_count(reads, NULL);
}

static void cond_turns(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 2)
    {
        GATE_DO(hark_cond_notify(&cond, 1));
        GATE_DO(hark_cond_wait(&cond, &lock));
    }
}

static int cond_other(void *arg)
{
    hark_lock_acquire(&lock);
    if (hark_cond_wait(&cond, &lock) == 0)
        while (!stopped) {
            GATE_DO(hark_cond_notify(&cond, 1));
            if (hark_cond_wait(&cond, &lock) < 0)
                break;
        }
    (void)arg;
    return hark_lock_release(&lock);
}

static void cond_turn(void)
{
    hark_group_open(&group);
    hark_go(&group, cond_other, NULL);
    hark_yield();
    hark_lock_acquire(&lock);
    gate_count(cond_turns, NULL);
    stopped = true;
    hark_cond_notify(&cond, 1);
    hark_lock_release(&lock);
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

/* ---- items from task to task ---------------------------------------------------------------- */

static hark_chan chan;
static hark_queue queue;

static void chan_pairs(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_chan_send(&chan, &item));
        GATE_DO(hark_chan_recv(&chan, &item));
    }
}

static void chan_items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_chan_recv(&chan, &item));
    }
}

static int chan_sender(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    while (!stopped && hark_chan_send(&chan, &item) == 0)
        item++;
    return 0;
}

static void open_chan(size_t places)
{
    bench_must(hark_chan_init(&chan, sizeof(uint64_t), places) == 0, "hark_chan_init");
}

static void chan_alone(void)
{
    open_chan(64);
    gate_count(chan_pairs, NULL);
}

static void chan_64(void)
{
    open_chan(64);
    with_helpers(chan_sender, 1, chan_items, NULL);
}

static void chan_rendezvous(void)
{
    open_chan(0);
    with_helpers(chan_sender, 1, chan_items, NULL);
}

static void queue_pairs(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    GATE_EACH(n, 1)
    {
        item += 1 + (item & 7);
        GATE_DO(hark_queue_put(&queue, &item));
        GATE_DO(hark_queue_get(&queue, &item));
    }
}

static void queue_items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_queue_get(&queue, &item));
    }
}

static int producer(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    while (!stopped && hark_queue_put(&queue, &item) == 0)
        item++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void open_queue(hark_order order)
{
    int error = hark_queue_init(&queue, sizeof(uint64_t), 64, order,
                                order == HARK_PRIORITY ? compare : NULL);
    bench_must(error == 0, "hark_queue_init");
}

static void queue_alone(void)
{
    open_queue(HARK_FIFO);
    gate_count(queue_pairs, NULL);
}

static void queue_64(void)
{
    open_queue(HARK_FIFO);
    with_helpers(producer, 1, queue_items, NULL);
}

/* Thirty-two items are in it all the time. */
static void queue_priority(void)
{
    open_queue(HARK_PRIORITY);
    for (uint64_t item = 0; item < 32; item++)
        GATE_DO(hark_queue_put(&queue, &item));
    gate_count(queue_pairs, NULL);
}

static hark_broadcast news;
static hark_subscriber subscriber;

static void broadcasts(long n, void *arg)
{
    uint64_t value = (uintptr_t)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_broadcast_send(&news, &value));
        GATE_DO(hark_broadcast_recv(&subscriber, &value));
    }
}

static void broadcast(void)
{
    static uint64_t buffer[64];
    hark_broadcast_init(&news, buffer, sizeof *buffer, 64);
    hark_broadcast_subscribe(&news, &subscriber);
    gate_count(broadcasts, NULL);
}

/* ---- select --------------------------------------------------------------------------------- */

static hark_chan chans[2];
static hark_case cases[2];
static uint64_t selected;

static void selects_ready(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_chan_send(&chans[n & 1], &item));
        GATE_DO(hark_select(cases, 2));
    }
}

static void selects(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_select(cases, 2));
    }
}

static int select_sender(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    for (unsigned i = 0; !stopped; i++) {
        GATE_DO(hark_chan_send(&chans[i & 1], &item));
        GATE_DO(hark_yield());
    }
    return 0;
}

static void open_cases(void)
{
    for (int i = 0; i < 2; i++) {
        bench_must(hark_chan_init(&chans[i], sizeof(uint64_t), 1) == 0, "hark_chan_init");
        cases[i] = hark_on_recv(&chans[i], &selected);
    }
}

static void select_ready(void)
{
    open_cases();
    gate_count(selects_ready, NULL);
}

static void select_woken(void)
{
    open_cases();
    with_helpers(select_sender, 1, selects, NULL);
}

const gate_operation gate_sync[] = {
    {"event_pingpong", "two events: a round trip, two wakes and two waits", 2000, event_pingpong},
    {"event_is_set", "a wait for an event that is set", 4000, event_is_set},
    {"event_set_1", "a set with one waiter, which waits for the next", 2000, event_set_1},
    {"event_set_1000", "the same, one of 1,000 waiters", 10000, event_set_1000},
    {"flag_pingpong", "two flags: a round trip", 2000, flag_pingpong},
    {"future_pingpong", "two futures: a round trip", 2000, future_pingpong},
    {"lock_alone", "a lock, acquired and released", 4000, lock_alone},
    {"lock_turn", "a lock from task to task", 4000, lock_turn},
    {"sem_alone", "a permit, taken and given back", 4000, sem_alone},
    {"sem_turn", "a permit from task to task", 4000, sem_turn},
    {"rwlock_read", "a lock to read, taken and released", 4000, read_alone},
    {"rwlock_write", "a lock to write, taken and released", 4000, write_alone},
    {"rwlock_turn", "a lock to write from task to task", 4000, write_turn},
    {"limiter_alone", "a token, taken and given back", 4000, limiter_alone},
    {"limiter_turn", "a token from task to task", 4000, limiter_turn},
    {"cond_turn", "a notify and a wait, two tasks in turn", 4000, cond_turn},
    {"chan_alone", "an item into a channel and out of it", 4000, chan_alone},
    {"chan_64", "an item from task to task, 64 places", 6400, chan_64},
    {"chan_rendezvous", "an item from task to task, no place", 4000, chan_rendezvous},
    {"queue_alone", "an item into a queue and out of it", 4000, queue_alone},
    {"queue_64", "an item from task to task, 64 places", 6400, queue_64},
    {"queue_priority", "an item into an ordered queue of 32 and out", 4000, queue_priority},
    {"broadcast", "a value to one subscriber", 4000, broadcast},
    {"select_ready", "a send, and a select of two of which one is ready", 4000, select_ready},
    {"select_woken", "a select of two that waits, and is woken", 4000, select_woken},
    {NULL, NULL, 0, NULL},
};
