/* SIGQUIT (Ctrl-\ at a terminal) prints the tasks, also while one of them keeps the loop. */
#include <hark.h>
#include <signal.h>
#include <unistd.h>

static volatile unsigned spins;

static int stuck(void *arg)
{
    (void)arg;
    hark_task_name("stuck");
    ualarm(50000, 0); /* somebody sends SIGQUIT, or here: the clock */
    for (spins = 1; spins < 1000000000; spins++) {
    }
    return 0;
}

static int waiter(void *event)
{
    return hark_event_wait(event);
}

static int program(void *arg)
{
    static hark_event ready = HARK_EVENT_INIT;
    hark_group group;
    (void)arg;
    hark_dump_on(SIGALRM);
    hark_group_open(&group);
    hark_go(&group, waiter, &ready);
    hark_go(&group, stuck, NULL);
    hark_settle();
    hark_event_set(&ready);
    return hark_group_close(&group, 0);
}

int main(void)
{
    return hark_run(program, NULL) < 0;
}
