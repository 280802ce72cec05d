/* SPDX-License-Identifier: MIT
 *
 * sem.c - what is a permit, taken and given back by one task alone, and what is it to hand it over?
 *
 * As lock.c, with the one permit of a semaphore.
 */
#include "turns.h"

static hark_sem permit = HARK_SEM_INIT(1, 1);

static inline void take(void)
{
    hark_sem_acquire(&permit);
}

static inline void give(void)
{
    hark_sem_release(&permit);
}
