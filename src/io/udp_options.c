/* SPDX-License-Identifier: MIT
 *
 * udp_options.c - UDP's options: how far a datagram goes, by which way, and to which groups a
 * socket belongs.
 *
 * Idea     The kernel has each option twice, with other numbers and other structs for IPv4 and
 *          IPv6. Here is one table of both. A socket of both families (every address) gets both
 *          where both make sense. Groups go by the calls of RFC 3678, which are the same for both.
 *
 * Rules    G1  The family is asked of the socket at each call: descriptors come from anywhere.
 *          G2  Of a socket of both families IPv6 decides what is returned; IPv4's share is tried
 *              after it.
 */
#include <arpa/inet.h>
#include <hark/udp.h>
#include <string.h>

#include "io/io.h"

/* AF_INET, AF_INET6; -EINVAL: something else. */
static int family_of(const char *call, int fd)
{
    int domain = 0, type = 0;
    socklen_t length = sizeof domain;

    if (hark__sys.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
        hark__sys.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        return hark__io_fail(call, fd, -errno);
    }
    if ((domain != AF_INET && domain != AF_INET6) || type == SOCK_STREAM) {
        return hark__fail(-EINVAL, call, "descriptor %d is no UDP socket", fd);
    }
    return domain;
}

/* ---- options --------------------------------------------------------------------------------- */

static const struct {
    const char *words;
    int v4, v6; /* names; 0: this family has none */
    int least, most;
} table[] = {
    [HARK_UDP_TTL] = {"a number of hops", IP_TTL, IPV6_UNICAST_HOPS, 1, 255},
    [HARK_UDP_BROADCAST] = {"broadcasting", 0, 0, 0, 1},
    [HARK_UDP_GROUP_TTL] = {"a group's number of hops", IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, 0, 255},
    [HARK_UDP_GROUP_LOOP] = {"a group's loop", IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, 0, 1},
    [HARK_UDP_GROUP_THROUGH] = {"an interface", IP_MULTICAST_IF, IPV6_MULTICAST_IF, 0, INT32_MAX},
};

static int set_v4(int fd, enum hark_udp_option option, int value)
{
    const struct ip_mreqn way = {.imr_ifindex = value};
    bool through = option == HARK_UDP_GROUP_THROUGH;
    const void *bytes = through ? (const void *)&way : &value;
    socklen_t size = through ? sizeof way : sizeof value;

    return hark__sys.setsockopt(fd, IPPROTO_IP, table[option].v4, bytes, size) < 0 ? -errno : 0;
}

static int set_for(int fd, int family, enum hark_udp_option option, int value)
{
    int error = 0;

    if (option == HARK_UDP_BROADCAST) {
        error = hark__sys.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, sizeof value);
        return error < 0 ? -errno : 0;
    }
    if (family == AF_INET) {
        return set_v4(fd, option, value);
    }
    if (hark__sys.setsockopt(fd, IPPROTO_IPV6, table[option].v6, &value, sizeof value) < 0) {
        return -errno;
    }
    set_v4(fd, option, value); /* rule G2 */
    return 0;
}

int hark_udp_set(int fd, enum hark_udp_option option, int value)
{
    static const char call[] = "hark_udp_set";

    if ((unsigned)option >= sizeof table / sizeof *table) {
        return hark__fail(-EINVAL, call, "descriptor %d: there is no option %d", fd, (int)option);
    }
    int family = family_of(call, fd);
    if (family < 0) {
        return family;
    }
    if (value < table[option].least || value > table[option].most) {
        return hark__fail(-EINVAL, call, "descriptor %d: %d as %s; %d to %d", fd, value,
                          table[option].words, table[option].least, table[option].most);
    }
    int error = set_for(fd, family, option, value);
    if (error) {
        return hark__fail(error, call, "descriptor %d: %d as %s: %s", fd, value,
                          table[option].words, strerrordesc_np(-error));
    }
    return 0;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* The family of a number; 0: it is none. */
static int read_number(const char *number, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

    *ret = (struct sockaddr_storage){0};
    if (!number) {
        return 0;
    }
    if (inet_pton(AF_INET, number, &v4->sin_addr) == 1) {
        return ret->ss_family = AF_INET;
    }
    if (inet_pton(AF_INET6, number, &v6->sin6_addr) == 1) {
        return ret->ss_family = AF_INET6;
    }
    return 0;
}

static bool is_group(const struct sockaddr_storage *number)
{
    if (number->ss_family == AF_INET) {
        return IN_MULTICAST(ntohl(((const struct sockaddr_in *)number)->sin_addr.s_addr));
    }
    return IN6_IS_ADDR_MULTICAST(&((const struct sockaddr_in6 *)number)->sin6_addr);
}

struct membership {
    int name, name_from; /* the options */
    const char *call, *group, *source;
    unsigned interface;
};

static int ask(int fd, const struct membership *m)
{
    struct group_source_req both = {.gsr_interface = m->interface};
    struct group_req one = {.gr_interface = m->interface};
    int family = read_number(m->group, &one.gr_group), rc;
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;

    if (family == 0 || !is_group(&one.gr_group)) {
        return hark__fail(-EINVAL, m->call, "descriptor %d: \"%.60s\" is not the number of a group",
                          fd, m->group ? m->group : "(NULL)");
    }
    if (m->source) {
        both.gsr_group = one.gr_group;
        if (read_number(m->source, &both.gsr_source) != family) {
            return hark__fail(-EINVAL, m->call, "descriptor %d: \"%.60s\" is no source for \"%.60s\"",
                              fd, m->source, m->group);
        }
        rc = hark__sys.setsockopt(fd, level, m->name_from, &both, sizeof both);
    } else {
        rc = hark__sys.setsockopt(fd, level, m->name, &one, sizeof one);
    }
    if (rc < 0) {
        int error = errno == ENOPROTOOPT ? -EINVAL : -errno;
        return hark__fail(error, m->call, "descriptor %d, group \"%.60s\", interface %u: %s", fd,
                          m->group, m->interface, strerrordesc_np(-error));
    }
    return 0;
}

static int change(int fd, const struct membership *m)
{
    int family = family_of(m->call, fd);
    return family < 0 ? family : ask(fd, m);
}

int hark_udp_join(int fd, const char *group, const char *source, unsigned interface)
{
    return change(fd, &(struct membership){MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP,
                                           "hark_udp_join", group, source, interface});
}

int hark_udp_leave(int fd, const char *group, const char *source, unsigned interface)
{
    return change(fd, &(struct membership){MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
                                           "hark_udp_leave", group, source, interface});
}
