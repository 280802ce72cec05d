/* SPDX-License-Identifier: MIT
 *
 * pass.c - descriptors that go from process to process over Unix sockets.
 *
 * Idea     A received descriptor is open before anybody has looked at it, so the danger is a leak:
 *          more came than there was room for, the rest of the message was cut, a message of another
 *          kind had some, too. So the place for them is always as large as the kernel's own bound,
 *          every one is taken out, and then there are two ends only: the caller has all of them, or
 *          all of them are closed and the call says why.
 *
 * Rules    P1  Every descriptor that arrived is returned or closed.
 *          P2  What is returned is close-on-exec from the beginning (MSG_CMSG_CLOEXEC), and has
 *              been announced: its number may have been somebody else's.
 */
#include <hark/pass.h>
#include <limits.h>
#include <string.h>

#include "io/io.h"

#define WORDS_ROOM CMSG_SPACE(HARK_PASS_MOST * sizeof(int))

/* With its place for descriptors. */
struct letter {
    const char *call;
    struct hark__fd *entry;
    int direction;
    struct msghdr header;
    struct iovec part;
    union {
        struct cmsghdr align;
        char bytes[WORDS_ROOM + CMSG_SPACE(sizeof(struct ucred))];
    } control;
};

static ssize_t once(struct letter *letter)
{
    int fd = letter->entry->fd;
    ssize_t moved;

    do {
        letter->header.msg_controllen =
            letter->direction == FD_IN ? sizeof letter->control : letter->header.msg_controllen;
        moved = letter->direction == FD_IN
                    ? hark__sys.recvmsg(fd, &letter->header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
                    : hark__sys.sendmsg(fd, &letter->header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : -errno;
}

static ssize_t try_and_wait(struct letter *letter)
{
    uint8_t bit = hark__io_bit(letter->direction);
    bool waited = false;

    for (;;) {
        ssize_t moved = hark__io_waits_first(letter->entry, bit) ? -EAGAIN : once(letter);
        if (moved >= 0) {
            if (!waited) {
                hark__pass();
            }
            return moved;
        }
        if (moved != -EAGAIN) {
            return hark__io_fail(letter->call, letter->entry->fd, (int)moved);
        }
        int error = hark__io_wait(letter->call, letter->entry, letter->direction);
        if (error) {
            return error;
        }
        waited = true;
    }
}

/* Over another socket they would be dropped, and nobody told. */
static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t length = sizeof domain;

    return hark__sys.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
           domain == AF_UNIX;
}

static ssize_t move(struct letter *letter, int fd)
{
    int error = hark__io_entry(&letter->entry, letter->call, fd);

    if (error || (error = hark__io_busy(letter->call, letter->entry, letter->direction))) {
        return error;
    }
    if (letter->entry->kind != FD_SOCKET || !is_unix(fd)) {
        return hark__fail(-EINVAL, letter->call, "descriptor %d is no Unix socket", fd);
    }
    return try_and_wait(letter);
}

static void fill(struct letter *letter, const void *data, size_t size)
{
    letter->part = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    letter->header.msg_iov = &letter->part;
    letter->header.msg_iovlen = 1;
    letter->header.msg_control = letter->control.bytes;
}

static int check(const char *call, int fd, const void *fds, const void *data, size_t size)
{
    if (!fds || !data || size == 0) {
        return hark__fail(-EINVAL, call, "descriptor %d: %s", fd,
                          !fds    ? "the array of descriptors is NULL"
                          : !data ? "the data are NULL"
                                  : "descriptors travel with at least one byte");
    }
    return 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

ssize_t hark_pass_send(int socket, const int *fds, int count, const void *data, size_t size)
{
    struct letter letter = {.call = "hark_pass_send", .direction = FD_OUT};
    int error = hark__enter_task(letter.call);

    if (error || (error = check(letter.call, socket, fds, data, size))) {
        return error;
    }
    if (count < 1 || count > HARK_PASS_MOST) {
        return hark__fail(-EINVAL, letter.call, "descriptor %d: %d descriptors to send; 1 to %d",
                          socket, count, HARK_PASS_MOST);
    }
    fill(&letter, data, size);
    letter.header.msg_controllen = CMSG_SPACE((size_t)count * sizeof *fds);
    struct cmsghdr *words = CMSG_FIRSTHDR(&letter.header);
    words->cmsg_level = SOL_SOCKET;
    words->cmsg_type = SCM_RIGHTS;
    words->cmsg_len = CMSG_LEN((size_t)count * sizeof *fds);
    memcpy(CMSG_DATA(words), fds, (size_t)count * sizeof *fds);
    return move(&letter, socket);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int count_in(const struct cmsghdr *words)
{
    if (words->cmsg_level != SOL_SOCKET || words->cmsg_type != SCM_RIGHTS) {
        return 0;
    }
    return (int)((words->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/* Every descriptor of the letter goes to `ret`, which has room for the most that can be. */
static int take_out(struct letter *letter, int ret[HARK_PASS_MOST])
{
    int count = 0;

    for (struct cmsghdr *words = CMSG_FIRSTHDR(&letter->header); words;
         words = CMSG_NXTHDR(&letter->header, words)) {
        for (int i = 0, n = count_in(words); i < n && count < HARK_PASS_MOST; i++) {
            memcpy(&ret[count++], CMSG_DATA(words) + (size_t)i * sizeof(int), sizeof(int));
        }
    }
    return count;
}

/* The caller gets all of them, or none. */
static int hand_over(struct letter *letter, int socket, int *fds, int *count)
{
    int all[HARK_PASS_MOST], came = take_out(letter, all), room = *count;
    bool lacks = letter->header.msg_flags & MSG_CTRUNC;
    bool cut = letter->header.msg_flags & MSG_TRUNC;

    *count = 0;
    if (came > room || lacks || cut) {
        for (int i = 0; i < came; i++) {
            hark__sys.close(all[i]);
        }
        return lacks ? hark__fail(-EMFILE, letter->call,
                                  "descriptor %d: this process could not have all descriptors that "
                                  "came; those that came are closed",
                                  socket)
               : cut ? hark__fail(-EMSGSIZE, letter->call,
                                  "descriptor %d: a datagram of more than %lu bytes came", socket,
                                  (unsigned long)letter->part.iov_len)
                     : hark__fail(-EMSGSIZE, letter->call,
                                  "descriptor %d: %d descriptors came, and there is room for %d; "
                                  "they are closed",
                                  socket, came, room);
    }
    for (int i = 0; i < came; i++) {
        fds[i] = all[i];
        hark__fd_drop(hark__here, all[i]);
    }
    *count = came;
    return 0;
}

ssize_t hark_pass_recv(int socket, int *fds, int *count, void *data, size_t size)
{
    struct letter letter = {.call = "hark_pass_recv", .direction = FD_IN};
    int error = hark__enter_task(letter.call);

    if (error || (error = check(letter.call, socket, fds, data, size))) {
        return error;
    }
    if (!count || *count < 0) {
        return hark__fail(-EINVAL, letter.call, "descriptor %d: the count is %s", socket,
                          count ? "negative" : "NULL");
    }
    fill(&letter, data, size);
    ssize_t moved = move(&letter, socket);
    if (moved < 0) {
        return moved;
    }
    error = hand_over(&letter, socket, fds, count);
    return error ? error : moved;
}
