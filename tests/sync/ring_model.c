/* SPDX-License-Identifier: MIT
 *
 * ring_model.c - tasks that take two things in an order that may close a ring: with locks, selects,
 * locks of readers and writers.
 *
 * Idea     The books say at every refusal who holds what and who waits for what: a refusal must find
 *          that nobody but the refused could go on; and nobody may be left waiting, for then the run
 *          reports a deadlock and the model's WANT of ends fails.
 * Rules    1  Who was refused gives back what it holds, so that the others go on.
 *          2  Who holds something releases it even when it is cancelled.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

static hark_lock left, right;
static hark_rwlock shared;
static hark_event event;
static int refused, ended;
static bool free_way; /* somebody has another way to go on: then no refusal is right */

static void begin(void)
{
    memset(&left, 0, sizeof left);
    memset(&right, 0, sizeof right);
    memset(&shared, 0, sizeof shared);
    memset(&event, 0, sizeof event);
    refused = ended = 0;
    free_way = false;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(!hark_lock_locked(&left) && !hark_lock_locked(&right));
    WANT(refused <= 1);
    return rc;
}

static int select_lock(hark_lock *l)
{
    hark_case c = hark_on_acquire(l);
    int i = hark_select(&c, 1);
    return i < 0 ? i : hark_case_result(&c);
}

/* Whoever is refused holds what the other waits for. */
static int note(int rc, const hark_lock *mine)
{
    MUST(rc != -EDEADLK || (!free_way && hark_lock_statistics(mine).tasks_waiting == 1));
    refused += rc == -EDEADLK;
    return rc == -EDEADLK ? 0 : rc;
}

static int finish(int rc, hark_lock *mine)
{
    MUST(hark_lock_release(mine) == 0);
    ended++;
    return rc;
}

static int left_then_select_right(void *unused)
{
    (void)unused;
    nap();
    int rc = hark_lock_acquire(&left);
    if (rc) {
        return rc;
    }
    nap();
    if ((rc = select_lock(&right)) == 0) {
        MUST(hark_lock_release(&right) == 0);
    }
    return finish(note(rc, &left), &left);
}

static int right_then_left(void *unused)
{
    (void)unused;
    nap();
    int rc = hark_lock_acquire(&right);
    if (rc) {
        return rc;
    }
    nap();
    if ((rc = hark_lock_acquire(&left)) == 0) {
        MUST(hark_lock_release(&left) == 0);
    }
    return finish(note(rc, &right), &right);
}

/* Finds: a ring that is closed by a select, or through one, and is not seen. */
MODEL(ring_of_a_lock_and_a_select)
{
    begin();
    go(left_then_select_right, NULL);
    go(right_then_left, NULL);
    int rc = end();
    WANT(ended == 2);
    return rc;
}

static int left_then_right_or_event(void *unused)
{
    (void)unused;
    int rc = hark_lock_acquire(&left);
    if (rc) {
        return rc;
    }
    nap();
    hark_case cases[] = {hark_on_acquire(&right), hark_on_event(&event)};
    rc = hark_select(cases, 2);
    if (rc == 0) {
        MUST(hark_lock_release(&right) == 0);
    }
    return finish(note(rc < 0 ? rc : 0, &left), &left);
}

static int set_event(void *unused)
{
    (void)unused;
    nap();
    hark_event_set(&event);
    return 0;
}

/* Finds: a false alarm. */
MODEL(ring_with_another_way_is_none)
{
    begin();
    free_way = true;
    go(left_then_right_or_event, NULL);
    go(right_then_left, NULL);
    if (go(set_event, NULL) < 0) {
        set_event(NULL);
    }
    int rc = end();
    WANT(ended == 2 && refused == 0);
    return rc;
}

static int left_then_read(void *unused)
{
    (void)unused;
    nap();
    int rc = hark_lock_acquire(&left);
    if (rc) {
        return rc;
    }
    nap();
    if ((rc = hark_rwlock_read(&shared)) == 0) {
        MUST(hark_rwlock_release(&shared) == 0);
    }
    return finish(note(rc, &left), &left);
}

static int write_then_left(void *unused)
{
    (void)unused;
    nap();
    int rc = hark_rwlock_write(&shared);
    if (rc) {
        return rc;
    }
    nap();
    if ((rc = hark_lock_acquire(&left)) == 0) {
        MUST(hark_lock_release(&left) == 0);
    }
    MUST(hark_rwlock_release(&shared) == 0);
    refused += rc == -EDEADLK;
    ended++;
    return rc == -EDEADLK ? 0 : rc;
}

/* Finds: a ring through a writer that is not seen, from either side. */
MODEL(ring_of_a_lock_and_a_writer)
{
    begin();
    go(left_then_read, NULL);
    go(write_then_left, NULL);
    int rc = end();
    WANT(ended == 2);
    return rc;
}
