/* SPDX-License-Identifier: MIT */
#include "../../serve.h"
#include "peer.h"

static void *serve(void *arg)
{
    st_netfd_t fd = arg;
    char buffer[SERVE_BUFFER];
    ssize_t n;
    while ((n = st_read(fd, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0)
        if (st_write(fd, buffer, n, ST_UTIME_NO_TIMEOUT) != n)
            break;
    st_netfd_close(fd);
    return NULL;
}

int main(void)
{
    begin();
    int listener = serve_listen(0);
    st_netfd_t l = st_netfd_open_socket(listener), fd;
    bench_must(l != NULL, "st_netfd_open_socket");
    serve_port(listener);
    while ((fd = st_accept(l, NULL, NULL, ST_UTIME_NO_TIMEOUT)))
        spawn(serve, fd, 0);
    return 1;
}
