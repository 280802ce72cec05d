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
    X(sem_forgets_who_waits, \
      "a released permit is there for whoever comes, and who waits is not told") \
    X(sem_permit_is_given_twice, "a permit that was handed to a waiter may be taken by another, too") \
    X(sem_wakes_the_last, "a permit goes to the one who came last") \
    X(sem_try_barges, "a try takes a permit that is not there") \
    X(sem_select_takes_none, "a select that finds a permit does not take it") \
    X(limiter_lends_one_too_many, "one more token is lent to those who wait than there are") \
    X(limiter_lent_is_not_out, "a token that was lent to a waiter is free for others, too") \
    X(limiter_grows_by_the_difference, \
      "growing wakes as many as were added, though too many are out") \
    X(limiter_growing_wakes_nobody, "growing forgets who waits") \
    X(barrier_index_is_of_arrival, \
      "a party keeps the index of its arrival, though one before it has left") \
    X(barrier_releases_one, "the last party releases only the first") \
    X(barrier_reset_forgets_who_waits, "a reset leaves those who wait where they are") \
    X(barrier_broken_lets_in, "one may wait at a broken barrier") \
    X(latch_opens_early, "who waits is woken one too early") \
    X(latch_wakes_one, "a latch that opens wakes only the first") \
    X(once_turn_is_free, "whoever comes between a failure and the next try tries, too") \
    X(once_failure_wakes_nobody, "after a failure those who wait are not told") \
    X(once_cancelled_is_done, "a function that was cancelled counts as done") \
    X(broadcast_gives_to_both, "two tasks of one subscriber get the same value") \
    X(broadcast_given_is_not_seen, "a value that was handed over is seen once more") \
    X(broadcast_lag_is_not_counted, \
      "a subscriber that missed some stays behind, and reads what has been overwritten") \
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
    X(chan_waiters_are_not_met, "a send puts its item into the buffer though somebody waits for it") \
    X(chan_place_is_given_to_nobody, "a receive from a full channel wakes no sender") \
    X(chan_last_sender_moves_in, "the place that a receive makes goes to who came last") \
    X(chan_sender_is_woken_without_its_item, "a woken sender's item is not taken") \
    X(chan_met_sender_goes_on_waiting, "a sender whose item was received goes on waiting") \
    X(chan_end_drops_what_is_buffered, "the last sender takes what is buffered with it") \
    X(chan_close_forgets_senders, "the last receiver wakes no sender") \
    X(chan_one_end_closes_all, "closing one of several ends closes the side") \
    X(chan_select_passes_over_a_sender, "a select takes a channel whose sender waits for idle") \
    X(queue_direct_item_is_not_counted, "an item that is handed over need not be done") \
    X(queue_item_is_left_to_be_fetched, "an item that was handed over is also kept") \
    X(queue_ring_is_torn, "a ring that grows forgets where it began") \
    X(queue_done_wakes_one_joiner, "the last item done wakes one joiner") \
    X(queue_dropped_is_not_done, "what a shutdown drops is not done") \
    X(queue_shutdown_forgets_putters, "a shutdown does not wake who waits to put") \
    X(lookup_wakes_nobody, "an answer of a resolver wakes nobody") \
    X(lookup_ends_with_one_family, "a question is over when one family is") \
    X(race_looks_at_one, "of two connections that are made at once one may be missed") \
    X(lookup_is_not_forgotten, "a cancelled question stays with the resolver") \
    X(buffer_returned_too_early, "a cancelled call returns while a thread still has its buffer") \
    /* locks */ \
    X(lock_freed_for_the_woken, "a lock that is released is free until who was woken has run") \
    X(lock_goes_to_the_last, "a lock goes to the one who came last") \
    X(lock_hook_is_not_moved, "a lock that is handed over stays with who held it before") \
    X(lock_hook_outlives_its_waiters, "a lock stays with its holder when nobody waits any more") \
    X(lock_ring_is_not_seen, "a task waits for a lock whose holder waits for it") \
    X(lock_case_barges, "a select takes a lock that is held") \
    X(cond_cancelled_without_the_lock, "a wait that is cancelled goes on without the lock") \
    X(cond_notify_wakes_without_the_lock, "who is notified goes on at once, without the lock") \
    X(cond_notifies_one_more, "a notify reaches one more than it was to") \
    X(rwlock_cancelled_writer_holds_back, "a cancelled writer leaves the readers behind it waiting") \
    X(rwlock_readers_barge, "a reader goes in past the queue while others read") \
    X(local_outermost_wins, "of two values bound to a key the outermost is seen") \
    X(local_ends_with_its_task, "a task does not see what is bound around its group") \
    X(local_is_cancelled_with_scopes, "a scope closed out of order cancels the values bound inside") \
    X(flag_set_again_is_nothing, "setting a flag that is set counts for nothing") \
    X(flag_clear_takes_a_set_back, "a flag that is cleared was never set") \
    X(flag_since_wants_it_set, "who waits for a set that was cleared again waits on") \
    X(rwlock_try_barges, "a try to read passes by a writer that waits") \
    X(rwlock_ring_is_not_seen, "a task waits for a writer that waits for it") \
    X(select_ring_is_not_seen, "a select waits for a lock whose holder waits for it") \
    X(ring_through_any_select, "a select with another way to go on is taken for a ring") \
    X(limiter_select_borrows_none, "a select that gets a token borrows none") \
    X(cond_dead_lock_is_not_told, "a notify with a dead lock leaves those who wait asleep") \
    X(rwlock_batch_of_one, "of the readers that stand together only the first goes in") \
    X(rwlock_hook_stays, "a lock that was written under stays with its last writer") \
    /* resources, trying again */ \
    X(resources_being_made_do_not_count, "resources that are being made do not count") \
    X(resources_place_is_free_for_others, \
      "a place that was given to a waiter may be taken by another, too") \
    X(resources_discarded_place_is_given_to_nobody, "what is discarded wakes nobody") \
    X(resources_failure_wakes_nobody, "a resource that could not be made wakes nobody") \
    X(resources_cancelled_making_keeps_its_place, \
      "who is cancelled while making one keeps its place") \
    X(resources_shrunk_keeps_what_is_put, "a pool that was made smaller keeps all that is put back") \
    X(resources_put_is_left_to_be_fetched, "what is put back is idle though somebody waits for it") \
    X(retry_goes_on_when_cancelled, "a retry that is cancelled while it sleeps tries again") \
    X(retry_tries_once_more, "one more try than is allowed") \
    /* pools */ \
    X(pool_grandchild_waits, "a task below one of a full pool waits for a place in it") \
    X(pool_cancelled_keeps_its_place, "a task that was cancelled does not give its place back") \
    X(pool_place_goes_to_the_last, "a place goes to who came last") \
    X(pool_handed_over_place_is_free, "a place that was handed over may be taken by another, too") \
    X(pool_inline_failure_is_nobodys, "what fails inline does not fail the pool") \
    X(pool_growing_wakes_nobody, "a pool that was made larger forgets who waits") \
    X(pool_closes_on_who_waits, "a pool that closes forgets who waits") \
    X(map_failure_cancels_the_others, "an item that fails cancels the others") \
    X(map_never_begun_says_nothing, "items that were never begun have no result") \
    X(map_cut_short_is_0, "a map that was cut short says that all is well") \
    X(pile_newest_first, "a result comes in the place of another") \
    X(pile_room_is_given_to_nobody, "a result that is taken wakes nobody who waits to spawn") \
    X(pile_tells_one_taker, "of two results that come at once only one is given") \
    X(pile_waits_for_a_spawn_that_was_none, \
      "who waits for the result of a spawn that fails is not told") \
    X(pile_cancelled_go_keeps_its_room, "a spawn that was cancelled leaves less room") \
    /* signals */ \
    X(signal_before_the_wait_is_lost, "an occurrence that nobody waits for is not kept") \
    X(signal_is_given_twice, "an occurrence that was given to a task is still there") \
    X(signal_reaches_one, "of two that are open for a signal only one is told") \
    X(signal_hears_what_came_before, "one that was just opened hears of what came before") \
    X(signal_close_forgets_who_waits, "closing a signal wakes nobody") \
    X(signal_nobody_took_is_dropped, "what nobody took before the close is forgotten") \
    /* children */ \
    X(child_tells_one, "of two who wait for a child only the first is told of its end") \
    X(child_status_is_not_told, "who waits for a child is woken without its status") \
    X(child_is_reaped_for_nobody, "a wait for a child that is cancelled reaps it") \
    X(process_is_not_told, "a process does not know that its child was reaped by another call") \
    X(process_signals_a_stranger, "a process whose child a stranger has reaped is signalled") \
    X(process_close_gives_up, "a close that is told of a cancellation leaves its child") \
    X(process_grace_is_for_ever, "a process that does not end when asked to is never killed") \
    X(spawn_leaves_a_pipe, "our ends of the pipes of a child that could not be run stay open") \
    /* workers */ \
    X(worker_failure_is_kept_to_itself, "a worker that fails cancels no other") \
    X(worker_last_failure_wins, "the last failure of the workers is the result") \
    /* what crosses loops */ \
    X(spin_never_ends, "a loop that awaits a thread's answer awake never falls asleep") \
    X(spin_is_tried_for_ever, "a spin in vain is forgotten, and the next call spins again") \
    X(spin_on_one_processor, "a loop spins though the thread has no other processor to run on") \
    X(crowd_takes_the_last, "who came last is met first, across loops") \
    X(cancelled_party_stays_in_its_crowd, "who is cancelled still stands where other loops look") \
    X(taken_party_leaves, "who is cancelled when it was taken does not wait for its answer") \
    X(link_place_is_given_to_nobody, "a place of a link that comes free wakes nobody") \
    X(link_close_forgets_senders, "closing a link forgets who waits to send") \
    X(promise_second_wins, "a promise is sent a second time") \
    X(promise_wakes_one, "of those who wait for a promise one is told") \
    X(portal_cancel_before_its_start_is_lost, "who is cancelled before it begins is not") \
    X(portal_failure_cancels_the_others, "a task of a portal that fails cancels the others") \
    /* streams */ \
    X(stream_lets_a_second_reader_in, "two tasks read one stream at the same time") \
    X(stream_close_frees_under_a_reader, "closing a stream does not tell who reads it") \
    X(stream_forgets_that_it_broke, "a broken stream says so once, and then that it has ended") \
    X(stream_mark_in_two_parts_is_missed, "a mark of which one part came later is not seen") \
    X(stream_copy_loses_what_was_not_written, "what was read and cannot be written is dropped") \
    X(memory_room_is_given_to_nobody, "a read that makes room wakes no writer") \
    X(memory_close_forgets_the_writer, "closing one end leaves the other end's writer asleep") \
    /* serving */ \
    X(connection_is_closed_twice, "what a handler has closed is closed again, with its new owner") \
    X(cancelled_connection_stays_open, "a connection whose handler was cancelled is not closed") \
    X(failure_keeps_its_place, "a connection that failed counts against the limit for ever") \
    X(stop_forgets_the_grace, "a server that is stopped waits for its connections for ever") \
    /* forks, and threads that end */ \
    X(forked_child_keeps_the_box, "a forked child that lets go keeps the parent's post box open") \
    X(forked_child_goes_back, "what returns in a forked child goes on in the parent's loop") \
    X(inherited_loop_takes_posts, "a post to the parent's loop is accepted in its child") \
    X(orphan_is_not_noticed, "a thread that ends leaves its loop behind") \
    X(crash_is_told_for_ever, "a crash that prints the tasks prints them again and again") \
    /* files */ \
    X(operation_ends_for_nobody, "an operation that has ended wakes nobody") \
    X(operation_is_left_behind, "a cancelled operation is not waited for") \
    X(event_comes_before_its_id, "an event of a watch that is still being added is dropped") \
    X(open_cancelled_keeps_its_descriptor, "an open that is cancelled while it waits leaks") \
    X(whole_leaves_what_it_wrote, "a file that could not be renamed is left beside the old one") \
    X(walk_without_memory_goes_past, "a folder that there was no memory for is not gone into")

#ifdef HARK__PLANTED
#define HARK__PLANTED_NAME(name, words) HARK__PLANTED_##name,
enum hark__planted_bug { HARK__PLANTED_NONE, HARK__PLANTED_BUGS(HARK__PLANTED_NAME) };
extern enum hark__planted_bug hark__planted; /* the one that is awake */
#define planted(name) __builtin_expect(hark__planted == HARK__PLANTED_##name, 0)
#else
#define planted(name) false
#endif

#endif
