/* SPDX-License-Identifier: MIT
 *
 * gate/world.c - the world that hark meets in the gate: real descriptors under epoll, simulated
 * time, and everything that is asked of it counted.
 *
 * It stands in the library's own seams (src/base/sys.h): each entry of the table of system calls is
 * replaced by one that counts and goes on to the real one. The library is linked statically, so the
 * table is within reach though it is not exported.
 *
 * Rules    1  One call of an entry is one system call, whatever the C library makes of it.
 *          2  A wait that only time would end returns at once, and time has passed. A wait that
 *             nothing would end is one for another thread: gate_outside is asked first.
 */
#include "gate.h"
#include "base/sys.h"
#include <hark.h>
#ifdef HARK__SOON_SHIFT
#include "core/core.h"
#endif

extern const gate_operation gate_tasks[], gate_sync[], gate_time[], gate_io[];
const gate_operation *const gate_tables[] = {gate_tasks, gate_sync, gate_time, gate_io, NULL};

static struct hark__sys real;
static struct hark__memory real_memory;

/* ---- system calls --------------------------------------------------------------------------- */

#define COUNTED(result, name, parameters, arguments) \
    static result counted_##name parameters \
    { \
        gate_asked_now.calls++; \
        gate_now += GATE_CALL; \
        return real.name arguments; \
    }
HARK__SYSCALLS(COUNTED)

static int simulated_clock(clockid_t clock, struct timespec *time)
{
    (void)clock;
    gate_asked_now.looks++;
    gate_now += GATE_LOOK;
    *time = (struct timespec){gate_now / 1000000000, gate_now % 1000000000};
    return 0;
}

/* A timeout of 0: a look. Of less: until something comes. */
static int simulated_wait(int epoll, struct epoll_event *events, int max, int64_t timeout)
{
    void (*outside)(void) = gate_outside;
    gate_asked_now.calls++;
    gate_now += GATE_CALL;
    if (timeout != 0 && outside) {
        gate_outside = NULL;
        outside();
    }
    int count = real.epoll_wait(epoll, events, max, timeout < 0 ? -1 : 0);
    if (count == 0 && timeout > 0)
        gate_now += timeout;
    return count;
}

static int simulated_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    return simulated_wait(epoll, events, max, timeout > 0 ? timeout * INT64_C(1000000) : timeout);
}

static int simulated_epoll_pwait2(int epoll, struct epoll_event *events, int max,
                                  const struct timespec *timeout, const sigset_t *mask)
{
    (void)mask;
    return simulated_wait(epoll, events, max,
                          timeout ? timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec : -1);
}

#ifdef HARK__SOON_SHIFT
void gate_hold_ticks(void)
{
    struct hark__soon *soon = &hark_loop_self()->soon;
    *soon = (struct hark__soon){.instant = gate_now, .few = UINT64_MAX, .latest = gate_now};
}
#else
void gate_hold_ticks(void)
{
}
#endif

/* ---- memory --------------------------------------------------------------------------------- */

static void *counted_allocate(size_t size)
{
    gate_asked_now.memory++;
    return real_memory.allocate(size);
}

static void *counted_resize(void *old, size_t size)
{
    gate_asked_now.memory++;
    return real_memory.resize(old, size);
}

/* ---- a run ---------------------------------------------------------------------------------- */

#define REPLACE(result, name, parameters, arguments) hark__sys.name = counted_##name;

static void begin(void)
{
    real = hark__sys;
    real_memory = hark__memory;
    HARK__SYSCALLS(REPLACE)
    hark__sys.clock_gettime = simulated_clock;
    hark__sys.epoll_wait = simulated_epoll_wait;
    hark__sys.epoll_pwait2 = simulated_epoll_pwait2;
    hark__memory.allocate = counted_allocate;
    hark__memory.resize = counted_resize;
}

static int run(void *fn)
{
    (*(void (**)(void))fn)();
    return 0;
}

int gate_run(void (*fn)(void))
{
    hark_options options = {.size = sizeof options, .hub = "epoll"};
    begin();
    return hark_run_with(&options, run, &fn);
}

/* ---- a slower library, for the gate's own test ---------------------------------------------- */

#ifdef GATE_PLANTED
int __real_hark_yield(void);
int __wrap_hark_yield(void);
int __wrap_hark_yield(void)
{
    for (volatile int i = 0; i < GATE_PLANTED; i++)
        ;
    return __real_hark_yield();
}
#endif
