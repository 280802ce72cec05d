/* SPDX-License-Identifier: MIT
 *
 * select_rows_test.c - a select passes over whole rows of cases that are idle; and over no other.
 *
 * Idea     For each kind of case that has a `skip` (sync/sync.h): what makes one happen is made to
 *          happen, in rows of one kind and of two kinds in turn, at each place; and each thing that
 *          a case may be refused for stands behind others that are idle.
 * Not here What select does with one or two cases, in any order: select_test.c, select_model.c.
 */
#include "../sync/scene.h"

#define ROW 6

enum kind { EVENT, FLAG, SINCE, FUTURE, SEM, LIMITER, SEND, RECV, MEET, RECEIVE, PUT, GET, KINDS };

static hark_event events[ROW];
static hark_flag flags[2][ROW];
static hark_future futures[ROW];
static hark_sem sems[ROW];
static hark_limiter limiters[ROW];
static hark_chan chans[4][ROW]; /* by kind: full, empty; without a buffer: to send, to receive */
static hark_queue queues[2][ROW];
static int item = 7, place;

/* All of them, none of which can happen. */
static void open_all(void)
{
    for (int i = 0; i < ROW; i++) {
        hark_sem_init(&sems[i], 0, 0);
        hark_limiter_init(&limiters[i], 1);
        CHECK_EQ(hark_limiter_try(&limiters[i]), 0);
        for (int k = 0; k < 4; k++) {
            CHECK_EQ(hark_chan_init(&chans[k][i], sizeof item, k < 2), 0);
        }
        CHECK_EQ(hark_chan_try_send(&chans[0][i], &item), 0);
        CHECK_EQ(hark_queue_init(&queues[0][i], sizeof item, 1, HARK_FIFO, NULL), 0);
        CHECK_EQ(hark_queue_init(&queues[1][i], sizeof item, 1, HARK_FIFO, NULL), 0);
        CHECK_EQ(hark_queue_try_put(&queues[0][i], &item), 0);
    }
}

static void close_all(void)
{
    for (int i = 0; i < ROW; i++) {
        for (int k = 0; k < 4; k++) {
            CHECK_EQ(hark_chan_free(&chans[k][i]), 0);
        }
        CHECK_EQ(hark_queue_free(&queues[0][i]), 0);
        CHECK_EQ(hark_queue_free(&queues[1][i]), 0);
    }
}

static hark_case case_of(enum kind kind, int i)
{
    switch (kind) {
    case EVENT: return hark_on_event(&events[i]);
    case FLAG: return hark_on_flag(&flags[0][i]);
    case SINCE: return hark_on_flag_since(&flags[1][i], hark_flag_generation(&flags[1][i]));
    case FUTURE: return hark_on_future(&futures[i]);
    case SEM: return hark_on_sem(&sems[i]);
    case LIMITER: return hark_on_limiter(&limiters[i]);
    case SEND: return hark_on_send(&chans[0][i], &item);
    case RECV: return hark_on_recv(&chans[1][i], &place);
    case MEET: return hark_on_send(&chans[2][i], &item);
    case RECEIVE: return hark_on_recv(&chans[3][i], &place);
    case PUT: return hark_on_put(&queues[0][i], &item);
    default: return hark_on_get(&queues[1][i], &place);
    }
}

static int take(void *chan)
{
    int got;
    return hark_chan_recv(chan, &got);
}

static int give(void *chan)
{
    return hark_chan_send(chan, &item);
}

static void make_happen(enum kind kind, int i)
{
    int out;

    switch (kind) {
    case EVENT: hark_event_set(&events[i]); break;
    case FLAG: hark_flag_set(&flags[0][i]); break;
    case SINCE: hark_flag_set(&flags[1][i]), hark_flag_clear(&flags[1][i]); break;
    case FUTURE: hark_future_send(&futures[i], NULL); break;
    case SEM: hark_sem_release(&sems[i]); break;
    case LIMITER: hark_limiter_release(&limiters[i]); break;
    case SEND: CHECK_EQ(hark_chan_try_recv(&chans[0][i], &out), 0); break;
    case RECV: CHECK_EQ(hark_chan_try_send(&chans[1][i], &item), 0); break;
    case MEET: hark_go(&group, take, &chans[2][i]), hark_settle(); break;
    case RECEIVE: hark_go(&group, give, &chans[3][i]), hark_settle(); break;
    case PUT: CHECK_EQ(hark_queue_try_get(&queues[0][i], &out), 0); break;
    default: CHECK_EQ(hark_queue_try_put(&queues[1][i], &item), 0); break;
    }
}

/* What the select has not undone itself. */
static void undo(enum kind kind, int i)
{
    switch (kind) {
    case EVENT: hark_event_init(&events[i]); break;
    case FLAG: hark_flag_clear(&flags[0][i]); break;
    case FUTURE: hark_future_reset(&futures[i]); break;
    default: break;
    }
}

/* Idle but for one, which is each of them in turn. */
static void check_rows(enum kind even, enum kind odd)
{
    for (int which = 0; which < ROW; which++) {
        enum kind kind = which % 2 ? odd : even;
        hark_case cases[ROW];
        for (int i = 0; i < ROW; i++) {
            cases[i] = case_of(i % 2 ? odd : even, i);
        }
        CHECK_SILENT(hark_try_select(cases, ROW), -EAGAIN);
        make_happen(kind, which);
        CHECK_EQ(hark_select(cases, ROW), which);
        CHECK_EQ(hark_case_result(&cases[which]), 0);
        undo(kind, which);
    }
}

INSIDE(select_finds_what_can_happen_in_rows_of_idle_cases)
{
    open_all();
    for (enum kind even = 0; even < KINDS; even++) {
        for (enum kind odd = 0; odd < KINDS; odd++) {
            check_rows(even, odd);
        }
    }
    close_all();
}

/* Each kind, with a primitive that is NULL, and one without a place for its item. */
static hark_case hollow(enum kind kind)
{
    hark_case c = case_of(kind, 0);
    c.object = NULL;
    return c;
}

INSIDE(select_refuses_what_is_wrong_behind_idle_cases)
{
    open_all();
    for (enum kind kind = 0; kind < KINDS; kind++) {
        hark_case cases[3] = {case_of(kind, 1), case_of(kind, 2), hollow(kind)};
        CHECK_EQ(hark_try_select(cases, 2), -EAGAIN);
        CHECK_MISUSE(hark_select(cases, 3), -EINVAL, "hark_select");
    }
    for (enum kind kind = SEND; kind <= GET; kind++) {
        hark_case cases[3] = {case_of(kind, 1), case_of(kind, 2), case_of(kind, 0)};
        cases[2].item = NULL;
        CHECK_MISUSE(hark_select(cases, 3), -EINVAL, "the item is NULL");
    }
    hark_case cases[2] = {case_of(RECV, 0), case_of(RECV, 1)};
    hark_chan_free(&chans[1][1]);
    CHECK_MISUSE(hark_select(cases, 2), -EINVAL, "hark_select: the channel was not initialised");
    CHECK_EQ(hark_chan_init(&chans[1][1], sizeof item, 1), 0);
    close_all();
}

/* A closed end is news. */
INSIDE(select_hears_of_an_end_behind_idle_cases)
{
    open_all();
    hark_case cases[4] = {case_of(RECV, 0), case_of(RECV, 1), case_of(GET, 0), case_of(GET, 1)};
    CHECK_SILENT(hark_try_select(cases, 4), -EAGAIN);
    CHECK_EQ(hark_chan_close_sender(&chans[1][1]), 0);
    CHECK_EQ(hark_select(cases, 4), 1);
    CHECK_EQ(hark_case_result(&cases[1]), -ENODATA);
    cases[1] = case_of(RECV, 2);
    CHECK_EQ(hark_queue_shutdown(&queues[1][1], false), 0);
    CHECK_EQ(hark_select(cases, 4), 3);
    CHECK_EQ(hark_case_result(&cases[3]), -EPIPE);
    hark_case sends[2] = {case_of(SEND, 0), case_of(SEND, 1)};
    CHECK_EQ(hark_chan_close_receiver(&chans[0][1]), 0);
    CHECK_EQ(hark_select(sends, 2), 1);
    CHECK_EQ(hark_case_result(&sends[1]), -EPIPE);
    close_all();
}

/* ---- another loop ---------------------------------------------------------------------------- */

static hark_case kept[KINDS];

/* What a loop has used that is over is this one's from the first look on. */
static int select_again(void *unused)
{
    (void)unused;
    CHECK_SILENT(hark_try_select(kept, KINDS), -EAGAIN);
    CHECK_EQ(hark_group_open(&group), 0);
    make_happen(RECEIVE, 0);
    CHECK_EQ(hark_select(kept, KINDS), RECEIVE);
    return hark_group_close(&group, 0);
}

TEST(select_takes_over_what_a_loop_has_used_that_is_over)
{
    open_all();
    for (enum kind kind = 0; kind < KINDS; kind++) {
        kept[kind] = case_of(kind, 0);
    }
    CHECK_EQ(RUN_VIRTUAL(select_again, NULL), 0);
    CHECK_EQ(RUN_VIRTUAL(select_again, NULL), 0);
    close_all();
}

static int select_theirs(void *unused)
{
    (void)unused;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        CHECK_MISUSE(hark_try_select(&kept[kind], 1), -EXDEV, "hark_try_select");
    }
    return 0;
}

static void *run_beside(void *unused)
{
    (void)unused;
    CHECK_EQ(RUN_VIRTUAL(select_theirs, NULL), 0);
    return NULL;
}

INSIDE(select_refuses_idle_cases_of_another_loop)
{
    open_all();
    for (enum kind kind = 0; kind < KINDS; kind++) {
        kept[kind] = case_of(kind, 0);
    }
    CHECK_SILENT(hark_try_select(kept, KINDS), -EAGAIN);
    in_thread(run_beside, NULL);
    close_all();
}

/* ---- fairness -------------------------------------------------------------------------------- */

/* Who began to look anywhere and took the first would favour the one behind the gap. */
INSIDE(select_gives_each_of_those_around_a_gap_the_same_chance)
{
    static const int set[3] = {0, 1, ROW - 1};
    hark_case cases[ROW];
    int seen[ROW] = {0};

    for (int i = 0; i < ROW; i++) {
        cases[i] = hark_on_event(&events[i]);
    }
    for (int i = 0; i < 3; i++) {
        hark_event_set(&events[set[i]]);
    }
    for (int call = 0; call < 3000; call++) {
        seen[hark_select(cases, ROW)]++;
    }
    for (int i = 0; i < 3; i++) {
        CHECK(seen[set[i]] > 900 && seen[set[i]] < 1100);
    }
}
