/* SPDX-License-Identifier: MIT
 *
 * tools.c - telling AddressSanitizer, ThreadSanitizer, valgrind and the C++ runtime that stacks are
 * switched.
 *
 * Idea     The sanitizers' calls are weak symbols: they are there when the program is linked with
 *          one of them. So one and the same library, itself compiled with or without
 *          instrumentation, works under each. valgrind is asked by its client requests, which do
 *          nothing elsewhere.
 *
 * Rules    T1  ThreadSanitizer keeps a shadow of the call stack per fiber, so between its switch
 *              and ours no instrumented function may begin or end: HARK__UNWATCHED.
 *          T2  A fiber of ThreadSanitizer lives as long as one task on a stack: a task ends in
 *              the middle of its calls, and what they left on the shadow stack must go with it.
 *          T3  A task ends without returning, so AddressSanitizer still knows its frames; they
 *              are forgotten when it leaves for ever.
 *          T4  ThreadSanitizer keeps a signal back, in the fiber in which it came, until that fiber
 *              next calls something of libc. So none may come between a fiber's last such call and
 *              the switch: it would sleep with the fiber, and the loop would not hear of it.
 *
 * Not here MemorySanitizer: it wants an instrumented C library.
 */
#include "fiber/tools.h"

#include <pthread.h>
#include <signal.h>

#include "fiber/fiber.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif

bool hark__tools_on, hark__tools_doubt;

#define WEAK __attribute__((weak))
extern WEAK void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
extern WEAK void __sanitizer_finish_switch_fiber(void *saved, const void **bottom, size_t *size);
extern WEAK void __asan_unpoison_memory_region(const volatile void *start, size_t size);
extern WEAK void *__tsan_get_current_fiber(void);
extern WEAK void *__tsan_create_fiber(unsigned flags);
extern WEAK void __tsan_destroy_fiber(void *fiber);
extern WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);
extern WEAK struct hark__exceptions *__cxa_get_globals(void); /* of the thread, by the C++ ABI */

static bool asan(void)
{
    return __sanitizer_start_switch_fiber && __sanitizer_finish_switch_fiber;
}

static bool tsan(void)
{
    return __tsan_switch_to_fiber && __tsan_create_fiber;
}

/* It alone of valgrind's tools answers this. */
#ifdef RUNNING_ON_VALGRIND
static bool in_memcheck(void)
{
    char probe = 0;
    return VALGRIND_MAKE_MEM_DEFINED(&probe, sizeof probe) != 0;
}
#else
static bool in_memcheck(void)
{
    return false;
}
#endif

/* Before main, so that it never changes while threads read it. */
static __attribute__((constructor)) void look_for_tools(void)
{
    hark__tools_on = asan() || tsan() || __cxa_get_globals;
    hark__tools_doubt = in_memcheck();
}

void hark__tools_here(hark__tools *tools)
{
    pthread_attr_t attributes;
    void *bottom = NULL;
    *tools = (hark__tools){0};
    if (asan() && pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &bottom, &tools->size);
        pthread_attr_destroy(&attributes);
        tools->bottom = bottom;
    }
    if (tsan()) {
        tools->thread = __tsan_get_current_fiber();
    }
}

/* Rule T4: what has been kept back is handled as the first call ends. */
HARK__UNWATCHED static void switch_tsan(void *fiber)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    __tsan_switch_to_fiber(fiber, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

HARK__UNWATCHED static void leave_tsan(hark__tools *from, hark__tools *to, bool for_ever)
{
    void *old = from->thread;
    if (for_ever) {
        from->thread = NULL;
    }
    if (!to->thread) {
        to->thread = __tsan_create_fiber(0);
    }
    if (to->thread != old) {
        switch_tsan(to->thread);
    }
    if (for_ever && old) {
        __tsan_destroy_fiber(old);
    }
}

/* C++ keeps a thread's exceptions under way in one place; each task has its own. */
static void leave_cxx(hark__tools *from, hark__tools *to, bool for_ever)
{
    struct hark__exceptions *now = __cxa_get_globals();
    from->exceptions = for_ever ? (struct hark__exceptions){0} : *now;
    *now = to->exceptions;
}

HARK__UNWATCHED void hark__tools_leave(hark__tools *from, hark__tools *to, bool for_ever)
{
    if (__cxa_get_globals) {
        leave_cxx(from, to, for_ever);
    }
    if (for_ever) {
        hark__tools_clean(from->bottom, from->size);
    }
    if (asan()) {
        __sanitizer_start_switch_fiber(for_ever ? NULL : &from->fake_stack, to->bottom, to->size);
    }
    if (tsan()) {
        leave_tsan(from, to, for_ever);
    }
}

HARK__UNWATCHED void hark__tools_arrive(hark__tools *self)
{
    if (asan()) {
        void *fake_stack = self->fake_stack;
        self->fake_stack = NULL;
        __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
    }
}

void hark__tools_forget(hark__tools *tools)
{
    if (tools->thread && __tsan_destroy_fiber) {
        __tsan_destroy_fiber(tools->thread);
        tools->thread = NULL;
    }
}

void hark__tools_clean(const void *start, size_t size)
{
    if (__asan_unpoison_memory_region) {
        __asan_unpoison_memory_region(start, size);
    }
}

/* ---- valgrind ------------------------------------------------------------------------------ */

#ifdef RUNNING_ON_VALGRIND
bool hark__tools_valgrind(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

unsigned hark__tools_stack_new(const void *low, const void *high)
{
    return VALGRIND_STACK_REGISTER(low, high);
}

void hark__tools_tell_believed(const void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, size);
}

void hark__tools_stack_gone(unsigned name)
{
    VALGRIND_STACK_DEREGISTER(name);
}
#else
bool hark__tools_valgrind(void)
{
    return false;
}

unsigned hark__tools_stack_new(const void *low, const void *high)
{
    (void)low;
    (void)high;
    return 0;
}

void hark__tools_tell_believed(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
}

void hark__tools_stack_gone(unsigned name)
{
    (void)name;
}
#endif
