/* SPDX-License-Identifier: MIT
 *
 * move_model.c - reading and writing in every order: against each other, cancels, the end, a reader
 * that has gone.
 *
 * Idea     A stream is a text that everybody knows; who writes tells how far he came, who reads
 *          compares with the text from where he is. In the end both must be at the same place.
 *
 * Rules    1  What a writer was told was written arrives, and nothing else; what a reader was not
 *             given is still there: whatever fault there is.
 *          2  What was cancelled has moved nothing, or says how much.
 */
#include <hark.h>
#include <poll.h>
#include <string.h>

#include "stage.h"

static const char text[] = "abcdefghijklmnopqrstuvwxyz";

static hark_task writer, reader;
static size_t sent, received;
static bool stays;            /* somebody else reads on if the reader is cancelled */
static int write_rc, read_rc; /* how it ended; 1: not yet */

static void begin(int room)
{
    MUST(hark_test_pair(fds, room) == 0);
    sent = received = 0;
    writer = reader = 0;
    stays = false;
    write_rc = read_rc = 1;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    close_end(0);
    close_end(1);
    MUST(received <= sent);
    return rc;
}

static void receive(const char *buffer, ssize_t count)
{
    MUST(count > 0 && received + (size_t)count <= sizeof text);
    MUST(memcmp(buffer, text + received, (size_t)count) == 0);
    received += (size_t)count;
}

/* In pieces of `arg` bytes, until the end, or until it is cancelled. */
static int read_all(void *arg)
{
    size_t size = (size_t)(intptr_t)arg;
    char buffer[8];
    ssize_t rc;

    while ((rc = hark_read(fds[0], buffer, size)) > 0) {
        MUST((size_t)rc <= size);
        receive(buffer, rc);
    }
    if (rc == 0 || !stays) {
        close_end(0);
    }
    return read_rc = (int)rc;
}

static int read_slowly(void *arg)
{
    stroll();
    return read_all(arg);
}

static int write_all(void *arg)
{
    size_t size = (size_t)(intptr_t)arg, done = 99;

    stroll();
    write_rc = hark_write_full(fds[1], text + sent, size, &done);
    MUST(done <= size && (write_rc == 0) == (done == size));
    sent += done;
    close_end(1);
    return write_rc == -EPIPE ? 0 : write_rc;
}

static int write_pieces(void *arg)
{
    int pieces = (int)(intptr_t)arg;
    ssize_t rc = 1;

    for (int i = 0; i < pieces && rc > 0; i++) {
        rc = hark_write(fds[1], text + sent, 2);
        MUST(rc != 0 && rc <= 2);
        sent += rc > 0 ? (size_t)rc : 0;
    }
    write_rc = rc < 0 ? (int)rc : 0;
    close_end(1);
    return write_rc == -EPIPE ? 0 : write_rc;
}

/* Finds: news that do not end `nothing more to read`; a byte that is lost, doubled or late; an end
 * that is not told. */
MODEL(move_everything_arrives, .pieces = true, .yields = 1)
{
    begin(2);
    go(write_all, (void *)5);
    go(read_slowly, (void *)3);
    int rc = end();
    WANT(received == 5 && sent == 5 && write_rc == 0 && read_rc == 0);
    return rc;
}

/* Finds: the same, when a write takes what room there is, and says less. */
MODEL(move_in_pieces, .pieces = true, .yields = 2)
{
    begin(3);
    go(write_pieces, (void *)3);
    go(read_all, (void *)2);
    int rc = end();
    WANT(received == sent && sent >= 3 && write_rc == 0 && read_rc == 0);
    return rc;
}

/* ---- cancelled in the middle ----------------------------------------------------------------- */

static int cancel_writer(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(writer);
    return 0;
}

/* Finds: bytes that a cancelled write has moved and does not tell of, or tells of and has not. */
MODEL(move_write_full_cancelled, .pieces = true, .yields = 1)
{
    begin(2);
    writer = go(write_all, (void *)6);
    go(read_all, (void *)2);
    go(cancel_writer, NULL);
    int rc = end();
    WANT(received == sent && read_rc == 0);
    WANT(write_rc == 0 || write_rc == -ECANCELED);
    return rc;
}

/* Finds: a cancelled write that has written. */
MODEL(move_write_cancelled, .pieces = true, .yields = 1)
{
    begin(2);
    writer = go(write_pieces, (void *)3);
    go(read_all, (void *)3);
    go(cancel_writer, NULL);
    int rc = end();
    WANT(received == sent && read_rc == 0);
    WANT(write_rc == 0 || write_rc == -ECANCELED);
    return rc;
}

static int cancel_reader(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(reader);
    return 0;
}

/* Finds: bytes that go under with the reader who was cancelled. */
MODEL(move_read_cancelled_and_another, .pieces = true, .yields = 1)
{
    begin(2);
    stays = true;
    reader = go(read_all, (void *)1);
    go(write_all, (void *)3);
    go(cancel_reader, NULL);
    hark_task_wait(reader);
    int first_rc = read_rc;
    stays = false;
    if (fds[0] >= 0 && go(read_all, (void *)3) < 0) {
        close_end(0);
    }
    int rc = end();
    WANT(first_rc == 0 || first_rc == -ECANCELED);
    WANT(received == 3 && sent == 3 && read_rc == 0);
    return rc;
}

static int read_four(void *unused)
{
    char buffer[4];
    size_t done = 99;

    (void)unused;
    read_rc = hark_read_full(fds[0], buffer, sizeof buffer, &done);
    MUST(done <= sizeof buffer && (read_rc == 0) == (done == sizeof buffer));
    if (done > 0) {
        receive(buffer, (ssize_t)done);
    }
    if (!stays) {
        close_end(0);
    }
    return read_rc == -ENODATA ? 0 : read_rc;
}

/* Finds: a full read that takes more or fewer than it says, when it is cut short. */
MODEL(move_read_full_cancelled, .pieces = true, .yields = 1)
{
    char buffer[8];
    ssize_t rest;

    begin(2);
    stays = true;
    reader = go(read_four, NULL);
    go(write_all, (void *)5);
    go(cancel_reader, NULL);
    hark_task_wait(reader);
    while ((rest = hark_read(fds[0], buffer, 1)) > 0) {
        receive(buffer, rest);
    }
    close_end(0);
    int rc = end();
    WANT(read_rc == 0 || read_rc == -ECANCELED);
    WANT(rest == 0 && received == 5);
    return rc;
}

/* Finds: an early end that is taken for success. */
MODEL(move_read_full_ends_early, .pieces = true, .yields = 2)
{
    int size = 3 + hark_test_choose(2);

    begin(2);
    reader = go(read_four, NULL);
    go(write_all, (void *)(intptr_t)size);
    int rc = end();
    WANT(read_rc == (size < 4 ? -ENODATA : 0));
    WANT(received == (size_t)size);
    return rc;
}

/* ---- nobody reads any more, nobody may write any more ---------------------------------------- */

static int read_some_and_close(void *unused)
{
    char buffer[2];

    (void)unused;
    stroll();
    ssize_t rc = hark_read(fds[0], buffer, 2);
    if (rc > 0) {
        receive(buffer, rc);
    }
    read_rc = rc < 0 ? (int)rc : 0;
    close_end(0);
    return read_rc;
}

/* Finds: a writer that is never told that nobody reads; one that is killed by a signal. */
MODEL(move_writer_is_told_of_a_close, .pieces = true, .yields = 1)
{
    begin(2);
    go(write_all, (void *)6);
    go(read_some_and_close, NULL);
    int rc = end();
    WANT(write_rc == -EPIPE);
    WANT(received >= 1 && received <= 2 && sent >= received && sent <= 4);
    return rc;
}

static int close_own_end(void *unused)
{
    (void)unused;
    stroll();
    close_end(1);
    return 0;
}

/* Closed under a writer: what it was told was written has arrived. */
static int write_until_closed(void *unused)
{
    size_t done = 99;

    (void)unused;
    if (fds[1] < 0) {
        return 0;
    }
    write_rc = hark_write_full(fds[1], text, 6, &done);
    MUST(done <= 6);
    sent = done;
    WANT(write_rc == 0 || (write_rc == -EBADF && fds[1] < 0));
    return write_rc == -EBADF ? 0 : write_rc;
}

/* Finds: a close that leaves its own side's writer waiting, or hides what it had written. */
MODEL(move_closed_under_the_writer, .pieces = true, .yields = 1)
{
    begin(2);
    go(write_until_closed, NULL);
    go(read_slowly, (void *)2);
    go(close_own_end, NULL);
    int rc = end();
    WANT(received == sent && read_rc == 0);
    return rc;
}

static int other[2];

/* The number that is written to gets a new owner. */
static int take_the_number(void *unused)
{
    int old = fds[1];

    (void)unused;
    stroll();
    close_end(1);
    MUST(hark_test_pair(other, 4) == 0);
    if (other[0] != old) { /* the reader's number was free as well */
        int swap = other[0];
        other[0] = other[1];
        other[1] = swap;
    }
    MUST(old < 0 || other[0] == old);
    return 0;
}

/* Finds: a full write that goes on with whoever has the number by now. */
MODEL(move_number_used_again_under_the_writer, .pieces = true, .yields = 2)
{
    char byte;

    begin(2);
    other[0] = other[1] = -1;
    go(write_until_closed, NULL);
    go(read_slowly, (void *)2);
    go(take_the_number, NULL);
    int rc = end();
    WANT(received == sent && read_rc == 0);
    if (other[0] >= 0) {
        hark_close(other[0]);
        ssize_t alien = hark_read(other[1], &byte, 1);
        MUST(alien <= 0);
        hark_close(other[1]);
    }
    return rc;
}

/* ---- both ways at once ----------------------------------------------------------------------- */

static size_t echoed;

static int echo(void *unused)
{
    char buffer[2];
    ssize_t count;

    (void)unused;
    while ((count = hark_read(fds[0], buffer, 2)) > 0) {
        size_t done = 0;
        receive(buffer, count);
        int rc = hark_write_full(fds[0], buffer, (size_t)count, &done);
        if (rc) {
            close_end(0);
            return rc == -EPIPE ? 0 : rc;
        }
    }
    close_end(0);
    return (int)count;
}

static int ask(void *unused)
{
    char buffer[3];
    size_t done = 0;
    int rc = hark_write_full(fds[1], text, 3, &sent);

    (void)unused;
    if (rc == 0) {
        rc = hark_read_full(fds[1], buffer, 3, &done);
    }
    MUST(memcmp(buffer, text, done) == 0);
    echoed = done;
    close_end(1);
    return rc;
}

/* Finds: one direction that takes the other one's news. */
MODEL(move_both_ways, .pieces = true, .yields = 2)
{
    begin(1);
    echoed = 0;
    go(ask, NULL);
    go(echo, NULL);
    int rc = end();
    WANT(echoed == 3 && sent == 3 && received == 3);
    return rc;
}
