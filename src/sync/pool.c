/* SPDX-License-Identifier: MIT
 *
 * pool.c - a group with a limit; hark/pool.h has the promises.
 *
 * Idea     What is handed over is not a place but the task: whoever waits has left with the pool what it
 *          wants to run, and whoever gives a place back spawns that, into the place, and wakes the waiter
 *          with the task's id. So there is no moment at which a place belongs to one who has not used it
 *          yet: nobody can barge in, nobody can be cancelled in between, and the pool is not empty
 *          before the last who waited has had its turn, so close need not know of them.
 *
 *          Every task of a pool runs in a wrapper that gives the place back at its end. A task that was
 *          cancelled before its first run gets that run all the same (task.c, T1), so the wrapper sees
 *          the end of all.
 * Rules    J14 running is the number of tasks whose wrapper has not ended.
 *          J15 Nobody waits while fewer than `size` run.
 *          J16 Whoever waits is no task of the pool, nor inside one: those never wait, they run it
 *              themselves.
 *          J17 Who waits is woken before its task is queued, so that it goes on first.
 * Form     hark_pool_go spawns last and does not yield then, as other calls that need not wait do now and
 *          again: the task must not run before the call returns.
 */
#include "sync/pool.h"


enum { TURNED_AWAY = -EINVAL }; /* what a waiter is woken with when the pool is closed without it */

struct request {
    const struct hark__job *job;
    const char *site;
    hark_task id; /* or -ENOMEM */
};

static bool has_place(const hark_pool *p)
{
    return p->running < p->size;
}

/* ---- waiting for a place --------------------------------------------------------------------- */

static const hark_pool *awaited(const hark__task *task)
{
    return container_of(task->in.waiter.list, const hark_pool, spawners);
}

static bool could_go_on(const hark__task *task)
{
    return has_place(awaited(task));
}

static void describe_pool(const hark__task *task, struct hark__text *text)
{
    const hark_pool *p = awaited(task);

    hark__text_put(text, " of %d: %d task%s", p->size, p->running,
                   p->running == 1 ? " runs" : "s run");
}

static const struct hark__wait_kind place_kind = {
    .what = "a place in a pool",
    .leave = hark__leave_list,
    .describe = describe_pool,
    .says_where = true,
    .there = could_go_on,
    .stands = hark__stands_in_list,
};

/* Is the task a child of the pool, or below one? Its opener is not. */
static bool is_inside(const hark_pool *p, const hark__task *task)
{
    const struct hark_level *pool = &p->group.scope.level;

    for (const struct hark_level *level = task->level; !(level->flags & LEVEL_ROOT);
         level = level->outer) {
        bool is_child = level->flags & LEVEL_BASE && level->outer == pool;
        if (is_child && !(planted(pool_grandchild_waits) && level != &task->base)) {
            return true;
        }
    }
    return false;
}

/* ---- running --------------------------------------------------------------------------------- */

static void begin(const struct hark__job *job, hark_task id)
{
    if (job->kind && job->kind->begun) {
        job->kind->begun(job->where, id);
    }
}

/* What remains for the pool. */
static int conclude(const struct hark__job *job, int result)
{
    if (!job->kind) {
        return result;
    }
    job->kind->ended(job->where, result);
    return result == -ECANCELED || planted(map_failure_cancels_the_others) ? result : 0;
}

static void hand_over(hark_pool *p);

/* The body of every task of a pool. */
static int run(void *pointer)
{
    const struct hark__job *job = pointer;
    int result = conclude(job, hark__call(job->fn, job->arg));

    job->pool->running -= !(planted(pool_cancelled_keeps_its_place) && result == -ECANCELED);
    hand_over(job->pool);
    return result;
}

static hark_task spawn(const struct hark__job *job, const char *site)
{
    hark_pool *p = job->pool;
    const hark__task *task =
        hark__task_spawn(hark__here, &p->group, run, job, sizeof *job, site);

    if (!task) {
        return -ENOMEM;
    }
    p->running++;
    begin(job, task->id);
    return task->id;
}

/* Rule J15, after either number has changed. */
static void hand_over(hark_pool *p)
{
    while (p->spawners.first && has_place(p)) {
        struct hark_waiter *next =
            planted(pool_place_goes_to_the_last) ? p->spawners.first->prev : p->spawners.first;
        struct request *request = hark__offer_item(next);
        hark__wake(next, 0);
        request->id = spawn(request->job, request->site);
        p->running -= planted(pool_handed_over_place_is_free) && request->id > 0;
    }
}

/* What ran inline tells the group what a child would. A deadline of the caller's own is no matter of
 * the pool. */
static void tell_group(hark_group *group, int result)
{
    if (result != -ECANCELED || group->scope.level.flags & LEVEL_REACHED) {
        hark__group_told(group, result, hark__failure_of(hark__here->running));
    }
}

hark_task hark__pool_run(const struct hark__job *job)
{
    hark_task self = hark_self();

    begin(job, self);
    int result = conclude(job, hark__call(job->fn, job->arg));
    if (!planted(pool_inline_failure_is_nobodys)) {
        tell_group(&job->pool->group, result);
    }
    return self;
}

/* ---- spawning -------------------------------------------------------------------------------- */

static int check(const hark_pool *p, const char *call)
{
    return hark__scope_check(p ? &p->group.scope : NULL, "pool", call);
}

int hark__pool_check(hark_pool *p, hark_fn *fn, const char *call)
{
    if (p && !hark__loop_here()) {
        return hark__no_task(call);
    }
    int error = check(p, call);

    return error || fn ? error : hark__no_function(call);
}

int hark__pool_no_memory(const char *call)
{
    return hark__fail(-ENOMEM, call, "no memory for another task; %u live in this loop",
                      hark__here->tasks);
}

hark_task hark__pool_go(const struct hark__job *job, const char *site, const char *call)
{
    hark_pool *p = job->pool;
    struct request request = {.job = job, .site = site};
    int error = hark__enter(&p->spawners, call);

    if (error) {
        return error;
    }
    if (has_place(p)) {
        return spawn(job, site);
    }
    if (is_inside(p, hark__here->running)) {
        return hark__pool_run(job);
    }
    error = hark__offer_wait(&p->spawners, &request, &place_kind);
    if (error == TURNED_AWAY) {
        return hark__fail(
            -EINVAL, call,
            "the pool was closed while this waited for a place, and there was none left");
    }
    return error ? error : request.id;
}

hark_task hark_pool_go_at(const char *site, hark_pool *p, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_pool_go";
    const struct hark__job job = {.pool = p, .fn = fn, .arg = arg};
    int error = hark__pool_check(p, fn, call);
    hark_task id = error ? error : hark__pool_go(&job, site, call);

    return id == -ENOMEM ? hark__pool_no_memory(call) : id;
}

hark_task(hark_pool_go)(hark_pool *p, hark_fn *fn, void *arg)
{
    return hark_pool_go_at("a call of hark_pool_go\0"
                           "0task",
                           p, fn, arg);
}

/* ---- opening, resizing, closing -------------------------------------------------------------- */

static int check_size(int size, const char *call)
{
    return size >= 0
               ? 0
               : hark__fail(-EINVAL, call, "%d places; give 0 or more (INT_MAX: no limit)", size);
}

int hark_pool_open(hark_pool *p, int size)
{
    static const char call[] = "hark_pool_open";
    int error = p ? check_size(size, call) : hark__fail(-EINVAL, call, "the pool is NULL");

    if (error) {
        return error;
    }
    if ((error = hark_group_open(&p->group))) {
        return hark__fail(error, call,
                          error == -EALREADY
                              ? "this pool is open already; close it first, or use another"
                              : "a pool is opened by a task, and there is none here");
    }
    p->spawners = (struct hark_waitlist){.loop = hark__here->id};
    p->size = size;
    p->running = 0;
    return 0;
}

int hark_pool_resize(hark_pool *p, int size)
{
    static const char call[] = "hark_pool_resize";
    int error = check(p, call);

    if (error || (error = check_size(size, call))) {
        return error;
    }
    p->size = size;
    if (!planted(pool_growing_wakes_nobody)) {
        hand_over(p);
    }
    return 0;
}

int hark_pool_running(const hark_pool *p)
{
    return p ? p->running : 0;
}

int hark_pool_waiting(const hark_pool *p)
{
    return p ? hark__tasks_in(&p->spawners) : 0;
}

hark_group *hark_pool_group(hark_pool *p)
{
    return p ? &p->group : NULL;
}

static int check_closer(const hark_pool *p, const char *call)
{
    const hark__task *self = hark__here->running;

    if (!self) {
        return hark__no_task(call);
    }
    if (p->group.scope.task == self) {
        return 0;
    }
    return hark__fail(
        -EPERM, call,
        is_inside(p, self)
            ? "this task is one of the pool's own, and would wait for its own end; only the task that opened a pool may close it"
            : "only the task that opened a pool may close it");
}

int hark_pool_close(hark_pool *p, int rc)
{
    static const char call[] = "hark_pool_close";
    int error = check(p, call);

    if (error || (error = check_closer(p, call))) {
        return error;
    }
    rc = hark_group_close(&p->group, rc);
    if (!hark__level_open(&p->group.scope.level) && !planted(pool_closes_on_who_waits)) {
        hark__wake_everyone(&p->spawners, TURNED_AWAY);
    }
    return rc;
}
