/* SPDX-License-Identifier: MIT
 *
 * select.c - wait for the first of many; hark/select.h has the promises.
 *
 * Idea     Each case has a waiter of its own in the caller's array. If no case can happen now, all
 *          of them join what they wait for and the task parks once. Whoever wakes one of the
 *          waiters calls `chosen`, which takes the others out at once: so from that instant nothing
 *          can be given to them, and they leave no trace.
 *
 *          What a case is stands in a table of four functions; the algorithm knows no primitive.
 *
 * Rules    T1  A case that happened has had its effect when select returns its index; the others
 *              have had none.
 *          T2  The cases are looked at in a random order, so that of those that are ready each has
 *              the same chance.
 *          T3  A descriptor's report may be spurious (an edge that somebody else used up): it is
 *              looked at again before the others are taken out, so that nothing that happens
 *              meanwhile is missed.
 */
#include "core/core.h"
#include "sync/sync.h"

/* What a parked task waits in: found through its waiter's `next`. */
struct selection {
    hark_case *cases;
    int count;
};

/* ---- events, flags, futures: the three that a list of waiters decides ------------------------ */

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

static bool future_ready(hark_case *c)
{
    c->result = ((hark_future *)c->object)->code;
    return hark_future_ready(c->object);
}

_Static_assert(offsetof(hark_event, waiters) == 0 && offsetof(hark_flag, waiters) == 0 &&
                   offsetof(hark_future, waiters) == 0,
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

static const struct hark__case_kind on_event = {
    .check = hark__case_check_list,
    .ready = event_ready,
    .join = hark__case_join_list,
    .leave = hark__case_leave_list,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_flag = {
    .check = hark__case_check_list,
    .ready = flag_ready,
    .join = hark__case_join_list,
    .leave = hark__case_leave_list,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_future = {
    .check = hark__case_check_list,
    .ready = future_ready,
    .join = hark__case_join_list,
    .leave = hark__case_leave_list,
    .stands = hark__case_stands_in_list,
};
static const struct hark__case_kind on_task = {
    .check = check_task,
    .ready = task_ready,
    .join = join_task,
    .leave = hark__case_leave_list,
    .stands = stands_with_joiners,
};
static const struct hark__case_kind on_time = {
    .check = check_nothing,
    .ready = time_ready,
    .join = join_time,
    .leave = leave_time,
    .stands = stands_in_wheel,
};
static const struct hark__case_kind on_fd = {
    .check = check_fd,
    .ready = fd_ready,
    .join = join_fd,
    .leave = leave_fd,
    .stands = stands_at_fd,
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

hark_case hark_on_future(hark_future *f)
{
    return (hark_case){.kind = &on_future, .object = f};
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

static void leave_all(hark_loop *loop, const struct selection *selection)
{
    int count = selection->count - (planted(select_leaves_a_case_behind) && selection->count > 1);

    for (int i = 0; i < count; i++) {
        selection->cases[i].kind->leave(loop, &selection->cases[i]);
    }
}

static const struct selection *selection_of(const hark__task *task)
{
    return (const struct selection *)task->in.waiter.next;
}

/* Which case does a waiter belong to? Either of the two in it may be the one. */
static int index_of(const struct selection *selection, const struct hark_waiter *waiter)
{
    return (int)(((const char *)waiter - (const char *)selection->cases) /
                 (ptrdiff_t)sizeof(hark_case));
}

/* Rule T3. The hint was wrong: this case goes on waiting, and the others have never stopped. */
static bool rejoin(hark__task *task, hark_case *c)
{
    c->kind->leave(hark__here, c);
    c->in.waiter = (struct hark_waiter){.owner = (uintptr_t)task | OWNER_CASE};
    c->result = planted(select_looks_before_it_stands) ? 0 : c->kind->join(hark__here, c);
    return c->result == 0;
}

static void case_chosen(hark__task *task, struct hark_waiter *waiter, int result)
{
    const struct selection *selection = selection_of(task);
    int index = index_of(selection, waiter);
    hark_case *c = &selection->cases[index];

    c->result = result;
    if (c->kind->confirm && result >= 0 && !c->kind->ready(c) && rejoin(task, c)) {
        return;
    }
    leave_all(hark__here, selection);
    hark__ready(hark__here, task, index);
}

static void leave_selection(hark__task *task)
{
    leave_all(hark__here, selection_of(task));
}

static void describe_selection(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " %d cases", selection_of(task)->count);
}

/* Asking a case writes its result, which is not ours to keep. A number that is not open is nothing
 * that would have come by itself. */
static bool any_there(const hark__task *task)
{
    const struct selection *selection = selection_of(task);
    bool there = false;

    for (int i = 0; i < selection->count && !there; i++) {
        hark_case *c = &selection->cases[i];
        bool (*is_there)(hark_case * c) = c->kind->there ? c->kind->there : c->kind->ready;
        int before = c->result;
        there = is_there(c) && !(c->kind->confirm && c->result == -EBADF);
        c->result = before;
    }
    return there;
}

static void selection_stands(const hark__task *task, struct hark__audit *audit)
{
    const struct selection *selection = selection_of(task);

    for (int i = 0; i < selection->count; i++) {
        selection->cases[i].kind->stands(task, &selection->cases[i], audit);
    }
}

static const struct hark__wait_kind select_kind = {
    .what = "the first of",
    .leave = leave_selection,
    .chosen = case_chosen,
    .describe = describe_selection,
    .there = any_there,
    .stands = selection_stands,
};

static int check_cases(hark_case *cases, int n, const char *call)
{
    if (!cases || n <= 0) {
        return hark__fail(-EINVAL, call, "there is no case to wait for");
    }
    for (int i = 0; i < n; i++) {
        int error = cases[i].kind
                        ? cases[i].kind->check(&cases[i], call)
                        : hark__fail(-EINVAL, call, "case %d was not made by a hark_on_... call", i);
        if (error) {
            return error;
        }
    }
    return 0;
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

/* In an order that is shuffled while they are looked at. */
static int find_ready(hark_loop *loop, hark_case *cases, int n)
{
    for (int i = 0; i < n; i++) {
        cases[i].order = i;
        cases[i].result = 0;
    }
    for (int i = 0; i < n; i++) {
        int other = i + draw(loop, n - i), index = cases[other].order;
        cases[other].order = cases[i].order;
        if (cases[index].kind->ready(&cases[index])) {
            return index;
        }
        cases[index].result = 0;
    }
    return -EAGAIN;
}

static int join_all(hark_loop *loop, struct selection *selection, const char *call)
{
    hark__task *self = loop->running;

    for (int i = 0; i < selection->count; i++) {
        hark_case *c = &selection->cases[i];
        c->in.waiter = (struct hark_waiter){.owner = (uintptr_t)self | OWNER_CASE};
        int error = c->kind->join(loop, c);
        if (error) {
            leave_all(loop, &(struct selection){selection->cases, i});
            return error == -EBUSY
                       ? hark__fail(error, call, "another task waits for descriptor %ld already",
                                    (long)c->number)
                       : hark__fail(error, call, "case %d cannot be waited for", i);
        }
    }
    self->in.waiter.next = (struct hark_waiter *)selection;
    return 0;
}

int hark_select(hark_case *cases, int n)
{
    static const char call[] = "hark_select";
    struct selection selection = {cases, n};
    int error = hark__enter_task(call), index;

    if (error || (error = check_cases(cases, n, call))) {
        return error;
    }
    if ((index = find_ready(hark__here, cases, n)) >= 0) {
        hark__pass();
        return index;
    }
    if ((error = join_all(hark__here, &selection, call))) {
        return error;
    }
    index = hark__park(&select_kind);
    return planted(select_two_happen) && index >= 0 ? find_ready(hark__here, cases, n) : index;
}

int hark_try_select(hark_case *cases, int n)
{
    static const char call[] = "hark_try_select";

    if (!hark__loop_here()) {
        return hark__fail(-ENOTSUP, call, "there is no loop in this thread");
    }
    int error = check_cases(cases, n, call);
    return error ? error : find_ready(hark__here, cases, n);
}

int hark_case_result(const hark_case *c)
{
    return c ? c->result : -EINVAL;
}
