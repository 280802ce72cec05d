/* SPDX-License-Identifier: MIT
 *
 * handshake_test.c - who may talk to whom: certificates, hosts, protocols, versions, clients that
 * are asked, tickets (L6, L10, L11).
 *
 * Rules    1  REFUSED says what is wrong with the server's certificate, and how it must end on the
 *             client's side. Everything else about it is right.
 */
#include "foreign.h"
#include "pair.h"

static void shake_over_memory(const char *host)
{
    pair_in_memory(1 << 14);
    shake_as(host);
}

static void check_good(void)
{
    CHECK_STR(said.client ? said.client_words : "", "");
    CHECK_STR(said.server ? said.server_words : "", "");
    check_line(&client, &server, "good");
    check_line(&server, &client, "good");
    close_both();
}

/* The client says no, with that code and those words; the server is told why. */
static void check_refused(int code, const char *words)
{
    CHECK_EQ(said.client, code);
    CHECK_HAS(said.client_words, words);
    CHECK(!client.kind && !near.kind && !far.kind);
    if (said.server == 0) { /* TLS 1.3: it was done before */
        char byte;
        said.server = (int)hark_stream_read(&server, &byte, 1);
        snprintf(said.server_words, sizeof said.server_words, "%s", hark_error_last());
        CHECK_EQ(hark_stream_close(&server), 0);
    }
    CHECK(said.server == -EACCES || said.server == -EPROTO || said.server == -EPROTONOSUPPORT);
    CHECK_HAS(said.server_words, "the other side");
}

/* ---- L6: bad certificates -------------------------------------------------------------------- */

static void serve_with(const struct cert_spec *spec)
{
    static char certificate[CERTS_PATH], key[CERTS_PATH];

    certs_make(spec);
    certs_keep(certificate, certs_pem(spec->name));
    certs_keep(key, certs_key(spec->name));
    serve.certificate = certificate;
    serve.key = key;
}

#define REFUSED(what, code, words, host, ...) \
    INSIDE(stream_L6_##what##_is_refused) \
    { \
        begin_options(); \
        serve_with(&(struct cert_spec){.name = #what, __VA_ARGS__}); \
        open_contexts(); \
        shake_over_memory(host); \
        check_refused(code, words); \
        CHECK_HAS(said.client_words, host); \
        CHECK_HAS(said.client_words, "the certificate of "); \
        close_contexts(); \
    } \
    INSIDE(stream_L6_##what##_is_refused_in_tls_1_2) \
    { \
        begin_options(); \
        ask.max_version = HARK_TLS_1_2; \
        serve_with(&(struct cert_spec){.name = #what, __VA_ARGS__}); \
        open_contexts(); \
        shake_over_memory(host); \
        check_refused(code, words); \
        close_contexts(); \
    }

REFUSED(expired, -EKEYEXPIRED, "expired", "localhost", .from = -7200, .to = -3600)
REFUSED(not_yet_valid, -EKEYREJECTED, "not yet valid", "localhost", .from = 3600, .to = 7200)
REFUSED(another_host, -EKEYREJECTED, "ostname mismatch", "example.org", .use = NULL)
REFUSED(another_address, -EKEYREJECTED, "IP address mismatch", "127.0.0.2", .use = NULL)
REFUSED(a_name_for_an_address, -EKEYREJECTED, "IP address mismatch", "10.0.0.1",
        .hosts = "DNS:10.0.0.1")
REFUSED(half_a_star, -EKEYREJECTED, "ostname mismatch", "www.example.org",
        .hosts = "DNS:w*.example.org")
REFUSED(two_labels_for_a_star, -EKEYREJECTED, "ostname mismatch", "a.b.example.org",
        .hosts = "DNS:*.example.org")
REFUSED(a_common_name, -EKEYREJECTED, "ostname mismatch", "a_common_name", .hosts = "IP:10.0.0.1")
REFUSED(self_signed, -ENOKEY, "self-signed", "localhost", .issuer = "self_signed")
REFUSED(wrong_use, -EKEYREJECTED, "purpose", "localhost", .use = "clientAuth")
REFUSED(no_authority, -EKEYREJECTED, "invalid CA", "localhost", .issuer = "server")

/* To OpenSSL ".org" is any host below it. */
INSIDE(stream_L6_a_host_that_begins_with_a_dot_is_no_host)
{
    begin_options();
    serve_with(&(struct cert_spec){.name = "below", .hosts = "DNS:www.example.org"});
    open_contexts();
    pair_in_memory(1000);
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, ".example.org"), -EINVAL, "hark_tls_client");
    CHECK_MISUSE(hark_tls_client(&client, asks, &near, ".org"), -EINVAL, "hark_tls_client");
    CHECK_MISUSE(hark_tls_connect(&client, asks, ".org", "443"), -EINVAL, "hark_tls_connect");
    CHECK_EQ(hark_stream_close(&near), 0);
    CHECK_EQ(hark_stream_close(&far), 0);
    close_contexts();
}

/* Whoever makes a certificate chooses its name, and words may stand in a log, a line each. */
INSIDE(stream_L6_words_of_a_strangers_name_are_one_line)
{
    begin_options();
    serve_with(&(struct cert_spec){.name = "ev\nil\033[31m"});
    open_contexts();
    shake_over_memory("example.org");
    CHECK_EQ(said.client, -EKEYREJECTED);
    CHECK_HAS(said.client_words, "the certificate of ev?il?[31m");
    close_contexts();
}

INSIDE(stream_L6_unknown_issuer_is_refused)
{
    begin_options();
    certs_make(&(struct cert_spec){.name = "other", .issuer = "other", .authority = true});
    serve_with(&(struct cert_spec){.name = "stranger", .issuer = "other"});
    unlink(certs_pem("stranger")); /* without the other root: it would say so itself */
    FILE *file = fopen(certs_pem("stranger"), "w");
    CHECK(PEM_write_X509(file, certs_find("stranger")->x509));
    fclose(file);
    open_contexts();
    shake_over_memory("localhost");
    check_refused(-ENOKEY, "unable to get local issuer");
    close_contexts();
}

INSIDE(stream_L6_unknown_root_in_the_chain_is_refused)
{
    begin_options();
    certs_make(&(struct cert_spec){.name = "other", .issuer = "other", .authority = true});
    serve_with(&(struct cert_spec){.name = "stranger", .issuer = "other"});
    open_contexts();
    shake_over_memory("localhost");
    check_refused(-ENOKEY, "self-signed certificate in certificate chain");
    close_contexts();
}

/* The system's trust does not know our authority. */
INSIDE(stream_L6_without_trust_the_systems_counts)
{
    begin_options();
    ask.trust = NULL;
    open_contexts();
    shake_over_memory("localhost");
    check_refused(-ENOKEY, "issuer");
    close_contexts();
}

/* We do not even load such keys, so the server is somebody else. */
static void refuse_weak(const struct cert_spec *spec, const char *words)
{
    begin_options();
    struct cert *cert = certs_make(spec);
    open_contexts();
    pair_in_memory(1 << 14);
    struct foreign foreign = {.s = &far};
    foreign_server(&foreign, cert, 0);
    hark_go(&group, foreign_shake, &foreign);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), -EKEYREJECTED);
    CHECK_HAS(hark_error_last(), words);
    CHECK_EQ(hark_settle(), 0);
    foreign_end(&foreign);
    close_contexts();
}

INSIDE(stream_L6_weak_key_is_refused)
{
    refuse_weak(&(struct cert_spec){.name = "weak", .rsa = 1024}, "key too weak");
}

INSIDE(stream_L6_weak_signature_is_refused)
{
    refuse_weak(&(struct cert_spec){.name = "sha1", .sha1 = true}, "digest algorithm too weak");
}

INSIDE(stream_L6_anyone_is_accepted_if_that_was_asked_for)
{
    begin_options();
    ask.trust = NULL;
    ask.insecure_accept_anyone = true;
    serve_with(&(struct cert_spec){.name = "expired", .from = -7200, .to = -3600});
    open_contexts();
    shake_over_memory("example.org");
    check_good();
    close_contexts();
}

INSIDE(handshake_accepts_what_is_good)
{
    begin_options();
    certs_make(&(struct cert_spec){.name = "middle", .authority = true});
    serve_with(&(struct cert_spec){
        .name = "leaf", .issuer = "middle", .hosts = "DNS:*.example.org,IP:::1,IP:10.0.0.1"});
    open_contexts();
    const char *const hosts[] = {"www.example.org", "WWW.Example.org.", "::1", "10.0.0.1"};
    for (int i = 0; i < 4; i++) {
        shake_over_memory(hosts[i]);
        CHECK_STR(hark_tls_sni(&server) ? hark_tls_sni(&server) : "none", i == 0 ? "www.example.org"
                                                                          : i == 1 ? "WWW.Example.org"
                                                                                   : "none");
        CHECK_STR(hark_tls_peer_name(&client), "CN=leaf");
        check_good();
    }
    close_contexts();
}

/* ---- L11: protocols, hosts, versions --------------------------------------------------------- */

static const char *const http[] = {"h2", "http/1.1", NULL}, *const old_http[] = {"http/1.1", NULL},
                         *const mail[] = {"imap", NULL};

static void with_protocols(const char *const *ours, const char *const *theirs, bool optional)
{
    begin_options();
    ask.alpn = ours;
    serve.alpn = theirs;
    ask.alpn_optional = serve.alpn_optional = optional;
    open_contexts();
    shake_over_memory("localhost");
}

INSIDE(stream_L11_a_protocol_is_agreed_on)
{
    with_protocols(old_http, http, false);
    CHECK_STR(hark_tls_alpn(&client), "http/1.1");
    CHECK_STR(hark_tls_alpn(&server), "http/1.1");
    check_good();
    close_contexts();
}

INSIDE(stream_L11_the_server_has_the_choice)
{
    static const char *const other_way[] = {"http/1.1", "h2", NULL};

    with_protocols(other_way, http, false);
    CHECK_STR(hark_tls_alpn(&client), "h2");
    CHECK_STR(hark_tls_alpn(&server), "h2");
    check_good();
    close_contexts();
}

static void check_no_protocol(void)
{
    CHECK_EQ(said.client, -EPROTONOSUPPORT);
    CHECK_HAS(said.client_words, "ALPN");
    CHECK_LT(said.server, 0);
    CHECK(!client.kind && !server.kind && !near.kind && !far.kind);
    close_contexts();
}

INSIDE(stream_L11_no_protocol_in_common)
{
    with_protocols(mail, http, false);
    CHECK_EQ(said.server, -EPROTONOSUPPORT);
    check_no_protocol();
}

INSIDE(stream_L11_no_protocol_in_common_though_optional)
{
    with_protocols(mail, http, true);
    CHECK_EQ(said.server, -EPROTONOSUPPORT);
    check_no_protocol();
}

INSIDE(stream_L11_a_server_without_protocols)
{
    with_protocols(http, NULL, false);
    CHECK_EQ(said.client, -EPROTONOSUPPORT);
    CHECK_HAS(said.client_words, "ALPN");
    CHECK(!client.kind);
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

INSIDE(stream_L11_a_client_without_protocols)
{
    with_protocols(NULL, http, false);
    CHECK_EQ(said.server, -EPROTONOSUPPORT);
    CHECK_HAS(said.server_words, "names no protocol");
    CHECK_EQ(said.client, -EPROTONOSUPPORT);
    close_contexts();
}

INSIDE(stream_L11_optional_protocols)
{
    with_protocols(NULL, http, true);
    CHECK(!hark_tls_alpn(&server));
    check_good();
    close_contexts();
    with_protocols(http, NULL, true);
    CHECK(!hark_tls_alpn(&client));
    check_good();
    close_contexts();
}

static void check_host(const char *host, const char *certificate)
{
    shake_over_memory(host);
    CHECK_EQ(said.client, 0);
    CHECK_EQ(said.server, 0);
    CHECK_STR(hark_tls_peer_name(&client), certificate);
    close_both();
}

static void add_host(const char *pattern, const char *name, const char *hosts)
{
    certs_make(&(struct cert_spec){.name = name, .hosts = hosts});
    CHECK_EQ(hark_tls_context_add(serves, pattern, certs_pem(name), certs_key(name)), 0);
}

INSIDE(stream_L11_each_host_has_its_certificate)
{
    begin_options();
    open_contexts();
    add_host("*.example.org", "star", "DNS:*.example.org");
    add_host("www.example.org", "www", "DNS:www.example.org");
    check_host("www.example.org", "CN=www");
    check_host("WWW.example.ORG", "CN=www");
    check_host("mail.example.org", "CN=star");
    check_host("localhost", "CN=server");
    check_host("127.0.0.1", "CN=server");
    add_host("WWW.example.org", "newer", "DNS:www.example.org");
    check_host("www.example.org", "CN=newer");
    close_contexts();
}

INSIDE(stream_L11_a_host_without_certificate_is_refused)
{
    static const char *const hosts[] = {"example.org", "a.b.example.org"};

    begin_options();
    open_contexts();
    add_host("*.example.org", "star", "DNS:*.example.org");
    for (int i = 0; i < 2; i++) {
        shake_over_memory(hosts[i]);
        CHECK_EQ(said.client, -ENOKEY);
        CHECK_HAS(said.client_words, "no certificate for that host");
        CHECK_EQ(said.server, -ENOKEY);
    }
    close_contexts();
}

INSIDE(stream_L11_no_version_in_common)
{
    begin_options();
    ask.max_version = HARK_TLS_1_2;
    serve.min_version = HARK_TLS_1_3;
    open_contexts();
    shake_over_memory("localhost");
    CHECK_EQ(said.client, -EPROTONOSUPPORT);
    CHECK_EQ(said.server, -EPROTONOSUPPORT);
    CHECK_HAS(said.server_words, "no version");
    close_contexts();
}

/* ---- clients that are asked ------------------------------------------------------------------ */

static void ask_clients(const char *name, const char *use)
{
    static char certificate[CERTS_PATH], key[CERTS_PATH];

    begin_options();
    serve.ask_client = true;
    serve.trust = ask.trust;
    if (name) {
        certs_make(&(struct cert_spec){.name = name, .use = use});
        certs_keep(certificate, certs_pem(name));
        certs_keep(key, certs_key(name));
        ask.certificate = certificate;
        ask.key = key;
    }
}

INSIDE(handshake_client_shows_its_certificate)
{
    for (int version = HARK_TLS_1_2; version <= HARK_TLS_1_3; version++) {
        ask_clients("alice", "clientAuth");
        ask.max_version = version;
        open_contexts();
        shake_over_memory("localhost");
        CHECK_STR(hark_tls_peer_name(&server), "CN=alice");
        check_good();
        shake_over_memory("localhost");
        CHECK(hark_tls_resumed(&server));
        CHECK_STR(hark_tls_peer_name(&server), "CN=alice");
        check_good();
        close_contexts();
    }
}

static void check_client_refused(int code, const char *words)
{
    char byte;

    open_contexts();
    shake_over_memory("localhost");
    CHECK_EQ(said.server, code);
    CHECK_HAS(said.server_words, words);
    if (said.client == 0) { /* TLS 1.3: it learns so later */
        CHECK_EQ(hark_stream_read(&client, &byte, 1), -EACCES);
        CHECK_EQ(hark_stream_close(&client), 0);
    } else {
        CHECK_EQ(said.client, -EACCES);
    }
    close_contexts();
}

INSIDE(stream_L6_client_without_a_certificate_is_refused)
{
    for (int version = HARK_TLS_1_2; version <= HARK_TLS_1_3; version++) {
        ask_clients(NULL, NULL);
        ask.max_version = version;
        check_client_refused(-ENOKEY, "no certificate");
    }
}

INSIDE(stream_L6_client_with_a_servers_certificate_is_refused)
{
    ask_clients("alice", "serverAuth");
    check_client_refused(-EKEYREJECTED, "purpose");
    ask_clients("alice", "serverAuth");
    ask.max_version = HARK_TLS_1_2;
    check_client_refused(-EKEYREJECTED, "purpose");
}

/* ---- tickets --------------------------------------------------------------------------------- */

/* One session, with an answer, so that the tickets have come. */
static bool session_is_resumed(void)
{
    shake_over_memory("localhost");
    CHECK_EQ(said.client, 0);
    CHECK_EQ(said.server, 0);
    const bool resumed = hark_tls_resumed(&client);
    CHECK_EQ(hark_tls_resumed(&server), resumed);
    check_good();
    return resumed;
}

static void check_tickets(void)
{
    open_contexts();
    CHECK(!session_is_resumed());
    CHECK(session_is_resumed());
    CHECK(session_is_resumed());
    /* Another host's ticket is not this one's. */
    shake_over_memory("127.0.0.1");
    CHECK(!hark_tls_resumed(&client));
    check_good();
    /* What was read anew resumes nothing from before. */
    CHECK_EQ(hark_tls_context_reload(serves), 0);
    CHECK(!session_is_resumed());
    CHECK(session_is_resumed());
    CHECK_EQ(hark_tls_context_reload(asks), 0);
    CHECK(!session_is_resumed());
    close_contexts();
}

INSIDE(handshake_resumes_in_tls_1_3)
{
    begin_options();
    check_tickets();
}

INSIDE(handshake_resumes_in_tls_1_2)
{
    begin_options();
    ask.max_version = HARK_TLS_1_2;
    check_tickets();
}

/* In TLS 1.3 a ticket is offered once: whoever comes before the next one has come begins anew. */
INSIDE(handshake_offers_a_ticket_once)
{
    begin_options();
    open_contexts();
    CHECK(!session_is_resumed());
    shake_over_memory("localhost");
    CHECK(hark_tls_resumed(&client));
    close_both(); /* nothing was read, so no ticket has come */
    CHECK(!session_is_resumed());
    CHECK(session_is_resumed());
    close_contexts();
}

/* A session that was cut off can be resumed all the same. */
INSIDE(handshake_resumes_what_was_cut)
{
    begin_options();
    open_contexts();
    shake_over_memory("localhost");
    check_line(&server, &client, "and a ticket");
    while (hark_within(1, hark_stream_write(&server, "xxx", 3)) > 0) {} /* no room for a goodbye */
    CHECK_EQ(hark_stream_close(&server), 0);
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK(session_is_resumed());
    close_contexts();
}

INSIDE(handshake_resumes_nothing_if_so_told)
{
    begin_options();
    serve.no_resumption = true;
    open_contexts();
    CHECK(!session_is_resumed());
    CHECK(!session_is_resumed());
    close_contexts();
    begin_options();
    ask.no_resumption = true;
    open_contexts();
    CHECK(!session_is_resumed());
    CHECK(!session_is_resumed());
    close_contexts();
}

/* Half a day later the tickets are sealed with new keys, and the old ones still open; a day and a
 * half later they do not. */
INSIDE(handshake_seals_are_made_anew)
{
    begin_options();
    ask.max_version = HARK_TLS_1_2; /* where a ticket is used again */
    open_contexts();
    CHECK(!session_is_resumed());
    CHECK_EQ(hark_sleep(13 * 3600 * HARK_S(1)), 0);
    CHECK(session_is_resumed());
    close_contexts();
    begin_options();
    open_contexts();
    CHECK(!session_is_resumed());
    shake_over_memory("127.0.0.1");
    check_good();
    for (int i = 0; i < 2; i++) { /* others come, so that there are new keys, twice */
        CHECK_EQ(hark_sleep(13 * 3600 * HARK_S(1)), 0);
        shake_over_memory("127.0.0.1");
        check_good();
    }
    CHECK(!session_is_resumed());
    close_contexts();
}

/* Tickets of more hosts than are kept. */
INSIDE(stream_L10_tickets_are_bounded)
{
    char host[32];

    begin_options();
    serve_with(&(struct cert_spec){.name = "star", .hosts = "DNS:*.example.org"});
    open_contexts();
    for (int i = 0; i < 40; i++) {
        snprintf(host, sizeof host, "h%d.example.org", i);
        shake_over_memory(host);
        check_good();
    }
    for (int i = 39; i >= 0; i -= 39) {
        snprintf(host, sizeof host, "h%d.example.org", i);
        shake_over_memory(host);
        CHECK_EQ(hark_tls_resumed(&client), i == 39);
        check_good();
    }
    close_contexts();
}

/* ---- L10: floods ----------------------------------------------------------------------------- */

/* A server that sends tickets for ever: each takes the place of the one before. */
INSIDE(stream_L10_a_flood_of_tickets)
{
    struct foreign foreign = {.s = &far};
    char byte;

    begin_options();
    open_contexts();
    pair_in_memory(1 << 14);
    foreign_server(&foreign, certs_find("server"), 2);
    hark_go(&group, foreign_shake, &foreign);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), 0);
    hark_go(&group, foreign_tickets, &foreign);
    CHECK_EQ(hark_stream_read(&client, &byte, 1), 1);
    CHECK_EQ(hark_stream_close(&client), 0);
    foreign_end(&foreign);
    close_contexts();
}

INSIDE(stream_L10_a_flood_of_certificates)
{
    struct foreign foreign = {.s = &far};

    begin_options();
    open_contexts();
    pair_in_memory(1 << 14);
    foreign_server(&foreign, certs_find("server"), 2);
    for (int i = 0; i < 500; i++) {
        CHECK(SSL_add1_chain_cert(foreign.ssl, certs_find("root")->x509));
    }
    hark_go(&group, foreign_shake, &foreign);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), -EPROTO);
    CHECK_HAS(hark_error_last(), "excessive");
    CHECK_EQ(hark_settle(), 0);
    foreign_end(&foreign);
    close_contexts();
}

static int flood_with(hark_stream *s, const unsigned char *record, size_t size, int count)
{
    int i = 0;

    while (i < count && hark_stream_write_full(s, record, size, NULL) == 0) {
        i++;
    }
    return i;
}

static int flood_with_ccs(void *arg)
{
    static const unsigned char record[] = {0x14, 3, 3, 0, 1, 1};

    *(int *)arg = flood_with(&near, record, sizeof record, 100000);
    hark_stream_close(&near);
    return 0;
}

INSIDE(stream_L10_a_flood_of_changes)
{
    int count = 0;

    begin_options();
    open_contexts();
    pair_in_memory(100);
    hark_go(&group, flood_with_ccs, &count);
    CHECK_EQ(hark_tls_server(&server, serves, &far), -EPROTO);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LT(count, 5000);
    close_contexts();
}

static int write_40000(void *arg)
{
    static char bytes[40000];

    (void)arg;
    kit_log("%s", outcome(hark_stream_write_full(&client, bytes, sizeof bytes, NULL)));
    return 0;
}

static int read_until_it_ends(void *arg)
{
    char byte;

    (void)arg;
    kit_log("%s", outcome(hark_stream_read(&client, &byte, 1)));
    return 0;
}

/* The records that come, whole ones only; how many. */
static int count_records(hark_stream *s, int most)
{
    unsigned char bytes[20000];
    int count = 0;

    for (; count < most; count++) {
        CHECK_EQ(hark_stream_read_full(s, bytes, 5, NULL), 0);
        if (bytes[0] != 0x15 && bytes[0] != 0x17) {
            fprintf(stderr, "record %d begins with %02x %02x %02x %02x %02x\n", count, bytes[0],
                    bytes[1], bytes[2], bytes[3], bytes[4]);
        }
        CHECK(bytes[0] == 0x15 || bytes[0] == 0x17);
        CHECK_EQ(bytes[1] * 256 + bytes[2], 0x303);
        CHECK_EQ(hark_stream_read_full(s, bytes, (size_t)(bytes[3] * 256 + bytes[4]), NULL), 0);
    }
    return count;
}

/* Requests that must be answered while the writer is clogged, more than there is room for: who reads
 * must wait for the writer's turn, and no record is torn. */
INSIDE(stream_L2_answers_while_the_writer_is_clogged)
{
    struct foreign foreign = {.s = &far};

    begin_options();
    ask.max_version = HARK_TLS_1_2;
    open_contexts();
    pair_in_memory(1 << 14);
    foreign_server(&foreign, certs_find("server"), 2);
    hark_go(&group, foreign_shake, &foreign);
    CHECK_EQ(hark_tls_client(&client, asks, &near, "localhost"), 0);
    CHECK_EQ(hark_settle(), 0);
    hark_go(&group, write_40000, NULL);
    hark_go(&group, read_until_it_ends, NULL);
    CHECK_EQ(hark_settle(), 0);
    for (int i = 0; i < 700; i++) {
        CHECK(SSL_renegotiate(foreign.ssl));
        CHECK_EQ(SSL_do_handshake(foreign.ssl), 1);
        CHECK_EQ(foreign_send(&foreign), 0);
        CHECK_EQ(hark_settle(), 0);
    }
    CHECK_EQ(count_records(&far, 3 + 700), 703);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("ok");
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("EBADF");
    foreign_end(&foreign);
    close_contexts();
}

/* ---- in a thread ----------------------------------------------------------------------------- */

INSIDE_REAL(handshake_in_threads)
{
    begin_options();
    ask.offload = serve.offload = true;
    open_contexts();
    shake_over_memory("localhost");
    check_good();
    shake_over_memory("localhost");
    CHECK(hark_tls_resumed(&client));
    check_good();
    shake_over_memory("example.org");
    CHECK_EQ(said.client, -EKEYREJECTED);
    CHECK_HAS(said.client_words, "ostname mismatch");
    if (server.kind) {
        CHECK_EQ(hark_stream_close(&server), 0);
    }
    close_contexts();
}

/* ---- the stack ------------------------------------------------------------------------------- */

static int shake_client(void *arg)
{
    (void)arg;
    said.client = hark_tls_client(&client, asks, &near, "localhost");
    return 0;
}

/* Half of what tasks have by default. */
INSIDE(handshake_takes_little_of_the_stack)
{
    hark_group small;

    if (kit_slow() > 1) {
        SKIP("a sanitizer's frames are larger");
    }
    begin_options();
    serve_with(&(struct cert_spec){.name = "rsa", .rsa = 2048});
    open_contexts();
    pair_in_memory(1 << 14);
    CHECK_EQ(hark_group_open(&small), 0);
    CHECK_EQ(hark_group_stack(&small, 32 * 1024), 0);
    hark_go(&small, shake_client, NULL);
    hark_go(&small, shake_server, NULL);
    CHECK_EQ(hark_group_close(&small, 0), 0);
    CHECK_EQ(said.client, 0);
    CHECK_EQ(said.server, 0);
    check_good();
    close_contexts();
}
