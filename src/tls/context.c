/* SPDX-License-Identifier: MIT
 *
 * context.c - contexts: files, trust, names, protocols.
 *
 * Idea     A context is what the user has asked for, and the set of certificates that the files
 *          held when they were last read. A set never changes: reading again makes another one,
 *          which takes its place if all of it is good. Sessions hold the set that they began with.
 * Rules    C1  Files are read in a thread, if there is a loop to hold up.
 *          C2  One set at a time is made (files); who wants the present one only takes the other
 *              lock, for an instant.
 *          C3  What OpenSSL's own configuration file says counts, but nothing weaker than what is
 *              written here.
 */
#include "tls.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS  "X25519:P-256:P-384"
enum { LEVEL = 2, DEPTH = 10 }; /* 112 bits of security; a chain of 10 */

/* ---- holding --------------------------------------------------------------------------------- */

static void free_named(struct hark__tls_named *named)
{
    OPENSSL_free(named->pattern);
    OPENSSL_free(named->certificate);
    OPENSSL_free(named->key);
    SSL_CTX_free(named->ctx);
}

void hark__tls_set_drop(hark__tls_set *set)
{
    if (!set || atomic_fetch_sub(&set->holds, 1) != 1) {
        return;
    }
    SSL_CTX_free(set->first);
    for (size_t i = 0; i < set->count; i++) {
        free_named(&set->named[i]);
    }
    OPENSSL_free(set->named);
    hark__tls_seals_close(&set->seals);
    OPENSSL_free(set);
}

hark__tls_set *hark__tls_set_hold(hark_tls_context *context)
{
    pthread_mutex_lock(&context->lock);
    hark__tls_set *set = context->set;
    atomic_fetch_add(&set->holds, 1);
    pthread_mutex_unlock(&context->lock);
    return set;
}

static void set_replace(hark_tls_context *context, hark__tls_set *set)
{
    pthread_mutex_lock(&context->lock);
    hark__tls_set *before = context->set;
    context->set = set;
    hark__tls_tickets_drop(context);
    pthread_mutex_unlock(&context->lock);
    hark__tls_set_drop(before);
}

void hark__tls_context_hold(hark_tls_context *context)
{
    atomic_fetch_add(&context->holds, 1);
}

void hark_tls_context_close(hark_tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->holds, 1) != 1) {
        return;
    }
    hark__tls_set_drop(context->set);
    hark__tls_tickets_drop(context);
    OPENSSL_free(context->tickets);
    OPENSSL_free((void *)(uintptr_t)context->options.certificate);
    OPENSSL_free((void *)(uintptr_t)context->options.key);
    OPENSSL_free((void *)(uintptr_t)context->options.trust);
    OPENSSL_free(context->alpn);
    pthread_mutex_destroy(&context->files);
    pthread_mutex_destroy(&context->lock);
    OPENSSL_free(context);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int no_memory(void)
{
    ERR_clear_error();
    return hark_fail(-ENOMEM, "hark_tls_context: no memory");
}

/* folder NULL: it must not be one. */
static int look_at_file(const char *what, const char *path, bool secret, bool *folder)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        const int error = errno;
        return hark_fail(-error, "%s \"%s\": %s", what, path, strerrordesc_np(error));
    }
    if (secret && status.st_mode & (S_IRWXO | S_IWGRP)) {
        return hark_fail(-EPERM, "%s \"%s\" is open to others (mode %03o): chmod 600 it", what,
                         path, (unsigned)status.st_mode & 0777);
    }
    if (folder) {
        *folder = S_ISDIR(status.st_mode);
    } else if (S_ISDIR(status.st_mode)) {
        return hark_fail(-EISDIR, "%s \"%s\" is a folder", what, path);
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) { /* a FIFO could hold us for ever */
        return hark_fail(-EBADMSG, "%s \"%s\" is no regular file", what, path);
    }
    return 0;
}

/* A key with a passphrase must not make OpenSSL ask for it on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer, (void)size, (void)writing, (void)arg;
    return 0;
}

static int load_pair(SSL_CTX *ctx, const char *certificate, const char *key)
{
    static const char of_certificate[] = "the certificate", of_key[] = "the key";
    int error = look_at_file(of_certificate, certificate, false, NULL);

    error = error ? error : look_at_file(of_key, key, true, NULL);
    if (error) {
        return error;
    }
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) <= 0) {
        return hark__tls_file_verdict(of_certificate, certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) <= 0) {
        return hark__tls_file_verdict(of_key, key);
    }
    return 0;
}

/* The issuers' names go to the clients that are asked, so that they can choose. */
static bool name_issuers(SSL_CTX *ctx, const char *trust, bool folder)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

    if (!names || !(folder ? SSL_add_dir_cert_subjects_to_stack(names, trust)
                           : SSL_add_file_cert_subjects_to_stack(names, trust))) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return false;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    return true;
}

static int load_trust(SSL_CTX *ctx, const hark_tls_options *options)
{
    static const char what[] = "the trusted certificates";
    const char *trust = options->trust;
    bool folder = false;
    int error = trust ? look_at_file(what, trust, false, &folder) : 0;

    if (error) {
        return error;
    }
    if (!trust) {
        return SSL_CTX_set_default_verify_paths(ctx) > 0 ? 0 : no_memory();
    }
    if (!(folder ? SSL_CTX_load_verify_dir(ctx, trust) : SSL_CTX_load_verify_file(ctx, trust)) ||
        (options->ask_client && !name_issuers(ctx, trust, folder))) {
        return hark__tls_file_verdict(what, trust);
    }
    return 0;
}

/* ---- what a server decides during a handshake ------------------------------------------------ */

static int refuse(hark__tls_session *t, int code, const char *words)
{
    t->broken = code;
    memcpy(t->words, words, strlen(words) + 1);
    return code;
}

/* Who speaks protocols does not talk to a client that says nothing of them. */
static int hello_came(SSL *ssl, int *alert, void *arg)
{
    hark__tls_session *t = SSL_get_app_data(ssl);
    const unsigned char *sent;
    size_t size;

    (void)arg;
    if (t->context->alpn && !t->context->options.alpn_optional &&
        !SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &sent,
                                   &size)) {
        refuse(t, -EPROTONOSUPPORT, "the client names no protocol (ALPN)");
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                           const unsigned char *offered, unsigned offered_size, void *arg)
{
    const hark__tls_session *t = SSL_get_app_data(ssl);
    unsigned char *ours;

    (void)arg;
    if (SSL_select_next_proto(&ours, chosen_size, t->context->alpn, t->context->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = ours;
    return SSL_TLSEXT_ERR_OK;
}

static bool pattern_fits(const char *pattern, const char *host)
{
    if (pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = strchr(host, '.');
        return dot && dot != host && OPENSSL_strcasecmp(dot, pattern + 1) == 0;
    }
    return OPENSSL_strcasecmp(pattern, host) == 0;
}

/* An exact pattern before one with a star. */
static SSL_CTX *find_named(const hark__tls_set *set, const char *host)
{
    SSL_CTX *found = NULL;

    for (size_t i = 0; i < set->count; i++) {
        const struct hark__tls_named *named = &set->named[i];
        if (pattern_fits(named->pattern, host)) {
            if (named->pattern[0] != '*') {
                return named->ctx;
            }
            found = found ? found : named->ctx;
        }
    }
    return found;
}

static int host_was_asked_for(SSL *ssl, int *alert, void *arg)
{
    hark__tls_session *t = SSL_get_app_data(ssl);
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx;

    (void)arg;
    if (t->context->side != HARK_TLS_SERVER || !host || t->set->count == 0) {
        return SSL_TLSEXT_ERR_OK;
    }
    ctx = find_named(t->set, host);
    if (ctx) {
        return SSL_set_SSL_CTX(ssl, ctx) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (X509_check_host(SSL_CTX_get0_certificate(t->set->first), host, 0, 0, NULL) == 1) {
        return SSL_TLSEXT_ERR_OK;
    }
    refuse(t, -ENOKEY, "no certificate is for the host that the client asks for");
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- OpenSSL's contexts ---------------------------------------------------------------------- */

static int version_of(int number)
{
    return number == HARK_TLS_1_3 ? TLS1_3_VERSION : number == HARK_TLS_1_2 ? TLS1_2_VERSION : 0;
}

static bool set_rules(SSL_CTX *ctx, const hark_tls_options *options)
{
    const int least = options->min_version ? options->min_version : HARK_TLS_1_2;
    uint64_t flags = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

    flags |= options->no_resumption ? SSL_OP_NO_TICKET : 0;
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_ALLOW_NO_DHE_KEX |
                                   SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_options(ctx, flags);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY); /* N6 of session.c */
    SSL_CTX_set_security_level(ctx, LEVEL);
    SSL_CTX_set_verify_depth(ctx, DEPTH);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, version_of(least)) &&
           SSL_CTX_set_max_proto_version(ctx, version_of(options->max_version)) &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS) && SSL_CTX_set1_groups_list(ctx, GROUPS);
}

static bool set_server_rules(SSL_CTX *ctx, const hark_tls_context *context)
{
    static const unsigned char name[] = "hark";

    SSL_CTX_set_tlsext_servername_callback(ctx, host_was_asked_for);
    SSL_CTX_set_client_hello_cb(ctx, hello_came, NULL);
    if (context->alpn) {
        SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    }
    hark__tls_seals_use(ctx);
    return (!context->options.no_resumption || SSL_CTX_set_num_tickets(ctx, 0)) &&
           SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1);
}

static bool set_client_rules(SSL_CTX *ctx, const hark_tls_context *context)
{
    if (!context->options.no_resumption) {
        hark__tls_tickets_keep(ctx);
    }
    return !context->alpn || SSL_CTX_set_alpn_protos(ctx, context->alpn, context->alpn_size) == 0;
}

/* Strangers choose their names, and words go to terminals and logs, a line each. */
static void only_text(char *name)
{
    for (; *name; name++) {
        if ((unsigned char)*name < ' ' || *name == 0x7f) {
            *name = '?';
        }
    }
}

/* The first certificate that is no good is the one that the words are about. */
static int look_at_certificate(int good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    hark__tls_session *t = SSL_get_app_data(ssl);
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);

    if (!good && certificate) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, t->who,
                                  sizeof t->who);
        only_text(t->who);
    }
    return good;
}

static void set_looks(SSL_CTX *ctx, const hark_tls_context *context)
{
    const hark_tls_options *options = &context->options;
    const int of_server =
        options->ask_client ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE;
    const int of_client = options->insecure_accept_anyone ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;

    SSL_CTX_set_verify(ctx, context->side == HARK_TLS_SERVER ? of_server : of_client,
                       look_at_certificate);
}

/* *ret is set on success only. */
static int make_ctx(const hark_tls_context *context, const char *certificate, const char *key,
                    SSL_CTX **ret)
{
    const bool server = context->side == HARK_TLS_SERVER;
    const hark_tls_options *options = &context->options;
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    int error;

    if (!ctx || !set_rules(ctx, options) ||
        !(server ? set_server_rules(ctx, context) : set_client_rules(ctx, context))) {
        SSL_CTX_free(ctx);
        return no_memory();
    }
    set_looks(ctx, context);
    error = certificate ? load_pair(ctx, certificate, key) : 0;
    if (!error && (server ? options->ask_client : !options->insecure_accept_anyone)) {
        error = load_trust(ctx, options);
    }
    if (error) {
        SSL_CTX_free(ctx);
        return error;
    }
    *ret = ctx;
    return 0;
}

/* ---- sets ------------------------------------------------------------------------------------ */

struct reading {
    hark_tls_context *context;
    const char *pattern, *certificate, *key; /* to be added; NULL: nothing */
};

static int add_named(hark__tls_set *set, const hark_tls_context *context, const char *pattern,
                     const char *certificate, const char *key)
{
    struct hark__tls_named *named = &set->named[set->count++];

    named->pattern = OPENSSL_strdup(pattern);
    named->certificate = OPENSSL_strdup(certificate);
    named->key = OPENSSL_strdup(key);
    if (!named->pattern || !named->certificate || !named->key) {
        return no_memory();
    }
    return make_ctx(context, certificate, key, &named->ctx);
}

static hark__tls_set *set_open(size_t room)
{
    hark__tls_set *set = OPENSSL_zalloc(sizeof *set);

    if (!set) {
        return NULL;
    }
    set->named = OPENSSL_zalloc((room ? room : 1) * sizeof *set->named);
    atomic_init(&set->holds, 1);
    hark__tls_seals_open(&set->seals);
    if (!set->named) {
        hark__tls_set_drop(set);
        return NULL;
    }
    return set;
}

static int read_set(hark__tls_set *set, const struct reading *reading)
{
    const hark_tls_context *context = reading->context;
    const hark__tls_set *before = context->set; /* only who has `files` changes it */
    const char *pattern = reading->pattern;
    int error = make_ctx(context, context->options.certificate, context->options.key, &set->first);

    for (size_t i = 0; before && !error && i < before->count; i++) {
        const struct hark__tls_named *named = &before->named[i];
        if (!pattern || OPENSSL_strcasecmp(pattern, named->pattern) != 0) {
            error = add_named(set, context, named->pattern, named->certificate, named->key);
        }
    }
    if (!error && pattern) {
        error = add_named(set, context, pattern, reading->certificate, reading->key);
    }
    return error;
}

static int read_files(void *arg)
{
    const struct reading *reading = arg;
    hark_tls_context *context = reading->context;
    int error;

    pthread_mutex_lock(&context->files);
    ERR_clear_error();
    hark__tls_set *set = set_open((context->set ? context->set->count : 0) + 1);
    error = set ? read_set(set, reading) : no_memory();
    if (error) {
        hark__tls_set_drop(set);
    } else {
        set_replace(context, set);
    }
    ERR_clear_error();
    pthread_mutex_unlock(&context->files);
    return error;
}

static int read_in_thread(struct reading *reading)
{
    return hark_self() ? hark_thread_call(read_files, reading) : read_files(reading);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool copy_text(const char **to, const char *from)
{
    *to = from ? OPENSSL_strdup(from) : NULL;
    return *to || !from;
}

static int copy_protocols(hark_tls_context *context, const char *const *protocols)
{
    size_t size = 0, at = 0;

    for (size_t i = 0; protocols && protocols[i]; i++) {
        const size_t length = strlen(protocols[i]);
        if (length == 0 || length > 255) {
            return hark_fail(-EINVAL, "hark_tls_context_open: protocol \"%.20s\" has %zu characters",
                             protocols[i], length);
        }
        size += 1 + length;
    }
    if (size == 0) {
        return 0;
    }
    context->alpn = OPENSSL_malloc(size);
    if (!context->alpn) {
        return no_memory();
    }
    for (size_t i = 0; protocols[i]; i++) {
        const size_t length = strlen(protocols[i]);
        context->alpn[at] = (unsigned char)length;
        memcpy(context->alpn + at + 1, protocols[i], length);
        at += 1 + length;
    }
    context->alpn_size = (unsigned)size;
    return 0;
}

static int check_options(enum hark_tls_side side, const hark_tls_options *options)
{
    static const char call[] = "hark_tls_context_open";
    const int least = options->min_version, most = options->max_version;

    if (side != HARK_TLS_CLIENT && side != HARK_TLS_SERVER) {
        return hark_fail(-EINVAL, "%s: neither client nor server", call);
    }
    if (options->size != sizeof *options) {
        return hark_fail(-EINVAL, "%s: options.size is %zu; it is sizeof(hark_tls_options)", call,
                         options->size);
    }
    if (!options->certificate != !options->key) {
        return hark_fail(-EINVAL, "%s: a certificate needs its key, and the other way round", call);
    }
    if (side == HARK_TLS_SERVER && !options->certificate) {
        return hark_fail(-EINVAL, "%s: a server needs a certificate", call);
    }
    if (options->ask_client && (side == HARK_TLS_CLIENT || !options->trust)) {
        return hark_fail(-EINVAL, "%s: ask_client is for servers, and needs trust", call);
    }
    if (options->insecure_accept_anyone && (side == HARK_TLS_SERVER || options->trust)) {
        return hark_fail(-EINVAL, "%s: insecure_accept_anyone is for clients without trust", call);
    }
    if ((least && !version_of(least)) || (most && !version_of(most)) || (most && most < least)) {
        return hark_fail(-EINVAL, "%s: versions %d to %d: there are 12 and 13", call, least, most);
    }
    if (options->handshake < 0) {
        return hark_fail(-EINVAL, "%s: a handshake cannot take less than no time", call);
    }
    return 0;
}

static int fill_context(hark_tls_context *context, const hark_tls_options *options)
{
    hark_tls_options *own = &context->options;
    int error = copy_protocols(context, options->alpn);

    *own = *options;
    own->alpn = NULL;
    own->certificate = own->key = own->trust = NULL;
    if (!error && (!copy_text(&own->certificate, options->certificate) ||
                   !copy_text(&own->key, options->key) || !copy_text(&own->trust, options->trust))) {
        error = no_memory();
    }
    if (!error && context->side == HARK_TLS_CLIENT) {
        context->tickets = OPENSSL_zalloc(TICKETS * sizeof *context->tickets);
        error = context->tickets ? 0 : no_memory();
    }
    return error;
}

int hark_tls_context_open(hark_tls_context **ret, enum hark_tls_side side,
                          const hark_tls_options *options)
{
    static const hark_tls_options plain = {.size = sizeof plain};
    hark_tls_context *context;

    options = options ? options : &plain;
    if (!ret) {
        return hark_fail(-EINVAL, "hark_tls_context_open: the place for the context is NULL");
    }
    *ret = NULL;
    int error = check_options(side, options);
    if (error) {
        return error;
    }
    context = OPENSSL_zalloc(sizeof *context);
    if (!context) {
        return no_memory();
    }
    atomic_init(&context->holds, 1);
    context->side = side;
    pthread_mutex_init(&context->files, NULL);
    pthread_mutex_init(&context->lock, NULL);
    error = fill_context(context, options);
    error = error ? error : read_in_thread(&(struct reading){.context = context});
    if (error) {
        hark_tls_context_close(context);
        return error;
    }
    *ret = context;
    return 0;
}

int hark_tls_context_add(hark_tls_context *context, const char *pattern, const char *certificate,
                         const char *key)
{
    if (!context || context->side != HARK_TLS_SERVER) {
        return hark_fail(-EINVAL, "hark_tls_context_add: the context is no server's");
    }
    if (!pattern || !*pattern || strlen(pattern) > HOST_MOST || !certificate || !key) {
        return hark_fail(-EINVAL, "hark_tls_context_add: pattern, certificate or key is missing");
    }
    return read_in_thread(&(struct reading){context, pattern, certificate, key});
}

int hark_tls_context_reload(hark_tls_context *context)
{
    if (!context) {
        return hark_fail(-EINVAL, "hark_tls_context_reload: the context is NULL");
    }
    return read_in_thread(&(struct reading){.context = context});
}
