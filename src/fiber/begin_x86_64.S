/* SPDX-License-Identifier: MIT
 *
 * begin_x86_64.S - the first frame of every fiber.
 *
 * It is entered by a jump, with the new stack in rsp (16-aligned), the function in rdx and its
 * argument in rdi, and calls it. The function does not return.
 *
 * Rule     B1  Whoever walks the stack stops here: by unwind tables (.cfi_undefined rip), by
 *              frame pointers (rbp is 0 in the function's own record), and by guessing (a zero
 *              return address lies above).
 *          B2  The object is marked for indirect branch tracking and not for shadow stacks, as
 *              the rest of the library; an unmarked object would take the mark from all of it.
 *
 * Why here A file of assembly is seen by the linker as it is, with and without LTO; assembly inside
 * a .c file is not.
 */
#if defined(__x86_64__)
        .text
        .p2align 4
        .globl  hark__begin
        .hidden hark__begin
        .type   hark__begin, @function
hark__begin:
        .cfi_startproc
        .cfi_undefined rip
        endbr64
        xorl    %ebp, %ebp
        pushq   $0
        pushq   $0
        call    *%rdx
        ud2
        .cfi_endproc
        .size   hark__begin, .-hark__begin

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
