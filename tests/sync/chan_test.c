/* SPDX-License-Identifier: MIT
 *
 * chan_test.c - hark_chan: items from task to task, through two counted ends.
 *
 * The CH entries that have a meaning without handles and destructors (so without CH-30, CH-32),
 * hark's answers XX-12 and XX-18 to XX-24, the known bugs of others, and channels in a select. An
 * `int` goes through unless a test says so; tasks tell what they got, or how it ended.
 */
#include <hark/testing.h>

#include "base/sys.h"
#include "scene.h"

static hark_chan chan;

#define OPEN(capacity) CHECK_EQ(hark_chan_init(&chan, sizeof(int), (capacity)), 0)
#define DONE()         CHECK_EQ(hark_chan_free(&chan), 0)

/* ---- tasks that send and receive ------------------------------------------------------------- */

static int send_one(void *item)
{
    const int number = (int)(intptr_t)item, rc = hark_chan_send(&chan, &number);
    kit_log("sent%d:%s", number, outcome(rc));
    return 0;
}

static int recv_one(void *name)
{
    int item = -1;
    const int rc = hark_chan_recv(&chan, &item);
    if (rc == 0) {
        kit_log("%s=%d", (const char *)name, item);
    } else {
        CHECK_EQ(item, -1);
        kit_log("%s:%s", (const char *)name, outcome(rc));
    }
    return 0;
}

static hark_task go_send(int number)
{
    const hark_task task = hark_go(&group, send_one, (void *)(intptr_t)number);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

static hark_task go_recv(const char *name)
{
    const hark_task task = hark_go(&group, recv_one, (void *)name);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

static int try_send(int number)
{
    return hark_chan_try_send(&chan, &number);
}

static int try_recv(void)
{
    int item = -1;
    const int rc = hark_chan_try_recv(&chan, &item);
    return rc == 0 ? item : rc;
}

static void check_statistics(size_t used, int waiting_send, int waiting_recv)
{
    const hark_chan_stats stats = hark_chan_statistics(&chan);
    CHECK_EQ(stats.used, used);
    CHECK_EQ(stats.waiting_send, waiting_send);
    CHECK_EQ(stats.waiting_recv, waiting_recv);
}

/* ---- made and freed -------------------------------------------------------------------------- */

TEST(chan_CH_01_CH_16_XX_24_sizes_that_make_no_sense)
{
    hark_chan other;
    memset(&other, 0x5a, sizeof(other));
    CHECK_MISUSE(hark_chan_init(NULL, 4, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_chan_init(&other, 0, 1), -EINVAL, "0 bytes");
    CHECK_MISUSE(hark_chan_init(&other, 4, (size_t)-1), -EINVAL, "unbounded");
    CHECK_MISUSE(hark_chan_init(&other, (size_t)-4, 1), -EINVAL, "hark_chan_init");
    CHECK_MISUSE(hark_chan_init(&other, UINT32_MAX, UINT32_MAX), -EINVAL, "4294967295");
    for (size_t i = 0; i < sizeof(other); i++) {
        CHECK_EQ(((unsigned char *)&other)[i], 0x5a);
    }
}

TEST(chan_without_init_or_after_free_says_so)
{
    static hark_chan zero;
    CHECK_MISUSE(try_send(1), -EINVAL, "not initialised");
    CHECK_MISUSE(hark_chan_free(&zero), -EINVAL, "not initialised");
    CHECK_MISUSE(hark_chan_close_sender(&zero), -EINVAL, "not initialised");
    OPEN(3);
    CHECK_EQ(try_send(1), 0);
    DONE();
    CHECK_MISUSE(try_recv(), -EINVAL, "freed");
    CHECK_MISUSE(hark_chan_free(&chan), -EINVAL, "freed");
    CHECK_EQ(hark_chan_statistics(NULL).senders, 0);
    CHECK_LE(sizeof(hark_chan), 64);
}

INSIDE(chan_of_NULL_or_with_a_NULL_item_says_so_and_nothing_happens)
{
    int item;
    OPEN(1);
    CHECK_MISUSE(hark_chan_send(NULL, &item), -EINVAL, "hark_chan_send");
    CHECK_MISUSE(hark_chan_recv(NULL, &item), -EINVAL, "hark_chan_recv");
    CHECK_MISUSE(hark_chan_send(&chan, NULL), -EINVAL, "item is NULL");
    CHECK_MISUSE(hark_chan_recv(&chan, NULL), -EINVAL, "item is NULL");
    CHECK_MISUSE(hark_chan_try_send(&chan, NULL), -EINVAL, "hark_chan_try_send");
    CHECK_MISUSE(hark_chan_try_recv(&chan, NULL), -EINVAL, "hark_chan_try_recv");
    CHECK_MISUSE(hark_chan_add_sender(NULL), -EINVAL, "hark_chan_add_sender");
    CHECK_MISUSE(hark_chan_add_receiver(NULL), -EINVAL, "hark_chan_add_receiver");
    CHECK_MISUSE(hark_chan_close_sender(NULL), -EINVAL, "hark_chan_close_sender");
    CHECK_MISUSE(hark_chan_close_receiver(NULL), -EINVAL, "hark_chan_close_receiver");
    CHECK_MISUSE(hark_chan_free(NULL), -EINVAL, "hark_chan_free");
    check_statistics(0, 0, 0);
    DONE();
}

TEST(chan_blocking_calls_outside_any_task_are_refused)
{
    int item = 1;
    OPEN(1);
    CHECK_MISUSE(hark_chan_send(&chan, &item), -ENOTSUP, "hark_chan_send");
    CHECK_MISUSE(hark_chan_recv(&chan, &item), -ENOTSUP, "hark_chan_recv");
    CHECK_EQ(try_send(5), 0);
    CHECK_EQ(try_recv(), 5);
    DONE();
}

static void *use_it_in_a_thread(void *unused)
{
    CHECK_MISUSE(try_send(1), -EXDEV, "belongs to loop");
    CHECK_MISUSE(try_recv(), -EXDEV, "belongs to loop");
    CHECK_MISUSE(hark_chan_close_sender(&chan), -EXDEV, "hark_chan_close_sender");
    CHECK_MISUSE(hark_chan_add_receiver(&chan), -EXDEV, "hark_chan_add_receiver");
    CHECK_MISUSE(hark_chan_free(&chan), -EXDEV, "hark_chan_free");
    return unused;
}

INSIDE(chan_of_another_loop_is_refused)
{
    OPEN(1);
    CHECK_EQ(try_send(1), 0);
    in_thread(use_it_in_a_thread, NULL);
    CHECK_EQ(try_recv(), 1);
    DONE();
}

static int pass_one_on(void *unused)
{
    (void)unused;
    CHECK_EQ(try_recv(), 1);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    go_send(2);
    CHECK_EQ(try_recv(), 1);
    CHECK_EQ(try_recv(), 2);
    CHECK_EQ(try_send(1), 0);
    return hark_group_close(&group, 0);
}

TEST(chan_outlives_its_loop_with_its_items_and_serves_the_next)
{
    OPEN(1);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(RUN_VIRTUAL(pass_one_on, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(pass_one_on, NULL), 0);
    CHECK_EQ(try_recv(), 1);
    DONE();
}

INSIDE(chan_free_is_refused_while_tasks_wait)
{
    OPEN(0);
    const hark_task receiver = go_recv("r");
    CHECK_MISUSE(hark_chan_free(&chan), -EBUSY, "1 to receive");
    hark_task_cancel(receiver);
    const hark_task sender = go_send(1);
    CHECK_MISUSE(hark_chan_free(&chan), -EBUSY, "1 still wait to send");
    hark_task_cancel(sender);
    CHECK_EQ(hark_chan_free(&chan), 0);
    hark_settle();
    CHECK_LOG("r:cancelled sent1:cancelled");
}

TEST(chan_init_without_memory_leaves_it_as_it_was)
{
    const struct hark__memory memory = hark__memory;
    hark__memory.allocate = kit_no_memory;
    CHECK_EQ(hark_chan_init(&chan, 4, 10), -ENOMEM);
    CHECK_EQ(chan.size, 0);
    OPEN(0); /* needs none */
    DONE();
    hark__memory = memory;
}

/* ---- items ----------------------------------------------------------------------------------- */

INSIDE(chan_CH_01_full_and_empty_would_wait)
{
    OPEN(2);
    CHECK_SILENT(try_recv(), -EAGAIN);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_send(2), 0);
    CHECK_SILENT(try_send(3), -EAGAIN);
    CHECK_EQ(try_recv(), 1);
    CHECK_EQ(try_send(3), 0);
    CHECK_EQ(try_recv(), 2);
    CHECK_EQ(try_recv(), 3);
    CHECK_EQ(try_recv(), -EAGAIN);
    DONE();
}

INSIDE(chan_items_of_any_size_arrive_whole)
{
    unsigned char in[37], out[39];
    for (size_t size = 1; size <= sizeof(in); size++) {
        hark_chan c;
        CHECK_EQ(hark_chan_init(&c, size, 3), 0);
        for (int round = 0; round < 7; round++) {
            memset(in, 16 * round + 1, size), in[size - 1] = (unsigned char)size;
            memset(out, 0xee, sizeof(out));
            CHECK_EQ(hark_chan_send(&c, in), 0);
            CHECK_EQ(hark_chan_recv(&c, out + 1), 0);
            CHECK(memcmp(in, out + 1, size) == 0);
            CHECK(out[0] == 0xee && out[size + 1] == 0xee);
        }
        CHECK_EQ(hark_chan_free(&c), 0);
    }
}

static int count_to_thousand(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(hark_chan_send(&chan, &i), 0);
    }
    return hark_chan_close_sender(&chan);
}

static void check_order_through(size_t capacity)
{
    int item, count = 0, rc;
    OPEN(capacity);
    CHECK_GT(hark_go(&group, count_to_thousand, NULL), 0);
    while ((rc = hark_chan_recv(&chan, &item)) == 0) {
        CHECK_EQ(item, count++);
    }
    CHECK_EQ(rc, -ENODATA);
    CHECK_EQ(count, 1000);
    DONE();
}

INSIDE(chan_order_is_kept_with_any_capacity)
{
    const size_t capacities[] = {0, 1, 2, 3, 64, 2000};
    for (int i = 0; i < 6; i++) {
        check_order_through(capacities[i]);
    }
}

INSIDE(chan_CH_12_XX_18_capacity_0_is_a_rendezvous)
{
    OPEN(0);
    CHECK_EQ(try_send(1), -EAGAIN);
    CHECK_EQ(try_recv(), -EAGAIN);
    go_send(1);
    CHECK_LOG("");
    check_statistics(0, 1, 0);
    go_recv("r");
    CHECK_LOG("r=1 sent1:ok");
    DONE();
}

INSIDE(chan_CH_17_every_way_to_meet)
{
    OPEN(0);
    go_recv("early");
    CHECK_EQ(try_send(1), 0);
    hark_settle();
    go_send(2);
    CHECK_EQ(try_recv(), 2);
    hark_settle();
    go_recv("a");
    go_send(3);
    CHECK_LOG("early=1 sent2:ok sent3:ok a=3");
    DONE();
}

INSIDE(chan_CH_05_XX_19_first_come_first_served)
{
    OPEN(1);
    go_recv("a"), go_recv("b"), go_recv("c");
    check_statistics(0, 0, 3);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_send(2), 0);
    CHECK_EQ(try_send(3), 0);
    check_statistics(0, 0, 0);
    CHECK_EQ(try_send(4), 0);
    hark_settle();
    CHECK_LOG("a=1 b=2 c=3");
    go_send(5), go_send(6), go_send(7);
    check_statistics(1, 3, 0);
    for (int i = 4; i <= 7; i++) {
        CHECK_EQ(try_recv(), i);
    }
    check_statistics(0, 0, 0);
    hark_settle();
    CHECK_LOG("sent5:ok sent6:ok sent7:ok");
    DONE();
}

INSIDE(chan_XX_12_what_was_given_cannot_be_snatched)
{
    OPEN(1);
    go_recv("r");
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_recv(), -EAGAIN);
    hark_settle();
    CHECK_EQ(try_send(2), 0);
    go_send(3);
    CHECK_EQ(try_recv(), 2);
    CHECK_EQ(try_send(4), -EAGAIN);
    CHECK_EQ(try_recv(), 3);
    hark_settle();
    CHECK_LOG("r=1 sent3:ok");
    DONE();
}

static int consume(void *count)
{
    int item;
    while (hark_chan_recv(&chan, &item) == 0) {
        ++*(int *)count;
        hark_yield();
    }
    return 0;
}

INSIDE(chan_CH_05_several_receivers_share)
{
    int counts[5] = {0}, sum = 0;
    OPEN(1);
    for (int i = 0; i < 5; i++) {
        hark_go(&group, consume, &counts[i]);
    }
    hark_settle();
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_chan_send(&chan, &i), 0);
    }
    hark_settle();
    for (int i = 0; i < 5; i++) {
        CHECK_GE(counts[i], 1);
        sum += counts[i];
    }
    CHECK_EQ(sum, 10);
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    hark_settle();
    DONE();
}

static int send_three(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_chan_send(&chan, &i), 0);
    }
    return hark_chan_close_sender(&chan);
}

INSIDE(chan_CH_04_CH_28_each_sender_closes_its_own_end)
{
    int item, count = 0;
    OPEN(0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(i ? hark_chan_add_sender(&chan) : 0, 0);
        hark_go(&group, send_three, NULL);
    }
    CHECK_EQ(hark_chan_statistics(&chan).senders, 10);
    while (hark_chan_recv(&chan, &item) == 0) {
        count++;
    }
    CHECK_EQ(count, 30);
    DONE();
}

INSIDE(chan_BG_38_sent_before_anybody_listens)
{
    int item = 0;
    OPEN(1);
    CHECK_EQ(try_send(7), 0);
    CHECK_EQ(hark_within(0, hark_chan_recv(&chan, &item)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_MS(1), hark_chan_recv(&chan, &item)), 0);
    CHECK_EQ(item, 7);
    DONE();
}

/* ---- closing --------------------------------------------------------------------------------- */

INSIDE(chan_CH_02_CH_18_CH_22_what_is_buffered_outlives_the_senders)
{
    int item;
    OPEN(1);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    CHECK_MISUSE(try_send(2), -EBADF, "closed");
    CHECK_MISUSE(hark_chan_send(&chan, &(int){2}), -EBADF, "hark_chan_send");
    CHECK_MISUSE(hark_chan_add_sender(&chan), -EBADF, "hark_chan_add_sender");
    CHECK_MISUSE(hark_chan_close_sender(&chan), -EBADF, "hark_chan_close_sender");
    CHECK_EQ(hark_chan_recv(&chan, &item), 0);
    CHECK_EQ(item, 1);
    CHECK_MISUSE(hark_chan_recv(&chan, &item), -ENODATA, "hark_chan_recv");
    CHECK_MISUSE(try_recv(), -ENODATA, "nothing is left");
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    CHECK_MISUSE(hark_chan_recv(&chan, &item), -EBADF, "closed");
    CHECK_MISUSE(try_recv(), -EBADF, "hark_chan_try_recv");
    CHECK_MISUSE(hark_chan_close_receiver(&chan), -EBADF, "hark_chan_close_receiver");
    CHECK_MISUSE(hark_chan_add_receiver(&chan), -EBADF, "hark_chan_add_receiver");
    DONE();
}

INSIDE(chan_CH_07_sends_go_on_until_the_last_receiver_is_closed)
{
    OPEN(9);
    CHECK_EQ(hark_chan_add_receiver(&chan), 0);
    CHECK_EQ(hark_chan_add_receiver(&chan), 0);
    CHECK_EQ(hark_chan_statistics(&chan).receivers, 3);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    CHECK_MISUSE(try_send(2), -EPIPE, "no receiver");
    CHECK_MISUSE(hark_chan_send(&chan, &(int){2}), -EPIPE, "not sent");
    DONE();
}

INSIDE(chan_CH_14_the_last_receiver_takes_the_buffer_with_it)
{
    OPEN(2);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_send(2), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    check_statistics(0, 0, 0);
    CHECK_EQ(hark_chan_statistics(&chan).capacity, 2);
    DONE();
}

INSIDE(chan_CH_06_CH_20_closing_the_last_sender_sends_all_home)
{
    OPEN(0);
    go_recv("a"), go_recv("b");
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    check_statistics(0, 0, 0);
    hark_settle();
    CHECK_LOG("a:ENODATA b:ENODATA");
    DONE();
    OPEN(1);
    CHECK_EQ(try_send(1), 0);
    go_send(2), go_send(3);
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    hark_settle();
    CHECK_LOG("sent2:EBADF sent3:EBADF");
    CHECK_EQ(try_recv(), 1);
    CHECK_EQ(try_recv(), -ENODATA);
    DONE();
}

INSIDE(chan_CH_06_CH_20_BG_23_closing_the_last_receiver_sends_all_home)
{
    OPEN(0);
    go_send(0), go_send(1);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    check_statistics(0, 0, 0);
    hark_settle();
    CHECK_LOG("sent0:EPIPE sent1:EPIPE");
    DONE();
    OPEN(3);
    go_recv("a"), go_recv("b");
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    hark_settle();
    CHECK_LOG("a:EBADF b:EBADF");
    DONE();
}

INSIDE(chan_CH_08_CH_21_XX_21_one_of_several_ends_closed_wakes_nobody)
{
    OPEN(0);
    CHECK_EQ(hark_chan_add_sender(&chan), 0);
    CHECK_EQ(hark_chan_add_receiver(&chan), 0);
    go_recv("r");
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    check_statistics(0, 0, 1);
    CHECK_EQ(try_send(1), 0);
    hark_settle();
    CHECK_LOG("r=1");
    DONE();
}

INSIDE(chan_CH_27_both_close_after_one_meeting)
{
    OPEN(0);
    go_recv("r");
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    DONE();
    hark_settle();
    CHECK_LOG("r=1");
}

INSIDE(chan_BG_36_who_waits_is_not_starved_by_newcomers)
{
    OPEN(0);
    go_recv("old");
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(try_recv(), -EAGAIN);
    }
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_recv(), -EAGAIN);
    hark_settle();
    CHECK_LOG("old=1");
    DONE();
}

INSIDE(chan_EQ_05_EQ_06_who_is_given_something_runs_before_who_gives_more)
{
    OPEN(0);
    go_send(1);
    go_recv("a");
    go_recv("b");
    go_send(2);
    CHECK_LOG("a=1 sent1:ok sent2:ok b=2");
    DONE();
}

INSIDE(chan_EQ_18_doomed_and_good_receivers_in_one_turn)
{
    static const char *const good[] = {"0", "1", "2", "3", "4"};
    hark_task doomed[5];
    OPEN(0);
    for (int i = 0; i < 5; i++) {
        doomed[i] = go_recv("doomed");
        go_recv(good[i]);
    }
    for (int i = 0; i < 5; i++) {
        hark_task_cancel(doomed[i]);
        CHECK_EQ(try_send(i), 0);
    }
    hark_settle();
    CHECK_LOG("doomed:cancelled 0=0 doomed:cancelled 1=1 doomed:cancelled 2=2 doomed:cancelled 3=3 "
              "doomed:cancelled 4=4");
    DONE();
}

INSIDE(chan_CH_33_XX_23_closing_does_not_yield)
{
    OPEN(1);
    hark_go(&group, say, "other");
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    CHECK_LOG("");
    DONE();
}

INSIDE(chan_ends_are_counted_up_to_the_limit)
{
    OPEN(0);
    chan.open_senders = INT32_MAX - 1; /* two thousand million calls would take a while */
    CHECK_EQ(hark_chan_add_sender(&chan), 0);
    CHECK_MISUSE(hark_chan_add_sender(&chan), -EOVERFLOW, "2147483647");
    DONE();
}

/* ---- cancelled ------------------------------------------------------------------------------- */

INSIDE(chan_CH_13_CH_15_CH_23_XX_22_begun_in_a_cancelled_scope_is_not_done)
{
    int item = -1;
    hark_scope scope;
    OPEN(3);
    CHECK_EQ(try_send(1), 0);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_chan_send(&chan, &item), -ECANCELED);
    CHECK_SILENT(hark_chan_recv(&chan, &item), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
    CHECK_EQ(item, -1);
    CHECK_EQ(hark_within(-1, hark_chan_send(&chan, &item)), -ETIMEDOUT);
    check_statistics(1, 0, 0);
    CHECK_EQ(try_recv(), 1);
    DONE();
}

INSIDE(chan_CH_10_CH_19_BG_24_a_cancelled_waiter_leaves_nothing)
{
    OPEN(0);
    hark_task_cancel(go_recv("r"));
    check_statistics(0, 0, 0);
    CHECK_EQ(try_send(1), -EAGAIN);
    hark_task_cancel(go_send(2));
    check_statistics(0, 0, 0);
    CHECK_EQ(try_recv(), -EAGAIN);
    hark_settle();
    CHECK_LOG("r:cancelled sent2:cancelled");
    DONE();
}

INSIDE(chan_CH_24_CH_26_CH_31_BG_22_given_then_cancelled_is_kept)
{
    OPEN(0);
    const hark_task receiver = go_recv("r");
    CHECK_EQ(try_send(1), 0);
    hark_task_cancel(receiver);
    hark_settle();
    const hark_task sender = go_send(2);
    CHECK_EQ(try_recv(), 2);
    hark_task_cancel(sender);
    hark_settle();
    CHECK_LOG("r=1 sent2:ok");
    DONE();
}

INSIDE(chan_CH_25_cancelled_then_sent_goes_to_the_next)
{
    OPEN(0);
    const hark_task doomed = go_recv("doomed");
    go_recv("next");
    hark_task_cancel(doomed);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_send(2), -EAGAIN);
    hark_settle();
    CHECK_LOG("doomed:cancelled next=1");
    DONE();
}

INSIDE(chan_a_cancelled_sender_between_two_is_left_out)
{
    OPEN(1);
    CHECK_EQ(try_send(1), 0);
    go_send(2);
    const hark_task doomed = go_send(3);
    go_send(4);
    hark_task_cancel(doomed);
    CHECK_EQ(try_recv(), 1);
    CHECK_EQ(try_recv(), 2);
    CHECK_EQ(try_recv(), 4);
    CHECK_EQ(try_recv(), -EAGAIN);
    hark_settle();
    CHECK_LOG("sent3:cancelled sent2:ok sent4:ok");
    DONE();
}

static struct {
    int sent, received, last;
    bool closed;
} soak;

static int soak_sender(void *seed)
{
    uint64_t state = (uintptr_t)seed;
    for (int i = 1; i <= 20000 / kit_slow(); i++) {
        int64_t rc;
        do {
            rc = hark_within((int64_t)(draw(&state) % 5), hark_chan_send(&chan, &i));
        } while (rc == -ETIMEDOUT);
        CHECK_EQ(rc, 0);
        soak.sent++;
        if (draw(&state) % 4 == 0) {
            hark_sleep((int64_t)(draw(&state) % 4));
        }
    }
    return hark_chan_close_sender(&chan);
}

/* With tiny deadlines on both sides nothing is lost, nothing comes twice, and no item comes with a
 * time-out. */
static void soak_through(size_t capacity)
{
    uint64_t state = kit_seed();
    int64_t rc = 0;
    int item;
    memset(&soak, 0, sizeof(soak));
    OPEN(capacity);
    hark_go(&group, soak_sender, (void *)(uintptr_t)draw(&state));
    while (rc != -ENODATA) {
        item = -1;
        rc = hark_within((int64_t)(draw(&state) % 5), hark_chan_recv(&chan, &item));
        CHECK_EQ(rc == 0, item != -1);
        if (rc == 0) {
            CHECK_EQ(item, soak.last + 1);
            soak.last = item;
            soak.received++;
        }
        if (draw(&state) % 4 == 0) {
            hark_sleep((int64_t)(draw(&state) % 4));
        }
    }
    CHECK_EQ(soak.received, soak.sent);
    CHECK_EQ(soak.received, 20000 / kit_slow());
    DONE();
}

INSIDE(chan_BG_22_BG_68_nothing_is_lost_to_deadlines_at_a_rendezvous)
{
    soak_through(0);
}

INSIDE(chan_BG_22_BG_68_nothing_is_lost_to_deadlines_with_a_buffer)
{
    soak_through(2);
}

/* ---- in callbacks ---------------------------------------------------------------------------- */

static void send_from_callback(void *unused)
{
    (void)unused;
    CHECK_EQ(try_send(9), 0);
    CHECK_EQ(hark_chan_send(&chan, &(int){1}), -ENOTSUP);
}

INSIDE(chan_try_works_in_callbacks)
{
    static hark_watch watch;
    OPEN(0);
    go_recv("r");
    CHECK_EQ(hark_call_soon(&watch, send_from_callback, NULL), 0);
    hark_settle();
    CHECK_LOG("r=9");
    DONE();
}

/* ---- in a select ----------------------------------------------------------------------------- */

static int both_sent, both_received;

static int select_both(void *unused)
{
    int out = 50, in = -1;
    (void)unused;
    hark_case cases[] = {hark_on_send(&chan, &out), hark_on_recv(&chan, &in)};
    const int index = hark_select(cases, 2);
    both_sent += index == 0;
    both_received += index == 1 && in == 50;
    if (index < 0) {
        kit_log("select:%s", outcome(index));
    } else {
        kit_log("select:%d:%s:%d", index, outcome(hark_case_result(&cases[index])), in);
    }
    return 0;
}

static hark_task go_both(void)
{
    const hark_task task = hark_go(&group, select_both, NULL);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

INSIDE(chan_select_never_meets_itself)
{
    OPEN(0);
    const hark_task both = go_both();
    CHECK_EQ(hark_audit(), 0);
    check_statistics(0, 1, 1);
    hark_task_cancel(both);
    check_statistics(0, 0, 0);
    hark_settle();
    CHECK_LOG("select:cancelled");
    DONE();
}

INSIDE(chan_select_of_both_meets_whoever_comes)
{
    OPEN(0);
    go_both();
    CHECK_EQ(try_send(1), 0);
    check_statistics(0, 0, 0);
    hark_settle();
    go_both();
    CHECK_EQ(try_recv(), 50);
    check_statistics(0, 0, 0);
    hark_settle();
    CHECK_LOG("select:1:ok:1 select:0:ok:-1");
    DONE();
}

INSIDE(chan_two_selects_of_both_meet_each_other)
{
    OPEN(0);
    go_both();
    hark_go(&group, select_both, NULL);
    hark_settle();
    check_statistics(0, 0, 0);
    CHECK_EQ(both_sent, 1);
    CHECK_EQ(both_received, 1);
    DONE();
}

INSIDE(chan_the_same_channel_in_two_cases_gives_one_item)
{
    int a = -1, b = -1;
    hark_case cases[] = {hark_on_recv(&chan, &a), hark_on_recv(&chan, &b)};
    OPEN(2);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(try_send(2), 0);
    const int first = hark_select(cases, 2);
    CHECK(first == 0 || first == 1);
    CHECK_EQ(first ? b : a, 1);
    CHECK_EQ(first ? a : b, -1);
    check_statistics(1, 0, 0);
    CHECK_GE(hark_try_select(cases, 2), 0);
    CHECK_EQ(hark_try_select(cases, 2), -EAGAIN);
    check_statistics(0, 0, 0);
    DONE();
}

INSIDE(chan_select_is_not_ready_before_those_who_wait)
{
    int item = -1;
    hark_case recv[] = {hark_on_recv(&chan, &item)}, send[] = {hark_on_send(&chan, &item)};
    OPEN(1);
    go_recv("r");
    CHECK_EQ(hark_try_select(recv, 1), -EAGAIN);
    CHECK_EQ(try_send(1), 0);
    CHECK_EQ(hark_try_select(recv, 1), -EAGAIN);
    hark_settle();
    CHECK_EQ(try_send(2), 0);
    go_send(3);
    CHECK_EQ(try_recv(), 2);
    CHECK_EQ(hark_try_select(send, 1), -EAGAIN);
    CHECK_EQ(hark_try_select(recv, 1), 0);
    CHECK_EQ(item, 3);
    hark_settle();
    CHECK_LOG("r=1 sent3:ok");
    DONE();
}

INSIDE(chan_select_tells_what_closing_did)
{
    OPEN(0);
    go_both();
    CHECK_EQ(hark_chan_close_receiver(&chan), 0);
    hark_settle();
    CHECK_LOG("select:0:EPIPE:-1");
    hark_case send[] = {hark_on_send(&chan, &(int){1})}, recv[] = {hark_on_recv(&chan, &(int){1})};
    CHECK_EQ(hark_select(send, 1), 0);
    CHECK_EQ(hark_case_result(send), -EPIPE);
    CHECK_EQ(hark_try_select(recv, 1), 0);
    CHECK_EQ(hark_case_result(recv), -EBADF);
    DONE();
    OPEN(0);
    go_both();
    CHECK_EQ(hark_chan_close_sender(&chan), 0);
    hark_settle();
    CHECK_LOG("select:1:ENODATA:-1");
    CHECK_EQ(hark_select(send, 1), 0);
    CHECK_EQ(hark_case_result(send), -EBADF);
    CHECK_EQ(hark_select(recv, 1), 0);
    CHECK_EQ(hark_case_result(recv), -ENODATA);
    DONE();
}

INSIDE(chan_the_other_cases_of_a_select_leave_no_trace)
{
    static hark_event event;
    int in = -1, out = 1;
    hark_chan second;
    OPEN(0);
    CHECK_EQ(hark_chan_init(&second, sizeof(int), 1), 0);
    hark_case cases[] = {hark_on_recv(&chan, &in), hark_on_send(&second, &out),
                         hark_on_event(&event)};
    const int before = hark_event_statistics(&event).tasks_waiting;
    CHECK_EQ(hark_select(cases, 3), 1);
    check_statistics(0, 0, 0);
    go_send(7);
    CHECK_EQ(hark_select(cases, 3), 0);
    CHECK_EQ(in, 7);
    CHECK_EQ(hark_event_statistics(&event).tasks_waiting, before);
    CHECK_EQ(hark_chan_statistics(&second).used, 1);
    CHECK_EQ(hark_chan_free(&second), 0);
    DONE();
}

INSIDE(chan_a_case_that_makes_no_sense_is_refused)
{
    int item = 0;
    OPEN(0);
    CHECK_MISUSE(hark_select((hark_case[]){hark_on_send(NULL, &item)}, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_select((hark_case[]){hark_on_recv(&chan, NULL)}, 1), -EINVAL, "item is NULL");
    DONE();
    CHECK_MISUSE(hark_select((hark_case[]){hark_on_recv(&chan, &item)}, 1), -EINVAL, "freed");
}

/* ---- in reports ------------------------------------------------------------------------------ */

static int send_for_ever(void *unused)
{
    (void)unused;
    return hark_chan_send(&chan, &(int){1});
}

static int receive_for_ever(void *unused)
{
    (void)unused;
    return hark_chan_recv(&chan, &(int){0});
}

static int deadlock(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    hark_go(&group, send_for_ever, NULL);
    return hark_group_close(&group, 0);
}

TEST(chan_a_deadlock_names_the_channel)
{
    OPEN(0);
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(deadlock, NULL), -EDEADLK);
    const char *text = capture_end();
    char place[64];
    snprintf(place, sizeof(place), "waits for a channel to take an item at %p", (void *)&chan);
    CHECK_HAS(text, place);
    CHECK_HAS(text, " (0 of 0 taken, open receivers: 1)");
    capture_begin();
    CHECK_EQ(RUN_VIRTUAL(receive_for_ever, NULL), -EDEADLK);
    text = capture_end();
    snprintf(place, sizeof(place), "waits for an item of a channel at %p", (void *)&chan);
    CHECK_HAS(text, place);
    CHECK_HAS(text, " (open senders: 1)");
    DONE();
}
