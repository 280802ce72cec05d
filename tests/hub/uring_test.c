/* SPDX-License-Identifier: MIT
 *
 * uring_test.c - what only the ring can get wrong: full queues, completions that are late, last or
 * lost, and kernels that know less.
 */
#ifdef HARK_HAVE_LIBURING

#include "base/sys.h"
#include "hub/hub.h"
#include "kit.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct hark__sys real;
static int enters;
static int one_error;       /* what the next enter answers, once, after having done its work */
static unsigned drops;      /* ... and the kernel counts so many as dropped */
static bool end_multishots; /* every completion says that it is its poll's last */
static unsigned known;      /* setup flags that the pretended kernel knows */
static unsigned settled;    /* those it was set up with */
static unsigned hidden;     /* features that it does not have */

static int spy_enter(struct io_uring *ring, unsigned wait, int64_t timeout)
{
    enters++;
    int rc = real.uring_enter(ring, wait, timeout);
    unsigned head;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(ring, head, cqe)
    {
        if (end_multishots)
            cqe->flags &= ~(unsigned)IORING_CQE_F_MORE;
    }
    if (one_error) {
        *ring->cq.koverflow += drops;
        rc = one_error;
        one_error = 0;
    }
    return rc;
}

static int old_setup(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    unsigned asked = params->flags & ~(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP);
    if (asked & ~known)
        return -EINVAL;
    settled = asked;
    int rc = real.uring_setup(entries, ring, params);
    ring->features &= ~hidden;
    return rc;
}

static hark__hub *open_ring(void)
{
    hark__hub *hub;
    real = hark__sys;
    int rc = hark__hub_open(&hub, "uring");
    if (rc == -EOPNOTSUPP)
        SKIP(hark__hub_refusal());
    CHECK_EQ(rc, 0);
    hark__sys.uring_enter = spy_enter;
    return hub;
}

static int wait_in(hark__hub *hub, uint64_t token)
{
    struct hark__report reports[16];
    for (;;) {
        int count = hub->class->poll(hub, -1, reports, 16);
        CHECK_GE(count, 0);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(reports[i].token, token);
            if (reports[i].events & POLLIN)
                return count;
        }
    }
}

static void settle(hark__hub *hub)
{
    struct hark__report reports[16];
    for (int i = 0; i < 5; i++)
        CHECK_GE(hub->class->poll(hub, 0, reports, 16), 0);
}

TEST(uring_an_idle_poll_makes_no_call)
{
    hark__hub *hub = open_ring();
    int fd = eventfd(0, EFD_CLOEXEC);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    settle(hub);
    enters = 0;
    settle(hub);
    CHECK_EQ(enters, 0);
    eventfd_write(fd, 1);
    wait_in(hub, 7);
    CHECK_EQ(enters, 1); /* one call waits, submits and fetches */
    hub->class->disarm(hub, fd, 7);
    close(fd);
    hub->class->close(hub);
}

TEST(uring_U6_a_full_queue_is_submitted_and_nothing_is_lost)
{
    enum { COUNT = 900 };
    static int fds[COUNT];
    static bool seen[COUNT];
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    int unseen = COUNT;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        CHECK_EQ(hub->class->arm(hub, fds[i], POLLIN, (uint64_t)i), 0);
    }
    CHECK_GE(enters, 3);
    while (unseen) {
        int count = hub->class->poll(hub, -1, reports, 16);
        CHECK_GE(count, 0);
        for (int i = 0; i < count; i++) {
            unseen -= !seen[reports[i].token];
            seen[reports[i].token] = true;
        }
    }
    hub->class->close(hub);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

/* More completions than the completion queue can hold, many times over, none fetched in between. */
TEST_TIMEOUT(uring_U7_overflowing_completions_are_all_fetched, 30)
{
    enum { COUNT = 3000, ROUNDS = 5 };
    static int fds[COUNT];
    static int seen[COUNT];
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        CHECK_GE(fds[i], 0);
        CHECK_EQ(hub->class->arm(hub, fds[i], POLLIN, (uint64_t)i), 0);
    }
    while (hub->class->poll(hub, 0, reports, 16) > 0)
        ;
    for (int round = 1; round <= ROUNDS; round++) {
        int unseen = COUNT;
        for (int i = 0; i < COUNT; i++)
            eventfd_write(fds[i], 1);
        while (unseen) {
            int count = hub->class->poll(hub, -1, reports, 16);
            CHECK_GE(count, 0);
            for (int i = 0; i < count; i++) {
                if (!(reports[i].events & POLLIN) || seen[reports[i].token] == round)
                    continue;
                seen[reports[i].token] = round;
                unseen--;
                eventfd_t value;
                eventfd_read(fds[reports[i].token], &value);
            }
        }
    }
    hub->class->close(hub);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

TEST(uring_U9_enter_may_fail_for_a_moment)
{
    static const int errors[] = {-EINTR, -EAGAIN, -EBUSY, -ETIME, -EBADR};
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        eventfd_t value;
        one_error = errors[i];
        CHECK_GE(hub->class->poll(hub, 1000, reports, 16), 0);
        CHECK_EQ(one_error, 0);
        eventfd_read(fd, &value);
        settle(hub);
        eventfd_write(fd, 1);
        wait_in(hub, 7);
    }
    one_error = -EBADF;
    CHECK_EQ(hub->class->poll(hub, 1000, reports, 16), -EBADF);
    hub->class->disarm(hub, fd, 7);
    close(fd);
    hub->class->close(hub);
}

/* The kernel dropped a completion: what is ready is found again, though no new edge comes. */
TEST(uring_U8_a_dropped_completion_renews_all_polls)
{
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    eventfd_write(fd, 1);
    wait_in(hub, 7);
    settle(hub);
    one_error = -EBADR;
    CHECK_EQ(hub->class->poll(hub, 1000, reports, 16), 0);
    wait_in(hub, 7);
    hub->class->disarm(hub, fd, 7);
    close(fd);
    hub->class->close(hub);
}

TEST(uring_U13_a_poll_that_ended_silently_is_put_back)
{
    hark__hub *hub = open_ring();
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    settle(hub);
    for (int i = 0; i < 10; i++) {
        eventfd_t value;
        eventfd_write(fd, 1);
        end_multishots = true;
        wait_in(hub, 7);
        end_multishots = false;
        eventfd_read(fd, &value);
        settle(hub);
    }
    hub->class->disarm(hub, fd, 7);
    close(fd);
    hub->class->close(hub);
}

/* U14: completions of the old poll come after its descriptor was armed anew. */
TEST(uring_U14_late_completions_of_an_old_poll_are_dropped)
{
    hark__hub *hub = open_ring();
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (uint64_t token = 1; token < 300; token++) {
        CHECK_EQ(hub->class->arm(hub, fd, POLLIN, token), 0);
        eventfd_write(fd, 1); /* a completion of this poll waits in the kernel */
        if (token % 3)
            wait_in(hub, token);
        if (token % 2)
            CHECK_EQ(hub->class->disarm(hub, fd, token), 0);
    }
    hub->class->close(hub);
    close(fd);
}

static void works_with(unsigned flags, unsigned expected)
{
    hark__hub *hub;
    known = flags;
    hark__sys.uring_setup = old_setup;
    CHECK_EQ(hark__hub_open(&hub, "uring"), 0);
    CHECK_EQ(settled, expected);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    for (int i = 0; i < 5; i++) {
        eventfd_t value;
        settle(hub);
        eventfd_write(fd, 1);
        wait_in(hub, 7);
        eventfd_read(fd, &value);
    }
    CHECK_EQ(hub->class->disarm(hub, fd, 7), 0);
    eventfd_write(fd, 1);
    settle(hub);
    close(fd);
    hub->class->close(hub);
}

TEST(uring_U5_older_kernels_are_met_one_step_down_at_a_time)
{
    hark__hub *hub = open_ring();
    hub->class->close(hub);
    unsigned coop = 1U << 7 | 1U << 8 | 1U << 9;
    unsigned defer = 1U << 7 | 1U << 9 | 1U << 12 | 1U << 13;
    works_with(coop | defer, defer);
    works_with(coop, coop);
    works_with(1U << 7, 1U << 7);
    works_with(0, 0);
}

TEST(uring_U5_a_kernel_without_multishot_polls_is_refused_with_words)
{
    hark__hub *hub = open_ring();
    hub->class->close(hub);
    known = ~0U;
    hidden = IORING_FEAT_RSRC_TAGS;
    hark__sys.uring_setup = old_setup;
    CHECK_EQ(hark__hub_open(&hub, "uring"), -EOPNOTSUPP);
    CHECK_HAS(hark__hub_refusal(), "multishot");
}

/* ETIME, EBUSY and a full queue at once: the removal stays queued and goes with the next wait. */
TEST(uring_U15_a_removal_that_could_not_be_submitted_goes_with_the_next_wait)
{
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    int fds[2];
    char c;
    CHECK_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(hub->class->arm(hub, fds[1], POLLIN, 7), 0);
    settle(hub);
    one_error = -EBUSY;
    CHECK_EQ(hub->class->disarm(hub, fds[1], 7), 0);
    close(fds[1]);
    hub->class->poll(hub, 0, reports, 16);
    CHECK_EQ(read(fds[0], &c, 1), 0);
    close(fds[0]);
    hub->class->close(hub);
}

/* ---- operations ------------------------------------------------------------------------------ */

static int told; /* operations that have ended */

static void count_one(struct hark__operation *op)
{
    (void)op;
    told++;
}

static struct hark__operation operation(int work, int fd, void *buffer, size_t size)
{
    return (struct hark__operation){
        .work = (uint8_t)work, .fd = fd, .buffer = buffer, .size = size, .ended = count_one};
}

static void await_ends(hark__hub *hub, int count)
{
    struct hark__report reports[16];
    while (told < count) {
        CHECK_GE(hub->class->poll(hub, -1, reports, 16), 0);
        hark__hub_tell(hub);
    }
    CHECK_EQ(told, count);
}

TEST(uring_H7_operations_end_once_with_the_kernels_answer)
{
    hark__hub *hub = open_ring();
    char byte = 'x', got = 0;
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    struct hark__operation read_op = operation(HARK__READ, fds[0], &got, 1);
    struct hark__operation write_op = operation(HARK__WRITE, fds[1], &byte, 1);
    struct hark__operation bad_op = operation(HARK__READ, -1, &got, 1);
    struct hark__operation open_op = {.work = HARK__OPEN, .path = "/none/at/all", .ended = count_one};
    CHECK_EQ(hub->class->submit(hub, &read_op), 0);
    CHECK_EQ(hub->class->submit(hub, &bad_op), 0);
    CHECK_EQ(hub->class->submit(hub, &open_op), 0);
    await_ends(hub, 2);
    CHECK_EQ(bad_op.result, -EBADF);
    CHECK_EQ(open_op.result, -ENOENT);
    CHECK_EQ(hub->class->submit(hub, &write_op), 0);
    await_ends(hub, 4);
    CHECK_EQ(write_op.result, 1);
    CHECK_EQ(read_op.result, 1);
    CHECK_EQ(got, 'x');
    settle(hub);
    CHECK(!hub->ended);
    hub->class->close(hub);
    close(fds[0]);
    close(fds[1]);
}

TEST(uring_H9_close_ends_what_nobody_has_cancelled_yet)
{
    hark__hub *hub = open_ring();
    struct hark__operation ops[3];
    char got[3];
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    for (int i = 0; i < 3; i++) {
        ops[i] = operation(HARK__READ, fds[0], &got[i], 1);
        CHECK_EQ(hub->class->submit(hub, &ops[i]), 0);
    }
    hub->class->cancel(hub, &ops[0]);
    hub->class->close(hub); /* else it waits for a byte that never comes */
    close(fds[0]);
    close(fds[1]);
}

TEST(uring_U10_a_cancelled_operation_still_ends_once)
{
    hark__hub *hub = open_ring();
    char got = 0;
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    struct hark__operation op = operation(HARK__READ, fds[0], &got, 1);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    settle(hub);
    CHECK_EQ(told, 0);
    hub->class->cancel(hub, &op); /* it waits */
    await_ends(hub, 1);
    CHECK_EQ(op.result, -ECANCELED);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    hub->class->cancel(hub, &op); /* not yet with the kernel */
    hub->class->cancel(hub, &op);
    await_ends(hub, 2);
    CHECK_EQ(op.result, -ECANCELED);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    settle(hub);
    CHECK_EQ(write(fds[1], "x", 1), 1); /* it is there, and not yet told */
    hub->class->cancel(hub, &op);
    await_ends(hub, 3);
    CHECK(op.result == 1 || op.result == -ECANCELED);
    settle(hub);
    CHECK_EQ(told, 3);
    hub->class->close(hub);
    close(fds[0]);
    close(fds[1]);
}

TEST(uring_U12_closing_waits_for_what_is_under_way)
{
    enum { COUNT = 10 };
    static struct hark__operation ops[COUNT];
    hark__hub *hub = open_ring();
    char *room = malloc(COUNT);
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    for (int i = 0; i < COUNT; i++) {
        ops[i] = operation(HARK__READ, fds[0], room + i, 1);
        CHECK_EQ(hub->class->submit(hub, &ops[i]), 0);
        if (i == COUNT / 2)
            settle(hub);
    }
    hub->class->close(hub);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(ops[i].result, -ECANCELED);
    memset(room, 'y', COUNT); /* ours again: nobody writes there any more */
    CHECK_EQ(write(fds[1], "xxxxxxxxxx", COUNT), COUNT);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(room[i], 'y');
    free(room);
    CHECK_EQ(told, 0);
    close(fds[0]);
    close(fds[1]);
}

/* Far more than either queue has room for, none fetched in between. */
TEST_TIMEOUT(uring_U7_more_operations_than_the_queues_hold, 30)
{
    enum { COUNT = 5000 };
    static struct hark__operation ops[COUNT];
    static char bytes[COUNT];
    hark__hub *hub = open_ring();
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < COUNT; i++) {
        ops[i] = operation(HARK__READ, fd, &bytes[i], 1);
        CHECK_EQ(hub->class->submit(hub, &ops[i]), 0);
    }
    await_ends(hub, COUNT);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(bytes[i], 0x7f);
    settle(hub);
    hub->class->close(hub);
    close(fd);
}

/* Polls and operations in one ring: neither is mistaken for the other. */
TEST(uring_U14_operations_and_polls_do_not_mix)
{
    hark__hub *hub = open_ring();
    struct hark__operation op;
    char got;
    int fds[2], fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN, 7), 0);
    settle(hub);
    for (int i = 1; i <= 100; i++) {
        eventfd_t value;
        op = operation(HARK__READ, fds[0], &got, 1);
        CHECK_EQ(hub->class->submit(hub, &op), 0);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        eventfd_write(fd, 1);
        wait_in(hub, 7);
        hark__hub_tell(hub);
        await_ends(hub, i);
        eventfd_read(fd, &value);
    }
    hub->class->disarm(hub, fd, 7);
    hub->class->close(hub);
    close(fd);
    close(fds[0]);
    close(fds[1]);
}

/* The ring is replaced (R7): what it had is waited for, and told. */
TEST(uring_H7_asking_for_the_descriptor_loses_no_operation)
{
    hark__hub *hub = open_ring();
    char byte;
    int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct hark__operation op = operation(HARK__READ, exe, &byte, 1);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    int fd = hub->class->fd(hub);
    CHECK_GE(fd, 0);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    await_ends(hub, 1);
    CHECK_EQ(op.result, 1);
    CHECK_EQ(hub->class->submit(hub, &op), 0); /* submitted at once: the host may sleep now */
    CHECK_EQ(poll(&poller, 1, 5000), 1);
    await_ends(hub, 2);
    hub->class->close(hub);
    close(exe);
}

static uint64_t few_opcodes(struct io_uring *ring)
{
    return real.uring_opcodes(ring) & ~((uint64_t)1 << IORING_OP_MKDIRAT);
}

TEST(uring_U5_an_operation_that_the_kernel_does_not_know_is_refused)
{
    hark__hub *hub = open_ring();
    char byte;
    int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct hark__operation op = {.work = HARK__MKDIR, .path = "/none/a", .ended = count_one};
    hark__sys.uring_opcodes = few_opcodes;
    CHECK_EQ(hub->class->submit(hub, &op), -EOPNOTSUPP);
    op = operation(HARK__READ, exe, &byte, 1);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    await_ends(hub, 1);
    op.work = HARK__WORKS;
    CHECK_EQ(hub->class->submit(hub, &op), -EOPNOTSUPP);
    hub->class->close(hub);
    close(exe);
}

/* The kernel says that it dropped completions, and counts them: one may have been an operation's. */
TEST(uring_U8_a_dropped_operation_is_fatal_and_a_rumour_is_not)
{
    hark__hub *hub = open_ring();
    struct hark__report reports[16];
    char got;
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    struct hark__operation op = operation(HARK__READ, fds[0], &got, 1);
    CHECK_EQ(hub->class->submit(hub, &op), 0);
    one_error = -EBADR;
    CHECK_EQ(hub->class->poll(hub, 1000, reports, 16), 0);
    one_error = -EBADR;
    drops = 1;
    CHECK_EQ(hub->class->poll(hub, 1000, reports, 16), -EBADR);
    hub->class->cancel(hub, &op);
    await_ends(hub, 1);
    one_error = -EBADR; /* nothing is under way: nothing can be lost but polls */
    CHECK_EQ(hub->class->poll(hub, 1000, reports, 16), 0);
    hub->class->close(hub);
    close(fds[0]);
    close(fds[1]);
}

/* Its buffer is the memory of a process that is no more. */
TEST(uring_U20_a_process_can_end_with_operations_under_way)
{
    int fds[2], status;
    char byte;
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    for (int way = 0; way < 2; way++) {
        pid_t child = fork();
        if (child == 0) {
            hark__hub *hub = open_ring();
            struct hark__operation op = operation(HARK__READ, fds[0], &byte, 1);
            hub->class->submit(hub, &op);
            settle(hub);
            if (way == 0)
                _exit(7);
            execl("/bin/sh", "sh", "-c", "exit 7", NULL);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(WEXITSTATUS(status), 7);
    }
    CHECK_EQ(write(fds[1], "x", 1), 1); /* nobody has taken it away */
    CHECK_EQ(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    close(fds[1]);
}

TEST(uring_U25_the_ring_is_closed_on_exec)
{
    hark__hub *hub = open_ring();
    CHECK(fcntl(hub->class->fd(hub), F_GETFD) & FD_CLOEXEC);
    hub->class->close(hub);
}

#else
typedef int uring_test_has_nothing_to_test;
#endif
