/* SPDX-License-Identifier: MIT
 *
 * hark/tls.h - TLS 1.2 and 1.3 over any stream. Not part of hark.h: link with -lhark-tls.
 *
 *     hark_tls_context *trust;              what all connections have in common: made once
 *     hark_tls_context_open(&trust, HARK_TLS_CLIENT, NULL);
 *
 *     hark_stream s;                        one connection: a stream like any other
 *     hark_tls_connect(&s, trust, "example.org", "443");
 *
 * What holds unless somebody says otherwise: a client checks the chain of the certificate, its
 * dates, its use and the host's name. No compression, no renegotiation, no early data; forward
 * secrecy and authenticated ciphers only; keys of 112 bits of security at least.
 *
 * A session is a stream of its own kind, so everything of hark/stream.h works on it. What is
 * different:
 *
 *   The end      of what the other side says is 0 only if it said so (close_notify). If the
 *                connection just ends, a read says -ENOLINK, and nothing else does: whoever cut the
 *                wire may have cut the text. Writing may go on.
 *   Cancelled    A write that was cancelled before it began sent nothing. One that is cut short
 *                later counts as done: it returns its count, the rest of the record is kept, and is
 *                sent before anything else is: by the loop when there is room; over what has no
 *                descriptor by the next write, read, half-close or close. So records are never
 *                torn, and the session stays usable.
 *   Half-close   sends close_notify; reading goes on. The stream below is not half-closed.
 *   Close        sends close_notify if there is room for it at once. It never waits for room; over
 *                what has no descriptor it may let the others run once.
 *   Stack        A handshake takes some 15 KiB of the task's stack: the default of 64 KiB will do.
 *
 * Codes besides those of streams:
 *
 *   -ENOLINK          the connection ended without a word
 *   -EKEYEXPIRED      the certificate has expired
 *   -EKEYREVOKED      it was revoked
 *   -ENOKEY           nobody who is trusted vouches for it: its issuer is unknown, it is
 *                     self-signed, or there is none
 *   -EKEYREJECTED     it is not good: not yet valid, another host's, for another use, too weak, ...
 *   -EACCES           the other side refused our certificate, or missed one
 *   -EPROTONOSUPPORT  nothing in common: no protocol (ALPN), no version of TLS, no cipher
 *   -EPROTO           what came is not TLS, or was tampered with; or the other side broke off
 *
 * The words say which certificate, whose, and why.
 */
#ifndef HARK_TLS_H
#define HARK_TLS_H

#include <hark/base.h>
#include <hark/stream.h>

HARK_BEGIN

/* Certificates, trust, protocols: shared by any number of sessions, of all loops and threads. */
typedef struct hark_tls_context hark_tls_context;

enum hark_tls_side { HARK_TLS_CLIENT = 1, HARK_TLS_SERVER = 2 };
enum hark_tls_version_number { HARK_TLS_1_2 = 12, HARK_TLS_1_3 = 13 };

/* All zero, but for `size`, is a client's default; a server needs a certificate and its key. */
typedef struct hark_tls_options {
    size_t size;             /* sizeof(hark_tls_options) */
    const char *certificate; /* PEM file: ours first, then the chain up to the root's child. A
                              * client's own is shown to servers that ask */
    const char *key;         /* PEM file; it must not be readable by everybody */
    const char *trust;       /* PEM file, or folder with hashed names, of whom we trust as issuers.
                              * NULL: a client trusts whom the system trusts, a server nobody */
    /* Protocols that may be spoken, best first: {"h2", "http/1.1", NULL}. A session gets one of
     * them or fails. */
    const char *const *alpn;
    bool alpn_optional; /* the other side may know nothing of ALPN: hark_tls_alpn then says NULL */
    bool ask_client;    /* server: a client without a certificate that `trust` vouches for fails */
    /* The steps of handshakes run in threads (hark_thread_call): for keys that take long, where one
     * loop serves many. */
    bool offload;
    bool no_resumption; /* no tickets: every handshake is a whole one */
    /* Client: do not look at the certificate at all. Whoever stands in between reads and changes
     * everything. */
    bool insecure_accept_anyone;
    int min_version;   /* 0: HARK_TLS_1_2 */
    int max_version;   /* 0: the newest there is */
    int64_t handshake; /* at most so long, in ns, besides the scopes' deadlines; 0: 10 s */
} hark_tls_options;

/* ---- contexts -------------------------------------------------------------------------------- */

/* hark_tls_context_open - read the files, and make a context of them. options NULL: a client's
 * default.
 *
 * In a task the files are read in a thread, and it is a checkpoint; anywhere else it blocks.
 * Returns 0; -ENOENT and what else opening a file says; -EPERM (the key can be read or written by
 * everybody: chmod 600); -EBADMSG (a file holds no PEM, no certificate, no key, or one with a
 * passphrase); -EKEYREJECTED (key and certificate do not belong together, or are too weak);
 * -EINVAL (options; a server without certificate; ask_client without trust); -ENOMEM;
 * -ECANCELED. */
HARK_API int hark_tls_context_open(hark_tls_context **context, enum hark_tls_side side,
                                   const hark_tls_options *options);

/* hark_tls_context_add - another certificate of a server, for clients that ask for a host (SNI)
 * that `pattern` fits: "example.org", or "*.example.org" for one label more.
 *
 * From then on a client that asks for a host that no certificate of the context is for is refused;
 * who names no host gets the first certificate. The same pattern again replaces. Blocks and returns
 * as hark_tls_context_open. */
HARK_API int hark_tls_context_add(hark_tls_context *context, const char *pattern,
                                  const char *certificate, const char *key);

/* hark_tls_context_reload - read all files anew. Sessions that begin from now on use what was read;
 * others go on as they are, and nobody resumes what was before.
 *
 * If anything is wrong, everything stays as it was. Blocks and returns as hark_tls_context_open. */
HARK_API int hark_tls_context_reload(hark_tls_context *context);

/* hark_tls_context_close - the context ends with its last session. NULL is fine. Never blocks. */
HARK_API void hark_tls_context_close(hark_tls_context *context);

/* ---- sessions -------------------------------------------------------------------------------- */

/* hark_tls_client - shake hands, as a client, over the stream `below`; s becomes the session.
 *
 * `below` is taken over and left closed; if the handshake fails, it is closed for good. s may be
 * the same as below. host: whose certificate it must be, a name or an IP address (by its
 * subjectAltName: a subject's common name is nobody's host); sent along as SNI if it is a name. An earlier session with that host is resumed if both sides still know it.
 *
 * Blocks: a checkpoint, under the scopes' deadlines. Returns 0; the codes above; -ETIMEDOUT (the
 * context's own limit has passed); -ECANCELED; what reading and writing `below` say; -ENOMEM. With
 * -EINVAL (NULL, a server's context, `below` is closed, a host of no or more than 253 characters, or
 * one that begins with a dot), -EBUSY (somebody uses `below`) and -ENOTSUP (outside a task) nothing was touched.
 *
 * In TLS 1.3 the client is done before the server has looked at the client's certificate: that it
 * was refused shows at the first read, -EACCES. */
HARK_API int hark_tls_client(hark_stream *s, hark_tls_context *context, hark_stream *below,
                             const char *host);

/* hark_tls_server - shake hands, as a server. Otherwise as hark_tls_client. A client that does not
 * keep to the rules is this session's failure only: go on accepting. */
HARK_API int hark_tls_server(hark_stream *s, hark_tls_context *context, hark_stream *below);

/* hark_tls_connect - hark_stream_connect, then hark_tls_client. Returns what they say. */
HARK_API int hark_tls_connect(hark_stream *s, hark_tls_context *context, const char *host,
                              const char *port);

/* ---- what was agreed on ------------------------------------------------------------------------
 *
 * Texts are valid until the stream is closed. NULL, 0 or false also if s is no open TLS session.
 * They never block. */

/* hark_tls_alpn - the protocol; NULL: none was agreed on. */
HARK_API const char *hark_tls_alpn(const hark_stream *s);

/* hark_tls_version - HARK_TLS_1_2 or HARK_TLS_1_3. */
HARK_API int hark_tls_version(const hark_stream *s);

/* hark_tls_cipher - its name, such as "TLS_AES_256_GCM_SHA384". */
HARK_API const char *hark_tls_cipher(const hark_stream *s);

/* hark_tls_sni - the host that the client asked for; NULL: none. */
HARK_API const char *hark_tls_sni(const hark_stream *s);

/* hark_tls_peer_name - the subject of the other side's certificate, as RFC 2253 writes it:
 * "CN=example.org,O=Example". NULL: it has shown none. It was checked, unless
 * insecure_accept_anyone. */
HARK_API const char *hark_tls_peer_name(const hark_stream *s);

/* hark_tls_resumed - did the handshake resume an earlier session? */
HARK_API bool hark_tls_resumed(const hark_stream *s);

/* hark_tls_openssl - OpenSSL's own object, to ask it what is not here. Do not read, write or shut
 * down by it. */
struct ssl_st;
HARK_API struct ssl_st *hark_tls_openssl(const hark_stream *s);

HARK_END
#endif
