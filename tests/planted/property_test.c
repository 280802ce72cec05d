/* SPDX-License-Identifier: MIT
 *
 * property_test.c - random programs must find bugs that were planted for other searches, and make
 * each a program of a few operations.
 *
 * Why      The models of finders.h were written with a race in mind. Random programs know nothing of
 *          the bugs, so what they find of them says what they would find of the next one.
 * Idea     One test a bug of the table: it is woken, the property model of its primitive is searched,
 *          must fail within so many programs, and must then be short. `hark-planted property_propose`
 *          with KIT_REPORT=FILE tries all models on all bugs.
 * Rules    1  Asleep, the same programs must not fail: the test of the model itself says so.
 */
#include "base/planted.h"
#include "property.h"

extern enum hark__planted_bug hark__planted;

enum { PROGRAMS = 5000, OPERATIONS_MOST = 6 };

#define NAME_OF(bug, words) [HARK__PLANTED_##bug] = #bug,
static const char *const names[] = {HARK__PLANTED_BUGS(NAME_OF)};

static int search(enum hark__planted_bug bug, const kit_model *model, hark_explored *result)
{
    hark_exploration exploration = model->exploration;

    hark__planted = bug;
    exploration.quiet = true;
    exploration.schedules = PROGRAMS;
    return hark_explore(&exploration, result);
}

static void report(enum hark__planted_bug bug, const kit_model *model, const hark_explored *result)
{
    printf("%s by %s after %" PRIu64 " programs, %.2f ms; %d operations: %s\n", names[bug],
           model->exploration.name, result->schedules, (double)result->took / 1e6,
           property_operations(result->trace), result->words);
}

static bool is_property(const kit_model *model)
{
    return strncmp(model->exploration.name, "property_", 9) == 0;
}

/* ---- one test a bug -------------------------------------------------------------------------- */

static void must_be_found(enum hark__planted_bug bug, const char *name)
{
    const kit_model *model;
    hark_explored result;

    for (size_t i = 0; (model = kit_model_at(i)) && strcmp(model->exploration.name, name) != 0; i++) {
    }
    CHECK(model != NULL);
    CHECK_EQ(search(bug, model, &result), 1);
    report(bug, model, &result);
    CHECK(*result.trace);
    CHECK_LE(property_operations(result.trace), OPERATIONS_MOST);
}

#define FINDS(bug, model) \
    TEST_TIMEOUT(property_finds_##bug, 60) \
    { \
        must_be_found(HARK__PLANTED_##bug, "property_" #model); \
    }

FINDS(cancel_takes_a_wakeup_back, chan)
FINDS(cancelled_waiter_stays_in_its_list, select)
FINDS(woken_twice, chan)
FINDS(scope_swallows_outer_cancel, queue)
FINDS(deadline_beats_an_earlier_cancel, select)
FINDS(deadline_outlives_its_scope, select)
FINDS(done_in_time_is_a_timeout, flag)
FINDS(last_child_wakes_nobody, flag)
FINDS(flag_is_asked_again, flag)
FINDS(event_wakes_one, event)
FINDS(future_is_read_late, future)
FINDS(future_reset_under_waiters, future)
FINDS(future_second_wins, future)
FINDS(select_leaves_a_case_behind, select)
FINDS(select_two_happen, select)
FINDS(sem_forgets_who_waits, sem)
FINDS(sem_permit_is_given_twice, sem)
FINDS(sem_wakes_the_last, sem)
FINDS(sem_try_barges, sem)
FINDS(sem_select_takes_none, select)
FINDS(limiter_lends_one_too_many, limiter)
FINDS(limiter_lent_is_not_out, limiter)
FINDS(limiter_grows_by_the_difference, limiter)
FINDS(limiter_growing_wakes_nobody, limiter)
FINDS(barrier_releases_one, barrier)
FINDS(barrier_reset_forgets_who_waits, barrier)
FINDS(barrier_broken_lets_in, barrier)
FINDS(latch_opens_early, latch)
FINDS(latch_wakes_one, latch)
FINDS(once_turn_is_free, once)
FINDS(once_failure_wakes_nobody, once)
FINDS(once_cancelled_is_done, once)
FINDS(broadcast_gives_to_both, broadcast)
FINDS(broadcast_given_is_not_seen, broadcast)
FINDS(broadcast_lag_is_not_counted, broadcast)
FINDS(chan_waiters_are_not_met, chan)
FINDS(chan_place_is_given_to_nobody, chan)
FINDS(chan_last_sender_moves_in, chan)
FINDS(chan_sender_is_woken_without_its_item, chan)
FINDS(chan_met_sender_goes_on_waiting, chan)
FINDS(chan_end_drops_what_is_buffered, chan)
FINDS(chan_close_forgets_senders, chan)
FINDS(chan_one_end_closes_all, chan)
FINDS(queue_direct_item_is_not_counted, queue)
FINDS(queue_item_is_left_to_be_fetched, queue)
FINDS(queue_done_wakes_one_joiner, queue)
FINDS(queue_dropped_is_not_done, queue)
FINDS(queue_shutdown_forgets_putters, queue)
FINDS(lock_freed_for_the_woken, lock)
FINDS(lock_goes_to_the_last, lock)
FINDS(lock_hook_is_not_moved, lock)
FINDS(lock_hook_outlives_its_waiters, lock)
FINDS(lock_case_barges, select)
FINDS(cond_cancelled_without_the_lock, cond)
FINDS(cond_notify_wakes_without_the_lock, cond)
FINDS(cond_notifies_one_more, cond)
FINDS(rwlock_cancelled_writer_holds_back, rwlock)
FINDS(rwlock_readers_barge, rwlock)
FINDS(flag_set_again_is_nothing, flag)
FINDS(flag_clear_takes_a_set_back, flag)
FINDS(flag_since_wants_it_set, flag)
FINDS(rwlock_try_barges, rwlock)
FINDS(rwlock_batch_of_one, rwlock)
FINDS(rwlock_hook_stays, rwlock)
FINDS(resources_being_made_do_not_count, resources)
FINDS(resources_discarded_place_is_given_to_nobody, resources)
FINDS(resources_failure_wakes_nobody, resources)
FINDS(resources_put_is_left_to_be_fetched, resources)

/* ---- looking for more ------------------------------------------------------------------------ */

static void propose(enum hark__planted_bug bug)
{
    const kit_model *model;
    hark_explored result;

    for (size_t i = 0; (model = kit_model_at(i)); i++) {
        if (is_property(model) && search(bug, model, &result) == 1) {
            kit_report("FINDS(%s, %s) after %" PRIu64 ", %d operations, %.0f ms: %s\n", names[bug],
                       model->exploration.name + 9, result.schedules,
                       property_operations(result.trace), (double)result.took / 1e6, result.words);
        }
    }
}

TEST_HIDDEN_TIMEOUT(property_propose, 3000)
{
#define PROPOSE(bug, words) propose(HARK__PLANTED_##bug);
    HARK__PLANTED_BUGS(PROPOSE)
#undef PROPOSE
}
