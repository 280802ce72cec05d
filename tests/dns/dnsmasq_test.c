/* SPDX-License-Identifier: MIT
 *
 * dnsmasq_test.c - a real name server: dnsmasq, where it is installed, with names of our own.
 *
 * Rules    1  It asks nobody else, reads no file of the machine, and listens on 127.0.0.1 only, at a
 *             number that was free a moment ago.
 */
#include "mock.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static pid_t server;
static char port_option[32];

static void serve(void)
{
    static const char *const places[] = {"/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/sbin/dnsmasq"};
    const char *program = NULL;
    for (int i = 0; i < 3 && !program; i++) {
        program = access(places[i], X_OK) == 0 ? places[i] : NULL;
    }
    if (!program) {
        SKIP("dnsmasq is not installed");
    }
    const char *arguments[] = {program,
                               "--keep-in-foreground",
                               "--conf-file=/dev/null",
                               "--no-resolv",
                               "--no-hosts",
                               "--no-daemon",
                               "--pid-file=",
                               "--listen-address=127.0.0.1",
                               "--bind-interfaces",
                               port_option,
                               "--address=/both.test/192.0.2.1",
                               "--address=/both.test/2001:db8::1",
                               "--host-record=four.test,192.0.2.4",
                               "--cname=alias.test,four.test",
                               "--mx-host=mail.test,mx1.test,10",
                               "--mx-host=mail.test,mx2.test,5",
                               "--srv-host=_http._tcp.test,four.test,8080,1,2",
                               "--txt-record=text.test,some text,and more",
                               "--local=/test/",
                               NULL};
    posix_spawn_file_actions_t actions;
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0), 0);
    CHECK_EQ(posix_spawn(&server, program, &actions, NULL, (char *const *)arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
}

static int query(const char *name, int type, hark_dns_answer *answer)
{
    return hark_dns_query(&mock.dns, name, type, answer);
}

static void ask(void)
{
    hark_dns_answer answer;
    log_addresses("both.test");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    log_addresses("alias.test");
    CHECK_LOG("192.0.2.4:80");
    CHECK_MISUSE(resolve("nothing.test"), -ENOENT, mock.server);
    CHECK_MISUSE(resolve("elsewhere.example"), -EACCES, "REFUSED"); /* it knows nobody to ask */
    CHECK_EQ(query("mail.test", HARK_DNS_MX, &answer), 2);
    CHECK_STR(answer.records[0].host, "mx2.test");
    hark_dns_answer_free(&answer);
    CHECK_EQ(query("_http._tcp.test", HARK_DNS_SRV, &answer), 1);
    CHECK_STR(answer.records[0].host, "four.test");
    CHECK_EQ(answer.records[0].port, 8080);
    hark_dns_answer_free(&answer);
    CHECK_EQ(query("text.test", HARK_DNS_TXT, &answer), 1);
    CHECK_STR((const char *)answer.records[0].data, "some textand more");
    hark_dns_answer_free(&answer);
    char host[64];
    CHECK_EQ(hark_resolve("192.0.2.4", "80", mock.list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, sizeof host), 9);
    CHECK_STR(host, "four.test");
}

static int with_dnsmasq(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    mock_open(be_silent); /* for its number only */
    CHECK_EQ(hark_close(mock.udp), 0);
    CHECK_EQ(hark_close(mock.tcp), 0);
    snprintf(port_option, sizeof port_option, "--port=%s", strchr(mock.server, ':') + 1);
    serve();
    mock.options.timeout = HARK_MS(20);
    mock.options.tries = 1;
    dns_open();
    int rc = -EHOSTDOWN;
    for (int tries = 0; rc == -EHOSTDOWN; tries++) { /* until it listens */
        CHECK_LT(tries, 400);
        rc = resolve("both.test");
        CHECK_EQ(hark_sleep(rc == -EHOSTDOWN ? HARK_MS(10) : 0), 0);
    }
    CHECK_EQ(hark_dns_close(&mock.dns), 0);
    mock.options.timeout = HARK_S(2);
    dns_open();
    ask();
    CHECK_EQ(hark_dns_close(&mock.dns), 0);
    return hark_group_close(&group, 0);
}

TEST(dnsmasq_answers)
{
    const int rc = RUN(with_dnsmasq, NULL);
    CHECK_EQ(kill(server, SIGKILL), 0);
    CHECK_EQ(waitpid(server, NULL, 0), server);
    CHECK_EQ(rc, 0);
}
