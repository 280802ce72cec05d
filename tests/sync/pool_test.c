/* SPDX-License-Identifier: MIT
 *
 * pool_test.c - hark_pool: a group with a limit.
 *
 * The GP entries that are about the pool itself; ordered results are in map_test.c and pile_test.c.
 *
 * Not here GP-16 (timers of a worker that die with it: no timer belongs to a task here; a scope's
 *          deadline ends with the scope).
 */
#include "../sync/scene.h"

#include <hark/testing.h>

#include "base/sys.h"

static hark_pool pool;
static hark_event gate;

static void begin(int size)
{
    CHECK_EQ(hark_pool_open(&pool, size), 0);
}

static void end(int rc)
{
    CHECK_EQ(hark_pool_close(&pool, 0), rc);
    CHECK_EQ(hark_pool_running(&pool), 0);
    CHECK_EQ(hark_pool_waiting(&pool), 0);
}

#define CHECK_POOL(run, wait) \
    do { \
        CHECK_EQ(hark_pool_running(&pool), (run)); \
        CHECK_EQ(hark_pool_waiting(&pool), (wait)); \
        CHECK_EQ(hark_audit(), 0); \
    } while (0)

/* ---- workers --------------------------------------------------------------------------------- */

static int at_work, most;

/* Sleeps as long as it is told. */
static int work(void *instants)
{
    at_work++;
    most = at_work > most ? at_work : most;
    const int rc = hark_sleep((intptr_t)instants);
    at_work--;
    return rc;
}

/* Until the gate opens. */
static int wait_gate(void *unused)
{
    (void)unused;
    return hark_event_wait(&gate);
}

static int fail_io(void *unused)
{
    (void)unused;
    return hark_fail(-EIO, "the disk is gone");
}

/* Says its name, and then waits for the gate. */
static int say_and_wait(void *name)
{
    kit_log("%s", (const char *)name);
    return hark_event_wait(&gate);
}

/* Spawns a task of its name, in a task of its own. */
static int spawner(void *name)
{
    const hark_task id = hark_pool_go(&pool, say, name);
    kit_log("%s:%s", (const char *)name, id > 0 ? "spawned" : outcome(id));
    return id < 0 ? (int)id : 0;
}

static hark_task go_spawner(const char *name)
{
    return hark_go(&group, spawner, (void *)name);
}

static int refuse_at, refuse_until; /* of the tasks spawned from now on */

static bool refuse(void)
{
    refuse_at--;
    return refuse_at < 0 && refuse_at >= refuse_until;
}

/* There is no memory for the `which`-th task from now on, and `count` - 1 after it. */
static void lack_task(int which, int count)
{
    refuse_at = which - 1;
    refuse_until = -count;
    hark__choices.refuse = refuse;
}

/* ---- places ---------------------------------------------------------------------------------- */

INSIDE(pool_GP_01_ten_tasks_in_four_places)
{
    begin(4);
    for (int i = 0; i < 10; i++) {
        CHECK_GT(hark_pool_go(&pool, work, (void *)(intptr_t)(10 - i)), 0);
    }
    end(0);
    CHECK_EQ(at_work, 0);
    CHECK_EQ(most, 4);
}

INSIDE(pool_GP_02_running_and_waiting_are_counted)
{
    begin(1);
    CHECK_POOL(0, 0);
    hark_pool_go(&pool, wait_gate, NULL);
    CHECK_POOL(1, 0);
    go_spawner("a");
    hark_settle();
    CHECK_POOL(1, 1);
    go_spawner("b");
    hark_settle();
    CHECK_POOL(1, 2);
    hark_event_set(&gate);
    hark_settle();
    CHECK_POOL(0, 0);
    CHECK_LOG("a:spawned a b:spawned b");
    end(0);
}

INSIDE(pool_GP_05_spawning_waits_only_when_the_pool_is_full)
{
    begin(2);
    hark_pool_go(&pool, say, "a");
    hark_pool_go(&pool, say, "b");
    CHECK_LOG("");
    hark_pool_go(&pool, say, "c");
    CHECK_LOG("a b");
    end(0);
    CHECK_LOG("c");
}

INSIDE(pool_EV_46_what_was_spawned_first_runs_first)
{
    begin(2);
    hark_pool_go(&pool, say_and_wait, "c1");
    hark_pool_go(&pool, say, "p");
    hark_settle();
    CHECK_LOG("c1 p");
    hark_event_set(&gate);
    end(0);
}

INSIDE(pool_first_come_first_served)
{
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++) {
        go_spawner(*name);
    }
    hark_settle();
    hark_event_set(&gate);
    hark_settle();
    CHECK_LOG("a:spawned a b:spawned b c:spawned c");
    end(0);
}

static int set_and_spawn(void *unused)
{
    (void)unused;
    hark_event_set(&gate);
    hark_yield(); /* the one who held the place has ended; its place is the waiter's */
    CHECK_POOL(1, 0);
    return spawner("late");
}

INSIDE(pool_a_newcomer_does_not_get_what_was_handed_over)
{
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    go_spawner("early");
    hark_settle();
    hark_go(&group, set_and_spawn, NULL);
    hark_settle();
    CHECK_LOG("early:spawned early late:spawned late");
    end(0);
}

INSIDE(pool_the_id_is_the_tasks)
{
    begin(1);
    const hark_task a = hark_pool_go(&pool, wait_gate, NULL);
    CHECK_GT(a, 0);
    hark_call_soon(&(hark_watch){0}, say_callback, "soon"); /* does not disturb */
    CHECK_EQ(hark_task_cancel(a), 0);
    const hark_task b = hark_pool_go(&pool, wait_gate, NULL);
    CHECK_GT(b, 0);
    CHECK_NE(a, b);
    CHECK_SILENT(hark_task_cancel(b), 0);
    CHECK_EQ(hark_task_wait(b), 0);
    CHECK_MISUSE(hark_task_wait(a), -ESRCH, "hark_task_wait");
    end(0);
    CHECK_LOG("soon");
}

/* ---- inside ---------------------------------------------------------------------------------- */

static hark_task outer_id;

static int note_self(void *name)
{
    kit_log("%s:%s", (const char *)name, hark_self() == outer_id ? "inline" : "task");
    return 0;
}

static int reenter(void *unused)
{
    (void)unused;
    outer_id = hark_self();
    CHECK_EQ(hark_pool_go(&pool, note_self, "in"), outer_id);
    CHECK_EQ(hark_pool_running(&pool), 1);
    kit_log("after");
    return 0;
}

INSIDE(pool_GP_03_a_task_of_a_full_pool_runs_it_inline)
{
    begin(1);
    hark_pool_go(&pool, reenter, NULL);
    end(0);
    CHECK_LOG("in:inline after");
}

static int reenter_with_room(void *unused)
{
    (void)unused;
    outer_id = hark_self();
    CHECK_NE(hark_pool_go(&pool, note_self, "in"), outer_id);
    kit_log("after");
    return 0;
}

INSIDE(pool_GP_03_with_a_place_it_is_spawned)
{
    begin(2);
    hark_pool_go(&pool, reenter_with_room, NULL);
    end(0);
    CHECK_LOG("after in:task");
}

static int open_a_group(void *unused)
{
    hark_group inner;
    CHECK_EQ(hark_group_open(&inner), 0);
    hark_go(&inner, reenter, unused);
    return hark_group_close(&inner, 0);
}

static int open_a_pool(void *unused)
{
    hark_pool inner;
    CHECK_EQ(hark_pool_open(&inner, 1), 0);
    CHECK_GT(hark_pool_go(&inner, open_a_group, unused), 0);
    return hark_pool_close(&inner, 0);
}

INSIDE(pool_GP_03_so_does_a_task_of_a_group_and_a_pool_inside)
{
    begin(1);
    hark_pool_go(&pool, open_a_group, NULL);
    hark_pool_go(&pool, open_a_pool, NULL);
    end(0);
    CHECK_LOG("in:inline after in:inline after");
}

static int start_one(void *unused)
{
    (void)unused;
    outer_id = hark_self();
    CHECK_EQ(hark_pool_go(&pool, note_self, "in"), outer_id);
    hark_started(0);
    return 0;
}

static int start_inside(void *unused)
{
    (void)unused;
    CHECK_GT(hark_start(&group, start_one, NULL, NULL), 0);
    return 0;
}

INSIDE(pool_GP_03_so_does_a_task_that_is_starting)
{
    begin(1);
    hark_pool_go(&pool, start_inside, NULL);
    end(0);
    CHECK_LOG("in:inline");
}

static int deep(void *left)
{
    const intptr_t n = (intptr_t)left;
    return n ? hark_pool_go(&pool, deep, (void *)(n - 1)) < 0 : 0;
}

INSIDE(pool_GP_03_to_any_depth)
{
    begin(1);
    hark_pool_go(&pool, deep, (void *)10);
    end(0);
}

static int inline_failure(void *unused)
{
    CHECK_GT(hark_pool_go(&pool, fail_io, unused), 0);
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    return 0;
}

INSIDE(pool_GP_03_what_fails_inline_fails_the_pool)
{
    int codes[2] = {0};
    begin(2);
    hark_pool_go(&pool, wait_gate, NULL);
    hark_pool_go(&pool, inline_failure, NULL);
    end(-EIO);
    CHECK_HAS(hark_error_last(), "the disk is gone");
    CHECK_EQ(hark_group_failures(hark_pool_group(&pool), codes, 2), 1);
    CHECK_EQ(codes[0], -EIO);
}

static int inline_under_a_deadline(void *unused)
{
    CHECK_EQ(hark_within(1, hark_pool_go(&pool, wait_gate, unused)), hark_self());
    CHECK_EQ(hark_checkpoint(), 0);
    return 0;
}

INSIDE(pool_GP_03_what_is_cut_short_inline_is_no_failure)
{
    begin(1);
    hark_pool_go(&pool, inline_under_a_deadline, NULL);
    end(0);
}

static int enter_cancelled(void *unused)
{
    hark_scope scope;
    hark_scope_open(&scope, 0);
    CHECK_SILENT(hark_pool_go(&pool, fail_io, unused), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    return 0;
}

INSIDE(pool_in_a_cancelled_scope_nothing_is_spawned_or_run)
{
    begin(2);
    enter_cancelled(NULL);
    hark_pool_go(&pool, enter_cancelled, NULL);
    hark_pool_resize(&pool, 0);
    CHECK_POOL(1, 0);
    end(0);
}

/* ---- resizing -------------------------------------------------------------------------------- */

INSIDE(pool_GP_04_made_smaller_it_stops_nobody)
{
    begin(2);
    const hark_task a = hark_pool_go(&pool, wait_gate, NULL);
    hark_pool_go(&pool, wait_gate, NULL);
    CHECK_EQ(hark_pool_resize(&pool, 1), 0);
    CHECK_POOL(2, 0);
    go_spawner("a");
    go_spawner("b");
    hark_settle();
    CHECK_POOL(2, 2);
    hark_task_cancel(a);
    hark_settle();
    CHECK_POOL(1, 2);
    hark_event_set(&gate);
    hark_settle();
    CHECK_POOL(0, 0);
    CHECK_LOG("a:spawned a b:spawned b");
    end(0);
}

INSIDE(pool_GP_04_XX_39_made_larger_as_many_go_on_as_there_are_places)
{
    begin(3);
    for (int i = 0; i < 3; i++) {
        hark_pool_go(&pool, wait_gate, NULL);
    }
    hark_pool_resize(&pool, 1);
    go_spawner("a");
    go_spawner("b");
    hark_settle();
    hark_pool_resize(&pool, 3); /* by two, but three run */
    CHECK_POOL(3, 2);
    hark_pool_resize(&pool, 4);
    CHECK_POOL(4, 1);
    hark_settle();
    CHECK_LOG("a:spawned a b:spawned b");
    hark_event_set(&gate);
    end(0);
}

INSIDE(pool_GP_14_zero_places_are_legal)
{
    begin(0);
    go_spawner("a");
    hark_settle();
    CHECK_POOL(0, 1);
    hark_pool_resize(&pool, 1);
    CHECK_POOL(1, 0);
    end(0);
    CHECK_LOG("a:spawned a");
}

static void grow(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_pool_resize(&pool, INT_MAX), 0);
}

INSIDE(pool_a_callback_may_resize)
{
    static hark_watch watch;
    begin(0);
    hark_call_soon(&watch, grow, NULL);
    CHECK_GT(hark_pool_go(&pool, say, "a"), 0);
    end(0);
    CHECK_LOG("a");
}

/* ---- ends ------------------------------------------------------------------------------------ */

static int return_cancelled(void *unused)
{
    (void)unused;
    return -ECANCELED;
}

INSIDE(pool_GP_06_whoever_fails_or_is_cancelled_gives_its_place_back)
{
    static const struct {
        hark_fn *fn;
        int rc;
    } ends[] = {{fail_io, -EIO}, {return_cancelled, 0}, {nothing, 0}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        begin(1);
        CHECK_GT(hark_pool_go(&pool, ends[i].fn, NULL), 0);
        hark_settle();
        CHECK_POOL(0, 0);
        end(ends[i].rc);
    }
}

INSIDE(pool_GP_06_also_who_was_cancelled_before_it_ran)
{
    begin(1);
    hark_task_cancel(hark_pool_go(&pool, wait_gate, NULL));
    CHECK_POOL(1, 0);
    CHECK_GT(hark_pool_go(&pool, say, "next"), 0);
    end(0);
    CHECK_LOG("next");
}

static int spawn_into_failed(void *unused)
{
    CHECK_GT(hark_pool_go(&pool, wait_gate, unused), 0);
    return 0;
}

INSIDE(pool_GP_06_who_waits_for_a_place_in_a_pool_that_fails_still_gets_one)
{
    begin(1);
    hark_pool_go(&pool, fail_io, NULL);
    hark_go(&group, spawn_into_failed, NULL);
    hark_go(&group, spawn_into_failed, NULL);
    end(-EIO);
}

INSIDE(pool_GP_07_closing_an_empty_one_returns_at_once)
{
    begin(3);
    end(0);
    begin(0);
    CHECK_EQ(hark_pool_close(&pool, 7), 7);
    begin(1);
    CHECK_EQ(hark_pool_close(&pool, -EPROTO), -EPROTO);
}

static int close_from_inside(void *unused)
{
    (void)unused;
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EPERM, "hark_pool_close");
    CHECK_HAS(hark_error_last(), "its own end");
    return 0;
}

static int close_from_outside(void *unused)
{
    (void)unused;
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EPERM, "hark_pool_close");
    return 0;
}

INSIDE(pool_GP_07_GP_18_a_task_of_the_pool_cannot_close_it)
{
    begin(1);
    hark_pool_go(&pool, close_from_inside, NULL);
    hark_go(&group, close_from_outside, NULL);
    hark_settle();
    CHECK_POOL(0, 0);
    end(0);
}

INSIDE(pool_closing_lets_those_go_first_who_wait)
{
    begin(1);
    hark_pool_go(&pool, work, (void *)5);
    go_spawner("a");
    go_spawner("b");
    end(0);
    CHECK_LOG("a:spawned a b:spawned b");
}

INSIDE(pool_closed_without_a_place_it_turns_away_who_waits)
{
    begin(0);
    go_spawner("a");
    hark_settle();
    end(0);
    CHECK_POOL(0, 0);
    /* the task fails with it, and so the group; here it is told by hand */
    CHECK_EQ(hark_group_close(&group, 0), -EINVAL);
    CHECK_HAS(hark_error_last(), "hark_pool_go");
    CHECK_LOG("a:EINVAL");
    CHECK_EQ(hark_group_open(&group), 0);
}

INSIDE(pool_cancelled_all_of_it_ends)
{
    begin(2);
    hark_pool_go(&pool, wait_gate, NULL);
    hark_pool_go(&pool, wait_gate, NULL);
    CHECK_EQ(hark_group_cancel(hark_pool_group(&pool)), 0);
    CHECK_EQ(hark_pool_go(&pool, wait_gate, NULL), -ECANCELED);
    CHECK_EQ(hark_pool_close(&pool, -ECANCELED), 0);
}

/* ---- cancelled while it waits ---------------------------------------------------------------- */

INSIDE(pool_GP_12_a_spawn_that_times_out_was_none)
{
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    CHECK_EQ(hark_within(5, hark_pool_go(&pool, say, "never")), -ETIMEDOUT);
    CHECK_POOL(1, 0);
    hark_event_set(&gate);
    CHECK_GT(hark_pool_go(&pool, say, "later"), 0);
    end(0);
    CHECK_LOG("later");
}

static hark_pool other;

static int wait_for_the_other(void *unused)
{
    CHECK_EQ(hark_within(3, hark_pool_go(&other, wait_gate, unused)), -ETIMEDOUT);
    return 0;
}

INSIDE(pool_GP_15_timing_out_in_one_while_waiting_for_another_harms_neither)
{
    begin(1);
    CHECK_EQ(hark_pool_open(&other, 1), 0);
    CHECK_GT(hark_pool_go(&other, wait_gate, NULL), 0);
    hark_pool_go(&pool, wait_for_the_other, NULL);
    CHECK_GT(hark_pool_go(&pool, say, "pool"), 0); /* when the first has timed out */
    CHECK_EQ(hark_pool_running(&other), 1);
    CHECK_EQ(hark_pool_waiting(&other), 0);
    hark_event_set(&gate);
    CHECK_GT(hark_pool_go(&other, say, "other"), 0);
    CHECK_EQ(hark_pool_close(&other, 0), 0);
    end(0);
    CHECK_LOG("pool other");
}

INSIDE(pool_P35_1_a_wake_up_that_was_given_is_kept)
{
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    const hark_task waiter = go_spawner("a");
    hark_settle();
    hark_event_set(&gate);
    hark_yield(); /* the place was handed over */
    CHECK_POOL(1, 0);
    hark_task_cancel(waiter);
    hark_settle();
    CHECK_LOG("a:spawned a");
    end(0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

INSIDE(pool_without_memory_for_a_task_the_place_is_free)
{
    begin(1);
    lack_task(1, 1);
    CHECK_MISUSE(hark_pool_go(&pool, say, "never"), -ENOMEM, "hark_pool_go");
    CHECK_POOL(0, 0);
    CHECK_GT(hark_pool_go(&pool, say, "a"), 0);
    end(0);
    CHECK_LOG("a");
}

static int spawner_without_memory(void *name)
{
    CHECK_EQ(spawner(name), -ENOMEM);
    return 0;
}

INSIDE(pool_without_memory_for_a_task_the_next_who_waits_has_the_place)
{
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    hark_go(&group, spawner_without_memory, "a");
    hark_go(&group, spawner_without_memory, "b");
    go_spawner("c");
    hark_settle();
    lack_task(1, 2);
    hark_event_set(&gate);
    hark_settle();
    CHECK_LOG("a:ENOMEM b:ENOMEM c:spawned c");
    end(0);
}

/* ---- wrong use ------------------------------------------------------------------------------- */

TEST(pool_GP_14_misuse_without_a_loop)
{
    CHECK_MISUSE(hark_pool_open(NULL, 1), -EINVAL, "hark_pool_open");
    CHECK_MISUSE(hark_pool_open(&pool, -1), -EINVAL, "hark_pool_open");
    CHECK_MISUSE(hark_pool_open(&pool, 1), -ENOTSUP, "hark_pool_open");
    CHECK_MISUSE(hark_pool_go(&pool, nothing, NULL), -ENOTSUP, "hark_pool_go");
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EXDEV, "hark_pool_close");
    CHECK_EQ(hark_pool_running(NULL), 0);
    CHECK_EQ(hark_pool_waiting(NULL), 0);
    CHECK_PTR(hark_pool_group(NULL), NULL);
}

static void go_outside_any_task(void *unused)
{
    CHECK_MISUSE(hark_pool_go(&pool, nothing, unused), -ENOTSUP, "hark_pool_go");
    CHECK_MISUSE(hark_pool_close(&pool, 0), -ENOTSUP, "hark_pool_close");
}

static void *in_another_loop(void *main)
{
    CHECK_EQ(hark_run((hark_fn *)(uintptr_t)main, NULL), 0);
    return NULL;
}

static int use_it_here(void *unused)
{
    CHECK_MISUSE(hark_pool_go(&pool, nothing, unused), -EXDEV, "hark_pool_go");
    CHECK_MISUSE(hark_pool_resize(&pool, 2), -EXDEV, "hark_pool_resize");
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EXDEV, "hark_pool_close");
    return 0;
}

INSIDE(pool_GP_14_misuse)
{
    static hark_watch watch;
    CHECK_MISUSE(hark_pool_go(&pool, nothing, NULL), -EINVAL, "not open");
    CHECK_MISUSE(hark_pool_resize(&pool, 1), -EINVAL, "hark_pool_resize");
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EINVAL, "hark_pool_close");
    CHECK_MISUSE(hark_pool_go(NULL, nothing, NULL), -EINVAL, "hark_pool_go");
    CHECK_MISUSE(hark_pool_resize(NULL, 1), -EINVAL, "hark_pool_resize");
    CHECK_MISUSE(hark_pool_close(NULL, 0), -EINVAL, "hark_pool_close");
    begin(1);
    CHECK_MISUSE(hark_pool_open(&pool, 2), -EALREADY, "hark_pool_open");
    CHECK_MISUSE(hark_pool_go(&pool, NULL, NULL), -EINVAL, "hark_pool_go");
    CHECK_MISUSE(hark_pool_resize(&pool, -1), -EINVAL, "hark_pool_resize");
    hark_call_soon(&watch, go_outside_any_task, NULL);
    hark_yield();
    in_thread(in_another_loop, (void *)(uintptr_t)use_it_here);
    CHECK_GT(hark_pool_go(&pool, say, "fine"), 0);
    end(0);
    CHECK_LOG("fine");
    CHECK_MISUSE(hark_pool_go(&pool, nothing, NULL), -EINVAL, "not open");
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EINVAL, "not open");
}

INSIDE(pool_closed_out_of_order_it_is_closed_all_the_same)
{
    hark_scope scope;
    begin(1);
    hark_pool_go(&pool, wait_gate, NULL);
    go_spawner("a");
    hark_settle();
    hark_scope_open(&scope, HARK_FOREVER);
    CHECK_MISUSE(hark_pool_close(&pool, 0), -EINVAL, "out of order");
    hark_scope_close(&scope, 0);
    hark_settle();
    CHECK_POOL(0, 0);
    CHECK_LOG("a:spawned a");
}

/* ---- reports --------------------------------------------------------------------------------- */

static int deadlocked(void *unused)
{
    hark_pool four;
    CHECK_EQ(hark_pool_open(&four, 1), 0);
    hark_pool_go(&four, wait_gate, unused);
    const hark_task id = hark_pool_go(&four, say, "never");
    return hark_pool_close(&four, id < 0 ? (int)id : 0);
}

TEST(pool_the_report_of_a_deadlock_tells_what_is_waited_for)
{
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlocked, NULL), -EDEADLK);
    const char *text = capture_end();
    CHECK_HAS(text, "waits for a place in a pool");
    CHECK_HAS(text, " of 1: 1 task runs");
    CHECK_HAS(text, "\"wait_gate\", spawned at ");
    CHECK_HAS(text, "pool_test.c:");
    CHECK_LOG("");
}

/* The function is there beside the macro; then a report cannot know the name. */
INSIDE(pool_by_a_pointer_to_the_function)
{
    hark_task (*by_pointer)(hark_pool *, hark_fn *, void *) = hark_pool_go;
    begin(1);
    CHECK_GT(by_pointer(&pool, say, "a"), 0);
    end(0);
    CHECK_LOG("a");
}

/* ---- at random ------------------------------------------------------------------------------- */

enum { SPAWNERS = 5, ROUNDS = 20 };
static uint64_t dice;
static int spawned, ended;

static int random_job(void *unused)
{
    (void)unused;
    at_work++;
    most = at_work > most ? at_work : most;
    hark_sleep((int64_t)(draw(&dice) % 3));
    if (draw(&dice) % 8 == 0) {
        spawned += hark_pool_go(&pool, random_job, NULL) == hark_self() ? 0 : 1;
    }
    at_work--;
    ended++;
    return 0;
}

static int random_spawner(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t id =
            hark_within((int64_t)(1 + draw(&dice) % 4), hark_pool_go(&pool, random_job, unused));
        CHECK(id > 0 || id == -ETIMEDOUT);
        spawned += id > 0;
        CHECK_EQ(hark_audit(), 0);
    }
    return 0;
}

static int random_main(void *unused)
{
    int size = 3;
    spawned = ended = at_work = most = 0;
    begin(size);
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < SPAWNERS; i++) {
        hark_go(&group, random_spawner, unused);
    }
    for (int i = 0; i < ROUNDS; i++) {
        hark_sleep(2);
        size = (int)(draw(&dice) % 4);
        hark_pool_resize(&pool, size);
    }
    hark_pool_resize(&pool, 3);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    end(0);
    CHECK_EQ(at_work, 0);
    CHECK_GE(ended, spawned); /* what ran inline ended, too */
    CHECK_GT(spawned, ROUNDS);
    return 0;
}

TEST(pool_P35_random_spawns_deadlines_and_sizes)
{
    dice = kit_seed();
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(run_seeded(draw(&dice), random_main, NULL), 0);
    }
}

/* ---- recipes: a graph of results, and a server ----------------------------------------------- */

/* A node waits for what it needs, works, and sends its result; who fails fails what needs it. */
struct node {
    hark_future done;
    struct node *needs[2];
    int own; /* adds this; negative: fails so */
};

static int work_off(void *arg)
{
    struct node *node = arg;
    int sum = node->own;
    for (int i = 0; i < 2 && node->needs[i]; i++) {
        void *value;
        int rc = hark_future_wait(&node->needs[i]->done, &value);
        if (rc) {
            return rc;
        }
        sum += (int)(intptr_t)value;
    }
    return sum;
}

INSIDE(pool_PO_07_a_graph_of_results_is_futures_and_tasks)
{
    static struct node a = {.own = 1}, b = {.own = 2}, bad = {.own = -EPROTO};
    static struct node both = {.needs = {&a, &b}, .own = 10}, last = {.needs = {&both, &a}};
    static struct node spoilt = {.needs = {&a, &bad}}, below = {.needs = {&spoilt, &both}};
    struct node *const all[] = {&below, &last, &spoilt, &both, &bad, &b, &a};
    void *value;
    for (int i = 0; i < 7; i++) { /* in any order */
        CHECK_GT(hark_go_future(&group, &all[i]->done, work_off, all[i]), 0);
    }
    CHECK_EQ(hark_future_wait(&last.done, &value), 0);
    CHECK_EQ((intptr_t)value, 14);
    CHECK_EQ(hark_future_wait(&spoilt.done, &value), -EPROTO);
    CHECK_EQ(hark_future_wait(&below.done, &value), -EPROTO);
    CHECK_EQ(hark_future_send(&a.done, NULL), -EALREADY); /* a second result for one name */
}

static hark_event close_up;
static int serving, served;

static int serve_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    serving++;
    int rc = hark_event_wait(&close_up);
    serving--;
    served++;
    hark_close(fd);
    return rc;
}

static int serve_pool(void *arg)
{
    hark_pool five;
    int rc = 0, fd;
    CHECK_EQ(hark_pool_open(&five, 5), 0);
    while (rc >= 0 && (fd = hark_accept(*(int *)arg, NULL, NULL)) >= 0) {
        rc = hark_pool_go(&five, serve_one, (void *)(intptr_t)fd) > 0 ? 0 : -EPROTO;
        if (rc) {
            hark_close(fd);
        }
    }
    return hark_pool_close(&five, rc < 0 ? rc : fd);
}

INSIDE_ON_HUBS(pool_PO_08_a_server_of_five_lets_the_sixth_wait)
{
    int listener = hark_tcp_listen("127.0.0.1", "0", 16), clients[6];
    char byte, port[16];
    CHECK_GE(listener, 0);
    snprintf(port, sizeof(port), "%d", hark_tcp_port(listener));
    hark_task server = hark_go(&group, serve_pool, &listener);
    for (int i = 0; i < 6; i++) {
        CHECK_GE(clients[i] = hark_tcp_connect("127.0.0.1", port), 0);
    }
    hark_settle();
    CHECK_EQ(serving, 5);
    CHECK_EQ(hark_event_set(&close_up), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(hark_read(clients[i], &byte, 1), 0);
        hark_close(clients[i]);
    }
    CHECK_EQ(served, 6);
    CHECK_EQ(hark_task_cancel(server), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    hark_close(listener);
}
