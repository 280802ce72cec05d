/* SPDX-License-Identifier: MIT
 *
 * forked_test.c - a child that was forked beside, or inside, a living loop.
 *
 * Idea     The child shows by its exit status what it has found: a check that fails in it ends it
 *          with its words on stderr and a status that is not 0. The parent waits for it as a task,
 *          so its own loop goes on, and must find nothing changed.
 * Names    libuv's tests of its uv_loop_fork stand in the names of those that check the same.
 */
#include "../sync/scene.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/sys.h"

/* Under TSan a child may start no thread, and each of ours is watched. */
#if defined(__SANITIZE_THREAD__)
#define FORKS 0
#else
#define FORKS 1
#endif

/* The body is a task, in a loop of every kind; what `first` does comes before there is a loop. */
#define FORKED_AFTER(first, name) \
    static int body_##name(void); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        return body_##name(); \
    } \
    TEST_ON_HUBS(name) \
    { \
        if (!FORKS) { \
            SKIP("this sanitizer does not follow forks"); \
        } \
        first(); \
        CHECK_EQ(hark_run(main_##name, NULL), 0); \
    } \
    static int body_##name(void)

#define FORKED(name) FORKED_AFTER(nothing_first, name)

static void nothing_first(void)
{
}

/* ---- children -------------------------------------------------------------------------------- */

/* 0: in the child. */
static pid_t fork_quietly(void)
{
    fflush(NULL);
    const pid_t child = fork();
    CHECK_GE(child, 0);
    return child;
}

static int status_of(pid_t child)
{
    int status = -1;

    if (hark_self()) {
        CHECK_EQ(hark_child_wait(child, &status), 0);
    } else {
        CHECK_EQ(waitpid(child, &status, 0), child);
    }
    return status;
}

/* The child runs `look` and ends well if it returns. */
static void child_does(void (*look)(void))
{
    const pid_t child = fork_quietly();
    if (child == 0) {
        look();
        _exit(0);
    }
    CHECK_EQ(status_of(child), 0);
}

/* Descriptors of this process, as bits; the one that looks is not counted. */
static void list_descriptors(unsigned char open[4096])
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;

    memset(open, 0, 4096);
    while ((entry = readdir(dir))) {
        const int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < 4096) {
            open[fd] = 1;
        }
    }
    closedir(dir);
}

static unsigned char before[4096];

static void check_descriptors(void)
{
    unsigned char now[4096];

    list_descriptors(now);
    for (int fd = 0; fd < 4096; fd++) {
        if (now[fd] != before[fd]) {
            CHECK_EQ(fd, -1); /* which one it was */
        }
    }
}

/* ---- loops of a child's own ------------------------------------------------------------------ */

static int naps(void *arg)
{
    (void)arg;
    const int64_t began = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
    CHECK_GE(hark_now() - began, HARK_MS(2));
    return 0;
}

static int stutters(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
        ++*(int *)arg;
    }
    return 0;
}

static void runs_a_loop(void)
{
    CHECK_EQ(hark_run(naps, NULL), 0);
}

/* libuv's fork_timer. */
FORKED(fork_timer_goes_on_in_both)
{
    int count = 0;

    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, stutters, &count), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(runs_a_loop);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(count, 20);
    return 0;
}

static hark_event news;
static hark_lock lock;

static void every_blocking_call_says_so(void)
{
    CHECK_EQ(hark_self(), 0);
    CHECK_PTR(hark_loop_self(), NULL);
    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "forked");
    CHECK_MISUSE(hark_yield(), -ENOTSUP, "forked");
    CHECK_MISUSE(hark_event_wait(&news), -ENOTSUP, "forked");
    CHECK_MISUSE(hark_lock_acquire(&lock), -ENOTSUP, "forked");
    CHECK_MISUSE(hark_wait_fd(0, POLLIN), -ENOTSUP, "forked");
    CHECK_LT(hark_go(&group, nothing, NULL), 0);
    CHECK_LT(hark_group_cancel(&group), 0);
    CHECK_LT(hark_group_close(&group, 0), 0);
    CHECK_LT(hark_thread_call(nothing, NULL), 0);
    CHECK_EQ(hark_event_set(&news), 0);
    CHECK_EQ(hark_run(naps, NULL), 0);
    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "hark_run");
    CHECK_EQ(hark_after_fork(), 0);
    CHECK_MISUSE(hark_sleep(1), -ENOTSUP, "outside any task");
    CHECK_EQ(hark_run(naps, NULL), 0);
}

static int waits_for_news(void *arg)
{
    *(int *)arg = hark_event_wait(&news);
    return 0;
}

FORKED(fork_P16_a_blocking_call_in_the_child_says_what_to_do)
{
    int woken = -1;

    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, waits_for_news, &woken), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(every_blocking_call_says_so);
    CHECK_EQ(woken, -1); /* the child has set its own */
    CHECK_EQ(hark_event_set(&news), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(woken, 0);
    return 0;
}

/* A child that lives in a group, a scope and a lock of the parent's gets out of each of them. */
static hark_scope scope;

static void leaves_all(void)
{
    hark_scope another;

    CHECK_LT(hark_within(HARK_S(1), hark_sleep(1)), 0);
    CHECK_LT(hark_scope_open(&another, HARK_S(1)), 0);
    CHECK_LT(hark_scope_cancel(&scope), 0);
    CHECK_LT(hark_scope_close(&scope, 0), 0);
    CHECK_LT(hark_lock_release(&lock), 0);
    CHECK_LT(hark_group_cancel(&group), 0);
    CHECK_LT(hark_task_cancel(1), 0);
    CHECK_EQ(hark_settle(), -ENOTSUP);
}

FORKED(fork_a_child_gets_out_of_what_its_parent_was_in)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    child_does(leaves_all);
    CHECK_EQ(hark_lock_release(&lock), 0);
    CHECK_EQ(hark_scope_close(&scope, 0), 0);
    return hark_group_close(&group, 0);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int ends[2], others[2];
static hark_signal hup;

static void has_only_what_it_had(void)
{
    CHECK_EQ(hark_after_fork(), 0);
    check_descriptors();
    CHECK_EQ(hark_after_fork(), 0); /* there is nothing left to let go of */
    CHECK_EQ(hark_run(naps, NULL), 0);
    check_descriptors();
}

static int reads_one(void *arg)
{
    char byte = 0;

    CHECK_EQ(hark_read(*(int *)arg, &byte, 1), 1);
    return byte;
}

static void opens_a_pipe(void)
{
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    list_descriptors(before);
}

/* Ring, epoll, post box: what the parent waits for goes on being waited for. */
FORKED_AFTER(opens_a_pipe, fork_P16_U19_after_fork_lets_go_of_all_that_is_the_parents)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_signal_open(&hup, SIGHUP), 0); /* has the post box opened */
    CHECK_GT(hark_go(&group, reads_one, &ends[0]), 0);
    CHECK_EQ(hark_yield(), 0);
    for (int i = 0; i < 3; i++) {
        child_does(has_only_what_it_had);
    }
    CHECK_EQ(write(ends[1], "", 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    raise(SIGHUP);
    CHECK_EQ(hark_signal_wait(&hup), 0);
    CHECK_EQ(hark_signal_close(&hup), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    return hark_close(ends[1]);
}

static hark_promise workers_may_end = HARK_PROMISE_INIT;
static hark_promise worker_is_there = HARK_PROMISE_INIT;

static int forks_as_a_worker(void *unused)
{
    (void)unused;
    if (hark_worker()) {
        CHECK_EQ(hark_promise_send(&worker_is_there, NULL), 0);
        return hark_promise_wait(&workers_may_end, NULL);
    }
    CHECK_EQ(hark_promise_wait(&worker_is_there, NULL), 0);
    child_does(has_only_what_it_had);
    return hark_promise_send(&workers_may_end, NULL);
}

TEST_ON_HUBS(fork_after_fork_lets_go_of_the_other_workers)
{
    if (!FORKS) {
        SKIP("this sanitizer does not follow forks");
    }
    list_descriptors(before);
    CHECK_EQ(hark_run_workers(NULL, 2, forks_as_a_worker, NULL), 0);
}

static hark_portal portal;

static int closes_the_portal(void *unused)
{
    (void)unused;
    return hark_portal_close(&portal, true);
}

static void closes_the_parents_portal(void)
{
    CHECK_EQ(hark_portal_call(&portal, naps, NULL), -ESHUTDOWN);
    CHECK_EQ(hark_run(closes_the_portal, NULL), 0);
}

TEST_ON_HUBS(fork_a_child_closes_its_parents_portal_and_does_not_hang)
{
    if (!FORKS) {
        SKIP("this sanitizer does not follow forks");
    }
    CHECK_EQ(hark_portal_open(&portal, NULL), 0);
    child_does(closes_the_parents_portal);
    CHECK_EQ(hark_portal_call(&portal, naps, NULL), 0);
    CHECK_EQ(hark_portal_close(&portal, false), 0);
}

static int stays(void *arg)
{
    int status = -1;

    CHECK_EQ(hark_child_wait(*(pid_t *)arg, &status), 0);
    CHECK_EQ(status, 0);
    return 0;
}

/* While one child is waited for, another is forked: it has no pidfd of the first. */
FORKED_AFTER(opens_a_pipe, fork_after_fork_closes_what_the_library_has_opened_for_itself)
{
    pid_t first = fork_quietly();
    char byte;

    if (first == 0) {
        close(ends[1]);
        fcntl(ends[0], F_SETFL, 0);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, stays, &first), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(has_only_what_it_had);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    return hark_close(ends[0]);
}

TEST_ON_HUBS(fork_after_fork_is_nothing_where_no_process_was_forked)
{
    hark_loop *loop = hark_loop_new(NULL);

    CHECK(loop);
    list_descriptors(before);
    CHECK_EQ(hark_after_fork(), 0);
    check_descriptors();
    CHECK_EQ(hark_loop_run_until(loop, naps, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
    CHECK_EQ(hark_after_fork(), 0);
}

/* ---- what both processes have ---------------------------------------------------------------- */

static int echoes(void *arg)
{
    char byte;

    (void)arg;
    while (hark_read(ends[1], &byte, 1) == 1) {
        CHECK_EQ(hark_write(ends[1], &byte, 1), 1);
    }
    return 0;
}

static void echoes_in_a_loop(void)
{
    CHECK_EQ(hark_after_fork(), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(hark_run(echoes, NULL), 0);
}

static int asks(void *arg)
{
    (void)arg;
    for (char c = 'a'; c < 'f'; c++) {
        char byte = 0;
        CHECK_EQ(hark_write(ends[0], &c, 1), 1);
        CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
        CHECK_EQ(byte, c);
    }
    return hark_close(ends[0]);
}

static void asked_by_the_parent(void)
{
    const pid_t child = fork_quietly();
    if (child == 0) {
        echoes_in_a_loop();
        _exit(0);
    }
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(asks(NULL), 0);
    CHECK_EQ(status_of(child), 0);
}

/* libuv's fork_socketpair. */
FORKED(fork_socketpair_between_loops_of_both)
{
    CHECK_EQ(hark_socketpair(ends), 0);
    asked_by_the_parent();
    return 0;
}

static int hears_once(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_wait_fd(ends[1], POLLIN), -EBADF);
    return 0;
}

/* libuv's fork_socketpair_started: the parent waits for the very end that the child will use. */
FORKED(fork_socketpair_started_before_the_fork)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_socketpair(ends), 0);
    CHECK_GT(hark_go(&group, hears_once, NULL), 0);
    CHECK_EQ(hark_yield(), 0);
    asked_by_the_parent();
    return hark_group_close(&group, 0);
}

static void closes_and_reads_nothing(void)
{
    CHECK_EQ(hark_close(ends[0]), 0); /* outside any loop: just closed */
    CHECK_EQ(hark_after_fork(), 0);
}

/* A child that closes its copy takes nothing out of the parent's epoll. */
FORKED(fork_what_the_child_closes_is_still_waited_for_by_the_parent)
{
    CHECK_EQ(hark_pipe(ends), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, reads_one, &ends[0]), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(closes_and_reads_nothing);
    CHECK_EQ(hark_write(ends[1], "", 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    return hark_close(ends[1]);
}

static int counts_bytes(void *arg)
{
    char bytes[64];
    ssize_t count;
    size_t total = 0;

    (void)arg;
    while ((count = hark_read(ends[0], bytes, sizeof bytes)) > 0) {
        total += (size_t)count;
    }
    CHECK_EQ(count, 0);
    return (int)total;
}

static int writes_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark_write(ends[1], "0123456789", 10), 10);
    }
    return hark_close(ends[1]);
}

static void writes_as_well(void)
{
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(hark_run(writes_many, NULL), 0);
}

/* One pipe, two processes that write into it, and what they write is whole. */
FORKED(fork_a_pipe_is_written_by_both)
{
    CHECK_EQ(hark_pipe(ends), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    const pid_t child = fork_quietly();
    if (child == 0) {
        writes_as_well();
        _exit(0);
    }
    CHECK_GT(hark_go(&group, writes_many, NULL), 0);
    CHECK_EQ(counts_bytes(NULL), 2000);
    CHECK_EQ(status_of(child), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    return hark_close(ends[0]);
}

/* ---- signals --------------------------------------------------------------------------------- */

static hark_signal usr1;

static int hears_usr1(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_signal_open(&usr1, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&usr1), 0);
    return hark_signal_close(&usr1);
}

static void hears_in_a_loop(void)
{
    CHECK_EQ(hark_run(hears_usr1, NULL), 0);
}

static void check_nothing_came(hark_signal *s)
{
    hark_case c = hark_on_signal(s);

    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_try_select(&c, 1), -EAGAIN);
}

/* libuv's fork_signal_to_child. */
FORKED(fork_LP_26_signal_to_child_is_not_heard_by_the_parent)
{
    hark_signal mine;

    CHECK_EQ(hark_signal_open(&mine, SIGUSR1), 0);
    child_does(hears_in_a_loop);
    check_nothing_came(&mine);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&mine), 0);
    return hark_signal_close(&mine);
}

/* libuv's fork_signal_to_child_closed: the signal comes when nobody in the child hears it. */
static void takes_it_by_default(void)
{
    struct sigaction action;

    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_EQ(hark_run(hears_usr1, NULL), 0);
    raise(SIGUSR1);
}

FORKED(fork_signal_to_child_closed_has_its_default_action)
{
    hark_signal mine;

    CHECK_EQ(hark_signal_open(&mine, SIGUSR1), 0);
    const pid_t child = fork_quietly();
    if (child == 0) {
        takes_it_by_default();
        _exit(0);
    }
    CHECK_EQ(status_of(child), SIGUSR1);
    check_nothing_came(&mine);
    return hark_signal_close(&mine);
}

/* libuv's fork_close_signal_in_child. */
static void closes_the_parents(void)
{
    CHECK_EQ(hark_signal_close(&usr1), -ENODATA);
    CHECK_EQ(hark_after_fork(), 0);
    CHECK_EQ(hark_run(hears_usr1, NULL), 0);
}

FORKED(fork_close_signal_in_child_leaves_the_parents_open)
{
    CHECK_EQ(hark_signal_open(&usr1, SIGUSR1), 0);
    child_does(closes_the_parents);
    raise(SIGUSR1);
    CHECK_EQ(hark_signal_wait(&usr1), 0);
    return hark_signal_close(&usr1);
}

/* ---- threads --------------------------------------------------------------------------------- */

static int in_a_thread(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 7;
}

static int calls_threads(void *arg)
{
    atomic_int count = 0;

    (void)arg;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(hark_thread_call(in_a_thread, &count), 7);
    }
    CHECK_EQ(count, 4);
    return 0;
}

static void calls_threads_in_a_loop(void)
{
    CHECK_EQ(hark_after_fork(), 0);
    CHECK_EQ(hark_run(calls_threads, NULL), 0);
}

/* libuv's fork_threadpool_queue_work_simple. */
FORKED(fork_threadpool_works_in_both)
{
    CHECK_EQ(calls_threads(NULL), 0);
    child_does(calls_threads_in_a_loop);
    return calls_threads(NULL);
}

static int blocks_until_told(void *arg)
{
    struct pollfd one = {.fd = *(int *)arg, .events = POLLIN};

    return poll(&one, 1, -1);
}

static int calls_one_that_blocks(void *arg)
{
    CHECK_EQ(hark_thread_call(blocks_until_told, arg), 1);
    return 0;
}

/* The worker is at work for the parent only; its result comes, whatever the child does. */
FORKED(fork_while_a_worker_thread_is_at_work)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_pipe(ends), 0);
    CHECK_GT(hark_go(&group, calls_one_that_blocks, &ends[0]), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(calls_threads_in_a_loop);
    CHECK_EQ(hark_write(ends[1], "", 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    return hark_close(ends[1]);
}

static int (*real_getaddrinfo)(const char *, const char *, const struct addrinfo *,
                               struct addrinfo **);

static int resolves_late(const char *host, const char *port, const struct addrinfo *hints,
                         struct addrinfo **list)
{
    struct pollfd one = {.fd = others[0], .events = POLLIN};

    poll(&one, 1, -1);
    return real_getaddrinfo(host, port, hints, list);
}

static int connects_by_name(void *arg)
{
    char port[16];

    snprintf(port, sizeof port, "%d", hark_tcp_port(*(int *)arg));
    const int fd = hark_tcp_connect("localhost", port);
    CHECK_GE(fd, 0);
    return hark_close(fd);
}

FORKED(fork_while_a_name_is_looked_up)
{
    int listener = hark_tcp_listen("127.0.0.1", "0", 4);

    CHECK_GE(listener, 0);
    CHECK_EQ(hark_pipe(others), 0);
    CHECK_EQ(hark_group_open(&group), 0);
    real_getaddrinfo = hark__sys.getaddrinfo;
    hark__sys.getaddrinfo = resolves_late;
    CHECK_GT(hark_go(&group, connects_by_name, &listener), 0);
    CHECK_EQ(hark_yield(), 0);
    child_does(calls_threads_in_a_loop);
    CHECK_EQ(hark_write(others[1], "", 1), 1);
    const int fd = hark_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    hark__sys.getaddrinfo = real_getaddrinfo;
    CHECK_EQ(hark_close(others[0]), 0);
    CHECK_EQ(hark_close(others[1]), 0);
    return hark_close(listener);
}

/* ---- from beside a loop ---------------------------------------------------------------------- */

static void *forks_beside(void *unused)
{
    child_does(has_only_what_it_had);
    child_does(hears_in_a_loop);
    child_does(calls_threads_in_a_loop);
    return unused;
}

/* The child's only thread never had a loop; the loop's thread is not there. */
FORKED_AFTER(opens_a_pipe, fork_from_a_bare_thread_beside_a_loop)
{
    pthread_t thread;
    hark_signal mine;

    CHECK_EQ(hark_signal_open(&mine, SIGHUP), 0);
    CHECK_EQ(pthread_create(&thread, NULL, forks_beside, NULL), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(hark_signal_close(&mine), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    return hark_close(ends[1]);
}

enum { CROWD = 8, FORKINGS = 30 };

static atomic_bool enough;

/* Loops that open and close, stacks and ids that are taken and given back, workers that are asked.
 * */
static void *is_busy(void *unused)
{
    while (!atomic_load(&enough)) {
        CHECK_EQ(hark_run(calls_threads, NULL), 0);
    }
    return unused;
}

/* Whatever lock a thread of the parent holds when it happens, the child has it to itself. */
TEST_ON_HUBS_TIMEOUT(fork_P17_while_threads_hold_every_lock_of_the_library, 20)
{
    pthread_t threads[CROWD];

    if (kit_slow() > 1) {
        SKIP("a sanitizer's own locks are not held while the process forks");
    }
    for (int i = 0; i < CROWD; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, is_busy, NULL), 0);
    }
    for (int i = 0; i < FORKINGS; i++) {
        child_does(calls_threads_in_a_loop);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < CROWD; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
}

/* ---- a loop in the program's own hands ------------------------------------------------------- */

static hark_loop *loop;
static hark_watch post;

static void finds_it_gone(void)
{
    const char *words = "hark_after_fork";

    CHECK_PTR(hark_loop_self(), NULL);
    CHECK_MISUSE(hark_loop_step(loop, 0), -ESHUTDOWN, words);
    CHECK_MISUSE(hark_loop_fd(loop), -ESHUTDOWN, words);
    CHECK_MISUSE(hark_loop_go(loop, naps, NULL), -ESHUTDOWN, words);
    CHECK_MISUSE(hark_loop_run_forever(loop), -ESHUTDOWN, words);
    CHECK_MISUSE(hark_loop_stop(loop), -ESHUTDOWN, words);
    CHECK_MISUSE(hark_loop_free(loop), -ESHUTDOWN, words);
    CHECK_EQ(hark_loop_post(loop, &post, say_callback, "never"), -ESHUTDOWN);
    CHECK_EQ(hark_call_soon(&post, say_callback, "never"), -EXDEV);
}

/* All that the library held for the loop goes: it was at rest, and this thread's. */
static void begins_anew(void)
{
    finds_it_gone();
    CHECK_EQ(hark_after_fork(), 0);
    check_descriptors();
    CHECK_EQ(hark__map_live(), 0);
    loop = hark_loop_new(NULL);
    CHECK(loop);
    CHECK_EQ(hark_loop_run_until(loop, naps, NULL), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}

static void forked_by_a_host(void)
{
    int count = 0;

    if (!FORKS) {
        SKIP("this sanitizer does not follow forks");
    }
    list_descriptors(before);
    loop = hark_loop_new(NULL);
    CHECK(loop);
    CHECK_GT(hark_loop_go(loop, stutters, &count), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    child_does(begins_anew);
    while (count < 20) {
        CHECK_EQ(hark_loop_step(loop, HARK_S(1)), 0);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
}

TEST_ON_HUBS(fork_from_a_host_of_a_resting_loop)
{
    forked_by_a_host();
}

/* A hold outlives all of it, and its drop is the end of the memory. */
static void drops_what_the_parent_held(void)
{
    hark_loop *held = loop;

    CHECK_EQ(hark_after_fork(), 0);
    CHECK_EQ(hark_loop_post(held, &post, say_callback, "never"), -ESHUTDOWN);
    hark_loop_drop(held);
    CHECK_EQ(hark__map_live(), 0);
}

static void has_no_box_to_hold(void)
{
    CHECK_PTR(hark_loop_hold(loop), NULL);
    CHECK_HAS(hark_error_last(), "forked");
}

FORKED(fork_a_loop_without_a_post_box_gets_none_in_the_child)
{
    loop = hark_loop_self();
    child_does(has_no_box_to_hold);
    return 0;
}

TEST_ON_HUBS(fork_a_held_loop_is_dropped_in_the_child)
{
    if (!FORKS) {
        SKIP("this sanitizer does not follow forks");
    }
    loop = hark_loop_new(NULL);
    CHECK(loop);
    CHECK_PTR(hark_loop_hold(loop), loop);
    child_does(drops_what_the_parent_held);
    CHECK_EQ(hark_loop_post(loop, &post, say_callback, "here"), 0);
    CHECK_EQ(hark_loop_step(loop, 0), 0);
    CHECK_LOG("here");
    hark_loop_drop(loop);
    CHECK_EQ(hark_loop_free(loop), 0);
}

/* ---- children of children -------------------------------------------------------------------- */

static int forks_again(void *arg)
{
    (void)arg;
    child_does(has_only_what_it_had);
    return 0;
}

static void runs_and_forks_again(void)
{
    CHECK_EQ(hark_run(forks_again, NULL), 0);
}

/* Of its parent's and of its parent's parent's. */
FORKED_AFTER(opens_a_pipe, fork_a_childs_child_lets_go_of_the_loops_of_both)
{
    child_does(runs_and_forks_again);
    CHECK_EQ(hark_close(ends[0]), 0);
    return hark_close(ends[1]);
}

/* ---- exec, spawn, vfork ---------------------------------------------------------------------- */

enum way { BY_FORK, BY_VFORK, BY_SPAWN };

extern char **environ;

/* `ls` of its own descriptors, into out. */
static pid_t start_ls(enum way way, int out)
{
    static char *const words[] = {"ls", "/proc/self/fd", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = -1;

    if (way == BY_SPAWN) {
        CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
        CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, out, 1), 0);
        CHECK_EQ(posix_spawnp(&child, "ls", &actions, NULL, words, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        return child;
    }
    fflush(NULL);
    child = way == BY_FORK ? fork() : vfork();
    if (child == 0) {
        dup2(out, 1);
        execvp("ls", words);
        _exit(127);
    }
    return child;
}

/* What another program gets of our descriptors, as `ls` prints it. */
static void list_inherited(enum way way, char *text, size_t size)
{
    int out[2];
    size_t used = 0;
    ssize_t count;

    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    const pid_t child = start_ls(way, out[1]);
    CHECK_GT(child, 0);
    close(out[1]);
    while ((count = read(out[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
    }
    text[used] = '\0';
    close(out[0]);
    CHECK_EQ(status_of(child), 0);
}

static char listed_before[1024];

static void lists_before(void)
{
    list_inherited(BY_SPAWN, listed_before, sizeof listed_before);
    CHECK_HAS(listed_before, "2\n");
}

/* A new program has none of the library's descriptors; and where no handler of forks runs, nothing
 * has changed for the parent. */
FORKED_AFTER(lists_before, fork_P18_F18_exec_spawn_and_vfork_take_nothing_along)
{
    static char listed[1024];
    const hark_task self = hark_self();

    CHECK_EQ(hark_signal_open(&hup, SIGHUP), 0);
    for (enum way way = BY_FORK; way <= BY_SPAWN; way++) {
        list_inherited(way, listed, sizeof listed);
        CHECK_STR(listed, listed_before);
        CHECK_EQ(hark_self(), self);
        CHECK_EQ(hark_yield(), 0);
        raise(SIGHUP);
        CHECK_EQ(hark_signal_wait(&hup), 0);
    }
    return hark_signal_close(&hup);
}

/* ---- who comes back -------------------------------------------------------------------------- */

static int words_of_death[2];
static pid_t lost;

static void opens_for_words(void)
{
    CHECK_EQ(pipe2(words_of_death, O_CLOEXEC), 0);
}

/* 0: in the child, which tells the parent what it says on stderr. */
static pid_t forks_and_is_heard(void)
{
    lost = fork_quietly();
    if (lost == 0) {
        dup2(words_of_death[1], 2);
    }
    return lost;
}

static void check_death(const char *what)
{
    char text[2048];

    CHECK_EQ(close(words_of_death[1]), 0);
    const int status = status_of(lost);
    const ssize_t count = read(words_of_death[0], text, sizeof text - 1);
    text[count > 0 ? count : 0] = '\0';
    CHECK_HAS(text, what);
    CHECK_HAS(text, "has returned in a process that was forked");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_EQ(close(words_of_death[0]), 0);
}

static int comes_back(void *arg)
{
    if (forks_and_is_heard() == 0 && arg) {
        CHECK_EQ(hark_after_fork(), 0);
        CHECK_EQ(hark_run(naps, NULL), 0);
        CHECK(hark_loop_new(NULL));
        hark_call_soon(&post, say_callback, "rouses the new one");
    }
    return 0;
}

FORKED_AFTER(opens_for_words, fork_P16_a_task_that_returns_in_the_child_stops_it)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, comes_back, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    check_death("\"comes_back\", spawned at");
    return 0;
}

FORKED_AFTER(opens_for_words, fork_a_task_that_returns_is_stopped_whatever_it_ran_before)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, comes_back, "ran"), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    check_death("\"comes_back\", spawned at");
    return 0;
}

static hark_pool pool;
static hark_future future;
static hark_once once;

FORKED_AFTER(opens_for_words, fork_a_function_of_a_pool_that_returns_stops_the_child)
{
    CHECK_EQ(hark_pool_open(&pool, 1), 0);
    CHECK_GT(hark_pool_go(&pool, comes_back, NULL), 0);
    CHECK_EQ(hark_pool_close(&pool, 0), 0);
    check_death("task 2");
    return 0;
}

FORKED_AFTER(opens_for_words, fork_a_function_of_a_future_that_returns_stops_the_child)
{
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go_future(&group, &future, comes_back, NULL), 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    check_death("task 2");
    return 0;
}

FORKED_AFTER(opens_for_words, fork_a_function_called_once_that_returns_stops_the_child)
{
    CHECK_EQ(hark_once_run(&once, comes_back, NULL), 0);
    check_death("task 1");
    return 0;
}

static void calls_back(void *arg)
{
    comes_back(arg);
    kit_log("called");
}

enum { SOON, TIMED, READ, POSTED, SIGNALLED, WAYS };

static void has_it_called(int way)
{
    switch (way) {
    case SOON: CHECK_EQ(hark_call_soon(&post, calls_back, NULL), 0); break;
    case TIMED: CHECK_EQ(hark_call_later(1, &post, calls_back, NULL), 0); break;
    case READ: CHECK_EQ(hark_add_reader(ends[0], &post, calls_back, NULL), 0); break;
    case POSTED: CHECK_EQ(hark_loop_post(hark_loop_self(), &post, calls_back, NULL), 0); break;
    default: CHECK_EQ(hark_signal_watch(&usr1, &post, calls_back, NULL), 0); raise(SIGUSR1);
    }
}

static void takes_it_back(int way)
{
    if (way == READ || way == SIGNALLED) {
        CHECK_EQ(hark_unwatch(&post), 0);
    }
}

/* Of every kind of callback, and the next one is not called in the child. */
static int in_a_callback(void *number)
{
    const int way = *(int *)number;

    CHECK_EQ(hark_signal_open(&usr1, SIGUSR1), 0);
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(write(ends[1], "", 1), 1);
    opens_for_words();
    has_it_called(way);
    lost = 0;
    while (!lost) {
        CHECK_EQ(hark_yield(), 0);
    }
    takes_it_back(way);
    check_death("a callback");
    CHECK_LOG("called");
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    return hark_signal_close(&usr1);
}

TEST_ON_HUBS(fork_a_callback_that_returns_in_the_child_stops_it)
{
    if (!FORKS) {
        SKIP("this sanitizer does not follow forks");
    }
    for (int way = 0; way < WAYS; way++) {
        CHECK_EQ(hark_run(in_a_callback, &way), 0);
    }
}
