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

/* ---- names that are no files ---------------------------------------------------------------- */

static const char *abstract(void)
{
    static char name[64];
    snprintf(name, sizeof name, "@hark-test-%d", (int)getpid());
    return name;
}

ON_WIRE(unix_N16_abstract_names_leave_no_file)
{
    char byte, longer[109];
    const int listener = hark_unix_listen(abstract(), 0);
    CHECK_GE(listener, 0);
    CHECK(access(abstract(), F_OK) < 0);
    const int a = hark_unix_connect(abstract()), b = hark_accept(listener, NULL, NULL);
    CHECK_GE(a, 0);
    CHECK_GE(b, 0);
    CHECK_EQ(hark_write(a, "x", 1), 1);
    CHECK_EQ(hark_read(b, &byte, 1), 1);
    CHECK_MISUSE(hark_unix_listen(abstract(), 0), -EADDRINUSE, abstract());
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_MISUSE(hark_unix_connect(abstract()), -ECONNREFUSED, abstract());
    CHECK_MISUSE(hark_unix_listen("@", 0), -EINVAL, "empty");
    memset(longer, 'x', sizeof longer);
    longer[snprintf(longer, sizeof longer, "@%d", getpid())] = 'x'; /* others run beside us */
    longer[108] = 0; /* a zero, and 107 bytes: the longest */
    CHECK_GE(hark_close(hark_unix_listen(longer, 0)), 0);
}

/* N16: an abstract name is exactly its bytes: one that only begins so is another. */
ON_WIRE(unix_abstract_names_end_where_they_end)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    const int listener = hark_unix_listen(abstract(), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    CHECK_EQ(length, offsetof(struct sockaddr_un, sun_path) + strlen(abstract()));
    CHECK_EQ(hark_close(listener), 0);
}

/* B18: nobody is kept out by a file's mode, so a server must look who it is. */
ON_WIRE(unix_B18_the_kernel_says_who_the_peer_is)
{
    int fds[2];
    pid_t pid = 0;
    uid_t uid = 77;
    gid_t gid = 77;
    const int listener = hark_unix_listen(abstract(), 0);
    const int a = hark_unix_connect(abstract()), b = hark_accept(listener, NULL, NULL);
    CHECK_EQ(hark_unix_peer(b, &pid, &uid, &gid), 0);
    CHECK_EQ(pid, getpid());
    CHECK_EQ(uid, geteuid());
    CHECK_EQ(gid, getegid());
    CHECK_EQ(hark_unix_peer(b, NULL, NULL, NULL), 0);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_unix_peer(b, &pid, NULL, NULL), 0); /* also when it is gone */
    CHECK_EQ(hark_close(b), 0);
    CHECK_EQ(hark_close(listener), 0);
    const int alone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_MISUSE(hark_unix_peer(alone, &pid, NULL, NULL), -ENODATA, "not connected");
    CHECK_EQ(hark_close(alone), 0);
    CHECK_MISUSE(hark_unix_peer(alone, &pid, NULL, NULL), -EBADF, "hark_unix_peer");
    wire(TCP, fds);
    CHECK_MISUSE(hark_unix_peer(fds[0], &pid, NULL, NULL), -EINVAL, "no Unix socket");
    unwire(fds);
    wire(PIPE, fds);
    CHECK_MISUSE(hark_unix_peer(fds[0], &pid, NULL, NULL), -ENOTSOCK, "hark_unix_peer");
    unwire(fds);
}

/* ---- files with a mode, and their end ------------------------------------------------------- */

static mode_t mode_of(const char *file)
{
    struct stat status;
    CHECK_EQ(lstat(file, &status), 0);
    CHECK(S_ISSOCK(status.st_mode));
    return status.st_mode & 0777;
}

static mode_t worst;

/* What anybody would see who looks between bind and whatever comes after it. */
static int watching_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    const int rc = bind(fd, address, length);
    if (rc == 0) {
        worst |= mode_of(path);
    }
    return rc;
}

static char victim[160];
static struct hark__sys kept;

static void swap_for_a_link(void)
{
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(symlink(victim, path), 0);
}

static int bind_and_swap(int fd, const struct sockaddr *address, socklen_t length)
{
    const int rc = kept.bind(fd, address, length);
    swap_for_a_link();
    return rc;
}

static int swap_and_chmod(const char *name, mode_t mode)
{
    swap_for_a_link();
    return kept.chmod(name, mode);
}

/* Somebody else may write in the folder, too. */
TEST(unix_file_swapped_for_a_link_leads_nowhere)
{
    hark_unix_file file;
    struct stat status;

    make_folder();
    snprintf(victim, sizeof victim, "%s/victim", folder);
    close(open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const mode_t before = umask(077);
    kept = hark__sys;
    hark__sys.bind = bind_and_swap;
    CHECK_MISUSE(hark_unix_listen_as(&file, path, 0666, 0), -ESTALE, path);
    CHECK_EQ(stat(victim, &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0600);
    CHECK_EQ(unlink(path), 0); /* another's: it was left alone */
    hark__sys = kept;
    hark__sys.chmod = swap_and_chmod;
    const int fd = hark_unix_listen_as(&file, path, 0666, 0);
    CHECK_GE(fd, 0);
    CHECK_EQ(stat(victim, &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0600);
    hark__sys = kept;
    CHECK_MISUSE(hark_unix_remove(&file), -ESTALE, path);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(unlink(victim), 0);
    umask(before);
    remove_folder();
}

TEST(unix_B19_the_mode_is_right_from_the_first_moment)
{
    const mode_t modes[] = {0600, 0660, 0777, 0, 0700};
    hark_unix_file file;
    make_folder();
    hark__sys.bind = watching_bind;
    for (int mask = 0; mask < 2; mask++) {
        umask(mask ? 0077 : 0);
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            worst = 0;
            const int fd = hark_unix_listen_as(&file, path, modes[i], 0);
            CHECK_GE(fd, 0);
            CHECK_EQ(worst & ~modes[i], 0); /* never more than was wanted */
            CHECK_EQ(mode_of(path), modes[i]);
            CHECK_EQ(hark_close(fd), 0);
            CHECK_EQ(hark_unix_remove(&file), 0);
        }
    }
    remove_folder();
}

TEST(unix_LP_30_the_file_is_removed_only_if_it_is_still_ours)
{
    hark_unix_file file;
    make_folder();
    int first = hark_unix_listen_as(&file, path, 0600, 0);
    CHECK_GE(first, 0);
    CHECK_EQ(hark_unix_remove(&file), 0); /* also before closing */
    CHECK(access(path, F_OK) < 0);
    CHECK_MISUSE(hark_unix_remove(&file), -ENOENT, path);
    CHECK_EQ(hark_close(first), 0);
    /* gone already */
    first = hark_unix_listen_as(&file, path, 0600, 0);
    CHECK_EQ(unlink(path), 0);
    CHECK_MISUSE(hark_unix_remove(&file), -ENOENT, path);
    CHECK_EQ(hark_close(first), 0);
    /* another's by now */
    first = hark_unix_listen_as(&file, path, 0600, 0);
    char aside[160];
    snprintf(aside, sizeof aside, "%s-old", path);
    CHECK_EQ(rename(path, aside), 0);
    const int second = hark_unix_listen(path, 0);
    CHECK_GE(second, 0);
    CHECK_MISUSE(hark_unix_remove(&file), -ESTALE, path);
    CHECK_EQ(access(path, F_OK), 0);
    CHECK_EQ(unlink(aside), 0);
    CHECK_EQ(hark_close(first), 0);
    CHECK_EQ(hark_close(second), 0);
    remove_folder();
}

TEST(unix_listen_as_misuse_and_abstract_names)
{
    hark_unix_file file;
    CHECK_MISUSE(hark_unix_listen_as(NULL, "x", 0600, 0), -EINVAL, "the file is NULL");
    CHECK_MISUSE(hark_unix_listen_as(&file, "x", 01777, 0), -EINVAL, "01777");
    CHECK_MISUSE(hark_unix_listen_as(&file, NULL, 0600, 0), -EINVAL, "NULL");
    CHECK_MISUSE(hark_unix_listen_as(&file, "/proc/self/none/x", 0600, 0), -ENOENT, "none/x");
    CHECK_EQ(hark_unix_remove(&file), 0); /* nothing was made */
    CHECK_MISUSE(hark_unix_remove(NULL), -EINVAL, "NULL");
    const int fd = hark_unix_listen_as(&file, abstract(), 0600, 0);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_unix_remove(&file), 0);
    CHECK_EQ(hark_close(fd), 0);
}

static int no_chmod(const char *file, mode_t mode)
{
    (void)file, (void)mode;
    errno = EPERM;
    return -1;
}

static int no_fchmod(int fd, mode_t mode)
{
    (void)fd, (void)mode;
    errno = EPERM;
    return -1;
}

static int no_listen(int fd, int backlog)
{
    (void)fd, (void)backlog;
    errno = EADDRINUSE;
    return -1;
}

TEST(unix_SYS_what_cannot_be_made_leaves_no_file)
{
    hark_unix_file file;
    make_folder();
    umask(0077);
    hark__sys.chmod = no_chmod;
    CHECK_MISUSE(hark_unix_listen_as(&file, path, 0666, 0), -EPERM, path);
    CHECK(access(path, F_OK) < 0);
    hark__sys.chmod = chmod;
    hark__sys.fchmod = no_fchmod;
    CHECK_MISUSE(hark_unix_listen_as(&file, path, 0666, 0), -EPERM, path);
    CHECK(access(path, F_OK) < 0);
    hark__sys.fchmod = fchmod;
    hark__sys.listen = no_listen;
    CHECK_MISUSE(hark_unix_listen_as(&file, path, 0666, 0), -EADDRINUSE, path);
    CHECK(access(path, F_OK) < 0);
    remove_folder();
}

/* ---- datagrams ------------------------------------------------------------------------------ */

TEST(unix_datagram_names)
{
    make_folder();
    const int first = hark_unix_datagram(path);
    CHECK_GE(first, 0);
    CHECK_MISUSE(hark_unix_datagram(path), -EADDRINUSE, path);
    CHECK_MISUSE(hark_unix_listen(path, 0), -EADDRINUSE, path); /* it is somebody's, of any type */
    CHECK_EQ(hark_close(first), 0);
    const int second = hark_unix_datagram(path); /* nobody's any more */
    CHECK_GE(second, 0);
    CHECK_EQ(hark_close(second), 0);
    CHECK_MISUSE(hark_unix_datagram(""), -EINVAL, "empty");
    CHECK_MISUSE(hark_unix_datagram("/proc/self/none/x"), -ENOENT, "none/x");
    const int named = hark_unix_datagram(abstract());
    CHECK_GE(named, 0);
    CHECK_EQ(hark_close(named), 0);
    remove_folder();
}

/* ---- pairs ---------------------------------------------------------------------------------- */

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
