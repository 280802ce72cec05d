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
 */
#include <hark/dump.h>

#include "core/core.h"

struct slot {
    hark_loop *loop; /* NULL: free */
    struct hark__inbox *inbox;
    pthread_t thread;
    hark_watch watch;
    struct sigaction before;
    bool cancels, pending;
};

static struct slot slots[NSIG];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_cancel(int signo)
{
    hark__inbox_post(slots[signo].inbox, &slots[signo].watch);
}

static void on_dump(int signo)
{
    int saved = errno;

    if (pthread_equal(pthread_self(), slots[signo].thread)) {
        hark__report_from_signal(slots[signo].loop);
    } else {
        hark__sys.thread_kill(slots[signo].thread, signo);
    }
    errno = saved;
}

static void cancel_run(void *arg)
{
    struct slot *slot = arg;

    slot->pending = false;
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
    *slot = (struct slot){.loop = loop,
                          .inbox = loop->inbox,
                          .thread = loop->thread,
                          .cancels = cancels,
                          .pending = cancels};
    slot->watch.fn = cancel_run;
    slot->watch.arg = slot;
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
        }
    }
}

void hark__signals_close(hark_loop *loop)
{
    pthread_mutex_lock(&slots_lock);
    for (int signo = 1; signo < NSIG; signo++) {
        if (slots[signo].loop == loop) {
            hark__sys.sigaction(signo, &slots[signo].before, NULL);
            slots[signo].loop = NULL;
        }
    }
    pthread_mutex_unlock(&slots_lock);
}
