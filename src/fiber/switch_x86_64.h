/* SPDX-License-Identifier: MIT
 *
 * switch_x86_64.h - the switch on x86-64; fiber.h says what the four operations mean.
 *
 * Idea     The operation is inlined and declares every register as overwritten, so the compiler
 *          itself saves what is live, which is usually two or three values, not six. It costs about
 *          2 ns; a function that saves all callee-saved registers costs 4.
 * Layout   A saved place is an address on its own stack, where these three words lie:
 *              [0] where to go on    [1] rbx    [2] rbp
 *
 * Rules    W1  Below rsp lie 128 bytes that a leaf function may be using (the red zone): rsp
 *              moves past them before anything is pushed. It moves before anything is written,
 *              too, since a signal handler may run at any instruction.
 *          W2  rbp and rbx are saved by hand. They cannot be named as clobbers: one is the frame
 *              pointer, the other is the base pointer of frames that clang realigns
 *              (AddressSanitizer makes such frames). Operands are pinned, so that none is
 *              addressed through rsp.
 *          W3  It ends in `pop; jmp`, not in `ret`: the return predictor would be wrong every
 *              time (4 ns against 12). Places that are jumped to begin with endbr64.
 *          W4  A first entry touches the new stack only after rsp has moved there, for it may be
 *              the stack that we are running on.
 *
 * Not here MXCSR and the x87 control word: a task that changes the rounding mode changes it for the
 *          thread, as a plain function call would. Shadow stacks: objects are marked for IBT only.
 */
#ifndef HARK_FIBER_SWITCH_X86_64_H
#define HARK_FIBER_SWITCH_X86_64_H

/* begin_x86_64.S: calls rdx(rdi); rsp is 16-aligned. */
extern void hark__begin(void) __attribute__((visibility("hidden")));

#ifdef __AVX512F__
#define HARK__CLOBBER_AVX512 \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", \
        "k6", "k7"
#else
#define HARK__CLOBBER_AVX512
#endif

/* Everything but rsp, rbp, rbx, and the operands' own rax, rcx, rdx, rsi, rdi. */
#define HARK__CLOBBERS \
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", \
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
        "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc", \
        "memory" HARK__CLOBBER_AVX512

#define HARK__SAVE_HERE \
    "lea -128(%%rsp), %%rsp\n\t" \
    "push %%rbp\n\t" \
    "push %%rbx\n\t" \
    "lea 1f(%%rip), %%rax\n\t" \
    "push %%rax\n\t" \
    "mov %%rsp, (%%rdi)\n\t"

#define HARK__GO_ON \
    "mov %%rsi, %%rsp\n\t" \
    "pop %%rax\n\t" \
    "jmp *%%rax\n"

#define HARK__ARRIVE_HERE \
    "1:\n\t" \
    "endbr64\n\t" \
    "pop %%rbx\n\t" \
    "pop %%rbp\n\t" \
    "lea 128(%%rsp), %%rsp"

static inline __attribute__((always_inline)) void hark__switch(void **save, void *load)
{
    __asm__ volatile(HARK__SAVE_HERE HARK__GO_ON HARK__ARRIVE_HERE
                     : "+D"(save), "+S"(load)
                     :
                     : "rax", "rcx", "rdx", HARK__CLOBBERS);
}

static inline __attribute__((always_inline)) void hark__switch_first(void **save, void *top,
                                                                     void (*fn)(void *), void *arg)
{
    void (*begin)(void) = hark__begin;
    __asm__ volatile("mov %%rax, %%r8\n\t" HARK__SAVE_HERE "mov %%rcx, %%rdi\n\t"
                     "mov %%rsi, %%rsp\n\t"
                     "jmp *%%r8\n" HARK__ARRIVE_HERE
                     : "+D"(save), "+S"(top), "+d"(fn), "+c"(arg), "+a"(begin)
                     :
                     : HARK__CLOBBERS);
}

static inline __attribute__((always_inline, noreturn)) void hark__leap(void *load)
{
    __asm__ volatile(HARK__GO_ON : : "S"(load) : "memory");
    __builtin_unreachable();
}

static inline __attribute__((always_inline, noreturn)) void hark__leap_first(void *top,
                                                                             void (*fn)(void *),
                                                                             void *arg)
{
    void (*begin)(void) = hark__begin;
    __asm__ volatile("mov %%rsi, %%rsp\n\t"
                     "jmp *%%rax"
                     :
                     : "S"(top), "d"(fn), "D"(arg), "a"(begin)
                     : "memory");
    __builtin_unreachable();
}

#define HARK__SWAP_NATIVE
#define HARK__SWAP_RETURN 8 /* words above what hark__swap has saved lies its return address */
extern void hark__swap_back(void) __attribute__((visibility("hidden"))); /* where it goes on */
int hark__swap(void **save, void *load, const int *result) __attribute__((visibility("hidden")));
int hark__swap_first(void **save, void *top, void (*fn)(void *), void *arg, const int *result)
    __attribute__((visibility("hidden")));

#define HARK__FIRST_FRAME hark__begin

#endif
