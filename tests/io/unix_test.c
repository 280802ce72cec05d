/* SPDX-License-Identifier: MIT
 *
 * unix_test.c - Unix sockets by path, pairs and pipes.
 */
#include "wire.h"

#include <sys/stat.h>

static char folder[64], path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/hark-test-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/socket", folder);
}

static void remove_folder(void)
{
    unlink(path);
    CHECK_EQ(rmdir(folder), 0);
}

ON_WIRE(unix_sockets_connect_by_path)
{
    char byte;
    make_folder();
    const int listener = hark_unix_listen(path, 0);
    CHECK_GE(listener, 0);
    const int a = hark_unix_connect(path), b = hark_accept(listener, NULL, NULL);
    CHECK_GE(a, 0);
    CHECK_GE(b, 0);
    CHECK_EQ(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(fcntl(a, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CHECK_EQ(hark_write(a, "x", 1), 1);
    CHECK_EQ(hark_read(b, &byte, 1), 1);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_MISUSE(hark_unix_connect(path), -ECONNREFUSED, path);
    remove_folder();
    CHECK_MISUSE(hark_unix_connect(path), -ENOENT, path);
    CHECK_MISUSE(hark_unix_listen(path, 0), -ENOENT, path);
}

TEST(unix_N16_a_stale_socket_is_replaced_and_nothing_else)
{
    make_folder();
    const int first = hark_unix_listen(path, 0); /* outside any loop, too */
    CHECK_GE(first, 0);
    CHECK_MISUSE(hark_unix_listen(path, 0), -EADDRINUSE, path); /* somebody listens */
    CHECK_EQ(hark_close(first), 0);
    const int second = hark_unix_listen(path, 0); /* nobody any more */
    CHECK_GE(second, 0);
    CHECK_EQ(hark_close(second), 0);
    CHECK_EQ(unlink(path), 0);
    const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    CHECK_MISUSE(hark_unix_listen(path, 0), -EADDRINUSE, path);
    CHECK_EQ(access(path, F_OK), 0);
    remove_folder();
}

ON_WIRE(unix_bad_paths)
{
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK_MISUSE(hark_unix_listen(NULL, 0), -EINVAL, "hark_unix_listen");
    CHECK_MISUSE(hark_unix_listen("", 0), -EINVAL, "empty");
    CHECK_MISUSE(hark_unix_listen(longer, 0), -ENAMETOOLONG, "199");
    CHECK_MISUSE(hark_unix_connect(NULL), -EINVAL, "hark_unix_connect");
    CHECK_MISUSE(hark_unix_connect(longer), -ENAMETOOLONG, "199");
}

static int connect_late(void *arg)
{
    (void)arg;
    const int fd = hark_unix_connect(path);
    CHECK_GE(fd, 0);
    kit_log("connected");
    return hark_close(fd);
}

/* connect says EAGAIN, and nobody tells when there is room again. */
ON_WIRE(unix_a_full_backlog_is_waited_for)
{
    int fds[16], count = 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    make_folder();
    strcpy(address.sun_path, path);
    const int listener = hark_unix_listen(path, 1);
    do {
        CHECK_LT(count, 16);
        fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    } while (connect(fds[count++], (struct sockaddr *)&address, sizeof address) == 0);
    CHECK_EQ(hark_within(HARK_MS(10), hark_unix_connect(path)), -ETIMEDOUT);
    const hark_task task = hark_go(&group, connect_late, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    const int first = hark_accept(listener, NULL, NULL);
    CHECK_GE(first, 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("connected");
    CHECK_EQ(hark_close(first), 0);
    CHECK_EQ(hark_close(listener), 0);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(hark_close(fds[i]), 0);
    }
    remove_folder();
}

static int no_pipe(int fds[2], int flags)
{
    (void)fds, (void)flags;
    errno = EMFILE;
    return -1;
}

TEST(pair_ends_are_non_blocking_and_close_on_exec)
{
    int fds[2];
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(i ? hark_pipe(fds) : hark_socketpair(fds), 0);
        for (int end = 0; end < 2; end++) {
            CHECK_EQ(fcntl(fds[end], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
            CHECK_EQ(fcntl(fds[end], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
            CHECK_EQ(hark_close(fds[end]), 0);
        }
    }
    CHECK_MISUSE(hark_pipe(NULL), -EINVAL, "hark_pipe");
    CHECK_MISUSE(hark_socketpair(NULL), -EINVAL, "hark_socketpair");
    hark__sys.pipe2 = no_pipe;
    CHECK_MISUSE(hark_pipe(fds), -EMFILE, "hark_pipe");
}
