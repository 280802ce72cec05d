/* SPDX-License-Identifier: MIT
 *
 * switch_ucontext.c - the switch where hark has no assembly of its own: the four operations by means
 * of getcontext and its family.
 *
 * Right, and slow: each switch sets the signal mask by a system call (about 250 ns, against 2).
 * A saved place is the address of a ucontext_t on its own stack. HARK__FORCE_UCONTEXT selects it
 * anywhere.
 *
 * Rules    U1  A context that is left for ever is never read again: what a leap needs lies in the
 *              thread, not on the stack that dies. (setcontext goes on reading the context after
 *              it has moved the stack pointer; a signal handler could overwrite it there.)
 *          U2  makecontext writes a few words at the very top of the new stack. For a leap onto
 *              the running stack these lie no lower than the words that it wrote when this fiber
 *              began: a return that never happens, above all living frames.
 *          U3  makecontext passes ints, so each pointer travels as two of them.
 */
#include "fiber/fiber.h"

#if defined(HARK__FORCE_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#include <stdlib.h>
#include <ucontext.h>

/* makecontext looks at the sum only; the room for its words is what must be there. */
enum { ROOM = 4096 };

static _Thread_local ucontext_t leap;
static _Thread_local int said; /* what the call returns where we go on */

/* Walks by frame pointers end at the first frame, not on the stack that made the context. */
#if defined(__x86_64__)
static void forget_frame(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_RBP] = 0;
}
#elif defined(__aarch64__)
static void forget_frame(ucontext_t *context)
{
    context->uc_mcontext.regs[29] = 0;
}
#else
static void forget_frame(ucontext_t *context)
{
    (void)context;
}
#endif

static void first(unsigned fn_high, unsigned fn_low, unsigned arg_high, unsigned arg_low)
{
    uintptr_t fn = (uintptr_t)((uint64_t)fn_high << 32 | fn_low);
    uintptr_t arg = (uintptr_t)((uint64_t)arg_high << 32 | arg_low);
    ((void (*)(void *))fn)((void *)arg);
    abort();
}

static void prepare(ucontext_t *context, void *top, void (*fn)(void *), void *arg)
{
    uint64_t fn_bits = (uintptr_t)fn;
    uint64_t arg_bits = (uintptr_t)arg;
    if (getcontext(context) != 0) {
        abort();
    }
    context->uc_stack.ss_sp = (char *)top - ROOM;
    context->uc_stack.ss_size = ROOM;
    context->uc_link = NULL;
    forget_frame(context);
    makecontext(context, (void (*)(void))first, 4, (unsigned)(fn_bits >> 32), (unsigned)fn_bits,
                (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
}

static int outcome(void)
{
    return said >= 0 ? said : hark__switch_failed(said);
}

int hark__switch(void **save, void *load, int result)
{
    ucontext_t here;
    *save = &here;
    said = result;
    if (swapcontext(&here, load) != 0) {
        abort();
    }
    return outcome();
}

int hark__switch_first(void **save, void *top, void (*fn)(void *), void *arg)
{
    ucontext_t here;
    prepare(&leap, top, fn, arg);
    *save = &here;
    if (swapcontext(&here, &leap) != 0) {
        abort();
    }
    return outcome();
}

void hark__leap(void *load, int result)
{
    said = result;
    setcontext(load);
    abort();
}

void hark__leap_first(void *top, void (*fn)(void *), void *arg)
{
    prepare(&leap, top, fn, arg);
    setcontext(&leap);
    abort();
}

#else
typedef int hark__no_ucontext; /* a translation unit must hold something */
#endif
