/* SPDX-License-Identifier: MIT
 *
 * edges_test.c - what the core promises at its edges: calls made at the wrong place, answers that
 * come late or twice, times and counts at their limits, structs that held something else before.
 *
 * Each is a line or two of the headers that no other test reaches (see tests/house/cover).
 */
#include "scarce.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "core/core.h"

static hark_group group;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int run_seeded(uint64_t seed, hark_fn *fn, void *arg)
{
    const hark_options options = {.size = sizeof(options), .seed = seed, .virtual_clock = true};
    return hark_run_with(&options, fn, arg);
}

/* The body runs in a loop, in the open group `group`. */
#define INSIDE_BY(run, name) \
    static void inside_##name(void); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        CHECK_EQ(hark_group_open(&group), 0); \
        inside_##name(); \
        return hark_group_close(&group, 0); \
    } \
    TEST(name) \
    { \
        CHECK_EQ(run(main_##name, NULL), 0); \
    } \
    static void inside_##name(void)
#define INSIDE(name)      INSIDE_BY(RUN_VIRTUAL, name)
#define INSIDE_REAL(name) INSIDE_BY(RUN, name)

/* Outside any task, but in the loop: in a callback. */
static void in_callback(hark_callback *fn, void *arg)
{
    hark_watch watch = {0};
    CHECK_EQ(hark_call_soon(&watch, fn, arg), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(watch.state, 0);
}

/* ---- the calls behind the macros ------------------------------------------------------------- */

static int set_to_one(void *arg)
{
    *(int *)arg = 1;
    return 0;
}

static int copies_value(void *arg)
{
    CHECK_EQ(*(int *)arg, 42);
    return 0;
}

static int says_started(void *arg)
{
    (void)arg;
    return hark_started(5);
}

static int calls_functions(void *arg)
{
    int ran = 0, value = 42;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT((hark_go)(&group, set_to_one, &ran), 0);
    CHECK_GT((hark_go_copy)(&group, copies_value, &value, sizeof(value)), 0);
    CHECK_EQ((hark_go_copy)(&group, copies_value, NULL, sizeof(value)), -EINVAL);
    CHECK_HAS(hark_error_last(), "the argument of 4 bytes is NULL");
    value = 0;
    CHECK_GT((hark_start)(&group, says_started, NULL, &value), 0);
    CHECK_EQ(value, 5);
    CHECK_EQ(hark_group_failures(&group, NULL, 1), -EINVAL);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    return ran;
}

/* A binding calls them by pointer. */
TEST(edges_each_macro_is_a_function_too)
{
    const hark_options options = {.size = sizeof(options), .virtual_clock = true};
    CHECK_EQ((hark_run)(calls_functions, NULL), 1);
    CHECK_EQ((hark_run_with)(&options, calls_functions, NULL), 1);
}

/* ---- calls in a callback --------------------------------------------------------------------- */

static hark_scope open_scope;

static void calls_what_tasks_may(void *arg)
{
    struct hark__within within = {0};
    (void)arg;
    CHECK_EQ(hark_group_close(&group, 0), -ENOTSUP);
    CHECK_EQ(hark_scope_close(&open_scope, 0), -EPERM);
    CHECK_EQ(hark_task_name("nobody"), -ENOTSUP);
    CHECK_EQ(hark_cancel_on(SIGUSR1), -ENOTSUP);
    CHECK_EQ(hark__within_open(&within, HARK_S(1)), -ENOTSUP);
    CHECK_HAS(hark_error_last(), "hark_within: ");
}

INSIDE(edges_what_only_tasks_may_is_refused_in_a_callback)
{
    CHECK_EQ(hark_scope_open(&open_scope, HARK_FOREVER), 0);
    in_callback(calls_what_tasks_may, NULL);
    CHECK_EQ(hark_scope_close(&open_scope, 0), 0);
    CHECK_EQ(hark_task_name(NULL), -EINVAL);
    CHECK_HAS(hark_error_last(), "the format is NULL");
}

TEST(edges_a_scope_may_be_asked_where_no_loop_runs)
{
    hark_scope scope = {0};
    CHECK(!hark_scope_cancelled(&scope));
}

/* ---- scopes ---------------------------------------------------------------------------------- */

INSIDE(edges_what_stood_in_a_scope_before_does_not_matter)
{
    hark_scope scope;
    hark__task *ended = hark__task_find(hark__here, hark_go(&group, nothing, NULL));
    CHECK_EQ(hark_yield(), 0);
    hark__task *const tasks[] = {NULL, ended, (hark__task *)&scope};
    for (int i = 0; i < 3; i++) {
        memset(&scope, 0xff, sizeof(scope));
        scope.level.flags = LEVEL_OPEN;
        scope.task = tasks[i];
        CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
        CHECK_EQ(hark_scope_close(&scope, 0), 0);
    }
}

static int opens_inside(void)
{
    hark_scope scope;
    hark_group inner;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_EQ(hark_sleep(HARK_S(2)), -ECANCELED);
    CHECK_EQ(hark_group_close(&inner, -ECANCELED), -ECANCELED);
    return (int)hark_scope_close(&scope, -ECANCELED);
}

static int opens_a_group_inside(void)
{
    hark_group inner;
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_EQ(hark_sleep(HARK_S(2)), -ECANCELED);
    return hark_group_close(&inner, -ECANCELED);
}

INSIDE(edges_scopes_and_groups_may_be_opened_inside_hark_within)
{
    CHECK_EQ(hark_within(HARK_S(1), opens_inside()), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), opens_a_group_inside()), -ETIMEDOUT);
}

INSIDE(edges_closing_again_in_its_place_what_was_closed_out_of_order_is_silent)
{
    hark_scope outer, inner;
    CHECK_EQ(hark_scope_open(&outer, HARK_FOREVER) | hark_scope_open(&inner, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_close(&outer, 3), -EINVAL);
    CHECK_EQ(hark_scope_close(&inner, 0), 0);
    CHECK_EQ(hark_scope_close(&outer, 3), 3);
    CHECK_EQ(hark_scope_close(&outer, 3), -EINVAL); /* but only once */
}

INSIDE(edges_what_was_never_opened_is_not_closed_in_silence)
{
    hark_scope scope = {.level = {.flags = LEVEL_OPEN | LEVEL_MISNESTED}};
    CHECK_EQ(hark_scope_close(&scope, 0), -EPERM);
    scope.task = hark__here->running;
    CHECK_EQ(hark_scope_close(&scope, 0), -EINVAL);
}

INSIDE_REAL(edges_asking_a_scope_notices_that_its_deadline_has_passed)
{
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_S(3600)), 0);
    CHECK(!hark_scope_cancelled(&scope));
    clock_ahead(HARK_S(3600));
    CHECK(hark_scope_cancelled(&scope));
    CHECK_EQ(hark_checkpoint(), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
}

/* ---- hark_within on stacks of the program's own ---------------------------------------------- */

static ucontext_t the_task, the_program;
static int on_program_stack;

static void sleeps_on_program_stack(void)
{
    on_program_stack = hark_sleep(HARK_S(2));
}

static int sleep_on(void *stack, size_t size)
{
    CHECK_EQ(getcontext(&the_program), 0);
    the_program.uc_stack = (stack_t){.ss_sp = stack, .ss_size = size};
    the_program.uc_link = &the_task;
    makecontext(&the_program, sleeps_on_program_stack, 0);
    CHECK_EQ(swapcontext(&the_task, &the_program), 0);
    return on_program_stack;
}

enum { OWN_STACK = 64 << 10 };

/* Below all stacks of tasks, and above them: neither says that hark_within's frame is gone. */
static int hurries_on_other_stacks(void *high)
{
    static _Alignas(16) char low[OWN_STACK];
    CHECK_EQ(hark_within(HARK_S(1), sleep_on(low, OWN_STACK)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), sleep_on(high, OWN_STACK)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(3), sleep_on(high, OWN_STACK)), 0);
    return 0;
}

TEST(edges_a_deadline_holds_on_a_stack_of_the_programs_own)
{
    _Alignas(16) char high[OWN_STACK];
    if (hark__tools_on || kit_slow() > 1) {
        SKIP("sanitizers and valgrind are not told of this switch");
    }
    CHECK_EQ(RUN_VIRTUAL(hurries_on_other_stacks, high), 0);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int ends_cancelled(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_task_cancel(hark_self()), 0);
    return hark_sleep(HARK_FOREVER);
}

INSIDE(edges_a_task_that_was_cancelled_alone_but_also_from_outside_passes_it_on)
{
    hark_scope outside;
    hark_group inner;
    CHECK_EQ(hark_scope_open(&outside, HARK_FOREVER), 0);
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_GT(hark_go(&inner, ends_cancelled, NULL), 0);
    CHECK_EQ(hark_scope_cancel(&outside), 0);
    CHECK_EQ(hark_group_close(&inner, 0), -ECANCELED);
    CHECK_EQ(hark_scope_close(&outside, -ECANCELED), 0);
}

static struct {
    hark_scope outer, shielded;
    hark_group target;
    hark_event go_on;
    int result, said[2];
} starting;

static int starts_slowly(void *arg)
{
    hark_scope shield;
    (void)arg;
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER) | hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_event_wait(&starting.go_on), 0);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    return hark_checkpoint();
}

static int starts_into_target(void *arg)
{
    (void)arg;
    starting.result = (int)hark_start(&starting.target, starts_slowly, NULL, NULL);
    return 0;
}

/* The shield of the target's scope goes up and down meanwhile: the start stays cancelled. */
INSIDE(edges_a_start_into_a_cancelled_group_stays_cancelled_when_a_shield_comes_and_goes)
{
    hark_scope rest;
    CHECK_EQ(hark_scope_open(&starting.outer, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_open(&starting.shielded, HARK_FOREVER), 0);
    CHECK_EQ(hark_group_open(&starting.target), 0);
    CHECK_EQ(hark_scope_open(&rest, HARK_FOREVER) | hark_scope_shield(&rest, true), 0);
    CHECK_EQ(hark_scope_cancel(&starting.outer), 0);
    CHECK_GT(hark_go(&group, starts_into_target, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_shield(&starting.shielded, true), 0);
    CHECK_EQ(hark_scope_shield(&starting.shielded, false), 0);
    CHECK_EQ(hark_event_set(&starting.go_on), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(starting.result, -EINVAL); /* it ended without hark_started; nobody cancelled us */
    CHECK_EQ(hark_scope_close(&rest, 0), 0);
    CHECK_EQ(hark_group_close(&starting.target, 0), 0);
    CHECK_EQ(hark_scope_close(&starting.shielded, 0), 0);
    CHECK_EQ(hark_scope_close(&starting.outer, 0), 0);
}

static int says_it_twice_too_late(void *arg)
{
    hark_scope shield;
    (void)arg;
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER) | hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_event_wait(&starting.go_on), 0);
    starting.said[0] = hark_started(1);
    starting.said[1] = hark_started(2);
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    return hark_checkpoint();
}

static int starts_in_a_cancelled_scope(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_scope_open(&starting.outer, HARK_FOREVER), 0);
    starting.result = (int)hark_start(&group, says_it_twice_too_late, NULL, NULL);
    return (int)hark_scope_close(&starting.outer, starting.result);
}

INSIDE(edges_saying_started_twice_is_a_misuse_also_when_the_first_came_too_late)
{
    CHECK_GT(hark_go(&group, starts_in_a_cancelled_scope, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_cancel(&starting.outer), 0);
    CHECK_EQ(hark_event_set(&starting.go_on), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(starting.said[0], 0);
    CHECK_EQ(starting.said[1], -EALREADY);
    CHECK_EQ(starting.result, -ECANCELED);
}

static int says_it_too_late_and_is_cancelled(void *arg)
{
    hark_scope shield;
    (void)arg;
    CHECK_EQ(hark_scope_open(&shield, HARK_FOREVER) | hark_scope_shield(&shield, true), 0);
    CHECK_EQ(hark_event_wait(&starting.go_on), 0);
    CHECK_EQ(hark_started(1), 0); /* too late */
    CHECK_EQ(hark_scope_close(&shield, 0), 0);
    const int rc = hark_checkpoint();
    CHECK_EQ(hark_scope_shield(&starting.shielded, true), 0);
    return rc;
}

static int starts_in_two_scopes(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_scope_open(&starting.outer, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_open(&starting.shielded, HARK_FOREVER), 0);
    starting.result = (int)hark_start(&group, says_it_too_late_and_is_cancelled, NULL, NULL);
    CHECK_EQ(hark_checkpoint(), 0);
    CHECK_EQ(hark_scope_close(&starting.shielded, 0), 0);
    return (int)hark_scope_close(&starting.outer, 0);
}

/* The starter's cancellation is behind a shield by now: -ECANCELED would be none of its scopes'. */
INSIDE(edges_a_start_that_was_cancelled_is_no_start_also_when_a_shield_has_come_since)
{
    CHECK_GT(hark_go(&group, starts_in_two_scopes, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_cancel(&starting.outer), 0);
    CHECK_EQ(hark_event_set(&starting.go_on), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(starting.result, -EINVAL);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void (*left_behind)(int);

static int takes_signals(void *arg)
{
    struct sigaction action;
    (void)arg;
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    CHECK_EQ(hark_cancel_on(SIGUSR1), -EBUSY);
    CHECK_HAS(hark_error_last(), "signal 10 is taken already, by this run");
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    left_behind = action.sa_handler;
    return 0;
}

TEST(edges_a_handler_that_comes_after_its_run_does_nothing)
{
    CHECK_EQ(RUN_VIRTUAL(takes_signals, NULL), 0);
    left_behind(SIGUSR1); /* as in a thread that was slow */
    CHECK_EQ(RUN_VIRTUAL(nothing, NULL), 0);
}

static int takes_it_too(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), -EBUSY);
    CHECK_HAS(hark_error_last(), "by another loop");
    return 0;
}

static void *runs_beside(void *arg)
{
    CHECK_EQ(hark_run(takes_it_too, NULL), 0);
    return arg;
}

static int takes_it_first(void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    CHECK_EQ(pthread_create(&thread, NULL, runs_beside, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

TEST(edges_a_signal_belongs_to_one_loop_at_a_time)
{
    CHECK_EQ(RUN_VIRTUAL(takes_it_first, NULL), 0);
}

static int forks(void *arg)
{
    struct sigaction action;
    int status = -1;
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        _exit(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    CHECK(action.sa_handler != SIG_DFL);
    return 0;
}

TEST(edges_a_forked_child_has_its_signals_back)
{
    if (kit_slow() > 1) {
        SKIP("threads and forks are not for every sanitizer");
    }
    CHECK_EQ(RUN_VIRTUAL(forks, NULL), 0);
}

TEST(edges_a_child_that_is_forked_when_no_loop_lives_may_run_one)
{
    int status = -1;
    if (kit_slow() > 1) {
        SKIP("threads and forks are not for every sanitizer");
    }
    CHECK_EQ(RUN_VIRTUAL(nothing, NULL), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        _exit(RUN_VIRTUAL(nothing, NULL) == 0 ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

static hark_future forgotten;

INSIDE(edges_a_loop_made_young_again_knows_no_old_words)
{
    CHECK_EQ(hark_future_fail(&forgotten, -EIO, "long ago"), 0);
    hark__loop_rewind(hark__here);
    CHECK_EQ(hark_future_wait(&forgotten, NULL), -EIO);
    CHECK_HAS(hark_error_last(), "its words are gone");
}

/* ---- deadlocks ------------------------------------------------------------------------------- */

static int is_signalled_after_the_deadlock(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_FOREVER), -ECANCELED);
    CHECK_EQ(hark_cancel_on(SIGUSR1), 0);
    raise(SIGUSR1);
    for (int i = 0; i < 200 && hark__here->signals; i++) {
        CHECK_EQ(hark_checkpoint(), -ECANCELED); /* some of them let the loop look */
    }
    CHECK_EQ(hark__here->signals, 0);
    return 0;
}

TEST(edges_a_signal_after_a_deadlock_changes_nothing)
{
    CHECK_EQ(run_seeded(1, is_signalled_after_the_deadlock, NULL), -EDEADLK);
}

static const struct hark__wait_kind deaf = {.what = "what never comes"};

static int does_not_hear(void *arg)
{
    (void)arg;
    return hark__park(&deaf);
}

TEST_DIES(edges_who_cannot_be_cancelled_after_a_deadlock_ends_the_process, SIGABRT,
          "some still wait where no cancellation reaches")
{
    RUN_VIRTUAL(does_not_hear, NULL);
}

/* ---- watches --------------------------------------------------------------------------------- */

static uint32_t pick_the_last(uint64_t *state, enum hark__choice what, uint32_t count)
{
    (void)state;
    return what == HARK__CHOOSE_READY ? count - 1 : 0;
}

static void say(void *word)
{
    kit_log("%s", (const char *)word);
}

static int says(void *word)
{
    say(word);
    return 0;
}

static hark_watch moved[2];

static int unwatches(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_unwatch(&moved[0]), 0);
    say("unwatched");
    return 0;
}

/* A seed runs a later one first: what stands in front of it moves up by one. */
static int takes_back_what_moved(void *in_front)
{
    CHECK_EQ(hark_group_open(&group), 0);
    if (in_front) {
        CHECK_GT(hark_go(&group, says, "task"), 0);
    }
    CHECK_EQ(hark_call_soon(&moved[0], say, "never"), 0);
    CHECK_EQ(hark_call_soon(&moved[1], say, "callback"), 0);
    CHECK_GT(hark_go(&group, unwatches, NULL), 0);
    return hark_group_close(&group, 0);
}

TEST(edges_a_callback_is_taken_back_wherever_a_seed_has_moved_it)
{
    hark__choices.pick = pick_the_last;
    CHECK_EQ(run_seeded(1, takes_back_what_moved, &group), 0);
    CHECK_LOG("unwatched callback task");
    CHECK_EQ(run_seeded(1, takes_back_what_moved, NULL), 0);
    CHECK_LOG("unwatched callback");
}

static int calls_in_order(void *arg)
{
    static hark_watch watches[3];
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, says, "task"), 0);
    CHECK_EQ(hark_call_soon(&watches[0], say, "1"), 0);
    CHECK_EQ(hark_call_soon(&watches[1], say, "2"), 0);
    CHECK_EQ(hark_call_soon(&watches[2], say, "3"), 0);
    return hark_group_close(&group, 0);
}

TEST(edges_callbacks_keep_their_order_whatever_a_seed_chooses)
{
    hark__choices.pick = pick_the_last;
    CHECK_EQ(run_seeded(1, calls_in_order, NULL), 0);
    CHECK_LOG("1 2 3 task");
}

static int unwatches_from_elsewhere(void *watch)
{
    CHECK_EQ(hark_unwatch(watch), -EXDEV);
    CHECK_HAS(hark_error_last(), "which is not this thread's");
    return 0;
}

static void *unwatches_in_another_loop(void *watch)
{
    CHECK_EQ(hark_run(unwatches_from_elsewhere, watch), 0);
    return NULL;
}

INSIDE(edges_a_watch_is_taken_back_by_its_own_loop_only)
{
    hark_watch watch = {0};
    pthread_t thread;
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_call_later(HARK_FOREVER - 1, &watch, say, "never"), 0);
    CHECK_EQ(watch.in.timer.deadline, HARK_FOREVER); /* now + that would overflow */
    CHECK_EQ(pthread_create(&thread, NULL, unwatches_in_another_loop, &watch), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_unwatch(&watch), 0);
}

static int fired;

static void count_fired(void *arg)
{
    (void)arg;
    fired++;
}

INSIDE(edges_ten_thousand_timers_of_one_instant_all_fire_at_it)
{
    static hark_watch watches[10050];
    for (int i = 0; i < 10050; i++) {
        CHECK_EQ(hark_call_later(HARK_MS(1), &watches[i], count_fired, NULL), 0);
    }
    const int64_t began = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_now() - began, HARK_MS(1));
    CHECK_EQ(fired, 10050);
}

/* ---- posts ----------------------------------------------------------------------------------- */

static struct {
    struct hark__inbox *inbox;
    hark_watch *slow, quick;
    size_t page;
} posting;

/* The post is under way: it has read what was posted last, and writes that into its watch. */
static void post_in_between(int signo)
{
    (void)signo;
    CHECK_EQ(mprotect(posting.slow, posting.page, PROT_READ | PROT_WRITE), 0);
    hark__inbox_post(posting.inbox, &posting.quick);
}

INSIDE_REAL(edges_a_post_that_another_one_interrupts_is_not_lost_and_neither_is_the_other)
{
    const struct sigaction action = {.sa_handler = post_in_between};
    struct sigaction before;
    posting.page = (size_t)sysconf(_SC_PAGESIZE);
    posting.slow =
        mmap(NULL, posting.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(posting.slow != MAP_FAILED);
    *posting.slow = (hark_watch){.fn = say, .arg = "slow"};
    posting.quick = (hark_watch){.fn = say, .arg = "quick"};
    CHECK_EQ(hark__inbox_open(hark__here), 0);
    posting.inbox = hark__here->inbox;
    CHECK_EQ(sigaction(SIGSEGV, &action, &before), 0);
    CHECK_EQ(mprotect(posting.slow, posting.page, PROT_READ), 0);
    hark__inbox_post(posting.inbox, posting.slow);
    CHECK_EQ(sigaction(SIGSEGV, &before, NULL), 0);
    CHECK_EQ(hark_sleep(1), 0);
    CHECK_LOG("quick slow");
    CHECK_EQ(munmap(posting.slow, posting.page), 0);
}
