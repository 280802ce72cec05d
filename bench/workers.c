/* SPDX-License-Identifier: MIT
 *
 * workers.c - several loops: what does an item cost that crosses from one to another, and what do two
 * loops answer a second, beside one?
 *
 * The echo's clients are a process of their own, with a poll over all connections; on a machine with
 * two processors they take one of them, and two loops cannot answer twice as much as one.
 */
#include "serve.h"
#include <hark.h>
#include <poll.h>
#include <sys/wait.h>

#define ITEMS   200000l
#define CLIENTS 64
#define SECONDS 1.0

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

static long ask(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct pollfd fds[CLIENTS];
    char message[SERVE_MESSAGE] = {0};
    long answers = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
        bench_must(connect(fds[i].fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        bench_must(send(fds[i].fd, message, sizeof message, 0) == sizeof message, "send");
    }
    for (int64_t end = bench_now() + (int64_t)(SECONDS * 1e9); bench_now() < end;) {
        poll(fds, CLIENTS, 100);
        for (int i = 0; i < CLIENTS; i++) {
            if (fds[i].revents && recv(fds[i].fd, message, sizeof message, 0) > 0) {
                answers++;
                bench_must(send(fds[i].fd, message, sizeof message, 0) == sizeof message, "send");
            }
        }
    }
    return answers;
}

static void *run_clients(void *port)
{
    int pipes[2];
    long answers = 0;
    bench_must(pipe(pipes) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        answers = ask(*(int *)port);
        _exit(write(pipes[1], &answers, sizeof answers) != sizeof answers);
    }
    bench_must(read(pipes[0], &answers, sizeof answers) == sizeof answers, "read");
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    hark_promise_send(&clients_gone, (void *)answers);
    return NULL;
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    bench_must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    return ntohs(address.sin_port);
}

static int listen_there(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_must(listen(fd, 4096) == 0, "listen");
    return fd;
}

static void measure_echo(const char *key, int workers)
{
    pthread_t thread;
    void *answers = NULL;
    int port = 0;
    for (int i = 0; i < workers; i++) {
        server_fd[i] = listen_there(port);
        port = port_of(server_fd[0]);
    }
    hark_promise_init(&clients_gone);
    bench_must(pthread_create(&thread, NULL, run_clients, &port) == 0, "pthread_create");
    bench_must(hark_run_workers(NULL, workers, serve, NULL) == 0, "hark_run_workers");
    hark_promise_wait(&clients_gone, &answers);
    pthread_join(thread, NULL);
    for (int i = 0; i < workers; i++)
        close(server_fd[i]);
    bench_say(key, (double)(intptr_t)answers / SECONDS, "/s");
}

int main(void)
{
    measure_items("ns_per_item_met", 0);
    measure_items("ns_per_item_buffered", 64);
    measure_echo("answers_1_loop", 1);
    measure_echo("answers_2_loops", 2);
    return 0;
}
