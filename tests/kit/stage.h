/* SPDX-License-Identifier: MIT
 *
 * stage.h - what the models of all that tasks wait for have in common.
 *
 * Idea     Such a model is some tasks in one group that come when they like, and `first` is the one
 *          that somebody cancels. So here are the group and that id, the call that brings a task on,
 *          and the ways in which a task lets others go before it:
 *
 *              stroll()            two steps, or one, or none
 *              nap()               one instant, or no step at all
 *              nap_up_to(most)     0 to `most` instants; 0 is no step at all
 *              sleep_up_to(most)   0 to `most` instants; 0 is a step all the same
 *
 *          An instant is any number of steps long: time may go on between any two of them.
 * Rules    1  What a way of waiting asks, and in which order, decides how many schedules a model
 *             has: whoever changes one here, or takes another, counts again (./dev explore).
 *          2  If there is no memory for a task, those that there are go home: the group is
 *             cancelled, for one of them may wait for what the missing one would have done.
 *          3  Nothing here closes the group: what a model wants of its end, it says itself.
 * Not here Books and counters, and how a model looks at what it tries: each has its own. The models
 *          of tests/core: each has another notion of what is to happen without memory for a task.
 */
#ifndef HARK_TESTS_STAGE_H
#define HARK_TESTS_STAGE_H

#include <hark.h>

#include "model.h"

#define STAGE_MAYBE __attribute__((unused)) static

STAGE_MAYBE hark_group group;
STAGE_MAYBE hark_task first; /* 0: not there */

/* The last that a model's beginning does. */
STAGE_MAYBE void open_stage(void)
{
    first = 0;
    MUST(hark_group_open(&group) == 0);
}

STAGE_MAYBE hark_task spawned(hark_task task)
{
    WANT(task > 0);
    if (task < 0) {
        hark_group_cancel(&group);
    }
    return task;
}

/* A macro, so that a report names the place in the model as the one where the task was born. */
#define go(fn, arg) spawned(hark_go(&group, fn, arg))

/* ---- so that each may come first ------------------------------------------------------------- */

/* That it goes by one step is tried first, then two, then none. */
STAGE_MAYBE void stroll(void)
{
    for (int steps = (hark_test_choose(3) + 1) % 3; steps > 0; steps--) {
        hark_yield();
    }
}

STAGE_MAYBE void nap(void)
{
    if (hark_test_choose(2) == 0) {
        hark_sleep(1);
    }
}

STAGE_MAYBE void nap_up_to(int most)
{
    const int instants = hark_test_choose(most + 1);

    if (instants) {
        hark_sleep(instants);
    }
}

STAGE_MAYBE void sleep_up_to(int most)
{
    hark_sleep(hark_test_choose(most + 1));
}

/* ---- two ends -------------------------------------------------------------------------------- */

STAGE_MAYBE int fds[2]; /* from 1 to 0; -1: closed */

STAGE_MAYBE void close_end(int which)
{
    const int fd = fds[which];

    fds[which] = -1;
    if (fd >= 0) {
        hark_close(fd);
    }
}

#endif
