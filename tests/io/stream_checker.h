/* SPDX-License-Identifier: MIT
 *
 * stream_checker.h - what every stream promises, whatever it is made of: the same tests for all.
 *
 * How      Say how two connected ends are made, and which list they must keep:
 *
 *              static int make_mine(hark_stream *a, hark_stream *b) { ... return 0; }
 *              static const struct stream_kind mine = {.make = make_mine, .holds = 64};
 *              STREAM_HALF_CLOSEABLE(mine, TEST, RUN)
 *
 *          gives tests stream_mine_<promise>, each in a process and a loop of its own. There are
 *          three lists, each with all of the one before:
 *
 *              STREAM_ONE_WAY          b reads what a writes
 *              STREAM_TWO_WAY          and a reads what b writes
 *              STREAM_HALF_CLOSEABLE   and each may stop writing and go on reading
 *
 *          The second argument is TEST or TEST_ON_HUBS, the third RUN or RUN_VIRTUAL.
 *          kind.unmake, if there is one, is called when both ends are closed; within a test, `make`
 *          may be called more than once (for heaps, for proxies).
 * Rules    1  `make` runs in a task. It may use `group`, which is closed after the test.
 *          2  A promise writes in one task and reads in another, for there may be no room at all
 *             between the two; unless the kind says that it surely holds so many bytes.
 *          3  A promise closes both ends, or leaves that to stream_end.
 *          4  What is cut short is cut when it stands still (hark_settle), never after some time.
 * Idea     Trio's check_one_way_stream, check_two_way_stream and check_half_closeable_stream.
 */
#ifndef HARK_TESTS_STREAM_CHECKER_H
#define HARK_TESTS_STREAM_CHECKER_H

#include "wire.h"
#include <hark/stream.h>

struct stream_kind {
    int (*make)(hark_stream *a, hark_stream *b);
    void (*unmake)(void);
    size_t holds;  /* bytes that find room before anybody reads; 0: perhaps none */
    bool no_fd;    /* there is no descriptor below */
    bool no_peers; /* it has no addresses */
    bool slow;     /* a mebibyte takes too long */
};

static const struct stream_kind *stream_kind;
static hark_stream a, b;

SCENE_MAYBE void stream_end(void)
{
    if (a.kind) {
        CHECK_EQ(hark_stream_close(&a), 0);
    }
    if (b.kind) {
        CHECK_EQ(hark_stream_close(&b), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    if (stream_kind->unmake) {
        stream_kind->unmake();
    }
}

/* Nobody is there any more on the other side. */
SCENE_MAYBE void check_gone(int64_t rc)
{
    if (rc != -EPIPE) {
        CHECK_EQ(rc, -ECONNRESET);
    }
}

/* ---- who writes a text ----------------------------------------------------------------------- */

SCENE_MAYBE struct voice {
    hark_stream *to;
    const char *bytes;
    size_t size, done;
    bool by_one, closes;
    int rc;
    hark_task task;
} voices[2];

SCENE_MAYBE int voice_task(void *arg)
{
    struct voice *v = arg;
    if (v->by_one) {
        for (v->done = 0; v->done < v->size && v->rc == 0; v->done++) {
            const ssize_t moved = hark_stream_write(v->to, v->bytes + v->done, 1);
            v->rc = moved == 1 ? 0 : (int)moved;
            hark_yield();
        }
    } else {
        v->rc = hark_stream_write_full(v->to, v->bytes, v->size, &v->done);
    }
    if (v->closes) {
        CHECK_EQ(hark_stream_close(v->to), 0);
    }
    return 0;
}

SCENE_MAYBE struct voice *voice_of(const hark_stream *to)
{
    return &voices[to == &b];
}

SCENE_MAYBE struct voice *voice_new(hark_stream *to, const char *bytes, size_t size)
{
    struct voice *v = voice_of(to);
    *v = (struct voice){.to = to, .bytes = bytes, .size = size};
    return v;
}

SCENE_MAYBE void voice_go(struct voice *v)
{
    v->task = hark_go(&group, voice_task, v);
    CHECK_GT(v->task, 0);
}

SCENE_MAYBE void speak(hark_stream *to, const char *text)
{
    voice_go(voice_new(to, text, strlen(text)));
}

SCENE_MAYBE void speak_by_one(hark_stream *to, const char *text)
{
    struct voice *v = voice_new(to, text, strlen(text));
    v->by_one = true;
    voice_go(v);
}

/* ... and then closes. */
SCENE_MAYBE void speak_last(hark_stream *to, const char *text)
{
    struct voice *v = voice_new(to, text, strlen(text));
    v->closes = true;
    voice_go(v);
}

/* Until a task has ended; it may have been so before. */
SCENE_MAYBE void join(hark_task task)
{
    const int rc = hark_task_wait(task);
    CHECK(rc == 0 || rc == -ESRCH);
}

SCENE_MAYBE int voice_ended(const hark_stream *to)
{
    join(voice_of(to)->task);
    return voice_of(to)->rc;
}

SCENE_MAYBE void spoken(const hark_stream *to)
{
    CHECK_EQ(voice_ended(to), 0);
    CHECK_EQ(voice_of(to)->done, voice_of(to)->size);
}

SCENE_MAYBE void expect(hark_stream *from, const char *text)
{
    char bytes[256] = "";
    size_t done = 0;
    CHECK_EQ(hark_stream_read_full(from, bytes, strlen(text), &done), 0);
    CHECK_EQ(done, strlen(text));
    CHECK_STR(bytes, text);
}

SCENE_MAYBE void expect_end(hark_stream *from)
{
    char byte;
    CHECK_EQ(hark_stream_read(from, &byte, 1), 0);
}

SCENE_MAYBE void expect_line(hark_stream *from, const char *text)
{
    char line[256];
    CHECK_EQ(hark_stream_line(from, line, sizeof line), strlen(text));
    CHECK_STR(line, text);
}

/* The end of what b reads. */
SCENE_MAYBE void close_a(void)
{
    CHECK_EQ(hark_stream_close(&a), 0);
}

/* ---- who reads ------------------------------------------------------------------------------- */

enum hearing { HEAR_READ, HEAR_FULL, HEAR_LINE, HEAR_UNTIL, HEAR_PEEK, HEARINGS };

SCENE_MAYBE struct ear {
    hark_stream *from;
    enum hearing how;
    char bytes[64];
    ssize_t rc;
    size_t done;
    bool over;
    hark_task task;
} ears[2];

SCENE_MAYBE ssize_t hear(hark_stream *from, enum hearing how, char *to, size_t size, size_t *done)
{
    const void *place;
    switch (how) {
    case HEAR_READ: return hark_stream_read(from, to, size);
    case HEAR_FULL: return hark_stream_read_full(from, to, size, done);
    case HEAR_LINE: return hark_stream_line(from, to, size);
    case HEAR_UNTIL: return hark_stream_read_until(from, "--", 2, to, size);
    default: return hark_stream_peek(from, &place, size);
    }
}

SCENE_MAYBE int ear_task(void *arg)
{
    struct ear *e = arg;
    e->rc = hear(e->from, e->how, e->bytes, sizeof e->bytes, &e->done);
    e->over = true;
    return 0;
}

/* A task waits to hear something. */
SCENE_MAYBE struct ear *listen_to(hark_stream *from, enum hearing how)
{
    struct ear *e = &ears[from == &b];
    *e = (struct ear){.from = from, .how = how};
    e->task = hark_go(&group, ear_task, e);
    CHECK_GT(e->task, 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!e->over);
    return e;
}

SCENE_MAYBE ssize_t heard(const struct ear *e)
{
    join(e->task);
    return e->rc;
}

/* ---- floods ---------------------------------------------------------------------------------- */

SCENE_MAYBE struct flood {
    hark_stream *to;
    size_t size, done;
    uint64_t chance;
    bool shuts; /* half-closes when all is written */
    bool over;
    ssize_t rc; /* of the last write */
    hark_task task;
    unsigned char bytes[1 << 14];
} floods[2];

/* Bytes that can be checked, in pieces of any size. */
SCENE_MAYBE int flood_task(void *arg)
{
    struct flood *f = arg;
    while (f->done < f->size) {
        size_t size = 1 + draw(&f->chance) % sizeof f->bytes;
        size = size < f->size - f->done ? size : f->size - f->done;
        put_bytes(f->bytes, f->done, size);
        f->rc = hark_stream_write(f->to, f->bytes, size);
        if (f->rc <= 0) {
            break;
        }
        CHECK_LE(f->rc, size);
        f->done += (size_t)f->rc;
    }
    if (f->shuts) {
        CHECK_EQ(hark_stream_half_close(f->to), 0);
    }
    f->over = true;
    return 0;
}

SCENE_MAYBE struct flood *flood_begin(hark_stream *to, size_t size, bool shuts)
{
    struct flood *f = &floods[to == &b];
    f->to = to;
    f->size = size;
    f->shuts = shuts;
    f->over = false;
    f->done = 0;
    f->rc = 0;
    f->chance = kit_seed() + (to == &b);
    f->task = hark_go(&group, flood_task, f);
    CHECK_GT(f->task, 0);
    return f;
}

/* Until not one byte more goes in. */
SCENE_MAYBE struct flood *jam(hark_stream *to)
{
    struct flood *f = flood_begin(to, SIZE_MAX, false);
    for (int same = 0; same < 3;) {
        const size_t before = f->done;
        CHECK_EQ(hark_settle(), 0);
        same = f->done == before ? same + 1 : 0;
    }
    CHECK(!f->over);
    return f;
}

SCENE_MAYBE ssize_t flood_ended(const struct flood *f)
{
    join(f->task);
    return f->rc;
}

/* What floods, from place `at` on: `size` bytes at most; how many came. */
SCENE_MAYBE size_t drink(hark_stream *from, size_t at, size_t size)
{
    unsigned char bytes[4096];
    uint64_t chance = kit_seed() ^ 0x5555;
    size_t got = 0;
    while (got < size) {
        size_t most = 1 + draw(&chance) % sizeof bytes;
        most = most < size - got ? most : size - got;
        const ssize_t moved = hark_stream_read(from, bytes, most);
        CHECK_GE(moved, 0);
        if (moved == 0) {
            break;
        }
        CHECK_LE(moved, most);
        check_bytes(bytes, at + got, (size_t)moved);
        got += (size_t)moved;
    }
    return got;
}

SCENE_MAYBE size_t mebibyte(void)
{
    return stream_kind->slow ? 1 << 14 : kit_slow() > 1 ? 1 << 17 : 1 << 20;
}

/* ---- what it takes to be a stream: one way, from a to b -------------------------------------- */

#define PROMISE(name) SCENE_MAYBE void promise_##name(void)

PROMISE(bytes_arrive_in_order)
{
    speak(&a, "hello, world");
    expect(&b, "hello");
    expect(&b, ", ");
    expect(&b, "world");
    spoken(&a);
}

PROMISE(a_read_takes_what_there_is)
{
    char bytes[100];
    size_t got = 0;
    speak(&a, "hello");
    while (got < 5) {
        const ssize_t moved = hark_stream_read(&b, bytes + got, sizeof bytes - got);
        CHECK_GT(moved, 0);
        got += (size_t)moved;
    }
    CHECK_EQ(got, 5);
    CHECK_EQ(memcmp(bytes, "hello", 5), 0);
}

PROMISE(a_small_read_leaves_the_rest)
{
    char bytes[2];
    speak(&a, "abc");
    CHECK_EQ(hark_stream_read(&b, bytes, 1), 1);
    CHECK_EQ(bytes[0], 'a');
    expect(&b, "bc");
}

PROMISE(a_read_waits_for_bytes)
{
    const struct ear *e = listen_to(&b, HEAR_READ);
    speak(&a, "x");
    CHECK_EQ(heard(e), 1);
    CHECK_EQ(e->bytes[0], 'x');
}

PROMISE(N13_an_empty_write_sends_nothing)
{
    const struct ear *e = listen_to(&b, HEAR_READ);
    size_t done = 7;
    CHECK_EQ(hark_stream_write(&a, "x", 0), 0);
    CHECK_EQ(hark_stream_write(&a, NULL, 0), 0);
    CHECK_EQ(hark_stream_write_full(&a, "x", 0, &done), 0);
    CHECK_EQ(done, 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!e->over); /* above all: it is no end */
    speak(&a, "x");
    CHECK_EQ(heard(e), 1);
}

PROMISE(an_empty_read_takes_nothing)
{
    char byte;
    size_t done = 7;
    CHECK_EQ(hark_stream_read(&b, &byte, 0), 0);
    CHECK_EQ(hark_stream_read(&b, NULL, 0), 0);
    CHECK_EQ(hark_stream_read_full(&b, NULL, 0, &done), 0);
    CHECK_EQ(done, 0);
    speak(&a, "x");
    expect(&b, "x");
}

PROMISE(null_and_bad_sizes_are_refused)
{
    char byte;
    const void *place;
    size_t done = 7;
    CHECK_MISUSE(hark_stream_read(&b, NULL, 1), -EINVAL, "hark_stream_read");
    CHECK_MISUSE(hark_stream_write(&a, NULL, 1), -EINVAL, "hark_stream_write");
    CHECK_MISUSE(hark_stream_read_full(&b, NULL, 1, &done), -EINVAL, "hark_stream_read_full");
    CHECK_EQ(done, 0);
    CHECK_MISUSE(hark_stream_write_full(&a, NULL, 1, NULL), -EINVAL, "hark_stream_write_full");
    CHECK_MISUSE(hark_stream_read_until(&b, NULL, 1, &byte, 1), -EINVAL, "mark");
    CHECK_MISUSE(hark_stream_read_until(&b, "x", 0, &byte, 1), -EINVAL, "mark");
    CHECK_MISUSE(hark_stream_read_until(&b, "x", 1, NULL, 1), -EINVAL, "buffer");
    CHECK_MISUSE(hark_stream_line(&b, NULL, 1), -EINVAL, "hark_stream_line");
    CHECK_MISUSE(hark_stream_line(&b, &byte, 0), -EINVAL, "room");
    CHECK_MISUSE(hark_stream_line(&b, &byte, SIZE_MAX), -EINVAL, "hark_stream_line");
    CHECK_MISUSE(hark_stream_peek(&b, NULL, 1), -EINVAL, "hark_stream_peek");
    CHECK_MISUSE(hark_stream_peek(&b, &place, 0), -EINVAL, "hark_stream_peek");
    CHECK_MISUSE(hark_stream_read(NULL, &byte, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_write(NULL, &byte, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_copy(NULL, &a, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_copy(&b, NULL, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_close(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_half_close(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_finish(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_fd(NULL), -EINVAL, "NULL");
    CHECK_EQ(hark_stream_buffered(NULL), 0);
    speak(&a, "x");
    expect(&b, "x");
}

/* ---- the end --------------------------------------------------------------------------------- */

PROMISE(the_writers_close_is_the_end)
{
    const struct ear *e = listen_to(&b, HEAR_READ);
    close_a();
    CHECK_EQ(heard(e), 0);
}

PROMISE(the_end_stays_the_end)
{
    char line[8];
    const void *place;
    close_a();
    for (int i = 0; i < 3; i++) {
        expect_end(&b);
        CHECK_MISUSE(hark_stream_read_full(&b, line, 1, NULL), -ENODATA, "ended");
        CHECK_MISUSE(hark_stream_line(&b, line, sizeof line), -ENODATA, "ended");
        CHECK_MISUSE(hark_stream_read_until(&b, "\n", 1, line, sizeof line), -ENODATA, "ended");
        CHECK_EQ(hark_stream_peek(&b, &place, 1), 0);
    }
}

PROMISE(what_was_written_before_the_close_arrives)
{
    if (stream_kind->holds < 5) {
        return; /* the write itself waits until it has arrived */
    }
    speak(&a, "hello");
    spoken(&a);
    close_a();
    expect(&b, "hello");
    expect_end(&b);
}

PROMISE(a_writer_hears_that_the_reader_has_gone)
{
    ssize_t rc = 0;
    CHECK_EQ(hark_stream_close(&b), 0);
    for (int i = 0; i < 1000 && rc >= 0; i++) { /* the news may need a moment */
        rc = hark_within(HARK_S(5), hark_stream_write(&a, "x", 1));
        hark_yield();
    }
    check_gone(rc);
}

PROMISE(that_the_reader_has_gone_stays_so)
{
    ssize_t rc = 0;
    size_t done = 7;
    CHECK_EQ(hark_stream_close(&b), 0);
    while (rc >= 0) {
        rc = hark_within(HARK_S(5), hark_stream_write(&a, "x", 1));
        hark_yield();
    }
    check_gone(rc);
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), (int)rc, "hark_stream_write");
    CHECK_MISUSE(hark_stream_write_full(&a, "x", 1, &done), (int)rc, "hark_stream_write_full");
    CHECK_EQ(done, 0);
}

PROMISE(a_clogged_writer_hears_that_the_reader_has_gone)
{
    const struct flood *f = jam(&a);
    CHECK_EQ(hark_stream_close(&b), 0);
    check_gone(flood_ended(f));
}

/* ---- one at a time --------------------------------------------------------------------------- */

PROMISE(a_second_reader_is_refused)
{
    for (int how = 0; how < HEARINGS; how++) {
        char bytes[8];
        size_t done;
        struct ear *e = listen_to(&b, (enum hearing)how);
        for (int other = 0; other < HEARINGS; other++) {
            hark_fail(-EIO, "old words");
            CHECK_EQ(hear(&b, (enum hearing)other, bytes, sizeof bytes, &done), -EBUSY);
            CHECK_HAS(hark_error_last(), "one at a time");
        }
        CHECK_MISUSE(hark_stream_copy(&b, &b, NULL), -EBUSY, "hark_stream_copy");
        hark_task_cancel(e->task);
        CHECK_EQ(heard(e), -ECANCELED);
    }
    speak(&a, "x");
    expect(&b, "x");
}

PROMISE(a_second_writer_is_refused)
{
    struct flood *f = jam(&a);
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EBUSY, "one at a time");
    CHECK_MISUSE(hark_stream_write_full(&a, "x", 1, NULL), -EBUSY, "one at a time");
    hark_task_cancel(f->task);
    CHECK_EQ(flood_ended(f), -ECANCELED);
    CHECK_EQ(drink(&b, 0, f->done), f->done);
}

/* ---- closing --------------------------------------------------------------------------------- */

PROMISE(closing_twice_is_refused)
{
    close_a();
    CHECK_MISUSE(hark_stream_close(&a), -EBADF, "closed");
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_MISUSE(hark_stream_close(&b), -EBADF, "closed");
}

PROMISE(what_is_closed_says_so)
{
    char bytes[8];
    close_a();
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_write(&a, "x", 0), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_write_full(&a, "x", 1, NULL), -EBADF, "closed");
    for (int how = 0; how < HEARINGS; how++) {
        size_t done;
        hark_fail(-EIO, "old words");
        CHECK_EQ(hear(&b, (enum hearing)how, bytes, sizeof bytes, &done), -EBADF);
        CHECK_HAS(hark_error_last(), "closed");
    }
    CHECK_MISUSE(hark_stream_read(&b, bytes, 0), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_copy(&b, &a, NULL), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_half_close(&a), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_finish(&a), -EBADF, "closed");
    CHECK_MISUSE(hark_stream_fd(&a), -EBADF, "closed");
    CHECK_EQ(hark_stream_buffered(&b), 0);
}

PROMISE(closing_wakes_who_reads)
{
    for (int how = 0; how < HEARINGS; how++) {
        if (how) {
            stream_end();
            CHECK_EQ(stream_kind->make(&a, &b), 0);
        }
        const struct ear *e = listen_to(&b, (enum hearing)how);
        CHECK_EQ(hark_stream_close(&b), 0);
        CHECK_EQ(heard(e), -EBADF);
    }
}

PROMISE(closing_wakes_who_writes)
{
    const struct flood *f = jam(&a);
    close_a();
    CHECK_EQ(flood_ended(f), -EBADF);
}

PROMISE(closing_is_no_checkpoint)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_stream_close(&a), 0); /* cancelled, and closed all the same */
    CHECK_EQ(hark_stream_close(&b), 0);
    hark_scope_close(&scope, 0);
    CHECK(!a.kind && !b.kind);
}

/* The reader has been woken and has not run when its stream's memory is another stream's. */
PROMISE(the_struct_can_be_opened_anew_at_once)
{
    hark_stream c;
    const struct ear *e = listen_to(&b, HEAR_LINE);
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(hark_stream_pair(&b, &c, 4), 0);
    CHECK_EQ(hark_stream_write(&c, "x\n", 2), 2);
    expect_line(&b, "x");
    CHECK_EQ(heard(e), -EBADF);
    CHECK_EQ(hark_stream_close(&c), 0);
}

PROMISE(the_memory_can_be_gone_at_once)
{
    for (int how = 0; how < HEARINGS; how++) {
        hark_stream *heap = malloc(sizeof *heap), other;
        CHECK_EQ(stream_kind->make(&other, heap), 0);
        const struct ear *e = listen_to(heap, (enum hearing)how);
        CHECK_EQ(hark_stream_close(heap), 0);
        memset(heap, 0xee, sizeof *heap);
        free(heap);
        CHECK_EQ(heard(e), -EBADF);
        CHECK_EQ(hark_stream_close(&other), 0);
    }
}

/* ---- cancelling ------------------------------------------------------------------------------ */

PROMISE(a_cancelled_call_does_nothing)
{
    char bytes[8];
    hark_scope scope;
    speak(&a, "x\ny--zabcdefgh");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    for (int how = 0; how < HEARINGS; how++) {
        size_t done = 7;
        CHECK_EQ(hear(&b, (enum hearing)how, bytes, sizeof bytes, &done), -ECANCELED);
    }
    CHECK_EQ(hark_stream_copy(&b, &a, NULL), -ECANCELED);
    hark_scope_close(&scope, 0);
    expect(&b, "x\ny--zabcdefgh");
    spoken(&a);
}

PROMISE(a_cancelled_write_wrote_nothing)
{
    hark_scope scope;
    size_t done = 7;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_stream_write(&a, "lost", 4), -ECANCELED);
    CHECK_EQ(hark_stream_write(&a, "", 0), -ECANCELED);
    CHECK_EQ(hark_stream_write_full(&a, "lost", 4, &done), -ECANCELED);
    CHECK_EQ(done, 0);
    hark_scope_close(&scope, 0);
    speak(&a, "x");
    expect(&b, "x");
}

PROMISE(a_cancelled_read_took_nothing)
{
    for (int how = 0; how < HEARINGS; how++) {
        const struct ear *e = listen_to(&b, (enum hearing)how);
        hark_task_cancel(e->task);
        CHECK_EQ(heard(e), -ECANCELED);
    }
    speak(&a, "all of it");
    expect(&b, "all of it");
}

/* Half of what it wants has come: it is kept for the next one, whichever it is. */
PROMISE(a_cancelled_look_keeps_what_has_come)
{
    const enum hearing looks[] = {HEAR_LINE, HEAR_UNTIL, HEAR_PEEK, HEAR_LINE};
    for (int i = 0; i < 4; i++) {
        const struct ear *e = listen_to(&b, looks[i]);
        speak(&a, "half");
        spoken(&a);
        CHECK_EQ(hark_settle(), 0);
        CHECK(!e->over);
        hark_task_cancel(e->task);
        CHECK_EQ(heard(e), -ECANCELED);
        if (i < 3) {
            expect(&b, "half");
        }
    }
    speak(&a, " and half\n");
    expect_line(&b, "half and half");
}

PROMISE(a_cancelled_read_full_tells_how_much)
{
    const struct ear *e = listen_to(&b, HEAR_FULL);
    speak(&a, "abc");
    spoken(&a);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(e->task);
    CHECK_EQ(heard(e), -ECANCELED);
    char rest[4] = "";
    CHECK_LE(e->done, 3);
    speak(&a, "d");
    CHECK_EQ(hark_stream_read_full(&b, rest, 4 - e->done, NULL), 0);
    CHECK_EQ(memcmp(e->bytes, "abcd", e->done), 0);
    CHECK_EQ(memcmp(rest, &"abcd"[e->done], 4 - e->done), 0);
}

PROMISE(a_cancelled_clogged_write_tells_how_much)
{
    static unsigned char large[1 << 24];
    struct voice *v = voice_new(&a, (const char *)large, sizeof large);
    put_bytes(large, 0, sizeof large);
    voice_go(v);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(v->task);
    CHECK_EQ(voice_ended(&a), -ECANCELED);
    CHECK_LT(v->done, sizeof large);
    CHECK_EQ(drink(&b, 0, v->done), v->done);
    speak(&a, "x"); /* not one byte more was on its way */
    expect(&b, "x");
}

PROMISE(a_read_in_vain_keeps_its_deadline)
{
    char bytes[8];
    size_t done;
    for (int how = 0; how < HEARINGS; how++) {
        const int64_t rc =
            hark_within(HARK_MS(2), hear(&b, (enum hearing)how, bytes, sizeof bytes, &done));
        CHECK_EQ(rc, -ETIMEDOUT);
    }
    speak(&a, "still fine");
    expect(&b, "still fine");
}

PROMISE(a_clogged_write_keeps_its_deadline)
{
    struct flood *f = jam(&a);
    hark_task_cancel(f->task);
    CHECK_EQ(flood_ended(f), -ECANCELED);
    for (int i = 0; i < 2; i++) {
        int64_t rc;
        while ((rc = hark_within(HARK_MS(2), hark_stream_write(&a, f->bytes, 1))) == 1) {
            f->done++;
        }
        CHECK_EQ(rc, -ETIMEDOUT);
    }
    size_t got = 0;
    char bytes[4096];
    while (got < f->done) {
        const ssize_t moved = hark_stream_read(&b, bytes, sizeof bytes);
        CHECK_GT(moved, 0);
        got += (size_t)moved;
    }
    CHECK_EQ(got, f->done);
}

/* ---- how much, how fast ---------------------------------------------------------------------- */

PROMISE(a_clogged_writer_goes_on)
{
    struct flood *f = jam(&a);
    f->size = f->done + 100000; /* only so much more */
    CHECK_EQ(drink(&b, 0, f->size), f->size);
    CHECK_GT(flood_ended(f), 0);
}

PROMISE(N1_a_mebibyte_arrives_as_it_was_sent)
{
    struct flood *f = flood_begin(&a, mebibyte(), false);
    CHECK_EQ(drink(&b, 0, f->size), f->size);
    CHECK_GT(flood_ended(f), 0);
    close_a();
    expect_end(&b);
}

PROMISE(N1_write_full_writes_all)
{
    static unsigned char large[300000];
    put_bytes(large, 0, sizeof large);
    voice_go(voice_new(&a, (const char *)large, sizeof large));
    CHECK_EQ(drink(&b, 0, sizeof large), sizeof large);
    spoken(&a);
}

PROMISE(read_full_reads_all)
{
    static unsigned char large[100000];
    size_t done = 0;
    struct flood *f = flood_begin(&a, sizeof large + 3, false);
    CHECK_EQ(drink(&b, 0, 3), 3);
    CHECK_EQ(hark_stream_read_full(&b, large, sizeof large, &done), 0);
    CHECK_EQ(done, sizeof large);
    check_bytes(large, 3, sizeof large);
    flood_ended(f);
}

PROMISE(read_full_says_how_early_the_end_was)
{
    char bytes[8] = "";
    size_t done = 0;
    speak_last(&a, "abc");
    CHECK_EQ(hark_stream_read_full(&b, bytes, 8, &done), -ENODATA);
    CHECK_EQ(done, 3);
    CHECK_HAS(hark_error_last(), "3 of 8");
    CHECK_STR(bytes, "abc");
}

PROMISE(write_full_says_how_much_when_it_is_closed)
{
    static const char large[1 << 24];
    voice_go(voice_new(&a, large, sizeof large));
    char bytes[3];
    CHECK_EQ(hark_stream_read_full(&b, bytes, 3, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    close_a();
    CHECK_EQ(voice_ended(&a), -EBADF);
    CHECK_GE(voice_of(&a)->done, 3);
    CHECK_LT(voice_of(&a)->done, sizeof large);
}

PROMISE(N19_a_writer_cannot_run_ahead_without_end)
{
    const struct flood *f = jam(&a); /* stands still though nobody has refused */
    CHECK_LT(f->done, 64 << 20);
    CHECK_EQ(hark_stream_buffered(&b), 0);
    close_a();
    CHECK_EQ(flood_ended(f), -EBADF);
}

/* ---- up to a mark ---------------------------------------------------------------------------- */

PROMISE(a_mark_is_found)
{
    char bytes[16];
    speak(&a, "one--two--");
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, sizeof bytes), 5);
    CHECK_EQ(memcmp(bytes, "one--", 5), 0);
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, sizeof bytes), 5);
    CHECK_EQ(memcmp(bytes, "two--", 5), 0);
    CHECK_EQ(hark_stream_buffered(&b), 0);
}

PROMISE(a_mark_in_pieces_is_found)
{
    char bytes[32];
    speak_by_one(&a, "ab-a-a--aab-aab-aac-rest");
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, sizeof bytes), 8);
    CHECK_EQ(memcmp(bytes, "ab-a-a--", 8), 0);
    CHECK_EQ(hark_stream_read_until(&b, "aab-aac", 7, bytes, sizeof bytes), 11);
    CHECK_EQ(memcmp(bytes, "aab-aab-aac", 11), 0);
    expect(&b, "-rest");
    spoken(&a);
}

PROMISE(a_mark_may_end_where_the_room_does)
{
    char bytes[5];
    speak(&a, "abc--abcd--");
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, 5), 5);
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, 5), -EMSGSIZE);
    CHECK_HAS(hark_error_last(), "5 bytes");
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, NULL, 0), -EMSGSIZE);
    expect(&b, "abcd--");
}

PROMISE(a_mark_that_does_not_come_leaves_all)
{
    char bytes[32];
    speak_last(&a, "no mark");
    CHECK_EQ(hark_stream_read_until(&b, "--", 2, bytes, sizeof bytes), -ENODATA);
    CHECK_HAS(hark_error_last(), "7 bytes");
    CHECK_EQ(hark_stream_buffered(&b), 7);
    expect(&b, "no mark");
    expect_end(&b);
}

PROMISE(a_mark_of_any_bytes)
{
    static const char text[] = "a\0b\0\0c\xff\0\xff";
    char bytes[16];
    voice_go(voice_new(&a, text, 9));
    CHECK_EQ(hark_stream_read_until(&b, "\0\0", 2, bytes, sizeof bytes), 5);
    CHECK_EQ(memcmp(bytes, text, 5), 0);
    CHECK_EQ(hark_stream_read_until(&b, "\xff\0\xff", 3, bytes, sizeof bytes), 4);
    CHECK_EQ(memcmp(bytes, text + 5, 4), 0);
}

/* ---- lines ----------------------------------------------------------------------------------- */

PROMISE(lines_come_without_their_ends)
{
    speak_last(&a, "unix\nnetwork\r\n\n\r\nlast");
    expect_line(&b, "unix");
    expect_line(&b, "network");
    expect_line(&b, "");
    expect_line(&b, "");
    expect_line(&b, "last");
    char line[8];
    CHECK_MISUSE(hark_stream_line(&b, line, sizeof line), -ENODATA, "no more lines");
}

PROMISE(lines_in_pieces)
{
    speak_by_one(&a, "a\nbc\r\n\r\n\rd\re\r\n\n");
    expect_line(&b, "a");
    expect_line(&b, "bc");
    expect_line(&b, "");
    expect_line(&b, "\rd\re"); /* a lone "\r" is a byte as any other */
    expect_line(&b, "");
    spoken(&a);
}

PROMISE(a_last_line_may_end_in_cr)
{
    speak_last(&a, "x\r");
    expect_line(&b, "x\r");
}

PROMISE(a_line_may_fill_its_room)
{
    char line[5];
    speak(&a, "abcd\nefgh\r\nijklm\n");
    CHECK_EQ(hark_stream_line(&b, line, 5), 4);
    CHECK_STR(line, "abcd");
    CHECK_EQ(hark_stream_line(&b, line, 5), 4);
    CHECK_STR(line, "efgh");
    CHECK_MISUSE(hark_stream_line(&b, line, 5), -EMSGSIZE, "still");
    expect_line(&b, "ijklm");
    spoken(&a);
}

PROMISE(a_line_that_is_too_long_stays)
{
    char line[4];
    speak(&a, "too long\nshort\n");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_stream_line(&b, line, sizeof line), -EMSGSIZE);
    }
    expect_line(&b, "too long");
    expect_line(&b, "short");
}

/* It is known to be too long before its end comes, which may never come. */
PROMISE(a_line_that_is_too_long_is_not_waited_for)
{
    char line[4];
    speak(&a, "abcd");
    CHECK_EQ(hark_stream_line(&b, line, 4), -EMSGSIZE);
    expect(&b, "abcd");
    spoken(&a);
    speak(&a, "abc\r");
    CHECK_EQ(hark_within(HARK_MS(2), hark_stream_line(&b, line, 4)), -ETIMEDOUT);
    spoken(&a);
    speak(&a, "x");
    CHECK_EQ(hark_stream_line(&b, line, 4), -EMSGSIZE);
    expect(&b, "abc\rx");
    spoken(&a);
    speak(&a, "q\n");
    CHECK_EQ(hark_stream_line(&b, line, 1), -EMSGSIZE);
    CHECK_EQ(hark_stream_line(&b, line, 2), 1);
    spoken(&a);
    speak(&a, "\r\n");
    CHECK_EQ(hark_stream_line(&b, line, 1), 0); /* room for the zero alone */
    CHECK_EQ(line[0], 0);
}

PROMISE(a_last_line_may_be_too_long)
{
    char line[4];
    speak_last(&a, "abcd");
    CHECK_EQ(hark_stream_line(&b, line, 4), -EMSGSIZE);
    expect_line(&b, "abcd");
}

PROMISE(a_line_may_have_zeros)
{
    char line[8];
    voice_go(voice_new(&a, "a\0b\n", 4));
    CHECK_EQ(hark_stream_line(&b, line, sizeof line), 3);
    CHECK_EQ(memcmp(line, "a\0b", 4), 0);
}

PROMISE(a_very_long_line)
{
    enum { LONG = 50000 };
    static char text[LONG + 2], line[LONG + 1];
    memset(text, 'x', LONG);
    text[LONG] = '\n';
    speak(&a, text);
    CHECK_EQ(hark_stream_line(&b, line, 3), -EMSGSIZE);
    CHECK_EQ(hark_stream_line(&b, line, LONG), -EMSGSIZE);
    CHECK_EQ(hark_stream_line(&b, line, LONG + 1), LONG);
    CHECK_EQ(memcmp(line, text, LONG), 0);
    spoken(&a);
}

PROMISE(many_lines)
{
    static char text[40000];
    size_t size = 0;
    const int count = 4000 / kit_slow();
    for (int i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%d\n", i);
    }
    speak(&a, text);
    for (int i = 0; i < count; i++) {
        char line[16], right[16];
        snprintf(right, sizeof right, "%d", i);
        CHECK_EQ(hark_stream_line(&b, line, sizeof line), strlen(right));
        CHECK_STR(line, right);
    }
    CHECK_EQ(hark_stream_buffered(&b), 0);
}

PROMISE(lines_that_are_there_let_others_run)
{
    static char text[1001];
    memset(text, '\n', 1000);
    speak(&a, text);
    expect_line(&b, "");
    hark_go(&group, tick, NULL);
    for (int i = 1; i < 1000; i++) {
        expect_line(&b, "");
    }
    CHECK_GT(ticks.count, 0);
    ticks.stop = true;
}

/* ---- what was read ahead --------------------------------------------------------------------- */

PROMISE(what_was_read_ahead_is_read_first)
{
    speak(&a, "line\nplain, full, ");
    expect_line(&b, "line");
    char bytes[32] = "";
    CHECK_GT(hark_stream_read(&b, bytes, 1), 0);
    CHECK_EQ(bytes[0], 'p');
    spoken(&a);
    speak(&a, "and more");
    expect(&b, "lain, full, and more");
    CHECK_EQ(hark_stream_buffered(&b), 0);
}

PROMISE(a_peek_takes_nothing)
{
    const void *bytes;
    speak(&a, "hello\n");
    for (size_t least = 1; least <= 6; least++) {
        CHECK_GE(hark_stream_peek(&b, &bytes, least), least);
        CHECK_EQ(memcmp(bytes, "hello\n", least), 0);
        CHECK_GE(hark_stream_buffered(&b), least);
    }
    expect_line(&b, "hello");
}

PROMISE(a_peek_waits_for_so_many)
{
    const struct ear *e = listen_to(&b, HEAR_PEEK); /* for 64 */
    speak(&a, "twenty four bytes these ");
    spoken(&a);
    speak(&a, "and twenty four of these");
    spoken(&a);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!e->over);
    speak(&a, "and now it is enough");
    CHECK_GE(heard(e), 64);
    expect(&b, "twenty four bytes these and twenty four of theseand now it is enough");
}

PROMISE(a_peek_at_the_end_sees_what_is_left)
{
    const void *bytes;
    speak_last(&a, "abc");
    CHECK_EQ(hark_stream_peek(&b, &bytes, 10), 3);
    CHECK_EQ(memcmp(bytes, "abc", 3), 0);
    expect(&b, "abc");
    CHECK_EQ(hark_stream_peek(&b, &bytes, 1), 0);
}

/* ---- copying --------------------------------------------------------------------------------- */

SCENE_MAYBE struct copying {
    hark_stream *from, *to;
    uint64_t done;
    int rc;
    bool over, shuts;
    hark_task task;
} copyings[2];

SCENE_MAYBE int copying_task(void *arg)
{
    struct copying *c = arg;
    c->rc = hark_stream_copy(c->from, c->to, &c->done);
    if (c->shuts && c->rc == 0) {
        CHECK_EQ(hark_stream_half_close(c->to), 0);
    }
    c->over = true;
    return 0;
}

SCENE_MAYBE struct copying *copy_begin(hark_stream *from, hark_stream *to, bool shuts)
{
    struct copying *c = &copyings[copyings[0].task != 0];
    *c = (struct copying){.from = from, .to = to, .shuts = shuts};
    c->task = hark_go(&group, copying_task, c);
    CHECK_GT(c->task, 0);
    return c;
}

SCENE_MAYBE int copied(const struct copying *c)
{
    join(c->task);
    return c->rc;
}

PROMISE(a_copy_goes_on_until_the_end)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 100), 0);
    struct copying *copy = copy_begin(&b, &c, true);
    struct flood *f = flood_begin(&a, mebibyte() / 4, false);
    CHECK_EQ(drink(&d, 0, f->size), f->size);
    flood_ended(f);
    CHECK(!copy->over);
    close_a();
    expect_end(&d);
    CHECK_EQ(copied(copy), 0);
    CHECK_EQ(copy->done, f->size);
    CHECK_EQ(hark_stream_close(&c), 0);
    CHECK_EQ(hark_stream_close(&d), 0);
}

PROMISE(N19_a_copy_waits_for_who_does_not_read)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 100), 0);
    struct copying *copy = copy_begin(&b, &c, false);
    struct flood *f = jam(&a);
    CHECK_LE(hark_stream_buffered(&b), 32768);
    hark_task_cancel(copy->task);
    CHECK_EQ(copied(copy), -ECANCELED);
    CHECK_EQ(hark_stream_close(&c), 0);
    CHECK_EQ(hark_stream_close(&d), 0);
    close_a();
    CHECK_EQ(flood_ended(f), -EBADF);
}

PROMISE(a_copy_that_is_cut_short_loses_nothing)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 100), 0);
    struct copying *copy = copy_begin(&b, &c, false);
    struct flood *f = flood_begin(&a, 50000, false);
    size_t got = drink(&d, 0, 1234);
    CHECK_EQ(hark_settle(), 0);
    hark_task_cancel(copy->task);
    CHECK_EQ(copied(copy), -ECANCELED);
    CHECK_EQ(hark_stream_close(&c), 0);
    got += drink(&d, got, SIZE_MAX);
    CHECK_EQ(got, copy->done);
    CHECK_EQ(drink(&b, got, f->size - got), f->size - got);
    flood_ended(f);
    CHECK_EQ(hark_stream_close(&d), 0);
}

PROMISE(a_copy_to_who_has_gone_keeps_what_was_read)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 4), 0);
    struct copying *copy = copy_begin(&b, &c, false);
    speak(&a, "0123456789");
    expect(&d, "01");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_stream_close(&d), 0);
    CHECK_EQ(copied(copy), -EPIPE);
    CHECK_GE(copy->done, 2);
    expect(&b, &"0123456789"[copy->done]);
    CHECK_EQ(hark_stream_close(&c), 0);
}

PROMISE(a_copy_ends_when_either_is_closed)
{
    for (int which = 0; which < 3; which++) { /* waits to write, to read; the memory goes */
        hark_stream c, d, *heap = malloc(sizeof *heap), other;
        CHECK_EQ(stream_kind->make(&other, heap), 0);
        CHECK_EQ(hark_stream_pair(&c, &d, 1), 0);
        memset(&copyings, 0, sizeof copyings);
        struct copying *copy = copy_begin(heap, &c, false);
        *voice_of(&a) = (struct voice){.to = &other, .bytes = "abc", .size = 3};
        voice_go(voice_of(&a));
        if (which == 1) {
            expect(&d, "abc");
        }
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(hark_stream_close(which == 0 ? &c : heap), 0);
        if (which) {
            memset(heap, 0xee, sizeof *heap);
        }
        if (which == 2) {
            expect(&d, "a"); /* it may write on with what it has */
            hark_stream_close(&d);
        }
        const int rc = copied(copy);
        if (which < 2) {
            CHECK_EQ(rc, -EBADF);
        } else {
            CHECK(rc == -EBADF || rc == -EPIPE);
        }
        CHECK_EQ(hark_stream_close(which == 0 ? heap : &c), 0);
        if (which < 2) {
            CHECK_EQ(hark_stream_close(&d), 0);
        }
        CHECK_EQ(hark_stream_close(&other), 0);
        voice_ended(&a);
        free(heap);
    }
}

/* ---- what lies below ------------------------------------------------------------------------- */

PROMISE(the_descriptor_is_told)
{
    const int fd = hark_stream_fd(&b);
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (stream_kind->no_fd) {
        CHECK_EQ(fd, -EOPNOTSUPP);
        CHECK_EQ(hark_stream_peer(&b, (struct sockaddr *)&address, &length), -EOPNOTSUPP);
        return;
    }
    CHECK_GE(fd, 0);
    CHECK_GE(fcntl(fd, F_GETFD), 0);
    const int peer = hark_stream_peer(&b, (struct sockaddr *)&address, &length);
    CHECK_EQ(peer, stream_kind->no_peers ? -ENOTSOCK : 0);
    length = sizeof address;
    const int local = hark_stream_local(&b, (struct sockaddr *)&address, &length);
    CHECK_EQ(local, stream_kind->no_peers ? -ENOTSOCK : 0);
    CHECK_MISUSE(hark_stream_peer(&b, NULL, &length), -EINVAL, "hark_stream_peer");
    CHECK_MISUSE(hark_stream_local(&b, (struct sockaddr *)&address, NULL), -EINVAL, "NULL");
}

/* ---- both ways ------------------------------------------------------------------------------- */

SCENE_MAYBE int drink_all_of_a(void *size)
{
    CHECK_EQ(drink(&a, 0, *(size_t *)size), *(size_t *)size);
    return 0;
}

PROMISE(a_mebibyte_each_way_at_once)
{
    size_t size = mebibyte();
    struct flood *there = flood_begin(&a, size, false), *back = flood_begin(&b, size, false);
    const hark_task task = hark_go(&group, drink_all_of_a, &size);
    CHECK_EQ(drink(&b, 0, size), size);
    join(task);
    CHECK_GT(flood_ended(there), 0);
    CHECK_GT(flood_ended(back), 0);
}

PROMISE(there_and_back)
{
    for (int i = 0; i < 20; i++) {
        speak(&a, "ping\n");
        expect_line(&b, "ping");
        spoken(&a);
        speak(&b, "pong");
        expect(&a, "pong");
        spoken(&b);
    }
}

PROMISE(who_reads_does_not_keep_from_writing)
{
    const struct ear *e = listen_to(&a, HEAR_LINE);
    speak(&a, "question");
    expect(&b, "question");
    spoken(&a);
    speak(&b, "answer\n");
    CHECK_EQ(heard(e), 6);
    CHECK_STR(e->bytes, "answer");
}

PROMISE(who_writes_does_not_keep_from_reading)
{
    struct flood *f = jam(&a);
    speak(&b, "hello");
    expect(&a, "hello");
    spoken(&b);
    hark_task_cancel(f->task);
    CHECK_EQ(flood_ended(f), -ECANCELED);
}

PROMISE(closing_wakes_both)
{
    struct flood *f = jam(&a);
    const struct ear *e = listen_to(&a, HEAR_READ);
    close_a();
    CHECK_EQ(flood_ended(f), -EBADF);
    CHECK_EQ(heard(e), -EBADF);
}

PROMISE(N6_both_close_at_once)
{
    speak(&a, "x");
    expect(&b, "x");
    spoken(&a);
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
}

PROMISE(a_copy_to_itself_is_an_echo)
{
    struct copying *copy = copy_begin(&b, &b, false);
    for (int i = 0; i < 3; i++) {
        speak(&a, "echo me");
        expect(&a, "echo me");
        spoken(&a);
    }
    close_a();
    CHECK_EQ(copied(copy), 0);
    CHECK_EQ(copy->done, 21);
}

PROMISE(a_proxy_is_two_copies)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 10), 0);
    struct copying *there = copy_begin(&b, &c, true), *back = copy_begin(&c, &b, false);
    for (int i = 0; i < 3; i++) {
        speak(&a, "hello, over there");
        expect(&d, "hello, over there");
        spoken(&a);
        CHECK_EQ(hark_stream_write_full(&d, "and back", 8, NULL), 0);
        expect(&a, "and back");
    }
    close_a();
    expect_end(&d);
    CHECK_EQ(copied(there), 0);
    CHECK_EQ(hark_stream_close(&d), 0);
    CHECK_EQ(copied(back), 0);
    CHECK_EQ(hark_stream_close(&c), 0);
}

PROMISE(finishing_in_a_cancelled_scope_closes)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_stream_finish(&a), -ECANCELED);
    hark_scope_close(&scope, 0);
    CHECK_MISUSE(hark_stream_close(&a), -EBADF, "closed");
    expect_end(&b);
}

PROMISE(finishing_while_somebody_reads_closes)
{
    const struct ear *e = listen_to(&a, HEAR_LINE);
    CHECK_MISUSE(hark_stream_finish(&a), -EBUSY, "one at a time");
    CHECK_MISUSE(hark_stream_close(&a), -EBADF, "closed");
    CHECK_EQ(heard(e), -EBADF);
}

/* ---- half-closes ----------------------------------------------------------------------------- */

PROMISE(N5_after_the_end_one_may_still_write)
{
    speak(&a, "question");
    expect(&b, "question");
    spoken(&a);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect_end(&b);
    speak(&b, "answer");
    expect(&a, "answer");
    spoken(&b);
    CHECK_EQ(hark_stream_half_close(&b), 0);
    expect_end(&a);
    expect_end(&b);
}

PROMISE(a_half_close_wakes_the_reader)
{
    const struct ear *e = listen_to(&b, HEAR_READ);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    CHECK_EQ(heard(e), 0);
}

PROMISE(half_closing_twice_is_fine)
{
    CHECK_EQ(hark_stream_half_close(&a), 0);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect_end(&b);
    CHECK_EQ(hark_stream_half_close(&a), 0);
}

PROMISE(what_is_half_closed_is_not_written)
{
    size_t done = 7;
    CHECK_EQ(hark_stream_half_close(&a), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EPIPE, "half-closed");
        CHECK_MISUSE(hark_stream_write_full(&a, "x", 1, &done), -EPIPE, "half-closed");
        CHECK_EQ(done, 0);
    }
    expect_end(&b);
}

PROMISE(half_closing_under_a_writer_is_refused)
{
    struct flood *f = jam(&a);
    CHECK_MISUSE(hark_stream_half_close(&a), -EBUSY, "one at a time");
    hark_task_cancel(f->task);
    CHECK_EQ(flood_ended(f), -ECANCELED);
    CHECK_EQ(drink(&b, 0, f->done), f->done);
}

PROMISE(half_closing_under_a_reader_is_fine)
{
    const struct ear *e = listen_to(&a, HEAR_READ);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect_end(&b);
    CHECK(!e->over);
    speak(&b, "x");
    CHECK_EQ(heard(e), 1);
    spoken(&b);
}

PROMISE(half_closing_when_the_other_has_gone)
{
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(hark_settle(), 0);
    const int rc = hark_stream_half_close(&a);
    if (rc) {
        check_gone(rc);
    }
    expect_end(&a);
}

PROMISE(half_closes_meet)
{
    CHECK_EQ(hark_stream_half_close(&a), 0);
    CHECK_EQ(hark_stream_half_close(&b), 0);
    expect_end(&a);
    expect_end(&b);
}

PROMISE(a_mebibyte_and_then_the_end)
{
    struct flood *f = flood_begin(&a, mebibyte(), true);
    CHECK_EQ(drink(&b, 0, SIZE_MAX), f->size);
    flood_ended(f);
    speak(&b, "thanks");
    expect(&a, "thanks");
    spoken(&b);
}

PROMISE(a_proxy_hands_on_each_end)
{
    hark_stream c, d;
    CHECK_EQ(hark_stream_pair(&c, &d, 10), 0);
    struct copying *there = copy_begin(&b, &c, true), *back = copy_begin(&c, &b, true);
    speak(&a, "question");
    expect(&d, "question");
    spoken(&a);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect_end(&d);
    CHECK_EQ(copied(there), 0);
    CHECK_EQ(hark_stream_write_full(&d, "answer", 6, NULL), 0);
    CHECK_EQ(hark_stream_half_close(&d), 0);
    expect(&a, "answer");
    expect_end(&a);
    CHECK_EQ(copied(back), 0);
    CHECK_EQ(hark_stream_close(&c), 0);
    CHECK_EQ(hark_stream_close(&d), 0);
}

SCENE_MAYBE struct finishing {
    int rc;
    bool over;
    hark_task task;
} finishing;

SCENE_MAYBE int finish_a(void *arg)
{
    (void)arg;
    finishing.rc = hark_stream_finish(&a);
    finishing.over = true;
    return 0;
}

SCENE_MAYBE void finish_begin(void)
{
    finishing.task = hark_go(&group, finish_a, NULL);
    CHECK_EQ(hark_settle(), 0);
}

PROMISE(N20_finishing_waits_for_the_other_side)
{
    finish_begin();
    expect_end(&b);
    CHECK(!finishing.over);
    speak(&b, "what nobody will read");
    spoken(&b);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!finishing.over);
    CHECK_EQ(hark_stream_close(&b), 0);
    join(finishing.task);
    CHECK_EQ(finishing.rc, 0);
    CHECK(!a.kind);
}

PROMISE(finishing_when_both_have_ended)
{
    CHECK_EQ(hark_stream_half_close(&a), 0);
    CHECK_EQ(hark_stream_half_close(&b), 0);
    CHECK_EQ(hark_stream_finish(&a), 0);
    CHECK_EQ(hark_stream_finish(&b), 0);
}

PROMISE(finishing_that_is_cut_short_closes)
{
    finish_begin();
    CHECK(!finishing.over);
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EBUSY, "one at a time");
    hark_task_cancel(finishing.task);
    join(finishing.task);
    CHECK_EQ(finishing.rc, -ECANCELED);
    CHECK(!a.kind);
    expect_end(&b);
}

PROMISE(closing_while_another_finishes)
{
    finish_begin();
    CHECK(!finishing.over);
    close_a();
    join(finishing.task);
    CHECK_EQ(finishing.rc, -EBADF);
}

/* ---- the lists ------------------------------------------------------------------------------- */

#define STREAM_PROMISES_ONE_WAY(X, ...) \
    X(bytes_arrive_in_order, __VA_ARGS__) \
    X(a_read_takes_what_there_is, __VA_ARGS__) \
    X(a_small_read_leaves_the_rest, __VA_ARGS__) \
    X(a_read_waits_for_bytes, __VA_ARGS__) \
    X(N13_an_empty_write_sends_nothing, __VA_ARGS__) \
    X(an_empty_read_takes_nothing, __VA_ARGS__) \
    X(null_and_bad_sizes_are_refused, __VA_ARGS__) \
    X(the_writers_close_is_the_end, __VA_ARGS__) \
    X(the_end_stays_the_end, __VA_ARGS__) \
    X(what_was_written_before_the_close_arrives, __VA_ARGS__) \
    X(a_writer_hears_that_the_reader_has_gone, __VA_ARGS__) \
    X(that_the_reader_has_gone_stays_so, __VA_ARGS__) \
    X(a_clogged_writer_hears_that_the_reader_has_gone, __VA_ARGS__) \
    X(a_second_reader_is_refused, __VA_ARGS__) \
    X(a_second_writer_is_refused, __VA_ARGS__) \
    X(closing_twice_is_refused, __VA_ARGS__) \
    X(what_is_closed_says_so, __VA_ARGS__) \
    X(closing_wakes_who_reads, __VA_ARGS__) \
    X(closing_wakes_who_writes, __VA_ARGS__) \
    X(closing_is_no_checkpoint, __VA_ARGS__) \
    X(the_struct_can_be_opened_anew_at_once, __VA_ARGS__) \
    X(the_memory_can_be_gone_at_once, __VA_ARGS__) \
    X(a_cancelled_call_does_nothing, __VA_ARGS__) \
    X(a_cancelled_write_wrote_nothing, __VA_ARGS__) \
    X(a_cancelled_read_took_nothing, __VA_ARGS__) \
    X(a_cancelled_look_keeps_what_has_come, __VA_ARGS__) \
    X(a_cancelled_read_full_tells_how_much, __VA_ARGS__) \
    X(a_cancelled_clogged_write_tells_how_much, __VA_ARGS__) \
    X(a_read_in_vain_keeps_its_deadline, __VA_ARGS__) \
    X(a_clogged_write_keeps_its_deadline, __VA_ARGS__) \
    X(a_clogged_writer_goes_on, __VA_ARGS__) \
    X(N1_a_mebibyte_arrives_as_it_was_sent, __VA_ARGS__) \
    X(N1_write_full_writes_all, __VA_ARGS__) \
    X(read_full_reads_all, __VA_ARGS__) \
    X(read_full_says_how_early_the_end_was, __VA_ARGS__) \
    X(write_full_says_how_much_when_it_is_closed, __VA_ARGS__) \
    X(N19_a_writer_cannot_run_ahead_without_end, __VA_ARGS__) \
    X(a_mark_is_found, __VA_ARGS__) \
    X(a_mark_in_pieces_is_found, __VA_ARGS__) \
    X(a_mark_may_end_where_the_room_does, __VA_ARGS__) \
    X(a_mark_that_does_not_come_leaves_all, __VA_ARGS__) \
    X(a_mark_of_any_bytes, __VA_ARGS__) \
    X(lines_come_without_their_ends, __VA_ARGS__) \
    X(lines_in_pieces, __VA_ARGS__) \
    X(a_last_line_may_end_in_cr, __VA_ARGS__) \
    X(a_line_may_fill_its_room, __VA_ARGS__) \
    X(a_line_that_is_too_long_stays, __VA_ARGS__) \
    X(a_line_that_is_too_long_is_not_waited_for, __VA_ARGS__) \
    X(a_last_line_may_be_too_long, __VA_ARGS__) \
    X(a_line_may_have_zeros, __VA_ARGS__) \
    X(a_very_long_line, __VA_ARGS__) \
    X(many_lines, __VA_ARGS__) \
    X(lines_that_are_there_let_others_run, __VA_ARGS__) \
    X(what_was_read_ahead_is_read_first, __VA_ARGS__) \
    X(a_peek_takes_nothing, __VA_ARGS__) \
    X(a_peek_waits_for_so_many, __VA_ARGS__) \
    X(a_peek_at_the_end_sees_what_is_left, __VA_ARGS__) \
    X(a_copy_goes_on_until_the_end, __VA_ARGS__) \
    X(N19_a_copy_waits_for_who_does_not_read, __VA_ARGS__) \
    X(a_copy_that_is_cut_short_loses_nothing, __VA_ARGS__) \
    X(a_copy_to_who_has_gone_keeps_what_was_read, __VA_ARGS__) \
    X(a_copy_ends_when_either_is_closed, __VA_ARGS__) \
    X(the_descriptor_is_told, __VA_ARGS__)

#define STREAM_PROMISES_TWO_WAY(X, ...) \
    X(a_mebibyte_each_way_at_once, __VA_ARGS__) \
    X(there_and_back, __VA_ARGS__) \
    X(who_reads_does_not_keep_from_writing, __VA_ARGS__) \
    X(who_writes_does_not_keep_from_reading, __VA_ARGS__) \
    X(closing_wakes_both, __VA_ARGS__) \
    X(N6_both_close_at_once, __VA_ARGS__) \
    X(a_copy_to_itself_is_an_echo, __VA_ARGS__) \
    X(a_proxy_is_two_copies, __VA_ARGS__) \
    X(finishing_in_a_cancelled_scope_closes, __VA_ARGS__) \
    X(finishing_while_somebody_reads_closes, __VA_ARGS__)

#define STREAM_PROMISES_HALF_CLOSEABLE(X, ...) \
    X(N5_after_the_end_one_may_still_write, __VA_ARGS__) \
    X(a_half_close_wakes_the_reader, __VA_ARGS__) \
    X(half_closing_twice_is_fine, __VA_ARGS__) \
    X(what_is_half_closed_is_not_written, __VA_ARGS__) \
    X(half_closing_under_a_writer_is_refused, __VA_ARGS__) \
    X(half_closing_under_a_reader_is_fine, __VA_ARGS__) \
    X(half_closing_when_the_other_has_gone, __VA_ARGS__) \
    X(half_closes_meet, __VA_ARGS__) \
    X(a_mebibyte_and_then_the_end, __VA_ARGS__) \
    X(a_proxy_hands_on_each_end, __VA_ARGS__) \
    X(N20_finishing_waits_for_the_other_side, __VA_ARGS__) \
    X(finishing_when_both_have_ended, __VA_ARGS__) \
    X(finishing_that_is_cut_short_closes, __VA_ARGS__) \
    X(closing_while_another_finishes, __VA_ARGS__)

#define STREAM_TEST_NAMED(name, promise, kind, declare, run) \
    INSIDE_BY(declare, run, name) \
    { \
        stream_kind = &(kind); \
        CHECK_EQ(stream_kind->make(&a, &b), 0); \
        promise_##promise(); \
        stream_end(); \
    }
#define STREAM_TEST(promise, kind, declare, run) \
    STREAM_TEST_NAMED(stream_##kind##_##promise, promise, kind, declare, run)

#define STREAM_ONE_WAY(kind, declare, run) STREAM_PROMISES_ONE_WAY(STREAM_TEST, kind, declare, run)
#define STREAM_TWO_WAY(kind, declare, run) \
    STREAM_ONE_WAY(kind, declare, run) \
    STREAM_PROMISES_TWO_WAY(STREAM_TEST, kind, declare, run)
#define STREAM_HALF_CLOSEABLE(kind, declare, run) \
    STREAM_TWO_WAY(kind, declare, run) \
    STREAM_PROMISES_HALF_CLOSEABLE(STREAM_TEST, kind, declare, run)

#endif
