/* SPDX-License-Identifier: MIT
 *
 * switch_aarch64.h - the switch on aarch64; fiber.h says what the four operations mean.
 *
 * Idea     As on x86-64 (switch_x86_64.h): inlined, every register declared as overwritten, so that
 *          the compiler saves only what is live. There is no red zone here.
 * Layout   A saved place is an address on its own stack, where these words lie:
 *              [0] where to go on    [1] x29    [2] x19    [3] unused
 *
 * Rules    W1  sp moves before anything is written below it, and stays a multiple of 16.
 *          W2  x29 (frame pointer) and x19 (clang's base pointer of realigned frames) are saved
 *              by hand; x30 is a clobber like the others, so each caller has it in its own frame.
 *          W3  It ends in `br`, not in `ret`, for the return predictor's sake, and not through
 *              x16 or x17, which would allow landing at `bti c`; places that are jumped to begin
 *              with `bti j`, written as a hint that older processors ignore.
 *          W4  A first entry touches the new stack only after sp has moved there.
 *
 * Not here FPCR and FPSR, which belong to the thread.
 */
#ifndef HARK_FIBER_SWITCH_AARCH64_H
#define HARK_FIBER_SWITCH_AARCH64_H

/* begin_aarch64.S: calls x2(x0). */
extern void hark__begin(void) __attribute__((visibility("hidden")));

#ifdef __ARM_FEATURE_SVE
#define HARK__CLOBBER_SVE \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", \
        "p14", "p15", "ffr"
#else
#define HARK__CLOBBER_SVE
#endif

/* Everything but sp, x29, x19, and x0 to x4, which are operands. */
#define HARK__CLOBBERS \
    "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", \
        "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", \
        "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", \
        "v30", "v31", "cc", "memory" HARK__CLOBBER_SVE

#define HARK__SAVE_HERE \
    "adr x9, 1f\n\t" \
    "stp x9, x29, [sp, #-32]!\n\t" \
    "str x19, [sp, #16]\n\t" \
    "mov x10, sp\n\t"

#define HARK__ARRIVE_HERE \
    "1:\n\t" \
    "hint #36\n\t" \
    "ldr x19, [sp, #16]\n\t" \
    "ldr x29, [sp, #8]\n\t" \
    "add sp, sp, #32"

static inline __attribute__((always_inline)) void hark__switch(void **save, void *load)
{
    register void **x0 __asm__("x0") = save;
    register void *x1 __asm__("x1") = load;
    __asm__ volatile(HARK__SAVE_HERE "str x10, [x0]\n\t"
                                     "mov sp, x1\n\t"
                                     "ldr x9, [sp]\n\t"
                                     "br x9\n" HARK__ARRIVE_HERE
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", HARK__CLOBBERS);
}

static inline __attribute__((always_inline)) void hark__switch_first(void **save, void *top,
                                                                     void (*fn)(void *), void *arg)
{
    register void *x0 __asm__("x0") = arg;
    register void *x1 __asm__("x1") = top;
    register void (*x2)(void *) __asm__("x2") = fn;
    register void **x3 __asm__("x3") = save;
    register void (*x4)(void) __asm__("x4") = hark__begin;
    __asm__ volatile(HARK__SAVE_HERE "str x10, [x3]\n\t"
                                     "mov sp, x1\n\t"
                                     "br x4\n" HARK__ARRIVE_HERE
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4)
                     :
                     : HARK__CLOBBERS);
}

static inline __attribute__((always_inline, noreturn)) void hark__leap(void *load)
{
    register void *x1 __asm__("x1") = load;
    __asm__ volatile("mov sp, x1\n\t"
                     "ldr x9, [sp]\n\t"
                     "br x9"
                     :
                     : "r"(x1)
                     : "memory");
    __builtin_unreachable();
}

static inline __attribute__((always_inline, noreturn)) void hark__leap_first(void *top,
                                                                             void (*fn)(void *),
                                                                             void *arg)
{
    register void *x0 __asm__("x0") = arg;
    register void *x1 __asm__("x1") = top;
    register void (*x2)(void *) __asm__("x2") = fn;
    register void (*x4)(void) __asm__("x4") = hark__begin;
    __asm__ volatile("mov sp, x1\n\t"
                     "br x4"
                     :
                     : "r"(x0), "r"(x1), "r"(x2), "r"(x4)
                     : "memory");
    __builtin_unreachable();
}

#define HARK__FIRST_FRAME hark__begin

#endif
