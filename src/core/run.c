/* SPDX-License-Identifier: MIT
 *
 * run.c - a loop is opened, runs a main task and what it starts, and is closed; and the list of all
 * loops of the process.
 *
 * Idea     A loop is a handful of parts, opened in order and closed in the opposite one; a part
 *          that could not be had takes the others with it. What a thread or a fork must know of
 *          loops that are not its own stands in one list under a lock: which live, and how many
 *          tasks.
 * Rules    R1  Loop ids are never reused, so a primitive of a loop that is gone is recognised.
 *          R2  While any loop lives SIGPIPE is ignored; what was before comes back with the last.
 *          R3  A loop leaves the list before its parts go: whoever holds the list's lock may use
 *              what it finds there.
 * Not here What runs next (loop.c); loops that somebody else drives (embed.c).
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include <hark/about.h>

/* So that a program that is linked statically has it, too. */
__attribute__((used)) static const void *const facts = &hark_debug_table;

/* ---- the living loops ------------------------------------------------------------------------ */

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
hark_loop *hark__living; /* read by debuggers too (facts.c) */
static hark_loop *inherited;
static uint32_t last_id;
static unsigned living_count;
static struct sigaction sigpipe_before;

/* What all threads share is whole when the process forks, and a child has no task and no loop,
 * whatever its parent ran (fork.c); signals mean to it what they meant before. */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&registry);
    hark__roster_hold();
    hark__stacks_hold();
}

static void after_fork(void)
{
    hark__stacks_release(false);
    hark__roster_release();
    pthread_mutex_unlock(&registry);
}

/* Nobody may post to them any more; who was about to, in the parent, is not here. */
static void inherit(void)
{
    while (hark__living) {
        hark_loop *loop = hark__living;
        hark__living = loop->next_alive;
        loop->next_alive = inherited;
        inherited = loop;
        if (!planted(inherited_loop_takes_posts)) {
            hark__gate_shut(loop);
        }
    }
    living_count = 0;
    hark__here = hark__resting = NULL;
}

static void after_fork_in_child(void)
{
    hark__signals_forked();
    if (living_count) {
        hark__sys.sigaction(SIGPIPE, &sigpipe_before, NULL);
    }
    inherit();
    hark__stacks_release(true);
    hark__roster_release();
    pthread_mutex_unlock(&registry);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void register_loop(hark_loop *loop)
{
    pthread_once(&fork_once, watch_forks);
    hark__orphan_watch(loop);
    pthread_mutex_lock(&registry);
    loop->id = ++last_id;
    loop->next_alive = hark__living;
    hark__living = loop;
    if (living_count++ == 0) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        hark__sys.sigaction(SIGPIPE, &ignore, &sigpipe_before);
    }
    pthread_mutex_unlock(&registry);
}

static void unregister_loop(hark_loop *loop)
{
    hark_loop **link = &hark__living;

    pthread_mutex_lock(&registry);
    while (*link != loop) {
        link = &(*link)->next_alive;
    }
    *link = loop->next_alive;
    if (--living_count == 0) {
        hark__sys.sigaction(SIGPIPE, &sigpipe_before, NULL);
    }
    pthread_mutex_unlock(&registry);
}

/* By its address or by its id. Under the lock. */
static hark_loop *find(const hark_loop *wanted, uint32_t id)
{
    hark_loop *loop = hark__living;

    while (loop && loop != wanted && loop->id != id) {
        loop = loop->next_alive;
    }
    return loop;
}

bool hark__loop_alive(uint32_t id)
{
    pthread_mutex_lock(&registry);
    bool alive = find(NULL, id) != NULL;
    pthread_mutex_unlock(&registry);
    return alive;
}

int hark__loop_with(const hark_loop *wanted, int (*use)(hark_loop *loop))
{
    pthread_mutex_lock(&registry);
    hark_loop *loop = find(wanted, 0); /* 0 is no loop's id */
    int result = loop ? use(loop) : -ESHUTDOWN;
    pthread_mutex_unlock(&registry);
    return result;
}

hark_loop *hark__loop_of_thread(void)
{
    pthread_mutex_lock(&registry);
    hark_loop *loop = hark__living;
    while (loop && !pthread_equal(loop->thread, pthread_self())) {
        loop = loop->next_alive;
    }
    pthread_mutex_unlock(&registry);
    return loop;
}

bool hark__loop_is_inherited(const hark_loop *loop)
{
    pthread_mutex_lock(&registry);
    const hark_loop *found = inherited;
    while (found && loop && found != loop) {
        found = found->next_alive;
    }
    pthread_mutex_unlock(&registry);
    return found;
}

hark_loop *hark__loops_disown(void)
{
    pthread_mutex_lock(&registry);
    hark_loop *loops = inherited;
    inherited = NULL;
    pthread_mutex_unlock(&registry);
    return loops;
}

size_t hark__census_count(void)
{
    size_t count = 0;

    pthread_mutex_lock(&registry);
    for (const hark_loop *loop = hark__living; loop; loop = loop->next_alive) {
        count += __atomic_load_n(&loop->tasks, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&registry);
    return count;
}

/* ---- opening and closing --------------------------------------------------------------------- */

#define RING_LEAST 64
#define CALLS_MOST 40 /* at once, in threads: AnyIO's and Trio's number */

void hark__loop_free_parts(hark_loop *loop)
{
    if (loop->interest) {
        hark__interest_close(loop);
    }
    hark__withins_close(loop);
    if (loop->roster) {
        hark__roster_close(loop->roster);
    }
    if (loop->stacks) {
        hark__stacks_close(loop->stacks);
        hark__overflow_close();
    }
    if (loop->ring) {
        hark__free(loop->ring, (loop->mask + 1ul) * sizeof *loop->ring);
    }
    hark__loop_unref(loop);
}

void hark__loop_close(hark_loop *loop)
{
    hark__hub *hub = loop->hub;

    if (loop->id) {
        unregister_loop(loop); /* rule R3 */
    }
    hark__gate_close(loop);
    hark__signals_close(loop);
    hark__inbox_close(loop);
    if (hark__here == loop) {
        hark__here = NULL;
    }
    hark__loop_free_parts(loop);
    hub->class->close(hub);
}

static int open_parts(hark_loop *loop)
{
    int error;

    hark__lints_open();
    hark__crash_tell(hark__report_crash);
    register_loop(loop);
    loop->mask = RING_LEAST - 1;
    loop->ring = hark__alloc(RING_LEAST * sizeof *loop->ring);
    if (!loop->ring) {
        return -ENOMEM;
    }
    if ((error = hark__roster_open(&loop->roster, loop->id)) || (error = hark__interest_open(loop))) {
        return error;
    }
    hark__stacks *stacks;
    if ((error = hark__stacks_open(&stacks))) {
        return error;
    }
    if ((error = hark__overflow_open(hark__report_overflow))) {
        hark__stacks_close(stacks);
        return error;
    }
    loop->stacks = stacks;
    return 0;
}

static void fill(hark_loop *loop, const hark_options *options)
{
    loop->stack_class = (uint32_t)hark__stack_class(options->stack_size);
    loop->refs = 1;
    loop->calls = (hark_limiter)HARK_LIMITER_INIT(CALLS_MOST);
    loop->descriptor = loop->alarm = -1;
    loop->slow_step = options->slow_step > 0 ? options->slow_step : 0;
    loop->virtual_clock = options->virtual_clock;
    loop->random = options->seed;
    loop->careful = loop->random || loop->slow_step;
    loop->budget_full = loop->random ? 1 : LOOP_BUDGET;
    loop->thread = pthread_self();
    loop->began = hark__loop_now(loop);
    loop->polled = loop->checked = hark__clock();
    loop->look_at_head = loop->steps_given = 16;
    loop->special = hark__tools_on ? UINTPTR_MAX : READY_KIND;
    loop->root.flags = LEVEL_ROOT | LEVEL_OPEN;
    loop->words_next = 1;
    loop->look_at = HARK_FOREVER;
    hark__wheel_init(&loop->wheel, loop->began);
}

static int check_options(const hark_options *options, hark_options *checked, const char *call)
{
    *checked = (hark_options){.size = sizeof *checked};
    if (options) {
        if (options->size < sizeof *options || options->size > 4096) {
            return hark__fail(-EINVAL, call, "options.size is %lu; set it to sizeof(hark_options)",
                              (unsigned long)options->size);
        }
        memcpy(checked, options, options->size < sizeof *checked ? options->size : sizeof *checked);
    }
    if (checked->stack_size == 0) {
        checked->stack_size = HARK__STACK_USUAL;
    }
    if (hark__stack_class(checked->stack_size) < 0) {
        return hark__fail(-EINVAL, call,
                          "a stack of %lu bytes; it takes 16 KiB to 8 MiB (0: the default, 64 KiB)",
                          (unsigned long)checked->stack_size);
    }
    return 0;
}

static int open_hub(hark__hub **ret, const char *name, const char *call)
{
    int error = hark__hub_open(ret, name);

    if (error == -EINVAL) {
        return hark__fail(error, call,
                          "there is no hub called \"%s\"; there are uring, epoll, poll and select",
                          name ? name : getenv("HARK_HUB"));
    }
    return error ? hark__fail(error, call, "the hub could not be opened: %s", hark__hub_refusal())
                 : 0;
}

int hark__loop_open(hark_loop **ret, const hark_options *options, const char *call)
{
    hark_options checked;
    hark__hub *hub;
    int error;

    if (hark__here && hark__here->runs) {
        return hark__fail(-EBUSY, call,
                          "this thread has a running loop already; spawn a task with hark_go instead");
    }
    if ((error = check_options(options, &checked, call)) ||
        (error = open_hub(&hub, checked.hub, call))) {
        return error;
    }
    hark_loop *loop = hark__alloc(sizeof *loop);
    if (!loop) {
        hub->class->close(hub);
        return hark__fail(-ENOMEM, call, "no memory for a loop");
    }
    loop->hub = hub;
    fill(loop, &checked);
    error = open_parts(loop);
    if (error) {
        hark__loop_close(loop);
        return hark__fail(error, call, "no memory for the loop's parts");
    }
    hark__tools_here(&loop->tools);
    hark__here = loop;
    *ret = loop;
    return 0;
}

/* ---- a run ----------------------------------------------------------------------------------- */

hark_task hark__loop_spawn(hark_loop *loop, hark_fn *fn, void *arg, const char *site, const char *call)
{
    const hark__task *task = hark__task_spawn(loop, NULL, fn, arg, 0, site);

    return task ? task->id : hark__no_task_memory(loop, call);
}

int hark__loop_result(hark_loop *loop, const char *call)
{
    if (loop->deadlocked) {
        return hark__fail(
            -EDEADLK, call,
            "nothing could ever run again: the report on stderr says who waited for what");
    }
    if (loop->main_result < 0 && loop->main_result == loop->main_failure.code) {
        hark__failure_adopt(&loop->main_failure);
    }
    return loop->main_result;
}

/* What other threads have posted may spawn once more. */
void hark__loop_finish(hark_loop *loop)
{
    hark__gate_close(loop);
    hark__inbox_drain(loop);
    hark__loop_run(loop, UNTIL_EMPTY);
}

int hark_run_at(const char *site, const hark_options *options, hark_fn *main, void *arg)
{
    static const char call[] = "hark_run";
    hark_loop *loop = NULL;
    int result =
        main ? hark__loop_open(&loop, options, call) : hark__fail(-EINVAL, call, "main is NULL");

    if (result) {
        return result;
    }
    loop->main = hark__loop_spawn(loop, main, arg, site, call);
    if (loop->main < 0) {
        hark__loop_close(loop);
        return hark__fail(-ENOMEM, call, "no memory for the main task");
    }
    loop->runs = loop->opened = true;
    hark__loop_run(loop, UNTIL_EMPTY);
    hark__loop_finish(loop);
    loop->runs = false;
    result = hark__loop_result(loop, call);
    hark__loop_close(loop);
    return result;
}

int(hark_run)(hark_fn *main, void *arg)
{
    return hark_run_at("a call of hark_run\0"
                       "0main",
                       NULL, main, arg);
}

int(hark_run_with)(const hark_options *options, hark_fn *main, void *arg)
{
    return hark_run_at("a call of hark_run_with\0"
                       "0main",
                       options, main, arg);
}
