/* SPDX-License-Identifier: MIT
 *
 * stacks.c - the pool: which stack a task gets, and when memory goes back.
 *
 * Idea     Per class one array of free stacks, used as a stack itself: what was given back last is
 *          taken first, so its pages are in the caches, and what lies at the bottom was not
 *          needed for longest. The bottom part is `cold`: its memory has been given back to the
 *          kernel.
 *
 *              free:   [ cold ... cold | warm ... ... hottest ]
 *                      0               cold                   count
 *
 * Rules    P1  Every stack that is not taken is free or fresh (never used yet), and these are
 *              never fewer than the reservations that are not used: taking cannot fail.
 *          P2  The array has room for all stacks of its class before one is reserved: giving back
 *              cannot fail either.
 *          P3  Nothing is written to a stack after it was given back; what must be known of a
 *              cold one is in its entry of the array.
 *          P4  `least` is the smallest number of free stacks since the last trim. The entries
 *              below it were not touched in that time; half of them, beyond a few, turn cold.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "fiber/fiber.h"
#include "fiber/guard.h"
#include "fiber/slab.h"
#include "fiber/tools.h"

int (*hark__switch_failed)(int code); /* of the switch, which has no file in C */

enum {
    FIRST_SLAB = 2 << 20, /* bytes, then as much as there is already */
    KEEP_WARM = 32,       /* stacks of a class that trimming leaves alone */
    TRIM_MOST = 1024,     /* stacks in one call: about 2 us each */
    GUARD_BITS = 3,       /* of a cold entry: hark__stack is aligned to much more */
};

int hark__stack_class(size_t bytes)
{
    if (bytes < HARK__STACK_LEAST || bytes > HARK__STACK_MOST) {
        return -EINVAL;
    }
    uint32_t least = 0;
    while (hark__stack_size(least) < bytes) {
        least++;
    }
    return (int)least;
}

bool hark__stack_whole(const hark__stack *stack)
{
    size_t size = hark__guard_size(stack->class);
    return hark__guard_whole(stack->low - size, size);
}

size_t hark__stack_used(const hark__stack *stack, const void *sp)
{
    uintptr_t at = (uintptr_t)sp;
    if (at < (uintptr_t)stack->low || at > (uintptr_t)stack->top) {
        return 0;
    }
    return (uintptr_t)stack->top - at;
}

/* ---- opening and closing ------------------------------------------------------------------- */

int hark__stacks_open(hark__stacks **ret)
{
    hark__stacks *stacks = hark__alloc(sizeof(*stacks));
    if (!stacks) {
        return -ENOMEM;
    }
    *ret = stacks;
    return 0;
}

static void close_class(hark__stack_pool *c)
{
    hark__slab *slab = c->slabs;
    while (slab) {
        hark__slab *next = slab->next;
        hark__slab_close(slab);
        slab = next;
    }
    hark__free(c->free, c->capacity * sizeof(*c->free));
}

void hark__stacks_close(hark__stacks *stacks)
{
    for (int i = 0; i < HARK__STACK_CLASSES; i++) {
        close_class(&stacks->classes[i]);
    }
    hark__free(stacks, sizeof(*stacks));
}

/* ---- reserving ----------------------------------------------------------------------------- */

/* As many stacks again as there are; fewer, where so much address space is not to be had. */
static hark__slab *open_slab(const hark__stack_pool *c, uint32_t class)
{
    uint32_t count = (uint32_t)(FIRST_SLAB / hark__stack_size(class));
    if (count < c->capacity) {
        count = c->capacity;
    }
    if (count == 0) {
        count = 1;
    }
    hark__slab *slab = NULL;
    for (; !slab && count; count /= 2) {
        slab = hark__slab_open(class, count);
    }
    return slab;
}

int hark__stacks_grow(hark__stack_pool *c, uint32_t class)
{
    if (c->capacity >= UINT32_MAX / 2 - 1) {
        return -ENOMEM;
    }
    hark__slab *slab = open_slab(c, class);
    if (!slab) {
        return -ENOMEM;
    }
    uint32_t capacity = c->capacity + slab->count;
    uintptr_t *free = hark__realloc(c->free, c->capacity * sizeof(*free), capacity * sizeof(*free));
    if (!free) {
        hark__slab_close(slab);
        return -ENOMEM;
    }
    c->free = free;
    slab->first_index = c->capacity;
    c->capacity = capacity;
    if (c->last) {
        c->last->next = slab;
    } else {
        c->slabs = c->fresh = slab;
    }
    c->last = slab;
    return 0;
}

/* ---- taking and giving back ---------------------------------------------------------------- */

static hark__stack *take_fresh(hark__stack_pool *c)
{
    while (c->fresh->fresh == c->fresh->count) {
        c->fresh = c->fresh->next;
    }
    return hark__slab_fresh(c->fresh);
}

static hark__stack *take_cold(hark__stack_pool *c)
{
    uintptr_t entry = c->free[--c->count];
    hark__stack *stack = (hark__stack *)(entry & ~(uintptr_t)GUARD_BITS);
    hark__slab *slab = c->slabs;
    while (!hark__slab_has(slab, stack)) {
        slab = slab->next;
    }
    hark__slab_refill(slab, stack, (enum hark__guard)(entry & GUARD_BITS));
    c->cold = c->count;
    return stack;
}

/* The warm ones are used up. */
hark__stack *hark__stacks_take_other(hark__stack_pool *c)
{
    return c->count ? take_cold(c) : take_fresh(c);
}

/* ---- giving memory back -------------------------------------------------------------------- */

static void chill(uintptr_t *entry, uint32_t class)
{
    hark__stack *stack = (hark__stack *)*entry;
    char *end = (char *)stack + sizeof(*stack);
    char *base = end - hark__stack_size(class);
    enum hark__guard guard = stack->guard;
    hark__tools_forget(&stack->tools);
    *entry = (uintptr_t)stack | guard;
    hark__sys.madvise(base, (size_t)(end - base), MADV_DONTNEED);
}

static bool trim_class(hark__stack_pool *c, uint32_t class)
{
    uint32_t spared = c->cold + KEEP_WARM;
    uint32_t unused = c->least > spared ? c->least - spared : 0;
    uint32_t some = unused - unused / 2;
    c->least = c->count;
    if (hark__stack_size(class) % (size_t)sysconf(_SC_PAGESIZE)) {
        return false; /* pages larger than stacks */
    }
    if (some > TRIM_MOST) {
        some = TRIM_MOST;
    }
    for (uint32_t i = 0; i < some; i++) {
        chill(&c->free[c->cold++], class);
    }
    return c->count > c->cold + KEEP_WARM;
}

bool hark__stacks_trim(hark__stacks *stacks)
{
    bool more = false;
    for (uint32_t i = 0; i < HARK__STACK_CLASSES; i++) {
        more |= trim_class(&stacks->classes[i], i);
    }
    return more;
}

hark__stack *hark__stack_find(const void *address)
{
    return hark__slab_find(address);
}
