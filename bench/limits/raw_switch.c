/* SPDX-License-Identifier: MIT
 *
 * raw_switch.c - two stacks that jump to one another: no queue, no choice, nothing else.
 *
 * The switch is inlined where it is used, so it saves a stack pointer, a frame pointer and a place,
 * and what the compiler has alive around it, which in this loop is next to nothing.
 */
#include "fiber.h"

static task here, there;
static char stack[65536] __attribute__((aligned(64)));

static __attribute__((noinline, used)) void other(void)
{
    for (;;) {
        task *from = &there, *to = &here;
        SWITCH(from, to);
    }
}

static __attribute__((noinline)) void switches(long n, void *arg)
{
    (void)arg;
    for (n /= 2; n-- > 0;) {
        task *from = &here, *to = &there;
        SWITCH(from, to);
    }
}

int main(void)
{
#ifdef NO_SWITCH
    bench_skip(NO_SWITCH);
#endif
    there.sp = stack + sizeof stack - ENTRY_SKEW;
    there.pc = (void *)other;
    bench_say("ns_per_yield", bench_ns(switches, 20000000, NULL), "ns");
    return 0;
}
