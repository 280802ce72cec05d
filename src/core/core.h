/* SPDX-License-Identifier: MIT
 *
 * core.h - the door of the room `core`: the loop, its tasks, and the one place to sleep.
 *
 * Every primitive above is a few lines over what stands here:
 *
 *     hark__enter(...)      may the caller wait at all? (in a task, not cancelled, of this loop)
 *     hark__wait(...)       stand in a list and park, until somebody wakes us or we are cancelled
 *     hark__wake, _wake_all give waiters their turn
 *
 * The law of the wake-up. A wake-up belongs to the waiter it was given to, and a cancellation that
 * comes later does not take it away. Hand-over is direct: what was given to a waiter can be taken
 * by nobody else. No woken waiter ever leaves empty-handed. "Cancelled" means that it did not
 * happen.
 *
 * How the law is kept: waking takes the waiter out of its list, writes the result and makes its
 * task ready, all at once; cancelling does the same with -ECANCELED. Whoever comes second finds the
 * waiter in no list and the task not parked, and does nothing.
 */
#ifndef HARK_CORE_CORE_H
#define HARK_CORE_CORE_H

#include <errno.h>
#include <hark/base.h>
#include <hark/group.h>
#include <hark/limiter.h>
#include <hark/run.h>
#include <hark/scope.h>
#include <hark/time.h>
#include <hark/watch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/planted.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/wheel.h"
#include "fiber/fiber.h"
#include "hub/hub.h"

#define likely(x)                          __builtin_expect(!!(x), 1)
#define unlikely(x)                        __builtin_expect(!!(x), 0)
#define container_of(pointer, type, field) ((type *)((char *)(pointer)-offsetof(type, field)))

typedef struct hark__task hark__task;
typedef struct hark_loop hark_loop;

/* ---- levels: the way from a task outwards ---------------------------------------------------- */

enum {
    LEVEL_BASE = 1 << 0,      /* a task's own scope: the level is inside its record */
    LEVEL_GROUP = 1 << 1,     /* the level is a group's: children hang below it */
    LEVEL_ROOT = 1 << 2,      /* the run itself */
    LEVEL_CANCELLED = 1 << 3, /* was asked to cancel, or its deadline has passed */
    LEVEL_TIMED_OUT = 1 << 4, /* ... and the deadline came first */
    LEVEL_SHIELD = 1 << 5,    /* what comes from outside stops here */
    /* Some cancellation reaches the inside: the one bit that checkpoints read. */
    LEVEL_REACHED = 1 << 6,
    LEVEL_CAUGHT = 1 << 7,     /* closed: its own cancellation ended the body */
    LEVEL_WITHIN = 1 << 8,     /* opened by hark_within: may be found abandoned */
    LEVEL_ABORTED = 1 << 9,    /* a group: cancelled by a failure, not by hark_group_cancel */
    LEVEL_MISNESTED = 1 << 10, /* closed out of order */
    LEVEL_BINDING = 1 << 11,   /* a value stands here (sync/local.c): no cancellation of its own */
    /* How many looks of lint.c in a row have found it where it should not stay. */
    LEVEL_LOOK = 1 << 12, /* one of them */
    LEVEL_LOOKS = 0xf << 12,
    LEVEL_OPEN = 0x4f50u << 16, /* upper half: the state */
    LEVEL_CLOSED = 0x434cu << 16,
    LEVEL_STATE = 0xffffu << 16,
};

static inline bool hark__level_open(const struct hark_level *level)
{
    return (level->flags & LEVEL_STATE) == LEVEL_OPEN;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

enum hark__task_state { TASK_FREE, TASK_NEW, TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

enum hark__task_flag {
    TASK_CLASS = 0x0f,      /* the lowest four bits: the stack's class */
    TASK_COPIED = 1 << 4,   /* start.bytes holds the argument itself */
    TASK_STACKED = 1 << 5,  /* the argument was too large for that: it has its stack already */
    TASK_STARTING = 1 << 6, /* spawned by hark_start */
    TASK_WARNED = 1 << 7,   /* was told that it ignores its cancellation */
};

struct hark__audit;

/* How a task waits: one constant for each kind of waiting. */
struct hark__wait_kind {
    const char *what; /* "an event": for reports */
    /* Take it out of whatever it waits in, for a cancellation; NULL: this wait cannot be
     * cancelled. */
    void (*leave)(hark__task *task);
    /* One of its several waiters was woken (select). */
    void (*chosen)(hark__task *task, struct hark_waiter *waiter, int result);
    /* More words for reports; NULL: none. */
    void (*describe)(const hark__task *task, struct hark__text *text);
    bool says_where; /* `describe` does, also where its object is */
    /* For the audit: is what it waits for there? Then its wake-up was lost. NULL: cannot be
     * told. */
    bool (*there)(const hark__task *task);
    /* What the call still does when its wait has ended with a negative result: what it returns. So
     * it can end with the wait, in a tail call. NULL: nothing. */
    int (*after)(hark__task *self, int code);
    /* For the audit: show it every place that the task stands in (hark__audit_waiter and so on). */
    void (*stands)(const hark__task *task, struct hark__audit *audit);
    /* Who alone can end it (sync/ring.c); one of several, number `which`. NULL: no more; or none at
     * all, for it may end by itself. */
    const hark__task *(*holder)(const hark__task *task, int which);
};

#define TASK_BYTES 40 /* arguments up to this size are kept in the record */

/* A task's record: two cache lines. The first is all that waking and switching touch. Until the
 * task first runs, the place of its waiter holds what it begins with. */
struct hark__task {
    union {
        struct {
            union {
                struct hark_waiter waiter;
                struct hark_timer timer;
            } in;     /* where it waits: always just one place */
            void *sp; /* where it goes on */
            const struct hark__wait_kind *wait;
        };
        struct {
            hark_fn *fn;
            union {
                void *arg;
                unsigned char bytes[TASK_BYTES];
            };
        } start;
    };
    struct hark_level *level; /* the innermost open scope */
    int result;               /* of the wait */
    uint8_t state, flags;
    uint8_t ignored; /* -ECANCELED in a row */

    /* The scope that every task has; outer is its group's; mark: since when it waits, in ms of the
     * loop. */
    struct hark_level base;
    hark__task *next, *prev; /* its siblings, oldest first: a ring. Free: the next free one */
    hark_task id;
    const char *site;          /* a HARK_SITE: where it was spawned, and by which words */
    struct hark__extra *extra; /* what few tasks need */
};
_Static_assert(sizeof(hark__task) == 128 || sizeof(void *) != 8, "a record is two cache lines");

struct hark__failure {
    int code;
    uint16_t frame_count;
    bool by_user; /* the words are the program's own */
    hark_task task;
    char words[192];
    char site[128];
    void *frames[8];
};

struct hark__extra {
    struct hark_waitlist joiners;  /* who waits for its end */
    hark__task *task;              /* whose it is */
    struct hark__start *start;     /* of hark_start, until it has started */
    struct hark__failure *failure; /* its latest one */
    int64_t cancelled;             /* by hark_task_cancel: when, if lints want to know ... */
    hark_task canceller;           /* ... and by which task; 0: by none */
    char name[64];
};

/* What a waiter's owner is: in the lowest bits of the pointer. A hook is a function of the library,
 * called at once: what a lock leaves with its holder. */
enum { OWNER_TASK = 0, OWNER_WATCH = 1, OWNER_CASE = 2, OWNER_HOOK = 3, OWNER_KIND = 3 };

struct hark__hook {
    void (*woken)(struct hark_waiter *waiter);
};

static inline void *hark__owner_of(const struct hark_waiter *waiter)
{
    return (void *)(waiter->owner & ~(uintptr_t)OWNER_KIND);
}

/* ---- waiting awake --------------------------------------------------------------------------- */

/* Does it pay? Each time in vain doubles how many chances are let pass then, up to 63; each time
 * that paid takes half of those doublings back. */
struct hark__spin {
    uint8_t vain, pass;
    bool checked, alone; /* alone: there is one processor only; looked at again after a vain one */
};

#define SPIN_VAIN_MOST 6

static inline bool hark__spin_may(struct hark__spin *luck)
{
    bool may = !luck->pass;

    luck->pass -= !may;
    return may;
}

static inline void hark__spin_paid(struct hark__spin *luck, bool paid)
{
    if (planted(spin_is_tried_for_ever)) {
        return;
    }
    luck->vain = paid                          ? luck->vain / 2
                 : luck->vain < SPIN_VAIN_MOST ? luck->vain + 1
                                               : SPIN_VAIN_MOST;
    luck->pass = (uint8_t)(paid ? 0 : (1 << luck->vain) - 1);
}

/* A moment's rest for a processor that spins. */
#if defined(__x86_64__)
static inline void hark__pause(void)
{
    __builtin_ia32_pause();
}
#elif defined(__aarch64__)
static inline void hark__pause(void)
{
    __asm__ volatile("isb" ::: "memory");
}
#else
static inline void hark__pause(void)
{
}
#endif

/* ---- the loop -------------------------------------------------------------------------------- */

#define LOOP_BUDGET 128 /* calls that need not wait, before a task lets others run */
#define LOOP_WORDS  32  /* recent failures of futures */

/* The words of a failed future, while they are recent. */
struct hark__words {
    uint64_t serial;
    const hark_group *group; /* hark_go_future: whose close reports it if nobody has looked */
    bool looked_at;
    struct hark__failure failure;
};

struct hark_loop {
    /* The run queue: pointers to tasks and watches, first in first out. It always has room for
     * every living task and armed watch: it grows where a failure can be told. */
    uintptr_t *ring;
    uint32_t mask;
    uint32_t head, tail;
    uint32_t look_at_head; /* where the loop looks around; the head never goes past it */
    int32_t budget;        /* calls that need not wait, until the running task lets others run */
    int32_t budget_full;   /* what each step begins with */
    hark__task *running;   /* NULL: the loop itself, or a callback */
    void *sp;              /* the loop's own place, on its thread's stack */
    uintptr_t special;     /* bits of an entry that ask for more than a jump */
    uint32_t id;           /* never reused */
    uint32_t promised;     /* places in the ring: living tasks and armed watches */
    uint32_t millis;       /* the turn's time, ms since the loop began: for reports */
    uint32_t fetched;      /* where the stacks of those before it have been fetched (park.c) */

    struct hark__hub *hub;
    hark__stacks *stacks;
    struct hark__roster *roster;
    struct hark_level root;
    uint32_t tasks;    /* living */
    uint32_t fd_waits; /* tasks and watches that wait for descriptors */
    uint32_t holds;    /* threads at work for us: the virtual clock waits for them */
    uint32_t signals;  /* who waits for one; and those that may still come and cancel the run */
    struct hark_signal *heard; /* the open ones (sync/signal.c) */
    uint32_t stack_class;
    bool cancelled_all; /* a deadlock: shields do not count any more */
    bool deadlocked;
    bool opened;  /* whole: whoever forks now may let go of it */
    bool careful; /* every switch goes through the loop: seed, slow_step */
    bool virtual_clock;
    int64_t virtual_now;
    struct hark__soon soon;
    int64_t slow_step;
    uint64_t random;    /* the state of the seed's generator; 0: no seed */
    uint32_t fair_turn; /* where the next select begins to look */
    uint32_t turn_end;  /* careful: what was ready when the turn began */

    /* What is awaited awake, because another thread will soon post it (thread/thread.c): how much, for
     * how long and, once the loop is idle, until when; whether it has been idle awake, and slept all
     * the same, since the latest began. */
    uint32_t spins;
    int32_t spin_span;
    bool spin_awake, spin_slept;
    bool spin_shares; /* the latest call was done by a thread on our processor: one of us must wait */
    bool spin_visits; /* one of them is the next call into this loop */
    struct hark__spin luck;
    int64_t spin_end;

    int64_t trimmed;      /* when unused stacks were last given back */
    bool trims;           /* there are more of them */
    int64_t look_at;      /* when lint.c looks who is cancelled; HARK_FOREVER: nobody is */
    int64_t looked;       /* when it did, or began to */
    int64_t cancelled_at; /* when the run was, if lints want to know */
    int64_t fired;        /* when a timer last did */
    int64_t gather;       /* ns that timers wait for others, while they are dense */
    int64_t polled;       /* when the hub was last asked */
    int64_t checked;      /* when the clock was last read for the sake of `look_at_head` ... */
    uint32_t steps_given; /* ... and how far away that was then */
    int64_t began;
    struct hark_waitlist settlers;

    struct hark__interest *interest; /* descriptors; see interest.c */
    struct hark__inbox *inbox;       /* from other threads; see inbox.c */
    struct hark__within_pool *withins;
    struct hark__start *cancelled_starts; /* a walk has noted them; see hark__level_refresh */
    struct hark__words words[LOOP_WORDS];
    uint64_t words_next;
    struct hark__failure spare_failure; /* for callbacks, and when there is no memory */
    hark_task spare_owner;              /* who has used it last */
    struct hark__failure main_failure;
    hark__tools tools;
    pthread_t thread;
    int main_result;
    hark_loop *next_alive;
    atomic_int refs, held; /* by other threads: its memory, and the loop; post.c */
    bool shut;             /* nothing that others post is accepted any more */
    hark_limiter calls;    /* of the program, in worker threads: thread/call.c */
    hark_watch nudge;      /* "nobody holds the loop any more" */
    atomic_bool nudge_posted;
    hark_task main; /* whose end is waited for, and whose result it is; 0: it has ended */

    const void *crew; /* of loops that run as one: thread/workers.c; NULL: it runs alone */
    void (*cancelled)(hark_loop *loop); /* a signal has cancelled it: for the crew; NULL: none */

    /* Of a loop that somebody else drives; see embed.c. */
    bool runs;     /* control is in it */
    bool embedded; /* made by hark_loop_new */
    bool stopping; /* hark_loop_stop was called, and answered at ... */
    uint32_t stop_at;
    atomic_bool stop_asked;
    hark_watch stop;
    int descriptor;   /* for a foreign event loop; -1: none */
    int alarm;        /* a timer descriptor in the hub; -1: none */
    int64_t alarm_at; /* HARK_FOREVER: it is not set */

    struct hark__wheel wheel; /* large: last */
};

/* This thread's loop: the one that runs, or a resting one that was used since its last step. */
extern __thread hark_loop *hark__here __attribute__((tls_model("initial-exec")));
/* The one that was stepped last, and rests (embed.c). */
extern __thread hark_loop *hark__resting __attribute__((tls_model("initial-exec")));
hark_loop *hark__loop_rouse(void);

/* For calls that may come from outside any task: this thread's loop, and if it rests, its driver is
 * told that there may be something to do. */
static inline hark_loop *hark__loop_here(void)
{
    return likely(hark__here != NULL) ? hark__here : hark__loop_rouse();
}

extern hark_loop *hark__living; /* run.c: all of the process, under its lock */

/* run.c: opened, it is this thread's; what went wrong was said. */
int hark__loop_open(hark_loop **ret, const hark_options *options, const char *call);
void hark__loop_finish(hark_loop *loop); /* nothing is accepted any more; what was, runs */
void hark__loop_close(hark_loop *loop);
void hark__loop_free_parts(hark_loop *loop); /* all that is memory, and the loop itself */
bool hark__loop_alive(uint32_t id);
/* What `use` says of a loop that lives, and cannot end meanwhile; -ESHUTDOWN: it has ended. */
int hark__loop_with(const hark_loop *wanted, int (*use)(hark_loop *loop));
/* A task of no group; the loop waits for its end as for main's. */
hark_task hark__loop_spawn(hark_loop *loop, hark_fn *fn, void *arg, const char *site,
                           const char *call);
/* The result of a run that is over, with the words of what failed in it. */
int hark__loop_result(hark_loop *loop, const char *call);

/* orphan.c, and the list in run.c: what a thread leaves behind that ends. */
void hark__orphan_watch(const hark_loop *loop);
hark_loop *hark__loop_of_thread(void); /* one that lives and is this thread's; NULL: none */

/* fork.c, and the list in run.c: loops of a parent that was forked, in its child. */
bool hark__loop_is_inherited(const hark_loop *loop); /* NULL: is there any? */
hark_loop *hark__loops_disown(void);                 /* all of them, linked by next_alive */
_Noreturn void hark__fork_death(hark__task *task);

/* Functions of the program are called by these: in a forked child none of them comes back into the
 * loop. */
static inline void hark__came_back(hark_loop *loop)
{
    if (unlikely(hark__here != loop) && !planted(forked_child_goes_back)) {
        hark__fork_death(loop->running);
    }
}

static inline int hark__call(hark_fn *fn, void *arg)
{
    hark_loop *loop = hark__here;
    int result = fn(arg);

    hark__came_back(loop);
    return result;
}

static inline void hark__call_back(hark_callback *fn, void *arg)
{
    hark_loop *loop = hark__here;

    fn(arg);
    hark__came_back(loop);
}

/* loop.c: until there is no task any more; until main has ended; until hark_loop_stop (or a
 * cancellation of all has ended the last task). */
enum hark__until { UNTIL_EMPTY, UNTIL_MAIN, UNTIL_STOP };
void hark__loop_run(hark_loop *loop, enum hark__until until);
/* Look at the world, waiting `most` at most if nothing is ready; then run what is ready. */
void hark__loop_turn(hark_loop *loop, int64_t most);
bool hark__alarm_report(hark_loop *loop, uint64_t token); /* was it the alarm's? (embed.c) */

/* Tokens of the hub from here on are the loop's own descriptors: no other has so high a number. */
#define HARK__TOKENS_OWN  (UINT64_MAX - 1)
#define HARK__TOKEN_ALARM (UINT64_MAX - 1)

int hark__loop_grow(hark_loop *loop); /* the ring is as large again; 0 or -ENOMEM */

/* One more place in the ring; 0 or -ENOMEM. */
static inline int hark__loop_promise(hark_loop *loop)
{
    if (unlikely(loop->promised > loop->mask) && hark__loop_grow(loop)) {
        return -ENOMEM;
    }
    loop->promised++;
    return 0;
}

static inline void hark__loop_unpromise(hark_loop *loop)
{
    loop->promised--;
}
int64_t hark__loop_now(hark_loop *loop); /* the clock, real or virtual */
/* `timeout` > 0 from now, or from a little later (hark__clock_soon). */
int64_t hark__loop_deadline(hark_loop *loop, int64_t timeout);
/* The same without a call; HARK_FOREVER: not so easily. */
static inline int64_t hark__loop_easy_deadline(hark_loop *loop, int64_t timeout)
{
    int64_t soon = unlikely(loop->virtual_clock) ? HARK_FOREVER : hark__clock_by_ticks(&loop->soon);

    return unlikely(timeout > HARK_FOREVER - soon) ? HARK_FOREVER : soon + timeout;
}
void hark__loop_look(hark_loop *loop);   /* at the hub, the post box and the timers, now */
void hark__loop_rewind(hark_loop *loop); /* for the explorer: the same loop, as if new */
/* Of a seeded loop: how many of what is ready may run next; *place: where in the queue candidate
 * number `which` (or else the last) stands. */
uint32_t hark__loop_candidates(const hark_loop *loop, uint32_t which, uint32_t *place);

/* An entry of the ring: the pointer and, in its lowest bits, what it is. */
enum {
    READY_TASK = 0,
    READY_WATCH = 1,
    READY_NEW = 2,
    READY_YIELDED = 3, /* with a seed: a task that lets the others run */
    READY_KIND = 3,
};

static inline void hark__ring_put(hark_loop *loop, void *pointer, unsigned kind)
{
    loop->ring[loop->tail++ & loop->mask] = (uintptr_t)pointer | kind;
}

/* ---- waiting lists --------------------------------------------------------------------------- */

static inline void hark__list_add(struct hark_waitlist *list, struct hark_waiter *waiter)
{
    struct hark_waiter *first = list->first;

    waiter->list = list;
    list->count++;
    if (likely(!first)) {
        list->first = waiter->next = waiter->prev = waiter;
        return;
    }
    waiter->next = first;
    waiter->prev = first->prev;
    first->prev->next = waiter;
    first->prev = waiter;
}

static inline void hark__list_remove(struct hark_waiter *waiter)
{
    struct hark_waitlist *list = waiter->list;

    list->count--;
    if (likely(waiter->next == waiter)) {
        list->first = NULL;
    } else {
        waiter->prev->next = waiter->next;
        waiter->next->prev = waiter->prev;
        if (list->first == waiter) {
            list->first = waiter->next;
        }
    }
    waiter->list = NULL;
}

/* ---- park.c ---------------------------------------------------------------------------------- */

/* Before an operation on a primitive. `call` is its name, for the words; `list` belongs to the
 * primitive, may be NULL. */
static inline int hark__enter_task(const char *call);
/* By a task, as a checkpoint: 0, -ECANCELED, -ENOTSUP, -EXDEV. */
static inline int hark__enter(struct hark_waitlist *list, const char *call);
/* Anywhere in the loop, or unbound: 0, -EXDEV. */
static inline int hark__touch(struct hark_waitlist *list, const char *call);
int hark__enter_slow(struct hark_waitlist *list, const char *call);
int hark__no_task(const char *call); /* says that it needs one: -ENOTSUP */
int hark__touch_slow(struct hark_waitlist *list, const char *call);

/* What a task has in its hands while it sleeps: on its stack, without a frame. */
static inline void **hark__hands_of(const hark__task *task, const void *address)
{
    return &hark__stack_at(address, task->flags & TASK_CLASS)->holding;
}

/* The running task sleeps; the result that it was woken with. */
int hark__park(const struct hark__wait_kind *kind);
/* ... in a list, at its end. */
int hark__wait(struct hark_waitlist *list, const struct hark__wait_kind *kind);
/* The call needs not wait: 0, having yielded if the task has used up its turn. */
int hark__pass(void);
/* The running task goes to the end of the queue: 0; cannot be cancelled. */
int hark__give_way(void);

/* It was parked, and stands nowhere any more. */
static inline void hark__ready(hark_loop *loop, hark__task *task, int result)
{
    task->result = result;
    task->state = TASK_READY;
    hark__ring_put(loop, task, READY_TASK);
}

int hark__wake(struct hark_waiter *waiter, int result); /* it stands in a list; 0 */
/* It stands in none any more. */
void hark__wake_owner(hark_loop *loop, uintptr_t owner, struct hark_waiter *waiter, int result);
int hark__wake_everyone(struct hark_waitlist *list, int result); /* in order; 0 */
/* The same with 0; for one task alone, which is the usual case, without a call. */
static inline int hark__wake_all(struct hark_waitlist *list)
{
    struct hark_waiter *only = list->first;

    if (!only) {
        return 0;
    }
    if (unlikely(only->next != only || only->owner & OWNER_KIND || planted(wake_all_misses_the_last))) {
        return hark__wake_everyone(list, 0);
    }
    list->first = NULL;
    list->count = 0;
    only->list = NULL;
    hark__ready(hark__here, hark__owner_of(only), 0);
    return 0;
}
int hark__tasks_in(const struct hark_waitlist *list); /* waiters that are tasks */
void hark__leave_list(hark__task *task);  /* hark__wait_kind.leave for what waits in a list */
void hark__leave_timer(hark__task *task); /* ... for a timer */

/* Steps are long: the stacks of the next ones are fetched in one go, up to loop->fetched. */
void hark__prefetch_batch(hark_loop *loop);
/* From the loop's own context: run one task until control comes back. */
void hark__loop_step(hark_loop *loop, uintptr_t entry);
/* The running task is no more, and gives its stack back: on to the next. Does not return. */
void hark__go_on_without(hark_loop *loop, hark__stack *stack);
/* -ECANCELED, and what must happen with it. */
int hark__canceled(hark__task *task);

/* ---- task.c, roster.c ------------------------------------------------------------------------ */

/* size 0: arg itself is the argument. NULL: no memory. Into a group that is open, or none. */
hark__task *hark__task_spawn(hark_loop *loop, hark_group *group, hark_fn *fn, const void *arg,
                             size_t size, const char *site);
void hark__task_main(void *task);                      /* what a new task's stack begins with ... */
int hark__task_call_with_copy(const hark__task *task); /* ... and if it was given a copy, this */
/* The same with all checks: the task's id, or what is wrong, in words. */
hark_task hark__task_go(hark_group *group, hark_fn *fn, const void *arg, size_t size,
                        const char *site, const char *call);
int hark__no_function(const char *call); /* says that a task needs one: -EINVAL */
int hark__no_task_memory(const hark_loop *loop, const char *call); /* says so: -ENOMEM */
hark__task *hark__task_find(hark_loop *loop, hark_task id);
struct hark__extra *hark__task_extra(hark__task *task);                 /* NULL: no memory */
void hark__task_title(const hark__task *task, struct hark__text *text); /* task 3 "worker" */
const hark__task *hark__task_joined(const hark__task *task); /* whose end it waits for; else NULL */
/* Task 3 "worker", spawned at file.c:12. */
void hark__task_words(const hark__task *task, struct hark__text *text);

#define ROSTER_USES 0x7fffffffu /* of one record */

/* The records of a loop's tasks. */
struct hark__roster {
    hark__task *free; /* through next: the one freed last comes first */
    struct hark__chunk *chunks;
    uint32_t count, room;
    uint32_t loop;
};

/* Around a fork, as hark__stacks_hold and _release. */
void hark__roster_hold(void);
void hark__roster_release(void);
int hark__roster_open(struct hark__roster **ret, uint32_t loop);
void hark__roster_close(struct hark__roster *roster);
hark__task *hark__roster_more(struct hark__roster *roster); /* one never used; NULL: no memory */

/* NULL: no memory. */
static inline hark__task *hark__roster_take(struct hark__roster *roster)
{
    hark__task *task = roster->free;

    if (unlikely(!task)) {
        return hark__roster_more(roster);
    }
    roster->free = task->next;
    return task;
}

/* A record whose uses are exhausted is not used again. */
static inline void hark__roster_give(struct hark__roster *roster, hark__task *task)
{
    task->state = TASK_FREE;
    task->id += planted(record_used_again_with_its_id) ? 0 : (hark_task)1 << 32;
    if (likely((uint64_t)task->id >> 32 < ROSTER_USES)) {
        task->next = roster->free;
        roster->free = task;
    }
}

/* Is it a record? */
bool hark__roster_owns(const struct hark__roster *roster, const void *pointer);
hark__task *hark__roster_find(struct hark__roster *roster, hark_task id);
/* Every living one; signal-safe. */
hark__task *hark__roster_next(struct hark__roster *roster, const hark__task *after);
size_t hark__census_count(void); /* living tasks of the process: for leak checks */

/* ---- cancel.c -------------------------------------------------------------------------------- */

/* Flags changed: carry it to everything inside. */
void hark__level_refresh(hark_loop *loop, struct hark_level *level);
/* The next one inside top; NULL: that was all. */
struct hark_level *hark__level_walk(const struct hark_level *level, const struct hark_level *top);
/* Becomes the task's innermost. */
static inline void hark__level_push(hark__task *task, struct hark_level *level, uint32_t flags)
{
    struct hark_level *outer = task->level;

    level->outer = outer;
    level->inner = NULL;
    level->mark = 0;
    level->flags = flags | LEVEL_OPEN | (outer->flags & LEVEL_REACHED);
    outer->inner = level;
    task->level = level;
}

static inline void hark__level_pop(hark__task *task, struct hark_level *level)
{
    task->level = level->outer;
    level->outer->inner = NULL;
    level->flags = (level->flags & ~(uint32_t)LEVEL_STATE) | LEVEL_CLOSED;
    task->ignored = 0;
}

hark__task *hark__level_task(const struct hark_level *level);
void hark__cancel_all(hark_loop *loop, bool shields_too);

/* ---- scope.c, group.c ------------------------------------------------------------------------ */

static inline void hark__scope_begin(hark_scope *scope, hark__task *task, uint32_t flags)
{
    uint32_t loop = hark__here->id;

    hark__level_push(task, &scope->level, flags);
    scope->level.mark = loop;
    scope->task = task;
    scope->timer.next = NULL;
    scope->deadline = HARK_FOREVER;
    scope->canceller = 0;
}
static inline void hark__scope_end(hark_scope *scope)
{
    if (!planted(deadline_outlives_its_scope)) {
        hark__wheel_disarm(&hark__here->wheel, &scope->timer);
    }
    hark__level_pop(scope->task, &scope->level);
}
/* May anybody of this thread use it? `noun`: what it is called, "scope" or "group". */
int hark__scope_check(const hark_scope *scope, const char *noun, const char *call);
int hark__scope_cancel_inside(hark_loop *loop, hark_scope *scope);
void hark__scope_take_out(hark_loop *loop, hark_scope *scope);
int64_t hark__scope_verdict(hark_scope *scope, int64_t rc);
/* The stack pointer where this function was called. */
#define hark__callers_sp() __builtin_dwarf_cfa()
/* Sp: of the program's code that called us, at most; NULL: all of them. */
void hark__scope_drop_abandoned(hark_loop *loop, hark__task *task, const void *sp);
/* Of a scope or group, whatever it holds. */
bool hark__level_is_open(hark_loop *loop, const struct hark_level *level);
void hark__withins_close(hark_loop *loop);

/* Is it open, in the loop of this thread? */
static inline bool hark__group_is_open(const hark_group *home)
{
    const hark_loop *loop = hark__here;

    return home && loop && hark__level_open(&home->scope.level) && home->scope.level.mark == loop->id;
}

/* May anybody of this thread use it? If not, says why. */
static inline int hark__group_check(const hark_group *home, const char *call)
{
    return likely(hark__group_is_open(home))
               ? 0
               : hark__scope_check(home ? &home->scope : NULL, "group", call);
}

void hark__group_child_ended(hark_group *group, hark__task *task, int result);
/* Of what counts as a child's result, and was no task's. */
void hark__group_told(hark_group *group, int result, const struct hark__failure *failure);
static inline void hark__group_link(hark_group *home, hark__task *task)
{
    hark__task *first = home->first;

    home->children++;
    if (!first) {
        home->first = task->next = task->prev = task;
        return;
    }
    task->next = first;
    task->prev = first->prev;
    first->prev->next = task;
    first->prev = task;
}

enum { NOTE_CHILD_CANCELLED = 1, NOTE_FUTURE_FAILED = 2 }; /* hark_group.notes */

#define GROUP_EMPTY (-ECANCELED) /* what its closer is woken with: it goes on in `after` */

/* One child, or one pending start, less. */
static inline void hark__group_uncount(hark_loop *loop, hark_group *home)
{
    if (--home->children == 0 && home->closer &&
        !(planted(last_child_wakes_nobody) && home->notes & NOTE_CHILD_CANCELLED)) {
        hark__ready(loop, home->closer, GROUP_EMPTY);
        home->closer = NULL;
    }
}

static inline void hark__group_unlink(hark_loop *loop, hark_group *home, hark__task *task)
{
    hark__task *next = task->next, *prev = task->prev;

    if (next == task) {
        home->first = NULL;
    } else {
        prev->next = next;
        next->prev = prev;
        home->first = home->first == task ? next : home->first;
    }
    hark__group_uncount(loop, home);
}

/* Rule G5: what is starting for a group that is reached is cancelled, and noted ... */
void hark__group_cancel_starts(hark_loop *loop, hark_group *group);
/* ... to be taken from there; NULL: that was all. */
struct hark_level *hark__group_next_start(hark_loop *loop);

/* ---- watch.c: watches, and what may call the loop from outside ------------------------------- */

/* SELF: the callback gets the watch itself. */
enum {
    WATCH_IDLE,
    WATCH_LISTED,
    WATCH_TIMED,
    WATCH_QUEUED,
    WATCH_POSTED,
    WATCH_STATE = 7,
    WATCH_SELF = 8,
    WATCH_READER = 16,
    WATCH_WRITER = 32,
    WATCH_SIGNAL = 64, /* stays listed while it is called; counted in loop->signals */
};

/* Checks and fills it; one place in the ring is promised. */
int hark__watch_arm(hark_loop *loop, hark_watch *watch, hark_callback *fn, void *arg,
                    unsigned state, const char *call);
void hark__watch_queue(hark_loop *loop, hark_watch *watch); /* it will run, in order */
void hark__watch_run(hark_loop *loop, hark_watch *watch);   /* NULL: an entry that was taken back */
void hark__watch_unqueue(hark_loop *loop, hark_watch *watch);

int hark__inbox_open(hark_loop *loop); /* needed before anything outside may post; 0 or -errno */
void hark__inbox_close(hark_loop *loop);
void hark__inbox_abandon(hark_loop *loop); /* in a forked child */
/* Any thread, any signal handler; watch->fn runs in the loop. Who calls it keeps the box from being
 * closed meanwhile. */
void hark__inbox_post(struct hark__inbox *inbox, hark_watch *watch);
/* The same, for who only holds the loop. -ESHUTDOWN: the box is shut, and the watch idle. */
int hark__inbox_offer(struct hark__inbox *inbox, hark_watch *watch);
void hark__inbox_shut(struct hark__inbox *inbox); /* in the loop: nothing is offered any more */
/* Who is inside may post until it leaves: the box is not closed, and its memory is there. */
void hark__inbox_enter(struct hark__inbox *inbox);
void hark__inbox_leave(struct hark__inbox *inbox);
bool hark__inbox_is_entered(const struct hark__inbox *inbox);
bool hark__inbox_drain(hark_loop *loop);
bool hark__inbox_any(const hark_loop *loop); /* has anything been posted? */
bool hark__inbox_sleep(hark_loop *loop);     /* about to sleep: false if something has come */
void hark__inbox_awake(hark_loop *loop);
void hark__inbox_wake(struct hark__inbox *inbox); /* if it sleeps */
void hark__inbox_ring(struct hark__inbox *inbox); /* its descriptor becomes readable */
bool hark__inbox_report(hark_loop *loop, uint64_t token);
void hark__inbox_take_back(hark_loop *loop, hark_watch *watch);
void hark__inbox_free(hark_loop *loop); /* its memory, long after its end */

/* ---- post.c ---------------------------------------------------------------------------------- */

/* From now on nothing is accepted; what was accepted is in the post box, and nobody is inside. */
void hark__gate_close(hark_loop *loop);
void hark__gate_shut(hark_loop *loop); /* ... without waiting for who is inside */
/* May somebody outside yet wake its tasks? */
bool hark__loop_is_held(const hark_loop *loop);
void hark__loop_unref(hark_loop *loop);
/* By who was waited for in another thread, and holds the loop: the watch's fn runs there; dropped.
 * */
void hark__loop_answer(hark_loop *loop, hark_watch *watch);

/* ---- interest.c: who waits for which descriptor ---------------------------------------------- */

enum { FD_UNKNOWN, FD_TCP, FD_SOCKET, FD_PIPE, FD_FILE, FD_DIRECT, FD_OTHER };
enum { FD_IN = 0, FD_OUT = 1 };

/* One cache line, for with many connections each is cold when its turn comes. Times are in ms since
 * the loop began. */
struct hark__fd {
    struct hark_waiter *waits[2]; /* who waits to read, to write */
    hark_watch *watches[2];       /* readers and writers that stay */
    struct hark__fd *newer;       /* of those noted: the next one */
    uint32_t since;               /* when the last wait began */
    uint32_t noted;               /* and the one because of which it was noted */
    int fd;
    uint32_t generation;
    uint8_t kind;
    uint8_t armed;   /* bits POLLIN, POLLOUT: the hub will report */
    uint8_t held;    /* bit of a direction: a task is in the middle of using it, though it may not
                      * stand in `waits` now */
    uint8_t drained; /* POLLIN: the last read left nothing; the next one waits first */
    uint8_t ahead; /* bit of a direction: a callback was told by a look, and the edge may yet come */
    bool hung_up : 1; /* no edge will come any more, or there is urgent data: never wait first */
    bool known : 1;   /* kind is right */
    bool young : 1;   /* noted, to be looked at again when it has grown old */
    bool own : 1;     /* the library's: closed by hark_after_fork */
    bool closing : 1; /* closed, but for the workers that still use it */
    uint16_t workers;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct hark__fd) == 64, "an entry is a cache line");

int hark__interest_open(hark_loop *loop);
void hark__interest_close(hark_loop *loop);
void hark__interest_report(hark_loop *loop, uint64_t token, int events);
struct hark__fd *hark__fd_entry(hark_loop *loop, int fd); /* NULL: no memory */
struct hark__fd *hark__fd_peek(hark_loop *loop, int fd);  /* NULL: never used here */
int hark__fd_look(hark_loop *loop, struct pollfd *poll);  /* poll(2) of one, without waiting */
/* 0; -EPERM: always ready; -errno. */
int hark__fd_arm(hark_loop *loop, struct hark__fd *entry, int direction);
/* Stands there, armed: 0, -EBUSY, -EPERM, ... */
int hark__fd_join(hark_loop *loop, struct hark__fd *entry, int direction, struct hark_waiter *waiter);
void hark__fd_leave(hark_loop *loop, struct hark_waiter *waiter);
/* The running task waits until there is news: events > 0, -EBADF, -ECANCELED, -EBUSY. */
int hark__fd_park(struct hark__fd *entry, int direction);
/* A descriptor that has just been made: forget what was known of its number. */
void hark__fd_fresh(hark_loop *loop, int fd, int kind);
/* A descriptor that the library has opened for itself, until it leaves us. */
void hark__fd_own(hark_loop *loop, int fd);
int hark__fd_drop(hark_loop *loop, int fd); /* closing or leaving: whoever waits gets -EBADF */
int hark__fd_watch(hark_loop *loop, int fd, int direction, hark_watch *watch);
void hark__fd_unwatch(hark_loop *loop, hark_watch *watch);
void hark__fd_watch_run(hark_loop *loop, hark_watch *watch);

/* ---- signal.c: what handlers tell a loop ----------------------------------------------------- */

/* A loop's for one signal. */
struct hark__ear {
    _Atomic(struct hark__ear *) next; /* of the same signal */
    hark_loop *loop;
    struct hark__inbox *inbox;
    hark_watch post;
    atomic_bool posted;
    bool telling; /* `hear` is at work */
    int signo;
    int users;
    void (*hear)(struct hark__ear *ear);
};

/* One more user of it. 0, -EINVAL, -EBUSY, -ENOMEM and so on, and words. hear(ear) is called in the
 * loop, outside any task, after each occurrence; once may be for several. */
int hark__ear_open(struct hark__ear **ret, hark_loop *loop, int signo,
                   void (*hear)(struct hark__ear *ear), const char *call);
/* One less. An occurrence that nobody has taken is raised again when this was the last anywhere. */
void hark__ear_close(struct hark__ear *ear);
void hark__ear_again(struct hark__ear *ear); /* `hear` will be called once more */
/* Occurrences have numbers: the latest; it, and all before, were taken. */
uint32_t hark__ear_came(const struct hark__ear *ear);
void hark__ear_taken(const struct hark__ear *ear, uint32_t number);
void hark__signals_close(hark_loop *loop);
/* The run that a signal has cancelled is over: what was before comes back, and the loop may ask
 * again. */
void hark__signals_renew(hark_loop *loop);
void hark__signals_forked(void); /* in the child: of all loops */

/* ---- error.c, report.c ----------------------------------------------------------------------- */

int hark__fail(int code, const char *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Their serial. */
uint64_t hark__words_keep(hark_loop *loop, const struct hark__failure *failure,
                          const hark_group *group);
struct hark__words *hark__words_find(hark_loop *loop, uint64_t serial); /* NULL: too old */
void hark__words_report_unseen(hark_loop *loop, const hark_group *group);
/* Where the caller's failures are kept; never NULL. */
struct hark__failure *hark__failure_here(void);
const struct hark__failure *hark__failure_of(const hark__task *task); /* its latest; NULL: none */
void hark__failure_adopt(const struct hark__failure *failure); /* it becomes the caller's latest */
void hark__failure_say(struct hark__failure *failure, const char *format, va_list arguments);
/* All but the words. */
void hark__failure_fill(struct hark__failure *failure, int code, const void *frame);

void hark__report_deadlock(hark_loop *loop);
/* A lint's line about a task, and its calls: "format; it waits for ...". */
void hark__report_lint(hark_loop *loop, const hark__task *task, const char *lint,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void hark__report_crash(const hark__stack *stack, const siginfo_t *info, const void *context);
void hark__report_overflow(const hark__stack *stack, const void *address, void *context);
_Noreturn void hark__report_death(hark__task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line on stderr about a task. */
void hark__report_line(const hark__task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hark__report_where(const hark__task *task); /* under a line about a task that waits */
void hark__report_from_signal(hark_loop *loop, const void *ucontext);
void hark__report_tree(hark_loop *loop, struct hark__text *text);

/* ---- lint.c: what is told unasked ------------------------------------------------------------ */

enum hark__lint {
    LINT_IGNORED,
    LINT_LATE,
    LINT_SHIELD,
    LINT_STACK,
    LINT_FUTURE,
    LINT_DESCRIPTOR,
    LINTS,
};

extern atomic_uint hark__lints HARK__OURS; /* bit n: number n is on */

static inline bool hark__lint_on(enum hark__lint lint)
{
    return atomic_load_explicit(&hark__lints, memory_order_relaxed) >> lint & 1;
}

void hark__lints_open(void); /* what $HARK_LINT says, once a process */
/* Something is cancelled, `now` (0: at the latest poll): when; 0: nobody wants to know. */
int64_t hark__lint_cancelled(hark_loop *loop, int64_t now);
/* The same of a scope or group, which keeps it. */
void hark__lint_scope_cancelled(hark_loop *loop, hark_scope *scope, int64_t now);
void hark__lint_look(hark_loop *loop); /* it is time: who was cancelled long ago? */
/* The task has ended, and its stack was marked when it began. */
void hark__lint_stack(const hark__task *task, hark__stack *stack);

/* ---- trace.c: where a task is ---------------------------------------------------------------- */

/* The places on the stack of a task that waits or is ready, innermost first; 0: it runs, or is new.
 * Signal-safe, in the loop's thread. */
int hark__task_frames(const hark__task *task, void **frames, int max);
/* From a frame on the stack of the running task outwards, to its first function. */
int hark__frames_of(void **frames, int max, const void *frame, const hark__stack *stack);
/* "worker+0x1c", else "program+0x8f1c"; paths: "worker+0x1c (/a/program+0x8f1c)". */
void hark__frame_put(struct hark__text *text, const void *address, bool paths);
void hark__frames_put(struct hark__text *text, void *const *frames, int count, int indent);
/* Whom it waits for, if that is one task: a lock's holder, or whose end it joins; else NULL. */
const hark__task *hark__task_awaited(const hark__task *task);
const hark__task *hark__ring_find(hark_loop *loop); /* one of those who wait for each other */

/* ---- audit.c, audit_lists.c ------------------------------------------------------------------ */

/* 0, or how many rules are broken; `text` gets the first one in words. `at_rest`: nothing is ready
 * and the hub has no news: then also nobody waits for what is there. */
int hark__audit(hark_loop *loop, bool at_rest, struct hark__text *text);

/* By `stands` of a wait kind, for each place of the parked task: a list; the list of those who wait
 * for a task's end; a descriptor; the wheel (HARK_FOREVER: not in it); a thread that works for
 * it. */
void hark__audit_waiter(struct hark__audit *audit, const hark__task *task,
                        const struct hark_waiter *waiter);
void hark__audit_joiner(struct hark__audit *audit, const hark__task *task,
                        const struct hark_waiter *waiter);
void hark__audit_fd(struct hark__audit *audit, const hark__task *task,
                    const struct hark_waiter *waiter);
void hark__audit_timer(struct hark__audit *audit, const hark__task *task,
                       const struct hark_timer *timer, int64_t deadline);
void hark__audit_hold(struct hark__audit *audit);
/* The task, or what it waits in, breaks a rule. */
void hark__audit_broken(struct hark__audit *audit, const char *rule, const hark__task *task,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* hark__wait_kind.stands for what waits in a list. */
void hark__stands_in_list(const hark__task *task, struct hark__audit *audit);

/* What the audit asks the files that keep it to themselves. */
const hark_watch *hark__watch_of_timer(const struct hark_timer *timer); /* NULL: not a watch's */
const hark_scope *hark__scope_of_timer(const struct hark_timer *timer); /* NULL: not a scope's */
bool hark__withins_are_sane(const hark_loop *loop);
bool hark__group_waits(const hark__task *task); /* in hark_group_close or hark_start? */
const hark_group *hark__start_nest(const struct hark__start *start);
const hark_group *hark__start_target(const struct hark__start *start);
/* Of the same target. */
const struct hark__start *hark__start_next(const struct hark__start *start);
/* NULL: what broken rule says; *living: how many records are in use. */
const char *hark__roster_check(const struct hark__roster *roster, uint32_t *living);
/* Every entry that there is; NULL: that was all. */
const struct hark__fd *hark__fd_next(const hark_loop *loop, const struct hark__fd *after);
const struct hark__fd *hark__fd_noted(const hark_loop *loop, bool newest);
const struct hark_timer *hark__fd_sweep(const hark_loop *loop);
bool hark__fd_is_ready(int fd, int direction);

/* Would hark__enter_task, hark__enter or hark__touch have nothing to do? A call that asks this first,
 * and ends in another function for all the rest, has no frame of its own. */
static inline bool hark__may_go_on(void)
{
    const hark_loop *loop = hark__here;

    return likely(loop && loop->running &&
                  !(loop->running->level->flags & (LEVEL_REACHED | LEVEL_WITHIN)));
}

static inline bool hark__may_enter(const struct hark_waitlist *list)
{
    return likely(hark__may_go_on() && list->loop == hark__here->id);
}

static inline bool hark__may_touch(const struct hark_waitlist *list)
{
    const hark_loop *loop = hark__here;

    return likely(loop && list->loop == loop->id);
}

/* The same where there is no primitive. */
static inline int hark__enter_task(const char *call)
{
    return hark__may_go_on() ? 0 : hark__enter_slow(NULL, call);
}

static inline int hark__enter(struct hark_waitlist *list, const char *call)
{
    if (!list) {
        return hark__enter_task(call);
    }
    return hark__may_enter(list) ? 0 : hark__enter_slow(list, call);
}

static inline int hark__touch(struct hark_waitlist *list, const char *call)
{
    return hark__may_touch(list) ? 0 : hark__touch_slow(list, call);
}

#endif
