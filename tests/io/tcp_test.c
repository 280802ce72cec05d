/* SPDX-License-Identifier: MIT
 *
 * tcp_test.c - TCP by names: who is listened on, who is connected to, how names are looked up, and
 * what is said when it fails. getaddrinfo is replaced where names matter.
 */
#include "wire.h"

#include "thread/thread.h"
#include <netinet/tcp.h>

static int listener;
static char port[16];

static void listen_on(const char *host)
{
    listener = hark_tcp_listen(host, "0", 0);
    CHECK_GE(listener, 0);
    CHECK_GT(hark_tcp_port(listener), 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    CHECK_EQ(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

/* ---- listening ------------------------------------------------------------------------------ */

ON_WIRE(tcp_every_address_takes_both_families)
{
    const char *every[] = {NULL, ""};
    for (int i = 0; i < 2; i++) {
        listen_on(every[i]);
        const int a = hark_tcp_connect("127.0.0.1", port), b = hark_accept(listener, NULL, NULL);
        CHECK_GE(a, 0);
        CHECK_GE(b, 0);
        CHECK_EQ(option(listener, SOL_SOCKET, SO_REUSEADDR), 1);
        CHECK_EQ(fcntl(listener, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        CHECK_NE(option(a, IPPROTO_TCP, TCP_NODELAY), 0);
        CHECK_NE(option(b, IPPROTO_TCP, TCP_NODELAY), 0);
        CHECK_EQ(hark_close(a), 0);
        CHECK_EQ(hark_close(b), 0);
        CHECK_EQ(hark_close(listener), 0);
    }
}

static int no_ipv6(int domain, int type, int protocol)
{
    if (domain == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return socket(domain, type, protocol);
}

ON_WIRE(tcp_every_address_without_ipv6)
{
    hark__sys.socket = no_ipv6;
    listen_on(NULL);
    CHECK_EQ(hark_close(dial(listener)), 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(tcp_a_port_that_is_taken_is_named)
{
    listen_on("127.0.0.1");
    CHECK_MISUSE(hark_tcp_listen("127.0.0.1", port, 0), -EADDRINUSE, port);
    CHECK_HAS(hark_error_last(), "127.0.0.1");
    CHECK_MISUSE(hark_tcp_listen(NULL, port, 0), -EADDRINUSE, port);
    CHECK_EQ(hark_close(listener), 0);
    const int again = hark_tcp_listen("127.0.0.1", port, 0); /* and it is free at once */
    CHECK_GE(again, 0);
    CHECK_EQ(hark_close(again), 0);
}

ON_WIRE(tcp_bad_hosts_and_ports_have_words)
{
    CHECK_MISUSE(hark_tcp_listen("127.0.0.1", NULL, 0), -EINVAL, "hark_tcp_listen");
    CHECK_MISUSE(hark_tcp_listen("127.0.0.1", "", 0), -ENOENT, "port");
    CHECK_MISUSE(hark_tcp_listen("127.0.0.1", "65536", 0), -ENOENT, "65536");
    CHECK_MISUSE(hark_tcp_listen("192.0.2.1", "0", 0), -EADDRNOTAVAIL, "192.0.2.1");
    CHECK_MISUSE(hark_tcp_connect(NULL, "80"), -EINVAL, "host");
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", NULL), -EINVAL, "port");
    CHECK_MISUSE(hark_tcp_connect("", "80"), -ENOENT, "host");
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", "99999999999"), -ENOENT, "99999999999");
    int fds[2];
    CHECK_EQ(hark_socketpair(fds), 0);
    CHECK_MISUSE(hark_tcp_port(fds[0]), -EINVAL, "hark_tcp_port");
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_MISUSE(hark_tcp_port(fds[0]), -ENOTSOCK, "hark_tcp_port");
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
}

ON_WIRE(tcp_refused_names_host_and_port)
{
    listen_on("127.0.0.1");
    CHECK_EQ(hark_close(listener), 0);
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", port), -ECONNREFUSED, port);
    CHECK_HAS(hark_error_last(), "127.0.0.1: ");
}

/* ---- names ---------------------------------------------------------------------------------- */

/* What the next lookup answers: addresses, as text, or an error of getaddrinfo. */
static const char *answers[8];
static int answer_error, answer_errno = EIO;
static atomic_int lookups, may_answer = 1;

static struct addrinfo *answer(const char *text)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in6 room;
    } *one = calloc(1, sizeof *one);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&one->room;
    const bool is_v6 = strchr(text, ':') != NULL;
    one->info.ai_addr = (struct sockaddr *)&one->room;
    one->info.ai_family = is_v6 ? AF_INET6 : AF_INET;
    one->info.ai_addrlen = is_v6 ? sizeof one->room : sizeof *v4;
    one->room.sin6_family = (sa_family_t)one->info.ai_family;
    CHECK_EQ(inet_pton(one->info.ai_family, text,
                       is_v6 ? (void *)&one->room.sin6_addr : (void *)&v4->sin_addr),
             1);
    return &one->info;
}

static int resolve(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list)
{
    (void)host, (void)service, (void)hints;
    atomic_fetch_add(&lookups, 1);
    while (!atomic_load(&may_answer)) {
        usleep(100);
    }
    if (answer_error) {
        errno = answer_errno;
        return answer_error;
    }
    for (int i = 0; answers[i]; i++) {
        *list = answer(answers[i]);
        list = &(*list)->ai_next;
    }
    return 0;
}

static void free_answers(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

static void answer_by(const char *a, const char *b, const char *c)
{
    const char *all[8] = {a, b, c};
    memcpy(answers, all, sizeof all);
    hark__sys.getaddrinfo = resolve;
    hark__sys.freeaddrinfo = free_answers;
}

ON_WIRE(tcp_numbers_are_not_looked_up)
{
    answer_by(NULL, NULL, NULL);
    listen_on("127.0.0.1");
    CHECK_EQ(hark_close(dial(listener)), 0);
    CHECK_EQ(hark_close(listener), 0);
    listen_on(NULL);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_EQ(atomic_load(&lookups), 0);
    CHECK_EQ(hark__thread_count(), 0);
}

ON_WIRE(tcp_a_host_that_does_not_exist)
{
    answer_by(NULL, NULL, NULL);
    const int errors[] = {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM, 0};
    const int codes[] = {-ENOENT, -EHOSTDOWN, -EREMOTEIO, -ENOMEM, -EIO, -ENOENT};
    for (int i = 0; i < 6; i++) {
        answer_error = errors[i];
        CHECK_MISUSE(hark_tcp_connect("no.such.host", "80"), codes[i], "no.such.host");
        CHECK_HAS(hark_error_last(), "\"80\"");
        CHECK_MISUSE(hark_tcp_listen("no.such.host", "80", 0), codes[i], "no.such.host");
    }
    /* What means the caller's own cancellation or deadline elsewhere never comes out of a lookup. */
    const int system_errors[] = {ETIMEDOUT, EAGAIN, ECANCELED, EMFILE, 0};
    const int system_codes[] = {-EHOSTDOWN, -EIO, -EIO, -EMFILE, -EIO};
    answer_error = EAI_SYSTEM;
    for (int i = 0; i < 5; i++) {
        answer_errno = system_errors[i];
        CHECK_MISUSE(hark_tcp_connect("no.such.host", "80"), system_codes[i], "no.such.host");
    }
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
}

static int ask_the_real_resolver(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_tcp_connect("nothing.invalid", "80"), -ENOENT);
    CHECK_EQ(hark_tcp_connect("127.0.0.1", "no-such-service"), -ENOENT);
    listen_on("localhost");
    const int fd = hark_tcp_connect("localhost", port);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(fd), 0);
    return hark_close(listener);
}

TEST(tcp_the_real_resolver_knows_localhost_and_not_the_invalid)
{
    CHECK_EQ(RUN(ask_the_real_resolver, NULL), 0);
}

static int look_up(void *arg)
{
    (void)arg;
    kit_log("%s", outcome(hark_tcp_connect("slow.host", "80")));
    return 0;
}

/* The loop goes on meanwhile, and a cancelled task leaves at once; the worker ends alone. */
ON_WIRE(tcp_looking_up_blocks_only_the_task_and_can_be_cancelled)
{
    answer_by("127.0.0.1", NULL, NULL);
    atomic_store(&may_answer, 0);
    const hark_task task = hark_go(&group, look_up, NULL);
    hark_go(&group, tick, NULL);
    while (atomic_load(&lookups) == 0 || ticks.count < 10) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("cancelled");
    ticks.stop = true;
    const size_t held = hark__alloc_live();
    atomic_store(&may_answer, 1);
    while (hark__alloc_live() >= held) { /* until the worker has dropped its job */
        CHECK_EQ(hark_yield(), 0);
    }
}

/* ---- happy eyeballs ------------------------------------------------------------------------- */

ON_WIRE(tcp_an_address_that_refuses_is_followed_by_the_next_at_once)
{
    listen_on("127.0.0.1");
    answer_by("127.0.0.2", "::1", "127.0.0.1"); /* only the last one listens */
    const int64_t began = kit_clock();
    const int fd = hark_tcp_connect("some.host", port);
    CHECK_GE(fd, 0);
    CHECK_LT(kit_clock() - began, HARK_MS(200) * kit_slow());
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    CHECK_MISUSE(hark_tcp_connect("some.host", port), -ECONNREFUSED, "some.host");
    CHECK_HAS(hark_error_last(), "127.0.0.2: ");
    CHECK_HAS(hark_error_last(), "127.0.0.1: ");
    CHECK_HAS(hark_error_last(), port);
}

static struct sockaddr_storage tried[8];
static int tried_count, hang_first;

/* The first so many connections are on their way for ever: to a socket that nobody serves. */
static int slow_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    memcpy(&tried[tried_count++], address, length);
    if (tried_count <= hang_first) {
        struct sockaddr_in hole;
        socklen_t room = sizeof hole;
        CHECK_EQ(getsockname(listener, (struct sockaddr *)&hole, &room), 0);
        return connect(fd, (struct sockaddr *)&hole, room);
    }
    return connect(fd, address, length);
}

ON_WIRE(tcp_a_silent_address_is_overtaken_after_a_quarter_of_a_second)
{
    int waiting[8], count = 0;
    listener = hark_tcp_listen("127.0.0.1", "0", 1);
    do { /* fill it, so that it answers nobody */
        waiting[count] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to;
        socklen_t length = sizeof to;
        CHECK_EQ(getsockname(listener, (struct sockaddr *)&to, &length), 0);
        CHECK_LT(count, 7);
        if (hark_within(HARK_MS(20), hark_connect(waiting[count], (struct sockaddr *)&to, length)) <
            0) {
            count++;
            break;
        }
        count++;
    } while (true);
    const int other = hark_tcp_listen("127.0.0.1", "0", 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(other));
    answer_by("127.0.0.3", "127.0.0.1", NULL);
    hark__sys.connect = slow_connect;
    hang_first = 1;
    const int64_t began = kit_clock();
    const int fd = hark_tcp_connect("some.host", port);
    CHECK_GE(fd, 0);
    CHECK_GE(kit_clock() - began, HARK_MS(250));
    CHECK_EQ(tried_count, 2);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(other), 0);
    CHECK_EQ(hark_close(listener), 0);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(hark_close(waiting[i]), 0);
    }
}

static int refuse(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd;
    memcpy(&tried[tried_count++], address, length);
    errno = ECONNREFUSED;
    return -1;
}

ON_WIRE(tcp_the_families_take_turns)
{
    const char *all[8] = {"::1", "::2", "::3", "127.0.0.1", "127.0.0.2"};
    answer_by(NULL, NULL, NULL);
    memcpy(answers, all, sizeof all);
    hark__sys.connect = refuse;
    CHECK_EQ(hark_tcp_connect("some.host", "80"), -ECONNREFUSED);
    const int families[] = {AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET6};
    CHECK_EQ(tried_count, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(tried[i].ss_family, families[i]);
        CHECK_EQ(ntohs(((struct sockaddr_in *)&tried[i])->sin_port), 80);
    }
    CHECK_EQ(((struct sockaddr_in6 *)&tried[2])->sin6_addr.s6_addr[15], 2);
}

static int oneself(int fd, const struct sockaddr *address, socklen_t length)
{
    CHECK_EQ(bind(fd, address, length), 0);
    return connect(fd, address, length);
}

ON_WIRE(tcp_N8_a_connection_to_oneself_is_refused)
{
    listen_on("127.0.0.1");
    CHECK_EQ(hark_close(listener), 0);
    hark__sys.connect = oneself;
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", port), -ECONNREFUSED, port);
}

/* ---- what runs out ---------------------------------------------------------------------------- */

static int no_socket(int domain, int type, int protocol)
{
    (void)domain, (void)type, (void)protocol;
    errno = EMFILE;
    return -1;
}

static int no_eventfd(unsigned value, int flags)
{
    (void)value, (void)flags;
    errno = EMFILE;
    return -1;
}

ON_WIRE(tcp_F6_without_descriptors_it_says_so)
{
    answer_by("127.0.0.1", NULL, NULL);
    hark__sys.eventfd = no_eventfd;
    CHECK_MISUSE(hark_tcp_connect("some.host", "80"), -EMFILE, "hark_tcp_connect");
    CHECK_EQ(atomic_load(&lookups), 0);
    hark__sys.socket = no_socket;
    CHECK_MISUSE(hark_tcp_connect("127.0.0.1", "80"), -EMFILE, "127.0.0.1");
    CHECK_MISUSE(hark_tcp_listen("127.0.0.1", "0", 0), -EMFILE, "127.0.0.1");
    CHECK_MISUSE(hark_unix_connect("/x"), -EMFILE, "/x");
}

static _Atomic int until_none;

static void *scarce(size_t size)
{
    return atomic_fetch_sub(&until_none, 1) == 0 ? NULL : calloc(1, size);
}

/* One allocation after another fails, in the loop or in the worker: told, and nothing is kept. */
ON_WIRE(tcp_each_allocation_may_fail)
{
    listen_on("127.0.0.1");
    answer_by("127.0.0.2", "127.0.0.1", NULL);
    int failed = 0;
    for (int nth = 0; nth < 40; nth++) {
        atomic_store(&until_none, nth);
        hark__memory.allocate = scarce;
        const int fd = hark_tcp_connect("some.host", port);
        atomic_store(&until_none, -1);
        CHECK(fd >= 0 || fd == -ENOMEM);
        failed += fd < 0;
        if (fd >= 0) {
            CHECK_EQ(hark_close(fd), 0);
        }
    }
    CHECK_GE(failed, 1);
    CHECK_EQ(hark_close(listener), 0);
}

/* ---- addresses that are odd ------------------------------------------------------------------ */

static bool has_ipv6(void)
{
    const int fd = hark_tcp_listen("::1", "0", 0);
    if (fd >= 0) {
        CHECK_EQ(hark_close(fd), 0);
    }
    return fd >= 0;
}

ON_WIRE(tcp_N15_mapped_scoped_and_single_families)
{
    if (!has_ipv6()) {
        SKIP("this machine has no IPv6");
    }
    listen_on("127.0.0.1");
    int fd = hark_tcp_connect("::ffff:127.0.0.1", port); /* IPv4, by an IPv6 socket */
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    listen_on("::1"); /* a number: this family and no other */
    CHECK_EQ(option(listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    fd = hark_tcp_connect("::1", port);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_tcp_connect("127.0.0.1", port), -ECONNREFUSED);
    CHECK_EQ(hark_close(listener), 0);
    listen_on("::1%lo"); /* a scope where none is needed does no harm */
    CHECK_EQ(hark_close(listener), 0);
    CHECK_MISUSE(hark_tcp_connect("fe80::1%nosuch0", "80"), -ENODEV, "fe80::1%nosuch0");
    listen_on("::"); /* a number, too; "" is every address of both families */
    CHECK_EQ(option(listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    CHECK_EQ(hark_close(listener), 0);
}

static int connect_errno;

static int fail_to_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    errno = connect_errno;
    return -1;
}

/* Each is told as it is, and no descriptor is left (the kit counts). */
ON_WIRE(tcp_N7_failures_to_connect_are_told_apart)
{
    const int errors[] = {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EACCES,
                          EPERM,        ENOBUFS,     EAFNOSUPPORT, EADDRINUSE};
    hark__sys.connect = fail_to_connect;
    for (int i = 0; i < 9; i++) {
        connect_errno = errors[i];
        CHECK_MISUSE(hark_tcp_connect("127.0.0.1", "80"), -errors[i], strerrordesc_np(errors[i]));
    }
}
