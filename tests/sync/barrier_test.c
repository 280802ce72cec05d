/* SPDX-License-Identifier: MIT
 *
 * barrier_test.c - hark_barrier: parties that wait for one another.
 *
 * The BA entries. Here a round has no end that takes time: in the instant in which the last party
 * comes all have passed, and whoever calls is of the next round. So what the entries say of
 * "draining" (BA-06, BA-07, BA-10, BA-11, BA-13, BA-17) is answered so: who was released keeps
 * that, whatever happens before it runs, and a reset or an abort reaches those who wait in the
 * new round, those that came back included.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_barrier barrier;

static int waiting(void)
{
    return hark_barrier_waiting(&barrier);
}

static void begin(int parties)
{
    CHECK_EQ(hark_barrier_init(&barrier, parties), 0);
}

static void tell(const char *name, int rc)
{
    if (rc >= 0) {
        kit_log("%s:%d", name, rc);
    } else {
        kit_log("%s:%s", name, outcome(rc));
    }
}

static int party(void *name)
{
    const int rc = hark_barrier_wait(&barrier);
    tell(name, rc);
    return rc == -EPIPE ? 0 : rc;
}

static hark_task go_party(const char *name)
{
    return hark_go(&group, party, (void *)name);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

TEST(barrier_BA_01_there_is_at_least_one_party)
{
    static hark_barrier zero;
    hark_barrier constant = HARK_BARRIER_INIT(2);
    begin(1);
    CHECK_MISUSE(hark_barrier_init(&barrier, 0), -EINVAL, "hark_barrier_init");
    CHECK_MISUSE(hark_barrier_init(&barrier, -1), -EINVAL, "hark_barrier_init");
    CHECK_EQ(hark_barrier_waiting(&zero), 0);
    CHECK_EQ(hark_barrier_waiting(&constant), 0);
    CHECK(!hark_barrier_broken(&barrier));
}

INSIDE(barrier_BA_01_waiting_at_one_without_parties_is_misuse)
{
    static hark_barrier zero;
    CHECK_MISUSE(hark_barrier_wait(&zero), -EINVAL, "hark_barrier_wait");
    CHECK_EQ(hark_barrier_waiting(&zero), 0);
}

INSIDE(barrier_BA_02_BA_04_BA_18_the_last_releases_all_and_indexes_are_in_order_of_arrival)
{
    begin(3);
    go_party("a");
    hark_settle();
    CHECK_EQ(waiting(), 1);
    go_party("b");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    CHECK_LOG("");
    CHECK_EQ(hark_barrier_wait(&barrier), 2);
    CHECK_EQ(waiting(), 0);
    CHECK(!hark_barrier_broken(&barrier));
    hark_settle();
    CHECK_LOG("a:0 b:1");
}

INSIDE(barrier_BA_03_one_party_passes_at_once_every_time)
{
    begin(1);
    for (int i = 0; i < 3; i++) {
        CHECK_SILENT(hark_barrier_wait(&barrier), 0);
    }
    CHECK_EQ(waiting(), 0);
}

static int twice(void *name)
{
    party(name);
    party(name);
    return 0;
}

INSIDE(barrier_BA_05_it_is_used_again_and_again)
{
    begin(3);
    hark_go(&group, twice, "a"), hark_go(&group, twice, "b"), hark_go(&group, twice, "c");
    hark_settle();
    CHECK_EQ(waiting(), 0);
    CHECK_LOG("c:2 a:0 b:1 b:2 c:0 a:1");
}

INSIDE(barrier_BA_06_BA_07_who_comes_before_the_released_have_run_is_of_the_next_round)
{
    begin(2);
    go_party("a");
    hark_settle();
    CHECK_EQ(hark_barrier_wait(&barrier), 1);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_barrier_wait(&barrier)), -ETIMEDOUT);
    CHECK_LOG("a:0");
    go_party("b"), go_party("c");
    hark_settle();
    CHECK_LOG("c:1 b:0");
}

INSIDE(barrier_XX_04_passing_at_once_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    begin(1);
    hark_go(&group, say, "other");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_barrier_wait(&barrier), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_barrier_wait(&barrier), 0);
    CHECK_LOG("");
    hark_settle();
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(barrier_BA_08_W18_a_cancelled_party_leaves_and_the_round_needs_another)
{
    begin(3);
    const hark_task a = go_party("a");
    go_party("b");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(waiting(), 1);
    CHECK(!hark_barrier_broken(&barrier));
    go_party("c");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    CHECK_LOG("a:cancelled");
    go_party("d");
    hark_settle();
    CHECK_LOG("d:2 b:0 c:1");
}

INSIDE(barrier_all_are_cancelled_and_it_is_as_new)
{
    begin(3);
    const hark_task a = go_party("a"), b = go_party("b");
    hark_settle();
    hark_task_cancel(a), hark_task_cancel(b);
    CHECK_EQ(waiting(), 0);
    CHECK(!hark_barrier_broken(&barrier));
    hark_settle();
    CHECK_LOG("a:cancelled b:cancelled");
    go_party("c"), go_party("d"), go_party("e");
    hark_settle();
    CHECK_LOG("e:2 c:0 d:1");
}

INSIDE(barrier_BG_13_indexes_are_each_once_after_one_has_left)
{
    begin(3);
    const hark_task a = go_party("a");
    go_party("b");
    hark_settle();
    hark_task_cancel(a);
    go_party("c"), go_party("d");
    hark_settle();
    CHECK_LOG("a:cancelled d:2 b:0 c:1");
}

INSIDE(barrier_XX_07_released_and_then_cancelled_it_has_passed)
{
    begin(2);
    const hark_task a = go_party("a");
    hark_settle();
    CHECK_EQ(hark_barrier_wait(&barrier), 1);
    hark_task_cancel(a);
    hark_settle();
    CHECK_LOG("a:0");
}

INSIDE(barrier_cancelled_and_then_the_last_comes_and_has_to_wait)
{
    begin(2);
    const hark_task a = go_party("a");
    hark_settle();
    hark_task_cancel(a);
    CHECK_EQ(hark_within(HARK_MS(1), hark_barrier_wait(&barrier)), -ETIMEDOUT);
    CHECK_LOG("a:cancelled");
    CHECK_EQ(waiting(), 0);
}

/* ---- reset and abort ------------------------------------------------------------------------- */

INSIDE(barrier_BA_12_who_was_broken_by_a_reset_may_wait_again_at_once)
{
    begin(3);
    hark_go(&group, twice, "a"), hark_go(&group, twice, "b");
    hark_settle();
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    CHECK_EQ(waiting(), 0);
    CHECK(!hark_barrier_broken(&barrier));
    hark_settle();
    CHECK_LOG("a:EPIPE b:EPIPE");
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(hark_barrier_wait(&barrier), 2);
    hark_settle();
    CHECK_LOG("a:0 b:1");
}

INSIDE(barrier_BA_10_a_reset_takes_nothing_from_those_who_were_released)
{
    begin(3);
    go_party("a"), go_party("b");
    hark_settle();
    CHECK_EQ(hark_barrier_wait(&barrier), 2);
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    hark_settle();
    CHECK_LOG("a:0 b:1");
    CHECK(!hark_barrier_broken(&barrier));
}

INSIDE(barrier_BA_11_BA_13_a_reset_after_the_round_reaches_only_those_who_wait_again)
{
    begin(2);
    hark_go(&group, twice, "a");
    go_party("b");
    hark_settle();
    CHECK_LOG("b:1 a:0");
    CHECK_EQ(waiting(), 1); /* a, in the next round */
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    hark_settle();
    CHECK_LOG("a:EPIPE");
    go_party("c"), go_party("d");
    hark_settle();
    CHECK_LOG("d:1 c:0");
}

INSIDE(barrier_BA_13_a_reset_by_the_last_before_the_others_have_run_breaks_nobody)
{
    begin(3);
    hark_go(&group, twice, "a"), hark_go(&group, twice, "b");
    hark_settle();
    CHECK_EQ(hark_barrier_wait(&barrier), 2);
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    hark_settle();
    CHECK_LOG("a:0 b:1");
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(hark_barrier_wait(&barrier), 2);
    hark_settle();
    CHECK_LOG("a:0 b:1");
}

INSIDE(barrier_BA_14_abort_breaks_those_who_wait_those_who_came_back_and_those_who_come)
{
    begin(3);
    hark_go(&group, twice, "a"), hark_go(&group, twice, "b"), go_party("c");
    hark_settle();
    CHECK_LOG("c:2 a:0 b:1");
    CHECK_EQ(waiting(), 2);
    CHECK_EQ(hark_barrier_abort(&barrier), 0);
    CHECK(hark_barrier_broken(&barrier));
    CHECK_EQ(waiting(), 0);
    CHECK_MISUSE(hark_barrier_wait(&barrier), -EPIPE, "hark_barrier_reset");
    CHECK_EQ(hark_barrier_abort(&barrier), 0);
    hark_settle();
    CHECK_LOG("a:EPIPE b:EPIPE");
    CHECK_EQ(waiting(), 0);
}

INSIDE(barrier_BA_14_abort_takes_nothing_from_those_who_were_released)
{
    begin(2);
    go_party("a");
    hark_settle();
    CHECK_EQ(hark_barrier_wait(&barrier), 1);
    CHECK_EQ(hark_barrier_abort(&barrier), 0);
    hark_settle();
    CHECK_LOG("a:0");
}

/* One party fails between two rounds, and breaks the barrier so that nobody waits for it. */
static int fail_between(void *name)
{
    tell(name, hark_barrier_wait(&barrier));
    return hark_barrier_abort(&barrier);
}

INSIDE(barrier_BA_15_BA_16_a_party_that_fails_aborts_and_a_reset_makes_it_whole)
{
    begin(3);
    hark_go(&group, twice, "a"), hark_go(&group, fail_between, "b"), hark_go(&group, twice, "c");
    hark_settle();
    CHECK_LOG("c:2 a:0 b:1 c:EPIPE a:EPIPE");
    CHECK(hark_barrier_broken(&barrier));
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    CHECK(!hark_barrier_broken(&barrier));
    go_party("a"), go_party("b"), go_party("c");
    hark_settle();
    CHECK_LOG("c:2 a:0 b:1");
}

static int hear_the_words(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_barrier_wait(&barrier), -EPIPE, "aborted or reset");
    return 0;
}

INSIDE(barrier_who_is_broken_while_waiting_is_told_so_in_words)
{
    begin(2);
    hark_go(&group, hear_the_words, NULL);
    hark_settle();
    hark_barrier_reset(&barrier);
    hark_settle();
}

static int wait_in_vain(void *arg)
{
    (void)arg;
    begin(3);
    return hark_barrier_wait(&barrier);
}

TEST(barrier_BA_17_the_report_of_a_deadlock_tells_how_many_are_there)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(wait_in_vain, NULL);
    const char *words = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(words, "the others at a barrier");
    CHECK_HAS(words, "(1 of 3 are there)");
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_barrier_wait(&barrier), -EXDEV, "hark_barrier_wait");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_barrier_abort(&barrier), -EXDEV, "hark_barrier_abort");
    CHECK_MISUSE(hark_barrier_reset(&barrier), -EXDEV, "hark_barrier_reset");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(barrier_XX_40_other_threads_and_loops_are_refused)
{
    begin(2);
    go_party("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(waiting(), 1);
    CHECK(!hark_barrier_broken(&barrier));
    CHECK_EQ(hark_barrier_wait(&barrier), 1);
}

static int wait_alone(void *arg)
{
    (void)arg;
    return hark_barrier_wait(&barrier);
}

TEST(barrier_is_usable_before_any_loop_and_by_two_in_turn)
{
    begin(1);
    CHECK_EQ(hark_barrier_abort(&barrier), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_alone, NULL), -EPIPE);
    CHECK_EQ(hark_barrier_reset(&barrier), 0);
    CHECK_EQ(RUN_VIRTUAL(wait_alone, NULL), 0);
}

INSIDE(barrier_a_lost_wakeup_is_seen_by_the_audit)
{
    begin(2);
    go_party("a");
    hark_settle();
    CHECK_EQ(hark_audit(), 0);
    barrier.broken = true;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: the others at a barrier");
    barrier.broken = false;
    CHECK_EQ(hark_audit(), 0);
    barrier.parties = 1;
    CHECK_MISUSE(hark_audit(), -EUCLEAN, "waits for what is there: the others at a barrier");
    barrier.parties = 2;
    CHECK_EQ(hark_audit(), 0);
    hark_barrier_reset(&barrier);
}

INSIDE(barrier_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_barrier_init(NULL, 1), -EINVAL, "hark_barrier_init");
    CHECK_MISUSE(hark_barrier_wait(NULL), -EINVAL, "hark_barrier_wait");
    CHECK_MISUSE(hark_barrier_abort(NULL), -EINVAL, "hark_barrier_abort");
    CHECK_MISUSE(hark_barrier_reset(NULL), -EINVAL, "hark_barrier_reset");
    CHECK_EQ(hark_barrier_waiting(NULL), 0);
    CHECK(!hark_barrier_broken(NULL));
}

TEST(barrier_misuse_waiting_outside_any_task_is_refused)
{
    begin(1);
    CHECK_MISUSE(hark_barrier_wait(&barrier), -ENOTSUP, "hark_barrier_wait");
}
