/* SPDX-License-Identifier: MIT
 *
 * swap_x86_64.S - the switch as a function that is the last thing its caller does.
 *
 * int hark__swap(void **save, void *load, const int *result): save this place in *save, go on at
 * `load`; when somebody comes back, return *result as it is then; if that is negative, what
 * hark__swap_failed makes of it, for the caller has no frame any more in which it could go on.
 *
 * int hark__swap_first(void **save, void *top, void (*fn)(void *), void *arg, const int *result):
 * the same, but begin fn(arg) below `top`.
 *
 * Why      A task that is resumed returns through the functions that had put it to sleep, and each
 *          such `ret` is predicted wrongly, for the predictor remembers the calls of the task
 *          before: some 5 ns each. When those functions end in a tail call, only one return is
 *          left, and it is the jump at the end here, which the predictor of jumps does learn.
 *
 * Layout   That of switch_x86_64.h in its first three words, so either switch can resume what the
 *          other has saved:
 *              where to go on, rbx, rbp, r12, r13, r14, r15, result, return address
 */
#if defined(__x86_64__)
        .text

/* The place of the result, then what a call must keep; at last where to go on. Clobbers rax. */
        .macro SAVE_HERE result
        pushq   \result
        .cfi_def_cfa_offset 16
        pushq   %r15
        .cfi_def_cfa_offset 24
        .cfi_offset %r15, -24
        pushq   %r14
        .cfi_def_cfa_offset 32
        .cfi_offset %r14, -32
        pushq   %r13
        .cfi_def_cfa_offset 40
        .cfi_offset %r13, -40
        pushq   %r12
        .cfi_def_cfa_offset 48
        .cfi_offset %r12, -48
        pushq   %rbp
        .cfi_def_cfa_offset 56
        .cfi_offset %rbp, -56
        pushq   %rbx
        .cfi_def_cfa_offset 64
        .cfi_offset %rbx, -64
        leaq    hark__swap_back(%rip), %rax
        pushq   %rax
        .cfi_def_cfa_offset 72
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        .endm

        .p2align 4
        .hidden hark__swap_failed
        .globl  hark__swap_first
        .hidden hark__swap_first
        .type   hark__swap_first, @function
hark__swap_first:
        .cfi_startproc
        endbr64
        SAVE_HERE %r8
        movq    %rcx, %rdi
        jmp     hark__begin
        .cfi_endproc
        .size   hark__swap_first, .-hark__swap_first

        .p2align 6 /* where it begins shows: a yield costs 4.9 ns, or up to 6.7 */
        .globl  hark__swap_back
        .hidden hark__swap_back
        .globl  hark__swap
        .hidden hark__swap
        .type   hark__swap, @function
hark__swap:
        .cfi_startproc
        endbr64
        SAVE_HERE %rdx
        popq    %rax
        jmp     *%rax
        .cfi_def_cfa_offset 64
hark__swap_back:
        endbr64
        popq    %rbx
        .cfi_def_cfa_offset 56
        .cfi_restore %rbx
        popq    %rbp
        .cfi_def_cfa_offset 48
        .cfi_restore %rbp
        popq    %r12
        .cfi_def_cfa_offset 40
        .cfi_restore %r12
        popq    %r13
        .cfi_def_cfa_offset 32
        .cfi_restore %r13
        popq    %r14
        .cfi_def_cfa_offset 24
        .cfi_restore %r14
        popq    %r15
        .cfi_def_cfa_offset 16
        .cfi_restore %r15
        popq    %rdx
        .cfi_def_cfa_offset 8
        movl    (%rdx), %eax
        testl   %eax, %eax
        js      .Lbad
        popq    %rcx
        .cfi_def_cfa_offset 0
        .cfi_register %rip, %rcx
        notrack jmp *%rcx
.Lbad:
        .cfi_def_cfa_offset 8
        movl    %eax, %edi
        movq    hark__swap_failed(%rip), %rax
        jmp     *%rax
        .cfi_endproc
        .size   hark__swap, .-hark__swap

        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4
        .long   16
        .long   5
        .asciz  "GNU"
        .long   0xc0000002
        .long   4
        .long   1
        .long   0
#endif
        .section .note.GNU-stack, "", %progbits
