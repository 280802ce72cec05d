/* SPDX-License-Identifier: MIT
 *
 * hark/file.h - files: a disk is never "not ready", only slow, and here only the calling task waits
 * for it.
 *
 * What is in memory is read at once. For all else the kernel works in the background where the hub
 * is the ring, and a worker thread does elsewhere. Either way the caller's buffer, and the paths,
 * are in use until the call returns: a task that is cancelled while the disk is at work hears of it
 * when the disk is done. -ECANCELED means that nothing was done; a call that was done in spite of
 * the cancellation returns its result, and the cancellation shows at the next checkpoint.
 *
 * A descriptor is the kernel's own, closed by hark_close; hark_read and hark_write of hark/io.h
 * move its position, the calls here do not. Any number of tasks may use one file at once.
 *
 * Unless a line says otherwise, each call blocks and is a checkpoint, needs a task (-ENOTSUP
 * outside one), and returns 0 or the system call's own error, with words that name the file:
 * -ENOENT, -EACCES, -EEXIST, -ENOSPC, -EDQUOT, -EIO, -EROFS, -EMFILE, -ELOOP, -ENAMETOOLONG;
 * -EINVAL for NULL; -ENOMEM (no memory, or no worker thread). None raises SIGXFSZ: -EFBIG.
 */
#ifndef HARK_FILE_H
#define HARK_FILE_H

#include <hark/io.h>
#include <sys/stat.h>

HARK_BEGIN

/* hark_file_open - open(2); its flags are those of <fcntl.h>. The descriptor is close-on-exec and
 * non-blocking, and no terminal becomes the controlling one.
 *
 * Opening a FIFO waits for its other end, as open(2) does, unless flags have O_NONBLOCK: it is
 * looked for every 10 ms. Returns the descriptor, or as above. Source: open(2). */
HARK_API int hark_file_open(const char *path, int flags, mode_t mode);

/* hark_file_pread - read some bytes at an offset, at most `size`; 0 at the end of the file (and for
 * size 0).
 *
 * Of a large piece it may read less than there is: hark_file_pread_full reads on. Returns the
 * count; -ESPIPE (a socket, pipe or terminal); -EBADF; -EISDIR; or as above. */
HARK_API ssize_t hark_file_pread(int fd, void *buffer, size_t size, int64_t offset);

/* hark_file_pwrite - write some bytes at an offset. At the end where fd is O_APPEND: Linux. Returns
 * the count, or as hark_file_pread. */
HARK_API ssize_t hark_file_pwrite(int fd, const void *buffer, size_t size, int64_t offset);

/* hark_file_pread_full - all `size` bytes, or -ENODATA if the file ends before. *done (may be NULL)
 * gets the bytes moved, also on failure, -ECANCELED among them. */
HARK_API int hark_file_pread_full(int fd, void *buffer, size_t size, int64_t offset, size_t *done);

/* hark_file_pwrite_full - all `size` bytes; *done likewise. */
HARK_API int hark_file_pwrite_full(int fd, const void *buffer, size_t size, int64_t offset,
                                   size_t *done);

/* hark_file_sync - wait until all that was written is on the disk; _datasync: what is needed to
 * read it again. After -EIO, what had not been written is lost: asking again will not say so. */
HARK_API int hark_file_sync(int fd);
HARK_API int hark_file_datasync(int fd);

/* hark_file_stat - what stat(2) says of a path; _lstat: of a symbolic link itself; _fstat: of a
 * descriptor. */
HARK_API int hark_file_stat(const char *path, struct stat *status);
HARK_API int hark_file_lstat(const char *path, struct stat *status);
HARK_API int hark_file_fstat(int fd, struct stat *status);

/* The system calls of these names. readlink returns the length, and does not end the text with a
 * null byte; one that is as long as `size` may have been cut. */
HARK_API int hark_file_rename(const char *from, const char *to);
HARK_API int hark_file_unlink(const char *path);
HARK_API int hark_file_link(const char *from, const char *to);
HARK_API int hark_file_symlink(const char *text, const char *path);
HARK_API ssize_t hark_file_readlink(const char *path, char *buffer, size_t size);
HARK_API int hark_file_truncate(const char *path, int64_t size);
HARK_API int hark_file_ftruncate(int fd, int64_t size);

/* hark_file_send - copy `count` bytes of the file `in`, from `offset` on, to `out`: a socket, a
 * pipe, a file. count < 0: up to its end.
 *
 * *done (may be NULL) gets the bytes that went out, also on failure. Returns 0; -ENODATA (the file
 * ended before, or was truncated meanwhile); -ECANCELED, here also after some bytes; or as
 * hark_file_pread and hark_write. Source: sendfile(2). */
HARK_API int hark_file_send(int out, int in, int64_t offset, int64_t count, int64_t *done);

/* hark_file_read_whole - a regular file's content, whatever size it has, in fresh memory: to be
 * given back with hark_file_free. A null byte follows it, which *size does not count.
 *
 * Returns 0; -EFBIG (more than `max` bytes); -EINVAL (no regular file); or as above. On failure
 * *data is NULL. */
HARK_API int hark_file_read_whole(const char *path, void **data, size_t *size, size_t max);

/* hark_file_free - NULL is fine. Anywhere; no checkpoint. */
HARK_API void hark_file_free(void *data);

/* hark_file_write_whole - the file at `path` becomes these bytes, all at once: whoever opens it
 * sees the old content or the new one, also after a power cut.
 *
 * It is written beside it, synced, and renamed over it; what was there before (a link, too) is
 * replaced. Once begun it is not cancelled. On failure the old file stays, and nothing is left
 * behind; but after -EIO the new one may be there. */
HARK_API int hark_file_write_whole(const char *path, const void *data, size_t size, mode_t mode);

HARK_END
#endif
