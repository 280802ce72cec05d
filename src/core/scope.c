/* SPDX-License-Identifier: MIT
 *
 * scope.c - cancel scopes and their deadlines.
 *
 * Idea     A scope is a level (cancel.c) that a task pushes and pops, with a timer. While it is
 *          cancelled every checkpoint inside says -ECANCELED; when it is closed it turns the
 *          -ECANCELED that it caused itself into its own answer.
 * Rules    O1  The outermost cancelled scope that reaches a place is the one that catches: closing
 *              passes -ECANCELED on while the level around it is reached and no shield of its own
 *              is in between.
 *          O2  The first reason stays: a deadline that passes after a cancel does not make it a
 *              time-out, nor the other way round.
 *          O3  A scope's timer is armed only while it is open, not cancelled, and has a deadline:
 *              one timer, however many calls it covers.
 *          O4  Closing out of order cancels what was left open inside, takes the closed one out of
 *              the chain, and leaves the rest usable.
 *          O5  A scope of hark_within lives in the loop's pool, not in the frame: a longjmp past it
 *              leaves nothing dangling. It is found abandoned when its place on the stack is gone
 *              (it lies below the present frame, or no longer holds the scope's serial), and
 *              dropped then.
 * Sources  Trio's cancel scopes; the rules of catching are AnyIO's and Trio's tests CS-08,
 *          CS-30..32.
 */
#include "core/core.h"

/* ---- opening and closing --------------------------------------------------------------------- */

static void pass_deadline(hark_loop *loop, hark_scope *scope, int64_t now)
{
    scope->level.flags |= LEVEL_CANCELLED | LEVEL_TIMED_OUT;
    hark__lint_scope_cancelled(loop, scope, now);
    hark__level_refresh(loop, &scope->level);
}

static void fire_deadline(struct hark_timer *timer)
{
    pass_deadline(hark__here, container_of(timer, hark_scope, timer), hark__here->fired);
}

const hark_scope *hark__scope_of_timer(const struct hark_timer *timer)
{
    return timer->fire == fire_deadline ? container_of(timer, const hark_scope, timer) : NULL;
}

static inline int arm(hark_loop *loop, hark_scope *scope, int64_t deadline)
{
    scope->deadline = deadline;
    if (unlikely(deadline == HARK_FOREVER)) {
        return 0;
    }
    scope->timer.fire = fire_deadline;
    return hark__wheel_arm(&loop->wheel, &scope->timer, deadline);
}

/* What stood in the struct before does not matter, so it may look open by chance, or because a copy
 * was made of one that was: it is open only if it is found in the chain of the task that it
 * names. */
bool hark__level_is_open(hark_loop *loop, const struct hark_level *level)
{
    hark__tools_believe(level, sizeof(hark_scope));
    if (likely(!hark__level_open(level))) {
        return false;
    }
    const hark__task *task = ((const hark_scope *)level)->task;

    if (!hark__roster_owns(loop->roster, task) || task->state == TASK_FREE) {
        return false;
    }
    for (const struct hark_level *outer = task->level; !(outer->flags & LEVEL_BASE);
         outer = outer->outer) {
        if (outer == level) {
            return true;
        }
    }
    return false;
}

/* Of a scope that has just begun. */
static __attribute__((noinline)) int set_timeout_slowly(hark_loop *loop, hark_scope *scope,
                                                        int64_t timeout)
{
    if (timeout > 0) {
        return arm(loop, scope, hark__loop_deadline(loop, timeout));
    }
    scope->deadline = hark__loop_now(loop);
    scope->level.flags |= LEVEL_CANCELLED | LEVEL_TIMED_OUT | LEVEL_REACHED;
    hark__lint_scope_cancelled(loop, scope, scope->deadline);
    return 0;
}

static inline int set_timeout(hark_loop *loop, hark_scope *scope, int64_t timeout)
{
    int64_t deadline = likely(timeout > 0) ? hark__loop_easy_deadline(loop, timeout) : HARK_FOREVER;

    return likely(deadline != HARK_FOREVER) ? arm(loop, scope, deadline)
                                            : set_timeout_slowly(loop, scope, timeout);
}

static inline int begin_with_timeout(hark_loop *loop, hark_scope *scope, int64_t timeout,
                                     uint32_t flags)
{
    hark__scope_begin(scope, loop->running, flags);
    return timeout == HARK_FOREVER ? 0 : set_timeout(loop, scope, timeout);
}

/* Whoever opens it may not, or must be told, or something is to be cleaned up before. */
static __attribute__((noinline)) int open_slowly(hark_scope *scope, int64_t timeout)
{
    static const char call[] = "hark_scope_open";
    hark_loop *loop = hark__here;

    if (!scope) {
        return hark__fail(-EINVAL, call, "the scope is NULL");
    }
    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, call, "a scope is opened by a task, and there is none here");
    }
    hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
    if (hark__level_is_open(loop, &scope->level)) {
        return hark__fail(-EALREADY, call,
                          "this scope is open already; close it first, or use another");
    }
    return begin_with_timeout(loop, scope, timeout, 0);
}

int hark_scope_open(hark_scope *scope, int64_t timeout)
{
    hark_loop *loop = hark__here;

    if (unlikely(!scope || !loop || !loop->running || loop->running->level->flags & LEVEL_WITHIN ||
                 hark__tools_doubt || hark__level_open(&scope->level))) {
        return open_slowly(scope, timeout);
    }
    return begin_with_timeout(loop, scope, timeout, 0);
}

/* What becomes of the body's result (rules O1, O2). */
int64_t hark__scope_verdict(hark_scope *scope, int64_t rc)
{
    const struct hark_level *level = &scope->level;
    bool from_outside = !(level->flags & LEVEL_SHIELD) && level->outer->flags & LEVEL_REACHED &&
                        !planted(scope_swallows_outer_cancel);

    if (planted(done_in_time_is_a_timeout) && rc == 0 && level->flags & LEVEL_TIMED_OUT) {
        return -ETIMEDOUT;
    }
    if (rc != -ECANCELED || !(level->flags & LEVEL_CANCELLED) || from_outside) {
        return rc;
    }
    scope->level.flags |= LEVEL_CAUGHT;
    return level->flags & LEVEL_TIMED_OUT ? -ETIMEDOUT : 0;
}

/* Rule O4, in two steps, for a group waits for its children in between. First, what stands inside is
 * cancelled, but for bound values; how much was there. */
int hark__scope_cancel_inside(hark_loop *loop, hark_scope *scope)
{
    int count = 0;

    for (struct hark_level *level = scope->level.inner; level; level = level->inner, count++) {
        bool is_value = level->flags & LEVEL_BINDING && !planted(local_is_cancelled_with_scopes);
        level->flags |= is_value ? 0 : LEVEL_CANCELLED;
        hark__wheel_disarm(&loop->wheel, &((hark_scope *)level)->timer);
        hark__lint_scope_cancelled(loop, (hark_scope *)level, 0);
    }
    return count;
}

/* Then the scope leaves the chain, and what stands inside goes on without it. */
void hark__scope_take_out(hark_loop *loop, hark_scope *scope)
{
    struct hark_level *level = &scope->level, *inner = level->inner;

    hark__wheel_disarm(&loop->wheel, &scope->timer);
    level->outer->inner = inner;
    inner->outer = level->outer;
    level->flags = (level->flags & ~(uint32_t)LEVEL_STATE) | LEVEL_CLOSED | LEVEL_MISNESTED;
    for (level = inner; level; level = level->inner) {
        hark__level_refresh(loop, level);
    }
}

static int close_misnested(hark_loop *loop, hark_scope *scope)
{
    int count = hark__scope_cancel_inside(loop, scope);

    hark__scope_take_out(loop, scope);
    return hark__fail(
        -EINVAL, "hark_scope_close",
        "closed out of order: %d scope(s) or binding(s) opened inside it were still open; scopes were cancelled. Close the innermost first",
        count);
}

/* It cannot just be closed. The one misuse that is silent is closing again, now in its place, what
 * was closed out of order. */
static int64_t check_close(hark_loop *loop, hark_scope *scope, int64_t rc)
{
    static const char call[] = "hark_scope_close";

    if (!scope) {
        return hark__fail(-EINVAL, call, "the scope is NULL");
    }
    if (!loop) {
        return hark__fail(
            -EXDEV, call,
            "a scope is closed by the task that opened it, and there is no loop in this thread");
    }
    bool in_place =
        loop->running && loop->running == scope->task && loop->running->level == scope->level.outer;
    if (scope->level.flags & LEVEL_MISNESTED && !hark__level_open(&scope->level) && in_place) {
        scope->level.flags &= ~(uint32_t)LEVEL_MISNESTED;
        return rc;
    }
    if (!hark__level_open(&scope->level)) {
        return hark__fail(-EINVAL, call,
                          "this scope is not open: it was closed already, or never opened");
    }
    return hark__fail(-EPERM, call, "only the task that opened a scope may close it");
}

static __attribute__((noinline)) int64_t close_slowly(hark_scope *scope, int64_t rc)
{
    hark_loop *loop = hark__here;

    if (!scope || !loop || !hark__level_open(&scope->level) || scope->task != loop->running) {
        return check_close(hark__loop_here(), scope, rc);
    }
    if (loop->running->level != &scope->level) {
        hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
        if (!hark__level_is_open(loop, &scope->level)) {
            return hark__fail(-EINVAL, "hark_scope_close",
                              "this scope is not open: it is a copy of one that is");
        }
        if (loop->running->level != &scope->level) {
            return close_misnested(loop, scope);
        }
    }
    int64_t result = hark__scope_verdict(scope, rc);
    hark__scope_end(scope);
    if (result == -ETIMEDOUT && rc == -ECANCELED) {
        hark__fail(-ETIMEDOUT, "hark_scope_close",
                   "the scope's deadline passed before its body had ended");
    }
    return result;
}

int64_t hark_scope_close(hark_scope *scope, int64_t rc)
{
    const hark_loop *loop = hark__here;

    if (unlikely(!scope || !loop || !hark__level_open(&scope->level) ||
                 scope->task != loop->running || scope->task->level != &scope->level ||
                 rc == -ECANCELED || planted(done_in_time_is_a_timeout))) {
        return close_slowly(scope, rc);
    }
    hark__scope_end(scope);
    return rc;
}

/* ---- what any task of the loop may do -------------------------------------------------------- */

int hark__scope_check(const hark_scope *scope, const char *noun, const char *call)
{
    hark_loop *loop = hark__loop_here();

    if (!scope) {
        return hark__fail(-EINVAL, call, "the %s is NULL", noun);
    }
    if (!loop) {
        return hark__fail(
            -EXDEV, call,
            "a %s belongs to its loop's thread, and there is no loop in this one; post a callback to that loop",
            noun);
    }
    if (!hark__level_open(&scope->level)) {
        return hark__fail(-EINVAL, call,
                          "this %s is not open: it was closed already, or never opened", noun);
    }
    if (scope->level.mark != loop->id) {
        return hark__fail(
            -EXDEV, call,
            "this %s belongs to loop %u, which is not this thread's; post a callback to that loop",
            noun, scope->level.mark);
    }
    return 0;
}

static int check_open(const hark_scope *scope, const char *call)
{
    return hark__scope_check(scope, "scope", call);
}

int hark_scope_cancel(hark_scope *scope)
{
    int error = check_open(scope, "hark_scope_cancel");

    if (planted(last_reason_wins) && !error) {
        scope->level.flags &= ~(uint32_t)LEVEL_TIMED_OUT;
    }
    if (error || scope->level.flags & LEVEL_CANCELLED) {
        return error;
    }
    if (!planted(deadline_beats_an_earlier_cancel)) {
        hark__wheel_disarm(&hark__here->wheel, &scope->timer);
    }
    scope->canceller = hark_self();
    scope->level.flags |= LEVEL_CANCELLED;
    hark__lint_scope_cancelled(hark__here, scope, 0);
    hark__level_refresh(hark__here, &scope->level);
    return 0;
}

int hark_scope_shield(hark_scope *scope, bool on)
{
    int error = check_open(scope, "hark_scope_shield");

    if (error) {
        return error;
    }
    scope->level.flags &= ~(uint32_t)(LEVEL_SHIELD | (on ? 0 : LEVEL_LOOKS));
    scope->level.flags |= on ? LEVEL_SHIELD : 0;
    if (on || !planted(unshielding_forgets_what_waits)) {
        hark__level_refresh(hark__here, &scope->level);
    }
    return 0;
}

int hark_scope_set_deadline(hark_scope *scope, int64_t deadline)
{
    hark_loop *loop = hark__loop_here();
    int error = check_open(scope, "hark_scope_set_deadline");

    if (error) {
        return error;
    }
    scope->deadline = deadline;
    if (scope->level.flags & LEVEL_CANCELLED) {
        return 0;
    }
    hark__wheel_disarm(&loop->wheel, &scope->timer);
    if (deadline <= hark__loop_now(loop)) {
        pass_deadline(loop, scope, 0);
    } else if (!planted(deadline_is_not_moved)) {
        arm(loop, scope, deadline);
    }
    return 0;
}

bool hark_scope_cancelled(const hark_scope *scope)
{
    hark_loop *loop = hark__loop_here();

    if (!scope) {
        return false;
    }
    /* Another loop's timers are not ours to touch. */
    bool here = loop && hark__level_open(&scope->level) && scope->level.mark == loop->id;
    if (here && !(scope->level.flags & LEVEL_CANCELLED) && scope->deadline != HARK_FOREVER &&
        scope->deadline <= hark__loop_now(loop)) {
        hark__wheel_disarm(&loop->wheel, &((hark_scope *)scope)->timer);
        pass_deadline(loop, (hark_scope *)scope, 0);
    }
    return scope->level.flags & LEVEL_CANCELLED;
}

bool hark_scope_caught(const hark_scope *scope)
{
    return scope && scope->level.flags & LEVEL_CAUGHT;
}

int64_t hark_effective_deadline(void)
{
    hark_loop *loop = hark__here;
    const struct hark_level *level;
    int64_t nearest = HARK_FOREVER;

    if (!loop || !loop->running) {
        return HARK_FOREVER;
    }
    hark__scope_drop_abandoned(loop, loop->running, hark__callers_sp());
    level = loop->running->level;
    if (level->flags & LEVEL_REACHED) {
        return INT64_MIN;
    }
    for (; !(level->flags & LEVEL_ROOT); level = level->outer) {
        if (!(level->flags & LEVEL_BASE) && ((const hark_scope *)level)->deadline < nearest) {
            nearest = ((const hark_scope *)level)->deadline;
        }
        if (level->flags & LEVEL_SHIELD) {
            break;
        }
    }
    return nearest;
}

/* ---- hark_within ----------------------------------------------------------------------------- */

/* A scope of the pool, and how to see that the frame which opened it is gone. Free: linked by
 * `next`. */
struct pooled {
    hark_scope scope;
    struct pooled *next;
    uint64_t *place;        /* the last thing that the opener pushed */
    const uintptr_t *frame; /* the opener's saved frame pointer and return address ... */
    uintptr_t back;         /* ... and what the latter was */
};

struct hark__within_pool {
    struct pooled *free;
    uint32_t serial;
};

static struct pooled *take_pooled(hark_loop *loop)
{
    if (!loop->withins && !(loop->withins = hark__alloc(sizeof *loop->withins))) {
        return NULL;
    }
    struct pooled *pooled = loop->withins->free;
    if (!pooled) {
        return hark__alloc(sizeof *pooled);
    }
    loop->withins->free = pooled->next;
    return pooled;
}

static void give_pooled(hark_loop *loop, hark_scope *scope)
{
    struct pooled *pooled = container_of(scope, struct pooled, scope);

    pooled->next = loop->withins->free;
    loop->withins->free = pooled;
}

void hark__withins_close(hark_loop *loop)
{
    while (loop->withins && loop->withins->free) {
        struct pooled *pooled = loop->withins->free;
        loop->withins->free = pooled->next;
        hark__free(pooled, sizeof *pooled);
    }
    hark__free(loop->withins, sizeof *loop->withins);
}

/* For the audit: none that is free is open or armed, and there are not more than were ever taken. */
bool hark__withins_are_sane(const hark_loop *loop)
{
    const struct pooled *pooled = loop->withins ? loop->withins->free : NULL;
    uint32_t count = 0;

    for (; pooled; pooled = pooled->next) {
        if (hark__level_open(&pooled->scope.level) || hark__timer_armed(&pooled->scope.timer) ||
            ++count > loop->withins->serial) {
            return false;
        }
    }
    return true;
}

/* More than our own frames between a public call and its look at the place. */
#define PLACE_WORDS  32
#define PLACE_MARKED 4 /* of them, at the upper end */

/* Rule O5. All that is read here lies on the task's own stack, so it can always be read. The place
 * was the last thing pushed: when a longjmp has moved the stack pointer above it, we stand above it
 * too, or the calls since then have left their return addresses in its upper end, or in the
 * opener's frame. */
static bool is_abandoned(const struct pooled *pooled, const void *sp)
{
    uint32_t class = pooled->scope.task->flags & TASK_CLASS;
    const hark__stack *stack = hark__stack_at(pooled->place, class);
    bool comparable = (const char *)sp >= stack->low && sp < (const void *)stack; /* no other stack */
    bool above = !comparable || (const void *)pooled->place >= sp;
    bool whole = above && pooled->frame[1] == pooled->back;

    for (int i = PLACE_WORDS - PLACE_MARKED; i < PLACE_WORDS && whole; i++) {
        whole = pooled->place[i] == pooled->scope.level.mark;
    }
    return !whole;
}

static void mark_place(uint64_t *place, uint32_t mark)
{
    for (int i = PLACE_WORDS - PLACE_MARKED; i < PLACE_WORDS; i++) {
        place[i] = mark;
    }
}

void hark__scope_drop_abandoned(hark_loop *loop, hark__task *task, const void *sp)
{
    while (task->level->flags & LEVEL_WITHIN) {
        hark_scope *scope = (hark_scope *)task->level;
        if (sp && !is_abandoned(container_of(scope, struct pooled, scope), sp)) {
            return;
        }
        hark__scope_end(scope);
        give_pooled(loop, scope);
    }
}

size_t hark__within_words(void)
{
    return PLACE_WORDS;
}

int hark__within_open(struct hark__within *within, int64_t timeout)
{
    static const char call[] = "hark_within";
    hark_loop *loop = hark__here;

    if (!loop || !loop->running) {
        return hark__fail(-ENOTSUP, call, "a deadline belongs to a task, and there is none here");
    }
    /* A live one has its place above ours. */
    hark__scope_drop_abandoned(loop, loop->running, within->place + 1);
    struct pooled *pooled = take_pooled(loop);
    if (!pooled) {
        return hark__fail(-ENOMEM, call, "no memory for its scope; the call was not made");
    }
    begin_with_timeout(loop, &pooled->scope, timeout, LEVEL_WITHIN);
    pooled->scope.level.mark = ++loop->withins->serial;
    pooled->place = within->place;
    /* An array of variable length forces a frame pointer. */
    pooled->frame = *(const uintptr_t *const *)__builtin_frame_address(0);
    pooled->back = pooled->frame[1];
    mark_place(pooled->place, pooled->scope.level.mark);
    within->scope = &pooled->scope;
    return 0;
}

int64_t hark__within_close(struct hark__within *within, int64_t rc)
{
    hark_loop *loop = hark__here;
    hark_scope *scope = within->scope;

    within->scope = NULL;
    int64_t result = hark_scope_close(scope, rc);
    mark_place(within->place, 0);
    give_pooled(loop, scope);
    return result;
}

void hark__within_leave(struct hark__within *within)
{
    if (within->scope) {
        hark__within_close(within, 0);
    }
}
