/* SPDX-License-Identifier: MIT
 *
 * uv_udp_test.c - what libuv's tests of UDP check and udp_test.c did not yet: tests/uv says which
 * of its names is checked where. The tests are ours; only the names are libuv's.
 */
#include "wire.h"

static char buffer[1 << 16];

static int open_local(void)
{
    const int fd = hark_udp_open("127.0.0.1", "0");
    CHECK_GE(fd, 0);
    return fd;
}

static struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static ssize_t send_to(int fd, struct sockaddr_in to, const char *text)
{
    return hark_udp_send(fd, text, strlen(text), (struct sockaddr *)&to, sizeof to);
}

static ssize_t receive(int fd)
{
    return hark_udp_recv(fd, buffer, sizeof buffer, NULL, NULL);
}

/* A task that answers all. */
static int echo(void *fd)
{
    char mine[256];
    struct sockaddr_storage from;
    for (;;) {
        socklen_t length = sizeof from;
        const ssize_t n =
            hark_udp_recv(*(int *)fd, mine, sizeof mine, (struct sockaddr *)&from, &length);
        if (n < 0) {
            return 0;
        }
        CHECK_EQ(hark_udp_send(*(int *)fd, mine, (size_t)n, (struct sockaddr *)&from, length), n);
    }
}

ON_WIRE(uv_udp_send_and_recv)
{
    int server = open_local();
    const int client = open_local();
    hark_go(&group, echo, &server);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(send_to(client, address_of(server), "PING"), 4);
        CHECK_EQ(receive(client), 4);
        CHECK_EQ(memcmp(buffer, "PING", 4), 0);
    }
    CHECK_EQ(hark_close(server), 0);
    CHECK_EQ(hark_close(client), 0);
}

static void connected(const char *host)
{
    char port[16];
    int server = hark_udp_open(host, "0");
    if (server < 0) {
        SKIP("no such family here");
    }
    hark_go(&group, echo, &server);
    snprintf(port, sizeof port, "%d", hark_udp_port(server));
    const int client = hark_udp_connect(host, port);
    CHECK_GE(client, 0);
    CHECK_EQ(hark_udp_send(client, "EXIT", 4, NULL, 0), 4);
    CHECK_EQ(receive(client), 4);
    /* what does not come from the peer is not received */
    const int other = hark_udp_open(host, "0");
    struct sockaddr_storage to;
    socklen_t length = sizeof to;
    CHECK_EQ(getsockname(client, (struct sockaddr *)&to, &length), 0);
    CHECK_EQ(hark_udp_send(other, "not me", 6, (struct sockaddr *)&to, length), 6);
    CHECK_EQ(hark_within(HARK_MS(2), receive(client)), -ETIMEDOUT);
    CHECK_EQ(hark_close(other), 0);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

ON_WIRE(uv_udp_connect)
{
    connected("127.0.0.1");
}

ON_WIRE(uv_udp_connect6)
{
    connected("::1");
}

ON_WIRE(uv_udp_open_takes_a_socket_of_the_programs_own)
{
    int server = open_local();
    hark_go(&group, echo, &server);
    const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* a blocking one */
    CHECK_EQ(hark_within(HARK_MS(2), receive(client)), -ETIMEDOUT);
    CHECK_EQ(send_to(client, address_of(server), "own"), 3);
    CHECK_EQ(receive(client), 3);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

ON_WIRE(uv_udp_open_bound_and_connected)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int server = open_local();
    const struct sockaddr_in to = address_of(server);
    hark_go(&group, echo, &server);
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(client, (struct sockaddr *)&any, sizeof any), 0);
    CHECK_EQ(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_EQ(hark_udp_send(client, "bound", 5, NULL, 0), 5);
    CHECK_EQ(receive(client), 5);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

ON_WIRE(uv_udp_no_autobind_receiving_does_not_bind)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(hark_within(HARK_MS(1), receive(fd)), -ETIMEDOUT);
    CHECK_EQ(hark_udp_port(fd), 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* A flood in one go: every datagram that the kernel has taken is received, and others have their
 * turn. */
ON_WIRE(uv_udp_recv_in_a_row_and_others_go_on)
{
    const int server = open_local(), client = open_local();
    int sent = 0, got = 0;
    while (sent < 200 && send_to(client, address_of(server), "row") == 3) {
        sent++;
    }
    hark_go(&group, tick, NULL);
    while (hark_within(HARK_MS(2), receive(server)) == 3) {
        got++;
    }
    ticks.stop = true;
    CHECK_EQ(got, sent);
    CHECK_GT(ticks.count, 0);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

ON_WIRE(uv_udp_mmsg_small_buffers_and_one_look_a_batch)
{
    static char rooms[8][2];
    hark_datagram list[8];
    const int server = open_local(), client = open_local();
    for (int i = 0; i < 8; i++) {
        list[i] = (hark_datagram){.data = rooms[i], .room = 2};
        CHECK_EQ(send_to(client, address_of(server), "1234"), 4);
    }
    CHECK_EQ(hark_udp_recv_many(server, list, 5), 5);
    CHECK_EQ(hark_udp_recv_many(server, list, 8), 3);
    CHECK_EQ(list[0].size, 2);
    CHECK_EQ(list[0].lost, 2);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

/* Closing while the error of an earlier one waits to be told. */
ON_WIRE(uv_udp_recv_close_with_a_pending_error)
{
    const int nobody = open_local();
    const struct sockaddr_in to = address_of(nobody);
    CHECK_EQ(hark_close(nobody), 0);
    const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK(hark_wait_fd(client, POLLIN) > 0);
    CHECK_EQ(hark_close(client), 0);
}

ON_WIRE(uv_udp_send_unreachable_to_many_addresses)
{
    const int nobody = open_local(), client = open_local(), server = open_local();
    const struct sockaddr_in gone = address_of(nobody);
    CHECK_EQ(hark_close(nobody), 0);
    /* not connected: nobody is told, and the others are reached */
    CHECK_EQ(send_to(client, gone, "x"), 1);
    CHECK_EQ(send_to(client, address_of(server), "y"), 1);
    CHECK_EQ(receive(server), 1);
    CHECK_EQ(hark_within(HARK_MS(2), receive(client)), -ETIMEDOUT);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

/* A send buffer that is too small for more than one: who sends waits and does not lose any. */
ON_WIRE(uv_udp_send_hang_loop_a_small_buffer_is_waited_for)
{
    int small = 4608, got = 0;
    const int server = open_local(), client = open_local();
    CHECK_EQ(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_udp_send(client, buffer, 2000,
                               (struct sockaddr *)&(struct sockaddr_in){
                                   .sin_family = AF_INET,
                                   .sin_port = address_of(server).sin_port,
                                   .sin_addr = address_of(server).sin_addr,
                               },
                               sizeof(struct sockaddr_in)),
                 2000);
        got += hark_within(HARK_S(1), receive(server)) == 2000;
    }
    CHECK_EQ(got, 20);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(server), 0);
}

static ssize_t no_buffers(int fd, const void *data, size_t size, int flags,
                          const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)data, (void)size, (void)flags, (void)address, (void)length;
    errno = ENOBUFS;
    return -1;
}

ON_WIRE(uv_udp_send_fail_nbufs_is_told)
{
    const struct hark__sys kernel = hark__sys;
    const int client = open_local();
    hark__sys.sendto = no_buffers;
    CHECK_MISUSE(send_to(client, address_of(client), "x"), -ENOBUFS, "hark_udp_send");
    hark__sys.sendto = kernel.sendto;
    CHECK_EQ(send_to(client, address_of(client), "x"), 1); /* to itself */
    CHECK_EQ(receive(client), 1);
    CHECK_EQ(hark_close(client), 0);
}

ON_WIRE(uv_getsockname_udp)
{
    const int fd = open_local();
    CHECK_EQ(ntohs(address_of(fd).sin_port), hark_udp_port(fd));
    CHECK_GT(hark_udp_port(fd), 0);
    CHECK_EQ(address_of(fd).sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(hark_close(fd), 0);
}
