/* SPDX-License-Identifier: MIT
 *
 * hark/name.h - hosts and services by name: addresses of a name, the name of an address, addresses
 * as text, and who is asked.
 *
 * hark_tcp_connect and its relatives look names up by themselves; these calls are for a program that
 * wants the addresses. Numbers are read at once. Everything else is asked of the C library's
 * getaddrinfo in a worker thread, or of the loop's resolver, if one was put in (hark_dns_open, or one
 * of your own). Only the calling task waits, and when it is cancelled it leaves at once.
 */
#ifndef HARK_NAME_H
#define HARK_NAME_H

#include <hark/base.h>
#include <netinet/in.h>
#include <sys/socket.h>

HARK_BEGIN

/* An internet address with its port: at.any is what bind, connect and the like want. */
typedef struct hark_address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
} hark_address;

/* How hark_resolve asks. All zero, but for `size`, is the default. */
typedef struct hark_resolve_options {
    size_t size;  /* sizeof(hark_resolve_options) */
    int family;   /* AF_INET, AF_INET6; 0: both */
    bool numeric; /* numbers only: a name is -ENOENT, and nobody is asked */
    bool system;  /* ask the C library, whatever resolver the loop has */
} hark_resolve_options;
/* clang-format off */
#define HARK_RESOLVE_OPTIONS_INIT {sizeof(hark_resolve_options), 0, false, false}
/* clang-format on */

/* hark_resolve - the addresses of host and port into list, best first (RFC 6724), at most `max`.
 *
 * host: a name, "192.0.2.1", "2001:db8::1", "fe80::1%eth0" (or the interface's number); NULL or "":
 * every local address, as listeners want it. port: 0..65535, or a service's name; NULL: port 0.
 * options may be NULL. A name below "invalid" is never asked for: there is none. Other names go to
 * the resolver as they are; one that is not ASCII too.
 *
 * Blocks unless host and port are numbers: a checkpoint. Returns how many were written, >= 1.
 * -ENOENT: there is no such host or service, or it has no address of that family. -EHOSTDOWN: nobody
 * answered, so nobody knows; the C library says the same when the name server has failed. -EREMOTEIO:
 * the name server has failed (SERVFAIL). -EACCES: it refuses to answer us. -EBADMSG: what it answered
 * makes no sense. The last four may be different in a while. -ENODEV (no such interface);
 * -ENAMETOOLONG (a host of more than 255 bytes); -EINVAL; -ECANCELED; -ENOTSUP outside a task;
 * -ENOMEM, -EMFILE. Never -ETIMEDOUT: that is what the caller's own deadline says. The words name
 * host and port, and whoever was asked. Source: getaddrinfo, asyncio's loop.getaddrinfo. */
HARK_API int hark_resolve(const char *host, const char *port, hark_address *list, int max,
                          const hark_resolve_options *options);

/* hark_name_of - the host name of an internet address (its port does not matter), with a zero byte,
 * into host.
 *
 * Blocks: a checkpoint. Returns its length; -ENOENT (it has no name); -EMSGSIZE (`size` is too
 * small); -EINVAL (NULL, or no internet address); otherwise as hark_resolve. Nobody vouches for the
 * name: whoever owns the address chose it. Source: getnameinfo. */
HARK_API int hark_name_of(const struct sockaddr *address, char *host, size_t size);

/* The longest text of an address, with its zero byte. */
#define HARK_ADDRESS_TEXT 120

/* hark_address_text - an address as text: "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%2]:80",
 * "unix:/run/x", "unix:@abstract", "unix:" (no name).
 *
 * It is cut to `size` bytes, its zero byte included. Anywhere; does not block. Returns text; ""
 * for NULL or another family. */
HARK_API const char *hark_address_text(const struct sockaddr *address, char *text, size_t size);

/* ---- another resolver ------------------------------------------------------------------------ */

/* One question that a resolver was asked, and has not finished answering. */
typedef struct hark_lookup {
    void *own; /* the resolver's: whatever it likes */
} hark_lookup;

/* What resolves names for a loop: embed it in a struct of your own. All of it runs in the loop's
 * thread. */
typedef struct hark_resolver hark_resolver;
struct hark_resolver {
    const char *what; /* "the resolver of x": for reports */
    /* Begin to look up the addresses of host: of one family (AF_INET, AF_INET6), or of both
     * (AF_UNSPEC). Called in a task; must not block. Answer with hark_lookup_found and _end, at once
     * or later. `host` is valid until the lookup is over.
     * Returns 0; -EOPNOTSUPP: the C library is to be asked instead; another negative code: failed,
     * with words of hark_fail. */
    int (*ask)(hark_resolver *self, hark_lookup *lookup, const char *host, int family);
    /* Nobody waits any more: the lookup must not be touched again. Not called once it is over. */
    void (*forget)(hark_resolver *self, hark_lookup *lookup);
    /* As hark_name_of, and may block like it. NULL, or -EOPNOTSUPP: the C library is asked. */
    int (*name_of)(hark_resolver *self, const struct sockaddr *address, char *host, size_t size);
};

/* hark_resolver_use - from now on names are looked up by `resolver` in this thread's loop (inside it,
 * or while it rests); NULL: by the C library again.
 *
 * It must live until it was taken out, or the loop has ended; lookups that it was asked before are
 * forgotten then. Does not block. Returns 0; -EBUSY (the loop has another already); -ENOMEM (more
 * than 8 loops of this thread have one); -EINVAL (ask or forget is NULL); -EXDEV (no loop here). */
HARK_API int hark_resolver_use(hark_resolver *resolver);

/* hark_lookup_found - one more address; its port does not matter. Those of one family in their order
 * of preference. After 64 the rest is not kept. Never blocks. */
HARK_API void hark_lookup_found(hark_lookup *lookup, const struct sockaddr *address);

/* hark_lookup_end - that was all of one family (AF_INET, AF_INET6), or of both (AF_UNSPEC): once for
 * each that was asked. code: 0, or why it is not known (one of hark_resolve's), with words.
 *
 * When both are over, the lookup is: do not touch it again. Never blocks. */
HARK_API void hark_lookup_end(hark_lookup *lookup, int family, int code, const char *format, ...)
    HARK_PRINTF(4, 5);

HARK_END
#endif
