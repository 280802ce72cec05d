/* SPDX-License-Identifier: MIT
 *
 * address.c - internet addresses and ports: read from text, written as text, put in order.
 *
 * Order    RFC 6724, as far as one address can tell: those that this machine can reach at all come
 *          first; then those whose best source address has the same scope, then the same label; then
 *          by the table's precedence; then the narrower scope. What is equal keeps its place, which
 *          is the name server's choice. Which source address it would be is asked of the kernel: a
 *          datagram socket that is "connected" sends nothing, and knows its own end.
 * Rules    A1  A number is read here, and nowhere else; what is no number is a name.
 *          A2  Asking for an order never fails: without sockets all are equal.
 * Not here Names (name.c), and preferring the longest common prefix: it defeats a name server that
 *          deals its addresses out.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "io/io.h"
#include <hark/name.h>

/* ---- reading -------------------------------------------------------------------------------- */

int hark__io_port(const char *port)
{
    int number = 0;

    for (const char *at = port; *at; at++) {
        if (*at < '0' || *at > '9') {
            return -1;
        }
        number = number > 65535 ? number : number * 10 + (*at - '0');
    }
    return !*port ? -1 : number > 65535 ? -2 : number;
}

void hark__io_set_port(hark_address *address, int port)
{
    if (address->at.any.sa_family == AF_INET) {
        address->at.v4.sin_port = htons((uint16_t)port);
    } else {
        address->at.v6.sin6_port = htons((uint16_t)port);
    }
}

static void set_v4(hark_address *address, struct in_addr number)
{
    *address = (hark_address){.length = sizeof address->at.v4};
    address->at.v4.sin_family = AF_INET;
    address->at.v4.sin_addr = number;
}

static void set_v6(hark_address *address, const struct in6_addr *number, uint32_t scope)
{
    *address = (hark_address){.length = sizeof address->at.v6};
    address->at.v6.sin6_family = AF_INET6;
    address->at.v6.sin6_addr = *number;
    address->at.v6.sin6_scope_id = scope;
}

/* An interface by its number, or else by its name; 0: there is none. */
static uint32_t scope_of(const char *text)
{
    uint64_t number = 0;

    for (const char *at = text; *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
        if (!at[1]) {
            return number <= UINT32_MAX ? (uint32_t)number : 0;
        }
    }
    return hark__sys.if_nametoindex(text);
}

int hark__io_number(hark_address *address, const char *host)
{
    char bare[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t size = percent ? (size_t)(percent - host) : strlen(host);
    struct in_addr v4;
    struct in6_addr v6;
    uint32_t scope = 0;

    if (size >= sizeof bare) {
        return 0;
    }
    memcpy(bare, host, size);
    bare[size] = '\0';
    if (!percent && inet_pton(AF_INET, bare, &v4) == 1) {
        set_v4(address, v4);
        return 1;
    }
    if (inet_pton(AF_INET6, bare, &v6) != 1) {
        return 0;
    }
    if (percent && (scope = scope_of(percent + 1)) == 0) {
        return -ENODEV;
    }
    set_v6(address, &v6, scope);
    return 1;
}

int hark__io_every_address(hark_address all[2], int family)
{
    int count = 0;

    if (family != AF_INET) {
        set_v6(&all[count++], &in6addr_any, 0);
    }
    if (family != AF_INET6) {
        set_v4(&all[count++], (struct in_addr){INADDR_ANY});
    }
    return count;
}

bool hark__io_copy_address(hark_address *to, const struct sockaddr *from)
{
    bool v4 = from->sa_family == AF_INET, v6 = from->sa_family == AF_INET6;

    *to = (hark_address){.length = v4 ? sizeof to->at.v4 : v6 ? sizeof to->at.v6 : 0};
    memcpy(&to->at, from, to->length);
    return v4 || v6;
}

/* ---- writing -------------------------------------------------------------------------------- */

const char *hark__io_address_text(const hark_address *address, char *text)
{
    bool v4 = address->at.any.sa_family == AF_INET;
    const void *bytes =
        v4 ? (const void *)&address->at.v4.sin_addr : (const void *)&address->at.v6.sin6_addr;

    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, HARK__IO_ADDRESS_TEXT)) {
        strcpy(text, "?");
    }
    return text;
}

static void put_unix(struct hark__text *text, const struct sockaddr_un *address)
{
    char path[sizeof address->sun_path + 1] = ""; /* the longest one has no zero byte */

    memcpy(path, address->sun_path, sizeof address->sun_path);
    hark__text_put(text, "unix:%s%s", !path[0] && path[1] ? "@" : "", path[0] ? path : path + 1);
}

const char *hark_address_text(const struct sockaddr *address, char *text, size_t size)
{
    hark_address known;
    char host[HARK__IO_ADDRESS_TEXT];
    struct hark__text out;

    if (!text || size == 0) {
        return "";
    }
    *text = '\0';
    if (!address) {
        return text;
    }
    hark__text_to_string(&out, text, size);
    if (address->sa_family == AF_UNIX) {
        put_unix(&out, (const struct sockaddr_un *)address);
    } else if (hark__io_copy_address(&known, address)) {
        uint32_t scope = address->sa_family == AF_INET6 ? known.at.v6.sin6_scope_id : 0;
        hark__io_address_text(&known, host);
        if (address->sa_family == AF_INET) {
            hark__text_put(&out, "%s:%d", host, ntohs(known.at.v4.sin_port));
        } else if (scope) {
            hark__text_put(&out, "[%s%%%lu]:%d", host, (unsigned long)scope,
                           ntohs(known.at.v6.sin6_port));
        } else {
            hark__text_put(&out, "[%s]:%d", host, ntohs(known.at.v6.sin6_port));
        }
    }
    return text;
}

/* ---- the order ------------------------------------------------------------------------------ */

/* RFC 6724, 2.1: the longest prefix that fits comes first. */
static const struct {
    uint8_t prefix[16], bits, precedence, label;
} table[] = {
    {{[15] = 1}, 128, 50, 0},                /* ::1 */
    {{[10] = 0xff, [11] = 0xff}, 96, 35, 4}, /* IPv4 */
    {{0}, 96, 1, 3},                         /* IPv4-compatible, given up */
    {{0x20, 0x01}, 32, 5, 5},                /* Teredo */
    {{0x20, 0x02}, 16, 30, 2},               /* 6to4 */
    {{0x3f, 0xfe}, 16, 1, 12},               /* 6bone, given up */
    {{0xfe, 0xc0}, 10, 1, 11},               /* site-local, given up */
    {{0xfc}, 7, 3, 13},                      /* a site's own */
    {{0}, 0, 40, 1},
};

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, int bits)
{
    int whole = bits / 8;
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

    return memcmp(bytes, prefix, (size_t)whole) == 0 &&
           (!mask || ((bytes[whole] ^ prefix[whole]) & mask) == 0);
}

static void as_v6(const hark_address *address, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    if (address->at.any.sa_family == AF_INET6) {
        memcpy(bytes, &address->at.v6.sin6_addr, 16);
    } else {
        bytes[10] = bytes[11] = 0xff;
        memcpy(bytes + 12, &address->at.v4.sin_addr, 4);
    }
}

enum { LINK = 2, SITE = 5, WIDE = 14 };

static int scope_width(const uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (bytes[0] == 0xff) {
        return bytes[1] & 15;
    }
    if (has_prefix(bytes, mapped, 96)) {
        return bytes[12] == 127 || (bytes[12] == 169 && bytes[13] == 254) ? LINK : WIDE;
    }
    if (bytes[0] == 0xfe && bytes[1] >> 6 == 2) {
        return LINK;
    }
    return bytes[0] == 0xfe && bytes[1] >> 6 == 3    ? SITE
           : has_prefix(bytes, table[0].prefix, 128) ? LINK
                                                     : WIDE;
}

static int row_of(const uint8_t bytes[16])
{
    int row = 0;

    while (!has_prefix(bytes, table[row].prefix, table[row].bits)) {
        row++;
    }
    return row;
}

static bool source_for(const hark_address *to, hark_address *from)
{
    int fd = hark__sys.socket(to->at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return false;
    }
    hark_address there = *to;
    if (there.at.v4.sin_port == 0) { /* some systems know no way to port 0 */
        hark__io_set_port(&there, 53);
    }
    from->length = sizeof from->at;
    bool known = hark__sys.connect(fd, &there.at.any, there.length) == 0 &&
                 hark__sys.getsockname(fd, &from->at.any, &from->length) == 0;
    hark__sys.close(fd);
    return known;
}

/* The larger, the better. */
static uint32_t merit_of(const hark_address *to)
{
    hark_address from;
    uint8_t bytes[16], source[16];

    as_v6(to, bytes);
    int row = row_of(bytes), width = scope_width(bytes);
    uint32_t merit = (uint32_t)table[row].precedence << 4 | (uint32_t)(15 - width);
    if (!source_for(to, &from)) {
        return merit;
    }
    as_v6(&from, source);
    return merit | 1u << 20 | (uint32_t)(scope_width(source) == width) << 19 |
           (uint32_t)(table[row_of(source)].label == table[row].label) << 18;
}

void hark__io_order(struct hark__io_names *names)
{
    uint32_t merits[HARK__IO_ORDERED];
    int count = names->count < HARK__IO_ORDERED ? names->count : HARK__IO_ORDERED;

    for (int i = 0; i < count; i++) {
        hark_address one = names->first[i];
        uint32_t merit = merit_of(&one);
        int at = i;
        for (; at > 0 && merits[at - 1] < merit; at--) {
            merits[at] = merits[at - 1];
            names->first[at] = names->first[at - 1];
        }
        merits[at] = merit;
        names->first[at] = one;
    }
}

/* ---- of a socket ----------------------------------------------------------------------------- */

int hark__io_local_port(const char *call, int fd)
{
    hark_address address = {.length = sizeof address.at};

    if (hark__sys.getsockname(fd, &address.at.any, &address.length) < 0) {
        return hark__io_fail(call, fd, -errno);
    }
    switch (address.at.any.sa_family) {
    case AF_INET: return ntohs(address.at.v4.sin_port);
    case AF_INET6: return ntohs(address.at.v6.sin6_port);
    default: return hark__fail(-EINVAL, call, "descriptor %d is no internet socket", fd);
    }
}
