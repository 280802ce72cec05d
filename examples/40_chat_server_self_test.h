/* SPDX-License-Identifier: MIT
 *
 * 40_chat_server_self_test.h - three clients in one task: what is said waits in the sockets.
 */
#include <string.h>

static int come(int port)
{
    char text[16];
    snprintf(text, sizeof text, "%d", port);
    return hark_tcp_connect("localhost", text);
}

static void hears(const char *who, hark_stream *stream)
{
    char line[160] = "?", *text;
    hark_stream_line(stream, line, sizeof line);
    text = strchr(line, ':'); /* after the number of who said it */
    printf("%s hears%s\n", who, text ? text : "?");
}

static void says(hark_stream *stream, const char *text)
{
    hark_stream_write_full(stream, text, strlen(text), NULL);
}

static int self_test(void *port)
{
    hark_stream ann, bob, eve;
    hark_stream_open(&ann, come(*(int *)port));
    says(&ann, "is anybody there?\n");
    hark_settle(); /* nobody yet */
    hark_stream_open(&bob, come(*(int *)port));
    hears("Ann", &ann);
    hark_stream_open(&eve, come(*(int *)port));
    hears("Ann", &ann);
    hears("Bob", &bob);
    says(&bob, "hello Ann\nhello Eve\n");
    hears("Ann", &ann);
    hears("Eve", &eve);
    hears("Eve", &eve);
    hark_stream_close(&bob);
    hark_stream_close(&ann);
    hark_stream_close(&eve);
    return hark_server_stop(&server, HARK_S(10));
}
