/* SPDX-License-Identifier: MIT
 *
 * tools_test.c - fibers under the sanitizers: what is right must stay quiet. Without one, this
 * tests that a thousand fibers keep apart.
 */
#include "fibers.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

enum { FIBERS = 1000 };

static hark__stacks *pool;
static place here;
static place fibers[FIBERS];
static int steps[FIBERS];

NOINLINE static int work(int x)
{
    char frame[300];
    snprintf(frame, sizeof(frame), "%d", x);
    return atoi(frame);
}

static void run(void *arg)
{
    place *self = arg;
    place_arrived(self);
    int mine = (int)(self - fibers);
    for (int i = 0; i < 3; i++) {
        int local = work(mine + i);
        place_switch(self, &here);
        CHECK_EQ(local, mine + i);
        steps[mine]++;
    }
    place_end(self, &here);
}

TEST_TIMEOUT(tools_see_a_ping_pong_of_a_thousand_fibers_as_right, 30)
{
    pool = pool_new();
    place_here(&here);
    for (int i = 0; i < FIBERS; i++) {
        fibers[i] = (place){.stack = stack_new(pool, 1, &fibers[i])};
        place_begin(&here, &fibers[i], run, &fibers[i]);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < FIBERS; i++) {
            place_switch(&here, &fibers[i]);
        }
    }
    for (int i = 0; i < FIBERS; i++) {
        CHECK_EQ(steps[i], 3);
        hark__stacks_give(pool, fibers[i].stack);
    }
    hark__stacks_close(pool);
}

/* A task that ends deep inside leaves its frames' traces in AddressSanitizer's memory. */
NOINLINE static int go_deep(int depth, void (*end)(void))
{
    volatile char frame[100];
    frame[depth % 100] = (char)depth;
    if (depth > 0) {
        go_deep(depth - 1, end);
    } else {
        end();
    }
    return frame[depth % 100];
}

static void end_here(void)
{
    place_end(&fibers[0], &here);
}

static void shallow_or_deep(void *arg)
{
    place *self = arg;
    place_arrived(self);
    steps[0]++;
    char plain[2000];
    memset(plain, steps[0], sizeof(plain));
    go_deep(steps[0] % 20, end_here);
}

TEST_TIMEOUT(tools_forget_the_frames_of_a_task_that_ended, 30)
{
    pool = pool_new();
    place_here(&here);
    for (int i = 0; i < 20 * 1000 / kit_slow(); i++) {
        fibers[0] = (place){.stack = stack_new(pool, 1, &fibers[0])};
        place_begin(&here, &fibers[0], shallow_or_deep, &fibers[0]);
        hark__stacks_give(pool, fibers[0].stack);
    }
    hark__stacks_close(pool);
}

TEST(tools_are_off_unless_one_watches)
{
    hark__stacks_close(pool_new());
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    CHECK(hark__tools_on);
#elif !defined(__clang__)
    CHECK(!hark__tools_on);
#endif
}

/* ---- what is wrong must not stay quiet ----------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
static void write_beyond(void *arg)
{
    place_arrived(&fibers[0]);
    char frame[16];
    volatile char *at = frame;
    __asm__("" : "+r"(at)); /* nobody knows its size: the write is AddressSanitizer's to see */
    at[*(volatile int *)arg] = 1;
    place_end(&fibers[0], &here);
}

TEST_DIES(tools_see_a_bug_on_a_fiber, SIGABRT, "stack-buffer-overflow")
{
    static int beyond = 16;
    /* As an abort, so that it is not taken for a failed check. */
    signal(SIGABRT, SIG_DFL);
    __sanitizer_set_death_callback(abort);
    pool = pool_new();
    place_here(&here);
    fibers[0] = (place){.stack = stack_new(pool, 1, &fibers[0])};
    place_begin(&here, &fibers[0], write_beyond, &beyond);
}
#endif
