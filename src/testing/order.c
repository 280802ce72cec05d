/* SPDX-License-Identifier: MIT
 *
 * order.c - what is chosen where there is a choice, and which schedule comes next.
 *
 * Idea     A schedule is the list of its choices. To run one again, its list is read; where the
 *          list ends, the strategy goes on and the list grows. Searching all orders is depth first:
 *          take the last choice that has another way left, take that way, forget what came after
 *          it.
 *
 *              0 0 1 0 2(of 3)  ->  all ways of the last one were tried: drop it
 *              0 0 1 0(of 2)    ->  0 0 1 1, and from there on as it comes
 *
 *          Among random strategies PCT (Burckhardt and others, 2010) gives each task a random
 *          priority and lets the highest run, but at depth - 1 random places the one that would run
 *          falls below all others: with n tasks and k steps it finds a bug of that depth in one
 *          schedule with a chance of at least 1 / (n * k^(depth - 1)).
 * Rules    1  The same list leads to the same choices: a scenario that asks for other ones when it
 *             is run again depends on something else, and is told so.
 *          2  Depth first is complete: it ends when no choice has a way left.
 *          3  Way 0 is what an undisturbed program would most likely do, so that a list of zeroes
 *             is the plainest schedule, and short traces are plain ones.
 */
#include <string.h>

#include "testing/testing.h"

#define TASKS_MOST   256 /* whose priorities are remembered */
#define CHANGES_MOST 16

#define TOOK_ANOTHER_WAY(how) \
    "run again, the scenario took another way: " how \
    ". It depends on more than its schedule: a static variable that is not reset, a real clock, " \
    "an address"

static struct {
    const hark_exploration *options;
    struct hark__trace *trace;
    bool replays;     /* a given trace: once, and bent where it does not fit */
    uint32_t at;      /* the next choice */
    uint32_t known;   /* choices that the list prescribes */
    uint32_t changed; /* the one that differs from the schedule before */
    uint64_t random;
    uint64_t done; /* schedules begun */
    int yields;
    /* PCT */
    uint32_t readies, readies_most; /* choices among ready tasks, in this schedule and in any */
    uint32_t changes[CHANGES_MOST];
    uint32_t ranked;
    struct {
        hark_task id;
        uint64_t rank;
    } ranks[TASKS_MOST];
} order;

static uint64_t draw(void)
{
    uint64_t x = order.random += 0x9e3779b97f4a7c15u; /* splitmix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t draw_below(uint32_t count)
{
    return (uint32_t)((draw() >> 32) * count >> 32);
}

static bool is_pct(void)
{
    return order.options->strategy == HARK_EXPLORE_PCT;
}

static int depth(void)
{
    int depth = order.options->depth > 0 ? order.options->depth : 3;
    return depth > CHANGES_MOST ? CHANGES_MOST : depth;
}

void hark__order_open(const hark_exploration *options, struct hark__trace *trace, bool replays)
{
    memset(&order, 0, sizeof order);
    order.options = options;
    order.trace = trace;
    order.replays = replays;
    order.known = replays ? trace->length : 0;
    order.random = options->seed;
    order.readies_most = 16;
    if (!replays) {
        trace->length = 0;
    }
}

void hark__order_draw_from(uint64_t seed)
{
    order.random = seed;
}

void hark__order_begin(void)
{
    order.at = 0;
    order.yields = 0;
    order.done++;
    order.trace->length = order.known;
    if (is_pct() && !order.known) {
        order.ranked = order.readies = 0;
        for (int i = 0; i < depth() - 1; i++) {
            order.changes[i] = draw_below(order.readies_most);
        }
    }
}

/* ---- PCT ------------------------------------------------------------------------------------- */

/* Callbacks share one rank. */
static uint64_t *rank_of(uintptr_t entry)
{
    bool is_watch = (entry & READY_KIND) == READY_WATCH;
    const hark__task *task = (const hark__task *)(entry & ~(uintptr_t)READY_KIND);
    hark_task id = is_watch ? 0 : task->id;

    for (uint32_t i = 0; i < order.ranked; i++) {
        if (order.ranks[i].id == id) {
            return &order.ranks[i].rank;
        }
    }
    uint32_t place = order.ranked < TASKS_MOST ? order.ranked++ : draw_below(TASKS_MOST);
    order.ranks[place].id = id;
    order.ranks[place].rank = CHANGES_MOST + (draw() >> 1);
    return &order.ranks[place].rank;
}

static uintptr_t candidate(const hark_loop *loop, uint32_t which)
{
    uint32_t place = 0;

    hark__loop_candidates(loop, which, &place);
    return loop->ring[(loop->head + place) & loop->mask];
}

static uint32_t highest(const hark_loop *loop, uint32_t count)
{
    uint32_t best = 0;
    uint64_t best_rank = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t rank = *rank_of(candidate(loop, i));
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static uint32_t pick_by_rank(uint32_t count)
{
    const hark_loop *loop = hark__here;
    uint32_t step = order.readies++;

    for (int i = 0; i < depth() - 1; i++) {
        if (order.changes[i] == step) {
            *rank_of(candidate(loop, highest(loop, count))) = (uint64_t)i + 1;
        }
    }
    if (order.readies > order.readies_most) {
        order.readies_most = order.readies;
    }
    return highest(loop, count);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* What the world does is mostly nothing: else the tasks would hardly get on. */
static uint32_t pick_at_random(enum hark__choice what, uint32_t count)
{
    switch (what) {
    case HARK__CHOOSE_READY: return is_pct() ? pick_by_rank(count) : draw_below(count);
    case HARK__CHOOSE_YIELD: return draw_below(4) == 0;
    case HARK__CHOOSE_OUTSIDE: return draw_below(2) ? 0 : draw_below(count);
    default: return draw_below(count);
    }
}

static uint32_t pick_new(enum hark__choice what, uint32_t count)
{
    struct hark__trace *trace = order.trace;

    if (order.at == HARK__PATH_MOST) {
        hark__explorer_fail("more than %d choices in one schedule: "
                            "is there a loop that only yields?",
                            HARK__PATH_MOST);
    }
    bool first = order.options->strategy == HARK_EXPLORE_ALL || order.replays;
    uint32_t taken = first ? 0 : pick_at_random(what, count);
    trace->path[order.at] = (struct hark__chosen){(uint16_t)taken, (uint16_t)count, (uint8_t)what};
    trace->length = ++order.at;
    return taken;
}

static uint32_t pick_known(enum hark__choice what, uint32_t count)
{
    struct hark__chosen *chosen = &order.trace->path[order.at];

    if (order.replays && hark__explorer.telling && chosen->taken >= count) {
        hark__explorer_misfit("choice %u of the trace is %u, and there are %u ways", order.at,
                              chosen->taken, count);
    }
    if (order.replays) {
        chosen->taken = chosen->taken < count ? chosen->taken : (uint16_t)(count - 1);
        chosen->count = (uint16_t)count;
        chosen->what = (uint8_t)what;
    } else if (chosen->count != count || chosen->what != what) {
        hark__explorer_fail(TOOK_ANOTHER_WAY("choice %u had %u ways and has %u now"), order.at,
                            chosen->count, count);
    }
    order.at++;
    return chosen->taken;
}

/* Where the bound of yields is used up there is one way only. It stands in the list all the same:
 * a trace means one schedule, whatever strategy and bound replay it. */
static bool is_bound(enum hark__choice what)
{
    int most = order.options->yields;

    return what == HARK__CHOOSE_YIELD && order.options->strategy == HARK_EXPLORE_ALL && most &&
           !order.replays && order.yields >= (most < 0 ? 0 : most);
}

uint32_t hark__order_pick(enum hark__choice what, uint32_t count)
{
    if (count < 2) {
        return 0;
    }
    if (count > UINT16_MAX) {
        hark__explorer_fail("a choice among %u: %d is the most", count, UINT16_MAX);
    }
    count = is_bound(what) ? 1 : count;
    uint32_t taken = order.at < order.known ? pick_known(what, count) : pick_new(what, count);
    order.yields += what == HARK__CHOOSE_YIELD && taken;
    return taken;
}

bool hark__order_fresh(void)
{
    return hark__explorer.sweeping || order.done == 1 || order.at > order.changed ||
           order.options->strategy != HARK_EXPLORE_ALL;
}

/* ---- the next one ---------------------------------------------------------------------------- */

void hark__order_again(void)
{
    order.known = order.trace->length;
    order.done--;
}

static void check_end_of_trace(void)
{
    if (hark__explorer.telling && hark__trace_significant(order.trace) > order.at) {
        hark__explorer_misfit("the trace has more than the %u choices that were made", order.at);
    }
}

bool hark__order_next(void)
{
    struct hark__trace *trace = order.trace;
    uint64_t most = order.options->schedules ? order.options->schedules : 1000000;

    if (order.replays) {
        check_end_of_trace();
        return false;
    }
    if (order.at < order.known) {
        hark__explorer_fail(TOOK_ANOTHER_WAY("it made only %u choices, and %u were to come"),
                            order.at, order.known);
    }
    if (order.options->strategy != HARK_EXPLORE_ALL) {
        order.known = 0;
        return order.done < most;
    }
    while (trace->length &&
           trace->path[trace->length - 1].taken + 1 == trace->path[trace->length - 1].count) {
        trace->length--;
    }
    if (!trace->length) {
        hark__explorer.board->result.complete = true;
        return false;
    }
    if (order.done >= most) {
        return false;
    }
    order.changed = trace->length - 1;
    trace->path[order.changed].taken++;
    order.known = trace->length;
    return true;
}
