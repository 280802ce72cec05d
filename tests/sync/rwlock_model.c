/* SPDX-License-Identifier: MIT
 *
 * rwlock_model.c - readers and writers in every order: read, write, release, cancel, deadlines.
 *
 * Idea     As in lock_model.c, whoever asks draws a number in the same step in which it goes in or
 *          stands in the queue. Nobody may go in before a writer with a lower number that has not
 *          left, and no writer before anybody; and who waits at the front must be unable to go in.
 *
 * Rules    1  The counts and the order hold whatever fault there is.
 *          2  Who is inside releases even when it is cancelled.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

enum { ASKS_NOT, READS, WRITES };

static hark_rwlock lock;
static int readers, writers, got, cut, late, told;
static int drawn, asks[8]; /* by number: who waits for what */
/* A writer that was cancelled asks no more from that instant on, though it has not run yet. */
static int asked_by_first;
static bool dead;

static int waiting(void)
{
    return hark_rwlock_statistics(&lock).tasks_waiting;
}

static void begin(void)
{
    memset(&lock, 0, sizeof lock);
    memset(asks, 0, sizeof asks);
    readers = writers = got = cut = late = told = drawn = asked_by_first = 0;
    dead = false;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(readers == 0 && writers == 0 && waiting() == 0);
    MUST(dead || hark_rwlock_release(&lock) == -EPERM);
    return rc;
}

/* Readers of one batch go in at once, but run in any order. */
static void enter(int number, bool writes)
{
    MUST(!dead);
    if (hark_test_disturbed()) { /* others may have been cancelled, and not have run yet */
        memset(asks, 0, sizeof asks);
    }
    for (int i = 1; i < number; i++) {
        MUST(asks[i] != WRITES && (!writes || asks[i] == ASKS_NOT));
    }
    *(writes ? &writers : &readers) += 1;
    MUST(writers == 0 || (writers == 1 && readers == 0));
    got++;
}

static void leave(bool writes)
{
    *(writes ? &writers : &readers) -= 1;
    MUST(hark_rwlock_release(&lock) == 0);
}

static int ask(bool writes)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    int number = ++drawn;

    asks[number] = writes ? WRITES : READS;
    asked_by_first = hark_self() == first ? number : asked_by_first;
    int rc = writes ? hark_rwlock_write(&lock) : hark_rwlock_read(&lock);
    asks[number] = ASKS_NOT;
    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(rc == 0 || rc == -ECANCELED || (rc == -EOWNERDEAD && dead) || hark_test_disturbed());
    if (rc == 0) {
        enter(number, writes);
    }
    cut += rc == -ECANCELED && !was_cancelled;
    told += rc == -EOWNERDEAD;
    return rc;
}

static int visit(bool writes)
{
    sleep_up_to(1);
    int rc = ask(writes);
    if (rc == 0) {
        sleep_up_to(1);
        leave(writes);
    }
    return rc == -EOWNERDEAD ? 0 : rc;
}

static int read_once(void *unused)
{
    (void)unused;
    return visit(false);
}

static int write_once(void *unused)
{
    (void)unused;
    return visit(true);
}

/* ---- in order -------------------------------------------------------------------------------- */

/* Finds: readers that go in past a writer, a writer beside anybody, a batch of which one is left
 * behind. */
MODEL(rwlock_reader_writer_reader, .yields = 1, .patient = true)
{
    begin();
    go(read_once, NULL);
    go(write_once, NULL);
    go(read_once, NULL);
    int rc = end();
    WANT(got == 3);
    return rc;
}

/* Finds: two writers inside; a reader that both hold back for ever. */
MODEL(rwlock_writer_reader_writer, .yields = 1)
{
    begin();
    go(write_once, NULL);
    go(read_once, NULL);
    go(write_once, NULL);
    int rc = end();
    WANT(got == 3);
    return rc;
}

/* ---- cancels and deadlines ------------------------------------------------------------------- */

static int cancel_first(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    hark_task_cancel(first);
    asks[asked_by_first] = ASKS_NOT; /* number 0 is nobody's */
    return 0;
}

static int read_and_stay(void *unused)
{
    (void)unused;
    int rc = ask(false);
    if (rc == 0) {
        hark_sleep(3);
        leave(false);
    }
    return rc;
}

static int read_behind(void *unused)
{
    (void)unused;
    sleep_up_to(2);
    int rc = ask(false);
    if (rc == 0) {
        leave(false);
    }
    return rc;
}

/* Finds: a cancelled writer that leaves the readers behind it waiting, or was let in all the
 * same. */
MODEL(rwlock_writer_against_cancel, .yields = 1, .patient = true)
{
    begin();

    go(read_and_stay, NULL);
    first = go(write_once, NULL);
    go(read_behind, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(got + cut >= 2 && cut <= 1);
    return rc;
}

static int write_impatiently(void *unused)
{
    (void)unused;
    int64_t rc = hark_within(2, ask(true));
    late += rc == -ETIMEDOUT;
    if (rc == 0) {
        sleep_up_to(1);
        leave(true);
    }
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

static int sleep_and_read(void *unused)
{
    (void)unused;
    sleep_up_to(1);
    int rc = hark_rwlock_read(&lock);
    if (rc == 0) {
        readers++, got++;
        MUST(writers == 0);
        hark_sleep(1 + hark_test_choose(2));
        leave(false);
    }
    return rc;
}

/* Finds: a deadline of the instant of a release that takes back what was given; readers behind a
 * writer that has timed out. */
MODEL(rwlock_writer_against_deadline, .yields = 1, .patient = true)
{
    begin();
    go(sleep_and_read, NULL);
    go(write_impatiently, NULL);
    go(sleep_and_read, NULL);
    int rc = end();
    WANT(got + late == 3 && cut == late);
    return rc;
}

/* ---- a writer that ends ---------------------------------------------------------------------- */

static int write_and_end(void *unused)
{
    (void)unused;
    sleep_up_to(1);
    int rc = ask(true);
    if (rc == 0) {
        sleep_up_to(1);
        writers--;
        dead = true;
    }
    return rc == -EOWNERDEAD ? 0 : rc;
}

/* Finds: who waits for a writer that has ended, and is not told. */
MODEL(rwlock_writer_ends, .yields = 1)
{
    begin();
    go(write_and_end, NULL);
    go(read_once, NULL);
    go(write_once, NULL);
    int rc = end();
    WANT(dead && got + told == 3);
    return rc;
}

/* ---- tries ----------------------------------------------------------------------------------- */

/* A try goes in only where nobody asks before it, and where it does not, somebody is inside or
 * asks. */
static int try_once(void *pointer)
{
    bool writes = pointer;

    sleep_up_to(2);
    int number = ++drawn, ask = waiting();
    bool busy = readers + writers > 0;
    int rc = writes ? hark_rwlock_try_write(&lock) : hark_rwlock_try_read(&lock);
    MUST(rc == 0 || rc == -EAGAIN);
    MUST(ask == 0 || rc == -EAGAIN);
    WANT(rc == 0 || busy || ask > 0 || drawn > 1);
    if (rc == 0) {
        enter(number, writes);
        sleep_up_to(1);
        leave(writes);
    }
    return 0;
}

/* Finds: a try that passes by a writer, or goes in beside one, or takes nothing that is free. */
MODEL(rwlock_tries_between_a_reader_and_a_writer, .yields = 1, .patient = true)
{
    begin();
    go(read_and_stay, NULL);
    go(write_once, NULL);
    go(try_once, NULL);
    int rc = end();
    WANT(got >= 2);
    return rc;
}

/* Finds: a try to write that goes in beside a reader. */
MODEL(rwlock_tries_to_write, .yields = 1)
{
    begin();
    go(try_once, &lock);
    go(read_once, NULL);
    go(try_once, &lock);
    int rc = end();
    WANT(got >= 1);
    return rc;
}
