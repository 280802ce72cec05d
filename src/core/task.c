/* SPDX-License-Identifier: MIT
 *
 * task.c - a task's life: spawned, run, ended.
 *
 * Idea     Spawning fills a record and queues it; nothing is touched that the task may never need.
 *          The task gets its stack when it first runs, the hottest one there is, and gives it back
 *          at its end: a million tasks that do not wait share a few warm stacks. What spawning must
 *          be able to refuse (a record, a place in the ring, a stack to be) it reserves.
 *
 *              spawn --> new --first turn--> running <--> parked, ready --body returns--> ended -->
 *              free
 *
 * Rules    T1  A task runs only after the call that spawned it has returned, in the order of
 *              spawning, and always gets at least its run to the first checkpoint.
 *          T2  Its body returns with the task's own scope innermost; anything else would leave
 *              pointers into a dead stack, so it stops the process with an explanation.
 *          T3  The end is told to joiners, then to the group; only then is the stack given back, or
 *              left to a new task that is next, and after that nothing of it is written.
 */
#include <string.h>

#include "core/core.h"

#define TOP_ALIGN 16

/* ---- names and extras ------------------------------------------------------------------------ */

struct hark__extra *hark__task_extra(hark__task *task)
{
    if (!task->extra && (task->extra = hark__alloc(sizeof *task->extra))) {
        task->extra->task = task;
    }
    return task->extra;
}

static void free_extra(hark__task *task)
{
    struct hark__extra *extra = task->extra;

    task->extra = NULL; /* first: a report from a signal handler reads the name */
    atomic_signal_fence(memory_order_seq_cst);
    if (extra) {
        hark__free(extra->failure, sizeof *extra->failure);
        hark__free(extra, sizeof *extra);
    }
}

/* Where an argument ends: at a comma that stands in no brackets, or where the text does. */
static const char *argument_end(const char *text)
{
    int depth = 0;

    for (; *text && (depth > 0 || *text != ','); text++) {
        depth += strchr("({[", *text) != NULL;
        depth -= strchr(")}]", *text) != NULL;
    }
    return text;
}

/* The task's own name, else its function's, from the text of the call that spawned it (HARK_SITE). */
static void put_title(const hark__task *task, struct hark__text *text)
{
    const char *name = task->site + strlen(task->site) + 1;

    if (task->extra && task->extra->name[0]) {
        hark__text_put(text, "%s", task->extra->name);
        return;
    }
    int skipped = *name++ - '0';
    for (; skipped > 0 && *argument_end(name); skipped--) {
        name = argument_end(name) + 1;
    }
    name += strspn(name, " &");
    for (const char *end = argument_end(name); name < end; name++) {
        hark__text_put(text, "%c", *name);
    }
}

void hark__task_title(const hark__task *task, struct hark__text *text)
{
    uint32_t uses = (uint32_t)((uint64_t)task->id >> 32);

    hark__text_put(text, "task %u", (uint32_t)task->id);
    if (uses) {
        hark__text_put(text, ".%u", uses);
    }
    hark__text_put(text, " \"");
    put_title(task, text);
    hark__text_put(text, "\"");
}

void hark__task_words(const hark__task *task, struct hark__text *text)
{
    hark__task_title(task, text);
    hark__text_put(text, ", spawned at %s", task->site);
}

int hark_task_name(const char *format, ...)
{
    hark_loop *loop = hark__here;
    struct hark__extra *extra;
    va_list arguments;

    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, "hark_task_name", "there is no task here to be named");
    }
    if (!format || !(extra = hark__task_extra(loop->running))) {
        return hark__fail(format ? -ENOMEM : -EINVAL, "hark_task_name",
                          format ? "no memory for the name" : "the format is NULL");
    }
    va_start(arguments, format);
    vsnprintf(extra->name, sizeof extra->name, format, arguments);
    va_end(arguments);
    return 0;
}

/* Other threads may ask how many there are (hark__census_count). */
static inline void count_living(hark_loop *loop, int change)
{
    __atomic_store_n(&loop->tasks, loop->tasks + (uint32_t)change, __ATOMIC_RELAXED);
}

/* ---- spawning -------------------------------------------------------------------------------- */

/* An argument too large for the record goes to the top of the stack, which is then taken at
 * once. */
static void put_on_stack(hark_loop *loop, hark__task *task, const void *arg, size_t size)
{
    hark__stack *stack = hark__stacks_take(loop->stacks, task->flags & TASK_CLASS, task);
    char *place = (char *)((uintptr_t)(stack->top - size) & ~(uintptr_t)(TOP_ALIGN - 1));

    memcpy(place, arg, size);
    task->flags |= TASK_STACKED;
    task->start.arg = place;
}

/* At most TASK_BYTES, without a call: the words at both ends, which may overlap. */
static inline void copy_few(unsigned char *to, const unsigned char *from, size_t size)
{
    if (size >= 16) {
        unsigned char middle[16], last[16];
        memcpy(middle, from + (size > 32 ? 16 : 0), sizeof middle);
        memcpy(last, from + size - 16, sizeof last);
        memcpy(to, from, 16);
        memcpy(to + (size > 32 ? 16 : 0), middle, sizeof middle);
        memcpy(to + size - 16, last, sizeof last);
    } else if (size >= 8) {
        uint64_t last;
        memcpy(&last, from + size - 8, sizeof last);
        memcpy(to, from, 8);
        memcpy(to + size - 8, &last, sizeof last);
    } else {
        for (size_t i = 0; i < size; i++) {
            to[i] = from[i];
        }
    }
}

static inline void put_argument(hark__task *task, const void *arg, size_t size)
{
    if (size == 0) {
        task->start.arg = (void *)arg;
    } else {
        copy_few(task->start.bytes, arg, size);
        task->flags |= TASK_COPIED;
    }
}

int hark__no_function(const char *call)
{
    return hark__fail(-EINVAL, call, "the task's function is NULL");
}

int hark__no_task_memory(const hark_loop *loop, const char *call)
{
    return hark__fail(-ENOMEM, call, "no memory for another task; %u live in this loop", loop->tasks);
}

/* All but its argument and its class; by rule R5 the rest is as a new task has it. */
static inline void fill(hark__task *task, struct hark_level *outer, hark_fn *fn, const char *site)
{
    uint32_t reached = planted(new_tasks_are_not_reached) ? 0 : outer->flags & LEVEL_REACHED;

    task->start.fn = fn;
    task->ignored = 0;
    task->site = site;
    task->base.outer = outer;
    task->base.flags = LEVEL_BASE | LEVEL_OPEN | reached;
}

static inline hark__task *enqueue(hark_loop *loop, hark__task *task, hark_group *group)
{
    atomic_signal_fence(memory_order_seq_cst); /* from here on a report may read it */
    task->state = TASK_NEW;
    count_living(loop, 1);
    if (group) {
        hark__group_link(group, task);
    }
    hark__ring_put(loop, task, READY_NEW);
    return task;
}

/* Something must grow, the argument is large, or somebody may refuse. */
static __attribute__((noinline)) hark__task *spawn_slow(hark_loop *loop, hark_group *group,
                                                        hark_fn *fn, const void *arg, size_t size,
                                                        const char *site)
{
    uint32_t class = group ? group->stack_class : loop->stack_class;
    hark__task *task;

    if (hark__loop_promise(loop)) {
        return NULL;
    }
    if (hark__stacks_reserve(loop->stacks, class)) {
        hark__loop_unpromise(loop);
        return NULL;
    }
    bool refused = hark__choices.refuse && hark__choices.refuse();
    if (refused || !(task = hark__roster_take(loop->roster))) {
        hark__stacks_unreserve(loop->stacks, class);
        hark__loop_unpromise(loop);
        return NULL;
    }
    task->flags = (uint8_t) class;
    if (size > TASK_BYTES) {
        put_on_stack(loop, task, arg, size);
    } else {
        put_argument(task, arg, size);
    }
    fill(task, group ? &group->scope.level : &loop->root, fn, site);
    return enqueue(loop, task, group);
}

/* NULL: not so easily. */
static inline __attribute__((always_inline)) hark__task *spawn_easily(hark_loop *loop,
                                                                      hark_group *group,
                                                                      hark_fn *fn, const void *arg,
                                                                      size_t size, const char *site)
{
    hark__stack_pool *pool = &loop->stacks->classes[group->stack_class];
    hark__task *task = loop->roster->free;

    if (unlikely(!task || loop->promised > loop->mask || pool->reserved == pool->capacity ||
                 size > TASK_BYTES || hark__choices.refuse)) {
        return NULL;
    }
    /* What was read above is read again: keeping it would take registers that a call must save. */
    atomic_signal_fence(memory_order_seq_cst);
    loop->promised++;
    pool->reserved++;
    loop->roster->free = task->next;
    task->flags = (uint8_t)group->stack_class;
    put_argument(task, arg, size);
    fill(task, &group->scope.level, fn, site);
    return enqueue(loop, task, group);
}

hark__task *hark__task_spawn(hark_loop *loop, hark_group *group, hark_fn *fn, const void *arg,
                             size_t size, const char *site)
{
    hark__task *task = group ? spawn_easily(loop, group, fn, arg, size, site) : NULL;

    return likely(task != NULL) ? task : spawn_slow(loop, group, fn, arg, size, site);
}

hark_task hark__task_go(hark_group *group, hark_fn *fn, const void *arg, size_t size,
                        const char *site, const char *call)
{
    int error = hark__group_check(group, call);

    if (error) {
        return error;
    }
    if (!fn) {
        return hark__no_function(call);
    }
    if (size > 0 && (!arg || size > hark__stack_size(group->stack_class) / 4)) {
        return hark__fail(
            -EINVAL, call,
            arg ? "an argument of %lu bytes is more than a quarter of the task's stack; pass a pointer, or see hark_group_stack"
                : "the argument of %lu bytes is NULL",
            (unsigned long)size);
    }
    const hark__task *task = hark__task_spawn(hark__here, group, fn, arg, size, site);
    return task ? task->id : hark__no_task_memory(hark__here, call);
}

/* What cannot be done easily, or not at all, is hark__task_go's. */
static inline __attribute__((always_inline)) hark_task go(hark_group *group, hark_fn *fn,
                                                          const void *arg, size_t size,
                                                          const char *site, const char *call)
{
    bool easy = likely(hark__group_is_open(group) && fn && (size == 0 || arg));
    const hark__task *task = easy ? spawn_easily(hark__here, group, fn, arg, size, site) : NULL;

    return likely(task != NULL) ? task->id : hark__task_go(group, fn, arg, size, site, call);
}

hark_task hark_go_at(const char *site, hark_group *group, hark_fn *fn, void *arg)
{
    return go(group, fn, arg, 0, site, "hark_go");
}

hark_task hark_go_copy_at(const char *site, hark_group *group, hark_fn *fn, const void *arg,
                          size_t size)
{
    return go(group, fn, arg, size, site, "hark_go_copy");
}

hark_task(hark_go)(hark_group *group, hark_fn *fn, void *arg)
{
    return hark_go_at("a call of hark_go\0"
                      "0task",
                      group, fn, arg);
}

hark_task(hark_go_copy)(hark_group *group, hark_fn *fn, const void *arg, size_t size)
{
    return hark_go_copy_at("a call of hark_go_copy\0"
                           "0task",
                           group, fn, arg, size);
}

/* ---- running and ending ---------------------------------------------------------------------- */

static _Noreturn void die_open(hark__task *task)
{
    static const char *const nouns[][3] = {
        {"scope still open", "scope_open", "scope_close"},
        {"group still open", "group_open", "group_close"},
        {"value still bound", "local_bind", "local_unbind"},
    };
    uint32_t flags = task->level->flags;
    const char *const *noun = nouns[flags & LEVEL_GROUP ? 1 : flags & LEVEL_BINDING ? 2 : 0];

    hark__report_death(
        task, "returned with a %s; every hark_%s needs its hark_%s on every way out of the body",
        noun[0], noun[1], noun[2]);
}

static void check_end(hark_loop *loop, hark__task *task, const hark__stack *stack)
{
    if (task->level->flags & LEVEL_WITHIN) {
        hark__scope_drop_abandoned(loop, task, NULL);
    }
    if (task->level != &task->base) {
        die_open(task);
    }
    if (!hark__stack_intact(stack)) {
        hark__report_death(
            task,
            "has overflowed its stack of %lu bytes; give its group more with hark_group_stack, or all tasks with hark_options.stack_size",
            (unsigned long)hark__stack_size(stack->class));
    }
}

/* What a child's group gets to know. Cancelled by hark_task_cancel: the task's own scope catches. */
static int result_for_group(const hark__task *task, int result)
{
    bool caught = result == -ECANCELED && task->base.flags & LEVEL_CANCELLED &&
                  !(task->base.outer->flags & LEVEL_REACHED);
    return caught ? 0 : result;
}

static void main_ended(hark_loop *loop, const hark__task *task, int result)
{
    const struct hark__failure *failure = hark__failure_of(task);

    loop->main = 0;
    loop->main_result = result;
    loop->main_failure.code = 0; /* an earlier main's */
    if (failure) {
        loop->main_failure = *failure;
    }
}

/* Of a task of no group nobody asks for the result. */
static void loner_ended(const hark__task *task, int result)
{
    const struct hark__failure *failure = hark__failure_of(task);

    if (result < 0 && result != -ECANCELED) {
        hark__report_line(task, "failed with %s%s%s, and it is in no group that would be told",
                          strerrorname_np(-result) ? strerrorname_np(-result) : "an unknown code",
                          failure && failure->code == result ? ": " : "",
                          failure && failure->code == result ? failure->words : "");
    }
}

static void tell_end(hark_loop *loop, hark__task *task, int result)
{
    struct hark_level *outer = task->base.outer;

    if (task->extra && task->extra->joiners.first &&
        !(planted(joiner_is_forgotten) && task->base.flags & LEVEL_REACHED)) {
        hark__wake_all(&task->extra->joiners);
    }
    if (outer->flags & LEVEL_GROUP) {
        hark__group_child_ended((hark_group *)outer, task, result_for_group(task, result));
        return;
    }
    task->id == loop->main ? main_ended(loop, task, result) : loner_ended(task, result);
}

static inline hark__stack *own_stack(const hark__task *task)
{
    return hark__stack_at(__builtin_frame_address(0), task->flags & TASK_CLASS);
}

/* Everybody knows. Neither this nor what leads to it is declared as what never returns, though it is:
 * the compiler takes all that leads to such a call for what happens once, and saves bytes instead
 * of time. */
static inline void leave(hark_loop *loop, hark__task *task, hark__stack *stack)
{
    count_living(loop, -1);
    hark__loop_unpromise(loop);
    hark__roster_give(loop->roster, task);
    hark__go_on_without(loop, stack);
}

/* There is more to check or to tell than that a child of a group has ended well. */
static __attribute__((noinline)) void end_slowly(hark_loop *loop, hark__task *task, int result)
{
    hark__stack *stack = own_stack(task);

    check_end(loop, task, stack);
    if (stack->marked) {
        hark__lint_stack(task, stack);
    }
    task->state = TASK_ENDED;
    tell_end(loop, task, result);
    free_extra(task);
    leave(loop, task, stack);
}

static inline void end(hark_loop *loop, hark__task *task, int result)
{
    hark__stack *stack = own_stack(task);
    struct hark_level *outer = task->base.outer;

    if (unlikely(result < 0 || task->level != &task->base || task->extra ||
                 !hark__stack_plain(stack) || !(outer->flags & LEVEL_GROUP))) {
        end_slowly(loop, task, result);
        return;
    }
    hark__group_unlink(loop, (hark_group *)outer, task);
    leave(loop, task, stack);
}

/* The argument is copied once more, from the record, which is used for other things now. Not in
 * hark__task_main: a function with an array that others know does not end in a jump. */
__attribute__((noinline)) int hark__task_call_with_copy(const hark__task *task)
{
    _Alignas(TOP_ALIGN) unsigned char bytes[TASK_BYTES];

    memcpy(bytes, task->start.bytes, sizeof bytes);
    return hark__call(task->start.fn, bytes);
}

/* The first function on a task's stack. */
void hark__task_main(void *pointer)
{
    hark__task *task = pointer;
    int result;

    if (unlikely(hark__tools_on)) {
        hark__tools_arrive(&own_stack(task)->tools);
    }
    if (unlikely(hark__lint_on(LINT_STACK))) {
        hark__stack_mark(own_stack(task));
    }
    result = task->flags & TASK_COPIED ? hark__task_call_with_copy(task)
                                       : hark__call(task->start.fn, task->start.arg);
    end(hark__here, task, result);
}

/* ---- ids ------------------------------------------------------------------------------------- */

hark_task hark_self(void)
{
    return hark__here && hark__here->running ? hark__here->running->id : 0;
}

hark__task *hark__task_find(hark_loop *loop, hark_task id)
{
    return loop ? hark__roster_find(loop->roster, id) : NULL;
}

/* Whether the task is gone cannot be told from here: the audit counts who waits in lists of living
 * ones. */
static void stands_with_joiners(const hark__task *task, struct hark__audit *audit)
{
    hark__audit_joiner(audit, task, &task->in.waiter);
}

static void describe_joined(const hark__task *task, struct hark__text *text)
{
    const hark__task *other = hark__task_joined(task);

    hark__text_put(text, " ");
    other ? hark__task_title(other, text) : (void)hark__text_put(text, "a task");
}

static const struct hark__wait_kind join_kind = {
    .what = "the end of",
    .leave = hark__leave_list,
    .describe = describe_joined,
    .says_where = true,
    .stands = stands_with_joiners,
};

const hark__task *hark__task_joined(const hark__task *task)
{
    struct hark_waitlist *list = task->wait == &join_kind ? task->in.waiter.list : NULL;

    return list ? container_of(list, struct hark__extra, joiners)->task : NULL;
}

int hark_task_wait(hark_task id)
{
    static const char call[] = "hark_task_wait";
    hark_loop *loop = hark__here;
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    hark__task *task = hark__task_find(loop, id);
    if (!task) {
        return hark__fail(-ESRCH, call,
                          "there is no living task %ld in this loop; it has ended, or never was",
                          (long)id);
    }
    if (task == loop->running) {
        return hark__fail(-EDEADLK, call, "a task cannot wait for its own end");
    }
    struct hark__extra *extra = hark__task_extra(task);
    if (!extra) {
        return hark__fail(-ENOMEM, call, "no memory to remember who waits");
    }
    return hark__wait(&extra->joiners, &join_kind);
}

/* For reports. Without memory they say less. */
static void note_canceller(hark_loop *loop, hark__task *task)
{
    int64_t now = task->base.flags & LEVEL_CANCELLED ? 0 : hark__lint_cancelled(loop, 0);
    struct hark__extra *extra = now ? hark__task_extra(task) : NULL;

    if (extra) {
        extra->cancelled = now;
        extra->canceller = hark_self();
    }
}

int hark_task_cancel(hark_task id)
{
    hark__task *task = hark__task_find(hark__loop_here(), id);

    if (!task) {
        return hark__fail(-ESRCH, "hark_task_cancel",
                          "there is no living task %ld in this loop; it has ended, or never was",
                          (long)id);
    }
    note_canceller(hark__here, task);
    task->base.flags |= LEVEL_CANCELLED;
    hark__level_refresh(hark__here, &task->base);
    return 0;
}
