/* SPDX-License-Identifier: MIT
 *
 * run.c - runs schedules, one after the other, in the explorer's child; and what a scenario may
 * call.
 *
 * Idea     A seeded loop comes back to its own stack after every step and asks two questions: which
 *          ready task is next (hark__choices.pick), and does anything happen before (between)? The
 *          answers are all that makes one schedule differ from another, so whoever gives them owns
 *          every order that the loop can produce. What happens between two steps is one of
 *
 *              the loop looks around: the hub's news, the post box, timers that are due
 *              another thread acts (hark_test_outside)
 *              time goes on, to the next deadline
 *
 *          The loop is kept from one schedule to the next: opening one costs more than most
 *          schedules. A task of our own, the conductor, starts each scenario in a group, and when
 *          that has closed nothing may be left; the loop's time is then put back.
 * Rules    1  A schedule depends on its choices only: the clock stands still, time is virtual, the
 *             hub is simulated.
 *          2  After each step hark__audit walks the whole loop. (In depth-first search only from
 *             the first new choice on: what comes before was walked in an earlier schedule.)
 *          3  The first failure ends the process: the board says what it was.
 *          4  A schedule that leaves something behind has failed.
 * Not here Which way is taken: order.c. Faults: sweep.c. What the parent makes of it: explore.c.
 */
#include <hark/error.h>
#include <hark/io.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "testing/memory.h"
#include "testing/testing.h"

#define STEPS_USUAL  10000
#define GROWTHS_MOST 16 /* how often one schedule may make caches grow */

struct hark__explorer hark__explorer;

static void leave(int status)
{
    _exit(status);
}

void (*hark__explorer_leave)(int) = leave;

/* ---- failing --------------------------------------------------------------------------------- */

void hark__explorer_end(void)
{
    const struct hark__explorer *x = &hark__explorer;

    if (x->board->state == BOARD_BUSY) {
        x->board->state = BOARD_DONE;
    }
    if (x->telling) {
        fflush(stdout); /* what the scenario has printed */
    }
    hark__explorer_leave(x->board->state == BOARD_FAILED);
    abort(); /* it does not come back */
}

void hark__explorer_fail(const char *format, ...)
{
    struct hark__board *board = hark__explorer.board;
    struct hark__text text;
    va_list arguments;

    if (board->state == BOARD_FAILED) {
        hark__explorer_end(); /* rule 3: a process that the scenario has forked was first */
    }
    hark__text_to_string(&text, board->result.words, sizeof board->result.words);
    va_start(arguments, format);
    hark__text_vput(&text, format, arguments);
    va_end(arguments);
    board->state = BOARD_FAILED;
    hark__story_stepped();
    hark__story_put("      FAILED: %s\n", board->result.words);
    hark__story_waiting();
    hark__explorer_end();
}

/* Who waits for a descriptor of the kernel's would be told otherwise that a wake-up was lost. */
static void check_descriptors(const hark_loop *loop)
{
    const struct hark__fd *fd = NULL;

    while ((fd = hark__fd_next(loop, fd))) {
        if ((fd->waits[FD_IN] || fd->waits[FD_OUT]) && fd->fd < HARK__MEMORY_FIRST) {
            hark__explorer_fail(
                "descriptor %d is the kernel's, and the hub is simulated: it never hears of it. "
                "Take hark_test_pair, or faults with hub = \"epoll\"",
                fd->fd);
        }
    }
}

static void audit(hark_loop *loop, bool at_rest)
{
    char words[200];
    struct hark__text text;

    hark__text_to_string(&text, words, sizeof words);
    hark__fault_pause(true);
    int broken = hark__audit(loop, at_rest, &text);
    hark__fault_pause(false);
    if (broken && at_rest) {
        check_descriptors(loop);
    }
    if (broken) {
        hark__explorer_fail("the audit: %s", words);
    }
}

/* ---- what happens between two steps ---------------------------------------------------------- */

enum happening { HAPPENS_NOTHING, HAPPENS_LOOK, HAPPENS_SETTLE, HAPPENS_TIME };

/* The ways that there are, way 0 first; behind them each of the threads that may act. */
struct happenings {
    uint8_t ways[4];
    uint32_t count;
};

static void add(struct happenings *all, enum happening way)
{
    all->ways[all->count++] = (uint8_t)way;
}

static bool has_news(hark_loop *loop)
{
    return hark__sim_pending(loop->hub) || (!loop->holds && hark__inbox_any(loop)) ||
           hark__wheel_next(&loop->wheel) <= loop->virtual_now;
}

static struct happenings what_can_happen(hark_loop *loop, bool idle)
{
    const hark_exploration *options = hark__explorer.options;
    int64_t next = hark__wheel_next(&loop->wheel);
    struct happenings all = {.count = 0};

    if (!idle) {
        add(&all, HAPPENS_NOTHING);
    }
    if (has_news(loop)) {
        add(&all, HAPPENS_LOOK);
    }
    if (idle && loop->settlers.first && !all.count) { /* after the news, as the loop does it */
        add(&all, HAPPENS_SETTLE);
    }
    bool else_can = !idle || all.count || hark__explorer.outside_count;
    if (next != HARK_FOREVER && next > loop->virtual_now && !(options->patient && else_can)) {
        add(&all, HAPPENS_TIME);
    }
    return all;
}

static void let_time_pass(hark_loop *loop)
{
    int64_t next = hark__wheel_next(&loop->wheel);

    hark__story_time(loop, next);
    loop->virtual_now = next;
}

/* As another thread: there is no loop where it runs. */
static void act_outside(hark_loop *loop, uint32_t which)
{
    struct hark__explorer *x = &hark__explorer;
    hark_callback *fn = x->outside[which].fn;
    void *arg = x->outside[which].arg;

    x->outside_count--;
    memmove(&x->outside[which], &x->outside[which + 1],
            (x->outside_count - which) * sizeof x->outside[0]);
    hark__story_put("      another thread acts\n");
    hark__here = NULL;
    fn(arg);
    hark__here = loop;
}

static void look(hark_loop *loop)
{
    hark__story_put("      the loop looks around\n");
    hark__loop_look(loop);
}

/* Nothing can happen in the loop. What threads of the library's own do is not ours to order, so it
 * happens now. */
static void await_threads(hark_loop *loop)
{
    if (!loop->holds) {
        check_descriptors(loop);
        hark__explorer_fail("nothing can go on: every task waits for what never comes");
    }
    while (!hark__inbox_any(loop)) {
        sched_yield();
    }
    look(loop);
}

/* True: something has happened. */
static bool let_happen(hark_loop *loop, bool idle)
{
    struct happenings all = what_can_happen(loop, idle);
    uint32_t count = all.count + hark__explorer.outside_count;

    if (!count) {
        await_threads(loop);
        return true;
    }
    uint32_t way = hark__order_pick(HARK__CHOOSE_OUTSIDE, count);
    if (way >= all.count) {
        act_outside(loop, way - all.count);
        return true;
    }
    switch (all.ways[way]) {
    case HAPPENS_LOOK: look(loop); return true;
    case HAPPENS_TIME: let_time_pass(loop); return true;
    default: return false;
    }
}

/* In each second once: before each step would cost more than some steps do. */
static void set_alarm(void)
{
    struct hark__explorer *x = &hark__explorer;
    struct timespec now;

    if (!x->in_place && x->clock(CLOCK_MONOTONIC_COARSE, &now) == 0 && now.tv_sec != x->alarm_at) {
        x->alarm_at = now.tv_sec;
        alarm(HARK__STEP_SECONDS + 1);
    }
}

/* What the program does with its signals and children is its own business; ours must end: when a
 * step hangs, and when nobody waits for it any more. Fork hands on neither. */
void hark__explorer_guard(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t alarms;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    hark__explorer.alarm_at = 0;
    hark__explorer.process = getpid();
    hark__sys.sigaction(SIGALRM, &usual, NULL);
    hark__sys.sigaction(SIGCHLD, &usual, NULL); /* it has children itself */
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

static void count_step(void)
{
    struct hark__explorer *x = &hark__explorer;

    set_alarm();
    x->board->result.steps++;
    if (++x->steps > x->steps_most) {
        hark__explorer_fail("it does not end: more than %u steps", x->steps_most);
    }
}

static bool between(bool idle)
{
    struct hark__explorer *x = &hark__explorer;
    hark_loop *loop = hark__here;

    if (!x->active) {
        return false;
    }
    count_step();
    hark__story_stepped();
    if (hark__order_fresh()) {
        audit(loop, idle && !x->real_hub && !has_news(loop));
    }
    if (x->sweeping) {
        hark__sweep_between(loop);
        idle = loop->head == loop->tail;
    }
    if (x->real_hub) {
        if (idle && x->outside_count) {
            act_outside(loop, 0);
            return true;
        }
        if (!idle && loop->head == loop->turn_end) {
            hark__loop_look(loop);
        }
        return false;
    }
    return let_happen(loop, idle);
}

static void step(uintptr_t entry)
{
    if (hark__explorer.active) {
        hark__story_step(entry);
    }
}

/* A spawn needs no memory most of the time, and a program must survive that it does. */
static bool refuse(void)
{
    void *memory = hark__explorer.active ? hark__memory.allocate(1) : NULL;
    bool refused = hark__explorer.active && !memory;

    hark__memory.release(memory);
    return refused;
}

static uint32_t pick(uint64_t *state, enum hark__choice what, uint32_t count)
{
    (void)state;
    return hark__explorer.active ? hark__order_pick(what, count) : 0;
}

/* ---- one schedule ---------------------------------------------------------------------------- */

/* The main task of the scenario. */
static int play(void *unused)
{
    struct hark__explorer *x = &hark__explorer;

    (void)unused;
    hark__memory_hub(x->real_hub ? NULL : hark__here->hub);
    x->active = true;
    hark__story_step((uintptr_t)hark__here->running | READY_NEW);
    x->result = x->options->main(x->options->arg);
    if (x->result) { /* said here: the words are this task's */
        snprintf(x->said, sizeof x->said, "%s", hark_error_last());
    }
    if (getpid() != x->process) {
        hark__explorer_fail("a process that the scenario has forked came back: it must _exit");
    }
    x->outside_count = 0;
    return x->result;
}

static const char play_site[] = "the scenario\0"
                                "0main";
static const char conduct_site[] = "the explorer\0"
                                   "0conductor";

static void begin_schedule(void)
{
    struct hark__explorer *x = &hark__explorer;

    x->steps = 0;
    x->running = 0;
    x->outside_count = 0;
    x->said[0] = 0;
    x->board->result.schedules++;
    set_alarm();
    hark__memory_reset();
    hark__order_begin();
}

/* Callbacks that were due and were taken back: what is left of one is an empty entry (rule K3 of
 * watch.c), which is nobody's fault. */
static uint32_t taken_back(const hark_loop *loop)
{
    uint32_t count = 0;

    for (uint32_t i = loop->head; i != loop->tail; i++) {
        count += loop->ring[i & loop->mask] == READY_WATCH;
    }
    return count;
}

/* Rule 4: the scenario has ended, and nothing of it is left. */
static void check_rest(hark_loop *loop)
{
    const struct hark__explorer *x = &hark__explorer;
    uint32_t armed = loop ? loop->promised - 1 - taken_back(loop) : 0;
    const char *words = *x->said ? x->said : hark_error_last();

    if (x->board->state == BOARD_FAILED) {
        hark__explorer_end(); /* a process that it has forked has said so */
    }
    if (x->result == -EDEADLK && !loop) { /* on a real hub the loop itself has found it */
        hark__explorer_fail("nothing could go on: %s", hark_error_last());
    }
    if (x->result > 0 || (x->result && !x->disturbed)) {
        hark__explorer_fail("main has returned %d%s%s", x->result, *words ? ": " : "", words);
    }
    if (hark__memory_open()) {
        hark__explorer_fail("descriptor %d is left open", hark__memory_lowest_open());
    }
    if (armed) {
        hark__explorer_fail("%u watch%s left armed", armed, armed == 1 ? " is" : "es are");
    }
}

/* Is more held than after any schedule before? Then the same one is run again: caches have grown by
 * then, and what it loses it loses each time. */
static bool must_repeat(void)
{
    struct hark__explorer *x = &hark__explorer;
    static size_t most;
    static int growths;
    size_t live = hark__alloc_live();

    if (live <= most) {
        growths = 0;
        return false;
    }
    most = live;
    if (++growths > GROWTHS_MOST) {
        hark__explorer_fail("memory is lost: %lu bytes are held now, more each time",
                            (unsigned long)live);
    }
    x->board->result.schedules--; /* it counts once */
    x->board->result.steps -= x->steps;
    x->board->story_used = 0;
    hark__order_again();
    return true;
}

static int begin_scene(void *unused)
{
    play(unused);
    return 0; /* its failure is not the conductor's */
}

static void put_back(hark_loop *loop)
{
    hark__loop_rewind(loop);
    for (int i = 0; i < HARK__MEMORY_COUNT; i++) {
        hark__fd_drop(loop, HARK__MEMORY_FIRST + i);
    }
}

static void run_warm(hark_loop *loop)
{
    hark_group group;

    begin_schedule();
    put_back(loop);
    if (hark_group_open(&group) || hark_go_at(play_site, &group, begin_scene, NULL) < 0) {
        hark__explorer_fail("no memory for the scenario");
    }
    hark__explorer.result = 0;
    hark_group_close(&group, 0);
    hark__explorer.active = false;
    check_rest(loop);
    hark_yield(); /* empty entries go, or they would be steps of the next schedule */
}

static int conduct(void *unused)
{
    hark_loop *loop = hark__here;

    (void)unused;
    hark__explorer.conductor = hark_self();
    do {
        run_warm(loop);
    } while (must_repeat() || hark__order_next());
    return 0;
}

static hark_options options_of_loop(void)
{
    const char *hub = hark__explorer.options->hub;

    return (hark_options){
        .size = sizeof(hark_options),
        .hub = hub ? hub : "sim",
        .virtual_clock = true,
        .seed = 1, /* any: it makes the loop ask */
    };
}

void hark__explorer_run_cold(void)
{
    struct hark__explorer *x = &hark__explorer;
    const hark_options options = options_of_loop();

    begin_schedule();
    x->result = hark_run_at(play_site, &options, play, NULL);
    x->active = false;
    check_rest(NULL);
}

/* ---- the work of a child --------------------------------------------------------------------- */

/* A clock that stands still: what is decided by it is always decided alike. */
static int stand_still(clockid_t clock, struct timespec *time)
{
    (void)clock;
    *time = (struct timespec){.tv_sec = 1000000};
    return 0;
}

static void search(void)
{
    const struct hark__explorer *x = &hark__explorer;
    const hark_options options = options_of_loop();
    int error;

    if (!x->real_hub && (error = hark_run_at(conduct_site, &options, conduct, NULL))) {
        hark__explorer_fail("the loop has ended with %d: %s", error, hark_error_last());
    }
    if (x->options->faults) {
        hark__sweep();
    }
}

static void replay(void)
{
    const struct hark__explorer *x = &hark__explorer;
    const hark_options options = options_of_loop();

    if (x->board->trace.fault.kind || x->real_hub) {
        hark__sweep_replay();
    } else {
        hark_run_at(conduct_site, &options, conduct, NULL);
    }
}

void hark__explorer_work(const hark_exploration *options, struct hark__board *board,
                         enum hark__job job)
{
    struct hark__explorer *x = &hark__explorer;

    *x = (struct hark__explorer){
        .options = options,
        .board = board,
        .process = getpid(),
        .in_place = x->in_place,
        .telling = job == JOB_TELL,
        .real_hub = hark__explorer_is_real(options),
        .steps_most = options->steps > 0 ? (uint32_t)options->steps : STEPS_USUAL,
        .clock = hark__sys.clock_gettime,
    };
    hark__sys.clock_gettime = stand_still;
    hark__memory_install();
    hark__memory_partial(options->pieces);
    hark__choices = (struct hark__choices){pick, between, step, refuse};
    hark__order_open(options, &board->trace, job != JOB_SEARCH);
    if (job == JOB_SEARCH) {
        search();
    } else {
        replay();
    }
    hark__explorer_end();
}

/* ---- what a scenario may call ---------------------------------------------------------------- */

void hark_test_failed(const char *file, int line, const char *format, ...)
{
    char words[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (!hark__explorer.active) {
        fprintf(stderr, "%s:%d: it is not true that %s\n", file, line, words);
        abort();
    }
    hark__explorer_fail("%s:%d: it is not true that %s", file, line, words);
}

int hark_test_choose(int n)
{
    if (!hark__explorer.active || n < 2) {
        return 0;
    }
    int chosen = (int)hark__order_pick(HARK__CHOOSE_OWN, (uint32_t)n);
    hark__story_put("      it chooses %d of 0 to %d\n", chosen, n - 1);
    return chosen;
}

bool hark_test_disturbed(void)
{
    return hark__explorer.active && hark__explorer.disturbed;
}

void hark_test_note(const char *format, ...)
{
    char words[200];
    va_list arguments;

    if (hark__explorer.active && hark__explorer.telling) {
        va_start(arguments, format);
        vsnprintf(words, sizeof words, format, arguments); /* it may use all of printf */
        va_end(arguments);
        hark__story_put("      \"%s\"\n", words);
    }
}

int hark_test_outside(hark_callback *fn, void *arg)
{
    struct hark__explorer *x = &hark__explorer;
    static const char call[] = "hark_test_outside";

    if (!x->active) {
        return hark__fail(-ENOTSUP, call, "there is no exploration; see hark_explore");
    }
    if (!fn) {
        return hark__fail(-EINVAL, call, "the callback is NULL");
    }
    if (x->outside_count == HARK__OUTSIDE_MOST) {
        return hark__fail(-ENOSPC, call, "%d calls are pending already", HARK__OUTSIDE_MOST);
    }
    x->outside[x->outside_count].fn = fn;
    x->outside[x->outside_count++].arg = arg;
    return 0;
}

int hark_test_pair(int fds[2], int room)
{
    static const char call[] = "hark_test_pair";

    if (!hark__explorer.active) {
        return hark__fail(-ENOTSUP, call,
                          "there is no exploration; see hark_explore, and hark_socketpair");
    }
    if (!fds || room < 0 || room > HARK__MEMORY_ROOM) {
        return hark__fail(-EINVAL, call,
                          fds ? "a room of %d bytes; it takes 1 to %d, 0: 64" : "fds is NULL", room,
                          HARK__MEMORY_ROOM);
    }
    if (hark__explorer.real_hub) {
        return hark_socketpair(fds);
    }
    int error = hark__memory_pair(fds, room ? room : 64);
    return error ? hark__fail(error, call, "too many descriptors in memory are open") : 0;
}
