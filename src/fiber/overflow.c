/* SPDX-License-Identifier: MIT
 *
 * overflow.c - a stack overflow is told by name, not as a mere segmentation fault; and so is any
 * other fault of a task.
 *
 * Idea     Touching a guard raises SIGSEGV (SIGBUS on some systems). The handler runs on an
 *          alternate stack, finds whose guard it was, has that reported, and lets the process die
 *          as it would have.
 *
 * Rules    O1  In the handler: no locks, no allocation, no stdio; what it reads was written
 *              before it was installed.
 *          O2  A fault that is not ours is treated as if we were not there: the handler that was
 *              there before gets it, with the signal mask it asked for; a default action happens,
 *              with the faulting instruction in the core.
 *          O3  Closing puts things back only where nobody has changed them since.
 *          O4  An alternate stack that is already there is kept when it is large enough to report
 *              on.
 *          O5  Where the default action would follow, a fault on a fiber's stack is reported first. A
 *              program that has its own handler has its own words: of SIGFPE and SIGILL we take
 *              nothing then.
 *
 * Not here what the report says (core), which has the owner and the machine's context.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sys.h"
#include "fiber/fiber.h"
#include "fiber/guard.h"
#include "fiber/slab.h"

enum {
    SIGNALS = 4,
    OVERFLOWS = 2,       /* of them, those that a guard may raise */
    SIGNAL_FRAME = 4096, /* what the kernel puts below sp to call a handler (AVX-512: 3.4 KiB) */
    REPORT_ROOM = 64 << 10,
    REPORT_LEAST = 16 << 10,
};

static const int signals[SIGNALS] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static int users;
static struct sigaction before[SIGNALS];
static _Atomic(hark__overflow_report *) reporter;
static _Atomic(hark__crash_report *) crash_reporter;

static _Thread_local int depth;
static _Thread_local void *alternate; /* ours; NULL: there was one */
static _Thread_local stack_t alternate_before;

/* ---- in the handler ------------------------------------------------------------------------ */

#if defined(__x86_64__)
static uintptr_t context_sp(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}
#elif defined(__aarch64__)
static uintptr_t context_sp(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.sp;
}
#else
static uintptr_t context_sp(const ucontext_t *context)
{
    (void)context;
    return 0;
}
#endif

/* The stack with a task on it of which the address is in the guard, or at most `above` bytes
 * above it. */
static const hark__stack *overflowed(uintptr_t address, size_t above)
{
    const hark__stack *stack = hark__slab_find((void *)address);
    if (!stack || !stack->owner || stack->guard == HARK__GUARD_CANARY ||
        address >= (uintptr_t)stack->low + above) {
        return NULL;
    }
    return stack;
}

/* A plain overflow faults at an address in the guard. When a signal's frame does not fit any
 * more, the kernel names no address: then it is the stack pointer that is near the guard, or
 * in it. */
static const hark__stack *culprit(const siginfo_t *info, const void *context)
{
    if (info->si_code <= 0) {
        return NULL; /* somebody sent it */
    }
    if (info->si_code == SI_KERNEL) {
        return overflowed(context_sp(context), SIGNAL_FRAME);
    }
    return overflowed((uintptr_t)info->si_addr, 0);
}

/* The instruction faults again when we return. What was not raised by one must be raised again; the
 * signal is blocked until then. */
static void die_by_default(int signo, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    hark__sys.sigaction(signo, &action, NULL);
    if (info->si_code <= 0 || info->si_code == SI_KERNEL) {
        raise(signo);
    }
}

/* The mask that the earlier handler would have run with. */
static void mask_for(int signo, const struct sigaction *action, const ucontext_t *context)
{
    sigset_t mask = action->sa_mask;
    for (int i = 1; i < 65; i++) {
        if (sigismember(&context->uc_sigmask, i) == 1) {
            sigaddset(&mask, i);
        }
    }
    if (!(action->sa_flags & SA_NODEFER)) {
        sigaddset(&mask, signo);
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static struct sigaction *earlier_of(int signo)
{
    int i = 0;
    while (signals[i] != signo) {
        i++;
    }
    return &before[i];
}

/* Rule O5. */
static void tell_crash(int signo, const siginfo_t *info, const void *context)
{
    hark__crash_report *report = atomic_load(&crash_reporter);
    bool by_default = earlier_of(signo)->sa_handler == SIG_DFL;
    if (report && by_default && info->si_code > 0) {
        const hark__stack *stack = hark__slab_find((const void *)context_sp(context));
        if (stack && stack->owner) {
            report(stack, info, context);
        }
    }
}

static void pass_on(int signo, siginfo_t *info, void *context)
{
    struct sigaction *earlier = earlier_of(signo);
    struct sigaction action = *earlier;
    if (action.sa_handler == SIG_IGN && info->si_code <= 0) {
        return;
    }
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        die_by_default(signo, info);
        return;
    }
    if (action.sa_flags & SA_RESETHAND) {
        earlier->sa_handler = SIG_DFL;
    }
    mask_for(signo, &action, context);
    if (action.sa_flags & SA_SIGINFO) {
        action.sa_sigaction(signo, info, context);
    } else {
        action.sa_handler(signo);
    }
}

static void handler(int signo, siginfo_t *info, void *context)
{
    int kept = errno;
    hark__overflow_report *report = atomic_load(&reporter);
    const hark__stack *stack = report ? culprit(info, context) : NULL;
    if (!stack) {
        tell_crash(signo, info, context);
        pass_on(signo, info, context);
    } else {
        const void *address =
            info->si_code == SI_KERNEL ? (const void *)context_sp(context) : info->si_addr;
        report(stack, address, context);
        die_by_default(signo, info);
    }
    errno = kept;
}

/* ---- the thread's alternate stack ---------------------------------------------------------- */

static size_t alternate_size(void)
{
    long least = sysconf(_SC_MINSIGSTKSZ);
    return REPORT_ROOM + ((size_t)(least > 0 ? least : MINSIGSTKSZ) + 4095) / 4096 * 4096;
}

static int open_alternate(void)
{
    stack_t present;
    if (hark__sys.sigaltstack(NULL, &present) != 0) {
        return -errno;
    }
    if (!(present.ss_flags & SS_DISABLE) && present.ss_size >= REPORT_LEAST) {
        return 0;
    }
    size_t size = alternate_size();
    void *map = hark__map(size);
    if (!map) {
        return -ENOMEM;
    }
    stack_t ours = {.ss_sp = map, .ss_size = size};
    if (hark__sys.sigaltstack(&ours, NULL) != 0) {
        int rc = -errno;
        hark__unmap(map, size);
        return rc;
    }
    alternate = map;
    alternate_before = present;
    return 0;
}

static void close_alternate(void)
{
    stack_t present;
    if (!alternate) {
        return;
    }
    if (hark__sys.sigaltstack(NULL, &present) == 0 && present.ss_sp == alternate) {
        hark__sys.sigaltstack(&alternate_before, NULL);
    }
    hark__unmap(alternate, alternate_size());
    alternate = NULL;
}

/* ---- the process's handlers ---------------------------------------------------------------- */

static bool ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handler;
}

/* The earlier action is read before ours is there, so that the handler never sees it half
 * written. If ours is still there (somebody chained to it and we could not take it out), it
 * stays. */
static int install(int i)
{
    struct sigaction present;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = handler;
    sigfillset(&action.sa_mask);
    if (hark__sys.sigaction(signals[i], NULL, &present) != 0) {
        return -errno;
    }
    if (ours(&present) || (i >= OVERFLOWS && present.sa_handler != SIG_DFL)) {
        return 0;
    }
    before[i] = present;
    return hark__sys.sigaction(signals[i], &action, NULL) == 0 ? 0 : -errno;
}

static void uninstall(int i)
{
    struct sigaction present;
    if (hark__sys.sigaction(signals[i], NULL, &present) == 0 && ours(&present)) {
        hark__sys.sigaction(signals[i], &before[i], NULL);
    }
}

static int open_handlers(hark__overflow_report *report)
{
    int rc = 0;
    pthread_mutex_lock(&opening);
    for (int i = 0; i < SIGNALS && users == 0 && rc == 0; i++) {
        rc = install(i);
        for (int done = 0; rc < 0 && done < i; done++) {
            uninstall(done);
        }
    }
    if (rc == 0) {
        users++;
        atomic_store(&reporter, report);
    }
    pthread_mutex_unlock(&opening);
    return rc;
}

static void close_handlers(void)
{
    pthread_mutex_lock(&opening);
    if (--users == 0) {
        atomic_store(&reporter, NULL);
        for (int i = 0; i < SIGNALS; i++) {
            uninstall(i);
        }
    }
    pthread_mutex_unlock(&opening);
}

void hark__crash_tell(hark__crash_report *report)
{
    atomic_store(&crash_reporter, report);
}

void hark__stacks_hold(void)
{
    pthread_mutex_lock(&opening);
    hark__slabs_hold();
}

void hark__stacks_release(bool in_child)
{
    hark__slabs_release(in_child);
    pthread_mutex_unlock(&opening);
}

int hark__overflow_open(hark__overflow_report *report)
{
    if (depth == 0) {
        int rc = open_alternate();
        if (rc < 0) {
            return rc;
        }
    }
    int rc = open_handlers(report);
    if (rc == 0) {
        depth++;
    } else if (depth == 0) {
        close_alternate();
    }
    return rc;
}

void hark__overflow_close(void)
{
    close_handlers();
    if (--depth == 0) {
        close_alternate();
    }
}
