/* SPDX-License-Identifier: MIT
 *
 * call.c - a blocking function is called in a worker thread; hark/thread.h has the promises.
 *
 * Idea     A call is a job of a lane of its own, so that what the program does in threads never
 *          holds up names or files. How many run at once is a limiter's business, which belongs to
 *          the loop: a token is borrowed before the job is handed out, and comes back when the
 *          thread is done, also if nobody waits for it any more.
 *
 *              borrow --> job --> worker: fn --> result, token back
 *                          |          |
 *                          '-- abandoned: worker: fn, drop --> post to the loop: token back
 * Rules    W6  fn begins only if nothing was cancelled by then.
 *          W7  A call that may be abandoned has a block of its own, and holds the loop until the
 *              token is back or the loop has ended. Any other lies on the stack of its task.
 *          W8  The words of a failure come along from the thread.
 *          W9  A call from within such a function is made at once, by the same thread: it may block
 *              already, and waiting for another one could be waiting for itself. Not so in a loop
 *              that it runs: there other tasks want to go on.
 *          W10 Who is cancelled in a call with a `drop` need not care for its argument any more,
 *              however far the call had come: it was dropped, or will be. The job sees to it once
 *              it is handed out, the caller until then.
 * Not here Calls the other way: into.c.
 */
#include <hark/limiter.h>
#include <hark/thread.h>
#include <string.h>

#include "thread/thread.h"

#define SPIN_MOST HARK_US(100)

struct call {
    hark__thread_job job;
    hark_fn *fn;
    void *arg;
    int result;
    struct hark__failure failure;
    hark_limiter *limit;
    char name[16]; /* of its thread meanwhile; "": as always */
    size_t size;   /* of its block; 0: it lies on the task's stack */
    /* Of one that may be abandoned. */
    hark_loop *loop;
    void (*drop)(void *arg);
    hark_watch token;
    _Alignas(max_align_t) unsigned char copy[];
};

static __thread struct call *here; /* in a worker: what it runs */

static void name_thread(const char *name)
{
    char cut[16];

    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
}

static void in_worker(hark__thread_job *job)
{
    struct call *call = container_of(job, struct call, job);
    struct hark__failure *said = hark__failure_here(); /* the thread's own */

    if (call->name[0]) {
        name_thread(call->name);
    }
    said->code = 0;
    here = call;
    call->result = call->fn(call->arg);
    here = NULL;
    if (call->result < 0 && said->code == call->result) {
        call->failure = *said;
    }
    if (call->name[0]) {
        name_thread(hark__thread_lane_name());
    }
}

static void free_call(struct call *call)
{
    hark__free(call, call->size);
}

/* In the loop. */
static void token_is_back(void *arg)
{
    struct call *call = arg;

    hark_limiter_release(call->limit);
    free_call(call);
}

/* In the worker; in the loop, if it was abandoned before it began. */
static void dropped(hark__thread_job *job)
{
    struct call *call = container_of(job, struct call, job);
    hark_loop *loop = call->loop;

    if (call->drop) {
        call->drop(call->arg);
    }
    if (hark_loop_post(loop, &call->token, token_is_back, call)) {
        free_call(call);
    }
    hark_loop_drop(loop);
}

/* What may be abandoned, or has a copy, gets a block; NULL: no memory. */
static struct call *new_block(const hark_thread_options *options, void *arg)
{
    size_t size = sizeof(struct call) + options->copy;
    struct call *call = size > options->copy ? hark__alloc(size) : NULL;

    if (!call) {
        return NULL;
    }
    call->size = size;
    call->arg = options->copy ? memcpy(call->copy, arg, options->copy) : arg;
    if (options->abandon) {
        call->job.drop = dropped;
        call->drop = options->drop;
        call->loop = hark_loop_hold(hark__here);
    }
    if (options->abandon && !call->loop) {
        free_call(call);
        return NULL;
    }
    return call;
}

/* What the task waits for to the end lies on its stack. Most of it is room for words, which are not
 * looked at unless there is a failure: it is not cleared. */
static void lay_out(struct call *call, void *arg)
{
    call->job.drop = NULL;
    call->loop = NULL;
    call->arg = arg;
    call->size = 0;
}

/* It was not abandoned: what came of it. */
static int finish(struct call *call, int error)
{
    int result = error ? error : call->result;

    if (!error && call->job.cut_short) {
        result = hark__fail(-EOWNERDEAD, "hark_thread_call",
                            "the function has ended its thread instead of returning");
    } else if (!error && result < 0 && call->failure.code == result) {
        hark__failure_adopt(&call->failure);
    }
    if (call->loop) {
        hark_loop_drop(call->loop);
    }
    hark_limiter_release(call->limit);
    if (call->size) {
        free_call(call);
    }
    return result;
}

static int64_t spin_of(const hark_thread_options *options)
{
    int64_t spin = options->spin ? options->spin : HARK__SPIN_USUAL;

    return spin < SPIN_MOST ? spin : SPIN_MOST;
}

/* With a token. */
static int run(const hark_thread_options *options, hark_fn *fn, void *arg, hark_limiter *limit,
               const char *site, const char *name)
{
    struct call mine, *call = &mine;

    if (!options->abandon && !options->copy) {
        lay_out(&mine, arg);
    } else if (!(call = new_block(options, arg))) {
        hark_limiter_release(limit);
        return hark__fail(-ENOMEM, name, "no memory for the call");
    }
    call->job.fn = in_worker;
    call->job.what = site;
    call->job.spin = spin_of(options);
    call->fn = fn;
    call->failure.code = 0;
    call->limit = limit;
    call->name[0] = 0;
    if (options->name) {
        snprintf(call->name, sizeof call->name, "%s", options->name);
    }
    int error = hark__thread_run(&call->job, HARK__THREAD_CALLS, name);
    return error == -ECANCELED ? error : finish(call, error);
}

static int check(const hark_thread_options *options, hark_fn *fn, const void *arg, const char *call)
{
    if (!fn) {
        return hark__fail(-EINVAL, call, "the function is NULL");
    }
    if (options->size != sizeof *options) {
        return hark__fail(-EINVAL, call, "options.size is %lu; set it to sizeof(hark_thread_options)",
                          (unsigned long)options->size);
    }
    if (options->copy && !arg) {
        return hark__fail(-EINVAL, call, "%lu bytes are to be copied from NULL",
                          (unsigned long)options->copy);
    }
    return options->drop && !options->abandon
               ? hark__fail(-EINVAL, call, "drop is for a call that may be abandoned")
               : 0;
}

/* Rule W10: no job was handed out. */
static int left(const hark_thread_options *options, void *arg, int error)
{
    if (error == -ECANCELED && options->drop) {
        options->drop(arg);
    }
    return error;
}

int hark_thread_call_at(const char *site, const hark_thread_options *given, hark_fn *fn, void *arg)
{
    static const char name[] = "hark_thread_call";
    static const hark_thread_options plain = {.size = sizeof plain};
    const hark_thread_options *options = given ? given : &plain;
    int error = check(options, fn, arg, name);

    if (error || (here && !(hark__here && hark__here->runs))) {
        return error ? error : fn(arg); /* rule W9 */
    }
    if ((error = hark__enter_task(name))) {
        return left(options, arg, error);
    }
    hark_limiter *limit = options->limit ? options->limit : &hark__here->calls;
    if ((error = hark_limiter_acquire(limit))) {
        return left(options, arg, error);
    }
    if ((error = hark__enter_task(name))) { /* rule W6: cancelled after it was given a token */
        hark_limiter_release(limit);
        return left(options, arg, error);
    }
    return run(options, fn, arg, limit, site, name);
}

int hark_thread_cancelled(void)
{
    return here ? atomic_load(&here->job.cancelled)
                : hark__fail(-ENOTSUP, "hark_thread_cancelled",
                             "not in a function that hark_thread_call runs; in a task, "
                             "hark_checkpoint or any blocking call says it");
}

hark_limiter *hark_thread_limiter(void)
{
    hark_loop *loop = hark_loop_self();

    if (!loop) {
        hark__fail(-ENOTSUP, "hark_thread_limiter", "there is no loop in this thread");
        return NULL;
    }
    return &loop->calls;
}

int(hark_thread_call)(hark_fn *fn, void *arg)
{
    return hark_thread_call_at("hark_thread_call", NULL, fn, arg);
}

int(hark_thread_call_with)(const hark_thread_options *options, hark_fn *fn, void *arg)
{
    return hark_thread_call_at("hark_thread_call_with", options, fn, arg);
}
