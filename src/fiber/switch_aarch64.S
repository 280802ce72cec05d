/* SPDX-License-Identifier: MIT
 *
 * switch_aarch64.S - the switch on aarch64; fiber.h says what the four operations mean, and
 * switch_x86_64.S how, why, and by which rules.
 *
 * Layout   A saved place is an address on its own stack, where these words lie:
 *              x29, x30 (the return address), x19 to x28, d8 to d15
 *
 * Rules    W1  sp moves before anything is written below it, and stays a multiple of 16.
 *          W2  A negative result leaves through x16, which may go to where calls may.
 *          W3  Walks end at hark__begin: x29 and x30 are 0 there, and so is the record above.
 *          W4  It returns by `ret`: with branch target identification nothing else may return.
 *
 * Not here FPCR and FPSR, which belong to the thread.
 */
#if defined(__aarch64__) && !defined(HARK__FORCE_UCONTEXT)
#define PLACE 160

        .text
        .hidden hark__switch_failed

        .macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, %function
\name:
        .cfi_startproc
        .endm

        .macro END name
        .cfi_endproc
        .size   \name, .-\name
        .endm

        .macro SAVE first, second, at
        stp     \first, \second, [sp, #\at]
        .cfi_offset \first, \at - PLACE
        .cfi_offset \second, \at - PLACE + 8
        .endm

        .macro RESTORE first, second, at
        ldp     \first, \second, [sp, #\at]
        .cfi_restore \first
        .cfi_restore \second
        .endm

/* What a call must keep; then sp is the place, which goes to *x0. */
        .macro SAVE_HERE
        sub     sp, sp, #PLACE
        .cfi_def_cfa_offset PLACE
        SAVE    x29, x30, 0
        SAVE    x19, x20, 16
        SAVE    x21, x22, 32
        SAVE    x23, x24, 48
        SAVE    x25, x26, 64
        SAVE    x27, x28, 80
        SAVE    d8, d9, 96
        SAVE    d10, d11, 112
        SAVE    d12, d13, 128
        SAVE    d14, d15, 144
        mov     x9, sp
        str     x9, [x0]
        .endm

/* int hark__switch(void **save, void *load, int result) */
        .p2align 6
        FUNCTION hark__switch
        SAVE_HERE
        mov     sp, x1
        .globl  hark__switch_back
        .hidden hark__switch_back
hark__switch_back:              /* sp: a place; w2: what the call returns there */
        RESTORE x29, x30, 0
        RESTORE x19, x20, 16
        RESTORE x21, x22, 32
        RESTORE x23, x24, 48
        RESTORE x25, x26, 64
        RESTORE x27, x28, 80
        RESTORE d8, d9, 96
        RESTORE d10, d11, 112
        RESTORE d12, d13, 128
        RESTORE d14, d15, 144
        add     sp, sp, #PLACE
        .cfi_def_cfa_offset 0
        mov     w0, w2
        tbnz    w2, #31, .Lfailed
        ret
.Lfailed:
        adrp    x16, hark__switch_failed
        ldr     x16, [x16, #:lo12:hark__switch_failed]
        br      x16
        END     hark__switch

/* void hark__leap(void *load, int result) */
        .p2align 4
        FUNCTION hark__leap
        mov     w2, w1
        mov     sp, x0
        b       hark__switch_back
        END     hark__leap

/* void hark__leap_first(void *top, void (*fn)(void *), void *arg) */
        .p2align 4
        FUNCTION hark__leap_first
        mov     sp, x0
        mov     x0, x2
        b       hark__begin
        END     hark__leap_first

/* int hark__switch_first(void **save, void *top, void (*fn)(void *), void *arg) */
        .p2align 4
        FUNCTION hark__switch_first
        SAVE_HERE
        mov     sp, x1
        mov     x0, x3
        mov     x1, x2
        END     hark__switch_first

/* The first frame of every fiber: sp is its top, 16-aligned; x1(x0), which does not return. */
        FUNCTION hark__begin
        .cfi_undefined x30
        mov     x29, #0
        mov     x30, #0
        stp     x29, x30, [sp, #-16]!
        adr     x30, .Lreturned
        mov     x16, x1                 /* by which a function may be jumped to under BTI */
        br      x16
.Lreturned:
        brk     #1
        END     hark__begin

        .section .note.gnu.property, "a", %note
        .p2align 3
        .word   4
        .word   16
        .word   5                       /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .word   0xc0000000              /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .word   4
        .word   1                       /* BTI */
        .word   0
#endif
        .section .note.GNU-stack, "", %progbits
