/* SPDX-License-Identifier: MIT
 *
 * frames.c - walking a stack by its frame pointers, and the places to begin at.
 *
 * Idea     With frame pointers each frame begins with two words: the caller's frame, and the
 *          address to return to. That makes a backtrace of any parked fiber without tables, locks
 *          or memory.
 *
 * Rules    F1  Signal-safe, and it never faults: each frame is looked at only when it lies within
 *              the bounds, aligned, and above the one before it. Code without frame pointers
 *              shortens the walk or puts in nonsense; it cannot make it run away.
 *
 * Not here names of functions; unwinding by tables.
 */
#include <ucontext.h>

#include "fiber/fiber.h"
#include "fiber/tools.h"

/* ---- the machine --------------------------------------------------------------------------- */

#if defined(__x86_64__)
enum { FRAMES = 1 };

static void *plain(void *address)
{
    return address;
}

void hark__context_frame(const void *ucontext, void **pc, void **frame)
{
    const ucontext_t *context = ucontext;
    *pc = (void *)context->uc_mcontext.gregs[REG_RIP];
    *frame = (void *)context->uc_mcontext.gregs[REG_RBP];
}
#elif defined(__aarch64__)
enum { FRAMES = 1 };

/* Without the signature that pointer authentication keeps in the highest bits. */
static void *plain(void *address)
{
    register void *x30 __asm__("x30") = address;
    __asm__("hint #7" : "+r"(x30));
    return x30;
}

void hark__context_frame(const void *ucontext, void **pc, void **frame)
{
    const ucontext_t *context = ucontext;
    *pc = (void *)context->uc_mcontext.pc;
    *frame = (void *)context->uc_mcontext.regs[29];
}
#else
enum { FRAMES = 0 };

static void *plain(void *address)
{
    return address;
}

void hark__context_frame(const void *ucontext, void **pc, void **frame)
{
    (void)ucontext;
    *pc = *frame = NULL;
}
#endif

/* Where whoever called the switch goes on. */
#if defined(HARK__FORCE_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
void hark__saved_frame(const void *sp, void **pc, void **frame)
{
    hark__context_frame(sp, pc, frame);
}
#elif defined(__x86_64__)
HARK__UNWATCHED void hark__saved_frame(const void *sp, void **pc, void **frame)
{
    void *const *saved = sp;
    *pc = saved[6];
    *frame = saved[1];
}
#else
HARK__UNWATCHED void hark__saved_frame(const void *sp, void **pc, void **frame)
{
    void *const *saved = sp;
    *pc = plain(saved[1]);
    *frame = saved[0];
}
#endif

/* ---- the walk ------------------------------------------------------------------------------ */

static bool readable(uintptr_t frame, const void *low, const void *high)
{
    return frame % sizeof(void *) == 0 && frame >= (uintptr_t)low && frame < (uintptr_t)high &&
           (uintptr_t)high - frame >= 2 * sizeof(void *);
}

HARK__UNWATCHED int hark__frames(void **addresses, int max, const void *frame, const void *low,
                                 const void *high)
{
    uintptr_t at = (uintptr_t)frame;
    int count = 0;
    while (FRAMES && count < max && readable(at, low, high)) {
        void *const *record = (void *const *)at;
        if (!record[1]) {
            break;
        }
        addresses[count++] = plain(record[1]);
        if ((uintptr_t)record[0] <= at) {
            break;
        }
        at = (uintptr_t)record[0];
    }
    return count;
}

int hark__saved_frames(void **addresses, int max, const void *sp, const void *low, const void *high)
{
    void *frame;

    hark__saved_frame(sp, &addresses[0], &frame);
    return 1 + hark__frames(addresses + 1, max - 1, frame, low, high);
}
