/* SPDX-License-Identifier: MIT
 *
 * 20_green_pool - six pages are fetched, two at a time, and printed in order while work goes on.
 * Who spawns into a full pool waits, but not its own tasks: what they spawn then runs inside them,
 * as the picture of a page here. The pile hands out its results in the order of the spawns.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static hark_pool pool;
static hark_pile pages;

static int fetch_picture(void *n)
{
    printf("%3d ms: the picture of page %d\n", (int)(hark_now() / HARK_MS(1)), (int)(intptr_t)n);
    return hark_sleep(HARK_MS(10));
}

static int fetch_page(void *n)
{
    int rc = hark_sleep(HARK_MS((intptr_t)n % 3 == 1 ? 50 : 20)); /* stands for the transfer */
    if (rc == 0 && (intptr_t)n == 2) {
        rc = (int)hark_pool_go(&pool, fetch_picture, n);
    }
    return rc < 0 ? rc : 100 * (int)(intptr_t)n;
}

static int print_next(void)
{
    int size, rc = hark_pile_next(&pages, &size);
    if (rc == 0) {
        printf("%3d ms: a page %s %d\n", (int)(hark_now() / HARK_MS(1)),
               size < 0 ? "that failed:" : "of size", size);
    }
    return rc;
}

static int first_task(void *unused)
{
    (void)unused;
    int rc = hark_pool_open(&pool, 2);
    hark_pile_init(&pages, &pool, 4); /* so many pages may wait for their turn to be printed */
    for (intptr_t n = 1; n <= 6 && rc >= 0; n++) {
        rc = hark_pile_outstanding(&pages) == 4 ? print_next() : 0;
        rc = rc < 0 ? rc : (int)hark_pile_go(&pages, fetch_page, (void *)n);
    }
    while (rc >= 0) {
        rc = print_next();
    }
    rc = hark_pool_close(&pool, rc == -ENODATA ? 0 : rc);
    hark_pile_free(&pages);
    return rc;
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
