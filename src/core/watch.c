/* SPDX-License-Identifier: MIT
 *
 * watch.c - callbacks in nodes that the caller owns.
 *
 * Idea     A watch takes the place of a task where none is needed: it stands in a list or in the
 *          wheel as a task's waiter or timer would, and when it is woken it goes into the same
 *          queue. When its turn comes, the loop calls it.
 *
 *              idle --armed--> listed or timed --woken--> queued --its turn--> idle, and called
 *
 * Rules    K1  An armed watch has promised itself a place in the ring (so that waking it cannot
 *              fail); it gives the promise back when it leaves the ring, or is unwatched.
 *          K2  It is idle before it is called, so the callback may arm it again, or free it: it is
 *              not touched afterwards.
 *          K3  Unwatching one that is queued leaves an empty entry in the ring, for its place
 *              cannot be closed; the entry holds the promise.
 *          K4  A watch of a loop that is gone is idle, whatever it says; only hark_loop_post, which
 *              must not take the lock to ask, believes what it says.
 * Not here Events and futures (sync), descriptors (interest.c), other threads (inbox.c).
 */
#include "core/core.h"

/* Other threads may post it at the same time. */
static uint32_t state_of(const hark_watch *watch)
{
    return __atomic_load_n(&watch->state, __ATOMIC_SEQ_CST);
}

static uint32_t loop_of(const hark_watch *watch)
{
    return __atomic_load_n(&watch->loop, __ATOMIC_RELAXED);
}

static inline bool is_armed(const hark_watch *watch, const hark_loop *loop)
{
    return unlikely((state_of(watch) & WATCH_STATE) != WATCH_IDLE) &&
           ((loop && loop_of(watch) == loop->id) || hark__loop_alive(loop_of(watch)));
}

/* All but `in`. */
static inline void fill(const hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg,
                        unsigned state)
{
    watch->fn = fn;
    watch->arg = arg;
    watch->state = state;
    watch->loop = loop->id;
}

int hark__watch_arm(hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg,
                    unsigned state, const char *call)
{
    if (!watch || !fn) {
        return hark__fail(-EINVAL, call, "the %s is NULL", watch ? "callback" : "watch");
    }
    if (!loop) {
        return hark__fail(
            -EXDEV, call,
            "there is no loop in this thread; post a callback to the loop that it is for");
    }
    if (is_armed(watch, loop)) {
        return hark__fail(-EALREADY, call,
                          "this watch is armed; hark_unwatch it first, or use another");
    }
    if (hark__loop_promise(loop)) {
        return hark__fail(-ENOMEM, call, "no memory for a place in the run queue");
    }
    fill(loop, watch, fn, arg, state);
    watch->in.waiter = (struct hark_waiter){.owner = (uintptr_t)watch | OWNER_WATCH};
    return 0;
}

void hark__watch_queue(hark_loop *loop, hark_watch *watch)
{
    watch->state = (watch->state & ~(unsigned)WATCH_STATE) | WATCH_QUEUED;
    watch->spare = loop->tail;
    hark__ring_put(loop, watch, READY_WATCH);
}

void hark__watch_run(hark_loop *loop, hark_watch *watch)
{
    if (!watch) { /* rule K3 */
        hark__loop_unpromise(loop);
        return;
    }
    if (watch->state & (WATCH_READER | WATCH_WRITER)) {
        hark__fd_watch_run(loop, watch);
        return;
    }
    hark_callback *fn = watch->fn;
    void *arg = watch->state & WATCH_SELF ? watch : watch->arg;
    watch->state = WATCH_IDLE;
    hark__loop_unpromise(loop);
    hark__call_back(fn, arg);
}

/* A seed may have moved the entry: then it is looked for. What it left behind in front of the head
 * still looks like the entry, and is none. */
void hark__watch_unqueue(hark_loop *loop, hark_watch *watch)
{
    uintptr_t entry = (uintptr_t)watch | READY_WATCH;
    uint32_t place = watch->spare;

    if (planted(unwatched_callback_runs)) {
        return;
    }
    if (place - loop->head >= loop->tail - loop->head || loop->ring[place & loop->mask] != entry) {
        for (place = loop->head; loop->ring[place & loop->mask] != entry;) {
            place++;
        }
    }
    loop->ring[place & loop->mask] = READY_WATCH;
}

static __attribute__((noinline)) int unwatch_slowly(hark_watch *watch)
{
    static const char call[] = "hark_unwatch";
    hark_loop *loop = hark__loop_here();

    if (!watch) {
        return hark__fail(-EINVAL, call, "the watch is NULL");
    }
    if (!is_armed(watch, loop)) {
        return hark__fail(-ESRCH, call, "this watch is not armed: it ran already, or never was");
    }
    if (!loop || loop_of(watch) != loop->id) {
        return hark__fail(-EXDEV, call, "this watch is armed in loop %u, which is not this thread's",
                          loop_of(watch));
    }
    if (state_of(watch) & (WATCH_READER | WATCH_WRITER)) {
        hark__fd_unwatch(loop, watch);
        return 0;
    }
    switch (state_of(watch) & WATCH_STATE) {
    case WATCH_LISTED:
        hark__list_remove(&watch->in.waiter);
        loop->signals -= (watch->state & WATCH_SIGNAL) != 0;
        break;
    case WATCH_TIMED: hark__wheel_disarm(&loop->wheel, &watch->in.timer); break;
    case WATCH_POSTED: hark__inbox_take_back(loop, watch); return 0;
    default:
        hark__watch_unqueue(loop, watch);
        watch->state = WATCH_IDLE;
        return 0;
    }
    watch->state = WATCH_IDLE;
    hark__loop_unpromise(loop);
    return 0;
}

/* One that waits for its time, as most do that are taken back, has no other place. */
int hark_unwatch(hark_watch *watch)
{
    hark_loop *loop = hark__here;

    if (unlikely(!watch || !loop || state_of(watch) != WATCH_TIMED || loop_of(watch) != loop->id)) {
        return unwatch_slowly(watch);
    }
    hark__wheel_disarm(&loop->wheel, &watch->in.timer);
    watch->state = WATCH_IDLE;
    hark__loop_unpromise(loop);
    return 0;
}

int hark_call_soon(hark_watch *watch, hark_callback *fn, void *arg)
{
    int error = hark__watch_arm(hark__loop_here(), watch, fn, arg, WATCH_QUEUED, "hark_call_soon");

    if (!error) {
        hark__watch_queue(hark__here, watch);
    }
    return error;
}

static void fire_watch(struct hark_timer *timer)
{
    hark__watch_queue(hark__here, container_of(timer, hark_watch, in.timer));
}

const hark_watch *hark__watch_of_timer(const struct hark_timer *timer)
{
    return timer->fire == fire_watch ? container_of(timer, const hark_watch, in.timer) : NULL;
}

static int stand_in_wheel(hark_loop *loop, hark_watch *watch, int64_t deadline)
{
    watch->in.timer = (struct hark_timer){.deadline = deadline, .fire = fire_watch};
    return deadline == HARK_FOREVER ? 0 : hark__wheel_arm(&loop->wheel, &watch->in.timer, deadline);
}

/* Most are armed by a loop that runs, and it has room for them. */
static inline bool can_be_armed(const hark_loop *loop, const hark_watch *watch, hark_callback *fn)
{
    return likely(loop && watch && fn && (state_of(watch) & WATCH_STATE) == WATCH_IDLE &&
                  loop->promised <= loop->mask);
}

static inline int arm_for(hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg,
                          int64_t deadline)
{
    loop->promised++;
    fill(loop, watch, fn, arg, WATCH_TIMED);
    watch->in.timer.fire = fire_watch;
    return hark__wheel_arm(&loop->wheel, &watch->in.timer, deadline);
}

static __attribute__((noinline)) int call_at_slowly(int64_t deadline, hark_watch *watch,
                                                    hark_callback *fn, void *arg)
{
    int error = hark__watch_arm(hark__loop_here(), watch, fn, arg, WATCH_TIMED, "hark_call_at");

    return error ? error : stand_in_wheel(hark__here, watch, deadline);
}

int hark_call_at(int64_t deadline, hark_watch *watch, hark_callback *fn, void *arg)
{
    hark_loop *loop = hark__here;

    return can_be_armed(loop, watch, fn) && likely(deadline != HARK_FOREVER)
               ? arm_for(loop, watch, fn, arg, deadline)
               : call_at_slowly(deadline, watch, fn, arg);
}

static __attribute__((noinline)) int call_later_slowly(int64_t timeout, hark_watch *watch,
                                                       hark_callback *fn, void *arg)
{
    int error = hark__watch_arm(hark__loop_here(), watch, fn, arg, WATCH_TIMED, "hark_call_later");

    if (error) {
        return error;
    }
    return stand_in_wheel(hark__here, watch,
                          timeout > 0 ? hark__loop_deadline(hark__here, timeout)
                                      : hark__loop_now(hark__here));
}

int hark_call_later(int64_t timeout, hark_watch *watch, hark_callback *fn, void *arg)
{
    hark_loop *loop = hark__here;
    int64_t deadline = can_be_armed(loop, watch, fn) && likely(timeout > 0)
                           ? hark__loop_easy_deadline(loop, timeout)
                           : HARK_FOREVER;

    return likely(deadline != HARK_FOREVER) ? arm_for(loop, watch, fn, arg, deadline)
                                            : call_later_slowly(timeout, watch, fn, arg);
}
