/* SPDX-License-Identifier: MIT
 *
 * storm_test.c - signals at their worst: in storms, at every moment, to any thread; a process that
 * is stopped; one that dies, with its tasks on small stacks.
 *
 * Rules    1  What dies or stops is a child, and says why by its status and on stderr.
 *          2  Real clocks, and no upper bound that a busy machine could break.
 */
#include "../sync/scene.h"

#include <hark/dump.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/sys.h"

#define ON_HUBS(name) INSIDE_BY(TEST_ON_HUBS, RUN, name)

/* ---- storms (P9) ----------------------------------------------------------------------------- */

enum { KINDS = 4, RAISES = 100000 };

static const int numbers[KINDS] = {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH};
static hark_signal heard[KINDS];
static int told[KINDS];
static bool over;

static int hears(void *which)
{
    const int i = *(int *)which;

    while (hark_signal_wait(&heard[i]) == 0) {
        told[i]++;
    }
    return 0;
}

static void open_all(void)
{
    static int which[KINDS] = {0, 1, 2, 3};

    for (int i = 0; i < KINDS; i++) {
        CHECK_EQ(hark_signal_open(&heard[i], numbers[i]), 0);
        CHECK_GT(hark_go(&group, hears, &which[i]), 0);
    }
    CHECK_EQ(hark_settle(), 0);
}

static void close_all(void)
{
    for (int i = 0; i < KINDS; i++) {
        CHECK_EQ(hark_signal_close(&heard[i]), 0);
    }
}

/* Each is raised so often that a handler that kept anything for each would run out of stack or
 * memory. Kinds are told apart, and what came last is told. */
ON_HUBS(signal_P9_a_storm_loses_no_kind)
{
    open_all();
    const size_t held = hark__alloc_live();
    for (int i = 0; i < RAISES / kit_slow(); i++) {
        raise(numbers[i % (KINDS - 1)]); /* not the last kind */
        if (i % 1000 == 0) {
            CHECK_EQ(hark_yield(), 0);
        }
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark__alloc_live(), held);
    for (int i = 0; i < KINDS - 1; i++) {
        CHECK_GE(told[i], 1);
        CHECK_LE(told[i], RAISES / (KINDS - 1) + 1);
    }
    CHECK_EQ(told[KINDS - 1], 0);
    raise(numbers[KINDS - 1]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(told[KINDS - 1], 1);
    close_all();
}

static int rounds;

static int keeps_switching(void *arg)
{
    (void)arg;
    while (!over) {
        rounds++;
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

static void *raises_in_a_thread(void *loop_thread)
{
    for (int i = 0; i < RAISES / 10 / kit_slow(); i++) {
        pthread_kill(*(pthread_t *)loop_thread, numbers[i % (KINDS - 1)]);
    }
    pthread_kill(*(pthread_t *)loop_thread, numbers[KINDS - 1]);
    return NULL;
}

/* From another thread, while tasks switch: the last one that it sends is told. */
ON_HUBS(signal_P9_a_storm_from_another_thread_while_tasks_switch)
{
    pthread_t self = pthread_self(), thread;

#ifdef __SANITIZE_THREAD__
    SKIP("the sanitizer holds signals back while nobody waits");
#endif
    open_all();
    CHECK_GT(hark_go(&group, keeps_switching, NULL), 0);
    CHECK_GT(hark_go(&group, keeps_switching, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, raises_in_a_thread, &self), 0);
    while (!told[KINDS - 1]) {
        CHECK_EQ(hark_yield(), 0);
    }
    over = true;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_GE(told[0] + told[1] + told[2], 1);
    CHECK_GT(rounds, 0);
    close_all();
}

/* ---- at any moment (P10) --------------------------------------------------------------------- */

static atomic_uint alarms;

static void count_alarm(int signo)
{
    (void)signo;
    atomic_fetch_add(&alarms, 1);
}

static void every_50_us(bool on)
{
    const struct itimerval often = {{0, on ? 50 : 0}, {0, on ? 50 : 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static hark_chan chan;

static int sends(void *arg)
{
    for (int i = 0; !over; i++) {
        CHECK_EQ(hark_chan_send(&chan, &i), 0);
    }
    (void)arg;
    return hark_chan_close_sender(&chan);
}

static int pokes(void *arg)
{
    static char byte;

    for (int i = 0; !over; i++) {
        CHECK_EQ(hark_write(((int *)arg)[1], &byte, 1), 1);
        CHECK_EQ(hark_read(((int *)arg)[0], &byte, 1), 1);
    }
    return 0;
}

static int naps(void *arg)
{
    (void)arg;
    while (!over) {
        CHECK_EQ(hark_sleep(HARK_US(20)), 0);
    }
    return 0;
}

static int ends_of(void *arg)
{
    int last = -1, item;

    (void)arg;
    while (hark_chan_recv(&chan, &item) == 0) {
        CHECK_EQ(item, last + 1);
        last = item;
    }
    return 0;
}

static hark_signal alarm_heard;
static int heard_alarms;

/* Switches, polls, timers, pipes, new stacks: all of it with a signal every 50 us, until one of the
 * two who count them has seen enough. */
static void under_alarms(void (*check)(void))
{
    int ends[2];

    CHECK_EQ(hark_pipe(ends), 0);
    CHECK_EQ(hark_chan_init(&chan, sizeof(int), 0), 0);
    CHECK_GT(hark_go(&group, sends, NULL), 0);
    CHECK_GT(hark_go(&group, ends_of, NULL), 0);
    CHECK_GT(hark_go(&group, pokes, ends), 0);
    CHECK_GT(hark_go(&group, naps, NULL), 0);
    const int64_t until = hark_now() + HARK_MS(200);
    every_50_us(true);
    while (hark_now() < until || (heard_alarms < 20 && atomic_load(&alarms) < 20)) {
        const hark_task one = hark_go(&group, nothing, NULL);
        CHECK_GT(one, 0);
        CHECK_EQ(hark_task_wait(one), 0);
    }
    every_50_us(false);
    over = true;
    check();
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

static void they_came(void)
{
    CHECK_GE(atomic_load(&alarms), 20);
}

/* The program's own handler, without SA_RESTART: every call is interrupted, none notices. */
ON_HUBS(signal_P10_at_any_moment_to_a_handler_of_the_programs)
{
    const struct sigaction action = {.sa_handler = count_alarm};

    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    under_alarms(they_came);
    signal(SIGALRM, SIG_DFL);
}

static int hears_alarms(void *arg)
{
    (void)arg;
    while (hark_signal_wait(&alarm_heard) == 0) {
        heard_alarms++;
    }
    return 0;
}

static void they_were_told(void)
{
    CHECK_EQ(hark_settle(), 0); /* what nobody took would be raised again, and end us */
    CHECK_GE(heard_alarms, 20);
    CHECK_EQ(hark_signal_close(&alarm_heard), 0);
}

ON_HUBS(signal_P10_at_any_moment_to_be_heard)
{
    CHECK_EQ(hark_signal_open(&alarm_heard, SIGALRM), 0);
    CHECK_GT(hark_go(&group, hears_alarms, NULL), 0);
    under_alarms(they_were_told);
}

/* ---- which thread (P11), which loop (P14) ---------------------------------------------------- */

static void block(int signo, bool on)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signo);
    CHECK_EQ(pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL), 0);
}

static atomic_bool may_end;

/* The only thread of the process that lets it in. */
static void *lets_it_in(void *unused)
{
    block(SIGUSR1, false);
    kill(getpid(), SIGUSR1);
    while (!atomic_load(&may_end)) {
        sched_yield();
    }
    return unused;
}

ON_HUBS(signal_P11_that_comes_to_a_thread_that_is_not_ours_is_passed_on)
{
    pthread_t thread;

    CHECK_EQ(hark_signal_open(&heard[0], SIGUSR1), 0);
    block(SIGUSR1, true);
    CHECK_EQ(pthread_create(&thread, NULL, lets_it_in, NULL), 0);
    CHECK_EQ(hark_signal_wait(&heard[0]), 0);
    atomic_store(&may_end, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_signal_close(&heard[0]), 0);
    block(SIGUSR1, false);
}

static atomic_int loops_ready, loops_told;

static int waits_in_its_loop(void *arg)
{
    hark_signal mine;

    (void)arg;
    CHECK_EQ(hark_signal_open(&mine, SIGUSR1), 0);
    atomic_fetch_add(&loops_ready, 1);
    CHECK_EQ(hark_signal_wait(&mine), 0);
    atomic_fetch_add(&loops_told, 1);
    while (atomic_load(&loops_told) < 2) { /* closing may raise again what nobody else took */
        sched_yield();
    }
    return hark_signal_close(&mine);
}

static void *runs_a_loop(void *unused)
{
    CHECK_EQ(hark_run(waits_in_its_loop, NULL), 0);
    return unused;
}

TEST_ON_HUBS(signal_P14_two_loops_that_hear_one_are_both_told)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, runs_a_loop, NULL), 0);
    }
    while (atomic_load(&loops_ready) < 2) {
        sched_yield();
    }
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(atomic_load(&loops_told), 2);
}

/* ---- stopped and continued (P15) ------------------------------------------------------------- */

enum { SLEEPERS = 20 };

static int late_by[SLEEPERS], order[SLEEPERS], woken;

static int sleeps(void *number)
{
    const int i = (int)(intptr_t)number;
    const int64_t due = hark_now() + HARK_MS(2) * (SLEEPERS - i);

    CHECK_EQ(hark_sleep(HARK_MS(2) * (SLEEPERS - i)), 0);
    CHECK_GE(hark_now(), due);
    late_by[i] = (int)((hark_now() - due) / HARK_MS(1));
    order[woken++] = i;
    return 0;
}

static int ticks_every_ms(void *arg)
{
    int64_t next = hark_now();

    while (woken < SLEEPERS) { /* against the clock: after a gap it goes on from now */
        next += HARK_MS(1);
        if (next < hark_now()) {
            next = hark_now();
        }
        CHECK_EQ(hark_sleep_until(next), 0);
        ++*(int *)arg;
    }
    return 0;
}

static int is_stopped_meanwhile(void *unused)
{
    int count = 0, ends[2];
    char byte = 0;

    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_pipe(ends), 0);
    for (intptr_t i = 0; i < SLEEPERS; i++) {
        CHECK_GT(hark_go(&group, sleeps, (void *)i), 0);
    }
    CHECK_GT(hark_go(&group, ticks_every_ms, &count), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    raise(SIGSTOP); /* until the parent has let 100 ms go by */
    CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_EQ(order[i], SLEEPERS - 1 - i); /* as they were due */
        CHECK_GE(late_by[i], 40);             /* they were due while it stood still */
    }
    CHECK_LE(count, 10 + SLEEPERS); /* one tick for the gap, no burst */
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    (void)unused;
    return 0;
}

/* The parent is the clock: it continues the child when the time has gone by. */
TEST_ON_HUBS(signal_P15_HB_12_timers_catch_up_in_order_after_a_stop)
{
    const struct timespec gap = {.tv_nsec = 100000000};
    int status = -1;

    if (kit_slow() > 1) {
        SKIP("this times a child");
    }
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        _exit(hark_run(is_stopped_meanwhile, NULL));
    }
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    nanosleep(&gap, NULL);
    CHECK_EQ(kill(child, SIGCONT), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* ---- death (P19, P20) ------------------------------------------------------------------------ */

static char directory[64];

static int dies_by(void *signo)
{
    hark_task_name("doomed");
    raise(*(int *)signo);
    return 0;
}

static int has_two_tasks(void *signo)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, dies_by, signo), 0);
    return hark_group_close(&group, 0);
}

/* Where cores go by the system's pattern is none of our business: the kernel says whether it has
 * written one, or handed it to somebody. */
TEST_ON_HUBS(signal_P19_a_core_is_written_with_ring_and_guard_pages)
{
    struct rlimit limit;
    char pattern[128] = "";
    int status = -1, signo = SIGABRT;

    FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
    const bool plain = file && fgets(pattern, sizeof pattern, file) && pattern[0] != '|';
    if (file) {
        fclose(file);
    }
    getrlimit(RLIMIT_CORE, &limit);
    if (!plain || limit.rlim_max < (64u << 20) || kit_slow() > 1) {
        SKIP("no core may be written here");
    }
    snprintf(directory, sizeof directory, "/tmp/hark-core-XXXXXX");
    CHECK(mkdtemp(directory));
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        limit.rlim_cur = limit.rlim_max;
        CHECK_EQ(chdir(directory), 0);
        CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
        _exit(hark_run(has_two_tasks, &signo));
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    CHECK_EQ(system(command), 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(WCOREDUMP(status));
}

static int *volatile nowhere;

static int fails(void *arg)
{
    (void)arg;
    hark_task_name("doomed");
    return *nowhere;
}

static int fails_when_all_wait(void *arg)
{
    CHECK_EQ(hark_dump_on(SIGSEGV), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, fails, arg), 0);
    return hark_group_close(&group, 0);
}

static int dump_was_all(void *arg)
{
    struct sigaction action;

    (void)arg;
    CHECK_EQ(sigaction(SIGSEGV, NULL, &action), 0);
    return hark_dump_on(SIGSEGV);
}

/* Once, and then it dies as it would have. */
TEST_ON_HUBS(signal_P20_a_crash_inside_a_task_names_it_and_who_waits)
{
    int out[2], status = -1;
    char text[4096];
    size_t used = 0;
    ssize_t count;

    if (kit_slow() > 1) {
        SKIP("a sanitizer has this signal");
    }
    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 2);
        prctl(PR_SET_DUMPABLE, 0);
        _exit(hark_run(fails_when_all_wait, NULL));
    }
    close(out[1]);
    while ((count = read(out[0], text + used, sizeof text - 1 - used)) > 0) {
        used += (size_t)count;
    }
    text[used] = '\0';
    close(out[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK_HAS(text, "\"doomed\"");
    CHECK_HAS(text, "\"fails_when_all_wait\"");
    CHECK_PTR(strstr(strstr(text, "\"doomed\"") + 1, "hark: 2 tasks"), NULL);
}

/* A crash that did not happen leaves the disposition as it was. */
TEST_ON_HUBS(signal_P12_a_run_that_would_have_dumped_gives_the_signal_back)
{
    struct sigaction had, has;

    CHECK_EQ(sigaction(SIGSEGV, NULL, &had), 0);
    CHECK_EQ(hark_run(dump_was_all, NULL), 0);
    CHECK_EQ(sigaction(SIGSEGV, NULL, &has), 0);
    CHECK(had.sa_handler == has.sa_handler);
}
