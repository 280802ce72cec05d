/* SPDX-License-Identifier: MIT
 *
 * 01_waiters - five tasks wait on one event; two seconds later it is set.
 * Prints that each of them waits, then that each goes on: first come, first served.
 */
#include <hark.h>
#include <stdio.h>

static hark_event ready;

static int waiter(void *arg)
{
    int number = *(int *)arg;
    printf("waiter %d waits\n", number);
    int rc = hark_event_wait(&ready);
    if (rc == 0)
        printf("waiter %d goes on\n", number);
    return rc;
}

static int setter(void *arg)
{
    (void)arg;
    hark_group waiters;
    hark_group_open(&waiters);
    for (int i = 1; i <= 5; i++)
        hark_go_with(&waiters, waiter, (int){i});
    int rc = hark_sleep(HARK_S(2));
    puts("two seconds later: set");
    hark_event_set(&ready);
    return hark_group_close(&waiters, rc);
}

int main(void)
{
    return hark_run(setter, NULL) < 0;
}
