/* SPDX-License-Identifier: MIT
 *
 * 15_philosophers - three philosophers, three forks, and a lock that says what is wrong.
 * Each takes the fork on the left, then the one on the right. When all hold one, the last to ask would
 * close the ring: hark_lock_acquire refuses with -EDEADLK and names the ring, before anybody starves.
 * He puts his fork back and tries again later.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

#define SEATS 3

static hark_lock forks[SEATS];

static int dine(void *number)
{
    int seat = (int)(intptr_t)number, rc;
    hark_lock *left = &forks[seat], *right = &forks[(seat + 1) % SEATS];
    hark_task_name("philosopher %d", seat);
    for (;;) {
        if ((rc = hark_lock_acquire(left)) < 0) {
            return rc;
        }
        hark_sleep(HARK_MS(1)); /* thinks with a fork in his hand */
        rc = hark_lock_acquire(right);
        if (rc != -EDEADLK) {
            break;
        }
        printf("philosopher %d: %s\n", seat, hark_error_last());
        hark_lock_release(left);
        hark_sleep(HARK_MS(5));
    }
    if (rc == 0) {
        printf("philosopher %d eats\n", seat);
        hark_lock_release(right);
    }
    hark_lock_release(left);
    return rc;
}

static int dinner(void *unused)
{
    hark_group table;
    (void)unused;
    hark_group_open(&table);
    for (intptr_t seat = 0; seat < SEATS; seat++) {
        hark_go(&table, dine, (void *)seat);
    }
    return hark_group_close(&table, 0);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, dinner, NULL) < 0;
}
