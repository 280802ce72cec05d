/* SPDX-License-Identifier: MIT
 *
 * unix.c - Unix sockets by name: files, and abstract ones.
 *
 * A server that died leaves its socket file behind, and bind then says EADDRINUSE for ever. So a
 * file that is in the way is asked: only if it is a socket and connecting to it is refused (nobody
 * has it) it is removed and bind tried once more. Whatever else is in the way stays.
 *
 * Removing Only who remembers which file it made, by device and inode (hark_unix_file), can say that
 *          it is still that one. Between looking and removing somebody could still put another
 *          there; nothing in Linux removes "this file, if".
 *
 * Modes    bind gives the file the mode of the socket's own inode, less the umask. So the inode
 *          gets the wanted mode before: there is no moment at which anybody may who should not.
 *          What the umask took away besides is given back afterwards. (The umask is the whole
 *          process's: changing it for a moment would be a race with every other thread.)
 *
 * Rules    U1  A name that begins with @ is abstract: a zero byte, and then exactly the bytes that
 *              follow, without a zero at the end.
 */
#include <fcntl.h>
#include <hark/pass.h>
#include <string.h>

#include "io/io.h"

struct name {
    struct sockaddr_un at;
    socklen_t length;
    bool abstract;
};

static const struct sockaddr *any(const struct name *name)
{
    return (const struct sockaddr *)&name->at;
}

static int fill(struct name *name, const char *path, const char *call)
{
    size_t size = path ? strlen(path) + 1 : 0;
    bool abstract = path && *path == '@';

    if (size <= 1 || (abstract && size == 2)) {
        return hark__fail(-EINVAL, call, "the path is %s", path ? "empty" : "NULL");
    }
    if (size - abstract > sizeof name->at.sun_path) {
        return hark__fail(-ENAMETOOLONG, call, "the path \"%.40s...\" has %lu bytes; at most %d",
                          path, (unsigned long)size - 1, (int)sizeof name->at.sun_path - !abstract);
    }
    *name = (struct name){.at = {.sun_family = AF_UNIX}, .abstract = abstract};
    memcpy(name->at.sun_path, path, size - abstract);
    if (abstract) {
        name->at.sun_path[0] = '\0';
    }
    name->length = abstract ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size - 1)
                            : (socklen_t)sizeof name->at;
    return 0;
}

static int failed(const char *call, const char *path, int error)
{
    return hark__fail(error, call, "\"%.110s\": %s", path, strerrordesc_np(-error));
}

/* ---- binding --------------------------------------------------------------------------------- */

/* What stands at path itself, not what a link leads to. A descriptor of it; -errno. */
static int open_there(const char *path, struct stat *status)
{
    int fd = hark__sys.open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    if (hark__sys.fstat(fd, status) < 0) {
        int error = -errno;
        hark__sys.close(fd);
        return error;
    }
    return fd;
}

/* 0, -errno. */
static int look_at(const char *path, struct stat *status)
{
    int fd = open_there(path, status);

    if (fd >= 0) {
        hark__sys.close(fd);
    }
    return fd < 0 ? fd : 0;
}

/* A socket that nobody has any more. One of another type than ours answers EPROTOTYPE. */
static bool is_stale(const struct name *name, bool datagrams)
{
    struct stat status;

    if (name->abstract || look_at(name->at.sun_path, &status) || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    int fd = datagrams ? hark__io_datagram(AF_UNIX) : hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return false;
    }
    int error = hark__io_connect_begin(fd, any(name), name->length);
    hark__io_discard(fd);
    return error == -ECONNREFUSED;
}

static int bind_to(int fd, const struct name *name, bool datagrams)
{
    if (hark__sys.bind(fd, any(name), name->length) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return -errno;
    }
    if (!is_stale(name, datagrams)) {
        return -EADDRINUSE;
    }
    if (hark__sys.unlink(name->at.sun_path) < 0 && errno != ENOENT) {
        return -errno;
    }
    return hark__sys.bind(fd, any(name), name->length) == 0 ? 0 : -errno;
}

/* Of what fd is, wherever its path leads by now: in a folder where others write that may be a link
 * to anything. Without /proc there is the path only. */
static int change_mode(int fd, const char *path, mode_t mode)
{
    char itself[32];

    snprintf(itself, sizeof itself, "/proc/self/fd/%d", fd);
    if (hark__sys.chmod(itself, mode) == 0) {
        return 0;
    }
    return errno == ENOENT && hark__sys.chmod(path, mode) == 0 ? 0 : -errno;
}

/* Which file it has made; and what the umask took away is given back. */
static int remember(hark_unix_file *file, const struct name *name, mode_t mode)
{
    const char *path = name->at.sun_path;
    struct stat status;
    int fd = open_there(path, &status), error = 0;

    if (fd < 0) {
        return fd;
    }
    if (!S_ISSOCK(status.st_mode)) {
        error = -ESTALE;
    } else if ((status.st_mode & 0777) != mode) {
        error = change_mode(fd, path, mode);
    }
    hark__sys.close(fd);
    if (error) {
        return error;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    memcpy(file->path, path, sizeof file->path);
    return 0;
}

static int bind_as(int fd, const struct name *name, hark_unix_file *file, mode_t mode)
{
    int error = hark__sys.fchmod(fd, mode) < 0 ? -errno : bind_to(fd, name, false);

    if (error || name->abstract) {
        return error;
    }
    error = remember(file, name, mode);
    if (error && error != -ESTALE) { /* else it is another's */
        hark__sys.unlink(name->at.sun_path);
    }
    return error;
}

/* ---- listening ------------------------------------------------------------------------------- */

/* file NULL: nobody will ask for it, and the umask decides. */
static int listen_at(const char *call, const char *path, int backlog, hark_unix_file *file,
                     mode_t mode)
{
    struct name name;
    int error = fill(&name, path, call);

    if (error) {
        return error;
    }
    int fd = hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return failed(call, path, fd);
    }
    error = file ? bind_as(fd, &name, file, mode) : bind_to(fd, &name, false);
    if (!error && hark__sys.listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0) {
        error = -errno;
        if (file && file->inode) {
            hark__sys.unlink(file->path);
            file->inode = 0;
        }
    }
    if (error) {
        hark__io_discard(fd);
        return failed(call, path, error);
    }
    return fd;
}

int hark_unix_listen(const char *path, int backlog)
{
    return listen_at("hark_unix_listen", path, backlog, NULL, 0);
}

int hark_unix_listen_as(hark_unix_file *file, const char *path, mode_t mode, int backlog)
{
    static const char call[] = "hark_unix_listen_as";

    if (!file) {
        return hark__fail(-EINVAL, call, "the file is NULL");
    }
    if (mode > 0777) {
        return hark__fail(-EINVAL, call, "a mode of 0%o; at most 0777", (unsigned)mode);
    }
    *file = (hark_unix_file){0};
    return listen_at(call, path, backlog, file, mode);
}

int hark_unix_remove(hark_unix_file *file)
{
    static const char call[] = "hark_unix_remove";
    struct stat status;

    if (!file) {
        return hark__fail(-EINVAL, call, "the file is NULL");
    }
    if (!file->inode) {
        return file->path[0] ? failed(call, file->path, -ENOENT) : 0;
    }
    int error = look_at(file->path, &status);
    if (!error && (status.st_dev != file->device || status.st_ino != file->inode)) {
        error = -ESTALE;
    }
    if (!error && hark__sys.unlink(file->path) < 0) {
        error = -errno;
    }
    if (!error || error == -ENOENT || error == -ESTALE) {
        file->inode = 0; /* another one that comes there is not ours */
    }
    return error ? failed(call, file->path, error) : 0;
}

/* ---- datagrams ------------------------------------------------------------------------------- */

/* The kernel chooses an abstract name when there is none. */
static int bind_anywhere(int fd)
{
    const struct sockaddr_un nameless = {.sun_family = AF_UNIX};
    const struct sockaddr *address = (const struct sockaddr *)&nameless;

    return hark__sys.bind(fd, address, sizeof nameless.sun_family) < 0 ? -errno : 0;
}

int hark_unix_datagram(const char *path)
{
    static const char call[] = "hark_unix_datagram";
    struct name name;
    int error = path ? fill(&name, path, call) : 0;

    if (error) {
        return error;
    }
    int fd = hark__io_datagram(AF_UNIX);
    error = fd < 0 ? fd : path ? bind_to(fd, &name, true) : bind_anywhere(fd);
    if (error && fd >= 0) {
        hark__io_discard(fd);
    }
    return error < 0 ? failed(call, path ? path : "(a free name)", error) : fd;
}

/* ---- connecting ------------------------------------------------------------------------------ */

int hark_unix_connect(const char *path)
{
    static const char call[] = "hark_unix_connect";
    struct name name;
    int error = hark__enter_task(call);

    if (error || (error = fill(&name, path, call))) {
        return error;
    }
    int fd = hark__io_socket(AF_UNIX, FD_SOCKET);
    if (fd < 0) {
        return failed(call, path, fd);
    }
    error = hark__io_connect(call, fd, any(&name), name.length);
    if (error) {
        hark__io_discard(fd);
        return error;
    }
    return fd;
}

/* ---- who is there ---------------------------------------------------------------------------- */

int hark_unix_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid)
{
    static const char call[] = "hark_unix_peer";
    struct ucred peer = {.pid = 0};
    int domain = 0;
    socklen_t length = sizeof domain, size = sizeof peer;

    if (hark__sys.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) {
        return hark__io_fail(call, fd, -errno);
    }
    if (domain != AF_UNIX) {
        return hark__fail(-EINVAL, call, "descriptor %d is no Unix socket", fd);
    }
    if (hark__sys.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        return hark__io_fail(call, fd, -errno);
    }
    if (peer.uid == (uid_t)-1) {
        return hark__fail(-ENODATA, call, "descriptor %d has no peer: it is not connected", fd);
    }
    *(pid ? pid : &peer.pid) = peer.pid;
    *(uid ? uid : &peer.uid) = peer.uid;
    *(gid ? gid : &peer.gid) = peer.gid;
    return 0;
}
