/* SPDX-License-Identifier: MIT
 *
 * workers.c - several loops: what does an item cost that crosses from one to another, and what do
 * two loops answer a second, beside one?
 *
 * The echo's clients are a process of their own (clients.h).
 */
#include "clients.h"
#include <hark.h>
#include <pthread.h>

#define ITEMS 200000l

/* ---- items ----------------------------------------------------------------------------------- */

static hark_link line;

static int cross(void *arg)
{
    long item = 0;
    if (hark_worker() == 0) {
        int64_t begun = bench_now();
        for (long i = 0; i < ITEMS; i++)
            hark_link_send(&line, &i);
        *(double *)arg = (double)(bench_now() - begun) / ITEMS;
        return hark_link_close_sender(&line);
    }
    while (hark_link_recv(&line, &item) == 0) {}
    return 0;
}

static void measure_items(const char *key, size_t room)
{
    double ns = 0;
    bench_must(hark_link_init(&line, sizeof(long), room) == 0, "hark_link_init");
    bench_must(hark_run_workers(NULL, 2, cross, &ns) == 0, "hark_run_workers");
    hark_link_free(&line);
    bench_say(key, ns, "ns");
}

/* ---- echo ------------------------------------------------------------------------------------ */

static int server_fd[2];
static hark_promise clients_gone;

static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[SERVE_MESSAGE];
    while (hark_read(fd, buffer, sizeof buffer) > 0)
        if (hark_write_full(fd, buffer, sizeof buffer, NULL) != 0)
            break;
    return hark_close(fd);
}

static int welcome(void *arg)
{
    hark_group g;
    int fd = 0;
    hark_group_open(&g);
    while ((fd = hark_accept(*(int *)arg, NULL, NULL)) >= 0)
        hark_go(&g, echo, (void *)(intptr_t)fd);
    return hark_group_close(&g, fd);
}

static int serve(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, welcome, &server_fd[hark_worker()]);
    hark_promise_wait(&clients_gone, NULL);
    hark_group_cancel(&g);
    return hark_group_close(&g, 0);
}

static void *run_clients(void *port)
{
    hark_promise_send(&clients_gone, (void *)clients_answered(*(int *)port));
    return NULL;
}

static void measure_echo(const char *key, int workers)
{
    pthread_t thread;
    void *answers = NULL;
    int port = clients_listen(server_fd, workers, SOCK_NONBLOCK);
    hark_promise_init(&clients_gone);
    bench_must(pthread_create(&thread, NULL, run_clients, &port) == 0, "pthread_create");
    bench_must(hark_run_workers(NULL, workers, serve, NULL) == 0, "hark_run_workers");
    hark_promise_wait(&clients_gone, &answers);
    pthread_join(thread, NULL);
    for (int i = 0; i < workers; i++)
        close(server_fd[i]);
    bench_say(key, (double)(intptr_t)answers / CLIENTS_SECONDS, "/s");
}

int main(void)
{
    measure_items("ns_per_item_met", 0);
    measure_items("ns_per_item_buffered", 64);
    measure_echo("answers_1_loop", 1);
    measure_echo("answers_2_loops", 2);
    return 0;
}
