/* SPDX-License-Identifier: MIT
 *
 * guard.h - what lies below a stack, so that an overflow is noticed (furniture of `fiber`).
 */
#ifndef HARK_FIBER_GUARD_H
#define HARK_FIBER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fiber/fiber.h"

/* Bytes below `low`, for each kind: 4 KiB, 16 KiB from 1 MiB up, whole pages where they fit. */
size_t hark__guard_size(uint32_t class);

/* Guards the first of `count` neighbouring stacks, and more of them if that is cheaper. Never
 * fails: at worst it is a canary. Returns for how many, all of the same kind. */
uint32_t hark__guard_install(char *base, uint32_t class, uint32_t count, enum hark__guard *ret);

/* So many guards of kind MPROTECT were unmapped. */
void hark__guard_release(uint32_t count);

/* Is the canary at `base` whole? */
bool hark__guard_whole(const char *base, size_t size);

#endif
