/* SPDX-License-Identifier: MIT
 *
 * planted.h - bugs on purpose, to try the tests.
 *
 * Why      A search that finds nothing proves nothing, unless it is known to find what is there. So
 *          the test build hark-planted holds one library with all of these bugs in it, asleep; its
 *          tests wake one at a time, and the search must find it within its budget
 *          (tests/planted/planted_test.c).
 * Rules    1  In every other build planted(...) is the constant false, and nothing is left of it.
 *          2  Each is a mistake that somebody could make: most were made by somebody.
 *          3  X(name, what breaks).
 */
#ifndef HARK_BASE_PLANTED_H
#define HARK_BASE_PLANTED_H

#include <stdbool.h>

#define HARK__PLANTED_BUGS(X) \
    X(wake_all_misses_the_last, "setting wakes all who wait but the last one") \
    X(wakes_the_last_first, "waking all begins at the end of the list") \
    X(cancel_takes_a_wakeup_back, "a task that was woken and then cancelled hears -ECANCELED") \
    X(cancelled_waiter_stays_in_its_list, "a cancelled task's waiter is still in the list") \
    X(woken_twice, "a task that is cancelled after its wake-up is made ready a second time") \
    X(yield_forgets_the_queue, "a task that lets others run goes on at once") \
    X(callbacks_overtake, "a callback that was due later may be called first") \
    X(settlers_wake_one_by_one, "of two who wait for quiet the second waits for the first") \
    X(shield_is_ignored, "a shield keeps nothing out") \
    X(unshielding_forgets_what_waits, "when a shield goes down, what waited outside is not told") \
    X(new_tasks_are_not_reached, "a task spawned into a cancelled group does not know it") \
    X(walk_skips_the_opener, "cancelling a group reaches its children, not its opener's inner scope") \
    X(scope_swallows_outer_cancel, "a cancelled scope also catches what came from outside") \
    X(deadline_beats_an_earlier_cancel, "a deadline after a cancel makes it a time-out") \
    X(last_reason_wins, "a cancel after a deadline makes it no time-out") \
    X(deadline_is_not_moved, "a deadline set anew is not armed") \
    X(deadline_outlives_its_scope, "a closed scope's timer stays armed") \
    X(done_in_time_is_a_timeout, "a body that ended well after its deadline has timed out") \
    X(failure_does_not_cancel, "a failing child leaves its siblings running") \
    X(last_failure_wins, "a group's result is the last failure") \
    X(last_child_wakes_nobody, "a group that closes is not woken by a child that was cancelled") \
    X(closes_over_a_late_child, "a group closes over a child that came after the last had ended") \
    X(misnested_group_leaves_children, "a group closed out of order waits for no child") \
    X(pending_start_is_not_counted, "a group may close while a task is still starting for it") \
    X(start_outlives_its_target, "a pending start is not cancelled with its group") \
    X(nested_start_is_not_walked, "of two pending starts of a cancelled group only one is cancelled") \
    X(start_failure_goes_to_the_group, "a task that fails to start also fails the group") \
    X(started_forgets_the_new_group, "a task that has started is not told of its group's cancel") \
    X(record_used_again_with_its_id, "a task's id is given to the next one, too") \
    X(joiner_is_forgotten, "the end of a cancelled task wakes no joiner") \
    X(flag_is_asked_again, "a woken waiter looks at the flag again, and waits again") \
    X(event_wakes_one, "setting an event wakes only the first") \
    X(future_is_read_late, "a woken waiter reads what the future holds by then") \
    X(future_reset_under_waiters, "a future may be reset while somebody waits for it") \
    X(future_second_wins, "a future that is ready may be sent or failed again") \
    X(select_leaves_a_case_behind, "a select that is over leaves its last case where it waited") \
    X(select_looks_before_it_stands, "a select that was told in vain is not told again") \
    X(select_two_happen, "a select that was chosen looks again, and reports what it finds by then") \
    X(completion_gives_twice, "an index that was handed over is kept for the next one, too") \
    X(completion_newest_first, "what is ready is handed out newest first") \
    X(unwatched_callback_runs, "unwatching a callback that is due does not take it back") \
    X(post_is_lost_while_falling_asleep, "the loop does not look at its post again before it sleeps") \
    X(posts_run_backwards, "what was posted last runs first") \
    X(close_forgets_who_waits, "closing a descriptor wakes nobody") \
    X(registration_outlives_its_descriptor, "what the hub knows of a closed number stays") \
    X(late_report_reaches_the_next_owner, "a report of a closed number reaches its next owner") \
    X(edge_is_forgotten, "news of a descriptor do not end `nothing more to read`") \
    X(cancelled_read_stays_registered, "a cancelled wait for a descriptor still stands there") \
    X(reader_is_told_once, "a reader is not called again while something is there") \
    X(cancelled_after_moving, "a call that has moved something hears -ECANCELED") \
    X(full_count_is_lost, "a full write that is cut short says that nothing has moved") \
    X(ties_fire_backwards, "of two timers of one instant the later armed fires first") \
    X(sleeps_end_early, "a sleep ends a nanosecond before its time") \
    X(buffer_returned_too_early, "a cancelled call returns while a thread still has its buffer")

#ifdef HARK__PLANTED
#define HARK__PLANTED_NAME(name, words) HARK__PLANTED_##name,
enum hark__planted_bug { HARK__PLANTED_NONE, HARK__PLANTED_BUGS(HARK__PLANTED_NAME) };
extern enum hark__planted_bug hark__planted; /* the one that is awake */
#define planted(name) __builtin_expect(hark__planted == HARK__PLANTED_##name, 0)
#else
#define planted(name) false
#endif

#endif
