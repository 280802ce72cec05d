/* SPDX-License-Identifier: MIT
 *
 * 28_cache - what many need at once is fetched once, by the first who needs it.
 * The others wait for that very fetch. If it fails or its task is cancelled, it was not done, and
 * who waits longest tries in turn: nobody gets a failure that was another's, and nothing is kept
 * of it.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static struct entry {
    hark_once fetched;
    int value;
} entry;

static int fetch(void *arg)
{
    struct entry *e = arg;
    printf("task %d fetches\n", (int)hark_self());
    int rc = hark_sleep(HARK_MS(50)); /* stands for a slow server */
    if (rc == 0) {
        e->value = 42;
    }
    return rc;
}

static int client(void *patience)
{
    int rc = (int)hark_within(*(int64_t *)patience, hark_once_run(&entry.fetched, fetch, &entry));
    if (rc < 0) {
        printf("task %d: no value within %d ms\n", (int)hark_self(),
               (int)(*(int64_t *)patience / HARK_MS(1)));
        return rc == -ETIMEDOUT ? 0 : rc;
    }
    printf("task %d has %d after %d ms\n", (int)hark_self(), entry.value,
           (int)(hark_now() / HARK_MS(1)));
    return 0;
}

static int first_task(void *unused)
{
    (void)unused;
    static int64_t patience[] = {HARK_MS(20), HARK_S(1), HARK_S(1), HARK_MS(60)};
    hark_group clients;
    int rc = hark_group_open(&clients);
    for (int i = 0; i < 4 && rc >= 0; i++) {
        rc = (int)hark_go(&clients, client, &patience[i]);
    }
    return hark_group_close(&clients, rc);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
