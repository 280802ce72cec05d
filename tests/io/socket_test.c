/* SPDX-License-Identifier: MIT
 *
 * socket_test.c - accepting and connecting: many clients, peers that are gone, a process without
 * descriptors, and the ways in which connecting fails.
 */
#include "wire.h"

static int listener;

/* ---- accepting ------------------------------------------------------------------------------ */

static int client(void *number)
{
    char buffer[8];
    const int fd = dial(listener);
    CHECK_EQ(hark_write_full(fd, number, sizeof(int), NULL), 0);
    CHECK_EQ(hark_read_full(fd, buffer, sizeof(int), NULL), 0);
    CHECK_EQ(memcmp(buffer, number, sizeof(int)), 0);
    CHECK_EQ(hark_read(fd, buffer, 1), 0);
    return hark_close(fd);
}

static int serve_one(void *fd_copy)
{
    const int fd = *(int *)fd_copy;
    char buffer[8];
    CHECK_EQ(hark_read_full(fd, buffer, sizeof(int), NULL), 0);
    CHECK_EQ(hark_write_full(fd, buffer, sizeof(int), NULL), 0);
    return hark_close(fd);
}

ON_WIRE(socket_LP_17_200_clients_are_accepted_and_served)
{
    static int numbers[200];
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    for (int i = 0; i < 200; i++) {
        numbers[i] = i;
        CHECK_GT(hark_go(&group, client, &numbers[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        const int fd = hark_accept(listener, (struct sockaddr *)&peer, &length);
        CHECK_GE(fd, 0);
        CHECK_EQ(length, sizeof peer);
        CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
        CHECK_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        CHECK_GT(hark_go_copy(&group, serve_one, &fd, sizeof fd), 0);
    }
    CHECK_EQ(hark_within(HARK_MS(1), hark_accept(listener, NULL, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_close(listener), 0);
}

static int failures[16], next_failure;

static int bad_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (failures[next_failure]) {
        errno = failures[next_failure++];
        return -1;
    }
    return accept4(fd, address, length, flags);
}

ON_WIRE(socket_LP_17_peers_that_are_gone_are_skipped)
{
    const int gone[] = {ECONNABORTED, EPROTO,    EPERM,        ENETDOWN,
                        ENONET,       EHOSTDOWN, EHOSTUNREACH, EINTR};
    memcpy(failures, gone, sizeof gone);
    hark__sys.accept4 = bad_accept;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    const int a = dial(listener), b = hark_accept(listener, NULL, NULL);
    CHECK_GE(b, 0);
    CHECK_EQ(next_failure, 8);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    failures[8] = EBADF;
    CHECK_MISUSE(hark_accept(listener, NULL, NULL), -EBADF, "hark_accept");
    failures[9] = EINVAL;
    CHECK_MISUSE(hark_accept(listener, NULL, NULL), -EINVAL, "does not listen");
    CHECK_EQ(hark_close(listener), 0);
}

/* An error that never ends costs no processor, and the others go on. */
static int always_aborted(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    (void)fd, (void)address, (void)length, (void)flags;
    next_failure++;
    errno = ECONNABORTED;
    return -1;
}

ON_WIRE(socket_LP_17_peers_that_are_always_gone_do_not_hog_the_loop)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    hark__sys.accept4 = always_aborted;
    CHECK_EQ(hark_within(HARK_MS(120), hark_accept(listener, NULL, NULL)), -ETIMEDOUT);
    CHECK_LE(next_failure, 5 * 64);
    CHECK_EQ(hark_close(listener), 0);
}

static int accepted;

static int accept_into(void *arg)
{
    (void)arg;
    accepted = hark_accept(listener, NULL, NULL);
    kit_log("%s", accepted >= 0 ? "accepted" : outcome(accepted));
    return 0;
}

ON_WIRE(socket_F5_without_descriptors_accept_waits_and_keeps_the_peer)
{
    struct rlimit limit;
    char byte;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    hark_go(&group, tick, NULL);
    const int a = dial(listener);
    CHECK_EQ(hark_write(a, "x", 1), 1);
    const int free_one = dup(a);
    close(free_one);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)free_one;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    hark_go(&group, accept_into, NULL);
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    CHECK_LOG("");
    CHECK_GT(ticks.count, 10);
    ticks.stop = true;
    limit.rlim_cur = before;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(hark_sleep(HARK_MS(200)), 0);
    CHECK_LOG("accepted");
    CHECK_EQ(hark_read(accepted, &byte, 1), 1);
    CHECK_EQ(hark_close(accepted), 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(listener), 0);
}

static int always_emfile(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    (void)fd, (void)address, (void)length, (void)flags;
    next_failure++;
    errno = EMFILE;
    return -1;
}

ON_WIRE(socket_F5_a_starved_accept_can_be_cancelled_and_closed)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    hark__sys.accept4 = always_emfile;
    CHECK_EQ(hark_within(HARK_MS(120), hark_accept(listener, NULL, NULL)), -ETIMEDOUT);
    CHECK_LE(next_failure, 4); /* it does not spin */
    hark_go(&group, accept_into, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_EQ(hark_sleep(HARK_MS(100)), 0);
    CHECK_LOG("EBADF");
}

ON_WIRE(socket_a_blocking_listener_does_not_block_the_loop)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_EQ(fcntl(listener, F_SETFL, 0), 0);
    CHECK_EQ(hark_within(HARK_MS(5), hark_accept(listener, NULL, NULL)), -ETIMEDOUT);
    const int a = dial(listener), b = hark_accept(listener, NULL, NULL);
    CHECK_GE(b, 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(socket_accept_wants_a_listener)
{
    int fds[2];
    struct sockaddr_storage address;
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_MISUSE(hark_accept(fds[0], NULL, NULL), -ENOTSOCK, "hark_accept");
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_EQ(hark_socketpair(fds), 0);
    CHECK_MISUSE(hark_accept(fds[0], NULL, NULL), -EINVAL, "does not listen");
    CHECK_MISUSE(hark_accept(fds[0], (struct sockaddr *)&address, NULL), -EINVAL, "length");
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static int connect_fd(int fd, struct sockaddr_in to)
{
    return hark_connect(fd, (struct sockaddr *)&to, sizeof to);
}

ON_WIRE(socket_connect_waits_for_its_end_and_makes_non_blocking)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect_fd(fd, address_of(listener)), 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(connect_fd(fd, address_of(listener)), 0); /* Linux tells the end once more */
    CHECK_MISUSE(connect_fd(fd, address_of(listener)), -EISCONN, "127.0.0.1");
    CHECK_MISUSE(hark_connect(fd, NULL, 0), -EINVAL, "NULL");
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(socket_connect_refused_names_the_address)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    const struct sockaddr_in to = address_of(listener);
    CHECK_EQ(hark_close(listener), 0);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char port[16];
    snprintf(port, sizeof port, "port %d", ntohs(to.sin_port));
    CHECK_MISUSE(connect_fd(fd, to), -ECONNREFUSED, "127.0.0.1");
    CHECK_HAS(hark_error_last(), port);
    CHECK_EQ(hark_close(fd), 0);
}

/* A listener whose backlog is full answers nobody: a black hole in this very machine. */
static int fill_backlog(int fds[8])
{
    int hole = hark_tcp_listen("127.0.0.1", "0", 1), count = 0;
    const struct sockaddr_in to = address_of(hole);
    listener = hole;
    while (count < 8) {
        fds[count] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (hark_within(HARK_MS(20), connect_fd(fds[count++], to)) == -ETIMEDOUT) {
            return count;
        }
    }
    return -1;
}

ON_WIRE(socket_HB_18_connecting_to_a_black_hole_times_out)
{
    int fds[8];
    char port[16];
    const int count = fill_backlog(fds);
    CHECK_GT(count, 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    const int64_t began = kit_clock();
    CHECK_EQ(hark_within(HARK_MS(30), hark_tcp_connect("127.0.0.1", port)), -ETIMEDOUT);
    CHECK_GE(kit_clock() - began, HARK_MS(30));
    for (int i = 0; i < count; i++) {
        CHECK_EQ(hark_close(fds[i]), 0);
    }
    CHECK_EQ(hark_close(listener), 0);
}

static int interrupted_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    const int rc = connect(fd, address, length);
    if (rc < 0 && errno == EINPROGRESS) {
        errno = EINTR;
    }
    return rc;
}

ON_WIRE(socket_an_interrupted_connect_goes_on)
{
    hark__sys.connect = interrupted_connect;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_EQ(hark_close(dial(listener)), 0);
    CHECK_EQ(hark_close(listener), 0);
}
