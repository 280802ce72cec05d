/* SPDX-License-Identifier: MIT
 *
 * libuv: echo. A buffer a connection, uv_try_write first, as its fast servers do.
 */
#include "../../serve.h"
#include <uv.h>

typedef struct {
    uv_tcp_t tcp;
    char buffer[SERVE_BUFFER];
} connection;

static void gone(uv_handle_t *h)
{
    free(h);
}

static void give_buffer(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    (void)hint;
    *b = uv_buf_init(((connection *)h)->buffer, SERVE_BUFFER);
}

static void read_done(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    if (n == 0)
        return;
    uv_buf_t reply = uv_buf_init(b->base, n > 0 ? (unsigned)n : 0);
    if (n < 0 || uv_try_write(s, &reply, 1) != n)
        uv_close((uv_handle_t *)s, gone);
}

static void connected(uv_stream_t *server, int status)
{
    connection *c = malloc(sizeof *c);
    bench_must(status == 0 && c, "a connection");
    uv_tcp_init(server->loop, &c->tcp);
    bench_must(uv_accept(server, (uv_stream_t *)&c->tcp) == 0, "uv_accept");
    uv_read_start((uv_stream_t *)&c->tcp, give_buffer, read_done);
}

int main(void)
{
    uv_tcp_t server;
    int fd = serve_listen(SOCK_NONBLOCK);
    uv_tcp_init(uv_default_loop(), &server);
    bench_must(uv_tcp_open(&server, fd) == 0, "uv_tcp_open");
    bench_must(uv_listen((uv_stream_t *)&server, 4096, connected) == 0, "uv_listen");
    serve_port(fd);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
