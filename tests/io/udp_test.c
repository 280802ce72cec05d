/* SPDX-License-Identifier: MIT
 *
 * udp_test.c - datagrams: whole or not at all, and what happens to those that are not.
 */
#include "wire.h"

#include <net/if.h>

static char payload[1 << 17];

static int open_local(void)
{
    const int fd = hark_udp_open("127.0.0.1", "0");
    CHECK_GE(fd, 0);
    return fd;
}

/* A socket whose peer is `to`. */
static int towards(int to)
{
    char port[16];
    snprintf(port, sizeof port, "%d", hark_udp_port(to));
    const int fd = hark_udp_connect("127.0.0.1", port);
    CHECK_GE(fd, 0);
    return fd;
}

static void close_both(int a, int b)
{
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
}

/* A port of this machine where nobody is. */
static int empty_port(void)
{
    const int fd = open_local(), port = hark_udp_port(fd);
    CHECK_EQ(hark_close(fd), 0);
    return port;
}

static int towards_nobody(void)
{
    char port[16];
    snprintf(port, sizeof port, "%d", empty_port());
    const int fd = hark_udp_connect("127.0.0.1", port);
    CHECK_GE(fd, 0);
    return fd;
}

/* ---- sending and receiving ------------------------------------------------------------------- */

ON_WIRE(udp_a_datagram_and_its_answer)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char buffer[16];
    const int server = open_local(), client = towards(server);
    CHECK_EQ(fcntl(server, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(fcntl(client, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CHECK_EQ(hark_udp_send(client, "ping", 4, NULL, 0), 4);
    CHECK_EQ(hark_udp_recv(server, buffer, sizeof buffer, (struct sockaddr *)&from, &length), 4);
    CHECK_EQ(memcmp(buffer, "ping", 4), 0);
    CHECK_EQ(length, sizeof(struct sockaddr_in));
    CHECK_EQ(ntohs(((struct sockaddr_in *)&from)->sin_port), hark_udp_port(client));
    CHECK_EQ(hark_udp_send(server, "pong!", 5, (struct sockaddr *)&from, length), 5);
    CHECK_EQ(hark_udp_recv(client, buffer, sizeof buffer, NULL, NULL), 5);
    CHECK_EQ(memcmp(buffer, "pong!", 5), 0);
    close_both(client, server);
}

static int receive_three(void *fd)
{
    char buffer[16];
    for (int i = 0; i < 3; i++) {
        const ssize_t n = hark_udp_recv(*(int *)fd, buffer, sizeof buffer, NULL, NULL);
        kit_log("%.*s", (int)n, buffer);
    }
    return 0;
}

ON_WIRE(udp_who_receives_waits_and_gets_each_whole_and_in_order)
{
    int server = open_local();
    const int client = towards(server);
    const hark_task task = hark_go(&group, receive_three, &server);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_udp_send(client, "a", 1, NULL, 0), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a");
    CHECK_EQ(hark_udp_send(client, "bb", 2, NULL, 0), 2);
    CHECK_EQ(hark_udp_send(client, "ccc", 3, NULL, 0), 3);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("bb ccc");
    close_both(client, server);
}

ON_WIRE(udp_N13_a_datagram_without_bytes_is_one)
{
    char buffer[4] = "abc";
    const int server = open_local(), client = towards(server);
    CHECK_EQ(hark_udp_send(client, NULL, 0, NULL, 0), 0);
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK_EQ(hark_udp_recv(server, buffer, sizeof buffer, NULL, NULL), 0);
    CHECK_STR(buffer, "abc");
    CHECK_EQ(hark_udp_recv(server, buffer, sizeof buffer, NULL, NULL), 1);
    /* and a buffer without room takes one, too */
    CHECK_EQ(hark_udp_send(client, NULL, 0, NULL, 0), 0);
    CHECK_EQ(hark_udp_recv(server, NULL, 0, NULL, NULL), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_udp_recv(server, buffer, 4, NULL, NULL)), -ETIMEDOUT);
    close_both(client, server);
}

ON_WIRE(udp_N13_what_does_not_fit_is_told_and_not_kept)
{
    char buffer[4];
    const int server = open_local(), client = towards(server);
    CHECK_EQ(hark_udp_send(client, "123456", 6, NULL, 0), 6);
    CHECK_EQ(hark_udp_send(client, "next", 4, NULL, 0), 4);
    CHECK_MISUSE(hark_udp_recv(server, buffer, 4, NULL, NULL), -EMSGSIZE, "of 6 bytes came");
    CHECK_EQ(memcmp(buffer, "1234", 4), 0);
    CHECK_EQ(hark_udp_recv(server, buffer, 4, NULL, NULL), 4);
    CHECK_EQ(memcmp(buffer, "next", 4), 0);
    close_both(client, server);
}

ON_WIRE(udp_the_largest_datagram_goes_and_a_larger_one_does_not)
{
    const int server = open_local(), client = towards(server);
    memset(payload, 'x', sizeof payload);
    CHECK_EQ(hark_udp_send(client, payload, 65507, NULL, 0), 65507);
    CHECK_EQ(hark_udp_recv(server, payload, sizeof payload, NULL, NULL), 65507);
    CHECK_MISUSE(hark_udp_send(client, payload, 65508, NULL, 0), -EMSGSIZE, "65508 bytes");
    close_both(client, server);
}

/* ---- what comes back ------------------------------------------------------------------------- */

ON_WIRE(udp_N14_nobody_there_is_told_to_the_next_call)
{
    char byte;
    const int client = towards_nobody();
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK_MISUSE(hark_within(HARK_S(1), hark_udp_recv(client, &byte, 1, NULL, NULL)), -ECONNREFUSED,
                 "an earlier datagram came back");
    /* once: and then the socket is as good as before */
    CHECK_EQ(hark_within(HARK_MS(1), hark_udp_recv(client, &byte, 1, NULL, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK(hark_wait_fd(client, POLLIN) > 0);
    CHECK_MISUSE(hark_udp_send(client, "y", 1, NULL, 0), -ECONNREFUSED, "hark_udp_send");
    CHECK_EQ(hark_udp_send(client, "y", 1, NULL, 0), 1);
    CHECK_EQ(hark_close(client), 0);
}

static int receive_one(void *fd)
{
    char byte;
    kit_log("%s", outcome(hark_udp_recv(*(int *)fd, &byte, 1, NULL, NULL)));
    return 0;
}

ON_WIRE(udp_N14_who_waits_hears_it_and_the_loop_does_not_spin)
{
    int client = towards_nobody();
    hark_go(&group, receive_one, &client);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    CHECK_LOG("ECONNREFUSED");
    CHECK_EQ(hark_close(client), 0);
}

/* F10: an error that nobody fetches, and who waits for something else. */
ON_WIRE(udp_F10_an_error_that_nobody_fetches_costs_no_processor)
{
    struct timespec before, after;
    const int client = towards_nobody(), other = open_local();
    char byte;
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK(hark_wait_fd(client, POLLIN) > 0); /* it is known to the hub, and stays there */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    CHECK_EQ(hark_within(HARK_MS(100), hark_udp_recv(other, &byte, 1, NULL, NULL)), -ETIMEDOUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const int64_t used = (after.tv_sec - before.tv_sec) * HARK_S(1) + after.tv_nsec - before.tv_nsec;
    CHECK_LT(used, HARK_MS(25) * kit_slow());
    close_both(client, other);
}

/* ---- readiness that was none ----------------------------------------------------------------- */

static int refusals;

static ssize_t reluctant_recvfrom(int fd, void *buffer, size_t size, int flags,
                                  struct sockaddr *address, socklen_t *length)
{
    if (refusals > 0) {
        errno = --refusals % 2 ? EAGAIN : EINTR;
        return -1;
    }
    return recvfrom(fd, buffer, size, flags, address, length);
}

ON_WIRE(udp_F17_a_bad_checksum_is_readiness_for_nothing)
{
    char byte;
    const int server = open_local(), client = towards(server);
    hark__sys.recvfrom = reluctant_recvfrom;
    refusals = 4;
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    /* it looks as if nothing were there: then only the look at old waits finds it again, or news */
    hark_within(HARK_MS(1), hark_udp_recv(server, &byte, 1, NULL, NULL));
    CHECK_EQ(hark_udp_send(client, "y", 1, NULL, 0), 1);
    CHECK_EQ(hark_within(HARK_S(2), hark_udp_recv(server, &byte, 1, NULL, NULL)), 1);
    CHECK_EQ(refusals, 0);
    close_both(client, server);
}

/* ---- cancelling, closing, two at once -------------------------------------------------------- */

ON_WIRE(udp_a_cancelled_receive_has_received_nothing)
{
    char byte;
    hark_scope scope;
    const int server = open_local(), client = towards(server);
    CHECK_EQ(hark_within(HARK_MS(1), hark_udp_recv(server, &byte, 1, NULL, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_SILENT(hark_udp_recv(server, &byte, 1, NULL, NULL), -ECANCELED);
    CHECK_SILENT(hark_udp_send(client, "y", 1, NULL, 0), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(hark_udp_recv(server, &byte, 1, NULL, NULL), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(hark_within(HARK_MS(1), hark_udp_recv(server, &byte, 1, NULL, NULL)), -ETIMEDOUT);
    close_both(client, server);
}

ON_WIRE(udp_closing_wakes_who_receives_and_a_second_one_is_busy)
{
    char byte;
    int server = open_local();
    hark_go(&group, receive_one, &server);
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_udp_recv(server, &byte, 1, NULL, NULL), -EBUSY, "waits to read");
    CHECK_LOG("");
    CHECK_EQ(hark_close(server), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF");
    CHECK_MISUSE(hark_udp_recv(server, &byte, 1, NULL, NULL), -EBADF, "hark_udp_recv");
    CHECK_MISUSE(hark_udp_send(server, &byte, 1, NULL, 0), -EBADF, "hark_udp_send");
}

/* ---- several at once ------------------------------------------------------------------------- */

static hark_datagram batch[HARK_UDP_BATCH + 1];
static char rooms[HARK_UDP_BATCH + 1][8];

static void empty_batch(size_t room)
{
    for (int i = 0; i <= HARK_UDP_BATCH; i++) {
        batch[i] = (hark_datagram){.data = rooms[i], .room = room, .size = 99, .lost = 99};
        memset(rooms[i], 0, sizeof rooms[i]);
    }
}

ON_WIRE(udp_batches_come_as_they_were_sent)
{
    const int server = open_local(), client = towards(server);
    hark_datagram out[3] = {{.data = "a", .size = 1}, {.size = 0}, {.data = "ccccc", .size = 5}};
    CHECK_EQ(hark_udp_send_many(client, out, 3), 3);
    empty_batch(4);
    CHECK_EQ(hark_udp_recv_many(server, batch, HARK_UDP_BATCH + 1), 3);
    CHECK_EQ(batch[0].size, 1);
    CHECK_EQ(batch[0].lost, 0);
    CHECK_EQ(batch[0].length, sizeof(struct sockaddr_in));
    CHECK_EQ(batch[1].size, 0);
    CHECK_EQ(batch[2].size, 4);
    CHECK_EQ(batch[2].lost, 1);
    CHECK_EQ(batch[3].size, 99); /* not touched */
    CHECK_EQ(memcmp(rooms[0], "a", 1), 0);
    CHECK_EQ(memcmp(rooms[2], "cccc", 5), 0);
    /* and what came can be sent back as it is */
    batch[2].size = 2;
    CHECK_EQ(hark_udp_send_many(server, batch, 3), 3);
    CHECK_EQ(hark_udp_recv(client, rooms[0], 8, NULL, NULL), 1);
    CHECK_EQ(hark_udp_recv(client, rooms[0], 8, NULL, NULL), 0);
    CHECK_EQ(hark_udp_recv(client, rooms[0], 8, NULL, NULL), 2);
    close_both(client, server);
}

static int receive_batch(void *fd)
{
    kit_log("%d", hark_udp_recv_many(*(int *)fd, batch, HARK_UDP_BATCH));
    return 0;
}

ON_WIRE(udp_a_batch_waits_for_the_first_one_only)
{
    int server = open_local();
    const int client = towards(server);
    empty_batch(8);
    hark_go(&group, receive_batch, &server);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_udp_send(client, "x", 1, NULL, 0), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("1");
    close_both(client, server);
}

ON_WIRE(udp_a_batch_is_bounded_and_the_others_stay)
{
    hark_datagram out[HARK_UDP_BATCH + 1];
    const int server = open_local(), client = towards(server);
    for (int i = 0; i <= HARK_UDP_BATCH; i++) {
        out[i] = (hark_datagram){.data = rooms[0], .size = 1};
    }
    CHECK_EQ(hark_udp_send_many(client, out, HARK_UDP_BATCH + 1), HARK_UDP_BATCH);
    CHECK_EQ(hark_udp_send_many(client, out, 1), 1);
    empty_batch(8);
    CHECK_EQ(hark_udp_recv_many(server, batch, HARK_UDP_BATCH + 1), HARK_UDP_BATCH);
    CHECK_EQ(hark_udp_recv_many(server, batch, HARK_UDP_BATCH + 1), 1);
    CHECK_EQ(hark_udp_recv_many(server, batch, 0), 0);
    CHECK_EQ(hark_udp_send_many(client, out, 0), 0);
    close_both(client, server);
}

ON_WIRE(udp_a_batch_that_breaks_in_the_middle_says_how_many_went)
{
    static char large[66000];
    const int server = open_local(), client = towards(server);
    const hark_datagram out[3] = {
        {.data = "a", .size = 1}, {.data = large, .size = sizeof large}, {.data = "c", .size = 1}};
    CHECK_EQ(hark_udp_send_many(client, out, 3), 1);
    CHECK_MISUSE(hark_udp_send_many(client, out + 1, 2), -EMSGSIZE, "66000 bytes");
    CHECK_EQ(hark_udp_send_many(client, out + 2, 1), 1);
    close_both(client, server);
}

/* A row of one size goes through the kernel as one, and arrives as what it was. */
static int rows_sent, refusal;

static ssize_t counting_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (refusal) {
        errno = refusal;
        return -1;
    }
    rows_sent++;
    return sendmsg(fd, message, flags);
}

static void send_a_row(int client, int server, int count, size_t last)
{
    hark_datagram out[HARK_UDP_BATCH] = {{0}};
    for (int i = 0; i < count; i++) {
        memset(rooms[i], 'a' + i, sizeof rooms[i]);
        out[i] = (hark_datagram){.data = rooms[i], .size = i == count - 1 ? last : 8};
    }
    CHECK_EQ(hark_udp_send_many(client, out, count), count);
    for (int i = 0; i < count; i++) {
        char room[16];
        CHECK_EQ(hark_udp_recv(server, room, sizeof room, NULL, NULL), i == count - 1 ? last : 8);
        CHECK_EQ(room[0], (char)('a' + i));
    }
}

ON_WIRE(udp_a_row_of_one_size_arrives_as_single_datagrams)
{
    static const int codes[] = {EINVAL, EMSGSIZE, EIO, EOPNOTSUPP};
    const int server = open_local(), client = towards(server);
    hark__sys.sendmsg = counting_sendmsg;
    send_a_row(client, server, HARK_UDP_BATCH, 8);
    send_a_row(client, server, 3, 5); /* the last one may be smaller */
    CHECK_EQ(rows_sent, 2);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        refusal = codes[i]; /* and where the kernel cannot, they go one by one */
        send_a_row(client, server, 5, 8);
    }
    refusal = ECONNREFUSED; /* that is another's, and is told */
    hark_datagram two[2] = {{.data = "a", .size = 1}, {.data = "b", .size = 1}};
    CHECK_MISUSE(hark_udp_send_many(client, two, 2), -ECONNREFUSED, "came back");
    CHECK_EQ(rows_sent, 2);
    close_both(client, server);
}

/* Each has its own receiver, or its own size: those are no row. */
ON_WIRE(udp_what_is_no_row_goes_where_it_should)
{
    const int one = open_local(), two = open_local(), client = open_local();
    hark_datagram out[4];
    char room[16];
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in to;
        socklen_t length = sizeof to;
        CHECK_EQ(getsockname(i % 2 ? two : one, (struct sockaddr *)&to, &length), 0);
        out[i] = (hark_datagram){.data = rooms[i], .size = 8, .length = length};
        memcpy(&out[i].address, &to, sizeof to);
    }
    hark__sys.sendmsg = counting_sendmsg;
    CHECK_EQ(hark_udp_send_many(client, out, 4), 4);
    CHECK_EQ(rows_sent, 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_udp_recv(one, room, sizeof room, NULL, NULL), 8);
        CHECK_EQ(hark_udp_recv(two, room, sizeof room, NULL, NULL), 8);
    }
    close_both(one, two);
    /* a batch may begin with a row, and go on otherwise: the rest is for the next call */
    const int server = open_local(), peer = towards(server);
    const hark_datagram mixed[3] = {
        {.data = "aa", .size = 2}, {.data = "bb", .size = 2}, {.data = "ccc", .size = 3}};
    CHECK_EQ(hark_udp_send_many(peer, mixed, 3), 2);
    CHECK_EQ(hark_udp_send_many(peer, mixed + 2, 1), 1);
    /* nor are those to the peer and those to somebody else */
    const int other = open_local();
    struct sockaddr_in to;
    socklen_t length = sizeof to;
    CHECK_EQ(getsockname(other, (struct sockaddr *)&to, &length), 0);
    hark_datagram both[2] = {{.data = "p", .size = 1}, {.data = "o", .size = 1, .length = length}};
    memcpy(&both[1].address, &to, sizeof to);
    CHECK_EQ(hark_udp_recv(server, room, sizeof room, NULL, NULL), 2);
    CHECK_EQ(hark_udp_recv(server, room, sizeof room, NULL, NULL), 2);
    CHECK_EQ(hark_udp_recv(server, room, sizeof room, NULL, NULL), 3);
    CHECK_EQ(hark_udp_send_many(peer, both, 2), 2);
    CHECK_EQ(hark_udp_recv(server, room, sizeof room, NULL, NULL), 1);
    CHECK_EQ(hark_within(HARK_S(1), hark_udp_recv(other, room, sizeof room, NULL, NULL)), 1);
    CHECK_EQ(hark_close(other), 0);
    close_both(server, peer);
    CHECK_EQ(hark_close(client), 0);
}

/* ---- families -------------------------------------------------------------------------------- */

static bool no_ipv6(void)
{
    const int fd = hark_udp_open("::1", "0");
    if (fd >= 0) {
        CHECK_EQ(hark_close(fd), 0);
    }
    return fd < 0;
}

ON_WIRE(udp_every_address_takes_both_families)
{
    char byte, port[16];
    if (no_ipv6()) {
        SKIP("no IPv6 here");
    }
    const int server = hark_udp_open(NULL, "0");
    CHECK_GE(server, 0);
    snprintf(port, sizeof port, "%d", hark_udp_port(server));
    const int four = hark_udp_connect("127.0.0.1", port), six = hark_udp_connect("::1", port);
    struct sockaddr_in6 from;
    socklen_t length = sizeof from;
    CHECK_EQ(hark_udp_send(four, "4", 1, NULL, 0), 1);
    CHECK_EQ(hark_udp_recv(server, &byte, 1, (struct sockaddr *)&from, &length), 1);
    CHECK(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    CHECK_EQ(hark_udp_send(server, "a", 1, (struct sockaddr *)&from, length), 1);
    CHECK_EQ(hark_udp_recv(four, &byte, 1, NULL, NULL), 1);
    CHECK_EQ(hark_udp_send(six, "6", 1, NULL, 0), 1);
    CHECK_EQ(hark_udp_recv(server, &byte, 1, NULL, NULL), 1);
    CHECK_EQ(byte, '6');
    CHECK_EQ(hark_close(four), 0);
    close_both(six, server);
}

ON_WIRE(udp_only_v6_means_it)
{
    char byte, port[16];
    if (no_ipv6()) {
        SKIP("no IPv6 here");
    }
    const hark_udp_options options = {.size = sizeof options, .only_v6 = true};
    const int server = hark_udp_open_with(&options, NULL, "0");
    CHECK_GE(server, 0);
    snprintf(port, sizeof port, "%d", hark_udp_port(server));
    const int four = hark_udp_connect("127.0.0.1", port);
    CHECK_EQ(hark_udp_send(four, "4", 1, NULL, 0), 1);
    CHECK_EQ(hark_within(HARK_S(1), hark_udp_recv(four, &byte, 1, NULL, NULL)), -ECONNREFUSED);
    close_both(four, server);
}

static int no_such_family(int domain, int type, int protocol)
{
    if (domain == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return socket(domain, type, protocol);
}

ON_WIRE(udp_without_ipv6_every_address_is_ipv4s)
{
    hark__sys.socket = no_such_family;
    const int server = hark_udp_open("", "0");
    CHECK_GE(server, 0);
    const int client = towards(server);
    close_both(client, server);
}

ON_WIRE(udp_names_and_ports_that_are_none)
{
    char port[16];
    const hark_udp_options wrong = {.size = 1};
    const int fd = open_local();
    snprintf(port, sizeof port, "%d", hark_udp_port(fd));
    CHECK_MISUSE(hark_udp_open("127.0.0.1", port), -EADDRINUSE, port);
    CHECK_MISUSE(hark_udp_open("192.0.2.77", "0"), -EADDRNOTAVAIL, "192.0.2.77");
    CHECK_MISUSE(hark_udp_open(NULL, NULL), -EINVAL, "the port is NULL");
    CHECK_MISUSE(hark_udp_open(NULL, "65536"), -ENOENT, "65536");
    CHECK_MISUSE(hark_udp_open_with(NULL, NULL, "0"), -EINVAL, "options");
    CHECK_MISUSE(hark_udp_open_with(&wrong, NULL, "0"), -EINVAL, "size");
    CHECK_MISUSE(hark_udp_connect(NULL, "1"), -EINVAL, "the host is NULL");
    CHECK_MISUSE(hark_udp_connect("x", NULL), -EINVAL, "the port is NULL");
    CHECK_MISUSE(hark_udp_connect("", "1"), -ENOENT, "empty");
    CHECK_EQ(hark_close(fd), 0);
    CHECK_MISUSE(hark_udp_port(fd), -EBADF, "hark_udp_port");
}

ON_WIRE(udp_misuse_has_words)
{
    int fds[2];
    char byte = 0;
    struct sockaddr_storage from;
    const int fd = open_local();
    hark_datagram one = {.room = 4, .size = 4};
    CHECK_MISUSE(hark_udp_send(fd, "x", 1, NULL, 0), -EDESTADDRREQ, "hark_udp_send");
    CHECK_MISUSE(hark_udp_send(fd, NULL, 1, NULL, 0), -EINVAL, "NULL");
    CHECK_MISUSE(hark_udp_recv(fd, NULL, 1, NULL, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_udp_recv(fd, &byte, 1, (struct sockaddr *)&from, NULL), -EINVAL, "length");
    CHECK_MISUSE(hark_udp_recv_many(fd, NULL, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_udp_recv_many(fd, &one, -1), -EINVAL, "negative");
    CHECK_MISUSE(hark_udp_recv_many(fd, &one, 1), -EINVAL, "datagram 0");
    CHECK_MISUSE(hark_udp_send_many(fd, &one, 1), -EINVAL, "datagram 0");
    CHECK_EQ(hark_close(fd), 0);
    wire(TCP, fds);
    CHECK_EQ(hark_write(fds[1], "abc", 3), 3);
    CHECK_MISUSE(hark_udp_recv(fds[0], &byte, 1, NULL, NULL), -EPROTOTYPE, "hark_read");
    CHECK_EQ(hark_read(fds[0], payload, 8), 3); /* and nothing was thrown away */
    unwire(fds);
    wire(PIPE, fds);
    CHECK_MISUSE(hark_udp_recv(fds[0], &byte, 1, NULL, NULL), -ENOTSOCK, "hark_udp_recv");
    unwire(fds);
}

TEST(udp_outside_a_task_nothing_waits)
{
    char byte;
    CHECK_MISUSE(hark_udp_open(NULL, "0"), -ENOTSUP, "hark_udp_open");
    CHECK_MISUSE(hark_udp_connect("127.0.0.1", "1"), -ENOTSUP, "hark_udp_connect");
    CHECK_MISUSE(hark_udp_recv(0, &byte, 1, NULL, NULL), -ENOTSUP, "hark_udp_recv");
    CHECK_MISUSE(hark_udp_send(0, &byte, 1, NULL, 0), -ENOTSUP, "hark_udp_send");
    CHECK_MISUSE(hark_udp_recv_many(0, NULL, 0), -ENOTSUP, "hark_udp_recv_many");
    CHECK_MISUSE(hark_udp_send_many(0, NULL, 0), -ENOTSUP, "hark_udp_send_many");
}

/* ---- failing calls --------------------------------------------------------------------------- */

static int failing_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    errno = EACCES;
    return -1;
}

static int failing_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    (void)fd, (void)level, (void)name, (void)value, (void)length;
    errno = ENOBUFS;
    return -1;
}

static int failing_socket(int domain, int type, int protocol)
{
    (void)domain, (void)type, (void)protocol;
    errno = EMFILE;
    return -1;
}

/* What is left open the kit would find. */
ON_WIRE(udp_SYS_what_fails_leaves_nothing_open)
{
    const hark_udp_options options = {.size = sizeof options, .reuse_port = true};
    const struct hark__sys kernel = hark__sys;
    hark__sys.bind = failing_bind;
    CHECK_MISUSE(hark_udp_open("127.0.0.1", "53"), -EACCES, "127.0.0.1");
    hark__sys = kernel;
    hark__sys.setsockopt = failing_setsockopt;
    CHECK_MISUSE(hark_udp_open_with(&options, "127.0.0.1", "0"), -ENOBUFS, "127.0.0.1");
    hark__sys.setsockopt = setsockopt;
    hark__sys.socket = failing_socket;
    CHECK_MISUSE(hark_udp_open("127.0.0.1", "0"), -EMFILE, "hark_udp_open");
    CHECK_MISUSE(hark_udp_connect("127.0.0.1", "1"), -EMFILE, "hark_udp_connect");
}

/* ---- sharing a port -------------------------------------------------------------------------- */

ON_WIRE(udp_a_port_is_shared_by_those_who_ask_for_it)
{
    char port[16];
    const hark_udp_options address = {.size = sizeof address, .reuse_address = true};
    const hark_udp_options ports = {.size = sizeof ports, .reuse_port = true};
    for (int i = 0; i < 2; i++) {
        const hark_udp_options *options = i ? &ports : &address;
        const int one = hark_udp_open_with(options, "127.0.0.1", "0");
        snprintf(port, sizeof port, "%d", hark_udp_port(one));
        const int two = hark_udp_open_with(options, "127.0.0.1", port);
        CHECK_GE(two, 0);
        CHECK_MISUSE(hark_udp_open("127.0.0.1", port), -EADDRINUSE, port);
        close_both(one, two);
    }
}

/* ---- options and groups ---------------------------------------------------------------------- */

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    CHECK_EQ(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

ON_WIRE(udp_options_of_ipv4)
{
    const int fd = open_local();
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_TTL, 7), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_TTL), 7);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_TTL, 0), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_MULTICAST_TTL), 0);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_LOOP, 0), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_BROADCAST, 1), 0);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_BROADCAST), 1);
    CHECK_MISUSE(hark_udp_set(fd, HARK_UDP_TTL, 0), -EINVAL, "1 to 255");
    CHECK_MISUSE(hark_udp_set(fd, HARK_UDP_TTL, 256), -EINVAL, "256");
    CHECK_MISUSE(hark_udp_set(fd, HARK_UDP_GROUP_TTL, -1), -EINVAL, "0 to 255");
    CHECK_MISUSE(hark_udp_set(fd, (enum hark_udp_option)99, 1), -EINVAL, "no option 99");
    CHECK_MISUSE(hark_udp_set(fd, HARK_UDP_GROUP_THROUGH, 99999), -EADDRNOTAVAIL, "99999");
    CHECK_EQ(hark_close(fd), 0);
    CHECK_MISUSE(hark_udp_set(fd, HARK_UDP_TTL, 7), -EBADF, "hark_udp_set");
}

ON_WIRE(udp_options_of_both_families)
{
    if (no_ipv6()) {
        SKIP("no IPv6 here");
    }
    const int fd = hark_udp_open(NULL, "0");
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_TTL, 9), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_TTL), 9);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_TTL, 3), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 3);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_LOOP, 0), 0);
    CHECK_EQ(option_of(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_THROUGH, (int)if_nametoindex("lo")), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(udp_broadcasting_must_be_asked_for)
{
    struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = htons(9)};
    const int fd = open_local();
    all.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    CHECK_MISUSE(hark_udp_send(fd, "x", 1, (struct sockaddr *)&all, sizeof all), -EACCES,
                 "hark_udp_send");
    CHECK_EQ(hark_close(fd), 0);
}

/* By which interface groups are reached without leaving this machine: lo; or, where that has no way
 * for groups of IPv6, any other, for these are of the scope of one machine (ff01::), and have no
 * hops. */
static unsigned way;

static ssize_t try_group(int fd, const char *crowd, int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_THROUGH, (int)way), 0);
    CHECK_EQ(hark_udp_set(fd, HARK_UDP_GROUP_TTL, 0), 0);
    if (inet_pton(AF_INET, crowd, &four.sin_addr) == 1) {
        return hark_udp_send(fd, "g", 1, (struct sockaddr *)&four, sizeof four);
    }
    six.sin6_scope_id = way;
    CHECK_EQ(inet_pton(AF_INET6, crowd, &six.sin6_addr), 1);
    return hark_udp_send(fd, "g", 1, (struct sockaddr *)&six, sizeof six);
}

static void send_to_group(int fd, const char *crowd, int port)
{
    CHECK_EQ(try_group(fd, crowd, port), 1);
}

static void find_way(int fd, const char *crowd)
{
    struct if_nameindex *list = if_nameindex();
    way = if_nametoindex("lo");
    for (int i = 0; try_group(fd, crowd, 9) != 1; i++) {
        if (!list || !list[i].if_index) {
            SKIP("no interface has a way for groups");
        }
        way = list[i].if_index;
    }
    if_freenameindex(list);
}

static void join_hear_and_leave(const char *any, const char *crowd, const char *other)
{
    char byte;
    const int member = hark_udp_open(any, "0"), sender = hark_udp_open(any, "0");
    CHECK_GE(member, 0);
    CHECK_GE(sender, 0);
    find_way(sender, crowd);
    CHECK_EQ(hark_udp_join(member, crowd, NULL, way), 0);
    CHECK_MISUSE(hark_udp_join(member, crowd, NULL, way), -EADDRINUSE, crowd);
    send_to_group(sender, crowd, hark_udp_port(member));
    CHECK_EQ(hark_within(HARK_S(1), hark_udp_recv(member, &byte, 1, NULL, NULL)), 1);
    CHECK_EQ(hark_udp_leave(member, crowd, NULL, way), 0);
    CHECK_MISUSE(hark_udp_leave(member, crowd, NULL, way), -EADDRNOTAVAIL, crowd);
    CHECK_MISUSE(hark_udp_join(member, other, NULL, way), -EINVAL, other);
    CHECK_MISUSE(hark_udp_join(member, NULL, NULL, way), -EINVAL, "NULL");
    CHECK_MISUSE(hark_udp_join(member, crowd, "elsewhere", way), -EINVAL, "elsewhere");
    CHECK_MISUSE(hark_udp_join(member, crowd, NULL, 99999), -ENODEV, "99999");
    close_both(member, sender);
}

ON_WIRE(udp_groups_of_ipv4_are_joined_and_left)
{
    join_hear_and_leave("0.0.0.0", "239.7.7.7", "127.0.0.1");
}

ON_WIRE(udp_groups_of_ipv6_are_joined_and_left)
{
    if (no_ipv6()) {
        SKIP("no IPv6 here");
    }
    join_hear_and_leave("::", "ff01::7", "::1");
}

ON_WIRE(udp_a_member_may_want_one_source_only)
{
    char byte;
    const int member = hark_udp_open("0.0.0.0", "0"), sender = open_local();
    const unsigned lo = way = if_nametoindex("lo");
    CHECK_EQ(hark_udp_join(member, "232.1.1.7", "127.0.0.9", lo), 0);
    send_to_group(sender, "232.1.1.7", hark_udp_port(member));
    CHECK_EQ(hark_within(HARK_MS(2), hark_udp_recv(member, &byte, 1, NULL, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_udp_leave(member, "232.1.1.7", "127.0.0.9", lo), 0);
    CHECK_EQ(hark_udp_join(member, "232.1.1.7", "127.0.0.1", lo), 0);
    send_to_group(sender, "232.1.1.7", hark_udp_port(member));
    CHECK_EQ(hark_within(HARK_S(1), hark_udp_recv(member, &byte, 1, NULL, NULL)), 1);
    close_both(member, sender);
}

ON_WIRE(udp_a_stream_has_no_groups)
{
    int fds[2];
    wire(TCP, fds);
    CHECK_MISUSE(hark_udp_join(fds[0], "239.7.7.7", NULL, 0), -EINVAL, "no UDP socket");
    CHECK_MISUSE(hark_udp_set(fds[0], HARK_UDP_TTL, 1), -EINVAL, "no UDP socket");
    unwire(fds);
    wire(PIPE, fds);
    CHECK_MISUSE(hark_udp_set(fds[0], HARK_UDP_TTL, 1), -ENOTSOCK, "hark_udp_set");
    unwire(fds);
}

/* ---- Unix datagrams -------------------------------------------------------------------------- */

static struct sockaddr_un name_of(int fd, socklen_t *length)
{
    struct sockaddr_un name;
    *length = sizeof name;
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, length), 0);
    return name;
}

ON_WIRE(udp_unix_datagrams_work_too)
{
    char buffer[8];
    socklen_t length, from_length = sizeof(struct sockaddr_un);
    const int a = hark_unix_datagram(NULL), b = hark_unix_datagram(NULL);
    CHECK_GE(a, 0);
    CHECK_GE(b, 0);
    struct sockaddr_un to = name_of(b, &length), from;
    CHECK_EQ(to.sun_path[0], 0);
    CHECK_EQ(hark_udp_send(a, "unix", 4, (struct sockaddr *)&to, length), 4);
    CHECK_MISUSE(hark_udp_recv(b, buffer, 2, (struct sockaddr *)&from, &from_length), -EMSGSIZE,
                 "of 4 bytes");
    CHECK_EQ(hark_udp_send(b, "back", 4, (struct sockaddr *)&from, from_length), 4);
    CHECK_EQ(hark_udp_recv(a, buffer, sizeof buffer, NULL, NULL), 4);
    close_both(a, b);
}

static struct sockaddr_un crowded;
static socklen_t crowded_length;

static int send_late(void *fd)
{
    const ssize_t n =
        hark_udp_send(*(int *)fd, "late", 4, (struct sockaddr *)&crowded, crowded_length);
    kit_log("%s", n == 4 ? "sent" : outcome(n));
    return 0;
}

/* The socket is writable all the time, and only the receiver has no room. */
ON_WIRE(udp_a_full_unix_receiver_is_waited_for_and_does_not_spin)
{
    char byte;
    int a = hark_unix_datagram(NULL), sent = 0;
    const int b = hark_unix_datagram(NULL);
    crowded = name_of(b, &crowded_length);
    while (sendto(a, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&crowded, crowded_length) == 1) {
        CHECK_LT(sent++, 100000);
    }
    CHECK_EQ(hark_within(HARK_MS(5),
                         hark_udp_send(a, "y", 1, (struct sockaddr *)&crowded, crowded_length)),
             -ETIMEDOUT);
    const hark_task task = hark_go(&group, send_late, &a);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_MISUSE(hark_udp_send(a, "y", 1, NULL, 0), -EBUSY, "write");
    for (int i = 0; i < sent; i++) {
        CHECK_EQ(hark_udp_recv(b, &byte, 1, NULL, NULL), 1);
    }
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("sent");
    close_both(a, b);
}

ON_WIRE(udp_who_sends_to_a_full_receiver_hears_of_the_close)
{
    int a = hark_unix_datagram(NULL);
    const int b = hark_unix_datagram(NULL);
    crowded = name_of(b, &crowded_length);
    while (sendto(a, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&crowded, crowded_length) == 1) {}
    const hark_task task = hark_go(&group, send_late, &a);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("EBADF");
    CHECK_EQ(hark_close(b), 0);
}

/* ---- loss and disorder ----------------------------------------------------------------------- */

/* N23: a third is lost, some come twice or late; whoever asks until it is answered gets
 * everything. */
static uint64_t weather;
static int lossy_server;

static int answer_some(void *arg)
{
    struct sockaddr_in from;
    int number;
    (void)arg;
    for (;;) {
        socklen_t length = sizeof from;
        const ssize_t n =
            hark_udp_recv(lossy_server, &number, sizeof number, (struct sockaddr *)&from, &length);
        if (n < 0) {
            return 0;
        }
        for (uint64_t copies = draw(&weather) % 3; copies > 0; copies--) {
            hark_udp_send(lossy_server, &number, sizeof number, (struct sockaddr *)&from, length);
        }
    }
}

static int asked(int client, int number)
{
    int heard, tries = 0;
    for (;;) {
        tries++;
        CHECK_EQ(hark_udp_send(client, &number, sizeof number, NULL, 0), sizeof number);
        const int64_t rc =
            hark_within(HARK_MS(5), ({
                            ssize_t n;
                            do {
                                n = hark_udp_recv(client, &heard, sizeof heard, NULL, NULL);
                            } while (n > 0 && heard != number);
                            n;
                        }));
        if (rc > 0) {
            return tries;
        }
        CHECK_EQ(rc, -ETIMEDOUT);
    }
}

ON_WIRE(udp_N23_what_is_lost_is_asked_for_again)
{
    int tries = 0;
    weather = kit_seed();
    lossy_server = open_local();
    const int client = towards(lossy_server);
    hark_go(&group, answer_some, NULL);
    for (int i = 0; i < 40; i++) {
        tries += asked(client, i);
    }
    CHECK_GT(tries, 40);
    close_both(client, lossy_server);
}
