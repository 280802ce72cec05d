/* SPDX-License-Identifier: MIT
 *
 * hark/udp.h - datagrams: each is sent and received whole, or not at all.
 *
 * The descriptors are the kernel's own, as in hark/io.h, and close with hark_close. What sends and
 * receives here also takes Unix datagram sockets (hark_unix_datagram in hark/pass.h) and raw ones.
 *
 * UDP promises nothing: a datagram may be lost, doubled, or come late. What hark adds is that
 * nothing happens silently on this machine: a datagram larger than the buffer is -EMSGSIZE, and an
 * earlier one that came back ("nobody listens there") is an error of the next call on a connected
 * socket.
 */
#ifndef HARK_UDP_H
#define HARK_UDP_H

#include <hark/base.h>
#include <sys/socket.h>
#include <sys/types.h>

HARK_BEGIN

/* All zero, but for `size`, is what hark_udp_open does. */
typedef struct hark_udp_options {
    size_t size;        /* sizeof(hark_udp_options) */
    bool reuse_address; /* SO_REUSEADDR: several sockets may be bound there; each gets what is sent
                         * to a group, and one of them what is sent to it alone */
    bool reuse_port;    /* SO_REUSEPORT: several sockets of one user share what comes */
    bool only_v6;       /* "every address" takes IPv6 only */
} hark_udp_options;

/* hark_udp_open - a UDP socket bound to host (NULL or "": every address, of both families; a name
 * or number) and port (a name or number; "0": a free one, see hark_udp_port). Non-blocking,
 * close-on-exec.
 *
 * A name is bound at the first of its addresses that this machine has. Blocks while the name is
 * looked up: a checkpoint. Returns the descriptor; -EADDRINUSE (taken); -EADDRNOTAVAIL; -EACCES;
 * -ENOENT (no such host or service); -EINVAL (NULL port); -ECANCELED; -ENOTSUP outside a task;
 * -EMFILE, -ENOMEM. The words name host and port. */
HARK_API int hark_udp_open(const char *host, const char *port);
HARK_API int hark_udp_open_with(const hark_udp_options *options, const char *host, const char *port);

/* hark_udp_connect - a UDP socket whose peer is host and port: it sends there, and receives only
 * what comes from there.
 *
 * Nothing is sent yet, so nobody knows whether there is anyone: of several addresses it is the
 * first that this machine has a way to. Blocks and returns as hark_udp_open; -ENETUNREACH, ... */
HARK_API int hark_udp_connect(const char *host, const char *port);

/* hark_udp_port - the local port that fd is bound to. Returns it; -EBADF, -ENOTSOCK; -EINVAL (not
 * an internet socket). */
HARK_API int hark_udp_port(int fd);

/* hark_udp_send - send one datagram of `size` bytes (0 is one, too) to the address, or, where that
 * is NULL, to the connected peer.
 *
 * Blocks while the socket's buffer (or a Unix receiver's queue) is full: a checkpoint. Returns
 * `size`; -ECANCELED (nothing was sent); -EMSGSIZE (larger than this kind of socket can send);
 * -EDESTADDRREQ, -ENOTCONN (no address, and no peer); -ECONNREFUSED and what else an earlier
 * datagram has come back with (then this one was not sent, and the next call may be); -EACCES (to a
 * broadcast address: see HARK_UDP_BROADCAST); -ENETUNREACH; otherwise as hark_write. */
HARK_API ssize_t hark_udp_send(int fd, const void *data, size_t size,
                               const struct sockaddr *address, socklen_t length);

/* hark_udp_recv - receive one datagram of at most `size` bytes. address and length get the
 * sender's, as in recvfrom(2), or are NULL.
 *
 * Blocks: a checkpoint. Returns its size, which may be 0: that is a datagram without bytes, and not
 * an end; -EMSGSIZE (it was larger: the buffer has its first `size` bytes, and the rest is lost);
 * -ECANCELED (nothing was received); -ECONNREFUSED and what else one that was sent has come back
 * with (a connected socket); -EPROTOTYPE (a TCP socket); -EINVAL (an address without its length, a
 * NULL buffer); otherwise as hark_read. */
HARK_API ssize_t hark_udp_recv(int fd, void *buffer, size_t size, struct sockaddr *address,
                               socklen_t *length);

/* One of several datagrams. */
typedef struct hark_datagram {
    void *data;  /* sending: read only */
    size_t room; /* receiving: bytes at data */
    size_t size; /* bytes to send; bytes received */
    size_t lost; /* received: it had so many bytes more than there was room for */
    struct sockaddr_storage address; /* to whom; from whom */
    socklen_t length;                /* of the address; 0: the connected peer; none */
} hark_datagram;

#define HARK_UDP_BATCH 32 /* at most so many go in one call */

/* hark_udp_recv_many - receive what there is, at least one datagram, at most `count` (and
 * HARK_UDP_BATCH), by one system call. data and room are read; size, lost, address and length
 * written, of those that were received.
 *
 * Blocks: a checkpoint. Returns how many; 0 for count 0; otherwise as hark_udp_recv, but one that
 * is cut says so in `lost`. Source: recvmmsg(2). */
HARK_API int hark_udp_recv_many(int fd, hark_datagram *list, int count);

/* hark_udp_send_many - send some of them, at least one, in order, by one system call. data, size,
 * address and length are read. Those of one size for one receiver, the last of them perhaps
 * smaller, cost a third where the kernel can cut them from one piece (UDP_SEGMENT): put them beside
 * one another.
 *
 * Blocks: a checkpoint. Returns how many were sent: then try the others; 0 for count 0; otherwise
 * as hark_udp_send, and nothing was sent. */
HARK_API int hark_udp_send_many(int fd, const hark_datagram *list, int count);

enum hark_udp_option {
    HARK_UDP_TTL,           /* hops of what is sent to one: 1 to 255 */
    HARK_UDP_BROADCAST,     /* 1: may send to broadcast addresses (IPv4) */
    HARK_UDP_GROUP_TTL,     /* hops of what is sent to a group: 0 to 255 */
    HARK_UDP_GROUP_LOOP,    /* 1: this machine's own members get it, too (from the beginning) */
    HARK_UDP_GROUP_THROUGH, /* the interface (if_nametoindex) by which it goes; 0: the system's */
};

/* hark_udp_set - set an option. Does not block. Returns 0; -EINVAL (no such option or value; not a
 * UDP socket); -EADDRNOTAVAIL or -ENODEV (no such interface); -EBADF, -ENOTSOCK. */
HARK_API int hark_udp_set(int fd, enum hark_udp_option option, int value);

/* hark_udp_join - receive also what is sent to the group, a number such as "239.1.2.3" or
 * "ff02::7", on an interface (if_nametoindex; 0: the system's choice). The socket must be bound to
 * the group's port, and to every address or the group's. source: NULL, or a number: only what
 * comes from there.
 *
 * Does not block. Returns 0; -EINVAL (no group, or of another family); -EADDRINUSE (it is a member
 * already); -ENODEV (no such interface, or none that knows groups); -ENOBUFS (too many groups);
 * -EBADF, -ENOTSOCK. */
HARK_API int hark_udp_join(int fd, const char *group, const char *source, unsigned interface);

/* hark_udp_leave - the end of that membership: the same arguments. Closing ends all of them.
 * Returns 0; -EADDRNOTAVAIL (it is no member); otherwise as hark_udp_join. */
HARK_API int hark_udp_leave(int fd, const char *group, const char *source, unsigned interface);

HARK_END
#endif
