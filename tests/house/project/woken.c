/* SPDX-License-Identifier: MIT
 *
 * woken.c - a stranger's program: what tests/house/install compiles against the installed tree.
 */
#include <hark.h>
#include <stdio.h>

static hark_event event;

static int waiter(void *arg)
{
    (void)arg;
    return hark_event_wait(&event);
}

static int start(void *arg)
{
    hark_group group;
    (void)arg;
    int rc = hark_group_open(&group);
    if (rc == 0) {
        rc = hark_go(&group, waiter, NULL) > 0 ? hark_event_set(&event) : -1;
        rc = hark_group_close(&group, rc);
    }
    return rc;
}

int main(void)
{
    const int rc = hark_run(start, NULL);
    puts(rc == 0 ? "woken" : hark_error_last());
    return rc != 0;
}
