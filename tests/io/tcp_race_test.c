/* SPDX-License-Identifier: MIT
 *
 * tcp_race_test.c - happy eyeballs while addresses are still coming in: RFC 8305 by a virtual clock.
 *
 * Idea     The resolver is a plan (name_scene.h). The network is feigned by address: 192.0.2.1 and
 *          2001:db8::1 answer, ...:2 and ...::2 refuse, ...:3 and ...::3 are silent for ever. Behind
 *          them are a listener that works, nothing, and one whose backlog is full. The log tells who
 *          was tried, and when: "6.3@0 4.1@250".
 */
#include "name_scene.h"

static int works, full, waiting[8], waiters;
static int64_t began;
static struct sockaddr_in6 last_probe;
static bool without_v6;

static int feign_socket(int domain, int type, int protocol)
{
    (void)domain;
    return socket(AF_INET, type, protocol);
}

static int connect_to(int fd, int listener)
{
    struct sockaddr_in to;
    socklen_t length = sizeof to;
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&to, &length), 0);
    return connect(fd, (struct sockaddr *)&to, length);
}

static int type_of(int fd)
{
    int type;
    socklen_t room = sizeof type;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &room), 0);
    return type;
}

static int feign_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (without_v6 && address->sa_family == AF_INET6) {
        errno = ENETUNREACH;
        return -1;
    }
    if (type_of(fd) == SOCK_DGRAM) { /* asked for its source address only */
        memcpy(&last_probe, address, length);
        return 0;
    }
    const unsigned char *bytes = address->sa_family == AF_INET
                                     ? (const unsigned char *)address + 4
                                     : ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr + 12;
    kit_log("%d.%d@%d", address->sa_family == AF_INET ? 4 : 6, bytes[3],
            (int)((hark_now() - began) / 1000000));
    if (bytes[3] == 2) {
        errno = ECONNREFUSED;
        return -1;
    }
    return connect_to(fd, bytes[3] == 1 ? works : full);
}

static int feign_name(int fd, struct sockaddr *address, socklen_t *length)
{
    if (type_of(fd) == SOCK_STREAM) {
        return getsockname(fd, address, length);
    }
    *length = last_probe.sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof last_probe;
    memcpy(address, &last_probe, *length);
    return 0;
}

static void open_network(const char *text)
{
    works = hark_tcp_listen("127.0.0.1", "0", 0);
    full = hark_tcp_listen("127.0.0.1", "0", 1);
    CHECK(works >= 0 && full >= 0);
    struct pollfd writable = {.events = POLLOUT};
    do { /* until one of them waits for ever */
        CHECK_LT(waiters, 8);
        waiting[waiters] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect_to(waiting[waiters], full);
        writable.fd = waiting[waiters++];
    } while (poll(&writable, 1, 20) > 0);
    hark__sys.socket = feign_socket;
    hark__sys.connect = feign_connect;
    hark__sys.getsockname = feign_name;
    plan_for(text);
    began = hark_now();
}

static void close_network(void)
{
    while (waiters > 0) {
        CHECK_EQ(close(waiting[--waiters]), 0);
    }
    CHECK_EQ(hark_close(works), 0);
    CHECK_EQ(hark_close(full), 0);
}

/* The connection is made, after so many ms, and these were tried. */
static void connects(const char *text, int ms, const char *tried)
{
    open_network(text);
    const int fd = hark_tcp_connect("some.host", "80");
    CHECK_GE(fd, 0);
    CHECK_LOG(tried);
    CHECK_EQ((hark_now() - began) / 1000000, ms);
    CHECK_EQ(hark_close(fd), 0);
    close_network();
}

INSIDE(race_begins_with_the_first_ipv6_address)
{
    connects("6 10ms 2001:db8::1; 6 11ms .; 4 5000ms .", 10, "6.1@10");
    CHECK_EQ(plan.forgotten, 1);
}

INSIDE(race_ipv4_waits_a_moment_for_ipv6)
{
    connects("4 10ms 192.0.2.1; 4 10ms .; 6 40ms 2001:db8::1; 6 40ms .", 40, "6.1@40");
    CHECK_EQ(plan.forgotten, 0);
}

INSIDE(race_ipv4_waits_no_longer_than_that)
{
    connects("4 10ms 192.0.2.1; 4 10ms .; 6 5000ms 2001:db8::1; 6 5000ms .", 60, "4.1@60");
    CHECK_EQ(plan.forgotten, 1);
}

INSIDE(race_ipv4_begins_when_there_is_no_ipv6)
{
    connects("4 10ms 192.0.2.1; 4 10ms .; 6 20ms ENOENT", 20, "4.1@20");
    connects("4 10ms 192.0.2.1; 4 10ms .; 6 20ms EREMOTEIO", 20, "4.1@20");
    connects("6 10ms .; 4 30ms 192.0.2.1; 4 30ms .", 30, "4.1@30");
}

INSIDE(race_D8_a_silent_ipv6_is_overtaken_by_ipv4)
{
    connects("6 0ms 2001:db8::3; 6 0ms .; 4 0ms 192.0.2.1; 4 0ms .", 250, "6.3@0 4.1@250");
}

INSIDE(race_what_comes_late_joins)
{
    connects("6 0ms 2001:db8::3; 6 0ms .; 4 100ms 192.0.2.1; 4 100ms .", 250, "6.3@0 4.1@250");
    connects("6 0ms 2001:db8::3; 6 0ms .; 4 400ms 192.0.2.1; 4 400ms .", 400, "6.3@0 4.1@400");
    connects("6 0ms 2001:db8::2; 6 0ms .; 4 400ms 192.0.2.1; 4 400ms .", 400, "6.2@0 4.1@400");
    connects("4 0ms 192.0.2.3; 4 0ms 192.0.2.2; 4 0ms .; 6 70ms 2001:db8::1; 6 90ms .", 300,
             "4.3@50 6.1@300");
}

INSIDE(race_the_families_take_turns)
{
    connects("6 0ms 2001:db8::3; 6 0ms 2001:db8::2; 6 0ms .; 4 0ms 192.0.2.3; 4 0ms 192.0.2.1; "
             "4 0ms .",
             500, "6.3@0 4.3@250 6.2@500 4.1@500");
}

INSIDE(race_without_ipv6_begins_with_ipv4)
{
    without_v6 = true;
    connects("6 0ms 2001:db8::1; 6 0ms .; 4 0ms 192.0.2.1; 4 0ms .", 0, "4.1@0");
}

INSIDE(race_N7_failures_are_told_by_address)
{
    open_network("6 0ms 2001:db8::2; 6 0ms .; 4 30ms 192.0.2.2; 4 30ms .");
    CHECK_MISUSE(hark_tcp_connect("some.host", "80"), -ECONNREFUSED, "some.host");
    CHECK_HAS(hark_error_last(), "2001:db8::2: ");
    CHECK_HAS(hark_error_last(), "192.0.2.2: ");
    CHECK_LOG("6.2@0 4.2@30");
    without_v6 = true;
    plan.text = "6 0ms 2001:db8::1; 6 0ms .; 4 0ms .";
    CHECK_MISUSE(hark_tcp_connect("some.host", "80"), -ENETUNREACH, "some.host");
    plan.text = "6 5ms ENOENT; 4 10ms ENOENT";
    CHECK_MISUSE(hark_tcp_connect("some.host", "80"), -ENOENT, "planned");
    plan.text = "6 5ms ENOENT; 4 10ms EHOSTDOWN";
    CHECK_MISUSE(hark_tcp_connect("some.host", "80"), -EHOSTDOWN, "planned");
    close_network();
}

/* Wherever it is cancelled: no descriptor is left (the kit counts them), and the question is
 * forgotten if it is not over. */
INSIDE(race_D8_cancelled_it_leaves_nothing)
{
    const int after[] = {5, 30, 60, 100, 270, 290, 400};
    for (int i = 0; i < 7; i++) {
        open_network("6 10ms 2001:db8::3; 6 20ms .; 4 30ms 192.0.2.3; 4 280ms .");
        plan.forgotten = 0;
        CHECK_EQ(hark_within(HARK_MS(after[i]), hark_tcp_connect("some.host", "80")), -ETIMEDOUT);
        CHECK_EQ(plan.forgotten, after[i] < 280);
        CHECK_LOG(after[i] < 10 ? "" : after[i] < 260 ? "6.3@10" : "6.3@10 4.3@260");
        close_network();
    }
}

static int report(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    capture_begin();
    hark_dump(stderr);
    CHECK_HAS(capture_end(), "more of them");
    return 0;
}

INSIDE(race_reports_what_it_waits_for)
{
    hark_go(&group, report, NULL);
    connects("6 10ms 2001:db8::1; 6 11ms .; 4 5000ms .", 10, "6.1@10");
}
