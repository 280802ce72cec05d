/* SPDX-License-Identifier: MIT
 *
 * frames_test.c - walking stacks by frame pointers.
 */
#include <execinfo.h>

#include "fibers.h"

static hark__stacks *pool;
static place here;
static place there;
static int tables = -1; /* frames that the C library's unwinder saw */

NOINLINE static void third(void)
{
    void *addresses[64];
    tables = backtrace(addresses, 64);
    place_switch(&there, &here);
    __asm__ volatile("");
}

NOINLINE static void second(void)
{
    third();
    __asm__ volatile("");
}

static void first(void *arg)
{
    (void)arg;
    place_arrived(&there);
    second();
    place_end(&there, &here);
}

static void park(void)
{
    void *warm[4];
    backtrace(warm, 4); /* it loads its unwinder when first called */
    place_here(&here);
    pool = pool_new();
    there = (place){.stack = stack_new(pool, 3, &there)};
    place_begin(&here, &there, first, NULL);
}

static void finish(void)
{
    place_switch(&here, &there);
    hark__tools_forget(&there.stack->tools);
    hark__stacks_give(pool, there.stack);
    hark__stacks_close(pool);
}

static bool within(void *address, void *fn, size_t size)
{
    return (char *)address > (char *)fn && (char *)address < (char *)fn + size;
}

TEST(frames_of_a_parked_fiber_end_at_its_first_frame)
{
    park();
    void *addresses[64];
    void *pc;
    void *frame;
    hark__saved_frame(there.sp, &pc, &frame);
    int n = hark__frames(addresses, 64, frame, there.stack->low, there.stack->top);
    if (n == 0) {
        SKIP("no frame pointers on this machine");
    }
    CHECK_GE(n, 3);
    CHECK_LE(n, 8); /* the C library's own frames, with ucontext */
    bool in_second = false;
    for (int i = 0; i < n; i++) {
        in_second |= within(addresses[i], second, 256);
    }
    CHECK(in_second);
    finish();
}

TEST(frames_by_unwind_tables_end_at_the_first_frame_too)
{
    park();
    CHECK_GE(tables, 4);
    CHECK_LE(tables, 8);
    finish();
}

TEST(frames_take_no_more_than_asked_for)
{
    park();
    void *addresses[2] = {NULL, &here};
    void *pc;
    void *frame;
    hark__saved_frame(there.sp, &pc, &frame);
    CHECK_LE(hark__frames(addresses, 1, frame, there.stack->low, there.stack->top), 1);
    CHECK_PTR(addresses[1], &here);
    CHECK_EQ(hark__frames(addresses, 0, frame, there.stack->low, there.stack->top), 0);
    finish();
}

TEST(frames_of_nonsense_stay_within_the_bounds_and_end)
{
    void *addresses[64];
    void *room[32] = {NULL};
    void **stack = room + 8;
    for (int i = 0; i < 16; i++) {
        stack[i] = (void *)&stack[i]; /* each frame its own caller */
    }
    void *low = stack;
    void *high = stack + 16;
    CHECK_EQ(hark__frames(addresses, 64, NULL, low, high), 0);
    CHECK_EQ(hark__frames(addresses, 64, (char *)low - 16, low, high), 0);
    CHECK_EQ(hark__frames(addresses, 64, (char *)low + 4, low, high), 0);
    CHECK_EQ(hark__frames(addresses, 64, stack + 15, low, high), 0);
    CHECK_EQ(hark__frames(addresses, 64, high, low, high), 0);
    CHECK_LE(hark__frames(addresses, 64, stack, low, high), 1);
    for (int i = 0; i < 15; i++) {
        stack[i] = (char *)(stack + i) + 8; /* upwards in the smallest steps */
    }
    CHECK_LE(hark__frames(addresses, 64, stack, low, high), 16);
    stack[0] = (void *)UINTPTR_MAX;
    CHECK_LE(hark__frames(addresses, 64, stack, low, high), 1);
}
