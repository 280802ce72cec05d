/* SPDX-License-Identifier: MIT
 *
 * parked.c - tasks that wait in several ways, and then a trap: for the script of gdb.
 */
#include <hark.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static hark_lock lock;
static hark_task waits_for_lock;

static int take(hark_lock *l)
{
    int rc = hark_lock_acquire(l);
    return rc ? rc : hark_lock_release(l);
}

static int holder(void *arg)
{
    (void)arg;
    hark_task_name("the holder");
    int rc = take(&lock);
    rc = hark_lock_acquire(&lock);
    rc = rc ? rc : hark_sleep(HARK_S(1000));
    hark_lock_release(&lock);
    return rc;
}

static int taker(void *arg)
{
    (void)arg;
    int rc = hark_within(HARK_S(500), take(&lock));
    return rc < 0 ? rc : 0;
}

static int joiner(void *arg)
{
    (void)arg;
    int rc = hark_task_wait(waits_for_lock);
    return rc;
}

static int stopper(void *how)
{
    raise(strcmp(how, "abort") == 0 ? SIGABRT : SIGTRAP);
    return 0;
}

static int program(void *how)
{
    hark_group group;

    hark_group_open(&group);
    hark_go(&group, holder, NULL);
    waits_for_lock = hark_go(&group, taker, NULL);
    hark_go(&group, joiner, NULL);
    hark_settle();
    hark_go(&group, stopper, how);
    hark_settle();
    hark_group_cancel(&group);
    return hark_group_close(&group, 0);
}

int main(int argc, char **argv)
{
    return hark_run(program, argc > 1 ? argv[1] : "trap") < 0;
}
