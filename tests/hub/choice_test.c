/* SPDX-License-Identifier: MIT
 *
 * choice_test.c - which hub is opened, and what is said when one is refused.
 */
#include "base/sys.h"
#include "hub/hub.h"
#include "kit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int failure, calls;

static int fail_epoll_create1(int flags)
{
    (void)flags;
    calls++;
    errno = failure;
    return -1;
}

static int fail_setup(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    (void)entries, (void)ring, (void)params;
    calls++;
    return -failure;
}

static void expect(const char *asked, const char *got)
{
    hark__hub *hub = NULL;
    CHECK_EQ(hark__hub_open(&hub, asked), 0);
    CHECK_STR(hub->class->name, got);
    hub->class->close(hub);
}

static void expect_refusal(const char *asked, int code, const char *word)
{
    hark__hub *hub = NULL;
    CHECK_EQ(hark__hub_open(&hub, asked), code);
    CHECK_PTR(hub, NULL);
    CHECK_HAS(hark__hub_refusal(), word);
}

TEST(choice_of_an_unknown_name_is_EINVAL)
{
    expect_refusal("kqueue", -EINVAL, "\"epoll\"");
    expect_refusal("", -EINVAL, "no hub has this name");
    setenv("HARK_HUB", "EPOLL", 1);
    expect_refusal(NULL, -EINVAL, "no hub has this name");
}

TEST(choice_a_name_goes_before_the_environment)
{
    setenv("HARK_HUB", "poll", 1);
    expect(NULL, "poll");
    expect("select", "select");
    expect("sim", "sim");
    expect("epoll", "epoll");
    CHECK_STR(hark__hub_refusal(), "");
}

TEST(choice_no_ring_call_unless_the_ring_is_meant)
{
    static const char *const names[] = {"epoll", "poll", "select"};
    hark__sys.uring_setup = fail_setup;
    failure = ENOSYS;
    for (int i = 0; i < 3; i++) {
        expect(names[i], names[i]);
        setenv("HARK_HUB", names[i], 1);
        expect(NULL, names[i]);
    }
    CHECK_EQ(calls, 0);
}

TEST(choice_F6_epoll_says_what_it_lacks)
{
    static const struct {
        int error, code;
        const char *word;
    } cases[] = {{EMFILE, -EMFILE, "EMFILE"},   {ENFILE, -EMFILE, "ENFILE"},
                 {ENOMEM, -ENOMEM, "ENOMEM"},   {ENOSYS, -EOPNOTSUPP, "ENOSYS"},
                 {EPERM, -EOPNOTSUPP, "EPERM"}, {EIO, -EOPNOTSUPP, "epoll_create1"}};
    hark__sys.epoll_create1 = fail_epoll_create1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        failure = cases[i].error;
        expect_refusal("epoll", cases[i].code, cases[i].word);
    }
}

TEST(choice_no_memory_for_any_hub_is_ENOMEM)
{
    static const char *const names[] = {"epoll", "poll", "select", "sim"};
    struct hark__memory real = hark__memory;
    hark__memory.allocate = kit_no_memory;
    for (int i = 0; i < 4; i++)
        expect_refusal(names[i], -ENOMEM, "ENOMEM");
    hark__memory = real;
}

TEST(choice_auto_takes_what_there_is)
{
    unsetenv("HARK_HUB");
    hark__sys.uring_setup = fail_setup;
    for (int i = 0; i < 4; i++) {
        failure = (int[]){ENOSYS, EPERM, EMFILE, ENOMEM}[i];
        expect(NULL, "epoll");
    }
    hark__sys.epoll_create1 = fail_epoll_create1;
    failure = EPERM;
    expect(NULL, "poll");
    setenv("HARK_HUB", "", 1);
    expect(NULL, "poll");
    expect("auto", "poll");
    failure = EMFILE;
    expect_refusal(NULL, -EMFILE, "EMFILE");
}

/* ---- real filters ---------------------------------------------------------------------------- */

/* The three calls of io_uring get `action`, all others pass. */
static void filter_rings(uint32_t action)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, action),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        SKIP("no seccomp filters here");
}

TEST(choice_U2_a_sandbox_that_forbids_rings_gets_epoll)
{
    unsetenv("HARK_HUB");
    filter_rings(SECCOMP_RET_ERRNO | EPERM);
    expect(NULL, "epoll");
}

TEST(choice_U1_a_kernel_without_rings_gets_epoll)
{
    unsetenv("HARK_HUB");
    filter_rings(SECCOMP_RET_ERRNO | ENOSYS);
    expect(NULL, "epoll");
}

TEST(choice_U3_HARK_HUB_saves_a_process_whose_sandbox_kills)
{
    static const char *const names[] = {"epoll", "poll", "select"};
    struct hark__report report;
    int fds[2];
    filter_rings(SECCOMP_RET_KILL_PROCESS);
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 3; i++) {
        hark__hub *hub;
        setenv("HARK_HUB", names[i], 1);
        CHECK_EQ(hark__hub_open(&hub, NULL), 0);
        CHECK_EQ(hub->class->arm(hub, fds[0], POLLIN, 7), 0);
        CHECK_EQ(hub->class->poll(hub, -1, &report, 1), 1);
        CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
        hub->class->close(hub);
    }
    close(fds[0]);
    close(fds[1]);
}

#ifdef HARK_HAVE_LIBURING

/* There the ring is refused before it is tried. */
static void not_in_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded && strstr(preloaded, "/vgpreload_"))
        SKIP("valgrind does not get a ring");
}

/* The same filter kills whoever asks for the ring: the test before this one does see something. */
TEST_DIES(choice_U3_the_filter_of_that_test_kills, SIGSYS, "asking")
{
    hark__hub *hub;
    not_in_valgrind();
    filter_rings(SECCOMP_RET_KILL_PROCESS);
    fprintf(stderr, "asking\n");
    hark__hub_open(&hub, "uring");
}

TEST(choice_U1_a_kernel_without_rings_is_named_as_the_reason)
{
    not_in_valgrind();
    filter_rings(SECCOMP_RET_ERRNO | ENOSYS);
    expect_refusal("uring", -EOPNOTSUPP, "io_uring_setup: ENOSYS");
}

TEST(choice_U2_a_sandbox_that_forbids_rings_is_named_as_the_reason)
{
    not_in_valgrind();
    filter_rings(SECCOMP_RET_ERRNO | EPERM);
    expect_refusal("uring", -EOPNOTSUPP, "io_uring_setup: EPERM");
}

TEST(choice_U4_the_ring_says_what_it_lacks)
{
    static const struct {
        int error, code;
        const char *word;
    } cases[] = {{EMFILE, -EMFILE, "EMFILE"},   {ENFILE, -EMFILE, "ENFILE"},
                 {ENOMEM, -ENOMEM, "ENOMEM"},   {ENOSYS, -EOPNOTSUPP, "ENOSYS"},
                 {EPERM, -EOPNOTSUPP, "EPERM"}, {EINVAL, -EOPNOTSUPP, "io_uring_setup"}};
    not_in_valgrind();
    hark__sys.uring_setup = fail_setup;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        failure = cases[i].error;
        expect_refusal("uring", cases[i].code, cases[i].word);
    }
}

TEST(choice_U4_no_descriptor_left_is_EMFILE_and_nothing_leaks)
{
    struct rlimit limit, none;
    not_in_valgrind();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_refusal("uring", -EMFILE, "EMFILE");
    expect_refusal("epoll", -EMFILE, "EMFILE");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Only the variable is read; what it names need not exist. */
TEST(choice_valgrind_gets_epoll)
{
    unsetenv("HARK_HUB");
    setenv("LD_PRELOAD", "/usr/libexec/valgrind/vgpreload_core-amd64-linux.so", 1);
    expect(NULL, "epoll");
    expect_refusal("uring", -EOPNOTSUPP, "valgrind");
}

#else

TEST(choice_a_build_without_liburing_says_so)
{
    expect_refusal("uring", -EOPNOTSUPP, "liburing");
}

#endif
