/* SPDX-License-Identifier: MIT
 *
 * tcp.c - TCP by names: listening, and connecting to whichever address answers first.
 *
 * Connecting (RFC 8305, happy eyeballs)
 *          The addresses are put in order so that the families take turns, beginning with the
 *          resolver's favourite. They are tried one after another; the next one begins when the
 *          last has failed, or 250 ms after it began, and those before it go on. The first that
 *          answers wins, the others are closed. It is one task with several non-blocking sockets:
 *          no child tasks, so nothing to cancel, and nothing left when the task is cancelled.
 *
 * Listening
 *          "Every address" is one IPv6 socket that takes IPv4 too, and an IPv4 socket where there
 *          is no IPv6. A name that means several addresses is listened on at the first that this
 *          machine has, IPv4 first: clients of such a name may know either number, and nearly all
 *          know that one. TCP_NODELAY is set on the listener; what it accepts inherits it.
 *
 * Rules    T1  Every way out closes all sockets but the one that is returned.
 *          T2  A connection to oneself (the kernel chose the very port that was dialled, so that
 *              nobody listens there) is refused.
 */
#include <netinet/tcp.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define STAGGER HARK_MS(250)

/* ---- connecting ----------------------------------------------------------------------------- */

struct race {
    const char *call, *host, *port;
    struct hark__io_names *names;
    struct hark__io_place *places; /* one an address, in the order in which they are tried */
    int begun, running;
    int64_t next_at; /* 0: at once */
    int error;       /* of the last that failed */
    struct hark__text told;
    char bytes[120];
};

/* Families in turn: all of the first one's stand at even places as long as there are others. */
static void interleave(struct hark__io_names *names)
{
    for (int i = 1; i < names->count; i++) {
        int before = names->first[i - 1].at.any.sa_family, found = i;

        while (found < names->count && names->first[found].at.any.sa_family == before) {
            found++;
        }
        if (found < names->count && found != i) {
            struct hark__io_address other = names->first[found];
            memmove(&names->first[i + 1], &names->first[i], (size_t)(found - i) * sizeof other);
            names->first[i] = other;
        }
    }
}

static void note_failure(struct race *race, int index, int error)
{
    char text[HARK__IO_ADDRESS_TEXT];

    race->error = error;
    race->next_at = 0;
    hark__text_put(&race->told, "%s%s: %s", race->told.used ? "; " : "",
                   hark__io_address_text(&race->names->first[index], text), strerrordesc_np(-error));
}

static bool is_oneself(int fd, const struct hark__io_address *peer)
{
    struct hark__io_address self = {.length = sizeof self.at};

    return hark__sys.getsockname(fd, &self.at.any, &self.length) == 0 &&
           self.at.any.sa_family == peer->at.any.sa_family &&
           self.at.v4.sin_port == peer->at.v4.sin_port &&
           (peer->at.any.sa_family == AF_INET
                ? self.at.v4.sin_addr.s_addr == peer->at.v4.sin_addr.s_addr
                : memcmp(&self.at.v6.sin6_addr, &peer->at.v6.sin6_addr, 16) == 0);
}

/* The connection stands: the descriptor, or why it is none after all. */
static int arrived(const struct race *race, int index, int fd)
{
    int on = 1;

    if (is_oneself(fd, &race->names->first[index])) {
        return -ECONNREFUSED;
    }
    hark__sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void drop_place(struct race *race, int index)
{
    hark__io_discard(race->places[index].entry->fd);
    race->places[index].entry = NULL;
    race->running--;
}

/* The descriptor, if it is connected at once; -EINPROGRESS; else it has failed. */
static int begin_next(struct race *race)
{
    int index = race->begun++, error;
    const struct hark__io_address *address = &race->names->first[index];
    int fd = hark__io_socket(address->at.any.sa_family, FD_TCP);

    race->next_at = hark_now() + STAGGER;
    if (fd < 0) {
        note_failure(race, index, fd);
        return fd;
    }
    error = hark__io_connect_begin(fd, &address->at.any, address->length);
    if (error == 0 && (error = arrived(race, index, fd)) >= 0) {
        return fd;
    }
    struct hark__fd *entry = error == -EINPROGRESS ? hark__fd_entry(hark__here, fd) : NULL;
    if (!entry) {
        error = error == -EINPROGRESS ? -ENOMEM : error;
        note_failure(race, index, error);
        hark__io_discard(fd);
        return error;
    }
    race->places[index] = (struct hark__io_place){.entry = entry, .direction = FD_OUT};
    race->running++;
    return error;
}

/* News of one: the descriptor if it has won; -EINPROGRESS; else it has failed. */
static int finish(struct race *race, int index, int error)
{
    int fd = race->places[index].entry->fd;

    if (error >= 0) {
        error = hark__io_connect_end(fd);
    }
    if (error == 0 && (error = arrived(race, index, fd)) >= 0) {
        race->places[index].entry = NULL;
        race->running--;
        return fd;
    }
    if (error != -EINPROGRESS) {
        note_failure(race, index, error);
        drop_place(race, index);
    }
    return error;
}

static int lost(struct race *race)
{
    return hark__fail(race->error, race->call, "host \"%.60s\", port \"%.20s\": %s", race->host,
                      race->port, race->bytes);
}

static int run_race(struct race *race)
{
    int count = race->names->count;

    for (;;) {
        bool more = race->begun < count;
        int fd;

        if (more && (race->running == 0 || race->next_at <= hark_now())) {
            fd = begin_next(race);
        } else if (race->running == 0) {
            return lost(race);
        } else {
            int which = -1;
            int news = hark__io_wait_any(race->call, race->places, race->begun,
                                         more ? race->next_at : HARK_FOREVER, &which);
            if (news == -ECANCELED) {
                return news;
            }
            fd = news == -ETIMEDOUT ? news : finish(race, which, news);
        }
        if (fd >= 0) {
            return fd;
        }
    }
}

static int connect_first(struct race *race)
{
    size_t size = (size_t)race->names->count * sizeof *race->places;

    race->places = hark__alloc(size);
    if (!race->places) {
        return hark__fail(-ENOMEM, race->call, "no memory for %d addresses", race->names->count);
    }
    hark__text_to_string(&race->told, race->bytes, sizeof race->bytes);
    interleave(race->names);
    int fd = run_race(race);
    for (int i = 0; i < race->begun; i++) {
        if (race->places[i].entry) {
            drop_place(race, i);
        }
    }
    hark__free(race->places, size);
    return fd;
}

int hark_tcp_connect(const char *host, const char *port)
{
    struct race race = {.call = "hark_tcp_connect", .host = host, .port = port};
    int error = hark__io_enter(race.call);

    if (error) {
        return error;
    }
    if (!host || !port) {
        return hark__fail(-EINVAL, race.call, "the %s is NULL", host ? "port" : "host");
    }
    if (!*host) {
        return hark__fail(-ENOENT, race.call, "the host is empty, port \"%.20s\"", port);
    }
    error = hark__io_resolve(&race.names, race.call, host, port);
    if (error) {
        return error;
    }
    int fd = connect_first(&race);
    hark__io_names_free(race.names);
    return fd;
}

/* ---- listening ------------------------------------------------------------------------------ */

static void set_options(int fd, const struct hark__io_address *address, bool any)
{
    int on = 1, off = 0;

    hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    hark__sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address->at.any.sa_family == AF_INET6) {
        hark__sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof on);
    }
}

static int listen_at(const struct hark__io_address *address, bool any, int backlog)
{
    int fd = hark__io_socket(address->at.any.sa_family, FD_TCP);

    if (fd < 0) {
        return fd;
    }
    set_options(fd, address, any);
    if (hark__sys.bind(fd, &address->at.any, address->length) < 0 ||
        hark__sys.listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0) {
        int error = -errno;
        hark__io_discard(fd);
        return error;
    }
    return fd;
}

/* This machine has no such family or no such address: the next may do. */
static bool is_not_here(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT;
}

static int listen_first(const struct hark__io_names *names, bool any, int backlog)
{
    int error = -EADDRNOTAVAIL;

    for (int round = 0; round < 2; round++) {
        int family = (round == 0) == any ? AF_INET6 : AF_INET;
        for (int i = 0; i < names->count; i++) {
            if (names->first[i].at.any.sa_family != family) {
                continue;
            }
            error = listen_at(&names->first[i], any, backlog);
            if (error >= 0 || !is_not_here(error)) {
                return error;
            }
        }
    }
    return error;
}

int hark_tcp_listen(const char *host, const char *port, int backlog)
{
    static const char call[] = "hark_tcp_listen";
    struct hark__io_names *names = NULL;
    bool any = !host || !*host;
    int error = hark__io_enter(call);

    if (error) {
        return error;
    }
    if (!port) {
        return hark__fail(-EINVAL, call, "the port is NULL; \"0\" is any free one");
    }
    error = hark__io_resolve(&names, call, host, port);
    if (error) {
        return error;
    }
    int fd = listen_first(names, any, backlog);
    hark__io_names_free(names);
    if (fd < 0) {
        return hark__fail(fd, call, "host \"%.60s\", port \"%.20s\": %s",
                          any ? "(every address)" : host, port, strerrordesc_np(-fd));
    }
    hark__pass();
    return fd;
}

int hark_tcp_port(int fd)
{
    static const char call[] = "hark_tcp_port";
    struct hark__io_address address = {.length = sizeof address.at};

    if (hark__sys.getsockname(fd, &address.at.any, &address.length) < 0) {
        return hark__io_fail(call, fd, -errno);
    }
    switch (address.at.any.sa_family) {
    case AF_INET: return ntohs(address.at.v4.sin_port);
    case AF_INET6: return ntohs(address.at.v6.sin6_port);
    default: return hark__fail(-EINVAL, call, "descriptor %d is no internet socket", fd);
    }
}
