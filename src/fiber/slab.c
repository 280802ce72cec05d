/* SPDX-License-Identifier: MIT
 *
 * slab.c - slabs of stacks, and the list of all slabs that a signal handler can read.
 *
 * Idea     A slab is address space; memory comes page by page as stacks are touched. Guards are
 *          installed a batch ahead of the stacks that are taken for the first time.
 *
 * Rules    L1  Slabs begin at a multiple of the stack's size. The mapping is one stack larger
 *              than asked for; what alignment leaves over is never touched (or is one stack
 *              more).
 *          L2  The list is written under a mutex and read without. A reader counts itself in; a
 *              slab that has left the list is freed when no reader is counted, so a handler never
 *              meets freed memory, and never waits.
 *          L3  No huge pages: one would make a stack's single touched page cost 2 MiB.
 */
#include "fiber/slab.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "fiber/tools.h"

enum { COLOURS = 16, COLOUR_STEP = 64 };

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(hark__slab *) known;
static atomic_uint readers;

/* ---- all slabs of the process -------------------------------------------------------------- */

static void publish(hark__slab *slab)
{
    pthread_mutex_lock(&writing);
    atomic_store(&slab->next_known, atomic_load(&known));
    atomic_store(&known, slab);
    pthread_mutex_unlock(&writing);
}

static void withdraw(hark__slab *slab)
{
    pthread_mutex_lock(&writing);
    _Atomic(hark__slab *) *link = &known;
    while (atomic_load(link) != slab) {
        link = &atomic_load(link)->next_known;
    }
    atomic_store(link, atomic_load(&slab->next_known));
    pthread_mutex_unlock(&writing);
    while (atomic_load(&readers) != 0) {
        sched_yield(); /* a handler on another thread is walking: a microsecond */
    }
}

void hark__slabs_hold(void)
{
    pthread_mutex_lock(&writing);
}

/* A handler that walks in another thread walks in the parent only. */
void hark__slabs_release(bool in_child)
{
    if (in_child) {
        atomic_store(&readers, 0);
    }
    pthread_mutex_unlock(&writing);
}

hark__stack *hark__slab_find(const void *address)
{
    hark__stack *found = NULL;
    atomic_fetch_add(&readers, 1);
    for (hark__slab *slab = atomic_load(&known); slab; slab = atomic_load(&slab->next_known)) {
        if (hark__slab_has(slab, address)) {
            found = hark__stack_at(address, slab->class);
            break;
        }
    }
    atomic_fetch_sub(&readers, 1);
    return found;
}

/* ---- one slab ------------------------------------------------------------------------------ */

hark__slab *hark__slab_open(uint32_t class, uint32_t count)
{
    size_t size = hark__stack_size(class);
    hark__slab *slab = hark__alloc(sizeof(*slab));
    if (!slab) {
        return NULL;
    }
    slab->map_size = ((size_t)count + 1) * size;
    slab->map = hark__map(slab->map_size);
    if (!slab->map) {
        hark__free(slab, sizeof(*slab));
        return NULL;
    }
    uintptr_t start = (uintptr_t)slab->map;
    uintptr_t base = (start + size - 1) & ~(size - 1);
    slab->base = (char *)base;
    slab->class = class;
    slab->count = (uint32_t)((start + slab->map_size - base) / size);
    hark__sys.madvise(slab->map, slab->map_size, MADV_NOHUGEPAGE);
    if (hark__tools_valgrind()) {
        slab->valgrind = hark__alloc(slab->count * sizeof(*slab->valgrind));
    }
    publish(slab);
    return slab;
}

void hark__slab_close(hark__slab *slab)
{
    withdraw(slab);
    if (slab->valgrind) {
        for (uint32_t i = 0; i < slab->fresh; i++) {
            hark__tools_stack_gone(slab->valgrind[i]);
        }
        hark__free(slab->valgrind, slab->count * sizeof(*slab->valgrind));
    }
    hark__tools_clean(slab->map, slab->map_size);
    hark__guard_release(slab->mprotected);
    hark__unmap(slab->map, slab->map_size);
    hark__free(slab, sizeof(*slab));
}

void hark__slab_refill(hark__slab *slab, hark__stack *stack, enum hark__guard guard)
{
    size_t size = hark__stack_size(slab->class);
    char *base = (char *)stack + sizeof(*stack) - size;
    *stack = (hark__stack){
        .low = base + hark__guard_size(slab->class),
        .class = (uint16_t)slab->class,
        .guard = (uint16_t)guard,
        .index = slab->first_index + (uint32_t)((size_t)(base - slab->base) / size),
    };
    stack->top = (char *)stack - stack->index % COLOURS * COLOUR_STEP;
    stack->tools.bottom = stack->low;
    stack->tools.size = (size_t)((char *)stack - stack->low);
}

/* Few at first, for programs with few tasks. */
static void guard_more(hark__slab *slab)
{
    size_t size = hark__stack_size(slab->class);
    uint32_t used = slab->first_index + slab->fresh;
    uint32_t count = slab->count - slab->fresh;
    uint32_t ahead = used < 4 ? 4 : used;
    slab->guarded += hark__guard_install(slab->base + slab->fresh * size, slab->class,
                                         count < ahead ? count : ahead, &slab->guard);
    slab->mprotected += slab->guard == HARK__GUARD_MPROTECT;
}

hark__stack *hark__slab_fresh(hark__slab *slab)
{
    if (slab->fresh == slab->guarded) {
        guard_more(slab);
    }
    char *base = slab->base + slab->fresh * hark__stack_size(slab->class);
    hark__stack *stack = hark__stack_at(base, slab->class);
    hark__slab_refill(slab, stack, slab->guard);
    if (slab->valgrind) {
        slab->valgrind[slab->fresh] = hark__tools_stack_new(stack->low, stack);
    }
    slab->fresh++;
    return stack;
}
