/* SPDX-License-Identifier: MIT
 *
 * ends.c - a program that ends in each of the ways in which programs end: for `hark run`.
 */
#include <hark.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hark_lock first, second;

static int take(hark_lock *mine, hark_lock *other)
{
    hark_event never = HARK_EVENT_INIT;

    hark_lock_acquire(mine);
    hark_yield();
    int rc = hark_lock_locked(other) ? hark_event_wait(&never) : 0;
    hark_lock_release(mine);
    return rc;
}

static int one(void *arg)
{
    (void)arg;
    hark_task_name("one");
    return take(&first, &second);
}

static int two(void *arg)
{
    (void)arg;
    hark_task_name("two");
    return take(&second, &first);
}

static int deadlock(void *arg)
{
    hark_group group;

    (void)arg;
    hark_group_open(&group);
    hark_go(&group, one, NULL);
    hark_go(&group, two, NULL);
    return hark_group_close(&group, 0);
}

static int overflow(void *arg)
{
    volatile char much[1024];

    much[0] = 1;
    return arg ? overflow((void *)&much[0]) + much[0] : 0;
}

static int overflows(void *arg)
{
    hark_task_name("deep");
    return overflow(arg);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    if (strcmp(how, "deadlock") == 0) {
        return hark_run(deadlock, NULL) == -EDEADLK ? 0 : 1;
    }
    if (strcmp(how, "overflow") == 0) {
        return hark_run(overflows, &how);
    }
    if (strcmp(how, "signal") == 0) {
        raise(SIGTERM);
    }
    for (int i = 1; i < argc; i++) {
        printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
    }
    return argc > 1 ? atoi(argv[1]) : 0;
}
