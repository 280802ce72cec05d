/* SPDX-License-Identifier: MIT
 *
 * 32_tls_echo - a server that sends back what it hears, and two clients, over TLS. One talks to it;
 * the other asks for a host that the server's certificate is not for, and does not.
 */
#include <hark.h>
#include <hark/tls.h>
#include "32_tls_echo_certificate.h"

static hark_tls_context *serving, *asking;

static int echo(void *arg)
{
    hark_stream s;
    int rc = hark_stream_open(&s, (int)(intptr_t)arg);
    if (rc == 0 && (rc = hark_tls_server(&s, serving, &s)) == 0) {
        hark_stream_copy(&s, &s, NULL);
        hark_stream_close(&s);
    }
    return 0; /* one client's trouble is not the others' */
}

static int server(void *listener)
{
    hark_group clients;
    int fd;
    hark_group_open(&clients);
    while ((fd = hark_accept(*(int *)listener, NULL, NULL)) >= 0)
        hark_go(&clients, echo, (void *)(intptr_t)fd);
    return hark_group_close(&clients, fd);
}

static int first_task(void *host)
{
    char port[8], line[64] = "";
    hark_stream s;
    hark_group g;
    int listener = hark_tcp_listen("127.0.0.1", "0", 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    hark_group_open(&g);
    hark_go(&g, server, &listener);
    hark_stream_connect(&s, "127.0.0.1", port);
    if (hark_tls_client(&s, asking, &s, host) < 0) {
        printf("%s\n", hark_error_last());
    } else {
        hark_stream_write_full(&s, "hello, server\n", 14, NULL);
        hark_stream_line(&s, line, sizeof line);
        printf("TLS 1.%d with %s: \"%s\"\n", hark_tls_version(&s) - 10, (char *)host, line);
        hark_stream_close(&s);
    }
    hark_group_cancel(&g);
    hark_group_close(&g, 0);
    return hark_close(listener);
}

int main(void)
{
    return make_certificate(&serving, &asking) < 0 || hark_run(first_task, "localhost") < 0 ||
           hark_run(first_task, "example.org") < 0;
}
