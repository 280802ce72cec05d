/* SPDX-License-Identifier: MIT
 *
 * begin_aarch64.S - the first frame of every fiber; begin_x86_64.S says why, and the rules.
 *
 * It is entered by a jump, with the new stack in sp, the function in x2 and its argument in x0.
 * x29 and x30 are 0, and so is the record above, where walking by frame pointers ends.
 */
#if defined(__aarch64__)
        .text
        .p2align 4
        .globl  hark__begin
        .hidden hark__begin
        .type   hark__begin, %function
hark__begin:
        .cfi_startproc
        .cfi_undefined x30
        hint    #38                     /* bti jc */
        mov     x29, #0
        mov     x30, #0
        stp     x29, x30, [sp, #-16]!
        blr     x2
        brk     #1
        .cfi_endproc
        .size   hark__begin, .-hark__begin

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
