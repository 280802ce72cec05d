/* SPDX-License-Identifier: MIT
 *
 * hark/io.h - plain descriptors: each call waits for its turn, and only the calling task waits.
 *
 * The descriptors are the kernel's own: they may come from anywhere and go anywhere. Two rules:
 * close them with hark_close, or tell hark_forget before somebody else does; and one task at a time
 * reads, one writes. Data that moved is never hidden: a call that was cancelled moved nothing,
 * unless its text says how much did.
 */
#ifndef HARK_IO_H
#define HARK_IO_H

#include <hark/watch.h>
#include <sys/socket.h>
#include <sys/types.h>

HARK_BEGIN

/* hark_wait_fd - wait until one of `events` (POLLIN, POLLOUT) is ready; level: looks first.
 *
 * Blocks: a checkpoint. A regular file is ready at once. Returns those of the events that are ready
 * now (a hang-up or an error makes all of them ready: reading or writing will say it); -EBUSY
 * (another task waits for that direction of fd); -EBADF (not open, or closed by hark_close meanwhile); -EINVAL (no or other events); -ECANCELED;
 * -ENOTSUP outside a task; -ENOMEM. Source: trio.lowlevel.wait_readable. */
HARK_API int hark_wait_fd(int fd, short events);

/* hark_read - read what there is, at least one byte, at most `size`; 0 at the end of file (and for
 * size 0).
 *
 * Never blocks the loop, whatever fd is: socket, pipe, terminal, file; blocking or not. Blocks the
 * task: a checkpoint. Returns the count; -ECANCELED (nothing was read); -EBUSY; -EBADF; -ENOTSUP
 * outside a task; and what read(2) says, such as -ECONNRESET. */
HARK_API ssize_t hark_read(int fd, void *buffer, size_t size);

/* hark_write - write some of it, at least one byte (0 for size 0). Never raises SIGPIPE: -EPIPE.
 *
 * Blocks: a checkpoint. Returns the count; -ECANCELED (nothing was written); otherwise as
 * hark_read. */
HARK_API ssize_t hark_write(int fd, const void *buffer, size_t size);

/* hark_read_full - read exactly `size` bytes. *done (may be NULL) gets the bytes moved, also on
 * failure.
 *
 * Blocks: a checkpoint. Returns 0; -ENODATA (the stream ended early); -ECANCELED, here also after
 * some bytes have moved; otherwise as hark_read. */
HARK_API int hark_read_full(int fd, void *buffer, size_t size, size_t *done);

/* hark_write_full - write all `size` bytes. *done (may be NULL) gets the bytes moved, also on
 * failure. Blocks: a checkpoint. Returns 0; otherwise as hark_write, -ECANCELED also after some
 * bytes. */
HARK_API int hark_write_full(int fd, const void *buffer, size_t size, size_t *done);

/* hark_accept - wait for a connection on a listening socket; the new descriptor is non-blocking and
 * close-on-exec. address and length as in accept(2), or NULL.
 *
 * Peers that have gone again are skipped. When there is no descriptor or memory left (-EMFILE and
 * its like) it waits and tries again within a second, and the peer is kept. Blocks: a checkpoint.
 * Returns the descriptor; -ECANCELED (none was taken); -EINVAL (not listening); otherwise as
 * hark_read. Source: asyncio's and Trio's accept loops. */
HARK_API int hark_accept(int fd, struct sockaddr *address, socklen_t *length);

/* hark_connect - connect(2), waiting for its end. fd becomes non-blocking.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (close fd: its state is open); -ECONNREFUSED and what
 * else connect says; otherwise as hark_read. */
HARK_API int hark_connect(int fd, const struct sockaddr *address, socklen_t length);

/* hark_close - close fd; whoever waits on it gets -EBADF. Never blocks; no checkpoint. Also outside
 * a loop.
 *
 * Returns 0; -EBADF; -EIO. */
HARK_API int hark_close(int fd);

/* hark_forget - fd is leaving hark: another library closes it or takes it over. Whoever waits on it
 * gets -EBADF; fd stays open. Returns 0; -EBADF (negative). */
HARK_API int hark_forget(int fd);

/* hark_tcp_listen - a listening TCP socket on host (NULL or "": every address; a name or number)
 * and port (a name or number; "0": a free one, see hark_tcp_port).
 *
 * Non-blocking, close-on-exec, SO_REUSEADDR. backlog <= 0: the system's largest. Blocks while the
 * name is looked up: a checkpoint. Returns the descriptor; -EADDRINUSE (taken); -EADDRNOTAVAIL;
 * -EACCES; -ENOENT (no such host or service), -EHOSTDOWN and what else hark_resolve says of a name;
 * -EINVAL (NULL port); -ECANCELED; -ENOTSUP outside a task; -EMFILE, -ENOMEM. The words name host
 * and port. */
HARK_API int hark_tcp_listen(const char *host, const char *port, int backlog);

/* hark_tcp_connect - a TCP connection to host and port: every address is tried, the families in
 * turn, a new one 250 ms after the last or as soon as one has failed; the first that answers wins,
 * the others are closed. With a resolver of the loop's own (hark/name.h) it begins with the first
 * addresses that are there, IPv6 having 50 ms to come before IPv4; later ones join.
 *
 * TCP_NODELAY is set. Blocks: a checkpoint. Returns the descriptor; -ENOENT (no such host or
 * service), -EHOSTDOWN and what else hark_resolve says of a name; -ECONNREFUSED, -EHOSTUNREACH, ...
 * (of the last address that failed); -EINVAL (NULL); -ECANCELED; -ENOTSUP outside a task. The words
 * name host and port. Source: RFC 8305. */
HARK_API int hark_tcp_connect(const char *host, const char *port);

/* hark_tcp_port - the local port that fd is bound to. Returns it; -EBADF, -ENOTSOCK; -EINVAL (not
 * an internet socket). */
HARK_API int hark_tcp_port(int fd);

/* hark_unix_listen - a listening Unix socket at path ("@name": an abstract one; hark/pass.h);
 * non-blocking, close-on-exec. A socket file that nobody listens on any more is replaced. Does not
 * block.
 *
 * Returns the descriptor; -EADDRINUSE (somebody listens there, or it is no socket); -ENAMETOOLONG;
 * -ENOENT, -EACCES, ...; -EINVAL (NULL or empty). */
HARK_API int hark_unix_listen(const char *path, int backlog);

/* hark_unix_connect - connect to the Unix socket at path. Blocks: a checkpoint. Returns the
 * descriptor; -ENOENT, -ECONNREFUSED, -ENAMETOOLONG, ...; -ECANCELED; -ENOTSUP outside a task. */
HARK_API int hark_unix_connect(const char *path);

/* hark_socketpair - two connected AF_UNIX stream sockets, non-blocking, close-on-exec. Returns 0;
 * -EINVAL (NULL); -EMFILE, ... */
HARK_API int hark_socketpair(int fds[2]);

/* hark_pipe - a pipe: fds[0] to read, fds[1] to write; non-blocking, close-on-exec. Returns 0;
 * -EINVAL (NULL); -EMFILE, ... */
HARK_API int hark_pipe(int fds[2]);

/* hark_add_reader - call fn(arg) in the loop whenever fd is readable, again and again until
 * hark_unwatch(w): level. Replaces fd's earlier reader, and keeps its writer.
 *
 * Never blocks. Thread: the loop's own. Returns 0; -EALREADY (w is armed, here too); -EBUSY (a task
 * waits to read fd); -EBADF; -EPERM (what can't be waited for: a regular file); -EINVAL (NULL);
 * -ENOMEM; -EXDEV (no loop here). Source: asyncio's add_reader. */
HARK_API int hark_add_reader(int fd, hark_watch *w, hark_callback *fn, void *arg);

/* hark_add_writer - the same for writing. */
HARK_API int hark_add_writer(int fd, hark_watch *w, hark_callback *fn, void *arg);

HARK_END
#endif
