/* SPDX-License-Identifier: MIT
 *
 * lock.c - one task at a time; hark/lock.h has the promises.
 *
 * Idea     `owner` is the holder's id. Ids are never used again, so a holder that has ended is told
 *          by looking it up, whenever that is; nothing need be done when a lock is taken, and a
 *          free one costs a comparison. Only who waits must be told at once. So while somebody
 *          waits, the lock itself stands, as a hook, among those who wait for the end of its
 *          holder:
 *
 *              holder's extra -- joiners --> ... lock.end ...
 *              lock.waiters --> first (the next holder) --> second --> ...
 *
 *          That list is part of the extra that few tasks have, and a release must not fail for want
 *          of memory. So whoever waits brings an extra of its own: the next holder has one.
 *
 * Rules    B1  Nobody waits for a lock that is free, or whose holder has ended.
 *          B2  Release makes the first waiter the holder, there and then.
 *          B3  The hook stands with the holder exactly while somebody waits.
 *          B4  Who holds a lock that others wait for has an extra; so has who holds one that serves
 *              conditions (SERVES), for their waiters come back to it without being asked whether
 *              there is memory. (But for a lock that was initialised anew under them: then, without
 *              memory, there is no hook until the next hand-over.)
 *          B5  No ring of holders, each waiting for the next, comes about by hark_lock_acquire or a
 *              select, unless a deadline will break it (ring.c).
 * Not here A watch of locks: nobody could hold what a callback was given.
 * Cost     taken and released with nobody else about: a comparison and a store each.
 */
#include "base/facts.h"
#include "sync/lock.h"
#include "sync/sync.h"

/* Besides the id: it has served a condition. */
#define SERVES INT64_MIN

HARK__FACT(lock_owner, "lock.owner", offsetof(hark_lock, owner));
HARK__FACT(lock_owner_mask, "lock.owner_mask", ~SERVES);

static hark_task owner_of(const hark_lock *l)
{
    return l->owner & ~SERVES;
}

static hark__task *holder_of(const hark_lock *l)
{
    return hark__task_find(hark__here, owner_of(l));
}

static const hark_lock *awaited(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_lock, waiters);
}

/* ---- a holder's end -------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) struct hark__extra *extra_of(hark__task *task)
{
    return likely(task->extra != NULL) ? task->extra : hark__task_extra(task);
}

static inline __attribute__((always_inline)) bool stand_with(struct hark_waiter *end,
                                                             const struct hark__hook *hook,
                                                             hark__task *holder)
{
    struct hark__extra *extra = end->list ? NULL : extra_of(holder);

    if (extra) {
        end->owner = (uintptr_t)hook | OWNER_HOOK;
        hark__list_add(&extra->joiners, end);
    }
    return end->list;
}

bool hark__end_stand(struct hark_waiter *end, const struct hark__hook *hook, hark__task *holder)
{
    return stand_with(end, hook, holder);
}

void hark__holder_put(hark_task id, struct hark__text *text)
{
    const hark__task *task = hark__task_find(hark__here, id);

    if (task) {
        hark__task_title(task, text);
    } else if (id >> 32) {
        hark__text_put(text, "task %u.%u", (uint32_t)id, (uint32_t)(id >> 32));
    } else {
        hark__text_put(text, "task %u", (uint32_t)id);
    }
}

static void put_end(hark_task dead, const char *call, struct hark__text *text)
{
    if (call) {
        hark__text_put(text, "%s: ", call);
    }
    hark__holder_put(dead, text);
    hark__text_put(
        text, " held it and has ended without releasing it; to use it again, initialise it anew");
}

__attribute__((noinline, cold)) int hark__end_words(hark_task dead, const char *call)
{
    struct hark__text text;
    char words[sizeof((struct hark__failure *)0)->words];

    hark__text_to_string(&text, words, sizeof words);
    put_end(dead, NULL, &text);
    return hark__fail(-EOWNERDEAD, call, "%s", words);
}

/* Into the failure of a task that sleeps. Without memory the code alone must do. */
static void note_end(hark__task *task, hark_task dead, const char *call)
{
    struct hark__extra *extra = hark__task_extra(task);
    struct hark__failure *failure = extra ? extra->failure : NULL;
    struct hark__text text;

    if (extra && !failure) {
        failure = extra->failure = hark__alloc(sizeof *failure);
    }
    if (!failure) {
        return;
    }
    *failure = (struct hark__failure){.code = -EOWNERDEAD, .task = task->id};
    hark__text_to_string(&text, failure->site, sizeof failure->site);
    hark__task_words(task, &text);
    hark__text_to_string(&text, failure->words, sizeof failure->words);
    put_end(dead, call, &text);
}

/* What they waited in may be anything by the time they run: so who tells them writes the words. */
void hark__end_tell(struct hark_waitlist *list, hark_task dead)
{
    for (struct hark_waiter *waiter; (waiter = list->first);) {
        hark__task *task = hark__owner_of(waiter);
        bool in_select = (waiter->owner & OWNER_KIND) == OWNER_CASE;
        note_end(task, dead,
                 in_select ? "hark_select"
                           : container_of(task->wait, struct hark__holder_wait, kind)->call);
        hark__wake(waiter, -EOWNERDEAD);
    }
}

/* It cannot be seen yet that the holder is gone: its record is still there. */
static void holder_ended(struct hark_waiter *end)
{
    hark_lock *l = container_of(end, hark_lock, end);
    hark__end_tell(&l->waiters, owner_of(l));
}

static const struct hark__hook holder_hook = {holder_ended};

/* ---- waiting --------------------------------------------------------------------------------- */

static void describe(const hark_lock *l, struct hark__text *text)
{
    hark__text_put(text, " at %p, held by ", (const void *)l);
    hark__holder_put(owner_of(l), text);
}

static void describe_wait(const hark__task *task, struct hark__text *text)
{
    if (task->in.waiter.list) {
        describe(awaited(task), text);
    }
}

static void leave(struct hark_waiter *waiter, hark_lock *l)
{
    hark__list_remove(waiter);
    if (!l->waiters.first && !planted(lock_hook_outlives_its_waiters)) {
        hark__end_leave(&l->end);
    }
}

static void leave_lock(hark__task *task)
{
    leave(&task->in.waiter, container_of(task->in.waiter.list, hark_lock, waiters));
}

/* Rules B1, B3. */
static void check_lock(const hark_lock *l, const hark__task *task, struct hark__audit *audit)
{
    const hark__task *holder = holder_of(l);

    if (!holder) {
        hark__audit_broken(audit, "B1", task, "waits for a lock that %s",
                           owner_of(l) ? "has died with its holder" : "is free");
    } else if (!holder->extra || l->end.list != &holder->extra->joiners) {
        hark__audit_broken(audit, "B3", task, "would not be told that the lock's holder has ended");
    }
}

static void stands_for_lock(const hark__task *task, struct hark__audit *audit)
{
    hark__stands_in_list(task, audit);
    if (task->in.waiter.list) {
        check_lock(awaited(task), task, audit);
    }
}

static const hark__task *holder_awaited(const hark__task *task, int which)
{
    return which == 0 ? holder_of(awaited(task)) : NULL;
}

static const struct hark__holder_wait lock_wait = {
    .call = "hark_lock_acquire",
    .kind =
        {
            .what = "a lock",
            .leave = leave_lock,
            .describe = describe_wait,
            .stands = stands_for_lock,
            .holder = holder_awaited,
        },
};

/* After a condition: whatever happens, it goes on with the lock. */
static const struct hark__holder_wait again_wait = {
    .call = "hark_cond_wait",
    .kind =
        {
            .what = "a lock, to go on after a condition,",
            .describe = describe_wait,
            .stands = stands_for_lock,
            .holder = holder_awaited,
        },
};

/* ---- taking and releasing -------------------------------------------------------------------- */

static int check(hark_lock *l, const char *call)
{
    return l ? hark__touch(&l->waiters, call) : hark__fail(-EINVAL, call, "the lock is NULL");
}

static __attribute__((noinline, cold)) int fail_memory(const char *call)
{
    return hark__fail(-ENOMEM, call, "no memory to be told of the holder's end");
}

static __attribute__((noinline, cold)) int fail_held(const char *call)
{
    return hark__fail(-EDEADLK, call, "the caller holds this lock already; release it first");
}

/* It is free, and not everybody may take it: rule B4. */
static int take_served(hark_lock *l, hark__task *self, const char *call)
{
    if (!hark__task_extra(self)) {
        return fail_memory(call);
    }
    l->owner |= self->id;
    return 0;
}

/* Somebody holds it: who is in *holder. May the caller wait, or try? */
static int check_holder(const hark_lock *l, const hark__task *self, hark__task **holder,
                        const char *call)
{
    if (owner_of(l) == self->id) {
        return fail_held(call);
    }
    *holder = holder_of(l);
    return *holder ? 0 : hark__end_words(owner_of(l), call);
}

/* The caller is about to wait: rules B3, B4. */
static int prepare(hark_lock *l, hark__task *self, hark__task *holder, const char *call)
{
    if (!extra_of(self) || !stand_with(&l->end, &holder_hook, holder)) {
        return fail_memory(call);
    }
    return 0;
}

static __attribute__((noinline, cold)) int acquire_odd(hark_lock *l, hark__task *self,
                                                       const char *call)
{
    hark__task *holder;
    int error;

    if (!owner_of(l)) {
        error = take_served(l, self, call);
        return error ? error : hark__pass();
    }
    if ((error = check_holder(l, self, &holder, call))) {
        return error;
    }
    if (hark__ring_closes(self, holder) && !planted(lock_ring_is_not_seen)) {
        return hark__ring_fail(self, holder, call);
    }
    if ((error = prepare(l, self, holder, call))) {
        return error;
    }
    return hark__wait(&l->waiters, &lock_wait.kind);
}

/* Somebody who runs holds it, and nothing is missing: as it mostly is. */
static __attribute__((noinline)) int acquire_slow(hark_lock *l, hark__task *self, const char *call)
{
    hark__task *holder = hark__roster_find(hark__here->roster, owner_of(l));

    if (unlikely(!holder || holder == self || holder->state == TASK_PARKED || !self->extra ||
                 !holder->extra)) {
        return acquire_odd(l, self, call);
    }
    stand_with(&l->end, &holder_hook, holder);
    return hark__wait(&l->waiters, &lock_wait.kind);
}

int hark_lock_init(hark_lock *l)
{
    if (!l) {
        return hark__fail(-EINVAL, "hark_lock_init", "the lock is NULL");
    }
    *l = (hark_lock)HARK_LOCK_INIT;
    return 0;
}

static inline int acquire(hark_lock *l)
{
    hark__task *self = hark__here->running;

    if (likely(!l->owner)) {
        l->owner = self->id;
        return hark__pass();
    }
    return acquire_slow(l, self, "hark_lock_acquire");
}

static __attribute__((noinline)) int enter_and_acquire(hark_lock *l)
{
    static const char call[] = "hark_lock_acquire";
    int error = l ? hark__enter(&l->waiters, call) : hark__fail(-EINVAL, call, "the lock is NULL");

    return error ? error : acquire(l);
}

int hark_lock_acquire(hark_lock *l)
{
    return l && hark__may_enter(&l->waiters) ? acquire(l) : enter_and_acquire(l);
}

int hark_lock_try(hark_lock *l)
{
    static const char call[] = "hark_lock_try";
    int error = check(l, call);

    if (error) {
        return error;
    }
    hark__task *self = hark__here ? hark__here->running : NULL, *holder;
    if (!self) {
        return hark__fail(-ENOTSUP, call, "only a task can hold a lock, and this is none");
    }
    if (likely(!l->owner)) {
        l->owner = self->id;
        return 0;
    }
    if (!owner_of(l)) {
        return take_served(l, self, call);
    }
    error = check_holder(l, self, &holder, call);
    return error ? error : -EAGAIN;
}

static __attribute__((noinline)) int give_to_next(hark_lock *l)
{
    struct hark_waiter *first = l->waiters.first;

    first = planted(lock_goes_to_the_last) ? first->prev : first;
    hark__task *next = hark__owner_of(first);
    if (!planted(lock_hook_is_not_moved)) {
        hark__end_leave(&l->end);
    }
    l->owner = (planted(lock_freed_for_the_woken) ? 0 : next->id) | (l->owner & SERVES);
    hark__wake(first, 0); /* of a select: its other cases leave, too */
    if (l->waiters.first) {
        stand_with(&l->end, &holder_hook, next);
    }
    return 0;
}

static inline int hand_over(hark_lock *l)
{
    if (l->waiters.first) {
        return give_to_next(l);
    }
    l->owner &= SERVES;
    return 0;
}

void hark__lock_hand_over(hark_lock *l)
{
    hand_over(l);
}

static __attribute__((noinline, cold)) int fail_release(const hark_lock *l, const char *call)
{
    struct hark__text text;
    char words[100];

    if (!owner_of(l)) {
        return hark__fail(-EPERM, call, "nobody holds this lock");
    }
    hark__text_to_string(&text, words, sizeof words);
    hark__holder_put(owner_of(l), &text);
    return hark__fail(-EPERM, call, "%s holds this lock, and only its holder releases it", words);
}

bool hark__lock_is_mine(const hark_lock *l)
{
    const hark_loop *loop = hark__here;
    return loop && loop->running && owner_of(l) == loop->running->id;
}

static __attribute__((noinline)) int release_slow(hark_lock *l)
{
    static const char call[] = "hark_lock_release";
    int error = check(l, call);

    if (error) {
        return error;
    }
    return hark__lock_is_mine(l) ? hand_over(l) : fail_release(l, call);
}

int hark_lock_release(hark_lock *l)
{
    return likely(l && hark__may_touch(&l->waiters) && hark__lock_is_mine(l)) ? hand_over(l)
                                                                              : release_slow(l);
}

hark_task hark_lock_owner(const hark_lock *l)
{
    return l ? owner_of(l) : 0;
}

bool hark_lock_locked(const hark_lock *l)
{
    return l && owner_of(l);
}

hark_stats hark_lock_statistics(const hark_lock *l)
{
    return (hark_stats){l ? hark__tasks_in(&l->waiters) : 0};
}

/* ---- for conditions -------------------------------------------------------------------------- */

void hark__lock_serve(hark_lock *l)
{
    l->owner |= SERVES;
}

void hark__lock_queue(hark_lock *l, hark__task *holder, struct hark_waiter *waiter)
{
    stand_with(&l->end, &holder_hook, holder);
    ((hark__task *)hark__owner_of(waiter))->wait = &again_wait.kind;
    atomic_signal_fence(memory_order_release); /* a handler that tells of it goes by `wait` */
    hark__list_add(&l->waiters, waiter);
}

int hark__lock_again(hark_lock *l, const char *call)
{
    hark__task *self = hark__here->running;
    int error = hark__touch(&l->waiters, call); /* it may have been initialised anew */

    if (error) {
        return error;
    }
    if (!owner_of(l)) {
        l->owner |= self->id;
        return 0;
    }
    if (!holder_of(l)) {
        return hark__end_words(owner_of(l), call);
    }
    self->in.waiter.owner = (uintptr_t)self | OWNER_TASK;
    hark__lock_queue(l, holder_of(l), &self->in.waiter);
    return hark__park(&again_wait.kind);
}

/* ---- a case of a select ---------------------------------------------------------------------- */

static int check_case(hark_case *c, const char *call)
{
    const hark_lock *l = c->object;
    int error = hark__case_check_list(c, call);

    if (error) {
        return error;
    }
    if (!hark__here->running) {
        return hark__fail(-ENOTSUP, call, "only a task can hold a lock, and this is none");
    }
    if (hark__lock_is_mine(l)) {
        return fail_held(call);
    }
    return l->owner == SERVES && !hark__task_extra(hark__here->running) ? fail_memory(call) : 0;
}

/* A lock that is dead is news, too. */
static bool case_is_due(hark_case *c)
{
    return !holder_of(c->object);
}

static bool case_ready(hark_case *c)
{
    hark_lock *l = c->object;

    l->owner &= planted(lock_case_barges) ? SERVES : -1;
    if (!owner_of(l)) {
        l->owner |= hark__here->running->id;
        return true;
    }
    if (holder_of(l)) {
        return false;
    }
    c->result = hark__end_words(owner_of(l), "hark_select");
    return true;
}

static int join_case(hark_loop *loop, hark_case *c)
{
    int error = prepare(c->object, loop->running, holder_of(c->object), "hark_on_acquire");

    return error ? error : hark__case_join_list(loop, c);
}

static void leave_case(hark_loop *loop, hark_case *c)
{
    (void)loop;
    if (c->in.waiter.list) {
        leave(&c->in.waiter, c->object);
    }
}

static void case_stands(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__case_stands_in_list(task, c, audit);
    check_lock(c->object, task, audit);
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    describe(c->object, text);
}

static const hark__task *case_holder(const hark_case *c)
{
    return holder_of(c->object);
}

static const struct hark__case_kind on_acquire = {
    .what = "a lock",
    .check = check_case,
    .look = hark__look_at_one,
    .ready = case_ready,
    .join = join_case,
    .leave = leave_case,
    .there = case_is_due,
    .stands = case_stands,
    .describe = describe_case,
    .holder = case_holder,
};

hark_case hark_on_acquire(hark_lock *l)
{
    return (hark_case){.kind = &on_acquire, .object = l};
}

_Static_assert(offsetof(hark_lock, waiters) == 0, "a case's object is its list");
_Static_assert(sizeof(hark_lock) <= 64, "a lock fits into a cache line");
