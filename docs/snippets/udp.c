/* Sends back what comes. */
static int echo(const char *port)
{
    char data[2048];
    struct sockaddr_storage from;
    ssize_t n;
    int fd = hark_udp_open(NULL, port);
    if (fd < 0)
        return fd;
    do {
        socklen_t length = sizeof from;
        n = hark_udp_recv(fd, data, sizeof data, (struct sockaddr *)&from, &length);
        if (n >= 0)                     /* 0 is a datagram, too; what fails is its affair */
            hark_udp_send(fd, data, (size_t)n, (struct sockaddr *)&from, length);
    } while (n >= 0 || n == -EMSGSIZE); /* larger than ours: its rest is lost */
    hark_close(fd);
    return (int)n;
}
