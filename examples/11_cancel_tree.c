/* SPDX-License-Identifier: MIT
 *
 * 11_cancel_tree - a tree of tasks, three departments of two clerks each; one clerk fails.
 * Prints how the failure cancels all the others, how every group waits until its own tasks have
 * put things away, and that the result at the top is the clerk's failure, with its words.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

static int clerk(void *arg)
{
    int number = *(int *)arg;
    hark_task_name("clerk %d", number);
    int rc = hark_sleep(number == 4 ? HARK_MS(20) : HARK_S(3600));
    if (number == 4)
        rc = hark_fail(-EIO, "clerk %d spilled the ink", number);
    printf("clerk %d: %s\n", number, strerror(-rc));
    return rc;
}

static int department(void *arg)
{
    int number = *(int *)arg;
    hark_task_name("department %d", number);
    hark_group clerks;
    hark_group_open(&clerks);
    hark_go_with(&clerks, clerk, (int){2 * number - 1});
    hark_go_with(&clerks, clerk, (int){2 * number});
    int rc = hark_group_close(&clerks, 0);
    printf("department %d: %s\n", number, strerror(-rc));
    return rc;
}

static int office(void *arg)
{
    (void)arg;
    hark_group departments;
    hark_group_open(&departments);
    for (int i = 1; i <= 3; i++)
        hark_go_with(&departments, department, (int){i});
    int rc = hark_group_close(&departments, 0);
    printf("office: %s: %s\n", strerror(-rc), hark_error_last());
    return rc;
}

int main(void)
{
    return hark_run(office, NULL) != -EIO;
}
