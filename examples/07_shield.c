/* SPDX-License-Identifier: MIT
 *
 * 07_shield - cleanup that has to wait, in a task that has been told to stop.
 * Under a shield the cancellation stays outside; the shield's own deadline bounds the cleanup.
 * Prints one good-bye that is said in time and one that is cut short.
 */
#include <hark.h>
#include <stdio.h>
#include <string.h>

struct session {
    const char *name;
    int64_t slowness; /* how long the other side takes to say good-bye */
};

static int say_goodbye(const struct session *s)
{
    hark_scope shield;
    hark_scope_open(&shield, HARK_MS(100));
    hark_scope_shield(&shield, true);
    int rc = hark_sleep(s->slowness);
    return (int)hark_scope_close(&shield, rc); /* 0, or -ETIMEDOUT */
}

static int session(void *arg)
{
    const struct session *s = arg;
    int rc = hark_sleep(HARK_FOREVER); /* the session's work, until it is cancelled */
    printf("%s: work ended: %s\n", s->name, strerror(-rc));
    printf("%s: a checkpoint says: %s\n", s->name, strerror(-hark_checkpoint()));
    printf("%s: good-bye: %s\n", s->name, strerror(-say_goodbye(s)));
    printf("%s: a checkpoint still says: %s\n", s->name, strerror(-hark_checkpoint()));
    return rc;
}

static int first_task(void *arg)
{
    (void)arg;
    struct session polite = {"polite", HARK_MS(10)}, stuck = {"stuck", HARK_S(3600)};
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, session, &polite);
    hark_go(&g, session, &stuck);
    hark_sleep(HARK_MS(20));
    hark_group_cancel(&g);
    int rc = hark_group_close(&g, 0); /* waits until both have said their good-byes */
    printf("closed: %s\n", strerror(-rc));
    return rc;
}

int main(void)
{
    return hark_run(first_task, NULL) < 0;
}
