/* SPDX-License-Identifier: MIT
 *
 * thread.c - from a loop into a thread and back, and from a thread into a loop and back, everybody
 * asleep when it begins: what is a round trip?
 *
 * The limits stand here as well, for they need the same two threads: a semaphore one way, an eventfd
 * that epoll waits for the other way, and nothing else.
 */
#include "bench.h"
#include <hark.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TRIPS 20000l

/* ---- limits ---------------------------------------------------------------------------------- */

static sem_t to_thread, from_loop;
static int to_loop, poller;
static int over;

static void write_event(void)
{
    uint64_t one = 1;
    bench_must(write(to_loop, &one, sizeof one) == sizeof one, "write");
}

static void wait_event(void)
{
    uint64_t count;
    struct epoll_event event;
    bench_must(epoll_wait(poller, &event, 1, -1) == 1, "epoll_wait");
    bench_must(read(to_loop, &count, sizeof count) == sizeof count, "read");
}

static void *answer_by_event(void *arg)
{
    for (;;) {
        sem_wait(&to_thread);
        if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
            return arg;
        write_event();
    }
}

static void ask_thread(long n, void *arg)
{
    (void)arg;
    while (n--) {
        sem_post(&to_thread);
        wait_event();
    }
}

static void *answer_by_semaphore(void *arg)
{
    for (;;) {
        wait_event();
        if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
            return arg;
        sem_post(&from_loop);
    }
}

static void ask_loop(long n, void *arg)
{
    (void)arg;
    while (n--) {
        write_event();
        sem_wait(&from_loop);
    }
}

static double limit(void *(*peer)(void *), bench_body *body)
{
    struct epoll_event event = {.events = EPOLLIN};
    pthread_t thread;
    sem_init(&to_thread, 0, 0);
    sem_init(&from_loop, 0, 0);
    over = 0;
    to_loop = eventfd(0, EFD_CLOEXEC);
    poller = epoll_create1(EPOLL_CLOEXEC);
    bench_must(epoll_ctl(poller, EPOLL_CTL_ADD, to_loop, &event) == 0, "epoll_ctl");
    bench_must(pthread_create(&thread, NULL, peer, NULL) == 0, "pthread_create");
    double ns = bench_ns(body, TRIPS, NULL);
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    sem_post(&to_thread);
    write_event();
    pthread_join(thread, NULL);
    close(poller);
    close(to_loop);
    return ns;
}

/* ---- hark ------------------------------------------------------------------------------------ */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void calls_of_thread(long n, void *arg)
{
    while (n--)
        hark_thread_call(nothing, arg);
}

static int measure_calls(void *arg)
{
    *(double *)arg = bench_ns(calls_of_thread, TRIPS, NULL);
    return 0;
}

static void calls_of_loop(long n, void *portal)
{
    while (n--)
        hark_portal_call(portal, nothing, NULL);
}

int main(void)
{
    hark_portal portal;
    double ns = 0, least = limit(answer_by_event, ask_thread);
    bench_must(hark_run(measure_calls, &ns) == 0, "hark_run");
    bench_say("ns_thread_call", ns, "ns");
    bench_say("ns_thread_call_limit", least, "ns");
    least = limit(answer_by_semaphore, ask_loop);
    bench_must(hark_portal_open(&portal, NULL) == 0, "hark_portal_open");
    ns = bench_ns(calls_of_loop, TRIPS, &portal);
    bench_must(hark_portal_close(&portal, false) == 0, "hark_portal_close");
    bench_say("ns_portal_call", ns, "ns");
    bench_say("ns_portal_call_limit", least, "ns");
    return 0;
}
