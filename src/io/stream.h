/* SPDX-License-Identifier: MIT
 *
 * stream.h - what the files of streams share: visits, the kind's answer, reading ahead.
 *
 * Idea     A kind of stream only moves bytes (hark_stream_class). What would otherwise stand
 *          in each of them stands here once: who is busy, what is closed, what stays, and reading
 *          ahead:
 *
 *              ahead   [ taken | from ... used bytes ... | room for more ]
 *
 *          Whoever wants lines, marks, a look, or to copy, fills it until what it wants is there,
 *          or cannot come any more, and takes it in one act. So there is nothing to undo: a call
 *          that fails has taken nothing, and what was read on its behalf is the next one's. A plain
 *          read that finds it empty goes straight to the kind.
 *
 * Rules    S1  Whoever uses a direction has a visit there, a record on its own stack. Closing marks
 *              the visits and hands them the buffer. After every call of the kind the visit is
 *              looked at first: if it says "gone", the stream's memory may be anybody's by now.
 *          S2  No checkpoint stands between taking bytes and telling so.
 *          S3  `ended`, `shut` and `broken` are never taken back. A reset is not an end: the kernel
 *              tells of it once and then says "end", so the first answer is kept.
 *          S4  The buffer is only moved, enlarged or filled by the visit of the reading side.
 */
#ifndef HARK_IO_STREAM_H
#define HARK_IO_STREAM_H

#include <hark/stream.h>
#include <string.h>

#include "io/io.h"

struct hark__stream_visit {
    hark_task task;
    bool gone;            /* the stream was closed meanwhile */
    unsigned char *ahead; /* then: its buffer */
    size_t room;
};

/* ---- stream.c -------------------------------------------------------------------------------- */

int hark__stream_check(const hark_stream *s, const char *call); /* 0, -EINVAL, -EBADF */
/* 0, -EINVAL */
int hark__stream_check_buffer(const void *buffer, size_t size, const char *call);

/* By a task, as a checkpoint: it uses that direction from now on. 0, -ECANCELED, -EBUSY, -EBADF
 * ... */
int hark__stream_enter(struct hark__stream_visit *visit, hark_stream *s, int direction,
                       const char *call);
void hark__stream_leave(struct hark__stream_visit *visit, hark_stream *s, int direction);
int hark__stream_gone(int direction, const char *call); /* -EBADF: closed meanwhile */

/* Straight from the kind, straight to it: S1 and S3 are seen to. */
ssize_t hark__stream_ask(struct hark__stream_visit *visit, hark_stream *s, void *buffer,
                         size_t size, const char *call);
ssize_t hark__stream_give(struct hark__stream_visit *visit, hark_stream *s, const void *buffer,
                          size_t size, const char *call);

/* Closed, and nothing in it: 0, -EINVAL. */
int hark__stream_begin(hark_stream *s, const char *call);

/* ---- what was read ahead --------------------------------------------------------------------- */

static inline const unsigned char *hark__stream_ahead(const hark_stream *s)
{
    return s->ahead + s->from;
}

static inline void hark__stream_drop(hark_stream *s, size_t count)
{
    s->used -= count;
    s->from = s->used ? s->from + count : 0;
}

static inline size_t hark__stream_take(hark_stream *s, void *buffer, size_t size)
{
    size_t count = size < s->used ? size : s->used;

    memcpy(buffer, hark__stream_ahead(s), count);
    hark__stream_drop(s, count);
    return count;
}

#endif
