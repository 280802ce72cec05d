/* SPDX-License-Identifier: MIT
 *
 * 39_port_forwarder PORT HOST SERVICE - whoever connects to PORT talks to HOST, through two pumps,
 * one each way. hark_serve gives each client a task, closes its connection whatever happens, and
 * has no more than 1000 at once. With --self-test it forwards to a server of its own.
 */
#include <hark.h>
#include <stdio.h>

static const char *host, *service;
static hark_server server;

static int pump(void *arg)
{
    int *fds = arg;
    char buffer[16384];
    ssize_t n;
    while ((n = hark_read(fds[0], buffer, sizeof buffer)) > 0)
        if ((n = hark_write_full(fds[1], buffer, (size_t)n, NULL)) < 0)
            break;
    shutdown(fds[1], SHUT_WR); /* the other side may still answer */
    return (int)n;
}

static int forward(void *arg, int client)
{
    hark_group pumps;
    int there = hark_tcp_connect(host, service), rc = there;
    (void)arg;
    if (there < 0)
        return there; /* is told on stderr; the others go on */
    hark_group_open(&pumps);
    hark_go_with(&pumps, pump, (int[2]){client, there});
    rc = hark_group_close(&pumps, pump((int[2]){there, client}));
    hark_close(there);
    return rc;
}

#include "39_port_forwarder_self_test.h"

static int first_task(void *port)
{
    hark_serve_options options = {.size = sizeof options, .server = &server, .limit = 1000};
    int listener = hark_tcp_listen(NULL, port ? port : "0", 0);
    hark_group beside;
    hark_group_open(&beside);
    if (listener >= 0 && !port)
        hark_go_with(&beside, self_test, (int){hark_tcp_port(listener)});
    int rc = listener < 0 ? listener : hark_serve(&options, listener, forward, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", hark_error_last());
    return hark_group_close(&beside, rc);
}

int main(int argc, char **argv)
{
    host = argc > 3 ? argv[2] : "localhost";
    service = argc > 3 ? argv[3] : NULL;
    return hark_run(first_task, argc > 3 ? argv[1] : NULL) < 0;
}
