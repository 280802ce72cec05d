/* SPDX-License-Identifier: MIT
 *
 * abandon_test.c - a call that is cancelled while a worker thread has its buffer.
 *
 * Idea     The worker is let go only when the call's task has been cancelled and everybody else has
 *          come to rest: a call that returns before its worker has ended would have returned by
 *          then.
 */
#include "../sync/scene.h"

#include "thread/thread.h"
#include <sched.h>

/* Without `drop`, and on the task's own stack: so it cannot be abandoned. */
struct loan {
    hark__thread_job job;
    atomic_int given_back;
};

static atomic_int begun, let_go;

static void use_buffer(hark__thread_job *job)
{
    atomic_store(&begun, 1);
    while (!atomic_load(&let_go)) {
        sched_yield();
    }
    atomic_store(&((struct loan *)job)->given_back, 1);
}

static int lend(void *arg)
{
    struct loan loan = {.job = {.fn = use_buffer, .what = "a loan"}};

    (void)arg;
    const int rc = hark__thread_run(&loan.job, HARK__THREAD_FILES, "test");
    CHECK(atomic_load(&loan.given_back));
    CHECK_EQ(rc, 0); /* what it has done is not undone */
    kit_log("returned");
    return 0;
}

/* The worker must have begun: before that nothing is lent. */
INSIDE_BY(TEST_ON_HUBS, RUN, thread_TH_03_a_cancelled_call_waits_until_its_buffer_is_given_back)
{
    const hark_task task = hark_go(&group, lend, NULL);

    CHECK_GT(task, 0);
    while (!atomic_load(&begun)) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    atomic_store(&let_go, 1);
}
