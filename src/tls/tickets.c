/* SPDX-License-Identifier: MIT
 *
 * tickets.c - what servers seal their tickets with, and what clients keep of them.
 *
 * Idea     A server keeps nothing of a session: it hands the client all that it needs to go on,
 *          sealed with keys of its own (a ticket). Whoever gets hold of these keys can read what
 *          was said in sessions that were resumed, so they are made anew every half day and
 *          forgotten after two. A client keeps the latest ticket of each host.
 * Rules    T1  Seals belong to a set of certificates: with new certificates nobody resumes what was
 *              agreed on under the old ones.
 *          T2  In TLS 1.3 a ticket is offered once: two connections with the same one could be told
 *              to be the same client's by whoever listens.
 *          T3  What is kept is a copy. OpenSSL marks its own as not to be resumed, when the session
 *              has no proper end.
 *          T4  A client keeps tickets of TICKETS hosts; the one not used for longest goes first.
 */
#include "tls.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

enum { IV_SIZE = 16 }; /* of AES in CBC mode */
#define SEAL_AGE (12 * 3600 * HARK_S(1))

/* ---- seals ----------------------------------------------------------------------------------- */

void hark__tls_seals_open(struct hark__tls_seals *seals)
{
    pthread_mutex_init(&seals->lock, NULL);
}

void hark__tls_seals_close(struct hark__tls_seals *seals)
{
    pthread_mutex_destroy(&seals->lock);
    OPENSSL_cleanse(&seals->now, sizeof seals->now);
    OPENSSL_cleanse(&seals->before, sizeof seals->before);
}

static bool make_seal(struct hark__tls_seal *seal)
{
    seal->there = RAND_bytes(seal->name, sizeof seal->name) > 0 &&
                  RAND_priv_bytes(seal->cipher, sizeof seal->cipher) > 0 &&
                  RAND_priv_bytes(seal->mac, sizeof seal->mac) > 0;
    return seal->there;
}

int hark__tls_seals_turn(struct hark__tls_seals *seals, int64_t now)
{
    struct hark__tls_seal fresh;
    bool made = true;

    ERR_clear_error();
    pthread_mutex_lock(&seals->lock);
    if (!seals->now.there || now - seals->since >= SEAL_AGE) {
        made = make_seal(&fresh);
        if (made) {
            /* The keys of long ago do not count as those before. */
            seals->before = seals->now;
            seals->before.there &= now - seals->since < 2 * SEAL_AGE;
            seals->now = fresh;
            seals->since = now;
        }
    }
    pthread_mutex_unlock(&seals->lock);
    OPENSSL_cleanse(&fresh, sizeof fresh);
    ERR_clear_error();
    return made ? 0 : -ENOMEM;
}

/* name NULL: the one to seal with. */
static bool find_seal(struct hark__tls_seals *seals, const unsigned char name[16],
                      struct hark__tls_seal *seal, bool *old)
{
    pthread_mutex_lock(&seals->lock);
    *seal = seals->before;
    *old = name && memcmp(seals->now.name, name, sizeof seals->now.name) != 0;
    if (!*old) {
        *seal = seals->now;
    }
    pthread_mutex_unlock(&seals->lock);
    return seal->there && (!name || memcmp(seal->name, name, sizeof seal->name) == 0);
}

static bool load_seal(struct hark__tls_seal *seal, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                      unsigned char *iv, int sealing)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, seal->mac, sizeof seal->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, seal->cipher, iv, sealing) > 0;
}

/* OpenSSL seals (sealing 1) or opens a ticket. 1: go on; 2: and make the client a new one; 0: not
 * ours; -1: failed. In TLS 1.3 a client has no use for an old one: T2. */
static int seal_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int sealing)
{
    hark__tls_session *t = SSL_get_app_data(ssl);
    struct hark__tls_seal seal;
    bool old;
    int result = 0;

    if (find_seal(&t->set->seals, sealing ? NULL : name, &seal, &old)) {
        result = !sealing && (old || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
        if (sealing) {
            memcpy(name, seal.name, sizeof seal.name);
        }
        if ((sealing && RAND_bytes(iv, IV_SIZE) <= 0) || !load_seal(&seal, cipher, mac, iv, sealing)) {
            result = -1;
        }
    }
    OPENSSL_cleanse(&seal, sizeof seal);
    return result;
}

void hark__tls_seals_use(SSL_CTX *ctx)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, seal_ticket);
}

/* ---- a client's tickets ---------------------------------------------------------------------- */

static struct hark__tls_ticket *find_ticket(hark_tls_context *context, const char *host)
{
    for (int i = 0; i < TICKETS; i++) {
        struct hark__tls_ticket *ticket = &context->tickets[i];
        if (ticket->ticket && strcmp(ticket->host, host) == 0) {
            return ticket;
        }
    }
    return NULL;
}

/* A free place, or that of the one not used for longest. */
static struct hark__tls_ticket *find_place(hark_tls_context *context)
{
    struct hark__tls_ticket *oldest = &context->tickets[0];

    for (int i = 0; i < TICKETS; i++) {
        struct hark__tls_ticket *ticket = &context->tickets[i];
        if (!ticket->ticket) {
            return ticket;
        }
        oldest = ticket->used < oldest->used ? ticket : oldest;
    }
    return oldest;
}

static void keep_ticket(hark__tls_session *t, SSL_SESSION *copy)
{
    hark_tls_context *context = t->context;
    struct hark__tls_ticket *ticket;

    pthread_mutex_lock(&context->lock);
    if (t->set == context->set) { /* T1 */
        ticket = find_ticket(context, t->host);
        ticket = ticket ? ticket : find_place(context);
        SSL_SESSION *before = ticket->ticket;
        memcpy(ticket->host, t->host, sizeof ticket->host);
        ticket->ticket = copy;
        ticket->used = ++context->clock;
        copy = before;
    }
    pthread_mutex_unlock(&context->lock);
    SSL_SESSION_free(copy);
}

/* A ticket has come: OpenSSL need not keep it. */
static int ticket_came(SSL *ssl, SSL_SESSION *ticket)
{
    SSL_SESSION *copy = SSL_SESSION_is_resumable(ticket) ? SSL_SESSION_dup(ticket) : NULL;

    if (copy) {
        keep_ticket(SSL_get_app_data(ssl), copy);
    }
    return 0;
}

void hark__tls_tickets_keep(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, ticket_came);
}

SSL_SESSION *hark__tls_ticket_take(hark_tls_context *context, const char *host)
{
    struct hark__tls_ticket *ticket;
    SSL_SESSION *taken = NULL;

    pthread_mutex_lock(&context->lock);
    ticket = find_ticket(context, host);
    if (ticket && SSL_SESSION_get_protocol_version(ticket->ticket) >= TLS1_3_VERSION) {
        taken = ticket->ticket;
        ticket->ticket = NULL;
    } else if (ticket) {
        taken = SSL_SESSION_dup(ticket->ticket);
        ticket->used = ++context->clock;
    }
    pthread_mutex_unlock(&context->lock);
    return taken;
}

void hark__tls_tickets_drop(hark_tls_context *context)
{
    for (int i = 0; context->tickets && i < TICKETS; i++) {
        SSL_SESSION_free(context->tickets[i].ticket);
        context->tickets[i].ticket = NULL;
    }
}
