/* SPDX-License-Identifier: MIT
 *
 * file.c - files; hark/file.h has the promises.
 *
 * Idea     Each call fills a hark__io_operation and has it done (operation.c). Only reading has a
 *          shorter way: with RWF_NOWAIT the kernel gives what is in memory, or says that it would
 *          have to wait. Measured on Linux 6.18, ext4, 4 KiB and 64 KiB from memory: pread 0.9 and
 *          5.0 us, with RWF_NOWAIT 1.0 and 5.0, through the ring 1.6 and 5.5, through a worker 80.
 * Rules    B1  What is read at once is short (AT_ONCE): copying is work of this thread, too.
 *          B2  A file opened with O_DIRECT is never read at once: RWF_NOWAIT does not stop it from
 *              waiting for the disk.
 *          B3  Opening never waits in a worker: O_NONBLOCK is always set, and what open(2) would
 *              have waited for (a FIFO's other end, a lease) is waited for here.
 *          B4  A descriptor that was made belongs to the caller or is closed, whatever happens.
 * Not here Folders (dir.c); reading at a descriptor's own position (move.c). sendfile(2): it waits
 *          for the disk, in a worker that is 80 us away; copying 64 KiB costs 5.
 */
#include <hark/file.h>
#include <hark/time.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "io/io.h"

#define AT_ONCE    (256 << 10) /* rule B1 */
#define PIECE      (64 << 10)
#define MOST       0x7ffff000ul
#define LOOK_AGAIN HARK_MS(10)

/* ---- paths ----------------------------------------------------------------------------------- */

static int path_fail(const char *call, const char *path, int error)
{
    const char *words = strerrordesc_np(-error);
    return hark__fail(error, call, "%s: %s", path, words ? words : "an unknown error");
}

static int enter_path(const char *call, const char *path)
{
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    return path ? 0 : hark__fail(-EINVAL, call, "the path is NULL");
}

/* Done: what came of it, with words unless it was cancelled. */
static int finish(struct hark__io_operation *o, int error, const char *call, const char *path)
{
    if (error || o->op.result == -ECANCELED) {
        return error ? error : -ECANCELED;
    }
    return o->op.result < 0 ? path_fail(call, path, o->op.result) : o->op.result;
}

static int on_path(struct hark__io_operation *o, const char *call)
{
    int error = enter_path(call, o->op.path);

    if (!error) {
        error = hark__io_operate(o, o->op.path, call);
        return finish(o, error, call, o->op.path);
    }
    return error;
}

static int on_paths(enum hark__work work, const char *path, const char *second, const char *call)
{
    struct hark__io_operation o = {.op = {.work = work, .path = path, .second = second}};

    if (path && !second) {
        int error = hark__enter_task(call);
        return error ? error : hark__fail(-EINVAL, call, "the second path is NULL");
    }
    return on_path(&o, call);
}

int hark_file_rename(const char *from, const char *to)
{
    return on_paths(HARK__RENAME, from, to, "hark_file_rename");
}

int hark_file_link(const char *from, const char *to)
{
    return on_paths(HARK__LINK, from, to, "hark_file_link");
}

int hark_file_symlink(const char *text, const char *path)
{
    return on_paths(HARK__SYMLINK, text, path, "hark_file_symlink");
}

int hark_file_unlink(const char *path)
{
    struct hark__io_operation o = {.op = {.work = HARK__UNLINK, .path = path}};
    return on_path(&o, "hark_file_unlink");
}

static ssize_t read_the_link(struct hark__operation *op)
{
    return hark__sys.readlink(op->path, op->buffer, op->size);
}

ssize_t hark_file_readlink(const char *path, char *buffer, size_t size)
{
    static const char call[] = "hark_file_readlink";
    struct hark__io_operation o = {
        .op = {.work = HARK__WORKS, .path = path, .buffer = buffer, .size = size},
        .own = read_the_link,
    };

    if (path && (!buffer || !size)) {
        int error = hark__enter_task(call);
        return error ? error : hark__fail(-EINVAL, call, "no room for where %s leads", path);
    }
    return on_path(&o, call);
}

static ssize_t truncate_path(struct hark__operation *op)
{
    return hark__sys.truncate(op->path, op->offset);
}

int hark_file_truncate(const char *path, int64_t size)
{
    struct hark__io_operation o = {
        .op = {.work = HARK__WORKS, .path = path, .offset = size},
        .own = truncate_path,
    };
    return on_path(&o, "hark_file_truncate");
}

/* ---- stat ------------------------------------------------------------------------------------ */

static int check_status(const struct stat *status, const char *call)
{
    int error = hark__enter_task(call);
    return error || status ? error : hark__fail(-EINVAL, call, "the status is NULL");
}

static int stat_path(const char *path, struct stat *status, int flags, const char *call)
{
    struct statx extended;
    struct hark__io_operation o = {
        .op = {.work = HARK__STATX, .fd = AT_FDCWD, .path = path, .flags = flags, .buffer = &extended},
        .status = status,
    };
    int error = check_status(status, call);

    if (error || (error = on_path(&o, call))) {
        return error;
    }
    if (!o.is_stat) {
        hark__io_status(status, &extended);
    }
    return 0;
}

int hark_file_stat(const char *path, struct stat *status)
{
    return stat_path(path, status, 0, "hark_file_stat");
}

int hark_file_lstat(const char *path, struct stat *status)
{
    return stat_path(path, status, AT_SYMLINK_NOFOLLOW, "hark_file_lstat");
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int on_descriptor(struct hark__io_operation *o, int fd, const char *call)
{
    struct hark__fd *entry;
    int error = hark__enter_task(call);

    if (error || (error = hark__io_entry(&entry, call, fd))) {
        return error;
    }
    if ((error = hark__io_operate_on(entry, o, call)) || o->op.result == -ECANCELED) {
        return error ? error : -ECANCELED;
    }
    return o->op.result < 0 ? hark__io_fail(call, fd, o->op.result) : o->op.result;
}

int hark_file_fstat(int fd, struct stat *status)
{
    static const char call[] = "hark_file_fstat";
    struct statx extended;
    struct hark__io_operation o = {
        .op = {.work = HARK__STATX, .path = "", .flags = AT_EMPTY_PATH, .buffer = &extended},
        .status = status,
    };
    int error = check_status(status, call);

    if (error || (error = on_descriptor(&o, fd, call))) {
        return error;
    }
    if (!o.is_stat) {
        hark__io_status(status, &extended);
    }
    return 0;
}

int hark_file_sync(int fd)
{
    struct hark__io_operation o = {.op = {.work = HARK__FSYNC}};
    return on_descriptor(&o, fd, "hark_file_sync");
}

int hark_file_datasync(int fd)
{
    struct hark__io_operation o = {.op = {.work = HARK__FDATASYNC}};
    return on_descriptor(&o, fd, "hark_file_datasync");
}

static ssize_t truncate_descriptor(struct hark__operation *op)
{
    return hark__sys.ftruncate(op->fd, op->offset);
}

int hark_file_ftruncate(int fd, int64_t size)
{
    struct hark__io_operation o = {
        .op = {.work = HARK__WORKS, .offset = size},
        .own = truncate_descriptor,
    };
    return on_descriptor(&o, fd, "hark_file_ftruncate");
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_once(const char *call, const char *path, int flags, mode_t mode)
{
    struct hark__io_operation o = {.op = {
                                       .work = HARK__OPEN,
                                       .path = path,
                                       .flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                       .mode = mode,
                                   }};
    int error = hark__io_operate(&o, path, call);
    return error ? error : o.op.result;
}

static bool is_fifo(const char *path)
{
    struct stat status;
    int error = hark_file_stat(path, &status);
    return error == -ECANCELED || (error == 0 && S_ISFIFO(status.st_mode)); /* sleeping says it */
}

/* What an open that does not wait has not waited for: ENXIO, nobody reads the FIFO; EAGAIN,
 * somebody has a lease on the file, and was told to give it up. */
static bool comes_later(int error, const char *path, int flags)
{
    return !(flags & O_NONBLOCK) && (error == -EAGAIN || (error == -ENXIO && is_fifo(path)));
}

/* Does somebody have the FIFO's other end, or has somebody had it? poll tells of bytes and of
 * writers that have come and gone, tee of one who has written nothing yet. */
static int has_writer(int fd, const int scratch[2])
{
    int ready = hark__io_poll(fd, POLLIN);
    ssize_t moved = ready ? 1 : hark__sys.tee(fd, scratch[1], 1, SPLICE_F_NONBLOCK);

    if (ready < 0) {
        return ready;
    }
    return moved > 0 || (moved < 0 && errno == EAGAIN) ? 1 : moved < 0 ? -errno : 0;
}

static int await_writer(const char *call, int fd)
{
    int scratch[2], found;

    if (hark__sys.pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0) {
        return hark__fail(-errno, call, "no descriptors to wait for a writer: %s",
                          strerrordesc_np(errno));
    }
    do {
        found = has_writer(fd, scratch);
    } while (found == 0 && (found = hark_sleep(LOOK_AGAIN)) == 0);
    hark__sys.close(scratch[0]);
    hark__sys.close(scratch[1]);
    return found > 0 ? 0 : found == -ECANCELED ? found : hark__io_fail(call, fd, found);
}

/* A fresh number: whatever is known of it is another file's. */
static int welcome(const char *call, int fd, int flags)
{
    struct hark__fd *entry;

    hark__fd_drop(hark__here, fd);
    int error = hark__io_entry(&entry, call, fd);
    bool reads_only = (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_NONBLOCK | O_PATH));
    if (!error && entry->kind == FD_PIPE && reads_only) {
        error = await_writer(call, fd);
    }
    if (error && !planted(open_cancelled_keeps_its_descriptor)) {
        hark_close(fd);
    }
    return error ? error : fd;
}

int hark_file_open(const char *path, int flags, mode_t mode)
{
    static const char call[] = "hark_file_open";
    int error = enter_path(call, path), fd;

    if (error) {
        return error;
    }
    while ((fd = open_once(call, path, flags, mode)) < 0 && comes_later(fd, path, flags)) {
        if ((error = hark_sleep(LOOK_AGAIN))) {
            return error;
        }
    }
    if (fd == -ECANCELED || fd == -ENOMEM) {
        return fd == -ENOMEM ? path_fail(call, path, fd) : fd;
    }
    return fd < 0 ? path_fail(call, path, fd) : welcome(call, fd, flags);
}

/* ---- reading and writing at an offset -------------------------------------------------------- */

struct piece {
    const char *call;
    int fd;
    bool writes;
    char *buffer;
    size_t size;
    int64_t offset;
};

/* What is in memory; -EAGAIN: it would have to wait. */
static ssize_t read_at_once(const struct piece *p)
{
    struct iovec part = {.iov_base = p->buffer, .iov_len = p->size < AT_ONCE ? p->size : AT_ONCE};
    ssize_t moved;

    do {
        moved = hark__sys.preadv2(p->fd, &part, 1, p->offset, RWF_NOWAIT);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : -EAGAIN; /* whatever it is, the long way will say it */
}

static ssize_t move_slowly(const struct piece *p, struct hark__fd *entry)
{
    struct hark__io_operation o = {.op = {
                                       .work = p->writes ? HARK__WRITE : HARK__READ,
                                       .buffer = p->buffer,
                                       .size = p->size < MOST ? p->size : MOST,
                                       .offset = p->offset,
                                   }};
    int error = hark__io_operate_on(entry, &o, p->call);

    if (error || o.op.result == -ECANCELED) {
        return error ? error : -ECANCELED;
    }
    return o.op.result < 0 ? hark__io_fail(p->call, p->fd, o.op.result) : o.op.result;
}

static int check_piece(const struct piece *p)
{
    if (p->offset < 0) {
        return hark__fail(-EINVAL, p->call, "descriptor %d: the offset is %ld", p->fd,
                          (long)p->offset);
    }
    if (p->size && !p->buffer) {
        return hark__fail(-EINVAL, p->call, "descriptor %d: the buffer is NULL", p->fd);
    }
    return p->size ? 0 : hark__io_open(p->call, p->fd);
}

static ssize_t move_piece(const struct piece *p)
{
    struct hark__fd *entry;
    int error = hark__enter_task(p->call);

    if (unlikely(error || (error = check_piece(p)))) {
        return error;
    }
    if (p->size == 0) {
        return 0;
    }
    if (unlikely((error = hark__io_entry(&entry, p->call, p->fd)))) {
        return error;
    }
    if (entry->kind == FD_TCP || entry->kind == FD_SOCKET || entry->kind == FD_PIPE) {
        return hark__fail(-ESPIPE, p->call,
                          "descriptor %d has no offsets: use hark_read, hark_write", p->fd);
    }
    ssize_t moved = entry->kind == FD_FILE && !p->writes ? read_at_once(p) : -EAGAIN;
    if (moved < 0) {
        return move_slowly(p, entry);
    }
    hark__pass();
    return moved;
}

ssize_t hark_file_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    struct piece p = {
        .call = "hark_file_pread", .fd = fd, .buffer = buffer, .size = size, .offset = offset};
    return move_piece(&p);
}

ssize_t hark_file_pwrite(int fd, const void *buffer, size_t size, int64_t offset)
{
    struct piece p = {.call = "hark_file_pwrite",
                      .fd = fd,
                      .writes = true,
                      .buffer = (char *)(uintptr_t)buffer,
                      .size = size,
                      .offset = offset};
    return move_piece(&p);
}

static int move_pieces(struct piece *p, size_t *done)
{
    size_t all = p->size, used = 0;
    ssize_t moved;

    do {
        moved = move_piece(p);
        if (moved > 0) {
            used += (size_t)moved;
            p->size -= (size_t)moved;
            p->buffer += moved;
            p->offset += moved;
        }
    } while (moved > 0 && p->size);
    if (done) {
        *done = used;
    }
    if (moved < 0 || used == all) {
        return moved < 0 ? (int)moved : 0;
    }
    return hark__fail(p->writes ? -EIO : -ENODATA, p->call,
                      "descriptor %d ended after %lu of %lu bytes", p->fd, (unsigned long)used,
                      (unsigned long)all);
}

int hark_file_pread_full(int fd, void *buffer, size_t size, int64_t offset, size_t *done)
{
    struct piece p = {
        .call = "hark_file_pread_full", .fd = fd, .buffer = buffer, .size = size, .offset = offset};
    return move_pieces(&p, done);
}

int hark_file_pwrite_full(int fd, const void *buffer, size_t size, int64_t offset, size_t *done)
{
    struct piece p = {.call = "hark_file_pwrite_full",
                      .fd = fd,
                      .writes = true,
                      .buffer = (char *)(uintptr_t)buffer,
                      .size = size,
                      .offset = offset};
    return move_pieces(&p, done);
}

/* ---- from a file to something else ----------------------------------------------------------- */

static int send_pieces(int out, struct piece *p, int64_t count, int64_t *done)
{
    bool to_the_end = count < 0;
    char *buffer = p->buffer;

    while (to_the_end || *done < count) {
        size_t written = 0;
        p->size = to_the_end || count - *done > PIECE ? PIECE : (size_t)(count - *done);
        ssize_t got = move_piece(p);
        if (got <= 0) {
            return got || to_the_end
                       ? (int)got
                       : hark__fail(-ENODATA, p->call, "descriptor %d ended after %ld of %ld bytes",
                                    p->fd, (long)*done, (long)count);
        }
        int error = hark_write_full(out, buffer, (size_t)got, &written);
        *done += (int64_t)written;
        p->offset += (int64_t)written;
        if (error) {
            return error;
        }
    }
    return 0;
}

int hark_file_send(int out, int in, int64_t offset, int64_t count, int64_t *done)
{
    static const char call[] = "hark_file_send";
    struct piece p = {.call = call, .fd = in, .offset = offset};
    int64_t sent = 0;
    int error = hark__enter_task(call);

    if (!error && !(error = hark__io_open(call, in)) && !(error = hark__io_open(call, out))) {
        p.buffer = hark__alloc(PIECE);
        error = p.buffer ? send_pieces(out, &p, count, &sent)
                         : hark__fail(-ENOMEM, call, "no memory for a buffer");
        hark__free(p.buffer, PIECE);
    }
    if (done) {
        *done = sent;
    }
    return error;
}

/* ---- whole files ----------------------------------------------------------------------------- */

/* Before what hark_file_read_whole gives out. */
struct whole {
    size_t room; /* of it all */
    _Alignas(max_align_t) char data[];
};

void hark_file_free(void *data)
{
    if (data) {
        struct whole *whole = container_of(data, struct whole, data);
        hark__free(whole, whole->room);
    }
}

/* Room for so many bytes and a null byte. */
static struct whole *resize(struct whole *old, size_t size)
{
    size_t room = sizeof(struct whole) + size + 1;
    struct whole *whole = room > size ? hark__realloc(old, old ? old->room : 0, room) : NULL;

    if (whole) {
        whole->room = room;
    }
    return whole;
}

static int no_memory(const char *call, const char *path, size_t size)
{
    return hark__fail(-ENOMEM, call, "%s: no memory for %lu bytes", path, (unsigned long)size);
}

/* What size it has by its own account, if it is one that ends. */
static int64_t size_of(const char *call, int fd, const char *path)
{
    struct stat status;

    if (hark__sys.fstat(fd, &status) < 0) {
        return path_fail(call, path, -errno);
    }
    return S_ISREG(status.st_mode) ? status.st_size
                                   : hark__fail(-EINVAL, call, "%s is no regular file", path);
}

/* Always room for one byte more: that is how the end is seen, and a file that grows, or is larger
 * than it says. */
static int read_all(const char *call, int fd, const char *path, struct whole **ret, size_t *size,
                    size_t max)
{
    struct piece p = {.call = call, .fd = fd};
    int64_t told = size_of(call, fd, path);
    size_t room = 1 + ((uint64_t)told < max ? (size_t)told : max);
    ssize_t moved;

    if (told < 0) {
        return (int)told;
    }
    do {
        if (!*ret || (size_t)p.offset == room) {
            room = !*ret ? room : room < PIECE ? PIECE : 2 * room;
            struct whole *whole = resize(*ret, room);
            if (!whole) {
                return no_memory(call, path, room);
            }
            *ret = whole;
        }
        p.buffer = (*ret)->data + p.offset;
        p.size = room - (size_t)p.offset;
        moved = move_piece(&p);
        p.offset += moved > 0 ? moved : 0;
        if ((size_t)p.offset > max) {
            return hark__fail(-EFBIG, call, "%s has more than %lu bytes", path, (unsigned long)max);
        }
    } while (moved > 0);
    *size = (size_t)p.offset;
    (*ret)->data[*size] = 0;
    return (int)moved;
}

int hark_file_read_whole(const char *path, void **data, size_t *size, size_t max)
{
    static const char call[] = "hark_file_read_whole";
    struct whole *whole = NULL;
    int error = enter_path(call, path);

    if (!error && (!data || !size)) {
        error = hark__fail(-EINVAL, call, "no place for what %s holds", path);
    }
    if (error) {
        return error;
    }
    *data = NULL;
    *size = 0;
    int fd = hark_file_open(path, O_RDONLY | O_NONBLOCK, 0); /* a FIFO: to refuse it at once */
    if (fd < 0) {
        return fd;
    }
    error = read_all(call, fd, path, &whole, size, max);
    hark_close(fd);
    if (error) {
        *size = 0;
        hark_file_free(whole ? whole->data : NULL);
    } else {
        *data = whole->data;
    }
    return error;
}

struct writing {
    struct hark__io_operation o;
    size_t length; /* of path, without what of its last part does not fit beside a number */
    char *beside;  /* the path that it has until it is complete */
};

enum { NUMBER = 24 }; /* ".", 16 digits, "~" and a null byte, at most */

/* With the number no name may be longer than one can be. */
static size_t length_beside(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name), most = NAME_MAX - NUMBER;

    return (size_t)(name - path) + (length < most ? length : most);
}

static int write_bytes(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t moved = hark__sys.write(fd, data, size < MOST ? size : MOST);
        if (moved < 0 && errno != EINTR) {
            return -1;
        }
        if (moved > 0) {
            data += moved;
            size -= (size_t)moved;
        }
    }
    return 0;
}

/* Closes it. Some file systems say only then that there was no room. */
static int write_and_sync(int fd, const struct hark__operation *op)
{
    int error = write_bytes(fd, op->buffer, op->size) < 0 || hark__sys.fsync(fd) < 0 ? errno : 0;

    if (hark__sys.close(fd) < 0 && errno != EINTR && !error) {
        error = errno;
    }
    errno = error;
    return error ? -1 : 0;
}

/* A name that is free. */
static int open_beside(struct writing *w)
{
    uint64_t number = (uint64_t)hark__clock();
    int fd = -1;

    for (int tries = 0; tries < 100; tries++, number += 0x9e3779b97f4a7c15u) {
        struct hark__text text;
        hark__text_to_string(&text, w->beside + w->length, NUMBER);
        hark__text_put(&text, ".%lx~", (unsigned long)number);
        fd = hark__sys.open(w->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                            w->o.op.mode);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR)) {
            break;
        }
    }
    return fd;
}

/* Opened before the name means the new file: whatever is wrong with it, the old one stays. -1: it
 * may be written, and not read, and cannot be synced; -2: errno says why. */
static int open_folder(struct writing *w)
{
    char *slash = strrchr(w->beside, '/'), *end = slash == w->beside ? slash + 1 : slash;
    char kept = slash ? *end : 0;

    if (slash) {
        *end = 0;
    }
    int fd = hark__sys.open(slash ? w->beside : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (slash) {
        *end = kept;
    }
    return fd >= 0 ? fd : errno == EACCES ? -1 : -2;
}

/* That the name now means the new file is the folder's content. Some file systems cannot sync one:
 * EINVAL. */
static int sync_folder(int folder)
{
    return folder < 0 || hark__sys.fsync(folder) == 0 || errno == EINVAL ? 0 : -1;
}

static int close_folder(int folder, int result)
{
    int error = errno;

    if (folder >= 0) {
        hark__sys.close(folder);
    }
    errno = error;
    return result;
}

/* In a worker, in one go: so nothing is left behind half done. */
static ssize_t write_and_rename(struct hark__operation *op)
{
    struct writing *w = container_of(op, struct writing, o.op);
    int folder = open_folder(w);
    int fd = folder == -2 ? -1 : open_beside(w);

    if (fd < 0) {
        return close_folder(folder, -1);
    }
    if (write_and_sync(fd, op) < 0 || hark__sys.rename(w->beside, op->path) < 0) {
        int error = errno;
        if (!planted(whole_leaves_what_it_wrote)) {
            hark__sys.unlink(w->beside);
        }
        errno = error;
        return close_folder(folder, -1);
    }
    return close_folder(folder, sync_folder(folder));
}

int hark_file_write_whole(const char *path, const void *data, size_t size, mode_t mode)
{
    static const char call[] = "hark_file_write_whole";
    struct writing w = {
        .o = {.op = {.work = HARK__WORKS, .path = path, .size = size, .mode = mode},
              .own = write_and_rename},
        .length = path ? length_beside(path) : 0,
    };
    int error = enter_path(call, path);

    if (error || (size && !data)) {
        return error ? error : hark__fail(-EINVAL, call, "%s: the data is NULL", path);
    }
    w.o.op.buffer = (void *)(uintptr_t)data;
    w.beside = hark__alloc(w.length + NUMBER);
    if (!w.beside) {
        return no_memory(call, path, w.length + NUMBER);
    }
    memcpy(w.beside, path, w.length);
    w.beside[w.length] = 0;
    error = hark__io_operate(&w.o, path, call);
    hark__free(w.beside, w.length + NUMBER);
    return finish(&w.o, error, call, path);
}
