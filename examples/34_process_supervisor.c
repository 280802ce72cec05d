/* SPDX-License-Identifier: MIT
 *
 * 34_process_supervisor - programs that are kept running, and none of which is left behind.
 * Each has a task, which runs it again when it fails, after a pause that doubles. Who fails three
 * times in a row is given up: that cancels the others, and whoever was running a program then ends
 * it: politely, then by force. When the group is closed, all of them have been reaped.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <sys/wait.h>

struct service {
    const char *name;
    const char *argv[4];
};

static const struct service services[] = {
    {"shop", {"sh", "-c", "exit 3", NULL}},
    {"mail", {"sleep", "60", NULL}},
    {"news", {"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", NULL}},
};

static int live(void *service)
{
    const struct service *s = service;
    hark_process_options how = {.size = sizeof how, .group = true, .grace = HARK_MS(100)};
    int status = -1, rc = hark_process_run(&how, s->argv, &status);
    if (rc == 0 || rc == -ECANCELED) {
        printf("%s: %s %d\n", s->name, WIFSIGNALED(status) ? "ended by signal" : "exit status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return rc == 0 && status ? hark_fail(-EIO, "%s has failed", s->name) : rc;
}

static int keep_running(void *service)
{
    hark_backoff how = {.tries = 3, .first = HARK_MS(100), .steady = true};
    return hark_retry(&how, live, service);
}

static int first_task(void *unused)
{
    hark_group group;
    int rc = hark_group_open(&group);
    (void)unused;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = (int)hark_go(&group, keep_running, (void *)&services[i]);
    }
    rc = hark_group_close(&group, rc);
    printf("all have ended: %s\n", rc == -EIO ? "one was given up" : "why?");
    return rc;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    return hark_run(first_task, NULL) != -EIO;
}
