/* SPDX-License-Identifier: MIT
 *
 * 04_future - a future carries a value, or a failure with its words, from one task to others.
 * Prints: received by two waiters, sent twice (refused), asked for after the fact, reset, failed
 * (each waiter reports it with its words, and the trace of where it was raised).
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

static int receiver(void *arg)
{
    void *value;
    int rc = hark_future_wait(arg, &value);
    if (rc == 0) {
        printf("receiver: got \"%s\"\n", (const char *)value);
        return 0;
    }
    printf("receiver: %s: %s\n", strerror(-rc), hark_error_last());
    printf("%s\n", hark_error_trace());
    return 0; /* it was reported here; the group need not fail for it */
}

static int sender(void *arg)
{
    printf("sender: send: %s\n", strerror(-hark_future_send(arg, "first")));
    printf("sender: send again: %s\n", strerror(-hark_future_send(arg, "second")));
    return 0;
}

static int breaker(void *arg)
{
    return hark_future_fail(arg, -EIO, "sector %d cannot be read", 7);
}

static int first_task(void *arg)
{
    hark_future *f = arg;
    int rc = 0;
    for (int round = 0; round < 2 && rc == 0; round++) {
        hark_group g;
        hark_group_open(&g);
        hark_go(&g, receiver, f);
        hark_go(&g, receiver, f);
        if (round == 0)
            hark_go(&g, sender, f);
        else
            hark_go(&g, breaker, f);
        rc = hark_group_close(&g, 0);
        printf("after the fact: %s\n", strerror(-hark_future_wait(f, NULL)));
        printf("reset: %s\n", strerror(-hark_future_reset(f)));
    }
    return rc;
}

int main(void)
{
    return hark_run(first_task, &(hark_future)HARK_FUTURE_INIT) < 0;
}
