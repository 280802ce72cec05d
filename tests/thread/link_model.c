/* SPDX-License-Identifier: MIT
 *
 * link_model.c - links and promises in every order: tasks of a loop, and another thread that acts
 * between any two of their steps.
 *
 * Idea     Real threads cannot be put in order. But what another thread does to a loop is a post,
 *          and the explorer acts as one (hark_test_outside): what it sends by a try is taken by a
 *          party of the loop, which is told when the loop next looks. Between the two anything may
 *          happen: that is where a wake-up could be lost. As in chan_model.c, calls are numbered as
 *          they come, and an item is the number of the call that sends it: of the receives that got
 *          something, each later call got a later item.
 *
 * Rules    1  The ledger holds whatever fault there is; who gets something at all only undisturbed.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

enum { CALLS = 16 };

static hark_link l;
static bool is_open, will_close;
static int sends, receives;
static bool sent[CALLS], got[CALLS]; /* by item */
static int item_of[CALLS];           /* by receive; -1: nothing */
static int sent_count, received, cut, ended;

static void begin(size_t capacity)
{
    memset(sent, 0, sizeof sent);
    memset(got, 0, sizeof got);
    memset(item_of, -1, sizeof item_of);
    sends = receives = sent_count = received = cut = ended = 0;
    will_close = false;
    is_open = hark_link_init(&l, sizeof(int), capacity) == 0;
    MUST(is_open || hark_test_disturbed());
    open_stage();
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static int noted_send(int item, int rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -EPIPE || rc == -EBADF || rc == -EAGAIN ||
         hark_test_disturbed());
    if (rc == 0) {
        MUST(!sent[item]);
        sent[item] = true;
        sent_count++;
    }
    cut += rc == -ECANCELED;
    ended += rc == -EPIPE || rc == -EBADF;
    return rc == -ECANCELED ? rc : 0;
}

static int noted_receive(int call, int item, int rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -ENODATA || rc == -EBADF || rc == -EAGAIN ||
         hark_test_disturbed());
    MUST((rc == 0) == (item >= 0));
    if (rc == 0) {
        MUST(item < sends && !got[item]);
        got[item] = true;
        item_of[call] = item;
        received++;
    }
    cut += rc == -ECANCELED;
    ended += rc == -ENODATA || rc == -EBADF;
    return rc == -ECANCELED ? rc : 0;
}

static int sender(void *unused)
{
    (void)unused;
    nap_up_to(1);
    const int item = sends++;
    return noted_send(item, hark_link_send(&l, &item));
}

static int receiver(void *unused)
{
    (void)unused;
    nap_up_to(1);
    const int call = receives++;
    int item = -1;
    const int rc = hark_link_recv(&l, &item);
    return noted_receive(call, item, rc);
}

static void send_outside(void *unused)
{
    (void)unused;
    if (is_open) {
        const int item = sends++, before = ended;
        noted_send(item, hark_link_try_send(&l, &item));
        ended = before;
    }
}

static void receive_outside(void *unused)
{
    (void)unused;
    if (is_open) {
        const int call = receives++, before = ended;
        int item = -1;
        const int rc = hark_link_try_recv(&l, &item);
        noted_receive(call, item, rc);
        ended = before;
    }
}

static void close_receivers_outside(void *unused)
{
    (void)unused;
    if (is_open) {
        hark_link_close_receiver(&l);
    }
}

static void close_senders_outside(void *unused)
{
    (void)unused;
    if (is_open) {
        hark_link_close_sender(&l);
    }
}

/* Whoever waits when all is quiet is sent home. What another thread has in mind it does before. */
static int end(void)
{
    int last = -1;

    if (will_close && is_open) {
        hark_sleep(99);
        hark_link_close_sender(&l);
        hark_link_close_receiver(&l);
    }
    const int rc = hark_group_close(&group, 0);
    const hark_link_stats stats = hark_link_statistics(&l);
    MUST(stats.waiting_send == 0 && stats.waiting_recv == 0);
    for (int i = 0; i < sends; i++) {
        MUST(sent[i] || !got[i]);
    }
    for (int i = 0; i < receives; i++) {
        MUST(item_of[i] < 0 || item_of[i] > last);
        last = item_of[i] < 0 ? last : item_of[i];
    }
    MUST(!is_open || hark_link_free(&l) == 0);
    is_open = false;
    return rc;
}

/* ---- inside one loop ------------------------------------------------------------------------- */

/* Finds: a hand-over to nobody, to two, or to the last one. */
MODEL(link_two_and_two_meet, .yields = 1, .patient = true)
{
    begin(0);
    go(sender, NULL);
    go(receiver, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    will_close = true;
    const int rc = end();
    WANT(sent_count == received && sent_count + received + ended == 4);
    return rc;
}

static int cancel_first(void *unused)
{
    (void)unused;
    nap_up_to(1);
    hark_task_cancel(first);
    return 0;
}

/* Finds: a place that comes free and is given to nobody; an item of a cancelled sender. */
MODEL(link_sender_cancelled_around_its_place, .yields = 1, .patient = true)
{
    begin(1);
    first = go(sender, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    go(cancel_first, NULL);
    will_close = true;
    const int rc = end();
    WANT(sent_count + cut == 2 && received == 1 && ended == 0);
    return rc;
}

/* ---- and another thread ---------------------------------------------------------------------- */

/* Finds: an item that goes with the cancelled one it was given to; one that is given to whom the
 * cancel has taken out; a task that goes on while its answer is on its way to its stack. */
MODEL(link_cancelled_around_an_item_from_outside, .yields = 1, .patient = true)
{
    begin(0);
    first = go(receiver, NULL);
    go(receiver, NULL);
    hark_test_outside(send_outside, NULL);
    go(cancel_first, NULL);
    will_close = true;
    const int rc = end();
    WANT(received == sent_count);
    return rc;
}

/* Finds: an item that was taken from outside, and is called cancelled. */
MODEL(link_cancelled_around_a_receive_from_outside, .yields = 1, .patient = true)
{
    begin(0);
    first = go(sender, NULL);
    go(sender, NULL);
    hark_test_outside(receive_outside, NULL);
    go(cancel_first, NULL);
    will_close = true;
    const int rc = end();
    WANT(received == sent_count);
    return rc;
}

static hark_scope scope; /* around the first of two */

/* Both calls at the same depth: so the second one waits where the first one has. */
static int receiver_of_two(void *unused)
{
    int rc = 0;
    (void)unused;
    for (int i = 0; i < 2 && rc != -ECANCELED; i++) {
        const int call = receives++;
        int item = -1;
        if (i == 0) {
            MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
        }
        rc = hark_link_recv(&l, &item);
        noted_receive(call, item, rc);
        if (i == 0) {
            rc = (int)hark_scope_close(&scope, rc);
        }
    }
    return rc == -ECANCELED ? rc : 0;
}

static int cancel_scope(void *unused)
{
    (void)unused;
    nap_up_to(1);
    hark_scope_cancel(&scope); /* if it is open */
    return 0;
}

/* Finds: a task that goes on while its answer is on its way to its stack, where it waits anew. */
MODEL(link_scope_cancelled_around_an_item_from_outside, .yields = 1, .patient = true)
{
    scope = (hark_scope){0};
    begin(0);
    go(receiver_of_two, NULL);
    go(cancel_scope, NULL);
    hark_test_outside(send_outside, NULL);
    will_close = true;
    const int rc = end();
    WANT(received == sent_count);
    return rc;
}

/* Finds: somebody who waits for a closed side, or on one. */
MODEL(link_receivers_closed_from_outside, .yields = 1, .patient = true)
{
    begin(0);
    go(sender, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    hark_test_outside(close_receivers_outside, NULL);
    const int rc = end();
    WANT(sent_count == received && sent_count + received + ended == 3);
    return rc;
}

/* The same on the other side. */
MODEL(link_senders_closed_from_outside, .yields = 1, .patient = true)
{
    begin(0);
    go(sender, NULL);
    go(receiver, NULL);
    go(receiver, NULL);
    hark_test_outside(close_senders_outside, NULL);
    const int rc = end();
    WANT(sent_count == received && sent_count + received + ended == 3);
    return rc;
}

/* ---- promises -------------------------------------------------------------------------------- */

static hark_promise promise;
static int told, token;

static int wait_for_promise(void *unused)
{
    void *value = NULL;
    (void)unused;
    nap_up_to(1);
    const int rc = hark_promise_wait(&promise, &value);
    MUST(rc == 0 || rc == -ECANCELED || hark_test_disturbed());
    MUST(rc || value == &token);
    told += rc == 0;
    cut += rc == -ECANCELED;
    return rc == -ECANCELED ? rc : 0;
}

static void send_promise(void *unused)
{
    (void)unused;
    MUST(hark_promise_send(&promise, &token) == 0);
    MUST(hark_promise_send(&promise, NULL) == -EALREADY);
}

/* Finds: one that is not told; one that is told the second value; a cancelled one that is told. */
MODEL(promise_sent_from_outside_around_a_cancel, .yields = 1, .patient = true)
{
    told = cut = 0;
    MUST(hark_promise_init(&promise) == 0);
    open_stage();
    first = go(wait_for_promise, NULL);
    go(wait_for_promise, NULL);
    go(cancel_first, NULL);
    hark_test_outside(send_promise, NULL);
    const int rc = hark_group_close(&group, 0);
    WANT(told + cut == 2 && cut <= 1);
    return rc;
}
