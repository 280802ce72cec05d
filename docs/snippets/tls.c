#include <hark/tls.h>

/* The first line that the server has to say; it is who it says, or nothing is sent. */
static int ask(const char *host, char *line, size_t size)
{
    hark_tls_context *trust;            /* for one connection; usually made once */
    hark_stream s;
    int rc = hark_tls_context_open(&trust, HARK_TLS_CLIENT, NULL);
    if (rc < 0)
        return rc;
    rc = hark_tls_connect(&s, trust, host, "443");
    if (rc == 0) {
        rc = hark_stream_write_full(&s, "HEAD / HTTP/1.0\r\n\r\n", 19, NULL);
        if (rc == 0)
            rc = (int)hark_stream_line(&s, line, size);
        hark_stream_close(&s);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", hark_error_last());
    hark_tls_context_close(trust);      /* it ends with its last session */
    return rc;
}
