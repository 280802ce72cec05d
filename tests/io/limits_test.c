/* SPDX-License-Identifier: MIT
 *
 * limits_test.c - descriptors in large numbers, sizes beyond what one call moves, a peer that has
 * fallen silent.
 */
#include "wire.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>

static int ends[2];

/* ---- many ------------------------------------------------------------------------------------ */

static hark_watch *watches;
static int called;

static void count_and_stop(void *watch)
{
    called++;
    CHECK_EQ(hark_unwatch(watch), 0);
}

/* As many as the process may have, at most 20,000. */
static int raise_limit(int wanted)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur < (rlim_t)wanted + 64 ? (int)limit.rlim_cur - 64 : wanted;
}

ON_WIRE(limits_F15_20000_descriptors_are_waited_for_at_once)
{
    /* closing one of many is slow in a ring: the kernel looks for its poll among all */
    const bool ring = strcmp(getenv("HARK_HUB"), "uring") == 0;
    const int many = raise_limit((ring ? 4000 : 20000) / kit_slow());
    if (strcmp(getenv("HARK_HUB"), "select") == 0) {
        SKIP("select has numbers below 1024 only, and says so");
    }
    if (many < 2000 / kit_slow()) {
        SKIP("this process may not have so many descriptors");
    }
    int *fds = calloc((size_t)many, sizeof *fds);
    watches = calloc((size_t)many, sizeof *watches);
    wire(PIPE, ends);
    for (int i = 0; i < many; i++) {
        fds[i] = dup(ends[0]);
        CHECK_GE(fds[i], 0);
        CHECK_EQ(hark_add_reader(fds[i], &watches[i], count_and_stop, &watches[i]), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(called, 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    while (called < many) {
        CHECK_EQ(hark_sleep(HARK_US(100)), 0);
    }
    CHECK_EQ(called, many);
    for (int i = 0; i < many; i++) {
        CHECK_EQ(hark_close(fds[i]), 0);
    }
    unwire(ends);
    free(fds);
    free(watches);
}

/* F11: of two copies one is closed while both are waited for. */
static int wait_for(void *fd)
{
    kit_log("%s", outcome(hark_wait_fd(*(int *)fd, POLLIN) > 0 ? 0 : -EBADF));
    return 0;
}

ON_WIRE(limits_F11_a_copy_goes_on_when_the_other_is_closed)
{
    wire(PIPE, ends);
    int copy = dup(ends[0]);
    const hark_task other = hark_go(&group, wait_for, &copy);
    const hark_task closed = hark_go(&group, wait_for, &ends[0]);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_task_wait(closed), 0);
    CHECK_LOG("EBADF");
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_task_wait(other), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_close(copy), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* ---- large ----------------------------------------------------------------------------------- */

ON_WIRE(limits_N18_more_than_one_call_can_move_is_moved_in_part)
{
    const size_t size = (size_t)3 << 30; /* more than 2 GiB; nothing of it is ever touched */
    char byte[8];
    char *huge =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (huge == MAP_FAILED) {
        SKIP("no room for 3 GiB of addresses");
    }
    for (enum transport t = TCP; t < TRANSPORTS; t++) {
        wire(t, ends);
        CHECK_EQ(hark_write(ends[1], "abc", 3), 3);
        CHECK_EQ(hark_read(ends[0], huge, size), 3);
        CHECK_EQ(memcmp(huge, "abc", 3), 0);
        const ssize_t n = hark_write(ends[1], huge, size);
        CHECK_GT(n, 0);
        CHECK_LT(n, (ssize_t)size);
        CHECK_EQ(hark_read(ends[0], byte, 3), 3);
        CHECK_EQ(memcmp(byte, "abc", 3), 0);
        unwire(ends);
    }
    CHECK_EQ(munmap(huge, size), 0);
}

/* ---- silent ---------------------------------------------------------------------------------- */

/* lo of a network of our own; < 0: not allowed. */
static int set_lo(int fd, bool up)
{
    struct ifreq lo = {.ifr_name = "lo"};
    lo.ifr_flags = up ? IFF_UP | IFF_RUNNING : 0;
    return ioctl(fd, SIOCSIFFLAGS, &lo);
}

ON_WIRE(limits_N21_a_peer_that_cannot_answer_is_given_up)
{
    int timeout = 1;
    char byte;
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        SKIP("no network of our own here");
    }
    const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0 || set_lo(control, true) < 0) {
        SKIP("its interface cannot be set");
    }
    wire(TCP, ends);
    CHECK_EQ(setsockopt(ends[1], IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout), 0);
    CHECK_EQ(set_lo(control, false), 0); /* from now on everything is lost */
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    const int64_t rc = hark_within(HARK_S(5), hark_read(ends[1], &byte, 1));
    CHECK(rc == -ETIMEDOUT || rc == -ENETUNREACH || rc == -EHOSTUNREACH);
    CHECK_HAS(hark_error_last(), "hark_read"); /* the kernel's time-out, not the scope's */
    unwire(ends);
    CHECK_EQ(close(control), 0);
}
