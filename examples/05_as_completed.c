/* SPDX-License-Identifier: MIT
 *
 * 05_as_completed - three tasks are started together, and their results are taken as they come.
 * Prints them in the order of completion, which is not the order of starting.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

static int fetch(void *arg)
{
    int ms = *(int *)arg;
    int rc = hark_sleep(HARK_MS(ms)); /* stands for some slow server */
    if (rc == 0 && ms == 100)
        rc = hark_fail(-EPROTO, "the answer made no sense");
    return rc == 0 ? ms : rc;
}

static int take(hark_completion *c, hark_future *const *f)
{
    int i;
    while ((i = hark_completion_next(c)) >= 0) {
        void *value;
        int rc = hark_future_wait(f[i], &value); /* it is ready: returns at once */
        if (rc == 0)
            printf("task %d: %d\n", i, (int)(intptr_t)value);
        else
            printf("task %d: %s\n", i, strerror(-rc));
    }
    return i == -ENODATA ? 0 : i;
}

static int first_task(void *arg)
{
    (void)arg;
    static const int delays[] = {150, 50, 100};
    hark_future futures[3] = {0};
    hark_future *list[] = {&futures[0], &futures[1], &futures[2]};
    hark_watch nodes[3] = {0};
    hark_completion c;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 3; i++)
        hark_go_future(&g, list[i], fetch, (void *)&delays[i]);
    int rc = hark_completion_init(&c, list, nodes, 3);
    if (rc == 0)
        rc = take(&c, list);
    return hark_group_close(&g, rc);
}

int main(void)
{
    return hark_run(first_task, NULL) < 0;
}
