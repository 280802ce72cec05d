/* SPDX-License-Identifier: MIT
 *
 * post.c - other threads' side of a loop: hold it, post to it, drop it.
 *
 * Idea     What is posted goes into the post box (inbox.c). What is added here is the loop's end: a
 *          gate, one counter of who is inside and a bit that says closed. Who posts goes in, looks
 *          at the bit, pushes, and goes out; the loop sets the bit, waits until nobody is inside,
 *          and then runs what the box holds. So what was accepted runs, and nobody writes into a
 *          descriptor that is closed already.
 *
 *              poster:  gate += 1; closed? -ESHUTDOWN; push, write; gate -= 1
 *              loop:    gate |= closed; until gate == closed: yield; run the box; close the parts
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

#define CLOSED (1 << 30)

/* Inside, in any case. True: it is open. */
static bool go_in(hark_loop *loop)
{
    return !(atomic_fetch_add(&loop->gate, 1) & CLOSED);
}

static void go_out(hark_loop *loop)
{
    atomic_fetch_sub(&loop->gate, 1);
}

void hark__gate_shut(hark_loop *loop)
{
    atomic_fetch_or(&loop->gate, CLOSED);
}

void hark__gate_close(hark_loop *loop)
{
    hark__gate_shut(loop);
    while (atomic_load(&loop->gate) != CLOSED) {
        sched_yield();
    }
}

/* The task that waits for the answer keeps its loop from ending before it has come; but the loop may
 * end while we are still here. */
void hark__loop_answer(hark_loop *loop, hark_watch *watch)
{
    go_in(loop);
    hark__inbox_post(loop->inbox, watch);
    go_out(loop);
    hark_loop_drop(loop);
}

/* The last holder may have posted just before it let go: so the box is looked at after the
 * holds. */
bool hark__loop_is_held(const hark_loop *loop)
{
    return loop->holds || (atomic_load(&loop->held) && !(atomic_load(&loop->gate) & CLOSED)) ||
           hark__inbox_any(loop);
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
 * it, something must be in its box. */
static void nudge(hark_loop *loop)
{
    if (!atomic_exchange(&loop->nudge_posted, true)) {
        loop->nudge.fn = nudged;
        loop->nudge.arg = &loop->nudge_posted;
        hark__inbox_post(loop->inbox, &loop->nudge);
    }
}

void hark_loop_drop(hark_loop *loop)
{
    if (!loop) {
        return;
    }
    if (atomic_fetch_sub(&loop->held, 1) == 1 && hark__here != loop) {
        if (go_in(loop)) {
            nudge(loop);
        }
        go_out(loop);
    }
    hark__loop_unref(loop);
}

int hark_loop_post(hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg)
{
    uint32_t idle = WATCH_IDLE;

    if (!loop || !watch || !fn) {
        return -EINVAL;
    }
    if (!loop->inbox && (hark_loop_self() != loop || hark__inbox_open(loop))) {
        return -ENOMEM;
    }
    if (!__atomic_compare_exchange_n(&watch->state, &idle, WATCH_POSTED, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        return -EALREADY;
    }
    bool accepted = go_in(loop);
    if (accepted) {
        watch->fn = fn;
        watch->arg = arg;
        __atomic_store_n(&watch->loop, loop->id, __ATOMIC_RELAXED);
        hark__inbox_post(loop->inbox, watch);
    } else {
        __atomic_store_n(&watch->state, WATCH_IDLE, __ATOMIC_SEQ_CST);
    }
    go_out(loop);
    return accepted ? 0 : -ESHUTDOWN;
}
