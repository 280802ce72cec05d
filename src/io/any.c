/* SPDX-License-Identifier: MIT
 *
 * any.c - one task waits for the first news of several descriptors, or for an instant.
 *
 * Why      hark_wait_fd for both directions, and racing connections, which also wait for addresses
 *          that are still being looked up (a place may be one in a list). hark_select does the same
 *          for the user's cases; here there are as many as the caller has places for.
 * Rules    A1  The first news takes the task out of all its places at once: none is left behind.
 *          A2  A place is one waiter of the task; the task's own waiter only points to the visit.
 */
#include "io/io.h"

struct visit {
    struct hark_timer timer;
    hark__task *task;
    struct hark__io_place *places;
    int count;
    int chosen;
};

static struct visit *visit_of(const hark__task *task)
{
    return (struct visit *)task->in.waiter.next;
}

static void leave_all(hark__task *task)
{
    hark_loop *loop = hark__here;
    struct visit *visit = visit_of(task);

    hark__wheel_disarm(&loop->wheel, &visit->timer);
    for (int i = 0; i < visit->count; i++) {
        struct hark__io_place *place = &visit->places[i];
        if (place->stands) {
            place->stands = false;
            place->list ? hark__list_remove(&place->waiter) : hark__fd_leave(loop, &place->waiter);
        }
    }
}

/* core has taken this one waiter out already. */
static void chosen(hark__task *task, struct hark_waiter *waiter, int result)
{
    struct hark__io_place *place = (struct hark__io_place *)waiter;
    struct visit *visit = visit_of(task);

    place->stands = false;
    visit->chosen = (int)(place - visit->places);
    leave_all(task);
    hark__ready(hark__here, task, result < 0 ? result : 0);
}

static void fire(struct hark_timer *timer)
{
    struct visit *visit = container_of(timer, struct visit, timer);

    leave_all(visit->task);
    hark__ready(hark__here, visit->task, -ETIMEDOUT);
}

static void describe(const hark__task *task, struct hark__text *text)
{
    const struct visit *visit = visit_of(task);

    for (int i = 0; i < visit->count; i++) {
        const struct hark__io_place *place = &visit->places[i];
        if (place->stands && place->list) {
            hark__text_put(text, " more of them");
        } else if (place->stands) {
            hark__text_put(text, " %d to be %s", place->entry->fd,
                           place->direction == FD_IN ? "readable" : "writable");
        }
    }
}

static bool any_there(const hark__task *task)
{
    const struct visit *visit = visit_of(task);
    bool there =
        hark__timer_armed(&visit->timer) && visit->timer.deadline <= hark__loop_now(hark__here);

    for (int i = 0; i < visit->count && !there; i++) {
        const struct hark__io_place *place = &visit->places[i];
        there =
            place->stands && !place->list && hark__fd_is_ready(place->entry->fd, place->direction);
    }
    return there;
}

static void stands(const hark__task *task, struct hark__audit *audit)
{
    const struct visit *visit = visit_of(task);

    for (int i = 0; i < visit->count; i++) {
        const struct hark__io_place *place = &visit->places[i];
        if (place->list) {
            hark__audit_waiter(audit, task, &place->waiter);
        } else if (place->entry) {
            hark__audit_fd(audit, task, &place->waiter);
        }
        if (place->stands != (place->list || place->entry)) {
            hark__audit_broken(audit, "A1", task, "has left one of its places and waits on");
        }
    }
    hark__audit_timer(audit, task, &visit->timer,
                      hark__timer_armed(&visit->timer) ? visit->timer.deadline : HARK_FOREVER);
}

static const struct hark__wait_kind any_kind = {
    .what = "one of some descriptors:",
    .leave = leave_all,
    .chosen = chosen,
    .describe = describe,
    .there = any_there,
    .stands = stands,
};

static int stand(struct visit *visit)
{
    hark_loop *loop = hark__here;

    for (int i = 0; i < visit->count; i++) {
        struct hark__io_place *place = &visit->places[i];
        place->stands = false;
        place->waiter.owner = (uintptr_t)visit->task | OWNER_CASE;
        if (place->list) {
            hark__list_add(place->list, &place->waiter);
            place->stands = true;
        }
        if (!place->entry) {
            continue;
        }
        place->generation = place->entry->generation;
        int error = hark__fd_join(loop, place->entry, place->direction, &place->waiter);
        if (error) {
            visit->chosen = i;
            return error;
        }
        place->stands = true;
    }
    return 0;
}

/* It was ready, and then it left before its task ran. */
static bool has_left(const struct hark__io_place *place)
{
    return place->entry && place->entry->generation != place->generation;
}

int hark__io_wait_any(const char *call, struct hark__io_place *places, int count, int64_t deadline,
                      int *which)
{
    int result = hark__enter_task(call); /* rule I4 */

    if (result) {
        return result;
    }
    hark_loop *loop = hark__here;
    hark__task *self = loop->running;
    struct visit visit = {.task = self, .places = places, .count = count, .chosen = -1};

    self->in.waiter.next = (struct hark_waiter *)&visit;
    result = stand(&visit);
    if (result) {
        leave_all(self);
    } else {
        if (deadline != HARK_FOREVER) {
            visit.timer.fire = fire;
            hark__wheel_arm(&loop->wheel, &visit.timer, deadline);
        }
        result = hark__park(&any_kind);
        if (result == 0 && has_left(&places[visit.chosen])) {
            result = -EBADF;
        }
    }
    if (which) {
        *which = visit.chosen;
    }
    return result < 0 ? result : visit.chosen;
}
