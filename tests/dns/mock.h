/* SPDX-License-Identifier: MIT
 *
 * mock.h - a name server that does what a test wants, good or evil.
 *
 * Idea     A UDP and a TCP socket with the same number, and two tasks of the test's own loop that
 *          answer each question by calling `reply`: it gets the question and builds the answer byte
 *          by byte, so that it may lie. What it was asked is counted.
 * Rules    1  The port is the kernel's choice, on 127.0.0.1.
 *          2  reply returns how many bytes to send; 0: silence.
 */
#ifndef HARK_TESTS_MOCK_H
#define HARK_TESTS_MOCK_H

#include "../io/wire.h"

#include <hark/dns.h>
#include <hark/name.h>

typedef struct mock_message {
    unsigned char bytes[4096];
    int size, question_size; /* of the question: the header, and what is asked */
    bool tcp;
    char name[256];
    int type;
} mock_message;

typedef int mock_reply(mock_message *message);

static struct mock {
    int udp, tcp, asked, asked_tcp;
    struct sockaddr_in from; /* who asked by UDP */
    char server[40];
    mock_reply *reply;
    hark_dns dns;
    hark_dns_options options;
    hark_address list[80];
} mock __attribute__((unused));

SCENE_MAYBE void put16(mock_message *m, int number)
{
    m->bytes[m->size++] = (unsigned char)(number >> 8);
    m->bytes[m->size++] = (unsigned char)number;
}

SCENE_MAYBE void put32(mock_message *m, uint32_t number)
{
    put16(m, (int)(number >> 16));
    put16(m, (int)(number & 0xffff));
}

SCENE_MAYBE void put_raw(mock_message *m, const void *bytes, int size)
{
    memcpy(m->bytes + m->size, bytes, (size_t)size);
    m->size += size;
}

SCENE_MAYBE void put_name(mock_message *m, const char *name)
{
    while (*name) {
        const size_t size = strcspn(name, ".");
        m->bytes[m->size++] = (unsigned char)size;
        put_raw(m, name, (int)size);
        name += size + (name[size] == '.');
    }
    m->bytes[m->size++] = 0;
}

/* Answer the question with a code; then records may follow, each counted. */
SCENE_MAYBE void answer_with(mock_message *m, int code)
{
    m->bytes[2] = 0x84;
    m->bytes[3] = (unsigned char)(0x80 | code);
    m->bytes[6] = m->bytes[7] = m->bytes[8] = m->bytes[9] = m->bytes[10] = m->bytes[11] = 0;
    m->size = m->question_size;
}

/* The owner is the name asked for, unless it is named. Its data follow, and end_record. */
SCENE_MAYBE int begin_record(mock_message *m, const char *owner, int type, uint32_t ttl)
{
    m->bytes[7]++;
    if (owner) {
        put_name(m, owner);
    } else {
        put16(m, 0xc00c);
    }
    put16(m, type);
    put16(m, 1);
    put32(m, ttl);
    put16(m, 0);
    return m->size;
}

SCENE_MAYBE void end_record(mock_message *m, int from)
{
    const int size = m->size - from;
    m->bytes[from - 2] = (unsigned char)(size >> 8);
    m->bytes[from - 1] = (unsigned char)size;
}

SCENE_MAYBE void put_address(mock_message *m, const char *owner, const char *text, uint32_t ttl)
{
    unsigned char bytes[16];
    const bool v4 = inet_pton(AF_INET, text, bytes) == 1;
    CHECK(v4 || inet_pton(AF_INET6, text, bytes) == 1);
    const int from = begin_record(m, owner, v4 ? HARK_DNS_A : HARK_DNS_AAAA, ttl);
    put_raw(m, bytes, v4 ? 4 : 16);
    end_record(m, from);
}

/* Both families, as most names have them. */
SCENE_MAYBE int reply_well(mock_message *m)
{
    answer_with(m, 0);
    if (m->type == HARK_DNS_A) {
        put_address(m, NULL, "192.0.2.1", 60);
    } else if (m->type == HARK_DNS_AAAA) {
        put_address(m, NULL, "2001:db8::1", 60);
    }
    return m->size;
}

SCENE_MAYBE int be_silent(mock_message *m)
{
    (void)m;
    return 0;
}

SCENE_MAYBE int reply_to(mock_message *m, ssize_t size, bool tcp)
{
    int at = 12, to = 0;
    CHECK_GE(size, 17);
    while (m->bytes[at]) {
        memcpy(m->name + to, m->bytes + at + 1, m->bytes[at]);
        to += m->bytes[at];
        m->name[to++] = '.';
        at += m->bytes[at] + 1;
    }
    m->name[to ? to - 1 : 0] = '\0';
    m->type = m->bytes[at + 1] << 8 | m->bytes[at + 2];
    m->question_size = at + 5;
    m->size = (int)size;
    m->tcp = tcp;
    tcp ? mock.asked_tcp++ : mock.asked++;
    return mock.reply(m);
}

SCENE_MAYBE void send_datagram(const mock_message *m, int size)
{
    sendto(mock.udp, m->bytes, (size_t)size, 0, (struct sockaddr *)&mock.from, sizeof mock.from);
}

SCENE_MAYBE int serve_udp(void *unused)
{
    static mock_message m;
    (void)unused;
    for (;;) {
        const int ready = hark_wait_fd(mock.udp, POLLIN);
        if (ready < 0) {
            return ready == -ECANCELED ? ready : 0;
        }
        socklen_t length = sizeof mock.from;
        const ssize_t size = recvfrom(mock.udp, m.bytes, sizeof m.bytes, MSG_DONTWAIT,
                                      (struct sockaddr *)&mock.from, &length);
        const int answer = size > 0 ? reply_to(&m, size, false) : 0;
        if (answer > 0) {
            send_datagram(&m, answer);
        }
    }
}

SCENE_MAYBE int serve_connection(void *arg)
{
    static mock_message m;
    const int fd = (int)(intptr_t)arg;
    unsigned char head[2];
    while (hark_read(fd, head, 2) == 2) {
        const ssize_t size = head[0] << 8 | head[1];
        for (ssize_t have = 0, got; have < size; have += got) {
            got = hark_read(fd, m.bytes + have, (size_t)(size - have));
            CHECK_GT(got, 0);
        }
        const int answer = reply_to(&m, size, true);
        head[0] = (unsigned char)(answer >> 8);
        head[1] = (unsigned char)answer;
        if (answer <= 0 || hark_write(fd, head, 2) < 0 ||
            hark_write(fd, m.bytes, (size_t)answer) < 0) {
            break;
        }
    }
    hark_close(fd);
    return 0;
}

SCENE_MAYBE int serve_tcp(void *unused)
{
    (void)unused;
    for (;;) {
        const int fd = hark_accept(mock.tcp, NULL, NULL);
        if (fd < 0) {
            return fd == -ECANCELED ? fd : 0;
        }
        hark_go(&group, serve_connection, (void *)(intptr_t)fd);
    }
}

/* Serves from now on, and the loop's resolver asks it and nobody else. */
SCENE_MAYBE void mock_open(mock_reply *reply)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    for (int tries = 0;; tries++) { /* a number that is free for both */
        mock.tcp = hark_tcp_listen("127.0.0.1", "0", 0);
        mock.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK_EQ(getsockname(mock.tcp, (struct sockaddr *)&address, &length), 0);
        if (bind(mock.udp, (struct sockaddr *)&address, length) == 0) {
            break;
        }
        CHECK_LT(tries, 50);
        CHECK_EQ(hark_close(mock.tcp), 0);
        CHECK_EQ(hark_close(mock.udp), 0);
    }
    mock.reply = reply;
    hark_go(&group, serve_udp, NULL);
    hark_go(&group, serve_tcp, NULL);
    snprintf(mock.server, sizeof mock.server, "127.0.0.1:%d", ntohs(address.sin_port));
    mock.options = (hark_dns_options)HARK_DNS_OPTIONS_INIT;
    mock.options.servers = mock.server;
    mock.options.hosts = "";
    mock.options.resolv_conf = "/nonexistent/resolv.conf";
    mock.options.domains = "";
    mock.options.timeout = HARK_MS(50) * kit_slow();
    mock.options.tries = 2;
}

SCENE_MAYBE void dns_open(void)
{
    CHECK_EQ(hark_dns_open(&mock.dns, &mock.options), 0);
}

SCENE_MAYBE void mock_begin(mock_reply *reply)
{
    mock_open(reply);
    dns_open();
}

SCENE_MAYBE void mock_end(void)
{
    CHECK_EQ(hark_dns_close(&mock.dns), 0);
    CHECK_EQ(hark_close(mock.udp), 0);
    CHECK_EQ(hark_close(mock.tcp), 0);
}

SCENE_MAYBE int resolve(const char *host)
{
    return hark_resolve(host, "80", mock.list, 80, NULL);
}

/* The addresses of host, in the order of their text, into the log; or the failure. */
SCENE_MAYBE void log_addresses(const char *host)
{
    char texts[80][HARK_ADDRESS_TEXT];
    const int count = resolve(host);
    if (count < 0) {
        kit_log("%s", strerrorname_np(-count));
    }
    for (int i = 0; i < count; i++) {
        hark_address_text(&mock.list[i].at.any, texts[i], sizeof texts[i]);
    }
    for (int i = 0; i < count; i++) {
        int least = i;
        for (int k = i + 1; k < count; k++) {
            least = strcmp(texts[k], texts[least]) < 0 ? k : least;
        }
        char one[HARK_ADDRESS_TEXT];
        memcpy(one, texts[least], sizeof one);
        memcpy(texts[least], texts[i], sizeof one);
        kit_log("%s", one);
    }
}

#endif
