/* SPDX-License-Identifier: MIT
 *
 * certs.h - an authority of the test's own, and certificates of all sorts.
 *
 * Idea     Nothing of this is kept anywhere: each test makes what it needs when it runs, in memory,
 *          and writes it as PEM into a folder of its own, which it removes. Keys are of P-256,
 *          which are made in no time.
 * Rules    1  certs_begin makes the folder and the authority "root"; certs_end removes all of it.
 *          2  A certificate is known by its name, and so are its files: certs_pem, certs_key.
 */
#ifndef HARK_TESTS_CERTS_H
#define HARK_TESTS_CERTS_H

#include "../sync/scene.h"

#include <hark/tls.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

struct cert_spec {
    const char *name;   /* of the certificate, and its subject */
    const char *hosts;  /* "DNS:localhost,IP:127.0.0.1"; NULL: these two */
    const char *use;    /* "serverAuth" (NULL), "clientAuth" */
    const char *issuer; /* NULL: "root"; its own name: self-signed */
    long from, to;      /* seconds from now; 0 and 0: yesterday, tomorrow */
    int rsa;            /* bits; 0: P-256 */
    bool authority;
    bool sha1;
};

struct cert {
    char name[32];
    X509 *x509;
    EVP_PKEY *key;
};

enum { CERTS = 16, CERTS_PATH = 128 };
SCENE_MAYBE struct cert certs[CERTS];
SCENE_MAYBE int certs_count;
SCENE_MAYBE char certs_folder[96];

SCENE_MAYBE const char *certs_path(const char *name, const char *kind)
{
    static char paths[8][CERTS_PATH];
    static int turn;
    char *path = paths[turn++ % 8];

    CHECK_LT(snprintf(path, sizeof paths[0], "%s/%s.%s", certs_folder, name, kind), CERTS_PATH);
    return path;
}

/* For longer than the next few. */
SCENE_MAYBE void certs_keep(char to[CERTS_PATH], const char *path)
{
    CHECK_LT(snprintf(to, CERTS_PATH, "%s", path), CERTS_PATH);
}

SCENE_MAYBE const char *certs_pem(const char *name)
{
    return certs_path(name, "pem");
}

SCENE_MAYBE const char *certs_key(const char *name)
{
    return certs_path(name, "key");
}

SCENE_MAYBE struct cert *certs_find(const char *name)
{
    for (int i = 0; i < certs_count; i++) {
        if (strcmp(certs[i].name, name) == 0) {
            return &certs[i];
        }
    }
    return NULL;
}

SCENE_MAYBE void certs_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension);
    CHECK(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

/* The certificate, and that of its issuer if it is not the root. */
SCENE_MAYBE void certs_write(const struct cert *cert, const struct cert *issuer)
{
    FILE *file = fopen(certs_pem(cert->name), "w");
    CHECK(file && PEM_write_X509(file, cert->x509));
    if (issuer != cert && strcmp(issuer->name, "root") != 0) {
        CHECK(PEM_write_X509(file, issuer->x509));
    }
    CHECK_EQ(fclose(file), 0);
    file = fopen(certs_key(cert->name), "w");
    CHECK(file && chmod(certs_key(cert->name), 0600) == 0);
    CHECK(PEM_write_PrivateKey(file, cert->key, NULL, NULL, 0, NULL, NULL));
    CHECK_EQ(fclose(file), 0);
}

SCENE_MAYBE void certs_fill(X509 *x509, const struct cert_spec *spec, X509 *issuer)
{
    static long serial;
    X509_NAME *name = X509_get_subject_name(x509);
    const bool dated = spec->from || spec->to;

    CHECK(X509_set_version(x509, X509_VERSION_3));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->name,
                                     -1, -1, 0));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x509), dated ? spec->from : -86400));
    CHECK(X509_gmtime_adj(X509_getm_notAfter(x509), dated ? spec->to : 86400));
    CHECK(X509_set_issuer_name(x509, X509_get_subject_name(issuer)));
    certs_extend(x509, issuer, NID_basic_constraints,
                 spec->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!spec->authority) {
        certs_extend(x509, issuer, NID_ext_key_usage, spec->use ? spec->use : "serverAuth");
        certs_extend(x509, issuer, NID_subject_alt_name,
                     spec->hosts ? spec->hosts : "DNS:localhost,IP:127.0.0.1");
    }
}

SCENE_MAYBE struct cert *certs_make(const struct cert_spec *spec)
{
    struct cert *cert = certs_find(spec->name), *issuer;

    if (cert) { /* a newer one of that name */
        X509_free(cert->x509);
        EVP_PKEY_free(cert->key);
    } else {
        CHECK_LT(certs_count, CERTS);
        cert = &certs[certs_count++];
        snprintf(cert->name, sizeof cert->name, "%s", spec->name);
    }
    issuer = certs_find(spec->issuer ? spec->issuer : "root");
    CHECK(issuer);
    cert->key = spec->rsa ? EVP_RSA_gen((size_t)spec->rsa) : EVP_EC_gen("P-256");
    cert->x509 = X509_new();
    CHECK(cert->key && cert->x509);
    certs_fill(cert->x509, spec, issuer->x509);
    CHECK(X509_set_pubkey(cert->x509, cert->key));
    CHECK(X509_sign(cert->x509, issuer->key, spec->sha1 ? EVP_sha1() : EVP_sha256()));
    certs_write(cert, issuer);
    return cert;
}

SCENE_MAYBE void certs_begin(void)
{
    const char *folder = getenv("TMPDIR");

    CHECK_LT(snprintf(certs_folder, sizeof certs_folder, "%s/hark-certs-XXXXXX",
                      folder ? folder : "/tmp"),
             sizeof certs_folder);
    CHECK(mkdtemp(certs_folder));
    snprintf(certs[0].name, sizeof certs[0].name, "root");
    certs_count = 1;
    certs[0].x509 = NULL;
    certs[0].key = NULL;
    certs_make(&(struct cert_spec){.name = "root", .authority = true});
}

SCENE_MAYBE void certs_end(void)
{
    for (int i = 0; i < certs_count; i++) {
        unlink(certs_pem(certs[i].name));
        unlink(certs_key(certs[i].name));
        X509_free(certs[i].x509);
        EVP_PKEY_free(certs[i].key);
    }
    certs_count = 0;
    CHECK_EQ(rmdir(certs_folder), 0);
}

#endif
