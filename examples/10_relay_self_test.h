/* SPDX-License-Identifier: MIT
 *
 * 10_relay_self_test.h - a server that answers only when its client has said everything, and that
 * client, on the two sides of the relay. One task plays both: the bytes wait in the sockets.
 */
#include <string.h>

static void hear(const char *who, int fd)
{
    char text[16];
    size_t n = 0;
    int rc = hark_read_full(fd, text, sizeof text, &n); /* more than is sent: reads to the end */
    printf("%s heard \"%.*s\": %s\n", who, (int)n, text, strerror(-rc));
}

static int self_test(hark_group *relays)
{
    char upstream_port[8], relay_port[8];
    int upstream = hark_tcp_listen(host, "0", 0);
    snprintf(upstream_port, sizeof upstream_port, "%d", hark_tcp_port(upstream));
    snprintf(relay_port, sizeof relay_port, "%d", hark_tcp_port(listener));
    service = upstream_port;

    int client = hark_tcp_connect(host, relay_port);
    hark_write_full(client, "question", 8, NULL);
    shutdown(client, SHUT_WR);
    int server = hark_accept(upstream, NULL, NULL);
    hear("server", server);
    hark_write_full(server, "answer", 6, NULL);
    hark_close(server);
    hear("client", client);

    hark_close(client);
    hark_close(upstream);
    return hark_group_cancel(relays);
}
