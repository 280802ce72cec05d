/* SPDX-License-Identifier: MIT
 *
 * yield_test.c - giving way, checkpoints, and the order of the ready queue.
 *
 * The LL entries of checkpoints and scheduling, XX-05, XX-36, and what seeds do.
 */
#include "../sync/scene.h"

static int yielder(void *name)
{
    for (int i = 0; i < 3; i++) {
        kit_log("%s%d", (const char *)name, i);
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

/* ---- yield ----------------------------------------------------------------------------------- */

INSIDE(yield_lets_every_other_ready_task_run_once)
{
    hark_go(&group, yielder, "a");
    hark_go(&group, yielder, "b");
    CHECK_LOG("");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a0 b0");
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("a1 b1");
}

INSIDE(yield_XX_36_tasks_take_turns_in_the_order_in_which_they_came)
{
    hark_go(&group, yielder, "a");
    hark_go(&group, yielder, "b");
    hark_go(&group, yielder, "c");
    hark_settle();
    CHECK_LOG("a0 b0 c0 a1 b1 c1 a2 b2 c2");
}

INSIDE(yield_alone_returns_at_once)
{
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
}

static int spawn_another(void *arg)
{
    (void)arg;
    kit_log("first");
    hark_go(&group, say, "next");
    return 0;
}

INSIDE(yield_LL_16_what_gets_ready_in_a_turn_runs_in_the_next)
{
    hark_go(&group, spawn_another, NULL);
    hark_go(&group, say, "second");
    hark_yield();
    CHECK_LOG("first second");
    hark_yield();
    CHECK_LOG("next");
}

INSIDE(yield_spawned_tasks_do_not_run_before_the_spawner_gives_way)
{
    hark_go(&group, say, "child");
    kit_log("parent");
    CHECK_EQ(hark_checkpoint(), 0);
    kit_log("still");
    hark_yield();
    CHECK_LOG("parent still child");
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

INSIDE(yield_LL_08_checkpoint_never_yields)
{
    hark_go(&group, say, "other");
    for (int i = 0; i < 100000; i++) {
        CHECK_EQ(hark_checkpoint(), 0);
    }
    CHECK_LOG("");
}

INSIDE(yield_LL_08_every_checkpoint_of_a_cancelled_scope_says_so)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    hark_go(&group, say, "other");
    CHECK_SILENT(hark_checkpoint(), -ECANCELED);
    CHECK_SILENT(hark_yield(), -ECANCELED);
    CHECK_SILENT(hark_sleep(0), -ECANCELED);
    CHECK_SILENT(hark_sleep(HARK_FOREVER), -ECANCELED);
    CHECK_SILENT(hark_settle(), -ECANCELED);
    CHECK_LOG("");
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("other");
}

INSIDE(yield_LL_09_LL_11_under_a_shield_it_yields_though_cancelled_outside)
{
    hark_scope outer, inner;
    hark_scope_open(&outer, HARK_FOREVER);
    hark_scope_cancel(&outer);
    hark_scope_open(&inner, HARK_FOREVER);
    hark_scope_shield(&inner, true);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("other");
    CHECK_EQ(hark_scope_close(&inner, 0), 0);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    hark_scope_close(&outer, -ECANCELED);
}

static hark_scope outer_scope, inner_scope;
static hark_event event;

static int wait_then_check(void *arg)
{
    (void)arg;
    hark_scope_open(&outer_scope, HARK_FOREVER);
    hark_scope_open(&inner_scope, HARK_FOREVER);
    kit_log("%s", outcome(hark_event_wait(&event)));
    kit_log("%s", outcome(hark_checkpoint()));
    hark_scope_shield(&inner_scope, false);
    const int rc = hark_checkpoint();
    kit_log("%s", outcome(rc));
    hark_scope_close(&inner_scope, rc);
    return (int)hark_scope_close(&outer_scope, rc);
}

INSIDE(yield_LL_05_a_later_shield_does_not_call_back_a_cancellation_that_was_delivered)
{
    hark_go(&group, wait_then_check, NULL);
    hark_settle();
    hark_scope_cancel(&outer_scope);
    hark_scope_shield(&inner_scope, true);
    hark_settle();
    CHECK_LOG("cancelled ok cancelled");
}

static bool other_ran;

static int note_that_it_ran(void *arg)
{
    (void)arg;
    other_ran = true;
    return 0;
}

static int ignore_cancellation(void *arg)
{
    hark_scope scope;
    (void)arg;
    hark_task_name("deaf one");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    hark_go(&group, note_that_it_ran, NULL);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_event_wait(&event), -ECANCELED);
    }
    CHECK(other_ran);
    hark_scope_close(&scope, -ECANCELED);
    return 0;
}

INSIDE(yield_is_forced_on_a_task_that_ignores_its_cancellation_and_it_is_reported)
{
    const hark_task t = hark_go(&group, ignore_cancellation, NULL);
    capture_begin();
    hark_task_wait(t);
    CHECK_HAS(capture_end(), "deaf one");
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static char schedule[512];
static hark_group seeded_group;

static int note(void *name)
{
    for (int i = 0; i < 4; i++) {
        strncat(schedule, name, sizeof(schedule) - strlen(schedule) - 1);
        hark_yield();
    }
    return 0;
}

static int note_eight(void *arg)
{
    static char names[8][2];
    (void)arg;
    hark_group_open(&seeded_group);
    for (int i = 0; i < 8; i++) {
        names[i][0] = (char)('a' + i);
        hark_go(&seeded_group, note, names[i]);
    }
    return hark_group_close(&seeded_group, 0);
}

static const char *schedule_of(uint64_t seed, char copy[512])
{
    schedule[0] = '\0';
    CHECK_EQ(run_seeded(seed, note_eight, NULL), 0);
    CHECK_EQ(strlen(schedule), 32);
    return strcpy(copy, schedule);
}

TEST(yield_LL_16_the_same_seed_gives_the_same_schedule)
{
    char first[512], second[512];
    for (uint64_t seed = 1; seed <= 50; seed++) {
        schedule_of(seed, first);
        schedule_of(seed, second);
        CHECK_STR(first, second);
    }
}

TEST(yield_LL_16_XX_36_seeds_differ_and_no_seed_is_first_come_first_served)
{
    char plain[512], seeded[512];
    int different = 0;
    schedule_of(0, plain);
    CHECK_STR(plain, "abcdefghabcdefghabcdefghabcdefgh");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        different += strcmp(schedule_of(seed, seeded), plain) != 0;
    }
    CHECK_GE(different, 15);
}

static int wait_and_note(void *name)
{
    hark_event_wait(&event);
    strncat(schedule, name, sizeof(schedule) - strlen(schedule) - 1);
    return 0;
}

static int wake_eight(void *arg)
{
    static char names[8][2];
    (void)arg;
    hark_event_init(&event);
    hark_group_open(&seeded_group);
    for (int i = 0; i < 8; i++) {
        names[i][0] = (char)('a' + i);
        hark_go(&seeded_group, wait_and_note, names[i]);
    }
    hark_settle();
    hark_event_set(&event);
    return hark_group_close(&seeded_group, 0);
}

TEST(yield_XX_05_a_seed_may_shuffle_who_was_woken)
{
    int shuffled = 0;
    for (uint64_t seed = 0; seed <= 20; seed++) {
        schedule[0] = '\0';
        CHECK_EQ(run_seeded(seed, wake_eight, NULL), 0);
        CHECK_EQ(strlen(schedule), 8);
        CHECK(seed != 0 || strcmp(schedule, "abcdefgh") == 0);
        shuffled += strcmp(schedule, "abcdefgh") != 0;
    }
    CHECK_GE(shuffled, 10);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

TEST(yield_LL_13_outside_any_task_it_is_refused)
{
    CHECK_MISUSE(hark_yield(), -ENOTSUP, "hark_yield");
    CHECK_MISUSE(hark_checkpoint(), -ENOTSUP, "hark_checkpoint");
    CHECK_EQ(hark_self(), 0);
    CHECK_EQ(hark_effective_deadline(), HARK_FOREVER);
}
