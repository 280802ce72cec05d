/* SPDX-License-Identifier: MIT
 *
 * ahead.c - reading ahead: lines, marks, a look, copying. hark/stream.h has the promises, stream.h
 * the idea and the rules.
 *
 * Rules    H1  What is sought is looked for once in every byte, however small the pieces are that
 *              come (sought.seen).
 *          H2  The buffer grows by doubling, up to what the call may take: a peer cannot make it
 *              larger.
 * Why so   Copying reads into the same buffer: then what could not be written is simply still
 * there.
 */
#include "io/stream.h"

#define ROOM      4096  /* of the first buffer: lines of a protocol */
#define ROOM_COPY 32768 /* what is copied at once */
#define NOT_YET   ((ssize_t)(-EAGAIN))

/* ---- filling --------------------------------------------------------------------------------- */

/* Twice as large, or `least`; never more than `most`, if that will do. */
static int grow(hark_stream *s, size_t least, size_t most, const char *call)
{
    size_t room = s->room < most / 2 ? 2 * s->room : most;

    room = room < ROOM ? ROOM : room;
    room = room < least ? least : room;
    unsigned char *larger = hark__realloc(s->ahead, s->room, room);
    if (!larger) {
        return hark__fail(-ENOMEM, call, "no memory to read %lu bytes ahead", (unsigned long)room);
    }
    s->ahead = larger;
    s->room = room;
    return 0;
}

/* Room for at least one more byte; as much as there is up to `most` altogether. What is left moves
 * to the front when that costs no more than was taken before it. */
static int make_room(hark_stream *s, size_t most, const char *call)
{
    if (s->from && (s->from >= s->used || s->from + s->used == s->room)) {
        memmove(s->ahead, hark__stream_ahead(s), s->used);
        s->from = 0;
    }
    return s->from + s->used < s->room ? 0 : grow(s, s->used + 1, most, call);
}

/* Read some more ahead: the count; 0 at the end. */
static ssize_t fill(struct hark__stream_visit *visit, hark_stream *s, size_t most, const char *call)
{
    ssize_t error = s->ended ? 0 : make_room(s, most, call);

    if (error) {
        return error;
    }
    size_t end = s->from + s->used;
    ssize_t moved = hark__stream_ask(visit, s, s->ahead + end, s->room - end, call);
    if (visit->gone) {
        return moved == -ECANCELED ? moved : hark__stream_gone(FD_IN, call);
    }
    s->used += moved > 0 ? (size_t)moved : 0;
    return moved;
}

/* ---- lines and marks ------------------------------------------------------------------------- */

/* What is looked for in what was read ahead. */
struct sought {
    const void *mark;
    size_t size;
    size_t most; /* bytes that it may have, the mark among them */
    size_t seen; /* there is no mark that begins before */
};

static const unsigned char *find(const unsigned char *bytes, size_t size, const struct sought *m)
{
    return m->size == 1 ? memchr(bytes, *(const unsigned char *)m->mark, size)
                        : memmem(bytes, size, m->mark, m->size);
}

/* How long it is, with the mark; -EAGAIN: there may be one yet; -EMSGSIZE. */
static ssize_t look(const hark_stream *s, struct sought *sought)
{
    size_t count = s->used < sought->most ? s->used : sought->most;

    if (count >= sought->size + sought->seen) {
        const unsigned char *from = hark__stream_ahead(s) + sought->seen;
        const unsigned char *found = find(from, count - sought->seen, sought);
        if (found) {
            return found - hark__stream_ahead(s) + (ssize_t)sought->size;
        }
        sought->seen = count - sought->size + 1;
        sought->seen = planted(stream_mark_in_two_parts_is_missed) ? count : sought->seen;
    }
    return s->used < sought->most ? NOT_YET : -EMSGSIZE;
}

static int too_long(size_t most, const char *call)
{
    return hark__fail(-EMSGSIZE, call,
                      "no end within %lu bytes; they are all there still, to be read",
                      (unsigned long)most);
}

static int no_mark(const hark_stream *s, const char *call)
{
    return hark__fail(-ENODATA, call, "the stream ended without the mark; %lu bytes are left",
                      (unsigned long)s->used);
}

/* Read ahead until it is there, whole. */
static ssize_t seek(struct hark__stream_visit *visit, hark_stream *s, struct sought *sought,
                    const char *call)
{
    ssize_t found;

    while ((found = look(s, sought)) == NOT_YET) {
        ssize_t moved = fill(visit, s, sought->most, call);
        if (moved <= 0) {
            return moved ? moved : no_mark(s, call);
        }
    }
    return found >= 0 ? found : too_long(sought->most, call);
}

ssize_t hark_stream_read_until(hark_stream *s, const void *mark, size_t mark_size, void *buffer,
                               size_t size)
{
    static const char call[] = "hark_stream_read_until";
    struct hark__stream_visit visit = {0};
    struct sought sought = {.mark = mark, .size = mark_size, .most = size};
    size_t had = s && s->kind ? s->used : 0;
    ssize_t count = hark__stream_enter(&visit, s, FD_IN, call);

    if (count) {
        return count;
    }
    if (!mark || !mark_size) {
        count = hark__fail(-EINVAL, call, mark ? "a mark of no bytes" : "the mark is NULL");
    } else if (!(count = hark__stream_check_buffer(buffer, size, call))) {
        count = seek(&visit, s, &sought, call);
    }
    if (count > 0) {
        hark__stream_take(s, buffer, (size_t)count);
    }
    hark__stream_leave(&visit, s, FD_IN);
    if (count > 0 && (size_t)count <= had) {
        hark__pass();
    }
    return count;
}

/* Of what there is, how much is a line: without its end. -EAGAIN: its end may come yet. *whole gets
 * what it takes. A line that would have room if a "\n" came next is not too long yet. */
static ssize_t look_for_line(const hark_stream *s, struct sought *sought, size_t *whole)
{
    size_t size = sought->most - 2; /* bytes without the end */
    ssize_t found = look(s, sought);

    if (found > 0) {
        const unsigned char *end = hark__stream_ahead(s) + found - 1;
        size_t count = (size_t)found - 1;
        count -= count && end[-1] == '\r' ? 1 : 0;
        *whole = (size_t)found;
        return count <= size ? (ssize_t)count : -EMSGSIZE;
    }
    if (found == NOT_YET && s->ended) {
        *whole = s->used;
        return s->used <= size ? (ssize_t)s->used : -EMSGSIZE;
    }
    bool fits = s->used <= size || (s->used == size + 1 && hark__stream_ahead(s)[size] == '\r');
    return fits ? NOT_YET : -EMSGSIZE;
}

static ssize_t seek_line(struct hark__stream_visit *visit, hark_stream *s, struct sought *sought,
                         size_t *whole, const char *call)
{
    ssize_t count;

    while ((count = look_for_line(s, sought, whole)) == NOT_YET) {
        ssize_t moved = fill(visit, s, sought->most, call);
        if (moved < 0) {
            return moved;
        }
    }
    if (count == 0 && *whole == 0) {
        return hark__fail(-ENODATA, call, "the stream has ended: there are no more lines");
    }
    return count >= 0 ? count : too_long(sought->most, call);
}

ssize_t hark_stream_line(hark_stream *s, char *line, size_t size)
{
    static const char call[] = "hark_stream_line";
    struct hark__stream_visit visit = {0};
    struct sought sought = {.mark = "\n", .size = 1, .most = size + 1};
    size_t had = s && s->kind ? s->used : 0, whole = 0;
    ssize_t count = hark__stream_enter(&visit, s, FD_IN, call);

    if (count) {
        return count;
    }
    if (!line || !size || size > PTRDIFF_MAX) {
        count = hark__fail(-EINVAL, call, "%s", line ? "no room for a line" : "the line is NULL");
    } else {
        count = seek_line(&visit, s, &sought, &whole, call);
    }
    if (count >= 0) {
        memcpy(line, hark__stream_ahead(s), (size_t)count);
        line[count] = '\0';
        hark__stream_drop(s, whole);
    }
    hark__stream_leave(&visit, s, FD_IN);
    if (count >= 0 && whole <= had) {
        hark__pass();
    }
    return count;
}

/* ---- looking, copying ------------------------------------------------------------------------ */

ssize_t hark_stream_peek(hark_stream *s, const void **bytes, size_t least)
{
    static const char call[] = "hark_stream_peek";
    struct hark__stream_visit visit = {0};
    ssize_t moved = hark__stream_enter(&visit, s, FD_IN, call);
    ssize_t count = 0;

    if (moved) {
        return moved;
    }
    bool waits = false;
    if (!bytes || !least || least > PTRDIFF_MAX) {
        moved = hark__fail(-EINVAL, call, "%s", bytes ? "a look at no bytes" : "bytes is NULL");
    } else {
        while (s->used < least && !s->ended && (moved = fill(&visit, s, least, call)) > 0) {
            waits = true;
        }
    }
    if (moved >= 0 && !waits) { /* before it leaves: others would take what it tells of */
        hark__pass();
        moved = visit.gone ? hark__stream_gone(FD_IN, call) : moved;
    }
    if (moved >= 0) {
        *bytes = hark__stream_ahead(s);
        count = (ssize_t)s->used;
    }
    hark__stream_leave(&visit, s, FD_IN);
    return moved < 0 ? moved : count;
}

size_t hark_stream_buffered(const hark_stream *s)
{
    return s && s->kind ? s->used : 0;
}

/* Once: read if there is nothing, write what there is. 0: the end; else what was written. */
static ssize_t copy_part(struct hark__stream_visit visits[2], hark_stream *from, hark_stream *to,
                         const char *call)
{
    if (!from->used) {
        ssize_t moved = fill(&visits[FD_IN], from, ROOM_COPY, call);
        if (moved <= 0) {
            return moved;
        }
    }
    if (visits[FD_OUT].gone) {
        return hark__stream_gone(FD_OUT, call);
    }
    size_t size = from->used;
    ssize_t moved = hark__stream_give(&visits[FD_OUT], to, hark__stream_ahead(from), size, call);
    if (!visits[FD_IN].gone) {
        hark__stream_drop(from, planted(stream_copy_loses_what_was_not_written) ? size
                                : moved > 0                                     ? (size_t)moved
                                                                                : 0);
    }
    return moved;
}

int hark_stream_copy(hark_stream *from, hark_stream *to, uint64_t *done)
{
    static const char call[] = "hark_stream_copy";
    struct hark__stream_visit visits[2] = {0};
    uint64_t total = 0;
    ssize_t moved = hark__stream_enter(&visits[FD_IN], from, FD_IN, call);

    if (!moved) {
        moved = hark__stream_enter(&visits[FD_OUT], to, FD_OUT, call);
        if (!moved) {
            while ((moved = visits[FD_IN].gone ? hark__stream_gone(FD_IN, call)
                                               : copy_part(visits, from, to, call)) > 0) {
                total += (uint64_t)moved;
            }
            hark__stream_leave(&visits[FD_OUT], to, FD_OUT);
        }
        hark__stream_leave(&visits[FD_IN], from, FD_IN);
    }
    if (done) {
        *done = total;
    }
    return (int)moved;
}
