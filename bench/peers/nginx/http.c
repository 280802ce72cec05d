/* SPDX-License-Identifier: MIT
 *
 * http.c - nginx as the answer to http: `http NGINX` becomes one nginx that gives the page out of
 * its configuration, as its users have it do for a small fixed answer.
 *
 * It is one process, in the foreground, without a log of requests; all else is as nginx has it, but
 * that a connection may stay for more than a thousand requests. A socket that does not listen keeps
 * the port for it, and nobody else can take it.
 *
 * What nginx wants on disc is in a temporary folder. A child sees to that, for nginx will be killed:
 * it asks until nginx has answered once, which then has all that it wants; tells the port, removes
 * the folder, and ends.
 */
#include "../../serve.h"
#include <ftw.h>
#include <sys/stat.h>

#define SOCKET  3
#define REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static const char configuration[] =
    "daemon off;\n"
    "master_process off;\n"
    "worker_processes 1;\n"
    "pid %1$s/pid;\n"
    "error_log stderr;\n"
    "events { worker_connections 4096; }\n"
    "http {\n"
    "    access_log off;\n"
    "    keepalive_requests 1000000000;\n"
    "    default_type text/plain;\n"
    "    client_body_temp_path %1$s/body;\n"
    "    proxy_temp_path %1$s/proxy;\n"
    "    fastcgi_temp_path %1$s/fastcgi;\n"
    "    uwsgi_temp_path %1$s/uwsgi;\n"
    "    scgi_temp_path %1$s/scgi;\n"
    "    server {\n"
    "        listen 127.0.0.1:%2$d reuseport;\n"
    "        location / {\n"
    "            return 200 \"a page of sixty-four bytes, for everyone who asks for it: hello\\n\";\n"
    "        }\n"
    "    }\n"
    "}\n";

static int keep_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_must(fd >= 0, "socket");
    bench_must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0, "SO_REUSEPORT");
    bench_must(bind(fd, (struct sockaddr *)&address, length) == 0, "bind");
    bench_must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    return ntohs(address.sin_port);
}

static void configure(const char *folder, const char *path, int port)
{
    FILE *f = fopen(path, "w");
    bench_must(f != NULL, path);
    fprintf(f, configuration, folder, port);
    bench_must(fclose(f) == 0, path);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path);
}

static int answers(int port)
{
    char answer[512];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
               send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) > 0 &&
               recv(fd, answer, sizeof answer, 0) > 0;
    close(fd);
    return good;
}

static void watch_over(pid_t nginx, int port, const char *folder)
{
    int ready = 0;
    while (getppid() == nginx && !(ready = answers(port)))
        usleep(1000);
    if (ready)
        bench_say_port(port);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    _exit(0);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/bench-nginx-XXXXXX", path[64];
    pid_t self = getpid();
    bench_must(argc > 1, "the path of nginx");
    bench_must(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/nginx.conf", folder);
    int port = keep_port();
    configure(folder, path, port);
    pid_t child = fork();
    bench_must(child >= 0, "fork");
    if (child == 0)
        watch_over(self, port, folder);
    execl(argv[1], "nginx", "-p", folder, "-c", path, "-e", "stderr", (char *)NULL);
    fprintf(stderr, "cannot start %s: %s\n", argv[1], strerror(errno));
    return 1; /* and the child cleans up */
}
