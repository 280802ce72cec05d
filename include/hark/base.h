/* SPDX-License-Identifier: MIT
 *
 * hark/base.h - what the other headers are made of. Programs need not include it.
 *
 * The primitives are open structs, so that they can live on a stack, in a static variable or inside
 * another struct, cost no allocation and need no destructor. All zero is their initial state. Every
 * field here is private to the library: read a primitive through its functions.
 */
#ifndef HARK_BASE_H
#define HARK_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define HARK_BEGIN extern "C" {
#define HARK_END   }
#else
#define HARK_BEGIN
#define HARK_END
#endif

#define HARK_API                __attribute__((visibility("default")))
#define HARK_PRINTF(text, rest) __attribute__((format(printf, text, rest)))

/* Where a call stands: "file.c:12" and, behind the zero byte, which of its arguments is the task's
 * function, and their text. One word, made by the compiler; reports take it apart. */
#define HARK_TEXT_(x)      #x
#define HARK_TEXT(x)       HARK_TEXT_(x)
#define HARK_SITE(at, ...) (__FILE__ ":" HARK_TEXT(__LINE__) "\0" #at #__VA_ARGS__)

HARK_BEGIN

/* A waiter stands in at most one list. Its owner is a task, a watch or a case of a select. */
struct hark_waiter {
    struct hark_waiter *next, *prev; /* a ring; meaningful while in a list */
    struct hark_waitlist *list;      /* NULL: in none */
    uintptr_t owner;                 /* pointer and kind */
};

/* Who waits for one primitive, in the order in which they came. */
struct hark_waitlist {
    struct hark_waiter *first;
    uint32_t count;
    uint32_t loop; /* id of the loop that it belongs to; 0: none yet. Ids are never reused */
};

/* An instant at which something happens: a ring again, sorted by the loop. */
struct hark_timer {
    struct hark_timer *next, *prev; /* next NULL: not armed */
    int64_t deadline;
    void (*fire)(struct hark_timer *timer);
};

/* One step of the way from a task outwards to the run: a scope, a group, or the task's own. */
struct hark_level {
    struct hark_level *outer, *inner;
    uint32_t flags;
    uint32_t mark; /* private use of whoever owns the level */
};

/* What `statistics` calls return. */
typedef struct hark_stats {
    int tasks_waiting; /* who was given their turn no longer counts, though they have not run yet */
} hark_stats;

/* A task's id: > 0, never reused in this process, positive also when truncated to int. */
typedef int64_t hark_task;

/* A task's body. Returns >= 0, or -errno when it failed. */
typedef int hark_fn(void *arg);

/* A watch's callback: runs in the loop, outside any task, and must not block. */
typedef void hark_callback(void *arg);

HARK_END
#endif
