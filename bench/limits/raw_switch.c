/* SPDX-License-Identifier: MIT
 *
 * raw_switch.c - two stacks that jump to one another: no queue, no choice, nothing else.
 *
 * For `switch` it is inlined where it is used, so it saves a stack pointer, a frame pointer and a
 * place, and what the compiler has alive around it, which in this loop is next to nothing. For the
 * hand-overs, `raw_switch KEY`, it is the bare switch that a library can have: a call, which saves
 * the registers that a call must keep.
 */
#define GUARDED 1
#include "fiber.h"

#define SWITCHES 20000000l

static task here, there; /* of the calls */
static place near, far;  /* of what is inlined */
static char stack[65536] __attribute__((aligned(64)));

static __attribute__((noinline, used)) void other(void)
{
    for (;;) {
        place *from = &far, *to = &near;
        SWITCH(from, to);
    }
}

static __attribute__((noinline)) void switches(long n, void *arg)
{
    (void)arg;
    for (n /= 2; n-- > 0;) {
        place *from = &near, *to = &far;
        SWITCH(from, to);
    }
}

static __attribute__((noinline, used)) void other_call(void)
{
    for (;;)
        switch_call(&there, &here);
}

static __attribute__((noinline)) void switch_calls(long n, void *arg)
{
    (void)arg;
    for (n /= 2; n-- > 0;)
        switch_call(&here, &there);
}

int main(int argc, char **argv)
{
#ifdef NO_SWITCH
    bench_skip(NO_SWITCH);
#endif
    char *top = stack + sizeof stack;
    if (argc > 1) {
        there.sp = top - FRAME;
        *(void **)((char *)there.sp + FRAME_PC) = (void *)other_call;
        bench_say(argv[1], bench_ns(switch_calls, SWITCHES, NULL), "ns");
    } else {
        far.sp = top - ENTRY_SKEW;
        far.pc = (void *)other;
        bench_say("ns_per_yield", bench_ns(switches, SWITCHES, NULL), "ns");
    }
    return 0;
}
