/* SPDX-License-Identifier: MIT
 *
 * park.c - the one place where a task sleeps, and the switch to the next.
 *
 * Why      Every primitive must wait, be woken, be cancelled and be seen waiting. Done once per
 *          primitive, that is where other runtimes lost wake-ups for eleven years; so it is done
 *          once, here.
 * Idea     A task that waits stands in one place (its record's waiter in a list, its record's timer
 *          in the wheel, or a set of cases), says by a constant what kind of waiting it is, and
 *          switches straight to the next ready task. Whoever wakes it takes it out of that place,
 *          writes the result, and appends it to the run queue.
 *
 *              running --park--> parked --wake or cancel--> ready --its turn--> running
 *
 * Rules    P1  A parked task stands in no queue but the one that it waits in; a ready one stands
 *              exactly once in the ring.
 *          P2  The result is written once for each sleep, by whoever takes the task out: wake and
 *              cancel cannot both happen.
 *          P3  Waking never fails and never allocates: the ring has room for every living task and
 *              armed watch.
 *          P4  The clock is not read here, and the hub is not asked: when the ring's head has come
 *              to `look_at_head`, the loop looks around (loop.c).
 * Not here Whom to wake (the primitives), what a cancellation reaches (cancel.c), what happens when
 *          nothing is ready (loop.c).
 * Form     What puts a task to sleep ends with doing so, in a tail call, so that being resumed
 *          costs one jump and not a wrongly predicted return for each function
 *          (fiber/switch_x86_64.S).
 * Cost     park and wake: one switch, some twenty instructions, no system call.
 */
#include "core/core.h"

#define LINE            64 /* bytes of a cache line */
#define PREFETCH_RECORD 16 /* entries ahead: the record, so that ... */
#define PREFETCH_STACK  8  /* ... its saved place is there when its stack is fetched */
#define PREFETCH_BATCH  64 /* stacks in one go, where steps are long */

__thread hark_loop *hark__here __attribute__((tls_model("initial-exec")));
__thread hark_loop *hark__resting __attribute__((tls_model("initial-exec")));

static inline hark__tools *tools_of(const hark__task *task, const void *place)
{
    return &hark__stack_at(place, task->flags & TASK_CLASS)->tools;
}

/* Of a stack, the lines from `first` on to before `end`, counted from the saved place. (Inlined by
 * force: as a function of its own it has no effect that gcc would know of, and is dropped.) */
static inline __attribute__((always_inline)) void prefetch_stack(uintptr_t entry, int first, int end)
{
    if ((entry & READY_KIND) == READY_TASK) {
        const char *sp = ((const hark__task *)entry)->sp;
        for (int i = first; i < end; i++) {
            __builtin_prefetch(sp + i * LINE);
        }
    }
}

static inline __attribute__((always_inline)) void prefetch_record(uintptr_t entry)
{
    const char *record = (const char *)(entry & ~(uintptr_t)READY_KIND);
    __builtin_prefetch(record);
    __builtin_prefetch(record + LINE);
}

/* In a queue of more than PREFETCH_RECORD the records and stacks of those to come are fetched while
 * others run: their misses overlap. More lines cost more than they save. */
static inline __attribute__((always_inline)) void prefetch(const hark_loop *loop, uint32_t head)
{
    uintptr_t entry = loop->ring[(head + PREFETCH_STACK) & loop->mask];
    prefetch_record(loop->ring[(head + PREFETCH_RECORD) & loop->mask]);
    prefetch_stack(entry, 0, 3);
    if ((entry & READY_KIND) == READY_TASK) {
        const hark__task *task = (const hark__task *)entry;
        __builtin_prefetch(hark__stack_at(task->sp, task->flags & TASK_CLASS));
    }
}

/* When steps are long, for they call the kernel, each begins here: while one runs, what the next one
 * needs comes. That is what it will read as it resumes, and, below, what it will call then. */
static inline __attribute__((always_inline)) void prefetch_next(const hark_loop *loop)
{
    if (loop->head != loop->tail) {
        prefetch_stack(loop->ring[loop->head & loop->mask], -3, 5);
    }
}

/* Each stack is a page of its own, whose address must be translated first, and a prefetch waits for
 * that: some 100 ns. But of several the translations overlap. */
void hark__prefetch_batch(hark_loop *loop)
{
    uint32_t waiting = loop->tail - loop->head;
    uint32_t stacks = waiting < PREFETCH_BATCH ? waiting : PREFETCH_BATCH;
    uint32_t records = waiting < 2 * PREFETCH_BATCH ? waiting : 2 * PREFETCH_BATCH;

    for (uint32_t i = 0; i < stacks; i++) {
        prefetch_stack(loop->ring[(loop->head + i) & loop->mask], 0, 1);
    }
    for (uint32_t i = stacks; i < records; i++) {
        prefetch_record(loop->ring[(loop->head + i) & loop->mask]);
    }
    loop->fetched = loop->head + stacks;
}

static inline void begin_step(hark_loop *loop, hark__task *task)
{
    task->state = TASK_RUNNING;
    loop->running = task;
    loop->budget = loop->budget_full;
}

static inline hark__stack *stack_of_new(hark_loop *loop, hark__task *task)
{
    if (unlikely(task->flags & TASK_STACKED)) {
        return hark__stack_at(task->start.arg, task->flags & TASK_CLASS);
    }
    return hark__stacks_take(loop->stacks, task->flags & TASK_CLASS, task);
}

static inline void *top_of_new(hark__task *task, hark__stack *stack)
{
    return task->flags & TASK_STACKED ? task->start.arg : stack->top;
}

/* What runs next; READY_WATCH: the loop itself, for a callback is next, or nothing is, or it is time
 * to look around. */
static inline __attribute__((always_inline)) uintptr_t next_entry(hark_loop *loop)
{
    uint32_t head = loop->head;
    bool any = likely(head != loop->tail && head != loop->look_at_head);
    uintptr_t entry = any ? loop->ring[head & loop->mask] : READY_WATCH;

    if (unlikely((entry & READY_KIND) == READY_WATCH)) {
        return READY_WATCH;
    }
    loop->head = head + 1;
    if (unlikely(loop->tail - head > PREFETCH_RECORD)) {
        prefetch(loop, head);
    }
    return entry;
}

/* ---- with a tool that must be told of every switch ------------------------------------------- */

/* From the task (or the loop) that has `from` to an entry. `save` NULL: for ever. Nothing may be
 * done on the other side before the tool was told, so no result travels. */
static __attribute__((noinline)) void switch_told(hark_loop *loop, hark__tools *from, void **save,
                                                  uintptr_t entry)
{
    hark__task *next = (hark__task *)(entry & ~(uintptr_t)READY_KIND);
    bool is_new = (entry & READY_KIND) == READY_NEW;
    hark__stack *stack = is_new ? stack_of_new(loop, next) : NULL;
    void *to = is_new ? top_of_new(next, stack) : next ? next->sp : loop->sp;

    if (next) {
        begin_step(loop, next);
    } else {
        loop->running = NULL;
    }
    hark__tools_leave(from,
                      is_new ? &stack->tools
                      : next ? tools_of(next, to)
                             : &loop->tools,
                      !save);
    if (is_new) {
        save ? (void)hark__switch_first(save, to, hark__task_main, next)
             : hark__leap_first(to, hark__task_main, next);
    } else {
        save ? (void)hark__switch(save, to, 0) : hark__leap(to, 0);
    }
    hark__tools_arrive(from);
}

/* ---- the switch ------------------------------------------------------------------------------ */

/* The running task goes on with a negative result. */
static int woken_badly(int code)
{
    hark__task *self = hark__here->running;

    return self->wait && self->wait->after ? self->wait->after(self, code) : code;
}

/* Before main, so that it never changes while threads read it. */
static __attribute__((constructor)) void tell_the_switch(void)
{
    hark__switch_failed = woken_badly;
}

static inline int outcome(const hark__task *self)
{
    return likely(self->result >= 0) ? self->result : woken_badly(self->result);
}

/* Begin a new task. `save` NULL: for ever. */
static inline int begin_at(hark_loop *loop, void **save, hark__task *task, void *top)
{
    begin_step(loop, task);
    if (save) {
        return hark__switch_first(save, top, hark__task_main, task);
    }
    hark__leap_first(top, hark__task_main, task);
    return 0;
}

static __attribute__((noinline)) int begin_slow(hark_loop *loop, void **save, hark__task *task)
{
    return begin_at(loop, save, task, top_of_new(task, stack_of_new(loop, task)));
}

static inline __attribute__((always_inline)) int begin(hark_loop *loop, void **save, hark__task *task)
{
    if (unlikely(task->flags & TASK_STACKED ||
                 !hark__stacks_warm(loop->stacks, task->flags & TASK_CLASS))) {
        return begin_slow(loop, save, task);
    }
    return begin_at(loop, save, task, stack_of_new(loop, task)->top);
}

/* What comes next is not just a task that goes on: a new one, a callback, or nothing; or it is time
 * to look around. */
static __attribute__((noinline)) int go_on_slow(hark_loop *loop, hark__task *self)
{
    uintptr_t entry = next_entry(loop);
    hark__task *next = (hark__task *)(entry & ~(uintptr_t)READY_KIND);

    if (next == self) {
        begin_step(loop, self);
        return outcome(self);
    }
    if (unlikely(hark__tools_on)) {
        switch_told(loop, tools_of(self, __builtin_frame_address(0)), &self->sp, entry);
        return outcome(self);
    }
    if (!next) {
        loop->running = NULL;
        return hark__switch(&self->sp, loop->sp, 0);
    }
    if ((entry & READY_KIND) == READY_NEW) {
        hark__stacks_prefetch(loop->stacks, next->flags & TASK_CLASS, PREFETCH_STACK);
        return begin(loop, &self->sp, next);
    }
    begin_step(loop, next);
    return hark__switch(&self->sp, next->sp, next->result);
}

/* The running task has parked or stepped back: run what comes next until it is this task's turn
 * again, and return its result. Callers end with it. */
static inline __attribute__((always_inline)) int go_on(hark_loop *loop, hark__task *self)
{
    uint32_t head = loop->head;
    hark__task *next = (hark__task *)loop->ring[head & loop->mask];
    uint32_t behind = loop->tail - head - 1; /* UINT32_MAX: nothing is ready, and `next` is stale */

    if (unlikely(head == loop->look_at_head || (uintptr_t)next & loop->special)) {
        return go_on_slow(loop, self);
    }
    if (unlikely(behind >= PREFETCH_RECORD)) {
        if (behind == UINT32_MAX) {
            return go_on_slow(loop, self);
        }
        prefetch(loop, head);
    }
    loop->head = head + 1;
    begin_step(loop, next);
    return hark__switch(&self->sp, next->sp, next->result);
}

/* From the loop's own context: run one task until control comes back here. */
void hark__loop_step(hark_loop *loop, uintptr_t entry)
{
    hark__task *task = (hark__task *)(entry & ~(uintptr_t)READY_KIND);

    prefetch_next(loop);
    if (unlikely(hark__tools_on)) {
        switch_told(loop, &loop->tools, &loop->sp, entry);
    } else if ((entry & READY_KIND) == READY_NEW) {
        begin(loop, &loop->sp, task);
    } else {
        begin_step(loop, task);
        hark__switch(&loop->sp, task->sp, task->result);
    }
}

static __attribute__((noinline)) void go_on_without_told(hark_loop *loop, hark__stack *stack)
{
    hark__stacks_give(loop->stacks, stack);
    switch_told(loop, &stack->tools, NULL, next_entry(loop));
}

/* The running task is no more, though we still stand on its stack; nothing of it is written any
 * more. A new task gets it as it is. */
void hark__go_on_without(hark_loop *loop, hark__stack *stack)
{
    if (unlikely(hark__tools_on)) {
        go_on_without_told(loop, stack);
        return;
    }
    uintptr_t entry = next_entry(loop);
    hark__task *next = (hark__task *)(entry & ~(uintptr_t)READY_KIND);

    if ((entry & READY_KIND) == READY_NEW &&
        likely((next->flags & (TASK_CLASS | TASK_STACKED)) == stack->class)) {
        hark__stacks_hand_on(loop->stacks, stack, next);
        begin_at(loop, NULL, next, stack->top);
        return;
    }
    hark__stacks_give(loop->stacks, stack);
    if (unlikely((entry & READY_KIND) == READY_NEW)) {
        begin_slow(loop, NULL, next);
    } else if (likely(next)) {
        begin_step(loop, next);
        hark__leap(next->sp, next->result);
    } else {
        loop->running = NULL;
        hark__leap(loop->sp, 0);
    }
}

static inline __attribute__((always_inline)) int park(hark_loop *loop, hark__task *self,
                                                      const struct hark__wait_kind *kind)
{
    self->wait = kind;
    atomic_signal_fence(memory_order_release); /* a handler that tells of it reads `wait` then */
    self->state = TASK_PARKED;
    self->base.mark = loop->millis;
    return go_on(loop, self);
}

int hark__park(const struct hark__wait_kind *kind)
{
    hark_loop *loop = hark__here;

    return park(loop, loop->running, kind);
}

int hark__wait(struct hark_waitlist *list, const struct hark__wait_kind *kind)
{
    hark_loop *loop = hark__here;
    hark__task *self = loop->running;

    self->in.waiter.owner = (uintptr_t)self | OWNER_TASK;
    hark__list_add(list, &self->in.waiter);
    return park(loop, self, kind);
}

int hark__give_way(void)
{
    hark_loop *loop = hark__here;
    hark__task *self = loop->running;

    self->result = 0;
    if (planted(yield_forgets_the_queue)) {
        return 0;
    }
    self->state = TASK_READY;
    hark__ring_put(loop, self, unlikely(loop->random) ? READY_YIELDED : READY_TASK);
    bool alone = loop->tail - loop->head == 1;
    return unlikely(alone) ? go_on_slow(loop, self) : go_on(loop, self);
}

int hark__pass(void)
{
    hark_loop *loop = hark__here;

    if (likely(--loop->budget > 0)) {
        return 0;
    }
    if (!loop->random || hark__choices.pick(&loop->random, HARK__CHOOSE_YIELD, 2)) {
        return hark__give_way();
    }
    return 0;
}

/* ---- waking ---------------------------------------------------------------------------------- */

static inline void wake_owner(hark_loop *loop, uintptr_t owner, struct hark_waiter *waiter, int result)
{
    void *pointer = (void *)(owner & ~(uintptr_t)OWNER_KIND);

    if (likely((owner & OWNER_KIND) == OWNER_TASK)) {
        hark__ready(loop, pointer, result);
    } else if ((owner & OWNER_KIND) == OWNER_WATCH) {
        hark__watch_queue(loop, pointer);
    } else if ((owner & OWNER_KIND) == OWNER_CASE) {
        hark__task *task = pointer;
        task->wait->chosen(task, waiter, result);
    } else {
        ((const struct hark__hook *)pointer)->woken(waiter);
    }
}

void hark__wake_owner(hark_loop *loop, uintptr_t owner, struct hark_waiter *waiter, int result)
{
    wake_owner(loop, owner, waiter, result);
}

static __attribute__((noinline)) int wake_other(struct hark_waiter *waiter, int result)
{
    wake_owner(hark__here, waiter->owner, waiter, result);
    return 0;
}

int hark__wake(struct hark_waiter *waiter, int result)
{
    hark__list_remove(waiter);
    if (unlikely(waiter->owner & OWNER_KIND)) {
        return wake_other(waiter, result);
    }
    hark__ready(hark__here, hark__owner_of(waiter), result);
    return 0;
}

/* The tasks at the front. Nothing else happens meanwhile, so the ring that they stood in is closed
 * once, behind them; and so is the queue. */
static void wake_tasks(hark_loop *loop, struct hark_waitlist *list, int result)
{
    struct hark_waiter *waiter = list->first, *last = waiter->prev;
    uint32_t left = list->count, tail = loop->tail, mask = loop->mask;
    uintptr_t *ring = loop->ring;

    for (; left > 0 && (waiter->owner & OWNER_KIND) == OWNER_TASK; left--) {
        hark__task *task = hark__owner_of(waiter);
        waiter->list = NULL;
        waiter = waiter->next;
        __builtin_prefetch(waiter->next);
        task->result = result;
        task->state = TASK_READY;
        ring[tail++ & mask] = (uintptr_t)task | READY_TASK;
    }
    loop->tail = tail;
    list->count = left;
    list->first = NULL;
    if (left > 0) {
        list->first = waiter;
        waiter->prev = last;
        last->next = waiter;
    }
}

int hark__wake_everyone(struct hark_waitlist *list, int result)
{
    hark_loop *loop = hark__here;

    for (struct hark_waiter *waiter; (waiter = list->first);) {
        if (planted(wake_all_misses_the_last) && list->count == 1) {
            return 0;
        }
        if (planted(wakes_the_last_first) || planted(wake_all_misses_the_last) ||
            waiter->owner & OWNER_KIND) {
            waiter = planted(wakes_the_last_first) ? waiter->prev : waiter;
            hark__list_remove(waiter);
            wake_owner(loop, waiter->owner, waiter, result);
        } else {
            wake_tasks(loop, list, result);
        }
    }
    return 0;
}

int hark__tasks_in(const struct hark_waitlist *list)
{
    const struct hark_waiter *waiter = list->first;
    int count = 0;

    for (uint32_t i = 0; waiter && i < list->count; i++, waiter = waiter->next) {
        unsigned kind = waiter->owner & OWNER_KIND;
        count += kind == OWNER_TASK || kind == OWNER_CASE;
    }
    return count;
}

void hark__leave_list(hark__task *task)
{
    if (planted(cancelled_waiter_stays_in_its_list)) {
        return;
    }
    hark__list_remove(&task->in.waiter);
}

void hark__leave_timer(hark__task *task)
{
    hark__wheel_disarm(&hark__here->wheel, &task->in.timer);
}

/* ---- may the caller wait at all? ------------------------------------------------------------- */

/* A primitive belongs to the first loop that uses it; when that loop is gone, to the next. Who
 * waited there is gone too. */
static int bind_to(struct hark_waitlist *list, hark_loop *loop, const char *call)
{
    uint32_t id = loop ? loop->id : 0;

    if (list->loop == id) {
        return 0;
    }
    if (list->loop && hark__loop_alive(list->loop)) {
        return hark__fail(
            -EXDEV, call,
            "it belongs to loop %u, which is not this thread's; use it there only, or post a callback to that loop",
            list->loop);
    }
    *list = (struct hark_waitlist){.loop = id};
    return 0;
}

int hark__no_task(const char *call)
{
    if (!hark__here && !hark__resting && hark__loop_is_inherited(NULL)) {
        return hark__fail(
            -ENOTSUP, call,
            "this process was forked from one with a running loop, whose tasks are not here; run another loop with hark_run, or end with _exit");
    }
    return hark__fail(-ENOTSUP, call,
                      "a blocking call outside any task; make it in a task: see hark_run and hark_go");
}

int hark__enter_slow(struct hark_waitlist *list, const char *call)
{
    hark_loop *loop = hark__here;
    hark__task *self = loop ? loop->running : NULL;
    int error;

    if (!self) {
        return hark__no_task(call);
    }
    if (list && (error = bind_to(list, loop, call))) {
        return error;
    }
    if (self->level->flags & LEVEL_WITHIN) {
        hark__scope_drop_abandoned(loop, self, hark__callers_sp());
    }
    if (self->level->flags & LEVEL_REACHED) {
        return hark__canceled(self);
    }
    return 0;
}

int hark__touch_slow(struct hark_waitlist *list, const char *call)
{
    return bind_to(list, hark__loop_here(), call);
}

/* Every checkpoint of a cancelled task comes through here. One that does not listen is made to let
 * others run, and is reported once. */
int hark__canceled(hark__task *task)
{
    task->ignored++;
    if (task->ignored % 64 == 0) {
        if (task->ignored == 0 && !(task->flags & TASK_WARNED) && hark__lint_on(LINT_IGNORED)) {
            task->flags |= TASK_WARNED;
            hark__report_line(
                task,
                "was cancelled and has ignored -ECANCELED 256 times; let it end, or clean up inside a shielded scope [lint: ignored]");
        }
        hark__give_way();
    }
    return -ECANCELED;
}
