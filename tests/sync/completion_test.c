/* SPDX-License-Identifier: MIT
 *
 * completion_test.c - hark_completion: futures one after another, as they get ready.
 */
#include "../sync/scene.h"

enum { N = 5 };
static hark_future futures[N];
static hark_future *const all[N] = {futures, futures + 1, futures + 2, futures + 3, futures + 4};
static hark_watch nodes[N];
static hark_completion completion;

static void send_in_order(const char *order)
{
    for (; *order; order++) {
        hark_future_send(&futures[*order - '0'], NULL);
    }
}

static int taken[N]; /* how often each index came */

static int take_all(void *arg)
{
    (void)arg;
    int i;
    while ((i = hark_completion_next(&completion)) >= 0) {
        taken[i]++;
        kit_log("%d", i);
    }
    kit_log("%s", outcome(i));
    return i == -ECANCELED ? i : 0;
}

INSIDE(completion_gives_indexes_in_the_order_of_completion_then_ENODATA)
{
    CHECK_EQ(hark_completion_init(&completion, all, nodes, N), 0);
    hark_go(&group, take_all, NULL);
    hark_settle();
    CHECK_LOG("");
    send_in_order("3");
    hark_settle();
    CHECK_LOG("3");
    send_in_order("0421");
    hark_settle();
    CHECK_LOG("0 4 2 1 ENODATA");
    CHECK_EQ(hark_completion_next(&completion), -ENODATA);
}

INSIDE(completion_gives_ready_ones_first_in_the_order_of_the_array)
{
    send_in_order("42");
    CHECK_EQ(hark_completion_init(&completion, all, nodes, N), 0);
    send_in_order("310");
    take_all(NULL);
    CHECK_LOG("2 4 3 1 0 ENODATA");
}

INSIDE(completion_remembers_what_got_ready_while_nobody_asked)
{
    hark_completion_init(&completion, all, nodes, N);
    send_in_order("20");
    hark_settle();
    send_in_order("413");
    hark_settle();
    take_all(NULL);
    CHECK_LOG("2 0 4 1 3 ENODATA");
}

INSIDE(completion_gives_a_failed_one_in_its_turn)
{
    hark_completion_init(&completion, all, nodes, N);
    send_in_order("1");
    hark_future_fail(&futures[0], -EPROTO, "zero failed");
    send_in_order("234");
    CHECK_EQ(hark_completion_next(&completion), 1);
    CHECK_EQ(hark_completion_next(&completion), 0);
    CHECK_EQ(hark_future_wait(&futures[0], NULL), -EPROTO);
    CHECK_EQ(hark_completion_next(&completion), 2);
    hark_settle();
}

static int sleep_and_give(void *arg)
{
    const int i = *(int *)arg;
    hark_sleep(HARK_MS((N - i) * 10));
    return i;
}

INSIDE(completion_of_tasks_comes_in_the_order_of_their_ends)
{
    int numbers[N];
    for (int i = 0; i < N; i++) {
        numbers[i] = i;
        CHECK_GT(hark_go_future(&group, &futures[i], sleep_and_give, &numbers[i]), 0);
    }
    hark_completion_init(&completion, all, nodes, N);
    take_all(NULL);
    CHECK_LOG("4 3 2 1 0 ENODATA");
}

INSIDE(completion_stopped_early_its_nodes_can_be_unwatched)
{
    hark_completion_init(&completion, all, nodes, N);
    send_in_order("31");
    CHECK_EQ(hark_completion_next(&completion), 3);
    hark_settle();
    for (int i = 0; i < N; i++) {
        const int rc = hark_unwatch(&nodes[i]);
        CHECK(rc == 0 || ((i == 3 || i == 1) && rc == -ESRCH));
    }
    memset(&completion, 0x5a, sizeof(completion));
    send_in_order("024");
    hark_settle();
}

INSIDE(completion_cancelled_loses_nothing)
{
    hark_completion_init(&completion, all, nodes, N);
    CHECK_EQ(hark_within(HARK_MS(1), hark_completion_next(&completion)), -ETIMEDOUT);
    send_in_order("4");
    CHECK_EQ(hark_completion_next(&completion), 4);
    const hark_task t = hark_go(&group, take_all, NULL);
    hark_settle();
    hark_task_cancel(t);
    send_in_order("0123");
    hark_settle();
    CHECK_LOG("cancelled");
    take_all(NULL);
    CHECK_LOG("0 1 2 3 ENODATA");
}

/* The wake-up may have been given, or still be on its way; the index is taken once either way. */
INSIDE(completion_ready_then_cancelled_in_one_turn_loses_nothing)
{
    hark_completion_init(&completion, all, nodes, N);
    const hark_task t = hark_go(&group, take_all, NULL);
    hark_settle();
    send_in_order("0");
    hark_task_cancel(t);
    send_in_order("1234");
    hark_settle();
    take_all(NULL);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(taken[i], 1);
    }
}

INSIDE(completion_in_a_cancelled_scope_gives_not_even_a_ready_one)
{
    hark_scope scope;
    send_in_order("0");
    hark_completion_init(&completion, all, nodes, 1);
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_completion_next(&completion), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_EQ(hark_completion_next(&completion), 0);
}

INSIDE(completion_shared_by_two_tasks_gives_each_index_once)
{
    hark_completion_init(&completion, all, nodes, N);
    hark_go(&group, take_all, NULL);
    hark_go(&group, take_all, NULL);
    hark_settle();
    send_in_order("20413");
    hark_settle();
    for (int i = 0; i < N; i++) {
        CHECK_EQ(taken[i], 1);
        CHECK_EQ(hark_unwatch(&nodes[i]), -ESRCH);
    }
    CHECK_EQ(hark_completion_next(&completion), -ENODATA);
}

INSIDE(completion_of_none_is_over_at_once)
{
    CHECK_EQ(hark_completion_init(&completion, all, nodes, 0), 0);
    CHECK_EQ(hark_completion_next(&completion), -ENODATA);
}

INSIDE(completion_misuse_has_a_code_and_words)
{
    static const char init[] = "hark_completion_init";
    hark_future *const holed[2] = {&futures[0], NULL};
    CHECK_MISUSE(hark_completion_init(NULL, all, nodes, N), -EINVAL, init);
    CHECK_MISUSE(hark_completion_init(&completion, NULL, nodes, N), -EINVAL, init);
    CHECK_MISUSE(hark_completion_init(&completion, all, NULL, N), -EINVAL, init);
    CHECK_MISUSE(hark_completion_init(&completion, all, nodes, -1), -EINVAL, init);
    CHECK_MISUSE(hark_completion_init(&completion, holed, nodes, 2), -EINVAL, init);
    CHECK_EQ(hark_unwatch(&nodes[0]), -ESRCH);
    CHECK_MISUSE(hark_completion_next(NULL), -EINVAL, "hark_completion_next");
}

INSIDE(completion_misuse_an_armed_node_is_refused_and_nothing_is_watched)
{
    hark_call_later(HARK_MS(1), &nodes[2], say_callback, "armed");
    CHECK_MISUSE(hark_completion_init(&completion, all, nodes, N), -EALREADY, "completion_init");
    CHECK_EQ(hark_unwatch(&nodes[0]), -ESRCH);
    CHECK_EQ(hark_unwatch(&nodes[1]), -ESRCH);
    hark_sleep(HARK_MS(2));
    CHECK_LOG("armed");
}

static int init_it(void *arg)
{
    (void)arg;
    return hark_completion_init(&completion, all, nodes, 1);
}

TEST(completion_misuse_waiting_outside_any_task_is_refused)
{
    hark_future_send(&futures[0], NULL);
    CHECK_EQ(RUN_VIRTUAL(init_it, NULL), 0);
    CHECK_MISUSE(hark_completion_next(&completion), -ENOTSUP, "hark_completion_next");
}
