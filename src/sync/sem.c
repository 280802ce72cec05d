/* SPDX-License-Identifier: MIT
 *
 * sem.c - permits; hark/sem.h has the promises.
 *
 * Idea     A permit that is released while somebody waits never shows in `value`: it goes from hand
 *          to hand. So `value` is what a newcomer could take, and asking it is asking whether
 *          somebody may barge in.
 * Rules    J1  Nobody waits while there is a permit to be taken.
 *          J2  A permit that was given to a waiter is its own, though it has not run yet: no try,
 *              no newcomer and no cancellation takes it away.
 *          J3  What can be taken is never more than `max`.
 * Not here Permits that are known to be out, and whose number changes: limiter.c. An owner: a lock.
 */
#include <hark/sem.h>
#include <limits.h>

#include "core/core.h"
#include "sync/sync.h"

static bool has_permit(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_sem, waiters)->value > 0;
}

static const struct hark__wait_kind sem_kind = {
    .what = "a permit of a semaphore",
    .leave = hark__leave_list,
    .there = has_permit,
    .stands = hark__stands_in_list,
};

static int check(hark_sem *s, const char *call)
{
    return s ? hark__touch(&s->waiters, call) : hark__fail(-EINVAL, call, "the semaphore is NULL");
}

int hark_sem_init(hark_sem *s, int value, int max)
{
    static const char call[] = "hark_sem_init";

    if (!s) {
        return hark__fail(-EINVAL, call, "the semaphore is NULL");
    }
    if (value < 0 || max < 0 || (max > 0 && value > max)) {
        return hark__fail(
            -EINVAL, call,
            "%d permits of at most %d; give 0 or more, and a maximum that is not below (0: none)",
            value, max);
    }
    *s = (hark_sem)HARK_SEM_INIT(value, max);
    return 0;
}

static inline int acquire(hark_sem *s)
{
    if (s->value > 0) {
        s->value--;
        return hark__pass();
    }
    return hark__wait(&s->waiters, &sem_kind);
}

static __attribute__((noinline)) int acquire_slow(hark_sem *s)
{
    static const char call[] = "hark_sem_acquire";
    int error =
        s ? hark__enter(&s->waiters, call) : hark__fail(-EINVAL, call, "the semaphore is NULL");

    return error ? error : acquire(s);
}

int hark_sem_acquire(hark_sem *s)
{
    return s && hark__may_enter(&s->waiters) ? acquire(s) : acquire_slow(s);
}

int hark_sem_try(hark_sem *s)
{
    int error = check(s, "hark_sem_try");

    if (error || (s->value == 0 && !(planted(sem_try_barges) && !s->waiters.first))) {
        return error ? error : -EAGAIN;
    }
    s->value--;
    return 0;
}

static __attribute__((noinline)) int fail_full(const hark_sem *s)
{
    return hark__fail(
        -EOVERFLOW, "hark_sem_release",
        "all %d permits are there; release only what was acquired, or raise the maximum", s->value);
}

static inline int release(hark_sem *s)
{
    if (s->waiters.first && !planted(sem_forgets_who_waits)) {
        s->value += planted(sem_permit_is_given_twice);
        return hark__wake(planted(sem_wakes_the_last) ? s->waiters.first->prev : s->waiters.first, 0);
    }
    if (unlikely(s->value == (s->max ? s->max : INT_MAX))) {
        return fail_full(s);
    }
    s->value++;
    return 0;
}

static __attribute__((noinline)) int release_slow(hark_sem *s)
{
    int error = check(s, "hark_sem_release");

    return error ? error : release(s);
}

int hark_sem_release(hark_sem *s)
{
    return s && hark__may_touch(&s->waiters) ? release(s) : release_slow(s);
}

int hark_sem_value(const hark_sem *s)
{
    return s ? s->value : 0;
}

hark_stats hark_sem_statistics(const hark_sem *s)
{
    return (hark_stats){s ? hark__tasks_in(&s->waiters) : 0};
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static bool permit_is_there(hark_case *c)
{
    return ((const hark_sem *)c->object)->value > 0;
}

/* Where there is a permit nobody queues (J1). */
static bool take_if_there(hark_case *c)
{
    hark_sem *s = c->object;

    if (s->value == 0) {
        return false;
    }
    s->value -= !planted(sem_select_takes_none);
    return true;
}

static bool is_idle(const hark_case *c)
{
    return !permit_is_there((hark_case *)c);
}

static hark_case *look_at(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, hark__case_is_sound, is_idle);
}

static const struct hark__case_kind on_sem = {
    .what = "a permit of a semaphore",
    .check = hark__case_check_list,
    .look = look_at,
    .ready = take_if_there,
    .there = permit_is_there,
    .stands = hark__case_stands_in_list,
};

_Static_assert(offsetof(hark_sem, waiters) == 0, "a case's object is its list");

hark_case hark_on_sem(hark_sem *s)
{
    return (hark_case){.kind = &on_sem, .object = s};
}
