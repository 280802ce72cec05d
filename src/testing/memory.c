/* SPDX-License-Identifier: MIT
 *
 * memory.c - connected stream descriptors that live in memory, for the explorer.
 *
 * Idea     The code under test is the code that ships: it makes its calls through hark__sys. The
 *          entries that may meet a descriptor are overwritten here; numbers of ours are answered
 *          from a fixed table, all others by the entry that stood there before. So nothing depends
 *          on the kernel, and a schedule replays exactly.
 *
 *          An end behaves as one of a non-blocking AF_UNIX stream socketpair: the test makes the
 *          same random calls on both and compares. What has arrived stands in the ring of the end
 *          that receives it.
 *
 * Rules    D1  The lowest free number is given out first and reused at once, as the kernel does.
 *          D2  The hub knows what poll(2) would say: what came is an edge, what was used up is not
 *              ready any more. A full ring that gets room is an edge; room in one that had some is
 *              none.
 *          D3  Closing takes all that the hub knew of the number with it, and a new owner begins
 *              clean: registrations vanish with the descriptor, whoever closed it.
 *          D4  No call sleeps. Where the kernel would stop the thread (O_NONBLOCK was taken off and
 *              the call has no MSG_DONTWAIT), it fails with EDEADLK: the library never does that.
 *          D5  A number in our range that is not open is EBADF: the kernel is not asked.
 *          D6  The other end of one that was closed with unread bytes is told ECONNRESET, once,
 *              after what had arrived; then it is the end of the stream.
 *
 * Differs  A peer's pace: the kernel calls a socket writable when a quarter of its buffer is free,
 *          and here one byte is enough. SIGPIPE is not raised. poll and ppoll do not sleep when one
 *          of the descriptors is ours. epoll_ctl, pselect and rings are the kernel's, which knows
 *          none of ours. There are no names, no dup, no out-of-band bytes, no passed descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>

#include "base/sys.h"
#include "testing/memory.h"

struct end {
    bool open;
    bool blocking;        /* O_NONBLOCK was taken off */
    bool inherited;       /* FD_CLOEXEC was */
    int peer;             /* its place; -1: closed */
    int error;            /* to be told once */
    uint32_t serial;      /* st_ino */
    uint32_t first, used; /* what has arrived, in the ring */
    uint32_t room;        /* of the ring */
    char ring[HARK__MEMORY_ROOM];
};

static struct {
    bool installed, partial;
    hark__hub *hub;
    uint32_t serial;
    struct end ends[HARK__MEMORY_COUNT];
} table;

static struct hark__sys before; /* valid while installed */

enum {
    IN = POLLIN | POLLRDNORM,
    OUT = POLLOUT | POLLWRNORM | POLLWRBAND,
    UNASKED = POLLERR | POLLHUP,
    ALL = IN | OUT | UNASKED | POLLRDHUP,
};

static bool is_ours(int fd)
{
    return fd >= HARK__MEMORY_FIRST && fd < HARK__MEMORY_FIRST + HARK__MEMORY_COUNT;
}

/* NULL: not open, errno says so. */
static struct end *end_of(int fd)
{
    struct end *end = &table.ends[fd - HARK__MEMORY_FIRST];

    if (!end->open) {
        errno = EBADF;
    }
    return end->open ? end : NULL;
}

static struct end *peer_of(const struct end *end)
{
    return end->peer < 0 ? NULL : &table.ends[end->peer];
}

static int number_of(const struct end *end)
{
    return HARK__MEMORY_FIRST + (int)(end - table.ends);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- what is ready, and who is told ---------------------------------------------------------- */

static int level(const struct end *end)
{
    const struct end *peer = peer_of(end);
    int events = end->error ? POLLERR : 0;

    if (!peer) {
        return events | IN | OUT | POLLHUP | POLLRDHUP;
    }
    return events | (end->used ? IN : 0) | (peer->used < peer->room ? OUT : 0);
}

static void news(const struct end *end, int events)
{
    if (table.hub) {
        hark__sim_ready(table.hub, number_of(end), events);
    }
}

/* Rule D2: after something was used up. */
static void used_up(const struct end *end)
{
    if (table.hub) {
        hark__sim_unready(table.hub, number_of(end), ALL & ~level(end));
    }
}

static void forget(const struct end *end)
{
    if (table.hub) {
        hark__sim_forget(table.hub, number_of(end));
    }
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

struct parts {
    const struct iovec *at;
    int count;
    size_t size; /* of all */
};

static struct parts parts_of(const struct iovec *at, int count)
{
    struct parts parts = {at, count, 0};

    for (int i = 0; i < count; i++) {
        parts.size += at[i].iov_len;
    }
    return parts;
}

static uint32_t how_many(size_t asked, uint32_t possible)
{
    static uint64_t unseeded;
    uint32_t count = asked < possible ? (uint32_t)asked : possible;
    bool short_one =
        count > 1 && table.partial && hark__choices.pick(&unseeded, HARK__CHOOSE_OWN, 2) == 1;

    return short_one ? 1 : count;
}

/* Between the ring, from its place `from` on, and the parts. */
static void copy(struct end *end, uint32_t from, struct parts parts, uint32_t count, bool into)
{
    for (int i = 0; count > 0; i++) {
        char *byte = parts.at[i].iov_base;
        for (size_t left = parts.at[i].iov_len; left > 0 && count > 0; left--, count--, from++) {
            char *place = &end->ring[from % end->room];
            *(into ? place : byte) = *(into ? byte : place);
            byte++;
        }
    }
}

/* Rule D4. */
static int would_wait(const struct end *end, bool now)
{
    return fail(end->blocking && !now ? EDEADLK : EAGAIN);
}

static ssize_t nothing_there(struct end *end, bool now)
{
    int error = end->error;

    if (error) {
        end->error = 0;
        used_up(end);
        return fail(error);
    }
    return end->peer < 0 ? 0 : would_wait(end, now);
}

static ssize_t pull(struct end *end, struct parts parts, bool now, bool peek)
{
    if (!end->used) {
        return nothing_there(end, now);
    }
    uint32_t count = how_many(parts.size, end->used);
    copy(end, end->first, parts, count, false);
    if (peek || !count) {
        return count;
    }
    bool was_full = end->used == end->room;
    end->first = (end->first + count) % end->room;
    end->used -= count;
    used_up(end);
    if (was_full && end->peer >= 0) {
        news(peer_of(end), OUT);
    }
    return count;
}

static ssize_t push(struct end *end, struct parts parts, bool now)
{
    struct end *peer = peer_of(end);

    if (!peer) {
        return fail(EPIPE);
    }
    if (!parts.size) {
        return 0;
    }
    uint32_t space = peer->room - peer->used;
    bool must_all = end->blocking && !now;
    if (!space || (must_all && parts.size > space)) {
        return would_wait(end, now);
    }
    uint32_t count = how_many(parts.size, space);
    copy(peer, peer->first + peer->used, parts, count, true);
    peer->used += count;
    used_up(end);
    news(peer, IN);
    return count;
}

/* ---- the entries: moving --------------------------------------------------------------------- */

static struct iovec part_of(const void *buffer, size_t size)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)buffer, .iov_len = size};
}

static ssize_t memory_recv(int fd, void *buffer, size_t size, int flags)
{
    if (!is_ours(fd)) {
        return before.recv(fd, buffer, size, flags);
    }
    struct end *end = end_of(fd);
    struct iovec part = part_of(buffer, size);
    if (!end) {
        return -1;
    }
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_PEEK)) {
        return fail(EOPNOTSUPP);
    }
    return pull(end, parts_of(&part, 1), flags & MSG_DONTWAIT, flags & MSG_PEEK);
}

static ssize_t memory_send(int fd, const void *buffer, size_t size, int flags)
{
    if (!is_ours(fd)) {
        return before.send(fd, buffer, size, flags);
    }
    struct end *end = end_of(fd);
    struct iovec part = part_of(buffer, size);
    if (!end) {
        return -1;
    }
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) {
        return fail(EOPNOTSUPP);
    }
    return push(end, parts_of(&part, 1), flags & MSG_DONTWAIT);
}

/* Other than recv, reading nothing looks at nothing. */
static ssize_t memory_read(int fd, void *buffer, size_t size)
{
    if (!is_ours(fd)) {
        return before.read(fd, buffer, size);
    }
    struct end *end = end_of(fd);
    struct iovec part = part_of(buffer, size);
    return !end ? -1 : !size ? 0 : pull(end, parts_of(&part, 1), false, false);
}

static ssize_t memory_write(int fd, const void *buffer, size_t size)
{
    if (!is_ours(fd)) {
        return before.write(fd, buffer, size);
    }
    struct end *end = end_of(fd);
    struct iovec part = part_of(buffer, size);
    return end ? push(end, parts_of(&part, 1), false) : -1;
}

/* May a vector be moved? Sockets have no offsets. */
static struct end *check_vector(int fd, int count, off_t offset, int flags)
{
    struct end *end = end_of(fd);
    int error = offset != -1 ? ESPIPE : flags & ~RWF_NOWAIT ? EOPNOTSUPP : count < 0 ? EINVAL : 0;

    if (end && error) {
        errno = error;
    }
    return error ? NULL : end;
}

static ssize_t memory_preadv2(int fd, const struct iovec *at, int count, off_t offset, int flags)
{
    if (!is_ours(fd)) {
        return before.preadv2(fd, at, count, offset, flags);
    }
    struct end *end = check_vector(fd, count, offset, flags);
    struct parts parts = parts_of(at, count);
    return !end ? -1 : !parts.size ? 0 : pull(end, parts, flags & RWF_NOWAIT, false);
}

static ssize_t memory_pwritev2(int fd, const struct iovec *at, int count, off_t offset, int flags)
{
    if (!is_ours(fd)) {
        return before.pwritev2(fd, at, count, offset, flags);
    }
    struct end *end = check_vector(fd, count, offset, flags);
    struct parts parts = parts_of(at, count);
    return !end ? -1 : !parts.size ? 0 : push(end, parts, flags & RWF_NOWAIT);
}

/* ---- the entries: readiness ------------------------------------------------------------------ */

static bool any_is_ours(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (is_ours(fds[i].fd)) {
            return true;
        }
    }
    return false;
}

static int look_at_one(struct pollfd *poll)
{
    if (!is_ours(poll->fd)) {
        return before.poll(poll, 1, 0);
    }
    const struct end *end = &table.ends[poll->fd - HARK__MEMORY_FIRST];
    poll->revents = end->open ? (short)(level(end) & (poll->events | UNASKED)) : POLLNVAL;
    return poll->revents != 0;
}

static int look(struct pollfd *fds, nfds_t count)
{
    int ready = 0;

    for (nfds_t i = 0; i < count; i++) {
        int one = look_at_one(&fds[i]);
        if (one < 0) {
            return one;
        }
        ready += one;
    }
    return ready;
}

static int memory_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return any_is_ours(fds, count) ? look(fds, count) : before.poll(fds, count, timeout);
}

static int memory_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                        const sigset_t *mask)
{
    return any_is_ours(fds, count) ? look(fds, count) : before.ppoll(fds, count, timeout, mask);
}

/* ---- the entries: what it is ----------------------------------------------------------------- */

static int memory_fstat(int fd, struct stat *status)
{
    if (!is_ours(fd)) {
        return before.fstat(fd, status);
    }
    const struct end *end = end_of(fd);
    if (!end) {
        return -1;
    }
    *status = (struct stat){
        .st_mode = S_IFSOCK | 0777,
        .st_ino = end->serial,
        .st_nlink = 1,
        .st_blksize = HARK__MEMORY_ROOM,
    };
    return 0;
}

/* The flags that may be changed are two. */
static int change(struct end *end, int command, int argument)
{
    if (command == F_SETFD) {
        end->inherited = !(argument & FD_CLOEXEC);
    } else {
        end->blocking = !(argument & O_NONBLOCK);
    }
    return 0;
}

static int memory_fcntl_int(int fd, int command, int argument)
{
    if (!is_ours(fd)) {
        return before.fcntl_int(fd, command, argument);
    }
    struct end *end = end_of(fd);
    if (!end) {
        return -1;
    }
    switch (command) {
    case F_GETFD: return end->inherited ? 0 : FD_CLOEXEC;
    case F_GETFL: return O_RDWR | (end->blocking ? 0 : O_NONBLOCK);
    case F_SETFD:
    case F_SETFL: return change(end, command, argument);
    default: return fail(EINVAL);
    }
}

static int take_error(struct end *end)
{
    int error = end->error;

    end->error = 0;
    used_up(end);
    return error;
}

/* -1: there is no such option. */
static int option_of(struct end *end, int name)
{
    switch (name) {
    case SO_TYPE: return SOCK_STREAM;
    case SO_DOMAIN: return AF_UNIX;
    case SO_PROTOCOL:
    case SO_ACCEPTCONN: return 0;
    case SO_ERROR: return take_error(end);
    default: return -1;
    }
}

static int memory_getsockopt(int fd, int protocol, int name, void *value, socklen_t *length)
{
    if (!is_ours(fd)) {
        return before.getsockopt(fd, protocol, name, value, length);
    }
    struct end *end = end_of(fd);
    if (!end) {
        return -1;
    }
    int option = protocol == SOL_SOCKET ? option_of(end, name) : -1;
    if (option < 0) {
        return fail(protocol == SOL_SOCKET ? ENOPROTOOPT : EOPNOTSUPP);
    }
    if (*length > sizeof option) {
        *length = sizeof option;
    }
    memcpy(value, &option, *length);
    return 0;
}

static int memory_setsockopt(int fd, int protocol, int name, const void *value, socklen_t length)
{
    if (!is_ours(fd)) {
        return before.setsockopt(fd, protocol, name, value, length);
    }
    if (!end_of(fd)) {
        return -1;
    }
    if (protocol != SOL_SOCKET) {
        return fail(EOPNOTSUPP);
    }
    return name == SO_REUSEADDR ? 0 : fail(ENOPROTOOPT);
}

static int memory_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    static const sa_family_t family = AF_UNIX;

    if (!is_ours(fd)) {
        return before.getsockname(fd, address, length);
    }
    if (!end_of(fd)) {
        return -1;
    }
    memcpy(address, &family, *length < sizeof family ? *length : sizeof family);
    *length = sizeof family;
    return 0;
}

/* ---- the entries: what a connected socket refuses -------------------------------------------- */

static int refuse(int fd, int error)
{
    return end_of(fd) ? fail(error) : -1;
}

static int memory_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return is_ours(fd) ? refuse(fd, EINVAL) : before.accept4(fd, address, length, flags);
}

static int memory_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return is_ours(fd) ? refuse(fd, EINVAL) : before.bind(fd, address, length);
}

static int memory_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return is_ours(fd) ? refuse(fd, EISCONN) : before.connect(fd, address, length);
}

static int memory_listen(int fd, int backlog)
{
    return is_ours(fd) ? refuse(fd, EINVAL) : before.listen(fd, backlog);
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* What it had sent stays with the peer. */
static int memory_close(int fd)
{
    if (!is_ours(fd)) {
        return before.close(fd);
    }
    struct end *end = end_of(fd);
    if (!end) {
        return -1;
    }
    struct end *peer = peer_of(end);
    end->open = false;
    forget(end);
    if (peer) {
        peer->peer = -1;
        peer->error = end->used ? ECONNRESET : 0;
        news(peer, level(peer));
    }
    return 0;
}

/* Rule D1. NULL: none is free. */
static struct end *lowest(bool open)
{
    for (int i = 0; i < HARK__MEMORY_COUNT; i++) {
        if (table.ends[i].open == open) {
            return &table.ends[i];
        }
    }
    return NULL;
}

/* Not the whole record: the ring's bytes need no cleaning. */
static void begin(struct end *end, int room)
{
    end->open = true;
    end->blocking = end->inherited = false;
    end->peer = -1;
    end->error = 0;
    end->serial = ++table.serial;
    end->first = end->used = 0;
    end->room = (uint32_t)room;
}

int hark__memory_pair(int fds[2], int room)
{
    struct end *ends[2];

    if (!table.installed) {
        return -ENOTSUP;
    }
    if (room < 1 || room > HARK__MEMORY_ROOM) {
        return -EINVAL;
    }
    if (hark__memory_open() + 2 > HARK__MEMORY_COUNT) {
        return -EMFILE;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = lowest(false);
        begin(ends[i], room);
        fds[i] = number_of(ends[i]);
    }
    for (int i = 0; i < 2; i++) {
        ends[i]->peer = (int)(ends[1 - i] - table.ends);
        forget(ends[i]); /* rule D3: also what was asked of the hub while nobody had the number */
        news(ends[i], OUT);
    }
    return 0;
}

int hark__memory_open(void)
{
    int count = 0;

    for (int i = 0; i < HARK__MEMORY_COUNT; i++) {
        count += table.ends[i].open;
    }
    return count;
}

int hark__memory_lowest_open(void)
{
    const struct end *end = lowest(true);
    return end ? number_of(end) : -1;
}

void hark__memory_reset(void)
{
    for (int i = 0; i < HARK__MEMORY_COUNT; i++) {
        table.ends[i].open = false;
    }
    table.hub = NULL;
    table.serial = 0;
}

void hark__memory_partial(bool on)
{
    table.partial = on;
}

void hark__memory_hub(hark__hub *hub)
{
    table.hub = hub && hub->class == &hark__hub_sim ? hub : NULL;
    for (int i = 0; i < HARK__MEMORY_COUNT; i++) {
        forget(&table.ends[i]);
        if (table.ends[i].open) {
            news(&table.ends[i], level(&table.ends[i]));
        }
    }
}

/* ---- the table of calls ---------------------------------------------------------------------- */

#define ENTRIES(X) \
    X(accept4) \
    X(bind) \
    X(close) \
    X(connect) \
    X(fcntl_int) \
    X(fstat) \
    X(getsockname) \
    X(getsockopt) \
    X(listen) \
    X(poll) \
    X(ppoll) \
    X(preadv2) \
    X(pwritev2) \
    X(read) \
    X(recv) \
    X(send) \
    X(setsockopt) \
    X(write)

#define PUT_OURS(name) hark__sys.name = memory_##name;
#define PUT_BACK(name) hark__sys.name = before.name;

int hark__memory_install(void)
{
    if (table.installed) {
        return -EBUSY;
    }
    before = hark__sys;
    ENTRIES(PUT_OURS)
    table.installed = true;
    return 0;
}

void hark__memory_uninstall(void)
{
    if (!table.installed) {
        return;
    }
    hark__memory_reset();
    ENTRIES(PUT_BACK)
    table.installed = false;
}
