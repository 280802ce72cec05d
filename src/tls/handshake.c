/* SPDX-License-Identifier: MIT
 *
 * handshake.c - how a session begins, and what was agreed on.
 *
 * Idea     OpenSSL takes a step as far as it can with the bytes that there are; then what it has
 *          said is sent, and what it wants is waited for; and so on until it is done. A step is
 *          pure computing, so it can be taken in a thread as well, which then reads the error queue
 *          itself (X1).
 * Rules    H1  The stream below is the session's from the first step on. Whatever goes wrong, it is
 *              closed, and nothing of the session is left.
 *          H2  A client's last words are waited for: the server cannot go on without them. A
 *              server's last words in TLS 1.3 (tickets) are not: the client may be writing, and
 *              nobody would read.
 *          H3  What came together with the end of the handshake is not lost: it stays in the ring.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

/* The largest record, what is said before it on OpenSSL's own account, and some more. */
enum { RING_OUT = 18 * 1024, RING_IN = 18 * 1024 };
#define LIMIT HARK_S(10)

/* ---- a session, not yet shaken --------------------------------------------------------------- */

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool expect_host(hark__tls_session *t)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(t->ssl);

    if (is_address(t->host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(wanted, t->host);
    }
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(wanted, t->host, 0) &&
           SSL_set_tlsext_host_name(t->ssl, t->host);
}

static bool prepare_client(hark__tls_session *t)
{
    SSL_SESSION *ticket = NULL;
    bool good = expect_host(t);

    if (good && !t->context->options.no_resumption) {
        ticket = hark__tls_ticket_take(t->context, t->host);
    }
    if (good && ticket) {
        good = SSL_set_session(t->ssl, ticket);
    }
    SSL_SESSION_free(ticket);
    SSL_set_connect_state(t->ssl);
    return good;
}

static bool prepare_server(hark__tls_session *t)
{
    SSL_set_accept_state(t->ssl);
    return hark__tls_seals_turn(&t->set->seals, hark_now()) == 0;
}

static bool prepare(hark__tls_session *t, const char *host)
{
    BIO *inside;

    t->ssl = SSL_new(t->set->first);
    if (!t->ssl || !BIO_new_bio_pair(&inside, RING_OUT, &t->wire, RING_IN)) {
        return false;
    }
    SSL_set_bio(t->ssl, inside, inside);
    SSL_set_app_data(t->ssl, t);
    if (!host) {
        return prepare_server(t);
    }
    const size_t length = strlen(host); /* the dot at the end of "example.org." is none of it */
    memcpy(t->host, host, length > 1 && host[length - 1] == '.' ? length - 1 : length);
    return prepare_client(t);
}

/* NULL: no memory. host NULL: a server's. */
static hark__tls_session *session_open(hark_tls_context *context, const char *host)
{
    hark__tls_session *t = OPENSSL_zalloc(sizeof *t);

    if (!t) {
        return NULL;
    }
    t->holds = 1;
    t->below = (hark_stream)HARK_STREAM_INIT;
    t->context = context;
    hark__tls_context_hold(context);
    t->set = hark__tls_set_hold(context);
    ERR_clear_error();
    if (!prepare(t, host)) {
        hark__tls_leave(t);
        return NULL;
    }
    return t;
}

/* ---- shaking hands --------------------------------------------------------------------------- */

static int take_step(void *session)
{
    hark__tls_session *t = session;

    ERR_clear_error();
    return (int)hark__tls_judge(t, SSL_do_handshake(t->ssl));
}

static int take_step_somewhere(hark__tls_session *t)
{
    return t->context->options.offload ? hark_thread_call(take_step, t) : take_step(t);
}

static int send_last_words(hark__tls_session *t)
{
    if (SSL_is_server(t->ssl) && SSL_version(t->ssl) >= TLS1_3_VERSION) { /* H2 */
        hark__tls_flush_now(t);
        return 0;
    }
    return hark__tls_flush(t);
}

static int shake(hark__tls_session *t, const char *call)
{
    for (;;) {
        const int step = take_step_somewhere(t);
        if (step < 0) {
            return step;
        }
        if (step == STEP_DONE) {
            return send_last_words(t);
        }
        if (step == STEP_END || step == STEP_FAILED) {
            hark__tls_flush_now(t); /* the alert */
            return hark_fail(t->broken ? t->broken : -EPROTO, "%s: %s%s%s", call, t->host,
                             t->host[0] ? ": " : "",
                             t->broken ? t->words : "the other side said goodbye at once");
        }
        int error = hark__tls_flush(t);
        if (!error && step == STEP_READ) {
            error = hark__tls_fill(t);
        }
        if (error) {
            return error;
        }
    }
}

/* A client that speaks protocols does not talk to a server that says nothing of them. */
static int check_protocol(hark__tls_session *t, const char *call)
{
    const unsigned char *protocol;
    unsigned size;

    SSL_get0_alpn_selected(t->ssl, &protocol, &size);
    memcpy(t->alpn, size ? protocol : (const unsigned char *)"", size);
    if (size == 0 && t->context->alpn && !t->context->options.alpn_optional) {
        return hark_fail(-EPROTONOSUPPORT, "%s: %s: the server chooses no protocol (ALPN)", call,
                         t->host);
    }
    return 0;
}

static int note_peer(hark__tls_session *t, const char *call)
{
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
    char *bytes;
    bool good = !certificate;

    if (text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                                   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        const long size = BIO_get_mem_data(text, &bytes);
        t->peer = OPENSSL_strndup(bytes ? bytes : "", (size_t)size);
        good = t->peer;
    }
    BIO_free(text);
    ERR_clear_error();
    return good ? 0 : hark_fail(-ENOMEM, "%s: no memory for a session", call);
}

static int shake_in_time(hark__tls_session *t, const char *call)
{
    const int64_t limit = t->context->options.handshake;
    hark_scope scope;
    int error = hark_scope_open(&scope, limit ? limit : LIMIT);

    if (error) {
        return error;
    }
    error = (int)hark_scope_close(&scope, shake(t, call));
    if (error == -ETIMEDOUT && hark_scope_caught(&scope)) {
        return hark_fail(-ETIMEDOUT, "%s: %s%sthe handshake took too long", call, t->host,
                         t->host[0] ? ": " : "");
    }
    error = error ? error : check_protocol(t, call);
    return error ? error : note_peer(t, call);
}

static int begin(hark_stream *s, hark_tls_context *context, hark_stream *below, const char *host,
                 const char *call)
{
    hark__tls_session *t = session_open(context, host);
    int error;

    if (!t) {
        hark_stream_close(below);
        return hark_fail(-ENOMEM, "%s: no memory for a session", call);
    }
    t->below = *below;
    *below = (hark_stream)HARK_STREAM_INIT;
    error = shake_in_time(t, call);
    error = error ? error : hark_stream_open_class(s, &hark__tls_kind, t);
    if (error) {
        hark__tls_end(t);
        return error;
    }
    t->shaken = true;
    return 0;
}

static int check_arguments(const hark_stream *s, const hark_tls_context *context,
                           const hark_stream *below, enum hark_tls_side side, const char *call)
{
    if (!s || !context || !below) {
        return hark_fail(-EINVAL, "%s: the %s is NULL", call, !context ? "context" : "stream");
    }
    if (context->side != side) {
        return hark_fail(-EINVAL, "%s: the context is a %s's", call,
                         side == HARK_TLS_CLIENT ? "server" : "client");
    }
    if (!below->kind) {
        return hark_fail(-EINVAL, "%s: the stream below is closed", call);
    }
    if (below->visits[0] || below->visits[1]) {
        return hark_fail(-EBUSY, "%s: a task uses the stream below", call);
    }
    if (!hark_self()) {
        return hark_fail(-ENOTSUP, "%s: not in a task", call);
    }
    return 0;
}

/* To OpenSSL a host that begins with a dot is any host below it. */
static int check_host(const char *host, const char *call)
{
    if (!host || !*host || *host == '.' || strlen(host) > HOST_MOST) {
        return hark_fail(-EINVAL, "%s: a host has 1 to %d characters, and does not begin with a dot",
                         call, HOST_MOST);
    }
    return 0;
}

int hark_tls_client(hark_stream *s, hark_tls_context *context, hark_stream *below, const char *host)
{
    static const char call[] = "hark_tls_client";
    int error = check_arguments(s, context, below, HARK_TLS_CLIENT, call);

    error = error ? error : check_host(host, call);
    return error ? error : begin(s, context, below, host, call);
}

int hark_tls_server(hark_stream *s, hark_tls_context *context, hark_stream *below)
{
    static const char call[] = "hark_tls_server";
    const int error = check_arguments(s, context, below, HARK_TLS_SERVER, call);

    return error ? error : begin(s, context, below, NULL, call);
}

int hark_tls_connect(hark_stream *s, hark_tls_context *context, const char *host, const char *port)
{
    static const char call[] = "hark_tls_connect";
    hark_stream below = HARK_STREAM_INIT;

    if (!s || !context || context->side != HARK_TLS_CLIENT) {
        return hark_fail(-EINVAL, "%s: the %s", call,
                         s ? "context is no client's" : "stream is NULL");
    }
    int error = check_host(host, call);
    error = error ? error : hark_stream_connect(&below, host, port);
    return error ? error : begin(s, context, &below, host, call);
}

/* ---- what was agreed on ---------------------------------------------------------------------- */

const char *hark_tls_alpn(const hark_stream *s)
{
    hark__tls_session *t = hark__tls_session_of(s);
    return t && t->alpn[0] ? t->alpn : NULL;
}

int hark_tls_version(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return !t ? 0 : SSL_version(t->ssl) == TLS1_3_VERSION ? HARK_TLS_1_3 : HARK_TLS_1_2;
}

const char *hark_tls_cipher(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return t ? SSL_CIPHER_get_name(SSL_get_current_cipher(t->ssl)) : NULL;
}

const char *hark_tls_sni(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return t ? SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

const char *hark_tls_peer_name(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return t ? t->peer : NULL;
}

bool hark_tls_resumed(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return t && SSL_session_reused(t->ssl);
}

struct ssl_st *hark_tls_openssl(const hark_stream *s)
{
    const hark__tls_session *t = hark__tls_session_of(s);
    return t ? t->ssl : NULL;
}
