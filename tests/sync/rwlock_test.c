/* SPDX-License-Identifier: MIT
 *
 * rwlock_test.c - hark_rwlock: many who read, or one who writes.
 *
 * The LK entries hold for it in the same way: hand-over in order, nobody barges in, who is
 * cancelled leaves no trace. What is its own: readers go in together, and a waiting writer holds
 * them back.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static hark_rwlock lock;
static hark_flag gate;
static int readers, writers;

static int waiting(void)
{
    return hark_rwlock_statistics(&lock).tasks_waiting;
}

static int reader(void *name)
{
    const int rc = hark_rwlock_read(&lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    if (rc) {
        return rc == -EOWNERDEAD ? 0 : rc;
    }
    readers++;
    CHECK_EQ(writers, 0);
    hark_flag_wait(&gate);
    readers--;
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    return 0;
}

static int writer(void *name)
{
    const int rc = hark_rwlock_write(&lock);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    if (rc) {
        return rc == -EOWNERDEAD ? 0 : rc;
    }
    CHECK_EQ(writers++, 0);
    CHECK_EQ(readers, 0);
    hark_flag_wait(&gate);
    writers--;
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    return 0;
}

static hark_task go_reader(const char *name)
{
    return hark_go(&group, reader, (void *)name);
}

static hark_task go_writer(const char *name)
{
    return hark_go(&group, writer, (void *)name);
}

/* Whoever is inside goes, and whoever comes in stays. */
static void next(void)
{
    hark_flag_set(&gate), hark_flag_clear(&gate);
    hark_settle();
}

TEST(rwlock_LK_29_is_free_when_all_zero_initialised_or_inited_without_a_loop)
{
    static hark_rwlock zero;
    hark_rwlock constant = HARK_RWLOCK_INIT, inited;
    memset(&inited, 0x5a, sizeof(inited));
    CHECK_EQ(hark_rwlock_init(&inited), 0);
    CHECK(memcmp(&zero, &inited, sizeof(zero)) == 0);
    CHECK(memcmp(&zero, &constant, sizeof(zero)) == 0);
    CHECK_LE(sizeof(hark_rwlock), 64);
}

INSIDE(rwlock_readers_read_together_and_writers_write_alone)
{
    go_reader("r1"), go_reader("r2");
    hark_settle();
    CHECK_LOG("r1:ok r2:ok");
    go_writer("w1"), go_writer("w2");
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(waiting(), 2);
    next();
    CHECK_LOG("w1:ok");
    next();
    CHECK_LOG("w2:ok");
    next();
    CHECK_EQ(waiting(), 0);
}

INSIDE(rwlock_a_waiting_writer_holds_back_new_readers)
{
    go_reader("r1"), go_writer("w"), go_reader("r2"), go_reader("r3");
    hark_settle();
    CHECK_LOG("r1:ok");
    CHECK_EQ(waiting(), 3);
    next();
    CHECK_LOG("w:ok");
    next();
    CHECK_LOG("r2:ok r3:ok");
    next();
}

INSIDE(rwlock_LK_01_first_come_first_served_with_readers_in_batches)
{
    go_writer("w1"), go_reader("r1"), go_reader("r2"), go_writer("w2"), go_reader("r3");
    hark_settle();
    CHECK_LOG("w1:ok");
    next();
    CHECK_LOG("r1:ok r2:ok");
    next();
    CHECK_LOG("w2:ok");
    next();
    CHECK_LOG("r3:ok");
    next();
}

INSIDE(rwlock_LK_15_XX_12_what_was_handed_over_is_not_for_newcomers)
{
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    go_writer("w");
    hark_settle();
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "\"writer\" writes");
    go_reader("r");
    hark_settle();
    CHECK_LOG("w:ok");
    CHECK_EQ(waiting(), 1);
    next();
    CHECK_LOG("r:ok");
    next();
}

INSIDE(rwlock_LK_24_XX_07_release_then_cancel_the_hand_over_is_kept)
{
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    const hark_task w = go_writer("w");
    go_reader("r");
    hark_settle();
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    hark_task_cancel(w);
    hark_settle();
    CHECK_LOG("w:ok r:ok"); /* it goes home at its next checkpoint, and the reader goes in */
    next();
}

INSIDE(rwlock_LK_22_a_free_one_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    hark_go(&group, say, "other");
    CHECK_EQ(hark_rwlock_read(&lock), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_LOG("");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_rwlock_read(&lock), -ECANCELED);
    CHECK_EQ(hark_rwlock_write(&lock), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "nobody");
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(rwlock_a_cancelled_writer_lets_the_readers_behind_it_go)
{
    go_reader("r1");
    const hark_task w = go_writer("w");
    go_reader("r2"), go_reader("r3"), go_writer("w2"), go_reader("r4");
    hark_settle();
    CHECK_LOG("r1:ok");
    hark_task_cancel(w);
    CHECK_EQ(waiting(), 2);
    hark_settle();
    CHECK_LOG("r2:ok r3:ok w:cancelled");
    next();
    CHECK_LOG("w2:ok");
    next();
    CHECK_LOG("r4:ok");
    next();
}

INSIDE(rwlock_a_timed_out_writer_lets_the_readers_behind_it_go)
{
    CHECK_EQ(hark_rwlock_read(&lock), 0);
    hark_call_later(HARK_MS(1), &(hark_watch){0}, say_callback, "late");
    hark_go(&group, reader, "r0");
    hark_settle();
    CHECK_EQ(hark_within(HARK_MS(2), hark_rwlock_write(&lock)), -ETIMEDOUT);
    go_reader("r");
    hark_settle();
    CHECK_LOG("r0:ok late r:ok");
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    next();
}

INSIDE(rwlock_LK_02_LK_27_cancelled_waiters_leave_nothing_behind)
{
    hark_rwlock_write(&lock);
    const hark_task r = go_reader("r"), w = go_writer("w");
    hark_settle();
    CHECK_EQ(waiting(), 2);
    hark_task_cancel(r), hark_task_cancel(w);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    CHECK_EQ(hark_audit(), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    hark_settle();
    CHECK_LOG("r:cancelled w:cancelled");
}

INSIDE(rwlock_LK_05_cancel_then_release_goes_to_the_next)
{
    hark_rwlock_write(&lock);
    const hark_task w = go_writer("w");
    go_reader("r1"), go_reader("r2");
    hark_settle();
    hark_task_cancel(w), hark_rwlock_release(&lock);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("w:cancelled r1:ok r2:ok");
    next();
}

/* ---- a writer that ends ---------------------------------------------------------------------- */

static int write_and_end(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    hark_flag_wait(&gate);
    return 0;
}

INSIDE(rwlock_LK_16_LK_17_XX_11_a_writers_end_is_told_until_init)
{
    hark_go(&group, write_and_end, NULL);
    go_reader("r"), go_writer("w");
    hark_settle();
    next();
    CHECK_LOG("r:EOWNERDEAD w:EOWNERDEAD");
    CHECK_MISUSE(hark_rwlock_read(&lock), -EOWNERDEAD, "hark_rwlock_read: task");
    CHECK_MISUSE(hark_rwlock_write(&lock), -EOWNERDEAD, "hark_rwlock_write: task");
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "hark_rwlock_release");
    CHECK_EQ(hark_rwlock_init(&lock), 0);
    CHECK_EQ(hark_rwlock_write(&lock), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
}

INSIDE(rwlock_LK_18_hearing_of_the_end_follows_the_writer)
{
    hark_rwlock_write(&lock);
    hark_go(&group, write_and_end, NULL);
    go_reader("r"), go_writer("w");
    hark_settle();
    hark_rwlock_release(&lock);
    hark_settle();
    CHECK_LOG("");
    next();
    CHECK_LOG("r:EOWNERDEAD w:EOWNERDEAD");
}

/* ---- misuse, reports ------------------------------------------------------------------------- */

INSIDE(rwlock_LK_11_a_writer_that_asks_again_is_refused)
{
    hark_rwlock_write(&lock);
    CHECK_MISUSE(hark_rwlock_write(&lock), -EDEADLK, "hark_rwlock_write");
    CHECK_MISUSE(hark_rwlock_read(&lock), -EDEADLK, "hark_rwlock_read");
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
}

static int release_it(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "only the writer");
    return 0;
}

INSIDE(rwlock_LK_06_LK_12_only_who_is_inside_releases)
{
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "nobody");
    hark_rwlock_write(&lock);
    hark_go(&group, release_it, NULL);
    hark_settle();
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    hark_rwlock_read(&lock);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "nobody");
}

static int use_from_a_loop(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_rwlock_read(&lock), -EXDEV, "hark_rwlock_read");
    CHECK_MISUSE(hark_rwlock_write(&lock), -EXDEV, "hark_rwlock_write");
    CHECK_MISUSE(hark_rwlock_release(&lock), -EXDEV, "hark_rwlock_release");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_rwlock_release(&lock), -EXDEV, "hark_rwlock_release");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(rwlock_LK_32_XX_40_other_threads_and_loops_are_refused)
{
    hark_rwlock_read(&lock);
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
}

TEST(rwlock_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_rwlock_read(&lock), -ENOTSUP, "hark_rwlock_read");
    CHECK_MISUSE(hark_rwlock_write(&lock), -ENOTSUP, "hark_rwlock_write");
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "hark_rwlock_release");
}

TEST(rwlock_misuse_NULL_has_a_code_and_words)
{
    CHECK_MISUSE(hark_rwlock_init(NULL), -EINVAL, "hark_rwlock_init");
    CHECK_MISUSE(hark_rwlock_read(NULL), -EINVAL, "hark_rwlock_read");
    CHECK_MISUSE(hark_rwlock_write(NULL), -EINVAL, "hark_rwlock_write");
    CHECK_MISUSE(hark_rwlock_release(NULL), -EINVAL, "hark_rwlock_release");
    CHECK_EQ(hark_rwlock_statistics(NULL).tasks_waiting, 0);
}

/* ---- trying ---------------------------------------------------------------------------------- */

INSIDE(rwlock_try_takes_what_is_free_and_no_more)
{
    CHECK_EQ(hark_rwlock_try_read(&lock), 0);
    CHECK_EQ(hark_rwlock_try_read(&lock), 0);
    CHECK_SILENT(hark_rwlock_try_write(&lock), -EAGAIN);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_SILENT(hark_rwlock_try_write(&lock), -EAGAIN);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_EQ(hark_rwlock_try_write(&lock), 0);
    CHECK_MISUSE(hark_rwlock_try_read(&lock), -EDEADLK, "hark_rwlock_try_read: the caller writes");
    CHECK_MISUSE(hark_rwlock_try_write(&lock), -EDEADLK, "hark_rwlock_try_write");
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    CHECK_MISUSE(hark_rwlock_release(&lock), -EPERM, "nobody reads or writes");
}

static int tries(void *arg)
{
    (void)arg;
    CHECK_SILENT(hark_rwlock_try_read(&lock), -EAGAIN);
    CHECK_SILENT(hark_rwlock_try_write(&lock), -EAGAIN);
    return 0;
}

INSIDE(rwlock_LK_26_no_try_passes_by_who_waits)
{
    CHECK_EQ(hark_rwlock_read(&lock), 0);
    go_writer("w");
    hark_settle();
    tries(NULL);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    tries(NULL); /* it is the writer's by now */
    hark_settle();
    tries(NULL);
    next();
    CHECK_LOG("w:ok");
    CHECK_EQ(hark_rwlock_try_write(&lock), 0);
    hark_go(&group, tries, NULL);
    hark_settle();
    CHECK_EQ(hark_rwlock_release(&lock), 0);
}

static int writes_and_ends(void *arg)
{
    (void)arg;
    return hark_rwlock_try_write(&lock);
}

INSIDE(rwlock_try_hears_of_the_writers_end_and_works_when_cancelled)
{
    hark_scope scope;
    hark_scope_open(&scope, 0);
    CHECK_EQ(hark_rwlock_try_write(&lock), 0);
    CHECK_EQ(hark_rwlock_release(&lock), 0);
    hark_scope_close(&scope, -ECANCELED);
    hark_go(&group, writes_and_ends, NULL);
    hark_settle();
    CHECK_MISUSE(hark_rwlock_try_read(&lock), -EOWNERDEAD, "has ended without releasing");
    CHECK_MISUSE(hark_rwlock_try_write(&lock), -EOWNERDEAD, "has ended without releasing");
}

TEST(rwlock_try_outside_a_loop)
{
    CHECK_MISUSE(hark_rwlock_try_write(&lock), -ENOTSUP, "only a task");
}

static void try_in_callback(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_rwlock_try_read(&lock), -ENOTSUP, "only a task");
}

INSIDE(rwlock_try_outside_a_task)
{
    hark_watch watch = HARK_WATCH_INIT;
    CHECK_MISUSE(hark_rwlock_try_read(NULL), -EINVAL, "lock is NULL");
    CHECK_MISUSE(hark_rwlock_try_write(NULL), -EINVAL, "lock is NULL");
    CHECK_EQ(hark_call_soon(&watch, try_in_callback, NULL), 0);
    hark_settle();
}

static void dump_has(const char *words)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_dump(out);
    fclose(out);
    CHECK_HAS(text, words);
}

INSIDE(rwlock_a_dump_says_who_is_inside)
{
    hark_task_name("holder");
    hark_rwlock_write(&lock);
    go_reader("r");
    hark_settle();
    dump_has("waits for a lock, to read, at 0x");
    dump_has(", task 1 \"holder\" writes");
    hark_rwlock_release(&lock);
    hark_settle();
    go_writer("w");
    hark_settle();
    dump_has("waits for a lock, to write, at 0x");
    dump_has(", 1 reads");
    next(), next();
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static hark_task actors[4];

static int actor(void *arg)
{
    (void)arg;
    for (int step = 0; step < 10; step++) {
        const uint64_t what = draw(&state) % 8;
        if (what == 0) {
            hark_sleep(draw(&state) % 3);
        } else if (what == 1) {
            hark_task_cancel(actors[draw(&state) % 4]);
        } else {
            const bool writes = what < 4;
            const int64_t rc = hark_within(draw(&state) % 4, writes ? hark_rwlock_write(&lock)
                                                                    : hark_rwlock_read(&lock));
            CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
            if (rc == 0) {
                *(writes ? &writers : &readers) += 1;
                CHECK(writers == 0 || (writers == 1 && readers == 0));
                hark_sleep(draw(&state) % 3);
                *(writes ? &writers : &readers) -= 1;
                CHECK_EQ(hark_rwlock_release(&lock), 0);
            }
        }
    }
    return 0;
}

static int act(void *arg)
{
    (void)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 4; i++) {
        actors[i] = hark_go(&g, actor, NULL);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(waiting(), 0);
    CHECK_EQ(hark_rwlock_release(&lock), -EPERM);
    return 0;
}

TEST(rwlock_never_a_writer_beside_anybody_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_rwlock_init(&lock);
        readers = writers = 0;
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
