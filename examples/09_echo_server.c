/* SPDX-License-Identifier: MIT
 *
 * 09_echo_server [PORT] - sends back what it gets, to any number of clients: try it with nc. Tells
 * its port, a free one if none is given, on stderr. With --self-test it is its own client.
 */
#include <hark.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int listener;

static int echo(void *arg) /* one task a client, in straight lines */
{
    int fd = *(int *)arg;
    char buffer[4096];
    ssize_t n;
    while ((n = hark_read(fd, buffer, sizeof buffer)) > 0 &&
           hark_write_full(fd, buffer, (size_t)n, NULL) == 0)
        continue;
    hark_close(fd);
    return 0; /* a client that breaks off is no failure of the server */
}

static int self_test(void *tasks)
{
    char heard[6] = "", port[8];
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    int fd = hark_tcp_connect("localhost", port);
    int rc = fd < 0 ? fd : hark_write_full(fd, "hello", 5, NULL);
    rc = rc < 0 ? rc : hark_read_full(fd, heard, 5, NULL);
    printf("sent hello, heard %s\n", rc == 0 ? heard : hark_error_last());
    hark_close(fd);
    return rc == 0 ? hark_group_cancel(tasks) : rc;
}

static int serve(void *arg)
{
    bool test = strcmp(arg, "--self-test") == 0;
    listener = hark_tcp_listen(NULL, test ? "0" : arg, 0);
    if (listener < 0)
        return fprintf(stderr, "%s\n", hark_error_last()), listener;
    fprintf(stderr, "listening on port %d\n", hark_tcp_port(listener));
    hark_cancel_on(SIGINT);
    hark_group tasks;
    hark_group_open(&tasks);
    if (test)
        hark_go(&tasks, self_test, &tasks);
    int client;
    while ((client = hark_accept(listener, NULL, NULL)) >= 0)
        if (hark_go_with(&tasks, echo, (int){client}) < 0)
            hark_close(client);
    hark_close(listener);
    return hark_group_close(&tasks, client); /* waits for the clients' tasks */
}

int main(int argc, char **argv)
{
    return hark_run(serve, argc > 1 ? argv[1] : "0") < 0;
}
