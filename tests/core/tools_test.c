/* SPDX-License-Identifier: MIT
 *
 * tools_test.c - a loop that tells the tools of every switch (sanitizers, the C++ runtime) runs its
 * tasks in the very order of one that does not.
 */
#include "kit.h"

#include "core/core.h"

static hark_group group, inner;
static hark_event event;

static int says(void *word)
{
    kit_log("%s", (const char *)word);
    return 0;
}

static void calls(void *word)
{
    kit_log("%s", (const char *)word);
}

static int waits(void *word)
{
    kit_log("%s-waits", (const char *)word);
    CHECK_EQ(hark_event_wait(&event), 0);
    kit_log("%s-goes-on", (const char *)word);
    return 0;
}

/* Every way from one context into another: to a new task, to one that goes on, to the loop; by
 * parking, by yielding, by ending. */
static int goes_everywhere(void *arg)
{
    static hark_watch soon;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_yield(), 0); /* to itself */
    CHECK_GT(hark_go(&group, waits, "1"), 0);
    CHECK_GT(hark_go(&group, says, "2"), 0);
    CHECK_GT(hark_go(&group, waits, "3"), 0);
    CHECK_GT(hark_go(&group, says, "4"), 0);
    CHECK_EQ(hark_call_soon(&soon, calls, "callback"), 0);
    CHECK_EQ(hark_yield(), 0);
    kit_log("main");
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_group_open(&inner), 0);
    CHECK_GT(hark_go(&inner, says, "5"), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_group_close(&inner, 0), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0); /* with nobody else */
    return hark_group_close(&group, 0);
}

TEST(tools_that_watch_the_switches_change_no_order)
{
    for (int on = 0; on < 2; on++) {
        hark__tools_on = hark__tools_on || on;
        event = (hark_event)HARK_EVENT_INIT;
        CHECK_EQ(RUN_VIRTUAL(goes_everywhere, NULL), 0);
        CHECK_LOG("1-waits 2 3-waits 4 callback main 1-goes-on 3-goes-on 5");
    }
}

/* The task that waits is followed by a new one: that is a way of its own when somebody watches. */
static hark_lock lock;
static hark_cond cond;

static int waits_for_the_condition(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_cond_wait(&cond, &lock), -ECANCELED);
    CHECK_EQ(hark_lock_release(&lock), 0);
    return -ECANCELED;
}

static int cancels_who_waits(void *arg)
{
    (void)arg;
    lock = (hark_lock)HARK_LOCK_INIT;
    cond = (hark_cond)HARK_COND_INIT;
    CHECK_EQ(hark_group_open(&group), 0);
    hark_task task = hark_go(&group, waits_for_the_condition, NULL);
    CHECK_GT(hark_go(&group, says, "new"), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    return hark_group_close(&group, 0);
}

TEST(tools_that_watch_the_switches_do_not_cut_a_call_short)
{
    for (int on = 0; on < 2; on++) {
        hark__tools_on = hark__tools_on || on;
        CHECK_EQ(hark_run(cancels_who_waits, NULL), 0);
    }
}

/* ThreadSanitizer keeps a signal back until the fiber in which it came calls something of libc: a
 * task that computes, and then parks, must not keep it for ever. */
static pthread_t loop_thread;
static volatile sig_atomic_t was_sent; /* (a bool is read once by gcc, with -fsanitize=bool) */
static hark_signal signalled;

static void *sends(void *arg)
{
    (void)arg;
    nanosleep(&(struct timespec){.tv_nsec = HARK_MS(10)}, NULL);
    pthread_kill(loop_thread, SIGUSR1);
    nanosleep(&(struct timespec){.tv_nsec = HARK_MS(10)}, NULL);
    was_sent = 1;
    return NULL;
}

static int hears(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_signal_wait(&signalled), 0);
    return hark_event_set(&event);
}

static __attribute__((no_sanitize("thread"))) int computes_while_it_comes(void *arg)
{
    (void)arg;
    while (!was_sent) {}
    return hark_event_wait(&event);
}

static int is_signalled(void *arg)
{
    pthread_t sender;

    (void)arg;
    loop_thread = pthread_self();
    CHECK_EQ(hark_signal_open(&signalled, SIGUSR1), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, hears, NULL), 0);
    CHECK_EQ(pthread_create(&sender, NULL, sends, NULL), 0);
    CHECK_GT(hark_go(&group, computes_while_it_comes, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(pthread_join(sender, NULL), 0);
    return hark_signal_close(&signalled);
}

TEST(tools_keep_no_signal_from_who_waits_for_it)
{
    CHECK_EQ(RUN(is_signalled, NULL), 0);
}
