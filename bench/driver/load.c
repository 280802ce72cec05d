/* SPDX-License-Identifier: MIT
 *
 * load.c - the clients of a server: many connections, on each one request on its way.
 *
 * Closed loop: a client sends its next request when the last is answered, so the server is never
 * flooded and the round trip is the whole wait. What is said is the question's: an echo's answer is
 * the request; HTTP's has a head, the length of which is learnt from the first answer. The server's
 * processor time is read from its clock, from outside; it needs no help from the server, and every
 * server is judged alike.
 *
 * Rules
 *   1  All servers meet the same load; it runs in the driver's own process, on the other processor.
 *   2  Nothing counts before the warm-up is over; what is under way at either end counts for the
 *      side on which it ends.
 *   3  The round trips go into a histogram with 3 % wide steps: no list, no sorting, no sampling.
 *   4  A connection that fails ends the run, with words: errors are not figures. So does an answer
 *      that is none, or too long: each is looked at.
 */
#include "driver.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER 2048 /* longer ones are none */
#define STEPS  32   /* of the histogram, per power of two */
#define POWERS 40

typedef struct {
    int fd;
    int64_t sent;
    long count;
    size_t got;
    char *part; /* of an answer that does not come in one piece */
} client;

typedef struct {
    client *clients;
    int count, epoll;
    bool measuring;
    const talk *talk;
    size_t request, begin, end; /* sizes */
    size_t answer;              /* its size; 0: not known yet */
    char buffer[ANSWER];
    long messages, histogram[STEPS * POWERS];
    char why[128];
} crowd;

static int step_of(int64_t ns)
{
    uint64_t v = ns > STEPS ? (uint64_t)ns : STEPS;
    int power = 63 - __builtin_clzll(v);
    int step = (int)(v >> (power - 5)) - STEPS; /* 2^5 == STEPS */
    int at = (power - 5) * STEPS + step;
    return at < STEPS * POWERS ? at : STEPS * POWERS - 1;
}

static double value_of(int at)
{
    double low = (double)(STEPS + at % STEPS) * (double)(1ull << (at / STEPS));
    return low * (1 + 0.5 / STEPS);
}

static double percentile(const crowd *w, double part)
{
    long seen = 0, wanted = (long)(w->messages * part);
    for (int i = 0; i < STEPS * POWERS; i++)
        if ((seen += w->histogram[i]) > wanted)
            return value_of(i);
    return 0;
}

static bool trouble(crowd *w, const char *what)
{
    if (!w->why[0])
        snprintf(w->why, sizeof w->why, "%s: %s%s", what, errno ? strerror(errno) : "end of file",
                 errno == EMFILE ? " (see ulimit -n)" : "");
    return false;
}

static bool send_request(crowd *w, client *c)
{
    c->got = 0;
    c->sent = now_ns();
    if (send(c->fd, w->talk->request, w->request, MSG_NOSIGNAL) != (ssize_t)w->request)
        return trouble(w, "a client's send");
    return true;
}

/* The whole answer's size; 0 as long as that cannot be told. */
static size_t answer_size(crowd *w, const char *answer, size_t got)
{
    if (!w->answer) {
        const char *blank = memmem(answer, got, "\r\n\r\n", 4);
        w->answer = blank ? (size_t)(blank - answer) + 4 + w->end : 0;
    }
    return w->answer;
}

static bool is_answer(const crowd *w, const char *answer)
{
    return memcmp(answer, w->talk->begin, w->begin) == 0 &&
           memcmp(answer + w->answer - w->end, w->talk->end, w->end) == 0;
}

/* The rest of it is still to come. */
static bool keep(crowd *w, client *c)
{
    if (c->part)
        return true;
    c->part = malloc(ANSWER);
    if (!c->part)
        return trouble(w, "malloc");
    memcpy(c->part, w->buffer, c->got);
    return true;
}

static bool take(crowd *w, client *c)
{
    char *answer = c->part ? c->part : w->buffer;
    errno = 0;
    ssize_t n = recv(c->fd, answer + c->got, ANSWER - c->got, 0);
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n <= 0)
        return trouble(w, "a client's recv");
    c->got += (size_t)n;
    size_t size = answer_size(w, answer, c->got);
    if (c->got < ANSWER && (size == 0 || c->got < size))
        return keep(w, c);
    if (c->got != size || !is_answer(w, answer))
        return errno = EPROTO, trouble(w, "this is no answer");
    if (w->measuring) {
        w->histogram[step_of(now_ns() - c->sent)]++;
        w->messages++;
        c->count++;
    }
    return send_request(w, c);
}

static bool join(crowd *w, client *c, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return trouble(w, "a client's socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        return trouble(w, "a client's connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
        return trouble(w, "epoll_ctl");
    return send_request(w, c);
}

static bool serve_until(crowd *w, int64_t until)
{
    struct epoll_event events[256];
    while (now_ns() < until && !interrupted()) {
        int n = epoll_wait(w->epoll, events, COUNT(events), 20);
        for (int i = 0; i < n; i++)
            if (!take(w, events[i].data.ptr))
                return false;
    }
    return true;
}

static double server_cpu(pid_t server)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(server, &clock) == 0)
        clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void say(const crowd *w, double seconds, double cpu, result *r)
{
    long least = w->messages;
    for (int i = 0; i < w->count; i++)
        least = w->clients[i].count < least ? w->clients[i].count : least;
    answer_add(r, "ns_cpu_per_message", cpu / (double)w->messages, "ns");
    answer_add(r, "messages_per_s", (double)w->messages / seconds, "/s");
    answer_add(r, "p50_us", percentile(w, 0.50) / 1000, "us");
    answer_add(r, "p99_us", percentile(w, 0.99) / 1000, "us");
    answer_add(r, "least_served", 100.0 * (double)least * w->count / (double)w->messages, "%");
}

static void prepare(crowd *w, const load *l)
{
    memset(w, 0, sizeof *w);
    w->count = l->connections;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->talk = l->talk;
    w->request = strlen(l->talk->request);
    w->begin = strlen(l->talk->begin);
    w->end = strlen(l->talk->end);
    w->answer = w->begin ? 0 : w->end;
}

void load_run(const load *l, result *r)
{
    crowd w;
    bool good = true;
    prepare(&w, l);
    w.clients = calloc((size_t)l->connections, sizeof *w.clients);
    for (int i = 0; i < w.count; i++)
        w.clients[i].fd = -1;
    for (int i = 0; good && i < w.count; i++)
        good = join(&w, &w.clients[i], l->port);
    good = good && serve_until(&w, now_ns() + l->warm);
    if (good) {
        double cpu = server_cpu(l->server);
        int64_t start = now_ns();
        w.measuring = true;
        good = serve_until(&w, start + l->measured);
        if (good && w.messages > 0)
            say(&w, (double)(now_ns() - start) / 1e9, server_cpu(l->server) - cpu, r);
        else if (good)
            snprintf(w.why, sizeof w.why, "nothing came back");
    }
    for (int i = 0; i < w.count; i++) {
        free(w.clients[i].part);
        if (w.clients[i].fd >= 0)
            close(w.clients[i].fd);
    }
    close(w.epoll);
    free(w.clients);
    snprintf(r->why, sizeof r->why, "%s", w.why);
}
