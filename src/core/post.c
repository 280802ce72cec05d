/* SPDX-License-Identifier: MIT
 *
 * post.c - other threads' side of a loop: hold it, post to it, drop it.
 *
 * Idea     What is posted goes into the post box (inbox.c), and the box itself says when it takes no
 *          more: the loop shuts it, and runs what it held by then. Who was accepted wakes the loop
 *          if it sleeps, and for that it goes in: a counter of who is inside keeps the loop from
 *          closing the box's descriptor, or freeing what nobody holds. A loop that is awake costs
 *          its posters one compare-and-swap, and one look.
 *
 *              poster:  shut? -ESHUTDOWN; push; asleep? inside += 1; wake it; inside -= 1
 *              loop:    shut; until inside == 0: yield; run the box; close the parts
 *
 *          The memory of the loop outlives it until the last holder has dropped it.
 * Rules    N1  Accepted is run, once, in the order of accepting; refused is -ESHUTDOWN for ever.
 *          N2  Posting neither allocates nor locks nor waits, so a signal handler may post. It says
 *              no words either, for words need memory.
 *          N3  While somebody holds a loop its tasks may yet be woken: no deadlock, and virtual time
 *              waits. With the last drop the loop looks again.
 *          N4  A node that is posted belongs to the loop until its callback begins.
 * Not here Calls that wait for an answer; the workers, which have a lock of their own (thread.c).
 */
#include <hark/thread.h>
#include <sched.h>

#include "core/core.h"

void hark__gate_shut(hark_loop *loop)
{
    loop->shut = true;
    if (loop->inbox) {
        hark__inbox_shut(loop->inbox);
    }
}

void hark__gate_close(hark_loop *loop)
{
    hark__gate_shut(loop);
    while (loop->inbox && hark__inbox_is_entered(loop->inbox)) {
        sched_yield();
    }
}

/* The task that waits for the answer keeps its loop from ending before it has come; but the loop may
 * end while we are still here. */
void hark__loop_answer(hark_loop *loop, hark_watch *watch)
{
    struct hark__inbox *inbox = loop->inbox;

    hark__inbox_enter(inbox);
    hark__inbox_post(inbox, watch);
    hark__inbox_leave(inbox);
    hark_loop_drop(loop);
}

/* The last holder may have posted just before it let go: so the box is looked at after the
 * holds. */
bool hark__loop_is_held(const hark_loop *loop)
{
    return loop->holds || (atomic_load(&loop->held) && !loop->shut) || hark__inbox_any(loop);
}

void hark__loop_unref(hark_loop *loop)
{
    if (atomic_fetch_sub(&loop->refs, 1) == 1) {
        hark__inbox_free(loop);
        hark__free(loop, sizeof *loop);
    }
}

hark_loop *hark_loop_hold(hark_loop *loop)
{
    static const char call[] = "hark_loop_hold";

    if (!loop) {
        hark__fail(-EINVAL, call, "the loop is NULL");
        return NULL;
    }
    if (!loop->inbox && hark__loop_is_inherited(loop)) {
        hark__fail(-ESHUTDOWN, call, "this process was forked, and the loop is its parent's");
        return NULL;
    }
    int error = loop->inbox ? 0 : hark__inbox_open(loop);
    if (error) {
        hark__fail(error, call, "no descriptor or memory for the loop's post box");
        return NULL;
    }
    atomic_fetch_add(&loop->refs, 1);
    atomic_fetch_add(&loop->held, 1);
    return loop;
}

static void nudged(void *arg)
{
    atomic_store((atomic_bool *)arg, false);
}

/* Rule N3. The loop may have looked at the holds and not be asleep yet: so it is not enough to wake
 * it, something must be in its box. One that is shut needs no telling. */
static void nudge(hark_loop *loop)
{
    if (!atomic_exchange(&loop->nudge_posted, true)) {
        loop->nudge.fn = nudged;
        loop->nudge.arg = &loop->nudge_posted;
        hark__inbox_offer(loop->inbox, &loop->nudge);
    }
}

void hark_loop_drop(hark_loop *loop)
{
    if (!loop) {
        return;
    }
    if (atomic_fetch_sub(&loop->held, 1) == 1 && hark__here != loop) {
        nudge(loop);
    }
    hark__loop_unref(loop);
}

int hark_loop_post(hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg)
{
    uint32_t idle = WATCH_IDLE;

    if (unlikely(!loop || !watch || !fn)) {
        return -EINVAL;
    }
    if (unlikely(!loop->inbox) && (hark_loop_self() != loop || hark__inbox_open(loop))) {
        return -ENOMEM;
    }
    if (unlikely(!__atomic_compare_exchange_n(&watch->state, &idle, WATCH_POSTED, false,
                                              __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))) {
        return -EALREADY;
    }
    watch->fn = fn;
    watch->arg = arg;
    return hark__inbox_offer(loop->inbox, watch);
}
