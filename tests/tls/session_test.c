/* SPDX-License-Identifier: MIT
 *
 * session_test.c - sessions as streams: what is agreed on, bytes, the end, and being cut short (L1
 * to L5, L7, L9).
 *
 * Rules    1  Both ends are in this process, in one loop; what lies below is memory (with a virtual
 *             clock) or a pair of sockets (on every hub).
 *          2  OVER_BOTH runs a test with TLS 1.2 and with TLS 1.3.
 */
#include "pair.h"
#include "tap.h"

#define OVER_BOTH(name) \
    static void both_##name(void); \
    INSIDE(name##_in_tls_1_2) \
    { \
        begin_options(); \
        ask.max_version = HARK_TLS_1_2; \
        both_##name(); \
    } \
    INSIDE(name##_in_tls_1_3) \
    { \
        begin_options(); \
        ask.min_version = HARK_TLS_1_3; \
        both_##name(); \
    } \
    static void both_##name(void)

static void begin_pair(size_t capacity)
{
    open_contexts();
    pair_in_memory(capacity);
    shake();
}

static void end_pair(void)
{
    close_both();
    close_contexts();
}

/* ---- what is agreed on ----------------------------------------------------------------------- */

OVER_BOTH(session_says_what_was_agreed_on)
{
    begin_pair(4096);
    CHECK_EQ(hark_tls_version(&client), ask.max_version ? HARK_TLS_1_2 : HARK_TLS_1_3);
    CHECK_EQ(hark_tls_version(&server), hark_tls_version(&client));
    CHECK_STR(hark_tls_sni(&server), "localhost");
    CHECK_STR(hark_tls_peer_name(&client), "CN=server");
    CHECK(!hark_tls_peer_name(&server));
    CHECK(!hark_tls_alpn(&client));
    CHECK(!hark_tls_alpn(&server));
    CHECK(!hark_tls_resumed(&client));
    CHECK_STR(hark_tls_cipher(&client), hark_tls_cipher(&server));
    CHECK(hark_tls_openssl(&client) != NULL);
    check_line(&client, &server, "hello");
    check_line(&server, &client, "hello yourself");
    end_pair();
}

INSIDE(session_asked_of_no_session_knows_nothing)
{
    hark_stream closed = HARK_STREAM_INIT;

    pair_in_memory(10);
    hark_stream *const others[] = {NULL, &closed, &near};
    for (int i = 0; i < 3; i++) {
        CHECK(!hark_tls_alpn(others[i]) && !hark_tls_cipher(others[i]));
        CHECK(!hark_tls_sni(others[i]) && !hark_tls_peer_name(others[i]));
        CHECK(!hark_tls_resumed(others[i]) && !hark_tls_openssl(others[i]));
        CHECK_EQ(hark_tls_version(others[i]), 0);
    }
    CHECK_EQ(hark_stream_close(&near), 0);
    CHECK_EQ(hark_stream_close(&far), 0);
}

INSIDE(session_may_take_the_place_of_what_lies_below)
{
    begin_options();
    open_contexts();
    pair_in_memory(100);
    hark_go(&group, shake_server, NULL);
    CHECK_EQ(hark_tls_client(&near, asks, &near, "localhost"), 0);
    CHECK_EQ(hark_settle(), 0);
    check_line(&near, &server, "in place");
    CHECK_EQ(hark_stream_close(&near), 0);
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

/* ---- bytes ----------------------------------------------------------------------------------- */

OVER_BOTH(session_carries_bytes_both_ways_through_memory)
{
    begin_pair(5000);
    duplex(1 << 20);
    end_pair();
}

OVER_BOTH(stream_L2_session_carries_bytes_both_ways_in_lockstep)
{
    begin_pair(0);
    duplex(200000);
    end_pair();
}

OVER_BOTH(stream_L2_session_carries_bytes_both_ways_byte_by_byte)
{
    begin_pair(1);
    duplex(20000);
    end_pair();
}

static void duplex_over_sockets(void)
{
    open_contexts();
    pair_of_sockets();
    shake();
    duplex(1 << 20);
    end_pair();
}

INSIDE_BY(TEST_ON_HUBS, RUN, session_carries_bytes_both_ways_over_sockets)
{
    begin_options();
    duplex_over_sockets();
}

INSIDE_BY(TEST_ON_HUBS, RUN, session_carries_bytes_both_ways_over_sockets_in_tls_1_2)
{
    begin_options();
    ask.max_version = HARK_TLS_1_2;
    duplex_over_sockets();
}

/* ---- L1: the end ----------------------------------------------------------------------------- */

INSIDE_BY(TEST_ON_HUBS, RUN, stream_L1_a_cut_is_no_end)
{
    char byte;

    begin_options();
    open_contexts();
    pair_of_sockets();
    shake();
    check_line(&server, &client, "so far");
    CHECK_EQ(shutdown(hark_stream_fd(&server), SHUT_WR), 0);
    CHECK_EQ(hark_stream_read(&client, &byte, 1), -ENOLINK);
    CHECK_HAS(hark_error_last(), "cut");
    CHECK_EQ(hark_stream_read(&client, &byte, 1), -ENOLINK);
    check_line(&client, &server, "the other way it goes on");
    end_pair();
}

/* Wherever the cut is: what came before is read, and then it is no end. */
OVER_BOTH(stream_L1_no_cut_is_an_end)
{
    for (size_t more = 0; more < 130; more++) {
        struct tap tap;
        char text[64];
        ssize_t count;

        open_contexts();
        pair_in_memory(1 << 16);
        tap_in(&tap, &near);
        shake();
        check_line(&server, &client, "all tickets have come");
        tap.cut_at = tap.passed + more;
        CHECK_EQ(hark_stream_write_full(&server, "half a text", 11, NULL), 0);
        CHECK_EQ(hark_stream_write_full(&server, ", and the rest", 14, NULL), 0);
        CHECK_EQ(hark_stream_half_close(&server), 0);
        while ((count = hark_stream_read(&client, text, sizeof text)) > 0) {}
        /* Only if the goodbye is there, whole, is it the end. */
        const bool whole = tap.passed < tap.cut_at;
        CHECK_EQ(count, whole ? 0 : tap.passed == tap.cut_at && count == 0 ? 0 : -ENOLINK);
        if (count == 0) {
            CHECK_GT(more, 25 + 3 * 22);
        }
        close_both();
        hark_tls_context_close(asks);
        hark_tls_context_close(serves);
    }
    certs_end();
}

OVER_BOTH(session_close_says_goodbye)
{
    char byte;

    begin_pair(1000);
    CHECK_EQ(hark_stream_write(&client, "x", 1), 1);
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_stream_read(&server, &byte, 1), 1);
    CHECK_EQ(hark_stream_read(&server, &byte, 1), 0);
    CHECK_EQ(hark_stream_read(&server, &byte, 1), 0);
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

/* No room for a goodbye: close does not wait, and the other side is not told of an end. */
INSIDE(stream_L1_close_without_room_is_a_cut)
{
    char byte;

    begin_options();
    begin_pair(0);
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_now(), hark_now());
    CHECK_EQ(hark_stream_read(&server, &byte, 1), -ENOLINK);
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

OVER_BOTH(session_half_close_and_then_receive)
{
    char byte;

    begin_pair(1000);
    CHECK_EQ(hark_stream_half_close(&client), 0);
    CHECK_EQ(hark_stream_read(&server, &byte, 1), 0);
    check_line(&server, &client, "an answer");
    CHECK_EQ(hark_stream_write(&client, "x", 1), -EPIPE);
    CHECK_EQ(hark_stream_half_close(&server), 0);
    CHECK_EQ(hark_stream_read(&client, &byte, 1), 0);
    end_pair();
}

static int finish(void *s)
{
    return hark_stream_finish(s);
}

OVER_BOTH(stream_L1_both_finish_at_once)
{
    begin_pair(1000);
    hark_go(&group, finish, &client);
    hark_go(&group, finish, &server);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!client.kind && !server.kind);
    close_contexts();
}

/* ---- tampering, and what is not TLS ---------------------------------------------------------- */

OVER_BOTH(session_notices_a_changed_byte)
{
    struct tap tap;
    char text[16];

    open_contexts();
    pair_in_memory(1 << 16);
    tap_in(&tap, &near);
    shake();
    check_line(&server, &client, "all tickets have come");
    tap.flip_at = tap.passed + 12;
    CHECK_EQ(hark_stream_write_full(&server, "pay 10", 6, NULL), 0);
    CHECK_EQ(hark_stream_read(&client, text, sizeof text), -EPROTO);
    CHECK_HAS(hark_error_last(), "bad record mac");
    CHECK_EQ(hark_stream_read(&client, text, sizeof text), -EPROTO);
    CHECK_EQ(hark_stream_write(&client, "x", 1), -EPROTO);
    /* The other side is told. */
    CHECK_EQ(hark_stream_read(&server, text, sizeof text), -EPROTO);
    CHECK_HAS(hark_error_last(), "broke off");
    end_pair();
}

INSIDE(session_server_is_spoken_to_in_plain_http)
{
    static const char hello[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    begin_options();
    open_contexts();
    pair_in_memory(1000);
    CHECK_EQ(hark_stream_write_full(&near, hello, sizeof hello - 1, NULL), 0);
    CHECK_EQ(hark_tls_server(&server, serves, &far), -EPROTO);
    CHECK_HAS(hark_error_last(), "plain HTTP");
    CHECK(!server.kind && !far.kind);
    CHECK_EQ(hark_stream_close(&near), 0);
    close_contexts();
}

INSIDE(session_client_is_answered_in_something_else)
{
    begin_options();
    open_contexts();
    pair_in_memory(1000);
    CHECK_EQ(hark_stream_write_full(&far, "220 mail.example.org\r\n", 22, NULL), 0);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), -EPROTO);
    CHECK_HAS(hark_error_last(), "not TLS");
    CHECK_HAS(hark_error_last(), "localhost");
    CHECK(!client.kind && !near.kind);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

INSIDE(stream_L1_a_handshake_that_just_ends)
{
    begin_options();
    open_contexts();
    pair_in_memory(1000);
    CHECK_EQ(hark_stream_half_close(&far), 0);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), -ENOLINK);
    CHECK(!client.kind && !near.kind);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

/* ---- L3: new keys, renegotiation ------------------------------------------------------------- */

static int rekey_now_and_then(void *s)
{
    for (int i = 0; i < 20; i++) {
        SSL *ssl = hark_tls_openssl(s);
        CHECK(SSL_key_update(ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
        CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    }
    return 0;
}

static int pour_slowly(void *arg)
{
    const struct bytes *job = arg;

    for (size_t at = 0; at < job->size; at++) {
        const unsigned char byte = tls_byte(at);
        CHECK_EQ(hark_stream_write(job->s, &byte, 1), 1);
        if (at % 10 == 0) {
            CHECK_EQ(hark_sleep(HARK_US(100)), 0);
        }
    }
    return hark_stream_half_close(job->s);
}

INSIDE(stream_L3_new_keys_in_the_middle)
{
    struct bytes here = {&client, 3000}, there = {&server, 3000};
    hark_group all;

    begin_options();
    begin_pair(0);
    CHECK_EQ(hark_group_open(&all), 0);
    hark_go(&all, pour_slowly, &here);
    hark_go(&all, pour_slowly, &there);
    hark_go(&all, drain, &here);
    hark_go(&all, drain, &there);
    hark_go(&all, rekey_now_and_then, &client);
    hark_go(&all, rekey_now_and_then, &server);
    CHECK_EQ(hark_group_close(&all, 0), 0);
    end_pair();
}

static int read_one(void *s)
{
    char byte;
    return (int)hark_stream_read(s, &byte, 1);
}

static int read_and_say(void *s)
{
    kit_log("%s", outcome(read_one(s)));
    return 0;
}

/* A client that wants to negotiate anew is told no, and the server goes on. */
INSIDE(stream_L3_renegotiation_is_refused)
{
    begin_options();
    ask.max_version = HARK_TLS_1_2;
    begin_pair(1000);
    SSL *ssl = hark_tls_openssl(&client);
    SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    CHECK(SSL_renegotiate(ssl));
    hark_go(&group, read_and_say, &server);
    CHECK_EQ(hark_stream_write(&client, "x", 1), -EPROTO);
    CHECK_HAS(hark_error_last(), "renegotiation");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EPROTONOSUPPORT"); /* the client has broken off: "handshake failure" */
    end_pair();
}

/* A server that asks for it is told no, too. */
INSIDE(stream_L3_renegotiation_is_refused_to_a_server)
{
    char byte;

    begin_options();
    ask.max_version = HARK_TLS_1_2;
    begin_pair(1 << 14);
    SSL *ssl = hark_tls_openssl(&server);
    SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    CHECK(SSL_renegotiate(ssl));
    CHECK_EQ(hark_stream_write(&server, "x", 1), 1);
    CHECK_EQ(hark_stream_read(&client, &byte, 1), 1);
    hark_go(&group, read_and_say, &client); /* which also sends what is to be said */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_stream_read(&server, &byte, 1), -EPROTO);
    CHECK_HAS(hark_error_last(), "renegotiation");
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_stream_close(&server), 0);
    CHECK_EQ(hark_settle(), 0);
    close_contexts();
}

/* ---- L4: stalls ------------------------------------------------------------------------------ */

INSIDE(stream_L4_a_silent_client_has_ten_seconds)
{
    begin_options();
    open_contexts();
    pair_in_memory(1000);
    const int64_t before = hark_now();
    CHECK_EQ(hark_tls_server(&server, serves, &far), -ETIMEDOUT);
    CHECK_HAS(hark_error_last(), "too long");
    CHECK_EQ(hark_now() - before, HARK_S(10));
    CHECK(!server.kind && !far.kind);
    CHECK_EQ(hark_stream_close(&near), 0);
    close_contexts();
}

static int one_byte_a_second(void *arg)
{
    static const unsigned char record[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};

    (void)arg;
    for (size_t i = 0; hark_sleep(HARK_S(1)) == 0; i++) {
        if (hark_stream_write(&near, i < sizeof record ? &record[i] : record + 10, 1) < 0) {
            break;
        }
    }
    return 0;
}

INSIDE(stream_L4_a_client_of_one_byte_a_second_too)
{
    begin_options();
    serve.handshake = HARK_S(100);
    open_contexts();
    pair_in_memory(1000);
    hark_go(&group, one_byte_a_second, NULL);
    const int64_t before = hark_now();
    CHECK_EQ(hark_tls_server(&server, serves, &far), -ETIMEDOUT);
    CHECK_EQ(hark_now() - before, HARK_S(100));
    CHECK_EQ(hark_sleep(HARK_S(2)), 0);
    CHECK_EQ(hark_stream_close(&near), 0);
    close_contexts();
}

INSIDE(stream_L4_the_scopes_deadline_counts_too)
{
    begin_options();
    open_contexts();
    pair_in_memory(1000);
    const int64_t before = hark_now();
    CHECK_EQ(hark_within(HARK_S(1), hark_tls_client(&client, asks, &near, "localhost")), -ETIMEDOUT);
    CHECK_EQ(hark_now() - before, HARK_S(1));
    CHECK(!client.kind && !near.kind);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

/* A client that does not read, so that the server is clogged. */
INSIDE(stream_L4_a_clogged_handshake_ends_in_time)
{
    struct tap tap;

    begin_options();
    open_contexts();
    pair_in_memory(700); /* a ClientHello, but no certificate */
    tap_in(&tap, &near);
    tap.cut_at = 1;
    hark_go(&group, shake_server, NULL);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), -ENOLINK);
    CHECK_EQ(hark_sleep(HARK_S(11)), 0);
    CHECK_LT(said.server, 0);
    CHECK(!server.kind && !far.kind);
    close_contexts();
}

/* ---- L5: cut short --------------------------------------------------------------------------- */

static char large[40000];

/* What counts as written arrives, whole and in order, and nothing else does. */
OVER_BOTH(stream_L5_a_write_cut_short_leaves_no_torn_record)
{
    char back[20000];
    size_t done;

    begin_pair(100);
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)tls_byte(i);
    }
    CHECK_EQ(hark_within(HARK_S(1), hark_stream_write(&client, large, sizeof large)), 16384);
    CHECK_EQ(hark_within(HARK_S(1), hark_stream_write(&client, "no", 2)), -ETIMEDOUT);
    CHECK_EQ(hark_within(0, hark_stream_write(&client, "no", 2)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), hark_stream_read(&server, back, 100)), -ETIMEDOUT);
    struct bytes rest = {&server, 16384 + 5};
    hark_go(&group, drain, &rest);
    for (size_t i = 0; i < 5; i++) {
        const unsigned char byte = tls_byte(16384 + i);
        CHECK_EQ(hark_stream_write_full(&client, &byte, 1, &done), 0);
    }
    CHECK_EQ(hark_stream_half_close(&client), 0);
    CHECK_EQ(hark_settle(), 0);
    end_pair();
}

/* What the loop was left with. */
INSIDE_BY(TEST_ON_HUBS, RUN, stream_L5_the_loop_sends_the_rest)
{
    struct bytes all = {&server, 0};
    int64_t count;

    begin_options();
    open_contexts();
    pair_of_sockets();
    shake();
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)tls_byte(i);
    }
    while ((count = hark_within(HARK_MS(20), hark_stream_write(&client, large, 256))) > 0) {
        all.size += (size_t)count; /* the last of them was cut short */
        for (size_t i = 0; i < 256; i++) {
            large[i] = (char)tls_byte(all.size + i);
        }
    }
    CHECK_EQ(count, -ETIMEDOUT);
    char back[4096];
    for (size_t at = 0; at < all.size;) {
        count = hark_stream_read(&server, back, sizeof back);
        CHECK_GT(count, 0);
        for (int64_t i = 0; i < count; i++) {
            CHECK_EQ((unsigned char)back[i], tls_byte(at + (size_t)i));
        }
        at += (size_t)count;
    }
    end_pair();
}

/* A pipe has room for less than what is left, again and again. */
INSIDE_BY(TEST_ON_HUBS, RUN, stream_L5_the_loop_sends_the_rest_over_a_narrow_pipe)
{
    int up[2], down[2];
    char back[4096];

    begin_options();
    open_contexts();
    CHECK_EQ(hark_pipe(up), 0);
    CHECK_EQ(hark_pipe(down), 0);
    CHECK_GE(fcntl(up[1], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(hark_stream_open_two(&near, down[0], up[1]), 0);
    CHECK_EQ(hark_stream_open_two(&far, up[0], down[1]), 0);
    shake();
    for (size_t i = 0; i < 16384; i++) {
        large[i] = (char)tls_byte(i);
    }
    CHECK_EQ(hark_within(HARK_MS(20), hark_stream_write(&client, large, 16384)), 16384);
    for (size_t at = 0; at < 16384;) {
        const int64_t count = hark_within(HARK_S(5), hark_stream_read(&server, back, sizeof back));
        CHECK_GT(count, 0);
        CHECK_EQ(memcmp(back, large + at, (size_t)count), 0);
        at += (size_t)count;
    }
    end_pair();
}

/* In a handshake there is nobody to send the rest: nothing is left behind that would. */
INSIDE_BY(TEST_ON_HUBS, RUN, stream_L5_a_clogged_handshake_over_sockets)
{
    static char filling[1 << 16];
    ssize_t count;

    begin_options();
    open_contexts();
    pair_of_sockets();
    const int fd = hark_stream_fd(&near), other = hark_stream_fd(&far);
    while (write(fd, filling, sizeof filling) > 0) {}
    while (write(fd, filling, 1) > 0) {}
    CHECK_EQ(hark_within(HARK_MS(20), hark_tls_client(&client, asks, &near, "localhost")),
             -ETIMEDOUT);
    while ((count = read(other, filling, sizeof filling)) > 0) {}
    CHECK_EQ(count, 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

static size_t accepted;
static bool pouring;

/* Writes again and again with no time to speak of, and counts what was accepted. */
static int pour_by_fits(void *arg)
{
    (void)arg;
    for (uint64_t i = 0, state = kit_seed(); accepted < 300000; i++) {
        unsigned char piece[3000];
        const size_t size = 1 + draw(&state) % sizeof piece;
        for (size_t k = 0; k < size; k++) {
            piece[k] = tls_byte(accepted + k);
        }
        const int64_t count =
            hark_within(draw(&state) % 3000, hark_stream_write(&client, piece, size));
        CHECK(count > 0 || count == -ETIMEDOUT);
        accepted += count > 0 ? (size_t)count : 0;
    }
    while (hark_within(500, hark_stream_half_close(&client)) == -ETIMEDOUT) {}
    pouring = false;
    return 0;
}

OVER_BOTH(stream_L5_whoever_is_cut_short_at_any_place)
{
    unsigned char piece[2000];
    uint64_t state = kit_seed() + 1;
    size_t at = 0;
    int64_t count;

    begin_pair(300);
    pouring = true;
    hark_go(&group, pour_by_fits, NULL);
    do {
        count = hark_within(draw(&state) % 2000,
                            hark_stream_read(&server, piece, 1 + draw(&state) % sizeof piece));
        CHECK(count >= 0 || count == -ETIMEDOUT);
        for (int64_t i = 0; i < count; i++) {
            CHECK_EQ(piece[i], tls_byte(at + (size_t)i));
        }
        at += count > 0 ? (size_t)count : 0;
    } while (count);
    CHECK_EQ(at, accepted);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!pouring);
    end_pair();
}

INSIDE(stream_L5_a_half_close_cut_short_can_be_said_again)
{
    begin_options();
    begin_pair(0);
    CHECK_EQ(hark_within(HARK_S(1), hark_stream_half_close(&client)), -ETIMEDOUT);
    CHECK_EQ(hark_stream_write(&client, "x", 1), -EPIPE);
    hark_go(&group, read_and_say, &server);
    CHECK_EQ(hark_stream_half_close(&client), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok");
    end_pair();
}

/* ---- L7: the queue of errors ----------------------------------------------------------------- */

static int leave_dirt(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

/* A task fails, another leaves dirt in the queue, and none of it is this session's. */
OVER_BOTH(stream_L7_nobody_else_is_to_blame)
{
    hark_stream a = HARK_STREAM_INIT, b = HARK_STREAM_INIT, c;

    open_contexts();
    hark_go(&group, leave_dirt, NULL);
    pair_in_memory(1);
    shake();
    CHECK_EQ(hark_stream_pair(&a, &b, 1000), 0);
    CHECK_EQ(hark_stream_write_full(&b, "this is not TLS at all", 22, NULL), 0);
    hark_go(&group, leave_dirt, NULL);
    CHECK_EQ(hark_tls_client(&c, asks, &a, "localhost"), -EPROTO);
    CHECK_HAS(hark_error_last(), "not TLS");
    hark_go(&group, leave_dirt, NULL);
    duplex(3000);
    CHECK_EQ(hark_stream_close(&b), 0);
    end_pair();
}

/* ---- L9: two at once ------------------------------------------------------------------------- */

static int write_and_say(void *s)
{
    kit_log("%s", outcome(hark_stream_write_full(s, large, sizeof large, NULL)));
    return 0;
}

INSIDE(stream_L9_two_tasks_in_one_direction_are_one_too_many)
{
    begin_options();
    begin_pair(10);
    hark_go(&group, read_and_say, &client);
    hark_go(&group, write_and_say, &client);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(read_one(&client), -EBUSY);
    CHECK_EQ(hark_stream_write(&client, "x", 1), -EBUSY);
    CHECK_EQ(hark_stream_half_close(&client), -EBUSY);
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_stream_close(&client), -EBADF);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF EBADF");
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

/* Closing while both wait, in a struct that is used anew at once. */
INSIDE(session_close_wakes_who_is_in_it)
{
    begin_options();
    begin_pair(10);
    hark_go(&group, read_and_say, &client);
    hark_go(&group, write_and_say, &client);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_stream_close(&client), 0);
    memset(&client, 0xa5, sizeof client);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF EBADF");
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

/* ---- misuse ---------------------------------------------------------------------------------- */

INSIDE(session_misuse_touches_nothing)
{
    char host[300] = {0};
    hark_stream closed = HARK_STREAM_INIT;

    begin_options();
    open_contexts();
    pair_in_memory(100);
    CHECK_MISUSE(hark_tls_client(NULL, asks, &near, "a"), -EINVAL, "hark_tls_client");
    CHECK_MISUSE(hark_tls_client(&client, NULL, &near, "a"), -EINVAL, "context");
    CHECK_MISUSE(hark_tls_client(&client, asks, NULL, "a"), -EINVAL, "stream");
    CHECK_MISUSE(hark_tls_client(&client, serves, &near, "a"), -EINVAL, "server");
    CHECK_MISUSE(hark_tls_server(&client, asks, &near), -EINVAL, "client");
    CHECK_MISUSE(hark_tls_client(&client, asks, &closed, "a"), -EINVAL, "closed");
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, ""), -EINVAL, "host");
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, NULL), -EINVAL, "host");
    memset(host, 'a', sizeof host - 1);
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, host), -EINVAL, "host");
    CHECK_MISUSE(hark_tls_connect(&client, asks, host, "1"), -EINVAL, "host");
    CHECK_MISUSE(hark_tls_connect(&client, serves, "a", "1"), -EINVAL, "context");
    const hark_task reader = hark_go(&group, read_one, &near);
    CHECK_EQ(hark_settle(), 0);
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, "a"), -EBUSY, "uses");
    hark_task_cancel(reader);
    CHECK_EQ(hark_settle(), 0);
    check_line(&near, &far, "untouched");
    CHECK_EQ(hark_stream_close(&near), 0);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

/* In a cancelled scope nothing of it is sent. */
INSIDE(session_cancelled_at_once)
{
    char byte;

    begin_options();
    open_contexts();
    pair_in_memory(1000);
    CHECK_EQ(hark_within(0, hark_tls_client(&client, asks, &near, "localhost")), -ETIMEDOUT);
    CHECK(!client.kind && !near.kind);
    CHECK_EQ(hark_stream_read(&far, &byte, 1), 0);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}
