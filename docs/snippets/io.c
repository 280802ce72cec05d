/* What the server at host and port has to say, on the standard output. */
static int fetch(const char *host, const char *port)
{
    char buffer[4096];
    ssize_t n = 0;
    int rc = 0, fd = hark_tcp_connect(host, port);
    if (fd < 0) {
        fprintf(stderr, "%s\n", hark_error_last());
        return fd;
    }
    while (rc == 0 && (n = hark_read(fd, buffer, sizeof buffer)) > 0)
        rc = hark_write_full(STDOUT_FILENO, buffer, (size_t)n, NULL);
    hark_close(fd);
    return rc < 0 ? rc : (int)n;
}
