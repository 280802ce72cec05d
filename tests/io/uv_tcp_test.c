/* SPDX-License-Identifier: MIT
 *
 * uv_tcp_test.c - what libuv's tests of TCP check and ours did not yet: tests/uv says which of its
 * names is checked where. The tests are ours; only the names are libuv's.
 */
#include "wire.h"

#include <netinet/tcp.h>

static char buffer[1 << 16];
static int listener, ends[2];

static void check_end(int fd)
{
    CHECK_EQ(hark_read(fd, buffer, sizeof buffer), 0);
}

static int write_rc(int fd)
{
    return (int)hark_write(fd, "x", 1);
}

/* ---- ping and pong --------------------------------------------------------------------------- */

static int pong(void *fd)
{
    ssize_t n;
    char mine[64];
    while ((n = hark_read(*(int *)fd, mine, sizeof mine)) > 0) {
        CHECK_EQ(hark_write_full(*(int *)fd, mine, (size_t)n, NULL), 0);
    }
    return 0;
}

static void ping(int fd, int times)
{
    for (int i = 0; i < times; i++) {
        CHECK_EQ(hark_write_full(fd, "PING\n", 5, NULL), 0);
        CHECK_EQ(hark_read_full(fd, buffer, 5, NULL), 0);
        CHECK_EQ(memcmp(buffer, "PING\n", 5), 0);
    }
}

static int pong_and_close(void *fd)
{
    const int rc = pong(fd);
    CHECK_EQ(hark_close(*(int *)fd), 0);
    return rc;
}

static void ping_pong_over(const char *host)
{
    char port[16];
    listener = hark_tcp_listen(host, "0", 0);
    if (listener < 0) {
        SKIP("no such family here");
    }
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    ends[1] = hark_tcp_connect(host, port);
    CHECK_GE(ends[1], 0);
    ends[0] = hark_accept(listener, NULL, NULL);
    CHECK_GT(hark_go(&group, pong_and_close, &ends[0]), 0);
    ping(ends[1], 200);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    check_end(ends[1]);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_tcp_ping_pong)
{
    ping_pong_over("127.0.0.1");
}

ON_WIRE(uv_tcp6_ping_pong)
{
    ping_pong_over("::1");
}

/* ---- listening and accepting ----------------------------------------------------------------- */

ON_WIRE(uv_delayed_accept_finds_what_was_written_before)
{
    int clients[3];
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    for (int i = 0; i < 3; i++) {
        clients[i] = dial(listener);
        CHECK_EQ(hark_write(clients[i], "early", 5), 5);
    }
    CHECK_EQ(hark_close(clients[2]), 0); /* also of one that has gone again */
    for (int i = 0; i < 3; i++) {
        const int fd = hark_accept(listener, NULL, NULL);
        CHECK_GE(fd, 0);
        CHECK_EQ(hark_read_full(fd, buffer, 5, NULL), 0);
        CHECK_EQ(hark_close(fd), 0);
    }
    CHECK_EQ(hark_close(clients[0]), 0);
    CHECK_EQ(hark_close(clients[1]), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_multiple_listen_changes_the_backlog_only)
{
    int clients[8];
    listener = hark_tcp_listen("127.0.0.1", "0", 1);
    CHECK_EQ(listen(listener, 100), 0);
    for (int i = 0; i < 8; i++) {
        clients[i] = dial(listener);
    }
    for (int i = 0; i < 8; i++) {
        const int fd = hark_accept(listener, NULL, NULL);
        CHECK_GE(fd, 0);
        CHECK_EQ(hark_close(fd), 0);
        CHECK_EQ(hark_close(clients[i]), 0);
    }
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_tcp_listen_without_bind_gets_a_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_GT(hark_tcp_port(fd), 0);
    const int a = dial(fd), b = hark_accept(fd, NULL, NULL);
    CHECK_GE(b, 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(uv_tcp_bind_error_addrnotavail)
{
    CHECK_MISUSE(hark_tcp_listen("192.0.2.77", "0", 0), -EADDRNOTAVAIL, "192.0.2.77");
    CHECK_MISUSE(hark_tcp_listen("4:4:4:4:4:4:4:4", "0", 0), -EADDRNOTAVAIL, "4:4:4:4");
}

static int accept_late(void *arg)
{
    (void)arg;
    kit_log("%s", outcome(hark_accept(listener, NULL, NULL)));
    return 0;
}

ON_WIRE(uv_tcp_close_accept_with_clients_in_the_backlog)
{
    int clients[4];
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    for (int i = 0; i < 4; i++) {
        clients[i] = dial(listener);
    }
    const int first = hark_accept(listener, NULL, NULL);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_EQ(hark_read(clients[1], buffer, 1), -ECONNRESET);
    CHECK_EQ(hark_write(first, "x", 1), 1); /* who was accepted stays */
    CHECK_EQ(hark_read(clients[0], buffer, 1), 1);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_close(clients[i]), 0);
    }
    CHECK_EQ(hark_close(first), 0);
}

ON_WIRE(uv_tcp_close_N11_with_pending_accepts)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    hark_go(&group, accept_late, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF");
}

/* ---- connecting ------------------------------------------------------------------------------ */

ON_WIRE(uv_connect_unspecified_is_this_machine)
{
    char port[16];
    listener = hark_tcp_listen(NULL, "0", 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    const int a = hark_tcp_connect("0.0.0.0", port);
    CHECK_GE(a, 0);
    const int b = hark_accept(listener, NULL, NULL);
    CHECK_GE(b, 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(listener), 0);
}

static struct sockaddr_in hole_address;
static int connecting;

static int connect_into_the_hole(void *arg)
{
    (void)arg;
    const int rc = hark_connect(connecting, (struct sockaddr *)&hole_address, sizeof hole_address);
    kit_log("%s", outcome(rc));
    return 0;
}

/* A listener with a full backlog answers nobody. */
ON_WIRE(uv_tcp_close_while_connecting)
{
    int fillers[8], count = 0;
    socklen_t length = sizeof hole_address;
    listener = hark_tcp_listen("127.0.0.1", "0", 1);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&hole_address, &length), 0);
    do {
        CHECK_LT(count, 8);
        fillers[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    } while (hark_within(HARK_MS(20), hark_connect(fillers[count++],
                                                   (struct sockaddr *)&hole_address, length)) == 0);
    connecting = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    hark_go(&group, connect_into_the_hole, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_close(connecting), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF");
    for (int i = 0; i < count; i++) {
        CHECK_EQ(hark_close(fillers[i]), 0);
    }
    CHECK_EQ(hark_close(listener), 0);
}

/* ---- sockets that the program has made ------------------------------------------------------- */

static int own_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* blocking */
    CHECK_GE(fd, 0);
    return fd;
}

ON_WIRE(uv_tcp_open_takes_a_socket_of_the_programs_own)
{
    struct sockaddr_in to;
    socklen_t length = sizeof to;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&to, &length), 0);
    const int fd = own_socket();
    CHECK_EQ(hark_connect(fd, (struct sockaddr *)&to, length), 0);
    ends[0] = hark_accept(listener, NULL, NULL);
    CHECK_GT(hark_go(&group, pong_and_close, &ends[0]), 0);
    ping(fd, 3);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_tcp_open_bound)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = own_socket();
    CHECK_EQ(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_EQ(listen(fd, 8), 0);
    const int a = dial(fd), b = hark_accept(fd, NULL, NULL);
    CHECK_GE(b, 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(uv_tcp_open_connected)
{
    struct sockaddr_in to;
    socklen_t length = sizeof to;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&to, &length), 0);
    const int fd = own_socket();
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, length), 0);
    ends[0] = hark_accept(listener, NULL, NULL);
    CHECK_GT(hark_go(&group, pong_and_close, &ends[0]), 0);
    ping(fd, 3); /* though it is a blocking one */
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_tcp_flags_are_as_promised)
{
    int on = 0;
    socklen_t length = sizeof on;
    wire(TCP, ends);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(getsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
        CHECK_EQ(on, 1);
        on = 1;
        CHECK_EQ(setsockopt(ends[i], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
    }
    unwire(ends);
}

ON_WIRE(uv_getsockname_tcp_both_sides_agree)
{
    struct sockaddr_in a, b;
    socklen_t length = sizeof a;
    wire(TCP, ends);
    CHECK_EQ(getsockname(ends[0], (struct sockaddr *)&a, &length), 0);
    CHECK_EQ(getpeername(ends[1], (struct sockaddr *)&b, &length), 0);
    CHECK_EQ(memcmp(&a, &b, sizeof a), 0);
    CHECK_EQ(hark_tcp_port(ends[0]), ntohs(b.sin_port));
    unwire(ends);
}

/* ---- writing --------------------------------------------------------------------------------- */

ON_WIRE(uv_tcp_write_in_a_row)
{
    wire(TCP, ends);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_write_full(ends[1], &(char){(char)i}, 1, NULL), 0);
    }
    CHECK_EQ(hark_read_full(ends[0], buffer, 1000, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(buffer[i], (char)i);
    }
    unwire(ends);
}

ON_WIRE(uv_tcp_write_fail_after_our_own_half_close)
{
    wire(TCP, ends);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_MISUSE(write_rc(ends[1]), -EPIPE, "hark_write");
    CHECK_EQ(hark_write(ends[0], "back", 4), 4);
    CHECK_EQ(hark_read(ends[1], buffer, 8), 4);
    unwire(ends);
}

ON_WIRE(uv_tcp_write_to_half_open_connection)
{
    wire(TCP, ends);
    CHECK_EQ(hark_close(ends[0]), 0);
    /* the first one only makes the other side say that it has gone */
    CHECK_EQ(write_rc(ends[1]), 1);
    CHECK(hark_wait_fd(ends[1], POLLIN) > 0);
    CHECK_MISUSE(write_rc(ends[1]), -EPIPE, "hark_write");
    CHECK_EQ(hark_close(ends[1]), 0);
}

static int write_until_it_fails(void *fd)
{
    ssize_t n;
    do {
        n = hark_write(*(int *)fd, buffer, sizeof buffer);
    } while (n > 0);
    kit_log("%s", outcome(n));
    return 0;
}

ON_WIRE(uv_tcp_write_ready_a_clogged_writer_hears_of_the_end)
{
    wire(TCP, ends);
    hark_go(&group, write_until_it_fails, &ends[1]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_close(ends[0]), 0); /* with unread bytes: a reset */
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ECONNRESET");
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* ---- half closing ---------------------------------------------------------------------------- */

ON_WIRE(uv_tcp_shutdown_after_write_everything_arrives_first)
{
    wire(TCP, ends);
    const size_t total = stuff(ends[1]);
    size_t got = 0;
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    for (ssize_t n; (n = hark_read(ends[0], buffer, sizeof buffer)) > 0;) {
        got += (size_t)n;
    }
    CHECK_EQ(got, total);
    unwire(ends);
}

ON_WIRE(uv_shutdown_eof_and_what_comes_after_it)
{
    wire(TCP, ends);
    CHECK_EQ(hark_write(ends[1], "Q", 1), 1);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(hark_read(ends[0], buffer, 8), 1);
    check_end(ends[0]);
    check_end(ends[0]); /* again and again */
    CHECK_EQ(hark_write(ends[0], "A", 1), 1);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_read(ends[1], buffer, 8), 1);
    check_end(ends[1]);
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(uv_shutdown_twice_is_the_kernels_matter)
{
    wire(TCP, ends);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    check_end(ends[0]);
    unwire(ends);
}

static int shut(void *fd)
{
    CHECK_EQ(shutdown(*(int *)fd, SHUT_WR), 0);
    check_end(*(int *)fd);
    return hark_close(*(int *)fd);
}

ON_WIRE(uv_shutdown_simultaneous_N6_both_finish)
{
    wire(TCP, ends);
    const hark_task a = hark_go(&group, shut, &ends[0]), b = hark_go(&group, shut, &ends[1]);
    CHECK_EQ(hark_task_wait(a), 0);
    hark_task_wait(b);
}

ON_WIRE(uv_readable_on_eof_and_writable)
{
    wire(TCP, ends);
    CHECK_EQ(shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQ(hark_wait_fd(ends[1], POLLIN), POLLIN);
    check_end(ends[1]);
    CHECK_EQ(hark_wait_fd(ends[1], POLLIN), POLLIN); /* still */
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_read(ends[0], buffer, 1), 1);
    unwire(ends);
}

/* ---- resets ---------------------------------------------------------------------------------- */

static void reset(int fd)
{
    const struct linger hard = {.l_onoff = 1};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(uv_tcp_close_reset_client_N4)
{
    wire(TCP, ends);
    reset(ends[1]);
    CHECK_MISUSE(hark_read(ends[0], buffer, 8), -ECONNRESET, "hark_read");
    check_end(ends[0]); /* it is told once */
    CHECK_MISUSE(write_rc(ends[0]), -EPIPE, "hark_write");
    CHECK_EQ(hark_close(ends[0]), 0);
}

ON_WIRE(uv_tcp_close_reset_accepted_N4)
{
    wire(TCP, ends);
    reset(ends[0]);
    CHECK_MISUSE(write_rc(ends[1]), -ECONNRESET, "hark_write");
    CHECK_MISUSE(write_rc(ends[1]), -EPIPE, "hark_write");
    check_end(ends[1]);
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(uv_tcp_close_reset_after_shutdown_N4)
{
    for (int side = 0; side < 2; side++) {
        wire(TCP, ends);
        CHECK_EQ(shutdown(ends[side], SHUT_WR), 0);
        check_end(ends[!side]);
        reset(ends[side]);
        /* the end had been told, and stays; who writes hears of the reset */
        check_end(ends[!side]);
        CHECK_MISUSE(write_rc(ends[!side]), -EPIPE, "hark_write");
        CHECK_EQ(hark_close(ends[!side]), 0);
    }
}

ON_WIRE(uv_tcp_rst_N4_before_accept)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    reset(dial(listener));
    const int fd = hark_accept(listener, NULL, NULL); /* Linux hands it over all the same */
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_read(fd, buffer, 8), -ECONNRESET);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(uv_not_readable_nor_writable_on_read_error)
{
    wire(TCP, ends);
    CHECK_EQ(hark_write(ends[1], "unread", 6), 6);
    CHECK(hark_wait_fd(ends[0], POLLIN) > 0);
    CHECK_EQ(hark_close(ends[0]), 0); /* unread bytes: the other side is reset */
    CHECK_EQ(hark_read(ends[1], buffer, 8), -ECONNRESET);
    CHECK_EQ(write_rc(ends[1]), -EPIPE);
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(uv_tcp_close_after_read_timeout)
{
    wire(TCP, ends);
    CHECK_EQ(hark_within(HARK_MS(2), hark_read(ends[0], buffer, 8)), -ETIMEDOUT);
    CHECK_EQ(hark_close(ends[0]), 0);
    check_end(ends[1]);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* ---- urgent bytes ---------------------------------------------------------------------------- */

ON_WIRE(uv_tcp_oob_N24_an_urgent_byte_does_not_break_the_stream)
{
    size_t got = 0;
    wire(TCP, ends);
    CHECK_EQ(hark_write(ends[1], "abc", 3), 3);
    CHECK_EQ(send(ends[1], "!", 1, MSG_OOB), 1);
    CHECK_EQ(hark_write(ends[1], "def", 3), 3);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    for (ssize_t n; (n = hark_read(ends[0], buffer + got, 16)) > 0;) {
        got += (size_t)n;
    }
    CHECK_EQ(got, 6);
    CHECK_EQ(memcmp(buffer, "abcdef", 6), 0);
    unwire(ends);
}

ON_WIRE(uv_tcp_oob_inline_is_a_byte_as_any)
{
    int on = 1;
    wire(TCP, ends);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
    CHECK_EQ(send(ends[1], "!", 1, MSG_OOB), 1);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_read_full(ends[0], buffer, 2, NULL), 0);
    CHECK_EQ(memcmp(buffer, "!x", 2), 0);
    unwire(ends);
}

ON_WIRE(uv_tcp_unexpected_read_bytes_that_nobody_reads_wait)
{
    wire(TCP, ends);
    CHECK_EQ(hark_write(ends[1], "early", 5), 5);
    CHECK_EQ(hark_write(ends[0], "other way", 9), 9); /* and disturb no writer */
    CHECK_EQ(hark_read(ends[1], buffer, 16), 9);
    CHECK_EQ(hark_read(ends[0], buffer, 16), 5);
    unwire(ends);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* N20: what was written is not lost by closing. */
ON_WIRE(uv_tcp_close_N20_what_was_written_still_arrives)
{
    size_t got = 0;
    wire(TCP, ends);
    const size_t total = stuff(ends[1]);
    CHECK_EQ(hark_close(ends[1]), 0);
    for (ssize_t n; (n = hark_read(ends[0], buffer, sizeof buffer)) > 0;) {
        got += (size_t)n;
    }
    CHECK_EQ(got, total);
    CHECK_EQ(hark_close(ends[0]), 0);
}

/* N9: no port is left. */
static int no_port(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    errno = EADDRNOTAVAIL;
    return -1;
}

ON_WIRE(uv_tcp_connect_N9_without_ports_it_says_so_and_recovers)
{
    char port[16];
    const struct hark__sys kernel = hark__sys;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    hark__sys.connect = no_port;
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", port), -EADDRNOTAVAIL, port);
    hark__sys.connect = kernel.connect;
    CHECK_EQ(hark_close(dial(listener)), 0);
    CHECK_EQ(hark_close(listener), 0);
}
