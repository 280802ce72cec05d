/* SPDX-License-Identifier: MIT
 *
 * flag_model.c - flags in every order: set, clear, wait, cancel, deadlines.
 *
 * Idea     As in event_model.c, who sets counts how many stood there, and that many must hear 0,
 *          even if it is cleared before any of them has run. Each wait also notes how often the
 *          flag was set until then: a wait that ends with 0 has found it set, or somebody has set
 *          it since.
 *
 * Rules    1  released == stood holds whatever fault there is.
 *          2  Who sets does so even when it is cancelled itself.
 */
#include <hark.h>
#include <string.h>

#include "stage.h"

static hark_flag flag;
static int stood, released, passed, left, cut, sets;

static int waiting(void)
{
    return hark_flag_statistics(&flag).tasks_waiting;
}

static void begin(void)
{
    memset(&flag, 0, sizeof flag);
    stood = released = passed = left = cut = sets = 0;
    open_stage();
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(released == stood);
    WANT(cut == left);
    MUST(waiting() == 0);
    return rc;
}

static void set(void)
{
    stood += hark_flag_is_set(&flag) ? 0 : waiting();
    sets++;
    MUST(hark_flag_set(&flag) == 0);
    MUST(hark_flag_is_set(&flag) && waiting() == 0);
}

static void clear(void)
{
    int before = waiting();

    MUST(hark_flag_clear(&flag) == 0);
    MUST(!hark_flag_is_set(&flag) && waiting() == before);
}

static int listen_once(void)
{
    bool was_cancelled = hark_checkpoint() == -ECANCELED, was_set = hark_flag_is_set(&flag);
    int before = sets, rc = hark_flag_wait(&flag);

    MUST(rc == (was_cancelled ? -ECANCELED : was_set ? 0 : rc));
    MUST(rc == 0 || rc == -ECANCELED);
    MUST(rc != 0 || was_set || sets > before);
    passed += rc == 0 && was_set;
    released += rc == 0 && !was_set;
    cut += rc != 0 && !was_cancelled;
    return rc;
}

static int hear(void *unused)
{
    (void)unused;
    return listen_once();
}

static int hear_later(void *unused)
{
    (void)unused;
    stroll();
    return listen_once();
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    int before = waiting();
    hark_task_cancel(first);
    left += before - waiting();
    return 0;
}

/* ---- set and cleared at once ----------------------------------------------------------------- */

/* In the end it is set, or those who came too late would wait for ever. */
static int pulse_then_set(void *unused)
{
    (void)unused;
    stroll();
    set();
    clear();
    hark_yield();
    set();
    return 0;
}

/* Finds: a woken waiter that looks at the flag again, and waits again or says that it was in
 * vain. */
MODEL(flag_set_and_cleared_releases_for_good)
{
    begin();
    go(hear, NULL);
    go(hear_later, NULL);
    go(hear, NULL);
    go(pulse_then_set, NULL);
    int rc = end();
    WANT(released + passed == 3);
    return rc;
}

/* Finds: the same with a cancel between waking and running: it shows at the next checkpoint
 * only. */
MODEL(flag_pulse_against_cancel)
{
    begin();
    first = go(hear, NULL);
    go(hear_later, NULL);
    go(pulse_then_set, NULL);
    go(cancel_first, NULL);
    int rc = end();
    WANT(released + passed + cut >= 1 && cut <= 1);
    return rc;
}

/* ---- one that waits again and again ---------------------------------------------------------- */

static int hear_twice(void *unused)
{
    (void)unused;
    int rc = listen_once();
    if (rc == 0) {
        stroll();
        rc = listen_once();
    }
    return rc;
}

static int set_clear_set(void *unused)
{
    (void)unused;
    stroll();
    set();
    clear();
    set(); /* nobody stands there yet: those who were released have not run */
    hark_yield();
    clear();
    hark_yield();
    set();
    return 0;
}

/* Finds: a waiter that is woken twice by two sets of one turn, and takes the second for its next
 * wait; a wait that goes through a flag that is clear. */
MODEL(flag_set_clear_set_is_two_rounds)
{
    begin();
    go(hear_twice, NULL);
    go(hear_twice, NULL);
    go(set_clear_set, NULL);
    int rc = end();
    WANT(released + passed == 4);
    return rc;
}

/* ---- two who set and clear ------------------------------------------------------------------- */

static int busy_setters;

static int set_and_clear(void *unused)
{
    (void)unused;
    set();
    hark_yield();
    clear();
    hark_yield();
    if (--busy_setters == 0) {
        set();
    }
    return 0;
}

/* Finds: a clear that takes away who waits, or what they were given; one of two sets that is
 * lost. */
MODEL(flag_two_set_and_clear)
{
    begin();
    busy_setters = 2;
    go(hear_later, NULL);
    go(hear, NULL);
    if (go(set_and_clear, NULL) < 0) {
        busy_setters--;
    }
    if (go(set_and_clear, NULL) < 0) {
        busy_setters--;
    }
    int rc = end();
    WANT(released + passed == 2);
    return rc;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int timeouts;

static int hear_impatiently(void *unused)
{
    int64_t deadline = hark_now() + HARK_MS(1), rc = hark_within(HARK_MS(1), listen_once());

    (void)unused;
    MUST(rc != -ETIMEDOUT || hark_now() >= deadline);
    timeouts += rc == -ETIMEDOUT;
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

static int pulse_in_time(void *unused)
{
    (void)unused;
    hark_sleep(HARK_MS(1 + hark_test_choose(2)));
    set();
    clear();
    return 0;
}

/* Finds: a deadline that takes back what a pulse gave in the same instant; a pulse that reaches
 * whom the deadline has taken out already. */
MODEL(flag_pulse_against_deadline)
{
    begin();
    timeouts = 0;
    go(hear_impatiently, NULL);
    go(hear_impatiently, NULL);
    go(pulse_in_time, NULL);
    int rc = hark_group_close(&group, 0);
    MUST(released == stood && waiting() == 0);
    WANT(timeouts + released == 2 && cut == timeouts);
    return rc;
}

/* ---- since a generation ---------------------------------------------------------------------- */

/* Looks, does something else, and waits for what has come since: it must miss no set. */
static int look_and_hear_since(void *unused)
{
    (void)unused;
    stroll();
    uint64_t seen = hark_flag_generation(&flag);
    MUST(seen == (uint64_t)sets);
    stroll();
    bool was_cancelled = hark_checkpoint() == -ECANCELED, past = (uint64_t)sets > seen;
    int rc = hark_flag_wait_since(&flag, seen);
    MUST(rc == (was_cancelled ? -ECANCELED : past ? 0 : rc));
    MUST(rc == 0 || rc == -ECANCELED);
    MUST(rc != 0 || (uint64_t)sets > seen);
    passed += rc == 0 && past;
    released += rc == 0 && !past;
    cut += rc != 0 && !was_cancelled;
    return rc;
}

/* A set of a flag that is set wakes these, too. */
static void set_again(void)
{
    stood += waiting();
    sets++;
    MUST(hark_flag_set(&flag) == 0);
    MUST(waiting() == 0);
}

static int set_twice_and_clear(void *unused)
{
    (void)unused;
    stroll();
    set_again();
    stroll();
    set_again();
    clear();
    return 0;
}

/* When all else is quiet there is one more, for who looked after the last. */
static int end_with_a_set(void)
{
    hark_settle();
    set_again();
    return end();
}

/* Finds: a set that is not counted, a cleared one that is forgotten, one that wakes only who waits
 * for a clear flag. */
MODEL(flag_since_misses_no_set)
{
    begin();
    go(look_and_hear_since, NULL);
    go(look_and_hear_since, NULL);
    go(set_twice_and_clear, NULL);
    int rc = end_with_a_set();
    WANT(released + passed == 2);
    return rc;
}

/* Finds: a wait that is cut short and set in one step, and both or neither count. */
MODEL(flag_since_against_cancel)
{
    begin();
    first = go(look_and_hear_since, NULL);
    go(hear, NULL);
    go(set_twice_and_clear, NULL);
    go(cancel_first, NULL);
    int rc = end_with_a_set();
    WANT(cut <= 1);
    return rc;
}

static int select_since(void *unused)
{
    (void)unused;
    uint64_t seen = hark_flag_generation(&flag);
    stroll();
    hark_case cases[] = {hark_on_flag_since(&flag, seen), hark_on_time(hark_now() + 2)};
    bool past = (uint64_t)sets > seen;
    int i = hark_select(cases, 2);
    MUST(i == -ECANCELED || !past || i == 0);
    MUST(i != 0 || (uint64_t)sets > seen);
    released += i == 0 && !past;
    passed += i == 0 && past;
    timeouts += i == 1;
    return i < 0 ? i : 0;
}

/* Finds: a case that leaves its place behind, or that a set does not reach. */
MODEL(flag_since_as_a_case)
{
    begin();
    timeouts = 0;
    go(select_since, NULL);
    go(set_twice_and_clear, NULL);
    int rc = end();
    WANT(released + passed + timeouts == 1);
    return rc;
}
