/* SPDX-License-Identifier: MIT
 *
 * context_test.c - contexts: files that are missing, open to others, wrong, or written anew while
 * running; options that make no sense.
 */
#include "pair.h"

#include <fcntl.h>

static void check_open(int code, const char *words)
{
    hark_tls_context *context = (void *)1;

    CHECK_MISUSE(hark_tls_context_open(&context, HARK_TLS_SERVER, &serve), code, words);
    CHECK(!context);
    CHECK_EQ(ERR_peek_error(), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file && fputs(text, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

static void check_bad_files(void)
{
    begin_options();
    const char *certificate = serve.certificate, *key = serve.key;
    serve.certificate = "/nonexistent/certificate.pem";
    check_open(-ENOENT, "/nonexistent/certificate.pem");
    serve.certificate = certificate;
    serve.key = "/nonexistent/key.pem";
    check_open(-ENOENT, "/nonexistent/key.pem");
    serve.key = key;
    CHECK_EQ(chmod(key, 0644), 0);
    check_open(-EPERM, "chmod 600");
    CHECK_EQ(chmod(key, 0660), 0);
    check_open(-EPERM, "mode 660");
    CHECK_EQ(chmod(key, 0640), 0);
    hark_tls_context *fine;
    CHECK_EQ(hark_tls_context_open(&fine, HARK_TLS_SERVER, &serve), 0);
    hark_tls_context_close(fine);
    serve.key = certs_key("root");
    check_open(-EKEYREJECTED, "key of another certificate");
    serve.certificate = key;
    serve.key = key;
    check_open(-EBADMSG, "cannot be read as PEM");
    serve.certificate = certs_folder;
    check_open(-EISDIR, certs_folder);
    serve.certificate = certificate;
    serve.key = key;
    serve.ask_client = true;
    serve.trust = "/nonexistent/trust";
    check_open(-ENOENT, "/nonexistent/trust");
    write_file(key, "-----BEGIN PRIVATE KEY-----\nbm90aGluZw==\n-----END PRIVATE KEY-----\n");
    serve.trust = NULL;
    serve.ask_client = false;
    check_open(-EBADMSG, key);
    certs_end();
}

/* Or whoever reads it is never seen again: it is read in a thread, which nobody can wake. */
INSIDE_REAL(context_waits_for_no_fifo)
{
    char fifo[CERTS_PATH];
    begin_options();
    certs_keep(fifo, certs_path("fifo", "pem"));
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    const char *certificate = serve.certificate, *key = serve.key;
    serve.certificate = fifo;
    check_open(-EBADMSG, "no regular file");
    serve.certificate = certificate;
    serve.key = fifo;
    check_open(-EBADMSG, "no regular file");
    serve.key = key;
    serve.trust = "/dev/zero";
    serve.ask_client = true;
    check_open(-EBADMSG, "no regular file");
    CHECK_EQ(unlink(fifo), 0);
    certs_end();
}

TEST(context_names_the_file_that_is_wrong)
{
    check_bad_files();
}

/* The same, read by a thread. */
INSIDE_REAL(context_names_the_file_that_is_wrong_in_a_task)
{
    check_bad_files();
}

/* A key with a passphrase is refused, and nobody is asked for it on the terminal. */
TEST(context_asks_for_no_passphrase)
{
    begin_options();
    FILE *file = fopen(serve.key, "w");
    CHECK(PEM_write_PKCS8PrivateKey(file, certs_find("server")->key, EVP_aes_128_cbc(), "secret", 6,
                                    NULL, NULL));
    fclose(file);
    check_open(-EBADMSG, serve.key);
    certs_end();
}

TEST(stream_L6_context_refuses_its_own_weak_key)
{
    begin_options();
    certs_make(&(struct cert_spec){.name = "weak", .rsa = 1024});
    serve.certificate = certs_pem("weak");
    serve.key = certs_key("weak");
    check_open(-EKEYREJECTED, "too weak");
    certs_end();
}

static void check_option(enum hark_tls_side side, const char *words)
{
    hark_tls_context *context;

    CHECK_MISUSE(hark_tls_context_open(&context, side, &serve), -EINVAL, words);
    CHECK(!context);
    serve = (hark_tls_options){.size = sizeof serve, .certificate = "a", .key = "b"};
}

TEST(context_options_that_make_no_sense)
{
    static const char *const empty[] = {"", NULL};

    serve = (hark_tls_options){.size = sizeof serve, .certificate = "a", .key = "b"};
    CHECK_MISUSE(hark_tls_context_open(NULL, HARK_TLS_SERVER, &serve), -EINVAL, "NULL");
    check_option(0, "neither client nor server");
    serve.size--;
    check_option(HARK_TLS_SERVER, "sizeof");
    serve.key = NULL;
    check_option(HARK_TLS_SERVER, "needs its key");
    serve.certificate = serve.key = NULL;
    check_option(HARK_TLS_SERVER, "needs a certificate");
    serve.ask_client = true;
    check_option(HARK_TLS_SERVER, "ask_client");
    serve.ask_client = true;
    check_option(HARK_TLS_CLIENT, "ask_client");
    serve.insecure_accept_anyone = true;
    check_option(HARK_TLS_SERVER, "insecure_accept_anyone");
    serve.insecure_accept_anyone = true;
    serve.trust = "c";
    check_option(HARK_TLS_CLIENT, "insecure_accept_anyone");
    serve.min_version = 11;
    check_option(HARK_TLS_SERVER, "versions");
    serve.min_version = HARK_TLS_1_3;
    serve.max_version = HARK_TLS_1_2;
    check_option(HARK_TLS_SERVER, "versions");
    serve.handshake = -1;
    check_option(HARK_TLS_SERVER, "handshake");
    serve.alpn = empty;
    check_option(HARK_TLS_SERVER, "protocol");
}

TEST(context_misuse)
{
    begin_options();
    open_contexts();
    CHECK_MISUSE(hark_tls_context_add(NULL, "a", "b", "c"), -EINVAL, "hark_tls_context_add");
    CHECK_MISUSE(hark_tls_context_add(asks, "a", "b", "c"), -EINVAL, "server");
    CHECK_MISUSE(hark_tls_context_add(serves, "", "b", "c"), -EINVAL, "missing");
    CHECK_MISUSE(hark_tls_context_add(serves, "a", NULL, "c"), -EINVAL, "missing");
    CHECK_MISUSE(hark_tls_context_add(serves, "a", "/nonexistent", "c"), -ENOENT, "/nonexistent");
    CHECK_MISUSE(hark_tls_context_reload(NULL), -EINVAL, "hark_tls_context_reload");
    hark_tls_context_close(NULL);
    close_contexts();
}

/* ---- read anew ------------------------------------------------------------------------------- */

static void check_certificate(const char *subject)
{
    pair_in_memory(1 << 14);
    shake();
    CHECK_STR(hark_tls_peer_name(&client), subject);
}

/* Under the name of the first. */
static void replace_certificate(const char *name)
{
    certs_make(&(struct cert_spec){.name = name});
    CHECK_EQ(rename(certs_pem(name), serve.certificate), 0);
    CHECK_EQ(rename(certs_key(name), serve.key), 0);
}

INSIDE(context_is_read_anew_while_sessions_go_on)
{
    hark_stream old_client, old_server;

    begin_options();
    open_contexts();
    check_certificate("CN=server");
    old_client = client;
    old_server = server;
    replace_certificate("newer");
    check_certificate("CN=server"); /* nobody has read it */
    close_both();
    CHECK_EQ(hark_tls_context_reload(serves), 0);
    check_certificate("CN=newer");
    close_both();
    check_line(&old_client, &old_server, "still here");
    check_line(&old_server, &old_client, "still here");
    CHECK_EQ(hark_stream_close(&old_client), 0);
    CHECK_EQ(hark_stream_close(&old_server), 0);
    close_contexts();
}

INSIDE(context_that_cannot_be_read_anew_stays_as_it_was)
{
    begin_options();
    open_contexts();
    certs_make(&(struct cert_spec){.name = "www", .hosts = "DNS:www.example.org"});
    CHECK_EQ(hark_tls_context_add(serves, "www.example.org", certs_pem("www"), certs_key("www")), 0);
    write_file(serve.certificate, "nothing");
    CHECK_EQ(hark_tls_context_reload(serves), -EBADMSG);
    CHECK_HAS(hark_error_last(), serve.certificate);
    check_certificate("CN=server");
    close_both();
    replace_certificate("newer");
    CHECK_EQ(unlink(certs_key("www")), 0);
    CHECK_EQ(hark_tls_context_reload(serves), -ENOENT);
    CHECK_HAS(hark_error_last(), "www.key");
    check_certificate("CN=server");
    close_both();
    pair_in_memory(1 << 14);
    shake_as("www.example.org");
    CHECK_STR(hark_tls_peer_name(&client), "CN=www");
    close_both();
    close_contexts();
}

/* The contexts go first; the sessions hold what they need. */
INSIDE(context_may_be_closed_under_its_sessions)
{
    begin_options();
    open_contexts();
    pair_in_memory(1 << 14);
    shake();
    close_contexts();
    check_line(&client, &server, "hello");
    check_line(&server, &client, "hello");
    close_both();
}

static atomic_bool over;

static int reload_again_and_again(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_tls_context_reload(serves), 0);
        CHECK_EQ(hark_tls_context_reload(asks), 0);
    }
    atomic_store(&over, true);
    return 0;
}

/* In another thread, while sessions begin and end here. */
INSIDE_REAL(context_is_read_anew_in_another_thread)
{
    begin_options();
    open_contexts();
    hark_go(&group, reload_again_and_again, NULL);
    while (!atomic_load(&over)) {
        check_certificate("CN=server");
        check_line(&server, &client, "hello");
        close_both();
    }
    CHECK_EQ(hark_settle(), 0);
    close_contexts();
}
