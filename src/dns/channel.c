/* SPDX-License-Identifier: MIT
 *
 * channel.c - c-ares, driven by a loop.
 *
 * Idea     c-ares opens sockets and says which of them it wants to read or write: each gets a reader
 *          or a writer. It says when it wants to be called at the latest: that is a timer. One
 *          channel serves all requests of a loop; when resolv.conf has changed the next request
 *          gets a new one, and the old one ends with its last request.
 * Rules    H1  Every call into c-ares stands between hark__dns_enter and _leave; callbacks of a
 *              socket or a timer do that here.
 *          H2  A channel that nobody waits for has no socket open.
 *          H3  When a socket cannot be watched (no memory), all of the channel's requests fail:
 *              none may wait for what nobody would hear.
 */
#include <hark/error.h>
#include <hark/io.h>
#include <hark/time.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "dns.h"

struct hark__dns_socket {
    struct hark__dns_socket *next;
    struct hark__dns *dns;
    struct hark__dns_channel *channel;
    int fd;
    hark_watch in, out;
    bool reads, writes;
};

/* What c-ares needs to find us again. */
struct door {
    struct hark__dns_channel channel; /* first */
    struct hark__dns *dns;
};

/* ---- sockets and time ----------------------------------------------------------------------- */

static void process(struct hark__dns *dns, struct hark__dns_channel *channel, int in, int out)
{
    hark__dns_enter(channel);
    ares_process_fd(channel->ares, in, out);
    hark__dns_leave(dns, channel);
}

static void on_readable(void *arg)
{
    struct hark__dns_socket *one = arg;

    process(one->dns, one->channel, one->fd, ARES_SOCKET_BAD);
}

static void on_writable(void *arg)
{
    struct hark__dns_socket *one = arg;

    process(one->dns, one->channel, ARES_SOCKET_BAD, one->fd);
}

static void on_time(void *arg)
{
    struct door *door = arg;

    door->channel.timed = false;
    process(door->dns, &door->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static struct hark__dns_socket **find(struct hark__dns_channel *channel, int fd)
{
    struct hark__dns_socket **link = &channel->sockets;

    while (*link && (*link)->fd != fd) {
        link = &(*link)->next;
    }
    return link;
}

/* 0, or why it cannot be watched. */
static int watch(struct hark__dns_socket *one, bool reads, bool writes)
{
    int error = 0;

    if (one->reads != reads) {
        error = reads ? hark_add_reader(one->fd, &one->in, on_readable, one) : hark_unwatch(&one->in);
        one->reads = reads && !error;
    }
    if (one->writes != writes) {
        int other = writes ? hark_add_writer(one->fd, &one->out, on_writable, one)
                           : hark_unwatch(&one->out);
        one->writes = writes && !other;
        error = error < 0 ? error : other;
    }
    return (reads && !one->reads) || (writes && !one->writes) ? error : 0;
}

/* c-ares tells what it wants of a socket: neither means that it is about to be closed. */
static void on_change(void *arg, ares_socket_t fd, int reads, int writes)
{
    struct door *door = arg;
    struct hark__dns_socket **link = find(&door->channel, fd), *one = *link;

    if (!one && (reads || writes)) {
        one = calloc(1, sizeof *one);
        if (!one) {
            door->channel.broken = true;
            return;
        }
        *one = (struct hark__dns_socket){.dns = door->dns, .channel = &door->channel, .fd = fd};
        one->next = door->channel.sockets;
        door->channel.sockets = one;
        link = &door->channel.sockets;
    }
    if (one && watch(one, reads, writes)) {
        door->channel.broken = true;
    }
    if (one && !reads && !writes) {
        *link = one->next;
        hark_forget(fd);
        free(one);
    }
}

static void stop_timer(struct hark__dns_channel *channel)
{
    if (channel->timed) {
        hark_unwatch(&channel->timer);
        channel->timed = false;
    }
}

static void set_timer(struct hark__dns_channel *channel)
{
    struct timeval room, *left = ares_timeout(channel->ares, NULL, &room);

    stop_timer(channel);
    if (left) {
        int64_t span = HARK_S(left->tv_sec) + HARK_US(left->tv_usec);
        span = span < HARK_MS(1) ? HARK_MS(1) : span;
        channel->timed = hark_call_later(span, &channel->timer, on_time, channel) == 0;
        channel->broken |= !channel->timed;
    }
}

void hark__dns_enter(struct hark__dns_channel *channel)
{
    channel->inside++;
}

static void free_channel(struct hark__dns *dns, struct hark__dns_channel *channel)
{
    struct hark__dns_channel **link = &dns->channels;

    while (*link != channel) {
        link = &(*link)->next;
    }
    *link = channel->next;
    channel->inside++; /* the callbacks find it busy */
    ares_destroy(channel->ares);
    stop_timer(channel);
    free(channel);
}

void hark__dns_leave(struct hark__dns *dns, struct hark__dns_channel *channel)
{
    if (channel->inside == 1) {
        set_timer(channel);
        if (channel->broken || channel->waiting == 0) { /* rules H2, H3 */
            ares_cancel(channel->ares);
            stop_timer(channel);
            channel->broken = false;
        }
    }
    channel->inside--;
    if (!channel->inside && channel->retired && channel->waiting == 0) {
        free_channel(dns, channel);
    }
}

/* ---- making them ---------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int library;

static void begin(void)
{
    library = ares_library_init(ARES_LIB_INIT_ALL);
}

/* Later versions keep answers of their own accord, for all who ask: ours are kept in keep.c. */
#ifdef ARES_OPT_QUERY_CACHE
static int keep_nothing(struct ares_options *options)
{
    options->qcache_max_ttl = 0;
    return ARES_OPT_QUERY_CACHE;
}
#else
static int keep_nothing(struct ares_options *options)
{
    (void)options;
    return 0;
}
#endif

/* "a.example b.example" as c-ares wants it, in the copy's place; how many. */
static int split(char *text, char **words, int most)
{
    char *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(text, " ,\t", &rest); word && count < most;
         word = strtok_r(NULL, " ,\t", &rest)) {
        words[count++] = word;
    }
    return count;
}

static int init(const struct hark__dns *dns, struct door *door)
{
    char *words[16], *domains = dns->domains ? strdup(dns->domains) : NULL;
    int64_t timeout = dns->timeout / 1000000;
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS | (dns->tcp ? ARES_FLAG_USEVC : 0),
        .timeout = timeout < 1           ? 1
                   : timeout > INT32_MAX ? INT32_MAX
                                         : (int)timeout,
        .tries = dns->tries,
        .ednspsz = 1232,
        .lookups = (char *)"b",
        .sock_state_cb = on_change,
        .sock_state_cb_data = door,
        .resolvconf_path = dns->resolv_conf.path,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF |
               keep_nothing(&options);

    if (dns->domains && !domains) {
        return ARES_ENOMEM;
    }
    if (domains) {
        options.ndomains = split(domains, words, 16);
        options.domains = words;
        mask |= ARES_OPT_DOMAINS;
    }
    int status = ares_init_options(&door->channel.ares, &options, mask);
    free(domains);
    if (status == ARES_SUCCESS && dns->servers) {
        status = ares_set_servers_ports_csv(door->channel.ares, dns->servers);
        if (status != ARES_SUCCESS) {
            ares_destroy(door->channel.ares);
        }
    }
    return status;
}

/* Whom it asks, for words. */
static void list_servers(struct hark__dns_channel *channel)
{
    struct ares_addr_port_node *list = NULL;
    char text[HARK_ADDRESS_TEXT];
    size_t used = 0;

    if (ares_get_servers_ports(channel->ares, &list) != ARES_SUCCESS) {
        return;
    }
    for (struct ares_addr_port_node *one = list; one; one = one->next) {
        hark_address address = {0};
        uint16_t port = htons((uint16_t)(one->udp_port ? one->udp_port : 53));
        address.at.any.sa_family = (sa_family_t)one->family;
        if (one->family == AF_INET) {
            address.at.v4.sin_addr = one->addr.addr4;
            address.at.v4.sin_port = port;
        } else {
            memcpy(&address.at.v6.sin6_addr, &one->addr.addr6, 16);
            address.at.v6.sin6_port = port;
        }
        hark_address_text(&address.at.any, text, sizeof text);
        size_t room = sizeof channel->servers - used;
        int more = snprintf(channel->servers + used, room, "%s%s", used ? ", " : "", text);
        if (more < 0 || (size_t)more >= room) {
            channel->servers[used] = '\0'; /* rather none than half a one */
            break;
        }
        used += (size_t)more;
    }
    ares_free_data(list);
}

static struct hark__dns_channel *make(struct hark__dns *dns, int *error)
{
    struct door *door = calloc(1, sizeof *door);
    int status = ARES_ENOMEM;

    pthread_once(&once, begin);
    if (door && (status = library) == ARES_SUCCESS) {
        door->dns = dns;
        status = init(dns, door);
    }
    if (status != ARES_SUCCESS) {
        free(door);
        *error = status == ARES_ENOMEM ? -ENOMEM : status == ARES_EFILE ? -EMFILE : -EINVAL;
        hark_fail(*error, "name servers \"%.60s\": %s",
                  dns->servers ? dns->servers : "of resolv.conf", ares_strerror(status));
        return NULL;
    }
    hark__dns_sockets(&door->channel);
    list_servers(&door->channel);
    return &door->channel;
}

static struct hark__dns_channel *cannot_ask(const struct hark__dns *dns, int error)
{
    hark_fail(error, "name servers of \"%.60s\": %s", dns->resolv_conf.path, strerrordesc_np(-error));
    return NULL;
}

struct hark__dns_channel *hark__dns_channel(struct hark__dns *dns, int *error)
{
    struct hark__dns_channel *old = dns->channels;

    if (old && !hark__dns_file_changed(&dns->resolv_conf)) {
        return old;
    }
    /* c-ares takes what it cannot open for missing, and would ask 127.0.0.1 from then on. */
    *error = hark__dns_file_try(&dns->resolv_conf);
    if (*error && old) {
        return old;
    }
    struct hark__dns_channel *channel = *error ? cannot_ask(dns, *error) : make(dns, error);
    if (!channel) {
        hark__dns_file_unmark(&dns->resolv_conf);
        return NULL;
    }
    channel->next = old;
    dns->channels = channel;
    if (old) {
        hark__dns_keep_clear(&dns->keep);
        old->retired = true;
        hark__dns_enter(old);
        hark__dns_leave(dns, old);
    }
    return channel;
}

void hark__dns_channels_free(struct hark__dns *dns)
{
    while (dns->channels) {
        free_channel(dns, dns->channels);
    }
}

int hark__dns_code(int status)
{
    switch (status) {
    case ARES_SUCCESS: return 0;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME:
    case ARES_EBADQUERY: return -ENOENT;
    case ARES_ECONNREFUSED:
    case ARES_ETIMEOUT: return -EHOSTDOWN;
    case ARES_ESERVFAIL: return -EREMOTEIO;
    case ARES_EREFUSED: return -EACCES;
    case ARES_EFORMERR:
    case ARES_ENOTIMP:
    case ARES_EBADRESP:
    case ARES_EOF: return -EBADMSG;
    case ARES_EDESTRUCTION: return -ESHUTDOWN;
    case ARES_ECANCELLED: /* by rule H3: nobody waits for those of rule H2 */
    case ARES_ENOMEM: return -ENOMEM;
    case ARES_EFILE: return -EMFILE;
    default: return -EIO;
    }
}
