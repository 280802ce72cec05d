static hark_server server;

static int greet(void *name, int fd)    /* in a task of its own; fd is closed behind it */
{
    char line[80];
    int n = snprintf(line, sizeof line, "this is %s\n", (char *)name);
    return hark_write_full(fd, line, (size_t)n, NULL);
}

static void stop(void *grace)           /* a callback: on a signal, at a time */
{
    hark_server_stop(&server, *(int64_t *)grace);
}

static int serve(void *name)
{
    hark_serve_options options = {.size = sizeof options, .limit = 1000, .server = &server};
    int listener = hark_tcp_listen(NULL, "7777", 0);
    return listener < 0 ? listener : hark_serve(&options, listener, greet, name);
}
