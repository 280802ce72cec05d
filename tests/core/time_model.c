/* SPDX-License-Identifier: MIT
 *
 * time_model.c - sleeping, giving way and settling, in every order and with late clocks.
 *
 * Idea     Time may go on between any two steps, and a timer that is due is only noticed when the
 *          loop looks around. So a model says how early something may be, never how late; which of
 *          two comes first it says where the contract does.
 * Rules    1  In WANT nothing is done, only looked at.
 * Not here Deadlines of scopes (scope_model.c), callbacks at an instant (watch_model.c).
 */
#include "model.h"

#define TASKS 3

static hark_group group;
static hark_event event;
static struct {
    int64_t from, until[TASKS], at;
    int heard[TASKS];
    hark_task id;
    bool ended, given;
    int rounds[TASKS]; /* turns that each has had */
    bool over[TASKS];
    int active, settled, settlers;
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.from = hark_now();
    s.at = HARK_FOREVER;
    for (int i = 0; i < TASKS; i++) {
        s.heard[i] = 1;
    }
    hark_event_init(&event);
    MUST(hark_group_open(&group) == 0);
}

static hark_task go(hark_fn *fn, intptr_t which)
{
    const hark_task id = hark_go(&group, fn, (void *)which);

    MUST(id > 0 || hark_test_disturbed());
    return id > 0 ? id : 0;
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static int sleeper(void *which)
{
    const int i = (int)(intptr_t)which;
    const int64_t began = hark_now();

    const bool by_length = hark_test_choose(2);
    s.heard[i] = by_length ? hark_sleep(s.until[i] - began) : hark_sleep_until(s.until[i]);
    MUST(s.heard[i] == 0 || s.heard[i] == -ECANCELED);
    MUST(s.heard[i] != 0 || hark_now() >= s.until[i]);
    if (i == 0) {
        s.ended = true;
    }
    return s.heard[i];
}

static int canceller(void *unused)
{
    (void)unused;
    const int rc = sleeper((void *)1);
    if (rc == 0) {
        s.at = hark_now();
        const bool ended = s.ended;
        const int error = s.id ? hark_task_cancel(s.id) : 0;
        MUST(!s.id || error == (ended ? -ESRCH : 0));
    }
    return 0;
}

/* The sleeper is armed first, so of one instant it is woken first, and stays woken. Would find: a
 * sleep that ends early or not at all, a cancellation that takes back the wake-up. */
MODEL(sleep_against_cancel)
{
    begin();
    s.until[0] = s.from + 10;
    s.until[1] = s.from + 9 + hark_test_choose(3);
    s.until[2] = s.from + 10;
    s.id = go(sleeper, 0);
    go(canceller, 1);
    go(sleeper, 2);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0 && s.heard[1] == 0 && s.heard[2] == 0);
    WANT(s.until[1] > s.until[0] ? s.heard[0] == 0 : true);
    WANT(s.at >= s.until[0] || s.heard[0] == -ECANCELED);
    return rc;
}

static void ring(void *which)
{
    s.rounds[0] = s.rounds[0] * 10 + (int)(intptr_t)which;
}

static int arming_sleeper(void *watch)
{
    const int64_t until = s.from + 10;

    s.active++;
    if (hark_now() < until) {
        hark_call_at(until, watch, ring, (void *)(intptr_t)s.active);
    }
    const int rc = hark_sleep_until(until);
    MUST(rc != 0 || hark_now() >= until);
    return rc;
}

/* Three sleeps, and before each a callback of the same instant, which tells the order in which they
 * fire. Would find: ties that fire out of order, timers that are lost in one another's lists. */
MODEL(sleep_ties_fire_as_they_were_armed)
{
    static hark_watch watches[3];
    int expected = 0;

    begin();
    memset(watches, 0, sizeof watches);
    for (int i = 0; i < 3; i++) {
        const hark_task id = hark_go(&group, arming_sleeper, &watches[i]);
        MUST(id > 0 || hark_test_disturbed());
    }
    int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    if (rc == 0) {
        rc = hark_sleep_until(s.from + 11);
    }
    for (int i = 0; i < 3; i++) {
        hark_unwatch(&watches[i]);
    }
    for (int rest = s.rounds[0]; rest; rest /= 10) {
        MUST(expected == 0 || rest % 10 < expected);
        expected = rest % 10;
    }
    return rc;
}

/* ---- giving way ------------------------------------------------------------------------------ */

static void callback(void *unused)
{
    (void)unused;
    s.given = true;
}

/* Who was ready when it gave way has had a turn when it goes on. */
static int give_way(int self, bool by_sleeping)
{
    int rounds[TASKS];

    memcpy(rounds, s.rounds, sizeof rounds);
    const int rc = by_sleeping ? hark_sleep(0) : hark_yield();
    s.rounds[self]++;
    for (int i = 0; i < TASKS && rc == 0; i++) {
        MUST(i == self || s.over[i] || s.rounds[i] > rounds[i]);
    }
    return rc;
}

static int fair(void *which)
{
    const int self = (int)(intptr_t)which;
    static hark_watch watch;
    int rc = 0;

    s.rounds[self]++;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = give_way(self, hark_test_choose(2));
    }
    if (self == 0) {
        memset(&watch, 0, sizeof watch);
        s.given = false;
        const bool armed = hark_call_soon(&watch, callback, NULL) == 0;
        rc = rc ? rc : give_way(self, false);
        MUST(rc || !armed || s.given);
        hark_unwatch(&watch);
    }
    s.over[self] = true;
    return rc;
}

/* Would find: a yield that comes back too soon. */
MODEL(yield_lets_all_run_that_were_ready)
{
    begin();
    for (int i = 0; i < TASKS; i++) {
        s.over[i] = !go(fair, i);
    }
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    MUST(s.over[0] && s.over[1] && s.over[2]);
    return rc;
}

/* ---- settling -------------------------------------------------------------------------------- */

static int busy(void *which)
{
    const int self = (int)(intptr_t)which;

    hark_yield();
    if (self == 0) {
        s.active += hark_event_statistics(&event).tasks_waiting; /* they are ready from here on */
        hark_event_set(&event);
    }
    hark_yield();
    s.rounds[self]++;
    s.active--;
    s.heard[self] = hark_sleep(10);
    return s.heard[self];
}

static int woken(void *unused)
{
    (void)unused;
    const bool was_set = hark_event_is_set(&event);
    if (!was_set) {
        s.active--;
    }
    const int rc = hark_event_wait(&event);
    WANT(rc == 0);
    s.active -= rc == 0;
    s.heard[2] = rc ? rc : hark_sleep(10);
    return s.heard[2];
}

static int settler(void *unused)
{
    (void)unused;
    const int rc = hark_settle();
    MUST(rc == 0 || rc == -ECANCELED);
    WANT(rc == 0);
    WANT(s.active == 0);
    s.settled++;
    const int yielded = hark_yield();
    WANT(yielded == 0 && s.settled == s.settlers); /* all of them were woken together */
    return rc ? rc : yielded;
}

/* The others have gone as far as they can when a settler goes on, and settlers do not wait for one
 * another. Would find: a settle that ends while somebody is ready, or never. */
MODEL(settle_against_others, .patient = true)
{
    begin();
    s.active = 3;
    if (!go(busy, 0) || !go(busy, 1) || !go(woken, 2)) {
        hark_event_set(&event);
    }
    s.settlers = (go(settler, 0) != 0) + (go(settler, 1) != 0);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0);
    WANT(s.settled == s.settlers);
    return rc;
}

static int settle_canceller(void *unused)
{
    (void)unused;
    s.rounds[0] = hark_sleep(1);
    if (s.id) {
        s.given = hark_task_cancel(s.id) == 0;
    }
    return 0;
}

static int cancelled_settler(void *unused)
{
    (void)unused;
    s.heard[0] = hark_settle();
    WANT(s.heard[0] == 0 || s.given);
    return s.heard[0];
}

/* Would find: a settler that a cancellation does not reach, or one that is woken for another. */
MODEL(settle_against_cancel)
{
    begin();
    s.id = go(cancelled_settler, 0);
    go(settle_canceller, 0);
    go(settle_canceller, 0);
    const int settled = hark_settle();
    WANT(settled == 0);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0 && s.heard[0] != 1);
    return rc;
}
