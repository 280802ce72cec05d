/* SPDX-License-Identifier: MIT
 *
 * tcp.c - TCP by names: listening, and connecting to whichever address answers first.
 *
 * Connecting (RFC 8305, happy eyeballs)
 *          The families take turns, beginning with the best address. Addresses are tried one after
 *          another; the next one begins when the last has failed, or 250 ms after it began, and
 *          those before it go on. The first that answers wins, the others are closed. A resolver
 *          may give its answers piece by piece: then the race begins with the first IPv6 address, or
 *          50 ms after the first IPv4 one if IPv6 is still unanswered, and what comes later joins.
 *          It is one task with several non-blocking sockets: no child tasks, so nothing to cancel,
 *          and nothing left when the task is cancelled.
 *
 * Listening
 *          "Every address" is one IPv6 socket that takes IPv4 too, and an IPv4 socket where there
 *          is no IPv6. A name that means several addresses is listened on at the first that this
 *          machine has, IPv4 first: clients of such a name may know either number, and nearly all
 *          know that one. TCP_NODELAY is set on the listener; what it accepts inherits it.
 *
 *          In a run of several workers each may listen at the same port: the kernel deals out who
 *          comes.
 *
 * Rules    T1  Every way out closes all sockets but the one that is returned.
 *          T2  A connection to oneself (the kernel chose the very port that was dialled, so that
 *              nobody listens there) is refused.
 *          T3  After each wait all connections are looked at, not only the one that was told of.
 */
#include <netinet/tcp.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define STAGGER  HARK_MS(250)
#define PATIENCE HARK_MS(50) /* of IPv4 with IPv6 */

/* ---- connecting ----------------------------------------------------------------------------- */

struct race {
    struct hark__io_question question;
    struct hark__lookup *lookup; /* NULL: all addresses are known */
    struct hark__io_names *names;
    struct hark__io_place *places; /* the first: of the lookup's news; then one an address */
    bool *tried;                   /* by address */
    int begun, running;
    int last_family;
    int64_t next_at; /* 0: at once */
    int error;       /* of the last that failed */
    struct hark__text told;
    char bytes[120];
};

static int pending(const struct race *race)
{
    return race->lookup ? race->lookup->pending : 0;
}

/* Who is next: of the other family, if there is one; -1: nobody now. */
static int next_address(const struct race *race)
{
    int next = -1;

    for (int i = 0; i < race->names->count; i++) {
        if (race->tried[i]) {
            continue;
        }
        if (race->names->first[i].at.any.sa_family != race->last_family) {
            return i;
        }
        next = next < 0 ? i : next;
    }
    return next;
}

static bool knows_v6(const struct hark__io_names *names)
{
    int at = 0;

    while (at < names->count && names->first[at].at.any.sa_family != AF_INET6) {
        at++;
    }
    return at < names->count;
}

/* When may it begin? */
static int64_t start_at(const struct race *race)
{
    if (race->begun == 0 && pending(race) & WANTS_V6 && !knows_v6(race->names)) {
        return race->lookup->first_at + PATIENCE;
    }
    return race->running ? race->next_at : 0;
}

static void note_failure(struct race *race, int index, int error)
{
    char text[HARK__IO_ADDRESS_TEXT];

    race->error = error;
    race->next_at = 0;
    hark__text_put(&race->told, "%s%s: %s", race->told.used ? "; " : "",
                   hark__io_address_text(&race->names->first[index], text), strerrordesc_np(-error));
}

static bool is_oneself(int fd, const hark_address *peer)
{
    hark_address self = {.length = sizeof self.at};

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
    hark__io_discard(race->places[index + 1].entry->fd);
    race->places[index + 1].entry = NULL;
    race->running--;
}

/* The descriptor, if it is connected at once; -EINPROGRESS; else it has failed. */
static int begin(struct race *race, int index)
{
    const hark_address *address = &race->names->first[index];
    int fd = hark__io_socket(address->at.any.sa_family, FD_TCP), error;

    race->tried[index] = true;
    race->begun++;
    race->last_family = address->at.any.sa_family;
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
    race->places[index + 1] = (struct hark__io_place){.entry = entry, .direction = FD_OUT};
    race->running++;
    return error;
}

/* News of one: the descriptor if it has won; -EINPROGRESS; else it has failed. */
static int finish(struct race *race, int index, int error)
{
    int fd = race->places[index + 1].entry->fd;

    if (error >= 0) {
        error = hark__io_connect_end(fd);
    }
    if (error == 0 && (error = arrived(race, index, fd)) >= 0) {
        race->places[index + 1].entry = NULL;
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
    if (race->names->count == 0) {
        return hark__lookup_failed(race->lookup, &race->question);
    }
    return hark__fail(race->error, race->question.call, "host \"%.60s\", port \"%.20s\": %s",
                      race->question.host, race->question.port, race->bytes);
}

/* The first is the best of those that are known by now. */
static int begin_next(struct race *race)
{
    if (race->begun == 0 && race->lookup) {
        hark__io_order(race->names);
    }
    return begin(race, next_address(race));
}

/* Whoever was told of one may have missed the news of another: a hub tells them once, and nobody
 * stood there any more. */
static int look_at_all(struct race *race)
{
    int fd = -EINPROGRESS;

    for (int i = 0; fd < 0 && i < race->names->count; i++) {
        if (race->places[i + 1].entry && !planted(race_looks_at_one)) {
            fd = finish(race, i, 0);
        }
    }
    return fd;
}

/* Until `at`, or news: the descriptor of the winner; otherwise look again; -ECANCELED. */
static int wait_for_news(struct race *race, int64_t at)
{
    int which = -1, fd = -EINPROGRESS;

    race->places[0].list = pending(race) ? &race->lookup->news : NULL;
    int news =
        hark__io_wait_any(race->question.call, race->places, race->names->count + 1, at, &which);
    if (news == -ECANCELED) {
        return news;
    }
    if (which > 0) {
        fd = finish(race, which - 1, news);
    }
    if (fd < 0) {
        fd = look_at_all(race);
    }
    return fd < 0 ? -EINPROGRESS : fd;
}

static int run_race(struct race *race)
{
    for (;;) {
        int next = next_address(race), fd;
        int64_t at = next < 0 ? HARK_FOREVER : start_at(race);

        if (next >= 0 && at <= hark_now()) {
            fd = begin_next(race);
        } else if (next < 0 && race->running == 0 && !pending(race)) {
            return lost(race);
        } else {
            fd = wait_for_news(race, at);
        }
        if (fd >= 0 || fd == -ECANCELED) {
            return fd;
        }
    }
}

static int connect_first(struct race *race)
{
    int room = race->names->room;
    size_t size = (size_t)(room + 1) * sizeof *race->places + (size_t)room * sizeof *race->tried;

    race->places = hark__alloc(size);
    if (!race->places) {
        return hark__fail(-ENOMEM, race->question.call, "no memory for %d addresses", room);
    }
    race->tried = (bool *)(race->places + room + 1);
    hark__text_to_string(&race->told, race->bytes, sizeof race->bytes);
    int fd = run_race(race);
    for (int i = 0; i < race->names->count; i++) {
        if (race->places[i + 1].entry) {
            drop_place(race, i);
        }
    }
    hark__free(race->places, size);
    return fd;
}

int hark_tcp_connect(const char *host, const char *port)
{
    static const char call[] = "hark_tcp_connect";
    struct race race = {.question = {.call = call, .host = host, .port = port}};
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
    error = hark__io_ask(&race.names, &race.lookup, &race.question);
    if (error) {
        return error;
    }
    if (race.lookup) {
        race.names = race.lookup->names;
    }
    int fd = connect_first(&race);
    if (race.lookup) {
        hark__lookup_close(race.lookup);
    } else {
        hark__io_names_free(race.names);
    }
    return fd;
}

/* ---- listening ------------------------------------------------------------------------------ */

static void set_options(int fd, const hark_address *address, bool any)
{
    int on = 1, off = 0;

    hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    hark__sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (hark__workers_many()) {
        hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (address->at.any.sa_family == AF_INET6) {
        hark__sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof on);
    }
}

static int listen_at(const hark_address *address, bool any, int backlog)
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
    int error = hark__enter_task(call);

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
    return hark__io_local_port("hark_tcp_port", fd);
}
