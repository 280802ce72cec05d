/* SPDX-License-Identifier: MIT
 *
 * watch_model.c - callbacks: armed, run, taken back, in every order.
 *
 * Idea     An armed callback runs once, or is taken back, never both and never neither; and whoever
 *          was due first runs first. Each is counted where it is armed, where it runs, and where
 *          hark_unwatch says which of the two it was.
 * Rules    1  A model takes back all that it has armed: the loop lives on.
 *          2  In WANT nothing is done, only looked at.
 */
#include "model.h"

#define WATCHES 4

static hark_group group;
static hark_event event;
static hark_future future;
static hark_watch watches[WATCHES];
static struct {
    int64_t from;
    int armed[WATCHES], ran[WATCHES], taken[WATCHES];
    int64_t due[WATCHES], since[WATCHES]; /* the instant; when it was armed */
    int order[WATCHES * 2], count;        /* in which they ran */
    int asked[WATCHES], asked_count;      /* in which they were armed */
    int again;                            /* how often a callback arms itself again */
    bool in_task;
} s;

static void begin(void)
{
    memset(&s, 0, sizeof s);
    memset(watches, 0, sizeof watches);
    s.from = hark_now();
    hark_event_init(&event);
    hark_future_init(&future);
    MUST(hark_group_open(&group) == 0);
}

static void go(hark_fn *fn, intptr_t which)
{
    if (hark_go(&group, fn, (void *)which) < 0) {
        WANT(false);
        hark_group_cancel(&group); /* somebody may wait for what it would have done */
    }
}

static void note(void *which)
{
    const int i = (int)(intptr_t)which;

    MUST(hark_self() == 0);
    MUST(hark_now() >= s.due[i]);
    s.ran[i]++;
    MUST(s.ran[i] + s.taken[i] <= s.armed[i]);
    s.order[s.count++ % (WATCHES * 2)] = i;
}

static void armed(int i, int error, int64_t due)
{
    MUST(error == 0 || error == -ENOMEM);
    WANT(error == 0);
    if (error == 0) {
        s.armed[i]++;
        s.due[i] = due;
        s.since[i] = hark_now();
        s.asked[s.asked_count++ % WATCHES] = i;
    }
}

static void take_back(int i)
{
    const bool runs = s.armed[i] > s.ran[i] + s.taken[i];
    const int rc = hark_unwatch(&watches[i]);

    MUST(rc == (runs ? 0 : -ESRCH));
    s.taken[i] += rc == 0;
}

static void take_back_all(void)
{
    for (int i = 0; i < WATCHES; i++) {
        take_back(i);
        MUST(s.ran[i] + s.taken[i] == s.armed[i]);
    }
}

static int finish(void)
{
    const int rc = hark_group_close(&group, 0);

    take_back_all();
    return rc;
}

static int place_of(int i)
{
    for (int place = 0; place < s.count; place++) {
        if (s.order[place] == i) {
            return place;
        }
    }
    return -1;
}

/* ---- taking back ----------------------------------------------------------------------------- */

static int unwatcher(void *which)
{
    hark_sleep(9 + hark_test_choose(3));
    take_back((int)(intptr_t)which);
    take_back((int)(intptr_t)which);
    return 0;
}

static void taking_callback(void *which)
{
    note(which);
    take_back(0);
    take_back(1);
}

/* One soon, one at an instant, one after a time; two tasks and a callback take them back. Would
 * find: a callback that runs although it was taken back, or never; one that is said to have run. */
MODEL(callback_against_unwatch)
{
    begin();
    armed(0, hark_call_at(s.from + 10, &watches[0], note, (void *)0), s.from + 10);
    armed(1, hark_call_later(10, &watches[1], note, (void *)1), s.from + 10);
    armed(2, hark_call_later(10, &watches[2], taking_callback, (void *)2), s.from + 10);
    armed(3, hark_call_soon(&watches[3], note, (void *)3), s.from);
    MUST(hark_call_soon(&watches[3], note, (void *)3) == -EALREADY || s.armed[3] == 0);
    go(unwatcher, 1);
    go(unwatcher, 2);
    hark_yield();
    take_back(3);
    return finish();
}

/* ---- order ----------------------------------------------------------------------------------- */

static int asker(void *which)
{
    const int i = 2 * (int)(intptr_t)which;

    armed(i, hark_call_soon(&watches[i], note, (void *)(intptr_t)i), 0);
    hark_yield();
    armed(i + 1, hark_call_soon(&watches[i + 1], note, (void *)(intptr_t)(i + 1)), 0);
    return 0;
}

/* Callbacks run in the order of asking, whatever tasks run between. Would find: one that overtakes
 * another; one that is forgotten. */
MODEL(callbacks_soon_keep_their_order)
{
    begin();
    go(asker, 0);
    go(asker, 1);
    const int slept = hark_sleep(1);
    const int rc = hark_group_close(&group, 0);
    hark_yield();
    for (int i = 0; i < s.count; i++) {
        MUST(s.order[i] == s.asked[i]);
    }
    WANT(slept == 0 && s.count == WATCHES);
    take_back_all();
    return rc;
}

static int timer_asker(void *which)
{
    const int i = 2 * (int)(intptr_t)which;
    const int64_t first = s.from + 10, second = s.from + 10 + 5 * (s.again == i);

    armed(i, hark_call_at(first, &watches[i], note, (void *)(intptr_t)i), first);
    hark_sleep(5);
    armed(i + 1, hark_call_at(second, &watches[i + 1], note, (void *)(intptr_t)(i + 1)), second);
    return 0;
}

/* What is due earlier, runs earlier; of one instant, what was armed earlier. Only who is late for
 * its own instant has no claim. Would find: ties that fire backwards, a timer that is early. */
MODEL(callbacks_at_instants_keep_their_order)
{
    begin();
    s.again = 2 * hark_test_choose(2);
    go(timer_asker, 0);
    go(timer_asker, 1);
    const int rc = hark_group_close(&group, 0);
    const int slept = hark_sleep_until(s.from + 20); /* the loop looks at its timers before */
    hark_sleep(1);
    hark_yield();
    WANT(slept == 0 && s.count == WATCHES);
    for (int i = 0; i < s.asked_count; i++) {
        for (int j = 0; j < s.asked_count; j++) {
            const int a = s.asked[i], b = s.asked[j];
            const bool earlier = s.due[a] == s.due[b] ? i < j : s.due[a] < s.due[b];
            if (earlier && s.since[a] < s.due[a] && place_of(a) >= 0 && place_of(b) >= 0) {
                MUST(place_of(a) < place_of(b));
            }
        }
    }
    take_back_all();
    return rc;
}

/* ---- callbacks that arm themselves again ----------------------------------------------------- */

static void again(void *which)
{
    const int i = (int)(intptr_t)which;

    note(which);
    if (s.again-- > 0) {
        MUST(hark_unwatch(&watches[i]) == -ESRCH);
        if (hark_test_choose(2)) {
            armed(i, hark_call_soon(&watches[i], again, which), 0);
        } else {
            armed(i, hark_call_later(1, &watches[i], again, which), hark_now() + 1);
        }
    }
}

static int rearmer(void *which)
{
    const int i = (int)(intptr_t)which;

    hark_sleep(1 + hark_test_choose(3));
    take_back(i);
    armed(i, hark_call_later(1, &watches[i], note, which), hark_now() + 1);
    hark_sleep(3);
    return 0;
}

/* Would find: a callback that is not idle when it is called, so that it cannot arm itself, or that
 * runs by an old arming. */
MODEL(callback_arms_itself_against_unwatch)
{
    begin();
    s.again = 2;
    armed(0, hark_call_soon(&watches[0], again, (void *)0), 0);
    go(rearmer, 0);
    const int rc = finish();
    WANT(rc == 0 && s.ran[0] >= 1);
    return rc;
}

/* ---- events and futures ---------------------------------------------------------------------- */

static int waiter(void *unused)
{
    (void)unused;
    const int rc = hark_event_wait(&event);
    s.in_task = rc == 0;
    return rc;
}

static int sender(void *unused)
{
    (void)unused;
    hark_sleep(1 + hark_test_choose(2));
    hark_event_set(&event);
    hark_sleep(1);
    hark_future_send(&future, &s);
    return 0;
}

/* Two on an event, one on a future, which are set and sent while one is taken back. Would find: a
 * watch that is lost when it is set, runs twice, or stays in the list when it was taken back. */
MODEL(watch_against_set_against_unwatch)
{
    begin();
    armed(0, hark_event_watch(&event, &watches[0], note, (void *)0), 0);
    armed(1, hark_event_watch(&event, &watches[1], note, (void *)1), 0);
    armed(2, hark_future_watch(&future, &watches[2], note, (void *)2), 0);
    go(waiter, 0);
    go(sender, 0);
    hark_sleep(1 + hark_test_choose(3));
    take_back(0);
    take_back(2);
    MUST(hark_event_statistics(&event).tasks_waiting <= 1);
    const int rc = hark_group_close(&group, 0);
    hark_yield();
    WANT(rc == 0 && s.in_task && s.ran[1] == 1);
    MUST(place_of(0) < 0 || place_of(1) < 0 || place_of(0) < place_of(1));
    take_back_all();
    return rc;
}
