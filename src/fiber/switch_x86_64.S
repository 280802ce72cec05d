/* SPDX-License-Identifier: MIT
 *
 * switch_x86_64.S - the switch on x86-64; fiber.h says what the four operations mean.
 *
 * Idea     A switch is a call that returns on another stack. What a call must keep is pushed, the
 *          stack pointer is exchanged, and what the other side had pushed is popped. What the call
 *          returns there travels in a register, and nothing says where to go on: all places are
 *          saved alike, so that all go on at one label.
 * Why      A task that is resumed returns through the functions that had put it to sleep, and each
 *          such `ret` is predicted wrongly, for the predictor remembers the calls of the task
 *          before: some 5 ns each. So those functions end in a tail call, and one return is left,
 *          which is a jump, for the predictor of jumps does learn it.
 *          And a call that never returns stays on top of what that predictor remembers, and misleads
 *          the next return of whoever goes on: some 10 ns for each task that is spawned and joined.
 *          So a stack begins by a jump, and hark__task_main ends in one.
 * Layout   A saved place is an address on its own stack, where these words lie:
 *              rbx, rbp, r12, r13, r14, r15, return address
 *
 * Rules    W1  Something lies below rsp before it is written: a signal handler may run at any
 *              instruction. A first entry touches the new stack only after rsp has moved there,
 *              for it may be the stack that we are running on.
 *          W2  A negative result is what hark__switch_failed makes of it, called as if by the
 *              caller, which has no frame any more in which it could go on.
 *          W3  Whoever walks the stack of a fiber stops at hark__begin: by unwind tables
 *              (.cfi_undefined rip), by frame pointers (rbp is 0 in the function's own record), and
 *              by guessing (a zero return address lies above).
 *          W4  The object is marked for indirect branch tracking and not for shadow stacks, as the
 *              rest of the library; an unmarked object would take the mark from all of it. Nothing
 *              here is jumped to by a pointer, so nothing begins with endbr64.
 *
 * Not here MXCSR and the x87 control word: a task that changes the rounding mode changes it for the
 *          thread, as a plain function call would.
 *
 * Why here A file of assembly is seen by the linker as it is, with and without LTO; assembly inside
 * a .c file is not.
 */
#if defined(__x86_64__) && !defined(HARK__FORCE_UCONTEXT)
        .text
        .hidden hark__switch_failed

        .macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
        .cfi_startproc
        .endm

        .macro END name
        .cfi_endproc
        .size   \name, .-\name
        .endm

        .macro SAVE register, offset
        pushq   %\register
        .cfi_def_cfa_offset \offset
        .cfi_offset %\register, -\offset
        .endm

        .macro RESTORE register, offset
        popq    %\register
        .cfi_def_cfa_offset \offset
        .cfi_restore %\register
        .endm

/* What a call must keep, below its return address; then rsp is the place, which goes to *rdi. */
        .macro SAVE_HERE
        SAVE    r15, 16
        SAVE    r14, 24
        SAVE    r13, 32
        SAVE    r12, 40
        SAVE    rbp, 48
        SAVE    rbx, 56
        movq    %rsp, (%rdi)
        .endm

/* int hark__switch(void **save, void *load, int result) */
        .p2align 6 /* where it begins shows: a yield costs 4.9 ns, or up to 6.7 */
        FUNCTION hark__switch
        SAVE_HERE
        movq    %rsi, %rsp
        .globl  hark__switch_back
        .hidden hark__switch_back
hark__switch_back:              /* rsp: a place; edx: what the call returns there */
        RESTORE rbx, 48
        RESTORE rbp, 40
        RESTORE r12, 32
        RESTORE r13, 24
        RESTORE r14, 16
        RESTORE r15, 8
        movl    %edx, %eax
        testl   %edx, %edx
        js      .Lfailed
        popq    %rcx
        .cfi_def_cfa_offset 0
        .cfi_register %rip, %rcx
        notrack jmp *%rcx
.Lfailed:
        .cfi_def_cfa_offset 8
        .cfi_restore %rip
        movl    %edx, %edi
        jmp     *hark__switch_failed(%rip)
        END     hark__switch

/* void hark__leap(void *load, int result) */
        .p2align 4
        FUNCTION hark__leap
        movl    %esi, %edx
        movq    %rdi, %rsp
        jmp     hark__switch_back
        END     hark__leap

/* void hark__leap_first(void *top, void (*fn)(void *), void *arg) */
        .p2align 4
        FUNCTION hark__leap_first
        movq    %rdi, %rsp
        movq    %rdx, %rdi
        jmp     hark__begin
        END     hark__leap_first

/* int hark__switch_first(void **save, void *top, void (*fn)(void *), void *arg) */
        .p2align 4
        FUNCTION hark__switch_first
        SAVE_HERE
        movq    %rsi, %rsp
        movq    %rcx, %rdi
        movq    %rdx, %rsi
        END     hark__switch_first

/* The first frame of every fiber: rsp is its top, 16-aligned; rsi(rdi), which does not return. */
        FUNCTION hark__begin
        .cfi_undefined rip
        xorl    %ebp, %ebp
        pushq   $0
        pushq   $0
        leaq    .Lreturned(%rip), %rax
        pushq   %rax
        jmp     *%rsi
.Lreturned:
        ud2
        END     hark__begin

        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4               /* length of the name */
        .long   16              /* length of the description */
        .long   5               /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000002      /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   4
        .long   1               /* IBT */
        .long   0
#endif
        .section .note.GNU-stack, "", %progbits
