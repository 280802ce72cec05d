/* SPDX-License-Identifier: MIT
 *
 * completion_model.c - hark_completion in every order: futures that get ready before, while and
 * after somebody asks for the next one.
 *
 * Idea     Who completes a future writes its index into a book; who asks for the next one must be
 *          told them in that order, each once, and -ENODATA when there is none left.
 *
 * Rules    1  Each index is given out at most once, and only when it is ready: whatever fault there
 *             is. In the order of the book: as long as one task asks.
 *          2  A cancelled question has taken no index.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

#define COUNT 3

static hark_future futures[COUNT];
static hark_future *const all[COUNT] = {&futures[0], &futures[1], &futures[2]};
static hark_watch nodes[COUNT];
static hark_completion completion;
static int completed[COUNT], completed_count;
static int given[COUNT + 1], given_count, ends, cut;

static void complete(int i)
{
    MUST((i == 1 ? hark_future_fail(&futures[i], -EIO, NULL)
                 : hark_future_send(&futures[i], NULL)) == 0);
    completed[completed_count++] = i;
}

static int complete_later(void *number)
{
    stroll();
    complete((int)(intptr_t)number);
    return 0;
}

/* `before` of them, counted from the last, are ready when the completion begins. */
static int begin(int before)
{
    memset(futures, 0, sizeof futures);
    memset(nodes, 0, sizeof nodes);
    completed_count = given_count = ends = cut = 0;
    for (int i = COUNT - before; i < COUNT; i++) {
        complete(i);
    }
    int rc = hark_completion_init(&completion, all, nodes, COUNT);
    MUST(rc == 0 || rc == -ENOMEM);
    WANT(rc == 0);
    if (rc == 0) {
        open_stage();
    }
    return rc;
}

/* Before they go. */
static void end(void)
{
    for (int i = 0; i < COUNT; i++) {
        int rc = hark_unwatch(&nodes[i]);
        MUST(rc == 0 || rc == -ESRCH);
    }
}

static int ask(void)
{
    int index = hark_completion_next(&completion);

    if (index == -ECANCELED) {
        cut++;
        return index;
    }
    if (index == -ENODATA) {
        ends++;
        return index;
    }
    MUST(index >= 0 && index < COUNT && given_count < COUNT);
    MUST(hark_future_ready(&futures[index]));
    for (int i = 0; i < given_count; i++) {
        MUST(given[i] != index);
    }
    given[given_count++] = index;
    return index;
}

static int ask_all(void *unused)
{
    (void)unused;
    stroll();
    for (;;) {
        int index = ask();
        if (index < 0) {
            return index == -ENODATA ? 0 : index;
        }
        MUST(given[given_count - 1] == completed[given_count - 1]);
        if (hark_test_choose(2)) {
            hark_yield();
        }
    }
}

/* Finds: an index that is given twice, or not; out of order; an end that is not told. */
MODEL(completion_before_while_and_after, .yields = 1)
{
    int before = hark_test_choose(3), error = begin(before);

    if (error) {
        return error;
    }
    go(ask_all, NULL);
    for (intptr_t i = 0; i < COUNT - before; i++) {
        go(complete_later, (void *)i);
    }
    int rc = hark_group_close(&group, 0);
    WANT(given_count == COUNT && ends == 1);
    end();
    return rc;
}

static int ask_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        int index = ask();
        if (index < 0) {
            return index == -ENODATA ? 0 : index;
        }
    }
    return 0;
}

/* Finds: two who ask and get the same; one who waits for more than there are, for ever. */
MODEL(completion_two_who_ask, .yields = 1)
{
    int error = begin(0);

    if (error) {
        return error;
    }
    go(ask_twice, NULL);
    go(ask_twice, NULL);
    for (intptr_t i = 0; i < COUNT; i++) {
        go(complete_later, (void *)i);
    }
    int rc = hark_group_close(&group, 0);
    WANT(given_count == COUNT && ends == 1);
    end();
    return rc;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

/* Finds: an index that goes under with the one who was cancelled; a waiter that is still there. */
MODEL(completion_against_cancel, .yields = 1)
{
    int error = begin(1);

    if (error) {
        return error;
    }
    first = go(ask_twice, NULL);
    bool whole = go(complete_later, (void *)0) > 0;
    whole = go(complete_later, (void *)1) > 0 && whole;
    whole = go(cancel_first, NULL) > 0 && whole;
    int rc = hark_group_close(&group, 0);
    int index = 0;
    while (whole && (index = ask()) >= 0) {}
    WANT(index == -ENODATA && given_count == COUNT && cut <= 1);
    end();
    return rc;
}

static bool stopped;

static int stop(void *unused)
{
    (void)unused;
    stroll();
    end();
    stopped = true;
    memset(nodes, 0xa5, sizeof nodes); /* they may go now */
    return 0;
}

/* Finds: a node that is called, or written, although it was taken back. */
MODEL(completion_stopped_early)
{
    int error = begin(hark_test_choose(2));

    if (error) {
        return error;
    }
    stopped = false;
    if (go(stop, NULL) < 0) {
        end();
    }
    for (intptr_t i = 0; i < COUNT - 1; i++) {
        go(complete_later, (void *)i);
    }
    int rc = hark_group_close(&group, 0);
    hark_yield();
    hark_yield();
    for (size_t i = 0; i < sizeof nodes && stopped; i++) {
        MUST(((const unsigned char *)nodes)[i] == 0xa5);
    }
    return rc;
}
