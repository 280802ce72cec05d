/* SPDX-License-Identifier: MIT
 *
 * select.c - wait for the first of many; hark/select.h has the promises.
 *
 * Idea     Each case has a waiter of its own in the caller's array. If no case can happen now, all
 *          of them join what they wait for and the task parks once. Whoever wakes one of the
 *          waiters calls `chosen`, which takes the others out at once: so from that instant nothing
 *          can be given to them, and they leave no trace.
 *
 *          What a case is stands in a table of functions; the algorithm knows no primitive. But
 *          most cases only stand in a list, and most of many are idle: so there is no call for each
 *          of them. A kind looks at a row of its cases (`look`), and one without a `join` stands in
 *          the list that its object has.
 *
 * Rules    T1  A case that happened has had its effect when select returns its index; the others
 *              have had none.
 *          T2  Those that are not idle are asked in a random order, so that of those that are ready
 *              each has the same chance.
 *          T3  A descriptor's report may be spurious (an edge that somebody else used up): it is
 *              looked at again before the others are taken out, so that nothing that happens
 *              meanwhile is missed.
 *          T4  No case is passed over that could happen, that must be refused, or whose primitive
 *              has yet to be bound.
 */
#include <limits.h>

#include "core/core.h"
#include "sync/lock.h"
#include "sync/sync.h"

#define TOLD_MOST 8 /* cases that a report names */

/* What a parked task waits in: its record's waiter tells. */
struct selection {
    hark_case *cases;
    int count;
};

/* A parked task is woken with the index; with this much added where words are due. */
#define WITH_WORDS INT_MIN

/* ---- events, flags --------------------------------------------------------------------------- */

int hark__case_check_list(hark_case *c, const char *call)
{
    return c->object ? hark__touch(c->object, call)
                     : hark__fail(-EINVAL, call, "a case's primitive is NULL");
}

int hark__case_join_list(hark_loop *loop, hark_case *c)
{
    (void)loop;
    hark__list_add(c->object, &c->in.waiter); /* each of the three begins with its list */
    return 0;
}

void hark__case_leave_list(hark_loop *loop, hark_case *c)
{
    (void)loop;
    if (c->in.waiter.list) {
        hark__list_remove(&c->in.waiter);
    }
}

void hark__case_stands_in_list(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__audit_waiter(audit, task, &c->in.waiter);
}

static bool event_ready(hark_case *c)
{
    return hark_event_is_set(c->object);
}

static bool flag_ready(hark_case *c)
{
    return hark_flag_is_set(c->object);
}

static int check_since(hark_case *c, const char *call)
{
    int error = hark__case_check_list(c, call);
    return error ? error : hark__flag_check_since(c->object, (uint64_t)c->number, call);
}

static bool since_ready(hark_case *c)
{
    return hark_flag_generation(c->object) != (uint64_t)c->number;
}

_Static_assert(offsetof(hark_event, waiters) == 0 && offsetof(hark_flag, waiters) == 0,
               "a case's object is its list");

/* ---- the end of a task ----------------------------------------------------------------------- */

static int check_task(hark_case *c, const char *call)
{
    return c->number == hark_self()
               ? hark__fail(-EDEADLK, call, "a task cannot wait for its own end")
               : 0;
}

static bool task_ready(hark_case *c)
{
    return !hark__task_find(hark__here, c->number);
}

static int join_task(hark_loop *loop, hark_case *c)
{
    struct hark__extra *extra = hark__task_extra(hark__task_find(loop, c->number));

    if (!extra) {
        return -ENOMEM;
    }
    hark__list_add(&extra->joiners, &c->in.waiter);
    return 0;
}

static void describe_task(const hark_case *c, struct hark__text *text)
{
    hark__text_put(text, " ");
    hark__holder_put(c->number, text);
}

static void stands_with_joiners(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__audit_joiner(audit, task, &c->in.waiter);
}

/* ---- time ------------------------------------------------------------------------------------ */

static int check_nothing(hark_case *c, const char *call)
{
    (void)c;
    (void)call;
    return 0;
}

static bool time_ready(hark_case *c)
{
    return c->number <= hark__loop_now(hark__here);
}

static void fire_case(struct hark_timer *timer)
{
    hark_case *c = container_of(timer, hark_case, in.timer);
    hark__task *task = c->object;

    task->wait->chosen(task, &c->in.waiter, 0);
}

static int join_time(hark_loop *loop, hark_case *c)
{
    c->object = loop->running;
    c->in.timer = (struct hark_timer){.fire = fire_case};
    if (c->number != HARK_FOREVER) {
        hark__wheel_arm(&loop->wheel, &c->in.timer, c->number);
    }
    return 0;
}

static void leave_time(hark_loop *loop, hark_case *c)
{
    hark__wheel_disarm(&loop->wheel, &c->in.timer);
}

static void describe_time(const hark_case *c, struct hark__text *text)
{
    if (c->number == HARK_FOREVER) {
        hark__text_put(text, ", for ever");
        return;
    }
    hark__text_put(text, ", for another ");
    hark__text_duration(text, c->number - hark__loop_now(hark__here));
}

static void stands_in_wheel(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__audit_timer(audit, task, &c->in.timer, c->number);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int check_fd(hark_case *c, const char *call)
{
    if (c->number < 0) {
        return hark__fail(-EBADF, call, "descriptor %ld is not open", (long)c->number);
    }
    if (!c->events || c->events & ~(POLLIN | POLLOUT)) {
        return hark__fail(-EINVAL, call,
                          "the events of descriptor %ld are 0x%x; give POLLIN, POLLOUT or both",
                          (long)c->number, (unsigned)c->events);
    }
    return 0;
}

static bool fd_ready(hark_case *c)
{
    struct pollfd poll = {.fd = (int)c->number, .events = (short)c->events};

    if (hark__fd_look(hark__here, &poll) <= 0) {
        return false;
    }
    c->result = poll.revents & POLLNVAL ? -EBADF : 0;
    return true;
}

/* Waiting marks a waiter with its entry (interest.c); NULL: it does not wait. */
static void leave_fd(hark_loop *loop, hark_case *c)
{
    struct hark_waiter *both[2] = {&c->in.waiter, &c->second};

    for (int i = 0; i < 2; i++) {
        if (both[i]->next && *(struct hark_waiter **)both[i]->prev == both[i]) {
            hark__fd_leave(loop, both[i]);
        }
        both[i]->next = NULL;
    }
}

static int join_fd(hark_loop *loop, hark_case *c)
{
    struct hark__fd *entry = hark__fd_entry(loop, (int)c->number);
    int error = entry ? 0 : -ENOMEM;

    c->second = (struct hark_waiter){.owner = c->in.waiter.owner};
    if (!error && c->events & POLLIN) {
        error = hark__fd_join(loop, entry, FD_IN, &c->in.waiter);
    }
    if (!error && c->events & POLLOUT) {
        error = hark__fd_join(loop, entry, FD_OUT, &c->second);
    }
    if (error) {
        leave_fd(loop, c);
    }
    return error;
}

static void stands_at_fd(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    if (c->events & POLLIN) {
        hark__audit_fd(audit, task, &c->in.waiter);
    }
    if (c->events & POLLOUT) {
        hark__audit_fd(audit, task, &c->second);
    }
}

static void describe_fd(const hark_case *c, struct hark__text *text)
{
    hark__text_put(text, " %ld%s%s%s", (long)c->number, c->events & POLLIN ? " to be readable" : "",
                   c->events == (POLLIN | POLLOUT) ? " or" : "",
                   c->events & POLLOUT ? " to be writable" : "");
}

static void explain_fd(hark_case *c, const char *call)
{
    hark__fail(c->result, call, "descriptor %ld is not open (any more)", (long)c->number);
}

static bool event_is_idle(const hark_case *c)
{
    return !((const hark_event *)c->object)->set;
}

static hark_case *look_at_events(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, hark__case_is_sound, event_is_idle);
}

static bool flag_is_idle(const hark_case *c)
{
    return !hark_flag_is_set(c->object);
}

static hark_case *look_at_flags(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, hark__case_is_sound, flag_is_idle);
}

static bool since_is_sound(const hark_case *c, uint32_t loop)
{
    return hark__case_is_sound(c, loop) && hark_flag_generation(c->object) >= (uint64_t)c->number;
}

static bool since_is_idle(const hark_case *c)
{
    return hark_flag_generation(c->object) == (uint64_t)c->number;
}

static hark_case *look_at_since(hark_case *c, struct hark__look *look)
{
    return hark__look_at_row(c, look, since_is_sound, since_is_idle);
}

static const struct hark__case_kind on_event = {
    .what = "an event",
    .check = hark__case_check_list,
    .look = look_at_events,
    .ready = event_ready,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_flag = {
    .what = "a flag",
    .check = hark__case_check_list,
    .look = look_at_flags,
    .ready = flag_ready,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_flag_since = {
    .what = "a flag to be set again",
    .check = check_since,
    .look = look_at_since,
    .ready = since_ready,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_task = {
    .what = "the end of",
    .check = check_task,
    .look = hark__look_at_one,
    .ready = task_ready,
    .join = join_task,
    .stands = stands_with_joiners,
    .describe = describe_task,
};
static const struct hark__case_kind on_time = {
    .what = "time to pass",
    .check = check_nothing,
    .look = hark__look_at_one,
    .ready = time_ready,
    .join = join_time,
    .leave = leave_time,
    .stands = stands_in_wheel,
    .describe = describe_time,
};
static const struct hark__case_kind on_fd = {
    .what = "descriptor",
    .check = check_fd,
    .look = hark__look_at_one,
    .ready = fd_ready,
    .join = join_fd,
    .leave = leave_fd,
    .stands = stands_at_fd,
    .describe = describe_fd,
    .explain = explain_fd,
    .confirm = true,
};

hark_case hark_on_event(hark_event *e)
{
    return (hark_case){.kind = &on_event, .object = e};
}

hark_case hark_on_flag(hark_flag *f)
{
    return (hark_case){.kind = &on_flag, .object = f};
}

hark_case hark_on_flag_since(hark_flag *f, uint64_t generation)
{
    return (hark_case){.kind = &on_flag_since, .object = f, .number = (int64_t)generation};
}

hark_case hark_on_task(hark_task t)
{
    return (hark_case){.kind = &on_task, .number = t};
}

hark_case hark_on_time(int64_t deadline)
{
    return (hark_case){.kind = &on_time, .number = deadline};
}

hark_case hark_on_fd(int fd, short events)
{
    return (hark_case){.kind = &on_fd, .number = fd, .events = events};
}

/* ---- the algorithm --------------------------------------------------------------------------- */

static struct selection selection_of(const hark__task *task)
{
    return (struct selection){(hark_case *)task->in.waiter.next, (int)task->in.waiter.owner};
}

/* Most kinds only stand in a list: without a call for each case. */
static inline int stand(hark_loop *loop, hark_case *c, hark__task *task)
{
    uintptr_t owner = (uintptr_t)task | OWNER_CASE;

    if (c->kind->join) {
        c->in.waiter = (struct hark_waiter){.owner = owner};
        return c->kind->join(loop, c);
    }
    c->in.waiter.owner = owner;
    hark__list_add((struct hark_waitlist *)((char *)c->object + c->kind->list), &c->in.waiter);
    return 0;
}

static inline void leave(hark_loop *loop, hark_case *c)
{
    if (c->kind->leave) {
        c->kind->leave(loop, c);
    } else if (c->in.waiter.list) {
        hark__list_remove(&c->in.waiter);
    }
}

static void leave_all(hark_loop *loop, struct selection selection)
{
    int count = selection.count - (planted(select_leaves_a_case_behind) && selection.count > 1);

    for (hark_case *c = selection.cases, *end = c + count; c < end; c++) {
        leave(loop, c);
    }
}

/* Which case does a waiter belong to? Either of the two in it may be the one. */
static int index_of(struct selection selection, const struct hark_waiter *waiter)
{
    return (int)(((const char *)waiter - (const char *)selection.cases) /
                 (ptrdiff_t)sizeof(hark_case));
}

/* Rule T3. The hint was wrong: this case goes on waiting, and the others have never stopped. */
static bool rejoin(hark__task *task, hark_case *c)
{
    leave(hark__here, c);
    c->result = planted(select_looks_before_it_stands) ? 0 : stand(hark__here, c, task);
    return c->result == 0;
}

static void case_chosen(hark__task *task, struct hark_waiter *waiter, int result)
{
    struct selection selection = selection_of(task);
    int index = index_of(selection, waiter);
    hark_case *c = &selection.cases[index];

    c->result = result;
    if (c->kind->confirm && result >= 0 && !c->kind->ready(c) && rejoin(task, c)) {
        return;
    }
    leave_all(hark__here, selection);
    bool more = c->result < 0 || planted(select_two_happen);
    hark__ready(hark__here, task, more ? WITH_WORDS + index : index);
}

static void leave_selection(hark__task *task)
{
    leave_all(hark__here, selection_of(task));
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    hark__text_put(text, "%s", c->kind->what);
    if (c->kind->describe) {
        c->kind->describe(c, text);
    } else {
        hark__text_put(text, " at %p", c->object);
    }
}

static void describe_selection(const hark__task *task, struct hark__text *text)
{
    struct selection selection = selection_of(task);
    int count = selection.count, told = count > TOLD_MOST ? TOLD_MOST : count;

    for (int i = 0; i < told; i++) {
        hark__text_put(text, "%s%s", i ? "; " : ": ", i && i == count - 1 ? "or " : "");
        describe_case(&selection.cases[i], text);
    }
    if (told < count) {
        hark__text_put(text, "; or one of %d more", count - told);
    }
}

/* Only if all of them are to be had from a holder. */
static bool waits_for_holders(struct selection selection)
{
    for (int i = 0; i < selection.count; i++) {
        if (!selection.cases[i].kind->holder) {
            return false;
        }
    }
    return true;
}

static const hark__task *holder_awaited(const hark__task *task, int which)
{
    struct selection selection = selection_of(task);

    if (which >= selection.count) {
        return NULL;
    }
    const hark_case *c = &selection.cases[which];
    if (planted(ring_through_any_select)) {
        return c->kind->holder ? c->kind->holder(c) : NULL;
    }
    return which > 0 || waits_for_holders(selection) ? c->kind->holder(c) : NULL;
}

/* Asking a case writes its result, which is not ours to keep. A number that is not open is nothing
 * that would have come by itself. */
static bool any_there(const hark__task *task)
{
    struct selection selection = selection_of(task);
    bool there = false;

    for (int i = 0; i < selection.count && !there; i++) {
        hark_case *c = &selection.cases[i];
        bool (*is_there)(hark_case * c) = c->kind->there ? c->kind->there : c->kind->ready;
        int before = c->result;
        there = is_there(c) && !(c->kind->confirm && c->result == -EBADF);
        c->result = before;
    }
    return there;
}

static void selection_stands(const hark__task *task, struct hark__audit *audit)
{
    struct selection selection = selection_of(task);

    for (int i = 0; i < selection.count; i++) {
        selection.cases[i].kind->stands(task, &selection.cases[i], audit);
    }
}

/* Two cases cannot both wait for one direction of a descriptor. */
static int check_descriptor(const hark_case *cases, const hark_case *c, const char *call)
{
    for (const hark_case *before = cases; before < c; before++) {
        if (before->kind == &on_fd && before->number == c->number && before->events & c->events) {
            return hark__fail(-EBUSY, call,
                              "cases %d and %d wait for the same descriptor, %ld; make one of them",
                              (int)(before - cases), (int)(c - cases), (long)c->number);
        }
    }
    return 0;
}

hark_case *hark__look_at_one(hark_case *c, struct hark__look *look)
{
    look->error = c->kind->check(c, look->call);
    if (!look->error && c->kind == &on_fd) {
        look->error = check_descriptor(look->cases, c, look->call);
    }
    if (look->error) {
        return NULL;
    }
    hark__look_ask(look, c);
    return c + 1;
}

/* May all of them be waited for? Then how many are to be asked whether they are ready. */
static int look_at_all(hark_loop *loop, hark_case *cases, int n, const char *call)
{
    if (!cases || n <= 0) {
        return hark__fail(-EINVAL, call, "there is no case to wait for");
    }
    struct hark__look look = {cases, cases + n, call, loop->id, 0, 0};
    for (hark_case *c = cases; c && c < look.end;) {
        if (!c->kind) {
            return hark__fail(-EINVAL, call, "case %d was not made by a hark_on_... call",
                              (int)(c - cases));
        }
        c = c->kind->look(c, &look);
    }
    return look.error ? look.error : look.asked;
}

static void happened(hark_case *c, const char *call)
{
    if (c->result < 0 && c->kind->explain) {
        c->kind->explain(c, call);
    }
}

/* Rule T2. Below `count`, at random: a place that only moves on would favour the case behind a gap of
 * those that are not ready. */
static int draw(hark_loop *loop, int count)
{
    if (loop->random) {
        return (int)hark__choices.pick(&loop->random, HARK__CHOOSE_CASE, (uint32_t)count);
    }
    loop->fair_turn = loop->fair_turn * 1664525u + 1013904223u;
    return (int)((uint64_t)loop->fair_turn * (uint32_t)count >> 32);
}

/* In an order that is shuffled while they are asked. */
static int find_ready(hark_loop *loop, hark_case *cases, int count)
{
    for (int i = 0; i < count; i++) {
        int other = count - i > 1 ? i + draw(loop, count - i) : i, index = cases[other].order;
        cases[other].order = cases[i].order;
        if (cases[index].kind->ready(&cases[index])) {
            return index;
        }
        cases[index].result = 0;
    }
    return -EAGAIN;
}

/* What can happen at once: its index; -EAGAIN: nothing; or why one may not wait for them. */
static int select_now(hark_loop *loop, hark_case *cases, int n, const char *call)
{
    int count = look_at_all(loop, cases, n, call), index = count ? count : -EAGAIN;

    if (count > 0 && (index = find_ready(loop, cases, count)) >= 0) {
        happened(&cases[index], call);
    }
    return index;
}

/* It was cancelled; or a case has happened that has words. */
static int after_select(hark__task *self, int code)
{
    struct selection selection = selection_of(self);
    int index = code - WITH_WORDS;

    if (index >= selection.count) {
        return code;
    }
    if (planted(select_two_happen)) {
        return select_now(hark__here, selection.cases, selection.count, "hark_select");
    }
    happened(&selection.cases[index], "hark_select");
    return index;
}

static const struct hark__wait_kind select_kind = {
    .what = "the first of",
    .leave = leave_selection,
    .chosen = case_chosen,
    .after = after_select,
    .describe = describe_selection,
    .there = any_there,
    .stands = selection_stands,
    .holder = holder_awaited,
};

/* The caller is about to wait. */
static int check_ring(struct selection selection, const char *call)
{
    const hark__task *self = hark__here->running;

    if (!waits_for_holders(selection) || planted(select_ring_is_not_seen)) {
        return 0;
    }
    const hark_case *c = selection.cases, *end = c + selection.count;
    for (; c < end; c++) {
        if (!hark__ring_closes(self, c->kind->holder(c))) {
            return 0;
        }
    }
    return hark__ring_fail(self, selection.cases->kind->holder(selection.cases), call);
}

/* What is neither a descriptor's nor for want of memory was said by who refused it. */
static int cannot_join(const hark_case *c, int which, int error, const char *call)
{
    bool is_fd = c->kind == &on_fd;

    if (is_fd && error == -EBUSY) {
        return hark__fail(error, call, "another task waits for descriptor %ld already",
                          (long)c->number);
    }
    return is_fd || error == -ENOMEM ? hark__fail(error, call, "case %d cannot be waited for", which)
                                     : error;
}

static int join_all(hark_loop *loop, struct selection selection, const char *call)
{
    hark__task *self = loop->running;

    for (int i = 0; i < selection.count; i++) {
        hark_case *c = &selection.cases[i];
        int error = stand(loop, c, self);
        if (error) {
            leave_all(loop, (struct selection){selection.cases, i});
            return cannot_join(c, i, error, call);
        }
    }
    self->in.waiter.next = (struct hark_waiter *)selection.cases;
    self->in.waiter.owner = (uintptr_t)selection.count;
    return 0;
}

/* ... as soon as one can happen. */
static int wait_for(hark_loop *loop, struct selection selection, const char *call)
{
    int error = check_ring(selection, call);

    if (error || (error = join_all(loop, selection, call))) {
        return error;
    }
    return hark__park(&select_kind);
}

int hark_select(hark_case *cases, int n)
{
    static const char call[] = "hark_select";
    int error = hark__enter_task(call), index;

    if (error) {
        return error;
    }
    if ((index = select_now(hark__here, cases, n, call)) == -EAGAIN) {
        return wait_for(hark__here, (struct selection){cases, n}, call);
    }
    if (index >= 0) {
        hark__pass();
    }
    return index;
}

int hark_try_select(hark_case *cases, int n)
{
    static const char call[] = "hark_try_select";

    if (!hark__loop_here()) {
        return hark__fail(-ENOTSUP, call, "there is no loop in this thread");
    }
    return select_now(hark__here, cases, n, call);
}

int hark_case_result(const hark_case *c)
{
    return c ? c->result : hark__fail(-EINVAL, "hark_case_result", "the case is NULL");
}
