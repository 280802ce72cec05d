/* SPDX-License-Identifier: MIT
 *
 * libuv: thread. Into a thread and back is its uv_queue_work; from a thread into the loop and back,
 * uv_async_send there and a semaphore back.
 */
#include "../../bench.h"
#include <uv.h>

#define TRIPS 20000l

static uv_loop_t *loop;
static uv_sem_t answer;
static uv_async_t question;

/* ---- work ------------------------------------------------------------------------------------ */

static void nothing(uv_work_t *w)
{
    (void)w;
}

static void worked(uv_work_t *w, int status)
{
    long *left = w->data;
    bench_must(status == 0, "the work");
    if (--*left > 0)
        bench_must(uv_queue_work(loop, w, nothing, worked) == 0, "uv_queue_work");
}

static void calls_of_thread(long n, void *arg)
{
    uv_work_t work = {.data = &n};
    (void)arg;
    bench_must(uv_queue_work(loop, &work, nothing, worked) == 0, "uv_queue_work");
    uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- async ----------------------------------------------------------------------------------- */

static int over;

static void asked(uv_async_t *q)
{
    if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
        uv_close((uv_handle_t *)q, NULL);
    else
        uv_sem_post(&answer);
}

static void calls_of_loop(long n, void *arg)
{
    (void)arg;
    while (n--) {
        uv_async_send(&question);
        uv_sem_wait(&answer);
    }
}

static void ask(void *ns)
{
    *(double *)ns = bench_ns(calls_of_loop, TRIPS, NULL);
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    uv_async_send(&question);
}

int main(void)
{
    uv_thread_t thread;
    double ns;
    loop = uv_default_loop();
    bench_say("ns_thread_call", bench_ns(calls_of_thread, TRIPS, NULL), "ns");
    bench_must(uv_async_init(loop, &question, asked) == 0, "uv_async_init");
    bench_must(uv_sem_init(&answer, 0) == 0, "uv_sem_init");
    bench_must(uv_thread_create(&thread, ask, &ns) == 0, "uv_thread_create");
    uv_run(loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    bench_say("ns_portal_call", ns, "ns");
    return 0;
}
