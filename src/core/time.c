/* SPDX-License-Identifier: MIT
 *
 * time.c - sleeping, yielding, settling: waiting for time and for the others.
 *
 * Rules    N1  A sleep never ends early: its deadline is reckoned from an instant that is not past.
 *          N2  A sleeper's timer stands in its record, in the place of its waiter: it needs no
 *              memory and cannot fail.
 */
#include <hark/time.h>

#include "core/core.h"

int64_t hark__loop_deadline(hark_loop *loop, int64_t timeout)
{
    int64_t soon = loop->virtual_clock ? loop->virtual_now : hark__clock_soon(&loop->soon);

    return timeout > HARK_FOREVER - soon ? HARK_FOREVER : soon + timeout;
}

static void fire_sleeper(struct hark_timer *timer)
{
    hark__ready(hark__here, container_of(timer, hark__task, in.timer), 0);
}

static void describe_sleep(const hark__task *task, struct hark__text *text)
{
    if (task->in.timer.deadline == HARK_FOREVER) {
        hark__text_put(text, ", for ever");
        return;
    }
    hark__text_put(text, ", for another ");
    hark__text_duration(text, task->in.timer.deadline - hark__loop_now(hark__here));
}

static bool has_passed(const hark__task *task)
{
    return task->in.timer.deadline <= hark__loop_now(hark__here);
}

static void stands_in_wheel(const hark__task *task, struct hark__audit *audit)
{
    hark__audit_timer(audit, task, &task->in.timer, task->in.timer.deadline);
}

static const struct hark__wait_kind sleep_kind = {
    .what = "time to pass",
    .leave = hark__leave_timer,
    .describe = describe_sleep,
    .there = has_passed,
    .stands = stands_in_wheel,
};
static const struct hark__wait_kind settle_kind = {
    .what = "the others to settle", .leave = hark__leave_list, .stands = hark__stands_in_list};

static int sleep_until(hark_loop *loop, int64_t deadline)
{
    hark__task *self = loop->running;

    self->in.timer = (struct hark_timer){.deadline = deadline, .fire = fire_sleeper};
    /* Else nothing but a cancellation will end it, and that is no timer. */
    if (deadline != HARK_FOREVER) {
        hark__wheel_arm(&loop->wheel, &self->in.timer,
                        deadline - (planted(sleeps_end_early) ? 1 : 0));
    }
    return hark__park(&sleep_kind);
}

static __attribute__((noinline)) int yield_slow(void)
{
    int error = hark__enter_task("hark_yield");

    return error ? error : hark__give_way();
}

int hark_yield(void)
{
    return hark__may_go_on() ? hark__give_way() : yield_slow();
}

int hark_sleep_until(int64_t deadline)
{
    int error = hark__enter_task("hark_sleep_until");

    if (error) {
        return error;
    }
    if (deadline <= hark__loop_now(hark__here)) {
        return hark__give_way();
    }
    return sleep_until(hark__here, deadline);
}

int hark_sleep(int64_t timeout)
{
    int error = hark__enter_task("hark_sleep");

    if (error) {
        return error;
    }
    if (timeout <= 0) {
        return hark__give_way();
    }
    return sleep_until(hark__here, hark__loop_deadline(hark__here, timeout));
}

int hark_checkpoint(void)
{
    return hark__enter_task("hark_checkpoint");
}

int hark_settle(void)
{
    int error = hark__enter_task("hark_settle");

    return error ? error : hark__wait(&hark__here->settlers, &settle_kind);
}
