/* SPDX-License-Identifier: MIT
 *
 * audit_edges_test.c - each condition of the audit alone: what audit_test.c breaks in one way is
 * broken in its other ways here, one field at a time, and what only looks broken is let pass.
 *
 * Idea     As there: break, ask, mend, and ask again. Scenes are small, so that a wrong field is
 *          the only thing that is wrong. The audit says the first thing that it finds: where one
 *          wrong field breaks several rules, only the rule's letter is asked for.
 */
#include "../sync/scene.h"

#include "core/core.h"

static char words[800];

/* What the audit says. */
static const char *said(bool at_rest)
{
    struct hark__text text;
    hark__text_to_string(&text, words, sizeof words);
    const int broken = hark__audit(hark__here, at_rest, &text);
    CHECK_EQ(broken > 0, words[0] != 0);
    return words;
}

/* Do, ask, undo; then say. */
#define BROKEN(breaks, mends, needle) \
    do { \
        static char found_[800]; \
        breaks; \
        snprintf(found_, sizeof found_, "%s", said(false)); \
        mends; \
        CHECK_HAS(found_, needle); \
        CHECK_STR(said(false), ""); \
    } while (0)

/* The same for one value that is overwritten. */
#define WRONG(place, value, needle) \
    do { \
        __typeof__(place) before_ = (place); \
        BROKEN((place) = (value), (place) = before_, needle); \
    } while (0)

static struct {
    char bytes[256];
} no_task;
#define NO_TASK ((hark__task *)(void *)&no_task)

static hark_event event;

static int waits(void *arg)
{
    return hark_event_wait(arg);
}

static int ends_cancelled(int rc)
{
    return rc == -ECANCELED ? rc : -EIO;
}

static hark__task *spawn(hark_fn *fn, void *arg)
{
    return hark__task_find(hark__here, hark_go(&group, fn, arg));
}

static void ignore(void *arg)
{
    (void)arg;
}

/* ---- levels and groups ----------------------------------------------------------------------- */

static hark_group nested;

static int closes_nested(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&nested), 0);
    CHECK_GT(hark_go(&nested, waits, &event), 0);
    CHECK_GT(hark_go(&nested, waits, &event), 0);
    return hark_group_close(&nested, 0);
}

INSIDE(audit_edges_of_groups)
{
    hark__task *closer = spawn(closes_nested, NULL), *sleeper = spawn(waits, &event);
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(true), "");
    hark__task *child = nested.first;
    uint32_t *flags = &nested.scope.level.flags;
    WRONG(*flags, *flags | LEVEL_ABORTED, "G3: ");
    WRONG(nested.first, NO_TASK, "with a child that is not its own");
    WRONG(child->next, NO_TASK, "is not linked with its siblings");
    WRONG(nested.closer, sleeper, "G1: ");
    WRONG(closer->wait, sleeper->wait, "1: ");
    WRONG(*flags, LEVEL_GROUP | LEVEL_CLOSED, "O4: ");
    WRONG(child->base.outer, NULL, "G1: ");
    WRONG(nested.closer, NULL, "but is no group's closer");
    nested.closer = NULL;
    CHECK_HAS(said(true), "but is no group's closer");
    nested.closer = closer;
    WRONG(hark__here->root.outer, &nested.scope.level, "C3: the root");
    WRONG(hark__here->root.inner, &nested.scope.level, "C3: the root");
    hark_event_set(&event);
}

struct start { /* how hark__start begins */
    hark_group nest;
    hark_group *target;
};

static int starts(void *arg)
{
    (void)arg;
    return (int)hark_start(&nested, waits, &event, NULL) == -EINVAL ? 0 : -EIO;
}

INSIDE(audit_edges_of_starts)
{
    CHECK_EQ(hark_group_open(&nested), 0);
    hark__task *starter = spawn(starts, NULL);
    spawn(starts, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(true), "");
    struct start *start = (struct start *)starter->level;
    hark__task *child = start->nest.first;
    WRONG(start->target, &group, "has a group with a start that is not for it");
    WRONG(start->nest.scope.task, NO_TASK, "has a group with a start that is not for it");
    WRONG(child->base.outer, &group.scope.level, "G1: ");
    WRONG(nested.children, 0, "G1: ");
    hark_event_set(&event);
    CHECK_EQ(hark_group_close(&nested, 0), 0);
}

static const struct hark__wait_kind unknown = {.what = "what no audit knows"};

static int parks(void *arg)
{
    (void)arg;
    return hark__park(&unknown);
}

INSIDE(audit_edges_of_the_loop)
{
    hark__task *parked = spawn(parks, NULL);
    hark_future f = HARK_FUTURE_INIT;
    hark_loop *loop = hark__here;
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(false), "");
    hark__ready(loop, parked, 0);
    CHECK_EQ(hark_future_fail(&f, -EIO, "words"), 0);
    CHECK_EQ(hark_future_wait(&f, NULL), -EIO);
    WRONG(loop->words[1].serial, 33, "E: the words of failure 33 stand in a wrong place");
    WRONG(loop->words_next, 40, "E: the words of failure 1 stand in a wrong place");
    WRONG(loop->running, NO_TASK, "P1: what the loop runs is no running task");
    WRONG(loop->tail, loop->head + loop->mask + 2, "L1: ");
}

static int audits_after_a_deadlock(void *arg)
{
    CHECK_EQ(waits(arg), -ECANCELED);
    CHECK_STR(said(false), "");
    return 0;
}

TEST(audit_edges_of_a_deadlock_all_is_reached_by_its_cancellation)
{
    CHECK_EQ(RUN_VIRTUAL(audits_after_a_deadlock, &event), -EDEADLK);
}

static hark_scope *free_scope;

static int notes_its_scope(void)
{
    free_scope = (hark_scope *)hark__here->running->level;
    return 0;
}

INSIDE(audit_edges_of_scopes_that_hark_within_has_left)
{
    static const char needle[] = "O";
    CHECK_EQ(hark_within(HARK_S(1), notes_its_scope()), 0);
    WRONG(free_scope->level.flags, LEVEL_OPEN, needle);
    WRONG(free_scope->timer.next, &free_scope->timer, needle);
    WRONG(*(void **)(free_scope + 1), free_scope, needle); /* the next free one is itself */
}

/* ---- rings and lists ------------------------------------------------------------------------- */

INSIDE(audit_edges_of_watches_that_are_due)
{
    static hark_watch w[2];
    hark_loop *loop = hark__here;
    CHECK_EQ(hark_call_soon(&w[0], ignore, NULL) | hark_call_soon(&w[1], ignore, NULL), 0);
    const uint32_t spare = w[1].spare;
    BROKEN((loop->random = 1, w[1].spare = w[0].spare), (loop->random = 0, w[1].spare = spare),
           "K1: a watch stands in the ring where it was not put, or twice");
}

static int selects_event(void *arg)
{
    hark_case cases[2] = {hark_on_event(arg), hark_on_time(HARK_FOREVER)};
    return hark_select(cases, 2) == 0 ? 0 : -EIO;
}

INSIDE(audit_edges_of_waiters)
{
    hark_event other = HARK_EVENT_INIT;
    hark_watch watch = {0}, early = {0};
    hark__task *first = spawn(waits, &event), *second = spawn(waits, &event);
    spawn(selects_event, &event);
    CHECK_EQ(hark_event_watch(&other, &early, ignore, NULL), 0);
    hark__task *behind_watch = spawn(waits, &other);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_event_watch(&event, &watch, ignore, NULL), 0);
    CHECK_STR(said(true), "");
    struct hark_waiter *selects = second->in.waiter.next;
    uintptr_t *owner = &second->in.waiter.owner;
    WRONG(*owner, *owner | OWNER_KIND, "P1: ");
    WRONG(*owner, (uintptr_t)&no_task, "P1: ");
    WRONG(*owner, (uintptr_t)first, "P1: ");
    WRONG(selects->owner, (uintptr_t)&no_task | OWNER_CASE, "P1: ");
    WRONG(selects->owner, (uintptr_t)hark__here->running | OWNER_CASE, "P1: ");
    WRONG(selects->owner, (uintptr_t)first | OWNER_CASE, "P1: ");
    const struct hark__wait_kind *kind = behind_watch->wait;
    const uintptr_t before = selects->owner;
    BROKEN((selects->owner = (uintptr_t)behind_watch | OWNER_CASE, behind_watch->wait = NULL),
           (selects->owner = before, behind_watch->wait = kind), "P1: ");
    WRONG(first->in.waiter.owner, (uintptr_t)first | OWNER_WATCH, "P1: ");
    WRONG(watch.loop, 0, "P1: ");
    WRONG(watch.in.waiter.owner, (uintptr_t)&early | OWNER_WATCH, "P1: ");
    WRONG(second->in.waiter.next, NULL, "P1: ");
    WRONG(second->in.waiter.prev, NULL, "P1: ");
    struct hark_waiter stray = {.owner = (uintptr_t)&early | OWNER_WATCH};
    const struct hark_waitlist list = other.waiters;
    BROKEN((other.waiters.count = 0, other.waiters.first = &stray), other.waiters = list, "P1: ");
    CHECK_PTR(behind_watch->in.waiter.list, &other.waiters);
    CHECK_EQ(hark_unwatch(&watch), 0);
    hark_event_set(&event);
    hark_event_set(&other);
    CHECK_EQ(hark_settle(), 0);
}

static int joins(void *task)
{
    return hark_task_wait(((hark__task *)task)->id);
}

INSIDE(audit_edges_of_joiners)
{
    hark__task *joined = spawn(waits, &event), *joiner = spawn(joins, joined);
    CHECK_EQ(hark_settle(), 0);
    WRONG(joined->extra->joiners.count, 0, ", and one stands in the list");
    WRONG(joiner->in.waiter.list, &event.waiters, "P1: the first of those who ");
    hark_event_set(&event);
}

/* ---- the wheel ------------------------------------------------------------------------------- */

static int sleeps_until(void *deadline)
{
    return ends_cancelled(hark_sleep_until(*(int64_t *)deadline));
}

INSIDE(audit_edges_of_timers)
{
    static int64_t late = HARK_FOREVER - 1, soon[4];
    hark_loop *loop = hark__here;
    hark_watch watch = {0};
    spawn(sleeps_until, &late); /* the wheel's last level */
    const int64_t base = ((hark_now() + HARK_S(1)) | 0xffff) + 1;
    CHECK_EQ(hark_sleep_until(base), 0);
    for (int i = 0; i < 4; i++) {
        soon[i] = base + 50 + (i ? 8 + i / 2 : 0); /* 50, 58, 59, 59 */
    }
    hark__task *sleeper = spawn(sleeps_until, &soon[0]);
    spawn(sleeps_until, &soon[1]);
    spawn(sleeps_until, &soon[2]);
    spawn(sleeps_until, &soon[3]);
    static int64_t minute;
    minute = base + HARK_S(60);
    spawn(sleeps_until, &minute);
    CHECK_EQ(hark_call_at(minute + 1, &watch, ignore, NULL), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_STR(said(false), "");
    WRONG(sleeper->in.timer.deadline, HARK_FOREVER, "has a timer for no deadline");
    WRONG(loop->wheel.instant, minute & ~(int64_t)255, "W");
    WRONG(watch.loop, 0, "K1: a watch's timer is armed, and the watch is not");
    WRONG(sleeper->in.timer.next, NULL, "P1: ");
    WRONG(loop->wheel.count, 0, "W4: the wheel counts 0 timers");
    WRONG(loop->wheel.count, 3, "W4: the wheel counts 3 timers");
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_S(30)), 0);
    WRONG(scope.task, NO_TASK, "O4: ");
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(hark_unwatch(&watch), 0);
    hark_group_cancel(&group);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int fds[2];

static int waits_to_read(void *arg)
{
    (void)arg;
    return ends_cancelled(hark_wait_fd(fds[1], POLLIN));
}

static int selects_reading(void *arg)
{
    hark_case one = hark_on_fd(*(int *)arg, POLLIN);
    return ends_cancelled(hark_select(&one, 1));
}

static int selects_writing(void *arg)
{
    hark_case one = hark_on_fd(*(int *)arg, POLLOUT);
    return ends_cancelled(hark_select(&one, 1));
}

static void settle_cancelled(void)
{
    hark_scope rest;
    hark_group_cancel(&group);
    CHECK_EQ(hark_scope_open(&rest, HARK_FOREVER) | hark_scope_shield(&rest, true), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_scope_close(&rest, 0), 0);
}

INSIDE(audit_edges_of_descriptors)
{
    int other[2];
    char bytes[4096] = {0};
    hark_watch writer = {0};
    CHECK_EQ(hark_socketpair(fds) | hark_socketpair(other), 0);
    while (write(fds[0], bytes, sizeof bytes) > 0) {}
    while (write(other[0], bytes, sizeof bytes) > 0) {}
    CHECK_EQ(hark_add_writer(fds[0], &writer, ignore, NULL), 0);
    spawn(selects_writing, &other[0]);
    spawn(selects_reading, &other[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(false), "");
    struct hark__fd *entry = hark__fd_peek(hark__here, fds[0]);
    WRONG(writer.loop, 0, "has a watch that is not for it");
    WRONG(writer.state, WATCH_LISTED, "has a watch that is not for it");
    WRONG(writer.state, WATCH_TIMED | WATCH_WRITER, "has a watch that is not for it");
    WRONG(writer.fd, fds[1], "has a watch that is not for it");
    WRONG(entry->held, 0x40, "is held, drained or closing by nobody");
    WRONG(entry->drained, 0x40, "is held, drained or closing by nobody");
    struct hark_timer *sweep = (struct hark_timer *)hark__fd_sweep(hark__here);
    WRONG(sweep->next, sweep, "there are no old waits to look at, and the timer for them is armed");
    entry->closing = true;
    entry->workers = 1; /* so it may be closing */
    CHECK_STR(said(false), "");
    entry->closing = false;
    entry->workers = 0;
    CHECK_EQ(hark_unwatch(&writer), 0);
    settle_cancelled();
    CHECK_EQ(hark_close(fds[0]) | hark_close(fds[1]), 0);
    CHECK_EQ(hark_close(other[0]) | hark_close(other[1]), 0);
}

INSIDE(audit_edges_of_readers)
{
    int other[2];
    CHECK_EQ(hark_socketpair(fds) | hark_socketpair(other), 0);
    hark__task *reader = spawn(waits_to_read, NULL);
    spawn(selects_reading, &other[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(true), "");
    WRONG(reader->in.waiter.next, NULL, "waits for a descriptor that does not know it");
    WRONG(reader->in.waiter.list, &event.waiters, "and another would be woken");
    WRONG(reader->in.waiter.owner, (uintptr_t)reader | OWNER_WATCH, "and another would be woken");
    close(fds[1]); /* behind our back: closed numbers are not ready */
    close(other[0]);
    CHECK_STR(said(true), "");
    CHECK_EQ(dup2(fds[0], fds[1]), fds[1]);
    CHECK_EQ(dup2(fds[0], other[0]), other[0]);
    settle_cancelled();
    CHECK_EQ(hark_close(fds[0]) | hark_close(fds[1]), 0);
    CHECK_EQ(hark_close(other[0]) | hark_close(other[1]), 0);
}

static int other_end[2];

/* Only with the real clock are waits noted to be looked at when they are old. */
INSIDE_REAL(audit_edges_of_waits_that_grow_old)
{
    CHECK_EQ(hark_socketpair(fds) | hark_socketpair(other_end), 0);
    spawn(waits_to_read, NULL);
    spawn(selects_reading, &other_end[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(true), "");
    struct hark__fd *oldest = (struct hark__fd *)hark__fd_noted(hark__here, false);
    struct hark__fd *newest = (struct hark__fd *)hark__fd_noted(hark__here, true);
    struct hark_timer *sweep = (struct hark_timer *)hark__fd_sweep(hark__here);
    CHECK_PTR(oldest->newer, newest);
    BROKEN((oldest->newer = NULL, newest->young = false),
           (oldest->newer = newest, newest->young = true),
           "F: 1 descriptors are noted, and the list");
    WRONG(sweep->next, NULL, ": ");
    settle_cancelled();
    CHECK_EQ(hark_close(fds[0]) | hark_close(fds[1]), 0);
    CHECK_EQ(hark_close(other_end[0]) | hark_close(other_end[1]), 0);
}
