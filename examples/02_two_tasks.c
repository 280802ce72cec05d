/* SPDX-License-Identifier: MIT
 *
 * 02_two_tasks - one task waits, the other triggers.
 * Prints the order of things: setting an event never switches tasks, so the trigger has its
 * say to the end of its turn before the listener goes on.
 */
#include <hark.h>
#include <stdio.h>

static int listener(void *arg)
{
    hark_event *bell = arg;
    puts("listener: waiting for the bell");
    int rc = hark_event_wait(bell);
    if (rc == 0)
        puts("listener: heard it");
    return rc;
}

static int trigger(void *arg)
{
    hark_event *bell = arg;
    printf("trigger: %d task waits, ringing\n", hark_event_statistics(bell).tasks_waiting);
    hark_event_set(bell);
    puts("trigger: rung, and still my turn");
    return 0;
}

static int first_task(void *arg)
{
    (void)arg;
    hark_event bell = HARK_EVENT_INIT; /* tasks end before the group closes, so it may live here */
    hark_group both;
    hark_group_open(&both);
    hark_task heard = hark_go(&both, listener, &bell);
    hark_task rung = hark_go(&both, trigger, &bell);
    int rc = heard < 0 ? (int)heard : rung < 0 ? (int)rung : 0;
    return hark_group_close(&both, rc);
}

int main(void)
{
    int rc = hark_run(first_task, NULL);
    printf("result: %d\n", rc);
    return rc < 0;
}
