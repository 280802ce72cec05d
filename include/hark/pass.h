/* SPDX-License-Identifier: MIT
 *
 * hark/pass.h - what only Unix sockets can: hand over descriptors, say who the peer is, and have
 * names that are files.
 *
 * Names    "/run/app/socket" is a file: its directory and its mode say who may connect. "@app" is
 *          abstract (hark_unix_listen, hark_unix_connect and all below take it): no file, gone with
 *          the socket, and WITHOUT ANY PERMISSIONS: every user of this machine's network namespace
 *          may connect, and may take the name first. Ask hark_unix_peer who it is. A file whose
 *          name begins with @ is "./@app".
 */
#ifndef HARK_PASS_H
#define HARK_PASS_H

#include <hark/base.h>
#include <sys/socket.h>
#include <sys/types.h>

HARK_BEGIN

#define HARK_PASS_MOST 253 /* descriptors in one message: the kernel's bound */

/* hark_pass_send - send `count` descriptors (1 to HARK_PASS_MOST) with `size` bytes (at least one)
 * over a connected Unix socket. The receiver gets copies, as by dup(2); they stay open here, too.
 *
 * Blocks: a checkpoint. Returns how many bytes went: all of a datagram; of a stream perhaps fewer,
 * and the descriptors went with the first (write the others with hark_write_full); -ECANCELED
 * (nothing went); -EBADF (one of them is not open); -EINVAL (NULL, a wrong count, no bytes; not a
 * Unix socket); -ETOOMANYREFS (too many are on their way); otherwise as hark_write. */
HARK_API ssize_t hark_pass_send(int socket, const int *fds, int count, const void *data, size_t size);

/* hark_pass_recv - receive bytes, at most `size`, and the descriptors that came with them. *count:
 * how many fds has room for; then how many came. They are close-on-exec; O_NONBLOCK is as the
 * sender has it.
 *
 * A message whose descriptors do not all arrive is refused: every one of them is closed, and its
 * bytes are lost. Blocks: a checkpoint. Returns the count of bytes, 0 at the end of a stream;
 * -EMSGSIZE (more descriptors came than there was room for; or a datagram was larger than the
 * buffer); -EMFILE (this process could not have them); -ECANCELED (nothing was received); -EINVAL
 * (NULL; size 0); otherwise as hark_read. */
HARK_API ssize_t hark_pass_recv(int socket, int *fds, int *count, void *data, size_t size);

/* hark_unix_peer - who is at the other end of a connected Unix socket: as they were when they
 * called connect (for the client: listen; for a pair: socketpair). Each may be NULL.
 *
 * The kernel vouches for it. A pid may be another's by now. Does not block. Returns 0; -EINVAL (not
 * a Unix socket); -ENODATA (nobody: not connected); -EBADF, -ENOTSOCK. Source: SO_PEERCRED. */
HARK_API int hark_unix_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid);

/* A socket file that is to be removed by who made it. */
typedef struct hark_unix_file {
    /* private */
    uint64_t device, inode; /* 0: none */
    char path[108];
} hark_unix_file;

/* hark_unix_listen_as - as hark_unix_listen, and the file has exactly the permissions `mode` (such
 * as 0600) whatever the umask is, from its first moment on never more. *file is what
 * hark_unix_remove needs; an abstract name has no file. Does not block.
 *
 * Besides: -EINVAL (a NULL file; a mode above 0777); -ESTALE (another file has taken its place at
 * once). */
HARK_API int hark_unix_listen_as(hark_unix_file *file, const char *path, mode_t mode, int backlog);

/* hark_unix_remove - remove the socket file that hark_unix_listen_as made, if it is still that one;
 * before or after closing the listener. A relative path must still mean the same place. Does not
 * block.
 *
 * Returns 0 (also for an abstract name); -ENOENT (it is gone, or was removed before); -ESTALE
 * (another file stands there: it is left alone); -EINVAL (NULL); -EACCES, ... Source: asyncio's
 * cleanup of Unix servers. */
HARK_API int hark_unix_remove(hark_unix_file *file);

/* hark_unix_datagram - a Unix datagram socket for hark_udp_send, hark_udp_recv and the like; bound
 * to path, or, where that is NULL, to an abstract name that the kernel chooses, so that it can be
 * answered. A file that stands there is replaced if it is a socket that nobody has. Does not block.
 *
 * Returns the descriptor; otherwise as hark_unix_listen. */
HARK_API int hark_unix_datagram(const char *path);

HARK_END
#endif
