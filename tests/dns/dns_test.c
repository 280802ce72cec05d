/* SPDX-License-Identifier: MIT
 *
 * dns_test.c - addresses by c-ares: name servers that answer, fail, lie or are silent; what is kept;
 * cancelling. The name server is mock.h's.
 */
#include "mock.h"

#include <ares.h>
#include <malloc.h>

static int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* ---- answers -------------------------------------------------------------------------------- */

ON_WIRE(dns_both_families_answer)
{
    mock_begin(reply_well);
    const int before = count_fds();
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(mock.asked, 2);
    CHECK_EQ(count_fds(), before); /* no socket stays open */
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    options.family = AF_INET6;
    CHECK_EQ(hark_resolve("other.host", "80", mock.list, 80, &options), 1);
    CHECK_EQ(mock.list[0].at.any.sa_family, AF_INET6);
    CHECK_EQ(mock.asked, 3);
    mock_end();
}

/* A name made of a number has that number's address. */
static int reply_by_number(mock_message *m)
{
    char text[32];
    answer_with(m, 0);
    if (m->type == HARK_DNS_A) {
        snprintf(text, sizeof text, "192.0.2.%d", atoi(m->name + 1));
        put_address(m, NULL, text, 60);
    }
    return m->size;
}

static int right_ones;

static int ask_by_number(void *arg)
{
    char host[32], text[40], found[HARK_ADDRESS_TEXT];
    hark_address list[4];
    const int number = (int)(intptr_t)arg;
    snprintf(host, sizeof host, "n%d.host", number);
    snprintf(text, sizeof text, "192.0.2.%d:80", number);
    CHECK_EQ(hark_resolve(host, "80", list, 4, NULL), 1);
    CHECK_STR(hark_address_text(&list[0].at.any, found, sizeof found), text);
    right_ones++;
    return 0;
}

ON_WIRE(dns_many_at_once_each_get_their_own)
{
    hark_group askers;
    mock_begin(reply_by_number);
    CHECK_EQ(hark_group_open(&askers), 0);
    for (int i = 1; i <= 100; i++) {
        hark_go(&askers, ask_by_number, (void *)(intptr_t)i);
    }
    CHECK_EQ(hark_group_close(&askers, 0), 0);
    CHECK_EQ(right_ones, 100);
    mock_end();
}

static int reply_late_v6(mock_message *m)
{
    answer_with(m, 0);
    if (m->type == HARK_DNS_AAAA) {
        return 0;
    }
    put_address(m, NULL, "127.0.0.1", 60);
    return m->size;
}

/* AAAA is never answered: the connection begins after a moment all the same. */
ON_WIRE(dns_D8_connecting_does_not_wait_for_a_silent_half)
{
    char port[16];
    mock_open(reply_late_v6);
    mock.options.timeout = HARK_S(5);
    dns_open();
    const int listener = hark_tcp_listen("127.0.0.1", "0", 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    const int before = count_fds();
    const int64_t began = kit_clock();
    const int fd = hark_tcp_connect("some.host", port);
    CHECK_GE(fd, 0);
    CHECK_LT(kit_clock() - began, HARK_S(2) * kit_slow());
    CHECK_EQ(count_fds(), before + 1); /* and the question's socket is closed */
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    mock_end();
}

/* ---- failures, each by its code -------------------------------------------------------------- */

static int wanted_code;

static int reply_code(mock_message *m)
{
    answer_with(m, wanted_code);
    return m->size;
}

ON_WIRE(dns_each_failure_has_its_code)
{
    const struct {
        int answer, code;
        const char *word;
    } table[] = {
        {0, -ENOENT, "no address"},   {1, -EBADMSG, ""}, {2, -EREMOTEIO, "SERVFAIL"},
        {3, -ENOENT, "no such name"}, {4, -EBADMSG, ""}, {5, -EACCES, "REFUSED"},
    };
    mock_begin(reply_code);
    for (int i = 0; i < 6; i++) {
        wanted_code = table[i].answer;
        CHECK_MISUSE(resolve("some.host"), table[i].code, "some.host");
        CHECK_HAS(hark_error_last(), table[i].word);
        CHECK_HAS(hark_error_last(), mock.server);
        CHECK_MISUSE(hark_tcp_connect("some.host", "80"), table[i].code, "some.host");
    }
    mock.reply = be_silent;
    const int64_t began = kit_clock();
    CHECK_MISUSE(resolve("some.host"), -EHOSTDOWN, "in time");
    CHECK_GE(kit_clock() - began, HARK_MS(50));
    mock_end();
}

ON_WIRE(dns_nobody_is_there)
{
    mock_open(be_silent);
    CHECK_EQ(hark_close(mock.udp), 0);
    mock.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    dns_open();
    CHECK_MISUSE(resolve("some.host"), -EHOSTDOWN, mock.server);
    mock_end();
}

static int reply_half(mock_message *m)
{
    if (m->type == HARK_DNS_A) {
        return reply_well(m);
    }
    answer_with(m, 2);
    return m->size;
}

ON_WIRE(dns_D9_half_an_answer_is_an_answer)
{
    mock_begin(reply_half);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80");
    mock_end();
}

/* ---- lies ----------------------------------------------------------------------------------- */

static int reply_forged(mock_message *m)
{
    unsigned char id = m->bytes[0], letter = m->bytes[13];
    answer_with(m, 0);
    put_address(m, NULL, m->type == HARK_DNS_A ? "203.0.113.66" : "2001:db8::66", 60);
    m->bytes[0] = (unsigned char)(id ^ 1); /* another's id */
    send_datagram(m, m->size);
    m->bytes[0] = id;
    m->bytes[13] = 'x'; /* another question */
    send_datagram(m, m->size);
    m->bytes[13] = letter;
    m->bytes[m->question_size - 3] ^= 1; /* another type */
    send_datagram(m, m->size);
    m->bytes[m->question_size - 3] ^= 1;
    return reply_well(m);
}

static int reply_shortly(mock_message *m)
{
    send_datagram(m, 0);
    send_datagram(m, 11); /* not even a header */
    return reply_well(m);
}

ON_WIRE(dns_D2_answers_to_other_questions_are_ignored)
{
    mock_begin(reply_forged);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    mock_end();
}

/* From the right server: some versions of c-ares wait on, some take it for the server's failure. */
ON_WIRE(dns_D3_less_than_a_header_does_no_harm)
{
    mock_begin(reply_shortly);
    const int rc = resolve("some.host");
    CHECK(rc == 2 || rc == -EBADMSG);
    mock_end();
}

/* A datagram of another socket of this machine, with everything right: not from whom was asked. */
static int reply_by_a_stranger(mock_message *m)
{
    const int stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    answer_with(m, 0);
    put_address(m, NULL, m->type == HARK_DNS_A ? "203.0.113.66" : "2001:db8::66", 60);
    sendto(stranger, m->bytes, (size_t)m->size, 0, (struct sockaddr *)&mock.from, sizeof mock.from);
    close(stranger);
    return reply_well(m);
}

ON_WIRE(dns_D2_strangers_are_not_heard)
{
    mock_begin(reply_by_a_stranger);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    mock_end();
}

static int reply_loop(mock_message *m)
{
    answer_with(m, 0);
    m->bytes[7] = 1;
    const int at = m->size;
    put16(m, 0xc000 | at); /* the owner is where it stands */
    put16(m, m->type);
    put16(m, 1);
    put32(m, 60);
    put16(m, 4);
    put32(m, 0xc0000242);
    return m->size;
}

static int reply_many(mock_message *m)
{
    answer_with(m, 0);
    put_address(m, NULL, m->type == HARK_DNS_A ? "192.0.2.1" : "2001:db8::1", 60);
    m->bytes[6] = m->bytes[7] = 0xff; /* 65535 records, says the header */
    return m->size;
}

static int cut_at;

static int reply_cut(mock_message *m)
{
    answer_with(m, 0);
    put_address(m, NULL, m->type == HARK_DNS_A ? "192.0.2.1" : "2001:db8::1", 60);
    return m->question_size + cut_at;
}

ON_WIRE(dns_D3_answers_that_make_no_sense_are_bounded)
{
    mock_begin(reply_loop);
    CHECK_EQ(resolve("some.host"), -EBADMSG);
    mock.reply = reply_many;
    CHECK_EQ(resolve("some.host"), -EBADMSG);
    mock.reply = reply_cut;
    for (cut_at = 1; cut_at < 16; cut_at++) {
        CHECK_EQ(resolve("some.host"), -EBADMSG);
    }
    mock_end();
}

static uint64_t chance;

static int reply_at_random(mock_message *m)
{
    reply_well(m);
    for (uint64_t flips = draw(&chance) % 6; flips > 0; flips--) {
        const uint64_t at = draw(&chance) % (uint64_t)(m->size - 3);
        if (at < 3 || at + 3 >= (uint64_t)m->question_size) { /* whom it answers stays */
            m->bytes[at + 3] = (unsigned char)draw(&chance);
        }
    }
    return m->size;
}

/* Bytes that are wrong anywhere but in whom they answer. */
INSIDE_REAL(dns_D3_any_answer_ends_with_a_code)
{
    mock_open(reply_at_random);
    mock.options.keep = -1;
    mock.options.tries = 1;
    dns_open();
    chance = kit_seed();
    for (int i = 0; i < 300 / kit_slow(); i++) {
        const int rc = resolve("some.host");
        CHECK(rc > 0 || rc == -ENOENT || rc == -EBADMSG || rc == -EREMOTEIO || rc == -EACCES ||
              rc == -EHOSTDOWN);
    }
    mock_end();
}

static int reply_by_alias(mock_message *m)
{
    answer_with(m, 0);
    int at = begin_record(m, NULL, HARK_DNS_CNAME, 60);
    put_name(m, "real.host");
    end_record(m, at);
    if (m->type == HARK_DNS_A) {
        put_address(m, "real.host", "192.0.2.9", 60);
    }
    return m->size;
}

static int reply_in_circles(mock_message *m)
{
    answer_with(m, 0);
    int at = begin_record(m, NULL, HARK_DNS_CNAME, 60);
    put_name(m, "b.host");
    end_record(m, at);
    at = begin_record(m, "b.host", HARK_DNS_CNAME, 60);
    put_name(m, m->name);
    end_record(m, at);
    return m->size;
}

ON_WIRE(dns_D4_aliases_are_followed_but_not_in_circles)
{
    mock_begin(reply_by_alias);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.9:80");
    mock.reply = reply_in_circles;
    CHECK_EQ(resolve("circle.host"), -ENOENT);
    CHECK_LE(mock.asked, 6);
    mock_end();
}

/* ---- losses --------------------------------------------------------------------------------- */

static int reply_to_every_second(mock_message *m)
{
    return m->tcp || mock.asked > 2 ? reply_well(m) : 0;
}

static int reply_long(mock_message *m)
{
    answer_with(m, 0);
    if (!m->tcp) {
        m->bytes[2] |= 2; /* cut: ask by TCP */
        return m->size;
    }
    for (int i = 1; i <= 40 && m->type == HARK_DNS_A; i++) {
        char text[32];
        snprintf(text, sizeof text, "192.0.2.%d", i);
        put_address(m, NULL, text, 60);
    }
    return m->size;
}

static int without_edns;

static int reply_without_edns(mock_message *m)
{
    if (m->bytes[11] > 0) { /* additional records: EDNS */
        answer_with(m, 1);
        return m->size;
    }
    without_edns++;
    return reply_well(m);
}

ON_WIRE(dns_D5_what_is_lost_is_asked_again)
{
    mock_begin(reply_to_every_second);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(mock.asked, 4);
    mock_end();
}

ON_WIRE(dns_D5_long_answers_come_by_tcp)
{
    mock_open(reply_long);
    mock.options.timeout = HARK_S(2);
    dns_open();
    CHECK_EQ(resolve("some.host"), 40);
    CHECK_EQ(mock.asked, 2);
    CHECK_EQ(mock.asked_tcp, 2);
    mock_end();
}

ON_WIRE(dns_D5_servers_without_edns_are_asked_without)
{
    mock_begin(reply_without_edns);
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(without_edns, 2);
    mock_end();
}

ON_WIRE(dns_by_tcp_only)
{
    mock_open(reply_well);
    mock.options.tcp = true;
    mock.options.timeout = HARK_S(2);
    dns_open();
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(mock.asked, 0);
    CHECK_EQ(mock.asked_tcp, 2);
    mock_end();
}

ON_WIRE(dns_the_second_server_is_asked_when_the_first_is_silent)
{
    char servers[80];
    mock_open(reply_well);
    snprintf(servers, sizeof servers, "127.0.0.1:1,%s", mock.server); /* nobody is at port 1 */
    mock.options.servers = servers;
    dns_open();
    log_addresses("some.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    mock_end();
}

/* ---- what is kept --------------------------------------------------------------------------- */

static uint32_t ttl;
static int64_t ahead; /* of the real clock */

static int reply_with_ttl(mock_message *m)
{
    answer_with(m, 0);
    if (m->type == HARK_DNS_A) {
        put_address(m, NULL, "192.0.2.1", ttl);
    } else {
        put_address(m, NULL, "2001:db8::1", ttl);
    }
    return m->size;
}

static int clock_ahead(clockid_t clock, struct timespec *time)
{
    const int rc = clock_gettime(clock, time);
    time->tv_sec += ahead / 1000000000;
    return rc;
}

INSIDE_REAL(dns_D7_answers_are_kept_as_long_as_they_may_be)
{
    hark__sys.clock_gettime = clock_ahead;
    mock_begin(reply_with_ttl);
    ttl = 100;
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(resolve("Some.Host"), 2);
    CHECK_EQ(mock.asked, 2);
    ahead += HARK_S(98);
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(mock.asked, 2);
    ahead += HARK_S(3);
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(mock.asked, 4);
    ttl = 0; /* never */
    CHECK_EQ(resolve("other.host"), 2);
    CHECK_EQ(resolve("other.host"), 2);
    CHECK_EQ(mock.asked, 8);
    const uint32_t huge[] = {86401, INT32_MAX, UINT32_MAX};
    for (int i = 0; i < 3; i++) { /* a day at most; the last is less than nothing: not kept */
        char host[32];
        snprintf(host, sizeof host, "huge%d.host", i);
        ttl = huge[i];
        mock.asked = 0;
        CHECK_EQ(resolve(host), 2);
        ahead += HARK_S(86390);
        CHECK_EQ(resolve(host), 2);
        CHECK_EQ(mock.asked, huge[i] == UINT32_MAX ? 4 : 2);
        ahead += HARK_S(20);
        CHECK_EQ(resolve(host), 2);
        CHECK_GE(mock.asked, 4);
    }
    mock_end();
}

INSIDE_REAL(dns_failures_are_not_kept_and_neither_are_too_many)
{
    char host[32];
    mock_open(reply_code);
    wanted_code = 3;
    mock.options.keep = 4; /* two names in two families */
    dns_open();
    CHECK_EQ(resolve("some.host"), -ENOENT);
    mock.reply = reply_with_ttl;
    ttl = 100;
    CHECK_EQ(resolve("some.host"), 2);
    for (int i = 0; i < 5; i++) {
        snprintf(host, sizeof host, "n%d.host", i);
        CHECK_EQ(resolve(host), 2);
    }
    mock.asked = 0;
    CHECK_EQ(resolve("n4.host"), 2);
    CHECK_EQ(resolve("n3.host"), 2);
    CHECK_EQ(mock.asked, 0);
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(mock.asked, 2);
    mock_end();
}

/* ---- cancelling, closing -------------------------------------------------------------------- */

static int ask_later(void *host)
{
    kit_log("%s", outcome(resolve(host)));
    return 0;
}

ON_WIRE(dns_cancelled_it_leaves_at_once)
{
    mock_open(be_silent);
    mock.options.timeout = HARK_S(3600);
    dns_open();
    const int before = count_fds();
    const hark_task one = hark_go(&group, ask_later, "some.host");
    const hark_task two = hark_go(&group, ask_later, "other.host");
    while (mock.asked < 4) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(one), 0);
    CHECK_EQ(hark_task_wait(one), 0);
    CHECK_LOG("cancelled");
    CHECK_GT(count_fds(), before); /* the other waits on */
    CHECK_EQ(hark_task_cancel(two), 0);
    CHECK_EQ(hark_task_wait(two), 0);
    CHECK_LOG("cancelled");
    CHECK_EQ(count_fds(), before);
    mock.reply = reply_well; /* and it can be asked again */
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(hark_within(HARK_MS(1), resolve("some.host")), 2); /* kept */
    mock.reply = be_silent;
    CHECK_EQ(hark_within(HARK_MS(20), resolve("third.host")), -ETIMEDOUT);
    mock_end();
}

ON_WIRE(dns_closed_it_tells_who_waits)
{
    mock_open(be_silent);
    mock.options.timeout = HARK_S(3600);
    dns_open();
    const hark_task task = hark_go(&group, ask_later, "some.host");
    while (mock.asked < 2) {
        CHECK_EQ(hark_yield(), 0);
    }
    mock_end();
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("ESHUTDOWN");
}

ON_WIRE(dns_misuse_has_words)
{
    hark_dns other = HARK_DNS_INIT;
    mock_open(reply_well);
    CHECK_MISUSE(hark_dns_open(NULL, NULL), -EINVAL, "hark_dns_open");
    CHECK_MISUSE(hark_dns_close(NULL), -EINVAL, "hark_dns_close");
    mock.options.size = 3;
    CHECK_MISUSE(hark_dns_open(&other, &mock.options), -EINVAL, "options.size");
    mock.options.size = sizeof mock.options;
    mock.options.servers = "nonsense";
    CHECK_MISUSE(hark_dns_open(&other, &mock.options), -EINVAL, "nonsense");
    CHECK_EQ(hark_dns_close(&other), 0);
    mock.options.servers = mock.server;
    dns_open();
    CHECK_MISUSE(hark_dns_open(&other, &mock.options), -EBUSY, "resolver");
    CHECK_EQ(hark_dns_close(&other), 0);
    CHECK_EQ(resolve("some.host"), 2);
    mock_end();
    CHECK_EQ(hark_dns_close(&mock.dns), 0);
}

static void *open_in_a_bare_thread(void *unused)
{
    hark_dns dns;
    CHECK_EQ(hark_dns_open(&dns, NULL), -EXDEV);
    CHECK_EQ(hark_dns_close(&mock.dns), -EXDEV);
    return unused;
}

ON_WIRE(dns_belongs_to_its_loop)
{
    mock_begin(reply_well);
    in_thread(open_in_a_bare_thread, NULL);
    mock_end();
}

/* ---- what runs out ---------------------------------------------------------------------------- */

static bool scarce;

static int no_room_in_epoll(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (scarce && operation == EPOLL_CTL_ADD) {
        errno = ENOMEM;
        return -1;
    }
    return epoll_ctl(epoll, operation, fd, event);
}

static int ask_in_scarcity(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    mock_begin(reply_well);
    CHECK_EQ(hark_settle(), 0);
    const int before = count_fds();
    scarce = true;
    CHECK_MISUSE(resolve("some.host"), -ENOMEM, "some.host");
    CHECK_EQ(count_fds(), before);
    scarce = false;
    CHECK_EQ(resolve("some.host"), 2);
    mock_end();
    return hark_group_close(&group, 0);
}

/* A socket that nobody would hear: told, not waited for. */
TEST(dns_a_socket_that_cannot_be_watched_fails_at_once)
{
    const hark_options options = {.size = sizeof options, .hub = "epoll"};
    hark__sys.epoll_ctl = no_room_in_epoll;
    CHECK_EQ(hark_run_with(&options, ask_in_scarcity, NULL), 0);
}

/* No descriptor is left for c-ares, and then there is one again. */
ON_WIRE(dns_F6_without_descriptors_it_says_so)
{
    struct rlimit limit, none;
    mock_begin(reply_well);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int rc = resolve("some.host");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(rc, -EMFILE);
    CHECK_HAS(hark_error_last(), "descriptor");
    CHECK_EQ(resolve("some.host"), 2);
    mock_end();
}

static int reply_once(mock_message *m)
{
    return mock.asked < 3 ? reply_well(m) : 0;
}

/* One family is kept longer than the other: only the other is asked for. */
INSIDE_REAL(dns_D7_half_of_what_is_kept_is_used)
{
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    options.family = AF_INET;
    mock_begin(reply_once);
    CHECK_EQ(hark_resolve("some.host", "80", mock.list, 80, &options), 1);
    CHECK_EQ(mock.asked, 1);
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(mock.asked, 2);
    CHECK_EQ(resolve("some.host"), 2);
    CHECK_EQ(mock.asked, 2);
    mock_end();
}

/* The component's memory is the C library's: what is in use after a round is the same each time,
 * once the library keeps as many free blocks for later as it likes to (seven of a size). */
ON_WIRE(dns_each_round_leaves_no_memory)
{
    enum { ROUNDS = 24 };
    size_t after[ROUNDS];
    mock_open(reply_well);
    mock.options.timeout = HARK_MS(50) * kit_slow(); /* what is answered is so in time */
    mock.options.tries = 1;
    for (int round = 0; round < ROUNDS; round++) {
        dns_open();
        mock.reply = reply_well;
        CHECK_EQ(resolve("some.host"), 2);
        mock.reply = reply_half;
        CHECK_EQ(resolve("half.host"), 1);
        mock.reply = be_silent;
        CHECK_EQ(hark_within(HARK_MS(2), resolve("silent.host")), -ETIMEDOUT);
        CHECK_EQ(resolve("silent.host"), -EHOSTDOWN);
        CHECK_EQ(hark_dns_close(&mock.dns), 0);
        after[round] = mallinfo2().uordblks;
    }
    int version;
    ares_version(&version);
    const size_t slack = version >= 0x011300 ? 2048 : 0; /* later ones keep a varying little */
    CHECK_LE(after[ROUNDS - 1], after[ROUNDS - 8] + slack);
    mock_end();
}

static int resolve_once(void *unused)
{
    (void)unused;
    return resolve("localhost") > 0 ? 0 : -ENOENT;
}

/* Put in while the loop rests, and taken out again. */
TEST(dns_serves_a_loop_that_somebody_else_drives)
{
    hark_loop *loop = hark_loop_new(NULL);
    mock.options = (hark_dns_options)HARK_DNS_OPTIONS_INIT;
    mock.options.servers = "127.0.0.1:1";
    mock.options.hosts = "";
    hark__sys.getaddrinfo = NULL; /* would crash */
    dns_open();
    CHECK_EQ(hark_loop_run_until(loop, resolve_once, NULL), 0);
    CHECK_EQ(hark_dns_close(&mock.dns), 0);
    CHECK_EQ(hark_loop_free(loop), 0);
}
