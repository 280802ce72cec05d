/* SPDX-License-Identifier: MIT
 *
 * link_test.c - items that cross loops and threads: none lost, none twice, in order, whoever waits,
 * is cancelled or closes.
 *
 * Idea     What depends on the order of two threads is done thousands of times, and counted; what
 *          can be put in order is: a thread that was joined has done what it was to do, though the
 *          loop whose task it woke does not know yet.
 *
 * Every test of this file is also a test for ThreadSanitizer.
 */
#include "../sync/scene.h"

#include "base/sys.h"

#include <sched.h>

static hark_link l;

struct item {
    int from, number;
};

/* ---- inside one loop: as a channel ----------------------------------------------------------- */

static int receive_and_tell(void *name)
{
    int item = -1;
    const int rc = hark_link_recv(&l, &item);
    kit_log("%s:%s", (char *)name, outcome(rc));
    return 0;
}

static int receive_number(void *name)
{
    int item = -1;
    const int rc = hark_link_recv(&l, &item);
    kit_log("%s:%d", (char *)name, rc ? rc : item);
    return 0;
}

static int send_number(void *number)
{
    int item = (int)(intptr_t)number;
    const int rc = hark_link_send(&l, &item);
    kit_log("%s", outcome(rc));
    return 0;
}

INSIDE_ON_HUBS(link_first_come_first_served)
{
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    CHECK_GT(hark_go(&group, receive_number, "a"), 0);
    CHECK_GT(hark_go(&group, receive_number, "b"), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_link_statistics(&l).waiting_recv, 2);
    for (int i = 1; i <= 2; i++) {
        CHECK_EQ(hark_link_try_send(&l, &i), 0);
    }
    CHECK_EQ(hark_link_try_send(&l, &(int){3}), -EAGAIN);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:1 b:2");
    for (intptr_t i = 4; i <= 6; i++) {
        CHECK_GT(hark_go(&group, send_number, (void *)i), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    for (int i = 4, item; i <= 6; i++) {
        CHECK_EQ(hark_link_try_recv(&l, &item), 0);
        CHECK_EQ(item, i);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok ok ok");
    CHECK_EQ(hark_link_free(&l), 0);
}

INSIDE(link_a_place_that_comes_free_goes_to_who_waits_to_send)
{
    int item = 1;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 1), 0);
    CHECK_EQ(hark_link_send(&l, &item), 0);
    CHECK_EQ(hark_link_try_send(&l, &item), -EAGAIN);
    CHECK_GT(hark_go(&group, send_number, (void *)2), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_link_recv(&l, &item), 0);
    CHECK_EQ(item, 1);
    CHECK_EQ(hark_link_try_send(&l, &item), -EAGAIN); /* nobody barges in */
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_link_recv(&l, &item), 0);
    CHECK_EQ(item, 2);
    CHECK_EQ(hark_link_free(&l), 0);
}

INSIDE(link_a_cancelled_send_and_receive_did_not_happen)
{
    int item = 7;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    hark_task task = hark_go(&group, send_number, (void *)1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_link_try_recv(&l, &item), -EAGAIN);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("cancelled");
    task = hark_go(&group, receive_number, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_link_try_send(&l, &item), -EAGAIN);
    CHECK_EQ(hark_settle(), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "a:%d", -ECANCELED);
    CHECK_LOG(expected);
    CHECK_EQ(hark_link_free(&l), 0);
}

INSIDE(link_in_a_cancelled_scope_nothing_happens)
{
    hark_scope scope;
    int item = 7;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 2), 0);
    CHECK_EQ(hark_link_send(&l, &item), 0);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_scope_cancel(&scope), 0);
    CHECK_EQ(hark_link_send(&l, &item), -ECANCELED);
    CHECK_EQ(hark_link_recv(&l, &item), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    CHECK_EQ(hark_link_statistics(&l).used, 1);
    CHECK_EQ(hark_link_free(&l), 0);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void *receive_in_thread(void *arg)
{
    return receive_and_tell(arg) ? arg : NULL;
}

INSIDE(link_the_last_sender_ends_all_who_wait_to_receive)
{
    pthread_t thread;
    int item = 5;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 4), 0);
    CHECK_EQ(hark_link_add_sender(&l), 0);
    CHECK_GT(hark_go(&group, receive_and_tell, "x"), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(pthread_create(&thread, NULL, receive_in_thread, "x"), 0);
    while (hark_link_statistics(&l).waiting_recv < 2) {
        sched_yield();
    }
    CHECK_EQ(hark_link_close_sender(&l), 0);
    CHECK_EQ(hark_link_statistics(&l).waiting_recv, 2);
    CHECK_EQ(hark_link_close_sender(&l), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("x:ENODATA x:ENODATA");
    CHECK_MISUSE(hark_link_send(&l, &item), -EBADF, "hark_link_send");
    CHECK_MISUSE(hark_link_recv(&l, &item), -ENODATA, "hark_link_recv");
    CHECK_MISUSE(hark_link_close_sender(&l), -EBADF, "hark_link_close_sender");
    CHECK_MISUSE(hark_link_add_sender(&l), -EBADF, "hark_link_add_sender");
    CHECK_EQ(hark_link_free(&l), 0);
}

INSIDE(link_what_is_in_it_outlives_the_last_sender)
{
    int item = 5;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 4), 0);
    CHECK_EQ(hark_link_send(&l, &item), 0);
    CHECK_EQ(hark_link_close_sender(&l), 0);
    item = 0;
    CHECK_EQ(hark_link_recv(&l, &item), 0);
    CHECK_EQ(item, 5);
    CHECK_EQ(hark_link_try_recv(&l, &item), -ENODATA);
    CHECK_EQ(hark_link_free(&l), 0);
}

static void *send_in_thread(void *arg)
{
    kit_log("%s", outcome(hark_link_send(&l, arg)));
    return NULL;
}

INSIDE(link_the_last_receiver_ends_all_who_wait_to_send)
{
    pthread_t thread;
    int item = 5;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    CHECK_EQ(hark_link_add_receiver(&l), 0);
    CHECK_EQ(hark_link_close_receiver(&l), 0);
    CHECK_GT(hark_go(&group, send_number, (void *)1), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(pthread_create(&thread, NULL, send_in_thread, &item), 0);
    while (hark_link_statistics(&l).waiting_send < 2) {
        sched_yield();
    }
    CHECK_MISUSE(hark_link_free(&l), -EBUSY, "2 still wait to send");
    CHECK_EQ(hark_link_close_receiver(&l), 0);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EPIPE EPIPE");
    CHECK_MISUSE(hark_link_send(&l, &item), -EPIPE, "not sent");
    CHECK_MISUSE(hark_link_recv(&l, &item), -EBADF, "closed");
    CHECK_MISUSE(hark_link_add_receiver(&l), -EBADF, "hark_link_add_receiver");
    CHECK_EQ(hark_link_free(&l), 0);
}

/* ---- a wake-up that was given is kept -------------------------------------------------------- */

static void *try_send_one(void *arg)
{
    CHECK_EQ(hark_link_try_send(&l, arg), 0);
    return NULL;
}

static void *try_receive_one(void *arg)
{
    CHECK_EQ(hark_link_try_recv(&l, arg), 0);
    return NULL;
}

/* The other thread has met it, and its post is in our box, unread: now the task is cancelled. */
INSIDE_ON_HUBS(link_what_was_received_is_kept_though_cancelled)
{
    int item = 42;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    const hark_task task = hark_go(&group, receive_number, "a");
    CHECK_EQ(hark_settle(), 0);
    in_thread(try_send_one, &item);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:42");
    CHECK_EQ(hark_link_free(&l), 0);
}

INSIDE_ON_HUBS(link_what_was_sent_is_kept_though_cancelled)
{
    int item = 0;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    const hark_task task = hark_go(&group, send_number, (void *)42);
    CHECK_EQ(hark_settle(), 0);
    in_thread(try_receive_one, &item);
    CHECK_EQ(item, 42);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_link_free(&l), 0);
}

/* ---- two loops of one thread, stepped by hand ------------------------------------------------ */

static int receive_twice(void *arg)
{
    receive_number(arg);
    receive_number(arg);
    return 0;
}

/* In this order: a waits; b sends two, the second one must wait; a gets the first, goes on and gets
 * the second; b is told. */
TEST_ON_HUBS(link_two_loops_step_by_step)
{
    hark_loop *a = hark_loop_new(NULL), *b = hark_loop_new(NULL);
    CHECK(a && b);
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    CHECK_GT(hark_loop_go(a, receive_twice, "a"), 0);
    CHECK_EQ(hark_loop_step(a, 0), 0);
    CHECK_EQ(hark_link_statistics(&l).waiting_recv, 1);
    CHECK_GT(hark_loop_go(b, send_number, (void *)1), 0);
    CHECK_GT(hark_loop_go(b, send_number, (void *)2), 0);
    CHECK_EQ(hark_loop_step(b, 0), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_link_statistics(&l).waiting_send, 1);
    CHECK_EQ(hark_loop_step(a, 0), 0);
    CHECK_LOG("a:1 a:2");
    CHECK_EQ(hark_link_statistics(&l).waiting_send, 0);
    CHECK_EQ(hark_loop_step(b, 0), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_link_free(&l), 0);
    CHECK_EQ(hark_loop_free(a), 0);
    CHECK_EQ(hark_loop_free(b), 0);
}

/* a's loop ends while its task waits: it is cancelled, and b finds nobody. */
TEST_ON_HUBS(link_a_loop_that_ends_leaves_nobody_behind)
{
    hark_loop *a = hark_loop_new(NULL), *b = hark_loop_new(NULL);
    int item = 1;
    CHECK(a && b);
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    CHECK_GT(hark_loop_go(a, receive_number, "a"), 0);
    CHECK_EQ(hark_loop_step(a, 0), 0);
    CHECK_EQ(hark_loop_free(a), 0);
    CHECK_EQ(hark_link_statistics(&l).waiting_recv, 0);
    CHECK_EQ(hark_link_try_send(&l, &item), -EAGAIN);
    CHECK_EQ(hark_link_free(&l), 0);
    CHECK_EQ(hark_loop_free(b), 0);
}

/* b has met a, and a is freed before it was stepped again: it still gets its item. */
TEST_ON_HUBS(link_a_loop_that_ends_keeps_what_was_given)
{
    hark_loop *a = hark_loop_new(NULL), *b = hark_loop_new(NULL);
    CHECK(a && b);
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    CHECK_GT(hark_loop_go(a, receive_number, "a"), 0);
    CHECK_EQ(hark_loop_step(a, 0), 0);
    CHECK_GT(hark_loop_go(b, send_number, (void *)9), 0);
    CHECK_EQ(hark_loop_step(b, 0), 0);
    CHECK_EQ(hark_loop_free(a), 0);
    CHECK_LOG("ok a:9");
    CHECK_EQ(hark_link_free(&l), 0);
    CHECK_EQ(hark_loop_free(b), 0);
}

/* ---- many, of all kinds ---------------------------------------------------------------------- */

enum { SIDES = 6 }; /* two tasks in each of two loops, and two threads */

static int items_each;
static atomic_int senders_begun, receivers_begun, received, deadlines;
static atomic_uchar seen[SIDES][20000];

static int send_all(void *arg)
{
    (void)arg;
    const int me = atomic_fetch_add(&senders_begun, 1);
    for (int i = 0; i < items_each; i++) {
        struct item item = {me, i};
        CHECK_EQ(hark_link_send(&l, &item), 0);
    }
    return hark_link_close_sender(&l);
}

static void note_item(int *last, const struct item *item)
{
    CHECK_EQ(atomic_fetch_add(&seen[item->from][item->number], 1), 0);
    CHECK_GT(item->number, last[item->from]); /* each sender's come in order */
    last[item->from] = item->number;
    atomic_fetch_add(&received, 1);
}

static int receive_all(void *arg)
{
    struct item item;
    int rc, last[SIDES] = {-1, -1, -1, -1, -1, -1};
    (void)arg;
    while ((rc = hark_link_recv(&l, &item)) == 0) {
        note_item(last, &item);
    }
    CHECK_EQ(rc, -ENODATA);
    return 0;
}

static int both_sides(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_GT(hark_go(&g, send_all, arg), 0);
        CHECK_GT(hark_go(&g, receive_all, arg), 0);
    }
    return hark_group_close(&g, 0);
}

static void *send_all_thread(void *arg)
{
    CHECK_EQ(send_all(arg), 0);
    return NULL;
}

static void *receive_all_thread(void *arg)
{
    CHECK_EQ(receive_all(arg), 0);
    return NULL;
}

static void send_many(size_t capacity)
{
    pthread_t threads[4];
    items_each = 3000 / kit_slow();
    CHECK_EQ(hark_link_init(&l, sizeof(struct item), capacity), 0);
    for (int i = 1; i < SIDES; i++) {
        CHECK_EQ(hark_link_add_sender(&l), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(
            pthread_create(&threads[i], NULL, i % 2 ? send_all_thread : receive_all_thread, NULL), 0);
    }
    CHECK_EQ(hark_run_workers(NULL, 2, both_sides, NULL), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(atomic_load(&received), SIDES * items_each);
    CHECK_EQ(hark_link_free(&l), 0);
}

TEST_ON_HUBS_TIMEOUT(link_each_item_of_many_senders_arrives_once, 30)
{
    send_many(0);
}

TEST_ON_HUBS_TIMEOUT(link_each_item_arrives_once_through_a_buffer, 30)
{
    send_many(7);
}

/* ---- many, and deadlines that come at any moment --------------------------------------------- */

static atomic_int sent;

static int send_under_deadlines(void *arg)
{
    uint64_t state = kit_seed() + (uint64_t)atomic_fetch_add(&senders_begun, 1);
    (void)arg;
    for (int i = 0; i < items_each; i++) {
        struct item item = {0, i};
        const int64_t rc =
            hark_within((int64_t)(draw(&state) % 30) * 1000, hark_link_send(&l, &item));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        atomic_fetch_add(rc ? &deadlines : &sent, 1);
    }
    return hark_link_close_sender(&l);
}

static int receive_under_deadlines(void *arg)
{
    uint64_t state = kit_seed() + 77 + (uint64_t)atomic_fetch_add(&receivers_begun, 1);
    int64_t rc;
    (void)arg;
    do {
        struct item item = {-1, -1};
        rc = hark_within((int64_t)(draw(&state) % 30) * 1000, hark_link_recv(&l, &item));
        CHECK_EQ(rc == 0, item.number >= 0);
        atomic_fetch_add(&received, rc == 0);
    } while (rc != -ENODATA);
    return 0;
}

static int deadlines_on_both_sides(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    CHECK_GT(hark_go(&g, send_under_deadlines, arg), 0);
    CHECK_GT(hark_go(&g, receive_under_deadlines, arg), 0);
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS_TIMEOUT(link_deadlines_lose_nothing_and_double_nothing, 30)
{
    items_each = 2000 / kit_slow();
    CHECK_EQ(hark_link_init(&l, sizeof(struct item), 0), 0);
    for (int i = 1; i < 3; i++) {
        CHECK_EQ(hark_link_add_sender(&l), 0);
    }
    CHECK_EQ(hark_run_workers(NULL, 3, deadlines_on_both_sides, NULL), 0);
    CHECK_EQ(atomic_load(&received), atomic_load(&sent));
    CHECK_GT(atomic_load(&sent), 0);
    CHECK_GT(atomic_load(&deadlines), 0);
    CHECK_EQ(hark_link_free(&l), 0);
}

/* ---- what cannot be had, misuse -------------------------------------------------------------- */

static int no_eventfd(unsigned value, int flags)
{
    (void)value;
    (void)flags;
    errno = EMFILE;
    return -1;
}

INSIDE(link_without_a_descriptor_to_wait_nothing_happens)
{
    int (*real)(unsigned, int) = hark__sys.eventfd;
    int item = 1;
    CHECK_EQ(hark_link_init(&l, sizeof(int), 0), 0);
    hark__sys.eventfd = no_eventfd;
    CHECK_MISUSE(hark_link_recv(&l, &item), -EMFILE, "post box");
    hark__sys.eventfd = real;
    CHECK_EQ(hark_link_statistics(&l).waiting_recv, 0);
    CHECK_EQ(hark_link_free(&l), 0);
}

static void in_callback(void *arg)
{
    int item = 3;
    CHECK_MISUSE(hark_link_recv(&l, &item), -ENOTSUP, "hark_link_recv");
    CHECK_EQ(hark_link_try_send(&l, &item), 0);
    hark_event_set(arg);
}

INSIDE(link_a_callback_may_try)
{
    static hark_event done;
    hark_watch watch = {0};
    CHECK_EQ(hark_link_init(&l, sizeof(int), 1), 0);
    CHECK_EQ(hark_call_soon(&watch, in_callback, &done), 0);
    CHECK_EQ(hark_event_wait(&done), 0);
    CHECK_EQ(hark_link_statistics(&l).used, 1);
    CHECK_EQ(hark_link_free(&l), 0);
}

TEST(link_misuse_is_refused_in_words)
{
    hark_link none = {.size = 0};
    int item = 0;
    CHECK_MISUSE(hark_link_init(NULL, 1, 1), -EINVAL, "hark_link_init");
    CHECK_MISUSE(hark_link_init(&none, 0, 1), -EINVAL, "0 bytes");
    CHECK_MISUSE(hark_link_init(&none, SIZE_MAX, 1), -EINVAL, "more than");
    CHECK_MISUSE(hark_link_init(&none, 1, SIZE_MAX), -EINVAL, "more than");
    CHECK_MISUSE(hark_link_send(NULL, &item), -EINVAL, "NULL");
    CHECK_MISUSE(hark_link_send(&none, &item), -EINVAL, "not initialised");
    CHECK_MISUSE(hark_link_recv(&none, &item), -EINVAL, "not initialised");
    CHECK_MISUSE(hark_link_try_send(&none, &item), -EINVAL, "hark_link_try_send");
    CHECK_MISUSE(hark_link_try_recv(&none, &item), -EINVAL, "hark_link_try_recv");
    CHECK_MISUSE(hark_link_free(&none), -EINVAL, "hark_link_free");
    CHECK_MISUSE(hark_link_close_sender(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_link_close_receiver(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_link_add_sender(NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_link_add_receiver(NULL), -EINVAL, "NULL");
    CHECK_EQ(hark_link_statistics(NULL).senders, 0);
    CHECK_EQ(hark_link_init(&l, sizeof(int), 1), 0);
    CHECK_MISUSE(hark_link_send(&l, NULL), -EINVAL, "the item is NULL");
    CHECK_MISUSE(hark_link_recv(&l, NULL), -EINVAL, "the item is NULL");
    CHECK_EQ(hark_link_send(&l, &item), 0); /* a bare thread may, too */
    CHECK_EQ(hark_link_recv(&l, &item), 0);
    CHECK_EQ(hark_link_free(&l), 0);
    CHECK_MISUSE(hark_link_free(&l), -EINVAL, "freed");
}
