/* SPDX-License-Identifier: MIT
 *
 * broadcast_model.c - broadcasts in every order: sends, subscribers that wait or lag, cancel,
 * close.
 *
 * Rules    1  Each subscriber sees the numbers from 0 upwards; what it is told to have missed and
 *             what it gets are, together, each once (J16): whatever fault there is.
 *          2  Nobody waits when it is closed.
 */
#include <hark.h>

#include <hark/broadcast.h>

#include "stage.h"

enum { SENT = 3, CAPACITY = 2 };

static int buffer[CAPACITY];
static hark_broadcast broadcast;
static hark_subscriber subscribers[2];
static int reached[2], got, lost, ends, cut;

static int waiting(void)
{
    return hark_broadcast_statistics(&broadcast).tasks_waiting;
}

/* A step, or none: so that each may come first. */
static void dally(void)
{
    if (hark_test_choose(2) == 0) {
        hark_yield();
    }
}

static void begin(void)
{
    MUST(hark_broadcast_init(&broadcast, buffer, sizeof buffer[0], CAPACITY) == 0);
    for (int i = 0; i < 2; i++) {
        MUST(hark_broadcast_subscribe(&broadcast, &subscribers[i]) == 0);
        reached[i] = 0;
    }
    got = lost = ends = cut = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(waiting() == 0);
    return rc;
}

/* One after the other: for a subscriber that only one task uses. */
static int hear(void *number)
{
    int which = (int)(intptr_t)number, value = -1, rc;

    while ((rc = hark_broadcast_recv(&subscribers[which], &value)) >= 0) {
        MUST(value == reached[which] + rc);
        reached[which] = value + 1;
        got++;
        lost += rc;
        if (which == 0) {
            dally(); /* this one may lag */
        }
    }
    MUST(rc == -ENODATA || rc == -ECANCELED);
    MUST(rc != -ENODATA || reached[which] == SENT);
    ends += rc == -ENODATA;
    cut += rc == -ECANCELED;
    return rc == -ENODATA ? 0 : rc;
}

static int talk(void *unused)
{
    (void)unused;
    for (int i = 0; i < SENT; i++) {
        dally();
        MUST(hark_broadcast_send(&broadcast, &i) == 0);
    }
    dally();
    MUST(hark_broadcast_close(&broadcast) == 0);
    MUST(waiting() == 0);
    return 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    dally();
    hark_task_cancel(first);
    return 0;
}

/* Finds: a value that is lost, given twice, out of order or overwritten while it is handed over; a
 * number of missed values that is wrong; an end that is not told. */
MODEL(broadcast_two_listen, .yields = 1)
{
    begin();
    go(hear, (void *)0);
    go(hear, (void *)1);
    go(talk, NULL);
    int rc = end();
    WANT(ends == 2 && got + lost == 2 * SENT);
    return rc;
}

/* Finds: a value that goes under with the one who was cancelled; one that another misses for it. */
MODEL(broadcast_against_cancel, .yields = -1)
{
    begin();
    first = go(hear, (void *)0);
    go(hear, (void *)1);
    go(talk, NULL);
    go(cancel_first, NULL);
    int rc = end();
    int value, missed;
    while ((missed = hark_broadcast_try_recv(&subscribers[0], &value)) >= 0) {
        MUST(value == reached[0] + missed);
        reached[0] = value + 1;
    }
    WANT(missed == -ENODATA && reached[0] == SENT && reached[1] == SENT && ends + cut == 2);
    return rc;
}

/* ---- two tasks of one subscriber ------------------------------------------------------------- */

static int seen[SENT];

static int share(void *unused)
{
    int value = -1, rc;

    (void)unused;
    while ((rc = hark_broadcast_recv(&subscribers[0], &value)) >= 0) {
        MUST(value >= 0 && value < SENT && !seen[value]);
        seen[value] = 1;
        got++;
        lost += rc;
    }
    ends += rc == -ENODATA;
    return rc == -ENODATA ? 0 : rc;
}

/* Finds: a value that both of them get; one of them that is not told of the end. */
MODEL(broadcast_two_share_a_subscriber, .yields = 1)
{
    begin();
    for (int i = 0; i < SENT; i++) {
        seen[i] = 0;
    }
    go(share, NULL);
    go(share, NULL);
    go(talk, NULL);
    int rc = end();
    WANT(ends == 2 && got + lost == SENT);
    return rc;
}
