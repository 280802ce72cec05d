/* SPDX-License-Identifier: MIT
 *
 * gate/tasks.c - operations of tasks: to give way, to begin and end, to be cancelled.
 */
#include "gate.h"
#include <hark.h>

#define MANY 1000

static bool stopped;
static hark_group group;
static hark_event never;

static void end_group(void)
{
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

/* ---- giving way ----------------------------------------------------------------------------- */

static int yielder(void *arg)
{
    (void)arg;
    while (!stopped)
        GATE_DO(hark_yield());
    return 0;
}

static void yields(long n, void *tasks)
{
    GATE_EACH(n, *(long *)tasks)
    {
        GATE_DO(hark_yield());
    }
}

static void yield_among(long tasks)
{
    hark_group_open(&group);
    for (long i = 1; i < tasks; i++)
        GATE_DO(hark_go(&group, yielder, NULL));
    gate_count(yields, &tasks);
    stopped = true;
    end_group();
}

static void yield_2(void)
{
    yield_among(2);
}

static void yield_1000(void)
{
    yield_among(MANY);
}

static void checkpoints(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_checkpoint());
    }
}

static void checkpoint(void)
{
    gate_count(checkpoints, NULL);
}

/* ---- beginning and ending ------------------------------------------------------------------- */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void spawn_joins(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        hark_group g;
        GATE_DO(hark_group_open(&g));
        GATE_DO(hark_go(&g, nothing, NULL));
        GATE_DO(hark_group_close(&g, 0));
    }
}

static void spawn_join(void)
{
    gate_count(spawn_joins, NULL);
}

static void batches(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, MANY)
    {
        GATE_DO(hark_group_open(&group));
        for (int i = 0; i < MANY; i++)
            GATE_DO(hark_go(&group, nothing, NULL));
        GATE_DO(hark_group_close(&group, 0));
    }
}

static void spawn_batch(void)
{
    gate_count(batches, NULL);
}

struct job {
    void *what;
    int number;
};

static void batches_with(long n, void *arg)
{
    GATE_EACH(n, MANY)
    {
        GATE_DO(hark_group_open(&group));
        for (int i = 0; i < MANY; i++)
            GATE_DO(hark_go_with(&group, nothing, (struct job){arg, i}));
        GATE_DO(hark_group_close(&group, 0));
    }
}

static void spawn_with(void)
{
    gate_count(batches_with, NULL);
}

static int reports(void *arg)
{
    (void)arg;
    return hark_started(1);
}

static void starts(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_start(&group, reports, NULL, NULL));
    }
}

static void start(void)
{
    hark_group_open(&group);
    gate_count(starts, NULL);
    end_group();
}

static void groups(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        hark_group g;
        GATE_DO(hark_group_open(&g));
        GATE_DO(hark_group_close(&g, 0));
    }
}

static void group_empty(void)
{
    gate_count(groups, NULL);
}

/* ---- being cancelled ------------------------------------------------------------------------ */

static hark_scope scope;

static int waits_in_scopes(void *arg)
{
    (void)arg;
    while (!stopped) {
        GATE_DO(hark_scope_open(&scope, HARK_FOREVER));
        hark_scope_close(&scope, hark_event_wait(&never));
    }
    return 0;
}

static void scope_cancels(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_scope_cancel(&scope));
        GATE_DO(hark_yield());
    }
}

static void cancel_scope(void)
{
    hark_group_open(&group);
    hark_go(&group, waits_in_scopes, NULL);
    hark_yield();
    gate_count(scope_cancels, NULL);
    stopped = true;
    end_group();
}

static int waits(void *arg)
{
    (void)arg;
    return hark_event_wait(&never);
}

static void task_cancels(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        hark_task t = hark_go(&group, waits, NULL);
        GATE_DO(hark_yield());
        GATE_DO(hark_task_cancel(t));
        GATE_DO(hark_yield());
    }
}

static void cancel_task(void)
{
    hark_group_open(&group);
    gate_count(task_cancels, NULL);
    end_group();
}

static void group_cancels(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, MANY)
    {
        GATE_DO(hark_group_open(&group));
        for (int i = 0; i < MANY; i++)
            GATE_DO(hark_go(&group, waits, NULL));
        GATE_DO(hark_yield());
        end_group();
    }
}

static void cancel_group(void)
{
    gate_count(group_cancels, NULL);
}

/* All of them are alive at once. */
static int passes_gate(void *gate)
{
    return hark_event_wait(gate);
}

static void gatherings(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, MANY)
    {
        hark_event gate = HARK_EVENT_INIT;
        hark_group_open(&group);
        for (int i = 0; i < MANY; i++)
            GATE_DO(hark_go(&group, passes_gate, &gate));
        hark_yield();
        hark_event_set(&gate);
        GATE_DO(hark_group_close(&group, 0));
    }
}

static void spawn_wait(void)
{
    gate_count(gatherings, NULL);
}

const gate_operation gate_tasks[] = {
    {"yield_2", "a yield, two tasks in turn", 4000, yield_2},
    {"yield_1000", "a yield, 1,000 tasks in turn", 10000, yield_1000},
    {"checkpoint", "a look whether the task was cancelled", 4000, checkpoint},
    {"spawn_join", "a group with one task that ends at once", 2000, spawn_join},
    {"spawn_batch", "a task that ends at once, of 1,000 in a group", 4000, spawn_batch},
    {"spawn_with", "the same, with an argument of 16 bytes", 4000, spawn_with},
    {"spawn_wait", "a task that waits, of 1,000 that one set wakes, and ends", 4000, spawn_wait},
    {"start", "a task that says that it has started, and ends", 2000, start},
    {"group_empty", "a group without a task", 2000, group_empty},
    {"cancel_scope", "a scope around a wait, cancelled, and the next one", 2000, cancel_scope},
    {"cancel_task", "a task that is spawned, waits, is cancelled and ends", 2000, cancel_task},
    {"cancel_group", "the same, of 1,000 in a group that is cancelled", 4000, cancel_group},
    {NULL, NULL, 0, NULL},
};
