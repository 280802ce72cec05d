/* SPDX-License-Identifier: MIT
 *
 * fiber.h - the door of the room `fiber`: stacks, and the switch between them.
 *
 * A fiber is a stack with a saved place on it. This room knows neither tasks nor loops: `owner`
 * is an opaque pointer for whoever asks "whose stack is this?".
 *
 * Stacks   A pool per loop and size class. Address space comes in slabs (MAP_NORESERVE), aligned
 *          to the class size, so that any address on a stack leads to its top by a mask.
 *          Reserving is done at spawn, where a failure can be told; taking is done when the task
 *          first runs, and cannot fail. Reuse is hottest first.
 * Guards   MADV_GUARD_INSTALL where the kernel has it (no mapping is split), installed for many
 *          stacks in one call; else mprotect up to the mapping limit; else a canary, checked when
 *          the stack is given back.
 * Top      hark__stack lies in the stack's highest bytes: in the page that every task touches
 *          anyway. The first frame begins below it, coloured by up to 1 KiB, so that a thousand
 *          stacks do not fight for the same cache set.
 */
#ifndef HARK_FIBER_FIBER_H
#define HARK_FIBER_FIBER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sys.h"

#define HARK__STACK_LEAST   (16u << 10)
#define HARK__STACK_MOST    (8u << 20)
#define HARK__STACK_USUAL   (64u << 10)
#define HARK__STACK_CLASSES 10 /* 16 KiB << 0 .. 9 */

/* As the C++ ABI has it. */
struct hark__exceptions {
    void *caught;
    unsigned uncaught;
};

/* What the tools (AddressSanitizer, ThreadSanitizer, the C++ runtime) want to know of a context. */
typedef struct hark__tools {
    void *fake_stack;   /* ASan's, while switched away */
    const void *bottom; /* lowest address */
    size_t size;
    void *thread;                       /* TSan's fiber */
    struct hark__exceptions exceptions; /* of C++: those that are being handled here */
} hark__tools;

/* What lies below a stack's lowest byte. */
enum hark__guard {
    HARK__GUARD_ADVICE,   /* MADV_GUARD_INSTALL: pages that fault, no mapping is split */
    HARK__GUARD_MPROTECT, /* PROT_NONE: two mappings each, and the kernel limits mappings */
    HARK__GUARD_CANARY,   /* pages that must still be zero when the stack is given back */
};

typedef struct hark__stack {
    void *owner; /* whose task runs on it; NULL: free */
    char *low;   /* lowest usable byte, above the guard */
    char *top;   /* where the first frame begins, 16-aligned, coloured, below this struct */
    uint16_t class;
    uint16_t guard; /* enum hark__guard */
    uint32_t index; /* within the pool's class */
    void *holding;  /* for whoever sleeps on it: what it has in its hands */
    bool marked;    /* hark__stack_mark, and nobody has asked yet */
    hark__tools tools;
} __attribute__((aligned(16))) hark__stack; /* as the frames below it */

static inline size_t hark__stack_size(uint32_t class)
{
    return (size_t)HARK__STACK_LEAST << class;
}

/* The free stacks of one class (stacks.c says how they are kept). What every task needs is inline;
 * only what happens now and then is a call. */
typedef struct hark__stack_pool {
    uintptr_t *free; /* hark__stack *; with its kind of guard in the lowest bits where cold */
    uint32_t count;
    uint32_t cold;
    uint32_t least;
    uint32_t capacity;        /* stacks in slabs, and entries in `free` */
    uint32_t reserved;        /* reservations, used or not */
    struct hark__slab *slabs; /* oldest first */
    struct hark__slab *last;
    struct hark__slab *fresh; /* the first that may have unused stacks */
} __attribute__((aligned(64))) hark__stack_pool;

typedef struct hark__stacks {
    hark__stack_pool classes[HARK__STACK_CLASSES];
} hark__stacks;

int hark__stacks_open(hark__stacks **ret); /* -ENOMEM */
void hark__stacks_close(hark__stacks *);   /* every stack has been given back */

/* Around a fork: what all threads share is whole meanwhile; in the child nobody else is left. */
void hark__stacks_hold(void);
void hark__stacks_release(bool in_child);

/* The smallest class that holds `bytes`; -EINVAL below LEAST or above MOST. */
int hark__stack_class(size_t bytes);


int hark__stacks_grow(hark__stack_pool *, uint32_t class);
hark__stack *hark__stacks_take_other(hark__stack_pool *);

/* One more; 0 or -ENOMEM. */
static inline int hark__stacks_reserve(hark__stacks *stacks, uint32_t class)
{
    hark__stack_pool *c = &stacks->classes[class];
    if (__builtin_expect(c->reserved == c->capacity, 0)) {
        int rc = hark__stacks_grow(c, class);
        if (rc < 0) {
            return rc;
        }
    }
    c->reserved++;
    return 0;
}

/* One that will not be used. */
static inline void hark__stacks_unreserve(hark__stacks *stacks, uint32_t class)
{
    stacks->classes[class].reserved--;
}

/* Is the next one taken without a call? */
static inline bool hark__stacks_warm(const hark__stacks *stacks, uint32_t class)
{
    return stacks->classes[class].count > stacks->classes[class].cold;
}

/* Uses a reservation; never fails. */
static inline hark__stack *hark__stacks_take(hark__stacks *stacks, uint32_t class, void *owner)
{
    hark__stack_pool *c = &stacks->classes[class];
    hark__stack *stack = __builtin_expect(c->count > c->cold, 1) ? (hark__stack *)c->free[--c->count]
                                                                 : hark__stacks_take_other(c);
    if (c->count < c->least) {
        c->least = c->count;
    }
    stack->owner = owner;
    return stack;
}

/* Fetch the description of the one that is taken `ahead` takes from now, if none is given back
 * meanwhile. (Its frames are written first, and a write waits for nobody.) */
static inline __attribute__((always_inline)) void hark__stacks_prefetch(const hark__stacks *stacks,
                                                                        uint32_t class,
                                                                        uint32_t ahead)
{
    const hark__stack_pool *c = &stacks->classes[class];
    if (c->count > c->cold + ahead) {
        __builtin_prefetch((const void *)c->free[c->count - 1 - ahead], 1);
    }
}

/* Back. The caller may still be running on it: not a byte of it is written afterwards. */
static inline void hark__stacks_give(hark__stacks *stacks, hark__stack *stack)
{
    hark__stack_pool *c = &stacks->classes[stack->class];
    stack->owner = NULL;
    c->free[c->count++] = (uintptr_t)stack;
    c->reserved--;
}

/* Back, and taken by somebody else at once: there is one reservation less in use. */
static inline void hark__stacks_hand_on(hark__stacks *stacks, hark__stack *stack, void *owner)
{
    stacks->classes[stack->class].reserved--;
    stack->owner = owner;
}

/* Gives memory of long unused stacks back to the kernel, above a decaying high-water mark: half of
 * what was not needed since the last call, at most about 2 ms of work. For a loop that is
 * idle, some ten times a second; true: as long as it stays idle, there is more to give back. */
bool hark__stacks_trim(hark__stacks *);

/* The stack around an address on it, given its class. */
static inline hark__stack *hark__stack_at(const void *address, uint32_t class)
{
    uintptr_t size = hark__stack_size(class);
    return (hark__stack *)(((uintptr_t)address | (size - 1)) + 1 - sizeof(hark__stack));
}

/* Wherever it points to; NULL: to none of ours. Signal-safe. */
hark__stack *hark__stack_find(const void *address);

bool hark__stack_whole(const hark__stack *); /* its canary */

/* With a canary: is it whole? With a guard: true. */
static inline bool hark__stack_intact(const hark__stack *stack)
{
    return __builtin_expect(stack->guard != HARK__GUARD_CANARY, 1) || hark__stack_whole(stack);
}

/* Is there nothing to be asked of it when its task has ended? */
static inline bool hark__stack_plain(const hark__stack *stack)
{
    return stack->guard != HARK__GUARD_CANARY && !stack->marked;
}

/* Bytes in use down from the top, when sp is the lowest; 0 for an sp that is not on it. */
size_t hark__stack_used(const hark__stack *, const void *sp);

/* Marks the last fifth of a stack that a task begins on; nothing where a tool forbids it. */
void hark__stack_mark(hark__stack *);
/* That task has ended: how many bytes it has used at least, if they were more than four fifths; else
 * 0. The mark is gone. */
size_t hark__stack_depth(hark__stack *);

/* "MADV_GUARD_INSTALL", "mprotect" or "canary": what the newest stacks have. The environment
 * may ask for less: HARK_GUARD=madvise|mprotect|canary. */
const char *hark__guard_method(void);

/* Overflow. The report runs on an alternate signal stack, when a stack's guard was touched;
 * async-signal-safe means only. It gets the stack, whose owner names the task, and the machine's
 * context. Afterwards the default action is taken. Other SIGSEGV and SIGBUS go to the handler
 * that was there before. */
typedef void hark__overflow_report(const hark__stack *stack, const void *address, void *ucontext);

/* A fault of an instruction on a fiber's stack that is no overflow is reported, too, if the signal
 * would have its default action, which follows: SIGSEGV, SIGBUS, SIGFPE, SIGILL. Before the first
 * hark__overflow_open. */
typedef void hark__crash_report(const hark__stack *stack, const siginfo_t *info,
                                const void *ucontext);
void hark__crash_tell(hark__crash_report *report);

/* For the calling thread (alternate stack) and, counted, for the process (handler). 0, or
 * -errno. */
int hark__overflow_open(hark__overflow_report *report);
void hark__overflow_close(void);

/* The addresses that return leads to, by frame pointers, from the given frame; stops at the stack's
 * end, never leaves [low, high). Signal-safe. */
int hark__frames(void **addresses, int max, const void *frame, const void *low, const void *high);

/* Program counter and frame pointer out of a signal handler's ucontext. */
void hark__context_frame(const void *ucontext, void **pc, void **frame);

/* The saved place of a parked fiber: the address it will go on at, and its frame pointer. */
void hark__saved_frame(const void *sp, void **pc, void **frame);
/* The addresses that it will go on at, and return to; as hark__frames. */
int hark__saved_frames(void **addresses, int max, const void *sp, const void *low, const void *high);

/* Tools. `on` is false unless one of them watches: then the two calls around a switch are
 * skipped. */
extern bool hark__tools_on HARK__OURS;
void hark__tools_here(hark__tools *); /* describe the calling thread's own stack */

/* Right before a switch, on the old stack; `for_ever` not from a thread's own stack. `to` may
 * be the stack that we leave, for hark__leap_first. */
void hark__tools_leave(hark__tools *from, hark__tools *to, bool for_ever);
void hark__tools_arrive(hark__tools *self); /* right after one, on the new stack */

/* What is there is read on purpose, whether it was ever written or not. */
void hark__tools_tell_believed(const void *memory, size_t size);
extern bool hark__tools_doubt HARK__OURS; /* does anybody look? */
static inline void hark__tools_believe(const void *memory, size_t size)
{
    if (__builtin_expect(hark__tools_doubt, 0)) {
        hark__tools_tell_believed(memory, size);
    }
}
/* A context that ended otherwise than by leaving for ever; not the running one. */
void hark__tools_forget(hark__tools *);

/* The switch itself. A saved place is an address on its own stack.
 *
 *   hark__switch(save, load, result)
 *        Save this place in *save, go on at `load`, where the call that saved it returns `result`.
 *   hark__switch_first(save, top, fn, arg)
 *        Save this place, begin fn(arg) on the stack below `top`. fn never returns.
 *   hark__leap(load, result)
 *        As hark__switch, without saving.
 *   hark__leap_first(top, fn, arg)
 *        As hark__switch_first, without saving; may be called while running on that very stack,
 *        with a `top` not below the one that its present fiber began with.
 *
 * The first two return what whoever comes back says, or, if that is negative, what
 * hark__switch_failed makes of it: so can callers end with them that have more to do then. The
 * other two return nowhere; they are not declared so, that callers may end with them, too. */
int hark__switch(void **save, void *load, int result) HARK__OURS;
int hark__switch_first(void **save, void *top, void (*fn)(void *), void *arg) HARK__OURS;
void hark__leap(void *load, int result) HARK__OURS;
void hark__leap_first(void *top, void (*fn)(void *), void *arg) HARK__OURS;

/* Set by whoever uses the switch. */
extern int (*hark__switch_failed)(int code) HARK__OURS;

/* Where a saved place goes on, and what every fiber's first function is called by; NULL: that is not
 * ours. */
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(HARK__FORCE_UCONTEXT)
extern void hark__switch_back(void) HARK__OURS;
extern void hark__begin(void) HARK__OURS;
#define HARK__FIRST_FRAME hark__begin
#else
#define HARK__FIRST_FRAME NULL
#endif

static inline void (*hark__first_frame(void))(void)
{
    return HARK__FIRST_FRAME;
}

#endif
