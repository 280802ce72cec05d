/* SPDX-License-Identifier: MIT
 *
 * udp.c - datagrams.
 *
 * Idea     As with streams: try, and if there is nothing (or no room) wait for news. But a datagram
 *          is all or nothing: there is no "some of it", a count of 0 is no end, and what does not
 *          fit is lost. MSG_TRUNC makes the kernel say how large it really was, so that the loss
 *          can be told. (To a TCP socket the same flag means "throw away", so those are refused.)
 *
 *          Errors of a socket may belong to a datagram that was sent before: an ICMP message came
 *          back. The kernel tells it once, to whichever call comes next, and so do we; the call
 *          did nothing else.
 *
 *          A Unix socket says EAGAIN when the receiver's queue is full, and only a connected sender
 *          hears of room in it. So who sends to an address there sleeps a little instead, as in
 *          connecting to a listener whose backlog is full.
 *
 * Addresses
 *          Nobody answers a connect of UDP, so there is no race of addresses: the resolver's order
 *          decides, for who opens and for who connects, and so a name means the same to both.
 *
 * Rules    D1  What was received is returned: between the system call and the return there is no
 *              checkpoint.
 *          D2  An address that does not fit its room is cut, as recvfrom does it: *length says its
 *              real size.
 *
 * Batches  Most of a datagram's cost is its way through the kernel, which sendmmsg does not
 *          shorten. But datagrams of one size for one receiver may go that way as one, and are cut
 *          at its end (UDP_SEGMENT): that is a third of the price. So a batch that begins with such
 *          a row goes like that, and whatever the kernel refuses so (a datagram above the network's
 *          size, a device without checksums) goes one by one as if nothing had been tried.
 *
 * Not here Receiving several as one (UDP_GRO): who receives would have to cut. Groups and other
 *          options: udp_options.c.
 */
#include <hark/udp.h>
#include <netinet/udp.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define PAUSE_FIRST HARK_MS(1) /* a full Unix receiver: between two attempts */
#define PAUSE_MOST  HARK_MS(50)
#define ROW_MOST    65487 /* bytes that go as one, of either family */

/* ---- sockets --------------------------------------------------------------------------------- */

static int set_options(int fd, const hark_udp_options *options, int family, bool any)
{
    int on = 1, only = !any || options->only_v6;

    if ((options->reuse_address &&
         hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
        (options->reuse_port &&
         hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        (family == AF_INET6 &&
         hark__sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0)) {
        return -errno;
    }
    return 0;
}

/* options NULL: to be connected. */
static int make(const hark_address *address, const hark_udp_options *options, bool any)
{
    int family = address->at.any.sa_family;
    int fd = hark__io_datagram(family), error = 0;

    if (fd < 0) {
        return fd;
    }
    if (!options) {
        error = hark__io_connect_begin(fd, &address->at.any, address->length);
    } else if (!(error = set_options(fd, options, family, any)) &&
               hark__sys.bind(fd, &address->at.any, address->length) < 0) {
        error = -errno;
    }
    if (error) {
        hark__io_discard(fd);
        return error;
    }
    return fd;
}

/* Of this machine, or of the way to there: another address may do. */
static bool is_not_here(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT ||
           error == -ENETUNREACH || error == -EHOSTUNREACH;
}

static int make_first(const struct hark__io_names *names, const hark_udp_options *options, bool any)
{
    int error = -EADDRNOTAVAIL;

    for (int i = 0; i < names->count; i++) {
        error = make(&names->first[i], options, any);
        if (error >= 0 || !is_not_here(error)) {
            break;
        }
    }
    return error;
}

static int make_by_name(const char *call, const hark_udp_options *options, const char *host,
                        const char *port)
{
    struct hark__io_names *names = NULL;
    bool any = !host || !*host;
    int error = hark__io_resolve(&names, call, host, port);

    if (error) {
        return error;
    }
    int fd = make_first(names, options, any);
    hark__io_names_free(names);
    if (fd < 0) {
        return hark__fail(fd, call, "host \"%.60s\", port \"%.20s\": %s",
                          any ? "(every address)" : host, port, strerrordesc_np(-fd));
    }
    hark__pass();
    return fd;
}

static int open_with(const char *call, const hark_udp_options *options, const char *host,
                     const char *port)
{
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!port) {
        return hark__fail(-EINVAL, call, "the port is NULL; \"0\" is any free one");
    }
    if (options->size != sizeof *options) {
        return hark__fail(-EINVAL, call, "options->size is %lu; sizeof(hark_udp_options) is %lu",
                          (unsigned long)options->size, (unsigned long)sizeof *options);
    }
    return make_by_name(call, options, host, port);
}

int hark_udp_open(const char *host, const char *port)
{
    static const hark_udp_options plain = {.size = sizeof plain};
    return open_with("hark_udp_open", &plain, host, port);
}

int hark_udp_open_with(const hark_udp_options *options, const char *host, const char *port)
{
    static const char call[] = "hark_udp_open_with";

    if (!options) {
        return hark__fail(-EINVAL, call, "the options are NULL");
    }
    return open_with(call, options, host, port);
}

int hark_udp_connect(const char *host, const char *port)
{
    static const char call[] = "hark_udp_connect";
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!host || !port) {
        return hark__fail(-EINVAL, call, "the %s is NULL", host ? "port" : "host");
    }
    if (!*host) {
        return hark__fail(-ENOENT, call, "the host is empty, port \"%.20s\"", port);
    }
    return make_by_name(call, NULL, host, port);
}

int hark_udp_port(int fd)
{
    return hark__io_local_port("hark_udp_port", fd);
}

/* ---- one call -------------------------------------------------------------------------------- */

/* What is to be moved; once() makes the system call. */
struct packet {
    const char *call;
    struct hark__fd *entry;
    int direction;
    ssize_t (*once)(struct packet *packet);
    void *data;
    size_t size;
    struct sockaddr *address;
    socklen_t *length; /* receiving */
    socklen_t room;    /* of the address */
    struct mmsghdr *list;
    unsigned count;
};

static ssize_t receive_one(struct packet *p)
{
    socklen_t length = p->room;
    ssize_t moved = hark__sys.recvfrom(p->entry->fd, p->data, p->size, MSG_DONTWAIT | MSG_TRUNC,
                                       p->address, p->address ? &length : NULL);

    if (moved >= 0 && p->address) {
        *p->length = length;
    }
    return moved;
}

static ssize_t send_one(struct packet *p)
{
    return hark__sys.sendto(p->entry->fd, p->data, p->size, MSG_DONTWAIT | MSG_NOSIGNAL, p->address,
                            p->room);
}

static ssize_t receive_many(struct packet *p)
{
    return hark__sys.recvmmsg(p->entry->fd, p->list, p->count, MSG_DONTWAIT | MSG_TRUNC, NULL);
}

/* How many, from the first, are of one size and for one receiver: the last of them may be smaller.
 * 0: no two. */
static unsigned length_of_row(const struct packet *p)
{
    const struct msghdr *first = &p->list[0].msg_hdr;
    size_t size = first->msg_iov->iov_len, total = size;
    unsigned count = 1;

    for (bool ends = size == 0; count < p->count && !ends; count++) {
        const struct msghdr *next = &p->list[count].msg_hdr;
        size_t more = next->msg_iov->iov_len;
        if (more > size || more == 0 || (total += more) > ROW_MOST ||
            next->msg_namelen != first->msg_namelen ||
            (first->msg_namelen && memcmp(next->msg_name, first->msg_name, first->msg_namelen))) {
            break;
        }
        ends = more < size;
    }
    return count > 1 ? count : 0;
}

static bool is_udp(int fd)
{
    int protocol = 0;
    socklen_t length = sizeof protocol;

    return hark__sys.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
           protocol == IPPROTO_UDP;
}

/* The parts of a batch stand in a row, too. */
static ssize_t send_row(const struct packet *p, unsigned count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.bytes = {0}};
    struct msghdr row = p->list[0].msg_hdr;
    uint16_t size = (uint16_t)row.msg_iov->iov_len;

    row.msg_iovlen = count;
    row.msg_control = control.bytes;
    row.msg_controllen = sizeof control.bytes;
    control.align.cmsg_level = IPPROTO_UDP;
    control.align.cmsg_type = UDP_SEGMENT;
    control.align.cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(&control.align), &size, sizeof size);
    return hark__sys.sendmsg(p->entry->fd, &row, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Not so, but perhaps one by one. */
static bool is_refused(int error)
{
    return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

static ssize_t send_many(struct packet *p)
{
    unsigned row = length_of_row(p);

    if (row && is_udp(p->entry->fd)) {
        ssize_t moved = send_row(p, row);
        if (moved >= 0) {
            return (ssize_t)row;
        }
        if (!is_refused(errno)) {
            return -1;
        }
    }
    return hark__sys.sendmmsg(p->entry->fd, p->list, p->count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t once(struct packet *p)
{
    ssize_t moved;

    do {
        moved = p->once(p);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : -errno;
}

/* ---- try, then wait -------------------------------------------------------------------------- */

/* The kernel tells it once; the words say whose it is. */
static bool came_back(int error)
{
    switch (error) {
    case -ECONNREFUSED:
    case -EHOSTUNREACH:
    case -EHOSTDOWN:
    case -ENETDOWN:
    case -ENONET:
    case -EPROTO: return true;
    default: return false;
    }
}

static ssize_t failed(const struct packet *p, int error)
{
    int fd = p->entry->fd;

    if (error == -EMSGSIZE) {
        return hark__fail(error, p->call, "descriptor %d: %lu bytes are too many for one datagram",
                          fd, (unsigned long)p->size);
    }
    if (came_back(error)) {
        return hark__fail(error, p->call, "descriptor %d: an earlier datagram came back: %s", fd,
                          strerrordesc_np(-error));
    }
    return hark__io_fail(p->call, fd, error);
}

/* Nobody will tell that a Unix receiver has room again: the socket is writable all the time. */
static int wait_for_room(const struct packet *p, int64_t *pause)
{
    struct hark__fd *entry = p->entry;
    uint32_t generation = entry->generation;

    if (p->direction == FD_IN || hark__io_poll(entry->fd, POLLOUT) == 0) {
        return hark__io_wait(p->call, entry, p->direction);
    }
    entry->held |= hark__io_bit(FD_OUT);
    int error = hark_sleep(*pause);
    *pause = *pause * 2 > PAUSE_MOST ? PAUSE_MOST : *pause * 2;
    if (entry->generation != generation) {
        return error ? error : hark__io_gone(p->call, entry->fd);
    }
    entry->held &= (uint8_t)~hark__io_bit(FD_OUT);
    return error;
}

static ssize_t try_and_wait(struct packet *p)
{
    uint8_t bit = hark__io_bit(p->direction);
    int64_t pause = PAUSE_FIRST;
    bool waited = false;

    for (;;) {
        ssize_t moved = hark__io_waits_first(p->entry, bit) ? -EAGAIN : once(p);
        if (moved >= 0) {
            if (!waited) {
                hark__pass();
            }
            return moved;
        }
        if (moved != -EAGAIN) {
            return failed(p, (int)moved);
        }
        int error = wait_for_room(p, &pause);
        if (error) {
            return error;
        }
        waited = true;
    }
}

/* The checks that all have in common, then the work. */
static ssize_t move(struct packet *p, int fd)
{
    int error;

    if ((error = hark__io_entry(&p->entry, p->call, fd)) ||
        (error = hark__io_busy(p->call, p->entry, p->direction))) {
        return error;
    }
    if (p->entry->kind == FD_TCP) {
        return hark__fail(-EPROTOTYPE, p->call,
                          "descriptor %d is a TCP socket, which has no datagrams; hark_%s", fd,
                          p->direction == FD_IN ? "read" : "write");
    }
    return try_and_wait(p);
}

static int no_buffer(const char *call, int fd)
{
    return hark__fail(-EINVAL, call, "descriptor %d: the buffer is NULL", fd);
}

/* ---- the calls ------------------------------------------------------------------------------- */

ssize_t hark_udp_send(int fd, const void *data, size_t size, const struct sockaddr *address,
                      socklen_t length)
{
    struct packet p = {
        .call = "hark_udp_send",
        .direction = FD_OUT,
        .once = send_one,
        .data = (void *)(uintptr_t)data,
        .size = size,
        .address = (struct sockaddr *)(uintptr_t)address,
        .room = address ? length : 0,
    };
    int error = hark__enter_task(p.call);

    if (error) {
        return error;
    }
    return !data && size ? no_buffer(p.call, fd) : move(&p, fd);
}

ssize_t hark_udp_recv(int fd, void *buffer, size_t size, struct sockaddr *address, socklen_t *length)
{
    struct packet p = {
        .call = "hark_udp_recv",
        .direction = FD_IN,
        .once = receive_one,
        .data = buffer,
        .size = size,
        .address = address,
        .length = length,
        .room = address && length ? *length : 0,
    };
    int error = hark__enter_task(p.call);

    if (error) {
        return error;
    }
    if (address && !length) {
        return hark__fail(-EINVAL, p.call, "descriptor %d: an address without its length", fd);
    }
    if (!buffer && size) {
        return no_buffer(p.call, fd);
    }
    ssize_t moved = move(&p, fd);
    if (moved > 0 && (size_t)moved > size) {
        return hark__fail(-EMSGSIZE, p.call,
                          "descriptor %d: a datagram of %ld bytes came, and the buffer has %lu; "
                          "the rest of it is lost",
                          fd, (long)moved, (unsigned long)size);
    }
    return moved;
}

/* ---- several at once ------------------------------------------------------------------------- */

struct batch {
    struct mmsghdr list[HARK_UDP_BATCH];
    struct iovec parts[HARK_UDP_BATCH];
};

static void put(struct batch *batch, int i, const hark_datagram *from, size_t size, socklen_t length)
{
    batch->parts[i] = (struct iovec){.iov_base = from->data, .iov_len = size};
    batch->list[i] = (struct mmsghdr){
        .msg_hdr =
            {
                .msg_name = length ? (void *)(uintptr_t)&from->address : NULL,
                .msg_namelen = length,
                .msg_iov = &batch->parts[i],
                .msg_iovlen = 1,
            },
    };
}

static int check_list(const char *call, int fd, const hark_datagram *list, int count, bool sends)
{
    if (count < 0 || (!list && count)) {
        return hark__fail(-EINVAL, call, "descriptor %d: %s", fd,
                          list ? "a negative count" : "the list is NULL");
    }
    for (int i = 0; i < count && i < HARK_UDP_BATCH; i++) {
        if (!list[i].data && (sends ? list[i].size : list[i].room)) {
            return hark__fail(-EINVAL, call, "descriptor %d: datagram %d has a NULL buffer", fd, i);
        }
    }
    return 0;
}

int hark_udp_recv_many(int fd, hark_datagram *list, int count)
{
    struct packet p = {.call = "hark_udp_recv_many", .direction = FD_IN, .once = receive_many};
    struct batch batch;
    int error = hark__enter_task(p.call);

    if (error || (error = check_list(p.call, fd, list, count, false))) {
        return error;
    }
    count = count < HARK_UDP_BATCH ? count : HARK_UDP_BATCH;
    for (int i = 0; i < count; i++) {
        put(&batch, i, &list[i], list[i].room, sizeof list[i].address);
    }
    p.list = batch.list;
    p.count = (unsigned)count;
    int got = count ? (int)move(&p, fd) : hark__io_open(p.call, fd);
    for (int i = 0; i < got; i++) {
        size_t real = batch.list[i].msg_len, room = list[i].room;
        list[i].size = real < room ? real : room;
        list[i].lost = real - list[i].size;
        list[i].length = batch.list[i].msg_hdr.msg_namelen;
    }
    return got;
}

int hark_udp_send_many(int fd, const hark_datagram *list, int count)
{
    struct packet p = {.call = "hark_udp_send_many", .direction = FD_OUT, .once = send_many};
    struct batch batch;
    int error = hark__enter_task(p.call);

    if (error || (error = check_list(p.call, fd, list, count, true))) {
        return error;
    }
    count = count < HARK_UDP_BATCH ? count : HARK_UDP_BATCH;
    for (int i = 0; i < count; i++) {
        put(&batch, i, &list[i], list[i].size, list[i].length);
    }
    p.size = count ? list[0].size : 0; /* for the words: only the first one's error is told */
    p.list = batch.list;
    p.count = (unsigned)count;
    return count ? (int)move(&p, fd) : hark__io_open(p.call, fd);
}
