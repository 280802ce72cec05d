/* SPDX-License-Identifier: MIT
 *
 * property_model.c - every primitive under random programs (tests/kit/property.h).
 *
 * Idea     A primitive is adapted in a few lines: its verbs, and the books beside it. What the books
 *          say is told apart from what the primitive says, so that a lie of either is found. Which
 *          operations, by whom, when and in which order is drawn: ./dev explore property_sem --seed
 *          7 draws others, and a failure is told as a program of few operations, with the trace that
 *          replays it.
 * Rules    1  Books: what was provided is what is free, plus what is out, plus what was given to one
 *             who has not run yet; at rest there is no such one.
 *          2  A verb is misuse for nobody: it is skipped where it would be.
 * Not here What holds of every primitive: property.c. Races of two, in all their orders: the other
 *          models.
 */
#include <hark.h>
#include <string.h>

#include "property.h"

static void no_end(void)
{
}

/* ---- lock ------------------------------------------------------------------------------------ */

static hark_lock lock;
static const struct player *holder; /* by the book */

static int lock_begin(int variant)
{
    (void)variant;
    MUST(hark_lock_init(&lock) == 0);
    holder = NULL;
    return 0;
}

static int lock_taken(struct player *me, int rc)
{
    if (rc == 0) {
        MUST(!holder && hark_lock_owner(&lock) == me->id);
        holder = me;
    }
    return rc;
}

static int lock_acquire(struct player *me, int number)
{
    (void)number;
    return holder == me ? SKIPPED : lock_taken(me, hark_lock_acquire(&lock));
}

static int lock_try(struct player *me, int number)
{
    (void)number;
    return holder == me ? SKIPPED : lock_taken(me, hark_lock_try(&lock));
}

static int lock_release(struct player *me, int number)
{
    (void)number;
    if (holder != me) {
        MUST(hark_lock_release(&lock) == -EPERM);
        return SKIPPED;
    }
    holder = NULL;
    MUST(hark_lock_release(&lock) == 0);
    MUST(hark_lock_owner(&lock) != me->id);
    return 0;
}

static void lock_leave(struct player *me)
{
    lock_release(me, 0);
}

static int lock_waiting(void)
{
    return hark_lock_statistics(&lock).tasks_waiting;
}

static void lock_rest(void)
{
    MUST(hark_lock_owner(&lock) == (holder ? holder->id : 0));
}

static void lock_end(void)
{
    MUST(!hark_lock_locked(&lock));
}

static const struct property property_of_lock = {
    .name = "lock",
    .verbs = (const struct verb[]){{"acquire", lock_acquire, true, 1},
                                   {"try", lock_try, false, 1},
                                   {"release", lock_release, false, 0},
                                   {0}},
    .variants = 1,
    .begin = lock_begin,
    .leave = lock_leave,
    .waiting = lock_waiting,
    .rest = lock_rest,
    .end = lock_end,
};

PROPERTY(lock)

/* ---- rwlock: has is 1 for who reads, 2 for who writes ------------------------------------------ */

static hark_rwlock rwlock;
static int readers, writers;

static int rwlock_begin(int variant)
{
    (void)variant;
    MUST(hark_rwlock_init(&rwlock) == 0);
    readers = writers = 0;
    return 0;
}

static int rwlock_taken(struct player *me, bool writes, int rc)
{
    if (rc == 0) {
        me->has = writes ? 2 : 1;
        writers += writes;
        readers += !writes;
        MUST(writes ? writers == 1 && readers == 0 : writers == 0);
    }
    return rc;
}

static int rwlock_read(struct player *me, int number)
{
    (void)number;
    return me->has ? SKIPPED : rwlock_taken(me, false, hark_rwlock_read(&rwlock));
}

static int rwlock_write(struct player *me, int number)
{
    (void)number;
    return me->has ? SKIPPED : rwlock_taken(me, true, hark_rwlock_write(&rwlock));
}

static int rwlock_try_read(struct player *me, int number)
{
    (void)number;
    return me->has ? SKIPPED : rwlock_taken(me, false, hark_rwlock_try_read(&rwlock));
}

static int rwlock_try_write(struct player *me, int number)
{
    (void)number;
    return me->has ? SKIPPED : rwlock_taken(me, true, hark_rwlock_try_write(&rwlock));
}

static int rwlock_release(struct player *me, int number)
{
    (void)number;
    if (!me->has) {
        return SKIPPED;
    }
    *(me->has == 2 ? &writers : &readers) -= 1;
    me->has = 0;
    return hark_rwlock_release(&rwlock);
}

static void rwlock_leave(struct player *me)
{
    rwlock_release(me, 0);
}

static int rwlock_waiting(void)
{
    return hark_rwlock_statistics(&rwlock).tasks_waiting;
}

static void rwlock_end(void)
{
    MUST(hark_rwlock_try_write(&rwlock) == 0 && hark_rwlock_release(&rwlock) == 0);
}

static const struct property property_of_rwlock = {
    .name = "rwlock",
    .verbs = (const struct verb[]){{"read", rwlock_read, true, 1},
                                   {"write", rwlock_write, true, 1},
                                   {"release", rwlock_release, false, 0},
                                   {"try_read", rwlock_try_read, false, 1},
                                   {"try_write", rwlock_try_write, false, 1},
                                   {0}},
    .variants = 1,
    .begin = rwlock_begin,
    .leave = rwlock_leave,
    .waiting = rwlock_waiting,
    .end = rwlock_end,
};

PROPERTY(rwlock)

/* ---- cond, with the lock from above ------------------------------------------------------------ */

static hark_cond cond;
static int notified, heard;

static int cond_begin(int variant)
{
    lock_begin(variant);
    MUST(hark_cond_init(&cond) == 0);
    notified = heard = 0;
    return 0;
}

static int cond_wait(struct player *me, int number)
{
    (void)number;
    if (holder != me) {
        return SKIPPED;
    }
    holder = NULL;
    const int rc = hark_cond_wait(&cond, &lock);
    MUST(!holder && hark_lock_owner(&lock) == me->id); /* cancelled or not */
    holder = me;
    heard += rc == 0;
    return rc;
}

static int cond_tell(struct player *me, int number)
{
    const int there = hark_cond_statistics(&cond).tasks_waiting;
    const int reached = number == 3 || number > there ? there : number;

    if (holder != me) {
        return SKIPPED;
    }
    MUST((number == 3 ? hark_cond_notify_all(&cond) : hark_cond_notify(&cond, number)) == reached);
    MUST(hark_cond_statistics(&cond).tasks_waiting == there - reached);
    notified += reached;
    return 0;
}

static int cond_waiting(void)
{
    return hark_cond_statistics(&cond).tasks_waiting + lock_waiting();
}

static void cond_end(void)
{
    lock_end();
    MUST(heard == notified);
}

static const struct property property_of_cond = {
    .name = "cond",
    .verbs = (const struct verb[]){{"acquire", lock_acquire, true, 1},
                                   {"wait", cond_wait, true, 2},
                                   {"notify", cond_tell, false, 0},
                                   {"release", lock_release, false, 0},
                                   {0}},
    .variants = 1,
    .begin = cond_begin,
    .leave = lock_leave,
    .waiting = cond_waiting,
    .rest = lock_rest,
    .end = cond_end,
};

PROPERTY(cond)

/* ---- sem ------------------------------------------------------------------------------------- */

static hark_sem sem;
static int permits, out, most_permits; /* most: 0: no bound */

static int sem_begin(int variant)
{
    permits = variant % 3; /* 0, 1, 2 */
    most_permits = variant < 3 ? 0 : 2;
    out = 0;
    return hark_sem_init(&sem, permits, most_permits);
}

static int sem_taken(struct player *me, int rc)
{
    if (rc == 0) {
        me->has++;
        out++;
        MUST(out + hark_sem_value(&sem) <= permits);
    }
    return rc;
}

static int sem_acquire(struct player *me, int number)
{
    (void)number;
    return sem_taken(me, hark_sem_acquire(&sem));
}

static int sem_try(struct player *me, int number)
{
    (void)number;
    return sem_taken(me, hark_sem_try(&sem));
}

static int sem_release(struct player *me, int number)
{
    (void)number;
    if (!me->has) {
        return SKIPPED;
    }
    me->has--;
    out--;
    return hark_sem_release(&sem);
}

/* One permit more than there were. */
static int sem_provide(struct player *me, int number)
{
    const int before = hark_sem_value(&sem), rc = hark_sem_release(&sem);

    (void)me, (void)number;
    MUST(rc == (most_permits && before == most_permits ? -EOVERFLOW : 0));
    permits += rc == 0;
    return rc;
}

static void sem_leave(struct player *me)
{
    while (me->has) {
        const int before = hark_sem_value(&sem), rc = sem_release(me, 0);
        MUST(rc == (most_permits && before == most_permits ? -EOVERFLOW : 0));
        permits -= rc != 0;
    }
}

static int sem_waiting(void)
{
    return hark_sem_statistics(&sem).tasks_waiting;
}

static void sem_rest(void)
{
    MUST(hark_sem_value(&sem) + out == permits);
    MUST(hark_sem_value(&sem) == 0 || sem_waiting() == 0);
}

static void sem_end(void)
{
    MUST(out == 0);
    sem_rest();
}

static int sem_give_back(struct player *me, int number)
{
    (void)number;
    const int rc = sem_release(me, 0);

    if (rc == -EOVERFLOW) { /* others have provided meanwhile */
        permits--;
    }
    return rc;
}

static const struct property property_of_sem = {
    .name = "sem",
    .verbs = (const struct verb[]){{"acquire", sem_acquire, true, 1},
                                   {"release", sem_give_back, false, 0},
                                   {"try", sem_try, false, 1},
                                   {"provide", sem_provide, false, 0},
                                   {0}},
    .variants = 6,
    .begin = sem_begin,
    .leave = sem_leave,
    .waiting = sem_waiting,
    .rest = sem_rest,
    .end = sem_end,
};

PROPERTY(sem)

/* ---- limiter --------------------------------------------------------------------------------- */

static hark_limiter limiter;
static int tokens;

static int limiter_begin(int variant)
{
    tokens = variant;
    out = 0;
    return hark_limiter_init(&limiter, tokens);
}

static int limiter_taken(struct player *me, int rc)
{
    me->has += rc == 0;
    out += rc == 0;
    MUST(out <= hark_limiter_borrowed(&limiter));
    return rc;
}

static int limiter_acquire(struct player *me, int number)
{
    (void)number;
    return limiter_taken(me, hark_limiter_acquire(&limiter));
}

/* No call lends more than there are; too many may be out after a shrink. */
static int no_more_lent_than(int before, int rc)
{
    const int borrowed = hark_limiter_borrowed(&limiter);
    MUST(borrowed <= tokens || borrowed <= before);
    return rc;
}

static int limiter_try(struct player *me, int number)
{
    const int before = hark_limiter_borrowed(&limiter);

    (void)number;
    return no_more_lent_than(before, limiter_taken(me, hark_limiter_try(&limiter)));
}

static int limiter_release(struct player *me, int number)
{
    const int before = hark_limiter_borrowed(&limiter);

    (void)number;
    if (!me->has) {
        return SKIPPED;
    }
    me->has--;
    out--;
    return no_more_lent_than(before, hark_limiter_release(&limiter));
}

static int limiter_resize(struct player *me, int number)
{
    const int before = hark_limiter_borrowed(&limiter);

    (void)me;
    tokens = number;
    return no_more_lent_than(before, hark_limiter_resize(&limiter, number));
}

static void limiter_leave(struct player *me)
{
    while (me->has) {
        limiter_release(me, 0);
    }
}

static int limiter_waiting(void)
{
    return hark_limiter_statistics(&limiter).tasks_waiting;
}

static void limiter_rest(void)
{
    MUST(hark_limiter_borrowed(&limiter) == out);
    MUST(hark_limiter_available(&limiter) == tokens - out);
    MUST(out >= tokens || limiter_waiting() == 0);
}

static const struct property property_of_limiter = {
    .name = "limiter",
    .verbs = (const struct verb[]){{"acquire", limiter_acquire, true, 1},
                                   {"release", limiter_release, false, 0},
                                   {"resize", limiter_resize, false, 0},
                                   {"try", limiter_try, false, 1},
                                   {0}},
    .variants = 3,
    .begin = limiter_begin,
    .leave = limiter_leave,
    .waiting = limiter_waiting,
    .rest = limiter_rest,
    .end = limiter_rest,
};

PROPERTY(limiter)

/* ---- barrier --------------------------------------------------------------------------------- */

static hark_barrier barrier;
static int parties, seen[PLAYERS]; /* how often each index was given out */

static int barrier_begin(int variant)
{
    parties = variant + 1;
    memset(seen, 0, sizeof seen);
    return hark_barrier_init(&barrier, parties);
}

static int barrier_wait(struct player *me, int number)
{
    const bool broken = hark_barrier_broken(&barrier);
    const int rc = hark_barrier_wait(&barrier);

    (void)me, (void)number;
    MUST(rc < parties && !(broken && rc >= 0));
    if (rc >= 0) {
        seen[rc]++;
    }
    return rc;
}

static int barrier_abort(struct player *me, int number)
{
    (void)me;
    return number ? SKIPPED : hark_barrier_abort(&barrier); /* seldom: it stays */
}

static int barrier_reset(struct player *me, int number)
{
    (void)me, (void)number;
    MUST(hark_barrier_reset(&barrier) == 0);
    MUST(hark_barrier_waiting(&barrier) == 0 && !hark_barrier_broken(&barrier));
    return 0;
}

static int barrier_waiting(void)
{
    return hark_barrier_waiting(&barrier);
}

/* Rounds are whole: each index as often as the others. */
static void barrier_rest(void)
{
    MUST(barrier_waiting() < parties);
    for (int i = 1; i < parties; i++) {
        MUST(seen[i] == seen[0]);
    }
}

static const struct property property_of_barrier = {
    .name = "barrier",
    .verbs = (const struct verb[]){{"wait", barrier_wait, true, 1},
                                   {"reset", barrier_reset, false, 0},
                                   {"abort", barrier_abort, false, 0},
                                   {0}},
    .variants = 3,
    .begin = barrier_begin,
    .waiting = barrier_waiting,
    .rest = barrier_rest,
    .end = barrier_rest,
};

PROPERTY(barrier)

/* ---- latch ----------------------------------------------------------------------------------- */

static hark_latch latch;
static int left;

static int latch_begin(int variant)
{
    left = variant;
    return hark_latch_init(&latch, left);
}

static int latch_wait(struct player *me, int number)
{
    const int rc = hark_latch_wait(&latch);

    (void)me, (void)number;
    MUST(rc || left == 0);
    return rc;
}

static int latch_count_down(struct player *me, int number)
{
    const bool fits = number <= left;
    const int rc = hark_latch_count_down(&latch, number);

    (void)me;
    left -= fits ? number : 0;
    MUST(rc == (fits ? 0 : -EINVAL) && hark_latch_count(&latch) == left);
    return rc;
}

static int latch_waiting(void)
{
    return hark_latch_statistics(&latch).tasks_waiting;
}

static void latch_rest(void)
{
    MUST(left || latch_waiting() == 0);
}

static const struct property property_of_latch = {
    .name = "latch",
    .verbs = (const struct verb[]){{"wait", latch_wait, true, 1},
                                   {"count_down", latch_count_down, false, 0},
                                   {0}},
    .variants = 4,
    .begin = latch_begin,
    .waiting = latch_waiting,
    .rest = latch_rest,
    .end = latch_rest,
};

PROPERTY(latch)

/* ---- once ------------------------------------------------------------------------------------ */

static hark_once once;
static int runs_now, successes;

static int once_begin(int variant)
{
    (void)variant;
    runs_now = successes = 0;
    return hark_once_init(&once);
}

/* Number 0 and 1 succeed, 2 and 3 fail; 1 and 3 take their time. */
static int once_fn(void *arg)
{
    const int number = (int)(intptr_t)arg;

    MUST(++runs_now == 1 && successes == 0);
    int rc = number & 1 ? hark_sleep(2) : 0;
    if (rc == 0 && number >= 2) {
        rc = -EIO;
    }
    runs_now--;
    successes += rc == 0;
    return rc ? rc : 7;
}

static int once_run(struct player *me, int number)
{
    const int rc = hark_once_run(&once, once_fn, (void *)(intptr_t)number);

    (void)me;
    MUST(rc < 0 || (rc == 7 && successes == 1));
    MUST(hark_once_is_done(&once) == (successes == 1));
    return rc;
}

static int once_waiting(void)
{
    return hark_once_statistics(&once).tasks_waiting;
}

static void once_rest(void)
{
    MUST(runs_now == 0 && once_waiting() == 0);
}

static const struct property property_of_once = {
    .name = "once",
    .verbs = (const struct verb[]){{"run", once_run, true, 1}, {0}},
    .variants = 1,
    .begin = once_begin,
    .waiting = once_waiting,
    .rest = once_rest,
    .end = once_rest,
};

PROPERTY(once)

/* ---- event ----------------------------------------------------------------------------------- */

static hark_event event;

static int event_begin(int variant)
{
    (void)variant;
    return hark_event_init(&event);
}

static int event_wait(struct player *me, int number)
{
    const bool set = hark_event_is_set(&event);
    const int rc = hark_event_wait(&event);

    (void)me, (void)number;
    MUST(rc || hark_event_is_set(&event));
    MUST(!set || rc == 0 || rc == -ECANCELED);
    return rc;
}

static int event_set(struct player *me, int number)
{
    (void)me, (void)number;
    return hark_event_set(&event);
}

static int event_waiting(void)
{
    return hark_event_statistics(&event).tasks_waiting;
}

static void event_rest(void)
{
    MUST(!hark_event_is_set(&event) || event_waiting() == 0);
}

static const struct property property_of_event = {
    .name = "event",
    .verbs = (const struct verb[]){{"wait", event_wait, true, 1}, {"set", event_set, false, 0}, {0}},
    .variants = 1,
    .begin = event_begin,
    .waiting = event_waiting,
    .rest = event_rest,
    .end = event_rest,
};

PROPERTY(event)

/* ---- flag ------------------------------------------------------------------------------------ */

static hark_flag flag;
static int sets;

static int flag_begin(int variant)
{
    (void)variant;
    sets = 0;
    return hark_flag_init(&flag);
}

/* A wait that ends saw it set, then or since. */
static int flag_wait(struct player *me, int number)
{
    const bool set = hark_flag_is_set(&flag);
    const int before = sets, rc = hark_flag_wait(&flag);

    (void)me, (void)number;
    MUST(rc || set || sets > before);
    return rc;
}

static int flag_wait_since(struct player *me, int number)
{
    const int since = me->slot, rc = hark_flag_wait_since(&flag, (uint64_t)since);

    (void)number;
    MUST(rc || sets > since);
    me->slot = sets;
    return rc;
}

static int flag_set(struct player *me, int number)
{
    (void)me, (void)number;
    sets++;
    MUST(hark_flag_set(&flag) == 0);
    MUST(hark_flag_generation(&flag) == (uint64_t)sets);
    return 0;
}

static int flag_clear(struct player *me, int number)
{
    (void)me, (void)number;
    MUST(hark_flag_clear(&flag) == 0 && !hark_flag_is_set(&flag));
    return 0;
}

static int flag_waiting(void)
{
    return hark_flag_statistics(&flag).tasks_waiting;
}

static const struct property property_of_flag = {
    .name = "flag",
    .verbs = (const struct verb[]){{"wait", flag_wait, true, 1},
                                   {"set", flag_set, false, 0},
                                   {"clear", flag_clear, false, 0},
                                   {"wait_since", flag_wait_since, true, 0},
                                   {0}},
    .variants = 1,
    .begin = flag_begin,
    .waiting = flag_waiting,
    .end = no_end,
};

PROPERTY(flag)

/* ---- future ---------------------------------------------------------------------------------- */

static hark_future future;
static int results[PLAYERS * OPERATIONS], result_count; /* all that it ever had; < 0: a failure */

static int future_begin(int variant)
{
    (void)variant;
    result_count = 0;
    return hark_future_init(&future);
}

/* What it has, or else the next that it gets. */
static int future_wait(struct player *me, int number)
{
    const int mine = result_count - hark_future_ready(&future);
    void *value = NULL;
    const int rc = hark_future_wait(&future, &value);

    (void)me, (void)number;
    if (rc != -ECANCELED) {
        MUST(mine < result_count);
        MUST(rc ? rc == results[mine] : (int)(intptr_t)value == results[mine]);
    }
    return rc == -EIO ? 0 : rc; /* a failure is served, too */
}

static int future_finish(int result, int rc, bool ready)
{
    MUST(rc == (ready ? -EALREADY : 0));
    if (rc == 0) {
        results[result_count++] = result;
    }
    return rc;
}

static int future_send(struct player *me, int number)
{
    const bool ready = hark_future_ready(&future);
    const int value = 100 + result_count;

    (void)me, (void)number;
    return future_finish(value, hark_future_send(&future, (void *)(intptr_t)value), ready);
}

static int future_fail(struct player *me, int number)
{
    const bool ready = hark_future_ready(&future);

    (void)me, (void)number;
    return future_finish(-EIO, hark_future_fail(&future, -EIO, NULL), ready);
}

static int future_waiting(void)
{
    return (int)future.waiters.count;
}

static int future_reset(struct player *me, int number)
{
    const bool ready = hark_future_ready(&future);
    const int waiting = future_waiting(), rc = hark_future_reset(&future);

    (void)me, (void)number;
    MUST(rc == (waiting ? -EBUSY : ready ? 0 : -EINVAL));
    return rc;
}

static void future_rest(void)
{
    MUST(!hark_future_ready(&future) || future_waiting() == 0);
}

static const struct property property_of_future = {
    .name = "future",
    .verbs = (const struct verb[]){{"wait", future_wait, true, 1},
                                   {"send", future_send, false, 0},
                                   {"reset", future_reset, false, 0},
                                   {"fail", future_fail, false, 0},
                                   {0}},
    .variants = 1,
    .begin = future_begin,
    .waiting = future_waiting,
    .rest = future_rest,
    .end = future_rest,
};

PROPERTY(future)

/* ---- broadcast: two subscribers, each of two players ------------------------------------------- */

enum { SUBSCRIBERS = 2, KEPT = 2 };

static int kept[KEPT];
static hark_broadcast broadcast;
static hark_subscriber subscribers[SUBSCRIBERS];
static int cast, accounted[SUBSCRIBERS]; /* sent; got or missed */
static bool over, got[SUBSCRIBERS][ITEMS];

static int broadcast_begin(int variant)
{
    (void)variant;
    cast = 0;
    over = false;
    memset(got, 0, sizeof got);
    memset(accounted, 0, sizeof accounted);
    MUST(hark_broadcast_init(&broadcast, kept, sizeof *kept, KEPT) == 0);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        MUST(hark_broadcast_subscribe(&broadcast, &subscribers[i]) == 0);
    }
    return 0;
}

static int broadcast_got(int subscriber, int item, int rc)
{
    if (rc >= 0) {
        MUST(item >= 0 && item < cast && !got[subscriber][item]);
        got[subscriber][item] = true;
        accounted[subscriber] += rc + 1;
        MUST(accounted[subscriber] <= cast);
    }
    MUST(rc != -ENODATA || over);
    return rc;
}

static int broadcast_recv(struct player *me, int number)
{
    const int mine = me->which % SUBSCRIBERS;
    int item = -1;

    (void)number;
    me->lines = 1u << mine;
    const int rc = hark_broadcast_recv(&subscribers[mine], &item);
    return broadcast_got(mine, item, rc);
}

static int broadcast_try_recv(struct player *me, int number)
{
    const int mine = me->which % SUBSCRIBERS;
    int item = -1;

    (void)number;
    me->lines = 1u << mine;
    const int rc = hark_broadcast_try_recv(&subscribers[mine], &item);
    return broadcast_got(mine, item, rc);
}

static int broadcast_send(struct player *me, int number)
{
    (void)me, (void)number;
    cast += !over;
    const int item = cast - 1, rc = hark_broadcast_send(&broadcast, &item);
    MUST(rc == (over ? -EPIPE : 0));
    return rc;
}

static int broadcast_close(struct player *me, int number)
{
    (void)me;
    if (number) {
        return SKIPPED; /* seldom: it stays */
    }
    over = true;
    return hark_broadcast_close(&broadcast);
}

static int broadcast_waiting(void)
{
    return hark_broadcast_statistics(&broadcast).tasks_waiting;
}

static void broadcast_rest(void)
{
    MUST(!over || broadcast_waiting() == 0);
}

/* Each subscriber has seen or missed all that was sent. */
static void broadcast_end(void)
{
    for (int i = 0; i < SUBSCRIBERS; i++) {
        int item = -1, rc;
        while ((rc = hark_broadcast_try_recv(&subscribers[i], &item)) >= 0) {
            broadcast_got(i, item, rc);
        }
        MUST(rc == (over ? -ENODATA : -EAGAIN));
        MUST(accounted[i] == cast);
    }
}

static const struct property property_of_broadcast = {
    .name = "broadcast",
    .verbs = (const struct verb[]){{"recv", broadcast_recv, true, 0},
                                   {"send", broadcast_send, false, 0},
                                   {"try_recv", broadcast_try_recv, false, 0},
                                   {"close", broadcast_close, false, 0},
                                   {0}},
    .variants = 1,
    .begin = broadcast_begin,
    .waiting = broadcast_waiting,
    .rest = broadcast_rest,
    .end = broadcast_end,
};

PROPERTY(broadcast)

/* ---- chan: capacity 0, 1 and 3, two ends on each side ------------------------------------------ */

enum { IN = 1, OUT = 2 }; /* lines */

static const int capacities[] = {0, 1, 3};
static hark_chan chan;
static int open_in, open_out; /* ends, by the book */

static int chan_begin(int variant)
{
    open_in = open_out = 2;
    if (hark_chan_init(&chan, sizeof(int), (size_t)capacities[variant])) {
        return -ENOMEM;
    }
    MUST(hark_chan_add_sender(&chan) == 0 && hark_chan_add_receiver(&chan) == 0);
    return 0;
}

static int chan_offered(struct player *me, int (*call)(hark_chan *, const void *))
{
    const int item = property_item_offered();
    const int rc = call(&chan, &item);

    (void)me;
    property_item_sent(item, rc);
    MUST(rc != -EPIPE || !open_out);
    MUST(rc != -EBADF || !open_in);
    return rc;
}

static int chan_got(struct player *me, int (*call)(hark_chan *, void *))
{
    int item = -1;
    const int rc = call(&chan, &item);

    if (rc == 0) {
        property_item_got(me, item, true);
    }
    MUST(rc == 0 || item == -1);
    MUST(rc != -ENODATA || !open_in);
    MUST(rc != -EBADF || !open_out);
    return rc;
}

static int chan_send(struct player *me, int number)
{
    (void)number;
    return chan_offered(me, hark_chan_send);
}

static int chan_try_send(struct player *me, int number)
{
    (void)number;
    return chan_offered(me, hark_chan_try_send);
}

static int chan_recv(struct player *me, int number)
{
    (void)number;
    return chan_got(me, hark_chan_recv);
}

static int chan_try_recv(struct player *me, int number)
{
    (void)number;
    return chan_got(me, hark_chan_try_recv);
}

/* 0: an end to send, 1: one to receive. */
static int chan_close(struct player *me, int number)
{
    int *open = number == 0 ? &open_in : &open_out;

    (void)me;
    if (number > 1 || *open == 0) {
        return SKIPPED;
    }
    if (--*open == 0 && number == 1) {
        property_items_dropped((int)hark_chan_statistics(&chan).used);
    }
    return number == 0 ? hark_chan_close_sender(&chan) : hark_chan_close_receiver(&chan);
}

static int chan_waiting(void)
{
    const hark_chan_stats stats = hark_chan_statistics(&chan);
    return stats.waiting_send + stats.waiting_recv;
}

static void chan_rest(void)
{
    const hark_chan_stats stats = hark_chan_statistics(&chan);

    MUST(!stats.waiting_recv || (!stats.used && !stats.waiting_send && open_in && open_out));
    MUST(!stats.waiting_send || (stats.used == stats.capacity && open_in && open_out));
}

static void chan_end(void)
{
    property_items_end((int)hark_chan_statistics(&chan).used);
    MUST(hark_chan_free(&chan) == 0);
}

static const struct property property_of_chan = {
    .name = "chan",
    .verbs = (const struct verb[]){{"send", chan_send, true, IN},
                                   {"recv", chan_recv, true, OUT},
                                   {"try_send", chan_try_send, false, IN},
                                   {"try_recv", chan_try_recv, false, OUT},
                                   {"close", chan_close, false, 0},
                                   {0}},
    .variants = 3,
    .begin = chan_begin,
    .waiting = chan_waiting,
    .rest = chan_rest,
    .end = chan_end,
};

PROPERTY(chan)

/* ---- queue: three orders, with a bound and without --------------------------------------------- */

enum { JOIN = 4 }; /* a line, beside IN and OUT */

static hark_queue queue;
static hark_order order;
static bool ended;

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int queue_begin(int variant)
{
    order = (hark_order)(variant % 3);
    ended = false;
    return hark_queue_init(&queue, sizeof(int), variant < 3 ? 2 : 0, order,
                           order == HARK_PRIORITY ? by_number : NULL);
}

static int queue_offered(struct player *me, int (*call)(hark_queue *, const void *))
{
    const int item = property_item_offered();
    const int rc = call(&queue, &item);

    (void)me;
    property_item_sent(item, rc);
    MUST(rc != -EPIPE || ended);
    return rc;
}

/* has: what it has got, and not done. */
static int queue_got(struct player *me, int (*call)(hark_queue *, void *))
{
    int item = -1;
    const int rc = call(&queue, &item);

    if (rc == 0) {
        property_item_got(me, item, order == HARK_FIFO);
        me->has++;
    }
    MUST(rc == 0 || item == -1);
    MUST(rc != -EPIPE || ended);
    return rc;
}

static int queue_put(struct player *me, int number)
{
    (void)number;
    return queue_offered(me, hark_queue_put);
}

static int queue_try_put(struct player *me, int number)
{
    (void)number;
    return queue_offered(me, hark_queue_try_put);
}

static int queue_get(struct player *me, int number)
{
    (void)number;
    return queue_got(me, hark_queue_get);
}

static int queue_try_get(struct player *me, int number)
{
    (void)number;
    return queue_got(me, hark_queue_try_get);
}

static int queue_done(struct player *me, int number)
{
    (void)number;
    if (!me->has) {
        return SKIPPED;
    }
    me->has--;
    MUST(hark_queue_task_done(&queue) == 0);
    return 0;
}

static int queue_join(struct player *me, int number)
{
    (void)me, (void)number;
    return hark_queue_join(&queue);
}

/* 0: what is in stays; 1: it is dropped. */
static int queue_shutdown(struct player *me, int number)
{
    (void)me;
    if (number > 1) {
        return SKIPPED;
    }
    ended = true;
    property_items_dropped(number == 1 ? (int)hark_queue_len(&queue) : 0);
    return hark_queue_shutdown(&queue, number == 1);
}

static void queue_leave(struct player *me)
{
    while (me->has) {
        queue_done(me, 0);
    }
}

static int queue_waiting(void)
{
    const hark_queue_stats stats = hark_queue_statistics(&queue);
    return stats.waiting_put + stats.waiting_get + stats.waiting_join;
}

static void queue_rest(void)
{
    const hark_queue_stats stats = hark_queue_statistics(&queue);

    MUST(!stats.waiting_get || (!stats.used && !stats.waiting_put && !ended));
    MUST(!stats.waiting_put || (stats.max && stats.used == stats.max && !ended));
    MUST(!stats.waiting_join || stats.unfinished);
    MUST(stats.unfinished >= stats.used);
}

static void queue_end(void)
{
    const hark_queue_stats stats = hark_queue_statistics(&queue);

    MUST(stats.unfinished == stats.used); /* whoever had something has done it */
    property_items_end((int)stats.used);
    MUST(hark_queue_free(&queue) == 0);
}

static const struct property property_of_queue = {
    .name = "queue",
    .verbs = (const struct verb[]){{"put", queue_put, true, IN},
                                   {"get", queue_get, true, OUT},
                                   {"try_put", queue_try_put, false, IN},
                                   {"try_get", queue_try_get, false, OUT},
                                   {"task_done", queue_done, false, 0},
                                   {"join", queue_join, true, JOIN},
                                   {"shutdown", queue_shutdown, false, 0},
                                   {0}},
    .variants = 6,
    .begin = queue_begin,
    .leave = queue_leave,
    .waiting = queue_waiting,
    .rest = queue_rest,
    .end = queue_end,
};

PROPERTY(queue)

/* ---- select: over a lock, a semaphore, a channel, a queue, an event, a time --------------------- */

enum { SEM = 4, LOCK = 8 }; /* lines, beside IN and OUT of the channel */

static int select_begin(int variant)
{
    lock_begin(0);
    sem_begin(variant);
    event_begin(0);
    return chan_begin(1);
}

/* What has happened, and in which line it stood. */
static int select_result(struct player *me, const hark_case *cases, int which, const int *items)
{
    static const unsigned lines[] = {OUT, SEM, LOCK, IN, 0, 0};

    property_item_sent(items[1], which == 3 ? hark_case_result(&cases[3]) : -ECANCELED);
    if (which < 0) {
        MUST(items[0] == -1);
        return which;
    }
    me->lines = lines[which];
    const int rc = hark_case_result(&cases[which]);
    switch (which) {
    case 0:
        if (rc == 0) {
            property_item_got(me, items[0], false); /* others take theirs in other lines */
        }
        MUST(rc == 0 || (rc == -ENODATA && !open_in) || (rc == -EBADF && !open_out));
        break;
    case 1: sem_taken(me, rc); break;
    case 2: lock_taken(me, rc); break;
    case 3: MUST(rc == 0 || (rc == -EPIPE && !open_out) || (rc == -EBADF && !open_in)); break;
    case 4: MUST(hark_event_is_set(&event)); break;
    default: MUST(hark_now() >= me->slot); break;
    }
    return rc;
}

/* number: 0 a channel's receive, and a permit; 1: the lock, too; 2: and a send, to the same channel;
 * 3: and an event, and a time. */
static int select_by(struct player *me, int number, int (*call)(hark_case *, int))
{
    int items[2] = {-1, property_item_offered()};

    me->slot = (int)hark_now() + 2;
    hark_case cases[] = {hark_on_recv(&chan, &items[0]), hark_on_sem(&sem),
                         hark_on_acquire(&lock),         hark_on_send(&chan, &items[1]),
                         hark_on_event(&event),          hark_on_time(me->slot)};
    static const int counts[] = {2, 3, 4, 6};
    if (holder == me && number > 0) {
        number = 0;
    }
    me->lines = number == 0 ? OUT | SEM : number == 1 ? OUT | SEM | LOCK : OUT | SEM | LOCK | IN;
    const int which = call(cases, counts[number]);
    return select_result(me, cases, which, items);
}

static int select_select(struct player *me, int number)
{
    return select_by(me, number, hark_select);
}

static int select_try(struct player *me, int number)
{
    return select_by(me, number, hark_try_select);
}

/* 0: the lock, 1: a permit, 2: the event, 3: a permit more than there were. */
static int select_give(struct player *me, int number)
{
    return number == 0   ? lock_release(me, 0)
           : number == 1 ? sem_release(me, 0)
           : number == 2 ? event_set(me, 0)
                         : sem_provide(me, 0);
}

/* By whoever selects, items come through several lines: in no order of their own. */
static int select_try_recv(struct player *me, int number)
{
    me->last = -1;
    return chan_try_recv(me, number);
}

static void select_leave(struct player *me)
{
    lock_leave(me);
    sem_leave(me);
}

static int select_waiting(void)
{
    return lock_waiting() + sem_waiting() + chan_waiting() + event_waiting();
}

static void select_rest(void)
{
    lock_rest();
    sem_rest();
    event_rest();
}

static void select_end(void)
{
    lock_end();
    sem_end();
    chan_end();
}

static const struct property property_of_select = {
    .name = "select",
    .verbs = (const struct verb[]){{"select", select_select, true, 0},
                                   {"try_select", select_try, false, 0},
                                   {"give", select_give, false, 0},
                                   {"send", chan_send, true, IN},
                                   {"try_recv", select_try_recv, false, OUT},
                                   {"acquire a permit", sem_acquire, true, SEM},
                                   {"acquire the lock", lock_acquire, true, LOCK},
                                   {"close", chan_close, false, 0},
                                   {0}},
    .variants = 3,
    .begin = select_begin,
    .leave = select_leave,
    .waiting = select_waiting,
    .rest = select_rest,
    .end = select_end,
    .many = true,
};

PROPERTY(select)

/* ---- resources: has is 1 for who has one, slot says which --------------------------------------- */

static hark_resources resources;
static int living, most_living, made;
static const struct player *had_by[ITEMS];
static struct player *getters[PLAYERS];

/* Making one takes a while, or fails. Who makes one stands in no line. */
static int resource_make(void *arg, void **item)
{
    (void)arg;
    for (int i = 0; i < PLAYERS; i++) {
        if (getters[i] && getters[i]->id == hark_self()) {
            getters[i]->lines = 0;
        }
    }
    MUST(++living <= most_living);
    int rc = made % 2 ? hark_sleep(1) : 0;
    if (rc == 0 && made % 5 == 4) {
        rc = -EIO;
    }
    living -= rc < 0;
    *item = rc < 0 ? *item : &had_by[made];
    made++;
    return rc;
}

static void resource_unmake(void *arg, void *item)
{
    (void)arg;
    MUST(*(const struct player **)item == NULL);
    living--;
}

static int resources_begin(int variant)
{
    most_living = variant;
    living = made = 0;
    memset(had_by, 0, sizeof had_by);
    memset(getters, 0, sizeof getters);
    return hark_resources_init(&resources, variant, variant % 2 ? HARK_FIFO : HARK_LIFO,
                               resource_make, resource_unmake, NULL);
}

static int resources_taken(struct player *me, void *item, int rc)
{
    if (rc == 0) {
        const struct player **place = item;
        MUST(place && *place == NULL);
        *place = me;
        me->has = 1;
        me->slot = (int)(place - had_by);
    }
    return rc;
}

static int resources_get(struct player *me, int number)
{
    void *item = NULL;

    (void)number;
    if (me->has) {
        return SKIPPED;
    }
    getters[me->which] = me;
    const int rc = hark_resources_get(&resources, &item);
    return resources_taken(me, item, rc);
}

static int resources_try_get(struct player *me, int number)
{
    void *item = NULL;

    (void)number;
    if (me->has) {
        return SKIPPED;
    }
    const int rc = hark_resources_try_get(&resources, &item);
    return resources_taken(me, item, rc);
}

/* 0: it is broken. */
static int resources_put(struct player *me, int number)
{
    if (!me->has) {
        return SKIPPED;
    }
    me->has = 0;
    had_by[me->slot] = NULL;
    return number == 0 ? hark_resources_discard(&resources, &had_by[me->slot])
                       : hark_resources_put(&resources, &had_by[me->slot]);
}

static void resources_leave(struct player *me)
{
    resources_put(me, 1);
}

static int resources_waiting(void)
{
    return hark_resources_statistics(&resources).waiting;
}

static void resources_rest(void)
{
    const hark_resources_stats stats = hark_resources_statistics(&resources);

    MUST(stats.changing == 0 && stats.in_use + stats.idle == living);
    MUST(!stats.waiting || (!stats.idle && stats.in_use >= stats.max));
}

static void resources_end(void)
{
    resources_rest();
    MUST(hark_resources_free(&resources) == 0 && living == 0);
}

static const struct property property_of_resources = {
    .name = "resources",
    .verbs = (const struct verb[]){{"get", resources_get, true, 1},
                                   {"put", resources_put, false, 0},
                                   {"try_get", resources_try_get, false, 1},
                                   {0}},
    .variants = 3,
    .begin = resources_begin,
    .leave = resources_leave,
    .waiting = resources_waiting,
    .rest = resources_rest,
    .end = resources_end,
};

PROPERTY(resources)
