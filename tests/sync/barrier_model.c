/* SPDX-License-Identifier: MIT
 *
 * barrier_model.c - barriers in every order: parties, one that is cancelled, resets, aborts,
 * rounds.
 *
 * Idea     Each party that passes ticks off its index in the round that it was in; no index is
 *          ticked off twice. A round is known by how many rounds there were when the party came.
 *
 * Rules    1  Fewer wait than there are parties, at every instant.
 *          2  Whatever fault there is: an index is 0 to parties - 1, and of one round each once.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

enum { MOST_PARTIES = 3 };

static hark_barrier barrier;
static int came, passed, cut, broken;   /* how many calls, and how they ended */
static int parties, seen[MOST_PARTIES]; /* how often each index */

static void look(void)
{
    MUST(hark_barrier_waiting(&barrier) < parties);
    MUST(!hark_barrier_broken(&barrier) || hark_barrier_waiting(&barrier) == 0);
}

static void begin(int count)
{
    parties = count;
    MUST(hark_barrier_init(&barrier, parties) == 0);
    memset(seen, 0, sizeof seen);
    came = passed = cut = broken = 0;
    open_stage();
}

/* When all is over every round that was released has each index once. */
static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(hark_barrier_waiting(&barrier) == 0);
    MUST(passed + cut + broken == came);
    for (int i = 0; i < parties; i++) {
        MUST(seen[i] * parties == passed);
    }
    return rc;
}

static int meet(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, is_last;

    is_last = hark_barrier_waiting(&barrier) == parties - 1;
    bool was_broken = hark_barrier_broken(&barrier);
    came++;
    int rc = hark_barrier_wait(&barrier);
    look();
    MUST(was_cancelled || was_broken || !is_last || rc == parties - 1);
    MUST(!was_cancelled || rc == -ECANCELED);
    MUST(was_cancelled || !was_broken || rc == -EPIPE);
    if (rc >= 0) {
        MUST(rc < parties);
        seen[rc]++;
        passed++;
    }
    cut += rc == -ECANCELED;
    broken += rc == -EPIPE;
    MUST(rc >= 0 || rc == -ECANCELED || rc == -EPIPE);
    return rc;
}

static int meet_once(void *unused)
{
    (void)unused;
    int rc = meet();
    return rc == -ECANCELED ? rc : 0;
}

static int meet_later(void *unused)
{
    stroll();
    return meet_once(unused);
}

static int meet_twice(void *unused)
{
    int rc = meet_once(unused);
    return rc ? rc : meet_once(unused);
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    look();
    return 0;
}

/* When nothing else can happen, those who wait for somebody who will never come go home. */
static int give_up(void *unused)
{
    hark_scope scope;

    (void)unused;
    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    hark_sleep(HARK_S(1));
    hark_scope_close(&scope, 0);
    MUST(hark_barrier_abort(&barrier) == 0);
    return 0;
}

/* Finds: a party of the first round that comes back before the others have gone, and passes with
 * them; a round that releases too few or too many. */
MODEL(barrier_two_rounds, .yields = 1, .patient = true)
{
    begin(3);
    go(meet_twice, NULL);
    go(meet_twice, NULL);
    go(meet_twice, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(passed == 6 && broken == 0);
    return rc;
}

/* Finds: three who come again and again, of whom two meet at a time; an index given twice. */
MODEL(barrier_who_comes_is_of_the_next_round, .yields = 1, .patient = true)
{
    begin(2);
    go(meet_twice, NULL);
    go(meet_later, NULL);
    go(meet_later, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(passed == 4 || (passed == 2 && broken == 2));
    return rc;
}

/* Finds: a round that is released though one has left; one that is cancelled after it was released,
 * and has not passed. */
MODEL(barrier_against_cancel, .yields = 1, .patient = true)
{
    begin(2);
    first = go(meet_later, NULL);
    go(meet_later, NULL);
    go(meet_later, NULL);
    go(cancel_first, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(cut <= 1 && passed == 2 && cut + broken == 1);
    return rc;
}

/* Finds: an index that is given twice after one has left (BG-13). */
MODEL(barrier_indexes_after_one_has_left, .yields = -1, .patient = true)
{
    begin(3);
    first = go(meet_once, NULL);
    go(meet_once, NULL);
    go(meet_later, NULL);
    go(meet_later, NULL);
    go(cancel_first, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(cut <= 1 && passed == 3 && cut + broken == 1);
    return rc;
}

static int reset(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_barrier_reset(&barrier) == 0);
    look();
    MUST(hark_barrier_waiting(&barrier) == 0);
    return 0;
}

/* Finds: a reset that takes back what was released, or forgets one who waits. */
MODEL(barrier_against_reset, .yields = 1, .patient = true)
{
    begin(2);
    go(meet_later, NULL);
    go(meet_twice, NULL);
    go(reset, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(passed == 2 || passed == 0);
    return rc;
}

static int abort_then_reset(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_barrier_abort(&barrier) == 0);
    look();
    MUST(hark_barrier_broken(&barrier));
    hark_yield();
    return reset(unused);
}

/* Finds: one who waits at a broken barrier; one who passes a broken one; a reset that mends
 * nothing. */
MODEL(barrier_against_abort, .yields = 1, .patient = true)
{
    begin(2);
    go(meet_later, NULL);
    go(meet_twice, NULL);
    go(abort_then_reset, NULL);
    go(give_up, NULL);
    int rc = end();
    WANT(passed == 2 || passed == 0);
    return rc;
}
