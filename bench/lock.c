/* SPDX-License-Identifier: MIT
 *
 * lock.c - what is a lock, taken and released by one task alone, and what is it to hand it over?
 */
#include "turns.h"

static hark_lock lock = HARK_LOCK_INIT;

static inline void take(void)
{
    hark_lock_acquire(&lock);
}

static inline void give(void)
{
    hark_lock_release(&lock);
}
