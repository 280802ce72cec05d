/* SPDX-License-Identifier: MIT
 *
 * 06_retry - a deadline for each attempt, and one for all of them together.
 * Prints the attempts, then how a server that never answers uses up the whole time.
 * No call here takes a timeout: deadlines belong to scopes, and cover what is called inside.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

/* A server that wakes up at the attempt `awake`. */
static int ask(int attempt, int awake)
{
    int rc = hark_sleep(attempt < awake ? HARK_S(3600) : HARK_MS(1));
    return rc == 0 ? 42 : rc;
}

static int64_t ask_until_answered(int awake)
{
    for (int attempt = 1;; attempt++) {
        int64_t rc = hark_within(HARK_MS(100), ask(attempt, awake));
        if (rc != -ETIMEDOUT)
            return rc; /* an answer, or -ECANCELED: somebody around us wants us to stop */
        if (awake <= 3)
            printf("attempt %d: %s\n", attempt, strerror(ETIMEDOUT));
        rc = hark_sleep(HARK_MS(10) << attempt); /* wait longer each time */
        if (rc < 0)
            return rc;
    }
}

static int first_task(void *arg)
{
    (void)arg;
    printf("answered: %d\n", (int)hark_within(HARK_S(5), ask_until_answered(3)));

    hark_scope total; /* what hark_within does, by hand */
    hark_scope_open(&total, HARK_MS(250));
    int64_t rc = hark_scope_close(&total, ask_until_answered(1000000));
    printf("never awake: %s\n", strerror((int)-rc));
    return 0;
}

int main(void)
{
    return hark_run(first_task, NULL) < 0;
}
