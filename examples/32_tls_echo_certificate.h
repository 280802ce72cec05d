/* SPDX-License-Identifier: MIT
 *
 * 32_tls_echo_certificate.h - a certificate for "localhost", signed by itself and good for an hour,
 * and its key, as two files in a new folder; and the contexts of a server that has it and a client
 * that trusts it. Real servers get theirs from an authority.
 */
#include <hark/tls.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static hark_tls_context *contexts[2];
static char folder[] = "/tmp/hark-tls-XXXXXX", certificate[64], key[64];

static X509 *sign_myself(EVP_PKEY *mine)
{
    X509 *x509 = X509_new();
    X509_NAME *name = X509_get_subject_name(x509);

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"localhost", -1,
                               -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, mine);
    X509_EXTENSION *hosts =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(x509, hosts, -1);
    X509_EXTENSION_free(hosts);
    X509_sign(x509, mine, EVP_sha256());
    return x509;
}

static void end_certificate(void)
{
    hark_tls_context_close(contexts[0]);
    hark_tls_context_close(contexts[1]);
    unlink(certificate);
    unlink(key);
    rmdir(folder);
}

static int write_files(X509 *x509, EVP_PKEY *mine)
{
    FILE *to = fopen(certificate, "w"), *secret = fopen(key, "w");
    int good = to && secret && PEM_write_X509(to, x509) &&
               PEM_write_PrivateKey(secret, mine, NULL, NULL, 0, NULL, NULL);
    good = to && fclose(to) == 0 && good;
    return secret && fclose(secret) == 0 && good;
}

static int make_certificate(hark_tls_context **server, hark_tls_context **client)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    X509 *x509 = mine ? sign_myself(mine) : NULL;

    umask(077); /* nobody else is to read the key */
    if (!x509 || !mkdtemp(folder)) {
        return -1;
    }
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    atexit(end_certificate);
    int good = write_files(x509, mine);
    X509_free(x509);
    EVP_PKEY_free(mine);

    hark_tls_options its = {.size = sizeof its, .certificate = certificate, .key = key};
    hark_tls_options ours = {.size = sizeof ours, .trust = certificate};
    if (!good || hark_tls_context_open(&contexts[0], HARK_TLS_SERVER, &its) < 0 ||
        hark_tls_context_open(&contexts[1], HARK_TLS_CLIENT, &ours) < 0) {
        return -1;
    }
    *server = contexts[0];
    *client = contexts[1];
    return 0;
}
