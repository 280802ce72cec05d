/* SPDX-License-Identifier: MIT
 *
 * memory.c - two ends of a stream in memory; hark_stream_pair in hark/stream.h has the promises.
 *
 * Idea     Two ways, one in each direction: a ring of bytes, and a list of those who wait on either
 *          side of it. Whoever comes does at once all that its coming makes possible, for the other
 *          too, as in a channel:
 *
 *              write   into the place of the reader that waits; the rest into the ring; else wait
 *              read    from the ring, then from the writer that waits, whose rest moves into the
 *                      ring; else wait
 *
 *          The capacity may be 0, for the ring is only where bytes stay that nobody waits for.
 *
 * Rules    M1  Nobody waits to read while there is a byte, nor to write while there is room, nor
 *              on a way whose other side has gone.
 *          M2  A waiter is woken with what it moved already counted in its offer, or with 0 bytes
 *              and the reason. After its wake-up a call does not look at the way again: both ends
 *              may be closed by then, and the memory free.
 *          M3  The block is freed with the second end. It belongs to one loop, by its first list.
 * Not here That one task at a time reads and one writes, NULL, closed: stream.c sees to that.
 */
#include <hark/stream.h>
#include <string.h>

#include "io/io.h"

struct way {
    struct hark_waitlist readers, writers;
    unsigned char *ring;
    size_t capacity, from, used;
    bool ended; /* nobody will write any more */
    bool deaf;  /* nobody will read any more */
};

struct memory {
    struct way ways[2]; /* from end 0 to 1, from 1 to 0 */
    struct end {
        struct memory *memory;
    } ends[2];
    size_t size; /* of all this */
    int open;    /* ends */
    unsigned char bytes[];
};

/* What a task stands there with. */
struct offer {
    const unsigned char *from; /* of a writer */
    unsigned char *to;         /* of a reader */
    size_t size, moved;
};

static struct memory *memory_of(const hark_stream *s)
{
    return ((struct end *)s->inner)->memory;
}

static struct way *way_out(const hark_stream *s)
{
    struct memory *memory = memory_of(s);
    return &memory->ways[(struct end *)s->inner - memory->ends];
}

static struct way *way_in(const hark_stream *s)
{
    struct memory *memory = memory_of(s);
    return &memory->ways[1 - ((struct end *)s->inner - memory->ends)];
}

/* ---- the ring -------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t put(struct way *way, const unsigned char *bytes, size_t size)
{
    size_t count = least(size, way->capacity - way->used);
    size_t room = way->capacity - way->from; /* up to the ring's seam */

    size_t at = way->used < room ? way->from + way->used : way->used - room;
    size_t part = least(count, way->capacity - at);
    memcpy(way->ring + at, bytes, part);
    memcpy(way->ring, bytes + part, count - part);
    way->used += count;
    return count;
}

static size_t get(struct way *way, unsigned char *bytes, size_t size)
{
    size_t count = least(size, way->used);
    size_t room = way->capacity - way->from;
    size_t part = least(count, room);

    memcpy(bytes, way->ring + way->from, part);
    memcpy(bytes + part, way->ring, count - part);
    way->from = count < room ? way->from + count : count - room;
    way->used -= count;
    return count;
}

/* ---- without waiting ------------------------------------------------------------------------- */

static size_t write_now(struct way *way, const unsigned char *bytes, size_t size)
{
    struct hark_waiter *reader = way->readers.first;
    size_t count = 0;

    if (reader) {
        struct offer *offer = hark__offer_item(reader);
        count = offer->moved = least(offer->size, size);
        memcpy(offer->to, bytes, count);
        hark__wake(reader, 0);
    }
    return count + put(way, bytes + count, size - count);
}

static size_t read_now(struct way *way, unsigned char *bytes, size_t size)
{
    size_t count = get(way, bytes, size);
    struct hark_waiter *writer = way->writers.first;

    if (!writer || planted(memory_room_is_given_to_nobody)) {
        return count;
    }
    struct offer *offer = hark__offer_item(writer);
    size_t part = least(offer->size, size - count);
    memcpy(bytes + count, offer->from, part);
    offer->moved = part + put(way, offer->from + part, offer->size - part);
    hark__wake(writer, 0);
    return count + part;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static bool bytes_are_there(const hark__task *task)
{
    const struct way *way = container_of(task->in.waiter.list, struct way, readers);
    return way->used || way->ended || way->deaf || way->writers.first;
}

static bool room_is_there(const hark__task *task)
{
    const struct way *way = container_of(task->in.waiter.list, struct way, writers);
    return way->used < way->capacity || way->ended || way->deaf || way->readers.first;
}

static const struct hark__wait_kind read_kind = {
    .what = "a stream in memory, to be readable",
    .leave = hark__leave_list,
    .there = bytes_are_there,
    .stands = hark__stands_in_list,
};
static const struct hark__wait_kind write_kind = {
    .what = "a stream in memory, to be writable",
    .leave = hark__leave_list,
    .there = room_is_there,
    .stands = hark__stands_in_list,
};

static int nobody_reads(void)
{
    return hark__fail(-EPIPE, "hark_stream_write", "the other end of the pair is closed");
}

/* What a pair is bound by. */
static struct hark_waitlist *home(const hark_stream *s)
{
    return &memory_of(s)->ways[0].readers;
}

/* The four lists belong where the first does. */
static int bound(const hark_stream *s, int error)
{
    struct way *ways = memory_of(s)->ways;

    if (!error) {
        hark__follow(&ways[0].writers, &ways[0].readers);
        hark__follow(&ways[1].readers, &ways[0].readers);
        hark__follow(&ways[1].writers, &ways[0].readers);
    }
    return error;
}

static ssize_t memory_read(hark_stream *s, void *buffer, size_t size)
{
    struct way *way = way_in(s);
    int error = bound(s, hark__enter(home(s), "hark_stream_read"));

    if (error) {
        return error;
    }
    struct offer offer = {.to = buffer, .size = size, .moved = read_now(way, buffer, size)};
    if (offer.moved || way->ended) {
        hark__pass();
        return (ssize_t)offer.moved;
    }
    error = hark__offer_wait(&way->readers, &offer, &read_kind);
    return error ? error : (ssize_t)offer.moved;
}

static ssize_t memory_write(hark_stream *s, const void *buffer, size_t size)
{
    struct way *way = way_out(s);
    int error = bound(s, hark__enter(home(s), "hark_stream_write"));

    if (error) {
        return error;
    }
    if (way->deaf) {
        return nobody_reads();
    }
    struct offer offer = {.from = buffer, .size = size, .moved = write_now(way, buffer, size)};
    if (offer.moved) {
        hark__pass();
        return (ssize_t)offer.moved;
    }
    error = hark__offer_wait(&way->writers, &offer, &write_kind);
    return error == -EPIPE ? nobody_reads() : error ? error : (ssize_t)offer.moved;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void end_writing(struct way *way)
{
    way->ended = true;
    hark__wake_everyone(&way->readers, 0);
}

static int memory_half_close(hark_stream *s)
{
    int error = bound(s, hark__touch(home(s), "hark_stream_half_close"));

    if (!error) {
        end_writing(way_out(s));
    }
    return error;
}

static void end_reading(struct way *way)
{
    way->deaf = true;
    way->from = way->used = 0;
    if (!planted(memory_close_forgets_the_writer)) {
        hark__wake_everyone(&way->writers, -EPIPE);
    }
}

static int memory_close(hark_stream *s)
{
    struct memory *memory = memory_of(s);
    int error = bound(s, hark__touch(home(s), "hark_stream_close"));

    if (error) {
        return error;
    }
    hark__wake_everyone(&way_in(s)->readers, -EBADF);
    hark__wake_everyone(&way_out(s)->writers, -EBADF);
    end_writing(way_out(s));
    end_reading(way_in(s));
    if (--memory->open == 0) {
        hark__free(memory, memory->size);
    }
    return 0;
}

static const hark_stream_class in_memory = {
    .size = sizeof(hark_stream_class),
    .name = "memory",
    .read = memory_read,
    .write = memory_write,
    .half_close = memory_half_close,
    .close = memory_close,
};

/* ---- making two ------------------------------------------------------------------------------ */

static void begin_way(struct way *way, unsigned char *ring, size_t capacity)
{
    *way = (struct way){.ring = ring, .capacity = capacity};
}

int hark_stream_pair(hark_stream *a, hark_stream *b, size_t capacity)
{
    static const char call[] = "hark_stream_pair";
    size_t size = sizeof(struct memory);

    if (!a || !b || a == b) {
        return hark__fail(-EINVAL, call, a && b ? "both are the same stream" : "a stream is NULL");
    }
    *a = *b = (hark_stream)HARK_STREAM_INIT;
    if (capacity > (PTRDIFF_MAX - size) / 2) {
        return hark__fail(-EINVAL, call, "a capacity of %zu bytes each way is more than there is",
                          capacity);
    }
    size += 2 * capacity;
    struct memory *memory = hark__alloc(size);
    if (!memory) {
        return hark__fail(-ENOMEM, call, "no memory for %zu bytes each way", capacity);
    }
    memory->size = size;
    memory->open = 2;
    memory->ends[0].memory = memory->ends[1].memory = memory;
    begin_way(&memory->ways[0], memory->bytes, capacity);
    begin_way(&memory->ways[1], memory->bytes + capacity, capacity);
    hark_stream_open_class(a, &in_memory, &memory->ends[0]);
    hark_stream_open_class(b, &in_memory, &memory->ends[1]);
    return 0;
}
