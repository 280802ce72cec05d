/* SPDX-License-Identifier: MIT
 *
 * thread_test.c - worker threads: results, many at once, abandoned jobs, the end of the loop, fork.
 */
#include "../sync/scene.h"

#include "thread/thread.h"
#include <sched.h>
#include <sys/wait.h>

/* Its runtime starts no threads in the child of a process that has some. */
#ifdef __SANITIZE_THREAD__
enum { THREADS_AFTER_FORK = 0 };
#else
enum { THREADS_AFTER_FORK = 1 };
#endif

struct sum {
    hark__thread_job job;
    int value, result;
    pthread_t thread;
};

static void add_one(hark__thread_job *job)
{
    struct sum *sum = (struct sum *)job;
    sum->thread = pthread_self();
    sum->result = sum->value + 1;
}

#define ON_WIRE(name) INSIDE_BY(TEST_ON_HUBS, RUN, name)

ON_WIRE(thread_TH_01_TH_17_a_job_runs_in_another_thread_and_that_is_used_again)
{
    struct sum sum = {.job = {.fn = add_one, .what = "a sum"}, .value = 41};
    CHECK_EQ(hark__thread_run(&sum.job, HARK__THREAD_FILES, "test"), 0);
    CHECK_EQ(sum.result, 42);
    CHECK(!pthread_equal(sum.thread, pthread_self()));
    CHECK_EQ(hark__thread_count(), 1);
    for (int i = 0; i < 20; i++) { /* TH-17: idle threads are used again */
        CHECK_EQ(hark__thread_run(&sum.job, HARK__THREAD_FILES, "test"), 0);
    }
    CHECK_EQ(hark__thread_count(), 1);
}

static int sum_up(void *number)
{
    for (int i = 0; i < 20; i++) {
        struct sum sum = {.job = {.fn = add_one, .what = "a sum"}, .value = (int)(intptr_t)number};
        CHECK_EQ(hark__thread_run(&sum.job, HARK__THREAD_FILES, "test"), 0);
        CHECK_EQ(sum.result, (int)(intptr_t)number + 1);
    }
    return 0;
}

ON_WIRE(thread_TH_24_each_task_gets_its_own_result)
{
    for (intptr_t i = 0; i < 100; i++) {
        CHECK_GT(hark_go(&group, sum_up, (void *)i), 0);
    }
}

static void look_at_mask(hark__thread_job *job)
{
    sigset_t mask;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    ((struct sum *)job)->result = sigismember(&mask, SIGINT) && sigismember(&mask, SIGALRM);
    char name[16];
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK_STR(name, "hark-names");
}

ON_WIRE(thread_a_worker_has_a_name_and_blocks_all_signals)
{
    struct sum sum = {.job = {.fn = look_at_mask, .what = "a mask"}};
    CHECK_EQ(hark__thread_run(&sum.job, HARK__THREAD_NAMES, "test"), 0);
    CHECK_EQ(sum.result, 1);
}

static atomic_int let_go, dropped;

static void wait_to_go(hark__thread_job *job)
{
    (void)job;
    while (!atomic_load(&let_go)) {
        sched_yield();
    }
}

static void drop(hark__thread_job *job)
{
    hark__free(job, sizeof(struct sum));
    atomic_fetch_add(&dropped, 1);
}

static int run_loose(void *arg)
{
    struct sum *sum = hark__alloc(sizeof *sum);
    (void)arg;
    sum->job = (hark__thread_job){.fn = wait_to_go, .drop = drop, .what = "nothing"};
    const int rc = hark__thread_run(&sum->job, HARK__THREAD_NAMES, "test");
    if (rc == 0) {
        drop(&sum->job);
        atomic_fetch_sub(&dropped, 1);
    }
    kit_log("%s", outcome(rc));
    return 0;
}

static int abandon_all(void *arg)
{
    hark_group group_here;
    (void)arg;
    CHECK_EQ(hark_group_open(&group_here), 0);
    for (int i = 0; i < 100; i++) { /* more than there are threads: some never begin */
        CHECK_GT(hark_go(&group_here, run_loose, NULL), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_group_cancel(&group_here), 0);
    CHECK_EQ(hark_group_close(&group_here, 0), 0);
    CHECK_LE(hark__here->holds, 0);
    return 0;
}

/* The loop is long gone when the jobs end. */
TEST_ON_HUBS(thread_TH_05_a_job_that_ends_after_its_loop_is_harmless)
{
    CHECK_EQ(RUN(abandon_all, NULL), 0);
    CHECK_GE(atomic_load(&dropped), 36);
    atomic_store(&let_go, 1);
    while (atomic_load(&dropped) < 100) {
        sched_yield();
    }
}

static int race(void *arg)
{
    uint64_t state = kit_seed();
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct sum *sum = hark__alloc(sizeof *sum);
        sum->job = (hark__thread_job){.fn = add_one, .drop = drop, .what = "a sum"};
        sum->value = i;
        const int64_t rc = hark_within((int64_t)(1 + draw(&state) % 100) * 1000,
                                       hark__thread_run(&sum->job, HARK__THREAD_NAMES, "test"));
        if (rc == 0) {
            CHECK_EQ(sum->result, i + 1);
            hark__free(sum, sizeof *sum);
            atomic_fetch_add(&dropped, 1);
        } else {
            CHECK_EQ(rc, -ETIMEDOUT);
        }
    }
    return 0;
}

/* Deadlines that come before, while and after the job is done: always exactly one owner. */
TEST_ON_HUBS(thread_a_deadline_races_with_the_end_of_the_job)
{
    CHECK_EQ(RUN(race, NULL), 0);
    while (atomic_load(&dropped) < 300) {
        sched_yield();
    }
}

/* A task is the last of its loop, and its worker has hardly left the post box. */
static int one_job(void *arg)
{
    return sum_up(arg);
}

TEST_ON_HUBS(thread_TH_15_the_end_of_a_loop_races_with_the_last_result)
{
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(RUN(one_job, (void *)(intptr_t)i), 0);
    }
}

TEST(thread_TH_18_idle_threads_end)
{
    CHECK_EQ(RUN(one_job, NULL), 0);
    CHECK_GT(hark__thread_count(), 0);
    while (hark__thread_count() > 0) {
        usleep(1000);
    }
    CHECK_EQ(RUN(one_job, NULL), 0);
}

TEST(thread_TH_19_a_forked_child_starts_afresh)
{
    if (!THREADS_AFTER_FORK) {
        SKIP("no threads after fork under this sanitizer");
    }
    CHECK_EQ(RUN(one_job, NULL), 0);
    const pid_t child = fork();
    if (child == 0) {
        _exit(hark__thread_count() == 0 && hark_run(one_job, NULL) == 0 ? 0 : 1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- forks in workers ------------------------------------------------------------------------- */

static int fork_and_return(void *arg)
{
    int status = 0;
    const pid_t child = fork();
    (void)arg;
    if (child == 0) {
        return 0; /* which nobody waits for in the child */
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    return 7;
}

static int call_who_forks(void *arg)
{
    (void)arg;
    return hark_thread_call(fork_and_return, NULL);
}

TEST(thread_P16_a_function_that_returns_in_a_forked_child_stops_the_child)
{
    if (kit_slow() > 1) {
        SKIP("sanitizers have threads of their own, which a fork leaves behind");
    }
    capture_begin();
    const int rc = hark_run(call_who_forks, NULL);
    CHECK_HAS(capture_end(), "has forked, and returned in the child");
    CHECK_EQ(rc, 7);
}
