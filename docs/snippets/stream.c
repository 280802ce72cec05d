/* Says what it is told, in lines, to whoever is at the other end: a socket, a pipe, TLS. */
static int converse(hark_stream *s)
{
    char line[256];
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = hark_stream_line(s, line, sizeof line)) >= 0) {
        line[n++] = '\n';               /* where the zero was */
        rc = hark_stream_write_full(s, line, (size_t)n, NULL);
    }
    if (rc == 0 && n == -ENODATA)       /* the gentle end: it can read all that we said */
        return (int)hark_within(HARK_S(5), hark_stream_finish(s));
    hark_stream_close(s);               /* -EMSGSIZE: a line was too long, and is still there */
    return rc < 0 ? rc : (int)n;
}
