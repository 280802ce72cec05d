/* SPDX-License-Identifier: MIT
 *
 * select_test.c - hark_select: wait for the first of many.
 *
 * Every kind of case alone and together; exactly one case has an effect and the others leave no
 * trace; it is fair; it is a checkpoint like any other.
 */
#include "../sync/scene.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include "core/core.h"

static hark_event event, other_event, third_event;
static hark_flag flag;
static hark_future future;

static int waiting(void)
{
    return hark_event_statistics(&event).tasks_waiting +
           hark_event_statistics(&other_event).tasks_waiting +
           hark_event_statistics(&third_event).tasks_waiting +
           hark_flag_statistics(&flag).tasks_waiting;
}

/* A task that selects over all that there is and says which it was. */
static hark_task watched;

static int wait_for_ever(void *arg)
{
    (void)arg;
    hark_event never = HARK_EVENT_INIT;
    return hark_event_wait(&never);
}

static int select_all(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_event(&event), hark_on_flag(&flag), hark_on_future(&future),
                         hark_on_task(watched), hark_on_time(hark_now() + HARK_S(1))};
    static const char *const names[] = {"event", "flag", "future", "task", "time"};
    const int i = hark_select(cases, 5);
    kit_log("%s", i < 0 ? outcome(i) : names[i]);
    return i < 0 ? i : 0;
}

static void open_all(void)
{
    watched = hark_go(&group, wait_for_ever, NULL);
    hark_go(&group, select_all, NULL);
    hark_settle();
}

static void close_all(const char *log)
{
    hark_settle();
    CHECK_LOG(log);
    CHECK_EQ(waiting(), 0);
    hark_task_cancel(watched);
}

/* ---- each kind ------------------------------------------------------------------------------- */

INSIDE(select_takes_the_event_that_is_set)
{
    open_all();
    hark_event_set(&event);
    close_all("event");
}

INSIDE(select_takes_the_flag_that_is_set_and_cleared_again)
{
    open_all();
    hark_flag_set(&flag), hark_flag_clear(&flag);
    close_all("flag");
}

INSIDE(select_takes_the_future_that_is_sent)
{
    open_all();
    hark_future_send(&future, NULL);
    close_all("future");
}

INSIDE(select_takes_the_task_that_ends)
{
    open_all();
    hark_task_cancel(watched);
    close_all("task");
}

INSIDE(select_takes_the_instant_that_comes)
{
    const int64_t start = hark_now();
    open_all();
    hark_sleep(HARK_MS(999));
    CHECK_LOG("");
    hark_sleep(HARK_MS(1));
    close_all("time");
    CHECK_EQ(hark_now() - start, HARK_S(1));
}

INSIDE(select_takes_a_task_that_is_gone_already_at_once)
{
    const hark_task t = hark_go(&group, nothing, NULL);
    hark_settle();
    hark_case cases[] = {hark_on_event(&event), hark_on_task(t)};
    CHECK_EQ(hark_select(cases, 2), 1);
    CHECK_EQ(hark_case_result(&cases[1]), 0);
}

INSIDE(select_takes_an_instant_that_is_past_at_once)
{
    hark_case cases[] = {hark_on_event(&event), hark_on_time(hark_now() - 1),
                         hark_on_time(INT64_MIN)};
    const int64_t start = hark_now();
    CHECK_GE(hark_select(cases, 3), 1);
    CHECK_EQ(hark_now(), start);
}

INSIDE(select_takes_the_nearer_of_two_instants_and_never_the_farthest)
{
    hark_case cases[] = {hark_on_time(HARK_FOREVER), hark_on_time(hark_now() + HARK_MS(20)),
                         hark_on_time(hark_now() + HARK_MS(10))};
    const int64_t start = hark_now();
    CHECK_EQ(hark_select(cases, 3), 2);
    CHECK_EQ(hark_now() - start, HARK_MS(10));
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int ends[2];

static void pipe_open(void)
{
    CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static void pipe_close(void)
{
    hark_close(ends[0]);
    hark_close(ends[1]);
}

static int select_fd_or_event(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_event(&event), hark_on_fd(ends[0], POLLIN)};
    const int i = hark_select(cases, 2);
    kit_log("%d:%d", i, i == 1 ? hark_case_result(&cases[1]) : 0);
    return 0;
}

INSIDE_ON_HUBS(select_takes_the_descriptor_that_gets_readable)
{
    pipe_open();
    const hark_task t = hark_go(&group, select_fd_or_event, NULL);
    hark_settle();
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_task_wait(t), 0);
    CHECK_LOG("1:0");
    CHECK_EQ(waiting(), 0);
    pipe_close();
}

INSIDE_ON_HUBS(select_that_took_something_else_leaves_the_descriptor_free)
{
    pipe_open();
    hark_go(&group, select_fd_or_event, NULL);
    hark_settle();
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLIN), -EBUSY, "hark_wait_fd");
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("0:0");
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN) & POLLIN, POLLIN);
    pipe_close();
}

INSIDE_ON_HUBS(select_finds_a_descriptor_that_is_ready_and_consumes_nothing)
{
    char byte = 0;
    pipe_open();
    CHECK_EQ(write(ends[1], "x", 1), 1);
    hark_case cases[] = {hark_on_fd(ends[0], POLLIN), hark_on_event(&event)};
    CHECK_EQ(hark_select(cases, 2), 0);
    CHECK_EQ(hark_try_select(cases, 2), 0);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_SILENT(hark_try_select(cases, 2), -EAGAIN);
    pipe_close();
}

static int wait_readable(void *arg)
{
    (void)arg;
    const int rc = hark_wait_fd(ends[0], POLLIN);
    return rc < 0 ? rc : 0;
}

INSIDE_ON_HUBS(select_over_a_descriptor_that_another_task_waits_for_is_busy)
{
    pipe_open();
    const hark_task t = hark_go(&group, wait_readable, NULL);
    hark_settle();
    hark_case cases[] = {hark_on_event(&event), hark_on_fd(ends[0], POLLIN)};
    CHECK_MISUSE(hark_select(cases, 2), -EBUSY, "hark_select");
    CHECK_EQ(waiting(), 0);
    hark_task_cancel(t);
    hark_task_wait(t);
    pipe_close();
}

static int other_ends[2];

static int select_fd_or_flag(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_fd(ends[0], POLLIN), hark_on_flag(&flag)};
    const int i = hark_select(cases, 2);
    kit_log("%s", i == 0 ? "fd" : i == 1 ? "flag" : outcome(i));
    return i < 0 ? i : 0;
}

/* Takes the byte that the other one was woken for, and pulses the flag that it also waits for. */
static int steal_and_pulse(void *arg)
{
    char byte;
    (void)arg;
    CHECK_EQ(hark_wait_fd(other_ends[0], POLLIN) & POLLIN, POLLIN);
    const bool stolen = read(ends[0], &byte, 1) == 1;
    hark_flag_set(&flag), hark_flag_clear(&flag);
    kit_log("%s", stolen ? "stolen" : "late");
    return 0;
}

INSIDE_ON_HUBS(select_loses_no_pulse_to_a_descriptor_that_somebody_else_used_up)
{
    CHECK_EQ(pipe2(other_ends, O_NONBLOCK | O_CLOEXEC), 0);
    pipe_open();
    hark_go(&group, steal_and_pulse, NULL);
    const hark_task t = hark_go(&group, select_fd_or_flag, NULL);
    hark_settle();
    CHECK_EQ(write(other_ends[1], "x", 1), 1); /* the thief is reported first */
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_within(HARK_S(1), hark_task_wait(t)), 0);
    pipe_close();
    hark_close(other_ends[0]), hark_close(other_ends[1]);
}

INSIDE(select_misuse_of_a_descriptor_has_a_code_and_words)
{
    pipe_open();
    hark_case bad_fd = hark_on_fd(-1, POLLIN);
    hark_case no_events = hark_on_fd(ends[0], 0);
    hark_case odd_events = hark_on_fd(ends[0], POLLPRI);
    hark_fail(-EIO, "old words");
    const int rc = hark_select(&bad_fd, 1);
    CHECK(rc == -EINVAL || rc == -EBADF);
    CHECK_HAS(hark_error_last(), "hark_select");
    CHECK_MISUSE(hark_select(&no_events, 1), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_select(&odd_events, 1), -EINVAL, "hark_select");
    pipe_close();
}

/* ---- exactly one, and no trace --------------------------------------------------------------- */

static int select_three(void *name)
{
    hark_case cases[] = {hark_on_event(&event), hark_on_event(&other_event),
                         hark_on_event(&third_event)};
    const int i = hark_select(cases, 3);
    kit_log("%s%d", (const char *)name, i);
    return i < 0 ? i : 0;
}

INSIDE(select_is_woken_once_by_the_first_of_two_sets_in_one_turn)
{
    hark_go(&group, select_three, "a");
    hark_settle();
    hark_event_set(&third_event);
    CHECK_EQ(waiting(), 0);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a2");
}

INSIDE(select_leaves_no_trace_in_what_did_not_happen)
{
    hark_go(&group, select_three, "a");
    hark_settle();
    CHECK_EQ(waiting(), 3);
    hark_event_set(&other_event);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("a1");
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_event_set(&third_event), 0);
}

INSIDE(select_with_a_ready_case_leaves_no_trace_in_the_others)
{
    hark_event_set(&third_event);
    hark_case cases[] = {hark_on_event(&event), hark_on_event(&other_event),
                         hark_on_event(&third_event), hark_on_time(hark_now() + HARK_MS(1))};
    CHECK_EQ(hark_select(cases, 4), 2);
    CHECK_EQ(waiting(), 0);
}

INSIDE(select_over_the_same_event_twice_happens_once)
{
    hark_case cases[] = {hark_on_event(&event), hark_on_event(&event)};
    CHECK_EQ(hark_within(HARK_MS(1), hark_select(cases, 2)), -ETIMEDOUT);
    CHECK_EQ(waiting(), 0);
    hark_event_set(&event);
    const int i = hark_select(cases, 2);
    CHECK(i == 0 || i == 1);
}

static int select_the_same_twice(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_flag(&flag), hark_on_flag(&flag)};
    const int i = hark_select(cases, 2);
    kit_log(i == 0 || i == 1 ? "once" : "wrong");
    return 0;
}

INSIDE(select_woken_over_the_same_flag_twice_goes_on_once)
{
    hark_go(&group, select_the_same_twice, NULL);
    hark_settle();
    hark_flag_set(&flag);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("once");
}

static int wait_plainly(void *name)
{
    const int rc = hark_event_wait(&event);
    kit_log("%s", (const char *)name);
    return rc;
}

INSIDE(select_stands_in_line_with_plain_waiters)
{
    hark_go(&group, wait_plainly, "first");
    hark_go(&group, select_three, "second");
    hark_go(&group, wait_plainly, "third");
    hark_settle();
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("first second0 third");
}

INSIDE(select_EV_41_BG_31_an_instant_that_lost_does_not_end_a_later_sleep)
{
    hark_case cases[] = {hark_on_time(hark_now() + HARK_MS(5)), hark_on_event(&event)};
    hark_event_set(&event);
    CHECK_EQ(hark_select(cases, 2), 1);
    const int64_t start = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    CHECK_EQ(hark_now() - start, HARK_MS(20));
}

INSIDE(select_BG_37_three_set_while_busy_are_three_results)
{
    hark_event *left[3] = {&event, &other_event, &third_event};
    for (int i = 0; i < 3; i++) {
        hark_event_set(left[i]);
    }
    for (int n = 3; n > 0; n--) {
        hark_case cases[3];
        for (int i = 0; i < n; i++) {
            cases[i] = hark_on_event(left[i]);
        }
        const int taken = hark_select(cases, n);
        CHECK(taken >= 0 && taken < n);
        left[taken] = left[n - 1];
    }
}

INSIDE(select_BG_77_many_over_a_short_and_an_immortal_one_pile_nothing_up)
{
    for (int i = 0; i < 20000; i++) {
        hark_case cases[] = {hark_on_event(&event), hark_on_time(hark_now() + (i % 2))};
        CHECK_EQ(hark_select(cases, 2), 1);
    }
    CHECK_EQ(waiting(), 0);
}

/* ---- fairness and reuse ---------------------------------------------------------------------- */

INSIDE(select_takes_each_of_three_ready_cases_within_a_few_calls)
{
    int seen[3] = {0}, last[3] = {0};
    hark_case cases[] = {hark_on_event(&event), hark_on_event(&other_event),
                         hark_on_event(&third_event)};
    hark_event_set(&event), hark_event_set(&other_event), hark_event_set(&third_event);
    for (int call = 1; call <= 300; call++) {
        const int i = hark_select(cases, 3);
        seen[i]++;
        last[i] = call;
        for (int k = 0; k < 3; k++) {
            CHECK_LE(call - last[k], 32);
        }
    }
    for (int k = 0; k < 3; k++) {
        CHECK_GE(seen[k], 60);
    }
}

INSIDE(select_uses_the_same_array_again_and_again)
{
    hark_flag flags[3] = {HARK_FLAG_INIT, HARK_FLAG_INIT, HARK_FLAG_INIT};
    hark_case cases[3] = {hark_on_flag(flags), hark_on_flag(flags + 1), hark_on_flag(flags + 2)};
    for (int i = 0; i < 300; i++) {
        hark_flag_set(&flags[i % 3]);
        CHECK_EQ(hark_select(cases, 3), i % 3);
        hark_flag_clear(&flags[i % 3]);
        CHECK_SILENT(hark_try_select(cases, 3), -EAGAIN);
    }
}

INSIDE(select_that_finds_its_cases_always_ready_lets_others_run)
{
    hark_event_set(&event);
    hark_case on = hark_on_event(&event);
    const hark_task t = hark_go(&group, nothing, NULL);
    hark_case ended = hark_on_task(t);
    int calls = 0;
    while (hark_try_select(&ended, 1) == -EAGAIN && calls++ < 100000) {
        CHECK_EQ(hark_select(&on, 1), 0);
    }
    CHECK_LT(calls, 100000);
}

INSIDE(select_try_says_EAGAIN_without_words_and_leaves_no_trace)
{
    hark_case cases[] = {hark_on_event(&event), hark_on_flag(&flag), hark_on_future(&future),
                         hark_on_task(hark_self()), hark_on_time(hark_now() + 1)};
    CHECK_SILENT(hark_try_select(cases, 3), -EAGAIN);
    CHECK_SILENT(hark_try_select(&cases[4], 1), -EAGAIN);
    CHECK_EQ(waiting(), 0);
    hark_flag_set(&flag);
    CHECK_EQ(hark_try_select(cases, 3), 1);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

INSIDE(select_cancelled_takes_nothing_and_leaves_no_trace)
{
    const hark_task t = hark_go(&group, select_three, "a");
    hark_settle();
    hark_task_cancel(t);
    CHECK_EQ(waiting(), 0);
    hark_event_set(&event);
    hark_settle();
    CHECK_LOG("a-125");
}

INSIDE(select_woken_then_cancelled_in_one_turn_keeps_its_case)
{
    const hark_task t = hark_go(&group, select_three, "a");
    hark_settle();
    hark_event_set(&other_event);
    hark_task_cancel(t);
    hark_settle();
    CHECK_LOG("a1");
}

INSIDE(select_in_a_cancelled_scope_takes_not_even_a_ready_case)
{
    hark_scope scope;
    hark_case on = hark_on_event(&event);
    hark_event_set(&event);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_select(&on, 1), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_select(&on, 1), 0);
}

INSIDE(select_times_out_by_the_scope_around_it)
{
    const int64_t start = hark_now();
    hark_case cases[] = {hark_on_event(&event), hark_on_flag(&flag)};
    CHECK_EQ(hark_within(HARK_MS(4), hark_select(cases, 2)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - start, HARK_MS(4));
    CHECK_EQ(waiting(), 0);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

INSIDE(select_misuse_has_a_code_and_words_and_touches_nothing)
{
    hark_case one = hark_on_event(&event);
    hark_case unmade[2] = {hark_on_event(&other_event)};
    hark_case hollow[2] = {hark_on_event(&other_event), hark_on_flag(NULL)};
    memset(&unmade[1], 0, sizeof(unmade[1]));
    CHECK_MISUSE(hark_select(&one, 0), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_select(&one, -1), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_select(NULL, 1), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_select(unmade, 2), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_select(hollow, 2), -EINVAL, "hark_select");
    CHECK_MISUSE(hark_try_select(&one, 0), -EINVAL, "select");
    CHECK_MISUSE(hark_try_select(hollow, 2), -EINVAL, "select");
    CHECK_EQ(waiting(), 0);
}

TEST(select_misuse_outside_any_task_is_refused)
{
    hark_case on = hark_on_event(&event);
    CHECK_MISUSE(hark_select(&on, 1), -ENOTSUP, "hark_select");
    CHECK_EQ(waiting(), 0);
}

static int select_from_a_loop(void *arg)
{
    (void)arg;
    hark_event mine = HARK_EVENT_INIT;
    hark_case cases[] = {hark_on_event(&mine), hark_on_event(&event)};
    CHECK_MISUSE(hark_select(cases, 2), -EXDEV, "hark_select");
    CHECK_EQ(hark_event_statistics(&mine).tasks_waiting, 0);
    return 0;
}

static void *select_from_another_loop(void *arg)
{
    CHECK_EQ(RUN_VIRTUAL(select_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(select_XX_40_another_loops_event_is_refused)
{
    hark_go(&group, select_three, "a");
    hark_settle();
    in_thread(select_from_another_loop, NULL);
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, 1);
    hark_event_set(&event);
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;
static hark_task selectors[3];

static int selector(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_event(&event), hark_on_flag(&flag), hark_on_future(&future)};
    for (int i = 0; i < 6; i++) {
        const int64_t rc = hark_within(HARK_MS(draw(&state) % 3), hark_select(cases, 3));
        CHECK((rc >= 0 && rc < 3) || rc == -ETIMEDOUT || rc == -ECANCELED);
        CHECK(rc != 0 || hark_event_is_set(&event));
        switch (draw(&state) % 6) {
        case 0: hark_flag_set(&flag); break;
        case 1: hark_flag_clear(&flag); break;
        case 2:
            if (i > 3) {
                hark_event_set(&event);
            }
            break;
        case 3: hark_task_cancel(selectors[draw(&state) % 3]); break;
        default: hark_sleep(HARK_MS(draw(&state) % 2));
        }
    }
    return 0;
}

static int select_somehow(void *arg)
{
    (void)arg;
    hark_group g;
    hark_group_open(&g);
    for (int i = 0; i < 3; i++) {
        selectors[i] = hark_go(&g, selector, NULL);
    }
    for (int i = 0; i < 5; i++) {
        hark_settle();
        CHECK((!hark_event_is_set(&event) && !hark_flag_is_set(&flag)) || waiting() == 0);
        hark_sleep(HARK_MS(1));
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(waiting(), 0);
    return 0;
}

TEST(select_never_waits_for_what_is_there_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        hark_event_init(&event), hark_flag_init(&flag), hark_future_init(&future);
        state = seed * 32452843;
        CHECK_EQ(run_seeded(seed, select_somehow, NULL), 0);
    }
}

/* ---- in words -------------------------------------------------------------------------------- */

static hark_lock kept;
static hark_chan channel;
static hark_queue queue;
static hark_sem permits;
static hark_limiter tokens;

static const char *dumped(void)
{
    static char text[8192];
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_dump(out);
    fclose(out);
    return text;
}

static int select_named(void *arg)
{
    int value = 0;
    hark_case cases[] = {hark_on_acquire(&kept),      hark_on_recv(&channel, &value),
                         hark_on_get(&queue, &value), hark_on_sem(&permits),
                         hark_on_limiter(&tokens),    hark_on_task(watched),
                         hark_on_fd(ends[0], POLLIN), hark_on_time(hark_now() + HARK_S(2)),
                         hark_on_event(&event),       hark_on_flag(&flag)};
    (void)arg;
    return hark_select(cases, 10) == -ECANCELED ? -ECANCELED : 0;
}

static int select_few(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_fd(ends[0], POLLOUT), hark_on_fd(other_ends[0], POLLIN | POLLOUT),
                         hark_on_time(HARK_FOREVER), hark_on_future(&future),
                         hark_on_flag_since(&flag, 0)};
    return hark_select(cases, 5) == -ECANCELED ? -ECANCELED : 0;
}

INSIDE(select_a_dump_names_the_cases)
{
    hark_task_name("holder");
    pipe_open();
    CHECK_EQ(hark_pipe(other_ends), 0);
    CHECK_EQ(hark_lock_acquire(&kept), 0);
    CHECK_EQ(hark_chan_init(&channel, sizeof(int), 0), 0);
    CHECK_EQ(hark_queue_init(&queue, sizeof(int), 0, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_sem_init(&permits, 0, 0), 0);
    watched = hark_go(&group, wait_for_ever, NULL);
    const hark_task a = hark_go(&group, select_named, NULL), b = hark_go(&group, select_few, NULL);
    hark_settle();
    CHECK_HAS(dumped(), "waits for the first of: a lock at 0x");
    CHECK_HAS(dumped(), ", held by task 1 \"holder\"; an item of a channel at 0x");
    CHECK_HAS(dumped(), "; an item of a queue at 0x");
    CHECK_HAS(dumped(), "; a permit of a semaphore at 0x");
    CHECK_HAS(dumped(), "; a token of a limiter at 0x");
    CHECK_HAS(dumped(), "; the end of task 2 \"wait_for_ever\"; descriptor ");
    CHECK_HAS(dumped(), " to be readable; time to pass, for another 2.0 s; or one of 2 more");
    CHECK_HAS(dumped(), " to be writable; descriptor ");
    CHECK_HAS(dumped(), " to be readable or to be writable; time to pass, for ever; a future at 0x");
    CHECK_HAS(dumped(), "; or a flag to be set again at 0x");
    hark_task_cancel(watched), hark_task_cancel(a), hark_task_cancel(b);
    hark_settle();
    pipe_close();
    hark_close(other_ends[0]), hark_close(other_ends[1]);
    hark_chan_free(&channel), hark_queue_free(&queue);
}

/* ---- a case that happened, and failed -------------------------------------------------------- */

static int select_one(hark_case c)
{
    const int index = hark_select(&c, 1);
    return index ? index : hark_case_result(&c);
}

static int select_future(void *arg)
{
    (void)arg;
    CHECK_MISUSE(select_one(hark_on_future(&future)), -EPROTO, "bad version 7");
    return 0;
}

INSIDE(select_a_future_that_failed_has_its_words)
{
    hark_go(&group, select_future, NULL);
    hark_settle();
    CHECK_EQ(hark_future_fail(&future, -EPROTO, "bad version %d", 7), 0);
    hark_settle();
    select_future(NULL);
    hark_case c = hark_on_future(&future);
    CHECK_MISUSE(hark_try_select(&c, 1), 0, "bad version 7");
    capture_begin();
    CHECK_EQ(hark_future_reset(&future), 0);
    CHECK_STR(capture_end(), ""); /* it was looked at */
}

/* A future may be gone before those run whom it has woken. */
INSIDE(select_a_future_that_failed_and_is_no_more_has_its_words)
{
    hark_go(&group, select_future, NULL);
    hark_settle();
    CHECK_EQ(hark_future_fail(&future, -EPROTO, "bad version %d", 7), 0);
    memset(&future, 0x5a, sizeof(future));
    hark_settle();
}

static int recv_one(void *arg)
{
    int value;
    (void)arg;
    CHECK_MISUSE(select_one(hark_on_recv(&channel, &value)), -ENODATA, "hark_select: no sender");
    return 0;
}

INSIDE(select_an_end_of_a_channel_or_queue_has_words)
{
    int value = 0;
    CHECK_EQ(hark_chan_init(&channel, sizeof(int), 0), 0);
    hark_go(&group, recv_one, NULL);
    hark_settle();
    CHECK_EQ(hark_chan_close_sender(&channel), 0);
    hark_settle();
    recv_one(NULL);
    CHECK_MISUSE(select_one(hark_on_send(&channel, &value)), -EBADF, "hark_select: this side");
    CHECK_EQ(hark_queue_init(&queue, sizeof(int), 0, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    CHECK_MISUSE(select_one(hark_on_get(&queue, &value)), -EPIPE, "hark_select: the queue is shut");
    CHECK_MISUSE(select_one(hark_on_put(&queue, &value)), -EPIPE, "hark_select: the queue is shut");
    hark_chan_free(&channel), hark_queue_free(&queue);
}

static int select_fd(void *arg)
{
    (void)arg;
    CHECK_MISUSE(select_one(hark_on_fd(ends[0], POLLIN)), -EBADF, "hark_select: descriptor");
    return 0;
}

INSIDE_ON_HUBS(select_a_closed_descriptor_has_words)
{
    pipe_open();
    hark_go(&group, select_fd, NULL);
    hark_settle();
    pipe_close();
    hark_settle();
    select_fd(NULL);
}

/* Whether it would wait or not. */
INSIDE(select_refuses_two_cases_for_one_direction)
{
    pipe_open();
    for (int ready = 0; ready < 2; ready++) {
        hark_case twice[] = {hark_on_fd(ends[0], POLLIN), hark_on_event(&event),
                             hark_on_fd(ends[0], POLLIN | POLLOUT)};
        CHECK_MISUSE(hark_select(twice, 3), -EBUSY, "cases 0 and 2 wait for the same descriptor");
        CHECK_MISUSE(hark_try_select(twice, 3), -EBUSY, "hark_try_select");
        hark_case apart[] = {hark_on_fd(ends[0], POLLIN), hark_on_fd(ends[1], POLLIN),
                             hark_on_fd(ends[1], POLLOUT), hark_on_event(&event)};
        CHECK_GE(hark_select(apart, 4), ready ? 0 : 2);
        hark_event_set(&event);
    }
    pipe_close();
}

/* ---- old waits ------------------------------------------------------------------------------- */

static int looks;
static int (*real_poll)(struct pollfd *, nfds_t, int);

/* The second look, that of the sweep, finds what a neighbour has taken before the third. */
static int poll_once_in_vain(struct pollfd *fds, nfds_t count, int timeout)
{
    if (++looks == 2) {
        fds[0].revents = POLLIN;
        return 1;
    }
    return real_poll(fds, count, timeout);
}

static int selects_in_vain(void *arg)
{
    int fds[2];
    (void)arg;
    CHECK_EQ(hark_pipe(fds), 0);
    hark_case cases[] = {hark_on_fd(fds[0], POLLIN), hark_on_time(hark_now() + HARK_MS(150))};
    CHECK_EQ(hark_select(cases, 2), 1);
    CHECK_EQ(looks, 3);
    hark_close(fds[0]);
    hark_close(fds[1]);
    hark_event never = HARK_EVENT_INIT;
    return hark_event_wait(&never);
}

TEST(select_an_old_wait_told_in_vain_leaves_no_timer_behind)
{
    hark_options options = {.size = sizeof options, .hub = "epoll"};
    real_poll = hark__sys.poll;
    hark__sys.poll = poll_once_in_vain;
    CHECK_EQ(hark_run_with(&options, selects_in_vain, NULL), -EDEADLK); /* else it hangs */
}
