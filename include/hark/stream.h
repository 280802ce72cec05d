/* SPDX-License-Identifier: MIT
 *
 * hark/stream.h - bytes in order, both ways, whatever carries them: a TCP or Unix socket, a pipe, a
 * terminal, a child's pipes, TLS, memory, or a kind of your own.
 *
 * Four rules:
 *   One task reads and one writes at a time, the same or two: a second one gets -EBUSY.
 *   A call that was cancelled moved nothing, or tells how much. What was read ahead is still there.
 *   The end stays the end, and a broken connection stays broken: neither is ever taken for the
 *   other, and asking again gives the same answer.
 *   Closing never waits, wakes who reads or writes with -EBADF, and may be done while they do: the
 *   struct can be opened anew, or be gone, before they have run.
 *
 * Reading lines, up to a mark, peeking and copying read ahead, into a buffer that is allocated when
 * the first of them is called and grows up to what they are asked for, never further: a peer that
 * sends more waits. Plain reads that find it empty go straight to what lies below.
 *
 * A stream that is idle may go on in another thread's loop: before it does, tell its old loop so
 * with hark_forget(hark_stream_fd(s)).
 */
#ifndef HARK_STREAM_H
#define HARK_STREAM_H

#include <hark/base.h>
#include <sys/socket.h>
#include <sys/types.h>

HARK_BEGIN

typedef struct hark_stream hark_stream;

/* hark_stream_class - what a kind of stream does; for kinds of your own: a compressor, a test's
 * fake, TLS. It must outlive its streams.
 *
 * The functions are called in a task, by one that reads and one that writes at most; buffers are
 * not NULL, sizes from 1 to 0x7ffff000. Each answers what the call of that name in this header
 * promises, with words (hark_fail) for what has gone wrong. The stream itself sees to the rest: who
 * is busy, what is closed, what stays. s->inner is the kind's own. Since `close` may be called while
 * one of the others waits, these must not look at *s after a wait, however it ended: *s may be gone
 * by then, and s->inner must not be before they have returned. */
typedef struct hark_stream_class {
    size_t size;      /* sizeof(hark_stream_class) */
    const char *name; /* "tcp": for words */
    /* At least one byte, at most `size`; 0: the other side has written all that it will. NULL: it
     * cannot be read. */
    ssize_t (*read)(hark_stream *s, void *buffer, size_t size);
    /* At least one byte. NULL: it cannot be written. */
    ssize_t (*write)(hark_stream *s, const void *buffer, size_t size);
    /* Nothing more will be written. May wait. NULL: -EOPNOTSUPP. */
    int (*half_close)(hark_stream *s);
    /* Let go of everything at once; never wait, not even for what was written and not sent; wake
     * who reads or writes with -EBADF. Also outside a task. NULL: there is nothing. */
    int (*close)(hark_stream *s);
    /* The descriptor that lies below. NULL: -EOPNOTSUPP. */
    int (*fd)(const hark_stream *s);
} hark_stream_class;

struct hark_stream {
    const hark_stream_class *kind; /* NULL: closed */
    void *inner;                   /* the kind's own */
    int in, out;                   /* descriptors of the plain kinds; -1: none */
    /* private */
    struct hark__stream_visit *visits[2]; /* who reads, who writes */
    unsigned char *ahead;                 /* what was read ahead: room for `room` bytes, ... */
    size_t from, used, room;              /* ... `used` of them are there, beginning at `from` */
    int broken[2];                        /* it broke while reading, while writing: -errno */
    bool ended, shut;                     /* nothing more will be read, be written */
};

#define HARK_STREAM_INIT \
    { \
        NULL, NULL, -1, -1, {NULL, NULL}, NULL, 0, 0, 0, {0, 0}, false, false \
    }

/* ---- opening -----------------------------------------------------------------------------------
 *
 * *s may hold anything but an open stream; on failure it is closed, and what was given still the
 * caller's. */

/* hark_stream_open - the stream takes over fd: a connected socket, the end of a pipe, a terminal, a
 * file. What can only be read or only be written (O_RDONLY, O_WRONLY) gives such a stream.
 *
 * Never blocks. Returns 0; -EBADF (not open); -EINVAL (NULL). */
HARK_API int hark_stream_open(hark_stream *s, int fd);

/* hark_stream_open_two - reads from `in` and writes to `out`, and takes over both: a child's pipes,
 * standard input and output. Either may be -1: there is none. They may be the same.
 *
 * Never blocks. Returns 0; -EBADF (one is not open, or not for that); -EINVAL (NULL; both are
 * -1). */
HARK_API int hark_stream_open_two(hark_stream *s, int in, int out);

/* hark_stream_open_class - a stream of a kind of your own, with what is `inner` to it.
 *
 * Never blocks. Returns 0; -EINVAL (NULL; kind->size is none that this library knows; it can
 * neither be read nor be written). */
HARK_API int hark_stream_open_class(hark_stream *s, const hark_stream_class *kind, void *inner);

/* hark_stream_pair - two ends in memory: what one writes the other reads, without descriptors,
 * without the kernel. For tests, and between tasks.
 *
 * `capacity` bytes may be on their way in each direction; 0: a write returns when a read has taken
 * some of it, the strictest of all streams. Both ends live in the loop of the first task that uses
 * them. Half-closes. Never blocks; allocates all that it will need. Returns 0; -EINVAL (NULL, twice
 * the same, or more bytes than there are addresses); -ENOMEM. Source: Trio's memory_stream_pair and
 * lockstep_stream_pair. */
HARK_API int hark_stream_pair(hark_stream *a, hark_stream *b, size_t capacity);

/* hark_stream_connect - hark_tcp_connect, and a stream over it. Blocks: a checkpoint. Returns 0;
 * otherwise as hark_tcp_connect; -EINVAL (NULL). */
HARK_API int hark_stream_connect(hark_stream *s, const char *host, const char *port);

/* hark_stream_accept - hark_accept, and a stream over it. Blocks: a checkpoint. Returns 0;
 * otherwise as hark_accept; -EINVAL (NULL). */
HARK_API int hark_stream_accept(hark_stream *s, int listener);

/* ---- reading and writing --------------------------------------------------------------------- */

/* hark_stream_read - read what there is, at least one byte, at most `size`; 0 when the other side
 * has written all that it will, and for size 0. What was read ahead comes first.
 *
 * Blocks: a checkpoint. Returns the count; -ECANCELED (nothing was taken); -EBUSY (another task
 * reads); -EBADF (closed, also meanwhile; or only for writing); -ECONNRESET and its like (the
 * connection broke; from then on always); -EINVAL (NULL); -ENOTSUP outside a task; and what the
 * kind says. */
HARK_API ssize_t hark_stream_read(hark_stream *s, void *buffer, size_t size);

/* hark_stream_write - write some of it, at least one byte (0 for size 0: nothing is sent). That it
 * was written does not mean that the other side has it.
 *
 * Blocks while there is no room: a checkpoint. Never raises SIGPIPE. Returns the count; -ECANCELED
 * (nothing was written); -EBUSY (another task writes); -EPIPE (half-closed here; or nobody will
 * read it: from then on always); -EBADF, -ECONNRESET, ... as hark_stream_read. */
HARK_API ssize_t hark_stream_write(hark_stream *s, const void *buffer, size_t size);

/* hark_stream_read_full - read exactly `size` bytes. *done (may be NULL) gets the bytes moved, also
 * on failure.
 *
 * Blocks: a checkpoint. Returns 0; -ENODATA (it ended before); -ECANCELED, here also after some
 * bytes have moved; otherwise as hark_stream_read. */
HARK_API int hark_stream_read_full(hark_stream *s, void *buffer, size_t size, size_t *done);

/* hark_stream_write_full - write all `size` bytes. *done (may be NULL) gets the bytes moved, also
 * on failure. Nobody else's bytes come between. Blocks: a checkpoint. Returns 0; otherwise as
 * hark_stream_write, -ECANCELED also after some bytes. */
HARK_API int hark_stream_write_full(hark_stream *s, const void *buffer, size_t size, size_t *done);

/* hark_stream_read_until - read up to the first `mark`, and with it, into `buffer`; no zero is put
 * behind it.
 *
 * When it fails, nothing was taken: the bytes are there for the next call, whichever it is. Blocks:
 * a checkpoint. Allocates. Returns the count; -EMSGSIZE (no mark within `size` bytes); -ENODATA
 * (the stream ended before a mark came; hark_stream_buffered says how much is left to be read);
 * -EINVAL (NULL, a mark of no bytes); -ENOMEM; otherwise as hark_stream_read. Source: asyncio's
 * readuntil. */
HARK_API ssize_t hark_stream_read_until(hark_stream *s, const void *mark, size_t mark_size,
                                        void *buffer, size_t size);

/* hark_stream_line - read a line: without its end, "\n" or "\r\n", and with a zero behind it, so
 * that it may have size - 1 bytes (zeros among them: the count tells). A last line without an end
 * counts, if it is not empty.
 *
 * When it fails, nothing was taken: a line that is too long is still there, whole, for a larger
 * buffer, or to be read by pieces. Blocks: a checkpoint. Allocates. Returns the count; -ENODATA
 * (the stream has ended: no more lines); -EMSGSIZE (too long); -ENOMEM; -EINVAL (NULL, size 0);
 * otherwise as hark_stream_read. Source: asyncio's readline. */
HARK_API ssize_t hark_stream_line(hark_stream *s, char *line, size_t size);

/* hark_stream_peek - look at what the next reads will take: wait until `least` bytes are there, or
 * the stream has ended. *bytes gets their place, until the next call that reads from s or closes
 * it.
 *
 * Blocks: a checkpoint. Allocates. Returns how many are there, which may be more, and fewer only at
 * the end; -ENOMEM; -EINVAL (NULL, least 0); otherwise as hark_stream_read. */
HARK_API ssize_t hark_stream_peek(hark_stream *s, const void **bytes, size_t least);

/* hark_stream_buffered - how many bytes were read ahead and are not yet taken. Never blocks. 0 for
 * NULL or closed. */
HARK_API size_t hark_stream_buffered(const hark_stream *s);

/* hark_stream_copy - read from one and write to the other until `from` ends, no faster than `to`
 * takes it: a proxy is two of them, an echo server copies a stream to itself. *done (may be NULL)
 * gets the bytes written, also on failure. `to` is not half-closed: that is for the caller to do.
 *
 * What was read and could not be written is not lost: hark_stream_buffered(from) says how much
 * there is, and reading `from` gives it. Blocks: a checkpoint. Allocates. Returns 0; -ECANCELED,
 * also after some bytes; -EINVAL (NULL), -ENOMEM; otherwise as hark_stream_read and
 * hark_stream_write. Source: io.Copy of Go. */
HARK_API int hark_stream_copy(hark_stream *from, hark_stream *to, uint64_t *done);

/* ---- ending ---------------------------------------------------------------------------------- */

/* hark_stream_half_close - nothing more will be written: the other side reads what was written and
 * then the end. Reading goes on. Twice is fine.
 *
 * Never blocks, but for kinds that have something to say first (TLS): then a checkpoint. Returns 0;
 * -EOPNOTSUPP (it has no such thing: a terminal, a file); -EBUSY (a task writes); -EBADF (closed);
 * -EINVAL (NULL); and what the kind says. Source: Trio's send_eof. */
HARK_API int hark_stream_half_close(hark_stream *s);

/* hark_stream_close - let go of everything, at once; who reads or writes gets -EBADF. Never blocks;
 * no checkpoint; also outside a loop, and when cancelled.
 *
 * What was written is sent still, but not for certain: when a TCP socket is closed before all that
 * came was read, the kernel resets the connection, and what the other side has not read is lost to
 * it. hark_stream_finish is for that. Returns 0; -EBADF (closed already); -EINVAL (NULL); -EIO and
 * its like: closed, and what had been written may be lost; -EXDEV (a pair in memory, of another
 * thread's loop): nothing was done. */
HARK_API int hark_stream_close(hark_stream *s);

/* hark_stream_finish - the gentle end: half-close, then read, and drop, until the other side has
 * ended too, so that it has had the chance to read everything; then close. Whatever happens, cut
 * short too, the stream is closed. Give it a deadline: the other side may never end.
 *
 * What cannot be half-closed is just closed. Blocks: a checkpoint. Returns 0: both sides had ended;
 * -ECANCELED; -EBUSY (a task reads or writes: it gets -EBADF); -EBADF (closed before, or
 * meanwhile); otherwise as hark_stream_read. */
HARK_API int hark_stream_finish(hark_stream *s);

/* ---- what lies below ------------------------------------------------------------------------- */

/* hark_stream_fd - the descriptor that lies below; of two, the one to read. It stays the stream's.
 * What has been read ahead is not in it any more. Returns it; -EOPNOTSUPP (there is none: a stream
 * in memory); -EBADF (closed); -EINVAL (NULL). */
HARK_API int hark_stream_fd(const hark_stream *s);

/* hark_stream_peer - the address of the other side, as getpeername(2). Returns 0; -ENOTCONN;
 * -ENOTSOCK; otherwise as hark_stream_fd. */
HARK_API int hark_stream_peer(const hark_stream *s, struct sockaddr *address, socklen_t *length);

/* hark_stream_local - the address of this side, as getsockname(2). Errors as hark_stream_peer. */
HARK_API int hark_stream_local(const hark_stream *s, struct sockaddr *address, socklen_t *length);

HARK_END
#endif
