/* SPDX-License-Identifier: MIT
 *
 * finders.h - which model finds which bug, and within how many schedules. Made to be included into a
 * table of planted_test.c.
 *
 * Most bugs are found by many models, and soon. Here stands the one that was made for it, or whose
 * words say best what is broken; the budget is about twice what it needs, and at least a thousand.
 */

/* Waking, callbacks, time. */
FINDER(wake_all_misses_the_last, "event_reaches_all_who_wait", 1000)
FINDER(wakes_the_last_first, "event_watches_are_called_in_order", 1000)
FINDER(cancel_takes_a_wakeup_back, "event_set_against_cancel_of_one", 1000)
FINDER(cancelled_waiter_stays_in_its_list, "event_memory_is_free_after_cancel", 1000)
FINDER(woken_twice, "task_woken_against_cancelled", 1000)
FINDER(yield_forgets_the_queue, "yield_lets_all_run_that_were_ready", 1000)
FINDER(callbacks_overtake, "callbacks_soon_keep_their_order", 1000)
FINDER(settlers_wake_one_by_one, "settle_against_others", 1000)
FINDER(unwatched_callback_runs, "callback_against_unwatch", 1000)
FINDER(ties_fire_backwards, "sleep_ties_fire_as_they_were_armed", 1000)
FINDER(sleeps_end_early, "sleep_against_cancel", 1000)

/* Scopes. */
FINDER(shield_is_ignored, "scope_cleanup_in_a_shield", 1000)
FINDER(unshielding_forgets_what_waits, "scope_unshield_while_cancelled", 1000)
FINDER(scope_swallows_outer_cancel, "scope_inner_against_outer_cancel", 1000)
FINDER(deadline_beats_an_earlier_cancel, "scope_cancel_against_deadline", 1000)
FINDER(last_reason_wins, "scope_cancel_against_deadline", 1000)
FINDER(deadline_is_not_moved, "scope_deadline_moved", 1000)
FINDER(deadline_outlives_its_scope, "scope_deadline_against_wakeup", 1000)
FINDER(done_in_time_is_a_timeout, "scope_deadline_completion_shield", 1000)

/* Groups, starts, tasks. */
FINDER(new_tasks_are_not_reached, "group_failure_against_cancel_against_spawn", 1000)
FINDER(walk_skips_the_opener, "group_cancel_reaches_all_but_the_shielded", 1000)
FINDER(failure_does_not_cancel, "group_failure_against_cancel_against_spawn", 1000)
FINDER(last_failure_wins, "group_failures_keep_their_order", 1000)
FINDER(last_child_wakes_nobody, "group_cancel_reaches_all_but_the_shielded", 1000)
FINDER(closes_over_a_late_child, "group_spawn_against_close", 1000)
FINDER(misnested_group_leaves_children, "group_closed_out_of_order", 1000)
FINDER(pending_start_is_not_counted, "start_against_cancel_of_the_group", 1000)
FINDER(start_outlives_its_target, "start_against_cancel_of_the_group", 1000)
FINDER(nested_start_is_not_walked, "start_two_against_cancel_of_the_group", 1000)
FINDER(start_failure_goes_to_the_group, "start_against_failure", 1000)
FINDER(started_forgets_the_new_group, "start_into_a_group_that_gets_a_shield", 1000)
FINDER(record_used_again_with_its_id, "task_record_used_again", 1000)
FINDER(joiner_is_forgotten, "select_tasks_that_end", 1000)

/* Primitives. */
FINDER(flag_is_asked_again, "flag_set_and_cleared_releases_for_good", 1000)
FINDER(event_wakes_one, "event_reaches_all_who_wait", 1000)
FINDER(future_is_read_late, "future_resent_before_the_woken_run", 1000)
FINDER(future_reset_under_waiters, "future_reset_against_wait_and_send", 1000)
FINDER(future_second_wins, "future_sent_against_failed", 1000)
FINDER(select_leaves_a_case_behind, "select_two_events", 1000)
FINDER(select_looks_before_it_stands, "select_told_in_vain", 1000)
FINDER(select_two_happen, "select_two_events", 1000)
FINDER(completion_gives_twice, "completion_before_while_and_after", 1000)
FINDER(completion_newest_first, "completion_before_while_and_after", 1000)

/* Descriptors. */
FINDER(close_forgets_who_waits, "fd_wait_against_news_and_close", 1000)
FINDER(registration_outlives_its_descriptor, "fd_number_used_again", 1000)
FINDER(late_report_reaches_the_next_owner, "fd_number_used_again", 1000)
FINDER(edge_is_forgotten, "move_read_full_ends_early", 1000)
FINDER(cancelled_read_stays_registered, "fd_wait_cancelled_and_again", 1000)
FINDER(reader_is_told_once, "fd_reader_is_level", 1000)
FINDER(cancelled_after_moving, "move_write_cancelled", 1000)
FINDER(full_count_is_lost, "move_write_full_cancelled", 1000)

/* Other threads. */
FINDER(posts_run_backwards, "posts_of_one_thread_keep_their_order", 1000)
FINDER(post_is_lost_while_falling_asleep, "inbox_follows_the_schedules_of_its_model", BY_TEST)
FINDER(buffer_returned_too_early,
       "thread_TH_03_a_cancelled_call_waits_until_its_buffer_is_given_back", BY_TEST)

/* Channels and queues. */
FINDER(chan_waiters_are_not_met, "chan_through_one_place", 1000)
FINDER(chan_place_is_given_to_nobody, "chan_sender_cancelled_around_its_place", 1000)
FINDER(chan_last_sender_moves_in, "chan_through_one_place", 1000)
FINDER(chan_sender_is_woken_without_its_item, "chan_last_sender_closes_behind_its_item", 1000)
FINDER(chan_met_sender_goes_on_waiting, "chan_select_of_both_ends_cancelled", 1000)
FINDER(chan_end_drops_what_is_buffered, "chan_last_sender_closes_behind_its_item", 1000)
FINDER(chan_close_forgets_senders, "chan_buffer_is_dropped_with_the_last_receiver", 1000)
FINDER(chan_one_end_closes_all, "chan_last_sender_closes_behind_its_item", 1000)
FINDER(chan_select_passes_over_a_sender, "chan_select_of_both_ends_cancelled", 1000)
FINDER(queue_direct_item_is_not_counted, "queue_select_takes_from_one_of_two", 1000)
FINDER(queue_item_is_left_to_be_fetched, "queue_select_takes_from_one_of_two", 1000)
FINDER(queue_ring_is_torn, "queue_that_grows", 2000)
FINDER(queue_done_wakes_one_joiner, "queue_joiner_cancelled", 1000)
FINDER(queue_dropped_is_not_done, "queue_putter_cancelled_around_its_place", 1000)
FINDER(queue_shutdown_forgets_putters, "queue_putter_cancelled_around_its_place", 1000)

/* Semaphores, limiters, barriers, latches, onces, broadcasts. */
FINDER(sem_forgets_who_waits, "sem_three_want_one", 1000)
FINDER(sem_permit_is_given_twice, "sem_nobody_barges", 1000)
FINDER(sem_wakes_the_last, "sem_first_come_first_served", 1000)
FINDER(sem_try_barges, "sem_nobody_barges", 1000)
FINDER(sem_select_takes_none, "sem_select_against_acquire_and_cancel", 1000)
FINDER(limiter_lends_one_too_many, "limiter_three_want_one", 1000)
FINDER(limiter_lent_is_not_out, "limiter_nobody_barges", 1000)
FINDER(limiter_grows_by_the_difference, "limiter_resized_under_borrowers", 1000)
FINDER(limiter_growing_wakes_nobody, "limiter_grown_against_cancel", 1000)
FINDER(barrier_index_is_of_arrival, "barrier_indexes_after_one_has_left", 1000)
FINDER(barrier_releases_one, "barrier_two_rounds", 1000)
FINDER(barrier_reset_forgets_who_waits, "barrier_against_reset", 1000)
FINDER(barrier_broken_lets_in, "barrier_against_abort", 1000)
FINDER(latch_opens_early, "latch_two_count_and_two_wait", 1000)
FINDER(latch_wakes_one, "latch_two_count_and_two_wait", 1000)
FINDER(once_turn_is_free, "once_fails_and_the_next_tries", 1000)
FINDER(once_failure_wakes_nobody, "once_fails_and_the_next_tries", 1000)
FINDER(once_cancelled_is_done, "once_against_cancel", 1000)
FINDER(broadcast_gives_to_both, "broadcast_two_share_a_subscriber", 1000)
FINDER(broadcast_given_is_not_seen, "broadcast_two_listen", 1000)
FINDER(broadcast_lag_is_not_counted, "broadcast_against_cancel", 1000)

/* Locks, conditions, locks of readers and writers. */
FINDER(lock_freed_for_the_woken, "lock_first_come_first_served", 1000)
FINDER(lock_goes_to_the_last, "lock_first_come_first_served", 1000)
FINDER(lock_hook_is_not_moved, "lock_holder_ends_against_cancel", 1000)
FINDER(lock_hook_outlives_its_waiters, "lock_cancel_empties_the_queue", 1000)
FINDER(lock_ring_is_not_seen, "lock_two_in_either_order", 1000)
FINDER(lock_case_barges, "lock_select_of_two", 1000)
FINDER(cond_cancelled_without_the_lock, "cond_notify_against_cancel", 1000)
FINDER(cond_notify_wakes_without_the_lock, "cond_notify_reaches_who_waits", 1000)
FINDER(cond_notifies_one_more, "cond_notify_reaches_who_waits", 1000)
FINDER(rwlock_cancelled_writer_holds_back, "rwlock_writer_against_cancel", 1000)
FINDER(rwlock_readers_barge, "rwlock_reader_writer_reader", 1000)
FINDER(rwlock_batch_of_one, "rwlock_reader_writer_reader", 1000)
FINDER(rwlock_hook_stays, "rwlock_writer_ends", 1000)

/* Values bound to tasks, generations, tries, rings. */
FINDER(local_outermost_wins, "local_each_sees_what_is_bound_where_it_hangs", 1000)
FINDER(local_ends_with_its_task, "local_each_sees_what_is_bound_where_it_hangs", 1000)
FINDER(local_is_cancelled_with_scopes, "local_unbound_out_of_order_against_cancel", 1000)
FINDER(flag_set_again_is_nothing, "flag_since_misses_no_set", 1000)
FINDER(flag_clear_takes_a_set_back, "flag_since_misses_no_set", 1000)
FINDER(flag_since_wants_it_set, "flag_since_misses_no_set", 1000)
FINDER(rwlock_try_barges, "rwlock_tries_between_a_reader_and_a_writer", 1000)
FINDER(rwlock_ring_is_not_seen, "ring_of_a_lock_and_a_writer", 1000)
FINDER(select_ring_is_not_seen, "ring_of_a_lock_and_a_select", 1000)
FINDER(ring_through_any_select, "ring_with_another_way_is_none", 1000)
FINDER(limiter_select_borrows_none, "limiter_select_against_acquire_and_cancel", 1000)
FINDER(cond_dead_lock_is_not_told, "cond_lock_dies_and_a_third_notifies", 1000)

/* Resources, trying again. */
FINDER(resources_being_made_do_not_count, "resources_made_slowly", 1000)
FINDER(resources_place_is_free_for_others, "resources_failure_lets_the_next_try", 1000)
FINDER(resources_discarded_place_is_given_to_nobody, "resources_discarded_slowly", 1000)
FINDER(resources_failure_wakes_nobody, "resources_failure_lets_the_next_try", 1000)
FINDER(resources_cancelled_making_keeps_its_place, "resources_making_against_cancel", 1000)
FINDER(resources_shrunk_keeps_what_is_put, "resources_shrunk_under_users", 1000)
FINDER(resources_put_is_left_to_be_fetched, "resources_three_want_one", 1000)
FINDER(retry_goes_on_when_cancelled, "retry_against_cancel", 1000)
FINDER(retry_tries_once_more, "retry_until_it_succeeds", 1000)

/* Signals. */
FINDER(signal_before_the_wait_is_lost, "signal_two_may_be_told_as_one", 1000)
FINDER(signal_is_given_twice, "signal_two_wait_and_one_is_cancelled", 1000)
FINDER(signal_reaches_one, "signal_reaches_all_that_are_open", 1000)
FINDER(signal_hears_what_came_before, "signal_against_wait_and_cancel", 1000)
FINDER(signal_close_forgets_who_waits, "signal_against_close", 1000)
FINDER(signal_nobody_took_is_dropped, "signal_against_close", 1000)

/* Children. */
FINDER(child_tells_one, "child_all_are_told", 1000)
FINDER(child_status_is_not_told, "child_all_are_told", 1000)
FINDER(child_is_reaped_for_nobody, "child_end_against_cancel", 1000)
FINDER(process_is_not_told, "process_signal_against_its_number", 1000)
FINDER(process_signals_a_stranger, "process_signal_against_a_stranger", 1000)
FINDER(process_close_gives_up, "process_close_is_never_cut_short", 1000)
FINDER(process_grace_is_for_ever, "process_end_is_never_cut_short", 1000)
FINDER(spawn_leaves_a_pipe, "process_pipes_of_a_child_that_cannot_be_run", 1000)

/* Pools, maps, piles. */
FINDER(pool_grandchild_waits, "pool_spawned_into_from_below", 1000)
FINDER(pool_cancelled_keeps_its_place, "pool_task_cancelled_in_its_place", 1000)
FINDER(pool_place_goes_to_the_last, "pool_first_come_first_served", 1000)
FINDER(pool_handed_over_place_is_free, "pool_three_want_one_place", 1000)
FINDER(pool_inline_failure_is_nobodys, "pool_inline_failure_against_spawns", 1000)
FINDER(pool_growing_wakes_nobody, "pool_grown_against_cancel", 1000)
FINDER(pool_closes_on_who_waits, "pool_shrunk_and_closed_on_who_waits", 1000)
FINDER(map_failure_cancels_the_others, "map_with_a_failing_item", 1000)
FINDER(map_never_begun_says_nothing, "map_against_cancel", 1000)
FINDER(map_cut_short_is_0, "map_against_cancel", 1000)
FINDER(pile_newest_first, "pile_three_by_two", 1000)
FINDER(pile_room_is_given_to_nobody, "pile_room_against_cancel", 1000)
FINDER(pile_tells_one_taker, "pile_takers_against_cancel", 1000)
FINDER(pile_waits_for_a_spawn_that_was_none, "pile_spawn_against_cancel", 1000)
FINDER(pile_cancelled_go_keeps_its_room, "pile_spawn_against_cancel", 1000)

/* Serving. */
FINDER(connection_is_closed_twice, "serve_a_handler_that_closes_its_connection", 1000)
FINDER(cancelled_connection_stays_open, "serve_cancelled_with_its_connections", 1000)
FINDER(failure_keeps_its_place, "serve_a_failure_gives_its_place_back", 1000)
FINDER(stop_forgets_the_grace, "serve_stop_against_a_connection", 1000)

/* Streams. */
FINDER(stream_lets_a_second_reader_in, "stream_two_readers_never_meet", 1000)
FINDER(stream_close_frees_under_a_reader, "stream_line_against_close", 1000)
FINDER(stream_forgets_that_it_broke, "stream_reset_is_no_end", 1000)
FINDER(stream_mark_in_two_parts_is_missed, "stream_mark_in_pieces", 1000)
FINDER(stream_copy_loses_what_was_not_written, "stream_cancelled_copy_loses_nothing", 1000)
FINDER(memory_room_is_given_to_nobody, "memory_through_the_ring", 1000)
FINDER(memory_close_forgets_the_writer, "memory_close_of_the_reader", 1000)

/* Names. */
FINDER(lookup_wakes_nobody, "name_two_families_answer", 1000)
FINDER(lookup_ends_with_one_family, "name_two_families_answer", 1000)
FINDER(lookup_is_not_forgotten, "name_question_against_cancel", 1000)
FINDER(race_looks_at_one, "tcp_race_joined_late", 20000)

/* Forks, and threads that end. */
FINDER(forked_child_keeps_the_box, "fork_P16_U19_after_fork_lets_go_of_all_that_is_the_parents",
       BY_TEST)
FINDER(forked_child_goes_back, "fork_P16_a_task_that_returns_in_the_child_stops_it", BY_TEST)
FINDER(inherited_loop_takes_posts, "fork_from_a_host_of_a_resting_loop", BY_TEST)
FINDER(orphan_is_not_noticed, "loop_H2_of_a_thread_that_ends_is_freed_with_it", BY_TEST)
FINDER(crash_is_told_for_ever, "signal_P20_a_crash_inside_a_task_names_it_and_who_waits", BY_TEST)

/* Files. */
FINDER(operation_ends_for_nobody, "operation_against_cancel", 1000)
FINDER(operation_is_left_behind, "operation_against_cancel", 1000)
FINDER(event_comes_before_its_id, "notify_an_event_that_comes_before_its_id_is_kept", BY_TEST)
FINDER(open_cancelled_keeps_its_descriptor, "file_F7_opening_a_fifo_can_be_cancelled", BY_TEST)
FINDER(whole_leaves_what_it_wrote, "file_whole_that_cannot_be_written_leaves_the_old_one", BY_TEST)
FINDER(walk_without_memory_goes_past, "walk_without_memory_can_go_on", BY_TEST)

/* Several loops, and what crosses them. */
FINDER(worker_failure_is_kept_to_itself,
       "workers_the_first_failure_cancels_the_rest_and_is_the_result", BY_TEST)
FINDER(worker_last_failure_wins, "workers_a_failure_while_cleaning_up_is_not_the_result", BY_TEST)
FINDER(spin_never_ends, "spin_in_vain_ends_and_is_soon_given_up", BY_TEST)
FINDER(spin_is_tried_for_ever, "spin_in_vain_ends_and_is_soon_given_up", BY_TEST)
FINDER(spin_on_one_processor, "spin_takes_two_processors", BY_TEST)
FINDER(crowd_takes_the_last, "link_two_and_two_meet", 1000)
FINDER(cancelled_party_stays_in_its_crowd, "link_sender_cancelled_around_its_place", 1000)
FINDER(taken_party_leaves, "link_scope_cancelled_around_an_item_from_outside", 1000)
FINDER(link_place_is_given_to_nobody, "link_sender_cancelled_around_its_place", 1000)
FINDER(link_close_forgets_senders, "link_receivers_closed_from_outside", 1000)
FINDER(promise_second_wins, "promise_sent_from_outside_around_a_cancel", 1000)
FINDER(promise_wakes_one, "promise_sent_from_outside_around_a_cancel", 1000)
FINDER(portal_cancel_before_its_start_is_lost,
       "portal_PT_16_a_task_is_cancelled_from_inside_before_it_begins", BY_TEST)
FINDER(portal_failure_cancels_the_others,
       "portal_PT_20_who_fails_or_is_cancelled_harms_nobody", BY_TEST)
