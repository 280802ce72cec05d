/* SPDX-License-Identifier: MIT
 *
 * ends_test.c - threads that end and leave a loop behind, or were never fit for one; and a loop
 * that lacks descriptors, or cannot be woken.
 */
#include "../sync/scene.h"

#include <hark/thread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "core/core.h"

/* ---- what a thread leaves behind (H2) -------------------------------------------------------- */

static int said[2] = {-1, -1}, stderr_before;

/* What is printed on stderr from now on is for us. */
static void listen_to_stderr(void)
{
    CHECK_EQ(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
    stderr_before = fcntl(2, F_DUPFD_CLOEXEC, 3);
    dup2(said[1], 2);
    close(said[1]);
}

static const char *what_was_said(void)
{
    static char text[2048];

    dup2(stderr_before, 2);
    close(stderr_before);
    const ssize_t count = read(said[0], text, sizeof text - 1);
    text[count > 0 ? count : 0] = '\0';
    close(said[0]);
    return text;
}

static hark_loop *left;

static int is_cleaned_up(void *arg)
{
    *(int *)arg = hark_sleep(HARK_FOREVER);
    return 0;
}

static void *leaves_a_loop(void *arg)
{
    left = hark_loop_new(NULL);
    CHECK(left);
    CHECK_GT(hark_loop_go(left, is_cleaned_up, arg), 0);
    CHECK_EQ(hark_loop_step(left, 0), 0);
    return NULL;
}

/* Its tasks are cancelled, and have ended, before the thread is gone; the kit counts what is left.
 * */
TEST_ON_HUBS(loop_H2_of_a_thread_that_ends_is_freed_with_it)
{
    int result = 0;

    listen_to_stderr();
    in_thread(leaves_a_loop, &result);
    CHECK_HAS(what_was_said(), "a thread ends and leaves a loop with 1 task, which is freed now");
    CHECK_EQ(result, -ECANCELED);
    CHECK_MISUSE(hark_loop_step(left, 0), -ESHUTDOWN, "freed");
}

static void *runs_and_frees(void *arg)
{
    left = hark_loop_new(NULL);
    CHECK(left);
    CHECK_EQ(hark_loop_run_until(left, nothing, arg), 0);
    CHECK_EQ(hark_loop_free(left), 0);
    CHECK_EQ(hark_run(nothing, arg), 0);
    return NULL;
}

TEST_ON_HUBS(loop_H2_a_thread_that_frees_its_loop_ends_in_silence)
{
    listen_to_stderr();
    in_thread(runs_and_frees, NULL);
    CHECK_STR(what_was_said(), "");
}

/* ---- destructors of thread-local storage (H11) ----------------------------------------------- */

static pthread_key_t key;
static hark_event event;
static int destroyed, pipe_ends[2];

static void uses_hark_when_it_is_gone(void *value)
{
    hark_watch watch = {.state = 0};

    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "outside any task");
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_loop_post(value, &watch, say_callback, "never"), -ESHUTDOWN);
    hark_loop_drop(value);
    CHECK_EQ(hark_close(pipe_ends[0]), 0);
    CHECK_EQ(hark_close(pipe_ends[1]), 0);
    CHECK_PTR(hark_loop_self(), NULL);
    CHECK_EQ(hark_run(nothing, NULL), 0); /* even this */
    destroyed++;
}

static int uses_hark(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_event_wait(&event), 0);
    CHECK_EQ(hark_pipe(pipe_ends), 0);
    CHECK_EQ(pthread_setspecific(key, hark_loop_hold(hark_loop_self())), 0);
    return 0;
}

static void *runs_with_a_key(void *unused)
{
    CHECK_EQ(hark_run(uses_hark, NULL), 0);
    return unused;
}

TEST_ON_HUBS(loop_H11_destructors_of_keys_run_when_it_is_gone)
{
    CHECK_EQ(pthread_key_create(&key, uses_hark_when_it_is_gone), 0);
    in_thread(runs_with_a_key, NULL);
    CHECK_EQ(destroyed, 1);
}

/* ---- no loop in this thread (H7) ------------------------------------------------------------- */

static void *calls_what_tasks_call(void *unused)
{
    hark_lock lock = HARK_LOCK_INIT;
    hark_group g;

    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "outside any task");
    CHECK_MISUSE(hark_yield(), -ENOTSUP, "outside any task");
    CHECK_MISUSE(hark_lock_acquire(&lock), -ENOTSUP, "outside any task");
    CHECK_LT(hark_group_open(&g), 0);
    CHECK_LT(hark_go(&group, nothing, NULL), 0);
    CHECK_MISUSE(hark_thread_call(nothing, NULL), -ENOTSUP, "hark_thread_call");
    CHECK_MISUSE(hark_event_wait(&event), -ENOTSUP, "outside any task");
    CHECK_MISUSE(hark_event_set(&event), -EXDEV, "belongs to loop");
    CHECK_EQ(hark_wait_fd(0, POLLIN), -ENOTSUP);
    CHECK_EQ(hark_self(), 0);
    CHECK_PTR(hark_loop_self(), NULL);
    return unused;
}

/* A loop lives, in another thread. */
INSIDE_ON_HUBS(loop_H7_in_a_thread_without_one_every_call_says_so)
{
    CHECK_EQ(hark_event_set(&event), 0); /* it is this loop's now */
    in_thread(calls_what_tasks_call, NULL);
}

/* ---- a thread that is taken out of its loop (H12) -------------------------------------------- */

static int exits(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}

static void *runs_what_exits(void *unused)
{
    hark_run(exits, NULL);
    return unused;
}

/* Sanitizers stop by themselves when a thread exits on a stack that is not its own. */
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_DIES(loop_H12_pthread_exit_in_a_task_is_told_and_ends_the_process, SIGABRT,
          "was running when the thread ended, by pthread_exit or pthread_cancel")
{
    in_thread(runs_what_exits, NULL);
}
#else
__attribute__((unused)) static void *(*const not_run)(void *) = runs_what_exits;
#endif

static atomic_bool sleeps;

static int sleeps_for_ever(void *unused)
{
    (void)unused;
    atomic_store(&sleeps, true);
    return hark_sleep(HARK_S(3600));
}

static void *runs_and_is_cancelled(void *unused)
{
    const hark_options options = {.size = sizeof options, .hub = "poll"}; /* a cancellation point */

    hark_run_with(&options, sleeps_for_ever, NULL);
    return unused;
}

TEST_DIES(loop_H12_pthread_cancel_of_its_thread_is_told_and_ends_the_process, SIGABRT,
          "hark_run: the thread ended, by pthread_exit or pthread_cancel")
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, runs_and_is_cancelled, NULL), 0);
    while (!atomic_load(&sleeps)) {
        sched_yield();
    }
    CHECK_EQ(pthread_cancel(thread), 0);
    pthread_join(thread, NULL);
}

/* ---- a loop without descriptors (F6) --------------------------------------------------------- */

/* So many more, and none: numbers from there on are refused. */
static void allow_descriptors(int more)
{
    struct rlimit limit;
    rlim_t fd = 0;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (;; fd++) {
        const bool is_free = fcntl((int)fd, F_GETFD) < 0;
        if (is_free && more-- == 0) {
            break;
        }
    }
    limit.rlim_cur = fd;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* With one more at a time, until it has all it needs; the kit counts what was left open. */
TEST_ON_HUBS(loop_F6_without_descriptors_is_refused_and_leaks_nothing)
{
    hark_loop *loop = NULL;
    int refused = 0;

    for (int i = 0; !loop; i++) {
        CHECK_LT(i, 16);
        allow_descriptors(i);
        hark_fail(-EIO, "old words");
        loop = hark_loop_new(NULL);
        if (!loop) {
            refused++;
            CHECK_EQ(errno, EMFILE);
            CHECK(strcmp(hark_error_last(), "old words") != 0);
            CHECK_HAS(hark_error_last(), "descriptor");
        }
    }
    CHECK_GE(refused, 1); /* each kind needs a post box */
    CHECK_EQ(hark_loop_run_until(loop, nothing, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static int has_none_left(void *unused)
{
    hark_signal signal;
    int ends[2];

    (void)unused;
    allow_descriptors(0);
    CHECK_MISUSE(hark_signal_open(&signal, SIGUSR1), -EMFILE, "descriptor");
    CHECK_EQ(hark_socketpair(ends), -EMFILE);
    CHECK_EQ(hark_pipe(ends), -EMFILE);
    CHECK_PTR(hark_loop_hold(hark_loop_self()), NULL);
    CHECK_MISUSE(hark_thread_call(nothing, NULL), -EMFILE, "hark_thread_call");
    CHECK_EQ(hark_sleep(1), 0);
    allow_descriptors(64);
    CHECK_EQ(hark_signal_open(&signal, SIGUSR1), 0);
    CHECK_EQ(hark_thread_call(nothing, NULL), 0);
    return hark_signal_close(&signal);
}

TEST_ON_HUBS(loop_F6_its_calls_say_which_descriptor_they_lack)
{
    CHECK_EQ(hark_run(has_none_left, NULL), 0);
}

/* ---- a loop that cannot be woken (BG-116) ---------------------------------------------------- */

static ssize_t (*real_write)(int, const void *, size_t);
static int box;

static ssize_t denies_the_box(int fd, const void *data, size_t size)
{
    if (fd == box) {
        errno = EPERM;
        return -1;
    }
    return real_write(fd, data, size);
}

static void *posts(void *loop)
{
    static hark_watch watches[3];

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark_loop_post(loop, &watches[i], say_callback, "told"), 0);
    }
    return NULL;
}

static int (*real_eventfd)(unsigned, int);

static int eventfd_of_the_box(unsigned value, int flags)
{
    box = real_eventfd(value, flags);
    return box;
}

/* Nobody is woken, but it is said, once; and with the next turn what was posted runs. */
TEST_ON_HUBS(loop_BG_116_that_cannot_be_woken_says_so)
{
    real_write = hark__sys.write;
    real_eventfd = hark__sys.eventfd;
    hark__sys.eventfd = eventfd_of_the_box;
    hark_loop *loop = hark_loop_new(NULL);
    CHECK(loop);
    hark__sys.write = denies_the_box;
    listen_to_stderr();
    CHECK_PTR(hark_loop_hold(loop), loop);
    in_thread(posts, loop);
    hark__sys.write = real_write;
    const char *words = what_was_said();
    CHECK_HAS(words, "a loop cannot be woken");
    CHECK_HAS(words, "EPERM");
    CHECK_PTR(strstr(strstr(words, "woken") + 1, "woken"), NULL);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_LOG("told told told");
    hark_loop_drop(loop);
    CHECK_EQ(hark_loop_free(loop), 0);
    hark__sys.eventfd = real_eventfd;
}
