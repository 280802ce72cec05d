/* SPDX-License-Identifier: MIT
 *
 * files_test.c - hosts, resolv.conf and nsswitch.conf: what they say, missing, changed, full of
 * nonsense. The files are of the test's own making.
 */
#include "mock.h"

#include "dns/dns.h"

#include <sys/resource.h>

static char folder[] = "/tmp/dns-test-XXXXXX", hosts[64], resolv[64], nsswitch[64];

/* Like an editor: another file takes the place. */
static void write_file(const char *path, const char *text)
{
    char other[80];
    snprintf(other, sizeof other, "%s.new", path);
    FILE *file = fopen(other, "we");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(text, 1, strlen(text), file), strlen(text));
    CHECK_EQ(fclose(file), 0);
    CHECK_EQ(rename(other, path), 0);
}

static void begin(mock_reply *reply)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(hosts, sizeof hosts, "%s/hosts", folder);
    snprintf(resolv, sizeof resolv, "%s/resolv.conf", folder);
    snprintf(nsswitch, sizeof nsswitch, "%s/nsswitch.conf", folder);
    mock_open(reply);
    mock.options.hosts = hosts;
    mock.options.resolv_conf = resolv;
    mock.options.nsswitch = nsswitch;
    mock.options.domains = NULL;
}

static void end(void)
{
    mock_end();
    unlink(hosts);
    unlink(resolv);
    unlink(nsswitch);
    CHECK_EQ(rmdir(folder), 0);
}

INSIDE_REAL(files_hosts_go_before_name_servers)
{
    char host[32];
    begin(reply_well);
    write_file(hosts, "# comment 1.2.3.4 nothing\n\n"
                      "192.0.2.7\tone.host  alias # not.this\r\n"
                      "  2001:db8::7 one.host\n"
                      "192.0.2.8 one.host\n"
                      "not-an-address one.host\n"
                      "192.0.2.256 one.host\n"
                      "2001:db8::9 only.six\n"
                      "0.0.0.0 blocked.example");
    dns_open();
    log_addresses("One.HOST.");
    CHECK_LOG("192.0.2.7:80 192.0.2.8:80 [2001:db8::7]:80");
    log_addresses("alias");
    CHECK_LOG("192.0.2.7:80");
    log_addresses("blocked.example"); /* and nobody is asked for its IPv6 address */
    CHECK_LOG("0.0.0.0:80");
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    options.family = AF_INET;
    CHECK_MISUSE(hark_resolve("only.six", "80", mock.list, 80, &options), -ENOENT, hosts);
    CHECK_EQ(mock.asked, 0);
    log_addresses("not.this");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(hark_resolve("2001:db8::7", "80", mock.list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, sizeof host), 8);
    CHECK_STR(host, "one.host");
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, 8), -EMSGSIZE);
    end();
}

INSIDE_REAL(files_localhost_is_here)
{
    begin(reply_well);
    mock.options.hosts = "";
    dns_open();
    log_addresses("localhost");
    CHECK_LOG("127.0.0.1:80 [::1]:80");
    log_addresses("a.LocalHost.");
    CHECK_LOG("127.0.0.1:80 [::1]:80");
    CHECK_EQ(mock.asked, 0);
    log_addresses("notlocalhost");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    end();
}

INSIDE_REAL(files_D6_hosts_may_come_change_and_go)
{
    begin(reply_well);
    dns_open(); /* there is none */
    log_addresses("one.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    write_file(hosts, "192.0.2.7 one.host\n");
    log_addresses("one.host");
    CHECK_LOG("192.0.2.7:80");
    write_file(hosts, "192.0.2.8 one.host\n");
    log_addresses("one.host");
    CHECK_LOG("192.0.2.8:80");
    CHECK_EQ(unlink(hosts), 0);
    log_addresses("one.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(mkdir(hosts, 0700), 0); /* not even a file */
    log_addresses("one.host");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    CHECK_EQ(rmdir(hosts), 0);
    end();
}

static int first_only(mock_message *m)
{
    return strcmp(m->name, "short.b.example") == 0 ? reply_well(m) : (answer_with(m, 3), m->size);
}

/* What cannot be opened just now is not missing: it is read as soon as that can be. */
INSIDE_REAL(files_F6_without_descriptors_no_file_is_forgotten)
{
    struct rlimit limit, none;

    begin(first_only);
    write_file(hosts, "192.0.2.7 one.host\n");
    dns_open();
    log_addresses("one.host");
    CHECK_LOG("192.0.2.7:80");
    write_file(hosts, "192.0.2.8 one.host\n");
    write_file(resolv, "search b.example\n");
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    log_addresses("one.host");
    CHECK_EQ(resolve("other.host"), -EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_LOG("192.0.2.7:80"); /* as it was */
    log_addresses("one.host");
    CHECK_LOG("192.0.2.8:80");
    log_addresses("short");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    hark_dns_close(&mock.dns);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int rc = hark_dns_open(&mock.dns, &mock.options);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(rc, -EMFILE);
    CHECK_EQ(hark_dns_open(&mock.dns, &mock.options), 0);
    end();
}

INSIDE_REAL(files_D6_resolv_conf_may_change)
{
    begin(first_only);
    write_file(resolv, "search a.example b.example\noptions ndots:1\n");
    dns_open();
    log_addresses("short");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    const int asked = mock.asked;
    log_addresses("short"); /* kept */
    CHECK_EQ(mock.asked, asked);
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    write_file(resolv, "search c.example\n");
    log_addresses("short");
    CHECK_LOG("ENOENT");
    CHECK_EQ(unlink(resolv), 0);
    log_addresses("short");
    CHECK_LOG("ENOENT");
    write_file(resolv, "\377\376 nonsense\nnameserver\nsearch\noptions ndots:x timeout:-1\n;\n#\n");
    log_addresses("short");
    CHECK_LOG("ENOENT");
    write_file(resolv, "search b.example\n");
    log_addresses("short");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    end();
}

static int ask_later(void *host)
{
    kit_log("%s", resolve(host) == 2 ? "found" : hark_error_last());
    return 0;
}

static int slowly(mock_message *m)
{
    return m->tcp || mock.asked > 4 || strcmp(m->name, "slow.host") != 0 ? reply_well(m) : 0;
}

/* What is under way goes on with what it began with; its channel ends with it. */
INSIDE_REAL(files_D6_a_change_does_not_disturb_what_is_under_way)
{
    begin(slowly);
    dns_open();
    const hark_task task = hark_go(&group, ask_later, "slow.host");
    while (mock.asked < 2) {
        CHECK_EQ(hark_yield(), 0);
    }
    write_file(resolv, "search b.example\n");
    CHECK_EQ(resolve("other.host"), 2);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("found");
    end();
}

INSIDE_REAL(files_domains_may_be_given)
{
    begin(first_only);
    mock.options.domains = "x.example b.example";
    dns_open();
    log_addresses("short");
    CHECK_LOG("192.0.2.1:80 [2001:db8::1]:80");
    log_addresses("short."); /* a full name */
    CHECK_LOG("ENOENT");
    end();
}

/* ---- nsswitch.conf -------------------------------------------------------------------------- */

TEST(files_nsswitch_says_who_is_asked)
{
    const struct {
        const char *text;
        int sources;
    } table[] = {
        {NULL, NSS_FILES | NSS_DNS},
        {"", NSS_FILES | NSS_DNS},
        {"passwd: files\n", NSS_FILES | NSS_DNS},
        {"hosts: files dns\n", NSS_FILES | NSS_DNS},
        {"passwd: db\n  hosts:files dns", NSS_FILES | NSS_DNS},
        {"hosts : files\n", NSS_FILES},
        {"hosts:\t\tdns # files\n", NSS_DNS},
        {"hosts: files [NOTFOUND=return] dns", NSS_FILES | NSS_DNS},
        {"hosts: files [ NOTFOUND = return ] dns", NSS_FILES | NSS_DNS},
        {"hosts: files mdns4_minimal [NOTFOUND=return] dns", NSS_FILES | NSS_OTHER | NSS_DNS},
        {"hosts: files myhostname", NSS_FILES | NSS_OTHER},
        {"hosts: dns files", NSS_DNS | NSS_OTHER},
        {"# hosts: mdns4\nhosts: files\n", NSS_FILES},
        {"hosts: [", NSS_FILES | NSS_DNS},
    };
    for (int i = 0; i < (int)(sizeof table / sizeof *table); i++) {
        kit_log("%d", i);
        CHECK_EQ(hark__dns_nss(table[i].text), table[i].sources);
    }
}

static int library_asked;

static int library(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **answer)
{
    (void)host, (void)service, (void)hints, (void)answer;
    library_asked++;
    return EAI_NONAME;
}

static int reverse_by_library(const struct sockaddr *address, socklen_t length, char *host,
                              socklen_t size, char *service, socklen_t service_size, int flags)
{
    (void)address, (void)length, (void)service, (void)service_size, (void)flags;
    snprintf(host, size, "by.library");
    return 0;
}

INSIDE_REAL(files_what_nss_demands_the_library_does)
{
    char host[32];
    begin(reply_well);
    mock.options.servers = NULL;
    hark__sys.getaddrinfo = library;
    hark__sys.getnameinfo = reverse_by_library;
    write_file(nsswitch, "hosts: files mdns4_minimal dns\n");
    write_file(hosts, "192.0.2.7 one.host\n");
    dns_open();
    CHECK_EQ(resolve("one.host"), -ENOENT);
    CHECK_EQ(library_asked, 1);
    CHECK_EQ(hark_resolve("192.0.2.7", "80", mock.list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&mock.list[0].at.any, host, sizeof host), 10);
    CHECK_STR(host, "by.library");
    write_file(nsswitch, "hosts: files\n");
    log_addresses("one.host");
    CHECK_LOG("192.0.2.7:80");
    CHECK_MISUSE(resolve("two.host"), -ENOENT, hosts);
    CHECK_EQ(library_asked, 1);
    CHECK_EQ(mock.asked, 0);
    end();
}
