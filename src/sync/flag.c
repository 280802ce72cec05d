/* SPDX-License-Identifier: MIT
 *
 * flag.c - set and cleared at will; hark/flag.h has the promises.
 *
 * Rules    A1  Nobody waits for a flag that is set.
 *          A2  Setting releases for good: who was woken stays woken, whatever is cleared before
 *              they run.
 */
#include "core/core.h"
#include "sync/sync.h"

static bool is_set(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_flag, waiters)->set;
}

static const struct hark__wait_kind flag_kind = {
    .what = "a flag",
    .leave = hark__leave_list,
    .there = is_set,
    .stands = hark__stands_in_list,
};

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
    return f && f->set;
}

int hark_flag_set(hark_flag *f)
{
    int error = check(f, "hark_flag_set");

    if (!error && !f->set) {
        f->set = true;
        hark__wake_all(&f->waiters);
    }
    return error;
}

int hark_flag_clear(hark_flag *f)
{
    int error = check(f, "hark_flag_clear");

    if (!error) {
        f->set = false;
    }
    return error;
}

int hark_flag_wait(hark_flag *f)
{
    static const char call[] = "hark_flag_wait";
    int error = f ? hark__enter(&f->waiters, call) : hark__fail(-EINVAL, call, "the flag is NULL");

    if (error) {
        return error;
    }
    error = f->set ? hark__pass() : hark__wait(&f->waiters, &flag_kind);
    while (planted(flag_is_asked_again) && !error && !f->set) {
        error = hark__wait(&f->waiters, &flag_kind);
    }
    return error;
}

hark_stats hark_flag_statistics(const hark_flag *f)
{
    return (hark_stats){f ? hark__tasks_in(&f->waiters) : 0};
}
