/* SPDX-License-Identifier: MIT
 *
 * peers_test.c - hark against programs that were not written by us: nc, socat, curl, bash; and
 * against peers that behave badly.
 *
 * Idea     A program is started with pipes in the place of its standard descriptors; one task feeds
 *          it, one collects what it says, and the test talks to it by the network or by a path.
 * Rules    1  A program that is not installed is a skipped test.
 *          2  Nobody sleeps until somebody else may be ready: a program that listens says so on
 *             stderr, and is believed.
 *          3  Ports are the kernel's choice, paths are in a directory of the test's own.
 */
#include "../io/wire.h"

#include <hark/udp.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>

extern char **environ;

#define PEER(program, name) \
    static void with_##name(void); \
    ON_WIRE(name) \
    { \
        need(program); \
        with_##name(); \
    } \
    static void with_##name(void)

static void need(const char *program)
{
    const char *path = getenv("PATH");
    char name[512];

    for (const char *at = path; at && *at; at += strcspn(at, ":") + (at[strcspn(at, ":")] == ':')) {
        snprintf(name, sizeof name, "%.*s/%s", (int)strcspn(at, ":"), at, program);
        if (access(name, X_OK) == 0) {
            return;
        }
    }
    snprintf(name, sizeof name, "%s is not installed", program);
    SKIP(name);
}

/* ---- programs -------------------------------------------------------------------------------- */

enum { SAID = 2 << 20 };

struct program {
    pid_t pid;
    int in, out, err; /* our ends */
    const unsigned char *feed;
    size_t feed_size;
    unsigned char *said;
    size_t size; /* of what it has said */
};

/* ours[0] is non-blocking, theirs as programs expect it. */
static void pipe_between(int *ours, int *theirs, bool we_read)
{
    int fds[2];

    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    *ours = fds[we_read ? 0 : 1];
    *theirs = fds[we_read ? 1 : 0];
    CHECK_EQ(fcntl(*ours, F_SETFL, O_NONBLOCK), 0);
}

static struct program start(const char *command, ...) __attribute__((format(printf, 1, 2)));

static struct program start(const char *command, ...)
{
    struct program p = {.feed = NULL};
    posix_spawn_file_actions_t actions;
    char line[512];
    char *words[] = {"sh", "-c", line, NULL};
    int in, out, err;
    va_list arguments;

    va_start(arguments, command);
    vsnprintf(line, sizeof line, command, arguments);
    va_end(arguments);
    pipe_between(&p.in, &in, false);
    pipe_between(&p.out, &out, true);
    pipe_between(&p.err, &err, true);
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, in, 0), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, out, 1), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, err, 2), 0);
    CHECK_EQ(posix_spawnp(&p.pid, "sh", &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in);
    close(out);
    close(err);
    return p;
}

static int feeds(void *arg)
{
    struct program *p = arg;
    size_t done = 0;

    CHECK_EQ(hark_write_full(p->in, p->feed, p->feed_size, &done), 0);
    return hark_close(p->in);
}

static int collects(void *arg)
{
    struct program *p = arg;
    ssize_t count;

    while ((count = hark_read(p->out, p->said + p->size, SAID - p->size)) > 0) {
        p->size += (size_t)count;
    }
    CHECK_EQ(count, 0);
    return 0;
}

/* From now on it is fed and heard. */
static void talk(struct program *p, const void *feed, size_t size)
{
    p->feed = feed;
    p->feed_size = size;
    p->said = mmap(NULL, SAID, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p->said != MAP_FAILED);
    CHECK_GT(hark_go(&group, feeds, p), 0);
    CHECK_GT(hark_go(&group, collects, p), 0);
}

/* It has ended well, and has said this. */
static void check_said(struct program *p, const void *expected, size_t size)
{
    int status = -1;

    CHECK_EQ(hark_child_wait(p->pid, &status), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    CHECK_EQ(p->size, size);
    CHECK_EQ(memcmp(p->said, expected, size), 0);
    CHECK_EQ(munmap(p->said, SAID), 0);
    CHECK_EQ(hark_close(p->out), 0);
    CHECK_EQ(hark_close(p->err), 0);
    CHECK_EQ(hark_group_open(&group), 0);
}

/* What it says on stderr until it listens: a port stands at the end of that line. */
static void until_it_listens(const struct program *p, char *port, size_t room)
{
    char text[1024] = "";
    size_t used = 0;
    const char *line;

    while (!(line = strcasestr(text, "listening on")) || !strchr(line, '\n')) {
        const ssize_t count = hark_read(p->err, text + used, sizeof text - 1 - used);
        CHECK_GT(count, 0);
        used += (size_t)count;
        text[used] = '\0';
    }
    size_t length = strcspn(line, "\n"), from = length;
    while (from > 0 && line[from - 1] >= '0' && line[from - 1] <= '9') {
        from--;
    }
    snprintf(port, room, "%.*s", (int)(length - from), line + from);
}

static unsigned char bytes[1 << 20];

static int listen_here(void)
{
    const int listener = hark_tcp_listen("127.0.0.1", "0", 8);

    CHECK_GE(listener, 0);
    put_bytes(bytes, 0, sizeof bytes);
    return listener;
}

static char folder[64], path[96];

static void new_path(void)
{
    snprintf(folder, sizeof folder, "/tmp/hark-peers-XXXXXX");
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    put_bytes(bytes, 0, sizeof bytes);
}

static void forget_path(void)
{
    unlink(path);
    CHECK_EQ(rmdir(folder), 0);
}

/* ---- what hark does with a connection -------------------------------------------------------- */

/* Back with each byte, until there are no more; then the end, too. */
static void echo(int fd)
{
    static unsigned char buffer[1 << 14];
    size_t total = 0;
    ssize_t count;

    while ((count = hark_read(fd, buffer, sizeof buffer)) > 0) {
        check_bytes(buffer, total, (size_t)count);
        CHECK_EQ(hark_write_full(fd, buffer, (size_t)count, NULL), 0);
        total += (size_t)count;
    }
    CHECK_EQ(count, 0);
    CHECK_EQ(total, sizeof bytes);
    CHECK_EQ(hark_close(fd), 0);
}

static void echo_the_next(int listener)
{
    const int fd = hark_accept(listener, NULL, NULL);

    CHECK_GE(fd, 0);
    echo(fd);
    CHECK_EQ(hark_close(listener), 0);
}

/* All is heard before a word is said: the other side must close its half and go on reading. */
static void answer_the_end(int listener)
{
    const int fd = hark_accept(listener, NULL, NULL);
    char byte;
    size_t total = 0;
    ssize_t count;

    CHECK_GE(fd, 0);
    while ((count = hark_read(fd, &byte, 1)) > 0) {
        total++;
    }
    CHECK_EQ(count, 0);
    CHECK_EQ(total, 5);
    CHECK_EQ(hark_write(fd, "thanks", 6), 6);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

/* As a client of what echoes, then closes its half and hears the end. Step by step, for socat
 * blocks for ever in the pipe of its own PIPE when that is full. */
static void be_echoed(int fd)
{
    enum { STEP = 4096 };
    static unsigned char buffer[STEP];

    for (size_t total = 0; total < sizeof bytes; total += STEP) {
        CHECK_EQ(hark_write_full(fd, bytes + total, STEP, NULL), 0);
        CHECK_EQ(hark_read_full(fd, buffer, STEP, NULL), 0);
        check_bytes(buffer, total, STEP);
    }
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
    CHECK_EQ(hark_read(fd, buffer, 1), 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

PEER("socat", peer_socat_is_echoed)
{
    const int listener = listen_here();
    struct program p = start("exec socat -t 10 - TCP4:127.0.0.1:%d", hark_tcp_port(listener));

    talk(&p, bytes, sizeof bytes);
    echo_the_next(listener);
    check_said(&p, bytes, sizeof bytes);
}

PEER("nc", peer_nc_is_echoed)
{
    const int listener = listen_here();
    struct program p = start("exec nc -N 127.0.0.1 %d", hark_tcp_port(listener));

    talk(&p, bytes, sizeof bytes);
    echo_the_next(listener);
    check_said(&p, bytes, sizeof bytes);
}

PEER("nc", peer_nc_closes_its_half_and_hears_the_answer)
{
    const int listener = listen_here();
    struct program p = start("exec nc -N 127.0.0.1 %d", hark_tcp_port(listener));

    talk(&p, "hello", 5);
    answer_the_end(listener);
    check_said(&p, "thanks", 6);
}

PEER("bash", peer_bash_speaks_tcp)
{
    const int listener = listen_here();
    struct program p = start("exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; printf hello >&3; "
                             "read -r -N 6 -u 3 answer; printf %%s \"$answer\"'",
                             hark_tcp_port(listener));
    char heard[5];

    talk(&p, "", 0);
    const int fd = hark_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_read_full(fd, heard, 5, NULL), 0);
    CHECK_EQ(memcmp(heard, "hello", 5), 0);
    CHECK_EQ(hark_write(fd, "thanks", 6), 6);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    check_said(&p, "thanks", 6);
}

PEER("socat", peer_socat_echoes)
{
    char port[16];
    struct program p = start("exec socat -d -d TCP4-LISTEN:0,bind=127.0.0.1 PIPE");

    put_bytes(bytes, 0, sizeof bytes);
    until_it_listens(&p, port, sizeof port);
    const int fd = hark_tcp_connect("127.0.0.1", port);
    CHECK_GE(fd, 0);
    talk(&p, "", 0);
    be_echoed(fd);
    check_said(&p, "", 0);
}

PEER("nc", peer_nc_listens)
{
    char port[16], heard[6];
    struct program p = start("exec nc -lvN 127.0.0.1 0");

    until_it_listens(&p, port, sizeof port);
    const int fd = hark_tcp_connect("127.0.0.1", port);
    CHECK_GE(fd, 0);
    talk(&p, "hello", 5);
    CHECK_EQ(hark_read_full(fd, heard, 5, NULL), 0);
    CHECK_EQ(memcmp(heard, "hello", 5), 0);
    CHECK_EQ(hark_write(fd, "thanks", 6), 6);
    CHECK_EQ(hark_close(fd), 0);
    check_said(&p, "thanks", 6);
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

PEER("socat", peer_socat_is_echoed_on_a_unix_socket)
{
    new_path();
    const int listener = hark_unix_listen(path, 4);
    CHECK_GE(listener, 0);
    struct program p = start("exec socat -t 10 - UNIX-CONNECT:%s", path);

    talk(&p, bytes, sizeof bytes);
    echo_the_next(listener);
    check_said(&p, bytes, sizeof bytes);
    forget_path();
}

PEER("nc", peer_nc_is_answered_on_a_unix_socket)
{
    new_path();
    const int listener = hark_unix_listen(path, 4);
    CHECK_GE(listener, 0);
    struct program p = start("exec nc -NU %s", path);

    talk(&p, "hello", 5);
    answer_the_end(listener);
    check_said(&p, "thanks", 6);
    forget_path();
}

PEER("socat", peer_socat_echoes_on_a_unix_socket)
{
    char none[16];

    new_path();
    struct program p = start("exec socat -d -d UNIX-LISTEN:%s PIPE", path);
    until_it_listens(&p, none, sizeof none);
    const int fd = hark_unix_connect(path);
    CHECK_GE(fd, 0);
    talk(&p, "", 0);
    be_echoed(fd);
    check_said(&p, "", 0);
    forget_path();
}

/* ---- UDP ------------------------------------------------------------------------------------- */

/* One line is one datagram; the answer comes back on the same port. */
PEER("socat", peer_socat_sends_a_datagram_and_is_answered)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char heard[64];
    const int fd = hark_udp_open("127.0.0.1", "0");
    CHECK_GE(fd, 0);
    struct program p = start("exec socat -t 0.01 - UDP4:127.0.0.1:%d", hark_udp_port(fd));

    CHECK_EQ(hark_write(p.in, "hello", 5), 5);
    CHECK_EQ(hark_udp_recv(fd, heard, sizeof heard, (struct sockaddr *)&from, &length), 5);
    CHECK_EQ(memcmp(heard, "hello", 5), 0);
    CHECK_EQ(hark_udp_send(fd, "thanks", 6, (struct sockaddr *)&from, length), 6);
    CHECK_EQ(hark_read_full(p.out, heard, 6, NULL), 0); /* only then is its input at an end */
    CHECK_EQ(memcmp(heard, "thanks", 6), 0);
    CHECK_EQ(hark_close(fd), 0);
    talk(&p, "", 0);
    check_said(&p, "", 0);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* The head of a request, up to its empty line; what of the body has come with it stays behind it.
 * */
static size_t read_head(int fd, char *text, size_t room, size_t *head)
{
    const char *end;
    size_t used = 0;

    text[0] = '\0';
    while (!(end = strstr(text, "\r\n\r\n"))) {
        const ssize_t count = hark_read(fd, text + used, room - 1 - used);
        CHECK_GT(count, 0);
        used += (size_t)count;
        text[used] = '\0';
    }
    *head = (size_t)(end - text) + 4;
    return used;
}

static void answer(int fd, const void *body, size_t size)
{
    char head[128];
    const int length = snprintf(head, sizeof head,
                                "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n"
                                "Content-Type: application/octet-stream\r\n\r\n",
                                size);

    CHECK_EQ(hark_write_full(fd, head, (size_t)length, NULL), 0);
    CHECK_EQ(hark_write_full(fd, body, size, NULL), 0);
}

PEER("curl", peer_curl_gets_a_mebibyte)
{
    static char text[4096];
    const int listener = listen_here();
    size_t head;
    struct program p =
        start("exec curl -sS --noproxy '*' -0 http://127.0.0.1:%d/it", hark_tcp_port(listener));

    talk(&p, "", 0);
    const int fd = hark_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    read_head(fd, text, sizeof text, &head);
    CHECK_EQ(strncmp(text, "GET /it HTTP/1.0\r\n", 18), 0);
    answer(fd, bytes, sizeof bytes);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    check_said(&p, bytes, sizeof bytes);
}

PEER("curl", peer_curl_posts_a_mebibyte)
{
    static char text[1 << 16];
    static unsigned char body[sizeof bytes];
    const int listener = listen_here();
    size_t head, used;
    struct program p = start("exec curl -sS --noproxy '*' -0 -H Expect: --data-binary @- "
                             "http://127.0.0.1:%d/it",
                             hark_tcp_port(listener));

    talk(&p, bytes, sizeof bytes);
    const int fd = hark_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    used = read_head(fd, text, sizeof text, &head);
    CHECK_HAS(text, "Content-Length: 1048576");
    memcpy(body, text + head, used - head);
    CHECK_EQ(hark_read_full(fd, body + used - head, sizeof body - (used - head), NULL), 0);
    check_bytes(body, 0, sizeof body);
    answer(fd, "thanks", 6);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
    check_said(&p, "thanks", 6);
}

/* ---- peers that behave badly (N4) ------------------------------------------------------------ */

/* A plain socket that is connected to the listener; closing it resets the connection. */
static int rude_client(int listener)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)hark_tcp_port(listener)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_GE(fd, 0);
    CHECK_EQ(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    return fd;
}

static int resets(void *fd)
{
    return close(*(int *)fd);
}

ON_WIRE(peer_N4_resets_before_it_is_accepted)
{
    const int listener = listen_here();
    char byte;

    close(rude_client(listener));
    const int fd = hark_accept(listener, NULL, NULL); /* Linux gives it out all the same */
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_read(fd, &byte, 1), -ECONNRESET);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

static int accept_rude(int listener, int *client)
{
    *client = rude_client(listener);
    const int fd = hark_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(listener), 0);
    return fd;
}

ON_WIRE(peer_N4_resets_while_it_is_read_from)
{
    int client;
    char byte;
    const int fd = accept_rude(listen_here(), &client);

    CHECK_GT(hark_go(&group, resets, &client), 0);
    CHECK_EQ(hark_read(fd, &byte, 1), -ECONNRESET); /* it waits when the reset comes */
    CHECK_EQ(hark_read(fd, &byte, 1), 0);           /* told once; then it is over */
    CHECK_EQ(hark_write(fd, &byte, 1), -EPIPE);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(peer_N4_resets_while_it_is_written_to)
{
    int client;
    size_t done = 0;
    const int fd = accept_rude(listen_here(), &client);

    stuff(fd);
    CHECK_GT(hark_go(&group, resets, &client), 0);
    CHECK_EQ(hark_write_full(fd, bytes, sizeof bytes, &done), -ECONNRESET);
    CHECK_EQ(done, 0);
    CHECK_EQ(hark_write(fd, bytes, 1), -EPIPE);
    CHECK_EQ(hark_close(fd), 0);
}

/* Linux keeps what came before the reset. */
ON_WIRE(peer_N4_resets_when_what_it_said_is_not_read_yet)
{
    int client;
    char byte;
    const int fd = accept_rude(listen_here(), &client);

    CHECK_EQ(write(client, "x", 1), 1);
    CHECK_EQ(hark_wait_fd(fd, POLLIN) & POLLIN, POLLIN);
    CHECK_EQ(close(client), 0);
    CHECK_EQ(hark_read(fd, &byte, 1), 1);
    CHECK_EQ(hark_read(fd, &byte, 1), -ECONNRESET);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(peer_N4_resets_after_its_half_was_closed)
{
    int client;
    char byte;
    const int fd = accept_rude(listen_here(), &client);

    CHECK_EQ(shutdown(client, SHUT_WR), 0);
    CHECK_EQ(hark_read(fd, &byte, 1), 0);
    stuff(fd);
    CHECK_EQ(close(client), 0);
    CHECK_EQ(hark_write_full(fd, bytes, sizeof bytes, NULL), -EPIPE); /* as after any end */
    CHECK_EQ(hark_close(fd), 0);
}

/* A server that resets while hark connects and reads. */
ON_WIRE(peer_N4_a_server_that_resets)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    const int listener = listen_here();
    const int fd = dial(listener);
    char byte;

    const int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK_GE(server, 0);
    CHECK_EQ(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    CHECK_EQ(close(server), 0);
    CHECK_EQ(hark_read(fd, &byte, 1), -ECONNRESET);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_close(listener), 0);
}

/* Only the one who writes to it waits, and a deadline ends that. */
ON_WIRE(peer_that_never_reads_stops_its_writer_only)
{
    int client;
    size_t done = 0;
    const int fd = accept_rude(listen_here(), &client);

    ticks.stop = false;
    CHECK_GT(hark_go(&group, tick, NULL), 0);
    stuff(fd);
    CHECK_EQ(hark_within(HARK_MS(20), hark_write_full(fd, bytes, sizeof bytes, &done)), -ETIMEDOUT);
    CHECK_EQ(done, 0);
    CHECK_GT(ticks.count, 10);
    ticks.stop = true;
    CHECK_EQ(close(client), 0);
    CHECK_EQ(hark_close(fd), 0);
}
