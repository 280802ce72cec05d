/* SPDX-License-Identifier: MIT
 *
 * socket.c - c-ares' sockets: made by us, and listened to.
 *
 * Why      Some versions of c-ares say only "could not be reached" when every name server has failed
 *          (SERVFAIL) or refused: it asks the next one, and forgets why. A user must know: one goes
 *          away by itself, the other never. So what comes in by datagram is looked at before c-ares
 *          gets it, and a failure is noted with whoever asked that question. And sockets are made
 *          close-on-exec and non-blocking in one call, so that a child made meanwhile has none.
 * Rules    S1  What comes in is handed on as it came. A note only makes a failure's name better: a
 *              forged one can do no more than that.
 */
#include <arpa/inet.h>
#include <hark/io.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dns.h"

enum { SERVFAIL = 2, NOTIMP = 4, REFUSED = 5 };

/* c-ares takes a socket that cannot be made for a name server that cannot be reached. The request
 * that needs it is the latest. */
static void note_shortage(struct hark__dns_channel *channel, int error)
{
    bool files = error == EMFILE || error == ENFILE;

    if (channel->requests && (files || error == ENOMEM || error == ENOBUFS)) {
        channel->requests->failure = files ? ARES_EFILE : ARES_ENOMEM;
    }
}

static ares_socket_t make(int domain, int type, int protocol, void *arg)
{
    int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    if (fd < 0) {
        int error = errno;
        note_shortage(arg, error);
        errno = error;
    } else {
        hark_forget(fd); /* whatever had this number before */
    }
    return fd;
}

static int finish(ares_socket_t fd, void *arg)
{
    (void)arg;
    return close(fd);
}

static int begin(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t length, void *arg)
{
    (void)arg;
    return connect(fd, address, length);
}

static ares_ssize_t give(ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};

    (void)arg;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static bool begins_with(const char *text, const char *name)
{
    size_t length = strlen(name);

    length -= length > 0 && name[length - 1] == '.';
    return strncasecmp(text, name, length) == 0 && (!text[length] || text[length] == '.');
}

/* Domains may have been appended to the name. */
static void note(struct hark__dns_channel *channel, const unsigned char *bytes, int size)
{
    char *name = NULL;
    long length = 0;
    int code = bytes[3] & 15;

    if ((code != SERVFAIL && code != NOTIMP && code != REFUSED) ||
        ares_expand_name(bytes + 12, bytes, size, &name, &length) != ARES_SUCCESS) {
        return;
    }
    const unsigned char *type = bytes + 12 + length;
    for (struct hark__dns_request *one = channel->requests; one; one = one->next) {
        if (type + 2 <= bytes + size && (type[0] << 8 | type[1]) == one->type &&
            begins_with(name, one->name)) {
            one->failure = code == SERVFAIL ? ARES_ESERVFAIL
                           : code == NOTIMP ? ARES_ENOTIMP
                                            : ARES_EREFUSED;
        }
    }
    ares_free_string(name);
}

static ares_ssize_t take(ares_socket_t fd, void *buffer, size_t size, int flags,
                         struct sockaddr *address, ares_socklen_t *length, void *arg)
{
    ares_ssize_t got = recvfrom(fd, buffer, size, flags, address, length);

    if (got > 12 && size > 512) { /* by TCP its length comes first, in a read of its own */
        note(arg, buffer, (int)got);
    }
    return got;
}

void hark__dns_sockets(struct hark__dns_channel *channel)
{
    static const struct ares_socket_functions functions = {
        .asocket = make, .aclose = finish, .aconnect = begin, .arecvfrom = take, .asendv = give};

    ares_set_socket_functions(channel->ares, &functions, channel);
}

/* ---- requests ------------------------------------------------------------------------------- */

void hark__dns_begin(struct hark__dns_channel *channel, struct hark__dns_request *request)
{
    request->failure = 0;
    request->next = channel->requests;
    channel->requests = request;
}

int hark__dns_end(struct hark__dns_channel *channel, struct hark__dns_request *request, int status)
{
    struct hark__dns_request **link = &channel->requests;

    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
    return request->failure && (status == ARES_ECONNREFUSED || status == ARES_ETIMEOUT)
               ? request->failure
               : status;
}
