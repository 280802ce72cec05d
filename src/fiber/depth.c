/* SPDX-License-Identifier: MIT
 *
 * depth.c - did a task come near the end of its stack?
 *
 * Idea     Stacks are used again and again, so what lies in their depth says nothing of the task
 *          that is on them now. Therefore a page of marks is laid below the four fifths that may be
 *          used without a word, when the task begins; a mark that has changed when it ends was
 *          changed by this task. The lowest changed one says how deep it was at least.
 *
 * Rules    D1  Never more than was used: a frame may leave marks as they are (an array that was not
 *              written), so the answer is a lower bound, and no mark tells of what lies below them
 *              all.
 *          D2  Each mark depends on its address, so that no copy of one looks like another.
 *
 * Not here whether anybody wants to know (core/lint.c).
 */
#include "fiber/fiber.h"
#include "fiber/tools.h"

#define MARKS 512 /* a page of them */

static uintptr_t mark_at(const uintptr_t *place)
{
    return (uintptr_t)place ^ (uintptr_t)0x6d61726b5eed1e55u;
}

/* The marks lie between *low and the address that is returned. */
static uintptr_t *marks(const hark__stack *stack, uintptr_t **low)
{
    size_t words = (size_t)(stack->top - stack->low) / sizeof(uintptr_t);
    uintptr_t *first = (uintptr_t *)(((uintptr_t)stack->low + 7) & ~(uintptr_t)7);
    uintptr_t *high = first + words / 5;

    *low = words / 5 > MARKS ? high - MARKS : first;
    return high;
}

HARK__UNWATCHED void hark__stack_mark(hark__stack *stack)
{
    uintptr_t *low, *high = marks(stack, &low);

    if (hark__tools_valgrind()) {
        return; /* below the stack pointer nothing may be kept */
    }
    for (volatile uintptr_t *place = low; place < high; place++) {
        *place = mark_at((const uintptr_t *)place);
    }
    stack->marked = true;
}

HARK__UNWATCHED size_t hark__stack_depth(hark__stack *stack)
{
    uintptr_t *low, *high = marks(stack, &low);
    const volatile uintptr_t *place = low;

    stack->marked = false;
    while (place < high && *place == mark_at((const uintptr_t *)place)) {
        place++;
    }
    return place < high ? (size_t)(stack->top - (const volatile char *)place) : 0;
}
