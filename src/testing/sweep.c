/* SPDX-License-Identifier: MIT
 *
 * sweep.c - the same scenario with one fault, at each place in turn.
 *
 * Idea     A plain run (way 0 at every choice; with a random strategy, one drawn order after the
 *          other) counts the places: each step is a place for cancelling each of the tasks that
 *          live then, and for stopping the run; each allocation and each system call is a place
 *          where it may fail (fault.c). Then the scenario is run once for each place and each way
 *          of failing there. So it is every place, not a sample; what SQLite does to its
 *          allocations, done to cancellation as well.
 * Rules    1  Each of these runs opens a loop of its own, so that opening and closing are swept
 *             too. One with a failing call is a process of its own besides: some calls are not made
 *             again once they have failed, and places would shift.
 *          2  Whatever the fault, the run ends: with 0 or a negative code, with every task gone and
 *             every byte, mapping and descriptor given back.
 *          3  No place is passed over: what has more of them than can be swept is refused.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "testing/testing.h"

#define DESCRIPTORS 128

static uint32_t *living; /* tasks at each step of the plain run */
static uint32_t step_count;
static struct hark__fault present;
static bool hit;      /* it was put in */
static uint64_t seed; /* of the present order */
static const struct hark__fault none;

/* ---- cancelling and stopping ----------------------------------------------------------------- */

static hark__task *living_task(hark_loop *loop, uint32_t which)
{
    hark__task *task = hark__roster_next(loop->roster, NULL);

    while (task && which-- > 0) {
        task = hark__roster_next(loop->roster, task);
    }
    return task;
}

static void cancel(hark_loop *loop, uint32_t which)
{
    hark__task *task = living_task(loop, which);

    hit = task;
    if (hit) {
        hark__story_put("      %s is cancelled\n", hark__story_title(task));
        hark_task_cancel(task->id);
    }
}

void hark__sweep_between(hark_loop *loop)
{
    uint32_t step = hark__explorer.steps - 1;

    if (!present.kind) {
        living[step] = loop->tasks;
        step_count = step + 1;
    } else if (present.kind == HARK__FAULT_CANCEL && step == present.place) {
        cancel(loop, present.variant);
    } else if (present.kind == HARK__FAULT_STOP && step == present.place) {
        hit = true;
        hark__story_put("      the run is stopped\n");
        hark__cancel_all(loop, false);
    }
}

/* Of the first ones: a leak takes the lowest number. */
static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        count += hark__sys.fcntl_int(fd, F_GETFD, 0) >= 0;
    }
    return count;
}

/* ---- one run --------------------------------------------------------------------------------- */

static void tell_fault(const struct hark__fault *fault)
{
    char words[128];
    struct hark__text text;

    if (hark__explorer.telling && fault->kind && fault->kind <= HARK__FAULT_LATE) {
        hark__text_to_string(&text, words, sizeof words);
        hark__fault_words(fault, &text);
        hark__story_put("      in this run %s\n", words);
    }
}

static void run(const struct hark__fault *fault)
{
    struct hark__explorer *x = &hark__explorer;
    size_t heap = hark__alloc_live(), mapped = hark__map_live();
    int descriptors = open_descriptors();

    x->board->story_used = 0;
    tell_fault(fault);
    hark__order_draw_from(seed);
    present = x->board->trace.fault = *fault;
    x->sweeping = true;
    x->disturbed = fault->kind != HARK__FAULT_NONE;
    hit = false;
    hark__fault_begin(fault);
    hark__explorer_run_cold();
    hit = hark__fault_end() || hit;
    if (open_descriptors() != descriptors) {
        hark__explorer_fail("%d descriptors were open before, and %d are now", descriptors,
                            open_descriptors());
    }
    if (hark__alloc_live() != heap || hark__map_live() != mapped) {
        hark__explorer_fail("memory is lost: %ld bytes, and %ld mapped",
                            (long)(hark__alloc_live() - heap), (long)(hark__map_live() - mapped));
    }
    x->sweeping = x->disturbed = false;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void run_one(enum hark__fault_kind kind, uint32_t place, uint32_t variant)
{
    struct hark__fault fault = {kind, place, variant};

    hark__explorer.board->trace.length = 0;
    hark__explorer.board->result.faults++;
    run(&fault);
}

static void sweep_steps(unsigned faults)
{
    for (uint32_t place = 0; place < step_count; place++) {
        uint32_t tasks = faults & HARK_FAULT_CANCEL ? living[place] : 0;
        for (uint32_t task = 0; task < tasks; task++) {
            run_one(HARK__FAULT_CANCEL, place, task);
        }
        if (faults & HARK_FAULT_STOP) {
            run_one(HARK__FAULT_STOP, place, 0);
        }
    }
}

/* Rule 1. */
static void run_in_child(enum hark__fault_kind kind, uint32_t place, uint32_t variant)
{
    struct hark__explorer *x = &hark__explorer;
    pid_t child = fork();

    if (child < 0) {
        hark__explorer_fail("no process for a fault");
    }
    if (child == 0) {
        hark__explorer_guard();
        run_one(kind, place, variant);
        hark__explorer_end();
    }
    alarm(0); /* it has one of its own */
    x->alarm_at = 0;
    hark__await(x->options, x->board, child);
    if (x->board->state == BOARD_FAILED) {
        hark__explorer_end();
    }
    x->board->state = BOARD_BUSY;
}

/* How many ways each place has is known of the plain run only, so it is noted before the others. */
static void sweep_calls(enum hark__fault_kind kind)
{
    static uint8_t variants[HARK__FAULT_PLACES_MOST];
    uint32_t places = hark__fault_places(kind);

    if (places > HARK__FAULT_PLACES_MOST) {
        hark__explorer.board->refused = true;
        hark__explorer_fail("the scenario has %u places for a kind of fault; %d are the most",
                            places, HARK__FAULT_PLACES_MOST);
    }
    for (uint32_t place = 0; place < places; place++) {
        variants[place] = (uint8_t)hark__fault_variants(kind, place);
    }
    for (uint32_t place = 0; place < places; place++) {
        for (uint32_t variant = 0; variant < variants[place]; variant++) {
            run_in_child(kind, place, variant);
        }
    }
}

static void run_plain(void)
{
    hark__order_open(hark__explorer.options, &hark__explorer.board->trace, false);
    run(&none);
}

/* With one run before anything counts: what a process does once in its life (choosing its guards)
 * is done, and what it keeps is there. The books are no memory of the library's. */
static void open_sweep(void)
{
    struct hark__explorer *x = &hark__explorer;

    living = hark__memory.allocate(x->steps_most * sizeof *living);
    if (!living) {
        hark__explorer_fail("no memory for %u steps", x->steps_most);
    }
    x->board->trace.fault = none;
    hark__order_open(x->options, &x->board->trace, false);
    x->sweeping = true;
    hark__explorer_run_cold();
    if (hark__fault_install()) {
        hark__explorer_fail("no memory for the books of the faults");
    }
}

/* The plain run first: from it the words know which call it is that fails. */
void hark__sweep_replay(void)
{
    struct hark__explorer *x = &hark__explorer;
    static struct hark__trace trace;

    trace = x->board->trace;
    open_sweep();
    run_plain();
    x->board->trace = trace;
    hark__order_open(x->options, &x->board->trace, true);
    run(&trace.fault);
    hark__order_next(); /* the trace ends here */
    if (x->telling && trace.fault.kind && !hit) {
        hark__explorer_misfit("the fault of the trace has found no place");
    }
}

static void sweep_order(unsigned faults)
{
    static const enum hark__fault_kind kinds[] = {HARK__FAULT_SYSTEM, HARK__FAULT_SHORT,
                                                  HARK__FAULT_INTERRUPT, HARK__FAULT_SPURIOUS,
                                                  HARK__FAULT_LATE};

    run_plain();
    sweep_steps(faults);
    if (faults & HARK_FAULT_MEMORY) {
        run_plain();
        sweep_calls(HARK__FAULT_MEMORY);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && faults & HARK_FAULT_SYSTEM; i++) {
        run_plain();
        sweep_calls(kinds[i]);
    }
}

void hark__sweep(void)
{
    const hark_exploration *options = hark__explorer.options;
    bool draws = options->strategy != HARK_EXPLORE_ALL;
    uint64_t orders = draws && options->schedules ? options->schedules : 1;

    open_sweep();
    for (uint64_t order = 0; order < orders; order++) {
        seed = options->seed + order;
        sweep_order(options->faults);
    }
}
