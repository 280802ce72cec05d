/* SPDX-License-Identifier: MIT
 *
 * tls.h - what the files of this room share.
 *
 *     words.c      what OpenSSL means, as a code and words
 *     tickets.c    what servers seal their tickets with; what clients keep of them
 *     context.c    files, trust, names: contexts, and the sets of certificates in them
 *     session.c    a session as a stream: bytes between OpenSSL and the stream below
 *     handshake.c  how a session begins, and what was agreed on
 *
 * Idea     OpenSSL never sees a descriptor. It reads and writes memory (a pair of BIOs), so that no
 *          call into it ever waits; the bytes are carried between that memory and the stream below
 *          by the task that needs it.
 * Rules    X1  No task waits inside a call of OpenSSL's, and its error queue, which belongs to the
 *              thread and so to all tasks together, is emptied before each and read after it.
 *          X2  Memory comes from OpenSSL's allocator: one door, so that one test can close it.
 *          X3  Contexts are shared by threads; sessions belong to one loop at a time.
 *          X4  Public headers of hark only (this is a component).
 */
#ifndef HARK_SRC_TLS_TLS_H
#define HARK_SRC_TLS_TLS_H

#include <hark/error.h>
#include <hark/event.h>
#include <hark/group.h>
#include <hark/io.h>
#include <hark/scope.h>
#include <hark/thread.h>
#include <hark/time.h>
#include <hark/tls.h>
#include <hark/watch.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { HOST_MOST = 253, WORDS_MOST = 160, WHO_MOST = 64 };

/* ---- words.c --------------------------------------------------------------------------------- */

/* What a call of OpenSSL's has left in the error queue, as a code; text gets words. Empties it. */
int hark__tls_verdict(SSL *ssl, char text[WORDS_MOST]);

/* The same for reading files. */
int hark__tls_file_verdict(const char *what, const char *path);

/* ---- tickets.c ------------------------------------------------------------------------------- */

struct hark__tls_seal {
    unsigned char name[16], cipher[32], mac[32];
    bool there;
};

struct hark__tls_seals {
    pthread_mutex_t lock;
    struct hark__tls_seal now, before;
    int64_t since;
};

typedef struct hark__tls_session hark__tls_session;
typedef struct hark__tls_set hark__tls_set;

void hark__tls_seals_open(struct hark__tls_seals *seals);
void hark__tls_seals_close(struct hark__tls_seals *seals);
/* New ones, if those that there are have become old. */
int hark__tls_seals_turn(struct hark__tls_seals *seals, int64_t now);
void hark__tls_seals_use(SSL_CTX *ctx);

/* A client's tickets: the latest of each host, of so many hosts. */
enum { TICKETS = 32 };
struct hark__tls_ticket {
    char host[HOST_MOST + 1];
    SSL_SESSION *ticket; /* NULL: free */
    uint64_t used;       /* the smaller, the longer ago */
};

void hark__tls_tickets_keep(SSL_CTX *ctx);
SSL_SESSION *hark__tls_ticket_take(hark_tls_context *context, const char *host);
/* With the context's lock. */
void hark__tls_tickets_drop(hark_tls_context *context);

/* ---- context.c ------------------------------------------------------------------------------- */

struct hark__tls_named {
    char *pattern, *certificate, *key;
    SSL_CTX *ctx;
};

/* What the files said when they were read. Never changed, but for its seals. */
struct hark__tls_set {
    atomic_int holds;
    SSL_CTX *first;
    struct hark__tls_named *named;
    size_t count;
    struct hark__tls_seals seals;
};

struct hark_tls_context {
    atomic_int holds;
    enum hark_tls_side side;
    hark_tls_options options; /* the texts are ours */
    unsigned char *alpn;      /* as it is sent */
    unsigned alpn_size;
    pthread_mutex_t files; /* whoever reads them: one at a time */
    pthread_mutex_t lock;  /* of what follows */
    hark__tls_set *set;
    struct hark__tls_ticket *tickets;
    uint64_t clock; /* counts the uses of tickets */
};

hark__tls_set *hark__tls_set_hold(hark_tls_context *context);
void hark__tls_set_drop(hark__tls_set *set);
void hark__tls_context_hold(hark_tls_context *context);

/* ---- session.c ------------------------------------------------------------------------------- */

/* One of two tasks, the one that reads and the one that writes, may use a direction of what lies
 * below; the other waits. */
struct hark__tls_turn {
    bool taken;
    hark_event *other; /* who waits for it */
};

enum hark__tls_step { STEP_DONE, STEP_READ, STEP_WRITE, STEP_END, STEP_FAILED };

struct hark__tls_session {
    SSL *ssl;
    BIO *wire; /* our side of the memory that OpenSSL reads and writes */
    hark_stream below;
    struct hark__tls_turn in, out;
    int holds; /* the stream's, and one of each task in a call */
    bool shaken, closing, closed;
    bool pushes; /* the loop sends what a writer has left */
    hark_watch push;
    int broken; /* OpenSSL has given up: -errno */
    hark_tls_context *context;
    hark__tls_set *set;
    char *peer;               /* the subject of its certificate; NULL: none */
    char alpn[256];           /* the protocol; "": none */
    char words[WORDS_MOST];   /* why it broke */
    char who[WHO_MOST];       /* whose certificate was not good */
    char host[HOST_MOST + 1]; /* client: of whom we want to see a certificate */
};

extern const hark_stream_class hark__tls_kind;

hark__tls_session *hark__tls_session_of(const hark_stream *s);

/* Judges a call that returned `result`; STEP_FAILED: `broken` and `words` say why. */
enum hark__tls_step hark__tls_judge(hark__tls_session *t, int result);
int hark__tls_fill(hark__tls_session *t);       /* waits for bytes from below */
int hark__tls_flush(hark__tls_session *t);      /* waits until all is sent */
void hark__tls_flush_now(hark__tls_session *t); /* sends what there is room for */
void hark__tls_leave(hark__tls_session *t);
int hark__tls_end(hark__tls_session *t); /* closes what lies below, and leaves */

#endif
