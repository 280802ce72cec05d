/* SPDX-License-Identifier: MIT
 *
 * State Threads: what its programs share. It has condition variables and no events, so a flag goes
 * beside one; nothing can change between the look and the wait, for it never preempts.
 */
#ifndef HARK_BENCH_ST_H
#define HARK_BENCH_ST_H

#include "../../bench.h"
#include <st.h>

#define STACK 65536

typedef struct {
    st_cond_t changed;
    int is_set;
} event;

static inline void event_init(event *e)
{
    e->changed = st_cond_new();
    e->is_set = 0;
}

static inline void event_set(event *e)
{
    e->is_set = 1;
    st_cond_broadcast(e->changed);
}

static inline void event_wait(event *e)
{
    while (!e->is_set)
        st_cond_wait(e->changed);
}

/* epoll, which it does not take by itself. */
static inline void begin(void)
{
    st_set_eventsys(ST_EVENTSYS_ALT);
    bench_must(st_init() == 0, "st_init");
}

static inline st_thread_t spawn(void *(*fn)(void *), void *arg, int joinable)
{
    st_thread_t t = st_thread_create(fn, arg, joinable, STACK);
    bench_must(t != NULL, "st_thread_create");
    return t;
}

#endif
