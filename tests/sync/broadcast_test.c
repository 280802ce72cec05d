/* SPDX-License-Identifier: MIT
 *
 * broadcast_test.c - hark_broadcast: every subscriber sees every value, or is told how many it has
 * missed (reliability W17).
 */
#include "../sync/scene.h"

#include "core/core.h"

static int buffer[4];
static hark_broadcast broadcast = HARK_BROADCAST_INIT(buffer, sizeof(int), 4);
static hark_subscriber subscribers[3];

static int waiting(void)
{
    return hark_broadcast_statistics(&broadcast).tasks_waiting;
}

static void put(int value)
{
    CHECK_EQ(hark_broadcast_send(&broadcast, &value), 0);
}

static void subscribe(int which)
{
    CHECK_EQ(hark_broadcast_subscribe(&broadcast, &subscribers[which]), 0);
}

#define CHECK_NEXT(which, lost, expected) \
    do { \
        int value_ = -1; \
        CHECK_EQ(hark_broadcast_recv(&subscribers[which], &value_), (lost)); \
        CHECK_EQ(value_, (expected)); \
    } while (0)

/* Tells all that it gets, until the end. */
static int listener(void *number)
{
    const int which = (int)(intptr_t)number;
    int value, rc;
    while ((rc = hark_broadcast_recv(&subscribers[which], &value)) >= 0) {
        kit_log("%d:%d%s", which, value, rc ? "!" : "");
    }
    kit_log("%d:%s", which, outcome(rc));
    return rc == -ENODATA ? 0 : rc;
}

static hark_task go_listener(int which)
{
    return hark_go(&group, listener, (void *)(intptr_t)which);
}

INSIDE(broadcast_every_subscriber_sees_every_value)
{
    subscribe(0), subscribe(1);
    go_listener(0), go_listener(1);
    hark_settle();
    CHECK_EQ(waiting(), 2);
    put(7);
    CHECK_EQ(waiting(), 0);
    put(8);
    hark_settle();
    CHECK_LOG("0:7 0:8 1:7 1:8");
    hark_broadcast_close(&broadcast);
    hark_settle();
    CHECK_LOG("0:ENODATA 1:ENODATA");
}

INSIDE(broadcast_a_subscriber_sees_what_is_sent_after_it_subscribed)
{
    int value;
    put(1);
    subscribe(0);
    CHECK_SILENT(hark_broadcast_try_recv(&subscribers[0], &value), -EAGAIN);
    put(2);
    subscribe(1);
    put(3);
    CHECK_NEXT(0, 0, 2);
    CHECK_NEXT(0, 0, 3);
    CHECK_NEXT(1, 0, 3);
}

INSIDE(broadcast_W17_who_is_too_slow_is_told_how_many_it_missed)
{
    subscribe(0);
    for (int i = 1; i <= 4; i++) {
        put(i);
    }
    subscribers[1] = subscribers[0];
    CHECK_NEXT(0, 0, 1);
    put(5), put(6), put(7);
    CHECK_NEXT(0, 2, 4);
    CHECK_NEXT(0, 0, 5);
    CHECK_NEXT(1, 3, 4);
}

INSIDE(broadcast_missed_values_are_counted_up_to_INT_MAX)
{
    subscribe(0);
    broadcast.sent = (uint64_t)INT_MAX + 4; /* as if so many had been sent */
    CHECK_NEXT(0, INT_MAX, 0);
    subscribers[0].next = 0;
    broadcast.sent = (uint64_t)1 << 40;
    CHECK_NEXT(0, INT_MAX, 0);
    CHECK_EQ(subscribers[0].next, ((uint64_t)1 << 40) - 3);
}

INSIDE(broadcast_several_tasks_of_one_subscriber_share_its_values)
{
    subscribe(0);
    go_listener(0), go_listener(0);
    hark_settle();
    put(1);
    CHECK_EQ(waiting(), 1);
    put(2);
    CHECK_EQ(waiting(), 0);
    hark_settle();
    CHECK_LOG("0:1 0:2");
    hark_broadcast_close(&broadcast);
    hark_settle();
    CHECK_LOG("0:ENODATA 0:ENODATA");
}

INSIDE(broadcast_what_was_given_is_kept_though_it_is_overwritten_and_the_task_cancelled)
{
    subscribe(0);
    const hark_task task = go_listener(0);
    hark_settle();
    for (int i = 1; i <= 6; i++) {
        put(i);
    }
    hark_task_cancel(task);
    hark_settle();
    CHECK_LOG("0:1 0:cancelled");
    CHECK_NEXT(0, 1, 3);
}

INSIDE(broadcast_a_cancelled_listener_has_taken_nothing)
{
    subscribe(0);
    const hark_task task = go_listener(0);
    hark_settle();
    hark_task_cancel(task);
    CHECK_EQ(waiting(), 0);
    put(1);
    hark_settle();
    CHECK_LOG("0:cancelled");
    CHECK_NEXT(0, 0, 1);
}

INSIDE(broadcast_closed_it_gives_what_is_kept_and_then_no_more)
{
    int value = 3;
    subscribe(0);
    put(1), put(2);
    CHECK_EQ(hark_broadcast_close(&broadcast), 0);
    CHECK_EQ(hark_broadcast_close(&broadcast), 0);
    CHECK_MISUSE(hark_broadcast_send(&broadcast, &value), -EPIPE, "hark_broadcast_send");
    CHECK_NEXT(0, 0, 1);
    CHECK_NEXT(0, 0, 2);
    CHECK_MISUSE(hark_broadcast_recv(&subscribers[0], &value), -ENODATA, "closed");
    CHECK_MISUSE(hark_broadcast_try_recv(&subscribers[0], &value), -ENODATA, "closed");
}

INSIDE(broadcast_XX_04_receiving_is_a_checkpoint_that_does_not_yield)
{
    int value = -1;
    hark_scope scope;
    subscribe(0);
    put(1);
    hark_go(&group, say, "other");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(hark_broadcast_recv(&subscribers[0], &value), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_NEXT(0, 0, 1);
    CHECK_LOG("");
    CHECK_EQ(hark_within(HARK_MS(1), hark_broadcast_recv(&subscribers[0], &value)), -ETIMEDOUT);
    CHECK_EQ(waiting(), 0);
}

INSIDE(broadcast_a_lost_wakeup_is_seen_by_the_audit)
{
    struct hark__text text;
    char words[160];
    subscribe(0);
    go_listener(0);
    hark_settle();
    hark__text_to_string(&text, words, sizeof words);
    CHECK_EQ(hark__audit(hark__here, true, &text), 0);
    broadcast.sent++;
    CHECK_EQ(hark__audit(hark__here, true, &text), 1);
    broadcast.sent--;
    hark__text_to_string(&text, words, sizeof words);
    broadcast.closed = true;
    CHECK_EQ(hark__audit(hark__here, true, &text), 1);
    CHECK_HAS(words, "waits for what is there: the next value of a broadcast");
    hark_broadcast_close(&broadcast);
}

static int use_from_a_loop(void *arg)
{
    int value;
    CHECK_MISUSE(hark_broadcast_recv(&subscribers[0], &value), -EXDEV, "hark_broadcast_recv");
    return arg != NULL;
}

static void *use_from_elsewhere(void *arg)
{
    int value = 1;
    hark_subscriber other;
    CHECK_MISUSE(hark_broadcast_send(&broadcast, &value), -EXDEV, "hark_broadcast_send");
    CHECK_MISUSE(hark_broadcast_close(&broadcast), -EXDEV, "hark_broadcast_close");
    CHECK_MISUSE(hark_broadcast_subscribe(&broadcast, &other), -EXDEV, "hark_broadcast_subscribe");
    CHECK_MISUSE(hark_broadcast_try_recv(&subscribers[0], &value), -EXDEV, "try_recv");
    CHECK_EQ(RUN_VIRTUAL(use_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(broadcast_XX_40_other_threads_and_loops_are_refused)
{
    subscribe(0);
    go_listener(0);
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_EQ(waiting(), 1);
    hark_broadcast_close(&broadcast);
}

static int get_one(void *arg)
{
    CHECK_NEXT(0, 0, (int)(intptr_t)arg);
    return 0;
}

TEST(broadcast_is_usable_before_any_loop_and_by_two_in_turn)
{
    int value;
    subscribe(0);
    put(1), put(2), put(3);
    CHECK_EQ(RUN_VIRTUAL(get_one, (void *)1), 0);
    CHECK_EQ(RUN_VIRTUAL(get_one, (void *)2), 0);
    CHECK_EQ(hark_broadcast_try_recv(&subscribers[0], &value), 0);
    CHECK_EQ(value, 3);
}

INSIDE(broadcast_misuse_has_a_code_and_words)
{
    static hark_broadcast zero;
    hark_subscriber none = {0};
    int value = 0;
    CHECK_MISUSE(hark_broadcast_init(NULL, buffer, 4, 4), -EINVAL, "hark_broadcast_init");
    CHECK_MISUSE(hark_broadcast_init(&zero, NULL, 4, 4), -EINVAL, "hark_broadcast_init");
    CHECK_MISUSE(hark_broadcast_init(&zero, buffer, 0, 4), -EINVAL, "hark_broadcast_init");
    CHECK_MISUSE(hark_broadcast_init(&zero, buffer, 4, 0), -EINVAL, "hark_broadcast_init");
    CHECK_MISUSE(hark_broadcast_init(&zero, buffer, SIZE_MAX / 2, 4), -EINVAL, "broadcast_init");
    CHECK_MISUSE(hark_broadcast_send(&zero, &value), -EINVAL, "hark_broadcast_send");
    CHECK_MISUSE(hark_broadcast_send(NULL, &value), -EINVAL, "hark_broadcast_send");
    CHECK_MISUSE(hark_broadcast_send(&broadcast, NULL), -EINVAL, "hark_broadcast_send");
    CHECK_MISUSE(hark_broadcast_subscribe(&zero, &none), -EINVAL, "hark_broadcast_subscribe");
    CHECK_MISUSE(hark_broadcast_subscribe(&broadcast, NULL), -EINVAL, "broadcast_subscribe");
    CHECK_MISUSE(hark_broadcast_recv(NULL, &value), -EINVAL, "hark_broadcast_recv");
    CHECK_MISUSE(hark_broadcast_recv(&none, &value), -EINVAL, "hark_broadcast_recv");
    CHECK_MISUSE(hark_broadcast_try_recv(&none, &value), -EINVAL, "hark_broadcast_try_recv");
    CHECK_MISUSE(hark_broadcast_close(NULL), -EINVAL, "hark_broadcast_close");
    CHECK_EQ(hark_broadcast_statistics(NULL).tasks_waiting, 0);
    subscribe(0);
    CHECK_MISUSE(hark_broadcast_recv(&subscribers[0], NULL), -EINVAL, "hark_broadcast_recv");
}

TEST(broadcast_init_makes_it_as_new)
{
    subscribe(0);
    put(1);
    CHECK_EQ(hark_broadcast_close(&broadcast), 0);
    CHECK_EQ(hark_broadcast_init(&broadcast, buffer, sizeof(int), 2), 0);
    subscribe(0);
    put(5);
    CHECK_MISUSE(hark_broadcast_recv(&subscribers[0], buffer), -ENOTSUP, "hark_broadcast_recv");
}
