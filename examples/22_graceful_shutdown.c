/* SPDX-License-Identifier: MIT
 *
 * 22_graceful_shutdown - on SIGTERM nobody new is let in, and who is inside has 100 ms to finish.
 * The signal cancels the run. The requests live in a scope with a shield, where that does not
 * reach them; once the door is closed, this scope gets a deadline. Prints two requests that are
 * finished in time, and one that is cut short.
 */
#include <errno.h>
#include <hark.h>
#include <signal.h>
#include <stdio.h>

static int request(void *work)
{
    int ms = (int)(intptr_t)work, rc = hark_sleep(HARK_MS(ms));
    printf("%3d ms: a request of %d ms %s\n", (int)(hark_now() / HARK_MS(1)), ms,
           rc == 0 ? "is done" : "is cut short");
    return rc;
}

static int accept_requests(void *requests)
{
    static const int arriving[] = {30, 100, 500, 10};
    int rc = 0;
    for (int i = 0; rc >= 0; i++) {
        rc = (int)hark_go(requests, request, (void *)(intptr_t)arriving[i % 4]);
        rc = rc < 0 ? rc : hark_sleep(HARK_MS(20));
        if (i == 2) {
            raise(SIGTERM); /* an operator, or systemctl stop */
        }
    }
    printf("%3d ms: the door is closed\n", (int)(hark_now() / HARK_MS(1)));
    return rc;
}

static int serve(void *unused)
{
    (void)unused;
    hark_group doors, requests;
    hark_scope inside;
    int rc = hark_cancel_on(SIGTERM);
    hark_group_open(&doors);
    hark_scope_open(&inside, HARK_FOREVER);
    hark_scope_shield(&inside, true);
    hark_group_open(&requests);
    hark_task door = hark_go(&doors, accept_requests, &requests);
    hark_task_wait(door);
    hark_scope_set_deadline(&inside, hark_now() + HARK_MS(100));
    rc = hark_group_close(&requests, rc < 0 ? rc : (int)door);
    rc = (int)hark_scope_close(&inside, rc);
    puts(rc == -ETIMEDOUT ? "not all could be finished" : "all are finished");
    return hark_group_close(&doors, rc == -ETIMEDOUT ? 0 : rc);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, serve, NULL) != -ECANCELED;
}
