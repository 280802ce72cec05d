/* SPDX-License-Identifier: MIT
 *
 * fd.c - one descriptor: what kind it is, waiting for it, letting it go.
 *
 * Idea     The kind decides how a call is made so that it cannot block, and it is asked once a
 *          descriptor (fstat, and for sockets two options). core keeps it beside the waiters.
 *
 *              FD_TCP     recv and send with MSG_DONTWAIT; a short read says "that was all"
 *              FD_SOCKET  the same, but a short read says nothing
 *              FD_PIPE    pipes and FIFOs
 *              FD_FILE    regular files, directories, block devices: never "not ready", only slow
 *              FD_DIRECT  the same, opened with O_DIRECT: nothing of it is ever in memory
 *              FD_OTHER   terminals, other devices, eventfd, timerfd and the like
 *
 *          hark_wait_fd is level whatever the hub is, since it looks with poll(2) before it waits
 *          and after: what was ready and is not any more does not end it.
 * Not here Who stands where (core/interest.c), what is done when it is ready (move.c, socket.c).
 */
#include <fcntl.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define LOOK_AGAIN HARK_MS(10)

int hark__io_fail(const char *call, int fd, int error)
{
    const char *words = strerrordesc_np(-error);

    if (error == -EBADF) {
        return hark__fail(error, call, "descriptor %d is not open, or not for this", fd);
    }
    return hark__fail(error, call, "descriptor %d: %s", fd, words ? words : "an unknown error");
}

int hark__io_open(const char *call, int fd)
{
    if (fd < 0 || (hark__sys.fcntl_int(fd, F_GETFD, 0) < 0 && errno == EBADF)) {
        return hark__io_fail(call, fd, -EBADF);
    }
    return 0;
}

/* ---- what kind it is ------------------------------------------------------------------------ */

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    return hark__sys.getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

static int kind_of_socket(int fd)
{
    int domain = option_of(fd, SO_DOMAIN);
    bool internet = domain == AF_INET || domain == AF_INET6;

    return internet && option_of(fd, SO_PROTOCOL) == IPPROTO_TCP ? FD_TCP : FD_SOCKET;
}

static int kind_of(int fd)
{
    struct stat status;

    if (fd < 0 || hark__sys.fstat(fd, &status) < 0) {
        return fd < 0 ? -EBADF : -errno;
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFSOCK: return kind_of_socket(fd);
    case S_IFIFO: return FD_PIPE;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK: return hark__sys.fcntl_int(fd, F_GETFL, 0) & O_DIRECT ? FD_DIRECT : FD_FILE;
    default: return FD_OTHER;
    }
}

/* Closed, but a worker still uses it: see hark_close. */
static bool is_closing(int fd)
{
    const struct hark__fd *entry = hark__loop_here() ? hark__fd_peek(hark__here, fd) : NULL;
    return entry && entry->closing;
}

int hark__io_entry_slow(struct hark__fd **ret, const char *call, int fd)
{
    int kind = is_closing(fd)
                   ? -EBADF
                   : kind_of(fd); /* first: the table must not grow for a number that is none */

    if (kind < 0) {
        return hark__io_fail(call, fd, kind);
    }
    struct hark__fd *entry = hark__fd_entry(hark__here, fd);
    if (!entry) {
        return hark__fail(-ENOMEM, call, "no memory to watch descriptor %d", fd);
    }
    entry->kind = (uint8_t)kind;
    entry->known = true;
    *ret = entry;
    return 0;
}

bool hark__io_nonblocking(int fd)
{
    int flags = hark__sys.fcntl_int(fd, F_GETFL, 0);
    return flags < 0 || flags & O_NONBLOCK; /* a bad descriptor fails without blocking */
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Who waits there: for the words. */
static void put_waiter(struct hark__text *text, const struct hark__fd *entry, int direction)
{
    const struct hark_waiter *waiter = entry->waits[direction];

    if (waiter && (waiter->owner & OWNER_KIND) != OWNER_WATCH) {
        hark__task_words(hark__owner_of(waiter), text);
    } else {
        hark__text_put(text, "%s", entry->watches[direction] ? "a watch" : "another task");
    }
}

static int busy(const char *call, const struct hark__fd *entry, int direction)
{
    char bytes[96];
    struct hark__text text;

    hark__text_to_string(&text, bytes, sizeof bytes);
    put_waiter(&text, entry, direction);
    return hark__fail(-EBUSY, call, "%s waits to %s descriptor %d already; one at a time", bytes,
                      direction == FD_IN ? "read" : "write", entry->fd);
}

int hark__io_busy(const char *call, struct hark__fd *entry, int direction)
{
    bool held = entry->held & hark__io_bit(direction);

    return unlikely(held || entry->waits[direction]) ? busy(call, entry, direction) : 0;
}

int hark__io_gone(const char *call, int fd)
{
    return hark__fail(-EBADF, call,
                      "descriptor %d was closed, or left the loop, while this task waited", fd);
}

static int not_waited(const char *call, struct hark__fd *entry, int direction, int error)
{
    switch (error) {
    case -ECANCELED: return error;
    case -EBUSY: return busy(call, entry, direction);
    case -EPERM: return hark_sleep(LOOK_AGAIN); /* no hub can wait for it, and it is not ready */
    case -EMFILE:
        return hark__fail(error, call, "descriptor %d is too large a number for the hub \"%s\"",
                          entry->fd, hark__here->hub->class->name);
    default: return hark__io_fail(call, entry->fd, error);
    }
}

/* The wait is over, and not just with news. */
int hark__io_waited(const char *call, struct hark__fd *entry, int direction, uint32_t generation,
                    int result)
{
    uint8_t bit = hark__io_bit(direction);

    if (entry->generation != generation) { /* its bits are not ours any more */
        return result == -ECANCELED ? result : hark__io_gone(call, entry->fd);
    }
    entry->held &= (uint8_t)~bit;
    if (result != -ECANCELED) {
        entry->drained &= (uint8_t)~bit;
    }
    return not_waited(call, entry, direction, result);
}

int hark__io_wait(const char *call, struct hark__fd *entry, int direction)
{
    return hark__io_wait_here(call, entry, direction);
}

int hark__io_poll(int fd, short events)
{
    struct pollfd poll = {.fd = fd, .events = events};
    int count;

    do {
        count = hark__sys.poll(&poll, 1, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return errno == EAGAIN ? 0 : -errno;
    }
    if (count == 0 || poll.revents & POLLNVAL) {
        return count == 0 ? 0 : -EBADF;
    }
    short ready = poll.revents & events;
    return ready ? ready
                 : events; /* hung up or failed: reading or writing will not wait, and says it */
}

/* Both directions at once: the first news of either. */
static int wait_either(const char *call, struct hark__fd *entry)
{
    struct hark__io_place places[2] = {
        {.entry = entry, .direction = FD_IN},
        {.entry = entry, .direction = FD_OUT},
    };
    int which = 0;
    uint32_t generation = entry->generation;
    int error = hark__io_wait_any(call, places, 2, HARK_FOREVER, &which);

    if (error != -ECANCELED && entry->generation != generation) {
        return hark__io_gone(call, entry->fd);
    }
    return error >= 0 ? 0 : not_waited(call, entry, which, error);
}

static int wait_until_ready(const char *call, struct hark__fd *entry, short events)
{
    int ready = hark__io_poll(entry->fd, events);

    if (ready > 0) {
        hark__pass();
        return ready;
    }
    while (ready == 0) {
        int error = events == (POLLIN | POLLOUT)
                        ? wait_either(call, entry)
                        : hark__io_wait(call, entry, events == POLLIN ? FD_IN : FD_OUT);
        if (error) { /* that poll(2) has found nothing is not that a call would */
            entry->drained &= (uint8_t)~events;
            return error;
        }
        ready = hark__io_poll(entry->fd, events);
    }
    return ready > 0 ? ready : hark__io_fail(call, entry->fd, ready);
}

int hark_wait_fd(int fd, short events)
{
    static const char call[] = "hark_wait_fd";
    struct hark__fd *entry;
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (events == 0 || events & ~(POLLIN | POLLOUT)) {
        return hark__fail(-EINVAL, call, "descriptor %d: events %d; POLLIN, POLLOUT or both", fd,
                          events);
    }
    if ((error = hark__io_entry(&entry, call, fd)) ||
        (events & POLLIN && (error = hark__io_busy(call, entry, FD_IN))) ||
        (events & POLLOUT && (error = hark__io_busy(call, entry, FD_OUT)))) {
        return error;
    }
    return wait_until_ready(call, entry, events);
}

/* ---- letting it go -------------------------------------------------------------------------- */

/* Linux has closed it whatever it answers, so neither EINTR nor EIO is tried again: the number may
 * be somebody else's already.
 *
 * While a worker thread reads or writes the file, its number must not become another one's: then it
 * is closed for everybody at once, and for the kernel when the worker is done (hark__io_worked). */
int hark_close(int fd)
{
    static const char call[] = "hark_close";
    struct hark__fd *entry = hark__loop_here() ? hark__fd_peek(hark__here, fd) : NULL;

    if (entry && entry->closing) {
        return hark__io_fail(call, fd, -EBADF);
    }
    hark__fd_drop(hark__here, fd);
    if (entry && entry->workers) {
        entry->closing = true;
        return 0;
    }
    if (hark__sys.close(fd) < 0 && errno != EINTR) {
        return hark__io_fail(call, fd, -errno);
    }
    return 0;
}

void hark__io_worked(struct hark__fd *entry)
{
    if (--entry->workers == 0 && entry->closing) {
        entry->closing = false;
        hark__sys.close(entry->fd);
    }
}

int hark_forget(int fd)
{
    if (fd < 0) {
        return hark__io_fail("hark_forget", fd, -EBADF);
    }
    return hark__fd_drop(hark__loop_here(), fd);
}

/* ---- readers and writers -------------------------------------------------------------------- */

static int add_watch(int fd, int direction, hark_watch *watch, hark_callback *fn, void *arg,
                     const char *call)
{
    unsigned state = WATCH_LISTED | (direction == FD_IN ? WATCH_READER : WATCH_WRITER);
    hark_loop *loop = hark__loop_here();
    int error = hark__watch_arm(loop, watch, fn, arg, state, call);

    if (error) {
        return error;
    }
    error = hark__io_open(call, fd);
    if (error) {
        goto disarm;
    }
    error = hark__fd_watch(loop, fd, direction, watch);
    if (!error) {
        return 0;
    }
    if (error == -EPERM) {
        hark__fail(error, call, "descriptor %d cannot be waited for; a file is always ready", fd);
    } else if (error == -EBUSY) {
        busy(call, hark__fd_peek(loop, fd), direction);
    } else {
        hark__io_fail(call, fd, error);
    }
disarm:
    watch->state = WATCH_IDLE;
    hark__loop_unpromise(loop);
    return error;
}

int hark_add_reader(int fd, hark_watch *w, hark_callback *fn, void *arg)
{
    return add_watch(fd, FD_IN, w, fn, arg, "hark_add_reader");
}

int hark_add_writer(int fd, hark_watch *w, hark_callback *fn, void *arg)
{
    return add_watch(fd, FD_OUT, w, fn, arg, "hark_add_writer");
}
