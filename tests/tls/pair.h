/* SPDX-License-Identifier: MIT
 *
 * pair.h - two ends that shake hands, over whatever lies below.
 *
 * Idea     A test says what is special about its client or its server in `ask` and `serve`, the
 *          options of the two contexts; open_contexts makes them; shake makes two sessions over two
 *          streams, the server's in a task beside. How it ended stands in `said`.
 */
#ifndef HARK_TESTS_TLS_PAIR_H
#define HARK_TESTS_TLS_PAIR_H

#include "certs.h"

SCENE_MAYBE hark_tls_options ask, serve;
SCENE_MAYBE hark_tls_context *asks, *serves;
SCENE_MAYBE hark_stream client, server; /* the sessions */
SCENE_MAYBE hark_stream near, far;      /* below them */

SCENE_MAYBE struct {
    int client, server;
    char client_words[200], server_words[200];
} said;

/* An authority, a server's certificate, and options for both sides. */
SCENE_MAYBE void begin_options(void)
{
    static char trust[CERTS_PATH], certificate[CERTS_PATH], key[CERTS_PATH];

    certs_begin();
    certs_make(&(struct cert_spec){.name = "server"});
    certs_keep(trust, certs_pem("root"));
    certs_keep(certificate, certs_pem("server"));
    certs_keep(key, certs_key("server"));
    ask = (hark_tls_options){.size = sizeof ask, .trust = trust};
    serve = (hark_tls_options){.size = sizeof serve, .certificate = certificate, .key = key};
}

SCENE_MAYBE void open_contexts(void)
{
    CHECK_EQ(hark_tls_context_open(&asks, HARK_TLS_CLIENT, &ask), 0);
    CHECK_EQ(hark_tls_context_open(&serves, HARK_TLS_SERVER, &serve), 0);
}

SCENE_MAYBE void close_contexts(void)
{
    hark_tls_context_close(asks);
    hark_tls_context_close(serves);
    certs_end();
}

SCENE_MAYBE int shake_server(void *arg)
{
    (void)arg;
    said.server = hark_tls_server(&server, serves, &far);
    snprintf(said.server_words, sizeof said.server_words, "%s", hark_error_last());
    return 0;
}

/* Over near and far. Both ends have come to an end when this returns. */
SCENE_MAYBE void shake_as(const char *host)
{
    hark_group both;

    CHECK_EQ(hark_group_open(&both), 0);
    CHECK_GT(hark_go(&both, shake_server, NULL), 0);
    said.client = hark_tls_client(&client, asks, &near, host);
    snprintf(said.client_words, sizeof said.client_words, "%s", hark_error_last());
    CHECK_EQ(hark_group_close(&both, 0), 0);
}

SCENE_MAYBE void shake(void)
{
    shake_as("localhost");
    if (said.client || said.server) {
        fprintf(stderr, "client: %s\nserver: %s\n", said.client_words, said.server_words);
    }
    CHECK_EQ(said.client, 0);
    CHECK_EQ(said.server, 0);
}

SCENE_MAYBE void pair_in_memory(size_t capacity)
{
    CHECK_EQ(hark_stream_pair(&near, &far, capacity), 0);
}

SCENE_MAYBE void pair_of_sockets(void)
{
    int fds[2];

    CHECK_EQ(hark_socketpair(fds), 0);
    CHECK_EQ(hark_stream_open(&near, fds[0]), 0);
    CHECK_EQ(hark_stream_open(&far, fds[1]), 0);
}

SCENE_MAYBE void close_both(void)
{
    CHECK_EQ(hark_stream_close(&client), 0);
    CHECK_EQ(hark_stream_close(&server), 0);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

SCENE_MAYBE unsigned char tls_byte(size_t i)
{
    return (unsigned char)((i * 2654435761u) >> 13);
}

struct bytes {
    hark_stream *s;
    size_t size;
};

/* Writes so many bytes, in pieces of all sizes, and half-closes. */
SCENE_MAYBE int pour(void *arg)
{
    static const size_t sizes[] = {1, 16384, 7, 40000, 16385, 333, 100000};
    const struct bytes *job = arg;
    unsigned char *piece = malloc(100000);

    for (size_t at = 0, turn = 0; at < job->size; turn++) {
        size_t size = sizes[turn % 7];
        size = size < job->size - at ? size : job->size - at;
        for (size_t i = 0; i < size; i++) {
            piece[i] = tls_byte(at + i);
        }
        CHECK_EQ(hark_stream_write_full(job->s, piece, size, NULL), 0);
        at += size;
    }
    free(piece);
    CHECK_EQ(hark_stream_half_close(job->s), 0);
    return 0;
}

/* Reads them, until the end. */
SCENE_MAYBE int drain(void *arg)
{
    const struct bytes *job = arg;
    unsigned char *piece = malloc(50000);
    size_t at = 0;
    ssize_t count;

    while ((count = hark_stream_read(job->s, piece, 50000)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (piece[i] != tls_byte(at + (size_t)i)) {
                CHECK_EQ(at + (size_t)i, SIZE_MAX); /* which one it was */
            }
        }
        at += (size_t)count;
    }
    free(piece);
    CHECK_EQ(count, 0);
    CHECK_EQ(at, job->size);
    return 0;
}

/* Both ways at once. */
SCENE_MAYBE void duplex(size_t size)
{
    struct bytes here = {&client, size}, there = {&server, size};
    hark_group both;

    CHECK_EQ(hark_group_open(&both), 0);
    hark_go(&both, pour, &here);
    hark_go(&both, pour, &there);
    hark_go(&both, drain, &here);
    hark_go(&both, drain, &there);
    CHECK_EQ(hark_group_close(&both, 0), 0);
}

SCENE_MAYBE void check_line(hark_stream *from, hark_stream *to, const char *text)
{
    char line[64];

    CHECK_EQ(hark_stream_write_full(from, text, strlen(text), NULL), 0);
    CHECK_EQ(hark_stream_write_full(from, "\n", 1, NULL), 0);
    CHECK_EQ(hark_stream_line(to, line, sizeof line), (ssize_t)strlen(text));
    CHECK_STR(line, text);
}

#endif
