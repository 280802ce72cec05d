/* SPDX-License-Identifier: MIT
 *
 * map.c - one call for each item, so many at a time; hark/pool.h has the promises.
 *
 * Idea     A pool of its own in the caller's frame, and a job for each item, which the task carries in
 *          its record: nothing is allocated but tasks. A result goes straight to its place.
 *
 *          Whoever has no memory for a task has as many places as tasks run: so the next spawn waits for
 *          one of them. If none runs, the caller does the work itself. Then all places are there again.
 */
#include "sync/pool.h"

static const char call[] = "hark_map";

static void keep(void *result, int value)
{
    if (result) {
        *(int *)result = value;
    }
}

static const struct hark__job_kind item_kind = {.ended = keep};

static int check(int limit, hark_fn *fn, const void *items, size_t size, size_t n)
{
    if (!fn || (!items && size > 0 && n > 0)) {
        return hark__fail(-EINVAL, call, "%s NULL", fn ? "the items are" : "the function is");
    }
    if (limit < 1) {
        return hark__fail(-EINVAL, call, "at most %d at a time; give 1 or more", limit);
    }
    return hark__enter_task(call);
}

/* An id, or -ECANCELED: it was not begun. */
static hark_task start(const struct hark__job *job, const char *site)
{
    hark_pool *pool = job->pool;
    int limit = pool->size;
    hark_task id;

    while ((id = hark__pool_go(job, site, call)) == -ENOMEM && pool->running) {
        pool->size = pool->running;
    }
    pool->size = limit;
    return id == -ENOMEM ? hark__pool_run(job) : id;
}

/* How many were begun. */
static size_t start_all(struct hark__job job, const char *site, size_t size, size_t n, int *results)
{
    for (size_t i = 0; i < n; i++) {
        job.where = results ? &results[i] : NULL;
        if (start(&job, site) < 0) {
            return i;
        }
        job.arg = (char *)job.arg + size;
    }
    return n;
}

int hark_map_at(const char *site, int limit, hark_fn *fn, void *items, size_t size, size_t n,
                int *results)
{
    hark_pool pool;
    struct hark__job job = {.pool = &pool, .fn = fn, .arg = items, .kind = &item_kind};
    int rc = check(limit, fn, items, size, n);
    size_t begun = 0;

    if (rc && rc != -ECANCELED) {
        return rc;
    }
    if (rc == 0 && (rc = hark_pool_open(&pool, limit)) == 0) {
        begun = start_all(job, site, size, n, results);
        rc = hark_pool_close(&pool, begun < n ? -ECANCELED : 0);
    }
    for (size_t i = begun; results && i < n && !planted(map_never_begun_says_nothing); i++) {
        results[i] = -ECANCELED;
    }
    return planted(map_cut_short_is_0) ? 0 : rc;
}

int(hark_map)(int limit, hark_fn *fn, void *items, size_t size, size_t n, int *results)
{
    return hark_map_at("a call of hark_map\0"
                       "0task",
                       limit, fn, items, size, n, results);
}
