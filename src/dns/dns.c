/* SPDX-License-Identifier: MIT
 *
 * dns.c - a loop's resolver: the addresses of a host, the name of an address, any record.
 *
 * Where an address comes from, in this order:
 *          1  The hosts file. A host that stands there is asked of nobody, so that a line in it
 *             replaces what name servers say.
 *          2  "localhost" and what is below it: this machine (RFC 6761, 6.3).
 *          3  Answers that are kept, family by family.
 *          4  The name servers: one request a family, so that each is told as it comes.
 *
 *              lookup --own--> asking --> request v4 --c-ares calls back--> found, found, end
 *                                     '-> request v6 --c-ares calls back--> end
 *
 * Rules    D1  A lookup that was forgotten leaves its asking without a way back; whichever of its
 *              requests ends last frees it.
 *          D2  While requests are being made an asking counts one more part, for c-ares may answer
 *              at once.
 *          D3  "I do not understand you" is asked again, once: c-ares has left EDNS out by then for
 *              what it asks anew, but not for what was under way.
 */
#include <arpa/inet.h>
#include <hark/error.h>
#include <hark/loop.h>
#include <hark/time.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

#define DAY 86400

struct asking;

struct part {
    struct hark__dns_request request;
    struct asking *asking;
    int family;
};

struct asking {
    struct hark__dns *dns;
    struct hark__dns_channel *channel;
    hark_lookup *lookup; /* NULL: forgotten */
    int parts;           /* not answered yet: rule D2 */
    struct part v4, v6;
    char host[];
};

static struct hark__dns *dns_of(hark_resolver *resolver)
{
    return ((hark_dns *)resolver)->own; /* its first field */
}

/* ---- addresses, by c-ares ------------------------------------------------------------------- */

static void drop_part(struct asking *asking)
{
    if (--asking->parts == 0) {
        free(asking);
    }
}

static void end_part(struct asking *asking, int family, int code, const char *why)
{
    hark_lookup *lookup = asking->lookup;

    if (!lookup) {
        return;
    }
    asking->channel->waiting--;
    if (code < 0) {
        hark_lookup_end(lookup, family, code, "%s (asked: %s)", why, asking->channel->servers);
    } else {
        hark_lookup_end(lookup, family, 0, NULL);
    }
}

static const char *words_of(int status)
{
    switch (status) {
    case ARES_ENODATA: return "it has no address of this kind";
    case ARES_ENOTFOUND: return "there is no such name";
    case ARES_ESERVFAIL: return "the name server has failed (SERVFAIL)";
    case ARES_EREFUSED: return "the name server refuses to answer (REFUSED)";
    case ARES_ETIMEOUT: return "no name server has answered in time";
    case ARES_ECONNREFUSED: return "no name server is there";
    case ARES_EDESTRUCTION: return "the resolver was closed";
    case ARES_EFILE: return "no descriptor is left for a socket";
    case ARES_ECANCELLED: return "no memory to listen to its socket";
    default: return ares_strerror(status);
    }
}

static int64_t ttl_of(const struct ares_addrinfo *info)
{
    int64_t ttl = DAY;

    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        ttl = node->ai_ttl < ttl ? node->ai_ttl : ttl;
    }
    for (const struct ares_addrinfo_cname *alias = info->cnames; alias; alias = alias->next) {
        ttl = alias->ttl < ttl ? alias->ttl : ttl;
    }
    return ttl < 0 ? 0 : ttl;
}

static int addresses_of(const struct ares_addrinfo *info, int family, hark_address *list, int most)
{
    int count = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node && count < most;
         node = node->ai_next) {
        if (node->ai_family == family && node->ai_addrlen <= sizeof list->at) {
            list[count] = (hark_address){.length = node->ai_addrlen};
            memcpy(&list[count++].at, node->ai_addr, node->ai_addrlen);
        }
    }
    return count;
}

#define MOST 64

static void send_part(struct part *part);

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct part *part = arg;
    struct asking *asking = part->asking;
    hark_address list[MOST];
    int count = 0, family = part->family;

    (void)timeouts;
    status = hark__dns_end(asking->channel, &part->request, status);
    if (status == ARES_EFORMERR && !part->request.again && asking->lookup) { /* rule D3 */
        part->request.again = true;
        send_part(part);
        return;
    }
    if (status == ARES_SUCCESS && info) {
        count = addresses_of(info, family, list, MOST);
        status = count ? status : ARES_ENODATA;
    }
    if (count > 0) {
        hark__dns_keep_add(&asking->dns->keep, asking->host, family, list, count,
                           hark_now() + HARK_S(ttl_of(info)));
    }
    for (int i = 0; asking->lookup && i < count; i++) {
        hark_lookup_found(asking->lookup, &list[i].at.any);
    }
    end_part(asking, family, hark__dns_code(status), words_of(status));
    if (info) {
        ares_freeaddrinfo(info);
    }
    drop_part(asking);
}

static void send_part(struct part *part)
{
    struct ares_addrinfo_hints hints = {.ai_family = part->family, .ai_flags = ARES_AI_NOSORT};
    struct asking *asking = part->asking;

    hark__dns_begin(asking->channel, &part->request);
    ares_getaddrinfo(asking->channel->ares, asking->host, NULL, &hints, on_addresses, part);
}

static void ask_servers(struct asking *asking, struct part *part, int family)
{
    *part = (struct part){.asking = asking, .family = family};
    part->request.name = asking->host;
    part->request.type = family == AF_INET ? HARK_DNS_A : HARK_DNS_AAAA;
    asking->parts++;
    asking->channel->waiting++;
    send_part(part);
}

/* Of one family: told at once, if it is known. */
static bool is_kept(struct hark__dns *dns, hark_lookup *lookup, const char *host, int family)
{
    const struct hark__dns_kept *kept = hark__dns_keep_find(&dns->keep, host, family, hark_now());

    for (int i = 0; kept && i < kept->count; i++) {
        hark_lookup_found(lookup, &kept->addresses[i].at.any);
    }
    return kept != NULL;
}

static int ask_channel(struct hark__dns *dns, hark_lookup *lookup, const char *host, int family)
{
    int error = 0;
    struct hark__dns_channel *channel = hark__dns_channel(dns, &error);
    size_t size = strlen(host) + 1;
    struct asking *asking = channel ? calloc(1, sizeof *asking + size) : NULL;

    if (!asking) {
        return channel ? hark_fail(-ENOMEM, "no memory to ask for \"%.60s\"", host) : error;
    }
    bool v6 = family != AF_INET && !is_kept(dns, lookup, host, AF_INET6);
    bool v4 = family != AF_INET6 && !is_kept(dns, lookup, host, AF_INET);
    *asking = (struct asking){.dns = dns, .channel = channel, .lookup = lookup, .parts = 1};
    memcpy(asking->host, host, size);
    lookup->own = asking;
    hark__dns_enter(channel);
    if (v6) {
        ask_servers(asking, &asking->v6, AF_INET6);
    }
    if (v4) {
        ask_servers(asking, &asking->v4, AF_INET);
    }
    if (family != AF_INET && !v6) { /* what is kept ends last: the lookup may be over then */
        hark_lookup_end(lookup, AF_INET6, 0, NULL);
    }
    if (family != AF_INET6 && !v4) {
        hark_lookup_end(lookup, AF_INET, 0, NULL);
    }
    drop_part(asking);
    hark__dns_leave(dns, channel);
    return 0;
}

/* ---- addresses, all ways -------------------------------------------------------------------- */

/* What the hosts file has for a lookup. */
struct finding {
    hark_lookup *lookup;
    int family, fit;
};

static void on_hosts_line(void *arg, const struct sockaddr *address)
{
    struct finding *finding = arg;

    if (finding->family == AF_UNSPEC || finding->family == address->sa_family) {
        hark_lookup_found(finding->lookup, address);
        finding->fit++;
    }
}

static bool is_localhost(const char *host)
{
    size_t length = strlen(host);

    length -= length > 0 && host[length - 1] == '.';
    return length >= 9 && strncasecmp(host + length - 9, "localhost", 9) == 0 &&
           (length == 9 || host[length - 10] == '.');
}

/* Did this machine know it? Then it is answered. */
static bool ask_files(struct hark__dns *dns, hark_lookup *lookup, const char *host, int family)
{
    struct finding finding = {.lookup = lookup, .family = family};
    int known = hark__dns_hosts(dns->hosts.text, host, on_hosts_line, &finding);

    if (!known && is_localhost(host)) {
        known = hark__dns_hosts("::1 localhost\n127.0.0.1 localhost\n", "localhost", on_hosts_line,
                                &finding);
    }
    if (known) {
        hark_lookup_end(lookup, AF_UNSPEC, finding.fit ? 0 : -ENOENT,
                        "%s has no address of this family for it", dns->hosts.path);
    }
    return known > 0;
}

static int sources(struct hark__dns *dns)
{
    hark__dns_file_read(&dns->hosts);
    if (dns->servers) {
        return NSS_FILES | NSS_DNS;
    }
    hark__dns_file_read(&dns->nsswitch);
    return hark__dns_nss(dns->nsswitch.text);
}

static int ask(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    struct hark__dns *dns = dns_of(resolver);
    int nss = sources(dns);

    if (nss & NSS_OTHER) {
        return -EOPNOTSUPP;
    }
    if (nss & NSS_FILES && ask_files(dns, lookup, host, family)) {
        return 0;
    }
    if (!(nss & NSS_DNS)) {
        hark_lookup_end(lookup, AF_UNSPEC, -ENOENT, "%s does not know it, and nobody else is asked",
                        dns->hosts.path ? dns->hosts.path : "no file");
        return 0;
    }
    return ask_channel(dns, lookup, host, family);
}

static void forget(hark_resolver *resolver, hark_lookup *lookup)
{
    struct hark__dns *dns = dns_of(resolver);
    struct asking *asking = lookup->own;
    struct hark__dns_channel *channel = asking->channel;

    asking->lookup = NULL;
    hark__dns_enter(channel);
    channel->waiting -= asking->parts;
    hark__dns_leave(dns, channel);
}

/* ---- any record ----------------------------------------------------------------------------- */

struct query {
    struct hark__dns_request request;
    struct hark__dns_channel *channel;
    hark_event done;
    bool forgotten;
    int status, result;
    hark_dns_answer answer;
    char name[];
};

static void send_query(struct query *query);

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
    struct query *query = arg;

    (void)timeouts;
    status = hark__dns_end(query->channel, &query->request, status);
    if (status == ARES_EFORMERR && !query->request.again && !query->forgotten) { /* rule D3 */
        query->request.again = true;
        send_query(query);
        return;
    }
    if (query->forgotten) {
        free(query);
        return;
    }
    query->channel->waiting--;
    query->status = status;
    query->result = hark__dns_code(status);
    if (status == ARES_SUCCESS) {
        query->result = hark__dns_take_apart(&query->answer, bytes, size, query->request.type);
    }
    hark_event_set(&query->done);
}

static const char *why_not(const struct query *query)
{
    if (query->status == ARES_ENODATA || query->result == 0) {
        return "it has no such record";
    }
    if (query->status != ARES_SUCCESS) {
        return words_of(query->status);
    }
    return query->result == -EBADMSG ? "the answer makes no sense" : "no memory for the answer";
}

static void send_query(struct query *query)
{
    hark__dns_begin(query->channel, &query->request);
    ares_query(query->channel->ares, query->name, 1, query->request.type, on_answer, query);
}

/* 0: it is over; -ECANCELED: it is its callback's now, or no more. */
static int ask_for(struct hark__dns *dns, struct query *query)
{
    struct hark__dns_channel *channel = query->channel;
    int error;

    hark__dns_enter(channel);
    channel->waiting++;
    send_query(query);
    hark__dns_leave(dns, channel);
    error = hark_event_wait(&query->done);
    if (!error || hark_event_is_set(&query->done)) {
        return 0;
    }
    query->forgotten = true;
    hark__dns_enter(channel);
    channel->waiting--;
    hark__dns_leave(dns, channel);
    return error;
}

static int check_query(const hark_dns *d, const char *name, int type, const hark_dns_answer *answer)
{
    int error = hark_checkpoint();

    if (error) {
        return error;
    }
    if (!d || !d->own || !name || !answer || type < 1 || type > 65535) {
        return hark_fail(-EINVAL, "hark_dns_query: %s",
                         !d || !d->own ? "the resolver is not open"
                         : !name       ? "the name is NULL"
                         : !answer     ? "no place for an answer"
                                       : "a type is 1..65535");
    }
    if (d->own->loop != hark_loop_self()) {
        return hark_fail(-EXDEV, "hark_dns_query: the resolver is another loop's");
    }
    return 0;
}

static struct query *new_query(struct hark__dns_channel *channel, const char *name, int type)
{
    size_t size = strlen(name) + 1;
    struct query *query = calloc(1, sizeof *query + size);

    if (query) {
        memcpy(query->name, name, size);
        query->channel = channel;
        query->request.name = query->name;
        query->request.type = type;
    }
    return query;
}

int hark_dns_query(hark_dns *d, const char *name, int type, hark_dns_answer *answer)
{
    int error = check_query(d, name, type, answer);

    if (error) {
        return error;
    }
    struct hark__dns_channel *channel = hark__dns_channel(d->own, &error);
    struct query *query = channel ? new_query(channel, name, type) : NULL;
    if (!query) {
        return channel ? hark_fail(-ENOMEM, "hark_dns_query: no memory to ask for \"%.60s\"", name)
                       : error;
    }
    char servers[sizeof channel->servers];
    memcpy(servers, channel->servers, sizeof servers); /* it may be closed meanwhile */
    *answer = (hark_dns_answer){0};
    error = ask_for(d->own, query);
    if (error) {
        return error;
    }
    int result = query->result;
    *answer = query->answer;
    if (result <= 0) {
        hark_dns_answer_free(answer);
        result = hark_fail(result ? result : -ENOENT,
                           "hark_dns_query: type %d of \"%.60s\": %s (asked: %s)", type, name,
                           why_not(query), servers);
    }
    free(query);
    return result;
}

/* ---- the name of an address ----------------------------------------------------------------- */

/* RFC 1035, 3.5, and RFC 3596, 2.5. */
static void reverse(const hark_address *address, char text[80])
{
    const unsigned char *bytes = address->at.any.sa_family == AF_INET
                                     ? (const unsigned char *)&address->at.v4.sin_addr
                                     : (const unsigned char *)&address->at.v6.sin6_addr;

    if (address->at.any.sa_family == AF_INET) {
        sprintf(text, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
        return;
    }
    for (int i = 15; i >= 0; i--) {
        text += sprintf(text, "%x.%x.", bytes[i] & 15, bytes[i] >> 4);
    }
    strcpy(text, "ip6.arpa");
}

static int name_of(hark_resolver *resolver, const struct sockaddr *given, char *host, size_t size)
{
    hark_dns *d = (hark_dns *)resolver;
    hark_dns_answer answer = HARK_DNS_ANSWER_INIT;
    hark_address address = {0};
    char text[80];
    int nss = sources(d->own);

    if (nss & NSS_OTHER) {
        return -EOPNOTSUPP;
    }
    memcpy(&address.at, given,
           given->sa_family == AF_INET ? sizeof address.at.v4 : sizeof address.at.v6);
    int length = nss & NSS_FILES ? hark__dns_hosts_name(d->own->hosts.text, &address, host, size) : 0;
    if (!length) {
        reverse(&address, text);
        length = hark_dns_query(d, text, HARK_DNS_PTR, &answer);
        if (length < 0) {
            return length;
        }
        length = snprintf(host, size, "%s", answer.records[0].host);
        hark_dns_answer_free(&answer);
    }
    return (size_t)length < size
               ? length
               : hark_fail(-EMSGSIZE, "hark_name_of: a name of %d bytes, room for %lu", length,
                           (unsigned long)size);
}

/* ---- opening and closing -------------------------------------------------------------------- */

static void free_dns(struct hark__dns *dns)
{
    hark__dns_channels_free(dns);
    hark__dns_keep_clear(&dns->keep);
    free(dns->servers);
    free(dns->domains);
    free(dns->resolv_conf.path);
    free(dns->hosts.path);
    free(dns->hosts.text);
    free(dns->nsswitch.path);
    free(dns->nsswitch.text);
    free(dns);
}

/* A copy of a path; NULL: the usual one; "": none. False: no memory. */
static bool copy_path(char **to, const char *path, const char *usual)
{
    const char *from = path ? path : usual;

    *to = from && *from ? strdup(from) : NULL;
    return *to || !from || !*from;
}

static struct hark__dns *new_dns(const hark_dns_options *options)
{
    struct hark__dns *dns = calloc(1, sizeof *dns);

    if (!dns) {
        return NULL;
    }
    dns->loop = hark_loop_self();
    dns->timeout = options->timeout > 0 ? options->timeout : HARK_S(2);
    dns->tries = options->tries > 0 ? options->tries : 3;
    dns->tcp = options->tcp;
    dns->keep.most = options->keep ? options->keep : 256;
    dns->domains = options->domains ? strdup(options->domains) : NULL;
    if (!copy_path(&dns->servers, options->servers, NULL) || (options->domains && !dns->domains) ||
        !copy_path(&dns->resolv_conf.path, options->resolv_conf, "/etc/resolv.conf") ||
        !copy_path(&dns->hosts.path, options->hosts, "/etc/hosts") ||
        !copy_path(&dns->nsswitch.path, options->nsswitch, "/etc/nsswitch.conf")) {
        free_dns(dns);
        return NULL;
    }
    return dns;
}

int hark_dns_open(hark_dns *d, const hark_dns_options *given)
{
    static const hark_dns_options plain = HARK_DNS_OPTIONS_INIT;
    const hark_dns_options *options = given ? given : &plain;
    int error = 0;

    if (!d || options->size != sizeof *options) {
        return hark_fail(-EINVAL, "hark_dns_open: %s",
                         d ? "set options.size to sizeof(hark_dns_options)" : "it is NULL");
    }
    *d = (hark_dns){
        .resolver = {.what = "hark-dns", .ask = ask, .forget = forget, .name_of = name_of}};
    struct hark__dns *dns = new_dns(options);
    if (!dns) {
        return hark_fail(-ENOMEM, "hark_dns_open: no memory");
    }
    hark__dns_file_changed(&dns->resolv_conf);
    if (!hark__dns_channel(dns, &error) || (error = hark_resolver_use(&d->resolver))) {
        free_dns(dns);
        return error;
    }
    d->own = dns;
    return 0;
}

int hark_dns_close(hark_dns *d)
{
    if (!d) {
        return hark_fail(-EINVAL, "hark_dns_close: it is NULL");
    }
    struct hark__dns *dns = d->own;
    if (!dns) {
        return 0;
    }
    if (dns->loop != hark_loop_self()) {
        return hark_fail(-EXDEV, "hark_dns_close: the resolver is another loop's");
    }
    hark_resolver_use(NULL);
    d->own = NULL;
    free_dns(dns);
    return 0;
}
