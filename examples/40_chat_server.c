/* SPDX-License-Identifier: MIT
 *
 * 40_chat_server PORT - what one says, all the others hear: try it with nc. One task of a client
 * reads and broadcasts, another hears and writes. With --self-test it is its own clients. */
#include <hark.h>
#include <stdio.h>

static struct line {
    int from; /* a client's number */
    char text[120];
} kept[32]; /* the latest */
static hark_broadcast room;
static hark_server server;

static int hear(void *stream)
{
    struct line line;
    hark_subscriber ears;
    char text[160];
    for (int rc = hark_broadcast_subscribe(&room, &ears);
         rc >= 0 && (rc = hark_broadcast_recv(&ears, &line)) >= 0;) {
        size_t size = (size_t)snprintf(text, sizeof text, "%d: %s\n", line.from, line.text);
        if (line.from != hark_stream_fd(stream)) /* one does not hear oneself */
            rc = hark_stream_write_full(stream, text, size, NULL);
    }
    return 0;
}

static int chat(void *all, int fd) /* one client; hark_serve closes fd */
{
    struct line line = {.from = fd, .text = "(comes in)"};
    hark_stream stream;
    hark_group both;
    hark_stream_open(&stream, fd);
    hark_group_open(&both);
    hark_go(&both, hear, &stream);
    for (ssize_t n = 0; n >= 0; n = hark_stream_line(&stream, line.text, sizeof line.text))
        hark_broadcast_send(all, &line);
    hark_group_close(&both, -1); /* it hears no more */
    return hark_stream_close(&stream);
}

#include "40_chat_server_self_test.h"

static int first_task(void *port)
{
    hark_serve_options options = {.size = sizeof options, .server = &server, .limit = 500};
    int listener = hark_tcp_listen(NULL, port ? port : "0", 0);
    hark_group beside;
    hark_broadcast_init(&room, kept, sizeof *kept, sizeof kept / sizeof *kept);
    hark_group_open(&beside);
    if (!port)
        hark_go_with(&beside, self_test, (int){hark_tcp_port(listener)});
    return hark_group_close(&beside, hark_serve(&options, listener, chat, &room));
}

int main(int argc, char **argv)
{
    return hark_run(first_task, argc > 1 && *argv[1] != '-' ? argv[1] : NULL) < 0;
}
