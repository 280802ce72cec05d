/* SPDX-License-Identifier: MIT
 *
 * 23_leader - many tasks want their record on the disk, and one fsync can serve all of them.
 * Whoever finds nobody at it leads, and flushes what all have handed in until then. The others wait
 * for the end of the flush; whose record was not in it, or not flushed, may lead the next.
 */
#include <hark.h>
#include <stdio.h>

static struct {
    int handed_in, on_disk; /* numbers of records */
    bool led;
    hark_flag flushed;
} journal;

static int lead(void)
{
    int last = journal.handed_in;
    journal.led = true;
    int rc = hark_sleep(HARK_MS(10)); /* stands for write and fsync */
    journal.led = false;
    if (rc == 0) {
        printf("records %d to %d are on the disk\n", journal.on_disk + 1, last);
        journal.on_disk = last;
    }
    hark_flag_set(&journal.flushed);   /* who waits now goes on and looks, ... */
    hark_flag_clear(&journal.flushed); /* ... who comes now waits for the next one */
    return rc;
}

static int commit(void)
{
    int mine = ++journal.handed_in, rc = 0;
    while (rc == 0 && journal.on_disk < mine) {
        rc = journal.led ? hark_flag_wait(&journal.flushed) : lead();
    }
    return rc;
}

static int client(void *delay)
{
    int rc = hark_sleep(HARK_MS((intptr_t)delay));
    return rc < 0 ? rc : commit();
}

static int first_task(void *pace)
{
    hark_group clients;
    int rc = hark_group_open(&clients);
    for (intptr_t i = 0; i < 8 && rc >= 0; i++) {
        rc = (int)hark_go(&clients, client, (void *)(i * *(int *)pace));
    }
    return hark_group_close(&clients, rc);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, &(int){3}) < 0;
}
