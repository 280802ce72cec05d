/* SPDX-License-Identifier: MIT
 *
 * post_test.c - a loop that other threads hold, post to and drop; and the primitives with one side
 * in another thread.
 *
 * Every test of this file is also a test for ThreadSanitizer. Threads do not sleep to give time:
 * they wait for what they need.
 */
#include "../sync/scene.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define THREADS 4

static hark_loop *loop;
static hark_event event;
static atomic_int accepted, refused;
static int ran;

struct node {
    hark_watch watch;
    int from, number;
};

static void launch(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    CHECK_EQ(pthread_create(thread, NULL, fn, arg), 0);
}

static void hold(void)
{
    hark_loop *held = hark_loop_hold(hark_loop_self());
    CHECK(held);
    if (loop != held) { /* or threads are reading it */
        loop = held;
    }
}

/* ---- order, and all of them ------------------------------------------------------------------ */

#define POSTS 5000

static struct node nodes[THREADS][POSTS];
static int last_of[THREADS];

static void note(void *arg)
{
    struct node *node = arg;
    CHECK_EQ(node->number, last_of[node->from]++);
    CHECK_EQ(hark_self(), 0);
    if (++ran == THREADS * (POSTS / kit_slow())) {
        hark_event_set(&event);
    }
}

static void *post_all(void *arg)
{
    int me = *(int *)arg;
    for (int i = 0; i < POSTS / kit_slow(); i++) {
        nodes[me][i] = (struct node){.from = me, .number = i};
        CHECK_EQ(hark_loop_post(loop, &nodes[me][i].watch, note, &nodes[me][i]), 0);
    }
    hark_loop_drop(loop);
    return NULL;
}

static int wait_for_all(void *arg)
{
    static int me[THREADS] = {0, 1, 2, 3};
    pthread_t threads[THREADS];
    (void)arg;
    for (int i = 0; i < THREADS; i++) {
        hold();
        launch(&threads[i], post_all, &me[i]);
    }
    CHECK_EQ(hark_event_wait(&event), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

TEST_ON_HUBS(post_RS_01_RS_09_of_four_threads_each_keeps_its_order)
{
    CHECK_EQ(RUN(wait_for_all, NULL), 0);
    CHECK_EQ(ran, THREADS * (POSTS / kit_slow()));
}

static void count(void *arg)
{
    (void)arg;
    ran++;
}

static int post_one_twice(void *arg)
{
    static hark_watch watch;
    (void)arg;
    hold();
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), 0);
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), -EALREADY);
    CHECK_EQ(hark_call_soon(&watch, count, NULL), -EALREADY);
    hark_settle();
    CHECK_EQ(ran, 1);
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), 0);
    hark_settle();
    CHECK_EQ(ran, 2);
    hark_loop_drop(loop);
    return 0;
}

TEST(post_RS_02_a_node_is_posted_once_at_a_time)
{
    CHECK_EQ(RUN(post_one_twice, NULL), 0);
}

static hark_watch again;

static void post_again(void *arg)
{
    ran++;
    CHECK_EQ(hark_loop_post(arg, &again, post_again, arg), 0);
}

static int live_beside_it(void *arg)
{
    (void)arg;
    hold();
    CHECK_EQ(hark_loop_post(loop, &again, post_again, loop), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_sleep(HARK_US(10)), 0);
    }
    CHECK_GT(ran, 1);
    CHECK_EQ(hark_unwatch(&again), 0);
    hark_loop_drop(loop);
    return 0;
}

TEST_ON_HUBS(post_RS_03_RS_08_one_that_posts_itself_for_ever_starves_nobody)
{
    CHECK_EQ(RUN(live_beside_it, NULL), 0);
}

/* ---- its end --------------------------------------------------------------------------------- */

static void *post_until_refused(void *arg)
{
    hark_watch watch = HARK_WATCH_INIT;
    int rc;
    (void)arg;
    while ((rc = hark_loop_post(loop, &watch, count, NULL)) != -ESHUTDOWN) {
        CHECK(rc == 0 || rc == -EALREADY);
        atomic_fetch_add(&accepted, rc == 0);
    }
    atomic_fetch_add(&refused, 1);
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), -ESHUTDOWN);
    hark_loop_drop(loop);
    return NULL;
}

static pthread_t posters[THREADS];

static int end_soon(void *arg)
{
    (void)arg;
    for (int i = 0; i < THREADS; i++) {
        hold();
        launch(&posters[i], post_until_refused, NULL);
    }
    while (ran < 10) {
        CHECK_EQ(hark_sleep(HARK_US(1)), 0);
    }
    return 0;
}

TEST_ON_HUBS(post_RS_04_BG_117_what_was_accepted_runs_though_the_loop_is_closing)
{
    for (int i = 0; i < 50 / kit_slow() + 1; i++) {
        CHECK_EQ(RUN(end_soon, NULL), 0);
        for (int j = 0; j < THREADS; j++) {
            pthread_join(posters[j], NULL);
        }
        CHECK_EQ(ran, atomic_load(&accepted));
        CHECK_EQ(atomic_exchange(&refused, 0), THREADS);
    }
}

static int hold_only(void *arg)
{
    (void)arg;
    hold();
    return 0;
}

TEST(post_RS_04_a_loop_that_has_ended_refuses_for_ever)
{
    hark_watch watch = HARK_WATCH_INIT;
    CHECK_EQ(RUN(hold_only, NULL), 0);
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_loop_post(loop, &watch, count, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_loop_free(loop), -ESHUTDOWN);
    CHECK_EQ(hark_loop_post(NULL, &watch, count, NULL), -EINVAL);
    CHECK_EQ(hark_loop_post(loop, NULL, count, NULL), -EINVAL);
    CHECK_EQ(hark_loop_post(loop, &watch, NULL, NULL), -EINVAL);
    hark_loop_drop(loop);
    hark_loop_drop(NULL);
    CHECK(!hark_loop_hold(NULL));
    CHECK_HAS(hark_error_last(), "hark_loop_hold");
}

static void spawn_one(void *arg)
{
    CHECK_GT(hark_loop_go(hark_loop_self(), arg, NULL), 0);
}

static int late(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_yield(), 0);
    ran++;
    return 0;
}

static int post_and_return(void *arg)
{
    static hark_watch watch;
    (void)arg;
    return hark_loop_post(hark_loop_self(), &watch, spawn_one, late);
}

TEST(post_that_was_accepted_last_may_still_spawn)
{
    CHECK_EQ(RUN(post_and_return, NULL), 0);
    CHECK_EQ(ran, 1);
}

/* ---- holding --------------------------------------------------------------------------------- */

static hark_watch set_watch;
static sem_t go;

static void set_event(void *arg)
{
    CHECK_EQ(hark_event_set(arg), 0);
}

static void *set_from_a_thread(void *arg)
{
    (void)arg;
    sem_wait(&go);
    CHECK_EQ(hark_loop_post(loop, &set_watch, set_event, &event), 0);
    hark_loop_drop(loop);
    return NULL;
}

static int wait_held(void *arg)
{
    pthread_t thread;

    (void)arg;
    hold();
    launch(&thread, set_from_a_thread, NULL);
    sem_post(&go);
    int rc = hark_event_wait(&event);
    pthread_join(thread, NULL);
    return rc;
}

TEST_ON_HUBS(post_a_held_loop_is_not_called_deadlocked)
{
    sem_init(&go, 0, 0);
    CHECK_EQ(RUN(wait_held, NULL), 0);
}

TEST(post_a_virtual_clock_waits_for_who_holds_the_loop)
{
    sem_init(&go, 0, 0);
    CHECK_EQ(RUN_VIRTUAL(wait_held, NULL), 0);
}

static void *only_drop(void *arg)
{
    (void)arg;
    hark_loop_drop(loop);
    return NULL;
}

static int wait_in_vain(void *arg)
{
    pthread_t thread;
    (void)arg;
    hold();
    launch(&thread, only_drop, NULL);
    int rc = hark_event_wait(&event);
    pthread_join(thread, NULL);
    return rc;
}

TEST_ON_HUBS(post_with_the_last_drop_a_deadlock_is_told)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(RUN(wait_in_vain, NULL), -EDEADLK);
    }
}

/* ---- taking back ----------------------------------------------------------------------------- */

static hark_watch three[3];

static int take_one_back(void *arg)
{
    (void)arg;
    hold();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_loop_post(loop, &three[i], count, NULL), 0);
    }
    CHECK_EQ(hark_unwatch(&three[1]), 0);
    CHECK_MISUSE(hark_unwatch(&three[1]), -ESRCH, "hark_unwatch");
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(ran, 2);
    CHECK_EQ(hark_loop_post(loop, &three[1], count, NULL), 0);
    CHECK_EQ(hark_unwatch(&three[1]), 0);
    hark_loop_drop(loop);
    return 0;
}

TEST_ON_HUBS(post_LP_11_one_that_was_taken_back_does_not_run)
{
    CHECK_EQ(RUN(take_one_back, NULL), 0);
    CHECK_EQ(ran, 2);
}

static atomic_bool enough;

static void *post_and_post(void *arg)
{
    while (!atomic_load(&enough)) {
        hark_loop_post(loop, arg, count, NULL);
    }
    hark_loop_drop(loop);
    return NULL;
}

static int take_back_against_posts(void *arg)
{
    pthread_t thread;
    (void)arg;
    hold();
    launch(&thread, post_and_post, &three[0]);
    for (int i = 0; i < 2000 / kit_slow(); i++) {
        int rc = hark_unwatch(&three[0]);
        CHECK(rc == 0 || rc == -ESRCH);
        if (i % 16 == 0) {
            hark_yield();
        }
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
    return 0;
}

TEST(post_LP_11_taking_back_against_a_thread_that_posts)
{
    CHECK_EQ(RUN(take_back_against_posts, NULL), 0);
}

/* ---- signal handlers ------------------------------------------------------------------------- */

static hark_watch from_handler;

static void handler(int signo)
{
    (void)signo;
    int rc = hark_loop_post(loop, &from_handler, set_event, &event);
    atomic_fetch_add(&accepted, rc == 0);
}

static int wait_for_a_signal(void *arg)
{
    struct sigaction action = {.sa_handler = handler};
    (void)arg;
    hold();
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_EQ(atomic_load(&accepted), 1);
    hark_loop_drop(loop);
    return 0;
}

TEST_ON_HUBS(post_from_a_signal_handler)
{
    CHECK_EQ(RUN(wait_for_a_signal, NULL), 0);
}

/* ---- the primitives, with one side in another thread ----------------------------------------- */

static hark_sem permits;
static hark_queue queue;
static hark_chan chan;
static hark_lock lock;
static long given, got;

static void release_one(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sem_release(&permits), 0);
    given++;
}

static void put_one(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_queue_try_put(&queue, &given), 0);
    given++;
}

static void send_one(void *arg)
{
    (void)arg;
    int rc = hark_chan_try_send(&chan, &given);
    CHECK(rc == 0 || rc == -EAGAIN);
    given += rc == 0;
}

#define ROUNDS 20000

struct provider {
    hark_callback *give;
    int (*take)(void);
};

static void *provide(void *arg)
{
    const struct provider *provider = arg;
    static hark_watch watch;
    int rounds = ROUNDS / kit_slow();
    for (int i = 0; i < rounds;) {
        int rc = hark_loop_post(loop, &watch, provider->give, NULL);
        CHECK(rc == 0 || rc == -EALREADY);
        i += rc == 0;
        if (rc) {
            sched_yield();
        }
    }
    while (hark_loop_post(loop, &watch, set_event, &event) == -EALREADY) {
        sched_yield();
    }
    hark_loop_drop(loop);
    return NULL;
}

static int take_sem(void)
{
    return hark_sem_acquire(&permits);
}

static int take_queue(void)
{
    long item;
    int rc = hark_queue_get(&queue, &item);
    CHECK(rc || item == got);
    return rc;
}

static int take_chan(void)
{
    long item;
    int rc = hark_chan_recv(&chan, &item);
    CHECK(rc || item == got);
    return rc;
}

/* Takes under deadlines of all lengths: what was given and what was taken must agree. */
static int consume(void *arg)
{
    const struct provider *provider = arg;
    uint64_t seed = kit_seed();
    pthread_t thread;
    hold();
    launch(&thread, provide, arg);
    while (!hark_event_is_set(&event) || got < given) {
        hark_scope scope;
        CHECK_EQ(hark_scope_open(&scope, (int64_t)(draw(&seed) % 20000)), 0);
        int rc = provider->take();
        got += rc == 0;
        CHECK(hark_scope_close(&scope, rc) == 0 || rc == -ECANCELED);
    }
    pthread_join(thread, NULL);
    CHECK_EQ(got, given);
    return 0;
}

#define BOTH_SIDES(name, give, take) \
    TEST(name) \
    { \
        struct provider provider = {give, take}; \
        hark_sem_init(&permits, 0, 0); \
        CHECK_EQ(hark_queue_init(&queue, sizeof(long), 0, HARK_FIFO, NULL), 0); \
        CHECK_EQ(hark_chan_init(&chan, sizeof(long), 4), 0); \
        CHECK_EQ(RUN(consume, &provider), 0); \
        CHECK_EQ(hark_queue_free(&queue), 0); \
        CHECK_EQ(hark_chan_free(&chan), 0); \
    }

BOTH_SIDES(post_BG_05_permits_from_another_thread_against_deadlines, release_one, take_sem)
BOTH_SIDES(post_BG_10_items_from_another_thread_against_deadlines, put_one, take_queue)
BOTH_SIDES(post_BG_22_messages_from_another_thread_against_deadlines, send_one, take_chan)

static void *try_everything(void *arg)
{
    char item[8];
    (void)arg;
    CHECK_EQ(hark_event_set(&event), -EXDEV);
    CHECK_EQ(hark_sem_release(&permits), -EXDEV);
    CHECK_EQ(hark_sem_try(&permits), -EXDEV);
    CHECK_EQ(hark_queue_try_put(&queue, item), -EXDEV);
    CHECK_EQ(hark_chan_try_recv(&chan, item), -EXDEV);
    CHECK_EQ(hark_lock_release(&lock), -EXDEV);
    CHECK_EQ(hark_event_wait(&event), -ENOTSUP);
    return NULL;
}

static int bind_all(void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK_EQ(hark_sem_init(&permits, 1, 0), 0);
    CHECK_EQ(hark_sem_acquire(&permits), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_queue_init(&queue, 8, 0, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_chan_init(&chan, 8, 1), 0);
    CHECK_EQ(hark_queue_try_put(&queue, "1234567"), 0);
    CHECK_EQ(hark_chan_try_send(&chan, "1234567"), 0);
    launch(&thread, try_everything, NULL);
    pthread_join(thread, NULL);
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_queue_free(&queue), 0);
    return hark_chan_free(&chan);
}

TEST(post_XX_40_without_it_another_thread_is_refused)
{
    CHECK_EQ(RUN(bind_all, NULL), 0);
}

/* ---- a thread and a sleeping loop, many times ------------------------------------------------ */

static hark_flag flag;
static atomic_int turn;

static void set_flag(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_flag_set(&flag), 0);
}

static void *wake_again_and_again(void *arg)
{
    static hark_watch watch;
    int rounds = *(int *)arg;
    for (int i = 0; i < rounds; i++) {
        while (atomic_load(&turn) != i) {
            sched_yield();
        }
        CHECK_EQ(hark_loop_post(loop, &watch, set_flag, NULL), 0);
    }
    hark_loop_drop(loop);
    return NULL;
}

static int sleep_again_and_again(void *arg)
{
    pthread_t thread;
    hold();
    launch(&thread, wake_again_and_again, arg);
    for (int i = 0; i < *(int *)arg; i++) {
        atomic_store(&turn, i);
        CHECK_EQ(hark_flag_wait(&flag), 0);
        CHECK_EQ(hark_flag_clear(&flag), 0);
    }
    pthread_join(thread, NULL);
    return 0;
}

TEST_ON_HUBS_TIMEOUT(post_BG_39_a_sleeping_loop_hears_every_one_of_many_posts, 30)
{
    int rounds = 20000 / kit_slow();
    CHECK_EQ(RUN(sleep_again_and_again, &rounds), 0);
}
