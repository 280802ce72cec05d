/* SPDX-License-Identifier: MIT
 *
 * dns.h - what the files of the component hark-dns share. Everything here belongs to one loop.
 *
 *     dns.c      opening, closing; a host's addresses: hosts file, what is kept, name servers
 *     channel.c  c-ares, driven by the loop's readers, writers and timers
 *     socket.c   its sockets, and what comes in
 *     files.c    hosts, resolv.conf, nsswitch.conf: read again when they have changed
 *     keep.c     answers that are kept as long as they may be
 *     answer.c   records of an answer, taken apart
 *
 * Rules    C1  c-ares calls back in the loop, outside any task, or out of a call that a task makes:
 *              a callback notes what it got and wakes somebody; it never waits, and it never destroys
 *              a channel.
 *          C2  A request whose asker has gone stays with c-ares, without a way back to the asker,
 *              and is freed by its callback. When nobody is left who waits for anything of a
 *              channel, its requests are cancelled and its sockets closed.
 *          C3  Public headers of hark only.
 */
#ifndef HARK_DNS_DNS_H
#define HARK_DNS_DNS_H

#define CARES_NO_DEPRECATED
#include <ares.h>
#include <errno.h>
#include <hark/dns.h>
#include <hark/event.h>
#include <hark/loop.h>
#include <hark/watch.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- files.c -------------------------------------------------------------------------------- */

/* What a file was like; all zero: it is not there. */
struct hark__dns_mark {
    uint64_t device, inode, size;
    int64_t seconds, nanoseconds;
};

struct hark__dns_file {
    char *path; /* NULL: none */
    struct hark__dns_mark mark;
    char *text; /* what is in it; NULL: nothing, or it is not kept */
};

/* Has it changed since the last call? It is marked as it is now. */
bool hark__dns_file_changed(struct hark__dns_file *file);
void hark__dns_file_read(struct hark__dns_file *file); /* again, if it has changed */
/* Could c-ares read it now? 0 (also if it is missing); -EMFILE, -ENFILE, -ENOMEM: it is to be looked
 * at again. */
int hark__dns_file_try(struct hark__dns_file *file);
void hark__dns_file_unmark(struct hark__dns_file *file); /* it has not been read after all */

enum { NSS_FILES = 1, NSS_DNS = 2, NSS_OTHER = 4 };
int hark__dns_nss(const char *text); /* what nsswitch.conf wants for hosts; NULL: the usual */

/* Calls found(arg, address) for each address that the hosts file gives the host; how many. */
int hark__dns_hosts(const char *text, const char *host,
                    void (*found)(void *arg, const struct sockaddr *address), void *arg);
/* The first name of an address; its length, 0: there is none. */
int hark__dns_hosts_name(const char *text, const hark_address *address, char *host, size_t size);

/* ---- keep.c --------------------------------------------------------------------------------- */

struct hark__dns_kept {
    struct hark__dns_kept *next;
    int64_t until;
    int family, count;
    char *host;
    hark_address addresses[];
};

struct hark__dns_keep {
    struct hark__dns_kept *first; /* the latest used */
    int count, most;
};

/* NULL: not known, or no more. */
const struct hark__dns_kept *hark__dns_keep_find(struct hark__dns_keep *keep, const char *host,
                                                 int family, int64_t now);
void hark__dns_keep_add(struct hark__dns_keep *keep, const char *host, int family,
                        const hark_address *addresses, int count, int64_t until);
void hark__dns_keep_clear(struct hark__dns_keep *keep);

/* ---- channel.c ------------------------------------------------------------------------------ */

/* One question that c-ares has not answered yet. */
struct hark__dns_request {
    struct hark__dns_request *next;
    const char *name;
    int type;
    int failure; /* of c-ares' codes: what a name server said; 0: nothing of the kind */
    bool again;  /* it was asked a second time, without EDNS */
};

struct hark__dns_channel {
    struct hark__dns_channel *next;
    struct hark__dns_request *requests;
    ares_channel ares;
    struct hark__dns_socket *sockets;
    hark_watch timer;
    int waiting;  /* requests that somebody waits for */
    int inside;   /* c-ares is at work */
    bool timed;   /* the timer is armed */
    bool retired; /* no new requests */
    bool broken;  /* a socket could not be watched: no memory */
    char servers[100];
};

struct hark__dns {
    hark_loop *loop;
    char *servers, *domains;
    int64_t timeout;
    int tries;
    bool tcp;
    struct hark__dns_file resolv_conf, hosts, nsswitch;
    struct hark__dns_keep keep;
    struct hark__dns_channel *channels; /* the first is the one to ask; others have been retired */
};

/* The one to ask; NULL: it cannot be had, and it was said why (*error). */
struct hark__dns_channel *hark__dns_channel(struct hark__dns *dns, int *error);
void hark__dns_channels_free(struct hark__dns *dns);
void hark__dns_enter(struct hark__dns_channel *channel);
/* After each call into c-ares: its timer is set; what nobody waits for ends. The channel may be no
 * more. */
void hark__dns_leave(struct hark__dns *dns, struct hark__dns_channel *channel);
int hark__dns_code(int status); /* of c-ares */

/* ---- socket.c ------------------------------------------------------------------------------- */

void hark__dns_sockets(struct hark__dns_channel *channel);
void hark__dns_begin(struct hark__dns_channel *channel, struct hark__dns_request *request);
/* c-ares has called back with this status: the better one. */
int hark__dns_end(struct hark__dns_channel *channel, struct hark__dns_request *request, int status);

/* ---- answer.c ------------------------------------------------------------------------------- */

/* What a name server has sent: the records of that type. Their number; -EBADMSG; -ENOMEM. */
int hark__dns_take_apart(hark_dns_answer *answer, const unsigned char *bytes, int size, int type);

#endif
