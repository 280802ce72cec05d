/* SPDX-License-Identifier: MIT
 *
 * chan_model.c - channels in every order: send, receive, newcomers, cancels, deadlines, closing,
 * select.
 *
 * Idea     Calls are numbered as they come, and an item is the number of the call that sends it.
 *          Then all promises about order are one: of the receives that got something, each later
 *          call got a later item. A newcomer that overtakes one who waits, on either side, breaks
 *          it. And what was sent, and only that, is received, once; or is in the buffer in the end;
 *          or was dropped with the last receiver.
 *
 * Rules    1  The ledger holds whatever fault there is; who gets something at all only undisturbed.
 *          2  Who closes or tries does so even when it is cancelled itself.
 */
#include <hark.h>
#include <string.h>

#include "core/core.h"
#include "stage.h"

enum { CALLS = 16 };

static hark_chan chan;
static bool will_close; /* when all is quiet */
static hark_task second;
static int sends, receives;          /* calls so far */
static bool sent[CALLS], got[CALLS]; /* by item */
static int item_of[CALLS];           /* by receive; -1: nothing */
static int sent_count, received, cut, ended, dropped;

static void begin(size_t capacity)
{
    memset(sent, 0, sizeof sent);
    memset(got, 0, sizeof got);
    memset(item_of, -1, sizeof item_of);
    sends = receives = sent_count = received = cut = ended = dropped = 0;
    second = 0;
    will_close = false;
    MUST(hark_chan_init(&chan, sizeof(int), capacity) == 0 || hark_test_disturbed());
    open_stage();
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static int noted_send(int item, int64_t rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -EPIPE || rc == -EBADF ||
         rc == -EAGAIN || rc == -ENOMEM || rc == -EINVAL);
    WANT(rc != -ENOMEM && rc != -EINVAL);
    if (rc == 0) {
        MUST(!sent[item]);
        sent[item] = true;
        sent_count++;
    }
    cut += rc == -ECANCELED || rc == -ETIMEDOUT;
    ended += rc == -EPIPE || rc == -EBADF;
    return rc == -ECANCELED ? (int)rc : 0;
}

static int noted_receive(int call, int item, int64_t rc)
{
    MUST(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -ENODATA || rc == -EBADF ||
         rc == -EAGAIN || rc == -ENOMEM || rc == -EINVAL);
    WANT(rc != -ENOMEM && rc != -EINVAL);
    MUST((rc == 0) == (item >= 0));
    if (rc == 0) {
        MUST(item < sends && !got[item]);
        got[item] = true;
        item_of[call] = item;
        received++;
    }
    cut += rc == -ECANCELED || rc == -ETIMEDOUT;
    ended += rc == -ENODATA || rc == -EBADF;
    return rc == -ECANCELED ? (int)rc : 0;
}

static int send_one(void)
{
    int item = sends++;
    return noted_send(item, hark_chan_send(&chan, &item));
}

static int receive(void)
{
    int call = receives++, item = -1;
    int rc = hark_chan_recv(&chan, &item);
    return noted_receive(call, item, rc);
}

/* Those who try are not counted in `ended`. */
static void try_send(void)
{
    int item = sends++, before = ended;
    noted_send(item, hark_chan_try_send(&chan, &item));
    ended = before;
}

static void try_receive(void)
{
    int call = receives++, item = -1, before = ended;
    int rc = hark_chan_try_recv(&chan, &item);
    noted_receive(call, item, rc);
    ended = before;
}

/* Whoever waits when all is quiet is sent home: what a cancelled task would have brought never
 * comes. Then nobody is left; what is in the buffer is received now. */
static int end(void)
{
    int rc, last = -1;

    if (will_close) {
        hark_sleep(99);
        hark_chan_close_sender(&chan);
        hark_chan_close_receiver(&chan);
    }
    rc = hark_group_close(&group, 0);
    const hark_chan_stats stats = hark_chan_statistics(&chan);

    MUST(stats.waiting_send == 0 && stats.waiting_recv == 0);
    for (size_t i = 0; i < stats.used; i++) {
        try_receive();
    }
    for (int i = 0; i < sends; i++) {
        dropped += sent[i] && !got[i];
        MUST(sent[i] || !got[i]);
    }
    MUST(dropped == 0 || stats.receivers == 0);
    for (int i = 0; i < receives; i++) {
        MUST(item_of[i] < 0 || item_of[i] > last);
        last = item_of[i] < 0 ? last : item_of[i];
    }
    if (chan.size) {
        MUST(hark_chan_free(&chan) == 0);
    }
    return rc;
}

/* ---- sending and receiving ------------------------------------------------------------------- */

static int sender(void *unused)
{
    (void)unused;
    nap_up_to(2);
    return send_one();
}

static int receiver(void *unused)
{
    (void)unused;
    nap_up_to(2);
    return receive();
}

static int sender_of_two(void *unused)
{
    int rc;
    (void)unused;
    nap_up_to(1);
    rc = send_one();
    return rc ? rc : send_one();
}

static int receiver_of_two(void *unused)
{
    int rc;
    (void)unused;
    nap_up_to(1);
    rc = receive();
    return rc ? rc : receive();
}

/* Finds: a hand-over to nobody, to two, or to the last one. */
MODEL(chan_two_and_two_meet, .yields = 1, .patient = true)
{
    begin(0);
    go(sender, NULL);
    go(receiver, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    will_close = true;
    int rc = end();
    WANT(sent_count == received && sent_count + received + ended == 4);
    return rc;
}

/* Finds: a place that was made by a receive and that nobody gets; an item that overtakes. */
MODEL(chan_through_one_place, .yields = 1, .patient = true)
{
    begin(1);
    go(sender_of_two, NULL);
    go(sender_of_two, NULL);
    go(receiver_of_two, NULL);
    go(receiver_of_two, NULL);
    will_close = true;
    int rc = end();
    WANT(sent_count == received + dropped && sent_count + received + ended == 8);
    return rc;
}

/* ---- newcomers ------------------------------------------------------------------------------- */

static int newcomer(void *unused)
{
    (void)unused;
    nap_up_to(2);
    try_receive();
    try_send();
    return 0;
}

/* Finds: a try that takes what was given to a waiter, or the place that a waiting item has got. */
MODEL(chan_newcomers_do_not_barge, .yields = 1, .patient = true)
{
    begin(1);
    go(sender_of_two, NULL);
    go(receiver, NULL);
    go(newcomer, NULL);
    go(newcomer, NULL);
    will_close = true;
    int rc = end();
    WANT(received + dropped == sent_count);
    return rc;
}

/* ---- cancels --------------------------------------------------------------------------------- */

static int cancel_first(void *unused)
{
    (void)unused;
    nap_up_to(2);
    hark_task_cancel(first);
    return 0;
}

static int cancel_second(void *unused)
{
    (void)unused;
    nap_up_to(2);
    hark_task_cancel(second);
    return 0;
}

static int give_one(void *unused)
{
    (void)unused;
    nap_up_to(2);
    try_send();
    return 0;
}

/* Finds: an item that goes with the cancelled one it was given to; one that is given to whom the
 * cancel has taken out. */
MODEL(chan_receiver_cancelled_around_its_item, .yields = 1, .patient = true)
{
    begin(0);
    first = go(receiver, NULL);
    go(receiver, NULL);
    go(give_one, NULL);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    WANT(received == sent_count && received + cut + ended == 2);
    return rc;
}

/* Finds: an item of a cancelled sender that arrives; one that arrived and was called cancelled. */
MODEL(chan_sender_cancelled_around_its_place, .yields = 1, .patient = true)
{
    begin(1);
    first = go(sender_of_two, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    go(cancel_first, NULL);
    will_close = true;
    return end();
}

/* W16. Finds: an item that is lost, or comes twice, when both ends of one meeting are cancelled. */
MODEL(chan_both_sides_cancelled, .yields = 1, .patient = true)
{
    begin(0);
    first = go(sender, NULL);
    second = go(receiver, NULL);
    go(cancel_first, NULL);
    go(cancel_second, NULL);
    will_close = true;
    int rc = end();
    WANT(sent_count == received);
    return rc;
}

static int hurried_sender(void *unused)
{
    (void)unused;
    int item = sends++;
    return noted_send(item, hark_within(2, hark_chan_send(&chan, &item)));
}

static int hurried_receiver(void *unused)
{
    (void)unused;
    nap_up_to(2);
    int call = receives++, item = -1;
    int64_t rc = hark_within(1, hark_chan_recv(&chan, &item));
    return noted_receive(call, item, rc);
}

/* Finds: an item that comes with a time-out; one that is lost to it. */
MODEL(chan_deadlines_on_both_sides)
{
    begin(0);
    go(hurried_sender, NULL);
    go(hurried_receiver, NULL);
    go(hurried_receiver, NULL);
    int rc = end();
    WANT(sent_count == received && sent_count + received + cut == 3);
    return rc;
}

/* ---- closing --------------------------------------------------------------------------------- */

static int close_a_sender(void *unused)
{
    (void)unused;
    nap_up_to(1);
    int rc = hark_chan_close_sender(&chan);
    MUST(rc == 0 || hark_test_disturbed());
    return 0;
}

static int close_a_receiver(void *unused)
{
    (void)unused;
    nap_up_to(1);
    int rc = hark_chan_close_receiver(&chan);
    MUST(rc == 0 || hark_test_disturbed());
    return 0;
}

static int send_and_close(void *unused)
{
    (void)unused;
    int rc = send_one();
    hark_chan_close_sender(&chan);
    return rc;
}

/* Finds: the end that comes before the last item, or to one receiver only; one sender's end that
 * is taken for all. */
MODEL(chan_last_sender_closes_behind_its_item, .yields = 1, .patient = true)
{
    begin(1);
    hark_chan_add_sender(&chan);
    if (go(send_and_close, NULL) < 0) {
        hark_chan_close_sender(&chan);
    }
    if (go(send_and_close, NULL) < 0) {
        hark_chan_close_sender(&chan);
    }
    go(receiver, NULL);
    go(receiver_of_two, NULL);
    int rc = end();
    WANT(received == 2 && ended == 1);
    return rc;
}

/* W15. Finds: somebody who waits on a closed side or for one; an item that is called sent and was
 * given to nobody. */
MODEL(chan_closed_under_those_who_wait, .yields = 1, .patient = true)
{
    begin(0);
    go(sender, NULL);
    go(sender, NULL);
    go(receiver, NULL);
    go(close_a_sender, NULL);
    go(close_a_receiver, NULL);
    int rc = end();
    WANT(sent_count == received && sent_count + received + ended == 3);
    return rc;
}

/* The same with a buffer, whose items go with the last receiver. */
MODEL(chan_buffer_is_dropped_with_the_last_receiver, .yields = 1, .patient = true)
{
    begin(1);
    go(sender_of_two, NULL);
    go(receiver, NULL);
    go(close_a_receiver, NULL);
    int rc = end();
    WANT(sent_count == received + dropped && dropped <= 1);
    return rc;
}

/* ---- select ---------------------------------------------------------------------------------- */

static int select_both(void *unused)
{
    int out, call, in = -1, index;

    (void)unused;
    nap_up_to(1);
    out = sends++;
    call = receives++;
    hark_case cases[2] = {hark_on_send(&chan, &out), hark_on_recv(&chan, &in)};
    index = hark_select(cases, 2);
    if (index == 0) {
        MUST(in == -1);
        return noted_send(out, hark_case_result(&cases[0]));
    }
    MUST(index != 1 || in != out);
    return noted_receive(call, in, index < 0 ? index : hark_case_result(&cases[1]));
}

/* Finds: a select that meets itself; two that do not meet each other; a case that is left
 * behind. */
MODEL(chan_selects_of_both_ends_meet, .yields = 1, .patient = true)
{
    begin(0);
    go(select_both, NULL);
    go(select_both, NULL);
    go(select_both, NULL);
    will_close = true;
    int rc = end();
    WANT(sent_count == received && (ended == 1 || ended == 3));
    return rc;
}

/* Finds: the same, when one of them is cancelled around the meeting. */
MODEL(chan_select_of_both_ends_cancelled, .yields = 1, .patient = true)
{
    begin(0);
    first = go(select_both, NULL);
    go(receiver, NULL);
    go(sender, NULL);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    WANT(sent_count == received && cut <= 1);
    return rc;
}

static hark_chan other;
static int from_other;

static int select_two_channels(void *unused)
{
    int call, mine = -1, theirs = -1, index;

    (void)unused;
    nap_up_to(1);
    call = receives++;
    hark_case cases[2] = {hark_on_recv(&chan, &mine), hark_on_recv(&other, &theirs)};
    index = hark_select(cases, 2);
    MUST((mine >= 0) + (theirs >= 0) == (index >= 0 && !hark_case_result(&cases[index])));
    if (index == 1) {
        from_other += theirs >= 0;
        ended += theirs < 0;
        return 0;
    }
    return noted_receive(call, mine, index < 0 ? index : hark_case_result(&cases[0]));
}

static int give_other(void *given)
{
    nap_up_to(2);
    *(int *)given += hark_chan_try_send(&other, &(int){1}) == 0;
    return 0;
}

/* Finds: a select that takes an item from each; one that loses the item when it is cancelled; a
 * case that stays where another one has happened and gets the next item. */
MODEL(chan_select_takes_from_one_of_two, .yields = 1, .patient = true)
{
    int given = 0;

    begin(0);
    from_other = 0;
    MUST(hark_chan_init(&other, sizeof(int), 0) == 0);
    first = go(select_two_channels, NULL);
    go(give_one, NULL);
    go(give_other, &given);
    go(cancel_first, NULL);
    will_close = true;
    int rc = end();
    MUST(given == from_other);
    WANT(received + from_other <= 1 && received + from_other + cut + ended == 1);
    MUST(hark_chan_free(&other) == 0);
    return rc;
}
