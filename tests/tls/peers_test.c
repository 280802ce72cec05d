/* SPDX-License-Identifier: MIT
 *
 * peers_test.c - programs that others have written: openssl s_client and s_server, and curl.
 *
 * Rules    1  A program that is not installed skips its tests.
 *          2  Everything is on 127.0.0.1, ports are the kernel's choice. s_server takes the port 0
 *             and tells which it got.
 */
#include "pair.h"

#include <hark/child.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

struct program {
    pid_t pid;
    int to, from; /* what it reads, what it says */
};

static bool installed(const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/usr/bin/%s", name);
    return access(path, X_OK) == 0;
}

static struct program run_program(char *const *arguments)
{
    struct program program;
    posix_spawn_file_actions_t actions;
    int in[2], out[2];

    CHECK_EQ(hark_pipe(in), 0);
    CHECK_EQ(hark_pipe(out), 0);
    fcntl(in[0], F_SETFL, 0); /* theirs do not expect that it does not block */
    fcntl(out[1], F_SETFL, 0);
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    CHECK_EQ(posix_spawnp(&program.pid, arguments[0], &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    CHECK_EQ(hark_close(in[0]), 0);
    CHECK_EQ(hark_close(out[1]), 0);
    program.to = in[1];
    program.from = out[0];
    return program;
}

/* Closes what it reads, and reads all that it says; its status. */
static int end_program(struct program *program, char *said_there, size_t size)
{
    int status = 0;
    size_t used = 0;
    ssize_t count;

    if (program->to >= 0) {
        CHECK_EQ(hark_close(program->to), 0);
    }
    while ((count = hark_read(program->from, said_there + used, size - 1 - used)) > 0) {
        used += (size_t)count;
    }
    said_there[used] = '\0';
    CHECK_EQ(hark_child_wait(program->pid, &status), 0);
    CHECK_EQ(hark_close(program->from), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void wait_for(struct program *program, const char *text, char *heard, size_t size)
{
    size_t used = 0;

    for (heard[0] = '\0'; !strstr(heard, text);) {
        const ssize_t count = hark_read(program->from, heard + used, size - 1 - used);
        CHECK_GT(count, 0);
        used += (size_t)count;
        heard[used] = '\0';
    }
}

static char port[8];

static int listen_somewhere(void)
{
    const int listener = hark_tcp_listen("127.0.0.1", "0", 1);

    CHECK_GE(listener, 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    return listener;
}

static void accept_one(int listener)
{
    hark_stream below;

    CHECK_EQ(hark_stream_accept(&below, listener), 0);
    said.server = hark_tls_server(&server, serves, &below);
    snprintf(said.server_words, sizeof said.server_words, "%s", hark_error_last());
    CHECK_EQ(hark_close(listener), 0);
}

/* ---- openssl s_client ------------------------------------------------------------------------ */

/* It says a line, hears one, and goes; in between it wants new keys. */
static void talk_to_s_client(char *version, bool rekeys)
{
    static char heard[1 << 16];
    char line[64], address[32];

    if (!installed("openssl")) {
        SKIP("openssl is not installed");
    }
    begin_options();
    open_contexts();
    const int listener = listen_somewhere();
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    char *arguments[] = {"openssl",
                         "s_client",
                         "-connect",
                         address,
                         "-CAfile",
                         (char *)(uintptr_t)ask.trust,
                         "-servername",
                         "localhost",
                         "-verify_hostname",
                         "localhost",
                         "-verify_return_error",
                         version,
                         NULL};
    struct program program = run_program(arguments);
    accept_one(listener);
    CHECK_EQ(said.server, 0);
    CHECK_STR(hark_tls_sni(&server), "localhost");
    CHECK_EQ(hark_write_full(program.to, "question\n", 9, NULL), 0);
    CHECK_EQ(hark_stream_line(&server, line, sizeof line), 8);
    CHECK_STR(line, "question");
    if (rekeys) {
        CHECK_EQ(hark_write_full(program.to, "K\n", 2, NULL), 0);
        wait_for(&program, "KEYUPDATE", heard, sizeof heard);
        CHECK_HAS(heard, "Verify return code: 0 (ok)");
        CHECK_EQ(hark_write_full(program.to, "more\n", 5, NULL), 0);
        CHECK_EQ(hark_stream_line(&server, line, sizeof line), 4);
        CHECK_STR(line, "more");
    }
    CHECK_EQ(hark_stream_write_full(&server, "the answer\n", 11, NULL), 0);
    CHECK_EQ(hark_stream_half_close(&server), 0);
    CHECK_EQ(end_program(&program, heard, sizeof heard), 0);
    CHECK_HAS(heard, "the answer");
    if (!rekeys) {
        CHECK_HAS(heard, "Verify return code: 0 (ok)");
    }
    CHECK_EQ(hark_stream_read(&server, line, 1), 0);
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

INSIDE_BY(TEST, RUN, peers_s_client_in_tls_1_2)
{
    talk_to_s_client("-tls1_2", false);
}

INSIDE_BY(TEST_ON_HUBS, RUN, peers_s_client_in_tls_1_3)
{
    talk_to_s_client("-tls1_3", false);
}

INSIDE_BY(TEST, RUN, peers_stream_L3_s_client_with_new_keys)
{
    talk_to_s_client("-tls1_3", true);
}

/* In TLS 1.2 it asks for another handshake: we refuse, and stay whole. */
INSIDE_BY(TEST, RUN, peers_stream_L3_s_client_renegotiates)
{
    static char heard[1 << 16];
    char line[64], address[32];

    if (!installed("openssl")) {
        SKIP("openssl is not installed");
    }
    begin_options();
    open_contexts();
    const int listener = listen_somewhere();
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    char *arguments[] = {"openssl", "s_client", "-connect", address, "-tls1_2", NULL};
    struct program program = run_program(arguments);
    accept_one(listener);
    CHECK_EQ(said.server, 0);
    CHECK_EQ(hark_write_full(program.to, "R\n", 2, NULL), 0);
    const ssize_t rc = hark_stream_read(&server, line, 1);
    CHECK(rc < 0); /* it breaks off */
    CHECK(end_program(&program, heard, sizeof heard) != 0);
    CHECK_HAS(heard, "no renegotiation");
    CHECK_EQ(hark_stream_close(&server), 0);
    close_contexts();
}

/* Versions that nobody should speak any more. */
INSIDE_BY(TEST, RUN, peers_stream_L11_s_client_in_tls_1_1)
{
    static char heard[1 << 16];
    char address[32];

    if (!installed("openssl")) {
        SKIP("openssl is not installed");
    }
    begin_options();
    open_contexts();
    const int listener = listen_somewhere();
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    char *arguments[] = {"openssl", "s_client", "-connect",        address,
                         "-tls1_1", "-cipher",  "ALL:@SECLEVEL=0", NULL};
    struct program program = run_program(arguments);
    accept_one(listener);
    CHECK_EQ(said.server, -EPROTONOSUPPORT);
    CHECK(end_program(&program, heard, sizeof heard) != 0);
    CHECK_HAS(heard, "protocol version");
    close_contexts();
}

/* ---- openssl s_server ------------------------------------------------------------------------ */

/* "ACCEPT 127.0.0.1:40123" */
static void take_port(struct program *program)
{
    char heard[4096];
    char *at;

    wait_for(program, "\n", heard, sizeof heard);
    at = strstr(heard, "ACCEPT");
    if (!at) {
        wait_for(program, "ACCEPT", heard, sizeof heard);
        at = strstr(heard, "ACCEPT");
    }
    at = strchr(at, ':');
    CHECK(at);
    snprintf(port, sizeof port, "%d", atoi(at + 1));
}

static void talk_to_s_server(char *version)
{
    static char heard[1 << 16];
    char line[64];

    if (!installed("openssl")) {
        SKIP("openssl is not installed");
    }
    begin_options();
    open_contexts();
    char *arguments[] = {"openssl", "s_server",
                         "-accept", "127.0.0.1:0",
                         "-cert",   (char *)(uintptr_t)serve.certificate,
                         "-key",    (char *)(uintptr_t)serve.key,
                         "-alpn",   "http/1.1",
                         "-rev",    version,
                         NULL};
    struct program program = run_program(arguments);
    take_port(&program);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_tls_connect(&client, asks, "127.0.0.1", port), 0);
        CHECK_EQ(hark_tls_resumed(&client), i > 0);
        CHECK_EQ(hark_stream_write_full(&client, "olleh\n", 6, NULL), 0);
        CHECK_EQ(hark_stream_line(&client, line, sizeof line), 5);
        CHECK_STR(line, "hello");
        CHECK_EQ(hark_stream_close(&client), 0);
    }
    CHECK_EQ(hark_tls_connect(&client, asks, "localhost", port), 0);
    CHECK_EQ(hark_stream_close(&client), 0);
    kill(program.pid, SIGTERM);
    CHECK_EQ(end_program(&program, heard, sizeof heard), -SIGTERM);
    close_contexts();
}

INSIDE_BY(TEST, RUN, peers_s_server_in_tls_1_2)
{
    talk_to_s_server("-tls1_2");
}

INSIDE_BY(TEST_ON_HUBS, RUN, peers_s_server_in_tls_1_3)
{
    talk_to_s_server("-tls1_3");
}

/* ---- curl ------------------------------------------------------------------------------------ */

static void serve_curl(const char *trust, int status, const char *text)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
                                 "Connection: close\r\n\r\nhello\n";
    static const char *const http[] = {"http/1.1", NULL};
    static char heard[1 << 16];
    char url[64], line[256] = "?";

    if (!installed("curl")) {
        SKIP("curl is not installed");
    }
    begin_options();
    serve.alpn = http;
    open_contexts();
    const int listener = listen_somewhere();
    snprintf(url, sizeof url, "https://localhost:%s/", port);
    char *arguments[] = {"curl",      "--silent", "--show-error",
                         "--http1.1", "--ipv4",   "--noproxy",
                         "*",         "--cacert", (char *)(uintptr_t)(trust ? trust : ask.trust),
                         url,         NULL};
    struct program program = run_program(arguments);
    accept_one(listener);
    while (server.kind && line[0]) {
        if (hark_stream_line(&server, line, sizeof line) < 0) {
            break;
        }
    }
    if (server.kind) {
        hark_stream_write_full(&server, answer, sizeof answer - 1, NULL);
        CHECK_EQ(hark_stream_close(&server), 0);
    }
    CHECK_EQ(end_program(&program, heard, sizeof heard), status);
    CHECK_HAS(heard, text);
    close_contexts();
}

INSIDE_BY(TEST_ON_HUBS, RUN, peers_curl)
{
    serve_curl(NULL, 0, "hello");
}

INSIDE_BY(TEST, RUN, peers_stream_L6_curl_does_not_trust_us)
{
    serve_curl("/etc/ssl/certs/ca-certificates.crt", 60, "certificate");
}
