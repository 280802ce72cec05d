/* SPDX-License-Identifier: MIT
 *
 * queue_test.c - hark_queue: work to be done, in one of three orders.
 *
 * The QU entries, those of EQ that hark's answers (XX-12, XX-18 to XX-20) leave, the known bugs of
 * others, and queues in a select. An `int` is an item unless a test says so; tasks tell what they
 * got, or how it ended.
 */
#include <hark/testing.h>

#include "base/sys.h"
#include "scene.h"

static hark_queue queue;

#define OPEN(max) CHECK_EQ(hark_queue_init(&queue, sizeof(int), (max), HARK_FIFO, NULL), 0)
#define DONE()    CHECK_EQ(hark_queue_free(&queue), 0)

static int by_tens(const void *a, const void *b)
{
    return *(const int *)a / 10 - *(const int *)b / 10;
}

/* ---- tasks that put and get ------------------------------------------------------------------ */

static int put_one(void *item)
{
    const int number = (int)(intptr_t)item, rc = hark_queue_put(&queue, &number);
    kit_log("put%d:%s", number, outcome(rc));
    return 0;
}

static int get_one(void *name)
{
    int item = -1;
    const int rc = hark_queue_get(&queue, &item);
    if (rc == 0) {
        kit_log("%s=%d", (const char *)name, item);
    } else {
        CHECK_EQ(item, -1);
        kit_log("%s:%s", (const char *)name, outcome(rc));
    }
    return 0;
}

static int join_it(void *name)
{
    const int rc = hark_queue_join(&queue);
    kit_log("%s:%s", (const char *)name, outcome(rc));
    return 0;
}

static hark_task go_put(int number)
{
    const hark_task task = hark_go(&group, put_one, (void *)(intptr_t)number);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

static hark_task go_get(const char *name)
{
    const hark_task task = hark_go(&group, get_one, (void *)name);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

static hark_task go_join(const char *name)
{
    const hark_task task = hark_go(&group, join_it, (void *)name);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

static int try_put(int number)
{
    return hark_queue_try_put(&queue, &number);
}

static int try_get(void)
{
    int item = -1;
    const int rc = hark_queue_try_get(&queue, &item);
    return rc == 0 ? item : rc;
}

/* ---- made and freed -------------------------------------------------------------------------- */

TEST(queue_sizes_and_orders_that_make_no_sense)
{
    hark_queue other;
    memset(&other, 0x5a, sizeof(other));
    CHECK_MISUSE(hark_queue_init(NULL, 4, 1, HARK_FIFO, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_queue_init(&other, 0, 1, HARK_FIFO, NULL), -EINVAL, "0 bytes");
    CHECK_MISUSE(hark_queue_init(&other, 4, (size_t)-1, HARK_FIFO, NULL), -EINVAL, "addresses");
    CHECK_MISUSE(hark_queue_init(&other, 8, SIZE_MAX / 8 + 2, HARK_LIFO, NULL), -EINVAL, "addresses");
    CHECK_MISUSE(hark_queue_init(&other, 1, SIZE_MAX / 9 + 1, HARK_PRIORITY, by_tens), -EINVAL,
                 "addresses");
    CHECK_MISUSE(hark_queue_init(&other, 1, SIZE_MAX / 16, HARK_PRIORITY, by_tens), -EINVAL,
                 "addresses");
    CHECK_MISUSE(hark_queue_init(&other, 1, SIZE_MAX / 7, HARK_PRIORITY, by_tens), -EINVAL,
                 "addresses");
    CHECK_MISUSE(hark_queue_init(&other, (size_t)-4, 0, HARK_FIFO, NULL), -EINVAL, "addresses");
    CHECK_MISUSE(hark_queue_init(&other, 4, 1, HARK_PRIORITY, NULL), -EINVAL, "compare");
    CHECK_MISUSE(hark_queue_init(&other, 4, 1, (hark_order)3, NULL), -EINVAL, "no order 3");
    for (size_t i = 0; i < sizeof(other); i++) {
        CHECK_EQ(((unsigned char *)&other)[i], 0x5a);
    }
}

INSIDE(queue_of_NULL_or_with_a_NULL_item_says_so_and_nothing_happens)
{
    int item = 1;
    static hark_queue zero;
    OPEN(1);
    CHECK_MISUSE(hark_queue_put(NULL, &item), -EINVAL, "hark_queue_put");
    CHECK_MISUSE(hark_queue_get(NULL, &item), -EINVAL, "hark_queue_get");
    CHECK_MISUSE(hark_queue_put(&queue, NULL), -EINVAL, "item is NULL");
    CHECK_MISUSE(hark_queue_get(&queue, NULL), -EINVAL, "item is NULL");
    CHECK_MISUSE(hark_queue_try_put(&queue, NULL), -EINVAL, "hark_queue_try_put");
    CHECK_MISUSE(hark_queue_try_get(&queue, NULL), -EINVAL, "hark_queue_try_get");
    CHECK_MISUSE(hark_queue_task_done(NULL), -EINVAL, "hark_queue_task_done");
    CHECK_MISUSE(hark_queue_join(NULL), -EINVAL, "hark_queue_join");
    CHECK_MISUSE(hark_queue_shutdown(NULL, true), -EINVAL, "hark_queue_shutdown");
    CHECK_MISUSE(hark_queue_free(NULL), -EINVAL, "hark_queue_free");
    CHECK_MISUSE(hark_queue_put(&zero, &item), -EINVAL, "not initialised");
    CHECK_EQ(hark_queue_len(NULL), 0);
    CHECK_EQ(hark_queue_len(&queue), 0);
    CHECK_EQ(hark_queue_join(&queue), 0);
    DONE();
    CHECK_MISUSE(hark_queue_get(&queue, &item), -EINVAL, "freed");
    CHECK_MISUSE(hark_queue_free(&queue), -EINVAL, "freed");
}

static void *use_it_in_a_thread(void *unused)
{
    CHECK_MISUSE(try_put(1), -EXDEV, "belongs to loop");
    CHECK_MISUSE(try_get(), -EXDEV, "belongs to loop");
    CHECK_MISUSE(hark_queue_task_done(&queue), -EXDEV, "hark_queue_task_done");
    CHECK_MISUSE(hark_queue_shutdown(&queue, true), -EXDEV, "hark_queue_shutdown");
    CHECK_MISUSE(hark_queue_free(&queue), -EXDEV, "hark_queue_free");
    return unused;
}

INSIDE(queue_of_another_loop_is_refused)
{
    OPEN(1);
    CHECK_EQ(try_put(1), 0);
    in_thread(use_it_in_a_thread, NULL);
    CHECK_EQ(try_get(), 1);
    DONE();
}

static int pass_one_on(void *unused)
{
    (void)unused;
    CHECK_EQ(try_get(), 1);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(try_put(2), 0);
    go_put(1), go_join("j");
    CHECK_EQ(try_get(), 2);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_queue_task_done(&queue), 0);
    }
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("put1:ok j:ok");
    return 0;
}

TEST(queue_outlives_its_loop_and_serves_the_next)
{
    int item = 1;
    OPEN(1);
    CHECK_MISUSE(hark_queue_put(&queue, &item), -ENOTSUP, "hark_queue_put");
    CHECK_MISUSE(hark_queue_get(&queue, &item), -ENOTSUP, "hark_queue_get");
    CHECK_MISUSE(hark_queue_join(&queue), -ENOTSUP, "hark_queue_join");
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(RUN_VIRTUAL(pass_one_on, NULL), 0);
    queue.unfinished = 1; /* one more is in */
    CHECK_EQ(RUN_VIRTUAL(pass_one_on, NULL), 0);
    CHECK_EQ(try_get(), 1);
    DONE();
}

INSIDE(queue_free_is_refused_while_tasks_wait)
{
    OPEN(1);
    hark_task task = go_get("g");
    CHECK_MISUSE(hark_queue_free(&queue), -EBUSY, "1 still wait to get");
    hark_task_cancel(task);
    CHECK_EQ(try_put(1), 0);
    task = go_put(2);
    CHECK_MISUSE(hark_queue_free(&queue), -EBUSY, "1 to put");
    hark_task_cancel(task);
    task = go_join("j");
    CHECK_MISUSE(hark_queue_free(&queue), -EBUSY, "1 for all to be done");
    hark_task_cancel(task);
    DONE();
    hark_settle();
    CHECK_LOG("g:cancelled put2:cancelled j:cancelled");
}

INSIDE(queue_without_memory_a_put_has_not_happened)
{
    const struct hark__memory memory = hark__memory;
    hark__memory.allocate = kit_no_memory;
    CHECK_EQ(hark_queue_init(&queue, sizeof(int), 10, HARK_FIFO, NULL), -ENOMEM);
    CHECK_EQ(queue.size, 0);
    OPEN(0);
    CHECK_MISUSE(hark_queue_put(&queue, &(int){1}), -ENOMEM, "hark_queue_put");
    hark_case put = hark_on_put(&queue, &(int){1});
    CHECK_EQ(hark_select(&put, 1), 0);
    CHECK_EQ(hark_case_result(&put), -ENOMEM);
    CHECK_EQ(hark_queue_len(&queue), 0);
    CHECK_EQ(hark_queue_join(&queue), 0);
    hark__memory = memory;
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(try_put(i), 0);
    }
    hark__memory.allocate = kit_no_memory;
    CHECK_MISUSE(try_put(8), -ENOMEM, "no memory");
    hark__memory = memory;
    CHECK_EQ(try_put(9), 0);
    CHECK_EQ(hark_queue_len(&queue), 9);
    CHECK_EQ(try_get(), 0);
    DONE();
}

/* ---- order ----------------------------------------------------------------------------------- */

INSIDE(queue_QU_01_QU_03_EQ_02_as_many_as_max)
{
    OPEN(2);
    CHECK_SILENT(try_get(), -EAGAIN);
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(try_put(2), 0);
    CHECK_SILENT(try_put(3), -EAGAIN);
    go_put(3);
    CHECK_EQ(hark_queue_len(&queue), 2);
    CHECK_LOG("");
    CHECK_EQ(try_get(), 1);
    CHECK_EQ(hark_queue_len(&queue), 2);
    CHECK_EQ(try_get(), 2);
    CHECK_EQ(try_get(), 3);
    CHECK_EQ(try_get(), -EAGAIN);
    hark_settle();
    CHECK_LOG("put3:ok");
    DONE();
}

INSIDE(queue_QU_01_XX_18_max_0_is_any_number)
{
    OPEN(0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            CHECK_EQ(try_put(i), 0);
        }
        CHECK_EQ(hark_queue_len(&queue), 1000);
        for (int i = 0; i < 990; i++) {
            CHECK_EQ(try_get(), i);
        }
        for (int i = 990; i < 1000; i++) {
            CHECK_EQ(try_put(i + 10), 0);
            CHECK_EQ(try_get(), i);
        }
        for (int i = 1000; i < 1010; i++) {
            CHECK_EQ(try_get(), i);
        }
    }
    CHECK_EQ(try_get(), -EAGAIN);
    DONE();
}

INSIDE(queue_QU_02_three_orders)
{
    const struct {
        hark_order order;
        int first, second, third;
    } orders[] = {{HARK_FIFO, 10, 30, 20}, {HARK_LIFO, 20, 30, 10}, {HARK_PRIORITY, 10, 20, 30}};
    for (size_t max = 0; max < 5; max = max ? max + 1 : 3) {
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(hark_queue_init(&queue, sizeof(int), max, orders[i].order, by_tens), 0);
            CHECK_EQ(try_put(10), 0);
            CHECK_EQ(try_put(30), 0);
            CHECK_EQ(try_put(20), 0);
            CHECK_EQ(try_get(), orders[i].first);
            CHECK_EQ(try_get(), orders[i].second);
            CHECK_EQ(try_get(), orders[i].third);
            DONE();
        }
    }
}

/* What a heap must do, done slowly: the first of the smallest. */
static struct {
    int items[512];
    int count;
} list;

static int take_smallest(void)
{
    int best = 0;
    for (int i = 1; i < list.count; i++) {
        best = by_tens(&list.items[i], &list.items[best]) < 0 ? i : best;
    }
    const int item = list.items[best];
    memmove(&list.items[best], &list.items[best + 1], sizeof(int) * (size_t)(--list.count - best));
    return item;
}

INSIDE(queue_PRIORITY_is_a_stable_order)
{
    uint64_t state = kit_seed();
    for (size_t max = 0; max <= 512; max += 512) {
        list.count = 0;
        CHECK_EQ(hark_queue_init(&queue, sizeof(int), max, HARK_PRIORITY, by_tens), 0);
        for (int i = 0; i < 20000; i++) {
            const int item = (int)(draw(&state) % 100);
            if (list.count < 512 && draw(&state) % 512 >= (uint64_t)list.count) {
                list.items[list.count++] = item;
                CHECK_EQ(try_put(item), 0);
            } else {
                CHECK_EQ(try_get(), take_smallest());
            }
            CHECK_EQ(hark_queue_len(&queue), list.count);
        }
        DONE();
    }
}

struct job {
    double urgency;
    char name[13];
};

static int by_urgency(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    CHECK_EQ((uintptr_t)a % _Alignof(struct job), 0);
    CHECK_EQ((uintptr_t)b % _Alignof(struct job), 0);
    return (x->urgency > y->urgency) - (x->urgency < y->urgency);
}

INSIDE(queue_items_of_any_size_arrive_whole)
{
    unsigned char in[33], out[33];
    for (size_t size = 1; size <= sizeof(in); size++) {
        CHECK_EQ(hark_queue_init(&queue, size, size % 2 * 3, (hark_order)(size % 2), NULL), 0);
        memset(in, (int)size, size), memset(out, 0xee, sizeof(out));
        CHECK_EQ(hark_queue_put(&queue, in), 0);
        CHECK_EQ(hark_queue_get(&queue, out), 0);
        CHECK(memcmp(in, out, size) == 0 && (size == sizeof(out) || out[size] == 0xee));
        DONE();
    }
    CHECK_EQ(hark_queue_init(&queue, sizeof(struct job), 0, HARK_PRIORITY, by_urgency), 0);
    for (int i = 0; i < 20; i++) {
        struct job job = {.urgency = i * 7 % 20};
        snprintf(job.name, sizeof(job.name), "%d", i * 7 % 20);
        CHECK_EQ(hark_queue_put(&queue, &job), 0);
    }
    for (int i = 0; i < 20; i++) {
        struct job job;
        CHECK_EQ(hark_queue_get(&queue, &job), 0);
        CHECK_EQ(atoi(job.name), i);
    }
    DONE();
}

/* ---- waiting --------------------------------------------------------------------------------- */

INSIDE(queue_QU_05_QU_06_QU_15_XX_12_direct_handing_over)
{
    OPEN(1);
    go_get("a"), go_get("b");
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(hark_queue_len(&queue), 0);
    CHECK_EQ(try_get(), -EAGAIN);
    CHECK_EQ(try_put(2), 0);
    CHECK_EQ(try_put(3), 0);
    CHECK_EQ(try_put(4), -EAGAIN);
    hark_settle();
    CHECK_LOG("a=1 b=2");
    go_put(4), go_put(5);
    CHECK_EQ(try_get(), 3);
    CHECK_EQ(try_put(6), -EAGAIN);
    CHECK_EQ(hark_queue_len(&queue), 1);
    CHECK_EQ(try_get(), 4);
    CHECK_EQ(try_get(), 5);
    hark_settle();
    CHECK_LOG("put4:ok put5:ok");
    DONE();
}

INSIDE(queue_XX_19_puts_that_wait_enter_in_order_whatever_comes_out_first)
{
    for (hark_order order = HARK_LIFO; order <= HARK_PRIORITY; order++) {
        CHECK_EQ(hark_queue_init(&queue, sizeof(int), 2, order, by_tens), 0);
        CHECK_EQ(try_put(20), 0);
        CHECK_EQ(try_put(30), 0);
        go_put(40), go_put(10);
        CHECK_EQ(try_get(), order == HARK_LIFO ? 30 : 20);
        hark_settle();
        CHECK_LOG("put40:ok");
        CHECK_EQ(try_get(), order == HARK_LIFO ? 40 : 30);
        hark_settle();
        CHECK_LOG("put10:ok");
        CHECK_EQ(try_get(), 10);
        CHECK_EQ(try_get(), order == HARK_LIFO ? 20 : 40);
        DONE();
    }
}

INSIDE(queue_QU_08_EQ_12_EQ_13_a_cancelled_getter_takes_nothing)
{
    OPEN(1);
    const hark_task doomed = go_get("doomed");
    go_get("next");
    hark_task_cancel(doomed);
    CHECK_EQ(try_put(1), 0);
    hark_settle();
    CHECK_LOG("doomed:cancelled next=1");
    DONE();
}

INSIDE(queue_QU_10_given_then_cancelled_is_kept)
{
    OPEN(0);
    const hark_task first = go_get("a");
    go_get("b"), go_get("c");
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(try_put(2), 0);
    hark_task_cancel(first);
    hark_settle();
    CHECK_LOG("a=1 b=2");
    CHECK_EQ(try_put(3), 0);
    hark_settle();
    CHECK_LOG("c=3");
    DONE();
}

INSIDE(queue_QU_11_QU_14_a_cancelled_put_is_in_or_not)
{
    OPEN(1);
    CHECK_EQ(try_put(1), 0);
    hark_task putter = go_put(2);
    CHECK_EQ(try_get(), 1);
    hark_task_cancel(putter); /* too late: it is in */
    hark_settle();
    putter = go_put(3);
    hark_task_cancel(putter);
    CHECK_EQ(try_get(), 2);
    CHECK_EQ(try_get(), -EAGAIN);
    hark_settle();
    CHECK_LOG("put2:ok put3:cancelled");
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_queue_task_done(&queue), -EINVAL);
    DONE();
}

INSIDE(queue_QU_13_EQ_08_EQ_14_cancelled_waiters_leave_nothing)
{
    int item = 9;
    OPEN(1);
    CHECK_EQ(hark_within(5, hark_queue_get(&queue, &item)), -ETIMEDOUT);
    CHECK_EQ(hark_queue_free(&queue), 0);
    OPEN(1);
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(hark_within(5, hark_queue_put(&queue, &item)), -ETIMEDOUT);
    CHECK_EQ(hark_within(5, hark_queue_join(&queue)), -ETIMEDOUT);
    CHECK_EQ(try_get(), 1);
    CHECK_EQ(try_get(), -EAGAIN);
    DONE();
}

INSIDE(queue_begun_in_a_cancelled_scope_is_not_done)
{
    int item = -1;
    hark_scope scope;
    OPEN(3);
    CHECK_EQ(try_put(1), 0);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_queue_put(&queue, &item), -ECANCELED);
    CHECK_SILENT(hark_queue_get(&queue, &item), -ECANCELED);
    CHECK_SILENT(hark_queue_join(&queue), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
    CHECK_EQ(item, -1);
    CHECK_EQ(hark_queue_len(&queue), 1);
    DONE();
}

static int put_hundred(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_queue_put(&queue, &i), 0);
        if (i % 3 == 0) {
            hark_sleep(i % 7);
        }
    }
    return 0;
}

INSIDE(queue_BG_10_BG_11_nothing_is_lost_to_deadlines)
{
    for (size_t max = 0; max < 3; max++) {
        int item, next = 0;
        OPEN(max);
        hark_go(&group, put_hundred, NULL);
        while (next < 100) {
            item = -1;
            const int64_t rc = hark_within(1 + next % 4, hark_queue_get(&queue, &item));
            CHECK_EQ(item, rc == 0 ? next : -1);
            next += rc == 0;
            if (rc) {
                hark_sleep(1);
            }
        }
        DONE();
    }
}

static void put_and_get(void *unused)
{
    (void)unused;
    CHECK_EQ(try_put(2), 0);
    CHECK_EQ(try_put(3), -EAGAIN);
    CHECK_EQ(hark_queue_put(&queue, &(int){1}), -ENOTSUP);
    CHECK_EQ(try_get(), 2);
    CHECK_EQ(try_get(), -EAGAIN);
}

INSIDE(queue_EQ_19_try_works_in_callbacks)
{
    static hark_watch watch;
    OPEN(1);
    CHECK_EQ(hark_call_soon(&watch, put_and_get, NULL), 0);
    hark_settle();
    CHECK_EQ(hark_queue_len(&queue), 0);
    DONE();
}

/* ---- done, and joined ------------------------------------------------------------------------ */

INSIDE(queue_QU_16_done_more_often_than_put)
{
    OPEN(1);
    CHECK_MISUSE(hark_queue_task_done(&queue), -EINVAL, "done already");
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_MISUSE(hark_queue_task_done(&queue), -EINVAL, "hark_queue_task_done");
    DONE();
}

static int work(void *sum)
{
    int item;
    while (hark_queue_get(&queue, &item) == 0) {
        hark_sleep(item % 3);
        *(int *)sum += item;
        CHECK_EQ(hark_queue_task_done(&queue), 0);
    }
    return 0;
}

INSIDE(queue_QU_17_EQ_17_join_waits_for_all_that_is_done)
{
    int sum = 0;
    OPEN(0);
    CHECK_EQ(hark_queue_join(&queue), 0);
    CHECK_EQ(hark_queue_join(&queue), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(try_put(i), 0);
    }
    hark_go(&group, work, &sum), hark_go(&group, work, &sum);
    CHECK_EQ(hark_queue_join(&queue), 0);
    CHECK_EQ(sum, 4950);
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    hark_settle();
    DONE();
}

INSIDE(queue_EQ_16_what_is_handed_over_is_to_be_done_too)
{
    OPEN(1);
    go_get("g");
    CHECK_EQ(try_put(1), 0);
    go_join("j"), go_join("k");
    CHECK_LOG("g=1");
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(try_put(2), 0); /* those who were woken do not look again */
    hark_settle();
    CHECK_LOG("j:ok k:ok");
    DONE();
}

/* ---- shut down ------------------------------------------------------------------------------- */

INSIDE(queue_QU_18_shut_down_empty)
{
    OPEN(1);
    go_get("g");
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    hark_settle();
    CHECK_LOG("g:EPIPE");
    CHECK_EQ(hark_queue_join(&queue), 0);
    CHECK_MISUSE(hark_queue_put(&queue, &(int){1}), -EPIPE, "shut down");
    CHECK_MISUSE(hark_queue_get(&queue, &(int){1}), -EPIPE, "hark_queue_get");
    CHECK_MISUSE(try_put(1), -EPIPE, "hark_queue_try_put");
    CHECK_MISUSE(try_get(), -EPIPE, "hark_queue_try_get");
    DONE();
}

INSIDE(queue_QU_19_XX_20_shut_down_full)
{
    OPEN(1);
    CHECK_EQ(try_put(1), 0);
    go_put(2), go_join("j");
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    hark_settle();
    CHECK_LOG("put2:EPIPE");
    CHECK_EQ(try_put(3), -EPIPE);
    CHECK_EQ(try_get(), 1);
    CHECK_EQ(try_get(), -EPIPE);
    hark_settle();
    CHECK_LOG("");
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_queue_task_done(&queue), -EINVAL);
    hark_settle();
    CHECK_LOG("j:ok");
    DONE();
}

INSIDE(queue_QU_20_QU_22_shut_down_at_once)
{
    OPEN(3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(try_put(i), 0);
    }
    go_put(3), go_join("j");
    CHECK_EQ(try_get(), 0);
    CHECK_EQ(hark_queue_shutdown(&queue, false), 0);
    CHECK_EQ(hark_queue_shutdown(&queue, true), 0);
    CHECK_EQ(hark_queue_len(&queue), 0);
    CHECK_EQ(try_get(), -EPIPE);
    hark_settle();
    CHECK_LOG("put3:ok"); /* the one that was taken out is not done */
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_queue_task_done(&queue), -EINVAL);
    CHECK_EQ(hark_queue_shutdown(&queue, true), 0);
    hark_settle();
    CHECK_LOG("j:ok");
    DONE();
}

INSIDE(queue_shut_down_at_once_with_more_done_than_taken)
{
    OPEN(2);
    CHECK_EQ(try_put(1), 0);
    CHECK_EQ(try_put(2), 0);
    go_join("j");
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_EQ(hark_queue_shutdown(&queue, true), 0);
    hark_settle();
    CHECK_LOG("j:ok");
    CHECK_EQ(hark_queue_task_done(&queue), -EINVAL);
    DONE();
}

/* ---- in a select ----------------------------------------------------------------------------- */

INSIDE(queue_in_a_select)
{
    int in = -1, out = 5;
    hark_queue other;
    OPEN(1);
    CHECK_EQ(hark_queue_init(&other, sizeof(int), 1, HARK_FIFO, NULL), 0);
    hark_case cases[] = {hark_on_get(&queue, &in), hark_on_put(&other, &out)};
    CHECK_EQ(hark_select(cases, 2), 1);
    CHECK_EQ(hark_queue_len(&other), 1);
    CHECK_EQ(hark_try_select(cases, 2), -EAGAIN);
    go_put(7);
    CHECK_EQ(hark_select(cases, 2), 0);
    CHECK_EQ(in, 7);
    CHECK_EQ(hark_queue_len(&other), 1);
    CHECK_EQ(hark_queue_free(&other), 0);
    CHECK_LOG("put7:ok");
    DONE();
}

static int select_get_or_event(void *event)
{
    int in = -1;
    hark_case cases[] = {hark_on_get(&queue, &in), hark_on_event(event)};
    const int index = hark_select(cases, 2);
    kit_log("select:%d:%s:%d", index, index < 0 ? "-" : outcome(hark_case_result(&cases[index])), in);
    return 0;
}

INSIDE(queue_select_waits_among_the_others)
{
    static hark_event event;
    OPEN(1);
    go_get("a");
    hark_go(&group, select_get_or_event, &event);
    hark_settle();
    go_get("b");
    CHECK_EQ(hark_audit(), 0);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(try_put(i), 0);
    }
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, 0);
    hark_settle();
    CHECK_LOG("a=1 select:0:ok:2 b=3");
    hark_go(&group, select_get_or_event, &event);
    hark_settle();
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(try_put(4), 0);
    CHECK_EQ(hark_queue_len(&queue), 1);
    hark_settle();
    CHECK_LOG("select:1:ok:-1");
    DONE();
}

static int select_put(void *item)
{
    hark_case put[] = {hark_on_put(&queue, item)};
    const int index = hark_select(put, 1);
    kit_log("select:%d:%s", index, index < 0 ? "-" : outcome(hark_case_result(put)));
    return 0;
}

INSIDE(queue_select_tells_of_the_shutdown)
{
    int item = 3;
    static hark_event event;
    OPEN(1);
    CHECK_EQ(try_put(1), 0);
    hark_go(&group, select_put, &item);
    hark_settle();
    CHECK_EQ(try_get(), 1);
    hark_go(&group, select_put, &item);
    hark_settle();
    CHECK_EQ(hark_queue_shutdown(&queue, true), 0);
    hark_settle();
    hark_go(&group, select_put, &item), hark_go(&group, select_get_or_event, &event);
    hark_settle();
    CHECK_LOG("select:0:ok select:0:EPIPE select:0:EPIPE select:0:EPIPE:-1");
    DONE();
}

INSIDE(queue_a_case_that_makes_no_sense_is_refused)
{
    int item = 0;
    OPEN(1);
    CHECK_MISUSE(hark_select((hark_case[]){hark_on_put(NULL, &item)}, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_select((hark_case[]){hark_on_get(&queue, NULL)}, 1), -EINVAL, "item is NULL");
    DONE();
}

/* ---- statistics ------------------------------------------------------------------------------ */

#define CHECK_STATS(in, most, todo, put, get, join, ended) \
    do { \
        const hark_queue_stats stats_ = hark_queue_statistics(&queue); \
        CHECK_EQ(stats_.used, (in)); \
        CHECK_EQ(stats_.max, (most)); \
        CHECK_EQ(stats_.unfinished, (todo)); \
        CHECK_EQ(stats_.waiting_put, (put)); \
        CHECK_EQ(stats_.waiting_get, (get)); \
        CHECK_EQ(stats_.waiting_join, (join)); \
        CHECK_EQ(stats_.shut_down, (ended)); \
    } while (0)

INSIDE(queue_statistics_say_what_is_in_and_who_waits)
{
    CHECK_EQ(hark_queue_statistics(NULL).used, 0);
    CHECK_STATS(0, 0, 0, 0, 0, 0, false);
    OPEN(2);
    CHECK_STATS(0, 2, 0, 0, 0, 0, false);
    go_get("a"), go_get("b");
    CHECK_STATS(0, 2, 0, 0, 2, 0, false);
    CHECK_EQ(try_put(1), 0);
    CHECK_STATS(0, 2, 1, 0, 1, 0, false);
    CHECK_EQ(try_put(2), 0);
    CHECK_EQ(try_put(3), 0);
    CHECK_EQ(try_put(4), 0);
    go_put(5);
    go_join("j");
    CHECK_STATS(2, 2, 4, 1, 0, 1, false);
    CHECK_EQ(try_get(), 3);
    CHECK_STATS(2, 2, 5, 0, 0, 1, false);
    CHECK_EQ(hark_queue_task_done(&queue), 0);
    CHECK_STATS(2, 2, 4, 0, 0, 1, false);
    CHECK_EQ(hark_queue_shutdown(&queue, true), 0);
    CHECK_STATS(0, 2, 2, 0, 0, 1, true);
    hark_queue_task_done(&queue), hark_queue_task_done(&queue);
    CHECK_STATS(0, 2, 0, 0, 0, 0, true);
    hark_settle();
    CHECK_LOG("a=1 b=2 put5:ok j:ok");
    DONE();
}

/* ---- in reports ------------------------------------------------------------------------------ */

static int deadlock(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(try_put(1), 0);
    hark_go(&group, put_one, (void *)2), hark_go(&group, join_it, "j");
    return hark_group_close(&group, 0);
}

static int wait_for_nothing(void *unused)
{
    (void)unused;
    return hark_queue_get(&queue, &(int){0});
}

__attribute__((format(printf, 1, 0))) static const char *at_queue(const char *format)
{
    static char text[128];
    snprintf(text, sizeof(text), format, (void *)&queue);
    return text;
}

TEST(queue_a_deadlock_says_what_is_missing)
{
    OPEN(1);
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlock, NULL), -EDEADLK);
    const char *text = capture_end();
    CHECK_HAS(text, at_queue("waits for a place in a queue at %p (1 of 1 taken)"));
    CHECK_HAS(text, "waits for all items of a queue to be done at");
    CHECK_HAS(text, " (not done: 1, of them 1 not taken out)");
    CHECK_EQ(try_get(), 1);
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(wait_for_nothing, NULL), -EDEADLK);
    CHECK_HAS(capture_end(),
              at_queue("waits for an item of a queue at %p (put so far and not done: 1)"));
    DONE();
}
