/* SPDX-License-Identifier: MIT
 *
 * signal.c - the two signals that a run may ask for: one that cancels it, one that prints its
 * tasks.
 *
 * Idea     One slot for each signal number, filled before the handler is installed. The cancelling
 *          handler posts a watch to the loop; the dumping one prints at once, from within the
 *          handler, so that it also speaks when a task never gives way; a signal that was delivered
 *          to another thread is passed on to the loop's.
 * Rules    Z1  A slot belongs to one loop, from asking until the run ends; then the disposition
 *              that was there before comes back.
 *          Z2  The cancelling handler is gone after its first signal: the second one has its
 *              default action.
 *          Z3  A signal that may still cancel counts as something that can wake a task: no deadlock
 *              is reported.
 *          Z4  A run ends only when no handler works for it any more, in whatever thread.
 */
#include <hark/dump.h>
#include <sched.h>

#include "core/core.h"

struct slot {
    _Atomic(hark_loop *) loop; /* NULL: free */
    atomic_int inside;         /* handlers under way, in any thread */
    struct hark__inbox *inbox;
    pthread_t thread;
    hark_watch watch;
    struct sigaction before;
};

static struct slot slots[NSIG];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_cancel(int signo)
{
    struct slot *slot = &slots[signo];

    atomic_fetch_add(&slot->inside, 1);
    if (atomic_load(&slot->loop)) {
        hark__inbox_post(slot->inbox, &slot->watch);
    }
    atomic_fetch_sub(&slot->inside, 1);
}

static void on_dump(int signo)
{
    struct slot *slot = &slots[signo];
    int saved = errno;

    atomic_fetch_add(&slot->inside, 1);
    hark_loop *loop = atomic_load(&slot->loop);
    if (loop && pthread_equal(pthread_self(), slot->thread)) {
        hark__report_from_signal(loop);
    } else if (loop) {
        hark__sys.thread_kill(slot->thread, signo);
    }
    atomic_fetch_sub(&slot->inside, 1);
    errno = saved;
}

/* Rule Z4. A handler in another thread may be about to post to this loop or to pass a signal on to
 * this thread. What it has passed on is delivered here no later than at the end of the next system
 * call, which must come before the disposition changes. */
static void wait_for_handlers(struct slot *slot)
{
    int seen;

    do {
        seen = atomic_load(&slot->inside);
        sched_yield();
    } while (seen);
}

static void cancel_run(void *arg)
{
    struct slot *slot = arg;

    slot->loop->signals--;
    hark__cancel_all(slot->loop, false);
}

static int install(hark_loop *loop, int signo, bool cancels, const char *call)
{
    struct slot *slot = &slots[signo];
    struct sigaction action = {.sa_handler = cancels ? on_cancel : on_dump,
                               .sa_flags =
                                   SA_RESTART | SA_ONSTACK | (cancels ? (int)SA_RESETHAND : 0)};

    if (slot->loop) {
        return hark__fail(-EBUSY, call, "signal %d is taken already, by %s", signo,
                          slot->loop == loop ? "this run" : "another loop");
    }
    slot->inbox = loop->inbox;
    slot->thread = loop->thread;
    slot->watch = (hark_watch){0};
    slot->watch.fn = cancel_run;
    slot->watch.arg = slot;
    atomic_store(&slot->loop, loop);
    if (hark__sys.sigaction(signo, &action, &slot->before)) {
        slot->loop = NULL;
        return hark__fail(-EINVAL, call, "%d is not a signal that can be caught", signo);
    }
    loop->signals += cancels;
    return 0;
}

static int take(int signo, bool cancels, const char *call)
{
    hark_loop *loop = hark__here;
    int error;

    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, call, "a task asks for this, and there is none here");
    }
    if (signo <= 0 || signo >= NSIG) {
        return hark__fail(-EINVAL, call, "%d is not a signal", signo);
    }
    if (cancels && (error = hark__inbox_open(loop))) {
        return hark__fail(error, call, "no descriptor or memory for the loop's post box");
    }
    pthread_mutex_lock(&slots_lock);
    error = install(loop, signo, cancels, call);
    pthread_mutex_unlock(&slots_lock);
    return error;
}

int hark_cancel_on(int signo)
{
    return take(signo, true, "hark_cancel_on");
}

int hark_dump_on(int signo)
{
    return take(signo, false, "hark_dump_on");
}

/* Nobody else is in the child, so nobody holds the lock, though a thread of the parent may have. */
void hark__signals_forked(void)
{
    pthread_mutex_init(&slots_lock, NULL);
    for (int signo = 1; signo < NSIG; signo++) {
        if (slots[signo].loop) {
            hark__sys.sigaction(signo, &slots[signo].before, NULL);
            slots[signo].loop = NULL;
            atomic_store(&slots[signo].inside, 0);
        }
    }
}

void hark__signals_close(hark_loop *loop)
{
    pthread_mutex_lock(&slots_lock);
    for (int signo = 1; signo < NSIG; signo++) {
        if (slots[signo].loop == loop) {
            atomic_store(&slots[signo].loop, NULL);
            wait_for_handlers(&slots[signo]);
            hark__sys.sigaction(signo, &slots[signo].before, NULL);
        }
    }
    pthread_mutex_unlock(&slots_lock);
}
