/* SPDX-License-Identifier: MIT
 *
 * workers.c - several loops, a thread each, as one run; hark/workers.h has the promises.
 *
 * Idea     The workers of a run are one block of memory, a lock and a condition. Each opens its
 *          loop and arrives; the last one to arrive decides whether they go or give up; and whoever
 *          fails posts a cancellation to all the others.
 *
 *              open --arrive--> all there? go: run main --ended--> joined
 *                                 else give up: nothing ran
 * Rules    V1  Either every main runs or none does.
 *          V2  The first failure is the result: later ones, which it may have caused, are not told.
 *          V3  The memory of each loop outlives the run's threads: who cancels another worker may
 *              come too late, but never touches what was freed.
 *          V4  The loops do not hold one another: one that nobody could ever wake is still found.
 * Not here What crosses loops: meet.c, link.c, promise.c, into.c.
 */
#include <hark/thread.h>
#include <hark/workers.h>
#include <limits.h>
#include <string.h>

#include "thread/thread.h"

#define WORKERS_MOST 1024

static const char call_name[] = "hark_run_workers";

struct worker {
    struct crew *crew;
    int index;
    pthread_t thread;
    hark_loop *loop; /* NULL: it could not be opened */
    hark_watch cancel;
};

enum decision { GATHERING, GO, GIVE_UP };

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t decided;
    enum decision decision;
    int count, arrived;
    int result; /* the first failure */
    struct hark__failure failure;
    const hark_options *options;
    const char *site;
    hark_fn *main;
    void *arg;
    struct worker workers[];
};

static __thread struct worker *me;

/* ---- failures -------------------------------------------------------------------------------- */

/* In the loop of who is cancelled, outside any task. */
static void cancel_run(void *arg)
{
    (void)arg;
    hark__cancel_all(hark__here, false);
}

static void cancel_others(struct crew *crew, const struct worker *but)
{
    for (int i = 0; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        if (worker != but && worker->loop && !planted(worker_failure_is_kept_to_itself)) {
            hark_loop_post(worker->loop, &worker->cancel, cancel_run, NULL); /* or it has ended */
        }
    }
}

/* A signal has cancelled this one. */
static void tell_others(hark_loop *loop)
{
    (void)loop; /* it is this thread's */
    cancel_others(me->crew, me);
}

/* Rule V2. */
static void note_failure(struct crew *crew, int result)
{
    const struct hark__failure *said = hark__failure_here();

    pthread_mutex_lock(&crew->lock);
    if (result < 0 && (!crew->result || planted(worker_last_failure_wins))) {
        crew->result = result;
        if (said->code == result) {
            crew->failure = *said;
        }
    }
    pthread_mutex_unlock(&crew->lock);
}

/* ---- one worker ------------------------------------------------------------------------------ */

/* The main task. A run that was cancelled by a signal, or found deadlocked, takes the others with
 * it. */
static int run_main(void *arg)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;
    hark_loop *loop = hark__here;

    if (crew->decision == GIVE_UP) {
        return 0;
    }
    int result = hark__call(crew->main, crew->arg);
    if (loop->deadlocked) {
        result = hark__fail(-EDEADLK, call_name,
                            "nothing could ever run again in the loop of worker %d: the report on "
                            "stderr says who waited for what",
                            worker->index);
    }
    note_failure(crew, result);
    if (result < 0 || loop->root.flags & LEVEL_CANCELLED) {
        cancel_others(crew, worker);
    }
    return result;
}

static int open_loop(struct worker *worker)
{
    struct crew *crew = worker->crew;
    hark_loop *loop = NULL;
    int error = hark__loop_open(&loop, crew->options, call_name);

    if (error) {
        return error;
    }
    if ((error = hark__inbox_open(loop))) {
        hark__loop_close(loop);
        return hark__fail(error, call_name, "no descriptor or memory for a loop's post box");
    }
    loop->main = hark__loop_spawn(loop, run_main, worker, crew->site, call_name);
    if (loop->main < 0) {
        error = (int)loop->main;
        hark__loop_close(loop);
        return error;
    }
    atomic_fetch_add(&loop->refs, 1); /* rule V3 */
    loop->crew = crew;
    loop->cancelled = tell_others;
    worker->loop = loop;
    loop->opened = true;
    return 0;
}

/* Rule V1. `error`: it cannot run. */
static void arrive(struct crew *crew, int count, int error)
{
    note_failure(crew, error);
    pthread_mutex_lock(&crew->lock);
    crew->arrived += count;
    if (crew->arrived == crew->count) {
        crew->decision = crew->result ? GIVE_UP : GO;
        pthread_cond_broadcast(&crew->decided);
    }
    while (crew->decision == GATHERING) {
        pthread_cond_wait(&crew->decided, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
}

/* As hark_run does. */
static void run_loop(hark_loop *loop, struct crew *crew)
{
    loop->runs = true;
    hark__loop_run(loop, UNTIL_EMPTY);
    hark__loop_finish(loop);
    loop->runs = false;
    int result = hark__loop_result(loop, call_name);
    note_failure(crew, result); /* of who was left when main had ended */
    if (result < 0) {
        cancel_others(crew, me);
    }
    hark__loop_close(loop);
}

static void work(struct worker *worker)
{
    me = worker;
    int error = open_loop(worker);
    arrive(worker->crew, 1, error);
    if (worker->loop) {
        run_loop(worker->loop, worker->crew);
    }
    me = NULL;
}

static void *begin(void *arg)
{
    struct worker *worker = arg;
    char name[16];
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* a loop would be left behind */
    snprintf(name, sizeof name, "hark-worker-%d", worker->index);
    pthread_setname_np(pthread_self(), name);
    work(worker);
    return NULL;
}

/* ---- the run --------------------------------------------------------------------------------- */

int hark__processors(void)
{
    cpu_set_t usable;

    CPU_ZERO(&usable);
    if (hark__sys.sched_getaffinity(0, sizeof usable, &usable)) {
        return 1; /* more of them than the set has room for, or not to be known */
    }
    return CPU_COUNT(&usable) < WORKERS_MOST ? CPU_COUNT(&usable) : WORKERS_MOST;
}

static int check(int threads, hark_fn *main)
{
    if (!main) {
        return hark__fail(-EINVAL, call_name, "main is NULL");
    }
    if (threads < 0 || threads > WORKERS_MOST) {
        return hark__fail(-EINVAL, call_name, "%d threads; it takes 1 to %d, or 0: one a processor",
                          threads, WORKERS_MOST);
    }
    if (hark__here && hark__here->runs) {
        return hark__fail(-EBUSY, call_name,
                          "this thread has a running loop already; spawn a task with hark_go instead");
    }
    return 0;
}

static size_t size_of(int count)
{
    return sizeof(struct crew) + (size_t)count * sizeof(struct worker);
}

/* How many threads live beside this one; the rest has arrived in their place. */
static int start_others(struct crew *crew)
{
    for (int i = 1; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        int error = hark__sys.thread_start(&worker->thread, NULL, begin, worker);
        if (error) {
            error =
                hark__fail(-error, call_name, "no thread for worker %d of %d could be started: %s",
                           i, crew->count, strerrordesc_np(error));
            arrive(crew, crew->count - i + 1, error); /* and for this one: it need not begin */
            return i - 1;
        }
    }
    work(&crew->workers[0]);
    return crew->count - 1;
}

static int finish(struct crew *crew, int started)
{
    for (int i = 1; i <= started; i++) {
        hark__sys.thread_join(crew->workers[i].thread, NULL);
    }
    for (int i = 0; i < crew->count; i++) {
        if (crew->workers[i].loop) {
            hark__loop_unref(crew->workers[i].loop);
        }
    }
    if (crew->result && crew->failure.code == crew->result) {
        hark__failure_adopt(&crew->failure);
    }
    return crew->result;
}

int hark_run_workers_at(const char *site, const hark_options *options, int threads, hark_fn *main,
                        void *arg)
{
    int result = check(threads, main);

    if (result) {
        return result;
    }
    int count = threads ? threads : hark__processors();
    struct crew *crew = hark__alloc(size_of(count));
    if (!crew) {
        return hark__fail(-ENOMEM, call_name, "no memory for %d workers", count);
    }
    *crew = (struct crew){.count = count, .options = options, .main = main, .arg = arg, .site = site};
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->decided, NULL);
    for (int i = 0; i < count; i++) {
        crew->workers[i] = (struct worker){.crew = crew, .index = i};
    }
    result = finish(crew, start_others(crew));
    hark__free(crew, size_of(count));
    return result;
}

int(hark_run_workers)(const hark_options *options, int threads, hark_fn *main, void *arg)
{
    return hark_run_workers_at("a call of hark_run_workers\0"
                               "0main",
                               options, threads, main, arg);
}

/* ---- who is who ------------------------------------------------------------------------------ */

/* In the loop of a worker; NULL: elsewhere. */
static const struct worker *worker_here(void)
{
    return me && hark__here && hark__here == me->loop ? me : NULL;
}

bool hark__workers_many(void)
{
    const struct worker *worker = worker_here();

    return worker && worker->crew->count > 1;
}

int hark_worker(void)
{
    const struct worker *worker = worker_here();

    return worker ? worker->index : 0;
}

int hark_worker_count(void)
{
    const struct worker *worker = worker_here();

    return worker ? worker->crew->count : 1;
}

hark_loop *hark_worker_loop(int index)
{
    static const char call[] = "hark_worker_loop";
    const struct worker *worker = worker_here();

    if (!worker) {
        hark__fail(-EINVAL, call, "this is not the loop of a worker: see hark_run_workers");
        return NULL;
    }
    if (index < 0 || index >= worker->crew->count) {
        hark__fail(-EINVAL, call, "there is no worker %d among %d", index, worker->crew->count);
        return NULL;
    }
    return worker->crew->workers[index].loop;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static int is_of_this_thread(hark_loop *loop)
{
    return pthread_equal(loop->thread, pthread_self()) != 0;
}

hark_loop_stats hark_loop_statistics(const hark_loop *loop)
{
    if (!loop || hark__loop_with(loop, is_of_this_thread) <= 0) {
        return (hark_loop_stats){0};
    }
    return (hark_loop_stats){
        .tasks = loop->tasks,
        .ready = loop->tail - loop->head,
        .timers = loop->wheel.count,
        .descriptors = loop->fd_waits,
        .threads = loop->holds,
        .holds = (size_t)atomic_load(&loop->held),
    };
}
