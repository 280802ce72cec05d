/* SPDX-License-Identifier: MIT
 *
 * 39_port_forwarder_self_test.h - a server behind the forwarder, and a client in front of it. One
 * task plays both: the bytes wait in the sockets.
 */
static int self_test(void *forwarder)
{
    char text[16] = "", port[16], upstream[16];
    int behind = hark_tcp_listen(host, "0", 0);
    snprintf(upstream, sizeof upstream, "%d", hark_tcp_port(behind));
    snprintf(port, sizeof port, "%d", *(int *)forwarder);
    service = upstream;

    int client = hark_tcp_connect(host, port);
    hark_write_full(client, "question", 8, NULL);
    shutdown(client, SHUT_WR);
    int peer = hark_accept(behind, NULL, NULL);
    hark_read_full(peer, text, 8, NULL);
    printf("the server heard \"%s\"\n", text);
    printf("and then the end: %d\n", (int)hark_read(peer, text, 1));
    hark_write_full(peer, "answer", 7, NULL);
    hark_close(peer);
    hark_read_full(client, text, 7, NULL);
    printf("the client heard \"%s\"\n", text);
    hark_close(client);
    hark_close(behind);
    return hark_server_stop(&server, HARK_S(10)); /* who is connected has 10 s to end */
}
