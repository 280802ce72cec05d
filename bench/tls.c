/* SPDX-License-Identifier: MIT
 *
 * tls.c - handshakes, and bytes, through TLS: both ends in one thread, over a pair of sockets.
 *
 * The limit is OpenSSL itself on the same descriptors, whose two ends are called in turn: no tasks,
 * no loop, no copies but its own. What is left is the price of hark, rings of memory included. To
 * be read beside `openssl speed ecdsap256 ecdhx25519 -evp aes-256-gcm`: a handshake has one
 * signature, one look at it, and two times two exponentiations; a byte is sealed once and opened
 * once.
 */
#include "bench.h"
#include <fcntl.h>
#include <hark.h>
#include <hark/tls.h>
#include <openssl/ssl.h>
#include "../examples/32_tls_echo_certificate.h"

#define HANDSHAKES 300l
#define RECORDS    4000l
#define RECORD     16384

static hark_tls_context *serving, *asking; /* without tickets, as the limit is */
static hark_stream near, far, client, server;
static unsigned char bytes[RECORD], back[RECORD];

/* ---- hark ------------------------------------------------------------------------------------ */

static int shake_server(void *arg)
{
    (void)arg;
    return hark_tls_server(&server, serving, &far);
}

static void shake(void)
{
    hark_group g;
    int fds[2];
    bench_must(hark_socketpair(fds) == 0, "a pair of sockets");
    hark_stream_open(&near, fds[0]);
    hark_stream_open(&far, fds[1]);
    hark_group_open(&g);
    hark_go(&g, shake_server, NULL);
    bench_must(hark_tls_client(&client, asking, &near, "localhost") == 0, "a handshake");
    bench_must(hark_group_close(&g, 0) == 0, "a handshake");
}

static void part(void)
{
    hark_stream_close(&client);
    hark_stream_close(&server);
}

static void handshakes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        shake();
        part();
    }
}

static int pour(void *arg)
{
    for (long n = *(long *)arg; n > 0; n--)
        bench_must(hark_stream_write_full(&client, bytes, RECORD, NULL) == 0, "writing");
    return 0;
}

static void records(long n, void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, pour, &n);
    for (long left = n; left > 0; left--)
        bench_must(hark_stream_read_full(&server, back, RECORD, NULL) == 0, "reading");
    hark_group_close(&g, 0);
}

/* ---- the limit ------------------------------------------------------------------------------- */

static SSL_CTX *limit_serving, *limit_asking;
static SSL *limit_client, *limit_server;
static int limit_fds[2];

static void limit_open(void)
{
    limit_serving = SSL_CTX_new(TLS_server_method());
    limit_asking = SSL_CTX_new(TLS_client_method());
    bench_must(SSL_CTX_use_certificate_chain_file(limit_serving, certificate) > 0, "certificate");
    bench_must(SSL_CTX_use_PrivateKey_file(limit_serving, key, SSL_FILETYPE_PEM) > 0, "key");
    bench_must(SSL_CTX_load_verify_file(limit_asking, certificate) > 0, "trust");
    SSL_CTX_set_verify(limit_asking, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_num_tickets(limit_serving, 0);
    SSL_CTX_set_read_ahead(limit_serving, 1); /* one call a record, not two */
    SSL_CTX_set_read_ahead(limit_asking, 1);
    SSL_CTX_set_options(limit_serving, SSL_OP_NO_TICKET);
}

static SSL *limit_session(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    bench_must(ssl && SSL_set_fd(ssl, fd), "a session");
    return ssl;
}

static void limit_shake(void)
{
    int a = 0, b = 0;
    bench_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, limit_fds) == 0,
               "a pair of sockets");
    limit_client = limit_session(limit_asking, limit_fds[0]);
    limit_server = limit_session(limit_serving, limit_fds[1]);
    SSL_set1_host(limit_client, "localhost");
    SSL_set_tlsext_host_name(limit_client, "localhost");
    while (a != 1 || b != 1) {
        a = a == 1 ? 1 : SSL_connect(limit_client);
        b = b == 1 ? 1 : SSL_accept(limit_server);
    }
}

static void limit_part(void)
{
    SSL_shutdown(limit_client);
    SSL_shutdown(limit_server);
    SSL_free(limit_client);
    SSL_free(limit_server);
    close(limit_fds[0]);
    close(limit_fds[1]);
}

static void limit_handshakes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        limit_shake();
        limit_part();
    }
}

static void limit_records(long n, void *arg)
{
    (void)arg;
    while (n--) {
        bench_must(SSL_write(limit_client, bytes, RECORD) == RECORD, "writing");
        for (int got = 0, part; got < RECORD; got += part) {
            part = SSL_read(limit_server, back + got, RECORD - got);
            bench_must(part > 0, "reading");
        }
    }
}

/* ---- both ------------------------------------------------------------------------------------ */

static void say(const char *handshake, double shaken, const char *throughput, double poured)
{
    bench_say(handshake, shaken / 1000, "us");
    bench_say(throughput, RECORD / poured * 1e9 / (1 << 20), "MiB/s");
}

static int measure(void *arg)
{
    const long *sizes = arg;
    const double shaken = bench_ns(handshakes, sizes[0], NULL);
    shake();
    const double poured = bench_ns(records, sizes[1], NULL);
    part();
    say("handshake", shaken, "throughput", poured);
    return 0;
}

int main(int argc, char **argv)
{
    long sizes[] = {bench_size(argc, argv, 1, HANDSHAKES), bench_size(argc, argv, 2, RECORDS)};
    bench_must(make_certificate(&serving, &asking) == 0, "a certificate");
    hark_tls_options mine = {
        .size = sizeof mine, .certificate = certificate, .key = key, .no_resumption = true};
    hark_tls_options theirs = {.size = sizeof theirs, .trust = certificate, .no_resumption = true};
    bench_must(hark_tls_context_open(&serving, HARK_TLS_SERVER, &mine) == 0, "a context");
    bench_must(hark_tls_context_open(&asking, HARK_TLS_CLIENT, &theirs) == 0, "a context");
    bench_must(hark_run(measure, sizes) == 0, "the loop");

    limit_open();
    const double shaken = bench_ns(limit_handshakes, sizes[0], NULL);
    limit_shake();
    const double poured = bench_ns(limit_records, sizes[1], NULL);
    limit_part();
    say("limit_handshake", shaken, "limit_throughput", poured);
    return 0;
}
