/* SPDX-License-Identifier: MIT
 *
 * echo.c - a TCP echo server as one writes it with hark: a task a connection, read, write, again.
 *
 * It tells its port and serves until it is stopped; the driver brings the clients and reads the
 * server's processor time. The hub is $HARK_HUB's.
 */
#include "serve.h"
#include <hark.h>

static int serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[SERVE_BUFFER];
    ssize_t n;
    while ((n = hark_read(fd, buffer, sizeof buffer)) > 0)
        if (hark_write_full(fd, buffer, n, NULL) != 0)
            break;
    hark_close(fd);
    return 0;
}

static int server(void *arg)
{
    hark_group g;
    int listener = serve_listen(0), fd;
    (void)arg;
    hark_group_open(&g);
    serve_port(listener);
    while ((fd = hark_accept(listener, NULL, NULL)) >= 0)
        hark_go(&g, serve, (void *)(intptr_t)fd);
    return hark_group_close(&g, fd);
}

int main(void)
{
    int rc = hark_run(server, NULL);
    if (rc == -EOPNOTSUPP || rc == -EINVAL) /* the hub in $HARK_HUB */
        bench_skip(hark_error_last());
    fprintf(stderr, "%s\n", hark_error_last());
    return 1;
}
