/* SPDX-License-Identifier: MIT
 *
 * plain.c - streams over descriptors: sockets, pipes, terminals, files. They are but calls of
 * move.c and socket.c, and what differs at the end:
 *
 *              socket      half-closes by shutdown(2)
 *              two         a half-close closes the one that is written
 *              terminal    its other side has gone: reading says -EIO for ever, which is the end;
 *                          writing too, which is -EPIPE
 *
 * Rules    P1  After a wait the stream may be gone, so descriptors are copied before it.
 *          P2  A descriptor is taken over last, when nothing can fail any more.
 */
#include <fcntl.h>

#include "io/stream.h"

/* ---- the kinds ------------------------------------------------------------------------------- */

/* A terminal whose other side has gone says "I/O error", for ever. */
static bool other_side_has_gone(int fd)
{
    struct pollfd poll = {.fd = fd};
    int count;

    do {
        count = hark__sys.poll(&poll, 1, 0);
    } while (count < 0 && errno == EINTR);
    return count > 0 && poll.revents & POLLHUP;
}

static ssize_t plain_read(hark_stream *s, void *buffer, size_t size)
{
    int fd = s->in;
    ssize_t moved = hark_read(fd, buffer, size);

    return unlikely(moved == -EIO) && other_side_has_gone(fd) ? 0 : moved;
}

static ssize_t plain_write(hark_stream *s, const void *buffer, size_t size)
{
    int fd = s->out;
    ssize_t moved = hark_write(fd, buffer, size);

    return unlikely(moved == -EIO) && other_side_has_gone(fd)
               ? hark__fail(-EPIPE, "hark_stream_write", "the terminal's other side has gone")
               : moved;
}

/* Two: the other side hears the end when ours is closed; a socket may have more names than this
 * one, so it is told as well. */
static int close_out(hark_stream *s)
{
    int fd = s->out;

    s->out = -1;
    if (fd < 0) {
        return 0;
    }
    hark__sys.shutdown(fd, SHUT_WR);
    return hark_close(fd);
}

static int plain_half_close(hark_stream *s)
{
    static const char call[] = "hark_stream_half_close";

    if (s->in != s->out) {
        return close_out(s);
    }
    if (hark__sys.shutdown(s->out, SHUT_WR) == 0 || errno == ENOTCONN) {
        return 0;
    }
    return errno == ENOTSOCK
               ? hark__fail(-EOPNOTSUPP, call, "descriptor %d has no half-close: no socket", s->out)
               : hark__io_fail(call, s->out, -errno);
}

static int plain_close(hark_stream *s)
{
    int error = s->in >= 0 ? hark_close(s->in) : 0;
    int late = s->out >= 0 && s->out != s->in ? hark_close(s->out) : 0;

    return error ? error : late;
}

static int plain_fd(const hark_stream *s)
{
    return s->in >= 0 ? s->in : s->out;
}

#define PLAIN \
    .size = sizeof(hark_stream_class), .name = "a descriptor", .close = plain_close, .fd = plain_fd

static const hark_stream_class both_ways = {PLAIN, .read = plain_read, .write = plain_write,
                                            .half_close = plain_half_close};
static const hark_stream_class only_in = {PLAIN, .read = plain_read};
static const hark_stream_class only_out = {PLAIN, .write = plain_write,
                                           .half_close = plain_half_close};

static int adopt(hark_stream *s, int in, int out)
{
    *s = (hark_stream)HARK_STREAM_INIT;
    s->in = in;
    s->out = out;
    s->kind = in < 0 ? &only_out : out < 0 ? &only_in : &both_ways;
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* How it may be used: O_RDONLY, O_WRONLY, O_RDWR; -EBADF. */
static int mode_of(int fd, const char *call)
{
    int flags = fd < 0 ? -1 : hark__sys.fcntl_int(fd, F_GETFL, 0);

    return flags < 0 ? hark__io_fail(call, fd, fd < 0 ? -EBADF : -errno) : flags & O_ACCMODE;
}

int hark_stream_open(hark_stream *s, int fd)
{
    static const char call[] = "hark_stream_open";
    int mode = hark__stream_begin(s, call);

    if (mode || (mode = mode_of(fd, call)) < 0) {
        return mode;
    }
    return adopt(s, mode == O_WRONLY ? -1 : fd, mode == O_RDONLY ? -1 : fd);
}

int hark_stream_open_two(hark_stream *s, int in, int out)
{
    static const char call[] = "hark_stream_open_two";
    int mode = hark__stream_begin(s, call);

    if (mode) {
        return mode;
    }
    if (in == -1 && out == -1) {
        return hark__fail(-EINVAL, call, "both descriptors are -1; at least one is needed");
    }
    if (in != -1 && ((mode = mode_of(in, call)) < 0 || mode == O_WRONLY)) {
        return hark__io_fail(call, in, mode < 0 ? mode : -EBADF);
    }
    if (out != -1 && ((mode = mode_of(out, call)) < 0 || mode == O_RDONLY)) {
        return hark__io_fail(call, out, mode < 0 ? mode : -EBADF);
    }
    return adopt(s, in, out);
}

int hark_stream_connect(hark_stream *s, const char *host, const char *port)
{
    int fd = hark__stream_begin(s, "hark_stream_connect");

    if (fd || (fd = hark_tcp_connect(host, port)) < 0) {
        return fd;
    }
    return adopt(s, fd, fd);
}

int hark_stream_accept(hark_stream *s, int listener)
{
    int fd = hark__stream_begin(s, "hark_stream_accept");

    if (fd || (fd = hark_accept(listener, NULL, NULL)) < 0) {
        return fd;
    }
    return adopt(s, fd, fd);
}
