/* SPDX-License-Identifier: MIT
 *
 * fd_model.c - descriptors in every order: waiting, closing, forgetting, numbers that are used
 * again, readers that stay.
 *
 * Idea     The descriptors are hark_test_pair's, whose numbers are reused at once; all bytes are
 *          different, so whoever gets one can say whose it was.
 *
 * Rules    1  After a descriptor was closed or forgotten nobody gets anything from it, and whoever
 *             waited gets -EBADF: whatever fault there is.
 *          2  A byte is read once or is still there.
 */
#include <hark.h>
#include <poll.h>
#include <string.h>

#include "stage.h"

static bool is_closed; /* fds[0], or forgotten */
static int wrote;      /* before the call, which may let others run when it is done */
static int bytes, refused, bad, cut;

static void begin(int room)
{
    MUST(hark_test_pair(fds, room) == 0);
    is_closed = false;
    wrote = bytes = refused = bad = cut = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    close_end(0);
    close_end(1);
    return rc;
}

/* What could not be written is not waited for: then it is the end, which also counts as news. */
static int write_byte(void *byte)
{
    stroll();
    wrote++;
    ssize_t rc = hark_write(fds[1], byte, 1);
    WANT(rc == 1 || (is_closed && rc == -EPIPE));
    if (rc != 1) {
        close_end(1);
    }
    return 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

/* ---- waiting against closing ----------------------------------------------------------------- */

static int wait_readable(void *unused)
{
    (void)unused;
    stroll();
    bool was_closed = is_closed, was_ready = wrote > 0;
    int rc = was_closed ? -EBADF : hark_wait_fd(fds[0], POLLIN);
    bytes += rc == POLLIN;
    bad += rc == -EBADF;
    cut += rc == -ECANCELED;
    WANT(rc == POLLIN || rc == -EBADF || rc == -ECANCELED);
    MUST(rc < 0 || (rc == POLLIN && wrote));
    MUST(rc < 0 || was_ready || !is_closed); /* told, and then closed before it ran */
    WANT(rc != -EBADF || is_closed);
    return rc < 0 && rc != -EBADF ? rc : 0;
}

static int close_it(void *unused)
{
    (void)unused;
    stroll();
    is_closed = true;
    close_end(0);
    return 0;
}

/* Finds: closing that wakes nobody; a waiter that hears of news and not that it was closed; news
 * without any. */
MODEL(fd_wait_against_news_and_close, .yields = 1)
{
    begin(4);
    first = go(wait_readable, NULL);
    go(write_byte, "a");
    if (first > 0) {
        go(close_it, NULL);
    }
    int rc = end();
    WANT(bytes + bad == 1 && cut == 0);
    return rc;
}

/* Finds: a cancelled wait that still stands there: the next one would be refused, or never told. */
MODEL(fd_wait_cancelled_and_again, .yields = 1)
{
    begin(4);
    first = go(wait_readable, NULL);
    go(cancel_first, NULL);
    hark_task_wait(first);
    go(wait_readable, NULL);
    go(write_byte, "a");
    int rc = end();
    WANT(bytes + cut == 2 && bytes >= 1);
    return rc;
}

/* ---- the number is used again ---------------------------------------------------------------- */

static bool is_new, wrote_old; /* the pair has been made anew */
static int old_byte, new_byte;

static int read_old(void *unused)
{
    (void)unused;
    char byte = 0;
    if (is_new) {
        return 0;
    }
    bool was_there = wrote_old;
    ssize_t rc = hark_read(fds[0], &byte, 1);
    MUST(rc != 1 || byte == 'o');
    MUST(!is_new || rc < 0 || was_there);
    WANT(rc == 1 || (rc == -EBADF && is_new));
    old_byte += rc == 1;
    bad += rc == -EBADF;
    return rc < 0 && rc != -EBADF ? (int)rc : 0;
}

static int write_old(void *unused)
{
    (void)unused;
    stroll();
    if (!is_new) {
        wrote_old = true;
        hark_write(fds[1], "o", 1);
    }
    return 0;
}

static int read_new(void *unused)
{
    char byte = 0;

    (void)unused;
    ssize_t rc = hark_read(fds[0], &byte, 1);
    MUST(rc < 1 || byte == 'n');
    WANT(rc == 1 && wrote);
    new_byte += rc == 1;
    return rc < 0 ? (int)rc : 0;
}

static int make_anew(void *unused)
{
    int old[2] = {fds[0], fds[1]};

    (void)unused;
    stroll();
    is_new = true;
    close_end(0);
    close_end(1);
    MUST(hark_test_pair(fds, 4) == 0 && fds[0] == old[0] && fds[1] == old[1]);
    go(read_new, NULL);
    go(write_byte, "n");
    return 0;
}

/* Finds: a waiter of the old owner that takes what is the new one's, or is never told; what the hub
 * knew of the old owner and still claims to know. */
MODEL(fd_number_used_again, .yields = -1)
{
    begin(4);
    is_new = wrote_old = false;
    old_byte = new_byte = 0;
    go(read_old, NULL);
    go(write_old, NULL);
    go(make_anew, NULL);
    int rc = end();
    WANT(new_byte == 1 && old_byte + bad <= 1);
    return rc;
}

/* ---- two at once ----------------------------------------------------------------------------- */

static bool waits; /* one of them, until it goes on */

static int read_one(void *unused)
{
    char byte = 0;
    hark_case readable = hark_on_fd(fds[0], POLLIN);

    (void)unused;
    stroll();
    bool was_taken = waits;
    if (!was_taken) {
        waits = hark_try_select(&readable, 1) == -EAGAIN;
    }
    ssize_t rc = hark_read(fds[0], &byte, 1);
    waits = waits && was_taken && rc == -EBUSY;
    WANT(rc == (was_taken ? -EBUSY : 1));
    MUST(rc < 1 || (wrote && byte == 'a'));
    bytes += rc == 1;
    refused += rc == -EBUSY;
    return rc < 0 && rc != -EBUSY ? (int)rc : 0;
}

/* Finds: two who wait to read, of whom one is forgotten; one that is let in while the other has
 * been woken and has not run. */
MODEL(fd_two_readers_at_once, .yields = -1)
{
    begin(4);
    waits = false;
    go(read_one, NULL);
    go(read_one, NULL);
    go(write_byte, "a");
    go(write_byte, "a");
    int rc = end();
    WANT(bytes + refused == 2 && bytes >= 1);
    return rc;
}

/* Finds: a cancelled reader that takes a byte with it; one that was woken in vain and is not
 * heard. */
static int read_until_end(void *unused)
{
    (void)unused;
    for (;;) {
        char byte;
        ssize_t rc = hark_read(fds[0], &byte, 1);
        if (rc == -EBUSY) {
            refused++;
            if (hark_yield()) {
                return 0;
            }
        } else if (rc <= 0) {
            cut += rc < 0;
            return (int)rc;
        } else {
            MUST(byte == "abc"[bytes]);
            bytes++;
        }
    }
}

static int write_and_close(void *unused)
{
    (void)unused;
    stroll();
    for (ssize_t rc = 1; wrote < 2 && rc == 1; wrote += rc == 1) {
        rc = hark_write(fds[1], &"abc"[wrote], 1);
        WANT(rc == 1);
    }
    close_end(1);
    return 0;
}

static int read_later(void *unused)
{
    if (first > 0) {
        hark_task_wait(first);
    }
    return read_until_end(unused);
}

MODEL(fd_reader_cancelled_and_the_next, .yields = 1)
{
    begin(4);
    first = go(read_until_end, NULL);
    go(read_later, NULL);
    go(write_and_close, NULL);
    go(cancel_first, NULL);
    int rc = hark_group_close(&group, 0);
    close_end(0);
    close_end(1);
    WANT(bytes == 2 && wrote == 2 && cut <= 1 && refused == 0);
    MUST(bytes <= 2);
    return rc;
}

/* ---- forgotten ------------------------------------------------------------------------------- */

static int forget(void *unused)
{
    (void)unused;
    stroll();
    is_closed = true;
    MUST(hark_forget(fds[0]) == 0);
    return 0;
}

/* Finds: forgetting that wakes nobody, closes it, or spoils it for who comes later. */
MODEL(fd_forgotten_and_used_on, .yields = 1)
{
    char byte = 0;

    begin(4);
    go(wait_readable, NULL);
    go(write_byte, "a");
    go(forget, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(bytes + bad == 1);
    /* Disturbed, there may be nothing to read. */
    int64_t left = hark_test_disturbed() ? hark_within(HARK_S(1), hark_read(fds[0], &byte, 1))
                                         : hark_read(fds[0], &byte, 1);
    MUST(left < 1 || byte == 'a');
    WANT(left == 1);
    close_end(0);
    close_end(1);
    return rc;
}

/* ---- both directions at once ----------------------------------------------------------------- */

static int seen;

static int wait_either(void *unused)
{
    (void)unused;
    stroll();
    int rc = hark_wait_fd(fds[0], POLLIN | POLLOUT);
    MUST(rc < 0 || (rc && !(rc & ~(POLLIN | POLLOUT))));
    MUST(rc < 0 || !(rc & POLLIN) || wrote);
    MUST(rc < 0 || !(rc & POLLOUT) || bytes || fds[1] < 0);
    seen += rc > 0;
    return rc < 0 ? rc : 0;
}

/* fds[0] was full until now. */
static int make_room(void *unused)
{
    char byte;

    (void)unused;
    stroll();
    bytes++;
    ssize_t rc = hark_read(fds[1], &byte, 1);
    WANT(rc == 1 && byte == 'f');
    return 0;
}

/* Finds: the other direction's waiter that is left behind; news of one that end a wait for the
 * other. */
MODEL(fd_wait_for_both_directions, .yields = 1)
{
    begin(1);
    ssize_t full = hark_write(fds[0], "f", 1);
    WANT(full == 1);
    if (full == 1) {
        go(wait_either, NULL);
        go(make_room, NULL);
        go(write_byte, "a");
    }
    int rc = end();
    WANT(seen == 1 || full != 1);
    seen = 0;
    return full < 0 ? (int)full : rc;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int read_in_time(void *unused)
{
    char byte = 0;

    (void)unused;
    int64_t rc = hark_within(HARK_MS(1), hark_read(fds[0], &byte, 1));
    MUST(rc < 1 || (byte == 'a' && wrote));
    WANT(rc == 1 || rc == -ETIMEDOUT);
    bytes += rc == 1;
    if (rc == -ETIMEDOUT && wrote) {
        rc = hark_read(fds[0], &byte, 1);
        WANT(rc == 1);
        bytes += rc == 1;
    }
    return rc < 0 && rc != -ETIMEDOUT ? (int)rc : 0;
}

static int write_in_time(void *unused)
{
    (void)unused;
    hark_sleep(HARK_MS(1 + hark_test_choose(2)));
    return write_byte("a");
}

/* Finds: a read that takes the byte and says that its time was up; one that stays registered when
 * its time is up. */
MODEL(fd_read_against_deadline, .yields = 1)
{
    char byte;

    begin(4);
    go(read_in_time, NULL);
    go(write_in_time, NULL);
    int rc = hark_group_close(&group, 0);
    if (wrote && !bytes) {
        ssize_t left = hark_read(fds[0], &byte, 1);
        WANT(left == 1);
    }
    close_end(0);
    close_end(1);
    return rc;
}

/* ---- readers that stay ----------------------------------------------------------------------- */

static hark_watch watch, other_watch;
static int called;
static bool is_off, replaced;

/* Level: while the byte is there it is called again and again, until it says that it is enough. */
static void note(void *unused)
{
    (void)unused;
    MUST(!is_off && wrote && !is_closed);
    if (++called == 3) {
        is_off = true;
        MUST(hark_unwatch(&watch) == 0);
    }
}

static int take_off(void *unused)
{
    (void)unused;
    stroll();
    bool was_off = is_off || is_closed;
    MUST(hark_unwatch(&watch) == (was_off ? -ESRCH : 0));
    is_off = true;
    return 0;
}

static int begin_watch(int room)
{
    begin(room);
    watch = other_watch = (hark_watch)HARK_WATCH_INIT;
    called = 0;
    replaced = false;
    is_off = false;
    int rc = hark_add_reader(fds[0], &watch, note, NULL);
    WANT(rc == 0);
    is_off = rc != 0;
    return rc;
}

static int end_watch(int armed)
{
    int rc = hark_group_close(&group, 0);

    if (!is_off && !is_closed) {
        MUST(hark_unwatch(&watch) == 0);
        is_off = true;
    }
    hark_yield();
    hark_yield();
    close_end(0);
    close_end(1);
    return armed ? armed : rc;
}

/* Finds: a callback that runs though its reader was taken off or its descriptor closed; a reader
 * that outlives it. */
MODEL(fd_reader_against_unwatch_and_close, .yields = 1)
{
    int armed = begin_watch(4);

    go(take_off, NULL);
    go(write_byte, "a");
    go(close_it, NULL);
    return end_watch(armed);
}

/* Finds: a reader that is told once and no more; one that a call that fails in between puts to
 * sleep. */
MODEL(fd_reader_is_level, .yields = 1)
{
    int armed = begin_watch(4);
    hark_scope scope;

    bool whole = go(write_byte, "a") > 0;
    whole = go(write_byte, "b") > 0 && whole;
    int rc = hark_group_close(&group, 0);
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0 && hark_scope_shield(&scope, true) == 0);
    for (int i = 0; i < 8 && called < 3 && !armed; i++) {
        hark_sleep(1);
    }
    hark_scope_close(&scope, 0);
    MUST(called == 3 || armed || !whole); /* something is there: a byte, or the end */
    close_end(0);
    close_end(1);
    return armed ? armed : rc;
}

static int others;

static void note_other(void *unused)
{
    (void)unused;
    MUST(wrote && others < 3);
    if (++others == 2) {
        MUST(hark_unwatch(&other_watch) == 0);
    }
}

static int replace(void *unused)
{
    (void)unused;
    stroll();
    int rc = hark_add_reader(fds[0], &other_watch, note_other, NULL);
    WANT(rc == 0);
    if (rc == 0) {
        is_off = true; /* from here on, whatever had been on its way */
        MUST(hark_unwatch(&watch) == -ESRCH);
    }
    replaced = rc == 0;
    return 0;
}

/* Finds: the reader that was replaced and is called all the same; one that is not told what was
 * there when it came. */
MODEL(fd_reader_replaced, .yields = 1)
{
    int armed = begin_watch(4);
    hark_scope scope;

    others = 0;
    bool whole = go(replace, NULL) > 0;
    whole = go(write_byte, "a") > 0 && whole;
    int rc = hark_group_close(&group, 0);
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0 && hark_scope_shield(&scope, true) == 0);
    for (int i = 0; i < 8 && others < 2 && replaced; i++) {
        hark_sleep(1);
    }
    hark_scope_close(&scope, 0);
    MUST(others == 2 || !replaced || !whole);
    WANT(replaced);
    hark_unwatch(&watch);
    close_end(0);
    close_end(1);
    return armed ? armed : rc;
}
