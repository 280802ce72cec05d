/* SPDX-License-Identifier: MIT
 *
 * http.c - a small HTTP server as one writes it with hark: a task a connection, a stream over it
 * that is read up to the blank line, an answer, again.
 *
 * It tells its port and serves until it is stopped; the driver brings the clients and reads the
 * server's processor time. The hub is $HARK_HUB's.
 */
#include "http.h"
#include <hark.h>

static int serve(void *arg, int fd)
{
    hark_stream s;
    char request[HTTP_MOST];
    ssize_t n;
    (void)arg;
    int rc = hark_stream_open(&s, fd);
    if (rc != 0)
        return rc;
    while ((n = hark_stream_read_until(&s, HTTP_END, 4, request, sizeof request)) > 0)
        if (!http_is_get(request, (size_t)n) ||
            hark_stream_write_full(&s, HTTP_ANSWER, HTTP_ANSWER_SIZE, NULL) != 0)
            break;
    hark_stream_close(&s);
    return 0;
}

static int server(void *arg)
{
    int listener = serve_listen(0);
    (void)arg;
    serve_port(listener);
    return hark_serve(NULL, listener, serve, NULL);
}

int main(void)
{
    int rc = hark_run(server, NULL);
    if (rc == -EOPNOTSUPP || rc == -EINVAL) /* the hub in $HARK_HUB */
        bench_skip(hark_error_last());
    fprintf(stderr, "%s\n", hark_error_last());
    return 1;
}
