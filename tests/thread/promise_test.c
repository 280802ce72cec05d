/* SPDX-License-Identifier: MIT
 *
 * promise_test.c - a value that crosses loops and threads.
 *
 * Every test of this file is also a test for ThreadSanitizer.
 */
#include "../sync/scene.h"

#include <semaphore.h>

static hark_promise promise = HARK_PROMISE_INIT;
static int token;

static void *send_token(void *arg)
{
    CHECK_EQ(hark_promise_send(arg, &token), 0);
    return NULL;
}

static void *fail_with_words(void *arg)
{
    CHECK_EQ(hark_promise_fail(arg, -EPROTO, "the %s sang", "disk"), 0);
    return NULL;
}

INSIDE_ON_HUBS(promise_a_thread_sends_and_a_task_waits)
{
    pthread_t thread;
    void *value = NULL;
    CHECK_EQ(pthread_create(&thread, NULL, send_token, &promise), 0);
    CHECK_EQ(hark_promise_wait(&promise, &value), 0);
    CHECK_PTR(value, &token);
    CHECK_EQ(hark_promise_wait(&promise, NULL), 0);
    CHECK(hark_promise_ready(&promise));
    pthread_join(thread, NULL);
}

static int64_t news;

static void *tell_news(void *arg)
{
    news = 7;
    CHECK_EQ(hark_promise_send(arg, &token), 0);
    return NULL;
}

/* With a limit the thread waits by a call that ThreadSanitizer does not know. */
TEST(promise_a_thread_that_waits_for_a_while_sees_what_the_sender_did)
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        void *value = NULL;
        CHECK_EQ(hark_promise_init(&promise), 0);
        CHECK_EQ(pthread_create(&thread, NULL, tell_news, &promise), 0);
        CHECK_EQ(hark_promise_wait_for(&promise, HARK_S(9), &value), 0);
        CHECK_PTR(value, &token);
        CHECK_EQ(news, 7);
        news = 0;
        pthread_join(thread, NULL);
    }
}

static atomic_bool flipped;

static void *sends_and_resets(void *arg)
{
    for (int i = 0; i < 100000 / kit_slow(); i++) {
        CHECK_EQ(hark_promise_send(arg, NULL), 0);
        CHECK_EQ(hark_promise_reset(arg), 0);
    }
    atomic_store(&flipped, true);
    return NULL;
}

/* A look that waits would wait for ever, or make the reset fail. */
TEST(promise_only_to_look_never_waits_whoever_resets_it)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, sends_and_resets, &promise), 0);
    while (!atomic_load(&flipped)) {
        const int error = hark_promise_wait_for(&promise, 0, NULL);
        CHECK(error == 0 || error == -ETIMEDOUT);
    }
    pthread_join(thread, NULL);
}

INSIDE(promise_fails_with_words)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, fail_with_words, &promise), 0);
    CHECK_EQ(hark_promise_wait(&promise, NULL), -EPROTO);
    CHECK_STR(hark_error_last(), "the disk sang");
    pthread_join(thread, NULL);
}

static atomic_int got;

static void *wait_in_thread(void *arg)
{
    void *value;
    CHECK_EQ(hark_promise_wait(arg, &value), 0);
    CHECK_PTR(value, &token);
    atomic_fetch_add(&got, 1);
    return NULL;
}

static int wait_in_task(void *arg)
{
    wait_in_thread(arg);
    return 0;
}

static int many_wait(void *arg)
{
    hark_group g;
    CHECK_EQ(hark_group_open(&g), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_GT(hark_go(&g, wait_in_task, arg), 0);
    }
    if (hark_worker() == 0) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0); /* some wait by then, some do not */
        CHECK_EQ(hark_promise_send(arg, &token), 0);
    }
    return hark_group_close(&g, 0);
}

TEST_ON_HUBS(promise_all_who_wait_anywhere_are_told)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_in_thread, &promise), 0);
    }
    CHECK_EQ(hark_run_workers(NULL, 3, many_wait, &promise), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(atomic_load(&got), 63);
}

/* ---- time, cancelling ------------------------------------------------------------------------ */

TEST(promise_a_thread_waits_for_so_long)
{
    void *value;
    const int64_t began = kit_clock();
    CHECK_EQ(hark_promise_wait_for(&promise, HARK_MS(20), NULL), -ETIMEDOUT);
    CHECK_GE(kit_clock() - began, HARK_MS(20));
    CHECK_EQ(hark_promise_wait_for(&promise, 0, NULL), -ETIMEDOUT);
    CHECK_EQ(hark_promise_wait_for(&promise, INT64_MIN, NULL), -ETIMEDOUT);
    CHECK_EQ(hark_promise_send(&promise, &token), 0);
    CHECK_EQ(hark_promise_wait_for(&promise, 0, &value), 0);
    CHECK_EQ(hark_promise_wait_for(&promise, HARK_FOREVER, &value), 0);
    CHECK_EQ(hark_promise_wait_for(&promise, HARK_FOREVER - 1, &value), 0);
    CHECK_PTR(value, &token);
}

INSIDE_REAL(promise_a_task_waits_for_so_long)
{
    CHECK_EQ(hark_promise_wait_for(&promise, HARK_MS(1), NULL), -ETIMEDOUT);
    CHECK_EQ(hark_promise_wait_for(&promise, 0, NULL), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_MS(1), hark_promise_wait(&promise, NULL)), -ETIMEDOUT);
    CHECK_EQ(hark_promise_send(&promise, &token), 0);
    CHECK_EQ(hark_promise_wait_for(&promise, 0, NULL), 0);
    CHECK_EQ(hark_promise_wait_for(&promise, HARK_FOREVER, NULL), 0);
}

static int wait_and_tell(void *arg)
{
    kit_log("%s", outcome(hark_promise_wait(arg, NULL)));
    return 0;
}

INSIDE(promise_cancelling_one_who_waits_does_nothing_to_it)
{
    const hark_task first = hark_go(&group, wait_and_tell, &promise);
    CHECK_GT(hark_go(&group, wait_and_tell, &promise), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(first), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!hark_promise_ready(&promise));
    CHECK_EQ(hark_promise_send(&promise, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("cancelled ok");
}

/* It was sent in another thread, its task is still to be told: now it is cancelled. */
INSIDE(promise_what_was_given_is_kept_though_cancelled)
{
    const hark_task task = hark_go(&group, wait_and_tell, &promise);
    CHECK_EQ(hark_settle(), 0);
    in_thread(send_token, &promise);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok");
}

struct late {
    hark_promise promise;
    sem_t begin;
};

static void *send_to_heap(void *arg)
{
    struct late *late = arg;
    while (sem_wait(&late->begin)) {}
    CHECK_EQ(hark_promise_send(&late->promise, NULL), 0);
    return NULL;
}

static void wait_and_free(struct late *late, bool in_task)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, send_to_heap, late), 0);
    sem_post(&late->begin);
    if (in_task) {
        hark_yield();
    }
    CHECK_EQ(hark_promise_wait(&late->promise, NULL), 0);
    free(late);
    pthread_join(thread, NULL);
}

static int free_in_task(void *arg)
{
    wait_and_free(arg, true);
    return 0;
}

/* The sender may not touch it any more, not even to unlock it. */
TEST(promise_who_has_waited_may_free_it)
{
    for (int i = 0; i < 200 / kit_slow() + 2; i++) {
        struct late *late = calloc(1, sizeof *late);
        CHECK(late);
        CHECK_EQ(sem_init(&late->begin, 0, 0), 0);
        if (i % 2) {
            CHECK_EQ(RUN(free_in_task, late), 0);
        } else {
            wait_and_free(late, false);
        }
    }
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void wait_in_callback(void *arg)
{
    CHECK_MISUSE(hark_promise_wait(arg, NULL), -ENOTSUP, "hark_promise_wait");
    CHECK_EQ(hark_promise_send(arg, NULL), 0);
}

INSIDE(promise_a_callback_may_send_but_not_wait)
{
    hark_watch watch = {0};
    CHECK_EQ(hark_call_soon(&watch, wait_in_callback, &promise), 0);
    CHECK_EQ(hark_promise_wait(&promise, NULL), 0);
}

TEST(promise_misuse_is_refused_in_words)
{
    CHECK_MISUSE(hark_promise_init(NULL), -EINVAL, "hark_promise_init");
    CHECK_MISUSE(hark_promise_send(NULL, NULL), -EINVAL, "hark_promise_send");
    CHECK_MISUSE(hark_promise_fail(NULL, -EIO, NULL), -EINVAL, "hark_promise_fail");
    CHECK_MISUSE(hark_promise_wait(NULL, NULL), -EINVAL, "hark_promise_wait");
    CHECK_MISUSE(hark_promise_wait_for(NULL, 0, NULL), -EINVAL, "hark_promise_wait_for");
    CHECK_MISUSE(hark_promise_reset(NULL), -EINVAL, "hark_promise_reset");
    CHECK(!hark_promise_ready(NULL));
    CHECK_MISUSE(hark_promise_fail(&promise, 0, NULL), -EINVAL, "no failure");
    CHECK_MISUSE(hark_promise_fail(&promise, -ECANCELED, NULL), -EINVAL, "no failure");
    CHECK_MISUSE(hark_promise_reset(&promise), -EINVAL, "nothing to reset");
    CHECK_EQ(hark_promise_fail(&promise, -EIO, NULL), 0);
    CHECK_MISUSE(hark_promise_send(&promise, NULL), -EALREADY, "failed already");
    CHECK_EQ(hark_promise_wait(&promise, NULL), -EIO);
    CHECK_EQ(hark_promise_reset(&promise), 0);
    CHECK(!hark_promise_ready(&promise));
    CHECK_EQ(hark_promise_send(&promise, &token), 0);
    CHECK_MISUSE(hark_promise_fail(&promise, -EIO, NULL), -EALREADY, "sent already");
}

INSIDE(promise_is_not_reset_while_somebody_waits)
{
    CHECK_GT(hark_go(&group, wait_and_tell, &promise), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_promise_reset(&promise), -EBUSY, "waits");
    CHECK_EQ(hark_promise_send(&promise, NULL), 0);
}
