/* SPDX-License-Identifier: MIT
 *
 * 18_producers_consumers - two producers, a queue with room for two jobs, two
 * consumers. The queue holds the producers back while it is full, hark_queue_join waits until the
 * last job is done and not merely taken, and a shutdown sends the consumers home.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static hark_queue jobs;

static int produce(void *first)
{
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        rc = hark_queue_put(&jobs, &(int){(int)(intptr_t)first + i});
    }
    return rc;
}

static int consume(void *unused)
{
    int job, rc;
    (void)unused;
    while ((rc = hark_queue_get(&jobs, &job)) == 0) {
        rc = hark_sleep(HARK_MS(job % 10)); /* stands for the work */
        printf("job %d: %s\n", job, rc == 0 ? "done" : "cut short");
        hark_queue_task_done(&jobs); /* whatever became of it, or the join waits for ever */
    }
    return rc == -EPIPE ? 0 : rc;
}

static int first_task(void *unused)
{
    (void)unused;
    hark_group consumers, producers;
    int rc = hark_queue_init(&jobs, sizeof(int), 2, HARK_FIFO, NULL);
    hark_group_open(&consumers);
    hark_group_open(&producers);
    for (intptr_t i = 1; i <= 2 && rc >= 0; i++) {
        rc = (int)hark_go(&consumers, consume, NULL);
        rc = rc < 0 ? rc : (int)hark_go(&producers, produce, (void *)(10 * i));
    }
    rc = hark_group_close(&producers, rc); /* all is put in, */
    if (rc >= 0 && (rc = hark_queue_join(&jobs)) == 0) {
        puts("all is done"); /* all is done, */
    }
    hark_queue_shutdown(&jobs, rc < 0); /* and nobody waits for more */
    rc = hark_group_close(&consumers, rc);
    hark_queue_free(&jobs);
    return rc;
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
