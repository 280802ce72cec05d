/* SPDX-License-Identifier: MIT
 *
 * fault.c - calls that fail: the tables of base/sys.h, wrapped.
 *
 * Idea     Three layers of one shape. The library calls `outer`: generated wrappers, one an entry,
 *          that count and, at the armed place, answer an error. Below them stand the odd ones by
 *          hand: what must do something before it fails (close), what can only fail in one of its
 *          uses (epoll_ctl), what moves bytes, what waits. Below these is the real table, as it was
 *          when we came. Everything is counted in one function, place().
 *
 * Rules    X1  A fault is something that the kernel can do, and what it does besides failing is
 *              done: close closes, an interrupted connect has begun, a shortened read has read.
 *          X2  Only the thread that called begin counts, and only it is hit: which of a worker's
 *              calls is the third depends on the scheduler.
 *          X3  While counting nothing is allocated and nothing locked: calls come from signal
 *              handlers too. So the books have a fixed size; places beyond it are counted, but have
 *              no variants.
 *          X4  No edge is lost: a hub that is told to see nothing is not asked, and EAGAIN is only
 *              made up where the hub forgets what it has reported and will be asked again.
 *          X5  A shortened call keeps its meaning: datagrams are not cut; what refuses to move less
 *              (an eventfd) moves all; and under a hub that tells of edges a read of TCP is not
 *              cut, for there "less than asked" means "that was all" (epoll(7)). It comes in small
 *              pieces all the same where the other end's writes are cut.
 *
 * Not here Which fault is put in next, and what must be true afterwards (sweep.c, the tests).
 *          Cancelling and stopping: these are the explorer's own.
 */
#include "testing/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"

#define MOST HARK__FAULT_PLACES_MOST /* whose names are remembered */

/* ---- which call fails how -------------------------------------------------------------------- */

#define ROW_OF(result, name, parameters, arguments) ROW_##name,
enum row { HARK__SYSCALLS(ROW_OF) ROW_uring_setup, ROW_uring_enter, ROWS };

struct way {
    int error;
    const char *name;
};

/* What the manual names and what can come from outside: a limit, a full table, a peer, a signal, a
 * policy. Not what only a wrong argument brings (EBADF, EFAULT, most EINVAL), and not what would be
 * a lie that has consequences (EAGAIN, EINPROGRESS: see SPURIOUS). What has no line cannot fail so:
 *
 *     freeaddrinfo  has no result
 *     if_nametoindex  its answer is "none"
 *     munmap        fails only where it would cut an area in two, and what could not be given back
 *                   stays in the account by rule S5: each sweep would call that a leak
 *     inotify_rm_watch  a watch that is gone only
 *     isatty        its answer is "no"
 *     sched_getaffinity, sched_getcpu  only where they are missing; then nobody spins
 *     sigaction     a wrong signal only
 *     thread_kill   a thread that is gone only
 *     uring_exit    has no result
 *
 * and of the others these uses (the odd ones, below):
 *
 *     epoll_ctl     MOD and DEL need no memory
 *     fcntl_int     asking for flags fails for a bad descriptor only
 *     sigaltstack   asking, and switching it off
 *
 * What begins with EINTR is what INTERRUPT interrupts. */
#define W(code) \
    { \
        code, #code \
    }
static const struct {
    const char *name;
    struct way ways[16]; /* up to the first 0 */
} rows[ROWS] = {
    /* pending errors of the connection come out here as well, and are the peer's */
    [ROW_accept4] = {"accept4",
                     {W(EINTR), W(EMFILE), W(ENFILE), W(ENOBUFS), W(ENOMEM), W(ECONNABORTED),
                      W(EPERM), W(EPROTO), W(ENETDOWN), W(ENOPROTOOPT), W(EHOSTDOWN), W(ENONET),
                      W(EHOSTUNREACH), W(ENETUNREACH)}},
    [ROW_bind] = {"bind", {W(EACCES), W(EADDRINUSE), W(EADDRNOTAVAIL), W(ENOMEM), W(EROFS)}},
    [ROW_clock_gettime] = {"clock_gettime", {W(EINVAL)}}, /* a kernel without that clock */
    /* it is closed all the same; ENOSPC and EDQUOT: a network file system's late news */
    [ROW_chmod] = {"chmod", {W(EPERM), W(EROFS), W(EIO)}},
    [ROW_fchmod] = {"fchmod", {W(EPERM), W(EROFS), W(EIO)}},
    [ROW_close] = {"close", {W(EINTR), W(EIO), W(ENOSPC), W(EDQUOT)}},
    /* EADDRNOTAVAIL: no port is left; EAGAIN: a full backlog, or no room for a route */
    [ROW_connect] = {"connect",
                     {W(EINTR), W(EACCES), W(EADDRINUSE), W(EADDRNOTAVAIL), W(EAFNOSUPPORT),
                      W(EAGAIN), W(ECONNREFUSED), W(EHOSTUNREACH), W(ENETUNREACH), W(ENOBUFS),
                      W(EPERM), W(ETIMEDOUT)}},
    /* EPERM, ENOSYS here and below: a sandbox, a small kernel */
    [ROW_epoll_create1] = {"epoll_create1", {W(EMFILE), W(ENFILE), W(ENOMEM), W(EPERM), W(ENOSYS)}},
    [ROW_epoll_ctl] = {"epoll_ctl(ADD)", {W(ENOMEM), W(ENOSPC)}},
    [ROW_epoll_pwait2] = {"epoll_pwait2", {W(EINTR), W(ENOSYS), W(EPERM)}},
    [ROW_epoll_wait] = {"epoll_wait", {W(EINTR)}},
    [ROW_eventfd] = {"eventfd", {W(EMFILE), W(ENFILE), W(ENODEV), W(ENOMEM)}},
    [ROW_fcntl_int] = {"fcntl(F_SETFL)", {W(EPERM)}}, /* a file that may only be appended to */
    [ROW_fdatasync] = {"fdatasync", {W(EINTR), W(EDQUOT), W(EIO), W(ENOSPC)}},
    [ROW_fstat] = {"fstat", {W(EIO), W(ENOMEM), W(EOVERFLOW)}},
    [ROW_fstatat] = {"fstatat", {W(EACCES), W(EIO), W(ELOOP), W(ENOENT), W(ENOMEM)}},
    [ROW_fsync] = {"fsync", {W(EINTR), W(EDQUOT), W(EIO), W(ENOSPC)}},
    [ROW_ftruncate] = {"ftruncate", {W(EINTR), W(EFBIG), W(EIO), W(EPERM)}},
    [ROW_getdents64] = {"getdents64", {W(EINTR), W(EIO), W(ENOENT), W(ENOMEM)}},
    [ROW_getsockname] = {"getsockname", {W(ENOBUFS)}},
    [ROW_getsockopt] = {"getsockopt", {W(EACCES), W(ENOBUFS)}}, /* POSIX has them */
    [ROW_inotify_add_watch] = {"inotify_add_watch", {W(EACCES), W(ENOENT), W(ENOMEM), W(ENOSPC)}},
    [ROW_inotify_init1] = {"inotify_init1", {W(EMFILE), W(ENFILE), W(ENOMEM), W(ENOSYS)}},
    [ROW_link] = {"link", {W(EACCES), W(EIO), W(EMLINK), W(ENOENT), W(ENOSPC), W(EPERM), W(EXDEV)}},
    [ROW_kill] = {"kill", {W(EPERM)}},
    [ROW_listen] = {"listen", {W(EADDRINUSE)}}, /* somebody else listens there since we bound */
    /* EINVAL: a kernel that does not know this advice */
    [ROW_madvise] = {"madvise", {W(EAGAIN), W(EINVAL), W(ENOMEM)}},
    [ROW_mkdir] = {"mkdir", {W(EACCES), W(EEXIST), W(EIO), W(ENOENT), W(ENOSPC), W(EROFS)}},
    [ROW_mmap] = {"mmap", {W(EAGAIN), W(ENOMEM)}}, /* EAGAIN: too much is locked */
    [ROW_mprotect] = {"mprotect", {W(EACCES), W(ENOMEM)}},
    [ROW_open] = {"open",
                  {W(EINTR), W(EACCES), W(ELOOP), W(EMFILE), W(ENFILE), W(ENOENT), W(ENOMEM),
                   W(EPERM)}},
    [ROW_pidfd_open] = {"pidfd_open", {W(EMFILE), W(ENFILE), W(ENOMEM), W(ENOSYS), W(EPERM)}},
    [ROW_pidfd_send_signal] = {"pidfd_send_signal", {W(ENOSYS), W(EPERM)}},
    [ROW_pipe2] = {"pipe2", {W(EMFILE), W(ENFILE)}},
    [ROW_poll] = {"poll", {W(EINTR), W(ENOMEM)}},
    [ROW_ppoll] = {"ppoll", {W(EINTR), W(ENOMEM)}},
    [ROW_pread] = {"pread", {W(EINTR), W(EIO), W(ENOMEM)}},
    /* EOPNOTSUPP, ENOSYS: the flag, or the call, is newer than the kernel */
    [ROW_preadv2] = {"preadv2", {W(EINTR), W(EIO), W(ENOSYS), W(EOPNOTSUPP)}},
    [ROW_process_madvise] = {"process_madvise", /* EPERM: for want of CAP_SYS_NICE */
                             {W(EINTR), W(EINVAL), W(ENOMEM), W(ENOSYS), W(EPERM)}},
    [ROW_pselect] = {"pselect", {W(EINTR), W(ENOMEM)}},
    [ROW_pwrite] = {"pwrite", {W(EINTR), W(EDQUOT), W(EFBIG), W(EIO), W(ENOSPC)}},
    [ROW_pwritev2] = {"pwritev2",
                      {W(EINTR), W(EDQUOT), W(EFBIG), W(EIO), W(ENOSPC), W(ENOSYS), W(EOPNOTSUPP),
                       W(EPIPE)}},
    [ROW_read] = {"read", {W(EINTR), W(ECONNRESET), W(EIO)}},
    [ROW_readlink] = {"readlink", {W(EACCES), W(EIO), W(ENOENT), W(ENOMEM)}},
    [ROW_recv] = {"recv", {W(EINTR), W(ECONNREFUSED), W(ECONNRESET), W(ENOMEM), W(ETIMEDOUT)}},
    [ROW_rename] = {"rename", {W(EACCES), W(EIO), W(ENOENT), W(ENOSPC), W(EROFS), W(EXDEV)}},
    [ROW_rmdir] = {"rmdir", {W(EACCES), W(EBUSY), W(EIO), W(ENOENT), W(ENOTEMPTY)}},
    [ROW_recvfrom] = {"recvfrom", {W(EINTR), W(EAGAIN), W(ECONNREFUSED), W(ENOMEM)}},
    [ROW_recvmsg] = {"recvmsg", {W(EINTR), W(EAGAIN), W(ECONNREFUSED), W(ENOMEM)}},
    [ROW_recvmmsg] = {"recvmmsg", {W(EINTR), W(EAGAIN), W(ECONNREFUSED), W(ENOMEM)}},
    [ROW_send] = {"send", {W(EINTR), W(EACCES), W(ECONNRESET), W(ENOBUFS), W(ENOMEM), W(EPIPE)}},
    [ROW_sendto] = {"sendto", {W(EINTR), W(EAGAIN), W(ENOBUFS), W(ENOMEM), W(EPERM), W(EMSGSIZE)}},
    [ROW_sendmsg] = {"sendmsg", {W(EINTR), W(EAGAIN), W(ENOBUFS), W(ENOMEM), W(EPERM), W(EMSGSIZE)}},
    [ROW_sendmmsg] = {"sendmmsg", {W(EINTR), W(EAGAIN), W(ENOBUFS), W(ENOMEM), W(EPERM), W(EMSGSIZE)}},
    [ROW_setsockopt] = {"setsockopt", {W(ENOBUFS), W(ENOMEM)}},
    [ROW_sigaltstack] = {"sigaltstack", {W(ENOMEM)}}, /* a processor with larger frames */
    [ROW_socket] = {"socket",
                    {W(EACCES), W(EAFNOSUPPORT), W(EMFILE), W(ENFILE), W(ENOBUFS), W(ENOMEM)}},
    [ROW_socketpair] = {"socketpair", {W(EMFILE), W(ENFILE), W(ENOBUFS), W(ENOMEM)}},
    [ROW_statx] = {"statx", {W(EACCES), W(EIO), W(ELOOP), W(ENOENT), W(ENOMEM), W(ENOSYS)}},
    [ROW_symlink] = {"symlink", {W(EACCES), W(EEXIST), W(EIO), W(ENOENT), W(ENOSPC), W(EROFS)}},
    [ROW_tee] = {"tee", {W(ENOMEM)}},
    [ROW_truncate] = {"truncate", {W(EINTR), W(EACCES), W(EFBIG), W(EIO), W(ENOENT)}},
    [ROW_unlink] = {"unlink", {W(EACCES), W(EIO), W(ENOENT), W(ENOMEM), W(EPERM), W(EROFS)}},
    [ROW_waitid] = {"waitid", {W(EINTR)}}, /* it does not wait: WNOHANG */
    [ROW_write] = {"write",
                   {W(EINTR), W(ECONNRESET), W(EDQUOT), W(EFBIG), W(EIO), W(ENOSPC), W(EPIPE)}},
    /* its answer is the error; for EAI_SYSTEM errno is EMFILE */
    [ROW_getaddrinfo] = {"getaddrinfo",
                         {W(EAI_ADDRFAMILY), W(EAI_AGAIN), W(EAI_FAIL), W(EAI_MEMORY),
                          W(EAI_NODATA), W(EAI_NONAME), W(EAI_SERVICE), W(EAI_SYSTEM)}},
    [ROW_getnameinfo] = {"getnameinfo",
                         {W(EAI_AGAIN), W(EAI_FAIL), W(EAI_MEMORY), W(EAI_NONAME), W(EAI_OVERFLOW),
                          W(EAI_SYSTEM)}},
    [ROW_posix_spawnp] = {"posix_spawnp", {W(EAGAIN), W(ENOMEM), W(ENOENT), W(EACCES)}},
    [ROW_thread_start] = {"pthread_create", {W(EAGAIN)}}, /* its answer is the error */
    /* EINVAL: an older kernel, which knows fewer flags */
    [ROW_uring_setup] = {"io_uring_setup",
                         {W(EINVAL), W(EMFILE), W(ENFILE), W(ENOMEM), W(ENOSYS), W(EPERM)}},
    /* EBUSY: completions must be taken first; EBADR: some were dropped */
    [ROW_uring_enter] = {"io_uring_enter", {W(EINTR), W(EAGAIN), W(EBADR), W(EBUSY)}},
};

static uint32_t ways_of(enum row row)
{
    uint32_t count = 0;

    while (count < sizeof rows[row].ways / sizeof *rows[row].ways && rows[row].ways[count].error) {
        count++;
    }
    return count;
}

static bool interruptible(enum row row)
{
    return rows[row].ways[0].error == EINTR;
}

/* ---- the books ------------------------------------------------------------------------------- */

/* The real tables; outside an installation nothing here is looked at. */
static struct hark__sys real;
static struct hark__memory real_memory;
static struct hark__sys lower; /* the real one, and the odd ones that move and wait */
static bool installed;

static uint8_t (*calls)[MOST];            /* [kind][place]: its row, as far as a run has known it */
static uint32_t known[HARK__FAULT_KINDS]; /* places of the last counting run */
static uint32_t counted[HARK__FAULT_KINDS]; /* of this one */
static struct hark__fault armed;
static bool put_in;
static bool begun;             /* between begin and end */
static bool interrupted[ROWS]; /* INTERRUPT: the next one goes through */
static bool forgets;           /* the hub that was last asked does not last */

/* Rule X2: a thread is known by the place of a variable of its own. */
static _Thread_local char own;
static _Atomic(char *) counting;

static bool counts(void)
{
    return atomic_load_explicit(&counting, memory_order_relaxed) == &own;
}

/* One more place of that kind: does the armed fault want it? A run with a fault corrects the books
 * only at the place of its fault. */
static bool place(enum hark__fault_kind kind, enum row row)
{
    uint32_t number = counted[kind]++;
    bool hit = armed.kind == kind && number == armed.place;

    if (number < MOST && (hit || armed.kind == HARK__FAULT_NONE)) {
        calls[kind][number] = (uint8_t)row;
    }
    if (armed.kind == HARK__FAULT_NONE) {
        known[kind] = number + 1;
    }
    return hit;
}

/* SHORT and INTERRUPT: the whole run is the place. */
static bool only_place(enum hark__fault_kind kind)
{
    counted[kind] = 1;
    if (armed.kind == HARK__FAULT_NONE) {
        known[kind] = 1;
    }
    return armed.kind == kind && armed.place == 0;
}

static bool is_interrupted(enum row row)
{
    if (!interruptible(row) || !only_place(HARK__FAULT_INTERRUPT)) {
        return false;
    }
    interrupted[row] = !interrupted[row];
    put_in |= interrupted[row];
    return interrupted[row];
}

/* A call begins: the error that it shall answer, or 0. */
static int error_of(enum row row)
{
    if (!counts() || !rows[row].ways[0].error) {
        return 0;
    }
    if (place(HARK__FAULT_SYSTEM, row) && armed.variant < ways_of(row)) {
        put_in = true;
        return rows[row].ways[armed.variant].error;
    }
    return is_interrupted(row) ? EINTR : 0;
}

/* As that call says that it has failed. */
static intptr_t answer(enum row row, int error)
{
    if (row == ROW_thread_start || row == ROW_getaddrinfo || row == ROW_getnameinfo ||
        row == ROW_posix_spawnp) {
        errno = error == EAI_SYSTEM ? EMFILE : errno;
        return error;
    }
    errno = error;
    return -1;
}

/* ---- plain calls ----------------------------------------------------------------------------- */

#define PLAIN(result, name, parameters, arguments) \
    static result plain_##name parameters \
    { \
        int error = error_of(ROW_##name); \
        return error ? (result)answer(ROW_##name, error) : lower.name arguments; \
    }
HARK__SYSCALLS(PLAIN)

#define PLAIN_ENTRY(result, name, parameters, arguments) .name = plain_##name,
static const struct hark__sys plain = {HARK__SYSCALLS(PLAIN_ENTRY)};

/* ---- calls that only fail in some of their uses, or do something before ---------------------- */

static int odd_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    return operation == EPOLL_CTL_ADD ? plain_epoll_ctl(epoll, operation, fd, event)
                                      : real.epoll_ctl(epoll, operation, fd, event);
}

static int odd_fcntl_int(int fd, int command, int argument)
{
    return command == F_SETFL ? plain_fcntl_int(fd, command, argument)
                              : real.fcntl_int(fd, command, argument);
}

static int odd_sigaltstack(const stack_t *stack, stack_t *old)
{
    return stack && !old && !(stack->ss_flags & SS_DISABLE) ? plain_sigaltstack(stack, old)
                                                            : real.sigaltstack(stack, old);
}

static int odd_close(int fd)
{
    int error = error_of(ROW_close);
    int result = real.close(fd);

    return error && result == 0 ? (int)answer(ROW_close, error) : result;
}

/* Interrupted, it goes on by itself. */
static int odd_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int error = error_of(ROW_connect);

    if (error == EINTR && real.connect(fd, address, length) < 0 && errno != EINPROGRESS) {
        return -1;
    }
    return error ? (int)answer(ROW_connect, error) : real.connect(fd, address, length);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool no_memory(void)
{
    if (!counts()) {
        return false;
    }
    bool hit = place(HARK__FAULT_MEMORY, ROWS);
    bool later = armed.kind == HARK__FAULT_MEMORY && armed.variant == 1 &&
                 counted[HARK__FAULT_MEMORY] > armed.place;

    put_in |= hit || later;
    return hit || later;
}

static void *failing_allocate(size_t size)
{
    return no_memory() ? NULL : real_memory.allocate(size);
}

static void *failing_resize(void *old, size_t size)
{
    return no_memory() ? NULL : real_memory.resize(old, size);
}

static void *odd_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (flags & MAP_ANONYMOUS && no_memory()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return plain_mmap(address, length, protection, flags, fd, offset);
}

/* ---- calls that move bytes ------------------------------------------------------------------- */

/* Rule X4. `surely`: a flag of the call says that it does not block. */
static bool says_again(enum row row, int fd, bool surely)
{
    if (!counts() || !forgets) {
        return false;
    }
    int flags = surely ? O_NONBLOCK : real.fcntl_int(fd, F_GETFL, 0);
    if (flags < 0 || !(flags & O_NONBLOCK) || !place(HARK__FAULT_SPURIOUS, row) || armed.variant) {
        return false;
    }
    put_in = true;
    errno = EAGAIN;
    return true;
}

/* -1: it is no socket. */
static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    return real.getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

/* Rule X5. */
static bool may_be_cut(int fd, bool reads)
{
    int type = option_of(fd, SO_TYPE);

    if (type < 0) {
        return true;
    }
    bool told_by_edges = reads && !forgets && option_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
    return type == SOCK_STREAM && !told_by_edges;
}

/* How much of it is moved. */
static size_t cut(int fd, size_t size, bool reads)
{
    if (!counts() || !only_place(HARK__FAULT_SHORT) || size < 2 || !may_be_cut(fd, reads)) {
        return size;
    }
    put_in = true;
    return armed.variant == 0 ? 1 : size / 2;
}

static bool takes_no_less(ssize_t moved, size_t less, size_t size)
{
    return moved < 0 && errno == EINVAL && less < size;
}

static ssize_t short_read(int fd, void *buffer, size_t size)
{
    if (says_again(ROW_read, fd, false)) {
        return -1;
    }
    size_t less = cut(fd, size, true);
    ssize_t moved = real.read(fd, buffer, less);
    return takes_no_less(moved, less, size) ? real.read(fd, buffer, size) : moved;
}

static ssize_t short_write(int fd, const void *buffer, size_t size)
{
    if (says_again(ROW_write, fd, false)) {
        return -1;
    }
    size_t less = cut(fd, size, false);
    ssize_t moved = real.write(fd, buffer, less);
    return takes_no_less(moved, less, size) ? real.write(fd, buffer, size) : moved;
}

static ssize_t short_recv(int fd, void *buffer, size_t size, int flags)
{
    if (says_again(ROW_recv, fd, flags & MSG_DONTWAIT)) {
        return -1;
    }
    return real.recv(fd, buffer, cut(fd, size, true), flags);
}

static ssize_t short_send(int fd, const void *buffer, size_t size, int flags)
{
    if (says_again(ROW_send, fd, flags & MSG_DONTWAIT)) {
        return -1;
    }
    return real.send(fd, buffer, cut(fd, size, false), flags);
}

/* Some of the first part that is not empty; false: as it is. */
static bool cut_parts(int fd, const struct iovec *parts, int count, bool reads, struct iovec *less)
{
    int i = 0;

    while (i < count && parts[i].iov_len == 0) {
        i++;
    }
    if (i >= count) {
        return false;
    }
    *less = (struct iovec){parts[i].iov_base, cut(fd, parts[i].iov_len, reads)};
    return less->iov_len < parts[i].iov_len;
}

static ssize_t short_preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    struct iovec less;

    if (says_again(ROW_preadv2, fd, flags & RWF_NOWAIT)) {
        return -1;
    }
    return cut_parts(fd, parts, count, true, &less) ? real.preadv2(fd, &less, 1, offset, flags)
                                                    : real.preadv2(fd, parts, count, offset, flags);
}

static ssize_t short_pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    struct iovec less;

    if (says_again(ROW_pwritev2, fd, flags & RWF_NOWAIT)) {
        return -1;
    }
    return cut_parts(fd, parts, count, false, &less)
               ? real.pwritev2(fd, &less, 1, offset, flags)
               : real.pwritev2(fd, parts, count, offset, flags);
}

static int shy_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return says_again(ROW_accept4, fd, false) ? -1 : real.accept4(fd, address, length, flags);
}

/* ---- calls by which hubs wait ---------------------------------------------------------------- */

enum disturbance { DISTURBS_NOT, INTERRUPTS, ENDS_EARLY, HIDES };

/* poll(2) is not among them: no hub waits by it, and who asks it of one descriptor believes it. */
static enum disturbance disturbance_of(enum row row, bool waits)
{
    if (!counts()) {
        return DISTURBS_NOT;
    }
    forgets = row == ROW_ppoll || row == ROW_pselect;
    if (waits) {
        bool hit = place(HARK__FAULT_SPURIOUS, row);
        return !hit || armed.variant > 1 ? DISTURBS_NOT : armed.variant ? ENDS_EARLY : INTERRUPTS;
    }
    /* A ring's look is submitting as well, and its completions are read without a call. */
    if (row == ROW_uring_enter || !place(HARK__FAULT_LATE, row)) {
        return DISTURBS_NOT;
    }
    put_in = true;
    return HIDES;
}

/* `found` is what there is without waiting: then nothing is disturbed. */
static int disturbed(enum disturbance how, int found)
{
    if (found) {
        return found;
    }
    put_in = true;
    errno = how == INTERRUPTS ? EINTR : errno;
    return how == INTERRUPTS ? -1 : 0;
}

static const struct timespec at_once;

static bool is_a_wait(const struct timespec *timeout)
{
    return !timeout || timeout->tv_sec || timeout->tv_nsec;
}

static int hub_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    enum disturbance how = disturbance_of(ROW_epoll_wait, timeout != 0);

    if (how == DISTURBS_NOT) {
        return real.epoll_wait(epoll, events, max, timeout);
    }
    return disturbed(how, how == HIDES ? 0 : real.epoll_wait(epoll, events, max, 0));
}

static int hub_epoll_pwait2(int epoll, struct epoll_event *events, int max,
                            const struct timespec *timeout, const sigset_t *mask)
{
    enum disturbance how = disturbance_of(ROW_epoll_pwait2, is_a_wait(timeout));

    if (how == DISTURBS_NOT) {
        return real.epoll_pwait2(epoll, events, max, timeout, mask);
    }
    return disturbed(how, how == HIDES ? 0 : real.epoll_pwait2(epoll, events, max, &at_once, mask));
}

static int hub_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask)
{
    enum disturbance how = disturbance_of(ROW_ppoll, is_a_wait(timeout));

    if (how == DISTURBS_NOT) {
        return real.ppoll(fds, count, timeout, mask);
    }
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = 0;
    }
    return disturbed(how, how == HIDES ? 0 : real.ppoll(fds, count, &at_once, mask));
}

static int hub_pselect(int count, fd_set *in, fd_set *out, fd_set *bad,
                       const struct timespec *timeout, const sigset_t *mask)
{
    enum disturbance how = disturbance_of(ROW_pselect, is_a_wait(timeout));

    if (how == DISTURBS_NOT) {
        return real.pselect(count, in, out, bad, timeout, mask);
    }
    if (how != HIDES) {
        return disturbed(how, real.pselect(count, in, out, bad, &at_once, mask));
    }
    FD_ZERO(in);
    FD_ZERO(out);
    FD_ZERO(bad);
    return 0;
}

static int odd_uring_setup(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    int error = error_of(ROW_uring_setup);

    return error ? -error : real.uring_setup(entries, ring, params);
}

/* What must go into the ring goes in all the same. */
static int odd_uring_enter(struct io_uring *ring, unsigned wait, int64_t timeout)
{
    int error = error_of(ROW_uring_enter);
    enum disturbance how = error ? DISTURBS_NOT : disturbance_of(ROW_uring_enter, wait != 0);

    if (error) {
        return -error;
    }
    int result = real.uring_enter(ring, how == DISTURBS_NOT ? wait : 0, timeout);
    if (how == DISTURBS_NOT || result < 0) {
        return result;
    }
    put_in = true;
    return how == INTERRUPTS ? -EINTR : -ETIME;
}

/* ---- installing ------------------------------------------------------------------------------ */

static void fill_lower(void)
{
    lower = real;
    lower.accept4 = shy_accept4;
    lower.epoll_pwait2 = hub_epoll_pwait2;
    lower.epoll_wait = hub_epoll_wait;
    lower.ppoll = hub_ppoll;
    lower.preadv2 = short_preadv2;
    lower.pselect = hub_pselect;
    lower.pwritev2 = short_pwritev2;
    lower.read = short_read;
    lower.recv = short_recv;
    lower.send = short_send;
    lower.write = short_write;
}

static void fill_tables(void)
{
    hark__sys = plain;
    hark__sys.close = odd_close;
    hark__sys.connect = odd_connect;
    hark__sys.epoll_ctl = odd_epoll_ctl;
    hark__sys.fcntl_int = odd_fcntl_int;
    hark__sys.mmap = odd_mmap;
    hark__sys.sigaltstack = odd_sigaltstack;
    hark__sys.uring_setup = real.uring_setup ? odd_uring_setup : NULL;
    hark__sys.uring_enter = real.uring_enter ? odd_uring_enter : NULL;
    hark__sys.uring_exit = real.uring_exit;
    hark__sys.uring_opcodes = real.uring_opcodes;
    hark__memory.allocate = failing_allocate;
    hark__memory.resize = failing_resize;
}

/* The books are no memory of the library's: they are not in its account. */
int hark__fault_install(void)
{
    if (installed) {
        return -EBUSY;
    }
    calls = hark__memory.allocate(HARK__FAULT_KINDS * sizeof *calls);
    if (!calls) {
        return -ENOMEM;
    }
    memset(known, 0, sizeof known);
    memset(counted, 0, sizeof counted);
    armed = (struct hark__fault){.kind = HARK__FAULT_NONE};
    atomic_store(&counting, NULL);
    real = hark__sys;
    real_memory = hark__memory;
    fill_lower();
    fill_tables();
    installed = true;
    return 0;
}

void hark__fault_uninstall(void)
{
    if (!installed) {
        return;
    }
    atomic_store(&counting, NULL);
    hark__sys = real;
    hark__memory = real_memory;
    real_memory.release(calls);
    calls = NULL;
    installed = false;
}

void hark__fault_begin(const struct hark__fault *fault)
{
    armed = fault ? *fault : (struct hark__fault){.kind = HARK__FAULT_NONE};
    if (armed.kind == HARK__FAULT_NONE) {
        memset(known, 0, sizeof known);
    }
    memset(counted, 0, sizeof counted);
    memset(interrupted, 0, sizeof interrupted);
    put_in = forgets = false;
    begun = installed;
    hark__fault_pause(false);
}

void hark__fault_pause(bool on)
{
    if (begun) {
        atomic_store(&counting, on ? NULL : &own);
    }
}

bool hark__fault_end(void)
{
    hark__fault_pause(true);
    begun = false;
    return put_in;
}

/* ---- what is known of the places ------------------------------------------------------------- */

static bool is_a_kind(enum hark__fault_kind kind)
{
    return kind > HARK__FAULT_NONE && kind <= HARK__FAULT_LATE;
}

uint32_t hark__fault_places(enum hark__fault_kind kind)
{
    return is_a_kind(kind) ? counted[kind] : 0;
}

static bool is_known(enum hark__fault_kind kind, uint32_t number)
{
    return installed && is_a_kind(kind) && number < known[kind] && number < MOST;
}

static bool is_hub_wait(enum row row)
{
    return row == ROW_epoll_wait || row == ROW_epoll_pwait2 || row == ROW_ppoll ||
           row == ROW_pselect || row == ROW_uring_enter;
}

uint32_t hark__fault_variants(enum hark__fault_kind kind, uint32_t number)
{
    if (!is_known(kind, number)) {
        return 0;
    }
    switch (kind) {
    case HARK__FAULT_SYSTEM: return ways_of(calls[kind][number]);
    case HARK__FAULT_SPURIOUS: return is_hub_wait(calls[kind][number]) ? 2 : 1;
    case HARK__FAULT_MEMORY:
    case HARK__FAULT_SHORT: return 2;
    default: return 1;
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

/* 1st, 2nd, 3rd, 4th; 11th to 13th. */
static void put_ordinal(struct hark__text *text, uint32_t number)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    bool teen = number / 10 % 10 == 1;

    hark__text_put(text, "%u%s", number, endings[!teen && number % 10 < 4 ? number % 10 : 0]);
}

/* "the 3rd call of epoll_wait": of its like among the places of that kind. */
static void put_call(struct hark__text *text, enum hark__fault_kind kind, uint32_t number)
{
    enum row row = calls[kind][number];
    uint32_t same = 0;

    for (uint32_t i = 0; i <= number; i++) {
        same += calls[kind][i] == (uint8_t)row;
    }
    hark__text_put(text, "the ");
    put_ordinal(text, same);
    hark__text_put(text, " call of %s", rows[row].name);
}

static void put_system(struct hark__text *text, const struct hark__fault *fault)
{
    enum row row = calls[fault->kind][fault->place];
    const char *name = fault->variant < ways_of(row) ? rows[row].ways[fault->variant].name : "?";

    put_call(text, fault->kind, fault->place);
    hark__text_put(text, row == ROW_close ? " closes, but answers %s" : " fails with %s", name);
}

static void put_spurious(struct hark__text *text, const struct hark__fault *fault)
{
    bool waits = is_hub_wait(calls[fault->kind][fault->place]);

    put_call(text, fault->kind, fault->place);
    hark__text_put(text, "%s",
                   !waits           ? " answers EAGAIN, although it need not"
                   : fault->variant ? " ends with nothing, without having waited"
                                    : " ends by EINTR, without having waited");
}

static void put_memory(struct hark__text *text, const struct hark__fault *fault)
{
    hark__text_put(text, "the ");
    put_ordinal(text, fault->place + 1);
    hark__text_put(text, " allocation %s", fault->variant ? "and all later ones fail" : "fails");
}

static void put_unknown(struct hark__text *text, const struct hark__fault *fault)
{
    static const char *const names[HARK__FAULT_KINDS] = {
        [HARK__FAULT_SYSTEM] = "system call",
        [HARK__FAULT_SPURIOUS] = "wait",
        [HARK__FAULT_LATE] = "look",
    };

    hark__text_put(text, "the ");
    put_ordinal(text, fault->place + 1);
    hark__text_put(text, " %s that a fault can hit, in way %u", names[fault->kind], fault->variant);
}

void hark__fault_words(const struct hark__fault *fault, struct hark__text *text)
{
    bool placed = fault->kind == HARK__FAULT_SYSTEM || fault->kind == HARK__FAULT_SPURIOUS ||
                  fault->kind == HARK__FAULT_LATE;

    if (placed && !is_known(fault->kind, fault->place)) {
        put_unknown(text, fault);
        return;
    }
    switch (fault->kind) {
    case HARK__FAULT_MEMORY: put_memory(text, fault); break;
    case HARK__FAULT_SYSTEM: put_system(text, fault); break;
    case HARK__FAULT_SHORT:
        hark__text_put(text, "every read and write moves %s",
                       fault->variant ? "half of what was asked" : "one byte");
        break;
    case HARK__FAULT_INTERRUPT:
        hark__text_put(text, "every second call is interrupted by a signal");
        break;
    case HARK__FAULT_SPURIOUS: put_spurious(text, fault); break;
    case HARK__FAULT_LATE:
        put_call(text, fault->kind, fault->place);
        hark__text_put(text, " sees nothing, whatever is there");
        break;
    default: hark__text_put(text, "no fault"); break;
    }
}
