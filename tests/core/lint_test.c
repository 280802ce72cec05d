/* SPDX-License-Identifier: MIT
 *
 * lint_test.c - what hark says unasked: when it is true, once, and never else.
 *
 * Idea     Lints look at seconds of the real clock. Here the loop's sleeps are taken out: asking the
 *          kernel to wait puts the clock ahead instead, so that half a minute passes at once, and
 *          every sleep that the loop would have made happens.
 */
#include "../sync/scene.h"

#include "core/core.h"
#include <hark/lint.h>

#define DEEP __attribute__((noinline))

/* ---- a clock that goes when the loop sleeps ------------------------------------------------------ */

static int64_t ahead;
static int sleeps;

static int clock_ahead(clockid_t clock, struct timespec *time)
{
    const int rc = clock_gettime(clock, time);
    const int64_t now = time->tv_sec * INT64_C(1000000000) + time->tv_nsec + ahead;
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return rc;
}

static int sleep_ahead(int epoll, struct epoll_event *events, int max, const struct timespec *time,
                       const sigset_t *mask)
{
    CHECK(time && !mask); /* nothing here sleeps for ever */
    ahead += time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
    sleeps++;
    return epoll_wait(epoll, events, max, 0); /* the other one is not everywhere */
}

static const char *run_ahead(hark_fn *fn, void *arg)
{
    CHECK_EQ(setenv("HARK_HUB", "epoll", 1), 0);
    hark__sys.clock_gettime = clock_ahead;
    hark__sys.epoll_pwait2 = sleep_ahead;
    capture_begin();
    const int rc = hark_run(fn, arg);
    const char *said = capture_end();
    CHECK_EQ(rc, 0);
    return said;
}

/* The body runs in a group of main's; `said` is what stderr got. */
#define AHEAD(name) \
    static void inside_##name(void); \
    static void judge_##name(const char *said); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        CHECK_EQ(hark_group_open(&group), 0); \
        inside_##name(); \
        return hark_group_close(&group, 0); \
    } \
    TEST(name) \
    { \
        judge_##name(run_ahead(main_##name, NULL)); \
    } \
    static void inside_##name(void)
#define JUDGE(name) static void judge_##name(const char *said)
#define SILENT(name) \
    JUDGE(name) \
    { \
        CHECK_STR(said, ""); \
    }

static int count(const char *text, const char *word)
{
    int times = 0;
    for (; (text = strstr(text, word)); text++) {
        times++;
    }
    return times;
}

/* ---- who goes on though cancelled ---------------------------------------------------------------- */

static hark_lock lock;
static hark_cond cond;

/* Cancelled, it waits to have the lock again, which cannot be cut short. */
static int wait_for_lock(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    const int rc = hark_cond_wait(&cond, &lock);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return rc == -ECANCELED ? 0 : rc;
}

static hark_task stand_in_its_way(void)
{
    const hark_task task = hark_go(&group, wait_for_lock, NULL);
    CHECK_GT(task, 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    return task;
}

AHEAD(lint_late_tells_who_waits_for_what_and_who_cancelled_it)
{
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_sleep(HARK_MS(11500)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

JUDGE(lint_late_tells_who_waits_for_what_and_who_cancelled_it)
{
    CHECK_HAS(said, "\"wait_for_lock\", spawned at ");
    CHECK_HAS(
        said,
        ": was cancelled 11 s ago and has not ended; it waits for a lock, to go on after a condition, at 0x");
    CHECK_HAS(said, ", held by task 1 \"fn\" (11.");
    CHECK_HAS(said, "; it is cancelled by task 1 [lint: late]\n");
#if !defined(HARK__FORCE_UCONTEXT)
    CHECK_HAS(said, "\n  #0 ");
#endif
}

AHEAD(lint_late_is_not_told_in_the_first_ten_seconds)
{
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_sleep(HARK_MS(9900)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}
SILENT(lint_late_is_not_told_in_the_first_ten_seconds)

AHEAD(lint_late_is_told_once_a_task_and_then_nobody_looks_any_more)
{
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_sleep(HARK_S(20)), 0);
    CHECK_EQ(hark__here->look_at, HARK_FOREVER);
    sleeps = 0;
    CHECK_EQ(hark_sleep(HARK_S(100)), 0);
    CHECK_LE(sleeps, 10);
    /* Others are cancelled, and it is looked at again. */
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, 0), 0);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
    CHECK_EQ(hark_sleep(HARK_S(20)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

JUDGE(lint_late_is_told_once_a_task_and_then_nobody_looks_any_more)
{
    CHECK_EQ(count(said, "[lint: late]"), 1);
}

AHEAD(lint_late_says_by_which_deadline_or_failure)
{
    hark_scope scope;
    CHECK_GT(stand_in_its_way(), 0);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_group_cancel(&group), 0);
    CHECK_EQ(hark_sleep(HARK_S(30)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
}

JUDGE(lint_late_says_by_which_deadline_or_failure)
{
    CHECK_EQ(count(said, "[lint: late]"), 1); /* the one who cleans up in a shield is not late */
    CHECK_HAS(said, "is cancelled by task 1 [lint: late]");
    CHECK_EQ(count(said, "[lint: shield]"), 1);
}

AHEAD(lint_late_is_silent_when_switched_off)
{
    CHECK_EQ(hark_lint("late", false), 0);
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_sleep(HARK_S(30)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}
SILENT(lint_late_is_silent_when_switched_off)

static int late_in_virtual_time(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark__here->look_at, HARK_FOREVER);
    CHECK_EQ(hark_sleep(HARK_S(3600)), 0);
    ahead += HARK_S(3600);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return hark_group_close(&group, 0);
}

TEST(lint_late_is_silent_in_virtual_time)
{
    hark__sys.clock_gettime = clock_ahead;
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(late_in_virtual_time, NULL), 0);
    CHECK_STR(capture_end(), "");
}

/* The process was stopped: nobody could do anything meanwhile. */
AHEAD(lint_late_is_not_told_because_time_has_passed_without_the_loop)
{
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_sleep(HARK_S(5)), 0);
    ahead += HARK_S(600);
    CHECK_EQ(hark_sleep(HARK_MS(2500)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}
SILENT(lint_late_is_not_told_because_time_has_passed_without_the_loop)

static int live_for_a_while(void *arg)
{
    hark_scope scope;
    (void)arg;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    const int rc = hark_sleep(HARK_S(2));
    return (int)hark_scope_close(&scope, rc);
}

/* One after the other, each for two seconds, in a group that was cancelled a minute ago. */
AHEAD(lint_new_tasks_of_an_old_cancellation_are_not_late)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_lint("shield", false), 0); /* this very one */
    CHECK_EQ(hark_group_cancel(&group), 0);
    for (int i = 0; i < 30; i++) {
        const hark_task task = hark_go(&group, live_for_a_while, NULL);
        CHECK_EQ(hark_task_wait(task), 0);
    }
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
}
SILENT(lint_new_tasks_of_an_old_cancellation_are_not_late)

/* Whenever somebody looks it stands in a cancelled scope, each time in another. */
static int is_often_too_late(void *arg)
{
    hark_scope scope;
    (void)arg;
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(hark_lock_acquire(&lock), 0);
        CHECK_EQ(hark_scope_open(&scope, HARK_MS(1)), 0);
        const int rc = hark_cond_wait(&cond, &lock);
        CHECK_EQ(rc, -ECANCELED);
        CHECK_EQ(hark_scope_close(&scope, rc), -ETIMEDOUT);
        CHECK_EQ(hark_lock_release(&lock), 0);
    }
    return 0;
}

AHEAD(lint_many_short_cancellations_are_not_a_long_one)
{
    const hark_task task = hark_go(&group, is_often_too_late, NULL);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(hark_lock_acquire(&lock), 0);
        CHECK_EQ(hark_sleep(HARK_MS(1500)), 0);
        CHECK_EQ(hark_lock_release(&lock), 0);
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(task), -ESRCH);
}
SILENT(lint_many_short_cancellations_are_not_a_long_one)

static int go_on_for_a_while(void *seconds)
{
    for (intptr_t i = 0; i < 10000 * (intptr_t)seconds; i++) {
        ahead += HARK_US(100);
        hark_yield();
    }
    return 0;
}

/* Twice eight seconds, and in between it cleans up. */
static int is_late_with_pauses(void *seconds)
{
    hark_scope scope;
    go_on_for_a_while(seconds);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_sleep(HARK_S(3)), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    return go_on_for_a_while(seconds);
}

AHEAD(lint_late_begins_anew_after_a_shield)
{
    CHECK_EQ(hark_lint("ignored", false), 0);
    CHECK_EQ(hark_task_cancel(hark_go(&group, is_late_with_pauses, (void *)8)), 0);
}
SILENT(lint_late_begins_anew_after_a_shield)

AHEAD(lint_late_is_told_in_a_loop_that_never_rests)
{
    CHECK_EQ(hark_lint("ignored", false), 0);
    CHECK_EQ(hark_task_cancel(hark_go(&group, go_on_for_a_while, (void *)20)), 0);
}

JUDGE(lint_late_is_told_in_a_loop_that_never_rests)
{
    CHECK_EQ(count(said, "and has not ended; it is ready; it is cancelled by task 1 [lint: late]"),
             1);
}

static int wait_inside(void *arg)
{
    hark_group inner;
    (void)arg;
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_GT(hark_go(&inner, wait_for_lock, NULL), 0);
    return hark_group_close(&inner, 0);
}

AHEAD(lint_who_waits_for_its_own_tasks_is_not_late)
{
    const hark_task task = hark_go(&group, wait_inside, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_sleep(HARK_S(30)), 0);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

JUDGE(lint_who_waits_for_its_own_tasks_is_not_late)
{
    CHECK_EQ(count(said, "[lint: late]"), 1);
    CHECK_HAS(said, "\"wait_for_lock\"");
}

static int leave_it_waiting(void *arg)
{
    hark_event never = HARK_EVENT_INIT;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_task_cancel(stand_in_its_way()), 0);
    CHECK_EQ(hark_event_wait(&never), -ECANCELED);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return hark_group_close(&group, -ECANCELED);
}

TEST(lint_a_deadlock_is_told_at_once_though_somebody_is_cancelled)
{
    capture_begin();
    CHECK_EQ(hark_run(leave_it_waiting, NULL), -EDEADLK);
    CHECK_HAS(capture_end(), "hark: deadlock");
}

/* ---- shields ------------------------------------------------------------------------------------- */

static int clean_up(void *arg)
{
    const bool again = arg;
    hark_scope scope;
    for (int i = 0; i < (again ? 20 : 1); i++) {
        CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
        CHECK_EQ(hark_scope_shield(&scope, true), 0);
        CHECK_EQ(hark_sleep(again ? HARK_S(2) : HARK_S(40)), 0);
        CHECK_EQ(hark_scope_close(&scope, 0), 0);
    }
    return 0;
}

AHEAD(lint_shield_tells_how_long_a_cancellation_waits_outside)
{
    const hark_task task = hark_go(&group, clean_up, NULL);
    CHECK_EQ(hark_sleep(HARK_S(20)), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
}

JUDGE(lint_shield_tells_how_long_a_cancellation_waits_outside)
{
    CHECK_HAS(said, "\"clean_up\"");
    CHECK_HAS(
        said,
        ": has been in a shielded scope for at least 10 s while a cancellation waits outside, for 11 s now; it waits for ");
    CHECK_EQ(count(said, "[lint: shield]"), 1);
    CHECK_EQ(count(said, "[lint: "), 1);
}

AHEAD(lint_shield_is_not_told_of_many_short_ones_at_one_place)
{
    CHECK_EQ(hark_task_cancel(hark_go(&group, clean_up, &group)), 0);
}
SILENT(lint_shield_is_not_told_of_many_short_ones_at_one_place)

AHEAD(lint_shield_begins_anew_when_it_was_lifted)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_group_cancel(&group), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_sleep(HARK_S(8)), 0);
        CHECK_EQ(hark_scope_shield(&scope, false), 0);
        CHECK_EQ(hark_yield(), -ECANCELED);
        CHECK_EQ(hark_scope_shield(&scope, true), 0);
    }
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
}
SILENT(lint_shield_begins_anew_when_it_was_lifted)

AHEAD(lint_shield_is_silent_when_nothing_waits_outside)
{
    hark_scope scope;
    CHECK_GT(hark_go(&group, clean_up, NULL), 0);
    CHECK_EQ(hark_scope_open(&scope, 0), 0); /* somebody else's */
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
}
SILENT(lint_shield_is_silent_when_nothing_waits_outside)

AHEAD(lint_shield_is_silent_when_switched_off)
{
    CHECK_EQ(hark_lint("shield", false), 0);
    CHECK_EQ(hark_task_cancel(hark_go(&group, clean_up, NULL)), 0);
}
SILENT(lint_shield_is_silent_when_switched_off)

/* ---- ignored, future ----------------------------------------------------------------------------- */

static int ignores(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        hark_yield();
    }
    return 0;
}

static int main_ignores(void *arg)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, 0), 0);
    ignores(arg);
    return hark_scope_close(&scope, 0) < 0;
}

TEST(lint_ignored_can_be_switched)
{
    capture_begin();
    CHECK_EQ(hark_run(ignores, NULL), 0);
    CHECK_STR(capture_end(), ""); /* not cancelled */
    for (int on = 0; on < 2; on++) {
        CHECK_EQ(hark_lint("ignored", on), 0);
        capture_begin();
        CHECK_EQ(hark_run(main_ignores, NULL), 0);
        CHECK_EQ(count(capture_end(), "[lint: ignored]"), on);
    }
}

static int fails_a_future(void *arg)
{
    hark_future future = HARK_FUTURE_INIT;
    (void)arg;
    CHECK_EQ(hark_future_fail(&future, -EIO, "no paper"), 0);
    CHECK_EQ(hark_future_reset(&future), 0);
    return 0;
}

TEST(lint_future_can_be_switched)
{
    for (int on = 0; on < 2; on++) {
        CHECK_EQ(hark_lint("future", on), 0);
        capture_begin();
        CHECK_EQ(hark_run(fails_a_future, NULL), 0);
        CHECK_EQ(count(capture_end(), "[lint: future]"), on);
    }
}

/* ---- stacks -------------------------------------------------------------------------------------- */

DEEP static int use(size_t bytes)
{
    volatile char frame[1024];
    frame[0] = (char)bytes;
    frame[sizeof(frame) - 1] = 1;
    const int below = bytes > sizeof(frame) ? use(bytes - sizeof(frame)) : 0;
    __asm__ volatile("" : : "r"(frame) : "memory"); /* or clang makes a loop of it, in one frame */
    return below + frame[0] - frame[0];
}

static int use_some(void *kibibytes)
{
    return use((size_t)kibibytes * 1024);
}

/* More than four fifths of 64 KiB; under sanitizers frames are larger than they look. */
static intptr_t much(void)
{
    return kit_slow() > 1 ? 20 : 52;
}

/* One after the other, all on one stack. */
static void run_using(intptr_t kibibytes)
{
    CHECK_EQ(hark_task_wait(hark_go(&group, use_some, (void *)kibibytes)), 0);
}

AHEAD(lint_stack_tells_who_comes_near_its_end_once_a_spawn_site)
{
    CHECK_EQ(hark_lint("stack", true), 0);
    run_using(20);
    run_using(much());
    run_using(much());
}

JUDGE(lint_stack_tells_who_comes_near_its_end_once_a_spawn_site)
{
    if (kit_slow() > 1) {
        SKIP("frames are larger than they look");
    }
    CHECK_EQ(count(said, "[lint: stack]"), 1);
    CHECK_HAS(said, "\"use_some\", spawned at ");
    CHECK_HAS(said, ": has used at least ");
    CHECK_HAS(said, " KiB of its stack of 64 KiB; give it more: hark_group_stack(&group, 131072) ");
}

AHEAD(lint_stack_is_never_wrong_for_a_stack_that_was_used_before)
{
    run_using(much());
    CHECK_EQ(hark_lint("stack", true), 0);
    run_using(1);
    run_using(20);
}
SILENT(lint_stack_is_never_wrong_for_a_stack_that_was_used_before)

static int switch_it_off(void *arg)
{
    CHECK_EQ(hark_lint("stack", false), 0);
    return use_some(arg);
}

AHEAD(lint_stack_is_silent_when_switched_off)
{
    run_using(much());
    CHECK_EQ(hark_lint("stack", true), 0);
    CHECK_EQ(hark_task_wait(hark_go(&group, switch_it_off, (void *)much())), 0);
    run_using(much());
}
SILENT(lint_stack_is_silent_when_switched_off)

/* Each class by itself: marks never touch a guard, nor a stack's head. */
AHEAD(lint_stack_marks_fit_into_every_class)
{
    CHECK_EQ(hark_lint("stack", true), 0);
    for (size_t size = HARK__STACK_LEAST; size <= HARK__STACK_MOST; size *= 2) {
        CHECK_EQ(hark_group_stack(&group, size), 0);
        run_using(1);
    }
}
SILENT(lint_stack_marks_fit_into_every_class)

/* Unskipped: what the marks say of the depth is right to a word. */
TEST(lint_stack_depth_is_where_it_was_written)
{
    hark__stacks *stacks;
    CHECK_EQ(hark__stacks_open(&stacks), 0);
    for (uint32_t class = 0; class < HARK__STACK_CLASSES; class ++) {
        CHECK_EQ(hark__stacks_reserve(stacks, class), 0);
        hark__stack *stack = hark__stacks_take(stacks, class, &group);
        const size_t room = (size_t)(stack->top - stack->low);
        hark__stack_mark(stack);
        if (!stack->marked) {
            SKIP("a tool does not like it");
        }
        CHECK_EQ(hark__stack_depth(stack), 0);
        CHECK(!stack->marked);
        hark__stack_mark(stack);
        char *place = stack->low + room / 5 - 64;
        *place = (char)~*place;
        CHECK_GT(hark__stack_depth(stack), room / 5 * 4);
        CHECK_LE(hark__stack_depth(stack), (size_t)(stack->top - place) + 8);
        hark__stack_mark(stack);
        *(place + 128) = (char)~*(place + 128);
        CHECK_EQ(hark__stack_depth(stack), 0);
        hark__stacks_give(stacks, stack);
    }
    hark__stacks_close(stacks);
}

/* ---- descriptors --------------------------------------------------------------------------------- */

static int pair[2];

static int waits_for_reading(void *rc)
{
    CHECK_EQ(hark_wait_fd(pair[0], POLLIN), (intptr_t)rc);
    return 0;
}

static void wait_beside(intptr_t rc)
{
    CHECK_EQ(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_GT(hark_go(&group, waits_for_reading, (void *)rc), 0);
    CHECK_EQ(hark_settle(), 0);
}

static int close_behind_its_back(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    wait_beside(-EBADF);
    CHECK_EQ(close(pair[0]), 0);
    const int rc = hark_group_close(&group, 0);
    CHECK_EQ(close(pair[1]), 0);
    return rc;
}

TEST_ON_HUBS(lint_descriptor_tells_who_waits_for_a_closed_one)
{
    char words[100];
    capture_begin();
    CHECK_EQ(hark_run(close_behind_its_back, NULL), 0);
    const char *said = capture_end();
    snprintf(words, sizeof(words), ": waits for descriptor %d to be readable, which was closed ",
             pair[0]);
    CHECK_HAS(said, "\"waits_for_reading\"");
    CHECK_HAS(said, words);
    CHECK_EQ(count(said, "[lint: descriptor]"), 1);
}

TEST_ON_HUBS(lint_descriptor_is_silent_when_switched_off)
{
    CHECK_EQ(hark_lint("descriptor", false), 0);
    capture_begin();
    CHECK_EQ(hark_run(close_behind_its_back, NULL), 0);
    CHECK_STR(capture_end(), "");
}

AHEAD(lint_descriptor_tells_that_its_number_is_another_files)
{
    int other[2];
    wait_beside(POLLIN);
    CHECK_EQ(pipe2(other, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(dup3(other[0], pair[0], O_CLOEXEC), pair[0]);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    CHECK_EQ(write(other[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_S(1)), 0);
    close(other[0]);
    close(other[1]);
    close(pair[1]);
    CHECK_EQ(hark_close(pair[0]), 0);
}

JUDGE(lint_descriptor_tells_that_its_number_is_another_files)
{
    CHECK_HAS(said, "which was closed behind hark's back, and its number is another file's now;");
    CHECK_EQ(count(said, "[lint: descriptor]"), 1);
}

AHEAD(lint_descriptor_is_silent_where_all_is_well)
{
    for (int i = 0; i < 3; i++) {
        wait_beside(i == 2 ? POLLIN : -EBADF);
        CHECK_EQ(hark_sleep(HARK_S(5)), 0); /* looked at again and again */
        CHECK_EQ(write(pair[1], "x", i == 2), i == 2);
        CHECK_EQ(i == 0 ? hark_close(pair[0]) : i == 1 ? hark_forget(pair[0]) : hark_settle(), 0);
        CHECK_EQ(hark_sleep(HARK_S(1)), 0);
        if (i == 1) {
            CHECK_EQ(close(pair[0]), 0);
        } else if (i == 2) {
            CHECK_EQ(hark_close(pair[0]), 0);
        }
        CHECK_EQ(close(pair[1]), 0);
    }
}
SILENT(lint_descriptor_is_silent_where_all_is_well)

/* ---- names --------------------------------------------------------------------------------------- */

static const char *const names[] = {"ignored", "late", "shield", "stack", "future", "descriptor"};

TEST(lint_names_switch_and_others_are_refused)
{
    for (unsigned i = 0; i < LINTS; i++) {
        CHECK_EQ(hark__lint_on(i), i != LINT_STACK);
        CHECK_EQ(hark_lint(names[i], i == LINT_STACK), 0);
        CHECK_EQ(hark__lint_on(i), i == LINT_STACK);
    }
    CHECK_MISUSE(hark_lint("later", true), -EINVAL,
                 "\"later\"; there are ignored, late, shield, stack, future and descriptor");
    CHECK_MISUSE(hark_lint("", true), -EINVAL, "hark_lint");
    CHECK_MISUSE(hark_lint("-late", true), -EINVAL, "hark_lint");
    CHECK_MISUSE(hark_lint(NULL, true), -EINVAL, "hark_lint");
    CHECK_EQ(hark__lint_on(LINT_STACK), true);
    CHECK_EQ(hark__lint_on(LINT_LATE), false);
}

TEST(lint_environment_is_read_once_and_names_what_it_does_not_know)
{
    CHECK_EQ(setenv("HARK_LINT", "  -late, stack ,nonsense,,-shield -", 1), 0);
    capture_begin();
    CHECK_EQ(hark_run(nothing, NULL), 0);
    CHECK_EQ(hark_run(nothing, NULL), 0);
    const char *said = capture_end();
    CHECK_EQ(
        count(said, "hark: HARK_LINT: there is no lint \"nonsense\"; there are ignored, late, "), 1);
    CHECK_EQ(count(said, "hark: HARK_LINT: there is no lint \"\";"), 1);
    CHECK_EQ(count(said, "\n"), 2);
    CHECK_EQ(hark__lint_on(LINT_LATE), false);
    CHECK_EQ(hark__lint_on(LINT_SHIELD), false);
    CHECK_EQ(hark__lint_on(LINT_STACK), true);
    CHECK_EQ(hark__lint_on(LINT_FUTURE), true);
}

TEST(lint_the_program_has_the_last_word)
{
    CHECK_EQ(setenv("HARK_LINT", "-late", 1), 0);
    CHECK_EQ(hark_lint("late", true), 0);
    CHECK_EQ(hark_run(nothing, NULL), 0);
    CHECK_EQ(hark__lint_on(LINT_LATE), true);
}
