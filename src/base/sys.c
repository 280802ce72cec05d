/* SPDX-License-Identifier: MIT
 *
 * sys.c - the seams, filled with the real world: the C library behind three tables, and the
 * account of what the library holds.
 *
 * The tables are ordinary writable data. A test overwrites an entry before the loop starts, or
 * while no other thread runs; the shipping library never writes them, so nothing here takes a
 * lock.
 *
 * The account is two counters, added to with relaxed atomics: they order nothing, they only have to
 * add up when somebody looks, which is after all threads have been joined.
 *
 * Rules    S4  An entry does what its C library namesake does and nothing more. What an old C
 *              library lacks goes to the kernel by syscall(2); there an old kernel answers ENOSYS,
 *              as it should.
 *          S5  What could not be given back stays in the account: a leak must show.
 *
 * Not here: policy. Who retries after EINTR, who steps down after ENOSYS, is the callers' business.
 */
#include "base/sys.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifdef HARK_HAVE_LIBURING
#include <liburing.h>
#endif

/* The numbers are the same on every architecture that counts from the common table. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* ---- calls that need a wrapper: variadic ones, transparent unions, and those newer than the
 * headers */

static int sys_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return accept4(fd, address, length, flags);
}

static int sys_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return bind(fd, address, length);
}

static int sys_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return connect(fd, address, length);
}

static int sys_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    return getpeername(fd, address, length);
}

static int sys_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    return getsockname(fd, address, length);
}

static ssize_t sys_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *address,
                            socklen_t *length)
{
    return recvfrom(fd, buffer, size, flags, address, length);
}

static ssize_t sys_sendto(int fd, const void *buffer, size_t size, int flags,
                          const struct sockaddr *address, socklen_t length)
{
    return sendto(fd, buffer, size, flags, address, length);
}

static int sys_fcntl_int(int fd, int command, int argument)
{
    return fcntl(fd, command, argument);
}

static int sys_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

/* The kernel's timespec is two 64-bit words everywhere, and its sigset_t has eight bytes. */
static int sys_epoll_pwait2(int epoll, struct epoll_event *events, int max,
                            const struct timespec *timeout, const sigset_t *mask)
{
    int64_t span[2] = {0, 0};
    if (timeout) {
        span[0] = timeout->tv_sec;
        span[1] = timeout->tv_nsec;
    }
    const void *spanned = timeout ? span : NULL;
    return (int)syscall(SYS_epoll_pwait2, epoll, events, max, spanned, mask, (size_t)8);
}

static int sys_pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int sys_pidfd_send_signal(int fd, int signo, siginfo_t *info, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}

static ssize_t sys_process_madvise(const struct iovec *ranges, size_t count, int advice)
{
    /* PIDFD_SELF_THREAD_GROUP: Linux 6.14 spares us the descriptor. */
    ssize_t done = syscall(SYS_process_madvise, -10001, ranges, count, advice, 0U);
    if (done >= 0 || errno != EBADF)
        return done;
    /* The calling process is the only one whose memory we look after. */
    int self = sys_pidfd_open(getpid(), 0);
    if (self < 0)
        return -1;
    done = syscall(SYS_process_madvise, self, ranges, count, advice, 0U);
    int error = errno;
    close(self);
    errno = error;
    return done;
}

static int sys_eventfd(unsigned value, int flags)
{
    return eventfd(value, flags);
}

#define sys_chmod             chmod
#define sys_clock_gettime     clock_gettime
#define sys_close             close
#define sys_epoll_create1     epoll_create1
#define sys_epoll_ctl         epoll_ctl
#define sys_epoll_wait        epoll_wait
#define sys_fchmod            fchmod
#define sys_fdatasync         fdatasync
#define sys_fstat             fstat
#define sys_fstatat           fstatat
#define sys_fsync             fsync
#define sys_ftruncate         ftruncate
#define sys_getdents64        getdents64
#define sys_getsockopt        getsockopt
#define sys_inotify_add_watch inotify_add_watch
#define sys_inotify_init1     inotify_init1
#define sys_inotify_rm_watch  inotify_rm_watch
#define sys_isatty            isatty
#define sys_kill              kill
#define sys_link              link
#define sys_listen            listen
#define sys_madvise           madvise
#define sys_mkdir             mkdir
#define sys_mmap              mmap
#define sys_mprotect          mprotect
#define sys_munmap            munmap
#define sys_pipe2             pipe2
#define sys_poll              poll
#define sys_posix_spawnp      posix_spawnp
#define sys_ppoll             ppoll
#define sys_pread             pread
#define sys_preadv2           preadv2
#define sys_pselect           pselect
#define sys_pwrite            pwrite
#define sys_pwritev2          pwritev2
#define sys_read              read
#define sys_readlink          readlink
#define sys_recv              recv
#define sys_recvmmsg          recvmmsg
#define sys_recvmsg           recvmsg
#define sys_rename            rename
#define sys_rmdir             rmdir
#define sys_sched_getaffinity sched_getaffinity
#define sys_sched_getcpu      sched_getcpu
#define sys_send              send
#define sys_sendmmsg          sendmmsg
#define sys_sendmsg           sendmsg
#define sys_setsockopt        setsockopt
#define sys_shutdown          shutdown
#define sys_sigaction         sigaction
#define sys_sigaltstack       sigaltstack
#define sys_socket            socket
#define sys_socketpair        socketpair
#define sys_statx             statx
#define sys_symlink           symlink
#define sys_tee               tee
#define sys_timerfd_create    timerfd_create
#define sys_timerfd_settime   timerfd_settime
#define sys_truncate          truncate
#define sys_unlink            unlink
#define sys_waitid            waitid
#define sys_write             write
#define sys_getaddrinfo       getaddrinfo
#define sys_freeaddrinfo      freeaddrinfo
#define sys_getnameinfo       getnameinfo
#define sys_if_nametoindex    if_nametoindex
#define sys_thread_start      pthread_create
#define sys_thread_join       pthread_join
#define sys_thread_kill       pthread_kill

/* ---- the ring -------------------------------------------------------------------------------- */

#ifdef HARK_HAVE_LIBURING

/* The ring's own descriptor is registered as well where the kernel can (5.18), which saves a
 * lookup and a reference on each enter; where it cannot, nothing is lost. The kernel sets
 * O_CLOEXEC itself. */
static int sys_uring_setup(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    int rc = io_uring_queue_init_params(entries, ring, params);
    if (rc == 0 && !(params->flags & IORING_SETUP_R_DISABLED))
        io_uring_register_ring_fd(ring);
    return rc;
}

static int sys_uring_enter(struct io_uring *ring, unsigned wait, int64_t timeout)
{
    if (!wait)
        return io_uring_submit_and_get_events(ring);
    if (timeout < 0)
        return io_uring_submit_and_wait(ring, wait);
    struct __kernel_timespec span = {timeout / 1000000000, timeout % 1000000000};
    struct io_uring_cqe *first;
    return io_uring_submit_and_wait_timeout(ring, &first, wait, &span, NULL);
}

static void sys_uring_exit(struct io_uring *ring)
{
    io_uring_queue_exit(ring);
}

static uint64_t sys_uring_opcodes(struct io_uring *ring)
{
    char room[sizeof(struct io_uring_probe) + 64 * sizeof(struct io_uring_probe_op)]
        __attribute__((aligned(8))) = {0};
    struct io_uring_probe *probe = (struct io_uring_probe *)room;
    uint64_t known = 0;
    if (io_uring_register_probe(ring, probe, 64) < 0)
        return 0;
    for (int i = 0; i < probe->ops_len && i < 64; i++)
        known |= (uint64_t) !!(probe->ops[i].flags & IO_URING_OP_SUPPORTED) << i;
    return known;
}

#define SYS_URING \
    .uring_setup = sys_uring_setup, .uring_enter = sys_uring_enter, .uring_exit = sys_uring_exit, \
    .uring_opcodes = sys_uring_opcodes,
#else
#define SYS_URING
#endif

#define SYS_VALUE(result, name, parameters, arguments) .name = sys_##name,
struct hark__sys hark__sys = {HARK__SYSCALLS(SYS_VALUE) SYS_URING};

/* ---- memory ---------------------------------------------------------------------------------- */

static void *memory_allocate(size_t size)
{
    return calloc(1, size);
}

struct hark__memory hark__memory = {memory_allocate, realloc, free};

/* A line of its own: threads that allocate must not slow down those that read the tables. */
static struct {
    size_t heap, mapped;
} held __attribute__((aligned(64)));

static void account(size_t *counter, size_t change)
{
    __atomic_fetch_add(counter, change, __ATOMIC_RELAXED);
}

/* One byte at least, so that NULL means "no memory" and nothing else. */
static size_t real_size(size_t size)
{
    return size ? size : 1;
}

void *hark__alloc(size_t size)
{
    void *memory = hark__memory.allocate(real_size(size));
    if (memory)
        account(&held.heap, size);
    return memory;
}

void *hark__realloc(void *old, size_t old_size, size_t size)
{
    void *memory = hark__memory.resize(old, real_size(size));
    if (memory)
        account(&held.heap, size - (old ? old_size : 0));
    return memory;
}

void hark__free(void *memory, size_t size)
{
    if (!memory)
        return;
    hark__memory.release(memory);
    account(&held.heap, 0 - size);
}

void *hark__map(size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = hark__sys.mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    account(&held.mapped, size);
    return memory;
}

/* Unmapping can fail at the mapping limit, where it would cut one of the kernel's areas in two.
 * Then at least the pages go back. */
void hark__unmap(void *memory, size_t size)
{
    if (!memory)
        return;
    if (hark__sys.munmap(memory, size) < 0) {
        hark__sys.madvise(memory, size, MADV_DONTNEED);
        return;
    }
    account(&held.mapped, 0 - size);
}

size_t hark__alloc_live(void)
{
    return __atomic_load_n(&held.heap, __ATOMIC_RELAXED);
}

size_t hark__map_live(void)
{
    return __atomic_load_n(&held.mapped, __ATOMIC_RELAXED);
}

/* ---- a thread's own room ---------------------------------------------------------------------- */

static pthread_once_t room_once = PTHREAD_ONCE_INIT;
static pthread_key_t room_key;
static bool has_room_key;

static void give_room_back(void *room)
{
    hark__memory.release(room);
}

static void make_room_key(void)
{
    has_room_key = pthread_key_create(&room_key, give_room_back) == 0;
}

void *hark__thread_room(size_t size)
{
    pthread_once(&room_once, make_room_key);
    void *room = has_room_key ? pthread_getspecific(room_key) : NULL;
    if (room || !has_room_key)
        return room;
    room = hark__memory.allocate(size);
    if (room && pthread_setspecific(room_key, room)) {
        give_room_back(room);
        return NULL;
    }
    return room;
}

/* ---- the clock ------------------------------------------------------------------------------- */

static _Thread_local int64_t latest = INT64_MIN;

/* A clock that cannot be read stands still; it must not make a loop believe that it is 1970. */
int64_t hark__clock(void)
{
    struct timespec now;
    if (hark__sys.clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        return latest == INT64_MIN ? 0 : latest;
    int64_t instant = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (instant > latest)
        latest = instant;
    return latest;
}

/* The processor counts ticks, steadily and on all cores together where it says so, and reading them
 * takes a third of the time of reading the clock. So the clock is read once in 64 us, and between
 * that ticks are added to it, as if they were an eighth longer than they last were: the kernel never
 * turns the clock faster than that (adjtimex: a tenth). If ticks were ever found behind the clock
 * all the same, they are not used any more. */
#define SOON_SPAN 64000 /* ns */
#define SOON_MOST 10000000

#if defined(__x86_64__)
/* "Invariant TSC". Where it is missing the kernel's own clock does more than count. */
static bool ticks_are_steady(void)
{
    unsigned a, b, c, d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d >> 8 & 1;
}
#elif defined(__aarch64__)
static bool ticks_are_steady(void)
{
    return true;
}
#else
static bool ticks_are_steady(void)
{
    return false;
}
#endif

static bool ticks_are_good; /* written before main */

static __attribute__((constructor)) void judge_ticks(void)
{
    ticks_are_good = ticks_are_steady();
}

/* By two readings that are not too far apart: then no sleep of the machine is between them, in which
 * one may have gone on and not the other. */
static void measure_ticks(struct hark__soon *soon, uint64_t passed, uint64_t blur, int64_t span)
{
    if (span < SOON_SPAN / 2 || span > SOON_MOST || passed / 16 >= (uint64_t)span)
        return;
    uint64_t reckoned = (passed + blur) * soon->rate >> HARK__SOON_SHIFT;
    soon->distrusted = soon->rate && reckoned < (uint64_t)span;
    if ((blur + soon->blur) * 128 < passed) {
        soon->rate = ((uint64_t)span << HARK__SOON_SHIFT) / passed;
        soon->rate += soon->rate / 8;
    }
}

/* A reading that took long, for the thread was stopped in the midst of it, is not built on. */
static void build_on(struct hark__soon *soon, uint64_t ticks, uint64_t blur, int64_t instant)
{
    uint64_t few = soon->rate ? ((uint64_t)SOON_SPAN << HARK__SOON_SHIFT) / soon->rate : 0;

    soon->ticks = ticks;
    soon->instant = instant;
    soon->blur = blur;
    soon->few = blur * 64 < few && !soon->distrusted ? few : 0;
}

static int64_t clock_for(struct hark__soon *soon)
{
    uint64_t ticks = hark__ticks();
    int64_t instant = hark__clock(), span = instant - soon->instant;
    uint64_t blur = hark__ticks() - ticks;

    if (!ticks_are_good || soon->distrusted || hark__sys.clock_gettime != clock_gettime) {
        soon->few = 0;
    } else if (soon->rate || !soon->instant || span >= SOON_SPAN / 2) {
        measure_ticks(soon, ticks - soon->ticks, blur, span);
        build_on(soon, ticks, blur, instant);
    }
    return instant;
}

int64_t hark__clock_soon(struct hark__soon *soon)
{
    int64_t instant = hark__clock_by_ticks(soon);

    if (instant == INT64_MAX) {
        instant = clock_for(soon);
        soon->latest = instant > soon->latest ? instant : soon->latest;
    }
    return soon->latest;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* State 0 is the order that production runs: always the first. Any other state is a seed, and the
 * same seed makes the same choices (a xorshift generator, its high half scaled down without a
 * division). */
static uint32_t choose(uint64_t *state, enum hark__choice what, uint32_t count)
{
    (void)what;
    uint64_t x = *state;
    if (!x || count < 2)
        return 0;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (uint32_t)(((x * 0x2545F4914F6CDD1D >> 32) * count) >> 32);
}

struct hark__choices hark__choices = {choose, NULL, NULL, NULL};
