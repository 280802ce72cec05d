/* SPDX-License-Identifier: MIT
 *
 * words.c - what OpenSSL means, as a code and words.
 *
 * Idea     The first entry that TLS itself has made is the cause; what stands before it is too
 *          close to the iron, what comes later has passed it on. A table turns the reasons that a
 *          user can do something about into codes; all others are -EPROTO, in OpenSSL's own words.
 * Rules    W1  The queue is empty afterwards.
 *          W2  Out of memory wins, wherever in the queue it stands. Nothing in the queue means that
 *              too: there was no memory for the entry.
 */
#include "tls.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>

struct meaning {
    int reason, code;
    const char *text; /* NULL: OpenSSL's own */
};

static const struct meaning reasons[] = {
    {SSL_R_HTTP_REQUEST, -EPROTO, "what came is plain HTTP, not TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, -EPROTO, "what came is plain HTTP, not TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, -EPROTO, "what came is not TLS"},
    {SSL_R_NO_APPLICATION_PROTOCOL, -EPROTONOSUPPORT, "no protocol in common (ALPN)"},
    {SSL_R_NO_SHARED_CIPHER, -EPROTONOSUPPORT, "no cipher in common"},
    {SSL_R_UNSUPPORTED_PROTOCOL, -EPROTONOSUPPORT, "no version of TLS in common"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, -EPROTONOSUPPORT, "no version of TLS is allowed"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, -EPROTONOSUPPORT, "no group in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, -EPROTONOSUPPORT, "no signature algorithm in common"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, -ENOKEY, "the client has shown no certificate"},
    /* What the other side has told us. */
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, -EPROTONOSUPPORT,
     "the other side finds nothing in common (handshake failure)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, -EPROTONOSUPPORT,
     "the other side does not speak our versions of TLS"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, -EPROTONOSUPPORT,
     "the other side wants stronger ciphers"},
    {SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL, -EPROTONOSUPPORT,
     "the other side speaks none of our protocols (ALPN)"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, -ENOKEY, "the server has no certificate for that host"},
    {SSL_R_SSLV3_ALERT_NO_CERTIFICATE, -EACCES, "the other side wants a certificate of us"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, -EACCES, "the other side wants a certificate of us"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, -EACCES,
     "the other side refused our certificate: it does not know the issuer"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, -EACCES, "the other side refused our certificate: bad"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, -EACCES,
     "the other side refused our certificate: of no use for this"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, -EACCES,
     "the other side refused our certificate: revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, -EACCES,
     "the other side refused our certificate: expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, -EACCES, "the other side refused our certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, -EACCES, "the other side refused us: access denied"},
    /* Of our own files. */
    {SSL_R_EE_KEY_TOO_SMALL, -EKEYREJECTED, "the key is too weak"},
    {SSL_R_CA_KEY_TOO_SMALL, -EKEYREJECTED, "the issuer's key is too weak"},
    {SSL_R_CA_MD_TOO_WEAK, -EKEYREJECTED, "the signature is too weak"},
};

static const struct meaning verdicts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, -EKEYEXPIRED, NULL},
    {X509_V_ERR_CERT_REVOKED, -EKEYREVOKED, NULL},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, -ENOKEY, NULL},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, -ENOKEY, NULL},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, -ENOKEY, NULL},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, -ENOKEY, NULL},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, -ENOKEY, NULL},
    {X509_V_ERR_CERT_UNTRUSTED, -ENOKEY, NULL},
    {X509_V_ERR_OUT_OF_MEM, -ENOMEM, NULL},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct meaning *find(const struct meaning *table, size_t count, int reason)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].reason == reason) {
            return &table[i];
        }
    }
    return NULL;
}

/* The first entry of TLS itself, or else the first; or one that says there was no memory. 0: there
 * is none. */
static unsigned long take_cause(void)
{
    unsigned long cause = ERR_peek_error(), next;
    bool found = false;

    while ((next = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(next) == ERR_R_MALLOC_FAILURE) {
            cause = next;
            found = true;
        } else if (!found && ERR_GET_LIB(next) == ERR_LIB_SSL) {
            cause = next;
            found = true;
        }
    }
    return cause;
}

static int bad_certificate(SSL *ssl, char text[WORDS_MOST])
{
    const hark__tls_session *t = SSL_get_app_data(ssl);
    const int verdict = (int)SSL_get_verify_result(ssl);
    const struct meaning *meaning = find(verdicts, COUNT(verdicts), verdict);

    snprintf(text, WORDS_MOST, "the certificate%s%s: %s", t->who[0] ? " of " : "", t->who,
             X509_verify_cert_error_string(verdict));
    return meaning ? meaning->code : -EKEYREJECTED;
}

/* TLS 1.2 has no alert of its own for "you have shown no certificate". */
static bool missed_ours(const SSL *ssl, int reason)
{
    return reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && !SSL_is_server(ssl) &&
           SSL_get0_peer_CA_list(ssl) && !SSL_get_certificate(ssl);
}

int hark__tls_verdict(SSL *ssl, char text[WORDS_MOST])
{
    const unsigned long cause = take_cause();
    const int reason = ERR_GET_REASON(cause);
    const bool ours = ERR_GET_LIB(cause) == ERR_LIB_SSL;
    const struct meaning *meaning = ours ? find(reasons, COUNT(reasons), reason) : NULL;
    const char *own = ERR_reason_error_string(cause);

    if (cause == 0 || reason == ERR_R_MALLOC_FAILURE) {
        snprintf(text, WORDS_MOST, "no memory");
        return -ENOMEM;
    }
    if (ours && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return bad_certificate(ssl, text);
    }
    if (ours && missed_ours(ssl, reason)) {
        meaning = find(reasons, COUNT(reasons), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
    }
    if (meaning) {
        snprintf(text, WORDS_MOST, "%s", meaning->text);
        return meaning->code;
    }
    snprintf(text, WORDS_MOST, "%s%s",
             ours && reason >= SSL_AD_REASON_OFFSET ? "the other side broke off: " : "",
             own ? own : "something in OpenSSL");
    return -EPROTO;
}

int hark__tls_file_verdict(const char *what, const char *path)
{
    const unsigned long cause = take_cause();
    const int reason = ERR_GET_REASON(cause);
    const struct meaning *meaning = find(reasons, COUNT(reasons), reason);
    const char *own = ERR_reason_error_string(cause);

    if (cause == 0 || reason == ERR_R_MALLOC_FAILURE) {
        return hark_fail(-ENOMEM, "no memory to read %s \"%s\"", what, path);
    }
    if (ERR_SYSTEM_ERROR(cause)) {
        return hark_fail(-reason, "%s \"%s\": %s", what, path, strerrordesc_np(reason));
    }
    if (ERR_GET_LIB(cause) == ERR_LIB_SSL && meaning) {
        return hark_fail(meaning->code, "%s \"%s\": %s", what, path, meaning->text);
    }
    if (ERR_GET_LIB(cause) == ERR_LIB_X509 && reason == X509_R_KEY_VALUES_MISMATCH) {
        return hark_fail(-EKEYREJECTED, "%s \"%s\" is the key of another certificate", what, path);
    }
    return hark_fail(-EBADMSG, "%s \"%s\" cannot be read as PEM: %s", what, path,
                     own ? own : "for no given reason");
}
