/* SPDX-License-Identifier: MIT
 *
 * sys.h - the seams: everything that the library asks of the world goes through one of three
 * tables.
 *
 *   hark__sys      system calls, threads and names
 *   hark__memory   allocation, with an account of what is held
 *   hark__choices  every choice among several legal orders
 *
 * Why: a test that can fail the k-th allocation, shorten each read, stop the clock or choose the
 * order searches the code that ships, not a copy of it. A table is a struct of function pointers
 * that tests overwrite; an indirect call costs about a nanosecond beside a system call's hundred.
 *
 * Rules    S1  No other file calls the C library for these things (the layers test reads the
 *              symbols).
 *          S2  The clock never runs backwards: hark__clock() keeps the largest instant seen by a
 *              thread.
 *          S3  What is allocated is freed with the size it was asked for, so that the account is
 *              exact.
 */
#ifndef HARK_BASE_SYS_H
#define HARK_BASE_SYS_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

/* What is the library's own. -fvisibility=hidden does not say so of variables that are only declared:
 * then their addresses would be looked up before each use. */
#define HARK__OURS __attribute__((visibility("hidden")))

struct io_uring;
struct io_uring_cqe;
struct io_uring_params;

/* X(result, name, parameters, arguments): one entry a call, with the C library's own signature; the
 * arguments are the parameters' names, for whoever wraps them all. Results are the C library's too:
 * -1 and errno. */
#define HARK__SYSCALLS(X) \
    X(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags), \
      (fd, address, length, flags)) \
    X(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length)) \
    X(int, chmod, (const char *path, mode_t mode), (path, mode)) \
    X(int, clock_gettime, (clockid_t clock, struct timespec * time), (clock, time)) \
    X(int, close, (int fd), (fd)) \
    X(int, connect, (int fd, const struct sockaddr *address, socklen_t length), \
      (fd, address, length)) \
    X(int, epoll_create1, (int flags), (flags)) \
    X(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), \
      (epoll, operation, fd, event)) \
    X(int, epoll_pwait2, \
      (int epoll, struct epoll_event *events, int max, const struct timespec *timeout, \
       const sigset_t *mask), \
      (epoll, events, max, timeout, mask)) \
    X(int, epoll_wait, (int epoll, struct epoll_event *events, int max, int timeout), \
      (epoll, events, max, timeout)) \
    X(int, eventfd, (unsigned value, int flags), (value, flags)) \
    X(int, fchmod, (int fd, mode_t mode), (fd, mode)) \
    X(int, fcntl_int, (int fd, int command, int argument), (fd, command, argument)) \
    X(int, fdatasync, (int fd), (fd)) \
    X(int, fstat, (int fd, struct stat *status), (fd, status)) \
    X(int, fstatat, (int folder, const char *path, struct stat *status, int flags), \
      (folder, path, status, flags)) \
    X(int, fsync, (int fd), (fd)) \
    X(int, ftruncate, (int fd, off_t size), (fd, size)) \
    X(ssize_t, getdents64, (int fd, void *buffer, size_t size), (fd, buffer, size)) \
    X(int, getpeername, (int fd, struct sockaddr *address, socklen_t *length), \
      (fd, address, length)) \
    X(int, getsockname, (int fd, struct sockaddr *address, socklen_t *length), \
      (fd, address, length)) \
    X(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length), \
      (fd, level, name, value, length)) \
    X(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask)) \
    X(int, inotify_init1, (int flags), (flags)) \
    X(int, inotify_rm_watch, (int fd, int watch), (fd, watch)) \
    X(int, isatty, (int fd), (fd)) \
    X(int, kill, (pid_t pid, int signo), (pid, signo)) \
    X(int, link, (const char *from, const char *to), (from, to)) \
    X(int, listen, (int fd, int backlog), (fd, backlog)) \
    X(int, madvise, (void *address, size_t length, int advice), (address, length, advice)) \
    X(int, mkdir, (const char *path, mode_t mode), (path, mode)) \
    X(void *, mmap, (void *address, size_t length, int protection, int flags, int fd, off_t offset), \
      (address, length, protection, flags, fd, offset)) \
    X(int, mprotect, (void *address, size_t length, int protection), (address, length, protection)) \
    X(int, munmap, (void *address, size_t length), (address, length)) \
    X(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode)) \
    X(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags)) \
    X(int, pidfd_send_signal, (int fd, int signo, siginfo_t *info, unsigned flags), \
      (fd, signo, info, flags)) \
    X(int, pipe2, (int fds[2], int flags), (fds, flags)) \
    X(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout)) \
    X(int, posix_spawnp, \
      (pid_t * pid, const char *program, const posix_spawn_file_actions_t *actions, \
       const posix_spawnattr_t *attributes, char *const *argv, char *const *environment), \
      (pid, program, actions, attributes, argv, environment)) \
    X(int, ppoll, \
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask), \
      (fds, count, timeout, mask)) \
    X(ssize_t, pread, (int fd, void *buffer, size_t size, off_t offset), (fd, buffer, size, offset)) \
    X(ssize_t, preadv2, (int fd, const struct iovec *parts, int count, off_t offset, int flags), \
      (fd, parts, count, offset, flags)) \
    X(ssize_t, process_madvise, (const struct iovec *ranges, size_t count, int advice), \
      (ranges, count, advice)) \
    X(int, pselect, \
      (int count, fd_set *in, fd_set *out, fd_set *bad, const struct timespec *timeout, \
       const sigset_t *mask), \
      (count, in, out, bad, timeout, mask)) \
    X(ssize_t, pwrite, (int fd, const void *buffer, size_t size, off_t offset), \
      (fd, buffer, size, offset)) \
    X(ssize_t, pwritev2, (int fd, const struct iovec *parts, int count, off_t offset, int flags), \
      (fd, parts, count, offset, flags)) \
    X(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size)) \
    X(ssize_t, readlink, (const char *path, char *buffer, size_t size), (path, buffer, size)) \
    X(ssize_t, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags)) \
    X(ssize_t, recvfrom, \
      (int fd, void *buffer, size_t size, int flags, struct sockaddr *address, socklen_t *length), \
      (fd, buffer, size, flags, address, length)) \
    X(int, recvmmsg, \
      (int fd, struct mmsghdr *list, unsigned count, int flags, struct timespec *timeout), \
      (fd, list, count, flags, timeout)) \
    X(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags)) \
    X(int, rename, (const char *from, const char *to), (from, to)) \
    X(int, rmdir, (const char *path), (path)) \
    X(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t * set), (pid, size, set)) \
    X(int, sched_getcpu, (void), ()) \
    X(ssize_t, send, (int fd, const void *buffer, size_t size, int flags), \
      (fd, buffer, size, flags)) \
    X(int, sendmmsg, (int fd, struct mmsghdr *list, unsigned count, int flags), \
      (fd, list, count, flags)) \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags)) \
    X(ssize_t, sendto, \
      (int fd, const void *buffer, size_t size, int flags, const struct sockaddr *address, \
       socklen_t length), \
      (fd, buffer, size, flags, address, length)) \
    X(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length), \
      (fd, level, name, value, length)) \
    X(int, shutdown, (int fd, int how), (fd, how)) \
    X(int, sigaction, (int signo, const struct sigaction *action, struct sigaction *old), \
      (signo, action, old)) \
    X(int, sigaltstack, (const stack_t *stack, stack_t *old), (stack, old)) \
    X(int, socket, (int domain, int type, int protocol), (domain, type, protocol)) \
    X(int, socketpair, (int domain, int type, int protocol, int fds[2]), \
      (domain, type, protocol, fds)) \
    X(int, statx, (int folder, const char *path, int flags, unsigned mask, struct statx *status), \
      (folder, path, flags, mask, status)) \
    X(int, symlink, (const char *text, const char *path), (text, path)) \
    X(ssize_t, tee, (int in, int out, size_t size, unsigned flags), (in, out, size, flags)) \
    X(int, timerfd_create, (int clock, int flags), (clock, flags)) \
    X(int, timerfd_settime, \
      (int fd, int flags, const struct itimerspec *time, struct itimerspec *old), \
      (fd, flags, time, old)) \
    X(int, truncate, (const char *path, off_t size), (path, size)) \
    X(int, unlink, (const char *path), (path)) \
    X(int, waitid, (idtype_t type, id_t id, siginfo_t * info, int options), \
      (type, id, info, options)) \
    X(ssize_t, write, (int fd, const void *buffer, size_t size), (fd, buffer, size)) \
    X(int, getaddrinfo, \
      (const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **list), \
      (host, port, hints, list)) \
    X(void, freeaddrinfo, (struct addrinfo * list), (list)) \
    X(int, getnameinfo, \
      (const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size, \
       char *port, socklen_t port_size, int flags), \
      (address, length, host, host_size, port, port_size, flags)) \
    X(unsigned, if_nametoindex, (const char *name), (name)) \
    X(int, thread_join, (pthread_t thread, void **result), (thread, result)) \
    X(int, thread_kill, (pthread_t thread, int signo), (thread, signo)) \
    X(int, thread_start, \
      (pthread_t * thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg), \
      (thread, attributes, fn, arg))

#define HARK__SYS_FIELD(result, name, parameters, arguments) result(*name) parameters;
struct hark__sys {
    HARK__SYSCALLS(HARK__SYS_FIELD)
    /* io_uring, by liburing's names and manners (-errno); NULL in a build without liburing. */
    int (*uring_setup)(unsigned entries, struct io_uring *ring, struct io_uring_params *params);
    /* Submit, wait for `wait` completions at most `timeout` ns (< 0: for ever). */
    int (*uring_enter)(struct io_uring *ring, unsigned wait, int64_t timeout);
    void (*uring_exit)(struct io_uring *ring);
    /* Bit n: the kernel knows opcode n (of the first 64). */
    uint64_t (*uring_opcodes)(struct io_uring *ring);
};
extern struct hark__sys hark__sys HARK__OURS;

struct hark__memory {
    void *(*allocate)(size_t size); /* zeroed */
    void *(*resize)(void *old, size_t size);
    void (*release)(void *memory);
};
extern struct hark__memory hark__memory HARK__OURS;

void *hark__alloc(size_t size); /* zeroed; NULL: no memory */
void *hark__realloc(void *old, size_t old_size, size_t size);
void hark__free(void *memory, size_t size); /* NULL is fine */
void *hark__map(size_t size);               /* anonymous, zeroed, MAP_NORESERVE; NULL: no memory */
void hark__unmap(void *memory, size_t size);
size_t hark__alloc_live(void); /* bytes held now, in the whole process */
size_t hark__map_live(void);

/* The calling thread's own, zeroed when it first asks, until it ends; always of the same size. In no
 * account. NULL: no memory. */
void *hark__thread_room(size_t size);

int64_t hark__clock(void); /* CLOCK_MONOTONIC, ns */

/* What the processor counts by itself. */
#if defined(__x86_64__)
static inline uint64_t hark__ticks(void)
{
    return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
static inline uint64_t hark__ticks(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#else
static inline uint64_t hark__ticks(void)
{
    return 0;
}
#endif

/* For deadlines: an instant that is not past, after the present one by 10 us at most, and never
 * before one that was given before; for less than half of what the clock costs. Whoever asks keeps
 * what that needs, for one thread; all zero at first. */
struct hark__soon {
    uint64_t ticks;  /* when the clock was read ... */
    int64_t instant; /* ... and said this */
    uint64_t few;    /* so many ticks later it is read again; 0: each time */
    uint64_t rate;   /* ns in 2^20 ticks, an eighth more than measured; 0: not known yet */
    int64_t latest;  /* given */
    uint64_t blur;   /* how many ticks that reading took */
    bool distrusted; /* ticks were found behind the clock */
};
#define HARK__SOON_SHIFT 20

int64_t hark__clock_soon(struct hark__soon *);

/* The same without a call, as long as the reading is fresh; INT64_MAX: it is not. */
static inline int64_t hark__clock_by_ticks(struct hark__soon *soon)
{
    uint64_t passed = hark__ticks() - soon->ticks;
    int64_t instant = soon->instant + (int64_t)(passed * soon->rate >> HARK__SOON_SHIFT);

    if (__builtin_expect(passed >= soon->few, 0))
        return INT64_MAX;
    soon->latest = instant > soon->latest ? instant : soon->latest;
    return soon->latest;
}

enum hark__choice {
    HARK__CHOOSE_READY,   /* which ready task or watch runs next */
    HARK__CHOOSE_YIELD,   /* does a call that need not wait let others run: 0 no, 1 yes */
    HARK__CHOOSE_CASE,    /* which case a select looks at first */
    HARK__CHOOSE_REPORT,  /* which descriptor's news the simulated hub tells first */
    HARK__CHOOSE_OUTSIDE, /* what the world does before the next step: 0 nothing (the explorer's) */
    HARK__CHOOSE_OWN,     /* what the program under test asks for itself (the explorer's) */
};

/* All but pick are NULL unless an explorer is at work: then seeded loops ask them. */
struct hark__choices {
    uint32_t (*pick)(uint64_t *state, enum hark__choice what, uint32_t count); /* 0 .. count - 1 */
    /* Between two steps, on the loop's own stack; it alone decides when the loop looks around and
     * when time goes on. idle: nothing is ready. True: something has happened, look again. */
    bool (*between)(bool idle);
    void (*step)(uintptr_t entry); /* this entry of the ring is about to run */
    bool (*refuse)(void);          /* shall this spawn fail for want of memory? */
};
extern struct hark__choices hark__choices HARK__OURS;

#endif
