/* SPDX-License-Identifier: MIT
 *
 * fd_test.c - waiting for a descriptor, closing and forgetting it, and the callbacks that stay.
 *
 * The IO entries, those HB entries that are about descriptors, LP-14 and LP-15, and what happens
 * when somebody closes or reuses a number behind our back.
 */
#include "wire.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "core/core.h"

static int ends[2];

static int wait_in(void *name)
{
    const int rc = hark_wait_fd(ends[0], POLLIN);
    kit_log("%s:%s", (const char *)name, rc > 0 && rc & POLLIN ? "in" : outcome(rc));
    return 0;
}

static int wait_out(void *name)
{
    const int rc = hark_wait_fd(ends[0], POLLOUT);
    kit_log("%s:%s", (const char *)name, rc > 0 && rc & POLLOUT ? "out" : outcome(rc));
    return 0;
}

static int read_one(void *name)
{
    char byte;
    const int64_t rc = hark_read(ends[0], &byte, 1);
    kit_log("%s:%s", (const char *)name, rc == 1 ? "byte" : rc == 0 ? "end" : outcome(rc));
    return 0;
}

/* ---- waiting -------------------------------------------------------------------------------- */

ON_WIRE(fd_IO_01_waits_until_it_is_ready)
{
    wire(UNIX, ends);
    hark_go(&group, wait_in, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("a:in");
    unwire(ends);
}

ON_WIRE(fd_IO_01_ready_already_is_a_checkpoint_only)
{
    wire(UNIX, ends);
    CHECK_EQ(hark_wait_fd(ends[0], POLLOUT), POLLOUT);
    hark_scope scope;
    CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_wait_fd(ends[0], POLLOUT), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
    unwire(ends);
}

ON_WIRE(fd_IO_01_is_level_again_and_again)
{
    wire(TCP, ends);
    CHECK_EQ(hark_write(ends[1], "xyz", 3), 3);
    for (int i = 0; i < 3; i++) {
        char byte;
        CHECK_EQ(hark_wait_fd(ends[0], POLLIN), POLLIN);
        CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
        CHECK_EQ(read(ends[0], &byte, 1), 1); /* not by hark: it must not matter */
    }
    CHECK_EQ(hark_within(HARK_MS(5), hark_wait_fd(ends[0], POLLIN)), -ETIMEDOUT);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK(hark_wait_fd(ends[0], POLLIN) & POLLIN);
    CHECK_EQ(hark_close(ends[0]), 0);
}

ON_WIRE(fd_HB_17_a_cancelled_waiter_leaves_nothing_behind)
{
    wire(UNIX, ends);
    const hark_task a = hark_go(&group, wait_in, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(a), 0);
    hark_go(&group, wait_in, "b");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:cancelled");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("b:in");
    unwire(ends);
}

ON_WIRE(fd_IO_02_a_second_waiter_is_busy_and_the_first_unaffected)
{
    wire(UNIX, ends);
    hark_go(&group, wait_in, "a");
    CHECK_EQ(hark_settle(), 0);
    char byte;
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLIN), -EBUSY, "wait_in");
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLIN | POLLOUT), -EBUSY, "hark_wait_fd");
    CHECK_MISUSE(hark_read(ends[0], &byte, 1), -EBUSY, "hark_read");
    CHECK_MISUSE(hark_accept(ends[0], NULL, NULL), -EBUSY, "hark_accept");
    stuff(ends[0]);
    hark_go(&group, wait_out, "b");
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLOUT), -EBUSY, "wait_out");
    CHECK_MISUSE(hark_write(ends[0], "x", 1), -EBUSY, "hark_write");
    CHECK_LOG("");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("a:in");
    unwire(ends);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("b:EBADF");
}

/* Woken, but its turn has not come: it is still the one reader. */
ON_WIRE(fd_HB_07_who_was_woken_is_still_the_reader)
{
    wire(UNIX, ends);
    hark_go(&group, read_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    hark_go(&group, read_one, "b"); /* before the loop looks */
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("b:EBUSY a:byte");
    unwire(ends);
}

ON_WIRE(fd_IO_04_one_reader_and_one_writer_together)
{
    wire(UNIX, ends);
    const size_t stuffed = stuff(ends[0]);
    hark_go(&group, wait_in, "r");
    hark_go(&group, wait_out, "w");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("r:in");
    unsigned char *sink = malloc(stuffed);
    CHECK_EQ(hark_read_full(ends[1], sink, stuffed, NULL), 0);
    free(sink);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("w:out");
    unwire(ends);
}

static int wait_both(void *name)
{
    const int rc = hark_wait_fd(ends[0], POLLIN | POLLOUT);
    kit_log("%s:%s%s%s", (const char *)name, rc > 0 && rc & POLLIN ? "in" : "",
            rc > 0 && rc & POLLOUT ? "out" : "", rc < 0 ? outcome(rc) : "");
    return 0;
}

ON_WIRE(fd_waits_for_either_of_both_directions)
{
    wire(UNIX, ends);
    const size_t stuffed = stuff(ends[0]);
    unsigned char *sink = malloc(stuffed);
    hark_task both = hark_go(&group, wait_both, "1");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_task_wait(both), 0);
    CHECK_LOG("1:in");
    CHECK_EQ(hark_read(ends[0], sink, 1), 1);
    both = hark_go(&group, wait_both, "2");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_read_full(ends[1], sink, stuffed, NULL), 0);
    CHECK_EQ(hark_task_wait(both), 0);
    CHECK_LOG("2:out");
    stuff(ends[0]);
    both = hark_go(&group, wait_both, "3");
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLIN), -EBUSY, "wait_both");
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLOUT), -EBUSY, "wait_both");
    CHECK_EQ(hark_task_cancel(both), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("3:cancelled");
    both = hark_go(&group, wait_both, "4"); /* nobody stands there any more */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("4:EBADF");
    CHECK_EQ(hark_close(ends[1]), 0);
    free(sink);
}

/* A wait that ended leaves no wake-up behind that would end a later sleep early. */
ON_WIRE(fd_HB_20_a_wait_that_timed_out_does_not_end_a_later_sleep)
{
    wire(UNIX, ends);
    stuff(ends[0]);
    CHECK_EQ(hark_within(0, hark_wait_fd(ends[0], POLLIN | POLLOUT)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_fd(ends[0], POLLIN | POLLOUT)), -ETIMEDOUT);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    const int64_t began = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(20)), 0);
    CHECK_GE(hark_now() - began, HARK_MS(20));
    unwire(ends);
}

ON_WIRE(fd_files_and_devices_are_ready_at_once)
{
    const int file = memfd_create("file", MFD_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK_EQ(hark_wait_fd(file, POLLIN), POLLIN);
    CHECK_EQ(hark_wait_fd(file, POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ(hark_wait_fd(null, POLLOUT), POLLOUT);
    CHECK_EQ(hark_close(file), 0);
    CHECK_EQ(hark_close(null), 0);
}

/* ---- misuse --------------------------------------------------------------------------------- */

ON_WIRE(fd_IO_05_bad_descriptors_and_events)
{
    char byte;
    const int bad[] = {-1, 9999, INT_MAX, INT_MIN};
    for (int i = 0; i < 4; i++) {
        CHECK_MISUSE(hark_wait_fd(bad[i], POLLIN), -EBADF, "hark_wait_fd");
        CHECK_MISUSE(hark_read(bad[i], &byte, 1), -EBADF, "hark_read");
        CHECK_MISUSE(hark_read(bad[i], &byte, 0), -EBADF, "hark_read");
        CHECK_MISUSE(hark_write(bad[i], &byte, 1), -EBADF, "hark_write");
        CHECK_MISUSE(hark_read_full(bad[i], &byte, 1, NULL), -EBADF, "hark_read_full");
        CHECK_MISUSE(hark_write_full(bad[i], &byte, 1, NULL), -EBADF, "hark_write_full");
        CHECK_MISUSE(hark_accept(bad[i], NULL, NULL), -EBADF, "hark_accept");
        CHECK_MISUSE(hark_tcp_port(bad[i]), -EBADF, "hark_tcp_port");
        CHECK_MISUSE(hark_close(bad[i]), -EBADF, "hark_close");
        struct sockaddr_in address = {.sin_family = AF_INET};
        CHECK_MISUSE(hark_connect(bad[i], (struct sockaddr *)&address, sizeof address), -EBADF,
                     "hark_connect");
        hark_watch watch = {0};
        CHECK_MISUSE(hark_add_reader(bad[i], &watch, say_callback, ""), -EBADF, "hark_add_reader");
        CHECK_MISUSE(hark_unwatch(&watch), -ESRCH, "hark_unwatch");
    }
    CHECK_MISUSE(hark_forget(-1), -EBADF, "hark_forget");
    CHECK_EQ(hark_forget(9999), 0);
    CHECK_MISUSE(hark_wait_fd(0, 0), -EINVAL, "hark_wait_fd");
    CHECK_MISUSE(hark_wait_fd(0, POLLPRI), -EINVAL, "hark_wait_fd");
}

TEST(fd_outside_a_task_nothing_waits_and_close_works)
{
    char byte;
    int fds[2];
    hark_watch watch = {0};
    CHECK_MISUSE(hark_wait_fd(0, POLLIN), -ENOTSUP, "hark_wait_fd");
    CHECK_MISUSE(hark_read(0, &byte, 1), -ENOTSUP, "hark_read");
    CHECK_MISUSE(hark_write_full(1, &byte, 1, NULL), -ENOTSUP, "hark_write_full");
    CHECK_MISUSE(hark_accept(0, NULL, NULL), -ENOTSUP, "hark_accept");
    CHECK_MISUSE(hark_tcp_listen(NULL, "0", 0), -ENOTSUP, "hark_tcp_listen");
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", "1"), -ENOTSUP, "hark_tcp_connect");
    CHECK_MISUSE(hark_unix_connect("/nothing"), -ENOTSUP, "hark_unix_connect");
    CHECK_MISUSE(hark_add_reader(0, &watch, say_callback, ""), -EXDEV, "hark_add_reader");
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(hark_forget(fds[0]), 0);
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_MISUSE(hark_close(fds[1]), -EBADF, "hark_close");
}

/* ---- closing -------------------------------------------------------------------------------- */

static int write_one(void *name)
{
    kit_log("%s:%s", (const char *)name, outcome(hark_write(ends[0], "x", 1)));
    return 0;
}

static int accept_one(void *name)
{
    kit_log("%s:%s", (const char *)name, outcome(hark_accept(ends[0], NULL, NULL)));
    return 0;
}

ON_WIRE(fd_IO_03_close_wakes_all_who_wait)
{
    wire(UNIX, ends);
    stuff(ends[0]);
    hark_go(&group, read_one, "r");
    hark_go(&group, write_one, "w");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:EBADF w:EBADF");
    CHECK_EQ(hark_close(ends[1]), 0);
}

static int check_closed_words(void *arg)
{
    char byte;
    (void)arg;
    CHECK_MISUSE(hark_read(ends[0], &byte, 1), -EBADF, "closed");
    return 0;
}

ON_WIRE(fd_HB_10_closing_a_listener_wakes_who_accepts)
{
    ends[0] = hark_tcp_listen("127.0.0.1", "0", 0);
    hark_go(&group, accept_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:EBADF");
    wire(PIPE, ends);
    hark_go(&group, check_closed_words, NULL);
    CHECK_EQ(hark_settle(), 0);
    unwire(ends);
}

/* The report has come, and then the descriptor went before the task had its turn. */
ON_WIRE(fd_IO_09_closed_between_readiness_and_the_call)
{
    wire(UNIX, ends);
    hark_go(&group, read_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    while (hark__fd_peek(hark__here, ends[0])->waits[FD_IN]) {
        hark__interest_report(hark__here, /* as the hub would */
                              (uint64_t)hark__fd_peek(hark__here, ends[0])->generation << 32 |
                                  (uint32_t)ends[0],
                              POLLIN);
    }
    CHECK_EQ(hark_close(ends[0]), 0);
    int again[2];
    CHECK_EQ(hark_socketpair(again), 0);
    CHECK_EQ(again[0], ends[0]); /* the same number, and data in it */
    CHECK_EQ(hark_write(again[1], "y", 1), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:EBADF");
    hark_go(&group, read_one, "b");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("b:byte");
    unwire(again);
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(fd_HB_09_a_number_made_anew_has_no_stale_waiters)
{
    wire(UNIX, ends);
    hark_go(&group, read_one, "old");
    CHECK_EQ(hark_settle(), 0);
    close(ends[0]); /* behind our back */
    int again[2];
    CHECK_EQ(hark_socketpair(again), 0);
    CHECK_EQ(again[0], ends[0]);
    hark_go(&group, read_one, "new");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("old:EBADF");
    CHECK_EQ(hark_write(again[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("new:byte");
    unwire(again);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* Closed and reused behind our back, by calls that hark never sees: late, but never for ever. */
ON_WIRE(fd_HB_09_a_number_reused_behind_our_back_does_not_hang)
{
    char byte;
    int again[2];
    wire(TCP, ends);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(ends[0], &byte, 1)), -ETIMEDOUT); /* now armed */
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again), 0);
    CHECK_EQ(dup2(again[0], ends[0]), ends[0]);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(ends[0], &byte, 1)), -ETIMEDOUT);
    CHECK_EQ(write(again[1], "x", 1), 1);
    CHECK_EQ(hark_within(HARK_S(5), hark_read(ends[0], &byte, 1)), 1);
    close(again[0]);
    close(again[1]);
    CHECK_EQ(pipe2(again, O_CLOEXEC), 0);
    CHECK_EQ(dup2(again[0], ends[0]), ends[0]); /* a pipe where a socket was */
    CHECK_EQ(write(again[1], "y", 1), 1);
    CHECK_EQ(hark_within(HARK_S(5), hark_read(ends[0], &byte, 1)), 1);
    CHECK_EQ(byte, 'y');
    close(again[0]);
    close(again[1]);
    unwire(ends);
}

/* The loop's milliseconds begin anew while the wait grows old. */
ON_WIRE(fd_HB_09_a_number_reused_does_not_hang_when_the_loop_has_run_for_49_days)
{
    char byte;
    int again[2];
    hark__here->began = hark_now() - HARK_MS((1ll << 32) - 50);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_GT(hark__here->millis, UINT32_MAX - 50);
    wire(TCP, ends);
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(ends[0], &byte, 1)), -ETIMEDOUT); /* now armed */
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again), 0);
    CHECK_EQ(dup2(again[0], ends[0]), ends[0]);
    CHECK_EQ(write(again[1], "x", 1), 1);
    CHECK_EQ(hark_within(HARK_S(5), hark_read(ends[0], &byte, 1)), 1);
    CHECK_EQ(close(again[0]) | close(again[1]), 0);
    unwire(ends);
}

ON_WIRE(fd_a_copy_of_a_closed_descriptor_still_works)
{
    wire(TCP, ends);
    const int copy = dup(ends[0]), original = ends[0];
    hark_go(&group, read_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(original), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:EBADF");
    ends[0] = copy;
    hark_go(&group, read_one, "b");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("b:byte");
    unwire(ends);
}

ON_WIRE(fd_forget_wakes_who_waits_and_leaves_it_open)
{
    char byte;
    wire(UNIX, ends);
    hark_go(&group, read_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_forget(ends[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("a:EBADF");
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    hark_go(&group, read_one, "b"); /* and it may come back */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("b:byte");
    unwire(ends);
}

static int fail_close(int fd)
{
    close(fd);
    errno = fd % 2 ? EINTR : EIO;
    return -1;
}

TEST(fd_F13_an_interrupted_close_is_a_close_and_is_not_repeated)
{
    int fds[2];
    CHECK_EQ(hark_pipe(fds), 0);
    hark__sys.close = fail_close;
    CHECK_EQ(hark_close(fds[0] % 2 ? fds[0] : fds[1]), 0);
    CHECK_MISUSE(hark_close(fds[0] % 2 ? fds[1] : fds[0]), -EIO, "hark_close");
    hark__sys.close = close;
}

/* ---- readers and writers -------------------------------------------------------------------- */

static hark_watch reader, second, writer;

static void on_reader(void *name)
{
    char byte;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    kit_log("%s:%c", (const char *)name, byte);
}

static void on_end(void *event)
{
    CHECK_EQ(hark_unwatch(&reader), 0);
    CHECK_EQ(hark_event_set(event), 0);
}

ON_WIRE(fd_LP_14_a_reader_is_called_again_and_again_until_unwatched)
{
    wire(UNIX, ends);
    CHECK_EQ(hark_write(ends[1], "ab", 2), 2);
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_reader, "r"), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("r:a r:b");
    CHECK_EQ(hark_write(ends[1], "c", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("r:c");
    CHECK_EQ(hark_unwatch(&reader), 0);
    CHECK_MISUSE(hark_unwatch(&reader), -ESRCH, "hark_unwatch");
    CHECK_EQ(hark_write(ends[1], "d", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("");
    hark_event ended = HARK_EVENT_INIT;
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_end, &ended), 0); /* unwatches itself */
    CHECK_EQ(hark_event_wait(&ended), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    unwire(ends);
}

static void on_writer(void *name)
{
    kit_log("%s", (const char *)name);
    CHECK_EQ(hark_unwatch(&writer), 0);
}

ON_WIRE(fd_LP_14_a_new_reader_replaces_the_old_and_keeps_the_writer)
{
    wire(UNIX, ends);
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_reader, "old"), 0);
    CHECK_EQ(hark_add_writer(ends[0], &writer, on_writer, "w"), 0);
    CHECK_EQ(hark_add_reader(ends[0], &second, on_reader, "new"), 0);
    CHECK_MISUSE(hark_unwatch(&reader), -ESRCH, "hark_unwatch"); /* it is idle */
    CHECK_MISUSE(hark_add_reader(ends[1], &second, on_reader, ""), -EALREADY, "hark_add_reader");
    CHECK_EQ(hark_write(ends[1], "a", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("w new:a");
    CHECK_EQ(hark_close(ends[0]), 0); /* whatever is armed is no longer */
    CHECK_MISUSE(hark_unwatch(&second), -ESRCH, "hark_unwatch");
    CHECK_EQ(hark_close(ends[1]), 0);
}

ON_WIRE(fd_LP_14_a_reader_and_a_task_exclude_each_other)
{
    wire(UNIX, ends);
    hark_go(&group, read_one, "a");
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_add_reader(ends[0], &reader, on_reader, "r"), -EBUSY, "read_one");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_LOG("a:byte");
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_reader, "r"), 0);
    CHECK_MISUSE(hark_wait_fd(ends[0], POLLIN), -EBUSY, "a watch");
    CHECK_EQ(hark_unwatch(&reader), 0);
    unwire(ends);
}

static int others[2];

static void on_either(void *other)
{
    CHECK_EQ(hark_unwatch(other), 0);
    kit_log("one");
}

/* Both are ready in the same poll; whichever is called first takes the other back. */
ON_WIRE(fd_LP_15_one_unwatched_in_the_same_turn_is_not_called)
{
    wire(UNIX, ends);
    wire(UNIX, others);
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_either, &second), 0);
    CHECK_EQ(hark_add_reader(others[0], &second, on_either, &reader), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(write(others[1], "x", 1), 1);
    while (hark__here->tail - hark__here->head < 2) {
        hark__interest_report(hark__here,
                              (uint64_t)hark__fd_peek(hark__here, ends[0])->generation << 32 |
                                  (uint32_t)ends[0],
                              POLLIN);
        hark__interest_report(hark__here,
                              (uint64_t)hark__fd_peek(hark__here, others[0])->generation << 32 |
                                  (uint32_t)others[0],
                              POLLIN);
    }
    CHECK_EQ(hark_yield(), 0);
    CHECK_LOG("one");
    if (hark_unwatch(&reader) < 0) {
        CHECK_EQ(hark_unwatch(&second), 0);
    }
    unwire(ends);
    unwire(others);
}

ON_WIRE(fd_a_file_has_no_reader)
{
    const int file = memfd_create("file", MFD_CLOEXEC);
    CHECK_MISUSE(hark_add_reader(file, &reader, on_reader, ""), -EPERM, "hark_add_reader");
    CHECK_MISUSE(hark_unwatch(&reader), -ESRCH, "hark_unwatch");
    CHECK_MISUSE(hark_add_reader(file, NULL, on_reader, ""), -EINVAL, "hark_add_reader");
    CHECK_MISUSE(hark_add_writer(file, &reader, NULL, ""), -EINVAL, "hark_add_writer");
    CHECK_EQ(hark_close(file), 0);
}

/* ---- a number that was reported as closed ---------------------------------------------------- */

static int behind;

static int waits_for_it(void *arg)
{
    CHECK_EQ(hark_wait_fd(behind, POLLIN), -EBADF);
    return arg ? 1 : 0;
}

static int reads_it(void *arg)
{
    char byte;
    CHECK_EQ(hark_read(behind, &byte, 1), 1);
    return arg ? 1 : 0;
}

static int reuses_a_number(void *arg)
{
    int old[2], new[2];
    hark_group g;
    (void)arg;
    CHECK_EQ(pipe(old), 0);
    behind = old[0];
    hark_group_open(&g);
    hark_go(&g, waits_for_it, NULL);
    hark_yield();
    close(old[0]); /* behind our back */
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(pipe(new), 0);
    CHECK_EQ(new[0], behind);
    hark_group_open(&g);
    hark_go(&g, reads_it, NULL);
    hark_settle();
    CHECK_NE(hark__fd_peek(hark__here, behind)->armed, 0); /* or it would wait to grow old */
    CHECK_EQ(write(new[1], "x", 1), 1);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    close(old[1]);
    hark_close(new[0]);
    close(new[1]);
    return 0;
}

TEST_ON_HUBS(fd_a_number_that_was_reported_as_closed_is_armed_anew)
{
    CHECK_EQ(RUN(reuses_a_number, NULL), 0);
}

/* ---- only what was asked for ----------------------------------------------------------------- */

static int waits_for_a_pipe_without_writer(void *arg)
{
    int fds[2];
    (void)arg;
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_EQ(hark_wait_fd(fds[0], POLLIN), POLLIN); /* hung up: reading will say so */
    CHECK_EQ(hark_close(fds[0]), 0);
    return 0;
}

TEST_ON_HUBS(fd_wait_fd_answers_the_events_that_were_asked_for)
{
    CHECK_EQ(RUN(waits_for_a_pipe_without_writer, NULL), 0);
}
