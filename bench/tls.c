/* SPDX-License-Identifier: MIT
 *
 * tls.c - handshakes, and bytes, through TLS: both ends in one thread, over a pair of sockets.
 *
 * Without tickets, as the limit (limits/tls.c) is. To be read beside `openssl speed ecdsap256
 * ecdhx25519 -evp aes-256-gcm`: a handshake has one signature, one look at it, and two times two
 * exponentiations; a byte is sealed once and opened once.
 */
#include "bench.h"
#include <hark.h>
#include <hark/tls.h>
#include "../examples/32_tls_echo_certificate.h"

#define HANDSHAKES 300l
#define RECORDS    4000l
#define RECORD     16384

static hark_tls_context *serving, *asking;
static hark_stream near, far, client, server;
static unsigned char bytes[RECORD], back[RECORD];

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

static int measure(void *arg)
{
    const long *sizes = arg;
    bench_say("handshake", bench_ns(handshakes, sizes[0], NULL) / 1000, "us");
    shake();
    bench_say("throughput", RECORD / bench_ns(records, sizes[1], NULL) * 1e9 / (1 << 20), "MiB/s");
    part();
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
    return 0;
}
