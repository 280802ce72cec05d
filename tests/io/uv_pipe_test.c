/* SPDX-License-Identifier: MIT
 *
 * uv_pipe_test.c - what libuv's tests of pipes (Unix sockets), of passing descriptors and of
 * polling check and ours did not yet: tests/uv says which of its names is checked where. The tests
 * are ours; only the names are libuv's.
 */
#include "wire.h"

#include <sys/epoll.h>
#include <sys/stat.h>

static char buffer[1 << 16];
static int listener, ends[2];

static const char *own_name(void)
{
    static char name[64];
    snprintf(name, sizeof name, "@hark-uv-%d", (int)getpid());
    return name;
}

/* ---- names ----------------------------------------------------------------------------------- */

ON_WIRE(uv_pipe_connect_to_file_is_refused)
{
    char path[] = "/tmp/hark-uv-XXXXXX";
    const int file = mkstemp(path);
    CHECK_GE(file, 0);
    CHECK_MISUSE(hark_unix_connect(path), -ECONNREFUSED, path);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(close(file), 0);
}

ON_WIRE(uv_pipe_listen_without_bind_is_refused_when_accepting)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_MISUSE(hark_accept(fd, NULL, NULL), -EINVAL, "does not listen");
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(uv_pipe_getsockname_of_both_sides)
{
    struct sockaddr_un name, peer;
    socklen_t length = sizeof name, peer_length = sizeof peer;
    listener = hark_unix_listen(own_name(), 0);
    ends[1] = hark_unix_connect(own_name());
    ends[0] = hark_accept(listener, NULL, NULL);
    CHECK_EQ(getsockname(ends[0], (struct sockaddr *)&name, &length), 0);
    CHECK_EQ(getpeername(ends[1], (struct sockaddr *)&peer, &peer_length), 0);
    CHECK_EQ(length, peer_length);
    CHECK_EQ(memcmp(&name, &peer, length), 0);
    CHECK_EQ(memcmp(name.sun_path + 1, own_name() + 1, strlen(own_name()) - 1), 0);
    unwire(ends);
    CHECK_EQ(hark_close(listener), 0);
}

/* ---- many clients ---------------------------------------------------------------------------- */

ON_WIRE(uv_pipe_connect_multiple_and_closing_all)
{
    enum { MANY = 10 };
    int clients[MANY], accepted[MANY];
    listener = hark_unix_listen(own_name(), MANY);
    for (int i = 0; i < MANY; i++) {
        clients[i] = hark_unix_connect(own_name());
        CHECK_GE(clients[i], 0);
    }
    for (int i = 0; i < MANY; i++) {
        accepted[i] = hark_accept(listener, NULL, NULL);
        CHECK_GE(accepted[i], 0);
        CHECK_EQ(hark_close(clients[i]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(hark_read(accepted[i], buffer, 1), 0);
        CHECK_EQ(hark_close(accepted[i]), 0);
    }
    CHECK_EQ(hark_close(listener), 0);
}

static int read_end(void *fd)
{
    kit_log("%zd", hark_read(*(int *)fd, buffer, 8));
    return 0;
}

ON_WIRE(uv_pipe_server_close_is_the_end_for_who_reads)
{
    wire(UNIX, ends);
    const hark_task task = hark_go(&group, read_end, &ends[1]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("0");
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(uv_shutdown_close_pipe)
{
    wire(UNIX, ends);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(hark_read(ends[0], buffer, 1), 0);
    CHECK_EQ(hark_write(ends[0], "x", 1), 1);
    CHECK_EQ(hark_read(ends[1], buffer, 1), 1);
    CHECK_EQ(hark_write(ends[1], "x", 1), -EPIPE); /* not_writable_after_shutdown */
    unwire(ends);
}

/* ---- descriptors over them ------------------------------------------------------------------- */

/* A listener goes over, before or after somebody has connected to it: whoever has it accepts. */
static void pass_a_listener(bool early)
{
    int got = -1, count = 1;
    wire(UNIX, ends);
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    int client = early ? dial(listener) : -1;
    CHECK_EQ(hark_pass_send(ends[1], &listener, 1, "l", 1), 1);
    CHECK_EQ(hark_pass_recv(ends[0], &got, &count, buffer, 8), 1);
    CHECK_EQ(count, 1);
    client = early ? client : dial(listener);
    CHECK_EQ(hark_close(listener), 0);
    const int accepted = hark_accept(got, NULL, NULL);
    CHECK_GE(accepted, 0);
    CHECK_EQ(hark_write(accepted, "hello", 5), 5);
    CHECK_EQ(hark_read_full(client, buffer, 5, NULL), 0);
    CHECK_EQ(hark_close(accepted), 0);
    CHECK_EQ(hark_close(client), 0);
    CHECK_EQ(hark_close(got), 0);
    unwire(ends);
}

ON_WIRE(uv_ipc_listen_before_write)
{
    pass_a_listener(true);
}

ON_WIRE(uv_ipc_listen_after_write)
{
    pass_a_listener(false);
}

/* The way itself, and an end of another, within one process. */
ON_WIRE(uv_ipc_send_recv_pipe_inprocess)
{
    int got[2], count = 2, other[2];
    wire(UNIX, ends);
    wire(UNIX, other);
    const int both[2] = {ends[0], other[0]};
    CHECK_EQ(hark_pass_send(ends[1], both, 2, "p", 1), 1);
    CHECK_EQ(hark_pass_recv(ends[0], got, &count, buffer, 8), 1);
    CHECK_EQ(count, 2);
    CHECK_EQ(hark_write(other[1], "x", 1), 1);
    CHECK_EQ(hark_read(got[1], buffer, 8), 1);
    unwire(got);
    unwire(other);
    unwire(ends);
}

static int write_much(void *fd)
{
    static char zeroes[1 << 20];
    CHECK_EQ(hark_write_full(*(int *)fd, zeroes, sizeof zeroes, NULL), 0);
    return 0;
}

static int read_much(void *fd)
{
    char mine[4096];
    for (size_t got = 0; got < 1 << 20;) {
        const ssize_t n = hark_read(*(int *)fd, mine, sizeof mine);
        CHECK_GT(n, 0);
        got += (size_t)n;
    }
    return 0;
}

ON_WIRE(uv_ipc_heavy_traffic_both_ways_does_not_lock_up)
{
    hark_task tasks[4];
    wire(UNIX, ends);
    for (int i = 0; i < 2; i++) {
        tasks[i] = hark_go(&group, write_much, &ends[i]);
        tasks[2 + i] = hark_go(&group, read_much, &ends[i]);
    }
    for (int i = 0; i < 4; i++) {
        const int rc = hark_task_wait(tasks[i]);
        CHECK(rc == 0 || rc == -ESRCH);
    }
    unwire(ends);
}

/* ---- polling --------------------------------------------------------------------------------- */

ON_WIRE(uv_poll_nested_epoll)
{
    const int inner = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    wire(PIPE, ends);
    CHECK_EQ(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_fd(inner, POLLIN)), -ETIMEDOUT);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_within(HARK_S(1), hark_wait_fd(inner, POLLIN)), POLLIN);
    CHECK_EQ(hark_close(inner), 0);
    unwire(ends);
}

ON_WIRE(uv_poll_oob_urgent_bytes_are_not_waited_for)
{
    wire(TCP, ends);
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLPRI), -EINVAL, "POLLIN, POLLOUT");
    unwire(ends);
}

static int writes, reads;

static void count_reads(void *fd)
{
    reads++;
    CHECK_EQ(read(*(int *)fd, buffer, 1), 1);
}

static void count_writes(void *arg)
{
    (void)arg;
    writes++;
}

ON_WIRE(uv_poll_duplex_and_unidirectional)
{
    static hark_watch in, out;
    wire(UNIX, ends);
    CHECK_EQ(hark_add_reader(ends[0], &in, count_reads, &ends[0]), 0);
    CHECK_EQ(hark_add_writer(ends[0], &out, count_writes, NULL), 0);
    CHECK_EQ(hark_write(ends[1], "ab", 2), 2);
    while (reads < 2 || writes < 3) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(hark_unwatch(&out), 0);
    const int before = writes;
    CHECK_EQ(hark_write(ends[1], "c", 1), 1);
    while (reads < 3) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(writes, before);
    CHECK_EQ(hark_unwatch(&in), 0);
    unwire(ends);
}

ON_WIRE(uv_closed_fd_events_of_one_that_was_stopped)
{
    static hark_watch in;
    wire(PIPE, ends);
    CHECK_EQ(hark_add_reader(ends[0], &in, count_reads, &ends[0]), 0);
    CHECK_EQ(hark_unwatch(&in), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    const int again = dup(ends[1]); /* the same number, of another file */
    CHECK_EQ(again, ends[0]);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(reads, 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), -EPIPE);
    CHECK_EQ(hark_close(again), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* F9: what hang-ups and errors look like for who waits. */
ON_WIRE(uv_poll_F9_hang_ups_are_answered_with_what_was_asked)
{
    wire(PIPE, ends);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN), POLLIN); /* HUP alone */
    CHECK_EQ(hark_read(ends[0], buffer, 1), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    wire(PIPE, ends);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK(hark_wait_fd(ends[1], POLLOUT) == POLLOUT); /* ERR */
    CHECK_EQ(hark_write(ends[1], "x", 1), -EPIPE);
    CHECK_EQ(hark_close(ends[1]), 0);
    wire(UNIX, ends);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLIN | POLLOUT); /* RDHUP, and writable */
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLIN | POLLOUT); /* HUP */
    CHECK_EQ(hark_close(ends[0]), 0);
}
