/* SPDX-License-Identifier: MIT
 *
 * 21_supervisor - whoever fails is started again, each alone, but not for ever.
 * A restart is a call made once more: when it has returned, all that it had started has ended, and
 * nothing of the old one is in the way of the new one. After four short lives in a row a service
 * is given up: the group fails with it, which ends the others. A long life clears the count.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

struct service {
    const char *name;
    int64_t lifetime;
};

static int serve(struct service *s)
{
    int rc = hark_sleep(s->lifetime); /* stands for the service's work */
    printf("%4d ms: %s %s\n", (int)(hark_now() / HARK_MS(1)), s->name, rc ? "stops" : "fails");
    s->lifetime /= 2; /* it is getting worse */
    return rc < 0 ? rc : hark_fail(-EIO, "%s lost its disk", s->name);
}

static int live(void *service)
{
    int64_t born = hark_now();
    int rc = serve(service);
    return rc == -EIO && hark_now() - born >= HARK_S(1) ? 1 : rc;
}

static int keep_running(void *service)
{
    hark_backoff how = {.tries = 4, .first = HARK_MS(10), .steady = true};
    int rc;
    while ((rc = hark_retry(&how, live, service)) == 1) {
        hark_sleep(HARK_MS(10)); /* cancelled here? The next call will say so */
    }
    return rc;
}

static int first_task(void *services)
{
    hark_group supervisor;
    int rc = hark_group_open(&supervisor);
    for (int i = 0; i < 2 && rc >= 0; i++) {
        rc = (int)hark_go(&supervisor, keep_running, (struct service *)services + i);
    }
    rc = hark_group_close(&supervisor, rc);
    printf("given up: %s\n", hark_error_last());
    return rc;
}

int main(void)
{
    struct service services[] = {{"mail", HARK_MS(1600)}, {"news", HARK_FOREVER}};
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, services) != -EIO;
}
