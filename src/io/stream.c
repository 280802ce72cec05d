/* SPDX-License-Identifier: MIT
 *
 * stream.c - what all streams have in common: who is busy, what is closed, what stays; plain reads
 * and writes; ending. hark/stream.h has the promises, stream.h the idea and the rules.
 *
 * Not here Reading ahead: ahead.c. The kinds: plain.c has those with descriptors, memory.c the one
 *          without; TLS is a library of its own.
 */
#include "io/stream.h"

#define MOST      0x7ffff000ul /* what is moved in one call */
#define ROOM_DROP 1024         /* what is dropped at once, on the stack */

static const hark_stream closed_stream = HARK_STREAM_INIT;

/* ---- may it be used? ------------------------------------------------------------------------- */

int hark__stream_check(const hark_stream *s, const char *call)
{
    if (!s) {
        return hark__fail(-EINVAL, call, "the stream is NULL");
    }
    return s->kind ? 0 : hark__fail(-EBADF, call, "the stream is closed, or was never opened");
}

int hark__stream_check_buffer(const void *buffer, size_t size, const char *call)
{
    return buffer || !size ? 0 : hark__fail(-EINVAL, call, "the buffer is NULL");
}

static const char *const doing[2] = {[FD_IN] = "read", [FD_OUT] = "write"};

static int busy(const hark_stream *s, int direction, const char *call)
{
    const hark__task *task = hark__task_find(hark__here, s->visits[direction]->task);
    char bytes[96];
    struct hark__text text;

    hark__text_to_string(&text, bytes, sizeof bytes);
    if (task) {
        hark__task_words(task, &text);
    }
    return hark__fail(-EBUSY, call, "%s is about to %s this stream already; one at a time",
                      task ? bytes : "another task", doing[direction]);
}

static int not_this_way(const hark_stream *s, int direction, const char *call)
{
    return hark__fail(-EBADF, call, "nobody can %s this stream (%s)", doing[direction],
                      s->kind->name);
}

/* ---- visits ---------------------------------------------------------------------------------- */

int hark__stream_enter(struct hark__stream_visit *visit, hark_stream *s, int direction,
                       const char *call)
{
    int error = hark__enter_task(call);

    if (error || (error = hark__stream_check(s, call))) {
        return error;
    }
    if (direction == FD_IN ? !s->kind->read : !s->kind->write) {
        return not_this_way(s, direction, call);
    }
    if (s->visits[direction] && !planted(stream_lets_a_second_reader_in)) {
        return busy(s, direction, call);
    }
    visit->task = hark__here->running->id;
    s->visits[direction] = visit;
    return 0;
}

void hark__stream_leave(struct hark__stream_visit *visit, hark_stream *s, int direction)
{
    if (visit->gone) {
        hark__free(visit->ahead, visit->room);
        visit->ahead = NULL;
    } else {
        s->visits[direction] = NULL;
    }
}

int hark__stream_gone(int direction, const char *call)
{
    return hark__fail(-EBADF, call, "the stream was closed while this task was about to %s it",
                      doing[direction]);
}

/* ---- what the kind says ---------------------------------------------------------------------- */

/* It will never work again. */
static bool is_break(ssize_t error)
{
    switch (error) {
    case -ECONNRESET:
    case -ECONNABORTED:
    case -EPIPE:
    case -EPROTO:
    case -ETIMEDOUT:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENETDOWN:
    case -ENETRESET:
    case -ENETUNREACH: return true;
    default: return false;
    }
}

static int is_broken(const hark_stream *s, int direction, const char *call)
{
    int error = s->broken[direction];

    return error ? hark__fail(error, call, "the stream broke before: %s", strerrordesc_np(-error))
                 : 0;
}

/* The kind's answer, seen to: S1, S3. */
static ssize_t answered(struct hark__stream_visit *visit, hark_stream *s, int direction,
                        ssize_t moved, size_t size, const char *call)
{
    if (unlikely(visit->gone)) {
        return moved > 0 || moved == -ECANCELED ? moved : hark__stream_gone(direction, call);
    }
    if (unlikely(moved > (ssize_t)size || (moved == 0 && direction == FD_OUT))) {
        return hark__fail(-EIO, call, "the kind \"%s\" says that it moved %ld bytes of %lu",
                          s->kind->name, (long)moved, (unsigned long)size);
    }
    if (moved == 0) {
        s->ended = true;
    } else if (is_break(moved) && !planted(stream_forgets_that_it_broke)) {
        s->broken[direction] = (int)moved;
    }
    return moved;
}

/* Straight from the kind. */
ssize_t hark__stream_ask(struct hark__stream_visit *visit, hark_stream *s, void *buffer,
                         size_t size, const char *call)
{
    ssize_t error = is_broken(s, FD_IN, call);

    if (error) {
        return error;
    }
    if (s->ended) {
        return 0;
    }
    size = size < MOST ? size : MOST;
    return answered(visit, s, FD_IN, s->kind->read(s, buffer, size), size, call);
}

ssize_t hark__stream_give(struct hark__stream_visit *visit, hark_stream *s, const void *buffer,
                          size_t size, const char *call)
{
    ssize_t error = is_broken(s, FD_OUT, call);

    if (error) {
        return error;
    }
    if (s->shut) {
        return hark__fail(-EPIPE, call, "the stream was half-closed: nothing more can be written");
    }
    size = size < MOST ? size : MOST;
    return answered(visit, s, FD_OUT, s->kind->write(s, buffer, size), size, call);
}

/* ---- plain reads and writes ------------------------------------------------------------------ */

ssize_t hark_stream_read(hark_stream *s, void *buffer, size_t size)
{
    static const char call[] = "hark_stream_read";
    struct hark__stream_visit visit = {0};
    ssize_t moved = hark__stream_enter(&visit, s, FD_IN, call);

    if (moved) {
        return moved;
    }
    moved = hark__stream_check_buffer(buffer, size, call);
    bool waits = !moved && size && !s->used;
    if (waits) {
        moved = hark__stream_ask(&visit, s, buffer, size, call);
    } else if (!moved && size) {
        moved = (ssize_t)hark__stream_take(s, buffer, size < MOST ? size : MOST);
    }
    hark__stream_leave(&visit, s, FD_IN);
    if (!waits && moved >= 0) {
        hark__pass();
    }
    return moved;
}

ssize_t hark_stream_write(hark_stream *s, const void *buffer, size_t size)
{
    static const char call[] = "hark_stream_write";
    struct hark__stream_visit visit = {0};
    ssize_t moved = hark__stream_enter(&visit, s, FD_OUT, call);

    if (moved) {
        return moved;
    }
    moved = hark__stream_check_buffer(buffer, size, call);
    if (!moved && size) {
        moved = hark__stream_give(&visit, s, buffer, size, call);
    }
    hark__stream_leave(&visit, s, FD_OUT);
    return moved;
}

static int ended_early(size_t used, size_t size, const char *call)
{
    return hark__fail(-ENODATA, call, "the stream ended after %lu of %lu bytes",
                      (unsigned long)used, (unsigned long)size);
}

/* One part of it: what was read ahead, or straight from the kind. */
static ssize_t read_part(struct hark__stream_visit *visit, hark_stream *s, unsigned char *buffer,
                         size_t size, const char *call)
{
    if (visit->gone) {
        return hark__stream_gone(FD_IN, call);
    }
    return s->used ? (ssize_t)hark__stream_take(s, buffer, size)
                   : hark__stream_ask(visit, s, buffer, size, call);
}

int hark_stream_read_full(hark_stream *s, void *buffer, size_t size, size_t *done)
{
    static const char call[] = "hark_stream_read_full";
    struct hark__stream_visit visit = {0};
    ssize_t moved = hark__stream_enter(&visit, s, FD_IN, call);
    size_t used = 0;

    if (!moved) {
        moved = hark__stream_check_buffer(buffer, size, call);
        while (!moved && used < size) {
            moved = read_part(&visit, s, (unsigned char *)buffer + used, size - used, call);
            if (moved == 0) {
                moved = ended_early(used, size, call);
            } else if (moved > 0) {
                used += (size_t)moved;
                moved = 0;
            }
        }
        hark__stream_leave(&visit, s, FD_IN);
    }
    if (done) {
        *done = used;
    }
    return (int)moved;
}

int hark_stream_write_full(hark_stream *s, const void *buffer, size_t size, size_t *done)
{
    static const char call[] = "hark_stream_write_full";
    struct hark__stream_visit visit = {0};
    ssize_t moved = hark__stream_enter(&visit, s, FD_OUT, call);
    size_t used = 0;

    if (!moved) {
        moved = hark__stream_check_buffer(buffer, size, call);
        while (!moved && used < size) {
            moved = visit.gone ? hark__stream_gone(FD_OUT, call)
                               : hark__stream_give(&visit, s, (const unsigned char *)buffer + used,
                                                   size - used, call);
            if (moved > 0) {
                used += (size_t)moved;
                moved = 0;
            }
        }
        hark__stream_leave(&visit, s, FD_OUT);
    }
    if (done) {
        *done = used;
    }
    return (int)moved;
}

/* ---- opening --------------------------------------------------------------------------------- */

int hark__stream_begin(hark_stream *s, const char *call)
{
    if (!s) {
        return hark__fail(-EINVAL, call, "the stream is NULL");
    }
    *s = closed_stream;
    return 0;
}

int hark_stream_open_class(hark_stream *s, const hark_stream_class *kind, void *inner)
{
    static const char call[] = "hark_stream_open_class";
    int error = hark__stream_begin(s, call);

    if (error) {
        return error;
    }
    if (!kind) {
        return hark__fail(-EINVAL, call, "the kind is NULL");
    }
    if (kind->size != sizeof *kind) {
        return hark__fail(-EINVAL, call, "size is %lu, it must be sizeof(hark_stream_class): %lu",
                          (unsigned long)kind->size, (unsigned long)sizeof *kind);
    }
    if (!kind->name || (!kind->read && !kind->write)) {
        return hark__fail(-EINVAL, call, "the kind has no %s",
                          kind->name ? "way to be read or written" : "name");
    }
    s->inner = inner;
    s->kind = kind;
    return 0;
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* By who has a visit to write. */
static int shut(struct hark__stream_visit *visit, hark_stream *s, const char *call)
{
    if (s->shut) {
        return 0;
    }
    if (!s->kind->half_close) {
        return hark__fail(-EOPNOTSUPP, call, "this kind of stream (%s) has no half-close",
                          s->kind->name);
    }
    int error = s->kind->half_close(s);
    if (visit->gone) {
        return error == -ECANCELED ? error : hark__stream_gone(FD_OUT, call);
    }
    s->shut = !error;
    return error;
}

int hark_stream_half_close(hark_stream *s)
{
    static const char call[] = "hark_stream_half_close";
    struct hark__stream_visit visit = {0};
    int error = hark__stream_check(s, call);

    if (error) {
        return error;
    }
    if (s->visits[FD_OUT]) {
        return busy(s, FD_OUT, call);
    }
    s->visits[FD_OUT] = &visit;
    visit.task = hark__here && hark__here->running ? hark__here->running->id : 0;
    error = shut(&visit, s, call);
    hark__stream_leave(&visit, s, FD_OUT);
    return error;
}

/* Who reads frees the buffer when it has left it. */
static void tell_visits(hark_stream *s)
{
    struct hark__stream_visit *reader = s->visits[FD_IN], *writer = s->visits[FD_OUT];

    if (writer) {
        writer->gone = true;
    }
    if (reader && !planted(stream_close_frees_under_a_reader)) {
        reader->gone = true;
        reader->ahead = s->ahead;
        reader->room = s->room;
    } else {
        hark__free(s->ahead, s->room);
    }
}

static int close_it(hark_stream *s)
{
    int error = s->kind->close ? s->kind->close(s) : 0;

    if (error == -EXDEV) {
        return error; /* another loop's: nothing was done */
    }
    tell_visits(s);
    *s = closed_stream;
    return error;
}

int hark_stream_close(hark_stream *s)
{
    int error = hark__stream_check(s, "hark_stream_close");
    return error ? error : close_it(s);
}

static ssize_t drop_the_rest(struct hark__stream_visit *visit, hark_stream *s, const char *call)
{
    unsigned char bytes[ROOM_DROP];
    ssize_t moved;

    do {
        moved = visit->gone ? hark__stream_gone(FD_IN, call)
                            : hark__stream_ask(visit, s, bytes, sizeof bytes, call);
    } while (moved > 0);
    return moved;
}

/* With one visit for both directions: the end of one, or a close by another, concerns both. */
static int finish(struct hark__stream_visit *visit, hark_stream *s, const char *call)
{
    int error = shut(visit, s, call);

    if (!error && s->kind->read) {
        error = (int)drop_the_rest(visit, s, call);
    }
    return error == -EOPNOTSUPP ? 0 : error;
}

int hark_stream_finish(hark_stream *s)
{
    static const char call[] = "hark_stream_finish";
    struct hark__stream_visit visit = {0};
    int error = hark__stream_check(s, call);

    if (error) {
        return error;
    }
    error = hark__enter_task(call);
    if (!error && (s->visits[FD_IN] || s->visits[FD_OUT])) {
        error = busy(s, s->visits[FD_IN] ? FD_IN : FD_OUT, call);
    }
    if (error) {
        close_it(s);
        return error;
    }
    visit.task = hark__here->running->id;
    s->visits[FD_IN] = s->visits[FD_OUT] = &visit;
    error = finish(&visit, s, call);
    bool gone = visit.gone;
    hark__stream_leave(&visit, s, FD_IN);
    if (!gone) {
        s->visits[FD_OUT] = NULL;
        int late = close_it(s);
        error = error ? error : late;
    }
    return error;
}

/* ---- what lies below ------------------------------------------------------------------------- */

static int below(const hark_stream *s, const char *call)
{
    int error = hark__stream_check(s, call);

    if (error) {
        return error;
    }
    return s->kind->fd ? s->kind->fd(s)
                       : hark__fail(-EOPNOTSUPP, call,
                                    "a stream of this kind (%s) has no descriptor", s->kind->name);
}

int hark_stream_fd(const hark_stream *s)
{
    return below(s, "hark_stream_fd");
}

static int address_of(const hark_stream *s, struct sockaddr *address, socklen_t *length,
                      int (*ask_for)(int fd, struct sockaddr *address, socklen_t *length),
                      const char *call)
{
    int fd = below(s, call);

    if (fd < 0) {
        return fd;
    }
    if (!address || !length) {
        return hark__fail(-EINVAL, call, "the %s is NULL", address ? "length" : "address");
    }
    return ask_for(fd, address, length) < 0 ? hark__io_fail(call, fd, -errno) : 0;
}

int hark_stream_peer(const hark_stream *s, struct sockaddr *address, socklen_t *length)
{
    return address_of(s, address, length, hark__sys.getpeername, "hark_stream_peer");
}

int hark_stream_local(const hark_stream *s, struct sockaddr *address, socklen_t *length)
{
    return address_of(s, address, length, hark__sys.getsockname, "hark_stream_local");
}
