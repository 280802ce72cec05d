/* SPDX-License-Identifier: MIT
 *
 * 03_timer_flag - a timer's callback sets a flag that two tasks wait for, and clears it at once.
 * Prints that both go on all the same: who waited when a flag was set is released for good.
 * The callback is no task: it needs no stack, only a hark_watch, and must not block.
 */
#include <hark.h>
#include <stdio.h>

struct lamp {
    hark_flag lit;
    hark_watch timer;
    int flashes;
};

static void flash(void *arg)
{
    struct lamp *lamp = arg;
    printf("flash %d: %d tasks wait\n", ++lamp->flashes,
           hark_flag_statistics(&lamp->lit).tasks_waiting);
    hark_flag_set(&lamp->lit);
    hark_flag_clear(&lamp->lit);
    if (lamp->flashes < 2)
        hark_call_later(HARK_MS(20), &lamp->timer, flash, lamp);
}

static int sailor(void *arg)
{
    struct lamp *lamp = arg;
    for (int i = 0; i < 2; i++) {
        int rc = hark_flag_wait(&lamp->lit);
        if (rc < 0)
            return rc;
        printf("a sailor saw flash %d\n", lamp->flashes);
    }
    return 0;
}

static int first_task(void *arg)
{
    (void)arg;
    struct lamp lamp = {0}; /* all zero is the initial state of a flag and of a watch */
    hark_group sailors;
    hark_group_open(&sailors);
    hark_go(&sailors, sailor, &lamp);
    hark_go(&sailors, sailor, &lamp);
    int rc = hark_call_later(HARK_MS(20), &lamp.timer, flash, &lamp);
    return hark_group_close(&sailors, rc);
}

int main(void)
{
    return hark_run(first_task, NULL) < 0;
}
