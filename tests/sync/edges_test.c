/* SPDX-License-Identifier: MIT
 *
 * edges_test.c - futures, selects and completions at their edges: of other loops, outside any loop,
 * NULL, sent by two, with words that are gone, cancelled half way.
 *
 * Each is a line or two of the headers that no other test reaches (see tests/house/cover).
 */
#include "scene.h"

#include <sys/eventfd.h>

#include "core/core.h"

/* ---- futures --------------------------------------------------------------------------------- */

TEST(edges_a_future_that_failed_where_no_loop_runs_has_no_words)
{
    hark_future f = HARK_FUTURE_INIT;
    CHECK_EQ(hark_future_fail(&f, -EIO, "never kept"), 0);
    capture_begin();
    CHECK_EQ(hark_future_reset(&f), 0);
    CHECK_HAS(capture_end(), "a future that failed with -5 (its words are gone) was reset");
    CHECK(!hark_future_ready(&f));
}

enum { UNKNOWN = 5000 };

INSIDE(edges_words_of_a_failure_are_kept_until_there_were_many_younger_ones)
{
    hark_future old = HARK_FUTURE_INIT, young = HARK_FUTURE_INIT;
    CHECK_EQ(hark_future_fail(&old, -UNKNOWN, "old words"), 0);
    for (int i = 0; i < 32; i++) {
        CHECK_EQ(hark_future_fail(&young, -EIO, "young words"), 0);
        CHECK_EQ(hark_future_wait(&young, NULL), -EIO);
        CHECK_EQ(hark_future_reset(&young), 0);
    }
    CHECK_EQ(hark_future_wait(&old, NULL), -UNKNOWN);
    CHECK_HAS(hark_error_last(),
              "hark_future_wait: the future had failed; its words are gone [?, task");
}

static hark_future of_another_loop = HARK_FUTURE_INIT;
static hark_event event_of_another_loop = HARK_EVENT_INIT;

static int uses_foreign_ones(void *arg)
{
    hark_future mine = HARK_FUTURE_INIT, *both[2] = {&mine, &of_another_loop};
    hark_watch watch = {0};
    (void)arg;
    CHECK_EQ(hark_future_send(&mine, NULL), 0);
    CHECK_MISUSE(hark_wait_all(both, 2), -EXDEV, "hark_wait_all");
    CHECK_MISUSE(hark_event_watch(&event_of_another_loop, &watch, say_callback, "never"), -EXDEV,
                 "hark_event_watch");
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_MISUSE(hark_go_future(&group, &of_another_loop, nothing, NULL), -EXDEV, "hark_go_future");
    return hark_group_close(&group, 0);
}

static void *runs_beside(void *arg)
{
    CHECK_EQ(hark_run(uses_foreign_ones, NULL), 0);
    return arg;
}

static int waits_briefly(void *arg)
{
    (void)arg;
    hark_event_watch(&event_of_another_loop, arg, say_callback, "watched");
    CHECK_EQ(hark_within(HARK_MS(1), hark_future_wait(&of_another_loop, NULL)), -ETIMEDOUT);
    in_thread(runs_beside, NULL);
    return hark_unwatch(arg);
}

TEST(edges_what_belongs_to_another_loop_is_not_used)
{
    hark_watch watch = {0};
    CHECK_EQ(RUN(waits_briefly, &watch), 0);
}

static int waits_for_both(void *arg)
{
    hark_future *const *both = arg;
    kit_log("%s", outcome(hark_wait_all(both, 2)));
    return 0;
}

static int cancels_then_goes_on(void *scope)
{
    return hark_scope_cancel(scope);
}

/* The first was ready; before the second is, the waiter is cancelled. */
INSIDE(edges_wait_all_that_is_cancelled_between_two_futures_is_cancelled)
{
    hark_future first = HARK_FUTURE_INIT, second = HARK_FUTURE_INIT, *both[2] = {&first, &second};
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_future_send(&first, NULL), 0);
    for (int i = 0; i < 126; i++) { /* so many calls may go by before the others run */
        CHECK_EQ(hark_future_wait(&first, NULL), 0);
    }
    CHECK_GT(hark_go(&group, cancels_then_goes_on, &scope), 0);
    CHECK_EQ(hark_future_wait(&first, NULL), 0);
    CHECK_EQ(waits_for_both(both), 0);
    CHECK_LOG("cancelled");
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
}

static int fails_with(void *code)
{
    return *(int *)code;
}

static int fails_with_other_words(void *code)
{
    hark_fail(-EPIPE, "of something else");
    return *(int *)code;
}

INSIDE(edges_a_task_that_fails_its_future_without_words_has_some)
{
    hark_future f = HARK_FUTURE_INIT, g = HARK_FUTURE_INIT;
    int code = -EIO;
    CHECK_GT(hark_go_future(&group, &f, fails_with, &code), 0);
    CHECK_EQ(hark_future_wait(&f, NULL), -EIO);
    CHECK_HAS(hark_error_last(), "the task failed");
    CHECK_GT(hark_go_future(&group, &g, fails_with_other_words, &code), 0);
    CHECK_EQ(hark_future_wait(&g, NULL), -EIO);
    CHECK_HAS(hark_error_last(), "the task failed");
}

static int nobody_looks(void *arg)
{
    hark_group mine;
    hark_future unseen = HARK_FUTURE_INIT;
    (void)arg;
    int code = -EIO;
    CHECK_EQ(hark_group_open(&mine), 0);
    CHECK_GT(hark_go_future(&mine, &unseen, fails_with, &code), 0);
    return hark_group_close(&mine, 0);
}

/* The failure in the other group is not its matter. */
INSIDE(edges_a_group_reports_the_unseen_failures_of_its_own_tasks_only)
{
    hark_future seen_later = HARK_FUTURE_INIT;
    int code = -EPIPE;
    CHECK_GT(hark_go_future(&group, &seen_later, fails_with, &code), 0);
    CHECK_EQ(hark_settle(), 0);
    capture_begin();
    CHECK_EQ(nobody_looks(NULL), 0);
    CHECK_HAS(capture_end(), "a future failed, and nobody has looked at it: the task failed");
    CHECK(!strstr(strstr(captured.text, "nobody has looked") + 1, "nobody has looked"));
    CHECK_EQ(hark_future_wait(&seen_later, NULL), -EPIPE);
}

static struct {
    hark_future future;
    int returns;
} sent_by_two;

static int comes_too_late(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_future_send(&sent_by_two.future, "by itself"), 0);
    return sent_by_two.returns;
}

static int job_sent_already(void *arg)
{
    hark_group mine;
    void *value = NULL;
    (void)arg;
    CHECK_EQ(hark_group_open(&mine), 0);
    CHECK_GT((hark_go_future)(&mine, &sent_by_two.future, comes_too_late, NULL), 0);
    CHECK_EQ(hark_future_wait(&sent_by_two.future, &value), 0);
    CHECK_STR(value, "by itself");
    CHECK_EQ(hark_future_reset(&sent_by_two.future), 0);
    return hark_group_close(&mine, 0);
}

INSIDE(edges_a_task_whose_future_was_sent_by_somebody_else_fails_its_group)
{
    static const struct {
        int returns, group;
    } cases[] = {{0, 0}, {7, 0}, {-EIO, -EIO}, {-ECANCELED, 0}};
    for (int i = 0; i < 4; i++) {
        sent_by_two.returns = cases[i].returns;
        CHECK_EQ(job_sent_already(NULL), cases[i].group);
    }
    CHECK_MISUSE(hark_go_future(&group, &sent_by_two.future, NULL, NULL), -EINVAL,
                 "the task's function is NULL");
}

TEST(edges_a_task_with_a_future_needs_a_loop)
{
    hark_group closed = {0};
    hark_future f = HARK_FUTURE_INIT;
    CHECK_MISUSE(hark_go_future(&closed, &f, nothing, NULL), -EXDEV, "hark_go");
}

/* ---- completions ----------------------------------------------------------------------------- */

static hark_completion completion;

static int takes_next(void *arg)
{
    (void)arg;
    const int index = hark_completion_next(&completion);
    kit_log("%s", index == -ENODATA ? "ENODATA" : index == 0 ? "0" : "?");
    return 0;
}

INSIDE(edges_who_waits_for_more_completions_than_there_are_is_told)
{
    hark_future f = HARK_FUTURE_INIT, *const all[1] = {&f};
    hark_watch nodes[1] = {HARK_WATCH_INIT};
    CHECK_EQ(hark_completion_init(&completion, all, nodes, 1), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_GT(hark_go(&group, takes_next, NULL), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_future_send(&f, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("0 ENODATA ENODATA");
}

/* ---- selects --------------------------------------------------------------------------------- */

TEST(edges_selecting_needs_a_loop_and_a_case)
{
    hark_case one = hark_on_time(0);
    CHECK_MISUSE(hark_try_select(&one, 1), -ENOTSUP, "hark_try_select");
    CHECK_EQ(hark_case_result(NULL), -EINVAL);
}

INSIDE(edges_a_task_does_not_select_its_own_end)
{
    hark_case one = hark_on_task(hark_self());
    CHECK_MISUSE(hark_select(&one, 1), -EDEADLK, "its own end");
}

INSIDE(edges_selecting_a_closed_descriptor_says_so)
{
    const int fd = eventfd(0, EFD_CLOEXEC);
    hark_case one = hark_on_fd(fd, POLLIN);
    close(fd);
    CHECK_EQ(hark_select(&one, 1), 0);
    CHECK_EQ(hark_case_result(&one), -EBADF);
}

static struct {
    int fds[2], index, result;
} selecting;

static int selects_it(void *events)
{
    hark_case one = hark_on_fd(selecting.fds[0], (short)(intptr_t)events);
    selecting.index = hark_select(&one, 1);
    selecting.result = hark_case_result(&one);
    return 0;
}

static void fill_pipe(void)
{
    char bytes[4096] = {0};
    CHECK_EQ(hark_socketpair(selecting.fds), 0);
    while (write(selecting.fds[0], bytes, sizeof(bytes)) > 0) {}
    selecting.index = -1;
}

static int close_both(void)
{
    return hark_close(selecting.fds[0]) | hark_close(selecting.fds[1]);
}

INSIDE_BY(TEST_ON_HUBS, RUN, edges_a_select_waits_until_it_may_write)
{
    char bytes[4096];
    fill_pipe();
    CHECK_GT(hark_go(&group, selects_it, (void *)POLLOUT), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(selecting.index, -1);
    while (read(selecting.fds[1], bytes, sizeof(bytes)) > 0) {}
    CHECK_EQ(hark_wait_fd(selecting.fds[0], POLLIN | POLLOUT) == -EBUSY, 1);
    while (selecting.index < 0) {
        CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    }
    CHECK_EQ(selecting.index, 0);
    CHECK_EQ(selecting.result, 0);
    CHECK_EQ(close_both(), 0);
}

INSIDE_BY(TEST_ON_HUBS, RUN, edges_a_select_on_a_descriptor_that_is_closed_ends)
{
    fill_pipe();
    CHECK_GT(hark_go(&group, selects_it, (void *)POLLOUT), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(close_both(), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(selecting.index, 0);
    CHECK_EQ(selecting.result, -EBADF);
}

static int refuse_to_arm(hark__hub *hub, int fd, int events, uint64_t token)
{
    (void)hub;
    (void)fd;
    (void)events;
    (void)token;
    return -ENOMEM;
}

/* It was told in vain, and cannot wait again. */
INSIDE_BY(TEST_ON_HUBS, RUN, edges_a_select_that_cannot_wait_again_ends_with_the_reason)
{
    hark__hub *hub = hark__here->hub;
    const struct hark__hub_class *real = hub->class;
    struct hark__hub_class refuses = *real;
    refuses.arm = refuse_to_arm;
    fill_pipe();
    CHECK_GT(hark_go(&group, selects_it, (void *)POLLOUT), 0);
    CHECK_EQ(hark_settle(), 0);
    struct hark__fd *entry = hark__fd_peek(hark__here, selecting.fds[0]);
    hub->class = &refuses;
    entry->armed = 0;
    hark__interest_report(hark__here, (uint64_t)entry->generation << 32 | (uint32_t)entry->fd,
                          POLLOUT);
    hub->class = real;
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(selecting.index, 0);
    CHECK_EQ(selecting.result, -ENOMEM);
    CHECK_EQ(close_both(), 0);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static hark_lock lock, second_lock, lock_of_another_loop;
static hark_cond cond;
static hark_scope brief;

static int fails_then_acquires(void *unused)
{
    (void)unused;
    hark_fail(-EIO, "old words");
    kit_log("%s", outcome(hark_lock_acquire(&lock)));
    CHECK_HAS(hark_error_last(), "held it and has ended without releasing it");
    return 0;
}

static int takes_and_ends(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    return hark_settle();
}

INSIDE(edges_who_is_told_of_a_holders_end_has_these_words_and_not_older_ones)
{
    CHECK_GT(hark_go(&group, takes_and_ends, NULL), 0);
    CHECK_GT(hark_go(&group, fails_then_acquires, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EOWNERDEAD");
}

static int holds_second_wants_first(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&second_lock), 0);
    CHECK_EQ(hark_lock_acquire(&lock), -ECANCELED);
    return hark_lock_release(&second_lock), -ECANCELED;
}

static int holds_first_wants_second(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_open(&brief, HARK_S(1)), 0);
    CHECK_EQ(hark_lock_acquire(&second_lock), -ECANCELED);
    return (int)hark_scope_close(&brief, (hark_lock_release(&lock), -ECANCELED));
}

static int wants_first(void *unused)
{
    (void)unused;
    kit_log("%s", outcome(hark_lock_acquire(&lock)));
    return -ECANCELED;
}

/* The deadline that was to break the ring is taken away: who comes then must not run round it. */
static int walks_into_a_ring(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, holds_first_wants_second, NULL), 0);
    CHECK_GT(hark_go(&group, holds_second_wants_first, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_lock_statistics(&lock).tasks_waiting, 1);
    CHECK_EQ(hark_lock_statistics(&second_lock).tasks_waiting, 1);
    CHECK_EQ(hark_scope_set_deadline(&brief, HARK_FOREVER), 0);
    CHECK_GT(hark_go(&group, wants_first, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_lock_statistics(&lock).tasks_waiting, 2);
    hark_group_cancel(&group);
    return hark_group_close(&group, 0);
}

TEST(edges_a_ring_whose_deadline_was_taken_away_does_not_catch_who_comes_later)
{
    CHECK_EQ(RUN_VIRTUAL(walks_into_a_ring, NULL), 0);
    CHECK_LOG("cancelled");
}

static int waits_and_finds_a_foreign_lock(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_cond_wait(&cond, &lock), -EXDEV);
    CHECK_HAS(hark_error_last(), "hark_cond_wait");
    return -ECANCELED;
}

/* Meanwhile the lock was initialised anew, and another loop has used it. */
static int cancels_who_waits(void *unused)
{
    hark_cond mine = HARK_COND_INIT;
    (void)unused;
    CHECK_MISUSE(hark_cond_wait(&mine, &lock_of_another_loop), -EXDEV, "hark_cond_wait");
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, waits_and_finds_a_foreign_lock, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    lock = lock_of_another_loop;
    hark_group_cancel(&group);
    return hark_group_close(&group, 0);
}

static void *cancels_beside(void *arg)
{
    CHECK_EQ(RUN_VIRTUAL(cancels_who_waits, NULL), 0);
    return arg;
}

static int owns_the_other(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&lock_of_another_loop), 0);
    CHECK_EQ(hark_lock_release(&lock_of_another_loop), 0);
    in_thread(cancels_beside, NULL);
    return 0;
}

TEST(edges_a_condition_does_not_touch_a_lock_of_another_loop)
{
    CHECK_EQ(RUN(owns_the_other, NULL), 0);
}

/* ---- queues ---------------------------------------------------------------------------------- */

INSIDE(edges_a_queue_grows_no_further_than_there_are_addresses)
{
    hark_queue vast;
    char item = 0; /* never read: there is no room for it */
    CHECK_EQ(hark_queue_init(&vast, PTRDIFF_MAX / 2, 0, HARK_FIFO, NULL), 0);
    CHECK_MISUSE(hark_queue_put(&vast, &item), -ENOMEM, "hark_queue_put");
    CHECK_EQ(hark_queue_free(&vast), 0);
}
