/* One task waits for another's end, which waits for a lock that the first one holds. */
#include <hark.h>

static hark_lock journal;
static hark_task clerk_task;

static int write_up(hark_lock *lock)
{
    int rc = hark_lock_acquire(lock);
    return rc ? rc : hark_lock_release(lock);
}

static int clerk(void *arg)
{
    (void)arg;
    int rc = hark_yield();
    return rc ? rc : write_up(&journal);
}

static int chief(void *arg)
{
    (void)arg;
    hark_task_name("chief clerk");
    hark_lock_acquire(&journal);
    int rc = hark_task_wait(clerk_task);
    hark_lock_release(&journal);
    return rc;
}

static int office(void *arg)
{
    hark_group group;
    (void)arg;
    hark_group_open(&group);
    clerk_task = hark_go(&group, clerk, NULL);
    hark_go(&group, chief, NULL);
    return hark_group_close(&group, 0);
}

int main(void)
{
    return hark_run(office, NULL) == -EDEADLK ? 0 : 1;
}
