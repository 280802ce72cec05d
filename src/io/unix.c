/* SPDX-License-Identifier: MIT
 *
 * unix.c - Unix sockets by path.
 *
 * A server that died leaves its socket file behind, and bind then says EADDRINUSE for ever. So a
 * file that is in the way is asked: only if it is a socket and connecting to it is refused (nobody
 * listens) it is removed and bind tried once more. Whatever else is in the way stays.
 *
 * Not here Removing the file when the listener is closed: its path may have another owner by then.
 */
#include <fcntl.h>
#include <string.h>

#include "io/io.h"

static int fill(struct sockaddr_un *address, const char *path, const char *call)
{
    size_t size = path ? strlen(path) + 1 : 0;

    if (size <= 1) {
        return hark__fail(-EINVAL, call, "the path is %s", path ? "empty" : "NULL");
    }
    if (size > sizeof address->sun_path) {
        return hark__fail(-ENAMETOOLONG, call, "the path \"%.40s...\" has %lu bytes; at most %d",
                          path, (unsigned long)size - 1, (int)sizeof address->sun_path - 1);
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, size);
    return 0;
}

static int failed(const char *call, const char *path, int error)
{
    return hark__fail(error, call, "\"%.110s\": %s", path, strerrordesc_np(-error));
}

/* ---- listening ------------------------------------------------------------------------------ */

static bool is_socket(const char *path)
{
    struct stat status;
    int fd = hark__sys.open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    bool yes = hark__sys.fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    hark__sys.close(fd);
    return yes;
}

/* A socket that nobody listens on any more. */
static bool is_stale(const struct sockaddr_un *address)
{
    if (!is_socket(address->sun_path)) {
        return false;
    }
    int fd = hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return false;
    }
    int error = hark__io_connect_begin(fd, (const struct sockaddr *)address, sizeof *address);
    hark__io_discard(fd);
    return error == -ECONNREFUSED;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *any = (const struct sockaddr *)address;

    if (hark__sys.bind(fd, any, sizeof *address) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return -errno;
    }
    if (!is_stale(address)) {
        return -EADDRINUSE;
    }
    if (hark__sys.unlink(address->sun_path) < 0 && errno != ENOENT) {
        return -errno;
    }
    return hark__sys.bind(fd, any, sizeof *address) == 0 ? 0 : -errno;
}

int hark_unix_listen(const char *path, int backlog)
{
    static const char call[] = "hark_unix_listen";
    struct sockaddr_un address;
    int error = fill(&address, path, call);

    if (error) {
        return error;
    }
    int fd = hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return failed(call, path, fd);
    }
    error = bind_to(fd, &address);
    if (!error && hark__sys.listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0) {
        error = -errno;
    }
    if (error) {
        hark__io_discard(fd);
        return failed(call, path, error);
    }
    return fd;
}

/* ---- connecting ----------------------------------------------------------------------------- */

int hark_unix_connect(const char *path)
{
    static const char call[] = "hark_unix_connect";
    struct sockaddr_un address;
    int error = hark__io_enter(call);

    if (error || (error = fill(&address, path, call))) {
        return error;
    }
    int fd = hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return failed(call, path, fd);
    }
    error = hark__io_connect(call, fd, (const struct sockaddr *)&address, sizeof address);
    if (error) {
        hark__io_discard(fd);
        return error;
    }
    return fd;
}
