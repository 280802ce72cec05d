/* SPDX-License-Identifier: MIT
 *
 * memory_model.c - a pair of streams in memory in every order: who writes, who reads, who is
 * cancelled, who closes; and over it what all streams have in common, reading ahead.
 *
 * Rules    1  What was read is a beginning of what was written; and what a writer was told to have
 *             written is what was read and what is still there, unless the reader has closed.
 *          2  Cancelled moved nothing, or told how much; closed meanwhile is -EBADF.
 *          3  A stream that is closed says so: nobody here need ask first.
 */
#include <hark.h>
#include <hark/stream.h>
#include <errno.h>
#include <string.h>

#include "stage.h"

static const char text[] = "abcdef";
static hark_stream a, b;
static size_t to_write, wrote, taken;
static char got[16];
static int writer_rc, reader_rc;

static int begin(size_t capacity, size_t size)
{
    int rc = hark_stream_pair(&a, &b, capacity);

    WANT(rc == 0);
    to_write = size;
    wrote = taken = 0;
    writer_rc = reader_rc = 1;
    if (rc == 0) {
        open_stage();
    }
    return rc;
}

static void close_if_open(hark_stream *s)
{
    int rc = hark_stream_close(s);
    MUST(rc == 0 || rc == -EBADF);
}

/* What a stream has left, into `got`: nobody writes to it any more. */
static void drain(hark_stream *s)
{
    hark_scope scope;
    ssize_t rc;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    while ((rc = hark_stream_read(s, got + taken, sizeof got - taken)) > 0) {
        taken += (size_t)rc;
    }
    MUST(rc == 0 || rc == -EBADF);
    hark_scope_close(&scope, 0);
}

/* The reader's end must be open for what was written to be counted. */
static int end(bool counts)
{
    int rc = hark_group_close(&group, 0);

    close_if_open(&a);
    drain(&b);
    close_if_open(&b);
    MUST(taken <= wrote && memcmp(got, text, taken) == 0);
    MUST(!counts || taken == wrote);
    return rc;
}

/* Cut short by a fault: nobody may wait for what it would have done. */
static int gave_up(int rc)
{
    if (rc < 0) {
        hark_group_cancel(&group);
    }
    return rc;
}

static int write_text(void *unused)
{
    (void)unused;
    stroll();
    writer_rc = hark_stream_write_full(&a, text, to_write, &wrote);
    MUST(wrote <= to_write && (wrote == to_write) == (writer_rc == 0));
    return writer_rc == -ECANCELED ? writer_rc : 0;
}

static int write_text_and_close(void *unused)
{
    int rc = write_text(unused);

    MUST(hark_stream_close(&a) == 0);
    return rc;
}

static int read_two(void *unused)
{
    ssize_t rc = hark_stream_read(&b, got + taken, 2);

    (void)unused;
    reader_rc = (int)rc;
    MUST(rc <= 2);
    taken += rc > 0 ? (size_t)rc : 0;
    return rc == -ECANCELED ? (int)rc : 0;
}

static int read_two_later(void *unused)
{
    stroll();
    return read_two(unused);
}

static int read_all(void *unused)
{
    int rc;

    stroll();
    do {
        rc = read_two(unused);
    } while (reader_rc > 0);
    return gave_up(rc);
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

static int close_a(void *unused)
{
    (void)unused;
    stroll();
    close_if_open(&a);
    return 0;
}

static int close_b(void *unused)
{
    (void)unused;
    stroll();
    close_if_open(&b);
    return 0;
}

/* ---- one way --------------------------------------------------------------------------------- */

/* Finds: a writer whose bytes were taken and who is not told; one who is told more, or less. */
MODEL(memory_hand_to_hand, .yields = 1)
{
    int rc = begin(0, 3);

    if (rc) {
        return rc;
    }
    first = go(write_text_and_close, NULL);
    go(read_all, NULL);
    go(cancel_first, NULL);
    rc = end(true);
    WANT(reader_rc == 0 && (writer_rc == 0 || writer_rc == -ECANCELED));
    return rc;
}

/* Finds: bytes lost or swapped where the ring ends and a writer's hands begin. */
MODEL(memory_through_the_ring, .yields = 1)
{
    int rc = begin(2, 5);

    if (rc) {
        return rc;
    }
    go(write_text_and_close, NULL);
    go(read_all, NULL);
    rc = end(true);
    WANT(wrote == 5 && reader_rc == 0 && writer_rc == 0);
    return rc;
}

/* Finds: a cancelled read that has taken bytes, or that stands there still. */
MODEL(memory_cancelled_read_takes_nothing, .yields = 1)
{
    int rc = begin(1, 3);

    if (rc) {
        return rc;
    }
    first = go(read_two_later, NULL);
    go(cancel_first, NULL);
    go(write_text, NULL);
    if (first > 0) {
        hark_task_wait(first);
    }
    go(read_all, NULL);
    go(close_a, NULL);
    return end(true);
}

/* ---- closing --------------------------------------------------------------------------------- */

/* Finds: a close that leaves the other end's writer, or its own reader, asleep. */
MODEL(memory_close_of_the_reader, .yields = 1)
{
    int rc = begin(1, 4);

    if (rc) {
        return rc;
    }
    go(write_text, NULL);
    go(read_two_later, NULL);
    if (go(close_b, NULL) < 0) {
        close_if_open(&b);
    }
    rc = end(false);
    WANT(writer_rc == -EPIPE && (reader_rc > 0 || reader_rc == -EBADF));
    return rc;
}

/* Finds: a close that leaves its own writer, or the other end's reader, asleep; bytes that were
 * written before it and are lost. */
MODEL(memory_close_of_the_writer, .yields = 1)
{
    int rc = begin(1, 3);

    if (rc) {
        return rc;
    }
    go(write_text, NULL);
    go(read_all, NULL);
    if (go(close_a, NULL) < 0) {
        close_if_open(&a);
    }
    rc = end(true);
    WANT(reader_rc == 0 && (writer_rc == 0 || writer_rc == -EBADF));
    return rc;
}

/* ---- reading ahead --------------------------------------------------------------------------- */

static int line_rc;
static bool inside; /* somebody is in hark_stream_line */

static int read_line(void *unused)
{
    char line[8] = "";

    (void)unused;
    stroll();
    inside = true;
    line_rc = (int)hark_stream_line(&b, line, sizeof line);
    inside = false;
    MUST(line_rc <= 2 && (line_rc < 0 || strcmp(line, &"ab"[2 - line_rc]) == 0));
    return line_rc == -ECANCELED || line_rc == -ENOMEM ? line_rc : 0;
}

static int write_line(void *unused)
{
    (void)unused;
    stroll();
    writer_rc = hark_stream_write_full(&a, "ab\n", 3, &wrote);
    return gave_up(writer_rc == -ECANCELED ? writer_rc : 0);
}

static int end_of_lines(void)
{
    int rc = hark_group_close(&group, 0);

    close_if_open(&a);
    close_if_open(&b);
    return rc;
}

/* Finds: a buffer that is freed under who reads into it, or twice, or never. */
MODEL(stream_line_against_close, .yields = 1)
{
    int rc = begin(2, 0);

    if (rc) {
        return rc;
    }
    go(read_line, NULL);
    go(write_line, NULL);
    if (go(close_b, NULL) < 0) {
        close_if_open(&b);
    }
    rc = end_of_lines();
    WANT(line_rc == 2 || line_rc == -EBADF);
    return rc;
}

static int read_line_at_last(void *unused)
{
    return gave_up(read_line(unused));
}

/* Finds: a line whose beginning went with who was cancelled. */
MODEL(stream_cancelled_line_loses_nothing, .yields = 1)
{
    int rc = begin(2, 0);

    if (rc) {
        return rc;
    }
    first = go(read_line, NULL);
    go(cancel_first, NULL);
    go(write_line, NULL);
    rc = first > 0 ? hark_task_wait(first) : first;
    if (rc && rc != -ESRCH) {
        gave_up(rc);
    } else if (line_rc == -ECANCELED) {
        go(read_line_at_last, NULL);
    } else {
        gave_up(line_rc);
    }
    rc = end_of_lines();
    WANT(line_rc == 2 && wrote == 3);
    return rc;
}

static int read_beside(void *unused)
{
    char byte;

    (void)unused;
    stroll();
    bool was_inside = inside;
    int rc = (int)hark_stream_read(&b, &byte, 1);
    MUST(!was_inside || rc == -EBUSY || rc == -ECANCELED);
    return rc == -ECANCELED ? rc : 0;
}

/* Finds: a second reader that takes what the first has half read. */
MODEL(stream_two_readers_never_meet, .yields = 1)
{
    int rc = begin(2, 0);

    if (rc) {
        return rc;
    }
    inside = false;
    first = go(read_line, NULL);
    go(read_beside, NULL);
    go(write_line, NULL);
    hark_settle();
    close_if_open(&a);
    return end_of_lines();
}

static int write_in_two(void *unused)
{
    (void)unused;
    stroll();
    int rc = hark_stream_write_full(&a, text, 3, NULL);
    rc = rc ? rc : hark_stream_write_full(&a, text + 3, 3, NULL);
    MUST(hark_stream_close(&a) == 0);
    return rc == -EPIPE ? 0 : rc;
}

static int mark_rc;

static int read_mark(void *unused)
{
    char bytes[8] = "";

    (void)unused;
    mark_rc = (int)hark_stream_read_until(&b, "bcd", 3, bytes, sizeof bytes);
    MUST(mark_rc < 0 || (mark_rc == 4 && memcmp(bytes, text, 4) == 0));
    return gave_up(mark_rc < 0 && mark_rc != -ENODATA ? mark_rc : 0);
}

/* Finds: a mark that is not seen because it came in pieces. */
MODEL(stream_mark_in_pieces, .yields = 1)
{
    int rc = begin(4, 0);

    if (rc) {
        return rc;
    }
    go(write_in_two, NULL);
    go(read_mark, NULL);
    rc = hark_group_close(&group, 0);
    close_if_open(&a);
    close_if_open(&b);
    WANT(mark_rc == 4);
    return rc;
}

/* ---- copying --------------------------------------------------------------------------------- */

static hark_stream c, d;
static uint64_t copied;

static int copy_on(void *unused)
{
    int rc = hark_stream_copy(&b, &c, &copied);

    (void)unused;
    MUST(hark_stream_close(&c) == 0);
    return rc == -EPIPE ? 0 : rc;
}

static int read_copy(void *unused)
{
    ssize_t rc;

    (void)unused;
    stroll();
    rc = hark_stream_read(&d, got + taken, 1);
    taken += rc > 0 ? (size_t)rc : 0;
    return rc == -ECANCELED ? (int)rc : 0;
}

/* Finds: what was read and not written when the copy was cut short. */
MODEL(stream_cancelled_copy_loses_nothing, .yields = 1)
{
    int rc = begin(4, 0), late;

    copied = 0;
    if (rc) {
        return rc;
    }
    late = hark_stream_pair(&c, &d, 1);
    if (late == 0 && hark_stream_write(&a, text, 4) == 4) {
        wrote = 4;
    }
    close_if_open(&a);
    if (late == 0) {
        first = go(copy_on, NULL);
        go(read_copy, NULL);
        go(cancel_first, NULL);
    }
    rc = hark_group_close(&group, 0);
    close_if_open(&c);
    drain(&d);
    MUST(taken == copied);
    drain(&b);
    MUST(taken == wrote && memcmp(got, text, taken) == 0);
    close_if_open(&b);
    close_if_open(&d);
    return rc ? rc : late;
}

/* ---- what stays ------------------------------------------------------------------------------ */

static int resets;

/* As the kernel does it: it tells once, and then it says "end". */
static ssize_t reset_once(hark_stream *s, void *buffer, size_t size)
{
    (void)s, (void)buffer, (void)size;
    int rc = hark_checkpoint();
    return rc ? rc : resets++ ? 0 : -ECONNRESET;
}

static const hark_stream_class resetting = {
    .size = sizeof(hark_stream_class), .name = "resetting", .read = reset_once};

static int read_reset(void *unused)
{
    char byte;

    (void)unused;
    stroll();
    int rc = (int)hark_stream_read(&b, &byte, 1);
    MUST(rc == -ECONNRESET || rc == -EBUSY || rc == -ECANCELED);
    return rc == -ECANCELED ? rc : 0;
}

/* Finds: a reset that looks like an end to whoever asks next. */
MODEL(stream_reset_is_no_end, .yields = 1)
{
    resets = 0;
    MUST(hark_stream_open_class(&b, &resetting, NULL) == 0);
    open_stage();
    go(read_reset, NULL);
    go(read_reset, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(hark_stream_close(&b) == 0);
    return rc;
}
