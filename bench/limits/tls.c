/* SPDX-License-Identifier: MIT
 *
 * tls.c - the limit of `tls`: OpenSSL on the same descriptors, whose two ends are called in turn:
 * no tasks, no loop, no copies but its own. Of hark it has nothing but the certificate.
 */
#include "../bench.h"
#include <fcntl.h>
#include <hark/tls.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include "../../examples/32_tls_echo_certificate.h"

#define HANDSHAKES 300l
#define RECORDS    4000l
#define RECORD     16384

static unsigned char bytes[RECORD], back[RECORD];
static SSL_CTX *serving, *asking;
static SSL *client, *server;
static int fds[2];

static void open_contexts(void)
{
    serving = SSL_CTX_new(TLS_server_method());
    asking = SSL_CTX_new(TLS_client_method());
    bench_must(SSL_CTX_use_certificate_chain_file(serving, certificate) > 0, "certificate");
    bench_must(SSL_CTX_use_PrivateKey_file(serving, key, SSL_FILETYPE_PEM) > 0, "key");
    bench_must(SSL_CTX_load_verify_file(asking, certificate) > 0, "trust");
    SSL_CTX_set_verify(asking, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_num_tickets(serving, 0);
    SSL_CTX_set_read_ahead(serving, 1); /* one call a record, not two */
    SSL_CTX_set_read_ahead(asking, 1);
    SSL_CTX_set_options(serving, SSL_OP_NO_TICKET);
}

static SSL *session(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    bench_must(ssl && SSL_set_fd(ssl, fd), "a session");
    return ssl;
}

static void shake(void)
{
    int a = 0, b = 0;
    bench_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
               "a pair of sockets");
    client = session(asking, fds[0]);
    server = session(serving, fds[1]);
    SSL_set1_host(client, "localhost");
    SSL_set_tlsext_host_name(client, "localhost");
    while (a != 1 || b != 1) {
        a = a == 1 ? 1 : SSL_connect(client);
        b = b == 1 ? 1 : SSL_accept(server);
    }
}

static void part(void)
{
    SSL_shutdown(client);
    SSL_shutdown(server);
    SSL_free(client);
    SSL_free(server);
    close(fds[0]);
    close(fds[1]);
}

static void handshakes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        shake();
        part();
    }
}

static void records(long n, void *arg)
{
    (void)arg;
    while (n--) {
        bench_must(SSL_write(client, bytes, RECORD) == RECORD, "writing");
        for (int got = 0, part; got < RECORD; got += part) {
            part = SSL_read(server, back + got, RECORD - got);
            bench_must(part > 0, "reading");
        }
    }
}

int main(int argc, char **argv)
{
    hark_tls_context *unused;
    long sizes[] = {bench_size(argc, argv, 1, HANDSHAKES), bench_size(argc, argv, 2, RECORDS)};
    bench_must(make_certificate(&unused, &unused) == 0, "a certificate");
    open_contexts();
    bench_say("handshake", bench_ns(handshakes, sizes[0], NULL) / 1000, "us");
    shake();
    bench_say("throughput", RECORD / bench_ns(records, sizes[1], NULL) * 1e9 / (1 << 20), "MiB/s");
    part();
    return 0;
}
