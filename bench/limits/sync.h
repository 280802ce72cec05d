/* SPDX-License-Identifier: MIT
 *
 * limits/sync.h - the least that can be called a lock, a semaphore, a channel ..., over
 * limits/fiber.h.
 *
 * Each answer does what the program of the same name in bench/ does, step by step, and prints the
 * same keys.
 *
 * Rules
 *   1  Direct hand-over, first come, first served: whoever gives takes the first out of the line,
 *      gives, and makes it ready. Nobody barges in, nobody looks twice.
 *   2  A call that can wait looks first whether the caller was cancelled (checkpoint), and a lock
 *      whether it is the caller's.
 *   3  A channel's items are words, and who waits with one has its place in its record.
 *
 * Not here: being cancelled while one waits, telling who waits that a holder has ended, rings of
 * holders, closed ends, sizes of items, a budget of calls that need not wait, words for any of it.
 */
#ifndef HARK_LIMITS_SYNC_H
#define HARK_LIMITS_SYNC_H

#include "fiber.h"

#define OPERATIONS 5000000l
#define SLOTS      64

struct line {
    task *first, **last;
};

static inline void line_stand(struct line *l)
{
    task *self = loop.self;
    self->next = NULL;
    if (l->first == NULL)
        l->last = &l->first;
    *l->last = self;
    l->last = &self->next;
}

static inline task *line_take(struct line *l)
{
    task *t = l->first;
    l->first = t->next;
    return t;
}

static inline void wake_first(struct line *l)
{
    ready(line_take(l));
}

/* As many tasks as there are, each of them this. The caller, one more, waits until all stand. */
static void spawn_all(void (*fn)(void *), long count)
{
    for (long i = 0; i < count; i++)
        spawn(fn, NULL);
    yield();
}

/* ---- lock, cond ---------------------------------------------------------------------------- */

static struct lock {
    struct line line;
    task *owner;
} the_lock;
static struct line the_condition;

CALL int lock_acquire(struct lock *l)
{
    if (checkpoint())
        return -ECANCELED;
    if (l->owner == NULL) {
        l->owner = loop.self;
        return 0;
    }
    if (l->owner == loop.self)
        return -EDEADLK;
    line_stand(&l->line);
    return park();
}

static inline void lock_hand_over(struct lock *l)
{
    if (l->line.first)
        ready(l->owner = line_take(&l->line));
    else
        l->owner = NULL;
}

CALL int lock_release(struct lock *l)
{
    if (l->owner != loop.self)
        return -EPERM;
    lock_hand_over(l);
    return 0;
}

CALL int cond_notify(struct line *c, struct lock *l)
{
    task *t = c->first;
    if (t == NULL)
        return 0;
    if (l->owner != loop.self)
        return -EPERM;
    c->first = t->next;
    t->next = NULL;
    if (l->line.first == NULL)
        l->line.last = &l->line.first;
    *l->line.last = t;
    l->line.last = &t->next;
    return 1;
}

CALL int cond_wait(struct line *c, struct lock *l)
{
    if (checkpoint())
        return -ECANCELED;
    if (l->owner != loop.self)
        return -EPERM;
    lock_hand_over(l);
    line_stand(c);
    return park();
}

static void lock_pairs(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory()) {
        lock_acquire(&the_lock);
        lock_release(&the_lock);
    }
}

static void lock_turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        lock_release(&the_lock);
        lock_acquire(&the_lock);
    }
}

static void lock_other(void *arg)
{
    lock_acquire(&the_lock);
    for (;;)
        lock_turns(1, arg);
}

static void answer_lock(long tasks)
{
    loop_open(tasks);
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(lock_pairs, OPERATIONS, NULL), "ns");
        return;
    }
    lock_acquire(&the_lock);
    spawn_all(lock_other, tasks - 1);
    bench_say("ns_per_hand_over", bench_ns(lock_turns, OPERATIONS / tasks, NULL) / tasks, "ns");
}

static void cond_calls(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory())
        cond_notify(&the_condition, &the_lock);
}

static void cond_turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        cond_notify(&the_condition, &the_lock);
        cond_wait(&the_condition, &the_lock);
    }
}

static void cond_other(void *arg)
{
    lock_acquire(&the_lock);
    cond_wait(&the_condition, &the_lock);
    for (;;)
        cond_turns(1, arg);
}

static void answer_cond(long tasks)
{
    loop_open(tasks);
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(cond_calls, OPERATIONS, NULL), "ns");
        return;
    }
    spawn_all(cond_other, tasks - 1);
    lock_acquire(&the_lock);
    bench_say("ns_per_turn", bench_ns(cond_turns, OPERATIONS / tasks, NULL) / tasks, "ns");
}

/* ---- sem ----------------------------------------------------------------------------------- */

static struct sem {
    struct line line;
    int value, max;
} the_sem = {{NULL, NULL}, 1, 1};

CALL int sem_acquire(struct sem *s)
{
    if (checkpoint())
        return -ECANCELED;
    if (s->value > 0) {
        s->value--;
        return 0;
    }
    line_stand(&s->line);
    return park();
}

CALL int sem_release(struct sem *s)
{
    if (s->line.first) {
        wake_first(&s->line);
        return 0;
    }
    if (s->value == s->max)
        return -EOVERFLOW;
    s->value++;
    return 0;
}

static void sem_pairs(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory()) {
        sem_acquire(&the_sem);
        sem_release(&the_sem);
    }
}

static void sem_turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        sem_release(&the_sem);
        sem_acquire(&the_sem);
    }
}

static void sem_other(void *arg)
{
    sem_acquire(&the_sem);
    for (;;)
        sem_turns(1, arg);
}

static void answer_sem(long tasks)
{
    loop_open(tasks);
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(sem_pairs, OPERATIONS, NULL), "ns");
        return;
    }
    sem_acquire(&the_sem);
    spawn_all(sem_other, tasks - 1);
    bench_say("ns_per_hand_over", bench_ns(sem_turns, OPERATIONS / tasks, NULL) / tasks, "ns");
}

/* ---- chan, queue --------------------------------------------------------------------------- */

struct chan {
    struct line receivers, senders;
    uint32_t slots, used, first;
    int (*compare)(const void *, const void *); /* a heap of items, not a ring */
    uint64_t arrivals;
    struct {
        uint64_t item, arrival;
    } heap[SLOTS];
    uint64_t ring[SLOTS];
};

/* Rule 3. A task that runs no longer needs the argument that it began with. */
static inline uint64_t *place_of(task *t)
{
    return (uint64_t *)t->arg;
}

static inline int heap_before(const struct chan *c, uint32_t a, uint32_t b)
{
    int order = c->compare(&c->heap[a].item, &c->heap[b].item);
    return order < 0 || (order == 0 && c->heap[a].arrival < c->heap[b].arrival);
}

static inline void heap_swap(struct chan *c, uint32_t a, uint32_t b)
{
    __typeof__(c->heap[0]) kept = c->heap[a];
    c->heap[a] = c->heap[b];
    c->heap[b] = kept;
}

static void heap_put(struct chan *c, uint64_t item)
{
    uint32_t at = c->used;
    c->heap[at].item = item;
    c->heap[at].arrival = c->arrivals++;
    for (; at > 0 && heap_before(c, at, (at - 1) / 2); at = (at - 1) / 2)
        heap_swap(c, at, (at - 1) / 2);
}

/* The last has come to the front, and c->used is one less. */
static void heap_mend(struct chan *c)
{
    for (uint32_t at = 0, child; (child = 2 * at + 1) < c->used; at = child) {
        child += child + 1 < c->used && heap_before(c, child + 1, child);
        if (!heap_before(c, child, at))
            return;
        heap_swap(c, at, child);
    }
}

static inline void chan_store(struct chan *c, uint64_t item)
{
    uint32_t at = c->first + c->used;
    if (c->compare)
        heap_put(c, item);
    else
        c->ring[at < c->slots ? at : at - c->slots] = item;
    c->used++;
}

static inline uint64_t chan_take(struct chan *c)
{
    uint64_t item = c->compare ? c->heap[0].item : c->ring[c->first];
    c->used--;
    if (c->compare) {
        c->heap[0] = c->heap[c->used];
        heap_mend(c);
    } else
        c->first = c->first + 1 < c->slots ? c->first + 1 : 0;
    return item;
}

CALL int chan_send(struct chan *c, uint64_t *item)
{
    if (checkpoint())
        return -ECANCELED;
    if (c->receivers.first) {
        *place_of(c->receivers.first) = *item;
        wake_first(&c->receivers);
        return 0;
    }
    if (c->used < c->slots) {
        chan_store(c, *item);
        return 0;
    }
    loop.self->arg = item;
    line_stand(&c->senders);
    return park();
}

CALL int chan_recv(struct chan *c, uint64_t *item)
{
    task *sender = c->senders.first;
    if (checkpoint())
        return -ECANCELED;
    if (c->used) {
        *item = chan_take(c);
        if (sender) {
            chan_store(c, *place_of(sender));
            wake_first(&c->senders);
        }
        return 0;
    }
    if (sender) {
        *item = *place_of(sender);
        wake_first(&c->senders);
        return 0;
    }
    loop.self->arg = item;
    line_stand(&c->receivers);
    return park();
}

static struct chan there, back;

static void chan_pairs(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    for (; n--; in_memory()) {
        chan_send(&there, &item);
        chan_recv(&there, &item);
    }
}

static void chan_items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    while (n--)
        chan_recv(&back, &item);
}

static void chan_sender(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    for (;; item++)
        chan_send(&back, &item);
}

static void answer_chan(long slots)
{
    loop_open(2);
    bench_must(slots <= SLOTS, "a channel of at most 64 slots");
    there.slots = back.slots = (uint32_t)slots;
    if (slots > 0)
        bench_say("ns_alone", bench_ns(chan_pairs, OPERATIONS, NULL), "ns");
    spawn(chan_sender, NULL);
    bench_say("ns_per_item", bench_ns(chan_items, OPERATIONS, NULL), "ns");
}

static int queue_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void queue_pairs(long n, void *arg)
{
    (void)arg;
    for (uint64_t item = 1; n--; in_memory(), item += 1 + (item & 7)) {
        chan_send(&there, &item);
        chan_recv(&there, &item);
    }
}

static void queue_trips(long n, void *arg)
{
    uint64_t item = 0;
    (void)arg;
    while (n--) {
        chan_send(&there, &item);
        chan_recv(&back, &item);
    }
}

static void queue_echo(void *arg)
{
    uint64_t item;
    (void)arg;
    for (;;) {
        chan_recv(&there, &item);
        chan_send(&back, &item);
    }
}

/* One that grows only asks once more whether it is full: that has no answer of its own. */
static void answer_queue(const char *kind)
{
    loop_open(2);
    there.slots = back.slots = SLOTS;
    there.compare = back.compare = strcmp(kind, "priority") == 0 ? queue_compare : NULL;
    for (uint64_t i = 0; i < SLOTS / 2; i++)
        chan_send(&there, &i);
    bench_say("ns_alone", bench_ns(queue_pairs, OPERATIONS / 2, NULL), "ns");
    for (uint64_t item = 0; there.used > 0;)
        chan_recv(&there, &item);
    spawn(queue_echo, NULL);
    bench_say("ns_per_hand_over", bench_ns(queue_trips, OPERATIONS / 2, NULL) / 2, "ns");
    if (strcmp(kind, "bounded") != 0)
        return;
    spawn(chan_sender, NULL);
    bench_say("ns_per_item", bench_ns(chan_items, OPERATIONS, NULL), "ns");
}

/* ---- select -------------------------------------------------------------------------------- */

/* A channel with one slot, at which selects wait in a ring, each with one pick for each channel. */
struct pick {
    struct pick *next, *prev;
    struct selection *of;
    struct box *box;
    int index;
};

struct selection {
    task *who;
    struct pick *picks;
    int count, happened;
    uint64_t *item;
};

static struct box {
    struct pick waiting;
    int used;
    uint64_t item;
} boxes[SLOTS];
static struct pick picks[SLOTS];
static uint64_t picked;
static long box_count;

static inline void leave_boxes(struct selection *s)
{
    for (int i = 0; i < s->count; i++) {
        s->picks[i].prev->next = s->picks[i].next;
        s->picks[i].next->prev = s->picks[i].prev;
    }
}

CALL int box_send(struct box *b, uint64_t item)
{
    struct pick *first = b->waiting.next;
    if (checkpoint())
        return -ECANCELED;
    if (first == &b->waiting) {
        if (b->used)
            return -EAGAIN;
        b->item = item;
        b->used = 1;
        return 0;
    }
    struct selection *s = first->of;
    *s->item = item;
    s->happened = first->index;
    leave_boxes(s);
    ready(s->who);
    return 0;
}

static inline void join_boxes(struct selection *s)
{
    for (int i = 0; i < s->count; i++) {
        struct pick *p = &s->picks[i], *head = &p->box->waiting;
        p->of = s;
        p->index = i;
        p->next = head;
        p->prev = head->prev;
        head->prev->next = p;
        head->prev = p;
    }
}

/* Of those that have an item each has the same chance, so all are looked at: who began anywhere, and
 * took the first, would favour the one behind a gap. */
CALL int box_select(struct pick *all, int count, uint64_t *item)
{
    static uint32_t random = 1;
    struct selection s = {loop.self, all, count, 0, item};
    int at = 0, found = 0;
    if (checkpoint())
        return -ECANCELED;
    for (int i = 0; i < count; i++) {
        if (!all[i].box->used)
            continue;
        random = found ? random * 1664525u + 1013904223u : random;
        if (!((uint64_t)random * (uint32_t)++found >> 32))
            at = i;
    }
    if (found) {
        *item = all[at].box->item;
        all[at].box->used = 0;
        return at;
    }
    join_boxes(&s);
    park();
    return *(volatile int *)&s.happened;
}

static struct box *next_box(void)
{
    static unsigned turn;
    return &boxes[(turn += 27) % box_count];
}

static void select_ready(long n, void *arg)
{
    (void)arg;
    while (n--) {
        box_send(next_box(), 1);
        box_select(picks, (int)box_count, &picked);
    }
}

static void select_woken(long n, void *arg)
{
    (void)arg;
    while (n--)
        box_select(picks, (int)box_count, &picked);
}

static void select_sender(void *arg)
{
    (void)arg;
    for (;;) {
        box_send(next_box(), 1);
        yield();
    }
}

static void answer_select(long count)
{
    loop_open(2);
    bench_must(count <= SLOTS, "a select of at most 64 cases");
    box_count = count;
    for (long i = 0; i < count; i++) {
        boxes[i].waiting.next = boxes[i].waiting.prev = &boxes[i].waiting;
        picks[i].box = &boxes[i];
    }
    bench_say("ns_ready", bench_ns(select_ready, OPERATIONS / (count + 2), NULL), "ns");
    spawn(select_sender, NULL);
    bench_say("ns_woken", bench_ns(select_woken, OPERATIONS / (count + 2), NULL), "ns");
}

/* ---- barrier ------------------------------------------------------------------------------- */

static struct barrier {
    struct line line;
    int parties, came;
} the_barrier;

CALL int barrier_wait(struct barrier *b)
{
    if (checkpoint())
        return -ECANCELED;
    if (++b->came < b->parties) {
        line_stand(&b->line);
        return park();
    }
    while (b->line.first)
        wake_first(&b->line);
    b->came = 0;
    return b->parties - 1;
}

static void barrier_rounds(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory())
        barrier_wait(&the_barrier);
}

static void barrier_other(void *arg)
{
    for (;;)
        barrier_rounds(1, arg);
}

static void answer_barrier(long parties)
{
    loop_open(parties);
    the_barrier.parties = (int)parties;
    for (long i = 1; i < parties; i++)
        spawn(barrier_other, NULL);
    double ns = bench_ns(barrier_rounds, OPERATIONS / parties, NULL) / parties;
    bench_say(parties > 1 ? "ns_per_party" : "ns_alone", ns, "ns");
}

/* ---- uncontended --------------------------------------------------------------------------- */

static struct shared {
    struct line line;
    int readers;
    task *writer;
} the_shared;
static struct line nobody;
static int to_go = INT32_MAX;
static volatile int is_done = 1;

CALL int shared_read(struct shared *l)
{
    if (checkpoint())
        return -ECANCELED;
    if (l->writer == NULL && l->line.first == NULL) {
        l->readers++;
        return 0;
    }
    line_stand(&l->line);
    return park();
}

CALL int shared_write(struct shared *l)
{
    if (checkpoint())
        return -ECANCELED;
    if (l->writer == NULL && l->readers == 0) {
        l->writer = loop.self;
        return 0;
    }
    line_stand(&l->line);
    return park();
}

CALL int shared_release(struct shared *l)
{
    if (l->writer ? l->writer != loop.self : l->readers == 0)
        return -EPERM;
    l->readers -= l->writer == NULL;
    l->writer = NULL;
    while (l->line.first && l->readers == 0)
        wake_first(&l->line);
    return 0;
}

CALL int latch_count_down(int *count, struct line *l)
{
    if (*count <= 0)
        return -EINVAL;
    if (--*count == 0)
        while (l->first)
            wake_first(l);
    return 0;
}

/* Of a latch that is open, of a once that is done. */
CALL int gate_pass(const volatile int *open, struct line *l)
{
    if (checkpoint())
        return -ECANCELED;
    if (*open)
        return 0;
    line_stand(l);
    return park();
}

/* Who is slow misses what was overwritten, and is told how much. */
static struct news {
    uint64_t items[SLOTS], count;
    struct line line;
} the_news;
static uint64_t seen;

CALL int news_send(struct news *b, const uint64_t *item)
{
    b->items[b->count++ % SLOTS] = *item;
    while (b->line.first)
        wake_first(&b->line);
    return 0;
}

CALL int news_recv(struct news *b, uint64_t *at, uint64_t *item)
{
    if (checkpoint())
        return -ECANCELED;
    while (*at == b->count) {
        line_stand(&b->line);
        if (park() != 0)
            return -ECANCELED;
    }
    if (b->count - *at > SLOTS) {
        int missed = (int)(b->count - SLOTS - *at);
        *at += missed;
        return missed;
    }
    *item = b->items[(*at)++ % SLOTS];
    return 0;
}

static void shared_reads(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory()) {
        shared_read(&the_shared);
        shared_release(&the_shared);
    }
}

static void shared_writes(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory()) {
        shared_write(&the_shared);
        shared_release(&the_shared);
    }
}

static void latch_counts(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory())
        latch_count_down(&to_go, &nobody);
}

static void gate_passes(long n, void *arg)
{
    (void)arg;
    for (; n--; in_memory())
        gate_pass(&is_done, &nobody);
}

static void news_values(long n, void *arg)
{
    uint64_t value = (uintptr_t)arg;
    for (; n--; in_memory()) {
        news_send(&the_news, &value);
        news_recv(&the_news, &seen, &value);
    }
}

static void answer_uncontended(void)
{
    loop_open(1);
    bench_say("ns_event", bench_ns(gate_passes, OPERATIONS, NULL), "ns");
    bench_say("ns_read", bench_ns(shared_reads, OPERATIONS, NULL), "ns");
    bench_say("ns_write", bench_ns(shared_writes, OPERATIONS, NULL), "ns");
    bench_say("ns_limiter", bench_ns(sem_pairs, OPERATIONS, NULL), "ns");
    bench_say("ns_once", bench_ns(gate_passes, OPERATIONS, NULL), "ns");
    bench_say("ns_count_down", bench_ns(latch_counts, OPERATIONS, NULL), "ns");
    bench_say("ns_open_latch", bench_ns(gate_passes, OPERATIONS, NULL), "ns");
    bench_say("ns_broadcast", bench_ns(news_values, OPERATIONS, NULL), "ns");
}

/* ---- which question ------------------------------------------------------------------------ */

/* Was it one of these? */
static int answer_sync(const char *question, int argc, char **argv)
{
    if (strcmp(question, "lock") == 0)
        answer_lock(bench_size(argc, argv, 2, 1));
    else if (strcmp(question, "sem") == 0)
        answer_sem(bench_size(argc, argv, 2, 1));
    else if (strcmp(question, "chan") == 0)
        answer_chan(bench_number(argc, argv, 2, 0));
    else if (strcmp(question, "queue") == 0)
        answer_queue(argc > 2 ? argv[2] : "bounded");
    else if (strcmp(question, "select") == 0)
        answer_select(bench_size(argc, argv, 2, 2));
    else if (strcmp(question, "cond") == 0)
        answer_cond(bench_size(argc, argv, 2, 1));
    else if (strcmp(question, "barrier") == 0)
        answer_barrier(bench_size(argc, argv, 2, 1));
    else if (strcmp(question, "uncontended") == 0)
        answer_uncontended();
    else
        return 0;
    return 1;
}

#endif
