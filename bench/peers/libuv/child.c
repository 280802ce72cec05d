/* SPDX-License-Identifier: MIT
 *
 * libuv: child. /bin/true by uv_spawn, its end told by the exit callback, which starts the next one;
 * how long the loop stands still is the time within uv_spawn.
 */
#include "../../bench.h"
#include <uv.h>

#define CHILDREN 200l
#define MOST     8

static uv_loop_t *loop;
static uv_process_t processes[MOST];
static int64_t standing; /* in uv_spawn, all together */
static long left;        /* to be spawned */

static void spawn(uv_process_t *p);

static void closed(uv_handle_t *p)
{
    if (left > 0)
        spawn((uv_process_t *)p);
}

static void ended(uv_process_t *p, int64_t status, int signal)
{
    bench_must(status == 0 && signal == 0, "/bin/true");
    uv_close((uv_handle_t *)p, closed);
}

static void spawn(uv_process_t *p)
{
    char *argv[] = {"/bin/true", NULL};
    uv_process_options_t how = {.exit_cb = ended, .file = argv[0], .args = argv};
    left--;
    int64_t start = bench_now();
    bench_must(uv_spawn(loop, p, &how) == 0, "uv_spawn");
    standing += bench_now() - start;
}

static void run(long n, void *side)
{
    left = n;
    for (long i = 0; i < *(long *)side; i++)
        spawn(&processes[i]);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, CHILDREN) / MOST * MOST, one = 1, eight = MOST;
    bench_must(n > 0, "so few");
    loop = uv_default_loop();
    bench_say("ns_alone", bench_ns(run, n, &one), "ns");
    standing = 0;
    run(n, &one);
    bench_say("ns_standing", (double)standing / n, "ns");
    bench_say("ns_beside", bench_ns(run, n, &eight), "ns");
    return 0;
}
