/* SPDX-License-Identifier: MIT
 *
 * 26_start_up - services that need one another start in order, each when the one before is ready.
 * hark_start returns when the service says hark_started, or with its failure if it ended before:
 * so the starter knows, and cannot forget to look. Prints a service that is not there: those that
 * are up are stopped again, and the program ends with the failure and its words.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

struct service {
    const char *name;
    int port; /* 0: it will not come up */
};

static int run(void *arg)
{
    struct service *s = arg;
    int rc = hark_sleep(HARK_MS(20)); /* stands for opening files, listening, connecting */
    if (rc == 0 && s->port == 0) {
        rc = hark_fail(-EADDRINUSE, "%s found its port taken", s->name);
    }
    if (rc == 0) {
        hark_started(s->port);         /* from here on it is the group's, and the starter goes on */
        rc = hark_sleep(HARK_FOREVER); /* its work, until it is cancelled */
        printf("%s stops\n", s->name);
    }
    return rc;
}

static int start_all(hark_group *g, struct service *services)
{
    for (struct service *s = services; s->name; s++) {
        int port;
        hark_task t = hark_start(g, run, s, &port);
        if (t < 0) {
            return (int)t;
        }
        printf("%s is up, at port %d\n", s->name, port);
    }
    return 0;
}

static int first_task(void *services)
{
    hark_group g;
    hark_group_open(&g);
    int rc = hark_group_close(&g, start_all(&g, services)); /* a failure stops the rest */
    printf("%s\n", hark_error_last());
    return rc;
}

int main(void)
{
    struct service services[] = {{"storage", 7001}, {"search", 7002}, {"web", 0}, {NULL, 0}};
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, services) != -EADDRINUSE;
}
