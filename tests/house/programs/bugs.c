/* SPDX-License-Identifier: MIT
 *
 * bugs.c - bugs inside of tasks, one by name, each some calls deep, after the task has waited: what a
 * tool says of them must name those calls.
 */
#include <hark.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEP __attribute__((noinline))

static int shared;
static atomic_int racers;

DEEP static int use_after_free(char *memory)
{
    free(memory);
    hark_yield();
    return memory[3];
}

/* Both at once, and by nothing that would order them: one that comes when the other one has closed its
 * loop was ordered behind it by the library's own locks. */
DEEP static int races(void)
{
    atomic_fetch_add_explicit(&racers, 1, memory_order_relaxed);
    while (atomic_load_explicit(&racers, memory_order_relaxed) < 2) {
        sched_yield();
    }
    for (int i = 0; i < 1000; i++) {
        shared++;
    }
    return shared;
}

DEEP static int loses_memory(void)
{
    char *volatile lost = malloc(77);
    lost[0] = 1;
    lost = NULL;
    return hark_yield();
}

DEEP static int burns(void)
{
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 300000000; i++) {
        sum += i;
    }
    return (int)(sum & 1);
}

DEEP static int commits(const char *bug)
{
    int rc = hark_sleep(HARK_MS(1));

    if (strcmp(bug, "free") == 0) {
        rc += use_after_free(calloc(1, 16));
    } else if (strcmp(bug, "race") == 0) {
        rc += races();
    } else if (strcmp(bug, "leak") == 0) {
        rc += loses_memory();
    } else if (strcmp(bug, "burn") == 0) {
        rc += burns();
    }
    return rc;
}

static int worker(void *bug)
{
    int rc = commits(bug);
    return rc < 0 ? rc : 0;
}

static int program(void *bug)
{
    hark_group group;

    hark_group_open(&group);
    for (int i = 0; i < 3; i++) {
        hark_go(&group, worker, i == 1 ? bug : "nothing");
    }
    return hark_group_close(&group, 0);
}

static void *run(void *bug)
{
    hark_run(program, bug);
    return NULL;
}

int main(int argc, char **argv)
{
    char *bug = argc > 1 ? argv[1] : "nothing";
    pthread_t other;
    bool two = strcmp(bug, "race") == 0;

    if (two) {
        pthread_create(&other, NULL, run, bug);
    }
    run(bug);
    if (two) {
        pthread_join(other, NULL);
    }
    puts("done");
    return 0;
}
