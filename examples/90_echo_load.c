/* SPDX-License-Identifier: MIT
 *
 * 90_echo_load [SECONDS [CLIENTS [PARKED]]] - an echo server on a free port, driven over real sockets
 * by client tasks in the same process: 3 seconds, 1,000 clients, 64 bytes a message.
 *
 * It ends with a short table: the hub, messages per second, how long one message took there and
 * back (p50, p99), and what a parked task costs in memory (100,000 are made and weighed). Client and
 * server share one thread. A measurement, not a lesson, and so longer than the other examples.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

enum { MESSAGE = 64, SLOWEST_US = 1000000 };

static struct {
    int listener, clients, parked;
    int64_t seconds, began;
    char port[8];
    hark_event go;
    uint64_t messages;
    uint32_t took[SLOWEST_US + 1]; /* how many messages took so many microseconds */
    char hub[16];
    double parked_bytes;
} load;

/* ---- memory of tasks that wait ----------------------------------------------------------------- */

static int parked(void *event)
{
    return hark_event_wait(event);
}

/* What this process holds in memory: its pages, and the tables that the kernel needs for them. */
static double memory(void)
{
    char line[128];
    double kilobytes = 0, n;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %lf", &n) == 1 || sscanf(line, "VmPTE: %lf", &n) == 1)
            kilobytes += n;
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

static int measure_memory(void)
{
    hark_event event = HARK_EVENT_INIT;
    hark_group g;
    hark_group_open(&g);
    double before = memory();
    int rc = 0;
    for (int i = 0; i < load.parked && rc >= 0; i++)
        rc = (int)hark_go(&g, parked, &event);
    if (rc >= 0)
        rc = hark_settle();
    load.parked_bytes = (memory() - before) / load.parked;
    hark_event_set(&event);
    return hark_group_close(&g, rc);
}

/* ---- server and clients ------------------------------------------------------------------------- */

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char buffer[4096];
    ssize_t n;
    while ((n = hark_read(fd, buffer, sizeof buffer)) > 0)
        if (hark_write_full(fd, buffer, (size_t)n, NULL) < 0)
            break;
    return hark_close(fd);
}

static int serve(void *arg)
{
    (void)arg;
    int fd;
    hark_group g;
    hark_group_open(&g);
    while ((fd = hark_accept(load.listener, NULL, NULL)) >= 0)
        if (hark_go_with(&g, echo, (int){fd}) < 0)
            hark_close(fd);
    return hark_group_close(&g, fd);
}

static int exchange(int fd)
{
    char message[MESSAGE] = "ping";
    int64_t began = hark_now();
    int rc = hark_write_full(fd, message, MESSAGE, NULL);
    if (rc == 0)
        rc = hark_read_full(fd, message, MESSAGE, NULL);
    if (rc == 0) {
        int64_t us = (hark_now() - began) / 1000;
        load.took[us < SLOWEST_US ? us : SLOWEST_US]++;
        load.messages++;
    }
    return rc;
}

static int client(void *arg)
{
    (void)arg;
    int fd = hark_tcp_connect("127.0.0.1", load.port);
    if (fd < 0)
        return fd;
    hark_started(fd);
    int rc = hark_event_wait(&load.go);
    while (rc == 0)
        rc = exchange(fd);
    hark_close(fd);
    return rc;
}

static int progress(void *arg)
{
    (void)arg;
    int rc = 0;
    while (rc == 0) {
        double seconds = (double)(hark_now() - load.began) / 1e9;
        fprintf(stderr, "\r%5.1f s  %d clients  %llu messages ", seconds, load.clients,
                (unsigned long long)load.messages);
        rc = hark_sleep(HARK_MS(100));
    }
    fprintf(stderr, "\r%60s\r", "");
    return rc;
}

/* Which hub has this loop? The first line of a dump says so. */
static void note_hub(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    hark_dump(out);
    fclose(out);
    const char *hub = text ? strstr(text, "hub ") : NULL;
    if (hub)
        sscanf(hub, "hub %15s", load.hub);
    free(text);
}

static int drive(void)
{
    hark_scope limit;
    hark_group clients;
    hark_scope_open(&limit, HARK_FOREVER);
    hark_group_open(&clients);
    int64_t rc = 0;
    for (int i = 0; i < load.clients && rc >= 0; i++)
        rc = hark_start(&clients, client, NULL, NULL); /* goes on when it is connected */
    if (rc >= 0 && isatty(STDERR_FILENO))
        rc = hark_go(&clients, progress, NULL);
    load.began = hark_now();
    hark_event_set(&load.go);
    hark_scope_set_deadline(&limit, load.began + load.seconds);
    rc = hark_group_close(&clients, rc < 0 ? (int)rc : 0);
    load.seconds = hark_now() - load.began;
    rc = hark_scope_close(&limit, rc);
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

/* Each client needs two descriptors, its own end and the server's; some more are the loop's own. */
static void fit_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (strcmp(load.hub, "select") == 0 && limit.rlim_cur > FD_SETSIZE)
        limit.rlim_cur = FD_SETSIZE; /* select(2) knows no larger descriptors */
    rlim_t most = limit.rlim_cur > 66 ? (limit.rlim_cur - 64) / 2 : 1;
    if ((rlim_t)load.clients > most) {
        load.clients = (int)most;
        fprintf(stderr, "%llu descriptors are allowed, enough for %d clients\n",
                (unsigned long long)limit.rlim_cur, load.clients);
    }
}

static int first_task(void *arg)
{
    (void)arg;
    note_hub();
    fit_descriptors();
    int rc = measure_memory();
    if (rc < 0)
        return rc;
    load.listener = hark_tcp_listen("127.0.0.1", "0", 0);
    if (load.listener < 0)
        return load.listener;
    snprintf(load.port, sizeof load.port, "%d", hark_tcp_port(load.listener));
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, serve, NULL);
    rc = drive();
    hark_group_cancel(&g);
    rc = hark_group_close(&g, rc);
    hark_close(load.listener);
    return rc;
}

static unsigned percentile(unsigned percent)
{
    uint64_t seen = 0;
    unsigned us = 0;
    while (us < SLOWEST_US && (seen += load.took[us]) * 100 < load.messages * percent)
        us++;
    return us;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    load.clients = argc > 2 ? atoi(argv[2]) : 1000;
    load.parked = argc > 3 ? atoi(argv[3]) : 100000;
    if (!(seconds > 0 && seconds < 1e6) || load.clients < 1 || load.parked < 1) {
        fprintf(stderr, "usage: %s [SECONDS [CLIENTS [PARKED]]]\n", argv[0]);
        return 2;
    }
    load.seconds = (int64_t)(seconds * 1e9);
    int rc = hark_run(first_task, NULL);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", strerror(-rc), hark_error_last());
        return 1;
    }
    printf("hub                       %12s\n", load.hub);
    printf("clients                   %12d\n", load.clients);
    seconds = (double)load.seconds / 1e9;
    printf("messages per second       %12.0f\n", (double)load.messages / seconds);
    printf("p50, there and back       %9u us\n", percentile(50));
    printf("p99, there and back       %9u us\n", percentile(99));
    printf("a parked task             %6.0f bytes\n", load.parked_bytes);
    return 0;
}
