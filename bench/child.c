/* SPDX-License-Identifier: MIT
 *
 * child.c - a program is run to its end, one after another and eight at a time. And for how long
 * does the loop stand still meanwhile, starting it?
 */
#include "bench.h"
#include <hark.h>

#define CHILDREN 200l

static const char *const argv[] = {"/bin/true", NULL};

static int64_t standing; /* in hark_process_open, all together */

static int run(void *count)
{
    for (long n = *(const long *)count; n > 0; n--) {
        hark_process p;
        int64_t start = bench_now();
        bench_must(hark_process_open(&p, NULL, argv) == 0, hark_error_last());
        standing += bench_now() - start;
        bench_must(hark_process_wait(&p, NULL) == 0, hark_error_last());
        hark_process_close(&p);
    }
    return 0;
}

static void with_hark(long n, void *arg)
{
    long side = *(const long *)arg, each = n / side;
    hark_group group;
    hark_group_open(&group);
    for (long i = 0; i < side; i++)
        hark_go(&group, run, &each);
    bench_must(hark_group_close(&group, 0) == 0, "the group");
}

static int measure(void *children)
{
    long n = *(const long *)children, one = 1, eight = 8;
    bench_say("ns_alone", bench_ns(with_hark, n, &one), "ns");
    bench_say("ns_beside", bench_ns(with_hark, n, &eight), "ns");
    standing = 0;
    with_hark(n, &one);
    bench_say("ns_standing", (double)standing / n, "ns");
    return 0;
}

int main(int argc, char **arguments)
{
    long n = bench_size(argc, arguments, 1, CHILDREN) / 8 * 8;
    bench_must(n > 0 && hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
