/* SPDX-License-Identifier: MIT
 *
 * limits/fiber.h - the least that can be called tasks: a switch, a ring, stacks. Without hark.
 *
 * It is what the machine can do when nothing else is asked for. Two programs include it: bare.c
 * (4 KiB from stack to stack, no guards, no cancellation) and guarded.c (what no safe runtime can
 * do without: GUARDED). The difference between the two is the price of safety, by itself.
 *
 * Rules
 *   1  Records are dense, 64 bytes, one cache line; everything that a wake or a switch needs is
 *      there.
 *   2  The run queue is a ring of pointers; the record 8 ahead and the stack 4 ahead are
 *      prefetched.
 *   3  A task gets a stack when it first runs, the one used last, and gives it back at its end.
 *   4  In bare.c everything is inlined into the task, and the compiler saves what is alive there.
 *      In guarded.c the calls (CALL) are real ones, for a library's are: the compiler knows nothing
 *      of what is in them, and the switch that they end in saves the registers that a call must
 *      keep.
 *   5  In guarded.c a task belongs to a group, which whoever cancels finds it through, which keeps
 *      the first result that is not 0, and whose end somebody waits for. In bare.c nobody knows of
 *      it.
 *   6  A switch ends in a jump, not in `ret`, for the return predictor would be wrong each time;
 *      and a call that waits ends in the switch, for else the return after it would be.
 *
 * Not here: words for errors, handles, I/O, more than one loop, growing.
 */
#ifndef HARK_LIMITS_FIBER_H
#define HARK_LIMITS_FIBER_H

#include "../bench.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef GUARDED
#define GUARDED 0
#endif
#define STRIDE (GUARDED ? (size_t)65536 : (size_t)4096)
#if GUARDED
#if defined(__clang__)
#define CALL static __attribute__((noinline, unused))
#else
#define CALL static __attribute__((noipa, unused))
#endif
#else
#define CALL static inline
#endif
#define PAGE                 4096
#define COLOURS              8
#define COLOUR_STEP          128
#define GUARDS_A_CALL        512
#define ADVICE_GUARD_INSTALL 102

/* Where somebody goes on. */
typedef struct {
    void *sp, *fp, *pc;
} place;

#if GUARDED
/* Around a part of a task: a deadline, a cancellation, the tasks that are spawned there. */
typedef struct span {
    struct span *outer;
    uint32_t flags; /* not 0: cancelled */
    uint64_t opened, timeout;
} span;

typedef struct {
    span span;
    struct task *first, *joiner; /* its tasks, newest first; who waits until there are none */
    int result;
} group;

typedef struct task {
    void *sp; /* NULL: has not run yet */
    uint32_t cancelled;
    int result;
    union {
        void (*fn)(void *arg); /* before it runs */
        struct task *next;     /* waiter, or free record */
    };
    void *arg;
    span *span; /* the innermost */
    group *group;
    struct task *older, **back;
} __attribute__((aligned(64))) task;
#else
typedef struct task {
    void *sp, *fp, *pc; /* a place */
    uint32_t cancelled;
    void (*fn)(void *arg);
    void *arg;
    struct task *next;
} __attribute__((aligned(64))) task;
#endif

static struct {
    task **ring;
    uint32_t head, tail, mask;
    task *self, main;
    task *records, *free_record;
    char **stacks; /* free tops, hottest last */
    uint32_t free_stacks;
    char *slab, *slab_end;
    long refused; /* guards that the kernel would not install */
} loop;

/* ---- the switch ---------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define SWITCH(from, to) \
    __asm__ volatile("movq %%rsp, 0(%%rdi)\n\tmovq %%rbp, 8(%%rdi)\n\t" \
                     "leaq 1f(%%rip), %%rax\n\tmovq %%rax, 16(%%rdi)\n\t" \
                     "movq 0(%%rsi), %%rsp\n\tmovq 8(%%rsi), %%rbp\n\tjmpq *16(%%rsi)\n\t" \
                     "1:" \
                     : "+D"(from), "+S"(to)::"rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", \
                       "r12", "r13", "r14", "r15", "memory", "cc")
/* Leaves the present stack for good and begins on another. */
#define BEGIN_ON(top, entry) \
    __asm__ volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tpushq $0\n\tjmpq *%1" ::"a"(top), \
                     "c"(entry) \
                     : "memory")
/* int switch_call(task *from, task *to): 0, once somebody has switched back to `from`. */
#define SWITCH_CALL \
    ".text\n.p2align 6\n.local switch_call\n.type switch_call, @function\nswitch_call:\n" \
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n" \
    "movq %rsp, (%rdi)\nmovq (%rsi), %rsp\n" \
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\n" \
    "popq %rcx\nxorl %eax, %eax\njmpq *%rcx\n.size switch_call, .-switch_call\n"
#define FRAME      64
#define FRAME_PC   48
#define ENTRY_SKEW 8 /* a function begins as if a call had come there */
#elif defined(__aarch64__)
#define SWITCH(from, to) \
    do { \
        register void *from_ __asm__("x0") = (from), *to_ __asm__("x1") = (to); \
        __asm__ volatile("mov x9, sp\n\tadr x10, 1f\n\tstp x9, x29, [x0]\n\tstr x10, [x0, 16]\n\t" \
                         "ldp x9, x29, [x1]\n\tldr x10, [x1, 16]\n\tmov sp, x9\n\tbr x10\n\t" \
                         "1:" \
                         : "+r"(from_), "+r"(to_)::"x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", \
                           "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", \
                           "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", \
                           "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "memory", "cc"); \
    } while (0)
#define BEGIN_ON(top, entry) \
    __asm__ volatile("mov sp, %0\n\tmov x29, xzr\n\tmov x30, xzr\n\tbr %1" ::"r"(top), "r"(entry) \
                     : "memory")
/* int switch_call(task *from, task *to): 0, once somebody has switched back to `from`. */
#define SWITCH_CALL \
    ".text\n.p2align 6\n.local switch_call\n.type switch_call, %function\nswitch_call:\n" \
    "sub sp, sp, #160\n" \
    "stp x29, x30, [sp]\nstp x19, x20, [sp, 16]\nstp x21, x22, [sp, 32]\n" \
    "stp x23, x24, [sp, 48]\nstp x25, x26, [sp, 64]\nstp x27, x28, [sp, 80]\n" \
    "stp d8, d9, [sp, 96]\nstp d10, d11, [sp, 112]\nstp d12, d13, [sp, 128]\n" \
    "stp d14, d15, [sp, 144]\n" \
    "mov x9, sp\nstr x9, [x0]\nldr x9, [x1]\nmov sp, x9\n" \
    "ldp x29, x30, [sp]\nldp x19, x20, [sp, 16]\nldp x21, x22, [sp, 32]\n" \
    "ldp x23, x24, [sp, 48]\nldp x25, x26, [sp, 64]\nldp x27, x28, [sp, 80]\n" \
    "ldp d8, d9, [sp, 96]\nldp d10, d11, [sp, 112]\nldp d12, d13, [sp, 128]\n" \
    "ldp d14, d15, [sp, 144]\n" \
    "add sp, sp, #160\nmov w0, wzr\nbr x30\n.size switch_call, .-switch_call\n"
#define FRAME      160
#define FRAME_PC   8
#define ENTRY_SKEW 0
#else
#define NO_SWITCH            "no hand-written switch for this processor"
#define SWITCH(from, to)     ((void)(from), (void)(to))
#define BEGIN_ON(top, entry) ((void)(top), (void)(entry))
#define SWITCH_CALL          ""
#define FRAME                64
#define FRAME_PC             0
#define ENTRY_SKEW           0
#endif

#if GUARDED && !defined(NO_SWITCH)
__asm__(SWITCH_CALL);
extern int switch_call(task *from, task *to);
#else
/* As a statement, the switch needs no frame of its own. */
static inline __attribute__((always_inline)) int switch_call(task *from, task *to)
{
    SWITCH(from, to);
    return 0;
}
#endif

/* ---- stacks -------------------------------------------------------------------------------- */

/* Many guards in one call where the kernel lets a process advise itself, else one by one. */
static inline void guards_install(char *low, long count)
{
    static int self = -1, batch = 1;
    struct iovec v[GUARDS_A_CALL];
    if (self == -1)
        self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    for (long i = 0; i < count; i++)
        v[i] = (struct iovec){low + i * STRIDE, PAGE};
    long done = batch && self >= 0
                    ? syscall(SYS_process_madvise, self, v, count, ADVICE_GUARD_INSTALL, 0)
                    : -1;
    if (done == count * PAGE)
        return;
    batch = 0;
    for (long i = 0; i < count; i++)
        if (madvise(v[i].iov_base, PAGE, ADVICE_GUARD_INSTALL) != 0)
            loop.refused++;
}

/* Of the stack that an address lies in. Not all tops fall into the same line of the cache. */
static inline char *stack_top(const void *within)
{
    uintptr_t end = ((uintptr_t)within | (STRIDE - 1)) + 1;
    return (char *)(end - end / STRIDE % COLOURS * COLOUR_STEP);
}

static __attribute__((noinline)) void stacks_more(void)
{
    long count = (loop.slab_end - loop.slab) / STRIDE;
    count = count < GUARDS_A_CALL ? count : GUARDS_A_CALL;
    bench_must(count > 0, "a stack more");
    if (GUARDED)
        guards_install(loop.slab, count);
    for (long i = count; i-- > 0;) /* the lowest address is used first */
        loop.stacks[loop.free_stacks++] = stack_top(loop.slab + i * STRIDE);
    loop.slab += count * STRIDE;
}

static inline char *stack_take(void)
{
    if (__builtin_expect(loop.free_stacks == 0, 0))
        stacks_more();
    return loop.stacks[--loop.free_stacks];
}

/* ---- the loop ------------------------------------------------------------------------------ */

static inline void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    bench_must(p != MAP_FAILED, "mmap");
    return p;
}

BENCH_UNUSED static void loop_open(long tasks)
{
#ifdef NO_SWITCH
    bench_skip(NO_SWITCH);
#endif
    uint32_t room = 16;
    while (room < tasks + 2)
        room *= 2;
    loop.ring = (task **)map(room * sizeof(task *));
    loop.mask = room - 1;
    loop.records = (task *)map((tasks + 1) * sizeof(task));
    loop.stacks = (char **)map((tasks + GUARDS_A_CALL) * sizeof(char *));
    size_t bytes = (tasks / GUARDS_A_CALL + 1) * GUARDS_A_CALL * STRIDE;
    loop.slab = (char *)(((uintptr_t)map(bytes + STRIDE) + STRIDE - 1) & ~(STRIDE - 1));
    loop.slab_end = loop.slab + bytes;
    loop.self = &loop.main;
    for (long i = tasks; i-- > 0;) {
        loop.records[i].next = loop.free_record;
        loop.free_record = &loop.records[i];
    }
}

static inline void ready(task *t)
{
    loop.ring[loop.tail++ & loop.mask] = t;
}

/* Ahead of the ring's end stand stale pointers, which do no harm. But NULL is asked for: where
 * nothing is mapped, a prefetch walks the page tables in vain each time. */
static inline task *next_ready(void)
{
    task *t = loop.ring[loop.head & loop.mask];
    __builtin_prefetch(loop.ring[(loop.head + 8) & loop.mask], 1);
    task *soon = loop.ring[(loop.head + 4) & loop.mask];
    if (soon && soon->sp)
        __builtin_prefetch(soon->sp, 1);
    loop.head++;
    return t;
}

static void task_main(void);

#if GUARDED
/* The first switch to a task finds on its stack what a switch away from it would have left. */
static __attribute__((noinline)) void task_begin(task *t)
{
    char *frame = stack_take() - FRAME;
    memset(frame, 0, FRAME);
    *(void **)(frame + FRAME_PC) = (void *)task_main;
    t->sp = frame;
}
#else
static __attribute__((noinline)) void task_begin(task *t)
{
    t->sp = stack_take() - ENTRY_SKEW;
    t->fp = NULL;
    t->pc = (void *)task_main;
}
#endif

/* Gives way to the next that is ready; there must be one. Called last, it is a jump. */
static inline __attribute__((always_inline)) int park(void)
{
    task *from = loop.self, *t = next_ready();
    if (__builtin_expect(t->sp == NULL, 0))
        task_begin(t);
    loop.self = t;
    return switch_call(from, t);
}

/* The end of a task: its stack is free for the very next one, which may begin on it at once. */
static __attribute__((noreturn)) void task_end(void)
{
    task *self = loop.self;
    loop.stacks[loop.free_stacks++] = stack_top(__builtin_frame_address(0));
    self->next = loop.free_record;
    loop.free_record = self;
    task *t = next_ready();
    loop.self = t;
    if (t->sp == NULL)
        BEGIN_ON(stack_take(), task_main);
    else
        switch_call(self, t);
    __builtin_unreachable();
}

#if GUARDED
/* Its group knows it no longer, has its result, and whoever waits for the last one goes on. */
static inline void group_leave(task *t)
{
    group *g = t->group;
    *t->back = t->older;
    if (t->older)
        t->older->back = t->back;
    if (__builtin_expect(t->result != 0 && g->result == 0, 0))
        g->result = t->result;
    if (g->first == NULL && g->joiner)
        ready(g->joiner);
}

static inline void group_add(group *g, task *t)
{
    t->result = 0;
    t->span = &g->span;
    t->group = g;
    t->back = &g->first;
    t->older = g->first;
    if (t->older)
        t->older->back = &t->older;
    g->first = t;
}
#else
typedef struct {
    int none;
} group;
#define group_leave(t)  ((void)(t))
#define group_add(g, t) ((void)(g), (void)(t))
#endif
static group everybody; /* for who has no group of their own */

static __attribute__((noinline, used)) void task_main(void)
{
    void (*fn)(void *arg) = loop.self->fn;
    fn(loop.self->arg);
    group_leave(loop.self);
    task_end();
}

CALL void spawn_in(group *g, void (*fn)(void *), void *arg)
{
    task *t = loop.free_record;
    loop.free_record = t->next;
    t->sp = NULL;
    t->cancelled = 0;
    t->fn = fn;
    t->arg = arg;
    group_add(g, t);
    ready(t);
}

static inline void spawn(void (*fn)(void *), void *arg)
{
    spawn_in(&everybody, fn, arg);
}

/* What a call does reaches memory, inlined or not; else a loop of calls may be folded into one. */
static inline void in_memory(void)
{
    __asm__ volatile("" ::: "memory");
}

/* A look at whether somebody cancelled the caller: nobody does, but a safe runtime must ask. */
static inline int checkpoint(void)
{
    return GUARDED && __builtin_expect(*(volatile uint32_t *)&loop.self->cancelled, 0);
}

CALL int yield(void)
{
    if (checkpoint())
        return -ECANCELED;
    ready(loop.self);
    return park();
}

#if GUARDED
/* ---- scopes, groups ------------------------------------------------------------------------ */

/* A scope is found from its task, and is cancelled from the start if what is around it is. */
CALL int span_open(span *s, uint64_t timeout, uint64_t now)
{
    task *self = loop.self;
    s->outer = self->span;
    s->flags = self->cancelled;
    s->opened = now;
    s->timeout = timeout;
    self->span = s;
    return 0;
}

/* It may have cancelled its task; then that is over here, and what was done was cut short by it. */
CALL int span_close(span *s, int rc)
{
    task *self = loop.self;
    if (self->span != s)
        return -EINVAL;
    self->span = s->outer;
    if (__builtin_expect(s->flags != 0, 0)) {
        self->cancelled = s->outer ? s->outer->flags : 0;
        return rc == -ECANCELED ? -ETIMEDOUT : rc;
    }
    return rc;
}

CALL int group_open(group *g)
{
    g->first = g->joiner = NULL;
    g->result = 0;
    return span_open(&g->span, UINT64_MAX, 0);
}

/* Waiting comes last in a call (rule 6: who goes on must not return), so closing takes two. */
CALL int group_wait(group *g)
{
    if (g->first == NULL)
        return 0;
    g->joiner = loop.self;
    return park();
}

CALL int group_end(group *g, int rc)
{
    rc = span_close(&g->span, rc);
    return rc ? rc : g->result;
}

static inline int group_close(group *g, int rc)
{
    group_wait(g);
    return group_end(g, rc);
}

#endif
/* ---- an event: who waits, in the order of coming ------------------------------------------- */

typedef struct event {
    task *first, **last;
    int set;
} event;

CALL int event_wait(event *e)
{
    if (checkpoint())
        return -ECANCELED;
    if (e->set)
        return 0;
    task *self = loop.self;
    self->next = NULL;
    if (e->first == NULL)
        e->last = &e->first;
    *e->last = self;
    e->last = &self->next;
    return park();
}

/* Wakes all; the records are dense, so the list runs through memory in step. */
CALL void event_set(event *e)
{
    task *t = e->first;
    e->first = NULL;
    e->set = 1;
    while (t) {
        task *next = t->next;
        __builtin_prefetch(t + 8, 1);
        ready(t);
        t = next;
    }
}

#endif
