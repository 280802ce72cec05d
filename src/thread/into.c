/* SPDX-License-Identifier: MIT
 *
 * into.c - a call into a loop, from a thread or from a task of another loop; hark/thread.h has the
 * promises.
 *
 * Idea     The request is posted there; the callback spawns a task of it; at the task's end the
 *          answer goes back: to a thread by a semaphore, to a task by a post to its own loop.
 *
 *              caller --post--> there: spawn, fn ... its result --answer--> caller
 *
 *          The request lies on the caller's stack: the caller does not go on before the answer.
 * Rules    X1  Once a request was accepted it is answered.
 *          X2  After the answer nobody touches the request.
 *          X3  Who waits for an answer holds its own loop's memory, and its clock; who answers lets
 *              go of it.
 */
#include <hark/thread.h>
#include <semaphore.h>

#include "thread/thread.h"

struct request {
    hark_watch post;
    const char *site;
    hark_fn *fn;
    void *arg;
    int result;
    struct hark__failure failure;
    bool answered;
    bool spun;       /* its loop awaits the answer awake */
    hark_loop *home; /* NULL: a thread waits */
    hark__task *task;
    sem_t done;
};

static const char call_name[] = "hark_loop_call";

/* ---- there ----------------------------------------------------------------------------------- */

static void deliver(void *arg)
{
    struct request *request = arg;
    request->answered = true;
    hark__here->holds--;
    hark__spin_end(hark__here, request->spun);
    hark__ready(hark__here, request->task, 0);
}

static void answer(struct request *request, int result)
{
    request->result = result;
    if (result < 0 && hark__failure_here()->code == result) {
        request->failure = *hark__failure_here();
    }
    if (request->home) {
        request->post.fn = deliver;
        hark__loop_answer(request->home, &request->post);
    } else {
        sem_post(&request->done);
    }
}

static int serve(void *arg)
{
    struct request *request = arg;
    int result = hark__call(request->fn, request->arg);

    if (result == -ECANCELED) { /* which to the caller would mean its own scopes */
        result = hark__fail(-EOWNERDEAD, call_name, "the task was cancelled, in the loop called");
    }
    answer(request, result);
    return 0;
}

static void start(void *arg)
{
    struct request *request = arg;

    hark__spin_visited(hark__here);
    hark_task id = hark__loop_spawn(hark__here, serve, request, request->site, call_name);

    if (id < 0) {
        answer(request, (int)id);
    }
}

/* ---- here ------------------------------------------------------------------------------------ */

static struct request *request_of(const hark__task *task)
{
    return (struct request *)task->in.waiter.next;
}

static bool is_answered(const hark__task *task)
{
    return request_of(task)->answered;
}

static void describe_request(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " to end what was called at %s", request_of(task)->site);
}

static void stands_at_request(const hark__task *task, struct hark__audit *audit)
{
    if (request_of(task)->task != task) {
        hark__audit_broken(audit, "X1", task, "waits for an answer that is not for it");
    }
    hark__audit_hold(audit);
}

static const struct hark__wait_kind answer_kind = {
    .what = "another loop",
    .describe = describe_request,
    .there = is_answered,
    .stands = stands_at_request,
};

static void wait_as_task(struct request *request)
{
    hark__task *self = hark__here->running;

    self->in.waiter.next = (struct hark_waiter *)request;
    request->spun = hark__spin_begin(hark__here, HARK__SPIN_USUAL);
    hark__here->holds++; /* also when nobody can hold it any more: its gate may be closed */
    hark__park(&answer_kind);
}

static void wait_as_thread(struct request *request)
{
    hark__spin_for(&request->done);
    while (sem_wait(&request->done)) {}
}

/* Whether it runs or rests. */
static int is_of_this_thread(hark_loop *loop)
{
    return pthread_equal(loop->thread, pthread_self()) != 0;
}

static int check(const hark_loop *loop, hark_fn *fn)
{
    if (!loop || !fn) {
        return hark__fail(-EINVAL, call_name, "the %s is NULL", loop ? "function" : "loop");
    }
    if (hark__loop_with(loop, is_of_this_thread) > 0) {
        return hark__fail(
            -EDEADLK, call_name,
            "the loop is this thread's, which would wait for itself; spawn a task with hark_go instead");
    }
    return hark__here && hark__here->runs ? hark__enter_task(call_name) : 0;
}

static int post(hark_loop *loop, struct request *request)
{
    int error = hark_loop_post(loop, &request->post, start, request);

    return error == -ESHUTDOWN ? hark__fail(error, call_name, "the loop has ended")
           : error ? hark__fail(error, call_name, "hold the loop first, with hark_loop_hold")
                   : 0;
}

int hark_loop_call_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg)
{
    struct request request = {.site = site, .fn = fn, .arg = arg};
    int error = check(loop, fn);

    if (error) {
        return error;
    }
    if (hark__here && hark__here->runs) {
        request.task = hark__here->running;
        request.home = hark_loop_hold(hark__here);
        if (!request.home) {
            return -ENOMEM;
        }
    } else {
        sem_init(&request.done, 0, 0);
    }
    error = post(loop, &request);
    if (!error) {
        request.home ? wait_as_task(&request) : wait_as_thread(&request);
    } else if (request.home) {
        hark_loop_drop(request.home);
    }
    if (!request.home) {
        sem_destroy(&request.done);
    }
    if (!error && request.result < 0 && request.failure.code == request.result) {
        hark__failure_adopt(&request.failure);
    }
    return error ? error : request.result;
}

int(hark_loop_call)(hark_loop *loop, hark_fn *fn, void *arg)
{
    return hark_loop_call_at("a call of hark_loop_call\0"
                             "0task",
                             loop, fn, arg);
}
