/* SPDX-License-Identifier: MIT
 *
 * interest.c - who waits for which descriptor.
 *
 * Idea     One entry a descriptor number: at most one waiter each way, what the hub has been asked,
 *          and what the last call learnt. A lasting hub is asked once for both directions and
 *          reports edges; the others are asked at each wait.
 *
 *          A report names a token, and the token holds the entry's generation: it changes whenever
 *          the number leaves us (closed, forgotten, made anew), so a late report reaches nobody.
 *
 *          Descriptors may be closed behind our back and their numbers reused; then the hub has
 *          lost them and would never report. So a wait that has grown old (100 ms) is looked at
 *          once more with poll(2), and asked of the hub once more. That costs two calls a long
 *          wait, and makes "hangs for ever" "took a tenth of a second".
 *
 * Rules    F1  At most one waiter or watch a direction; a second one is told -EBUSY.
 *          F2  Whoever waits when the number leaves us gets -EBADF.
 *          F3  `armed` never claims more than the hub will report.
 *          F4  A watch (reader, writer) is level: after each call the descriptor is looked at
 *              again.
 *          F5  fd_waits counts waiters and watches: while it is not 0, something outside may wake
 *              us.
 */
#include <string.h>

#include "core/core.h"

#define OLD_AFTER   100 /* ms */
#define OLD_AT_ONCE 512 /* old waits looked at in one go */

/* Entries that stand together in memory: a page of it, where pages have 4 KiB. */
#define PAGE       64
#define PAGE_BYTES (PAGE * sizeof(struct hark__fd))

struct hark__interest {
    struct hark__fd **pages;
    uint32_t room;                    /* pages */
    struct hark__fd *oldest, *newest; /* noted waits, in the order of noting */
    struct hark_timer sweep;
};

static const short bits[2] = {POLLIN, POLLOUT};
static const short news[2] = {POLLIN | POLLPRI | POLLRDHUP | POLLHUP | POLLERR | POLLNVAL,
                              POLLOUT | POLLHUP | POLLERR | POLLNVAL};

/* ---- the table ------------------------------------------------------------------------------- */

int hark__interest_open(hark_loop *loop)
{
    loop->interest = hark__alloc(sizeof *loop->interest);
    return loop->interest ? 0 : -ENOMEM;
}

void hark__interest_close(hark_loop *loop)
{
    struct hark__interest *interest = loop->interest;

    hark__wheel_disarm(&loop->wheel, &interest->sweep);
    for (uint32_t page = 0; page < interest->room; page++) {
        hark__unmap(interest->pages[page], PAGE_BYTES);
    }
    hark__free(interest->pages, interest->room * sizeof *interest->pages);
    hark__free(interest, sizeof *interest);
    loop->interest = NULL;
}

struct hark__fd *hark__fd_peek(hark_loop *loop, int fd)
{
    const struct hark__interest *interest = loop->interest;
    uint32_t number = (uint32_t)fd, page = number / PAGE;

    if (page >= interest->room || !interest->pages[page]) {
        return NULL;
    }
    return &interest->pages[page][number % PAGE];
}

/* For the audit: every entry that there is. */
const struct hark__fd *hark__fd_next(const hark_loop *loop, const struct hark__fd *after)
{
    const struct hark__interest *interest = loop->interest;
    uint32_t fd = after ? (uint32_t)after->fd + 1 : 0;

    if (fd % PAGE) {
        return after + 1;
    }
    for (uint32_t page = fd / PAGE; page < interest->room; page++) {
        if (interest->pages[page]) {
            return interest->pages[page];
        }
    }
    return NULL;
}

const struct hark__fd *hark__fd_noted(const hark_loop *loop, bool newest)
{
    return newest ? loop->interest->newest : loop->interest->oldest;
}

const struct hark_timer *hark__fd_sweep(const hark_loop *loop)
{
    return &loop->interest->sweep;
}

static bool add_room(struct hark__interest *interest, uint32_t page)
{
    uint32_t room = interest->room ? interest->room : 4;

    while (room <= page) {
        room *= 2;
    }
    struct hark__fd **larger =
        hark__realloc(interest->pages, interest->room * sizeof *larger, room * sizeof *larger);
    if (!larger) {
        return false;
    }
    memset(larger + interest->room, 0, (room - interest->room) * sizeof *larger);
    interest->pages = larger;
    interest->room = room;
    return true;
}

static bool add_page(struct hark__interest *interest, uint32_t page)
{
    if (page >= interest->room && !add_room(interest, page)) {
        return false;
    }
    interest->pages[page] = hark__map(PAGE_BYTES);
    for (uint32_t i = 0; i < PAGE && interest->pages[page]; i++) {
        interest->pages[page][i].fd = (int)(page * PAGE + i);
    }
    return interest->pages[page] != NULL;
}

struct hark__fd *hark__fd_entry(hark_loop *loop, int fd)
{
    struct hark__fd *entry = fd < 0 ? NULL : hark__fd_peek(loop, fd);

    if (likely(entry) || fd < 0 || !add_page(loop->interest, (uint32_t)fd / PAGE)) {
        return entry;
    }
    return hark__fd_peek(loop, fd);
}

static uint64_t token_of(const struct hark__fd *entry)
{
    return (uint64_t)entry->generation << 32 | (uint32_t)entry->fd;
}

/* ---- waits that grow old --------------------------------------------------------------------- */

static void sweep(struct hark_timer *timer);

static uint32_t millis_at(const hark_loop *loop, int64_t now)
{
    return (uint32_t)((now - loop->began) / HARK_MS(1));
}

/* Of the latest wait. */
static void append(struct hark__interest *interest, struct hark__fd *entry)
{
    entry->young = true;
    entry->noted = entry->since;
    entry->newer = NULL;
    *(interest->oldest ? &interest->newest->newer : &interest->oldest) = entry;
    interest->newest = entry;
}

/* For the first one, which is the oldest. */
static void arm_sweep(hark_loop *loop, const struct hark__fd *first)
{
    int64_t now = hark__loop_now(loop);
    uint32_t age = millis_at(loop, now) - first->noted;

    hark__wheel_arm(&loop->wheel, &loop->interest->sweep,
                    now + (age < OLD_AFTER ? HARK_MS(OLD_AFTER - age) : 0));
}

/* A wait begins. Most are over long before anybody looks, and then the note serves the next one: a
 * busy descriptor is noted ten times a second, not at each wait. */
static void note_wait(hark_loop *loop, struct hark__fd *entry)
{
    struct hark__interest *interest = loop->interest;

    entry->since = millis_at(loop, loop->polled);
    if (likely(entry->young) || loop->virtual_clock) {
        return;
    }
    append(interest, entry);
    if (!hark__timer_armed(&interest->sweep)) {
        interest->sweep.fire = sweep;
        arm_sweep(loop, entry);
    }
}

/* Somebody waits for what is not there any more; the number is nobody's now, or another file's. */
static void tell_closed(hark_loop *loop, const struct hark__fd *entry, const char *now)
{
    for (int direction = FD_IN; direction <= FD_OUT && hark__lint_on(LINT_DESCRIPTOR); direction++) {
        const struct hark_waiter *waiter = entry->waits[direction];
        bool is_task = waiter && ((waiter->owner & OWNER_KIND) == OWNER_TASK ||
                                  (waiter->owner & OWNER_KIND) == OWNER_CASE);
        if (!loop->virtual_clock && (waiter || entry->watches[direction])) {
            hark__report_line(
                is_task ? hark__owner_of(waiter) : NULL,
                "%s for descriptor %d to be %s, which was closed behind hark's back%s; close it with hark_close, or call hark_forget first [lint: descriptor]",
                is_task ? "waits" : "a callback waits", entry->fd,
                direction == FD_IN ? "readable" : "writable", now);
        }
    }
}

static bool is_waited_for(const struct hark__fd *entry, int direction)
{
    return entry->waits[direction] || entry->watches[direction];
}

static short waited_for(const struct hark__fd *entry)
{
    return (short)((is_waited_for(entry, FD_IN) ? POLLIN : 0) |
                   (is_waited_for(entry, FD_OUT) ? POLLOUT : 0));
}

/* Is the descriptor still what the hub was asked about? Ask both again. */
static void look_again(hark_loop *loop, struct hark__fd *entry)
{
    struct pollfd poll = {.fd = entry->fd, .events = waited_for(entry)};

    if (!poll.events) {
        return;
    }
    if (hark__sys.poll(&poll, 1, 0) > 0) {
        hark__interest_report(loop, token_of(entry), poll.revents);
        entry->ahead = POLLIN | POLLOUT;
        return;
    }
    loop->hub->fresh = false;
    loop->hub->class->arm(loop->hub, entry->fd,
                          loop->hub->class->lasts ? POLLIN | POLLOUT : poll.events, token_of(entry));
    if (loop->hub->fresh && entry->armed) {
        tell_closed(loop, entry, ", and its number is another file's now");
    }
}

/* Those noted a while ago: nobody waits any more, or only since lately, or it has grown old. */
static void sweep(struct hark_timer *timer)
{
    hark_loop *loop = hark__here;
    struct hark__interest *interest = loop->interest;
    uint32_t now = millis_at(loop, hark__loop_now(loop));
    struct hark__fd *entry;

    for (int i = 0; i < OLD_AT_ONCE && (entry = interest->oldest); i++) {
        if (now - entry->noted < OLD_AFTER) {
            break;
        }
        interest->oldest = entry->newer;
        entry->young = false;
        if (waited_for(entry) && now - entry->since < OLD_AFTER) {
            append(interest, entry);
        } else {
            look_again(loop, entry);
        }
    }
    /* A select that was told in vain waits again: then it is armed already. */
    if (interest->oldest && !hark__timer_armed(timer)) {
        arm_sweep(loop, interest->oldest);
    }
}

/* ---- waiting --------------------------------------------------------------------------------- */

int hark__fd_arm(hark_loop *loop, struct hark__fd *entry, int direction)
{
    int events = loop->hub->class->lasts ? POLLIN | POLLOUT : bits[direction];

    if (likely(entry->armed & bits[direction])) {
        return 0;
    }
    int error = loop->hub->class->arm(loop->hub, entry->fd, events, token_of(entry));
    if (!error) {
        entry->armed |= (uint8_t)events;
    }
    return error;
}

/* Without waiting, so EINTR is no reason to give up. If the look has failed all the same, the edge
 * that was the reason for it may have gone by: the hub is asked anew, and tells of what is
 * there. */
int hark__fd_look(hark_loop *loop, struct pollfd *poll)
{
    int count;

    do {
        count = hark__sys.poll(poll, 1, 0);
    } while (count < 0 && errno == EINTR);
    struct hark__fd *entry = count < 0 ? hark__fd_peek(loop, poll->fd) : NULL;
    if (entry) {
        entry->armed = 0;
        for (int direction = FD_IN; direction <= FD_OUT; direction++) {
            if (is_waited_for(entry, direction)) {
                hark__fd_arm(loop, entry, direction);
            }
        }
    }
    return count;
}

/* While it waits here, a waiter's `next` is the entry, and `prev` the address of its direction's
 * slot. */
int hark__fd_join(hark_loop *loop, struct hark__fd *entry, int direction, struct hark_waiter *waiter)
{
    if (entry->waits[direction] || entry->watches[direction]) {
        return -EBUSY;
    }
    int error = hark__fd_arm(loop, entry, direction);
    if (error) {
        return error;
    }
    waiter->list = NULL;
    waiter->next = (struct hark_waiter *)entry;
    waiter->prev = (struct hark_waiter *)&entry->waits[direction];
    entry->waits[direction] = waiter;
    loop->fd_waits++;
    note_wait(loop, entry);
    return 0;
}

void hark__fd_leave(hark_loop *loop, struct hark_waiter *waiter)
{
    if (planted(cancelled_read_stays_registered)) {
        return;
    }
    *(struct hark_waiter **)waiter->prev = NULL;
    loop->fd_waits--;
}

static void leave_fd(hark__task *task)
{
    hark__fd_leave(hark__here, &task->in.waiter);
}

static void describe_fd(const hark__task *task, struct hark__text *text)
{
    const struct hark__fd *entry = (const struct hark__fd *)task->in.waiter.next;
    bool reads = (struct hark_waiter **)task->in.waiter.prev == &entry->waits[FD_IN];

    hark__text_put(text, " %d to be %s", entry->fd, reads ? "readable" : "writable");
}

/* A number that is no longer open is not ready: the look at old waits is for that. */
bool hark__fd_is_ready(int fd, int direction)
{
    struct pollfd poll = {.fd = fd, .events = bits[direction]};
    return hark__sys.poll(&poll, 1, 0) > 0 && !(poll.revents & POLLNVAL);
}

static bool has_news(const hark__task *task)
{
    const struct hark__fd *entry = (const struct hark__fd *)task->in.waiter.next;
    return hark__fd_is_ready(entry->fd, entry->waits[FD_IN] == &task->in.waiter ? FD_IN : FD_OUT);
}

static void stands_at_fd(const hark__task *task, struct hark__audit *audit)
{
    hark__audit_fd(audit, task, &task->in.waiter);
}

static const struct hark__wait_kind fd_kind = {
    .what = "descriptor",
    .leave = leave_fd,
    .describe = describe_fd,
    .there = has_news,
    .stands = stands_at_fd,
};

int hark__fd_park(struct hark__fd *entry, int direction)
{
    hark_loop *loop = hark__here;
    hark__task *self = loop->running;

    self->in.waiter.owner = (uintptr_t)self | OWNER_TASK;
    int error = hark__fd_join(loop, entry, direction, &self->in.waiter);
    return error ? error : hark__park(&fd_kind);
}

/* ---- news ------------------------------------------------------------------------------------ */

static int look_at(hark_loop *loop, struct hark__fd *entry, int direction)
{
    struct pollfd poll = {.fd = entry->fd, .events = bits[direction]};

    if (hark__fd_look(loop, &poll) > 0) {
        return poll.revents & POLLNVAL ? -EBADF : 1;
    }
    return hark__fd_arm(loop, entry, direction);
}

/* A callback is called while there is something (its promise is a level), and a ring keeps edges that
 * were seen by a look meanwhile: then it is looked once more. */
static bool is_told_in_vain(hark_loop *loop, struct hark__fd *entry, int direction)
{
    bool doubtful = entry->ahead & bits[direction] || loop->hub->repeats;

    entry->ahead &= (uint8_t)~bits[direction];
    return doubtful && look_at(loop, entry, direction) == 0;
}

static void tell(hark_loop *loop, struct hark__fd *entry, int direction, int result)
{
    struct hark_waiter *waiter = entry->waits[direction];
    hark_watch *watch = entry->watches[direction];

    if (waiter) {
        hark__fd_leave(loop, waiter);
        hark__wake_owner(loop, waiter->owner, waiter, result);
    } else if (watch && (watch->state & WATCH_STATE) == WATCH_LISTED &&
               !is_told_in_vain(loop, entry, direction)) {
        hark__watch_queue(loop, watch);
    }
}

/* It is more than news of data, or the hub has forgotten it with its report. */
static void note_more(hark_loop *loop, struct hark__fd *entry, int events)
{
    if (!loop->hub->class->lasts || events & (POLLERR | POLLNVAL)) {
        entry->armed = 0; /* rule F3: it may have forgotten any of them */
    }
    if (events & POLLNVAL) {
        tell_closed(loop, entry, "");
    }
    if (events & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL | POLLPRI)) {
        entry->hung_up = true;
    }
}

/* Who still waits. */
static void arm_again(hark_loop *loop, struct hark__fd *entry)
{
    for (int direction = FD_IN; direction <= FD_OUT; direction++) {
        if (entry->waits[direction] && hark__fd_arm(loop, entry, direction)) {
            tell(loop, entry, direction, -EBADF);
        }
    }
}

void hark__interest_report(hark_loop *loop, uint64_t token, int events)
{
    struct hark__fd *entry = hark__fd_peek(loop, (int)(uint32_t)token);

    if (!entry || token_of(entry) != token) {
        return;
    }
    if (unlikely(events & ~(POLLIN | POLLOUT)) || !loop->hub->class->lasts) {
        note_more(loop, entry, events);
    }
    for (int direction = FD_IN; direction <= FD_OUT; direction++) {
        if (events & news[direction]) {
            if (!planted(edge_is_forgotten)) {
                entry->drained &= (uint8_t)~bits[direction];
            }
            tell(loop, entry, direction,
                 events & POLLNVAL ? -EBADF : events & (news[direction] | bits[direction]));
        }
    }
    if (unlikely(entry->armed != (POLLIN | POLLOUT))) {
        arm_again(loop, entry);
    }
}

/* ---- descriptors come and go ----------------------------------------------------------------- */

static void leave_us(hark_loop *loop, struct hark__fd *entry)
{
    /* Also where `armed` says nothing: after an error a ring's poll may still hold the file
     * open. */
    if (!planted(registration_outlives_its_descriptor)) {
        loop->hub->class->disarm(loop->hub, entry->fd, token_of(entry));
        entry->armed = 0;
    }
    for (int direction = FD_IN; direction <= FD_OUT; direction++) {
        if (entry->watches[direction]) {
            hark__fd_unwatch(loop, entry->watches[direction]);
        }
        if (!planted(close_forgets_who_waits)) {
            tell(loop, entry, direction, -EBADF);
        }
    }
    entry->generation += planted(late_report_reaches_the_next_owner) ? 0 : 1;
    entry->drained = entry->held = 0;
    entry->hung_up = entry->known = entry->own = false;
}

void hark__fd_own(hark_loop *loop, int fd)
{
    struct hark__fd *entry = hark__fd_peek(loop, fd);

    if (entry) {
        entry->own = true;
    }
}

int hark__fd_drop(hark_loop *loop, int fd)
{
    struct hark__fd *entry = loop ? hark__fd_peek(loop, fd) : NULL;

    if (entry) {
        leave_us(loop, entry);
    }
    return 0;
}

void hark__fd_fresh(hark_loop *loop, int fd, int kind)
{
    struct hark__fd *entry = loop ? hark__fd_entry(loop, fd) : NULL;

    if (entry) {
        leave_us(loop, entry);
        entry->kind = (uint8_t)kind;
        entry->known = true;
    }
}

/* ---- readers and writers --------------------------------------------------------------------- */

/* Rule F4. 1: ready now; 0: not, and the hub will say when; -errno. */
int hark__fd_watch(hark_loop *loop, int fd, int direction, hark_watch *watch)
{
    struct hark__fd *entry = hark__fd_entry(loop, fd);

    if (!entry) {
        return -ENOMEM;
    }
    if (entry->waits[direction]) {
        return -EBUSY;
    }
    int error = hark__fd_arm(loop, entry, direction);
    int ready = error ? error : look_at(loop, entry, direction);
    if (ready < 0) {
        return ready;
    }
    if (entry->watches[direction]) {
        hark__fd_unwatch(loop, entry->watches[direction]);
    }
    watch->fd = fd;
    entry->watches[direction] = watch;
    loop->fd_waits++;
    if (ready) {
        entry->ahead |= bits[direction];
        hark__watch_queue(loop, watch);
    }
    note_wait(loop, entry);
    return 0;
}

void hark__fd_unwatch(hark_loop *loop, hark_watch *watch)
{
    struct hark__fd *entry = hark__fd_peek(loop, watch->fd);

    entry->watches[watch->state & WATCH_READER ? FD_IN : FD_OUT] = NULL;
    loop->fd_waits--;
    if ((watch->state & WATCH_STATE) == WATCH_QUEUED) {
        hark__watch_unqueue(loop, watch);
    } else {
        hark__loop_unpromise(loop);
    }
    watch->state = WATCH_IDLE;
}

void hark__fd_watch_run(hark_loop *loop, hark_watch *watch)
{
    int direction = watch->state & WATCH_READER ? FD_IN : FD_OUT;
    struct hark__fd *entry = hark__fd_peek(loop, watch->fd);

    watch->state = (watch->state & ~(unsigned)WATCH_STATE) | WATCH_LISTED;
    hark__call_back(watch->fn, watch->arg);
    if (entry->watches[direction] != watch || (watch->state & WATCH_STATE) != WATCH_LISTED) {
        return;
    }
    int ready = planted(reader_is_told_once) ? 0 : look_at(loop, entry, direction);
    if (ready > 0) {
        entry->ahead |= bits[direction];
        hark__watch_queue(loop, watch);
    } else if (ready < 0) { /* closed behind our back */
        hark__fd_unwatch(loop, watch);
    }
}
