/* SPDX-License-Identifier: MIT
 *
 * select_model.c - hark_select in every order: events, flags, futures, tasks, time, descriptors.
 *
 * Idea     Who makes a case happen counts how many selects stood there, and who selects tells which
 *          case it was: for each case the two must be equal. And from the instant in which one case
 *          has happened, nobody stands at the others any more: that is looked at on the spot.
 *
 * Rules    1  given[i] == taken[i] holds whatever fault there is; cut == left only undisturbed.
 *          2  Who makes a case happen does so even when it is cancelled itself.
 */
#include <hark.h>
#include <poll.h>
#include <string.h>

#include "core/core.h"
#include "stage.h"

static hark_event events[2];
static hark_flag flags[2];
static int given[3], taken[3], found; /* by index; found: it had happened before anybody stood */
static int left, cut;

static void begin(void)
{
    memset(events, 0, sizeof events);
    memset(flags, 0, sizeof flags);
    memset(given, 0, sizeof given);
    memset(taken, 0, sizeof taken);
    found = left = cut = 0;
    open_stage();
}

static int at_event(int i)
{
    return hark_event_statistics(&events[i]).tasks_waiting;
}

static int at_flag(int i)
{
    return hark_flag_statistics(&flags[i]).tasks_waiting;
}

static int end(void)
{
    int rc = hark_group_close(&group, 0);

    MUST(given[0] == taken[0] && given[1] == taken[1]);
    WANT(cut == left);
    MUST(at_event(0) + at_event(1) + at_flag(0) + at_flag(1) == 0);
    return rc;
}

/* ---- two events and a timer ------------------------------------------------------------------ */

static int select_event(void *deadline)
{
    hark_case cases[3] = {hark_on_event(&events[0]), hark_on_event(&events[1]),
                          hark_on_time(deadline ? *(int64_t *)deadline : HARK_FOREVER)};
    bool was_cancelled = hark_checkpoint() == -ECANCELED;
    bool set[2] = {hark_event_is_set(&events[0]), hark_event_is_set(&events[1])};
    int index = hark_select(cases, deadline ? 3 : 2);

    if (was_cancelled || index == -ECANCELED) {
        MUST(index == -ECANCELED);
        cut += !was_cancelled;
        return index;
    }
    MUST(index >= 0 && index < 3 && hark_case_result(&cases[index]) == 0);
    MUST(index == 2 ? hark_now() >= cases[2].number : hark_event_is_set(&events[index]));
    if (set[0] || set[1]) {
        MUST(index == 2 || set[index]);
        found++;
    } else {
        taken[index]++;
    }
    return 0;
}

/* All who select stand at both. */
static int set_event(void *which)
{
    int i = (int)(intptr_t)which;

    stroll();
    MUST(at_event(0) == at_event(1) || hark_event_is_set(&events[1 - i]));
    given[i] += at_event(i);
    MUST(hark_event_set(&events[i]) == 0);
    MUST(at_event(0) == 0 && at_event(1) == 0);
    return 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    int before = at_event(0);
    hark_task_cancel(first);
    MUST(at_event(0) == at_event(1));
    left += before - at_event(0);
    return 0;
}

/* Finds: a case that is left behind; two that happen; one that happens to nobody. */
MODEL(select_two_events)
{
    begin();
    go(select_event, NULL);
    go(select_event, NULL);
    go(set_event, (void *)0);
    go(set_event, (void *)1);
    int rc = end();
    WANT(taken[0] + taken[1] + found == 2);
    return rc;
}

/* Finds: a cancelled select that leaves a case behind, or that hears it after a case has
 * happened. */
MODEL(select_against_cancel)
{
    begin();
    first = go(select_event, NULL);
    go(select_event, NULL);
    go(set_event, (void *)0);
    go(set_event, (void *)1);
    go(cancel_first, NULL);
    int rc = end();
    WANT(taken[0] + taken[1] + found + cut >= 1 && cut <= 1);
    return rc;
}

static int64_t instant;

static int set_in_time(void *unused)
{
    (void)unused;
    hark_sleep_until(instant + hark_test_choose(2));
    return set_event((void *)0);
}

/* Finds: a timer that stays armed, or fires early, or after another case has happened. */
MODEL(select_event_against_time)
{
    begin();
    instant = hark_now() + HARK_MS(1);
    go(select_event, &instant);
    go(select_event, &instant);
    go(set_in_time, NULL);
    int rc = end();
    WANT(taken[0] + taken[2] + found == 2);
    return rc;
}

static int select_time(void *unused)
{
    (void)unused;
    int64_t at = hark_now() + HARK_MS(2);
    hark_case later[2] = {hark_on_time(at + 1), hark_on_time(at)};
    int index = hark_select(later, 2);

    MUST(index == 1 || index == -ECANCELED);
    MUST(index < 0 || hark_now() >= at);
    if (index < 0) {
        return index;
    }
    hark_case same = hark_on_time(hark_now() + HARK_MS(2));
    int64_t rc = hark_within(HARK_MS(2), hark_select(&same, 1));
    MUST(rc == -ETIMEDOUT || hark_test_disturbed()); /* its deadline was armed first */
    return rc == -ETIMEDOUT ? 0 : (int)rc;
}

/* Finds: two timers of one instant that fire in the wrong order; one that fires early. */
MODEL(select_time_within_time, .patient = true)
{
    begin();
    go(select_time, NULL);
    go(select_time, NULL);
    go(select_event, &instant);
    go(set_event, (void *)0);
    instant = hark_now() + HARK_MS(2);
    return end();
}

/* ---- two selects at the same flags ----------------------------------------------------------- */

static int select_flag(void *unused)
{
    (void)unused;
    hark_case cases[2] = {hark_on_flag(&flags[0]), hark_on_flag(&flags[1])};
    for (int round = 0; round < 2; round++) {
        bool was_cancelled = hark_checkpoint() == -ECANCELED;
        bool set[2] = {hark_flag_is_set(&flags[0]), hark_flag_is_set(&flags[1])};
        int index = hark_try_select(cases, 2);
        MUST(index == -EAGAIN ? !set[0] && !set[1] : index >= 0 && set[index]);
        index = hark_select(cases, 2);
        if (index == -ECANCELED) {
            cut += !was_cancelled;
            return index;
        }
        MUST(index == 0 || index == 1);
        if (set[0] || set[1]) {
            MUST(set[index]);
            found++;
        } else {
            taken[index]++;
        }
    }
    return 0;
}

static void pulse(int i)
{
    MUST(at_flag(0) == at_flag(1));
    given[i] += at_flag(i);
    MUST(hark_flag_set(&flags[i]) == 0);
    MUST(at_flag(0) == 0 && at_flag(1) == 0);
    MUST(hark_flag_clear(&flags[i]) == 0);
}

static int pulse_both(void *unused)
{
    (void)unused;
    stroll();
    pulse(0);
    pulse(1); /* finds nobody: they have got the other one */
    hark_yield();
    pulse(1);
    pulse(0);
    hark_yield();
    given[0] += at_flag(0);
    MUST(hark_flag_set(&flags[0]) == 0); /* for those who have come too late */
    return 0;
}

/* Finds: a select that takes two wake-ups where it reports one, or whose second case takes the next
 * one in vain. */
MODEL(select_two_at_the_same_flags)
{
    begin();
    go(select_flag, NULL);
    go(select_flag, NULL);
    go(pulse_both, NULL);
    int rc = end();
    WANT(taken[0] + taken[1] + found == 4);
    return rc;
}

/* ---- futures --------------------------------------------------------------------------------- */

static hark_future futures[2];
static int code; /* of the first outcome of futures[0] */

static int select_future(void *unused)
{
    (void)unused;
    hark_case cases[2] = {hark_on_future(&futures[0]), hark_on_future(&futures[1])};
    bool was_ready = hark_future_ready(&futures[0]);
    bool stood = !was_ready && !hark_future_ready(&futures[1]);
    int before = code, index = hark_select(cases, 2);
    if (index == -ECANCELED) {
        cut++;
        return index;
    }
    MUST(index == 0 || index == 1);
    found++;
    MUST(index == 1 || (stood && before == 1) || was_ready);
    MUST(index == 1 || hark_case_result(&cases[0]) == (was_ready ? before : -EIO));
    MUST(index == 0 || hark_case_result(&cases[1]) == 0);
    return 0;
}

static int complete_futures(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_future_fail(&futures[0], -EIO, NULL) == 0);
    code = -EIO;
    if (hark_future_wait(&futures[0], NULL) == -EIO) {
        MUST(hark_future_reset(&futures[0]) == 0);
        MUST(hark_future_fail(&futures[0], -EPIPE, NULL) == 0);
        code = -EPIPE;
    }
    return 0;
}

static int send_other(void *unused)
{
    (void)unused;
    stroll();
    return hark_future_send(&futures[1], NULL);
}

/* Finds: a case whose result is what the future holds by then, or another case's. */
MODEL(select_futures_and_what_they_gave, .yields = 1)
{
    begin();
    memset(futures, 0, sizeof futures);
    code = 1;
    go(select_future, NULL);
    go(select_future, NULL);
    go(complete_futures, NULL);
    go(send_other, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(found == 2 && hark_future_ready(&futures[0]));
    if (hark_future_ready(&futures[0])) {
        hark_future_wait(&futures[0], NULL);
    }
    return rc;
}

/* ---- the end of a task ----------------------------------------------------------------------- */

static bool ended[2];
static hark_task workers[2];
static hark_event never;

static int work(void *which)
{
    int i = (int)(intptr_t)which;

    stroll();
    int rc = i ? hark_event_wait(&never) : 0;
    ended[i] = true;
    return rc;
}

/* The second one would work for ever. */
static int cancel_second(void *unused)
{
    (void)unused;
    stroll();
    MUST(hark_task_cancel(workers[1]) == (ended[1] ? -ESRCH : 0) || hark_test_disturbed());
    return 0;
}

static int await_workers(void *unused)
{
    (void)unused;
    hark_case cases[2] = {hark_on_task(workers[0]), hark_on_task(workers[1])};
    stroll();
    int index = hark_select(cases, 2);
    if (index < 0) {
        MUST(index == -ECANCELED || index == -ENOMEM);
        return index;
    }
    MUST(ended[index]);
    index = hark_select(&cases[1 - index], 1);
    MUST(index == 0 || index == -ECANCELED || index == -ENOMEM);
    MUST(index < 0 || (ended[0] && ended[1]));
    WANT(index == 0);
    return index;
}

/* Finds: the end of a task, of a cancelled one too, that wakes no joiner, or one that is still
 * there when the select is over; an id that is used again. */
MODEL(select_tasks_that_end)
{
    begin();
    memset(&never, 0, sizeof never);
    for (intptr_t i = 0; i < 2; i++) {
        ended[i] = false;
        workers[i] = go(work, (void *)i);
    }
    go(cancel_second, NULL);
    if (workers[0] > 0 && workers[1] > 0) {
        go(await_workers, NULL);
    }
    int rc = end();
    WANT(ended[0] && ended[1]);
    return rc;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int pair[2];
static int written;
static bool is_closed;

static bool open_pair(void)
{
    written = 0;
    is_closed = false;
    return hark_test_pair(pair, 4) == 0;
}

static void close_pair(void)
{
    if (!is_closed) {
        hark_close(pair[0]);
    }
    if (pair[1] >= 0) {
        hark_close(pair[1]);
    }
}

static int select_readable(void *unused)
{
    (void)unused;
    hark_case cases[2] = {hark_on_fd(pair[0], POLLIN), hark_on_event(&events[0])};
    bool was_closed = is_closed, was_set = hark_event_is_set(&events[0]);
    int index = hark_select(cases, 2);
    int rc = index >= 0 ? hark_case_result(&cases[index]) : index;
    MUST(index != 1 || (hark_event_is_set(&events[0]) && rc == 0));
    WANT(index != 0 || (rc == 0 ? written > 0 : rc == -EBADF && is_closed));
    taken[0] += index == 1 && !was_set && !was_closed;
    found += index >= 0;
    WANT(index >= 0 || index == -ECANCELED);
    return index < 0 ? index : 0;
}

/* The hub says what is not so: somebody else may have read it. */
static int tell_in_vain(void *unused)
{
    (void)unused;
    stroll();
    int before = at_event(0);
    hark__sim_ready(hark__here->hub, pair[0], POLLIN);
    hark_yield();
    hark__sim_ready(hark__here->hub, pair[0], POLLIN);
    WANT(at_event(0) >= before || written || hark_event_is_set(&events[0]));
    return 0;
}

static int write_byte(void *unused)
{
    (void)unused;
    stroll();
    if (!is_closed) {
        written++; /* before the call, which may let others run when it is done */
        if (hark_write(pair[1], "x", 1) != 1) {
            WANT(false);
            hark_close(pair[1]); /* the end, which is also news */
            pair[1] = -1;
        }
    }
    return 0;
}

/* Finds: a select that takes a report at its word, or is not told again after one that was in vain,
 * or leaves the event meanwhile. */
MODEL(select_told_in_vain, .yields = 1)
{
    begin();
    MUST(open_pair());
    go(select_readable, NULL);
    go(tell_in_vain, NULL);
    go(write_byte, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(found == 1);
    close_pair();
    return rc;
}

static int close_it(void *unused)
{
    (void)unused;
    stroll();
    is_closed = true;
    hark_close(pair[0]);
    return 0;
}

static int set_only(void *unused)
{
    (void)unused;
    stroll();
    given[0] += at_event(0);
    MUST(hark_event_set(&events[0]) == 0);
    MUST(at_event(0) == 0);
    return 0;
}

/* Finds: a closed descriptor that tells nobody; a select that still stands at its event, or at the
 * number that has a new owner. */
MODEL(select_descriptor_closed_against_event, .yields = 1)
{
    begin();
    MUST(open_pair());
    if (go(select_readable, NULL) > 0) {
        go(close_it, NULL);
    }
    go(set_only, NULL);
    int rc = hark_group_close(&group, 0);
    WANT(found == 1);
    MUST(at_event(0) == 0 && given[0] == taken[0]);
    close_pair();
    return rc;
}

static bool reads;
static int selecting;

static int read_byte(void *unused)
{
    char byte;

    (void)unused;
    bool was_taken = selecting && !written;
    reads = !was_taken;
    ssize_t rc = hark_read(pair[0], &byte, 1);
    reads = false;
    WANT(rc == 1 ? byte == 'x' && !was_taken : rc == -EBUSY && selecting);
    return rc < 0 && rc != -EBUSY ? (int)rc : 0;
}

/* The event stands before the descriptor that is taken: nothing may stay at it. */
static int select_taken(void *unused)
{
    (void)unused;
    hark_case cases[2] = {hark_on_event(&events[0]), hark_on_fd(pair[0], POLLIN)};
    stroll();
    bool was_taken = reads && !written;
    bool other_selects = selecting++ && !written;
    int64_t index = hark_within(HARK_MS(1), hark_select(cases, 2));
    MUST(at_event(0) <= --selecting);
    was_taken = was_taken || other_selects;
    WANT(!was_taken || index == -EBUSY);
    WANT(index == -EBUSY || index == 1 || index == -ETIMEDOUT);
    return 0;
}

/* Finds: a select that is refused and leaves the cases before behind; two who wait to read one. */
MODEL(select_of_a_descriptor_that_is_taken, .yields = -1, .patient = true)
{
    begin();
    MUST(open_pair());
    reads = false;
    selecting = 0;
    go(read_byte, NULL);
    go(select_taken, NULL);
    go(select_taken, NULL);
    go(write_byte, NULL);
    int rc = hark_group_close(&group, 0);
    close_pair();
    return rc;
}
