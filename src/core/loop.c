/* SPDX-License-Identifier: MIT
 *
 * loop.c - a thread's loop: what runs next, when to look at the world, and what to do when nothing
 * can run.
 *
 * Idea     While tasks are ready they switch straight to one another (park.c). Control comes back
 *          here, to the thread's own stack, for three reasons: a callback is next (callbacks run
 *          outside any task), the ring's head has come to `look_at_head`, or nothing is ready.
 *          Looking around means asking the hub, then the timers, then the post box.
 * Fairness The clock costs some 25 ns and a poll 150 ns, a switch 4. So the clock is read once in
 *          some 10 us of switches (how many these are adapts to how long steps take) and the hub
 *          asked once in 50 us: at most 2 % of the time, and neither yielding tasks nor a chatty
 *          peer starve timers and descriptors.
 * Idle     Nothing ready: settlers go on, else the virtual clock jumps, else the thread sleeps in
 *          the hub until the next deadline. If nothing could ever end that sleep, it is a deadlock:
 *          it is reported, and everything is cancelled.
 * Rules    L1  The ring always has room: every living task and every armed watch has promised
 *              itself one place.
 *          L2  Descriptors are looked at before timers: what arrived in time is not timed out.
 *          L3  Time never goes back; a deadline takes effect in the first look around after it.
 *          L4  Who asks the loop to stop is answered when all has run that was ready then.
 * Not here Opening, closing and hark_run (run.c); loops that somebody else drives (embed.c).
 */
#include <hark/loop.h>
#include <string.h>

#include "core/core.h"

#define POLL_EVERY  50000     /* ns between two polls while tasks are ready */
#define CHECK_EVERY 10000     /* ns between two looks at the clock */
#define STEPS_MOST  256       /* ... and switches */
#define STEPS_LONG  16        /* ... or fewer, where steps are long */
#define REPORTS     256       /* from one poll */
#define TRIM_EVERY  100000000 /* ns */
#define EXPIRE_MOST 10000     /* timers fired in one look around */
#define DENSE       12500     /* ns from timer to timer, or less: then they are gathered ... */
#define GATHER_MOST 450000    /* ... for so long at most, ns, beyond POLL_EVERY */

/* ---- time ------------------------------------------------------------------------------------ */

int64_t hark__loop_now(hark_loop *loop)
{
    return loop->virtual_clock ? loop->virtual_now : hark__clock();
}

int64_t hark_now(void)
{
    hark_loop *loop = hark_loop_self();

    return loop ? hark__loop_now(loop) : hark__clock();
}

/* ---- the ring -------------------------------------------------------------------------------- */

int hark__loop_grow(hark_loop *loop)
{
    uint32_t size = loop->mask + 1;
    uintptr_t *larger = size < 1u << 30 ? hark__alloc(2ul * size * sizeof *larger) : NULL;
    if (!larger) {
        return -ENOMEM;
    }
    for (uint32_t i = loop->head; i != loop->tail; i++) {
        larger[i & (2 * size - 1)] = loop->ring[i & loop->mask];
    }
    hark__free(loop->ring, size * sizeof *larger);
    loop->ring = larger;
    loop->mask = 2 * size - 1;
    return 0;
}

/* With a seed: any of what was ready when the turn began. But callbacks keep their order among
 * themselves, and who has yielded lets all run first that were ready then: those are promises, seed
 * or not. */
uint32_t hark__loop_candidates(const hark_loop *loop, uint32_t which, uint32_t *place)
{
    uint32_t ready = loop->turn_end - loop->head, count = 0;
    bool callback_seen = false;

    for (uint32_t i = 0; i < ready && count <= which; i++) {
        unsigned kind = loop->ring[(loop->head + i) & loop->mask] & READY_KIND;
        bool may = i == 0 || (kind == READY_WATCH ? !callback_seen : kind != READY_YIELDED);
        callback_seen = (callback_seen || kind == READY_WATCH) && !planted(callbacks_overtake);
        if (may) {
            *place = i;
            count++;
        }
    }
    return count;
}

static uint32_t choose_next(hark_loop *loop)
{
    uint32_t place = 0, count = hark__loop_candidates(loop, UINT32_MAX, &place);

    uint32_t which = count > 1 ? hark__choices.pick(&loop->random, HARK__CHOOSE_READY, count) : 0;

    hark__loop_candidates(loop, which, &place);
    return place;
}

/* What runs next. */
static uintptr_t take_next(hark_loop *loop)
{
    if (unlikely(loop->random)) {
        uint32_t chosen = loop->head + choose_next(loop);
        uintptr_t entry = loop->ring[chosen & loop->mask];
        for (; chosen != loop->head; chosen--) {
            loop->ring[chosen & loop->mask] = loop->ring[(chosen - 1) & loop->mask];
        }
        loop->head++;
        return entry;
    }
    return loop->ring[loop->head++ & loop->mask];
}

/* ---- looking around -------------------------------------------------------------------------- */

/* So many timers fired, so long after the ones before: if they are dense, the next sleep that
 * timers end is longer; see until_next_timer. */
static void note_density(hark_loop *loop, int64_t fired, int64_t span)
{
    int64_t least = 2 * loop->gather + POLL_EVERY;

    loop->gather = fired * DENSE < span ? 0 : least > GATHER_MOST ? GATHER_MOST : least;
}

static void expire_timers(hark_loop *loop, int64_t now)
{
    int64_t before = loop->fired;
    struct hark_timer *timer;
    int fired = 0;

    while (fired < EXPIRE_MOST && (timer = hark__wheel_due(&loop->wheel, now))) {
        loop->fired = now;
        timer->fire(timer);
        fired++;
    }
    if (fired) {
        note_density(loop, fired, now - before);
    }
    loop->millis = (uint32_t)((now - loop->began) / 1000000);
}

static void poll_hub(hark_loop *loop, int64_t timeout)
{
    struct hark__report reports[REPORTS];
    bool sleeps = timeout != 0;

    if (sleeps && !hark__inbox_sleep(loop)) {
        timeout = 0;
    }
    int count = loop->hub->class->poll(loop->hub, timeout, reports, REPORTS);
    if (sleeps) {
        hark__inbox_awake(loop);
    }
    if (unlikely(count == -ENOMEM || count == -EAGAIN)) {
        count = 0; /* the kernel is short of memory for a moment; timers and post go on meanwhile */
    }
    if (unlikely(count < 0)) {
        hark__report_death(NULL, "the hub \"%s\" cannot wait any more: %s", loop->hub->class->name,
                           strerror(-count));
    }
    for (int i = 0; i < count; i++) {
        if (likely(reports[i].token < HARK__TOKENS_OWN)) {
            hark__interest_report(loop, reports[i].token, reports[i].events);
        } else if (!hark__alarm_report(loop, reports[i].token)) {
            hark__inbox_report(loop, reports[i].token);
        }
    }
    if (unlikely(loop->hub->ended)) {
        hark__hub_tell(loop->hub);
    }
    hark__inbox_drain(loop);
    loop->polled = loop->checked = hark__clock();
    expire_timers(loop, unlikely(loop->virtual_clock) ? loop->virtual_now : loop->polled);
    if (unlikely(loop->polled >= loop->look_at)) {
        hark__lint_look(loop);
    }
}

void hark__loop_look(hark_loop *loop)
{
    poll_hub(loop, 0);
}

/* Read the clock, and decide how many switches will be some 10 us. */
static bool is_time_to_poll(hark_loop *loop)
{
    int64_t now = hark__clock(), spent = now - loop->checked;
    int64_t steps = spent > 0 ? loop->steps_given * (int64_t)CHECK_EVERY / spent : STEPS_MOST;

    loop->checked = now;
    loop->steps_given = (uint32_t)(steps < 1 ? 1 : steps > STEPS_MOST ? STEPS_MOST : steps);
    loop->look_at_head = loop->head + loop->steps_given;
    return now - loop->polled >= POLL_EVERY;
}

/* Rule L4: how much of what was ready then has not run yet; 0: nobody has asked. */
static inline uint32_t left_to_stop(const hark_loop *loop)
{
    bool stops = unlikely(loop->stopping) && (int32_t)(loop->stop_at - loop->head) > 0;

    return stops ? loop->stop_at - loop->head : 0;
}

/* Every switch comes through the loop: a turn is what was ready when it began, and the hub is asked
 * between two turns. */
static void look_between_turns(hark_loop *loop)
{
    if (loop->head != loop->turn_end) {
        return;
    }
    if (!hark__choices.between) {
        poll_hub(loop, 0);
    }
    loop->turn_end = left_to_stop(loop) ? loop->stop_at : loop->tail;
}

static void look_around(hark_loop *loop)
{
    if (loop->careful) {
        look_between_turns(loop);
    } else if (loop->head == loop->look_at_head && is_time_to_poll(loop)) {
        poll_hub(loop, 0);
    }
}

/* Nothing can ever run again: say who waits for whom, and let everybody clean up. */
static void deadlock(hark_loop *loop)
{
    if (loop->cancelled_all) {
        hark__report_death(
            NULL,
            "after the deadlock every task was cancelled, but some still wait where no cancellation reaches");
    }
    hark__report_deadlock(loop);
    loop->deadlocked = true;
    hark__cancel_all(loop, true);
}

/* Before a sleep, ten times a second at most: give stacks back that have long been unused. While
 * there are more, sleep no longer than that. */
static int64_t trim_memory(hark_loop *loop, int64_t timeout)
{
    if (timeout && loop->polled - loop->trimmed >= TRIM_EVERY) {
        loop->trimmed = loop->polled;
        loop->trims = hark__stacks_trim(loop->stacks);
    }
    return loop->trims && (timeout < 0 || timeout > TRIM_EVERY) ? TRIM_EVERY : timeout;
}

/* Lints look at who was cancelled once a second, while somebody is. That is no timer: it wakes no
 * task, and hides no deadlock. */
static int64_t until_look(const hark_loop *loop, int64_t timeout)
{
    int64_t left = loop->look_at - loop->polled;

    return loop->look_at != HARK_FOREVER && (timeout < 0 || timeout > left) ? left : timeout;
}

/* One timer alone ends its sleep to the nanosecond. A sleep costs some 20 us of computing, and a
 * timer a hundredth of that; so from one sleep that timers end to the end of the next there are at
 * least 50 us, as the kernel's own timer slack has it, and up to 500 us while 80,000 timers or more
 * fire a second: a million of them cost two thousand sleeps a second and not a million. */
static int64_t until_next_timer(hark_loop *loop)
{
    int64_t now = hark__clock(), timeout = hark__wheel_next(&loop->wheel) - now;
    int64_t least = loop->fired + POLL_EVERY + loop->gather - now;

    timeout = timeout < least ? least : timeout;
    return timeout < 0 ? 0 : timeout;
}

/* A build with debug checks audits its loops whenever they come to rest, unless that is long. */
#ifdef HARK__DEBUG
#define AUDIT_MOST 1000 /* tasks */

static void check_itself(hark_loop *loop)
{
    char words[256];
    struct hark__text text;

    hark__text_to_string(&text, words, sizeof words);
    if (loop->tasks <= AUDIT_MOST && hark__audit(loop, false, &text)) {
        hark__report_death(NULL, "the audit: %s", words);
    }
}
#else
static inline void check_itself(hark_loop *loop)
{
    (void)loop;
}
#endif

static bool can_never_go_on(const hark_loop *loop)
{
    return loop->tasks && !loop->wheel.count && !loop->fd_waits && !loop->signals &&
           !hark__loop_is_held(loop);
}

/* In virtual time: on to the next deadline, but no further than `most`. */
static void jump(hark_loop *loop, int64_t most)
{
    int64_t next = hark__wheel_next(&loop->wheel), now = loop->virtual_now;

    if (next > now) {
        loop->virtual_now = next - now > most ? now + most : next;
    }
    expire_timers(loop, loop->virtual_now);
}

/* Another thread may post any moment: look around again and again instead of sleeping. Who steps the
 * loop by hand waits elsewhere. */
static bool stays_awake(hark_loop *loop, int64_t most)
{
    if (likely(!loop->spins) || most != HARK_FOREVER) {
        return false;
    }
    if (!loop->spin_awake) {
        loop->spin_end = hark__clock() + loop->spin_span;
        loop->spin_awake = true;
    }
    loop->spin_slept = loop->polled >= loop->spin_end && !planted(spin_never_ends);
    return !loop->spin_slept;
}

/* Nothing is ready: wait for the world, `most` at most. */
static void idle(hark_loop *loop, int64_t most)
{
    check_itself(loop);
    if (loop->settlers.first || loop->virtual_clock) {
        poll_hub(loop, 0);
        if (loop->head != loop->tail) {
            return;
        }
        if (loop->settlers.first) {
            planted(settlers_wake_one_by_one) ? hark__wake(loop->settlers.first, 0)
                                              : hark__wake_all(&loop->settlers);
            return;
        }
        if (loop->virtual_clock && loop->wheel.count && !hark__loop_is_held(loop)) {
            jump(loop, most);
            return;
        }
    }
    if (most == HARK_FOREVER && can_never_go_on(loop)) {
        deadlock(loop);
        return;
    }
    if (stays_awake(loop, most)) {
        poll_hub(loop, 0);
        return;
    }
    int64_t timeout = most == HARK_FOREVER ? -1 : most;
    if (loop->wheel.count && !loop->virtual_clock) {
        int64_t next = until_next_timer(loop);
        timeout = timeout < 0 || next < timeout ? next : timeout;
    }
    poll_hub(loop, until_look(loop, trim_memory(loop, timeout)));
}

static void report_slow_step(hark_loop *loop, hark__task *task, hark_task id, int64_t began)
{
    int64_t took = hark__clock() - began;

    if (took > loop->slow_step) {
        bool living_still = task && task->id == id;
        hark__report_line(
            living_still ? task : NULL,
            "%s kept the loop for %ld us without waiting; call hark_yield() in long computations, or do them in a thread",
            task ? (living_still ? "this task" : "a task that has ended") : "a callback",
            (long)(took / 1000));
        if (living_still) {
            hark__report_where(task);
        }
    }
}

static void run_entry(hark_loop *loop, uintptr_t entry)
{
    void *pointer = (void *)(entry & ~(uintptr_t)READY_KIND);
    bool is_watch = (entry & READY_KIND) == READY_WATCH;
    hark__task *task = is_watch ? NULL : pointer;
    hark_task id = task ? task->id : 0;
    int64_t began = unlikely(loop->slow_step) ? hark__clock() : 0;

    if (unlikely(hark__choices.step)) {
        hark__choices.step(entry);
    }
    if (is_watch) {
        hark__watch_run(loop, pointer);
    } else {
        hark__loop_step(loop, entry);
    }
    if (unlikely(began)) {
        report_slow_step(loop, task, id, began);
    }
}

/* Something is ready: run the first of it, after a look around if it is time for one. Control comes
 * back after `most` switches at the latest; 0: when it is time for the next. Callbacks count as
 * switches, or one that calls itself again would starve all. */
static void advance(hark_loop *loop, uint32_t most)
{
    look_around(loop);
    if (loop->head == loop->tail) {
        return;
    }
    uint32_t left = loop->careful ? 1 : loop->look_at_head - loop->head;
    if (left <= STEPS_LONG && (int32_t)(loop->head - loop->fetched) >= 0) {
        hark__prefetch_batch(loop);
    }
    if (most && left > most) {
        loop->steps_given -= left - most;
        left = most;
    }
    loop->look_at_head = loop->head + (left ? left : 1);
    run_entry(loop, take_next(loop));
}

/* Nothing stops a loop that is to become empty: what was cancelled must end. */
static inline bool is_over(const hark_loop *loop, enum hark__until until)
{
    if (likely(until == UNTIL_EMPTY)) {
        return !loop->tasks;
    }
    if (loop->stopping && !left_to_stop(loop)) {
        return true;
    }
    return until == UNTIL_MAIN ? !loop->main : !loop->tasks && loop->root.flags & LEVEL_CANCELLED;
}

void hark__loop_run(hark_loop *loop, enum hark__until until)
{
    while (!is_over(loop, until)) {
        if (unlikely(hark__choices.between) && hark__choices.between(loop->head == loop->tail)) {
            continue;
        }
        if (loop->head == loop->tail) {
            idle(loop, HARK_FOREVER);
            loop->turn_end = loop->tail;
            continue;
        }
        advance(loop, left_to_stop(loop));
    }
}

void hark__loop_turn(hark_loop *loop, int64_t most)
{
    if (loop->head == loop->tail) {
        idle(loop, most);
    } else {
        poll_hub(loop, 0);
    }
    uint32_t end = loop->turn_end = loop->tail;
    while (loop->head != loop->tail && (int32_t)(loop->head - end) < 0) {
        advance(loop, end - loop->head);
    }
}

/* A loop that rests in a virtual time, with one task left, becomes as it was when it was young:
 * what is decided from here on depends on nothing before. */
void hark__loop_rewind(hark_loop *loop)
{
    loop->virtual_now = loop->began;
    loop->millis = 0;
    loop->fair_turn = 0;
    loop->spare_owner = 0;
    loop->spare_failure = (struct hark__failure){.code = 0};
    if (loop->words_next > 1) {
        loop->words_next = 1;
        memset(loop->words, 0, sizeof loop->words);
    }
    loop->wheel.instant = loop->began; /* it is empty, so nothing in it has to move */
}
