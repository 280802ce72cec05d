/* SPDX-License-Identifier: MIT
 *
 * serve_test.c - servers: each connection its task, limits, failures, and the three ways to end.
 */
#include "wire.h"

static hark_server server;
static int listener, more[2];
static hark_task serving;

static hark_serve_options plain(void)
{
    return (hark_serve_options){.size = sizeof(hark_serve_options), .server = &server};
}

/* ---- the server's side ----------------------------------------------------------------------- */

static int echo(void *arg, int fd)
{
    char buffer[64];
    ssize_t n;
    (void)arg;
    while ((n = hark_read(fd, buffer, sizeof buffer)) > 0) {
        if ((n = hark_write_full(fd, buffer, (size_t)n, NULL)) < 0) {
            break;
        }
    }
    return (int)n;
}

static hark_serve_options options;
static hark_serve_fn *handler;

static int run_server(void *arg)
{
    const int rc = hark_serve(&options, listener, handler, arg);
    kit_log("ended:%s", outcome(rc));
    return 0;
}

static void begin(hark_serve_fn *fn)
{
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_GE(listener, 0);
    options.size = sizeof options;
    options.server = &server;
    handler = fn;
    serving = hark_go(&group, run_server, NULL);
    CHECK_GT(serving, 0);
    CHECK_EQ(hark_settle(), 0);
}

static void stop(int64_t grace)
{
    CHECK_EQ(hark_server_stop(&server, grace), 0);
}

static void wait_for_its_end(void)
{
    const int rc = hark_task_wait(serving);
    CHECK(rc == 0 || rc == -ESRCH);
}

static void says(int fd, const char *text)
{
    char buffer[64];
    CHECK_EQ(hark_write_full(fd, text, strlen(text), NULL), 0);
    CHECK_EQ(hark_read_full(fd, buffer, strlen(text), NULL), 0);
    CHECK_EQ(memcmp(buffer, text, strlen(text)), 0);
}

/* How the server lets go of it. */
static void check_closed(int fd)
{
    char byte;
    const int64_t n = hark_within(HARK_S(2), hark_read(fd, &byte, 1));
    CHECK(n == 0 || n == -ECONNRESET);
    CHECK_EQ(hark_close(fd), 0);
}

static void check_stats(int open, int accepted, int served, int failed, int cancelled)
{
    const hark_server_stats now = hark_server_statistics(&server);
    CHECK_EQ(now.open, open);
    CHECK_EQ(now.accepted, accepted);
    CHECK_EQ(now.served, served);
    CHECK_EQ(now.failed, failed);
    CHECK_EQ(now.cancelled, cancelled);
}

/* ---- many, and several listeners ------------------------------------------------------------- */

ON_WIRE(serve_a_task_a_connection_and_each_is_closed)
{
    begin(echo);
    const int a = dial(listener), b = dial(listener), c = dial(listener);
    says(b, "second");
    says(a, "first");
    says(c, "third");
    check_stats(3, 3, 0, 0, 0);
    CHECK_EQ(shutdown(a, SHUT_WR), 0);
    check_closed(a);
    CHECK_EQ(hark_settle(), 0);
    check_stats(2, 3, 1, 0, 0);
    stop(0);
    wait_for_its_end();
    CHECK_LOG("ended:ok");
    check_stats(0, 3, 1, 0, 2);
    CHECK_EQ(hark_server_statistics(&server).most, 3);
    check_closed(b);
    check_closed(c);
    CHECK_EQ(fcntl(listener, F_GETFD), -1); /* it was taken over */
}

static int serve_two(void *arg)
{
    (void)arg;
    kit_log("ended:%s", outcome(hark_serve_many(&options, more, 2, echo, NULL)));
    return 0;
}

ON_WIRE(serve_IO_10_two_listeners_with_three_clients_each)
{
    int clients[6];
    options = plain();
    for (int i = 0; i < 2; i++) {
        more[i] = hark_tcp_listen("127.0.0.1", "0", 0);
    }
    serving = hark_go(&group, serve_two, NULL);
    for (int i = 0; i < 6; i++) {
        clients[i] = dial(more[i % 2]);
        says(clients[i], "hello");
    }
    CHECK_EQ(hark_task_cancel(serving), 0);
    wait_for_its_end();
    CHECK_LOG("ended:cancelled");
    check_stats(0, 6, 0, 0, 6);
    for (int i = 0; i < 6; i++) {
        check_closed(clients[i]);
    }
    CHECK_EQ(fcntl(more[0], F_GETFD), -1);
    CHECK_EQ(fcntl(more[1], F_GETFD), -1);
}

/* ---- the limit ------------------------------------------------------------------------------- */

ON_WIRE(serve_at_the_limit_the_others_wait_in_the_backlog)
{
    options.limit = 2;
    begin(echo);
    const int a = dial(listener), b = dial(listener), c = dial(listener);
    says(a, "a");
    says(b, "b");
    CHECK_EQ(hark_write(c, "c", 1), 1);
    CHECK_EQ(hark_settle(), 0);
    check_stats(2, 2, 0, 0, 0);
    char byte;
    CHECK_EQ(hark_within(HARK_MS(1), hark_read(c, &byte, 1)), -ETIMEDOUT);
    CHECK_EQ(hark_close(a), 0);
    CHECK_EQ(hark_read(c, &byte, 1), 1); /* its turn */
    check_stats(2, 3, 1, 0, 0);
    CHECK_EQ(hark_server_statistics(&server).most, 2);
    stop(0);
    wait_for_its_end();
    check_closed(b);
    check_closed(c);
}

ON_WIRE(serve_a_limit_of_one_for_two_listeners_starves_neither)
{
    options = plain();
    options.limit = 1;
    for (int i = 0; i < 2; i++) {
        more[i] = hark_tcp_listen("127.0.0.1", "0", 0);
    }
    serving = hark_go(&group, serve_two, NULL);
    CHECK_EQ(hark_settle(), 0);
    for (int i = 0; i < 6; i++) {
        const int fd = dial(more[i / 3]);
        says(fd, "hello");
        CHECK_EQ(hark_close(fd), 0);
    }
    CHECK_EQ(hark_settle(), 0);
    check_stats(0, 6, 6, 0, 0);
    CHECK_EQ(hark_server_statistics(&server).most, 1);
    stop(0);
    wait_for_its_end();
}

/* Somebody else took the connection between the news and the accept: the permit must come back. */
static int empty_accepts;

static int emptied_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (empty_accepts > 0) {
        empty_accepts--;
        const int taken = accept4(fd, address, length, flags);
        CHECK_GE(taken, 0);
        close(taken);
        errno = EAGAIN;
        return -1;
    }
    return accept4(fd, address, length, flags);
}

ON_WIRE(serve_F17_a_connection_that_somebody_else_took_costs_no_place)
{
    options = plain();
    options.limit = 1;
    for (int i = 0; i < 2; i++) {
        more[i] = hark_tcp_listen("127.0.0.1", "0", 0);
    }
    hark__sys.accept4 = emptied_accept;
    empty_accepts = 3;
    serving = hark_go(&group, serve_two, NULL);
    for (int i = 0; i < 3; i++) {
        check_closed(dial(more[0]));
    }
    const int fd = dial(more[1]);
    says(fd, "still there");
    CHECK_EQ(hark_close(fd), 0);
    stop(0);
    wait_for_its_end();
}

/* ---- handlers that fail ---------------------------------------------------------------------- */

static int fails(void *arg, int fd)
{
    char byte;
    (void)arg;
    hark_read(fd, &byte, 1);
    return byte == '!' ? hark_fail(-EPROTO, "a bad byte") : echo(NULL, fd);
}

static void told(void *arg, int code, const char *words)
{
    (void)arg;
    kit_log("%s:%s", strerrorname_np(-code), words);
}

ON_WIRE(serve_a_handler_that_fails_ends_its_own_connection_only)
{
    options.failed = told;
    begin(fails);
    const int good = dial(listener), bad = dial(listener);
    CHECK_EQ(hark_write(good, "?", 1), 1);
    says(good, "before");
    CHECK_EQ(hark_write(bad, "!", 1), 1);
    check_closed(bad);
    CHECK_LOG("EPROTO:a bad byte");
    says(good, "after");
    check_stats(1, 2, 0, 1, 0);
    stop(0);
    wait_for_its_end();
    check_closed(good);
}

ON_WIRE(serve_a_failure_is_told_on_stderr)
{
    begin(fails);
    const int bad = dial(listener);
    capture_begin();
    CHECK_EQ(hark_write(bad, "!", 1), 1);
    check_closed(bad);
    const char *text = capture_end();
    CHECK_HAS(text, "its connection has failed");
    CHECK_HAS(text, "a bad byte");
    CHECK_HAS(text, "serve_test.c"); /* where it was spawned: the program's line, not ours */
    stop(0);
    wait_for_its_end();
}

ON_WIRE(serve_strict_means_that_a_failure_ends_the_server)
{
    options.strict = true;
    options.failed = told;
    begin(fails);
    const int good = dial(listener), bad = dial(listener);
    CHECK_EQ(hark_write(good, "?", 1), 1);
    says(good, "before");
    CHECK_EQ(hark_write(bad, "!", 1), 1);
    wait_for_its_end();
    CHECK_LOG("EPROTO:a bad byte ended:EPROTO");
    check_stats(0, 2, 0, 1, 1);
    check_closed(good);
    check_closed(bad);
}

/* ---- descriptors that the handler has closed or given away ----------------------------------- */

static int given;

static int closes(void *arg, int fd)
{
    (void)arg;
    CHECK_EQ(hark_close(fd), 0);
    /* its number has a new owner, which is not the server's to close */
    given = dup(STDIN_FILENO);
    CHECK_EQ(given, fd);
    return 0;
}

ON_WIRE(serve_what_a_handler_has_closed_is_not_closed_again)
{
    begin(closes);
    check_closed(dial(listener));
    CHECK_EQ(hark_settle(), 0);
    CHECK_GE(fcntl(given, F_GETFD), 0);
    CHECK_EQ(close(given), 0);
    stop(0);
    wait_for_its_end();
}

static int gives_away(void *arg, int fd)
{
    (void)arg;
    given = fd;
    return hark_forget(fd);
}

ON_WIRE(serve_what_a_handler_has_given_away_stays_open)
{
    begin(gives_away);
    const int fd = dial(listener);
    CHECK_EQ(hark_settle(), 0);
    stop(0);
    wait_for_its_end();
    CHECK_EQ(hark_write(given, "x", 1), 1);
    char byte;
    CHECK_EQ(hark_read(fd, &byte, 1), 1);
    CHECK_EQ(hark_close(given), 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* ---- stopping -------------------------------------------------------------------------------- */

ON_WIRE(serve_LP_28_a_stopped_server_waits_for_the_last_connection)
{
    begin(echo);
    const int fd = dial(listener);
    char port[16];
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    says(fd, "before");
    stop(HARK_FOREVER);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_tcp_connect("127.0.0.1", port), -ECONNREFUSED); /* nothing more is accepted */
    says(fd, "after");
    CHECK_EQ(hark_close(fd), 0);
    wait_for_its_end();
    CHECK_LOG("ended:ok");
    CHECK_EQ(hark_task_wait(serving), -ESRCH); /* and from now on at once */
    check_stats(0, 1, 1, 0, 0);
}

ON_WIRE(serve_LP_28_a_connection_that_ends_while_it_stops)
{
    begin(echo);
    const int fd = dial(listener);
    says(fd, "before");
    CHECK_EQ(hark_close(fd), 0);
    stop(HARK_FOREVER);
    wait_for_its_end();
    CHECK_LOG("ended:ok");
    check_stats(0, 1, 1, 0, 0);
}

static char flood[1 << 16];

static int floods(void *arg, int fd)
{
    (void)arg;
    for (;;) {
        const int rc = hark_write_full(fd, flood, sizeof flood, NULL);
        if (rc < 0) {
            return rc;
        }
    }
}

ON_WIRE(serve_LP_29_aborting_drops_also_what_is_in_full_buffers)
{
    begin(floods);
    const int fd = dial(listener);
    CHECK_EQ(hark_settle(), 0);
    stop(0);
    wait_for_its_end();
    CHECK_LOG("ended:ok");
    check_stats(0, 1, 0, 0, 1);
    CHECK_EQ(hark_close(fd), 0);
}

static int says_a_lot(void *arg, int fd)
{
    (void)arg;
    return hark_write_full(fd, flood, sizeof flood, NULL);
}

ON_WIRE(serve_LP_29_a_grace_lets_what_was_written_arrive)
{
    size_t got = 0;
    begin(says_a_lot);
    const int fd = dial(listener);
    CHECK_EQ(hark_settle(), 0);
    stop(HARK_S(5));
    wait_for_its_end();
    CHECK_LOG("ended:ok");
    for (ssize_t n; (n = hark_read(fd, flood, sizeof flood)) > 0;) {
        got += (size_t)n;
    }
    CHECK_EQ(got, sizeof flood);
    CHECK_EQ(hark_close(fd), 0);
}

ON_WIRE(serve_when_the_grace_is_over_the_rest_is_cancelled)
{
    begin(echo);
    const int fd = dial(listener);
    says(fd, "before");
    const int64_t began = kit_clock();
    stop(HARK_MS(20));
    wait_for_its_end();
    CHECK_GE(kit_clock() - began, HARK_MS(20));
    CHECK_LOG("ended:timeout");
    check_stats(0, 1, 0, 0, 1);
    check_closed(fd);
}

ON_WIRE(serve_a_second_stop_shortens_the_grace)
{
    begin(echo);
    const int fd = dial(listener);
    says(fd, "before");
    stop(HARK_S(100));
    CHECK_EQ(hark_settle(), 0);
    stop(HARK_MS(1));
    wait_for_its_end();
    CHECK_LOG("ended:timeout");
    check_closed(fd);
    CHECK_MISUSE(hark_server_stop(&server, 0), -EINVAL, "not open");
}

static void stop_by_watch(void *arg)
{
    (void)arg;
    stop(0);
}

ON_WIRE(serve_a_callback_may_stop_it)
{
    static hark_watch later;
    begin(echo);
    CHECK_EQ(hark_call_soon(&later, stop_by_watch, NULL), 0);
    wait_for_its_end();
    CHECK_LOG("ended:ok");
}

/* ---- listeners that fail, processes that lack something -------------------------------------- */

ON_WIRE(serve_IO_10_a_listener_that_fails_ends_the_server_and_its_connections)
{
    begin(echo);
    const int fd = dial(listener);
    says(fd, "before");
    CHECK_EQ(hark_close(listener), 0);
    wait_for_its_end();
    CHECK_LOG("ended:EBADF");
    check_closed(fd);
}

static int starved, starving;

static int starved_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (starving) {
        starved++;
        errno = EMFILE;
        return -1;
    }
    return accept4(fd, address, length, flags);
}

ON_WIRE(serve_IO_10_without_descriptors_it_waits_and_the_peer_is_kept)
{
    options.limit = 1;
    hark__sys.accept4 = starved_accept;
    starving = 1;
    begin(echo);
    const int fd = dial(listener);
    CHECK_EQ(hark_sleep(HARK_MS(60)), 0);
    CHECK_GE(starved, 1);
    CHECK_LE(starved, 4);
    starving = 0;
    says(fd, "at last");
    CHECK_EQ(hark_close(fd), 0);
    stop(HARK_S(1));
    wait_for_its_end();
    CHECK_LOG("ended:ok");
}

static int allocations_that_fail;

static void *scarce(size_t size)
{
    if (allocations_that_fail > 0) {
        allocations_that_fail--;
        return NULL;
    }
    return calloc(1, size);
}

static void *no_map(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (allocations_that_fail > 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return mmap(address, length, protection, flags, fd, offset);
}

static int sleeps(void *arg, int fd)
{
    char byte;
    (void)arg;
    return (int)hark_read(fd, &byte, 1);
}

/* So many that the next one needs memory. */
ON_WIRE(serve_D_without_memory_for_a_task_a_connection_is_closed_and_counted)
{
    static int clients[600];
    int count = 0;
    begin(sleeps);
    hark__memory.allocate = scarce;
    hark__sys.mmap = no_map;
    while (hark_server_statistics(&server).refused == 0) {
        CHECK_LT(count, 500);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to;
        socklen_t length = sizeof to;
        CHECK_EQ(getsockname(listener, (struct sockaddr *)&to, &length), 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        clients[count++] = fd;
        allocations_that_fail = 100;
        CHECK_EQ(hark_settle(), 0);
        allocations_that_fail = 0;
    }
    char byte;
    CHECK_EQ(recv(clients[count - 1], &byte, 1, 0), 0);
    const hark_server_stats now = hark_server_statistics(&server);
    CHECK_EQ(now.accepted, now.open + now.refused);
    stop(0);
    wait_for_its_end();
    for (int i = 0; i < count; i++) {
        CHECK_EQ(close(clients[i]), 0);
    }
}

/* ---- misuse ---------------------------------------------------------------------------------- */

ON_WIRE(serve_misuse_has_words_and_takes_nothing_over)
{
    hark_serve_options wrong = {.size = 1};
    hark_server none = {.limit = 0};
    int twice[2];
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    twice[0] = twice[1] = listener;
    CHECK_MISUSE(hark_serve(NULL, listener, NULL, NULL), -EINVAL, "the handler is NULL");
    CHECK_MISUSE(hark_serve(&wrong, listener, echo, NULL), -EINVAL, "size");
    wrong = (hark_serve_options){.size = sizeof wrong, .limit = -1};
    CHECK_MISUSE(hark_serve(&wrong, listener, echo, NULL), -EINVAL, "-1 connections");
    wrong = (hark_serve_options){.size = sizeof wrong, .stack = 1};
    CHECK_MISUSE(hark_serve(&wrong, listener, echo, NULL), -EINVAL, "stack");
    CHECK_MISUSE(hark_serve(NULL, -1, echo, NULL), -EINVAL, "listener -1");
    CHECK_MISUSE(hark_serve_many(NULL, NULL, 1, echo, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_serve_many(NULL, twice, 0, echo, NULL), -EINVAL, "no listener");
    CHECK_MISUSE(hark_serve_many(NULL, twice, 2, echo, NULL), -EINVAL, "twice");
    CHECK_MISUSE(hark_server_stop(NULL, 0), -EINVAL, "NULL");
    CHECK_MISUSE(hark_server_stop(&none, 0), -EINVAL, "not open");
    CHECK_EQ(hark_server_statistics(NULL).accepted, 0);
    CHECK_EQ(hark_close(listener), 0);
}

ON_WIRE(serve_in_a_cancelled_scope_it_closes_its_listener_and_ends)
{
    hark_scope scope;
    listener = hark_tcp_listen("127.0.0.1", "0", 0);
    CHECK_EQ(hark_scope_open(&scope, 0), 0);
    CHECK_SILENT(hark_serve(NULL, listener, echo, NULL), -ECANCELED);
    CHECK_EQ(hark_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
    CHECK_EQ(fcntl(listener, F_GETFD), -1);
}

ON_WIRE(serve_what_is_no_listener_ends_it)
{
    int fds[2];
    wire(UNIX, fds);
    CHECK_MISUSE(hark_serve(NULL, fds[0], echo, NULL), -EINVAL, "does not listen");
    CHECK_EQ(fcntl(fds[0], F_GETFD), -1);
    CHECK_EQ(hark_close(fds[1]), 0);
}

TEST(serve_outside_a_task_is_refused)
{
    CHECK_MISUSE(hark_serve(NULL, 0, echo, NULL), -ENOTSUP, "hark_serve");
    CHECK_MISUSE(hark_server_stop(&server, 0), -EXDEV, "no loop");
}

ON_WIRE(serve_unix_sockets_as_well)
{
    char name[64];
    snprintf(name, sizeof name, "@hark-serve-%d", (int)getpid());
    options = plain();
    listener = hark_unix_listen(name, 0);
    handler = echo;
    serving = hark_go(&group, run_server, NULL);
    const int fd = hark_unix_connect(name);
    CHECK_GE(fd, 0);
    says(fd, "over a Unix socket");
    CHECK_EQ(hark_close(fd), 0);
    stop(HARK_S(1));
    wait_for_its_end();
    CHECK_LOG("ended:ok");
}
