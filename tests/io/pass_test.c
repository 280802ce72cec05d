/* SPDX-License-Identifier: MIT
 *
 * pass_test.c - descriptors that go over Unix sockets: they arrive, or they are closed. What stays
 * open by mistake the kit counts at the end of each test.
 */
#include "wire.h"

#include <sys/stat.h>
#include <sys/wait.h>

static char buffer[1 << 16];

static bool same_file(int a, int b)
{
    struct stat one, two;
    CHECK_EQ(fstat(a, &one), 0);
    CHECK_EQ(fstat(b, &two), 0);
    return one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

ON_WIRE(pass_a_descriptor_arrives_with_its_bytes)
{
    int way[2], ends[2], got[4], count = 4;
    wire(UNIX, way);
    wire(PIPE, ends);
    CHECK_EQ(hark_pass_send(way[1], ends, 2, "two", 3), 3);
    CHECK_EQ(hark_pass_recv(way[0], got, &count, buffer, sizeof buffer), 3);
    CHECK_EQ(memcmp(buffer, "two", 3), 0);
    CHECK_EQ(count, 2);
    for (int i = 0; i < 2; i++) {
        CHECK(same_file(got[i], ends[i]));
        CHECK_EQ(fcntl(got[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
    /* copies: the others may be closed, and these go on */
    unwire(ends);
    CHECK_EQ(hark_write(got[1], "x", 1), 1);
    CHECK_EQ(hark_read(got[0], buffer, 1), 1);
    unwire(got);
    unwire(way);
}

static int receive_fd(void *way)
{
    int got = -1, count = 1;
    const ssize_t n = hark_pass_recv(*(int *)way, &got, &count, buffer, sizeof buffer);
    kit_log("%zd %d", n, count);
    if (count == 1 && got >= 0 && n > 0) {
        CHECK_EQ(hark_close(got), 0);
    }
    return 0;
}

ON_WIRE(pass_who_receives_waits_and_bytes_come_without_descriptors_too)
{
    int way[2];
    wire(UNIX, way);
    hark_task task = hark_go(&group, receive_fd, &way[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_pass_send(way[1], way, 1, "a", 1), 1);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("1 1");
    CHECK_EQ(hark_write(way[1], "bc", 2), 2);
    task = hark_go(&group, receive_fd, &way[0]);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("2 0");
    CHECK_EQ(hark_close(way[1]), 0);
    task = hark_go(&group, receive_fd, &way[0]);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("0 0");
    CHECK_EQ(hark_close(way[0]), 0);
}

ON_WIRE(pass_N17_more_than_there_is_room_for_are_all_closed)
{
    int way[2], many[HARK_PASS_MOST], got[2], count = 2;
    wire(UNIX, way);
    for (int i = 0; i < HARK_PASS_MOST; i++) {
        many[i] = way[0];
    }
    CHECK_EQ(hark_pass_send(way[1], many, 3, "x", 1), 1);
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 8), -EMSGSIZE, "3 descriptors came");
    CHECK_EQ(count, 0);
    /* as many as the kernel takes, and no room at all */
    CHECK_EQ(hark_pass_send(way[1], many, HARK_PASS_MOST, "y", 1), 1);
    count = 0;
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 8), -EMSGSIZE, "253 descriptors");
    /* and the socket is as good as before */
    CHECK_EQ(hark_pass_send(way[1], many, 1, "z", 1), 1);
    count = 2;
    CHECK_EQ(hark_pass_recv(way[0], got, &count, buffer, 8), 1);
    CHECK_EQ(buffer[0], 'z');
    CHECK_EQ(count, 1);
    CHECK_EQ(hark_close(got[0]), 0);
    unwire(way);
}

ON_WIRE(pass_N17_a_process_without_descriptors_is_told)
{
    struct rlimit limit;
    int way[2], got[2], count = 2;
    wire(UNIX, way);
    const int pair[2] = {way[0], way[1]};
    CHECK_EQ(hark_pass_send(way[1], pair, 2, "x", 1), 1);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    const int next = dup(way[0]);
    close(next);
    limit.rlim_cur = (rlim_t)next + 1; /* one more, not two */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 8), -EMFILE, "could not have all");
    CHECK_EQ(count, 0);
    limit.rlim_cur = before;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    unwire(way);
}

ON_WIRE(pass_a_datagram_that_is_cut_brings_nothing)
{
    int way[2], got[2], count = 2;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, way), 0);
    CHECK_EQ(hark_pass_send(way[1], way, 2, "12345", 5), 5);
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 4), -EMSGSIZE, "more than 4 bytes");
    CHECK_EQ(count, 0);
    CHECK_EQ(hark_pass_send(way[1], way, 2, "12345", 5), 5);
    count = 2;
    CHECK_EQ(hark_pass_recv(way[0], got, &count, buffer, 5), 5);
    CHECK_EQ(count, 2);
    unwire(got);
    unwire(way);
}

static int send_late(void *way)
{
    const ssize_t n = hark_pass_send(*(int *)way, way, 1, "late", 4);
    kit_log("%s", n > 0 ? "sent" : outcome(n));
    return 0;
}

ON_WIRE(pass_a_full_way_is_waited_for)
{
    int way[2], got, count;
    wire(UNIX, way);
    const size_t in_the_way = stuff(way[1]);
    CHECK_EQ(hark_within(HARK_MS(1), hark_pass_send(way[1], way, 1, "x", 1)), -ETIMEDOUT);
    const hark_task task = hark_go(&group, send_late, &way[1]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    for (size_t drained = 0; drained < in_the_way;) {
        const ssize_t n = hark_read(way[0], buffer, sizeof buffer);
        CHECK_GT(n, 0);
        drained += (size_t)n;
    }
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("sent");
    count = 1;
    CHECK_EQ(hark_pass_recv(way[0], &got, &count, buffer, sizeof buffer), 4);
    CHECK_EQ(count, 1);
    CHECK_EQ(hark_close(got), 0);
    unwire(way);
}

ON_WIRE(pass_what_was_cancelled_has_received_nothing)
{
    int way[2], got, count = 1;
    hark_scope scope;
    wire(UNIX, way);
    CHECK_EQ(hark_within(HARK_MS(1), hark_pass_recv(way[0], &got, &count, buffer, 8)), -ETIMEDOUT);
    CHECK_EQ(hark_pass_send(way[1], way, 1, "x", 1), 1);
    CHECK_EQ(hark_scope_open(&scope, 0), 0);
    CHECK_SILENT(hark_pass_recv(way[0], &got, &count, buffer, 8), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
    CHECK_EQ(hark_pass_recv(way[0], &got, &count, buffer, 8), 1);
    CHECK_EQ(hark_close(got), 0);
    unwire(way);
}

/* The number was ours, closed behind our back, and the kernel gives it to what arrives. */
ON_WIRE(pass_what_arrives_does_not_inherit_what_was_known_of_its_number)
{
    int way[2], tcp[2], got, count = 1;
    wire(UNIX, way);
    wire(TCP, tcp);
    const int udp = hark_udp_open("127.0.0.1", "0");
    const int stale = dup(tcp[0]);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(stale, buffer, 1)), -ETIMEDOUT);
    CHECK_EQ(hark_pass_send(way[1], &udp, 1, "x", 1), 1);
    close(stale);
    CHECK_EQ(hark_pass_recv(way[0], &got, &count, buffer, 8), 1);
    CHECK_EQ(got, stale);
    /* that it is a TCP socket would be -EPROTOTYPE */
    CHECK_EQ(hark_within(HARK_MS(1), hark_udp_recv(got, buffer, 1, NULL, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_close(got), 0);
    CHECK_EQ(hark_close(udp), 0);
    unwire(tcp);
    unwire(way);
}

ON_WIRE(pass_misuse_has_words)
{
    int way[2], tcp[2], got[1], count = 1, bad[1] = {999};
    wire(UNIX, way);
    CHECK_MISUSE(hark_pass_send(way[1], NULL, 1, "x", 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_pass_send(way[1], way, 0, "x", 1), -EINVAL, "1 to 253");
    CHECK_MISUSE(hark_pass_send(way[1], way, 254, "x", 1), -EINVAL, "1 to 253");
    CHECK_MISUSE(hark_pass_send(way[1], way, 1, "", 0), -EINVAL, "at least one byte");
    CHECK_MISUSE(hark_pass_send(way[1], bad, 1, "x", 1), -EBADF, "hark_pass_send");
    CHECK_MISUSE(hark_pass_recv(way[0], NULL, &count, buffer, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_pass_recv(way[0], got, NULL, buffer, 1), -EINVAL, "count");
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 0), -EINVAL, "at least one byte");
    count = -1;
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 1), -EINVAL, "negative");
    count = 1;
    CHECK_EQ(hark_close(way[0]), 0);
    CHECK_MISUSE(hark_pass_send(way[1], way + 1, 1, "x", 1), -EPIPE, "hark_pass_send");
    CHECK_EQ(hark_close(way[1]), 0);
    CHECK_MISUSE(hark_pass_recv(way[0], got, &count, buffer, 1), -EBADF, "hark_pass_recv");
    wire(TCP, tcp); /* TCP would drop them without a word */
    CHECK_MISUSE(hark_pass_send(tcp[1], tcp, 1, "x", 1), -EINVAL, "no Unix socket");
    CHECK_MISUSE(hark_pass_recv(tcp[0], got, &count, buffer, 1), -EINVAL, "no Unix socket");
    unwire(tcp);
    const int udp = hark_udp_open("127.0.0.1", "0");
    CHECK_MISUSE(hark_pass_send(udp, way, 1, "x", 1), -EINVAL, "no Unix socket");
    CHECK_EQ(hark_close(udp), 0);
}

TEST(pass_outside_a_task_nothing_waits)
{
    int fd = 0, count = 1;
    CHECK_MISUSE(hark_pass_send(0, &fd, 1, "x", 1), -ENOTSUP, "hark_pass_send");
    CHECK_MISUSE(hark_pass_recv(0, &fd, &count, buffer, 1), -ENOTSUP, "hark_pass_recv");
}

/* ---- to another process ---------------------------------------------------------------------- */

/* The child accepts nothing: it gets its connection from the parent, and answers. */
static _Noreturn void serve_in_child(int way)
{
    int got = -1;
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    struct pollfd news = {.fd = way, .events = POLLIN};
    if (poll(&news, 1, 5000) == 1 && recvmsg(way, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) {
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    }
    _exit(got >= 0 && write(got, "from the child", 14) == 14 ? 0 : 1);
}

ON_WIRE(pass_a_connection_goes_to_another_process)
{
    int way[2], tcp[2], status = -1;
    wire(UNIX, way);
    wire(TCP, tcp);
    const pid_t child = fork();
    if (child == 0) {
        serve_in_child(way[0]);
    }
    CHECK_EQ(hark_pass_send(way[1], &tcp[0], 1, "c", 1), 1);
    CHECK_EQ(hark_close(tcp[0]), 0); /* it is the child's now */
    CHECK_EQ(hark_read_full(tcp[1], buffer, 14, NULL), 0);
    CHECK_EQ(memcmp(buffer, "from the child", 14), 0);
    CHECK_EQ(hark_read(tcp[1], buffer, 1), 0);
    CHECK_EQ(hark_child_wait(child, &status), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(hark_close(tcp[1]), 0);
    unwire(way);
}
