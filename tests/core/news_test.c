/* SPDX-License-Identifier: MIT
 *
 * news_test.c - news of descriptors that are late, stale, doubled, or cannot be had.
 *
 * Idea     Reports are handed to core as a hub would hand them (hark__interest_report), where no
 *          descriptor of the system can be brought to give them at the right moment.
 */
#include "scarce.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "core/core.h"

static hark_group group;

static int new_fd(bool ready)
{
    const int fd = eventfd(ready, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK_GE(fd, 0);
    return fd;
}

static void make_ready(int fd)
{
    const uint64_t one = 1;
    CHECK_EQ(write(fd, &one, sizeof(one)), 8);
}

static void drain(int fd)
{
    uint64_t count;
    CHECK_EQ(read(fd, &count, sizeof(count)), 8);
}

static uint64_t token_of(int fd)
{
    const struct hark__fd *entry = hark__fd_peek(hark__here, fd);
    CHECK(entry);
    return (uint64_t)entry->generation << 32 | (uint32_t)fd;
}

static int waits_to_read(void *fd)
{
    kit_log("%s", hark_wait_fd(*(int *)fd, POLLIN) == POLLIN ? "readable" : "failed");
    return 0;
}

/* ---- reports --------------------------------------------------------------------------------- */

static int gets_stale_news(void *arg)
{
    int fd = new_fd(false);
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, waits_to_read, &fd), 0);
    CHECK_EQ(hark_settle(), 0);
    hark__interest_report(hark__here, token_of(fd) + (1ull << 32), POLLIN); /* of another owner */
    hark__interest_report(hark__here, 1000000, POLLIN); /* of a number never used here */
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    make_ready(fd);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("readable");
    CHECK_PTR(hark__fd_entry(hark__here, -1), NULL);
    return hark_close(fd);
}

TEST_ON_HUBS(news_of_an_earlier_owner_of_a_number_wake_nobody)
{
    CHECK_EQ(RUN(gets_stale_news, NULL), 0);
}

static int calls;

static void count_call(void *fd)
{
    drain(*(int *)fd);
    calls++;
}

static int gets_news_twice(void *arg)
{
    int fd = new_fd(true);
    hark_watch watch = {0};
    (void)arg;
    CHECK_EQ(hark_add_reader(fd, &watch, count_call, &fd), 0);
    const uint32_t tail = hark__here->tail;
    hark__interest_report(hark__here, token_of(fd), POLLIN);
    CHECK_EQ(hark__here->tail, tail); /* it is due already */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(calls, 1);
    CHECK_EQ(hark_unwatch(&watch), 0);
    return hark_close(fd);
}

TEST_ON_HUBS(news_that_come_twice_call_a_reader_once)
{
    CHECK_EQ(RUN(gets_news_twice, NULL), 0);
}

static int refuse_to_arm(hark__hub *hub, int fd, int events, uint64_t token)
{
    (void)hub;
    (void)fd;
    (void)events;
    (void)token;
    return -ENOMEM;
}

/* The loop's hub, with another `arm`; NULL: its own again. */
static void arm_by(int (*arm)(hark__hub *, int, int, uint64_t))
{
    static struct hark__hub_class mine;
    static const struct hark__hub_class *real;
    hark__hub *hub = hark__here->hub;
    real = real ? real : hub->class;
    mine = *real;
    mine.arm = arm;
    hub->class = arm ? &mine : real;
}

static int waits_in_vain(void *fd)
{
    kit_log("%s", strerrorname_np(-hark_wait_fd(*(int *)fd, POLLOUT)));
    return 0;
}

/* After an error the hub may have forgotten both directions; one of them cannot be armed anew. */
static int loses_a_direction(void *arg)
{
    int fds[2];
    char bytes[4096] = {0};
    (void)arg;
    CHECK_EQ(hark_socketpair(fds), 0);
    while (write(fds[0], bytes, sizeof(bytes)) > 0) {}
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GT(hark_go(&group, waits_in_vain, &fds[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    arm_by(refuse_to_arm);
    hark__fd_peek(hark__here, fds[0])->armed = 0;
    hark__interest_report(hark__here, token_of(fds[0]), POLLPRI);
    arm_by(NULL);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_LOG("EBADF");
    return hark_close(fds[0]) | hark_close(fds[1]);
}

TEST_ON_HUBS(news_that_cannot_be_had_any_more_end_the_wait)
{
    CHECK_EQ(RUN(loses_a_direction, NULL), 0);
}

static int cannot_be_armed(void *arg)
{
    const int fd = new_fd(false);
    hark_case one = hark_on_fd(fd, POLLIN);
    hark_watch watch = {0};
    (void)arg;
    arm_by(refuse_to_arm);
    CHECK_EQ(hark_wait_fd(fd, POLLIN), -ENOMEM);
    CHECK_EQ(hark_select(&one, 1), -ENOMEM);
    CHECK_HAS(hark_error_last(), "hark_select: case 0 cannot be waited for");
    CHECK_EQ(hark_add_reader(fd, &watch, count_call, NULL), -ENOMEM);
    arm_by(NULL);
    CHECK_EQ(hark_unwatch(&watch), -ESRCH);
    CHECK_EQ(hark__here->fd_waits, 0);
    return hark_close(fd);
}

TEST_ON_HUBS(news_that_the_hub_refuses_are_not_waited_for)
{
    CHECK_EQ(RUN(cannot_be_armed, NULL), 0);
}

/* ---- readers --------------------------------------------------------------------------------- */

static struct {
    int fd, calls;
    hark_watch watch;
} reader;

static void closes_it(void *arg)
{
    (void)arg;
    reader.calls++;
    close(reader.fd);
}

static int closes_behind_our_back(void *arg)
{
    (void)arg;
    reader.fd = new_fd(true);
    CHECK_EQ(hark_add_reader(reader.fd, &reader.watch, closes_it, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(reader.calls, 1);
    CHECK_EQ(hark_unwatch(&reader.watch), -ESRCH);
    return 0;
}

TEST_ON_HUBS(news_end_for_a_reader_whose_descriptor_was_closed_elsewhere)
{
    CHECK_EQ(RUN(closes_behind_our_back, NULL), 0);
}

static void arms_itself_anew(void *arg)
{
    (void)arg;
    if (++reader.calls == 3) {
        drain(reader.fd);
        return;
    }
    CHECK_EQ(hark_unwatch(&reader.watch), 0);
    CHECK_EQ(hark_add_reader(reader.fd, &reader.watch, arms_itself_anew, NULL), 0);
}

static int reads_anew(void *arg)
{
    (void)arg;
    reader.fd = new_fd(true);
    CHECK_EQ(hark_add_reader(reader.fd, &reader.watch, arms_itself_anew, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(reader.calls, 3);
    CHECK_EQ(hark_unwatch(&reader.watch), 0);
    return hark_close(reader.fd);
}

TEST_ON_HUBS(news_reach_a_reader_that_arms_itself_anew_once_each_time)
{
    CHECK_EQ(RUN(reads_anew, NULL), 0);
}

static struct {
    int ends[2], calls, in_vain;
    bool more;
} chatty;

static void read_one(void *arg)
{
    char byte;
    (void)arg;
    chatty.calls++;
    chatty.in_vain += read(chatty.ends[0], &byte, 1) != 1;
    if (chatty.more) {
        chatty.more = false;
        CHECK_EQ(write(chatty.ends[1], "y", 1), 1);
    }
}

/* What comes while the callback runs is seen by a look after it, and told by the hub besides. */
static int gets_more_while_it_reads(void *arg)
{
    hark_watch watch = {0};
    (void)arg;
    CHECK_EQ(hark_pipe(chatty.ends), 0);
    CHECK_EQ(hark_add_reader(chatty.ends[0], &watch, read_one, NULL), 0);
    for (int i = 0; i < 3; i++) {
        chatty.more = true;
        CHECK_EQ(write(chatty.ends[1], "x", 1), 1);
        while (chatty.calls < 2 * (i + 1)) {
            CHECK_EQ(hark_sleep(1), 0);
        }
        hark__loop_look(hark__here);
        CHECK_EQ(hark_settle(), 0);
    }
    CHECK_EQ(chatty.calls, 6);
    CHECK_EQ(chatty.in_vain, 0);
    CHECK_EQ(hark_unwatch(&watch), 0);
    return hark_close(chatty.ends[0]) | hark_close(chatty.ends[1]);
}

TEST_ON_HUBS(news_that_a_look_was_ahead_of_call_no_reader_in_vain)
{
    CHECK_EQ(RUN(gets_more_while_it_reads, NULL), 0);
}

enum { CROWD = 3000 };
static struct {
    int fd, calls;
    hark_watch watch;
} crowd[CROWD];
static int heard;

static void read_in_crowd(void *arg)
{
    int i = (int)(intptr_t)arg;
    uint64_t value;
    crowd[i].calls++;
    heard++;
    chatty.in_vain += read(crowd[i].fd, &value, sizeof value) != sizeof value;
}

/* More news at once than the ring has room for. */
static int hears_from_a_crowd(void *arg)
{
    (void)arg;
    for (intptr_t i = 0; i < CROWD; i++) {
        crowd[i].fd = new_fd(false);
        CHECK_EQ(hark_add_reader(crowd[i].fd, &crowd[i].watch, read_in_crowd, (void *)i), 0);
    }
    for (int round = 1; round <= 5; round++) {
        for (int i = 0; i < CROWD; i++) {
            make_ready(crowd[i].fd);
        }
        while (heard < round * CROWD) {
            CHECK_EQ(hark_sleep(1), 0);
        }
        hark__loop_look(hark__here);
        CHECK_EQ(hark_settle(), 0);
        for (int i = 0; i < CROWD; i++) {
            CHECK_EQ(crowd[i].calls, round);
        }
    }
    CHECK_EQ(chatty.in_vain, 0);
    for (int i = 0; i < CROWD; i++) {
        CHECK_EQ(hark_unwatch(&crowd[i].watch) | hark_close(crowd[i].fd), 0);
    }
    return 0;
}

TEST_ON_HUBS(news_of_a_crowd_call_each_reader_once)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    if (strcmp(getenv("HARK_HUB"), "select") == 0) {
        SKIP("select has numbers below 1024 only");
    }
    if (limit.rlim_max < CROWD + 100 || setrlimit(RLIMIT_NOFILE, &limit)) {
        SKIP("too few descriptors");
    }
    CHECK_EQ(RUN(hears_from_a_crowd, NULL), 0);
}

/* ---- waits that grow old --------------------------------------------------------------------- */

enum { OLD = 600 };
static struct old {
    int fd, looked_at, called;
    hark_watch watch;
} old[OLD];
static int (*real_poll)(struct pollfd *, nfds_t, int);

static int poll_and_count(struct pollfd *fds, nfds_t count, int timeout)
{
    for (int i = 0; i < OLD && count == 1; i++) {
        old[i].looked_at += old[i].fd == fds->fd;
    }
    return real_poll(fds, count, timeout);
}

static void count_old(void *arg)
{
    struct old *one = arg;
    drain(one->fd);
    one->called++;
}

static int grows_old(void *arg)
{
    (void)arg;
    for (int i = 0; i < OLD; i++) {
        old[i].fd = new_fd(false);
        CHECK_EQ(hark_add_reader(old[i].fd, &old[i].watch, count_old, &old[i]), 0);
        old[i].looked_at = 0;
    }
    for (int i = 0; i < 3; i++) { /* not all at once */
        clock_ahead(HARK_S(1));
        CHECK_EQ(hark_sleep(1), 0);
    }
    for (int i = 0; i < OLD; i++) {
        CHECK_EQ(old[i].looked_at, 1);
        make_ready(old[i].fd);
    }
    CHECK_EQ(hark_settle(), 0);
    for (int i = 0; i < OLD; i++) {
        CHECK_EQ(old[i].called, 1);
        CHECK_EQ(hark_unwatch(&old[i].watch) | hark_close(old[i].fd), 0);
    }
    return 0;
}

TEST(news_of_many_old_waits_are_looked_at_again_and_none_is_forgotten)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < OLD + 100 || setrlimit(RLIMIT_NOFILE, &limit)) {
        SKIP("too few descriptors");
    }
    real_poll = hark__sys.poll;
    hark__sys.poll = poll_and_count;
    CHECK_EQ(RUN(grows_old, NULL), 0);
}

static int writer_calls;

static void count_writer(void *arg)
{
    (void)arg;
    writer_calls++;
}

/* A writer that stays is a wait like any other. */
static int writer_grows_old(void *arg)
{
    int fds[2];
    char bytes[4096] = {0};
    hark_watch watch = {0};
    (void)arg;
    CHECK_EQ(hark_socketpair(fds), 0);
    while (write(fds[0], bytes, sizeof(bytes)) > 0) {}
    CHECK_EQ(hark_add_writer(fds[0], &watch, count_writer, NULL), 0);
    clock_ahead(HARK_S(1));
    CHECK_EQ(hark_sleep(1), 0);
    CHECK_EQ(writer_calls, 0);
    while (read(fds[1], bytes, sizeof(bytes)) > 0) {}
    CHECK_EQ(hark_sleep(1), 0);
    CHECK_GT(writer_calls, 0);
    CHECK_EQ(hark_unwatch(&watch), 0);
    return hark_close(fds[0]) | hark_close(fds[1]);
}

TEST_ON_HUBS(news_of_an_old_writer_still_come)
{
    CHECK_EQ(RUN(writer_grows_old, NULL), 0);
}
