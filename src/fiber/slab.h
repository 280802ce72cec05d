/* SPDX-License-Identifier: MIT
 *
 * slab.h - a run of neighbouring stacks of one class, mapped at once (furniture of `fiber`).
 */
#ifndef HARK_FIBER_SLAB_H
#define HARK_FIBER_SLAB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fiber/fiber.h"
#include "fiber/guard.h"

typedef struct hark__slab {
    struct hark__slab *next;                 /* in the pool, oldest first */
    _Atomic(struct hark__slab *) next_known; /* in the process */
    char *base;                              /* the first stack; aligned to the class's size */
    uint32_t class;
    uint32_t count;         /* stacks */
    uint32_t first_index;   /* of the first one, in the pool's class */
    uint32_t fresh;         /* stacks below this one have been taken before */
    uint32_t guarded;       /* stacks below this one have their guard */
    enum hark__guard guard; /* of those between fresh and guarded */
    uint32_t mprotected;    /* guards of that kind */
    void *map;
    size_t map_size;
    unsigned *valgrind; /* its names of the stacks; NULL: it does not watch */
} hark__slab;

/* Of `count` stacks or one more. NULL: no memory. */
hark__slab *hark__slab_open(uint32_t class, uint32_t count);
void hark__slab_close(hark__slab *);

void hark__slabs_hold(void); /* around a fork: see hark__stacks_hold */
void hark__slabs_release(bool in_child);

static inline bool hark__slab_has(const hark__slab *slab, const void *address)
{
    size_t offset = (uintptr_t)address - (uintptr_t)slab->base;
    return offset / hark__stack_size(slab->class) < slab->count;
}

/* The next stack that was never used, its header filled in. There is one. */
hark__stack *hark__slab_fresh(hark__slab *);

/* Fills in the header of a stack whose memory was given back. */
void hark__slab_refill(hark__slab *, hark__stack *, enum hark__guard guard);

/* Lock-free and signal-safe: the stack in whose slot the address lies, in any pool of the
 * process. NULL: none. */
hark__stack *hark__slab_find(const void *address);

#endif
