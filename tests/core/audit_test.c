/* SPDX-License-Identifier: MIT
 *
 * audit_test.c - the audit finds nothing in a healthy loop, and whatever is broken in it.
 *
 * Idea     A zoo: one run with a task in every kind of wait, watches of every kind, scopes, groups
 *          and a start that is pending. Each test breaks one thing, asks the audit, and puts it
 *          back; and after each the audit must be content again.
 */
#include "../sync/scene.h"

#include <hark/testing.h>
#include <sched.h>
#include <sys/socket.h>

#include "core/core.h"
#include "thread/thread.h"

/* ---- asking ---------------------------------------------------------------------------------- */

/* What the audit says, without the tasks' numbers. */
static const char *said(bool at_rest)
{
    static char words[400];
    struct hark__text text;
    char *number;

    hark__text_to_string(&text, words, sizeof words);
    const int broken = hark__audit(hark__here, at_rest, &text);
    CHECK_EQ(broken > 0, words[0] != 0);
    while ((number = strstr(words, "task ")) && number[5] >= '0' && number[5] <= '9') {
        const size_t digits = strspn(number + 5, "0123456789");
        memmove(number + 5, number + 6 + digits, strlen(number + 5 + digits));
    }
    return words;
}

#define CHECK_HEALTHY() \
    do { \
        CHECK_STR(said(false), ""); \
        CHECK_STR(said(true), ""); \
    } while (0)

/* Do, ask, undo; then say. */
#define BROKEN_AT(rest, breaks, mends, needle) \
    do { \
        char words_[400]; \
        breaks; \
        snprintf(words_, sizeof words_, "%s", said(rest)); \
        mends; \
        CHECK_HAS(words_, needle); \
        CHECK_HEALTHY(); \
    } while (0)
#define BROKEN(breaks, mends, needle) BROKEN_AT(false, breaks, mends, needle)

/* The same for one value that is overwritten. */
#define WRONG_AT(rest, place, value, needle) \
    do { \
        __typeof__(place) before_ = (place); \
        BROKEN_AT(rest, (place) = (value), (place) = before_, needle); \
    } while (0)
#define WRONG(place, value, needle) WRONG_AT(false, place, value, needle)

/* ---- the zoo --------------------------------------------------------------------------------- */

static struct zoo {
    hark__task *events[3], *flag, *future, *completion, *sleeper, *forever, *joiner, *joined;
    hark__task *selects, *reader, *both, *starter, *starting, *closer, *scoped, *within, *thread,
        *gone;
    hark_event event, other, never;
    hark_flag flags;
    hark_future sent, futures[2];
    hark_future *promised[2];
    hark_watch nodes[2], on_event, on_reader, soon[2], later;
    hark_completion done;
    hark_scope scope, shield, cancelled;
    hark_group nested;
    int pair[2], full[2], select_pair[2];
    hark__thread_job job;
    atomic_int let_go;
} zoo;

static int wait_event(void *e)
{
    return hark_event_wait(e);
}

static int wait_flag(void *f)
{
    return hark_flag_wait(f);
}

static int wait_future(void *f)
{
    return hark_future_wait(f, NULL);
}

static int wait_completion(void *c)
{
    return hark_completion_next(c);
}

static int sleep_for(void *timeout)
{
    return hark_sleep(*(int64_t *)timeout);
}

static int join(void *task)
{
    return hark_task_wait(((hark__task *)task)->id);
}

static int select_all(void *arg)
{
    (void)arg;
    hark_case cases[] = {hark_on_event(&zoo.other),
                         hark_on_time(hark_now() + HARK_S(50)),
                         hark_on_future(&zoo.sent),
                         hark_on_task(zoo.joined->id),
                         hark_on_fd(zoo.select_pair[0], POLLIN),
                         hark_on_flag(&zoo.flags)};
    return hark_select(cases, 6);
}

static int wait_readable(void *fd)
{
    return hark_wait_fd(*(int *)fd, POLLIN);
}

static int wait_either(void *fd)
{
    return hark_wait_fd(*(int *)fd, POLLIN | POLLOUT);
}

static int start_one(void *arg)
{
    (void)arg;
    return (int)hark_start(&group, wait_event, &zoo.never, NULL);
}

static int close_nested(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&zoo.nested), 0);
    hark_go(&zoo.nested, wait_event, &zoo.never);
    hark_go(&zoo.nested, wait_event, &zoo.never);
    return hark_group_close(&zoo.nested, 0);
}

static int wait_in_scopes(void *arg)
{
    (void)arg;
    hark_scope_open(&zoo.cancelled, HARK_S(7));
    hark_scope_open(&zoo.shield, HARK_FOREVER);
    hark_scope_shield(&zoo.shield, true);
    hark_scope_cancel(&zoo.cancelled);
    hark_scope_open(&zoo.scope, HARK_S(40));
    int64_t rc = hark_event_wait(&zoo.never);
    rc = hark_scope_close(&zoo.scope, rc);
    rc = hark_scope_close(&zoo.shield, rc);
    return (int)hark_scope_close(&zoo.cancelled, rc);
}

static int wait_within(void *arg)
{
    (void)arg;
    return (int)hark_within(HARK_S(60), hark_event_wait(&zoo.never));
}

static void work(hark__thread_job *job)
{
    (void)job;
    while (!atomic_load(&zoo.let_go)) {
        sched_yield();
    }
}

static int wait_thread(void *arg)
{
    (void)arg;
    zoo.job = (hark__thread_job){.fn = work, .what = "a zoo"};
    return hark__thread_run(&zoo.job, HARK__THREAD_FILES, "test");
}

static void ignore(void *arg)
{
    (void)arg;
}

#define spawn(fn, arg) hark__task_find(hark__here, hark_go(&group, fn, arg))

static void open_pairs(void)
{
    char bytes[4096] = {0};

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, zoo.pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, zoo.full), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, zoo.select_pair), 0);
    while (write(zoo.full[0], bytes, sizeof bytes) > 0) {}
}

static void spawn_waiters(void)
{
    static int64_t week = 7 * 24 * 3600 * (int64_t)1000000000, forever = HARK_FOREVER;

    zoo.events[0] = spawn(wait_event, &zoo.event);
    zoo.events[1] = spawn(wait_event, &zoo.event);
    zoo.flag = spawn(wait_flag, &zoo.flags);
    zoo.future = spawn(wait_future, &zoo.sent);
    zoo.promised[0] = &zoo.futures[0];
    zoo.promised[1] = &zoo.futures[1];
    CHECK_EQ(hark_completion_init(&zoo.done, zoo.promised, zoo.nodes, 2), 0);
    zoo.completion = spawn(wait_completion, &zoo.done);
    zoo.sleeper = spawn(sleep_for, &week);
    zoo.forever = spawn(sleep_for, &forever);
    zoo.joined = spawn(wait_event, &zoo.never);
    zoo.joiner = spawn(join, zoo.joined);
    zoo.selects = spawn(select_all, NULL);
    zoo.reader = spawn(wait_readable, &zoo.pair[0]);
    zoo.both = spawn(wait_either, &zoo.full[0]);
    zoo.starter = spawn(start_one, NULL);
    zoo.closer = spawn(close_nested, NULL);
    zoo.scoped = spawn(wait_in_scopes, NULL);
    zoo.within = spawn(wait_within, NULL);
    zoo.thread = spawn(wait_thread, NULL);
}

static void open_zoo(void)
{
    open_pairs();
    spawn_waiters();
    CHECK_HEALTHY();
    CHECK_EQ(hark_settle(), 0);
    CHECK_HEALTHY();
    CHECK_EQ(hark_event_watch(&zoo.event, &zoo.on_event, ignore, NULL), 0);
    zoo.events[2] = spawn(wait_event, &zoo.event);
    CHECK_EQ(hark_add_reader(zoo.pair[1], &zoo.on_reader, ignore, NULL), 0);
    zoo.gone = spawn(nothing, NULL);
    spawn(nothing, NULL); /* whose record the next one gets */
    CHECK_EQ(hark_call_later(HARK_S(30), &zoo.later, ignore, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_call_soon(&zoo.soon[0], ignore, NULL), 0);
    CHECK_EQ(hark_call_soon(&zoo.soon[1], ignore, NULL), 0);
    CHECK_EQ(hark_unwatch(&zoo.soon[0]), 0); /* leaves an empty entry */
    const hark_group *nest = (const hark_group *)zoo.starter->level;
    zoo.starting = nest->first;
    CHECK_HEALTHY();
}

static void close_zoo(void)
{
    CHECK_HEALTHY();
    atomic_store(&zoo.let_go, 1);
    CHECK_EQ(hark_unwatch(&zoo.on_event), 0);
    CHECK_EQ(hark_unwatch(&zoo.on_reader), 0);
    CHECK_EQ(hark_unwatch(&zoo.later), 0);
    CHECK_EQ(hark_unwatch(&zoo.nodes[0]), 0);
    CHECK_EQ(hark_unwatch(&zoo.nodes[1]), 0);
    CHECK_EQ(hark_scope_shield(&zoo.shield, false), 0);
    hark_group_cancel(&group);
    CHECK_HEALTHY();
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_HEALTHY();
    for (int i = 0; i < 2; i++) {
        hark_close(zoo.pair[i]);
        hark_close(zoo.full[i]);
        hark_close(zoo.select_pair[i]);
    }
}

#define ZOO_BY(declare, name) \
    static void inside_##name(hark_loop *loop); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        hark_task_name("main"); \
        CHECK_EQ(hark_group_open(&group), 0); \
        open_zoo(); \
        inside_##name(hark__here); \
        close_zoo(); \
        return 0; \
    } \
    declare(name) \
    { \
        CHECK_EQ(RUN_VIRTUAL(main_##name, NULL), 0); \
    } \
    static void inside_##name(hark_loop *loop)
#define ZOO(name) ZOO_BY(TEST, name)

ZOO_BY(TEST_ON_HUBS, audit_of_a_healthy_zoo)
{
    CHECK_GE(loop->tasks, 20);
    CHECK_EQ(hark_audit(), 0);
}

/* ---- what is broken is found ----------------------------------------------------------------- */

ZOO(audit_finds_what_is_wrong_in_the_ring)
{
    hark__task *fresh = spawn(nothing, NULL);

    BROKEN(hark__ring_put(loop, fresh, READY_NEW), loop->tail--,
           "P1: task \"nothing\" stands more than once in the ring");
    BROKEN(loop->tail--, loop->tail++, "P1: task \"nothing\" is new and stands nowhere");
    BROKEN(hark__ring_put(loop, zoo.sleeper, READY_TASK), loop->tail--,
           "P1: task \"sleep_for\" stands in the ring as a ready one");
    BROKEN(hark__ring_put(loop, &zoo, READY_NEW), loop->tail--, "P1: the ring holds what is no");
    BROKEN(hark__ring_put(loop, zoo.gone, READY_TASK), loop->tail--, "P1: the ring holds what is no");
    BROKEN(hark__ring_put(loop, &zoo.soon[1], READY_WATCH), loop->tail--, "K1: a watch stands");
    WRONG(zoo.soon[1].state, WATCH_IDLE, "K1: a watch stands in the ring and is not queued");
    WRONG(zoo.soon[1].loop, 0, "K1: a watch stands in the ring and is not queued");
    WRONG(zoo.soon[1].spare, zoo.soon[1].spare - 1, "K1: a watch stands in the ring where it was");
    WRONG(loop->promised, loop->tasks, "L1: ");
    WRONG(loop->promised, 1, "L1: 3 are ready, 1 places are promised");
    WRONG(loop->promised, loop->mask + 2, "L1: 3 are ready");
    BROKEN((loop->careful = true, loop->turn_end = loop->tail + 1),
           (loop->careful = false, loop->turn_end = 0), "L: the turn ends");
    WRONG(fresh->state, TASK_READY, "P1: task \"nothing\" stands in the ring as a new one");
}

ZOO(audit_finds_what_is_wrong_with_tasks)
{
    WRONG(loop->tasks, loop->tasks + 1, "T1: 22 tasks live, and the loop counts 23");
    WRONG(zoo.sleeper->state, TASK_ENDED, "T3: task \"sleep_for\" is in state 5");
    WRONG(zoo.sleeper->state, TASK_RUNNING, "P1: task \"sleep_for\" is running, but the loop");
    WRONG(zoo.sleeper->state, TASK_READY, "P1: task \"sleep_for\" is ready and stands nowhere");
    WRONG(zoo.sleeper->wait, NULL, "P1: task \"sleep_for\" is parked, and does not say");
    WRONG(zoo.sleeper->sp, zoo.flag->sp, "T3: task \"sleep_for\" would go on on a stack");
    WRONG(loop->running->state, TASK_READY, "P1: what the loop runs is no running task");
    WRONG(loop->running, NULL, "P1: task \"main\" is running");
    WRONG(zoo.gone->id, zoo.gone->id + 1, "R2: a record's id is not");
    WRONG(zoo.gone->next, zoo.gone, "R2: the list of free records");
    WRONG(zoo.gone->state, TASK_ENDED, "R2: the list of free records");
    WRONG(loop->holds, 0, "thread W3: 1 wait for threads, and the loop knows of 0");
    WRONG(loop->settlers.count, 1, "P1: 1 settle, and none stands in the list");
    BROKEN((loop->words_next = 9, loop->words[3].serial = 4),
           (loop->words_next = 1, loop->words[3].serial = 0), "E: the words of failure 4");
}

ZOO(audit_finds_what_is_wrong_in_lists)
{
    struct hark_waiter *waiter = &zoo.events[1]->in.waiter;
    struct hark_waitlist stray = {0}, *joiners = &zoo.joined->extra->joiners;
    struct hark_waiter *join = &zoo.joiner->in.waiter;

    (void)loop;
    WRONG(waiter->list, NULL, "P1: ");
    WRONG(waiter->next, waiter, "P1: ");
    WRONG(waiter->prev, waiter, "P1: ");
    WRONG(waiter->owner, (uintptr_t)zoo.flag, "P1: a waiter stands in a list, and its owner");
    WRONG(zoo.events[0]->in.waiter.owner, (uintptr_t)zoo.flag,
          "P1: task \"wait_event\" waits for an event, and somebody else would be woken");
    WRONG(zoo.event.waiters.count, 3, "P1: a list says that 3 wait, and more do");
    WRONG(zoo.event.waiters.count, 5, "P1: a list says that 5 wait, and fewer do");
    WRONG(zoo.event.waiters.loop, 999, "P1: a list of loop 999 has waiters of this one");
    WRONG(zoo.event.waiters.first, NULL, "P1: waiters, and those that lists hold (");
    WRONG(zoo.on_event.state, WATCH_IDLE, "P1: a waiter stands in a list, and its owner elsewhere");
    WRONG(joiners->count, 3, "P1: a list says that 3 wait");
    WRONG(joiners->first, NULL, "P1: 2 wait for a task's end, and none stands in the list");
    BROKEN((hark__list_remove(join), hark__list_add(&stray, join)),
           (hark__list_remove(join), hark__list_add(joiners, join)),
           "T3: who waits for a task's end");
}

ZOO(audit_finds_what_is_wrong_with_time)
{
    struct hark__wheel *wheel = &loop->wheel;
    struct hark_timer *timer = &zoo.sleeper->in.timer, extra = {.fire = timer->fire};
    const unsigned level = (unsigned)__builtin_ctz(wheel->used);
    unsigned word = 0;

    while (!wheel->bits[level][word]) {
        word++;
    }
    BROKEN(hark__wheel_disarm(wheel, timer), hark__wheel_arm(wheel, timer, timer->deadline),
           "P1: task \"sleep_for\" has a deadline, and no timer armed");
    BROKEN(hark__wheel_arm(wheel, &extra, HARK_S(9)), hark__wheel_disarm(wheel, &extra),
           "W: timers that somebody owns, and those in the wheel");
    BROKEN((extra.fire = NULL, hark__wheel_arm(wheel, &extra, HARK_S(9))),
           hark__wheel_disarm(wheel, &extra), "W: a timer is armed, and nothing would happen");
    WRONG(timer->deadline, timer->deadline / 2, "W1: a timer stands in slot");
    WRONG(timer->prev, &extra, "W1: a slot of the wheel is not one ring");
    WRONG(wheel->instant, HARK_FOREVER - 1, "W3: the wheel's instant has passed");
    BROKEN((loop->virtual_now = wheel->instant - 1), loop->virtual_now = wheel->instant,
           "W3: the wheel's instant is ahead of the clock");
    WRONG(wheel->bits[level][word], 0, "W4: level");
    WRONG(wheel->bits[0][0], 1, "W4: ");
    WRONG(wheel->used, 0, "W4: level");
    WRONG(wheel->count, wheel->count + 1, "W4: the wheel counts");
    WRONG(zoo.later.state, WATCH_IDLE, "K1: a watch's timer is armed, and the watch is not");
}

ZOO(audit_finds_what_is_wrong_with_scopes)
{
    struct hark_level *level = &zoo.scope.level;
    struct hark__wheel *wheel = &loop->wheel;

    BROKEN(hark__wheel_disarm(wheel, &zoo.scope.timer),
           hark__wheel_arm(wheel, &zoo.scope.timer, zoo.scope.deadline),
           "O3: task \"wait_in_scopes\" has a scope with a deadline, and its timer is not armed");
    BROKEN(hark__wheel_arm(wheel, &zoo.cancelled.timer, HARK_S(70)),
           hark__wheel_disarm(wheel, &zoo.cancelled.timer),
           "O3: task \"wait_in_scopes\" has a scope that is cancelled, and its timer is armed");
    WRONG(zoo.scope.deadline, HARK_FOREVER, "O3: task \"wait_in_scopes\" has a scope without");
    WRONG(zoo.scope.deadline, zoo.scope.deadline + 1, "N1: task \"wait_in_scopes\"");
    WRONG(zoo.scope.timer.fire, zoo.sleeper->in.timer.fire, "O3: task \"wait_in_scopes\"");
    WRONG(zoo.scope.task, zoo.flag, "O4: task \"wait_in_scopes\" stands in a scope that another");
    WRONG(level->mark, 77, "O4: task \"wait_in_scopes\" stands in a scope of another loop");
    WRONG(zoo.within->level->mark, 0, "O4: task \"wait_within\" stands in a scope of another");
    WRONG(level->flags, LEVEL_CLOSED, "O4: task \"wait_in_scopes\" stands in a scope that is closed");
    WRONG(level->flags, level->flags | LEVEL_TIMED_OUT, "O2: task \"wait_in_scopes\"");
    WRONG(level->flags, level->flags | LEVEL_ABORTED, "G3: task \"wait_in_scopes\"");
    WRONG(level->flags, level->flags | LEVEL_REACHED,
          "C2: task \"wait_in_scopes\" waits for an event");
    WRONG(zoo.shield.level.flags, zoo.shield.level.flags & ~(uint32_t)LEVEL_SHIELD,
          "C1: task \"wait_in_scopes\" has a scope that is reached by a cancellation");
    WRONG(zoo.flag->base.flags, zoo.flag->base.flags | LEVEL_REACHED, "C2: task \"wait_flag\"");
    WRONG(loop->running->level->flags, loop->running->level->flags | LEVEL_REACHED,
          "has a group that says that a cancellation reaches it, and none does");
    WRONG(loop->root.flags, loop->root.flags | LEVEL_REACHED, "C1: the run says");
    WRONG(loop->root.flags, LEVEL_ROOT, "C3: the root is not what it was");
    WRONG(zoo.shield.level.inner, NULL, "C3: task \"wait_in_scopes\" has levels that do not lead");
    WRONG(level->outer, NULL, "C3: task \"wait_in_scopes\" has a level with nothing around");
    WRONG(zoo.scoped->level, &zoo.flag->base, "C3: task \"wait_in_scopes\" does not find its own");
}

ZOO(audit_finds_what_is_wrong_with_groups)
{
    const struct hark_level *nest = zoo.starter->level;
    hark__task *first = zoo.nested.first;

    WRONG(group.children, group.children + 1, "G1: task \"main\" has a group of");
    WRONG(group.starting, NULL, "G1: task \"main\"");
    WRONG(zoo.nested.first, zoo.nested.first->next->next == first ? zoo.flag : NULL,
          "G1: task \"close_nested\" has a group with a child that is not its own");
    WRONG(first->next->prev, first->next, "is not linked with its siblings");
    WRONG(first->base.outer, &loop->root, "G1: ");
    WRONG(((hark_group *)group.starting)->scope.level.flags, LEVEL_CLOSED,
          "G5: task \"main\" has a group with a start that is not for it");
    WRONG(zoo.sleeper->level, NULL, "C3: task \"sleep_for\" has no level");
    WRONG(zoo.nested.closer, NULL, "G1: task \"close_nested\" waits for children, but is no");
    WRONG(group.closer, loop->running, "has a group whose closer does not wait");
    WRONG(zoo.starting->flags, 0, "G5: task \"wait_event\" is starting, but nobody started it");
    WRONG(loop->cancelled_starts, (struct hark__start *)nest, "G5: a start was noted");
    WRONG(zoo.flag->base.outer, zoo.closer->level, "G1: ");
}

ZOO(audit_finds_a_start_that_outlives_its_target)
{
    const int before = (int)group.scope.level.flags;

    (void)loop;
    BROKEN(group.scope.level.flags |= LEVEL_CANCELLED | LEVEL_REACHED,
           group.scope.level.flags = (uint32_t)before,
           "G5: task \"start_one\" starts a task for a group that is cancelled");
}

ZOO(audit_finds_what_is_wrong_with_descriptors)
{
    struct hark__fd *entry = hark__fd_peek(loop, zoo.pair[0]);
    struct hark__fd *watched = hark__fd_peek(loop, zoo.pair[1]);
    struct hark_waiter *waiter = &zoo.reader->in.waiter;

    WRONG(entry->waits[FD_IN], NULL, "F1: task \"wait_readable\" waits for a descriptor that");
    WRONG(waiter->owner, (uintptr_t)zoo.flag, "F1: task \"wait_readable\" waits for descriptor");
    WRONG(waiter->prev, NULL, "F1: task \"wait_readable\" waits for a descriptor that does not");
    BROKEN(entry->waits[FD_OUT] = &zoo.flag->in.waiter, entry->waits[FD_OUT] = NULL, "F5: ");
    BROKEN((entry->waits[FD_OUT] = &zoo.flag->in.waiter, loop->fd_waits++),
           (entry->waits[FD_OUT] = NULL, loop->fd_waits--), "F1: who waits for descriptors");
    BROKEN((entry->waits[FD_OUT] = &zoo.on_event.in.waiter), entry->waits[FD_OUT] = NULL,
           "has a waiter that does not wait");
    WRONG(entry->watches[FD_IN], &zoo.on_reader, "F1: both a task and a watch");
    WRONG(entry->armed, 0, "is waited for, and the hub was not asked");
    WRONG(entry->armed, 0x80, "F3: ");
    WRONG(watched->armed, POLLIN, "claims to be armed for 0x1");
    WRONG(watched->held, 0x80, "is held, drained or closing");
    BROKEN(watched->closing = true, watched->closing = false, "is held, drained or closing");
    WRONG(zoo.on_reader.fd, 0, "has a watch that is not for it");
    WRONG(zoo.on_reader.state, WATCH_READER | WATCH_QUEUED, "K1: readers and writers in the ring");
    WRONG(loop->fd_waits, loop->fd_waits + 1, "F5: ");
    BROKEN(entry->young = true, entry->young = false,
           "F: 1 descriptors are noted, and the list holds 0");
}

static int main_overflow(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    hark__task *task = spawn(wait_event, &zoo.event);
    CHECK_EQ(hark_settle(), 0);
    hark__stack *stack = hark__stack_at(task->sp, task->flags & TASK_CLASS);
    CHECK_HEALTHY();
    WRONG(stack->low[-64], 1, "T2: task \"wait_event\" has overflowed its stack");
    CHECK_EQ(hark_event_set(&zoo.event), 0);
    return hark_group_close(&group, 0);
}

TEST(audit_finds_a_stack_that_has_overflowed)
{
    CHECK_EQ(setenv("HARK_GUARD", "canary", 1), 0);
    CHECK_EQ(RUN_VIRTUAL(main_overflow, NULL), 0);
}

/* With the real clock waits are noted, to be looked at when they are old. */
INSIDE_REAL(audit_finds_what_is_wrong_with_noted_descriptors)
{
    int fds[2];

    CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    spawn(wait_readable, &fds[0]);
    hark_yield();
    struct hark__fd *entry = hark__fd_peek(hark__here, fds[0]);
    struct hark_timer *sweep = (struct hark_timer *)hark__fd_sweep(hark__here);
    CHECK(entry->young && hark__timer_armed(sweep));
    CHECK_HEALTHY();
    BROKEN(entry->young = false, entry->young = true, "is noted, and does not know");
    WRONG(entry->newer, entry, "F: 1 descriptors are noted, and the list holds 2");
    BROKEN(hark__wheel_disarm(&hark__here->wheel, sweep),
           hark__wheel_arm(&hark__here->wheel, sweep, sweep->deadline),
           "F: there are old waits to look at, and the timer for them is not armed");
    CHECK_EQ(write(fds[1], "x", 1), 1);
    hark_settle();
    hark_close(fds[0]);
    hark_close(fds[1]);
}

/* ---- lost wake-ups --------------------------------------------------------------------------- */

ZOO(audit_finds_who_waits_for_what_is_there)
{
    (void)loop;
    WRONG(zoo.event.set, true, "lost wake-up: task \"wait_event\" waits for what is there: an event");
    WRONG(zoo.flags.state, 1, "lost wake-up: task \"wait_flag\" waits for what is there: a flag");
    WRONG(zoo.sent.ready, true,
          "lost wake-up: task \"wait_future\" waits for what is there: a future");
    WRONG(zoo.done.head, 1,
          "lost wake-up: task \"wait_completion\" waits for what is there: the next future");
    WRONG(zoo.done.taken, 2, "lost wake-up: task \"wait_completion\"");
    WRONG(zoo.nested.children, 0,
          "lost wake-up: task \"close_nested\" waits for what is there: its children");
    WRONG(((hark_group *)zoo.starter->level)->children, 0, "lost wake-up: task \"start_one\"");
    WRONG_AT(true, zoo.job.delivered, true,
             "lost wake-up: task \"wait_thread\" waits for what is there: a thread");
    WRONG(zoo.job.task, NULL, "T1: task \"wait_thread\" waits for a thread that does not know it");
}

ZOO(audit_finds_at_rest_who_waits_for_what_the_world_has_brought)
{
    char byte, bytes[1 << 12];

    WRONG_AT(true, loop->virtual_now, HARK_FOREVER - 1, "lost wake-up: task \"sleep_for\"");
    WRONG_AT(true, zoo.other.set, true,
             "lost wake-up: task \"select_all\" waits for what is there: the first of");
    BROKEN_AT(true, CHECK_EQ(write(zoo.pair[1], "x", 1), 1), CHECK_EQ(read(zoo.pair[0], &byte, 1), 1),
              "lost wake-up: task \"wait_readable\" waits for what is there: descriptor");
    BROKEN_AT(true, CHECK_EQ(write(zoo.select_pair[1], "x", 1), 1),
              CHECK_EQ(read(zoo.select_pair[0], &byte, 1), 1), "lost wake-up: task \"select_all\"");
    CHECK_EQ(write(zoo.pair[1], "x", 1), 1);
    CHECK_STR(said(false), ""); /* the hub will say it */
    CHECK_EQ(read(zoo.pair[0], &byte, 1), 1);
    while (read(zoo.full[1], bytes, sizeof bytes) > 0) {}
    CHECK_HAS(said(true),
              "lost wake-up: task \"wait_either\" waits for what is there: one of some descriptors");
    CHECK_EQ(hark_settle(), 0); /* the hub had it */
}

/* ---- healthy in other situations ------------------------------------------------------------- */

static int remember_level(void *place)
{
    *(struct hark_level **)place = hark__here->running->level;
    return 0;
}

INSIDE(audit_finds_a_scope_of_within_that_is_free_and_open)
{
    struct hark_level *level = NULL;

    CHECK_EQ(hark_within(HARK_S(1), remember_level(&level)), 0);
    CHECK_HEALTHY();
    WRONG(level->flags, LEVEL_OPEN, "O5: a scope of hark_within is free, and in use");
}

static void audit_and_count(void *count)
{
    CHECK_EQ(hark_audit(), 0);
    ++*(int *)count;
}

INSIDE(audit_of_a_callback)
{
    hark_watch watch = HARK_WATCH_INIT, reader = HARK_WATCH_INIT;
    int count = 0, fds[2];

    CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(hark_call_soon(&watch, audit_and_count, &count), 0);
    CHECK_EQ(hark_add_reader(fds[0], &reader, audit_and_count, &count), 0);
    hark_yield();
    hark_yield();
    CHECK_GE(count, 2);
    CHECK_EQ(hark_audit(), 0); /* the reader is queued again */
    hark_unwatch(&reader);
    CHECK_EQ(hark_audit(), 0);
    hark_close(fds[0]);
    hark_close(fds[1]);
}

static int settle(void *arg)
{
    (void)arg;
    return hark_settle();
}

INSIDE(audit_of_settlers_and_of_a_start_whose_child_has_moved)
{
    hark_go(&group, settle, NULL);
    hark_yield();
    CHECK_EQ(hark__here->settlers.count, 1);
    CHECK_HEALTHY();
    WRONG(hark__here->settlers.first->owner, (uintptr_t)hark__here->running,
          "P1: the first of those");
}

static int say_started(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_started(0), 0);
    CHECK_STR(said(false), ""); /* the starter is ready, its start still noted */
    return 0;
}

INSIDE(audit_of_a_child_that_has_just_started)
{
    CHECK_GT(hark_start(&group, say_started, NULL, NULL), 0);
    CHECK_HEALTHY();
}

static int yield_and_audit(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_yield(), 0);
        CHECK_EQ(hark_audit(), 0);
    }
    return 0;
}

static int seeded_main(void *arg)
{
    hark_watch watches[4] = {0};
    int count = 0;

    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < 4; i++) {
        hark_go(&group, yield_and_audit, NULL);
        CHECK_EQ(hark_call_soon(&watches[i], audit_and_count, &count), 0);
    }
    for (int i = 0; i < 4; i++) {
        hark_yield();
        CHECK_EQ(hark_audit(), 0);
    }
    return hark_group_close(&group, 0);
}

/* Entries are moved in the ring then. */
TEST(audit_of_a_seeded_loop)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        CHECK_EQ(run_seeded(seed, seeded_main, NULL), 0);
    }
}

/* ---- the public call ------------------------------------------------------------------------- */

TEST(audit_without_a_loop)
{
    CHECK_MISUSE(hark_audit(), -ENOTSUP, "no loop");
}

INSIDE(audit_says_in_words_what_is_broken)
{
    CHECK_EQ(hark_audit(), 0);
    hark__here->fd_waits++;
    const int rc = hark_audit();
    hark__here->fd_waits--;
    CHECK_EQ(rc, -EUCLEAN);
    CHECK_HAS(hark_error_last(),
              "F5: 0 wait for descriptors, and the loop counts 1; 1 broken in all");
}
