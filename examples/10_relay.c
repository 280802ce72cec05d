/* SPDX-License-Identifier: MIT
 *
 * 10_relay PORT HOST SERVICE - passes bytes between its clients and a server, both ways at once.
 * When one side has said all it has to say (half-close), the other is told, and may still answer.
 * With --self-test it is client and server as well, and prints what these two hear.
 */
#include <hark.h>
#include <stdio.h>

static const char *host, *service;
static int listener;

static int pump(void *arg)
{
    int *fds = arg;
    char buffer[16384];
    ssize_t n;
    while ((n = hark_read(fds[0], buffer, sizeof buffer)) > 0)
        if ((n = hark_write_full(fds[1], buffer, (size_t)n, NULL)) < 0)
            break;
    shutdown(fds[1], SHUT_WR);
    return (int)n; /* a failure ends the other direction, too */
}

static int relay(void *relays)
{
    int client = hark_accept(listener, NULL, NULL);
    if (client < 0)
        return client;
    hark_go(relays, relay, relays); /* the next client is the next task's */
    int server = hark_tcp_connect(host, service);
    hark_group both;
    hark_group_open(&both);
    hark_go_with(&both, pump, (int[2]){client, server});
    hark_group_close(&both, pump((int[2]){server, client})); /* no server: -EBADF ends both */
    hark_close(server);
    return hark_close(client);
}

#include "10_relay_self_test.h"

static int first_task(void *port)
{
    hark_group relays;
    listener = hark_tcp_listen(NULL, port ? port : "0", 0);
    if (listener < 0)
        return fprintf(stderr, "%s\n", hark_error_last()), listener;
    hark_group_open(&relays);
    hark_go(&relays, relay, &relays);
    int rc = hark_group_close(&relays, port ? 0 : self_test(&relays));
    hark_close(listener);
    return rc;
}

int main(int argc, char **argv)
{
    host = argc > 3 ? argv[2] : "localhost";
    service = argc > 3 ? argv[3] : NULL;
    return hark_run(first_task, argc > 3 ? argv[1] : NULL) < 0;
}
