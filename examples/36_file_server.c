/* SPDX-License-Identifier: MIT
 *
 * 36_file_server - files over TCP, asked for as HTTP/1.0 does: a task and a second for each client.
 */
#include <fcntl.h>
#include <hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int converse(int fd)
{
    char line[256] = "", name[128] = "";
    struct stat status = {0};
    for (size_t used = 0; !strchr(line, '\n') && used < sizeof line - 1;) {
        ssize_t got = hark_read(fd, line + used, sizeof line - 1 - used);
        used += got > 0 ? (size_t)got : sizeof line;
    }
    bool fine = sscanf(line, "GET /%127s HTTP/1.", name) == 1 && !strpbrk(name, "/~");
    int file = fine ? hark_file_open(name, O_RDONLY | O_NONBLOCK, 0) : -1;
    fine = file >= 0 && !hark_file_fstat(file, &status) && S_ISREG(status.st_mode);
    int length = snprintf(line, sizeof line, "HTTP/1.0 %s\r\nContent-Length: %ld\r\n\r\n",
                          fine ? "200 OK" : "404 Not Found", fine ? (long)status.st_size : 0);
    int rc = hark_write_full(fd, line, (size_t)length, NULL);
    rc = fine && !rc ? (int)hark_file_send(fd, file, 0, status.st_size, NULL) : rc;
    return file >= 0 ? rc + hark_close(file) : rc;
}

static int connection(void *fd)
{
    hark_within(HARK_S(1), converse(*(int *)fd)); /* what fails there is the client's affair */
    return hark_close(*(int *)fd);
}

static int ask(int listener, const char *request)
{
    hark_group server;
    char text[256];
    size_t got = (size_t)snprintf(text, sizeof text, "%d", hark_tcp_port(listener));
    int fd = hark_tcp_connect("127.0.0.1", text), peer = hark_accept(listener, NULL, NULL);
    hark_group_open(&server);
    hark_go(&server, connection, &peer);
    hark_write_full(fd, request, strlen(request), NULL);
    hark_read_full(fd, text, sizeof text, &got); /* to the end */
    return hark_group_close(&server, 0) + hark_close(fd) + (fwrite(text, 1, got, stdout) != got);
}

static int first_task(void *root)
{
    int listener = hark_tcp_listen("127.0.0.1", "0", 0);
    int rc = chdir(root) + hark_file_write_whole("hello", "Hello, world.\n", 14, 0600);
    rc += ask(listener, "GET /hello HTTP/1.0\n\n") + ask(listener, "GET /none HTTP/1.0\n\n");
    return rc + hark_close(listener) + hark_file_unlink("hello") + hark_dir_remove(root);
}

int main(void)
{
    return hark_run(first_task, mkdtemp((char[]){"/tmp/hark-serve-XXXXXX"})) != 0;
}
