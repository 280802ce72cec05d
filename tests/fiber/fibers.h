/* SPDX-License-Identifier: MIT
 *
 * fibers.h - what the tests of this room share: a place to switch from and to, with the tools told.
 */
#ifndef HARK_TESTS_FIBERS_H
#define HARK_TESTS_FIBERS_H

#include <sys/mman.h>

#include "fiber/fiber.h"
#include "kit.h"

#define NOINLINE __attribute__((noinline))

typedef struct place {
    void *sp;
    hark__stack *stack; /* NULL: the thread's own */
    hark__tools own;
    void *arg;
} place;

static inline hark__tools *place_tools(place *p)
{
    return p->stack ? &p->stack->tools : &p->own;
}

static inline void place_here(place *p)
{
    *p = (place){0};
    hark__tools_here(&p->own);
}

static inline void place_switch(place *from, place *to)
{
    if (hark__tools_on) {
        hark__tools_leave(place_tools(from), place_tools(to), false);
    }
    hark__switch(&from->sp, to->sp, 0);
    if (hark__tools_on) {
        hark__tools_arrive(place_tools(from));
    }
}

/* The function begins with place_arrived(). */
static inline void place_begin(place *from, place *to, void (*fn)(void *), void *arg)
{
    if (hark__tools_on) {
        hark__tools_leave(place_tools(from), place_tools(to), false);
    }
    hark__switch_first(&from->sp, to->stack->top, fn, arg);
    if (hark__tools_on) {
        hark__tools_arrive(place_tools(from));
    }
}

static inline void place_arrived(place *self)
{
    if (hark__tools_on) {
        hark__tools_arrive(place_tools(self));
    }
}

_Noreturn static inline void place_end(place *self, place *to)
{
    if (hark__tools_on) {
        hark__tools_leave(place_tools(self), place_tools(to), true);
    }
    hark__leap(to->sp, 0);
    __builtin_unreachable();
}

static inline hark__stack *stack_new(hark__stacks *pool, uint32_t class, void *owner)
{
    CHECK_EQ(hark__stacks_reserve(pool, class), 0);
    return hark__stacks_take(pool, class, owner);
}

static inline hark__stacks *pool_new(void)
{
    hark__stacks *pool = NULL;
    CHECK_EQ(hark__stacks_open(&pool), 0);
    return pool;
}

#endif
