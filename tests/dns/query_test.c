/* SPDX-License-Identifier: MIT
 *
 * query_test.c - records of every type, whole and broken; names of addresses.
 */
#include "mock.h"

#include "dns/dns.h"

static hark_dns_answer found;

static int query(const char *name, int type)
{
    return hark_dns_query(&mock.dns, name, type, &found);
}

static void put_string(mock_message *m, const char *text)
{
    m->bytes[m->size++] = (unsigned char)strlen(text);
    put_raw(m, text, (int)strlen(text));
}

static void put_host(mock_message *m, int type, const char *host)
{
    const int at = begin_record(m, NULL, type, 300);
    put_name(m, host);
    end_record(m, at);
}

static void put_service(mock_message *m, int priority, int weight, int port, const char *host)
{
    const int at = begin_record(m, NULL, m->type, 300);
    put16(m, priority);
    if (m->type == HARK_DNS_SRV) {
        put16(m, weight);
        put16(m, port);
    }
    put_name(m, host);
    end_record(m, at);
}

static int reply_all(mock_message *m)
{
    answer_with(m, 0);
    int at;
    switch (m->type) {
    case HARK_DNS_MX:
    case HARK_DNS_SRV:
        put_service(m, 20, 1, 81, "second.host");
        put_service(m, 10, 2, 82, "first.host");
        put_service(m, 20, 3, 83, "third.host");
        break;
    case HARK_DNS_TXT:
        at = begin_record(m, NULL, HARK_DNS_TXT, 300);
        put_string(m, "v=spf1 ");
        put_string(m, "");
        put_string(m, "-all");
        end_record(m, at);
        at = begin_record(m, NULL, HARK_DNS_TXT, 300);
        put_raw(m, "\003a\0b", 4);
        end_record(m, at);
        break;
    case HARK_DNS_CAA:
        at = begin_record(m, NULL, HARK_DNS_CAA, 300);
        put_raw(m, "\000\005issuex.y", 10);
        end_record(m, at);
        break;
    case HARK_DNS_A:
        put_address(m, NULL, "192.0.2.1", 5);
        put_address(m, NULL, "192.0.2.2", UINT32_MAX);
        break;
    case HARK_DNS_AAAA: put_address(m, NULL, "2001:db8::1", 5); break;
    default: put_host(m, m->type, "Some.Other.Host"); break;
    }
    return m->size;
}

ON_WIRE(query_services_come_by_priority)
{
    mock_begin(reply_all);
    CHECK_EQ(query("_http._tcp.some.host", HARK_DNS_SRV), 3);
    const char *hosts[] = {"first.host", "second.host", "third.host"};
    const int priorities[] = {10, 20, 20}, weights[] = {2, 1, 3}, ports[] = {82, 81, 83};
    for (int i = 0; i < 3; i++) {
        CHECK_STR(found.records[i].host, hosts[i]);
        CHECK_STR(found.records[i].name, "_http._tcp.some.host");
        CHECK_EQ(found.records[i].priority, priorities[i]);
        CHECK_EQ(found.records[i].weight, weights[i]);
        CHECK_EQ(found.records[i].port, ports[i]);
        CHECK_EQ(found.records[i].ttl, 300);
    }
    hark_dns_answer_free(&found);
    hark_dns_answer_free(&found);
    hark_dns_answer_free(NULL);
    CHECK_EQ(query("some.host", HARK_DNS_MX), 3);
    CHECK_STR(found.records[0].host, "first.host");
    CHECK_EQ(found.records[0].port, 0);
    hark_dns_answer_free(&found);
    mock_end();
}

ON_WIRE(query_texts_hosts_addresses_and_the_rest)
{
    mock_begin(reply_all);
    CHECK_EQ(query("some.host", HARK_DNS_TXT), 2);
    CHECK_STR((const char *)found.records[0].data, "v=spf1 -all");
    CHECK_EQ(found.records[0].length, 11);
    CHECK_EQ(found.records[1].length, 3);
    CHECK_EQ(memcmp(found.records[1].data, "a\0b", 4), 0);
    hark_dns_answer_free(&found);
    const int hosts[] = {HARK_DNS_NS, HARK_DNS_CNAME, HARK_DNS_PTR};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(query("some.host", hosts[i]), 1);
        CHECK_STR(found.records[0].host, "Some.Other.Host");
        hark_dns_answer_free(&found);
    }
    char text[HARK_ADDRESS_TEXT];
    CHECK_EQ(query("some.host", HARK_DNS_A), 2);
    CHECK_STR(hark_address_text(&found.records[1].address.at.any, text, sizeof text), "192.0.2.2:0");
    CHECK_EQ(found.records[1].ttl, 0); /* that much is less than nothing */
    hark_dns_answer_free(&found);
    CHECK_EQ(query("some.host", HARK_DNS_AAAA), 1);
    CHECK_STR(hark_address_text(&found.records[0].address.at.any, text, sizeof text),
              "[2001:db8::1]:0");
    hark_dns_answer_free(&found);
    CHECK_EQ(query("some.host", HARK_DNS_CAA), 1);
    CHECK_EQ(found.records[0].length, 10);
    CHECK_EQ(memcmp(found.records[0].data, "\000\005issuex.y", 10), 0);
    hark_dns_answer_free(&found);
    mock_end();
}

static int refusal;

static int reply_badly(mock_message *m)
{
    answer_with(m, refusal);
    if (refusal == 0 && m->type != HARK_DNS_MX) { /* of another type */
        put_host(m, HARK_DNS_CNAME, "some.alias");
    }
    return m->size;
}

ON_WIRE(query_failures_have_codes_and_words)
{
    mock_begin(reply_badly);
    const int codes[] = {-ENOENT, -EBADMSG, -EREMOTEIO, -ENOENT, -EBADMSG, -EACCES};
    for (refusal = 0; refusal < 6; refusal++) {
        CHECK_MISUSE(query("some.host", HARK_DNS_MX), codes[refusal], "some.host");
        CHECK_HAS(hark_error_last(), mock.server);
        CHECK_EQ(found.count, 0);
    }
    refusal = 0;
    CHECK_MISUSE(query("some.host", HARK_DNS_TXT), -ENOENT, "no such record");
    mock.reply = be_silent;
    CHECK_MISUSE(query("some.host", HARK_DNS_TXT), -EHOSTDOWN, "in time");
    CHECK_MISUSE(query(NULL, HARK_DNS_TXT), -EINVAL, "hark_dns_query");
    CHECK_MISUSE(query("x", 0), -EINVAL, "type");
    CHECK_MISUSE(query("x", 65536), -EINVAL, "type");
    CHECK_MISUSE(hark_dns_query(&mock.dns, "x", 1, NULL), -EINVAL, "hark_dns_query");
    CHECK_MISUSE(hark_dns_query(NULL, "x", 1, &found), -EINVAL, "open");
    char name[300];
    memset(name, 'x', sizeof name);
    name[299] = '\0';
    CHECK_MISUSE(query(name, 1), -ENOENT, "xxx");
    CHECK_EQ(query("a..b", 1), -ENOENT);
    mock_end();
    CHECK_MISUSE(query("x", 1), -EINVAL, "open");
}

static int ask_later(void *unused)
{
    (void)unused;
    kit_log("%s", outcome(query("some.host", HARK_DNS_TXT)));
    return 0;
}

ON_WIRE(query_may_be_cancelled_and_closed)
{
    mock_open(be_silent);
    mock.options.timeout = HARK_S(3600);
    dns_open();
    const hark_task one = hark_go(&group, ask_later, NULL);
    while (mock.asked < 1) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(one), 0);
    CHECK_EQ(hark_task_wait(one), 0);
    CHECK_LOG("cancelled");
    const hark_task two = hark_go(&group, ask_later, NULL);
    while (mock.asked < 2) {
        CHECK_EQ(hark_yield(), 0);
    }
    mock_end();
    CHECK_EQ(hark_task_wait(two), 0);
    CHECK_LOG("ESHUTDOWN");
}

TEST(query_nothing_waits_outside_a_task)
{
    CHECK_EQ(query("x", 1), -ENOTSUP);
}

/* ---- the parser alone ----------------------------------------------------------------------- */

static mock_message message;

static void ask_for_type(int type)
{
    memset(&message, 0, sizeof message);
    message.bytes[5] = 1;
    message.size = 12;
    put_name(&message, "some.host");
    put16(&message, type);
    put16(&message, 1);
    message.question_size = message.size;
    message.type = type;
    reply_all(&message);
}

static const int types[] = {HARK_DNS_A,   HARK_DNS_AAAA, HARK_DNS_MX,  HARK_DNS_SRV,
                            HARK_DNS_TXT, HARK_DNS_PTR,  HARK_DNS_CAA, HARK_DNS_NS};

/* In a block of exactly its size, so that reading behind it shows under a sanitizer. */
static int take_apart(const unsigned char *bytes, int size, int type)
{
    unsigned char *exact = malloc((size_t)size + !size);
    memcpy(exact, bytes, (size_t)size);
    const int rc = hark__dns_take_apart(&found, exact, size, type);
    free(exact);
    size_t sum = 0;
    for (int i = 0; i < rc; i++) { /* every byte that is promised can be read */
        const hark_dns_record *one = &found.records[i];
        sum += strlen(one->name) + (one->host ? strlen(one->host) : 0);
        for (size_t k = 0; one->data && k <= one->length; k++) {
            sum += one->data[k];
        }
    }
    hark_dns_answer_free(&found);
    CHECK(sum + 1 > 0);
    return rc;
}

TEST(query_D3_a_message_cut_anywhere_is_refused)
{
    for (int i = 0; i < 8; i++) {
        ask_for_type(types[i]);
        CHECK_GT(take_apart(message.bytes, message.size, types[i]), 0);
        for (int size = 0; size < message.size; size++) {
            CHECK_EQ(take_apart(message.bytes, size, types[i]), -EBADMSG);
        }
    }
}

TEST(query_D3_lengths_that_lie_are_refused)
{
    ask_for_type(HARK_DNS_A);
    message.bytes[message.question_size + 11] = 3; /* an address of three bytes */
    CHECK_EQ(take_apart(message.bytes, message.size, HARK_DNS_A), -EBADMSG);
    ask_for_type(HARK_DNS_TXT);
    message.bytes[message.question_size + 12] = 200; /* a string longer than its record */
    CHECK_EQ(take_apart(message.bytes, message.size, HARK_DNS_TXT), -EBADMSG);
    ask_for_type(HARK_DNS_PTR);
    message.bytes[message.question_size + 11]++; /* a name that ends before its record */
    message.size++;
    CHECK_EQ(take_apart(message.bytes, message.size, HARK_DNS_PTR), -EBADMSG);
    ask_for_type(HARK_DNS_PTR);
    const int at = message.question_size + 12;
    message.bytes[at] = 0xc0; /* a name that is itself */
    message.bytes[at + 1] = (unsigned char)at;
    CHECK_EQ(take_apart(message.bytes, message.size, HARK_DNS_PTR), -EBADMSG);
    ask_for_type(HARK_DNS_A);
    message.bytes[4] = message.bytes[6] = 0xff; /* 65000 of each, says the header */
    CHECK_EQ(take_apart(message.bytes, message.size, HARK_DNS_A), -EBADMSG);
}

TEST(query_D3_bytes_at_random_never_hurt)
{
    uint64_t chance = kit_seed();
    for (int round = 0; round < 20000 / kit_slow(); round++) {
        const int type = types[draw(&chance) % 8];
        ask_for_type(type);
        for (uint64_t flips = draw(&chance) % 8; flips > 0; flips--) {
            message.bytes[draw(&chance) % (uint64_t)message.size] = (unsigned char)draw(&chance);
        }
        const int rc = take_apart(message.bytes, message.size, type);
        CHECK(rc >= 0 || rc == -EBADMSG);
    }
}

/* ---- the name of an address ----------------------------------------------------------------- */

static char asked_for[256];

static int reply_with_name(mock_message *m)
{
    answer_with(m, 0);
    snprintf(asked_for, sizeof asked_for, "%s", m->name);
    put_host(m, HARK_DNS_PTR, "its.name");
    return m->size;
}

ON_WIRE(query_names_of_addresses)
{
    char host[32];
    mock_begin(reply_with_name);
    CHECK_EQ(hark_resolve("192.0.2.33", "80", mock.list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, sizeof host), 8);
    CHECK_STR(host, "its.name");
    CHECK_STR(asked_for, "33.2.0.192.in-addr.arpa");
    CHECK_EQ(hark_resolve("2001:db8::f1", "80", mock.list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, 9), 8);
    CHECK_STR(asked_for, "1.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    CHECK_MISUSE(hark_name_of(&mock.list[0].at.any, host, 8), -EMSGSIZE, "8 bytes");
    mock.reply = reply_badly;
    refusal = 3;
    CHECK_MISUSE(hark_name_of(&mock.list[0].at.any, host, 8), -ENOENT, mock.server);
    mock_end();
}
