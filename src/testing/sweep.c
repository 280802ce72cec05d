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
 *          too. One
 *             with a failing call is a process of its own besides: some calls are not made again
 *             once they have failed, and places would shift.
 *          2  Whatever the fault, the run ends: with 0 or a negative code, with every task gone and
 *             every byte, mapping and descriptor given back.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <signal.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/memory.h"
#include "testing/testing.h"

#define DESCRIPTORS 128

static uint16_t living[HARK__STEPS_USUAL + 1]; /* tasks at each step of the plain run */
static uint32_t step_count;
static struct hark__fault present;
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
    char title[96];
    struct hark__text text;

    if (!task) {
        return;
    }
    hark__text_to_string(&text, title, sizeof title);
    hark__task_title(task, &text);
    if (hark__explorer.telling) {
        hark__story_put("      %s is cancelled\n", title);
    }
    hark_task_cancel(task->id);
}

void hark__sweep_between(hark_loop *loop)
{
    uint32_t step = hark__explorer.steps - 1;

    if (!present.kind && step <= HARK__STEPS_USUAL) {
        living[step] = (uint16_t)loop->tasks;
        step_count = step + 1;
    }
    if (step != present.place) {
        return;
    }
    if ((int)present.kind == HARK__FAULT_CANCEL) {
        cancel(loop, present.variant);
    } else if ((int)present.kind == HARK__FAULT_STOP) {
        if (hark__explorer.telling) {
            hark__story_put("      the run is stopped\n");
        }
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

static void run(const struct hark__fault *fault)
{
    struct hark__explorer *x = &hark__explorer;
    size_t heap = hark__alloc_live(), mapped = hark__map_live();
    bool is_ours = (int)fault->kind >= HARK__FAULT_CANCEL;
    int descriptors = open_descriptors();

    hark__order_draw_from(seed);
    present = x->board->trace.fault = *fault;
    x->sweeping = true;
    x->disturbed = fault->kind != HARK__FAULT_NONE;
    hark__fault_begin(is_ours ? &none : fault);
    hark__explorer_run_cold();
    hark__fault_end();
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

static void run_one(int kind, uint32_t place, uint32_t variant)
{
    struct hark__fault fault = {(enum hark__fault_kind)kind, place, variant};

    hark__explorer.board->trace.length = 0;
    hark__explorer.board->result.faults++;
    run(&fault);
}

static void sweep_steps(unsigned faults)
{
    for (uint32_t place = 0; place < step_count; place++) {
        for (uint32_t variant = 0; variant < living[place] && faults & HARK_FAULT_CANCEL; variant++) {
            run_one(HARK__FAULT_CANCEL, place, variant);
        }
        if (faults & HARK_FAULT_STOP) {
            run_one(HARK__FAULT_STOP, place, 0);
        }
    }
}

#define PLACES_MOST 65536

static _Noreturn void run_and_leave(int kind, uint32_t place, uint32_t variant)
{
    hark__explorer_guard();
    run_one(kind, place, variant);
    hark__explorer.board->state = BOARD_DONE;
    hark__explorer_leave(0);
    abort(); /* it does not come back */
}

/* Rule 1. What goes wrong in it stands on the board already, or the board knows of no end. It has
 * an alarm of its own; ours would count the time of all of them together. */
static void run_in_child(int kind, uint32_t place, uint32_t variant)
{
    struct hark__board *board = hark__explorer.board;
    int status = 0;
    pid_t child = fork(), gone;

    if (child == 0) {
        run_and_leave(kind, place, variant);
    }
    alarm(0);
    hark__explorer.alarms = 0; /* the next step sets it again */
    do {
        gone = child < 0 ? child : waitpid(child, &status, 0);
    } while (gone < 0 && child > 0 && errno == EINTR);
    if (gone < 0) {
        hark__explorer_fail("no process for a fault");
    }
    if (WIFSIGNALED(status)) {
        bool hangs = WTERMSIG(status) == SIGALRM;
        board->hung = hangs;
        hark__explorer_fail(hangs ? "%s" : "the process died: %s",
                            hangs ? HARK__STEP_HANGS : strsignal(WTERMSIG(status)));
    }
    if (board->state == BOARD_FAILED) {
        hark__explorer_leave(1);
    }
    if (board->state == BOARD_BUSY) {
        hark__explorer_fail("the process ended itself, with status %d", WEXITSTATUS(status));
    }
    board->state = BOARD_BUSY;
}

/* How many ways each place has is known of the plain run only, so it is noted before the others. */
static void sweep_calls(enum hark__fault_kind kind)
{
    static uint8_t variants[PLACES_MOST];
    uint32_t places = hark__fault_places(kind);

    places = places < PLACES_MOST ? places : PLACES_MOST;
    for (uint32_t place = 0; place < places; place++) {
        variants[place] = (uint8_t)hark__fault_variants(kind, place);
    }
    for (uint32_t place = 0; place < places; place++) {
        for (uint32_t variant = 0; variant < variants[place]; variant++) {
            run_in_child(kind, place, variant);
        }
    }
}

/* Once before anything counts: what a process does once in its life (choosing its guards) is done,
 * and what it keeps is there. */
static void warm_up(void)
{
    hark__order_open(hark__explorer.options, &hark__explorer.board->trace, false);
    hark__explorer.sweeping = true;
    hark__explorer_run_cold();
}

static void run_plain(void)
{
    hark__order_open(hark__explorer.options, &hark__explorer.board->trace, false);
    run(&none);
}

/* The plain run first: from it the words know which call it is that fails. */
void hark__sweep_replay(void)
{
    struct hark__explorer *x = &hark__explorer;
    static struct hark__trace trace;
    bool telling = x->telling;
    char words[128];
    struct hark__text text;

    trace = x->board->trace;
    x->telling = false;
    warm_up();
    hark__fault_install();
    run_plain();
    x->telling = telling;
    x->board->trace = trace;
    hark__order_open(x->options, &x->board->trace, true);
    if (trace.fault.kind && (int)trace.fault.kind < HARK__FAULT_CANCEL) {
        hark__text_to_string(&text, words, sizeof words);
        hark__fault_words(&trace.fault, &text);
        hark__story_put("      in this run %s\n", words);
    }
    run(&trace.fault);
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

    warm_up();
    hark__fault_install();
    for (uint64_t order = 0; order < orders; order++) {
        seed = options->seed + order;
        sweep_order(options->faults);
    }
    hark__fault_uninstall();
}
