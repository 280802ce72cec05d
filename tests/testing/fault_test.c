/* SPDX-License-Identifier: MIT
 *
 * fault_test.c - the fault engine: every error can be put in, at the place that was asked for, and
 * nowhere else; and a first sweep with it over the whole library.
 *
 * Idea     The first half calls the entries of the tables itself. The second runs three tolerant
 *          scenarios, each once for every place and every variant, on every hub: whatever fails, a
 *          run ends with success or with an error that has words, and leaves nothing behind.
 * Rules    1  A scenario hands each error on, and closes what it has opened all the same.
 *          2  Each sweep proves that its faults were put in; a run that hangs is told by its fault.
 */
#include "../io/wire.h"

#include "testing/fault.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#ifdef HARK_HAVE_LIBURING
#include <liburing.h>
#endif

size_t hark__census_count(void);

static const char *words_of(const struct hark__fault *fault)
{
    static char bytes[160];
    struct hark__text text;
    hark__text_to_string(&text, bytes, sizeof bytes);
    hark__fault_words(fault, &text);
    return bytes;
}

static const char *words(enum hark__fault_kind kind, uint32_t place, uint32_t variant)
{
    const struct hark__fault fault = {kind, place, variant};
    return words_of(&fault);
}

static void arm(enum hark__fault_kind kind, uint32_t place, uint32_t variant)
{
    const struct hark__fault fault = {kind, place, variant};
    hark__fault_begin(&fault);
}

/* ---- installing ------------------------------------------------------------------------------ */

TEST(fault_uninstalling_restores_both_tables)
{
    const struct hark__sys before = hark__sys;
    const struct hark__memory memory = hark__memory;
    hark__fault_uninstall();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark__fault_install(), 0);
        CHECK_EQ(hark__fault_install(), -EBUSY);
        CHECK(hark__sys.read != before.read && hark__memory.allocate != memory.allocate);
        hark__fault_uninstall();
        CHECK_EQ(memcmp(&hark__sys, &before, sizeof before), 0);
        CHECK_EQ(memcmp(&hark__memory, &memory, sizeof memory), 0);
    }
}

static int closed_by_test;

static int counting_close(int fd)
{
    closed_by_test++;
    return close(fd);
}

TEST(fault_what_was_there_before_is_wrapped_and_comes_back)
{
    hark__sys.close = counting_close;
    CHECK_EQ(hark__fault_install(), 0);
    CHECK_EQ(hark__sys.close(dup(0)), 0);
    CHECK_EQ(closed_by_test, 1);
    hark__fault_uninstall();
    CHECK(hark__sys.close == counting_close);
    hark__sys.close = close;
}

TEST(fault_no_memory_to_install_is_told)
{
    const struct hark__memory before = hark__memory;
    const struct hark__sys calls = hark__sys;
    hark__memory.allocate = kit_no_memory;
    CHECK_EQ(hark__fault_install(), -ENOMEM);
    CHECK_EQ(memcmp(&hark__sys, &calls, sizeof calls), 0);
    hark__memory = before;
}

/* ---- system calls ---------------------------------------------------------------------------- */

static int udp = -1, pair[2];
static const struct sockaddr_in nobody = {.sin_family = AF_INET};
static struct sockaddr_in here = {.sin_family = AF_INET};
static char byte;
static struct iovec part = {&byte, 1};
static const struct timespec at_once;

static void *end_at_once(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t thread;
    const int error = hark__sys.thread_start(&thread, NULL, end_at_once, NULL);
    return error ? error : pthread_join(thread, NULL);
}

static int try_name(void)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    errno = 0;
    const int error = hark__sys.getaddrinfo("127.0.0.1", NULL, &hints, &list);
    CHECK_EQ(errno, error == EAI_SYSTEM ? EMFILE : 0);
    if (!error) {
        hark__sys.freeaddrinfo(list);
    }
    return error;
}

static int try_map(void)
{
    void *map = hark__sys.mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int error = map == MAP_FAILED ? errno : 0;
    CHECK(map != NULL);
    if (!error) {
        CHECK_EQ(munmap(map, 4096), 0);
    }
    return error;
}

/* What is made without a fault is given back. */
static int made(int fd)
{
    const int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        CHECK_EQ(close(fd), 0);
    }
    return error;
}

static int made_two(int result, const int fds[2])
{
    const int error = result < 0 ? errno : 0;
    if (!error) {
        CHECK_EQ(close(fds[0]), 0);
        CHECK_EQ(close(fds[1]), 0);
    }
    return error;
}

static int try_socketpair(void)
{
    int fds[2];
    return made_two(hark__sys.socketpair(AF_UNIX, SOCK_STREAM, 0, fds), fds);
}

static int try_pipe(void)
{
    int fds[2];
    return made_two(hark__sys.pipe2(fds, 0), fds);
}

static int try_add(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    const int epoll = epoll_create1(0);
    const int result = hark__sys.epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
    const int error = result < 0 ? errno : 0;
    close(epoll);
    return error;
}

static int try_alternate(void)
{
    static char stack[1 << 17];
    const stack_t ours = {.ss_sp = stack, .ss_size = sizeof stack}, none = {.ss_flags = SS_DISABLE};
    const int error = hark__sys.sigaltstack(&ours, NULL) < 0 ? errno : 0;
    CHECK_EQ(sigaltstack(&none, NULL), 0);
    return error;
}

/* The names of all errors that it can fail with, in order: put in one by one. */
static const char *errors_of(int (*attempt)(void), const char *name_of(int))
{
    static char names[256];
    size_t used = 0;
    names[0] = '\0';
    hark__fault_begin(NULL);
    attempt();
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 1);
    const uint32_t variants = hark__fault_variants(HARK__FAULT_SYSTEM, 0);
    CHECK_GT(variants, 0);
    for (uint32_t variant = 0; variant < variants; variant++) {
        arm(HARK__FAULT_SYSTEM, 0, variant);
        const int error = attempt();
        CHECK(hark__fault_end());
        const char *name = name_of(error);
        CHECK_HAS(words(HARK__FAULT_SYSTEM, 0, variant), name);
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", name);
        CHECK_LT(used, sizeof names);
    }
    arm(HARK__FAULT_SYSTEM, 0, variants); /* there is no such one */
    attempt();
    CHECK(!hark__fault_end());
    return names;
}

static const char *errno_name(int error)
{
    const char *name = strerrorname_np(error);
    return name && error ? name : "?";
}

static const char *name_name(int error)
{
    switch (error) {
    case EAI_ADDRFAMILY: return "EAI_ADDRFAMILY";
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_MEMORY: return "EAI_MEMORY";
    case EAI_NODATA: return "EAI_NODATA";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_SERVICE: return "EAI_SERVICE";
    case EAI_SYSTEM: return "EAI_SYSTEM";
    default: return "?";
    }
}

/* Calls whose arguments do not matter, for they fail or do nothing. */
#define ATTEMPT(name, arguments) \
    static int try_##name(void) \
    { \
        return hark__sys.name arguments < 0 ? errno : 0; \
    }
ATTEMPT(accept4, (-1, NULL, NULL, 0))
ATTEMPT(bind, (-1, (const struct sockaddr *)&nobody, sizeof nobody))
ATTEMPT(clock_gettime, (CLOCK_MONOTONIC, &(struct timespec){0, 0}))
ATTEMPT(close, (dup(0)))
ATTEMPT(connect, (udp, (const struct sockaddr *)&here, sizeof here))
ATTEMPT(epoll_pwait2, (-1, &(struct epoll_event){0}, 1, &at_once, NULL))
ATTEMPT(epoll_wait, (-1, &(struct epoll_event){0}, 1, 0))
ATTEMPT(fcntl_int, (pair[0], F_SETFL, O_NONBLOCK))
ATTEMPT(fstat, (pair[0], &(struct stat){0}))
ATTEMPT(getsockname, (-1, NULL, NULL))
ATTEMPT(getsockopt, (-1, SOL_SOCKET, SO_ERROR, NULL, NULL))
ATTEMPT(listen, (-1, 1))
ATTEMPT(madvise, (NULL, 0, MADV_NORMAL))
ATTEMPT(mprotect, (NULL, 0, PROT_READ))
ATTEMPT(poll, (NULL, 0, 0))
ATTEMPT(ppoll, (NULL, 0, &at_once, NULL))
ATTEMPT(preadv2, (-1, &part, 1, -1, 0))
ATTEMPT(process_madvise, (NULL, 0, MADV_COLD))
ATTEMPT(pselect, (0, NULL, NULL, NULL, &at_once, NULL))
ATTEMPT(pwritev2, (-1, &part, 1, -1, 0))
ATTEMPT(read, (-1, &byte, 1))
ATTEMPT(recv, (-1, &byte, 1, 0))
ATTEMPT(send, (-1, &byte, 1, MSG_NOSIGNAL))
ATTEMPT(setsockopt, (-1, SOL_SOCKET, SO_REUSEADDR, NULL, 0))
ATTEMPT(unlink, (""))
ATTEMPT(write, (-1, &byte, 1))

static int try_epoll_create1(void)
{
    return made(hark__sys.epoll_create1(0));
}

static int try_eventfd(void)
{
    return made(hark__sys.eventfd(0, 0));
}

static int try_open(void)
{
    return made(hark__sys.open("/", O_RDONLY, 0));
}

static int try_socket(void)
{
    return made(hark__sys.socket(AF_UNIX, SOCK_STREAM, 0));
}

static const struct {
    int (*attempt)(void);
    const char *errors;
} entries[] = {
    {try_accept4, "EINTR EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EPERM EPROTO ENETDOWN "
                  "ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH"},
    {try_bind, "EACCES EADDRINUSE EADDRNOTAVAIL ENOMEM EROFS"},
    {try_clock_gettime, "EINVAL"},
    {try_close, "EINTR EIO ENOSPC EDQUOT"},
    {try_connect, "EINTR EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN ECONNREFUSED "
                  "EHOSTUNREACH ENETUNREACH ENOBUFS EPERM ETIMEDOUT"},
    {try_epoll_create1, "EMFILE ENFILE ENOMEM EPERM ENOSYS"},
    {try_add, "ENOMEM ENOSPC"},
    {try_epoll_pwait2, "EINTR ENOSYS EPERM"},
    {try_epoll_wait, "EINTR"},
    {try_eventfd, "EMFILE ENFILE ENODEV ENOMEM"},
    {try_fcntl_int, "EPERM"},
    {try_fstat, "EIO ENOMEM EOVERFLOW"},
    {try_getsockname, "ENOBUFS"},
    {try_getsockopt, "EACCES ENOBUFS"},
    {try_listen, "EADDRINUSE"},
    {try_madvise, "EAGAIN EINVAL ENOMEM"},
    {try_map, "EAGAIN ENOMEM"},
    {try_mprotect, "EACCES ENOMEM"},
    {try_open, "EINTR EACCES ELOOP EMFILE ENFILE ENOENT ENOMEM EPERM"},
    {try_pipe, "EMFILE ENFILE"},
    {try_poll, "EINTR ENOMEM"},
    {try_ppoll, "EINTR ENOMEM"},
    {try_preadv2, "EINTR EIO ENOSYS EOPNOTSUPP"},
    {try_process_madvise, "EINTR EINVAL ENOMEM ENOSYS EPERM"},
    {try_pselect, "EINTR ENOMEM"},
    {try_pwritev2, "EINTR EDQUOT EFBIG EIO ENOSPC ENOSYS EOPNOTSUPP EPIPE"},
    {try_read, "EINTR ECONNRESET EIO"},
    {try_recv, "EINTR ECONNREFUSED ECONNRESET ENOMEM ETIMEDOUT"},
    {try_send, "EINTR EACCES ECONNRESET ENOBUFS ENOMEM EPIPE"},
    {try_setsockopt, "ENOBUFS ENOMEM"},
    {try_alternate, "ENOMEM"},
    {try_socket, "EACCES EAFNOSUPPORT EMFILE ENFILE ENOBUFS ENOMEM"},
    {try_socketpair, "EMFILE ENFILE ENOBUFS ENOMEM"},
    {try_unlink, "EACCES EIO ENOENT ENOMEM EPERM EROFS"},
    {try_write, "EINTR ECONNRESET EDQUOT EFBIG EIO ENOSPC EPIPE"},
    {try_thread, "EAGAIN"},
};

static void open_fixtures(void)
{
    socklen_t length = sizeof here;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(udp, (struct sockaddr *)&here, sizeof here), 0);
    CHECK_EQ(getsockname(udp, (struct sockaddr *)&here, &length), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    CHECK_EQ(hark__fault_install(), 0);
}

static void close_fixtures(void)
{
    hark__fault_uninstall();
    close(udp);
    close(pair[0]);
    close(pair[1]);
}

TEST(fault_each_error_of_each_call_can_be_put_in)
{
    open_fixtures();
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        CHECK_STR(errors_of(entries[i].attempt, errno_name), entries[i].errors);
    }
    CHECK_STR(errors_of(try_name, name_name), "EAI_ADDRFAMILY EAI_AGAIN EAI_FAIL EAI_MEMORY "
                                              "EAI_NODATA EAI_NONAME EAI_SERVICE EAI_SYSTEM");
    close_fixtures();
}

#ifdef HARK_HAVE_LIBURING
static struct io_uring ring;

static int try_uring_setup(void)
{
    struct io_uring other;
    struct io_uring_params params = {0};
    const int error = hark__sys.uring_setup(4, &other, &params);
    if (!error) {
        hark__sys.uring_exit(&other);
    }
    return -error;
}

static int try_uring_enter(void)
{
    const int result = hark__sys.uring_enter(&ring, 0, 0);
    return result < 0 ? -result : 0;
}

TEST(fault_each_error_of_the_ring_can_be_put_in)
{
    struct io_uring_params params = {0};
    if (hark__sys.uring_setup(4, &ring, &params) < 0) {
        SKIP("this kernel refuses io_uring");
    }
    CHECK_EQ(hark__fault_install(), 0);
    CHECK_STR(errors_of(try_uring_setup, errno_name), "EINVAL EMFILE ENFILE ENOMEM ENOSYS EPERM");
    CHECK_STR(errors_of(try_uring_enter, errno_name), "EINTR EAGAIN EBADR EBUSY");
    arm(HARK__FAULT_SPURIOUS, 0, 0);
    CHECK_EQ(hark__sys.uring_enter(&ring, 1, -1), -EINTR);
    CHECK(hark__fault_end());
    arm(HARK__FAULT_SPURIOUS, 0, 1);
    CHECK_EQ(hark__sys.uring_enter(&ring, 1, -1), -ETIME);
    CHECK(hark__fault_end());
    hark__fault_uninstall();
    hark__sys.uring_exit(&ring);
}
#endif

TEST(fault_uses_that_cannot_fail_are_no_places)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct sigaction action;
    stack_t stack;
    open_fixtures();
    const int epoll = epoll_create1(0);
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event), 0);
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hark__fault_begin(NULL);
    CHECK_EQ(hark__sys.epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event), 0);
    CHECK_EQ(hark__sys.epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], &event), 0);
    CHECK_GE(hark__sys.fcntl_int(pair[0], F_GETFL, 0), 0);
    CHECK_EQ(hark__sys.munmap(map, 4096), 0);
    CHECK_EQ(hark__sys.sigaction(SIGUSR1, NULL, &action), 0);
    CHECK_EQ(hark__sys.sigaltstack(NULL, &stack), 0);
    CHECK_EQ(hark__sys.thread_kill(pthread_self(), 0), 0);
    hark__sys.freeaddrinfo(NULL);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 0);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_SYSTEM, 0), 0);
    close(epoll);
    close_fixtures();
}

/* Five calls, and one of them must fail. */
static uint32_t fails_among(int failed[5])
{
    uint32_t count = 0;
    failed[0] = hark__sys.read(pair[0], &byte, 1) < 0 && errno == EIO;
    failed[1] = hark__sys.fstat(pair[0], &(struct stat){0}) < 0;
    failed[2] = hark__sys.read(pair[0], &byte, 1) < 0 && errno == EIO;
    failed[3] = hark__sys.madvise(NULL, 0, MADV_NORMAL) < 0;
    failed[4] = hark__sys.read(pair[0], &byte, 1) < 0 && errno == EIO;
    for (int i = 0; i < 5; i++) {
        count += failed[i];
    }
    return count;
}

TEST(fault_the_place_that_was_asked_for_is_hit_and_no_other)
{
    int failed[5];
    open_fixtures();
    hark__fault_begin(NULL);
    CHECK_EQ(fails_among(failed), 0);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 5);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_SYSTEM, 4), 3);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_SYSTEM, 5), 0);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_NONE, 0), 0);
    for (uint32_t place = 0; place < 5; place++) {
        arm(HARK__FAULT_SYSTEM, place, 2); /* of all three calls, the third error */
        CHECK_EQ(fails_among(failed), 1);
        CHECK(hark__fault_end());
        CHECK_EQ(failed[place], 1);
        CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 5);
    }
    arm(HARK__FAULT_SYSTEM, 5, 0);
    CHECK_EQ(fails_among(failed), 0);
    CHECK(!hark__fault_end());
    CHECK_EQ(fails_among(failed), 0); /* after the end nothing counts */
    CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 5);
    CHECK_STR(words(HARK__FAULT_SYSTEM, 4, 2), "the 3rd call of read fails with EIO");
    CHECK_STR(words(HARK__FAULT_SYSTEM, 1, 0), "the 1st call of fstat fails with EIO");
    CHECK_STR(words(HARK__FAULT_SYSTEM, 21, 0),
              "the 22nd system call that a fault can hit, in way 0");
    CHECK_STR(words(HARK__FAULT_MEMORY, 10, 0), "the 11th allocation fails");
    CHECK_STR(words(HARK__FAULT_MEMORY, 1, 1), "the 2nd allocation and all later ones fail");
    CHECK_STR(words(HARK__FAULT_NONE, 0, 0), "no fault");
    close_fixtures();
}

TEST(fault_a_failing_close_has_closed)
{
    const int fd = dup(0);
    CHECK_EQ(hark__fault_install(), 0);
    hark__fault_begin(NULL);
    CHECK_EQ(hark__sys.close(dup(0)), 0);
    hark__fault_end();
    arm(HARK__FAULT_SYSTEM, 0, 1);
    CHECK_EQ(hark__sys.close(fd), -1);
    CHECK_EQ(errno, EIO);
    CHECK_EQ(fcntl(fd, F_GETFD), -1);
    CHECK(hark__fault_end());
    CHECK_STR(words(HARK__FAULT_SYSTEM, 0, 1), "the 1st call of close closes, but answers EIO");
    hark__fault_uninstall();
}

static void *read_in_a_thread(void *arg)
{
    (void)arg;
    const bool read = hark__sys.read(pair[0], &byte, 1) < 0 && errno == EAGAIN;
    void *memory = hark__memory.allocate(1);
    hark__memory.release(memory);
    return read && memory ? NULL : pair;
}

TEST(fault_other_threads_neither_count_nor_fail)
{
    pthread_t thread;
    void *failed = pair;
    open_fixtures();
    arm(HARK__FAULT_MEMORY, 0, 1);
    CHECK_EQ(pthread_create(&thread, NULL, read_in_a_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, &failed), 0);
    CHECK(!failed);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_MEMORY), 0);
    CHECK_EQ(hark__fault_places(HARK__FAULT_SYSTEM), 0);
    close_fixtures();
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Which of a new block, a resized one and a mapping could not be had: three bits. */
static int lacks(void)
{
    void *block = hark__alloc(8), *resized = hark__realloc(NULL, 0, 8), *map = hark__map(4096);
    const int lacking = (block ? 0 : 1) | (resized ? 0 : 2) | (map ? 0 : 4);
    hark__free(block, 8);
    hark__free(resized, 8);
    hark__unmap(map, 4096);
    return lacking;
}

TEST(fault_memory_fails_once_or_from_there_on)
{
    CHECK_EQ(hark__fault_install(), 0);
    hark__fault_begin(NULL);
    CHECK_EQ(lacks(), 0);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_MEMORY), 3);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_MEMORY, 2), 2);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_MEMORY, 3), 0);
    for (uint32_t place = 0; place < 3; place++) {
        arm(HARK__FAULT_MEMORY, place, 0);
        CHECK_EQ(lacks(), 1 << place);
        CHECK(hark__fault_end());
        arm(HARK__FAULT_MEMORY, place, 1);
        CHECK_EQ(lacks(), 7 & -(1 << place));
        CHECK_EQ(lacks(), 7);
        CHECK(hark__fault_end());
    }
    CHECK_EQ(lacks(), 0);
    hark__fault_uninstall();
}

/* ---- short, interrupted ---------------------------------------------------------------------- */

static void check_moves(ssize_t expected)
{
    char bytes[8] = "abcdefg";
    struct iovec parts[3] = {{bytes, 0}, {bytes, 8}, {bytes, 8}};
    CHECK_EQ(hark__sys.write(pair[1], bytes, 8), expected);
    CHECK_EQ(hark__sys.send(pair[1], bytes, 8, MSG_NOSIGNAL), expected);
    CHECK_EQ(hark__sys.pwritev2(pair[1], parts, 3, -1, 0), expected == 8 ? 16 : expected);
    CHECK_EQ(write(pair[1], bytes, 8), 8);
    CHECK_EQ(hark__sys.read(pair[0], bytes, 8), expected);
    CHECK_EQ(hark__sys.recv(pair[0], bytes, 8, 0), expected);
    CHECK_EQ(hark__sys.preadv2(pair[0], parts, 3, -1, 0), expected == 8 ? 16 : expected);
    char rest[64];
    CHECK_GT(read(pair[0], rest, sizeof rest), 0);
}

TEST(fault_streams_move_a_byte_or_half)
{
    char bytes[8] = "1234567";
    uint64_t count = 7;
    open_fixtures();
    const int event = eventfd(0, EFD_NONBLOCK);
    hark__fault_begin(NULL);
    check_moves(8);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_SHORT), 1);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_SHORT, 0), 2);
    arm(HARK__FAULT_SHORT, 0, 1);
    check_moves(4);
    CHECK(hark__fault_end());
    arm(HARK__FAULT_SHORT, 0, 0);
    check_moves(1);
    /* what is no stream is not cut */
    CHECK_EQ(hark__sys.write(event, &count, 8), 8);
    CHECK_EQ(hark__sys.read(event, &count, 8), 8);
    CHECK_EQ(count, 7);
    CHECK_EQ(connect(udp, (struct sockaddr *)&here, sizeof here), 0);
    CHECK_EQ(hark__sys.send(udp, bytes, 8, 0), 8);
    CHECK_EQ(hark__sys.recv(udp, bytes, 8, 0), 8);
    CHECK(hark__fault_end());
    close(event);
    close_fixtures();
}

TEST(fault_every_second_call_is_interrupted)
{
    open_fixtures();
    hark__fault_begin(NULL);
    CHECK_EQ(hark__sys.poll(NULL, 0, 0), 0);
    CHECK(!hark__fault_end());
    CHECK_EQ(hark__fault_places(HARK__FAULT_INTERRUPT), 1);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_INTERRUPT, 0), 1);
    arm(HARK__FAULT_INTERRUPT, 0, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hark__sys.poll(NULL, 0, 0), -1);
        CHECK_EQ(errno, EINTR);
        CHECK_EQ(hark__sys.write(pair[1], "x", 1), -1);
        CHECK_EQ(hark__sys.write(pair[1], "x", 1), 1);
        CHECK_EQ(hark__sys.poll(NULL, 0, 0), 0);
        CHECK_EQ(hark__sys.fstat(pair[0], &(struct stat){0}), 0);
    }
    CHECK(hark__fault_end());
    close_fixtures();
}

/* ---- waits ----------------------------------------------------------------------------------- */

enum waiting { EPOLL_WAIT, EPOLL_PWAIT2, PPOLL, PSELECT, WAITINGS };

static int epoll_of_pair;

/* Waits for pair[0] to be readable by one of the entries; for ever, or not at all. */
static int wait_by(enum waiting waiting, bool waits)
{
    const struct timespec hour = {3600, 0};
    struct epoll_event event;
    struct pollfd poll = {.fd = pair[0], .events = POLLIN, .revents = POLLIN};
    fd_set in, out, bad;
    int count;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&bad);
    FD_SET(pair[0], &in);
    switch (waiting) {
    case EPOLL_WAIT: return hark__sys.epoll_wait(epoll_of_pair, &event, 1, waits ? -1 : 0);
    case EPOLL_PWAIT2:
        return hark__sys.epoll_pwait2(epoll_of_pair, &event, 1, waits ? &hour : &at_once, NULL);
    case PPOLL:
        count = hark__sys.ppoll(&poll, 1, waits ? NULL : &at_once, NULL);
        CHECK_EQ(count == 0 && poll.revents, 0);
        return count;
    default:
        count = hark__sys.pselect(pair[0] + 1, &in, &out, &bad, waits ? &hour : &at_once, NULL);
        CHECK_EQ(count == 0 && FD_ISSET(pair[0], &in), 0);
        return count;
    }
}

static void open_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    open_fixtures();
    epoll_of_pair = epoll_create1(0);
    CHECK_EQ(epoll_ctl(epoll_of_pair, EPOLL_CTL_ADD, pair[0], &event), 0);
}

TEST(fault_a_hubs_wait_ends_early)
{
    open_epoll();
    for (enum waiting waiting = 0; waiting < WAITINGS; waiting++) {
        arm(HARK__FAULT_SPURIOUS, 0, 0);
        CHECK_EQ(wait_by(waiting, true), -1);
        CHECK_EQ(errno, EINTR);
        CHECK(hark__fault_end());
        arm(HARK__FAULT_SPURIOUS, 0, 1);
        CHECK_EQ(wait_by(waiting, true), 0);
        CHECK(hark__fault_end());
        CHECK_EQ(hark__fault_places(HARK__FAULT_SPURIOUS), 1);
        CHECK_EQ(hark__fault_places(HARK__FAULT_LATE), 0);
    }
    CHECK_EQ(write(pair[1], "x", 1), 1);
    for (enum waiting waiting = PPOLL; waiting < WAITINGS; waiting++) { /* levels */
        hark__fault_begin(NULL);
        CHECK_EQ(wait_by(waiting, true), 1);
        hark__fault_end();
        CHECK_EQ(hark__fault_variants(HARK__FAULT_SPURIOUS, 0), 2);
        arm(HARK__FAULT_SPURIOUS, 0, 0); /* it would not have waited */
        CHECK_EQ(wait_by(waiting, true), 1);
        CHECK(!hark__fault_end());
    }
    CHECK_STR(words(HARK__FAULT_SPURIOUS, 0, 0),
              "the 1st call of pselect ends by EINTR, without having waited");
    close(epoll_of_pair);
    close_fixtures();
}

TEST(fault_a_look_that_sees_nothing_swallows_no_edge)
{
    open_epoll();
    CHECK_EQ(write(pair[1], "x", 1), 1);
    for (enum waiting waiting = 0; waiting < WAITINGS; waiting++) {
        hark__fault_begin(NULL);
        CHECK_EQ(wait_by(waiting, false), waiting == EPOLL_PWAIT2 ? 0 : 1);
        hark__fault_end();
        CHECK_EQ(hark__fault_places(HARK__FAULT_LATE), 1);
        CHECK_EQ(hark__fault_places(HARK__FAULT_SPURIOUS), 0);
        CHECK_EQ(hark__fault_variants(HARK__FAULT_LATE, 0), 1);
        CHECK_EQ(write(pair[1], "x", 1), 1); /* another edge */
        arm(HARK__FAULT_LATE, 0, 0);
        CHECK_EQ(wait_by(waiting, false), 0);
        CHECK(hark__fault_end());
        if (waiting < PPOLL) {
            CHECK_EQ(wait_by(EPOLL_WAIT, false), 1);
        }
    }
    CHECK_STR(words(HARK__FAULT_LATE, 0, 0),
              "the 1st call of pselect sees nothing, whatever is there");
    close(epoll_of_pair);
    close_fixtures();
}

TEST(fault_again_is_made_up_only_under_hubs_that_forget)
{
    open_epoll();
    CHECK_EQ(write(pair[1], "xyz", 3), 3);
    hark__fault_begin(NULL);
    CHECK_EQ(wait_by(EPOLL_WAIT, false), 1);
    CHECK_EQ(hark__sys.recv(pair[0], &byte, 1, MSG_DONTWAIT), 1);
    hark__fault_end();
    CHECK_EQ(hark__fault_places(HARK__FAULT_SPURIOUS), 0);
    hark__fault_begin(NULL);
    CHECK_EQ(wait_by(PPOLL, false), 1);
    CHECK_EQ(hark__sys.recv(pair[0], &byte, 1, MSG_DONTWAIT), 1);
    CHECK_EQ(hark__sys.read(udp, &byte, 0), 0); /* may block: no place */
    hark__fault_end();
    CHECK_EQ(hark__fault_places(HARK__FAULT_SPURIOUS), 1);
    CHECK_EQ(hark__fault_variants(HARK__FAULT_SPURIOUS, 0), 1);
    arm(HARK__FAULT_SPURIOUS, 0, 0);
    CHECK_EQ(wait_by(PPOLL, false), 1);
    CHECK_EQ(hark__sys.recv(pair[0], &byte, 1, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(hark__sys.recv(pair[0], &byte, 1, MSG_DONTWAIT), 1);
    CHECK(hark__fault_end());
    CHECK_STR(words(HARK__FAULT_SPURIOUS, 0, 0),
              "the 1st call of recv answers EAGAIN, although it need not");
    close(epoll_of_pair);
    close_fixtures();
}

/* ---- scenarios that bear any fault ----------------------------------------------------------- */

static int worse(int result, int64_t next)
{
    return result < 0 ? result : next < 0 ? (int)next : 0;
}

static int wait_for_it(void *event)
{
    return hark_event_wait(event);
}

static int set_it(void *event)
{
    const int error = hark_yield();
    return error ? error : hark_event_set(event);
}

static int wait_in_vain(void)
{
    hark_event never = HARK_EVENT_INIT;
    hark_scope scope;
    int error = hark_scope_open(&scope, HARK_US(200));
    if (error) {
        return error;
    }
    error = (int)hark_scope_close(&scope, hark_event_wait(&never));
    return error == -ETIMEDOUT ? 0 : error;
}

static int choose(hark_event *event)
{
    hark_case cases[] = {hark_on_event(event), hark_on_time(hark_now() + HARK_S(1))};
    return worse(0, hark_select(cases, 2));
}

static int all_primitives(void *unused)
{
    hark_event event = HARK_EVENT_INIT;
    hark_group children;
    int result = hark_group_open(&children);
    (void)unused;
    if (result) {
        return result;
    }
    result = worse(result, hark_go(&children, wait_for_it, &event));
    result = worse(result, hark_go(&children, set_it, &event));
    result = result ? result : choose(&event);
    result = result ? result : wait_in_vain();
    return hark_group_close(&children, result);
}

/* Gives back whatever comes, until the end; closes. */
static int echo(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char bytes[16];
    ssize_t size = 0;
    int error = 0;
    while (!error && (size = hark_read(fd, bytes, sizeof bytes)) > 0) {
        error = hark_write_full(fd, bytes, (size_t)size, NULL);
    }
    return worse(error, size);
}

static int send_and_get_back(int out, int in)
{
    char bytes[32];
    int error = hark_write_full(out, "all that was sent must come back", 32, NULL);
    if (!error && !(error = hark_settle())) {
        error = hark_read_full(in, bytes, sizeof bytes, NULL);
    }
    if (!error) {
        CHECK_EQ(memcmp(bytes, "all that was sent must come back", 32), 0);
    }
    return error;
}

static int through_a_pair(void)
{
    hark_group children;
    int fds[2], result = hark_socketpair(fds);
    if (result) {
        return result;
    }
    result = hark_group_open(&children);
    if (!result) {
        result = worse(0, hark_go(&children, echo, (void *)(intptr_t)fds[1]));
        result = result ? result : send_and_get_back(fds[0], fds[0]);
        result = worse(result, hark_close(fds[0]));
        result = hark_group_close(&children, result);
    } else {
        hark_close(fds[0]);
    }
    return worse(result, hark_close(fds[1]));
}

static int through_a_pipe(void)
{
    int fds[2], result = hark_pipe(fds);
    if (result) {
        return result;
    }
    result = send_and_get_back(fds[1], fds[0]);
    result = worse(result, hark_close(fds[1]));
    return worse(result, hark_close(fds[0]));
}

static int both_ends(void *unused)
{
    (void)unused;
    const int error = through_a_pair();
    return error ? error : through_a_pipe();
}

static int serve_one(void *arg)
{
    const int fd = hark_accept((int)(intptr_t)arg, NULL, NULL);
    if (fd < 0) {
        return fd;
    }
    const int error = echo((void *)(intptr_t)fd);
    return worse(error, hark_close(fd));
}

static int call_it(int listening)
{
    char number[16];
    const int at = hark_tcp_port(listening);
    if (at < 0) {
        return at;
    }
    snprintf(number, sizeof number, "%d", at);
    const int fd = hark_tcp_connect("127.0.0.1", number);
    if (fd < 0) {
        return fd;
    }
    const int error = send_and_get_back(fd, fd);
    return worse(error, hark_close(fd));
}

static int over_tcp(void *unused)
{
    hark_group children;
    const int listening = hark_tcp_listen("127.0.0.1", "0", 0);
    (void)unused;
    if (listening < 0) {
        return listening;
    }
    int result = hark_group_open(&children);
    if (!result) {
        result = worse(0, hark_go(&children, serve_one, (void *)(intptr_t)listening));
        result = result ? result : call_it(listening);
        result = hark_group_close(&children, result);
    }
    return worse(result, hark_close(listening));
}

/* A reader that takes one byte of several each time it is called: it must be called again. */
struct sipping {
    int fd, sips;
    hark_event done;
};

static void sip(void *arg)
{
    struct sipping *sipping = arg;
    char one;
    if (recv(sipping->fd, &one, 1, MSG_DONTWAIT) == 1 && ++sipping->sips == 4) {
        hark_event_set(&sipping->done);
    }
}

static int sip_all(int from, int to)
{
    struct sipping sipping = {.fd = from, .done = HARK_EVENT_INIT};
    hark_watch reader = {0};
    int error = hark_add_reader(from, &reader, sip, &sipping);
    if (error) {
        return error;
    }
    error = hark_write_full(to, "four", 4, NULL);
    error = error ? error : hark_event_wait(&sipping.done);
    return worse(error, hark_unwatch(&reader));
}

/* A select that finds what the reader has left: no edge tells of that. */
static int choose_what_is_left(int from, int to)
{
    char one;
    int error = hark_write_full(to, "two", 2, NULL);
    for (int i = 0; i < 2 && !error; i++) {
        hark_case readable = hark_on_fd(from, POLLIN);
        error = worse(0, hark_select(&readable, 1));
        error = error ? error : hark_case_result(&readable);
        CHECK(error || recv(from, &one, 1, MSG_DONTWAIT) == 1);
    }
    return error;
}

static int with_a_reader(void *unused)
{
    int fds[2], result = hark_socketpair(fds);
    (void)unused;
    if (result) {
        return result;
    }
    result = sip_all(fds[0], fds[1]);
    result = result ? result : choose_what_is_left(fds[0], fds[1]);
    result = worse(result, hark_close(fds[0]));
    return worse(result, hark_close(fds[1]));
}

/* Any name is this machine. */
static int no_name_server(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **list)
{
    struct addrinfo numeric = *hints;
    (void)host;
    numeric.ai_flags = AI_NUMERICHOST;
    return getaddrinfo("127.0.0.1", service, &numeric, list);
}

static int through_a_file(void)
{
    char bytes[16];
    const int fd = memfd_create("file", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int error = hark_write_full(fd, "to be read again", sizeof bytes, NULL);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    error = error ? error : hark_read_full(fd, bytes, sizeof bytes, NULL);
    if (!error) {
        CHECK_EQ(memcmp(bytes, "to be read again", sizeof bytes), 0);
    }
    return worse(error, hark_close(fd));
}

static int by_workers(void *unused)
{
    (void)unused;
    const int listening = hark_tcp_listen("some.host", "0", 0);
    if (listening < 0) {
        return listening;
    }
    const int error = through_a_file();
    return worse(error, hark_close(listening));
}

/* ---- what is known to go wrong --------------------------------------------------------------- */

/* ---- the sweep ------------------------------------------------------------------------------- */

struct holding {
    int fds;
    size_t heap, maps, tasks;
};

static struct hark__fault now_put_in; /* for whoever dies or hangs */

static void tell_fault(int signo)
{
    const char *words_now = words_of(&now_put_in);
    const struct iovec line[2] = {{(void *)words_now, strlen(words_now)}, {"\n", 1}};
    if (writev(STDERR_FILENO, line, 2) > 0) {
        signal(signo, SIG_DFL);
        raise(signo == SIGALRM ? SIGQUIT : signo);
    }
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    CHECK(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static struct holding hold(void)
{
    return (struct holding){open_descriptors(), hark__alloc_live(), hark__map_live(),
                            hark__census_count()};
}

static void check_nothing_left(const struct holding *before)
{
    const struct holding after = hold();
    const int fds = after.fds - before->fds;
    if (fds || after.heap != before->heap || after.maps != before->maps ||
        after.tasks != before->tasks) {
        kit_fail(__FILE__, __LINE__,
                 "%s: left behind are %d descriptors, %zd bytes, %zd bytes mapped, %zd tasks",
                 words_of(&now_put_in), fds, (ssize_t)(after.heap - before->heap),
                 (ssize_t)(after.maps - before->maps), (ssize_t)(after.tasks - before->tasks));
    }
}

/* What a run must never answer: a lost wake-up looks like a deadlock; an interruption is nobody's
 * business; and where calls only moved less, or later, nothing has failed. */
static bool must_not_be(int result)
{
    const enum hark__fault_kind kind = now_put_in.kind;
    const bool fails = kind == HARK__FAULT_MEMORY || kind == HARK__FAULT_SYSTEM;
    return result < -4095 || result == -EDEADLK || result == -EINTR || (!fails && result);
}

/* Success, or an error with words of its own. */
static void check_result(int result)
{
    const bool silent = result >= 0 || result == -ECANCELED || result == -ETIMEDOUT;
    const bool told = strcmp(hark_error_last(), "old words") != 0 && *hark_error_last();
    if (must_not_be(result) || !(silent || told)) {
        kit_fail(__FILE__, __LINE__, "%s: the run's result is %d (%s), the words \"%s\"",
                 words_of(&now_put_in), result, result < 0 ? strerrorname_np(-result) : "",
                 hark_error_last());
    }
}

/* One run in this process; how long it took. */
static int64_t run_with(const struct hark__fault *fault, hark_fn *scenario, bool *put_in)
{
    const struct itimerval limit = {.it_value.tv_sec = 5 * kit_slow()}, none = {0};
    const struct holding before = hold();
    now_put_in = *fault;
    hark_fail(-EIO, "old words");
    setitimer(ITIMER_REAL, &limit, NULL);
    const int64_t began = kit_clock();
    hark__fault_begin(fault);
    const int result = hark_run(scenario, NULL);
    *put_in = hark__fault_end();
    const int64_t took = kit_clock() - began;
    setitimer(ITIMER_REAL, &none, NULL);
    check_result(result);
    check_nothing_left(&before);
    return took;
}

/* A wake-up that was lost shows as a tenth of a second: that long after it began, a wait is looked
 * at again. So does a busy machine, but not each time. */
#define TOO_LONG HARK_MS(95)
#define TRIES    4
enum { STAYED_OUT = 10, WAS_PUT_IN, TOOK_LONG };

/* In a child, for what goes wrong is remembered: a call that the kernel does not know is not made
 * again. */
static int outcome_of(const struct hark__fault *fault, hark_fn *scenario)
{
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        bool put_in;
        const int64_t took = run_with(fault, scenario, &put_in);
        _exit(took > TOO_LONG && kit_slow() == 1 ? TOOK_LONG : put_in ? WAS_PUT_IN : STAYED_OUT);
    }
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    const int outcome = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (outcome < STAYED_OUT || outcome > TOOK_LONG) {
        kit_fail(__FILE__, __LINE__, "%s: the run has died of %d", words_of(fault), outcome);
    }
    return outcome;
}

static bool try_with(const struct hark__fault *fault, hark_fn *scenario)
{
    int outcome = TOOK_LONG;
    for (int i = 0; i < TRIES && outcome == TOOK_LONG; i++) {
        outcome = outcome_of(fault, scenario);
    }
    if (outcome == TOOK_LONG) {
        kit_fail(__FILE__, __LINE__, "%s: a wake-up is lost, and found again", words_of(fault));
    }
    return outcome == WAS_PUT_IN;
}

struct tally {
    uint32_t places, runs, put_in;
};

static struct tally sweep_kind(hark_fn *scenario, enum hark__fault_kind kind)
{
    struct hark__fault fault = {.kind = kind};
    struct tally tally = {.places = hark__fault_places(kind)};
    for (fault.place = 0; fault.place < tally.places; fault.place++) {
        const uint32_t variants = hark__fault_variants(kind, fault.place);
        CHECK_GT(variants, 0);
        for (fault.variant = 0; fault.variant < variants; fault.variant++) {
            tally.put_in += try_with(&fault, scenario);
            tally.runs++;
        }
    }
    return tally;
}

/* What cannot depend on the clock or on a peer must be put in each time, and of what can, most. */
static void check_tally(enum hark__fault_kind kind, const struct tally *tally)
{
    printf("kind %d: %u places, %u runs, %u with the fault\n", kind, tally->places, tally->runs,
           tally->put_in);
    if (kind == HARK__FAULT_SYSTEM) {
        CHECK_GE(tally->put_in * 2, tally->runs);
    } else if (kind < HARK__FAULT_SPURIOUS) {
        CHECK_EQ(tally->put_in, tally->runs);
    }
    if (kind == HARK__FAULT_MEMORY) {
        CHECK_GT(tally->runs, 20);
    }
}

static void sweep(hark_fn *scenario)
{
    const int signals[] = {SIGALRM, SIGSEGV, SIGBUS, SIGABRT};
    const struct hark__fault nothing = {.kind = HARK__FAULT_NONE};
    bool put_in;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        signal(signals[i], tell_fault);
    }
    for (int i = 0; i < 2; i++) { /* what is found out once a process is known from here on */
        CHECK_EQ(hark_run(scenario, NULL), 0);
    }
    CHECK_EQ(hark__fault_install(), 0);
    run_with(&nothing, scenario, &put_in);
    CHECK(!put_in);
    for (int i = HARK__FAULT_MEMORY; i <= HARK__FAULT_LATE; i++) {
        const enum hark__fault_kind kind = (enum hark__fault_kind)i;
        const struct tally tally = sweep_kind(scenario, kind);
        check_tally(kind, &tally);
    }
    hark__fault_uninstall();
}

TEST_ON_HUBS_TIMEOUT(fault_sweep_group_event_scope_select, 60)
{
    sweep(all_primitives);
}

TEST_ON_HUBS_TIMEOUT(fault_sweep_socketpair_and_pipe, 60)
{
    sweep(both_ends);
}

TEST_ON_HUBS_TIMEOUT(fault_sweep_tcp, 60)
{
    sweep(over_tcp);
}

TEST_ON_HUBS_TIMEOUT(fault_sweep_reader, 60)
{
    sweep(with_a_reader);
}

/* The sanitizer allows no thread in the child of a process that had some. */
#ifdef __SANITIZE_THREAD__
#define SKIP_WITHOUT_THREADS() SKIP("no threads after fork under this sanitizer")
#else
#define SKIP_WITHOUT_THREADS() (void)0
#endif

TEST_ON_HUBS_TIMEOUT(fault_sweep_names_and_files_in_workers, 60)
{
    SKIP_WITHOUT_THREADS();
    hark__sys.getaddrinfo = no_name_server;
    sweep(by_workers);
    hark__sys.getaddrinfo = getaddrinfo;
}
