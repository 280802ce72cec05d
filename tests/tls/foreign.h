/* SPDX-License-Identifier: MIT
 *
 * foreign.h - a peer that is not ours: bare OpenSSL over a stream, for what hark-tls never does.
 */
#ifndef HARK_TESTS_FOREIGN_H
#define HARK_TESTS_FOREIGN_H

#include "certs.h"

struct foreign {
    hark_stream *s;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
};

SCENE_MAYBE int foreign_send(struct foreign *f)
{
    char *bytes;
    const long size = BIO_get_mem_data(f->out, &bytes);
    int error = 0;

    if (size > 0) {
        error = hark_stream_write_full(f->s, bytes, (size_t)size, NULL);
        (void)BIO_reset(f->out);
    }
    return error;
}

/* After a call of OpenSSL's that returned `result`: 1: try it again; 0: it is done; or it failed.
 * */
SCENE_MAYBE int foreign_pump(struct foreign *f, int result)
{
    const int why = SSL_get_error(f->ssl, result);
    char bytes[4096];
    const int error = foreign_send(f);

    if (error || why != SSL_ERROR_WANT_READ) {
        return error ? error : result > 0 ? 0 : -EPROTO;
    }
    const ssize_t count = hark_stream_read(f->s, bytes, sizeof bytes);
    if (count <= 0) {
        return count ? (int)count : -ENODATA;
    }
    CHECK_EQ(BIO_write(f->in, bytes, (int)count), count);
    return 1;
}

SCENE_MAYBE int foreign_shake(void *arg)
{
    struct foreign *f = arg;
    int more;

    do {
        ERR_clear_error();
        more = foreign_pump(f, SSL_do_handshake(f->ssl));
    } while (more == 1);
    ERR_clear_error();
    return 0;
}

/* A server's tickets, many, and then a byte. */
SCENE_MAYBE int foreign_tickets(void *arg)
{
    struct foreign *f = arg;

    for (int i = 0; i < 1000; i++) {
        CHECK(SSL_new_session_ticket(f->ssl));
        ERR_clear_error();
        CHECK_EQ(foreign_pump(f, SSL_do_handshake(f->ssl)), 0);
    }
    CHECK_EQ(foreign_pump(f, SSL_write(f->ssl, "x", 1)), 0);
    return 0;
}

SCENE_MAYBE void foreign_open(struct foreign *f, const SSL_METHOD *method, int level)
{
    f->ctx = SSL_CTX_new(method);
    CHECK(f->ctx);
    SSL_CTX_set_security_level(f->ctx, level);
}

SCENE_MAYBE void foreign_begin(struct foreign *f)
{
    f->ssl = SSL_new(f->ctx);
    f->in = BIO_new(BIO_s_mem());
    f->out = BIO_new(BIO_s_mem());
    CHECK(f->ssl && f->in && f->out);
    BIO_set_mem_eof_return(f->in, -1);
    SSL_set_bio(f->ssl, f->in, f->out);
}

SCENE_MAYBE void foreign_server(struct foreign *f, const struct cert *cert, int level)
{
    foreign_open(f, TLS_server_method(), level);
    CHECK(SSL_CTX_use_certificate(f->ctx, cert->x509));
    CHECK(SSL_CTX_use_PrivateKey(f->ctx, cert->key));
    foreign_begin(f);
    SSL_set_accept_state(f->ssl);
}

SCENE_MAYBE void foreign_end(struct foreign *f)
{
    SSL_free(f->ssl);
    SSL_CTX_free(f->ctx);
    if (f->s->kind) {
        CHECK_EQ(hark_stream_close(f->s), 0);
    }
}

#endif
