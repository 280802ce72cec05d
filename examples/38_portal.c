/* SPDX-License-Identifier: MIT
 *
 * 38_portal - the main thread is not hark's: it opens a portal, a loop in a thread of its own, calls
 * into it as it would call any function, and leaves a task running there until it likes.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static hark_queue jobs;

static int worker(void *unused)
{
    int job, done = (unused != NULL);
    hark_queue_init(&jobs, sizeof job, 0, HARK_FIFO, NULL);
    hark_started(7);
    while (hark_queue_get(&jobs, &job) == 0) {
        printf("worker: job %d\n", job);
        hark_queue_task_done(&jobs);
        done++;
    }
    printf("worker: cancelled after %d jobs\n", done);
    return -ECANCELED;
}

static int put_job(void *job)
{
    return hark_queue_put(&jobs, job);
}

static int wait_for_jobs(void *unused)
{
    (void)unused;
    return hark_queue_join(&jobs);
}

static int fail(void *unused)
{
    (void)unused;
    return hark_fail(-EIO, "no disk in drive %c", 'B');
}

int main(void)
{
    hark_portal portal;
    hark_portal_task task;
    int number = 0;
    if (hark_portal_open(&portal, NULL))
        return 1;
    hark_portal_start(&portal, &task, worker, NULL, &number);
    printf("main: worker number %d has started\n", number);
    for (int job = 1; job <= 3; job++)
        hark_portal_call(&portal, put_job, &job);
    hark_portal_call(&portal, wait_for_jobs, NULL);
    if (hark_portal_call(&portal, fail, NULL) == -EIO)
        printf("main: a call has failed: %s\n", hark_error_last());
    hark_portal_cancel(&portal, &task);
    printf("main: the worker ended, %d\n", hark_portal_wait(&task, HARK_FOREVER) == -EOWNERDEAD);
    return hark_portal_close(&portal, false) < 0;
}
