/* SPDX-License-Identifier: MIT
 *
 * socket.c - accepting and connecting.
 *
 * accept   What comes out of the kernel as an error may belong to the peer that was to be accepted:
 *          it is gone, the listener is well, and the next one is asked for. When there is no
 *          descriptor or no memory left, waiting for readiness would spin, since the listener stays
 *          ready; so the task sleeps a moment and tries again, and the peer waits in the backlog.
 *
 * connect  Begun, then waited for: writable is the end of it, and SO_ERROR is how it ended. The end
 *          is looked at again with poll(2), since a report may be spurious and SO_ERROR says 0 also
 *          of a connection that is still on its way.
 *
 * Rules    S1  The descriptor that accept returns is announced before anybody else can run.
 *          S2  After every sleep the listener's generation is looked at: it may have been closed.
 */
#include <fcntl.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define SHORTAGE HARK_MS(50) /* between two attempts when something is lacking */
#define SKIPS    64          /* peers that were gone, in a row, before the task takes a rest */

static int new_socket(int domain, int type, int kind)
{
    int fd = hark__sys.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    hark__fd_fresh(hark__loop_here(), fd, kind);
    return fd;
}

int hark__io_socket(int domain, int kind)
{
    return new_socket(domain, SOCK_STREAM, kind);
}

int hark__io_datagram(int domain)
{
    return new_socket(domain, SOCK_DGRAM, FD_SOCKET);
}

void hark__io_discard(int fd)
{
    hark__fd_drop(hark__here, fd);
    hark__sys.close(fd);
}

/* ---- accept --------------------------------------------------------------------------------- */

static bool peer_is_gone(int error)
{
    switch (error) {
    case -ECONNABORTED:
    case -ECONNRESET:
    case -EPROTO:
    case -EPERM: /* a firewall's rule */
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ETIMEDOUT: return true;
    default: return false;
    }
}

static bool something_lacks(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

static int accept_now(struct hark__fd *entry, struct sockaddr *address, socklen_t *length)
{
    socklen_t room = length ? *length : 0;
    int fd;

    if (!hark__io_nonblocking(entry->fd)) {
        int ready = hark__io_poll(entry->fd, POLLIN);
        if (ready <= 0) {
            return ready == 0 ? -EAGAIN : ready;
        }
    }
    do {
        if (length) {
            *length = room;
        }
        fd = hark__sys.accept4(entry->fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        if (length) {
            *length = room;
        }
        return -errno;
    }
    hark__fd_fresh(hark__here, fd, entry->kind);
    return fd;
}

static int rest(const char *call, struct hark__fd *entry)
{
    uint32_t generation = entry->generation;
    int error = hark_sleep(SHORTAGE);

    return error || entry->generation == generation ? error : hark__io_gone(call, entry->fd);
}

static int accept_failed(const char *call, int fd, int error)
{
    if (error == -EINVAL) {
        return hark__fail(error, call, "descriptor %d does not listen", fd);
    }
    return hark__io_fail(call, fd, error);
}

/* !patient: -EAGAIN when nobody is there. */
static int accept_one(const char *call, struct hark__fd *entry, struct sockaddr *address,
                      socklen_t *length, bool patient)
{
    bool waited = false;
    int skips = 0;

    for (;;) {
        bool surely_none = patient && hark__io_waits_first(entry, POLLIN);
        int fd = surely_none ? -EAGAIN : accept_now(entry, address, length), error = 0;

        if (fd >= 0) {
            if (!waited) {
                hark__pass();
            }
            return fd;
        }
        if (fd == -EAGAIN && !patient) {
            return fd;
        }
        if (fd == -EAGAIN) {
            error = hark__io_wait(call, entry, FD_IN);
            waited = true;
        } else if (something_lacks(fd) || (peer_is_gone(fd) && ++skips % SKIPS == 0)) {
            error = rest(call, entry);
            waited = true;
        } else if (!peer_is_gone(fd)) {
            error = accept_failed(call, entry->fd, fd);
        }
        if (error) {
            return error;
        }
    }
}

int hark__io_accept_now(const char *call, int fd)
{
    struct hark__fd *entry;
    int error = hark__enter_task(call);

    if (error || (error = hark__io_entry(&entry, call, fd)) ||
        (error = hark__io_busy(call, entry, FD_IN))) {
        return error;
    }
    return accept_one(call, entry, NULL, NULL, false);
}

int hark_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    static const char call[] = "hark_accept";
    struct hark__fd *entry;
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (address && !length) {
        return hark__fail(-EINVAL, call, "descriptor %d: an address without its length", fd);
    }
    if ((error = hark__io_entry(&entry, call, fd)) || (error = hark__io_busy(call, entry, FD_IN))) {
        return error;
    }
    return accept_one(call, entry, address, address ? length : NULL, true);
}

/* ---- connect -------------------------------------------------------------------------------- */

/* EINTR and EALREADY: it goes on by itself. */
int hark__io_connect_begin(int fd, const struct sockaddr *address, socklen_t length)
{
    if (hark__sys.connect(fd, address, length) == 0) {
        return 0;
    }
    return errno == EINTR || errno == EALREADY ? -EINPROGRESS : -errno;
}

int hark__io_connect_end(int fd)
{
    int ready = hark__io_poll(fd, POLLOUT), error = 0;
    socklen_t length = sizeof error;

    if (ready <= 0) {
        return ready == 0 ? -EINPROGRESS : ready;
    }
    if (hark__sys.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
        return -errno;
    }
    return -error;
}

static int make_nonblocking(int fd)
{
    int flags = hark__sys.fcntl_int(fd, F_GETFL, 0);

    if (flags < 0 ||
        (!(flags & O_NONBLOCK) && hark__sys.fcntl_int(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
        return -errno;
    }
    return 0;
}

static int connect_failed(const char *call, int fd, const struct sockaddr *address,
                          socklen_t length, int error)
{
    hark_address known = {.length = length};
    char text[HARK__IO_ADDRESS_TEXT];
    int family = address->sa_family;

    if (family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path)) {
        const char *path = ((const struct sockaddr_un *)address)->sun_path;
        int size = (int)(length - offsetof(struct sockaddr_un, sun_path));
        bool abstract = !*path;
        return hark__fail(error, call, "descriptor %d to \"%s%.*s\": %s", fd, abstract ? "@" : "",
                          size - abstract, path + abstract, strerrordesc_np(-error));
    }
    if ((family != AF_INET && family != AF_INET6) || length > sizeof known.at ||
        length < sizeof known.at.v4) {
        return hark__io_fail(call, fd, error);
    }
    memcpy(&known.at, address, length);
    return hark__fail(error, call, "descriptor %d to %s port %d: %s", fd,
                      hark__io_address_text(&known, text), ntohs(known.at.v4.sin_port),
                      strerrordesc_np(-error));
}

/* A Unix listener whose backlog is full says EAGAIN, and nobody tells when it has room again. */
static int begin_patiently(struct hark__fd *entry, const struct sockaddr *address, socklen_t length)
{
    uint32_t generation = entry->generation;
    int64_t pause = HARK_MS(1);
    int error;

    while ((error = hark__io_connect_begin(entry->fd, address, length)) == -EAGAIN &&
           address->sa_family == AF_UNIX) {
        error = hark_sleep(pause);
        if (error) {
            return error;
        }
        if (entry->generation != generation) {
            return -EBADF;
        }
        pause = pause * 2 > SHORTAGE ? SHORTAGE : pause * 2;
    }
    return error;
}

static int connect_to(const char *call, struct hark__fd *entry, const struct sockaddr *address,
                      socklen_t length)
{
    int error = begin_patiently(entry, address, length);

    if (error == 0) {
        hark__pass();
        return 0;
    }
    while (error == -EINPROGRESS) {
        error = hark__io_wait(call, entry, FD_OUT);
        if (error) {
            return error;
        }
        error = hark__io_connect_end(entry->fd);
    }
    if (error == 0 || error == -ECANCELED) {
        return error;
    }
    return connect_failed(call, entry->fd, address, length, error);
}

int hark__io_connect(const char *call, int fd, const struct sockaddr *address, socklen_t length)
{
    struct hark__fd *entry;
    int error = hark__io_entry(&entry, call, fd);

    if (error || (error = hark__io_busy(call, entry, FD_OUT))) {
        return error;
    }
    return connect_to(call, entry, address, length);
}

int hark_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static const char call[] = "hark_connect";
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!address || length < sizeof address->sa_family) {
        return hark__fail(-EINVAL, call, "descriptor %d: the address is %s", fd,
                          address ? "too short" : "NULL");
    }
    error = make_nonblocking(fd);
    return error ? hark__io_fail(call, fd, error) : hark__io_connect(call, fd, address, length);
}
