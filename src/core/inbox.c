/* SPDX-License-Identifier: MIT
 *
 * inbox.c - how other threads and signal handlers reach a loop.
 *
 * Idea     A stack of watches that anybody may push to with one compare-and-swap, and that the loop
 *          takes whole and turns round: first in, first out, without a lock. The loop is woken
 *          through an eventfd, and only when it sleeps: `asleep` is set before the loop looks a
 *          last time, and cleared by the one poster who then writes.
 *
 *              poster:  push; if asleep, and exchange(asleep, 0), write
 *              loop:    asleep = 1; if not empty, do not sleep; poll; asleep = 0; take all
 *
 *          Both sides write first and then read what the other wrote, in one total order: so at
 *          least one of them sees the other, and no post is lost while falling asleep. The one
 *          exchange is left to who finds the loop asleep, for a look costs a fifth of it.
 *          A hub that tells of edges tells of each write: there the descriptor is never read, for
 *          nothing depends on its count, and a read would be one more piece of news ("there is room
 *          again"). Where it stays readable until it is read, it is read.
 * Rules    B1  What was pushed runs, in order, in the loop, outside any task.
 *          B2  Posting neither allocates nor locks nor blocks.
 *          B3  One round runs what was there when it began: who posts for ever starves nobody.
 *          B4  Who writes to the descriptor went in before it cleared `asleep`, or is kept from
 *              harm otherwise; the loop closes it when nobody is inside. Then it is awake, and
 *              shut: nobody writes any more.
 */
#include <string.h>
#include <sys/eventfd.h>

#include "core/core.h"

#define INBOX_TOKEN UINT64_MAX

#define LINE 64 /* bytes of a cache line */

/* What posters write shares no line with anything else. */
struct hark__inbox {
    unsigned char before[LINE];
    _Atomic(hark_watch *) posted; /* newest first; its lowest bit: shut */
    atomic_int asleep;
    atomic_int inside; /* rule B4 */
    unsigned char after[LINE];
    int fd;
    uint32_t owner;    /* the loop's id */
    bool shut;         /* the loop's own copy */
    bool denied;       /* it could not be written to, and that was said */
    bool deaf;         /* the hub could not be asked again */
    hark_watch *taken; /* oldest first: about to run */
};

static bool is_shut(const hark_watch *posted)
{
    return (uintptr_t)posted & 1;
}

static hark_watch *shut_as(const hark_watch *watch, bool shut)
{
    return (hark_watch *)((uintptr_t)watch | shut);
}

static hark_watch *newest_of(const hark_watch *posted)
{
    return (hark_watch *)((uintptr_t)posted & ~(uintptr_t)1);
}

static int arm(hark_loop *loop, const struct hark__inbox *inbox)
{
    return loop->hub->class->arm(loop->hub, inbox->fd, POLLIN, INBOX_TOKEN);
}

int hark__inbox_open(hark_loop *loop)
{
    if (loop->inbox) {
        return 0;
    }
    struct hark__inbox *inbox = hark__alloc(sizeof *inbox);
    if (!inbox) {
        return -ENOMEM;
    }
    inbox->owner = loop->id;
    inbox->shut = loop->shut;
    inbox->posted = shut_as(NULL, loop->shut);
    inbox->fd = hark__sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = inbox->fd < 0 ? -errno : arm(loop, inbox);
    if (!error) {
        loop->inbox = inbox; /* last: whoever forks meanwhile finds a whole one or none */
        return 0;
    }
    if (inbox->fd >= 0) {
        hark__sys.close(inbox->fd);
    }
    hark__free(inbox, sizeof *inbox);
    return error;
}

void hark__inbox_close(hark_loop *loop)
{
    if (loop->inbox) {
        loop->hub->class->disarm(loop->hub, loop->inbox->fd, INBOX_TOKEN);
        hark__sys.close(loop->inbox->fd);
    }
}

void hark__inbox_abandon(hark_loop *loop)
{
    if (loop->inbox) {
        hark__sys.close(loop->inbox->fd);
    }
}

void hark__inbox_free(hark_loop *loop)
{
    if (loop->inbox) {
        hark__free(loop->inbox, sizeof *loop->inbox);
        loop->inbox = NULL;
    }
}

/* A loop that nobody can wake hangs: at least it does not hang in silence. Also from a handler. */
static void say_it_is_denied(struct hark__inbox *inbox, int error)
{
    if (!__atomic_test_and_set(&inbox->denied, __ATOMIC_RELAXED)) {
        hark__report_line(
            NULL,
            "a loop cannot be woken: writing to its eventfd %d failed with %s; did the program close that descriptor, or a sandbox forbid it?",
            inbox->fd, strerrorname_np(error));
    }
}

/* A full counter takes no write, and so there would be no edge: it is emptied first. If somebody
 * fills it again at that moment, that is one. */
static bool ring(int fd)
{
    uint64_t one = 1, count;

    if (hark__sys.write(fd, &one, sizeof one) >= 0) {
        return true;
    }
    if (errno == EAGAIN && hark__sys.read(fd, &count, sizeof count) >= 0 &&
        hark__sys.write(fd, &one, sizeof one) >= 0) {
        return true;
    }
    return errno == EAGAIN;
}

void hark__inbox_ring(struct hark__inbox *inbox)
{
    int saved = errno;

    if (!ring(inbox->fd)) {
        say_it_is_denied(inbox, errno);
    }
    errno = saved;
}

void hark__inbox_wake(struct hark__inbox *inbox)
{
    if (atomic_exchange(&inbox->asleep, 0)) {
        hark__inbox_ring(inbox);
    }
}

/* ---- the gate -------------------------------------------------------------------------------- */

void hark__inbox_enter(struct hark__inbox *inbox)
{
    atomic_fetch_add(&inbox->inside, 1);
}

void hark__inbox_leave(struct hark__inbox *inbox)
{
    atomic_fetch_sub(&inbox->inside, 1);
}

bool hark__inbox_is_entered(const struct hark__inbox *inbox)
{
    return atomic_load(&inbox->inside);
}

void hark__inbox_shut(struct hark__inbox *inbox)
{
    hark_watch *newest = atomic_load(&inbox->posted);

    inbox->shut = true;
    while (!atomic_compare_exchange_weak(&inbox->posted, &newest, shut_as(newest, true))) {}
}

/* ---- posting --------------------------------------------------------------------------------- */

static inline bool push(struct hark__inbox *inbox, hark_watch *watch, bool may_be_shut)
{
    hark_watch *newest = atomic_load(&inbox->posted);

    do {
        if (is_shut(newest) && !may_be_shut) {
            return false;
        }
        watch->in.next = newest_of(newest);
    } while (!atomic_compare_exchange_weak(&inbox->posted, &newest, shut_as(watch, is_shut(newest))));
    return true;
}

void hark__inbox_post(struct hark__inbox *inbox, hark_watch *watch)
{
    push(inbox, watch, true);
    if (atomic_load(&inbox->asleep)) {
        hark__inbox_wake(inbox);
    }
}

/* Rule B4. */
static void wake_from_outside(struct hark__inbox *inbox)
{
    hark__inbox_enter(inbox);
    hark__inbox_wake(inbox);
    hark__inbox_leave(inbox);
}

int hark__inbox_offer(struct hark__inbox *inbox, hark_watch *watch)
{
    __atomic_store_n(&watch->loop, inbox->owner, __ATOMIC_RELAXED);
    if (unlikely(!push(inbox, watch, false))) {
        __atomic_store_n(&watch->state, WATCH_IDLE, __ATOMIC_SEQ_CST);
        return -ESHUTDOWN;
    }
    if (unlikely(atomic_load(&inbox->asleep))) {
        wake_from_outside(inbox);
    }
    return 0;
}

/* ---- in the loop ----------------------------------------------------------------------------- */

/* What was posted, behind what was taken before. */
static void take(struct hark__inbox *inbox)
{
    hark_watch *watch = newest_of(atomic_exchange(&inbox->posted, shut_as(NULL, inbox->shut)));
    hark_watch *oldest = NULL, **end = &inbox->taken;

    while (watch && !planted(posts_run_backwards)) {
        hark_watch *next = watch->in.next;
        watch->in.next = oldest;
        oldest = watch;
        watch = next;
    }
    while (*end) {
        end = &(*end)->in.next;
    }
    *end = oldest ? oldest : watch;
}

bool hark__inbox_drain(hark_loop *loop)
{
    struct hark__inbox *inbox = loop->inbox;
    bool any = false;

    if (!inbox) {
        return false;
    }
    for (take(inbox); inbox->taken; any = true) {
        hark_watch *watch = inbox->taken;
        hark_callback *fn = watch->fn;
        void *arg = watch->arg;
        inbox->taken = watch->in.next;
        __atomic_store_n(&watch->state, WATCH_IDLE, __ATOMIC_RELEASE); /* it may be posted again */
        hark__call_back(fn, arg);
    }
    return any;
}

/* Who posts it may not have pushed it yet, or be refused just now. */
void hark__inbox_take_back(hark_loop *loop, hark_watch *watch)
{
    hark_watch **at = &loop->inbox->taken;

    while (*at != watch && __atomic_load_n(&watch->state, __ATOMIC_SEQ_CST) == WATCH_POSTED) {
        at = *at ? &(*at)->in.next : (take(loop->inbox), &loop->inbox->taken);
    }
    if (*at == watch) {
        *at = watch->in.next;
        __atomic_store_n(&watch->state, WATCH_IDLE, __ATOMIC_SEQ_CST);
    }
}

bool hark__inbox_any(const hark_loop *loop)
{
    return loop->inbox && (newest_of(atomic_load(&loop->inbox->posted)) || loop->inbox->taken);
}

bool hark__inbox_sleep(hark_loop *loop)
{
    if (!loop->inbox) {
        return true;
    }
    if (loop->inbox->deaf && (loop->inbox->deaf = arm(loop, loop->inbox) != 0)) {
        return false;
    }
    atomic_store(&loop->inbox->asleep, 1);
    if (hark__inbox_any(loop) && !planted(post_is_lost_while_falling_asleep)) {
        atomic_store(&loop->inbox->asleep, 0);
        return false;
    }
    return true;
}

void hark__inbox_awake(hark_loop *loop)
{
    if (loop->inbox) {
        atomic_store(&loop->inbox->asleep, 0);
    }
}

bool hark__inbox_report(hark_loop *loop, uint64_t token)
{
    if (token != INBOX_TOKEN) {
        return false;
    }
    if (!loop->hub->class->lasts) {
        uint64_t count;
        ssize_t ignored = hark__sys.read(loop->inbox->fd, &count, sizeof count);
        (void)ignored;
        loop->inbox->deaf = arm(loop, loop->inbox) != 0;
    }
    return true;
}
