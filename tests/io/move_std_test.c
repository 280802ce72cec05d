/* SPDX-License-Identifier: MIT
 *
 * move_std_test.c - standard input and output, whatever they are connected to: a file, a pipe, a
 * terminal, a socket, /dev/null, nothing. They are blocking, they are shared with whoever started
 * us, and nobody else's flags are changed.
 */
#include "place.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

static bool stop;
static int ticks;

static int tick(void *unused)
{
    (void)unused;
    while (!stop) {
        ticks++;
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

enum kind { A_FILE, A_PIPE, A_TERMINAL, A_SOCKET, KINDS };

/* ends[0] is read, ends[1] written; both blocking. */
static void connect_ends(enum kind kind, int ends[2])
{
    if (kind == A_PIPE) {
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    } else if (kind == A_SOCKET) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    } else if (kind == A_FILE) {
        ends[1] = open(at("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ends[0] = open(at("file"), O_RDONLY | O_CLOEXEC);
    } else {
        ends[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        CHECK(grantpt(ends[1]) == 0 && unlockpt(ends[1]) == 0);
        ends[0] = open(ptsname(ends[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    CHECK(ends[0] >= 0 && ends[1] >= 0);
}

static int standard[2]; /* what they were before */

static void become(int number, int fd)
{
    standard[number] = fcntl(number, F_DUPFD_CLOEXEC, 10);
    CHECK_EQ(dup2(fd, number), number);
    close(fd);
}

static void restore(int number)
{
    CHECK_EQ(hark_forget(number), 0);
    CHECK_EQ(dup2(standard[number], number), number);
    close(standard[number]);
}

static int write_line(void *fd)
{
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_write_full(*(int *)fd, "a line\n", 7, NULL), 0);
    return 0;
}

ON_DISK(move_F12_standard_input_is_read_whatever_it_is)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        int ends[2];
        char line[32];
        connect_ends(kind, ends);
        become(0, ends[0]);
        const int flags = fcntl(0, F_GETFL);
        stop = false;
        hark_go(&group, tick, NULL);
        if (kind == A_FILE) {
            CHECK_EQ(hark_write_full(ends[1], "a line\n", 7, NULL), 0);
        } else {
            hark_go(&group, write_line, &ends[1]);
        }
        CHECK_EQ(hark_read(0, line, sizeof line), 7);
        CHECK_EQ(memcmp(line, "a line\n", 7), 0);
        if (kind == A_FILE) {
            CHECK_EQ(hark_read(0, line, sizeof line), 0);
        } else { /* nothing more comes, and nobody is held up */
            ticks = 0;
            CHECK_EQ(hark_within(HARK_MS(5), hark_read(0, line, sizeof line)), -ETIMEDOUT);
            CHECK_GT(ticks, 3);
        }
        stop = true;
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(fcntl(0, F_GETFL), flags);
        restore(0);
        CHECK_EQ(hark_close(ends[1]), 0);
    }
}

ON_DISK(move_F12_standard_output_is_written_whatever_it_is)
{
    static char much[1 << 20];
    memset(much, 'x', sizeof much);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        int ends[2];
        size_t done = 0;
        connect_ends(kind, ends);
        if (kind == A_TERMINAL) {
            const int end = ends[0];
            ends[0] = ends[1];
            ends[1] = end;
        }
        become(1, ends[1]);
        const int flags = fcntl(1, F_GETFL);
        stop = false;
        ticks = 0;
        hark_go(&group, tick, NULL);
        const int64_t rc = hark_within(HARK_MS(50), hark_write_full(1, much, sizeof much, &done));
        CHECK_EQ(rc, kind == A_FILE ? 0 : -ETIMEDOUT);
        CHECK_GT(done, 1000);
        CHECK_GT(ticks, 3);
        stop = true;
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(fcntl(1, F_GETFL), flags);
        restore(1);
        CHECK_EQ(hark_close(ends[0]), 0);
    }
}

ON_DISK(move_F7_null_zero_and_closed_descriptors)
{
    char bytes[4] = "abc";
    become(0, open("/dev/null", O_RDWR | O_CLOEXEC));
    CHECK_EQ(hark_read(0, bytes, 4), 0);
    CHECK_EQ(hark_write(0, bytes, 4), 4);
    restore(0);
    become(0, open("/dev/zero", O_RDWR | O_CLOEXEC));
    CHECK_EQ(hark_read(0, bytes, 4), 4);
    CHECK_EQ(bytes[0], 0);
    restore(0);
    standard[0] = fcntl(0, F_DUPFD_CLOEXEC, 10);
    close(0);
    CHECK_EQ(hark_read(0, bytes, 4), -EBADF);
    CHECK_EQ(hark_write(0, bytes, 4), -EBADF);
    restore(0);
}

/* An epoll in a loop, and what is in it. */
ON_DISK(move_F7_an_epoll_can_be_waited_for)
{
    int fds[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event), 0);
    CHECK_EQ(hark_within(HARK_MS(2), hark_wait_fd(epoll, POLLIN)), -ETIMEDOUT);
    hark_go(&group, write_line, &fds[1]);
    CHECK_EQ(hark_wait_fd(epoll, POLLIN), POLLIN);
    CHECK_EQ(hark_close(epoll), 0);
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
}

/* ---- started without them -------------------------------------------------------------------- */

static int look_at_numbers(void *unused)
{
    int fds[2];
    struct stat status;
    (void)unused;
    for (int fd = 0; fd <= 2; fd++) {
        if (fstat(fd, &status) < 0 || status.st_rdev != makedev(1, 3)) {
            return -EUCLEAN;
        }
    }
    if (hark_socketpair(fds) || fds[0] <= 2 || fds[1] <= 2) {
        return -ENOTSOCK;
    }
    return hark_write(1, "nobody sees it", 14) == 14 ? 0 : -EPIPE;
}

/* What a daemon's parent has closed must not become a socket that printf writes into. */
TEST_ON_HUBS(move_F16_a_loop_without_standard_descriptors_gets_null_ones)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        for (int fd = 0; fd < 256; fd++) {
            close(fd);
        }
        _exit(hark_run(look_at_numbers, NULL) ? 1 : 0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* ---- TCP's urgent mark ----------------------------------------------------------------------- */

static int pair[2];
static int looks;

static int counting_poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
    looks += nfds == 1 && fds->fd == pair[0];
    return poll(fds, nfds, timeout);
}

static int send_with_a_mark(void *unused)
{
    (void)unused;
    CHECK_EQ(send(pair[1], "ab", 2, 0), 2);
    CHECK_EQ(send(pair[1], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(pair[1], "cd", 2, 0), 2);
    return 0;
}

/* The read stops at the mark, and no edge tells of what is behind it. Where the hub tells of the
 * mark itself, nobody waits for the look at old waits. */
ON_DISK(move_V2_what_is_behind_the_urgent_mark_is_read)
{
    const int listener = hark_tcp_listen("127.0.0.1", "0", 1);
    char port[16], bytes[8];
    const char *hub = getenv("HARK_HUB");
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    pair[1] = hark_tcp_connect("127.0.0.1", port);
    pair[0] = hark_accept(listener, NULL, NULL);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(pair[0], bytes, 8)), -ETIMEDOUT); /* it is armed */
    hark_go(&group, send_with_a_mark, NULL);
    hark__sys.poll = counting_poll;
    CHECK_EQ(hark_read(pair[0], bytes, 8), 2);
    looks = 0;
    CHECK_EQ(hark_read(pair[0], bytes, 8), 2);
    CHECK_EQ(memcmp(bytes, "cd", 2), 0);
    if (hub && strcmp(hub, "epoll") == 0) {
        CHECK_EQ(looks, 0);
    }
    CHECK_EQ(hark_close(pair[0]), 0);
    CHECK_EQ(hark_close(pair[1]), 0);
    CHECK_EQ(hark_close(listener), 0);
}
