/* SPDX-License-Identifier: MIT
 *
 * move.c - reading and writing.
 *
 * Idea     Try first, then wait: most reads find something, and a call that finds nothing costs a
 *          twentieth of a message. Where the hub tells of edges, the call that would find nothing
 *          is known beforehand: after a short read of a TCP stream the stream was empty, and
 *          whatever comes later is told; so the next read waits first (hark__fd.drained). An echo
 *          then costs one recv, one send, and its share of a poll. A short write says less than it
 *          seems to, and a full buffer is rare: writes always try.
 *
 * Kinds    How a call is made so that it cannot block, whatever O_NONBLOCK says, for that flag
 *          belongs to the file, and perhaps to our parent's shell:
 *
 *              socket         recv and send with MSG_DONTWAIT
 *              pipe           preadv2 and pwritev2 with RWF_NOWAIT, where the kernel knows that
 *              others         plain, if non-blocking; else poll first, and write no more than what
 *                             surely has room
 *              file           read with RWF_NOWAIT what is in memory, else in a worker thread (not
 *                             in the ring: there nobody else who has the file waits for its
 *                             position). Written in a worker: most file systems know no other
 *                             way, and one that is too large must not be a SIGXFSZ here
 *
 * Rules    V1  -EAGAIN from once() means: not now, wait. It is never returned to the user.
 *          V2  drained is set only for what the hub will report: armed, lasting, not hung up. A
 *              read that stops at TCP's urgent mark looks drained and is not, but then epoll has told
 *              of the mark (POLLPRI), and that counts as hung up. (The ring says POLLPRI with all that
 *              arrives, so it is not asked; there the look at old waits, in core/interest.c, finds
 *              what is behind the mark a tenth of a second later.)
 *          V3  A call that need not wait counts against the task's turn (hark__pass).
 *          V4  While a worker uses the buffer, no cancellation is noticed.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/io.h"

#define MOST     0x7ffff000ul /* what Linux moves in one call */
#define TTY_MOST 32 /* plain characters that a terminal has room for when it says "writable" */

struct transfer {
    struct hark__fd *entry;
    const char *call;
    char *buffer;
    size_t size;
    int direction;
    bool asked_again; /* what kind it is */
};

/* ---- the plain calls ------------------------------------------------------------------------ */

static ssize_t move_socket(const struct transfer *t)
{
    int fd = t->entry->fd;
    ssize_t moved;

    do {
        moved = t->direction == FD_IN
                    ? hark__sys.recv(fd, t->buffer, t->size, MSG_DONTWAIT)
                    : hark__sys.send(fd, t->buffer, t->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (unlikely(moved < 0 && errno == EINTR));
    return likely(moved >= 0) ? moved : -errno;
}

static ssize_t move_plain(const struct transfer *t, size_t most)
{
    size_t size = t->size < most ? t->size : most;
    int fd = t->entry->fd;
    ssize_t moved;

    do {
        moved = t->direction == FD_IN ? hark__sys.read(fd, t->buffer, t->size)
                                      : hark__sys.write(fd, t->buffer, size);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : -errno;
}

/* -EOPNOTSUPP: this kernel, or this kind of file, knows no such call. */
static ssize_t move_now(const struct transfer *t)
{
    struct iovec part = {.iov_base = t->buffer, .iov_len = t->size};
    int fd = t->entry->fd;
    ssize_t moved;

    do {
        moved = t->direction == FD_IN ? hark__sys.preadv2(fd, &part, 1, -1, RWF_NOWAIT)
                                      : hark__sys.pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : errno == ENOSYS || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

/* ---- pipes, terminals, devices -------------------------------------------------------------- */

/* A terminal that says "writable" has room for one thing only: a character that it may change into
 * several, or a run of plain ones. */
static size_t terminal_has_room(const struct transfer *t)
{
    size_t size = 0;

    while (size < TTY_MOST && size < t->size && !strchr("\n\r\t\b", t->buffer[size])) {
        size++;
    }
    return size ? size : 1;
}

/* A blocking descriptor that is ready takes something without blocking: a pipe PIPE_BUF bytes at
 * least. */
static size_t surely_has_room(const struct transfer *t)
{
    bool terminal = t->entry->kind != FD_PIPE && t->size > 1 && hark__sys.isatty(t->entry->fd);
    return terminal ? terminal_has_room(t) : PIPE_BUF;
}

static ssize_t move_if_ready(const struct transfer *t)
{
    int fd = t->entry->fd, ready;

    if (hark__io_nonblocking(fd)) {
        return move_plain(t, MOST);
    }
    ready = hark__io_poll(fd, hark__io_bit(t->direction));
    if (ready <= 0) {
        return ready == 0 ? -EAGAIN : ready;
    }
    return move_plain(t, t->direction == FD_OUT ? surely_has_room(t) : MOST);
}

static ssize_t move_pipe(const struct transfer *t)
{
    static atomic_bool refused; /* before Linux 6.4 */

    if (!atomic_load_explicit(&refused, memory_order_relaxed)) {
        ssize_t moved = move_now(t);
        if (moved != -EOPNOTSUPP) {
            return moved;
        }
        atomic_store_explicit(&refused, true, memory_order_relaxed);
    }
    return move_if_ready(t);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The number may have been reused behind our back; what is no file must not block a worker. */
static ssize_t move_file(struct transfer *t)
{
    struct hark__io_operation o = {.op = {
                                       .work = t->direction == FD_IN ? HARK__READ : HARK__WRITE,
                                       .buffer = t->buffer,
                                       .size = t->size,
                                       .offset = -1,
                                   }};
    uint8_t held = hark__io_bit(t->direction);
    struct hark__fd *entry = t->entry;
    uint32_t generation = entry->generation;
    bool at_once = t->direction == FD_IN && entry->kind == FD_FILE;
    ssize_t moved = at_once ? move_now(t) : -EAGAIN;

    if (moved != -EAGAIN && moved != -EOPNOTSUPP) {
        return moved;
    }
    int error = hark__io_entry_slow(&t->entry, t->call, entry->fd);
    if (error || (entry->kind != FD_FILE && entry->kind != FD_DIRECT)) {
        return error ? error : -ENOTSOCK;
    }
    entry->held |= held;
    error = hark__io_operate_on(entry, &o, t->call);
    if (entry->generation == generation) {
        entry->held &= (uint8_t)~held;
    }
    return error ? error : o.op.result;
}

/* ---- try, then wait ------------------------------------------------------------------------- */

/* Not inlined: what a file needs on the stack would lie, as five cold cache lines, between the
 * frames of every task that waits for a socket. */
static __attribute__((noinline)) ssize_t move_other(struct transfer *t)
{
    switch (t->entry->kind) {
    case FD_PIPE: return move_pipe(t);
    case FD_FILE:
    case FD_DIRECT: return move_file(t);
    default: return move_if_ready(t);
    }
}

/* -ENOTSOCK: it is not what it was; ask again. */
static inline ssize_t once(struct transfer *t)
{
    uint8_t kind = t->entry->kind;

    return likely(kind == FD_TCP || kind == FD_SOCKET) ? move_socket(t) : move_other(t);
}

/* Something has moved. */
static inline ssize_t moved_some(const struct transfer *t, ssize_t moved, bool waited)
{
    struct hark__fd *entry = t->entry;

    if (entry->kind == FD_TCP && (size_t)moved < t->size && entry->armed & POLLIN &&
        t->direction == FD_IN && hark__here->hub->class->lasts) {
        entry->drained |= POLLIN;
    }
    if (!waited) {
        hark__pass();
    }
    if (planted(cancelled_after_moving) && hark__here->running->level->flags & LEVEL_REACHED) {
        return -ECANCELED;
    }
    return moved;
}

static ssize_t failed(struct transfer *t, ssize_t error)
{
    int fd = t->entry->fd;

    if (error == -ENOTSOCK && !t->asked_again) {
        t->asked_again = true;
        return hark__io_entry_slow(&t->entry, t->call, fd);
    }
    return hark__io_fail(t->call, fd, (int)error);
}

static ssize_t try_and_wait(struct transfer *t)
{
    uint8_t bit = hark__io_bit(t->direction);
    bool waited = false;

    for (;;) {
        if (!hark__io_waits_first(t->entry, bit)) {
            ssize_t moved = once(t);
            if (likely(moved >= 0)) {
                return moved_some(t, moved, waited);
            }
            if (moved != -EAGAIN) {
                ssize_t error = failed(t, moved);
                if (error) {
                    return error;
                }
                continue;
            }
        }
        int error = hark__io_wait_here(t->call, t->entry, t->direction);
        if (unlikely(error)) {
            return error;
        }
        waited = true;
    }
}

static ssize_t move(const char *call, int fd, int direction, void *buffer, size_t size)
{
    struct transfer t = {
        .call = call,
        .buffer = buffer,
        .size = likely(size < MOST) ? size : MOST,
        .direction = direction,
    };
    int error = hark__enter_task(call);

    if (unlikely(error)) {
        return error;
    }
    if (unlikely(size == 0)) {
        return hark__io_open(call, fd);
    }
    if (unlikely(!buffer)) {
        return hark__fail(-EINVAL, call, "descriptor %d: the buffer is NULL", fd);
    }
    if (unlikely((error = hark__io_entry(&t.entry, call, fd)) ||
                 (error = hark__io_busy(call, t.entry, direction)))) {
        return error;
    }
    return try_and_wait(&t);
}

/* ---- the calls ------------------------------------------------------------------------------ */

ssize_t hark_read(int fd, void *buffer, size_t size)
{
    return move("hark_read", fd, FD_IN, buffer, size);
}

ssize_t hark_write(int fd, const void *buffer, size_t size)
{
    return move("hark_write", fd, FD_OUT, (void *)(uintptr_t)buffer, size);
}

/* Between two parts others may have run, and closed it. */
static uint32_t generation_of(int fd)
{
    const struct hark__fd *entry = hark__here ? hark__fd_peek(hark__here, fd) : NULL;
    return entry ? entry->generation : 0;
}

static int move_full(const char *call, int fd, int direction, char *buffer, size_t size, size_t *done)
{
    uint32_t generation = generation_of(fd);
    size_t used = 0;
    ssize_t moved;

    do {
        if (generation_of(fd) != generation) {
            moved = hark__io_gone(call, fd);
            break;
        }
        moved = move(call, fd, direction, buffer ? buffer + used : NULL, size - used);
        if (moved > 0) {
            used += (size_t)moved;
        }
    } while (moved > 0 && used < size);
    if (done) {
        *done = planted(full_count_is_lost) && moved < 0 ? 0 : used;
    }
    if (moved < 0) {
        return (int)moved;
    }
    if (used == size) {
        return 0;
    }
    return hark__fail(direction == FD_IN ? -ENODATA : -EIO, call,
                      "descriptor %d ended after %lu of %lu bytes", fd, (unsigned long)used,
                      (unsigned long)size);
}

int hark_read_full(int fd, void *buffer, size_t size, size_t *done)
{
    return move_full("hark_read_full", fd, FD_IN, buffer, size, done);
}

int hark_write_full(int fd, const void *buffer, size_t size, size_t *done)
{
    return move_full("hark_write_full", fd, FD_OUT, (char *)(uintptr_t)buffer, size, done);
}
