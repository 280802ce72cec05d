/* SPDX-License-Identifier: MIT
 *
 * inbox.c - how other threads and signal handlers reach a loop.
 *
 * Idea     A stack of watches that anybody may push to with one compare-and-swap, and that the loop
 *          takes whole and turns round: first in, first out, without a lock. The loop is woken
 *          through an eventfd, and only when it sleeps: `asleep` is set before the loop looks a
 *          last time, and cleared by the one poster who then writes.
 *
 *              poster:  push; if exchange(asleep, 0) write        loop:  asleep = 1; if not empty,
 *              do not sleep; poll; asleep = 0; take all
 *
 *          Both sides write first and then read what the other wrote, in one total order: so at
 *          least one of them sees the other, and no post is lost while falling asleep.
 * Rules    B1  What was pushed runs, in order, in the loop, outside any task.
 *          B2  Posting neither allocates nor locks nor blocks (a full eventfd counter means that
 *              the loop is being woken anyway).
 *          B3  One round runs what was there when it began: who posts for ever starves nobody.
 */
#include <string.h>
#include <sys/eventfd.h>

#include "core/core.h"

#define INBOX_TOKEN UINT64_MAX

struct hark__inbox {
    _Atomic(hark_watch *) posted; /* newest first */
    atomic_int asleep;
    int fd;
    bool denied;       /* it could not be written to, and that was said */
    bool deaf;         /* the hub could not be asked again */
    hark_watch *taken; /* oldest first: about to run */
};

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

void hark__inbox_ring(struct hark__inbox *inbox)
{
    int saved = errno;
    uint64_t one = 1;

    if (hark__sys.write(inbox->fd, &one, sizeof one) < 0 && errno != EAGAIN) {
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

void hark__inbox_post(struct hark__inbox *inbox, hark_watch *watch)
{
    hark_watch *newest = atomic_load(&inbox->posted);

    do {
        watch->in.next = newest;
    } while (!atomic_compare_exchange_weak(&inbox->posted, &newest, watch));
    hark__inbox_wake(inbox);
}

/* What was posted, behind what was taken before. */
static void take(struct hark__inbox *inbox)
{
    hark_watch *watch = atomic_exchange(&inbox->posted, NULL), *oldest = NULL, **end = &inbox->taken;

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
        __atomic_store_n(&watch->state, WATCH_IDLE, __ATOMIC_SEQ_CST); /* it may be posted again */
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
    return loop->inbox && (atomic_load(&loop->inbox->posted) || loop->inbox->taken);
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
    uint64_t count;

    if (token != INBOX_TOKEN) {
        return false;
    }
    ssize_t ignored = hark__sys.read(loop->inbox->fd, &count, sizeof count);
    (void)ignored;
    if (!loop->hub->class->lasts) {
        loop->inbox->deaf = arm(loop, loop->inbox) != 0;
    }
    return true;
}
