/* SPDX-License-Identifier: MIT
 *
 * flag.c - set and cleared at will; hark/flag.h has the promises.
 *
 * Idea     One number: twice how often it was set, plus 1 while it is. Every set wakes all who stand
 *          there, whichever of the two they wait for: nobody stands there whom it does not concern.
 * Rules    A1  Nobody waits for a flag that is set; nobody waits for a set since a generation that
 *              is past.
 *          A2  Setting releases for good: who was woken stays woken, whatever is cleared before
 *              they run.
 *          A3  Every set counts, also of a flag that is set: so a set is missed by nobody who has
 *              noted the generation before it.
 */
#include "core/core.h"
#include "sync/sync.h"

#define IS_SET  1u
#define ONE_SET 2u

static uint64_t generation_of(const hark_flag *f)
{
    return f->state / ONE_SET;
}

static bool is_set(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_flag, waiters)->state & IS_SET;
}

static const struct hark__wait_kind flag_kind = {
    .what = "a flag",
    .leave = hark__leave_list,
    .there = is_set,
    .stands = hark__stands_in_list,
};

/* ---- waiting for a set since a generation: what they have in their hands --------------------- */

static const hark_flag *awaited_since(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_flag, waiters);
}

static bool is_past(const hark__task *task)
{
    const uint64_t *generation = hark__offer_item(&task->in.waiter);
    return generation_of(awaited_since(task)) != *generation;
}

static void describe_since(const hark__task *task, struct hark__text *text)
{
    const hark_flag *f = task->in.waiter.list ? awaited_since(task) : NULL;

    if (f) {
        hark__text_put(text, " at %p to be set again (%llu times so far)", (const void *)f,
                       (unsigned long long)generation_of(f));
    }
}

static const struct hark__wait_kind since_kind = {
    .what = "a flag",
    .leave = hark__leave_list,
    .describe = describe_since,
    .says_where = true,
    .there = is_past,
    .stands = hark__stands_in_list,
};

/* ---- the calls ------------------------------------------------------------------------------- */

static int check(hark_flag *f, const char *call)
{
    return f ? hark__touch(&f->waiters, call) : hark__fail(-EINVAL, call, "the flag is NULL");
}

int hark_flag_init(hark_flag *f)
{
    if (!f) {
        return hark__fail(-EINVAL, "hark_flag_init", "the flag is NULL");
    }
    *f = (hark_flag)HARK_FLAG_INIT;
    return 0;
}

bool hark_flag_is_set(const hark_flag *f)
{
    return f && f->state & IS_SET;
}

uint64_t hark_flag_generation(const hark_flag *f)
{
    return f ? generation_of(f) : 0;
}

static inline int set(hark_flag *f)
{
    if (planted(flag_set_again_is_nothing) && f->state & IS_SET) {
        return 0;
    }
    f->state = (f->state + ONE_SET) | IS_SET;
    return hark__wake_all(&f->waiters);
}

static __attribute__((noinline)) int set_slow(hark_flag *f)
{
    int error = check(f, "hark_flag_set");

    return error ? error : set(f);
}

int hark_flag_set(hark_flag *f)
{
    return f && hark__may_touch(&f->waiters) ? set(f) : set_slow(f);
}

static inline int clear(hark_flag *f)
{
    f->state -= planted(flag_clear_takes_a_set_back) && f->state & IS_SET ? ONE_SET : 0;
    f->state &= ~(uint64_t)IS_SET;
    return 0;
}

static __attribute__((noinline)) int clear_slow(hark_flag *f)
{
    int error = check(f, "hark_flag_clear");

    return error ? error : clear(f);
}

int hark_flag_clear(hark_flag *f)
{
    return f && hark__may_touch(&f->waiters) ? clear(f) : clear_slow(f);
}

static inline int wait_for(hark_flag *f)
{
    int error = f->state & IS_SET ? hark__pass() : hark__wait(&f->waiters, &flag_kind);

    while (planted(flag_is_asked_again) && !error && !(f->state & IS_SET)) {
        error = hark__wait(&f->waiters, &flag_kind);
    }
    return error;
}

static __attribute__((noinline)) int wait_slow(hark_flag *f)
{
    static const char call[] = "hark_flag_wait";
    int error = f ? hark__enter(&f->waiters, call) : hark__fail(-EINVAL, call, "the flag is NULL");

    return error ? error : wait_for(f);
}

int hark_flag_wait(hark_flag *f)
{
    return f && hark__may_enter(&f->waiters) ? wait_for(f) : wait_slow(f);
}

int hark__flag_check_since(const hark_flag *f, uint64_t generation, const char *call)
{
    return generation <= generation_of(f)
               ? 0
               : hark__fail(
                     -EINVAL, call,
                     "the flag was set %llu times so far, not %llu; take the number from hark_flag_generation",
                     (unsigned long long)generation_of(f), (unsigned long long)generation);
}

int hark_flag_wait_since(hark_flag *f, uint64_t generation)
{
    static const char call[] = "hark_flag_wait_since";
    int error = f ? hark__enter(&f->waiters, call) : hark__fail(-EINVAL, call, "the flag is NULL");

    if (error || (error = hark__flag_check_since(f, generation, call))) {
        return error;
    }
    bool past = generation_of(f) != generation;
    if (planted(flag_since_wants_it_set)) {
        past = past && f->state & IS_SET;
    }
    return past ? hark__pass() : hark__offer_wait(&f->waiters, &generation, &since_kind);
}

hark_stats hark_flag_statistics(const hark_flag *f)
{
    return (hark_stats){f ? hark__tasks_in(&f->waiters) : 0};
}
