/* SPDX-License-Identifier: MIT
 *
 * event.c - set once, for ever; hark/event.h has the promises.
 *
 * Rules    V1  Nobody waits for an event that is set.
 *          V2  Waiters are woken in the order in which they came, all in the call that sets it.
 * Not here Waiting and waking: core/park.c. An event that can be cleared: flag.c.
 */
#include "core/core.h"
#include "sync/sync.h"

static bool is_set(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_event, waiters)->set;
}

static const struct hark__wait_kind event_kind = {
    .what = "an event",
    .leave = hark__leave_list,
    .there = is_set,
    .stands = hark__stands_in_list,
};

int hark_event_init(hark_event *e)
{
    if (!e) {
        return hark__fail(-EINVAL, "hark_event_init", "the event is NULL");
    }
    *e = (hark_event)HARK_EVENT_INIT;
    return 0;
}

bool hark_event_is_set(const hark_event *e)
{
    return e && e->set;
}

static inline int set(hark_event *e)
{
    if (e->set) {
        return 0;
    }
    e->set = true;
    if (planted(event_wakes_one) && e->waiters.first) {
        hark__wake(e->waiters.first, 0);
        return 0;
    }
    return hark__wake_all(&e->waiters);
}

static __attribute__((noinline)) int set_slow(hark_event *e)
{
    static const char call[] = "hark_event_set";
    int error = e ? hark__touch(&e->waiters, call) : hark__fail(-EINVAL, call, "the event is NULL");

    return error ? error : set(e);
}

int hark_event_set(hark_event *e)
{
    return e && hark__may_touch(&e->waiters) ? set(e) : set_slow(e);
}

static inline int wait_for(hark_event *e)
{
    return e->set ? hark__pass() : hark__wait(&e->waiters, &event_kind);
}

static __attribute__((noinline)) int wait_slow(hark_event *e)
{
    static const char call[] = "hark_event_wait";
    int error = e ? hark__enter(&e->waiters, call) : hark__fail(-EINVAL, call, "the event is NULL");

    return error ? error : wait_for(e);
}

int hark_event_wait(hark_event *e)
{
    return e && hark__may_enter(&e->waiters) ? wait_for(e) : wait_slow(e);
}

hark_stats hark_event_statistics(const hark_event *e)
{
    return (hark_stats){e ? hark__tasks_in(&e->waiters) : 0};
}

int hark_event_watch(hark_event *e, hark_watch *watch, hark_callback *fn, void *arg)
{
    static const char call[] = "hark_event_watch";

    return e ? hark__watch_list(&e->waiters, e->set, watch, fn, arg, 0, call)
             : hark__fail(-EINVAL, call, "the event is NULL");
}

int hark__watch_list(struct hark_waitlist *list, bool ready, hark_watch *watch, hark_callback *fn,
                     void *arg, unsigned state, const char *call)
{
    int error = hark__loop_here() ? hark__touch(list, call) : 0; /* without a loop arming says so */

    if (!error) {
        error = hark__watch_arm(hark__here, watch, fn, arg, WATCH_LISTED | state, call);
    }
    if (error) {
        return error;
    }
    if (ready) {
        hark__watch_queue(hark__here, watch);
    } else {
        hark__list_add(list, &watch->in.waiter);
    }
    return 0;
}
