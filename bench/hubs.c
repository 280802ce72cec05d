/* SPDX-License-Identifier: MIT
 *
 * hubs.c - does the hub in $HARK_HUB work here? No question: the driver asks it for the facts.
 */
#include "bench.h"
#include <hark.h>

static int nothing(void *arg)
{
    (void)arg;
    return hark_sleep(1);
}

int main(void)
{
    int rc = hark_run(nothing, NULL);
    if (rc != 0)
        bench_skip(hark_error_last());
    bench_say("works", 1, "-");
    return 0;
}
