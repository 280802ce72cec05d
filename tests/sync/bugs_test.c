/* SPDX-License-Identifier: MIT
 *
 * bugs_test.c - bugs that others had, where no test of a primitive of ours bears their number already.
 *
 * Idea     A bug report of another system is a test that somebody has paid for. Those that touch what
 *          exists here are played again; most of them stand with their primitive, and the rest here.
 *          Which of them are checked under another number, and which have no meaning in C, stands in
 *          tests/without, which the ledger prints.
 */
#include "core/core.h"
#include "scene.h"

/* ---- locks, queues, events ------------------------------------------------------------------- */

static hark_lock lock;
static uint64_t dice;

static int lock_and_let_go(void *arg)
{
    (void)arg;
    hark_sleep((int64_t)(draw(&dice) % 3));
    const int rc = (int)hark_within((int64_t)(draw(&dice) % 4), hark_lock_acquire(&lock));
    if (rc == 0) {
        hark_sleep((int64_t)(draw(&dice) % 3));
        CHECK_EQ(hark_lock_release(&lock), 0);
    }
    return 0;
}

static int lock_under_cancels(void *arg)
{
    hark_task tasks[6];

    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < 6; i++) {
        tasks[i] = hark_go(&group, lock_and_let_go, NULL);
    }
    for (int i = 0; i < 6; i++) {
        hark_sleep(1);
        hark_task_cancel(tasks[draw(&dice) % 6]);
    }
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK(!hark_lock_locked(&lock));
    CHECK_EQ(hark_lock_statistics(&lock).tasks_waiting, 0);
    return 0;
}

TEST(lock_BG_03_whoever_is_cancelled_when_it_is_free_in_the_end)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        dice = seed;
        CHECK_EQ(run_seeded(seed, lock_under_cancels, NULL), 0);
    }
}

static hark_queue queue;

static int get_and_fail(void *arg)
{
    int item;

    (void)arg;
    CHECK_EQ(hark_queue_get(&queue, &item), 0);
    return hark_fail(-EIO, "I cannot bear a %d", item);
}

static int get_and_say(void *arg)
{
    int item;

    (void)arg;
    const int rc = hark_queue_get(&queue, &item);
    kit_log(rc ? "%s" : "%s%d", outcome(rc), item);
    return rc;
}

/* A failure of whoever was served reaches its group, and the queue does not care. */
INSIDE(queue_BG_28_EQ_20_a_getter_that_fails_when_it_was_served_harms_nobody_else)
{
    hark_group inner;
    const int items[] = {1, 2};

    CHECK_EQ(hark_queue_init(&queue, sizeof(int), 0, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_group_open(&inner), 0);
    hark_go(&inner, get_and_fail, NULL);
    hark_settle();
    hark_go(&group, get_and_say, NULL);
    hark_settle();
    CHECK_EQ(hark_queue_try_put(&queue, &items[0]), 0);
    CHECK_EQ(hark_group_close(&inner, 0), -EIO);
    CHECK_HAS(hark_error_last(), "I cannot bear a 1");
    CHECK_EQ(hark_queue_try_put(&queue, &items[1]), 0);
    hark_settle();
    CHECK_LOG("ok2");
    CHECK_EQ(hark_queue_free(&queue), 0);
}

/* Four get one item each, in the order in which they came; and are counted until then. */
INSIDE(queue_EQ_07_EQ_11_EQ_15_each_of_four_getters_gets_one_and_they_are_counted)
{
    CHECK_EQ(hark_queue_init(&queue, sizeof(int), 1, HARK_FIFO, NULL), 0);
    for (int i = 0; i < 4; i++) {
        hark_go(&group, get_and_say, NULL);
    }
    hark_settle();
    CHECK_EQ(hark_queue_statistics(&queue).waiting_get, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_queue_put(&queue, &i), 0);
        CHECK_EQ(hark_queue_statistics(&queue).waiting_get, 3 - i);
    }
    hark_settle();
    CHECK_LOG("ok0 ok1 ok2 ok3");
    CHECK_EQ(hark_queue_free(&queue), 0);
}

/* A deadline is the scope's, and it is of the whole call; the order does not matter. */
INSIDE(queue_EQ_21_EQ_22_every_order_has_deadlines_and_joins)
{
    const int item = 7;
    int got;

    for (hark_order order = HARK_FIFO; order <= HARK_LIFO; order++) {
        CHECK_EQ(hark_queue_init(&queue, sizeof(int), 1, order, NULL), 0);
        const int64_t began = hark_now();
        CHECK_EQ(hark_within(5, hark_queue_get(&queue, &got)), -ETIMEDOUT);
        CHECK_EQ(hark_queue_put(&queue, &item), 0);
        CHECK_EQ(hark_within(5, hark_queue_put(&queue, &item)), -ETIMEDOUT);
        CHECK_EQ(hark_now() - began, 10);
        CHECK_EQ(hark_queue_statistics(&queue).waiting_put, 0);
        CHECK_EQ(hark_within(5, hark_queue_join(&queue)), -ETIMEDOUT);
        CHECK_EQ(hark_queue_get(&queue, &got), 0);
        CHECK_EQ(hark_queue_task_done(&queue), 0);
        CHECK_EQ(hark_queue_join(&queue), 0);
        CHECK_EQ(hark_queue_free(&queue), 0);
    }
}

static hark_event event, other;

static int wait_and_say(void *name)
{
    const int rc = hark_event_wait(&event);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return rc;
}

/* Waiters were woken first, and a newcomer that runs before they do goes on before they do. */
INSIDE(event_BG_35_XX_06_a_newcomer_that_finds_it_set_goes_on_before_those_it_has_woken)
{
    hark_go(&group, wait_and_say, "1");
    hark_go(&group, wait_and_say, "2");
    hark_settle();
    CHECK_EQ(hark_event_set(&event), 0);
    wait_and_say("3");
    hark_settle();
    CHECK_LOG("3:ok 1:ok 2:ok");
}

/* Every late waker finds nobody: the set of what it waited for before, a deadline that was called
 * off, a cancellation of a scope that is closed. */
INSIDE(event_BG_32_who_waits_is_woken_by_what_it_waits_for_and_by_nothing_older)
{
    hark_scope scope;

    CHECK_EQ(hark_within(2, hark_event_wait(&event)), -ETIMEDOUT);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_scope_open(&scope, 5), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(hark_scope_cancel(&scope), -EINVAL);
    const int64_t began = hark_now();
    CHECK_EQ(hark_within(100, hark_event_wait(&other)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - began, 100);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

static hark_scope scope;

static int both_at_once(void *own_first)
{
    hark_scope *const mine = &scope;

    CHECK_EQ(hark_scope_open(mine, HARK_FOREVER), 0);
    const int rc = hark_event_wait(&other);
    CHECK_EQ(rc, -ECANCELED);
    CHECK_EQ(hark_scope_close(mine, rc), -ECANCELED);
    CHECK(!hark_scope_caught(mine));
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    kit_log("%s", (const char *)own_first);
    return -ECANCELED;
}

/* A scope takes its own cancellation for its own only if no outer one has come as well. */
INSIDE(scope_BG_64_BG_65_of_its_own_cancel_and_an_outer_one_in_one_turn_the_outer_is_not_swallowed)
{
    for (int own_first = 0; own_first <= 1; own_first++) {
        const hark_task task = hark_go(&group, both_at_once, own_first ? "own" : "outer");
        hark_settle();
        for (int i = 0; i < 2; i++) {
            CHECK_EQ(i != own_first ? hark_scope_cancel(&scope) : hark_task_cancel(task), 0);
        }
        hark_settle();
    }
    CHECK_LOG("outer own");
}

static int say_then_wait(void *name)
{
    kit_log("%s", (const char *)name);
    const int rc = hark_checkpoint();
    kit_log("%s", outcome(rc));
    return rc;
}

/* Neither is the cancel forgotten, nor does it hit who has cancelled. */
INSIDE(task_BG_76_XX_09_cancelled_before_it_began_it_runs_to_its_first_checkpoint)
{
    const hark_task task = hark_go(&group, say_then_wait, "begins");

    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_LOG("");
    hark_settle();
    CHECK_LOG("begins cancelled");
}

/* No turn has noticed it by then: the task has kept the loop busy. */
INSIDE_REAL(scope_LL_10_a_deadline_that_has_passed_is_noticed_by_the_next_call_that_yields)
{
    CHECK_EQ(hark_scope_open(&scope, HARK_MS(1)), 0);
    const int64_t due = kit_clock() + HARK_MS(3);
    while (kit_clock() < due) {}
    CHECK(hark_scope_cancelled(&scope));
    CHECK_EQ(hark_scope_close(&scope, hark_yield()), -ETIMEDOUT);
}

/* ---- idle is idle ---------------------------------------------------------------------------- */

static const struct hark__hub_class *real;
static struct hark__hub_class counting;
static int polls;

static int count_polls(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    polls++;
    return real->poll(hub, timeout, reports, max);
}

static int polls_of_100_ms(void)
{
    polls = 0;
    real = hark__here->hub->class;
    counting = *real;
    counting.poll = count_polls;
    hark__here->hub->class = &counting;
    CHECK_EQ(hark_sleep(HARK_MS(100)), 0);
    hark__here->hub->class = real;
    return polls;
}

static int read_one(void *fd)
{
    char byte;
    return hark_read(*(int *)fd, &byte, 1) == 1 ? 0 : -EIO;
}

/* Nobody asked whether it may write: that it may must wake nobody. */
INSIDE_BY(TEST_ON_HUBS, RUN, fd_BG_94_BG_99_an_idle_connection_wakes_nobody)
{
    int ends[2];

    CHECK_EQ(hark_socketpair(ends), 0);
    hark_go(&group, read_one, &ends[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LE(polls_of_100_ms(), 10);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    hark_close(ends[0]);
    hark_close(ends[1]);
}

static int wait_for(void *fd_and_events)
{
    const int *wanted = fd_and_events;
    const int rc = hark_wait_fd(wanted[0], (short)wanted[1]);
    kit_log("%s", rc > 0 ? "there" : outcome(rc));
    return rc > 0 ? 0 : rc;
}

/* Who leaves takes away its own interest, and no other's: else what has come is told for ever. */
INSIDE_BY(TEST_ON_HUBS, RUN, fd_BG_91_of_two_who_wait_for_one_descriptor_the_one_that_leaves_is_gone)
{
    int ends[2];
    char much[4096] = "";

    CHECK_EQ(hark_socketpair(ends), 0);
    while (write(ends[0], much, sizeof much) > 0) {}
    int reads[] = {ends[0], POLLIN}, writes[] = {ends[0], POLLOUT};
    const hark_task reader = hark_go(&group, wait_for, reads);
    hark_go(&group, wait_for, writes);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(reader), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_LE(polls_of_100_ms(), 10);
    CHECK_LOG("cancelled");
    while (read(ends[1], much, sizeof much) > 0) {}
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("there");
    CHECK_EQ(hark_group_open(&group), 0);
    hark_close(ends[0]);
    hark_close(ends[1]);
}

/* What the kernel watches is the open file, which the copy keeps open. */
INSIDE_BY(TEST_ON_HUBS, RUN, fd_BG_92_a_closed_descriptor_that_has_a_copy_wakes_nobody)
{
    int ends[2];

    CHECK_EQ(hark_socketpair(ends), 0);
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_fd(ends[0], POLLIN)), -ETIMEDOUT);
    const int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
    CHECK_GE(copy, 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_LE(polls_of_100_ms(), 10);
    close(copy);
    hark_close(ends[1]);
}
