/* SPDX-License-Identifier: MIT
 *
 * audit_lists.c - the audit's other half: the ring, lists of waiters, the wheel, descriptors.
 *
 * Idea     A list belongs to the program, so only its waiters lead to it. Each waiter that a task
 *          shows is checked with its neighbours; the first one of a list that belongs to a task
 *          walks all of it. So each list is walked once, however many stand there.
 *
 *          Whether a ready task stands in the ring exactly once is asked of each entry and of each
 *          task: a first pass writes each entry's place into its task, and a second one finds there
 *          the place of another if there are two. A task that says a place is in the ring if that
 *          entry is the task. The mark goes where a parked task notes since when it waits, which
 *          nobody reads of a ready one. Watches need no mark: they keep their order in the ring,
 *          each with the place that it was put at, so two entries of one would say the same place.
 * Rules    As in audit.c.
 */
#include "core/audit.h"

static bool is_watch(const struct hark_waiter *waiter)
{
    return (waiter->owner & OWNER_KIND) == OWNER_WATCH;
}

static bool is_hook(const struct hark_waiter *waiter)
{
    return (waiter->owner & OWNER_KIND) == OWNER_HOOK;
}

/* ---- the ring -------------------------------------------------------------------------------- */

static uintptr_t entry_at(const hark_loop *loop, uint32_t place)
{
    return loop->ring[(loop->head + place) & loop->mask];
}

static hark__task *task_of(uintptr_t entry)
{
    return (entry & READY_KIND) == READY_WATCH ? NULL
                                               : (hark__task *)(entry & ~(uintptr_t)READY_KIND);
}

/* *last: where the watch before it was put. */
static void check_watch_entry(struct hark__audit *audit, const hark_watch *watch, uint32_t place,
                              uint32_t *last)
{
    const hark_loop *loop = audit->loop;
    uint32_t at = loop->head + place;

    audit->promises++;
    if (!watch) { /* rule K3 */
        return;
    }
    if ((watch->state & WATCH_STATE) != WATCH_QUEUED || watch->loop != loop->id) {
        hark__audit_loop_broken(audit, "K1: a watch stands in the ring and is not queued");
        return;
    }
    bool moved_on = loop->random ? (int32_t)(at - watch->spare) >= 0 : at == watch->spare;
    if (!moved_on || (int32_t)(watch->spare - *last) <= 0) {
        hark__audit_loop_broken(audit,
                                "K1: a watch stands in the ring where it was not put, or twice");
    }
    *last = watch->spare;
    audit->fd_queued += (watch->state & (WATCH_READER | WATCH_WRITER)) != 0;
}

static void check_task_entry(struct hark__audit *audit, uintptr_t entry, uint32_t place)
{
    bool is_new = (entry & READY_KIND) == READY_NEW;
    hark__task *task = task_of(entry);

    if (!hark__audit_is_task(audit, task)) {
        hark__audit_loop_broken(audit, "P1: the ring holds what is no living task");
        return;
    }
    if (task->state != (is_new ? TASK_NEW : TASK_READY)) {
        hark__audit_broken(audit, "P1", task, "stands in the ring as %s one, and is in state %d",
                           is_new ? "a new" : "a ready", task->state);
        return;
    }
    task->base.mark = place;
}

static void check_entries(struct hark__audit *audit, uint32_t entries)
{
    const hark_loop *loop = audit->loop;
    uint32_t last = loop->head - loop->mask - 2;

    for (uint32_t i = 0; i < entries; i++) {
        uintptr_t entry = entry_at(loop, i);
        if ((entry & READY_KIND) == READY_WATCH) {
            check_watch_entry(audit, (const hark_watch *)(entry & ~(uintptr_t)READY_KIND), i, &last);
        } else {
            check_task_entry(audit, entry, i);
        }
    }
    for (uint32_t i = 0; i < entries && !audit->broken; i++) {
        const hark__task *task = task_of(entry_at(loop, i));
        if (task && task->base.mark != i) {
            hark__audit_broken(audit, "P1", task, "stands more than once in the ring");
        }
    }
}

void hark__audit_ring(struct hark__audit *audit)
{
    const hark_loop *loop = audit->loop;
    uint32_t entries = loop->tail - loop->head, size = loop->mask + 1;

    if (entries > loop->promised || loop->promised > size) {
        hark__audit_loop_broken(audit, "L1: %u are ready, %u places are promised, and %u there are",
                                entries, loop->promised, size);
    }
    if (loop->careful && loop->turn_end - loop->head > entries) {
        hark__audit_loop_broken(audit, "L: the turn ends where nothing is ready");
    }
    if (entries <= size) {
        check_entries(audit, entries);
    }
}

bool hark__audit_in_ring(const struct hark__audit *audit, const hark__task *task)
{
    const hark_loop *loop = audit->loop;
    return task->base.mark < loop->tail - loop->head &&
           task_of(entry_at(loop, task->base.mark)) == task;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Does its owner wait there? */
static bool is_owned(struct hark__audit *audit, const struct hark_waiter *waiter)
{
    const hark_watch *watch = hark__owner_of(waiter);
    const hark__task *task = hark__owner_of(waiter);

    switch (waiter->owner & OWNER_KIND) {
    case OWNER_TASK:
        return hark__audit_is_task(audit, task) && task->state == TASK_PARKED &&
               &task->in.waiter == waiter;
    case OWNER_CASE:
        return hark__audit_is_task(audit, task) && task->state == TASK_PARKED && task->wait &&
               task->wait->chosen;
    case OWNER_WATCH:
        return &watch->in.waiter == waiter && watch->loop == audit->loop->id &&
               (watch->state & WATCH_STATE) == WATCH_LISTED;
    default: return watch && !hark__roster_owns(audit->loop->roster, watch);
    }
}

static bool is_linked(const struct hark_waiter *waiter)
{
    return waiter->next && waiter->prev && waiter->next->prev == waiter &&
           waiter->prev->next == waiter;
}

static void walk_list(struct hark__audit *audit, const struct hark_waitlist *list)
{
    const struct hark_waiter *waiter = list->first;
    uint32_t count = 0;

    if (list->loop && list->loop != audit->loop->id) {
        hark__audit_loop_broken(audit, "P1: a list of loop %u has waiters of this one", list->loop);
    }
    do {
        if (waiter->list != list || !is_linked(waiter)) {
            hark__audit_loop_broken(audit, "P1: a list of waiters is not one ring");
            return;
        }
        if (!is_owned(audit, waiter)) {
            hark__audit_loop_broken(audit, "P1: a waiter stands in a list, and its owner elsewhere");
            return;
        }
        *(is_watch(waiter) ? &audit->promises : &audit->listed) += !is_hook(waiter);
        waiter = waiter->next;
    } while (++count <= list->count && waiter != list->first);
    if (count != list->count) {
        hark__audit_loop_broken(audit, "P1: a list says that %u wait, and %s do", list->count,
                                count > list->count ? "more" : "fewer");
    }
}

/* Do only watches and hooks stand before it? */
static bool is_first_task(const struct hark_waitlist *list, const struct hark_waiter *waiter)
{
    uint32_t steps = 0;

    while (waiter != list->first && steps++ <= list->count) {
        waiter = waiter->prev;
        if (!is_watch(waiter) && !is_hook(waiter)) {
            return false;
        }
    }
    return waiter == list->first;
}

void hark__audit_waiter(struct hark__audit *audit, const hark__task *task,
                        const struct hark_waiter *waiter)
{
    audit->waiters++;
    if (!waiter->list || !is_linked(waiter)) {
        hark__audit_broken(audit, "P1", task, "waits for %s, and stands in no list",
                           task->wait->what);
    } else if (hark__owner_of(waiter) != task || is_watch(waiter)) {
        hark__audit_broken(audit, "P1", task, "waits for %s, and somebody else would be woken",
                           task->wait->what);
    } else if (is_first_task(waiter->list, waiter)) {
        walk_list(audit, waiter->list);
    }
}

void hark__audit_joiner(struct hark__audit *audit, const hark__task *task,
                        const struct hark_waiter *waiter)
{
    audit->joiners++;
    hark__audit_waiter(audit, task, waiter);
}

void hark__stands_in_list(const hark__task *task, struct hark__audit *audit)
{
    hark__audit_waiter(audit, task, &task->in.waiter);
}

/* A list that the loop or a task has. If its first one waits there, that one walks it. */
void hark__audit_root_list(struct hark__audit *audit, const struct hark_waitlist *list,
                           const char *what)
{
    if (!list->first != !list->count) {
        hark__audit_loop_broken(audit, "P1: %u %s, and %s stands in the list", list->count, what,
                                list->first ? "one" : "none");
    } else if (list->first && (list->first->list != list || !is_owned(audit, list->first))) {
        hark__audit_loop_broken(audit, "P1: the first of those who %s does not", what);
    }
}

/* ---- the wheel ------------------------------------------------------------------------------- */

void hark__audit_timer(struct hark__audit *audit, const hark__task *task,
                       const struct hark_timer *timer, int64_t deadline)
{
    bool armed = hark__timer_armed(timer);

    audit->timers += armed;
    if (armed != (deadline != HARK_FOREVER)) {
        hark__audit_broken(audit, "P1", task, "%s",
                           armed ? "has a timer for no deadline"
                                 : "has a deadline, and no timer armed");
    } else if (armed && timer->deadline < deadline) {
        hark__audit_broken(audit, "N1", task, "has a timer that fires before its deadline");
    }
}

/* Rule W1, reckoned without the wheel's own words. */
static bool is_in_place(const struct hark__wheel *wheel, const struct hark_timer *timer,
                        unsigned level, unsigned slot)
{
    uint64_t deadline = (uint64_t)timer->deadline, instant = (uint64_t)wheel->instant;
    uint64_t above = level == 7 ? 0 : (deadline ^ instant) >> (8 * level + 8);
    bool same_here = (deadline >> (8 * level) & 255) == (instant >> (8 * level) & 255);

    return !above && (deadline >> (8 * level) & 255) == slot && (level == 0 || !same_here);
}

/* Is whoever it belongs to alive and waiting for it? */
static void check_timer(struct hark__audit *audit, const struct hark_timer *timer)
{
    const hark_watch *watch = hark__watch_of_timer(timer);
    const hark_scope *scope = hark__scope_of_timer(timer);

    if (watch) {
        audit->promises++;
        if ((watch->state & WATCH_STATE) != WATCH_TIMED || watch->loop != audit->loop->id) {
            hark__audit_loop_broken(audit, "K1: a watch's timer is armed, and the watch is not");
        }
        return;
    }
    audit->wheeled++;
    if (scope && (!hark__level_open(&scope->level) || !hark__audit_is_task(audit, scope->task))) {
        hark__audit_loop_broken(audit, "O3: the timer of a scope that is closed is armed");
    } else if (!timer->fire) {
        hark__audit_loop_broken(audit, "W: a timer is armed, and nothing would happen");
    }
}

static void check_slot(struct hark__audit *audit, unsigned level, unsigned slot, uint32_t *count)
{
    const struct hark__wheel *wheel = &audit->loop->wheel;
    const struct hark_timer *head = hark__wheel_head(wheel, level, slot), *before = head;

    for (; before->next && before->next != head && *count <= wheel->count; ++*count) {
        const struct hark_timer *timer = before->next;
        if (timer->prev != before || (timer->next == head && head->prev != timer)) {
            hark__audit_loop_broken(audit, "W1: a slot of the wheel is not one ring");
            return;
        }
        if (timer->deadline < wheel->instant) {
            hark__audit_loop_broken(audit, "W3: the wheel's instant has passed an armed deadline");
        } else if (!is_in_place(wheel, timer, level, slot)) {
            hark__audit_loop_broken(audit, "W1: a timer stands in slot %u of level %u, not its own",
                                    slot, level);
        }
        check_timer(audit, timer);
        before = timer;
    }
}

void hark__audit_wheel(struct hark__audit *audit)
{
    const struct hark__wheel *wheel = &audit->loop->wheel;
    uint32_t count = 0;

    for (unsigned level = 0; level < HARK__WHEEL_LEVELS; level++) {
        const uint64_t *bits = wheel->bits[level];
        bool any = bits[0] | bits[1] | bits[2] | bits[3];
        if (any != (wheel->used >> level & 1)) {
            hark__audit_loop_broken(audit, "W4: level %u is %s, and its bit says otherwise", level,
                                    any ? "used" : "empty");
        }
        for (unsigned word = 0; word < HARK__WHEEL_SLOTS / 64; word++) {
            for (uint64_t left = bits[word]; left && count <= wheel->count; left &= left - 1) {
                check_slot(audit, level, word * 64 + (unsigned)__builtin_ctzll(left), &count);
            }
        }
    }
    if (count != wheel->count) {
        hark__audit_loop_broken(audit, "W4: the wheel counts %u timers, and its bits lead to %u",
                                wheel->count, count);
    }
    if (audit->loop->virtual_clock && wheel->instant > audit->loop->virtual_now) {
        hark__audit_loop_broken(audit, "W3: the wheel's instant is ahead of the clock");
    }
}

/* ---- descriptors ----------------------------------------------------------------------------- */

void hark__audit_fd(struct hark__audit *audit, const hark__task *task,
                    const struct hark_waiter *waiter)
{
    const struct hark__fd *entry = (const struct hark__fd *)waiter->next;
    bool reads = entry && (struct hark_waiter *const *)waiter->prev == &entry->waits[FD_IN];
    bool writes = entry && (struct hark_waiter *const *)waiter->prev == &entry->waits[FD_OUT];

    audit->fd_waiters++;
    if ((!reads && !writes) || entry->waits[reads ? FD_IN : FD_OUT] != waiter) {
        hark__audit_broken(audit, "F1", task, "waits for a descriptor that does not know it");
    } else if (hark__owner_of(waiter) != task || is_watch(waiter) || waiter->list) {
        hark__audit_broken(audit, "F1", task, "waits for descriptor %d, and another would be woken",
                           entry->fd);
    }
}

static void check_fd_waiter(struct hark__audit *audit, const struct hark__fd *entry, int direction)
{
    const struct hark_waiter *waiter = entry->waits[direction];
    int bit = direction == FD_IN ? POLLIN : POLLOUT;

    audit->fd_listed++;
    if (is_watch(waiter) || !is_owned(audit, waiter)) {
        hark__audit_loop_broken(audit, "F1: descriptor %d has a waiter that does not wait",
                                entry->fd);
    }
    if (entry->watches[direction]) {
        hark__audit_loop_broken(audit, "F1: both a task and a watch wait for descriptor %d",
                                entry->fd);
    }
    if (!(entry->armed & bit)) {
        hark__audit_loop_broken(audit, "F3: descriptor %d is waited for, and the hub was not asked",
                                entry->fd);
    }
}

static void check_fd_watch(struct hark__audit *audit, const struct hark__fd *entry, int direction)
{
    const hark_watch *watch = entry->watches[direction];
    unsigned state = watch->state & WATCH_STATE,
             mine = direction == FD_IN ? WATCH_READER : WATCH_WRITER;

    if ((state != WATCH_LISTED && state != WATCH_QUEUED) || watch->fd != entry->fd ||
        watch->loop != audit->loop->id || !(watch->state & mine)) {
        hark__audit_loop_broken(audit, "F4: descriptor %d has a watch that is not for it", entry->fd);
        return;
    }
    audit->promises += state == WATCH_LISTED;
    audit->fd_ran += state == WATCH_QUEUED;
}

static void check_fd_bits(struct hark__audit *audit, const struct hark__fd *entry)
{
    const int both = POLLIN | POLLOUT;
    bool lasts = audit->loop->hub->class->lasts;

    if (entry->armed & ~both || (lasts && entry->armed && entry->armed != both)) {
        hark__audit_loop_broken(audit, "F3: descriptor %d claims to be armed for 0x%x", entry->fd,
                                (unsigned)entry->armed);
    }
    if (entry->held & ~both || entry->drained & ~POLLIN || (entry->closing && !entry->workers)) {
        hark__audit_loop_broken(audit, "F: descriptor %d is held, drained or closing by nobody",
                                entry->fd);
    }
}

/* The entries that will be looked at when they have grown old. */
static void check_noted(struct hark__audit *audit, uint32_t young)
{
    const struct hark__fd *entry = hark__fd_noted(audit->loop, false), *last = NULL;
    const struct hark_timer *sweep = hark__fd_sweep(audit->loop);
    bool any = entry != NULL;
    uint32_t count = 0;

    for (; entry && count <= young; last = entry, entry = entry->newer, count++) {
        if (!entry->young) {
            hark__audit_loop_broken(audit, "F: descriptor %d is noted, and does not know", entry->fd);
        }
    }
    if (count != young || (last && last != hark__fd_noted(audit->loop, true))) {
        hark__audit_loop_broken(audit, "F: %u descriptors are noted, and the list holds %u", young,
                                count);
    }
    if (any != hark__timer_armed(sweep)) {
        hark__audit_loop_broken(audit, "F: %s old waits to look at, and the timer for them is %s",
                                any ? "there are" : "there are no", any ? "not armed" : "armed");
    }
    audit->timers += hark__timer_armed(sweep);
}

void hark__audit_fds(struct hark__audit *audit)
{
    uint32_t count = 0, young = 0;

    for (const struct hark__fd *entry = NULL; (entry = hark__fd_next(audit->loop, entry));) {
        for (int direction = FD_IN; direction <= FD_OUT; direction++) {
            if (entry->waits[direction]) {
                check_fd_waiter(audit, entry, direction);
                count++;
            }
            if (entry->watches[direction]) {
                check_fd_watch(audit, entry, direction);
                count++;
            }
        }
        check_fd_bits(audit, entry);
        young += entry->young;
    }
    check_noted(audit, young);
    if (count != audit->loop->fd_waits) {
        hark__audit_loop_broken(audit, "F5: %u wait for descriptors, and the loop counts %u", count,
                                audit->loop->fd_waits);
    }
}
