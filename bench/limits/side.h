/* SPDX-License-Identifier: MIT
 *
 * limits/side.h - two threads give to one another and sleep in between: in a futex, or in epoll
 * until somebody writes into an eventfd.
 *
 * Rules
 *   1  Who sleeps has said so, and only then does the other one make a system call.
 *   2  The eventfd is asked for edges, so nobody needs to read it.
 */
#ifndef HARK_LIMITS_SIDE_H
#define HARK_LIMITS_SIDE_H

#include "../bench.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EMPTY, GIVEN, ASLEEP };

/* Each of the two has a place into which the other one gives. */
typedef struct {
    _Alignas(64) atomic_int word;
    int event, poller; /* -1: it sleeps in a futex */
} side;

static int64_t side_spin; /* ns that everybody looks before going to sleep */

BENCH_UNUSED static void side_open(side *s, int with_event)
{
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
    s->event = s->poller = -1;
    atomic_store(&s->word, EMPTY);
    if (!with_event)
        return;
    s->event = eventfd(0, EFD_CLOEXEC);
    s->poller = epoll_create1(EPOLL_CLOEXEC);
    bench_must(epoll_ctl(s->poller, EPOLL_CTL_ADD, s->event, &edge) == 0, "epoll_ctl");
}

BENCH_UNUSED static void side_give(side *to)
{
    uint64_t one = 1;
    if (atomic_exchange(&to->word, GIVEN) != ASLEEP)
        return;
    if (to->event < 0)
        syscall(SYS_futex, &to->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    else
        bench_must(write(to->event, &one, sizeof one) == sizeof one, "write");
}

static inline int side_look(side *me)
{
    for (int64_t until = bench_now() + side_spin; bench_now() < until;)
        if (atomic_load_explicit(&me->word, memory_order_acquire) == GIVEN)
            return 1;
    return 0;
}

BENCH_UNUSED static void side_take(side *me)
{
    struct epoll_event event;
    int empty = EMPTY;
    if (!(side_spin && side_look(me)) && atomic_compare_exchange_strong(&me->word, &empty, ASLEEP))
        while (atomic_load(&me->word) != GIVEN) {
            if (me->event < 0)
                syscall(SYS_futex, &me->word, FUTEX_WAIT_PRIVATE, ASLEEP, NULL, NULL, 0);
            else
                epoll_wait(me->poller, &event, 1, -1);
        }
    atomic_store(&me->word, EMPTY);
}

#endif
