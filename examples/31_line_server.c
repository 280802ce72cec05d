/* SPDX-License-Identifier: MIT
 *
 * 31_line_server - a protocol of lines: "echo words", "quit". A line may come in pieces, be too
 * long, or never come. Over TLS or a Unix socket the code would be the same.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

static int say(hark_stream *s, const char *words)
{
    return hark_stream_write_full(s, words, strlen(words), NULL);
}

static int serve(void *listener) /* one client after the other; a task each: hark_go_with */
{
    hark_stream s;
    char line[64];
    while (hark_stream_accept(&s, *(int *)listener) == 0) {
        int64_t rc; /* who says nothing for 10 s has gone */
        while ((rc = hark_within(HARK_S(10), hark_stream_line(&s, line, sizeof line))) >= 0 &&
               strcmp(line, "quit") != 0)
            say(&s, strncmp(line, "echo ", 5) ? "what?" : line + 5), say(&s, "\r\n");
        say(&s, rc == -EMSGSIZE ? "too long\r\n" : "bye\r\n");
        hark_within(HARK_S(1), hark_stream_finish(&s)); /* so that it can read all that we said */
    }
    return 0;
}

static void client(const char *port, const char *words)
{
    hark_stream s;
    char line[80];
    if (hark_stream_connect(&s, "127.0.0.1", port) < 0 || say(&s, words) < 0)
        return;
    hark_stream_half_close(&s); /* we have said all, and go on listening */
    while (hark_stream_line(&s, line, sizeof line) >= 0)
        puts(line);
    hark_stream_close(&s);
}

static int run(void *port)
{
    int listener = hark_tcp_listen("127.0.0.1", "0", 0);
    hark_group g;
    sprintf(port, "%d", hark_tcp_port(listener));
    hark_group_open(&g);
    hark_go(&g, serve, &listener);
    client(port, "echo hello\r\necho goodbye\nquit\n");
    client(port, "sing\necho a line that ends with the stream");
    client(port, "echo a line that has more bytes than the server has room for: it has 64");
    hark_close(listener);
    return hark_group_close(&g, 0);
}

int main(void)
{
    return hark_run(run, (char[12]){""}) < 0;
}
