/* SPDX-License-Identifier: MIT
 *
 * hark/time.h - durations, instants, and giving way.
 *
 * Time is int64_t nanoseconds. A "timeout" is a duration, a "deadline" an instant of hark_now().
 * There is no timeout argument on any waiting call: a deadline belongs to a scope (hark/scope.h)
 * and covers whatever is called inside.
 */
#ifndef HARK_TIME_H
#define HARK_TIME_H

#include <hark/base.h>

#define HARK_US(n)   ((int64_t)(n)*1000)
#define HARK_MS(n)   ((int64_t)(n)*1000000)
#define HARK_S(n)    ((int64_t)(n)*1000000000)
#define HARK_FOREVER INT64_MAX

HARK_BEGIN

/* hark_now - the present instant of the monotonic clock, in nanoseconds.
 *
 * In a loop with a virtual clock it is that clock's time, which stands still while tasks run. Any
 * thread may call it; it does not block. */
HARK_API int64_t hark_now(void);

/* hark_sleep - wait until `timeout` nanoseconds have passed; never returns 0 early.
 *
 * A timeout <= 0 only lets the other ready tasks run once, as hark_yield does. Timers that end at
 * the same instant fire in the order in which they were armed.
 *
 * How late: what the kernel needs to wake a thread; and of timers that end soon after one another
 * the later ones wait for more, so that one waking of the thread serves them all: until 50 us after
 * the ones before, or 500 us while a loop has 80,000 and more a second. Timeouts of a sleep, of a
 * scope and of hark_call_later are counted from now or from up to 10 us later. With a virtual clock
 * all of it is exact.
 *
 * Blocks: a checkpoint. Thread: a task of the loop.
 * Returns 0; -ECANCELED (a scope around was cancelled: the sleep was cut short); -ENOTSUP outside a
 * task. Source: trio.sleep; negative durations as asyncio's (over at once). */
HARK_API int hark_sleep(int64_t timeout);

/* hark_sleep_until - wait until hark_now() has reached `deadline`. A past deadline only yields.
 * Otherwise as hark_sleep. */
HARK_API int hark_sleep_until(int64_t deadline);

/* hark_yield - let every other task that is ready run once.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED at once in a cancelled scope; -ENOTSUP outside a
 * task. Source: asyncio.sleep(0). */
HARK_API int hark_yield(void);

/* hark_checkpoint - has somebody cancelled me? Never yields.
 *
 * Returns 0; -ECANCELED in a cancelled scope; -ENOTSUP outside a task. Source:
 * trio.lowlevel.checkpoint_if_cancelled. */
HARK_API int hark_checkpoint(void);

/* hark_settle - wait until every other task is blocked: nothing is ready and one look at the
 * descriptors found nothing.
 *
 * For tests: "let everybody go as far as they can". Timers do not count as activity. Several
 * settlers do not wait for one another, and all wake together. With a virtual clock, settling comes
 * before the clock's jump.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED; -ENOTSUP outside a task. Source:
 * trio.testing.wait_all_tasks_blocked. */
HARK_API int hark_settle(void);

HARK_END
#endif
