/* SPDX-License-Identifier: MIT
 *
 * rwlock.c - many who read, or one who writes; hark/rwlock.h has the promises.
 *
 * Idea     One queue for both, first come, first served. Whatever changes (the last one releases, a
 *          waiter is cancelled), `admit` lets in from the front who may go in now: a writer if
 *          nobody is inside, readers as long as nobody writes. So readers that stand together go in
 *          together, and a writer holds back those behind it.
 *
 *          A waiter says by its wait kind what it wants.
 *
 * Rules    R1  Who waits at the front may not go in; so nobody goes in past a queue.
 *          R2  A writer that leaves the queue lets in the readers behind it, if it was only the
 *              writer that held them back.
 *          R3  A writer's end without release is told as a lock's (lock.c). Readers are not known.
 */
#include "sync/lock.h"
#include "sync/sync.h"

static const struct hark__holder_wait write_wait;

static bool wants_to_write(const struct hark_waiter *waiter)
{
    return ((const hark__task *)hark__owner_of(waiter))->wait == &write_wait.kind;
}

static bool may_enter(const hark_rwlock *l, bool writes)
{
    return writes ? l->state == 0 : l->state <= 0;
}

static void writer_ended(struct hark_waiter *end)
{
    hark_rwlock *l = container_of(end, hark_rwlock, end);
    hark__end_tell(&l->waiters, l->state);
}

static const struct hark__hook writer_hook = {writer_ended};

/* Rules R1, R2. A writer has brought its extra: nothing can fail here. */
static void admit(hark_rwlock *l)
{
    struct hark_waiter *first;

    while ((first = l->waiters.first) && may_enter(l, wants_to_write(first))) {
        hark__task *task = hark__owner_of(first);
        bool writes = wants_to_write(first);
        l->state = writes ? task->id : l->state - 1;
        hark__wake(first, 0);
        if (writes && l->waiters.first) {
            hark__end_stand(&l->end, &writer_hook, task);
        }
        if (planted(rwlock_batch_of_one)) {
            break;
        }
    }
    if (!first) {
        hark__end_leave(&l->end);
    }
}

/* ---- waiting --------------------------------------------------------------------------------- */

static const hark_rwlock *awaited(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_rwlock, waiters);
}

static void leave_rwlock(hark__task *task)
{
    hark_rwlock *l = container_of(task->in.waiter.list, hark_rwlock, waiters);

    hark__list_remove(&task->in.waiter);
    if (!planted(rwlock_cancelled_writer_holds_back)) {
        admit(l);
    }
}

static void describe_rwlock(const hark__task *task, struct hark__text *text)
{
    const hark_rwlock *l = task->in.waiter.list ? awaited(task) : NULL;

    if (!l) {
        return;
    }
    hark__text_put(text, " at %p, ", (const void *)l);
    if (l->state > 0) {
        hark__holder_put(l->state, text);
        hark__text_put(text, " writes");
    } else {
        hark__text_put(text, "%ld read%s", (long)-l->state, l->state == -1 ? "s" : "");
    }
}

static bool at_front(const hark__task *task)
{
    const hark_rwlock *l = awaited(task);
    return l->waiters.first == &task->in.waiter && may_enter(l, task->wait == &write_wait.kind);
}

static void stands_for_rwlock(const hark__task *task, struct hark__audit *audit)
{
    hark__stands_in_list(task, audit);
    if (!task->in.waiter.list) {
        return;
    }
    const hark_rwlock *l = awaited(task);
    const hark__task *writer = l->state > 0 ? hark__task_find(hark__here, l->state) : NULL;
    bool told = writer && writer->extra && l->end.list == &writer->extra->joiners;
    if (at_front(task)) {
        hark__audit_broken(audit, "R1", task, "waits at the front, and may go in");
    } else if (l->state > 0 && !told) {
        hark__audit_broken(audit, "R3", task, "waits for a writer whose end nobody would tell");
    }
}

/* While others read, nobody knows for whom one waits. */
static const hark__task *writer_awaited(const hark__task *task, int which)
{
    const hark_rwlock *l = awaited(task);
    return which == 0 && l->state > 0 ? hark__task_find(hark__here, l->state) : NULL;
}

static const struct hark__holder_wait read_wait = {
    .call = "hark_rwlock_read",
    .kind =
        {
            .what = "a lock, to read,",
            .leave = leave_rwlock,
            .describe = describe_rwlock,
            .there = at_front,
            .stands = stands_for_rwlock,
            .holder = writer_awaited,
        },
};

static const struct hark__holder_wait write_wait = {
    .call = "hark_rwlock_write",
    .kind =
        {
            .what = "a lock, to write,",
            .leave = leave_rwlock,
            .describe = describe_rwlock,
            .there = at_front,
            .stands = stands_for_rwlock,
            .holder = writer_awaited,
        },
};

/* Somebody is inside, or waits: who writes is in *writer. May the caller wait, or try? */
static int check_writer(const hark_rwlock *l, hark__task **writer, const char *call)
{
    *writer = l->state > 0 ? hark__task_find(hark__here, l->state) : NULL;
    if (*writer && *writer == hark__here->running) {
        return hark__fail(-EDEADLK, call, "the caller writes already; release it first");
    }
    return l->state > 0 && !*writer ? hark__end_words(l->state, call) : 0;
}

static __attribute__((noinline)) int wait_for_turn(hark_rwlock *l,
                                                   const struct hark__holder_wait *wait)
{
    const char *call = wait->call;
    hark__task *self = hark__here->running, *writer;
    int error = check_writer(l, &writer, call);

    if (error) {
        return error;
    }
    if (writer && hark__ring_closes(self, writer) && !planted(rwlock_ring_is_not_seen)) {
        return hark__ring_fail(self, writer, call);
    }
    if ((wait == &write_wait && !hark__task_extra(self)) ||
        (writer && !hark__end_stand(&l->end, &writer_hook, writer))) {
        return hark__fail(-ENOMEM, call, "no memory to be told of a writer's end");
    }
    return hark__wait(&l->waiters, &wait->kind);
}

/* ---- the calls ------------------------------------------------------------------------------- */

int hark_rwlock_init(hark_rwlock *l)
{
    if (!l) {
        return hark__fail(-EINVAL, "hark_rwlock_init", "the lock is NULL");
    }
    *l = (hark_rwlock)HARK_RWLOCK_INIT;
    return 0;
}

/* Rule R1: a writer that is let in finds nobody queueing. */
static inline bool enter_now(hark_rwlock *l, bool writes)
{
    bool barges = writes || planted(rwlock_readers_barge);

    if ((l->waiters.first && !barges) || !may_enter(l, writes)) {
        return false;
    }
    l->state = writes ? hark__here->running->id : l->state - 1;
    return true;
}

static inline int enter(hark_rwlock *l, const struct hark__holder_wait *wait)
{
    return enter_now(l, wait == &write_wait) ? hark__pass() : wait_for_turn(l, wait);
}

static __attribute__((noinline)) int enter_slow(hark_rwlock *l, const struct hark__holder_wait *wait)
{
    int error = l ? hark__enter(&l->waiters, wait->call)
                  : hark__fail(-EINVAL, wait->call, "the lock is NULL");

    return error ? error : enter(l, wait);
}

int hark_rwlock_read(hark_rwlock *l)
{
    return l && hark__may_enter(&l->waiters) ? enter(l, &read_wait) : enter_slow(l, &read_wait);
}

int hark_rwlock_write(hark_rwlock *l)
{
    return l && hark__may_enter(&l->waiters) ? enter(l, &write_wait) : enter_slow(l, &write_wait);
}

static int try_now(hark_rwlock *l, bool writes, const char *call)
{
    int error = l ? hark__touch(&l->waiters, call) : hark__fail(-EINVAL, call, "the lock is NULL");
    hark__task *writer;

    if (error) {
        return error;
    }
    if (!hark__here || !hark__here->running) {
        return hark__fail(-ENOTSUP, call, "only a task reads or writes here, and this is none");
    }
    if (planted(rwlock_try_barges) && !writes && may_enter(l, false)) {
        l->state--;
        return 0;
    }
    if (enter_now(l, writes)) {
        return 0;
    }
    error = check_writer(l, &writer, call);
    return error ? error : -EAGAIN;
}

int hark_rwlock_try_read(hark_rwlock *l)
{
    return try_now(l, false, "hark_rwlock_try_read");
}

int hark_rwlock_try_write(hark_rwlock *l)
{
    return try_now(l, true, "hark_rwlock_try_write");
}

static __attribute__((noinline, cold)) int fail_release(const hark_rwlock *l, const char *call)
{
    struct hark__text text;
    char words[100];

    if (!l->state) {
        return hark__fail(-EPERM, call, "nobody reads or writes here");
    }
    hark__text_to_string(&text, words, sizeof words);
    hark__holder_put(l->state, &text);
    return hark__fail(-EPERM, call, "%s writes, and only the writer releases it", words);
}

static __attribute__((noinline)) int release_to_others(hark_rwlock *l)
{
    if (!planted(rwlock_hook_stays)) {
        hark__end_leave(&l->end);
    }
    admit(l);
    return 0;
}

/* Who waits for a writer stands with its end; so if nobody waits, nothing does. */
static inline int release(hark_rwlock *l)
{
    l->state = l->state > 0 ? 0 : l->state + 1;
    return l->waiters.first ? release_to_others(l) : 0;
}

static inline bool may_release(const hark_rwlock *l)
{
    const hark_loop *loop = hark__here;

    return l->state < 0 || (loop && loop->running && l->state == loop->running->id);
}

static __attribute__((noinline)) int release_slow(hark_rwlock *l)
{
    static const char call[] = "hark_rwlock_release";
    int error = l ? hark__touch(&l->waiters, call) : hark__fail(-EINVAL, call, "the lock is NULL");

    if (error) {
        return error;
    }
    return may_release(l) ? release(l) : fail_release(l, call);
}

int hark_rwlock_release(hark_rwlock *l)
{
    return likely(l && hark__may_touch(&l->waiters) && may_release(l)) ? release(l) : release_slow(l);
}

hark_stats hark_rwlock_statistics(const hark_rwlock *l)
{
    return (hark_stats){l ? hark__tasks_in(&l->waiters) : 0};
}
