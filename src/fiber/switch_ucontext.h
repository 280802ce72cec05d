/* SPDX-License-Identifier: MIT
 *
 * switch_ucontext.h - the switch where hark has no assembly of its own: the C library's ucontext.
 *
 * Right, and slow: each switch sets the signal mask by a system call (about 250 ns, against 2).
 * A saved place is the address of a ucontext_t on its own stack. fiber.h says what the operations
 * mean, switch_ucontext.c how they are done. HARK__FORCE_UCONTEXT selects it anywhere.
 */
#ifndef HARK_FIBER_SWITCH_UCONTEXT_H
#define HARK_FIBER_SWITCH_UCONTEXT_H

void hark__switch(void **save, void *load);
void hark__switch_first(void **save, void *top, void (*fn)(void *), void *arg);
_Noreturn void hark__leap(void *load);

/* On the running stack, `top` must not be below the one that its present fiber began with. */
_Noreturn void hark__leap_first(void *top, void (*fn)(void *), void *arg);

#define HARK__FIRST_FRAME NULL

#endif
