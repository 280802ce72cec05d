/* SPDX-License-Identifier: MIT
 *
 * hark/dns.h - names without threads: c-ares, driven by the loop. Link with hark-dns.
 *
 *     hark_dns dns;
 *     int rc = hark_dns_open(&dns, NULL);
 *     ... hark_tcp_connect, hark_resolve and the rest now ask name servers themselves ...
 *     hark_dns_close(&dns);
 *
 * Without it a name costs a thread, and a name server that is silent holds the thread for as long
 * as the C library is patient, though not the task. With it a question is a datagram; a cancelled one
 * is dropped at once; answers come as they arrive, so a connection begins with the first; and they
 * are kept for as long as they may be.
 *
 * What is asked is what the C library would ask: /etc/hosts, then the name servers and domains of
 * /etc/resolv.conf. Each is read again when it has changed. Where /etc/nsswitch.conf wants more for
 * hosts than "files dns" (mdns4, myhostname, resolve, ldap ...), only the C library can do it, and
 * is asked, in a thread; unless the options name servers, which then are all that is asked.
 *
 * Time is the real clock's, also in a loop with a virtual one.
 */
#ifndef HARK_DNS_H
#define HARK_DNS_H

#include <hark/base.h>
#include <hark/name.h>

HARK_BEGIN

/* All zero, but for `size`, is the default. Texts are copied. */
typedef struct hark_dns_options {
    size_t size; /* sizeof(hark_dns_options) */
    /* "192.0.2.53,[2001:db8::53]:5353": asked one after another. NULL: those of resolv_conf. */
    const char *servers;
    const char *resolv_conf; /* NULL: "/etc/resolv.conf"; missing: 127.0.0.1 is asked */
    const char *hosts;       /* NULL: "/etc/hosts"; "": none */
    const char *nsswitch;    /* NULL: "/etc/nsswitch.conf"; "", or with servers: none */
    const char *domains; /* appended to short names, between spaces; NULL: resolv_conf's; "": none */
    int64_t timeout;     /* of the first round of questions, ns; it doubles each time. 0: 2 s */
    int tries;           /* rounds; 0: 3 */
    int keep;            /* answers that are kept; 0: 256; < 0: none */
    bool tcp;            /* ask by TCP only */
} hark_dns_options;
/* clang-format off */
#define HARK_DNS_OPTIONS_INIT \
    {sizeof(hark_dns_options), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, false}
/* clang-format on */

typedef struct hark_dns {
    /* private */
    hark_resolver resolver;
    struct hark__dns *own; /* NULL: closed */
} hark_dns;
/* clang-format off */
#define HARK_DNS_INIT {{NULL, NULL, NULL, NULL}, NULL}
/* clang-format on */

/* hark_dns_open - from now on this thread's loop (inside it, or while it rests) looks names up by d,
 * until hark_dns_close. What d held before does not matter; it must not move.
 *
 * options may be NULL. Does not block, but for reading the files named above. Returns 0; -EBUSY (the
 * loop has a resolver already); -EINVAL (NULL, options.size, no such servers); -EXDEV (no loop here);
 * -ENOMEM, -EMFILE. */
HARK_API int hark_dns_open(hark_dns *d, const hark_dns_options *options);

/* hark_dns_close - names are looked up by the C library again. Whoever waits for an answer gets
 * -ESHUTDOWN. Call it before the loop ends.
 *
 * Does not block; no checkpoint. Returns 0, also if it is closed already; -EXDEV (another loop's);
 * -EINVAL (NULL). */
HARK_API int hark_dns_close(hark_dns *d);

/* Some types of records; any other number may be asked for, too. */
enum {
    HARK_DNS_A = 1,
    HARK_DNS_NS = 2,
    HARK_DNS_CNAME = 5,
    HARK_DNS_PTR = 12,
    HARK_DNS_MX = 15,
    HARK_DNS_TXT = 16,
    HARK_DNS_AAAA = 28,
    HARK_DNS_SRV = 33,
    HARK_DNS_CAA = 257,
};

/* One record of an answer. What its type does not have is 0 or NULL. */
typedef struct hark_dns_record {
    const char *name;                /* whose: the end of a chain of aliases */
    uint32_t ttl;                    /* for so many seconds it is right */
    uint16_t priority, weight, port; /* MX (priority), SRV: the lowest priority first */
    const char *host;                /* NS, CNAME, PTR, MX, SRV */
    hark_address address;            /* A, AAAA */
    /* TXT: its strings, joined; other types: as it came. A zero byte follows. */
    const unsigned char *data;
    size_t length; /* of data */
} hark_dns_record;

typedef struct hark_dns_answer {
    int count;
    hark_dns_record *records; /* by priority, otherwise as they came */
    void *own;                /* private */
} hark_dns_answer;
/* clang-format off */
#define HARK_DNS_ANSWER_INIT {0, NULL, NULL}
/* clang-format on */

/* hark_dns_query - ask the name servers for the records of one type of a full name, and nothing
 * else: no hosts file, no domains appended, nothing kept.
 *
 * Blocks: a checkpoint. Returns how many there are, >= 1; then free the answer. -ENOENT (no such name,
 * or no such record); -EHOSTDOWN, -EREMOTEIO, -EACCES, -EBADMSG as hark_resolve; -ESHUTDOWN (d was
 * closed); -EINVAL (NULL, type); -ECANCELED; -ENOTSUP outside a task; -EXDEV; -ENOMEM. The words name
 * the name and the servers. */
HARK_API int hark_dns_query(hark_dns *d, const char *name, int type, hark_dns_answer *answer);

/* hark_dns_answer_free - the records and their texts are no more. NULL and an empty one are fine. */
HARK_API void hark_dns_answer_free(hark_dns_answer *answer);

HARK_END
#endif
