/* SPDX-License-Identifier: MIT
 *
 * 17_rate_limiter - ten requests a second, and three at once after a pause.
 * Permission is a permit of a semaphore; a timer's callback puts one in every 100 ms, until there
 * are three again. Then the timer rests: a limiter that nobody asks costs nothing.
 */
#include <hark.h>
#include <stdio.h>

#define BURST    3
#define INTERVAL HARK_MS(100)

struct bucket {
    hark_sem tokens;
    hark_watch timer;
    bool ticking;
};

static void refill(void *arg)
{
    struct bucket *b = arg;
    hark_sem_release(&b->tokens); /* to the one who has waited longest, if anybody waits */
    b->ticking =
        hark_sem_value(&b->tokens) < BURST && hark_call_later(INTERVAL, &b->timer, refill, b) == 0;
}

static int take(struct bucket *b)
{
    int rc = hark_sem_acquire(&b->tokens);
    if (rc == 0 && !b->ticking) {
        b->ticking = (rc = hark_call_later(INTERVAL, &b->timer, refill, b)) == 0;
    }
    return rc;
}

static int client(void *bucket)
{
    int rc = 0;
    for (int i = 0; i < 3 && (rc = take(bucket)) == 0; i++) {
        printf("%3d ms: task %d asks\n", (int)(hark_now() / HARK_MS(1)), (int)hark_self());
    }
    return rc;
}

static int first_task(void *bucket)
{
    hark_group clients;
    int rc = hark_group_open(&clients);
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = (int)hark_go(&clients, client, bucket);
    }
    return hark_group_close(&clients, rc);
}

int main(void)
{
    static struct bucket bucket = {.tokens = HARK_SEM_INIT(BURST, BURST)};
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, &bucket) < 0;
}
